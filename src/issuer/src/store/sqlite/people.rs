//! Attendees, badges and registrations, in SQLite.

use std::collections::{BTreeMap, BTreeSet};

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId, SessionId};
use evidence::Hash;
use protocol::agenda::Registration;
use protocol::badge::BadgeDigest;
use protocol::ledger::{self as bodies, LedgerBody};
use protocol::subject::SubjectDigest;
use rusqlite::{OptionalExtension as _, Row, params};

use super::super::events::{MAX_PAGE, Version, Versioned};
use super::super::people::{
    AttendeeFacts, PeopleUnits, PersonChange, PrivateObject, Roster, RosterFacts,
};
use super::columns::{joined, json, list, word};
use super::{Result, SqliteStore, StoreError, Tx, decisions, events, ledger, signals};

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<UtcMs>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(UtcMs))
}

/// The registrations of an event, or of one attendee, without badges.
fn registrations(
    tx: &Tx<'_>,
    event: i64,
    attendee: Option<&str>,
) -> Result<BTreeMap<AttendeeId, Registration>> {
    // One attendee is found by the key, not by looking at all.
    let whose = match attendee {
        Some(_) => "attendee = ?2",
        None => "?2 IS NULL",
    };
    let mut statement = tx.prepare_cached(&format!(
        "SELECT attendee, valid_from_ms, valid_until_ms, cancelled, speaks, accommodations \
         FROM registration WHERE event = ?1 AND {whose}"
    ))?;
    let rows = statement.query_map(params![event, attendee], |row| {
        let attendee: AttendeeId = word(row, 0)?;
        let registration = Registration {
            valid_from: time(row, 1)?,
            valid_until: time(row, 2)?,
            cancelled: row.get(3)?,
            speaks: list(row, 4)?,
            accommodations: json(row, 5)?,
            ..Registration::plain(attendee.clone(), Vec::new())
        };
        Ok((attendee, registration))
    })?;
    let mut found: BTreeMap<_, _> = rows.collect::<rusqlite::Result<_>>()?;
    let mut statement = tx.prepare_cached(&format!(
        "SELECT attendee, digest FROM badge WHERE event = ?1 AND {whose} ORDER BY digest"
    ))?;
    let badges = statement.query_map(params![event, attendee], |row| {
        Ok((word::<AttendeeId>(row, 0)?, BadgeDigest(row.get(1)?)))
    })?;
    for badge in badges {
        let (attendee, digest) = badge?;
        if let Some(registration) = found.get_mut(&attendee) {
            registration.badges.push(digest);
        }
    }
    let mut statement = tx.prepare_cached(&format!(
        "SELECT attendee, subject FROM listed_account WHERE event = ?1 AND {whose} ORDER BY subject"
    ))?;
    let accounts = statement.query_map(params![event, attendee], |row| {
        Ok((word::<AttendeeId>(row, 0)?, SubjectDigest(row.get(1)?)))
    })?;
    for account in accounts {
        let (attendee, subject) = account?;
        if let Some(registration) = found.get_mut(&attendee) {
            registration.accounts.push(subject);
        }
    }
    let mut statement = tx.prepare_cached(&format!(
        "SELECT attendee, badge FROM assistant WHERE event = ?1 AND {whose} ORDER BY badge"
    ))?;
    let assistants = statement.query_map(params![event, attendee], |row| {
        Ok((word::<AttendeeId>(row, 0)?, BadgeDigest(row.get(1)?)))
    })?;
    for assistant in assistants {
        let (attendee, badge) = assistant?;
        if let Some(registration) = found.get_mut(&attendee) {
            registration.assistants.push(badge);
        }
    }
    Ok(found)
}

fn roster(tx: &Tx<'_>, event: i64) -> Result<Roster> {
    let registrations = registrations(tx, event, None)?;
    let badges = registrations
        .values()
        .flat_map(|r| r.badges.iter().map(|b| (*b, r.attendee.clone())))
        .collect();
    let mut statement = tx.prepare_cached("SELECT id, key FROM attendee WHERE event = ?1")?;
    let rows = statement.query_map([event], |row| Ok((word(row, 0)?, row.get(1)?)))?;
    Ok(Roster {
        base: events::version(tx, event, Versioned::Registrations)?.map(|v| v.object),
        badges,
        keys: rows.collect::<rusqlite::Result<_>>()?,
        registrations,
    })
}

