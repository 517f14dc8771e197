//! Cases over every feature of rule sets, with values at the bounds and one second either side likely.

use std::collections::BTreeMap;

use attendance::agenda::{
    Accommodation, FieldShare, Grant, LocalDay, Programme, Registration, Session, Window,
};
use attendance::rules::{
    BelowThreshold, CreditSource, Denial, FieldRounding, InElsewhere, MetAwards, MissingCheckIn,
    MissingCheckOut, Overlap, PlatformAlone, PollShort, RepeatedOut, Rounding, RuleSet, Scope,
    Speakers, Threshold, Windows,
};
use attendance::time::Quality;
use attendance::words::{
    AttendeeId, Direction, DirectionSource, Kind, ProgrammeId, RoomId, SessionId, Signal, SignalId,
    Source,
};
use attendance::{Decimal, Interval};

use crate::day::{Case, DAY_S, at, second};
use crate::random::Random;

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn room(text: &str) -> RoomId {
    RoomId::new(text).expect("a room's id")
}

pub(crate) fn case(random: &mut Random) -> Case {
    let rules = rules(random);
    let programme = programme(random, &rules);
    let mut draft = Draft {
        random,
        rules: &rules,
        programme: &programme,
        passes: Vec::new(),
    };
    draft.visits();
    let passes = draft.passes;
    let now_s = if random.chance(15) {
        random.between(0, DAY_S)
    } else {
        DAY_S
    };
    let signals = signals(random, passes, now_s);
    let registration = registration(random, &programme);
    Case {
        rules,
        programme,
        registration,
        signals,
        now_s,
    }
}

fn rules(random: &mut Random) -> RuleSet {
    let thresholds = [
        Threshold::None,
        Threshold::None,
        Threshold::Full,
        Threshold::Share(decimal("0.5")),
        Threshold::Share(decimal("0.8")),
        Threshold::Share(decimal("0.333333")),
        Threshold::Time { min_ms: 10_000 },
        Threshold::Time { min_ms: 7_000 },
    ];
    let unit_ms = random.one(&[17_000, 20_000, 8_000, 2_300]);
    let step = decimal(random.one(&["1", "0.5", "0.2", "0.25", "0.3"]));
    let mut rules = RuleSet {
        threshold: random.one(&thresholds),
        grace_in_s: random.one(&[0, 0, 2, 4]),
        grace_out_s: random.one(&[0, 0, 2, 4]),
        rounding: random.one(Rounding::ALL),
        scope: random.one(Scope::ALL),
        first_award_min: decimal(random.one(&["0", "0", "1", "0.5"])),
        met_awards: random.one(MetAwards::ALL),
        below_threshold: random.one(BelowThreshold::ALL),
        windows: random.one(&[Windows::Scheduled, Windows::Scheduled, Windows::Actual]),
        missing_check_out: random.one(MissingCheckOut::ALL),
        missing_check_in: random.one(MissingCheckIn::ALL),
        repeated_out: random.one(RepeatedOut::ALL),
        in_elsewhere: random.one(InElsewhere::ALL),
        heartbeat_max_gap_s: random.one(&[0, 3, 3, 5]),
        ..RuleSet::plain("00".repeat(32), "drawn".into(), unit_ms, step)
    };
    if random.chance(25) {
        rules.overlap = Overlap::CountOnce;
    }
    if random.chance(20) {
        rules.excluded_kinds = vec!["break".into()];
    }
    if rules.scope == Scope::Session && random.chance(50) {
        rules.short_segment_under_ms = random.one(&[17_000, 10_000, 20_500]);
    }
    if random.chance(15) {
        rules
            .floor_credits
            .insert("talk".into(), decimal(random.one(&["1", "0.5"])));
    }
    if random.chance(20) {
        rules.credit_source = CreditSource::Value;
        rules.met_awards = MetAwards::Actual;
        rules.below_threshold = BelowThreshold::None;
    }
    if random.chance(30) {
        rules.field_rounding = FieldRounding::PerField;
    }
    special(random, &mut rules);
    rules
}

