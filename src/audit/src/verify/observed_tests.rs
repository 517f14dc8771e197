//! Signals of other sources: a true archive with them verifies, and what somebody may try with them is found.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use super::*;
use crate::derive::Roll;
use crate::files::Memory;
use crate::report::{Outcome, Verdict};
use crate::testing::{MINUTE_MS, World, id, nine_and};
use attendance::words::Direction;
use protocol::archive::object_path;
use protocol::decision::{Basis, LogPrefix, object_bytes};
use protocol::ledger::{self, LedgerBody};
use protocol::signals::{Row, RowKind};

const CHANNEL: &str = "zoom/1";

fn run(files: &Memory) -> Report {
    verify(files, &Options::default(), &mut |_| {})
}

/// A small world whose first attendee has an account of a platform that streams the hall.
fn world() -> World {
    let mut world = World::small();
    world.list_account("a-1", "ada");
    world.add_channel(CHANNEL, "hall");
    world.import(nine_and(-25 * MINUTE_MS));
    world.sync(0, nine_and(-20 * MINUTE_MS));
    world.clock(0, nine_and(-10 * MINUTE_MS));
    world.sync(0, nine_and(55 * MINUTE_MS));
    world
}

fn stay(world: &World, account: &str, from_min: i64, until_min: i64) -> Vec<Row> {
    let seen = |kind, minute| world.seen(account, CHANNEL, kind, nine_and(minute * MINUTE_MS));
    vec![seen(RowKind::In, from_min), seen(RowKind::Out, until_min)]
}

fn take(world: &mut World, from_min: i64, until_min: i64) -> u64 {
    let rows = stay(world, "ada", from_min, until_min);
    world.take_signals(nine_and(56 * MINUTE_MS), rows)
}

fn decide(world: &mut World, minute: i64) -> u64 {
    world.decide(nine_and(minute * MINUTE_MS), "a-1", "main")
}

#[track_caller]
fn check(world: &World, name: &str, entry: u64, reason: &str) {
    let report = run(&world.archive());
    assert_eq!(report.verdict, Verdict::Failed);
    let failed: Vec<_> = report
        .checks
        .iter()
        .filter(|c| c.outcome == Outcome::Failed)
        .collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    let place = failed[0].first_failure.as_ref().unwrap();
    assert_eq!((failed[0].name.as_str(), place.index), (name, Some(entry)));
    assert!(place.reason.contains(reason), "{}", place.reason);
}

#[test]
fn a_true_archive_with_signals_of_other_sources_verifies() {
    let mut world = world();
    let entry = take(&mut world, 0, 50);
    let first = decide(&mut world, 60);
    world.certify(
        nine_and(61 * MINUTE_MS),
        first,
        "aaaabbbbccccddddeeeeffff22",
        1,
    );
    let said = world.decided_of("a-1").1.document;
    assert!(
        said.evidence
            .iter()
            .all(|e| e.log == world.ledger_origin() && e.index == entry)
    );
    assert_eq!(said.evidence.len(), 2);

    // One row is taken back, a person says a word, somebody else's rows come: each is another basis.
    world.retract(nine_and(62 * MINUTE_MS), entry, Some(1));
    let second = decide(&mut world, 63);
    assert_ne!(
        world.decided_of("a-1").1.document.explanation,
        said.explanation
    );
    let word = world.word(
        "a-1",
        "opening",
        RowKind::Confirmed,
        nine_and(64 * MINUTE_MS),
    );
    world.take_signals(nine_and(64 * MINUTE_MS), vec![word]);
    let rows = stay(&world, "nobody", 0, 50);
    world.take_signals(nine_and(64 * MINUTE_MS), rows);
    let third = decide(&mut world, 65);
    assert!(first < second && second < third);
    let report = run(&world.archive());
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
}

#[test]
fn an_account_of_two_registrations_is_nobodys() {
    let mut world = world();
    world.list_account("a-2", "ada");
    world.import(nine_and(55 * MINUTE_MS));
    take(&mut world, 0, 50);
    decide(&mut world, 60);
    assert!(world.decided_of("a-1").1.document.evidence.is_empty());
    let report = run(&world.archive());
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
}