fn put_person(tx: &Tx<'_>, event: i64, change: &PersonChange) -> Result<()> {
    let id = change.attendee.as_str();
    let put = tx
        .prepare_cached(
            "INSERT INTO attendee (event, id, key, sealed) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET key = excluded.key, sealed = excluded.sealed WHERE key IS NOT NULL",
        )?
        .execute(params![event, id, change.key, change.sealed])?;
    if put == 0 {
        // They were erased since the import looked.
        return Err(StoreError::Moved {
            what: "registrations",
        });
    }
    let (digest, row) = &change.badge;
    tx.prepare_cached(
        "INSERT INTO badge (event, digest, attendee, row) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT DO UPDATE SET attendee = excluded.attendee, row = excluded.row",
    )?
    .execute(params![event, digest.0, id, row])?;
    Ok(())
}

/// Writes what a registration says, badges of its own aside.
fn put_registration(tx: &Tx<'_>, event: i64, registration: &Registration) -> Result<()> {
    let id = registration.attendee.as_str();
    let accommodations = serde_json::to_string(&registration.accommodations)
        .map_err(|e| StoreError::Refused(e.to_string()))?;
    tx.prepare_cached(
        "INSERT INTO registration (event, attendee, valid_from_ms, valid_until_ms, cancelled, speaks, \
         accommodations) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET \
         valid_from_ms = excluded.valid_from_ms, valid_until_ms = excluded.valid_until_ms, \
         cancelled = excluded.cancelled, speaks = excluded.speaks, accommodations = excluded.accommodations",
    )?
    .execute(params![
        event,
        id,
        registration.valid_from.map(|t| t.0),
        registration.valid_until.map(|t| t.0),
        registration.cancelled,
        joined(&registration.speaks),
        accommodations
    ])?;
    tx.prepare_cached("DELETE FROM listed_account WHERE event = ?1 AND attendee = ?2")?
        .execute(params![event, id])?;
    for account in &registration.accounts {
        tx.prepare_cached(
            "INSERT OR IGNORE INTO listed_account (event, subject, attendee) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![event, account.0, id])?;
    }
    tx.prepare_cached("DELETE FROM assistant WHERE event = ?1 AND attendee = ?2")?
        .execute(params![event, id])?;
    for badge in &registration.assistants {
        tx.prepare_cached(
            "INSERT OR IGNORE INTO assistant (event, badge, attendee) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![event, badge.0, id])?;
    }
    Ok(())
}

/// Brings new registrations into force: the version, and the index of the ledger's entry. Fails with `Moved`.
pub(super) fn announce(
    tx: &Tx<'_>,
    event: i64,
    base: Option<Hash>,
    import: &bodies::Import,
    now: UtcMs,
) -> Result<(u64, u64)> {
    let body = LedgerBody::Import(import.clone());
    let new = Version {
        number: 0,
        object: import.object,
        ledger: ledger::append_one(tx, event, now, body)?,
        at: now,
    };
    let version = events::put_version(tx, event, Versioned::Registrations, base, &new)?;
    Ok((version, new.ledger))
}

/// Writes registrations and makes due whom they touch: their attendees, and through each account that changed hands those who
/// have rows in common with it.
pub(super) fn change_registrations<'a>(
    tx: &Tx<'_>,
    event: i64,
    registrations: impl IntoIterator<Item = &'a Registration>,
    now: UtcMs,
) -> Result<()> {
    let mut touched = BTreeSet::new();
    for registration in registrations {
        let attendee = &registration.attendee;
        let before = signals::accounts_of(tx, event, attendee)?;
        let after: BTreeSet<SubjectDigest> = registration.accounts.iter().copied().collect();
        let changed: BTreeSet<SubjectDigest> =
            before.symmetric_difference(&after).copied().collect();
        // Whoever else shares a row with an account lists the same accounts before and after, so looking once finds them.
        touched.extend(signals::sharing(tx, event, &changed)?);
        put_registration(tx, event, registration)?;
        touched.insert(attendee.clone());
    }
    for attendee in &touched {
        decisions::make_attendee_due(tx, event, attendee, now)?;
    }
    Ok(())
}

/// Forgets how sources show the accounts that an attendee lists, and those of rows that name the attendee.
fn forget_labels(tx: &Tx<'_>, event: i64, attendee: &AttendeeId) -> Result<()> {
    let mut own = signals::accounts_of(tx, event, attendee)?;
    let mut statement = tx.prepare_cached(
        "SELECT s.subject FROM observed o CROSS JOIN observed_subject s \
         ON s.event = o.event AND s.entry = o.entry AND s.row = o.row WHERE o.event = ?1 AND o.attendee = ?2",
    )?;
    let named = statement.query_map(params![event, attendee.as_str()], |row| {
        Ok(SubjectDigest(row.get(0)?))
    })?;
    for subject in named {
        own.insert(subject?);
    }
    for shown in signals::shown(tx, event)? {
        if shown.accounts.iter().any(|account| own.contains(account)) {
            signals::forget_label(tx, event, shown.subject)?;
        }
    }
    Ok(())
}

fn attendee_facts(tx: &Tx<'_>, event: i64, row: PersonRow) -> Result<AttendeeFacts> {
    let (attendee, key, sealed) = row;
    let registration = registrations(tx, event, Some(attendee.as_str()))?.remove(&attendee);
    Ok(AttendeeFacts {
        attendee,
        person: key.zip(sealed),
        registration,
    })
}

type PersonRow = (AttendeeId, Option<Vec<u8>>, Option<Vec<u8>>);

fn person_row(row: &Row<'_>) -> rusqlite::Result<PersonRow> {
    Ok((word(row, 0)?, row.get(1)?, row.get(2)?))
}

impl PeopleUnits for SqliteStore {
    fn roster(&self, event: &EventId) -> Result<Roster> {
        self.read(|tx| roster(tx, events::number(tx, event)?))
    }

    fn import_registrations(
        &self,
        event: &EventId,
        base: Option<Hash>,
        changes: &[PersonChange],
        import: &bodies::Import,
        now: UtcMs,
    ) -> Result<u64> {
        self.write(|tx| {
            let number = events::number(tx, event)?;
            let (version, _) = announce(tx, number, base, import, now)?;
            for change in changes {
                put_person(tx, number, change)?;
            }
            let registrations = changes.iter().map(|change| &change.registration);
            change_registrations(tx, number, registrations, now)?;
            Ok(version)
        })
    }

    fn roster_rows(&self, event: &EventId) -> Result<Vec<RosterFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT b.digest, b.row, b.attendee, r.valid_from_ms, r.valid_until_ms, \
                 coalesce(r.cancelled, 1), b.revoked FROM badge b LEFT JOIN registration r \
                 ON r.event = b.event AND r.attendee = b.attendee \
                 WHERE b.event = ?1 ORDER BY b.digest",
            )?;
            let rows = statement.query_map([number], |row| {
                Ok(RosterFacts {
                    badge: BadgeDigest(row.get(0)?),
                    row: row.get(1)?,
                    attendee: word(row, 2)?,
                    valid_from: time(row, 3)?,
                    valid_until: time(row, 4)?,
                    cancelled: row.get(5)?,
                    revoked: row.get(6)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn attendee(&self, event: &EventId, attendee: &AttendeeId) -> Result<AttendeeFacts> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let row = tx
                .prepare_cached(
                    "SELECT id, key, sealed FROM attendee WHERE event = ?1 AND id = ?2",
                )?
                .query_row(params![number, attendee.as_str()], person_row)
                .optional()?
                .ok_or_else(|| StoreError::not_found("attendee", attendee))?;
            attendee_facts(tx, number, row)
        })
    }

    fn attendees(
        &self,
        event: &EventId,
        after: Option<&AttendeeId>,
        limit: usize,
    ) -> Result<Vec<AttendeeFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT id, key, sealed FROM attendee WHERE event = ?1 AND id > ?2 \
                 ORDER BY id LIMIT ?3",
            )?;
            let after = after.map_or("", AttendeeId::as_str);
            let rows: Vec<PersonRow> = statement
                .query_map(params![number, after, limit.min(MAX_PAGE)], person_row)?
                .collect::<rusqlite::Result<_>>()?;
            rows.into_iter()
                .map(|row| attendee_facts(tx, number, row))
                .collect()
        })
    }

    fn speakers(&self, event: &EventId) -> Result<Vec<(AttendeeId, Vec<SessionId>)>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT attendee, speaks FROM registration WHERE event = ?1 AND speaks <> '' ORDER BY attendee",
            )?;
            let rows = statement.query_map([number], |row| Ok((word(row, 0)?, list(row, 1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn attendee_of(&self, event: &EventId, badge: BadgeDigest) -> Result<Option<AttendeeId>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            Ok(tx
                .prepare_cached("SELECT attendee FROM badge WHERE event = ?1 AND digest = ?2")?
                .query_row(params![number, badge.0], |row| word(row, 0))
                .optional()?)
        })
    }

    fn put_private(
        &self,
        event: &EventId,
        attendee: &AttendeeId,
        hash: Hash,
        sealed: &[u8],
    ) -> Result<()> {
        self.write(|tx| {
            let number = events::number(tx, event)?;
            tx.prepare_cached(
                "INSERT OR IGNORE INTO private_object (event, hash, attendee, sealed) \
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![number, hash.as_bytes(), attendee.as_str(), sealed])?;
            Ok(())
        })
    }

    fn erase_person(&self, event: &EventId, erasure: &bodies::Erasure, now: UtcMs) -> Result<u64> {
        self.write(|tx| {
            let number = events::number(tx, event)?;
            let id = erasure.attendee.as_str();
            let is_whole: Option<bool> = tx
                .prepare_cached("SELECT key IS NOT NULL FROM attendee WHERE event = ?1 AND id = ?2")?
                .query_row(params![number, id], |row| row.get(0))
                .optional()?;
            match is_whole {
                None => return Err(StoreError::not_found("attendee", id)),
                Some(false) => {
                    return Err(StoreError::Exists {
                        what: "erasure",
                        id: id.to_owned(),
                    });
                }
                Some(true) => {}
            }
            let index =
                ledger::append_one(tx, number, now, LedgerBody::Erasure(erasure.clone()))?;
            forget_labels(tx, number, &erasure.attendee)?;
            for statement in [
                "UPDATE attendee SET key = NULL, sealed = NULL WHERE event = ?1 AND id = ?2",
                "UPDATE badge SET row = x'' WHERE event = ?1 AND attendee = ?2",
                "DELETE FROM note WHERE event = ?1 AND attendee = ?2",
                "DELETE FROM private_object WHERE event = ?1 AND attendee = ?2",
            ] {
                tx.prepare_cached(statement)?.execute(params![number, id])?;
            }
            // Bundles that were given hold the rows; the next request makes another, since the event is revised.
            tx.prepare_cached(
                "UPDATE bundle SET bytes = x'' WHERE log IN (SELECT number FROM log WHERE event = ?1)",
            )?
            .execute([number])?;
            events::revise(tx, number)?;
            Ok(index)
        })
    }

    fn private(&self, event: &EventId, hash: Hash) -> Result<Option<PrivateObject>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            Ok(tx
                .prepare_cached(
                    "SELECT attendee, sealed FROM private_object WHERE event = ?1 AND hash = ?2",
                )?
                .query_row(params![number, hash.as_bytes()], |row| {
                    Ok(PrivateObject {
                        attendee: word(row, 0)?,
                        sealed: row.get(1)?,
                    })
                })
                .optional()?)
        })
    }
}