/// Rules that few sets have.
fn special(random: &mut Random, rules: &mut RuleSet) {
    if random.chance(20) {
        let cap = |random: &mut Random| decimal(random.one(&["1", "2", "0.5", "1.5"]));
        rules.caps.programme = random.chance(50).then(|| cap(random));
        rules.caps.day = random.chance(40).then(|| cap(random));
        for field in ["audit", "tax"] {
            if random.chance(40) {
                rules.caps.fields.insert(field.into(), cap(random));
            }
        }
    }
    if random.chance(30) {
        rules.polls.per_credit = decimal(random.one(&["0", "1", "3", "1.5"]));
        rules.polls.min_share = decimal(random.one(&["0", "0.75", "0.5"]));
        rules.polls.short = random.one(PollShort::ALL);
    }
    if random.chance(25) {
        rules.platform_alone = random.one(PlatformAlone::ALL);
    }
    if random.chance(30) {
        rules.denial = Denial::Review;
    }
    if random.chance(20) {
        rules.speakers = Some(Speakers {
            factor: decimal(random.one(&["1", "2", "0.5", "1.5"])),
            needs_presence: random.chance(50),
        });
    }
    if random.chance(12) {
        let some = [
            vec![Source::Scan],
            vec![Source::Platform, Source::Person],
            vec![Source::Scan, Source::Platform],
            vec![Source::App],
        ];
        rules.sources = random.one(&some);
        if !rules.sources.contains(&Source::Platform) {
            rules.polls = RuleSet::plain(String::new(), String::new(), 1, Decimal::ONE).polls;
            rules.platform_alone = PlatformAlone::Counts;
        }
    }
}

fn window(from_s: i64, length_s: i64) -> Window {
    Window::new(at(from_s), at(from_s + length_s)).expect("a length above zero")
}

fn programme(random: &mut Random, rules: &RuleSet) -> Programme {
    let has_fields = random.chance(40);
    let has_parts = random.chance(20);
    let count = random.between(1, 5);
    let sessions = (0..count)
        .map(|number| session(random, rules, number, has_fields))
        .collect();
    let mut programme = Programme {
        id: ProgrammeId::new("drawn").expect("a programme's id"),
        title: "Drawn".into(),
        sessions,
        part_of: BTreeMap::new(),
    };
    if has_parts {
        programme.part_of.insert(room("salon"), room("hall"));
        if random.chance(40) {
            programme.part_of.insert(room("nook"), room("salon"));
        }
    }
    programme
}

fn session(random: &mut Random, rules: &RuleSet, number: i64, has_fields: bool) -> Session {
    let (start_s, length_s) = (
        random.between(0, 30) * 6,
        random.one(&[7, 8, 10, 17, 17, 20, 25, 34, 50]),
    );
    let place = room(random.one(&["hall", "hall", "salon", "lab", "nook"]));
    let id = SessionId::new(&format!("s{number}")).expect("a session's id");
    let mut session = Session::plain(id, place, window(start_s, length_s));
    if random.chance(15) {
        let late_s = random.between(0, 10);
        session.actual = Some(window(start_s + late_s, length_s + random.between(-4, 10)));
    } else if length_s >= 17 && random.chance(12) {
        let (first_s, gap_s) = (random.between(3, 8), random.between(1, 6));
        session.parts = vec![
            window(start_s, first_s),
            window(start_s + first_s + gap_s, length_s - first_s - gap_s),
        ];
    }
    if random.chance(12) {
        let from_s = start_s + random.between(-2, length_s);
        session.excluded.push(window(from_s, random.between(1, 6)));
    }
    session.kind = random.one(&["session", "session", "talk", "break"]).into();
    if rules.credit_source == CreditSource::Value && random.chance(70) {
        session.credit_value = Some(decimal(random.one(&["1", "0.5", "1.7", "2"])));
    }
    if has_fields && random.chance(80) {
        let share = |field: &str, weight| FieldShare {
            field: field.into(),
            weight,
        };
        session.fields = random.one(&[
            vec![share("audit", 1)],
            vec![share("tax", 2), share("audit", 1)],
            vec![share("audit", 1), share("ethics", 1), share("tax", 1)],
        ]);
    }
    session.day = Some(LocalDay(
        if start_s < 100 {
            "2001-01-01"
        } else {
            "2001-01-02"
        }
        .into(),
    ));
    session.polls_offered = random.one(&[None, Some(1), Some(3), Some(4)]);
    session
}

