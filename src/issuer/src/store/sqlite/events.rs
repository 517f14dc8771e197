//! Events, doors, agendas, rules and the ledger, in SQLite.

use attendance::UtcMs;
use attendance::words::{DoorId, EventId};
use evidence::{ConsistencyProof, Hash, InclusionProof, NodeSource, ProveError, PublicKey};
use protocol::bundle::DoorPolicy;
use protocol::ledger::{self as bodies, LedgerBody};
use rusqlite::{OptionalExtension as _, Row, params};

use super::super::events::{
    AgendaChange, DoorFacts, EventFacts, EventUnits, LedgerHead, LogEntry, MAX_PAGE, NewEvent,
    ProgrammeFacts, Version, Versioned, Witness,
};
use super::columns::{hash, hash_opt, joined, list, names, names_text, public_key, word};
use super::ledger::{self, Nodes};
use super::{Result, SqliteStore, StoreError, Tx, decisions, entry_key, entry_place};

/// The number of an event.
pub(super) fn number(tx: &Tx<'_>, event: &EventId) -> Result<i64> {
    tx.prepare_cached("SELECT number FROM event WHERE id = ?1")?
        .query_row([event.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| StoreError::not_found("event", event))
}

/// Notes that bundles of the event hold something new.
pub(super) fn revise(tx: &Tx<'_>, event: i64) -> Result<()> {
    tx.prepare_cached("UPDATE event SET revision = revision + 1 WHERE number = ?1")?
        .execute([event])?;
    Ok(())
}

const EVENT_COLUMNS: &str = "SELECT e.id, e.title, e.zone, e.languages, e.names, e.repeat_s, \
     e.margin_s, e.badge_key_id, e.badge_key, e.created_ms, e.revision, l.origin, e.ticket_keys \
     FROM event e JOIN ledger l ON l.event = e.number";

fn event_facts(row: &Row<'_>) -> rusqlite::Result<EventFacts> {
    Ok(EventFacts {
        id: word(row, 0)?,
        title: row.get(1)?,
        zone: row.get(2)?,
        languages: list(row, 3)?,
        names: names(row, 4)?,
        policy: DoorPolicy {
            repeat_s: row.get(5)?,
            margin_s: row.get(6)?,
        },
        badge_key_id: row.get(7)?,
        badge_key: row.get(8)?,
        created: UtcMs(row.get(9)?),
        revision: row.get(10)?,
        ledger: row.get(11)?,
        ticket_keys: list(row, 12)?,
    })
}

fn programme_facts(row: &Row<'_>) -> rusqlite::Result<ProgrammeFacts> {
    Ok(ProgrammeFacts {
        id: word(row, 0)?,
        title: row.get(1)?,
        rules: hash_opt(row, 2)?,
    })
}

fn version_facts(row: &Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        number: row.get(0)?,
        object: hash(row, 1)?,
        ledger: row.get(2)?,
        at: UtcMs(row.get(3)?),
    })
}

/// The version in force.
pub(super) fn version(tx: &Tx<'_>, event: i64, what: Versioned) -> Result<Option<Version>> {
    Ok(tx
        .prepare_cached(
            "SELECT number, object, ledger, at_ms FROM version \
             WHERE event = ?1 AND what = ?2 ORDER BY number DESC LIMIT 1",
        )?
        .query_row(params![event, what.as_str()], version_facts)
        .optional()?)
}

/// Brings a version into force that a ledger entry has announced. Fails with `Moved`.
pub(super) fn put_version(
    tx: &Tx<'_>,
    event: i64,
    what: Versioned,
    base: Option<Hash>,
    new: &Version,
) -> Result<u64> {
    let before = version(tx, event, what)?;
    if before.map(|v| v.object) != base {
        return Err(StoreError::Moved {
            what: what.as_str(),
        });
    }
    let number = before.map_or(1, |v| v.number + 1);
    tx.prepare_cached(
        "INSERT INTO version (event, what, number, object, ledger, at_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        event,
        what.as_str(),
        number,
        new.object.as_bytes(),
        new.ledger,
        new.at.0
    ])?;
    revise(tx, event)?;
    Ok(number)
}

fn put_agenda(
    tx: &Tx<'_>,
    event: i64,
    change: &AgendaChange,
    ledger: u64,
    now: UtcMs,
) -> Result<u64> {
    let new = Version {
        number: 0,
        object: change.object,
        ledger,
        at: now,
    };
    let number = put_version(tx, event, Versioned::Agenda, change.base, &new)?;
    tx.prepare_cached("DELETE FROM programme WHERE event = ?1")?
        .execute([event])?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO programme (event, id, title, rules) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for programme in &change.programmes {
        insert.execute(params![
            event,
            programme.id.as_str(),
            programme.title,
            programme.rules.as_ref().map(Hash::as_bytes)
        ])?;
    }
    decisions::make_all_due(tx, event, now)?;
    Ok(number)
}

