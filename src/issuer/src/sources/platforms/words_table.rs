//! Our own table of a person's words: that somebody attended a session, or did not.
//!
//! One row is one word about one person and one session, with why and when. Whoever imports it answers for it by name.
//! Columns in [`COLUMNS`]; text or a sheet of a workbook.

use attendance::time::Interval;
use attendance::words::{AttendeeId, SessionId, Source};
use protocol::signals::RowKind;
use protocol::subject::EMAIL;

use super::draft::{Draft, digest};
use super::report::has_header;
use super::when::Clock;
use super::{Attendance, Reading};
use crate::sources::columns::{Column, optional, required};
use crate::sources::field;
use crate::sources::observed::{Label, Observed, Place, Seen, Subject, Where};
use crate::sources::problem::{ImportError, ImportReport};
use crate::sources::table::{self, Row};

/// The system of what a person says.
pub const SYSTEM: &str = "manual";
/// Values of these columns are never shown in a problem.
const SECRET: &[&str] = &["email"];
/// Longest reason, in characters.
const MAX_REASON_CHARS: usize = 64;

/// Columns of a table of words, one a row.
pub const COLUMNS: &[Column] = &[
    optional(
        "attendee",
        "a-7k2m9q",
        "The attendee's pseudonym, as staff pages and reports show it. Either this or email.",
    ),
    optional(
        "email",
        "zoe@example.org",
        "The address of their registration. Either this or attendee.",
    ),
    required(
        "session",
        "keynote-1",
        "Id of the session, as the agenda has it.",
    ),
    required(
        "word",
        "confirmed",
        "confirmed: they attended it whole; denied: they did not.",
    ),
    required(
        "reason",
        "seen_by_moderator",
        "Why, as a code of small letters, digits and _, at most 64; it stands in the evidence, so nothing personal.",
    ),
    required(
        "when",
        "2026-10-31T10:05",
        "When it was said or seen: with an offset, or local to the event's zone.",
    ),
];

/// A table to start from.
pub const TEMPLATE: &str = "\
attendee,email,session,word,reason,when
,zoe@example.org,keynote-1,confirmed,seen_by_moderator,2026-10-31T10:05
a-7k2m9q,,workshop-1,denied,left_early,2026-10-31T12:10-04:00
";

pub(super) fn looks_so(text: &str) -> bool {
    has_header(text, |names| {
        ["word", "session"]
            .iter()
            .all(|name| names.iter().any(|n| n == name))
    })
}

/// Reads a table. Local times are in the zone of the reading, which is the event's unless somebody gives another.
///
/// # Errors
/// See [`super::AttendanceFormat::read`].
pub fn read(bytes: &[u8], reading: &Reading<'_>) -> Result<ImportReport<Attendance>, ImportError> {
    let mut draft = Draft::new(SYSTEM, Source::Person, reading);
    let grid = table::grid(bytes, reading.sheet, COLUMNS)?;
    let table = table::rows(grid, COLUMNS, SECRET, &mut draft.findings)?;
    draft.findings.problems_refuse_rows();
    let times = table.rows.iter().map(|row| row.cell("when"));
    let clock = Clock::new(reading)
        .with_order_of(times)
        .with_default_error(0);
    for row in &table.rows {
        match word(row, clock, &draft) {
            Ok(observed) => draft.push(observed)?,
            Err((column, wrong)) => draft.refuse_cell(&Where::line(row.line), column, wrong),
        }
    }
    draft.finish()
}

fn word(row: &Row, clock: Clock, draft: &Draft<'_>) -> Result<Observed, (&'static str, String)> {
    let (attendee, email) = (row.cell("attendee"), row.cell("email"));
    let who = "either attendee or email must say who it is, and not both";
    let (attendee, subjects) = match (attendee, email) {
        ("", "") => return Err(("attendee", format!("is empty, and so is email; {who}"))),
        (id, "") => {
            let id =
                AttendeeId::new(id).map_err(|_| ("attendee", "is no attendee's id".to_owned()))?;
            (Some(id), Vec::new())
        }
        ("", address) => {
            if let Some(wrong) = field::email_problem(address) {
                return Err(("email", wrong));
            }
            (None, vec![Subject::new(EMAIL, address)])
        }
        _ => return Err(("email", format!("is filled in, and so is attendee; {who}"))),
    };
    let session = SessionId::new(row.cell("session"));
    let session = session.map_err(|_| {
        let wrong = field::id_problem(row.cell("session"));
        ("session", wrong.unwrap_or_else(|| "is no id".to_owned()))
    })?;
    let kind = match row.cell("word").to_lowercase().as_str() {
        "confirmed" => RowKind::Confirmed,
        "denied" => RowKind::Denied,
        _ => {
            return Err((
                "word",
                "is none of the words that are known: write confirmed or denied".to_owned(),
            ));
        }
    };
    let reason = row.cell("reason");
    let is_code = reason.len() <= MAX_REASON_CHARS
        && reason
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_code {
        let wrong = format!(
            "is no code: write small letters, digits and _, at most {MAX_REASON_CHARS}, such as seen_by_moderator"
        );
        return Err(("reason", wrong));
    }
    let at: Interval = clock
        .read(row.cell("when"))
        .map_err(|wrong| ("when", wrong))?;
    let place = Place::Session(session);
    let of = attendee.as_ref().map_or_else(
        || digest(&[&email.to_ascii_lowercase()]),
        ToString::to_string,
    );
    let key = draft.key(&place, &[&of, kind.as_str(), reason], at);
    let label = (!email.is_empty()).then(|| Label {
        name: None,
        email: Some(email.to_owned()),
    });
    Ok(Observed {
        subjects,
        attendee,
        label,
        place,
        device: None,
        seen: Seen::Plain(kind),
        at,
        reason: Some(reason.to_owned()),
        key,
        row: Where::line(row.line),
    })
}
