//! One archive for every single thing that a verifier must refuse, with the checks that must say so.
//!
//! Faults stand after everything that witnesses what came before, so one check alone stands between most of them and a
//! verified archive: take that check away, and the case fails.

use audit::files::Memory;
use audit::testing::{ISSUER, Log, MINUTE_MS, World, id, nine_and};
use evidence::{
    Checkpoint, Hash, MemoryTree, SigningKey, cosign, leaf_hash, root_at, sign_checkpoint,
};
use protocol::archive::{ARCHIVE_PATH, checkpoint_path, entries_path, object_path};
use protocol::entry::{Body, NoteText, TimeCode};
use protocol::ledger::{self, LedgerBody};
use serde_json::Value;

use super::tampers::rewrite_journal;

#[path = "cases/branches.rs"]
mod branches;
#[path = "cases/certificates.rs"]
mod certificates;
#[path = "cases/decisions.rs"]
mod decisions;
#[path = "cases/ledger.rs"]
mod in_ledger;
#[path = "cases/observed.rs"]
mod observed;

const CODE: &str = "aaaabbbbccccddddeeeeffff22";
const LATE: i64 = 70 * MINUTE_MS;

impl Case {
    fn with_gap(self, not_checked: &'static [&'static str]) -> Case {
        Case {
            not_checked,
            ..self
        }
    }
}

/// An archive with one fault, and the checks that must name it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) files: Memory,
    pub(crate) failed: &'static [&'static str],
    pub(crate) not_checked: &'static [&'static str],
}

fn at() -> attendance::UtcMs {
    nine_and(LATE)
}

fn finished() -> World {
    World::finished()
}

fn with(
    name: &'static str,
    failed: &'static [&'static str],
    spoil: impl FnOnce(&mut World),
) -> Case {
    let mut world = finished();
    spoil(&mut world);
    Case {
        name,
        files: world.archive(),
        failed,
        not_checked: &[],
    }
}

fn files(
    name: &'static str,
    failed: &'static [&'static str],
    not_checked: &'static [&'static str],
    spoil: impl FnOnce(&World, &mut Memory),
) -> Case {
    let world = finished();
    let mut files = world.archive();
    spoil(&world, &mut files);
    Case {
        name,
        files,
        failed,
        not_checked,
    }
}

fn described(files: &mut Memory, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&files[ARCHIVE_PATH]).unwrap();
    change(&mut value);
    files.insert(ARCHIVE_PATH.into(), value.to_string().into_bytes());
}

fn head_of(log: &Log, size: u64) -> Hash {
    let tree = log
        .entries
        .iter()
        .map(|bytes| leaf_hash(bytes))
        .collect::<evidence::MemoryTree>();
    root_at(size, &tree).unwrap()
}

fn note(origin: &str, size: u64, root: Hash, key: &SigningKey) -> String {
    sign_checkpoint(&Checkpoint::new(origin, size, root).unwrap(), key)
}

fn time_code(code: &str) -> Body {
    Body::TimeCode(TimeCode {
        reader: id("front"),
        code: code.to_owned(),
    })
}

fn receipt(world: &World, size: u64, root: Hash, log: &SigningKey, issuer: &SigningKey) -> Body {
    let note = note(&world.kiosks[0].origin, size, root, log);
    let note = cosign(&note, ISSUER, issuer, 1_795_430_000).unwrap();
    Body::Receipt(NoteText { note })
}

fn ledger_head(
    world: &World,
    size: u64,
    root: Hash,
    issuer: &SigningKey,
    kiosk: &SigningKey,
) -> Body {
    let note = note(&world.ledger_origin(), size, root, issuer);
    let note = cosign(&note, &world.kiosks[0].origin, kiosk, 1_795_430_000).unwrap();
    Body::LedgerHead(NoteText { note })
}

fn stranger() -> SigningKey {
    SigningKey::from_seed(&[77; 32])
}

/// Every case, those of logs first.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = described_cases();
    cases.extend(log_cases());
    cases.extend(journal_cases());
    cases.extend(in_ledger::ledger_cases());
    cases.extend(in_ledger::quarantine_cases());
    cases.extend(decisions::decision_cases());
    cases.extend(observed::observed_cases());
    cases.extend(branches::branch_cases());
    cases.extend(branches::review_cases());
    cases.extend(certificates::certificate_cases());
    cases.extend(certificates::payload_cases());
    cases
}

