//! The pass over each log: hashes, checkpoints, and what entries say of other logs.

use std::collections::{BTreeMap, BTreeSet};

use attendance::UtcMs;
use attendance::time::{Bracket, ClockHistory};
use attendance::words::{DoorId, ReaderId, RoomId};
use evidence::{
    Checkpoint, Hash, MemoryTree, PublicKey, kiosk_origin, open_checkpoint, open_cosignature,
    root_at,
};
use protocol::archive::{self, LogKind, checkpoint_path, entries_path};
use protocol::batch::{Leaf, read_leaf};
use protocol::entry::{self, Body, Entry};
use protocol::ledger::{self, KioskHead, LedgerBody, LedgerEntry, Quarantine};
use protocol::text::instant;

use super::{Opened, Run, expected_ledger, journal_keys, place};
use crate::derive::LogView;
use crate::files::{NextLine, next_line, read_whole};
use crate::report::{BracketLine, Name, Place, ScanLine};

/// How often progress is told, in entries.
const PROGRESS_EVERY: u64 = 4_096;

/// The ledger as it was read.
pub struct Book {
    /// Its number in the archive.
    pub number: usize,
    /// Its origin.
    pub origin: String,
    /// Its entries that read, by index.
    pub entries: Vec<(u64, LedgerEntry)>,
    pub(super) tree: MemoryTree,
    /// The kiosks' journals and keys, for cosignatures on heads of the ledger.
    pub(super) witnesses: BTreeMap<String, PublicKey>,
}

impl Book {
    /// The entry at an index.
    pub fn entry(&self, index: u64) -> Option<&LedgerEntry> {
        let found = self.entries.binary_search_by_key(&index, |(i, _)| *i);
        found.ok().map(|at| &self.entries[at].1)
    }

    pub(super) fn at(&self, index: u64) -> Place {
        Place {
            log: Some(self.origin.clone()),
            index: Some(index),
            path: entries_path(self.number),
            reason: String::new(),
        }
    }

    /// Whether a head is that of the ledger's first entries.
    pub(super) fn holds(&self, head: &Checkpoint) -> Result<(), String> {
        holds(&self.tree, head.size, head.root, "the ledger")
    }

    pub(super) fn leaf(&self, index: u64) -> Option<Hash> {
        self.tree
            .leaves()
            .get(usize::try_from(index).ok()?)
            .copied()
    }

    fn kiosks_of<'a>(&'a self, log: &'a str) -> impl Iterator<Item = &'a ledger::Kiosk> {
        self.entries.iter().filter_map(move |(_, e)| match &e.body {
            LedgerBody::Kiosk(kiosk) if kiosk.log == log => Some(kiosk),
            _ => None,
        })
    }

    pub(super) fn heads_of<'a>(
        &'a self,
        log: &'a str,
    ) -> impl Iterator<Item = (u64, &'a KioskHead)> {
        self.entries.iter().filter_map(move |(i, e)| match &e.body {
            LedgerBody::KioskHead(head) if head.log == log => Some((*i, head)),
            _ => None,
        })
    }

    fn quarantine_of<'a>(&'a self, log: &'a str) -> impl Iterator<Item = (u64, &'a Quarantine)> {
        self.entries.iter().filter_map(move |(i, e)| match &e.body {
            LedgerBody::Quarantine(body) if body.log == log => Some((*i, body)),
            _ => None,
        })
    }
}

/// A journal as it was read.
pub struct Journal {
    /// Its number in the archive.
    pub number: usize,
    /// How many entries were read.
    pub size: u64,
    /// What it says of its clock.
    pub view: LogView,
    /// Its scans, with what decisions do not use left out, by index.
    pub scans: Vec<(u64, Entry)>,
    /// Its hashes, where the archive has a branch of it.
    pub(super) tree: Option<MemoryTree>,
    /// The issuer's receipt on the archive's checkpoint, where it has one: what it covers, and its time in seconds.
    pub tail: Option<(u64, u64)>,
}

impl Journal {
    /// One scan with its brackets, by all that the archive knows.
    pub fn scan_line(&self, clock: &ClockHistory, index: u64, entry: &Entry) -> ScanLine {
        scan_line(self.view.origin(), clock, self.tail, index, entry)
    }

    pub(super) fn scan_lines(&self) -> Vec<ScanLine> {
        let clock = self.view.clock_at(self.size);
        let line = |(index, entry): &(u64, Entry)| self.scan_line(&clock, *index, entry);
        self.scans.iter().map(line).collect()
    }
}

