//! Taking what kiosks send.
//!
//! - [`meaning`]: what a batch says. [`fit`]: whether it fits the log that is held. [`nonce`]: what keeps a request from
//!   being sent again later.
//!
//! The order of things: signature and nonce, bounds, form, the kiosk's checkpoint; then in one transaction the fit, and all
//! that follows from it; and only when that is durable, receipt and ledger checkpoint are signed.

pub mod fit;
pub mod meaning;
pub mod nonce;

use attendance::UtcMs;
use evidence::{Checkpoint, cosign, sign_checkpoint};
use protocol::batch::Accepted;

use crate::api::Refusal;
use crate::store::batches::{BatchOutcome, Held};
use crate::store::enrolment::KioskFacts;

/// Takes a batch whose request was verified, and answers it. `bytes` are decompressed and bounded.
///
/// # Errors
/// What the kiosk is told: see [`Refusal`].
pub fn accept(
    parties: &crate::api::Parties,
    kiosk: &KioskFacts,
    bytes: &[u8],
    now: UtcMs,
) -> Result<Accepted, Refusal> {
    let ledger = evidence::ledger_origin(&parties.issuer, kiosk.event.as_str())
        .map_err(|error| Refusal::Unavailable(error.to_string()))?;
    let read_under = meaning::Parties {
        kiosk,
        issuer: &parties.issuer,
        issuer_key: &parties.keys.signing.public_key(),
        ledger: &ledger,
    };
    let batch = meaning::prepare(bytes, read_under)?;
    match parties.store.accept_batch(&batch, now)? {
        BatchOutcome::Held(held) => answer(parties, &held),
        BatchOutcome::Gap { size } => Err(Refusal::Gap { size }),
        BatchOutcome::Fork { size, note, kept } => Err(Refusal::Fork { size, note, kept }),
        BatchOutcome::Misfit { .. } => Err(Refusal::Checkpoint(
            "the checkpoint is not that of the entries".to_owned(),
        )),
        BatchOutcome::LedgerBehind { size, seen } => Err(Refusal::LedgerBehind { size, seen }),
    }
}

/// Signs what is durable by now: the receipt, with the time that the ledger has for it, and the ledger's head.
fn answer(parties: &crate::api::Parties, held: &Held) -> Result<Accepted, Refusal> {
    let unsigned = |error: &dyn std::fmt::Display| Refusal::Unavailable(error.to_string());
    let key = &parties.keys.signing;
    let receipt =
        cosign(&held.note, &parties.issuer, key, held.receipt_s).map_err(|e| unsigned(&e))?;
    let head = Checkpoint::new(&held.ledger.origin, held.ledger.size, held.ledger.root)
        .map_err(|e| unsigned(&e))?;
    Ok(Accepted {
        size: held.size,
        receipt,
        ledger: sign_checkpoint(&head, key),
        consistency: held.consistency.0.iter().map(|h| h.to_base64()).collect(),
    })
}
