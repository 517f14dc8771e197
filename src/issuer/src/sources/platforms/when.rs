//! Times as platforms write them, as the intervals that they leave open.

use attendance::UtcMs;
use attendance::time::Interval;
use chrono::{Datelike as _, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _};

use super::{MAX_AHEAD_MS, MAX_ERROR_MS, PLATFORM_ERROR_MS, Reading};
use crate::sources::local_time::{self, YEARS};
use crate::sources::problem::{ImportError, Problem};

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60_000;
const NO_TIME: &str =
    "is no date and time as this report writes them; export it again and import it unchanged";
const TWO_DAYS: &str = "may be one of two days, and no date of the file shows which number is the month; say it with --dates month-first \
                        or --dates day-first";
const NO_ZONE: &str = "does not say its time zone; say in which zone the report was made, with --zone Europe/Vienna or the like";

/// Which comes first in a date written with slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayOrder {
    /// `10/31/2026`.
    MonthFirst,
    /// `31/10/2026`.
    DayFirst,
}

/// How a source's times are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    zone: Option<chrono_tz::Tz>,
    order: Option<DayOrder>,
    error_ms: i64,
    /// Whether the caller stated the error.
    is_stated: bool,
    latest: UtcMs,
}

impl Clock {
    pub(super) fn new(reading: &Reading<'_>) -> Self {
        let stated = reading.clock_error_ms;
        Self {
            zone: reading.zone,
            order: reading.day_order,
            error_ms: stated.unwrap_or(PLATFORM_ERROR_MS).clamp(0, MAX_ERROR_MS),
            is_stated: stated.is_some(),
            latest: reading.now.plus_ms(MAX_AHEAD_MS),
        }
    }

    /// The same with another default of the clock's error.
    pub(super) fn with_default_error(mut self, error_ms: i64) -> Self {
        if !self.is_stated {
            self.error_ms = error_ms;
        }
        self
    }

    /// The same, knowing the order of days that these dates prove where nobody said it.
    pub(super) fn with_order_of<'t>(mut self, texts: impl IntoIterator<Item = &'t str>) -> Self {
        self.order = self.order.or_else(|| order_of(texts));
        self
    }

    /// Whether these times can be read at all: without their zone, or without knowing which number is the month, none of a
    /// report's can, and that is one thing to say, not one a row.
    ///
    /// # Errors
    /// What is to be said.
    pub(super) fn check_can_read<'t>(
        self,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<(), ImportError> {
        let wrong = texts.into_iter().find_map(|text| {
            self.read(text)
                .err()
                .filter(|wrong| wrong == NO_ZONE || wrong == TWO_DAYS)
        });
        wrong.map_or(Ok(()), |wrong| {
            Err(Problem::of_file(format!("a time of the report {wrong}")).into())
        })
    }

    /// An instant in milliseconds since 1970.
    pub(super) fn epoch_ms(self, ms: i64) -> Result<Interval, String> {
        let year = chrono::DateTime::from_timestamp_millis(ms).map(|at| at.year());
        if year.is_none_or(|year| !YEARS.contains(&year)) {
            return Err("is no time in milliseconds since 1970".to_owned());
        }
        self.widened(ms, ms)
    }

    /// A time as a report writes it: with an offset, or local.
    pub(super) fn read(self, text: &str) -> Result<Interval, String> {
        let text = plain(text);
        let (date, rest) = date(&text, self.order)?;
        let rest = rest.trim_start_matches([',', 'T', 't', ' ']);
        let clock_end = rest.find(['Z', 'z', '+', '-', '−']).unwrap_or(rest.len());
        let (clock, offset) = rest.split_at(clock_end);
        let (time, resolution_ms) = time_of_day(clock.trim())?;
        let local = date.and_time(time);
        if offset.is_empty() {
            let zone = self.zone.ok_or(NO_ZONE)?;
            let (first, last) = in_zone(local, zone)?;
            return self.widened(first, last.saturating_add(resolution_ms - 1));
        }
        // The offset is read where all others are, so that there is one opinion of what an offset is.
        let written = format!("{}{offset}", local.format("%Y-%m-%dT%H:%M:%S%.3f"));
        let at = local_time::instant(&written, chrono_tz::UTC)
            .map_err(|_| NO_TIME)?
            .utc_ms;
        self.widened(at, at.saturating_add(resolution_ms - 1))
    }

    fn widened(self, first_ms: i64, last_ms: i64) -> Result<Interval, String> {
        if first_ms > self.latest.0 {
            return Err(
                "lies in the future, so the clock that wrote it was wrong, or the zone that was given; correct it at its source"
                    .to_owned(),
            );
        }
        Ok(Interval {
            earliest: UtcMs(first_ms).plus_ms(-self.error_ms),
            latest: UtcMs(last_ms).plus_ms(self.error_ms),
        })
    }
}

