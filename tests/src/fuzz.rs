//! Every decoder under inputs that nobody would send, by the million.
//!
//! Contract: a run is named by seed, target and number of inputs, and plays again from these. Inputs are made from well-formed ones by
//! changing, cutting, repeating and splicing them. What a decoder has not said before is news, and an input that was news is built on
//! further: the decoders' own answers guide the search, so no instrumented build is needed. A fault is a panic, or an answer that
//! contradicts itself (what was read, written and read again is something else; a signature that holds over other words). Beside faults,
//! a run tells the slowest input; the caller watches the memory.
//!
//! - [`targets`]: what is decoded, from which well-formed inputs, and what its answers must satisfy. [`changes`]: how inputs are made.

mod attendance;
mod badges;
pub mod changes;
pub mod frames;
mod readers;
mod sources;
pub mod targets;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::random::Random;
use changes::Changes;
use targets::Target;

/// The most inputs that were news that a target keeps to build on.
const MAX_KEPT: usize = 4_096;
/// The most bytes of an input.
pub const MAX_INPUT_BYTES: usize = 64 * 1_024;
/// Inputs between two looks of the caller.
const LOOK_EVERY: u64 = 1_024;

/// An input that showed a fault, and which.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The bytes.
    pub input: Vec<u8>,
    /// What is wrong.
    pub what: String,
    /// Its number in the run.
    pub number: u64,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Inputs tried.
    pub inputs: u64,
    /// Of these, how many were taken as well-formed.
    pub taken: u64,
    /// Different answers seen.
    pub answers: usize,
    /// The longest that one input took.
    pub slowest: Duration,
    /// How many bytes that one had.
    pub slowest_bytes: usize,
    /// The first fault; the run ends with it.
    pub fault: Option<Fault>,
}

/// Tries one input.
///
/// # Errors
/// What is wrong, if something is.
pub fn try_input(target: &Target, input: &[u8]) -> Result<(bool, u64), String> {
    let answer = catch_unwind(AssertUnwindSafe(|| (target.decode)(input)));
    let answer = answer.map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        format!("it panicked: {}", text.unwrap_or("with no message"))
    })?;
    match answer {
        targets::Answer::Taken(what) => Ok((true, signature(&what))),
        targets::Answer::Refused(why) => Ok((false, signature(&why))),
        targets::Answer::Contradicts(what) => Err(what),
    }
}

/// An answer without its numbers and quotations, which differ with each input.
fn signature(answer: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let words = answer
        .split(|c: char| !c.is_ascii_alphabetic() && c != '_')
        .filter(|word| !word.is_empty());
    for word in words.take(24) {
        word.hash(&mut hasher);
    }
    hasher.finish()
}

/// Tries so many inputs on a target; `look` is called now and then with how many were tried, and ends the run by returning a fault.
pub fn run(
    target: &Target,
    seed: u64,
    inputs: u64,
    mut look: impl FnMut(u64) -> Option<String>,
) -> Outcome {
    let mut name = DefaultHasher::new();
    target.name.hash(&mut name);
    let mut random = Random::from_seed(seed ^ name.finish());
    let seeds = (target.seeds)();
    let changes = Changes::new(&seeds);
    // What was taken is built on as often as what was refused in a new way: past the outer checks lies more to find.
    let (mut good, mut kept) = (seeds.clone(), seeds);
    let well_formed = good.len();
    let mut seen = HashSet::new();
    let mut outcome = Outcome::default();
    for number in 0..inputs {
        let input = match usize::try_from(number) {
            // Each well-formed input as it stands comes first.
            Ok(first) if first < well_formed => good[first].clone(),
            _ if random.below(2) == 0 => changes.make(&good, &mut random),
            _ => changes.make(&kept, &mut random),
        };
        let started = Instant::now();
        let answer = try_input(target, &input);
        let took = started.elapsed();
        outcome.inputs += 1;
        if took > outcome.slowest {
            (outcome.slowest, outcome.slowest_bytes) = (took, input.len());
        }
        let fault = match answer {
            Err(what) => Some(what),
            Ok((taken, said)) => {
                outcome.taken += u64::from(taken);
                let into = if taken { &mut good } else { &mut kept };
                if (seen.insert(said) || taken) && into.len() < MAX_KEPT {
                    into.push(input.clone());
                }
                (number % LOOK_EVERY == LOOK_EVERY - 1)
                    .then(|| look(number + 1))
                    .flatten()
            }
        };
        if let Some(what) = fault {
            outcome.fault = Some(Fault {
                input,
                what,
                number,
            });
            break;
        }
    }
    outcome.answers = seen.len();
    outcome
}
