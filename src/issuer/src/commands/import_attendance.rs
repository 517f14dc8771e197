//! `import attendance`: what platforms, apps and people saw.

use attendance::words::EventId;
use protocol::agenda::Agenda;
use protocol::subject::is_system;

use super::arguments::{AttendanceFile, AttendanceSource};
use super::import::read;
use super::output::{Ended, Exit, Failure, counted, hint, print, reason_code, say};
use super::premises::{Premises, now};
use crate::imports::observed::{self, By};
use crate::imports::{self, polls, warning_lines};
use crate::sources::observed::{ObservedBatch, Place};
use crate::sources::platforms::{
    Attendance, AttendanceFormat, Reading, attendance_table, detect_attendance, words_table,
};
use crate::sources::{ImportReport, describe_columns, zone_named};

/// The most sessions that a place names.
const MAX_NAMED: usize = 10;

/// Templates and columns, which need no database.
pub(super) fn without_database(asked: &AttendanceFile) -> Result<Option<Exit>, Failure> {
    let (template, columns) = match asked.source {
        AttendanceSource::Words => (words_table::TEMPLATE, words_table::COLUMNS),
        _ => (attendance_table::TEMPLATE, attendance_table::COLUMNS),
    };
    if asked.template {
        print(template)?;
        hint(describe_columns(columns).trim_end());
    } else if asked.columns {
        print(&describe_columns(columns))?;
    } else {
        return Ok(None);
    }
    Ok(Some(Exit::Done))
}

pub(super) fn run(here: &Premises, asked: &AttendanceFile) -> Ended {
    let (Some(event), Some(file)) = (&asked.event, &asked.file) else {
        return Err(Failure::usage("--event and --file are needed"));
    };
    let facts = here.event(event)?;
    let bytes = read(file)?;
    let format = asked.source.asked().or_else(|| detect_attendance(&bytes));
    let Some(format) = format else {
        return Err(Failure::usage(format!(
            "{} shows nothing of what it is; say it with --source",
            file.display()
        )));
    };
    let by = by(here, asked, format)?;
    let reading = reading(asked, format, &facts.zone)?;
    let report = format
        .read(&bytes, &reading)
        .map_err(|error| Failure::malformed(format!("{}: {error}", file.display())))?;
    say(format!(
        "{}: read as {}, {}.",
        file.display(),
        format.title(),
        counted(report.import.batch.rows.len(), "observation")
    ))?;
    let hash = evidence::sha256(&bytes);
    let batch = &report.import.batch;
    let taken = observed::take(here.desk(), event, batch, hash, by, asked.dry_run)?;
    for line in imports::agenda::current(here.desk(), event)?
        .iter()
        .flat_map(|agenda| places(agenda, &report.import))
    {
        say(line)?;
    }
    polls(here, event, &report.import, by, asked.dry_run)?;
    tell(&report, &taken, asked.dry_run, here, event)
}

/// Who answers for it: a person's words always, anything else where somebody is named.
fn by<'a>(
    here: &Premises,
    asked: &'a AttendanceFile,
    format: AttendanceFormat,
) -> Result<Option<By<'a>>, Failure> {
    match (&asked.operator, format) {
        (Some(operator), _) => {
            here.operator(operator)?;
            reason_code(&asked.reason)?;
            Ok(Some(By {
                operator,
                reason: &asked.reason,
                note: None,
            }))
        }
        (None, AttendanceFormat::Words) => Err(Failure::usage(
            "a person answers for confirmations and denials: say who with --operator ID",
        )),
        (None, _) => Ok(None),
    }
}

fn reading<'a>(
    asked: &'a AttendanceFile,
    format: AttendanceFormat,
    event_zone: &str,
) -> Result<Reading<'a>, Failure> {
    // A person's words are written by hand, and their column says whose zone is meant; a platform's report does not.
    let own = (format == AttendanceFormat::Words).then_some(event_zone);
    let zone = asked.zone.as_deref().or(own);
    let zone = zone.map(zone_named).transpose();
    let zone = zone.map_err(|error| Failure::usage(error.to_string()))?;
    if let Some(system) = asked.system.as_deref().filter(|s| !is_system(s)) {
        return Err(Failure::usage(format!(
            "--system {system:?}: a system is named by 1 to 64 of a-z, 0-9 and '-'"
        )));
    }
    let channel = asked.channel.clone().map(Place::Channel);
    let room = asked.room.clone().map(Place::Room);
    let session = asked.session.clone().map(Place::Session);
    Ok(Reading {
        zone,
        day_order: asked.dates.map(Into::into),
        place: channel.or(room).or(session),
        only: asked.only.as_deref(),
        clock_error_ms: asked.clock_error_ms.map(i64::from),
        sheet: asked.sheet.as_deref(),
        system: asked.system.as_deref(),
        now: now(),
    })
}

