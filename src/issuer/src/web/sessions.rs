//! The sessions with who is inside now, and which doors each still waits for.

use std::collections::BTreeMap;

use askama::Template;
use attendance::UtcMs;
use attendance::words::{DoorId, SessionId};
use axum::extract::{Path, State};
use axum::response::Response;
use protocol::agenda::{Agenda, Session};

use super::fault::Fault;
use super::fleet::{Stand, stands};
use super::inside::{Missing, People};
use super::layout::{Frame, html};
use super::standing::State as Standing;
use super::words::{self, Zone};
use super::{Pages, live};
use crate::access::Signed;
use crate::decisions::completeness::door_watermarks;
use crate::store::events::EventFacts;

/// A session counts who is inside from so long before its start.
const EARLY_MS: i64 = 30 * 60_000;

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Ahead,
    Admitting,
    Running,
    Ended,
}

fn phase(start: UtcMs, end: UtcMs, now: UtcMs) -> Phase {
    if now >= end {
        Phase::Ended
    } else if now >= start {
        Phase::Running
    } else if now >= start.plus_ms(-EARLY_MS) {
        Phase::Admitting
    } else {
        Phase::Ahead
    }
}

/// The doors a session waits for: those of its room, whose entries are not all held up to its end and that nobody gave up.
fn waits_for<'a>(
    session: &Session,
    agenda: &'a Agenda,
    held: &BTreeMap<DoorId, UtcMs>,
    lost: &[DoorId],
) -> Vec<&'a protocol::agenda::Door> {
    let end = session
        .actual_end
        .map_or(session.end, |actual| actual.max(session.end));
    let doors = agenda
        .doors
        .iter()
        .filter(|door| door.rooms.contains(&session.room) && !lost.contains(&door.id));
    doors
        .filter(|door| held.get(&door.id).is_none_or(|reached| *reached < end))
        .collect()
}

struct Row {
    title: String,
    room: String,
    when: String,
    phase: &'static str,
    tone: &'static str,
    /// The count, where one is due.
    inside: String,
    seen: String,
    range: String,
    silent: String,
    is_complete: bool,
    has_ended: bool,
    waits: Vec<String>,
    /// Who speaks, by pseudonym: a name is private, and is shown where the look is recorded.
    speakers: Vec<String>,
}

struct DayRows {
    day: String,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "sessions_live.html")]
struct SessionsLive {
    event: String,
    at: String,
    days: Vec<DayRows>,
    has_agenda: bool,
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    frame: Frame,
    live: String,
}

/// What the doors of a room have not delivered.
fn missing(session: &Session, agenda: &Agenda, stands: &[Stand]) -> Missing {
    let serves = |door: &DoorId| {
        agenda
            .doors
            .iter()
            .any(|d| d.id == *door && d.rooms.contains(&session.room))
    };
    let mut missing = Missing::default();
    for stand in stands.iter().filter(|stand| serves(&stand.kiosk.door)) {
        missing.waiting += stand
            .status
            .as_ref()
            .map_or(0, |(_, status)| status.backlog);
        if stand.state == Standing::Silent && !missing.silent.contains(&stand.kiosk.door) {
            missing.silent.push(stand.kiosk.door.clone());
        }
    }
    missing
}

fn range_text(missing: &Missing, count: u64) -> String {
    match missing.range(count) {
        Some((least, most)) => {
            let waiting = words::number(missing.waiting);
            let (least, most) = (words::number(least), words::number(most));
            format!("between {least} and {most}: {waiting} entries wait at its doors")
        }
        None => String::new(),
    }
}

fn silent_text(missing: &Missing, title: &dyn Fn(&DoorId) -> String) -> String {
    let names: Vec<String> = missing.silent.iter().map(title).collect();
    match names.len() {
        0 => String::new(),
        n => format!("{} silent: {}", words::count(n, "door"), names.join(", ")),
    }
}

