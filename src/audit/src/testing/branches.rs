//! Second histories of the world's kiosks, late entries, and the cases that admit them.

use attendance::UtcMs;
use attendance::words::{AttendeeId, Signal};
use evidence::{Hash, root_at};
use protocol::decision::LogPrefix;
use protocol::entry;
use protocol::ledger::{self, CaseKind, CaseOutcome, LedgerBody, branch_name};

use super::{Log, Question, World};
use crate::derive::{LogView, signals_of};

/// A second history under a kiosk's key.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Whose.
    pub kiosk: usize,
    /// How many entries it shares with the journal.
    pub base: u64,
    /// All of it, the shared entries included.
    pub log: Log,
}

impl Log {
    /// The root of its first entries.
    pub fn root_at(&self, size: u64) -> Hash {
        root_at(size, &self.tree).unwrap()
    }
}

impl World {
    /// When a kiosk's machine last started.
    pub fn booted(&self, kiosk: usize) -> UtcMs {
        self.kiosks[kiosk].booted
    }

    /// What a kiosk writes after its first `base` entries, if it writes on from a copy of them.
    pub fn fork(&self, kiosk: usize, base: u64, write: impl FnOnce(&mut Self)) -> Branch {
        let mut other = self.clone();
        let entries = std::mem::take(&mut other.kiosks[kiosk].log).entries;
        for bytes in entries.into_iter().take(usize::try_from(base).unwrap()) {
            other.journal_bytes(kiosk, bytes);
        }
        write(&mut other);
        let log = other.kiosks[kiosk].log.clone();
        Branch { kiosk, base, log }
    }

    /// What a reviewer says of a branch.
    pub fn case_of(&self, branch: &Branch, outcome: CaseOutcome) -> ledger::Case {
        ledger::Case {
            case: format!("case-{}", self.ledger.size()),
            about: CaseKind::Fork,
            log: self.kiosks[branch.kiosk].origin.clone(),
            base: branch.base,
            size: branch.log.size(),
            root: branch.log.root_at(branch.log.size()),
            outcome,
            reason: "restored_card".into(),
            operator: "op-1".into(),
        }
    }

    /// A reviewer admits a branch: later decisions rest on it, and archives hold it.
    pub fn admit(&mut self, at: UtcMs, branch: Branch) {
        let case = self.case_of(&branch, CaseOutcome::Admitted);
        self.note(at, LedgerBody::Case(case));
        self.branches.push(branch);
    }

    /// A kiosk's enrolment ends: what it still sends is late.
    pub fn retire(&mut self, at: UtcMs, kiosk: usize) {
        let accepted = self.accepted(kiosk);
        let retired = ledger::Retirement {
            kiosk: self.kiosks[kiosk].id.clone(),
            reason: "replaced".into(),
            operator: "op-1".into(),
        };
        self.note(at, LedgerBody::Retirement(retired));
        let held = &mut self.kiosks[kiosk].rests_on;
        *held = held.or(Some((accepted, accepted)));
    }

    /// Whether a kiosk's enrolment has ended, and entries came after.
    pub fn is_late(&self, kiosk: usize) -> bool {
        let ended = self.kiosks[kiosk].rests_on;
        ended.is_some_and(|(base, _)| base < self.accepted(kiosk))
    }

    /// What a reviewer says of what came late, all that was accepted.
    pub fn late_case(&self, kiosk: usize, outcome: CaseOutcome) -> ledger::Case {
        let size = self.accepted(kiosk);
        let (base, _) = self.kiosks[kiosk].rests_on.unwrap_or((size, size));
        ledger::Case {
            case: format!("case-{}", self.ledger.size()),
            about: CaseKind::Late,
            log: self.kiosks[kiosk].origin.clone(),
            base,
            size,
            root: self.kiosks[kiosk].log.root_at(size),
            outcome,
            reason: "found_later".into(),
            operator: "op-1".into(),
        }
    }

    /// A reviewer admits what came late.
    pub fn admit_late(&mut self, at: UtcMs, kiosk: usize) {
        let case = self.late_case(kiosk, CaseOutcome::Admitted);
        self.kiosks[kiosk].rests_on = Some((case.base, case.size));
        self.note(at, LedgerBody::Case(case));
    }

    /// Lets later decisions rest on what came late, whatever a reviewer said.
    pub fn rest_on_late(&mut self, kiosk: usize) {
        let size = self.accepted(kiosk);
        self.kiosks[kiosk].rests_on = Some((size, size));
    }

    pub(super) fn branch_prefixes(&self) -> impl Iterator<Item = LogPrefix> + '_ {
        self.branches.iter().map(|branch| {
            let size = branch.log.size();
            let origin = &self.kiosks[branch.kiosk].origin;
            LogPrefix {
                log: branch_name(origin, branch.log.root_at(size)),
                size,
            }
        })
    }

    pub(super) fn branch_signals(&self, question: &Question, attendee: &AttendeeId) -> Vec<Signal> {
        let mut signals = Vec::new();
        for (branch, prefix) in self.branches.iter().zip(self.branch_prefixes()) {
            let mut view = LogView::new(self.keys(branch.kiosk));
            let mut scans = Vec::new();
            for (index, bytes) in (0_u64..).zip(&branch.log.entries) {
                let Ok(entry) = entry::parse(bytes) else {
                    continue;
                };
                view.take(index, &entry);
                if let entry::Body::Scan(scan) = &entry.body
                    && index >= branch.base
                    && question.roll().counts_for(&scan.badge).contains(attendee)
                {
                    scans.push((index, entry));
                }
            }
            let clock = view.clock_at(prefix.size);
            let rows = scans.iter().map(|(index, entry)| (*index, entry));
            let name = prefix.log.as_str().into();
            signals.extend(signals_of(&name, &clock, question.agenda(), rows).map(|(s, _)| s));
        }
        signals
    }
}
