//! Scans as they come at a door: by two readers side by side, and in a rush at one.
//!
//! Each scan is sent when it is due, whether or not those before it were answered; a bare commit goes before it. What is timed is how long
//! after its last byte was written its answer stood on standard output. A scan without an answer, one with two, or an answer out of order
//! ends the bench.

use std::time::{Duration, Instant};

use rollcall_tests::programs::PATIENCE;
use rollcall_tests::random::Random;
use rollcall_tests::world::Answer;

use crate::bare::BareJournal;
use crate::doors::{Daemon, Station};
use crate::figures::{Figure, median, ms, quantile};

/// Between the two scans of a pair, on two readers.
const PAIR_MS: u64 = 300;
/// Between two pairs.
const PAIRS_EVERY_MS: u64 = 700;
/// Scans of a rush, and within how long they come.
const RUSH_SCANS: usize = 30;
const RUSH_MS: u64 = 10_000;
/// Among what moments a rush's scans fall.
const SEED: u64 = 0x2054;

/// A scan that is to come.
struct Due {
    after: Duration,
    reader: usize,
    code: String,
}

/// Two people, 300 ms apart, on two readers, again and again.
pub(crate) fn two_readers(
    station: &mut Station,
    daemon: &mut Daemon,
    bare: &mut BareJournal,
    rows: &[Vec<u8>],
) -> [Figure; 3] {
    let pairs = station.amounts.pairs;
    let mut plan = Vec::new();
    for pair in 0..pairs {
        for (reader, after_ms) in [(0, 0), (1, PAIR_MS)] {
            plan.push(Due {
                after: Duration::from_millis(pair * PAIRS_EVERY_MS + after_ms),
                reader,
                code: station.codes.next(),
            });
        }
    }
    figures("two_readers", &play(station, daemon, bare, rows, &plan))
}

/// 30 people within ten seconds at one reader, at random moments, again and again.
pub(crate) fn rush(
    station: &mut Station,
    daemon: &mut Daemon,
    bare: &mut BareJournal,
    rows: &[Vec<u8>],
) -> [Figure; 3] {
    let mut random = Random::from_seed(SEED);
    let mut plan = Vec::new();
    for rush in 0..station.amounts.rushes {
        let mut moments: Vec<u64> = (0..RUSH_SCANS).map(|_| random.below(RUSH_MS)).collect();
        moments.sort_unstable();
        for moment_ms in moments {
            plan.push(Due {
                after: Duration::from_millis(rush * RUSH_MS + moment_ms),
                reader: 0,
                code: station.codes.next(),
            });
        }
    }
    figures("rush", &play(station, daemon, bare, rows, &plan))
}

/// How long each answer and each bare commit took, in milliseconds.
struct Times {
    answers: Vec<f64>,
    commits: Vec<f64>,
}

fn figures(name: &str, times: &Times) -> [Figure; 3] {
    let Times { answers, commits } = times;
    let figure = |suffix: &str, of: fn(&[f64]) -> f64| {
        let control = Some(of(commits));
        Figure::new(&format!("{name}{suffix}"), of(answers), "ms", control)
    };
    [
        figure("", median),
        figure("_p99", |values| quantile(values, 99)),
        figure("_worst", |values| quantile(values, 100)),
    ]
}

fn play(
    station: &Station,
    daemon: &mut Daemon,
    bare: &mut BareJournal,
    rows: &[Vec<u8>],
    plan: &[Due],
) -> Times {
    let scanners = &station.kiosk.scanners;
    let begun = Instant::now();
    let (sent, answered) = std::thread::scope(|threads| {
        let sender = threads.spawn(|| {
            let due = plan.iter().zip(rows.iter().cycle());
            let sent = due.map(|(due, row)| {
                std::thread::sleep((begun + due.after).saturating_duration_since(Instant::now()));
                let commit = bare.commit(row);
                scanners[due.reader].scanner.scan(&due.code);
                (Instant::now(), ms(commit))
            });
            sent.collect::<Vec<_>>()
        });
        let mut answered = Vec::with_capacity(plan.len());
        for due in plan {
            let line = daemon.line_within(due.after + PATIENCE);
            answered.push((Instant::now(), line));
        }
        (sender.join().expect("every scan is sent"), answered)
    });
    check(station, plan, &answered);
    let took = sent.iter().zip(&answered);
    let took = took.map(|((sent, _), (answered, _))| answered.saturating_duration_since(*sent));
    Times {
        answers: took.map(ms).collect(),
        commits: sent.iter().map(|(_, commit)| *commit).collect(),
    }
}

/// Every scan has its own answer, and they came in order.
fn check(station: &Station, plan: &[Due], answered: &[(Instant, String)]) {
    let mut newest = None;
    for (due, (_, line)) in plan.iter().zip(answered) {
        let answer = Answer::read(line);
        let badge = station.badges.digest(&due.code).short();
        let reader = &station.kiosk.scanners[due.reader].name;
        assert_eq!(
            (&answer.reader, answer.badge.as_ref()),
            (reader, Some(&badge)),
            "an answer is missing, or out of order: {line}"
        );
        assert!(answer.entry > newest, "entries do not rise: {line}");
        newest = answer.entry;
    }
}