#[test]
fn an_assistants_scans_are_found_for_both() {
    let mut world = world();
    let badge = world.badge_key.digest("X2");
    world.registration("a-1").assistants.push(badge);
    world.import(nine_and(-5 * MINUTE_MS));
    world.scan(0, nine_and(-MINUTE_MS), "X2", Direction::In);
    world.scan(0, nine_and(51 * MINUTE_MS), "X2", Direction::Out);
    world.sync(0, nine_and(56 * MINUTE_MS));
    decide(&mut world, 60);
    world.decide(nine_and(60 * MINUTE_MS), "a-2", "main");
    for attendee in ["a-1", "a-2"] {
        let evidence = world.decided_of(attendee).1.document.evidence;
        assert_eq!(evidence.len(), 2, "{attendee}");
    }
    let report = run(&world.archive());
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
}

#[test]
fn an_altered_row_is_found_by_its_object_and_what_rests_on_it() {
    let mut world = world();
    let entry = take(&mut world, 0, 50);
    decide(&mut world, 60);
    let LedgerBody::Signals(body) = world.ledger_body(entry) else {
        panic!("it is signals");
    };
    let mut files = world.archive();
    let path = object_path(body.object);
    let text = String::from_utf8(files[&path].clone()).unwrap();
    files.insert(path, text.replace("\"out\"", "\"in\"").into_bytes());
    let report = run(&files);
    let failed = |name: &str| {
        let mut checks = report.checks.iter();
        checks.any(|c| c.name == name && c.outcome == Outcome::Failed)
    };
    assert!(failed("objects") && failed("sources") && failed("decisions"));
}

#[test]
fn an_entry_that_names_another_object_is_found() {
    for change in [0, 1, 2] {
        let mut world = world();
        let entry = take(&mut world, 0, 50);
        let LedgerBody::Signals(mut body) = world.ledger_body(entry) else {
            panic!("it is signals");
        };
        let reason = match change {
            0 => {
                body.source = "teams".into();
                "another system"
            }
            1 => {
                body.rows = 3;
                "another number of rows"
            }
            _ => {
                body.object = world.keep(b"{}".to_vec());
                "do not read"
            }
        };
        let later = world.note(nine_and(57 * MINUTE_MS), LedgerBody::Signals(body));
        check(&world, "sources", later, reason);
    }
}

#[test]
fn a_retraction_of_what_is_no_earlier_signals_is_found() {
    let mut world = world();
    let entry = take(&mut world, 0, 50);
    let at = nine_and(57 * MINUTE_MS);
    let mut later = world.clone();
    let index = later.retract(at, entry + 2, None);
    check(&later, "sources", index, "no earlier signals");
    let mut other = world.clone();
    let index = other.retract(at, 0, None);
    check(&other, "sources", index, "no earlier signals");
    let mut row = world.clone();
    let index = row.retract(at, entry, Some(2));
    check(&row, "sources", index, "do not have");
    world.retract(at, entry, Some(1));
    let index = world.retract(at, entry, Some(1));
    check(&world, "sources", index, "before");
}

/// Decides on a basis whose size of the ledger is another.
fn decide_with_size(world: &mut World, size: u64) -> u64 {
    let held = std::mem::replace(&mut world.observed_size, size);
    let index = decide(world, 60);
    world.observed_size = held;
    index
}

