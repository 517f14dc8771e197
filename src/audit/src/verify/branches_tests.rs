//! Branches, late entries and cases against the auditor.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use evidence::{Checkpoint, Frontier, SigningKey, leaf_hash, sign_checkpoint};
use protocol::archive::{LogKind, checkpoint_path, entries_path};
use protocol::decision::{Basis, LogPrefix, object_bytes};
use protocol::ledger::{
    Case, CaseKind, CaseOutcome, LedgerBody, REPLACED, Recovery, Retirement, branch_name,
};

use super::*;
use crate::files::Memory;
use crate::report::{Outcome, Verdict};
use crate::testing::{MINUTE_MS, World, nine_and};
use attendance::words::Direction;

const BASE: usize = 3;

/// A finished world, and a branch of its journal: the first entries, then two scans that the journal has not.
struct Forked {
    world: World,
    branch: Vec<Vec<u8>>,
    key: SigningKey,
}

impl Forked {
    fn new() -> Self {
        let world = World::finished();
        let mut other = World::finished();
        let first = other.scan(0, nine_and(5 * MINUTE_MS), "X2", Direction::In);
        let second = other.scan(0, nine_and(40 * MINUTE_MS), "X2", Direction::Out);
        let own = [first, second].map(|index| {
            let index = usize::try_from(index).unwrap();
            other.kiosks[0].log.entries[index].clone()
        });
        let shared = world.kiosks[0].log.entries[..BASE].to_vec();
        Self {
            key: world.kiosks[0].key.clone(),
            branch: [shared, own.to_vec()].concat(),
            world,
        }
    }

    fn root(&self) -> Hash {
        let mut frontier = Frontier::new();
        frontier.append_all(self.branch.iter().map(|bytes| leaf_hash(bytes)));
        frontier.root()
    }

    fn case(&self, outcome: CaseOutcome) -> Case {
        Case {
            case: "fork-1".into(),
            about: CaseKind::Fork,
            log: self.world.kiosks[0].origin.clone(),
            base: BASE as u64,
            size: self.branch.len() as u64,
            root: self.root(),
            outcome,
            reason: "card_restored".into(),
            operator: "op-1".into(),
        }
    }

    fn note(&mut self, body: LedgerBody) {
        self.world.note(nine_and(80 * MINUTE_MS), body);
    }

    /// The archive, with the branch in it; `change` has the last word on how it is described.
    fn archive(&self, change: impl Fn(&mut archive::Log)) -> Memory {
        let mut files = self.world.archive();
        let mut description: Archive =
            serde_json::from_slice(&files[archive::ARCHIVE_PATH]).unwrap();
        let number = description.logs.len();
        let journal = description
            .logs
            .iter()
            .find(|log| log.kind == LogKind::Journal);
        let mut log = archive::Log {
            kind: LogKind::Branch,
            size: self.branch.len() as u64,
            base: Some(BASE as u64),
            ..journal.unwrap().clone()
        };
        change(&mut log);
        let size = self.branch.len() as u64;
        let head = Checkpoint::new(&log.origin, size, self.root()).unwrap();
        let note = sign_checkpoint(&head, &self.key);
        let base = usize::try_from(log.base.unwrap_or(0)).unwrap();
        let own = self.branch[base..].join(&b'\n');
        description.logs.push(log);
        let described = serde_json::to_vec(&description).unwrap();
        files.insert(archive::ARCHIVE_PATH.to_owned(), described);
        files.insert(entries_path(number), [own, b"\n".to_vec()].concat());
        files.insert(checkpoint_path(number), note.into_bytes());
        files
    }
}

fn run(files: &Memory) -> Report {
    verify(files, &Options::default(), &mut |_| {})
}

