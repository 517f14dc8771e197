#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use attendance::UtcMs;
use evidence::{Receipt, cosign, open_checkpoint};
use protocol::batch;
use rusqlite::Connection;

use super::*;
use crate::fixture::{Fixture, ISSUER};

mod traces;

/// A folder with an enrolled journal, and a disk that fails when told to.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) fixture: Fixture,
    fault: Arc<Mutex<Option<(Step, Fault)>>>,
    free: Arc<AtomicU64>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let bench = Self::empty();
        let now = UtcMs(1_800_000_000_000);
        let bundle = bench.fixture.bundle(1, 2, now, now.plus_ms(1));
        let signed = bench.fixture.signed(&bundle);
        let mut journal = bench.open().unwrap();
        let new = NewBundle {
            sequence: 1,
            hash: evidence::sha256(&signed),
            etag: Some("e-1"),
            signed: &signed,
            issued: now,
        };
        let key = &bench.fixture.kiosk;
        journal.enrol(&bench.enrolment(), key, new).unwrap();
        bench
    }

    fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            fixture: Fixture::default(),
            fault: Arc::default(),
            free: Arc::new(AtomicU64::new(u64::MAX)),
        }
    }

    pub(super) fn enrolment(&self) -> Enrolment {
        Enrolment {
            kiosk: self.fixture.kiosk_id(),
            event: self.fixture.event(),
            issuer: ISSUER.to_owned(),
            issuer_key: self.fixture.issuer.public_key(),
            url: "https://issuer.example".to_owned(),
            tls_pin: None,
            origin: self.fixture.origin(),
            badge_key: self.fixture.badge_key.clone(),
        }
    }

    fn disk(&self) -> Disk {
        let fault = Arc::clone(&self.fault);
        let free = Arc::clone(&self.free);
        Disk::with_free(1 << 20, move |_| Ok(free.load(Ordering::Relaxed))).failing(move |step| {
            let mut fault = fault.lock().unwrap();
            match *fault {
                Some((at, what)) if at == step => {
                    *fault = None;
                    Some(what)
                }
                _ => None,
            }
        })
    }

    pub(super) fn open(&self) -> Result<Journal, JournalError> {
        Journal::open(Arc::new(Folder::take(self.folder.path())?), self.disk())
    }

    pub(super) fn fail(&self, step: Step, fault: Fault) {
        *self.fault.lock().unwrap() = Some((step, fault));
    }

    pub(super) fn alter(&self, sql: &str) {
        let db = Connection::open(self.folder.path().join("journal.sqlite")).unwrap();
        db.execute_batch(sql).unwrap();
    }

    pub(super) fn receipt(&self, journal: &mut Journal, time_s: u64) -> Receipt {
        let note = journal.checkpoint().unwrap();
        let note = cosign(&note, ISSUER, &self.fixture.issuer, time_s).unwrap();
        Receipt::open(
            &note,
            &self.fixture.origin(),
            &self.fixture.kiosk.public_key(),
            ISSUER,
            &self.fixture.issuer.public_key(),
        )
        .unwrap()
    }
}

pub(super) fn lines(range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    let line = |n| format!("{{\"n\":{n}}}").into_bytes();
    range.map(line).collect()
}

/// Every file of a folder with the hash of its bytes.
fn hashes(folder: &Path) -> BTreeMap<String, Hash> {
    let hash = |(name, bytes): (String, Vec<u8>)| (name, evidence::sha256(&bytes));
    files(folder).into_iter().map(hash).collect()
}

/// Every file of a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    };
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| file(entry.unwrap()))
        .collect()
}

#[test]
fn what_was_appended_is_there_after_opening_again() {
    let bench = Bench::new();
    let mut journal = bench.open().unwrap();
    assert_eq!(journal.append(&lines(0..3)).unwrap(), 0..3);
    assert_eq!(journal.append(&lines(3..5)).unwrap(), 3..5);
    let root = journal.verify_all().unwrap().root;
    drop(journal);
    let journal = bench.open().unwrap();
    assert_eq!(journal.size(), 5);
    assert_eq!(journal.verify_all().unwrap().root, root);
    assert_eq!(journal.entry(4).unwrap().unwrap(), lines(4..5)[0]);
    assert_eq!(journal.entry(5).unwrap(), None);
    let mut read = Vec::new();
    journal
        .for_each(2, |index, _, bytes| {
            read.push((index, bytes.unwrap().to_vec()));
            Ok::<(), JournalError>(())
        })
        .unwrap();
    assert_eq!(read.len(), 3);
    assert_eq!(read[0], (2, lines(2..3)[0].clone()));
}

