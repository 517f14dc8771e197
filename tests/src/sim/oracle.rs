//! What somebody earned, counted naively: a row of seconds for each session, each second present for certain, perhaps, or not.
//!
//! Written from what the rules say, apart from the eligibility function and by another algorithm, to be held against it. It knows whole
//! seconds only: ends of intervals, sessions and graces lie on them. It shares no code with `attendance` but the names of the rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::UtcMs;
use attendance::agenda::{Registration, Session};
use attendance::rules::{
    BelowThreshold, InElsewhere, MetAwards, MissingCheckIn, MissingCheckOut, RepeatedOut, Rounding,
    RuleSet, Scope, Threshold,
};
use attendance::words::{Direction, RoomId, Signal};

/// Milliseconds in a second.
const SECOND_MS: i64 = 1_000;
/// One credit, as rules count it.
const MILLION: i128 = 1_000_000;
/// Beyond so many ways to read a day a person looks.
const WAYS_MAX: usize = 1_024;

/// A scan on whole seconds.
#[derive(Clone, Debug)]
struct Pass {
    log: Arc<str>,
    index: u64,
    rooms: Vec<RoomId>,
    way: Direction,
    toggled: bool,
    from_s: i64,
    to_s: i64,
    /// The second it is supposed to be of.
    at_s: i64,
    /// The room it is supposed to be of, where its door and that second leave it open.
    of: Option<RoomId>,
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
pub fn earned(
    rules: &RuleSet,
    sessions: &[Session],
    signals: &[Signal],
    registration: Option<&Registration>,
) -> Earned {
    let mut logs: BTreeMap<&str, Vec<Pass>> = BTreeMap::new();
    for signal in signals {
        logs.entry(&signal.id.log).or_default().push(Pass {
            log: Arc::clone(&signal.id.log),
            index: signal.id.index,
            rooms: signal.rooms.clone(),
            way: signal.direction(),
            toggled: signal.is_toggled(),
            from_s: whole(signal.at.earliest.0),
            to_s: whole(signal.at.latest.0),
            at_s: 0,
            of: None,
        });
    }
    let mut sessions: Vec<&Session> = sessions.iter().collect();
    sessions.sort_by_key(|session| (session.scheduled.start, session.id.clone()));
    let day = Day {
        rules,
        sessions: &sessions,
        registration,
    };
    let mut logs: Vec<Vec<Pass>> = logs.into_values().collect();
    for log in &mut logs {
        log.sort_by_key(|pass| pass.index);
        let mut at_s = i64::MIN;
        for pass in log {
            at_s = at_s.max(pass.from_s);
            pass.at_s = at_s;
        }
    }
    let mut told: Vec<Pass> = logs.concat();
    told.sort_by_key(|pass| (pass.at_s, Arc::clone(&pass.log), pass.index));
    let mut found = day.count(&told);
    let as_told = found.credits;
    // What is not gone through may come to anything.
    let boundless = Earned {
        review: true,
        credits: (0, found.full.max(as_told.1)),
        ..found.clone()
    };
    let contradicts = |log: &Vec<Pass>| {
        let mut pairs = (0..log.len()).flat_map(|at| log[at..].iter().map(move |p| (at, p)));
        pairs.any(|(at, later)| later.to_s < log[at].at_s)
    };
    if logs.iter().any(contradicts) {
        return boundless;
    }
    let mut ways = Vec::new();
    day.orders(&mut logs, &mut Vec::new(), i64::MIN, &mut ways);
    if ways.len() > WAYS_MAX {
        return boundless;
    }
    let mut left = WAYS_MAX;
    let mut see = |credits: (i64, i64)| {
        found.review |= credits != as_told;
        found.credits.0 = found.credits.0.min(credits.0);
        found.credits.1 = found.credits.1.max(credits.1);
    };
    for way in &ways {
        if !day.readings(&mut way.clone(), 0, &mut left, &mut see) {
            return boundless;
        }
    }
    found
}

/// What a day is read by.
struct Day<'a> {
    rules: &'a RuleSet,
    sessions: &'a [&'a Session],
    registration: Option<&'a Registration>,
}

