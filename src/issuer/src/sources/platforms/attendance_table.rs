//! Our own table of joins and leaves, for whatever platform or app can be brought into it.
//!
//! One row is one stay of one person by one device. Columns in [`COLUMNS`]; text or a sheet of a workbook.

use attendance::time::Interval;
use attendance::words::Source;

use super::draft::{Draft, Person, Stay};
use super::report::has_header;
use super::when::Clock;
use super::{Attendance, Reading};
use crate::sources::columns::{Column, optional, required};
use crate::sources::observed::Where;
use crate::sources::problem::{ImportError, ImportReport, Problem};
use crate::sources::table::{self, Row};

/// The system of a table whose caller names none.
pub const SYSTEM: &str = "table";
/// The ids that the organiser's own systems give people.
pub const EXTERNAL: &str = "external";
/// Values of these columns are never shown in a problem.
const SECRET: &[&str] = &["id", "email", "name"];

/// Columns of a table of attendance, one stay a row.
pub const COLUMNS: &[Column] = &[
    optional(
        "channel",
        "main-stream",
        "What it was: the platform's name of the meeting or stream. Leave it out where --channel says it for all rows.",
    ),
    optional(
        "id",
        "crm-10042",
        "The person's id in a system whose ids the registrations list (external); this says who it is, before the address.",
    ),
    optional(
        "email",
        "zoe@example.org",
        "E-mail address that the platform verified, or that you know to be theirs.",
    ),
    optional(
        "name",
        "Zoë Łukasik",
        "Name as the platform shows it, for a reviewer; nobody is known by a name alone.",
    ),
    optional(
        "device",
        "web-1",
        "Id of the device or connection, where one person can be there by several at once.",
    ),
    required(
        "joined",
        "2026-10-31T09:01:12",
        "When they came, to the second where it is known: with an offset (2026-10-31T09:01:12-04:00, 2026-10-31T13:01:12Z), or local to \
         the zone that --zone gives.",
    ),
    optional(
        "left",
        "2026-10-31T09:58:03",
        "When they left, written like joined; empty for whoever has not left yet.",
    ),
];

/// A table to start from.
pub const TEMPLATE: &str = "\
channel,id,email,name,device,joined,left
main-stream,crm-10042,zoe@example.org,Zoë Łukasik,web-1,2026-10-31T13:01:12Z,2026-10-31T13:20:00Z
main-stream,,mj@example.org,María-José García,,2026-10-31T09:05:00-04:00,
";

pub(super) fn looks_so(text: &str) -> bool {
    has_header(text, |names| names.iter().any(|name| name == "joined"))
}

/// Reads a table.
///
/// # Errors
/// See [`super::AttendanceFormat::read`].
pub fn read(bytes: &[u8], reading: &Reading<'_>) -> Result<ImportReport<Attendance>, ImportError> {
    let system = reading.system.unwrap_or(SYSTEM);
    let mut draft = Draft::new(system, Source::Platform, reading);
    let grid = table::grid(bytes, reading.sheet, COLUMNS)?;
    let table = table::rows(grid, COLUMNS, SECRET, &mut draft.findings)?;
    draft.findings.problems_refuse_rows();
    let times = table
        .rows
        .iter()
        .flat_map(|row| [row.cell("joined"), row.cell("left")]);
    let clock = Clock::new(reading).with_order_of(times);
    let mut stays = Vec::new();
    for row in &table.rows {
        let channel = Some(row.cell("channel")).filter(|channel| !channel.is_empty());
        let place = draft.place(channel).map_err(|wrong| {
            let wrong = format!("is empty, so the row {wrong}");
            Problem::of_cell(row.line, "channel", "", wrong)
        })?;
        let Some(place) = place else { continue };
        match times_of(row, clock) {
            Ok((joined, left)) => stays.push(Stay {
                person: person(row),
                place,
                joined: Some(joined),
                left,
                device: Some(row.cell("device"))
                    .filter(|d| !d.is_empty())
                    .map(str::to_owned),
                at: Where::line(row.line),
            }),
            Err((column, wrong)) => draft.refuse_cell(&Where::line(row.line), column, wrong),
        }
    }
    draft.stays(stays)?;
    draft.finish()
}

fn times_of(
    row: &Row,
    clock: Clock,
) -> Result<(Interval, Option<Interval>), (&'static str, String)> {
    let joined = clock
        .read(row.cell("joined"))
        .map_err(|wrong| ("joined", wrong))?;
    let left = match row.cell("left") {
        "" => None,
        left => Some(clock.read(left).map_err(|wrong| ("left", wrong))?),
    };
    Ok((joined, left))
}

fn person(row: &Row) -> Person {
    let filled = |column| Some(row.cell(column)).filter(|cell| !cell.is_empty());
    Person::named(row.cell("name"))
        .account(EXTERNAL, filled("id"))
        .address(filled("email"))
}
