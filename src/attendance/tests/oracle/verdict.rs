//! What a day comes to, over all the ways in which it can have gone.

use attendance::agenda::{Grant, Registration};
use attendance::rules::{
    Denial, FieldRounding, MissingCheckIn, MissingCheckOut, Overlap, PlatformAlone, PollShort,
    RuleSet,
};
use attendance::words::{AttendeeId, Direction, Kind, RoomId, Signal, Source};
use attendance::{Decimal, Outcome, Reason};

use crate::credit::{
    Done, ENOUGH, Side, Unit, awards, by_cell, engaged, full, is_met, side, units,
};
use crate::day::{Case, DAY_S, at, second};
use crate::presence::{
    Item, Place, Said, Seconds, Seen, Sign, Stretch, Way, from_to, graced, items, never, said_of,
    serves,
};

/// More ways than these are not tried.
const MAX_WAYS: usize = 1_024;

/// One session's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) session: String,
    pub(crate) scheduled_s: i64,
    pub(crate) least_s: i64,
    pub(crate) most_s: i64,
    pub(crate) met: Option<bool>,
}

/// What the oracle says of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    /// Millionths.
    pub(crate) least: i64,
    pub(crate) most: i64,
    pub(crate) full: i64,
    pub(crate) reason: Reason,
    /// By name, those without credits left out.
    pub(crate) fields: Vec<(String, i64)>,
    pub(crate) engagement: Option<(i64, i64)>,
    pub(crate) parts: Vec<Part>,
}

/// What is asked: the case, with something held good.
#[derive(Clone)]
struct Asked<'a> {
    case: &'a Case,
    rules: RuleSet,
    registration: Option<Registration>,
    /// Whether denials are not heard.
    undenied: bool,
    /// Whether a disputed session is a confirmed one.
    undisputed: bool,
    /// Whether no unit is short of polls.
    unshort: bool,
}

/// What one way comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Earned {
    least: Side,
    most: Side,
    is_open: bool,
    full: i64,
    parts: Vec<Part>,
    said: Vec<Said>,
    no_start: bool,
    no_end: bool,
    has_presence: bool,
    overlapped: bool,
}

impl Earned {
    fn range(&self) -> (i64, i64, bool) {
        (self.least.all, self.most.all, self.is_open)
    }

    fn is_settled(&self) -> bool {
        self.least.cells == self.most.cells && !self.is_open
    }

    fn outcome(&self) -> Outcome {
        match self.least.all {
            0 => Outcome::None,
            credits if credits >= self.full => Outcome::Full,
            _ => Outcome::Partial,
        }
    }
}

/// The signals of a case that count, once each, sorted out.
struct Gathered<'a> {
    /// Crossings of each stream, those of people at doors first.
    streams: Vec<Vec<&'a Signal>>,
    beats: Vec<Sign<'a>>,
    polls: Vec<Sign<'a>>,
    words: Vec<&'a Signal>,
    /// Whether some were left out since their source does not count.
    left_out: bool,
}