impl Day<'_> {
    /// Every way in which what is left of the logs can follow what there is, second by second where it matters.
    fn orders(
        &self,
        left: &mut [Vec<Pass>],
        way: &mut Vec<Pass>,
        since_s: i64,
        ways: &mut Vec<Vec<Pass>>,
    ) {
        if ways.len() > WAYS_MAX {
            return;
        }
        if left.iter().all(Vec::is_empty) {
            ways.push(way.clone());
            return;
        }
        for log in 0..left.len() {
            let Some(pass) = left[log].first().cloned() else {
                continue;
            };
            left[log].remove(0);
            for (at_s, until_s) in self.pieces(&pass, &left[log]) {
                let now_s = since_s.max(at_s);
                let in_time = left.iter().flatten().all(|other| now_s <= other.to_s);
                if now_s <= until_s && in_time {
                    way.push(Pass {
                        at_s,
                        ..pass.clone()
                    });
                    self.orders(left, way, now_s, ways);
                    way.pop();
                }
            }
            left[log].insert(0, pass);
        }
    }

    /// The seconds at which what a scan means can change, each with the last before the next; `later` is what its log holds after it.
    fn pieces(&self, pass: &Pass, later: &[Pass]) -> Vec<(i64, i64)> {
        let to_s = later.iter().map(|p| p.to_s).fold(pass.to_s, i64::min);
        let here = |session: &&&Session| pass.rooms.contains(&session.room);
        let of_sessions = self
            .sessions
            .iter()
            .filter(here)
            .flat_map(|s| [start(s), end(s)]);
        let mut seconds: Vec<i64> = of_sessions
            .filter(|second| pass.at_s < *second && *second <= to_s)
            .collect();
        seconds.push(pass.at_s);
        seconds.sort_unstable();
        seconds.dedup();
        let ends = seconds.iter().skip(1).map(|next| next - 1).chain([to_s]);
        seconds.iter().copied().zip(ends).collect()
    }

    /// Shows what every way to read the scans from one on earns; false where there are too many.
    fn readings(
        &self,
        way: &mut Vec<Pass>,
        from: usize,
        left: &mut usize,
        see: &mut impl FnMut((i64, i64)),
    ) -> bool {
        if from == way.len() {
            let Some(fewer) = left.checked_sub(1) else {
                return false;
            };
            *left = fewer;
            see(self.count(way).credits);
            return true;
        }
        let was = way[from].clone();
        for other in readings(self.sessions, &was) {
            way[from] = other;
            if !self.readings(way, from + 1, left, see) {
                return false;
            }
        }
        way[from] = was;
        true
    }

    /// Whether a second's presence counts.
    fn is_registered(&self, second: i64) -> bool {
        self.registration
            .is_some_and(|r| r.holds(UtcMs(second * SECOND_MS)))
    }

    fn count(&self, way: &[Pass]) -> Earned {
        count(self.rules, self.sessions, way, |second| {
            self.is_registered(second)
        })
    }
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
        here.any(|session| start(session) <= pass.at_s && pass.at_s < end(session))
    };
    pass.rooms.iter().filter(is_on).cloned().collect()
}

/// The room that a scan counts for.
fn room(sessions: &[&Session], pass: &Pass) -> Option<RoomId> {
    match (&pass.of, pass.rooms.as_slice()) {
        (Some(room), _) => Some(room.clone()),
        (None, []) => None,
        (None, [one]) => Some(one.clone()),
        (None, [first, ..]) => rooms_on(sessions, pass).first().or(Some(first)).cloned(),
    }
}

/// The ways in which one scan can be read, as it is told first.
fn readings(sessions: &[&Session], pass: &Pass) -> Vec<Pass> {
    let mut ways = vec![pass.way];
    if pass.toggled && !pass.rooms.is_empty() {
        match pass.way {
            Direction::In => ways.push(Direction::Out),
            Direction::Out => ways.push(Direction::In),
            Direction::Seen => {}
        }
    }
    let is_open = pass.rooms.len() > 1 && rooms_on(sessions, pass).len() > 1;
    let rooms: Vec<Option<RoomId>> = match is_open {
        true => pass.rooms.iter().cloned().map(Some).collect(),
        false => vec![None],
    };
    let read = |way: Direction| {
        rooms.iter().map(move |of| Pass {
            way,
            of: of.clone(),
            ..pass.clone()
        })
    };
    ways.into_iter().flat_map(read).collect()
}

