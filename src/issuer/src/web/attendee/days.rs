//! An attendee's days: what is drawn of each, and the same as a table.
//!
//! Contract: a day has every scan, every stay that a decision rests on, and what each other source saw; and of the agenda the sessions of the
//! rooms in which somebody was seen, or the picture would be the whole agenda. Every mark of the picture is a row of the table.

use std::collections::BTreeMap;

use attendance::UtcMs;
use attendance::eligibility::span_text;
use attendance::time::Interval;
use attendance::words::RoomId;
use protocol::agenda::{Agenda, Session};

use super::super::timeline::{Day, Ink, Labels, Mark, Piece, Stream, Window, draw};
use super::super::words::{self, Zone};
use super::evidence::{self, Found, Live, PlacedScan};
use super::streams;

/// Lengths that differ by less are one to people.
const SAME_MS: i64 = 2_000;

pub(super) struct DayView {
    pub(super) title: String,
    /// What each programme with a session on that day comes to, in its own words.
    pub(super) sentences: Vec<String>,
    pub(super) svg: String,
    pub(super) rows: Vec<TimelineRow>,
}

pub(super) struct TimelineRow {
    pub(super) room: String,
    pub(super) what: String,
    pub(super) when: String,
    pub(super) length: String,
    pub(super) how: String,
    pub(super) is_session: bool,
}

pub(super) fn room_title(agenda: Option<&Agenda>, room: &RoomId) -> String {
    let found = agenda.and_then(|a| a.rooms.iter().find(|r| r.id == *room));
    found.map_or_else(|| room.to_string(), |r| r.title.clone())
}

/// The room a scan is drawn in: the first of its door.
fn scan_room(found: &Found, scan: &PlacedScan) -> String {
    let agenda = found.agenda.as_ref();
    let door = agenda.and_then(|a| a.doors.iter().find(|d| d.id == scan.scan.door));
    let room = door
        .and_then(|d| d.rooms.first())
        .or_else(|| scan.scan.rooms.first());
    room.map_or_else(
        || scan.scan.door.to_string(),
        |room| room_title(agenda, room),
    )
}

/// When something is drawn: the earliest it may have been, or the latest where no earliest is known.
pub(super) fn anchor(at: Interval) -> UtcMs {
    if at.earliest <= UtcMs::DISTANT_PAST {
        at.latest
    } else {
        at.earliest
    }
}

pub(super) fn days(found: &Found, zone: Zone, now: UtcMs, name: &str) -> Vec<DayView> {
    let agenda = found.agenda.as_ref();
    let stays =
        agenda.map(|a| evidence::stays(&found.programmes, a, &|room| room_title(agenda, room)));
    let mut by_day: BTreeMap<chrono::NaiveDate, Day> = BTreeMap::new();
    for scan in &found.scans {
        let mark = Mark {
            room: scan_room(found, scan),
            at: scan.placed.at,
            label: scan.scan.direction.as_str().to_owned(),
        };
        by_day
            .entry(zone.day(anchor(scan.placed.at)))
            .or_default()
            .marks
            .push(mark);
    }
    for stay in stays.into_iter().flatten() {
        let edge = stay.start.as_ref().or(stay.end.as_ref());
        if let Some(edge) = edge {
            by_day
                .entry(zone.day(anchor(edge.at)))
                .or_default()
                .stays
                .push(stay);
        }
    }
    let of_devices = agenda.map(|agenda| {
        let title = |room: &RoomId| room_title(Some(agenda), room);
        streams::streams(&found.reported, agenda, &title, &|at| zone.day(at))
    });
    for (date, streams) in of_devices.into_iter().flatten() {
        by_day.entry(date).or_default().streams = streams;
    }
    let sessions = agenda.map(|a| a.sessions.as_slice()).unwrap_or_default();
    // Only rooms in which somebody was seen are drawn, or the picture would be the whole agenda.
    for (date, day) in &mut by_day {
        let rooms: Vec<String> = day.rooms().into_iter().map(str::to_owned).collect();
        let mut own: Vec<&Session> = sessions
            .iter()
            .filter(|s| zone.day(s.start) == *date)
            .collect();
        own.sort_by_key(|s| (s.start, &s.id));
        for session in own {
            let room = room_title(agenda, &session.room);
            if rooms.contains(&room) {
                day.windows.push(window(session, room, &found.programmes));
            }
        }
    }
    let many = by_day.into_iter().enumerate();
    many.map(|(number, (date, day))| {
        let is_on = |live: &Live| {
            let mut own = sessions.iter();
            own.any(|s| s.programme.as_ref() == Some(&live.id) && zone.day(s.start) == date)
        };
        let decided = found.programmes.iter().filter(|live| is_on(live));
        let sentences = decided.filter_map(|live| {
            let decision = live.decision.as_ref()?;
            Some(format!("{}: {}", live.title, decision.explanation))
        });
        let sentences = sentences.collect();
        day_view(&day, sentences, number, zone, now, name)
    })
    .collect()
}

