//! An event as an evidence bundle: one tar file, in the format of [`protocol::archive`], for an auditor.
//!
//! Promises:
//! - It is one state of the event: no batch was taken between the ledger's head and the journals' heads that stand in it, though the
//!   service may go on taking them. Logs only grow, so their entries up to those heads are read afterwards, at leisure.
//! - It appears under its name whole, or not at all: it is written beside, synced, and renamed.
//! - Memory holds one page of entries and one object at a time.
//!
//! Whoever holds it reads names: payloads and PDFs of certificates are in it, opened. What was erased is left out and counted. A kiosk
//! that has delivered nothing has no log yet and is left out too; so are branches that a forked log was refused for.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use attendance::UtcMs;
use attendance::words::{EventId, KioskId};
use evidence::{Checkpoint, Hash, NoteError, cosign, sign_checkpoint};
use protocol::archive::{
    ARCHIVE_PATH, Archive, FORMAT, Log, LogKind, checkpoint_path, entries_path, object_path,
};
use protocol::batch::damaged_line;
use protocol::decision::Basis;
use protocol::ledger::{self, LedgerBody};

use crate::certificates::issue::{IssueError, open_private};
use crate::decisions::admitted_branches;
use crate::keys::Keys;
use crate::store::batches::HeadFacts;
use crate::store::branches::CaseFacts;
use crate::store::enrolment::KioskFacts;
use crate::store::events::{EventFacts, LedgerHead, LogEntry, MAX_PAGE, Witness};
use crate::store::{ObjectError, ObjectStore, Store, StoreError};

/// How often the heads are read again because batches came in between.
const MAX_TRIES: usize = 100;
/// The file holds names, so it is for whoever made it.
const OUT_MODE: u32 = 0o600;
/// Files inside an archive are for everybody who holds it.
const FILE_MODE: u32 = 0o644;

/// Why there is no export. Nothing stands under its name.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object store.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// A private file could not be opened.
    #[error(transparent)]
    Private(#[from] IssueError),
    /// The file cannot be written.
    #[error("{}: {cause}; choose another place with --out", path.display())]
    Out {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Something is there already.
    #[error("{} is there already, and an export replaces nothing: choose another name with --out", .0.display())]
    Exists(PathBuf),
    /// Batches came faster than heads could be read.
    #[error(
        "the kiosks deliver faster than one state of the event can be read: try again in a quieter minute"
    )]
    Busy,
    /// What is held contradicts itself.
    #[error("{0}: restore the newest backup, and keep this one for the auditor")]
    Damaged(String),
}

impl From<NoteError> for ExportError {
    fn from(error: NoteError) -> Self {
        Self::Damaged(format!("a head cannot be signed: {error}"))
    }
}

/// Where an export comes from.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// The database.
    pub store: &'a dyn Store,
    /// The object store.
    pub objects: &'a dyn ObjectStore,
    /// The issuer's keys.
    pub keys: &'a Keys,
    /// The issuer's name.
    pub issuer: &'a str,
    /// Program and version.
    pub software: &'a str,
}

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Journals in it.
    pub journals: usize,
    /// Admitted branches in it.
    pub branches: usize,
    /// Entries of all logs, the ledger's too.
    pub entries: u64,
    /// Objects in it.
    pub objects: usize,
    /// Certificates' files that are left out because their attendee was erased.
    pub erased: usize,
    /// Cosignatures on the ledger's head.
    pub cosignatures: usize,
}

/// One state of the event's logs.
struct Heads {
    ledger: LedgerHead,
    journals: Vec<(KioskFacts, HeadFacts)>,
    /// The branches that were admitted, each as far as it was.
    branches: Vec<CaseFacts>,
}

