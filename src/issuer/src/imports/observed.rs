//! What sources of attendance saw, into the store: objects, ledger entries, and whom it touches.
//!
//! Promises:
//! - An observation that is held already is passed over, so a file, page or webhook that comes again adds nothing, and an import that
//!   was cut off goes on where it stopped. What is known is known by the observation's key, never by the file.
//! - Objects have at most [`MAX_BATCH_ROWS`] rows and some [`MAX_BATCH_BYTES`] bytes; each is one unit of work, put into the object
//!   store first. A longer import is several units, of which each stands by itself.
//! - A row that cannot be stored is refused by name, and the others are taken. One whose place the agenda does not know is kept,
//!   counts nowhere, and raises an alarm that names the place.
//! - Names and addresses are sealed before they reach the store, and go nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use attendance::words::{AttendeeId, EventId, Source};
use audit::derive::Roll;
use evidence::{Hash, sha256};
use protocol::agenda::{Agenda, Registrations};
use protocol::badge::BadgeKey;
use protocol::decision::object_bytes;
use protocol::ledger;
use protocol::signals::{Row, Signals, VERSION};

use super::{Desk, ImportFault, MAX_TRIES};
use crate::sources::observed::{Observed, ObservedBatch};
use crate::sources::{MAX_LISTED, Problem};
use crate::store::StoreError;
use crate::store::events::Versioned;
use crate::store::notes::NewNote;
use crate::store::signals::{NewSignals, NewSubject, ObservedKey};

/// The most rows of one object that is written here.
pub const MAX_BATCH_ROWS: usize = 50_000;
/// About how many bytes one object may have: far below what a reader takes.
pub const MAX_BATCH_BYTES: usize = 16 * 1024 * 1024;
/// The most places that a report names.
const MAX_NAMED_PLACES: usize = 20;

/// Who answers for what a person entered.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// Account id.
    pub operator: &'a str,
    /// Why, as a code.
    pub reason: &'a str,
    /// What they wrote beside it, sealed.
    pub note: Option<&'a NewNote>,
}

/// What an import of observations did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Observations that are new.
    pub added: usize,
    /// Observations that were held already.
    pub known: usize,
    /// Attendees whose the new ones are.
    pub attendees: BTreeSet<AttendeeId>,
    /// New observations that are nobody's yet.
    pub unmatched: usize,
    /// The people that those show, each once.
    pub unmatched_people: usize,
    /// Places that the agenda does not know, with the number of new observations there.
    pub unplaced: BTreeMap<String, usize>,
    /// The rows that were refused, the first [`MAX_LISTED`].
    pub refused: Vec<Problem>,
    /// How many there are in all.
    pub refused_total: usize,
    /// The ledger entries that were written; none in a dry run.
    pub entries: Vec<u64>,
}

impl Taken {
    /// For people, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut count = |what: &str, count: usize| {
            if count > 0 {
                lines.push(format!("{what}: {count}"));
            }
        };
        count("observations added", self.added);
        count("of them nobody's yet, for a reviewer", self.unmatched);
        count("people to be matched", self.unmatched_people);
        count("attendees touched", self.attendees.len());
        count("observations held already", self.known);
        count("rows refused", self.refused_total);
        for (place, rows) in self.unplaced.iter().take(MAX_NAMED_PLACES) {
            lines.push(format!(
                "the agenda does not know {place}: {rows} observations are kept and count nowhere until it does"
            ));
        }
        lines
    }

    fn refuse(&mut self, problem: Problem) {
        self.refused_total += 1;
        if self.refused.len() < MAX_LISTED {
            self.refused.push(problem);
        }
    }
}

/// What observations are held against.
struct Reception<'a> {
    desk: Desk<'a>,
    event: &'a EventId,
    badge_key: BadgeKey,
    agenda: Arc<Agenda>,
    roll: Arc<Roll>,
}

/// One observation that may stand in an object.
struct Candidate<'a> {
    seen: &'a Observed,
    row: Row,
    key: ObservedKey,
}

