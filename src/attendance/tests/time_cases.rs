//! The cases of time that a door meets, one by one: each says what was true, what the clocks said, and what may be concluded.
#![allow(clippy::unwrap_used)]

use attendance::time::{
    Anchor, BootId, CODE_AGE_MS, ClockHistory, Mark, Placed, Quality, Stamp, Sync, TimePolicy,
};
use attendance::{Interval, UtcMs};
use proptest::prelude::*;

const NOON: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A kiosk's log, written by somebody who knows the truth: all times are true milliseconds after noon.
struct Log {
    history: ClockHistory,
    next: u64,
    boot: u32,
    /// When the raw clock of this boot read 0.
    zero: i64,
    /// What the wall clock is ahead, and what the kernel says of it.
    wall_ahead: i64,
    sync: Sync,
}

impl Log {
    fn new() -> Self {
        let mut log = Self {
            history: ClockHistory::new(TimePolicy::default()),
            next: 0,
            boot: 0,
            zero: 0,
            wall_ahead: -NOON,
            sync: Sync::Unset,
        };
        log.boot(0);
        log
    }

    fn stamp(&self, at: i64) -> Stamp {
        Stamp {
            wall: UtcMs((NOON + at + self.wall_ahead).max(0)),
            boot: BootId::new(&format!("{:08x}-0000-4000-8000-000000000000", self.boot)).unwrap(),
            raw_ms: u64::try_from(at - self.zero).unwrap(),
            sync: self.sync,
            error_ms: None,
        }
    }

    fn mark(&mut self, at: i64, mark: Mark) -> (u64, Stamp) {
        let (index, stamp) = (self.next, self.stamp(at));
        self.history.observe(index, &stamp, mark);
        self.next += 1;
        (index, stamp)
    }

    fn boot(&mut self, at: i64) {
        self.boot += 1;
        self.zero = at;
        self.mark(at, Mark::Start);
    }

    fn suspend(&mut self, at: i64, for_ms: i64) {
        self.zero += for_ms;
        self.mark(at + for_ms, Mark::Suspend);
    }

    fn scan(&mut self, at: i64) -> (u64, Stamp) {
        self.mark(at, Mark::Plain)
    }

    /// An exchange of 10 ms each way with an issuer whose clock is ahead, and which says how far it may be off.
    fn exchange(&mut self, at: i64, issuer_ahead: i64, issuer_error_ms: u32) {
        let raw_ms = u64::try_from(at - self.zero).unwrap();
        let issuer = UtcMs(NOON + at + issuer_ahead);
        let anchor = Anchor {
            sent_raw_ms: raw_ms - 10,
            issuer_received: issuer,
            issuer_sent: issuer,
            received_raw_ms: raw_ms + 10,
            issuer_error_ms,
        };
        self.mark(at + 10, Mark::Clock(anchor));
    }

    /// A receipt for all there is, given and journalled now.
    fn receipt(&mut self, at: i64) {
        let covers = self.next;
        let time_s = u64::try_from((NOON + at) / 1_000).unwrap();
        self.mark(at, Mark::Receipt { covers, time_s });
    }

    /// A time code of this age is scanned.
    fn code(&mut self, at: i64, age_ms: i64) {
        let made = UtcMs(NOON + at - age_ms);
        self.mark(
            at,
            Mark::TimeCode {
                at: made,
                error_ms: 250,
            },
        );
    }

    fn place(&self, (index, stamp): &(u64, Stamp)) -> Placed {
        self.history.place(*index, stamp)
    }

    fn contradictions(&self) -> Vec<u64> {
        self.history.contradictions().collect()
    }

    fn late(&self) -> Vec<u64> {
        self.history.late_codes().collect()
    }
}

/// A placement has this quality and holds the truth.
#[track_caller]
fn check(placed: &Placed, quality: Quality, true_at: i64) -> Interval {
    assert_eq!(placed.quality, quality, "{placed:?}");
    assert!(placed.at.holds(UtcMs(NOON + true_at)), "{placed:?}");
    placed.at
}

