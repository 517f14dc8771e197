#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

const BOOT_A: &str = "aaaaaaaa-0000-4000-8000-000000000000";
const BOOT_B: &str = "bbbbbbbb-0000-4000-8000-000000000000";
const NOON: i64 = 1_800_000_000_000;

fn stamp(boot: &str, raw_ms: u64, wall: i64, sync: Sync) -> Stamp {
    Stamp {
        wall: UtcMs(wall),
        boot: BootId::new(boot).unwrap(),
        raw_ms,
        sync,
        error_ms: None,
    }
}

/// An exchange whose legs take 10 ms each, at raw time `raw_ms` of a clock that read 0 at `zero`.
fn anchor(raw_ms: u64, zero: i64) -> Anchor {
    let at = zero + i64::try_from(raw_ms).unwrap();
    Anchor {
        sent_raw_ms: raw_ms - 10,
        issuer_received: UtcMs(at),
        issuer_sent: UtcMs(at),
        received_raw_ms: raw_ms + 10,
        issuer_error_ms: 5,
    }
}

#[test]
fn a_boot_without_time_is_placed_afterwards() {
    let mut history = ClockHistory::new(TimePolicy::default());
    let scan = stamp(BOOT_A, 5_000, 0, Sync::Unset);
    history.observe(0, &scan, Mark::Start);
    assert_eq!(history.place(0, &scan).at, Interval::UNKNOWN);
    let later = stamp(BOOT_A, 3_605_000, 0, Sync::Unset);
    history.observe(1, &later, Mark::Clock(anchor(3_605_000, NOON)));
    let placed = history.place(0, &scan);
    assert_eq!(placed.quality, Quality::Anchored);
    assert!(placed.at.holds(UtcMs(NOON + 5_000)));
    // An hour at 200 ppm is 720 ms either way.
    assert!(
        (1_440..1_520).contains(&placed.at.width_ms()),
        "{}",
        placed.at.width_ms()
    );
}

#[test]
fn intervals_hold_their_ends_and_nothing_beyond() {
    let interval = Interval {
        earliest: UtcMs(3),
        latest: UtcMs(5),
    };
    let held: Vec<i64> = (0..9).filter(|at| interval.holds(UtcMs(*at))).collect();
    assert_eq!(held, [3, 4, 5]);
}

