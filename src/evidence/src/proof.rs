//! Checking proofs: RFC 6962, sections 2.1.1 and 2.1.2.
//!
//! A proof is only its hashes; index, sizes and roots come from what the caller already trusts, that is
//! from signed heads. Nothing panics on hostile input: lengths and sizes are bounded first.

use crate::checkpoint::MAX_LOG_SIZE;
use crate::hash::Hash;

/// Hashes in a proof: no log up to [`MAX_LOG_SIZE`] needs more.
pub const MAX_PROOF_HASHES: usize = 64;

/// The audit path of one leaf: its sibling first, the root's child last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InclusionProof(pub Vec<Hash>);

/// The proof that one log begins with another, in the order of RFC 6962, section 2.1.2.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsistencyProof(pub Vec<Hash>);

/// Why a proof does not hold. Either way, what it was to show is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The numbers cannot belong together: index not below size, old size above new, or a size above
    /// [`MAX_LOG_SIZE`].
    #[error("no proof can lead from {from} to a log of {size} entries")]
    Range {
        /// The index, or the old size.
        from: u64,
        /// The size of the log.
        size: u64,
    },
    /// More hashes than [`MAX_PROOF_HASHES`].
    #[error("a proof of {found} hashes is longer than {MAX_PROOF_HASHES}")]
    TooLong {
        /// Hashes given.
        found: usize,
    },
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the root")]
    Mismatch,
}

/// Checks that the log of `size` leaves with root `root` has `leaf` (a leaf hash) at `index`.
pub fn verify_inclusion(
    proof: &InclusionProof,
    index: u64,
    leaf: Hash,
    size: u64,
    root: Hash,
) -> Result<(), ProofError> {
    if index >= size || size > MAX_LOG_SIZE {
        return Err(ProofError::Range { from: index, size });
    }
    let path = foreign(&proof.0)?;
    tlog_tiles::check_record(&path, size, theirs(root), index, theirs(leaf))
        .map_err(|_| ProofError::Mismatch)
}

/// Checks that the log of `new_size` leaves with root `new_root` begins with the log of `old_size`
/// leaves with root `old_root`.
///
/// Every log extends the empty one: with `old_size` 0 the proof must be empty and `old_root` the empty
/// root, and nothing is learnt about `new_root` unless `new_size` is 0 as well. With equal sizes the
/// proof must be empty and the roots equal.
pub fn verify_consistency(
    proof: &ConsistencyProof,
    old_size: u64,
    old_root: Hash,
    new_size: u64,
    new_root: Hash,
) -> Result<(), ProofError> {
    if old_size > new_size || new_size > MAX_LOG_SIZE {
        return Err(ProofError::Range {
            from: old_size,
            size: new_size,
        });
    }
    let holds = if old_size == new_size {
        let plausible = new_size != 0 || new_root == Hash::EMPTY_ROOT;
        proof.0.is_empty() && old_root == new_root && plausible
    } else if old_size == 0 {
        proof.0.is_empty() && old_root == Hash::EMPTY_ROOT
    } else {
        let path = foreign(&proof.0)?;
        let (new_root, old_root) = (theirs(new_root), theirs(old_root));
        tlog_tiles::check_tree(&path, new_size, new_root, old_size, old_root).is_ok()
    };
    if holds {
        Ok(())
    } else {
        Err(ProofError::Mismatch)
    }
}

fn foreign(hashes: &[Hash]) -> Result<Vec<tlog_tiles::Hash>, ProofError> {
    if hashes.len() > MAX_PROOF_HASHES {
        return Err(ProofError::TooLong {
            found: hashes.len(),
        });
    }
    Ok(hashes.iter().copied().map(theirs).collect())
}

fn theirs(hash: Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(hash.0)
}
