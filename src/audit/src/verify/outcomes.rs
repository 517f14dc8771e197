//! What the ledger says came of it: sources, decisions made again, certificates, revocations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use attendance::agenda::Window;
use attendance::rules::RuleSet;
use attendance::words::{AttendeeId, CertificateId, DoorId, KioskId, ProgrammeId, Signal};
use attendance::{Decimal, ENGINE, Outcome};
use evidence::{Hash, TlogProof, open_checkpoint, open_cosignature};
use protocol::agenda::{self, Agenda, Registrations};
use protocol::archive::object_path;
use protocol::certificate::{self, Payload};
use protocol::decision::{Basis, object_bytes};
use protocol::entry::Entry;
use protocol::ledger::{self, LedgerBody};

use super::branches::{Admitted, is_branch};
use super::logs::Book;
use super::observed::Held;
use super::{Opened, Run};
use crate::derive::{Answer, LogView, Question, QuestionError, Roll, ledger_signals, signals_of};
use crate::report::{Name, Place};

/// The most decisions of one basis that a note names one by one.
const MAX_DIFFERING: usize = 20;

/// Objects that several decisions read, opened once.
#[derive(Default)]
struct Shelf {
    agendas: BTreeMap<String, Result<Arc<Agenda>, String>>,
    rolls: BTreeMap<String, Result<Arc<Roll>, String>>,
    rules: BTreeMap<String, Result<Arc<RuleSet>, String>>,
}

impl Shelf {
    fn agenda(&mut self, opened: &Opened<'_>, hash: &str) -> Result<Arc<Agenda>, String> {
        let read = || Ok(Arc::new(read_agenda(&named(opened, hash)?)?));
        self.agendas
            .entry(hash.to_owned())
            .or_insert_with(read)
            .clone()
    }

    fn roll(&mut self, opened: &Opened<'_>, hash: &str) -> Result<Arc<Roll>, String> {
        let read = || {
            let document = read_registrations(&named(opened, hash)?)?;
            Ok(Arc::new(Roll::new(&document)))
        };
        self.rolls
            .entry(hash.to_owned())
            .or_insert_with(read)
            .clone()
    }

    fn rules(&mut self, opened: &Opened<'_>, hash: &str) -> Result<Arc<RuleSet>, String> {
        let read = || Ok(Arc::new(read_rules(&named(opened, hash)?)?));
        self.rules
            .entry(hash.to_owned())
            .or_insert_with(read)
            .clone()
    }
}

fn named(opened: &Opened<'_>, hash: &str) -> Result<Vec<u8>, String> {
    opened.object(Hash::from_hex(hash).map_err(|e| e.to_string())?)
}

fn read_agenda(bytes: &[u8]) -> Result<Agenda, String> {
    let agenda: Agenda =
        protocol::strict::from_slice(bytes).map_err(|e| format!("the agenda: {e}"))?;
    if agenda.v == agenda::VERSION {
        Ok(agenda)
    } else {
        Err(format!("the agenda has version {}", agenda.v))
    }
}

fn read_registrations(bytes: &[u8]) -> Result<Registrations, String> {
    let document: Registrations =
        protocol::strict::from_slice(bytes).map_err(|e| format!("the registrations: {e}"))?;
    if document.v == agenda::VERSION {
        Ok(document)
    } else {
        Err(format!("the registrations have version {}", document.v))
    }
}

fn read_rules(bytes: &[u8]) -> Result<RuleSet, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("the rule set: {e}"))?;
    protocol::rules::parse(text).map_err(|e| format!("the rule set: {e}"))
}

/// A decision of the ledger under its index.
type Decided<'l> = (u64, &'l ledger::Decision);

fn decisions(book: &Book) -> impl Iterator<Item = Decided<'_>> {
    book.entries.iter().filter_map(|(i, e)| match &e.body {
        LedgerBody::Decision(body) => Some((*i, body)),
        _ => None,
    })
}