/// Takes a batch, or says what that would change.
///
/// `file` is SHA-256 of the file or request as it was given.
///
/// # Errors
/// See [`ImportFault`]. What was taken before stays; the same import again goes on from there.
pub fn take(
    desk: Desk<'_>,
    event: &EventId,
    batch: &ObservedBatch,
    file: Hash,
    by: Option<By<'_>>,
    dry_run: bool,
) -> Result<Taken, ImportFault> {
    if batch.source == Source::Scan {
        let why = "scans come from doors, and no list of them is taken";
        return Err(ImportFault::Refused(why.to_owned()));
    }
    let reception = Reception::open(desk, event)?;
    let mut taken = Taken {
        refused: batch.refused.clone(),
        refused_total: batch.refused_total,
        ..Taken::default()
    };
    let candidates = reception.candidates(batch, &mut taken)?;
    for together in chunks(&candidates) {
        reception.take_together(batch, together, (file, by, dry_run), &mut taken)?;
    }
    taken.unmatched_people = taken.unmatched_people.min(taken.unmatched);
    Ok(taken)
}

/// What makes an observation one of its event.
pub fn key_of(system: &str, key: &str) -> ObservedKey {
    sha256(format!("rollcall/observed/v1\n{system}\n{key}").as_bytes())
}

