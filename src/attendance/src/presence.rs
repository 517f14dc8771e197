//! Signals into stays: what one attendee's scans say of each room.
//!
//! Contract: presence is per room. Every end of a [`Stay`] says whether it was observed or inferred and by which policy;
//! an end that nothing shows is `Missing`, and only [`crate::eligibility`] may put a policy's time in its place, since
//! that depends on the session. Signals are taken in the order that a reading gives them ([`crate::readings`]): here nothing
//! is sorted, and no interval is looked into.

use std::collections::BTreeMap;

use crate::agenda::Programme;
use crate::rules::{InElsewhere, RepeatedOut, RuleSet};
use crate::time::{Interval, UtcMs};
use crate::words::{Direction, RoomId, Signal, SignalId, Source};

/// One end of a stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A signal shows it.
    Observed {
        /// When.
        at: Interval,
        /// The signal.
        signal: SignalId,
    },
    /// A policy puts it there.
    Inferred {
        /// When.
        at: Interval,
        /// The policy, as rule sets name it.
        policy: &'static str,
        /// The signal it leans on, where there is one.
        signal: Option<SignalId>,
    },
    /// Nothing shows it.
    Missing,
}

impl End {
    /// When, where that is known.
    pub fn at(&self) -> Option<Interval> {
        match self {
            Self::Observed { at, .. } | Self::Inferred { at, .. } => Some(*at),
            Self::Missing => None,
        }
    }

    /// The signal behind it, where there is one.
    pub fn signal(&self) -> Option<&SignalId> {
        match self {
            Self::Observed { signal, .. } => Some(signal),
            Self::Inferred { signal, .. } => signal.as_ref(),
            Self::Missing => None,
        }
    }
}

/// One stretch in one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Where.
    pub room: RoomId,
    /// What kind of source saw it begin, or end where nothing shows a beginning.
    pub source: Source,
    /// From when.
    pub start: End,
    /// Until when.
    pub end: End,
}

/// A signal as one reading of the day takes it: see [`crate::readings`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken<'a> {
    /// The signal.
    pub signal: &'a Signal,
    /// Where the reading puts it; nothing that matters to the order of a day lies between this instant and the true one.
    pub placed: UtcMs,
    /// Which way the reading lets it go.
    pub direction: Direction,
    /// The room that the reading gives an ambiguous signal; its own where none is said.
    pub room: Option<&'a RoomId>,
}

/// A signal where it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Where.
    pub room: RoomId,
    /// Where the reading puts it.
    pub placed: UtcMs,
    /// When.
    pub at: Interval,
    /// The signal.
    pub signal: SignalId,
}

/// A stay, and which of the signals seen are its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The stay.
    pub stay: Stay,
    /// The signal that begins it, by its number among those seen.
    pub start: Option<usize>,
    /// The signal that ends it.
    pub end: Option<usize>,
}

/// All that an attendee's signals say in one reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presence {
    /// The stays, in the order in which they began to be known.
    pub stays: Vec<Known>,
    /// Where and when the attendee was seen at all, in order.
    pub seen: Vec<Seen>,
}

/// Adds one attendee's signals up to stays, in the order in which they are given.
pub(crate) fn presence(rules: &RuleSet, programme: &Programme, signals: &[Taken<'_>]) -> Presence {
    let mut found = Presence::default();
    // The stay that is open in each room, and the last one that a check-out ended there.
    let mut open: BTreeMap<RoomId, usize> = BTreeMap::new();
    let mut ended: BTreeMap<RoomId, usize> = BTreeMap::new();
    for taken in signals {
        let signal = taken.signal;
        let Some(room) = taken.room.or_else(|| room_of(programme, taken)).cloned() else {
            continue;
        };
        let number = found.seen.len();
        found.seen.push(Seen {
            room: room.clone(),
            placed: taken.placed,
            at: signal.at,
            signal: signal.id.clone(),
        });
        let here = End::Observed {
            at: signal.at,
            signal: signal.id.clone(),
        };
        match taken.direction {
            Direction::Seen => {}
            Direction::In => {
                if rules.in_elsewhere == InElsewhere::ClosesPrevious {
                    let elsewhere: Vec<RoomId> =
                        open.keys().filter(|r| **r != room).cloned().collect();
                    for other in elsewhere {
                        if let Some(stay) = open.remove(&other) {
                            let inferred = End::Inferred {
                                at: signal.at,
                                policy: InElsewhere::ClosesPrevious.as_str(),
                                signal: Some(signal.id.clone()),
                            };
                            found.end(stay, inferred, number);
                        }
                    }
                }
                ended.remove(&room);
                if !open.contains_key(&room) {
                    open.insert(room.clone(), found.stays.len());
                    found.stays.push(Known {
                        stay: Stay {
                            room,
                            source: signal.source,
                            start: here,
                            end: End::Missing,
                        },
                        start: Some(number),
                        end: None,
                    });
                }
            }
            Direction::Out => {
                if let Some(stay) = open.remove(&room) {
                    found.end(stay, here, number);
                    ended.insert(room, stay);
                } else if let Some(stay) = ended.get(&room) {
                    if rules.repeated_out == RepeatedOut::Last {
                        found.end(*stay, here, number);
                    }
                } else {
                    ended.insert(room.clone(), found.stays.len());
                    found.stays.push(Known {
                        stay: Stay {
                            room,
                            source: signal.source,
                            start: End::Missing,
                            end: here,
                        },
                        start: None,
                        end: Some(number),
                    });
                }
            }
        }
    }
    found
}

impl Presence {
    fn end(&mut self, stay: usize, end: End, signal: usize) {
        self.stays[stay].stay.end = end;
        self.stays[stay].end = Some(signal);
    }
}

/// The rooms of a signal in which a session is on where the reading puts it, in the order of its door's rooms.
pub(crate) fn rooms_on<'a>(
    programme: &Programme,
    signal: &'a Signal,
    placed: UtcMs,
) -> impl Iterator<Item = &'a RoomId> {
    signal.rooms.iter().filter(move |room| {
        let mut sessions = programme.sessions.iter();
        sessions.any(|s| s.room == **room && s.scheduled.holds(placed))
    })
}

/// The one room of a signal: the door's only one, else the one where a session is on, else the first of the door's.
fn room_of<'a>(programme: &Programme, taken: &Taken<'a>) -> Option<&'a RoomId> {
    let signal: &'a Signal = taken.signal;
    let first = signal.rooms.first()?;
    if signal.rooms.len() == 1 {
        return Some(first);
    }
    let mut on = rooms_on(programme, signal, taken.placed);
    Some(on.next().unwrap_or(first))
}
