//! The readings of a day: every way in which one attendee's signals can have happened.
//!
//! Contract: a signal's interval says when it was, and its log says what came before it; both are certain, and nothing else
//! is. A **reading** gives every signal a place in one order, an instant, a direction and a room:
//!
//! - *Order.* The signals of one log stand in the order of their indices. Between logs any order is possible for which true
//!   times can be found within the intervals.
//! - *Instant.* What a stay comes to turns at the instants at which a session of its room begins or ends, and at which the
//!   registration begins or ends to hold. These cut an interval into pieces; a piece is named by its first instant.
//! - *Direction.* The told one; of a toggled signal the opposite as well.
//! - *Room.* The one that its instant gives it; where sessions are on in several rooms of its door, any of the door's.
//!
//! The reading to begin with has the least instants in their order, ties by log and index, and directions as told.
//! A decision is certain only if all readings come to the same, so what really happened, being one of them, comes to it too.
//! A day without overlaps across logs has one reading, and costs nothing more. At most [`MAX_READINGS`] are tried.

use std::collections::BTreeMap;

use crate::agenda::{Programme, Registration};
use crate::eligibility::window;
use crate::presence::{Taken, rooms_on};
use crate::rules::RuleSet;
use crate::time::UtcMs;
use crate::words::{Direction, RoomId, Signal};

/// How many readings of a day are tried. A day that has more is for a person.
pub const MAX_READINGS: usize = 1_024;

/// A signal with all that is certain of its time.
#[derive(Debug)]
struct Chance<'a> {
    signal: &'a Signal,
    /// The latest instant at which it can have been, given what its log holds after it.
    latest: UtcMs,
    /// The first instants of its pieces, rising. The first is the earliest at which it can have been, given its log.
    instants: Vec<UtcMs>,
}

impl Chance<'_> {
    fn earliest(&self) -> UtcMs {
        self.instants[0]
    }

    /// The last instant of a piece.
    fn piece_end(&self, piece: usize) -> UtcMs {
        self.instants
            .get(piece + 1)
            .map_or(self.latest, |next| next.plus_ms(-1))
    }
}

/// One attendee's signals and how they can have followed each other.
#[derive(Debug)]
pub(crate) struct Day<'a> {
    /// By earliest instant, then log, then index.
    chances: Vec<Chance<'a>>,
    /// The chances of each log, by index.
    logs: Vec<Vec<usize>>,
    /// Whether a log's order contradicts its signals' intervals.
    is_contradictory: bool,
}

impl<'a> Day<'a> {
    /// From signals in any order, each id counted once.
    pub(crate) fn new(
        rules: &RuleSet,
        programme: &Programme,
        registration: Option<&Registration>,
        signals: &'a [Signal],
    ) -> Self {
        let mut by_log: BTreeMap<&str, BTreeMap<u64, &Signal>> = BTreeMap::new();
        for signal in signals {
            let log = by_log.entry(&signal.id.log).or_default();
            let known = log.entry(signal.id.index).or_insert(signal);
            if signal.at < known.at {
                *known = signal;
            }
        }
        let turns = |signal: &Signal| turns(rules, programme, registration, signal);
        let mut is_contradictory = false;
        let mut chances = Vec::with_capacity(signals.len());
        for log in by_log.values() {
            let begin = chances.len();
            let mut earliest = UtcMs::DISTANT_PAST;
            for signal in log.values() {
                earliest = earliest.max(signal.at.earliest);
                chances.push(Chance {
                    signal,
                    latest: signal.at.latest,
                    instants: vec![earliest],
                });
            }
            let mut latest = UtcMs::DISTANT_FUTURE;
            for chance in chances[begin..].iter_mut().rev() {
                latest = latest.min(chance.latest);
                chance.latest = latest;
                is_contradictory |= latest < chance.earliest();
                let from = chance.earliest();
                let within = |at: &UtcMs| from < *at && *at <= latest;
                chance
                    .instants
                    .extend(turns(chance.signal).into_iter().filter(within));
                chance.instants.sort_unstable();
                chance.instants.dedup();
            }
        }
        chances.sort_by(|a, b| (a.earliest(), &a.signal.id).cmp(&(b.earliest(), &b.signal.id)));
        let mut logs: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (number, chance) in chances.iter().enumerate() {
            logs.entry(&chance.signal.id.log).or_default().push(number);
        }
        Self {
            logs: logs.into_values().collect(),
            chances,
            is_contradictory,
        }
    }

