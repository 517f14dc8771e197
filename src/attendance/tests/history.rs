//! A log's clock over boots, suspends, exchanges and receipts: the truth stays inside, and plain entries change nothing.
#![allow(clippy::unwrap_used)]

use attendance::time::{
    Anchor, BootId, CODE_AGE_MS, ClockHistory, Mark, Placed, Quality, Stamp, Sync, TimePolicy,
};
use attendance::{Interval, UtcMs};
use proptest::prelude::*;

const NOON_MS: i64 = 1_800_000_000_000;

/// The age up to which a time code is scanned by staff who do as they are told.
const FRESH_MS: i64 = CODE_AGE_MS as i64;

/// What happens next at the kiosk, and how many milliseconds later.
#[derive(Clone, Copy, Debug)]
enum Step {
    Plain,
    Restart,
    Boot,
    /// The raw clock stands still for so long.
    Suspend(i64),
    Clock,
    Receipt,
    /// A time code of this age is scanned.
    TimeCode(i64),
}

fn steps(oldest_ms: i64) -> impl Strategy<Value = Vec<(Step, i64)>> {
    let step = prop_oneof![
        6 => Just(Step::Plain),
        1 => Just(Step::Restart),
        1 => Just(Step::Boot),
        1 => (0_i64..100_000).prop_map(Step::Suspend),
        2 => Just(Step::Clock),
        2 => Just(Step::Receipt),
        2 => (0_i64..=oldest_ms).prop_map(Step::TimeCode),
    ];
    proptest::collection::vec((step, 0_i64..600_000), 1..60)
}

struct Made {
    index: u64,
    utc: UtcMs,
    stamp: Stamp,
    mark: Mark,
}

/// Plays the steps on a raw clock that gains `ppm`, and says when each entry truly was made.
fn play(steps: &[(Step, i64)], ppm: i64) -> Vec<Made> {
    let mut made: Vec<Made> = Vec::new();
    let (mut utc, mut zero, mut boot) = (NOON_MS, NOON_MS, 0_u32);
    let all = std::iter::once(&(Step::Boot, 0)).chain(steps);
    for (index, (step, wait_ms)) in all.enumerate() {
        utc += wait_ms;
        match step {
            Step::Boot => {
                boot += 1;
                zero = utc;
            }
            Step::Suspend(for_ms) => {
                utc += for_ms;
                zero += for_ms;
            }
            Step::Plain | Step::Restart | Step::Clock => {}
            Step::Receipt | Step::TimeCode(_) => {}
        }
        let since = utc - zero;
        let raw_ms = u64::try_from(since + since * ppm / 1_000_000).unwrap();
        let index = u64::try_from(index).unwrap();
        let mark = match step {
            Step::Plain => Mark::Plain,
            Step::Boot | Step::Restart => Mark::Start,
            Step::Suspend(_) => Mark::Suspend,
            Step::Clock => Mark::Clock(Anchor {
                sent_raw_ms: raw_ms,
                issuer_received: UtcMs(utc),
                issuer_sent: UtcMs(utc),
                received_raw_ms: raw_ms,
                issuer_error_ms: 0,
            }),
            Step::TimeCode(age_ms) => Mark::TimeCode {
                at: UtcMs(utc - age_ms),
                error_ms: 0,
            },
            // The issuer cosigned the log as it was just before.
            Step::Receipt => Mark::Receipt {
                covers: index,
                time_s: u64::try_from(utc / 1_000).unwrap(),
            },
        };
        let stamp = Stamp {
            wall: UtcMs(0),
            boot: BootId::new(&format!("{boot:08x}-0000-4000-8000-000000000000")).unwrap(),
            raw_ms,
            sync: Sync::Unset,
            error_ms: None,
        };
        made.push(Made {
            index,
            utc: UtcMs(utc),
            stamp,
            mark,
        });
    }
    made
}

fn place_all(made: &[Made], keep: impl Fn(&Made) -> bool) -> Vec<Placed> {
    let mut history = ClockHistory::new(TimePolicy::default());
    for one in made.iter().filter(|m| keep(m)) {
        history.observe(one.index, &one.stamp, one.mark);
    }
    made.iter()
        .map(|m| history.place(m.index, &m.stamp))
        .collect()
}

proptest! {
    #[test]
    fn the_truth_stays_inside(steps in steps(FRESH_MS), ppm in -150_i64..=150) {
        let made = play(&steps, ppm);
        for (one, placed) in made.iter().zip(place_all(&made, |_| true)) {
            prop_assert!(placed.at.holds(one.utc), "{} {:?} {placed:?}", one.index, one.utc);
        }
    }

    /// Old photos of codes: only an upper end that names its source can be wrong, and a contradiction never is.
    #[test]
    fn an_old_code_misleads_only_where_staff_are_named(steps in steps(3_600_000), ppm in -150_i64..=150) {
        let made = play(&steps, ppm);
        for (one, placed) in made.iter().zip(place_all(&made, |_| true)) {
            prop_assert!(placed.at.earliest <= one.utc, "{} {:?} {placed:?}", one.index, one.utc);
            if placed.quality != Quality::TimeCode {
                prop_assert!(placed.at.holds(one.utc), "{} {:?} {placed:?}", one.index, one.utc);
            }
        }
    }

    #[test]
    fn marks_alone_place_as_all_entries_do(
        steps in steps(3_600_000),
        orphans in proptest::collection::vec(any::<proptest::sample::Index>(), 0..3),
    ) {
        let mut made = play(&steps, 37);
        // Entries that say they are of a boot that no start began: a log may hold anything.
        for orphan in orphans {
            let at = orphan.index(made.len());
            if made[at].mark == Mark::Plain {
                made[at].stamp.boot = BootId::new("ffffffff-0000-4000-8000-000000000000").unwrap();
            }
        }
        prop_assert_eq!(place_all(&made, |_| true), place_all(&made, |m| m.mark != Mark::Plain));
    }
}

#[test]
fn an_entry_before_the_first_mark_is_bounded_by_receipts_alone() {
    let stamp = |raw_ms| Stamp {
        wall: UtcMs(0),
        boot: BootId::new("00000001-0000-4000-8000-000000000000").unwrap(),
        raw_ms,
        sync: Sync::Unset,
        error_ms: None,
    };
    let mut history = ClockHistory::new(TimePolicy::default());
    history.observe(1, &stamp(50), Mark::Suspend);
    let anchor = Anchor {
        sent_raw_ms: 60,
        issuer_received: UtcMs(NOON_MS),
        issuer_sent: UtcMs(NOON_MS),
        received_raw_ms: 60,
        issuer_error_ms: 0,
    };
    history.observe(2, &stamp(60), Mark::Clock(anchor));
    let before = history.place(0, &stamp(40));
    assert_eq!(before.at.earliest, Interval::UNKNOWN.earliest);
    assert!(before.at.latest < UtcMs(NOON_MS + 10));
}
