#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::files::Memory;
use crate::report::{Outcome, Verdict};
use crate::testing::{MINUTE_MS, World, nine_and};
use attendance::words::Direction;
use proptest::prelude::*;
use protocol::decision::object_bytes;
use protocol::ledger::LedgerBody;

pub(super) fn run(files: &Memory) -> Report {
    verify(files, &Options::default(), &mut |_| {})
}

fn failed(report: &Report) -> Vec<&str> {
    let failed = report
        .checks
        .iter()
        .filter(|c| c.outcome == Outcome::Failed);
    failed.map(|c| c.name.as_str()).collect()
}

#[test]
fn a_true_archive_verifies() {
    let report = run(&World::finished().archive());
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    for check in &report.checks {
        let unused = [
            "cosignatures",
            "quarantine",
            "branches",
            "cases",
            "revocations",
        ];
        assert_eq!(
            check.count == 0,
            unused.contains(&check.name.as_str()),
            "{check:?}"
        );
    }
}

#[test]
fn an_archive_with_everything_in_it_verifies() {
    let report = run(&rich().archive());
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
}

/// Two kiosks, a reboot, rubbish in a journal, a second decision, a reissue and a revocation.
fn rich() -> World {
    let mut world = World::small();
    world.add_kiosk("hall-2", "back-door", &["hall"], nine_and(-29 * MINUTE_MS));
    world.journal_bytes(0, b"{\"v\":9}".to_vec());
    for kiosk in 0..2 {
        world.sync(kiosk, nine_and(-20 * MINUTE_MS));
        world.clock(kiosk, nine_and(-10 * MINUTE_MS));
    }
    world.scan(0, nine_and(-MINUTE_MS), "X1", Direction::In);
    world.reboot(1, nine_and(0));
    world.scan(1, nine_and(50 * MINUTE_MS), "X1", Direction::Out);
    world.clock(1, nine_and(51 * MINUTE_MS));
    world.sync(0, nine_and(52 * MINUTE_MS));
    world.sync(1, nine_and(53 * MINUTE_MS));
    let first = world.decide(nine_and(60 * MINUTE_MS), "a-1", "main");
    world.certify(nine_and(61 * MINUTE_MS), first, CODE, 1);
    world.sync(1, nine_and(62 * MINUTE_MS));
    let second = world.decide(nine_and(63 * MINUTE_MS), "a-1", "main");
    world.revoke(nine_and(64 * MINUTE_MS), CODE, 1);
    world.certify(nine_and(64 * MINUTE_MS), second, CODE, 2);
    world
}

const CODE: &str = "aaaabbbbccccddddeeeeffff22";

#[track_caller]
pub(super) fn check(world: &World, names: &[&str], says: &str) {
    let report = run(&world.archive());
    assert_eq!(failed(&report), names, "{:#?}", report.checks);
    assert_eq!(report.verdict, Verdict::Failed);
    let reason = report.broken_at.unwrap().reason;
    assert!(reason.contains(says), "{reason}");
}

#[test]
fn what_was_changed_is_named() {
    // An accepted scan was changed, and the kiosk's key signed the new history.
    let mut world = World::finished();
    let scan = 4;
    let text = String::from_utf8(world.kiosks[0].log.entries[scan].clone()).unwrap();
    let mut forged = World::finished().kiosks[0].log.entries.clone();
    forged[scan] = text.replace("\"in\"", "\"out\"").into_bytes();
    world.kiosks[0].log = crate::testing::Log::default();
    for bytes in forged {
        world.journal_bytes(0, bytes);
    }
    check(
        &world,
        &["kiosk_heads", "receipts", "decisions"],
        "have another root",
    );
}

#[test]
fn a_journal_that_was_cut_is_named() {
    let mut world = World::finished();
    let mut entries = world.kiosks[0].log.entries.clone();
    entries.truncate(8);
    world.kiosks[0].log = crate::testing::Log::default();
    for bytes in entries {
        world.journal_bytes(0, bytes);
    }
    check(&world, &["kiosk_heads", "decisions"], "the head is of");
}

#[test]
fn a_ledger_that_was_rewritten_is_named() {
    let mut world = World::finished();
    let mut entries = world.ledger.entries.clone();
    let text = String::from_utf8(entries[0].clone()).unwrap();
    entries[0] = text.replace("Practice", "Praktice").into_bytes();
    world.ledger = crate::testing::Log::default();
    for bytes in entries {
        world.ledger_bytes(bytes);
    }
    check(&world, &["ledger_heads", "proofs"], "have another root");
}

