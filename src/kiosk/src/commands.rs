//! The program's commands: what a person types, and what they are answered.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong use, 3 could not be checked or only in part, 4 malformed. Results go to standard output, everything
//! else to standard error.

mod doctor;
mod enrol;
mod export;
mod gpio;
mod status;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::{self, Config, ConfigError, LogLevel};
use crate::runtime::{self, SOFTWARE};

/// What a command ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Done,
    Failed,
    Usage,
    Unchecked,
    Malformed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Unchecked => 3,
            Exit::Malformed => 4,
        })
    }
}

#[derive(Parser)]
#[command(
    name = "rollcall-kiosk",
    version,
    about = "Reads badges at a session door, records attendance and syncs it to the issuer",
    after_help = "Examples:\n  \
        rollcall-kiosk run --config /etc/rollcall/kiosk.toml\n  \
        rollcall-kiosk enrol --config kiosk.toml - < claim.txt\n  \
        rollcall-kiosk doctor --config kiosk.toml\n  \
        rollcall-kiosk export --config kiosk.toml --out door-a.tar\n\n\
        Exit codes: 0 done, 1 failed, 2 wrong use, 3 could not be checked (fully), 4 malformed."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Record scans until told to end (SIGTERM or Ctrl-C)
    #[command(
        after_help = "Example:\n  printf 'BADGE-1\\n' | rollcall-kiosk run --config kiosk.toml\n  \
        (with a reader of kind \"lines\" and path \"-\")"
    )]
    Run {
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Give this kiosk to an event, by a claim that the issuer made
    #[command(
        after_help = "Examples:\n  rollcall-kiosk enrol --config kiosk.toml - < claim.txt\n  \
        rollcall-kiosk enrol --config kiosk.toml rollcall1:…\n\n\
        On the issuer: rollcall-issuer claim. While the daemon runs, scan the claim at the kiosk instead.\n\
        A claim is a secret: on standard input it is not seen in the list of processes."
    )]
    Enrol {
        #[command(flatten)]
        config: ConfigArgument,
        /// The claim, or - to read it from standard input
        #[arg(value_name = "CLAIM", default_value = "-")]
        claim: String,
    },
    /// Say how the kiosk stands: asks the running daemon, or reads the journal if none runs
    #[command(
        after_help = "Example:\n  rollcall-kiosk status --config kiosk.toml\n  rollcall-kiosk status --config kiosk.toml --json"
    )]
    Status {
        #[command(flatten)]
        config: ConfigArgument,
        /// The same as JSON
        #[arg(long)]
        json: bool,
    },
    /// Check everything a kiosk needs, one line each, with what to do about it
    #[command(
        after_help = "Examples:\n  rollcall-kiosk doctor --config kiosk.toml\n  \
        rollcall-kiosk doctor --config kiosk.toml --try --known K7QX-2M4P-9TZR-AAAA\n\n\
        Lines begin with ok, warn, fail or skipped. Exits 1 if anything fails.\n\
        --try shows what each reader reads, character by character, and records nothing; the daemon must not be running.\n\
        With --known it exits 1 if a code is read otherwise, and says which keyboard a scanner types for."
    )]
    Doctor {
        #[command(flatten)]
        config: ConfigArgument,
        /// Show what each reader reads instead
        #[arg(long)]
        r#try: bool,
        /// The text of the code that is held before the readers
        #[arg(long, value_name = "TEXT", requires = "try")]
        known: Option<String>,
        /// How long to go on
        #[arg(long, value_name = "SECONDS", requires = "try", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
        seconds: u64,
    },
    /// Try the lights, buzzer, relays and switches, or put them to rest
    #[command(
        after_help = "Examples:\n  rollcall-kiosk gpio try --config kiosk.toml\n  rollcall-kiosk gpio rest --config kiosk.toml\n\n\
        try lights each output in turn, pulses each relay once, then shows the button and the tamper switches; the daemon must not be running.\n\
        rest puts every output to rest; systemd runs it after the daemon has ended in whatever way."
    )]
    Gpio {
        #[command(subcommand)]
        what: GpioCommand,
    },
    /// Write the journal out, for an auditor or because the kiosk cannot sync
    #[command(
        after_help = "Examples:\n  rollcall-kiosk export --config kiosk.toml --out door-a.tar\n  \
        rollcall-kiosk export --config kiosk.toml --out door-a/\n\n\
        A name that ends in .tar becomes one file, any other a folder. `rollcall verify` checks either.\n\
        The daemon must not be running."
    )]
    Export {
        #[command(flatten)]
        config: ConfigArgument,
        /// The file or folder to write; must not exist yet
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Subcommand)]
enum GpioCommand {
    /// Light each output in turn, then show the inputs
    Try {
        #[command(flatten)]
        config: ConfigArgument,
        /// How long the inputs are shown
        #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3_600))]
        seconds: u64,
    },
    /// Put every output to rest
    Rest {
        #[command(flatten)]
        config: ConfigArgument,
    },
}

