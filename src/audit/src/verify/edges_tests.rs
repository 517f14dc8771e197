//! The edges of single guards: what is just refused beside what just holds, and whose word a reason is.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::tests::{check, run};
use super::*;
use crate::files::Memory;
use crate::report::Verdict;
use crate::testing::{MINUTE_MS, World, nine_and};
use attendance::words::Direction;
use protocol::decision::object_bytes;
use protocol::ledger::LedgerBody;

/// The archive with its description changed.
fn described(files: &Memory, change: impl FnOnce(&mut Archive)) -> Memory {
    let mut description: Archive = serde_json::from_slice(&files[archive::ARCHIVE_PATH]).unwrap();
    change(&mut description);
    let mut changed = files.clone();
    changed.insert(archive::ARCHIVE_PATH.to_owned(), object_bytes(&description));
    changed
}

/// What a check said of a changed description.
#[track_caller]
fn says(files: &Memory, name: &str, what: &str) {
    let report = run(files);
    let check = report.checks.iter().find(|c| c.name == name).unwrap();
    let place = check.first_failure.as_ref();
    let reason = &place
        .unwrap_or_else(|| panic!("{:#?}", report.checks))
        .reason;
    assert!(reason.contains(what), "{reason}");
}

/// Where a check first failed.
fn first_failure(report: &Report, name: &str) -> Option<crate::report::Place> {
    let check = report.checks.iter().find(|c| c.name == name)?;
    check.first_failure.clone()
}

#[test]
fn a_journal_of_nobody_is_named_with_its_log() {
    let files = World::finished().archive();
    let nobodys = described(&files, |d| d.logs[1].kiosk = None);
    let place = first_failure(&run(&nobodys), "enrolment").unwrap();
    assert_eq!(place.log, Some(World::finished().kiosks[0].origin.clone()));
    assert_eq!(place.path, archive::ARCHIVE_PATH);
}

#[test]
fn a_description_of_two_equal_journals_two_ledgers_or_another_ledger_is_refused() {
    let files = World::finished().archive();
    let twice = described(&files, |d| d.logs[1].origin = d.logs[0].origin.clone());
    says(&twice, "archive", "two logs of the archive have one origin");
    let ledgers = described(&files, |d| {
        let second = protocol::archive::Log {
            origin: "another".into(),
            ..d.logs[0].clone()
        };
        d.logs.push(second);
    });
    says(&ledgers, "archive", "more than one ledger");
    let other = described(&files, |d| d.logs[0].origin.push('x'));
    says(&other, "ledger", "this event's ledger is");
}

#[test]
fn a_ledger_is_described_by_the_issuers_key_and_without_kiosk_or_door() {
    let files = World::finished().archive();
    let stranger = evidence::SigningKey::from_seed(&[77; 32]).public_key();
    let other_key = described(&files, |d| d.logs[0].key = stranger);
    says(&other_key, "ledger", "the ledger's key is not the issuer's");
    let named = "names a kiosk or a door for the ledger";
    let with_kiosk = described(&files, |d| {
        d.logs[0].kiosk = Some("hall-1".parse().unwrap());
    });
    says(&with_kiosk, "ledger", named);
    let with_door = described(&files, |d| {
        d.logs[0].door = Some("hall-door".parse().unwrap());
    });
    says(&with_door, "ledger", named);
}

#[test]
fn a_report_names_the_file_and_what_is_wrong_with_it() {
    let check = |files: &Memory, what: &str| {
        let place = run(files).broken_at.unwrap();
        assert_eq!(place.path, archive::ARCHIVE_PATH);
        assert!(place.reason.contains(what), "{place:?}");
    };
    let named = |bytes: &[u8]| Memory::from([(archive::ARCHIVE_PATH.to_owned(), bytes.to_vec())]);
    check(&Memory::new(), "not in the archive");
    check(&named(b"{}"), "missing field");
    let files = World::finished().archive();
    let none = described(&files, |d| d.logs.clear());
    check(&none, "the archive has no log");
}

#[test]
fn a_refused_signature_on_a_checkpoint_is_named_with_its_log() {
    let world = World::finished();
    let mut files = world.archive();
    let path = archive::checkpoint_path(1);
    let note = String::from_utf8(files[&path].clone()).unwrap();
    let stranger = evidence::SigningKey::from_seed(&[77; 32]);
    let note = evidence::cosign(&note, crate::testing::ISSUER, &stranger, 1_795_500_000).unwrap();
    files.insert(path.clone(), note.into_bytes());
    let place = run(&files).broken_at.unwrap();
    assert_eq!(place.path, path);
    assert_eq!(place.log.as_ref(), Some(&world.kiosks[0].origin));
}

