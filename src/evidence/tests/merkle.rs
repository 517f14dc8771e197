//! Frontier, prover and verifier against the definitions of RFC 6962 written out naively.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use evidence::{
    ConsistencyProof, Frontier, FrontierError, Hash, InclusionProof, MAX_LOG_SIZE,
    MAX_PROOF_HASHES, MemoryTree, NodeSource, ProofError, ProveError, leaf_hash, node_hash,
    prove_consistency, prove_inclusion, root_at, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

const SIZES: u64 = 300;

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

fn tree(size: u64) -> MemoryTree {
    (0..size).map(leaf).collect()
}

/// MTH of RFC 6962, section 2.1, to the letter.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY_ROOT,
        [one] => *one,
        more => {
            let split = more.len().next_power_of_two() / 2;
            node_hash(naive_root(&more[..split]), naive_root(&more[split..]))
        }
    }
}

#[test]
fn every_size_has_the_naive_root_and_round_trips() {
    let whole = tree(SIZES);
    assert_eq!((whole.size(), tree(0).size()), (SIZES, 0));
    let mut frontier = Frontier::new();
    for size in 0..=SIZES {
        let expected = naive_root(&whole.leaves()[..size as usize]);
        assert_eq!(frontier.size(), size);
        assert_eq!(frontier.root(), expected, "size {size}");
        assert_eq!(root_at(size, &whole), Ok(expected), "size {size}");
        assert_eq!(Frontier::load(size, &whole).as_ref(), Ok(&frontier));
        assert_eq!(
            Frontier::from_bytes(&frontier.to_bytes()).as_ref(),
            Ok(&frontier)
        );
        frontier.append(leaf(size));
    }
}

#[test]
fn every_node_told_is_the_root_of_its_leaves() {
    let leaves: Vec<Hash> = (0..64).map(leaf).collect();
    let mut frontier = Frontier::new();
    let mut told = 0;
    for (count, leaf) in (1..).zip(&leaves) {
        frontier.append_with(*leaf, |level, index, hash| {
            let (start, end) = (index << level, (index + 1) << level);
            assert_eq!(end, if level == 0 { start + 1 } else { count });
            assert_eq!(hash, naive_root(&leaves[start as usize..end as usize]));
            told += 1;
        });
    }
    assert_eq!(told, 127);
}

#[test]
fn frontier_bytes_of_other_lengths_are_refused() {
    let mut frontier = Frontier::new();
    frontier.append_all((0..7).map(leaf));
    let bytes = frontier.to_bytes();
    assert_eq!(bytes.len(), 8 + 3 * 32);
    for found in 0..bytes.len() {
        let expected = if found < 8 { 8 } else { bytes.len() };
        assert_eq!(
            Frontier::from_bytes(&bytes[..found]),
            Err(FrontierError::Length { expected, found })
        );
    }
    for more in [1, 32] {
        let long = [bytes.clone(), vec![0; more]].concat();
        assert!(Frontier::from_bytes(&long).is_err());
    }
    let huge = [&(MAX_LOG_SIZE + 1).to_be_bytes()[..], &[0; 32]].concat();
    let size = MAX_LOG_SIZE + 1;
    assert_eq!(
        Frontier::from_bytes(&huge),
        Err(FrontierError::Size { size })
    );
}

#[test]
fn every_inclusion_proof_verifies() {
    let whole = tree(SIZES);
    for size in (1..=SIZES).filter(|size| size % 7 == 0 || *size <= 70 || *size >= 250) {
        let root = root_at(size, &whole).unwrap();
        for index in 0..size {
            let proof = prove_inclusion(index, size, &whole).unwrap();
            verify_inclusion(&proof, index, leaf(index), size, root).unwrap();
        }
    }
}

