//! Sealing a log, and delivering what a sealed log still holds.
//!
//! Promises: one transaction puts the log aside as it is, signs the heads under which its rest is delivered, and begins an empty log under a
//! fresh key. Before it there is the old log, after it the new one; there is no moment with none or with two. Nothing is ever appended to a
//! sealed log and nothing else signed for it; its entries are kept. The new log belongs to the same event and issuer and waits to be
//! enrolled; what is journalled meanwhile keeps its place.
//!
//! Format: the tables `entries`, `heads`, `receipts` and `traces` of sealed log n are called `entries_n`, `heads_n` and so on; `sealed` holds
//! what is known of each, `sealed_heads` its last heads.

use attendance::UtcMs;
use attendance::words::KioskId;
use evidence::{Checkpoint, Frontier, Hash, SigningKey, kiosk_origin, sign_checkpoint};
use rusqlite::{Connection, OptionalExtension as _, params};
use zeroize::Zeroizing;

use super::schema::{self, LOG_TABLES, to_sql};
use super::{Journal, JournalError, OwnedLeaf, Prepared, Replay, TraceTip};

/// The most entries that are delivered under one head of a sealed log; with the longest entries they fit a batch.
pub const SEALED_BATCH_ENTRIES: u64 = 250;

/// A log that was put aside.
#[derive(Clone, Debug)]
pub struct SealedLog {
    /// Its number in this journal, from 1.
    pub number: u64,
    /// The kiosk's id under which it was enrolled.
    pub kiosk: KioskId,
    /// Its origin.
    pub origin: String,
    /// Its key. It signs requests that deliver the log, and nothing else.
    pub key: SigningKey,
    /// Its entries.
    pub size: u64,
    /// How many of them the issuer holds, as far as it said.
    pub delivered: u64,
    /// Why it was sealed, as a code.
    pub code: String,
    /// The checkpoint under its own key that proves it.
    pub proof: String,
    /// When, by the wall clock.
    pub at: UtcMs,
}

/// Entries of a sealed log on their way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBatch {
    /// The log's number.
    pub number: u64,
    /// The kiosk's id for its path.
    pub kiosk: KioskId,
    /// The entries, under a head that was signed when the log was sealed.
    pub prepared: Prepared,
}

pub(super) fn load(db: &Connection) -> Result<Vec<SealedLog>, JournalError> {
    let mut statement = db.prepare(
        "SELECT number, kiosk, origin, seed, size, delivered, code, proof, at_ms FROM sealed ORDER BY number",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let seed = Zeroizing::new(row.get::<_, [u8; 32]>(3)?);
        let kiosk: String = row.get(1)?;
        found.push(SealedLog {
            number: row.get::<_, i64>(0)?.unsigned_abs(),
            kiosk: kiosk.parse().map_err(|e| JournalError::damaged(&e))?,
            origin: row.get(2)?,
            key: SigningKey::from_seed(&seed),
            size: row.get::<_, i64>(4)?.unsigned_abs(),
            delivered: row.get::<_, i64>(5)?.unsigned_abs(),
            code: row.get(6)?,
            proof: row.get(7)?,
            at: UtcMs(row.get(8)?),
        });
    }
    Ok(found)
}

impl Journal {
    /// The logs that were sealed, oldest first.
    pub fn sealed(&self) -> &[SealedLog] {
        &self.sealed
    }

    /// Whether the log is a fresh one that the issuer does not know yet.
    pub fn awaits_enrolment(&self) -> bool {
        self.awaits
    }

    /// What staff have to do while a fresh log waits to be enrolled; nothing otherwise.
    pub fn enrol_anew(&self, door: Option<&str>) -> Option<String> {
        let (enrolment, sealed) = (self.enrolment.as_ref()?, self.sealed.last()?);
        self.awaits.then(|| {
            format!(
                "another log exists under this card's key ({}), so its log is sealed and scans go on in a fresh one. To enrol that: \
                 rollcall-issuer claim --event {} --door {}, then scan the claim at the kiosk, or stop the daemon and give it to rollcall-kiosk enrol -",
                sealed.code,
                enrolment.event,
                door.unwrap_or("DOOR")
            )
        })
    }

    /// The key that signs requests: the log's, or that of the log sealed last while the new one waits to be enrolled.
    pub fn request_key(&self) -> &SigningKey {
        match self.sealed.last() {
            Some(sealed) if self.awaits => &sealed.key,
            _ => &self.key,
        }
    }

