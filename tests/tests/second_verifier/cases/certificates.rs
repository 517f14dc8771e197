//! Faults of certificates, their contents and their proofs.

use audit::testing::{World, id, nine_and};
use evidence::{Hash, MemoryTree, TlogProof, leaf_hash, prove_inclusion};
use protocol::archive::object_path;
use protocol::certificate::Payload;
use protocol::decision::object_bytes;
use protocol::ledger::{self, LedgerBody};

use super::{Case, at, files, head_of, note, stranger, with};

pub(super) fn certificate_cases() -> Vec<Case> {
    let noted = |name, failed, change: &dyn Fn(&World, &mut ledger::Certificate)| {
        with(name, failed, |world| {
            let found = (0..world.ledger.size()).find_map(|i| match world.ledger_body(i) {
                LedgerBody::Certificate(body) => Some(body),
                _ => None,
            });
            let mut body = found.unwrap();
            body.version = 2;
            change(world, &mut body);
            world.note(at(), LedgerBody::Certificate(body));
        })
    };
    let gap = |name, erased: &dyn Fn(&ledger::Certificate) -> Hash| {
        files(name, &[], &["certificates"], |world, files| {
            let LedgerBody::Certificate(body) = world.ledger_body(world.ledger.size() - 1) else {
                panic!()
            };
            files.remove(&object_path(erased(&body)));
        })
    };
    vec![
        gap("a certificate's content erased", &|body| body.payload),
        gap("a certificate's PDF left out", &|body| body.pdf),
        noted(
            "a certificate on no decision",
            &["certificates"],
            &|_, body| body.decision = 0,
        ),
        noted(
            "a certificate on a decision to come",
            &["certificates"],
            &|_, body| body.decision = 999,
        ),
        noted(
            "a certificate on another's decision",
            &["certificates"],
            &|_, body| body.attendee = id("a-2"),
        ),
        noted(
            "a certificate for another programme",
            &["certificates"],
            &|_, body| body.programme = id("side"),
        ),
        noted(
            "a certificate on a decision that awards nothing",
            &["certificates"],
            &|world, body| {
                body.decision = world.decided_of("a-2").0;
                body.attendee = id("a-2");
            },
        ),
        noted(
            "a certificate of the same version",
            &["certificates"],
            &|_, body| body.version = 1,
        ),
        noted(
            "a certificate of a version too high",
            &["certificates"],
            &|_, body| body.version = 3,
        ),
        noted(
            "a certificate whose content is of version 1",
            &["certificates"],
            &|_, _| {},
        ),
        Case {
            not_checked: &["certificates"],
            ..with(
                "a certificate on a decision that does not come out",
                &["decisions"],
                |world| {
                    let (index, _) = world.decided_of("a-1");
                    let LedgerBody::Decision(mut body) = world.ledger_body(index) else {
                        panic!()
                    };
                    body.basis = Hash([7; 32]);
                    let decision = world.note(at(), LedgerBody::Decision(body));
                    let payload = world.payload(at(), index, "dddd", 1);
                    world.certify_with(at(), decision, &payload);
                },
            )
        },
    ]
}

/// A certificate like the one there is, with something else in its content.
fn content(
    name: &'static str,
    failed: &'static [&'static str],
    change: impl FnOnce(&World, &mut Payload),
) -> Case {
    with(name, failed, |world| {
        let (index, _) = world.decided_of("a-1");
        let mut payload = world.payload(at(), index, "bbbb", 1);
        let (code, version) = (payload.certificate.clone(), payload.version);
        let (attendee, programme) = (payload.attendee.clone(), payload.programme.clone());
        change(world, &mut payload);
        // What the ledger says of it stays.
        let body = ledger::Certificate {
            certificate: code,
            version,
            attendee,
            programme,
            decision: index,
            payload: world.keep(object_bytes(&payload)),
            pdf: world.keep(b"%PDF-".to_vec()),
        };
        world.note(at(), LedgerBody::Certificate(body));
    })
}

