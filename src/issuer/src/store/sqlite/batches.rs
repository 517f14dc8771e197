//! Taking a batch, in SQLite: lock the head, check, persist.
//!
//! The head of a log is the row of `head` with the largest size; each accepted batch adds one, with the frontier that the
//! log had then. So the root at any earlier size is the nearest head below it and a few leaves, and nothing here grows
//! with the log.

use std::collections::BTreeSet;

use attendance::UtcMs;
use attendance::words::Direction;
use evidence::{Frontier, Hash};
use protocol::badge::BadgeDigest;
use protocol::ledger::{self as bodies, LedgerBody};
use rusqlite::{OptionalExtension as _, params};

use super::super::batches::{
    BatchOutcome, ClockFact, Held, Meaning, PreparedBatch, PreparedEntry, ScanFact, ShownHead,
    WitnessFact,
};
use super::super::events::LedgerHead;
use super::branches::{self, Kept};
use super::enrolment::numbers;
use super::ledger::{self, Nodes};
use super::{Result, StoreError, Tx, decisions, entry_key, events, log_reads};
use crate::intake::fit::{self, Fit};

/// A log's newest head, inside a transaction.
pub(super) struct Tip {
    pub(super) size: u64,
    pub(super) frontier: Frontier,
    pub(super) note: String,
    pub(super) receipt_s: u64,
}

pub(super) fn tip(tx: &Tx<'_>, log: i64) -> Result<Option<Tip>> {
    head_below(tx, log, u64::MAX >> 1)
}