#[test]
fn a_boot_without_time_is_placed_once_it_meets_the_issuer() {
    let mut log = Log::new();
    let scan = log.scan(5_000);
    assert_eq!(log.place(&scan).at, Interval::UNKNOWN);
    log.exchange(HOUR, 0, 5);
    let at = check(&log.place(&scan), Quality::Anchored, 5_000);
    // An hour at 200 ppm is 720 ms either way.
    assert!((1_400..1_520).contains(&at.width_ms()), "{}", at.width_ms());
}

#[test]
fn a_wall_clock_that_jumps_moves_nothing() {
    for jump in [-2 * HOUR, -1, 1, 3 * HOUR] {
        let mut log = Log::new();
        (log.sync, log.wall_ahead) = (Sync::Synced, 0);
        log.exchange(MINUTE, 0, 5);
        let before = log.scan(2 * MINUTE);
        log.wall_ahead = jump;
        let after = log.scan(3 * MINUTE);
        check(&log.place(&before), Quality::Anchored, 2 * MINUTE);
        let at = check(&log.place(&after), Quality::Anchored, 3 * MINUTE);
        assert!(at.width_ms() < 200, "{jump}");
    }
}

#[test]
fn a_synchronised_wall_clock_that_jumped_out_of_its_bounds_says_nothing() {
    let mut log = Log::new();
    log.receipt(MINUTE);
    (log.sync, log.wall_ahead) = (Sync::Synced, 0);
    let good = log.scan(2 * MINUTE);
    log.wall_ahead = 3 * HOUR;
    let jumped = log.scan(3 * MINUTE);
    log.receipt(4 * MINUTE);
    let at = check(&log.place(&good), Quality::Kernel, 2 * MINUTE);
    assert!(at.width_ms() <= 2_000);
    check(&log.place(&jumped), Quality::Bounded, 3 * MINUTE);
}

#[test]
fn a_wall_clock_that_is_slewed_at_500_ppm_moves_no_anchored_scan() {
    let mut log = Log::new();
    log.sync = Sync::Synced;
    log.exchange(MINUTE, 0, 5);
    for minute in 2..600 {
        // The wall clock is pulled over by half a millisecond a second; the raw clock is not.
        log.wall_ahead = minute * MINUTE * 500 / 1_000_000;
        let scan = log.scan(minute * MINUTE);
        check(&log.place(&scan), Quality::Anchored, minute * MINUTE);
    }
}

#[test]
fn an_issuer_whose_clock_is_off_is_believed_within_what_it_states() {
    let mut log = Log::new();
    let three_minutes = u32::try_from(3 * MINUTE).unwrap();
    log.exchange(MINUTE, 2 * MINUTE, three_minutes);
    let scan = log.scan(2 * MINUTE);
    check(&log.place(&scan), Quality::Anchored, 2 * MINUTE);
}

#[test]
fn an_issuer_whose_clock_is_put_right_contradicts_itself_and_both_are_shown() {
    let mut log = Log::new();
    log.exchange(MINUTE, 5 * MINUTE, 250);
    let scan = log.scan(10 * MINUTE);
    log.exchange(20 * MINUTE, 0, 250);
    let at = check(&log.place(&scan), Quality::Contradictory, 10 * MINUTE);
    // Both readings whole, and no middle: the hull reaches from one to the other.
    assert!(at.holds(UtcMs(NOON + 15 * MINUTE)), "{at:?}");
    assert!(at.width_ms() >= 5 * MINUTE);
    assert_eq!(log.contradictions(), [0]);
}

