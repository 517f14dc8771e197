//! What can be typed behind `attendee`.

use clap::{Args, Subcommand};

use super::said::Who;

#[derive(Subcommand)]
pub(in crate::commands) enum Attendee {
    /// Erase what is known of a person: name, address, notes, and the content of their certificates
    #[command(
        after_help = "Example:\n  rollcall-issuer attendee erase --event gp-2026 --attendee a-7k2m9q --reason asked_for --operator ada\n\n\
        Reasons: asked_for, no_longer_needed, entered_in_error. It cannot be undone. Their key is destroyed, and the database is written\n\
        anew, which takes as much free space again. Scans and decisions stay under their pseudonym, and exports still verify. No import\n\
        brings them back. Doors forget the name with their next bundle."
    )]
    Erase(Erasing),
}

#[derive(Args)]
pub(in crate::commands) struct Erasing {
    #[command(flatten)]
    pub(in crate::commands) who: Who,
    /// Why, as one of the codes for it
    #[arg(long)]
    pub(in crate::commands) reason: String,
    /// Who erases it: the id of an administrator's account
    #[arg(long)]
    pub(in crate::commands) operator: String,
}
