//! The readings of a day: every way in which one attendee's crossings can have happened.
//!
//! Contract: a signal's interval says when it was, and its log says what came before it; both are certain, and nothing else
//! is. Crossings fall into **streams** that say nothing of each other: those of doors and people are one, those of each
//! device of a platform at one place another. A **reading** gives every crossing of a stream a place in one order, an
//! instant, a direction and a room:
//!
//! - *Order.* The signals of one log that are entries themselves stand in the order of their indices. Between logs, and among
//!   the rows of an object, any order is possible for which true times can be found within the intervals.
//! - *Instant.* What a stay comes to turns at the instants at which a session that its room serves begins or ends. These cut
//!   an interval into pieces; a piece is named by its first instant.
//! - *Direction.* The told one; of a toggled signal the opposite as well.
//! - *Room.* The one that its instant gives it; where sessions are on in several rooms of its door, any of the door's.
//!
//! The reading to begin with has the least instants in their order, ties by id, and directions as told. A reading of the day
//! is one of each stream. A decision is certain only if all of them come to the same, so what really happened, being one of
//! them, comes to it too. A day without overlaps within a stream has one reading, and costs nothing more. At most
//! [`MAX_READINGS`] are tried. Heartbeats, polls and what people say of a session have no place in a reading.

use crate::eligibility::plan::{Place, Plan, Rooms};
use crate::time::UtcMs;
use crate::words::{Direction, Signal};

/// How many readings of a day are tried. A day that has more is for a person.
pub const MAX_READINGS: usize = 1_024;

/// A signal as one reading of the day takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken<'a> {
    /// The signal.
    pub(crate) signal: &'a Signal,
    /// Where the reading puts it; nothing that matters to the order of a day lies between this instant and the true one.
    pub(crate) placed: UtcMs,
    /// Which way the reading lets it go.
    pub(crate) direction: Direction,
    /// Where the reading has it.
    pub(crate) place: Place,
}

/// The signals of each stream, in the order of the reading.
pub(crate) type Reading<'a> = Vec<Vec<Taken<'a>>>;

/// A crossing with all that is certain of its time.
#[derive(Debug)]
struct Chance<'a> {
    signal: &'a Signal,
    /// Where it can have been, in the order of its door; never empty.
    places: Places,
    /// The latest instant at which it can have been, given what its log holds after it.
    latest: UtcMs,
    /// The earliest, given its log.
    earliest: UtcMs,
    /// The first instants of its further pieces, rising.
    turns: Vec<UtcMs>,
}

#[derive(Debug)]
enum Places {
    One(Place),
    Many(Vec<u32>),
}

impl<'a> Chance<'a> {
    fn pieces(&self) -> usize {
        self.turns.len() + 1
    }

    fn instant(&self, piece: usize) -> UtcMs {
        piece
            .checked_sub(1)
            .map_or(self.earliest, |turn| self.turns[turn])
    }

    /// The last instant of a piece.
    fn piece_end(&self, piece: usize) -> UtcMs {
        self.turns
            .get(piece)
            .map_or(self.latest, |next| next.plus_ms(-1))
    }

    fn taken(&self, plan: &Plan<'_>, piece: usize) -> Taken<'a> {
        let placed = self.instant(piece);
        let place = match &self.places {
            Places::One(place) => *place,
            Places::Many(rooms) => {
                let on = rooms.iter().find(|room| plan.is_on(**room, placed));
                Place::Room(*on.unwrap_or(&rooms[0]))
            }
        };
        Taken {
            signal: self.signal,
            placed,
            direction: self.signal.direction(),
            place,
        }
    }

    /// The ways in which it can be read where it is placed, the told one first.
    fn others(&self, plan: &Plan<'_>, taken: &Taken<'a>) -> Vec<Taken<'a>> {
        let opposite = match self.signal.direction() {
            Direction::In => Some(Direction::Out),
            Direction::Out => Some(Direction::In),
            Direction::Seen => None,
        };
        let opposite = opposite.filter(|_| self.signal.is_toggled());
        let mut places = vec![taken.place];
        if let Places::Many(rooms) = &self.places {
            let on = rooms.iter().filter(|room| plan.is_on(**room, taken.placed));
            if on.count() > 1 {
                let others = rooms.iter().map(|room| Place::Room(*room));
                places.extend(others.filter(|place| *place != taken.place));
            }
        }
        let directions = std::iter::once(self.signal.direction()).chain(opposite);
        directions
            .flat_map(|direction| {
                places.iter().map(move |place| Taken {
                    direction,
                    place: *place,
                    ..*taken
                })
            })
            .collect()
    }
}