#[test]
fn anchors_against_receipts_are_reported_and_not_averaged() {
    let mut log = Log::new();
    log.exchange(MINUTE, -HOUR, 250);
    let scan = log.scan(2 * MINUTE);
    log.receipt(3 * MINUTE);
    let later = log.scan(4 * MINUTE);
    // The receipt says not before, and nothing says not after; what either leaves open stays open.
    let at = check(&log.place(&later), Quality::Contradictory, 4 * MINUTE);
    assert!(at.holds(UtcMs(NOON + 4 * MINUTE - HOUR)), "{at:?}");
    log.receipt(5 * MINUTE);
    let at = check(&log.place(&later), Quality::Contradictory, 4 * MINUTE);
    assert!(at.width_ms() < HOUR + 2 * MINUTE, "{at:?}");
    // What only the one side bounds is no contradiction, and no better than that side's word.
    assert_eq!(log.place(&scan).quality, Quality::Anchored);
}

#[test]
fn a_boot_without_an_anchor_lies_between_its_neighbours_and_receipts() {
    let mut log = Log::new();
    log.exchange(MINUTE, 0, 5);
    log.boot(10 * MINUTE);
    let scan = log.scan(11 * MINUTE);
    log.boot(20 * MINUTE);
    log.exchange(21 * MINUTE, 0, 5);
    let by_neighbours = check(&log.place(&scan), Quality::Bounded, 11 * MINUTE);
    assert!(by_neighbours.width_ms() <= 20 * MINUTE, "{by_neighbours:?}");
    assert_ne!(by_neighbours.earliest, UtcMs::DISTANT_PAST);

    let mut log = Log::new();
    log.receipt(9 * MINUTE);
    log.boot(10 * MINUTE);
    let scan = log.scan(11 * MINUTE);
    log.receipt(12 * MINUTE);
    let by_receipts = check(&log.place(&scan), Quality::Bounded, 11 * MINUTE);
    assert!(
        by_receipts.width_ms() <= 3 * MINUTE + 3_000,
        "{by_receipts:?}"
    );
    assert!(log.place(&scan).not_before.is_some() && log.place(&scan).not_after.is_some());
}

#[test]
fn a_scanned_time_code_places_the_whole_boot_to_the_minute() {
    let mut log = Log::new();
    let earlier = log.scan(5 * MINUTE);
    log.code(10 * MINUTE, 8_000);
    let later = log.scan(2 * HOUR);
    for (scan, true_at) in [(&earlier, 5 * MINUTE), (&later, 2 * HOUR)] {
        let at = check(&log.place(scan), Quality::TimeCode, true_at);
        assert!(at.width_ms() <= MINUTE + 4_000, "{at:?}");
    }
    // A second one of another age leaves less open; a contradiction would leave more.
    log.code(2 * HOUR + MINUTE, 50_000);
    let at = check(&log.place(&later), Quality::TimeCode, 2 * HOUR);
    assert!(at.width_ms() <= 20_000, "{at:?}");
    assert_eq!((log.late(), log.contradictions()), (vec![], vec![]));
    // An exchange says it better, and the codes agree.
    log.exchange(3 * HOUR, 0, 5);
    let at = check(&log.place(&later), Quality::Anchored, 2 * HOUR);
    assert!(at.width_ms() < 2_000, "{at:?}");
}

#[test]
fn a_code_of_the_greatest_age_still_holds_and_one_past_it_is_late() {
    // An exchange of no error but its own 10 ms shows the age: to the issuer's error of 250 ms for the code, and 14 ms for
    // legs, drift and readings that were cut off.
    let age = i64::from(CODE_AGE_MS);
    for (age_ms, late) in [(age, false), (age + 264, false), (age + 265, true)] {
        let mut log = Log::new();
        log.exchange(10 * MINUTE, 0, 0);
        log.code(10 * MINUTE + 20, age_ms);
        assert_eq!(!log.late().is_empty(), late, "{age_ms}");
        // In whichever order they come.
        let mut log = Log::new();
        log.code(10 * MINUTE, age_ms);
        log.exchange(10 * MINUTE + 20, 0, 0);
        assert_eq!(!log.late().is_empty(), late, "{age_ms}");
    }
}

