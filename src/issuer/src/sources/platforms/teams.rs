//! Microsoft Teams: attendance reports of both generations, and attendance records of Graph.
//!
//! A report of the present generation numbers its sections; what counts is `3. In-Meeting Activities`, one row for each time
//! somebody was there. Where it is missing, a row of `2. Participants` is taken only if its length says that nobody left in
//! between. A report of 2020 lists `Joined` and `Left`, and people by name alone. Both are local to whoever exported them, in
//! UTF-16 with tabs as a rule; in UTF-8 or with commas once somebody saved them. Headers are read in English, since words
//! that are not known would be guessed at. Accounts: the user's principal name or, in Graph, id (`teams`), the address;
//! of somebody marked `(Unverified)` neither.

use attendance::time::Interval;
use attendance::words::Source;
use serde_json::Value;

use super::draft::{Draft, Person, Stay};
use super::json::{inside, list, text, time};
use super::report::{Columns, Report, has_header, names};
use super::when::Clock;
use super::{Attendance, Reading};
use crate::sources::json_pages;
use crate::sources::observed::Where;
use crate::sources::problem::{ImportError, ImportReport, Problem};
use crate::sources::text as text_of_file;

/// The system of what is read here.
pub const SYSTEM: &str = "teams";
const EXPORT_AGAIN: &str = "in Teams set the language to English, download the attendance report of the meeting again, and import that file \
                            unchanged";
const SAVE_AGAIN: &str = "save /onlineMeetings/…/attendanceReports/…/attendanceRecords again, each page whole, and import that file unchanged";
/// How far a length may be from what its times say.
const SLACK_MS: i64 = 2_000;
const UNVERIFIED: &str = "(unverified)";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    /// One row a person.
    Participants,
    /// One row a stay.
    Activities,
    /// One row a join or leave.
    Actions,
}

impl Section {
    fn of(names: &[String]) -> Option<Self> {
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        if has("full name") && has("user action") && has("timestamp") {
            Some(Self::Actions)
        } else if has("name") && has("first join") && has("last leave") {
            Some(Self::Participants)
        } else if has("name") && has("join time") && has("leave time") && has("duration") {
            Some(Self::Activities)
        } else {
            None
        }
    }
}

fn is_header(names: &[String]) -> bool {
    Section::of(names).is_some()
}

pub(super) fn looks_so(text: &str) -> bool {
    has_header(text, is_header) || text.starts_with("1. Summary")
}

/// Reads a report, or records of Graph.
///
/// # Errors
/// See [`super::AttendanceFormat::read`].
pub fn read(bytes: &[u8], reading: &Reading<'_>) -> Result<ImportReport<Attendance>, ImportError> {
    let mut draft = Draft::new(SYSTEM, Source::Platform, reading);
    let decoded = text_of_file::decode(bytes, EXPORT_AGAIN)?;
    if decoded.trim_start().starts_with(['{', '[']) {
        graph(bytes, reading, &mut draft)?;
    } else {
        report(bytes, reading, &mut draft)?;
    }
    draft.finish()
}

fn report(bytes: &[u8], reading: &Reading<'_>, draft: &mut Draft<'_>) -> Result<(), ImportError> {
    let report = Report::read(bytes, is_header, EXPORT_AGAIN)?;
    let mut rows = Vec::new();
    let mut section: Option<(Section, usize)> = None;
    let mut headers: Vec<Columns> = Vec::new();
    for (line, cells) in &report.rows {
        if let Some(found) = Section::of(&names(cells)) {
            headers.push(Columns::of(cells));
            section = Some((found, headers.len() - 1));
        } else if is_title(cells) {
            section = None;
        } else if let Some((section, header)) = section {
            rows.push((*line, cells, section, header));
        }
    }
    let has_activities = rows
        .iter()
        .any(|(_, _, section, _)| *section == Section::Activities);
    // The participants' section says the same again.
    rows.retain(|(_, _, section, _)| !has_activities || *section != Section::Participants);
    let times: Vec<&str> = rows
        .iter()
        .filter_map(|(_, cells, _, header)| headers.get(*header).map(|h| (h, cells)))
        .flat_map(|(header, cells)| {
            let columns = [
                &["join time", "first join", "timestamp"],
                &["leave time", "last leave", "-"],
            ];
            columns
                .into_iter()
                .filter_map(move |names| header.cell(cells, names))
        })
        .collect();
    let clock = Clock::new(reading).with_order_of(times.iter().copied());
    clock.check_can_read(times)?;
    let mut stays = Vec::new();
    for (line, cells, section, header) in rows {
        let Some(columns) = headers.get(header) else {
            continue;
        };
        let at = Where::line(line);
        let place = draft
            .place(None)
            .map_err(|wrong| Problem::of_file(format!("the report {wrong}")))?;
        let Some(place) = place else { continue };
        let read = match section {
            Section::Actions => action(columns, cells, clock),
            Section::Activities => stay(
                columns,
                cells,
                clock,
                ("join time", "leave time", "duration"),
            ),
            Section::Participants => {
                let names = ("first join", "last leave", "in-meeting duration");
                stay(columns, cells, clock, names).and_then(whole)
            }
        };
        match read {
            Ok((joined, left, _)) => stays.push(Stay {
                person: person(columns, cells),
                place,
                joined,
                left,
                device: None,
                at,
            }),
            Err((column, wrong)) => draft.refuse_cell(&at, column, wrong),
        }
    }
    if stays.iter().any(|stay| stay.joined.is_none()) {
        return pair(stays, draft);
    }
    draft.stays(stays)
}

