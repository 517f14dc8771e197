//! The core driven through simulated time against an issuer, a network and a desk that misbehave by script.
#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use proptest::prelude::*;
use protocol::problem::{Code, Problem};

use super::*;
use crate::sync::backoff::BACKOFF_CAP_MS;
use world::{DeskFault, Fault, World, problem, size};

const HOUR_MS: u64 = 3_600_000;

#[test]
fn the_first_call_is_for_the_time_and_scans_follow_at_once() {
    let mut world = World::new([]);
    world.scans(3);
    world.run(5_000, &[3_000]);
    let order: Vec<Call> = world.calls.iter().map(|made| made.1).collect();
    use Call::{Bundle, Entries, Presence, Status, Time};
    assert_eq!(order, [Time, Entries, Bundle, Presence, Status, Entries]);
    assert_eq!(world.held.len(), 7, "with the clock entry and the receipt");
    let scanned = world.calls.last().unwrap().0;
    assert!(scanned.0 < 4_000 + 50, "{scanned:?}");
    assert_eq!(world.alarms(), []);
}

#[test]
fn what_rides_along_waits_for_the_beat() {
    let mut world = World::new([]);
    world.scans(1);
    world.run(55_000, &[]);
    assert_eq!(world.count(Call::Entries), 1);
    world.run(HOUR_MS, &[]);
    let batches = world.count(Call::Entries);
    assert!((57..=61).contains(&batches), "{batches}");
    // A scan takes what waits with it and the next beat counts from there.
    world.run(30_000, &[]);
    let before = world.count(Call::Entries);
    world.run(60_000, &[1]);
    assert_eq!(world.count(Call::Entries), before + 1);
}

#[test]
fn a_quiet_hour_is_a_known_number_of_calls() {
    let mut world = World::new([]);
    world.run(HOUR_MS, &[]);
    let made = Call::ALL.map(|call| world.count(call));
    let expected = [60, 60, 0, 120, 240, 240];
    for (made, expected) in made.iter().zip(expected) {
        assert!(made.abs_diff(expected) <= 3, "{made} of {expected}");
    }
}

#[test]
fn days_offline_end_in_order_without_a_storm() {
    let mut world = World::new([]);
    world.run(10_000, &[]);
    world.then = Fault::RequestLost;
    let before = world.calls.len();
    for _ in 0..3 * 24 {
        world.scans(1_000);
        world.run(HOUR_MS, &[]);
    }
    let tries = world.calls.len() - before;
    // Full jitter under a cap of 60 s: one try in 30 s on average.
    assert!((72 * 100..72 * 150).contains(&tries), "{tries}");
    assert!(world.core.status().unreachable_in_row > 1_000);

    world.then = Fault::None;
    let (before, batches) = (world.calls.len(), world.count(Call::Entries));
    world.run(BACKOFF_CAP_MS + 30_000, &[]);
    assert!(world.receipted >= 72_000, "{}", world.receipted);
    let batches = world.count(Call::Entries) - batches;
    assert!((144..=147).contains(&batches), "{batches} of 500 each");
    assert!(world.calls.len() - before < 170);
    // The long way back keeps neither bundle nor status waiting, nor does what they waited for before.
    let since = &world.calls[before..];
    for call in Call::ALL.into_iter().filter(|call| *call != Call::Sealed) {
        let first = since.iter().find(|made| made.1 == call).unwrap().0;
        let after_ms = first.since_ms(since[0].0);
        assert!(after_ms < 1_000, "{call:?} after {after_ms} ms");
    }
    assert_eq!(world.alarms(), []);
}

#[test]
fn every_standing_fault_is_met_with_patience() {
    let faults = [
        (Fault::RequestLost, None),
        (Fault::AnswerLost, None),
        (Fault::AnswerLate, None),
        (Fault::StaleNonce, None),
        (Fault::Unavailable(0), None),
        (Fault::Unavailable(u64::MAX), None),
        (Fault::Stumbles, None),
        (Fault::Garbage, Some(Alarm::AnswerMalformed)),
        (Fault::WrongKey, Some(Alarm::WrongKey)),
        (Fault::NotFound, Some(Alarm::BatchRefused)),
        (Fault::TooLarge, Some(Alarm::EntryTooLarge)),
        (Fault::NonsenseGap, Some(Alarm::AnswerMalformed)),
    ];
    for (fault, alarm) in faults {
        let mut world = World::new([]);
        world.scans(40);
        world.run(45, &[]);
        world.then = fault;
        world.run(HOUR_MS, &[]);
        let calls = world.calls.len();
        // A quiet hour is some 720.
        assert!(calls < 800, "{fault:?}: {calls} calls in an hour");
        assert!(calls > 10, "{fault:?}: it goes on trying");
        let densest = world.densest(10_000);
        assert!(densest <= 20, "{fault:?}: {densest} calls in 10 s");
        if let Some(alarm) = alarm {
            assert!(world.alarms().contains(&alarm), "{fault:?}");
        }
        world.then = Fault::None;
        world.run(400_000, &[]);
        assert!(world.receipted >= 40, "{fault:?}: {}", world.receipted);
        assert_eq!(world.alarms(), [], "{fault:?}: over");
    }
}

