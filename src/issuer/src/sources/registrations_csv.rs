//! Our CSV of registrations. One row a badge, columns in [`REGISTRATIONS_COLUMNS`](super::REGISTRATIONS_COLUMNS).

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::badge_strength;
use super::columns::REGISTRATIONS_COLUMNS;
use super::local_time::{self, Instant};
use super::problem::{Findings, ImportError, ImportReport, Problem};
use super::table::{self, Grid, Row};
use super::{RegistrationRow, RegistrationsImport, field};

/// Values of these columns are never shown in a problem.
const SECRET: &[&str] = &["badge", "email", "name"];

/// Reads a list of registrations. Local times and days are in `zone`, the event's.
///
/// # Errors
/// [`ImportError`] with every problem found; nothing is to be imported then.
pub fn read(bytes: &[u8], zone: Tz) -> Result<ImportReport<RegistrationsImport>, ImportError> {
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
) -> Result<ImportReport<RegistrationsImport>, ImportError> {
    of_grid(table::grid(bytes, sheet, REGISTRATIONS_COLUMNS)?, zone)
}

/// Reads registrations whose cells were taken out of whatever file they were in.
pub(super) fn of_grid(
    grid: Grid,
    zone: Tz,
) -> Result<ImportReport<RegistrationsImport>, ImportError> {
    let mut findings = Findings::default();
    let table = table::rows(grid, REGISTRATIONS_COLUMNS, SECRET, &mut findings)?;
    let mut lines_of_badges: BTreeMap<&str, u64> = BTreeMap::new();
    let mut lines_of_names: BTreeMap<String, u64> = BTreeMap::new();
    let mut rows = Vec::new();
    for row in &table.rows {
        if let Some(first) = lines_of_badges.insert(row.cell("badge"), row.line) {
            let message = format!(
                "rows {first} and {} have the same badge code; one badge is one person",
                row.line
            );
            findings.problem(Problem::of_cell(row.line, "badge", "", message));
        }
        if let Some(first) = lines_of_names.insert(row.cell("name").to_lowercase(), row.line) {
            let message = format!(
                "rows {first} and {} have the same name; if it is one person with two badges, cancel one, since they are \
                 kept as two people",
                row.line
            );
            findings.warn(Problem::of_cell(row.line, "name", "", message));
        }
        rows.extend(registration(row, zone, &mut findings));
    }
    badge_strength::warn(&rows.iter().collect::<Vec<_>>(), "row", &mut findings);
    findings.finish(RegistrationsImport { rows })
}

/// One row; none, with the problems noted, if any of its cells is wrong.
fn registration(row: &Row, zone: Tz, findings: &mut Findings) -> Option<RegistrationRow> {
    let mut good = true;
    let mut wrong = |column: &str, value: &str, message: String| {
        findings.problem(Problem::of_cell(row.line, column, value, message));
        good = false;
    };
    let (badge, email, language, status) = (
        row.cell("badge"),
        row.cell("email"),
        row.cell("language"),
        row.cell("status"),
    );
    if let Some(message) = field::badge_problem(badge) {
        wrong("badge", "", message);
    }
    if let Some(message) = Some(email)
        .filter(|e| !e.is_empty())
        .and_then(field::email_problem)
    {
        wrong("email", "", message);
    }
    if let Some(message) = Some(language)
        .filter(|l| !l.is_empty())
        .and_then(field::language_problem)
    {
        wrong("language", language, message);
    }
    let cancelled = match status.to_lowercase().as_str() {
        "" | "active" => false,
        "cancelled" | "canceled" => true,
        _ => {
            wrong(
                "status",
                status,
                "is no status: write active or cancelled".to_owned(),
            );
            false
        }
    };
    let mut bound = |column: &str, whole_day: bool| match row.cell(column) {
        "" => None,
        text => match local_time::day_or_instant(text, zone, whole_day) {
            Ok(Instant { utc_ms, .. }) => Some(utc_ms),
            Err(message) => {
                wrong(column, text, message);
                None
            }
        },
    };
    let valid_from_utc_ms = bound("valid_from", false);
    let valid_until_utc_ms = bound("valid_until", true);
    if let (Some(from), Some(until)) = (valid_from_utc_ms, valid_until_utc_ms)
        && until <= from
    {
        let message = format!(
            "ends when or before valid_from ({}) begins; check both",
            row.cell("valid_from")
        );
        wrong("valid_until", row.cell("valid_until"), message);
    }
    good.then(|| RegistrationRow {
        line: row.line,
        badge: badge.to_owned(),
        name: row.cell("name").to_owned(),
        email: filled(email),
        organisation: filled(row.cell("organisation")),
        language: filled(language),
        valid_from_utc_ms,
        valid_until_utc_ms,
        cancelled,
    })
}

fn filled(cell: &str) -> Option<String> {
    (!cell.is_empty()).then(|| cell.to_owned())
}