/// A session as it is drawn: when it was held, what of it does not count, and how much its rules gave.
fn window(session: &Session, room: String, programmes: &[Live]) -> Window {
    let (start, end) = (
        session.actual_start.unwrap_or(session.start),
        session.actual_end.unwrap_or(session.end),
    );
    let is_graced = |live: &&Live| {
        let parts = live.decision.iter().flat_map(|decision| &decision.parts);
        let mut own = parts.filter(|part| part.session == session.id);
        own.any(|part| part.graced_ms > 0)
    };
    let grace_ms = programmes.iter().find(is_graced).map(|live| live.grace_ms);
    Window {
        title: session.title.clone(),
        room,
        start,
        end,
        uncounted: uncounted(session, start, end),
        grace_ms: grace_ms.unwrap_or((0, 0)),
    }
}

/// What of a session does not count, by start: what is excluded, and what lies between its parts.
fn uncounted(session: &Session, start: UtcMs, end: UtcMs) -> Vec<(UtcMs, UtcMs)> {
    let excluded = session.excluded.iter().map(|e| (e.start, e.end));
    let mut found: Vec<(UtcMs, UtcMs)> = excluded.collect();
    let mut parts: Vec<(UtcMs, UtcMs)> = session.parts.iter().map(|p| (p.start, p.end)).collect();
    parts.sort_unstable();
    if !parts.is_empty() {
        let mut until = start;
        for (from, to) in parts {
            found.push((until, from));
            until = until.max(to);
        }
        found.push((until, end));
    }
    for (from, until) in &mut found {
        (*from, *until) = ((*from).max(start), (*until).min(end));
    }
    found.retain(|(from, until)| from < until);
    found.sort_unstable();
    found
}

fn day_view(
    day: &Day,
    sentences: Vec<String>,
    number: usize,
    zone: Zone,
    now: UtcMs,
    name: &str,
) -> DayView {
    let title = day
        .extent(now)
        .map_or_else(String::new, |(from, _)| zone.day_text(from));
    let said: String = sentences.iter().map(|line| format!("{line} ")).collect();
    let desc = format!(
        "{said}{} in {}, {}, {} and {} of other sources. The table below says the same.",
        words::count(day.windows.len(), "session"),
        words::count(day.rooms().len(), "room"),
        words::count(day.stays.len(), "stretch of presence")
            .replace("stretch of presences", "stretches of presence"),
        words::count(day.marks.len(), "scan"),
        words::count(day.streams.len(), "lane"),
    );
    let labels = Labels {
        title: &format!("Presence of {name} on {title}"),
        desc: &desc,
        number,
        clock: &|at| zone.clock(at),
    };
    DayView {
        svg: draw(day, now, &labels),
        rows: table(day, zone, now),
        sentences,
        title,
    }
}

