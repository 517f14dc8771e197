//! Branches, cases and lost heads, in SQLite.

use std::collections::BTreeSet;

use attendance::UtcMs;
use attendance::words::{EventId, KioskId};
use evidence::{Frontier, Hash};
use protocol::badge::BadgeDigest;
use protocol::entry::{self, Body};
use protocol::ledger::{self as bodies, CaseKind, CaseOutcome, LedgerBody};
use rusqlite::{OptionalExtension as _, Row, params};

use super::super::batches::{PreparedBatch, PreparedEntry, ShownHead};
use super::super::branches::{BranchFacts, BranchUnits, CaseFacts, Closed, LostHead, MAX_BRANCHES};
use super::super::events::{LogEntry, MAX_PAGE};
use super::columns::{hash, public_key, word};
use super::enrolment::numbers;
use super::ledger::{self, Nodes};
use super::{
    Result, SqliteStore, StoreError, Tx, batches, decisions, entry_key, events, log_reads,
};

/// A branch as it grows.
struct Branch {
    number: i64,
    base: u64,
    size: u64,
    frontier: Frontier,
}

fn branches_of(tx: &Tx<'_>, log: i64) -> Result<Vec<Branch>> {
    let mut statement = tx.prepare_cached(
        "SELECT number, base, size, frontier FROM branch WHERE log = ?1 ORDER BY number DESC",
    )?;
    let rows = statement.query_map([log], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    rows.map(|row| {
        let (number, base, size, bytes): (i64, u64, u64, Vec<u8>) = row?;
        let frontier = Frontier::from_bytes(&bytes)
            .ok()
            .filter(|f| f.size() == size)
            .ok_or_else(|| StoreError::Damaged(format!("the frontier of branch {number}")))?;
        Ok(Branch {
            number,
            base,
            size,
            frontier,
        })
    })
    .collect()
}

/// The leaves of a branch's own entries, `from` up to `to`.
fn own_leaves(tx: &Tx<'_>, branch: i64, from: u64, to: u64) -> Result<Vec<Hash>> {
    let mut statement = tx.prepare_cached(
        "SELECT leaf FROM branch_entry WHERE branch = ?1 AND idx >= ?2 AND idx < ?3 ORDER BY idx",
    )?;
    let rows = statement.query_map(params![branch, from, to], |row| row.get(0).map(Hash))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The leaves of a branch, those it shares with its log included.
fn leaves(tx: &Tx<'_>, log: i64, branch: &Branch, from: u64, to: u64) -> Result<Vec<Hash>> {
    let mut found = Vec::new();
    if from < branch.base {
        found = batches::leaves(tx, log, from, to.min(branch.base))?;
    }
    found.extend(own_leaves(tx, branch.number, from.max(branch.base), to)?);
    Ok(found)
}

/// Where a refused batch belongs: how far it is kept.
pub(super) enum Kept {
    /// It goes on from a branch, or repeats it, or begins one: held up to this size.
    UpTo(u64),
    /// It joins nothing that is held.
    No,
}

/// Keeps a batch that begins within a branch, or where one ends. Nothing where it is of none.
pub(super) fn continue_branch(
    tx: &Tx<'_>,
    log: i64,
    batch: &PreparedBatch<'_>,
    now: UtcMs,
) -> Result<Option<u64>> {
    let end = batch.start + batch.entries.len() as u64;
    let offered: Vec<Hash> = batch.entries.iter().map(|e| e.leaf).collect();
    for branch in branches_of(tx, log)? {
        if batch.start > branch.size || end <= branch.base {
            continue;
        }
        let held = leaves(tx, log, &branch, batch.start, end.min(branch.size))?;
        if !offered.starts_with(&held) {
            continue;
        }
        if end <= branch.size {
            let mut frontier = batches::frontier_at(tx, log, branch.base)?;
            frontier.append_all(own_leaves(tx, branch.number, branch.base, end)?);
            if is_of(&frontier, batch) {
                return Ok(Some(branch.size));
            }
            continue;
        }
        let mut frontier = branch.frontier.clone();
        frontier.append_all(offered[held.len()..].iter().copied());
        if !is_of(&frontier, batch) {
            continue;
        }
        append(tx, branch.number, branch.size, &batch.entries[held.len()..])?;
        tx.prepare_cached(
            "UPDATE branch SET size = ?2, frontier = ?3, note = ?4, last_ms = ?5 WHERE number = ?1",
        )?
        .execute(params![
            branch.number,
            frontier.size(),
            frontier.to_bytes(),
            batch.note,
            now.0
        ])?;
        return Ok(Some(end));
    }
    Ok(None)
}

fn is_of(frontier: &Frontier, batch: &PreparedBatch<'_>) -> bool {
    frontier.size() == batch.checkpoint.size && frontier.root() == batch.checkpoint.root
}

/// Keeps a batch that contradicts the log: as a new branch where it joins the log, else as it came.
pub(super) fn keep_fork(
    tx: &Tx<'_>,
    log: i64,
    batch: &PreparedBatch<'_>,
    before: Frontier,
    held: &[Hash],
    now: UtcMs,
) -> Result<Kept> {
    if let Some(size) = continue_branch(tx, log, batch, now)? {
        return Ok(Kept::UpTo(size));
    }
    let mut frontier = before;
    frontier.append_all(batch.entries.iter().map(|e| e.leaf));
    let count: u64 = tx
        .prepare_cached("SELECT count(*) FROM branch WHERE log = ?1")?
        .query_row([log], |row| row.get(0))?;
    if !is_of(&frontier, batch) || count >= MAX_BRANCHES {
        keep_batch(tx, log, batch, now)?;
        return Ok(Kept::No);
    }
    let shared = batch
        .entries
        .iter()
        .zip(held)
        .take_while(|(offered, held)| offered.leaf == **held)
        .count();
    let base = batch.start + shared as u64;
    tx.prepare_cached(
        "INSERT INTO branch (log, base, size, frontier, note, first_ms, last_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
    )?
    .execute(params![
        log,
        base,
        frontier.size(),
        frontier.to_bytes(),
        batch.note,
        now.0
    ])?;
    append(tx, tx.last_insert_rowid(), base, &batch.entries[shared..])?;
    Ok(Kept::UpTo(frontier.size()))
}

fn append(tx: &Tx<'_>, branch: i64, start: u64, entries: &[PreparedEntry<'_>]) -> Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO branch_entry (branch, idx, leaf, bytes) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (index, entry) in (start..).zip(entries) {
        insert.execute(params![branch, index, entry.leaf.as_bytes(), entry.bytes])?;
    }
    Ok(())
}