pub(super) fn payload_cases() -> Vec<Case> {
    const SAYS: &[&str] = &["certificates"];
    const PROVES: &[&str] = &["proofs"];
    vec![
        content("a certificate with other credits", SAYS, |_, p| {
            p.credits = "1.5".parse().unwrap();
        }),
        content("a certificate with another outcome", SAYS, |_, p| {
            p.outcome = attendance::Outcome::Partial;
        }),
        content("a certificate with another reason", SAYS, |_, p| {
            p.reason = attendance::Reason::PartialCredit;
        }),
        content("a certificate with another sentence", SAYS, |_, p| {
            p.explanation.push('!');
        }),
        content("a certificate with another code", SAYS, |_, p| {
            p.certificate = id("eeee");
        }),
        content("a certificate of another version", SAYS, |_, p| {
            p.version = 7;
        }),
        content("a certificate on somebody else", SAYS, |_, p| {
            p.attendee = id("a-2");
        }),
        content("a certificate on something else", SAYS, |_, p| {
            p.programme = id("side");
        }),
        content("a certificate by another issuer", SAYS, |_, p| {
            p.issuer = "other.example".into();
        }),
        content("a certificate of another event", SAYS, |_, p| {
            p.event = id("gp-2027");
        }),
        content("a certificate of another decision", SAYS, |_, p| {
            p.decision = Hash([7; 32]).to_hex();
        }),
        content("a certificate by other rules", SAYS, |_, p| {
            p.rules = Hash([7; 32]).to_hex();
        }),
        content("a certificate by rules of another name", SAYS, |_, p| {
            p.rules_name.push('x');
        }),
        content("a certificate for another title", SAYS, |_, p| {
            p.programme_title.push('x');
        }),
        content("a certificate with more minutes", SAYS, |_, p| {
            p.sessions[0].present_ms += 1;
        }),
        content("a certificate with a longer session", SAYS, |_, p| {
            p.sessions[0].scheduled_ms += 1;
        }),
        content("a certificate with another session", SAYS, |_, p| {
            p.sessions[0].session = id("other");
        }),
        content(
            "a certificate with a session's other title",
            SAYS,
            |_, p| p.sessions[0].title.push('x'),
        ),
        content(
            "a certificate with a session at another time",
            SAYS,
            |_, p| {
                p.sessions[0].start = nine_and(1);
            },
        ),
        content("a certificate with a session twice", SAYS, |_, p| {
            p.sessions.push(p.sessions[0].clone());
        }),
        content("a certificate in a version to come", SAYS, |_, p| p.v = 2),
        content("a certificate with too many witnesses", PROVES, |_, p| {
            p.proof.witnesses += 1;
        }),
        content("a certificate with too few witnesses", PROVES, |_, p| {
            p.proof.witnesses = 0;
        }),
        content("a head that the issuer did not sign", PROVES, |world, p| {
            let size = world.ledger.size();
            p.proof.checkpoint = note(
                &world.ledger_origin(),
                size,
                head_of(&world.ledger, size),
                &stranger(),
            );
            p.proof.witnesses = 0;
        }),
        content("a head of other entries", PROVES, |world, p| {
            let head = note(
                &world.ledger_origin(),
                world.ledger.size(),
                Hash([7; 32]),
                &world.issuer,
            );
            p.proof.checkpoint = head;
            p.proof.witnesses = 0;
        }),
        content("a head of another log", PROVES, |world, p| {
            let size = world.ledger.size();
            p.proof.checkpoint = note(
                "elsewhere",
                size,
                head_of(&world.ledger, size),
                &world.issuer,
            );
            p.proof.witnesses = 0;
        }),
        content("a proof of another entry", PROVES, |world, p| {
            let other = world.decided_of("a-2").0;
            p.proof.decision = proof(world, other, world.ledger.size(), |_| {});
        }),
        content("a proof that leads elsewhere", PROVES, |world, p| {
            let index = world.decided_of("a-1").0;
            p.proof.decision = proof(world, index, world.ledger.size(), |proof| {
                proof.path.0[0] = Hash([7; 32]);
            });
        }),
        content("a proof to an older head", PROVES, |world, p| {
            let index = world.decided_of("a-1").0;
            p.proof.decision = proof(world, index, world.ledger.size() - 1, |_| {});
        }),
        content(
            "a proof to a head that nobody signed",
            PROVES,
            |world, p| {
                let index = world.decided_of("a-1").0;
                let size = world.ledger.size();
                p.proof.decision = proof(world, index, size, |proof| {
                    proof.checkpoint_note = note(
                        &world.ledger_origin(),
                        size,
                        head_of(&world.ledger, size),
                        &stranger(),
                    );
                });
            },
        ),
        content("no proof at all", PROVES, |_, p| {
            p.proof.decision = String::new();
        }),
    ]
}

fn proof(world: &World, index: u64, size: u64, change: impl FnOnce(&mut TlogProof)) -> String {
    let tree: MemoryTree = world.ledger.entries.iter().map(|e| leaf_hash(e)).collect();
    let mut proof = TlogProof {
        index,
        path: prove_inclusion(index, size, &tree).unwrap(),
        extra: Vec::new(),
        checkpoint_note: note(
            &world.ledger_origin(),
            size,
            head_of(&world.ledger, size),
            &world.issuer,
        ),
    };
    change(&mut proof);
    proof.to_text().unwrap()
}
