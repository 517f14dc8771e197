//! A programme under a rule set, prepared once for everybody who attends it.
//!
//! Contract: what stands here depends on rule set and programme alone: which time of each session counts, which sessions the
//! presence in a room counts for, what is rounded together and dealt out to what. Rooms and sessions become numbers, so that
//! counting an attendee's signals compares no texts twice.

use std::cell::Cell;
use std::sync::Arc;

use super::awards;
use super::sets;
use crate::Decimal;
use crate::agenda::{Programme, Session, Window};
use crate::rules::{Overlap, RuleSet, Scope, Windows};
use crate::time::UtcMs;
use crate::words::{RoomId, SessionId};

/// A programme under a rule set, ready to be decided for any number of attendees.
#[derive(Debug)]
pub struct Plan<'a> {
    pub(crate) rules: &'a RuleSet,
    /// Sessions that count, by start of their window, then id.
    pub(crate) sessions: Vec<Planned<'a>>,
    /// Rooms with sessions, and rooms that are a part of another or have parts, by id.
    rooms: Vec<&'a RoomId>,
    facts: Vec<RoomFacts>,
    /// The numbers of the sessions by id.
    ids: Vec<(&'a SessionId, u32)>,
    /// What is rounded together: numbers of sessions.
    pub(crate) units: Vec<Vec<u32>>,
    /// What credits are dealt out to, in order.
    pub(crate) cells: Vec<CellKey>,
    /// Whether a session names a field of study.
    pub(crate) has_fields: bool,
    /// The credits of complete attendance of somebody who does not speak.
    pub(crate) full: Decimal,
    /// When the last session is over.
    pub(crate) over: UtcMs,
}

/// A session that counts.
#[derive(Debug)]
pub(crate) struct Planned<'a> {
    pub(crate) session: &'a Session,
    /// From the start of its first part to the end of its last.
    pub(crate) window: Window,
    /// Its parts; the window itself where it has none.
    pub(crate) pieces: Vec<Window>,
    /// What of it counts.
    pub(crate) counted: Vec<Window>,
    pub(crate) scheduled_ms: i64,
    /// What complete attendance of the programme gives it: less than scheduled where an earlier session counts the time.
    pub(crate) full_ms: i64,
    /// With overlaps counted once: the sessions before it in order whose windows overlap with its own.
    pub(crate) after: Vec<u32>,
    /// Whether it shares time with another session that is counted once.
    pub(crate) shares: bool,
    /// The cells that its credits belong to, and their weights.
    pub(crate) cells: Vec<(u32, u32)>,
}

/// A day and a field of study; the day is the same for all where no cap tells days apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CellKey {
    pub(crate) day: Option<Arc<str>>,
    pub(crate) field: Arc<str>,
}

#[derive(Debug, Default)]
pub(crate) struct RoomFacts {
    /// The sessions that presence here counts for: the room's own and those of the rooms it is a part of.
    pub(crate) serves: Vec<u32>,
    /// When sessions of the room itself are scheduled.
    scheduled: Vec<Window>,
    /// The instants at which the meaning of a signal here can turn, rising.
    turns: Vec<UtcMs>,
    /// The rooms it is a part of, and those that are a part of it.
    related: Vec<u32>,
    /// Those that are a part of it.
    parts: Vec<u32>,
}

/// Where something is: in a room, or at a session that a platform holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Room(u32),
    Session(u32),
}

/// The window of a session that a rule set counts by: from the start of its first part to the end of its last.
pub fn window(rules: &RuleSet, session: &Session) -> Window {
    let pieces = pieces(rules, session);
    match (pieces.first(), pieces.last()) {
        (Some(first), Some(last)) => Window {
            start: first.start,
            end: last.end,
        },
        _ => session.scheduled,
    }
}

/// The pieces of a session's window.
fn pieces(rules: &RuleSet, session: &Session) -> Vec<Window> {
    let whole = match rules.windows {
        Windows::Scheduled => session.scheduled,
        Windows::Actual => session.actual.unwrap_or(session.scheduled),
    };
    let parts = sets::intersect(&sets::union(session.parts.clone()), &[whole]);
    if parts.is_empty() { vec![whole] } else { parts }
}