fn gather<'a>(case: &'a Case, rules: &RuleSet, items: &[Item]) -> Gathered<'a> {
    let mut signals: Vec<&Signal> = Vec::new();
    for signal in &case.signals {
        if !signals.iter().any(|other| other.id == signal.id) {
            signals.push(signal);
        }
    }
    signals.sort_by(|a, b| (a.at.earliest, &a.id).cmp(&(b.at.earliest, &b.id)));
    signals.retain(|s| s.source != Source::Claim && s.kind != Kind::Attested);
    let before = signals.len();
    signals.retain(|s| rules.sources.contains(&s.source));
    let left_out = signals.len() < before;
    let counts = |s: &&Signal| {
        let session = s.session.as_ref();
        let is_at_doors = matches!(s.kind, Kind::Crossing { .. })
            && s.source != Source::Platform
            && !s.rooms.is_empty();
        is_at_doors || session.is_none_or(|id| items.iter().any(|item| item.session.id == *id))
    };
    signals.retain(counts);
    let sign = |signal: &'a Signal| {
        let place = match &signal.session {
            Some(session) => Place::Session(session.clone()),
            None => Place::Room(signal.rooms.first()?.clone()),
        };
        Some(Sign {
            signal,
            at_s: second(signal.at.earliest),
            place,
        })
    };
    let of =
        |is_wanted: fn(&Kind) -> bool| signals.iter().copied().filter(move |s| is_wanted(&s.kind));
    let is_crossing = |kind: &Kind| matches!(kind, Kind::Crossing { .. });
    let mut streams = vec![Vec::new()];
    let mut keys: Vec<Option<_>> = vec![None];
    for signal in of(is_crossing).filter(|s| !s.rooms.is_empty() || s.session.is_some()) {
        let key = (signal.source == Source::Platform).then(|| {
            let rooms = if signal.session.is_some() {
                Vec::new()
            } else {
                signal.rooms.clone()
            };
            (signal.device.clone(), signal.session.clone(), rooms)
        });
        match keys.iter().position(|other| *other == key) {
            Some(place) => streams[place].push(signal),
            None => {
                keys.push(key);
                streams.push(vec![signal]);
            }
        }
    }
    Gathered {
        streams,
        beats: of(|kind| *kind == Kind::Heartbeat)
            .filter_map(sign)
            .collect(),
        polls: of(|kind| matches!(kind, Kind::Poll { .. }))
            .filter_map(sign)
            .collect(),
        words: of(|kind| matches!(kind, Kind::Confirmed | Kind::Denied)).collect(),
        left_out,
    }
}

/// The rooms of a crossing in which a session is on.
fn rooms_on(case: &Case, signal: &Signal) -> Vec<RoomId> {
    let is_on = |room: &&RoomId| {
        let mut sessions = case.programme.sessions.iter();
        sessions.any(|s| s.room == **room && s.scheduled.holds(signal.at.earliest))
    };
    signal.rooms.iter().filter(is_on).cloned().collect()
}

/// The ways to read one crossing, as it is told first.
fn ways_of<'a>(case: &'a Case, signal: &'a Signal) -> Vec<Seen<'a>> {
    let names_session = signal
        .session
        .as_ref()
        .filter(|_| signal.source == Source::Platform);
    let places: Vec<Place> = if let Some(session) = names_session {
        vec![Place::Session(session.clone())]
    } else {
        let on = rooms_on(case, signal);
        let of_session = || {
            let mut sessions = case.programme.sessions.iter();
            sessions.find(|s| Some(&s.id) == signal.session.as_ref())
        };
        let told = on
            .first()
            .or(signal.rooms.first())
            .or_else(|| of_session().map(|session| &session.room))
            .expect("it is somewhere");
        let others = signal
            .rooms
            .iter()
            .filter(|room| on.len() > 1 && *room != told);
        std::iter::once(told)
            .chain(others)
            .cloned()
            .map(Place::Room)
            .collect()
    };
    let mut directions = vec![signal.direction()];
    if signal.is_toggled() {
        directions.extend(match signal.direction() {
            Direction::In => Some(Direction::Out),
            Direction::Out => Some(Direction::In),
            Direction::Seen => None,
        });
    }
    let mut ways = Vec::new();
    for place in &places {
        for way in &directions {
            let at_s = second(signal.at.earliest);
            ways.push(Seen {
                signal,
                at_s,
                way: *way,
                place: place.clone(),
            });
        }
    }
    ways
}

/// Every order of a stream: by time, and of one time in any that keeps a log's own. The first is the told one.
fn orders<'a>(left: &[&'a Signal], way: &mut Vec<&'a Signal>, ways: &mut Vec<Vec<&'a Signal>>) {
    if left.is_empty() {
        ways.push(way.clone());
    }
    let soonest = left.iter().map(|signal| signal.at.earliest).min();
    for (number, signal) in left.iter().enumerate() {
        let is_after = |other: &&Signal| {
            let is_entry = other.id.row.is_none() && signal.id.row.is_none();
            is_entry && other.id.log == signal.id.log && other.id < signal.id
        };
        if Some(signal.at.earliest) != soonest || left.iter().any(is_after) || ways.len() > MAX_WAYS
        {
            continue;
        }
        way.push(signal);
        let mut rest = left.to_vec();
        rest.remove(number);
        orders(&rest, way, ways);
        way.pop();
    }
}