/// Each step × each fault × each kind of write: persisted exactly where the step lies after the durable point, never half.
#[test]
fn a_commit_that_fails_leaves_all_or_nothing_and_spends_the_handle() {
    type Write = fn(&Bench, &mut Journal) -> Result<(), JournalError>;
    let append: Write = |_, journal| journal.append(&lines(2..4)).map(|_| ());
    let bundle: Write = |_, journal| {
        let new = NewBundle {
            sequence: 2,
            hash: Hash([2; 32]),
            etag: None,
            signed: b"bundle",
            issued: UtcMs(0),
        };
        journal.adopt_bundle(new, &lines(2..4)).map(|_| ())
    };
    let time: Write = |_, journal| {
        let at = UtcMs(1_900_000_000_000);
        journal.append_signed_time(&lines(2..4), at).map(|_| ())
    };
    for (step, persists) in [
        (Step::Begin, false),
        (Step::Commit, false),
        (Step::Committed, true),
    ] {
        for fault in [Fault::Full, Fault::Io] {
            for (name, write) in [("append", append), ("bundle", bundle), ("time", time)] {
                let case = format!("{name} {step:?} {fault:?}");
                let bench = Bench::new();
                let mut journal = bench.open().unwrap();
                journal.append(&lines(0..2)).unwrap();
                bench.fail(step, fault);
                let error = write(&bench, &mut journal).unwrap_err();
                assert!(error.is_fatal(), "{case}");
                let expected = matches!(
                    (&error, fault),
                    (JournalError::Full { .. }, Fault::Full) | (JournalError::Io(_), Fault::Io)
                );
                assert!(expected, "{case}: {error}");
                let again = journal.append(&lines(9..10));
                assert!(matches!(again, Err(JournalError::Spent)), "{case}");
                assert!(
                    matches!(journal.ready(), Err(JournalError::Spent)),
                    "{case}"
                );
                drop(journal);
                let mut journal = bench.open().unwrap();
                assert_eq!(journal.size(), if persists { 4 } else { 2 }, "{case}");
                let sequence = journal.bundle().unwrap().sequence;
                assert_eq!(sequence == 2, persists && name == "bundle", "{case}");
                let raised = journal.floor() == UtcMs(1_900_000_000_000);
                assert_eq!(raised, persists && name == "time", "{case}");
                journal.append(&lines(9..10)).unwrap();
                journal.verify_all().unwrap();
            }
        }
    }
}

#[test]
fn a_log_cut_off_anywhere_opens_as_what_was_committed() {
    let bench = Bench::new();
    let mut journal = bench.open().unwrap();
    for n in 0..6 {
        journal.append(&lines(n..n + 1)).unwrap();
    }
    // The files as a power cut leaves them: the database untouched, the write-ahead log up to some byte.
    let files = files(bench.folder.path());
    let wal = &files["journal.sqlite-wal"];
    assert!(wal.len() > 8 * 4096, "{}", wal.len());
    let mut sizes = Vec::new();
    for cut in (0..=wal.len()).step_by(1_031).chain([wal.len()]) {
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join("journal.sqlite"), &files["journal.sqlite"]).unwrap();
        std::fs::write(copy.path().join("journal.sqlite-wal"), &wal[..cut]).unwrap();
        let folder = Arc::new(Folder::take(copy.path()).unwrap());
        let mut journal = Journal::open(folder, bench.disk()).unwrap();
        journal.verify_all().unwrap();
        sizes.push(journal.size());
        journal.append(&lines(100..101)).unwrap();
    }
    assert!(sizes.is_sorted(), "{sizes:?}");
    assert_eq!(sizes.last(), Some(&6));
    sizes.dedup();
    assert!(sizes.len() > 4, "{sizes:?}");
}

#[test]
fn only_one_program_at_a_time() {
    let bench = Bench::new();
    let journal = bench.open().unwrap();
    let second = bench.open().unwrap_err();
    assert!(matches!(second, JournalError::Locked(_)), "{second}");
    drop(journal);
    bench.open().unwrap();
}