/// A signal before it has its id.
struct Pass {
    at_s: i64,
    log: String,
    source: Source,
    kind: Kind,
    rooms: Vec<RoomId>,
    session: Option<SessionId>,
    device: Option<&'static str>,
    /// Whether it is a row of an object, not an entry of a journal.
    is_row: bool,
}

struct Draft<'a> {
    random: &'a mut Random,
    rules: &'a RuleSet,
    programme: &'a Programme,
    passes: Vec<Pass>,
}

impl Draft<'_> {
    fn visits(&mut self) {
        for session in &self.programme.sessions {
            for _ in 0..self.random.one(&[0, 1, 1, 1, 2]) {
                if self.random.chance(30) {
                    self.online(session);
                } else {
                    self.visit(session);
                }
            }
            if self.random.chance(6) {
                self.word(session);
            }
        }
        for _ in 0..self.random.one(&[0, 0, 0, 1, 2]) {
            let at_s = self.random.between(0, DAY_S);
            let rooms = vec![room(
                self.random
                    .one(&["hall", "salon", "lab", "nook", "nowhere"]),
            )];
            let way = self.random.one(Direction::ALL);
            self.pass(at_s, way, rooms);
            if self.random.chance(10)
                && let Some(pass) = self.passes.last_mut()
            {
                let id = self.random.one(&["s0", "s1", "s9"]);
                pass.session = Some(SessionId::new(id).expect("a session's id"));
                if at_s % 2 == 0 {
                    pass.rooms.clear();
                }
            }
        }
    }

    /// A person says something of a session, or somebody claims to have been there.
    fn word(&mut self, session: &Session) {
        let kinds = [Kind::Confirmed, Kind::Denied, Kind::Denied, Kind::Attested];
        for _ in 0..self.random.one(&[1, 1, 1, 2]) {
            let kind = self.random.one(&kinds);
            let source = match kind {
                Kind::Attested => Source::Claim,
                _ => Source::Person,
            };
            let at_s = self.random.between(0, DAY_S);
            self.row(
                at_s,
                source,
                kind,
                Vec::new(),
                Some(session.id.clone()),
                None,
            );
        }
    }

    /// Somebody joins on a device: joins, leaves, signs of life and answers, some of them missing.
    fn online(&mut self, session: &Session) {
        let (from_s, to_s) = self.times(session);
        let device = self
            .random
            .one(&[None, Some("tablet"), Some("laptop"), Some("laptop")]);
        let rooms = vec![session.room.clone()];
        let crossing = |direction| Kind::Crossing {
            direction,
            source: DirectionSource::Reader,
        };
        if self.random.chance(70) {
            self.row(
                from_s,
                Source::Platform,
                crossing(Direction::In),
                rooms.clone(),
                None,
                device,
            );
        }
        if self.random.chance(70) {
            self.row(
                to_s,
                Source::Platform,
                crossing(Direction::Out),
                rooms.clone(),
                None,
                device,
            );
        }
        let mut beat_s = from_s;
        let gap_s = i64::from(self.rules.heartbeat_max_gap_s);
        while self.random.chance(75) {
            self.row(
                beat_s,
                Source::Platform,
                Kind::Heartbeat,
                rooms.clone(),
                None,
                device,
            );
            beat_s += self.random.one(&[gap_s.max(1), gap_s.max(1), gap_s + 1, 2]);
        }
        while self.random.chance(60) {
            let poll = self.random.one(&["p1", "p2", "p3"]).into();
            let at_s = self.random.between(from_s, to_s.max(from_s) + 1);
            let names = self.random.chance(50).then(|| session.id.clone());
            let rooms = if names.is_some() {
                Vec::new()
            } else {
                rooms.clone()
            };
            self.row(
                at_s,
                Source::Platform,
                Kind::Poll { poll },
                rooms,
                names,
                device,
            );
        }
    }

    /// A row of a report, whose rows have no order but their times.
    fn row(
        &mut self,
        at_s: i64,
        source: Source,
        kind: Kind,
        rooms: Vec<RoomId>,
        session: Option<SessionId>,
        device: Option<&'static str>,
    ) {
        self.passes.push(Pass {
            at_s,
            log: "ledger".into(),
            source,
            kind,
            rooms,
            session,
            device,
            is_row: true,
        });
    }

    /// When somebody comes to a session and goes, often at a second where something turns.
    fn times(&mut self, session: &Session) -> (i64, i64) {
        let window = match session.actual {
            Some(actual) if self.rules.windows == Windows::Actual => actual,
            _ => session.scheduled,
        };
        let (start_s, end_s) = (second(window.start), second(window.end));
        let (grace_in_s, grace_out_s) = (
            i64::from(self.rules.grace_in_s),
            i64::from(self.rules.grace_out_s),
        );
        let about = self.random.one(&[-1, 0, 0, 1]);
        let from_s = match self.random.between(0, 6) {
            0 | 1 => start_s + about,
            2 | 3 => start_s + grace_in_s + about,
            4 => start_s - self.random.between(0, 14),
            _ => self.random.between(start_s, end_s),
        };
        let needed_s = match self.rules.threshold {
            Threshold::Share(share) => (end_s - start_s) * share.millionths() / 1_000_000,
            Threshold::Time { min_ms } => min_ms / 1_000,
            Threshold::None | Threshold::Full => self.rules.credit_unit_ms / 2_000,
        };
        let about = self.random.one(&[-1, 0, 0, 1]);
        let to_s = match self.random.between(0, 8) {
            0 | 1 => end_s + about,
            2 | 3 => end_s - grace_out_s + about,
            4 => end_s + self.random.between(0, 14),
            5 | 6 => from_s.max(start_s) + needed_s + about,
            _ => from_s + self.random.between(0, end_s - start_s + 1),
        };
        (from_s, to_s)
    }

    /// Somebody comes through a door and goes, or forgets to say so.
    fn visit(&mut self, session: &Session) {
        let (from_s, to_s) = self.times(session);
        let (start_s, end_s) = (
            second(session.scheduled.start),
            second(session.scheduled.end),
        );
        let rooms = self.rooms(session);
        if !self.random.chance(12) {
            self.pass(from_s, Direction::In, rooms.clone());
        }
        if self.random.chance(15) {
            let at_s = self.random.between(start_s, end_s);
            self.pass(at_s, Direction::Seen, rooms.clone());
        }
        let other_door = !self.programme.part_of.is_empty() && self.random.chance(25);
        if other_door {
            let other = vec![room(self.random.one(&["hall", "salon", "nook"]))];
            self.pass(to_s, Direction::Out, other);
        } else if !self.random.chance(15) {
            self.pass(to_s, Direction::Out, rooms.clone());
        }
        if self.random.chance(8) {
            let at_s = to_s + self.random.between(0, 7);
            self.pass(at_s, Direction::Out, rooms);
        }
    }

    fn rooms(&mut self, session: &Session) -> Vec<RoomId> {
        let mut rooms = vec![session.room.clone()];
        if self.random.chance(10) {
            let other = room(self.random.one(&["hall", "salon", "lab"]));
            if other != session.room {
                rooms.insert(usize::from(self.random.chance(50)), other);
            }
        }
        rooms
    }

    fn pass(&mut self, at_s: i64, direction: Direction, rooms: Vec<RoomId>) {
        let source = match self.random.chance(7) {
            true => DirectionSource::Toggled,
            false => DirectionSource::Reader,
        };
        self.passes.push(Pass {
            at_s,
            log: format!("door-{}-{}", rooms[0], self.random.between(1, 3)),
            source: self
                .random
                .one(&[Source::Scan, Source::Scan, Source::Scan, Source::App]),
            kind: Kind::Crossing { direction, source },
            rooms,
            session: None,
            device: None,
            is_row: false,
        });
    }
}

