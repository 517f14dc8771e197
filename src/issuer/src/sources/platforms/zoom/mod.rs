//! Zoom: reports of participants, attendees and polls as CSV, pages of the report interface, and messages.
//!
//! Each rejoin is a row of its own. A CSV has no time zone and is local to whoever exported it. Who only waited outside
//! (`In Waiting Room`, `status` of the interface) was not there and is left out; reports of unique users hold sums without
//! times and are refused with what to export instead. Accounts: the key that the organiser gave each person (`external`),
//! Zoom's account (`zoom`), the registration (`zoom-registrant`), the address.

mod hook;
mod pages;
mod polls;
mod reports;

#[cfg(test)]
mod tests;

pub use hook::{
    SIGNATURE_WINDOW_S, SignatureFault, UrlValidation, check_signature, url_validation,
};

use attendance::words::Source;

use super::draft::Draft;
use super::{Attendance, Reading};
use crate::sources::problem::{ImportError, ImportReport};
use crate::sources::text;

/// The system of what is read here.
pub const SYSTEM: &str = "zoom";
/// The system of registrations for one meeting.
pub const REGISTRANT: &str = "zoom-registrant";
/// The key that an organiser's own system gave somebody.
pub const EXTERNAL: &str = "external";
const EXPORT_AGAIN: &str = "in Zoom's reports export the participants of the meeting again, with \"show unique users\" off, or the attendee \
                            report of a webinar, and import that file unchanged";

/// Whether a text looks like one of Zoom's reports.
pub(super) fn looks_so(text: &str) -> bool {
    reports::looks_so(text) || polls::looks_so(text)
}

/// Reads a report, pages or messages.
///
/// # Errors
/// See [`super::AttendanceFormat::read`].
pub fn read(bytes: &[u8], reading: &Reading<'_>) -> Result<ImportReport<Attendance>, ImportError> {
    let mut draft = Draft::new(SYSTEM, Source::Platform, reading);
    let decoded = text::decode(bytes, EXPORT_AGAIN)?;
    if decoded.trim_start().starts_with(['{', '[']) {
        pages::read(bytes, reading, &mut draft)?;
    } else if polls::looks_so(&decoded) {
        polls::read(bytes, reading, &mut draft)?;
    } else {
        reports::read(bytes, reading, &mut draft)?;
    }
    draft.finish()
}

/// A meeting's number as agendas name its channel: Zoom writes `123 4567 890` for people.
fn meeting_number(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
