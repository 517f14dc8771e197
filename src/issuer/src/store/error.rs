//! What can go wrong in the store, by what the caller must do.

use std::path::PathBuf;

/// A unit of work that did not happen. Nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What the unit is about does not exist. Tell the person.
    #[error("there is no {what} {id:?}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// It exists already. Tell the person.
    #[error("the {what} {id:?} exists already")]
    Exists {
        /// What was to be made.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// What the unit was prepared on has changed since. Read again, prepare again.
    #[error("the {what} was changed meanwhile: try again")]
    Moved {
        /// What has changed.
        what: &'static str,
    },
    /// What was given can never be stored. A fault of the caller.
    #[error("this cannot be stored: {0}")]
    Refused(String),
    /// A head of the ledger that was signed before is lost, so nothing more is signed. A person has to look.
    #[error(
        "the ledger of this database is not the one that was signed: the kiosk {kiosk} holds a signed head of {size} entries that is not in it. \
         Nothing is signed until the right database is restored, or somebody decides to go on: `rollcall-issuer ledger status` says what to do"
    )]
    LostHead {
        /// The kiosk that showed it.
        kiosk: String,
        /// The size of the lost head.
        size: u64,
    },
    /// The database cannot do it now: locked, full, read-only, failing. Try later; nothing is lost.
    #[error("the database cannot be used now: {0}")]
    Unavailable(String),
    /// What is stored contradicts itself. Stop and restore.
    #[error("the database is damaged: {0}")]
    Damaged(String),
}

impl StoreError {
    pub(crate) fn not_found(what: &'static str, id: &(impl ToString + ?Sized)) -> Self {
        Self::NotFound {
            what,
            id: id.to_string(),
        }
    }
}

/// Why a database cannot be opened. It was not touched.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or file cannot be used.
    #[error("cannot use {path}: {cause}; {advice}")]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: String,
        /// What to do.
        advice: &'static str,
    },
    /// Another program's file.
    #[error("{path} is not a database of rollcall-issuer; set another `data_dir`")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Made by a newer version of this program.
    #[error(
        "{path} was made by a newer version (schema {found}, this build knows {known}): it was left untouched; \
         run the newer rollcall-issuer, or restore the backup made before its first start"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// There is no database yet.
    #[error("there is no database in {path}; make one with `rollcall-issuer migrate`")]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The schema could not be brought up to date.
    #[error("{path} could not be migrated: {cause}")]
    Migration {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
}
