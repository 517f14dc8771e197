//! How often somebody may try: token buckets by name, in bounded memory.
//!
//! Contract: [`Limiter::take`] lets a name through `burst` times at once and then once every `refill_ms`. At most
//! `max_names` names are held; while there are more, all the others share one bucket, so filling the map gains nobody a
//! fresh start. A clock that goes backwards refills nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use attendance::UtcMs;

/// The most bytes of a name that count.
const MAX_NAME_BYTES: usize = 80;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Attempts left, in milliseconds of refill.
    left_ms: i64,
    at: UtcMs,
}

/// Counts attempts by name.
#[derive(Debug)]
pub struct Limiter {
    burst: i64,
    refill_ms: i64,
    max_names: usize,
    buckets: Mutex<HashMap<String, Bucket>>,
}

impl Limiter {
    /// `burst` attempts at once, then one every `refill_ms`; `max_names` names at a time.
    pub fn new(burst: u32, refill_ms: u32, max_names: usize) -> Self {
        Self {
            burst: i64::from(burst.max(1)),
            refill_ms: i64::from(refill_ms.max(1)),
            max_names,
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// Takes one attempt of a name.
    ///
    /// # Errors
    /// Where none is left: the seconds until there is one, at least 1.
    pub fn take(&self, name: &str, now: UtcMs) -> Result<(), u32> {
        let full_ms = self.burst * self.refill_ms;
        let mut end = name.len().min(MAX_NAME_BYTES);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut name = &name[..end];
        if !buckets.contains_key(name) && buckets.len() >= self.max_names {
            buckets.retain(|_, bucket| refilled(*bucket, now, full_ms).left_ms < full_ms);
            if buckets.len() >= self.max_names {
                // No name is empty otherwise: this is the bucket of everybody else.
                name = "";
            }
        }
        let bucket = buckets.entry(name.to_owned()).or_insert(Bucket {
            left_ms: full_ms,
            at: now,
        });
        *bucket = refilled(*bucket, now, full_ms);
        if bucket.left_ms >= self.refill_ms {
            bucket.left_ms -= self.refill_ms;
            return Ok(());
        }
        let wait_s = (self.refill_ms - bucket.left_ms).div_euclid(1_000) + 1;
        Err(u32::try_from(wait_s).unwrap_or(u32::MAX))
    }
}

fn refilled(bucket: Bucket, now: UtcMs, full_ms: i64) -> Bucket {
    let passed = now.0.saturating_sub(bucket.at.0).max(0);
    Bucket {
        left_ms: bucket.left_ms.saturating_add(passed).min(full_ms),
        at: bucket.at.max(now),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let limit = Limiter::new(3, 10_000, 8);
        let at = |ms: i64| UtcMs(1_000_000 + ms);
        for _ in 0..3 {
            assert_eq!(limit.take("a", at(0)), Ok(()));
        }
        assert_eq!(limit.take("a", at(0)), Err(11));
        assert_eq!(limit.take("b", at(0)), Ok(()), "names do not share");
        assert!(limit.take("a", at(9_999)).is_err());
        assert_eq!(limit.take("a", at(10_000)), Ok(()));
        assert!(limit.take("a", at(10_001)).is_err());
    }

    #[test]
    fn a_clock_that_goes_backwards_gives_nothing() {
        let limit = Limiter::new(1, 1_000, 8);
        assert!(limit.take("a", UtcMs(50_000)).is_ok());
        assert!(limit.take("a", UtcMs(10_000)).is_err());
        assert!(limit.take("a", UtcMs(50_999)).is_err());
        assert!(limit.take("a", UtcMs(51_000)).is_ok());
    }

    #[test]
    fn more_names_than_there_is_room_for_share_one_bucket() {
        let limit = Limiter::new(2, 10_000, 4);
        let now = UtcMs(1_000_000);
        for n in 0..4 {
            assert!(limit.take(&format!("name-{n}"), now).is_ok());
        }
        let through = (0..100)
            .filter(|n| limit.take(&format!("other-{n}"), now).is_ok())
            .count();
        assert_eq!(through, 2);
        assert!(limit.buckets.lock().unwrap().len() <= 5);
        // Once the first have filled up again they are forgotten.
        assert!(limit.take("late", UtcMs(1_100_000)).is_ok());
        assert_eq!(limit.buckets.lock().unwrap().len(), 1);
    }
}