#[test]
fn the_nearest_of_many_exchanges_bound_an_entry() {
    let mut log = Log::new();
    let scans: Vec<_> = (1..=12)
        .map(|hour| {
            log.exchange(hour * HOUR, 0, 5);
            (hour * HOUR + MINUTE, log.scan(hour * HOUR + MINUTE))
        })
        .collect();
    for (true_at, scan) in scans {
        let at = check(&log.place(&scan), Quality::Anchored, true_at);
        assert!(at.width_ms() < 80, "{at:?}");
    }
}

#[test]
fn the_nearest_of_many_codes_bound_an_entry() {
    let mut log = Log::new();
    let scans: Vec<_> = (1..=12)
        .map(|hour| {
            log.code(hour * HOUR, 1_000);
            (hour * HOUR + MINUTE, log.scan(hour * HOUR + MINUTE))
        })
        .collect();
    for (true_at, scan) in scans {
        let at = check(&log.place(&scan), Quality::TimeCode, true_at);
        assert!(at.width_ms() < MINUTE + 1_000, "{at:?}");
    }
}

#[test]
fn exchanges_that_contradict_each_other_stay_so_however_many_agree_later() {
    let mut log = Log::new();
    log.exchange(HOUR, 5 * MINUTE, 5);
    for hour in 2..=12 {
        log.exchange(hour * HOUR, 0, 5);
    }
    let scan = log.scan(12 * HOUR + MINUTE);
    check(
        &log.place(&scan),
        Quality::Contradictory,
        12 * HOUR + MINUTE,
    );
}

#[test]
fn the_latest_of_the_codes_before_bounds_later_boots() {
    let mut log = Log::new();
    log.code(HOUR, 1_000);
    log.code(3 * HOUR, 1_000);
    // An older one, scanned again, takes nothing back.
    log.code(3 * HOUR + 1_000, 30 * MINUTE);
    log.boot(4 * HOUR);
    let scan = log.scan(4 * HOUR + MINUTE);
    let floor = UtcMs(NOON + 3 * HOUR - 1_000 - 250 - 1_000);
    assert_eq!(log.place(&scan).at.earliest, floor);
}

#[test]
fn a_receipt_proves_nothing_of_the_entry_that_journals_it() {
    let mut log = Log::new();
    let time_s = u64::try_from(NOON / 1_000).unwrap() + 60;
    let covers = log.next;
    let own = log.mark(MINUTE, Mark::Receipt { covers, time_s });
    let later = log.scan(2 * MINUTE);
    assert_eq!(log.place(&own).not_before, None);
    let not_before = log.place(&later).not_before.unwrap();
    assert_eq!(
        (not_before.journalled_at, not_before.covers),
        (own.0, covers)
    );
    // It proves no more than the issuer's error allows.
    assert_eq!(log.place(&later).at.earliest, UtcMs(NOON + MINUTE - 1_000));
}

#[test]
fn a_clock_is_timed_by_an_exchange_or_by_codes_of_which_none_was_late() {
    let state = |log: &Log| (log.history.is_anchored(), log.history.is_timed());
    let mut log = Log::new();
    assert_eq!(state(&log), (false, false));
    log.code(HOUR, 1_000);
    assert_eq!(state(&log), (false, true));
    log.suspend(HOUR + MINUTE, MINUTE);
    assert_eq!(state(&log), (false, false));
    log.code(2 * HOUR, HOUR);
    log.code(3 * HOUR, 1_000);
    assert_eq!(log.late().len(), 1);
    assert_eq!(state(&log), (false, false));
    log.exchange(4 * HOUR, 0, 5);
    assert_eq!(state(&log), (true, true));
    log.boot(5 * HOUR);
    assert_eq!(state(&log), (false, false));
    log.exchange(6 * HOUR, 0, 5);
    assert_eq!(state(&log), (true, true));
}