/// Stretches that each fit into an object.
fn chunks<'a, 'b>(candidates: &'b [Candidate<'a>]) -> Vec<&'b [Candidate<'a>]> {
    let mut found = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, candidate) in candidates.iter().enumerate() {
        let length = object_bytes(&candidate.row).len() + 1;
        if at > start && (at - start >= MAX_BATCH_ROWS || bytes + length > MAX_BATCH_BYTES) {
            found.push(&candidates[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += length;
    }
    if start < candidates.len() {
        found.push(&candidates[start..]);
    }
    found
}

impl<'a> Reception<'a> {
    fn open(desk: Desk<'a>, event: &'a EventId) -> Result<Self, ImportFault> {
        let facts = desk.store.event(event)?;
        let badge_key = desk.keys.open_badge_key(event, &facts.badge_key);
        let badge_key = badge_key.ok_or_else(|| {
            ImportFault::Missing(format!(
                "the badge key of {event} does not open: restore the master key it was sealed with"
            ))
        })?;
        let (objects, documents) = (desk.objects, desk.documents);
        let agenda = match desk.store.version(event, Versioned::Agenda)? {
            Some(version) => documents.agenda(objects, version.object)?,
            None => Arc::new(Agenda::empty(&facts.zone)),
        };
        let roll = match desk.store.version(event, Versioned::Registrations)? {
            Some(version) => documents.roll(objects, version.object)?,
            None => Arc::new(Roll::new(&Registrations {
                v: protocol::agenda::VERSION,
                badge_key: facts.badge_key_id,
                registrations: Vec::new(),
            })),
        };
        Ok(Self {
            desk,
            event,
            badge_key,
            agenda,
            roll,
        })
    }

    /// The observations that may stand in an object, each once.
    fn candidates<'b>(
        &self,
        batch: &'b ObservedBatch,
        taken: &mut Taken,
    ) -> Result<Vec<Candidate<'b>>, ImportFault> {
        let mut found = Vec::with_capacity(batch.rows.len());
        let mut keys = BTreeSet::new();
        for seen in &batch.rows {
            let row = match seen.to_row(&self.badge_key) {
                Ok(row) => row,
                Err(problem) => {
                    taken.refuse(problem);
                    continue;
                }
            };
            if let Some(attendee) = &row.attendee
                && self.roll.registration(attendee).is_none()
            {
                taken.refuse(
                    seen.problem("there is no registration of this attendee: correct the id"),
                );
                continue;
            }
            let key = key_of(&batch.system, &seen.key);
            if keys.insert(key) {
                found.push(Candidate { seen, row, key });
            }
        }
        Ok(found)
    }

    /// Takes what fits into one object.
    fn take_together(
        &self,
        batch: &ObservedBatch,
        together: &[Candidate<'_>],
        (file, by, dry_run): (Hash, Option<By<'_>>, bool),
        taken: &mut Taken,
    ) -> Result<(), ImportFault> {
        let keys: BTreeSet<ObservedKey> = together.iter().map(|c| c.key).collect();
        for tries in 1.. {
            let known = self.desk.store.known_keys(self.event, &keys)?;
            let new: Vec<&Candidate<'_>> = together
                .iter()
                .filter(|c| !known.contains(&c.key))
                .collect();
            if new.is_empty() || dry_run {
                self.count(&new, known.len(), taken);
                return Ok(());
            }
            let signals = self.signals(batch, &new, file, by)?;
            match self
                .desk
                .store
                .take_signals(self.event, &signals, self.desk.now)
            {
                Ok(index) => {
                    taken.entries.push(index);
                    self.count(&new, known.len(), taken);
                    return Ok(());
                }
                // Somebody else took some of them meanwhile.
                Err(StoreError::Moved { .. }) if tries < MAX_TRIES => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        Ok(())
    }

    /// The object, put into the object store, and what the store is to keep.
    fn signals(
        &self,
        batch: &ObservedBatch,
        new: &[&Candidate<'_>],
        file: Hash,
        by: Option<By<'_>>,
    ) -> Result<NewSignals, ImportFault> {
        let object = Signals {
            v: VERSION,
            source: batch.source,
            system: batch.system.clone(),
            rows: new.iter().map(|c| c.row.clone()).collect(),
        };
        object
            .check()
            .map_err(|e| ImportFault::Refused(e.to_string()))?;
        let object = self.desk.objects.put(&object_bytes(&object))?;
        let entry = ledger::Signals {
            source: batch.system.clone(),
            object,
            file,
            rows: u64::try_from(new.len()).unwrap_or(u64::MAX),
            operator: by.map(|by| by.operator.to_owned()),
            reason: by.map(|by| by.reason.to_owned()),
        };
        Ok(NewSignals {
            source: batch.source,
            entry,
            rows: new.iter().map(|c| (c.row.clone(), c.key)).collect(),
            people: self.people(new),
            unplaced: self.unplaced(new).into_keys().map(|place| {
                let detail = format!(
                    "what {} saw there is kept and counts nowhere: name {place} in the agenda, as a channel with its rooms",
                    batch.system
                );
                (place, detail)
            }).collect(),
            note: by.and_then(|by| by.note.cloned()),
        })
    }

    fn people(&self, new: &[&Candidate<'_>]) -> Vec<NewSubject> {
        let mut people = BTreeMap::new();
        for candidate in new {
            let (Some(first), Some(account)) = (
                candidate.row.subjects.first(),
                candidate.seen.subjects.first(),
            ) else {
                continue;
            };
            let person = people.entry(*first).or_insert_with(|| NewSubject {
                subject: *first,
                system: account.system.clone(),
                accounts: Vec::new(),
                label: None,
                rows: 0,
            });
            person.rows += 1;
            for account in &candidate.row.subjects {
                if !person.accounts.contains(account) {
                    person.accounts.push(*account);
                }
            }
            if let (None, Some(label)) = (&person.label, &candidate.seen.label) {
                let keys = self.desk.keys;
                let sealed = keys.seal_label(self.event, *first, label, self.desk.random);
                person.label = Some(sealed);
            }
        }
        people.into_values().collect()
    }

    fn unplaced(&self, new: &[&Candidate<'_>]) -> BTreeMap<String, usize> {
        let mut unplaced = BTreeMap::new();
        for candidate in new.iter().filter(|c| !c.row.is_placed(&self.agenda)) {
            let row = &candidate.row;
            let room = row.room.as_ref().map(|id| format!("room {id}"));
            let session = row.session.as_ref().map(|id| format!("session {id}"));
            let place = row.channel.clone().or(room).or(session);
            *unplaced.entry(place.unwrap_or_default()).or_default() += 1;
        }
        unplaced
    }

    fn count(&self, new: &[&Candidate<'_>], known: usize, taken: &mut Taken) {
        taken.added += new.len();
        taken.known += known;
        let mut people = BTreeSet::new();
        for candidate in new {
            match self.roll.owner(&candidate.row) {
                Some(attendee) => {
                    taken.attendees.insert(attendee.clone());
                }
                None => {
                    taken.unmatched += 1;
                    people.insert(candidate.row.subjects.first());
                }
            }
        }
        taken.unmatched_people += people.len();
        for (place, rows) in self.unplaced(new) {
            *taken.unplaced.entry(place).or_default() += rows;
        }
    }
}

#[cfg(test)]
#[path = "observed_tests.rs"]
mod tests;
