//! `rollcall`: for operators and auditors. It reads archives and changes nothing; `demo` plays a conference by the real programs.
//!
//! Results go to standard output, progress to standard error and only on a terminal. Exit codes: 0 ok, 1 failed, 2 usage,
//! 3 could not or only partly check, 4 malformed; text, `--json` and the exit code always agree.

mod archive;
mod demo;
mod inspect;
mod verify;
mod why;
mod words;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use evidence::PublicKey;

/// Read, verify and explain Rollcall's evidence.
#[derive(Parser)]
#[command(name = "rollcall", version, about, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 ok, 1 failed, 2 usage, 3 could not or only partly check, 4 malformed."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check everything in an archive: logs, receipts, decisions made again, certificates
    ///
    /// Works without network. Every decision is made again from the entries it rests on and compared byte for byte. The
    /// issuer's key is the archive's own word unless --issuer-key gives it.
    Verify(VerifyArgs),
    /// Print a log for people, one line an entry
    ///
    /// Nothing is verified here: `rollcall verify` does that.
    Inspect(InspectArgs),
    /// Explain one certificate: sentence, rule, interval, scan, bracket, receipt
    Why(WhyArgs),
    /// Play a conference on this machine: issuer, kiosk, badges, certificates
    Demo(demo::DemoArgs),
}

#[derive(Args)]
struct VerifyArgs {
    /// The archive: a tar file, or the folder it unpacks to
    archive: PathBuf,
    /// The issuer's public key in base64, known from elsewhere
    #[arg(long, value_name = "B64", value_parser = issuer_key)]
    issuer_key: Option<PublicKey>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// List each scan with its interval and the receipts around it
    #[arg(long)]
    scans: bool,
}

#[derive(Args)]
struct InspectArgs {
    /// The archive: a tar file, or the folder it unpacks to
    archive: PathBuf,
    /// The log's number in the archive
    #[arg(long, value_name = "N")]
    log: Option<usize>,
    /// The first entry
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    from: u64,
    /// The last entry
    #[arg(long, value_name = "INDEX")]
    to: Option<u64>,
    /// Times in UTC instead of the event's zone
    #[arg(long)]
    utc: bool,
}

#[derive(Args)]
struct WhyArgs {
    /// The certificate's code
    certificate: String,
    /// The archive: a tar file, or the folder it unpacks to
    archive: PathBuf,
    /// The issuer's public key in base64, known from elsewhere
    #[arg(long, value_name = "B64", value_parser = issuer_key)]
    issuer_key: Option<PublicKey>,
    /// Print the chain as JSON
    #[arg(long)]
    json: bool,
    /// Times in UTC instead of the event's zone
    #[arg(long)]
    utc: bool,
}

fn issuer_key(text: &str) -> Result<PublicKey, String> {
    PublicKey::from_base64(text).map_err(|e| e.to_string())
}

/// What a command comes to: what it prints, and the exit code that says the same.
struct Outcome {
    /// For standard output.
    text: String,
    /// For standard error; empty where there is nothing to say.
    error: String,
    code: u8,
}

/// What was asked about does not hold.
const FAILED: u8 = 1;
/// Usage: the command cannot be done as asked.
const USAGE: u8 = 2;
/// The archive could not be read.
const COULD_NOT: u8 = 3;
/// The archive is none.
const MALFORMED: u8 = 4;

impl Outcome {
    fn of(text: String, code: u8) -> Self {
        Self {
            text,
            error: String::new(),
            code,
        }
    }

    fn wrong(error: impl Into<String>, code: u8) -> Self {
        Self {
            text: String::new(),
            error: error.into(),
            code,
        }
    }
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Verify(args) => verify::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Why(args) => why::run(&args),
        Command::Demo(args) => match demo::run(&args) {
            Ok(()) => Outcome::of(String::new(), 0),
            Err(error) => Outcome::wrong(format!("demo: {error}"), FAILED),
        },
    };
    // A reader that has seen enough closes the pipe; that is no failure of the check.
    let _ = anstream::stdout().write_all(outcome.text.as_bytes());
    if !outcome.error.is_empty() {
        let _ = writeln!(anstream::stderr(), "rollcall: {}", outcome.error);
    }
    ExitCode::from(outcome.code)
}
