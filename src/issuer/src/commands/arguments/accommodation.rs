//! What can be typed behind `accommodation`.

use std::path::PathBuf;

use attendance::words::{AttendeeId, SessionId};
use clap::{ArgGroup, Args, Subcommand};

use super::said::Who;

#[derive(Subcommand)]
pub(in crate::commands) enum Accommodation {
    /// Grant more time, a session that counts whole, or an assistant's badge
    #[command(
        after_help = "Examples:\n  rollcall-issuer accommodation add --event gp-2026 --attendee a-7k2m9q --extra-min 15 --reason-code health --operator ada\n  \
        rollcall-issuer accommodation add --event gp-2026 --attendee a-7k2m9q --whole --session keynote-1 --reason-code care --operator ada\n  \
        rollcall-issuer accommodation add --event gp-2026 --attendee a-7k2m9q --assistant a-q3x8mm --reason-code disability --operator ada\n\n\
        Reasons: disability, health, care, faith, language, technical, or other with a note. They are sealed: the ledger says that a\n\
        registration was adjusted, and no certificate, page or report says more."
    )]
    Add(Granting),
    /// Show what is granted to somebody, and what was
    #[command(
        after_help = "Example:\n  rollcall-issuer accommodation list --event gp-2026 --attendee a-7k2m9q\n\n\
        That it was looked at is recorded."
    )]
    List(Who),
    /// End what was granted
    #[command(
        after_help = "Example:\n  rollcall-issuer accommodation end --event gp-2026 --attendee a-7k2m9q --extra-min 15 --reason-code no_longer_needed --operator ada\n\n\
        Name it as it was granted. Reasons: no_longer_needed, granted_in_error, or other with a note."
    )]
    End(Granting),
}

#[derive(Args)]
#[group(skip)]
#[command(group(ArgGroup::new("what").required(true).args(["extra_min", "whole", "assistant", "badge_file"])))]
pub(in crate::commands) struct Granting {
    #[command(flatten)]
    pub(in crate::commands) who: Who,
    /// So many minutes of absence count as presence, in each session or in that of --session
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=240))]
    pub(in crate::commands) extra_min: Option<u32>,
    /// The session of --session counts whole
    #[arg(long, requires = "session")]
    pub(in crate::commands) whole: bool,
    /// The badges of this attendee, who assists, count as well
    #[arg(long, value_name = "ATTENDEE", conflicts_with = "session")]
    pub(in crate::commands) assistant: Option<AttendeeId>,
    /// The badge in this file, of somebody who assists and is not registered, counts as well; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "session")]
    pub(in crate::commands) badge_file: Option<PathBuf>,
    /// The session, as the agenda names it
    #[arg(long)]
    pub(in crate::commands) session: Option<SessionId>,
    /// Why, as one of the codes for it; it is sealed
    #[arg(long)]
    pub(in crate::commands) reason_code: String,
    /// Who grants it: the id of an administrator's account
    #[arg(long)]
    pub(in crate::commands) operator: String,
    /// A file with a private note, sealed as well; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::commands) note_file: Option<PathBuf>,
}
