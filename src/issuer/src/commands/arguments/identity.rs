//! What can be typed behind `identity`.

use attendance::words::EventId;
use clap::{Args, Subcommand};

use super::said::{Who, Why};

#[derive(Subcommand)]
pub(in crate::commands) enum Identity {
    /// Show the accounts that are nobody's, with who they may be
    #[command(
        after_help = "Example:\n  rollcall-issuer identity list --event gp-2026\n\n\
        It shows names and addresses; that it was made is recorded. What only resembles somebody is a hint: nobody is matched by it."
    )]
    List {
        /// The event
        #[arg(long)]
        event: EventId,
    },
    /// Say that an account is an attendee's, and nobody else's
    #[command(
        after_help = "Example:\n  rollcall-issuer identity match --event gp-2026 --account 3f9a01c2 --attendee a-7k2m9q --reason told_by_attendee --operator rita\n\n\
        What it saw counts from now on. It stays so whatever is imported, until `identity unmatch`. `identity reasons` lists the reasons."
    )]
    Match(Matching),
    /// Say that an account is not an attendee's
    #[command(
        after_help = "Example:\n  rollcall-issuer identity unmatch --event gp-2026 --account 3f9a01c2 --attendee a-7k2m9q --reason another_person --operator rita\n\n\
        What it saw counts for them no more, and whom that touches is decided again."
    )]
    Unmatch(Matching),
    /// Set an account aside that is nobody's: it is asked about no more
    #[command(
        after_help = "Example:\n  rollcall-issuer identity aside --event gp-2026 --account 3f9a01c2 --reason not_registered --operator rita\n\n\
        Reasons: not_registered, no_credit_sought, device_of_ours, cannot_be_known. A registration that lists it later has it all the same."
    )]
    Aside(SettingAside),
    /// Ask again about an account that was set aside
    #[command(
        after_help = "Example:\n  rollcall-issuer identity back --event gp-2026 --account 3f9a01c2 --operator rita"
    )]
    Back {
        /// The event
        #[arg(long)]
        event: EventId,
        /// The account, or the beginning of it
        #[arg(long, value_parser = digits)]
        account: String,
        /// Who says so: the id of a reviewer's, organiser's or administrator's account
        #[arg(long)]
        operator: String,
    },
    /// List the reasons that can be given
    #[command(after_help = "Example:\n  rollcall-issuer identity reasons")]
    Reasons,
}

#[derive(Args)]
pub(in crate::commands) struct Matching {
    #[command(flatten)]
    pub(in crate::commands) who: Who,
    /// The account, as `identity list` shows it, or the beginning of it
    #[arg(long, value_parser = digits)]
    pub(in crate::commands) account: String,
    #[command(flatten)]
    pub(in crate::commands) why: Why,
}

#[derive(Args)]
pub(in crate::commands) struct SettingAside {
    /// The event
    #[arg(long)]
    pub(in crate::commands) event: EventId,
    /// The account, as `identity list` shows it, or the beginning of it
    #[arg(long, value_parser = digits)]
    pub(in crate::commands) account: String,
    /// Why, as one of the codes for it
    #[arg(long)]
    pub(in crate::commands) reason: String,
    /// Who says so: the id of a reviewer's, organiser's or administrator's account
    #[arg(long)]
    pub(in crate::commands) operator: String,
}

fn digits(text: &str) -> Result<String, String> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if (8..=64).contains(&text.len()) && text.bytes().all(is_hex) {
        return Ok(text.to_owned());
    }
    Err("an account is 8 to 64 digits of lower hex".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_hex() {
        for (text, is_good) in [
            ("3f9a01c2", true),
            (&*"0".repeat(64), true),
            ("3f9a01c", false),
            ("3F9A01C2", false),
            (&*"0".repeat(65), false),
            ("zoe@example.org", false),
        ] {
            assert_eq!(digits(text).is_ok(), is_good, "{text}");
        }
    }
}