/// A scan with its brackets, under the name of its log; `tail` is the receipt on the archive's checkpoint.
pub(super) fn scan_line(
    name: &str,
    clock: &ClockHistory,
    tail: Option<(u64, u64)>,
    index: u64,
    entry: &Entry,
) -> ScanLine {
    let placed = clock.place(index, &entry.stamp);
    let line = |b: Bracket| BracketLine {
        time: seconds(b.time_s),
        covers: b.covers,
        journalled_at: Some(b.journalled_at),
    };
    let tail = tail.filter(|(covers, _)| *covers > index);
    ScanLine {
        log: name.to_owned(),
        index,
        earliest: instant(placed.at.earliest),
        latest: instant(placed.at.latest),
        quality: placed.quality.to_string(),
        not_before: placed.not_before.map(line),
        not_after: placed
            .not_after
            .map(line)
            .or(tail.map(|(covers, time_s)| BracketLine {
                time: seconds(time_s),
                covers,
                journalled_at: None,
            })),
    }
}

/// Whole seconds since 1970 as an instant.
fn seconds(time_s: u64) -> String {
    let ms = i64::try_from(time_s)
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000);
    instant(UtcMs(ms))
}

pub(super) fn holds(tree: &MemoryTree, size: u64, root: Hash, what: &str) -> Result<(), String> {
    if size > tree.size() {
        return Err(format!(
            "the head is of {size} entries, {what} in the archive has {}",
            tree.size()
        ));
    }
    match root_at(size, tree) {
        Ok(found) if found == root => Ok(()),
        Ok(_) => Err(format!(
            "the first {size} entries of {what} have another root"
        )),
        Err(error) => Err(error.to_string()),
    }
}

/// Many entries repeat the same few ids; each is kept once.
#[derive(Default)]
struct Interned {
    doors: BTreeSet<DoorId>,
    readers: BTreeSet<ReaderId>,
    rooms: BTreeSet<RoomId>,
    boots: BTreeSet<attendance::time::BootId>,
}

fn once<T: Ord + Clone>(set: &mut BTreeSet<T>, value: T) -> T {
    match set.get(&value) {
        Some(kept) => kept.clone(),
        None => {
            set.insert(value.clone());
            value
        }
    }
}

impl Interned {
    /// A scan without what decisions do not use.
    fn pruned(&mut self, mut entry: Entry) -> Entry {
        entry.stamp.boot = once(&mut self.boots, entry.stamp.boot);
        if let Body::Scan(scan) = &mut entry.body {
            scan.provisional = Vec::new();
            scan.prior = None;
            scan.symbology = None;
            scan.attendee = None;
            scan.door = once(&mut self.doors, scan.door.clone());
            scan.reader = once(&mut self.readers, scan.reader.clone());
            for room in &mut scan.rooms {
                *room = once(&mut self.rooms, room.clone());
            }
        }
        entry
    }
}

/// What one journal's pass collects beside findings.
pub(super) struct Pass {
    pub(super) view: LogView,
    pub(super) scans: Vec<(u64, Entry)>,
    interned: Interned,
    unreadable: BTreeMap<u64, &'static str>,
    damaged: BTreeSet<u64>,
}

impl Pass {
    /// Whether an entry reads, and yet its word on time is not believed.
    fn disbelieves(&self, index: u64) -> bool {
        let mut refused = self.view.disbelieved().iter();
        refused.any(|refused| refused.index == index)
    }

    pub(super) fn new(view: LogView) -> Self {
        Self {
            view,
            scans: Vec::new(),
            interned: Interned::default(),
            unreadable: BTreeMap::new(),
            damaged: BTreeSet::new(),
        }
    }
}

/// Whose log a pass is over.
#[derive(Clone, Copy)]
pub(super) struct Whose<'a> {
    pub(super) number: usize,
    pub(super) log: &'a archive::Log,
    /// The doors it was enrolled at, where the ledger says.
    pub(super) doors: Option<&'a BTreeSet<DoorId>>,
}

