//! Our CSV of sessions. One row a session, columns in [`AGENDA_COLUMNS`](super::AGENDA_COLUMNS); rows in any order.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::agenda_checks::{self, Place};
use super::columns::AGENDA_COLUMNS;
use super::problem::{Findings, ImportError, ImportReport, Problem};
use super::table::{self, Grid, Row};
use super::{AgendaImport, RoomRow, SessionRow, field, local_time};

/// What a session is if its row does not say.
const DEFAULT_KIND: &str = "talk";

/// Reads an agenda. Local times are in `zone`, the event's.
///
/// # Errors
/// [`ImportError`] with every problem found; nothing is to be imported then.
pub fn read(bytes: &[u8], zone: Tz) -> Result<ImportReport<AgendaImport>, ImportError> {
    read_sheet(bytes, None, zone)
}

/// The same of one sheet of a workbook; without a name of the first.
///
/// # Errors
/// As [`read`].
pub fn read_sheet(
    bytes: &[u8],
    sheet: Option<&str>,
    zone: Tz,
) -> Result<ImportReport<AgendaImport>, ImportError> {
    of_grid(table::grid(bytes, sheet, AGENDA_COLUMNS)?, zone)
}

/// Reads an agenda whose cells were taken out of whatever file they were in.
pub(super) fn of_grid(grid: Grid, zone: Tz) -> Result<ImportReport<AgendaImport>, ImportError> {
    let mut findings = Findings::default();
    let table = table::rows(grid, AGENDA_COLUMNS, &[], &mut findings)?;
    let mut lines_of_ids: BTreeMap<&str, u64> = BTreeMap::new();
    let mut titles: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
    let mut rooms: BTreeMap<&str, String> = BTreeMap::new();
    let mut sessions = Vec::new();
    let mut places = Vec::new();
    for row in &table.rows {
        let (id, room) = (row.cell("session"), row.cell("room"));
        if let Some(first) = lines_of_ids.insert(id, row.line) {
            let message = format!(
                "rows {first} and {} have the same id; give each session its own",
                row.line
            );
            findings.problem(Problem::of_cell(row.line, "session", id, message));
        }
        rooms.entry(room).or_insert_with(|| room.to_owned());
        let title = row.cell("room_title");
        if !title.is_empty() {
            let (first, known) = *titles.entry(room).or_insert((row.line, title));
            if known != title {
                let message = format!(
                    "the room is called \"{known}\" in row {first}; use one title for one room"
                );
                findings.problem(Problem::of_cell(row.line, "room_title", title, message));
            }
            rooms.insert(room, known.to_owned());
        }
        if let Some(session) = session(row, zone, &mut findings) {
            sessions.push(session);
            places.push(Place::Row(row.line));
        }
    }
    let rooms = rooms
        .into_iter()
        .map(|(id, title)| RoomRow {
            id: id.to_owned(),
            title,
        })
        .collect();
    let agenda = AgendaImport {
        version_label: None,
        zone: None,
        rooms,
        sessions,
    };
    let agenda = agenda_checks::finish(agenda, places, ("start", "room"), &mut findings);
    findings.finish(agenda)
}

/// One row; none, with the problems noted, if any of its cells is wrong.
fn session(row: &Row, zone: Tz, findings: &mut Findings) -> Option<SessionRow> {
    let mut good = true;
    for column in ["session", "room", "programme", "kind"] {
        let cell = row.cell(column);
        if let Some(wrong) = Some(cell)
            .filter(|c| !c.is_empty())
            .and_then(field::id_problem)
        {
            findings.problem(Problem::of_cell(row.line, column, cell, wrong));
            good = false;
        }
    }
    let language = row.cell("language");
    if let Some(wrong) = Some(language)
        .filter(|l| !l.is_empty())
        .and_then(field::language_problem)
    {
        findings.problem(Problem::of_cell(row.line, "language", language, wrong));
        good = false;
    }
    let credit_value = match row.cell("credit_value") {
        "" => None,
        text => match field::credit_value(text) {
            Ok(value) => Some(value),
            Err(wrong) => {
                findings.problem(Problem::of_cell(row.line, "credit_value", text, wrong));
                return None;
            }
        },
    };
    let start_utc_ms = time(row, "start", zone, findings);
    let end_utc_ms = time(row, "end", zone, findings);
    let (start_utc_ms, end_utc_ms) = (start_utc_ms?, end_utc_ms?);
    if end_utc_ms <= start_utc_ms {
        let message = format!(
            "the session ends when or before it starts ({}); check both",
            row.cell("start")
        );
        findings.problem(Problem::of_cell(row.line, "end", row.cell("end"), message));
        return None;
    }
    good.then(|| SessionRow {
        id: row.cell("session").to_owned(),
        title: row.cell("title").to_owned(),
        room: row.cell("room").to_owned(),
        start_utc_ms,
        end_utc_ms,
        programme: filled(row.cell("programme")),
        kind: filled(row.cell("kind")).unwrap_or_else(|| DEFAULT_KIND.to_owned()),
        credit_value,
        language: filled(language),
    })
}

fn time(row: &Row, column: &str, zone: Tz, findings: &mut Findings) -> Option<i64> {
    let cell = row.cell(column);
    match local_time::instant(cell, zone) {
        Ok(instant) => {
            if let Some(local) = instant.odd_offset {
                let message =
                    format!("the offset is not the event's at that time; people will see {local}");
                findings.warn(Problem::of_cell(row.line, column, cell, message));
            }
            Some(instant.utc_ms)
        }
        Err(wrong) => {
            findings.problem(Problem::of_cell(row.line, column, cell, wrong));
            None
        }
    }
}

fn filled(cell: &str) -> Option<String> {
    (!cell.is_empty()).then(|| cell.to_owned())
}
