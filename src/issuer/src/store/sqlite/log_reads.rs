//! Reading logs, presence, quarantine and alarms, in SQLite.

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId, KioskId};
use protocol::badge::BadgeDigest;
use rusqlite::{Row, params};

use super::super::batches::{
    AlarmFacts, BatchOutcome, BatchUnits, HeadFacts, PreparedBatch, PresenceFacts, QuarantineFacts,
    ScanEntry,
};
use super::super::events::{LogEntry, MAX_PAGE};
use super::columns::{hash, word, word_opt};
use super::enrolment::numbers;
use super::{Result, SqliteStore, StoreError, Tx, batches, entry_key, entry_place, events};

/// Raises an alarm, or counts it where it stands open.
pub(super) fn raise(
    tx: &Tx<'_>,
    event: i64,
    subject: &str,
    code: &str,
    detail: &str,
    now: UtcMs,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO alarm (event, subject, code, detail, first_ms, last_ms, count) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, 1) \
         ON CONFLICT (event, subject, code) WHERE cleared_ms IS NULL \
         DO UPDATE SET detail = excluded.detail, last_ms = excluded.last_ms, count = count + 1",
    )?
    .execute(params![event, subject, code, detail, now.0])?;
    Ok(())
}

fn log_entry(row: &Row<'_>) -> rusqlite::Result<LogEntry> {
    Ok(LogEntry {
        index: entry_place(row.get(0)?).1,
        leaf: hash(row, 1)?,
        bytes: row.get(2)?,
        kind: row.get(3)?,
    })
}

fn scan_entry(row: &Row<'_>) -> rusqlite::Result<ScanEntry> {
    Ok(ScanEntry {
        kiosk: word(row, 0)?,
        origin: row.get(1)?,
        index: entry_place(row.get(2)?).1,
        bytes: row.get(3)?,
    })
}

/// The scans that end in the chains of `ends`: each entry of `signal` and what came before it in its log. CROSS JOIN keeps the
/// order: from the badges to their scans, never from all scans to the badges.
macro_rules! scans_of {
    ($ends:literal) => {
        concat!(
            "WITH RECURSIVE scan (id, bytes, earlier) AS (SELECT e.id, e.bytes, e.earlier FROM ",
            $ends,
            " UNION ALL SELECT e.id, e.bytes, e.earlier FROM scan CROSS JOIN entry e ON e.id = scan.earlier) ",
            "SELECT l.kiosk, l.origin, scan.id, scan.bytes FROM scan JOIN log l ON l.number = scan.id >> 40 ",
            "ORDER BY scan.id"
        )
    };
}

pub(super) const SCANS_OF_ATTENDEE: &str = scans_of!(
    "(SELECT digest FROM badge WHERE event = ?1 AND attendee = ?2 \
     UNION SELECT badge FROM assistant WHERE event = ?1 AND attendee = ?2) b \
     CROSS JOIN signal s ON s.event = ?1 AND s.badge = b.digest \
     CROSS JOIN entry e ON e.id = s.newest"
);

pub(super) const SCANS_OF_BADGE: &str =
    scans_of!("signal s CROSS JOIN entry e ON e.id = s.newest WHERE s.event = ?1 AND s.badge = ?2");

fn presence_facts(row: &Row<'_>) -> rusqlite::Result<PresenceFacts> {
    Ok(PresenceFacts {
        badge: BadgeDigest(row.get(0)?),
        attendee: word_opt(row, 1)?,
        room: word_opt(row, 2)?,
        direction: word(row, 3)?,
        wall: UtcMs(row.get(4)?),
        kiosk: word(row, 5)?,
        index: entry_place(row.get(6)?).1,
    })
}

fn alarm_facts(row: &Row<'_>) -> rusqlite::Result<AlarmFacts> {
    Ok(AlarmFacts {
        number: row.get(0)?,
        subject: row.get(1)?,
        code: row.get(2)?,
        detail: row.get(3)?,
        first: UtcMs(row.get(4)?),
        last: UtcMs(row.get(5)?),
        count: row.get(6)?,
        cleared: row.get::<_, Option<i64>>(7)?.map(UtcMs),
    })
}

impl BatchUnits for SqliteStore {
    fn accept_batch(&self, batch: &PreparedBatch<'_>, now: UtcMs) -> Result<BatchOutcome> {
        self.write_together(|tx| batches::accept(tx, batch, now))
    }

    fn head(&self, kiosk: &KioskId) -> Result<Option<HeadFacts>> {
        self.read(|tx| {
            let (log, _) = numbers(tx, kiosk)?;
            let tip = batches::tip(tx, log)?;
            Ok(tip.map(|tip| HeadFacts {
                size: tip.size,
                root: tip.frontier.root(),
                note: tip.note,
                receipt_s: tip.receipt_s,
            }))
        })
    }