/// Writes an event's evidence bundle to `out`, which must not exist.
///
/// # Errors
/// See [`ExportError`].
pub fn export(
    origin: Origin<'_>,
    event: &EventId,
    out: &Path,
    now: UtcMs,
) -> Result<Exported, ExportError> {
    let facts = origin.store.event(event)?;
    if out.symlink_metadata().is_ok() {
        return Err(ExportError::Exists(out.to_owned()));
    }
    let heads = heads(origin.store, event)?;
    let beside = beside(out);
    let no_out = |cause| ExportError::Out {
        path: out.to_owned(),
        cause,
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(OUT_MODE)
        .open(&beside)
        .map_err(no_out)?;
    let written =
        Packing::new(origin, &facts, &heads, file, out).and_then(|packing| packing.all(now));
    let finished = written.and_then(|exported| {
        fs::rename(&beside, out).map_err(no_out)?;
        Ok(exported)
    });
    if finished.is_err() {
        // The failure is what counts; a file left beside is overwritten by the next try.
        let _ = fs::remove_file(&beside);
    }
    finished
}

/// The name under which the file is written until it is whole.
fn beside(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    out.with_file_name(name)
}

/// The heads of one state of the event.
fn heads(store: &dyn Store, event: &EventId) -> Result<Heads, ExportError> {
    let journals = || {
        let mut journals = Vec::new();
        for kiosk in store.kiosks(event)? {
            if let Some(head) = store.head(&kiosk.kiosk)? {
                journals.push((kiosk, head));
            }
        }
        Ok((journals, admitted_branches(store.cases(event)?)))
    };
    let (ledger, (journals, branches)) = while_still(|| store.ledger_head(event), journals)?;
    Ok(Heads {
        ledger,
        journals,
        branches,
    })
}

/// Reads until the ledger's head was the same before and after: each batch that is taken makes the ledger grow.
fn while_still<H: PartialEq, T>(
    mut head: impl FnMut() -> Result<H, StoreError>,
    mut read: impl FnMut() -> Result<T, StoreError>,
) -> Result<(H, T), ExportError> {
    for _ in 0..MAX_TRIES {
        let before = head()?;
        let found = read()?;
        if head()? == before {
            return Ok((before, found));
        }
    }
    Err(ExportError::Busy)
}

/// A tar file under construction.
struct Packing<'a> {
    origin: Origin<'a>,
    event: &'a EventFacts,
    heads: &'a Heads,
    out: &'a Path,
    tar: tar::Builder<BufWriter<File>>,
    exported: Exported,
}

impl<'a> Packing<'a> {
    fn new(
        origin: Origin<'a>,
        event: &'a EventFacts,
        heads: &'a Heads,
        file: File,
        out: &'a Path,
    ) -> Result<Self, ExportError> {
        Ok(Self {
            origin,
            event,
            heads,
            out,
            tar: tar::Builder::new(BufWriter::new(file)),
            exported: Exported::default(),
        })
    }

    fn no_out(&self, cause: io::Error) -> ExportError {
        ExportError::Out {
            path: self.out.to_owned(),
            cause,
        }
    }

    fn all(mut self, now: UtcMs) -> Result<Exported, ExportError> {
        let described = serde_json::to_vec_pretty(&self.description(now))
            .map_err(|e| ExportError::Damaged(format!("the description cannot be written: {e}")))?;
        self.file(ARCHIVE_PATH, &described)?;
        let checkpoint = self.ledger_checkpoint()?;
        self.file(&checkpoint_path(0), checkpoint.as_bytes())?;
        let (store, event, heads) = (self.origin.store, &self.event.id, self.heads);
        let mut named = Named::default();
        self.entries(
            0,
            heads.ledger.size,
            |from, limit| store.ledger_entries(event, from, limit),
            |entry| named.note(entry),
        )?;
        for (place, (kiosk, head)) in heads.journals.iter().enumerate() {
            let receipt = cosign(
                &head.note,
                self.origin.issuer,
                &self.origin.keys.signing,
                head.receipt_s,
            )?;
            self.file(&checkpoint_path(place + 1), receipt.as_bytes())?;
            let id: &KioskId = &kiosk.kiosk;
            self.entries(
                place + 1,
                head.size,
                |from, limit| store.entries(id, from, limit),
                |_| Ok(()),
            )?;
        }
        let before = heads.journals.len() + 1;
        for (place, case) in (before..).zip(&heads.branches) {
            let damaged = || ExportError::Damaged(format!("the case {} has no branch", case.id));
            let note = case.note.as_deref().ok_or_else(damaged)?;
            self.file(&checkpoint_path(place), note.as_bytes())?;
            let branch = case.branch.ok_or_else(damaged)?;
            self.entries_from(
                place,
                case.base..case.size,
                |from, limit| store.branch_entries(branch, from, limit),
                |_| Ok(()),
            )?;
        }
        self.exported.journals = heads.journals.len();
        self.exported.branches = heads.branches.len();
        self.objects(named)?;
        let out = self.out.to_owned();
        let no_out = |cause| ExportError::Out {
            path: out.clone(),
            cause,
        };
        let file = self.tar.into_inner().map_err(no_out)?;
        file.into_inner()
            .map_err(|e| no_out(e.into_error()))?
            .sync_all()
            .map_err(no_out)?;
        Ok(self.exported)
    }

