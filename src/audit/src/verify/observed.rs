//! What other sources than doors saw, and whether a decision leaves out what the ledger had.
//!
//! A decision rests on its basis; here it is held against what the ledger says that the issuer held when it wrote the decision: nothing
//! of the attendee's that was held then may be missing in the basis, neither signals of the ledger nor scans of a journal.

use std::collections::{BTreeMap, BTreeSet};

use attendance::words::AttendeeId;
use protocol::entry::Body;
use protocol::ledger::{self, CaseKind, CaseOutcome, LedgerBody};
use protocol::signals;

use super::branches::{cases, retired};
use super::outcomes::must;
use super::{Book, Opened, Run};
use crate::derive::{Observation, Observations, Question};
use crate::report::Name;

impl Run<'_> {
    /// The objects of signals, and what was taken back: read here once, for the decisions.
    pub(super) fn observations(&mut self, opened: &mut Opened<'_>) {
        let Some(book) = opened.book.take() else {
            return;
        };
        let mut observations = Observations::default();
        let mut taken: BTreeSet<(u64, Option<u32>)> = BTreeSet::new();
        for (index, entry) in &book.entries {
            let held = match &entry.body {
                LedgerBody::Signals(body) => read(opened, body).map(|signals| {
                    observations.add(*index, signals);
                }),
                LedgerBody::Retraction(body) => {
                    let names_one = names_signals(&book, *index, body, &observations);
                    let held = names_one.and_then(|()| {
                        must(
                            taken.insert((body.entry, body.row)),
                            "it takes back what was taken back before",
                        )
                    });
                    observations.retract(*index, body);
                    held
                }
                _ => continue,
            };
            self.findings.take(Name::Sources, book.at(*index), held);
        }
        opened.observations = observations;
        opened.book = Some(book);
    }
}

fn read(opened: &Opened<'_>, body: &ledger::Signals) -> Result<signals::Signals, String> {
    let signals = signals::read(&opened.object(body.object)?).map_err(|e| e.to_string())?;
    must(
        signals.system == body.source,
        "the signals come from another system than the entry says",
    )?;
    must(
        u64::try_from(signals.rows.len()) == Ok(body.rows),
        "the signals have another number of rows than the entry says",
    )?;
    Ok(signals)
}

fn names_signals(
    book: &Book,
    index: u64,
    body: &ledger::Retraction,
    observations: &Observations,
) -> Result<(), String> {
    let named = book.entry(body.entry).map(|e| &e.body);
    must(
        body.entry < index && matches!(named, Some(LedgerBody::Signals(_))),
        "it takes back an entry that is no earlier signals",
    )?;
    let rows = observations.rows_of(body.entry);
    let within = match (body.row, rows) {
        (Some(row), Some(rows)) => usize::try_from(row).is_ok_and(|row| row < rows),
        _ => true,
    };
    must(within, "it takes back a row that the signals do not have")
}

/// How much of each journal decisions could rest on, over the ledger.
#[derive(Default)]
pub(super) struct Held<'l> {
    heads: BTreeMap<&'l str, Vec<(u64, u64)>>,
    retired: BTreeMap<&'l str, (u64, u64)>,
    late: BTreeMap<&'l str, Vec<(u64, u64)>>,
}

impl<'l> Held<'l> {
    pub(super) fn of(book: &'l Book) -> Self {
        let mut held = Self {
            retired: retired(book),
            ..Self::default()
        };
        for (index, entry) in &book.entries {
            if let LedgerBody::KioskHead(head) = &entry.body {
                let heads = held.heads.entry(&head.log).or_default();
                heads.push((*index, head.size));
            }
        }
        let admitted = cases(book).filter(|(_, case)| {
            case.about == CaseKind::Late && case.outcome == CaseOutcome::Admitted
        });
        for (index, case) in admitted {
            let late = held.late.entry(&case.log).or_default();
            late.push((index, case.size));
        }
        held
    }

    /// How many entries of a journal counted when the ledger had `index` entries.
    fn counted(&self, log: &str, index: u64) -> u64 {
        let newest = |rows: Option<&Vec<(u64, u64)>>| {
            let rows = rows.into_iter().flatten();
            let before = rows.filter(|(at, _)| *at < index);
            before.map(|(_, size)| *size).max().unwrap_or(0)
        };
        match self.retired.get(log) {
            Some((ended, size)) if *ended < index => newest(self.late.get(log)).max(*size),
            _ => newest(self.heads.get(log)),
        }
    }

    /// Whether the basis has every signal of the attendee's that was held before the decision's entry.
    pub(super) fn nothing_left_out(
        &self,
        opened: &Opened<'_>,
        (question, ledger): (&Question, &str),
        (index, attendee): (u64, &AttendeeId),
    ) -> Result<(), String> {
        let roll = question.roll();
        let rows = |size: u64| -> Vec<(u64, u32)> {
            let theirs = opened.observations.of(roll, attendee, size);
            let place = |seen: Observation<'_>| (seen.index, seen.row_number);
            theirs.into_iter().map(place).collect()
        };
        must(
            opened.observations.is_empty() || rows(index) == rows(question.size_of(ledger)),
            "the basis leaves out what the ledger said before of this attendee's signals of other sources",
        )?;
        for journal in &opened.journals {
            let origin = journal.view.origin();
            let (from, until) = (question.size_of(origin), self.counted(origin, index));
            let start = journal.scans.partition_point(|(at, _)| *at < from);
            let missing = journal.scans[start..]
                .iter()
                .take_while(|(at, _)| *at < until)
                .find(|(_, entry)| match &entry.body {
                    Body::Scan(scan) => {
                        scan.verdict.is_presence()
                            && roll.counts_for(&scan.badge).contains(attendee)
                    }
                    _ => false,
                });
            if let Some((at, _)) = missing {
                return Err(format!(
                    "the basis leaves out entry {at} of {origin}, a scan of this attendee's that the issuer held before"
                ));
            }
        }
        Ok(())
    }
}