/// A photo, two hours old, at a door that has no other time. What each thing signed later makes of it.
#[test]
fn a_late_code_bounds_nothing_from_above_once_anything_signed_shows_it() {
    let late = || {
        let mut log = Log::new();
        log.code(3 * HOUR, 2 * HOUR);
        let scan = log.scan(3 * HOUR + MINUTE);
        (log, scan)
    };
    let (log, scan) = late();
    let misled = log.place(&scan);
    assert_eq!(misled.quality, Quality::TimeCode);
    // Too early, by staff's word that names itself; never too late.
    assert!(misled.at.latest < UtcMs(NOON + 3 * HOUR) && misled.at.earliest >= UtcMs(NOON));

    let (mut log, scan) = late();
    log.code(4 * HOUR, 1_000);
    assert_eq!(log.late(), [0]);
    let at = check(&log.place(&scan), Quality::Bounded, 3 * HOUR + MINUTE);
    assert!(at.earliest >= UtcMs(NOON + 3 * HOUR - MINUTE), "{at:?}");

    let (mut log, scan) = late();
    log.exchange(4 * HOUR, 0, 5);
    assert_eq!(log.late(), [0]);
    check(&log.place(&scan), Quality::Anchored, 3 * HOUR + MINUTE);

    let (mut log, scan) = late();
    log.receipt(4 * HOUR);
    assert_eq!(log.late(), [0]);
    check(&log.place(&scan), Quality::Bounded, 3 * HOUR + MINUTE);

    // What came before shows it as well: a receipt, an anchored boot, a code in an earlier boot.
    for before in [
        (|log: &mut Log| log.receipt(2 * HOUR)) as fn(&mut Log),
        |log| log.exchange(2 * HOUR, 0, 5),
        |log| log.code(2 * HOUR, 1_000),
    ] {
        let mut log = Log::new();
        before(&mut log);
        log.boot(2 * HOUR + MINUTE);
        let boot = log.next - 1;
        log.code(3 * HOUR, 2 * HOUR);
        let scan = log.scan(3 * HOUR + MINUTE);
        assert_eq!(log.late(), [boot]);
        check(&log.place(&scan), Quality::Bounded, 3 * HOUR + MINUTE);
    }
}

#[test]
fn nothing_after_a_code_is_earlier_than_it_in_whatever_boot() {
    let mut log = Log::new();
    log.code(HOUR, 1_000);
    log.boot(2 * HOUR);
    let scan = log.scan(2 * HOUR + MINUTE);
    let at = check(&log.place(&scan), Quality::Bounded, 2 * HOUR + MINUTE);
    assert_eq!(at.earliest, UtcMs(NOON + HOUR - 1_000 - 250 - 1_000));
    // Staff's word for the one boot says nothing of another.
    assert_eq!(at.latest, UtcMs::DISTANT_FUTURE);
}

#[test]
fn a_code_from_the_future_of_an_exchange_is_a_contradiction_of_the_issuer() {
    let mut log = Log::new();
    log.exchange(MINUTE, 0, 5);
    let scan = log.scan(2 * MINUTE);
    log.code(3 * MINUTE, -10 * MINUTE);
    assert_eq!(log.contradictions(), [0]);
    let at = check(&log.place(&scan), Quality::Contradictory, 2 * MINUTE);
    assert!(at.holds(UtcMs(NOON + 12 * MINUTE)), "{at:?}");

    // In whichever order they come.
    let mut log = Log::new();
    let scan = log.scan(2 * MINUTE);
    log.code(3 * MINUTE, -10 * MINUTE);
    log.exchange(4 * MINUTE, 0, 5);
    assert_eq!(log.contradictions(), [0]);
    check(&log.place(&scan), Quality::Contradictory, 2 * MINUTE);

    // The same against a receipt, which is the issuer's word too.
    let mut log = Log::new();
    let scan = log.scan(2 * MINUTE);
    log.code(3 * MINUTE, -10 * MINUTE);
    log.receipt(4 * MINUTE);
    check(&log.place(&scan), Quality::Contradictory, 2 * MINUTE);
}

