//! P4: what is decided for certain is decided whatever the true times were. Small days with every kind of uncertainty, and true times drawn from
//! them: within the intervals, and in the order of each log.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use attendance::agenda::{
    Accommodation, FieldShare, Grant, LocalDay, Programme, Registration, Session, Window,
};
use attendance::rules::{
    BelowThreshold, Caps, Denial, FieldRounding, InElsewhere, MetAwards, MissingCheckIn,
    MissingCheckOut, Overlap, PlatformAlone, PollShort, Polls, RepeatedOut, Rounding, RuleSet,
    Scope, Threshold, Windows,
};
use attendance::time::Quality;
use attendance::words::{
    AttendeeId, Direction, DirectionSource, Kind, ProgrammeId, RoomId, SessionId, Signal, SignalId,
    Source, Tick,
};
use attendance::{Decimal, Decision, Evidence, Interval, Known, Outcome, Reason, UtcMs, decide};
use proptest::prelude::*;
use proptest::sample::select;

const SECOND_MS: i64 = 1_000;
/// When all sessions are over, in seconds.
const OVER_S: i64 = 100;
/// Reasons that say what kept somebody from earning more.
const DEFECTS: &[Reason] = &[
    Reason::NotRegistered,
    Reason::RegistrationCancelled,
    Reason::ManualOverride,
    Reason::MissingCheckIn,
    Reason::MissingCheckOut,
];
/// Reasons that name what may have taken something off, where the clock leaves open whether it did.
const PERHAPS: &[Reason] = &[
    Reason::InsufficientEvidence,
    Reason::InsufficientEngagement,
    Reason::OverlappingSessions,
    Reason::CapReached,
];
/// How many true days are drawn for each day.
const TRUE_DAYS: usize = 24;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn rules() -> impl Strategy<Value = RuleSet> {
    let thresholds = vec![
        Threshold::None,
        Threshold::Full,
        Threshold::Share(decimal("0.5")),
        Threshold::Time { min_ms: 7_000 },
    ];
    let awards = (
        select(thresholds),
        select(MetAwards::ALL),
        select(BelowThreshold::ALL),
        select(Rounding::ALL),
        select(Scope::ALL),
        select(Windows::ALL),
    );
    let ends = (
        select(MissingCheckOut::ALL),
        select(MissingCheckIn::ALL),
        select(RepeatedOut::ALL),
        select(InElsewhere::ALL),
        select(vec![0_u32, 2, 6]),
        select(vec![0_u32, 2, 6]),
    );
    let kinds = (
        select(Overlap::ALL),
        select(vec![0_u32, 3]),
        select(FieldRounding::ALL),
        select(PollShort::ALL),
        select(PlatformAlone::ALL),
        select(Denial::ALL),
        (
            proptest::bool::weighted(0.3),
            proptest::bool::weighted(0.3),
            proptest::bool::weighted(0.3),
        ),
        select(vec![0_i64, 8]),
    );
    (awards, ends, kinds).prop_map(|(awards, ends, kinds)| RuleSet {
        overlap: kinds.0,
        heartbeat_max_gap_s: kinds.1,
        field_rounding: kinds.2,
        polls: Polls {
            per_credit: decimal(if kinds.6.0 { "0.7" } else { "0" }),
            min_share: Decimal::ZERO,
            short: kinds.3,
        },
        platform_alone: kinds.4,
        denial: kinds.5,
        caps: Caps {
            fields: kinds
                .6
                .1
                .then(|| ("f".into(), decimal("1")))
                .into_iter()
                .collect(),
            day: kinds.6.2.then(|| decimal("2")),
            programme: None,
        },
        short_segment_under_ms: kinds.7 * SECOND_MS,
        threshold: awards.0,
        met_awards: awards.1,
        below_threshold: awards.2,
        rounding: awards.3,
        scope: awards.4,
        windows: awards.5,
        missing_check_out: ends.0,
        missing_check_in: ends.1,
        repeated_out: ends.2,
        in_elsewhere: ends.3,
        grace_in_s: ends.4,
        grace_out_s: ends.5,
        ..RuleSet::plain(
            "00".repeat(32),
            "drawn".into(),
            5 * SECOND_MS,
            decimal("0.5"),
        )
    })
}

fn window(from_s: i64, length_s: i64) -> Window {
    let end = UtcMs((from_s + length_s) * SECOND_MS);
    Window::new(UtcMs(from_s * SECOND_MS), end).unwrap()
}