#[test]
fn a_database_held_by_another_is_refused() {
    let bench = Bench::new();
    let other = Connection::open(bench.folder.path().join("journal.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = bench.open().unwrap_err();
    assert!(matches!(refused, JournalError::Locked(_)), "{refused}");
}

#[test]
fn a_newer_or_foreign_database_is_left_untouched() {
    for (sql, in_wal) in [
        ("PRAGMA user_version = 99", false),
        ("PRAGMA user_version = 99", true),
        ("PRAGMA application_id = 7", false),
    ] {
        let bench = Bench::new();
        let path = bench.folder.path().join("journal.sqlite");
        let db = Connection::open(&path).unwrap();
        if in_wal {
            // As another version leaves it when it is killed: the new format stands in the write-ahead log only.
            db.set_db_config(
                rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
                true,
            )
            .unwrap();
        }
        db.execute_batch(sql).unwrap();
        drop(db);
        let _ = std::fs::remove_file(bench.folder.path().join("journal.sqlite-shm"));
        let before = hashes(bench.folder.path());
        let refused = bench.open().unwrap_err();
        let expected = matches!(
            refused,
            JournalError::Newer {
                found: 99,
                known: 2
            } | JournalError::Foreign(_)
        );
        assert!(expected, "{refused}");
        assert_eq!(hashes(bench.folder.path()), before, "{sql} {in_wal}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let bench = Bench::empty();
    std::fs::write(
        bench.folder.path().join("journal.sqlite"),
        vec![b'x'; 9_000],
    )
    .unwrap();
    let refused = bench.open().unwrap_err();
    assert!(matches!(refused, JournalError::Damaged(_)), "{refused}");
}

#[test]
fn below_the_limit_the_disk_counts_as_full_and_room_brings_it_back() {
    let bench = Bench::new();
    let mut journal = bench.open().unwrap();
    bench.free.store((1 << 20) - 1, Ordering::Relaxed);
    let full = journal.append(&lines(0..1)).unwrap_err();
    assert!(matches!(full, JournalError::Full { .. }), "{full}");
    assert!(journal.ready().is_err());
    bench.free.store(1 << 20, Ordering::Relaxed);
    assert_eq!(journal.append(&lines(0..1)).unwrap(), 0..1);
}

#[test]
fn damaged_bytes_are_kept_as_their_leaf_and_anything_worse_is_refused() {
    let damage = "UPDATE entries SET bytes = CAST('{}' AS BLOB) WHERE idx = 1";
    let bench = Bench::new();
    bench.open().unwrap().append(&lines(0..4)).unwrap();
    bench.alter(damage);
    let mut journal = bench.open().unwrap();
    assert_eq!(journal.damaged(), 1);
    let verified = journal.verify_all().unwrap();
    assert_eq!((verified.size, verified.damaged_at), (4, vec![1]));
    let batch = journal.prepare_batch(0, 10, 10_000).unwrap().unwrap();
    assert!(matches!(batch.leaves[1], OwnedLeaf::Damaged(_)));
    assert!(matches!(batch.leaves[2], OwnedLeaf::Entry(_)));

    for worse in [
        "UPDATE entries SET leaf = zeroblob(32) WHERE idx = 1",
        "DELETE FROM entries WHERE idx = 1",
        "DELETE FROM entries WHERE idx = 3",
        "INSERT INTO entries VALUES (4, zeroblob(32), CAST('' AS BLOB))",
        "UPDATE tip SET frontier = zeroblob(8)",
        "UPDATE tip SET frontier = zeroblob(7)",
        "INSERT INTO heads VALUES (9, zeroblob(32))",
        "INSERT INTO heads VALUES (3, zeroblob(32))",
        "UPDATE enrolment SET kiosk = 'No Id'",
        "DELETE FROM log",
    ] {
        let bench = Bench::new();
        bench.open().unwrap().append(&lines(0..4)).unwrap();
        bench.alter(worse);
        match bench.open() {
            Err(JournalError::Damaged(_)) => {}
            other => panic!("{worse}: {other:?}"),
        }
    }
}

#[test]
fn a_long_log_opens_by_its_tail_and_is_verified_as_a_whole() {
    let bench = Bench::new();
    let mut journal = bench.open().unwrap();
    journal.append(&lines(0..BASE_EVERY + 10)).unwrap();
    drop(journal);
    bench.alter("UPDATE entries SET leaf = zeroblob(32) WHERE idx = 3");
    let journal = bench.open().unwrap();
    assert!(matches!(
        journal.verify_all(),
        Err(JournalError::Damaged(_))
    ));
    drop(journal);
    bench.alter("UPDATE entries SET leaf = zeroblob(32) WHERE idx = 1025");
    assert!(matches!(bench.open(), Err(JournalError::Damaged(_))));
}

#[test]
fn batches_are_under_a_head_that_ends_with_them() {
    let bench = Bench::new();
    let mut journal = bench.open().unwrap();
    journal.append(&lines(0..20)).unwrap();
    let key = bench.fixture.kiosk.public_key();
    for (from, most, bytes, end) in [
        (0, 20, 10_000, 20),
        (0, 7, 10_000, 7),
        (7, 100, 10_000, 20),
        (3, 5, 1, 4),
        (3, 5, 16, 5),
    ] {
        let batch = journal.prepare_batch(from, most, bytes).unwrap().unwrap();
        assert_eq!((batch.start, batch.end()), (from, end));
        let head = open_checkpoint(&batch.checkpoint, &bench.fixture.origin(), &key).unwrap();
        let mut frontier = evidence::Frontier::new();
        frontier.append_all(lines(0..end).iter().map(|line| leaf_hash(line)));
        assert_eq!((head.size, head.root), (end, frontier.root()));
        let bytes = batch.to_bytes().unwrap();
        assert_eq!(batch::read(&bytes).unwrap().leaves.len() as u64, end - from);
    }
    assert_eq!(journal.prepare_batch(20, 9, 9_000).unwrap(), None);
    let beyond = journal.prepare_batch(21, 9, 9_000).unwrap_err();
    assert!(matches!(
        beyond,
        JournalError::Beyond { from: 21, size: 20 }
    ));
    assert!(!beyond.is_fatal());
}

#[test]
fn a_head_is_persisted_before_it_is_signed_and_never_contradicted() {
    for (step, persists) in [(Step::Commit, 0), (Step::Committed, 1)] {
        let bench = Bench::new();
        let mut journal = bench.open().unwrap();
        journal.append(&lines(0..3)).unwrap();
        bench.fail(step, Fault::Io);
        assert!(journal.prepare_batch(0, 9, 9_000).is_err());
        drop(journal);
        let count = Connection::open(bench.folder.path().join("journal.sqlite"))
            .unwrap()
            .query_row("SELECT count(*) FROM heads", [], |row| row.get::<_, i64>(0))
            .unwrap();
        assert_eq!(count, persists, "{step:?}");
        // The same head is signed the same way, however often it is asked for.
        let mut journal = bench.open().unwrap();
        let first = journal.checkpoint().unwrap();
        assert_eq!(journal.checkpoint().unwrap(), first);
    }
    let bench = Bench::new();
    let mut journal = bench.open().unwrap();
    journal.append(&lines(0..3)).unwrap();
    let insert = "INSERT INTO heads VALUES (3, zeroblob(32))";
    journal.db.execute_batch(insert).unwrap();
    assert!(matches!(
        journal.checkpoint(),
        Err(JournalError::Damaged(_))
    ));
}

#[test]
fn receipts_raise_what_is_receipted_and_the_floor() {
    let bench = Bench::new();
    let mut journal = bench.open().unwrap();
    journal.append(&lines(0..3)).unwrap();
    let receipt = bench.receipt(&mut journal, 1_900_000_000);
    assert_eq!(journal.take_receipt(&receipt, &lines(3..4)).unwrap(), 3..4);
    assert_eq!((journal.receipted(), journal.size()), (3, 4));
    assert_eq!(journal.floor(), UtcMs(1_900_000_000_000));
    drop(journal);
    let mut journal = bench.open().unwrap();
    assert_eq!(journal.receipted(), 3);
    assert_eq!(journal.receipted_at_s(), Some(1_900_000_000));
    assert_eq!(journal.newest_receipt().unwrap().unwrap().1, receipt.note);
    // From what has no receipt on, the next batch goes out.
    let batch = journal.prepare_batch(3, 9, 9_000).unwrap().unwrap();
    assert_eq!((batch.start, batch.end()), (3, 4));
    // An earlier time takes nothing back.
    let earlier = bench.receipt(&mut journal, 1_000_000_000);
    journal.take_receipt(&earlier, &[]).unwrap();
    assert_eq!(journal.floor(), UtcMs(1_900_000_000_000));
}

#[test]
fn a_receipt_over_other_entries_is_refused() {
    let bench = Bench::new();
    let other = Bench::new();
    let mut theirs = other.open().unwrap();
    theirs.append(&lines(50..53)).unwrap();
    let receipt = bench.receipt(&mut theirs, 1_900_000_000);
    let mut journal = bench.open().unwrap();
    let beyond = journal.take_receipt(&receipt, &[]).unwrap_err();
    assert!(matches!(beyond, JournalError::Beyond { .. }), "{beyond}");
    journal.append(&lines(0..3)).unwrap();
    let refused = journal.take_receipt(&receipt, &[]).unwrap_err();
    assert!(matches!(refused, JournalError::Damaged(_)), "{refused}");
    assert_eq!(journal.receipted(), 0);
}

#[test]
fn a_ledger_does_not_go_back() {
    let bench = Bench::new();
    let mut journal = bench.open().unwrap();
    let head = |size, root| evidence::Checkpoint::new("l", size, Hash([root; 32])).unwrap();
    journal
        .take_ledger_head(&head(5, 1), "n", &lines(0..1))
        .unwrap();
    journal.take_ledger_head(&head(5, 1), "n", &[]).unwrap();
    for (size, root) in [(4, 1), (5, 2)] {
        assert!(
            journal
                .take_ledger_head(&head(size, root), "n", &[])
                .is_err()
        );
    }
    drop(journal);
    let held = bench.open().unwrap().ledger().unwrap();
    assert_eq!((held.size, held.root), (5, Hash([1; 32])));
}

#[test]
fn an_enrolment_is_for_good() {
    let bench = Bench::new();
    let mut journal = bench.open().unwrap();
    assert_eq!(journal.key().public_key(), bench.fixture.kiosk.public_key());
    let new = NewBundle {
        sequence: 9,
        hash: Hash([0; 32]),
        etag: None,
        signed: b"",
        issued: UtcMs(0),
    };
    journal
        .enrol(&bench.enrolment(), &bench.fixture.kiosk, new)
        .unwrap();
    assert_eq!(journal.bundle().unwrap().sequence, 1, "nothing changes");
    let other = Enrolment {
        kiosk: attendance::words::KioskId::new("k-2").unwrap(),
        ..bench.enrolment()
    };
    let refused = journal
        .enrol(&other, &bench.fixture.kiosk, new)
        .unwrap_err();
    assert!(
        matches!(refused, JournalError::Enrolled { .. }),
        "{refused}"
    );
    assert!(!refused.is_fatal());
}

#[test]
fn before_enrolment_nothing_is_signed() {
    let bench = Bench::empty();
    let mut journal = bench.open().unwrap();
    let key = journal.key().public_key();
    assert!(matches!(
        journal.checkpoint(),
        Err(JournalError::NotEnrolled)
    ));
    drop(journal);
    assert_eq!(
        bench.open().unwrap().key().public_key(),
        key,
        "one key for life"
    );
}

#[test]
fn what_is_no_entry_is_refused_and_nothing_is_spent() {
    let bench = Bench::new();
    let mut journal = bench.open().unwrap();
    for bad in [vec![b'x'; MAX_ENTRY_BYTES + 1], b"a\nb".to_vec()] {
        assert!(matches!(
            journal.append(&[bad]),
            Err(JournalError::NotAnEntry { .. })
        ));
    }
    journal.append(&lines(0..1)).unwrap();
}

#[test]
fn tidying_keeps_everything() {
    let bench = Bench::new();
    let mut journal = bench.open().unwrap();
    for n in 0..300 {
        journal.append(&lines(n..n + 1)).unwrap();
    }
    let before = journal.folder().wal_bytes();
    journal.tidy().unwrap();
    for n in 300..400 {
        journal.append(&lines(n..n + 1)).unwrap();
    }
    assert_eq!(journal.folder().wal_bytes(), before, "it is written over");
    for n in 400..1_000 {
        journal.append(&lines(n..n + 1)).unwrap();
    }
    journal.tidy().unwrap();
    assert_eq!(journal.folder().wal_bytes(), 0, "too much was kept");
    journal.append(&lines(1_000..1_001)).unwrap();
    drop(journal);
    assert_eq!(bench.open().unwrap().verify_all().unwrap().size, 1_001);
}

/// A disk whose free space nobody can say is no disk to write to.
#[test]
fn a_disk_that_does_not_answer_is_not_written_to() {
    let bench = Bench::new();
    let gone = Arc::new(AtomicBool::new(false));
    let is_gone = Arc::clone(&gone);
    let disk = Disk::with_free(1, move |_| {
        if is_gone.load(Ordering::Relaxed) {
            Err(std::io::ErrorKind::NotFound.into())
        } else {
            Ok(1)
        }
    });
    let folder = Arc::new(Folder::take(bench.folder.path()).unwrap());
    let mut journal = Journal::open(folder, disk).unwrap();
    journal.append(&lines(0..1)).unwrap();
    gone.store(true, Ordering::Relaxed);
    assert!(matches!(
        journal.append(&lines(1..2)),
        Err(JournalError::Io(_))
    ));
}