/// Checks that one check fails for one reason; gives where.
#[track_caller]
fn fails(files: &Memory, name: &str, says: &str) -> Place {
    let report = run(files);
    assert_eq!(report.verdict, Verdict::Failed);
    let by_name: BTreeMap<&str, &crate::report::Check> = report
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Failed)
        .map(|check| (check.name.as_str(), check))
        .collect();
    let check = by_name.get(name).unwrap_or_else(|| panic!("{by_name:#?}"));
    let place = check.first_failure.clone().unwrap();
    assert!(place.reason.contains(says), "{place:?}");
    assert!(place.log.is_some() || name == "archive", "{place:?}");
    place
}

#[test]
fn an_admitted_branch_is_followed() {
    let mut forked = Forked::new();
    let admitted = forked.case(CaseOutcome::Admitted);
    forked.note(LedgerBody::Case(admitted));
    let report = run(&forked.archive(|_| {}));
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
    let count = |name: &str| report.checks.iter().find(|c| c.name == name).unwrap().count;
    assert_eq!((count("branches"), count("cases")), (1, 1));
}

#[test]
fn a_branch_that_is_none_is_refused() {
    let admit = |mut forked: Forked| {
        let admitted = forked.case(CaseOutcome::Admitted);
        forked.note(LedgerBody::Case(admitted));
        forked
    };
    fails(
        &Forked::new().archive(|_| {}),
        "branches",
        "no case of the ledger admits it",
    );
    let mut denied = Forked::new();
    let case = denied.case(CaseOutcome::Denied);
    denied.note(LedgerBody::Case(case));
    fails(
        &denied.archive(|_| {}),
        "branches",
        "no case of the ledger admits it",
    );
    // The journal's own entries, as a branch.
    let mut same = Forked::new();
    same.branch = same.world.kiosks[0].log.entries[..BASE + 2].to_vec();
    let same = admit(same);
    let place = fails(
        &same.archive(|_| {}),
        "branches",
        "does not contradict its journal",
    );
    assert_eq!(place.index, Some(BASE as u64));
    // Another base, key or door than the journal's; a head that another key signed.
    let forked = admit(Forked::new());
    fails(
        &forked.archive(|log| log.base = Some(1)),
        "branches",
        "does not contradict",
    );
    let stranger = SigningKey::from_seed(&[77; 32]);
    let key = stranger.public_key();
    fails(
        &forked.archive(|log| log.key = key),
        "branches",
        "otherwise than its journal",
    );
    fails(
        &forked.archive(|log| log.door = None),
        "branches",
        "otherwise than its journal",
    );
    fails(
        &forked.archive(|log| log.base = None),
        "archive",
        "without a base",
    );
    let mut unsigned = admit(Forked::new());
    unsigned.key = stranger;
    fails(&unsigned.archive(|_| {}), "logs", "");
}

#[test]
fn a_case_is_about_what_is_there() {
    let mut forked = Forked::new();
    let admitted = forked.case(CaseOutcome::Admitted);
    forked.note(LedgerBody::Case(admitted.clone()));
    fails(
        &forked.world.archive(),
        "cases",
        "the branch that it admits is not in the archive",
    );
    let mut other = Forked::new();
    other.note(LedgerBody::Case(admitted));
    let ledger = other.world.ledger.tree_root();
    let recovery = |size, root| {
        LedgerBody::Recovery(Recovery {
            size,
            root,
            kiosk: other.world.kiosks[0].id.clone(),
            reason: "restored".into(),
            operator: "op-1".into(),
        })
    };
    let (size, root) = ledger;
    let held = recovery(size, root);
    let lost = recovery(size, Hash([7; 32]));
    other.note(held);
    let place = fails(&other.archive(|_| {}), "cases", "lost is in the ledger");
    assert_eq!(place.index, Some(size));
    let mut other = Forked::new();
    other.note(lost);
    assert_eq!(run(&other.world.archive()).verdict, Verdict::Verified);
}