/// Each place of a batch with its time and the sessions that it may count for, a line each.
fn places(agenda: &Agenda, read: &Attendance) -> Vec<String> {
    let ObservedBatch { rows, .. } = &read.batch;
    let mut places: Vec<&Place> = rows.iter().map(|row| &row.place).collect();
    places.sort_unstable();
    places.dedup();
    let line = |place: &Place| {
        let here = rows.iter().filter(|row| row.place == *place);
        let (mut count, mut first, mut last) = (0, None, None);
        for row in here {
            count += 1;
            first = Some(first.map_or(row.at.earliest, |at: attendance::UtcMs| {
                at.min(row.at.earliest)
            }));
            last = Some(last.map_or(row.at.latest, |at: attendance::UtcMs| at.max(row.at.latest)));
        }
        let sessions: Vec<&str> = agenda
            .sessions
            .iter()
            .filter(|session| place.holds(agenda, session))
            .filter(|session| {
                let is_then = last >= Some(session.start) && first < Some(session.end);
                is_then || matches!(place, Place::Session(_))
            })
            .map(|session| session.id.as_str())
            .collect();
        let (name, polls) = (
            place.to_string(),
            read.polls
                .get(place)
                .map_or(0, std::collections::BTreeSet::len),
        );
        let more = if sessions.len() > MAX_NAMED {
            ", …"
        } else {
            ""
        };
        let named: Vec<&str> = sessions.into_iter().take(MAX_NAMED).collect();
        let sessions = if named.is_empty() {
            "no session of the agenda then".to_owned()
        } else {
            format!("sessions {}{more}", named.join(", "))
        };
        let polls = if polls > 0 {
            format!(", {}", counted(polls, "poll"))
        } else {
            String::new()
        };
        format!(
            "{name}: {}{polls}; {sessions}",
            counted(count, "observation")
        )
    };
    places.into_iter().map(line).collect()
}

/// Raises the polls that sessions offered to what the report shows, and says so.
fn polls(
    here: &Premises,
    event: &EventId,
    read: &Attendance,
    by: Option<By<'_>>,
    dry_run: bool,
) -> Result<(), Failure> {
    let Some(agenda) = imports::agenda::current(here.desk(), event)? else {
        return Ok(());
    };
    let offered = polls::offered(&agenda, read);
    let news = polls::news(&agenda, &offered);
    if !news.is_empty() && !dry_run {
        polls::raise(here.desk(), event, &offered, by)?;
    }
    for (session, count) in &news {
        let polls = counted(usize::try_from(*count).unwrap_or(usize::MAX), "poll");
        say(format!("session {session}: at least {polls} offered"))?;
    }
    for (place, count) in &offered.unplaced {
        hint(format!(
            "{place}: of {} nothing shows in which session they were offered; say it with `rollcall-issuer agenda polls`",
            counted(*count, "poll")
        ));
    }
    Ok(())
}

fn tell(
    report: &ImportReport<Attendance>,
    taken: &observed::Taken,
    dry_run: bool,
    here: &Premises,
    event: &EventId,
) -> Ended {
    let warnings = warning_lines(&report.warnings, report.warnings_total);
    let left_out: Vec<String> = report.left_out.iter().map(ToString::to_string).collect();
    let refused = warning_lines(&taken.refused, taken.refused_total);
    for (what, lines) in [
        ("warning", &warnings),
        ("left out", &left_out),
        ("refused", &refused),
    ] {
        for line in lines {
            hint(format!("{what}: {line}"));
        }
    }
    for line in taken.lines() {
        say(line)?;
    }
    if taken.added == 0 {
        say("Nothing new; nothing was changed.")?;
    } else if dry_run {
        say("A dry run: nothing was changed.")?;
    } else {
        say(here.next(&format!("issue --event {event}")))?;
    }
    if taken.refused_total == 0 {
        return Ok(Exit::Done);
    }
    hint(format!(
        "{} refused (named above); correct them at their source and import again.",
        counted(taken.refused_total, "row")
    ));
    Ok(Exit::Partly)
}
