//! Branches that a reviewer admitted, late entries, and the cases that close them.
//!
//! What is checked is said in the format's sections 4.1, 11 and 13: nothing of a branch is believed but what its journal's key signed, and no
//! decision rests on one, or on late entries, before a case says so.

use std::collections::BTreeMap;

use attendance::words::KioskId;
use evidence::{Hash, MemoryTree, root_at};
use protocol::archive::{self, entries_path};
use protocol::decision::LogPrefix;
use protocol::entry::Entry;
use protocol::ledger::{self, CaseKind, CaseOutcome, LedgerBody, branch_name};

use super::logs::{Pass, Whose, scan_line};
use super::outcomes::must;
use super::{Book, Opened, Run, place};
use crate::derive::LogView;
use crate::report::{Name, Place, ScanLine};

/// A branch as it was read.
pub struct Branch {
    /// Its number in the archive.
    pub number: usize,
    /// The origin of its journal, which it shares.
    pub origin: String,
    /// How many entries it shares with that.
    pub base: u64,
    /// Its size, the shared entries included.
    pub size: u64,
    /// What it says of its clock, from the journal's first entry on.
    pub view: LogView,
    /// Its own scans.
    pub scans: Vec<(u64, Entry)>,
    tree: MemoryTree,
}

impl Branch {
    /// One of its scans with its brackets; `name` is what decisions call so much of the branch.
    pub fn scan_line(&self, name: &str, size: u64, index: u64, entry: &Entry) -> ScanLine {
        scan_line(name, &self.view.clock_at(size), None, index, entry)
    }

    /// Whether a case is about this branch, or about so much of it.
    fn is_of(&self, origin: &str, base: u64, size: u64, root: Hash) -> bool {
        self.origin == origin && self.base == base && self.root_at(size) == Some(root)
    }

    fn root_at(&self, size: u64) -> Option<Hash> {
        let within = size > self.base && size <= self.size;
        within.then(|| root_at(size, &self.tree).ok()).flatten()
    }
}

impl Opened<'_> {
    /// The branch that a basis names.
    pub fn branch(&self, prefix: &LogPrefix) -> Option<&Branch> {
        self.branches.iter().find(|branch| {
            prefix.log.starts_with(branch.origin.as_str())
                && branch
                    .root_at(prefix.size)
                    .is_some_and(|root| branch_name(&branch.origin, root) == prefix.log)
        })
    }
}

/// Whether a basis' log is a branch.
pub(super) fn is_branch(name: &str) -> bool {
    name.contains("/branch/")
}

pub(super) fn cases(book: &Book) -> impl Iterator<Item = (u64, &ledger::Case)> {
    book.entries.iter().filter_map(|(i, e)| match &e.body {
        LedgerBody::Case(case) => Some((*i, case)),
        _ => None,
    })
}

/// When the enrolments of logs ended, and what was held of them then: by the log's origin.
pub(super) fn retired(book: &Book) -> BTreeMap<&str, (u64, u64)> {
    let mut logs: BTreeMap<&KioskId, &str> = BTreeMap::new();
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (index, entry) in &book.entries {
        match &entry.body {
            LedgerBody::Kiosk(kiosk) => {
                logs.insert(&kiosk.kiosk, &kiosk.log);
            }
            LedgerBody::KioskHead(head) => {
                sizes.insert(&head.log, head.size);
            }
            LedgerBody::Retirement(retirement) => {
                if let Some(log) = logs.get(&retirement.kiosk) {
                    let size = sizes.get(log).copied().unwrap_or(0);
                    found.entry(*log).or_insert((*index, size));
                }
            }
            _ => {}
        }
    }
    found
}

impl Run<'_> {
    pub(super) fn branch(&mut self, opened: &mut Opened<'_>, number: usize, log: &archive::Log) {
        let at = || Place {
            log: Some(log.origin.clone()),
            index: log.base,
            ..place(&entries_path(number))
        };
        let begun = begin(opened, log);
        let (tree, view, base) = match begun {
            Ok(begun) => begun,
            Err(reason) => return self.findings.take(Name::Branches, at(), Err(reason)),
        };
        let doors = self.enrolment(opened, log);
        let mut pass = Pass::new(view);
        let whose = Whose {
            number,
            log,
            doors: doors.as_ref(),
        };
        let tree = self.lines(number, log, tree, |run, index, leaf, before| {
            run.entry(opened, whose, &mut pass, index, leaf, before);
        });
        self.checkpoint(number, log, &log.key, &tree);
        let branch = Branch {
            number,
            origin: log.origin.clone(),
            base,
            size: tree.size(),
            view: pass.view,
            scans: pass.scans,
            tree,
        };
        let twin = |b: &Branch| b.origin == branch.origin && b.tree.root() == branch.tree.root();
        let held = must(
            !opened.branches.iter().any(twin),
            "the branch is in the archive twice",
        )
        .and_then(|()| contradicts(opened, &branch))
        .and_then(|()| admitted(opened, &branch));
        self.findings.take(Name::Branches, at(), held);
        opened.branches.push(branch);
    }

    pub(super) fn cases(&mut self, opened: &Opened<'_>) {
        let Some(book) = &opened.book else {
            return;
        };
        let retired = retired(book);
        for (index, entry) in &book.entries {
            let held = match &entry.body {
                LedgerBody::Case(case) if case.about == CaseKind::Late => {
                    late(book, &retired, *index, case)
                }
                LedgerBody::Case(case) if case.outcome == CaseOutcome::Denied => must(
                    case.base < case.size,
                    "it closes a branch without entries of its own",
                ),
                LedgerBody::Case(case) => {
                    if opened.journal(&case.log).is_none() {
                        let gap = format!("the journal {} is not in the archive", case.log);
                        self.findings.gap(Name::Cases, gap);
                        continue;
                    }
                    let mut branches = opened.branches.iter();
                    let there =
                        branches.any(|b| b.is_of(&case.log, case.base, case.size, case.root));
                    must(there, "the branch that it admits is not in the archive")
                }
                LedgerBody::Recovery(recovery) => must(
                    root_at(recovery.size, &book.tree).ok() != Some(recovery.root)
                        || recovery.size > book.tree.size(),
                    "the head that it calls lost is in the ledger",
                ),
                _ => continue,
            };
            self.findings.take(Name::Cases, book.at(*index), held);
        }
    }
}

