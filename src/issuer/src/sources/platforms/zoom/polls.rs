//! Reports of polls as CSV: who answered which question when.
//!
//! Behind the four columns that are named, questions and answers follow each other in pairs. A question is one poll; what
//! was answered is not read. The moment is that of the report's row, which Zoom writes once for all its answers.

use super::super::Reading;
use super::super::draft::{Draft, Person, digest};
use super::super::report::{Columns, Report, has_header, names};
use super::super::when::Clock;
use super::{EXPORT_AGAIN, meeting_number};
use crate::sources::observed::Where;
use crate::sources::problem::{ImportError, Problem};

const SUBMITTED: &[&str] = &["submitted date/time", "submitted date and time"];
const NAME: &[&str] = &["user name"];
const EMAIL: &[&str] = &["user email", "email address", "email"];
const MEETING: &[&str] = &["meeting id", "webinar id"];
/// Columns before the first question.
const NAMED_COLUMNS: usize = 4;
/// What stands where a poll was anonymous.
const ANONYMOUS: &str = "anonymous attendee";

fn is_answers(names: &[String]) -> bool {
    SUBMITTED.iter().any(|name| names.iter().any(|n| n == name))
}

pub(super) fn looks_so(text: &str) -> bool {
    has_header(text, is_answers)
}

/// The id of a poll that a report knows by its question alone.
pub(super) fn poll_of(question: &str) -> String {
    format!("q-{}", digest(&[question.trim()]))
}

pub(super) fn read(
    bytes: &[u8],
    reading: &Reading<'_>,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let report = Report::read(bytes, is_answers, EXPORT_AGAIN)?;
    let mut meeting = None;
    let mut preamble: Option<Columns> = None;
    let mut header: Option<Columns> = None;
    let mut answers = Vec::new();
    for (line, cells) in &report.rows {
        let columns = Columns::of(cells);
        if is_answers(&names(cells)) {
            header = Some(columns);
        } else if columns.has(MEETING) {
            preamble = Some(columns);
        } else if let Some(columns) = preamble.take() {
            meeting = columns.cell(cells, MEETING).map(meeting_number);
        } else if header.is_some() {
            answers.push((*line, cells));
        }
    }
    let Some(header) = header else {
        return Err(Problem::of_file(format!("the report has no answers; {EXPORT_AGAIN}")).into());
    };
    let times: Vec<&str> = answers
        .iter()
        .filter_map(|(_, cells)| header.cell(cells, SUBMITTED))
        .collect();
    let clock = Clock::new(reading).with_order_of(times.iter().copied());
    clock.check_can_read(times)?;
    for (line, cells) in answers {
        let at = Where::line(line);
        let name = header.cell(cells, NAME).unwrap_or_default();
        let email = header.cell(cells, EMAIL);
        if email.is_none() && (name.is_empty() || name.eq_ignore_ascii_case(ANONYMOUS)) {
            draft
                .findings
                .leave_out("anonymous answers", &format!("row {line}"));
            continue;
        }
        let place = match draft.place(meeting.as_deref()) {
            Ok(Some(place)) => place,
            Ok(None) => continue,
            Err(wrong) => return Err(Problem::of_file(format!("the report {wrong}")).into()),
        };
        let submitted = header.cell(cells, SUBMITTED).unwrap_or_default();
        let moment = match clock.read(submitted) {
            Ok(moment) => moment,
            Err(wrong) => {
                draft.refuse_cell(&at, "submitted date/time", wrong);
                continue;
            }
        };
        let mut person = Person::named(name).address(email);
        if person.is_guest() {
            let text = format!(
                "{}/{}",
                meeting.as_deref().unwrap_or_default(),
                person.fingerprint()
            );
            person = person.account(&draft.guests(), Some(&text));
        }
        let pairs = cells.get(NAMED_COLUMNS..).unwrap_or_default().chunks(2);
        for pair in pairs {
            let Some(question) = pair.first().filter(|question| !question.trim().is_empty()) else {
                continue;
            };
            let poll = poll_of(question);
            let answered = pair.get(1).is_some_and(|answer| !answer.trim().is_empty());
            if answered {
                draft.poll(&person, &place, poll, moment, at.clone())?;
            } else {
                draft.offer(&place, &poll);
            }
        }
    }
    Ok(())
}