/// The same as the picture, as rows.
fn table(day: &Day, zone: Zone, now: UtcMs) -> Vec<TimelineRow> {
    let mut rows = Vec::new();
    for room in day.rooms() {
        let mut timed: Vec<(UtcMs, TimelineRow)> = Vec::new();
        for window in day.windows.iter().filter(|w| w.room == room) {
            timed.push((
                window.start,
                TimelineRow {
                    room: room.to_owned(),
                    what: window.title.clone(),
                    when: zone.span(window.start, window.end),
                    length: span_text(window.end.0 - window.start.0),
                    how: "session".to_owned(),
                    is_session: true,
                },
            ));
            for (from, until) in &window.uncounted {
                timed.push((
                    *from,
                    TimelineRow {
                        room: room.to_owned(),
                        what: "Does not count".to_owned(),
                        when: zone.span(*from, *until),
                        length: span_text(until.0 - from.0),
                        how: format!("excluded from {}", window.title),
                        is_session: false,
                    },
                ));
            }
        }
        for stream in day.streams.iter().filter(|s| s.room == room) {
            timed.extend(stream_rows(stream, zone));
        }
        for stay in day.stays.iter().filter(|s| s.room == room) {
            let (what, when, length, how) = stay_words(stay, zone);
            let at = stay
                .start
                .as_ref()
                .or(stay.end.as_ref())
                .map_or(now, |edge| anchor(edge.at));
            timed.push((
                at,
                TimelineRow {
                    room: room.to_owned(),
                    what,
                    when,
                    length,
                    how,
                    is_session: false,
                },
            ));
        }
        for Piece { from, until, ink } in day.lane(room, now) {
            let (what, how) = match ink {
                Ink::Gap => ("Away", "no presence shown"),
                Ink::Graced => ("Grace", "no presence shown; the rules count it"),
                _ => continue,
            };
            timed.push((
                from,
                TimelineRow {
                    room: room.to_owned(),
                    what: what.to_owned(),
                    when: format!("{} to {}", zone.clock(from), zone.clock(until)),
                    length: about(until.0 - from.0, until.0 - from.0),
                    how: how.to_owned(),
                    is_session: false,
                },
            ));
        }
        timed.sort_by_key(|(at, row)| (*at, !row.is_session));
        rows.extend(timed.into_iter().map(|(_, row)| row));
    }
    rows
}

/// What another source saw: its stays, each answer and word, and signs of life as one.
fn stream_rows(stream: &Stream, zone: Zone) -> Vec<(UtcMs, TimelineRow)> {
    let row = |what: String, when: String, length: String, how: String| TimelineRow {
        room: stream.room.clone(),
        what,
        when,
        length,
        how,
        is_session: false,
    };
    let mut rows = Vec::new();
    for stay in &stream.stays {
        let (_, when, length, _) = stay_words(stay, zone);
        let edge = stay.start.as_ref().or(stay.end.as_ref());
        let how = match (&stay.start, &stay.end) {
            (Some(_), Some(_)) => "came and left, as it says",
            (Some(_), None) => "came, as it says; when they left it does not say",
            (None, _) => "left, as it says; when they came it does not say",
        };
        let at = edge.map_or(UtcMs(0), |edge| anchor(edge.at));
        let what = format!("Seen by {}", stream.label);
        rows.push((at, row(what, when, length, how.to_owned())));
    }
    let (beats, others): (Vec<&Mark>, Vec<&Mark>) = stream
        .marks
        .iter()
        .filter(|mark| !matches!(mark.label.as_str(), "in" | "out"))
        .partition(|mark| mark.label == streams::BEAT);
    for mark in others {
        let what = match mark.label.as_str() {
            "poll" => format!("Poll answered ({})", stream.label),
            word => format!("{} ({})", words::sentence(word), stream.label),
        };
        let when = zone.interval(mark.at);
        rows.push((
            anchor(mark.at),
            row(what, when, String::new(), String::new()),
        ));
    }
    if let (Some(first), Some(last)) = (beats.first(), beats.last()) {
        let (from, until) = (anchor(first.at), anchor(last.at));
        let what = format!("Signs of life ({})", stream.label);
        let how = format!("{} of them", words::number(beats.len() as u64));
        let when = format!("{} to {}", zone.clock(from), zone.clock(until));
        rows.push((
            from,
            row(what, when, about(until.0 - from.0, until.0 - from.0), how),
        ));
    }
    rows
}

/// A length that is known from here to there; to the second where that says enough.
pub(super) fn about(least_ms: i64, most_ms: i64) -> String {
    if most_ms - least_ms < SAME_MS {
        let middle = least_ms + (most_ms - least_ms) / 2;
        return span_text((middle + 500).div_euclid(1_000) * 1_000);
    }
    format!("{} to {}", span_text(least_ms), span_text(most_ms))
}

