//! What somebody earned, counted naively: a row of seconds for each session, each second present for certain, perhaps, or not.
//!
//! Written from what the rules say, apart from the eligibility function and by another algorithm, to be held against it. It knows whole
//! seconds only: ends of intervals, sessions and graces lie on them. It shares no code with `attendance` but the names of the rules.

use attendance::agenda::Session;
use attendance::rules::{
    BelowThreshold, InElsewhere, MetAwards, MissingCheckIn, MissingCheckOut, RepeatedOut, Rounding,
    RuleSet, Scope, Threshold,
};
use attendance::words::{Direction, DirectionSource, RoomId, Signal};

/// Milliseconds in a second.
const SECOND_MS: i64 = 1_000;
/// One credit, as rules count it.
const MILLION: i128 = 1_000_000;
/// Beyond so many scans of an inferred direction a person looks.
const TOGGLED_MAX: usize = 16;

/// A scan on whole seconds.
#[derive(Clone, Debug)]
struct Pass {
    rooms: Vec<RoomId>,
    way: Direction,
    toggled: bool,
    from_s: i64,
    to_s: i64,
}

/// What somebody earned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earned {
    /// Whether a person has to look.
    pub review: bool,
    /// Credits of the least and of the most time present, in millionths.
    pub credits: (i64, i64),
    /// Credits of complete attendance, in millionths.
    pub full: i64,
    /// Seconds present in each session, by start and id: the least and the most.
    pub seconds: Vec<(i64, i64)>,
}

/// What signals on whole seconds earn in sessions that are over.
pub fn earned(rules: &RuleSet, sessions: &[Session], signals: &[Signal]) -> Earned {
    let mut sorted: Vec<&Signal> = signals.iter().collect();
    sorted.sort_by_key(|signal| (signal.at, signal.id.clone()));
    let passes: Vec<Pass> = sorted
        .iter()
        .map(|signal| Pass {
            rooms: signal.rooms.clone(),
            way: signal.direction,
            toggled: signal.direction_source == DirectionSource::Toggled,
            from_s: whole(signal.at.earliest.0),
            to_s: whole(signal.at.latest.0),
        })
        .collect();
    let mut sessions: Vec<&Session> = sessions.iter().collect();
    sessions.sort_by_key(|session| (session.scheduled.start, session.id.clone()));
    let mut found = count(rules, &sessions, &passes);
    if found.review || passes.is_empty() {
        return found;
    }
    let toggled = passes.iter().filter(|pass| pass.toggled).count();
    found.review = toggled > TOGGLED_MAX
        || (0..passes.len()).any(|at| {
            readings(&sessions, &passes, at).into_iter().any(|other| {
                let mut others = passes.clone();
                others[at] = other;
                count(rules, &sessions, &others).credits != found.credits
            })
        });
    found
}

fn whole(ms: i64) -> i64 {
    assert_eq!(ms % SECOND_MS, 0, "the oracle counts whole seconds");
    ms / SECOND_MS
}

fn start(session: &Session) -> i64 {
    whole(session.scheduled.start.0)
}

fn end(session: &Session) -> i64 {
    whole(session.scheduled.end.0)
}

/// The rooms that a scan may have been of.
fn rooms_on(sessions: &[&Session], pass: &Pass) -> Vec<RoomId> {
    let is_on = |room: &&RoomId| {
        let mut here = sessions.iter().filter(|session| session.room == **room);
        here.any(|session| start(session) <= pass.to_s && pass.from_s < end(session))
    };
    pass.rooms.iter().filter(is_on).cloned().collect()
}

/// The room that a scan counts for.
fn room(sessions: &[&Session], pass: &Pass) -> Option<RoomId> {
    match pass.rooms.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        [first, ..] => rooms_on(sessions, pass)
            .first()
            .cloned()
            .or(Some(first.clone())),
    }
}

