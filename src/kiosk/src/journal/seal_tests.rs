#![allow(clippy::unwrap_used, clippy::panic)]

use attendance::UtcMs;
use evidence::{Frontier, Hash, leaf_hash, open_checkpoint};
use protocol::badge::BadgeKey;

use super::seal::SEALED_BATCH_ENTRIES;
use super::tests::{Bench, lines};
use super::*;

const AT: UtcMs = UtcMs(1_800_000_100_000);

/// A journal of `receipted` entries with a receipt and so many more.
fn forked(bench: &Bench, receipted: u64, more: u64) -> Journal {
    let mut journal = bench.open().unwrap();
    journal.append(&lines(0..receipted)).unwrap();
    let receipt = bench.receipt(&mut journal, 1_800_000_000);
    journal.take_receipt(&receipt, &[]).unwrap();
    journal.append(&lines(receipted..receipted + more)).unwrap();
    journal
}

/// Everything that a sealed log is known by.
fn facts(journal: &Journal) -> Vec<(u64, String, u64, u64, String, String)> {
    let fact = |log: &SealedLog| {
        let (origin, code) = (log.origin.clone(), log.code.clone());
        (
            log.number,
            origin,
            log.size,
            log.delivered,
            code,
            log.proof.clone(),
        )
    };
    journal.sealed().iter().map(fact).collect()
}

/// Delivers all that sealed logs hold; gives the entries, each batch checked under its head.
fn deliver(journal: &mut Journal) -> Vec<Vec<u8>> {
    let mut delivered = Vec::new();
    while let Some(batch) = journal.sealed_batch().unwrap() {
        let log = journal
            .sealed()
            .iter()
            .find(|log| log.number == batch.number)
            .unwrap();
        let (origin, key) = (log.origin.clone(), log.key.public_key());
        let prepared = batch.prepared;
        let head = open_checkpoint(&prepared.checkpoint, &origin, &key).unwrap();
        assert_eq!(head.size, prepared.end());
        assert!(prepared.leaves.len() as u64 <= SEALED_BATCH_ENTRIES);
        for leaf in &prepared.leaves {
            let OwnedLeaf::Entry(bytes) = leaf else {
                panic!()
            };
            delivered.push(bytes.clone());
        }
        journal
            .note_delivered(batch.number, prepared.end())
            .unwrap();
    }
    delivered
}

#[test]
fn a_sealed_log_is_kept_and_a_fresh_one_goes_on() {
    let bench = Bench::new();
    let mut journal = forked(&bench, 4, 600);
    let (old_key, old_root) = (
        journal.key().public_key(),
        journal.root_at(604).unwrap().unwrap(),
    );
    journal.seal("forked", "proof", AT).unwrap();
    let check = |journal: &Journal| {
        assert!(journal.awaits_enrolment());
        let origin = bench.fixture.origin();
        let expected = (
            1,
            origin.clone(),
            604,
            4,
            "forked".to_owned(),
            "proof".to_owned(),
        );
        assert_eq!(facts(journal), [expected]);
        assert_ne!(journal.key().public_key(), old_key, "a fresh key");
        assert_eq!(journal.request_key().public_key(), old_key);
        let fresh = &journal.enrolment().unwrap().origin;
        assert_ne!(*fresh, origin);
        assert!(fresh.ends_with(&journal.key().public_key().fingerprint()));
        journal.key().public_key()
    };
    let fresh_key = check(&journal);
    assert_eq!((journal.size(), journal.receipted()), (0, 0));
    assert_eq!(
        journal.append(&lines(9..11)).unwrap(),
        0..2,
        "green goes on"
    );
    drop(journal);
    let mut journal = bench.open().unwrap();
    assert_eq!(check(&journal), fresh_key);
    assert_eq!(
        (journal.size(), journal.entry(0).unwrap().unwrap()),
        (2, lines(9..10)[0].clone())
    );
    journal.verify_all().unwrap();
    // Nothing is signed for a log that the issuer does not know.
    assert!(matches!(
        journal.prepare_batch(0, 10, 1_000),
        Err(JournalError::NotEnrolled)
    ));
    // All that was not receipted is delivered, across a restart in the middle.
    let first = journal.sealed_batch().unwrap().unwrap();
    assert_eq!(
        (first.prepared.start, first.prepared.leaves.len()),
        (4, 250)
    );
    journal.note_delivered(1, 254).unwrap();
    drop(journal);
    let mut journal = bench.open().unwrap();
    assert_eq!(deliver(&mut journal), lines(254..604));
    let Leaves(whole) = journal.replay_sealed(Leaves(Frontier::new())).unwrap();
    assert_eq!((whole.size(), whole.root()), (604, old_root));
}

/// The leaves of what is read.
struct Leaves(Frontier);

impl Replay for Leaves {
    fn forget(&mut self) {
        self.0 = Frontier::new();
    }

    fn chunk(&mut self, _: &Chunk) -> bool {
        false
    }

