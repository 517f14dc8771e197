//! What a holder of a kiosk's key, or of an archive, may try against the auditor: each is found, under the check's own name and with the log
//! and entry where it is. The rows of `THREATS.md` name these tests.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::files::Memory;
use crate::report::{Check, Outcome, Verdict};
use crate::testing::{Log, MINUTE_MS, World, nine_and};
use attendance::words::Direction;
use protocol::archive::{entries_path, object_path};
use protocol::entry::{self, Body};

fn run(files: &Memory) -> Report {
    verify(files, &Options::default(), &mut |_| {})
}

fn failures(report: &Report) -> Vec<&Check> {
    let failed = |check: &&Check| check.outcome == Outcome::Failed;
    report.checks.iter().filter(failed).collect()
}

/// Lines of a log in an archive.
fn lines(files: &Memory, log: usize) -> Vec<Vec<u8>> {
    let bytes = &files[&entries_path(log)];
    let body = bytes.strip_suffix(b"\n").unwrap();
    body.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

fn with_lines(files: &Memory, log: usize, lines: &[Vec<u8>]) -> Memory {
    let mut changed = files.clone();
    let bytes = [lines.join(&b'\n'), b"\n".to_vec()].concat();
    changed.insert(entries_path(log), bytes);
    changed
}

/// Checks that a change to a log is found by the log's own checkpoint, and that the report names that log.
#[track_caller]
fn named(files: &Memory, log: usize, changed: &Memory, what: &str) {
    let report = run(changed);
    assert_eq!(report.verdict, Verdict::Failed, "{what}");
    let description: Archive = serde_json::from_slice(&files[archive::ARCHIVE_PATH]).unwrap();
    let failed = failures(&report);
    let logs = failed.iter().find(|check| check.name == "logs");
    let place = logs
        .unwrap_or_else(|| panic!("{what}: {failed:?}"))
        .first_failure
        .clone();
    let place = place.unwrap();
    assert_eq!(
        place.log,
        Some(description.logs[log].origin.clone()),
        "{what}"
    );
    assert!(
        place.path.starts_with(&format!("logs/{log}/")),
        "{what}: {place:?}"
    );
}

/// Where each value of an entry begins, its keys' names apart.
fn fields(bytes: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    for at in 1..bytes.len() - 2 {
        if bytes[at] == b':' && bytes[at - 1] == b'"' {
            found.push(if bytes[at + 1] == b'"' {
                at + 2
            } else {
                at + 1
            });
        }
    }
    found
}

#[test]
fn a_flipped_byte_in_every_field_of_every_entry_is_found() {
    let files = World::finished().archive();
    let mut flipped = 0;
    for log in 0..2 {
        let whole = lines(&files, log);
        for index in 0..whole.len() {
            for at in fields(&whole[index]) {
                let mut changed = whole.clone();
                changed[index][at] ^= 1;
                let what = format!("log {log} entry {index} byte {at}");
                named(&files, log, &with_lines(&files, log, &changed), &what);
                flipped += 1;
            }
        }
    }
    assert!(flipped > 200, "{flipped}");
}

#[test]
fn dropped_reordered_replayed_and_invented_entries_are_found() {
    let files = World::finished().archive();
    for log in 0..2 {
        let whole = lines(&files, log);
        let check = |index: usize, what: &str, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
            let mut changed = whole.clone();
            change(&mut changed);
            let what = format!("log {log} entry {index}: {what}");
            named(&files, log, &with_lines(&files, log, &changed), &what);
        };
        for index in 0..whole.len() {
            check(index, "dropped", &|lines| drop(lines.remove(index)));
            check(index, "replayed", &|lines| lines.push(lines[index].clone()));
            check(index, "invented", &|lines| {
                lines.insert(index, b"{}".to_vec());
            });
            if index + 1 < whole.len() {
                check(index, "reordered", &|lines| lines.swap(index, index + 1));
            }
            check(index, "truncated", &|lines| lines.truncate(index));
        }
    }
}