impl Run<'_> {
    /// Reads a log's lines after those in `tree`: each with its index, its leaf and the tree of the entries before it.
    pub(super) fn lines(
        &mut self,
        number: usize,
        log: &archive::Log,
        mut tree: MemoryTree,
        mut on_line: impl FnMut(&mut Self, u64, Leaf<'_>, &MemoryTree),
    ) -> MemoryTree {
        let path = entries_path(number);
        let fail = |run: &mut Self, index: u64, reason: String| {
            let place = Place {
                log: Some(log.origin.clone()),
                index: Some(index),
                path: path.clone(),
                reason,
            };
            run.findings.fail(Name::Logs, place);
        };
        let mut reader = match self.files.open(&path) {
            Ok(Some(reader)) => reader,
            Ok(None) => {
                fail(self, 0, "the file is not in the archive".into());
                return tree;
            }
            Err(error) => {
                fail(self, 0, format!("the file could not be read: {error}"));
                return tree;
            }
        };
        let mut line = Vec::new();
        loop {
            let index = tree.size();
            match next_line(&mut *reader, &mut line) {
                Ok(NextLine::Line) => {}
                Ok(NextLine::End) => break,
                Ok(NextLine::Malformed) => {
                    fail(self, index, "the line is too long, or was cut".into());
                    break;
                }
                Err(error) => {
                    fail(self, index, format!("reading failed: {error}"));
                    break;
                }
            }
            if index == log.size {
                fail(
                    self,
                    index,
                    format!("more entries than the {} described", log.size),
                );
                break;
            }
            let leaf = read_leaf(&line);
            on_line(self, index, leaf, &tree);
            tree.append(leaf.hash());
            self.entries += 1;
            if self.entries.is_multiple_of(PROGRESS_EVERY) {
                (self.progress)(self.entries);
            }
        }
        tree
    }

    /// The log's own signature over all of its entries. Gives the checkpoint's text where it holds.
    pub(super) fn checkpoint(
        &mut self,
        number: usize,
        log: &archive::Log,
        key: &PublicKey,
        tree: &MemoryTree,
    ) -> Option<String> {
        let path = checkpoint_path(number);
        let opened = read_whole(self.files, &path)
            .map_err(|e| e.to_string())
            .and_then(|bytes| String::from_utf8(bytes).map_err(|e| e.to_string()))
            .and_then(|note| match open_checkpoint(&note, &log.origin, key) {
                Ok(head) if head.size != log.size => Err(format!(
                    "the checkpoint is of {} entries, the archive describes {}",
                    head.size, log.size
                )),
                Ok(head) if head.size != tree.size() => Err(format!(
                    "the checkpoint is of {} entries, {} were read",
                    head.size,
                    tree.size()
                )),
                Ok(head) if head.root != tree.root() => Err(
                    "the entries do not hash to the checkpoint: one was changed, dropped or moved"
                        .into(),
                ),
                Ok(_) => Ok(note),
                Err(error) => Err(error.to_string()),
            });
        let place = Place {
            log: Some(log.origin.clone()),
            ..place(&path)
        };
        let (note, result) = match opened {
            Ok(note) => (Some(note), Ok(())),
            Err(reason) => (None, Err(reason)),
        };
        self.findings.take(Name::Logs, place, result);
        note
    }

    /// Further signatures on a log's checkpoint. Gives the times of those that verify, by name.
    fn cosignatures(
        &mut self,
        number: usize,
        log: &archive::Log,
        note: &str,
        known: &BTreeMap<String, PublicKey>,
    ) -> BTreeMap<String, u64> {
        let path = checkpoint_path(number);
        let mut times = BTreeMap::new();
        let mut own = 0;
        for name in signers(note) {
            if name == log.origin {
                own += 1;
                if own == 1 {
                    continue;
                }
            }
            let place = Place {
                log: Some(log.origin.clone()),
                ..place(&path)
            };
            match known.get(name) {
                Some(key) => {
                    let opened = open_cosignature(note, name, key).map_err(|e| e.to_string());
                    if let Ok(time_s) = &opened {
                        times.insert(name.to_owned(), *time_s);
                    }
                    self.findings
                        .take(Name::Cosignatures, place, opened.map(|_| ()));
                }
                None => self.findings.gap(
                    Name::Cosignatures,
                    format!("{path}: the key of {name:?} is not known here"),
                ),
            }
        }
        times
    }

    pub(super) fn ledger(&mut self, opened: &mut Opened<'_>) {
        let logs = &opened.archive.logs;
        let Some(number) = logs.iter().position(|l| l.kind == LogKind::Ledger) else {
            self.findings.gap(
                Name::Ledger,
                "the archive has no ledger: it is a kiosk's own export",
            );
            return;
        };
        let log = logs[number].clone();
        let mut entries = Vec::new();
        let at = |index, reason| Place {
            log: Some(log.origin.clone()),
            index: Some(index),
            path: entries_path(number),
            reason,
        };
        let tree = self.lines(number, &log, MemoryTree::new(), |run, index, leaf, _| {
            let read = match leaf {
                Leaf::Entry(bytes) => ledger::parse(bytes).map_err(|e| e.to_string()),
                Leaf::Damaged(_) => Err("the entry's bytes are missing".to_owned()),
            };
            match read {
                Ok(entry) => {
                    run.findings.ok(Name::Ledger);
                    entries.push((index, entry));
                }
                Err(reason) => run.findings.fail(Name::Ledger, at(index, reason)),
            }
        });
        let identity = match expected_ledger(&opened.archive) {
            Ok(origin) if origin != log.origin => Err(format!("this event's ledger is {origin}")),
            Ok(_) if log.key != opened.issuer_key => {
                Err("the ledger's key is not the issuer's".to_owned())
            }
            Ok(_) if log.kiosk.is_some() || log.door.is_some() => {
                Err("the description names a kiosk or a door for the ledger".to_owned())
            }
            Ok(_) => Ok(()),
            Err(reason) => Err(reason),
        };
        self.findings
            .take(Name::Ledger, place(archive::ARCHIVE_PATH), identity);
        let begins = begins(opened, &entries);
        self.findings
            .take(Name::Ledger, at(0, String::new()), begins);
        let kiosks = entries.iter().filter_map(|(_, e)| match &e.body {
            LedgerBody::Kiosk(kiosk) => Some((kiosk.log.clone(), kiosk.public_key)),
            _ => None,
        });
        let book = Book {
            witnesses: kiosks.collect(),
            number,
            origin: log.origin.clone(),
            entries,
            tree,
        };
        let note = self.checkpoint(number, &log, &opened.issuer_key, &book.tree);
        if let Some(note) = note {
            self.cosignatures(number, &log, &note, &book.witnesses);
        }
        opened.book = Some(book);
    }

    pub(super) fn journal(&mut self, opened: &mut Opened<'_>, number: usize, log: &archive::Log) {
        let keys = journal_keys(opened, log);
        let doors = self.enrolment(opened, log);
        let mut pass = Pass::new(LogView::new(keys));
        let whose = Whose {
            number,
            log,
            doors: doors.as_ref(),
        };
        let tree = self.lines(
            number,
            log,
            MemoryTree::new(),
            |run, index, leaf, before| {
                run.entry(opened, whose, &mut pass, index, leaf, before);
            },
        );
        let mut tail = None;
        if let Some(note) = self.checkpoint(number, log, &log.key, &tree) {
            let issuer = opened.archive.issuer.as_str();
            let known = BTreeMap::from([(issuer.to_owned(), opened.issuer_key)]);
            let times = self.cosignatures(number, log, &note, &known);
            tail = times.get(issuer).map(|time_s| (tree.size(), *time_s));
        }
        let clock = pass.view.clock_at(tree.size());
        for index in clock.contradictions() {
            self.findings.note(format!(
                "{} from entry {index} on: the time exchanges cannot all be true",
                log.origin
            ));
        }
        for index in clock.late_codes() {
            self.findings.note(format!(
                "{} from entry {index} on: a time code was scanned later than it may be, so none there bounds a scan from above",
                log.origin
            ));
        }
        if let Some(book) = &opened.book {
            self.kiosk_heads(book, log, number, &tree);
            self.quarantine(book, log, number, &tree, &pass);
        }
        let branches = |l: &archive::Log| l.kind == LogKind::Branch && l.origin == log.origin;
        let size = tree.size();
        opened.journals.push(Journal {
            number,
            size,
            tree: opened.archive.logs.iter().any(branches).then_some(tree),
            view: pass.view,
            scans: pass.scans,
            tail,
        });
    }

    /// What one entry of a journal, or of a branch, says; `before` are the entries below it.
    pub(super) fn entry(
        &mut self,
        opened: &Opened<'_>,
        Whose { number, log, doors }: Whose<'_>,
        pass: &mut Pass,
        index: u64,
        leaf: Leaf<'_>,
        before: &MemoryTree,
    ) {
        let bytes = match leaf {
            Leaf::Entry(bytes) => bytes,
            Leaf::Damaged(_) => {
                let gap = format!("{} entry {index}: its bytes are damaged", log.origin);
                self.findings.gap(Name::Logs, gap);
                pass.damaged.insert(index);
                return;
            }
        };
        let entry = match entry::parse(bytes) {
            Ok(entry) => entry,
            Err(error) => {
                pass.unreadable.insert(index, error.code());
                return;
            }
        };
        let at = || Place {
            log: Some(log.origin.clone()),
            index: Some(index),
            path: entries_path(number),
            reason: String::new(),
        };
        let disbelieved = pass.view.disbelieved().len();
        pass.view.take(index, &entry);
        let believed = match pass.view.disbelieved().get(disbelieved) {
            None => Ok(()),
            Some(why) => Err(why.reason.clone()),
        };
        match &entry.body {
            Body::Clock(_) | Body::TimeCode(_) => {
                self.findings.take(Name::Clocks, at(), believed);
            }
            Body::Receipt(note) => {
                let held = believed.and_then(|()| covers_a_prefix(&note.note, before));
                self.findings.take(Name::Receipts, at(), held);
            }
            Body::LedgerHead(note) => {
                let head = expected_ledger(&opened.archive).and_then(|origin| {
                    let head = open_checkpoint(&note.note, &origin, &opened.issuer_key)
                        .map_err(|e| e.to_string())?;
                    open_cosignature(&note.note, &log.origin, &log.key)
                        .map_err(|e| e.to_string())?;
                    Ok(head)
                });
                self.ledger_head(opened, at(), head);
            }
            Body::Scan(scan) => {
                if let Some(doors) = doors {
                    let enrolled = if doors.contains(&scan.door) {
                        Ok(())
                    } else {
                        Err(format!("the scan names the door {}", scan.door))
                    };
                    self.findings.take(Name::Doors, at(), enrolled);
                }
                pass.scans.push((index, pass.interned.pruned(entry)));
            }
            Body::Boot(_) | Body::Adopt(_) | Body::Staff(_) | Body::Reader(_) | Body::Note(_) => {}
        }
    }

    fn ledger_head(&mut self, opened: &Opened<'_>, at: Place, head: Result<Checkpoint, String>) {
        match (head, &opened.book) {
            (Ok(_), None) => self.findings.gap(
                Name::LedgerHeads,
                "the archive has no ledger to hold the witnessed heads against",
            ),
            (Ok(head), Some(book)) => {
                let held = book.holds(&head);
                self.findings.take(Name::LedgerHeads, at, held);
            }
            (Err(reason), _) => self.findings.take(Name::LedgerHeads, at, Err(reason)),
        }
    }

    /// Whose journal it is, by its origin and by the ledger. Gives the doors it was enrolled at.
    pub(super) fn enrolment(
        &mut self,
        opened: &Opened<'_>,
        log: &archive::Log,
    ) -> Option<BTreeSet<DoorId>> {
        let at = || Place {
            log: Some(log.origin.clone()),
            ..place(archive::ARCHIVE_PATH)
        };
        let Some(kiosk) = &log.kiosk else {
            let missing = Err("the description names no kiosk for this journal".to_owned());
            self.findings.take(Name::Enrolment, at(), missing);
            return None;
        };
        let own = match kiosk_origin(&opened.archive.issuer, kiosk.as_str(), &log.key) {
            Ok(origin) if origin == log.origin => Ok(()),
            Ok(origin) => Err(format!("a journal of this kiosk and key is {origin}")),
            Err(error) => Err(error.to_string()),
        };
        self.findings.take(Name::Enrolment, at(), own);
        let Some(book) = &opened.book else {
            self.findings.gap(
                Name::Enrolment,
                "the archive has no ledger to say which kiosks were enrolled",
            );
            return None;
        };
        let enrolled: Vec<_> = book.kiosks_of(&log.origin).collect();
        let doors: BTreeSet<DoorId> = enrolled.iter().map(|k| k.door.clone()).collect();
        let named = if enrolled.is_empty() {
            Err("the ledger never enrolled this journal".to_owned())
        } else if enrolled.iter().any(|k| k.public_key != log.key) {
            Err("the ledger enrolled this journal under another key".to_owned())
        } else if enrolled.iter().any(|k| k.kiosk != *kiosk) {
            Err("the ledger enrolled this journal for another kiosk".to_owned())
        } else if log.door.as_ref().is_none_or(|d| !doors.contains(d)) {
            Err("the ledger enrolled this journal at another door".to_owned())
        } else {
            Ok(())
        };
        self.findings.take(Name::Enrolment, at(), named);
        Some(doors)
    }

    fn kiosk_heads(&mut self, book: &Book, log: &archive::Log, number: usize, tree: &MemoryTree) {
        let mut before = 0;
        for (index, head) in book.heads_of(&log.origin) {
            let held = if head.from != before || head.size < head.from {
                Err(format!(
                    "the batch goes from {} to {} entries, {before} were held",
                    head.from, head.size
                ))
            } else {
                let what = format!("the journal logs/{number}");
                holds(tree, head.size, head.root, &what)
            };
            before = head.size;
            self.findings.take(Name::KioskHeads, book.at(index), held);
        }
    }

    pub(super) fn heads_of_missing_journals(&mut self, opened: &Opened<'_>) {
        let Some(book) = &opened.book else {
            self.findings.gap(
                Name::KioskHeads,
                "the archive has no ledger to say what was accepted",
            );
            return;
        };
        let mut missing = BTreeSet::new();
        for (_, entry) in &book.entries {
            if let LedgerBody::KioskHead(head) = &entry.body
                && opened.journal(&head.log).is_none()
                && missing.insert(&head.log)
            {
                self.findings.gap(
                    Name::KioskHeads,
                    format!("the journal {} is not in the archive", head.log),
                );
            }
        }
    }

    fn quarantine(
        &mut self,
        book: &Book,
        log: &archive::Log,
        number: usize,
        tree: &MemoryTree,
        pass: &Pass,
    ) {
        let accepted = book.heads_of(&log.origin).map(|(_, h)| h.size).max();
        let accepted = accepted.unwrap_or(0);
        let mut named = BTreeSet::new();
        for (index, body) in book.quarantine_of(&log.origin) {
            let leaf = usize::try_from(body.index).ok();
            let leaf = leaf.and_then(|i| tree.leaves().get(i));
            let held = if leaf != Some(&body.leaf) {
                Err(format!("entry {} has another leaf hash", body.index))
            } else if pass.unreadable.contains_key(&body.index)
                || pass.damaged.contains(&body.index)
                || pass.disbelieves(body.index)
            {
                if body.index < accepted {
                    Ok(())
                } else {
                    Err(format!("entry {} was never accepted", body.index))
                }
            } else {
                Err(format!("entry {} reads, yet it is quarantined", body.index))
            };
            named.insert(body.index);
            self.findings.take(Name::Quarantine, book.at(index), held);
        }
        for (index, code) in pass.unreadable.range(..accepted) {
            if !named.contains(index) {
                let place = Place {
                    log: Some(log.origin.clone()),
                    index: Some(*index),
                    path: entries_path(number),
                    reason: format!("the entry does not read ({code}), and is not quarantined"),
                };
                self.findings.fail(Name::Quarantine, place);
            }
        }
    }
}

