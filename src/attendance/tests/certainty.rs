//! P4: what is decided for certain is decided whatever the true times were. Small days with every kind of uncertainty, and true times drawn from
//! them: within the intervals, and in the order of each log.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use attendance::agenda::{Programme, Registration, Session, Window};
use attendance::rules::{
    BelowThreshold, InElsewhere, MetAwards, MissingCheckIn, MissingCheckOut, RepeatedOut, Rounding,
    RuleSet, Scope, Threshold, Windows,
};
use attendance::time::Quality;
use attendance::words::{
    AttendeeId, Direction, DirectionSource, Kind, ProgrammeId, RoomId, SessionId, Signal, SignalId,
    Source,
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
    Reason::MissingCheckIn,
    Reason::MissingCheckOut,
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
    (awards, ends).prop_map(|(awards, ends)| RuleSet {
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
    );
    proptest::collection::vec(session, 1..4).prop_map(|drawn| {
        type Drawn = (&'static str, (i64, i64), Option<(i64, i64)>);
        let one = |(number, (room, (from, length), actual)): (usize, Drawn)| Session {
            actual: actual.map(|(from, length)| window(from, length)),
            ..Session::plain(
                SessionId::new(&format!("s{number}")).unwrap(),
                RoomId::new(room).unwrap(),
                window(from, length),
            )
        };
        drawn.into_iter().enumerate().map(one).collect()
    })
}

fn signals() -> impl Strategy<Value = Vec<Signal>> {
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
    );
    proptest::collection::vec(signal, 1..7).prop_map(|mut drawn| {
        // As a rule later entries are of later times.
        drawn.sort_by_key(|(_, _, _, _, (from_s, sooner_s), _)| from_s - sooner_s);
        let one =
            |(number, (log, rooms, direction, toggled, (from_s, _), width_s)): (usize, _)| Signal {
                id: SignalId {
                    log: <&str>::into(log),
                    index: number as u64,
                    row: None,
                },
                source: Source::Scan,
                kind: Kind::Crossing {
                    direction,
                    source: if toggled {
                        DirectionSource::Toggled
                    } else {
                        DirectionSource::Reader
                    },
                },
                session: None,
                device: None,
                rooms: <[&str]>::iter(rooms)
                    .map(|room| RoomId::new(room).unwrap())
                    .collect(),
                at: Interval {
                    earliest: UtcMs(from_s * SECOND_MS),
                    latest: UtcMs((from_s + width_s) * SECOND_MS),
                },
                quality: Quality::Anchored,
                tick: None,
            };
        drawn.into_iter().enumerate().map(one).collect()
    })
}

fn registration() -> impl Strategy<Value = Option<Registration>> {
    let drawn = (
        proptest::option::weighted(0.2, 0_i64..40),
        proptest::option::weighted(0.2, 10_i64..50),
        proptest::bool::weighted(0.05),
    );
    let drawn = drawn.prop_map(|(from_s, until_s, cancelled)| Registration {
        valid_from: from_s.map(|s| UtcMs(s * SECOND_MS)),
        valid_until: until_s.map(|s| UtcMs(s * SECOND_MS)),
        cancelled,
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
                part_of: std::collections::BTreeMap::new(),
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
}

/// The signals at instants within their intervals that never fall along a log; `draws` says where. `None` where there are none.
fn truly(signals: &[Signal], draws: &mut Draws) -> Option<Vec<Signal>> {
    let mut latest: BTreeMap<&str, UtcMs> = BTreeMap::new();
    let mut bounds = vec![UtcMs(0); signals.len()];
    for (number, signal) in signals.iter().enumerate().rev() {
        let bound = latest
            .entry(&signal.id.log)
            .or_insert(UtcMs::DISTANT_FUTURE);
        *bound = (*bound).min(signal.at.latest);
        bounds[number] = *bound;
    }
    let mut reached: BTreeMap<&str, UtcMs> = BTreeMap::new();
    let mut exact = Vec::new();
    for (number, signal) in signals.iter().enumerate() {
        let from = reached.entry(&signal.id.log).or_insert(signal.at.earliest);
        *from = (*from).max(signal.at.earliest);
        let width_ms = bounds[number].0 - from.0;
        if width_ms < 0 {
            return None;
        }
        // Ends and whole seconds often, since there things turn.
        let draw = draws.next();
        let at = match draw % 4 {
            0 => from.0,
            1 => bounds[number].0,
            2 => from.0 + draw / 4 % (width_ms / SECOND_MS + 1) * SECOND_MS,
            _ => from.0 + draw * 7 % (width_ms + 1),
        };
        *from = UtcMs(at);
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
        let said = |d: &Decision| (d.outcome, d.credits);
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
            // A defect may have made no difference; what was earned is named as it is.
            let may_differ = decision.outcome == Outcome::None || is_defect;
            prop_assert!(may_differ || really.reason == decision.reason, "{} {}", really.reason, decision.reason);
            let really = case.decide(&told(&exact, &mut draws));
            prop_assert!(
                really.credits == decision.credits || really.outcome == Outcome::Review,
                "{} {}", really.explanation, decision.explanation
            );
        }
    }
}
