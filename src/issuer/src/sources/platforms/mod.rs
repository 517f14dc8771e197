//! Reports, log files and messages of platforms and apps become observations here: see [`super::observed`] for what holds of
//! every parser.
//!
//! Contract: bytes and a [`Reading`] in; an [`Attendance`] and named refusals out. Pure, total, bounded by
//! [`MAX_IMPORT_BYTES`](super::MAX_IMPORT_BYTES), [`MAX_ROWS`](super::MAX_ROWS) and
//! [`MAX_OBSERVED`](super::observed::MAX_OBSERVED).
//!
//! - **Time.** A time that stands without its zone is refused unless [`Reading::zone`] says the zone, and a date such as
//!   `10/11/2026` unless the file itself or [`Reading::day_order`] shows which is the month. A time written to the second is an
//!   interval of that second, one written to the minute of that minute, one within the hour that the clocks repeat of both.
//!   Each is widened at both ends by the error of the platform's clock: [`PLATFORM_ERROR_MS`] unless the caller says
//!   otherwise, [`DEVICE_ERROR_MS`] where a device without network stamped it. What lies in the future is refused by name.
//! - **People.** See the table. A name is only a label for the reviewer. Who has neither account nor address is a guest: of a
//!   report, one for each name and meeting, but one for each row where rows of one name overlap, since those may be two people.
//! - **Ends.** Each join and each leave is an observation; who has not left yet is `in` alone. Each join has a device of its
//!   own, so that one laptop leaving does not end what the telephone beside it saw.
//! - **Place.** `--channel`, a room or a session that the caller gives; else the channel `<system>/<the file's own name>`.
//!
//! | format | read | accounts, in order of trust |
//! |---|---|---|
//! | [`zoom`] | reports as CSV and as pages, polls, webhooks | `external` (customer key), `zoom`, `zoom-registrant`, `email` |
//! | [`teams`] | reports of both generations, Graph's attendance records | `teams`, `email` |
//! | [`webex`] | pages of meeting participants | `email` |
//! | [`gotowebinar`] | attendees of a session, webhooks | `gotowebinar`, `email` |
//! | [`bigbluebutton`] | webhooks | `external` (the user id given at the join) |
//! | [`pretix_log`] | the check-in log, as pages and as CSV | `pretix` (position), `pretix-code` (`ORDER-1`) |
//! | [`attendance_table`] | our own table | `external`, `email` |
//! | [`words_table`] | our own table of a person's words | attendee, `email` |

pub mod attendance_table;
pub mod bigbluebutton;
mod draft;
pub mod gotowebinar;
mod json;
pub mod pretix_log;
mod report;
pub mod teams;
pub mod webex;
mod when;
pub mod words_table;
pub mod zoom;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use attendance::UtcMs;
use chrono_tz::Tz;

use super::observed::{ObservedBatch, Place};
use super::problem::{ImportError, ImportReport};
use super::text;
pub use when::{DayOrder, written_time};

/// How far a platform's clock may be off, in milliseconds, unless somebody says otherwise: they are kept by network time, and
/// a join is noted a moment after it happens.
pub const PLATFORM_ERROR_MS: i64 = 2_000;
/// How far the clock of a device may be off that had no network when it stamped a check-in, in milliseconds.
pub const DEVICE_ERROR_MS: i64 = 60_000;
/// The largest error that can be stated, in milliseconds: a day.
pub const MAX_ERROR_MS: i64 = 86_400_000;
/// How far in the future something may lie that is believed, in milliseconds: our clock and theirs differ.
pub const MAX_AHEAD_MS: i64 = 300_000;

/// What the reader of a file is told beside its bytes.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    /// The zone of times that stand without one; none where nobody said.
    pub zone: Option<Tz>,
    /// Which comes first in dates such as `10/11/2026`; none to go by what the file shows.
    pub day_order: Option<DayOrder>,
    /// Where all of it was; none to go by what the file says.
    pub place: Option<Place>,
    /// The meeting or check-in list whose rows are taken, by the file's own name; none for all.
    pub only: Option<&'a str>,
    /// How far the platform's clock may be off; none for the default.
    pub clock_error_ms: Option<i64>,
    /// The sheet of a workbook.
    pub sheet: Option<&'a str>,
    /// What our own table is of, an id: `hopin`; of tables alone.
    pub system: Option<&'a str>,
    /// What lies behind this is in the future.
    pub now: UtcMs,
}

