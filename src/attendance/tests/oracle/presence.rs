//! Who was where in each second, in one way in which a day can have gone.
//!
//! Contract: written from the words of the rules alone, apart from the engine, and naive: every second of the day is one bit, and what a
//! rule says of times is said here of seconds. Each session has two sides: the least and the most that can have been.

use std::sync::Arc;

use attendance::agenda::{Programme, Session, Window};
use attendance::rules::{
    InElsewhere, MissingCheckIn, MissingCheckOut, RepeatedOut, RuleSet, Windows,
};
use attendance::words::{Direction, Kind, RoomId, SessionId, Signal, Source};

use crate::day::{DAY_S, second};

/// The seconds that one number holds.
const HALF_S: i64 = 128;

/// A day, second by second: a bit says whether it holds in that second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds([u128; 2]);

/// A day in which it holds from one second to before another.
pub(crate) fn from_to(from_s: i64, to_s: i64) -> Seconds {
    let mut seconds = never();
    for second in from_s.max(0)..to_s.min(DAY_S) {
        let half = usize::from(second >= HALF_S);
        seconds.0[half] |= 1 << (second % HALF_S);
    }
    seconds
}

/// A day in which nothing holds.
pub(crate) fn never() -> Seconds {
    Seconds([0; 2])
}

impl Seconds {
    pub(crate) fn and(self, other: Self) -> Self {
        Self([self.0[0] & other.0[0], self.0[1] & other.0[1]])
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }

    pub(crate) fn less(self, other: Self) -> Self {
        Self([self.0[0] & !other.0[0], self.0[1] & !other.0[1]])
    }

    pub(crate) fn length(self) -> i64 {
        i64::from(self.0[0].count_ones() + self.0[1].count_ones())
    }

    pub(crate) fn is_never(self) -> bool {
        self == never()
    }

    fn holds(self, second: i64) -> bool {
        self.0[usize::from(second >= HALF_S)] >> (second % HALF_S) & 1 == 1
    }

    /// The first second in which it holds.
    fn first(self) -> Option<i64> {
        (0..DAY_S).find(|second| self.holds(*second))
    }

    /// The second after the last in which it holds.
    fn end(self) -> Option<i64> {
        (1..=DAY_S).rev().find(|second| self.holds(second - 1))
    }
}

fn all(of: impl Iterator<Item = Seconds>) -> Seconds {
    of.fold(never(), Seconds::or)
}

fn of(window: Window) -> Seconds {
    from_to(second(window.start), second(window.end))
}

/// A session as the rules see it.
pub(crate) struct Item<'a> {
    pub(crate) session: &'a Session,
    pub(crate) start_s: i64,
    pub(crate) end_s: i64,
    /// Its window: the union of its parts, where it is split.
    window: Seconds,
    /// What of the window counts.
    pub(crate) counts: Seconds,
}

/// The union of a session's parts, or all of it.
fn window_of(rules: &RuleSet, session: &Session) -> Seconds {
    let whole = of(match (rules.windows, session.actual) {
        (Windows::Actual, Some(actual)) => actual,
        (Windows::Actual, None) | (Windows::Scheduled, _) => session.scheduled,
    });
    let parts = all(session.parts.iter().map(|part| of(*part))).and(whole);
    if parts.is_never() { whole } else { parts }
}

/// The sessions of a programme that count, by window start, then id.
pub(crate) fn items<'a>(rules: &RuleSet, programme: &'a Programme) -> Vec<Item<'a>> {
    let is_break = |session: &Session| rules.excluded_kinds.contains(&session.kind);
    let item = |session: &'a Session| {
        let window = window_of(rules, session);
        let breaks = programme
            .sessions
            .iter()
            .filter(|other| is_break(other) && other.room == session.room)
            .map(|other| window_of(rules, other));
        let excluded = all(breaks.chain(session.excluded.iter().map(|part| of(*part))));
        Item {
            session,
            start_s: window.first().expect("a session takes time"),
            end_s: window.end().expect("a session takes time"),
            counts: window.less(excluded),
            window,
        }
    };
    let counting = programme
        .sessions
        .iter()
        .filter(|session| !is_break(session));
    let mut items: Vec<Item<'a>> = counting.map(item).collect();
    items.sort_by(|a, b| (a.start_s, &a.session.id).cmp(&(b.start_s, &b.session.id)));
    items
}

/// Where a signal is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Room(RoomId),
    Session(SessionId),
}

/// Whether a room is another one, or a part of it.
fn is_within(programme: &Programme, room: &RoomId, whole: &RoomId) -> bool {
    let mut here = Some(room);
    // No chain of parts is longer than there are parts.
    for _ in 0..=programme.part_of.len() {
        let Some(room) = here else { return false };
        if room == whole {
            return true;
        }
        here = programme.part_of.get(room);
    }
    false
}

