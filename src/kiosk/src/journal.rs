//! The journal: entries as exact bytes in an append-only Merkle log, in one SQLite file.
//!
//! Promises: when [`Journal::append`] returns, the entries are on stable storage, all of them and in order; when it fails, the handle is
//! spent, and only opening the journal again says what survived. A head is persisted before it is signed, and no two heads are ever signed
//! that disagree. The floor of time moves only by what the issuer signed. What is provably damaged is refused or, where only an entry's own
//! bytes are hurt, kept as its leaf and counted; nothing is ever deleted.
//!
//! Format: `journal.sqlite` in the data folder, WAL, `synchronous=FULL`, held exclusively; `application_id` and `user_version` name it.
//! The tables stand in [`schema`]. Beside it, `lock` is held by `flock` for as long as a program uses the folder.
//!
//! Opening and appending check the same thing: the frontier is what the leaves since a known point come to. So a journal that was cut off
//! at any moment opens like one that was closed.
//!
//! Beside the entries lie their traces, in [chunks](traces) that spare a start most of the entries.
//!
//! Limits: one log at a time; those before it are sealed, each on proof that another log exists under its key ([`seal`]). An entry has at most [`protocol::entry::MAX_ENTRY_BYTES`].

mod disk;
mod enrolment;
mod error;
mod folder;
mod outgoing;
mod prepared;
mod schema;
mod seal;
mod traces;
mod verify;

#[cfg(test)]
mod seal_tests;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use attendance::UtcMs;
use evidence::{Frontier, Hash, SigningKey, leaf_hash};
use protocol::entry::MAX_ENTRY_BYTES;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::door::Chunk;

pub use disk::{Disk, Fault, Step};
pub use enrolment::Enrolment;
pub use error::JournalError;
pub use folder::Folder;
pub use prepared::{OwnedLeaf, Prepared};
pub use seal::{SEALED_BATCH_ENTRIES, SealedBatch, SealedLog};
pub use traces::Replay;
use traces::TraceTip;
#[cfg(test)]
pub(crate) use traces::kept_in as kept_traces;
pub use verify::Verified;

/// After how many entries the point moves from which opening recomputes the frontier.
const BASE_EVERY: u64 = 1_024;
/// Pages waiting in the write-ahead log from which on an idle journal moves them into the database.
const IDLE_CHECKPOINT_PAGES: i64 = 256;
/// Pages of the write-ahead log's file that stay when all of them were moved. Writing over them costs a commit less than growing the file.
const KEPT_PAGES: u64 = 1_024;
/// Pages in the write-ahead log from which on a commit moves them into the database, idle or not.
const FORCED_CHECKPOINT_PAGES: i64 = 8_192;

/// An open journal. Spent after its first error of [`JournalError::is_fatal`].
pub struct Journal {
    db: Connection,
    folder: Arc<Folder>,
    disk: Disk,
    key: SigningKey,
    enrolment: Option<Enrolment>,
    /// Of the whole log.
    frontier: Frontier,
    /// At the last multiple of [`BASE_EVERY`].
    base: Frontier,
    /// Of what has a receipt.
    receipted: Frontier,
    receipted_at_s: Option<u64>,
    ledger: Option<HeldHead>,
    bundle: Option<HeldBundle>,
    floor: UtcMs,
    damaged: u64,
    sealed: Vec<SealedLog>,
    /// Whether the issuer does not know this log yet.
    awaits: bool,
    /// The newest kept chunk of traces; unknown before they were read.
    trace_tip: Option<TraceTip>,
    /// The chunk that goes with the next entries.
    beside: Option<Chunk>,
    spent: bool,
}

/// A ledger's head that was witnessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldHead {
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// The bundle in force, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBundle {
    /// Its sequence.
    pub sequence: u64,
    /// SHA-256 of its signed bytes.
    pub hash: Hash,
    /// The ETag it came under.
    pub etag: Option<String>,
}

