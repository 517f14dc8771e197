//! `import agenda`, `import registrations`.

use std::io::Read as _;
use std::path::Path;

use attendance::words::EventId;

use super::arguments::{Format, Import, ImportFile};
use super::output::{Ended, Exit, Failure, hint, print, say};
use super::premises::Premises;
use crate::imports::{self, Plan, Source, warning_lines};
use crate::sources::{
    ImportKind, MAX_IMPORT_BYTES, agenda_csv, describe, frab, registrations_csv, template,
    zone_named,
};

fn parts(what: &Import) -> (ImportKind, &ImportFile) {
    match what {
        Import::Agenda(file) => (ImportKind::Agenda, file),
        Import::Registrations(file) => (ImportKind::Registrations, file),
    }
}

/// Templates and columns, which need no database.
pub(super) fn without_database(what: &Import) -> Result<Option<Exit>, Failure> {
    let (kind, file) = parts(what);
    if file.template {
        print(template(kind))?;
        hint(describe(kind).trim_end());
        Ok(Some(Exit::Done))
    } else if file.columns {
        print(&describe(kind))?;
        Ok(Some(Exit::Done))
    } else {
        Ok(None)
    }
}

pub(super) fn run(here: &Premises, what: &Import) -> Ended {
    let (kind, asked) = parts(what);
    let (Some(event), Some(file)) = (&asked.event, &asked.file) else {
        return Err(Failure::usage("--event and --file are needed"));
    };
    let format = asked.format.unwrap_or_else(|| format_of(file));
    if kind == ImportKind::Registrations && format == Format::Frab {
        return Err(Failure::usage(
            "a frab schedule holds an agenda, no registrations: give a CSV file (--template prints one)",
        ));
    }
    let facts = here.event(event)?;
    let zone =
        zone_named(&facts.zone).map_err(|e| Failure::failed(format!("the event's zone: {e}")))?;
    let bytes = read(file)?;
    let source = |rows| Source {
        format: format.as_str(),
        file: evidence::sha256(&bytes),
        rows,
    };
    let name = file.display().to_string();
    let in_file =
        |error: crate::sources::ImportError| Failure::malformed(format!("{name}: {error}"));
    let (mut plan, warnings) = match kind {
        ImportKind::Agenda => {
            let read = match format {
                Format::Csv => agenda_csv::read(&bytes, zone),
                Format::Frab => frab::read(&bytes, zone),
            };
            let report = read.map_err(in_file)?;
            let source = source(report.import.sessions.len());
            let plan =
                imports::agenda::import(here.desk(), event, &report.import, source, asked.dry_run)?;
            (plan, warning_lines(&report.warnings, report.warnings_total))
        }
        ImportKind::Registrations => {
            let report = registrations_csv::read(&bytes, zone).map_err(in_file)?;
            let source = source(report.import.rows.len());
            let plan = imports::registrations::import(
                here.desk(),
                event,
                &report.import,
                source,
                asked.dry_run,
            )?;
            (plan, warning_lines(&report.warnings, report.warnings_total))
        }
    };
    plan.warnings.splice(0..0, warnings);
    tell(here, &plan, kind, event, asked.dry_run)
}

fn tell(here: &Premises, plan: &Plan, kind: ImportKind, event: &EventId, dry_run: bool) -> Ended {
    for warning in &plan.warnings {
        hint(format!("warning: {warning}"));
    }
    for change in &plan.changes {
        say(change)?;
    }
    let (what, next) = match kind {
        ImportKind::Agenda => (
            "agenda",
            format!("import registrations --event {event} --file people.csv"),
        ),
        ImportKind::Registrations => (
            "registrations",
            format!(
                "rules adopt --event {event} --programme {} --file rules.toml",
                imports::agenda::OWN_PROGRAMME
            ),
        ),
    };
    match plan.version {
        _ if plan.changes.is_empty() => {
            say("Nothing differs from what is in force; nothing was changed.")?;
        }
        Some(version) => {
            say(format!("Version {version} of the {what} is in force."))?;
            say(here.next(&next))?;
        }
        None if dry_run => say("A dry run: nothing was changed.")?,
        None => say("Nothing was changed.")?,
    }
    Ok(Exit::Done)
}

fn format_of(file: &Path) -> Format {
    let is_json = file
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if is_json { Format::Frab } else { Format::Csv }
}

/// A whole file, never more than a source reads; one byte beyond shows that it is too large, and the source says so.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let bound = u64::try_from(MAX_IMPORT_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    let outcome = if file == Path::new("-") {
        std::io::stdin().lock().take(bound).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(bound).read_to_end(&mut bytes))
    };
    outcome.map_err(|cause| {
        Failure::failed(format!(
            "{}: {cause}; check the path given with --file",
            file.display()
        ))
    })?;
    Ok(bytes)
}
