//! What can be typed behind `attendance`.

use std::path::PathBuf;

use attendance::words::{AttendeeId, EventId, RoomId, SessionId};
use clap::{ArgGroup, Args, Subcommand};

#[derive(Subcommand)]
pub(in crate::commands) enum Attendance {
    /// Say that somebody attended a session whole
    #[command(
        after_help = "Example:\n  rollcall-issuer attendance confirm --event gp-2026 --attendee a-7k2m9q --session keynote-1 \\\n    \
        --reason seen_by_moderator --operator rita\n\n\
        Of words on one session the newest holds. `attendance reasons` lists the reasons."
    )]
    Confirm(OnSession),
    /// Say that somebody did not attend a session
    #[command(
        after_help = "Example:\n  rollcall-issuer attendance deny --event gp-2026 --attendee a-7k2m9q --session keynote-1 \\\n    \
        --reason badge_lent --operator rita\n\n\
        It outweighs scans, or makes a reviewer decide, as the rule set says. `attendance reasons` lists the reasons."
    )]
    Deny(OnSession),
    /// Say that somebody came or went when no scan shows it
    #[command(
        after_help = "Example:\n  rollcall-issuer attendance correct --event gp-2026 --attendee a-7k2m9q --room main-hall \\\n    \
        --out 2026-10-31T09:50 --reason scan_forgotten --operator rita\n\n\
        Times are local to the event's zone unless an offset follows. One to the minute is any time of that minute: write seconds\n\
        where you know them. It counts as a scan would, beside those there are. `attendance reasons` lists the reasons."
    )]
    Correct(Correction),
    /// Take a person's word back
    #[command(
        after_help = "Example:\n  rollcall-issuer attendance withdraw --event gp-2026 --attendee a-7k2m9q 118.0 --reason entered_in_error --operator rita\n\n\
        A further entry says so; the word stays and counts no more. `attendance list` shows the words."
    )]
    Withdraw(Withdrawal),
    /// Show what people said of somebody's attendance
    #[command(
        after_help = "Example:\n  rollcall-issuer attendance list --event gp-2026 --attendee a-7k2m9q\n\n\
        Notes are private and not shown here; the attendee's staff page shows them."
    )]
    List {
        /// The event
        #[arg(long)]
        event: EventId,
        /// The attendee's pseudonym
        #[arg(long)]
        attendee: AttendeeId,
    },
    /// List the reasons that can be given
    #[command(after_help = "Example:\n  rollcall-issuer attendance reasons")]
    Reasons,
}

#[derive(Args)]
pub(in crate::commands) struct Who {
    /// The event
    #[arg(long)]
    pub(in crate::commands) event: EventId,
    /// The attendee's pseudonym, as staff pages and reports show it
    #[arg(long)]
    pub(in crate::commands) attendee: AttendeeId,
}

#[derive(Args)]
pub(in crate::commands) struct Why {
    /// Why, as one of the codes for it
    #[arg(long)]
    pub(in crate::commands) reason: String,
    /// Who says so: the id of a reviewer's, organiser's or administrator's account
    #[arg(long)]
    pub(in crate::commands) operator: String,
    /// A file with a private note, sealed for those who may see the person; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::commands) note_file: Option<PathBuf>,
}

#[derive(Args)]
pub(in crate::commands) struct OnSession {
    #[command(flatten)]
    pub(in crate::commands) who: Who,
    /// The session, as the agenda names it
    #[arg(long)]
    pub(in crate::commands) session: SessionId,
    #[command(flatten)]
    pub(in crate::commands) why: Why,
}

#[derive(Args)]
#[group(skip)]
#[command(group(ArgGroup::new("way").required(true).args(["came", "left"])))]
pub(in crate::commands) struct Correction {
    #[command(flatten)]
    pub(in crate::commands) who: Who,
    /// The room, as the agenda names it
    #[arg(long)]
    pub(in crate::commands) room: RoomId,
    /// When they came in
    #[arg(long = "in", value_name = "TIME")]
    pub(in crate::commands) came: Option<String>,
    /// When they left
    #[arg(long = "out", value_name = "TIME")]
    pub(in crate::commands) left: Option<String>,
    #[command(flatten)]
    pub(in crate::commands) why: Why,
}

#[derive(Args)]
pub(in crate::commands) struct Withdrawal {
    #[command(flatten)]
    pub(in crate::commands) who: Who,
    /// The word, as `attendance list` shows it: its ledger entry and row
    #[arg(value_name = "ENTRY.ROW", value_parser = place)]
    pub(in crate::commands) word: (u64, u32),
    #[command(flatten)]
    pub(in crate::commands) why: Why,
}

fn place(text: &str) -> Result<(u64, u32), String> {
    let parts = text.split_once('.').unwrap_or((text, "0"));
    match (parts.0.parse(), parts.1.parse()) {
        (Ok(entry), Ok(row)) => Ok((entry, row)),
        _ => Err("write the ledger entry and the row, such as 118.0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_named_by_entry_and_row() {
        for (text, read) in [
            ("118.0", Some((118, 0))),
            ("118", Some((118, 0))),
            ("7.12", Some((7, 12))),
            ("", None),
            ("7.", None),
            ("-1.0", None),
        ] {
            assert_eq!(place(text).ok(), read, "{text}");
        }
    }
}