/// A time that a person writes, with an offset or local to a zone: the interval that its digits leave open. It may lie in the future.
///
/// # Errors
/// What to write instead.
pub fn written_time(text: &str, zone: chrono_tz::Tz) -> Result<Interval, String> {
    let reading = Reading {
        zone: Some(zone),
        ..Reading::plain(UtcMs::DISTANT_FUTURE)
    };
    let clock = Clock::new(&reading).with_default_error(0);
    clock.read(text).map_err(|_| {
        format!("{text:?} is no time: write it as 2026-10-31T09:05 or 2026-10-31T09:05:30, local to {zone}, or with an offset behind it")
    })
}

/// The order that dates with slashes prove: a number over twelve is a day. None where none does, or where they contradict
/// each other.
fn order_of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<DayOrder> {
    let (mut month_first, mut day_first) = (false, false);
    for text in texts {
        let mut parts = text.trim().split('/');
        let number = |part: Option<&str>| part.and_then(|p| p.parse::<u32>().ok());
        let (Some(first), Some(second)) = (number(parts.next()), number(parts.next())) else {
            continue;
        };
        day_first |= first > 12 && first <= 31;
        month_first |= second > 12 && first <= 12;
    }
    match (month_first, day_first) {
        (true, false) => Some(DayOrder::MonthFirst),
        (false, true) => Some(DayOrder::DayFirst),
        _ => None,
    }
}

/// With plain blanks: newer programs put a narrow one before AM and PM.
fn plain(text: &str) -> String {
    let blank = |c: char| {
        if c.is_whitespace() || c == '\u{200E}' {
            ' '
        } else {
            c
        }
    };
    text.trim().chars().map(blank).collect()
}

fn date(text: &str, order: Option<DayOrder>) -> Result<(NaiveDate, &str), String> {
    let (date, rest) = if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        worded_date(text)
    } else {
        numbered_date(text, order)?
    }
    .ok_or(NO_TIME)?;
    if YEARS.contains(&date.year()) {
        Ok((date, rest))
    } else {
        Err(NO_TIME.to_owned())
    }
}

/// `Oct 31, 2026`.
fn worded_date(text: &str) -> Option<(NaiveDate, &str)> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let (month, rest) = text.split_once(' ')?;
    let month = month.trim_end_matches('.').to_ascii_lowercase();
    let month = MONTHS
        .iter()
        .position(|known| month.get(..3) == Some(known))?;
    let (day, rest) = rest.split_once(',')?;
    let rest = rest.trim_start();
    let (year, rest) = rest.split_at(digits_of(rest));
    let month = u32::try_from(month + 1).ok()?;
    let date = NaiveDate::from_ymd_opt(year.parse().ok()?, month, day.trim().parse().ok()?)?;
    Some((date, rest))
}

fn digits_of(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len())
}

/// `2026-10-31`, `2026/10/31`, `31.10.2026`, and `10/31/2026` where its order is known; two digits of a year are of this century.
fn numbered_date(text: &str, order: Option<DayOrder>) -> Result<Option<(NaiveDate, &str)>, String> {
    let Some((first, separator, second, third, rest)) = three_numbers(text) else {
        return Ok(None);
    };
    let number = |digits: &str| digits.parse::<u32>().ok().filter(|_| digits.len() <= 4);
    let (Some(a), Some(b), Some(c)) = (number(first), number(second), number(third)) else {
        return Ok(None);
    };
    let (year, month, day) = if first.len() == 4 {
        (a, b, c)
    } else {
        let year = if third.len() == 2 { 2_000 + c } else { c };
        match (separator, order) {
            ('.', _) | ('/', Some(DayOrder::DayFirst)) => (year, b, a),
            ('/', Some(DayOrder::MonthFirst)) => (year, a, b),
            ('/', None) => {
                return Err(TWO_DAYS.to_owned());
            }
            _ => return Ok(None),
        }
    };
    let date = i32::try_from(year).ok();
    let date = date.and_then(|year| NaiveDate::from_ymd_opt(year, month, day));
    Ok(date.map(|date| (date, rest)))
}

