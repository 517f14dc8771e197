//! Signals into stays: what one attendee's scans say of each room.
//!
//! Contract: presence is per room. Every end of a [`Stay`] says whether it was observed or inferred and by which policy;
//! an end that nothing shows is `Missing`, and only [`crate::eligibility`] may put a policy's time in its place, since
//! that depends on the session. Signals are taken in the order of time, then log, then index.

use std::collections::BTreeMap;

use crate::agenda::Programme;
use crate::rules::{InElsewhere, RepeatedOut, RuleSet};
use crate::time::Interval;
use crate::words::{Direction, DirectionSource, RoomId, Signal, SignalId};

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
    /// From when.
    pub start: End,
    /// Until when.
    pub end: End,
}

/// All that an attendee's signals say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// The stays, in the order in which they began to be known.
    pub stays: Vec<Stay>,
    /// Signals that could be of more than one room where a session was on.
    pub ambiguous: Vec<SignalId>,
    /// Where and when the attendee was seen at all, in order of time.
    pub seen: Vec<(RoomId, Interval, SignalId)>,
    /// Signals whose direction was toggled.
    pub toggled: Vec<SignalId>,
}

/// Signals in the order presence takes them, each id once.
pub fn in_order(signals: &[Signal]) -> Vec<&Signal> {
    let mut sorted: Vec<&Signal> = signals.iter().collect();
    sorted.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let mut known = std::collections::BTreeSet::new();
    sorted.retain(|signal| known.insert(&signal.id));
    sorted
}

/// Adds one attendee's signals up to stays.
pub fn presence(rules: &RuleSet, programme: &Programme, signals: &[&Signal]) -> Presence {
    let mut found = Presence::default();
    // The stay that is open in each room, and the last one that a check-out ended there.
    let mut open: BTreeMap<RoomId, usize> = BTreeMap::new();
    let mut ended: BTreeMap<RoomId, usize> = BTreeMap::new();
    for signal in signals {
        let Some(room) = room_of(programme, signal, &mut found.ambiguous) else {
            continue;
        };
        found
            .seen
            .push((room.clone(), signal.at, signal.id.clone()));
        if signal.direction_source == DirectionSource::Toggled {
            found.toggled.push(signal.id.clone());
        }
        let here = End::Observed {
            at: signal.at,
            signal: signal.id.clone(),
        };
        match signal.direction {
            Direction::Seen => {}
            Direction::In => {
                if rules.in_elsewhere == InElsewhere::ClosesPrevious {
                    let elsewhere: Vec<RoomId> =
                        open.keys().filter(|r| **r != room).cloned().collect();
                    for other in elsewhere {
                        if let Some(stay) = open.remove(&other) {
                            found.stays[stay].end = End::Inferred {
                                at: signal.at,
                                policy: InElsewhere::ClosesPrevious.as_str(),
                                signal: Some(signal.id.clone()),
                            };
                        }
                    }
                }
                ended.remove(&room);
                if !open.contains_key(&room) {
                    open.insert(room.clone(), found.stays.len());
                    found.stays.push(Stay {
                        room,
                        start: here,
                        end: End::Missing,
                    });
                }
            }
            Direction::Out => {
                if let Some(stay) = open.remove(&room) {
                    found.stays[stay].end = here;
                    ended.insert(room, stay);
                } else if let Some(stay) = ended.get(&room) {
                    if rules.repeated_out == RepeatedOut::Last {
                        found.stays[*stay].end = here;
                    }
                } else {
                    ended.insert(room.clone(), found.stays.len());
                    found.stays.push(Stay {
                        room,
                        start: End::Missing,
                        end: here,
                    });
                }
            }
        }
    }
    found
}

/// The one room of a signal: the door's only one, else the one where a session is on, else the first of the door's.
fn room_of(
    programme: &Programme,
    signal: &Signal,
    ambiguous: &mut Vec<SignalId>,
) -> Option<RoomId> {
    let first = signal.rooms.first()?;
    if signal.rooms.len() == 1 {
        return Some(first.clone());
    }
    let on = |room: &&RoomId| {
        programme.sessions.iter().any(|s| {
            s.room == **room
                && s.scheduled.start <= signal.at.latest
                && signal.at.earliest < s.scheduled.end
        })
    };
    let with_session: Vec<&RoomId> = signal.rooms.iter().filter(on).collect();
    if with_session.len() > 1 {
        ambiguous.push(signal.id.clone());
    }
    Some(with_session.first().map_or(first, |room| *room).clone())
}
