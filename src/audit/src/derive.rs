//! The one road from logs to decisions, for the issuer and for the auditor.
//!
//! Contract: a decision depends on its [`Basis`] and on the entries that the basis names, and on nothing else.
//!
//! **What must be fed.** For each log of the basis, with entries below the basis' size for it: every entry of the kinds
//! `boot`, `clock`, `time_code` and `receipt`, in order, to a [`LogView`]; and every `scan` of the attendee's badges, in any order, to
//! [`signals_of`]. Other entries may be fed or left out: they change nothing. Entries that do not parse are left out.
//!
//! **What is believed.** A `clock` entry whose answer the issuer did not sign, a `time_code` entry whose code it did not, and a `receipt` that does not open under the
//! log's and the issuer's keys, or that covers more than the log held where it stands, bound nothing and are reported as
//! [`Disbelieved`]. Whether a receipt's root is that of the log's prefix takes all leaves, and is `verify`'s to check: the
//! issuer cosigned no other.
//!
//! **Whose scan it is.** The registrations' badge digests say, never the door's own guess; of two registrations with one
//! badge, or two of one attendee, the first in the document holds. **Which rooms**: those that the basis' agenda gives the
//! door; where it does not know the door, those that the scan names.

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::agenda as domain;
use attendance::rules::RuleSet;
use attendance::time::{ClockHistory, Mark, Placed, Stamp, TimePolicy};
use attendance::words::{AttendeeId, Signal};
use attendance::{Decision, ENGINE, Evidence, Known, decide};
use evidence::{Hash, PublicKey, Receipt, sha256};
use protocol::agenda::{Agenda, Registrations};
use protocol::badge::{BadgeDigest, BadgeRef};
use protocol::certificate::SessionLine;
use protocol::decision::{self, Basis, DecisionDoc, object_bytes};
use protocol::entry::{self, Body, Entry};
use protocol::time_code;

/// The keys and names under which a log's entries are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKeys {
    /// The log's origin.
    pub origin: Arc<str>,
    /// The key that signs the log's checkpoints.
    pub key: PublicKey,
    /// The issuer's name, under which it cosigns.
    pub issuer: Arc<str>,
    /// The issuer's signing key.
    pub issuer_key: PublicKey,
}

/// An entry whose word on time is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disbelieved {
    /// The entry's index.
    pub index: u64,
    /// Its kind: `clock`, `time_code` or `receipt`.
    pub kind: &'static str,
    /// Why, for people.
    pub reason: String,
}

/// What one log says of its own clock: its believed marks, by index.
#[derive(Clone, Debug)]
pub struct LogView {
    keys: LogKeys,
    marks: Vec<(u64, Stamp, Mark)>,
    disbelieved: Vec<Disbelieved>,
}

impl LogView {
    /// A log of which nothing was read yet.
    pub fn new(keys: LogKeys) -> Self {
        Self {
            keys,
            marks: Vec::new(),
            disbelieved: Vec::new(),
        }
    }

    /// The log's origin.
    pub fn origin(&self) -> &Arc<str> {
        &self.keys.origin
    }

    /// Takes the next entry; indices rise. Signatures are verified here, once.
    pub fn take(&mut self, index: u64, entry: &Entry) {
        let issuer_key = &self.keys.issuer_key;
        let mut refused = match &entry.body {
            Body::Clock(clock) if !protocol::time::clock_verifies(clock, issuer_key) => {
                Some(("clock", "the issuer did not sign this answer".to_owned()))
            }
            Body::TimeCode(body) => time_code::open(&body.code, issuer_key)
                .err()
                .map(|error| ("time_code", error.to_string())),
            _ => None,
        };
        let mark = entry::mark(entry, |note| match self.receipt(index, note) {
            Ok(covers_and_time) => Some(covers_and_time),
            Err(reason) => {
                refused = Some(("receipt", reason));
                None
            }
        });
        if let Some((kind, reason)) = refused {
            self.disbelieved.push(Disbelieved {
                index,
                kind,
                reason,
            });
        } else if mark != Mark::Plain {
            self.marks.push((index, entry.stamp.clone(), mark));
        }
    }

