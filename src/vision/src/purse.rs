//! The budget: so much CPU time a frame on average, saved for a while, never lent beyond what one reading takes longer than expected.
//!
//! A purse begins full, as it is after any second without a badge: the first frame of a badge is the one to spend on.

use std::time::Duration;

/// For how many frames' worth of unspent time is saved.
pub const SAVED_FRAMES: u32 = 4;

/// For how many frames on end something may be owed. On a machine so slow that looking whether a frame changed costs more than the budget,
/// it would be for ever, and no badge would be read.
const OWED_FRAMES_MAX: u32 = 30;

/// What is left to spend, in microseconds of CPU time.
#[derive(Debug)]
pub(crate) struct Purse {
    per_frame_us: i64,
    left_us: i64,
    /// For how many frames something has been owed.
    owed_frames: u32,
}

impl Purse {
    pub(crate) fn new(per_frame: Duration) -> Self {
        let per_frame_us = us(per_frame);
        Self {
            per_frame_us,
            left_us: per_frame_us.saturating_mul(i64::from(SAVED_FRAMES)),
            owed_frames: 0,
        }
    }

    /// A frame came, which is worth so many parts of a hundred of the budget.
    pub(crate) fn refill(&mut self, percent: i64) {
        let most_us = self.per_frame_us.saturating_mul(i64::from(SAVED_FRAMES));
        let more_us = self.per_frame_us.saturating_mul(percent) / 100;
        self.left_us = self.left_us.saturating_add(more_us).min(most_us);
    }

    /// Time went: what a frame cost, once for each. What is owed for [`OWED_FRAMES_MAX`] is forgiven, and the purse is full again.
    pub(crate) fn spend(&mut self, spent: Duration) {
        self.left_us = self.left_us.saturating_sub(us(spent));
        self.owed_frames = if self.left_us < 0 {
            self.owed_frames + 1
        } else {
            0
        };
        if self.owed_frames >= OWED_FRAMES_MAX {
            self.left_us = self.per_frame_us.saturating_mul(i64::from(SAVED_FRAMES));
            self.owed_frames = 0;
        }
    }

    /// Whether there is anything left after what this frame has spent so far.
    pub(crate) fn is_open(&self, spent_so_far: Duration) -> bool {
        self.left_us > us(spent_so_far)
    }

    /// Whether something of this cost can be paid beside what this frame has spent so far. What costs more than can ever be saved is paid
    /// with a full purse, and what is owed then is saved up before anything else.
    pub(crate) fn affords(&self, cost: Duration, spent_so_far: Duration) -> bool {
        let most_us = self.per_frame_us.saturating_mul(i64::from(SAVED_FRAMES));
        let left_us = self.left_us.saturating_sub(us(spent_so_far));
        left_us >= us(cost).min(most_us / 2)
    }
}

fn us(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A purse with nothing in it.
    fn empty() -> Purse {
        let mut purse = Purse::new(8 * MS);
        purse.spend(8 * MS * SAVED_FRAMES);
        purse
    }

    #[test]
    fn unspent_time_is_saved_for_some_frames_and_no_longer() {
        let mut purse = empty();
        assert!(!purse.is_open(Duration::ZERO), "no frame, no time");
        purse.refill(100);
        assert!(purse.affords(8 * MS, Duration::ZERO) && !purse.affords(9 * MS, Duration::ZERO));
        assert!(!purse.affords(8 * MS, MS), "a millisecond is gone");
        for _ in 0..20 {
            purse.refill(100);
        }
        purse.spend(31 * MS);
        assert!(purse.is_open(Duration::ZERO) && !purse.is_open(MS));
    }

    #[test]
    fn what_was_owed_is_saved_up_first() {
        let mut purse = empty();
        purse.refill(100);
        purse.spend(25 * MS);
        purse.refill(100);
        purse.refill(100);
        assert!(!purse.is_open(Duration::ZERO));
        purse.refill(100);
        assert!(purse.is_open(Duration::ZERO));
    }

    #[test]
    fn what_can_never_be_saved_has_its_turn_all_the_same() {
        let mut purse = empty();
        purse.refill(100);
        assert!(!purse.affords(100 * MS, Duration::ZERO));
        purse.refill(100);
        purse.refill(100);
        assert!(purse.affords(100 * MS, Duration::ZERO));
    }
}