#[test]
fn an_invented_decision_and_certificate_are_named() {
    let mut world = World::finished();
    let (index, decided) = world.decided_of("a-2");
    let mut document = decided.document.clone();
    document.credits = Some(attendance::Decimal::ONE);
    document.outcome = attendance::Outcome::Full;
    let forged = world.keep(object_bytes(&document));
    let LedgerBody::Decision(mut body) = world.ledger_body(index) else {
        panic!()
    };
    body.decision = forged;
    body.credits = document.credits;
    body.outcome = document.outcome;
    body.replaces = Some(index);
    world.note(nine_and(70 * MINUTE_MS), LedgerBody::Decision(body));
    check(&world, &["decisions"], "made again it comes to");

    let mut world = World::finished();
    let (index, _) = world.decided_of("a-1");
    let code = "bbbbbbbbccccddddeeeeffff22";
    let at = nine_and(70 * MINUTE_MS);
    let mut payload = world.payload(at, index, code, 1);
    payload.credits = "1.5".parse().unwrap();
    world.certify_with(at, index, &payload);
    check(&world, &["certificates"], "credits");

    let mut world = World::finished();
    let mut payload = world.payload(at, index, code, 1);
    payload.proof.witnesses = 2;
    world.certify_with(at, index, &payload);
    check(&world, &["proofs"], "another number of kiosks");
}

#[test]
fn what_points_nowhere_is_named() {
    let mut world = World::finished();
    world.revoke(nine_and(70 * MINUTE_MS), "cccccccc", 1);
    check(&world, &["revocations"], "no certificate");

    let mut world = World::finished();
    world.scan_at(0, nine_and(70 * MINUTE_MS), "X1", "other-door");
    check(&world, &["doors"], "other-door");

    let mut world = World::small();
    world.journal_bytes(0, b"rubbish".to_vec());
    world.sync_without_quarantine(0, nine_and(0));
    check(&world, &["quarantine"], "not quarantined");
}

#[test]
fn a_kiosks_own_export_is_partly_checked() {
    let report = run(&World::finished().export(0));
    assert_eq!(report.verdict, Verdict::Partly, "{:#?}", report.checks);
    assert_eq!(report.verdict.exit_code(), 3);
}

#[test]
fn an_erased_certificate_is_a_gap_and_no_failure() {
    let world = World::finished();
    let LedgerBody::Certificate(body) = world.ledger_body(world.ledger.size() - 1) else {
        panic!()
    };
    for erased in [body.payload, body.pdf] {
        let mut files = world.archive();
        files.remove(&archive::object_path(erased));
        let report = run(&files);
        assert_eq!(report.verdict, Verdict::Partly, "{:#?}", report.checks);
    }
}

#[test]
fn another_issuers_key_is_refused() {
    let options = Options {
        issuer_key: Some(evidence::SigningKey::from_seed(&[7; 32]).public_key()),
        list_scans: false,
    };
    let report = verify(&World::finished().archive(), &options, &mut |_| {});
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(report.trust.given);
}

#[test]
fn what_is_no_archive_is_malformed() {
    for files in [
        Memory::new(),
        Memory::from([(archive::ARCHIVE_PATH.to_owned(), b"{}".to_vec())]),
    ] {
        assert_eq!(run(&files).verdict, Verdict::Malformed);
    }
}

#[test]
fn scans_are_listed_with_their_brackets() {
    let options = Options {
        issuer_key: None,
        list_scans: true,
    };
    let report = verify(&World::finished().archive(), &options, &mut |_| {});
    assert_eq!(report.scans.len(), 4);
    for scan in &report.scans {
        let (before, after) = (scan.not_before.as_ref(), scan.not_after.as_ref());
        assert_eq!(scan.quality, "anchored");
        assert!(before.unwrap().journalled_at.unwrap() < scan.index);
        assert!(after.unwrap().covers > scan.index);
        assert!(scan.earliest >= before.unwrap().time);
    }
}

/// Where a changed byte changes nothing that is claimed: the description's `made` and `software`, which no signature binds.
fn irrelevant(path: &str, at: usize, files: &Memory) -> bool {
    if path != archive::ARCHIVE_PATH {
        return false;
    }
    let text = std::str::from_utf8(&files[path]).unwrap();
    ["made", "software"].iter().any(|key| {
        let start = text.find(&format!("\"{key}\":\"")).unwrap() + key.len() + 4;
        (start..start + text[start..].find('"').unwrap()).contains(&at)
    })
}

fn flip(files: &Memory, path: &str, at: usize, mask: u8) -> Memory {
    let mut changed = files.clone();
    changed.get_mut(path).unwrap()[at] ^= mask;
    changed
}

