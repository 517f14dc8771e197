//! Reports of participants and of a webinar's attendees, as CSV.

use super::super::Reading;
use super::super::draft::{Draft, Person, Stay};
use super::super::report::{Columns, Report, has_header};
use super::super::when::Clock;
use super::{EXPORT_AGAIN, meeting_number};
use crate::sources::observed::Where;
use crate::sources::problem::{ImportError, Problem};

const NAME: &[&str] = &[
    "name (original name)",
    "user name (original name)",
    "name",
    "user name",
];
const EMAIL: &[&str] = &["user email", "email", "email address"];
const JOIN: &[&str] = &["join time"];
const LEAVE: &[&str] = &["leave time"];
const MEETING: &[&str] = &["meeting id", "webinar id"];
const MINUTES: &[&str] = &["duration (minutes)", "time in session (minutes)"];
/// How far a stay's own length may be from its minutes, which are rounded up.
const SLACK_MS: i64 = 120_000;

fn is_participants(names: &[String]) -> bool {
    let has = |wanted: &[&str]| wanted.iter().any(|name| names.iter().any(|n| n == name));
    has(NAME) && has(JOIN) && has(LEAVE) && (has(MINUTES) || has(&["attended"]))
}

/// The report of unique users: how long, and not when.
fn is_summed(names: &[String]) -> bool {
    names.iter().any(|name| name == "total duration (minutes)")
}

fn is_one_of_these(names: &[String]) -> bool {
    is_participants(names) || is_summed(names)
}

pub(super) fn looks_so(text: &str) -> bool {
    has_header(text, is_one_of_these)
}

/// What stands before the rows of a section.
struct Section<'r> {
    columns: Columns,
    meeting: Option<&'r str>,
}

pub(super) fn read(
    bytes: &[u8],
    reading: &Reading<'_>,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let report = Report::read(bytes, is_one_of_these, EXPORT_AGAIN)?;
    let mut meeting = None;
    let mut preamble: Option<Columns> = None;
    let mut section: Option<Columns> = None;
    let mut found: Vec<(u64, &[String], usize)> = Vec::new();
    let mut sections: Vec<Section<'_>> = Vec::new();
    for (line, cells) in &report.rows {
        let columns = Columns::of(cells);
        let names = super::super::report::names(cells);
        if is_summed(&names) {
            let message = format!(
                "the report holds only how long each person was there, not when, and credit needs the times; {EXPORT_AGAIN}"
            );
            return Err(Problem::of_row(*line, message).into());
        }
        if is_participants(&names) {
            sections.push(Section { columns, meeting });
            section = None;
            preamble = None;
        } else if columns.has(MEETING) && !columns.has(JOIN) {
            preamble = Some(columns);
            section = None;
        } else if is_title(cells) {
            section = None;
            preamble = None;
        } else if let Some(columns) = preamble.take() {
            meeting = columns.cell(cells, MEETING);
            section = Some(columns);
        } else if section.is_none() && !sections.is_empty() {
            found.push((*line, cells, sections.len() - 1));
        }
    }
    let times: Vec<&str> = found
        .iter()
        .filter_map(|(_, cells, section)| Some((*cells, &sections.get(*section)?.columns)))
        .flat_map(|(cells, columns)| [columns.cell(cells, JOIN), columns.cell(cells, LEAVE)])
        .flatten()
        .collect();
    let clock = Clock::new(reading).with_order_of(times.iter().copied());
    clock.check_can_read(times)?;
    let mut stays = Vec::new();
    for (line, cells, section) in found {
        let Some(section) = sections.get(section) else {
            continue;
        };
        stays.extend(stay(cells, line, section, clock, draft));
    }
    draft.stays(stays)
}

/// The line above a section: `Attendee Details`.
fn is_title(cells: &[String]) -> bool {
    let mut filled = cells.iter().filter(|cell| !cell.trim().is_empty());
    filled
        .next()
        .is_some_and(|title| title.trim().ends_with(" Details") || title.trim() == "Other Attended")
        && filled.next().is_none()
}

/// One row; none where it is no stay, or refused.
fn stay(
    cells: &[String],
    line: u64,
    section: &Section<'_>,
    clock: Clock,
    draft: &mut Draft<'_>,
) -> Option<Stay> {
    let columns = &section.columns;
    let at = Where::line(line);
    let yes = |name: &str| {
        columns
            .cell(cells, &[name])
            .is_some_and(|cell| cell.eq_ignore_ascii_case("yes"))
    };
    let shown = format!("row {line}");
    if columns.has(&["attended"]) && !yes("attended") {
        draft
            .findings
            .leave_out("people who registered and did not attend", &shown);
        return None;
    }
    if yes("in waiting room") {
        draft
            .findings
            .leave_out("stays in the waiting room", &shown);
        return None;
    }
    let meeting = columns
        .cell(cells, MEETING)
        .or(section.meeting)
        .map(meeting_number);
    let place = match draft.place(meeting.as_deref()) {
        Ok(place) => place?,
        Err(wrong) => {
            draft
                .findings
                .problem(Problem::of_file(format!("the report {wrong}")));
            return None;
        }
    };
    let mut time = |names: &[&str]| {
        let cell = columns.cell(cells, names)?;
        match clock.read(cell) {
            Ok(at) => Some(Ok(at)),
            Err(wrong) => {
                draft.refuse_cell(&at, names.first().copied().unwrap_or_default(), wrong);
                Some(Err(()))
            }
        }
    };
    let (joined, left) = match (time(JOIN), time(LEAVE)) {
        (Some(Ok(joined)), Some(Ok(left))) => (joined, Some(left)),
        (Some(Ok(joined)), None) => (joined, None),
        (None, _) => {
            draft.refuse_cell(&at, "join time", "is empty; correct the row at its source");
            return None;
        }
        _ => return None,
    };
    let minutes = columns
        .cell(cells, MINUTES)
        .and_then(|cell| cell.parse::<u32>().ok());
    if let (Some(minutes), Some(left)) = (minutes, left) {
        let stated_ms = i64::from(minutes) * 60_000;
        let stayed_ms = left.earliest.0.saturating_sub(joined.earliest.0);
        if stayed_ms >= 0 && (stated_ms - stayed_ms).abs() > SLACK_MS {
            let wrong = format!(
                "says {minutes} minutes, but from join to leave it is {}; one of them is wrong, so correct the row at its source",
                stayed_ms / 60_000
            );
            draft.refuse_cell(&at, MINUTES.first().copied().unwrap_or_default(), wrong);
            return None;
        }
    }
    let person = Person::named(columns.cell(cells, NAME).unwrap_or_default());
    Some(Stay {
        person: person.address(columns.cell(cells, EMAIL)),
        place,
        joined: Some(joined),
        left,
        device: None,
        at,
    })
}
