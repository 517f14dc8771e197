//! Faults of decisions and of what they rest on.

use attendance::words::Direction;
use audit::testing::{MINUTE_MS, RULES, World, id, nine_and};
use evidence::Hash;
use protocol::decision::{Basis, object_bytes};
use protocol::ledger::{self, LedgerBody};

use super::{Case, at, with};

pub(super) fn decision_cases() -> Vec<Case> {
    vec![
        decided("a decision on an agenda never imported", |world| {
            world.agenda.rooms[0].title = "Aula".into();
            world.keep(object_bytes(&world.agenda.clone()));
        }),
        decided("a decision on registrations never imported", |world| {
            world.registrations.registrations[0].cancelled = true;
            world.keep(object_bytes(&world.registrations.clone()));
        }),
        decided("a decision on rules never adopted", |world| {
            let rules = world.keep(RULES.replace("0.8", "0.7").into_bytes());
            world.agenda.programmes[0].rules = Some(rules.to_hex());
            world.import(at());
        }),
        decided("a decision on entries never accepted", |world| {
            world.pretend_accepted(0, 3);
        }),
        decided("a decision that leaves a journal out", |world| {
            world.agenda.rooms[0].title = "Aula".into();
            world.import(at());
            world.pretend_accepted(0, 0);
        }),
        decided("a decision on less of a journal than was held", |world| {
            world.agenda.rooms[0].title = "Aula".into();
            world.import(at());
            let mut ledger = (0..world.ledger.size()).map(|index| world.ledger_body(index));
            let first = ledger.find_map(|body| match body {
                LedgerBody::KioskHead(head) => Some(head.size),
                _ => None,
            });
            world.pretend_accepted(0, first.unwrap());
        }),
        with(
            "a decision without a scan that came after all that it rests on",
            &["decisions"],
            |world| {
                world.add_kiosk("hall-9", "side-door", &["hall"], at());
                world.scan(1, at().plus_ms(MINUTE_MS), "X2", Direction::Out);
                world.sync(1, at().plus_ms(2 * MINUTE_MS));
                world.pretend_accepted(1, 0);
                world.decide(at().plus_ms(3 * MINUTE_MS), "a-2", "main");
            },
        ),
        basis("a basis that is not there", |_, bytes| bytes.clear()),
        basis("a basis in another form", |_, bytes| bytes.push(b' ')),
        basis("a basis of another event", |basis, bytes| {
            basis.event = id("gp-2027");
            *bytes = object_bytes(basis);
        }),
        basis("a basis that names a log twice", |basis, bytes| {
            basis.logs.push(basis.logs[0].clone());
            *bytes = object_bytes(basis);
        }),
        basis("a basis of another programme", |basis, bytes| {
            basis.programme = id("side");
            *bytes = object_bytes(basis);
        }),
        basis("a basis without the journal", |basis, bytes| {
            basis.logs.clear();
            *bytes = object_bytes(basis);
        }),
        basis("a basis at another time", |basis, bytes| {
            basis.now = nine_and(20 * MINUTE_MS);
            *bytes = object_bytes(basis);
        }),
        Case {
            not_checked: &["decisions"],
            failed: &[],
            ..basis("a basis of another engine", |basis, bytes| {
                basis.engine = "rollcall-threshold-1".into();
                *bytes = object_bytes(basis);
            })
        },
        ledger_says("a decision on somebody else", |body| {
            body.attendee = id("a-3");
        }),
        ledger_says("a decision with another outcome", |body| {
            body.outcome = attendance::Outcome::Partial;
        }),
        ledger_says("a decision with other credits", |body| {
            body.credits = Some("9".parse().unwrap());
        }),
        ledger_says("a decision without credits", |body| body.credits = None),
        ledger_says("a decision with another reason", |body| {
            body.reason = attendance::Reason::PartialCredit;
        }),
        ledger_says("a decision for another programme", |body| {
            body.programme = id("side");
        }),
        ledger_says("a decision that is not there", |body| {
            body.decision = Hash([7; 32]);
        }),
        ledger_says("a decision in the place of itself", |body| {
            body.replaces = Some(999);
        }),
        ledger_says("a decision in the place of no decision", |body| {
            body.replaces = Some(0);
        }),
        with(
            "a decision in the place of another's",
            &["decisions"],
            |world| {
                let (mine, _) = world.decided_of("a-1");
                let (other, _) = world.decided_of("a-2");
                let LedgerBody::Decision(mut body) = world.ledger_body(mine) else {
                    panic!()
                };
                body.replaces = Some(other);
                world.note(at(), LedgerBody::Decision(body));
            },
        ),
        with(
            "more minutes in a decision, hashes right",
            &["decisions"],
            |world| {
                let (index, answer) = world.decided_of("a-2");
                let mut document = answer.document;
                document.parts[0].least_ms += MINUTE_MS;
                let LedgerBody::Decision(mut body) = world.ledger_body(index) else {
                    panic!()
                };
                body.decision = world.keep(object_bytes(&document));
                world.note(at(), LedgerBody::Decision(body));
            },
        ),
    ]
}

/// A decision made after something was changed.
fn decided(name: &'static str, change: impl FnOnce(&mut World)) -> Case {
    with(name, &["decisions"], |world| {
        change(world);
        world.decide(at(), "a-1", "main");
    })
}

/// The decision on `a-1` once more, on a basis with something changed.
fn basis(name: &'static str, change: impl FnOnce(&mut Basis, &mut Vec<u8>)) -> Case {
    with(name, &["decisions"], |world| {
        let (index, _) = world.decided_of("a-1");
        let LedgerBody::Decision(mut body) = world.ledger_body(index) else {
            panic!()
        };
        let mut bytes = world.objects[&body.basis].clone();
        let mut basis: Basis = serde_json::from_slice(&bytes).unwrap();
        change(&mut basis, &mut bytes);
        body.basis = if bytes.is_empty() {
            Hash([7; 32])
        } else {
            world.keep(bytes)
        };
        world.note(at(), LedgerBody::Decision(body));
    })
}

/// The decision on `a-1` once more, with something else said of it in the ledger.
fn ledger_says(name: &'static str, change: impl FnOnce(&mut ledger::Decision)) -> Case {
    with(name, &["decisions"], |world| {
        let (index, _) = world.decided_of("a-1");
        let LedgerBody::Decision(mut body) = world.ledger_body(index) else {
            panic!()
        };
        change(&mut body);
        world.note(at(), LedgerBody::Decision(body));
    })
}
