//! Faults of the ledger: what it holds, what it accepted, what it put in quarantine.

use audit::testing::{RULES, World, id};
use evidence::{Hash, leaf_hash, sha256};
use protocol::archive::checkpoint_path;
use protocol::decision::object_bytes;
use protocol::ledger::{self, LedgerBody};

use super::super::tampers::rewrite_ledger;
use super::{CODE, Case, at, described, files, head_of, note, stranger, with};

pub(super) fn ledger_cases() -> Vec<Case> {
    let noted = |name, failed, body: &dyn Fn(&World) -> LedgerBody| {
        with(name, failed, |world| {
            let body = body(world);
            world.note(at(), body);
        })
    };
    let head = |world: &World, from, size, root| {
        LedgerBody::KioskHead(ledger::KioskHead {
            log: world.kiosks[0].origin.clone(),
            from,
            size,
            root,
            receipt_s: 1_795_430_000,
        })
    };
    let held = |world: &World| match world.ledger_body(world.ledger.size() - 2) {
        LedgerBody::KioskHead(head) => head.size,
        other => panic!("{other:?}"),
    };
    vec![
        with("a sign explained, and another upheld", &[], |world| {
            for (about, outcome) in ledger::SignKind::ALL.iter().zip(ledger::SignOutcome::ALL) {
                let evidence = vec![ledger::SignScan {
                    log: world.kiosks[0].origin.to_string(),
                    index: 4,
                }];
                let sign = ledger::Sign {
                    sign: format!("{}-0f1e2d3c4b5a-0", about.as_str()),
                    about: *about,
                    times: 6,
                    evidence,
                    outcome: *outcome,
                    reason: "came_together".into(),
                    operator: "op-1".into(),
                };
                world.note(at(), LedgerBody::Sign(sign));
            }
        }),
        with("a person's data erased", &[], |world| {
            let erasure = ledger::Erasure {
                attendee: id("a-1"),
                reason: "asked_for".into(),
                operator: "op-1".into(),
            };
            world.note(at(), LedgerBody::Erasure(erasure));
        }),
        with("the data of nobody erased", &["ledger"], |world| {
            world.ledger_bytes(
                b"{\"v\":1,\"kind\":\"erasure\",\"at\":\"2026-11-23T09:00:00.000Z\",\"body\":{\"attendee\":\"A 1\",\
                  \"operator\":\"op-1\",\"reason\":\"asked_for\"}}"
                    .to_vec(),
            );
        }),
        with("a sign of a kind that there is not", &["ledger"], |world| {
            world.ledger_bytes(
                b"{\"v\":1,\"kind\":\"sign\",\"at\":\"2026-11-23T09:00:00.000Z\",\"body\":{\"about\":\"mood\",\
                  \"evidence\":[],\"operator\":\"op-1\",\"outcome\":\"upheld\",\"reason\":\"other\",\"sign\":\"mood-1\",\"times\":1}}"
                    .to_vec(),
            );
        }),
        with("the ledger has an unknown kind", &["ledger"], |world| {
            world.ledger_bytes(
                b"{\"v\":1,\"kind\":\"thing\",\"at\":\"2026-11-23T09:00:00.000Z\",\"body\":{}}"
                    .to_vec(),
            );
        }),
        with("the ledger has rubbish", &["ledger"], |world| {
            world.ledger_bytes(b"rubbish".to_vec());
        }),
        noted("the event begins again", &["ledger"], &|world| {
            world.ledger_body(0)
        }),
        with(
            "the ledger was rewritten",
            &["ledger_heads", "proofs"],
            |world| {
                rewrite_ledger(world, |index, text| {
                    Some(if index == 0 {
                        text.replace("Practice", "Praktice")
                    } else {
                        text
                    })
                });
            },
        ),
        with(
            "the ledger begins with another event",
            &["ledger", "ledger_heads", "certificates"],
            |world| {
                rewrite_ledger(world, |index, text| {
                    Some(if index == 0 {
                        text.replace("\"gp-2026\"", "\"gp-2027\"")
                    } else {
                        text
                    })
                });
            },
        ),
        with(
            "the ledger begins with another issuer's key",
            &["ledger", "ledger_heads", "proofs"],
            |world| {
                let (own, other) = (
                    world.issuer.public_key().to_base64(),
                    stranger().public_key().to_base64(),
                );
                rewrite_ledger(world, |index, text| {
                    Some(if index == 0 {
                        text.replace(&own, &other)
                    } else {
                        text
                    })
                });
            },
        ),
        files(
            "the ledger's key is not the issuer's",
            &["ledger"],
            &[],
            |_, files| {
                described(files, |value| {
                    value["logs"][0]["key"] = stranger().public_key().to_base64().into();
                });
            },
        ),
        files(
            "a ledger of another origin",
            &["ledger", "proofs"],
            &[],
            |world, files| {
                let origin = "ce.example.org/event/other";
                let size = world.ledger.size();
                let note = note(origin, size, head_of(&world.ledger, size), &world.issuer);
                files.insert(checkpoint_path(0), note.into_bytes());
                described(files, |value| value["logs"][0]["origin"] = origin.into());
            },
        ),
        with(
            "a ledger that does not begin with the event",
            &["certificates", "ledger", "ledger_heads"],
            |world| {
                let mut entries = world.ledger.entries.iter();
                let door = entries.find(|e| e.starts_with(b"{\"v\":1,\"kind\":\"door\""));
                let door = String::from_utf8(door.unwrap().clone()).unwrap();
                rewrite_ledger(world, |index, text| {
                    Some(if index == 0 { door.clone() } else { text })
                });
            },
        ),
        files("the ledger at a door", &["ledger"], &[], |_, files| {
            described(files, |value| value["logs"][0]["door"] = "hall-door".into());
        }),
        noted("a batch with a gap", &["kiosk_heads"], &|world| {
            let size = world.kiosks[0].log.size();
            head(
                world,
                held(world) + 1,
                size,
                head_of(&world.kiosks[0].log, size),
            )
        }),
        noted("a batch that takes back", &["kiosk_heads"], &|world| {
            head(world, held(world), 3, head_of(&world.kiosks[0].log, 3))
        }),
        noted("a batch of other entries", &["kiosk_heads"], &|world| {
            head(
                world,
                held(world),
                world.kiosks[0].log.size(),
                Hash([7; 32]),
            )
        }),
        noted("a batch beyond the journal", &["kiosk_heads"], &|world| {
            head(
                world,
                held(world),
                world.kiosks[0].log.size() + 1,
                Hash([7; 32]),
            )
        }),
        noted("a revocation of nothing", &["revocations"], &|_| {
            LedgerBody::Revocation(ledger::Revocation {
                certificate: id("cccc"),
                version: 1,
                reason: "withdrawn".into(),
                operator: "op-1".into(),
            })
        }),
        noted(
            "a revocation of a version never issued",
            &["revocations"],
            &|_| {
                LedgerBody::Revocation(ledger::Revocation {
                    certificate: id(CODE),
                    version: 2,
                    reason: "withdrawn".into(),
                    operator: "op-1".into(),
                })
            },
        ),
        noted("a retirement of nobody", &["revocations"], &|_| {
            LedgerBody::Retirement(ledger::Retirement {
                kiosk: id("hall-9"),
                reason: "replaced".into(),
                operator: "op-1".into(),
            })
        }),
        noted("a lost door that never was", &["revocations"], &|_| {
            LedgerBody::DoorLost(ledger::DoorLost {
                door: id("door-9"),
                reason: "stolen".into(),
                operator: "op-1".into(),
            })
        }),
        noted("an import that is not there", &["sources"], &|_| {
            import("agenda", Hash([7; 32]))
        }),
        with("an agenda that does not read", &["sources"], |world| {
            let object = world.keep(b"{}".to_vec());
            world.note(at(), import("agenda", object));
        }),
        with("registrations that do not read", &["sources"], |world| {
            let object = world.keep(b"{}".to_vec());
            world.note(at(), import("registrations", object));
        }),
        with("something else imported", &[], |world| {
            let object = world.keep(b"{}".to_vec());
            world.note(at(), import("sponsors", object));
        }),
        adopted("rules under another name", |_, body| body.name.push('x')),
        adopted("rules for another programme", |_, body| {
            body.programme = id("side");
        }),
        adopted("rules in another agenda", |world, body| {
            let mut agenda = world.agenda.clone();
            agenda.programmes[0].rules = None;
            body.agenda = world.keep(object_bytes(&agenda));
        }),
        adopted("rules that do not read", |world, body| {
            body.rules = world.keep(RULES.replace("step", "stride").into_bytes());
        }),
        adopted("rules with a threshold above all", |world, body| {
            body.rules = world.keep(RULES.replace("0.8", "1.1").into_bytes());
        }),
        adopted("rules that are not there", |_, body| {
            body.rules = Hash([7; 32]);
        }),
    ]
}

