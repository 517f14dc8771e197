//! Chunks of traces beside the entries: what a start reads in their place.
//!
//! Promises: a chunk is committed together with the last entry it is of, or not at all. A chunk is used only if all before it are there, its
//! own bytes are those that were written, and the leaves after the last one give the log's head; from the first row on that does not hold
//! they are made again from the entries. Entries never depend on chunks.
//!
//! Format: the table `traces`, one row a chunk: the sizes of the log before and after it, the frontier at the latter, the packed traces, and
//! the hash of all that under the hash of the row before. An older program leaves the table alone; its entries are then the tail.

use evidence::{Frontier, Hash};
use rusqlite::{Connection, Transaction, params};

use super::schema::{self, to_sql};
use super::{Journal, JournalError};
use crate::door::Chunk;

/// The table; beside those of the format, as nothing is lost without it.
const TABLE: &str = "
CREATE TABLE IF NOT EXISTS traces (
    size INTEGER PRIMARY KEY,
    start INTEGER NOT NULL,
    frontier BLOB NOT NULL,
    bytes BLOB NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
";
/// What the hash of a row begins with.
const HASHED: &[u8] = b"rollcall/traces/1\n";

/// The newest row of an unbroken chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceTip {
    /// Entries that have their traces in it.
    size: u64,
    hash: Hash,
}

impl TraceTip {
    /// Before the first entry.
    pub(super) const NONE: Self = Self {
        size: 0,
        hash: Hash([0; 32]),
    };

    pub(super) fn size(self) -> u64 {
        self.size
    }

    fn row_hash(self, chunk: &Chunk, frontier: &[u8]) -> Hash {
        let mut hashed = Vec::with_capacity(HASHED.len() + chunk.bytes.len() + 2_300);
        hashed.extend_from_slice(HASHED);
        hashed.extend_from_slice(self.hash.as_bytes());
        hashed.extend_from_slice(&chunk.from.to_be_bytes());
        hashed.extend_from_slice(&chunk.to.to_be_bytes());
        let length = u64::try_from(frontier.len()).unwrap_or(u64::MAX);
        hashed.extend_from_slice(&length.to_be_bytes());
        hashed.extend_from_slice(frontier);
        hashed.extend_from_slice(&chunk.bytes);
        evidence::sha256(&hashed)
    }

    /// Writes the chunk that follows, with the frontier after its last entry.
    fn put(
        self,
        tx: &Transaction<'_>,
        chunk: &Chunk,
        frontier: &Frontier,
    ) -> Result<Self, JournalError> {
        let frontier = frontier.to_bytes();
        let hash = self.row_hash(chunk, &frontier);
        // Rows of a log that was here before this one would stand in the way.
        tx.prepare_cached("DELETE FROM traces WHERE size > ?1")?
            .execute([to_sql(self.size)?])?;
        tx.prepare_cached("INSERT INTO traces VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                to_sql(chunk.to)?,
                to_sql(chunk.from)?,
                frontier,
                chunk.bytes,
                hash.as_bytes()
            ])?;
        Ok(Self {
            size: chunk.to,
            hash,
        })
    }
}

/// Makes the table where it is missing.
pub(super) fn open(db: &Connection) -> Result<(), JournalError> {
    db.execute_batch(TABLE)?;
    Ok(())
}

impl Journal {
    /// Has a chunk committed with the next entries, which must be the last ones it is of.
    pub fn lay_beside(&mut self, chunk: Chunk) {
        self.beside = Some(chunk);
    }

    /// Writes the chunk that was laid beside, in the transaction of its last entries. One that does not follow the newest is left out: the
    /// entries it is of are then read at the next start.
    pub(super) fn put_beside(
        beside: Option<Chunk>,
        tip: Option<TraceTip>,
        tx: &Transaction<'_>,
        frontier: &Frontier,
    ) -> Result<Option<TraceTip>, JournalError> {
        match (beside, tip) {
            (Some(chunk), Some(tip)) if chunk.from == tip.size && chunk.to == frontier.size() => {
                tip.put(tx, &chunk, frontier).map(Some)
            }
            (Some(_), _) => {
                tracing::warn!("a chunk of traces does not follow the one before and is left out");
                Ok(tip)
            }
            (None, tip) => Ok(tip),
        }
    }

