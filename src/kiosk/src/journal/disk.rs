//! What the journal needs of a disk besides the database: how much is free, and, in tests, when it fails.

use std::path::Path;

use super::JournalError;

/// A step of a commit, or of moving the write-ahead log into the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is written yet.
    Begin,
    /// All is written, nothing is durable.
    Commit,
    /// All is durable, nobody knows.
    Committed,
    /// What waits in the write-ahead log is about to be moved.
    Tidy,
    /// It was moved.
    Tidied,
}

/// How a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No space is left.
    Full,
    /// The device answers with an error.
    Io,
}

type Free = dyn Fn(&Path) -> std::io::Result<u64> + Send;
type Fail = dyn FnMut(Step) -> Option<Fault> + Send;

/// The disk's side of the journal. Closures stand in for what a test cannot wait for.
pub struct Disk {
    min_free_bytes: u64,
    free_bytes: Box<Free>,
    fail: Option<Box<Fail>>,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk")
            .field("min_free_bytes", &self.min_free_bytes)
            .finish_non_exhaustive()
    }
}

impl Disk {
    /// The real disk. Below `min_free_bytes` the journal says that it is full before it is, so that there is room to end well.
    pub fn real(min_free_bytes: u64) -> Self {
        Self::with_free(min_free_bytes, crate::kernel::free_bytes)
    }

    /// A disk whose free space is whatever `free_bytes` says.
    pub fn with_free(
        min_free_bytes: u64,
        free_bytes: impl Fn(&Path) -> std::io::Result<u64> + Send + 'static,
    ) -> Self {
        Self {
            min_free_bytes,
            free_bytes: Box::new(free_bytes),
            fail: None,
        }
    }

    /// The same disk, failing where `fail` says so.
    #[must_use]
    pub fn failing(mut self, fail: impl FnMut(Step) -> Option<Fault> + Send + 'static) -> Self {
        self.fail = Some(Box::new(fail));
        self
    }

    /// Whether there is room left.
    ///
    /// # Errors
    /// [`JournalError::Full`] below the limit, [`JournalError::Io`] where nobody can say.
    pub fn check_free(&self, folder: &Path) -> Result<(), JournalError> {
        let free =
            (self.free_bytes)(folder).map_err(|cause| JournalError::Io(cause.to_string()))?;
        if free < self.min_free_bytes {
            Err(JournalError::Full {
                free_mib: free >> 20,
                min_mib: self.min_free_bytes >> 20,
            })
        } else {
            Ok(())
        }
    }

    pub(super) fn step(&mut self, step: Step) -> Result<(), JournalError> {
        match self.fail.as_mut().and_then(|fail| fail(step)) {
            None => Ok(()),
            Some(Fault::Full) => Err(JournalError::Full {
                free_mib: 0,
                min_mib: self.min_free_bytes >> 20,
            }),
            Some(Fault::Io) => Err(JournalError::Io("the device failed".to_owned())),
        }
    }
}