fn within_ledger<T>(
    tx: &Tx<'_>,
    event: &EventId,
    size: u64,
    read: impl FnOnce(&Nodes<'_>) -> Result<T>,
) -> Result<T> {
    let number = number(tx, event)?;
    if size > ledger::head(tx, number)?.size {
        return Err(StoreError::not_found("ledger entry", &size));
    }
    read(&Nodes { tx, event: number })
}

fn proven<T>(proof: std::result::Result<T, ProveError<StoreError>>) -> Result<T> {
    proof.map_err(|error| match error {
        ProveError::Range { from, .. } => StoreError::not_found("ledger entry", &from),
        ProveError::Source(cause) => cause,
    })
}

fn witness(row: &Row<'_>) -> rusqlite::Result<Witness> {
    Ok(Witness {
        size: row.get(0)?,
        origin: row.get(1)?,
        public_key: public_key(row, 2)?,
        time_s: row.get(3)?,
        note: row.get(4)?,
    })
}

impl EventUnits for SqliteStore {
    fn create_event(&self, event: &NewEvent, now: UtcMs) -> Result<()> {
        self.write(|tx| {
            let added = tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO event (id, title, zone, languages, names, repeat_s, \
                     margin_s, badge_key_id, badge_key, created_ms, revision) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1)",
                )?
                .execute(params![
                    event.id.as_str(),
                    event.title,
                    event.zone,
                    joined(&event.languages),
                    names_text(event.names),
                    event.policy.repeat_s,
                    event.policy.margin_s,
                    event.badge_key_id,
                    event.badge_key,
                    now.0
                ])?;
            if added == 0 {
                return Err(StoreError::Exists {
                    what: "event",
                    id: event.id.to_string(),
                });
            }
            let number = number(tx, &event.id)?;
            tx.prepare_cached(
                "INSERT INTO ledger (event, origin, size, frontier) VALUES (?1, ?2, 0, ?3)",
            )?
            .execute(params![
                number,
                event.ledger,
                evidence::Frontier::new().to_bytes()
            ])?;
            let body = LedgerBody::Event(bodies::Event {
                event: event.id.clone(),
                title: event.title.clone(),
                zone: event.zone.clone(),
                issuer: event.issuer.clone(),
                issuer_key: event.issuer_key,
                badge_key: event.badge_key_id.clone(),
            });
            ledger::append_one(tx, number, now, body).map(|_| ())
        })
    }

    fn events(&self) -> Result<Vec<EventFacts>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(&format!("{EVENT_COLUMNS} ORDER BY e.id"))?;
            let rows = statement.query_map([], event_facts)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn event(&self, event: &EventId) -> Result<EventFacts> {
        self.read(|tx| {
            tx.prepare_cached(&format!("{EVENT_COLUMNS} WHERE e.id = ?1"))?
                .query_row([event.as_str()], event_facts)
                .optional()?
                .ok_or_else(|| StoreError::not_found("event", event))
        })
    }

    fn put_ticket_keys(&self, event: &EventId, keys: &[PublicKey]) -> Result<()> {
        self.write(|tx| {
            let number = number(tx, event)?;
            tx.prepare_cached("UPDATE event SET ticket_keys = ?2 WHERE number = ?1")?
                .execute(params![number, joined(keys)])?;
            revise(tx, number)
        })
    }

    fn put_door(
        &self,
        event: &EventId,
        door: &protocol::agenda::Door,
        agenda: Option<&AgendaChange>,
        now: UtcMs,
    ) -> Result<()> {
        self.write(|tx| {
            let number = number(tx, event)?;
            tx.prepare_cached(
                "INSERT INTO door (event, id, title, rooms) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT DO UPDATE SET title = excluded.title, rooms = excluded.rooms",
            )?
            .execute(params![
                number,
                door.id.as_str(),
                door.title,
                joined(&door.rooms)
            ])?;
            let body = LedgerBody::Door(bodies::Door {
                door: door.id.clone(),
                title: door.title.clone(),
                rooms: door.rooms.clone(),
            });
            let index = ledger::append_one(tx, number, now, body)?;
            match agenda {
                None if version(tx, number, Versioned::Agenda)?.is_some() => {
                    Err(StoreError::Moved { what: "agenda" })
                }
                None => revise(tx, number),
                Some(change) => {
                    let import = LedgerBody::Import(bodies::Import {
                        what: Versioned::Agenda.as_str().to_owned(),
                        format: "door".to_owned(),
                        object: change.object,
                        file: change.object,
                        rows: 1,
                        operator: None,
                        reason: None,
                    });
                    ledger::append_one(tx, number, now, import)?;
                    put_agenda(tx, number, change, index + 1, now).map(|_| ())
                }
            }
        })
    }

    fn doors(&self, event: &EventId) -> Result<Vec<DoorFacts>> {
        self.read(|tx| {
            let number = number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT id, title, rooms, lost FROM door WHERE event = ?1 ORDER BY id",
            )?;
            let rows = statement.query_map([number], |row| {
                let door = protocol::agenda::Door {
                    id: word(row, 0)?,
                    title: row.get(1)?,
                    rooms: list(row, 2)?,
                };
                let lost = row.get(3)?;
                Ok(DoorFacts { door, lost })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn declare_door_lost(
        &self,
        event: &EventId,
        door: &DoorId,
        reason: &str,
        operator: &str,
        now: UtcMs,
    ) -> Result<()> {
        self.write(|tx| {
            let number = number(tx, event)?;
            let changed = tx
                .prepare_cached("UPDATE door SET lost = 1 WHERE event = ?1 AND id = ?2")?
                .execute(params![number, door.as_str()])?;
            if changed == 0 {
                return Err(StoreError::not_found("door", door));
            }
            let body = LedgerBody::DoorLost(bodies::DoorLost {
                door: door.clone(),
                reason: reason.to_owned(),
                operator: operator.to_owned(),
            });
            ledger::append_one(tx, number, now, body)?;
            decisions::make_all_due(tx, number, now).map(|_| ())
        })
    }

    fn import_agenda(
        &self,
        event: &EventId,
        change: &AgendaChange,
        import: &bodies::Import,
        now: UtcMs,
    ) -> Result<u64> {
        self.write(|tx| {
            let number = number(tx, event)?;
            let body = LedgerBody::Import(import.clone());
            let index = ledger::append_one(tx, number, now, body)?;
            put_agenda(tx, number, change, index, now)
        })
    }

    fn adopt_rules(
        &self,
        event: &EventId,
        change: &AgendaChange,
        rules: &bodies::Rules,
        now: UtcMs,
    ) -> Result<()> {
        self.write(|tx| {
            let number = number(tx, event)?;
            let body = LedgerBody::Rules(rules.clone());
            let index = ledger::append_one(tx, number, now, body)?;
            put_agenda(tx, number, change, index, now).map(|_| ())
        })
    }

    fn programmes(&self, event: &EventId) -> Result<Vec<ProgrammeFacts>> {
        self.read(|tx| {
            let number = number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT id, title, rules FROM programme WHERE event = ?1 ORDER BY id",
            )?;
            let rows = statement.query_map([number], programme_facts)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn version(&self, event: &EventId, what: Versioned) -> Result<Option<Version>> {
        self.read(|tx| version(tx, number(tx, event)?, what))
    }

    fn versions(&self, event: &EventId, what: Versioned) -> Result<Vec<Version>> {
        self.read(|tx| {
            let number = number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT number, object, ledger, at_ms FROM version \
                 WHERE event = ?1 AND what = ?2 ORDER BY number",
            )?;
            let rows = statement.query_map(params![number, what.as_str()], version_facts)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn append_ledger(
        &self,
        event: &EventId,
        bodies: &[LedgerBody],
        now: UtcMs,
    ) -> Result<Vec<u64>> {
        self.write(|tx| {
            let number = number(tx, event)?;
            let (first, head) = ledger::append(tx, number, now, bodies.iter().cloned())?;
            Ok((first..head.size).collect())
        })
    }

    fn ledger_head(&self, event: &EventId) -> Result<LedgerHead> {
        self.read(|tx| ledger::head(tx, number(tx, event)?))
    }

    fn ledger_entries(&self, event: &EventId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.read(|tx| {
            let number = number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT id, leaf, bytes, kind FROM ledger_entry \
                 WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3",
            )?;
            let range = params![
                entry_key(number, from)?,
                entry_key(number + 1, 0)?,
                limit.min(MAX_PAGE)
            ];
            let rows = statement.query_map(range, |row| {
                Ok(LogEntry {
                    index: entry_place(row.get(0)?).1,
                    leaf: hash(row, 1)?,
                    bytes: Some(row.get(2)?),
                    kind: Some(row.get(3)?),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn ledger_root_at(&self, event: &EventId, size: u64) -> Result<Hash> {
        self.read(|tx| within_ledger(tx, event, size, |nodes| evidence::root_at(size, nodes)))
    }

    fn prove_ledger_entry(&self, event: &EventId, index: u64, size: u64) -> Result<InclusionProof> {
        self.read(|tx| {
            within_ledger(tx, event, size, |nodes| {
                proven(evidence::prove_inclusion(index, size, nodes))
            })
        })
    }

    fn prove_ledger_extends(
        &self,
        event: &EventId,
        old: u64,
        new: u64,
    ) -> Result<ConsistencyProof> {
        self.read(|tx| within_ledger(tx, event, new, |nodes| prove_extends(old, new, nodes)))
    }

    fn witnesses(&self, event: &EventId, size: u64) -> Result<Vec<Witness>> {
        self.read(|tx| {
            let number = number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT w.size, l.origin, l.public_key, w.time_s, w.note \
                 FROM witness w JOIN log l ON l.number = w.log \
                 WHERE w.event = ?1 AND w.size = \
                 (SELECT max(size) FROM witness WHERE event = ?1 AND size <= ?2) ORDER BY l.origin",
            )?;
            let rows = statement.query_map(params![number, size], witness)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// The proof that a log's first `old` entries begin its first `new`.
pub(super) fn prove_extends<S: NodeSource<Error = StoreError>>(
    old: u64,
    new: u64,
    nodes: &S,
) -> Result<ConsistencyProof> {
    proven(evidence::prove_consistency(old, new, nodes))
}
