//! What can be typed, and the help that explains it.

use std::path::PathBuf;

use attendance::UtcMs;
use attendance::words::{AttendeeId, CertificateId, EventId, ProgrammeId};
use clap::{Parser, Subcommand, ValueEnum};
use protocol::text::parse_instant;

use crate::store::accounts::Role;

mod accommodation;
mod agenda;
mod attendance_file;
mod attendee;
mod event;
mod identity;
mod import;
mod review;
mod said;

pub(super) use accommodation::{Accommodation, Granting};
pub(super) use agenda::Agenda;
pub(super) use attendance_file::{AttendanceFile, AttendanceSource};
pub(super) use attendee::{Attendee, Erasing};
pub(super) use event::{Channel, Claim, Door, Event, Names, NewEvent};
pub(super) use identity::{Identity, Matching};
pub(super) use import::{Import, ImportFile, SpeakersFile};
pub(super) use review::{Closing, Judging, Review};
pub(super) use said::{Attendance, Correction, OnSession, Who, Why, Withdrawal};

/// Where the configuration lies unless told otherwise.
pub(super) const CONFIG_DEFAULT: &str = "/etc/rollcall/issuer.toml";

#[derive(Parser)]
#[command(
    name = "rollcall-issuer",
    version,
    about = "Takes what kiosks record, decides credit, issues certificates and answers an auditor",
    after_help = "To set up an event, in this order:\n  \
        rollcall-issuer --config issuer.toml migrate\n  \
        rollcall-issuer --config issuer.toml user add --id ada --role administrator\n  \
        rollcall-issuer --config issuer.toml event create --id gp-2026 --title \"Good Practice 2026\" --zone Europe/Vienna\n  \
        rollcall-issuer --config issuer.toml import agenda --event gp-2026 --file agenda.csv\n  \
        rollcall-issuer --config issuer.toml import registrations --event gp-2026 --file people.csv\n  \
        rollcall-issuer --config issuer.toml rules adopt --event gp-2026 --programme main --file rules.toml\n  \
        rollcall-issuer --config issuer.toml door add --event gp-2026 --door hall-door --title \"Great Hall\" --room main-hall\n  \
        rollcall-issuer --config issuer.toml claim --event gp-2026 --door hall-door > claim.txt\n  \
        rollcall-issuer --config issuer.toml serve\n\n\
        Exit codes: 0 done, 1 failed, 2 wrong use, 3 could not be checked (fully), 4 malformed input."
)]
pub(super) struct Arguments {
    /// The issuer's configuration
    #[arg(long, global = true, value_name = "FILE", default_value = CONFIG_DEFAULT)]
    pub(super) config: PathBuf,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make folder, database and keys, or bring an older database up to date
    #[command(
        after_help = "Example:\n  rollcall-issuer --config issuer.toml migrate\n\n\
        Back up the master key that this makes, apart from the database: without it nothing personal can be read."
    )]
    Migrate,
    /// Serve kiosks and pages, and decide, until told to end
    #[command(
        after_help = "Example:\n  rollcall-issuer --config issuer.toml serve\n\n\
        Beyond this machine it serves HTTPS only. It ends in order on SIGTERM and Ctrl-C."
    )]
    Serve,
    /// Make events, and list them
    Event {
        #[command(subcommand)]
        what: Event,
    },
    /// Add doors, list them, give up the missing entries of one
    Door {
        #[command(subcommand)]
        what: Door,
    },
    /// Say what an agenda's file does not
    Agenda {
        #[command(subcommand)]
        what: Agenda,
    },
    /// Erase what is known of a person
    Attendee {
        #[command(subcommand)]
        what: Attendee,
    },
    /// Name channels, where a platform streams rooms, and list them
    Channel {
        #[command(subcommand)]
        what: Channel,
    },
    /// Print a claim, with which one kiosk enrols at a door
    #[command(
        after_help = "Example:\n  rollcall-issuer claim --event gp-2026 --door hall-door > claim.txt\n  \
        rollcall-kiosk enrol --config kiosk.toml - < claim.txt\n\n\
        Standard output is the claim and nothing else. It is a secret until it is used."
    )]
    Claim(Claim),
    /// Read an agenda or registrations from a file or a server
    Import {
        #[command(subcommand)]
        what: Import,
    },
    /// Let systems send by themselves, and see how the sources stand
    Source {
        #[command(subcommand)]
        what: Source,
    },
    /// Check rule sets, and bring them into force
    Rules {
        #[command(subcommand)]
        what: Rules,
    },
    /// Add people who may sign in, and list them
    User {
        #[command(subcommand)]
        what: User,
    },
    /// Issue the certificates that can be issued, and say who waits and why
    #[command(after_help = "Example:\n  rollcall-issuer issue --event gp-2026\n\n\
        Decides first whatever is due. It can be run again at any time: whoever has a certificate is passed over.\n\
        Exits 1 if a decision or a certificate could not be made.")]
    Issue {
        /// The event
        #[arg(long)]
        event: EventId,
    },
    /// Revoke a certificate
    #[command(
        after_help = "Example:\n  rollcall-issuer revoke 4n7qk2… --reason issued_in_error --operator ada\n\n\
        Nothing is deleted: a new entry says that it is revoked, why and by whom, and so does its page."
    )]
    Revoke {
        /// The certificate's code, as printed on it
        #[arg(value_name = "CODE")]
        certificate: CertificateId,
        /// Why, as a code of a-z, 0-9 and _
        #[arg(long)]
        reason: String,
        /// Who revokes it: the id of an account
        #[arg(long)]
        operator: String,
    },
    /// Say that somebody attended a session, did not, or came or went without a scan; and take that back
    Attendance {
        #[command(subcommand)]
        what: Attendance,
    },
    /// Say whose the accounts are that nobody is known by
    Identity {
        #[command(subcommand)]
        what: Identity,
    },
    /// Grant somebody more time, a session counted whole or an assistant's badge, privately
    Accommodation {
        #[command(subcommand)]
        what: Accommodation,
    },
    /// Make badges that doors know without a roster
    Badge {
        #[command(subcommand)]
        what: Badge,
    },
    /// Decide on scans that were refused because their log forked, or that came late
    Review {
        #[command(subcommand)]
        what: Review,
    },
    /// See how an event's ledger stands, and go on after a restore
    Ledger {
        #[command(subcommand)]
        what: Ledger,
    },
    /// Print reports
    Report {
        #[command(subcommand)]
        what: Report,
    },
    /// Write an event's evidence bundle, for an auditor
    #[command(
        after_help = "Example:\n  rollcall-issuer export --event gp-2026 --out gp-2026.tar\n  \
        rollcall verify gp-2026.tar\n\n\
        It holds all logs and all they name, certificates with their names too: give it to auditors only."
    )]
    Export {
        /// The event
        #[arg(long)]
        event: EventId,
        /// The tar file to write; must not exist yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Subcommand)]
pub(super) enum Badge {
    /// Write a sheet of signed badges to print: of everybody who is registered, or of one
    #[command(
        after_help = "Examples:\n  rollcall-issuer badge sheet --event gp-2026 --out badges.html\n  \
        rollcall-issuer badge sheet --event gp-2026 --attendee a-7kq2m4p9tzrx3abc --out badge.html\n\n\
        The file is a page of cards for a browser to print, with names and codes: whoever has it has the badges.\n\
        Whoever has a signed badge of this event already keeps it; others get one beside the badges they have.\n\
        Without bounds a badge holds for the event, for ever; doors then go by the registration alone."
    )]
    Sheet {
        /// The event
        #[arg(long)]
        event: EventId,
        /// One attendee's alone
        #[arg(long, value_name = "ID")]
        attendee: Option<AttendeeId>,
        /// From when new badges hold, as 2026-11-23T08:00:00.000Z
        #[arg(long, value_name = "TIME", value_parser = parse_instant)]
        valid_from: Option<UtcMs>,
        /// Until when new badges hold
        #[arg(long, value_name = "TIME", value_parser = parse_instant)]
        valid_until: Option<UtcMs>,
        /// The page to write; must not exist yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Write a sheet of staff badges to print: they set a door to in, out or both, and take a wrong scan back
    #[command(
        after_help = "Example:\n  rollcall-issuer badge staff --event gp-2026 --id ada --out ada.html\n\n\
        A door obeys whoever scans one, and records that it was this account's. To take a scan back, scan the staff badge and \
        then, within 20 seconds and at the same reader, the badge whose last scan was a mistake; the case then waits for a reviewer. \
        A lost sheet is taken back with its account: rollcall-issuer user disable."
    )]
    Staff {
        /// The event
        #[arg(long)]
        event: EventId,
        /// The account whose badges they are
        #[arg(long)]
        id: String,
        /// The page to write; must not exist yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Subcommand)]
pub(super) enum Source {
    /// Let a system send to an event, and print its token or its signing secret
    #[command(
        after_help = "Example:\n  rollcall-issuer source add --event gp-2026 --id crm --kind registrations > token.txt\n  \
        rollcall-issuer source add --event gp-2026 --id hopin --kind webhook > secret.txt\n  \
        rollcall-issuer source add --event gp-2026 --id zoom --kind zoom --secret-file zoom-secret.txt\n\n\
        Standard output is the token, or the secret, and nothing else. It is shown this once: of a token only the hash is kept, a\n\
        secret is sealed. A source that was revoked gets another in the same way.\n\n\
        Platforms have secrets of their own: Zoom's app shows a secret token, `bbb-conf --secret` prints BigBlueButton's. Standard output\n\
        is then the address to register there, for the hosts and meetings of this event alone: whatever comes is kept. What a meeting\n\
        saw counts once `channel add` says in which rooms."
    )]
    Add {
        /// The event
        #[arg(long)]
        event: EventId,
        /// Its id, for life: small letters, digits, hyphens
        #[arg(long)]
        id: String,
        /// What it sends
        #[arg(long, value_enum)]
        kind: SourceKind,
        /// The file that holds the platform's secret, or - for standard input; of zoom and bigbluebutton
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// List the sources of an event: servers that are polled, and systems that send
    #[command(
        after_help = "Example:\n  rollcall-issuer source list --event gp-2026\n\n\
        Exits 1 where a server cannot be read."
    )]
    List {
        /// The event
        #[arg(long)]
        event: EventId,
    },
    /// Let a system send no more
    #[command(
        after_help = "Example:\n  rollcall-issuer source revoke --event gp-2026 --id crm\n\n\
        What it sent stays."
    )]
    Revoke {
        /// The event
        #[arg(long)]
        event: EventId,
        /// Its id
        #[arg(long)]
        id: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SourceKind {
    /// Registrations, to /v1/registrations
    Registrations,
    /// Signals of attendance with a token, to /v1/signals
    Signals,
    /// Signals of attendance in signed webhooks, to /v1/hooks/<id>
    Webhook,
    /// Zoom's messages, to /v1/hooks/<id>
    Zoom,
    /// BigBlueButton's messages, to /v1/hooks/<id>
    #[value(name = "bigbluebutton")]
    BigBlueButton,
}

/// What a table of cases looks like.
const DECIDE_HELP: &str = "\
A case is one line:
  {\"case\":\"leaves early\",\"sessions\":[{\"id\":\"s1\",\"room\":\"hall\",\"start\":\"09:00\",\"end\":\"09:50\"}],
   \"signals\":[{\"at\":\"08:58\",\"in\":\"hall\"},{\"at\":[\"09:39:58\",\"09:40:02\"],\"out\":\"hall\"}],
   \"expect\":{\"outcome\":\"none\",\"credits\":\"0\",\"reason\":\"below_minimum\",\"present_ms\":{\"s1\":[2398000,2402000]}}}
(written on one line). A signal is `in`, `out`, `seen` or a `beat` in a room, in one of a list of rooms, or at a session that
a platform holds, {\"session\": \"s1\"}; or it is an `answer` to a poll `of` such a place; or a session is `confirmed`,
`denied` or `attested`. `at` is a time or the earliest and the latest that it can have been; signals with the same `log`
happened in their order. `source` and `device` say who saw it. Times are RFC 3339, or of one day: 09:50, 09:50:30.5. A session
may have `kind`, `parts`, `excluded`, `fields`, `day`, `polls_offered`; `part_of` says which room is a part of which.
`registration` is \"none\" or has `valid_from`, `valid_until`, `cancelled`, `speaks`, `accommodations`; `now` is when it is
decided; `special` names a jurisdiction's rules. Lines that begin with # are stepped over. Of `expect`, what is named is
compared: also `graced_ms`, `fields`, `polls`, `confidence`.

Decisions go to standard output, one JSON object a line; differences to standard error. Exit codes: 0 all as expected,
1 some are not, 4 a line is no case.

Examples:
  rollcall-issuer rules decide config/rules/cases/ama-pra.ndjson
  rollcall-issuer rules decide --rules rules.toml cases.ndjson
  rollcall-issuer rules decide --rules rules.toml - < cases.ndjson | jq .explanation";

#[derive(Subcommand)]
pub(super) enum Rules {
    /// Read a rule set and say what it says, without touching anything
    #[command(after_help = "Example:\n  rollcall-issuer rules check rules.toml")]
    Check {
        /// The rule set
        file: PathBuf,
    },
    /// Say in sentences what a rule set does
    #[command(after_help = "Example:\n  rollcall-issuer rules explain rules.toml")]
    Explain {
        /// The rule set
        file: PathBuf,
    },
    /// Say in what two rule sets differ
    #[command(
        after_help = "Example:\n  rollcall-issuer rules diff rules-2026.toml rules-2027.toml"
    )]
    Diff {
        /// The one
        before: PathBuf,
        /// The other
        after: PathBuf,
    },
    /// Make one rule set of a body's and a jurisdiction's special rules
    #[command(
        after_help = "Example:\n  rollcall-issuer rules merge config/rules/nasba-group-live.toml config/rules/jurisdictions/texas.toml > ours.toml\n\n\
        Keys of the special rules take the place of the body's. What comes of it is a rule set like any other: check, adopt and keep it."
    )]
    Merge {
        /// The body's rule set
        rules: PathBuf,
        /// The special rules
        special: PathBuf,
    },
    /// Decide cases of a table of your own, and compare with what you expect
    #[command(after_help = DECIDE_HELP)]
    Decide {
        /// The rule set of the cases that name none
        #[arg(long)]
        rules: Option<PathBuf>,
        /// The cases, one JSON object a line; - for standard input
        cases: PathBuf,
    },
    /// Say whose outcome another rule set would change, and change nothing
    #[command(
        after_help = "Example:\n  rollcall-issuer rules simulate --event gp-2026 --programme main --file rules-2027.toml\n\n\
        Everybody is decided twice on the evidence that is held now: under the rules in force, and under these. It shows names."
    )]
    Simulate {
        /// The event
        #[arg(long)]
        event: EventId,
        /// The programme
        #[arg(long)]
        programme: ProgrammeId,
        /// The rule set to try
        #[arg(long)]
        file: PathBuf,
        /// One JSON object an attendee whose outcome would change, without names
        #[arg(long)]
        json: bool,
    },
    /// Bring a rule set into force for a programme
    #[command(
        after_help = "Example:\n  rollcall-issuer rules adopt --event gp-2026 --programme main --file rules.toml\n\n\
        Sessions that name no programme belong to the programme \"main\". Everybody is decided again."
    )]
    Adopt {
        /// The event
        #[arg(long)]
        event: EventId,
        /// The programme
        #[arg(long)]
        programme: ProgrammeId,
        /// The rule set
        #[arg(long)]
        file: PathBuf,
    },
}

