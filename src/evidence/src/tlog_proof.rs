//! C2SP `tlog-proof` files: one entry, its audit path and the signed head, in one text.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64>                     (omitted where there is none; not authenticated)
//! index <decimal>
//! <base64 of a hash>                 (none or more, the leaf's sibling first)
//!
//! <checkpoint note, verbatim>
//! ```
//!
//! The entry itself is not inside: the reader brings its bytes, or its leaf hash. Limits:
//! [`MAX_TLOG_PROOF_BYTES`], [`MAX_EXTRA_BYTES`].

use crate::checkpoint::{Checkpoint, open_checkpoint};
use crate::hash::Hash;
use crate::key::PublicKey;
use crate::note::{MAX_NOTE_BYTES, NoteError};
use crate::proof::{InclusionProof, MAX_PROOF_HASHES, ProofError, verify_inclusion};
use base64::prelude::{BASE64_STANDARD, Engine as _};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Longest extra data, in bytes.
pub const MAX_EXTRA_BYTES: usize = 4096;
/// Longest proof file that is read, in bytes; the longest that can be made is shorter.
pub const MAX_TLOG_PROOF_BYTES: usize = 16 * 1024;

/// A proof that an entry is in a log. Reading one verifies nothing: see [`TlogProof::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Place of the entry in the log, from 0.
    pub index: u64,
    /// The entry's audit path in the log of the checkpoint's size.
    pub path: InclusionProof,
    /// Bytes that travel along and are not authenticated; empty for none. Written only up to
    /// [`MAX_EXTRA_BYTES`].
    pub extra: Vec<u8>,
    /// The signed head, with any cosignatures, exactly as it was signed.
    pub checkpoint_note: String,
}

/// Why a proof file shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Longer than [`MAX_TLOG_PROOF_BYTES`], or its extra data than [`MAX_EXTRA_BYTES`], or its note than a note may be.
    #[error("the proof is longer than a proof can be")]
    TooLong,
    /// A line out of form, counted from 1.
    #[error("line {line} of the proof is not {wanted}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What was expected there.
        wanted: &'static str,
    },
    /// The signed head does not open.
    #[error(transparent)]
    Checkpoint(#[from] NoteError),
    /// The path does not lead from the entry to the head.
    #[error(transparent)]
    Path(#[from] ProofError),
}

impl TlogProof {
    /// The text, ending as the checkpoint note ends. Fails with [`TlogProofError::TooLong`].
    pub fn to_text(&self) -> Result<String, TlogProofError> {
        if self.extra.len() > MAX_EXTRA_BYTES
            || self.path.0.len() > MAX_PROOF_HASHES
            || self.checkpoint_note.len() > MAX_NOTE_BYTES
        {
            return Err(TlogProofError::TooLong);
        }
        let mut text = format!("{HEADER}\n");
        if !self.extra.is_empty() {
            text.push_str("extra ");
            BASE64_STANDARD.encode_string(&self.extra, &mut text);
            text.push('\n');
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.path.0 {
            BASE64_STANDARD.encode_string(hash.0, &mut text);
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint_note);
        Ok(text)
    }

    /// Reads what [`TlogProof::to_text`] wrote. The note is taken as it stands, unread.
    pub fn parse(text: &str) -> Result<TlogProof, TlogProofError> {
        if text.len() > MAX_TLOG_PROOF_BYTES {
            return Err(TlogProofError::TooLong);
        }
        let wanted = |line, wanted| TlogProofError::Malformed { line, wanted };
        let end = text
            .find("\n\n")
            .ok_or_else(|| wanted(text.lines().count(), "an empty line before the checkpoint"))?;
        let (head, checkpoint_note) = (&text[..end], &text[end + 2..]);
        if checkpoint_note.len() > MAX_NOTE_BYTES {
            return Err(TlogProofError::TooLong);
        }
        let mut lines = head.split('\n').zip(1..).peekable();
        if !matches!(lines.next(), Some((HEADER, _))) {
            return Err(wanted(1, "\"c2sp.org/tlog-proof@v1\""));
        }
        let mut extra = Vec::new();
        if let Some((line, at)) = lines.next_if(|(line, _)| line.starts_with("extra ")) {
            extra = read_extra(line).ok_or(wanted(at, "\"extra\" with base64"))?;
        }
        if extra.len() > MAX_EXTRA_BYTES {
            return Err(TlogProofError::TooLong);
        }
        let index = lines
            .next()
            .and_then(|(line, _)| read_index(line))
            .ok_or(wanted(
                if extra.is_empty() { 2 } else { 3 },
                "\"index\" with a number",
            ))?;
        let mut path = Vec::new();
        for (line, at) in lines {
            let hash = Hash::from_base64(line).map_err(|_| wanted(at, "a hash in base64"))?;
            if path.len() == MAX_PROOF_HASHES {
                return Err(TlogProofError::TooLong);
            }
            path.push(hash);
        }
        Ok(TlogProof {
            index,
            path: InclusionProof(path),
            extra,
            checkpoint_note: checkpoint_note.to_owned(),
        })
    }

    /// The head under which the entry with this leaf hash is proven to lie, if the log of this origin
    /// signed it with this key. Cosignatures are for the caller to open on `checkpoint_note`.
    pub fn verify(
        &self,
        leaf: Hash,
        origin: &str,
        log_key: &PublicKey,
    ) -> Result<Checkpoint, TlogProofError> {
        let head = open_checkpoint(&self.checkpoint_note, origin, log_key)?;
        verify_inclusion(&self.path, self.index, leaf, head.size, head.root)?;
        Ok(head)
    }
}

fn read_extra(line: &str) -> Option<Vec<u8>> {
    let data = BASE64_STANDARD.decode(line.strip_prefix("extra ")?).ok()?;
    (!data.is_empty()).then_some(data)
}

/// One decimal for each number: no sign, no leading zero.
fn read_index(line: &str) -> Option<u64> {
    let digits = line.strip_prefix("index ")?;
    let index: u64 = digits.parse().ok()?;
    (index.to_string() == digits).then_some(index)
}