pub(super) fn import(what: &str, object: Hash) -> LedgerBody {
    LedgerBody::Import(ledger::Import {
        what: what.into(),
        format: "test".into(),
        object,
        file: sha256(b"file"),
        rows: 1,
        operator: None,
        reason: None,
    })
}

/// The rule set in force adopted again, with something changed.
fn adopted(name: &'static str, change: impl FnOnce(&mut World, &mut ledger::Rules)) -> Case {
    with(name, &["sources"], |world| {
        let found = (0..world.ledger.size()).find_map(|i| match world.ledger_body(i) {
            LedgerBody::Rules(body) => Some(body),
            _ => None,
        });
        let mut body = found.unwrap();
        change(world, &mut body);
        world.note(at(), LedgerBody::Rules(body));
    })
}

pub(super) fn quarantine_cases() -> Vec<Case> {
    let quarantine = |world: &World, index: u64, leaf| {
        LedgerBody::Quarantine(ledger::Quarantine {
            log: world.kiosks[0].origin.clone(),
            index,
            leaf,
            code: "malformed".into(),
        })
    };
    let leaf = |world: &World, index: usize| leaf_hash(&world.kiosks[0].log.entries[index]);
    let rubbish = |name, failed, after: &dyn Fn(&mut World, u64)| {
        with(name, failed, |world| {
            let index = world.journal_bytes(0, b"rubbish".to_vec());
            after(world, index);
        })
    };
    vec![
        rubbish(
            "rubbish that was not quarantined",
            &["quarantine"],
            &|world, _| {
                world.sync_without_quarantine(0, at());
            },
        ),
        rubbish("rubbish not yet accepted", &[], &|_, _| {}),
        rubbish(
            "rubbish quarantined before it was accepted",
            &["quarantine"],
            &|world, index| {
                let body = quarantine(world, index, leaf_hash(b"rubbish"));
                world.note(at(), body);
            },
        ),
        rubbish(
            "rubbish quarantined under another leaf",
            &["quarantine"],
            &|world, index| {
                world.sync_without_quarantine(0, at());
                let body = quarantine(world, index, Hash([7; 32]));
                world.note(at(), body);
            },
        ),
        with("a true entry quarantined", &["quarantine"], |world| {
            let body = quarantine(world, 4, leaf(world, 4));
            world.note(at(), body);
        }),
        with(
            "an entry that is not there quarantined",
            &["quarantine"],
            |world| {
                let body = quarantine(world, 9_999, Hash([7; 32]));
                world.note(at(), body);
            },
        ),
    ]
}