#[derive(clap::Args)]
struct ConfigArgument {
    /// The kiosk's configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/rollcall/kiosk.toml")]
    config: PathBuf,
}

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, everything else is wrong use; clap knows which stream is whose.
            let _ = error.print();
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            return exit.into();
        }
    };
    let exit = match arguments.command {
        Command::Run { config } => with_config(&config, run),
        Command::Enrol { config, claim } => with_config(&config, |c| enrol::enrol(c, &claim)),
        Command::Status { config, json } => with_config(&config, |c| status::status(c, json)),
        Command::Doctor {
            config,
            r#try: true,
            known,
            seconds,
        } => with_config(&config, |c| {
            let known = known.as_deref();
            trial::try_readers(c, &trial::Trial { known, seconds })
        }),
        Command::Doctor { config, .. } => doctor::doctor(&config.config),
        Command::Gpio {
            what: GpioCommand::Try { config, seconds },
        } => with_config(&config, |c| gpio::try_lines(c, seconds)),
        Command::Gpio {
            what: GpioCommand::Rest { config },
        } => with_config(&config, gpio::rest),
        Command::Export { config, out } => with_config(&config, |c| export::export(c, &out)),
    };
    exit.into()
}

fn with_config(argument: &ConfigArgument, command: impl FnOnce(&Config) -> Exit) -> Exit {
    match config::load(&argument.config) {
        Ok(config) => command(&config),
        Err(error) => {
            complain(&error);
            match error {
                ConfigError::Unreadable { .. } => Exit::Failed,
                ConfigError::TooLong { .. } | ConfigError::Text(_) | ConfigError::Fault { .. } => {
                    Exit::Malformed
                }
            }
        }
    }
}

fn run(config: &Config) -> Exit {
    log_to_stderr(config.log);
    tracing::info!(software = SOFTWARE, folder = %config.data_dir.display(), "starting");
    match runtime::run(config) {
        Ok(()) => {
            tracing::info!("ended");
            Exit::Done
        }
        Err(error) => {
            complain(&error);
            Exit::Failed
        }
    }
}

fn log_to_stderr(level: LogLevel) {
    let filter = EnvFilter::new(level.as_str());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        // A log that cannot be written must not end what it tells of: by default the failure itself is printed there, which panics.
        .log_internal_errors(false);
    // A second call in one process leaves the first in force.
    let _ = subscriber.try_init();
}

/// One sentence on standard error: what is wrong and what to do.
#[allow(clippy::print_stderr, reason = "this is what standard error is for")]
fn complain(what: &dyn std::fmt::Display) {
    eprintln!("rollcall-kiosk: {what}");
}

/// One line of a result.
#[allow(clippy::print_stdout, reason = "this is what standard output is for")]
fn say(what: &dyn std::fmt::Display) {
    println!("{what}");
}
