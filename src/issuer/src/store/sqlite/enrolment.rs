//! Claims, kiosks, bundles and statuses, in SQLite.

use attendance::UtcMs;
use attendance::words::{EventId, KioskId, MAX_ID_BYTES};
use protocol::ledger::{self as bodies, LedgerBody};
use rusqlite::{OptionalExtension as _, Row, params};

use super::super::enrolment::{
    BundleFacts, ClaimFault, EnrolmentUnits, KioskFacts, NewClaim, Redeemed, Redemption,
    StatusFacts,
};
use super::columns::{hash, public_key, word};
use super::{Result, SqliteStore, StoreError, Tx, events, ledger};

const KIOSK_COLUMNS: &str = "SELECT l.kiosk, e.id, l.door, l.origin, l.public_key, l.software, \
     l.enrolled_ms, l.retired_ms, coalesce(h.size, 0), h.receipt_s, l.retired_size FROM log l \
     JOIN event e ON e.number = l.event \
     LEFT JOIN head h ON h.log = l.number AND h.size = (SELECT max(size) FROM head WHERE log = l.number)";

fn kiosk_facts(row: &Row<'_>) -> rusqlite::Result<KioskFacts> {
    Ok(KioskFacts {
        kiosk: word(row, 0)?,
        event: word(row, 1)?,
        door: word(row, 2)?,
        origin: row.get(3)?,
        public_key: public_key(row, 4)?,
        software: row.get(5)?,
        enrolled: UtcMs(row.get(6)?),
        retired: row.get::<_, Option<i64>>(7)?.map(UtcMs),
        size: row.get(8)?,
        receipt_s: row.get(9)?,
        retired_size: row.get(10)?,
    })
}

fn kiosk_by_number(tx: &Tx<'_>, log: i64) -> Result<KioskFacts> {
    Ok(tx
        .prepare_cached(&format!("{KIOSK_COLUMNS} WHERE l.number = ?1"))?
        .query_row([log], kiosk_facts)?)
}

/// Ends an enrolment, and remembers what was held then.
const RETIRE: &str = "UPDATE log SET retired_ms = ?2, retired_size = \
     coalesce((SELECT max(size) FROM head WHERE head.log = log.number), 0) \
     WHERE number = ?1 AND retired_ms IS NULL";