/// Keeps a refused batch by itself: its checkpoint proves a fork, yet what lies between is not known.
fn keep_batch(tx: &Tx<'_>, log: i64, batch: &PreparedBatch<'_>, now: UtcMs) -> Result<()> {
    let mut lines = Vec::new();
    for entry in &batch.entries {
        match entry.bytes {
            Some(bytes) => lines.extend_from_slice(bytes),
            None => {
                lines.extend_from_slice(protocol::batch::damaged_line(entry.leaf).as_bytes());
            }
        }
        lines.push(b'\n');
    }
    let hash = evidence::sha256(&[batch.note.as_bytes(), b"\n", &lines].concat());
    tx.prepare_cached(
        "INSERT OR IGNORE INTO refused_batch (log, hash, start, size, note, leaves, at_ms) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 \
         WHERE (SELECT count(*) FROM refused_batch WHERE log = ?1) < ?8",
    )?
    .execute(params![
        log,
        hash.as_bytes(),
        batch.start,
        batch.checkpoint.size,
        batch.note,
        lines,
        now.0,
        MAX_BRANCHES
    ])?;
    Ok(())
}

/// Whether a head that this issuer signed is lost here: longer than the ledger, or of another root. What a person has settled is not lost
/// again. Where it is, the longest one shown is kept, and nothing is signed any more.
pub(super) fn lose(
    tx: &Tx<'_>,
    event: i64,
    kiosk: &KioskId,
    shown: &ShownHead,
    now: UtcMs,
) -> Result<bool> {
    let size = ledger::head(tx, event)?.size;
    let holds =
        shown.size <= size && evidence::root_at(shown.size, &Nodes { tx, event })? == shown.root;
    if holds {
        return Ok(false);
    }
    let before: Option<(u64, Option<i64>)> = tx
        .prepare_cached("SELECT size, settled_ms FROM lost_head WHERE event = ?1")?
        .query_row([event], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match before {
        Some((settled, Some(_))) if shown.size <= settled => return Ok(false),
        Some((known, None)) if shown.size <= known => return Ok(true),
        _ => {}
    }
    tx.prepare_cached(
        "INSERT INTO lost_head (event, size, root, note, kiosk, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note, \
         kiosk = excluded.kiosk, at_ms = excluded.at_ms, settled_ms = NULL",
    )?
    .execute(params![
        event,
        shown.size,
        shown.root.as_bytes(),
        shown.note,
        kiosk.as_str(),
        now.0
    ])?;
    let detail = format!(
        "the kiosk {kiosk} holds a head of {} entries that this issuer signed and this database does not hold: nothing is signed until \
         the right database is restored or `rollcall-issuer ledger recover` is run",
        shown.size
    );
    log_reads::raise(tx, event, kiosk.as_str(), "ledger_lost", &detail, now)?;
    Ok(true)
}

fn branch_facts(row: &Row<'_>) -> rusqlite::Result<(BranchFacts, Vec<u8>)> {
    let facts = BranchFacts {
        number: row.get(0)?,
        kiosk: word(row, 1)?,
        base: row.get(2)?,
        size: row.get(3)?,
        root: Hash::EMPTY_ROOT,
        note: row.get(5)?,
        first: UtcMs(row.get(6)?),
        last: UtcMs(row.get(7)?),
    };
    Ok((facts, row.get(4)?))
}

fn with_root((facts, frontier): (BranchFacts, Vec<u8>)) -> Result<BranchFacts> {
    let frontier =
        Frontier::from_bytes(&frontier).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(BranchFacts {
        root: frontier.root(),
        ..facts
    })
}

const BRANCH_COLUMNS: &str = "SELECT b.number, l.kiosk, b.base, b.size, b.frontier, b.note, b.first_ms, b.last_ms \
     FROM branch b JOIN log l ON l.number = b.log";

fn about(text: &str) -> Result<CaseKind> {
    match text {
        "fork" => Ok(CaseKind::Fork),
        "late" => Ok(CaseKind::Late),
        other => Err(StoreError::Damaged(format!("a case about {other:?}"))),
    }
}

fn outcome(text: &str) -> Result<CaseOutcome> {
    match text {
        "admitted" => Ok(CaseOutcome::Admitted),
        "denied" => Ok(CaseOutcome::Denied),
        other => Err(StoreError::Damaged(format!("a case closed as {other:?}"))),
    }
}

/// A case's id, by what it is about and how far it goes. A branch that grows after its case was closed is a new case.
fn case_id(about: CaseKind, number: i64, size: u64) -> String {
    format!("{}-{number}-{size}", about.as_str())
}

/// The cases that were closed.
fn closed(tx: &Tx<'_>, event: i64) -> Result<Vec<CaseFacts>> {
    let mut statement = tx.prepare_cached(
        "SELECT c.id, c.about, l.kiosk, l.door, l.origin, l.public_key, c.branch, c.base, c.size, c.root, \
         c.note, coalesce(b.first_ms, l.retired_ms, c.at_ms), c.outcome, c.reason, c.operator, c.at_ms, c.ledger \
         FROM closed_case c JOIN log l ON l.number = c.log LEFT JOIN branch b ON b.number = c.branch \
         WHERE c.event = ?1 ORDER BY c.id",
    )?;
    let mut rows = statement.query([event])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (what, how): (String, String) = (row.get(1)?, row.get(12)?);
        found.push(CaseFacts {
            id: row.get(0)?,
            about: about(&what)?,
            kiosk: word(row, 2)?,
            door: word(row, 3)?,
            origin: row.get(4)?,
            public_key: public_key(row, 5)?,
            branch: row.get(6)?,
            base: row.get(7)?,
            size: row.get(8)?,
            root: hash(row, 9)?,
            note: row.get(10)?,
            since: UtcMs(row.get(11)?),
            closed: Some(Closed {
                outcome: outcome(&how)?,
                reason: row.get(13)?,
                operator: row.get(14)?,
                at: UtcMs(row.get(15)?),
                ledger: row.get(16)?,
            }),
        });
    }
    Ok(found)
}

