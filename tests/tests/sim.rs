//! The simulation in CI: fresh seeds in order, seeds that once found a fault, the same run twice, and that what is broken on purpose is seen.
//!
//! `cargo xtask sim --seed N` plays one of them in words. `ROLLCALL_SIM_SEEDS` plays another number of them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use rollcall_tests::random::how_many;
use rollcall_tests::sim::broken::Broken;
use rollcall_tests::sim::tally::Tally;
use rollcall_tests::sim::{quiet_panics, run};

/// Seeds that once found a fault, and which.
const NAMED: &[(u64, &str)] = &[
    (
        5,
        "a missing check-in hid that a toggled scan could be read the other way",
    ),
    (10, "the same, in another conference"),
    (
        33,
        "a machine slept while its daemon was down, and its later scans were placed too early",
    ),
    (
        32,
        "two doors' scans were taken in the order of their earliest times, where the other was true",
    ),
    (41, "the same, in another conference"),
    (
        5_044,
        "who may have been there for a moment before was not given the grace of who came first, for certain",
    ),
    (
        5_006,
        "clock readings that came later placed a scan more narrowly, and nobody decided again",
    ),
    (
        5_253,
        "the simulator took what came after an enrolment had ended for evidence",
    ),
    (
        5_314,
        "a clock that came to contradict itself undid what was certain, and nobody decided again",
    ),
    (7_611, "the same, in another conference"),
    (
        6_724,
        "the simulator forgot that a request doubled on its way is answered twice, by two clocks",
    ),
    (
        6_959,
        "the simulator held both ends of an interval by one of the issuer's two clocks",
    ),
    (
        7_727,
        "the simulator looked up a cloned card's scan in the bundle of a later enrolment",
    ),
    (
        20_773,
        "the simulator let a suspend swallow the wait of a sync that could not begin",
    ),
    (
        22_642,
        "the simulator looked up what a log held before its enrolment in that enrolment's bundle",
    ),
    (
        22_053,
        "the simulator enrolled a kiosk at an issuer that signs nothing",
    ),
    (
        22_605,
        "the simulator took a decider that waits for a lost head for a broken one",
    ),
    (25_857, "the same, when everything was over"),
    (
        25_544,
        "the simulator tore a commit between files that were never beside each other",
    ),
];

/// Plays seeds on all processors: the tally, and what did not hold.
fn play(seeds: &[u64], broken: Broken, stop_at_first: bool) -> (Tally, Vec<String>) {
    let next = AtomicU64::new(0);
    let total = Mutex::new((Tally::default(), Vec::new()));
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let number = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap();
                    let Some(seed) = seeds.get(number) else {
                        return;
                    };
                    let outcome = run(*seed, broken, false);
                    let mut total = total.lock().unwrap();
                    total.0.add(outcome.tally);
                    if let Some(why) = outcome.violation {
                        total.1.push(format!("seed {seed}: {why}"));
                        if stop_at_first {
                            next.store(u64::MAX >> 1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    total.into_inner().unwrap()
}

#[test]
fn every_promise_holds_in_every_conference() {
    quiet_panics();
    let usually = if std::env::var_os("CI").is_some() {
        1_000
    } else {
        60
    };
    let seeds = u64::try_from(how_many("ROLLCALL_SIM_SEEDS", usually)).unwrap();
    let seeds: Vec<u64> = (0..seeds).collect();
    let (tally, failed) = play(&seeds, Broken::Nothing, false);
    println!("{}", tally.report());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn what_was_found_once_stays_mended() {
    quiet_panics();
    let seeds: Vec<u64> = NAMED.iter().map(|(seed, _)| *seed).collect();
    let (_, failed) = play(&seeds, Broken::Nothing, false);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_seed_plays_the_same_run_again() {
    quiet_panics();
    for seed in [3, 9, 14] {
        let (first, second) = (
            run(seed, Broken::Nothing, true),
            run(seed, Broken::Nothing, true),
        );
        assert_eq!(first.tally, second.tally, "seed {seed}");
        for (line, again) in first.trace.iter().zip(&second.trace) {
            assert_eq!(line, again, "seed {seed}");
        }
        assert_eq!(first.trace.len(), second.trace.len(), "seed {seed}");
    }
}

#[test]
fn what_is_broken_on_purpose_is_caught() {
    quiet_panics();
    let seeds: Vec<u64> = (0..1_000).collect();
    for broken in Broken::ALL {
        let (tally, caught) = play(&seeds, broken, true);
        let why = caught
            .first()
            .unwrap_or_else(|| panic!("{}", broken.as_str()));
        println!("{}: after {} seeds, {why}", broken.as_str(), tally.seeds);
    }
}
