//! `cargo xtask`: everything a checkout of Rollcall can be asked to do, in one short command each.
//!
//! Each command sets up what it needs first, so a fresh Debian machine with a Rust toolchain and a C compiler needs
//! nothing typed before it. Only setting up uses the network; what follows works with loopback alone. Progress goes to
//! standard error, results to standard output. Exit codes: 0 ok, 1 failed, 2 usage.
//!
//! This program is never shipped and depends on none of the other crates, so that it builds in seconds.

mod hil;
mod programs;
mod setup;
mod suite;
mod tally;
mod test_programs;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const HELP: &str = "\
Work on Rollcall.

Usage: cargo xtask <command> [arguments]

Commands:
  setup               Install what the tests need: Debian packages, crates, cargo-deny. As root it installs the
                      packages, otherwise it prints the line to type. Quick when nothing is missing.
  demo [arguments]    Build and start the demo: issuer and kiosk on loopback with a sample conference.
                      --release builds optimised programs; all else goes to `rollcall demo`.
  test [--quick]      Set up, then check format and lints, build, run every test, check the dependencies.
                      --quick leaves out the dependency check.
  sim [arguments]     Play conferences under the simulator: --seeds N --from S, or --seed S for one with all that happens
                      in it. --release builds optimised programs; all else goes to the simulation, --help says what.
  bench [arguments]   Build optimised programs and measure them. Arguments go to the bench: --json, names.
  bench decode        Hold the decoders beside others over a folder of labelled photographs: --images DIR.
  bench camera        The same over films of badges, by when each is read: [--images DIR] [--seed S] [--seeds N].
  fuzz [arguments]    Try every decoder on inputs that nobody would send: --inputs N, --seed S, --target NAME.
  hil [NAME]          Test the kiosk on virtual hardware: scanners plugged and pulled, power cut, a watchdog that fires.
                      A Debian kernel in QEMU, both brought by setup. The tests run some of it; this runs it whole.
  help                Print this.

Examples:
  cargo xtask demo                  Play with a door in the terminal and the browser.
  cargo xtask demo --headless       Play a whole conference day in under two minutes and verify it.
  cargo xtask test                  What the build server runs.
  cargo xtask bench --json          One JSON object a figure.
  cargo xtask fuzz --inputs 10000000
                                    Ten million inputs over all decoders, some minutes long.

Environment:
  CI                    If set, a skipped test that tests/skips-allowed.txt does not list fails `test`.
  ROLLCALL_ADVISORIES   If 1, `test` also checks for known vulnerabilities, which needs the network.
  CARGO_TARGET_DIR      Where to build; `target` if not set.
";

/// Why a command stopped, by what the caller is to do.
enum Stop {
    /// The command line is wrong: exit 2.
    Usage(String),
    /// Something failed; the text says what, and what to do next: exit 1.
    Failed(String),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Failed(text)) => {
            eprintln!("xtask: {text}");
            ExitCode::from(1)
        }
        Err(Stop::Usage(text)) => {
            eprintln!("xtask: {text}\nTry `cargo xtask help`.");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Stop> {
    let Some((command, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(());
    };
    match command.as_str() {
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        "setup" => {
            refuse_arguments(rest, &[])?;
            let workspace = Workspace::find()?;
            setup::set_up(&workspace, setup::Purpose::Tests)?;
            setup::install_cargo_deny(&workspace)
        }
        "test" => {
            refuse_arguments(rest, &["--quick"])?;
            suite::test(&Workspace::find()?, !rest.is_empty())
        }
        "demo" => programs::demo(&Workspace::find()?, rest),
        "sim" => programs::sim(&Workspace::find()?, rest),
        "bench" => match rest.split_first() {
            Some((what, rest)) if ["decode", "camera"].contains(&what.as_str()) => {
                programs::of_tests(&Workspace::find()?, what, rest)
            }
            _ => programs::bench(&Workspace::find()?, rest),
        },
        "hil" => hil::hil(&Workspace::find()?, rest),
        "fuzz" => programs::of_tests(&Workspace::find()?, "fuzz", rest),
        other => Err(Stop::Usage(format!("there is no command `{other}`"))),
    }
}

fn refuse_arguments(given: &[String], known: &[&str]) -> Result<(), Stop> {
    given
        .iter()
        .find(|argument| !known.contains(&argument.as_str()))
        .map_or(Ok(()), |argument| {
            Err(Stop::Usage(format!(
                "this command does not know the argument `{argument}`"
            )))
        })
}
