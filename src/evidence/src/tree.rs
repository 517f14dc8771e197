//! Making proofs from kept nodes.
//!
//! A [`NodeSource`] gives the hashes of complete subtrees, which never change once they exist; a store
//! learns them from [`Frontier::append_with`]. From these every proof about every size up to the log's
//! can be made. [`MemoryTree`] is the source for exports and audits, where all leaves are at hand.

use crate::frontier::{Frontier, fold, level_u8};
use crate::hash::Hash;
use crate::proof::{ConsistencyProof, InclusionProof};

/// Where the hashes of complete subtrees are kept.
pub trait NodeSource {
    /// Why a node could not be had: the store's own error.
    type Error;

    /// The hash of the complete subtree at `level` (0 is the leaves) and `index`. It covers the leaves
    /// `index << level` up to `(index + 1) << level`, and is asked for only within the stated size.
    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

impl<S: NodeSource + ?Sized> NodeSource for &S {
    type Error = S::Error;

    fn node(&self, level: u8, index: u64) -> Result<Hash, S::Error> {
        (**self).node(level, index)
    }
}

/// Why a proof was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// There is no such proof: the index is not below the size, or the old size is above the new.
    #[error("no proof from {from} in a log of {size} entries")]
    Range {
        /// The index, or the old size, asked for.
        from: u64,
        /// The size of the log that the proof was to be in.
        size: u64,
    },
    /// The source of nodes failed.
    #[error("a node of the log could not be read")]
    Source(#[source] E),
}

/// The root of the first `size` leaves. Fails as the source fails.
pub fn root_at<S: NodeSource + ?Sized>(size: u64, source: &S) -> Result<Hash, S::Error> {
    range_root(0, size, source)
}

/// The RFC 6962 audit path (section 2.1.1) of the leaf at `index` in the log of `size` leaves, the
/// leaf's sibling first. Fails where `index >= size`, or as the source fails.
pub fn prove_inclusion<S: NodeSource + ?Sized>(
    index: u64,
    size: u64,
    source: &S,
) -> Result<InclusionProof, ProveError<S::Error>> {
    if index >= size {
        return Err(ProveError::Range { from: index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + largest_power_below(end - start);
        if index < middle {
            path.push(range_root(middle, end, source).map_err(ProveError::Source)?);
            end = middle;
        } else {
            path.push(range_root(start, middle, source).map_err(ProveError::Source)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(InclusionProof(path))
}

/// The RFC 6962 consistency proof (section 2.1.2) that the log of `new` leaves begins with the log of
/// `old` leaves. It is empty where `old` is 0 or equals `new`, since there is nothing to show. Fails
/// where `old > new`, or as the source fails.
pub fn prove_consistency<S: NodeSource + ?Sized>(
    old: u64,
    new: u64,
    source: &S,
) -> Result<ConsistencyProof, ProveError<S::Error>> {
    if old > new {
        return Err(ProveError::Range {
            from: old,
            size: new,
        });
    }
    if old == 0 {
        return Ok(ConsistencyProof(Vec::new()));
    }
    let (mut start, mut end) = (0, new);
    let mut proof = Vec::new();
    while old != end {
        let middle = start + largest_power_below(end - start);
        if old <= middle {
            proof.push(range_root(middle, end, source).map_err(ProveError::Source)?);
            end = middle;
        } else {
            proof.push(range_root(start, middle, source).map_err(ProveError::Source)?);
            start = middle;
        }
    }
    // The verifier holds the old root itself; only a part of it must be given.
    if start != 0 {
        proof.push(range_root(start, end, source).map_err(ProveError::Source)?);
    }
    proof.reverse();
    Ok(ConsistencyProof(proof))
}

/// The largest power of two below `n`, for `n` of at least 2: where RFC 6962 splits a tree.
fn largest_power_below(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The hash over the leaves `start..end`, where `start` is a place at which RFC 6962 splits.
fn range_root<S: NodeSource + ?Sized>(
    mut start: u64,
    end: u64,
    source: &S,
) -> Result<Hash, S::Error> {
    let mut peaks = Vec::new();
    while start < end {
        let level = (end - start).ilog2();
        peaks.push(source.node(level_u8(level), start >> level)?);
        start += 1 << level;
    }
    Ok(fold(&peaks))
}

/// A whole log's nodes in memory: 64 bytes or less for each leaf.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryTree {
    frontier: Frontier,
    levels: Vec<Vec<Hash>>,
}

/// A node beyond what a [`MemoryTree`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree has no complete subtree at level {level}, index {index}")]
pub struct MissingNode {
    /// The level asked for.
    pub level: u8,
    /// The index asked for.
    pub index: u64,
}

impl MemoryTree {
    /// An empty tree.
    #[must_use]
    pub fn new() -> MemoryTree {
        MemoryTree::default()
    }

    /// Appends one leaf hash.
    pub fn append(&mut self, leaf: Hash) {
        let levels = &mut self.levels;
        self.frontier.append_with(leaf, |level, _, hash| {
            let level = usize::from(level);
            if levels.len() == level {
                levels.push(Vec::new());
            }
            levels[level].push(hash);
        });
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root over all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The frontier over all leaves.
    #[must_use]
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The leaf hashes, in order.
    #[must_use]
    pub fn leaves(&self) -> &[Hash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }
}

impl FromIterator<Hash> for MemoryTree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> MemoryTree {
        let mut tree = MemoryTree::new();
        tree.extend(leaves);
        tree
    }
}

impl Extend<Hash> for MemoryTree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

impl NodeSource for MemoryTree {
    type Error = MissingNode;

    fn node(&self, level: u8, index: u64) -> Result<Hash, MissingNode> {
        let place = usize::try_from(index).ok();
        self.levels
            .get(usize::from(level))
            .zip(place)
            .and_then(|(row, place)| row.get(place))
            .copied()
            .ok_or(MissingNode { level, index })
    }
}