#[test]
fn every_consistency_proof_verifies() {
    let whole = tree(SIZES);
    let roots: Vec<Hash> = (0..=SIZES)
        .map(|size| root_at(size, &whole).unwrap())
        .collect();
    for new in (0..=SIZES).filter(|size| size % 7 == 0 || *size <= 70 || *size >= 250) {
        for old in 0..=new {
            let proof = prove_consistency(old, new, &whole).unwrap();
            let (old_root, new_root) = (roots[old as usize], roots[new as usize]);
            verify_consistency(&proof, old, old_root, new, new_root).unwrap();
        }
    }
}

#[test]
fn edges_of_consistency() {
    let three = tree(3).root();
    let none = ConsistencyProof::default();
    let some = ConsistencyProof(vec![three]);
    let empty = Hash::EMPTY_ROOT;
    assert_eq!(verify_consistency(&none, 0, empty, 0, empty), Ok(()));
    assert_eq!(verify_consistency(&none, 0, empty, 3, three), Ok(()));
    assert_eq!(verify_consistency(&none, 3, three, 3, three), Ok(()));
    for (proof, old, old_root, new, new_root) in [
        (&some, 0, empty, 3, three),
        (&none, 0, three, 3, three),
        (&none, 0, three, 0, three),
        (&none, 0, empty, 0, three),
        (&some, 3, three, 3, three),
        (&none, 3, three, 3, empty),
        (&none, 2, three, 3, three),
    ] {
        assert_eq!(
            verify_consistency(proof, old, old_root, new, new_root),
            Err(ProofError::Mismatch)
        );
    }
    for (old, new) in [(4, 3), (1, MAX_LOG_SIZE + 1), (u64::MAX, u64::MAX)] {
        assert_eq!(
            verify_consistency(&none, old, three, new, three),
            Err(ProofError::Range {
                from: old,
                size: new
            })
        );
    }
}

#[test]
fn no_proof_is_made_beyond_the_log() {
    let three = tree(3);
    assert_eq!(
        prove_inclusion(3, 3, &three),
        Err(ProveError::Range { from: 3, size: 3 })
    );
    assert_eq!(
        prove_consistency(4, 3, &three),
        Err(ProveError::Range { from: 4, size: 3 })
    );
    assert!(matches!(
        prove_inclusion(0, 9, &three),
        Err(ProveError::Source(_))
    ));
    assert!(three.node(1, 1).is_err());
}

#[test]
fn numbers_that_cannot_belong_together_are_named() {
    let root = tree(3).root();
    for (index, size) in [(3, 3), (0, 0), (u64::MAX, 3), (0, MAX_LOG_SIZE + 1)] {
        assert_eq!(
            verify_inclusion(&InclusionProof::default(), index, leaf(0), size, root),
            Err(ProofError::Range { from: index, size })
        );
    }
    let found = MAX_PROOF_HASHES + 1;
    let long = vec![root; found];
    assert_eq!(
        verify_inclusion(&InclusionProof(long.clone()), 0, leaf(0), 3, root),
        Err(ProofError::TooLong { found })
    );
    assert_eq!(
        verify_consistency(&ConsistencyProof(long), 2, leaf(0), 3, root),
        Err(ProofError::TooLong { found })
    );
}

#[test]
fn hostile_lengths_and_sizes_end_at_once() {
    let root = tree(3).root();
    for length in [0, 1, MAX_PROOF_HASHES, MAX_PROOF_HASHES + 1, 5000] {
        let hashes = vec![root; length];
        for size in [1, 2, 1 << 40, MAX_LOG_SIZE - 1, MAX_LOG_SIZE, u64::MAX] {
            for index in [0, size / 2, size - 1] {
                let inclusion = InclusionProof(hashes.clone());
                assert!(verify_inclusion(&inclusion, index, leaf(0), size, root).is_err());
            }
            for old in [1, size / 2 + 1, size] {
                let consistency = ConsistencyProof(hashes.clone());
                let verdict = verify_consistency(&consistency, old, leaf(0), size, root);
                assert!(verdict.is_err());
            }
        }
    }
}

fn flip(hash: &mut Hash, bit: usize) {
    hash.0[bit / 8] ^= 1 << (bit % 8);
}