/// A case with the number of its log.
type Numbered = (i64, CaseFacts);

/// The branches and late entries that no case closes as far as they go.
fn open(tx: &Tx<'_>, event: i64) -> Result<Vec<Numbered>> {
    let mut found = Vec::new();
    let mut statement = tx.prepare_cached(
        "SELECT b.number, b.log, l.kiosk, l.door, l.origin, l.public_key, b.base, b.size, b.frontier, b.note, b.first_ms \
         FROM branch b JOIN log l ON l.number = b.log WHERE l.event = ?1 AND b.size > \
         coalesce((SELECT max(c.size) FROM closed_case c WHERE c.branch = b.number), 0) ORDER BY b.number",
    )?;
    let mut rows = statement.query([event])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let size: u64 = row.get(7)?;
        let frontier = Frontier::from_bytes(&row.get::<_, Vec<u8>>(8)?)
            .map_err(|error| StoreError::Damaged(error.to_string()))?;
        let facts = CaseFacts {
            id: case_id(CaseKind::Fork, number, size),
            about: CaseKind::Fork,
            kiosk: word(row, 2)?,
            door: word(row, 3)?,
            origin: row.get(4)?,
            public_key: public_key(row, 5)?,
            branch: Some(number.unsigned_abs()),
            base: row.get(6)?,
            size,
            root: frontier.root(),
            note: row.get(9)?,
            since: UtcMs(row.get(10)?),
            closed: None,
        };
        found.push((row.get(1)?, facts));
    }
    let mut statement = tx.prepare_cached(
        "SELECT l.number, l.kiosk, l.door, l.origin, l.public_key, l.retired_size, l.retired_ms FROM log l \
         WHERE l.event = ?1 AND l.retired_size IS NOT NULL ORDER BY l.number",
    )?;
    let mut rows = statement.query([event])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let base: u64 = row.get(5)?;
        let Some(tip) = batches::tip(tx, number)? else {
            continue;
        };
        let seen: u64 = tx
            .prepare_cached(
                "SELECT coalesce(max(size), 0) FROM closed_case WHERE log = ?1 AND branch IS NULL",
            )?
            .query_row([number], |row| row.get(0))?;
        if tip.size <= base.max(seen) {
            continue;
        }
        let facts = CaseFacts {
            id: case_id(CaseKind::Late, number, tip.size),
            about: CaseKind::Late,
            kiosk: word(row, 1)?,
            door: word(row, 2)?,
            origin: row.get(3)?,
            public_key: public_key(row, 4)?,
            branch: None,
            base,
            size: tip.size,
            root: tip.frontier.root(),
            note: None,
            since: UtcMs(row.get(6)?),
            closed: None,
        };
        found.push((number, facts));
    }
    Ok(found)
}