/// Whether being at a place is being at a session.
pub(crate) fn serves(programme: &Programme, place: &Place, session: &Session) -> bool {
    match place {
        Place::Session(id) => *id == session.id,
        Place::Room(room) => is_within(programme, room, &session.room),
    }
}

fn are_related(programme: &Programme, a: &Place, b: &Place) -> bool {
    match (a, b) {
        (Place::Room(a), Place::Room(b)) => {
            is_within(programme, a, b) || is_within(programme, b, a)
        }
        _ => a == b,
    }
}

/// One crossing, in one way in which the day can have gone.
#[derive(Clone, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) signal: &'a Signal,
    pub(crate) at_s: i64,
    pub(crate) way: Direction,
    pub(crate) place: Place,
}

/// A sign of life or an answered poll.
#[derive(Clone, Debug)]
pub(crate) struct Sign<'a> {
    pub(crate) signal: &'a Signal,
    pub(crate) at_s: i64,
    pub(crate) place: Place,
}

/// One stretch at a place; an end that nothing shows is absent. Ends are numbers of signals of its stream.
#[derive(Clone, Debug)]
struct Stay {
    place: Place,
    began: Option<usize>,
    ended: Option<usize>,
    /// Where they came in by a wider place's door and left by this one: not before that check-in, and what the wider place
    /// stands for is shown there.
    not_before: Option<(usize, Place)>,
    /// Whether a check-out after this one would be one more of the same leaving.
    just_left: bool,
    /// Whether they were somewhere else after it.
    went_elsewhere: bool,
}

impl Stay {
    fn is_open(&self) -> bool {
        self.ended.is_none()
    }
}

/// What the crossings of one stream come to.
fn stays_of(rules: &RuleSet, programme: &Programme, stream: &[Seen]) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    for (number, seen) in stream.iter().enumerate() {
        let near = |stay: &Stay| are_related(programme, &seen.place, &stay.place);
        match seen.way {
            Direction::Seen => {}
            Direction::In => {
                let leaves_others = rules.in_elsewhere == InElsewhere::ClosesPrevious
                    && seen.signal.source != Source::Platform;
                for stay in &mut stays {
                    if near(stay) {
                        // Whoever came in again has not gone out twice.
                        stay.just_left = false;
                    } else if leaves_others {
                        stay.went_elsewhere |= !stay.is_open();
                        stay.ended = stay.ended.or(Some(number));
                    }
                }
                let is_inside = |stay: &Stay| stay.is_open() && stay.place == seen.place;
                if !stays.iter().any(is_inside) {
                    stays.push(Stay {
                        place: seen.place.clone(),
                        began: Some(number),
                        ended: None,
                        not_before: None,
                        just_left: false,
                        went_elsewhere: false,
                    });
                }
            }
            Direction::Out => {
                let mut left: Vec<(usize, Place)> = Vec::new();
                for stay in stays.iter_mut().filter(|stay| stay.is_open()) {
                    if are_related(programme, &seen.place, &stay.place) {
                        (stay.ended, stay.just_left) = (Some(number), true);
                        let began = stay.began.expect("an open stay began");
                        left.push((began, stay.place.clone()));
                    }
                }
                let is_here =
                    |place: &Place| *place == seen.place || is_part(programme, place, &seen.place);
                if left.iter().any(|(_, place)| is_here(place)) {
                    continue;
                }
                let again = |stay: &&mut Stay| {
                    stay.just_left && are_related(programme, &seen.place, &stay.place)
                };
                if left.is_empty() && stays.iter_mut().any(|stay| again(&stay)) {
                    let last = stays.iter_mut().filter(again).map(|stay| stay.ended).max();
                    let moves = |stay: &&mut Stay| {
                        rules.repeated_out == RepeatedOut::Last
                            && !stay.went_elsewhere
                            && Some(stay.ended) == last
                    };
                    for stay in stays.iter_mut().filter(again).filter(moves) {
                        stay.ended = Some(number);
                    }
                    continue;
                }
                let last_in = left.iter().map(|(began, _)| *began).max();
                let narrowest = left.iter().map(|(_, place)| place).find(|place| {
                    left.iter()
                        .all(|(_, o)| *o == **place || is_part(programme, place, o))
                });
                stays.push(Stay {
                    place: seen.place.clone(),
                    began: None,
                    ended: Some(number),
                    not_before: last_in.zip(narrowest.cloned()),
                    just_left: true,
                    went_elsewhere: false,
                });
            }
        }
    }
    stays
}

/// Whether one place is a room that is part of another, but not the same.
fn is_part(programme: &Programme, part: &Place, whole: &Place) -> bool {
    match (part, whole) {
        (Place::Room(part), Place::Room(whole)) => {
            part != whole && is_within(programme, part, whole)
        }
        _ => false,
    }
}