/// The other ways in which one scan can be read.
fn readings(sessions: &[&Session], passes: &[Pass], at: usize) -> Vec<Pass> {
    let pass = &passes[at];
    let mut other = Vec::new();
    if pass.toggled {
        let way = match pass.way {
            Direction::In => Direction::Out,
            Direction::Out => Direction::In,
            Direction::Seen => Direction::Seen,
        };
        other.push(Pass {
            way,
            ..pass.clone()
        });
    }
    if pass.rooms.len() > 1 && rooms_on(sessions, pass).len() > 1 {
        other.extend(pass.rooms.iter().map(|room| Pass {
            rooms: vec![room.clone()],
            ..pass.clone()
        }));
    }
    other
}

/// One stretch of a person in a room; an end that nothing shows is absent.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    began: Option<(i64, i64)>,
    ended: Option<(i64, i64)>,
}

/// The stretches in one room, as the passes tell them one after the other.
fn stretches(
    rules: &RuleSet,
    sessions: &[&Session],
    passes: &[Pass],
    here: &RoomId,
) -> Vec<Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    let mut inside = false;
    // Whether the newest stretch was ended by a check-out here, with no check-in here since.
    let mut checked_out = false;
    for pass in passes {
        let Some(room) = room(sessions, pass) else {
            continue;
        };
        let at = (pass.from_s, pass.to_s);
        let is_here = room == *here;
        match pass.way {
            Direction::In if is_here => {
                if !inside {
                    found.push(Stretch {
                        began: Some(at),
                        ended: None,
                    });
                }
                (inside, checked_out) = (true, false);
            }
            Direction::In => {
                if inside && rules.in_elsewhere == InElsewhere::ClosesPrevious {
                    found.last_mut().expect("somebody inside came in").ended = Some(at);
                    inside = false;
                }
            }
            Direction::Out if is_here => {
                if inside {
                    found.last_mut().expect("somebody inside came in").ended = Some(at);
                } else if !checked_out {
                    found.push(Stretch {
                        began: None,
                        ended: Some(at),
                    });
                } else if rules.repeated_out == RepeatedOut::Last {
                    found.last_mut().expect("somebody has gone out").ended = Some(at);
                }
                (inside, checked_out) = (false, true);
            }
            Direction::Out | Direction::Seen => {}
        }
    }
    found
}

/// A session's seconds: for certain, and perhaps.
struct Row {
    least: Vec<bool>,
    most: Vec<bool>,
}

fn count(rules: &RuleSet, sessions: &[&Session], passes: &[Pass]) -> Earned {
    let rows: Vec<Row> = sessions
        .iter()
        .map(|session| row(rules, sessions, session, passes))
        .collect();
    let seconds: Vec<(i64, i64)> = rows.iter().map(|r| (sum(&r.least), sum(&r.most))).collect();
    let lengths: Vec<i64> = sessions.iter().map(|s| end(s) - start(s)).collect();
    let least: Vec<i64> = seconds.iter().map(|(least, _)| *least).collect();
    let most: Vec<i64> = seconds.iter().map(|(_, most)| *most).collect();
    let credits = (
        credits(rules, &least, &lengths),
        credits(rules, &most, &lengths),
    );
    Earned {
        review: credits.0 != credits.1,
        credits,
        full: self::credits(rules, &lengths, &lengths),
        seconds,
    }
}

fn sum(row: &[bool]) -> i64 {
    row.iter().map(|present| i64::from(*present)).sum()
}

fn row(rules: &RuleSet, sessions: &[&Session], session: &Session, passes: &[Pass]) -> Row {
    let (from, to) = (start(session), end(session));
    let mut row = Row {
        least: vec![false; usize::try_from(to - from).unwrap()],
        most: vec![false; usize::try_from(to - from).unwrap()],
    };
    for stretch in stretches(rules, sessions, passes, &session.room) {
        let Some((began, ended, for_certain)) = ends(rules, sessions, session, passes, stretch)
        else {
            continue;
        };
        for second in from..to {
            let at = usize::try_from(second - from).unwrap();
            row.least[at] |= for_certain && began.1 <= second && second < ended.0;
            row.most[at] |= began.0 <= second && second < ended.1;
        }
    }
    grace(rules, &mut row.least);
    grace(rules, &mut row.most);
    row
}

/// When a stretch began and ended, each in an interval of seconds, and whether it counts for certain.
type Ends = ((i64, i64), (i64, i64), bool);