impl<'a> Plan<'a> {
    /// Prepares a programme.
    pub fn new(rules: &'a RuleSet, programme: &'a Programme) -> Self {
        let is_excluded = |session: &Session| rules.excluded_kinds.contains(&session.kind);
        let mut sessions: Vec<Planned<'a>> = Vec::with_capacity(programme.sessions.len());
        for session in programme.sessions.iter().filter(|s| !is_excluded(s)) {
            let mine: Vec<Window> = pieces(rules, session)
                .into_iter()
                .filter_map(sets::held)
                .collect();
            let (Some(first), Some(last)) = (mine.first(), mine.last()) else {
                continue;
            };
            let breaks = programme.sessions.iter();
            let breaks = breaks.filter(|other| is_excluded(other) && other.room == session.room);
            let mut holes = session.excluded.clone();
            holes.extend(breaks.flat_map(|other| pieces(rules, other)));
            let window = Window {
                start: first.start,
                end: last.end,
            };
            let counted = sets::subtract(&mine, &sets::union(holes));
            sessions.push(Planned {
                session,
                window,
                scheduled_ms: sets::length_ms(&counted),
                full_ms: sets::length_ms(&counted),
                pieces: mine,
                counted,
                after: Vec::new(),
                shares: false,
                cells: Vec::new(),
            });
        }
        sessions
            .sort_by(|a, b| (a.window.start, &a.session.id).cmp(&(b.window.start, &b.session.id)));
        if rules.overlap == Overlap::CountOnce {
            find_overlaps(&mut sessions);
            share_out(&mut sessions);
        }
        let (cells, has_fields) = find_cells(rules, &mut sessions);
        let mut plan = Self {
            over: sessions
                .iter()
                .map(|s| s.window.end)
                .max()
                .unwrap_or(UtcMs(i64::MIN)),
            units: units(rules, &sessions),
            rules,
            sessions,
            rooms: rooms(programme),
            facts: Vec::new(),
            ids: Vec::new(),
            cells,
            has_fields,
            full: Decimal::ZERO,
        };
        let numbered = plan.sessions.iter().zip(0_u32..);
        plan.ids = numbered
            .map(|(s, number)| (&s.session.id, number))
            .collect();
        plan.ids.sort_unstable();
        plan.facts = plan.facts(programme);
        plan.full = awards::full(&plan, &[]);
        plan
    }

    fn facts(&self, programme: &Programme) -> Vec<RoomFacts> {
        let wholes = |room: &RoomId| {
            let mut found: Vec<&RoomId> = Vec::new();
            let mut at = room;
            // A room that is a part of itself is a part of nothing else.
            while let Some(whole) = programme.part_of.get(at) {
                if whole == room || found.contains(&whole) {
                    break;
                }
                found.push(whole);
                at = whole;
            }
            found
        };
        let mut facts: Vec<RoomFacts> = Vec::with_capacity(self.rooms.len());
        for room in &self.rooms {
            let above = wholes(room);
            let counts = |id: &RoomId| id == *room || above.contains(&id);
            let serves = self.sessions.iter().zip(0_u32..);
            let serves: Vec<u32> = serves
                .filter(|(planned, _)| counts(&planned.session.room))
                .map(|(_, number)| number)
                .collect();
            let own = programme.sessions.iter().filter(|s| s.room == **room);
            let scheduled: Vec<Window> = own.map(|s| s.scheduled).collect();
            let served = serves
                .iter()
                .map(|number| self.sessions[*number as usize].window);
            let mut turns: Vec<UtcMs> = served
                .chain(scheduled.iter().copied())
                .flat_map(|window| [window.start, window.end])
                .collect();
            turns.sort_unstable();
            turns.dedup();
            facts.push(RoomFacts {
                serves,
                scheduled,
                turns,
                related: above
                    .iter()
                    .filter_map(|whole| self.number(whole))
                    .collect(),
                parts: Vec::new(),
            });
        }
        for (part, number) in self.rooms.iter().zip(0_u32..) {
            for whole in wholes(part) {
                if let Some(whole) = self.number(whole) {
                    facts[whole as usize].related.push(number);
                    facts[whole as usize].parts.push(number);
                }
            }
        }
        facts
    }