/// A world whose kiosk's own key signs another history: the entries of its log are changed and signed anew.
fn signed_anew(change: impl Fn(&mut Vec<Vec<u8>>)) -> World {
    let mut world = World::finished();
    let mut entries = world.kiosks[0].log.entries.clone();
    change(&mut entries);
    world.kiosks[0].log = Log::default();
    for bytes in entries {
        world.journal_bytes(0, bytes);
    }
    world
}

/// The indices of the journal's entries of a kind.
fn of_kind(entries: &[Vec<u8>], kind: &str) -> Vec<usize> {
    let is = |bytes: &Vec<u8>| entry::parse(bytes).unwrap().body.kind() == kind;
    (0..entries.len()).filter(|i| is(&entries[*i])).collect()
}

/// Checks that these checks fail, and that the first of them says where: the log and the entry.
#[track_caller]
fn check(world: &World, names: &[&str], index: Option<u64>) {
    let report = run(&world.archive());
    let failed = failures(&report);
    let found: Vec<&str> = failed.iter().map(|check| check.name.as_str()).collect();
    for name in names {
        assert!(found.contains(name), "{found:?}");
    }
    let place = report.broken_at.clone().unwrap();
    assert!(place.log.is_some(), "{place:?}");
    if index.is_some() {
        let by_name = failed.iter().find(|check| check.name == names[0]);
        assert_eq!(
            by_name.unwrap().first_failure.as_ref().unwrap().index,
            index
        );
    }
}

#[test]
fn what_a_receipt_covers_cannot_be_signed_anew() {
    for index in 0..3 {
        let dropped = signed_anew(|entries| drop(entries.remove(index)));
        check(&dropped, &["kiosk_heads", "receipts"], None);
        let swapped = signed_anew(|entries| entries.swap(index, index + 1));
        check(&swapped, &["kiosk_heads"], None);
        let invented = signed_anew(|entries| entries.insert(index, entries[index].clone()));
        check(&invented, &["kiosk_heads", "receipts"], None);
    }
}

#[test]
fn swapped_and_foreign_receipts_are_found_at_their_entry() {
    let entries = World::finished().kiosks[0].log.entries.clone();
    let receipts = of_kind(&entries, "receipt");
    let (first, last) = (receipts[0], *receipts.last().unwrap());
    assert_ne!(first, last);
    let swapped = signed_anew(|entries| entries.swap(first, last));
    check(&swapped, &["receipts"], Some(first as u64));
    // Another kiosk's receipt, and one that the issuer never gave.
    let mut other = World::finished();
    let kiosk = other.add_kiosk("hall-2", "back-door", &["hall"], nine_and(-29 * MINUTE_MS));
    other.scan(kiosk, nine_and(0), "X1", Direction::In);
    other.sync(kiosk, nine_and(MINUTE_MS));
    let theirs = other.kiosks[kiosk].log.entries.clone();
    let foreign = theirs[of_kind(&theirs, "receipt")[0]].clone();
    let world = signed_anew(|entries| entries[first] = foreign.clone());
    check(&world, &["receipts"], Some(first as u64));
    let forged = signed_anew(|entries| {
        let text = String::from_utf8(entries[first].clone()).unwrap();
        let at = text.rfind("\\n\"").unwrap() - 8;
        let mut bytes = text.into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        entries[first] = bytes;
    });
    check(&forged, &["receipts"], Some(first as u64));
}

#[test]
fn a_forged_time_answer_is_found_at_its_entry() {
    let entries = World::finished().kiosks[0].log.entries.clone();
    let at = *of_kind(&entries, "clock").last().unwrap();
    let parsed = entry::parse(&entries[at]).unwrap();
    let Body::Clock(clock) = &parsed.body else {
        panic!()
    };
    let later = clock.issuer_sent.plus_ms(3_600_000);
    let variants: [&dyn Fn(&mut protocol::entry::Clock); 3] = [
        &|clock| clock.issuer_sent = later,
        &|clock| clock.nonce = "0".repeat(32),
        &|clock| clock.issuer_error_ms += 1,
    ];
    for change in variants {
        let world = signed_anew(|entries| {
            let mut forged = parsed.clone();
            let Body::Clock(clock) = &mut forged.body else {
                panic!()
            };
            change(clock);
            entries[at] = entry::encode(&forged).unwrap();
        });
        check(&world, &["clocks"], Some(at as u64));
    }
}

