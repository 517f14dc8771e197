//! Final and live decisions: who is due is decided again, on the same road that an auditor takes.
//!
//! Contract: [`Decider::run_once`] may be called at any time, by any of several programs on one database, and killed at any
//! point; what it had not finished stays due. Each decision is made by `audit`'s [`Question`], so its object's bytes are
//! those that `rollcall verify` makes again. While a session runs or a door is waited for, decisions are live: projections
//! for pages and reports, not in the ledger. Once a programme is complete its decisions are final: the basis and the
//! decision lie in the object store, and the ledger names them. A later change writes a new one that names the one before.
//!
//! A late signal costs what it weighs: agenda, registrations and rule set are read once for each version ([`Documents`]).
//!
//! A decision that cannot be made (an object is missing, a rule set does not parse) is put off and raises an alarm; the rest
//! goes on.

pub mod completeness;
pub mod difference;
pub mod simulate;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::UtcMs;
use attendance::rules::RuleSet;
use attendance::time::{Placed, Quality};
use attendance::words::{AttendeeId, DoorId, EventId, KioskId, ProgrammeId, Signal, SignalId};
use audit::derive::{Answer, LogKeys, LogView, Question, ledger_signals, signals_of};
use evidence::{Hash, PublicKey};
use protocol::agenda::Agenda;
use protocol::decision::{Basis, DecisionDoc, LogPrefix};
use protocol::entry::{self, Entry};
use protocol::ledger::CaseKind;

use crate::review;
use crate::review::signs::{Limits, Pairs};
use crate::store::branches::CaseFacts;
use crate::store::decisions::{DecisionFacts, Due, MAX_TOGETHER, NewDecision};
use crate::store::documents::{DocumentError, Documents, from_json};
use crate::store::enrolment::KioskFacts;
use crate::store::events::{EventFacts, Versioned};
use crate::store::signals::ObservedFacts;
use crate::store::{ObjectStore, Store, StoreError};

/// How many due decisions one run takes at most.
pub const MAX_DUE_PER_RUN: usize = 500;
/// How long a decision that failed is put off, in milliseconds, times the tries so far.
const PUT_OFF_MS: i64 = 5_000;
/// The longest it is put off, in milliseconds.
const PUT_OFF_MAX_MS: i64 = 300_000;

/// Why something could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object store.
    #[error(transparent)]
    Object(#[from] crate::store::ObjectError),
    /// Something that decisions rest on is missing or does not read.
    #[error("{0}")]
    Basis(String),
}

impl From<DocumentError> for DecideError {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Object(error) => Self::Object(error),
            other => Self::Basis(other.to_string()),
        }
    }
}

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Decisions made.
    pub decided: usize,
    /// Those of them that were written to the ledger.
    pub written: usize,
    /// Those that failed and were put off.
    pub put_off: usize,
}

/// How far a programme was, when it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Progress {
    open_sessions: usize,
    incomplete_doors: Vec<DoorId>,
}

/// Makes decisions. Holds what it has seen between runs, none of which it needs: a new one finds everything again.
pub struct Decider {
    store: Arc<dyn Store>,
    objects: Arc<dyn ObjectStore>,
    documents: Arc<Documents>,
    issuer: Arc<str>,
    issuer_key: PublicKey,
    progress: BTreeMap<(EventId, ProgrammeId), Progress>,
    /// How far each log's clock was looked at.
    looked: BTreeMap<KioskId, Looked>,
    /// When something is a sign; none where nobody watches.
    watch: Option<Limits>,
    /// Who passed with whom, and how far each log was read for it.
    pairs: BTreeMap<EventId, Pairs>,
    read: BTreeMap<KioskId, u64>,
    /// The scans that staff took back, each with the entry that says so.
    taken_back: BTreeMap<(EventId, AttendeeId), Vec<SignalId>>,
}

/// A log when its clock was last looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Looked {
    size: u64,
    /// How many of its marks cannot be placed without contradicting what else bounds them.
    contradictory: usize,
}

/// All that the decisions of one programme rest on, and the logs' clocks.
struct Programme {
    question: Question,
    /// The origin of the event's ledger.
    ledger: Arc<str>,
    logs: BTreeMap<Arc<str>, attendance::time::ClockHistory>,
    branches: Vec<Admitted>,
    basis_kept: bool,
}

/// A branch that a reviewer admitted.
struct Admitted {
    name: Arc<str>,
    clock: attendance::time::ClockHistory,
    scans: Vec<(u64, Entry)>,
}

