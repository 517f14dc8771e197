//! Three readers at full speed: what was scanned is what the journal holds is what the issuer holds, each scan once and in its order. And two
//! readers side by side, with a rush on one of them: each person gets their own answer, once and in order.
//!
//! 2,000 scans; with `ROLLCALL_STORM=20000 cargo test -p rollcall-tests --test storm` as many as that.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Instant;

use protocol::badge::BadgeDigest;
use rollcall_tests::random::how_many;
use rollcall_tests::world::{Plan, World, compare, person};

/// Scans, where nothing else is asked for.
const USUAL_SCANS: usize = 2_000;
/// Attendees; half of the scans are theirs, again and again.
const PEOPLE: usize = 300;
/// Readers: two bound to a direction, one that is not.
const READERS: [(&str, &str); 3] = [("main-in", "in"), ("main-out", "out"), ("side", "")];

/// The code of a scan: every other one an attendee's, the rest each unlike all others.
fn code(scan: usize) -> String {
    if scan.is_multiple_of(2) {
        person((scan / 2) % PEOPLE)
    } else {
        format!("VISITOR-{scan:06}-{:06}", scan * 7 + 1)
    }
}

#[test]
fn every_scan_of_a_storm_is_held_once() {
    let scans = how_many("ROLLCALL_STORM", USUAL_SCANS);
    let mut world = World::new("storm", &Plan::one_long_session(PEOPLE));
    world.start_issuer();
    let kiosk = world.enrolled_kiosk(&READERS);
    let daemon = kiosk.run();

    let started = Instant::now();
    let mut newest = None;
    std::thread::scope(|threads| {
        for (number, reader) in kiosk.scanners.iter().enumerate() {
            threads.spawn(move || {
                for scan in (number..scans).step_by(READERS.len()) {
                    reader.scanner.scan(&code(scan));
                }
            });
        }
        for _ in 0..scans {
            let answer = daemon.answer();
            assert!(
                answer.entry > newest,
                "entries do not rise: {answer:?} after {newest:?}"
            );
            newest = answer.entry;
        }
    });
    let recorded = started.elapsed();
    world.wait_for_accepted(newest.unwrap() + 1);
    println!(
        "storm: {scans} scans answered in {:.2} s ({:.0} a second), at the issuer after {:.2} s",
        recorded.as_secs_f64(),
        f64::from(u32::try_from(scans).unwrap()) / recorded.as_secs_f64(),
        started.elapsed().as_secs_f64()
    );
    assert_eq!(daemon.stop(), [], "more answers than scans");
    world.stop_issuer();

    let badges = kiosk.enrolment().badge_key;
    let sent = |reader: usize| {
        let own = (reader..scans).step_by(READERS.len());
        own.map(|scan| badges.digest(&code(scan)))
            .collect::<Vec<_>>()
    };
    let (own, issuers) = compare(&world, &kiosk, newest.unwrap() + 1);
    let theirs = issuers.scans(issuers.log_of(&own.description.logs[0].origin));
    for (name, scans) in [("the journal", own.scans(0)), ("the issuer", theirs)] {
        let mut held: BTreeMap<String, Vec<BadgeDigest>> = BTreeMap::new();
        for scan in scans {
            held.entry(scan.reader).or_default().push(scan.badge);
        }
        for (number, (reader, _)) in READERS.iter().enumerate() {
            let (held, sent) = (held.remove(*reader).unwrap_or_default(), sent(number));
            assert_eq!(
                held.len(),
                sent.len(),
                "{name} holds another number from {reader}"
            );
            let differs = held.iter().zip(&sent).position(|(held, sent)| held != sent);
            assert_eq!(differs, None, "{name} holds another scan from {reader}");
        }
        assert!(
            held.is_empty(),
            "{name} knows readers that are not there: {:?}",
            held.keys()
        );
    }
}

/// Pairs of people who scan side by side.
const PAIRS: usize = 20;
/// People in a rush at one reader.
const RUSH: usize = 30;

#[test]
fn two_readers_side_by_side_and_a_rush_on_one_are_answered_in_order() {
    let mut world = World::new("rush", &Plan::one_long_session(2 * PAIRS + RUSH));
    world.start_issuer();
    let kiosk = world.enrolled_kiosk(&READERS[..2]);
    world.stop_issuer();
    let badges = kiosk.enrolment().badge_key;
    let daemon = kiosk.run();

    let mut newest = None;
    let mut next = || {
        let answer = daemon.answer();
        assert!(answer.entry > newest, "entries do not rise: {answer:?}");
        newest = answer.entry;
        (answer.reader, answer.badge)
    };
    let own = |reader: usize, number: usize| {
        let badge = badges.digest(&person(number)).short();
        (READERS[reader].0.to_owned(), Some(badge))
    };
    for pair in 0..PAIRS {
        let (one, other) = (2 * pair, 2 * pair + 1);
        kiosk.scan(0, &person(one));
        kiosk.scan(1, &person(other));
        // Which of two readers was the first is theirs to say.
        let mut answers = [next(), next()];
        answers.sort();
        let mut expected = [own(0, one), own(1, other)];
        expected.sort();
        assert_eq!(answers, expected);
    }
    let rush = 2 * PAIRS..2 * PAIRS + RUSH;
    for number in rush.clone() {
        kiosk.scan(0, &person(number));
    }
    for number in rush.clone() {
        assert_eq!(next(), own(0, number));
    }
    assert_eq!(daemon.stop(), [], "more answers than scans");
    let scans = kiosk.export().scans(0);
    assert_eq!(scans.len(), 2 * PAIRS + RUSH);
    let held = scans[2 * PAIRS..].iter().map(|scan| scan.badge);
    assert!(held.eq(rush.map(|number| badges.digest(&person(number)))));
}
