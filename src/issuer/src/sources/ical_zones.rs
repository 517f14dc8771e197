//! iCalendar's local times as instants: names of zones as they are really written, and the definitions that come along.
//!
//! A name of the IANA's list (`Europe/Vienna`, also behind a prefix such as `/example.org/20261/Europe/Vienna`) is that zone.
//! Any other name is what the file's VTIMEZONE of that name says; without one it is a place where it is one of Windows' names
//! (see [`super::ical_windows`]), and refused otherwise: pretalx writes `EST` for New York and defines it with daylight saving,
//! where the name alone would be an hour off all summer. A definition is followed as far as calendars write them: fixed
//! offsets, and yearly changes on the n-th weekday of a month; others are refused. A local time that the change of clocks
//! skips or repeats is refused, as everywhere.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};
use chrono_tz::Tz;

use super::ical_lines::{Component, Property};
use super::{ical_windows, local_time};

/// Most changes of one zone that a definition lists one by one.
const MAX_OBSERVANCES: usize = 1_000;

/// The zones that a file defines, by their TZID.
#[derive(Default)]
pub(super) struct Zones<'a> {
    defined: BTreeMap<String, &'a Component>,
    followed: BTreeMap<String, Result<Zone, String>>,
}

/// What a TZID means.
#[derive(Clone, Debug)]
pub(super) enum Zone {
    Named(Tz),
    Defined(Vec<Observance>),
}

/// An offset and when it begins.
#[derive(Clone, Debug)]
pub(super) struct Observance {
    start: NaiveDateTime,
    from_s: i64,
    to_s: i64,
    yearly: Option<Yearly>,
}

/// `FREQ=YEARLY;BYMONTH=3;BYDAY=2SU`.
#[derive(Clone, Copy, Debug)]
struct Yearly {
    month: u32,
    day: Day,
    until: Option<NaiveDateTime>,
}

#[derive(Clone, Copy, Debug)]
enum Day {
    /// The n-th weekday of the month, counted from its end if negative.
    Nth(i32, Weekday),
    /// The first such weekday at or after a day of the month.
    From(u32, Weekday),
    Fixed(u32),
}

impl<'a> Zones<'a> {
    /// Notes a VTIMEZONE.
    pub(super) fn define(&mut self, component: &'a Component) {
        if let Some(id) = component.property("TZID") {
            self.defined.insert(id.text(), component);
        }
    }

    /// The zone of a name.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub(super) fn zone(&mut self, id: &str) -> Result<Zone, String> {
        if let Some(followed) = self.followed.get(id) {
            return followed.clone();
        }
        let zone = match (iana(id), self.defined.get(id)) {
            (Some(zone), _) => Ok(Zone::Named(zone)),
            (None, Some(component)) => defined(component),
            (None, None) => ical_windows::place(id).map(Zone::Named).ok_or_else(|| format!(
                "is in the zone \"{id}\", which the file does not define and which is no name of a place; export it with its \
                 time zones, or write for example TZID=America/New_York"
            ))
        };
        self.followed.insert(id.to_owned(), zone.clone());
        zone
    }
}

/// The IANA's zone of a name with a place in it, and UTC. Bare abbreviations are no places.
fn iana(id: &str) -> Option<Tz> {
    if ["UTC", "GMT", "Z", "tzone://Microsoft/Utc"].contains(&id) {
        return Some(Tz::UTC);
    }
    let parts: Vec<&str> = id.trim_matches('/').split('/').collect();
    (2..=3.min(parts.len())).rev().find_map(|count| {
        let name = parts[parts.len() - count..].join("/");
        name.parse().ok()
    })
}

fn defined(zone: &Component) -> Result<Zone, String> {
    let place = zone.property("X-LIC-LOCATION");
    if let Some(zone) = place.and_then(|place| iana(&place.text())) {
        return Ok(Zone::Named(zone));
    }
    let mut observances = Vec::new();
    for part in &zone.parts {
        if part.name == "STANDARD" || part.name == "DAYLIGHT" {
            observances.extend(of_part(part)?);
        }
        if observances.len() > MAX_OBSERVANCES {
            return Err(format!(
                "is in a zone with more than {MAX_OBSERVANCES} changes"
            ));
        }
    }
    if observances.is_empty() {
        return Err("is in a zone whose definition is empty".to_owned());
    }
    Ok(Zone::Defined(observances))
}

