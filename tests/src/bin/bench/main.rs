//! Measures the real programs against bare SQLite on the same disk, in the same run, and says whether the goals are met.
//!
//! Contract: whatever is compared is interleaved, one of these and one of those, so that a disk or machine that is slower now is slower for
//! both; the figures are medians, seeds are fixed, and every amount is bounded. Set-up goes through the programs' own commands. Standard
//! output is a table, or with `--json` one object a figure (`name`, `value`, `unit`, `control`, `ratio`, `goal`, `met`); `met` is null where
//! a figure has no goal of its own, or cannot be judged here. Progress goes to standard error.
//!
//! Limits: one machine, loopback instead of a network, pseudo-terminals instead of scanners. Where the disk answers a commit faster than
//! any disk can make it durable, what rests on its syncs is measured and not judged.
//!
//! Exit codes: 0 all goals met, 1 one missed, 2 usage.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "this crate is tests: a panic is how it says what is wrong"
)]

mod bare;
mod decide;
mod doors;
mod figures;
mod intake;
mod journals;
mod rush;
mod scans;
mod voice;

use std::path::PathBuf;
use std::process::ExitCode;

use figures::Figure;

const HELP: &str = "\
Measure Rollcall's programs against bare SQLite on the same disk.

Usage: cargo xtask bench [--json] [--quick | --long] [--folder FOLDER] [figure]...

Figures (all, if none is named):
  scan_to_feedback      From the last byte of a code to its answer, against one bare commit
  two_readers           The same by two readers, two people 300 ms apart: median, p99 and worst, each against that of bare commits
  rush                  The same of 30 people within ten seconds at one reader
  group_commit          Scans a second through eight readers, against bare single commits
  kiosk_rss_20000       Resident memory of a kiosk with a roster of 20,000
  kiosk_start_to_ready  From starting that kiosk to its being ready
  journal_cost          What a scan costs on journals of 1,000 and 1,000,000 entries
  journal_start         From starting a kiosk to its being ready, on the same journals
  intake_batch_50       Entries a second in batches of 50, against bare inserts of the same rows
  intake_cost           What an entry costs at logs of 1,000, 10,000 and 100,000 entries
  decide                Signals a second of the eligibility function, against one query on SQLite and on DuckDB

Options:
  --json           One JSON object a figure, one a line
  --quick          Small amounts, to see that the bench works; nothing is judged
  --long           intake_cost at logs of 1,000, 1,000,000 and 10,000,000 entries: half an hour, and 20 GB of disk
  --folder FOLDER  On whose disk to measure; without it, the disk where the programs were built
  -h, --help       Print this
";

/// What can be asked for by name.
const NAMES: [&str; 11] = [
    "scan_to_feedback",
    "two_readers",
    "rush",
    "group_commit",
    "kiosk_rss_20000",
    "kiosk_start_to_ready",
    "journal_cost",
    "journal_start",
    "intake_batch_50",
    "intake_cost",
    "decide",
];

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amounts {
    /// Attendees in the kiosk's roster.
    pub(crate) people: usize,
    /// Attendees whose scans the issuer takes.
    pub(crate) crowd: usize,
    /// Pairs of one bare commit and one scan.
    pub(crate) scans: usize,
    /// Pairs of scans on two readers.
    pub(crate) pairs: u64,
    /// Rushes at one reader.
    pub(crate) rushes: u64,
    /// Rounds of bare commits and a storm.
    pub(crate) storms: usize,
    /// Bare commits in a round.
    pub(crate) commits: usize,
    /// Scans of each reader in a storm.
    pub(crate) storm_scans: usize,
    /// Entries that the journal has at least when the kiosk is started.
    pub(crate) journal: u64,
    /// Sizes of the journals that are compared; the first is what the other is compared with.
    pub(crate) journals: [u64; 2],
    /// Scans to each of them.
    pub(crate) journal_scans: usize,
    /// Starts of the kiosk.
    pub(crate) starts: usize,
    /// Sizes of the logs that batches are added to; the first is what the others are compared with.
    pub(crate) logs: [u64; 3],
    /// Batches added to each.
    pub(crate) batches: usize,
    /// Attendees who are decided from scratch.
    pub(crate) audience: u32,
    /// Rounds of deciding them all and of the queries.
    pub(crate) decide_rounds: usize,
    /// Attendees of the events to which late signals come; the first is what the others are compared with.
    pub(crate) events: [usize; 3],
    /// Late signals to each.
    pub(crate) late: usize,
    /// Whether goals are judged.
    pub(crate) judged: bool,
}