    /// The reading to begin with.
    pub(crate) fn told(&self) -> Vec<Taken<'a>> {
        let first = |chance: &Chance<'a>| chance.taken(0);
        self.chances.iter().map(first).collect()
    }

    /// Whether there is but one order and every signal lies in one piece.
    fn is_plain(&self) -> bool {
        let follows = |pair: &[Chance<'_>]| {
            pair[0].signal.id.log == pair[1].signal.id.log || pair[0].latest < pair[1].earliest()
        };
        self.chances.iter().all(|chance| chance.instants.len() == 1)
            && self.chances.windows(2).all(follows)
    }

    /// Whether something holds of every order and every instants, directions and rooms being as told. Does not ask about
    /// [`Self::told`]. Not where there are too many or, since a log contradicts itself, none.
    pub(crate) fn always(&self, mut holds: impl FnMut(&[Taken<'a>]) -> bool) -> bool {
        let mut tried = 0;
        self.each_time(|reading| {
            tried += 1;
            tried <= MAX_READINGS && (tried == 1 || holds(reading))
        })
    }

    /// Whether something holds of every reading, those of [`Self::always`] left out. Choices are those of signals of which
    /// `is_of_interest` says so. Not where there are too many or none.
    pub(crate) fn however(
        &self,
        programme: &Programme,
        is_of_interest: impl Fn(&Taken<'a>) -> bool,
        mut holds: impl FnMut(&[Taken<'a>]) -> bool,
    ) -> bool {
        let mut tried = 0;
        self.each_time(|reading| {
            let mut choices = Vec::new();
            for (number, taken) in reading.iter().enumerate() {
                let others = others(programme, taken);
                if others.len() > 1 && is_of_interest(taken) {
                    choices.push((number, others));
                }
            }
            let mut turn = vec![0_usize; choices.len()];
            let mut turned = reading.to_vec();
            loop {
                tried += 1;
                if tried > MAX_READINGS {
                    return false;
                }
                let Some(next) = (0..choices.len()).find(|at| turn[*at] + 1 < choices[*at].1.len())
                else {
                    return true;
                };
                turn[..next].fill(0);
                turn[next] += 1;
                for ((number, others), turn) in choices.iter().zip(&turn).take(next + 1) {
                    turned[*number] = others[*turn];
                }
                if !holds(&turned) {
                    return false;
                }
            }
        })
    }

    /// Goes through every order and every choice of pieces for which true times can be found, [`Self::told`] first, until
    /// `goes_on` says no. Says whether it came to an end; not where there is none.
    fn each_time(&self, mut goes_on: impl FnMut(&[Taken<'a>]) -> bool) -> bool {
        if self.is_contradictory {
            return false;
        }
        if self.is_plain() {
            return goes_on(&self.told());
        }
        // What of each log was taken, the signals taken so far, since when the next ones must have been, and what could
        // come at each step and was not tried yet.
        let mut next = vec![0_usize; self.logs.len()];
        let mut taken: Vec<Taken<'a>> = Vec::with_capacity(self.chances.len());
        let mut steps: Vec<Step> = Vec::new();
        let mut open = vec![self.options(&next, UtcMs::DISTANT_PAST)];
        while let Some(options) = open.last_mut() {
            let Some(step) = options.pop() else {
                open.pop();
                if let Some(back) = steps.pop() {
                    next[back.log] -= 1;
                    taken.pop();
                }
                continue;
            };
            let chance = &self.chances[self.logs[step.log][next[step.log]]];
            taken.push(chance.taken(step.piece));
            next[step.log] += 1;
            if taken.len() == self.chances.len() {
                if !goes_on(&taken) {
                    return false;
                }
                next[step.log] -= 1;
                taken.pop();
            } else {
                open.push(self.options(&next, step.reached));
                steps.push(step);
            }
        }
        true
    }

    /// What can come next after what was taken, the last first. Every one of them can be gone on from to an end.
    fn options(&self, next: &[usize], reached: UtcMs) -> Vec<Step> {
        let heads = self.logs.iter().zip(next).enumerate();
        let mut heads: Vec<(usize, usize)> = heads
            .filter_map(|(log, (chances, next))| Some((*chances.get(*next)?, log)))
            .collect();
        heads.sort_unstable();
        let latest = heads
            .iter()
            .map(|(head, _)| self.chances[*head].latest)
            .min();
        let mut options = Vec::new();
        for (head, log) in heads {
            let chance = &self.chances[head];
            for (piece, instant) in chance.instants.iter().enumerate() {
                let reached = reached.max(*instant);
                // Nothing that is left may have been before by its interval.
                if reached <= chance.piece_end(piece) && latest.is_some_and(|l| reached <= l) {
                    options.push(Step {
                        log,
                        piece,
                        reached,
                    });
                }
            }
        }
        options.reverse();
        options
    }
}

/// One signal taken: the next of a log, in one of its pieces.
#[derive(Clone, Copy, Debug)]
struct Step {
    log: usize,
    piece: usize,
    /// No signal after it can have been before this.
    reached: UtcMs,
}

impl<'a> Chance<'a> {
    fn taken(&self, piece: usize) -> Taken<'a> {
        Taken {
            signal: self.signal,
            placed: self.instants[piece],
            direction: self.signal.direction(),
            room: None,
        }
    }
}

/// The instants at which what a signal means can turn.
fn turns(
    rules: &RuleSet,
    programme: &Programme,
    registration: Option<&Registration>,
    signal: &Signal,
) -> Vec<UtcMs> {
    let mut found = Vec::new();
    for session in &programme.sessions {
        if signal.rooms.contains(&session.room) {
            for window in [session.scheduled, window(rules, session)] {
                found.extend([window.start, window.end]);
            }
        }
    }
    if let Some(registration) = registration {
        found.extend(registration.valid_from);
        found.extend(registration.valid_until);
    }
    found
}

/// The ways in which one signal can be read where it is placed, the told one first.
fn others<'a>(programme: &Programme, taken: &Taken<'a>) -> Vec<Taken<'a>> {
    let signal: &'a Signal = taken.signal;
    let opposite = match signal.direction() {
        Direction::In => Some(Direction::Out),
        Direction::Out => Some(Direction::In),
        Direction::Seen => None,
    };
    let opposite = opposite.filter(|_| signal.is_toggled() && !signal.rooms.is_empty());
    let mut on = rooms_on(programme, signal, taken.placed);
    let told: Option<&RoomId> = on.next().filter(|_| on.next().is_some());
    let rooms = signal
        .rooms
        .iter()
        .filter(|room| told.is_some_and(|told| told != *room))
        .map(Some);
    let rooms: Vec<Option<&RoomId>> = std::iter::once(None).chain(rooms).collect();
    let directions = std::iter::once(signal.direction()).chain(opposite);
    directions
        .flat_map(|direction| {
            rooms.iter().map(move |room| Taken {
                direction,
                room: *room,
                ..*taken
            })
        })
        .collect()
}
