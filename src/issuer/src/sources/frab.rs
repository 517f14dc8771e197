//! `schedule.json` as frab, pretalx and their kin export it (<https://c3voc.de/schedule/schema.json>).
//!
//! What is read: `version`, `conference.time_zone_name`, `conference.rooms[].name`, and of each event `guid` (else `id`),
//! `title`, `date`, `duration`, `type`, `language` and the room it is listed under. Everything else, speakers above all,
//! is left alone. The format knows no breaks, no credit values and no programmes.
//!
//! A session's id is its guid in small letters, or `id-<id>`; a room's id is made from its name, so a renamed room is a
//! new room. `date` carries an offset; one without is local to the zone of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono_tz::Tz;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;

use super::agenda_checks::{self, Place};
use super::problem::{Findings, ImportError, ImportReport, Problem};
use super::{
    AgendaImport, MAX_IMPORT_BYTES, MAX_ROWS, RoomRow, SessionRow, field, ids, local_time,
};

const DEFAULT_KIND: &str = "talk";
const MINUTE_MS: i64 = 60 * 1000;

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
    let file_zone = file_zone(conference.time_zone_name.as_deref(), zone, &mut findings);
    let mut names = listed_rooms(&conference.rooms, &mut findings);
    for (room, _) in conference.days.iter().flat_map(|day| &day.rooms.0) {
        if names.insert(room.trim().to_owned())
            && let Some(wrong) = name_problem(room.trim())
        {
            findings.problem(Problem::at_path(
                "schedule.conference.days[].rooms",
                room,
                wrong,
            ));
        }
    }
    let room_ids = ids::ids_for(names.iter().map(String::as_str));
    let mut sessions = Vec::new();
    let mut places = Vec::new();
    let mut paths_of_ids: BTreeMap<String, String> = BTreeMap::new();
    for (day_index, day) in conference.days.iter().enumerate() {
        for (room, events) in &day.rooms.0 {
            for (index, event) in events.iter().enumerate() {
                let path =
                    format!("schedule.conference.days[{day_index}].rooms[{room:?}][{index}]");
                if sessions.len() >= MAX_ROWS {
                    return Err(Problem::at_path(
                        &path,
                        "",
                        format!("the file has more than {MAX_ROWS} events"),
                    )
                    .into());
                }
                let room_id = room_ids.get(room.trim()).map_or("", String::as_str);
                let Some(session) = session(event, room_id, &path, file_zone, &mut findings) else {
                    continue;
                };
                if let Some(first) = paths_of_ids.insert(session.id.clone(), path.clone()) {
                    let message = format!(
                        "the event has the same guid or id as {first}; export the file again, or correct one"
                    );
                    findings.problem(Problem::at_path(
                        &format!("{path}.guid"),
                        &session.id,
                        message,
                    ));
                }
                sessions.push(session);
                places.push(Place::Path(path));
            }
        }
    }
    if sessions.is_empty() && !findings.has_problems() {
        findings.problem(Problem::of_file(
            "the schedule has no events; an empty agenda would replace what is there",
        ));
    }
    let version_label = schedule
        .version
        .map(|v| v.trim().to_owned())
        .filter(|v| !v.is_empty());
    if let Some(wrong) = version_label.as_deref().and_then(field::text_problem) {
        findings.problem(Problem::at_path("schedule.version", "", wrong));
    }
    let rooms = room_ids
        .into_iter()
        .map(|(name, id)| RoomRow {
            id,
            title: name.to_owned(),
        })
        .collect();
    let agenda = AgendaImport {
        version_label,
        zone: conference
            .time_zone_name
            .map(|_| file_zone.name().to_owned()),
        rooms,
        sessions,
    };
    let agenda = agenda_checks::finish(agenda, places, ("duration", "room"), &mut findings);
    findings.finish(agenda)
}