/// A world whose kiosk's enrolment has ended, and that has delivered one more scan since.
fn retired() -> (World, u64) {
    let mut world = World::finished();
    let ended = world.accepted(0);
    let body = Retirement {
        kiosk: world.kiosks[0].id.clone(),
        reason: REPLACED.into(),
        operator: "hall-2".into(),
    };
    world.note(nine_and(70 * MINUTE_MS), LedgerBody::Retirement(body));
    world.scan(0, nine_and(55 * MINUTE_MS), "X2", Direction::In);
    world.sync(0, nine_and(75 * MINUTE_MS));
    (world, ended)
}

fn late(world: &World, base: u64) -> Case {
    let size = world.accepted(0);
    let mut frontier = Frontier::new();
    let entries = &world.kiosks[0].log.entries[..usize::try_from(size).unwrap()];
    frontier.append_all(entries.iter().map(|bytes| leaf_hash(bytes)));
    Case {
        case: "late-1".into(),
        about: CaseKind::Late,
        log: world.kiosks[0].origin.clone(),
        base,
        size,
        root: frontier.root(),
        outcome: CaseOutcome::Admitted,
        reason: "was_offline".into(),
        operator: "op-1".into(),
    }
}

#[test]
fn decisions_rest_on_late_entries_only_once_they_are_admitted() {
    let at = nine_and(90 * MINUTE_MS);
    let (mut world, ended) = retired();
    assert_eq!(
        run(&world.archive()).verdict,
        Verdict::Verified,
        "they may lie there"
    );
    world.decide(at, "a-1", "main");
    fails(&world.archive(), "decisions", "no case had admitted them");
    let (mut world, _) = retired();
    let case = late(&world, ended);
    world.note(at, LedgerBody::Case(case.clone()));
    world.decide(at, "a-1", "main");
    let report = run(&world.archive());
    assert_eq!(report.verdict, Verdict::Verified, "{:#?}", report.checks);
    // A case that comes after the decision, or that is wrong, admits nothing.
    let (mut world, _) = retired();
    world.decide(at, "a-1", "main");
    world.note(at, LedgerBody::Case(case.clone()));
    fails(&world.archive(), "decisions", "no case had admitted them");
    for (change, says) in [
        (
            (|case| case.base += 1) as fn(&mut Case),
            "with another size",
        ),
        (
            |case| case.root = Hash([7; 32]),
            "had reached that size and root",
        ),
        (|case| case.size += 1, "had reached that size and root"),
    ] {
        let (mut world, _) = retired();
        let mut wrong = case.clone();
        change(&mut wrong);
        world.note(at, LedgerBody::Case(wrong));
        fails(&world.archive(), "cases", says);
    }
}

#[test]
fn a_basis_may_name_a_branch_only_once_it_is_admitted() {
    let at = nine_and(90 * MINUTE_MS);
    let check = |admitted: bool, size_off: u64| {
        let mut forked = Forked::new();
        if admitted {
            let case = forked.case(CaseOutcome::Admitted);
            forked.note(LedgerBody::Case(case));
        }
        let name = branch_name(&forked.world.kiosks[0].origin, forked.root());
        let mut basis: Basis = forked.world.question(at, "main").basis().clone();
        basis.logs.push(LogPrefix {
            log: name,
            size: forked.branch.len() as u64 - size_off,
        });
        basis.logs.sort();
        let basis = forked.world.keep(object_bytes(&basis));
        let (index, decided) = forked.world.decided_of("a-2");
        let LedgerBody::Decision(mut body) = forked.world.ledger_body(index) else {
            panic!()
        };
        body.basis = basis;
        body.decision = forked.world.keep(decided.bytes.clone());
        body.replaces = Some(index);
        forked.note(LedgerBody::Decision(body));
        let says = match (admitted, size_off) {
            (true, 0) => "made again it comes to",
            (false, 0) => "no case had admitted before",
            _ => "which is not in the archive",
        };
        fails(&forked.archive(|_| {}), "decisions", says);
    };
    check(true, 0);
    check(false, 0);
    check(true, 1);
}
