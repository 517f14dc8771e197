//! `import speakers`.

use super::arguments::SpeakersFile;
use super::import::read;
use super::output::{Ended, Exit, Failure, counted, hint, print, say};
use super::premises::Premises;
use crate::imports::{Source, speakers, warning_lines};
use crate::sources::speakers::{SPEAKERS_COLUMNS, SPEAKERS_TEMPLATE, read as read_speakers};
use crate::sources::{MAX_LISTED, describe_columns};

/// Template and columns, which need no database.
pub(super) fn without_database(asked: &SpeakersFile) -> Result<Option<Exit>, Failure> {
    if asked.template {
        print(SPEAKERS_TEMPLATE)?;
        hint(describe_columns(SPEAKERS_COLUMNS).trim_end());
        Ok(Some(Exit::Done))
    } else if asked.columns {
        print(&describe_columns(SPEAKERS_COLUMNS))?;
        Ok(Some(Exit::Done))
    } else {
        Ok(None)
    }
}

pub(super) fn run(here: &Premises, asked: &SpeakersFile) -> Ended {
    let (Some(event), Some(file)) = (&asked.event, &asked.file) else {
        return Err(Failure::usage("--event and --file are needed"));
    };
    here.event(event)?;
    let bytes = read(file)?;
    let report = read_speakers(&bytes, asked.sheet.as_deref());
    let report =
        report.map_err(|error| Failure::malformed(format!("{}: {error}", file.display())))?;
    let rows = report.import.len();
    let source = Source {
        format: "speakers",
        file: evidence::sha256(&bytes),
        rows,
    };
    let done = speakers::import(here.desk(), event, &report.import, source, asked.dry_run)?;
    say(format!("{}: {}.", file.display(), counted(rows, "row")))?;
    let unknown = done.refused.len();
    let mut refused = warning_lines(&report.refused, report.refused_total);
    let listed = &done.refused[..unknown.min(MAX_LISTED)];
    refused.extend(warning_lines(listed, unknown));
    for line in refused {
        hint(format!("refused: {line}"));
    }
    for change in &done.plan.changes {
        say(change)?;
    }
    match done.plan.version {
        _ if done.plan.changes.is_empty() => {
            say("Nothing differs from what is in force; nothing was changed.")?;
        }
        Some(version) => {
            say(format!(
                "Version {version} of the registrations is in force."
            ))?;
            say(here.next(&format!("report attendance --event {event}")))?;
        }
        None => say("A dry run: nothing was changed.")?,
    }
    let refused = report.refused_total + unknown;
    if refused == 0 {
        return Ok(Exit::Done);
    }
    hint(format!(
        "{} refused (named above); write them into a table by pseudonym (--template).",
        counted(refused, "row")
    ));
    Ok(Exit::Partly)
}