#[test]
fn a_stale_nonce_costs_one_more_call_and_no_wait() {
    let mut world = World::new([Fault::None, Fault::StaleNonce]);
    world.scans(1);
    world.run(200, &[]);
    let nonces: Vec<_> = world.calls.iter().take(3).map(|made| &made.2).collect();
    assert_eq!(nonces, [&None, &Some("n1".into()), &Some("n2".into())]);
    assert_eq!(world.held.len(), 2);

    // A second time in a row it waits.
    let mut world = World::new([Fault::None, Fault::StaleNonce, Fault::StaleNonce]);
    world.scans(1);
    world.run(30_000, &[]);
    let order: Vec<Call> = world.calls.iter().take(4).map(|made| made.1).collect();
    use Call::{Bundle, Entries, Time};
    assert_eq!(order, [Time, Entries, Entries, Bundle]);
    assert!(world.receipted >= 1);
}

#[test]
fn a_gap_is_filled_from_what_the_issuer_holds() {
    let mut world = World::new([]);
    world.scans(1_200);
    world.run(5_000, &[]);
    assert!(world.held.len() >= 1_200);
    world.script.push_back(Fault::Forgets(300));
    world.scans(1);
    world.run(30_000, &[]);
    assert!(world.held.len() > 1_200, "{}", world.held.len());
    assert_eq!(world.alarms(), [Alarm::IssuerBehind]);
}

/// A world whose issuer holds another first entry of this log.
fn forked() -> World {
    let mut world = World::new([]);
    world.held = vec![b"another".to_vec()];
    world.scans(8);
    world
}

#[test]
fn a_proven_fork_is_delivered_and_the_fresh_log_waits() {
    let mut world = forked();
    world.run(5_000, &[]);
    let (sealed, delivered) = world.sealed.clone().unwrap();
    assert_eq!(delivered, sealed.len());
    assert_eq!(
        world.branch[..8],
        sealed[..8],
        "every scan is at the issuer"
    );
    // Scans and clock go on in the fresh log, whose entries nobody is sent yet.
    let before = world.count(Call::Entries);
    world.scans(5);
    world.run(HOUR_MS, &[]);
    assert_eq!(world.count(Call::Entries), before);
    assert!(world.log.len() > 5);
    assert!(world.count(Call::Status) > 200);
    assert_eq!(world.held, [b"another".to_vec()]);
}

#[test]
fn a_receipt_over_another_branch_is_taken_to_the_desk() {
    let mut world = World::new([]);
    world.desk = DeskFault::OtherBranch;
    world.scans(2);
    world.run(1_000, &[]);
    assert!(world.sealed.is_some());
}

#[test]
fn a_fork_that_is_not_proven_seals_nothing() {
    let check = |proves: bool, desk: DeskFault| {
        let mut world = forked();
        (world.proves, world.desk) = (proves, desk);
        world.run(HOUR_MS, &[]);
        assert!(world.sealed.is_none());
        assert_eq!(world.alarms(), [Alarm::ForkUnproven]);
        assert!(world.count(Call::Entries) > 10, "it is offered again");
        // Once the word is taken back, all of it arrives.
        world.held.clear();
        world.desk = DeskFault::None;
        world.run(HOUR_MS, &[]);
        assert_eq!(world.alarms(), []);
        assert!(world.held.len() >= 8);
    };
    check(false, DeskFault::None);
    check(true, DeskFault::ForkUnproven);
}

#[test]
fn too_large_is_halved_until_it_fits() {
    let mut world = World::new([]);
    world.scans(500);
    world.limit_bytes = 700;
    world.run(60_000, &[]);
    assert!(world.held.len() >= 500, "{}", world.held.len());
    assert_eq!(world.alarms(), []);
}

