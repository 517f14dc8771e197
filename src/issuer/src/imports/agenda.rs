//! The agenda in force and what changes it: an import, a door, a rule set.
//!
//! What a new file takes over from the agenda in force: doors (the store's own), rooms that doors serve, the rule sets of programmes by
//! their id, channels, what staff said of a session beside (actual times, parts, exclusions, fields, polls), and which room is part of
//! which. Sessions are the file's.

use std::collections::{BTreeMap, BTreeSet};

use attendance::agenda::PLAIN_SESSION;
use attendance::words::{EventId, ProgrammeId, RoomId, SessionId};
use attendance::{Decimal, UtcMs};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use evidence::Hash;
use protocol::agenda::{Agenda, Door, Programme, Room, Session, VERSION};
use protocol::decision::object_bytes;
use protocol::toml_text::nearest;

use super::{Desk, ImportFault, MAX_NAMED, Plan, Source, with_tries};
use crate::sources::{AgendaImport, SessionRow, zone_named};
use crate::store::events::{AgendaChange, EventFacts, ProgrammeFacts, Versioned};

/// The programme of sessions that name none.
pub const OWN_PROGRAMME: &str = "main";
/// A session of this kind that names no programme belongs to none: nobody is credited for coffee.
const BREAK: &str = "break";

/// An agenda in force, with its object's name.
type InForce = (Agenda, Hash);

pub(super) fn in_force(desk: Desk<'_>, event: &EventId) -> Result<Option<InForce>, ImportFault> {
    let Some(version) = desk.store.version(event, Versioned::Agenda)? else {
        return Ok(None);
    };
    let agenda = desk.documents.agenda(desk.objects, version.object)?;
    Ok(Some((Agenda::clone(&agenda), version.object)))
}

/// The agenda in force; none before the first import.
///
/// # Errors
/// Where the event is unknown, or the agenda is missing or does not read.
pub fn current(desk: Desk<'_>, event: &EventId) -> Result<Option<Agenda>, ImportFault> {
    Ok(in_force(desk, event)?.map(|(agenda, _)| agenda))
}

/// Puts an agenda into the object store and says how it comes into force.
pub(super) fn change(
    desk: Desk<'_>,
    base: Option<Hash>,
    agenda: &Agenda,
) -> Result<AgendaChange, ImportFault> {
    let object = desk.objects.put(&object_bytes(agenda))?;
    let programmes = agenda.programmes.iter().map(|programme| {
        let rules = programme.rules.as_deref().map(Hash::from_hex).transpose();
        let rules = rules.map_err(|e| {
            ImportFault::Missing(format!("the agenda's rules of {}: {e}", programme.id))
        })?;
        Ok(ProgrammeFacts {
            id: programme.id.clone(),
            title: programme.title.clone(),
            rules,
        })
    });
    Ok(AgendaChange {
        base,
        object,
        programmes: programmes.collect::<Result<_, ImportFault>>()?,
    })
}

/// Imports an agenda, or says what that would change.
///
/// # Errors
/// See [`ImportFault`]; nothing is imported then.
pub fn import(
    desk: Desk<'_>,
    event: &EventId,
    read: &AgendaImport,
    source: Source<'_>,
    dry_run: bool,
) -> Result<Plan, ImportFault> {
    import_under(desk, event, read, Some(OWN_PROGRAMME), source, dry_run)
}

/// The same, with the programme of sessions that name none; without one, nothing credits them, and the plan names them.
///
/// # Errors
/// See [`ImportFault`]; nothing is imported then.
pub fn import_under(
    desk: Desk<'_>,
    event: &EventId,
    read: &AgendaImport,
    unnamed: Option<&str>,
    source: Source<'_>,
    dry_run: bool,
) -> Result<Plan, ImportFault> {
    with_tries(|| {
        let facts = desk.store.event(event)?;
        let doors: Vec<Door> = desk
            .store
            .doors(event)?
            .into_iter()
            .map(|d| d.door)
            .collect();
        let before = in_force(desk, event)?;
        let (agenda, warnings) = merge(
            before.as_ref().map(|(a, _)| a),
            &facts,
            doors,
            read,
            unnamed,
        )?;
        let mut plan = compare(before.as_ref().map(|(a, _)| a), &agenda);
        plan.unmapped = unmapped(&agenda, read);
        plan.warnings.extend(warnings);
        if dry_run || before.as_ref().is_some_and(|(held, _)| *held == agenda) {
            return Ok(plan);
        }
        let change = change(desk, before.map(|(_, hash)| hash), &agenda)?;
        let entry = source.entry(Versioned::Agenda.as_str(), change.object);
        plan.version = Some(desk.store.import_agenda(event, &change, &entry, desk.now)?);
        Ok(plan)
    })
}

