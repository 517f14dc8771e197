//! Chunks of traces: a door that read them is the door that read all entries.

use attendance::time::Anchor;
use proptest::collection::vec;
use protocol::entry::{Note, Reader as ReaderEntry, ReaderState};

use super::*;
use crate::door::trace::{Chunk, Left, Passed, Told, Trace};

/// Everything that a door believes by its entries.
fn believed(door: &Door) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {} {}",
        door.people.facts(),
        door.clock,
        door.staff_direction,
        door.newest_code,
        door.last_scan,
        door.synced,
        door.skipped,
        door.next
    )
}

/// What happens next at a door.
#[derive(Clone, Debug)]
enum Step {
    Scan(usize, Option<Direction>),
    Stranger,
    Staff(Option<Direction>),
    TakeBack(usize),
    TimeCode,
    Boot(BootCause),
    Reader,
    Note,
    Damaged,
}

fn steps() -> impl Strategy<Value = Vec<(Step, i64, bool)>> {
    let step = prop_oneof![
        12 => (0..BADGES, proptest::option::of(prop_oneof![Just(In), Just(Out)]))
            .prop_map(|(badge, way)| Step::Scan(badge, way)),
        1 => Just(Step::Stranger),
        1 => proptest::option::of(prop_oneof![Just(In), Just(Out)]).prop_map(Step::Staff),
        2 => (0..BADGES).prop_map(Step::TakeBack),
        1 => Just(Step::TimeCode),
        1 => prop_oneof![Just(BootCause::Start), Just(BootCause::Suspend)].prop_map(Step::Boot),
        1 => Just(Step::Reader),
        1 => Just(Step::Note),
        1 => Just(Step::Damaged),
    ];
    vec((step, 0_i64..20 * MINUTE_MS, any::<bool>()), 0..60)
}

/// Plays the steps at a door, in two boots, with and without a wall clock.
fn play(steps: Vec<(Step, i64, bool)>) -> Bench {
    let mut bench = Bench::new();
    let mut ms = 0;
    for (step, wait_ms, odd) in steps {
        ms += wait_ms;
        let now = Stamp {
            boot: BootId::new(if odd { OTHER_BOOT } else { BOOT }).unwrap(),
            sync: if odd { Sync::Unset } else { Sync::Synced },
            error_ms: (!odd).then_some(5),
            ..stamp(ms)
        };
        let body = match step {
            Step::Scan(number, way) => {
                bench.scan_with(&badge(number), &now, way);
                continue;
            }
            Step::Stranger => {
                bench.scan_with("NOBODY", &now, None);
                continue;
            }
            Step::Staff(direction) => {
                bench.take(&Door::set_direction(direction, now, None));
                continue;
            }
            Step::TakeBack(number) => {
                bench.take_back(&badge(number), &now);
                continue;
            }
            Step::Damaged => {
                bench.door.skip(bench.door.next_index());
                continue;
            }
            Step::TimeCode => Body::TimeCode(protocol::entry::TimeCode {
                reader: ReaderId::new("main").unwrap(),
                code: protocol::time_code::make(now.wall, 250, [0; 3], &bench.fixture.issuer),
            }),
            Step::Boot(cause) => Body::Boot(Boot {
                cause,
                boottime_ms: 0,
                software: "test".into(),
                floor: UtcMs(0),
            }),
            Step::Reader => Body::Reader(ReaderEntry {
                reader: ReaderId::new("main").unwrap(),
                state: ReaderState::Lost,
                refused: 3,
            }),
            Step::Note => Body::Note(Note {
                code: "recovered".into(),
                numbers: [("unrecorded".to_owned(), 1)].into(),
            }),
        };
        bench.take(&Entry { stamp: now, body });
    }
    bench
}

