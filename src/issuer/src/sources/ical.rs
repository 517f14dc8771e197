//! iCalendar (RFC 5545), as calendars, pretalx and office programs export it.
//!
//! What is read of each VEVENT: `UID` (its identity: a session that moves keeps it), `SUMMARY`, `LOCATION` (the room),
//! `DTSTART` with `DTEND` or `DURATION`, `STATUS`, `CATEGORIES` (the first is the kind), `SEQUENCE`. Of one UID the highest
//! SEQUENCE counts. Times are UTC, in the zone they name (see [`super::ical_zones`]), or without any: those are taken in the
//! event's zone, with a warning, and refused where the calendar names another zone for them.
//!
//! Left out, and counted: cancelled events, entries for whole days, entries without a room. Refused: recurring events, since
//! attendance is taken session by session, and each needs an identity of its own.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::agenda_checks::Place;
use super::agenda_draft::{self, Draft, Names, name_problem};
use super::ical_lines::{self, Component, EXPORT_AGAIN, Property};
use super::ical_zones::{self, Zones};
use super::problem::{Findings, ImportError, ImportReport, Problem};
use super::{AgendaImport, SessionRow, field, local_time};

const NAMES: Names = Names {
    id: "UID",
    length: "DTEND",
    room: "LOCATION",
    whole: "calendar",
    part: "event",
};

/// Reads calendars. `zone` is the event's.
///
/// # Errors
/// [`ImportError`]; nothing is to be imported then. Faults are named by the line of their property.
pub fn read(bytes: &[u8], zone: Tz) -> Result<ImportReport<AgendaImport>, ImportError> {
    let calendars = ical_lines::read(bytes)?;
    let mut findings = Findings::default();
    for other in calendars.iter().filter(|c| c.name != "VCALENDAR") {
        let message =
            format!("this is no calendar: it would begin with BEGIN:VCALENDAR; {EXPORT_AGAIN}");
        findings.problem(Problem::of_row(other.line, message));
    }
    let mut draft = Draft::new(NAMES);
    for calendar in calendars.iter().filter(|c| c.name == "VCALENDAR") {
        read_calendar(calendar, zone, &mut draft, &mut findings)?;
    }
    draft.finish(None, None, findings)
}

fn read_calendar(
    calendar: &Component,
    zone: Tz,
    draft: &mut Draft,
    findings: &mut Findings,
) -> Result<(), ImportError> {
    let mut clock = Clock::of(calendar, zone);
    let called_off = calendar
        .property("METHOD")
        .is_some_and(|method| method.value.trim().eq_ignore_ascii_case("CANCEL"));
    for event in newest(calendar) {
        let session = if called_off || status(event) == "CANCELLED" {
            findings.leave_out("events that are cancelled", &label(event));
            None
        } else {
            session(event, &mut clock, draft, findings)
        };
        if let Some(session) = session {
            let line = event.property("UID").map_or(event.line, |p| p.line);
            draft.push(session, Place::Row(line), findings)?;
        }
    }
    clock.warn(findings);
    let by = calendar.property("PRODID").map(Property::text);
    if by.is_some_and(|by| by.contains("pretalx")) {
        findings.warn(Problem::of_file(
            "pretalx writes the speakers behind each title of its calendar, and titles stand on certificates; its schedule.json \
             has the titles alone",
        ));
    }
    Ok(())
}

/// The events of a calendar; of those that have one UID and are numbered, the one with the highest number.
fn newest(calendar: &Component) -> Vec<&Component> {
    let sequence = |event: &Component| {
        let sequence = event.property("SEQUENCE");
        sequence.and_then(|s| s.value.trim().parse::<u64>().ok())
    };
    let mut highest: BTreeMap<&str, u64> = BTreeMap::new();
    for event in calendar.parts("VEVENT") {
        if let (Some(uid), Some(sequence)) = (event.property("UID"), sequence(event)) {
            let held = highest.entry(uid.value.as_str()).or_insert(sequence);
            *held = sequence.max(*held);
        }
    }
    let is_newest = |event: &&Component| {
        let held = event
            .property("UID")
            .and_then(|uid| highest.get(uid.value.as_str()));
        held.is_none_or(|held| sequence(event).is_none_or(|s| s == *held))
    };
    calendar.parts("VEVENT").filter(is_newest).collect()
}

fn status(event: &Component) -> String {
    let status = event.property("STATUS");
    status.map_or_else(String::new, |s| s.value.trim().to_ascii_uppercase())
}

