//! The one road from logs to decisions, for the issuer and for the auditor.
//!
//! Contract: a decision depends on its [`Basis`] and on the entries that the basis names, and on nothing else.
//!
//! **What must be fed.** For each log of the basis, with entries below the basis' size for it: every entry of the kinds
//! `boot`, `clock`, `time_code` and `receipt`, in order, to a [`LogView`]; and every `scan` of the attendee's badges, in any order, to
//! [`signals_of`]; and of the event's ledger, where the basis names it, every `signals` entry's object and every `retraction` to
//! [`Observations`]. Other entries may be fed or left out: they change nothing. Entries that do not parse are left out.
//!
//! **What is believed.** A `clock` entry whose answer the issuer did not sign, a `time_code` entry whose code it did not, and a `receipt` that does not open under the
//! log's and the issuer's keys, or that covers more than the log held where it stands, bound nothing and are reported as
//! [`Disbelieved`]. Whether a receipt's root is that of the log's prefix takes all leaves, and is `verify`'s to check: the
//! issuer cosigned no other.
//!
//! **Whose scan it is.** The registrations' badge digests say, never the door's own guess; of two registrations with one
//! badge, or two of one attendee, the first in the document holds; a scan counts for whom its holder assists as well. **Whose
//! another signal is**: [`Roll::owner`]'s. **Which rooms**: those that the basis' agenda gives the door or channel; where it does not
//! know the door, those that the scan names; where it does not know the channel, room or session of another signal, that signal counts
//! nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use attendance::agenda as domain;
use attendance::rules::RuleSet;
use attendance::time::{ClockHistory, Mark, Placed, Stamp, TimePolicy};
use attendance::words::{AttendeeId, Signal, SignalId, Source};
use attendance::{Decision, ENGINE, Evidence, Known, decide};
use evidence::{Hash, PublicKey, Receipt, sha256};
use protocol::agenda::{Agenda, Registrations};
use protocol::badge::{BadgeDigest, BadgeRef};
use protocol::certificate::SessionLine;
use protocol::decision::{self, Basis, DecisionDoc, object_bytes};
use protocol::entry::{self, Body, Entry};
use protocol::ledger::Retraction;
use protocol::signals::{Row, Signals};
use protocol::subject::SubjectDigest;
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

/// What the ledger says of other sources than doors: its signals, as far as they were read, and what was taken back.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    batches: BTreeMap<u64, Signals>,
    /// Of each signals entry, the rows that were taken back and where; every row, where none is named.
    retractions: BTreeMap<u64, Vec<(u64, Option<u32>)>>,
    by_subject: BTreeMap<SubjectDigest, Vec<(u64, u32)>>,
    by_attendee: BTreeMap<AttendeeId, Vec<(u64, u32)>>,
}

/// One row of another source, where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The ledger index of its entry.
    pub index: u64,
    /// Its row in the entry's object.
    pub row_number: u32,
    /// What kind of source saw it.
    pub source: Source,
    /// What it says.
    pub row: &'a Row,
}

impl Observations {
    /// Takes the object of a `signals` entry.
    pub fn add(&mut self, index: u64, signals: Signals) {
        for (number, row) in (0_u32..).zip(&signals.rows) {
            for subject in &row.subjects {
                self.by_subject
                    .entry(*subject)
                    .or_default()
                    .push((index, number));
            }
            if let Some(attendee) = &row.attendee {
                let named = self.by_attendee.entry(attendee.clone()).or_default();
                named.push((index, number));
            }
        }
        self.batches.insert(index, signals);
    }

    /// Takes a `retraction` entry.
    pub fn retract(&mut self, index: u64, retraction: &Retraction) {
        let of = self.retractions.entry(retraction.entry).or_default();
        of.push((index, retraction.row));
    }

    /// Whether nothing of other sources is known.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// How many rows the object of an entry has; none where it was not read.
    pub fn rows_of(&self, index: u64) -> Option<usize> {
        self.batches.get(&index).map(|signals| signals.rows.len())
    }

    /// One row of the object of an entry.
    pub fn row(&self, index: u64, row: u32) -> Option<&Row> {
        let rows = &self.batches.get(&index)?.rows;
        rows.get(usize::try_from(row).ok()?)
    }

    /// The rows that are an attendee's by the ledger's first `size` entries, by entry and row.
    pub fn of<'a>(&'a self, roll: &Roll, attendee: &AttendeeId, size: u64) -> Vec<Observation<'a>> {
        let accounts = roll.accounts_of(attendee);
        let by_account = accounts.filter_map(|account| self.by_subject.get(account));
        let named = by_account.chain(self.by_attendee.get(attendee)).flatten();
        let places: BTreeSet<(u64, u32)> = named.copied().filter(|(i, _)| *i < size).collect();
        let found = places.into_iter().filter_map(|(index, row_number)| {
            let signals = self.batches.get(&index)?;
            let row = signals.rows.get(usize::try_from(row_number).ok()?)?;
            let is_theirs = roll.owner(row) == Some(attendee);
            (is_theirs && !self.is_retracted(index, row_number, size)).then_some(Observation {
                index,
                row_number,
                source: signals.source,
                row,
            })
        });
        found.collect()
    }

    fn is_retracted(&self, entry: u64, row: u32, size: u64) -> bool {
        let of = self.retractions.get(&entry).into_iter().flatten();
        of.into_iter()
            .any(|(at, taken)| *at < size && taken.is_none_or(|taken| taken == row))
    }
}

