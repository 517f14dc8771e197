//! How times, numbers and entries read for people.

use attendance::UtcMs;
use attendance::time::Interval;
use chrono::{DateTime, TimeZone as _, Utc};
use chrono_tz::Tz;

/// Which zone times are shown in.
#[derive(Clone, Copy)]
pub(crate) struct Zone(pub(crate) Tz);

impl Zone {
    /// The event's zone, or UTC where that is asked for or the zone is not known here.
    pub(crate) fn of(name: Option<&str>, utc: bool) -> Self {
        let named = name.filter(|_| !utc).and_then(|name| name.parse().ok());
        Self(named.unwrap_or(Tz::UTC))
    }

    fn local(self, at: UtcMs) -> DateTime<Tz> {
        let utc = DateTime::<Utc>::from_timestamp_millis(at.0).unwrap_or_default();
        self.0.from_utc_datetime(&utc.naive_utc())
    }

    /// Date and time to the millisecond.
    pub(crate) fn instant(self, at: UtcMs) -> String {
        self.local(at).format("%Y-%m-%d %H:%M:%S%.3f").to_string()
    }

    /// A signed time from a report: as it stands there, in this zone.
    pub(crate) fn reported(self, text: &str) -> String {
        protocol::text::parse_instant(text).map_or_else(|_| text.to_owned(), |at| self.instant(at))
    }

    /// An interval, the date once where both ends share it.
    pub(crate) fn interval(self, at: Interval) -> String {
        match (
            at.earliest == UtcMs::DISTANT_PAST,
            at.latest == UtcMs::DISTANT_FUTURE,
        ) {
            (true, true) => "at an unknown time".to_owned(),
            (true, false) => format!("by {}", self.instant(at.latest)),
            (false, true) => format!("from {} on", self.instant(at.earliest)),
            (false, false) => {
                let (from, to) = (self.local(at.earliest), self.local(at.latest));
                let to = if from.date_naive() == to.date_naive() {
                    to.format("%H:%M:%S%.3f").to_string()
                } else {
                    to.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
                };
                format!("{} to {to}", self.instant(at.earliest))
            }
        }
    }

    /// The zone's name.
    pub(crate) fn name(self) -> &'static str {
        self.0.name()
    }
}

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 entry`, `2 entries`.
pub(crate) fn entries(number: u64) -> String {
    let noun = if number == 1 { "entry" } else { "entries" };
    format!("{} {noun}", count(number))
}

/// Text from an archive, fit for a terminal: control characters, which could repaint it, are shown as such.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// Green, where standard output takes colour.
pub(crate) fn good(text: &str) -> String {
    format!("\u{1b}[32m{text}\u{1b}[0m")
}

/// Red.
pub(crate) fn bad(text: &str) -> String {
    format!("\u{1b}[31m{text}\u{1b}[0m")
}

/// Yellow.
pub(crate) fn doubtful(text: &str) -> String {
    format!("\u{1b}[33m{text}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_408, "12,408")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(entries(1), "1 entry");
    }

    #[test]
    fn intervals_read_in_the_events_zone() {
        let at = Interval {
            earliest: UtcMs(1_795_424_400_000),
            latest: UtcMs(1_795_424_400_250),
        };
        let zone = Zone::of(Some("Europe/Berlin"), false);
        assert_eq!(zone.interval(at), "2026-11-23 10:00:00.000 to 10:00:00.250");
        assert_eq!(Zone::of(Some("nowhere"), false).name(), "UTC");
        assert_eq!(
            Zone::of(None, false).interval(Interval::UNKNOWN),
            "at an unknown time"
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }
}