/// What a person knows an event by.
fn label(event: &Component) -> String {
    let named = event.property("SUMMARY").map(Property::text);
    named
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| format!("row {}", event.line))
}

/// One event; none, with the problems noted, if anything that is read of it is wrong, or if it is no session.
fn session(
    event: &Component,
    clock: &mut Clock<'_>,
    draft: &mut Draft,
    findings: &mut Findings,
) -> Option<SessionRow> {
    let Some(start) = event.property("DTSTART") else {
        findings.problem(Problem::of_cell(
            event.line,
            "DTSTART",
            "",
            "the event has no start",
        ));
        return None;
    };
    if is_day(start) {
        findings.leave_out(
            "entries for whole days, which are no sessions",
            &label(event),
        );
        return None;
    }
    let room = event.property("LOCATION").map(Property::text);
    let Some(room) = room.filter(|room| !room.is_empty()) else {
        findings.leave_out(
            "events without a room (LOCATION), which no door serves",
            &label(event),
        );
        return None;
    };
    let mut good = true;
    let mut wrong = |line: u64, column: &str, value: &str, message: String| {
        findings.problem(Problem::of_cell(line, column, value, message));
        good = false;
    };
    if let Some((property, message)) = recurrence(event) {
        wrong(
            property.line,
            &property.name,
            &property.value,
            message.to_owned(),
        );
    }
    let uid = event
        .property("UID")
        .map(Property::text)
        .unwrap_or_default();
    if let Some(message) = name_problem(&uid) {
        wrong(event.line, "UID", "", message);
    }
    let summary = event.property("SUMMARY");
    let title = summary.map(Property::text).unwrap_or_default();
    if let Some(message) = name_problem(&title) {
        wrong(
            summary.map_or(event.line, |s| s.line),
            "SUMMARY",
            &title,
            message,
        );
    }
    if let Some(message) = draft.room(&room) {
        wrong(event.line, "LOCATION", &room, message);
    }
    let start_utc_ms = clock
        .instant(start)
        .map_err(|message| wrong(start.line, "DTSTART", &start.value, message))
        .ok();
    let end_utc_ms = match end(event, start_utc_ms, clock) {
        Ok(end) => end,
        Err((line, column, value, message)) => {
            wrong(line, column, value, message);
            None
        }
    };
    let (start_utc_ms, end_utc_ms) = (start_utc_ms?, end_utc_ms?);
    if end_utc_ms <= start_utc_ms {
        let line = event.property("DTEND").map_or(event.line, |p| p.line);
        let message = "the event ends when or before it starts; check both";
        wrong(line, "DTEND", "", message.to_owned());
    }
    let language = summary.and_then(|s| s.parameter("LANGUAGE"));
    let language = language.filter(|l| field::language_problem(l).is_none());
    let category = event.property("CATEGORIES").map(|c| c.value.as_str());
    let category = category.and_then(|c| c.split(',').next());
    good.then(|| SessionRow {
        id: agenda_draft::foreign_id(&uid),
        title,
        room,
        start_utc_ms,
        end_utc_ms,
        programme: None,
        kind: agenda_draft::kind(category),
        credit_value: None,
        language: language.map(str::to_owned),
    })
}

/// What makes an event more than one session, and what to do about it.
fn recurrence(event: &Component) -> Option<(&Property, &'static str)> {
    let once = |rule: &&Property| {
        let parts: Vec<String> = rule
            .value
            .split(';')
            .map(|p| p.trim().to_ascii_uppercase())
            .collect();
        !parts.iter().any(|part| part == "COUNT=1")
    };
    let rule = event.property("RRULE").filter(once);
    if let Some(rule) = rule.or_else(|| event.property("RDATE")) {
        let message = "the event recurs, and attendance is taken session by session: write each as an event of its own, with \
                       its own UID";
        return Some((rule, message));
    }
    let exception = event.property("RECURRENCE-ID")?;
    let message = "this is one date of an event that recurs: write it as an event of its own, with its own UID and without \
                   RECURRENCE-ID";
    Some((exception, message))
}

type Fault<'a> = (u64, &'static str, &'a str, String);

