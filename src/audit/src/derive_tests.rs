#![allow(clippy::unwrap_used)]
use super::*;
use crate::testing::{MINUTE_MS, World, id, nine_and};
use attendance::words::Direction;
use attendance::{Outcome, Reason};
use proptest::prelude::*;

#[test]
fn a_finished_world_is_decided() {
    let world = World::finished();
    let question = world.question(nine_and(60 * MINUTE_MS), "main");
    for (attendee, outcome, credits, reason) in [
        ("a-1", Outcome::Full, "1", Reason::MetDurationThreshold),
        ("a-2", Outcome::None, "0", Reason::BelowMinimum),
    ] {
        let answer = world.answer(&question, &id(attendee), false);
        assert_eq!(
            answer.document.outcome, outcome,
            "{}",
            answer.document.explanation
        );
        assert_eq!(answer.document.credits.unwrap().to_string(), credits);
        assert_eq!(answer.document.reason, reason);
    }
}

#[test]
fn what_is_not_signed_is_not_believed() {
    let world = World::finished();
    let mut keys = world.keys(0);
    let mut view = LogView::new(keys.clone());
    keys.issuer_key = evidence::SigningKey::from_seed(&[66; 32]).public_key();
    let mut foreign = LogView::new(keys);
    for (index, bytes) in (0_u64..).zip(&world.kiosks[0].log.entries) {
        let entry = entry::parse(bytes).unwrap();
        view.take(index, &entry);
        foreign.take(index, &entry);
    }
    assert_eq!(view.disbelieved(), []);
    let kinds: Vec<&str> = foreign.disbelieved().iter().map(|d| d.kind).collect();
    assert_eq!(kinds.iter().filter(|k| **k == "clock").count(), 2);
    assert_eq!(kinds.iter().filter(|k| **k == "receipt").count(), 5);
    assert!(!foreign.clock_at(100).is_anchored() && view.clock_at(100).is_anchored());
}

#[test]
fn a_receipt_for_entries_that_are_not_there_yet_is_not_believed() {
    let mut world = World::small();
    world.sync(0, nine_and(0));
    let receipt = world.kiosks[0].log.entries[1].clone();
    let mut view = LogView::new(world.keys(0));
    view.take(0, &entry::parse(&receipt).unwrap());
    assert_eq!(view.disbelieved().len(), 1);
}

#[test]
fn a_branch_sees_of_its_log_what_it_shares_and_nothing_more() {
    let world = World::finished();
    let mut view = LogView::new(world.keys(0));
    for (index, bytes) in (0_u64..).zip(&world.kiosks[0].log.entries) {
        view.take(index, &entry::parse(bytes).unwrap());
    }
    let indices = |view: &LogView| view.marks.iter().map(|(at, ..)| *at).collect::<Vec<u64>>();
    let all = indices(&view);
    let base = all[all.len() / 2];
    let below: Vec<u64> = all.iter().copied().filter(|at| *at < base).collect();
    assert!(!below.is_empty());
    assert_eq!(indices(&view.up_to(base)), below);
    assert_eq!(indices(&view.up_to(u64::MAX)), all);
}

#[test]
fn a_basis_is_named_by_the_hash_of_its_bytes() {
    let world = World::finished();
    let question = world.question(nine_and(0), "main");
    let hash = evidence::sha256(&question.basis_bytes()).to_hex();
    assert_eq!(question.basis_hash(), hash);
}

#[test]
fn a_basis_must_be_in_order_and_of_this_engine() {
    let world = World::finished();
    let question = world.question(nine_and(0), "main");
    let ask = |basis: Basis| {
        Question::new(
            basis,
            Arc::clone(&question.agenda),
            Arc::clone(&question.roll),
            Arc::clone(&question.rules),
        )
        .map(|_| ())
    };
    let good = question.basis().clone();
    assert_eq!(ask(good.clone()), Ok(()));
    let twice = [good.logs[0].clone(), good.logs[0].clone()].to_vec();
    assert_eq!(
        ask(Basis {
            logs: twice,
            ..good.clone()
        }),
        Err(QuestionError::Order)
    );
    let engine = "other".to_owned();
    assert_eq!(
        ask(Basis {
            engine: engine.clone(),
            ..good.clone()
        }),
        Err(QuestionError::Engine(engine))
    );
    assert!(matches!(
        ask(Basis {
            rules: "00".repeat(32),
            ..good
        }),
        Err(QuestionError::Rules { .. })
    ));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Scan(bool, bool),
    Sync,
    Clock,
    Reboot,
    Rubbish,
}

fn steps() -> impl Strategy<Value = Vec<(Step, i64)>> {
    let step = prop_oneof![
        5 => (any::<bool>(), any::<bool>()).prop_map(|(who, way)| Step::Scan(who, way)),
        2 => Just(Step::Sync),
        1 => Just(Step::Clock),
        1 => Just(Step::Reboot),
        1 => Just(Step::Rubbish),
    ];
    proptest::collection::vec((step, 1_000_i64..600_000), 1..25)
}

fn play(steps: &[(Step, i64)]) -> World {
    let mut world = World::small();
    let mut at = nine_and(-20 * MINUTE_MS);
    for (step, wait_ms) in steps {
        at = at.plus_ms(*wait_ms);
        match step {
            Step::Scan(who, way) => {
                let badge = if *who { "X1" } else { "X2" };
                let way = if *way { Direction::In } else { Direction::Out };
                world.scan(0, at, badge, way);
            }
            Step::Sync => world.sync(0, at),
            Step::Clock => {
                world.clock(0, at);
            }
            Step::Reboot => world.reboot(0, at),
            Step::Rubbish => {
                world.journal_bytes(0, b"rubbish".to_vec());
            }
        }
    }
    world.sync(0, at.plus_ms(1_000));
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn marks_and_own_scans_decide_as_whole_logs_do(steps in steps()) {
        let world = play(&steps);
        let question = world.question(nine_and(600 * MINUTE_MS), "main");
        for attendee in ["a-1", "a-2"] {
            let attendee = id(attendee);
            let sparse = world.answer(&question, &attendee, true);
            prop_assert_eq!(sparse, world.answer(&question, &attendee, false));
        }
    }
}
