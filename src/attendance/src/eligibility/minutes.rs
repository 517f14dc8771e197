//! Minutes of sessions: what stays, runs of heartbeats and words of people come to.
//!
//! Contract: of each session the least and the most time, between which what really was lies for every true time that a
//! reading allows. Grace is given first, then what is excluded is taken off, then what lies outside of the registration,
//! then what another session has counted already. A stay whose ends one clock stamped keeps its length, wherever it was.

use super::gather::{Gathered, Run, Said};
use super::plan::{Place, Plan, Planned};
use super::sets;
use super::{Repair, Word};
use crate::agenda::{Grant, Registration, Window};
use crate::presence::{Edge, Shown};
use crate::readings::Reading;
use crate::rules::{Denial, MissingCheckIn, MissingCheckOut, Overlap, RuleSet};
use crate::time::{DRIFT_MAX_PPM, Interval, NO_SEGMENT, UtcMs};
use crate::words::{Signal, Source};

/// All that the minutes of one attendee depend on besides the reading.
#[derive(Clone, Copy)]
pub(crate) struct Count<'p, 'a> {
    pub(crate) plan: &'p Plan<'a>,
    pub(crate) registration: Option<&'a Registration>,
    pub(crate) gathered: &'p Gathered<'a>,
    pub(crate) now: UtcMs,
    pub(crate) repair: Repair,
}

/// The minutes of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Minutes<'a> {
    pub(crate) least_ms: i64,
    pub(crate) most_ms: i64,
    pub(crate) graced_ms: i64,
    pub(crate) word: Option<Word>,
    /// A denial or a dispute has a say.
    pub(crate) is_denied: bool,
    /// Whether a platform alone shows it, as far as that may be.
    pub(crate) perhaps_alone: bool,
    /// Whether a platform alone shows it for certain.
    pub(crate) surely_alone: bool,
    /// What another session has counted already was taken off.
    pub(crate) shared: bool,
    pub(crate) stays: Vec<Filled<'a>>,
}

/// An end of a stay, policy's ends in place of missing ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FilledEnd<'a> {
    pub(crate) at: Interval,
    pub(crate) policy: Option<&'static str>,
    pub(crate) signal: Option<&'a Signal>,
}

/// A stay with both its ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filled<'a> {
    pub(crate) place: Place,
    pub(crate) source: Source,
    pub(crate) start: FilledEnd<'a>,
    pub(crate) end: FilledEnd<'a>,
    /// An end was left to a reviewer.
    to_review: bool,
}

/// The time that something counts for a session, at the least and at the most.
#[derive(Clone, Copy, Debug)]
struct Span {
    least: Option<Window>,
    most: Window,
    /// How long it is at the least and at the most, where one clock stamped both ends.
    length_ms: Option<(i64, i64)>,
    is_platform: bool,
}

/// The time that is counted of a session, at the least and at the most.
#[derive(Default)]
struct Times {
    least: Vec<Window>,
    most: Vec<Window>,
}

