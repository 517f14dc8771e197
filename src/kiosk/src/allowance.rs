//! How often something may be journalled that a broken plug or switch can do without end.
//!
//! Promise: at once as long as it happens now and then; after a burst once in a while, so that a journal is never filled by it.

/// What may still be told, and how fast more may be. Milliseconds count from any beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowance {
    burst: u32,
    every_ms: u64,
    left: u32,
    refilled_ms: u64,
}

impl Allowance {
    /// `burst` at once, then one in `every_ms`.
    pub(crate) const fn new(burst: u32, every_ms: u64) -> Self {
        Self {
            burst,
            every_ms,
            left: burst,
            refilled_ms: 0,
        }
    }

    /// Whether one more may be told now; if so it counts as told.
    pub(crate) fn take(&mut self, now_ms: u64) -> bool {
        let more = now_ms.saturating_sub(self.refilled_ms) / self.every_ms.max(1);
        if more > 0 {
            let more_told = u32::try_from(more).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(more_told).min(self.burst);
            self.refilled_ms += more * self.every_ms;
        }
        let may = self.left > 0;
        self.left -= u32::from(may);
        may
    }

    /// What was taken could not be told.
    pub(crate) fn give_back(&mut self) {
        self.left = self.left.saturating_add(1).min(self.burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_at_once_and_then_one_now_and_then() {
        let mut allowance = Allowance::new(3, 1_000);
        let mut told = |now_ms| (0..5).filter(|_| allowance.take(now_ms)).count();
        assert_eq!(told(0), 3);
        assert_eq!(told(999), 0);
        assert_eq!(told(1_000), 1);
        assert_eq!(told(2_500), 1);
        assert_eq!(told(3_000), 1);
        assert_eq!(told(1_000_000), 3, "never more than the burst");
        allowance.give_back();
        assert!(allowance.take(1_000_000));
    }
}
