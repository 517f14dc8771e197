//! Laws that hold whatever the day: of order and duplicates, of time shifted as a whole, of more attendance, of wider uncertainty, and of
//! values that nobody would send.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use attendance::agenda::{
    Accommodation, FieldShare, Grant, LocalDay, Programme, Registration, Session, Window,
};
use attendance::rules::{
    BelowThreshold, Caps, CreditSource, Denial, FieldRounding, InElsewhere, MetAwards,
    MissingCheckIn, MissingCheckOut, Overlap, PlatformAlone, PollShort, Polls, RepeatedOut,
    Rounding, RuleSet, Scope, Speakers, Threshold,
};
use attendance::time::Quality;
use attendance::words::{
    AttendeeId, Direction, DirectionSource, DoorId, Kind, ProgrammeId, RoomId, SessionId, Signal,
    SignalId, Source, Tick,
};
use attendance::{Decimal, Decision, Evidence, Interval, Known, Outcome, Plan, UtcMs, decide};
use proptest::prelude::*;
use proptest::sample::select;

const MIN: i64 = 60_000;
const ROOMS: [&str; 3] = ["a", "b", "c"];

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn room(name: &str) -> RoomId {
    RoomId::new(name).unwrap()
}

fn programme(sessions: Vec<Session>) -> Programme {
    Programme {
        id: ProgrammeId::new("p").unwrap(),
        title: "P".into(),
        sessions,
        part_of: [(room("c"), room("b"))].into(),
    }
}

fn session(number: usize, name: &str, from_ms: i64, to_ms: i64) -> Session {
    let window = Window {
        start: UtcMs(from_ms),
        end: UtcMs(to_ms),
    };
    Session::plain(
        SessionId::new(&format!("s{number}")).unwrap(),
        room(name),
        window,
    )
}

fn sessions() -> impl Strategy<Value = Vec<Session>> {
    let one = (select(&ROOMS[..]), 0_i64..100, 5_i64..60, 0_u32..3);
    proptest::collection::vec(one, 1..5).prop_map(|drawn| {
        let of = |(number, (room, from, length, weight)): (usize, (&str, i64, i64, u32))| Session {
            fields: (0..weight)
                .map(|field| FieldShare {
                    field: ["f", "g"][field as usize].into(),
                    weight: field + 1,
                })
                .collect(),
            day: Some(LocalDay(if from > 50 { "2".into() } else { "1".into() })),
            ..session(number, room, from * MIN, (from + length) * MIN)
        };
        drawn.into_iter().enumerate().map(of).collect()
    })
}

fn scan(number: usize, name: &str, direction: Direction, at: Interval) -> Signal {
    Signal {
        id: SignalId {
            log: "log".into(),
            index: number as u64,
            row: None,
        },
        source: Source::Scan,
        kind: Kind::Crossing {
            direction,
            source: DirectionSource::Reader,
        },
        rooms: vec![room(name)],
        session: None,
        device: None,
        at,
        quality: Quality::Anchored,
        tick: None,
    }
}

fn minute(at: i64) -> Interval {
    Interval::exactly(UtcMs(at * MIN))
}

/// Stays of one room each, as scans of a log, as joins and leaves of devices, or as heartbeats a minute apart.
fn stays() -> impl Strategy<Value = Vec<Signal>> {
    let stay = (select(&ROOMS[..]), 0_i64..140, 1_i64..40, 0_u8..3);
    proptest::collection::vec(stay, 0..5).prop_map(|drawn| {
        let mut all = Vec::new();
        let mut scans = Vec::new();
        for (device, (name, from, length, how)) in drawn.into_iter().enumerate() {
            let to = from + length;
            match how {
                0 => scans.push((from, to, name)),
                1 => {
                    for (direction, at) in [(Direction::In, from), (Direction::Out, to)] {
                        all.push(platform(
                            all.len(),
                            name,
                            device,
                            minute(at),
                            Some(direction),
                        ));
                    }
                }
                _ => {
                    for at in from..=to {
                        all.push(platform(all.len(), name, device, minute(at), None));
                    }
                }
            }
        }
        // One person goes through doors one after the other.
        scans.sort_unstable();
        let mut reached = -1;
        for (from, to, name) in scans {
            if from > reached {
                for (direction, at) in [(Direction::In, from), (Direction::Out, to)] {
                    all.push(scan(all.len(), name, direction, minute(at)));
                }
                reached = to;
            }
        }
        all
    })
}