impl<'a> Count<'_, 'a> {
    /// The minutes of every session, in the plan's order.
    pub(crate) fn minutes(&self, reading: &Reading<'a>, stays: &[Shown]) -> Vec<Minutes<'a>> {
        let sessions = &self.plan.sessions;
        let mut all: Vec<Minutes<'a>> = Vec::with_capacity(sessions.len());
        all.resize_with(sessions.len(), Minutes::default);
        let mut spans: Vec<Vec<Span>> = vec![Vec::new(); sessions.len()];
        for shown in stays {
            self.add_stay(reading, shown, &mut spans, &mut all);
        }
        for run in &self.gathered.runs {
            self.add_run(run, &mut spans, &mut all);
        }
        let valid = self.valid();
        let mut counted: Vec<Times> = Vec::new();
        for (number, planned) in sessions.iter().enumerate() {
            let said = self.said(number);
            let minutes = &mut all[number];
            let times = self.measure(planned, &spans[number], said, &valid, &counted, minutes);
            if self.plan.rules.overlap == Overlap::CountOnce {
                counted.push(times);
            }
        }
        all
    }

    /// When the registration holds.
    fn valid(&self) -> Option<Window> {
        let always = Window {
            start: UtcMs(i64::MIN),
            end: UtcMs(i64::MAX),
        };
        if self.repair.registration {
            return Some(always);
        }
        let registration = self.registration.filter(|r| !r.cancelled)?;
        Window::new(
            registration.valid_from.unwrap_or(always.start),
            registration.valid_until.unwrap_or(always.end),
        )
    }

    fn said(&self, session: usize) -> Option<Said> {
        let words = &self.gathered.words;
        let found = words.binary_search_by(|(known, _)| (*known as usize).cmp(&session));
        let said = words[found.ok()?].1;
        match said {
            Said::Disputed if self.repair.disputes => Some(Said::Word(Word::Confirmed)),
            Said::Word(Word::Denied) if self.repair.denials => None,
            Said::Word(Word::Denied)
                if self.repair.disputes && self.plan.rules.denial == Denial::Review =>
            {
                None
            }
            said => Some(said),
        }
    }

    fn add_stay(
        &self,
        reading: &Reading<'a>,
        shown: &Shown,
        spans: &mut [Vec<Span>],
        all: &mut [Minutes<'a>],
    ) {
        let served = self.plan.serves(shown.place);
        let mut served = served.as_slice();
        let others;
        if let Some(since) = shown.since {
            // The stay in the whole says it of what the whole serves.
            let whole = self.plan.serves(since.whole);
            let whole = whole.as_slice();
            let is_other = |number: &&u32| !whole.contains(number);
            others = served.iter().filter(is_other).copied().collect::<Vec<_>>();
            served = &others;
        }
        let placed = |edge: Edge| reading[shown.stream][edge.signal].placed;
        let window = |number: u32| self.plan.sessions[number as usize].window;
        let leans_on = match (shown.start, shown.end) {
            (Some(_), Some(_)) | (None, None) => None,
            // The session of an open stay: the one the check-in falls in, or the next to begin there.
            (Some(start), None) => {
                let at = placed(start);
                served.iter().find(|number| at < window(**number).end)
            }
            // The session of a stay without a beginning: the one the check-out falls in, or the last to begin there.
            (None, Some(end)) => {
                let at = placed(end);
                served.iter().rfind(|number| window(**number).start <= at)
            }
        };
        let filled = match leans_on {
            Some(number) => self.fill(reading, shown, window(*number)),
            None => whole(reading, shown),
        };
        let Some(filled) = filled else {
            return;
        };
        for number in served {
            let number = *number as usize;
            let before = spans[number].len();
            spans[number].extend(clip(&filled, &self.plan.sessions[number].pieces));
            if spans[number].len() > before {
                all[number].stays.push(filled);
            }
        }
    }

    fn add_run(&self, run: &Run<'a>, spans: &mut [Vec<Span>], all: &mut [Minutes<'a>]) {
        let end = |signal: &'a Signal| FilledEnd {
            at: signal.at,
            policy: None,
            signal: Some(signal),
        };
        for number in self.plan.serves(run.place).as_slice() {
            let number = *number as usize;
            let before = spans[number].len();
            let pieces = self.plan.sessions[number].pieces.iter();
            spans[number].extend(pieces.filter_map(|piece| {
                Some(Span {
                    least: run.least.and_then(|w| within(*piece, w.start, w.end)),
                    most: within(*piece, run.most.start, run.most.end)?,
                    length_ms: None,
                    is_platform: run.source == Source::Platform,
                })
            }));
            if spans[number].len() == before {
                continue;
            }
            all[number].stays.push(Filled {
                place: run.place,
                source: run.source,
                start: end(run.first),
                end: end(run.last),
                to_review: false,
            });
        }
    }

    /// Puts policy's ends in place of missing ones, by the session that it leans on. `None` where the stay counts nothing.
    fn fill(&self, reading: &Reading<'a>, shown: &Shown, own: Window) -> Option<Filled<'a>> {
        let observed = |edge: Edge| observed(reading, shown, edge);
        let inferred = |at: Interval, policy: &'static str| FilledEnd {
            at,
            policy: Some(policy),
            signal: None,
        };
        let mut to_review = false;
        let no_earlier = shown.since.map(|since| since.check_in.at);
        let end = match shown.end {
            Some(edge) => observed(edge),
            None if self.now < own.end => inferred(Interval::exactly(self.now), "still_inside"),
            None => {
                let policy = if self.repair.ends {
                    MissingCheckOut::SessionEnd
                } else {
                    self.plan.rules.missing_check_out
                };
                to_review |= policy == MissingCheckOut::Review;
                match policy {
                    MissingCheckOut::None => return None,
                    MissingCheckOut::SessionEnd | MissingCheckOut::Review => {
                        inferred(Interval::exactly(own.end), policy.as_str())
                    }
                    MissingCheckOut::LastSignal => self.last_signal(reading, shown, own)?,
                }
            }
        };
        let start = match shown.start {
            Some(edge) => observed(edge),
            None => {
                let policy = if self.repair.begins {
                    MissingCheckIn::SessionStart
                } else {
                    self.plan.rules.missing_check_in
                };
                to_review |= policy == MissingCheckIn::Review;
                match policy {
                    MissingCheckIn::None => return None,
                    MissingCheckIn::SessionStart | MissingCheckIn::Review => {
                        let start = later_of(Interval::exactly(own.start), no_earlier);
                        inferred(start, policy.as_str())
                    }
                    MissingCheckIn::FirstSignal => self.first_signal(reading, shown, own)?,
                }
            }
        };
        Some(Filled {
            place: shown.place,
            source: shown.source,
            start,
            end,
            to_review,
        })
    }

    /// What else was seen at a place, of which the order of a stream says nothing.
    fn others(&self, reading: &Reading<'a>, shown: &Shown) -> impl Iterator<Item = &'a Signal> {
        let place = shown.place;
        let streams = reading.iter().enumerate();
        let streams = streams.filter(move |(number, _)| *number != shown.stream);
        let crossings = streams
            .flat_map(|(_, signals)| signals)
            .filter(move |taken| taken.place == place)
            .map(|taken| taken.signal);
        let lines = self.gathered.lines.iter();
        let beats = lines
            .filter(move |line| line.place == place)
            .flat_map(|line| line.beats.iter().map(|(_, signal)| *signal));
        let polls = self.gathered.polls.iter();
        let polls = polls.filter(move |poll| poll.place == place);
        let all: Vec<&'a Signal> = crossings
            .chain(beats)
            .chain(polls.map(|poll| poll.signal))
            .collect();
        all.into_iter()
    }

    /// The last signal at the place within the session, from the one that began the stay on.
    fn last_signal(
        &self,
        reading: &Reading<'a>,
        shown: &Shown,
        own: Window,
    ) -> Option<FilledEnd<'a>> {
        let from = shown.start?;
        let later = reading[shown.stream][from.signal..].iter().rev();
        let mut here = later.filter(|taken| taken.place == shown.place);
        let last = here.find(|taken| own.holds(taken.placed));
        let mut end = FilledEnd {
            at: last.map_or(from.at, |taken| taken.signal.at),
            policy: Some(MissingCheckOut::LastSignal.as_str()),
            signal: last.map(|taken| taken.signal),
        };
        for signal in self.others(reading, shown) {
            let at = signal.at;
            if own.start <= at.earliest && at.latest < own.end {
                end.at.earliest = end.at.earliest.max(at.earliest);
            }
            if own.start <= at.latest && at.earliest < own.end {
                let latest = at.latest.min(own.end.plus_ms(-1));
                let names = (end.at.latest, end.signal.map(|s| &s.id)) < (latest, Some(&signal.id));
                if names {
                    end.at.latest = latest;
                    end.signal = Some(signal);
                }
            }
        }
        Some(end)
    }

    /// The first signal at the place within the session.
    fn first_signal(
        &self,
        reading: &Reading<'a>,
        shown: &Shown,
        own: Window,
    ) -> Option<FilledEnd<'a>> {
        let until = shown.end?;
        let from = shown.since.map_or(0, |since| since.check_in.signal);
        let mut here = reading[shown.stream][from..].iter();
        let first = here.find(|taken| taken.place == shown.place && own.holds(taken.placed));
        let mut at = first.map_or(until.at, |taken| taken.signal.at);
        for signal in self.others(reading, shown) {
            let other = signal.at;
            if own.start <= other.earliest && other.latest < own.end {
                at.latest = at.latest.min(other.latest);
            }
            if own.start <= other.latest && other.earliest < own.end {
                at.earliest = at.earliest.min(other.earliest.max(own.start));
            }
        }
        Some(FilledEnd {
            at: later_of(at, shown.since.map(|since| since.check_in.at)),
            policy: Some(MissingCheckIn::FirstSignal.as_str()),
            signal: None,
        })
    }

    /// Counts one session and says which times were counted.
    fn measure(
        &self,
        planned: &Planned<'_>,
        spans: &[Span],
        said: Option<Said>,
        valid: &Option<Window>,
        before: &[Times],
        minutes: &mut Minutes<'a>,
    ) -> Times {
        let rules = self.plan.rules;
        minutes.word = match said {
            Some(Said::Word(word)) => Some(word),
            Some(Said::Disputed) | None => None,
        };
        minutes.is_denied = matches!(said, Some(Said::Disputed | Said::Word(Word::Denied)));
        let Some(valid) = valid else {
            // No time counts, but what a speaker has without any is still asked for more than a platform's word.
            self.say_alone(spans, &[], said, minutes);
            return Times::default();
        };
        let narrowed;
        let counts = if planned.counted.iter().all(|w| covers(*valid, *w)) {
            &planned.counted
        } else {
            narrowed = sets::intersect(&planned.counted, &[*valid]);
            &narrowed
        };
        let own = planned.window;
        let mut graced = Vec::new();
        let mut times = if spans.is_empty() {
            Times::default()
        } else {
            let plain = union_least(spans.iter().filter_map(|s| s.least).collect(), counts);
            let least = graced_least(rules, own, spans);
            graced = graced_most(rules, own, spans);
            let times = Times {
                least: union_least(least, counts),
                most: union_least(graced.clone(), counts),
            };
            minutes.graced_ms = sets::length_ms(&times.least) - sets::length_ms(&plain);
            times
        };
        self.say_alone(spans, counts, said, minutes);
        match said {
            Some(Said::Word(Word::Confirmed)) => {
                times.least.clone_from(counts);
                times.most.clone_from(counts);
                minutes.graced_ms = 0;
            }
            Some(Said::Disputed) => {
                times.least.clear();
                times.most.clone_from(counts);
                minutes.graced_ms = 0;
            }
            Some(Said::Word(Word::Denied)) => {
                times.least.clear();
                minutes.graced_ms = 0;
                if rules.denial == Denial::Overrides {
                    times.most.clear();
                }
            }
            None => {}
        }
        if !self.repair.overlaps {
            for earlier in &planned.after {
                let taken = &before[*earlier as usize];
                let least = sets::subtract(&times.least, &taken.most);
                let most = sets::subtract(&times.most, &taken.least);
                minutes.shared |= least != times.least || most != times.most;
                times = Times { least, most };
            }
        }
        minutes.least_ms = sets::length_ms(&times.least);
        minutes.most_ms = sets::length_ms(&times.most);
        let is_shared = planned.shares && !self.repair.overlaps;
        if said.is_none() && !is_shared {
            hold_lengths(rules, own, spans, &graced, counts, minutes);
        }
        minutes.graced_ms = minutes.graced_ms.clamp(0, minutes.least_ms);
        if !minutes.is_denied {
            self.grant(planned, minutes);
        }
        times
    }

    /// Whether a platform alone shows the session.
    fn say_alone(
        &self,
        spans: &[Span],
        counts: &[Window],
        said: Option<Said>,
        minutes: &mut Minutes<'a>,
    ) {
        if !spans.iter().any(|span| span.is_platform) {
            return;
        }
        let touches = |window: Window| counts.iter().any(|c| overlap(*c, window));
        let others = || spans.iter().filter(|span| !span.is_platform);
        let confirmed = said == Some(Said::Word(Word::Confirmed));
        minutes.perhaps_alone = !confirmed && !others().any(|span| span.least.is_some_and(touches));
        minutes.surely_alone = minutes.perhaps_alone && !others().any(|span| touches(span.most));
    }

    /// What was granted to the attendee: nothing of it shows but in the minutes.
    fn grant(&self, planned: &Planned<'_>, minutes: &mut Minutes<'a>) {
        let registration = self
            .registration
            .filter(|r| !r.cancelled || self.repair.registration);
        let Some(registration) = registration else {
            return;
        };
        for granted in &registration.accommodations {
            if granted
                .session
                .as_ref()
                .is_some_and(|id| *id != planned.session.id)
            {
                continue;
            }
            match granted.grant {
                Grant::Whole => {
                    minutes.least_ms = planned.scheduled_ms;
                    minutes.most_ms = planned.scheduled_ms;
                    minutes.perhaps_alone = false;
                    minutes.surely_alone = false;
                }
                Grant::Extra(extra_ms) => {
                    for ms in [&mut minutes.least_ms, &mut minutes.most_ms] {
                        if *ms > 0 {
                            let with = ms.saturating_add(extra_ms.max(0));
                            *ms = with.min(planned.scheduled_ms).max(*ms);
                        }
                    }
                }
            }
        }
    }
}