fn of_part(part: &Component) -> Result<Vec<Observance>, String> {
    let wrong = |what: &str| {
        format!(
            "is in a zone whose definition is not understood ({what}, row {}); write the name of a place, such as \
             TZID=America/New_York",
            part.line
        )
    };
    let offset = |name: &str| part.property(name).and_then(|p| offset_s(&p.value));
    let (Some(from_s), Some(to_s)) = (offset("TZOFFSETFROM"), offset("TZOFFSETTO")) else {
        return Err(wrong("its offsets"));
    };
    let start = part.property("DTSTART").and_then(|p| stamp(&p.value));
    let (start, _) = start.ok_or_else(|| wrong("its DTSTART"))?;
    let at = |start, yearly| Observance {
        start,
        from_s,
        to_s,
        yearly,
    };
    let yearly = match part.property("RRULE") {
        Some(rule) => Some(yearly(&rule.value, start).ok_or_else(|| wrong("its RRULE"))?),
        None => None,
    };
    let mut observances = vec![at(start, yearly)];
    for dates in part.properties.iter().filter(|p| p.name == "RDATE") {
        for date in dates.value.split(',') {
            let (start, _) = stamp(date).ok_or_else(|| wrong("its RDATE"))?;
            observances.push(at(start, None));
        }
    }
    Ok(observances)
}

/// A rule of the clocks; none where it is of another sort.
fn yearly(rule: &str, start: NaiveDateTime) -> Option<Yearly> {
    let mut parts = BTreeMap::new();
    for part in rule.trim().split(';').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=')?;
        parts.insert(name.to_ascii_uppercase(), value.to_ascii_uppercase());
    }
    if parts.remove("FREQ")? != "YEARLY" || parts.remove("INTERVAL").is_some_and(|i| i != "1") {
        return None;
    }
    parts.remove("WKST");
    let until = match parts.remove("UNTIL") {
        // A day alone ends with its last second.
        Some(text) if text.len() == 8 => Some(stamp(&format!("{text}T235959"))?.0),
        Some(text) => Some(stamp(&text)?.0),
        None => None,
    };
    let month = match parts.remove("BYMONTH") {
        Some(month) => month.parse().ok().filter(|m| (1..=12).contains(m))?,
        None => start.month(),
    };
    let days = parts.remove("BYMONTHDAY");
    let day = match (parts.remove("BYDAY"), days) {
        (Some(day), None) => {
            let (nth, weekday) = day.split_at_checked(day.len().checked_sub(2)?)?;
            let nth: i32 = nth.parse().ok()?;
            matches!(nth, -5..=-1 | 1..=5).then_some(Day::Nth(nth, weekday_of(weekday)?))?
        }
        (Some(day), Some(days)) => {
            let days: Option<Vec<u32>> = days.split(',').map(|d| d.parse().ok()).collect();
            let days = days.filter(|d| d.len() == 7 && d.windows(2).all(|w| w[0] + 1 == w[1]))?;
            Day::From(days[0], weekday_of(&day)?)
        }
        (None, Some(day)) => Day::Fixed(day.parse().ok()?),
        (None, None) => Day::Fixed(start.day()),
    };
    parts.is_empty().then_some(Yearly { month, day, until })
}

fn weekday_of(text: &str) -> Option<Weekday> {
    Some(match text {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    })
}

impl Yearly {
    fn date(&self, year: i32) -> Option<NaiveDate> {
        let first_from = |day: u32, weekday: Weekday| {
            let date = NaiveDate::from_ymd_opt(year, self.month, day)?;
            let ahead =
                (7 + weekday.num_days_from_monday() - date.weekday().num_days_from_monday()) % 7;
            date.checked_add_signed(TimeDelta::days(i64::from(ahead)))
        };
        match self.day {
            Day::Fixed(day) => NaiveDate::from_ymd_opt(year, self.month, day),
            Day::From(day, weekday) => first_from(day, weekday),
            Day::Nth(nth, weekday) if nth > 0 => {
                let nth = u8::try_from(nth).ok()?;
                NaiveDate::from_weekday_of_month_opt(year, self.month, weekday, nth)
            }
            Day::Nth(nth, weekday) => {
                let weeks = (4..=5_u8).rev();
                let last = weeks
                    .filter_map(|n| {
                        NaiveDate::from_weekday_of_month_opt(year, self.month, weekday, n)
                    })
                    .next()?;
                last.checked_add_signed(TimeDelta::weeks(i64::from(nth + 1)))
            }
        }
    }
}

impl Observance {
    /// When it last began at or before an instant, in UTC.
    fn onset(&self, utc: NaiveDateTime) -> Option<NaiveDateTime> {
        let as_utc =
            |local: NaiveDateTime| local.checked_sub_signed(TimeDelta::seconds(self.from_s));
        let mut last = as_utc(self.start).filter(|onset| *onset <= utc);
        if let Some(yearly) = self.yearly {
            // The year of the instant, or the last one of the rule, and the one before each.
            let years = [Some(utc.year()), yearly.until.map(|until| until.year())];
            for year in years
                .into_iter()
                .flatten()
                .flat_map(|year| [year - 1, year, year + 1])
            {
                let onset = yearly
                    .date(year)
                    .and_then(|date| as_utc(date.and_time(self.start.time())));
                let valid = onset.filter(|onset| {
                    *onset <= utc
                        && as_utc(self.start).is_some_and(|start| *onset >= start)
                        && yearly.until.is_none_or(|until| *onset <= until)
                });
                last = last.max(valid);
            }
        }
        last
    }
}