fn platform(
    number: usize,
    name: &str,
    device: usize,
    at: Interval,
    direction: Option<Direction>,
) -> Signal {
    let crossing = |direction| Kind::Crossing {
        direction,
        source: DirectionSource::Reader,
    };
    Signal {
        id: SignalId {
            log: "ledger".into(),
            index: 0,
            row: u32::try_from(number).ok(),
        },
        source: Source::Platform,
        kind: direction.map_or(Kind::Heartbeat, crossing),
        device: Some(device.to_string().as_str().into()),
        ..scan(number, name, Direction::Seen, at)
    }
}

fn plain() -> RuleSet {
    RuleSet {
        heartbeat_max_gap_s: 60,
        ..RuleSet::plain("00".repeat(32), "r".into(), 10 * MIN, decimal("0.5"))
    }
}

/// Rules under which more attendance is never worth less: no polls asked for, and time that belongs to two sessions is summed.
fn monotone() -> impl Strategy<Value = RuleSet> {
    let thresholds = vec![
        Threshold::None,
        Threshold::Full,
        Threshold::Share(decimal("0.6")),
        Threshold::Time { min_ms: 9 * MIN },
    ];
    let drawn = (
        select(thresholds),
        select(MetAwards::ALL),
        select(BelowThreshold::ALL),
        select(Rounding::ALL),
        select(Scope::ALL),
        select(vec![0_u32, 120, 300]),
        select(vec!["0", "1"]),
        (any::<bool>(), any::<bool>(), any::<bool>()),
    );
    drawn.prop_map(
        |(threshold, met, below, rounding, scope, grace_s, first, more)| RuleSet {
            threshold,
            met_awards: met,
            below_threshold: below,
            rounding,
            scope,
            grace_in_s: grace_s,
            grace_out_s: grace_s,
            first_award_min: decimal(first),
            // With no threshold every minute of the union counts once, wherever it is counted.
            overlap: if more.0
                && threshold == Threshold::None
                && met == MetAwards::Actual
                && scope == Scope::Programme
                && grace_s == 0
            {
                Overlap::CountOnce
            } else {
                Overlap::CountEach
            },
            caps: Caps {
                programme: more.1.then(|| decimal("3")),
                ..Caps::default()
            },
            floor_credits: more
                .2
                .then(|| ("session".into(), decimal("0.5")))
                .into_iter()
                .collect(),
            ..plain()
        },
    )
}

fn decided(rules: &RuleSet, sessions: &[Session], signals: &[Signal]) -> Decision {
    let registration = Registration::always(AttendeeId::new("a-1").unwrap());
    let evidence = Evidence {
        signals,
        registration: Some(&registration),
    };
    let known = Known {
        now: UtcMs(1_000 * MIN),
        incomplete_doors: vec![],
    };
    decide(rules, &programme(sessions.to_vec()), evidence, &known)
}

fn most(decision: &Decision) -> (Decimal, Decimal) {
    decision.range
}

/// A session shifted by so many milliseconds.
fn shifted(session: &Session, by_ms: i64) -> Session {
    let window = |window: Window| Window {
        start: window.start.plus_ms(by_ms),
        end: window.end.plus_ms(by_ms),
    };
    Session {
        scheduled: window(session.scheduled),
        ..session.clone()
    }
}

fn moved(signal: &Signal, by_ms: i64) -> Signal {
    Signal {
        at: Interval {
            earliest: signal.at.earliest.plus_ms(by_ms),
            latest: signal.at.latest.plus_ms(by_ms),
        },
        ..signal.clone()
    }
}

