//! What the kiosk checks before it believes an issuer's answer. Pure; the thread that owns the journal calls it.
//!
//! Promises: a receipt is believed only if this log's key signed the head, the head is this log's own, it covers what was sent, and the
//! issuer cosigned it. A ledger's head is believed, and cosigned, only if it extends the head held before. A bundle comes into force only if
//! this kiosk's issuer signed it, for this kiosk, and it is newer than the one in force.
//!
//! Deliberately absent: any repair. What is refused changes nothing; the caller raises the alarm and keeps what it had.

use attendance::words::{EventId, KioskId};
use evidence::{
    Checkpoint, ConsistencyProof, Hash, MAX_PROOF_HASHES, NoteError, PublicKey, Receipt,
    SigningKey, cosign, ledger_origin, open_checkpoint, verify_consistency,
};
use protocol::batch::Accepted;
use protocol::bundle::{self, Bundle, BundleError, adoptable};

/// Digits of a pin: SHA-256 in lower hex.
pub const PIN_DIGITS: usize = 64;

/// Whose answers these are and whose log they are about.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// The origin of the kiosk's log.
    pub origin: &'a str,
    /// The key of the kiosk's log.
    pub log_key: &'a PublicKey,
    /// The issuer's name.
    pub issuer: &'a str,
    /// The issuer's key.
    pub issuer_key: &'a PublicKey,
}

/// Why an answer to a batch is not believed. Nothing advances; the batch is sent again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// The receipt does not open under the kiosk's and the issuer's keys.
    #[error("the receipt is not one: {0}")]
    Receipt(#[from] NoteError),
    /// The receipt covers less than was sent.
    #[error("the receipt covers {receipted} entries, {sent} were sent")]
    Short {
        /// What it covers.
        receipted: u64,
        /// What was sent.
        sent: u64,
    },
    /// The receipt is over a head that this key signed and this log does not have: proof that another log exists under its key.
    #[error("the receipt of size {size} is over another log that this kiosk's key signed")]
    OtherBranch {
        /// The size of that head.
        size: u64,
    },
    /// The issuer holds more of this log than there is here: it was restored from an older copy.
    #[error("the issuer holds {held} entries of this log, here are {log}")]
    RolledBack {
        /// What the issuer holds.
        held: u64,
        /// What is here.
        log: u64,
    },
    /// The issuer says that it holds more of this log than there is here, and shows no head under this key that would prove it.
    #[error(
        "the issuer says that it holds {held} entries of this log, here are {log}, and shows no proof of it"
    )]
    Unsigned {
        /// What the issuer says.
        held: u64,
        /// What is here.
        log: u64,
    },
}

/// Opens the receipt in an answer to a batch up to `sent`, of a log of `log` entries now. `root_at` gives this log's own root at a size of at
/// most `log`; `None` where it cannot be read, which refuses the receipt like another log's would.
///
/// The issuer may answer a repeated batch with the receipt of a longer head that it holds already, so more than `sent` is as good.
///
/// # Errors
/// See [`AnswerFault`].
pub fn receipt(
    answer: &Accepted,
    parties: Parties<'_>,
    sent: u64,
    log: u64,
    root_at: impl FnOnce(u64) -> Option<Hash>,
) -> Result<Receipt, AnswerFault> {
    let receipt = Receipt::open(
        &answer.receipt,
        parties.origin,
        parties.log_key,
        parties.issuer,
        parties.issuer_key,
    )?;
    let size = receipt.checkpoint.size;
    if size > log {
        return Err(AnswerFault::RolledBack { held: size, log });
    }
    if answer.size > log {
        // A mere number: this key signed no such head.
        return Err(AnswerFault::Unsigned {
            held: answer.size,
            log,
        });
    }
    if size < sent || answer.size < sent {
        let receipted = size.min(answer.size);
        return Err(AnswerFault::Short { receipted, sent });
    }
    if root_at(size) != Some(receipt.checkpoint.root) {
        return Err(AnswerFault::OtherBranch { size });
    }
    Ok(receipt)
}

/// What a checkpoint under this log's own key proves against the log that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkProof {
    /// It is over other entries than the log has at this size.
    Contradicts {
        /// The size.
        size: u64,
    },
    /// It is of a size that this log has not reached, and a log never shrinks.
    Beyond {
        /// The size.
        size: u64,
    },
}

impl ForkProof {
    /// The code for it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Contradicts { .. } => "forked",
            Self::Beyond { .. } => "log_rolled_back",
        }
    }

    /// The size of the head that proves it.
    pub const fn size(self) -> u64 {
        match self {
            Self::Contradicts { size } | Self::Beyond { size } => size,
        }
    }
}

/// Why a word of a fork is not believed. Nothing is sealed for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForkFault {
    /// The checkpoint is not one that this log's key signed.
    #[error("the checkpoint is none of this log's key: {0}")]
    Checkpoint(#[from] NoteError),
    /// The log has this very root at this size.
    #[error("the checkpoint of {size} entries is this log's own")]
    Own {
        /// The size.
        size: u64,
    },
}

/// Whether a checkpoint under the log's own key proves that another log exists under it: this log, of `log` entries, never signed it. `root_at`
/// gives this log's own root at a size of at most `log`.
///
/// # Errors
/// [`ForkFault`]: it proves nothing.
pub fn fork(
    checkpoint: &str,
    parties: Parties<'_>,
    log: u64,
    root_at: impl FnOnce(u64) -> Option<Hash>,
) -> Result<ForkProof, ForkFault> {
    let head = open_checkpoint(checkpoint, parties.origin, parties.log_key)?;
    let size = head.size;
    if size > log {
        return Ok(ForkProof::Beyond { size });
    }
    if root_at(size) == Some(head.root) {
        Err(ForkFault::Own { size })
    } else {
        Ok(ForkProof::Contradicts { size })
    }
}