fn signals(random: &mut Random, mut passes: Vec<Pass>, now_s: i64) -> Vec<Signal> {
    passes.retain(|pass| (0..=now_s.min(DAY_S - 1)).contains(&pass.at_s));
    passes.sort_by_key(|pass| pass.at_s);
    let mut signals = Vec::new();
    for (number, pass) in (0_u32..).zip(passes) {
        let signal = Signal {
            id: SignalId {
                log: pass.log.into(),
                index: if pass.is_row { 0 } else { number.into() },
                row: pass.is_row.then_some(number),
            },
            source: pass.source,
            kind: pass.kind,
            rooms: pass.rooms,
            session: pass.session,
            device: pass.device.map(Into::into),
            at: Interval::exactly(at(pass.at_s)),
            quality: Quality::Anchored,
            tick: None,
        };
        // One id is counted once, and no order matters.
        let place = random.between(0, i64::try_from(signals.len()).expect("few") + 1);
        if random.chance(5) {
            signals.push(signal.clone());
        }
        signals.insert(usize::try_from(place).expect("within"), signal);
    }
    signals
}

fn registration(random: &mut Random, programme: &Programme) -> Option<Registration> {
    if random.chance(3) {
        return None;
    }
    let mut registration = Registration::always(AttendeeId::new("somebody").expect("an id"));
    if random.chance(10) {
        registration.valid_from = Some(at(random.between(0, 100)));
    }
    if random.chance(10) {
        registration.valid_until = Some(at(random.between(80, DAY_S)));
    }
    registration.cancelled = random.chance(3);
    for session in &programme.sessions {
        if random.chance(10) {
            registration.speaks.push(session.id.clone());
        }
        if random.chance(5) {
            let grants = [Grant::Whole, Grant::Extra(3_000), Grant::Extra(10_000)];
            registration.accommodations.push(Accommodation {
                session: random.chance(70).then(|| session.id.clone()),
                grant: random.one(&grants),
            });
        }
    }
    if random.chance(3) {
        // Valid at no time.
        registration.valid_until = Some(registration.valid_from.unwrap_or(at(40)));
        registration.valid_from = registration.valid_until;
    }
    Some(registration)
}

