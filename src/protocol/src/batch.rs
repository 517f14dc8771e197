//! How entries travel: `POST /v1/kiosks/{id}/entries`, `application/x-ndjson`, optionally zstd.
//!
//! Line 1 is the head; each further line is one entry's exact bytes, or `{"leaf":"<hash>"}` where the kiosk's own copy is
//! damaged and only the leaf hash is left. Bounds hold after decompression.

use evidence::Hash;
use serde::{Deserialize, Serialize};

use crate::entry::MAX_ENTRY_BYTES;
use crate::text::as_hash;

/// The most entries in one batch.
pub const MAX_BATCH_ENTRIES: usize = 1_000;
/// The most bytes of a batch, after decompression.
pub const MAX_BATCH_BYTES: usize = 2 * 1024 * 1024;
/// The media type.
pub const MEDIA_TYPE: &str = "application/x-ndjson";

/// The first line of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The index of the first entry that follows.
    pub start: u64,
    /// The kiosk's signed checkpoint over its log, the entries that follow included.
    pub checkpoint: String,
    /// The size of the ledger's newest checkpoint that the kiosk holds; 0 where it holds none.
    pub ledger_size: u64,
    /// That checkpoint as the kiosk keeps it, with its own cosignature: what an issuer that was restored cannot explain away.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ledger: Option<String>,
}

/// One leaf of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf<'a> {
    /// An entry's exact bytes.
    Entry(&'a [u8]),
    /// The leaf hash of an entry whose bytes are damaged.
    Damaged(Hash),
}

impl Leaf<'_> {
    /// The leaf's hash.
    pub fn hash(&self) -> Hash {
        match self {
            Self::Entry(bytes) => evidence::leaf_hash(bytes),
            Self::Damaged(hash) => *hash,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DamagedLine {
    #[serde(with = "as_hash")]
    leaf: Hash,
}

/// A batch as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The first line.
    pub head: Head,
    /// The leaves, in order.
    pub leaves: Vec<Leaf<'a>>,
}

/// Why bytes are no batch. All of these are structural: nothing of it is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// More bytes than [`MAX_BATCH_BYTES`].
    #[error("the batch has more than {MAX_BATCH_BYTES} bytes")]
    TooLarge,
    /// More entries than [`MAX_BATCH_ENTRIES`].
    #[error("the batch has more than {MAX_BATCH_ENTRIES} entries")]
    TooMany,
    /// The first line is no head.
    #[error("line 1 of the batch is not its head: {0}")]
    Head(String),
    /// The last line does not end.
    #[error("the batch does not end with a line's end: it was cut")]
    Cut,
    /// A line longer than an entry may be.
    #[error("line {line} of the batch has more than {MAX_ENTRY_BYTES} bytes")]
    LongLine {
        /// The line, from 1.
        line: usize,
    },
}

/// Writes a batch.
///
/// # Errors
/// Where the head cannot be written, which a checkpoint of text always can.
pub fn write(head: &Head, leaves: &[Leaf<'_>]) -> Result<Vec<u8>, BatchError> {
    let mut out = serde_json::to_vec(head).map_err(|e| BatchError::Head(e.to_string()))?;
    out.push(b'\n');
    for leaf in leaves {
        match leaf {
            Leaf::Entry(bytes) => out.extend_from_slice(bytes),
            Leaf::Damaged(hash) => out.extend_from_slice(damaged_line(*hash).as_bytes()),
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// The line that stands for an entry whose bytes are damaged.
pub fn damaged_line(hash: Hash) -> String {
    format!("{{\"leaf\":\"{}\"}}", hash.to_hex())
}

/// Reads a batch. Only its shape is checked here; signature, root and meaning are the caller's.
///
/// # Errors
/// See [`BatchError`].
pub fn read(bytes: &[u8]) -> Result<Batch<'_>, BatchError> {
    if bytes.len() > MAX_BATCH_BYTES {
        return Err(BatchError::TooLarge);
    }
    let body = bytes.strip_suffix(b"\n").ok_or(BatchError::Cut)?;
    let mut lines = body.split(|b| *b == b'\n');
    let first = lines.next().unwrap_or_default();
    let head: Head =
        crate::strict::from_slice(first).map_err(|e| BatchError::Head(e.to_string()))?;
    let mut leaves = Vec::new();
    for (number, line) in lines.enumerate() {
        if leaves.len() == MAX_BATCH_ENTRIES {
            return Err(BatchError::TooMany);
        }
        if line.len() > MAX_ENTRY_BYTES {
            return Err(BatchError::LongLine { line: number + 2 });
        }
        leaves.push(read_leaf(line));
    }
    Ok(Batch { head, leaves })
}

/// One line of a batch or of an archived log.
pub fn read_leaf(line: &[u8]) -> Leaf<'_> {
    // Entries begin with their version, so the two cannot be mistaken for each other.
    if line.starts_with(b"{\"leaf\":")
        && let Ok(DamagedLine { leaf }) = crate::strict::from_slice(line)
    {
        return Leaf::Damaged(leaf);
    }
    Leaf::Entry(line)
}

/// The answer to a batch that was taken, or that was held already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The size of the log that the issuer holds now.
    pub size: u64,
    /// The kiosk's checkpoint with the issuer's cosignature.
    pub receipt: String,
    /// The ledger's newest signed checkpoint.
    pub ledger: String,
    /// The proof that the ledger the kiosk holds is a prefix of it: hashes in base64. Empty where it holds none.
    pub consistency: Vec<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refusals_name_the_line() {
        let head = Head {
            start: 0,
            checkpoint: "c".into(),
            ledger_size: 0,
            ledger: None,
        };
        let long = vec![b'x'; MAX_ENTRY_BYTES + 1];
        let bytes = write(&head, &[Leaf::Entry(b"{}"), Leaf::Entry(&long)]).unwrap();
        assert_eq!(read(&bytes), Err(BatchError::LongLine { line: 3 }));
        assert_eq!(read(&bytes[..5]), Err(BatchError::Cut));
        assert!(matches!(read(b"{}\n"), Err(BatchError::Head(_))));
        let many = vec![Leaf::Entry(b"{}"); MAX_BATCH_ENTRIES + 1];
        assert_eq!(
            read(&write(&head, &many).unwrap()),
            Err(BatchError::TooMany)
        );
    }

    proptest! {
        #[test]
        fn round_trip(lines in proptest::collection::vec("[ -~]{1,40}", 0..20), damaged in any::<[u8; 32]>()) {
            let head = Head { start: 3, checkpoint: "a\nb\n".into(), ledger_size: 9, ledger: None };
            let mut leaves: Vec<Leaf<'_>> = lines.iter().map(|l| Leaf::Entry(l.as_bytes())).collect();
            leaves.push(Leaf::Damaged(Hash(damaged)));
            let bytes = write(&head, &leaves).unwrap();
            prop_assert_eq!(read(&bytes).unwrap(), Batch { head, leaves });
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
        }
    }
}