/// Every choice of one of each; `None` where there are too many.
fn product<T: Clone>(of: &[Vec<T>]) -> Option<Vec<Vec<T>>> {
    let mut all = vec![Vec::new()];
    for choices in of {
        if all.len() * choices.len() > MAX_WAYS {
            return None;
        }
        let with = |chosen: &Vec<T>| {
            let chosen = chosen.clone();
            choices.iter().map(move |choice| {
                let mut chosen = chosen.clone();
                chosen.push(choice.clone());
                chosen
            })
        };
        all = all.iter().flat_map(with).collect();
    }
    Some(all)
}

/// One way in which all streams went.
type Streams<'a> = Vec<Vec<Seen<'a>>>;

/// All ways, directions and rooms as told; and all ways whatever they are told.
type Ways<'a> = (Vec<Streams<'a>>, Vec<Streams<'a>>);

/// `None` where there are more than are tried.
fn ways<'a>(case: &'a Case, gathered: &Gathered<'a>) -> Option<Ways<'a>> {
    let (mut by_time, mut by_say) = (Vec::new(), Vec::new());
    for stream in &gathered.streams {
        let mut found = Vec::new();
        orders(stream, &mut Vec::new(), &mut found);
        let (mut told, mut all) = (Vec::new(), Vec::new());
        for order in found {
            let choices: Vec<Vec<Seen>> = order.iter().map(|s| ways_of(case, s)).collect();
            told.push(
                choices
                    .iter()
                    .map(|ways| ways[0].clone())
                    .collect::<Vec<_>>(),
            );
            all.extend(product(&choices)?);
        }
        by_time.push(told);
        by_say.push(all);
    }
    Some((product(&by_time)?, product(&by_say)?))
}

impl<'a> Asked<'a> {
    fn new(case: &'a Case) -> Self {
        Self {
            case,
            rules: case.rules.clone(),
            registration: case.registration.clone(),
            undenied: false,
            undisputed: false,
            unshort: false,
        }
    }

    /// When the registration holds.
    fn valid(&self) -> Seconds {
        let holds = |s: &i64| self.registration.as_ref().is_some_and(|r| r.holds(at(*s)));
        (0..DAY_S)
            .filter(holds)
            .fold(never(), |sum, s| sum.or(from_to(s, s + 1)))
    }

    fn said(&self, item: &Item, words: &[&Signal]) -> Said {
        match said_of(item.session, words) {
            Said::Denied if self.undenied => Said::Nothing,
            Said::Disputed if self.undisputed => Said::Confirmed,
            said => said,
        }
    }

    fn speaks(&self, item: &Item, said: Said, is_least: bool) -> bool {
        let speaks = |r: &Registration| !r.cancelled && r.speaks.contains(&item.session.id);
        let is_barred = match said {
            Said::Nothing | Said::Confirmed => false,
            Said::Disputed => is_least,
            Said::Denied => is_least || self.rules.denial == Denial::Overrides,
        };
        self.registration.as_ref().is_some_and(speaks) && !is_barred
    }

    /// What was granted on top of so many seconds.
    fn granted(&self, item: &Item, said: Said, present_s: i64) -> (i64, bool) {
        let scheduled_s = item.counts.length();
        let (mut granted_s, mut is_whole) = (present_s, false);
        if matches!(said, Said::Denied | Said::Disputed) {
            return (granted_s, is_whole);
        }
        let is_ever = |r: &&Registration| match (r.valid_from, r.valid_until) {
            (Some(from), Some(until)) => !r.cancelled && from < until,
            _ => !r.cancelled,
        };
        let holds = self.registration.iter().filter(is_ever);
        let grants = holds.flat_map(|r| &r.accommodations);
        let named = |id: &Option<_>| id.as_ref().is_none_or(|id| *id == item.session.id);
        for grant in grants.filter(|a| named(&a.session)) {
            match grant.grant {
                Grant::Extra(ms) if granted_s > 0 => {
                    granted_s = (granted_s + ms / 1_000).min(scheduled_s);
                }
                Grant::Extra(_) => {}
                Grant::Whole => (granted_s, is_whole) = (scheduled_s, true),
            }
        }
        (granted_s, is_whole)
    }