/// The sessions that no programme credits, though they are no breaks.
fn unmapped(agenda: &Agenda, read: &AgendaImport) -> Vec<SessionId> {
    let breaks: BTreeSet<&str> = read
        .sessions
        .iter()
        .filter(|row| row.kind == BREAK)
        .map(|row| row.id.as_str())
        .collect();
    let sessions = agenda.sessions.iter();
    sessions
        .filter(|s| s.programme.is_none() && !breaks.contains(s.id.as_str()))
        .map(|s| s.id.clone())
        .collect()
}

fn bad(what: &str, id: &str) -> ImportFault {
    ImportFault::Refused(format!("the {what} {id:?} cannot be stored"))
}

/// The new agenda, and what its owner should know.
fn merge(
    before: Option<&Agenda>,
    event: &EventFacts,
    doors: Vec<Door>,
    read: &AgendaImport,
    unnamed: Option<&str>,
) -> Result<(Agenda, Vec<String>), ImportFault> {
    let mut warnings = Vec::new();
    let zone = zone_named(&event.zone).map_err(|e| ImportFault::Missing(e.to_string()))?;
    let mut sessions = Vec::with_capacity(read.sessions.len());
    for row in &read.sessions {
        sessions.push(session(row, before, unnamed, zone)?);
    }
    let rooms = rooms(before, &doors, read, &mut warnings)?;
    let programmes = programmes(before, event, &sessions, &mut warnings);
    let served: BTreeSet<&RoomId> = doors.iter().flat_map(|d| &d.rooms).collect();
    let used: BTreeSet<&RoomId> = sessions
        .iter()
        .filter(|s| s.programme.is_some())
        .map(|s| &s.room)
        .collect();
    if !doors.is_empty() {
        for room in used.difference(&served) {
            warnings.push(format!(
                "no door serves the room {room}, so nobody's attendance there is seen: `rollcall-issuer door add --event {} --room {room} …`",
                event.id
            ));
        }
    }
    let agenda = Agenda {
        v: VERSION,
        zone: event.zone.clone(),
        rooms,
        doors,
        channels: before.map_or_else(Vec::new, |agenda| agenda.channels.clone()),
        sessions,
        programmes,
    };
    Ok((agenda, warnings))
}

/// The day in a zone on which an instant falls, as agendas write it.
fn local_day(at: UtcMs, zone: Tz) -> Option<String> {
    let at = DateTime::<Utc>::from_timestamp_millis(at.0)?;
    Some(at.with_timezone(&zone).format("%Y-%m-%d").to_string())
}

fn session(
    row: &SessionRow,
    before: Option<&Agenda>,
    unnamed: Option<&str>,
    zone: Tz,
) -> Result<Session, ImportFault> {
    let id = row.id.parse().map_err(|_| bad("session", &row.id))?;
    let held = before.and_then(|agenda| agenda.sessions.iter().find(|s| s.id == id));
    let programme = match row.programme.as_deref() {
        None if row.kind == BREAK => None,
        named => match named.or(unnamed) {
            Some(named) => Some(named.parse().map_err(|_| bad("programme", named))?),
            None => None,
        },
    };
    let credit_value = match &row.credit_value {
        Some(text) => Some(
            text.parse::<Decimal>()
                .map_err(|_| bad("credit value", text))?,
        ),
        None => None,
    };
    let room = row.room.parse().map_err(|_| bad("room", &row.room))?;
    let (start, end) = (UtcMs(row.start_utc_ms), UtcMs(row.end_utc_ms));
    Ok(Session {
        title: row.title.clone(),
        actual_start: held.and_then(|s| s.actual_start),
        actual_end: held.and_then(|s| s.actual_end),
        programme,
        credit_value,
        kind: (row.kind != PLAIN_SESSION).then(|| row.kind.clone()),
        parts: held.map_or_else(Vec::new, |s| s.parts.clone()),
        excluded: held.map_or_else(Vec::new, |s| s.excluded.clone()),
        fields: held.map_or_else(Vec::new, |s| s.fields.clone()),
        day: local_day(start, zone),
        polls_offered: held.and_then(|s| s.polls_offered),
        ..Session::plain(id, room, start, end)
    })
}