impl Decider {
    /// A decider for one issuer.
    pub fn new(
        store: Arc<dyn Store>,
        objects: Arc<dyn ObjectStore>,
        issuer: &str,
        issuer_key: PublicKey,
    ) -> Self {
        Self {
            store,
            objects,
            documents: Arc::default(),
            issuer: issuer.into(),
            issuer_key,
            progress: BTreeMap::new(),
            looked: BTreeMap::new(),
            watch: None,
            pairs: BTreeMap::new(),
            read: BTreeMap::new(),
            taken_back: BTreeMap::new(),
        }
    }

    /// The same decider, with documents that others read as well.
    #[must_use]
    pub fn sharing(mut self, documents: Arc<Documents>) -> Self {
        self.documents = documents;
        self
    }

    /// Moves watermarks, makes due whom a programme's progress touches, and decides up to [`MAX_DUE_PER_RUN`] of the due.
    ///
    /// # Errors
    /// Where the database cannot be used; what could not be decided for other reasons is put off instead.
    pub fn run_once(&mut self, now: UtcMs) -> Result<Run, StoreError> {
        let mut unread = watch::MAX_READ_PER_RUN;
        for event in self.store.events()? {
            self.look_at_clocks(&event.id, now)?;
            self.watch_progress(&event, now)?;
            self.watch_pairs(&event.id, &mut unread, now)?;
        }
        let due = self.store.due(now, MAX_DUE_PER_RUN)?;
        let mut by_programme: BTreeMap<(EventId, ProgrammeId), Vec<Due>> = BTreeMap::new();
        for one in due {
            by_programme
                .entry((one.event.clone(), one.programme.clone()))
                .or_default()
                .push(one);
        }
        let mut run = Run::default();
        for ((event, programme), due) in by_programme {
            self.decide_programme(&event, &programme, &due, now, &mut run)?;
        }
        Ok(run)
    }

    /// Runs until nothing is due, for commands that a person waits for.
    ///
    /// # Errors
    /// As [`Self::run_once`].
    pub fn settle(&mut self, now: UtcMs) -> Result<Run, StoreError> {
        let mut all = Run::default();
        loop {
            let run = self.run_once(now)?;
            all.decided += run.decided;
            all.written += run.written;
            all.put_off += run.put_off;
            if run.decided == 0 {
                return Ok(all);
            }
        }
    }

    /// Moves the watermarks of logs that have grown. Where a log's clock has come to contradict itself, all that rests on it
    /// is decided again: evidence that agrees only ever narrows what is certain, evidence that does not may undo it.
    fn look_at_clocks(&mut self, event: &EventId, now: UtcMs) -> Result<(), StoreError> {
        for kiosk in self.store.kiosks(event)? {
            let before = self.looked.get(&kiosk.kiosk).copied().unwrap_or_default();
            if before.size == kiosk.size {
                continue;
            }
            let entries = self.parsed_marks(&kiosk)?;
            let clock = self.view(&kiosk, &entries).clock_at(kiosk.size);
            if let Some((index, newest)) = entries.last() {
                let placed = clock.place(*index, &newest.stamp);
                if placed.at.earliest > UtcMs::DISTANT_PAST {
                    self.store.put_watermark(&kiosk.kiosk, placed.at.earliest)?;
                }
            }
            let is_contradictory = |at: &Placed| matches!(at.quality, Quality::Contradictory);
            let marks = entries
                .iter()
                .map(|(index, mark)| clock.place(*index, &mark.stamp));
            let contradictory = marks.filter(is_contradictory).count();
            if contradictory != before.contradictory {
                self.store.make_log_due(&kiosk.kiosk, now)?;
                let detail = format!(
                    "{contradictory} of its time marks cannot all hold: what it scanned around them may go to review"
                );
                self.store.raise_alarm(
                    event,
                    kiosk.kiosk.as_str(),
                    "clock_contradictory",
                    &detail,
                    now,
                )?;
            }
            let looked = Looked {
                size: kiosk.size,
                contradictory,
            };
            self.looked.insert(kiosk.kiosk, looked);
        }
        Ok(())
    }