/// The entries that a branch shares with its journal, and what they say of the clock.
fn begin(opened: &Opened<'_>, log: &archive::Log) -> Result<(MemoryTree, LogView, u64), String> {
    let journal = opened
        .journal(&log.origin)
        .ok_or("the journal of this branch is not in the archive")?;
    let described = &opened.archive.logs[journal.number];
    must(
        (&described.key, &described.kiosk, &described.door) == (&log.key, &log.kiosk, &log.door),
        "the branch is described otherwise than its journal",
    )?;
    let base = log.base.ok_or("the branch has no base")?;
    must(base < log.size, "the branch has no entries of its own")?;
    let tree = journal.tree.as_ref().ok_or("the journal was not kept")?;
    let shared = usize::try_from(base)
        .ok()
        .and_then(|base| tree.leaves().get(..base))
        .ok_or("the branch shares more entries than its journal has")?;
    Ok((
        shared.iter().copied().collect(),
        journal.view.up_to(base),
        base,
    ))
}

/// Whether a branch is one: the journal has another entry where it begins.
fn contradicts(opened: &Opened<'_>, branch: &Branch) -> Result<(), String> {
    let journal = opened.journal(&branch.origin).and_then(|j| j.tree.as_ref());
    let leaf = |tree: &MemoryTree| {
        let at = usize::try_from(branch.base).ok()?;
        tree.leaves().get(at).copied()
    };
    let theirs = journal.and_then(leaf);
    must(
        theirs.is_some() && theirs != leaf(&branch.tree),
        "it does not contradict its journal: the two agree where it begins",
    )
}

fn admitted(opened: &Opened<'_>, branch: &Branch) -> Result<(), String> {
    let Some(book) = &opened.book else {
        return Err("the archive has no ledger that admits it".to_owned());
    };
    let mut cases = cases(book)
        .filter(|(_, case)| case.about == CaseKind::Fork && case.outcome == CaseOutcome::Admitted);
    must(
        cases.any(|(_, case)| {
            case.size == branch.size && branch.is_of(&case.log, case.base, case.size, case.root)
        }),
        "no case of the ledger admits it",
    )
}

/// Whether a case about late entries says where they begin and end as the ledger has it.
fn late(
    book: &Book,
    retired: &BTreeMap<&str, (u64, u64)>,
    index: u64,
    case: &ledger::Case,
) -> Result<(), String> {
    let ended = retired.get(case.log.as_str());
    must(
        ended.is_some_and(|(at, size)| *at < index && *size == case.base),
        "its log's enrolment had not ended, or with another size",
    )?;
    let reached = book
        .heads_of(&case.log)
        .any(|(at, head)| at < index && head.size == case.size && head.root == case.root);
    must(reached, "no batch before it had reached that size and root")
}

/// Which late entries and branches decisions may rest on, and from which entry of the ledger on.
#[derive(Default)]
pub(super) struct Admitted<'l> {
    retired: BTreeMap<&'l str, (u64, u64)>,
    /// By the name decisions use and the size.
    closed: BTreeMap<(String, u64), u64>,
}

impl<'l> Admitted<'l> {
    pub(super) fn of(book: &'l Book) -> Self {
        let mut closed = BTreeMap::new();
        for (index, case) in cases(book) {
            if case.outcome == CaseOutcome::Admitted {
                closed.entry((case.name(), case.size)).or_insert(index);
            }
        }
        Self {
            retired: retired(book),
            closed,
        }
    }

    /// At which entry of the ledger the enrolment of a log ended.
    pub(super) fn ended(&self, log: &str) -> Option<u64> {
        self.retired.get(log).map(|(index, _)| *index)
    }

    /// Whether the decision at this index may rest on so much of a log.
    pub(super) fn allow(&self, prefix: &LogPrefix, decision: u64) -> Result<(), String> {
        let admitted = || {
            let case = self.closed.get(&(prefix.log.clone(), prefix.size));
            case.is_some_and(|index| *index < decision)
        };
        if is_branch(&prefix.log) {
            return must(
                admitted(),
                "the basis names a branch that no case had admitted before",
            );
        }
        match self.retired.get(prefix.log.as_str()) {
            Some((index, size)) if *index < decision && prefix.size > *size => must(
                admitted(),
                "the basis rests on entries that came after their enrolment had ended, and no case had admitted them",
            ),
            _ => Ok(()),
        }
    }
}
