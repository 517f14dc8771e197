//! How long to wait after failures: exponential, with full jitter, bounded at both ends.

/// The longest wait after a first failure, in milliseconds; it doubles with each further one.
pub const BACKOFF_FIRST_MS: u64 = 1_000;
/// The longest wait after any number of failures, in milliseconds.
pub const BACKOFF_CAP_MS: u64 = 60_000;
/// The shortest wait, in milliseconds: full jitter alone could come to nothing.
pub const BACKOFF_LEAST_MS: u64 = 250;
/// The longest that an issuer can put a kiosk off with `Retry-After`, in seconds.
pub const RETRY_AFTER_S_MAX: u64 = 300;

/// Random numbers from a seed (SplitMix64). For jitter, not for secrets.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// From a seed; the same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The wait after this many failures in a row (from 1), in milliseconds.
    pub fn wait_ms(&mut self, failures: u32) -> u64 {
        let doublings = failures.saturating_sub(1).min(16);
        let longest = (BACKOFF_FIRST_MS << doublings).min(BACKOFF_CAP_MS);
        BACKOFF_LEAST_MS + self.next() % (longest - BACKOFF_LEAST_MS + 1)
    }
}

/// The wait that an issuer asks for, bounded, in milliseconds.
pub fn asked_ms(retry_after_s: Option<u64>) -> u64 {
    retry_after_s.unwrap_or(0).min(RETRY_AFTER_S_MAX) * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_are_bounded_and_grow(seed in any::<u64>(), failures in 1_u32..200) {
            let mut jitter = Jitter::new(seed);
            let wait_ms = jitter.wait_ms(failures);
            prop_assert!((BACKOFF_LEAST_MS..=BACKOFF_CAP_MS).contains(&wait_ms));
            prop_assert!(wait_ms <= BACKOFF_FIRST_MS << failures.min(17));
        }
    }

    #[test]
    fn jitter_is_full() {
        let mut jitter = Jitter::new(7);
        let waits: Vec<u64> = (0..1_000).map(|_| jitter.wait_ms(30)).collect();
        let mean_ms = waits.iter().sum::<u64>() / 1_000;
        assert!((27_000..33_000).contains(&mean_ms), "{mean_ms}");
        assert!(waits.iter().any(|ms| *ms < 3_000) && waits.iter().any(|ms| *ms > 57_000));
        assert_eq!(asked_ms(Some(u64::MAX)), RETRY_AFTER_S_MAX * 1_000);
    }
}
