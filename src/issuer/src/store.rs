//! Where the issuer keeps what it holds, spoken of in units of work.
//!
//! Promises:
//! - Each method of [`Store`] is one transaction: all of it is durable when it returns `Ok`, nothing of it otherwise.
//!   Units that only read see one state of the database.
//! - The store reads no clock and makes no randomness: times, ids, nonces and sealed bytes come with the call.
//! - It holds no key. Personal data enters and leaves sealed.
//! - A ledger entry is written in the transaction of what it tells, so tables and ledger never disagree.
//! - Heads are persisted before the caller signs them: no method signs.
//! - No SQL stands outside this module.
//!
//! Several programs may work on one database at a time. Units that rest on something read before carry it as `base` and
//! fail with [`StoreError::Moved`] where it has changed.
//!
//! [`SqliteStore`] is the one implementation; `contract` is the suite that every implementation passes. Files that hold
//! nothing personal lie outside the database, in an [`ObjectStore`], and are put there before anything names them; [`Documents`] holds what
//! was read of them.

mod error;
mod objects;
mod sqlite;

pub mod accounts;
pub mod batches;
pub mod branches;
pub mod decisions;
pub mod documents;
pub mod enrolment;
pub mod events;
pub mod notes;
pub mod people;
pub mod signals;
pub mod signs;
pub mod sources;

#[cfg(test)]
pub(crate) mod contract;

pub use accounts::AccountUnits;
pub use batches::BatchUnits;
pub use branches::BranchUnits;
pub use decisions::DecisionUnits;
pub use documents::{DocumentError, Documents};
pub use enrolment::EnrolmentUnits;
pub use error::{OpenError, StoreError};
pub use events::EventUnits;
pub use notes::NoteUnits;
pub use objects::{FolderObjects, ObjectError, ObjectStore};
pub use people::PeopleUnits;
pub use signals::SignalUnits;
pub use signs::SignUnits;
pub use sources::SourceUnits;
pub use sqlite::{SCHEMA_VERSION, SqliteStore};

/// What every unit of work returns.
pub type Result<T> = std::result::Result<T, StoreError>;

/// All units of work. They block; asynchronous callers run them on a thread for that.
pub trait Store:
    EventUnits
    + EnrolmentUnits
    + BatchUnits
    + BranchUnits
    + PeopleUnits
    + SignalUnits
    + NoteUnits
    + SignUnits
    + DecisionUnits
    + AccountUnits
    + SourceUnits
    + Send
    + Sync
{
    /// What stands under a name in the database's own settings.
    ///
    /// # Errors
    /// Where the database cannot be used.
    fn setting(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// Sets what is set once for life, and gives what stands there then: `value`, or what stood there before.
    ///
    /// # Errors
    /// Where the database cannot be used.
    fn set_once(&self, name: &str, value: &[u8]) -> Result<Vec<u8>>;

    /// Leaves nothing in the database's files of what was deleted: writes the database anew, and empties its log. It takes as long as
    /// that, needs as much free space again, and whoever writes waits.
    ///
    /// # Errors
    /// `Unavailable` where the disk is full, or another program does not let go of the database.
    fn scrub(&self) -> Result<()>;
}