fn sessions() -> impl Strategy<Value = Vec<Session>> {
    let session = (
        select(vec!["a", "a", "b"]),
        (0_i64..30, 5_i64..20),
        proptest::option::weighted(0.2, (0_i64..30, 5_i64..20)),
        proptest::option::weighted(0.2, (0_i64..30, 1_i64..6)),
        proptest::option::weighted(0.2, (2_i64..4, 4_i64..6)),
        (0_u32..3, 0_u32..3, proptest::bool::ANY),
    );
    proptest::collection::vec(session, 1..4).prop_map(|drawn| {
        type Stretch = Option<(i64, i64)>;
        type Drawn = (
            &'static str,
            (i64, i64),
            Stretch,
            Stretch,
            Stretch,
            (u32, u32, bool),
        );
        let share = |field: &str, weight: u32| {
            (weight > 0).then(|| FieldShare {
                field: field.into(),
                weight,
            })
        };
        let one =
            |(number, (room, (from, length), actual, excluded, split, fields)): (usize, Drawn)| {
                Session {
                    actual: actual.map(|(from, length)| window(from, length)),
                    excluded: excluded
                        .map(|(from, length)| window(from, length))
                        .into_iter()
                        .collect(),
                    parts: split.map_or(Vec::new(), |(first, second)| {
                        vec![window(from, first), window(from + second, length)]
                    }),
                    fields: [share("f", fields.0), share("g", fields.1)]
                        .into_iter()
                        .flatten()
                        .collect(),
                    day: Some(LocalDay(if fields.2 { "1".into() } else { "2".into() })),
                    ..Session::plain(
                        SessionId::new(&format!("s{number}")).unwrap(),
                        RoomId::new(room).unwrap(),
                        window(from, length),
                    )
                }
            };
        drawn.into_iter().enumerate().map(one).collect()
    })
}