/// Three numbers with the same sign between them, and what follows.
fn three_numbers(text: &str) -> Option<(&str, char, &str, &str, &str)> {
    let (first, rest) = text.split_at(digits_of(text));
    let separator = rest
        .chars()
        .next()
        .filter(|c| matches!(c, '-' | '/' | '.'))?;
    let rest = rest.get(1..)?;
    let (second, rest) = rest.split_at(digits_of(rest));
    let rest = rest.strip_prefix(separator)?;
    let (third, rest) = rest.split_at(digits_of(rest));
    Some((first, separator, second, third, rest))
}

/// `09:00`, `09:00:30`, `9:00:30 AM`, `09:00:30.1234567`; and to how many milliseconds it says it.
fn time_of_day(text: &str) -> Result<(NaiveTime, i64), String> {
    let half_end = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.');
    let half = text
        .get(half_end.len()..)
        .unwrap_or_default()
        .replace('.', "");
    let half = half.to_ascii_lowercase();
    let mut parts = half_end.trim().split(':');
    let number = |part: Option<&str>| {
        let part = part.filter(|p| (1..=2).contains(&p.len()) && digits_of(p) == p.len())?;
        part.parse::<u32>().ok()
    };
    let hour = number(parts.next());
    let minute = number(parts.next());
    let (second, milli, resolution_ms) = match parts.next() {
        None => (Some(0), 0, MINUTE_MS),
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
            let (milli, resolution_ms) = fraction_of(fraction).ok_or(NO_TIME)?;
            (number(Some(whole)), milli, resolution_ms)
        }
    };
    let hour = match (half.as_str(), hour) {
        ("", hour) => hour,
        ("am", Some(hour @ 1..=12)) => Some(hour % 12),
        ("pm", Some(hour @ 1..=12)) => Some(hour % 12 + 12),
        _ => None,
    };
    let time = match (hour, minute, second, parts.next()) {
        (Some(hour), Some(minute), Some(second), None) => {
            NaiveTime::from_hms_milli_opt(hour, minute, second, milli)
        }
        _ => None,
    };
    Ok((time.ok_or(NO_TIME)?, resolution_ms))
}

/// Milliseconds of a fraction; one of nothing but zeros says no more than the second, as programs write it that count none.
fn fraction_of(digits: &str) -> Option<(u32, i64)> {
    if digits.len() > 9 || digits_of(digits) != digits.len() {
        return None;
    }
    if digits.bytes().all(|b| b == b'0') {
        return Some((0, SECOND_MS));
    }
    let padded = format!("{digits:0<3}");
    Some((padded.get(..3)?.parse().ok()?, 1))
}