    fn receipt(&self, index: u64, note: &str) -> Result<(u64, u64), String> {
        let LogKeys {
            origin,
            key,
            issuer,
            issuer_key,
        } = &self.keys;
        let receipt =
            Receipt::open(note, origin, key, issuer, issuer_key).map_err(|e| e.to_string())?;
        let covers = receipt.checkpoint.size;
        if covers > index {
            return Err(format!(
                "it covers {covers} entries, and the log held {index} where it stands"
            ));
        }
        Ok((covers, receipt.time_s))
    }

    /// The log's clock as its first `size` entries tell it.
    pub fn clock_at(&self, size: u64) -> ClockHistory {
        let mut clock = ClockHistory::new(TimePolicy::default());
        for (index, stamp, mark) in self.marks.iter().take_while(|(index, _, _)| *index < size) {
            clock.observe(*index, stamp, *mark);
        }
        clock
    }

    /// The view of a branch that shares this log's first `base` entries: what the log says up to there.
    pub fn up_to(&self, base: u64) -> Self {
        let marks = self.marks.iter().take_while(|(index, _, _)| *index < base);
        Self {
            keys: self.keys.clone(),
            marks: marks.cloned().collect(),
            disbelieved: Vec::new(),
        }
    }

    /// Entries whose word on time is not believed, by index.
    pub fn disbelieved(&self) -> &[Disbelieved] {
        &self.disbelieved
    }
}

/// The signals of scans of one log, each with its place in time. `scans` may hold other entries, which say nothing.
///
/// `clock` is [`LogView::clock_at`] the basis' size; scans at or beyond it must not be given.
pub fn signals_of<'a>(
    log: &'a Arc<str>,
    clock: &'a ClockHistory,
    agenda: &'a Agenda,
    scans: impl IntoIterator<Item = (u64, &'a Entry)>,
) -> impl Iterator<Item = (Signal, Placed)> {
    scans.into_iter().filter_map(move |(index, entry)| {
        let Body::Scan(scan) = &entry.body else {
            return None;
        };
        let door = agenda.doors.iter().find(|d| d.id == scan.door);
        let rooms = door.map(|d| d.rooms.as_slice());
        protocol::signals::from_scan(log, index, entry, scan, clock, rooms)
    })
}

/// Registrations, ready to say whose a badge is.
#[derive(Clone, Debug)]
pub struct Roll {
    badge_key: String,
    holders: BTreeMap<BadgeDigest, AttendeeId>,
    registrations: BTreeMap<AttendeeId, domain::Registration>,
}

impl Roll {
    /// From the document.
    pub fn new(document: &Registrations) -> Self {
        let mut roll = Self {
            badge_key: document.badge_key.clone(),
            holders: BTreeMap::new(),
            registrations: BTreeMap::new(),
        };
        for row in &document.registrations {
            for badge in &row.badges {
                roll.holders
                    .entry(*badge)
                    .or_insert_with(|| row.attendee.clone());
            }
            roll.registrations
                .entry(row.attendee.clone())
                .or_insert_with(|| row.to_domain());
        }
        roll
    }

    /// Whose a badge is.
    pub fn holder(&self, badge: &BadgeRef) -> Option<&AttendeeId> {
        (badge.key == self.badge_key)
            .then(|| self.holders.get(&badge.digest))
            .flatten()
    }

    /// An attendee's registration.
    pub fn registration(&self, attendee: &AttendeeId) -> Option<&domain::Registration> {
        self.registrations.get(attendee)
    }

    /// Every attendee, by id.
    pub fn attendees(&self) -> impl Iterator<Item = &AttendeeId> {
        self.registrations.keys()
    }
}

/// Decides one attendee's credit for one programme. Projections call it as it is; decisions that are written go through
/// [`Question::answer`], which calls it too.
pub fn decide_attendee(
    roll: &Roll,
    rules: &RuleSet,
    programme: &domain::Programme,
    attendee: &AttendeeId,
    signals: &[Signal],
    known: &Known,
) -> Decision {
    let evidence = Evidence {
        signals,
        registration: roll.registration(attendee),
    };
    decide(rules, programme, evidence, known)
}

/// Why a basis can be no question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// Its version is another.
    #[error("the basis has version {0}, which is not known here")]
    Version(u32),
    /// Another engine answered it.
    #[error("the basis names the engine {0:?}; this build is {ENGINE:?}")]
    Engine(String),
    /// The agenda does not know the programme.
    #[error("the agenda has no programme {0}")]
    Programme(String),
    /// The rule set is not the one it names.
    #[error("the rule set has the hash {given}, the basis names {named}")]
    Rules {
        /// The hash of the rule set given.
        given: String,
        /// The hash in the basis.
        named: String,
    },
    /// Its logs do not stand in rising order of their origins, each once.
    #[error("the logs of the basis do not stand in the order of their origins, each once")]
    Order,
}