/// A case some of whose times are known only to a second or two.
pub(crate) fn unsure(random: &mut Random, mut case: Case) -> Case {
    let count = i64::try_from(case.signals.len()).expect("few");
    for _ in 0..random.between(1, 4) {
        if count == 0 {
            break;
        }
        let chosen = usize::try_from(random.between(0, count)).expect("within");
        let (id, wide_ms) = (
            case.signals[chosen].id.clone(),
            random.between(1, 3) * 1_000,
        );
        for signal in case.signals.iter_mut().filter(|s| s.id == id) {
            signal.at.latest = signal.at.earliest.plus_ms(wide_ms);
        }
    }
    case
}

/// A case as lines that a person can follow: rules, registration, sessions, signals by time in seconds.
pub(crate) fn told(case: &Case) -> String {
    let span = |window: &Window| (second(window.start), second(window.end));
    let mut text = format!(
        "{:?}\n{:?}\nnow {}\n",
        case.rules, case.registration, case.now_s
    );
    for s in &case.programme.sessions {
        let spans = |of: &[Window]| of.iter().map(span).collect::<Vec<_>>();
        text += &format!(
            "{} in {} ({}) {:?} actual {:?} parts {:?} excluded {:?} value {:?} polls {:?} {:?} {:?}\n",
            s.id,
            s.room,
            s.kind,
            span(&s.scheduled),
            s.actual.as_ref().map(span),
            spans(&s.parts),
            spans(&s.excluded),
            s.credit_value,
            s.polls_offered,
            s.day,
            s.fields,
        );
    }
    text += &format!("{:?}\n", case.programme.part_of);
    let mut signals: Vec<&Signal> = case.signals.iter().collect();
    signals.sort_by_key(|s| (s.at.earliest, s.id.clone()));
    for s in signals {
        let (from_s, to_s) = (second(s.at.earliest), second(s.at.latest));
        text += &format!(
            "{from_s}..{to_s} {} {} {:?} {:?} {:?} {:?}\n",
            s.id, s.source, s.kind, s.rooms, s.session, s.device
        );
    }
    text
}
