//! Crossings into stays: what one attendee's signals say of each place.
//!
//! Contract: presence is per room, or per session where a platform names one. Every end of a [`Stay`] says whether it was
//! observed or inferred and by which policy; an end that nothing shows is `Missing`, and only [`crate::eligibility`] may put
//! a policy's time in its place, since that depends on the session. Signals are taken in the order that a reading gives them
//! ([`crate::readings`]): here nothing is sorted, and no interval is looked into.
//!
//! All doors of a room are alike, and so are those of the rooms that are a part of it: who leaves a hall has left its parts,
//! and who leaves a part has left the hall. A check-in in a part does not end the stay in the whole, nor the other way round.
//! Who came in by the hall's door and leaves by a part's was in that part at some time since: a stay there begins when nothing
//! shows, but not before that check-in ([`Since`]).

use crate::eligibility::plan::{Place, Plan};
use crate::readings::{Reading, Taken};
use crate::rules::{InElsewhere, RepeatedOut};
use crate::time::Interval;
use crate::words::{Direction, RoomId, SignalId, Source};

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

/// Where a stay begins or ends, by what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) at: Interval,
    /// The signal, by its number among those of its stream.
    pub(crate) signal: usize,
    /// The policy that put it there; none where it was observed.
    pub(crate) policy: Option<&'static str>,
}

/// A stay by the signals that show it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) place: Place,
    pub(crate) source: Source,
    /// The stream whose signals show it.
    pub(crate) stream: usize,
    pub(crate) start: Option<Edge>,
    pub(crate) end: Option<Edge>,
    /// What a beginning that nothing shows cannot have come before.
    pub(crate) since: Option<Since>,
}

/// A check-in at a whole of a place, of which somebody left by that place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since {
    pub(crate) check_in: Edge,
    /// The innermost whole that was left. What it serves is shown by the stay there.
    pub(crate) whole: Place,
}

/// Adds one attendee's crossings up to stays, in the order of a reading.
pub(crate) fn presence(plan: &Plan<'_>, reading: &Reading<'_>) -> Vec<Shown> {
    let mut stays = Vec::new();
    for (stream, signals) in reading.iter().enumerate() {
        add_stream(plan, stream, signals, &mut stays);
    }
    stays
}

/// The open stay and the last ended one of a place.
struct Standing {
    place: Place,
    open: Option<usize>,
    ended: Option<Ended>,
}

/// A stay that a check-out ended, until somebody comes in there again.
#[derive(Clone, Copy)]
struct Ended {
    stay: usize,
    /// The number of the check-out.
    by: usize,
    /// Whether they have been elsewhere since, so that no later check-out says how long it was.
    is_fixed: bool,
}

fn add_stream(plan: &Plan<'_>, stream: usize, signals: &[Taken<'_>], stays: &mut Vec<Shown>) {
    let mut standings: Vec<Standing> = Vec::new();
    for (number, taken) in signals.iter().enumerate() {
        let here = Edge {
            at: taken.signal.at,
            signal: number,
            policy: None,
        };
        let begun = Shown {
            place: taken.place,
            source: taken.signal.source,
            stream,
            start: None,
            end: None,
            since: None,
        };
        match taken.direction {
            Direction::Seen => {}
            Direction::In => {
                // A device is where it says, whatever another one says; people are in one room.
                if taken.signal.source != Source::Platform
                    && plan.rules.in_elsewhere == InElsewhere::ClosesPrevious
                {
                    close_elsewhere(plan, taken.place, here, &mut standings, stays);
                }
                // Whoever came in again has not gone out twice.
                for other in &mut standings {
                    if related(plan, taken.place, other.place) {
                        other.ended = None;
                    }
                }
                let mine = standing(&mut standings, taken.place);
                if mine.open.is_none() {
                    mine.open = Some(stays.len());
                    stays.push(Shown {
                        start: Some(here),
                        ..begun
                    });
                }
            }
            Direction::Out => leave(plan, here, begun, &mut standings, stays),
        }
    }
}

