//! `schedule.json` as frab, pretalx and their kin export it (<https://c3voc.de/schedule/schema.json>).
//!
//! What is read: `version`, `conference.time_zone_name`, `conference.rooms[].name`, and of each event `guid` (else `id`),
//! `title`, `date`, `duration`, `type`, `language` and the room it is listed under. Everything else, speakers above all,
//! is left alone. The format knows no breaks, no credit values and no programmes.
//!
//! A session's id is its guid in small letters, or `id-<id>`; a room's id is made from its name, so a renamed room is a
//! new room. `date` carries an offset; one without is local to the zone of the file.

use std::fmt;

use chrono_tz::Tz;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;

use super::agenda_checks::Place;
use super::agenda_draft::{self, Draft, Names, name_problem};
use super::problem::{Findings, ImportError, ImportReport, Problem};
use super::{AgendaImport, MAX_ROWS, SessionRow, field, ids, local_time, text};

const MINUTE_MS: i64 = 60 * 1000;

/// How schedules call things, as JSON and as XML.
pub(super) const NAMES: Names = Names {
    id: "guid",
    length: "duration",
    room: "room",
    whole: "schedule",
    part: "event",
};

#[derive(Deserialize)]
struct File {
    schedule: Schedule,
}

#[derive(Deserialize)]
struct Schedule {
    #[serde(default)]
    version: Option<String>,
    conference: Conference,
}

#[derive(Deserialize)]
struct Conference {
    #[serde(default)]
    time_zone_name: Option<String>,
    #[serde(default)]
    rooms: Vec<Value>,
    days: Vec<Day>,
}

#[derive(Deserialize)]
struct Day {
    rooms: Listing,
}

/// Rooms of a day with their events, in the order of the file. A room listed twice keeps both lists, where a map would
/// drop the first without a word.
struct Listing(Vec<(String, Vec<Value>)>);

impl<'de> Deserialize<'de> for Listing {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rooms;
        impl<'de> Visitor<'de> for Rooms {
            type Value = Listing;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of rooms, each with a list of events")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Listing, A::Error> {
                let mut rooms = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    rooms.push(entry);
                }
                Ok(Listing(rooms))
            }
        }
        deserializer.deserialize_map(Rooms)
    }
}

/// Reads a schedule. `zone` is the event's; a file that names another is imported all the same, with a warning.
///
/// # Errors
/// [`ImportError`]; nothing is to be imported then. The structure's first fault is named by line, faults of events by path.
pub fn read(bytes: &[u8], zone: Tz) -> Result<ImportReport<AgendaImport>, ImportError> {
    let schedule = parse(bytes)?;
    let mut findings = Findings::default();
    let conference = schedule.conference;
    let zone_name = conference.time_zone_name.as_deref();
    let path = "schedule.conference.time_zone_name";
    let file_zone = agenda_draft::file_zone(zone_name, path, zone, &mut findings);
    let mut draft = Draft::new(NAMES);
    listed_rooms(&conference.rooms, &mut draft, &mut findings);
    for (day_index, day) in conference.days.iter().enumerate() {
        for (room, events) in &day.rooms.0 {
            let name = room.trim();
            if let Some(wrong) = draft.room(name) {
                let path = "schedule.conference.days[].rooms";
                findings.problem(Problem::at_path(path, room, wrong));
            }
            for (index, event) in events.iter().enumerate() {
                let path =
                    format!("schedule.conference.days[{day_index}].rooms[{room:?}][{index}]");
                let place = Place::Path(path);
                let field = |key: &str| event.get(key).and_then(Value::as_str);
                let id = event_id(field("guid"), number(event));
                if let Some(session) = session(&field, id, name, &place, file_zone, &mut findings) {
                    draft.push(session, place, &mut findings)?;
                }
            }
        }
    }
    let named = zone_name.map(|_| file_zone.name().to_owned());
    draft.finish(schedule.version.as_deref(), named, findings)
}

