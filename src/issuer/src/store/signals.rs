//! What other sources than doors saw, whose it is, and what was taken back.
//!
//! How a source is taken: [`SignalUnits::known_keys`] says which observations are held; the rest makes an object, which is put into
//! the object store; [`SignalUnits::take_signals`] then writes the ledger's entry and the rows. A match and whatever else a reviewer
//! says of a registration is a new registrations object: [`SignalUnits::change_registrations`].

use std::collections::BTreeSet;

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId, Source};
use audit::derive::Observation;
use evidence::Hash;
use protocol::agenda::Registration;
use protocol::ledger;
use protocol::signals::Row;
use protocol::subject::SubjectDigest;

use super::Result;
use super::notes::NewNote;

/// What makes an observation one of its event: SHA-256 over its system and its key there.
pub type ObservedKey = Hash;

/// Observations to be kept. Their object lies in the object store already.
#[derive(Clone, Debug)]
pub struct NewSignals {
    /// What kind of source.
    pub source: Source,
    /// What the ledger says of them.
    pub entry: ledger::Signals,
    /// The object's rows, in its order, each with its key. All keys are new and differ.
    pub rows: Vec<(Row, ObservedKey)>,
    /// People as the source shows them, by the first account of their rows.
    pub people: Vec<NewSubject>,
    /// Places that the agenda does not know, each with what staff should be told.
    pub unplaced: Vec<(String, String)>,
    /// What the person behind it wrote beside it.
    pub note: Option<NewNote>,
}

/// A person as a source shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubject {
    /// The first account of their rows.
    pub subject: SubjectDigest,
    /// The system of that account.
    pub system: String,
    /// All their accounts in order of trust, the first among them.
    pub accounts: Vec<SubjectDigest>,
    /// Name and address as the source gives them, sealed; none where it gives neither.
    pub label: Option<Vec<u8>>,
    /// How many rows are theirs.
    pub rows: u64,
}

/// A person as sources know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectFacts {
    /// The first account of their rows.
    pub subject: SubjectDigest,
    /// The system of that account.
    pub system: String,
    /// All their accounts in order of trust, each with the attendees whose registrations list it.
    pub accounts: Vec<(SubjectDigest, Vec<AttendeeId>)>,
    /// Name and address, sealed.
    pub label: Option<Vec<u8>>,
    /// How many rows were taken.
    pub rows: u64,
    /// When they were first taken.
    pub first: UtcMs,
    /// When they were last taken.
    pub last: UtcMs,
}

/// Whose the rows of a subject are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder<'a> {
    /// One attendee's.
    One(&'a AttendeeId),
    /// Nobody's: no registration lists an account of it.
    Unknown,
    /// Nobody's: the registrations of several attendees list the same account.
    Several(&'a [AttendeeId]),
}

impl SubjectFacts {
    /// Whose its rows are: the first account that a registration lists says it. A reviewer is asked for all but `One`.
    pub fn holder(&self) -> Holder<'_> {
        let mut listed = self.accounts.iter().map(|(_, by)| by.as_slice());
        match listed.find(|by| !by.is_empty()) {
            None => Holder::Unknown,
            Some([attendee]) => Holder::One(attendee),
            Some(several) => Holder::Several(several),
        }
    }
}

/// A batch of observations as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalsFacts {
    /// Its ledger index.
    pub index: u64,
    /// What kind of source.
    pub source: Source,
    /// What the ledger says of it.
    pub entry: ledger::Signals,
    /// When it was taken.
    pub at: UtcMs,
    /// The ledger entry that took it back whole.
    pub retracted: Option<u64>,
}

/// One observation as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedFacts {
    /// The ledger index of its entry.
    pub index: u64,
    /// Its row in the entry's object.
    pub row_number: u32,
    /// What kind of source.
    pub source: Source,
    /// The system.
    pub system: String,
    /// The observation.
    pub row: Row,
    /// The ledger entry that took it back.
    pub retracted: Option<u64>,
}

impl ObservedFacts {
    /// As decisions take it.
    pub fn observation(&self) -> Observation<'_> {
        Observation {
            index: self.index,
            row_number: self.row_number,
            source: self.source,
            row: &self.row,
        }
    }
}

/// A reviewer's word on whether an account is an attendee's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountWord {
    /// The account.
    pub subject: SubjectDigest,
    /// The attendee.
    pub attendee: AttendeeId,
    /// Whether it is theirs.
    pub is_theirs: bool,
    /// Why, as a code.
    pub reason: String,
    /// Who, by account id.
    pub operator: String,
    /// When.
    pub at: UtcMs,
}

