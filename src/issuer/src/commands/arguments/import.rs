//! What is said of files that are taken in.

use std::path::PathBuf;

use attendance::words::EventId;
use clap::{Args, Subcommand, ValueEnum};

use crate::sources::SourceFormat;

use super::AttendanceFile;

#[derive(Subcommand)]
pub(in crate::commands) enum Import {
    /// Sessions, rooms and programmes; takes the place of the agenda in force
    #[command(
        after_help = "Examples:\n  rollcall-issuer import agenda --template > agenda.csv\n  \
        rollcall-issuer import agenda --event gp-2026 --file agenda.csv --dry-run\n  \
        rollcall-issuer import agenda --event gp-2026 --file schedule.json\n  \
        rollcall-issuer import agenda --event gp-2026 --file schedule.ics --format ical\n  \
        rollcall-issuer import agenda --event gp-2026 --from pretalx\n  \
        curl …/api/events/gp/schedules/latest/?expand=slots.room,slots.submission | \\\n    \
        rollcall-issuer import agenda --event gp-2026 --file -\n\n\
        Doors, adopted rule sets and actual times of sessions that stay are kept. A session is known by its id (guid, code, UID),\n\
        which each format names in its way: go on with the format of the imports before. Nothing is imported where anything is wrong."
    )]
    Agenda(ImportFile),
    /// People and their badges; whoever is not in the file stays as they are
    #[command(
        after_help = "Examples:\n  rollcall-issuer import registrations --template > people.csv\n  \
        rollcall-issuer import registrations --columns\n  \
        rollcall-issuer import registrations --event gp-2026 --file people.csv\n  \
        rollcall-issuer import registrations --event gp-2026 --file orders.json --dry-run\n  \
        rollcall-issuer import registrations --event gp-2026 --from pretix\n\n\
        A badge that is known keeps its person. One problem anywhere, and nothing is imported; of pretix's pages a position\n\
        that is wrong by itself is refused alone, and the command ends with 3."
    )]
    Registrations(ImportFile),
    /// Who was where and when, as platforms, apps and people report it
    #[command(
        after_help = "Examples:\n  rollcall-issuer import attendance --event gp-2026 --file participants.csv --zone Europe/Vienna --dry-run\n  \
        rollcall-issuer import attendance --event gp-2026 --source teams --file report.csv --channel teams/opening --zone Europe/Vienna\n  \
        rollcall-issuer import attendance --event gp-2026 --file checkins.json --room main-hall\n  \
        rollcall-issuer import attendance --source words --template > words.csv\n  \
        rollcall-issuer import attendance --event gp-2026 --file words.csv --operator ada --reason moderators_list\n\n\
        What is held already is passed over, so a report can be imported again when it has grown. A row that is wrong by itself is\n\
        refused by name, and the command ends with 3. Nobody is known by a name alone: who has no account or address that a\n\
        registration lists waits for a reviewer."
    )]
    Attendance(AttendanceFile),
    /// Who speaks at which session; whoever is not in the file stays as they are
    #[command(
        after_help = "Examples:\n  rollcall-issuer import speakers --template > speakers.csv\n  \
        rollcall-issuer import speakers --event gp-2026 --file speakers.csv --dry-run\n  \
        rollcall-issuer import speakers --event gp-2026 --file speakers.json\n\n\
        A table, or saved pages of pretalx's /speakers/ with an organiser's token, which shows addresses. A person is known by\n\
        pseudonym or by an address that one registration lists, never by a name; a row that names nobody is refused by itself, and\n\
        the command ends with 3. What speakers earn, the rule set says."
    )]
    Speakers(SpeakersFile),
}

#[derive(Args)]
pub(in crate::commands) struct SpeakersFile {
    /// The event
    #[arg(long, required_unless_present_any = ["template", "columns"])]
    pub(in crate::commands) event: Option<EventId>,
    /// The file; - is standard input
    #[arg(long, required_unless_present_any = ["template", "columns"])]
    pub(in crate::commands) file: Option<PathBuf>,
    /// The sheet of a workbook, by its name; without it the first that is not hidden
    #[arg(long, value_name = "NAME")]
    pub(in crate::commands) sheet: Option<String>,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(in crate::commands) dry_run: bool,
    /// Print a table to start from
    #[arg(long)]
    pub(in crate::commands) template: bool,
    /// Print the columns and what goes in
    #[arg(long)]
    pub(in crate::commands) columns: bool,
}

#[derive(Args)]
pub(in crate::commands) struct ImportFile {
    /// The event
    #[arg(long, required_unless_present_any = ["template", "columns"])]
    pub(in crate::commands) event: Option<EventId>,
    /// The file; - is standard input
    #[arg(long, required_unless_present_any = ["template", "columns", "from"])]
    pub(in crate::commands) file: Option<PathBuf>,
    /// Its format; auto goes by what the file holds
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    pub(in crate::commands) format: Format,
    /// A server instead of a file: the name of a `[sources.…]` table of the configuration
    #[arg(long, value_name = "SOURCE", conflicts_with_all = ["file", "format", "sheet"])]
    pub(in crate::commands) from: Option<String>,
    /// Of a server, everything, not only what changed since the last poll
    #[arg(long, requires = "from")]
    pub(in crate::commands) whole: bool,
    /// The sheet of a workbook, by its name; without it the first that is not hidden
    #[arg(long, value_name = "NAME")]
    pub(in crate::commands) sheet: Option<String>,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(in crate::commands) dry_run: bool,
    /// Print a file to start from; the columns are explained on standard error
    #[arg(long, conflicts_with_all = ["event", "file", "from", "format", "sheet", "dry_run", "columns"])]
    pub(in crate::commands) template: bool,
    /// Print what the columns of the CSV mean
    #[arg(long, conflicts_with_all = ["event", "file", "from", "format", "sheet", "dry_run"])]
    pub(in crate::commands) columns: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::commands) enum Format {
    /// Whichever of these the file is
    Auto,
    /// Our table as text: commas, semicolons or tabs, UTF-8 or UTF-16; see --columns
    Csv,
    /// Our table as a sheet of a workbook, .xlsx or .ods; see --sheet
    #[value(alias = "xlsx", alias = "ods")]
    Workbook,
    /// schedule.json, as frab and pretalx export it (agendas)
    #[value(alias = "frab")]
    FrabJson,
    /// schedule.xml, of the same (agendas)
    FrabXml,
    /// iCalendar, .ics (agendas)
    Ical,
    /// Saved pages of pretalx's /schedules/latest/, or of /slots/, /rooms/ and /submissions/ (agendas)
    Pretalx,
    /// Saved pages of pretix's /orders/ or /orderpositions/ (registrations)
    Pretix,
}

impl Format {
    /// The format that was asked for; none to go by the file.
    pub(in crate::commands) const fn asked(self) -> Option<SourceFormat> {
        match self {
            Self::Auto => None,
            Self::Csv => Some(SourceFormat::Csv),
            Self::Workbook => Some(SourceFormat::Workbook),
            Self::FrabJson => Some(SourceFormat::FrabJson),
            Self::FrabXml => Some(SourceFormat::FrabXml),
            Self::Ical => Some(SourceFormat::Ical),
            Self::Pretalx => Some(SourceFormat::Pretalx),
            Self::Pretix => Some(SourceFormat::Pretix),
        }
    }
}