fn close_elsewhere(
    plan: &Plan<'_>,
    place: Place,
    here: Edge,
    standings: &mut [Standing],
    stays: &mut [Shown],
) {
    let inferred = Edge {
        policy: Some(InElsewhere::ClosesPrevious.as_str()),
        ..here
    };
    for other in standings {
        if related(plan, place, other.place) {
            continue;
        }
        if let Some(stay) = other.open.take() {
            stays[stay].end = Some(inferred);
        }
        if let Some(ended) = &mut other.ended {
            ended.is_fixed = true;
        }
    }
}

/// Whoever leaves a room has left its parts and what it is a part of.
fn leave(
    plan: &Plan<'_>,
    here: Edge,
    begun: Shown,
    standings: &mut Vec<Standing>,
    stays: &mut Vec<Shown>,
) {
    let place = begun.place;
    let mut was_here = false;
    let mut since: Option<Since> = None;
    for other in standings.iter_mut() {
        if !related(plan, place, other.place) {
            continue;
        }
        let Some(stay) = other.open.take() else {
            continue;
        };
        stays[stay].end = Some(here);
        other.ended = Some(Ended {
            stay,
            by: here.signal,
            is_fixed: false,
        });
        was_here |= within(plan, other.place, place);
        since = innermost(plan, since, stays[stay].start, other.place);
    }
    if was_here || (since.is_none() && is_repeated(plan, here, place, standings, stays)) {
        return;
    }
    standing(standings, place).ended = Some(Ended {
        stay: stays.len(),
        by: here.signal,
        is_fixed: false,
    });
    stays.push(Shown {
        end: Some(here),
        since,
        ..begun
    });
}

/// The last of two check-ins, and the inner of two wholes.
fn innermost(
    plan: &Plan<'_>,
    since: Option<Since>,
    check_in: Option<Edge>,
    whole: Place,
) -> Option<Since> {
    let (Some(known), Some(check_in)) = (since, check_in) else {
        return since.or(check_in.map(|check_in| Since { check_in, whole }));
    };
    Some(Since {
        check_in: if check_in.signal > known.check_in.signal {
            check_in
        } else {
            known.check_in
        },
        whole: if within(plan, whole, known.whole) {
            whole
        } else {
            known.whole
        },
    })
}

/// Whether they had left already. By policy the last check-out counts: it moves the ends that the one before it set.
fn is_repeated(
    plan: &Plan<'_>,
    here: Edge,
    place: Place,
    standings: &mut [Standing],
    stays: &mut [Shown],
) -> bool {
    let mine = |other: &&mut Standing| related(plan, place, other.place);
    let ended = standings.iter_mut().filter(mine);
    let mut ended: Vec<&mut Ended> = ended.filter_map(|other| other.ended.as_mut()).collect();
    let last = ended.iter().map(|ended| ended.by).max();
    if plan.rules.repeated_out == RepeatedOut::Last {
        ended.retain(|ended| Some(ended.by) == last && !ended.is_fixed);
        for ended in ended {
            stays[ended.stay].end = Some(here);
            ended.by = here.signal;
        }
    }
    last.is_some()
}

fn standing(standings: &mut Vec<Standing>, place: Place) -> &mut Standing {
    let found = standings
        .iter()
        .position(|standing| standing.place == place);
    let at = found.unwrap_or_else(|| {
        standings.push(Standing {
            place,
            open: None,
            ended: None,
        });
        standings.len() - 1
    });
    &mut standings[at]
}

fn related(plan: &Plan<'_>, one: Place, other: Place) -> bool {
    match (one, other) {
        (Place::Room(one), Place::Room(other)) => plan.is_related(one, other),
        _ => one == other,
    }
}

fn within(plan: &Plan<'_>, part: Place, whole: Place) -> bool {
    match (part, whole) {
        (Place::Room(part), Place::Room(whole)) => plan.is_within(part, whole),
        _ => part == whole,
    }
}