proptest! {
    /// Wherever the log is cut into chunks, and however much is left as a tail: the same door.
    #[test]
    fn chunks_and_the_rest_give_the_door_that_all_entries_give(
        steps in steps(),
        cuts in vec(any::<proptest::sample::Index>(), 0..5),
    ) {
        let whole = play(steps).door;
        let traces = whole.traces.clone();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(traces.len() + 1)).collect();
        ends.sort_unstable();
        let mut door = Door::new(whole.owner.clone());
        let mut from = 0;
        for end in ends {
            let chunk = Chunk::pack(u64::try_from(from).unwrap(), &traces[from..end]);
            prop_assert!(door.follow_chunk(&chunk));
            from = end;
        }
        for (index, trace) in (0..).zip(&traces).skip(from) {
            door.follow(index, trace);
        }
        prop_assert_eq!(believed(&door), believed(&whole));
        door.forget();
        prop_assert_eq!(believed(&door), believed(&Door::new(whole.owner.clone())));
    }

    /// A chunk that was cut or changed is refused, or is another chunk; nothing breaks over it, and nothing grows without bound.
    #[test]
    fn any_bytes_are_a_chunk_or_none(
        steps in steps(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        rubbish in vec(any::<u8>(), 0..200),
    ) {
        let door = play(steps).door;
        let good = Chunk::pack(0, &door.traces);
        prop_assert_eq!(good.unpack(), Some(door.traces.clone()));
        let cut = Chunk { bytes: good.bytes[..at.index(good.bytes.len())].to_vec(), ..good.clone() };
        prop_assert_eq!(cut.unpack(), None);
        let mut flipped = good.clone();
        let place = at.index(flipped.bytes.len());
        flipped.bytes[place] = byte;
        let _ = flipped.unpack();
        let bytes = std::iter::once(3).chain(rubbish).collect();
        let _ = Chunk { from: 0, to: 3, bytes }.unpack();
    }
}

#[test]
fn every_kind_of_trace_survives_a_chunk() {
    let marks = [
        Mark::Plain,
        Mark::Start,
        Mark::Suspend,
        Mark::Clock(Anchor {
            sent_raw_ms: u64::MAX,
            issuer_received: UtcMs(i64::MIN),
            issuer_sent: UtcMs(i64::MAX),
            received_raw_ms: 0,
            issuer_error_ms: u32::MAX,
        }),
        Mark::TimeCode {
            at: UtcMs(-1),
            error_ms: 7,
        },
        Mark::Receipt {
            covers: u64::MAX,
            time_s: 9,
        },
    ];
    let passed = |number: u8, direction, source, stays_on| {
        Left::Passed(Box::new(Passed {
            badge: BadgeDigest([number; 32]),
            attendee: (number != 2).then(|| attendee(usize::from(number))),
            direction,
            source,
            rooms: vec![room(); usize::from(number)],
            stays_on,
            since: UtcMs(i64::from(number) - 5),
            told: match number {
                0 => None,
                1 => Some(Told {
                    rooms: vec![room()],
                    since: Some(UtcMs(i64::MIN)),
                    index: None,
                }),
                _ => Some(Told {
                    rooms: Vec::new(),
                    since: None,
                    index: Some(u64::MAX),
                }),
            },
        }))
    };
    let mut lefts: Vec<Left> = marks.into_iter().map(Left::Mark).collect();
    lefts.extend([Left::Nothing, Left::Stranger]);
    lefts.push(Left::Again(BadgeDigest([9; 32])));
    for (number, direction) in (0..).zip(Direction::ALL) {
        for source in DirectionSource::ALL {
            lefts.push(passed(number, *direction, *source, number == 1));
        }
        lefts.push(Left::Direction(Some(*direction)));
    }
    lefts.push(Left::Direction(None));
    lefts.extend([0, u64::MAX].map(Left::TakenBack));
    let stamps = (0_u32..).zip(Sync::ALL.iter().cycle()).map(|(n, sync)| {
        (n % 4 > 0).then(|| Stamp {
            wall: UtcMs(if n % 5 == 0 { i64::MIN } else { i64::MAX }),
            raw_ms: if n % 3 == 0 { u64::MAX } else { n.into() },
            sync: *sync,
            error_ms: (n % 2 == 0).then_some(u32::MAX),
            ..stamp(0)
        })
    });
    let traces: Vec<Trace> = lefts
        .into_iter()
        .zip(stamps)
        .map(|(left, stamp)| Trace { stamp, left })
        .collect();
    let chunk = Chunk::pack(7, &traces);
    assert_eq!(chunk.to, 7 + u64::try_from(traces.len()).unwrap());
    assert_eq!(chunk.unpack(), Some(traces));
    let shifted = Chunk { from: 8, ..chunk };
    assert_eq!(shifted.unpack(), None);
}

#[test]
fn a_chunk_is_due_after_so_many_entries_and_takes_few_bytes_each() {
    let mut bench = Bench::new();
    let mut minute = 0;
    let chunk = loop {
        bench.scan(minute % BADGES, i64::try_from(minute).unwrap());
        if let Some(chunk) = bench.door.chunk() {
            break chunk;
        }
        minute += 1;
    };
    assert_eq!((chunk.from, chunk.to), (0, 1_024));
    assert!(chunk.bytes.len() < 24 * 1_024, "{}", chunk.bytes.len());
    assert!(bench.door.traces.is_empty());
    // Out of turn it is refused, and nothing has changed.
    let before = believed(&bench.door);
    assert!(!bench.door.follow_chunk(&chunk));
    assert_eq!(believed(&bench.door), before);
}
