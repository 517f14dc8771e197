//! Times, ages and numbers as people read them. Pure.

use attendance::UtcMs;
use attendance::time::Interval;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The event's time zone, for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zone(Tz);

impl Zone {
    /// By its IANA name; UTC where the name is not known here.
    pub(super) fn named(name: &str) -> Self {
        Self(name.parse().unwrap_or(Tz::UTC))
    }

    fn local(self, at: UtcMs) -> DateTime<Tz> {
        DateTime::<Utc>::from_timestamp_millis(at.0)
            .unwrap_or_default()
            .with_timezone(&self.0)
    }

    /// `Europe/Berlin (CET, UTC+01:00)`.
    pub(super) fn title(self, now: UtcMs) -> String {
        let name = self.0.name();
        let local = self.local(now);
        let short = local.format("%Z").to_string();
        let offset = local.format("%:z");
        if short == name || short.starts_with(['+', '-']) {
            format!("{name} (UTC{offset})")
        } else {
            format!("{name} ({short}, UTC{offset})")
        }
    }

    /// The local day.
    pub(super) fn day(self, at: UtcMs) -> NaiveDate {
        self.local(at).date_naive()
    }

    /// `Mon 23 November 2026`.
    pub(super) fn day_text(self, at: UtcMs) -> String {
        self.local(at).format("%a %-d %B %Y").to_string()
    }

    /// `09:05:07`.
    pub(super) fn seconds(self, at: UtcMs) -> String {
        self.local(at).format("%H:%M:%S").to_string()
    }

    /// `09:05`, or with seconds where there are some.
    pub(super) fn clock(self, at: UtcMs) -> String {
        let form = if at.0 % MINUTE == 0 {
            "%H:%M"
        } else {
            "%H:%M:%S"
        };
        self.local(at).format(form).to_string()
    }

    /// `09:05` today, `22 Nov, 09:05` on other days.
    pub(super) fn near(self, at: UtcMs, now: UtcMs) -> String {
        if self.day(at) == self.day(now) {
            self.clock(at)
        } else {
            format!("{}, {}", self.local(at).format("%-d %b"), self.clock(at))
        }
    }

    /// `23 Nov 2026, 09:05:00 CET`.
    pub(super) fn full(self, at: UtcMs) -> String {
        self.local(at).format("%-d %b %Y, %H:%M:%S %Z").to_string()
    }

    /// `09:05 to 09:50`.
    pub(super) fn span(self, start: UtcMs, end: UtcMs) -> String {
        format!("{} to {}", self.clock(start), self.clock(end))
    }

    /// An interval as a time and how far it may be off: `09:05:00 ± 0.8 s`.
    pub(super) fn interval(self, at: Interval) -> String {
        let from_past = at.earliest <= UtcMs::DISTANT_PAST;
        let to_future = at.latest >= UtcMs::DISTANT_FUTURE;
        let exact = |at| self.local(at).format("%H:%M:%S").to_string();
        match (from_past, to_future) {
            (true, true) => "not known".to_owned(),
            (true, false) => format!("before {}", exact(at.latest)),
            (false, true) => format!("after {}", exact(at.earliest)),
            (false, false) => {
                let width = at.width_ms();
                if width > 10 * MINUTE {
                    return format!("{} to {}", exact(at.earliest), exact(at.latest));
                }
                if width == 0 {
                    return exact(at.earliest);
                }
                let middle = UtcMs(at.earliest.0 + width / 2);
                format!("{} ± {}", exact(middle), short_span(width / 2))
            }
        }
    }
}

/// `23 Nov 2026, 08:05:00 UTC`.
pub(super) fn utc(at: UtcMs) -> String {
    Zone(Tz::UTC).full(at)
}

/// `4 min ago`; `in 4 min` for what lies ahead. Under two seconds it is `just now`.
pub(super) fn ago(at: UtcMs, now: UtcMs) -> String {
    let passed = now.0.saturating_sub(at.0);
    match passed {
        p if p <= -2 * SECOND => format!("in {}", span(-p)),
        p if p < 2 * SECOND => "just now".to_owned(),
        p => format!("{} ago", span(p)),
    }
}