    fn description(&self, now: UtcMs) -> Archive {
        let issuer_key = self.origin.keys.signing.public_key();
        let ledger = Log {
            kind: LogKind::Ledger,
            origin: self.heads.ledger.origin.clone(),
            key: issuer_key,
            kiosk: None,
            door: None,
            size: self.heads.ledger.size,
            base: None,
        };
        let journals = self.heads.journals.iter().map(|(kiosk, head)| Log {
            kind: LogKind::Journal,
            origin: kiosk.origin.clone(),
            key: kiosk.public_key,
            kiosk: Some(kiosk.kiosk.clone()),
            door: Some(kiosk.door.clone()),
            size: head.size,
            base: None,
        });
        let branches = self.heads.branches.iter().map(|case| Log {
            kind: LogKind::Branch,
            origin: case.origin.clone(),
            key: case.public_key,
            kiosk: Some(case.kiosk.clone()),
            door: Some(case.door.clone()),
            size: case.size,
            base: Some(case.base),
        });
        Archive {
            format: FORMAT.to_owned(),
            made: now,
            software: self.origin.software.to_owned(),
            event: self.event.id.clone(),
            issuer: self.origin.issuer.to_owned(),
            issuer_key,
            logs: std::iter::once(ledger)
                .chain(journals)
                .chain(branches)
                .collect(),
        }
    }

    /// The ledger's head, freshly signed, with the kiosks' cosignatures on a head of that size.
    fn ledger_checkpoint(&mut self) -> Result<String, ExportError> {
        let LedgerHead { origin, size, root } = &self.heads.ledger;
        let head = Checkpoint::new(origin, *size, *root).map_err(|e| {
            ExportError::Damaged(format!("the ledger's head is no checkpoint: {e}"))
        })?;
        let mut note = sign_checkpoint(&head, &self.origin.keys.signing);
        let witnesses = self.origin.store.witnesses(&self.event.id, *size)?;
        for witness in witnesses.iter().filter(|w| w.size == *size) {
            if let Some(line) = cosignature(witness) {
                note.push_str(line);
                note.push('\n');
                self.exported.cosignatures += 1;
            }
        }
        Ok(note)
    }