fn within(own: Window, from: UtcMs, to: UtcMs) -> Option<Window> {
    Window::new(from.max(own.start), to.min(own.end))
}

fn covers(outer: Window, inner: Window) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn overlap(one: Window, other: Window) -> bool {
    one.start < other.end && other.start < one.end
}

fn union_least(windows: Vec<Window>, counts: &[Window]) -> Vec<Window> {
    sets::intersect(&sets::union(windows), counts)
}

/// A stay both of whose ends were seen.
fn whole<'a>(reading: &Reading<'a>, shown: &Shown) -> Option<Filled<'a>> {
    Some(Filled {
        place: shown.place,
        source: shown.source,
        start: observed(reading, shown, shown.start?),
        end: observed(reading, shown, shown.end?),
        to_review: false,
    })
}

fn observed<'a>(reading: &Reading<'a>, shown: &Shown, edge: Edge) -> FilledEnd<'a> {
    FilledEnd {
        at: edge.at,
        policy: edge.policy,
        signal: Some(reading[shown.stream][edge.signal].signal),
    }
}

/// The later of two instants, wherever in their intervals they are.
fn later_of(at: Interval, other: Option<Interval>) -> Interval {
    other.map_or(at, |other| Interval {
        earliest: at.earliest.max(other.earliest),
        latest: at.latest.max(other.latest),
    })
}

