//! `rollcall inspect`: a log for people, one line an entry. Nothing is verified.

use std::fmt::Write as _;

use attendance::time::ClockHistory;
use audit::derive::{LogKeys, LogView};
use audit::files::{Files, NextLine, next_line, read_whole};
use protocol::archive::{ARCHIVE_PATH, Archive, Log, LogKind, entries_path};
use protocol::batch::{Leaf, read_leaf};
use protocol::entry::{self, Body, Entry};
use protocol::ledger::{self, LedgerBody, LedgerEntry};

use crate::archive::{OpenError, open};
use crate::words::{Zone, entries, printable};
use crate::{COULD_NOT, InspectArgs, MALFORMED, Outcome, USAGE};

pub(crate) fn run(args: &InspectArgs) -> Outcome {
    let files = match open(&args.archive) {
        Ok(files) => files,
        Err(error) => {
            let code = match &error {
                OpenError::Io { .. } => COULD_NOT,
                OpenError::Malformed { .. } => MALFORMED,
            };
            return Outcome::wrong(error.to_string(), code);
        }
    };
    let archive = read_whole(&files, ARCHIVE_PATH)
        .map_err(|e| e.to_string())
        .and_then(|bytes| serde_json::from_slice::<Archive>(&bytes).map_err(|e| e.to_string()));
    let archive = match archive {
        Ok(archive) => archive,
        Err(reason) => return Outcome::wrong(format!("{ARCHIVE_PATH}: {reason}"), MALFORMED),
    };
    let only = (archive.logs.len() == 1).then_some(0);
    let Some(number) = args.log.or(only) else {
        return Outcome::of(logs(&archive, args), 0);
    };
    let Some(log) = archive.logs.get(number) else {
        let last = archive.logs.len().saturating_sub(1);
        return Outcome::wrong(
            format!("there is no log {number} here: --log takes 0 to {last}"),
            USAGE,
        );
    };
    match print(&files, &archive, log, number, args) {
        Ok(text) => Outcome::of(text, 0),
        Err(reason) => Outcome::wrong(reason, COULD_NOT),
    }
}

fn logs(archive: &Archive, args: &InspectArgs) -> String {
    let mut out = String::new();
    for (number, log) in archive.logs.iter().enumerate() {
        let kind = match log.kind {
            LogKind::Journal => "journal",
            LogKind::Ledger => "ledger",
            LogKind::Branch => "branch",
        };
        let _ = writeln!(
            out,
            "{number:>3}  {kind:<8} {:>16}  {}",
            entries(log.size),
            printable(&log.origin)
        );
    }
    let shown = args.archive.display();
    let _ = writeln!(
        out,
        "\nNext: `rollcall inspect {shown} --log N` prints one of them."
    );
    out
}

fn print(
    files: &dyn Files,
    archive: &Archive,
    log: &Log,
    number: usize,
    args: &InspectArgs,
) -> Result<String, String> {
    let zone = zone(files, archive, args.utc);
    let clock = match log.kind {
        LogKind::Journal | LogKind::Branch => Some(clock(files, archive, log, number)?),
        LogKind::Ledger => None,
    };
    let mut out = format!("{}, times in {}\n", printable(&log.origin), zone.name());
    let mut shown = 0_u64;
    // A branch begins where it leaves its journal.
    let base = log.base.unwrap_or(0);
    each(files, number, |place, leaf| {
        let index = base.saturating_add(place);
        if index < args.from || args.to.is_some_and(|to| index > to) {
            return;
        }
        shown += 1;
        let (when, kind, words) = match (leaf, &clock) {
            (Leaf::Damaged(hash), _) => (String::new(), "damaged", format!("leaf {hash}")),
            (Leaf::Entry(bytes), Some(clock)) => journal_line(index, bytes, clock, zone),
            (Leaf::Entry(bytes), None) => ledger_line(bytes, zone),
        };
        let _ = writeln!(
            out,
            "{index:>7}  {when:<39}  {kind:<11}  {}",
            printable(&words)
        );
    })?;
    let _ = writeln!(
        out,
        "\n{} shown. Nothing was verified. Next: `rollcall verify {}` does that.",
        entries(shown),
        args.archive.display()
    );
    Ok(out)
}

