//! The ledger inside a transaction: appending to it, and the nodes that proofs are made of.

use attendance::UtcMs;
use evidence::{Frontier, Hash, NodeSource};
use protocol::ledger::{LedgerBody, LedgerEntry};
use rusqlite::{OptionalExtension as _, params};

use super::super::events::LedgerHead;
use super::{Result, StoreError, Tx, entry_key};

/// A ledger's origin, size and frontier.
pub(super) fn frontier(tx: &Tx<'_>, event: i64) -> Result<(String, Frontier)> {
    let (origin, size, bytes): (String, u64, Vec<u8>) = tx
        .prepare_cached("SELECT origin, size, frontier FROM ledger WHERE event = ?1")?
        .query_row([event], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let frontier =
        Frontier::from_bytes(&bytes).map_err(|error| StoreError::Damaged(error.to_string()))?;
    if frontier.size() == size {
        Ok((origin, frontier))
    } else {
        Err(StoreError::Damaged(format!(
            "the ledger {origin} has {size} entries, its frontier {}",
            frontier.size()
        )))
    }
}

/// A ledger's head.
pub(super) fn head(tx: &Tx<'_>, event: i64) -> Result<LedgerHead> {
    let (origin, frontier) = frontier(tx, event)?;
    Ok(LedgerHead {
        origin,
        size: frontier.size(),
        root: frontier.root(),
    })
}

/// Fails where a head that was signed before is lost and nobody has dealt with it.
pub(super) fn refuse_lost(tx: &Tx<'_>, event: i64) -> Result<()> {
    let lost = tx
        .prepare_cached(
            "SELECT kiosk, size FROM lost_head WHERE event = ?1 AND settled_ms IS NULL",
        )?
        .query_row([event], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match lost {
        Some((kiosk, size)) => Err(StoreError::LostHead { kiosk, size }),
        None => Ok(()),
    }
}

/// Appends entries. Gives the index of the first and the head after the last.
pub(super) fn append(
    tx: &Tx<'_>,
    event: i64,
    now: UtcMs,
    bodies: impl IntoIterator<Item = LedgerBody>,
) -> Result<(u64, LedgerHead)> {
    refuse_lost(tx, event)?;
    let (origin, mut frontier) = frontier(tx, event)?;
    let first = frontier.size();
    let mut entries = tx.prepare_cached(
        "INSERT INTO ledger_entry (id, leaf, bytes, kind) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut nodes = tx.prepare_cached(
        "INSERT INTO ledger_node (event, level, place, hash) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for body in bodies {
        let kind = body.kind();
        let bytes = protocol::ledger::encode(&LedgerEntry { at: now, body })
            .map_err(|error| StoreError::Refused(format!("a {kind} entry: {error}")))?;
        let leaf = evidence::leaf_hash(&bytes);
        let key = entry_key(event, frontier.size())?;
        entries.execute(params![key, leaf.as_bytes(), bytes, kind])?;
        // Leaves lie with their entries; only what is above them is kept here.
        let mut above = Vec::new();
        frontier.append_with(leaf, |level, place, hash| {
            if level > 0 {
                above.push((level, place, hash));
            }
        });
        for (level, place, hash) in above {
            nodes.execute(params![event, level, place, hash.as_bytes()])?;
        }
    }
    tx.prepare_cached("UPDATE ledger SET size = ?2, frontier = ?3 WHERE event = ?1")?
        .execute(params![event, frontier.size(), frontier.to_bytes()])?;
    let head = LedgerHead {
        origin,
        size: frontier.size(),
        root: frontier.root(),
    };
    Ok((first, head))
}

/// Appends one entry and gives its index.
pub(super) fn append_one(tx: &Tx<'_>, event: i64, now: UtcMs, body: LedgerBody) -> Result<u64> {
    append(tx, event, now, [body]).map(|(index, _)| index)
}

/// The kept nodes of a ledger.
pub(super) struct Nodes<'a> {
    pub(super) tx: &'a Tx<'a>,
    pub(super) event: i64,
}

impl NodeSource for Nodes<'_> {
    type Error = StoreError;

    fn node(&self, level: u8, index: u64) -> Result<Hash> {
        let found: Option<[u8; 32]> = if level == 0 {
            self.tx
                .prepare_cached("SELECT leaf FROM ledger_entry WHERE id = ?1")?
                .query_row([entry_key(self.event, index)?], |row| row.get(0))
                .optional()?
        } else {
            self.tx
                .prepare_cached(
                    "SELECT hash FROM ledger_node WHERE event = ?1 AND level = ?2 AND place = ?3",
                )?
                .query_row(params![self.event, level, index], |row| row.get(0))
                .optional()?
        };
        found.map(Hash).ok_or_else(|| {
            StoreError::Damaged(format!("the ledger's node {level}/{index} is missing"))
        })
    }
}
