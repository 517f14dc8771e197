//! What a batch says, before it is known whether it fits. Pure.
//!
//! Two kinds of refusal: what is wrong with the batch as a whole (its form, its checkpoint) refuses all of it; what is
//! wrong with one entry's meaning puts that entry aside, and the log advances over it.

use attendance::time::Mark;
use evidence::{Checkpoint, NoteError, PublicKey, Receipt};
use protocol::batch::{self, BatchError, Leaf};
use protocol::entry::{self, Body, Entry};
use protocol::time_code;

use crate::store::batches::{
    ClockFact, Meaning, PreparedBatch, PreparedEntry, ScanFact, ShownHead, WitnessFact,
};
use crate::store::enrolment::KioskFacts;

/// What a batch is read under.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// The kiosk that sent it.
    pub kiosk: &'a KioskFacts,
    /// The issuer's name.
    pub issuer: &'a str,
    /// The issuer's key.
    pub issuer_key: &'a PublicKey,
    /// The origin of the event's ledger.
    pub ledger: &'a str,
}

/// What an entry marks, every signature checked: what the issuer did not sign marks nothing.
fn verified_mark(entry: &Entry, parties: Parties<'_>) -> Mark {
    let unsigned = match &entry.body {
        Body::Clock(clock) => !protocol::time::clock_verifies(clock, parties.issuer_key),
        Body::TimeCode(body) => time_code::open(&body.code, parties.issuer_key).is_err(),
        _ => false,
    };
    if unsigned {
        return Mark::Plain;
    }
    let kiosk = parties.kiosk;
    let (issuer, issuer_key) = (parties.issuer, parties.issuer_key);
    entry::mark(entry, |note| {
        let receipt =
            Receipt::open(note, &kiosk.origin, &kiosk.public_key, issuer, issuer_key).ok()?;
        Some((receipt.checkpoint.size, receipt.time_s))
    })
}

/// Why a batch is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// Its form.
    #[error(transparent)]
    Form(#[from] BatchError),
    /// Its checkpoint is not the kiosk's.
    #[error("the batch's checkpoint does not open: {0}")]
    Checkpoint(#[from] NoteError),
    /// Its checkpoint is of a log without entries, for which there is no receipt.
    #[error("the batch's checkpoint is of an empty log")]
    Empty,
}

/// Reads a batch's bytes, decompressed.
///
/// # Errors
/// See [`PrepareError`]. No entry's meaning makes it fail.
pub fn prepare<'a>(
    bytes: &'a [u8],
    parties: Parties<'_>,
) -> Result<PreparedBatch<'a>, PrepareError> {
    let read = batch::read(bytes)?;
    let kiosk = parties.kiosk;
    let note = read.head.checkpoint;
    let checkpoint: Checkpoint =
        evidence::open_checkpoint(&note, &kiosk.origin, &kiosk.public_key)?;
    if checkpoint.size == 0 {
        return Err(PrepareError::Empty);
    }
    let entries = read.leaves.iter().map(|leaf| PreparedEntry {
        leaf: leaf.hash(),
        bytes: match leaf {
            Leaf::Entry(bytes) => Some(bytes),
            Leaf::Damaged(_) => None,
        },
        meaning: meaning(*leaf, parties),
    });
    Ok(PreparedBatch {
        kiosk: kiosk.kiosk.clone(),
        start: read.head.start,
        entries: entries.collect(),
        checkpoint,
        note,
        ledger_size: read.head.ledger_size,
        ledger: read.head.ledger.and_then(|note| shown_head(note, parties)),
    })
}

fn meaning(leaf: Leaf<'_>, parties: Parties<'_>) -> Meaning {
    let aside = |code, detail: String, clock| Meaning::Quarantined {
        code,
        detail,
        clock,
    };
    let Leaf::Entry(bytes) = leaf else {
        let detail = "the kiosk's own copy is damaged; only the leaf hash is left".to_owned();
        return aside("damaged", detail, None);
    };
    let entry = match entry::parse(bytes) {
        Ok(entry) => entry,
        Err(error) => return aside(error.code(), error.to_string(), None),
    };
    let mark = verified_mark(&entry, parties);
    let clock = ClockFact {
        boot: entry.stamp.boot.clone(),
        raw_ms: entry.stamp.raw_ms,
        marks: mark != Mark::Plain,
        suspends: mark == Mark::Suspend,
    };
    let unsigned = |code, detail: &str| aside(code, detail.to_owned(), Some(clock.clone()));
    let witness = match &entry.body {
        Body::Clock(_) if !clock.marks => {
            return unsigned("clock_unsigned", "the issuer did not sign this time answer");
        }
        Body::TimeCode(_) if !clock.marks => {
            return unsigned(
                "time_code_unsigned",
                "the issuer did not sign this time code",
            );
        }
        Body::Receipt(_) if !clock.marks => {
            return unsigned("receipt_unsigned", "the issuer did not cosign this receipt");
        }
        Body::LedgerHead(note) => match witness(&note.note, parties) {
            Some(witness) => Some(witness),
            None => {
                return unsigned(
                    "ledger_head_unsigned",
                    "the checkpoint is not the ledger's, or the kiosk's cosignature does not verify",
                );
            }
        },
        _ => None,
    };
    Meaning::Taken {
        kind: entry.body.kind(),
        scan: scan(&entry),
        clock,
        witness,
    }
}

fn scan(entry: &Entry) -> Option<ScanFact> {
    let Body::Scan(scan) = &entry.body else {
        return None;
    };
    Some(ScanFact {
        badge: scan.badge.digest,
        is_presence: scan.verdict.is_presence(),
        direction: scan.direction,
        room: scan.rooms.first().cloned(),
        wall: entry.stamp.wall,
    })
}

/// The ledger's head that a kiosk shows. This issuer's own signature is what counts; who else signed is not asked.
fn shown_head(note: String, parties: Parties<'_>) -> Option<ShownHead> {
    let head = evidence::open_checkpoint(&note, parties.ledger, parties.issuer_key).ok()?;
    Some(ShownHead {
        size: head.size,
        root: head.root,
        note,
    })
}

/// A kiosk cosigns under the name of its own log.
fn witness(note: &str, parties: Parties<'_>) -> Option<WitnessFact> {
    let head = evidence::open_checkpoint(note, parties.ledger, parties.issuer_key).ok()?;
    let kiosk = parties.kiosk;
    let time_s = evidence::open_cosignature(note, &kiosk.origin, &kiosk.public_key).ok()?;
    Some(WitnessFact {
        size: head.size,
        root: head.root,
        time_s,
        note: note.to_owned(),
    })
}