/// The numbers of a kiosk's log and of its event.
pub(super) fn numbers(tx: &Tx<'_>, kiosk: &KioskId) -> Result<(i64, i64)> {
    tx.prepare_cached("SELECT number, event FROM log WHERE kiosk = ?1")?
        .query_row([kiosk.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or_else(|| StoreError::not_found("kiosk", kiosk))
}

/// The id of a new kiosk: readable by its door, and unlike all others.
fn new_id(door: &str, suffix: &str) -> Result<KioskId> {
    let room = MAX_ID_BYTES.saturating_sub(suffix.len() + 1);
    let door = door.get(..room.min(door.len())).unwrap_or(door);
    KioskId::new(&format!("{door}-{suffix}"))
        .map_err(|error| StoreError::Refused(error.to_string()))
}

fn enrol(tx: &Tx<'_>, event: i64, door: &str, redemption: &Redemption, now: UtcMs) -> Result<i64> {
    let kiosk = new_id(door, &redemption.suffix)?;
    let key = &redemption.public_key;
    let origin = evidence::kiosk_origin(&redemption.issuer, kiosk.as_str(), key)
        .map_err(|error| StoreError::Refused(error.to_string()))?;
    let added = tx
        .prepare_cached(
            "INSERT OR IGNORE INTO log (event, kiosk, door, origin, public_key, software, enrolled_ms) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            event,
            kiosk.as_str(),
            door,
            origin,
            key.as_bytes(),
            redemption.software,
            now.0
        ])?;
    if added == 0 {
        return Err(StoreError::Moved {
            what: "list of kiosk ids",
        });
    }
    let log = tx.last_insert_rowid();
    replace(tx, event, door, (log, &kiosk), now)?;
    let door = door
        .parse()
        .map_err(|error: attendance::words::BadId| StoreError::Damaged(error.to_string()))?;
    let body = LedgerBody::Kiosk(bodies::Kiosk {
        kiosk,
        door,
        log: origin,
        public_key: *key,
    });
    ledger::append_one(tx, event, now, body)?;
    events::revise(tx, event)?;
    Ok(log)
}

/// Ends the earlier enrolments of a door: one kiosk stands there.
fn replace(
    tx: &Tx<'_>,
    event: i64,
    door: &str,
    (log, by): (i64, &KioskId),
    now: UtcMs,
) -> Result<()> {
    let earlier: Vec<(i64, KioskId)> = tx
        .prepare_cached(
            "SELECT number, kiosk FROM log WHERE event = ?1 AND door = ?2 AND number <> ?3 \
             AND retired_ms IS NULL ORDER BY number",
        )?
        .query_map(params![event, door, log], |row| {
            Ok((row.get(0)?, word(row, 1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (number, kiosk) in earlier {
        tx.prepare_cached(RETIRE)?.execute(params![number, now.0])?;
        let body = LedgerBody::Retirement(bodies::Retirement {
            kiosk,
            reason: bodies::REPLACED.to_owned(),
            operator: by.to_string(),
        });
        ledger::append_one(tx, event, now, body)?;
    }
    Ok(())
}

/// A claim's event, door, expiry and the log that redeemed it.
type ClaimRow = (i64, String, i64, Option<i64>);

fn redeem(tx: &Tx<'_>, redemption: &Redemption, now: UtcMs) -> Result<Redeemed> {
    let claim: Option<ClaimRow> = tx
        .prepare_cached("SELECT event, door, expires_ms, log FROM claim WHERE secret = ?1")?
        .query_row([redemption.secret.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((event, door, expires_ms, log)) = claim else {
        return Ok(Redeemed::Refused(ClaimFault::Unknown));
    };
    if now.0 >= expires_ms {
        return Ok(Redeemed::Refused(ClaimFault::Expired));
    }
    if let Some(log) = log {
        let kiosk = kiosk_by_number(tx, log)?;
        return Ok(if kiosk.public_key == redemption.public_key {
            Redeemed::Kiosk(Box::new(kiosk))
        } else {
            Redeemed::Refused(ClaimFault::Used)
        });
    }
    let log = enrol(tx, event, &door, redemption, now)?;
    tx.prepare_cached("UPDATE claim SET log = ?2 WHERE secret = ?1")?
        .execute(params![redemption.secret.as_bytes(), log])?;
    kiosk_by_number(tx, log).map(|kiosk| Redeemed::Kiosk(Box::new(kiosk)))
}

fn bundle_facts(row: &Row<'_>) -> rusqlite::Result<BundleFacts> {
    Ok(BundleFacts {
        sequence: row.get(0)?,
        content: hash(row, 1)?,
        expires: UtcMs(row.get(2)?),
    })
}

impl EnrolmentUnits for SqliteStore {
    fn put_claim(&self, claim: &NewClaim) -> Result<()> {
        self.write(|tx| {
            let event = events::number(tx, &claim.event)?;
            let has_door: bool = tx
                .prepare_cached("SELECT count(*) > 0 FROM door WHERE event = ?1 AND id = ?2")?
                .query_row(params![event, claim.door.as_str()], |row| row.get(0))?;
            if !has_door {
                return Err(StoreError::not_found("door", &claim.door));
            }
            tx.prepare_cached(
                "INSERT INTO claim (secret, event, door, expires_ms) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                claim.secret.as_bytes(),
                event,
                claim.door.as_str(),
                claim.expires.0
            ])?;
            Ok(())
        })
    }

    fn redeem_claim(&self, redemption: &Redemption, now: UtcMs) -> Result<Redeemed> {
        self.write(|tx| redeem(tx, redemption, now))
    }

    fn kiosk(&self, kiosk: &KioskId) -> Result<KioskFacts> {
        self.read(|tx| {
            tx.prepare_cached(&format!("{KIOSK_COLUMNS} WHERE l.kiosk = ?1"))?
                .query_row([kiosk.as_str()], kiosk_facts)
                .optional()?
                .ok_or_else(|| StoreError::not_found("kiosk", kiosk))
        })
    }

    fn kiosks(&self, event: &EventId) -> Result<Vec<KioskFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(&format!(
                "{KIOSK_COLUMNS} WHERE l.event = ?1 ORDER BY l.kiosk"
            ))?;
            let rows = statement.query_map([number], kiosk_facts)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn retire_kiosk(
        &self,
        kiosk: &KioskId,
        reason: &str,
        operator: &str,
        now: UtcMs,
    ) -> Result<()> {
        self.write(|tx| {
            let (log, event) = numbers(tx, kiosk)?;
            let changed = tx.prepare_cached(RETIRE)?.execute(params![log, now.0])?;
            if changed == 0 {
                return Err(StoreError::Exists {
                    what: "retirement of kiosk",
                    id: kiosk.to_string(),
                });
            }
            let body = LedgerBody::Retirement(bodies::Retirement {
                kiosk: kiosk.clone(),
                reason: reason.to_owned(),
                operator: operator.to_owned(),
            });
            ledger::append_one(tx, event, now, body)?;
            events::revise(tx, event)
        })
    }

    fn bundle(&self, kiosk: &KioskId) -> Result<Option<BundleFacts>> {
        self.read(|tx| {
            let (log, _) = numbers(tx, kiosk)?;
            Ok(tx
                .prepare_cached("SELECT sequence, content, expires_ms FROM bundle WHERE log = ?1")?
                .query_row([log], bundle_facts)
                .optional()?)
        })
    }

    fn bundle_bytes(&self, kiosk: &KioskId) -> Result<Option<(BundleFacts, Vec<u8>)>> {
        self.read(|tx| {
            let (log, _) = numbers(tx, kiosk)?;
            Ok(tx
                .prepare_cached(
                    "SELECT sequence, content, expires_ms, bytes FROM bundle WHERE log = ?1",
                )?
                .query_row([log], |row| Ok((bundle_facts(row)?, row.get(3)?)))
                .optional()?)
        })
    }

    fn put_bundle(&self, kiosk: &KioskId, facts: &BundleFacts, bytes: &[u8]) -> Result<()> {
        self.write(|tx| {
            let (log, _) = numbers(tx, kiosk)?;
            let changed = tx
                .prepare_cached(
                    "INSERT INTO bundle (log, sequence, content, expires_ms, bytes) \
                     SELECT ?1, ?2, ?3, ?4, ?5 \
                     WHERE ?2 = 1 + coalesce((SELECT sequence FROM bundle WHERE log = ?1), 0) \
                     ON CONFLICT DO UPDATE SET sequence = excluded.sequence, \
                     content = excluded.content, expires_ms = excluded.expires_ms, \
                     bytes = excluded.bytes",
                )?
                .execute(params![
                    log,
                    facts.sequence,
                    facts.content.as_bytes(),
                    facts.expires.0,
                    bytes
                ])?;
            if changed == 1 {
                Ok(())
            } else {
                Err(StoreError::Moved { what: "bundle" })
            }
        })
    }

    fn put_status(&self, kiosk: &KioskId, body: &str, now: UtcMs) -> Result<()> {
        self.write(|tx| {
            let (log, _) = numbers(tx, kiosk)?;
            tx.prepare_cached(
                "INSERT INTO kiosk_status (log, at_ms, body) VALUES (?1, ?2, ?3) \
                 ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms, body = excluded.body",
            )?
            .execute(params![log, now.0, body])?;
            Ok(())
        })
    }

    fn statuses(&self, event: &EventId) -> Result<Vec<StatusFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT l.kiosk, s.at_ms, s.body FROM kiosk_status s \
                 JOIN log l ON l.number = s.log WHERE l.event = ?1 ORDER BY l.kiosk",
            )?;
            let rows = statement.query_map([number], |row| {
                Ok(StatusFacts {
                    kiosk: word(row, 0)?,
                    at: UtcMs(row.get(1)?),
                    body: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
