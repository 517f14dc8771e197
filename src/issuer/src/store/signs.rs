//! Signs that a badge was not with its holder, and how reviewers closed them.

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId};
use protocol::ledger::{SignKind, SignOutcome};

use super::Result;
use super::notes::NewNote;

/// Scans by log and index.
pub type Scans = Vec<(String, u64)>;

/// A sign as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSign {
    /// What it is of.
    pub about: SignKind,
    /// Whose badges: two by id, or one.
    pub attendees: Vec<AttendeeId>,
    /// How many times it was seen.
    pub times: u32,
    /// The scans that show it.
    pub evidence: Scans,
}

/// A sign as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignFacts {
    /// Its id.
    pub id: String,
    /// What was found.
    pub found: NewSign,
    /// When it was first found.
    pub first: UtcMs,
    /// When it last grew.
    pub last: UtcMs,
    /// How it was closed, if it stands closed.
    pub closed: Option<SignClosed>,
}

/// How a sign was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignClosed {
    /// What the reviewer makes of it.
    pub outcome: SignOutcome,
    /// Why, as a code.
    pub reason: String,
    /// Who, by account id.
    pub operator: String,
    /// When.
    pub at: UtcMs,
    /// The ledger's entry.
    pub ledger: u64,
}

/// A word on a sign.
#[derive(Clone, Debug)]
pub struct SignWord<'a> {
    /// How many times it was seen when somebody looked at it.
    pub times: u32,
    /// What they make of it.
    pub outcome: SignOutcome,
    /// Why, as a code.
    pub reason: &'a str,
    /// Who, by account id.
    pub operator: &'a str,
    /// What they wrote beside it, sealed.
    pub note: Option<&'a NewNote>,
}

/// Signs that a badge was not with its holder.
///
/// # Errors
/// `NotFound` for an unknown event or sign; `Unavailable` or `Damaged` as the database does.
pub trait SignUnits {
    /// Keeps a sign: a new case, or what an open one has grown to. One that is closed is a new case once it was seen twice as often, so that
    /// friends who were explained do not come back with each session. Gives whether anything changed.
    fn put_sign(&self, event: &EventId, sign: &NewSign, now: UtcMs) -> Result<bool>;

    /// How many signs of an event are open.
    fn open_signs(&self, event: &EventId) -> Result<usize>;

    /// Every sign of an event, closed ones too, by when it was first found, then id.
    fn signs(&self, event: &EventId) -> Result<Vec<SignFacts>>;

    /// Closes an open sign, or opens a closed one again: its row and a `sign` entry. Nobody is decided again. Gives the ledger's index.
    /// Fails with `Exists` where it stands so, and with `Moved` where it has grown since somebody looked.
    fn judge_sign(&self, event: &EventId, id: &str, word: &SignWord<'_>, now: UtcMs)
    -> Result<u64>;
}