    fn earned(&self, streams: &Streams, gathered: &Gathered) -> Earned {
        let rules = &self.rules;
        let items = items(rules, &self.case.programme);
        let way = Way {
            rules,
            programme: &self.case.programme,
            items: &items,
            streams,
            beats: &gathered.beats,
            polls: &gathered.polls,
            now_s: self.case.now_s,
        };
        let valid = self.valid();
        let stretches: Vec<Vec<Stretch>> = items.iter().map(|item| way.stretches(item)).collect();
        let said: Vec<Said> = items
            .iter()
            .map(|item| self.said(item, &gathered.words))
            .collect();
        let mut times = Vec::new();
        for ((item, stretches), said) in items.iter().zip(&stretches).zip(&said) {
            let counts = item.counts.and(valid);
            let (least, most) = graced(rules, item, stretches);
            let (least, most) = (least.and(counts), most.and(counts));
            times.push(match said {
                Said::Nothing => (least, most),
                Said::Confirmed => (counts, counts),
                Said::Disputed => (never(), most),
                Said::Denied if rules.denial == Denial::Overrides => (never(), never()),
                Said::Denied => (never(), most),
            });
        }
        let before = times.clone();
        if rules.overlap == Overlap::CountOnce {
            for later in 1..times.len() {
                for earlier in 0..later {
                    let (least, most) = times[earlier];
                    times[later].0 = times[later].0.less(most);
                    times[later].1 = times[later].1.less(least);
                }
            }
        }
        let (mut least, mut most, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for (number, item) in items.iter().enumerate() {
            let (said, counts) = (said[number], item.counts.and(valid));
            let (least_s, is_whole) = self.granted(item, said, times[number].0.length());
            let (most_s, _) = self.granted(item, said, times[number].1.length());
            let touching = |is_wanted: &dyn Fn(&Stretch) -> bool| {
                let mut all = stretches[number].iter();
                all.any(|s| is_wanted(s) && !s.seconds.and(counts).is_never())
            };
            let is_shown = stretches[number].iter().any(|s| s.is_virtual);
            let perhaps = is_shown
                && said != Said::Confirmed
                && !is_whole
                && !touching(&|s| !s.is_virtual && s.is_sure);
            let surely = perhaps && !touching(&|s| !s.is_virtual);
            for (side, present_s, is_alone, is_least) in [
                (&mut least, least_s, perhaps, true),
                (&mut most, most_s, surely, false),
            ] {
                side.push(Done {
                    present_s,
                    is_alone,
                    speaks: self.speaks(item, said, is_least),
                });
            }
            let scheduled_s = item.counts.length();
            let met = is_met(rules, least_s, scheduled_s);
            parts.push(Part {
                session: item.session.id.to_string(),
                scheduled_s,
                least_s,
                most_s,
                met: (met == is_met(rules, most_s, scheduled_s)).then_some(met),
            });
        }
        let answered = self.answered(&items, gathered);
        let (least_side, least_units) = side(rules, &items, &least, &answered, true);
        let (most_side, most_units) = side(rules, &items, &most, &answered, false);
        let speaks = items.iter().map(|item| {
            let r = self.registration.as_ref();
            r.is_some_and(|r| !r.cancelled && r.speaks.contains(&item.session.id))
        });
        // Whoever is there all day has each second in the first session that counts it.
        let mut taken = never();
        let mut to_be_had: Vec<i64> = Vec::new();
        for item in &items {
            to_be_had.push(item.counts.less(taken).length());
            if rules.overlap == Overlap::CountOnce {
                taken = taken.or(item.counts);
            }
        }
        let sides = Sides {
            least: &least,
            most: &most,
            answered: &answered,
            units: (&least_units, &most_units),
        };
        let any = |is_so: fn(&Stretch) -> bool| stretches.iter().flatten().any(is_so);
        Earned {
            is_open: (least_side.cells.len() > 1 && least_side.cells != most_side.cells)
                || is_open(rules, &items, &sides),
            full: full(rules, &items, &to_be_had, &speaks.collect::<Vec<_>>()),
            least: least_side,
            most: most_side,
            parts,
            no_start: any(|s| s.no_start),
            no_end: any(|s| s.no_end),
            has_presence: way.has_presence(),
            overlapped: before != times,
            said,
        }
    }

    /// How many different polls of each unit were answered. Where none may be short, all of them.
    fn answered(&self, items: &[Item], gathered: &Gathered) -> Vec<i64> {
        // A poll is one among those of its session.
        let of_item = |item: &Item| {
            let own = |sign: &&Sign| {
                let is_on = (item.start_s..item.end_s).contains(&sign.at_s);
                let names = matches!(sign.place, Place::Session(_));
                (names || is_on) && serves(&self.case.programme, &sign.place, item.session)
            };
            // A poll is one among those of its session.
            let polls = gathered.polls.iter().filter(own);
            let named = polls.map(|sign| (item.session.id.clone(), sign.signal.kind.clone()));
            named.collect::<Vec<_>>()
        };
        let of_unit = |unit: &Vec<usize>| {
            let mut polls: Vec<_> = unit.iter().flat_map(|n| of_item(&items[*n])).collect();
            polls.sort();
            polls.dedup();
            let answered = i64::try_from(polls.len()).expect("few polls");
            answered + if self.unshort { ENOUGH } else { 0 }
        };
        units(&self.rules, items).iter().map(of_unit).collect()
    }
}

/// Both sides of all sessions.
struct Sides<'a> {
    least: &'a [Done],
    most: &'a [Done],
    answered: &'a [i64],
    units: (&'a [Unit], &'a [Unit]),
}

