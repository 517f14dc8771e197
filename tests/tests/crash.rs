//! A kiosk that is killed in the middle of a storm of scans, again and again: what it answered it has, and nobody helps it to go on.
//!
//! 20 kills; with `ROLLCALL_KILLS=200 cargo test -p rollcall-tests --test crash` as many as that. A kill leaves what the kernel holds in
//! memory, so this is about this program's own order of things; that the disk has it is what `durability` shows.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use protocol::badge::{BadgeDigest, BadgeKey};
use rollcall_tests::random::{Random, how_many};
use rollcall_tests::world::{Answer, Daemon, Kiosk, Plan, World, compare, person};

/// Kills, where nothing else is asked for.
const USUAL_KILLS: usize = 20;
/// Attendees.
const PEOPLE: usize = 400;
/// Readers.
const READERS: [(&str, &str); 3] = [("main-in", "in"), ("main-out", "out"), ("side", "")];
/// How long after its first answer, or after its start, a kiosk lives at most, in milliseconds.
const LIFE_MS: u64 = 250;
/// Of this many kills, one comes at any moment from the very start on.
const EARLY_ONE_OF: u64 = 4;
/// A pause between two scans of one reader, so that hundreds of kills come to tens of thousands of scans, not to millions.
const PAUSE: Duration = Duration::from_micros(1_500);

/// The code of a reader's scan: two of three are attendees', the rest each unlike all others.
fn code(reader: usize, scan: usize) -> String {
    if scan % 3 == 2 {
        format!("VISITOR-{reader}-{scan:07}")
    } else {
        person((scan + reader * 131) % PEOPLE)
    }
}

/// The last code of a reader.
fn last_code(reader: usize) -> String {
    format!("LAST-OF-ALL-{reader}")
}

/// Runs the kiosk once and kills it at a random moment. Adds what it answered.
fn one_life(kiosk: &Kiosk, random: &mut Random, answers: &mut Vec<Answer>) {
    let daemon = kiosk.start();
    let is_early = random.below(EARLY_ONE_OF) == 0;
    if !is_early {
        answers.push(daemon.answer());
    }
    let life = Duration::from_micros(random.below(LIFE_MS * 1_000));
    // Not waiting for anything: the moment is the point.
    std::thread::sleep(life);
    answers.extend(daemon.kill());
}

fn storm(kiosk: &Kiosk, over: &AtomicBool, sent: &[AtomicUsize; 3], lives: impl FnOnce()) {
    std::thread::scope(|threads| {
        for (number, reader) in kiosk.scanners.iter().enumerate() {
            threads.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let scan = sent[number].fetch_add(1, Ordering::Relaxed);
                    reader.scanner.scan(&code(number, scan));
                    std::thread::sleep(PAUSE);
                }
                reader.scanner.scan(&last_code(number));
            });
        }
        lives();
    });
}

/// Reads answers until each reader's last scan is answered.
fn until_all_is_read(daemon: &Daemon, badges: &BadgeKey, answers: &mut Vec<Answer>) {
    let mut left: Vec<String> = (0..READERS.len())
        .map(|reader| badges.digest(&last_code(reader)).short())
        .collect();
    while !left.is_empty() {
        let answer = daemon.answer();
        left.retain(|last| answer.badge.as_ref() != Some(last));
        answers.push(answer);
    }
}

#[test]
fn a_kiosk_killed_in_a_storm_keeps_what_it_answered() {
    let kills = how_many("ROLLCALL_KILLS", USUAL_KILLS);
    let mut random = Random::announced("crash");
    let mut world = World::new("crash", &Plan::one_long_session(PEOPLE));
    world.start_issuer();
    let kiosk = world.enrolled_kiosk(&READERS);
    let badges = kiosk.enrolment().badge_key;

    let (over, sent) = (AtomicBool::new(false), [const { AtomicUsize::new(0) }; 3]);
    let mut answers = Vec::new();
    storm(&kiosk, &over, &sent, || {
        for _ in 0..kills {
            one_life(&kiosk, &mut random, &mut answers);
        }
        let daemon = kiosk.start();
        over.store(true, Ordering::Relaxed);
        until_all_is_read(&daemon, &badges, &mut answers);
        let newest = answers
            .iter()
            .filter_map(|answer| answer.entry)
            .max()
            .unwrap();
        world.wait_for_accepted(newest + 1);
        answers.extend(daemon.stop());
    });
    world.stop_issuer();

    let newest = answers
        .iter()
        .filter_map(|answer| answer.entry)
        .max()
        .unwrap();
    let (own, _) = compare(&world, &kiosk, newest + 1);
    let held: BTreeMap<u64, _> = own
        .scans(0)
        .into_iter()
        .map(|scan| (scan.index, scan))
        .collect();
    let green = check_answers(&answers, &held);
    let scans = held.values().map(|scan| scan.badge);
    check_none_invented(scans, &sent, &badges);
    println!(
        "crash: {kills} kills, {} scans sent, {} answered, {green} of them green, {} journalled",
        sent.iter()
            .map(|sent| sent.load(Ordering::Relaxed))
            .sum::<usize>(),
        answers.len(),
        held.len()
    );
    assert!(green > kills, "too few scans to say anything");
}

/// Every answer that names an entry is in the journal under that number, and no two name the same. Gives how many were green.
fn check_answers(
    answers: &[Answer],
    held: &BTreeMap<u64, rollcall_tests::archive::ScanSeen>,
) -> usize {
    let mut named = BTreeMap::new();
    for answer in answers {
        let entry = answer
            .entry
            .unwrap_or_else(|| panic!("no entry: {answer:?}"));
        assert_eq!(
            named.insert(entry, answer),
            None,
            "entry {entry} was given out twice"
        );
        let scan = held
            .get(&entry)
            .unwrap_or_else(|| panic!("lost: {answer:?}"));
        assert_eq!(scan.reader, answer.reader, "{answer:?}");
        assert_eq!(Some(scan.badge.short()), answer.badge, "{answer:?}");
        assert_eq!(scan.verdict.as_str(), answer.verdict, "{answer:?}");
    }
    answers.iter().filter(|answer| answer.is_green()).count()
}

/// Nothing is in the journal more often than it was scanned. A code whose beginning died with a kiosk counts by its end.
fn check_none_invented(
    scans: impl Iterator<Item = BadgeDigest>,
    sent: &[AtomicUsize; 3],
    badges: &BadgeKey,
) {
    let mut whole: BTreeMap<BadgeDigest, usize> = BTreeMap::new();
    let mut ends = std::collections::BTreeSet::new();
    for (reader, sent) in sent.iter().enumerate() {
        let own = (0..sent.load(Ordering::Relaxed)).map(|scan| code(reader, scan));
        for code in own.chain([last_code(reader)]) {
            let seen = whole.entry(badges.digest(&code)).or_default();
            *seen += 1;
            if *seen == 1 {
                ends.extend((1..code.len()).map(|from| badges.digest(&code[from..])));
            }
        }
    }
    for scan in scans {
        match whole.get_mut(&scan) {
            Some(left) => {
                *left = left
                    .checked_sub(1)
                    .unwrap_or_else(|| panic!("{scan} is there too often"));
            }
            None => assert!(ends.contains(&scan), "{scan} was never scanned"),
        }
    }
}
