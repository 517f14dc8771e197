//! `door add`, `door list`, `door lost`.

use attendance::words::{DoorId, EventId, RoomId};
use protocol::text::instant;

use super::arguments::Door;
use super::events::title;
use super::output::{Ended, Exit, Failure, counted, reason_code, say, table};
use super::premises::{Premises, now};
use crate::imports::agenda::put_door;

/// The most rooms of a door.
const MAX_ROOMS: usize = 32;

pub(super) fn run(here: &Premises, what: Door) -> Ended {
    match what {
        Door::Add {
            event,
            door,
            title,
            rooms,
        } => add(here, &event, door, &title, rooms),
        Door::List { event } => list(here, &event),
        Door::Lost {
            event,
            door,
            reason,
            operator,
        } => lost(here, &event, &door, &reason, &operator),
    }
}

fn add(here: &Premises, event: &EventId, door: DoorId, named: &str, rooms: Vec<RoomId>) -> Ended {
    here.event(event)?;
    let twice = rooms
        .iter()
        .enumerate()
        .find(|(place, room)| rooms[..*place].contains(room));
    if let Some((_, room)) = twice {
        return Err(Failure::usage(format!("--room {room} is there twice")));
    }
    if rooms.len() > MAX_ROOMS {
        return Err(Failure::usage(format!(
            "--room: a door has at most {MAX_ROOMS} rooms"
        )));
    }
    let door = protocol::agenda::Door {
        id: door,
        title: title("--title", named)?,
        rooms,
    };
    let Some(made) = put_door(here.desk(), event, &door)? else {
        say(format!(
            "The door {} is so already; nothing was changed.",
            door.id
        ))?;
        return Ok(Exit::Done);
    };
    for room in made {
        say(format!("The agenda had no room {room}; it was made."))?;
    }
    say(format!(
        "The door {} leads to {}.",
        door.id,
        ids(&door.rooms)
    ))?;
    say(here.next(&format!("claim --event {event} --door {}", door.id)))?;
    Ok(Exit::Done)
}

fn ids<T: ToString>(ids: &[T]) -> String {
    ids.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn list(here: &Premises, event: &EventId) -> Ended {
    here.event(event)?;
    let kiosks = here.store.kiosks(event)?;
    let watermarks = here.store.watermarks(event)?;
    let mut rows = Vec::new();
    for facts in here.store.doors(event)? {
        let here_now: Vec<_> = kiosks
            .iter()
            .filter(|k| k.door == facts.door.id && k.retired.is_none())
            .collect();
        let entries: u64 = here_now.iter().map(|k| k.size).sum();
        let reached = here_now.iter().map(|k| {
            watermarks
                .iter()
                .find(|(id, _)| *id == k.kiosk)
                .and_then(|(_, at)| *at)
        });
        let reached = reached.min().flatten();
        rows.push([
            facts.door.id.to_string(),
            facts.door.title,
            ids(&facts.door.rooms),
            if here_now.is_empty() {
                "none".to_owned()
            } else {
                ids(&here_now.iter().map(|k| &k.kiosk).collect::<Vec<_>>())
            },
            entries.to_string(),
            reached.map_or_else(|| "unknown".to_owned(), instant),
            if facts.lost {
                "given up".to_owned()
            } else {
                String::new()
            },
        ]);
    }
    if rows.is_empty() {
        say(format!(
            "No doors. Add one with `rollcall-issuer door add --event {event}`."
        ))?;
        return Ok(Exit::Done);
    }
    table(
        [
            "DOOR",
            "TITLE",
            "ROOMS",
            "KIOSK",
            "ENTRIES",
            "HELD UP TO",
            "",
        ],
        &rows,
    )?;
    say(counted(rows.len(), "door"))?;
    Ok(Exit::Done)
}

fn lost(here: &Premises, event: &EventId, door: &DoorId, reason: &str, operator: &str) -> Ended {
    here.event(event)?;
    reason_code(reason)?;
    here.operator(operator)?;
    let held = here
        .store
        .doors(event)?
        .into_iter()
        .find(|facts| facts.door.id == *door);
    let held = held.ok_or_else(|| no_door(event, door))?;
    if held.lost {
        say(format!(
            "The entries of the door {door} were given up before; nothing was changed."
        ))?;
        return Ok(Exit::Done);
    }
    here.store
        .declare_door_lost(event, door, reason, operator, now())?;
    say(format!(
        "The missing entries of the door {door} are given up; nobody waits for them any longer."
    ))?;
    say(here.next(&format!("issue --event {event}")))?;
    Ok(Exit::Done)
}

pub(super) fn no_door(event: &EventId, door: &DoorId) -> Failure {
    Failure::failed(format!(
        "there is no door \"{door}\" at the event {event}; `rollcall-issuer door list --event {event}` shows them, `door add` adds one"
    ))
}