#[derive(Subcommand)]
pub(super) enum User {
    /// Add somebody who may sign in
    #[command(
        after_help = "Examples:\n  rollcall-issuer user add --id ada --role administrator\n  \
        rollcall-issuer user add --id ada --role administrator --password-file password.txt\n\n\
        Without a file the password is asked for, or read from standard input: its first line."
    )]
    Add {
        /// Their id, which evidence names: small letters, digits, hyphens
        #[arg(long)]
        id: String,
        /// Who they are: administrator, organiser, reviewer, door or auditor
        #[arg(long)]
        role: Role,
        /// The file with the password
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Set somebody's password, and sign them out everywhere
    #[command(after_help = "Example:\n  rollcall-issuer user password --id ada")]
    Password {
        /// Their id
        #[arg(long)]
        id: String,
        /// The file with the password
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Let somebody sign in no more, and no door obey their staff badges
    #[command(after_help = "Example:\n  rollcall-issuer user disable --id ada\n\n\
        Doors learn it with their next bundle. What they did stays, under their id.")]
    Disable {
        /// Their id
        #[arg(long)]
        id: String,
    },
    /// Let somebody sign in again
    #[command(after_help = "Example:\n  rollcall-issuer user enable --id ada")]
    Enable {
        /// Their id
        #[arg(long)]
        id: String,
    },
    /// List them
    #[command(after_help = "Example:\n  rollcall-issuer user list")]
    List,
}

#[derive(Subcommand)]
pub(super) enum Report {
    /// Who attended: one row an attendee and programme, with decision and certificate
    #[command(
        after_help = "Examples:\n  rollcall-issuer report attendance --event gp-2026 > attendance.csv\n  \
        rollcall-issuer report attendance --event gp-2026 --format json\n\n\
        Decides first whatever is due. It holds names; that it was made is recorded."
    )]
    Attendance {
        /// The event
        #[arg(long)]
        event: EventId,
        /// How it is written
        #[arg(long, value_enum, default_value_t = ReportFormat::Csv)]
        format: ReportFormat,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum ReportFormat {
    /// For spreadsheets
    Csv,
    /// One document, for programs
    Json,
}

#[derive(Subcommand)]
pub(super) enum Ledger {
    /// Show the ledger's head, and whether a kiosk holds a signed head that is not in it
    #[command(
        after_help = "Example:\n  rollcall-issuer ledger status --event gp-2026\n\n\
        Exits 1 while a signed head is lost: then nothing is signed, and this says what to do."
    )]
    Status {
        /// The event
        #[arg(long)]
        event: EventId,
    },
    /// Go on although a signed head is lost for good
    #[command(
        after_help = "Example:\n  rollcall-issuer ledger recover --event gp-2026 --reason backup_restored --operator ada\n\n\
        Restore the newest database instead, if there is one: what only the issuer had since the copy is lost by this.\n\
        The ledger says that it went on, and every auditor sees that a head it signed is not in it."
    )]
    Recover {
        /// The event
        #[arg(long)]
        event: EventId,
        /// Why, as a code of a-z, 0-9 and _
        #[arg(long)]
        reason: String,
        /// Who decides: the id of an account
        #[arg(long)]
        operator: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }
}
