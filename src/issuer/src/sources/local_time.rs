//! Times as people write them become UTC milliseconds: ISO 8601, in the event's zone unless an offset stands beside them.
//!
//! `2026-10-31T09:00`, with `:30` or `:30.250` seconds if wanted (digits beyond milliseconds are dropped), a space instead of `T`, and `Z`, `-04:00` or `-0400`
//! behind. A local time that the change of clocks skips is refused; one that it repeats needs an offset.

use chrono::{
    DateTime, Datelike, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset,
    TimeZone,
};
use chrono_tz::Tz;

/// Years a date may have; anything else is a slip of the pen.
pub(super) const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;
const SHAPE: &str = "write it as 2026-10-31T09:00, with an offset such as +01:00 behind it if it is not the event's local time";

/// A name that is no time zone, with the nearest one that is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" is no time zone{}", nearest.as_deref().map(|n| format!("; did you mean {n}?")).unwrap_or_default())]
pub struct UnknownZone {
    /// What was given.
    pub name: String,
    /// The IANA name nearest to it, if one is near.
    pub nearest: Option<String>,
}

/// The IANA time zone of a name such as `America/New_York`, as the readers want it.
///
/// # Errors
/// [`UnknownZone`] with a suggestion.
pub fn zone_named(name: &str) -> Result<Tz, UnknownZone> {
    name.parse().map_err(|_| {
        let nearest = chrono_tz::TZ_VARIANTS
            .iter()
            .map(|zone| {
                (
                    strsim::normalized_levenshtein(
                        &zone.name().to_lowercase(),
                        &name.to_lowercase(),
                    ),
                    zone.name(),
                )
            })
            .filter(|(likeness, _)| *likeness > 0.6)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, nearest)| nearest.to_owned());
        UnknownZone {
            name: name.chars().take(64).collect(),
            nearest,
        }
    })
}

/// A point in time and what should be said about how it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instant {
    pub(super) utc_ms: i64,
    /// The offset given is not the zone's at that time: the local time that people will see.
    pub(super) odd_offset: Option<String>,
}

/// Reads a date with a time.
///
/// # Errors
/// A sentence: what is wrong and what to write.
pub(super) fn instant(text: &str, zone: Tz) -> Result<Instant, String> {
    let (date, rest) = date_prefix(text)?;
    let rest = rest
        .strip_prefix(['T', 't', ' '])
        .ok_or_else(|| format!("the time of day is missing; {SHAPE}"))?;
    let clock_end = rest.find(['Z', 'z', '+', '-', '−']).unwrap_or(rest.len());
    let (clock, offset) = rest.split_at(clock_end);
    let local = date.and_time(time_of_day(clock.trim_end())?);
    if offset.is_empty() {
        return Ok(Instant {
            utc_ms: in_zone(local, zone)?,
            odd_offset: None,
        });
    }
    let offset =
        fixed_offset(offset).ok_or_else(|| format!("\"{offset}\" is no offset; {SHAPE}"))?;
    let instant = MappedLocalTime::single(offset.from_local_datetime(&local))
        .ok_or_else(|| SHAPE.to_owned())?;
    let in_zone = instant.with_timezone(&zone);
    let odd_offset = (in_zone.offset().fix() != offset)
        .then(|| format!("{} in {}", in_zone.format("%Y-%m-%d %H:%M"), zone.name()));
    Ok(Instant {
        utc_ms: instant.timestamp_millis(),
        odd_offset,
    })
}

/// Reads a bound of validity: a date with a time, or a date alone. A date alone is its first moment, or with `whole_day`
/// the moment after its last, in the zone.
///
/// # Errors
/// As [`instant`].
pub(super) fn day_or_instant(text: &str, zone: Tz, whole_day: bool) -> Result<Instant, String> {
    let (date, rest) = date_prefix(text)?;
    if !rest.is_empty() {
        return instant(text, zone);
    }
    let day = if whole_day {
        date.succ_opt().ok_or_else(|| SHAPE.to_owned())?
    } else {
        date
    };
    Ok(Instant {
        utc_ms: in_zone(day.and_time(NaiveTime::MIN), zone)?,
        odd_offset: None,
    })
}