    /// Reads the chunks, then the entries after them: each is handed on, the latter with the chunks that become due. In the end
    /// all of it is known to be this log, from its first entry to its head.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub fn replay<R: Replay>(&mut self, mut replay: R) -> Result<R, JournalError> {
        let (tip, frontier) = self.read_chunks("traces", self.size(), &mut replay)?;
        if let Some(tip) = self.read_tail(&mut replay, tip, frontier)? {
            self.trace_tip = Some(tip);
            return Ok(replay);
        }
        tracing::warn!("the kept traces are not of this log; all entries are read");
        replay.forget();
        let tip = self.read_tail(&mut replay, TraceTip::NONE, Frontier::new())?;
        self.trace_tip = Some(tip.ok_or_else(|| {
            JournalError::Damaged("the entries do not give the log's frontier".to_owned())
        })?);
        Ok(replay)
    }

    /// Hands on every chunk of a table that holds, of a log of so many entries. Gives the newest and the frontier after it.
    pub(super) fn read_chunks<R: Replay>(
        &self,
        table: &str,
        log_size: u64,
        replay: &mut R,
    ) -> Result<(TraceTip, Frontier), JournalError> {
        let (mut tip, mut frontier) = (TraceTip::NONE, Frontier::new());
        // The table's name is this journal's own.
        let mut chunks = self.db.prepare(&format!(
            "SELECT size, start, frontier, bytes, hash FROM {table} ORDER BY size"
        ))?;
        let mut rows = chunks.query([])?;
        while let Some(row) = rows.next()? {
            let chunk = Chunk {
                to: row.get::<_, i64>(0)?.unsigned_abs(),
                from: row.get::<_, i64>(1)?.unsigned_abs(),
                bytes: row.get(3)?,
            };
            let bytes: Vec<u8> = row.get(2)?;
            let hash = schema::hash(row, 4)?;
            let holds = chunk.from == tip.size
                && chunk.to <= log_size
                && tip.row_hash(&chunk, &bytes) == hash;
            let after = Frontier::from_bytes(&bytes).ok();
            let after = after.filter(|after| holds && after.size() == chunk.to);
            let Some(after) = after.filter(|_| replay.chunk(&chunk)) else {
                tracing::warn!(
                    entry = tip.size,
                    "kept traces are damaged; the entries from here on are read"
                );
                break;
            };
            tip = TraceTip {
                size: chunk.to,
                hash,
            };
            frontier = after;
        }
        Ok((tip, frontier))
    }

    /// Hands on the entries after the chunks, and keeps the chunks that they make. `None` where their leaves do not lead from the frontier
    /// to the log's.
    fn read_tail<R: Replay>(
        &mut self,
        replay: &mut R,
        tip: TraceTip,
        mut frontier: Frontier,
    ) -> Result<Option<TraceTip>, JournalError> {
        let mut made: Vec<(Chunk, Frontier)> = Vec::new();
        self.for_each(tip.size, |index, leaf, bytes| {
            frontier.append(leaf);
            replay.entry(index, bytes);
            if let Some(chunk) = replay.due() {
                made.push((chunk, frontier.clone()));
            }
            Ok::<(), JournalError>(())
        })?;
        if frontier != self.frontier {
            return Ok(None);
        }
        self.keep(tip, &made).map(Some)
    }

    /// Keeps chunks that were made from entries long committed. A disk that is full is no reason not to go on.
    fn keep(
        &mut self,
        mut tip: TraceTip,
        made: &[(Chunk, Frontier)],
    ) -> Result<TraceTip, JournalError> {
        if made.is_empty() || self.ready().is_err() {
            return Ok(tip);
        }
        let before = tip;
        let mut put = |tx: &Transaction<'_>| {
            for (chunk, frontier) in made {
                if chunk.from == tip.size {
                    tip = tip.put(tx, chunk, frontier)?;
                }
            }
            Ok(())
        };
        match self.commit(&mut put) {
            Ok(()) => Ok(tip),
            Err(JournalError::Full { .. }) if !self.spent => Ok(before),
            Err(error) => Err(error),
        }
    }
}

/// Whoever is built from a journal.
pub trait Replay {
    /// Forgets what it took.
    fn forget(&mut self);
    /// Takes a chunk; whether it reads and follows what was taken.
    fn chunk(&mut self, chunk: &Chunk) -> bool;
    /// Takes an entry: its bytes, or nothing where they are not what the leaf says.
    fn entry(&mut self, index: u64, bytes: Option<&[u8]>);
    /// The chunk that is due, if one is.
    fn due(&mut self) -> Option<Chunk>;
}

/// How many traces the journal in a folder keeps. Its keeper holds the file; a copy says the same.
#[cfg(test)]
pub(crate) fn kept_in(folder: &std::path::Path) -> i64 {
    let copy = tempfile::tempdir().expect("a folder is made");
    for name in ["journal.sqlite", "journal.sqlite-wal"] {
        std::fs::copy(folder.join(name), copy.path().join(name)).expect("a file is copied");
    }
    rusqlite::Connection::open(copy.path().join("journal.sqlite"))
        .and_then(|db| db.query_row("SELECT count(*) FROM traces", [], |row| row.get(0)))
        .expect("the journal reads")
}
