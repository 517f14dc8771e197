//! `sim`: plays seeds of the simulation and says what came of them.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rollcall_tests::sim::broken::Broken;
use rollcall_tests::sim::tally::Tally;
use rollcall_tests::sim::{self, run};

const HELP: &str = "\
Play conferences under the simulator, one a seed, and hold the promises against what really happened.

Usage: cargo xtask sim [--seeds N] [--from S] [--broken NAME] [--jobs J]
       cargo xtask sim --seed S [--broken NAME]

  --seeds N      How many seeds; 1000 if not said.
  --from S       The first of them; 0 if not said.
  --seed S       This one alone, with all that happens in it in words.
  --broken NAME  Something is broken on purpose; ends well with the first seed that catches it.
  --jobs J       How many at once; as many as there are processors if not said.
  --keep-going   Play all seeds, whatever comes of them.

Exit code: 0 every promise held, or what is broken was caught; 1 otherwise; 2 usage.
";

struct Asked {
    seeds: u64,
    from: u64,
    one: Option<u64>,
    broken: Broken,
    jobs: usize,
    keep_going: bool,
}

fn asked() -> Result<Option<Asked>, String> {
    let mut asked = Asked {
        seeds: 1_000,
        from: 0,
        one: None,
        broken: Broken::Nothing,
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
        keep_going: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        let number = |text: String| text.parse::<u64>().map_err(|e| format!("{text:?}: {e}"));
        match word.as_str() {
            "--seeds" => asked.seeds = number(value()?)?,
            "--from" => asked.from = number(value()?)?,
            "--seed" => asked.one = Some(number(value()?)?),
            "--broken" => asked.broken = value()?.parse()?,
            "--jobs" => asked.jobs = usize::try_from(number(value()?)?.max(1)).unwrap_or(1),
            "--keep-going" => asked.keep_going = true,
            "--help" | "-h" | "help" => return Ok(None),
            other => return Err(format!("{other:?} is not known here")),
        }
    }
    Ok(Some(asked))
}

fn main() -> ExitCode {
    let asked = match asked() {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("sim: {why}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    sim::quiet_panics();
    match asked.one {
        Some(seed) => one(seed, asked.broken),
        None => many(&asked),
    }
}

fn one(seed: u64, broken: Broken) -> ExitCode {
    let outcome = run(seed, broken, true);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("\n{}", outcome.tally.report());
    match outcome.violation {
        None => {
            println!("seed {seed}: every promise held");
            ExitCode::SUCCESS
        }
        Some(why) => {
            println!("seed {seed}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn many(asked: &Asked) -> ExitCode {
    let begun = Instant::now();
    let next = AtomicU64::new(asked.from);
    let end = asked.from.saturating_add(asked.seeds);
    let total = Mutex::new((Tally::default(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..asked.jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = run(seed, asked.broken, false);
                    let mut total = total.lock().expect("no run panics here");
                    total.0.add(outcome.tally);
                    if let Some(why) = outcome.violation {
                        println!("seed {seed}: {why}");
                        total.1.push(seed);
                        if !asked.keep_going {
                            next.store(end, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let (tally, mut failed) = total.into_inner().expect("no run panics here");
    failed.sort_unstable();
    print!("{}", tally.report());
    println!("took {:.1} s", begun.elapsed().as_secs_f64());
    let caught = !failed.is_empty();
    match (asked.broken, caught) {
        (Broken::Nothing, false) => println!("every promise held"),
        (Broken::Nothing, true) => println!("seeds that failed: {failed:?}"),
        (broken, true) => println!("{}: caught by seed {}", broken.as_str(), failed[0]),
        (broken, false) => println!("{}: not caught", broken.as_str()),
    }
    if caught == (asked.broken != Broken::Nothing) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