/// The badges of the scans in question.
fn badges(tx: &Tx<'_>, log: i64, case: &CaseFacts) -> Result<BTreeSet<BadgeDigest>> {
    let mut found = BTreeSet::new();
    let mut take = |bytes: Option<Vec<u8>>| {
        if let Some(Ok(parsed)) = bytes.map(|bytes| entry::parse(&bytes))
            && let Body::Scan(scan) = parsed.body
        {
            found.insert(scan.badge.digest);
        }
    };
    let mut statement;
    let mut rows = match case.branch {
        Some(branch) => {
            statement = tx.prepare_cached("SELECT bytes FROM branch_entry WHERE branch = ?1")?;
            statement.query([branch])?
        }
        None => {
            statement = tx.prepare_cached("SELECT bytes FROM entry WHERE id >= ?1 AND id < ?2")?;
            statement.query(params![
                entry_key(log, case.base)?,
                entry_key(log, case.size)?
            ])?
        }
    };
    while let Some(row) = rows.next()? {
        take(row.get(0)?);
    }
    Ok(found)
}

impl BranchUnits for SqliteStore {
    fn branches(&self, kiosk: &KioskId) -> Result<Vec<BranchFacts>> {
        self.read(|tx| {
            let (log, _) = numbers(tx, kiosk)?;
            let mut statement = tx.prepare_cached(&format!(
                "{BRANCH_COLUMNS} WHERE b.log = ?1 ORDER BY b.number"
            ))?;
            let rows = statement.query_map([log], branch_facts)?;
            rows.map(|row| with_root(row?)).collect()
        })
    }

