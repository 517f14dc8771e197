//! What is on: the bundle's agenda and rules, as this door needs them.

use std::collections::BTreeMap;

use attendance::UtcMs;
use attendance::agenda::{Programme, Session, Window};
use attendance::eligibility::window;
use attendance::rules::RuleSet;
use attendance::time::Interval;
use attendance::words::{Direction, DoorId, EventId, ProgrammeId, RoomId};
use protocol::bundle::{Bundle, DoorPolicy};
use protocol::rules::{RulesError, parse};

/// A programme of this door whose rule set the door cannot use, though the issuer signed it: a newer issuer writes keys that an older
/// door does not know. Its scans are recorded as any others, without a provisional decision; the issuer decides all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadRules {
    /// The programme.
    pub programme: ProgrammeId,
    /// The rule set's hash, as the agenda names it.
    pub rules: String,
    /// Why, for people.
    pub why: String,
}

/// What is in force at this door.
#[derive(Clone, Debug)]
pub(super) struct Board {
    /// None before any bundle.
    pub(super) event: Option<EventId>,
    pub(super) door: DoorId,
    pub(super) rooms: Vec<RoomId>,
    pub(super) sequence: u64,
    pub(super) repeat_s: u32,
    /// Sessions in the door's rooms, widened by the margin, by start.
    sessions: Vec<(RoomId, Window)>,
    /// Their union: stretches in which something is on without a pause.
    runs: Vec<Window>,
    credited: Vec<Credited>,
    unread: Vec<UnreadRules>,
    /// Whether another door serves one of the rooms.
    is_shared: bool,
}

/// A programme with sessions in the door's rooms, and the rule set that credits it.
#[derive(Clone, Debug)]
pub(super) struct Credited {
    pub(super) programme: Programme,
    pub(super) rules: RuleSet,
    /// The programme's other doors: what they saw is not known here.
    pub(super) other_doors: Vec<DoorId>,
    /// Its sessions in the door's rooms, widened by the margin.
    here: Vec<Window>,
    margin_ms: i64,
}

impl Default for Board {
    /// Before any bundle: no door of a name, nothing on.
    fn default() -> Self {
        Self {
            event: None,
            door: DoorId::new("none").expect("the word is an id"),
            rooms: Vec::new(),
            sequence: 0,
            repeat_s: DoorPolicy::default().repeat_s,
            sessions: Vec::new(),
            runs: Vec::new(),
            credited: Vec::new(),
            unread: Vec::new(),
            is_shared: false,
        }
    }
}

impl Board {
    pub(super) fn new(bundle: &Bundle) -> Self {
        let margin_ms = i64::from(bundle.policy.margin_s) * 1_000;
        let rooms = bundle.door.rooms.clone();
        let mut sessions: Vec<(RoomId, Window)> = bundle
            .agenda
            .sessions
            .iter()
            .filter(|session| rooms.contains(&session.room))
            .filter_map(|session| {
                let domain = session.to_domain()?;
                Some((session.room.clone(), widened(&domain, margin_ms)?))
            })
            .collect();
        sessions.sort_by_key(|(_, window)| *window);
        let mut board = Self {
            event: Some(bundle.event.id.clone()),
            door: bundle.door.id.clone(),
            runs: runs(&sessions),
            sessions,
            rooms,
            sequence: bundle.sequence,
            repeat_s: bundle.policy.repeat_s,
            credited: Vec::new(),
            unread: Vec::new(),
            is_shared: bundle.agenda.doors.iter().any(|door| {
                door.id != bundle.door.id
                    && door
                        .rooms
                        .iter()
                        .any(|room| bundle.door.rooms.contains(room))
            }),
        };
        let rule_sets = rule_sets(bundle);
        for programme in &bundle.agenda.programmes {
            let Some(hash) = &programme.rules else {
                continue;
            };
            let Some(domain) = bundle.agenda.programme(&programme.id) else {
                continue;
            };
            let here: Vec<Window> = domain
                .sessions
                .iter()
                .filter(|session| board.rooms.contains(&session.room))
                .filter_map(|session| widened(session, margin_ms))
                .collect();
            if here.is_empty() {
                continue;
            }
            let rules = match rule_sets.get(hash.as_str()) {
                Some(Ok(rules)) => rules,
                Some(Err(error)) => {
                    board.leave_unread(programme.id.clone(), hash, error.to_string());
                    continue;
                }
                None => {
                    let why = "the bundle does not hold it".to_owned();
                    board.leave_unread(programme.id.clone(), hash, why);
                    continue;
                }
            };
            let doors = bundle.agenda.doors_of(&programme.id).into_iter();
            let other_doors = doors.map(|door| door.id.clone());
            board.credited.push(Credited {
                other_doors: other_doors.filter(|door| *door != board.door).collect(),
                programme: domain,
                rules: rules.clone(),
                here,
                margin_ms,
            });
        }
        board
    }