/// What a drawn signal is: a door's crossing as a rule.
#[derive(Clone, Copy, Debug)]
enum What {
    Scan,
    Join(&'static str),
    Beat(&'static str),
    Poll,
    Word(bool),
}

fn signals() -> impl Strategy<Value = Vec<Signal>> {
    let whats = vec![
        What::Scan,
        What::Scan,
        What::Scan,
        What::Scan,
        What::Scan,
        What::Scan,
        What::Join("d1"),
        What::Join("d2"),
        What::Beat("d1"),
        What::Beat("d1"),
        What::Beat("d1"),
        What::Poll,
        What::Word(true),
        What::Word(false),
    ];
    let signal = (
        select(vec!["door-1", "door-2", "door-3"]),
        select(vec![
            &["a"][..],
            &["a"],
            &["b"],
            &["a", "b"],
            &["b", "a"],
            &["c"],
        ]),
        select(vec![
            Direction::In,
            Direction::Out,
            Direction::In,
            Direction::Out,
            Direction::Seen,
        ]),
        proptest::bool::weighted(0.1),
        (0_i64..45, 0_i64..4),
        select(vec![0_i64, 1, 1, 2, 5, 20]),
        select(whats),
        0_usize..3,
    );
    proptest::collection::vec(signal, 1..8).prop_map(|mut drawn| {
        // As a rule later entries are of later times.
        drawn.sort_by_key(|(_, _, _, _, (from_s, sooner_s), ..)| from_s - sooner_s);
        let mut all = Vec::new();
        let mut clocks: BTreeMap<&str, i64> = BTreeMap::new();
        for (
            number,
            (log, rooms, direction, toggled, (from_s, sooner_s), width_s, what, session),
        ) in drawn.into_iter().enumerate()
        {
            // One door's clock runs on, and each of its entries is known as well as its interval is wide.
            let nominal = clocks.entry(log).or_insert(0);
            *nominal = from_s.max(*nominal);
            let is_ticking = log == "door-1" && matches!(what, What::Scan);
            let (earliest_s, tick) = if is_ticking {
                let tick = Tick {
                    log: log.into(),
                    segment: 0,
                    raw_ms: u64::try_from(*nominal * SECOND_MS).unwrap(),
                };
                ((*nominal - sooner_s.min(width_s)).max(0), Some(tick))
            } else {
                (from_s, None)
            };
            let session = SessionId::new(&format!("s{session}")).unwrap();
            let is_of_session = direction == Direction::In;
            all.push(Signal {
                id: SignalId {
                    log: <&str>::into(log),
                    index: number as u64,
                    row: (!matches!(what, What::Scan)).then_some(0),
                },
                source: match what {
                    What::Scan => Source::Scan,
                    What::Join(_) | What::Beat(_) | What::Poll => Source::Platform,
                    What::Word(_) => Source::Person,
                },
                kind: match what {
                    What::Scan | What::Join(_) => Kind::Crossing {
                        direction,
                        source: if toggled {
                            DirectionSource::Toggled
                        } else {
                            DirectionSource::Reader
                        },
                    },
                    What::Beat(_) => Kind::Heartbeat,
                    What::Poll => Kind::Poll {
                        poll: number.to_string().as_str().into(),
                    },
                    What::Word(true) => Kind::Confirmed,
                    What::Word(false) => Kind::Denied,
                },
                session: match what {
                    What::Word(_) => Some(session),
                    What::Poll => is_of_session.then_some(session),
                    _ => None,
                },
                device: match what {
                    What::Join(device) | What::Beat(device) => Some(<&str>::into(device)),
                    _ => None,
                },
                rooms: if matches!(what, What::Word(_)) {
                    Vec::new()
                } else {
                    // Where something without an order was is no question.
                    let several = if matches!(what, What::Scan) { 2 } else { 1 };
                    let rooms = <[&str]>::iter(rooms).take(several);
                    rooms.map(|room| RoomId::new(room).unwrap()).collect()
                },
                at: Interval {
                    earliest: UtcMs(earliest_s * SECOND_MS),
                    latest: UtcMs((earliest_s + width_s) * SECOND_MS),
                },
                quality: Quality::Anchored,
                tick,
            });
        }
        all
    })
}

fn registration() -> impl Strategy<Value = Option<Registration>> {
    let drawn = (
        proptest::option::weighted(0.2, 0_i64..40),
        proptest::option::weighted(0.2, 10_i64..50),
        proptest::bool::weighted(0.05),
        proptest::option::weighted(0.2, 1_i64..5),
    );
    let drawn = drawn.prop_map(|(from_s, until_s, cancelled, extra_s)| Registration {
        valid_from: from_s.map(|s| UtcMs(s * SECOND_MS)),
        valid_until: until_s.map(|s| UtcMs(s * SECOND_MS)),
        cancelled,
        accommodations: extra_s
            .map(|s| Accommodation {
                session: None,
                grant: Grant::Extra(s * SECOND_MS),
            })
            .into_iter()
            .collect(),
        ..Registration::always(AttendeeId::new("a-1").unwrap())
    });
    proptest::option::weighted(0.97, drawn)
}

#[derive(Clone, Debug)]
struct Case {
    rules: RuleSet,
    programme: Programme,
    signals: Vec<Signal>,
    registration: Option<Registration>,
}

impl Case {
    fn decide(&self, signals: &[Signal]) -> Decision {
        let known = Known {
            now: UtcMs(OVER_S * SECOND_MS),
            incomplete_doors: vec![],
        };
        let evidence = Evidence {
            signals,
            registration: self.registration.as_ref(),
        };
        decide(&self.rules, &self.programme, evidence, &known)
    }
}

fn case() -> impl Strategy<Value = Case> {
    (rules(), sessions(), signals(), registration()).prop_map(
        |(rules, sessions, signals, registration)| Case {
            rules,
            programme: Programme {
                id: ProgrammeId::new("p").unwrap(),
                title: "P".into(),
                sessions,
                part_of: [("c", "b")]
                    .map(|(part, whole)| (RoomId::new(part).unwrap(), RoomId::new(whole).unwrap()))
                    .into(),
            },
            signals,
            registration,
        },
    )
}

/// Numbers drawn one after the other from a seed (SplitMix64).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i64::from(u16::try_from(drawn >> 48).unwrap())
    }

    /// One of 0 to so many milliseconds: ends and whole seconds often, since there things turn.
    fn within(&mut self, width_ms: i64) -> i64 {
        let draw = self.next();
        match draw % 4 {
            0 => 0,
            1 => width_ms,
            2 => draw / 4 % (width_ms / SECOND_MS + 1) * SECOND_MS,
            _ => draw * 7 % (width_ms + 1),
        }
    }
}