/// First and last instant that a local time can be: two where the clocks repeat it.
fn in_zone(local: NaiveDateTime, zone: chrono_tz::Tz) -> Result<(i64, i64), String> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Ambiguous(first, second) => {
            let (first, second) = (first.timestamp_millis(), second.timestamp_millis());
            Ok((first.min(second), first.max(second)))
        }
        _ => local_time::in_zone(local, zone).map(|at| (at, at)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    fn utc(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text)
            .unwrap()
            .timestamp_millis()
    }

    /// New York; 2027 is the future, and the clock is right.
    fn clock() -> Clock {
        let mut reading = Reading::plain(UtcMs(utc("2027-01-01T00:00:00Z")));
        reading.zone = Some(chrono_tz::America::New_York);
        reading.clock_error_ms = Some(0);
        Clock::new(&reading)
    }

    fn check(clock: Clock, text: &str, expected: Result<(&str, &str), &str>) {
        match (clock.read(text), expected) {
            (Ok(at), Ok((earliest, latest))) => {
                assert_eq!(
                    (at.earliest.0, at.latest.0),
                    (utc(earliest), utc(latest)),
                    "{text}"
                );
            }
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{text}: {said}"),
            (got, _) => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn what_platforms_write_is_the_interval_it_leaves_open() {
        let month_first = clock().with_order_of(["1/2/26", "10/31/2026"]);
        let second = Ok(("2026-10-31T13:01:12Z", "2026-10-31T13:01:12.999Z"));
        for text in [
            "10/31/2026 09:01:12 AM",
            "10/31/26, 9:01:12 AM",
            "10/31/26, 9:01:12\u{202F}AM",
            "Oct 31, 2026 09:01:12",
            "October 31, 2026 9:01:12 a.m.",
            "2026-10-31 09:01:12",
            "2026/10/31 09:01:12",
            "31.10.2026, 09:01:12",
            "2026-10-31T13:01:12Z",
            "2026-10-31T13:01:12.0000000Z",
            "2026-10-31T14:01:12+01:00",
        ] {
            check(month_first, text, second);
        }
        let milli = Ok(("2026-10-31T13:01:12.517Z", "2026-10-31T13:01:12.517Z"));
        check(month_first, "2026-10-31T13:01:12.5170000Z", milli);
        let minute = Ok(("2026-10-31T16:05:00Z", "2026-10-31T16:05:59.999Z"));
        check(month_first, "2026-10-31 12:05", minute);
        check(month_first, "10/31/2026 12:05 PM", minute);
    }

    #[test]
    fn nothing_is_guessed() {
        let mut reading = Reading::plain(UtcMs(utc("2027-01-01T00:00:00Z")));
        check(
            Clock::new(&reading),
            "2026-10-31 09:01:12",
            Err("does not say its time zone"),
        );
        reading.zone = Some(chrono_tz::UTC);
        let clock = Clock::new(&reading);
        check(clock, "10/11/2026 09:01:12", Err("may be one of two days"));
        let day_first = clock.with_order_of(["10/11/2026", "31/10/2026"]);
        check(
            day_first,
            "10/11/2026 09:01:12",
            Ok(("2026-11-10T09:01:10Z", "2026-11-10T09:01:14.999Z")),
        );
        check(
            clock.with_order_of(["31/10/2026", "10/31/2026"]),
            "1/2/2026 09:00",
            Err("two days"),
        );
        for text in [
            "",
            "yesterday",
            "2026-13-01 09:00:00",
            "2026-10-31",
            "31-10-2026 09:00",
            "10/31/2026 13:00 PM",
            "10/31/2026 0:10 AM",
            "2026-10-31 09:00:60",
            "2026-10-31 24:00",
            "99999-01-01 09:00",
            "1969-12-31 23:59:59",
            "2026-10-31T09:00:00+99:00",
            "2026-10-31 09:00:00.1234567890",
            "Zzz 31, 2026 09:00",
            "Oct 31 2026 09:00",
            "1/2/3/4 09:00",
            "2026-10-31 09:00:00 EST",
        ] {
            let clock = clock.with_order_of(["10/31/2026"]);
            assert!(clock.read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_hour_that_the_clocks_repeat_is_both_and_the_one_they_skip_none() {
        check(
            clock(),
            "2026-11-01 01:30:00",
            Ok(("2026-11-01T05:30:00Z", "2026-11-01T06:30:00.999Z")),
        );
        check(clock(), "2026-03-08 02:30:00", Err("does not exist"));
    }

    #[test]
    fn a_clocks_error_widens_both_ends_and_the_future_is_refused() {
        let mut reading = Reading::plain(UtcMs(utc("2026-10-31T13:00:00Z")));
        let at = Clock::new(&reading).read("2026-10-31T13:00:00Z").unwrap();
        assert_eq!(at.width_ms(), 2 * PLATFORM_ERROR_MS + 999);
        reading.clock_error_ms = Some(i64::MAX);
        let at = Clock::new(&reading)
            .epoch_ms(utc("2026-10-31T13:00:00Z"))
            .unwrap();
        assert_eq!(at.width_ms(), 2 * MAX_ERROR_MS);
        let clock = Clock::new(&reading).with_default_error(7);
        assert_eq!(clock.error_ms, MAX_ERROR_MS, "what was stated stays");
        check(
            Clock::new(&reading),
            "2026-10-31T13:05:01Z",
            Err("lies in the future"),
        );
        check(
            Clock::new(&reading),
            "2031-01-01T09:05:00+01:00",
            Err("lies in the future"),
        );
        for ms in [i64::MIN, -1, i64::MAX] {
            assert!(Clock::new(&reading).epoch_ms(ms).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}|[0-9/.:, TZAPM+-]{0,30}") {
            let _ = clock().with_order_of([text.as_str()]).read(&text);
        }
    }
}
