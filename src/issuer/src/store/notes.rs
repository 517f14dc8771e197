//! Private notes beside ledger entries: why somebody did what the entry tells, in their own words.

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId};

use super::Result;

/// A note to be kept with the entry that a unit writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNote {
    /// Whom it is about: it is sealed under their data key.
    pub attendee: AttendeeId,
    /// What was written, sealed.
    pub sealed: Vec<u8>,
}

/// A note as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteFacts {
    /// The ledger index of its entry.
    pub index: u64,
    /// What was written, sealed.
    pub sealed: Vec<u8>,
    /// When.
    pub at: UtcMs,
}

/// Private notes beside ledger entries. Units that write the entries keep them.
///
/// # Errors
/// `NotFound` for an unknown event; `Unavailable` or `Damaged` as the database does.
pub trait NoteUnits {
    /// The notes about an attendee, by entry.
    fn notes(&self, event: &EventId, attendee: &AttendeeId) -> Result<Vec<NoteFacts>>;
}