    fn entry(&mut self, _: u64, bytes: Option<&[u8]>) {
        self.0.append(leaf_hash(bytes.unwrap()));
    }

    fn due(&mut self) -> Option<Chunk> {
        None
    }
}

/// Each step of the seal × each fault: the old log or the new one, never none and never two.
#[test]
fn a_seal_that_is_cut_off_is_done_or_not_done() {
    for (step, done) in [
        (Step::Begin, false),
        (Step::Commit, false),
        (Step::Committed, true),
    ] {
        for fault in [Fault::Full, Fault::Io] {
            let bench = Bench::new();
            let mut journal = forked(&bench, 2, 3);
            let key = journal.key().public_key();
            bench.fail(step, fault);
            assert!(journal.seal("forked", "proof", AT).unwrap_err().is_fatal());
            assert!(matches!(
                journal.append(&lines(0..1)),
                Err(JournalError::Spent)
            ));
            drop(journal);
            let mut journal = bench.open().unwrap();
            let case = format!("{step:?} {fault:?}");
            assert_eq!(journal.awaits_enrolment(), done, "{case}");
            assert_eq!(journal.sealed().len(), usize::from(done), "{case}");
            assert_eq!(journal.key().public_key() != key, done, "{case}");
            let next = if done { 0 } else { 5 };
            assert_eq!(journal.append(&lines(5..6)).unwrap().start, next, "{case}");
        }
    }
}

#[test]
fn the_fresh_log_is_enrolled_under_its_own_key_and_keeps_its_entries() {
    let bench = Bench::new();
    let mut journal = forked(&bench, 2, 1);
    journal.seal("log_rolled_back", "proof", AT).unwrap();
    journal.append(&lines(0..3)).unwrap();
    let key = journal.key().clone();
    let mut enrolment = bench.enrolment();
    enrolment.kiosk = "hall-2".parse().unwrap();
    enrolment.origin =
        evidence::kiosk_origin(&enrolment.issuer, "hall-2", &key.public_key()).unwrap();
    let new = NewBundle {
        sequence: 1,
        hash: Hash([3; 32]),
        etag: None,
        signed: b"bundle",
        issued: UtcMs(0),
    };
    let refuse = |journal: &mut Journal, enrolment: &Enrolment, key: &SigningKey| {
        let refused = journal.enrol(enrolment, key, new);
        assert!(
            matches!(refused, Err(JournalError::Enrolled { .. })),
            "{refused:?}"
        );
    };
    refuse(&mut journal, &enrolment, &SigningKey::from_seed(&[9; 32]));
    let other = |change: &dyn Fn(&mut Enrolment)| {
        let mut other = enrolment.clone();
        change(&mut other);
        other
    };
    refuse(
        &mut journal,
        &other(&|e| e.event = "other".parse().unwrap()),
        &key,
    );
    refuse(
        &mut journal,
        &other(&|e| e.issuer_key = key.public_key()),
        &key,
    );
    refuse(
        &mut journal,
        &other(&|e| e.badge_key = BadgeKey::from_bytes([1; 32])),
        &key,
    );
    refuse(&mut journal, &bench.enrolment(), &bench.fixture.kiosk);
    journal.enrol(&enrolment, &key, new).unwrap();
    drop(journal);
    let mut journal = bench.open().unwrap();
    assert!(!journal.awaits_enrolment());
    assert_eq!(journal.request_key().public_key(), key.public_key());
    let batch = journal.prepare_batch(0, 10, 1 << 20).unwrap().unwrap();
    assert_eq!(
        (batch.start, batch.leaves.len()),
        (0, 3),
        "what was scanned meanwhile keeps its place"
    );
    open_checkpoint(&batch.checkpoint, &enrolment.origin, &key.public_key()).unwrap();
    assert_eq!(
        deliver(&mut journal),
        lines(2..3),
        "the sealed log goes on being delivered"
    );
    // The fresh log can fork as well.
    journal.seal("forked", "another", AT).unwrap();
    assert_eq!(facts(&journal).len(), 2);
    assert_eq!(deliver(&mut journal), lines(0..3));
}

#[test]
fn a_journal_of_the_first_format_is_migrated() {
    let bench = Bench::new();
    let mut journal = forked(&bench, 2, 2);
    let root = journal.verify_all().unwrap().root;
    journal.tidy().unwrap();
    drop(journal);
    bench.alter(
        "DROP TABLE sealed; DROP TABLE sealed_heads; ALTER TABLE enrolment DROP COLUMN awaits; PRAGMA user_version = 1;",
    );
    let mut journal = bench.open().unwrap();
    assert_eq!((journal.size(), journal.receipted()), (4, 2));
    assert_eq!(journal.verify_all().unwrap().root, root);
    assert!(!journal.awaits_enrolment() && journal.sealed().is_empty());
    journal.seal("forked", "proof", AT).unwrap();
    drop(journal);
    assert_eq!(facts(&bench.open().unwrap()).len(), 1);
}
