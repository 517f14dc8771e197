//! One attendee's signals, sorted out by what they are: crossings by stream, heartbeats into runs, polls, words of people.
//!
//! Contract: one pass over the signals, in whatever order they come; each counts once. Signals whose source a rule set does
//! not count are left out, and so are claims and what names a session that does not count. Nothing here depends on a reading.

use std::sync::Arc;

use super::Word;
use super::plan::{Place, Plan, Rooms};
use crate::agenda::Window;
use crate::time::{Interval, UtcMs};
use crate::words::{Kind, Signal, SignalId, Source};

/// What one attendee's signals are.
#[derive(Debug, Default)]
pub(crate) struct Gathered<'a> {
    /// The crossings of each stream, with their places where their rooms do not say them. The first is that of doors and people.
    pub(crate) streams: Vec<Vec<(&'a Signal, Option<Place>)>>,
    /// The heartbeats of each device at each place.
    pub(crate) lines: Vec<Line<'a>>,
    /// What heartbeats show.
    pub(crate) runs: Vec<Run<'a>>,
    /// Answered polls.
    pub(crate) polls: Vec<Answered<'a>>,
    /// What people say of sessions, by session.
    pub(crate) words: Vec<(u32, Said)>,
    /// Whether signals were left out since their source does not count.
    pub(crate) has_refused: bool,
}

/// The heartbeats of one device at one place.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) place: Place,
    source: Source,
    device: Option<&'a Arc<str>>,
    pub(crate) beats: Vec<(Interval, &'a Signal)>,
}

/// Heartbeats that follow each other closely enough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) place: Place,
    pub(crate) source: Source,
    pub(crate) first: &'a Signal,
    pub(crate) last: &'a Signal,
    /// When it shows presence for certain.
    pub(crate) least: Option<Window>,
    /// When it may.
    pub(crate) most: Window,
}

/// A poll that was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered<'a> {
    pub(crate) place: Place,
    pub(crate) poll: &'a Arc<str>,
    pub(crate) at: Interval,
    pub(crate) signal: &'a Signal,
}

/// What people say of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The last word of the one log that has any.
    Word(Word),
    /// Several logs have one, and they disagree.
    Disputed,
}

/// Sorts out one attendee's signals; `all` counts every source but claims.
pub(crate) fn gather<'a>(
    plan: &Plan<'_>,
    rooms: &mut Rooms<'_, 'a>,
    signals: &'a [Signal],
    all: bool,
) -> Gathered<'a> {
    let mut found = Gathered {
        streams: vec![Vec::new()],
        ..Gathered::default()
    };
    let mut words: Vec<(u32, &SignalId, Word)> = Vec::new();
    let mut line = 0;
    for signal in signals {
        if signal.source == Source::Claim || matches!(signal.kind, Kind::Attested) {
            continue;
        }
        if !all && !plan.rules.sources.contains(&signal.source) {
            found.has_refused = true;
            continue;
        }
        match &signal.kind {
            Kind::Heartbeat => {
                let Some(place) = place(plan, rooms, signal) else {
                    continue;
                };
                line = found.line(line, place, signal);
                found.lines[line].beats.push((signal.at, signal));
            }
            Kind::Crossing { .. } => found.add_crossing(plan, signal),
            Kind::Poll { poll } => {
                if let Some(place) = place(plan, rooms, signal) {
                    found.polls.push(Answered {
                        place,
                        poll,
                        at: signal.at,
                        signal,
                    });
                }
            }
            Kind::Confirmed | Kind::Denied => {
                let word = if matches!(signal.kind, Kind::Denied) {
                    Word::Denied
                } else {
                    Word::Confirmed
                };
                let session = signal.session.as_ref().and_then(|id| plan.session(id));
                words.extend(session.map(|session| (session, &signal.id, word)));
            }
            Kind::Attested => {}
        }
    }
    found.put_in_order();
    let gap_ms = i64::from(plan.rules.heartbeat_max_gap_s) * 1_000;
    for line in &mut found.lines {
        line.find_runs(gap_ms, &mut found.runs);
    }
    found.words = said(words);
    found
}

/// Where a signal without an order is: at the session it names; else in the first of its rooms in which a session is on, or
/// the first of all.
fn place<'a>(plan: &Plan<'_>, rooms: &mut Rooms<'_, 'a>, signal: &'a Signal) -> Option<Place> {
    if let Some(id) = &signal.session {
        return plan.session(id).map(Place::Session);
    }
    let mut numbers = signal.rooms.iter().map(|room| rooms.number(room));
    let first = numbers.next()?;
    if signal.rooms.len() == 1 || plan.is_on(first, signal.at.earliest) {
        return Some(Place::Room(first));
    }
    let on = numbers.find(|room| plan.is_on(*room, signal.at.earliest));
    Some(Place::Room(on.unwrap_or(first)))
}

impl<'a> Gathered<'a> {
    /// Platforms' streams and lines of heartbeats by the least ids of their signals, in whatever order these were given.
    fn put_in_order(&mut self) {
        if self.streams.len() > 2 {
            let first = |stream: &Vec<(&'a Signal, Option<Place>)>| {
                stream.iter().map(|(signal, _)| &signal.id).min()
            };
            self.streams[1..].sort_by_cached_key(first);
        }
        if self.lines.len() > 1 {
            let first = |line: &Line<'a>| line.beats.iter().map(|(_, signal)| &signal.id).min();
            self.lines.sort_by_cached_key(first);
        }
    }