fn parse(bytes: &[u8]) -> Result<Schedule, ImportError> {
    const EXPORT_AGAIN: &str =
        "export schedule.json again (in pretalx: Schedule, Export) and import that file unchanged";
    let text = text::decode(bytes, EXPORT_AGAIN)?;
    serde_json::from_str::<File>(&text)
        .map(|file| file.schedule)
        .map_err(|error| {
            let what = if error.is_data() {
                "this is JSON, but not a frab schedule"
            } else {
                "this is not whole JSON"
            };
            let row = u64::try_from(error.line()).unwrap_or(u64::MAX);
            Problem::of_row(row, format!("{what}: {error}; {EXPORT_AGAIN}")).into()
        })
}

/// Rooms that the conference lists, with or without events.
fn listed_rooms(rooms: &[Value], draft: &mut Draft, findings: &mut Findings) {
    for (index, room) in rooms.iter().enumerate().take(MAX_ROWS) {
        let name = room
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim();
        if let Some(wrong) = draft.room(name) {
            let path = format!("schedule.conference.rooms[{index}].name");
            findings.problem(Problem::at_path(&path, name, wrong));
        }
    }
}

/// One event of a schedule, its fields by name; none, with the problems noted, if anything that is read of it is wrong.
pub(super) fn session<'a>(
    field: &dyn Fn(&str) -> Option<&'a str>,
    id: Result<String, String>,
    room: &str,
    place: &Place,
    zone: Tz,
    findings: &mut Findings,
) -> Option<SessionRow> {
    let text = |key: &str| field(key).unwrap_or_default().trim();
    let mut read = |key: &str, result: Result<String, String>| match result {
        Ok(value) => Some(value),
        Err(wrong) => {
            findings.problem(place.problem(key, text(key), wrong));
            None
        }
    };
    let id = read("guid", id);
    let title = text("title");
    let title = read(
        "title",
        name_problem(title).map_or_else(|| Ok(title.to_owned()), Err),
    );
    let language = text("language").replace('_', "-");
    let language_wrong = Some(language.as_str())
        .filter(|l| !l.is_empty())
        .and_then(field::language_problem);
    let language = read("language", language_wrong.map_or(Ok(language), Err));
    let date = text("date");
    let start = local_time::instant(date, zone)
        .map_err(|wrong| findings.problem(place.problem("date", date, wrong)))
        .ok();
    let duration = text("duration");
    let length_ms = duration_ms(duration);
    if length_ms.is_none() {
        let message = "is no duration: hours and minutes such as 01:30, more than none";
        findings.problem(place.problem("duration", duration, message));
    }
    let start_utc_ms = start?.utc_ms;
    Some(SessionRow {
        id: id?,
        title: title?,
        room: room.to_owned(),
        start_utc_ms,
        end_utc_ms: start_utc_ms + length_ms?,
        programme: None,
        kind: agenda_draft::kind(field("type")),
        credit_value: None,
        language: language.filter(|l| !l.is_empty()),
    })
}

/// The id of an event: its guid, else its number.
///
/// # Errors
/// It has neither.
pub(super) fn event_id(guid: Option<&str>, number: Option<String>) -> Result<String, String> {
    let guid = guid.unwrap_or_default().trim();
    if !guid.is_empty() {
        return Ok(agenda_draft::foreign_id(guid));
    }
    number
        .map(|number| format!("id-{}", number.trim()))
        .filter(|id| ids::is_id(id) && id != "id-")
        .ok_or_else(|| "the event has neither guid nor id; export the file again".to_owned())
}

fn number(event: &Value) -> Option<String> {
    match event.get("id") {
        Some(Value::Number(number)) if number.is_u64() => Some(number.to_string()),
        Some(Value::String(id)) => Some(id.clone()),
        _ => None,
    }
}

/// `HH:MM`, at most three digits of hours, more than zero.
fn duration_ms(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        let good = lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<i64>().ok().filter(|_| good)
    };
    let (hours, minutes) = (number(hours, 1..=3)?, number(minutes, 2..=2)?);
    (minutes < 60 && hours + minutes > 0).then_some((hours * 60 + minutes) * MINUTE_MS)
}