/// The file's rooms, and those that doors serve, by id.
fn rooms(
    before: Option<&Agenda>,
    doors: &[Door],
    read: &AgendaImport,
    warnings: &mut Vec<String>,
) -> Result<Vec<Room>, ImportFault> {
    let held = |id: &RoomId| before.and_then(|agenda| agenda.rooms.iter().find(|r| r.id == *id));
    let mut rooms = BTreeMap::new();
    for row in &read.rooms {
        let id: RoomId = row.id.parse().map_err(|_| bad("room", &row.id))?;
        let part_of = held(&id).and_then(|r| r.part_of.clone());
        let title = row.title.clone();
        rooms.insert(id.clone(), Room { id, title, part_of });
    }
    for door in doors {
        for id in &door.rooms {
            if !rooms.contains_key(id) {
                warnings.push(format!(
                    "the door {} serves the room {id}, in which the agenda has nothing",
                    door.id
                ));
                rooms.insert(
                    id.clone(),
                    held(id).cloned().unwrap_or_else(|| new_room(id)),
                );
            }
        }
    }
    // A room that is part of one that has gone stands for itself.
    let ids: BTreeSet<RoomId> = rooms.keys().cloned().collect();
    for room in rooms.values_mut() {
        room.part_of = room.part_of.take().filter(|whole| ids.contains(whole));
    }
    Ok(rooms.into_values().collect())
}

fn new_room(id: &RoomId) -> Room {
    Room {
        id: id.clone(),
        title: id.to_string(),
        part_of: None,
    }
}

/// The programmes that sessions name, by id, with the titles and rule sets that they have.
fn programmes(
    before: Option<&Agenda>,
    event: &EventFacts,
    sessions: &[Session],
    warnings: &mut Vec<String>,
) -> Vec<Programme> {
    let named: BTreeSet<&ProgrammeId> = sessions
        .iter()
        .filter_map(|s| s.programme.as_ref())
        .collect();
    let held = before.map_or(&[][..], |agenda| &agenda.programmes);
    for gone in held.iter().filter(|p| !named.contains(&p.id)) {
        warnings.push(format!(
            "no session names the programme {} any more, so it is not decided any more",
            gone.id
        ));
    }
    let programme = |id: &ProgrammeId| {
        let known = held.iter().find(|p| p.id == *id).cloned();
        known.unwrap_or_else(|| Programme {
            id: id.clone(),
            title: if id.as_str() == OWN_PROGRAMME {
                event.title.clone()
            } else {
                id.to_string()
            },
            rules: None,
        })
    };
    named.into_iter().map(programme).collect()
}