/// Whether what lies between the sides may come out as neither of them.
fn is_open(rules: &RuleSet, items: &[Item], sides: &Sides) -> bool {
    let (low, high) = (
        awards(rules, items, sides.least),
        awards(rules, items, sides.most),
    );
    let cells = crate::credit::cells(rules, items);
    for (number, unit) in units(rules, items).iter().enumerate() {
        let of = |weights: &[i128]| unit.iter().map(|n| weights[*n]).collect::<Vec<_>>();
        let alone = |done: &[Done]| unit.iter().map(|n| done[*n].is_alone).collect::<Vec<_>>();
        let answered = sides.answered[number];
        // The most that may have to be shown beside the least that was, and the other way round.
        let hard = engaged(
            rules,
            items,
            unit,
            &of(&high),
            &alone(sides.least),
            answered,
            true,
        );
        let easy = engaged(
            rules,
            items,
            unit,
            &of(&low),
            &alone(sides.most),
            answered,
            false,
        );
        let asks = rules.polls.per_credit > Decimal::ZERO || rules.polls.min_share > Decimal::ZERO;
        let is_reduced = rules.polls.short == PollShort::Reduce;
        if asks && !is_reduced && hard.is_short != easy.is_short {
            return true;
        }
        // Too few polls for a time that is not certain: less of it may leave more.
        let shown = |weights: &[i128], done: &[Done]| {
            let alone = unit.iter().filter(|n| done[**n].is_alone);
            alone.map(|n| weights[*n]).sum::<i128>()
        };
        let is_varying =
            shown(&high, sides.least) != shown(&low, sides.most) || hard.needed != easy.needed;
        if asks && is_reduced && hard.is_short && is_varying {
            return true;
        }
        if hard.is_bare != easy.is_bare {
            return true;
        }
        if rules.field_rounding == FieldRounding::LargestRemainder && cells.len() > 1 {
            let (low, high) = (&sides.units.0[number], &sides.units.1[number]);
            let l = by_cell(rules, items, unit, &low.weights, &cells);
            let h = by_cell(rules, items, unit, &high.weights, &cells);
            if l != h {
                let (n, other) = (
                    crate::credit::steps_of(rules, low.sum),
                    crate::credit::steps_of(rules, high.sum),
                );
                if n != other || n > 0 && !is_settled(n, &l, &h) {
                    return true;
                }
            }
        }
    }
    false
}