/// One stretch of a person in a room; an end that nothing shows is absent.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// By the number of the pass.
    began: Option<usize>,
    ended: Option<usize>,
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
    // Whether the newest stretch was ended by a check-out here, with no check-in here since; and whether there was one
    // elsewhere.
    let (mut checked_out, mut been_away) = (false, false);
    for (at, pass) in passes.iter().enumerate() {
        let Some(room) = room(sessions, pass) else {
            continue;
        };
        let is_here = room == *here;
        match pass.way {
            Direction::In if is_here => {
                if !inside {
                    found.push(Stretch {
                        began: Some(at),
                        ended: None,
                    });
                }
                (inside, checked_out, been_away) = (true, false, false);
            }
            Direction::In => {
                been_away |= !inside && rules.in_elsewhere == InElsewhere::ClosesPrevious;
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
                    been_away = false;
                } else if !been_away && rules.repeated_out == RepeatedOut::Last {
                    found.last_mut().expect("somebody has gone out").ended = Some(at);
                }
                been_away &= !inside;
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

/// What passes earn, where presence counts in the seconds that `counts` says.
fn count(
    rules: &RuleSet,
    sessions: &[&Session],
    passes: &[Pass],
    counts: impl Fn(i64) -> bool,
) -> Earned {
    let registered = |session: &&Session| {
        let mut row = row(rules, sessions, session, passes);
        for (second, at) in (start(session)..end(session)).zip(0_usize..) {
            row.least[at] &= counts(second);
            row.most[at] &= counts(second);
        }
        row
    };
    let rows: Vec<Row> = sessions.iter().map(registered).collect();
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
    let nobody = || vec![false; usize::try_from(to - from).unwrap()];
    let mut row = Row {
        least: nobody(),
        most: nobody(),
    };
    // The seconds of each stretch that may not have been at all.
    let mut perhaps: Vec<Vec<bool>> = Vec::new();
    let mut all: Vec<Vec<bool>> = Vec::new();
    for stretch in stretches(rules, sessions, passes, &session.room) {
        let Some((began, ended, for_certain)) =
            ends(rules, sessions, &session.room, passes, stretch)
        else {
            continue;
        };
        let (mut least, mut most) = (nobody(), nobody());
        for second in from..to {
            let at = usize::try_from(second - from).unwrap();
            least[at] = for_certain && began.1 <= second && second < ended.0;
            most[at] = began.0 <= second && second < ended.1;
        }
        join(&mut row.least, &least);
        join(&mut row.most, &most);
        if !least.contains(&true) && most.contains(&true) {
            perhaps.push(most.clone());
        }
        all.push(most);
    }
    // Who may have come first, or gone last, in a moment that may not have been, is not forgiven for certain.
    let first = |row: &[bool]| row.iter().position(|present| *present);
    let last = |row: &[bool]| row.iter().rposition(|present| *present);
    let before = perhaps.iter().any(|other| first(other) < first(&row.least));
    let after = perhaps.iter().any(|other| last(other) > last(&row.least));
    grace(rules, &mut row.least, !before, !after);
    grace(rules, &mut row.most, true, true);
    if !perhaps.is_empty() {
        for mut most in all {
            grace(rules, &mut most, true, true);
            join(&mut row.most, &most);
        }
    }
    row
}

fn join(row: &mut [bool], with: &[bool]) {
    for (present, too) in row.iter_mut().zip(with) {
        *present |= too;
    }
}

/// When a stretch began and ended, each in an interval of seconds, and whether it counts for certain.
type Ends = ((i64, i64), (i64, i64), bool);

/// A stretch's two ends, the missing one by policy, and whether it counts for certain. `None` where it counts nothing.
fn ends(
    rules: &RuleSet,
    sessions: &[&Session],
    at: &RoomId,
    passes: &[Pass],
    stretch: Stretch,
) -> Option<Ends> {
    let mut here = sessions.iter().filter(|session| session.room == *at);
    let when = |pass: &Pass| (pass.from_s, pass.to_s);
    match (stretch.began, stretch.ended) {
        (Some(began), Some(ended)) => Some((when(&passes[began]), when(&passes[ended]), true)),
        (Some(began), None) => {
            // Of the session that was on, or the next one there.
            let of = here.find(|other| passes[began].at_s < end(other))?;
            let (to, seen) = (end(of), seen_in(sessions, of));
            let came = when(&passes[began]);
            match rules.missing_check_out {
                MissingCheckOut::None => None,
                MissingCheckOut::SessionEnd => Some((came, (to, to), true)),
                MissingCheckOut::Review => Some((came, (to, to), false)),
                MissingCheckOut::LastSignal => {
                    let last = passes[began..].iter().rfind(seen);
                    Some((came, last.map_or(came, when), true))
                }
            }
        }
        (None, Some(ended)) => {
            let of = here.rfind(|other| start(other) <= passes[ended].at_s)?;
            let (from, seen) = (start(of), seen_in(sessions, of));
            let went = when(&passes[ended]);
            match rules.missing_check_in {
                MissingCheckIn::None => None,
                MissingCheckIn::SessionStart => Some(((from, from), went, true)),
                MissingCheckIn::Review => Some(((from, from), went, false)),
                MissingCheckIn::FirstSignal => {
                    let first = passes.iter().find(seen);
                    Some((first.map_or(went, when), went, true))
                }
            }
        }
        (None, None) => None,
    }
}

/// Whether a pass is of a session's room and time.
fn seen_in<'a>(sessions: &'a [&Session], of: &'a Session) -> impl Fn(&&Pass) -> bool + 'a {
    move |pass| {
        let is_here = room(sessions, pass).as_ref() == Some(&of.room);
        is_here && start(of) <= pass.at_s && pass.at_s < end(of)
    }
}

/// A little lateness and a little earliness count as presence.
fn grace(rules: &RuleSet, row: &mut [bool], at_first: bool, at_last: bool) {
    let Some(first) = row.iter().position(|present| *present) else {
        return;
    };
    let last = row.iter().rposition(|present| *present).unwrap_or(first);
    if at_first && first <= usize::try_from(rules.grace_in_s).unwrap() {
        row[..first].fill(true);
    }
    if at_last && row.len() - 1 - last <= usize::try_from(rules.grace_out_s).unwrap() {
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