/// A stretch's two ends for a session, the missing one by policy, and whether it counts for certain. `None` where it counts nothing there.
fn ends(
    rules: &RuleSet,
    sessions: &[&Session],
    session: &Session,
    passes: &[Pass],
    stretch: Stretch,
) -> Option<Ends> {
    let here = || sessions.iter().filter(|other| other.room == session.room);
    let (from, to) = (start(session), end(session));
    let mut seen = passes
        .iter()
        .filter(|pass| room(sessions, pass).as_ref() == Some(&session.room));
    match (stretch.began, stretch.ended) {
        (Some(began), Some(ended)) => Some((began, ended, true)),
        (Some(began), None) => {
            // Of the session that was on, or the next one there.
            let of = here().find(|other| began.0 < end(other))?;
            if of.id != session.id {
                return None;
            }
            match rules.missing_check_out {
                MissingCheckOut::None => None,
                MissingCheckOut::SessionEnd => Some((began, (to, to), true)),
                MissingCheckOut::Review => Some((began, (to, to), false)),
                MissingCheckOut::LastSignal => {
                    let within = |pass: &&Pass| {
                        from <= pass.to_s && pass.to_s < to && began.0 <= pass.from_s
                    };
                    let last = seen.rfind(within);
                    let ended = last.map_or(began, |pass| (pass.from_s, pass.to_s));
                    Some((began, ended, true))
                }
            }
        }
        (None, Some(ended)) => {
            let of = here().rfind(|other| start(other) <= ended.1)?;
            if of.id != session.id {
                return None;
            }
            match rules.missing_check_in {
                MissingCheckIn::None => None,
                MissingCheckIn::SessionStart => Some(((from, from), ended, true)),
                MissingCheckIn::Review => Some(((from, from), ended, false)),
                MissingCheckIn::FirstSignal => {
                    let mut within = seen.filter(|pass| from <= pass.from_s && pass.from_s < to);
                    let began = within.next().map_or(ended, |pass| (pass.from_s, pass.to_s));
                    Some((began, ended, true))
                }
            }
        }
        (None, None) => None,
    }
}

/// A little lateness and a little earliness count as presence.
fn grace(rules: &RuleSet, row: &mut [bool]) {
    let Some(first) = row.iter().position(|present| *present) else {
        return;
    };
    let last = row.iter().rposition(|present| *present).unwrap_or(first);
    if first <= usize::try_from(rules.grace_in_s).unwrap() {
        row[..first].fill(true);
    }
    if row.len() - 1 - last <= usize::try_from(rules.grace_out_s).unwrap() {
        row[last..].fill(true);
    }
}

/// The credits of so many seconds in each session, in millionths.
fn credits(rules: &RuleSet, present: &[i64], lengths: &[i64]) -> i64 {
    let awarded = present.iter().zip(lengths).map(|(seconds, length)| {
        let met = match rules.threshold {
            Threshold::None => true,
            Threshold::Full => seconds == length,
            Threshold::Time { min_ms } => seconds * SECOND_MS >= min_ms,
            Threshold::Share(share) => {
                i128::from(*seconds) * MILLION
                    >= i128::from(*length) * i128::from(share.millionths())
            }
        };
        match (seconds, met) {
            (0, _) => 0,
            (_, true) if rules.met_awards == MetAwards::Scheduled => *length,
            (seconds, true) => *seconds,
            (seconds, false) if rules.below_threshold == BelowThreshold::Actual => *seconds,
            (_, false) => 0,
        }
    });
    match rules.scope {
        Scope::Programme => unit(rules, awarded.sum()),
        Scope::Session => awarded.map(|seconds| unit(rules, seconds)).sum(),
    }
}

fn unit(rules: &RuleSet, seconds: i64) -> i64 {
    let exact = i128::from(seconds * SECOND_MS) * MILLION;
    let (one, step) = (
        i128::from(rules.credit_unit_ms),
        i128::from(rules.step.millionths()),
    );
    if exact < one * i128::from(rules.first_award_min.millionths()) {
        return 0;
    }
    let grid = one * step;
    let mut steps = exact / grid;
    if rules.rounding == Rounding::Nearest && 2 * (exact - steps * grid) >= grid {
        steps += 1;
    }
    i64::try_from(steps * step).unwrap()
}
