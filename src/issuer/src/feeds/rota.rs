//! When a feed is polled next. Pure.
//!
//! Contract: after a success, one interval later, give or take a tenth of it. After failures the time doubles with each from the
//! second on, up to [`INTERVAL_MS_MAX`], and never comes before the server lets itself be asked.

use attendance::UtcMs;

use super::attempts::Jitter;

/// Failures in a row after which staff see an alarm.
pub const FAILURES_TO_ALARM: u32 = 3;
/// The longest time between two polls of a feed that fails, in milliseconds, unless its own interval is longer.
pub const INTERVAL_MS_MAX: i64 = 60 * 60 * 1_000;
/// The spread of an interval: one part in so many, to either side.
const SPREAD: i64 = 10;

/// When a feed is polled after `failures` in a row; `not_before` is what its server asked for.
pub fn next_poll(
    now: UtcMs,
    interval_ms: i64,
    failures: u32,
    not_before: Option<UtcMs>,
    jitter: &mut Jitter,
) -> UtcMs {
    let doublings = failures.saturating_sub(1).min(16);
    let longest = INTERVAL_MS_MAX.max(interval_ms);
    let wait_ms = interval_ms.saturating_mul(1 << doublings).min(longest);
    let spread = wait_ms / SPREAD;
    let at = now.plus_ms(jitter.between(wait_ms - spread, wait_ms + spread));
    not_before.map_or(at, |bound| bound.max(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMs = UtcMs(1_795_000_000_000);
    const MINUTE: i64 = 60_000;

    #[test]
    fn failures_lengthen_the_wait_up_to_a_bound() {
        for (interval, failures, expected) in [
            (5, 0, 5),
            (5, 1, 5),
            (5, 2, 10),
            (5, 3, 20),
            (5, 5, 60),
            (5, u32::MAX, 60),
            (120, 9, 120),
        ] {
            for seed in 0..50 {
                let at = next_poll(
                    NOW,
                    interval * MINUTE,
                    failures,
                    None,
                    &mut Jitter::new(seed),
                );
                let waited = at.0 - NOW.0;
                let tenth = expected * MINUTE / 10;
                let about = expected * MINUTE - tenth..=expected * MINUTE + tenth;
                assert!(about.contains(&waited), "{interval} {failures}: {waited}");
            }
        }
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it() {
        let bound = NOW.plus_ms(90 * MINUTE);
        let at = next_poll(NOW, MINUTE, 1, Some(bound), &mut Jitter::new(1));
        assert_eq!(at, bound);
        let soon = next_poll(NOW, MINUTE, 1, Some(NOW), &mut Jitter::new(1));
        assert!(soon > NOW);
    }
}
