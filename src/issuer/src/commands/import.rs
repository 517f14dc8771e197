//! `import agenda`, `import registrations`; [`import_attendance`] has `import attendance`.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use attendance::words::EventId;
use chrono_tz::Tz;

use super::arguments::{Import, ImportFile};
use super::import_attendance;
use super::import_speakers;
use super::output::{Ended, Exit, Failure, counted, hint, print, say};
use super::premises::{Premises, now};
use crate::config::feeds::FeedKind;
use crate::feeds::run::{Mode, poll};
use crate::imports::{self, Desk, ImportFault, Plan, Source, warning_lines};
use crate::sources::{
    ImportError, ImportKind, ImportReport, MAX_IMPORT_BYTES, SOURCE_FORMATS, SourceFormat,
    agenda_csv, describe, detect, frab, frab_xml, ical, pretalx, pretix, registrations_csv,
    template, zone_named,
};

/// Templates and columns, which need no database.
pub(super) fn without_database(what: &Import) -> Result<Option<Exit>, Failure> {
    let (kind, file) = match what {
        Import::Agenda(file) => (ImportKind::Agenda, file),
        Import::Registrations(file) => (ImportKind::Registrations, file),
        Import::Attendance(file) => return import_attendance::without_database(file),
        Import::Speakers(file) => return import_speakers::without_database(file),
    };
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
    match what {
        Import::Agenda(file) => of_kind(here, ImportKind::Agenda, file),
        Import::Registrations(file) => of_kind(here, ImportKind::Registrations, file),
        Import::Attendance(file) => import_attendance::run(here, file),
        Import::Speakers(file) => import_speakers::run(here, file),
    }
}

fn of_kind(here: &Premises, kind: ImportKind, asked: &ImportFile) -> Ended {
    if let (Some(event), Some(from)) = (&asked.event, &asked.from) {
        let mode = Mode {
            dry_run: asked.dry_run,
            whole: asked.whole,
        };
        return from_server(here, kind, event, from, mode);
    }
    let (Some(event), Some(file)) = (&asked.event, &asked.file) else {
        return Err(Failure::usage("--event is needed, and --file or --from"));
    };
    let facts = here.event(event)?;
    let zone =
        zone_named(&facts.zone).map_err(|e| Failure::failed(format!("the event's zone: {e}")))?;
    let bytes = read(file)?;
    let format = asked.format.asked();
    let format = format.unwrap_or_else(|| detect(&bytes, kind));
    if !format.holds(kind) {
        return Err(mismatch(format, kind, file));
    }
    let job = Job {
        desk: here.desk(),
        event,
        file: evidence::sha256(&bytes),
        format,
        sheet: asked.sheet.as_deref(),
        dry_run: asked.dry_run,
    };
    let done = match kind {
        ImportKind::Agenda => job.agenda(&bytes, zone),
        ImportKind::Registrations => job.registrations(&bytes, zone),
    };
    let done = done.map_err(|fault| match fault {
        Fault::Source(error) => Failure::malformed(format!("{}: {error}", file.display())),
        Fault::Import(fault) => fault.into(),
    })?;
    say(format!(
        "{}: read as {}, {}.",
        file.display(),
        format.title(),
        counted(done.rows, noun(kind))
    ))?;
    tell(here, &done, kind, event, asked.dry_run)
}

/// Polls a server now, as `serve` does at its time.
fn from_server(
    here: &Premises,
    kind: ImportKind,
    event: &EventId,
    from: &str,
    mode: Mode,
) -> Ended {
    here.event(event)?;
    let feeds = &here.config.feeds;
    let Some(feed) = feeds.iter().find(|feed| feed.id == from) else {
        let names = feeds.iter().map(|feed| feed.id.as_str());
        let advice = match protocol::toml_text::nearest(from, names) {
            Some(nearest) => format!("did you mean {nearest:?}?"),
            None => "config/issuer.toml shows how one is written".to_owned(),
        };
        return Err(Failure::usage(format!(
            "the configuration has no table [sources.{from}]; {advice}"
        )));
    };
    let holds = match feed.kind {
        FeedKind::Pretix { .. } => ImportKind::Registrations,
        FeedKind::Pretalx { .. } => ImportKind::Agenda,
    };
    if holds != kind {
        return Err(Failure::usage(format!(
            "[sources.{from}] is {}: use `{}`",
            feed.kind.as_str(),
            match holds {
                ImportKind::Agenda => "import agenda",
                ImportKind::Registrations => "import registrations",
            }
        )));
    }
    if feed.event != *event {
        return Err(Failure::usage(format!(
            "[sources.{from}] is of the event {}, not of {event}",
            feed.event
        )));
    }
    let polls = here.polls(Arc::new(now));
    // Nobody ends it but the person, with Ctrl-C: nothing is half done then.
    let (_going_on, ending) = tokio::sync::watch::channel(false);
    let (report, polled) = poll(&polls, feed, mode, ending);
    let plan = Plan {
        changes: report.changes,
        unchanged: (!report.unchanged.is_empty()).then(|| report.unchanged.join("\n")),
        warnings: report.warnings,
        version: report.version,
        ..Plan::default()
    };
    let done = Done {
        rows: report.rows,
        plan,
        refused: (report.refused, report.refused_total),
        left_out: report.left_out,
    };
    let read = match report.note {
        Some(note) => note,
        None => format!("read {}", counted(done.rows, noun(kind))),
    };
    say(format!("{from}, {}: {read}.", feed.url))?;
    let ended = tell(here, &done, kind, event, mode.dry_run)?;
    match polled {
        Ok(()) => Ok(ended),
        Err(fault) => Err(Failure::failed(format!("{from}: {fault}"))),
    }
}