#[test]
fn files_that_nothing_speaks_of_are_told_up_to_a_bound() {
    let mut files = World::finished().archive();
    files.insert("strange.txt".to_owned(), b"who knows".to_vec());
    let report = run(&files);
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!(
        report.notes,
        ["strange.txt: not part of the archive, not looked at"]
    );
    for number in 0..crate::report::MAX_NOTES {
        files.insert(format!("strange-{number}.txt"), Vec::new());
    }
    assert_eq!(run(&files).notes.len(), crate::report::MAX_NOTES);
}

#[test]
fn a_batch_of_nothing_holds_and_a_head_that_shrinks_does_not() {
    let head = |from, size, root, log: &str| {
        LedgerBody::KioskHead(protocol::ledger::KioskHead {
            log: log.to_owned(),
            from,
            size,
            root,
            receipt_s: 1,
        })
    };
    let mut world = World::finished();
    let (size, root) = (
        world.accepted(0),
        world.kiosks[0].log.root_at(world.accepted(0)),
    );
    let log = world.kiosks[0].origin.clone();
    world.note(nine_and(70 * MINUTE_MS), head(size, size, root, &log));
    assert_eq!(run(&world.archive()).verdict, Verdict::Verified);
    let before = world.kiosks[0].log.root_at(size - 1);
    world.note(nine_and(71 * MINUTE_MS), head(size, size - 1, before, &log));
    check(&world, &["kiosk_heads"], "the batch goes from");
}

#[test]
fn what_does_not_read_is_put_aside_once_it_was_accepted() {
    let mut world = World::small();
    world.journal_bytes(0, b"rubbish".to_vec());
    world.sync(0, nine_and(0));
    let report = run(&world.archive());
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
    assert!(world.accepted(0) > 1, "a readable entry stands before it");
}

#[test]
fn only_what_was_accepted_can_be_put_aside() {
    let mut world = World::small();
    world.sync_unanswered(0, nine_and(0));
    let accepted = world.accepted(0);
    assert_eq!(world.journal_bytes(0, b"rubbish".to_vec()), accepted);
    let aside = protocol::ledger::Quarantine {
        log: world.kiosks[0].origin.clone(),
        index: accepted,
        leaf: evidence::leaf_hash(b"rubbish"),
        code: "not_json".into(),
    };
    world.note(nine_and(MINUTE_MS), LedgerBody::Quarantine(aside));
    check(&world, &["quarantine"], "was never accepted");
}

#[test]
fn an_enrolment_ends_only_where_one_began() {
    let mut world = World::finished();
    let ended = protocol::ledger::Retirement {
        kiosk: "nobody-1".parse().unwrap(),
        reason: "replaced".into(),
        operator: "op-1".into(),
    };
    world.note(nine_and(70 * MINUTE_MS), LedgerBody::Retirement(ended));
    check(&world, &["revocations"], "no kiosk of this id");
}

#[test]
fn signers_of_a_note_are_read_line_by_line() {
    let note = "origin\n1\nhash=\n\n\u{2014} first AAAA\nno signer\n\u{2014} second/name BBBB\n";
    assert_eq!(
        logs::signers(note).collect::<Vec<_>>(),
        ["first", "second/name"]
    );
    assert_eq!(logs::signers("\u{2014} first AAAA\n").count(), 0);
    let wide = "origin\n\u{2014}\n\n\u{2014} first AAAA\n";
    assert_eq!(logs::signers(wide).collect::<Vec<_>>(), ["first"]);
}

#[test]
fn a_certificate_rests_on_an_earlier_decision_on_its_own_subject() {
    let at = nine_and(70 * MINUTE_MS);
    let begun = || {
        let world = World::finished();
        let (index, _) = world.decided_of("a-1");
        let payload = world.payload(at, index, "bbbb", 1);
        (world, index, payload)
    };
    let elsewhere = "it rests on a decision on somebody or something else";

    let (mut world, index, mut payload) = begun();
    payload.attendee = "a-2".parse().unwrap();
    world.certify_with(at, index, &payload);
    check(&world, &["certificates"], elsewhere);
    let place = run(&world.archive()).broken_at.unwrap();
    assert!(place.path.starts_with("objects/"), "{place:?}");

    let (mut world, index, mut payload) = begun();
    payload.programme = "other".parse().unwrap();
    world.certify_with(at, index, &payload);
    check(&world, &["certificates"], elsewhere);

    let (mut world, index, payload) = begun();
    let later = world.ledger.size() + 1;
    let certified = world.certify_with(at, later, &payload);
    let decision = world.ledger_body(index);
    assert_eq!(world.note(at, decision), certified + 1);
    check(&world, &["certificates"], "which is no earlier decision");
}

