//! `cargo xtask test`: every check of this repository, in one command, with no network after setting up.
//!
//! All steps run even when one failed, so that one run shows all there is to mend; only the tests need the programs.
//! The last line is `N passed, N failed, N skipped`; before it stand the time each test program took, the slowest first, the
//! time each step took, the failed and the skipped tests and the steps that failed.
//!
//! Test programs run one after the other: each uses every core by itself, and those that hold others to a time are not to be
//! disturbed.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Stop;
use crate::setup::{self, Purpose};
use crate::tally::{SKIPS_VARIABLE, Tally, allowed_skips};
use crate::test_programs::{self, Ran, TestProgram};
use crate::workspace::{Workspace, could_not_start, succeeds};

/// Names the tests that may be skipped on a build server.
const SKIPS_ALLOWED: &str = "tests/skips-allowed.txt";

/// How long each step took and whether it failed.
#[derive(Default)]
struct Steps {
    done: Vec<(&'static str, Duration, bool)>,
}

impl Steps {
    /// Runs a step and notes its time. Returns whether it succeeded.
    fn run(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> Result<bool, Stop>,
    ) -> Result<bool, Stop> {
        eprintln!("test: {name}");
        let started = Instant::now();
        let good = step()?;
        self.done.push((name, started.elapsed(), good));
        Ok(good)
    }

    fn print_times(&self) {
        println!();
        for (name, took, good) in &self.done {
            let mark = if *good { "" } else { "  FAILED" };
            println!("{name:<12} {:>7.1} s{mark}", took.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|(_, took, _)| *took).sum();
        println!("{:<12} {:>7.1} s", "total", total.as_secs_f64());
    }

    fn failed(&self) -> Vec<&'static str> {
        self.done
            .iter()
            .filter(|(_, _, good)| !good)
            .map(|(name, _, _)| *name)
            .collect()
    }
}

/// Sets up and runs every check; `quick` leaves out the dependency check.
///
/// # Errors
/// Where setting up or any check failed, or on a build server a skip is not allowed.
pub(crate) fn test(workspace: &Workspace, quick: bool) -> Result<(), Stop> {
    let mut steps = Steps::default();
    let mut tally = Tally::default();
    steps.run("setup", || {
        setup::set_up(workspace, Purpose::Tests)?;
        if !quick {
            setup::install_cargo_deny(workspace)?;
        }
        Ok(true)
    })?;
    let cargo = |arguments: &[&str]| succeeds(&mut workspace.cargo(arguments));
    steps.run("format", || cargo(&["fmt", "--all", "--check"]))?;
    steps.run("lints", || {
        let what = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--offline",
        ];
        cargo(&[&what[..], &["--", "-D", "warnings"]].concat())
    })?;
    // Tests that span crates start the programs, which `cargo test` alone does not promise to build. Building both at
    // once gives each dependency one set of features, so nothing is compiled twice.
    let mut programs = Vec::new();
    let built = steps.run("build", || {
        let built = build(workspace)?;
        let is_good = built.is_some();
        programs = built.unwrap_or_default();
        Ok(is_good)
    })?;
    let mut ran = Vec::new();
    if built {
        steps.run("tests", || {
            run_tests(workspace, &programs, &mut tally, &mut ran)
        })?;
    } else {
        eprintln!("test: the build failed, so no test was run");
    }
    if !quick {
        steps.run("deny", || check_dependencies(workspace))?;
    }
    let on_build_server =
        std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
    let allowed = allowed_skips(
        &std::fs::read_to_string(workspace.root.join(SKIPS_ALLOWED)).unwrap_or_default(),
    );
    print!("\n{}", test_programs::table(&ran));
    conclude(
        &steps,
        &tally,
        on_build_server,
        &tally.skips_not_allowed(&allowed),
    )
}

fn conclude(
    steps: &Steps,
    tally: &Tally,
    on_build_server: bool,
    not_allowed: &[&str],
) -> Result<(), Stop> {
    steps.print_times();
    print!("\n{}", tally.details());
    let mut complaints = steps.failed().join(", ");
    if on_build_server && !not_allowed.is_empty() {
        println!(
            "Skipped, and not listed in {SKIPS_ALLOWED}: {}",
            not_allowed.join(", ")
        );
        if !complaints.is_empty() {
            complaints.push_str(", ");
        }
        complaints.push_str("skips that are not allowed");
    }
    if complaints.is_empty() {
        println!("{}", tally.summary());
        return Ok(());
    }
    println!("Failed: {complaints}");
    println!("{}", tally.summary());
    Err(Stop::Failed(
        "not everything passed; what failed is named above.".to_owned(),
    ))
}