#[test]
fn a_code_draws_in_the_earlier_end_of_a_loose_exchange_and_not_the_later() {
    let mut log = Log::new();
    log.exchange(MINUTE, 0, 60_000);
    let scan = log.scan(2 * MINUTE);
    let loose = check(&log.place(&scan), Quality::Anchored, 2 * MINUTE);
    log.code(3 * MINUTE, 1_000);
    let at = check(&log.place(&scan), Quality::Anchored, 2 * MINUTE);
    assert!(at.earliest >= UtcMs(NOON + 2 * MINUTE - 1_300), "{at:?}");
    assert_eq!(at.latest, loose.latest);
}

#[test]
fn the_kernels_word_against_staffs_is_for_a_person() {
    let mut log = Log::new();
    (log.sync, log.wall_ahead) = (Sync::Synced, 0);
    let scan = log.scan(3 * HOUR);
    log.code(3 * HOUR + MINUTE, 2 * HOUR);
    let at = check(&log.place(&scan), Quality::Contradictory, 3 * HOUR);
    assert!(at.width_ms() >= 2 * HOUR - 2 * MINUTE, "{at:?}");
    // Where they agree, the kernel says it more closely.
    let mut log = Log::new();
    (log.sync, log.wall_ahead) = (Sync::Synced, 0);
    let scan = log.scan(3 * HOUR);
    log.code(3 * HOUR + MINUTE, 5_000);
    let at = check(&log.place(&scan), Quality::Kernel, 3 * HOUR);
    assert!(at.width_ms() <= 2_000, "{at:?}");
}

#[test]
fn suspend_cuts_exchanges_and_codes_alike() {
    for anchor in [
        (|log: &mut Log| log.exchange(MINUTE, 0, 5)) as fn(&mut Log),
        |log| log.code(MINUTE, 0),
    ] {
        let mut log = Log::new();
        anchor(&mut log);
        log.suspend(2 * MINUTE, HOUR);
        let woken = log.scan(2 * MINUTE + HOUR);
        let at = check(&log.place(&woken), Quality::Bounded, 2 * MINUTE + HOUR);
        assert_eq!(at.latest, UtcMs::DISTANT_FUTURE);
        assert!(at.earliest >= UtcMs(NOON));
        // A new code is a new beginning.
        log.code(3 * MINUTE + HOUR, 2_000);
        check(&log.place(&woken), Quality::TimeCode, 2 * MINUTE + HOUR);
    }
}

proptest! {
    /// A kernel-synchronised wall clock, slewed at up to 500 ppm within the bound that the kernel states, beside codes and
    /// receipts: the truth stays inside.
    #[test]
    fn a_slewed_kernel_clock_holds_the_truth_within_its_bound(
        ppm in -500_i64..=500,
        minutes in proptest::collection::vec((1_i64..30, 0_u8..4, 0_i64..60_000), 1..20),
    ) {
        let mut log = Log::new();
        log.sync = Sync::Synced;
        let mut at = 0;
        let mut scans = Vec::new();
        for (wait, what, age_ms) in minutes {
            at += wait * MINUTE;
            // The kernel steps in before its bound is reached, which for us is a second.
            log.wall_ahead = (at % (30 * MINUTE)) * ppm / 1_000_000;
            match what {
                0 => log.receipt(at),
                1 => log.code(at, age_ms),
                _ => scans.push((log.scan(at), at)),
            }
        }
        for (scan, true_at) in scans {
            let placed = log.place(&scan);
            prop_assert!(placed.at.holds(UtcMs(NOON + true_at)), "{true_at} {placed:?}");
            prop_assert!(placed.quality == Quality::Kernel, "{placed:?}");
        }
    }
}