fn parse(bytes: &[u8]) -> Result<Schedule, ImportError> {
    const EXPORT_AGAIN: &str =
        "export schedule.json again (in pretalx: Schedule, Export) and import that file unchanged";
    if bytes.len() > MAX_IMPORT_BYTES {
        let limit = MAX_IMPORT_BYTES / (1024 * 1024);
        return Err(Problem::of_file(format!(
            "the file is larger than the {limit} MiB that are read at once"
        ))
        .into());
    }
    let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    serde_json::from_slice::<File>(bytes)
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

/// The zone that local times of the file are in.
fn file_zone(name: Option<&str>, event_zone: Tz, findings: &mut Findings) -> Tz {
    const PATH: &str = "schedule.conference.time_zone_name";
    let Some(name) = name else { return event_zone };
    match local_time::zone_named(name) {
        Ok(zone) => {
            if zone != event_zone {
                let message = format!(
                    "the event's time zone is {}; sessions keep their instants, and people see them in the event's zone",
                    event_zone.name()
                );
                findings.warn(Problem::at_path(PATH, name, message));
            }
            zone
        }
        Err(unknown) => {
            findings.problem(Problem::at_path(PATH, name, unknown.to_string()));
            event_zone
        }
    }
}

/// Names of the rooms that the conference lists, with or without events.
fn listed_rooms(rooms: &[Value], findings: &mut Findings) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (index, room) in rooms.iter().enumerate().take(MAX_ROWS) {
        let name = room
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim();
        match name_problem(name) {
            Some(wrong) => {
                findings.problem(Problem::at_path(
                    &format!("schedule.conference.rooms[{index}].name"),
                    name,
                    wrong,
                ));
            }
            None => {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

fn name_problem(name: &str) -> Option<String> {
    if name.is_empty() {
        Some("is missing or empty; name it".to_owned())
    } else {
        field::text_problem(name)
    }
}

/// One event; none, with the problems noted, if anything that is read of it is wrong.
fn session(
    event: &Value,
    room: &str,
    path: &str,
    zone: Tz,
    findings: &mut Findings,
) -> Option<SessionRow> {
    let place = Place::Path(path.to_owned());
    let mut read = |key: &str, result: Result<String, String>| match result {
        Ok(value) => Some(value),
        Err(wrong) => {
            let shown = text(event, key).unwrap_or_default();
            findings.problem(place.problem(key, shown, wrong));
            None
        }
    };
    let id = read("guid", id(event));
    let title = text(event, "title").unwrap_or_default().trim();
    let title = read(
        "title",
        name_problem(title).map_or_else(|| Ok(title.to_owned()), Err),
    );
    let language = text(event, "language")
        .unwrap_or_default()
        .trim()
        .replace('_', "-");
    let language_wrong = Some(language.as_str())
        .filter(|l| !l.is_empty())
        .and_then(field::language_problem);
    let language = read("language", language_wrong.map_or(Ok(language), Err));
    let date = text(event, "date").unwrap_or_default().trim();
    let start = local_time::instant(date, zone)
        .map_err(|wrong| findings.problem(place.problem("date", date, wrong)))
        .ok();
    let duration = text(event, "duration").unwrap_or_default().trim();
    let length_ms = duration_ms(duration);
    if length_ms.is_none() {
        let message = "is no duration: hours and minutes such as 01:30, more than none";
        findings.problem(place.problem("duration", duration, message));
    }
    let kind = ids::slug(text(event, "type").unwrap_or_default());
    let start_utc_ms = start?.utc_ms;
    Some(SessionRow {
        id: id?,
        title: title?,
        room: room.to_owned(),
        start_utc_ms,
        end_utc_ms: start_utc_ms + length_ms?,
        programme: None,
        kind: if kind.is_empty() {
            DEFAULT_KIND.to_owned()
        } else {
            kind
        },
        credit_value: None,
        language: language.filter(|l| !l.is_empty()),
    })
}

fn text<'a>(event: &'a Value, key: &str) -> Option<&'a str> {
    event.get(key).and_then(Value::as_str)
}

fn id(event: &Value) -> Result<String, String> {
    let guid = text(event, "guid").unwrap_or_default().trim();
    if !guid.is_empty() {
        let small = guid.to_ascii_lowercase();
        // Braces or colons around a UUID: the digest keeps two odd guids apart.
        return Ok(if ids::is_id(&small) {
            small
        } else {
            ids::ids_for([guid]).remove(guid).unwrap_or(small)
        });
    }
    match event.get("id") {
        Some(Value::Number(number)) if number.is_u64() => Ok(format!("id-{number}")),
        Some(Value::String(id)) if ids::is_id(&format!("id-{}", id.trim())) => {
            Ok(format!("id-{}", id.trim()))
        }
        _ => Err("the event has neither guid nor id; export the file again".to_owned()),
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
