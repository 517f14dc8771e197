//! Faults of branches, of late entries and of what reviewers say of them.

use attendance::words::Direction;
use audit::files::Memory;
use audit::testing::{Branch, MINUTE_MS, World, id, nine_and};
use evidence::Hash;
use protocol::archive::{checkpoint_path, entries_path};
use protocol::ledger::{self, CaseKind, CaseOutcome, LedgerBody};
use serde_json::Value;

use super::{Case, at, described, files, head_of, note, stranger, with};

/// A day whose kiosk also wrote a second history from entry 8 on.
fn forked() -> (World, Branch) {
    let world = World::finished();
    let branch = world.fork(0, 8, |world| {
        world.scan(0, nine_and(20 * MINUTE_MS), "X2", Direction::In);
        world.scan(0, nine_and(45 * MINUTE_MS), "X2", Direction::Out);
    });
    (world, branch)
}

/// That, admitted and decided again.
fn admitted() -> World {
    let (mut world, branch) = forked();
    world.admit(at(), branch);
    world.decide(nine_and(80 * MINUTE_MS), "a-2", "main");
    world
}

fn branched(
    name: &'static str,
    failed: &'static [&'static str],
    not_checked: &'static [&'static str],
    spoil: impl FnOnce(&World, &mut Memory),
) -> Case {
    let world = admitted();
    let mut files = world.archive();
    spoil(&world, &mut files);
    Case {
        name,
        files,
        failed,
        not_checked,
    }
}

/// The branch is described with something else.
fn told(
    name: &'static str,
    failed: &'static [&'static str],
    change: impl FnOnce(&mut Value),
) -> Case {
    branched(name, failed, &[], |_, files| {
        described(files, |value| change(&mut value["logs"][2]));
    })
}

/// A world with a branch, of which its ledger says this.
fn closed(
    name: &'static str,
    failed: &'static [&'static str],
    change: impl FnOnce(&mut ledger::Case, &mut Branch),
) -> Case {
    let (mut world, mut branch) = forked();
    let mut case = world.case_of(&branch, CaseOutcome::Admitted);
    change(&mut case, &mut branch);
    world.note(at(), LedgerBody::Case(case));
    world.branches.push(branch);
    Case {
        name,
        files: world.archive(),
        failed,
        not_checked: &[],
    }
}

pub(super) fn branch_cases() -> Vec<Case> {
    const GONE: &[&str] = &["branches", "cases", "decisions"];
    const LOST: &[&str] = &["cases", "decisions"];
    vec![
        branched("an admitted branch", &[], &[], |_, _| {}),
        told(
            "a branch without a base",
            &["archive", "branches", "cases", "decisions"],
            |log| {
                log.as_object_mut().unwrap().remove("base");
            },
        ),
        files("a journal with a base", &["archive"], &[], |_, files| {
            described(files, |value| value["logs"][1]["base"] = 3.into());
        }),
        told("a branch of another key", GONE, |log| {
            log["key"] = stranger().public_key().to_base64().into();
        }),
        told("a branch of another kiosk", GONE, |log| {
            log["kiosk"] = "hall-2".into();
        }),
        told("a branch at another door", GONE, |log| {
            log["door"] = "other-door".into();
        }),
        told("a branch of no journal", GONE, |log| {
            log["origin"] = "ce.example.org/kiosk/x/0".into();
        }),
        told("a branch that shares more than there is", GONE, |log| {
            log["base"] = 999.into();
            log["size"] = 1_001.into();
        }),
        told("a branch without entries of its own", GONE, |log| {
            log["base"] = 10.into();
        }),
        told(
            "a branch from an earlier entry on",
            &["branches", "cases", "decisions", "logs"],
            |log| {
                log["base"] = 7.into();
            },
        ),
        branched(
            "a branch that is not in the archive",
            LOST,
            &[],
            |_, files| {
                described(files, |value| {
                    value["logs"].as_array_mut().unwrap().pop();
                });
            },
        ),
        branched(
            "a branch that the kiosk did not sign",
            &["logs"],
            &[],
            |world, files| {
                let (origin, log) = (&world.kiosks[0].origin, &world.branches[0].log);
                let note = note(origin, log.size(), head_of(log, log.size()), &stranger());
                files.insert(checkpoint_path(2), note.into_bytes());
            },
        ),
        closed(
            "a branch that goes on where its journal ends",
            &["branches"],
            |case, branch| {
                let (world, _) = forked();
                let size = world.kiosks[0].log.size();
                *branch = world.fork(0, size, |world| {
                    world.scan(0, at(), "X1", Direction::In);
                });
                *case = world.case_of(branch, CaseOutcome::Admitted);
            },
        ),
        closed(
            "a branch that repeats its journal",
            &["branches"],
            |case, branch| {
                let (world, _) = forked();
                let next = world.kiosks[0].log.entries[8].clone();
                *branch = world.fork(0, 8, |world| {
                    world.journal_bytes(0, next);
                    world.scan(0, at(), "X1", Direction::In);
                });
                *case = world.case_of(branch, CaseOutcome::Admitted);
            },
        ),
        closed(
            "a branch with a scan at another door",
            &["doors"],
            |case, branch| {
                let (world, _) = forked();
                *branch = world.fork(0, 8, |world| {
                    world.scan_at(0, at(), "X1", "other-door");
                });
                *case = world.case_of(branch, CaseOutcome::Admitted);
            },
        ),
        branched("a branch twice", &["branches"], &[], |_, files| {
            described(files, |value| {
                let again = value["logs"][2].clone();
                value["logs"].as_array_mut().unwrap().push(again);
            });
            for path in [entries_path, checkpoint_path] {
                let bytes = files[&path(2)].clone();
                files.insert(path(3), bytes);
            }
        }),
        closed("a branch that was denied", &["branches"], |case, _| {
            case.outcome = CaseOutcome::Denied;
        }),
        closed(
            "a branch admitted with another root",
            &["branches", "cases"],
            |case, _| {
                case.root = Hash([7; 32]);
            },
        ),
        closed(
            "a branch admitted with another base",
            &["branches", "cases"],
            |case, _| {
                case.base -= 1;
            },
        ),
        closed(
            "a branch admitted as of another log",
            &["branches"],
            |case, _| {
                case.log = "ce.example.org/kiosk/x/0".into();
            },
        )
        .with_gap(&["cases"]),
        closed(
            "a branch of which half was admitted",
            &["branches"],
            |case, branch| {
                case.size -= 1;
                case.root = branch.log.root_at(case.size);
            },
        ),
        closed(
            "a branch admitted as late entries",
            &["branches", "cases"],
            |case, _| {
                case.about = CaseKind::Late;
            },
        ),
    ]
}