/// Builds programs and test programs. Gives the latter, or nothing where the build failed.
fn build(workspace: &Workspace) -> Result<Option<Vec<TestProgram>>, Stop> {
    let mut command = workspace.cargo(&[
        "build",
        "--workspace",
        "--bins",
        "--tests",
        "--locked",
        "--offline",
        "--message-format=json-render-diagnostics",
    ]);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| could_not_start("cargo build", &error))?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let programs = test_programs::of_build(&messages, &workspace.root);
    Ok(output.status.success().then_some(programs))
}

/// Runs all tests, passing on what they print and counting it; those in the documentation come last.
fn run_tests(
    workspace: &Workspace,
    programs: &[TestProgram],
    tally: &mut Tally,
    ran: &mut Vec<Ran>,
) -> Result<bool, Stop> {
    let skips = fresh_skips_file(workspace)?;
    let documentation = workspace.cargo(&[
        "test",
        "--doc",
        "--workspace",
        "--locked",
        "--offline",
        "--no-fail-fast",
    ]);
    let of_program = |program: &TestProgram| {
        let mut command = Command::new(&program.executable);
        command.current_dir(&program.folder);
        command
    };
    let named = programs
        .iter()
        .map(|program| (program.name.as_str(), of_program(program)));
    let mut all: Vec<(&str, Command)> = named.collect();
    all.push(("documentation", documentation));
    let mut is_good = true;
    for (name, mut command) in all {
        eprintln!("test: {name}");
        command.env(SKIPS_VARIABLE, &skips);
        let before = tally.counted();
        let started = Instant::now();
        let succeeded = run_counting(&mut command, name, tally)?;
        ran.push(Ran {
            name: name.to_owned(),
            tests: tally.counted() - before,
            took: started.elapsed(),
            is_good: succeeded,
        });
        is_good &= succeeded;
    }
    tally.read_skips(&std::fs::read_to_string(&skips).unwrap_or_default());
    Ok(is_good && !tally.has_failures())
}

/// Runs one test program to its end. Whether it ended well.
fn run_counting(command: &mut Command, name: &str, tally: &mut Tally) -> Result<bool, Stop> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| could_not_start(name, &error))?;
    let output = child
        .stdout
        .take()
        .expect("standard output was asked to be piped");
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    // A test may print anything, so lines are bytes; an unreadable pipe ends like a closed one and the exit code decides.
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|length| length > 0)
    {
        let mut out = std::io::stdout().lock();
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            break;
        }
        tally.read_line(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    drop(reader);
    child
        .wait()
        .map(|status| status.success())
        .map_err(|error| could_not_start(name, &error))
}

fn fresh_skips_file(workspace: &Workspace) -> Result<PathBuf, Stop> {
    let path = workspace.target.join("skipped-tests.txt");
    std::fs::create_dir_all(&workspace.target)
        .and_then(|()| std::fs::write(&path, ""))
        .map(|()| path.clone())
        .map_err(|error| {
            Stop::Failed(format!(
                "cannot write {}: {error}. Is the folder ours, the disk full?",
                path.display()
            ))
        })
}

/// Licences, sources and bans stand in the lock file and in the crates fetched, so they are checked with no network.
/// Known vulnerabilities come from a database that no package registry serves and that changes daily: asked for with
/// `ROLLCALL_ADVISORIES=1`, so that a run stays repeatable and offline.
fn check_dependencies(workspace: &Workspace) -> Result<bool, Stop> {
    let deny = |arguments: &[&str]| {
        let mut command = Command::new(setup::cargo_deny(workspace));
        command.args(arguments).current_dir(&workspace.root);
        succeeds(&mut command)
    };
    let offline = deny(&[
        "--locked",
        "--offline",
        "check",
        "bans",
        "licenses",
        "sources",
    ])?;
    if std::env::var("ROLLCALL_ADVISORIES").is_ok_and(|value| value == "1") {
        return Ok(deny(&["--locked", "check", "advisories"])? && offline);
    }
    Ok(offline)
}
