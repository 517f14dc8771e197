//! Attendees, badges and registrations.

use std::collections::BTreeMap;

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId, SessionId};
use evidence::Hash;
use protocol::badge::BadgeDigest;
use protocol::ledger;

use super::Result;

/// Who is registered, as an import must know it beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// The registrations in force.
    pub base: Option<Hash>,
    /// Whose each badge is.
    pub badges: BTreeMap<BadgeDigest, AttendeeId>,
    /// Each attendee's wrapped data key; none where it was destroyed.
    pub keys: BTreeMap<AttendeeId, Option<Vec<u8>>>,
    /// The registrations, by attendee.
    pub registrations: BTreeMap<AttendeeId, protocol::agenda::Registration>,
}

/// One person of an import.
#[derive(Clone, Debug)]
pub struct PersonChange {
    /// The attendee, new or known.
    pub attendee: AttendeeId,
    /// The data key, wrapped under the master key.
    pub key: Vec<u8>,
    /// The person, sealed under the data key.
    pub sealed: Vec<u8>,
    /// The badge and its row, sealed for the doors.
    pub badge: (BadgeDigest, Vec<u8>),
    /// The registration.
    pub registration: protocol::agenda::Registration,
}

/// An attendee as they are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttendeeFacts {
    /// The attendee.
    pub attendee: AttendeeId,
    /// The data key, wrapped, and the person, sealed; none where erased.
    pub person: Option<(Vec<u8>, Vec<u8>)>,
    /// The registration with its badges; none where there is none.
    pub registration: Option<protocol::agenda::Registration>,
}

/// One row of the doors' roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterFacts {
    /// The badge.
    pub badge: BadgeDigest,
    /// Its sealed row.
    pub row: Vec<u8>,
    /// Whose it is.
    pub attendee: AttendeeId,
    /// Their registration's beginning.
    pub valid_from: Option<UtcMs>,
    /// Their registration's end, exclusive.
    pub valid_until: Option<UtcMs>,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Whether the badge was taken back.
    pub revoked: bool,
}

/// A file with personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateObject {
    /// Whose data is in it.
    pub attendee: AttendeeId,
    /// The file, sealed under their data key.
    pub sealed: Vec<u8>,
}

/// Attendees, badges and registrations. Nothing here can be read without the master key.
///
/// # Errors
/// `NotFound` for an unknown event or attendee; `Unavailable` or `Damaged` as the database does.
pub trait PeopleUnits {
    /// Who is registered now.
    fn roster(&self, event: &EventId) -> Result<Roster>;

    /// Adds and changes registrations: the people of `changes`, the version and an `import` entry; whoever changed is due
    /// again. People who are not among the changes stay as they are. Fails with `Moved` where the registrations in force
    /// are not `base`, or somebody among the changes was erased meanwhile.
    fn import_registrations(
        &self,
        event: &EventId,
        base: Option<Hash>,
        changes: &[PersonChange],
        import: &ledger::Import,
        now: UtcMs,
    ) -> Result<u64>;

    /// The rows of the doors' roster, by badge.
    fn roster_rows(&self, event: &EventId) -> Result<Vec<RosterFacts>>;

    /// One attendee.
    fn attendee(&self, event: &EventId, attendee: &AttendeeId) -> Result<AttendeeFacts>;

    /// Attendees after an id, by id, at most [`super::events::MAX_PAGE`].
    fn attendees(
        &self,
        event: &EventId,
        after: Option<&AttendeeId>,
        limit: usize,
    ) -> Result<Vec<AttendeeFacts>>;

    /// Who speaks, and at which sessions, by attendee.
    fn speakers(&self, event: &EventId) -> Result<Vec<(AttendeeId, Vec<SessionId>)>>;

    /// Whose a badge is.
    fn attendee_of(&self, event: &EventId, badge: BadgeDigest) -> Result<Option<AttendeeId>>;

    /// Keeps a file with personal data, sealed, by the hash of what is inside.
    fn put_private(
        &self,
        event: &EventId,
        attendee: &AttendeeId,
        hash: Hash,
        sealed: &[u8],
    ) -> Result<()>;

    /// Erases a person: their data key, what is sealed under it (who they are, notes, files), their badges' rows for the doors, and how
    /// sources show the accounts that they list; and writes an `erasure` entry. Their badges, registration, decisions and what stands in
    /// ledger and journals stay. Doors are given another bundle. Nobody is decided again. Gives the ledger's index.
    /// Fails with `Exists` where they are erased. What is left in the database's files goes with [`super::Store::scrub`].
    fn erase_person(&self, event: &EventId, erasure: &ledger::Erasure, now: UtcMs) -> Result<u64>;

    /// A file with personal data, sealed.
    fn private(&self, event: &EventId, hash: Hash) -> Result<Option<PrivateObject>>;
}