pub(super) fn review_cases() -> Vec<Case> {
    let denied = |base, size| {
        move |world: &mut World| {
            let branch = world.fork(0, 8, |world| {
                world.scan(0, at(), "X2", Direction::In);
            });
            let mut case = world.case_of(&branch, CaseOutcome::Denied);
            (case.base, case.size) = (base, size);
            world.note(at(), LedgerBody::Case(case));
        }
    };
    let recovery = |size, root: fn(&World) -> Hash| {
        move |world: &mut World| {
            let lost = ledger::Recovery {
                size,
                root: root(world),
                kiosk: id("hall-1"),
                reason: "restored".into(),
                operator: "op-1".into(),
            };
            world.note(at(), LedgerBody::Recovery(lost));
        }
    };
    vec![
        with("a branch denied", &[], denied(8, 9)),
        with(
            "a branch denied that has no entries",
            &["cases"],
            denied(9, 9),
        ),
        with("a head that is lost", &[], recovery(3, |_| Hash([7; 32]))),
        with(
            "a head beyond the ledger lost",
            &[],
            recovery(999, |_| Hash([7; 32])),
        ),
        with(
            "a head called lost that is there",
            &["cases"],
            recovery(3, |world| head_of(&world.ledger, 3)),
        ),
        with(
            "a decision on a branch before it was admitted",
            &["decisions"],
            |world| {
                let (_, branch) = forked();
                world.branches.push(branch.clone());
                world.decide(nine_and(80 * MINUTE_MS), "a-2", "main");
                world.branches.clear();
                world.admit(at(), branch);
            },
        ),
        late("late entries admitted", &[], |_| {}, true),
        late(
            "late entries that were not admitted",
            &["decisions"],
            |_| {},
            false,
        ),
        late(
            "late entries from another size on",
            &["cases"],
            |case| case.base -= 1,
            true,
        ),
        late(
            "late entries up to a size never reached",
            &["cases", "decisions"],
            |case| case.size += 1,
            true,
        ),
        late(
            "late entries of another root",
            &["cases"],
            |case| case.root = Hash([7; 32]),
            true,
        ),
        with(
            "late entries of a log whose enrolment had not ended",
            &["cases"],
            |world| {
                let case = world.late_case(0, CaseOutcome::Admitted);
                world.note(at(), LedgerBody::Case(case));
            },
        ),
    ]
}

/// A decision on what came after a kiosk was replaced, with a case before it or none.
fn late(
    name: &'static str,
    failed: &'static [&'static str],
    change: impl FnOnce(&mut ledger::Case),
    admitted: bool,
) -> Case {
    with(name, failed, |world| {
        world.retire(at(), 0);
        world.scan(0, at(), "X2", Direction::In);
        world.sync(0, nine_and(75 * MINUTE_MS));
        let mut case = world.late_case(0, CaseOutcome::Admitted);
        change(&mut case);
        if admitted {
            world.note(at(), LedgerBody::Case(case));
        }
        world.rest_on_late(0);
        world.decide(nine_and(80 * MINUTE_MS), "a-2", "main");
    })
}