#[test]
fn what_is_too_large_is_halved_in_entries_and_in_bytes() {
    let mut world = World::new([]);
    let sent = Sent {
        start: 0,
        size: 9,
        leaves: 9,
        bytes: 701,
        sealed: None,
    };
    world.core.too_large(MonoMs(5), sent);
    assert_eq!((world.core.max_entries, world.core.max_bytes), (4, 350));
}

#[test]
fn gaps_in_a_row_are_met_at_once_and_then_with_patience() {
    let mut world = World::new([]);
    let sent = Sent {
        start: 7,
        size: 9,
        leaves: 2,
        bytes: 10,
        sealed: None,
    };
    let now = MonoMs(1_000_000);
    let mut due = || {
        world.core.gap(now, sent, Some(3));
        world.core.jobs[Call::Entries.index()].due
    };
    for _ in 0..GAPS_IN_ROW {
        assert_eq!(due(), now);
    }
    assert!(due() > now);
}

#[test]
fn a_sealed_batch_goes_on_from_what_is_held_below_it_or_kept_of_it() {
    let sent = |sealed| Sent {
        start: 5,
        size: 9,
        leaves: 4,
        bytes: 10,
        sealed,
    };
    let holds = |sealed, code, held, kept| {
        let ask = sealed::refused(sent(sealed), Some(code), held, kept);
        ask.map(|(_, ask)| match ask {
            Ask::Delivered { number, size } => (number, size),
            other => panic!("{other:?}"),
        })
    };
    for (code, held, kept, expect) in [
        (Code::Gap, Some(4), None, Some((2, 4))),
        (Code::Gap, Some(0), None, Some((2, 0))),
        (Code::Gap, Some(5), None, None),
        (Code::Gap, Some(6), None, None),
        (Code::Fork, None, Some(9), Some((2, 9))),
        (Code::Fork, None, Some(10), Some((2, 10))),
        (Code::Fork, Some(4), Some(8), None),
        (Code::TooLarge, Some(4), Some(9), None),
    ] {
        assert_eq!(
            holds(Some(2), code, held, kept),
            expect,
            "{code:?} {held:?}"
        );
        assert_eq!(holds(None, code, held, kept), None);
    }
}

#[test]
fn a_refused_batch_of_a_sealed_log_says_nothing_of_the_own_log() {
    let proven = |code| {
        let mut problem = Problem::new(code, "");
        problem.checkpoint = Some("held".into());
        serde_json::to_vec(&problem).unwrap()
    };
    for (what, answer) in [
        ("a gap beyond it", problem(Code::Gap, Some(7))),
        ("a gap of no size", problem(Code::Gap, None)),
        ("too large", problem(Code::TooLarge, None)),
        (
            "too large by its status",
            Answer {
                status: 413,
                ..Answer::default()
            },
        ),
        (
            "a fork of which nothing is kept",
            Answer {
                status: Code::Fork.status(),
                body: proven(Code::Fork),
                ..Answer::default()
            },
        ),
    ] {
        let mut core = World::new([]).core;
        let calling = Calling {
            request: Request {
                id: 1,
                call: Call::Sealed,
                path: String::new(),
                body: None,
                nonce: None,
                etag: None,
            },
            again: false,
            batch: Some(Sent {
                start: 5,
                size: 9,
                leaves: 4,
                bytes: 10,
                sealed: Some(1),
            }),
        };
        let now = MonoMs(1_000_000);
        assert_eq!(core.refused(now, calling, &answer, None), None, "{what}");
        assert_eq!(core.status().alarms, [Alarm::SealedRefused], "{what}");
        assert!(core.jobs[Call::Sealed.index()].due > now, "{what}");
        let own = (core.issuer_size, core.gaps, core.max_entries);
        assert_eq!(own, (0, 0, BATCH_ENTRIES), "{what}");
    }
}

#[test]
fn a_time_answer_that_brings_no_nonce_starts_nothing() {
    let mut world = World::new([]);
    world.then = Fault::NoNonce;
    world.scans(1);
    world.run(60_000, &[]);
    assert_eq!(world.alarms(), [Alarm::AnswerMalformed]);
    assert_eq!(world.count(Call::Time), world.calls.len());
    assert!(world.log.len() == 1, "nothing is journalled by it");
    world.then = Fault::None;
    world.run(BACKOFF_CAP_MS + 5_000, &[]);
    assert_eq!(world.alarms(), []);
    assert!(world.receipted >= 1);
}

