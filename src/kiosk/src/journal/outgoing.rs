//! Entries on their way out, and what the issuer says to them.

use std::ops::Range;

use evidence::{Checkpoint, Hash, Receipt, sign_checkpoint};
use protocol::batch::damaged_line;
use rusqlite::{OptionalExtension as _, params};

use super::schema::to_sql;
use super::{HeldHead, Journal, JournalError, OwnedLeaf, Prepared};

impl Journal {
    /// Entries from an index on, under a head that covers exactly the log up to their end. At least one entry goes, however few bytes are
    /// allowed; `None` where there are none.
    ///
    /// # Errors
    /// [`JournalError::NotEnrolled`], [`JournalError::Beyond`], or as [`Journal::append`].
    pub fn prepare_batch(
        &mut self,
        from: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Option<Prepared>, JournalError> {
        if self.awaits {
            // The issuer does not know this log, and it has no name yet that a head could be signed under.
            return Err(JournalError::NotEnrolled);
        }
        let beyond = JournalError::Beyond {
            from,
            size: self.size(),
        };
        let mut frontier = self.frontier_at(from)?.ok_or(beyond)?;
        let mut leaves = Vec::new();
        let mut bytes_taken = 0;
        {
            let mut entries = self.db.prepare_cached(
                "SELECT leaf, bytes FROM entries WHERE idx >= ?1 ORDER BY idx LIMIT ?2",
            )?;
            let limit = i64::try_from(max_entries).unwrap_or(i64::MAX);
            let mut rows = entries.query([to_sql(from)?, limit])?;
            while let Some(row) = rows.next()? {
                let leaf = super::schema::hash(row, 0)?;
                let bytes = row.get_ref(1)?.as_blob();
                let bytes = bytes.map_err(|e| JournalError::damaged(&e))?;
                let (leaf_taken, line_bytes) = if evidence::leaf_hash(bytes) == leaf {
                    (OwnedLeaf::Entry(bytes.to_vec()), bytes.len())
                } else {
                    (OwnedLeaf::Damaged(leaf), damaged_line(leaf).len())
                };
                bytes_taken += line_bytes + 1;
                if !leaves.is_empty() && bytes_taken > max_bytes {
                    break;
                }
                leaves.push(leaf_taken);
                frontier.append(leaf);
            }
        }
        let size = frontier.size();
        if size == from {
            return Ok(None);
        }
        let checkpoint = self.sign_head(size, frontier.root())?;
        Ok(Some(Prepared {
            start: from,
            checkpoint,
            leaves,
            ledger_size: self.ledger.map_or(0, |held| held.size),
            ledger: self.ledger_note()?,
        }))
    }

    /// The signed checkpoint over the whole log.
    ///
    /// # Errors
    /// As [`Journal::prepare_batch`].
    pub fn checkpoint(&mut self) -> Result<String, JournalError> {
        self.sign_head(self.size(), self.frontier.root())
    }

    /// Signs a head of this log. Heads are persisted first: whatever happens between, no other head of this size is ever signed.
    fn sign_head(&mut self, size: u64, root: Hash) -> Result<String, JournalError> {
        let origin = &self
            .enrolment
            .as_ref()
            .ok_or(JournalError::NotEnrolled)?
            .origin;
        let checkpoint =
            Checkpoint::new(origin, size, root).map_err(|e| JournalError::damaged(&e))?;
        let signed: Option<[u8; 32]> = self
            .db
            .query_row(
                "SELECT root FROM heads WHERE size = ?1",
                [to_sql(size)?],
                |row| row.get(0),
            )
            .optional()?;
        match signed {
            Some(signed) if Hash(signed) == root => {}
            Some(_) => {
                return Err(JournalError::Damaged(format!(
                    "another head of {size} entries was signed before"
                )));
            }
            None => self.commit(|tx| {
                tx.execute(
                    "INSERT INTO heads VALUES (?1, ?2)",
                    params![to_sql(size)?, root.as_bytes()],
                )?;
                Ok(())
            })?,
        }
        Ok(sign_checkpoint(&checkpoint, &self.key))
    }

    /// Takes a receipt that was opened and is over this very log, together with the entries that say so.
    ///
    /// # Errors
    /// [`JournalError::Beyond`] where it covers more than there is; otherwise as [`Journal::append`].
    pub fn take_receipt(
        &mut self,
        receipt: &Receipt,
        entries: &[Vec<u8>],
    ) -> Result<Range<u64>, JournalError> {
        let size = receipt.checkpoint.size;
        let beyond = JournalError::Beyond {
            from: size,
            size: self.size(),
        };
        let at = self.frontier_at(size)?.ok_or(beyond)?;
        if at.root() != receipt.checkpoint.root {
            return Err(JournalError::Damaged(format!(
                "the receipt of {size} entries is over other entries"
            )));
        }
        let newer = size >= self.receipted.size();
        let seconds = i64::try_from(receipt.time_s).unwrap_or(i64::MAX / 1_000);
        let floor = self
            .floor
            .max(attendance::UtcMs::DISTANT_PAST.plus_ms(seconds.saturating_mul(1_000)));
        let range = self.append_with(entries, |tx| {
            tx.execute(
                "INSERT INTO receipts VALUES (?1, ?2, ?3) ON CONFLICT (size) DO UPDATE SET
                 time_s = excluded.time_s, note = excluded.note",
                params![to_sql(size)?, seconds, receipt.note],
            )?;
            super::schema::put_floor(tx, floor)?;
            if newer {
                tx.execute("UPDATE log SET receipted = ?1", [at.to_bytes()])?;
                // What has a receipt is held to it from now on; older heads of ours say nothing more.
                tx.execute("DELETE FROM heads WHERE size < ?1", [to_sql(size)?])?;
            }
            Ok(())
        })?;
        self.floor = floor;
        if newer {
            self.receipted = at;
            self.receipted_at_s = Some(receipt.time_s);
        }
        Ok(range)
    }

    /// Holds a ledger's head that was shown to extend the one held, together with the entries that say so.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] where it is smaller than the one held; otherwise as [`Journal::append`].
    pub fn take_ledger_head(
        &mut self,
        head: &Checkpoint,
        note: &str,
        entries: &[Vec<u8>],
    ) -> Result<Range<u64>, JournalError> {
        let goes_back = self.ledger.is_some_and(|held| {
            head.size < held.size || (head.size == held.size && head.root != held.root)
        });
        if goes_back {
            return Err(JournalError::Damaged(
                "a ledger's head was to be held that goes back behind the one held".to_owned(),
            ));
        }
        let range = self.append_with(entries, |tx| {
            tx.execute(
                "INSERT INTO ledger VALUES (1, ?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET
                 size = excluded.size, root = excluded.root, note = excluded.note",
                params![to_sql(head.size)?, head.root.as_bytes(), note],
            )?;
            Ok(())
        })?;
        self.ledger = Some(HeldHead {
            size: head.size,
            root: head.root,
        });
        Ok(range)
    }

    /// The exact bytes of one entry; `None` where there is none or its bytes are damaged.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, JournalError> {
        let row = self
            .db
            .prepare_cached("SELECT leaf, bytes FROM entries WHERE idx = ?1")?
            .query_row([to_sql(index)?], |row| {
                Ok((Hash(row.get(0)?), row.get::<_, Vec<u8>>(1)?))
            })
            .optional()?;
        Ok(row.and_then(|(leaf, bytes)| (evidence::leaf_hash(&bytes) == leaf).then_some(bytes)))
    }

    /// The note of the newest receipt, for an export.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn newest_receipt(&self) -> Result<Option<(u64, String)>, JournalError> {
        let row = self
            .db
            .query_row(
                "SELECT size, note FROM receipts ORDER BY size DESC LIMIT 1",
                [],
                |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?)),
            )
            .optional()?;
        Ok(row)
    }
}