/// That an account is nobody's, and need not be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The account.
    pub subject: SubjectDigest,
    /// Why, as a code.
    pub reason: String,
    /// Who, by account id.
    pub operator: String,
    /// When.
    pub at: UtcMs,
}

/// Registrations to be changed by a person's word. The new object lies in the object store already.
#[derive(Clone, Debug)]
pub struct RegistrationsChange {
    /// The registrations in force that it was made from.
    pub base: Option<Hash>,
    /// The registrations that change, whole.
    pub registrations: Vec<Registration>,
    /// Words on accounts that the change follows; a later one on the same account and attendee takes the place of one before.
    pub words: Vec<AccountWord>,
    /// What the ledger says of it.
    pub import: ledger::Import,
    /// What the person behind it wrote beside it.
    pub note: Option<NewNote>,
}

/// What other sources saw, whose it is, and what was taken back.
///
/// # Errors
/// `NotFound` for an unknown event, attendee or entry; `Unavailable` or `Damaged` as the database does.
pub trait SignalUnits {
    /// Those of these observations that are held.
    fn known_keys(
        &self,
        event: &EventId,
        keys: &BTreeSet<ObservedKey>,
    ) -> Result<BTreeSet<ObservedKey>>;

    /// Keeps observations: a `signals` entry, its rows by person, the people, an alarm `unknown_place` for each place that the agenda
    /// does not know; whoever has an account or is named in a row is due again. Gives the entry's ledger index. Fails with
    /// `Moved` where an observation is held already: ask again which are.
    fn take_signals(&self, event: &EventId, signals: &NewSignals, now: UtcMs) -> Result<u64>;

    /// Takes a whole entry's signals back, or one row's: a `retraction` entry; whoever it touches is due again. Gives its ledger index.
    /// Fails with `Exists` where that is taken back already.
    fn retract(
        &self,
        event: &EventId,
        retraction: &ledger::Retraction,
        note: Option<&NewNote>,
        now: UtcMs,
    ) -> Result<u64>;

    /// Every batch, by ledger index.
    fn signals(&self, event: &EventId) -> Result<Vec<SignalsFacts>>;

    /// How many entries of the ledger hold every signal and retraction so far; 0 where there are none.
    fn signals_size(&self, event: &EventId) -> Result<u64>;

    /// The observations that are an attendee's by the registrations in force, by entry and row, taken back or not:
    /// [`audit::derive::Roll::owner`] says whose one is.
    fn observed_of(&self, event: &EventId, attendee: &AttendeeId) -> Result<Vec<ObservedFacts>>;

    /// The observations of a subject, by entry and row, at most [`super::events::MAX_PAGE`].
    fn observed_of_subject(
        &self,
        event: &EventId,
        subject: SubjectDigest,
    ) -> Result<Vec<ObservedFacts>>;

    /// People as sources know them, after a subject, by subject, at most [`super::events::MAX_PAGE`].
    fn subjects(
        &self,
        event: &EventId,
        after: Option<SubjectDigest>,
        limit: usize,
    ) -> Result<Vec<SubjectFacts>>;

    /// One of them.
    fn subject(&self, event: &EventId, subject: SubjectDigest) -> Result<Option<SubjectFacts>>;

    /// What reviewers said of accounts, by account and attendee.
    fn account_words(&self, event: &EventId) -> Result<Vec<AccountWord>>;

    /// Sets an account aside. Fails with `NotFound` where no source showed it, and with `Exists` where it is set aside.
    fn set_aside(&self, event: &EventId, aside: &SetAside) -> Result<()>;

    /// Asks about an account again. Fails with `NotFound` where it is not set aside.
    fn take_back(&self, event: &EventId, subject: SubjectDigest) -> Result<()>;

    /// The accounts that are set aside, by account.
    fn set_asides(&self, event: &EventId) -> Result<Vec<SetAside>>;

    /// Changes registrations by a person's word: the version, an `import` entry, the words; whoever is in the change, and whoever
    /// an account or badge that changed hands touches, is due again. Gives the version's number. Fails with `Moved`.
    fn change_registrations(
        &self,
        event: &EventId,
        change: &RegistrationsChange,
        now: UtcMs,
    ) -> Result<u64>;
}