#[test]
fn what_can_stand_in_a_header_is_told_from_what_cannot() {
    let long = |count| "n".repeat(count);
    for (text, nonce, etag) in [
        (long(1), true, true),
        (long(MAX_NONCE_BYTES), true, true),
        (long(MAX_NONCE_BYTES + 1), false, true),
        (long(ETAG_BYTES_MAX), false, true),
        (long(ETAG_BYTES_MAX + 1), false, false),
        (String::new(), false, false),
        ("a b".into(), false, false),
        ("a\nb".into(), false, false),
        ("\u{fc}".into(), false, false),
        ("a\"b".into(), false, true),
        ("a\\b".into(), false, true),
    ] {
        assert_eq!((is_nonce(&text), is_etag(&text)), (nonce, etag), "{text:?}");
    }
}

#[test]
fn what_the_desk_refuses_is_an_alarm_and_tried_again() {
    let check = |fault: DeskFault, alarm: Option<Alarm>| {
        let mut world = World::new([]);
        world.run(45, &[]);
        world.desk = fault;
        world.bundle += 1;
        world.scans(5);
        world.run(HOUR_MS, &[]);
        assert_eq!(
            world.alarms().into_iter().next(),
            alarm,
            "{fault:?}: {:?}",
            world.alarms()
        );
        assert!(world.calls.len() < 1_000, "{}", world.calls.len());
        world.desk = DeskFault::None;
        world.bundle += 1;
        world.run(200_000, &[]);
        assert_eq!(world.alarms(), [], "{fault:?}");
        assert!(world.receipted >= 5, "{fault:?}");
    };
    check(DeskFault::Busy, None);
    check(DeskFault::Failed, Some(Alarm::JournalFailed));
    check(DeskFault::ReceiptRefused, Some(Alarm::ReceiptRefused));
    check(
        DeskFault::LedgerInconsistent,
        Some(Alarm::LedgerInconsistent),
    );
    check(DeskFault::BundleRefused, Some(Alarm::BundleRefused));
}

#[test]
fn a_refused_bundle_is_fetched_once_and_stays_an_alarm() {
    let mut world = World::new([]);
    world.desk = DeskFault::BundleRefused;
    world.run(HOUR_MS, &[]);
    assert_eq!(world.alarms(), [Alarm::BundleRefused]);
    assert!(world.count(Call::Bundle) >= 100);
    assert_eq!(world.core.seen_etag, Some("\"1\"".into()));
}

#[test]
fn a_lost_anchor_comes_before_anything_else() {
    let mut world = World::new([]);
    world.run(20_000, &[]);
    let before = world.calls.len();
    let woken = Standing {
        anchored: false,
        ..world.standing()
    };
    assert!(world.core.step(world.now, Input::Grew(woken)).is_some());
    world.scans(1);
    world.run(10_000, &[]);
    assert_eq!(world.calls[before].1, Call::Time);
    assert!(world.held.len() > 2);
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::None),
        2 => Just(Fault::RequestLost),
        3 => Just(Fault::AnswerLost),
        2 => Just(Fault::AnswerLate),
        2 => Just(Fault::AnswerTwice),
        2 => Just(Fault::StaleNonce),
        1 => (0_u64..400).prop_map(Fault::Unavailable),
        1 => Just(Fault::Stumbles),
        1 => Just(Fault::Garbage),
        1 => Just(Fault::WrongKey),
        1 => Just(Fault::NotFound),
        1 => Just(Fault::TooLarge),
        1 => (0_usize..600).prop_map(Fault::Forgets),
        1 => Just(Fault::NonsenseGap),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever network and issuer do for a while, in the end everything is receipted, once and in order (`intake` asserts the order).
    #[test]
    fn everything_is_receipted_in_the_end(
        script in proptest::collection::vec(any_fault(), 0..120),
        backlog in 0_usize..2_000,
        scans in proptest::collection::vec(0_u64..600_000, 0..20),
    ) {
        let mut world = World::new(script);
        world.scans(backlog);
        let mut scans = scans;
        scans.sort_unstable();
        world.run(700_000, &scans);
        // The script is played out within bounded time, and then all is well.
        for _ in 0..48 {
            if world.script.is_empty() {
                break;
            }
            world.run(HOUR_MS / 2, &[]);
        }
        world.run(400_000, &[]);
        prop_assert!(world.script.is_empty());
        let urgent = usize::try_from(world.standing().urgent_size).unwrap();
        prop_assert!(world.held.len() >= urgent, "{} of {urgent}", world.held.len());
        prop_assert!(world.receipted >= size(urgent));
        let behind = world.alarms();
        prop_assert!(behind.iter().all(|alarm| *alarm == Alarm::IssuerBehind), "{behind:?}");
        let densest = world.densest(10_000);
        prop_assert!(densest <= 100, "{densest} calls in 10 s");
    }
}