    /// The number of a room that the programme knows.
    pub(crate) fn number(&self, room: &RoomId) -> Option<u32> {
        let found = self.rooms.binary_search(&room).ok()?;
        u32::try_from(found).ok()
    }

    /// The number of a session that counts.
    pub(crate) fn session(&self, id: &SessionId) -> Option<u32> {
        let found = self
            .ids
            .binary_search_by(|(known, _)| (*known).cmp(id))
            .ok()?;
        Some(self.ids[found].1)
    }

    /// The sessions that presence at a place counts for.
    pub(crate) fn serves(&self, place: Place) -> Served<'_> {
        match place {
            Place::Room(room) => Served::Room(self.room(room).map_or(&[], |facts| &facts.serves)),
            Place::Session(session) => Served::One(session),
        }
    }

    fn room(&self, room: u32) -> Option<&RoomFacts> {
        self.facts.get(room as usize)
    }

    /// Whether one room is the other, a part of it, or has it as a part.
    pub(crate) fn is_related(&self, one: u32, other: u32) -> bool {
        one == other
            || self
                .room(one)
                .is_some_and(|facts| facts.related.contains(&other))
    }

    /// Whether one room is the other or a part of it.
    pub(crate) fn is_within(&self, part: u32, whole: u32) -> bool {
        part == whole
            || self
                .room(whole)
                .is_some_and(|facts| facts.parts.contains(&part))
    }

    /// Whether the agenda has a session of the room itself at that instant.
    pub(crate) fn is_on(&self, room: u32, at: UtcMs) -> bool {
        self.room(room)
            .is_some_and(|facts| facts.scheduled.iter().any(|window| window.holds(at)))
    }

    /// Adds the instants after `from` and up to `to` at which the meaning of a signal there can turn.
    pub(crate) fn turns(&self, place: Place, from: UtcMs, to: UtcMs, found: &mut Vec<UtcMs>) {
        let within = |at: &UtcMs| from < *at && *at <= to;
        match place {
            Place::Room(room) => {
                let turns = self.room(room).map_or(&[][..], |facts| &facts.turns);
                let begin = turns.partition_point(|at| *at <= from);
                found.extend(turns[begin..].iter().take_while(|at| **at <= to));
            }
            Place::Session(session) => {
                let window = self.sessions[session as usize].window;
                found.extend([window.start, window.end].into_iter().filter(within));
            }
        }
    }
}

/// The numbers of sessions.
pub(crate) enum Served<'p> {
    Room(&'p [u32]),
    One(u32),
}

impl Served<'_> {
    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Self::Room(numbers) => numbers,
            Self::One(number) => std::slice::from_ref(number),
        }
    }
}

fn rooms(programme: &Programme) -> Vec<&RoomId> {
    let mut rooms: Vec<&RoomId> = programme.sessions.iter().map(|s| &s.room).collect();
    rooms.extend(
        programme
            .part_of
            .iter()
            .flat_map(|(part, whole)| [part, whole]),
    );
    rooms.sort_unstable();
    rooms.dedup();
    rooms
}