proptest! {
    #[test]
    fn more_attendance_is_never_worth_less(
        rules in monotone(),
        sessions in sessions(),
        signals in stays(),
        extra in (select(&ROOMS[..]), 0_i64..140, 1_i64..40),
    ) {
        let (name, from, length) = extra;
        let mut more = signals.clone();
        for (direction, at) in [(Direction::In, from), (Direction::Out, from + length)] {
            more.push(platform(more.len() + 1_000, name, 99, minute(at), Some(direction)));
        }
        let (before, after) = (decided(&rules, &sessions, &signals), decided(&rules, &sessions, &more));
        prop_assert!(most(&before).0 <= most(&after).0, "{} | {}", before.explanation, after.explanation);
        prop_assert!(most(&before).1 <= most(&after).1, "{} | {}", before.explanation, after.explanation);
    }

    #[test]
    fn order_and_duplicates_change_nothing(
        rules in monotone(),
        sessions in sessions(),
        signals in stays(),
        turn in 0_usize..50,
    ) {
        let mut other = signals.clone();
        other.extend(signals.iter().step_by(3).cloned());
        other.reverse();
        let length = other.len().max(1);
        other.rotate_left(turn % length);
        let (one, another) = (decided(&rules, &sessions, &signals), decided(&rules, &sessions, &other));
        prop_assert_eq!((one.outcome, one.range, one.reason), (another.outcome, another.range, another.reason));
        prop_assert_eq!(one.explanation, another.explanation);
        prop_assert_eq!(one.evidence, another.evidence);
    }

    /// Leaving and joining again in the same instant on another device, or in two halves, is the same stay.
    #[test]
    fn a_stay_in_pieces_is_the_same_stay(
        rules in monotone(),
        sessions in sessions(),
        (from, first, second) in (0_i64..100, 1_i64..20, 1_i64..20),
        name in select(&ROOMS[..]),
    ) {
        let joined = |device, from, to| {
            [(Direction::In, from), (Direction::Out, to)].map(|(direction, at)| {
                platform(device * 2 + usize::from(direction == Direction::Out), name, device, minute(at), Some(direction))
            })
        };
        let whole = joined(0, from, from + first + second);
        let halves = [joined(1, from, from + first), joined(2, from + first, from + first + second)].concat();
        let (one, another) = (decided(&rules, &sessions, &whole), decided(&rules, &sessions, &halves));
        prop_assert_eq!((one.outcome, one.range, one.explanation), (another.outcome, another.range, another.explanation));
    }

    /// Elapsed time alone counts: a day is the same on either side of a change of clocks, which moves nothing but names of hours.
    #[test]
    fn a_day_shifted_as_a_whole_is_the_same_day(
        rules in monotone(),
        sessions in sessions(),
        signals in stays(),
        by_min in select(vec![1_i64, 60, 60 * 24 * 87, 60 * 24 * 365 * 40]),
    ) {
        let by_ms = by_min * MIN;
        let later: Vec<Session> = sessions.iter().map(|session| shifted(session, by_ms)).collect();
        let signals_later: Vec<Signal> = signals.iter().map(|signal| moved(signal, by_ms)).collect();
        let registration = Registration::always(AttendeeId::new("a-1").unwrap());
        let known = Known { now: UtcMs(1_000 * MIN + by_ms), incomplete_doors: vec![] };
        let evidence = Evidence { signals: &signals_later, registration: Some(&registration) };
        let after = decide(&rules, &programme(later), evidence, &known);
        let before = decided(&rules, &sessions, &signals);
        prop_assert_eq!((before.outcome, before.range, before.explanation), (after.outcome, after.range, after.explanation));
    }

    /// Wider intervals never make a review certain, nor one certain outcome another.
    #[test]
    fn to_know_less_is_never_to_be_more_certain(
        rules in monotone(),
        sessions in sessions(),
        signals in stays(),
        widths in proptest::collection::vec((0_i64..3, 0_i64..3), 60),
        again in proptest::collection::vec((0_i64..3, 0_i64..3), 60),
    ) {
        let widened = |signals: &[Signal], by: &[(i64, i64)]| -> Vec<Signal> {
            signals.iter().zip(by.iter().cycle()).map(|(signal, (sooner, later))| Signal {
                at: Interval {
                    earliest: signal.at.earliest.plus_ms(-sooner * MIN),
                    latest: signal.at.latest.plus_ms(later * MIN),
                },
                ..signal.clone()
            }).collect()
        };
        let known = widened(&signals, &widths);
        let less = widened(&known, &again);
        let (one, other) = (decided(&rules, &sessions, &known), decided(&rules, &sessions, &less));
        if other.outcome != Outcome::Review {
            prop_assert_eq!((one.outcome, one.credits), (other.outcome, other.credits), "{} | {}", one.explanation, other.explanation);
        }
    }

    #[test]
    fn a_plan_decides_as_the_plain_call_does(rules in monotone(), sessions in sessions(), days in proptest::collection::vec(stays(), 1..3)) {
        let programme = programme(sessions.clone());
        let plan = Plan::new(&rules, &programme);
        let registration = Registration::always(AttendeeId::new("a-1").unwrap());
        let known = Known { now: UtcMs(1_000 * MIN), incomplete_doors: vec![] };
        for signals in &days {
            let evidence = Evidence { signals, registration: Some(&registration) };
            prop_assert_eq!(plan.decide(evidence, &known), decided(&rules, &sessions, signals));
        }
    }
}

