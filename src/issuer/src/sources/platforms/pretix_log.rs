//! pretix's check-in log as evidence of an app: pages of `checkins`, or the export as CSV.
//!
//! Entries and exits count; a list of check-ins is the channel (`pretix/<list>`: its number on pages, its name in the
//! export). Left out, each by its reason: what failed, what was annulled, and check-ins that pretix made by itself. What was
//! scanned without network was stamped by the device alone, so its clock's error is [`DEVICE_ERROR_MS`]. A second exit, which
//! pretix accepts, is taken with a warning. Accounts: the position (`pretix`, `position/` and its number) on pages, its code (`pretix-code`, `ORDER-1`) in
//! the export. Registrations that were read from pretix list both; of those from elsewhere a reviewer says whose a position is. Names are only
//! shown, and secrets, which are badges, never read.

use std::collections::BTreeMap;

use attendance::time::Interval;
use attendance::words::Source;
use protocol::signals::RowKind;
use serde_json::Value;

use super::draft::{Draft, Person};
use super::json::{text, time};
use super::report::{Columns, Report, has_header};
use super::when::Clock;
use super::{Attendance, DEVICE_ERROR_MS, Reading};
use crate::sources::json_pages::{self, flag};
use crate::sources::observed::{Observed, Place, Seen, Subject, Where};
use crate::sources::problem::{ImportError, ImportReport, Problem};
use crate::sources::text as text_of_file;

/// The system of positions.
pub const SYSTEM: &str = "pretix";
/// The system of positions by their code: order, hyphen, number within the order.
pub const CODE: &str = Subject::PRETIX_CODE;
const SAVE_AGAIN: &str = "save /api/v1/organizers/…/events/…/checkins/ again, each page whole, or export the check-in log as CSV in English, \
                          and import that file unchanged";
/// How far apart a check-in and its arrival may be for it to have been made with a network, in milliseconds.
const ONLINE_MS: i64 = 10_000;

fn is_log(names: &[String]) -> bool {
    [
        "date",
        "time",
        "check-in list",
        "scan type",
        "order code",
        "position id",
        "result",
    ]
    .iter()
    .all(|wanted| names.iter().any(|name| name == wanted))
}

pub(super) fn looks_so(text: &str) -> bool {
    has_header(text, is_log)
}

/// Reads pages, or the export.
///
/// # Errors
/// See [`super::AttendanceFormat::read`].
pub fn read(bytes: &[u8], reading: &Reading<'_>) -> Result<ImportReport<Attendance>, ImportError> {
    let mut draft = Draft::new(SYSTEM, Source::App, reading);
    let decoded = text_of_file::decode(bytes, SAVE_AGAIN)?;
    let mut checkins = if decoded.trim_start().starts_with(['{', '[']) {
        pages(bytes, reading, &mut draft)?
    } else {
        export(bytes, reading, &mut draft)?
    };
    warn_of_second_exits(&mut checkins, &mut draft);
    for checkin in checkins {
        draft.push(checkin)?;
    }
    draft.finish()
}

/// The clock of a check-in: the server's, or the device's where it had no network.
fn clock(reading: &Reading<'_>, offline: bool) -> Clock {
    let clock = Clock::new(reading);
    if offline {
        clock.with_default_error(DEVICE_ERROR_MS)
    } else {
        clock
    }
}

fn observed(
    person: &Person,
    place: Place,
    kind: RowKind,
    at: Interval,
    key: String,
    row: Where,
) -> Observed {
    Observed {
        subjects: person.subjects().to_vec(),
        attendee: None,
        label: person.label(),
        place,
        device: None,
        seen: Seen::Plain(kind),
        at,
        reason: None,
        key,
        row,
    }
}

fn pages(
    bytes: &[u8],
    reading: &Reading<'_>,
    draft: &mut Draft<'_>,
) -> Result<Vec<Observed>, ImportError> {
    let pages = json_pages::read(bytes, SAVE_AGAIN)?;
    let held = pages
        .entries
        .iter()
        .filter(|entry| entry.page.is_some())
        .count();
    let said = pages.count(pages.entries.iter().filter_map(|entry| entry.page));
    if let Some(said) = said.filter(|said| *said > u64::try_from(held).unwrap_or(u64::MAX)) {
        let message = format!(
            "the file holds {held} of {said} check-ins: pretix gives at most 50 a page; save and import the other pages too"
        );
        draft.findings.warn(Problem::of_file(message));
    }
    let mut checkins = Vec::new();
    for entry in &pages.entries {
        let (value, path) = (&entry.value, entry.path.trim_end_matches([' ', ':']));
        if value.get("datetime").is_none() || value.get("type").is_none() {
            draft.findings.problem(Problem::at_path(
                path,
                "",
                format!("is no check-in; {SAVE_AGAIN}"),
            ));
            continue;
        }
        if value.get("successful").is_some() && !flag(value, "successful") {
            let reason = text(value, "error_reason")
                .ok()
                .flatten()
                .unwrap_or_default();
            draft.findings.leave_out(failure(&reason), path);
            continue;
        }
        if flag(value, "auto_checked_in") {
            draft
                .findings
                .leave_out("check-ins that pretix made by itself", path);
            continue;
        }
        checkins.extend(checkin(value, path, reading, draft)?);
    }
    Ok(checkins)
}

/// Why a check-in failed, as it is counted.
fn failure(reason: &str) -> &'static str {
    match reason {
        "already_redeemed" => "failed check-ins: already redeemed",
        "annulled" => "failed check-ins: annulled",
        "unpaid" => "failed check-ins: unpaid",
        "canceled" => "failed check-ins: cancelled",
        "blocked" => "failed check-ins: blocked",
        "revoked" => "failed check-ins: revoked",
        "rules" => "failed check-ins: against the rules of the list",
        "product" => "failed check-ins: another product",
        "invalid" | "invalid_time" => "failed check-ins: not valid",
        "incomplete" => "failed check-ins: a question was not answered",
        _ => "failed check-ins",
    }
}