/// The crossings of one stream and how they can have followed each other.
#[derive(Debug)]
struct Stream<'a> {
    /// By earliest instant, then id.
    chances: Vec<Chance<'a>>,
    /// The chances of each log, by index; of each row alone.
    logs: Vec<Vec<usize>>,
    /// Whether a log's order contradicts its signals' intervals.
    is_contradictory: bool,
}

/// Whether two signals stand in an order of their log.
fn is_ordered(one: &Signal, other: &Signal) -> bool {
    one.id.row.is_none() && other.id.row.is_none() && one.id.log == other.id.log
}

impl<'a> Stream<'a> {
    /// From crossings in any order, each id counted once. Those that are nowhere are left out.
    fn new(
        plan: &Plan<'_>,
        rooms: &mut Rooms<'_, 'a>,
        mut signals: Vec<(&'a Signal, Option<Place>)>,
    ) -> Self {
        signals.sort_by(|(a, _), (b, _)| (&a.id, a.at).cmp(&(&b.id, b.at)));
        signals.dedup_by(|(next, _), (kept, _)| next.id == kept.id);
        let mut chances: Vec<Chance<'a>> = Vec::with_capacity(signals.len());
        let mut is_contradictory = false;
        let mut begin = 0;
        for (signal, place) in signals {
            let places = match (place, signal.rooms.as_slice()) {
                (Some(place), _) => Places::One(place),
                (None, []) => continue,
                (None, [room]) => Places::One(Place::Room(rooms.number(room))),
                (None, many) => Places::Many(many.iter().map(|room| rooms.number(room)).collect()),
            };
            let mut earliest = signal.at.earliest;
            match chances.last() {
                Some(before) if is_ordered(before.signal, signal) => {
                    earliest = earliest.max(before.earliest);
                }
                _ => {
                    is_contradictory |= bound(&mut chances[begin..]);
                    begin = chances.len();
                }
            }
            chances.push(Chance {
                signal,
                places,
                latest: signal.at.latest,
                earliest,
                turns: Vec::new(),
            });
        }
        is_contradictory |= bound(&mut chances[begin..]);
        for chance in &mut chances {
            if chance.earliest < chance.latest {
                chance.find_turns(plan);
            }
        }
        let is_in_order = |pair: &[Chance<'_>]| pair[0].earliest < pair[1].earliest;
        if !chances.windows(2).all(is_in_order) {
            chances.sort_by(|a, b| (a.earliest, &a.signal.id).cmp(&(b.earliest, &b.signal.id)));
        }
        Self {
            chances,
            logs: Vec::new(),
            is_contradictory,
        }
    }

    /// The chances of each log by number: what is gone through only where there are several orders or pieces.
    fn find_logs(&mut self) {
        if self.is_plain() || !self.logs.is_empty() {
            return;
        }
        let mut logs: Vec<Vec<usize>> = Vec::new();
        for (number, chance) in self.chances.iter().enumerate() {
            let mine = logs.iter_mut().find(|log| {
                let last = log.last().map(|last| &self.chances[*last]);
                last.is_some_and(|last| is_ordered(last.signal, chance.signal))
            });
            match mine {
                Some(log) => log.push(number),
                None => logs.push(vec![number]),
            }
        }
        for log in &mut logs {
            log.sort_by_key(|number| self.chances[*number].signal.id.index);
        }
        self.logs = logs;
    }

    /// The reading to begin with.
    fn told(&self, plan: &Plan<'_>) -> Vec<Taken<'a>> {
        let first = |chance: &Chance<'a>| chance.taken(plan, 0);
        self.chances.iter().map(first).collect()
    }

    /// Whether there is but one order and every signal lies in one piece.
    fn is_plain(&self) -> bool {
        let follows = |pair: &[Chance<'_>]| {
            is_ordered(pair[0].signal, pair[1].signal) || pair[0].latest < pair[1].earliest
        };
        self.chances.iter().all(|chance| chance.turns.is_empty())
            && self.chances.windows(2).all(follows)
    }

    /// Every order and every choice of pieces for which true times can be found, [`Self::told`] first, as numbers of chances and
    /// pieces. `None` where there are more than [`MAX_READINGS`], or none since a log contradicts itself.
    fn orders(&mut self) -> Option<Vec<Vec<(usize, usize)>>> {
        if self.is_contradictory {
            return None;
        }
        if self.is_plain() {
            return Some(vec![
                (0..self.chances.len()).map(|number| (number, 0)).collect(),
            ]);
        }
        self.find_logs();
        let mut found = Vec::new();
        // What of each log was taken, the signals taken so far, since when the next ones must have been, and what could
        // come at each step and was not tried yet.
        let mut next = vec![0_usize; self.logs.len()];
        let mut taken: Vec<(usize, usize)> = Vec::with_capacity(self.chances.len());
        let mut steps: Vec<Step> = Vec::new();
        let mut open = vec![self.options(&next, UtcMs(i64::MIN))];
        while let Some(options) = open.last_mut() {
            let Some(step) = options.pop() else {
                open.pop();
                if let Some(back) = steps.pop() {
                    next[back.log] -= 1;
                    taken.pop();
                }
                continue;
            };
            taken.push((self.logs[step.log][next[step.log]], step.piece));
            next[step.log] += 1;
            if taken.len() == self.chances.len() {
                if found.len() == MAX_READINGS {
                    return None;
                }
                found.push(taken.clone());
                next[step.log] -= 1;
                taken.pop();
            } else {
                open.push(self.options(&next, step.reached));
                steps.push(step);
            }
        }
        Some(found)
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
            for piece in 0..chance.pieces() {
                let reached = reached.max(chance.instant(piece));
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

impl Chance<'_> {
    fn find_turns(&mut self, plan: &Plan<'_>) {
        let (from, to) = (self.earliest, self.latest);
        match &self.places {
            Places::One(place) => plan.turns(*place, from, to, &mut self.turns),
            Places::Many(rooms) => {
                for room in rooms {
                    plan.turns(Place::Room(*room), from, to, &mut self.turns);
                }
            }
        }
        self.turns.sort_unstable();
        self.turns.dedup();
    }
}

/// Bounds the signals of one log by those that come after. Says whether some cannot have been at all.
fn bound(log: &mut [Chance<'_>]) -> bool {
    let mut latest = UtcMs(i64::MAX);
    let mut is_contradictory = false;
    for chance in log.iter_mut().rev() {
        latest = latest.min(chance.latest);
        chance.latest = latest;
        is_contradictory |= latest < chance.earliest;
    }
    is_contradictory
}

/// One signal taken: the next of a log, in one of its pieces.
#[derive(Clone, Copy, Debug)]
struct Step {
    log: usize,
    piece: usize,
    /// No signal after it can have been before this.
    reached: UtcMs,
}

/// What tells a reading from the one to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Orders and instants alone.
    Time,
    /// Directions or rooms.
    Choice,
}

/// Which readings were all gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Visited {
    /// Those with directions and rooms as told.
    pub(crate) by_time: bool,
    /// All others.
    pub(crate) by_choice: bool,
}

/// One attendee's crossings, stream by stream.
#[derive(Debug)]
pub(crate) struct Day<'a> {
    streams: Vec<Stream<'a>>,
}

impl<'a> Day<'a> {
    /// From the crossings of each stream, with their places where their rooms do not say them.
    pub(crate) fn new(
        plan: &Plan<'_>,
        rooms: &mut Rooms<'_, 'a>,
        streams: Vec<Vec<(&'a Signal, Option<Place>)>>,
    ) -> Self {
        let streams = streams.into_iter();
        Self {
            streams: streams
                .map(|signals| Stream::new(plan, rooms, signals))
                .collect(),
        }
    }

    /// The reading to begin with.
    pub(crate) fn told(&self, plan: &Plan<'_>) -> Reading<'a> {
        self.streams
            .iter()
            .map(|stream| stream.told(plan))
            .collect()
    }

    /// Whether there is only one reading.
    pub(crate) fn is_plain(&self) -> bool {
        let is_single = |stream: &Stream<'_>| {
            let has_one = |chance: &Chance<'_>| {
                !chance.signal.is_toggled() && matches!(chance.places, Places::One(_))
            };
            !stream.is_contradictory && stream.is_plain() && stream.chances.iter().all(has_one)
        };
        self.streams.iter().all(is_single)
    }

    /// Goes through all readings but [`Self::told`]: those of every order and every instants with directions and rooms as told,
    /// then those of every other choice of directions and rooms. Says which of both were gone through: not where there are too
    /// many or, since a log contradicts itself, none.
    pub(crate) fn each(
        &mut self,
        plan: &Plan<'_>,
        mut visit: impl FnMut(&Reading<'a>, By),
    ) -> Visited {
        let none = Visited {
            by_time: false,
            by_choice: false,
        };
        let orders: Option<Vec<_>> = self.streams.iter_mut().map(Stream::orders).collect();
        let Some(orders) = orders else {
            return none;
        };
        let total = orders.iter().try_fold(1_usize, |product, orders| {
            product
                .checked_mul(orders.len())
                .filter(|n| *n <= MAX_READINGS)
        });
        let Some(total) = total else {
            return none;
        };
        let counts: Vec<usize> = orders.iter().map(Vec::len).collect();
        for number in 1..total {
            let reading = self.reading(plan, &orders, &turn(&counts, number));
            visit(&reading, By::Time);
        }
        let mut tried = 0;
        for number in 0..total {
            let turn = turn(&counts, number);
            let reading = self.reading(plan, &orders, &turn);
            let mut by_choice = |reading: &Reading<'a>| visit(reading, By::Choice);
            if !self.choices(plan, &orders, &turn, &reading, &mut tried, &mut by_choice) {
                return Visited {
                    by_time: true,
                    by_choice: false,
                };
            }
        }
        Visited {
            by_time: true,
            by_choice: true,
        }
    }

    fn reading(
        &self,
        plan: &Plan<'_>,
        orders: &[Vec<Vec<(usize, usize)>>],
        turn: &[usize],
    ) -> Reading<'a> {
        let each = self.streams.iter().zip(orders).zip(turn);
        each.map(|((stream, orders), turn)| {
            let taken = orders[*turn].iter();
            taken
                .map(|(number, piece)| stream.chances[*number].taken(plan, *piece))
                .collect()
        })
        .collect()
    }

    fn choices(
        &self,
        plan: &Plan<'_>,
        orders: &[Vec<Vec<(usize, usize)>>],
        turn: &[usize],
        reading: &Reading<'a>,
        tried: &mut usize,
        by_choice: &mut impl FnMut(&Reading<'a>),
    ) -> bool {
        let mut choices = Vec::new();
        for (stream, taken) in reading.iter().enumerate() {
            for (at, taken) in taken.iter().enumerate() {
                let (number, _) = orders[stream][turn[stream]][at];
                let others = self.streams[stream].chances[number].others(plan, taken);
                if others.len() > 1 {
                    choices.push((stream, at, others));
                }
            }
        }
        let counts: Option<usize> = choices.iter().try_fold(1_usize, |product, (_, _, others)| {
            product
                .checked_mul(others.len())
                .filter(|n| *n <= MAX_READINGS)
        });
        let Some(total) = counts else {
            return false;
        };
        *tried += total;
        if *tried > MAX_READINGS {
            return false;
        }
        let counts: Vec<usize> = choices.iter().map(|(_, _, others)| others.len()).collect();
        let mut turned = reading.clone();
        for number in 1..total {
            for ((stream, at, others), turn) in choices.iter().zip(self::turn(&counts, number)) {
                turned[*stream][*at] = others[turn];
            }
            by_choice(&turned);
        }
        true
    }
}

/// The `number`-th combination of one of each so many.
fn turn(counts: &[usize], number: usize) -> Vec<usize> {
    let mut left = number;
    let digit = |count: &usize| {
        let digit = left % count;
        left /= count;
        digit
    };
    counts.iter().map(digit).collect()
}

#[cfg(test)]
#[path = "readings_tests.rs"]
mod tests;