#[test]
fn a_basis_that_leaves_the_ledger_out_or_claims_too_much_is_found() {
    let whole = {
        let mut world = world();
        take(&mut world, 0, 50);
        world
    };
    let size = whole.observed_size;
    let mut out = whole.clone();
    let index = decide_with_size(&mut out, 0);
    check(&out, "decisions", index, "leaves out what the ledger said");

    let mut short = whole.clone();
    take(&mut short, 20, 30);
    let index = decide_with_size(&mut short, size);
    check(
        &short,
        "decisions",
        index,
        "leaves out what the ledger said",
    );

    let mut taken_back = whole.clone();
    taken_back.retract(nine_and(57 * MINUTE_MS), size - 1, None);
    let index = decide_with_size(&mut taken_back, size);
    check(
        &taken_back,
        "decisions",
        index,
        "leaves out what the ledger said",
    );

    let mut ahead = whole.clone();
    let next = ahead.ledger.size();
    let index = decide_with_size(&mut ahead, next + 1);
    take(&mut ahead, 20, 30);
    check(&ahead, "decisions", index, "come after the decision");

    let mut beyond = whole.clone();
    let index = decide_with_size(&mut beyond, 1_000);
    check(&beyond, "decisions", index, "the archive has fewer");

    // What is nobody's, or another's, may come in between.
    let mut others = whole;
    let rows = stay(&others, "nobody", 0, 50);
    others.take_signals(nine_and(57 * MINUTE_MS), rows);
    decide_with_size(&mut others, size);
    let report = run(&others.archive());
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
}

#[test]
fn a_basis_that_leaves_out_a_journal_that_the_issuer_held_is_found() {
    let mut world = world();
    world.scan(0, nine_and(56 * MINUTE_MS), "X1", Direction::In);
    world.sync(0, nine_and(57 * MINUTE_MS));
    let question = world.question(nine_and(60 * MINUTE_MS), "main");
    let origin = world.kiosks[0].origin.clone();
    for is_absent in [true, false] {
        let mut world = world.clone();
        let logs = if is_absent {
            Vec::new()
        } else {
            vec![LogPrefix {
                log: origin.clone(),
                size: 0,
            }]
        };
        let basis = Basis {
            logs,
            ..question.basis().clone()
        };
        let index = put(&mut world, basis);
        check(&world, "decisions", index, "a scan of this attendee's");
    }
}

/// Writes the decision that a basis comes to.
fn put(world: &mut World, basis: Basis) -> u64 {
    let at = basis.now;
    let rules = world.question(at, "main").rules().clone();
    let asked = Question::of_any_engine(
        basis,
        Arc::new(world.agenda.clone()),
        Arc::new(Roll::new(&world.registrations)),
        Arc::new(rules),
    );
    let asked = asked.unwrap();
    let answer = world.answer(&asked, &id("a-1"), true);
    let body = ledger::Decision {
        attendee: id("a-1"),
        programme: id("main"),
        outcome: answer.document.outcome,
        credits: answer.document.credits,
        reason: answer.document.reason,
        decision: world.keep(answer.bytes),
        basis: world.keep(object_bytes(asked.basis())),
        replaces: None,
    };
    world.note(at, LedgerBody::Decision(body))
}

#[test]
fn another_engines_decision_is_made_again_and_the_difference_said() {
    let mut world = world();
    take(&mut world, 0, 50);
    let basis = Basis {
        engine: "rollcall-threshold-0".into(),
        ..world
            .question(nine_and(60 * MINUTE_MS), "main")
            .basis()
            .clone()
    };
    put(&mut world, basis.clone());
    let report = run(&world.archive());
    assert_eq!(report.verdict, Verdict::Partly, "{:#?}", report.checks);
    let note = report.notes.first().unwrap();
    assert!(
        note.contains("1 with the same outcome and credits"),
        "{note}"
    );

    // The other engine came to something else: its words stand, and a person is told.
    let at = nine_and(62 * MINUTE_MS);
    let basis = world.keep(object_bytes(&Basis { now: at, ..basis }));
    let body = ledger::Decision {
        attendee: id("a-2"),
        programme: id("main"),
        outcome: attendance::Outcome::Full,
        credits: Some(attendance::Decimal::ONE),
        reason: attendance::Reason::MetDurationThreshold,
        decision: world.keep(b"{}".to_vec()),
        basis,
        replaces: None,
    };
    let index = world.note(at, LedgerBody::Decision(body));
    let report = run(&world.archive());
    assert_eq!(report.verdict, Verdict::Partly);
    let said = format!("entry {index}: none");
    assert!(
        report.notes.iter().any(|n| n.contains(&said)),
        "{:?}",
        report.notes
    );
}
