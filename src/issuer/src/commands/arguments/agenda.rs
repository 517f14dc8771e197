//! What `agenda` takes.

use attendance::words::{EventId, SessionId};
use clap::Subcommand;

#[derive(Subcommand)]
pub(in crate::commands) enum Agenda {
    /// Say how many polls a session offered
    #[command(
        after_help = "Example:\n  rollcall-issuer agenda polls --event gp-2026 keynote 4 --operator ada\n\n\
        Where a rule set asks for a share of the polls, this is what the share is of. `import attendance` raises the number to what a\n\
        report shows, and a report shows only polls that somebody answered. Whoever the session touches is decided again."
    )]
    Polls {
        /// The event
        #[arg(long)]
        event: EventId,
        /// The session
        session: SessionId,
        /// How many
        #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(crate::imports::polls::MAX_POLLS)))]
        offered: u32,
        /// Who says so: an account's id, which the ledger keeps
        #[arg(long)]
        operator: String,
        /// Why, as a code, which the ledger keeps
        #[arg(long, default_value = "counted")]
        reason: String,
    },
}