fn stay_words(stay: &super::super::timeline::Stay, zone: Zone) -> (String, String, String, String) {
    let edge = |edge: &Option<super::super::timeline::Edge>| {
        edge.as_ref()
            .map_or_else(|| "not known".to_owned(), |edge| zone.interval(edge.at))
    };
    let how = |name: &str, edge: &Option<super::super::timeline::Edge>| match edge {
        None => format!("{name} missing"),
        Some(edge) => match &edge.policy {
            Some(policy) => format!("{name} inferred ({})", words::spoken(policy)),
            None if stay.is_scanned => format!("{name} scanned"),
            None => format!("{name} reported"),
        },
    };
    let length = match (&stay.start, &stay.end) {
        (Some(start), Some(end)) => {
            let least = end.at.earliest.0.saturating_sub(start.at.latest.0).max(0);
            let most = end.at.latest.0.saturating_sub(start.at.earliest.0).max(0);
            let is_bounded =
                start.at.earliest > UtcMs::DISTANT_PAST && end.at.latest < UtcMs::DISTANT_FUTURE;
            match least {
                _ if is_bounded => about(least, most),
                0 => "not known".to_owned(),
                _ => format!("{} or more", span_text(least)),
            }
        }
        _ => "not known".to_owned(),
    };
    let when = format!("{} to {}", edge(&stay.start), edge(&stay.end));
    (
        "Present".to_owned(),
        when,
        length,
        format!("{}, {}", how("start", &stay.start), how("end", &stay.end)),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::timeline::{Edge, Stay};
    use super::*;
    use protocol::agenda::Stretch;

    #[test]
    fn what_does_not_count_is_what_is_excluded_and_what_lies_between_parts() {
        let check = |parts: &[(i64, i64)], excluded: &[(i64, i64)], expected: &[(i64, i64)]| {
            let stretch = |(from, until): &(i64, i64)| Stretch {
                start: UtcMs(*from),
                end: UtcMs(*until),
            };
            let (id, room) = ("s".parse().unwrap(), "a".parse().unwrap());
            let session = Session {
                parts: parts.iter().map(stretch).collect(),
                excluded: excluded.iter().map(stretch).collect(),
                ..Session::plain(id, room, UtcMs(0), UtcMs(100))
            };
            let found = uncounted(&session, UtcMs(10), UtcMs(100));
            let found: Vec<(i64, i64)> = found.iter().map(|(a, b)| (a.0, b.0)).collect();
            assert_eq!(found, expected, "{parts:?} {excluded:?}");
        };
        check(&[], &[], &[]);
        check(&[], &[(50, 60), (20, 30)], &[(20, 30), (50, 60)]);
        // What was moved out of the session by its actual times is cut.
        check(&[], &[(0, 5), (0, 20), (90, 120)], &[(10, 20), (90, 100)]);
        check(&[(60, 90), (10, 40)], &[], &[(40, 60), (90, 100)]);
        check(&[(10, 100)], &[], &[]);
    }

    #[test]
    fn a_stay_is_told_with_its_doubt() {
        let zone = Zone::named("UTC");
        let base = 1_795_421_100_000;
        let edge = |a: i64, b: i64, policy: Option<&str>| {
            let at = Interval {
                earliest: UtcMs(base + a),
                latest: UtcMs(base + b),
            };
            Some(Edge {
                at,
                policy: policy.map(str::to_owned),
            })
        };
        let check = |start, end, length: &str, how: &str| {
            let (_, _, found, told) = stay_words(
                &Stay {
                    room: "a".into(),
                    is_scanned: true,
                    start,
                    end,
                },
                zone,
            );
            assert_eq!((found.as_str(), told.as_str()), (length, how));
        };
        check(
            edge(0, 0, None),
            edge(600_000, 600_000, None),
            "10 min",
            "start scanned, end scanned",
        );
        check(
            edge(0, 120_000, None),
            edge(600_000, 600_000, None),
            "8 min to 10 min",
            "start scanned, end scanned",
        );
        check(
            edge(0, 0, None),
            edge(600_000, 600_000, Some("session_end")),
            "10 min",
            "start scanned, end inferred (session end)",
        );
        check(
            edge(0, 0, None),
            None,
            "not known",
            "start scanned, end missing",
        );
        let anywhere = |latest: i64| {
            let at = Interval {
                earliest: UtcMs::DISTANT_PAST,
                latest: UtcMs(base + latest),
            };
            Some(Edge { at, policy: None })
        };
        let both = "start scanned, end scanned";
        check(anywhere(0), anywhere(0), "not known", both);
        check(
            anywhere(0),
            edge(600_000, 600_000, None),
            "10 min or more",
            both,
        );
    }
}
