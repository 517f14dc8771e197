//! From what [`crate::sources`] read into the store: agendas, registrations, doors, rule sets, polls, and what sources of attendance saw; and
//! the badges that the issuer signs ([`badges`]), what staff say of registrations ([`identity`]), grant ([`accommodations`]) and say of attendance ([`said`]).
//!
//! Promises:
//! - An import is one unit of work: all of it, or nothing.
//! - What is in force is read, the new version is made from it and put into the object store, and only then the unit is called. Where
//!   somebody was faster, all of that is done again, [`MAX_TRIES`] times at the most.
//! - What changes nothing writes nothing: importing a file twice leaves one version.
//! - A plan says what would change before anything does; a dry run stops there.

pub mod accommodations;
pub mod agenda;
pub mod badges;
pub mod channels;
pub mod identity;
pub mod notes;
pub mod observed;
pub mod polls;
pub mod registrations;
pub mod said;
pub mod speakers;

#[cfg(test)]
pub(crate) mod testing;

use attendance::UtcMs;
use attendance::words::SessionId;
use evidence::Hash;

use crate::keys::{Keys, Random};
use crate::sources::Problem;
use crate::store::{DocumentError, Documents, ObjectError, ObjectStore, Store, StoreError};

/// How often an import is made anew because somebody else was faster.
pub const MAX_TRIES: usize = 5;
/// The most ids that a plan names of each kind.
const MAX_NAMED: usize = 20;

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportFault {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object store.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// Something that is in force is missing or does not read; what, for people.
    #[error("{0}")]
    Missing(String),
    /// What was asked for cannot be; why, for people.
    #[error("{0}")]
    Refused(String),
}

impl From<DocumentError> for ImportFault {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Object(error) => Self::Object(error),
            other => Self::Missing(other.to_string()),
        }
    }
}

/// Where imports go, and when.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The database.
    pub store: &'a dyn Store,
    /// The object store.
    pub objects: &'a dyn ObjectStore,
    /// What was read of the objects.
    pub documents: &'a Documents,
    /// The issuer's keys.
    pub keys: &'a Keys,
    /// Random bytes.
    pub random: &'a Random,
    /// The clock.
    pub now: UtcMs,
}

/// The file that an import comes from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its format, such as `csv` or `frab`.
    pub format: &'a str,
    /// SHA-256 of its bytes.
    pub file: Hash,
    /// How many rows it had.
    pub rows: usize,
}

impl Source<'_> {
    fn entry(&self, what: &str, object: Hash) -> protocol::ledger::Import {
        protocol::ledger::Import {
            what: what.to_owned(),
            format: self.format.to_owned(),
            object,
            file: self.file,
            rows: u64::try_from(self.rows).unwrap_or(u64::MAX),
            operator: None,
            reason: None,
        }
    }
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What changes, a line each; empty where nothing does.
    pub changes: Vec<String>,
    /// How much is as it was, for people; none where nothing is or nobody counts it.
    pub unchanged: Option<String>,
    /// What its owner should know.
    pub warnings: Vec<String>,
    /// Sessions of the agenda that no programme credits, though they are no breaks.
    pub unmapped: Vec<SessionId>,
    /// The version that came into force; none in a dry run, or where nothing changed.
    pub version: Option<u64>,
}

impl Plan {
    /// Adds `what: n (a, b, …)` where there are any.
    fn count<T: std::fmt::Display>(&mut self, what: &str, ids: &[T]) {
        if ids.is_empty() {
            return;
        }
        let named: Vec<String> = ids
            .iter()
            .take(MAX_NAMED)
            .map(ToString::to_string)
            .collect();
        let more = if ids.len() > MAX_NAMED { ", …" } else { "" };
        self.changes.push(format!(
            "{what}: {} ({}{more})",
            ids.len(),
            named.join(", ")
        ));
    }
}

/// Warnings of a source as lines, with the number of those that are not listed.
pub fn warning_lines(warnings: &[Problem], total: usize) -> Vec<String> {
    let mut lines: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let unlisted = total.saturating_sub(warnings.len());
    if unlisted > 0 {
        lines.push(format!("and {unlisted} more"));
    }
    lines
}

/// Runs an import again where somebody else was faster.
fn with_tries<T>(mut import: impl FnMut() -> Result<T, ImportFault>) -> Result<T, ImportFault> {
    for _ in 1..MAX_TRIES {
        match import() {
            Err(ImportFault::Store(StoreError::Moved { .. })) => {}
            other => return other,
        }
    }
    import()
}