/// What differs between two agendas.
fn compare(before: Option<&Agenda>, after: &Agenda) -> Plan {
    let mut plan = Plan::default();
    let old: BTreeMap<_, _> = before
        .into_iter()
        .flat_map(|a| &a.sessions)
        .map(|s| (&s.id, s))
        .collect();
    let new: BTreeMap<_, _> = after.sessions.iter().map(|s| (&s.id, s)).collect();
    let added: Vec<_> = new.keys().filter(|id| !old.contains_key(*id)).collect();
    let removed: Vec<_> = old.keys().filter(|id| !new.contains_key(*id)).collect();
    let altered: Vec<_> = new
        .iter()
        .filter(|(id, s)| old.get(*id).is_some_and(|o| o != *s))
        .map(|(id, _)| id)
        .collect();
    plan.count("sessions added", &added);
    plan.count("sessions changed", &altered);
    plan.changes
        .extend(moves(&altered, &old, &new, &after.zone));
    plan.count("sessions removed", &removed);
    plan.warnings
        .extend(warn_of_removed(&added, &removed, &old, &new));
    let rooms = |a: &Agenda| {
        a.rooms
            .iter()
            .map(|r| (r.id.clone(), r.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    let (old, new) = (before.map(rooms).unwrap_or_default(), rooms(after));
    let added: Vec<_> = new.keys().filter(|id| !old.contains_key(*id)).collect();
    let removed: Vec<_> = old.keys().filter(|id| !new.contains_key(*id)).collect();
    let altered: Vec<_> = new
        .iter()
        .filter(|(id, r)| old.get(*id).is_some_and(|o| o != *r))
        .map(|(id, _)| id)
        .collect();
    plan.count("rooms added", &added);
    plan.count("rooms changed", &altered);
    plan.count("rooms removed", &removed);
    let ids = |a: &Agenda| {
        a.programmes
            .iter()
            .map(|p| p.id.clone())
            .collect::<BTreeSet<_>>()
    };
    let (old, new) = (before.map(ids).unwrap_or_default(), ids(after));
    plan.count(
        "programmes added",
        &new.difference(&old).collect::<Vec<_>>(),
    );
    plan.count(
        "programmes removed",
        &old.difference(&new).collect::<Vec<_>>(),
    );
    let is_other = before.is_some_and(|before| before != after);
    if plan.changes.is_empty() && is_other {
        plan.changes
            .push("the order of sessions, or doors".to_owned());
    }
    plan
}

type Sessions<'a> = BTreeMap<&'a SessionId, &'a Session>;

/// Where the sessions that changed were and will be, a line each.
fn moves(
    altered: &[&&SessionId],
    old: &Sessions<'_>,
    new: &Sessions<'_>,
    zone: &str,
) -> Vec<String> {
    let zone = crate::sources::zone_named(zone).unwrap_or(chrono_tz::Tz::UTC);
    let shown = |at: UtcMs| {
        let at = chrono::DateTime::from_timestamp_millis(at.0);
        at.map_or_else(String::new, |at| {
            at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
        })
    };
    let line = |id: &SessionId| {
        let (old, new) = (old.get(id)?, new.get(id)?);
        let mut parts = Vec::new();
        if (old.start, old.end) != (new.start, new.end) {
            parts.push(format!(
                "{} to {}, was {} to {}",
                shown(new.start),
                shown(new.end),
                shown(old.start),
                shown(old.end)
            ));
        }
        if old.room != new.room {
            parts.push(format!("in {}, was in {}", new.room, old.room));
        }
        (!parts.is_empty()).then(|| format!("  {id} moves: {}", parts.join("; ")))
    };
    let mut lines: Vec<String> = altered.iter().filter_map(|id| line(id)).collect();
    if lines.len() > MAX_NAMED {
        let more = lines.len() - MAX_NAMED;
        lines.truncate(MAX_NAMED);
        lines.push(format!("  and {more} more that move"));
    }
    lines
}

/// What the owner should know of sessions that the new agenda does not have.
fn warn_of_removed(
    added: &[&&SessionId],
    removed: &[&&SessionId],
    old: &Sessions<'_>,
    new: &Sessions<'_>,
) -> Vec<String> {
    if removed.is_empty() {
        return Vec::new();
    }
    let mut warnings = vec![
        "a session that is removed earns nobody credit while it is; what was scanned there is kept, and counts again when it \
         returns under its id"
            .to_owned(),
    ];
    let known: BTreeSet<_> = removed
        .iter()
        .filter_map(|id| old.get(**id))
        .map(|s| (s.title.as_str(), s.start, s.end))
        .collect();
    let renamed = added.iter().filter_map(|id| new.get(**id));
    let renamed = renamed
        .filter(|s| known.contains(&(s.title.as_str(), s.start, s.end)))
        .count();
    if renamed > 0 {
        warnings.push(format!(
            "{renamed} of the sessions removed come back under another id, with one title and time: systems and formats name \
             sessions each in their way, so go on with the format of the imports before, or the actual times that staff gave \
             are lost"
        ));
    }
    warnings
}

/// Adds a door or changes it; rooms that the agenda does not have are made. Gives those rooms, or `None` where the door is so already.
///
/// # Errors
/// See [`ImportFault`].
pub fn put_door(
    desk: Desk<'_>,
    event: &EventId,
    door: &Door,
) -> Result<Option<Vec<RoomId>>, ImportFault> {
    with_tries(|| {
        let held = desk.store.doors(event)?;
        if held.iter().any(|facts| facts.door == *door) {
            return Ok(None);
        }
        let Some((mut agenda, base)) = in_force(desk, event)? else {
            desk.store.put_door(event, door, None, desk.now)?;
            return Ok(Some(Vec::new()));
        };
        let made: Vec<RoomId> = door
            .rooms
            .iter()
            .filter(|id| !agenda.rooms.iter().any(|r| r.id == **id))
            .cloned()
            .collect();
        agenda.rooms.extend(made.iter().map(new_room));
        agenda.rooms.sort_by(|a, b| a.id.cmp(&b.id));
        agenda.doors.retain(|d| d.id != door.id);
        agenda.doors.push(door.clone());
        agenda.doors.sort_by(|a, b| a.id.cmp(&b.id));
        let change = change(desk, Some(base), &agenda)?;
        desk.store.put_door(event, door, Some(&change), desk.now)?;
        Ok(Some(made))
    })
}

/// What came of adopting a rule set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The hash of its text.
    pub hash: Hash,
    /// Its name.
    pub name: String,
    /// The rule set that was in force before; none, where there was none.
    pub before: Option<String>,
}

/// Brings a rule set's text into force for a programme of the agenda.
///
/// # Errors
/// See [`ImportFault`]; a text that is no rule set, or a programme that does not exist, is refused.
pub fn adopt_rules(
    desk: Desk<'_>,
    event: &EventId,
    programme: &ProgrammeId,
    text: &str,
) -> Result<Adopted, ImportFault> {
    let rules = protocol::rules::parse(text).map_err(|e| ImportFault::Refused(e.to_string()))?;
    let hash = evidence::sha256(text.as_bytes());
    with_tries(|| {
        desk.store.event(event)?;
        let Some((mut agenda, base)) = in_force(desk, event)? else {
            return Err(ImportFault::Refused(format!(
                "the event {event} has no agenda yet, and the agenda says which programmes there are: \
                 `rollcall-issuer import agenda --event {event} --file agenda.csv`"
            )));
        };
        let Some(place) = agenda.programmes.iter().position(|p| p.id == *programme) else {
            return Err(no_programme(&agenda, programme));
        };
        let before = agenda.programmes[place].rules.replace(hash.to_hex());
        let adopted = Adopted {
            hash,
            name: rules.name.clone(),
            before: before.clone(),
        };
        if before.is_some_and(|held| held == hash.to_hex()) {
            return Ok(adopted);
        }
        desk.objects.put(text.as_bytes())?;
        let change = change(desk, Some(base), &agenda)?;
        let entry = protocol::ledger::Rules {
            programme: programme.clone(),
            rules: hash,
            name: rules.name.clone(),
            agenda: change.object,
        };
        desk.store.adopt_rules(event, &change, &entry, desk.now)?;
        Ok(adopted)
    })
}

fn no_programme(agenda: &Agenda, programme: &ProgrammeId) -> ImportFault {
    let known: Vec<&str> = agenda.programmes.iter().map(|p| p.id.as_str()).collect();
    let meant = nearest(programme.as_str(), known.iter().copied());
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"));
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    ImportFault::Refused(format!(
        "the agenda has no programme \"{programme}\"{meant} It has: {known}"
    ))
}

#[cfg(test)]
#[path = "agenda_tests.rs"]
mod tests;
