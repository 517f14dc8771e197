//! Outside lists become the issuer's rows here, and nowhere else.
//!
//! Each reader takes the bytes of one file and the event's time zone and returns either its rows, with warnings, or an
//! [`ImportError`] that lists what is wrong, where, and what to do. There is no half result: one problem and nothing is
//! imported, so the caller writes what it gets in one transaction. Where a file holds what the public typed into a shop, a
//! row that is wrong by itself is refused alone, and named: whom it names stays as they are. What a file holds beside
//! (test orders, cancelled sessions) is left out and counted, never dropped in silence. Readers are pure: no clock, no
//! database, no network, and no input makes them panic.
//!
//! | kind | reader | format |
//! |---|---|---|
//! | agenda | [`agenda_csv`] | our CSV, columns in [`AGENDA_COLUMNS`] |
//! | agenda | [`frab`] | `schedule.json` as frab and pretalx export it |
//! | agenda | [`frab_xml`] | the same as `schedule.xml` |
//! | agenda | [`ical`] | iCalendar |
//! | agenda | [`pretalx`] | saved pages of pretalx's schedule, or of its slots, rooms and submissions |
//! | registrations | [`registrations_csv`] | our CSV, columns in [`REGISTRATIONS_COLUMNS`] |
//! | registrations | [`pretix`] | saved pages of pretix's orders or positions |
//! | registrations | [`pushed`] | bodies that other systems send |
//! | attendance | [`sent`] | bodies that other systems send |
//!
//! What sources of attendance give, and how their readers behave, [`observed`] says; [`platforms`] holds those readers.
//!
//! Our tables may be text or a sheet of a workbook, which [`workbook`] reads. [`detect`] tells formats apart by their content.
//!
//! Limits: [`MAX_IMPORT_BYTES`] a file, [`MAX_ROWS`] rows, [`MAX_FIELD_BYTES`] a field. Badge codes and e-mail addresses
//! never appear in problems, warnings or `Debug` output; the row number says where to look.

mod agenda_checks;
pub mod agenda_csv;
mod agenda_draft;
mod badge_strength;
mod columns;
mod field;
mod format;
pub mod frab;
pub mod frab_xml;
pub mod ical;
mod ical_lines;
mod ical_windows;
mod ical_zones;
mod ids;
mod json_pages;
mod local_time;
pub mod observed;
pub mod platforms;
pub mod pretalx;
pub mod pretix;
mod problem;
pub mod pushed;
pub mod registrations_csv;
pub mod sent;
pub mod speakers;
mod table;
mod text;
mod ticket_key;
mod workbook;
mod xml_shape;

#[cfg(test)]
mod tests;

pub use columns::{
    AGENDA_COLUMNS, Column, ImportKind, REGISTRATIONS_COLUMNS, columns, describe, describe_columns,
    template,
};
pub use format::{SOURCE_FORMATS, SourceFormat, detect};
pub use ids::{MAX_ID_CHARS, is_id};
pub use local_time::{UnknownZone, zone_named};
pub use problem::{ImportError, ImportReport, LeftOut, MAX_LISTED, Problem, json_place};
pub use ticket_key::{NoTicketKey, ticket_key};

use std::fmt;

/// Largest file read, in bytes: 100,000 registrations of 160 bytes fit.
pub const MAX_IMPORT_BYTES: usize = 16 * 1024 * 1024;
/// Most rows of one file.
pub const MAX_ROWS: usize = 100_000;
/// Longest field, in bytes of UTF-8. A ledger entry has 4 KiB for everything, and a certificate must print it.
pub const MAX_FIELD_BYTES: usize = 1_000;

/// A whole agenda, as one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgendaImport {
    /// What the source calls this version (`v1.1`); none from a CSV file.
    pub version_label: Option<String>,
    /// The IANA time zone that the source names; none from a CSV file.
    pub zone: Option<String>,
    /// Every room a session is in, or that the source lists, by id.
    pub rooms: Vec<RoomRow>,
    /// Sessions by start, then id.
    pub sessions: Vec<SessionRow>,
}

/// One room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRow {
    /// `[a-z0-9-]{1,64}`.
    pub id: String,
    /// For people.
    pub title: String,
}

/// One session with its scheduled window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// `[a-z0-9-]{1,64}`, unique in the agenda.
    pub id: String,
    /// For people.
    pub title: String,
    /// Id of a row of [`AgendaImport::rooms`].
    pub room: String,
    /// Scheduled start, UTC milliseconds.
    pub start_utc_ms: i64,
    /// Scheduled end, UTC milliseconds, later than the start.
    pub end_utc_ms: i64,
    /// Programme that credits the session, `[a-z0-9-]{1,64}`; none for the event's own.
    pub programme: Option<String>,
    /// What sort of session, `[a-z0-9-]{1,64}`: `talk`, `workshop`, `break`; rules may refer to it.
    pub kind: String,
    /// Credit value as stated: a plain decimal with a point, no sign, no superfluous zeros; none if not stated.
    pub credit_value: Option<String>,
    /// Language tag of the session; none if not stated.
    pub language: Option<String>,
}

/// Every registration of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationsImport {
    /// In the order of the file.
    pub rows: Vec<RegistrationRow>,
}

/// One registration with its badge. `Debug` prints nothing personal and no badge code.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistrationRow {
    /// Line of the file, from 1; the header is a line.
    pub line: u64,
    /// Badge code as printed in the badge's QR or barcode, canonical as `protocol::badge` has it. A secret: it opens the attendee's row.
    pub badge: String,
    /// Full name, any script.
    pub name: String,
    /// E-mail address; private.
    pub email: Option<String>,
    /// Employer or association.
    pub organisation: Option<String>,
    /// Language tag the attendee reads.
    pub language: Option<String>,
    /// Start of validity, UTC milliseconds; none for no bound.
    pub valid_from_utc_ms: Option<i64>,
    /// End of validity (exclusive), UTC milliseconds; none for no bound.
    pub valid_until_utc_ms: Option<i64>,
    /// Whether the registration is cancelled.
    pub cancelled: bool,
}

impl fmt::Debug for RegistrationRow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RegistrationRow")
            .field("line", &self.line)
            .field("cancelled", &self.cancelled)
            .finish_non_exhaustive()
    }
}