pub(super) fn in_zone(local: NaiveDateTime, zone: Tz) -> Result<i64, String> {
    let shown = local.format("%Y-%m-%d %H:%M");
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(instant) => Ok(instant.timestamp_millis()),
        MappedLocalTime::Ambiguous(first, second) => Err(format!(
            "{shown} happens twice in {} because the clocks go back; write {} for the first or {} for the second",
            zone.name(),
            with_offset(&first),
            with_offset(&second),
        )),
        MappedLocalTime::None => Err(format!(
            "{shown} does not exist in {} because the clocks go forward; write a time before or after the change",
            zone.name()
        )),
    }
}

fn with_offset(instant: &DateTime<Tz>) -> String {
    instant.format("%Y-%m-%dT%H:%M%:z").to_string()
}

fn date_prefix(text: &str) -> Result<(NaiveDate, &str), String> {
    let no_date = || format!("this is no date and time; {SHAPE}");
    let (date, rest) = text.split_at_checked(10).ok_or_else(no_date)?;
    let mut parts = date.split('-');
    let (year, month, day) = (
        digits(parts.next(), 4),
        digits(parts.next(), 2),
        digits(parts.next(), 2),
    );
    let (Some(year), Some(month), Some(day), None) = (year, month, day, parts.next()) else {
        return Err(no_date());
    };
    let date = i32::try_from(year)
        .ok()
        .and_then(|year| NaiveDate::from_ymd_opt(year, month, day));
    let date = date.ok_or_else(|| {
        format!("there is no day {day} of month {month} in {year}; check the date")
    })?;
    if !YEARS.contains(&date.year()) {
        return Err(format!("the year {year} cannot be meant; {SHAPE}"));
    }
    Ok((date, rest))
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fff`. Leap seconds and 24:00 are refused: nobody schedules one, and each has a plain spelling.
fn time_of_day(text: &str) -> Result<NaiveTime, String> {
    let no_time = || format!("\"{text}\" is no time of day; {SHAPE}");
    let mut parts = text.split(':');
    let hour = digits(parts.next(), 2).ok_or_else(no_time)?;
    let minute = digits(parts.next(), 2).ok_or_else(no_time)?;
    let (second, milli) = match parts.next() {
        None => (0, 0),
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
            if fraction.is_empty() || fraction.len() > 9 || !fraction.is_ascii() {
                return Err(no_time());
            }
            digits(Some(fraction), fraction.len()).ok_or_else(no_time)?;
            // Programs write microseconds; what is below a millisecond is dropped.
            let fraction = &fraction[..fraction.len().min(3)];
            let digits_missing = u32::try_from(3 - fraction.len()).map_err(|_| no_time())?;
            let milli = digits(Some(fraction), fraction.len()).ok_or_else(no_time)?
                * 10_u32.pow(digits_missing);
            (digits(Some(whole), 2).ok_or_else(no_time)?, milli)
        }
    };
    if parts.next().is_some() {
        return Err(no_time());
    }
    NaiveTime::from_hms_milli_opt(hour, minute, second, milli).ok_or_else(no_time)
}

fn fixed_offset(text: &str) -> Option<FixedOffset> {
    if text.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0);
    }
    let (sign, rest) = match text.chars().next()? {
        '+' => (1, text.get(1..)?),
        '-' => (-1, text.get(1..)?),
        '−' => (-1, text.strip_prefix('−')?),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some((hours, minutes)) => (digits(Some(hours), 2)?, digits(Some(minutes), 2)?),
        None => (
            digits(rest.get(..2), 2)?,
            if rest.len() == 2 {
                0
            } else {
                digits(rest.get(2..), 2)?
            },
        ),
    };
    // No place on Earth is further from UTC than 14 hours.
    let total_minutes = hours * 60 + minutes;
    if minutes > 59 || total_minutes > 14 * 60 {
        return None;
    }
    FixedOffset::east_opt(sign * i32::try_from(total_minutes * 60).ok()?)
}

/// Exactly `length` ASCII digits as a number.
fn digits(text: Option<&str>, length: usize) -> Option<u32> {
    let text = text.filter(|t| t.len() == length && t.bytes().all(|b| b.is_ascii_digit()))?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn utc(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text)
            .unwrap()
            .timestamp_millis()
    }

    /// New York: clocks go forward 2026-03-08 02:00 and back 2026-11-01 02:00.
    fn check(text: &str, expected: Result<&str, &str>) {
        match (instant(text, Tz::America__New_York), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got.utc_ms, utc(expected), "{text}"),
            (Err(got), Err(expected)) => assert!(got.contains(expected), "{text}: {got}"),
            (got, _) => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn local_times_and_offsets() {
        check("2026-10-31T09:00", Ok("2026-10-31T13:00:00Z"));
        check("2026-10-31 09:00:30.25", Ok("2026-10-31T13:00:30.250Z"));
        check("2026-11-02T09:00", Ok("2026-11-02T14:00:00Z"));
        check("2026-10-31T09:00-04:00", Ok("2026-10-31T13:00:00Z"));
        check("2026-10-31T09:00+0530", Ok("2026-10-31T03:30:00Z"));
        check(
            "2026-10-31T13:00:00.123987Z",
            Ok("2026-10-31T13:00:00.123Z"),
        );
        check("2026-10-31T13:00:00.12345678x", Err("no time of day"));
        check("2026-10-31T13:00Z", Ok("2026-10-31T13:00:00Z"));
    }

    #[test]
    fn the_change_of_clocks_to_the_minute() {
        check("2026-03-08T01:59", Ok("2026-03-08T06:59:00Z"));
        check(
            "2026-03-08T02:00",
            Err("does not exist in America/New_York"),
        );
        check("2026-03-08T02:59:59.999", Err("does not exist"));
        check("2026-03-08T03:00", Ok("2026-03-08T07:00:00Z"));
        check("2026-11-01T00:59", Ok("2026-11-01T04:59:00Z"));
        check(
            "2026-11-01T01:00",
            Err("write 2026-11-01T01:00-04:00 for the first or 2026-11-01T01:00-05:00"),
        );
        check("2026-11-01T01:59", Err("happens twice"));
        check("2026-11-01T02:00", Ok("2026-11-01T07:00:00Z"));
        check("2026-11-01T01:30-05:00", Ok("2026-11-01T06:30:00Z"));
    }

    #[test]
    fn what_is_no_time() {
        check("", Err("no date and time"));
        check("31.10.2026 09:00", Err("no date and time"));
        check("2026-10-31", Err("time of day is missing"));
        check("2026-02-29T09:00", Err("no day 29 of month 2 in 2026"));
        check("0026-10-31T09:00", Err("year 26 cannot be meant"));
        check("2026-10-31T9:00", Err("no time of day"));
        check("2026-10-31T24:00", Err("no time of day"));
        check("2026-10-31T23:59:60", Err("no time of day"));
        check("2026-10-31T09:00+25:00", Err("no offset"));
        check("2026-10-31T09:00 EST", Err("no time of day"));
    }

    #[test]
    fn an_offset_that_is_not_the_zones_is_told() {
        let odd = instant("2026-10-31T09:00-05:00", Tz::America__New_York)
            .unwrap()
            .odd_offset;
        assert_eq!(odd.as_deref(), Some("2026-10-31 10:00 in America/New_York"));
    }

    #[test]
    fn a_day_alone_is_whole() {
        let zone = Tz::America__New_York;
        assert_eq!(
            day_or_instant("2026-11-01", zone, false).unwrap().utc_ms,
            utc("2026-11-01T04:00:00Z")
        );
        assert_eq!(
            day_or_instant("2026-11-01", zone, true).unwrap().utc_ms,
            utc("2026-11-02T05:00:00Z")
        );
    }

    #[test]
    fn a_mistyped_zone_gets_a_suggestion() {
        assert_eq!(zone_named("Europe/Berlin"), Ok(Tz::Europe__Berlin));
        assert_eq!(
            zone_named("europe/Berlni").unwrap_err().nearest.as_deref(),
            Some("Europe/Berlin")
        );
        assert_eq!(zone_named("nowhere at all").unwrap_err().nearest, None);
    }
}