/// One stretch at one session, missing ends filled in.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub(crate) seconds: Seconds,
    /// Whether it counts for certain.
    pub(crate) is_sure: bool,
    /// Whether a platform shows it.
    pub(crate) is_virtual: bool,
    pub(crate) no_start: bool,
    pub(crate) no_end: bool,
}

/// One person's day, in one way in which it can have gone.
pub(crate) struct Way<'a> {
    pub(crate) rules: &'a RuleSet,
    pub(crate) programme: &'a Programme,
    pub(crate) items: &'a [Item<'a>],
    pub(crate) streams: &'a [Vec<Seen<'a>>],
    pub(crate) beats: &'a [Sign<'a>],
    pub(crate) polls: &'a [Sign<'a>],
    pub(crate) now_s: i64,
}

impl Way<'_> {
    /// The stretches of a session.
    pub(crate) fn stretches(&self, item: &Item) -> Vec<Stretch> {
        let mut found: Vec<Stretch> = Vec::new();
        for (number, stream) in self.streams.iter().enumerate() {
            for stay in stays_of(self.rules, self.programme, stream) {
                if !self.is_for(&stay, item) {
                    continue;
                }
                let Some((from_s, to_s, is_sure)) = self.filled(number, &stay) else {
                    continue;
                };
                let by = stay.began.or(stay.ended).expect("a stay has an end");
                found.push(Stretch {
                    seconds: from_to(from_s, to_s).and(item.window),
                    is_sure,
                    is_virtual: stream[by].signal.source == Source::Platform,
                    no_start: stay.began.is_none(),
                    no_end: stay.ended.is_none(),
                });
            }
        }
        for (from, to) in self.runs() {
            if serves(self.programme, &self.beats[from].place, item.session) {
                let (from_s, to_s) = (self.beats[from].at_s, self.beats[to].at_s);
                found.push(Stretch {
                    seconds: from_to(from_s, to_s).and(item.window),
                    is_sure: true,
                    is_virtual: self.beats[from].signal.source == Source::Platform,
                    no_start: false,
                    no_end: false,
                });
            }
        }
        found.retain(|stretch| !stretch.seconds.is_never());
        found
    }

    /// Whether a stay counts for a session.
    fn is_for(&self, stay: &Stay, item: &Item) -> bool {
        let is_shown_there = stay
            .not_before
            .as_ref()
            .is_some_and(|(_, whole)| serves(self.programme, whole, item.session));
        serves(self.programme, &stay.place, item.session) && !is_shown_there
    }

    /// A stay's two ends, the missing one by policy, and whether it is sure. `None` where it counts nothing.
    fn filled(&self, stream: usize, stay: &Stay) -> Option<(i64, i64, bool)> {
        let own = &self.streams[stream];
        let mut here = self.items.iter().filter(|other| self.is_for(stay, other));
        let item = match (stay.began, stay.ended) {
            (Some(began), None) => here.find(|item| own[began].at_s < item.end_s)?,
            (None, Some(ended)) => here.rfind(|item| item.start_s <= own[ended].at_s)?,
            (Some(began), Some(ended)) => return Some((own[began].at_s, own[ended].at_s, true)),
            (None, None) => return None,
        };
        let is_inside = |at_s: i64| item.start_s <= at_s && at_s < item.end_s;
        let others = || {
            let crossings = self
                .streams
                .iter()
                .enumerate()
                .filter(|(n, _)| *n != stream);
            let crossings = crossings.flat_map(|(_, s)| s).map(|s| (&s.place, s.at_s));
            let signs = self
                .beats
                .iter()
                .chain(self.polls)
                .map(|s| (&s.place, s.at_s));
            let all = crossings
                .chain(signs)
                .filter(|(place, _)| **place == stay.place);
            all.map(|(_, at_s)| at_s).filter(|at_s| is_inside(*at_s))
        };
        let seen = |s: &&Seen| s.place == stay.place && is_inside(s.at_s);
        match (stay.began, stay.ended) {
            (Some(began), _) => {
                let from_s = own[began].at_s;
                if self.now_s < item.end_s {
                    return Some((from_s, self.now_s, true));
                }
                match self.rules.missing_check_out {
                    MissingCheckOut::None => None,
                    MissingCheckOut::SessionEnd => Some((from_s, item.end_s, true)),
                    MissingCheckOut::Review => Some((from_s, item.end_s, false)),
                    MissingCheckOut::LastSignal => {
                        let last = own[began..].iter().rfind(seen);
                        let last_s = last.map_or(from_s, |s| s.at_s);
                        Some((from_s, others().fold(last_s, i64::max), true))
                    }
                }
            }
            (None, ended) => {
                let to_s = own[ended?].at_s;
                let since = stay.not_before.as_ref().map_or(0, |(number, _)| *number);
                let not_before_s = stay.not_before.as_ref().map_or(0, |_| own[since].at_s);
                match self.rules.missing_check_in {
                    MissingCheckIn::None => None,
                    MissingCheckIn::SessionStart => {
                        Some((item.start_s.max(not_before_s), to_s, true))
                    }
                    MissingCheckIn::Review => Some((item.start_s.max(not_before_s), to_s, false)),
                    MissingCheckIn::FirstSignal => {
                        let first = own[since..].iter().find(seen);
                        let first_s = first.map_or(to_s, |s| s.at_s);
                        let from_s = others().fold(first_s, i64::min).max(not_before_s);
                        Some((from_s, to_s, true))
                    }
                }
            }
        }
    }

    /// Whether anything shows that somebody was anywhere.
    pub(crate) fn has_presence(&self) -> bool {
        let mut crossings = self.streams.iter().flatten();
        crossings.any(|s| s.way != Direction::Seen) || !self.runs().is_empty()
    }

    /// From one sign of life of a device at a place to the next, where that came soon enough.
    fn runs(&self) -> Vec<(usize, usize)> {
        let of = |n: usize| {
            let beat = &self.beats[n];
            (&beat.signal.source, &beat.signal.device, &beat.place)
        };
        let mut found = Vec::new();
        for from in 0..self.beats.len() {
            let later = |to: &usize| {
                of(*to) == of(from) && (self.beats[*to].at_s, *to) > (self.beats[from].at_s, from)
            };
            let next = (0..self.beats.len())
                .filter(later)
                .min_by_key(|to| (self.beats[*to].at_s, *to));
            let gap_s = i64::from(self.rules.heartbeat_max_gap_s);
            if let Some(to) = next
                && self.beats[to].at_s - self.beats[from].at_s <= gap_s
            {
                found.push((from, to));
            }
        }
        found
    }
}