/// The signals of rows of other sources. Rows whose place the agenda does not know are none.
pub fn ledger_signals<'a>(
    ledger: &'a Arc<str>,
    agenda: &'a Agenda,
    rows: impl IntoIterator<Item = Observation<'a>>,
) -> impl Iterator<Item = Signal> {
    rows.into_iter().filter_map(move |seen| {
        let id = SignalId {
            log: Arc::clone(ledger),
            index: seen.index,
            row: Some(seen.row_number),
        };
        seen.row.to_signal(id, seen.source, agenda)
    })
}

/// Registrations, ready to say whose a badge is.
#[derive(Clone, Debug)]
pub struct Roll {
    badge_key: String,
    holders: BTreeMap<BadgeDigest, AttendeeId>,
    assisted: BTreeMap<BadgeDigest, BTreeSet<AttendeeId>>,
    accounts: BTreeMap<SubjectDigest, BTreeSet<AttendeeId>>,
    listed: BTreeMap<AttendeeId, BTreeSet<SubjectDigest>>,
    registrations: BTreeMap<AttendeeId, domain::Registration>,
}

impl Roll {
    /// From the document.
    pub fn new(document: &Registrations) -> Self {
        let mut roll = Self {
            badge_key: document.badge_key.clone(),
            holders: BTreeMap::new(),
            assisted: BTreeMap::new(),
            accounts: BTreeMap::new(),
            listed: BTreeMap::new(),
            registrations: BTreeMap::new(),
        };
        for row in &document.registrations {
            for badge in &row.badges {
                roll.holders
                    .entry(*badge)
                    .or_insert_with(|| row.attendee.clone());
            }
            for badge in &row.assistants {
                let assisted = roll.assisted.entry(*badge).or_default();
                assisted.insert(row.attendee.clone());
            }
            for account in &row.accounts {
                let listing = roll.accounts.entry(*account).or_default();
                listing.insert(row.attendee.clone());
                let listed = roll.listed.entry(row.attendee.clone()).or_default();
                listed.insert(*account);
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

    /// For whom a badge's scans count: its holder, and whom the holder assists.
    pub fn counts_for(&self, badge: &BadgeRef) -> BTreeSet<&AttendeeId> {
        if badge.key != self.badge_key {
            return BTreeSet::new();
        }
        let assisted = self.assisted.get(&badge.digest);
        let assisted = assisted.into_iter().flatten();
        assisted.chain(self.holders.get(&badge.digest)).collect()
    }

    /// Whose a row of another source is: the attendee's that it names; else the one's whose registration lists the first of its accounts
    /// that any lists. Nobody's, where several attendees' do: a reviewer decides.
    pub fn owner<'a>(&'a self, row: &'a Row) -> Option<&'a AttendeeId> {
        if let Some(attendee) = &row.attendee {
            return Some(attendee);
        }
        let mut listing = row.subjects.iter().filter_map(|s| self.accounts.get(s));
        let listing = listing.next()?;
        (listing.len() == 1).then(|| listing.first()).flatten()
    }

    /// An attendee's registration.
    pub fn registration(&self, attendee: &AttendeeId) -> Option<&domain::Registration> {
        self.registrations.get(attendee)
    }

    /// The accounts that an attendee's registrations list, by digest.
    pub fn accounts_of(&self, attendee: &AttendeeId) -> impl Iterator<Item = &SubjectDigest> {
        self.listed.get(attendee).into_iter().flatten()
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
        if basis.engine != ENGINE && basis.v == decision::VERSION {
            return Err(QuestionError::Engine(basis.engine));
        }
        Self::of_any_engine(basis, agenda, roll, rules)
    }

    /// Opens a basis whichever engine answered it. This build's engine answers it again, which says what it would decide and checks
    /// nothing.
    ///
    /// # Errors
    /// See [`QuestionError`]; never for the engine.
    pub fn of_any_engine(
        basis: Basis,
        agenda: Arc<Agenda>,
        roll: Arc<Roll>,
        rules: Arc<RuleSet>,
    ) -> Result<Self, QuestionError> {
        if basis.v != decision::VERSION {
            return Err(QuestionError::Version(basis.v));
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

    /// Whether this build's engine answered it.
    pub fn is_of_this_engine(&self) -> bool {
        self.basis.engine == ENGINE
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
