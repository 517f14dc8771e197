#![allow(clippy::unwrap_used, clippy::panic)]
use std::collections::BTreeMap;
use std::io::Read as _;

use attendance::words::Direction;
use audit::report::Verdict;
use audit::verify::{Options, verify};
use protocol::entry::BootCause;

use super::*;
use crate::imports::agenda::put_door;
use crate::imports::testing::{Office, event_id};
use crate::testing::{FakeKiosk, ISSUER, NOON, door, enrol, issuer_key};

fn unpack(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(File::open(path).unwrap());
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(entry.path().unwrap().display().to_string(), bytes);
    }
    files
}

/// An issuer with two kiosks, of which one has delivered.
fn office() -> (Office, FakeKiosk) {
    let mut office = Office::new();
    office.keys.signing = issuer_key();
    for id in ["main", "side"] {
        put_door(office.desk(), &event_id(), &door(id))
            .unwrap()
            .unwrap();
    }
    let mut kiosk = enrol(office.store.as_ref(), "main", 1);
    enrol(office.store.as_ref(), "side", 2);
    kiosk.boot(BootCause::Start);
    kiosk.scan("X1", Direction::In);
    kiosk.send(office.store.as_ref(), 0, 2);
    (office, kiosk)
}

fn exported(office: &Office, name: &str) -> (Exported, BTreeMap<String, Vec<u8>>) {
    let origin = Origin {
        store: office.store.as_ref(),
        objects: office.objects.as_ref(),
        keys: &office.keys,
        issuer: ISSUER,
        software: "test",
    };
    let out = office.folder.path().join(name);
    let said = export(origin, &event_id(), &out, NOON).unwrap();
    (said, unpack(&out))
}

#[test]
fn what_was_delivered_is_in_it_and_verifies() {
    let (office, _) = office();
    let (said, files) = exported(&office, "one.tar");
    assert_eq!((said.journals, said.cosignatures), (1, 0));
    let report = verify(
        &files,
        &Options {
            issuer_key: Some(issuer_key().public_key()),
            ..Options::default()
        },
        &mut |_| {},
    );
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert_eq!(report.entries, said.entries);
    // The journal's head carries the issuer's word on when it was.
    let receipt = String::from_utf8(files["logs/1/checkpoint.txt"].clone()).unwrap();
    assert!(
        receipt.contains(&format!("\u{2014} {ISSUER} ")),
        "{receipt}"
    );
}

#[test]
fn a_witnessed_head_carries_its_witness() {
    let (office, mut kiosk) = office();
    let store = office.store.as_ref();
    let head = store.ledger_head(&event_id()).unwrap();
    let checkpoint = Checkpoint::new(&head.origin, head.size, head.root).unwrap();
    kiosk.ledger_head(&sign_checkpoint(&checkpoint, &issuer_key()));
    kiosk.send(store, 2, 3);
    // The batch that brought it made the ledger longer, so the newest head is not the one that was witnessed.
    let (said, files) = exported(&office, "two.tar");
    assert_eq!(said.cosignatures, 0);
    let report = verify(&files, &Options::default(), &mut |_| {});
    assert!(report.broken_at.is_none(), "{report:#?}");
    let witness = &store.witnesses(&event_id(), head.size).unwrap()[0];
    assert!(
        cosignature(witness)
            .unwrap()
            .contains(kiosk.facts.origin.as_str())
    );
}

#[test]
fn entries_that_are_damaged_stand_by_their_leaf() {
    let leaf = evidence::leaf_hash(b"x");
    let mut line = Vec::new();
    write_line(
        &mut line,
        &LogEntry {
            index: 0,
            leaf,
            bytes: None,
            kind: None,
        },
    )
    .unwrap();
    assert_eq!(line, format!("{}\n", damaged_line(leaf)).as_bytes());
}

#[test]
fn long_logs_come_in_pages() {
    let (office, mut kiosk) = office();
    let store = office.store.as_ref();
    for round in 0..3_u64 {
        for _ in 0..500 {
            kiosk.note("n");
        }
        kiosk.send(store, 2 + round * 500, 2 + (round + 1) * 500);
    }
    let (_, files) = exported(&office, "long.tar");
    let archive: Archive = serde_json::from_slice(&files[ARCHIVE_PATH]).unwrap();
    assert_eq!(archive.logs[1].size, 1_502);
    let report = verify(&files, &Options::default(), &mut |_| {});
    assert!(report.broken_at.is_none(), "{report:#?}");
}

#[test]
fn heads_are_read_again_until_no_batch_came_between() {
    let (mut ledger, mut reads) = ([1, 2, 2, 3, 3, 3].into_iter(), 0);
    let read = || {
        reads += 1;
        Ok(reads)
    };
    let found = while_still(|| Ok(ledger.next().unwrap()), read).unwrap();
    assert_eq!(found, (3, 3));
    let mut size = 0;
    let grows = || {
        size += 1;
        Ok(size)
    };
    assert!(matches!(
        while_still(grows, || Ok(())),
        Err(ExportError::Busy)
    ));
}
