//! Faults of what other sources saw, and of what a basis leaves out.

use attendance::words::Source;
use audit::testing::{MINUTE_MS, World, id, nine_and};
use protocol::agenda::Registrations;
use protocol::decision::object_bytes;
use protocol::ledger::{self, LedgerBody};
use protocol::signals::{RowKind, Signals, VERSION};

use super::{Case, at, described, with};

pub(super) fn observed_cases() -> Vec<Case> {
    vec![
        watched("a day that a platform saw as well", &[], |_, _| {}),
        accepted("signals that are not there", |world, body| {
            world.objects.remove(&body.object);
        }),
        accepted("signals of another system", |_, body| {
            body.source = "other".into();
        }),
        accepted("signals with a row more than their object", |_, body| {
            body.rows += 1;
        }),
        accepted("signals that do not read", |world, body| {
            body.object = world.keep(b"{\"v\":1,\"source\":\"scan\"}".to_vec());
        }),
        rows("signals of a session and a room", |signals| {
            signals.rows[0].room = Some(id("hall"));
        }),
        rows("a poll without its name", |signals| {
            signals.rows[0].kind = RowKind::Poll;
        }),
        rows("a device with a line end", |signals| {
            signals.rows[0].device = Some("a\u{85}".into());
        }),
        rows("signals that end before they begin", |signals| {
            signals.rows[0].latest = signals.rows[0].earliest.plus_ms(-1);
        }),
        watched(
            "what nobody sent taken back",
            &["sources"],
            |world, entry| {
                world.note(at(), retraction(entry + 1, None));
            },
        ),
        watched(
            "a row that is not there taken back",
            &["sources"],
            |world, entry| {
                world.note(at(), retraction(entry, Some(9)));
            },
        ),
        watched(
            "the same row taken back twice",
            &["sources"],
            |world, entry| {
                world.retract(at(), entry, Some(0));
                world.retract(at(), entry, Some(0));
            },
        ),
        watched("a row taken back, then all", &[], |world, entry| {
            world.retract(at(), entry, Some(0));
            world.retract(at(), entry, None);
            world.decide(at(), "a-1", "main");
        }),
        watched(
            "a decision that leaves out what a platform saw",
            &["decisions"],
            |world, _| {
                world.observed_size = 0;
                world.decide(at(), "a-1", "main");
            },
        ),
        watched(
            "a decision that leaves out what was taken back",
            &["decisions"],
            |world, entry| {
                let before = world.observed_size;
                world.retract(at(), entry, None);
                world.observed_size = before;
                world.decide(at(), "a-1", "main");
            },
        ),
        watched(
            "a decision on nobody whom a platform saw",
            &[],
            |world, _| {
                world.observed_size = 0;
                world.decide(at(), "a-2", "main");
            },
        ),
        watched(
            "a decision on more of the ledger than there was",
            &["decisions"],
            |world, _| {
                world.observed_size = world.ledger.size() + 1;
                world.decide(at(), "a-1", "main");
            },
        ),
        of_another_issuer(),
        watched("an account that two people list", &[], |world, _| {
            world.list_account("a-2", "one");
            world.import(at());
            world.decide(at(), "a-1", "main");
        }),
        with("accounts that are no digests", &["sources"], |world| {
            let bytes = object_bytes::<Registrations>(&world.registrations.clone());
            let text = String::from_utf8(bytes).unwrap();
            let text = text.replacen("\"badges\":[", "\"accounts\":[\"A\"],\"badges\":[", 1);
            let object = world.keep(text.into_bytes());
            world.note(at(), super::in_ledger::import("registrations", object));
        }),
    ]
}

/// A finished day on which a platform saw `a-1`, who was decided again since; gives the ledger index of its signals.
fn watched(
    name: &'static str,
    failed: &'static [&'static str],
    spoil: impl FnOnce(&mut World, u64),
) -> Case {
    with(name, failed, |world| {
        world.add_channel("zoom/81", "hall");
        world.list_account("a-1", "one");
        world.import(at());
        let came = world.seen("one", "zoom/81", RowKind::In, nine_and(MINUTE_MS));
        let went = world.seen("one", "zoom/81", RowKind::Out, nine_and(20 * MINUTE_MS));
        let entry = world.take_signals(at(), vec![came, went]);
        world.decide(at(), "a-1", "main");
        spoil(world, entry);
    })
}

/// A day that a platform saw, in an archive of another issuer: whose ledger it is changes nothing of what rests on its rows.
fn of_another_issuer() -> Case {
    let mut case = watched("signals in the ledger of another issuer", &[], |_, _| {});
    described(&mut case.files, |value| {
        value["issuer"] = "other.example.org".into();
    });
    case.failed = &["enrolment", "ledger", "ledger_heads", "receipts"];
    case
}

/// An entry of signals about nobody, with something else said of its object.
fn accepted(name: &'static str, change: impl FnOnce(&mut World, &mut ledger::Signals)) -> Case {
    with(name, &["sources"], |world| {
        let signals = of_nobody(world);
        let object = world.keep(object_bytes(&signals));
        let mut body = entry_of(&signals, object);
        change(world, &mut body);
        world.note(at(), LedgerBody::Signals(body));
    })
}

/// Signals about nobody with something wrong in them.
fn rows(name: &'static str, change: impl FnOnce(&mut Signals)) -> Case {
    with(name, &["sources"], |world| {
        let mut signals = of_nobody(world);
        change(&mut signals);
        let object = world.keep(object_bytes(&signals));
        world.note(at(), LedgerBody::Signals(entry_of(&signals, object)));
    })
}

fn of_nobody(world: &World) -> Signals {
    Signals {
        v: VERSION,
        source: Source::Platform,
        system: "zoom".into(),
        rows: vec![world.seen("nobody", "zoom/81", RowKind::In, at())],
    }
}

fn entry_of(signals: &Signals, object: evidence::Hash) -> ledger::Signals {
    ledger::Signals {
        source: signals.system.clone(),
        object,
        file: object,
        rows: u64::try_from(signals.rows.len()).unwrap(),
        operator: None,
        reason: None,
    }
}

fn retraction(entry: u64, row: Option<u32>) -> LedgerBody {
    LedgerBody::Retraction(ledger::Retraction {
        entry,
        row,
        reason: "wrong_person".into(),
        operator: "op-1".into(),
    })
}
