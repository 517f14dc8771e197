//! A short run of every decoder under inputs that nobody would send; `cargo xtask fuzz --inputs 10000000` is the long one.
//!
//! Shows that no decoder panics and none contradicts itself, that each takes its own well-formed inputs, and that a fault would be found.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what is wrong by panicking"
)]

use rollcall_tests::fuzz::targets::{Answer, TARGETS, Target};
use rollcall_tests::fuzz::{run, try_input};
use rollcall_tests::random::{Random, how_many};

/// Inputs over all decoders.
const INPUTS: usize = 30_000;

#[test]
fn no_decoder_panics_or_contradicts_itself() {
    let inputs = how_many("ROLLCALL_FUZZ", INPUTS) as u64;
    let seed = Random::announced("fuzz").number();
    let shares: u64 = TARGETS.iter().map(|target| target.share).sum();
    for target in TARGETS {
        let outcome = run(
            target,
            seed,
            (inputs * target.share).div_ceil(shares),
            |_| None,
        );
        if let Some(fault) = outcome.fault {
            let input: String = String::from_utf8_lossy(&fault.input)
                .chars()
                .take(2_000)
                .collect();
            panic!(
                "{} at input {} of seed {seed}: {}\n{input}",
                target.name, fault.number, fault.what
            );
        }
        assert!(
            outcome.answers > 1,
            "{}: nothing was ever wrong",
            target.name
        );
    }
}

#[test]
fn well_formed_inputs_are_taken() {
    // These say what was wrong even where nothing is, since what they are is not a yes or a no; and a frame may well be one without a code.
    let never = [
        "archive",
        "http-signature",
        "serial-framing",
        "frame-raw",
        "frame-codes",
        "frame-tiled",
    ];
    for target in TARGETS
        .iter()
        .filter(|target| !never.contains(&target.name))
    {
        // Tables in UTF-16 are a place to begin and are refused by name.
        let seeds = (target.seeds)();
        for seed in seeds.iter().filter(|seed| !seed.starts_with(b"\xff\xfe")) {
            let (taken, _) = try_input(target, seed).unwrap();
            assert!(taken, "{}: {}", target.name, String::from_utf8_lossy(seed));
        }
    }
}

#[test]
fn a_fault_is_found() {
    let faulty = |decode| Target {
        name: "faulty",
        seeds: || vec![b"{\"size\":12,\"name\":\"hall\"}".to_vec()],
        decode,
        share: 1,
    };
    let panics = faulty(|input| {
        assert!(
            !String::from_utf8_lossy(input).contains("4294967296"),
            "too large"
        );
        Answer::Refused(String::new())
    });
    let fault = run(&panics, 1, 100_000, |_| None).fault.unwrap();
    assert!(fault.what.contains("too large"), "{}", fault.what);
    let contradicts = faulty(|input| {
        if input.windows(2).any(|two| two == b"}}") {
            Answer::Contradicts("two ends".to_owned())
        } else {
            Answer::Taken(String::new())
        }
    });
    let fault = run(&contradicts, 1, 100_000, |_| None).fault.unwrap();
    assert_eq!(fault.what, "two ends");
    let same = run(&contradicts, 1, 100_000, |_| None).fault.unwrap();
    assert_eq!((same.number, same.input), (fault.number, fault.input));
}