/// The offset in force at an instant, in seconds east.
fn offset_at(observances: &[Observance], utc: NaiveDateTime) -> i64 {
    let begun = observances
        .iter()
        .filter_map(|o| Some((o.onset(utc)?, o.to_s)))
        .max();
    let first = observances.iter().min_by_key(|o| o.start);
    begun.map_or_else(|| first.map_or(0, |o| o.from_s), |(_, to_s)| to_s)
}

/// The instant of a local time, UTC milliseconds.
///
/// # Errors
/// It does not exist, or exists twice.
pub(super) fn instant(zone: &Zone, local: NaiveDateTime) -> Result<i64, String> {
    let observances = match zone {
        Zone::Named(zone) => return local_time::in_zone(local, *zone),
        Zone::Defined(observances) => observances,
    };
    let mut offsets: Vec<i64> = observances
        .iter()
        .flat_map(|o| [o.from_s, o.to_s])
        .collect();
    offsets.sort_unstable();
    offsets.dedup();
    let mut instants = offsets.iter().filter_map(|offset_s| {
        let utc = local.checked_sub_signed(TimeDelta::seconds(*offset_s))?;
        (offset_at(observances, utc) == *offset_s).then_some(utc)
    });
    let shown = local.format("%Y-%m-%d %H:%M");
    match (instants.next(), instants.next()) {
        (Some(utc), None) => Ok(utc.and_utc().timestamp_millis()),
        (Some(_), Some(_)) => Err(format!(
            "is {shown}, which happens twice in its zone because the clocks go back; write it in UTC"
        )),
        (None, _) => Err(format!(
            "is {shown}, which does not exist in its zone because the clocks go forward; write a time before or after"
        )),
    }
}

/// `20261031T090000`, and whether a `Z` stands behind it.
pub(super) fn stamp(text: &str) -> Option<(NaiveDateTime, bool)> {
    let text = text.trim();
    let (text, utc) = match text.strip_suffix(['Z', 'z']) {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (date, clock) = text.split_once(['T', 't'])?;
    let number = |text: &str, from: usize, to: usize| {
        let digits = text.get(from..to)?;
        let good = digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse::<u32>().ok().filter(|_| good)
    };
    if clock.len() != 6 {
        return None;
    }
    // A leap second is the second before it: nobody schedules one.
    let second = number(clock, 4, 6)?.min(59);
    let time = NaiveTime::from_hms_opt(number(clock, 0, 2)?, number(clock, 2, 4)?, second)?;
    Some((day(date)?.and_time(time), utc))
}

/// `20261031`.
pub(super) fn day(text: &str) -> Option<NaiveDate> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let year = i32::try_from(number(0, 4)?).ok()?;
    NaiveDate::from_ymd_opt(year, number(4, 6)?, number(6, 8)?)
}

/// `-0500`, `+053000`.
fn offset_s(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if ![4, 6].contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize| {
        digits
            .get(from..from + 2)
            .map_or(Some(0), |d| d.parse::<i64>().ok())
    };
    let (hours, minutes, seconds) = (number(0)?, number(2)?, number(4)?);
    let total = hours * 3600 + minutes * 60 + seconds;
    (minutes < 60 && seconds < 60 && total <= 18 * 3600).then_some(sign * total)
}

/// The length of `PT1H30M`, in milliseconds; none where it is no length, or none at all.
pub(super) fn duration_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text).strip_prefix('P')?;
    let (days, clock) = text
        .split_once('T')
        .map_or((text, None), |(d, c)| (d, Some(c)));
    let mut seconds = 0_i64;
    for (part, units) in [
        (Some(days), &[('W', 604_800), ('D', 86_400)][..]),
        (clock, &[('H', 3_600), ('M', 60), ('S', 1)][..]),
    ] {
        let mut rest = part.unwrap_or_default();
        for (unit, unit_s) in units {
            let Some((number, after)) = rest.split_once(*unit) else {
                continue;
            };
            let good =
                (1..=6).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
            let number = number.parse::<i64>().ok().filter(|_| good)?;
            (seconds, rest) = (seconds + number * unit_s, after);
        }
        if !rest.is_empty() {
            return None;
        }
    }
    (seconds > 0 && clock != Some("")).then_some(seconds * 1000)
}

/// The zone's name that a property gives itself.
pub(super) fn zone_id(property: &Property) -> Option<&str> {
    property
        .parameter("TZID")
        .map(str::trim)
        .filter(|id| !id.is_empty())
}