    fn header() -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(FILE_MODE);
        header.set_mtime(0);
        header
    }

    fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let mut header = Self::header();
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        header.set_cksum();
        self.tar
            .append_data(&mut header, path, bytes)
            .map_err(|e| self.no_out(e))
    }

    /// Writes the first `size` entries of a log, and shows each to `see`.
    fn entries(
        &mut self,
        log: usize,
        size: u64,
        page: impl Fn(u64, usize) -> Result<Vec<LogEntry>, StoreError>,
        see: impl FnMut(&LogEntry) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        self.entries_from(log, 0..size, page, see)
    }

    /// Writes the entries of a range of a log, and shows each to `see`.
    fn entries_from(
        &mut self,
        log: usize,
        range: std::ops::Range<u64>,
        page: impl Fn(u64, usize) -> Result<Vec<LogEntry>, StoreError>,
        mut see: impl FnMut(&LogEntry) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let size = range.end;
        let out = self.out.to_owned();
        let no_out = |cause| ExportError::Out {
            path: out.clone(),
            cause,
        };
        let mut header = Self::header();
        let mut writer = self
            .tar
            .append_writer(&mut header, entries_path(log))
            .map_err(no_out)?;
        let mut next = range.start;
        while next < size {
            let entries = page(next, MAX_PAGE)?;
            for entry in entries.iter().filter(|entry| entry.index < size) {
                if entry.index != next {
                    break;
                }
                see(entry)?;
                write_line(&mut writer, entry).map_err(no_out)?;
                next += 1;
            }
            let has_gap = entries.first().is_none_or(|first| first.index >= next);
            if has_gap {
                return Err(ExportError::Damaged(format!(
                    "entry {next} of log {log} is missing in the database"
                )));
            }
        }
        writer.finish().map_err(no_out)?;
        self.exported.entries += size - range.start;
        Ok(())
    }

    /// Writes what the ledger names.
    fn objects(&mut self, named: Named) -> Result<(), ExportError> {
        let mut public = named.public;
        for basis in &named.bases {
            let bytes = self.object(*basis)?;
            let parsed: Basis = serde_json::from_slice(&bytes).map_err(|e| {
                ExportError::Damaged(format!("the basis {basis} does not read: {e}"))
            })?;
            for hash in [&parsed.agenda, &parsed.registrations, &parsed.rules] {
                let hash = Hash::from_hex(hash)
                    .map_err(|e| ExportError::Damaged(format!("the basis {basis}: {e}")))?;
                public.insert(hash);
            }
        }
        public.extend(named.bases);
        for hash in public {
            let bytes = self.object(hash)?;
            self.file(&object_path(hash), &bytes)?;
            self.exported.objects += 1;
        }
        for hash in named.private {
            match open_private(self.origin.store, self.origin.keys, &self.event.id, hash)? {
                Some(bytes) => {
                    self.file(&object_path(hash), &bytes)?;
                    self.exported.objects += 1;
                }
                None => self.exported.erased += 1,
            }
        }
        Ok(())
    }

    fn object(&self, hash: Hash) -> Result<Vec<u8>, ExportError> {
        let held = self.origin.objects.get(hash)?;
        held.ok_or_else(|| {
            ExportError::Damaged(format!(
                "the object {hash}, which the ledger names, is not in the object store"
            ))
        })
    }
}

fn write_line(writer: &mut impl Write, entry: &LogEntry) -> io::Result<()> {
    match &entry.bytes {
        Some(bytes) => writer.write_all(bytes)?,
        None => writer.write_all(damaged_line(entry.leaf).as_bytes())?,
    }
    writer.write_all(b"\n")
}

/// A witness's own line of its note.
fn cosignature(witness: &Witness) -> Option<&str> {
    let own = format!("\u{2014} {} ", witness.origin);
    witness.note.lines().find(|line| line.starts_with(&own))
}

/// The objects that a ledger names.
#[derive(Default)]
struct Named {
    public: BTreeSet<Hash>,
    bases: BTreeSet<Hash>,
    private: BTreeSet<Hash>,
}

impl Named {
    fn note(&mut self, entry: &LogEntry) -> Result<(), ExportError> {
        let unread = |why: String| {
            ExportError::Damaged(format!("entry {} of the ledger {why}", entry.index))
        };
        let bytes = entry
            .bytes
            .as_deref()
            .ok_or_else(|| unread("has no bytes".to_owned()))?;
        let parsed = ledger::parse(bytes).map_err(|e| unread(format!("does not read: {e}")))?;
        match parsed.body {
            LedgerBody::Import(import) => {
                self.public.insert(import.object);
            }
            LedgerBody::Signals(signals) => {
                self.public.insert(signals.object);
            }
            LedgerBody::Rules(rules) => {
                self.public.extend([rules.rules, rules.agenda]);
            }
            LedgerBody::Decision(decision) => {
                self.public.insert(decision.decision);
                self.bases.insert(decision.basis);
            }
            LedgerBody::Certificate(certificate) => {
                self.private.extend([certificate.payload, certificate.pdf]);
            }
            LedgerBody::Event(_)
            | LedgerBody::Door(_)
            | LedgerBody::Kiosk(_)
            | LedgerBody::Retirement(_)
            | LedgerBody::DoorLost(_)
            | LedgerBody::KioskHead(_)
            | LedgerBody::Quarantine(_)
            | LedgerBody::Case(_)
            | LedgerBody::Recovery(_)
            | LedgerBody::Retraction(_)
            | LedgerBody::Sign(_)
            | LedgerBody::Erasure(_)
            | LedgerBody::Revocation(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
