//! What can go wrong with a journal, by what the caller must do.

use std::path::PathBuf;

use attendance::words::KioskId;
use rusqlite::ErrorCode;

/// Why the journal did not do it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk is full, or as good as. Stop answering green; free some space and it goes on by itself.
    #[error(
        "the disk is full: {free_mib} MiB are free and {min_mib} MiB are needed; free some space, the kiosk then goes on by itself"
    )]
    Full {
        /// What is free.
        free_mib: u64,
        /// What has to be.
        min_mib: u64,
    },
    /// The disk failed. Stop answering green and open the journal again.
    #[error("the disk failed: {0}; if this happens again, replace the card or drive")]
    Io(String),
    /// An earlier error has spent this handle. Open the journal again.
    #[error("the journal has to be opened again after an error")]
    Spent,
    /// The journal contradicts itself. A person has to look; nothing was changed.
    #[error(
        "the journal is damaged: {0}; keep the data folder as it is, send it to whoever runs the issuer, and start with an empty folder"
    )]
    Damaged(String),
    /// Another version of the program wrote it. Nothing was changed.
    #[error(
        "the journal has format {found} and this program knows up to {known}; install the newer program again, or use another data folder"
    )]
    Newer {
        /// Its format.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// The file is no journal. Nothing was changed.
    #[error("{} is not a kiosk's journal; use another data folder", .0.display())]
    Foreign(PathBuf),
    /// Another program uses the folder.
    #[error(
        "{} is in use by another rollcall-kiosk; only one at a time may use it: stop the other one, or use another data folder",
        .0.display()
    )]
    Locked(PathBuf),
    /// The folder cannot be used.
    #[error(
        "{}: {cause}; the data folder must exist and belong to the user that runs the kiosk: `chown` it, or name another folder in data_dir",
        path.display()
    )]
    NotWritable {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// The kiosk belongs to somebody else already.
    #[error(
        "this kiosk is enrolled as {kiosk} already; to enrol it anew, use an empty data folder and keep the old one"
    )]
    Enrolled {
        /// As whom.
        kiosk: KioskId,
    },
    /// The kiosk belongs to nobody yet.
    #[error(
        "this kiosk is not enrolled; scan or type its claim first: rollcall-kiosk enrol --help"
    )]
    NotEnrolled,
    /// Asked for entries that are not there.
    #[error("the log has {size} entries and was asked for those from {from} on")]
    Beyond {
        /// What was asked for.
        from: u64,
        /// What is there.
        size: u64,
    },
    /// The bytes are no entry: a fault of this program.
    #[error("{bytes} bytes were to be journalled that are no entry")]
    NotAnEntry {
        /// Their number.
        bytes: usize,
    },
}

impl JournalError {
    /// Whether the handle is spent, so that no scan may be answered green until the journal was opened again and an append succeeded.
    pub fn is_fatal(&self) -> bool {
        !matches!(
            self,
            Self::NotEnrolled
                | Self::Enrolled { .. }
                | Self::Beyond { .. }
                | Self::NotAnEntry { .. }
        )
    }

    /// A code for logs, pages and faces.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "disk_full",
            Self::Io(_) | Self::Spent => "disk_failed",
            Self::Damaged(_) => "journal_damaged",
            Self::Newer { .. } => "journal_newer",
            Self::Foreign(_) => "journal_foreign",
            Self::Locked(_) => "journal_locked",
            Self::NotWritable { .. } => "folder_not_writable",
            Self::Enrolled { .. } => "enrolled_already",
            Self::NotEnrolled => "not_enrolled",
            Self::Beyond { .. } => "beyond_log",
            Self::NotAnEntry { .. } => "not_an_entry",
        }
    }

    pub(super) fn damaged(what: &dyn std::fmt::Display) -> Self {
        Self::Damaged(what.to_string())
    }
}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full {
                free_mib: 0,
                min_mib: 0,
            },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(text),
            // A constraint or a column of another type: rows that this program cannot have written.
            Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => Self::Damaged(text),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Locked(PathBuf::from("the journal"))
            }
            Some(_) => Self::Io(text),
            None => Self::Damaged(text),
        }
    }
}