    /// Makes everybody due when a session has ended, a door has been completed or given up, or an agenda changed either.
    fn watch_progress(&mut self, event: &EventFacts, now: UtcMs) -> Result<(), StoreError> {
        let agenda = match self.agenda(&event.id) {
            Ok(Some((agenda, _))) => agenda,
            Ok(None) => return Ok(()),
            Err(DecideError::Store(error)) => return Err(error),
            Err(fault) => {
                let detail = fault.to_string();
                return self
                    .store
                    .raise_alarm(&event.id, "agenda", "cannot_decide", &detail, now);
            }
        };
        for programme in &agenda.programmes {
            let open_sessions = agenda
                .sessions
                .iter()
                .filter(|s| s.programme.as_ref() == Some(&programme.id))
                .filter(|s| now < s.actual_end.unwrap_or(s.end))
                .count();
            let incomplete_doors = self.incomplete_doors(&event.id, &agenda, &programme.id)?;
            let current = Progress {
                open_sessions,
                incomplete_doors,
            };
            let key = (event.id.clone(), programme.id.clone());
            let before = self.progress.get(&key);
            let has_moved = match before {
                Some(before) => *before != current,
                None => self.is_behind(&event.id, &programme.id, &current)?,
            };
            if has_moved {
                self.store.make_all_due(&event.id, now)?;
            }
            self.progress.insert(key, current);
        }
        Ok(())
    }

    /// Whether stored decisions are of an earlier state than this one: asked once, when a decider begins.
    fn is_behind(
        &self,
        event: &EventId,
        programme: &ProgrammeId,
        current: &Progress,
    ) -> Result<bool, StoreError> {
        let is_complete = current.open_sessions == 0 && current.incomplete_doors.is_empty();
        let decisions = self.store.decisions(event)?;
        let mut own = decisions
            .iter()
            .filter(|d| d.programme == *programme)
            .peekable();
        Ok(own.peek().is_none() || own.any(|d| d.complete != is_complete))
    }

    fn incomplete_doors(
        &self,
        event: &EventId,
        agenda: &Agenda,
        programme: &ProgrammeId,
    ) -> Result<Vec<DoorId>, StoreError> {
        let watermarks = completeness::door_watermarks(
            &self.store.kiosks(event)?,
            &self.store.watermarks(event)?,
        );
        let doors = self.store.doors(event)?;
        let lost: Vec<DoorId> = doors
            .into_iter()
            .filter(|d| d.lost)
            .map(|d| d.door.id)
            .collect();
        Ok(completeness::incomplete_doors(
            agenda,
            programme,
            &watermarks,
            &lost,
        ))
    }

    fn agenda(&self, event: &EventId) -> Result<Option<(Arc<Agenda>, Hash)>, DecideError> {
        let Some(version) = self.store.version(event, Versioned::Agenda)? else {
            return Ok(None);
        };
        let agenda = self
            .documents
            .agenda(self.objects.as_ref(), version.object)?;
        Ok(Some((agenda, version.object)))
    }

    fn decide_programme(
        &mut self,
        event: &EventId,
        programme: &ProgrammeId,
        due: &[Due],
        now: UtcMs,
        run: &mut Run,
    ) -> Result<(), StoreError> {
        let mut opened = match self.open(event, programme, None, now) {
            Ok(Some(opened)) => opened,
            // No rule set, no registrations, no such programme any more: nothing is to be decided.
            Ok(None) => {
                for one in due {
                    self.store.settle(one)?;
                }
                return Ok(());
            }
            Err(DecideError::Store(error)) => return Err(error),
            Err(fault) => {
                self.put_off(due, &fault.to_string(), now, run)?;
                return Ok(());
            }
        };
        for together in due.chunks(MAX_TOGETHER) {
            let mut made = Vec::with_capacity(together.len());
            for one in together {
                match self.decide_one(&mut opened, one, now) {
                    Ok(decision) => made.push(decision),
                    Err(DecideError::Store(error)) => return Err(error),
                    Err(fault) => {
                        self.put_off(std::slice::from_ref(one), &fault.to_string(), now, run)?;
                    }
                }
            }
            if !made.is_empty() {
                self.store.put_decisions(event, &made, now)?;
            }
            run.decided += made.len();
            run.written += made.iter().filter(|decision| decision.is_final).count();
        }
        Ok(())
    }

    fn put_off(
        &self,
        due: &[Due],
        fault: &str,
        now: UtcMs,
        run: &mut Run,
    ) -> Result<(), StoreError> {
        for one in due {
            let wait_ms = PUT_OFF_MS
                .saturating_mul(i64::from(one.tries) + 1)
                .min(PUT_OFF_MAX_MS);
            self.store.put_off(one, fault, now.plus_ms(wait_ms))?;
            self.store.raise_alarm(
                &one.event,
                one.programme.as_str(),
                "cannot_decide",
                fault,
                now,
            )?;
            run.put_off += 1;
        }
        Ok(())
    }