/// What of a stay lies in the pieces of a session.
fn clip(stay: &Filled<'_>, pieces: &[Window]) -> impl Iterator<Item = Span> {
    let (start, end) = (stay.start.at, stay.end.at);
    let (length_ms, to_review) = (length_ms(stay), stay.to_review);
    let is_platform = stay.source == Source::Platform;
    pieces.iter().filter_map(move |piece| {
        let holds = piece.start <= start.earliest && end.latest <= piece.end;
        Some(Span {
            least: within(*piece, start.latest, end.earliest).filter(|_| !to_review),
            most: within(*piece, start.earliest, end.latest)?,
            length_ms: length_ms.filter(|_| holds),
            is_platform,
        })
    })
}

/// How long a stay is by the one clock that stamped both its ends: exact but for drift, and for readings cut to milliseconds.
fn length_ms(stay: &Filled<'_>) -> Option<(i64, i64)> {
    if stay.start.policy.is_some() || stay.end.policy.is_some() {
        return None;
    }
    let (start, end) = (
        stay.start.signal?.tick.as_ref()?,
        stay.end.signal?.tick.as_ref()?,
    );
    if start.log != end.log || start.segment != end.segment || start.segment == NO_SEGMENT {
        return None;
    }
    let length = i64::try_from(end.raw_ms.checked_sub(start.raw_ms)?).ok()?;
    let drift = i128::from(length) * i128::from(DRIFT_MAX_PPM);
    let drift = i64::try_from((drift + 999_999) / 1_000_000).ok()?;
    let error = drift.saturating_add(1);
    Some((
        length.saturating_sub(error).max(0),
        length.saturating_add(error),
    ))
}