fn render(pages: &Pages, event: &EventFacts, now: UtcMs) -> Result<String, Fault> {
    let zone = Zone::named(&event.zone);
    let Some(agenda) = pages.agenda(event)? else {
        let page = SessionsLive {
            event: event.id.to_string(),
            at: zone.full(now),
            days: vec![],
            has_agenda: false,
        };
        return Ok(page.render()?);
    };
    let store = pages.store();
    let (stands, presence) = (stands(pages, event, now)?, store.presence(&event.id)?);
    let today = zone.day(now);
    let since = presence
        .iter()
        .map(|p| p.wall)
        .filter(|at| zone.day(*at) >= today)
        .min()
        .unwrap_or(now);
    let people = People::of(&presence, since);
    let held = door_watermarks(&store.kiosks(&event.id)?, &store.watermarks(&event.id)?);
    let doors = store.doors(&event.id)?;
    let lost: Vec<DoorId> = doors
        .iter()
        .filter(|d| d.lost)
        .map(|d| d.door.id.clone())
        .collect();
    let mut speakers: BTreeMap<SessionId, Vec<String>> = BTreeMap::new();
    for (attendee, sessions) in store.speakers(&event.id)? {
        for session in sessions {
            let own = speakers.entry(session).or_default();
            own.push(attendee.to_string());
        }
    }
    let title = |id: &DoorId| {
        let door = doors.iter().find(|d| d.door.id == *id);
        door.map_or_else(|| id.to_string(), |d| d.door.title.clone())
    };
    let mut sessions: Vec<&Session> = agenda.sessions.iter().collect();
    sessions.sort_by_key(|s| (s.start, &s.room, &s.id));
    let mut days: Vec<DayRows> = Vec::new();
    for session in sessions {
        let phase = phase(session.start, session.end, now);
        let counts = matches!(phase, Phase::Admitting | Phase::Running);
        let count = people.count(&session.room);
        let missing = if counts {
            missing(session, &agenda, &stands)
        } else {
            Missing::default()
        };
        let waits = if phase == Phase::Ended {
            waits_for(session, &agenda, &held, &lost)
        } else {
            vec![]
        };
        let reached = |door: &DoorId| match held.get(door) {
            Some(at) => format!("{} (held until {})", title(door), zone.near(*at, now)),
            None => format!("{} (nothing held yet)", title(door)),
        };
        let room = agenda.rooms.iter().find(|r| r.id == session.room);
        let row = Row {
            title: session.title.clone(),
            room: room.map_or_else(|| session.room.to_string(), |r| r.title.clone()),
            when: zone.span(session.start, session.end),
            phase: match phase {
                Phase::Ahead => "Ahead",
                Phase::Admitting => "Admitting",
                Phase::Running => "Running",
                Phase::Ended => "Ended",
            },
            tone: match phase {
                Phase::Running => "busy",
                Phase::Ahead | Phase::Admitting | Phase::Ended => "plain",
            },
            inside: if counts {
                words::number(count.inside)
            } else {
                String::new()
            },
            seen: words::number(count.seen),
            range: range_text(&missing, count.inside),
            silent: silent_text(&missing, &title),
            is_complete: waits.is_empty(),
            has_ended: phase == Phase::Ended,
            waits: waits.iter().map(|door| reached(&door.id)).collect(),
            speakers: speakers.remove(&session.id).unwrap_or_default(),
        };
        let day = zone.day_text(session.start);
        match days.last_mut() {
            Some(last) if last.day == day => last.rows.push(row),
            _ => days.push(DayRows {
                day,
                rows: vec![row],
            }),
        }
    }
    Ok(SessionsLive {
        event: event.id.to_string(),
        at: zone.full(now),
        days,
        has_agenda: true,
    }
    .render()?)
}

pub(super) async fn page(
    State(pages): State<Pages>,
    signed: Signed,
    Path(event): Path<String>,
) -> Result<Response, Fault> {
    let page = pages
        .ask(move |pages| {
            let (event, now) = (pages.event(&event)?, pages.now());
            let mut frame = Frame::event(pages, &signed, &event, "Sessions", "sessions", now)?;
            frame.live = format!("/staff/{}/sessions/live", event.id);
            Ok(SessionsPage {
                frame,
                live: render(pages, &event, now)?,
            })
        })
        .await?;
    html(&page)
}

pub(super) async fn live(
    State(pages): State<Pages>,
    signed: Signed,
    Path(event): Path<String>,
) -> Result<Response, Fault> {
    let event = pages.ask(move |pages| pages.event(&event)).await?;
    let streams = std::sync::Arc::clone(&pages.0.streams);
    Ok(live::stream(pages, &streams, signed, move |pages| {
        render(pages, &event, pages.now())
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use protocol::agenda::Door;

    #[test]
    fn a_session_goes_through_its_phases_at_the_boundaries() {
        let (start, end) = (UtcMs(10_000_000), UtcMs(13_600_000));
        for (now, expected) in [
            (start.plus_ms(-EARLY_MS - 1), Phase::Ahead),
            (start.plus_ms(-EARLY_MS), Phase::Admitting),
            (start.plus_ms(-1), Phase::Admitting),
            (start, Phase::Running),
            (end.plus_ms(-1), Phase::Running),
            (end, Phase::Ended),
        ] {
            assert_eq!(phase(start, end, now), expected, "{now:?}");
        }
    }

    #[test]
    fn a_session_waits_for_every_door_of_its_room() {
        let door = |id: &str, room: &str| Door {
            id: id.parse().unwrap(),
            title: id.into(),
            rooms: vec![room.parse().unwrap()],
        };
        let session = Session {
            title: "S".into(),
            ..Session::plain(
                "s".parse().unwrap(),
                "a".parse().unwrap(),
                UtcMs(0),
                UtcMs(1_000),
            )
        };
        let agenda = Agenda {
            doors: vec![door("front", "a"), door("back", "a"), door("other", "b")],
            ..Agenda::empty("UTC")
        };
        let check = |session: &Session, held: &[(&str, i64)], lost: &[&str], expected: &[&str]| {
            let held = held
                .iter()
                .map(|(d, at)| (d.parse().unwrap(), UtcMs(*at)))
                .collect();
            let lost: Vec<DoorId> = lost.iter().map(|d| d.parse().unwrap()).collect();
            let found: Vec<_> = waits_for(session, &agenda, &held, &lost)
                .iter()
                .map(|d| d.id.to_string())
                .collect();
            assert_eq!(found, expected);
        };
        check(&session, &[], &[], &["front", "back"]);
        check(&session, &[("front", 1_000), ("back", 999)], &[], &["back"]);
        check(&session, &[("front", 1_000)], &["back"], &[]);
        let longer = Session {
            actual_end: Some(UtcMs(2_000)),
            ..session
        };
        check(
            &longer,
            &[("front", 1_999), ("back", 2_000)],
            &[],
            &["front"],
        );
    }

    #[test]
    fn a_count_says_how_far_it_may_be_off() {
        let title = |door: &DoorId| door.to_string();
        let missing = Missing {
            waiting: 14,
            silent: vec!["north".parse().unwrap(), "south".parse().unwrap()],
        };
        assert_eq!(
            range_text(&missing, 212),
            "between 198 and 226: 14 entries wait at its doors"
        );
        assert_eq!(
            silent_text(&missing, &title),
            "2 doors silent: north, south"
        );
        assert_eq!(range_text(&Missing::default(), 212), "");
        assert_eq!(silent_text(&Missing::default(), &title), "");
    }
}