#[test]
fn every_byte_of_description_and_checkpoints_matters() {
    let files = World::finished().archive();
    for (path, bytes) in &files {
        if !path.ends_with(".json") && !path.ends_with(".txt") {
            continue;
        }
        for at in 0..bytes.len() {
            let report = run(&flip(&files, path, at, 1));
            if !irrelevant(path, at, &files) {
                assert_ne!(report.verdict, Verdict::Verified, "{path} byte {at}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_flipped_byte_is_reported(
        file in any::<proptest::sample::Index>(),
        at in any::<proptest::sample::Index>(),
        mask in 1_u8..=255,
    ) {
        let files = FINISHED.get_or_init(|| World::finished().archive());
        let path = file.get(&files.keys().collect::<Vec<_>>()).to_string();
        let at = at.index(files[&path].len());
        let report = run(&flip(files, &path, at, mask));
        if !irrelevant(&path, at, files) {
            prop_assert_ne!(report.verdict, Verdict::Verified, "{} byte {} by {}", path, at, mask);
        }
    }
}

static FINISHED: std::sync::OnceLock<Memory> = std::sync::OnceLock::new();

#[test]
fn a_basis_must_stand_in_the_ledger_before_its_decision() {
    let at = nine_and(70 * MINUTE_MS);
    let mut world = World::finished();
    world.agenda.rooms[0].title = "Aula".into();
    world.keep(object_bytes(&world.agenda.clone()));
    world.decide(at, "a-1", "main");
    check(&world, &["decisions"], "an agenda that was not in force");

    let mut world = World::finished();
    world.registrations.registrations[0].cancelled = true;
    world.keep(object_bytes(&world.registrations.clone()));
    world.decide(at, "a-1", "main");
    check(
        &world,
        &["decisions"],
        "registrations that were not imported",
    );

    let mut world = World::finished();
    world.pretend_accepted(0, 3);
    world.decide(at, "a-1", "main");
    check(&world, &["decisions"], "no batch had reached");
}

#[test]
fn a_certificate_rests_on_an_award_to_its_holder() {
    let at = nine_and(70 * MINUTE_MS);
    let mut world = World::finished();
    let (nothing, _) = world.decided_of("a-2");
    let payload = world.payload(at, nothing, "bbbb", 1);
    world.certify_with(at, nothing, &payload);
    check(&world, &["certificates"], "awards nothing");

    let mut world = World::finished();
    let (index, _) = world.decided_of("a-1");
    let payload = world.payload(at, index, "bbbb", 2);
    world.certify_with(at, index, &payload);
    check(&world, &["certificates"], "version 2 follows version 0");

    let mut world = World::finished();
    let mut payload = world.payload(at, index, "bbbb", 1);
    payload.sessions[0].present_ms -= 1;
    world.certify_with(at, index, &payload);
    check(&world, &["certificates"], "sessions");
}

#[test]
fn other_signatures_on_a_checkpoint_are_checked_too() {
    let world = World::finished();
    let path = archive::checkpoint_path(1);
    let cosigned = |name: &str, key: &evidence::SigningKey| {
        let mut files = world.archive();
        let note = String::from_utf8(files[&path].clone()).unwrap();
        let note = evidence::cosign(&note, name, key, 1_795_500_000).unwrap();
        files.insert(path.clone(), note.into_bytes());
        files
    };
    let options = Options {
        issuer_key: None,
        list_scans: true,
    };
    let files = cosigned(crate::testing::ISSUER, &world.issuer);
    let report = verify(&files, &options, &mut |_| {});
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
    let stranger = evidence::SigningKey::from_seed(&[77; 32]);
    let report = run(&cosigned("witness.example", &stranger));
    assert_eq!(report.verdict, Verdict::Partly);
    let report = run(&cosigned(crate::testing::ISSUER, &stranger));
    assert_eq!(failed(&report), ["cosignatures"]);
}

#[test]
fn a_journal_left_out_is_a_gap() {
    let world = rich();
    let mut files = world.archive();
    let mut description: Archive = serde_json::from_slice(&files[archive::ARCHIVE_PATH]).unwrap();
    description.logs.pop();
    files.insert(archive::ARCHIVE_PATH.into(), object_bytes(&description));
    let report = run(&files);
    assert_eq!(report.verdict, Verdict::Partly, "{:#?}", report.checks);
    let gaps = report.checks.iter().filter(|c| c.not_checked > 0);
    assert_eq!(
        gaps.map(|c| c.name.as_str()).collect::<Vec<_>>(),
        ["kiosk_heads", "decisions"]
    );
}