    fn branch_entries(&self, branch: u64, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT idx, leaf, bytes FROM branch_entry WHERE branch = ?1 AND idx >= ?2 \
                 ORDER BY idx LIMIT ?3",
            )?;
            let rows = statement.query_map(params![branch, from, limit.min(MAX_PAGE)], |row| {
                let bytes: Option<Vec<u8>> = row.get(2)?;
                let parsed = bytes.as_deref().map(entry::parse);
                Ok(LogEntry {
                    index: row.get(0)?,
                    leaf: hash(row, 1)?,
                    kind: parsed
                        .and_then(std::result::Result::ok)
                        .map(|entry| entry.body.kind().to_owned()),
                    bytes,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn cases(&self, event: &EventId) -> Result<Vec<CaseFacts>> {
        self.read(|tx| {
            let event = events::number(tx, event)?;
            let mut cases = closed(tx, event)?;
            cases.extend(open(tx, event)?.into_iter().map(|(_, case)| case));
            cases.sort_by(|a, b| a.id.cmp(&b.id));
            Ok(cases)
        })
    }

    fn close_case(
        &self,
        event: &EventId,
        id: &str,
        size: u64,
        outcome: CaseOutcome,
        reason: &str,
        operator: &str,
        now: UtcMs,
    ) -> Result<u64> {
        self.write(|tx| {
            let number = events::number(tx, event)?;
            let Some((log, case)) = open(tx, number)?.into_iter().find(|(_, c)| c.id == id) else {
                let was = closed(tx, number)?.into_iter().any(|case| case.id == id);
                return Err(if was {
                    StoreError::Exists {
                        what: "decision on case",
                        id: id.to_owned(),
                    }
                } else {
                    StoreError::not_found("case", id)
                });
            };
            if case.size != size {
                return Err(StoreError::Moved { what: "case" });
            }
            let body = LedgerBody::Case(bodies::Case {
                case: id.to_owned(),
                about: case.about,
                log: case.origin.clone(),
                base: case.base,
                size,
                root: case.root,
                outcome,
                reason: reason.to_owned(),
                operator: operator.to_owned(),
            });
            let index = ledger::append_one(tx, number, now, body)?;
            tx.prepare_cached(
                "INSERT INTO closed_case (event, id, about, log, branch, base, size, root, note, outcome, \
                 reason, operator, at_ms, ledger) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                number,
                id,
                case.about.as_str(),
                log,
                case.branch,
                case.base,
                size,
                case.root.as_bytes(),
                case.note,
                outcome.as_str(),
                reason,
                operator,
                now.0,
                index
            ])?;
            if outcome == CaseOutcome::Admitted {
                let seen = badges(tx, log, &case)?;
                decisions::make_badges_due(tx, number, &seen, now)?;
            }
            Ok(index)
        })
    }

    fn lost_head(&self, event: &EventId) -> Result<Option<LostHead>> {
        self.read(|tx| lost(tx, events::number(tx, event)?))
    }

    fn settle_lost_head(
        &self,
        event: &EventId,
        reason: &str,
        operator: &str,
        now: UtcMs,
    ) -> Result<u64> {
        self.write(|tx| {
            let number = events::number(tx, event)?;
            let lost = lost(tx, number)?
                .filter(|lost| lost.settled.is_none())
                .ok_or_else(|| StoreError::not_found("lost head of the ledger of", event))?;
            tx.prepare_cached("UPDATE lost_head SET settled_ms = ?2 WHERE event = ?1")?
                .execute(params![number, now.0])?;
            let body = LedgerBody::Recovery(bodies::Recovery {
                size: lost.size,
                root: lost.root,
                kiosk: lost.kiosk,
                reason: reason.to_owned(),
                operator: operator.to_owned(),
            });
            ledger::append_one(tx, number, now, body)
        })
    }
}

fn lost(tx: &Tx<'_>, event: i64) -> Result<Option<LostHead>> {
    Ok(tx
        .prepare_cached(
            "SELECT size, root, note, kiosk, at_ms, settled_ms FROM lost_head WHERE event = ?1",
        )?
        .query_row([event], |row| {
            Ok(LostHead {
                size: row.get(0)?,
                root: hash(row, 1)?,
                note: row.get(2)?,
                kiosk: word(row, 3)?,
                at: UtcMs(row.get(4)?),
                settled: row.get::<_, Option<i64>>(5)?.map(UtcMs),
            })
        })
        .optional()?)
}