fn certificates(book: &Book) -> impl Iterator<Item = (u64, &ledger::Certificate)> {
    book.entries.iter().filter_map(|(i, e)| match &e.body {
        LedgerBody::Certificate(body) => Some((*i, body)),
        _ => None,
    })
}

/// `Ok` where it holds, else the reason.
pub(super) fn must(holds: bool, reason: &str) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(reason.to_owned())
    }
}

impl Run<'_> {
    pub(super) fn sources(&mut self, opened: &Opened<'_>) {
        let Some(book) = &opened.book else {
            return;
        };
        for (index, entry) in &book.entries {
            let held = match &entry.body {
                LedgerBody::Import(import) => {
                    opened
                        .object(import.object)
                        .and_then(|bytes| match import.what.as_str() {
                            "agenda" => read_agenda(&bytes).map(|_| ()),
                            "registrations" => read_registrations(&bytes).map(|_| ()),
                            _ => Ok(()),
                        })
                }
                LedgerBody::Rules(rules) => opened.object(rules.rules).and_then(|bytes| {
                    let read = read_rules(&bytes)?;
                    must(read.name == rules.name, "the rule set has another name")?;
                    let agenda = read_agenda(&opened.object(rules.agenda)?)?;
                    let hash = rules.rules.to_hex();
                    let mut programmes = agenda.programmes.iter();
                    let names = programmes
                        .any(|p| p.id == rules.programme && p.rules.as_ref() == Some(&hash));
                    must(
                        names,
                        "the agenda does not name this rule set for the programme",
                    )
                }),
                _ => continue,
            };
            self.findings.take(Name::Sources, book.at(*index), held);
        }
    }

    pub(super) fn decisions(&mut self, opened: &mut Opened<'_>) {
        let Some(book) = opened.book.take() else {
            self.findings.gap(
                Name::Decisions,
                "the archive has no ledger, and so no decisions",
            );
            return;
        };
        let mut groups: BTreeMap<Hash, Vec<Decided<'_>>> = BTreeMap::new();
        for decided in decisions(&book) {
            groups.entry(decided.1.basis).or_default().push(decided);
        }
        let firsts = Firsts::of(&book);
        let held = Held::of(&book);
        let mut shelf = Shelf::default();
        for (basis, group) in groups {
            match question(opened, &book, &mut shelf, basis) {
                Ok(question) if !question.is_of_this_engine() => {
                    self.made_by_another_engine(opened, &book, &question, &group);
                }
                Ok(question) => {
                    let question = Arc::new(question);
                    self.group(opened, &book, (&firsts, &held), &question, &group);
                    opened.questions.insert(basis.to_hex(), question);
                }
                Err(Unanswerable::Wrong(reason)) => {
                    for (index, _) in group {
                        let place = book.at(index);
                        self.findings
                            .take(Name::Decisions, place, Err(reason.clone()));
                    }
                }
                Err(Unanswerable::Unknown(reason)) => {
                    for _ in group {
                        self.findings.gap(Name::Decisions, reason.clone());
                    }
                }
            }
        }
        opened.book = Some(book);
    }

    /// Makes the decisions of one basis again.
    fn group(
        &mut self,
        opened: &Opened<'_>,
        book: &Book,
        (firsts, held): (&Firsts<'_>, &Held<'_>),
        question: &Question,
        group: &[Decided<'_>],
    ) {
        for prefix in &question.basis().logs {
            if is_branch(&prefix.log) || prefix.log == book.origin {
                continue;
            }
            if opened.journal(&prefix.log).is_none() && prefix.size > 0 {
                let gap = format!("the journal {} is not in the archive", prefix.log);
                for _ in group {
                    self.findings.gap(Name::Decisions, gap.clone());
                }
                return;
            }
        }
        let wanted: BTreeSet<&AttendeeId> = group.iter().map(|(_, d)| &d.attendee).collect();
        let mut signals = signals_by_attendee(opened, &book.origin, question, &wanted);
        for (index, decided) in group {
            let mine = signals.remove(&decided.attendee).unwrap_or_default();
            let answer = question.answer(&decided.attendee, &mine);
            signals.insert(decided.attendee.clone(), mine);
            let asked = (question, book.origin.as_str());
            let held = firsts
                .allow(question.basis(), (*index, &book.origin))
                .and_then(|()| replaces(book, *index, decided))
                .and_then(|()| same(opened, decided, &answer))
                .and_then(|()| held.nothing_left_out(opened, asked, (*index, &decided.attendee)));
            self.findings.take(Name::Decisions, book.at(*index), held);
        }
    }

    /// Makes decisions of another engine again with this one. They are not checked by that; a person is told what differs.
    fn made_by_another_engine(
        &mut self,
        opened: &Opened<'_>,
        book: &Book,
        question: &Question,
        group: &[Decided<'_>],
    ) {
        let engine = &question.basis().engine;
        let wanted: BTreeSet<&AttendeeId> = group.iter().map(|(_, d)| &d.attendee).collect();
        let signals = signals_by_attendee(opened, &book.origin, question, &wanted);
        let mut differing = Vec::new();
        for (index, decided) in group {
            let gap = format!("decided by the engine {engine:?}; this build is {ENGINE:?}");
            self.findings.gap(Name::Decisions, gap);
            let mine = signals.get(&decided.attendee);
            let again = question.answer(&decided.attendee, mine.map_or(&[], Vec::as_slice));
            let said = (decided.outcome, decided.credits);
            let now = (again.document.outcome, again.document.credits);
            if said != now {
                let credits = |credits: Option<Decimal>| {
                    credits.map_or_else(|| "no credits yet".to_owned(), |c| format!("{c} credits"))
                };
                differing.push(format!(
                    "entry {index}: {}, {} instead of {}, {}",
                    now.0,
                    credits(now.1),
                    said.0,
                    credits(said.1)
                ));
            }
        }
        let (all, same) = (group.len(), group.len() - differing.len());
        differing.truncate(MAX_DIFFERING);
        let differing = differing.iter().map(|line| format!("; {line}"));
        self.findings.note(format!(
            "{all} decisions by the engine {engine:?} made again by {ENGINE:?}: {same} with the same outcome and credits{}",
            differing.collect::<String>()
        ));
    }

    pub(super) fn certificates(&mut self, opened: &Opened<'_>) {
        let Some(book) = &opened.book else {
            return;
        };
        let mut newest: BTreeMap<&CertificateId, u32> = BTreeMap::new();
        for (index, body) in certificates(book) {
            let at = || Place {
                path: object_path(body.payload),
                ..book.at(index)
            };
            let before = newest.insert(&body.certificate, body.version).unwrap_or(0);
            if before + 1 != body.version {
                let reason = format!("version {} follows version {before}", body.version);
                self.findings.take(Name::Certificates, at(), Err(reason));
                continue;
            }
            let rests_on = certified(book, index, body);
            if !self.files.paths_hold(&object_path(body.payload)) {
                match rests_on {
                    Ok(_) => self.findings.gap(
                        Name::Certificates,
                        format!(
                            "the content of certificate {} is not in the archive: erased, or left out",
                            body.certificate
                        ),
                    ),
                    Err(reason) => self.findings.take(Name::Certificates, at(), Err(reason)),
                }
                continue;
            }
            if !self.files.paths_hold(&object_path(body.pdf)) {
                self.findings.gap(
                    Name::Certificates,
                    format!(
                        "the PDF of certificate {} is not in the archive: erased, or left out",
                        body.certificate
                    ),
                );
            }
            if let Ok(decided) = rests_on
                && !opened.questions.contains_key(&decided.basis.to_hex())
            {
                self.findings.gap(
                    Name::Certificates,
                    format!(
                        "the decision behind certificate {} could not be made again",
                        body.certificate
                    ),
                );
                continue;
            }
            let payload = rests_on.and_then(|decided| {
                let payload = read_payload(&opened.object(body.payload)?)?;
                says(opened, book, body, decided, &payload)?;
                Ok(payload)
            });
            match payload {
                Ok(payload) => {
                    self.findings.ok(Name::Certificates);
                    let proven = proof(opened, book, body, &payload);
                    self.findings.take(Name::Proofs, at(), proven);
                }
                Err(reason) => self.findings.take(Name::Certificates, at(), Err(reason)),
            }
        }
    }

    pub(super) fn revocations(&mut self, opened: &Opened<'_>) {
        let Some(book) = &opened.book else {
            return;
        };
        let mut issued: BTreeSet<(&CertificateId, u32)> = BTreeSet::new();
        let mut kiosks: BTreeSet<&KioskId> = BTreeSet::new();
        let mut doors: BTreeSet<&DoorId> = BTreeSet::new();
        for (index, entry) in &book.entries {
            let held = match &entry.body {
                LedgerBody::Certificate(body) => {
                    issued.insert((&body.certificate, body.version));
                    continue;
                }
                LedgerBody::Kiosk(body) => {
                    kiosks.insert(&body.kiosk);
                    continue;
                }
                LedgerBody::Door(body) => {
                    doors.insert(&body.door);
                    continue;
                }
                LedgerBody::Revocation(body) => must(
                    issued.contains(&(&body.certificate, body.version)),
                    "no certificate of this code and version was issued before",
                ),
                LedgerBody::Retirement(body) => must(
                    kiosks.contains(&body.kiosk),
                    "no kiosk of this id was enrolled before",
                ),
                LedgerBody::DoorLost(body) => must(
                    doors.contains(&body.door),
                    "no door of this id is known before",
                ),
                _ => continue,
            };
            self.findings.take(Name::Revocations, book.at(*index), held);
        }
    }
}

/// Why a basis gives no answer here.
enum Unanswerable {
    Wrong(String),
    Unknown(String),
}

fn question(
    opened: &Opened<'_>,
    book: &Book,
    shelf: &mut Shelf,
    hash: Hash,
) -> Result<Question, Unanswerable> {
    let wrong = Unanswerable::Wrong;
    let bytes = opened.object(hash).map_err(wrong)?;
    let basis: Basis =
        protocol::strict::from_slice(&bytes).map_err(|e| wrong(format!("the basis: {e}")))?;
    if object_bytes(&basis) != bytes {
        return Err(wrong("the basis is not written in its one form".to_owned()));
    }
    if basis.event != opened.archive.event {
        return Err(wrong(format!("the basis is of the event {}", basis.event)));
    }
    let agenda = shelf.agenda(opened, &basis.agenda).map_err(wrong)?;
    let roll = shelf.roll(opened, &basis.registrations).map_err(wrong)?;
    let rules = shelf.rules(opened, &basis.rules).map_err(wrong)?;
    for prefix in &basis.logs {
        if is_branch(&prefix.log) && opened.branch(prefix).is_none() {
            return Err(wrong(format!(
                "the decision rests on the branch {}, which is not in the archive",
                prefix.log
            )));
        }
        let held = match opened.journal(&prefix.log) {
            Some(journal) => Some(journal.size),
            None => (prefix.log == book.origin).then(|| book.tree.size()),
        };
        if held.is_some_and(|size| size < prefix.size) {
            return Err(wrong(format!(
                "the decision rests on {} entries of {}, the archive has fewer",
                prefix.size, prefix.log
            )));
        }
    }
    Question::of_any_engine(basis, agenda, roll, rules).map_err(|error| match error {
        QuestionError::Version(_) | QuestionError::Engine(_) => {
            Unanswerable::Unknown(error.to_string())
        }
        QuestionError::Programme(_) | QuestionError::Rules { .. } | QuestionError::Order => {
            wrong(error.to_string())
        }
    })
}

/// The signals of some attendees, from all the logs of a question. The ledger goes by the origin under which the archive
/// describes it: whether that is this event's is another check's to say.
pub(crate) fn signals_by_attendee(
    opened: &Opened<'_>,
    ledger: &str,
    question: &Question,
    wanted: &BTreeSet<&AttendeeId>,
) -> BTreeMap<AttendeeId, Vec<Signal>> {
    let mut found: BTreeMap<AttendeeId, Vec<Signal>> = BTreeMap::new();
    let mut take = |name: &Arc<str>, view: &LogView, size: u64, scans: &[(u64, Entry)]| {
        let clock = view.clock_at(size);
        for (index, entry) in scans.iter().take_while(|(index, _)| *index < size) {
            let protocol::entry::Body::Scan(scan) = &entry.body else {
                continue;
            };
            let whose = question.roll().counts_for(&scan.badge);
            for attendee in whose.into_iter().filter(|a| wanted.contains(a)) {
                let row = [(*index, entry)];
                let signals = signals_of(name, &clock, question.agenda(), row);
                found
                    .entry(attendee.clone())
                    .or_default()
                    .extend(signals.map(|(signal, _)| signal));
            }
        }
    };
    for journal in &opened.journals {
        let name = journal.view.origin();
        take(name, &journal.view, question.size_of(name), &journal.scans);
    }
    for prefix in &question.basis().logs {
        if let Some(branch) = opened.branch(prefix) {
            let name = Arc::from(prefix.log.as_str());
            take(&name, &branch.view, prefix.size, &branch.scans);
        }
    }
    let ledger: Arc<str> = ledger.into();
    let size = question.size_of(&ledger);
    for attendee in wanted {
        let rows = opened.observations.of(question.roll(), attendee, size);
        let signals = ledger_signals(&ledger, question.agenda(), rows);
        found
            .entry((*attendee).clone())
            .or_default()
            .extend(signals);
    }
    found
}

/// At which entry the ledger first named what bases rest on.
#[derive(Default)]
struct Firsts<'l> {
    imports: BTreeMap<(&'l str, Hash), u64>,
    rules: BTreeMap<(&'l ProgrammeId, Hash), u64>,
    sizes: BTreeMap<(&'l str, u64), u64>,
    /// What the ledger took of each journal: after which entry of its own how many of the journal's, in order.
    taken: BTreeMap<&'l str, Vec<(u64, u64)>>,
    admitted: Admitted<'l>,
}

impl<'l> Firsts<'l> {
    fn of(book: &'l Book) -> Self {
        let mut firsts = Self {
            admitted: Admitted::of(book),
            ..Self::default()
        };
        for (index, entry) in &book.entries {
            match &entry.body {
                LedgerBody::Import(body) => {
                    let key = (body.what.as_str(), body.object);
                    firsts.imports.entry(key).or_insert(*index);
                }
                LedgerBody::Rules(body) => {
                    let key = (&body.programme, body.rules);
                    firsts.rules.entry(key).or_insert(*index);
                    // A rule set comes into force with the agenda that names it.
                    let key = ("agenda", body.agenda);
                    firsts.imports.entry(key).or_insert(*index);
                }
                LedgerBody::KioskHead(body) => {
                    let key = (body.log.as_str(), body.size);
                    firsts.sizes.entry(key).or_insert(*index);
                    let taken = firsts.taken.entry(body.log.as_str()).or_default();
                    taken.push((*index, body.size));
                }
                _ => {}
            }
        }
        firsts
    }

    /// Whether the ledger had all that the basis names when it wrote the decision, and the basis all that the ledger then had.
    fn allow(&self, basis: &Basis, (decision, ledger): (u64, &str)) -> Result<(), String> {
        let hash = |text: &str| Hash::from_hex(text).map_err(|e| e.to_string());
        let before = |first: Option<&u64>, reason: &str| {
            let first = first.copied().filter(|index| *index < decision);
            first.ok_or_else(|| reason.to_owned())
        };
        let agenda = before(
            self.imports.get(&("agenda", hash(&basis.agenda)?)),
            "the basis names an agenda that was not in force before",
        )?;
        let registrations = before(
            self.imports
                .get(&("registrations", hash(&basis.registrations)?)),
            "the basis names registrations that were not imported before",
        )?;
        let rules = before(
            self.rules.get(&(&basis.programme, hash(&basis.rules)?)),
            "the basis names rules that were not in force before",
        )?;
        let mut newest = agenda.max(registrations).max(rules);
        for prefix in &basis.logs {
            if prefix.log == ledger {
                must(
                    prefix.size <= decision,
                    "the basis rests on entries of the ledger that come after the decision",
                )?;
                continue;
            }
            self.admitted.allow(prefix, decision)?;
            if is_branch(&prefix.log) || prefix.size == 0 {
                continue;
            }
            let reached = before(
                self.sizes.get(&(prefix.log.as_str(), prefix.size)),
                "the basis names a size of a journal that no batch had reached before",
            )?;
            newest = newest.max(reached);
        }
        self.leaves_nothing_out(basis, newest)
    }

    /// Whether a basis rests on all that the ledger had taken of journals before the newest entry that it rests on. An
    /// enrolment that has ended adds nothing to that.
    fn leaves_nothing_out(&self, basis: &Basis, newest: u64) -> Result<(), String> {
        let named: BTreeMap<&str, u64> = basis
            .logs
            .iter()
            .map(|prefix| (prefix.log.as_str(), prefix.size))
            .collect();
        for (log, taken) in &self.taken {
            let ended = self.admitted.ended(log).unwrap_or(newest);
            let known = taken.partition_point(|(index, _)| *index < newest.min(ended));
            let size = taken[..known].last().map_or(0, |(_, size)| *size);
            let rests_on = named.get(log).copied().unwrap_or(0);
            if rests_on < size {
                return Err(format!(
                    "the basis leaves out what was known: it rests on {rests_on} entries of {log}, of which {size} had been \
                     taken before others that it rests on"
                ));
            }
        }
        Ok(())
    }
}

fn replaces(book: &Book, index: u64, decided: &ledger::Decision) -> Result<(), String> {
    let Some(old) = decided.replaces else {
        return Ok(());
    };
    match book.entry(old).map(|e| &e.body) {
        Some(LedgerBody::Decision(body)) if old < index => must(
            body.attendee == decided.attendee && body.programme == decided.programme,
            "it replaces a decision on somebody or something else",
        ),
        _ => Err(format!(
            "it replaces entry {old}, which is no earlier decision"
        )),
    }
}

/// Whether the decision of the ledger is the one that was made again.
fn same(opened: &Opened<'_>, decided: &ledger::Decision, again: &Answer) -> Result<(), String> {
    let written = opened.object(decided.decision)?;
    if written != again.bytes {
        return Err(format!(
            "made again it comes to: {} (outcome {}, reason {}), in other bytes than were written",
            again.document.explanation, again.document.outcome, again.document.reason
        ));
    }
    let document = &again.document;
    must(
        (decided.outcome, decided.credits, decided.reason)
            == (document.outcome, document.credits, document.reason)
            && decided.programme == document.programme,
        "the ledger's entry says something else than the decision's object",
    )
}

fn read_payload(bytes: &[u8]) -> Result<Payload, String> {
    let payload: Payload = protocol::strict::from_slice(bytes)
        .map_err(|e| format!("the certificate's content: {e}"))?;
    if payload.v == certificate::VERSION {
        Ok(payload)
    } else {
        Err(format!(
            "the certificate's content has version {}",
            payload.v
        ))
    }
}

/// The decision that a certificate rests on.
fn certified<'l>(
    book: &'l Book,
    index: u64,
    body: &ledger::Certificate,
) -> Result<&'l ledger::Decision, String> {
    let decided = match book.entry(body.decision).map(|e| &e.body) {
        Some(LedgerBody::Decision(decided)) if body.decision < index => decided,
        _ => {
            return Err(format!(
                "it rests on entry {}, which is no earlier decision",
                body.decision
            ));
        }
    };
    must(
        decided.attendee == body.attendee && decided.programme == body.programme,
        "it rests on a decision on somebody or something else",
    )?;
    must(
        matches!(decided.outcome, Outcome::Full | Outcome::Partial),
        "it rests on a decision that awards nothing",
    )?;
    Ok(decided)
}

/// Whether a certificate says what its decision, its agenda and its event say.
fn says(
    opened: &Opened<'_>,
    book: &Book,
    body: &ledger::Certificate,
    decided: &ledger::Decision,
    payload: &Payload,
) -> Result<(), String> {
    must(
        payload.certificate == body.certificate && payload.version == body.version,
        "its code or version is not that of the ledger",
    )?;
    must(
        payload.attendee == body.attendee && payload.programme == body.programme,
        "it is on somebody or something else than the ledger says",
    )?;
    must(
        payload.outcome == decided.outcome && Some(payload.credits) == decided.credits,
        "its credits are not those of the decision",
    )?;
    must(
        payload.reason == decided.reason,
        "its reason is not that of the decision",
    )?;
    must(
        payload.decision == decided.decision.to_hex(),
        "it names another decision",
    )?;
    let Some(LedgerBody::Event(event)) = book.entry(0).map(|e| &e.body) else {
        return Err("the ledger does not begin with the event".to_owned());
    };
    must(
        payload.issuer == event.issuer && payload.event == event.event,
        "it is of another issuer or event",
    )?;
    let bytes = opened.object(decided.decision)?;
    let document: protocol::decision::DecisionDoc =
        protocol::strict::from_slice(&bytes).map_err(|e| format!("the decision: {e}"))?;
    must(
        payload.explanation == document.explanation,
        "its sentence is not that of the decision",
    )?;
    let question = opened
        .questions
        .get(&decided.basis.to_hex())
        .ok_or("its decision could not be made again")?;
    must(
        payload.rules == question.rules().hash && payload.rules_name == question.rules().name,
        "it names other rules than the decision",
    )?;
    must(
        payload.programme_title == question.programme().title,
        "the programme has another title in the agenda",
    )?;
    sessions(question, &document, payload)
}

fn sessions(
    question: &Question,
    document: &protocol::decision::DecisionDoc,
    payload: &Payload,
) -> Result<(), String> {
    let lines = question.session_lines(document);
    must(
        lines == payload.sessions,
        "its sessions, their times or their minutes are not those of the decision",
    )?;
    let whole = |line: &certificate::SessionLine| Window::new(line.start, line.end).is_some();
    must(lines.iter().all(whole), "a session ends before it begins")
}

/// Whether the proof leads from the decision's entry to a head of this ledger that as many kiosks cosigned as it says.
fn proof(
    opened: &Opened<'_>,
    book: &Book,
    body: &ledger::Certificate,
    payload: &Payload,
) -> Result<(), String> {
    let given = &payload.proof;
    let head = open_checkpoint(&given.checkpoint, &book.origin, &opened.issuer_key)
        .map_err(|e| e.to_string())?;
    book.holds(&head)?;
    let proof = TlogProof::parse(&given.decision).map_err(|e| e.to_string())?;
    must(
        proof.index == body.decision,
        "the proof is of another entry than the decision",
    )?;
    let leaf = book
        .leaf(body.decision)
        .ok_or("the decision's entry is missing")?;
    let proven = proof
        .verify(leaf, &book.origin, &opened.issuer_key)
        .map_err(|e| e.to_string())?;
    must(
        proven == head,
        "the proof leads to another head than the one stated",
    )?;
    let cosigned = book
        .witnesses
        .iter()
        .filter(|(name, key)| open_cosignature(&given.checkpoint, name, key).is_ok())
        .count();
    must(
        u32::try_from(cosigned) == Ok(payload.proof.witnesses),
        "another number of kiosks cosigned the head than the certificate says",
    )
}