/// The least and the most time of a session, grace given.
pub(crate) fn graced(rules: &RuleSet, item: &Item, stretches: &[Stretch]) -> (Seconds, Seconds) {
    let of = |is_wanted: fn(&Stretch) -> bool| {
        all(stretches.iter().filter(|s| is_wanted(s)).map(|s| s.seconds))
    };
    let (sure, unsure) = (of(|s| s.is_sure), of(|s| !s.is_sure));
    // Who may have come first, or gone last, in a stretch that may not have been, is not forgiven for certain.
    let is_first = unsure
        .first()
        .is_none_or(|s| sure.first().is_some_and(|own| own <= s));
    let is_last = unsure
        .end()
        .is_none_or(|s| sure.end().is_some_and(|own| s <= own));
    let least = forgiven(rules, item, sure, is_first, is_last);
    let most = if unsure.is_never() {
        least
    } else {
        all(stretches
            .iter()
            .map(|s| forgiven(rules, item, s.seconds, true, true)))
    };
    (least, most)
}

/// A little lateness and a little earliness are presence.
fn forgiven(
    rules: &RuleSet,
    item: &Item,
    seconds: Seconds,
    at_first: bool,
    at_last: bool,
) -> Seconds {
    let (Some(first), Some(end)) = (seconds.first(), seconds.end()) else {
        return never();
    };
    let mut graced = seconds;
    if at_first && first - item.start_s <= i64::from(rules.grace_in_s) {
        graced = graced.or(from_to(item.start_s, first));
    }
    if at_last && item.end_s - end <= i64::from(rules.grace_out_s) {
        graced = graced.or(from_to(end, item.end_s));
    }
    graced.and(item.window)
}

/// What a person says of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Nothing,
    Confirmed,
    Denied,
    Disputed,
}

/// The last word of each log on a session, and what they come to.
pub(crate) fn said_of(session: &Session, signals: &[&Signal]) -> Said {
    let mut words: Vec<(&Arc<str>, &Signal)> = signals
        .iter()
        .filter(|s| s.session.as_ref() == Some(&session.id))
        .filter(|s| matches!(s.kind, Kind::Confirmed | Kind::Denied))
        .map(|s| (&s.id.log, *s))
        .collect();
    words.sort_by(|a, b| a.1.id.cmp(&b.1.id));
    let is_last = |n: &usize| !words[n + 1..].iter().any(|(log, _)| *log == words[*n].0);
    let last: Vec<&Kind> = (0..words.len())
        .filter(is_last)
        .map(|n| &words[n].1.kind)
        .collect();
    let is_confirmed = last.contains(&&Kind::Confirmed);
    match (is_confirmed, last.contains(&&Kind::Denied)) {
        (false, false) => Said::Nothing,
        (true, false) => Said::Confirmed,
        (false, true) => Said::Denied,
        (true, true) => Said::Disputed,
    }
}
