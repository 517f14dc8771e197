//! The provisional decision: the issuer's rule on what this door knows, and the line that the attendee is told.
//!
//! Promises: what goes into the journal can be made again from the journal: the door's scans of the attendee, the issuer's word as their
//! priors state it ([`protocol::told::from_prior`]), the bundle in force. What is shown is left out where it would not be honest: where
//! the time of the scan is unknown, where the issuer's word has no time, and where two scans into a room that has other doors say that
//! they left by one of those.

use std::sync::Arc;

use attendance::time::{Interval, Stamp};
use attendance::words::{Direction, DirectionSource, Signal, SignalId};
use attendance::{Decision, Evidence, Known, UtcMs, decide};
use protocol::entry::{Prior, Provisional};

use super::board::Credited;
use super::outlook::Outlook;
use super::people::{Knowledge, Who, signal};
use super::roster::Listed;
use super::{Door, TELLING_WIDTH_MS, told_time};
use crate::screen::view;

/// The most programmes one scan gives a provisional decision for; an entry has to hold them.
const PROVISIONAL_MAX: usize = 4;
/// What follows a log in the name of the leaving that has not happened yet.
const AHEAD: &str = "/ahead";

/// A scan that counts, on its way to its decision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counting<'a> {
    pub(super) who: Who<'a>,
    pub(super) listed: &'a Listed,
    pub(super) stamp: &'a Stamp,
    pub(super) at: Interval,
    pub(super) way: (Direction, DirectionSource),
    pub(super) prior: &'a Prior,
}

impl Door {
    /// The same rule as the issuer's, on what this door knows of the attendee, this scan included.
    pub(super) fn provisional(
        &self,
        scan: Counting<'_>,
    ) -> (Vec<Provisional>, Option<view::Provisional>) {
        let Some(knowledge) = self.known(scan) else {
            return (Vec::new(), None);
        };
        let now = told_time(scan.at, scan.stamp);
        let mut all = Vec::new();
        let mut shown = None;
        for credited in self.board.credited_at(scan.at).take(PROVISIONAL_MAX) {
            let made = decision(credited, scan.listed, &knowledge.signals, now);
            if all.is_empty() && scan.at.width_ms() <= TELLING_WIDTH_MS {
                shown = self.line(credited, scan, &knowledge, &made);
            }
            all.push(Provisional {
                programme: credited.programme.id.clone(),
                outcome: made.outcome,
                credits: made.credits,
                reason: made.reason,
                present_ms: made.parts.iter().map(|part| part.least_ms).sum(),
                scheduled_ms: credited.begun_ms(now),
                rules: made.rules,
                engine: made.engine.to_owned(),
            });
        }
        (all, shown)
    }

    /// All that this door knows of the attendee; `None` where that is more than is decided on here.
    fn known(&self, scan: Counting<'_>) -> Option<Knowledge> {
        let log = &self.owner.log;
        let mut knowledge = self.people.knowledge(scan.who, log, &self.clock)?;
        let own: Vec<Signal> = own(&knowledge, log).cloned().collect();
        let rooms = &self.board.rooms;
        knowledge.hear(log, &own, self.next, scan.prior, (rooms, scan.at));
        let placed = self.clock.place(self.next, scan.stamp);
        let (direction, source) = scan.way;
        knowledge.signals.push(Signal {
            rooms: rooms.clone(),
            ..signal(log, self.next, scan.stamp, placed, direction, source)
        });
        Some(knowledge)
    }

    fn line(
        &self,
        credited: &Credited,
        scan: Counting<'_>,
        knowledge: &Knowledge,
        made: &Decision,
    ) -> Option<view::Provisional> {
        let (direction, _) = scan.way;
        let here = credited.session_at(&self.board.rooms, made.now, direction);
        if let Some((_, window)) = here
            && self.is_torn(knowledge, window.start)
        {
            return None;
        }
        let ahead = here.filter(|(_, window)| direction == Direction::In && made.now < window.end);
        let stayed = ahead.map(|(session, window)| {
            let mut signals = knowledge.signals.clone();
            let leaving = self.leaving(scan.stamp, window.end);
            signals.push(Signal {
                rooms: vec![session.room.clone()],
                ..leaving
            });
            decision(credited, scan.listed, &signals, window.end)
        });
        let outlook = Outlook {
            decision: made,
            stayed: stayed.as_ref(),
            session: here.map(|(session, _)| &session.id),
            is_whole: !knowledge.has_gap,
        };
        outlook.line()
    }

    /// A check-out at that time, seen by nobody's clock.
    fn leaving(&self, stamp: &Stamp, at: UtcMs) -> Signal {
        let placed = self.clock.place(self.next, stamp);
        let way = (Direction::Out, DirectionSource::Reader);
        let seen = signal(&self.owner.log, self.next, stamp, placed, way.0, way.1);
        Signal {
            id: SignalId {
                log: format!("{}{AHEAD}", self.owner.log).into(),
                ..seen.id
            },
            at: Interval::exactly(at),
            tick: None,
            ..seen
        }
    }

    /// Whether the attendee left, since this session began, at a time that nobody here can know.
    fn is_torn(&self, knowledge: &Knowledge, since: UtcMs) -> bool {
        let undated = knowledge.undated.iter().any(|at| at.latest >= since);
        let log = &self.owner.log;
        let scans: Vec<&Signal> = own(knowledge, log).collect();
        let told = || knowledge.signals.iter().filter(|s| s.id.log != *log);
        let in_twice = scans.windows(2).any(|pair| {
            let (first, second) = (pair[0].at, pair[1].at);
            let is_in = |signal: &&Signal| signal.direction() == Direction::In;
            let is_told =
                || told().any(|s| first.latest < s.at.earliest && s.at.latest < second.earliest);
            second.latest >= since && pair.iter().all(is_in) && !is_told()
        });
        undated || (self.board.is_shared() && in_twice)
    }
}

/// The door's own scans among what it knows, in order.
fn own<'a>(knowledge: &'a Knowledge, log: &'a Arc<str>) -> impl Iterator<Item = &'a Signal> {
    let signals = knowledge.signals.iter();
    signals.filter(move |signal| signal.id.log == *log)
}

fn decision(credited: &Credited, listed: &Listed, signals: &[Signal], now: UtcMs) -> Decision {
    let known = Known {
        now,
        incomplete_doors: credited.other_doors.clone(),
    };
    let evidence = Evidence {
        signals,
        registration: Some(&listed.registration),
    };
    decide(&credited.rules, &credited.programme, evidence, &known)
}