    /// Opens what the decisions of a programme rest on, as it is held now; under a candidate instead of the rules in force, if one is given.
    fn open(
        &self,
        event: &EventId,
        programme: &ProgrammeId,
        candidate: Option<RuleSet>,
        now: UtcMs,
    ) -> Result<Option<Programme>, DecideError> {
        let Some((agenda, agenda_hash)) = self.agenda(event)? else {
            return Ok(None);
        };
        let Some(registrations) = self.store.version(event, Versioned::Registrations)? else {
            return Ok(None);
        };
        let Some(rules_hash) = agenda
            .programmes
            .iter()
            .find(|p| p.id == *programme)
            .and_then(|p| p.rules.as_deref())
        else {
            return Ok(None);
        };
        let rules = match candidate {
            Some(candidate) => Arc::new(candidate),
            None => self.rules(rules_hash)?,
        };
        let roll = self
            .documents
            .roll(self.objects.as_ref(), registrations.object)?;
        let mut prefixes = Vec::new();
        let mut logs = BTreeMap::new();
        let cases = self.store.cases(event)?;
        for kiosk in self.store.kiosks(event)? {
            let entries = self.parsed_marks(&kiosk)?;
            let view = self.view(&kiosk, &entries);
            let size = counted(&kiosk, &cases);
            logs.insert(Arc::clone(view.origin()), view.clock_at(size));
            prefixes.push(LogPrefix {
                log: kiosk.origin,
                size,
            });
        }
        let mut branches = Vec::new();
        for case in admitted_branches(cases) {
            let name: Arc<str> = case.name().into();
            let store = self.store.as_ref();
            branches.push(Admitted {
                clock: review::clock(store, &case, &self.issuer, self.issuer_key)?,
                scans: review::in_question(store, &case)?,
                name: Arc::clone(&name),
            });
            prefixes.push(LogPrefix {
                log: name.to_string(),
                size: case.size,
            });
        }
        let signals_size = self.store.signals_size(event)?;
        let ledger: Arc<str> = self.store.event(event)?.ledger.into();
        if signals_size > 0 {
            prefixes.push(LogPrefix {
                log: ledger.to_string(),
                size: signals_size,
            });
        }
        prefixes.sort();
        let basis = Basis {
            v: protocol::decision::VERSION,
            event: event.clone(),
            programme: programme.clone(),
            logs: prefixes,
            agenda: agenda_hash.to_hex(),
            registrations: registrations.object.to_hex(),
            rules: rules.hash.clone(),
            engine: attendance::ENGINE.to_owned(),
            now,
            incomplete_doors: self.incomplete_doors(event, &agenda, programme)?,
        };
        let question = Question::new(basis, agenda, roll, rules)
            .map_err(|e| DecideError::Basis(e.to_string()))?;
        Ok(Some(Programme {
            question,
            ledger,
            logs,
            branches,
            basis_kept: false,
        }))
    }

    fn rules(&self, hash: &str) -> Result<Arc<RuleSet>, DecideError> {
        let name = Hash::from_hex(hash).map_err(|e| DecideError::Basis(e.to_string()))?;
        Ok(self.documents.rules(self.objects.as_ref(), name)?)
    }

    fn decide_one(
        &self,
        opened: &mut Programme,
        due: &Due,
        now: UtcMs,
    ) -> Result<NewDecision, DecideError> {
        let signals = self.signals(opened, &due.event, &due.attendee)?;
        let agenda = opened.question.agenda();
        self.watch_places(&due.event, &due.attendee, &signals, agenda, now)?;
        let answer = opened.question.answer(&due.attendee, &signals);
        let held = self
            .store
            .decision(&due.event, &due.attendee, &due.programme)?;
        let last_final = held.and_then(|d| d.last_final);
        let is_news = answer.decision.is_complete()
            && match last_final {
                Some((_, object)) => {
                    let before = from_json(self.objects.as_ref(), object, "decision")?;
                    !says_the_same(&before, &answer.document)
                }
                None => true,
            };
        if is_news {
            if !opened.basis_kept {
                self.objects.put(&opened.question.basis_bytes())?;
                opened.basis_kept = true;
            }
            self.objects.put(&answer.bytes)?;
        }
        Ok(NewDecision {
            facts: facts(due, &opened.question, &answer, last_final, now)?,
            is_final: is_news,
            ticket: Some(due.ticket),
        })
    }