    /// Seals the log on a proof that the caller has checked, and begins an empty one under a fresh key.
    ///
    /// # Errors
    /// [`JournalError::NotEnrolled`] where there is no log that could have forked; otherwise as [`Journal::append`].
    pub fn seal(&mut self, code: &str, proof: &str, at: UtcMs) -> Result<(), JournalError> {
        let enrolment = match &self.enrolment {
            Some(enrolment) if !self.awaits => enrolment.clone(),
            _ => return Err(JournalError::NotEnrolled),
        };
        let heads = self.last_heads(&enrolment.origin)?;
        let mut seed = Zeroizing::new([0_u8; 32]);
        getrandom::fill(seed.as_mut()).map_err(|e| JournalError::Io(e.to_string()))?;
        let fresh = SigningKey::from_seed(&seed);
        let origin = kiosk_origin(
            &enrolment.issuer,
            enrolment.kiosk.as_str(),
            &fresh.public_key(),
        )
        .map_err(|e| JournalError::damaged(&e))?;
        let number = self.sealed.last().map_or(1, |sealed| sealed.number + 1);
        let sealed = SealedLog {
            number,
            kiosk: enrolment.kiosk.clone(),
            origin: enrolment.origin.clone(),
            key: self.key.clone(),
            size: self.size(),
            delivered: self.receipted(),
            code: code.to_owned(),
            proof: proof.to_owned(),
            at,
        };
        let empty = Frontier::new().to_bytes();
        self.commit(|tx| {
            // The number is this journal's own: it cannot be anything but digits.
            tx.execute_batch(&format!(
                "ALTER TABLE entries RENAME TO entries_{number}; ALTER TABLE heads RENAME TO heads_{number}; \
                 ALTER TABLE receipts RENAME TO receipts_{number}; ALTER TABLE traces RENAME TO traces_{number};"
            ))?;
            tx.execute_batch(LOG_TABLES)?;
            super::traces::open(tx)?;
            tx.execute(
                "INSERT INTO sealed VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    to_sql(number)?,
                    sealed.kiosk.as_str(),
                    sealed.origin,
                    sealed.key.seed(),
                    to_sql(sealed.size)?,
                    to_sql(sealed.delivered)?,
                    sealed.code,
                    sealed.proof,
                    sealed.at.0
                ],
            )?;
            for (size, note) in &heads {
                tx.execute(
                    "INSERT INTO sealed_heads VALUES (?1, ?2, ?3)",
                    params![to_sql(number)?, to_sql(*size)?, note],
                )?;
            }
            tx.execute("UPDATE tip SET frontier = ?1, base = ?1", [&empty])?;
            tx.execute("UPDATE log SET seed = ?1, receipted = ?2", params![seed.as_slice(), empty])?;
            tx.execute("UPDATE enrolment SET origin = ?1, awaits = 1", [&origin])?;
            Ok(())
        })?;
        self.sealed.push(sealed);
        self.key = fresh;
        self.frontier = Frontier::new();
        self.base = Frontier::new();
        self.receipted = Frontier::new();
        self.receipted_at_s = None;
        self.damaged = 0;
        self.trace_tip = Some(TraceTip::NONE);
        self.beside = None;
        self.awaits = true;
        if let Some(enrolment) = &mut self.enrolment {
            enrolment.origin = origin;
        }
        Ok(())
    }

    /// The heads under which the rest of the log is delivered once nothing more may be signed for it.
    fn last_heads(&self, origin: &str) -> Result<Vec<(u64, String)>, JournalError> {
        let mut frontier = self.receipted.clone();
        let mut entries = self
            .db
            .prepare("SELECT leaf FROM entries WHERE idx >= ?1 ORDER BY idx")?;
        let mut rows = entries.query([to_sql(frontier.size())?])?;
        let first = frontier.size();
        let mut heads = Vec::new();
        while let Some(row) = rows.next()? {
            frontier.append(schema::hash(row, 0)?);
            let size = frontier.size();
            if (size - first).is_multiple_of(SEALED_BATCH_ENTRIES) || size == self.size() {
                let head = Checkpoint::new(origin, size, frontier.root())
                    .map_err(|e| JournalError::damaged(&e))?;
                heads.push((size, sign_checkpoint(&head, &self.key)));
            }
        }
        if frontier == self.frontier {
            Ok(heads)
        } else {
            Err(JournalError::Damaged(
                "the entries do not give the log's frontier".to_owned(),
            ))
        }
    }

    /// The next entries of a sealed log that the issuer does not hold; `None` where it holds all.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn sealed_batch(&self) -> Result<Option<SealedBatch>, JournalError> {
        let Some(sealed) = self.sealed.iter().find(|log| log.delivered < log.size) else {
            return Ok(None);
        };
        let head: Option<(i64, String)> = self
            .db
            .query_row(
                "SELECT size, note FROM sealed_heads WHERE log = ?1 AND size > ?2 ORDER BY size LIMIT 1",
                params![to_sql(sealed.number)?, to_sql(sealed.delivered)?],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let Some((end, checkpoint)) = head else {
            return Ok(None);
        };
        let mut entries = self.db.prepare(&format!(
            "SELECT leaf, bytes FROM entries_{} WHERE idx >= ?1 AND idx < ?2 ORDER BY idx",
            sealed.number
        ))?;
        let mut rows = entries.query(params![to_sql(sealed.delivered)?, end])?;
        let mut leaves = Vec::new();
        while let Some(row) = rows.next()? {
            let leaf = schema::hash(row, 0)?;
            let bytes: Vec<u8> = row.get(1)?;
            leaves.push(if evidence::leaf_hash(&bytes) == leaf {
                OwnedLeaf::Entry(bytes)
            } else {
                OwnedLeaf::Damaged(leaf)
            });
        }
        Ok(Some(SealedBatch {
            number: sealed.number,
            kiosk: sealed.kiosk.clone(),
            prepared: Prepared {
                start: sealed.delivered,
                checkpoint,
                leaves,
                // The new log witnesses the ledger from here on.
                ledger_size: 0,
                ledger: None,
            },
        }))
    }

    /// The signed head of all of a sealed log's entries; `None` of a log without any.
    ///
    /// # Errors
    /// Where the database cannot be read, or holds no such head.
    pub fn sealed_head(&self, sealed: &SealedLog) -> Result<Option<String>, JournalError> {
        if sealed.size == 0 {
            return Ok(None);
        }
        // What was receipted before has no head of its own among the last ones.
        let note = self
            .db
            .query_row(
                &format!(
                    "SELECT note FROM sealed_heads WHERE log = ?1 AND size = ?2 \
                     UNION ALL SELECT note FROM receipts_{} WHERE size = ?2",
                    sealed.number
                ),
                params![to_sql(sealed.number)?, to_sql(sealed.size)?],
                |row| row.get(0),
            )
            .optional()?;
        note.map(Some).ok_or_else(|| {
            JournalError::Damaged(format!(
                "there is no signed head of the {} entries of sealed log {}",
                sealed.size, sealed.number
            ))
        })
    }

    /// As [`Journal::for_each`], of a sealed log.
    ///
    /// # Errors
    /// As there.
    pub fn for_each_sealed<E: From<JournalError>>(
        &self,
        sealed: &SealedLog,
        from: u64,
        each: impl FnMut(u64, Hash, Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each_in(&format!("entries_{}", sealed.number), from, each)
    }

    /// Notes how much of a sealed log the issuer holds. It may be less than before, where the issuer was restored.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn note_delivered(&mut self, number: u64, size: u64) -> Result<(), JournalError> {
        let Some(at) = self.sealed.iter().position(|log| log.number == number) else {
            return Ok(());
        };
        let size = size.min(self.sealed[at].size);
        self.commit(|tx| {
            tx.execute(
                "UPDATE sealed SET delivered = ?2 WHERE number = ?1",
                params![to_sql(number)?, to_sql(size)?],
            )?;
            Ok(())
        })?;
        self.sealed[at].delivered = size;
        Ok(())
    }

    /// Hands on the traces and the entries after them of the log sealed last.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn replay_sealed<R: Replay>(&self, mut replay: R) -> Result<R, JournalError> {
        let Some(sealed) = self.sealed.last() else {
            return Ok(replay);
        };
        let traces = format!("traces_{}", sealed.number);
        let known = self.db.table_exists(None, traces.as_str())?;
        let (tip, _) = if known {
            self.read_chunks(&traces, sealed.size, &mut replay)?
        } else {
            (TraceTip::NONE, Frontier::new())
        };
        self.for_each_sealed(sealed, tip.size(), |index, _, bytes| {
            replay.entry(index, bytes);
            // Nothing is kept for a sealed log any more.
            replay.due();
            Ok::<(), JournalError>(())
        })?;
        Ok(replay)
    }
}
