//! What a sealed log still holds, on its way under its own name.

use protocol::problem::Code;

use super::super::words::{Alarm, Ask, Call, MonoMs, Outcome};
use super::{Asking, Core, Outgoing, Sent};
use crate::desk::ForkError;
use crate::journal::SealedBatch;

impl Outgoing {
    pub(super) fn of_sealed(batch: SealedBatch) -> Self {
        Self {
            kiosk: batch.kiosk,
            sealed: Some(batch.number),
            prepared: batch.prepared,
        }
    }
}

impl Core {
    /// The desk has looked at the proof. If it sealed the log, what it publishes next makes sync begin again.
    pub(super) fn sealed(&mut self, now: MonoMs, result: Result<(), ForkError>) {
        match result {
            Ok(()) => self.done(now, Call::Entries),
            Err(ForkError::Fault(_)) => {
                let unproven = Alarm::ForkUnproven;
                self.alarm(now, Call::Entries, unproven, Outcome::NotOurIssuer);
            }
            Err(ForkError::Desk(error)) => self.desk_failed(now, Call::Entries, &error),
        }
    }
}

/// What a refusal says of a sealed log's batch: kept as part of a branch, or to be gone on with from elsewhere. Nothing where it is neither.
pub(super) fn refused(
    sent: Sent,
    code: Option<Code>,
    held: Option<u64>,
    kept: Option<u64>,
) -> Option<(Asking, Ask)> {
    let number = sent.sealed?;
    let holds = match code {
        Some(Code::Fork) => kept.filter(|kept| *kept >= sent.size),
        Some(Code::Gap) => held.filter(|held| *held < sent.start),
        _ => None,
    };
    holds.map(|holds| delivered(number, holds))
}

/// To note that the issuer holds a sealed log up to a size.
pub(super) fn delivered(number: u64, size: u64) -> (Asking, Ask) {
    (Asking::Delivered, Ask::Delivered { number, size })
}
