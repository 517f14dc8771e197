//! Do two heads contradict each other?
//!
//! Both heads must have been opened under the log's key by the caller: then a [`Relation::Fork`] is proof,
//! to anyone, that the key signed two histories. It does not say which of them is honest.

use crate::checkpoint::Checkpoint;
use crate::hash::Hash;
use crate::proof::{ConsistencyProof, verify_consistency};

/// How two signed heads stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// They are heads of different logs.
    OtherLog,
    /// One is the other, or is shown to extend it.
    Consistent,
    /// They have different sizes, and nothing shows that the longer extends the shorter. A proof that
    /// fails shows nothing: anyone can write a wrong one.
    Unproven,
    /// They cannot both be heads of one append-only log.
    Fork,
}

/// Compares two heads in either order, with a consistency proof from the smaller to the larger size
/// where there is one. Heads of one origin and size with different roots are a fork; for heads of
/// different sizes see [`conflict_by_prefix`].
#[must_use]
pub fn conflict(a: &Checkpoint, b: &Checkpoint, proof: Option<&ConsistencyProof>) -> Relation {
    if a.origin != b.origin {
        return Relation::OtherLog;
    }
    if a.size == b.size {
        return if a.root == b.root {
            Relation::Consistent
        } else {
            Relation::Fork
        };
    }
    let (old, new) = if a.size < b.size { (a, b) } else { (b, a) };
    match proof {
        Some(proof) if extends(old.root, old, new, proof) => Relation::Consistent,
        // Every log extends the empty one, and of an empty log there is one root only.
        _ if old.size == 0 => Relation::Consistent,
        _ => Relation::Unproven,
    }
}

/// Whether `longer` is shown to begin with something else than `shorter`: `prefix_root` is the root that
/// the longer log has at the shorter's size, and `proof` leads from there to the longer head. Whoever
/// holds the longer log's entries can make both. True is a proven fork.
#[must_use]
pub fn conflict_by_prefix(
    shorter: &Checkpoint,
    longer: &Checkpoint,
    prefix_root: Hash,
    proof: &ConsistencyProof,
) -> bool {
    shorter.origin == longer.origin
        && prefix_root != shorter.root
        && extends(prefix_root, shorter, longer, proof)
}

fn extends(old_root: Hash, old: &Checkpoint, new: &Checkpoint, proof: &ConsistencyProof) -> bool {
    verify_consistency(proof, old.size, old_root, new.size, new.root).is_ok()
}