fn any_instant() -> impl Strategy<Value = UtcMs> {
    prop_oneof![
        select(vec![
            i64::MIN,
            i64::MIN + 1,
            -1,
            0,
            1,
            i64::MAX - 1,
            i64::MAX
        ])
        .prop_map(UtcMs),
        any::<i64>().prop_map(UtcMs),
        (0_i64..200).prop_map(|at| UtcMs(at * MIN)),
    ]
}

fn any_decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        select(vec![i64::MIN, -1, 0, 1, 500_000, 1_000_000, i64::MAX]),
        any::<i64>(),
    ]
    .prop_map(Decimal::from_millionths)
}

fn any_window() -> impl Strategy<Value = Window> {
    (any_instant(), any_instant()).prop_map(|(start, end)| Window { start, end })
}

fn any_rules() -> impl Strategy<Value = RuleSet> {
    let threshold = prop_oneof![
        Just(Threshold::None),
        Just(Threshold::Full),
        any_decimal().prop_map(Threshold::Share),
        any::<i64>().prop_map(|min_ms| Threshold::Time { min_ms }),
    ];
    let numbers = (
        any::<i64>(),
        any_decimal(),
        any_decimal(),
        any_decimal(),
        any_decimal(),
        any_decimal(),
        any_decimal(),
        any::<i64>(),
    );
    let words = (
        select(Rounding::ALL),
        select(Scope::ALL),
        select(MissingCheckOut::ALL),
        select(MissingCheckIn::ALL),
        select(RepeatedOut::ALL),
        select(InElsewhere::ALL),
        select(Overlap::ALL),
        select(FieldRounding::ALL),
        select(PollShort::ALL),
        select(PlatformAlone::ALL),
    );
    let more = (
        threshold,
        select(CreditSource::ALL),
        select(Denial::ALL),
        any::<u32>(),
        any::<u32>(),
        any::<bool>(),
        select(MetAwards::ALL),
    );
    (numbers, words, more).prop_map(|(n, w, m)| RuleSet {
        credit_unit_ms: n.0,
        step: n.1,
        first_award_min: n.2,
        rounding: w.0,
        scope: w.1,
        missing_check_out: w.2,
        missing_check_in: w.3,
        repeated_out: w.4,
        in_elsewhere: w.5,
        overlap: w.6,
        field_rounding: w.7,
        polls: Polls {
            per_credit: n.3,
            min_share: n.4,
            short: w.8,
        },
        platform_alone: w.9,
        threshold: m.0,
        credit_source: m.1,
        denial: m.2,
        grace_in_s: m.3,
        heartbeat_max_gap_s: m.4,
        met_awards: m.6,
        caps: Caps {
            fields: [("f".into(), n.5)].into(),
            day: m.5.then_some(n.6),
            programme: Some(n.5),
        },
        floor_credits: BTreeMap::from([("session".into(), n.6)]),
        short_segment_under_ms: n.7,
        speakers: Some(Speakers {
            factor: n.5,
            needs_presence: m.5,
        }),
        excluded_kinds: vec!["break".into()],
        ..plain()
    })
}