impl Reading<'_> {
    /// Nothing is said but the time.
    pub const fn plain(now: UtcMs) -> Self {
        Self {
            zone: None,
            day_order: None,
            place: None,
            only: None,
            clock_error_ms: None,
            sheet: None,
            system: None,
            now,
        }
    }
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendance {
    /// The observations.
    pub batch: ObservedBatch,
    /// The polls that were offered at each place, as far as anybody answered them.
    pub polls: BTreeMap<Place, BTreeSet<String>>,
}

/// A format of attendance that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttendanceFormat {
    /// Zoom.
    Zoom,
    /// Microsoft Teams.
    Teams,
    /// Webex.
    Webex,
    /// GoToWebinar.
    GoToWebinar,
    /// BigBlueButton.
    BigBlueButton,
    /// pretix's check-in log.
    Pretix,
    /// Our table of joins and leaves.
    Table,
    /// Our table of a person's words.
    Words,
}

/// All of them.
pub const ATTENDANCE_FORMATS: &[AttendanceFormat] = &[
    AttendanceFormat::Zoom,
    AttendanceFormat::Teams,
    AttendanceFormat::Webex,
    AttendanceFormat::GoToWebinar,
    AttendanceFormat::BigBlueButton,
    AttendanceFormat::Pretix,
    AttendanceFormat::Table,
    AttendanceFormat::Words,
];

impl AttendanceFormat {
    /// Its name, in commands and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zoom => "zoom",
            Self::Teams => "teams",
            Self::Webex => "webex",
            Self::GoToWebinar => "gotowebinar",
            Self::BigBlueButton => "bigbluebutton",
            Self::Pretix => "pretix",
            Self::Table => "table",
            Self::Words => "words",
        }
    }

    /// What it is, for people: completes "read as …".
    pub const fn title(self) -> &'static str {
        match self {
            Self::Zoom => "a report or messages of Zoom",
            Self::Teams => "a report of Teams",
            Self::Webex => "participants of Webex",
            Self::GoToWebinar => "attendees or messages of GoToWebinar",
            Self::BigBlueButton => "messages of BigBlueButton",
            Self::Pretix => "a check-in log of pretix",
            Self::Table => "a table of attendance in our columns",
            Self::Words => "a table of confirmations in our columns",
        }
    }

    /// Reads a file of this format.
    ///
    /// # Errors
    /// [`ImportError`] where nothing of the file can be trusted; a row that is wrong by itself is refused in the report.
    pub fn read(
        self,
        bytes: &[u8],
        reading: &Reading<'_>,
    ) -> Result<ImportReport<Attendance>, ImportError> {
        match self {
            Self::Zoom => zoom::read(bytes, reading),
            Self::Teams => teams::read(bytes, reading),
            Self::Webex => webex::read(bytes, reading),
            Self::GoToWebinar => gotowebinar::read(bytes, reading),
            Self::BigBlueButton => bigbluebutton::read(bytes, reading),
            Self::Pretix => pretix_log::read(bytes, reading),
            Self::Table => attendance_table::read(bytes, reading),
            Self::Words => words_table::read(bytes, reading),
        }
    }
}

/// The format of a file of attendance, by what it holds; none where it shows nothing of it.
pub fn detect_attendance(bytes: &[u8]) -> Option<AttendanceFormat> {
    if super::workbook::is_archive(bytes) {
        return Some(AttendanceFormat::Table);
    }
    let text = text::decode(bytes, "").ok()?;
    let start = text.trim_start();
    if start.starts_with(['{', '[']) {
        return json::detect(start);
    }
    if bigbluebutton::looks_so(start) {
        return Some(AttendanceFormat::BigBlueButton);
    }
    [
        (zoom::looks_so as fn(&str) -> bool, AttendanceFormat::Zoom),
        (teams::looks_so, AttendanceFormat::Teams),
        (pretix_log::looks_so, AttendanceFormat::Pretix),
        (words_table::looks_so, AttendanceFormat::Words),
        (attendance_table::looks_so, AttendanceFormat::Table),
    ]
    .into_iter()
    .find(|(looks_so, _)| looks_so(start))
    .map(|(_, format)| format)
}