/// The newest head of the ledger that the kiosk has witnessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldLedger {
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Why a ledger's head is neither cosigned nor journalled. The receipt beside it stands all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerFault {
    /// It does not open under the ledger's origin and the issuer's key.
    #[error("the ledger's head is not one: {0}")]
    Head(#[from] NoteError),
    /// It does not extend the head held before: the issuer changed, dropped or forked its ledger.
    #[error(
        "the ledger's head of size {offered} does not extend the one of size {held} that this kiosk witnessed"
    )]
    Inconsistent {
        /// The size offered.
        offered: u64,
        /// The size held.
        held: u64,
    },
}

/// Checks the ledger's head in an answer against the one held. `None` where it is the very head held, so that nothing is to be journalled.
///
/// # Errors
/// See [`LedgerFault`].
pub fn ledger(
    answer: &Accepted,
    parties: Parties<'_>,
    event: &EventId,
    held: Option<HeldLedger>,
) -> Result<Option<Checkpoint>, LedgerFault> {
    let origin = ledger_origin(parties.issuer, event.as_str()).map_err(|e| {
        LedgerFault::Head(NoteError::Checkpoint(evidence::CheckpointError::Origin(e)))
    })?;
    let head = open_checkpoint(&answer.ledger, &origin, parties.issuer_key)?;
    let held = held.unwrap_or(HeldLedger {
        size: 0,
        root: Hash::EMPTY_ROOT,
    });
    let inconsistent = LedgerFault::Inconsistent {
        offered: head.size,
        held: held.size,
    };
    let proof = proof(&answer.consistency).ok_or(inconsistent.clone())?;
    verify_consistency(&proof, held.size, held.root, head.size, head.root)
        .map_err(|_| inconsistent)?;
    Ok((head.size > held.size).then_some(head))
}

fn proof(texts: &[String]) -> Option<ConsistencyProof> {
    if texts.len() > MAX_PROOF_HASHES {
        return None;
    }
    let hashes = texts.iter().map(|text| Hash::from_base64(text).ok());
    hashes.collect::<Option<Vec<_>>>().map(ConsistencyProof)
}

/// The kiosk's cosignature on a ledger's head that [`ledger`] passed: the kiosk's origin is its name, `time_s` the kiosk's own estimate by its
/// anchored clock, in seconds since 1970.
///
/// # Errors
/// As [`cosign`]; with a head that was opened only where the note would become too long.
pub fn witness(
    ledger_note: &str,
    origin: &str,
    device_key: &SigningKey,
    time_s: u64,
) -> Result<String, NoteError> {
    cosign(ledger_note, origin, device_key, time_s)
}

/// For whom a bundle must be.
#[derive(Clone, Copy, Debug)]
pub struct BundleFor<'a> {
    /// The kiosk.
    pub kiosk: &'a KioskId,
    /// The event.
    pub event: &'a EventId,
    /// The issuer's name.
    pub issuer: &'a str,
    /// The issuer's key.
    pub issuer_key: &'a PublicKey,
    /// Whether the issuer is reached by TLS, so that a bundle without pins would cut it off.
    pub tls: bool,
    /// Sequence and hash of the signed bytes of the bundle in force.
    pub held: Option<(u64, Hash)>,
}

/// What a bundle's bytes turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// A newer one, to be adopted, with the hash of its signed bytes.
    Newer(Box<Bundle>, Hash),
    /// The very one in force.
    InForce,
}

/// Why a bundle does not come into force. The old one stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleFault {
    /// Not signed, malformed, another's or older.
    #[error(transparent)]
    Refused(#[from] BundleError),
    /// It names another ledger than the event's.
    #[error("the bundle names the ledger {0:?}, which is not its event's")]
    Ledger(String),
    /// Its pins would cut the kiosk off, or are none.
    #[error("the bundle's pins are unusable: {0}")]
    Pins(String),
}

/// Opens a bundle and says whether it may come into force.
///
/// # Errors
/// See [`BundleFault`].
pub fn bundle(signed: &[u8], whose: BundleFor<'_>) -> Result<Offered, BundleFault> {
    let (bundle, hash) = bundle::open(signed, whose.issuer_key)?;
    let held = whose.held.map(|(sequence, _)| sequence);
    if whose.held == Some((bundle.sequence, hash)) {
        adoptable(&bundle, whose.kiosk, whose.event, None)?;
        return Ok(Offered::InForce);
    }
    adoptable(&bundle, whose.kiosk, whose.event, held)?;
    let origin = ledger_origin(whose.issuer, whose.event.as_str());
    if origin.as_deref() != Ok(bundle.ledger.as_str()) {
        return Err(BundleFault::Ledger(
            bundle.ledger.chars().take(80).collect(),
        ));
    }
    if whose.tls && bundle.pins.is_empty() {
        return Err(BundleFault::Pins("it names none".into()));
    }
    if let Some(bad) = bundle.pins.iter().find(|pin| parse_pin(pin).is_none()) {
        let shown: String = bad.chars().take(PIN_DIGITS).collect();
        return Err(BundleFault::Pins(format!("{shown:?} is no SHA-256")));
    }
    Ok(Offered::Newer(Box::new(bundle), hash))
}

/// A pin's 32 bytes, where it has its form.
pub fn parse_pin(text: &str) -> Option<[u8; 32]> {
    Hash::from_hex(text).ok().map(|hash| hash.0)
}

#[cfg(test)]
mod tests;