fn any_session() -> impl Strategy<Value = Session> {
    (
        0_usize..3,
        select(&ROOMS[..]),
        any_window(),
        proptest::option::of(any_window()),
        proptest::collection::vec(any_window(), 0..3),
        proptest::collection::vec(any_window(), 0..3),
        proptest::option::of(any_decimal()),
        proptest::collection::vec(any::<u32>(), 0..3),
        (any::<bool>(), proptest::option::of(any::<u32>())),
    )
        .prop_map(
            |(number, name, scheduled, actual, parts, excluded, value, fields, more)| Session {
                scheduled,
                actual,
                parts,
                excluded,
                credit_value: value,
                fields: fields
                    .into_iter()
                    .zip(["f", "g", "f"])
                    .map(|(weight, field)| FieldShare {
                        field: field.into(),
                        weight,
                    })
                    .collect(),
                kind: if more.0 {
                    "break".into()
                } else {
                    "session".into()
                },
                polls_offered: more.1,
                ..session(number, name, 0, 1)
            },
        )
}

fn any_signal() -> impl Strategy<Value = Signal> {
    let kinds = prop_oneof![
        (select(Direction::ALL), select(DirectionSource::ALL))
            .prop_map(|(direction, source)| Kind::Crossing { direction, source }),
        Just(Kind::Heartbeat),
        Just(Kind::Poll { poll: "p".into() }),
        Just(Kind::Confirmed),
        Just(Kind::Denied),
        Just(Kind::Attested),
    ];
    (
        kinds,
        select(Source::ALL),
        proptest::collection::vec(select(vec!["a", "b", "c", "d"]), 0..3),
        proptest::option::of(0_u8..4),
        (any_instant(), any_instant()),
        (0_u64..6, proptest::option::of(0_u32..3)),
        proptest::option::of(any::<u64>()),
        proptest::option::of(Just("x")),
    )
        .prop_map(
            |(kind, source, rooms, of, (earliest, latest), (index, row), raw_ms, device)| Signal {
                kind,
                source,
                rooms: rooms.into_iter().map(room).collect(),
                session: of.map(|of| SessionId::new(&format!("s{of}")).unwrap()),
                device: device.map(Into::into),
                id: SignalId {
                    log: "log".into(),
                    index,
                    row,
                },
                tick: raw_ms.map(|raw_ms| Tick {
                    log: "log".into(),
                    segment: 0,
                    raw_ms,
                }),
                ..scan(0, "a", Direction::Seen, Interval { earliest, latest })
            },
        )
}

proptest! {
    /// Values that no text and no object would give: an answer all the same, and a sound one.
    #[test]
    fn nothing_makes_it_panic(
        rules in any_rules(),
        sessions in proptest::collection::vec(any_session(), 0..4),
        signals in proptest::collection::vec(any_signal(), 0..8),
        (valid_from, valid_until) in (proptest::option::of(any_instant()), proptest::option::of(any_instant())),
        extra_ms in any::<i64>(),
        now in any_instant(),
    ) {
        let registration = Registration {
            valid_from,
            valid_until,
            speaks: vec![SessionId::new("s0").unwrap()],
            accommodations: vec![Accommodation { session: None, grant: Grant::Extra(extra_ms) }],
            ..Registration::always(AttendeeId::new("a-1").unwrap())
        };
        let mut programme = programme(sessions);
        // Rooms in a circle.
        programme.part_of.insert(room("b"), room("c"));
        let known = Known { now, incomplete_doors: vec![DoorId::new("d").unwrap()] };
        let evidence = Evidence { signals: &signals, registration: Some(&registration) };
        let decision = decide(&rules, &programme, evidence, &known);
        for part in &decision.parts {
            prop_assert!(0 <= part.graced_ms && part.graced_ms <= part.least_ms);
            prop_assert!(part.least_ms <= part.most_ms && part.most_ms <= part.scheduled_ms);
        }
        prop_assert!(decision.confidence.per_cent <= 100);
        let mut reversed = signals.clone();
        reversed.reverse();
        let evidence = Evidence { signals: &reversed, registration: Some(&registration) };
        let again = decide(&rules, &programme, evidence, &known);
        prop_assert_eq!(decision.outcome, again.outcome);
    }
}