/// A change to a list of hashes that leaves another list.
fn spoil(hashes: &mut Vec<Hash>, place: usize, bit: usize, how: u8) {
    if hashes.is_empty() {
        hashes.push(leaf(bit as u64));
        return;
    }
    let place = place % hashes.len();
    match how % 4 {
        0 => flip(&mut hashes[place], bit),
        1 => drop(hashes.remove(place)),
        2 => hashes.insert(place, leaf(bit as u64)),
        _ => hashes.push(hashes[place]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_change_to_an_inclusion_proof_is_refused(
        size in 1..SIZES, at in 0..SIZES, place: usize, bit in 0..256_usize, how: u8, other in 0..SIZES,
    ) {
        let index = at % size;
        let whole = tree(size);
        let (root, leaf_at) = (whole.root(), leaf(index));
        let good = prove_inclusion(index, size, &whole).unwrap();
        prop_assert_eq!(verify_inclusion(&good, index, leaf_at, size, root), Ok(()));

        let mut bad = good.clone();
        spoil(&mut bad.0, place, bit, how);
        prop_assert!(verify_inclusion(&bad, index, leaf_at, size, root).is_err());
        let (mut bad_leaf, mut bad_root) = (leaf_at, root);
        flip(&mut bad_leaf, bit);
        flip(&mut bad_root, bit);
        prop_assert!(verify_inclusion(&good, index, bad_leaf, size, root).is_err());
        prop_assert!(verify_inclusion(&good, index, leaf_at, size, bad_root).is_err());
        if other != index {
            prop_assert!(verify_inclusion(&good, other, leaf_at, size, root).is_err());
        }
        // Another size can give the leaf the same path: the size is bound by the signed head, not by
        // the path. The root of that other size is another, though.
        if other != size && other > index {
            let other_root = tree(other).root();
            prop_assert!(verify_inclusion(&good, index, leaf_at, size, other_root).is_err());
        }
    }

    #[test]
    fn any_change_to_a_consistency_proof_is_refused(
        new in 1..SIZES, at in 0..SIZES, place: usize, bit in 0..256_usize, how: u8, other in 0..SIZES,
    ) {
        let old = 1 + at % new;
        let whole = tree(new);
        let (old_root, new_root) = (root_at(old, &whole).unwrap(), whole.root());
        let good = prove_consistency(old, new, &whole).unwrap();
        prop_assert_eq!(verify_consistency(&good, old, old_root, new, new_root), Ok(()));

        let mut bad = good.clone();
        spoil(&mut bad.0, place, bit, how);
        prop_assert!(verify_consistency(&bad, old, old_root, new, new_root).is_err());
        let (mut bad_old, mut bad_new) = (old_root, new_root);
        flip(&mut bad_old, bit);
        flip(&mut bad_new, bit);
        prop_assert!(verify_consistency(&good, old, bad_old, new, new_root).is_err());
        prop_assert!(verify_consistency(&good, old, old_root, new, bad_new).is_err());
        if other != old {
            prop_assert!(verify_consistency(&good, other, old_root, new, new_root).is_err());
        }
    }

    #[test]
    fn a_changed_dropped_or_swapped_leaf_changes_the_root(
        size in 2..SIZES, at in 0..SIZES, bit in 0..256_usize,
    ) {
        let at = usize::try_from(at % size).unwrap();
        let whole = tree(size);
        let root_of = |leaves: Vec<Hash>| leaves.into_iter().collect::<MemoryTree>().root();
        let mut changed = whole.leaves().to_vec();
        flip(&mut changed[at], bit);
        prop_assert_ne!(root_of(changed), whole.root());
        let mut dropped = whole.leaves().to_vec();
        dropped.remove(at);
        prop_assert_ne!(root_of(dropped), whole.root());
        let mut swapped = whole.leaves().to_vec();
        swapped.swap(at, (at + 1) % usize::try_from(size).unwrap());
        prop_assert_ne!(root_of(swapped), whole.root());
    }
}
