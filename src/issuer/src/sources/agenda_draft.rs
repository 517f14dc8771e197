//! An agenda while it is read from somebody else's file: rooms are names yet, and ids may clash.
//!
//! Every format that names rooms by their names makes the ids of rooms here, so that a door serves the same room whichever
//! export the next version comes from.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use super::agenda_checks::{self, Place};
use super::problem::{Findings, ImportError, ImportReport, Problem};
use super::{AgendaImport, MAX_ROWS, RoomRow, SessionRow, field, ids, local_time};

/// What a session is if its source does not say.
pub(super) const DEFAULT_KIND: &str = "talk";

/// How the columns of a format are called, for messages.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub(super) id: &'static str,
    /// Where the length of a session is told.
    pub(super) length: &'static str,
    pub(super) room: &'static str,
    /// What holds the sessions: `schedule`, `calendar`.
    pub(super) whole: &'static str,
    /// What a session is called there: `event`, `slot`.
    pub(super) part: &'static str,
}

/// Rooms and sessions so far. `room` of a session is the room's name.
pub(super) struct Draft {
    names: Names,
    rooms: BTreeSet<String>,
    sessions: Vec<(SessionRow, Place)>,
    places_of_ids: BTreeMap<String, Place>,
}

impl Draft {
    pub(super) fn new(names: Names) -> Self {
        Self {
            names,
            rooms: BTreeSet::new(),
            sessions: Vec::new(),
            places_of_ids: BTreeMap::new(),
        }
    }

    /// Adds a room; what is wrong with its name, if it is new and something is.
    pub(super) fn room(&mut self, name: &str) -> Option<String> {
        let is_new = self.rooms.insert(name.to_owned());
        is_new.then(|| name_problem(name)).flatten()
    }

    /// Adds a session.
    ///
    /// # Errors
    /// Where there are more than [`MAX_ROWS`].
    pub(super) fn push(
        &mut self,
        session: SessionRow,
        place: Place,
        findings: &mut Findings,
    ) -> Result<(), ImportError> {
        if self.sessions.len() >= MAX_ROWS {
            let message = format!(
                "the {} has more than {MAX_ROWS} {}s",
                self.names.whole, self.names.part
            );
            return Err(place.problem(self.names.id, "", message).into());
        }
        if let Some(first) = self.places_of_ids.insert(session.id.clone(), place.clone()) {
            let message = format!(
                "the {} has the same {} as {first}; export the file again, or correct one",
                self.names.part, self.names.id
            );
            findings.problem(place.problem(self.names.id, &session.id, message));
        }
        self.sessions.push((session, place));
        Ok(())
    }

    /// The agenda. `version` and `zone` are what the source says of itself.
    pub(super) fn finish(
        self,
        version: Option<&str>,
        zone: Option<String>,
        mut findings: Findings,
    ) -> Result<ImportReport<AgendaImport>, ImportError> {
        if self.sessions.is_empty() && !findings.has_problems() {
            let message = format!(
                "the {} has no {}s; an empty agenda would replace what is there",
                self.names.whole, self.names.part
            );
            findings.problem(Problem::of_file(message));
        }
        let version_label = version.map(str::trim).filter(|v| !v.is_empty());
        if let Some(wrong) = version_label.and_then(field::text_problem) {
            let path = format!("{}.version", self.names.whole);
            findings.problem(Problem::at_path(&path, "", wrong));
        }
        let room_ids = ids::ids_for(self.rooms.iter().map(String::as_str));
        let (mut sessions, places): (Vec<_>, Vec<_>) = self.sessions.into_iter().unzip();
        for session in &mut sessions {
            let id = room_ids.get(session.room.as_str());
            session.room = id.cloned().unwrap_or_default();
        }
        let rooms = room_ids.into_iter().map(|(name, id)| RoomRow {
            id,
            title: name.to_owned(),
        });
        let agenda = AgendaImport {
            version_label: version_label.map(str::to_owned),
            zone,
            rooms: rooms.collect(),
            sessions,
        };
        let columns = (self.names.length, self.names.room);
        let agenda = agenda_checks::finish(agenda, places, columns, &mut findings);
        findings.finish(agenda)
    }
}

/// What is wrong with the name of a room or the title of a session.
pub(super) fn name_problem(name: &str) -> Option<String> {
    if name.is_empty() {
        Some("is missing or empty; name it".to_owned())
    } else {
        field::text_problem(name)
    }
}

/// The kind that a source's own word makes.
pub(super) fn kind(word: Option<&str>) -> String {
    let kind = ids::slug(word.unwrap_or_default());
    if kind.is_empty() {
        DEFAULT_KIND.to_owned()
    } else {
        kind
    }
}

/// An id of another system in ours: as it is in small letters where that is one, else with a digest that keeps two odd ones
/// apart.
pub(super) fn foreign_id(id: &str) -> String {
    let small = id.to_ascii_lowercase();
    if ids::is_id(&small) {
        small
    } else {
        ids::ids_for([id]).remove(id).unwrap_or(small)
    }
}

/// The zone that local times of a file are in, where it names one at `path`.
pub(super) fn file_zone(
    name: Option<&str>,
    path: &str,
    event_zone: Tz,
    findings: &mut Findings,
) -> Tz {
    let Some(name) = name else { return event_zone };
    match local_time::zone_named(name) {
        Ok(zone) => {
            if zone != event_zone {
                let message = format!(
                    "the event's time zone is {}; sessions keep their instants, and people see them in the event's zone",
                    event_zone.name()
                );
                findings.warn(Problem::at_path(path, name, message));
            }
            zone
        }
        Err(unknown) => {
            findings.problem(Problem::at_path(path, name, unknown.to_string()));
            event_zone
        }
    }
}
