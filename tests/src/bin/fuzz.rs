//! `cargo xtask fuzz`: the decoders under millions of inputs; see [`rollcall_tests::fuzz`].
//!
//! Each target has a share of the inputs; targets run side by side, as many as the machine has cores. Standard output is a table, a line a
//! target; progress goes to standard error. The input of a fault is written to a file that is named, and `--input` plays it again.
//! Memory is what the kernel says the whole process held at most.
//!
//! Exit codes: 0 no fault, 1 a fault, 2 usage.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "this program is a test: a panic is how it says what is wrong"
)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use rollcall_tests::fuzz::frames::contained_panics;
use rollcall_tests::fuzz::targets::{TARGETS, Target};
use rollcall_tests::fuzz::{Outcome, run, try_input};

const HELP: &str = "\
Try every decoder on inputs that nobody would send.

Usage: cargo xtask fuzz [--inputs N] [--seed S] [--target NAME]... [--input FILE]

Options:
  --inputs N     How many inputs in all [default: 1000000]
  --seed S       The seed; the same one plays the same run [default: 1]
  --target NAME  Only this decoder, or those whose names begin so; may be given again
  --input FILE   Try this file alone, on the decoders named
  --list         Print the decoders
  -h, --help     Print this

Examples:
  cargo xtask fuzz --inputs 10000000            Ten million inputs over all decoders
  cargo xtask fuzz --target entry --seed 7      One decoder, from another seed
  cargo xtask fuzz --target reader- --target badge- --target frame-    All that a door reads
";

/// The most memory that the process may have held.
const MAX_PEAK_BYTES: u64 = 1024 * 1024 * 1024;
/// Inputs between two lines of progress.
const TELL_EVERY: u64 = 1_000_000;
/// Room for deeply nested calls, as a program's main thread has it.
const STACK_BYTES: usize = 8 * 1024 * 1024;

struct Asked {
    inputs: u64,
    seed: u64,
    targets: Vec<&'static Target>,
    input: Option<String>,
}

fn read_arguments() -> Result<Option<Asked>, String> {
    let mut asked = Asked {
        inputs: 1_000_000,
        seed: 1,
        targets: Vec::new(),
        input: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{argument} needs a value"))
        };
        let number = |text: String| {
            text.parse::<u64>()
                .map_err(|_| format!("{text} is no number"))
        };
        match argument.as_str() {
            "--inputs" => asked.inputs = number(value()?)?,
            "--seed" => asked.seed = number(value()?)?,
            "--input" => asked.input = Some(value()?),
            "--target" => {
                let name = value()?;
                let found = named(&name);
                if found.is_empty() {
                    return Err(format!("there is no decoder `{name}`; --list prints them"));
                }
                asked.targets.extend(found);
            }
            "--list" => {
                for target in TARGETS {
                    println!("{}", target.name);
                }
                return Ok(None);
            }
            "-h" | "--help" => {
                print!("{HELP}");
                return Ok(None);
            }
            other => return Err(format!("there is no argument `{other}`")),
        }
    }
    if asked.targets.is_empty() {
        asked.targets = TARGETS.iter().collect();
    }
    Ok(Some(asked))
}

/// The decoder of that name, else those whose names begin with it.
fn named(name: &str) -> Vec<&'static Target> {
    let of =
        |fits: &dyn Fn(&Target) -> bool| TARGETS.iter().filter(|target| fits(target)).collect();
    let exact: Vec<_> = of(&|target| target.name == name);
    if exact.is_empty() {
        of(&|target| target.name.starts_with(name))
    } else {
        exact
    }
}

fn main() -> ExitCode {
    match read_arguments() {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(asked)) => {
            // A panic is a finding, told with its input; its own words would only come twice.
            std::panic::set_hook(Box::new(|_| ()));
            match &asked.input {
                Some(path) => try_file(&asked, path),
                None => try_many(&asked),
            }
        }
        Err(why) => {
            eprintln!("fuzz: {why}\nTry `cargo xtask fuzz --help`.");
            ExitCode::from(2)
        }
    }
}

fn try_file(asked: &Asked, path: &str) -> ExitCode {
    let input = match std::fs::read(path) {
        Ok(input) => input,
        Err(error) => {
            eprintln!("fuzz: {path}: {error}");
            return ExitCode::from(2);
        }
    };
    let mut code = ExitCode::SUCCESS;
    for target in &asked.targets {
        match try_input(target, &input) {
            Ok((taken, _)) => println!(
                "{:<20} {}",
                target.name,
                if taken { "taken" } else { "refused" }
            ),
            Err(what) => {
                println!("{:<20} FAULT: {what}", target.name);
                code = ExitCode::from(1);
            }
        }
    }
    code
}

fn try_many(asked: &Asked) -> ExitCode {
    let shares: u64 = asked.targets.iter().map(|target| target.share).sum();
    let began = Instant::now();
    let (next, tried) = (AtomicUsize::new(0), AtomicU64::new(0));
    let outcomes: Mutex<Vec<(usize, Outcome)>> = Mutex::default();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        while let Some((place, target)) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            asked.targets.get(place).map(|target| (place, target))
        } {
            let inputs = (asked.inputs * target.share).div_ceil(shares);
            let mut before = 0;
            let outcome = run(target, asked.seed, inputs, |now| {
                let all = tried.fetch_add(now - before, Ordering::Relaxed) + now - before;
                if all / TELL_EVERY > (all + before - now) / TELL_EVERY {
                    eprintln!("fuzz: {all} inputs");
                }
                before = now;
                let peak = peak_bytes();
                (peak > MAX_PEAK_BYTES).then(|| format!("the process held {peak} bytes"))
            });
            outcomes.lock().unwrap().push((place, outcome));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            std::thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, work)
                .expect("a thread starts");
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap();
    outcomes.sort_by_key(|(place, _)| *place);
    println!(
        "{:<20} {:>10} {:>10} {:>8}  slowest",
        "decoder", "inputs", "taken", "answers"
    );
    let mut faults = 0;
    for (place, outcome) in &outcomes {
        let name = asked.targets[*place].name;
        println!(
            "{name:<20} {:>10} {:>10} {:>8}  {:.1} ms for {} bytes",
            outcome.inputs,
            outcome.taken,
            outcome.answers,
            outcome.slowest.as_secs_f64() * 1_000.0,
            outcome.slowest_bytes
        );
        if let Some(fault) = &outcome.fault {
            faults += 1;
            let path = std::env::temp_dir().join(format!(
                "rollcall-fuzz-{name}-{}-{}",
                asked.seed, fault.number
            ));
            std::fs::write(&path, &fault.input).expect("the input is written");
            println!("  FAULT: {}\n  its input: {}", fault.what, path.display());
        }
    }
    let all: u64 = outcomes.iter().map(|(_, outcome)| outcome.inputs).sum();
    let contained = contained_panics();
    if contained > 0 {
        println!("{contained} panics of the camera's decoders, each contained");
    }
    println!(
        "{all} inputs from seed {}, {faults} faults, at most {} MiB held, {:.0} s",
        asked.seed,
        peak_bytes() >> 20,
        began.elapsed().as_secs_f64()
    );
    if faults == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

/// The most that this process has held.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|text| {
        text.trim()
            .trim_end_matches(" kB")
            .trim()
            .parse::<u64>()
            .ok()
    });
    kib.unwrap_or(0) * 1024
}
