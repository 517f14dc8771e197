//! `rollcall verify`: the report as text or JSON.

use std::fmt::Write as _;
use std::path::Path;

use audit::files::Files;
use audit::report::{BracketLine, Outcome as Found, Report, ScanLine, Verdict, malformed, unread};
use audit::verify::{Opened, Options, examine};
use indicatif::{ProgressBar, ProgressStyle};

use crate::archive::{OnDisk, OpenError, open};
use crate::words::{Zone, bad, count, doubtful, entries, good, printable};
use crate::{Outcome, VerifyArgs};

pub(crate) fn run(args: &VerifyArgs) -> Outcome {
    let options = Options {
        issuer_key: args.issuer_key,
        list_scans: args.scans,
    };
    let (report, error) = match open(&args.archive) {
        Ok(files) => (read(&files, &options).0, String::new()),
        Err(error) => (refused(&error), error.to_string()),
    };
    let text = if args.json {
        json(&report)
    } else if error.is_empty() {
        text(&report, &args.archive)
    } else {
        String::new()
    };
    Outcome {
        text,
        error,
        code: report.verdict.exit_code(),
    }
}

/// Verifies with a line of progress on standard error, where that is a terminal.
pub(crate) fn read<'a>(files: &'a OnDisk, options: &Options) -> (Report, Option<Opened<'a>>) {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} entries read") {
        bar.set_style(style);
    }
    let files: &dyn Files = files;
    let found = examine(files, options, &mut |entries| bar.set_position(entries));
    bar.finish_and_clear();
    found
}

/// The report on an archive that did not open.
pub(crate) fn refused(error: &OpenError) -> Report {
    match error {
        OpenError::Io { path, error } => unread(path, &error.to_string()),
        OpenError::Malformed { path, reason } => malformed(path, reason.clone()),
    }
}

pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn text(report: &Report, archive: &Path) -> String {
    let mut out = String::new();
    let trust = &report.trust;
    if trust.issuer_key.is_empty() {
        // Nothing was read, so there are no keys to speak of.
    } else if trust.given {
        let _ = writeln!(
            out,
            "Issuer {}, under the key given ({}).",
            printable(&trust.issuer),
            trust.fingerprint
        );
    } else {
        let _ = writeln!(
            out,
            "Issuer {}, under the key that the archive itself names ({}).\nCompare it with the issuer's published key, or give that with --issuer-key.",
            printable(&trust.issuer),
            trust.fingerprint
        );
    }
    out.push('\n');
    for check in &report.checks {
        let mark = match check.outcome {
            Found::Ok => good("ok         "),
            Found::Failed => bad("failed     "),
            Found::NotChecked => doubtful("not checked"),
        };
        let of = match check.outcome {
            Found::Failed => format!("{} of {}", count(check.failed), count(check.count)),
            Found::Ok | Found::NotChecked => count(check.count),
        };
        let _ = writeln!(
            out,
            "{mark}  {:<13} {of:>9}  {}",
            check.name,
            printable(&check.detail)
        );
        if let Some(place) = &check.first_failure {
            let _ = writeln!(out, "{:37}{}", "", printable(&at(place)));
        }
    }
    for note in &report.notes {
        let _ = writeln!(out, "note: {}", printable(note));
    }
    if !report.scans.is_empty() {
        out.push('\n');
        let zone = Zone::of(None, true);
        for scan in &report.scans {
            out.push_str(&scan_text(scan, zone));
        }
    }
    let _ = writeln!(out, "\n{}", last_line(report, archive));
    out
}

fn at(place: &audit::report::Place) -> String {
    match place.index {
        Some(index) => format!("at {} entry {index}", place.path),
        None => format!("at {}", place.path),
    }
}

pub(crate) fn scan_text(scan: &ScanLine, zone: Zone) -> String {
    format!(
        "{} #{}\n  made      {} to {} {} ({})\n  {}\n  {}\n",
        printable(&scan.log),
        scan.index,
        zone.reported(&scan.earliest),
        zone.reported(&scan.latest),
        zone.name(),
        scan.quality,
        bracket_text("not before", scan.not_before.as_ref(), zone),
        bracket_text("not after ", scan.not_after.as_ref(), zone),
    )
}

fn bracket_text(side: &str, bracket: Option<&BracketLine>, zone: Zone) -> String {
    let Some(bracket) = bracket else {
        return format!("{side}: no receipt says");
    };
    let lies = match bracket.journalled_at {
        Some(index) => format!("journalled as #{index}"),
        None => "on the archive's checkpoint".to_owned(),
    };
    format!(
        "{side}: receipt of {} for {}, {lies}",
        zone.reported(&bracket.time),
        entries(bracket.covers)
    )
}

fn last_line(report: &Report, archive: &Path) -> String {
    let shown = archive.display();
    let in_entries = entries(report.entries);
    let of = |outcome| {
        report
            .checks
            .iter()
            .filter(|c| c.outcome == outcome)
            .count()
    };
    match report.verdict {
        Verdict::Verified => format!(
            "No errors found in {in_entries}. Next: `rollcall why <certificate> {shown}` explains one certificate."
        ),
        Verdict::Partly => format!(
            "No errors found in {in_entries}, but {} of {} checks could not be made in full. Next: ask for an archive with what is named above.",
            of(Found::NotChecked),
            report.checks.len()
        ),
        Verdict::Failed => {
            let place = report.broken_at.as_ref();
            let next = place.and_then(|place| {
                let number = place.path.strip_prefix("logs/")?.split('/').next()?;
                let index = place.index?;
                let (from, to) = (index.saturating_sub(2), index.saturating_add(2));
                Some(format!(
                    "`rollcall inspect {shown} --log {number} --from {from} --to {to}` shows the place"
                ))
            });
            format!(
                "{} of {} checks failed in {in_entries}. Next: {}.",
                of(Found::Failed),
                report.checks.len(),
                next.unwrap_or_else(|| {
                    "keep this archive as it is, and ask the issuer about the place named above"
                        .to_owned()
                })
            )
        }
        Verdict::Malformed => format!(
            "This does not read as an archive. Next: get {shown} again; what `rollcall-issuer report` or `rollcall-kiosk export` writes reads here."
        ),
    }
}