const fn noun(kind: ImportKind) -> &'static str {
    match kind {
        ImportKind::Agenda => "session",
        ImportKind::Registrations => "registration",
    }
}

fn mismatch(format: SourceFormat, kind: ImportKind, file: &Path) -> Failure {
    let (holds, other) = match kind {
        ImportKind::Agenda => ("registrations, no agenda", "import registrations"),
        ImportKind::Registrations => ("an agenda, no registrations", "import agenda"),
    };
    let known: Vec<&str> = SOURCE_FORMATS
        .iter()
        .filter(|f| f.holds(kind))
        .map(|f| f.as_str())
        .collect();
    Failure::usage(format!(
        "{} is {}, which holds {holds}: use `{other}`, or give one of {} (--template prints a CSV to start from)",
        file.display(),
        format.title(),
        known.join(", ")
    ))
}

/// Why an import ended early.
enum Fault {
    Source(ImportError),
    Import(ImportFault),
}

impl From<ImportError> for Fault {
    fn from(error: ImportError) -> Self {
        Self::Source(error)
    }
}

impl From<ImportFault> for Fault {
    fn from(fault: ImportFault) -> Self {
        Self::Import(fault)
    }
}

/// What came of an import.
struct Done {
    rows: usize,
    plan: Plan,
    /// Lines of rows that were refused, and how many there are.
    refused: (Vec<String>, usize),
    left_out: Vec<String>,
}

/// One file on its way into the store.
struct Job<'a> {
    desk: Desk<'a>,
    event: &'a EventId,
    file: evidence::Hash,
    format: SourceFormat,
    sheet: Option<&'a str>,
    dry_run: bool,
}

impl Job<'_> {
    fn agenda(&self, bytes: &[u8], zone: Tz) -> Result<Done, Fault> {
        let report = match self.format {
            SourceFormat::Csv | SourceFormat::Workbook | SourceFormat::Pretix => {
                agenda_csv::read_sheet(bytes, self.sheet, zone)
            }
            SourceFormat::FrabJson => frab::read(bytes, zone),
            SourceFormat::FrabXml => frab_xml::read(bytes, zone),
            SourceFormat::Ical => ical::read(bytes, zone),
            SourceFormat::Pretalx => pretalx::read(bytes, zone),
        }?;
        let rows = report.import.sessions.len();
        let source = self.source(rows);
        let plan =
            imports::agenda::import(self.desk, self.event, &report.import, source, self.dry_run)?;
        Ok(done(rows, plan, &report))
    }

    fn registrations(&self, bytes: &[u8], zone: Tz) -> Result<Done, Fault> {
        let (desk, event) = (self.desk, self.event);
        if self.format == SourceFormat::Pretix {
            let report = pretix::read(bytes, zone)?;
            let rows = report.import.rows.len();
            let (read, source) = (&report.import, self.source(rows));
            let plan =
                imports::registrations::import_positions(desk, event, read, source, self.dry_run)?;
            return Ok(done(rows, plan, &report));
        }
        let report = registrations_csv::read_sheet(bytes, self.sheet, zone)?;
        let rows = report.import.rows.len();
        let (read, source) = (&report.import, self.source(rows));
        let plan = imports::registrations::import(desk, event, read, source, self.dry_run)?;
        Ok(done(rows, plan, &report))
    }

    fn source(&self, rows: usize) -> Source<'static> {
        Source {
            format: self.format.as_str(),
            file: self.file,
            rows,
        }
    }
}

fn done<T>(rows: usize, mut plan: Plan, report: &ImportReport<T>) -> Done {
    let warnings = warning_lines(&report.warnings, report.warnings_total);
    plan.warnings.splice(0..0, warnings);
    Done {
        rows,
        plan,
        refused: (
            warning_lines(&report.refused, report.refused_total),
            report.refused_total,
        ),
        left_out: report.left_out.iter().map(ToString::to_string).collect(),
    }
}

fn tell(here: &Premises, done: &Done, kind: ImportKind, event: &EventId, dry_run: bool) -> Ended {
    let plan = &done.plan;
    for (what, lines) in [
        ("warning", &plan.warnings),
        ("left out", &done.left_out),
        ("refused", &done.refused.0),
    ] {
        for line in lines {
            hint(format!("{what}: {line}"));
        }
    }
    for change in plan.changes.iter().chain(&plan.unchanged) {
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
    let (_, refused) = done.refused;
    if refused == 0 {
        return Ok(Exit::Done);
    }
    hint(format!(
        "{} refused (named above); correct them at their source and import again.",
        counted(refused, "row")
    ));
    Ok(Exit::Partly)
}

/// A whole file, never more than a source reads; one byte beyond shows that it is too large, and the source says so.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
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