/// `2. Participants`.
fn is_title(cells: &[String]) -> bool {
    let mut filled = cells.iter().filter(|cell| !cell.trim().is_empty());
    let first = filled.next().map(|cell| cell.trim());
    let is_numbered = first
        .and_then(|title| title.split_once(". "))
        .is_some_and(|(number, _)| {
            !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
        });
    is_numbered && filled.next().is_none()
}

/// A join, a leave and how long it is said to have been, in milliseconds.
type Times = (Option<Interval>, Option<Interval>, Option<i64>);
/// The column, and what is wrong with it.
type Wrong = (&'static str, String);

fn stay(
    columns: &Columns,
    cells: &[String],
    clock: Clock,
    (join, leave, length): (&'static str, &'static str, &'static str),
) -> Result<Times, Wrong> {
    let read = |column: &'static str| {
        let cell = columns.cell(cells, &[column]);
        cell.map(|cell| clock.read(cell).map_err(|wrong| (column, wrong)))
            .transpose()
    };
    let joined = read(join)?;
    if joined.is_none() {
        return Err((join, "is empty; correct the row at its source".to_owned()));
    }
    let left = read(leave)?;
    let stated_ms = match columns.cell(cells, &[length]) {
        None => None,
        Some(cell) => {
            Some(length_ms(cell).ok_or((length, "is no length such as 59m 13s".to_owned()))?)
        }
    };
    if let (Some(joined), Some(left), Some(stated_ms)) = (joined, left, stated_ms) {
        let stayed_ms = left.earliest.0.saturating_sub(joined.earliest.0);
        if stayed_ms >= 0 && stated_ms > stayed_ms + SLACK_MS {
            let wrong = format!(
                "says {} seconds, but from join to leave it is {}; correct the row at its source",
                stated_ms / 1_000,
                stayed_ms / 1_000
            );
            return Err((length, wrong));
        }
    }
    Ok((joined, left, stated_ms))
}

/// A row of first and last only: taken where nobody can have left in between.
fn whole((joined, left, stated_ms): Times) -> Result<Times, Wrong> {
    if let (Some(joined), Some(left), Some(stated_ms)) = (joined, left, stated_ms) {
        let span_ms = left.earliest.0.saturating_sub(joined.earliest.0);
        if (span_ms - stated_ms).abs() <= SLACK_MS {
            return Ok((Some(joined), Some(left), Some(stated_ms)));
        }
    }
    let wrong = "is shorter than from first join to last leave, so there was a gap that the file does not show; export the report with its \
                 section of in-meeting activities";
    Err(("in-meeting duration", wrong.to_owned()))
}

/// `1h 2m 3s`, any part alone.
fn length_ms(text: &str) -> Option<i64> {
    let mut total_s = 0_i64;
    for part in text.split_whitespace() {
        let unit_at = part
            .len()
            .checked_sub(1)
            .filter(|at| part.is_char_boundary(*at))?;
        let (number, unit) = part.split_at(unit_at);
        let unit_s = match unit {
            "d" => 86_400,
            "h" => 3_600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        let number = number.parse::<u32>().ok()?;
        total_s = total_s.checked_add(i64::from(number).checked_mul(unit_s)?)?;
    }
    (!text.trim().is_empty()).then(|| total_s.saturating_mul(1_000))
}

/// A join or a leave of the older report.
fn action(columns: &Columns, cells: &[String], clock: Clock) -> Result<Times, Wrong> {
    let moment = columns.cell(cells, &["timestamp"]).unwrap_or_default();
    let moment = clock.read(moment).map_err(|wrong| ("timestamp", wrong))?;
    let word = columns.cell(cells, &["user action"]).unwrap_or_default();
    match word.to_lowercase().as_str() {
        // Who was there when the list began is listed as having joined before.
        "joined" | "joined before" => Ok((Some(moment), None, None)),
        "left" => Ok((None, Some(moment), None)),
        _ => Err((
            "user action",
            format!("is neither Joined nor Left; {EXPORT_AGAIN}"),
        )),
    }
}

fn person(columns: &Columns, cells: &[String]) -> Person {
    let name = columns
        .cell(cells, &["name", "full name"])
        .unwrap_or_default();
    let email = columns.cell(cells, &["email"]);
    let person = Person::named(name);
    if name.to_lowercase().contains(UNVERIFIED) {
        return person.shown_address(email);
    }
    let account = columns.cell(cells, &["participant id (upn)"]);
    person.account(SYSTEM, account).address(email)
}

/// Joins and leaves of the older report become stays: each leave ends the last join of its name that is open.
fn pair(actions: Vec<Stay>, draft: &mut Draft<'_>) -> Result<(), ImportError> {
    let mut open: std::collections::BTreeMap<String, Vec<usize>> =
        std::collections::BTreeMap::new();
    let mut stays: Vec<Stay> = Vec::new();
    for action in actions {
        let joins = open.entry(action.person.fingerprint()).or_default();
        match (action.joined, joins.pop()) {
            (Some(_), before) => {
                joins.extend(before);
                joins.push(stays.len());
                stays.push(action);
            }
            (None, Some(join)) => {
                if let Some(stay) = stays.get_mut(join) {
                    stay.left = action.left;
                }
            }
            (None, None) => stays.push(action),
        }
    }
    draft.stays(stays)
}

/// Records of Graph: a person, and each interval in which they were there.
fn graph(bytes: &[u8], reading: &Reading<'_>, draft: &mut Draft<'_>) -> Result<(), ImportError> {
    let clock = Clock::new(reading);
    let pages = json_pages::read(bytes, SAVE_AGAIN)?;
    let mut next = false;
    for entry in &pages.entries {
        let records = match entry.value.get("value") {
            Some(Value::Array(records)) => records.as_slice(),
            Some(_) => {
                return Err(Problem::at_path(
                    &entry.path,
                    "",
                    format!("value is no list; {SAVE_AGAIN}"),
                )
                .into());
            }
            None => std::slice::from_ref(&entry.value),
        };
        next = entry.value.get("@odata.nextLink").is_some();
        for (index, record) in records.iter().enumerate() {
            let path = match entry.value.get("value") {
                Some(_) => inside(&entry.path, &format!("value[{index}]")),
                None => entry.path.clone(),
            };
            record_of(record, &path, clock, draft)?;
        }
    }
    if next {
        draft.findings.warn(Problem::of_file(
            "the last page says that another follows (@odata.nextLink), which is not in the file; save and import it too",
        ));
    }
    Ok(())
}

fn record_of(
    record: &Value,
    path: &str,
    clock: Clock,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let place = draft
        .place(None)
        .map_err(|wrong| Problem::at_path(path, "", wrong))?;
    let Some(place) = place else { return Ok(()) };
    let read = || {
        let identity = record.get("identity").unwrap_or(&Value::Null);
        let name = text(identity, "displayName")?.unwrap_or_default();
        let account = text(identity, "id")?;
        let email = text(record, "emailAddress")?;
        let person = Person::named(&name)
            .account(SYSTEM, account.as_deref())
            .address(email.as_deref());
        Ok::<_, String>((person, list(record, "attendanceIntervals")?))
    };
    let (person, intervals) = match read() {
        Ok(read) => read,
        Err(wrong) => {
            draft.refuse(&Where::path(path), wrong);
            return Ok(());
        }
    };
    let mut stays = Vec::new();
    for (index, interval) in intervals.iter().enumerate() {
        let at = Where::path(format!("{path}.attendanceIntervals[{index}]"));
        let times = || {
            let joined = time(interval, "joinDateTime", clock)?.ok_or("joinDateTime is missing")?;
            Ok::<_, String>((joined, time(interval, "leaveDateTime", clock)?))
        };
        match times() {
            Ok((joined, left)) => stays.push(Stay {
                person: person.clone(),
                place: place.clone(),
                joined: Some(joined),
                left,
                device: None,
                at,
            }),
            Err(wrong) => draft.refuse(&at, wrong),
        }
    }
    draft.stays(stays)
}