fn described_cases() -> Vec<Case> {
    vec![
        files(
            "no log is described",
            &["archive"],
            &["decisions", "kiosk_heads", "ledger"],
            |_, files| {
                described(files, |value| value["logs"] = Value::Array(Vec::new()));
            },
        ),
        Case {
            failed: &["archive", "enrolment"],
            not_checked: &["decisions", "kiosk_heads", "ledger"],
            ..exported("an issuer's name that is none", |value| {
                value["issuer"] = "Not A Name".into();
            })
        },
        exported("a kiosk's own export", |_| {}),
        files("two logs have one origin", &["archive"], &[], |_, files| {
            twice(files, 1);
        }),
        files("two ledgers", &["archive"], &[], |_, files| {
            twice(files, 0);
            described(files, |value| {
                value["logs"][2]["origin"] = "elsewhere".into();
            });
        }),
        files(
            "an object under another name",
            &["objects"],
            &[],
            |_, files| {
                files.insert(object_path(Hash([7; 32])), b"anything".to_vec());
            },
        ),
        files(
            "an object whose name is no hash",
            &["objects"],
            &[],
            |_, files| {
                files.insert("objects/readme".into(), b"anything".to_vec());
            },
        ),
        files("a file that nothing speaks of", &[], &[], |_, files| {
            files.insert("notes.txt".into(), b"anything".to_vec());
        }),
        files(
            "a journal is missing",
            &[],
            &["decisions", "kiosk_heads"],
            |_, files| {
                described(files, |value| {
                    value["logs"].as_array_mut().unwrap().pop();
                });
            },
        ),
    ]
}

/// A kiosk's own export, which a ledger is missing to, with another description.
fn exported(name: &'static str, change: impl FnOnce(&mut Value)) -> Case {
    let mut files = World::small().export(0);
    described(&mut files, change);
    Case {
        name,
        files,
        failed: &[],
        not_checked: &["decisions", "enrolment", "kiosk_heads", "ledger"],
    }
}

/// The description lists a log again, under a number of its own.
fn twice(files: &mut Memory, log: usize) {
    described(files, |value| {
        let again = value["logs"][log].clone();
        value["logs"].as_array_mut().unwrap().push(again);
    });
    for path in [entries_path, checkpoint_path] {
        let bytes = files[&path(log)].clone();
        files.insert(path(2), bytes);
    }
}

fn log_cases() -> Vec<Case> {
    vec![
        files(
            "a journal's entries are missing",
            &["kiosk_heads", "logs", "decisions"],
            &["certificates"],
            |_, files| {
                files.remove(&entries_path(1));
            },
        ),
        files("a checkpoint is missing", &["logs"], &[], |_, files| {
            files.remove(&checkpoint_path(1));
        }),
        files("the last newline is missing", &["logs"], &[], |_, files| {
            files.get_mut(&entries_path(1)).unwrap().pop();
        }),
        files("a line too long", &["logs"], &[], |_, files| {
            let bytes = files.get_mut(&entries_path(1)).unwrap();
            bytes.extend_from_slice(&[b' '; 4_097]);
            bytes.push(b'\n');
        }),
        files("an entry more", &["logs"], &[], |_, files| {
            files
                .get_mut(&entries_path(1))
                .unwrap()
                .extend_from_slice(b"{}\n");
        }),
        files(
            "another size is described",
            &["logs"],
            &[],
            |world, files| {
                described(files, |value| {
                    value["logs"][1]["size"] = (world.kiosks[0].log.size() + 1).into();
                });
            },
        ),
        files(
            "a checkpoint of fewer entries",
            &["logs"],
            &[],
            |world, files| {
                let kiosk = &world.kiosks[0];
                let size = kiosk.log.size() - 1;
                let note = note(&kiosk.origin, size, head_of(&kiosk.log, size), &kiosk.key);
                files.insert(checkpoint_path(1), note.into_bytes());
            },
        ),
        files(
            "a checkpoint by somebody else",
            &["logs"],
            &[],
            |world, files| {
                let kiosk = &world.kiosks[0];
                let size = kiosk.log.size();
                let note = note(&kiosk.origin, size, head_of(&kiosk.log, size), &stranger());
                files.insert(checkpoint_path(1), note.into_bytes());
            },
        ),
        files(
            "a checkpoint of other entries",
            &["logs"],
            &[],
            |world, files| {
                let kiosk = &world.kiosks[0];
                let note = note(&kiosk.origin, kiosk.log.size(), Hash([7; 32]), &kiosk.key);
                files.insert(checkpoint_path(1), note.into_bytes());
            },
        ),
        cosigned("cosigned by the issuer", &[], &[], ISSUER, |world| {
            world.issuer.clone()
        }),
        cosigned(
            "cosigned by nobody known",
            &[],
            &["cosignatures"],
            "witness.example",
            |_| stranger(),
        ),
        cosigned(
            "cosigned in the issuer's name",
            &["cosignatures"],
            &[],
            ISSUER,
            |_| stranger(),
        ),
        files(
            "a journal's bytes are damaged",
            &[],
            &["logs"],
            |world, files| {
                damage(files, world, 1, world.kiosks[0].log.size() - 1);
            },
        ),
        files(
            "a ledger's bytes are damaged",
            &["ledger"],
            &[],
            |world, files| {
                damage(files, world, 0, world.ledger.size() - 1);
            },
        ),
    ]
}