    fn add_crossing(&mut self, plan: &Plan<'_>, signal: &'a Signal) {
        let is_platform = signal.source == Source::Platform;
        let place = match &signal.session {
            // A person or a door that names a session means its room.
            Some(_) if !is_platform && !signal.rooms.is_empty() => None,
            Some(id) => {
                let Some(session) = plan.session(id) else {
                    return;
                };
                let room = &plan.sessions[session as usize].session.room;
                match plan.number(room) {
                    Some(room) if !is_platform => Some(Place::Room(room)),
                    _ => Some(Place::Session(session)),
                }
            }
            None if signal.rooms.is_empty() => return,
            None => None,
        };
        let stream = if is_platform {
            let is_mine = |stream: &Vec<(&Signal, Option<Place>)>| {
                stream.first().is_some_and(|(first, at)| {
                    first.device == signal.device
                        && *at == place
                        && (place.is_some() || first.rooms == signal.rooms)
                })
            };
            let others = self.streams.iter().skip(1);
            let mine = others.rev().position(is_mine);
            mine.map_or(self.streams.len(), |back| self.streams.len() - 1 - back)
        } else {
            0
        };
        match self.streams.get_mut(stream) {
            Some(stream) => stream.push((signal, place)),
            None => self.streams.push(vec![(signal, place)]),
        }
    }

    /// The number of the line of a heartbeat, the last one's being `last`.
    fn line(&mut self, last: usize, place: Place, signal: &'a Signal) -> usize {
        let is_mine = |line: &Line<'_>| {
            line.place == place
                && line.source == signal.source
                && match (line.device, &signal.device) {
                    (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
                    (None, None) => true,
                    _ => false,
                }
        };
        if self.lines.get(last).is_some_and(is_mine) {
            return last;
        }
        self.lines.iter().position(is_mine).unwrap_or_else(|| {
            self.lines.push(Line {
                place,
                source: signal.source,
                device: signal.device.as_ref(),
                beats: Vec::new(),
            });
            self.lines.len() - 1
        })
    }
}

impl<'a> Line<'a> {
    /// Adds the runs of its heartbeats: what is connected for certain, and what may be.
    fn find_runs(&mut self, gap_ms: i64, runs: &mut Vec<Run<'a>>) {
        let key = |(at, signal): &(Interval, &'a Signal)| (*at, &signal.id);
        if !self.beats.is_sorted_by(|a, b| key(a) <= key(b)) {
            self.beats.sort_by(|a, b| key(a).cmp(&key(b)));
        }
        let mut begin = 0;
        while begin < self.beats.len() {
            let mut latest = self.beats[begin].0.latest;
            let mut end = begin + 1;
            while let Some((at, _)) = self.beats.get(end)
                && at.earliest.0.saturating_sub(latest.0) <= gap_ms
            {
                latest = latest.max(at.latest);
                end += 1;
            }
            self.add_run(begin, end, gap_ms, runs);
            begin = end;
        }
    }

    /// Adds what beats that may all be connected show.
    fn add_run(&self, begin: usize, end: usize, gap_ms: i64, runs: &mut Vec<Run<'a>>) {
        let beats = &self.beats[begin..end];
        let mut certain = Vec::new();
        let mut from = 0;
        for next in 1..=beats.len() {
            let is_certain = |(a, b): (Interval, Interval)| {
                let span_ms = a.latest.max(b.latest).0.saturating_sub(a.earliest.0);
                span_ms <= gap_ms
            };
            let pair = beats.get(next).map(|beat| (beats[next - 1].0, beat.0));
            if !pair.is_some_and(is_certain) {
                certain.push((from, next));
                from = next;
            }
        }
        if certain.len() > 1 {
            runs.extend(self.run(beats, false));
        }
        for (from, to) in certain {
            runs.extend(self.run(&beats[from..to], true));
        }
    }

    /// What connected beats show; one alone shows nothing.
    fn run(&self, beats: &[(Interval, &'a Signal)], is_certain: bool) -> Option<Run<'a>> {
        let (first, last) = (beats.first()?, beats.last()?);
        if beats.len() < 2 {
            return None;
        }
        let over = |pick: fn(&Interval) -> UtcMs| beats.iter().map(move |(at, _)| pick(at));
        let most = Window::new(first.0.earliest, over(|at| at.latest).max()?)?;
        let least = Window::new(over(|at| at.latest).min()?, over(|at| at.earliest).max()?);
        Some(Run {
            place: self.place,
            source: self.source,
            first: first.1,
            last: last.1,
            least: least.filter(|_| is_certain),
            most,
        })
    }
}

/// The last word on each session, by id. The words of several logs have no order: they agree or are disputed.
fn said(mut words: Vec<(u32, &SignalId, Word)>) -> Vec<(u32, Said)> {
    words.sort_unstable();
    let mut last: Vec<(u32, &SignalId, Word)> = Vec::new();
    for word in words {
        match last.last_mut() {
            Some(before) if before.0 == word.0 && before.1.log == word.1.log => *before = word,
            _ => last.push(word),
        }
    }
    let mut said: Vec<(u32, Said)> = Vec::new();
    for (session, _, word) in last {
        match said.last_mut() {
            Some((before, said)) if *before == session => {
                if *said != Said::Word(word) {
                    *said = Said::Disputed;
                }
            }
            _ => said.push((session, Said::Word(word))),
        }
    }
    said
}
