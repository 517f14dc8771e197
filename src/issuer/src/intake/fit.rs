//! Whether a batch fits the log that is held. Pure.
//!
//! A fork is said only where it is proven: a checkpoint under the kiosk's own key that cannot hold beside the one that
//! is held. Leaves that differ without such a checkpoint may be a damaged card, and a kiosk must not seal a log for that.

use evidence::{Checkpoint, Frontier, Hash};

/// How a batch stands to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// All of it is held already.
    Held,
    /// It goes on from what is held, to this frontier.
    Advances(Frontier),
    /// It proves two histories under one key.
    Fork,
    /// Its checkpoint is not that of its entries.
    Misfit,
}

/// Compares a batch with the log.
///
/// `before` is the log's frontier where the batch starts, `held` the leaves held from there on (at most as many as are
/// offered), `offered` the batch's leaves, and `at_checkpoint` the log's root at the checkpoint's size where the log is
/// that long.
pub fn fit(
    before: Frontier,
    held: &[Hash],
    offered: &[Hash],
    at_checkpoint: Option<Hash>,
    checkpoint: &Checkpoint,
) -> Fit {
    // The kiosk signed a head of a size that is held, over something else: that alone is proof.
    if at_checkpoint.is_some_and(|root| root != checkpoint.root) {
        return Fit::Fork;
    }
    let overlap_agrees = offered.starts_with(held);
    let mut frontier = before;
    frontier.append_all(offered.iter().copied());
    let is_of_entries = frontier.size() == checkpoint.size && frontier.root() == checkpoint.root;
    match (is_of_entries, overlap_agrees) {
        (false, _) => Fit::Misfit,
        (true, false) => Fit::Fork,
        (true, true) if at_checkpoint.is_some() => Fit::Held,
        (true, true) => Fit::Advances(frontier),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn leaf(log: u8, index: u64) -> Hash {
        evidence::leaf_hash(format!("{log}/{index}").as_bytes())
    }

    /// The leaves of a log that follows log 0 up to `fork` and log 1 from there on.
    fn leaves(fork: u64, from: u64, to: u64) -> Vec<Hash> {
        (from..to).map(|i| leaf(u8::from(i >= fork), i)).collect()
    }

    fn frontier(leaves: &[Hash]) -> Frontier {
        let mut frontier = Frontier::new();
        frontier.append_all(leaves.iter().copied());
        frontier
    }

    /// What is said of a batch of `start..end` from a log that forks at `fork`, where `held` entries of log 0 are held.
    fn check(held: u64, fork: u64, start: u64, end: u64) -> Fit {
        let head = frontier(&leaves(fork, 0, end));
        let checkpoint = Checkpoint::new("a/kiosk/b", end, head.root()).unwrap();
        let ours = |to| leaves(u64::MAX, 0, to);
        fit(
            frontier(&ours(start)),
            &leaves(u64::MAX, start, end.min(held)),
            &leaves(fork, start, end),
            (end <= held).then(|| frontier(&ours(end)).root()),
            &checkpoint,
        )
    }

    proptest! {
        #[test]
        fn an_honest_log_is_held_or_advances(held in 0_u64..40, start in 0_u64..40, more in 0_u64..40) {
            let start = start.min(held);
            let end = start + more;
            let said = check(held, u64::MAX, start, end);
            if end <= held {
                prop_assert_eq!(said, Fit::Held);
            } else {
                prop_assert_eq!(said, Fit::Advances(frontier(&leaves(u64::MAX, 0, end))));
            }
        }

        #[test]
        fn a_fork_below_what_is_held_is_never_taken(held in 1_u64..40, fork in 0_u64..40, start in 0_u64..40, more in 1_u64..40) {
            let fork = fork.min(held - 1);
            let start = start.min(held);
            let end = start + more;
            prop_assume!(fork < end);
            let said = check(held, fork, start, end);
            prop_assert!(matches!(said, Fit::Fork | Fit::Misfit));
            // With the first differing entry in the batch, or a checkpoint of a size that is held, it is proven.
            if start <= fork || end <= held {
                prop_assert_eq!(said, Fit::Fork);
            }
        }
    }

    #[test]
    fn entries_that_the_checkpoint_does_not_cover_are_no_fork() {
        let good = frontier(&leaves(u64::MAX, 0, 5));
        let checkpoint = Checkpoint::new("a/kiosk/b", 5, good.root()).unwrap();
        let mut damaged = leaves(u64::MAX, 2, 5);
        damaged[0] = leaf(9, 9);
        let said = fit(
            frontier(&leaves(u64::MAX, 0, 2)),
            &leaves(u64::MAX, 2, 3),
            &damaged,
            None,
            &checkpoint,
        );
        assert_eq!(said, Fit::Misfit);
        let short = fit(
            Frontier::new(),
            &[],
            &leaves(u64::MAX, 0, 4),
            None,
            &checkpoint,
        );
        assert_eq!(short, Fit::Misfit);
    }
}
