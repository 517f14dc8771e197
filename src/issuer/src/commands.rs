//! The program's commands: what a person types, and what they are answered.
//!
//! Promises: results go to standard output, everything else to standard error; the last line says how it ended. What went wrong is said in
//! one sentence with what to do, never as a backtrace. Every command works beside a running service, on the same database.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong use, 3 could not be checked or only in part, 4 malformed input.

mod accommodation;
mod agenda;
mod arguments;
mod attendee;
mod badges;
mod channels;
mod claim;
mod doors;
mod events;
mod export;
mod identity;
mod import;
mod import_attendance;
mod import_speakers;
mod issue;
mod ledger;
mod migrate;
mod output;
mod premises;
mod report;
mod review;
mod rules;
mod said;
mod serve;
mod signs;
mod source;
mod tls_pin;
mod users;

use std::process::ExitCode;

use clap::Parser as _;

use crate::config;
use arguments::{Arguments, Command};
use output::{Ended, Exit, complain};
use premises::Premises;

/// Program and version, as evidence and logs name it.
pub const SOFTWARE: &str = concat!("rollcall-issuer ", env!("CARGO_PKG_VERSION"));

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
    match run(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            complain(&failure.text);
            failure.exit.into()
        }
    }
}

fn run(arguments: Arguments) -> Ended {
    // What needs neither configuration nor database runs without them.
    let command = match arguments.command {
        Command::Import { what } => match import::without_database(&what)? {
            Some(exit) => return Ok(exit),
            None => Command::Import { what },
        },
        Command::Rules { what } => match rules::without_database(&what)? {
            Some(exit) => return Ok(exit),
            None => Command::Rules { what },
        },
        Command::Attendance { what } => match said::without_database(&what)? {
            Some(exit) => return Ok(exit),
            None => Command::Attendance { what },
        },
        Command::Identity { what } => match identity::without_database(&what)? {
            Some(exit) => return Ok(exit),
            None => Command::Identity { what },
        },
        other => other,
    };
    let config = config::load(&arguments.config)?;
    if let Command::Migrate = command {
        return migrate::migrate(&config, &arguments.config);
    }
    let here = Premises::open(config, &arguments.config)?;
    match command {
        // Answered above.
        Command::Migrate => Ok(Exit::Done),
        Command::Serve => serve::run(&here),
        Command::Event { what } => events::run(&here, what),
        Command::Door { what } => doors::run(&here, what),
        Command::Agenda { what } => agenda::run(&here, what),
        Command::Attendee { what } => attendee::run(&here, &what),
        Command::Channel { what } => channels::run(&here, what),
        Command::Claim(claim) => claim::run(&here, &claim),
        Command::Import { what } => import::run(&here, &what),
        Command::Rules { what } => rules::run(&here, what),
        Command::Source { what } => source::run(&here, what),
        Command::User { what } => users::run(&here, what),
        Command::Issue { event } => issue::issue(&here, &event),
        Command::Revoke {
            certificate,
            reason,
            operator,
        } => issue::revoke(&here, &certificate, &reason, &operator),
        Command::Attendance { what } => said::run(&here, what),
        Command::Identity { what } => identity::run(&here, what),
        Command::Accommodation { what } => accommodation::run(&here, what),
        Command::Badge { what } => badges::run(&here, &what),
        Command::Review { what } => review::run(&here, what),
        Command::Ledger { what } => ledger::run(&here, what),
        Command::Report { what } => report::run(&here, what),
        Command::Export { event, out } => export::run(&here, &event, &out),
    }
}