/// Gives stays their length by the clock where nothing else depends on their place: one that lies within one piece of what
/// counts wherever it was, touches no other, and is given no grace.
fn hold_lengths(
    rules: &RuleSet,
    own: Window,
    spans: &[Span],
    graced: &[Window],
    counts: &[Window],
    minutes: &mut Minutes<'_>,
) {
    let late_ms = i64::from(rules.grace_in_s) * 1_000;
    let early_ms = i64::from(rules.grace_out_s) * 1_000;
    // Nowhere that it can have been does grace begin or end with it.
    let is_graced = |most: Window| {
        (late_ms > 0 && most.start.0 - own.start.0 <= late_ms)
            || (early_ms > 0 && own.end.0 - most.end.0 <= early_ms)
    };
    for (number, span) in spans.iter().enumerate() {
        let Some((least_ms, most_ms)) = span.length_ms else {
            continue;
        };
        let is_inside = counts.iter().any(|piece| covers(*piece, span.most));
        let apart = |other: &Window| other.end < span.most.start || span.most.end < other.start;
        let mut others = graced
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != number);
        if is_inside && !is_graced(span.most) && others.all(|(_, other)| apart(other)) {
            let held_ms = span.least.map_or(0, Window::length_ms);
            minutes.least_ms += (least_ms - held_ms).max(0);
            minutes.most_ms -= (span.most.length_ms() - most_ms).max(0);
        }
    }
    minutes.most_ms = minutes.most_ms.max(minutes.least_ms);
}