fn cosigned(
    name: &'static str,
    failed: &'static [&'static str],
    not_checked: &'static [&'static str],
    cosigner: &str,
    key: impl FnOnce(&World) -> SigningKey,
) -> Case {
    files(name, failed, not_checked, |world, files| {
        let note = String::from_utf8(files[&checkpoint_path(1)].clone()).unwrap();
        let note = cosign(&note, cosigner, &key(world), 1_795_500_000).unwrap();
        files.insert(checkpoint_path(1), note.into_bytes());
    })
}

/// Only the leaf of an entry is left.
fn damage(files: &mut Memory, world: &World, log: usize, index: u64) {
    let entries = if log == 0 {
        &world.ledger.entries
    } else {
        &world.kiosks[0].log.entries
    };
    let mut bytes = Vec::new();
    for (at, entry) in (0_u64..).zip(entries) {
        if at == index {
            bytes.extend_from_slice(
                format!("{{\"leaf\":\"{}\"}}", leaf_hash(entry).to_hex()).as_bytes(),
            );
        } else {
            bytes.extend_from_slice(entry);
        }
        bytes.push(b'\n');
    }
    files.insert(entries_path(log), bytes);
}

fn journal_cases() -> Vec<Case> {
    let size = |world: &World| world.kiosks[0].log.size();
    let written = |name, failed, body: &dyn Fn(&World) -> Body| {
        with(name, failed, |world| {
            let body = body(world);
            world.journal(0, at(), body);
        })
    };
    let key = |world: &World| world.kiosks[0].key.clone();
    let root = |world: &World, size| head_of(&world.kiosks[0].log, size);
    vec![
        with("a time answer for another nonce", &["clocks"], |world| {
            world.clock(0, at());
            let last = world.kiosks[0].log.entries.len() - 1;
            rewrite_journal(world, 0, |index, text| {
                Some(if index == last {
                    text.replace("\"nonce\":\"0", "\"nonce\":\"1")
                } else {
                    text
                })
            });
        }),
        with("a time answer at another time", &["clocks"], |world| {
            world.clock(0, at());
            let last = world.kiosks[0].log.entries.len() - 1;
            rewrite_journal(world, 0, |index, text| {
                let forged = text.replace(
                    "\"issuer_sent\":\"2026-11-23T1",
                    "\"issuer_sent\":\"2026-11-23T0",
                );
                Some(if index == last { forged } else { text })
            });
        }),
        written("a time code of another issuer", &["clocks"], &|_| {
            time_code(&protocol::time_code::make(at(), 3, [1; 3], &stranger()))
        }),
        written("a time code that nobody signed", &["clocks"], &|world| {
            let code = protocol::time_code::make(at(), 3, [1; 3], &world.issuer);
            time_code(&code.replacen("AAA", "AAB", 1))
        }),
        written("a time code cut short", &["clocks"], &|world| {
            time_code(&protocol::time_code::make(at(), 3, [1; 3], &world.issuer)[..131])
        }),
        written("a receipt on other entries", &["receipts"], &|world| {
            receipt(
                world,
                size(world),
                Hash([7; 32]),
                &key(world),
                &world.issuer,
            )
        }),
        written(
            "a receipt on more than there was",
            &["receipts"],
            &|world| {
                receipt(
                    world,
                    size(world) + 1,
                    Hash([7; 32]),
                    &key(world),
                    &world.issuer,
                )
            },
        ),
        written(
            "a receipt that the kiosk did not sign",
            &["receipts"],
            &|world| {
                receipt(
                    world,
                    size(world),
                    root(world, size(world)),
                    &stranger(),
                    &world.issuer,
                )
            },
        ),
        written(
            "a receipt that the issuer did not sign",
            &["receipts"],
            &|world| {
                receipt(
                    world,
                    size(world),
                    root(world, size(world)),
                    &key(world),
                    &stranger(),
                )
            },
        ),
        written("a receipt of another log", &["receipts"], &|world| {
            let origin = world.ledger_origin();
            let note = note(&origin, size(world), root(world, size(world)), &key(world));
            let note = cosign(&note, ISSUER, &world.issuer, 1_795_430_000).unwrap();
            Body::Receipt(NoteText { note })
        }),
        written(
            "a ledger head on other entries",
            &["ledger_heads"],
            &|world| ledger_head(world, 3, Hash([7; 32]), &world.issuer, &key(world)),
        ),
        written(
            "a ledger head on more entries",
            &["ledger_heads"],
            &|world| {
                ledger_head(
                    world,
                    world.ledger.size() + 1,
                    Hash([7; 32]),
                    &world.issuer,
                    &key(world),
                )
            },
        ),
        written(
            "a ledger head that the issuer did not sign",
            &["ledger_heads"],
            &|world| {
                ledger_head(
                    world,
                    3,
                    head_of(&world.ledger, 3),
                    &stranger(),
                    &key(world),
                )
            },
        ),
        written(
            "a ledger head that the kiosk did not sign",
            &["ledger_heads"],
            &|world| {
                ledger_head(
                    world,
                    3,
                    head_of(&world.ledger, 3),
                    &world.issuer,
                    &stranger(),
                )
            },
        ),
        with("a scan at another door", &["doors"], |world| {
            world.scan_at(0, at(), "X1", "other-door");
        }),
        with("a back-dated scan", &["kiosk_heads", "receipts"], |world| {
            rewrite_journal(world, 0, |index, text| {
                Some(if index == 4 {
                    text.replace("T08:58:00.000Z", "T08:00:00.000Z")
                } else {
                    text
                })
            });
            let last = world.kiosks[0].log.size();
            assert!(last > 0);
        }),
        files(
            "a journal that was never enrolled",
            &["enrolment", "doors"],
            &[],
            |world, files| {
                let other = World::small();
                let mut stray = other.kiosks[0].clone();
                stray.key = stranger();
                stray.origin =
                    evidence::kiosk_origin(ISSUER, "hall-1", &stray.key.public_key()).unwrap();
                let lines: Vec<u8> = stray
                    .log
                    .entries
                    .iter()
                    .flat_map(|e| [e.as_slice(), b"\n"].concat())
                    .collect();
                let mut scan = world.kiosks[0].log.entries[4].clone();
                scan.push(b'\n');
                let size = stray.log.size() + 1;
                let all = [
                    stray.log.entries.as_slice(),
                    &[world.kiosks[0].log.entries[4].clone()],
                ]
                .concat();
                let tree: MemoryTree = all.iter().map(|e| leaf_hash(e)).collect();
                let note = note(&stray.origin, size, tree.root(), &stray.key);
                files.insert(entries_path(2), [lines, scan].concat());
                files.insert(checkpoint_path(2), note.into_bytes());
                described(files, |value| {
                    let mut log = value["logs"][1].clone();
                    log["origin"] = stray.origin.clone().into();
                    log["key"] = stray.key.public_key().to_base64().into();
                    log["size"] = size.into();
                    value["logs"].as_array_mut().unwrap().push(log);
                });
            },
        ),
        files(
            "a journal of another kiosk",
            &["enrolment"],
            &[],
            |_, files| {
                described(files, |value| value["logs"][1]["kiosk"] = "hall-2".into());
            },
        ),
        files("a journal of no kiosk", &["enrolment"], &[], |_, files| {
            described(files, |value| {
                value["logs"][1].as_object_mut().unwrap().remove("kiosk");
            });
        }),
        files(
            "a journal at another door",
            &["enrolment"],
            &[],
            |_, files| {
                described(files, |value| {
                    value["logs"][1]["door"] = "other-door".into();
                });
            },
        ),
        files("a journal at no door", &["enrolment"], &[], |_, files| {
            described(files, |value| {
                value["logs"][1].as_object_mut().unwrap().remove("door");
            });
        }),
        with(
            "enrolled again under another key",
            &["enrolment", "proofs"],
            |world| {
                let again = ledger::Kiosk {
                    kiosk: id("hall-1"),
                    door: id("hall-door"),
                    log: world.kiosks[0].origin.clone(),
                    public_key: stranger().public_key(),
                };
                let before = world.ledger.size();
                world.note(at(), LedgerBody::Kiosk(again));
                assert_eq!(world.ledger.size(), before + 1);
            },
        ),
    ]
}