fn checkin(
    value: &Value,
    path: &str,
    reading: &Reading<'_>,
    draft: &mut Draft<'_>,
) -> Result<Option<Observed>, ImportError> {
    let at = Where::path(path);
    let list = text(value, "list").ok().flatten();
    let place = draft
        .place(list.as_deref())
        .map_err(|wrong| Problem::at_path(path, "", wrong))?;
    let Some(place) = place else { return Ok(None) };
    let read = || {
        let id = text(value, "id")?.ok_or("id is missing")?;
        let position =
            text(value, "position")?.ok_or("position is missing, so nobody was checked in")?;
        let kind = direction(&text(value, "type")?.unwrap_or_default())
            .ok_or("type is neither entry nor exit")?;
        let server = clock(reading, false);
        let moment = time(value, "datetime", server)?.ok_or("datetime is missing")?;
        let arrived = time(value, "created", server).ok().flatten();
        let is_late = arrived.is_some_and(|arrived| {
            arrived.earliest.0.saturating_sub(moment.earliest.0) > ONLINE_MS
        });
        let moment = if is_late {
            time(value, "datetime", clock(reading, true))?.ok_or("datetime is missing")?
        } else {
            moment
        };
        Ok::<_, String>((id, position, kind, moment))
    };
    match read() {
        Ok((id, position, kind, moment)) => {
            let person = Person::named("").account(SYSTEM, Some(&format!("position/{position}")));
            let key = format!("checkin|{id}");
            Ok(Some(observed(&person, place, kind, moment, key, at)))
        }
        Err(wrong) => {
            draft.refuse(&at, wrong);
            Ok(None)
        }
    }
}

fn direction(text: &str) -> Option<RowKind> {
    match text.to_ascii_lowercase().as_str() {
        "entry" => Some(RowKind::In),
        "exit" => Some(RowKind::Out),
        _ => None,
    }
}

fn export(
    bytes: &[u8],
    reading: &Reading<'_>,
    draft: &mut Draft<'_>,
) -> Result<Vec<Observed>, ImportError> {
    let report = Report::read(bytes, is_log, SAVE_AGAIN)?;
    let mut rows = report
        .rows
        .iter()
        .skip_while(|(_, cells)| !is_log(&super::report::names(cells)));
    let Some((_, header)) = rows.next() else {
        return Ok(Vec::new());
    };
    let columns = Columns::of(header);
    let rows: Vec<&(u64, Vec<String>)> = rows.collect();
    let moment = |cells: &[String]| {
        let cell = |name: &'static str| columns.cell(cells, &[name]).unwrap_or_default();
        format!("{} {}", cell("date"), cell("time"))
    };
    let first = rows.first().map(|(_, cells)| moment(cells));
    clock(reading, false).check_can_read(first.as_deref())?;
    let mut checkins = Vec::new();
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for (line, cells) in rows {
        let at = Where::line(*line);
        let shown = format!("row {line}");
        let cell = |name: &'static str| columns.cell(cells, &[name]).unwrap_or_default();
        if cell("result") != "OK" {
            draft.findings.leave_out("failed check-ins", &shown);
            continue;
        }
        if cell("automatically checked in") == "Yes" {
            draft
                .findings
                .leave_out("check-ins that pretix made by itself", &shown);
            continue;
        }
        let place = draft.place(Some(cell("check-in list")));
        let Some(place) = place.map_err(|wrong| Problem::of_row(*line, wrong))? else {
            continue;
        };
        let read = || {
            let kind = direction(cell("scan type"))
                .ok_or(("scan type", "is neither Entry nor Exit".to_owned()))?;
            let (order, position) = (cell("order code"), cell("position id"));
            if order.is_empty() || position.is_empty() {
                return Err((
                    "order code",
                    "is empty, or position id is, so nobody was checked in".to_owned(),
                ));
            }
            let text = moment(cells);
            let moment = clock(reading, cell("offline") == "Yes")
                .read(&text)
                .map_err(|wrong| ("time", wrong))?;
            Ok((kind, format!("{order}-{position}"), moment))
        };
        match read() {
            Ok((kind, code, moment)) => {
                let person = Person::named(cell("name")).account(CODE, Some(&code));
                let key = draft.key(&place, &[&code, kind.as_str()], moment);
                // Two scans within one minute have the same text.
                let count = times.entry(key.clone()).or_default();
                *count += 1;
                let key = format!("{key}|{count}");
                checkins.push(observed(&person, place, kind, moment, key, at));
            }
            Err((column, wrong)) => draft.refuse_cell(&at, column, wrong),
        }
    }
    Ok(checkins)
}

/// Puts check-ins in order of time, and warns of exits that follow an exit.
fn warn_of_second_exits(checkins: &mut [Observed], draft: &mut Draft<'_>) {
    checkins.sort_by(|a, b| (a.at.earliest, &a.key).cmp(&(b.at.earliest, &b.key)));
    let mut last = BTreeMap::new();
    for checkin in checkins.iter() {
        let is_exit = checkin.seen == Seen::Plain(RowKind::Out);
        let before = last.insert((&checkin.place, &checkin.subjects), is_exit);
        if is_exit && before == Some(true) {
            let message = "a second exit without an entry between them; pretix accepts it, and it ends nothing";
            draft
                .findings
                .warn(super::draft::problem(&checkin.row, "", message));
        }
    }
}