const FULL: Amounts = Amounts {
    people: 20_000,
    crowd: 2_000,
    scans: 1_000,
    pairs: 200,
    rushes: 12,
    storms: 5,
    commits: 200,
    storm_scans: 250,
    journal: 5_000,
    journals: [1_000, 1_000_000],
    journal_scans: 301,
    starts: 7,
    logs: [1_000, 10_000, 100_000],
    batches: 41,
    audience: 10_000,
    decide_rounds: 5,
    events: [1_000, 10_000, 100_000],
    late: 31,
    judged: true,
};

/// Logs as no event will have them, to see that the cost does not grow.
const LONG_LOGS: [u64; 3] = [1_000, 1_000_000, 10_000_000];

const QUICK: Amounts = Amounts {
    people: 500,
    crowd: 100,
    scans: 40,
    pairs: 3,
    rushes: 1,
    storms: 1,
    commits: 40,
    storm_scans: 25,
    journal: 200,
    journals: [60, 3_000],
    journal_scans: 11,
    starts: 1,
    logs: [100, 200, 400],
    batches: 3,
    audience: 50,
    decide_rounds: 1,
    events: [20, 40, 80],
    late: 3,
    judged: false,
};

#[derive(Debug)]
struct Asked {
    json: bool,
    amounts: Amounts,
    folder: Option<PathBuf>,
    names: Vec<String>,
}

impl Asked {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut asked = Self {
            json: false,
            amounts: FULL,
            folder: None,
            names: Vec::new(),
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "-h" | "--help" => return Ok(None),
                "--json" => asked.json = true,
                "--quick" => asked.amounts = QUICK,
                "--long" => asked.amounts.logs = LONG_LOGS,
                "--folder" => {
                    let folder = arguments.next().ok_or("--folder wants a folder")?;
                    asked.folder = Some(PathBuf::from(folder));
                }
                name if NAMES.contains(&name) => asked.names.push(argument),
                other => {
                    return Err(format!("there is no figure or option `{other}`"));
                }
            }
        }
        Ok(Some(asked))
    }

    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|given| given == name)
    }
}

fn main() -> ExitCode {
    let asked = match Asked::read(std::env::args().skip(1)) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(text) => {
            eprintln!("bench: {text}\nTry `cargo xtask bench --help`.");
            return ExitCode::from(2);
        }
    };
    if let Err(text) = choose_disk(asked.folder.as_deref()) {
        eprintln!("bench: {text}");
        return ExitCode::from(2);
    }
    let mut figures = doors::measure(&asked.amounts, |name| asked.wants(name));
    figures.extend(journals::measure(&asked.amounts, |name| asked.wants(name)));
    figures.extend(intake::measure(&asked.amounts, |name| asked.wants(name)));
    figures.extend(decide::measure(&asked.amounts, |name| asked.wants(name)));
    print!("{}", render(&figures, asked.json));
    if figures.iter().any(|figure| figure.met == Some(false)) {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    }
}

fn render(figures: &[Figure], json: bool) -> String {
    if json {
        figures::lines(figures)
    } else {
        figures::table(figures)
    }
}

/// Puts all folders of this run on one disk. The system's folder for temporary files is often in memory, which commits to nothing.
fn choose_disk(folder: Option<&std::path::Path>) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| format!("no place to measure: {error}"))?;
    let folder = match folder {
        Some(folder) => folder,
        None => own.parent().ok_or("no place to measure; give --folder")?,
    };
    if !folder.is_dir() {
        return Err(format!("{} is no folder", folder.display()));
    }
    tempfile::env::override_temp_dir(folder)
        .map_err(|earlier| format!("{} was chosen already", earlier.display()))
}

/// Says on standard error what is being done.
pub(crate) fn progress(text: &str) {
    eprintln!("bench: {text}");
}
