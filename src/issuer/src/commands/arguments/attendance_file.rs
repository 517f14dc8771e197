//! What can be typed behind `import attendance`.

use std::path::PathBuf;

use attendance::words::{EventId, RoomId, SessionId};
use clap::{Args, ValueEnum};

use crate::sources::platforms::{AttendanceFormat, DayOrder};

#[derive(Args)]
pub(in crate::commands) struct AttendanceFile {
    /// The event
    #[arg(long, required_unless_present_any = ["template", "columns"])]
    pub(in crate::commands) event: Option<EventId>,
    /// The file; - is standard input
    #[arg(long, required_unless_present_any = ["template", "columns"])]
    pub(in crate::commands) file: Option<PathBuf>,
    /// Whose report it is; auto goes by what the file holds
    #[arg(long, value_enum, default_value_t = AttendanceSource::Auto)]
    pub(in crate::commands) source: AttendanceSource,
    /// The channel of all of it; without it the platform and the file's own name of the meeting
    #[arg(long, conflicts_with_all = ["room", "session"])]
    pub(in crate::commands) channel: Option<String>,
    /// The room of all of it
    #[arg(long, conflicts_with = "session")]
    pub(in crate::commands) room: Option<RoomId>,
    /// The session of all of it
    #[arg(long)]
    pub(in crate::commands) session: Option<SessionId>,
    /// Only the rows of one meeting or check-in list, by the file's own name of it
    #[arg(long, value_name = "NAME")]
    pub(in crate::commands) only: Option<String>,
    /// The zone of times that stand without one: that of whoever made the report
    #[arg(long, value_name = "ZONE")]
    pub(in crate::commands) zone: Option<String>,
    /// Which comes first in dates such as 10/11/2026, where the file does not show it
    #[arg(long, value_enum, value_name = "ORDER")]
    pub(in crate::commands) dates: Option<Dates>,
    /// How far the platform's clock may be off; without it 2000, and 60000 for check-ins made without network
    #[arg(long, value_name = "MS")]
    pub(in crate::commands) clock_error_ms: Option<u32>,
    /// The sheet of a workbook, by its name; without it the first that is not hidden
    #[arg(long, value_name = "NAME")]
    pub(in crate::commands) sheet: Option<String>,
    /// What our own table is of, as an id such as hopin
    #[arg(long, value_name = "ID")]
    pub(in crate::commands) system: Option<String>,
    /// Who answers for it: the id of an account; needed for a person's words
    #[arg(long)]
    pub(in crate::commands) operator: Option<String>,
    /// Why, as a code of a-z, 0-9 and _
    #[arg(long, default_value = "imported_by_hand")]
    pub(in crate::commands) reason: String,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(in crate::commands) dry_run: bool,
    /// Print a table to start from: of attendance, or with --source words of confirmations
    #[arg(long, conflicts_with_all = ["event", "file", "dry_run", "columns"])]
    pub(in crate::commands) template: bool,
    /// Print what the columns of that table mean
    #[arg(long, conflicts_with_all = ["event", "file", "dry_run"])]
    pub(in crate::commands) columns: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::commands) enum Dates {
    /// 10/31/2026
    MonthFirst,
    /// 31/10/2026
    DayFirst,
}

impl From<Dates> for DayOrder {
    fn from(dates: Dates) -> Self {
        match dates {
            Dates::MonthFirst => Self::MonthFirst,
            Dates::DayFirst => Self::DayFirst,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::commands) enum AttendanceSource {
    /// Whichever of these the file is
    Auto,
    /// Reports of participants, attendees or polls as CSV; pages of the report interface; bodies of webhooks
    Zoom,
    /// Attendance reports of either generation; attendance records of Graph
    Teams,
    /// Pages of meeting participants
    Webex,
    /// Attendees of a session; bodies of webhooks
    #[value(name = "gotowebinar")]
    GoToWebinar,
    /// Bodies of webhooks, one a line
    #[value(name = "bigbluebutton")]
    BigBlueButton,
    /// The check-in log, as pages or as CSV
    Pretix,
    /// Our table of attendance; see --columns
    Table,
    /// Our table of confirmations and denials; see --source words --columns
    Words,
}

impl AttendanceSource {
    /// The format that was asked for; none to go by the file.
    pub(in crate::commands) const fn asked(self) -> Option<AttendanceFormat> {
        match self {
            Self::Auto => None,
            Self::Zoom => Some(AttendanceFormat::Zoom),
            Self::Teams => Some(AttendanceFormat::Teams),
            Self::Webex => Some(AttendanceFormat::Webex),
            Self::GoToWebinar => Some(AttendanceFormat::GoToWebinar),
            Self::BigBlueButton => Some(AttendanceFormat::BigBlueButton),
            Self::Pretix => Some(AttendanceFormat::Pretix),
            Self::Table => Some(AttendanceFormat::Table),
            Self::Words => Some(AttendanceFormat::Words),
        }
    }
}