/// The largest head of at most `size` entries.
fn head_below(tx: &Tx<'_>, log: i64, size: u64) -> Result<Option<Tip>> {
    let row: Option<(u64, Vec<u8>, String, u64)> = tx
        .prepare_cached(
            "SELECT size, frontier, note, receipt_s FROM head \
             WHERE log = ?1 AND size <= ?2 ORDER BY size DESC LIMIT 1",
        )?
        .query_row(params![log, size], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((size, bytes, note, receipt_s)) = row else {
        return Ok(None);
    };
    let frontier = Frontier::from_bytes(&bytes)
        .ok()
        .filter(|f| f.size() == size)
        .ok_or_else(|| StoreError::Damaged(format!("the frontier of log {log} at {size}")))?;
    Ok(Some(Tip {
        size,
        frontier,
        note,
        receipt_s,
    }))
}

/// The leaves of a log, `from` up to `to`.
pub(super) fn leaves(tx: &Tx<'_>, log: i64, from: u64, to: u64) -> Result<Vec<Hash>> {
    let mut statement =
        tx.prepare_cached("SELECT leaf FROM entry WHERE id >= ?1 AND id < ?2 ORDER BY id")?;
    let rows = statement.query_map(
        params![entry_key(log, from)?, entry_key(log, to.max(from))?],
        |row| row.get(0).map(Hash),
    )?;
    let leaves: Vec<Hash> = rows.collect::<rusqlite::Result<_>>()?;
    if leaves.len() as u64 == to.saturating_sub(from) {
        Ok(leaves)
    } else {
        Err(StoreError::Damaged(format!(
            "entries {from} to {to} of log {log} are missing"
        )))
    }
}

/// The frontier that a log had at a size of at most its own.
pub(super) fn frontier_at(tx: &Tx<'_>, log: i64, size: u64) -> Result<Frontier> {
    let mut frontier = head_below(tx, log, size)?.map_or_else(Frontier::new, |tip| tip.frontier);
    frontier.append_all(leaves(tx, log, frontier.size(), size)?);
    Ok(frontier)
}

/// The whole of the unit.
pub(super) fn accept(tx: &Tx<'_>, batch: &PreparedBatch<'_>, now: UtcMs) -> Result<BatchOutcome> {
    let (log, event) = numbers(tx, &batch.kiosk)?;
    let ledger_head = ledger::head(tx, event)?;
    let tip = tip(tx, log)?;
    let size = tip.as_ref().map_or(0, |t| t.size);
    let subject = batch.kiosk.as_str();
    let behind = BatchOutcome::LedgerBehind {
        size: ledger_head.size,
        seen: batch.ledger_size,
    };
    let mut lost = false;
    for shown in heads_shown(batch) {
        lost |= branches::lose(tx, event, &batch.kiosk, &shown, now)?;
    }
    if lost || ledger::refuse_lost(tx, event).is_err() {
        return Ok(behind);
    }
    // The mere number is no proof, so nothing stops for it but this batch, which is offered again.
    if batch.ledger_size > ledger_head.size && batch.ledger.is_none() {
        let detail = format!(
            "the kiosk holds a ledger of {} entries, this database {}: it is older than what was signed",
            batch.ledger_size, ledger_head.size
        );
        log_reads::raise(tx, event, subject, "ledger_behind", &detail, now)?;
        return Ok(behind);
    }
    if batch.start > size {
        // A branch may be longer than the log that is held.
        return match branches::continue_branch(tx, log, batch, now)?.zip(tip) {
            Some((kept, tip)) => Ok(BatchOutcome::Fork {
                size,
                note: tip.note,
                kept: Some(kept),
            }),
            None => Ok(BatchOutcome::Gap { size }),
        };
    }
    let offered: Vec<Hash> = batch.entries.iter().map(|e| e.leaf).collect();
    let end = batch.start + offered.len() as u64;
    let held = leaves(tx, log, batch.start, end.min(size))?;
    let before = frontier_at(tx, log, batch.start)?;
    let held_note = tip.as_ref().map(|t| t.note.clone());
    let at_checkpoint = if batch.checkpoint.size < size {
        Some(frontier_at(tx, log, batch.checkpoint.size)?.root())
    } else {
        tip.as_ref()
            .filter(|t| t.size == batch.checkpoint.size)
            .map(|t| t.frontier.root())
    };
    let forked = |kept: Kept, note: Option<String>| {
        let detail = format!(
            "entries from {} on contradict the {size} held: two histories under one key",
            batch.start
        );
        log_reads::raise(tx, event, subject, "fork", &detail, now)?;
        Ok(BatchOutcome::Fork {
            size,
            note: note.ok_or(StoreError::Moved { what: "log" })?,
            kept: match kept {
                Kept::UpTo(size) => Some(size),
                Kept::No => None,
            },
        })
    };
    match fit::fit(
        before.clone(),
        &held,
        &offered,
        at_checkpoint,
        &batch.checkpoint,
    ) {
        Fit::Held => {
            let tip = tip.ok_or(StoreError::Moved { what: "log" })?;
            answer(tx, event, batch, tip, (0, 0), ledger_head)
        }
        Fit::Advances(frontier) => {
            let news = &batch.entries[held.len()..];
            advance(tx, event, log, batch, size, news, &frontier, now)
        }
        Fit::Fork => {
            let kept = branches::keep_fork(tx, log, batch, before, &held, now)?;
            forked(kept, held_note)
        }
        // What goes on from a branch fits that, and not the log.
        Fit::Misfit => match branches::continue_branch(tx, log, batch, now)? {
            Some(kept) => forked(Kept::UpTo(kept), held_note),
            None => {
                let detail = format!(
                    "the checkpoint of size {} is not that of the entries sent from {} on",
                    batch.checkpoint.size, batch.start
                );
                log_reads::raise(tx, event, subject, "bad_checkpoint", &detail, now)?;
                Ok(BatchOutcome::Misfit { size })
            }
        },
    }
}

/// The heads of the ledger that a batch shows, signed by this issuer: the one its kiosk holds, and those among its entries.
fn heads_shown(batch: &PreparedBatch<'_>) -> impl Iterator<Item = ShownHead> {
    let entries = batch
        .entries
        .iter()
        .filter_map(|entry| match &entry.meaning {
            Meaning::Taken {
                witness: Some(witness),
                ..
            } => Some(ShownHead {
                size: witness.size,
                root: witness.root,
                note: witness.note.clone(),
            }),
            Meaning::Taken { .. } | Meaning::Quarantined { .. } => None,
        });
    batch.ledger.clone().into_iter().chain(entries)
}

fn answer(
    tx: &Tx<'_>,
    event: i64,
    batch: &PreparedBatch<'_>,
    tip: Tip,
    (added, quarantined): (u64, u64),
    ledger: LedgerHead,
) -> Result<BatchOutcome> {
    // A longer ledger that a person has given up cannot be led from: the kiosk sees that and does not cosign.
    let consistency = if batch.ledger_size > ledger.size {
        evidence::ConsistencyProof(Vec::new())
    } else {
        events::prove_extends(batch.ledger_size, ledger.size, &Nodes { tx, event })?
    };
    Ok(BatchOutcome::Held(Held {
        size: tip.size,
        added,
        quarantined,
        note: tip.note,
        receipt_s: tip.receipt_s,
        ledger,
        consistency,
    }))
}

#[allow(clippy::too_many_arguments)]
fn advance(
    tx: &Tx<'_>,
    event: i64,
    log: i64,
    batch: &PreparedBatch<'_>,
    size: u64,
    news: &[PreparedEntry<'_>],
    frontier: &Frontier,
    now: UtcMs,
) -> Result<BatchOutcome> {
    let receipt_s = u64::try_from(now.0 / 1_000).unwrap_or(0);
    let seen = persist_entries(tx, event, log, size, news)?;
    let quarantined = quarantine(tx, log, size, news, now)?;
    observe_clock(tx, log, size, news)?;
    decisions::make_badges_due(tx, event, &seen, now)?;
    // Scans that were held before may now be placed more narrowly.
    let says_more = |entry: &PreparedEntry<'_>| entry.meaning.clock().is_some_and(|c| c.marks);
    if news.iter().any(says_more) {
        decisions::make_reviews_due(tx, event, log, now)?;
    }
    persist_witnesses(tx, event, log, &batch.kiosk, news, now)?;
    tx.prepare_cached(
        "INSERT INTO head (log, size, root, frontier, note, receipt_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        log,
        frontier.size(),
        frontier.root().as_bytes(),
        frontier.to_bytes(),
        batch.note,
        receipt_s
    ])?;
    let head = LedgerBody::KioskHead(bodies::KioskHead {
        log: batch.checkpoint.origin.clone(),
        from: size,
        size: frontier.size(),
        root: frontier.root(),
        receipt_s,
    });
    let count = quarantined.len() as u64;
    let exceptions = quarantined.into_iter().map(|(index, leaf, code)| {
        LedgerBody::Quarantine(bodies::Quarantine {
            log: batch.checkpoint.origin.clone(),
            index,
            leaf,
            code: code.to_owned(),
        })
    });
    let (_, ledger) = ledger::append(tx, event, now, std::iter::once(head).chain(exceptions))?;
    let is_late: bool = tx
        .prepare_cached("SELECT retired_size IS NOT NULL FROM log WHERE number = ?1")?
        .query_row([log], |row| row.get(0))?;
    if is_late {
        let detail = "entries came after the enrolment had ended; they are kept and wait for `rollcall-issuer review list`";
        log_reads::raise(tx, event, batch.kiosk.as_str(), "late_entries", detail, now)?;
    }
    if count > 0 {
        let detail = format!("the meaning of {count} entries could not be taken; they are kept");
        log_reads::raise(tx, event, batch.kiosk.as_str(), "quarantine", &detail, now)?;
    }
    let tip = Tip {
        size: frontier.size(),
        frontier: frontier.clone(),
        note: batch.note.clone(),
        receipt_s,
    };
    answer(tx, event, batch, tip, (news.len() as u64, count), ledger)
}

/// Keeps the entries, where each badge's scans lie, and who is where; gives the badges that were seen.
fn persist_entries(
    tx: &Tx<'_>,
    event: i64,
    log: i64,
    start: u64,
    entries: &[PreparedEntry<'_>],
) -> Result<BTreeSet<BadgeDigest>> {
    let mut seen = BTreeSet::new();
    let mut insert = tx.prepare_cached(
        "INSERT INTO entry (id, leaf, bytes, kind, earlier) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (index, entry) in (start..).zip(entries) {
        let key = entry_key(log, index)?;
        let (kind, scan) = match &entry.meaning {
            Meaning::Taken { kind, scan, .. } => (Some(*kind), scan.as_ref()),
            Meaning::Quarantined { .. } => (None, None),
        };
        let earlier = match scan {
            Some(scan) => follow(tx, event, log, scan.badge, key)?,
            None => None,
        };
        insert.execute(params![
            key,
            entry.leaf.as_bytes(),
            entry.bytes,
            kind,
            earlier
        ])?;
        if let Some(scan) = scan.filter(|scan| scan.is_presence) {
            persist_presence(tx, event, key, scan)?;
            seen.insert(scan.badge);
        }
    }
    Ok(seen)
}

/// Makes an entry the newest scan of a badge in a log. Gives the one that was so before.
fn follow(tx: &Tx<'_>, event: i64, log: i64, badge: BadgeDigest, key: i64) -> Result<Option<i64>> {
    // The row keeps the one before as well, only so that one statement can tell it.
    let earlier = tx
        .prepare_cached(
            "INSERT INTO signal (event, badge, log, newest) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET before = newest, newest = excluded.newest RETURNING before",
        )?
        .query_row(params![event, badge.0, log, key], |row| row.get(0))?;
    Ok(earlier)
}

/// Keeps who is where. Who was merely seen neither came nor went.
fn persist_presence(tx: &Tx<'_>, event: i64, key: i64, scan: &ScanFact) -> Result<()> {
    if scan.direction == Direction::Seen {
        return Ok(());
    }
    let room = scan.room.as_ref().map(attendance::words::RoomId::as_str);
    tx.prepare_cached(
        "INSERT INTO presence (event, badge, entry, wall_ms, room, direction) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET entry = excluded.entry, \
         wall_ms = excluded.wall_ms, room = excluded.room, direction = excluded.direction \
         WHERE excluded.wall_ms >= presence.wall_ms",
    )?
    .execute(params![
        event,
        scan.badge.0,
        key,
        scan.wall.0,
        room,
        scan.direction.as_str()
    ])?;
    Ok(())
}

fn quarantine(
    tx: &Tx<'_>,
    log: i64,
    start: u64,
    entries: &[PreparedEntry<'_>],
    now: UtcMs,
) -> Result<Vec<(u64, Hash, &'static str)>> {
    let mut found = Vec::new();
    for (index, entry) in (start..).zip(entries) {
        if let Meaning::Quarantined { code, detail, .. } = &entry.meaning {
            tx.prepare_cached(
                "INSERT INTO quarantine (entry, code, detail, at_ms) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![entry_key(log, index)?, code, detail, now.0])?;
            found.push((index, entry.leaf, *code));
        }
    }
    Ok(found)
}

struct Segment {
    number: u32,
    boot: String,
    lowest_ms: u64,
    highest_ms: u64,
    highest: u64,
}

/// Keeps what a clock history must observe: each segment's first entry, its extremes, and what marks it.
fn observe_clock(tx: &Tx<'_>, log: i64, start: u64, entries: &[PreparedEntry<'_>]) -> Result<()> {
    let mut segment = tx
        .prepare_cached(
            "SELECT number, boot, lowest_ms, highest_ms, highest FROM clock_segment \
             WHERE log = ?1 ORDER BY number DESC LIMIT 1",
        )?
        .query_row([log], |row| {
            Ok(Segment {
                number: row.get(0)?,
                boot: row.get(1)?,
                lowest_ms: row.get(2)?,
                highest_ms: row.get(3)?,
                highest: row.get(4)?,
            })
        })
        .optional()?;
    let mut mark = tx.prepare_cached("INSERT INTO clock_mark (log, idx) VALUES (?1, ?2)")?;
    let mut changed = false;
    for (index, entry) in (start..).zip(entries) {
        let Some(clock) = entry.meaning.clock() else {
            continue;
        };
        changed = true;
        match &mut segment {
            Some(now) if now.boot == clock.boot.as_str() && !clock.suspends => {
                if clock.marks || clock.raw_ms < now.lowest_ms {
                    mark.execute(params![log, index])?;
                }
                now.lowest_ms = now.lowest_ms.min(clock.raw_ms);
                if clock.raw_ms >= now.highest_ms {
                    (now.highest_ms, now.highest) = (clock.raw_ms, index);
                }
            }
            ended => {
                if let Some(ended) = ended.as_ref() {
                    put_segment(tx, log, ended)?;
                }
                mark.execute(params![log, index])?;
                *ended = Some(begin_segment(ended.as_ref(), clock, index));
            }
        }
    }
    match segment {
        Some(segment) if changed => put_segment(tx, log, &segment),
        _ => Ok(()),
    }
}

fn begin_segment(before: Option<&Segment>, clock: &ClockFact, index: u64) -> Segment {
    Segment {
        number: before.map_or(0, |s| s.number + 1),
        boot: clock.boot.to_string(),
        lowest_ms: clock.raw_ms,
        highest_ms: clock.raw_ms,
        highest: index,
    }
}

fn put_segment(tx: &Tx<'_>, log: i64, segment: &Segment) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO clock_segment (log, number, boot, lowest_ms, highest_ms, highest) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET lowest_ms = excluded.lowest_ms, \
         highest_ms = excluded.highest_ms, highest = excluded.highest",
    )?
    .execute(params![
        log,
        segment.number,
        segment.boot,
        segment.lowest_ms,
        segment.highest_ms,
        segment.highest
    ])?;
    Ok(())
}

/// Keeps the kiosk's cosignatures on the ledger. One that this ledger contradicts means that the ledger was rewritten.
fn persist_witnesses(
    tx: &Tx<'_>,
    event: i64,
    log: i64,
    kiosk: &attendance::words::KioskId,
    entries: &[PreparedEntry<'_>],
    now: UtcMs,
) -> Result<()> {
    for entry in entries {
        let Meaning::Taken {
            witness: Some(witness),
            ..
        } = &entry.meaning
        else {
            continue;
        };
        let WitnessFact {
            size,
            root,
            time_s,
            note,
        } = witness;
        let holds = *size <= ledger::head(tx, event)?.size
            && evidence::root_at(*size, &Nodes { tx, event })? == *root;
        if holds {
            tx.prepare_cached(
                "INSERT OR IGNORE INTO witness (event, size, log, time_s, note) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![event, size, log, time_s, note])?;
        } else {
            let detail = format!(
                "the kiosk cosigned a ledger of {size} entries that is not this one: the ledger was rewritten or is older"
            );
            log_reads::raise(
                tx,
                event,
                kiosk.as_str(),
                "ledger_contradicted",
                &detail,
                now,
            )?;
        }
    }
    Ok(())
}
