//! Whether the journal is what it says it is.
//!
//! | leaves give the frontier | bytes give the leaf | taken as |
//! |---|---|---|
//! | yes | yes | whole |
//! | yes | no | the entry's bytes are damaged: its leaf stands, it is counted |
//! | no | – | damaged: refused |
//! | fewer or more entries than the frontier counts | – | damaged: refused |
//! | a head was signed beyond the frontier | – | an older copy of the journal: refused |

use evidence::{Frontier, Hash};
use rusqlite::OptionalExtension as _;

use super::schema::to_sql;
use super::{Journal, JournalError};

/// The most indices of damaged entries that a check names.
const DAMAGED_NAMED_MAX: usize = 100;

/// What a check of everything found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Entries in the log.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// How many entries have damaged bytes.
    pub damaged: u64,
    /// The first of them.
    pub damaged_at: Vec<u64>,
}

impl Journal {
    /// Recomputes the frontier from the last known point: a bounded number of entries, however long the log.
    pub(super) fn check_tail(&mut self) -> Result<(), JournalError> {
        let last: Option<i64> = self
            .db
            .query_row("SELECT max(idx) FROM entries", [], |row| row.get(0))?;
        let held = last.map_or(0, |last| last.unsigned_abs() + 1);
        if held != self.size() {
            return Err(JournalError::Damaged(format!(
                "{held} entries are there and the log's frontier counts {}",
                self.size()
            )));
        }
        let (frontier, damaged) = self.extend(self.base.clone(), self.size())?;
        if frontier != self.frontier {
            return Err(JournalError::Damaged(
                "the last entries do not give the log's frontier".to_owned(),
            ));
        }
        self.damaged = damaged;
        self.check_heads()
    }

    /// No head may have been signed beyond what is here: then this is an older copy, and going on would fork the log.
    fn check_heads(&self) -> Result<(), JournalError> {
        let newest = self
            .db
            .query_row(
                "SELECT size, root FROM heads ORDER BY size DESC LIMIT 1",
                [],
                |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?)),
            )
            .optional()?;
        let Some((size, root)) = newest else {
            return Ok(());
        };
        if size > self.size() {
            return Err(JournalError::Damaged(format!(
                "a head of {size} entries was signed and {} are there",
                self.size()
            )));
        }
        if size >= self.base.size() {
            let (at_head, _) = self.extend(self.base.clone(), size)?;
            if at_head.root() != Hash(root) {
                return Err(JournalError::Damaged(format!(
                    "the entries are not those under the head of {size} that was signed"
                )));
            }
        }
        Ok(())
    }

    /// Checks every entry and every signed head.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] as in the table above.
    pub fn verify_all(&self) -> Result<Verified, JournalError> {
        let mut heads = self
            .db
            .prepare_cached("SELECT size, root FROM heads ORDER BY size")?
            .query_map([], |row| {
                Ok((row.get::<_, i64>(0)?.unsigned_abs(), Hash(row.get(1)?)))
            })?
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .peekable();
        let mut frontier = Frontier::new();
        let mut damaged = 0;
        let mut damaged_at = Vec::new();
        self.for_each(0, |index, leaf, bytes| {
            expect_index(index, frontier.size())?;
            frontier.append(leaf);
            if bytes.is_none() {
                damaged += 1;
                if damaged_at.len() < DAMAGED_NAMED_MAX {
                    damaged_at.push(index);
                }
            }
            if let Some((size, root)) = heads.next_if(|(size, _)| *size <= frontier.size())
                && size == frontier.size()
                && root != frontier.root()
            {
                return Err(JournalError::Damaged(format!(
                    "the entries are not those under the head of {size} that was signed"
                )));
            }
            Ok(())
        })?;
        if frontier != self.frontier {
            return Err(JournalError::Damaged(
                "the entries do not give the log's frontier".to_owned(),
            ));
        }
        Ok(Verified {
            size: frontier.size(),
            root: frontier.root(),
            damaged,
            damaged_at,
        })
    }

    /// The root of the first `size` entries; `None` where there are fewer.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn root_at(&self, size: u64) -> Result<Option<Hash>, JournalError> {
        Ok(self.frontier_at(size)?.map(|frontier| frontier.root()))
    }

    /// The frontier of the first `size` entries, from the nearest one that is known.
    pub(super) fn frontier_at(&self, size: u64) -> Result<Option<Frontier>, JournalError> {
        if size > self.size() {
            return Ok(None);
        }
        let known = [&self.frontier, &self.base, &self.receipted];
        let nearest = known
            .into_iter()
            .filter(|frontier| frontier.size() <= size)
            .max_by_key(|frontier| frontier.size());
        let from = nearest.cloned().unwrap_or_default();
        self.extend(from, size).map(|(frontier, _)| Some(frontier))
    }

    /// Extends a frontier with the log's own leaves up to `size`. Counts entries whose bytes are damaged.
    fn extend(&self, mut frontier: Frontier, size: u64) -> Result<(Frontier, u64), JournalError> {
        let mut damaged = 0;
        let mut entries = self.db.prepare_cached(
            "SELECT idx, leaf, bytes FROM entries WHERE idx >= ?1 AND idx < ?2 ORDER BY idx",
        )?;
        let mut rows = entries.query([to_sql(frontier.size())?, to_sql(size)?])?;
        while let Some(row) = rows.next()? {
            let index: i64 = row.get(0)?;
            expect_index(index.unsigned_abs(), frontier.size())?;
            let leaf = super::schema::hash(row, 1)?;
            let bytes = row.get_ref(2)?.as_blob();
            let bytes = bytes.map_err(|e| JournalError::damaged(&e))?;
            if evidence::leaf_hash(bytes) != leaf {
                damaged += 1;
            }
            frontier.append(leaf);
        }
        if frontier.size() != size {
            return Err(JournalError::Damaged(format!(
                "entries are missing before index {size}"
            )));
        }
        Ok((frontier, damaged))
    }
}

fn expect_index(found: u64, expected: u64) -> Result<(), JournalError> {
    if found == expected {
        Ok(())
    } else {
        Err(JournalError::Damaged(format!(
            "entry {expected} is missing"
        )))
    }
}
