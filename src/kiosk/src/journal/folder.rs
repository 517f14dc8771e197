//! The data folder: who may read it, and who uses it now.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::JournalError;

/// The database's file.
const DATABASE: &str = "journal.sqlite";
/// The file that is locked while a program uses the folder.
const LOCK: &str = "lock";
/// Folders are for their owner alone: keys lie in them.
const FOLDER_MODE: u32 = 0o700;
/// Files likewise.
const FILE_MODE: u32 = 0o600;

/// A data folder that this program alone uses, until it is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The lock is the kernel's: it ends with this handle, however the program ends.
    _lock: File,
}

impl Folder {
    /// Takes the folder, making it where it is missing.
    ///
    /// # Errors
    /// [`JournalError::Locked`] where another program has it, [`JournalError::NotWritable`] where it cannot be used.
    pub fn take(path: &Path) -> Result<Self, JournalError> {
        let not_writable = |cause: io::Error| JournalError::NotWritable {
            path: path.to_owned(),
            cause: cause.to_string(),
        };
        let made = DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(path);
        made.map_err(not_writable)?;
        let lock = private_file(&path.join(LOCK)).map_err(not_writable)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(JournalError::Locked(path.to_owned()));
            }
            Err(error) => return Err(not_writable(error.into())),
        }
        let folder = Self {
            path: path.to_owned(),
            _lock: lock,
        };
        private_file(&folder.database()).map_err(not_writable)?;
        Ok(folder)
    }

    /// Whether there is a journal in a folder.
    pub fn has_journal(path: &Path) -> bool {
        path.join(DATABASE).metadata().is_ok_and(|m| m.len() > 0)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database's path.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Bytes of the write-ahead log.
    pub(super) fn wal_bytes(&self) -> u64 {
        let wal = self.path.join(format!("{DATABASE}-wal"));
        wal.metadata().map_or(0, |m| m.len())
    }

    /// Bytes that the journal takes on the disk.
    pub fn journal_bytes(&self) -> u64 {
        self.database().metadata().map_or(0, |m| m.len()) + self.wal_bytes()
    }

    /// Makes the names of new files durable.
    pub(super) fn sync(&self) -> Result<(), JournalError> {
        let synced = File::open(&self.path).and_then(|folder| folder.sync_all());
        synced.map_err(|cause| JournalError::Io(cause.to_string()))
    }
}

/// Opens a file that only its owner may read, making it where it is missing.
fn private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(ErrorKind::InvalidInput.into())
    }
}