#[test]
fn a_door_is_lost_only_where_there_is_one() {
    let lost = |door: &str| {
        LedgerBody::DoorLost(protocol::ledger::DoorLost {
            door: door.parse().unwrap(),
            reason: "stolen".into(),
            operator: "op-1".into(),
        })
    };
    let mut world = World::finished();
    world.note(nine_and(70 * MINUTE_MS), lost("hall-door"));
    assert_eq!(run(&world.archive()).verdict, Verdict::Verified);
    world.note(nine_and(71 * MINUTE_MS), lost("other-door"));
    check(&world, &["revocations"], "no door of this id");
}

#[test]
fn a_revocation_is_of_a_version_that_was_issued() {
    let code = "aaaabbbbccccddddeeeeffff22";
    let mut world = World::finished();
    world.revoke(nine_and(70 * MINUTE_MS), code, 1);
    assert_eq!(run(&world.archive()).verdict, Verdict::Verified);
    world.revoke(nine_and(71 * MINUTE_MS), code, 2);
    check(&world, &["revocations"], "code and version");
}

/// Two kiosks, of whose journals the ledger takes the first in two batches, and then the second.
fn of_two_journals() -> (World, u64) {
    let mut world = World::small();
    world.add_kiosk("hall-2", "back-door", &["hall"], nine_and(-29 * MINUTE_MS));
    world.sync(0, nine_and(-20 * MINUTE_MS));
    let first = world.accepted(0);
    world.scan(0, nine_and(0), "X1", Direction::In);
    world.sync(0, nine_and(MINUTE_MS));
    world.sync(1, nine_and(2 * MINUTE_MS));
    (world, first)
}

#[test]
fn a_basis_leaves_nothing_out_that_was_known_before_the_newest_thing_it_rests_on() {
    let at = nine_and(70 * MINUTE_MS);
    let leaves_out = "the basis leaves out what was known";
    let decided = |rests_on: [Option<u64>; 2], imports: bool| {
        let (mut world, _) = of_two_journals();
        if imports {
            world.agenda.rooms[0].title = "Aula".into();
            world.import(at);
        }
        for (kiosk, size) in rests_on.into_iter().enumerate() {
            if let Some(size) = size {
                world.pretend_accepted(kiosk, size);
            }
        }
        world.decide(at, "a-1", "main");
        world
    };
    let holds = |world: &World| {
        let report = run(&world.archive());
        assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
    };
    let (_, first) = of_two_journals();
    holds(&decided([None, None], true));
    check(&decided([Some(0), None], false), &["decisions"], leaves_out);
    check(
        &decided([Some(first), None], false),
        &["decisions"],
        leaves_out,
    );
    // What came after all that a basis rests on may have come after it was made.
    holds(&decided([None, Some(0)], false));
    check(&decided([None, Some(0)], true), &["decisions"], leaves_out);
}

#[test]
fn a_basis_leaves_out_no_scan_of_the_attendee_that_was_held() {
    let at = nine_and(70 * MINUTE_MS);
    let mut world = World::small();
    world.add_kiosk("hall-2", "back-door", &["hall"], nine_and(-29 * MINUTE_MS));
    world.sync(1, nine_and(-20 * MINUTE_MS));
    world.scan(0, nine_and(0), "X1", Direction::In);
    world.sync(0, nine_and(MINUTE_MS));
    // Newer than all that the basis rests on, and so nothing but the scan itself shows that it is missing.
    world.scan(1, nine_and(50 * MINUTE_MS), "X1", Direction::Out);
    let before = world.accepted(1);
    world.sync(1, nine_and(51 * MINUTE_MS));
    world.pretend_accepted(1, before);
    world.decide(at, "a-2", "main");
    let report = run(&world.archive());
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
    world.decide(at, "a-1", "main");
    check(&world, &["decisions"], "the basis leaves out entry");
}

#[test]
fn what_came_after_an_enrolment_had_ended_may_be_left_out() {
    let at = nine_and(70 * MINUTE_MS);
    let (mut world, _) = of_two_journals();
    let held = world.accepted(0);
    let ended = protocol::ledger::Retirement {
        kiosk: world.kiosks[0].id.clone(),
        reason: "replaced".into(),
        operator: "op-1".into(),
    };
    world.note(nine_and(3 * MINUTE_MS), LedgerBody::Retirement(ended));
    world.scan(0, nine_and(4 * MINUTE_MS), "X1", Direction::Out);
    world.sync(0, nine_and(5 * MINUTE_MS));
    world.agenda.rooms[0].title = "Aula".into();
    world.import(at);
    world.pretend_accepted(0, held);
    world.decide(at, "a-1", "main");
    let report = run(&world.archive());
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
    world.pretend_accepted(0, 0);
    world.decide(at, "a-2", "main");
    check(
        &world,
        &["decisions"],
        "the basis leaves out what was known",
    );
}