/// When an event ends; none where that rests on a start that is wrong itself.
fn end<'a>(
    event: &'a Component,
    start_utc_ms: Option<i64>,
    clock: &mut Clock<'_>,
) -> Result<Option<i64>, Fault<'a>> {
    if let Some(end) = event.property("DTEND") {
        let at = clock.instant(end);
        return at
            .map(Some)
            .map_err(|message| (end.line, "DTEND", end.value.as_str(), message));
    }
    let Some(length) = event.property("DURATION") else {
        let message = "the event has neither DTEND nor DURATION, so nobody knows how long it is";
        return Err((event.line, "DTEND", "", message.to_owned()));
    };
    let Some(length_ms) = ical_zones::duration_ms(&length.value) else {
        let message = "is no duration: write for example PT1H30M, more than none";
        return Err((length.line, "DURATION", &length.value, message.to_owned()));
    };
    Ok(start_utc_ms.map(|start| start + length_ms))
}

fn is_day(property: &Property) -> bool {
    let value = property.parameter("VALUE");
    value.is_some_and(|v| v.eq_ignore_ascii_case("DATE"))
        || ical_zones::day(property.value.trim()).is_some()
}

/// Reads times, and remembers what should be said of them.
struct Clock<'a> {
    event_zone: Tz,
    zones: Zones<'a>,
    /// The zone that the calendar itself is in (`X-WR-TIMEZONE`), which is no standard, and its line.
    calendar_zone: Option<(u64, String)>,
    floating: usize,
    /// Times whose clock is not the event's then, and the first of them.
    elsewhere: usize,
    first_elsewhere: Option<Problem>,
}

impl<'a> Clock<'a> {
    fn of(calendar: &'a Component, event_zone: Tz) -> Self {
        let mut zones = Zones::default();
        for definition in calendar.parts("VTIMEZONE") {
            zones.define(definition);
        }
        let named = calendar.property("X-WR-TIMEZONE");
        Self {
            event_zone,
            zones,
            calendar_zone: named.map(|p| (p.line, p.text())),
            floating: 0,
            elsewhere: 0,
            first_elsewhere: None,
        }
    }

    /// The instant of a property, UTC milliseconds.
    fn instant(&mut self, property: &Property) -> Result<i64, String> {
        let (local, utc) = ical_zones::stamp(&property.value)
            .filter(|(local, _)| local_time::YEARS.contains(&chrono::Datelike::year(local)))
            .ok_or(
                "is no date and time: write it as 20261031T090000, with a Z behind it for UTC",
            )?;
        if utc {
            return Ok(local.and_utc().timestamp_millis());
        }
        let Some(id) = ical_zones::zone_id(property) else {
            return self.floating(local);
        };
        let zone = self.zones.zone(id)?;
        let utc_ms = ical_zones::instant(&zone, local)?;
        let seen = chrono::DateTime::from_timestamp_millis(utc_ms)
            .map(|at| at.with_timezone(&self.event_zone));
        if let Some(seen) = seen.filter(|seen| seen.naive_local() != local) {
            self.elsewhere += 1;
            self.first_elsewhere.get_or_insert_with(|| {
                let message = format!(
                    "the time is in the zone {id}; people will see {} in {}",
                    seen.format("%Y-%m-%d %H:%M"),
                    self.event_zone.name()
                );
                Problem::of_cell(property.line, &property.name, &property.value, message)
            });
        }
        Ok(utc_ms)
    }

    fn floating(&mut self, local: NaiveDateTime) -> Result<i64, String> {
        let zone = match &self.calendar_zone {
            Some((line, name)) if name != self.event_zone.name() => {
                return Err(format!(
                    "has no zone; the calendar says X-WR-TIMEZONE:{} in row {line}, but the event's zone is {}: write the zone \
                     with each time (TZID=…), or correct one of the two",
                    name.chars()
                        .filter(|c| !c.is_control())
                        .take(40)
                        .collect::<String>(),
                    self.event_zone.name()
                ));
            }
            Some(_) => self.event_zone,
            None => {
                self.floating += 1;
                self.event_zone
            }
        };
        local_time::in_zone(local, zone)
    }

    fn warn(self, findings: &mut Findings) {
        if self.floating > 0 {
            findings.warn(Problem::of_file(format!(
                "{} times have no zone and were taken in the event's, {}",
                self.floating,
                self.event_zone.name()
            )));
        }
        if let Some(mut first) = self.first_elsewhere {
            if self.elsewhere > 1 {
                first
                    .message
                    .push_str(&format!(" ({} such times in all)", self.elsewhere));
            }
            findings.warn(first);
        }
    }
}

#[cfg(test)]
#[path = "ical_tests.rs"]
mod tests;