/// A bundle that is to come into force, its signature checked by the caller.
#[derive(Clone, Copy, Debug)]
pub struct NewBundle<'a> {
    /// Its sequence.
    pub sequence: u64,
    /// SHA-256 of its signed bytes.
    pub hash: Hash,
    /// The ETag it came under.
    pub etag: Option<&'a str>,
    /// Its signed bytes.
    pub signed: &'a [u8],
    /// When the issuer made it: raises the floor of time.
    pub issued: UtcMs,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("folder", &self.folder.path())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the journal in a folder, or makes an empty one with a fresh key.
    ///
    /// # Errors
    /// [`JournalError`]; nothing has been written where the journal is newer than this program or damaged.
    pub fn open(folder: Arc<Folder>, disk: Disk) -> Result<Self, JournalError> {
        let db = schema::open(&folder.database())?;
        folder.sync()?;
        let mut journal = schema::load(db, folder, disk)?;
        // A log without entries has no traces before them; of any other, reading says so.
        journal.trace_tip = (journal.size() == 0).then_some(TraceTip::NONE);
        journal.check_tail()?;
        Ok(journal)
    }

    /// Entries in the log.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Entries that have a receipt.
    pub fn receipted(&self) -> u64 {
        self.receipted.size()
    }

    /// When the newest receipt was given, in seconds since 1970.
    pub fn receipted_at_s(&self) -> Option<u64> {
        self.receipted_at_s
    }

    /// The kiosk's key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// To whom the kiosk belongs.
    pub fn enrolment(&self) -> Option<&Enrolment> {
        self.enrolment.as_ref()
    }

    /// The note of the ledger's newest head that was witnessed.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn ledger_note(&self) -> Result<Option<String>, JournalError> {
        Ok(self
            .db
            .query_row("SELECT note FROM ledger", [], |row| row.get(0))
            .optional()?)
    }

    /// The ledger's newest head that was witnessed.
    pub fn ledger(&self) -> Option<HeldHead> {
        self.ledger
    }

    /// The bundle in force.
    pub fn bundle(&self) -> Option<&HeldBundle> {
        self.bundle.as_ref()
    }

    /// The last time that the issuer signed; the distant past, where it signed none.
    pub fn floor(&self) -> UtcMs {
        self.floor
    }

    /// Entries found so far whose bytes are not what their leaves say.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The data folder.
    pub fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// Appends entries and makes them durable, together. Returns their indices.
    ///
    /// # Errors
    /// [`JournalError`]. After a fatal one the handle is spent: the entries may or may not be durable, and none of them may be called
    /// accepted before the journal was opened again.
    pub fn append(&mut self, entries: &[Vec<u8>]) -> Result<Range<u64>, JournalError> {
        self.append_with(entries, |_| Ok(()))
    }

    /// Appends entries together with other rows: both or neither.
    fn append_with(
        &mut self,
        entries: &[Vec<u8>],
        also: impl FnOnce(&Transaction<'_>) -> Result<(), JournalError>,
    ) -> Result<Range<u64>, JournalError> {
        for bytes in entries {
            if bytes.len() > MAX_ENTRY_BYTES || bytes.contains(&b'\n') {
                return Err(JournalError::NotAnEntry { bytes: bytes.len() });
            }
        }
        let start = self.size();
        let mut frontier = self.frontier.clone();
        let mut base = self.base.clone();
        let (beside, mut trace_tip) = (self.beside.take(), self.trace_tip);
        self.commit(|tx| {
            {
                let mut insert = tx
                    .prepare_cached("INSERT INTO entries (idx, leaf, bytes) VALUES (?1, ?2, ?3)")?;
                for bytes in entries {
                    let leaf = leaf_hash(bytes);
                    insert.execute(params![
                        schema::to_sql(frontier.size())?,
                        leaf.as_bytes(),
                        bytes
                    ])?;
                    frontier.append(leaf);
                    if frontier.size().is_multiple_of(BASE_EVERY) {
                        base = frontier.clone();
                    }
                }
            }
            if !entries.is_empty() {
                tx.prepare_cached("UPDATE tip SET frontier = ?1, base = ?2")?
                    .execute(params![frontier.to_bytes(), base.to_bytes()])?;
            }
            trace_tip = Self::put_beside(beside, trace_tip, tx, &frontier)?;
            also(tx)
        })?;
        self.trace_tip = trace_tip;
        self.frontier = frontier;
        self.base = base;
        Ok(start..self.size())
    }

    /// Runs one transaction. Everything that changes the journal goes through here.
    fn commit(
        &mut self,
        write: impl FnOnce(&Transaction<'_>) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        if self.spent {
            return Err(JournalError::Spent);
        }
        self.disk.check_free(self.folder.path())?;
        // Taken back only by success: whatever goes wrong below, nobody uses this handle again.
        self.spent = true;
        self.disk.step(Step::Begin)?;
        let tx = self.db.transaction()?;
        write(&tx)?;
        self.disk.step(Step::Commit)?;
        // The durable point. SQLite syncs the write-ahead log within this call: after a power cut before it returns, the rows are there
        // completely or not at all; after it returned, they are there.
        tx.commit()?;
        self.disk.step(Step::Committed)?;
        self.spent = false;
        Ok(())
    }

    /// Binds the journal to its issuer, with the key that the issuer knows, together with the first bundle. The same enrolment again changes
    /// nothing. A log that waits to be enrolled after a seal takes an enrolment of the same event under its own key; its entries stay.
    ///
    /// # Errors
    /// [`JournalError::Enrolled`] where it belongs to somebody else already; otherwise as [`Journal::append`].
    pub fn enrol(
        &mut self,
        enrolment: &Enrolment,
        key: &SigningKey,
        bundle: NewBundle<'_>,
    ) -> Result<(), JournalError> {
        if let Some(held) = &self.enrolment {
            let same = held.origin == enrolment.origin && held.kiosk == enrolment.kiosk;
            let takes_over = self.awaits
                && (&held.event, &held.issuer, &held.issuer_key)
                    == (&enrolment.event, &enrolment.issuer, &enrolment.issuer_key)
                && held.badge_key.id() == enrolment.badge_key.id()
                && key.public_key() == self.key.public_key();
            if !takes_over {
                return if same && !self.awaits {
                    Ok(())
                } else {
                    Err(JournalError::Enrolled {
                        kiosk: held.kiosk.clone(),
                    })
                };
            }
        }
        let floor = self.floor.max(bundle.issued);
        self.append_with(&[], |tx| {
            schema::insert_enrolment(tx, enrolment)?;
            // Before the first enrolment nothing is recorded or signed, so that another key changes nothing that exists; a log that waits
            // to be enrolled has its key already.
            schema::put_seed(tx, key)?;
            schema::put_bundle(tx, bundle)?;
            schema::put_floor(tx, floor)
        })?;
        self.floor = floor;
        self.key = key.clone();
        self.enrolment = Some(enrolment.clone());
        self.awaits = false;
        self.hold_bundle(bundle);
        Ok(())
    }

    /// Brings a bundle into force, together with the entries that say so.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn adopt_bundle(
        &mut self,
        bundle: NewBundle<'_>,
        entries: &[Vec<u8>],
    ) -> Result<Range<u64>, JournalError> {
        let floor = self.floor.max(bundle.issued);
        let range = self.append_with(entries, |tx| {
            schema::put_bundle(tx, bundle)?;
            schema::put_floor(tx, floor)
        })?;
        self.floor = floor;
        self.hold_bundle(bundle);
        Ok(range)
    }

    fn hold_bundle(&mut self, bundle: NewBundle<'_>) {
        self.bundle = Some(HeldBundle {
            sequence: bundle.sequence,
            hash: bundle.hash,
            etag: bundle.etag.map(str::to_owned),
        });
    }

    /// The signed bytes of the bundle in force.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn bundle_bytes(&self) -> Result<Option<Vec<u8>>, JournalError> {
        let bytes = self
            .db
            .query_row("SELECT signed FROM bundle", [], |row| row.get(0))
            .optional()?;
        Ok(bytes)
    }

    /// Appends entries that carry a time the issuer signed.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_signed_time(
        &mut self,
        entries: &[Vec<u8>],
        signed: UtcMs,
    ) -> Result<Range<u64>, JournalError> {
        if signed <= self.floor {
            return self.append(entries);
        }
        let range = self.append_with(entries, |tx| schema::put_floor(tx, signed))?;
        self.floor = signed;
        Ok(range)
    }

    /// Calls `each` with every entry from an index on, in order: its bytes, or nothing where they are not what the leaf says.
    ///
    /// # Errors
    /// Where the database cannot be read, or `each` fails.
    pub fn for_each<E: From<JournalError>>(
        &self,
        from: u64,
        each: impl FnMut(u64, Hash, Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each_in("entries", from, each)
    }

    /// The same, of a table of entries. Its name is this journal's own.
    fn for_each_in<E: From<JournalError>>(
        &self,
        table: &str,
        from: u64,
        mut each: impl FnMut(u64, Hash, Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        let read = |e: rusqlite::Error| E::from(JournalError::from(e));
        let mut entries = self
            .db
            .prepare_cached(&format!(
                "SELECT idx, leaf, bytes FROM {table} WHERE idx >= ?1 ORDER BY idx"
            ))
            .map_err(read)?;
        let mut rows = entries
            .query([schema::to_sql(from).map_err(E::from)?])
            .map_err(read)?;
        while let Some(row) = rows.next().map_err(read)? {
            let index: i64 = row.get(0).map_err(read)?;
            let leaf = schema::hash(row, 1).map_err(E::from)?;
            let bytes = row
                .get_ref(2)
                .map_err(read)?
                .as_blob()
                .map_err(|e| E::from(JournalError::damaged(&e)))?;
            let whole = (leaf_hash(bytes) == leaf).then_some(bytes);
            each(index.unsigned_abs(), leaf, whole)?;
        }
        Ok(())
    }

    /// Moves what waits in the write-ahead log into the database, if it is worth it. For idle moments: no scan has to wait for it then.
    ///
    /// # Errors
    /// Where the disk fails; nothing is lost by it, and the handle is spent.
    pub fn tidy(&mut self) -> Result<(), JournalError> {
        if self.spent {
            return Err(JournalError::Spent);
        }
        let waiting = self
            .db
            .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
                Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
            })?;
        if waiting < IDLE_CHECKPOINT_PAGES {
            return Ok(());
        }
        let pages = self.folder.wal_bytes() / schema::PAGE_BYTES;
        let move_them = if pages > KEPT_PAGES {
            "PRAGMA wal_checkpoint(TRUNCATE)"
        } else {
            "PRAGMA wal_checkpoint(PASSIVE)"
        };
        self.spent = true;
        self.disk.step(Step::Tidy)?;
        // SQLite syncs the log before it writes the database, and the database before the log begins anew: a power cut anywhere in here
        // leaves one of the two whole.
        self.db.query_row(move_them, [], |_| Ok(()))?;
        self.disk.step(Step::Tidied)?;
        self.spent = false;
        Ok(())
    }

    /// Whether an append would be tried: the handle is good and the disk has room.
    ///
    /// # Errors
    /// [`JournalError::Spent`], or [`JournalError::Full`].
    pub fn ready(&self) -> Result<(), JournalError> {
        if self.spent {
            return Err(JournalError::Spent);
        }
        self.disk.check_free(self.folder.path())
    }
}