fn find_overlaps(sessions: &mut [Planned<'_>]) {
    for later in 1..sessions.len() {
        for earlier in 0..later {
            if sessions[later].window.start < sessions[earlier].window.end {
                let number = u32::try_from(earlier).unwrap_or(u32::MAX);
                sessions[later].after.push(number);
                sessions[later].shares = true;
                sessions[earlier].shares = true;
            }
        }
    }
}

/// Gives each session what no session before it counts.
fn share_out(sessions: &mut [Planned<'_>]) {
    let mut given: Vec<Vec<Window>> = Vec::with_capacity(sessions.len());
    for planned in sessions {
        let mut own = planned.counted.clone();
        for earlier in &planned.after {
            own = sets::subtract(&own, &given[*earlier as usize]);
        }
        planned.full_ms = sets::length_ms(&own);
        given.push(own);
    }
}

fn find_cells(rules: &RuleSet, sessions: &mut [Planned<'_>]) -> (Vec<CellKey>, bool) {
    let has_fields = sessions.iter().any(|s| !s.session.fields.is_empty());
    let by_day = rules.caps.day.is_some();
    let keys = |planned: &Planned<'_>| -> Vec<(CellKey, u32)> {
        let day = planned.session.day.as_ref().filter(|_| by_day);
        let key = |field: Arc<str>| CellKey {
            day: day.map(|day| Arc::clone(&day.0)),
            field,
        };
        let fields = &planned.session.fields;
        if fields.is_empty() {
            return vec![(key("".into()), 1)];
        }
        let mut keys: Vec<(CellKey, u32)> = Vec::with_capacity(fields.len());
        for share in fields {
            let key = key(Arc::clone(&share.field));
            match keys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, weight)) => *weight = weight.saturating_add(share.weight),
                None => keys.push((key, share.weight)),
            }
        }
        keys.sort();
        keys
    };
    let mut cells: Vec<CellKey> = sessions
        .iter()
        .flat_map(|planned| keys(planned).into_iter().map(|(key, _)| key))
        .collect();
    cells.sort_unstable();
    cells.dedup();
    for planned in sessions {
        let numbered = keys(planned).into_iter().filter_map(|(key, weight)| {
            let number = cells.binary_search(&key).ok()?;
            Some((u32::try_from(number).ok()?, weight))
        });
        planned.cells = numbered.collect();
    }
    (cells, has_fields)
}

/// What is rounded together.
fn units(rules: &RuleSet, sessions: &[Planned<'_>]) -> Vec<Vec<u32>> {
    let numbered = sessions.iter().zip(0_u32..);
    match rules.scope {
        Scope::Programme => vec![numbered.map(|(_, number)| number).collect()],
        Scope::Session => {
            let is_short =
                |planned: &Planned<'_>| planned.scheduled_ms < rules.short_segment_under_ms;
            let (short, long): (Vec<_>, Vec<_>) =
                numbered.partition(|(planned, _)| is_short(planned));
            let mut units: Vec<Vec<u32>> =
                long.into_iter().map(|(_, number)| vec![number]).collect();
            if !short.is_empty() {
                units.push(short.into_iter().map(|(_, number)| number).collect());
            }
            units
        }
    }
}

/// The rooms and sessions of one attendee's signals as numbers: the plan's, and beyond them rooms that it does not know.
pub(crate) struct Rooms<'p, 'a> {
    plan: &'p Plan<'a>,
    strange: Vec<&'a RoomId>,
    /// The room looked up last: signals come in rows of one room.
    last: Cell<Option<(&'a RoomId, u32)>>,
}

impl<'p, 'a> Rooms<'p, 'a> {
    pub(crate) fn new(plan: &'p Plan<'a>) -> Self {
        Self {
            plan,
            strange: Vec::new(),
            last: Cell::new(None),
        }
    }

    pub(crate) fn number(&mut self, room: &'a RoomId) -> u32 {
        if let Some((last, number)) = self.last.get()
            && (std::ptr::eq(last.as_str(), room.as_str()) || last == room)
        {
            return number;
        }
        let known = self.plan.rooms.len();
        let number = self.plan.number(room).unwrap_or_else(|| {
            let found = self.strange.iter().position(|strange| *strange == room);
            let place = found.unwrap_or_else(|| {
                self.strange.push(room);
                self.strange.len() - 1
            });
            u32::try_from(known + place).unwrap_or(u32::MAX)
        });
        self.last.set(Some((room, number)));
        number
    }

    /// The room of a place, to be shown.
    pub(crate) fn room(&self, place: Place) -> Option<&'a RoomId> {
        match place {
            Place::Session(session) => {
                Some(&self.plan.sessions.get(session as usize)?.session.room)
            }
            Place::Room(room) => {
                let room = room as usize;
                let known = self.plan.rooms.len();
                let strange = || self.strange.get(room.checked_sub(known)?);
                self.plan.rooms.get(room).or_else(strange).copied()
            }
        }
    }
}