    fn leave_unread(&mut self, programme: ProgrammeId, rules: &str, why: String) {
        self.unread.push(UnreadRules {
            programme,
            rules: rules.to_owned(),
            why,
        });
    }

    /// Whether another door serves one of the rooms: somebody may pass unseen here.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The programmes whose rule sets cannot be used here.
    pub(super) fn unread(&self) -> &[UnreadRules] {
        &self.unread
    }

    /// Whether a session may be on in one of the door's rooms.
    pub(super) fn is_on(&self, at: Interval) -> bool {
        self.runs.iter().any(|run| touches(*run, at))
    }

    /// Whether sessions began anew, after a pause, between two moments.
    pub(super) fn began_anew(&self, since: Interval, at: Interval) -> bool {
        self.runs
            .iter()
            .any(|run| since.latest < run.start && run.start <= at.earliest)
    }

    /// The room among a scan's where a session is on, else the first of them.
    pub(super) fn room_at<'a>(&self, rooms: &'a [RoomId], at: Interval) -> Option<&'a RoomId> {
        let with_session = rooms.iter().find(|room| {
            let mut here = self.sessions.iter().filter(|(of, _)| of == *room);
            here.any(|(_, window)| touches(*window, at))
        });
        with_session.or(rooms.first())
    }

    /// The programmes that a scan touches.
    pub(super) fn credited_at(&self, at: Interval) -> impl Iterator<Item = &Credited> {
        self.credited
            .iter()
            .filter(move |credited| credited.here.iter().any(|window| touches(*window, at)))
    }
}

impl Credited {
    /// The session of these rooms that somebody who passes now comes to or leaves, with the window that counts: the one that is on, first
    /// in the order of the rooms; else, within the margin, the next one of whoever comes in and the last one of whoever goes out.
    pub(super) fn session_at(
        &self,
        rooms: &[RoomId],
        now: UtcMs,
        direction: Direction,
    ) -> Option<(&Session, Window)> {
        let near = |session: &&Session| {
            let widened = widened(session, self.margin_ms);
            rooms.contains(&session.room) && widened.is_some_and(|window| window.holds(now))
        };
        let windows: Vec<(&Session, Window)> = self
            .programme
            .sessions
            .iter()
            .filter(near)
            .map(|session| (session, window(&self.rules, session)))
            .collect();
        let place = |session: &Session| rooms.iter().position(|room| *room == session.room);
        let on = windows.iter().filter(|(_, window)| window.holds(now));
        let on = on.min_by_key(|(session, window)| (place(session), window.start, &session.id));
        let next = windows.iter().filter(|(_, window)| now < window.start);
        let next = next.min_by_key(|(session, window)| (window.start, &session.id));
        let last = windows.iter().filter(|(_, window)| window.end <= now);
        let last = last.max_by_key(|(session, window)| (window.end, &session.id));
        let nearest = match direction {
            Direction::In => on.or(next).or(last),
            Direction::Out | Direction::Seen => on.or(last).or(next),
        };
        nearest.copied()
    }

    /// The length of the sessions that have begun, in milliseconds.
    pub(super) fn begun_ms(&self, now: UtcMs) -> i64 {
        self.programme
            .sessions
            .iter()
            .map(|session| window(&self.rules, session))
            .filter(|window| window.start <= now)
            .map(Window::length_ms)
            .sum()
    }
}

/// What each rule set reads as, by the hash of its text, whatever the bundle calls it.
fn rule_sets(bundle: &Bundle) -> BTreeMap<String, Result<RuleSet, RulesError>> {
    let read = |rule: &protocol::bundle::RuleText| {
        let hash = evidence::sha256(rule.text.as_bytes()).to_hex();
        (hash, parse(&rule.text))
    };
    bundle.rules.iter().map(read).collect()
}

/// From the earlier start to the later end of agenda and fact, and the margin on both sides.
fn widened(session: &attendance::agenda::Session, margin_ms: i64) -> Option<Window> {
    let actual = session.actual.unwrap_or(session.scheduled);
    let start = session.scheduled.start.min(actual.start);
    let end = session.scheduled.end.max(actual.end);
    Window::new(start.plus_ms(-margin_ms), end.plus_ms(margin_ms))
}

fn touches(window: Window, at: Interval) -> bool {
    window.start <= at.latest && at.earliest < window.end
}

/// The union of windows that are sorted by start.
fn runs(sessions: &[(RoomId, Window)]) -> Vec<Window> {
    let mut runs: Vec<Window> = Vec::new();
    for (_, window) in sessions {
        match runs.last_mut() {
            Some(run) if window.start <= run.end => run.end = run.end.max(window.end),
            _ => runs.push(*window),
        }
    }
    runs
}