/// Every line of a log, with its index.
fn each(
    files: &dyn Files,
    number: usize,
    mut on_line: impl FnMut(u64, Leaf<'_>),
) -> Result<(), String> {
    let path = entries_path(number);
    let failed = |e: std::io::Error| format!("{path}: {e}");
    let mut reader = files
        .open(&path)
        .map_err(failed)?
        .ok_or_else(|| format!("{path} is not in the archive"))?;
    let mut line = Vec::new();
    for index in 0_u64.. {
        match next_line(&mut *reader, &mut line).map_err(failed)? {
            NextLine::Line => on_line(index, read_leaf(&line)),
            NextLine::End => break,
            NextLine::Malformed => {
                return Err(format!(
                    "{path} entry {index}: the line is too long, or was cut"
                ));
            }
        }
    }
    Ok(())
}

/// The event's zone, by the ledger's first entry where the archive has one.
fn zone(files: &dyn Files, archive: &Archive, utc: bool) -> Zone {
    let ledger = archive.logs.iter().position(|l| l.kind == LogKind::Ledger);
    let mut name = None;
    if let Some(number) = ledger.filter(|_| !utc) {
        let read = each(files, number, |index, leaf| {
            if let (0, Leaf::Entry(bytes)) = (index, leaf)
                && let Ok(entry) = ledger::parse(bytes)
                && let LedgerBody::Event(event) = entry.body
            {
                name = Some(event.zone);
            }
        });
        // A ledger that cannot be read leaves the zone unknown, and UTC stands in.
        drop(read);
    }
    Zone::of(name.as_deref(), utc)
}

fn clock(
    files: &dyn Files,
    archive: &Archive,
    log: &Log,
    number: usize,
) -> Result<ClockHistory, String> {
    let mut view = LogView::new(LogKeys {
        origin: log.origin.as_str().into(),
        key: log.key,
        issuer: archive.issuer.as_str().into(),
        issuer_key: archive.issuer_key,
    });
    let base = log.base.unwrap_or(0);
    each(files, number, |place, leaf| {
        if let Leaf::Entry(bytes) = leaf
            && let Ok(entry) = entry::parse(bytes)
        {
            view.take(base.saturating_add(place), &entry);
        }
    })?;
    Ok(view.clock_at(u64::MAX))
}

type Line = (String, &'static str, String);

fn journal_line(index: u64, bytes: &[u8], clock: &ClockHistory, zone: Zone) -> Line {
    match entry::parse(bytes) {
        Ok(entry) => {
            let when = zone.interval(clock.place(index, &entry.stamp).at);
            (when, entry.body.kind(), journal_words(&entry))
        }
        Err(error) => (String::new(), "unreadable", error.to_string()),
    }
}

fn journal_words(entry: &Entry) -> String {
    match &entry.body {
        Body::Boot(boot) => {
            let why = match boot.cause {
                entry::BootCause::Start => "started",
                entry::BootCause::Suspend => "woke from suspend",
            };
            format!("{} {why}, boot {}", boot.software, entry.stamp.boot)
        }
        Body::Clock(clock) => format!(
            "time from the issuer, {} ms there and back, its error {} ms",
            clock.received_raw_ms.saturating_sub(clock.sent_raw_ms),
            clock.issuer_error_ms
        ),
        Body::TimeCode(body) => match protocol::time_code::read(&body.code) {
            Some(code) => format!(
                "time code of {}, its error {} ms, scanned at {}",
                protocol::text::instant(code.at),
                code.error_ms,
                body.reader
            ),
            None => "a time code that does not read".to_owned(),
        },
        Body::Adopt(adopt) => format!(
            "bundle {} in force, agenda {}",
            adopt.sequence,
            short(&adopt.agenda.to_hex())
        ),
        Body::Scan(scan) => audit::why::scan_words(scan),
        Body::Staff(staff) => {
            let about = staff.index.map(|index| format!(" entry {index}"));
            let by = staff.badge.as_ref();
            let by = by.map(|badge| format!(", staff badge {}", badge.digest.short()));
            format!(
                "staff: {}{} ({}){}",
                staff.action,
                about.unwrap_or_default(),
                staff.reason,
                by.unwrap_or_default()
            )
        }
        Body::Reader(reader) => {
            let state = match reader.state {
                entry::ReaderState::Attached => "attached",
                entry::ReaderState::Lost => "lost",
                entry::ReaderState::Stalled => "stalled",
                entry::ReaderState::Flooding => "flooding",
            };
            format!(
                "reader {} {state}, {} reads refused",
                reader.reader, reader.refused
            )
        }
        Body::Receipt(note) => format!("receipt for {}", size_of(&note.note)),
        Body::LedgerHead(note) => format!("witnessed the ledger at {}", size_of(&note.note)),
        Body::Note(note) => {
            let numbers: Vec<String> = note
                .numbers
                .iter()
                .map(|(name, n)| format!("{name} {n}"))
                .collect();
            format!("{} {}", note.code, numbers.join(", "))
        }
    }
}

/// The second line of a checkpoint is its size.
fn size_of(note: &str) -> String {
    let size = note.lines().nth(1).and_then(|line| line.parse().ok());
    size.map_or_else(|| "a head that does not read".to_owned(), entries)
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn ledger_line(bytes: &[u8], zone: Zone) -> Line {
    match ledger::parse(bytes) {
        Ok(entry) => (
            zone.instant(entry.at),
            entry.body.kind(),
            ledger_words(&entry),
        ),
        Err(error) => (String::new(), "unreadable", error.to_string()),
    }
}

fn ledger_words(entry: &LedgerEntry) -> String {
    match &entry.body {
        LedgerBody::Event(e) => format!("{} ({}), by {}", e.title, e.event, e.issuer),
        LedgerBody::Door(d) => {
            let rooms: Vec<&str> = d
                .rooms
                .iter()
                .map(attendance::words::RoomId::as_str)
                .collect();
            format!("door {} serves {}", d.door, rooms.join(", "))
        }
        LedgerBody::Kiosk(k) => format!("kiosk {} enrolled at {}", k.kiosk, k.door),
        LedgerBody::Retirement(r) => format!("kiosk {} retired: {}", r.kiosk, r.reason),
        LedgerBody::Case(c) => format!(
            "{} of {} from {} to {} {}: {}, by {}",
            c.about.as_str(),
            c.log,
            c.base,
            c.size,
            c.outcome.as_str(),
            c.reason,
            c.operator
        ),
        LedgerBody::Recovery(r) => format!(
            "goes on without the head of {} that kiosk {} showed: {}, by {}",
            entries(r.size),
            r.kiosk,
            r.reason,
            r.operator
        ),
        LedgerBody::DoorLost(d) => format!("door {} given up: {}", d.door, d.reason),
        LedgerBody::Import(i) => format!("{} of {} rows from {}", i.what, i.rows, i.format),
        LedgerBody::Rules(r) => format!("{} under {:?}", r.programme, r.name),
        LedgerBody::KioskHead(h) => format!("{} from {} to {} entries", h.log, h.from, h.size),
        LedgerBody::Quarantine(q) => format!("{} entry {}: {}", q.log, q.index, q.code),
        LedgerBody::Decision(d) => {
            let credits = d
                .credits
                .map_or("no credits yet".to_owned(), |c| format!("{c} credits"));
            format!(
                "{} in {}: {}, {credits}, {}",
                d.attendee, d.programme, d.outcome, d.reason
            )
        }
        LedgerBody::Certificate(c) => format!(
            "{} version {} to {}, on decision {}",
            c.certificate, c.version, c.attendee, c.decision
        ),
        LedgerBody::Signals(s) => {
            let by = s
                .operator
                .as_ref()
                .map(|operator| format!(", by {operator}"));
            let why = s.reason.as_ref().map(|reason| format!(": {reason}"));
            format!(
                "{} signals from {}{}{}",
                s.rows,
                s.source,
                why.unwrap_or_default(),
                by.unwrap_or_default()
            )
        }
        LedgerBody::Retraction(r) => {
            let row = r
                .row
                .map_or("all rows".to_owned(), |row| format!("row {row}"));
            format!(
                "{row} of entry {} retracted: {}, by {}",
                r.entry, r.reason, r.operator
            )
        }
        LedgerBody::Erasure(e) => format!(
            "personal data of {} erased: {}, by {}",
            e.attendee, e.reason, e.operator
        ),
        LedgerBody::Sign(s) => format!(
            "sign {} ({}, seen {} times) {}: {}, by {}",
            s.sign,
            s.about.as_str(),
            s.times,
            s.outcome.as_str(),
            s.reason,
            s.operator
        ),
        LedgerBody::Revocation(r) => {
            format!(
                "{} version {} revoked: {}",
                r.certificate, r.version, r.reason
            )
        }
    }
}