    fn entries(&self, kiosk: &KioskId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.read(|tx| {
            let (log, _) = numbers(tx, kiosk)?;
            let mut statement = tx.prepare_cached(
                "SELECT id, leaf, bytes, kind FROM entry WHERE id >= ?1 AND id < ?2 \
                 ORDER BY id LIMIT ?3",
            )?;
            let range = params![
                entry_key(log, from)?,
                entry_key(log + 1, 0)?,
                limit.min(MAX_PAGE)
            ];
            let rows = statement.query_map(range, log_entry)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn clock_entries(&self, kiosk: &KioskId) -> Result<Vec<LogEntry>> {
        self.read(|tx| {
            let (log, _) = numbers(tx, kiosk)?;
            let mut statement = tx.prepare_cached(
                "SELECT id, leaf, bytes, kind FROM entry WHERE bytes IS NOT NULL AND id IN ( \
                 SELECT ?1 + idx FROM clock_mark WHERE log = ?3 \
                 UNION SELECT ?1 + highest FROM clock_segment WHERE log = ?3 \
                 UNION SELECT max(id) FROM entry WHERE id >= ?1 AND id < ?2 AND kind IS NOT NULL) \
                 ORDER BY id",
            )?;
            let rows = statement.query_map(
                params![entry_key(log, 0)?, entry_key(log + 1, 0)?, log],
                log_entry,
            )?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn scans_of(&self, event: &EventId, attendee: &AttendeeId) -> Result<Vec<ScanEntry>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(SCANS_OF_ATTENDEE)?;
            let rows = statement.query_map(params![number, attendee.as_str()], scan_entry)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn scans_of_badge(&self, event: &EventId, badge: BadgeDigest) -> Result<Vec<ScanEntry>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(SCANS_OF_BADGE)?;
            let rows = statement.query_map(params![number, badge.0], scan_entry)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn presence(&self, event: &EventId) -> Result<Vec<PresenceFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT p.badge, b.attendee, p.room, p.direction, p.wall_ms, l.kiosk, p.entry \
                 FROM presence p JOIN log l ON l.number = p.entry >> 40 \
                 LEFT JOIN badge b ON b.event = p.event AND b.digest = p.badge \
                 WHERE p.event = ?1 ORDER BY p.badge",
            )?;
            let rows = statement.query_map([number], presence_facts)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn quarantined(&self, event: &EventId) -> Result<Vec<QuarantineFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT l.kiosk, q.entry, q.code, q.detail, q.at_ms FROM quarantine q \
                 JOIN log l ON l.number = q.entry >> 40 WHERE l.event = ?1 ORDER BY q.entry",
            )?;
            let rows = statement.query_map([number], |row| {
                Ok(QuarantineFacts {
                    kiosk: word(row, 0)?,
                    index: entry_place(row.get(1)?).1,
                    code: row.get(2)?,
                    detail: row.get(3)?,
                    at: UtcMs(row.get(4)?),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn raise_alarm(
        &self,
        event: &EventId,
        subject: &str,
        code: &str,
        detail: &str,
        now: UtcMs,
    ) -> Result<()> {
        self.write(|tx| raise(tx, events::number(tx, event)?, subject, code, detail, now))
    }

    fn alarms(&self, event: &EventId) -> Result<Vec<AlarmFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT number, subject, code, detail, first_ms, last_ms, count, cleared_ms \
                 FROM alarm WHERE event = ?1 ORDER BY cleared_ms IS NOT NULL, last_ms DESC, number",
            )?;
            let rows = statement.query_map([number], alarm_facts)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn clear_alarm(&self, event: &EventId, alarm: u64, now: UtcMs) -> Result<()> {
        self.write(|tx| {
            let number = events::number(tx, event)?;
            let changed = tx
                .prepare_cached(
                    "UPDATE alarm SET cleared_ms = ?3 WHERE event = ?1 AND number = ?2 \
                     AND cleared_ms IS NULL",
                )?
                .execute(params![number, alarm, now.0])?;
            if changed == 1 {
                Ok(())
            } else {
                Err(StoreError::not_found("open alarm", &alarm))
            }
        })
    }

    fn put_watermark(&self, kiosk: &KioskId, at: UtcMs) -> Result<()> {
        self.write(|tx| {
            let (log, _) = numbers(tx, kiosk)?;
            tx.prepare_cached(
                "INSERT INTO watermark (log, at_ms) VALUES (?1, ?2) \
                 ON CONFLICT DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)",
            )?
            .execute(params![log, at.0])?;
            Ok(())
        })
    }

    fn watermarks(&self, event: &EventId) -> Result<Vec<(KioskId, Option<UtcMs>)>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT l.kiosk, w.at_ms FROM log l LEFT JOIN watermark w ON w.log = l.number \
                 WHERE l.event = ?1 ORDER BY l.kiosk",
            )?;
            let rows = statement.query_map([number], |row| {
                Ok((word(row, 0)?, row.get::<_, Option<i64>>(1)?.map(UtcMs)))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