/// A basis with what it names opened: ready to be answered for any attendee.
#[derive(Clone, Debug)]
pub struct Question {
    basis: Basis,
    hash: String,
    agenda: Arc<Agenda>,
    roll: Arc<Roll>,
    rules: Arc<RuleSet>,
    programme: domain::Programme,
    known: Known,
}

/// A decision as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// The decision's document.
    pub document: DecisionDoc,
    /// Its bytes: the object.
    pub bytes: Vec<u8>,
    /// The object's name.
    pub hash: Hash,
}

impl Question {
    /// Opens a basis. The caller has read agenda and registrations from the objects that the basis names.
    ///
    /// # Errors
    /// See [`QuestionError`].
    pub fn new(
        basis: Basis,
        agenda: Arc<Agenda>,
        roll: Arc<Roll>,
        rules: Arc<RuleSet>,
    ) -> Result<Self, QuestionError> {
        if basis.v != decision::VERSION {
            return Err(QuestionError::Version(basis.v));
        }
        if basis.engine != ENGINE {
            return Err(QuestionError::Engine(basis.engine));
        }
        if basis.rules != rules.hash {
            return Err(QuestionError::Rules {
                given: rules.hash.clone(),
                named: basis.rules,
            });
        }
        if !basis.logs.is_sorted_by(|a, b| a.log < b.log) {
            return Err(QuestionError::Order);
        }
        let programme = agenda
            .programme(&basis.programme)
            .ok_or_else(|| QuestionError::Programme(basis.programme.to_string()))?;
        Ok(Self {
            hash: sha256(&object_bytes(&basis)).to_hex(),
            known: Known {
                now: basis.now,
                incomplete_doors: basis.incomplete_doors.clone(),
            },
            basis,
            agenda,
            roll,
            rules,
            programme,
        })
    }

    /// The basis.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The bytes of the basis' object.
    pub fn basis_bytes(&self) -> Vec<u8> {
        object_bytes(&self.basis)
    }

    /// The name of the basis' object.
    pub fn basis_hash(&self) -> &str {
        &self.hash
    }

    /// The agenda.
    pub fn agenda(&self) -> &Agenda {
        &self.agenda
    }

    /// The registrations.
    pub fn roll(&self) -> &Roll {
        &self.roll
    }

    /// The rule set.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// The programme.
    pub fn programme(&self) -> &domain::Programme {
        &self.programme
    }

    /// How much of a log the basis rests on; 0 of a log that it does not name.
    pub fn size_of(&self, log: &str) -> u64 {
        let found = self
            .basis
            .logs
            .binary_search_by(|prefix| prefix.log.as_str().cmp(log));
        found.map_or(0, |at| self.basis.logs[at].size)
    }

    /// The decision for one attendee, from all signals of all the basis' logs that are theirs, in any order.
    pub fn answer(&self, attendee: &AttendeeId, signals: &[Signal]) -> Answer {
        let decision = decide_attendee(
            &self.roll,
            &self.rules,
            &self.programme,
            attendee,
            signals,
            &self.known,
        );
        let document = DecisionDoc::new(attendee, &self.basis.programme, &self.hash, &decision);
        let bytes = object_bytes(&document);
        Answer {
            decision,
            document,
            hash: sha256(&bytes),
            bytes,
        }
    }

    /// The sessions as a certificate shows them: those with presence that counts, by start, under the times that the rules
    /// count by.
    pub fn session_lines(&self, document: &DecisionDoc) -> Vec<SessionLine> {
        let parts = document.parts.iter().filter(|part| part.least_ms > 0);
        parts
            .filter_map(|part| {
                let sessions = &self.programme.sessions;
                let session = sessions.iter().find(|s| s.id == part.session)?;
                let window = attendance::eligibility::window(&self.rules, session);
                Some(SessionLine {
                    session: session.id.clone(),
                    title: session.title.clone(),
                    start: window.start,
                    end: window.end,
                    present_ms: part.least_ms,
                    scheduled_ms: part.scheduled_ms,
                })
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "derive_tests.rs"]
mod tests;