/// A holder of the key appends a scan that claims a time before the last receipt: the two contradict each other, which is shown with the scan,
/// and nothing is decided on the time it claims.
#[test]
fn a_back_dated_scan_contradicts_its_bracket() {
    let mut world = World::finished();
    world.clock(0, nine_and(70 * MINUTE_MS));
    let last = world.scan(0, nine_and(80 * MINUTE_MS), "X1", Direction::In);
    let mut forged =
        entry::parse(&world.kiosks[0].log.entries[usize::try_from(last).unwrap()]).unwrap();
    let back_ms = 75 * 60_000;
    forged.stamp.raw_ms -= back_ms;
    forged.stamp.wall = forged.stamp.wall.plus_ms(-i64::try_from(back_ms).unwrap());
    let index = world.journal_bytes(0, entry::encode(&forged).unwrap());
    let options = Options {
        issuer_key: None,
        list_scans: true,
    };
    let report = verify(&world.archive(), &options, &mut |_| {});
    let line = |index: u64| {
        let of_it =
            |line: &&crate::report::ScanLine| line.index == index && line.log.contains("hall-1");
        report.scans.iter().find(of_it).unwrap()
    };
    assert_eq!(line(last).quality, "anchored");
    let back_dated = line(index);
    assert_eq!(back_dated.quality, "contradictory", "{back_dated:?}");
    assert!(back_dated.latest >= back_dated.not_before.as_ref().unwrap().time);
}

#[test]
fn foreign_keys_are_refused() {
    let stranger = evidence::SigningKey::from_seed(&[77; 32]);
    // The journal under another key than the ledger enrolled.
    let mut world = World::finished();
    world.kiosks[0].key = stranger.clone();
    check(&world, &["enrolment", "receipts"], None);
    // The description names the stranger's key throughout.
    let described = |change: &dyn Fn(&mut Archive)| {
        let mut files = World::finished().archive();
        let mut description: Archive =
            serde_json::from_slice(&files[archive::ARCHIVE_PATH]).unwrap();
        change(&mut description);
        let bytes = serde_json::to_vec(&description).unwrap();
        files.insert(archive::ARCHIVE_PATH.to_owned(), bytes);
        let report = run(&files);
        assert_eq!(report.verdict, Verdict::Failed);
        let names: Vec<String> = failures(&report).iter().map(|c| c.name.clone()).collect();
        names
    };
    let key = stranger.public_key();
    assert!(described(&|d| d.logs[1].key = key).contains(&"enrolment".to_owned()));
    assert!(described(&|d| d.issuer_key = key).contains(&"ledger".to_owned()));
}

#[test]
fn a_swapped_object_is_found_by_its_name() {
    let files = World::finished().archive();
    let objects: Vec<String> = files
        .keys()
        .filter(|p| p.starts_with("objects/"))
        .cloned()
        .collect();
    for pair in objects.windows(2) {
        let mut swapped = files.clone();
        swapped.insert(pair[0].clone(), files[&pair[1]].clone());
        let report = run(&swapped);
        let failed = failures(&report);
        let check = failed.iter().find(|check| check.name == "objects").unwrap();
        assert_eq!(check.first_failure.as_ref().unwrap().path, pair[0]);
    }
    assert!(objects.contains(&object_path(sha256(&files[&objects[0]]))));
}

#[test]
fn a_cut_ledger_is_found_by_those_who_witnessed_it() {
    let whole = World::finished();
    for keep in [whole.ledger.size() - 1, whole.ledger.size() / 2, 1] {
        let mut world = World::finished();
        let mut entries = world.ledger.entries.clone();
        entries.truncate(usize::try_from(keep).unwrap());
        world.ledger = Log::default();
        for bytes in entries {
            world.ledger_bytes(bytes);
        }
        let report = run(&world.archive());
        let cut_last = keep == whole.ledger.size() - 1;
        // The newest entry is the certificate's: no head that covers it has come back from a kiosk.
        assert_eq!(report.verdict == Verdict::Failed, !cut_last, "{keep}");
    }
}