/// The least spans with the grace before and after them where no other stay can have come in between.
fn graced_least(rules: &RuleSet, own: Window, spans: &[Span]) -> Vec<Window> {
    let mut windows: Vec<Window> = spans.iter().filter_map(|span| span.least).collect();
    windows.sort_unstable();
    let mut perhaps = spans.iter().filter(|span| span.least.is_none());
    let (begin, end) = ends(&windows);
    if perhaps.clone().all(|span| begin <= span.most.start)
        && let Some(first) = windows.first_mut()
    {
        first.start = graced_start(rules, own, first.start);
    }
    if perhaps.all(|span| span.most.end <= end)
        && let Some(last) = windows.iter_mut().max_by_key(|w| w.end)
    {
        last.end = graced_end(rules, own, last.end);
    }
    windows
}

/// The most spans, in their order, with the grace at the first and the last of them. Where one may not have been at all, any
/// may be the first or the last.
fn graced_most(rules: &RuleSet, own: Window, spans: &[Span]) -> Vec<Window> {
    let mut windows: Vec<Window> = spans.iter().map(|span| span.most).collect();
    let (begin, end) = ends(&windows);
    let any = spans.iter().any(|span| span.least.is_none());
    for window in &mut windows {
        if any || window.start == begin {
            window.start = graced_start(rules, own, window.start);
        }
        if any || window.end == end {
            window.end = graced_end(rules, own, window.end);
        }
    }
    windows
}

/// When the first of the windows begins and the last ends.
fn ends(windows: &[Window]) -> (UtcMs, UtcMs) {
    let begin = windows.iter().map(|w| w.start).min();
    let end = windows.iter().map(|w| w.end).max();
    (
        begin.unwrap_or(UtcMs(i64::MAX)),
        end.unwrap_or(UtcMs(i64::MIN)),
    )
}

/// Forgives lateness up to its grace.
fn graced_start(rules: &RuleSet, own: Window, start: UtcMs) -> UtcMs {
    let late_ms = start.0 - own.start.0;
    if late_ms <= i64::from(rules.grace_in_s) * 1_000 {
        own.start
    } else {
        start
    }
}

/// Forgives earliness up to its grace.
fn graced_end(rules: &RuleSet, own: Window, end: UtcMs) -> UtcMs {
    let early_ms = own.end.0 - end.0;
    if early_ms <= i64::from(rules.grace_out_s) * 1_000 {
        own.end
    } else {
        end
    }
}