fn begins(opened: &Opened<'_>, entries: &[(u64, LedgerEntry)]) -> Result<(), String> {
    let archive = &opened.archive;
    let Some((0, entry)) = entries.first() else {
        return Err("entry 0 of the ledger does not read".to_owned());
    };
    let LedgerBody::Event(event) = &entry.body else {
        return Err(format!("entry 0 is of kind {}", entry.body.kind()));
    };
    if event.event != archive.event || event.issuer != archive.issuer {
        return Err("entry 0 is of another event or issuer than the archive".to_owned());
    }
    if event.issuer_key != opened.issuer_key {
        return Err("entry 0 names another issuer key".to_owned());
    }
    let again = entries[1..]
        .iter()
        .find(|(_, e)| matches!(e.body, LedgerBody::Event(_)));
    match again {
        Some((index, _)) => Err(format!("entry {index} begins the event again")),
        None => Ok(()),
    }
}

/// The names under which a note is signed, line by line.
pub(super) fn signers(note: &str) -> impl Iterator<Item = &str> {
    let lines = note.rfind("\n\n").map_or("", |end| &note[end + 2..]);
    lines
        .lines()
        .filter_map(|line| line.strip_prefix("\u{2014} ")?.split(' ').next())
}

/// Whether a receipt's head is that of the entries before it.
fn covers_a_prefix(note: &str, before: &MemoryTree) -> Result<(), String> {
    let end = note.rfind("\n\n").ok_or("the receipt is no note")?;
    let head = Checkpoint::from_text(&note[..=end]).map_err(|e| e.to_string())?;
    holds(before, head.size, head.root, "the journal")
}
