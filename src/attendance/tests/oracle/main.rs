//! An oracle for the eligibility function, written apart from it: naive, second by second, from the words of the rules alone.
//!
//! Contract: cases are drawn from seeds that are printed, over every kind of rule, with values at a bound and one second either side likely.
//! With exact clocks the engine must say of each what the oracle says: outcome, range, reason, fields, polls and every session's seconds.
//! Where clocks are not exact, what the engine says for certain must be what the oracle says at every true time. A case that differs is made
//! small before it is printed. `ROLLCALL_ORACLE_CASES` says how many cases are tried, `ROLLCALL_SEED` from which seed on.
//!
//! Where the rules' words leave something open, FORMAT.md's section 11 settles it here as well.
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "how many cases are tried is asked for from outside, and told"
)]

mod credit;
mod day;
mod draw;
mod presence;
mod random;
mod verdict;

use std::collections::BTreeMap;

use attendance::{Decision, Interval, Outcome};
use day::Case;
use random::Random;
use verdict::{Part, Verdict, verdict};

/// How many cases are tried where nothing else is said.
const CASES: u64 = 3_000;
const SEED: u64 = 1;
/// Of so many cases one is tried with clocks that are not exact: each stands for many exact ones.
const EXACT_FOR_ONE: u64 = 8;
/// No unsure case stands for more exact ones.
const MAX_TRUE_DAYS: usize = 64;

fn number(variable: &str, usually: u64) -> u64 {
    std::env::var(variable).map_or(usually, |text| text.parse().expect("a number"))
}

/// The seeds to be tried.
fn seeds(of: u64) -> std::ops::Range<u64> {
    let (cases, first) = (
        number("ROLLCALL_ORACLE_CASES", CASES),
        number("ROLLCALL_SEED", SEED),
    );
    println!("oracle: ROLLCALL_SEED={first} ROLLCALL_ORACLE_CASES={cases}");
    first..first + cases.div_ceil(of)
}

/// The credits by field, in millionths.
fn fields(decision: &Decision) -> Vec<(String, i64)> {
    let fields = decision.fields.iter();
    fields
        .map(|field| (field.field.to_string(), field.credits.millionths()))
        .collect()
}

/// What the engine says, in the oracle's words.
fn said(case: &Case) -> Verdict {
    let decision = case.decide();
    let whole = |ms: i64| {
        assert_eq!(ms % 1_000, 0, "cases are of whole seconds");
        ms / 1_000
    };
    let parts = decision.parts.iter().map(|part| Part {
        session: part.session.to_string(),
        scheduled_s: whole(part.scheduled_ms),
        least_s: whole(part.least_ms),
        most_s: whole(part.most_ms),
        met: part.met,
    });
    Verdict {
        outcome: decision.outcome,
        least: decision.range.0.millionths(),
        most: decision.range.1.millionths(),
        full: decision.full_credits.millionths(),
        reason: decision.reason,
        fields: fields(&decision),
        engagement: decision
            .engagement
            .map(|e| (e.answered.into(), e.needed.into())),
        parts: parts.collect(),
    }
}

/// What the two say of an exact case, where they do not agree.
fn difference(case: &Case) -> Option<String> {
    let (expected, said) = (verdict(case)?, said(case));
    (expected != said).then(|| format!("oracle {expected:?}\nengine {said:?}"))
}

/// Takes away what a difference does not need.
fn smaller(case: &Case, differs: fn(&Case) -> Option<String>) -> Case {
    let mut case = case.clone();
    let mut left = case.signals.len() + case.programme.sessions.len();
    while left > 0 {
        left -= 1;
        let mut without = case.clone();
        if left < without.signals.len() {
            without.signals.remove(left);
        } else if left - without.signals.len() < without.programme.sessions.len() {
            without
                .programme
                .sessions
                .remove(left - without.signals.len());
        }
        if differs(&without).is_some() {
            case = without;
        }
    }
    case
}

#[test]
fn the_engine_says_what_the_oracle_says() {
    let mut untried = 0;
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    let seeds = seeds(1);
    let tried = seeds.end - seeds.start;
    for seed in seeds {
        let case = draw::case(&mut Random(seed));
        let Some(expected) = verdict(&case) else {
            untried += 1;
            continue;
        };
        let outcome = format!("{} {}", expected.outcome, expected.reason);
        *outcomes.entry(outcome).or_default() += 1;
        if difference(&case).is_some() {
            let small = smaller(&case, difference);
            let difference = difference(&small).unwrap_or_default();
            panic!("ROLLCALL_SEED={seed}\n{difference}\n{}", draw::told(&small));
        }
    }
    println!("{tried} cases, {untried} with more ways than are tried: {outcomes:#?}");
    assert!(untried * 20 < tried, "nearly all cases are tried");
}

/// The exact cases that an unsure one may have been: whole seconds, and each log in its order.
fn true_days(case: &Case) -> Vec<Case> {
    let mut days = vec![case.clone()];
    for number in 0..case.signals.len() {
        let at = case.signals[number].at;
        if at.width_ms() == 0 {
            continue;
        }
        let seconds = (day::second(at.earliest)..=day::second(at.latest)).map(day::at);
        let with = |day: &Case| {
            let day = day.clone();
            seconds.clone().map(move |at| {
                let mut day = day.clone();
                let id = day.signals[number].id.clone();
                let same = day.signals.iter_mut().filter(|s| s.id == id);
                same.for_each(|s| s.at = Interval::exactly(at));
                day
            })
        };
        days = days
            .iter()
            .filter(|day| day.signals[number].at == at)
            .flat_map(with)
            .chain(
                days.iter()
                    .filter(|day| day.signals[number].at != at)
                    .cloned(),
            )
            .collect();
    }
    days.retain(is_in_order);
    days.truncate(MAX_TRUE_DAYS);
    days
}

/// Whether no entry of a log is before an earlier one.
fn is_in_order(case: &Case) -> bool {
    let entries = || case.signals.iter().filter(|s| s.id.row.is_none());
    entries().all(|a| {
        entries().all(|b| {
            a.id.log != b.id.log || a.id.index >= b.id.index || a.at.earliest <= b.at.earliest
        })
    })
}

/// A true day on which something else comes out than what is certain.
fn uncertainty(case: &Case) -> Option<String> {
    let decision = case.decide();
    if decision.outcome == Outcome::Review {
        return None;
    }
    true_days(case).iter().find_map(|day| {
        let really = verdict(day)?;
        let is_same = really.outcome == decision.outcome
            && really.least == decision.range.0.millionths()
            && really.fields == fields(&decision);
        (!is_same).then(|| format!("certain: {}\nreally: {really:?}", decision.explanation))
    })
}

#[test]
fn what_is_certain_is_so_at_all_true_times() {
    let (mut certain, mut unsure) = (0, 0);
    for seed in seeds(EXACT_FOR_ONE) {
        let mut random = Random(seed);
        let case = draw::case(&mut random);
        let case = draw::unsure(&mut random, case);
        match case.decide().outcome {
            Outcome::Review => unsure += 1,
            Outcome::Full | Outcome::Partial | Outcome::None => certain += 1,
        }
        if uncertainty(&case).is_some() {
            let small = smaller(&case, uncertainty);
            let found = uncertainty(&small).unwrap_or_default();
            panic!("ROLLCALL_SEED={seed}\n{found}\n{}", draw::told(&small));
        }
    }
    println!("{certain} certain, {unsure} to review");
    assert!(certain > unsure, "most days are certain");
}