/// `47 s`, `4 min`, `3 h 5 min`, `2 d 4 h`: the two largest units, rounded down.
pub(super) fn span(ms: i64) -> String {
    let ms = ms.max(0);
    let two = |big: i64, big_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{big} {big_unit}"),
        _ => format!("{big} {big_unit} {small} {small_unit}"),
    };
    match ms {
        m if m < MINUTE => format!("{} s", m / SECOND),
        m if m < HOUR => format!("{} min", m / MINUTE),
        m if m < DAY => two(m / HOUR, "h", m % HOUR / MINUTE, "min"),
        m => two(m / DAY, "d", m % DAY / HOUR, "h"),
    }
}

/// Exact to a millisecond below one second, to a tenth below ten.
pub(super) fn short_span(ms: i64) -> String {
    if (0..SECOND).contains(&ms) {
        format!("{ms} ms")
    } else if (0..10 * SECOND).contains(&ms) {
        format!("{}.{} s", ms / SECOND, ms % SECOND / 100)
    } else {
        span(ms)
    }
}

/// `12,408`.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A code as words: `missing_check_out` becomes `missing check out`.
pub(super) fn spoken(code: &str) -> String {
    code.replace(['_', '-'], " ")
}

/// As [`spoken`], with a capital.
pub(super) fn sentence(code: &str) -> String {
    let words = spoken(code);
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// `1 door`, `2 doors`.
pub(super) fn count(n: usize, one: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {one}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_lead_with_the_fact() {
        let now = UtcMs(1_000_000_000);
        for (passed, text) in [
            (0, "just now"),
            (1_999, "just now"),
            (2_000, "2 s ago"),
            (59_999, "59 s ago"),
            (60_000, "1 min ago"),
            (3_599_999, "59 min ago"),
            (3_600_000, "1 h ago"),
            (3_900_000, "1 h 5 min ago"),
            (86_400_000, "1 d ago"),
            (93_600_000, "1 d 2 h ago"),
            (-1_999, "just now"),
            (-2_000, "in 2 s"),
            (-300_000, "in 5 min"),
        ] {
            assert_eq!(ago(UtcMs(now.0 - passed), now), text, "{passed}");
        }
    }

    #[test]
    fn times_are_of_the_zone_and_say_so() {
        let berlin = Zone::named("Europe/Berlin");
        // 2026-11-23T08:05:00Z
        let at = UtcMs(1_795_421_100_000);
        assert_eq!(berlin.clock(at), "09:05");
        assert_eq!(berlin.clock(at.plus_ms(1_500)), "09:05:01");
        assert_eq!(berlin.title(at), "Europe/Berlin (CET, UTC+01:00)");
        assert_eq!(berlin.full(at), "23 Nov 2026, 09:05:00 CET");
        assert_eq!(utc(at), "23 Nov 2026, 08:05:00 UTC");
        assert_eq!(berlin.near(at, at.plus_ms(DAY)), "23 Nov, 09:05");
        assert_eq!(Zone::named("Nowhere/At_All").title(at), "UTC (UTC+00:00)");
        // The day turns at local midnight.
        assert_ne!(
            berlin.day(UtcMs(1_795_474_799_000)),
            berlin.day(UtcMs(1_795_474_800_000))
        );
    }

    #[test]
    fn intervals_say_how_far_they_may_be_off() {
        let zone = Zone::named("UTC");
        let at = |a, b| Interval {
            earliest: UtcMs(a),
            latest: UtcMs(b),
        };
        assert_eq!(zone.interval(at(3_600_000, 3_600_160)), "01:00:00 ± 80 ms");
        assert_eq!(zone.interval(at(3_600_000, 3_603_600)), "01:00:01 ± 1.8 s");
        assert_eq!(
            zone.interval(at(3_600_000, 7_200_000)),
            "01:00:00 to 02:00:00"
        );
        assert_eq!(zone.interval(at(3_600_000, 3_600_000)), "01:00:00");
        assert_eq!(zone.interval(Interval::UNKNOWN), "not known");
        assert_eq!(zone.interval(at(0, 3_600_000)), "before 01:00:00");
        assert_eq!(
            zone.interval(at(3_600_000, UtcMs::DISTANT_FUTURE.0)),
            "after 01:00:00"
        );
    }

    #[test]
    fn numbers_are_grouped() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_408, "12,408"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(number(n), text);
        }
        assert_eq!(sentence("missing_check_out"), "Missing check out");
        assert_eq!(count(1, "door"), "1 door");
        assert_eq!(count(0, "door"), "0 doors");
    }
}
