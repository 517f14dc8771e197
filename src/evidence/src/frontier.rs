//! The compact range of a whole log: what an appender must keep to compute the next root.
//!
//! A log of `size` entries is a row of complete subtrees, one for each set bit of `size`, largest first;
//! the frontier is the size and their hashes, at most 64. Appending touches no other node, so a batch
//! costs what it weighs.
//!
//! **Bytes.** `size` as u64, big-endian, then 32 bytes for each peak, largest first. There is no version
//! and no padding: the length is determined by the size. The bytes carry no integrity of their own;
//! whoever stores them checks the root against a signed head.

use crate::checkpoint::MAX_LOG_SIZE;
use crate::hash::{Hash, node_hash};
use crate::tree::NodeSource;

const SIZE_BYTES: usize = 8;
const HASH_BYTES: usize = 32;

/// The size of a log and the hashes of its complete subtrees, largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

/// Bytes that are no frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// The length does not fit the size that the bytes begin with.
    #[error("a frontier of this size has {expected} bytes, found {found}")]
    Length {
        /// Bytes that the size calls for, or 8 where even the size is incomplete.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The size is above [`MAX_LOG_SIZE`].
    #[error("a log of {size} entries is larger than a log can be")]
    Size {
        /// The size read.
        size: u64,
    },
}

impl Frontier {
    /// The frontier of an empty log.
    #[must_use]
    pub fn new() -> Frontier {
        Frontier::default()
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The log's root: [`Hash::EMPTY_ROOT`] while it has no leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.peaks)
    }

    /// Appends one leaf hash.
    pub fn append(&mut self, leaf: Hash) {
        self.append_with(leaf, |_, _, _| {});
    }

    /// Appends leaf hashes in order.
    pub fn append_all(&mut self, leaves: impl IntoIterator<Item = Hash>) {
        for leaf in leaves {
            self.append(leaf);
        }
    }

    /// Appends one leaf hash and tells `on_node(level, index, hash)` of every complete subtree that this
    /// completes: first the leaf at level 0, then upwards. A store that keeps these can answer as a
    /// [`NodeSource`]. Level `l`, index `i` covers the leaves `i << l` up to `(i + 1) << l`.
    pub fn append_with(&mut self, leaf: Hash, mut on_node: impl FnMut(u8, u64, Hash)) {
        let mut index = self.size;
        let mut level = 0;
        let mut node = leaf;
        on_node(level, index, node);
        while index & 1 == 1 {
            let left = self
                .peaks
                .pop()
                .expect("there is a peak for each set bit of the size");
            node = node_hash(left, node);
            index >>= 1;
            level += 1;
            on_node(level, index, node);
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// Reads the frontier of the first `size` leaves back from kept nodes. Fails as the source fails.
    pub fn load<S: NodeSource + ?Sized>(size: u64, source: &S) -> Result<Frontier, S::Error> {
        let mut peaks = Vec::new();
        let mut start = 0;
        while start < size {
            let level = (size - start).ilog2();
            peaks.push(source.node(level_u8(level), start >> level)?);
            start += 1 << level;
        }
        Ok(Frontier { size, peaks })
    }

    /// The bytes that the module describes: 8, and 32 for each set bit of the size.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SIZE_BYTES + self.peaks.len() * HASH_BYTES);
        bytes.extend_from_slice(&self.size.to_be_bytes());
        for peak in &self.peaks {
            bytes.extend_from_slice(&peak.0);
        }
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] wrote; any other length is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Frontier, FrontierError> {
        let found = bytes.len();
        let Some((size, peaks)) = bytes.split_first_chunk::<SIZE_BYTES>() else {
            return Err(FrontierError::Length {
                expected: SIZE_BYTES,
                found,
            });
        };
        let size = u64::from_be_bytes(*size);
        if size > MAX_LOG_SIZE {
            return Err(FrontierError::Size { size });
        }
        let (peaks, rest) = peaks.as_chunks::<HASH_BYTES>();
        let count = size.count_ones() as usize;
        if peaks.len() != count || !rest.is_empty() {
            return Err(FrontierError::Length {
                expected: SIZE_BYTES + count * HASH_BYTES,
                found,
            });
        }
        Ok(Frontier {
            size,
            peaks: peaks.iter().copied().map(Hash).collect(),
        })
    }
}

/// The root over complete subtrees in a row, largest first.
pub(crate) fn fold(peaks: &[Hash]) -> Hash {
    let Some((last, larger)) = peaks.split_last() else {
        return Hash::EMPTY_ROOT;
    };
    larger
        .iter()
        .rev()
        .fold(*last, |right, left| node_hash(*left, right))
}

/// A level that came out of `ilog2` of a u64.
pub(crate) fn level_u8(level: u32) -> u8 {
    u8::try_from(level).expect("the logarithm of a u64 is below 64")
}