/// Whether so many steps are dealt out alike for all weights between these.
fn is_settled(n: i128, l: &[i128], h: &[i128]) -> bool {
    let (sum_l, sum_h): (i128, i128) = (l.iter().sum(), h.iter().sum());
    let ends: Vec<((i128, i128), (i128, i128))> = l
        .iter()
        .zip(h)
        .map(|(l, h)| ((n * l, l + sum_h - h), (n * h, h + sum_l - l)))
        .collect();
    if ends.iter().any(|(lo, hi)| lo.1 == 0 || hi.1 == 0) {
        return false;
    }
    if ends.iter().any(|(lo, hi)| lo.0 / lo.1 != hi.0 / hi.1) {
        return false;
    }
    let left = n - ends.iter().map(|(lo, _)| lo.0 / lo.1).sum::<i128>();
    let is_at_least = |a: (i128, i128), b: (i128, i128)| a.0 % a.1 * b.1 >= b.0 % b.1 * a.1;
    let sure = (0..ends.len()).filter(|own| {
        let rivals = (0..ends.len()).filter(|other| other != own);
        let stronger = rivals
            .filter(|other| is_at_least(ends[*other].1, ends[*own].0))
            .count();
        i128::try_from(stronger).expect("few") < left
    });
    i128::try_from(sure.count()).expect("few") == left
}

/// What a case comes to. `None` where there are more ways than are tried.
pub(crate) fn verdict(case: &Case) -> Option<Verdict> {
    let asked = Asked::new(case);
    let items = items(&case.rules, &case.programme);
    let gathered = gather(case, &case.rules, &items);
    let (by_time, by_say) = ways(case, &gathered)?;
    let told = by_time.first()?;
    let found = asked.earned(told, &gathered);
    let mut reason = asked.reason(told, &gathered, &found);
    let mut is_review = !found.is_settled();
    let stays = matches!(
        reason,
        Reason::NotRegistered
            | Reason::RegistrationCancelled
            | Reason::ManualOverride
            | Reason::MissingCheckIn
            | Reason::MissingCheckOut
            | Reason::ConflictingSignals
    );
    let mut range = found.range();
    for way in by_time.iter().chain(&by_say) {
        let other = asked.earned(way, &gathered);
        range.0 = range.0.min(other.least.all);
        range.1 = range.1.max(other.most.all);
        range.2 |= other.is_open;
    }
    let rules = &case.rules;
    let has_polls = rules.polls.per_credit > Decimal::ZERO
        || rules.polls.min_share > Decimal::ZERO
        || rules.platform_alone != PlatformAlone::Counts;
    if range.2 && (has_polls || rules.caps.day.is_some() || !rules.caps.fields.is_empty()) {
        range = (0, found.full.max(found.most.all), true);
    }
    if !is_review {
        let differs = |other: &Earned| {
            other.range() != found.range() || other.least.cells != found.least.cells
        };
        let by_time = by_time
            .iter()
            .skip(1)
            .any(|way| differs(&asked.earned(way, &gathered)));
        let mut by_say = by_say.iter();
        if by_time {
            is_review = true;
            reason = if stays {
                reason
            } else {
                Reason::ClockUncertain
            };
        } else if by_say.any(|way| differs(&asked.earned(way, &gathered))) {
            is_review = true;
            reason = if stays {
                reason
            } else {
                Reason::InsufficientEvidence
            };
        }
    }
    let has_fields = items.iter().any(|item| !item.session.fields.is_empty());
    let mut fields: Vec<(String, i64)> = Vec::new();
    for ((_, field), credits) in &found.least.cells {
        match fields.iter_mut().find(|(known, _)| known == field) {
            Some((_, sum)) => *sum += credits,
            None => fields.push((field.clone(), *credits)),
        }
    }
    fields.retain(|(_, credits)| *credits > 0 && has_fields && !is_review);
    fields.sort();
    Some(Verdict {
        outcome: if is_review {
            Outcome::Review
        } else {
            found.outcome()
        },
        least: range.0,
        most: range.1,
        full: found.full,
        reason,
        fields,
        engagement: (found.least.engagement.1 > 0).then_some(found.least.engagement),
        parts: found.parts,
    })
}