/// The signals at instants within their intervals that never fall along a log, and of which one clock's keep their distances;
/// `draws` says where. `None` where there are none.
fn truly(signals: &[Signal], draws: &mut Draws) -> Option<Vec<Signal>> {
    let is_row = |signal: &Signal| signal.id.row.is_some();
    let raw_ms = |signal: &Signal| {
        let tick = signal.tick.as_ref();
        tick.map(|tick| i64::try_from(tick.raw_ms).unwrap())
    };
    let mut shift = (-OVER_S * SECOND_MS, OVER_S * SECOND_MS);
    for signal in signals {
        if let Some(raw_ms) = raw_ms(signal) {
            shift.0 = shift.0.max(signal.at.earliest.0 - raw_ms);
            shift.1 = shift.1.min(signal.at.latest.0 - raw_ms);
        }
    }
    if shift.0 > shift.1 {
        return None;
    }
    let shift_ms = shift
        .0
        .saturating_add(draws.within(shift.1.saturating_sub(shift.0)));
    let mut latest: BTreeMap<&str, UtcMs> = BTreeMap::new();
    let mut bounds = vec![UtcMs(0); signals.len()];
    for (number, signal) in signals.iter().enumerate().rev() {
        if is_row(signal) {
            bounds[number] = signal.at.latest;
            continue;
        }
        let bound = latest
            .entry(&signal.id.log)
            .or_insert(UtcMs::DISTANT_FUTURE);
        *bound = (*bound).min(signal.at.latest);
        bounds[number] = *bound;
    }
    let mut reached: BTreeMap<&str, UtcMs> = BTreeMap::new();
    let mut exact = Vec::new();
    for (number, signal) in signals.iter().enumerate() {
        let mut own = signal.at.earliest;
        if !is_row(signal) {
            own = own.max(*reached.get(&*signal.id.log).unwrap_or(&own));
        }
        let width_ms = bounds[number].0 - own.0;
        if width_ms < 0 {
            return None;
        }
        let at = match raw_ms(signal) {
            Some(raw_ms) => raw_ms + shift_ms,
            None => own.0 + draws.within(width_ms),
        };
        if !is_row(signal) {
            reached.insert(&signal.id.log, UtcMs(at));
        }
        exact.push(Signal {
            at: Interval::exactly(UtcMs(at)),
            ..signal.clone()
        });
    }
    Some(exact)
}

/// Toggled scans as what they really were; `draws` says which way.
fn told(signals: &[Signal], draws: &mut Draws) -> Vec<Signal> {
    let one = |signal: &Signal| {
        let mut signal = signal.clone();
        if !matches!(signal.kind, Kind::Crossing { .. }) {
            return signal;
        }
        let mut direction = signal.direction();
        if signal.is_toggled() && draws.next() % 2 == 1 {
            direction = match direction {
                Direction::In => Direction::Out,
                Direction::Out => Direction::In,
                Direction::Seen => Direction::Seen,
            };
        }
        signal.kind = Kind::Crossing {
            direction,
            source: DirectionSource::Reader,
        };
        signal
    };
    signals.iter().map(one).collect()
}

proptest! {
    /// What somebody really has lies in what a reviewer is told, also where nothing is certain.
    #[test]
    fn what_is_open_spans_all_true_times(
        case in case(),
        seed in any::<u64>(),
    ) {
        let decision = case.decide(&case.signals);
        let mut draws = Draws(seed);
        for _ in 0..TRUE_DAYS {
            let Some(exact) = truly(&case.signals, &mut draws) else {
                return Ok(());
            };
            let really = case.decide(&exact);
            let (least, most) = (decision.range.0 <= really.range.0, really.range.1 <= decision.range.1);
            prop_assert!(least && most, "{}\n{}", really.explanation, decision.explanation);
        }
    }

    /// A certain decision is the same at all true times, and whichever way toggled scans really went.
    #[test]
    fn what_is_certain_is_so_at_all_true_times(
        case in case(),
        seed in any::<u64>(),
    ) {
        let decision = case.decide(&case.signals);
        if decision.outcome == Outcome::Review {
            return Ok(());
        }
        let said = |d: &Decision| (d.outcome, d.credits, d.fields.clone());
        let mut draws = Draws(seed);
        for _ in 0..TRUE_DAYS {
            let Some(exact) = truly(&case.signals, &mut draws) else {
                prop_assert!(false, "a log that contradicts itself is decided for certain: {decision:?}");
                return Ok(());
            };
            let really = case.decide(&exact);
            let is_defect = DEFECTS.contains(&decision.reason);
            prop_assert!(
                said(&really) == said(&decision) || (is_defect && really.outcome == Outcome::Review),
                "{} {}", really.explanation, decision.explanation
            );
            // What kept somebody from more may be so in one reading and not in another that earns the same; the told one's reason
            // stands. What was earned is named as it is.
            let is_named = |reason| DEFECTS.contains(reason) || PERHAPS.contains(reason);
            let may_differ = decision.outcome == Outcome::None
                || is_named(&decision.reason)
                || is_named(&really.reason);
            prop_assert!(may_differ || really.reason == decision.reason, "{} {}", really.reason, decision.reason);
            let really = case.decide(&told(&exact, &mut draws));
            prop_assert!(
                really.credits == decision.credits || really.outcome == Outcome::Review,
                "{} {}", really.explanation, decision.explanation
            );
        }
    }
}