    /// The signals of one attendee, of all logs as far as the basis goes.
    fn signals(
        &self,
        opened: &Programme,
        event: &EventId,
        attendee: &AttendeeId,
    ) -> Result<Vec<Signal>, DecideError> {
        let mut by_log: BTreeMap<Arc<str>, Vec<(u64, Entry)>> = BTreeMap::new();
        for scan in self.store.scans_of(event, attendee)? {
            if scan.index >= opened.question.size_of(&scan.origin) {
                continue;
            }
            // Intake has parsed it: an entry whose meaning fails is in quarantine and is no scan.
            if let Ok(parsed) = entry::parse(&scan.bytes) {
                by_log
                    .entry(scan.origin.as_str().into())
                    .or_default()
                    .push((scan.index, parsed));
            }
        }
        let mut signals = Vec::new();
        for (log, entries) in &by_log {
            let Some(clock) = opened.logs.get(log) else {
                continue;
            };
            let scans = entries.iter().map(|(index, parsed)| (*index, parsed));
            signals.extend(
                signals_of(log, clock, opened.question.agenda(), scans).map(|(signal, _)| signal),
            );
        }
        let roll = opened.question.roll();
        for branch in &opened.branches {
            let mine = branch
                .scans
                .iter()
                .filter(|(_, parsed)| match &parsed.body {
                    entry::Body::Scan(scan) => roll.counts_for(&scan.badge).contains(attendee),
                    _ => false,
                });
            let scans = mine.map(|(index, parsed)| (*index, parsed));
            let agenda = opened.question.agenda();
            let placed = signals_of(&branch.name, &branch.clock, agenda, scans);
            signals.extend(placed.map(|(signal, _)| signal));
        }
        let observed = self.store.observed_of(event, attendee)?;
        let size = opened.question.size_of(&opened.ledger);
        let counts = |seen: &&ObservedFacts| {
            seen.index < size
                && seen.retracted.is_none_or(|at| at >= size)
                && roll.owner(&seen.row) == Some(attendee)
        };
        let rows = observed
            .iter()
            .filter(counts)
            .map(ObservedFacts::observation);
        signals.extend(ledger_signals(
            &opened.ledger,
            opened.question.agenda(),
            rows,
        ));
        Ok(signals)
    }

    fn parsed_marks(&self, kiosk: &KioskFacts) -> Result<Vec<(u64, Entry)>, StoreError> {
        let entries = self.store.clock_entries(&kiosk.kiosk)?;
        let read = entries.into_iter().filter_map(|held| {
            let bytes = held.bytes?;
            Some((held.index, entry::parse(&bytes).ok()?))
        });
        Ok(read.filter(|(index, _)| *index < kiosk.size).collect())
    }

    fn view(&self, kiosk: &KioskFacts, entries: &[(u64, Entry)]) -> LogView {
        let mut view = LogView::new(LogKeys {
            origin: kiosk.origin.as_str().into(),
            key: kiosk.public_key,
            issuer: Arc::clone(&self.issuer),
            issuer_key: self.issuer_key,
        });
        for (index, entry) in entries {
            view.take(*index, entry);
        }
        view
    }
}

/// How much of a log decisions rest on: of one whose enrolment has ended, what was held then or a reviewer admitted since.
fn counted(kiosk: &KioskFacts, cases: &[CaseFacts]) -> u64 {
    let Some(ended) = kiosk.retired_size else {
        return kiosk.size;
    };
    let late = cases.iter().filter(|case| {
        case.about == CaseKind::Late && case.kiosk == kiosk.kiosk && case.is_admitted()
    });
    late.map(|case| case.size).max().unwrap_or(0).max(ended)
}

/// Of each branch, the case that admits the most of it.
pub(crate) fn admitted_branches(cases: Vec<CaseFacts>) -> Vec<CaseFacts> {
    let mut newest: BTreeMap<u64, CaseFacts> = BTreeMap::new();
    for case in cases.into_iter().filter(CaseFacts::is_admitted) {
        let Some(branch) = case.branch else { continue };
        match newest.get(&branch) {
            Some(known) if known.size >= case.size => {}
            _ => {
                newest.insert(branch, case);
            }
        }
    }
    newest.into_values().collect()
}

/// Whether two decisions differ in nothing but what they rest on.
fn says_the_same(before: &DecisionDoc, now: &DecisionDoc) -> bool {
    let before = DecisionDoc {
        basis: now.basis.clone(),
        ..before.clone()
    };
    before == *now
}

fn facts(
    due: &Due,
    question: &Question,
    answer: &Answer,
    last_final: Option<(u64, Hash)>,
    now: UtcMs,
) -> Result<DecisionFacts, DecideError> {
    let basis =
        Hash::from_hex(question.basis_hash()).map_err(|e| DecideError::Basis(e.to_string()))?;
    Ok(DecisionFacts {
        attendee: due.attendee.clone(),
        programme: due.programme.clone(),
        outcome: answer.decision.outcome,
        credits: answer.decision.credits,
        reason: answer.decision.reason,
        explanation: answer.decision.explanation.clone(),
        complete: answer.decision.is_complete(),
        decision: answer.hash,
        basis,
        at: now,
        last_final,
    })
}

#[cfg(test)]
mod tests;