impl Asked<'_> {
    /// The first defect that made a difference: held good, the day comes out otherwise.
    fn reason(&self, streams: &Streams, gathered: &Gathered, found: &Earned) -> Reason {
        let with = |change: &dyn Fn(&mut Self)| {
            let mut asked = self.clone();
            change(&mut asked);
            asked.earned(streams, gathered)
        };
        let differs = |change: &dyn Fn(&mut Self)| with(change).range() != found.range();
        let always = |asked: &mut Self| match &mut asked.registration {
            Some(registration) => {
                (registration.valid_from, registration.valid_until) = (None, None);
                registration.cancelled = false;
            }
            none => {
                *none = Some(Registration::always(
                    AttendeeId::new("somebody").expect("an id"),
                ));
            }
        };
        let has_words = !gathered.words.is_empty();
        let is_review = self.rules.denial == Denial::Review;
        let is_said = |what: Said| found.said.contains(&what);
        let agreed = |asked: &mut Self| {
            asked.undisputed = true;
            asked.undenied = is_review;
        };
        let no_start =
            |asked: &mut Self| asked.rules.missing_check_in = MissingCheckIn::SessionStart;
        let no_end = |asked: &mut Self| asked.rules.missing_check_out = MissingCheckOut::SessionEnd;
        let engaged = |asked: &mut Self| {
            asked.rules.platform_alone = PlatformAlone::Counts;
            asked.unshort = true;
        };
        let any = |of: &Side| of.bare.contains(&true) || of.short.contains(&true);
        if self.registration.is_none() && (differs(&always) || !found.has_presence && !has_words) {
            return Reason::NotRegistered;
        }
        if self.registration.is_some() && differs(&always) {
            return Reason::RegistrationCancelled;
        }
        if !is_review && is_said(Said::Denied) && differs(&|asked| asked.undenied = true) {
            return Reason::ManualOverride;
        }
        let left_out = gathered.left_out && self.with_all_sources() != found.range();
        if !found.has_presence
            && !is_said(Said::Confirmed)
            && !is_said(Said::Disputed)
            && found.most.all == 0
            && !left_out
        {
            return Reason::NoAttendance;
        }
        if differs(&no_start) {
            return Reason::MissingCheckIn;
        }
        if differs(&no_end) {
            return Reason::MissingCheckOut;
        }
        let is_argued = is_said(Said::Disputed) || is_review && is_said(Said::Denied);
        if is_argued && differs(&agreed) {
            return Reason::ConflictingSignals;
        }
        let is_unsettled = !found.is_settled();
        if is_unsettled
            && !with(&|asked| {
                no_start(asked);
                no_end(asked);
                agreed(asked);
                engaged(asked);
            })
            .is_settled()
        {
            return Reason::ClockUncertain;
        }
        if left_out || found.least.bare.contains(&true) && differs(&engaged) {
            return Reason::InsufficientEvidence;
        }
        if (any(&found.least) || any(&found.most) || found.is_open)
            && differs(&|asked| asked.unshort = true)
        {
            return Reason::InsufficientEngagement;
        }
        if found.overlapped && differs(&|asked| asked.rules.overlap = Overlap::CountEach) {
            return Reason::OverlappingSessions;
        }
        if found.least.is_capped || found.most.is_capped {
            return Reason::CapReached;
        }
        let is_present = found.parts.iter().any(|part| part.most_s > 0);
        match found.outcome() {
            _ if is_unsettled => Reason::ClockUncertain,
            Outcome::None if is_present => Reason::BelowMinimum,
            Outcome::None => Reason::NoAttendance,
            Outcome::Full => Reason::MetDurationThreshold,
            Outcome::Partial | Outcome::Review => Reason::PartialCredit,
        }
    }

    /// What the told way comes to where every source counts.
    fn with_all_sources(&self) -> (i64, i64, bool) {
        let mut asked = self.clone();
        asked.rules.sources = attendance::rules::ALL_SOURCES.to_vec();
        let items = items(&asked.rules, &self.case.programme);
        let gathered = gather(self.case, &asked.rules, &items);
        let mut told = Vec::new();
        for stream in &gathered.streams {
            let seen = stream.iter().map(|s| ways_of(self.case, s)[0].clone());
            told.push(seen.collect::<Vec<_>>());
        }
        asked.earned(&told, &gathered).range()
    }
}
