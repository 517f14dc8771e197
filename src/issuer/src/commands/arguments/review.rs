//! What can be typed behind `review`.

use attendance::words::EventId;
use clap::{Args, Subcommand};

use super::said::Why;

#[derive(Subcommand)]
pub(in crate::commands) enum Review {
    /// Show the cases: refused branches, late entries of ended enrolments, and signs that a badge was not with its holder
    #[command(
        after_help = "Example:\n  rollcall-issuer review list --event gp-2026\n\n\
        Each with its door, its times and scans, and the place where it leaves the log that is held."
    )]
    List {
        /// The event
        #[arg(long)]
        event: EventId,
        /// Closed cases too
        #[arg(long)]
        all: bool,
    },
    /// Let a case's scans count, and decide again whom they touch
    #[command(
        after_help = "Example:\n  rollcall-issuer review admit --event gp-2026 fork-1-240 --reason card_restored --operator ada\n\n\
        The ledger says so, with the fork named; what is admitted goes into the evidence bundle, whole."
    )]
    Admit(Closing),
    /// Close a case without letting its scans count
    #[command(
        after_help = "Example:\n  rollcall-issuer review deny --event gp-2026 fork-1-240 --reason cloned_card --operator ada\n\n\
        The ledger says so. Nothing is deleted."
    )]
    Deny(Closing),
    /// Close a sign that a badge was not with its holder: there is a good reason for it
    #[command(
        after_help = "Example:\n  rollcall-issuer review explain --event gp-2026 pair-0f1e2d3c4b5a-0 --reason came_together --operator rita\n\n\
        Reasons: came_together, scan_missed, door_fault, seen_by_staff, or other with a note. It changes no decision."
    )]
    Explain(Judging),
    /// Close such a sign: the badge was not with its holder
    #[command(
        after_help = "Example:\n  rollcall-issuer review uphold --event gp-2026 pair-0f1e2d3c4b5a-0 --reason badge_lent --operator rita\n\n\
        Reasons: badge_lent, badge_copied, or other with a note. It changes no decision: deny the sessions that do not count, with\n\
        `attendance deny`."
    )]
    Uphold(Judging),
    /// Open a closed sign again
    #[command(
        after_help = "Example:\n  rollcall-issuer review reopen --event gp-2026 pair-0f1e2d3c4b5a-0 --reason closed_in_error --operator rita\n\n\
        Reasons: closed_in_error, better_evidence, or other with a note. A further entry says so."
    )]
    Reopen(Judging),
}

#[derive(Args)]
pub(in crate::commands) struct Judging {
    /// The event
    #[arg(long)]
    pub(in crate::commands) event: EventId,
    /// The sign, as `review list` shows it
    #[arg(value_name = "SIGN")]
    pub(in crate::commands) sign: String,
    #[command(flatten)]
    pub(in crate::commands) why: Why,
}

#[derive(Args)]
pub(in crate::commands) struct Closing {
    /// The event
    #[arg(long)]
    pub(in crate::commands) event: EventId,
    /// The case, as `review list` shows it
    #[arg(value_name = "CASE")]
    pub(in crate::commands) case: String,
    /// Why, as a code of a-z, 0-9 and _
    #[arg(long)]
    pub(in crate::commands) reason: String,
    /// Who decides: the id of an account
    #[arg(long)]
    pub(in crate::commands) operator: String,
}
