//! C2SP signed notes: a text, an empty line, one line for each signature.
//!
//! A note is at most [`MAX_NOTE_BYTES`] long. Reading finds the one line under a given name and key id;
//! lines under other names or ids are carried along unread, two lines under the same name and id are
//! refused, because two verifiers might then look at different ones.

use crate::checkpoint::CheckpointError;
use crate::key::PublicKey;
use crate::origin::NameError;
use signed_note::Signature;

/// Longest note that is read or made, in bytes: a head under the longest origin, its log's signature
/// and eight cosignatures fit into it.
pub const MAX_NOTE_BYTES: usize = 4096;

/// Why a note says nothing. None of these gets better by asking again with the same note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`MAX_NOTE_BYTES`], or it would become so.
    #[error("a note of {found} bytes is longer than {MAX_NOTE_BYTES}")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// Not a signed note: control characters, no empty line, or a signature line out of form.
    #[error("this is not a signed note")]
    Malformed,
    /// The signed text is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is another log's.
    #[error("the checkpoint is of {found:?}, not of {expected:?}")]
    WrongOrigin {
        /// The origin asked for.
        expected: String,
        /// The origin in the note.
        found: String,
    },
    /// No signature line by this name and key.
    #[error("the note is not signed by {name:?} with the expected key")]
    Unsigned {
        /// The name asked for.
        name: String,
    },
    /// More than one signature line by this name and key.
    #[error("the note is signed by {name:?} more than once")]
    Repeated {
        /// The name asked for.
        name: String,
    },
    /// The signature by this name and key is wrong.
    #[error("the signature by {name:?} does not verify")]
    BadSignature {
        /// The name asked for.
        name: String,
    },
    /// The time of a cosignature is above 2^63 - 1 seconds.
    #[error("a cosignature's time of {time_s} s is out of range")]
    Time {
        /// Seconds since 1970 found.
        time_s: u64,
    },
    /// The name to sign under is none.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// The text of a note and its signature lines, all well-formed, none verified.
pub(crate) struct Parts<'a> {
    /// The text with its final newline: what is signed.
    pub(crate) text: &'a str,
    /// The signature lines, in order.
    pub(crate) signatures: Vec<Signature>,
}

/// The kinds of Ed25519 signature that notes here carry; the number is part of the key id.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A log's own signature.
    Log = 0x01,
    /// A `cosignature/v1`.
    Cosignature = 0x04,
}

/// The 32-bit key id of C2SP signed notes for a name and key.
pub(crate) fn key_id(name: &str, kind: Kind, key: &PublicKey) -> u32 {
    let mut typed = vec![kind as u8];
    typed.extend_from_slice(key.as_bytes());
    signed_note::key_id(name, &typed)
}

/// Takes a note apart. Fails with `TooLong` or `Malformed`.
pub(crate) fn parse(note: &str) -> Result<Parts<'_>, NoteError> {
    if note.len() > MAX_NOTE_BYTES {
        return Err(NoteError::TooLong { found: note.len() });
    }
    signed_note::Note::from_bytes(note.as_bytes()).map_err(|_| NoteError::Malformed)?;
    let end = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
    let (text, lines) = (&note[..=end], &note[end + 2..]);
    let signatures = lines
        .lines()
        .map(|line| Signature::from_bytes(line.as_bytes()).map_err(|_| NoteError::Malformed))
        .collect::<Result<_, _>>()?;
    Ok(Parts { text, signatures })
}

impl Parts<'_> {
    /// The bytes of the one signature under the name and key id, not verified.
    pub(crate) fn only(&self, name: &str, id: u32) -> Result<&[u8], NoteError> {
        let mut ours = self
            .signatures
            .iter()
            .filter(|line| line.name() == name && line.id() == id);
        let name = || name.to_owned();
        let first = ours
            .next()
            .ok_or_else(|| NoteError::Unsigned { name: name() })?;
        match ours.next() {
            None => Ok(first.signature()),
            Some(_) => Err(NoteError::Repeated { name: name() }),
        }
    }
}

/// Writes a note. Names were checked, so lines are well-formed; fails with `TooLong`.
pub(crate) fn write(text: &str, signatures: &[Signature]) -> Result<String, NoteError> {
    let mut note = format!("{text}\n");
    for signature in signatures {
        note.push_str(&String::from_utf8(signature.to_bytes()).map_err(|_| NoteError::Malformed)?);
    }
    if note.len() > MAX_NOTE_BYTES {
        return Err(NoteError::TooLong { found: note.len() });
    }
    Ok(note)
}

/// One signature line under a checked name.
pub(crate) fn line(name: &str, id: u32, payload: Vec<u8>) -> Result<Signature, NoteError> {
    Signature::new(name.to_owned(), id, payload).map_err(|_| NoteError::Malformed)
}
