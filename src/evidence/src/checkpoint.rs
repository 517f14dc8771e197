//! Heads of logs: C2SP `tlog-checkpoint`.
//!
//! The text is three lines: origin, size in decimal, root in base64. The standard lets a log add lines
//! of its own below; none of ours does, and a checkpoint with such lines is refused, because a line that
//! is signed and not understood could say anything. The key name of the log's signature is its origin.

use crate::hash::Hash;
use crate::key::{PublicKey, SigningKey};
use crate::note::{self, Kind, NoteError};
use crate::origin::{NameError, check_key_name};

/// Most entries a log can hold, 2^62. Other tools read sizes as signed 64-bit numbers, and
/// golang.org/x/mod's tlog never returns from a proof in a larger log.
pub const MAX_LOG_SIZE: u64 = 1 << 62;

/// A log's head: of this origin, with this many entries, this root. It is made by [`Checkpoint::new`] or
/// read from a note, so it is always one that can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// The log's identity.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root over the entries.
    pub root: Hash,
}

/// What is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not three lines of origin, size and root.
    #[error("the text is not a checkpoint")]
    Malformed,
    /// Lines beyond the third.
    #[error("the checkpoint has extension lines, which are not accepted")]
    Extended,
    /// The origin cannot be signed under.
    #[error(transparent)]
    Origin(#[from] NameError),
    /// More entries than a log can hold.
    #[error("a log of {size} entries is larger than a log can be")]
    Size {
        /// The size given.
        size: u64,
    },
    /// A log without entries has one root only, and this is another.
    #[error("the checkpoint is of an empty log, but its root is not the empty root")]
    EmptyRoot,
}

impl Checkpoint {
    /// A head to sign. Fails where the origin is no key name, the size is above [`MAX_LOG_SIZE`], or the
    /// log is empty and the root is not the empty root.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Checkpoint, CheckpointError> {
        check_key_name(origin)?;
        if size > MAX_LOG_SIZE {
            return Err(CheckpointError::Size { size });
        }
        if size == 0 && root != Hash::EMPTY_ROOT {
            return Err(CheckpointError::EmptyRoot);
        }
        Ok(Checkpoint {
            origin: origin.to_owned(),
            size,
            root,
        })
    }

    /// The text that is signed: three lines, each ended by a newline.
    #[must_use]
    pub fn to_text(&self) -> String {
        let root = self.root.to_base64();
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// Reads what [`Checkpoint::to_text`] wrote, and nothing else.
    pub fn from_text(text: &str) -> Result<Checkpoint, CheckpointError> {
        let read = tlog_tiles::Checkpoint::from_bytes(text.as_bytes())
            .map_err(|_| CheckpointError::Malformed)?;
        if !read.extension().is_empty() {
            return Err(CheckpointError::Extended);
        }
        Checkpoint::new(read.origin(), read.size(), Hash(read.hash().0))
    }
}

/// Signs a head: a note with one signature, under the origin as key name. The caller has persisted the
/// head first, and signs no other of the same size.
#[must_use]
pub fn sign_checkpoint(checkpoint: &Checkpoint, key: &SigningKey) -> String {
    let text = checkpoint.to_text();
    let id = note::key_id(&checkpoint.origin, Kind::Log, &key.public_key());
    let payload = key.sign(text.as_bytes()).to_vec();
    note::line(&checkpoint.origin, id, payload)
        .and_then(|line| note::write(&text, &[line]))
        .expect("an origin that was checked is a key name, and one signature fits a note")
}

/// The checkpoint in a note, if the log of this origin signed it with this key. Exactly one line by that
/// name and key is needed; lines by others are ignored, verified or not.
pub fn open_checkpoint(note: &str, origin: &str, key: &PublicKey) -> Result<Checkpoint, NoteError> {
    let parts = note::parse(note)?;
    let checkpoint = Checkpoint::from_text(parts.text)?;
    if checkpoint.origin != origin {
        return Err(NoteError::WrongOrigin {
            expected: origin.to_owned(),
            found: checkpoint.origin,
        });
    }
    let signature = parts.only(origin, note::key_id(origin, Kind::Log, key))?;
    key.verify(parts.text.as_bytes(), signature)
        .map_err(|_| NoteError::BadSignature {
            name: origin.to_owned(),
        })?;
    Ok(checkpoint)
}
