#![allow(clippy::unwrap_used)]
use attendance::UtcMs;
use attendance::time::{Interval, Quality};
use proptest::prelude::*;

use super::*;

const BOOT: &str = "aaaaaaaa-0000-4000-8000-000000000000";
const OTHER_BOOT: &str = "bbbbbbbb-0000-4000-8000-000000000000";
const LIMITS: Limits = Limits {
    pair_within_ms: 3_000,
    pair_apart_ms: 300_000,
    pair_occasions: 3,
    pair_share_per_cent: 80,
    walk_ms: 15_000,
};

fn who(name: &str) -> AttendeeId {
    name.parse().unwrap()
}

/// One passing: who, at which log, at which second of which boot, which way.
#[derive(Clone, Copy)]
struct At<'a>(&'a str, &'a str, u64, Direction);

fn passing(at: At<'_>, index: u64) -> Passing {
    let (boot, second) = match at.2 {
        second if second >= 1_000_000 => (OTHER_BOOT, second - 1_000_000),
        second => (BOOT, second),
    };
    Passing {
        attendee: who(at.0),
        log: at.1.into(),
        index,
        boot: BootId::new(boot).unwrap(),
        raw_ms: second * 1_000,
        direction: at.3,
    }
}

fn signs(passings: &[At<'_>]) -> Vec<(String, u32)> {
    let mut pairs = Pairs::default();
    for (index, at) in (0..).zip(passings) {
        pairs.take(passing(*at, index), LIMITS);
    }
    let found = pairs.signs(LIMITS).into_iter();
    found
        .map(|sign| {
            let names: Vec<&str> = sign.attendees.iter().map(AttendeeId::as_str).collect();
            (names.join("+"), sign.times)
        })
        .collect()
}

/// Two who pass one log together at these seconds.
fn together<'a>(seconds: &[u64], apart_s: u64) -> Vec<At<'a>> {
    use Direction::In;
    let each = seconds.iter();
    each.flat_map(|at| [At("a", "x", *at, In), At("b", "x", at + apart_s, In)])
        .collect()
}

#[test]
fn a_pair_is_a_sign_when_it_comes_again_and_again() {
    use Direction::{In, Out};
    let check = |passings: &[At<'_>], expected: &[(&str, u32)]| {
        let found = signs(passings);
        let found: Vec<(&str, u32)> = found.iter().map(|(n, t)| (n.as_str(), *t)).collect();
        assert_eq!(found, expected);
    };
    check(&together(&[0, 400, 800], 3), &[("a+b", 3)]);
    check(&together(&[0, 400, 800], 4), &[]);
    check(&together(&[0, 400], 1), &[]);
    // Once more within five minutes is the same occasion.
    check(&together(&[0, 400, 699], 1), &[]);
    check(&together(&[0, 400, 700], 1), &[("a+b", 3)]);
    // Another way, another log and another boot are no joint passing.
    check(
        &[0, 400, 800]
            .map(|at| [At("a", "x", at, In), At("b", "x", at, Out)])
            .concat(),
        &[],
    );
    check(
        &[0, 400, 800]
            .map(|at| [At("a", "x", at, In), At("b", "y", at, In)])
            .concat(),
        &[],
    );
    check(
        &[0, 400, 800]
            .map(|at| [At("a", "x", at, In), At("b", "x", 1_000_000 + at, In)])
            .concat(),
        &[],
    );
    // One person's two badges are one person.
    check(
        &[0, 400, 800]
            .map(|at| [At("a", "x", at, In), At("a", "x", at + 1, In)])
            .concat(),
        &[],
    );
    // Whoever passes alone as often is with nobody: the share is of the one who passes less often.
    let mut alone = together(&[0, 400, 800], 1);
    alone.extend([2_000, 3_000].map(|at| At("a", "x", at, In)));
    check(&alone, &[("a+b", 3)]);
    alone.push(At("b", "x", 4_000, In));
    check(&alone, &[]);
}

#[test]
fn a_sign_names_its_scans() {
    let mut pairs = Pairs::default();
    for (index, at) in (0..).zip(together(&[0, 400, 800], 1)) {
        pairs.take(passing(at, index), LIMITS);
    }
    let sign = pairs.sign(&sorted(&who("b"), &who("a")), LIMITS).unwrap();
    let places: Vec<u64> = sign.evidence.iter().map(|id| id.index).collect();
    assert_eq!(places, [0, 1, 2, 3, 4, 5]);
    assert_eq!(sign.about, SignKind::Pair);
}

fn scan(index: u64, room: &str, direction: Direction, from_s: i64, to_s: i64) -> Signal {
    Signal {
        id: SignalId {
            log: "log".into(),
            index,
            row: None,
        },
        source: Source::Scan,
        kind: Kind::Crossing {
            direction,
            source: DirectionSource::Reader,
        },
        rooms: room.split('/').map(|room| room.parse().unwrap()).collect(),
        session: None,
        device: None,
        at: Interval {
            earliest: UtcMs(from_s * 1_000),
            latest: UtcMs(to_s * 1_000),
        },
        quality: Quality::Anchored,
        tick: None,
    }
}

fn found(scans: &[(&str, Direction, i64, i64)]) -> u32 {
    let signals: Vec<Signal> = (0..)
        .zip(scans)
        .map(|(index, (room, way, from, to))| scan(index, room, *way, *from, *to))
        .collect();
    let related = |a: &RoomId, b: &RoomId| a == b || (a.as_str() == "part" || b.as_str() == "part");
    let sign = places(&who("a"), &signals, &related, LIMITS);
    sign.map_or(0, |sign| sign.times)
}

#[test]
fn a_badge_in_two_places_is_a_sign_when_it_is_sure() {
    use Direction::{In, Out, Seen};
    for (scans, times) in [
        (&[("hall", In, 0, 0), ("annex", In, 14, 14)][..], 1),
        (&[("hall", In, 0, 0), ("annex", In, 15, 15)], 0),
        // They may have been further apart.
        (&[("hall", In, 0, 2), ("annex", In, 13, 15)], 0),
        (&[("hall", In, 0, 2), ("annex", In, 13, 14)], 1),
        (&[("hall", In, 0, 5), ("annex", In, 0, 5)], 1),
        // The same room, a part of it, a sighting, a door of two rooms.
        (&[("hall", In, 0, 0), ("hall", Out, 1, 1)], 0),
        (&[("hall", In, 0, 0), ("part", In, 1, 1)], 0),
        (&[("hall", In, 0, 0), ("annex", Seen, 1, 1)], 0),
        (&[("hall", In, 0, 0), ("annex/foyer", In, 1, 1)], 0),
    ] {
        assert_eq!(found(scans), times, "{scans:?}");
    }
}

#[test]
fn stays_that_cross_are_a_sign_and_missed_scans_are_none() {
    use Direction::{In, Out};
    let crossed = [
        ("hall", In, 0, 0),
        ("annex", In, 600, 600),
        ("hall", Out, 1_200, 1_200),
        ("annex", Out, 1_800, 1_800),
    ];
    assert_eq!(found(&crossed), 1);
    for (why, scans) in [
        (
            "went over and did not check out",
            &[crossed[0], crossed[1], crossed[3]][..],
        ),
        (
            "one inside the other: a check-out was missed and made up for",
            &[
                crossed[0],
                crossed[1],
                ("annex", Out, 1_200, 1_200),
                ("hall", Out, 1_800, 1_800),
            ],
        ),
        (
            "came back",
            &[
                crossed[0],
                crossed[1],
                crossed[2],
                ("hall", In, 1_500, 1_500),
                ("hall", Out, 1_600, 1_600),
            ],
        ),
        (
            "the order of two is not known",
            &[
                crossed[0],
                ("annex", In, 600, 1_300),
                crossed[2],
                crossed[3],
            ],
        ),
        (
            "a part of the hall",
            &[
                crossed[0],
                ("part", In, 600, 600),
                crossed[2],
                ("part", Out, 1_800, 1_800),
            ],
        ),
    ] {
        assert_eq!(found(scans), 0, "{why}");
    }
}

#[test]
fn a_guessed_direction_says_nothing() {
    use Direction::{In, Out};
    let ways = [("hall", In), ("annex", In), ("hall", Out), ("annex", Out)];
    let toggled = |guessed: usize| {
        let signals: Vec<Signal> = (0..)
            .zip(ways)
            .map(|(index, (room, way))| {
                let second = i64::try_from(index).unwrap() * 600;
                let mut signal = scan(index, room, way, second, second);
                if usize::try_from(index).unwrap() == guessed {
                    signal.kind = Kind::Crossing {
                        direction: way,
                        source: DirectionSource::Toggled,
                    };
                }
                signal
            })
            .collect();
        places(&who("a"), &signals, &|a, b| a == b, LIMITS)
    };
    assert!((0..4).all(|guessed| toggled(guessed).is_none()));
    assert!(toggled(4).is_some());
}

const PEOPLE: usize = 400;

/// People who pass one door one behind the other, every so many milliseconds, in an order of each queue's own.
fn queues(orders: &[Vec<usize>], pace_ms: u64) -> Pairs {
    let mut pairs = Pairs::default();
    let mut index = 0;
    for (number, order) in (0_u64..).zip(orders) {
        for (place, person) in (0_u64..).zip(order) {
            let at = At(&format!("p{person}"), "x", 0, Direction::In)
                .0
                .to_owned();
            let mut passing = passing(At(&at, "x", 0, Direction::In), index);
            passing.raw_ms = number * 3_600_000 + place * pace_ms;
            pairs.take(passing, Limits::default());
            index += 1;
        }
    }
    pairs
}

fn order(seed: u64) -> Vec<usize> {
    // A shuffle that needs nothing: the places sorted by a mix of seed and place.
    let mix = |n: u64| {
        let n = (n ^ seed.rotate_left(17)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (n ^ (n >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    };
    let mut order: Vec<usize> = (0..PEOPLE).collect();
    order.sort_by_key(|person| mix(u64::try_from(*person).unwrap_or(0)));
    order
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// 400 people who pass eight times in any order, one a second, are a queue.
    #[test]
    fn an_ordinary_queue_makes_no_sign(seeds in prop::collection::vec(any::<u64>(), 8), pace_ms in 800_u64..3_000) {
        let mut seeds = seeds;
        seeds.sort_unstable();
        seeds.dedup();
        let orders: Vec<_> = seeds.into_iter().map(order).collect();
        prop_assert_eq!(queues(&orders, pace_ms).signs(Limits::default()), []);
    }

    /// Nor do those who keep their order, until they have done so as often as the limit says.
    #[test]
    fn the_same_order_fewer_times_than_the_limit_makes_no_sign(seed in any::<u64>(), pace_ms in 1_u64..3_000) {
        let limits = Limits::default();
        let orders = vec![order(seed); limits.pair_occasions as usize - 1];
        prop_assert_eq!(queues(&orders, pace_ms).signs(limits), []);
    }

    /// However logs are read between each other, and each read in steps, the same signs come out.
    #[test]
    fn reading_in_steps_finds_what_reading_at_once_does(
        scans in prop::collection::vec((0_usize..4, 0_usize..3, 0_u64..40), 0..200),
        picks in prop::collection::vec(0_usize..3, 200),
    ) {
        let names = ["a", "b", "c", "d"];
        let logs = ["x", "y", "z"];
        let mut of_log: Vec<Vec<Passing>> = vec![Vec::new(); 3];
        let mut raw_ms = [0_u64; 3];
        for (person, log, step) in scans {
            raw_ms[log] += step * 20_000 / if step % 3 == 0 { 20 } else { 1 };
            let index = u64::try_from(of_log[log].len()).unwrap_or(0);
            let mut passing = passing(At(names[person], logs[log], 0, Direction::In), index);
            passing.raw_ms = raw_ms[log];
            of_log[log].push(passing);
        }
        let mut at_once = Pairs::default();
        for passing in of_log.iter().flatten() {
            at_once.take(passing.clone(), LIMITS);
        }
        let mut in_steps = Pairs::default();
        let mut next = [0_usize; 3];
        for log in picks.into_iter().chain((0..3).cycle().take(600)) {
            if let Some(passing) = of_log[log].get(next[log]) {
                in_steps.take(passing.clone(), LIMITS);
                next[log] += 1;
            }
        }
        let found = at_once.signs(LIMITS);
        for sign in &found {
            let pair = sorted(&sign.attendees[0], &sign.attendees[1]);
            let stepped = in_steps.sign(&pair, LIMITS);
            prop_assert_eq!(stepped.as_ref(), Some(sign));
        }
        prop_assert_eq!(in_steps.signs(LIMITS), found);
    }
}
