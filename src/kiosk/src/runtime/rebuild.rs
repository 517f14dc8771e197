//! From a journal to a door: the same `apply` as for every new entry.

use std::sync::Arc;

use attendance::UtcMs;
use attendance::time::BootId;
use evidence::Hash;
use protocol::bundle::{self, Bundle};
use protocol::entry::{Adopt, Body, parse};
use protocol::presence::PresenceRow;

use super::recorder::Recorder;
use crate::door::{Chunk, Door, Owner};
use crate::journal::{Enrolment, Journal, JournalError, NewBundle, Replay};

/// What pages and status say of the bundle in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct InForce {
    pub(super) sequence: u64,
    pub(super) hash: Option<Hash>,
    pub(super) issued: Option<UtcMs>,
    pub(super) expires: Option<UtcMs>,
    pub(super) pins: Vec<String>,
    pub(super) event_title: String,
    pub(super) door_title: String,
    pub(super) languages: Vec<String>,
    pub(super) zone: String,
}

impl InForce {
    pub(super) fn of(bundle: &Bundle, hash: Hash) -> Self {
        Self {
            sequence: bundle.sequence,
            hash: Some(hash),
            issued: Some(bundle.issued),
            expires: Some(bundle.expires),
            pins: bundle.pins.clone(),
            event_title: bundle.event.title.clone(),
            door_title: bundle.door.title.clone(),
            languages: bundle.event.languages.clone(),
            zone: bundle.event.zone.clone(),
        }
    }
}

/// What reading a journal gave.
pub(super) struct Rebuilt {
    pub(super) recorder: Recorder,
    pub(super) last_scan: Option<UtcMs>,
    /// Whether the wall clock was synchronised earlier in this boot.
    pub(super) synced_in_this_boot: bool,
}

/// The owner of a door, by an enrolment.
pub(super) fn owner(journal: &Journal, enrolment: &Enrolment, repeat_s: Option<u32>) -> Owner {
    Owner {
        log: Arc::from(enrolment.origin.as_str()),
        log_key: journal.key().public_key(),
        issuer: enrolment.issuer.clone(),
        issuer_key: enrolment.issuer_key,
        badge_key: enrolment.badge_key.clone(),
        repeat_s,
    }
}

/// Who was inside when the log before this one was sealed, until the issuer says who is.
fn sealed_insiders(
    journal: &Journal,
    bundle: &Bundle,
    repeat_s: Option<u32>,
) -> Result<Vec<PresenceRow>, JournalError> {
    let (Some(sealed), Some(enrolment)) = (journal.sealed().last(), journal.enrolment()) else {
        return Ok(Vec::new());
    };
    let mut before = Door::new(Owner {
        log: Arc::from(sealed.origin.as_str()),
        log_key: sealed.key.public_key(),
        ..owner(journal, enrolment, repeat_s)
    });
    before.adopt(bundle);
    Ok(journal.replay_sealed(Rebuilding(before))?.0.insiders())
}

/// Builds the door from the journal of an enrolled kiosk.
pub(super) fn rebuild(
    mut journal: Journal,
    repeat_s: Option<u32>,
    boot: &BootId,
) -> Result<Rebuilt, JournalError> {
    let enrolment = journal.enrolment().ok_or(JournalError::NotEnrolled)?;
    let mut door = Door::new(owner(&journal, enrolment, repeat_s));
    let mut in_force = InForce::default();
    if let Some(signed) = journal.bundle_bytes()? {
        // It was checked before it was kept, and is checked again: the file may have been changed since.
        let damaged = |what: &dyn std::fmt::Display| {
            JournalError::Damaged(format!("the bundle in force: {what}"))
        };
        let (bundle, hash) =
            bundle::open(&signed, &enrolment.issuer_key).map_err(|e| damaged(&e))?;
        drop(signed);
        door.adopt(&bundle);
        door.tell(sealed_insiders(&journal, &bundle, repeat_s)?, 0);
        in_force = InForce::of(&bundle, hash);
    }
    let rebuilding = journal.replay(Rebuilding(door))?;
    let door = rebuilding.0;
    if door.skipped() > 0 {
        tracing::error!(
            entries = door.skipped(),
            "entries that cannot be read were left out of what the door believes"
        );
    }
    tracing::info!(
        entries = journal.size(),
        inside = door.inside(),
        "journal read"
    );
    let urgent_size = journal.size();
    Ok(Rebuilt {
        last_scan: door.last_scan(),
        synced_in_this_boot: door.was_synced_in(boot),
        recorder: Recorder {
            journal,
            door,
            in_force,
            urgent_size,
        },
    })
}

/// A door on its way through its journal.
struct Rebuilding(Door);

impl Replay for Rebuilding {
    fn forget(&mut self) {
        self.0.forget();
    }

    fn chunk(&mut self, chunk: &Chunk) -> bool {
        self.0.follow_chunk(chunk)
    }

    fn entry(&mut self, index: u64, bytes: Option<&[u8]>) {
        match bytes.map(parse) {
            Some(Ok(entry)) => self.0.apply(index, &entry),
            Some(Err(_)) | None => self.0.skip(index),
        }
    }

    fn due(&mut self) -> Option<Chunk> {
        self.0.chunk()
    }
}

/// The entry for a bundle that comes into force. `None` where its hashes are none.
pub(super) fn adopt_body(bundle: &Bundle, hash: Hash) -> Option<Body> {
    Some(Body::Adopt(Adopt {
        sequence: bundle.sequence,
        bundle: hash,
        agenda: Hash::from_hex(&bundle.agenda_hash).ok()?,
        roster: Hash::from_hex(&bundle.roster_hash).ok()?,
        rules: bundle.rules.iter().map(|rule| rule.hash.clone()).collect(),
    }))
}

/// A bundle as the journal keeps it.
pub(super) fn new_bundle<'a>(
    bundle: &Bundle,
    hash: Hash,
    signed: &'a [u8],
    etag: Option<&'a str>,
) -> NewBundle<'a> {
    NewBundle {
        sequence: bundle.sequence,
        hash,
        etag,
        signed,
        issued: bundle.issued,
    }
}