#[test]
fn boot_ids_keep_their_text() {
    let boot = BootId::new(BOOT_A).unwrap();
    assert_eq!((boot.as_str(), boot.to_string()), (BOOT_A, BOOT_A.into()));
    for bad in [
        "",
        &BOOT_A[1..],
        &BOOT_A.to_uppercase(),
        &format!("{BOOT_A}0"),
    ] {
        assert!(BootId::new(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn an_exchange_bounds_to_the_millisecond() {
    let mut history = ClockHistory::new(TimePolicy::default());
    let met = stamp(BOOT_A, 10_000, 0, Sync::Unset);
    history.observe(0, &met, Mark::Clock(anchor(10_000, NOON)));
    // 200 ppm of a thousand seconds are 200 ms, begun ones counted whole. The issuer may be off by 5 ms either way; the
    // answer's leg of 10 ms may have taken no time or all of it; a reading that was cut off stands for less than 1 ms.
    let placed = history.place(1, &stamp(BOOT_A, 1_010_000, 0, Sync::Unset));
    assert_eq!(
        placed.at,
        Interval {
            earliest: UtcMs(NOON + 1_010_000 - 10 - 200 - 5 - 1),
            latest: UtcMs(NOON + 1_010_000 + 10 + 201 + 5 + 2),
        }
    );
}

#[test]
fn a_receipt_of_no_time_that_can_be_is_held_at_the_end_of_time() {
    let mut history = ClockHistory::new(TimePolicy::default());
    let mark = Mark::Receipt {
        covers: 0,
        time_s: u64::MAX,
    };
    history.observe(0, &stamp(BOOT_A, 0, 0, Sync::Unset), mark);
    let placed = history.place(1, &stamp(BOOT_A, 9, 0, Sync::Unset));
    assert_eq!(
        placed.at.earliest,
        UtcMs::DISTANT_FUTURE.plus_ms(-1_000),
        "{placed:?}"
    );
}

#[test]
fn contradictory_anchors_are_reported_not_averaged() {
    let mut history = ClockHistory::new(TimePolicy::default());
    for (index, zero) in [(0_u64, NOON), (1, NOON + 60_000)] {
        let raw = 10_000 + index * 1_000;
        history.observe(
            index,
            &stamp(BOOT_A, raw, 0, Sync::Unset),
            Mark::Clock(anchor(raw, zero)),
        );
    }
    let placed = history.place(2, &stamp(BOOT_A, 12_000, 0, Sync::Unset));
    assert_eq!(placed.quality, Quality::Contradictory);
    assert!(placed.at.holds(UtcMs(NOON + 12_000)) && placed.at.holds(UtcMs(NOON + 72_000)));
    assert_eq!(history.contradictions().collect::<Vec<_>>(), [0]);
}

#[test]
fn a_boot_without_an_anchor_is_bounded_by_neighbours_and_receipts() {
    let mut history = ClockHistory::new(TimePolicy::default());
    history.observe(
        0,
        &stamp(BOOT_A, 10_000, 0, Sync::Unset),
        Mark::Clock(anchor(10_000, NOON)),
    );
    let scan = stamp(BOOT_B, 77, NOON + 90_000, Sync::Unset);
    history.observe(1, &scan, Mark::Start);
    let c = "cccccccc-0000-4000-8000-000000000000";
    history.observe(
        2,
        &stamp(c, 20_000, 0, Sync::Unset),
        Mark::Clock(anchor(20_000, NOON + 3_600_000)),
    );
    let placed = history.place(1, &scan);
    assert_eq!(placed.quality, Quality::Bounded);
    assert!(
        placed.at.earliest >= UtcMs(NOON + 9_000) && placed.at.latest <= UtcMs(NOON + 3_621_000)
    );

    // The same reading counts once the kernel vouches for it, and only within the bounds.
    let vouched = Stamp {
        sync: Sync::Synced,
        ..scan.clone()
    };
    assert_eq!(history.place(1, &vouched).quality, Quality::Kernel);
    let beyond = Stamp {
        wall: UtcMs(NOON + 9_000_000),
        ..vouched
    };
    assert_eq!(history.place(1, &beyond).quality, Quality::Bounded);

    // A receipt that covers the entry draws the end in.
    let seconds = u64::try_from(NOON / 1_000).unwrap() + 120;
    history.observe(
        3,
        &stamp(c, 20_500, 0, Sync::Unset),
        Mark::Receipt {
            covers: 2,
            time_s: seconds,
        },
    );
    let placed = history.place(1, &scan);
    assert_eq!(placed.at.latest, UtcMs(NOON + 120_000 + 1_999));
    assert_eq!(placed.not_after.unwrap().covers, 2);
}

#[test]
fn suspend_cuts_the_anchor() {
    let mut history = ClockHistory::new(TimePolicy::default());
    history.observe(
        0,
        &stamp(BOOT_A, 10_000, 0, Sync::Unset),
        Mark::Clock(anchor(10_000, NOON)),
    );
    let woken = stamp(BOOT_A, 11_000, 0, Sync::Unset);
    history.observe(1, &woken, Mark::Suspend);
    let placed = history.place(1, &woken);
    assert_eq!(placed.quality, Quality::Bounded);
    assert_eq!(placed.at.latest, UtcMs::DISTANT_FUTURE);
}

proptest! {
    /// However a raw clock drifts within the stated bound, and wherever anchors fall, the interval holds the truth.
    #[test]
    fn the_true_time_is_inside(
        ppm in -200_i64..=200,
        anchors in proptest::collection::vec((20_u64..5_000_000, 0_i64..200, 0_i64..200, -5_i64..=5), 1..12),
        at in 0_u64..5_000_000,
    ) {
        // The truth: UTC = NOON + raw * (1 + ppm/1e6), to the microsecond.
        let utc_us = |raw_ms: u64| NOON * 1_000 + i64::try_from(raw_ms).unwrap() * (1_000_000 + ppm) / 1_000;
        let mut history = ClockHistory::new(TimePolicy::default());
        for (index, (raw, out, back, off)) in anchors.iter().enumerate() {
            let middle = utc_us(*raw) + off * 1_000;
            let anchor = Anchor {
                sent_raw_ms: raw.saturating_sub(u64::try_from(*out).unwrap()),
                issuer_received: UtcMs(middle.div_euclid(1_000)),
                issuer_sent: UtcMs(middle.div_euclid(1_000)),
                received_raw_ms: raw + u64::try_from(*back).unwrap(),
                issuer_error_ms: 5,
            };
            let mark = Mark::Clock(anchor);
            history.observe(u64::try_from(index).unwrap(), &stamp(BOOT_A, *raw, 0, Sync::Unset), mark);
        }
        let placed = history.place(3, &stamp(BOOT_A, at, 0, Sync::Unset));
        prop_assert_eq!(placed.quality, Quality::Anchored);
        prop_assert!(placed.at.holds(UtcMs(utc_us(at).div_euclid(1_000))), "{:?}", placed);
    }
}
