//! What other sources than doors saw, in SQLite.

use std::collections::BTreeSet;

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId};
use protocol::ledger::{self as bodies, LedgerBody};
use protocol::signals::Row as SignalRow;
use protocol::subject::SubjectDigest;
use rusqlite::{OptionalExtension as _, Row, params};

use super::super::events::MAX_PAGE;
use super::super::notes::NewNote;
use super::super::signals::{
    AccountWord, NewSignals, NewSubject, ObservedFacts, ObservedKey, RegistrationsChange, SetAside,
    SignalUnits, SignalsFacts, SubjectFacts,
};
use super::columns::{hash, json, word};
use super::{
    Result, SqliteStore, StoreError, Tx, decisions, events, ledger, log_reads, notes, people,
};

/// The accounts that the registration of an attendee lists.
pub(super) fn accounts_of(
    tx: &Tx<'_>,
    event: i64,
    attendee: &AttendeeId,
) -> Result<BTreeSet<SubjectDigest>> {
    let mut statement =
        tx.prepare_cached("SELECT subject FROM listed_account WHERE event = ?1 AND attendee = ?2")?;
    let rows = statement.query_map(params![event, attendee.as_str()], |row| {
        Ok(SubjectDigest(row.get(0)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Those who list an account, or another one of a row that names it. CROSS JOIN keeps the order: from the account to its rows, to
/// their accounts, to whoever lists them.
pub(super) const SHARING: &str = "SELECT a.attendee FROM listed_account a WHERE a.event = ?1 AND a.subject = ?2 \
     UNION SELECT a.attendee FROM observed_subject o CROSS JOIN observed_subject p \
     ON p.event = o.event AND p.entry = o.entry AND p.row = o.row \
     CROSS JOIN listed_account a ON a.event = p.event AND a.subject = p.subject \
     WHERE o.event = ?1 AND o.subject = ?2";

/// Those whose rows may change hands when these accounts do.
pub(super) fn sharing(
    tx: &Tx<'_>,
    event: i64,
    accounts: &BTreeSet<SubjectDigest>,
) -> Result<BTreeSet<AttendeeId>> {
    let mut found = BTreeSet::new();
    let mut statement = tx.prepare_cached(SHARING)?;
    for account in accounts {
        let rows = statement.query_map(params![event, account.0], |row| word(row, 0))?;
        for row in rows {
            found.insert(row?);
        }
    }
    Ok(found)
}

/// Those whose rows of an entry are, or may be: named in them, or listing an account of them. The plus keeps from going through all rows of
/// the event that name somebody.
pub(super) const NAMED: &str = "SELECT o.attendee FROM observed o WHERE o.event = ?1 AND o.entry = ?2 \
     AND (?3 IS NULL OR o.row = ?3) AND +o.attendee IS NOT NULL \
     UNION SELECT a.attendee FROM observed_subject o CROSS JOIN listed_account a \
     ON a.event = o.event AND a.subject = o.subject \
     WHERE o.event = ?1 AND o.entry = ?2 AND (?3 IS NULL OR o.row = ?3)";

/// Makes due whom the rows of an entry, or one of them, may touch.
fn make_named_due(tx: &Tx<'_>, event: i64, entry: u64, row: Option<u32>, now: UtcMs) -> Result<()> {
    let mut statement = tx.prepare_cached(NAMED)?;
    let named = statement.query_map(params![event, entry, row], |row| word(row, 0))?;
    let named: BTreeSet<AttendeeId> = named.collect::<rusqlite::Result<_>>()?;
    for attendee in &named {
        decisions::make_attendee_due(tx, event, attendee, now)?;
    }
    Ok(())
}

fn is_known(tx: &Tx<'_>, event: i64, key: ObservedKey) -> Result<bool> {
    Ok(tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM observed_key WHERE event = ?1 AND key = ?2)")?
        .query_row(params![event, key.as_bytes()], |row| row.get(0))?)
}

/// Notes how many entries of the ledger hold every signal and retraction so far.
fn put_size(tx: &Tx<'_>, event: i64, index: u64) -> Result<()> {
    tx.prepare_cached("UPDATE ledger SET signals = ?2 WHERE event = ?1")?
        .execute(params![event, index + 1])?;
    Ok(())
}

fn put_rows(tx: &Tx<'_>, event: i64, index: u64, signals: &NewSignals) -> Result<()> {
    let mut keys = tx.prepare_cached("INSERT INTO observed_key (event, key) VALUES (?1, ?2)")?;
    let mut rows = tx.prepare_cached(
        "INSERT INTO observed (event, entry, row, attendee, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut subjects = tx.prepare_cached(
        "INSERT OR IGNORE INTO observed_subject (event, subject, entry, row) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (number, (row, key)) in signals.rows.iter().enumerate() {
        if is_known(tx, event, *key)? {
            return Err(StoreError::Moved { what: "signals" });
        }
        keys.execute(params![event, key.as_bytes()])?;
        let body = serde_json::to_string(row).map_err(|e| StoreError::Refused(e.to_string()))?;
        let attendee = row.attendee.as_ref().map(AttendeeId::as_str);
        rows.execute(params![event, index, number, attendee, body])?;
        for subject in &row.subjects {
            subjects.execute(params![event, subject.0, index, number])?;
        }
    }
    Ok(())
}

fn put_subject(tx: &Tx<'_>, event: i64, person: &NewSubject, now: UtcMs) -> Result<()> {
    let known: Option<Vec<u8>> = tx
        .prepare_cached("SELECT accounts FROM subject WHERE event = ?1 AND subject = ?2")?
        .query_row(params![event, person.subject.0], |row| row.get(0))
        .optional()?;
    // What was known first keeps its place; what a later row adds is trusted less.
    let mut accounts = split(&known.unwrap_or_default())?;
    for account in &person.accounts {
        if !accounts.contains(account) {
            accounts.push(*account);
        }
    }
    let mut label = person.label.as_deref();
    for account in &accounts {
        // What a source goes on to show of somebody who was erased is not kept.
        if label.is_some() && is_of_erased(tx, event, *account)? {
            label = None;
        }
    }
    let joined: Vec<u8> = accounts.iter().flat_map(|account| account.0).collect();
    tx.prepare_cached(
        "INSERT INTO subject (event, subject, system, accounts, label, rows, first_ms, last_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) ON CONFLICT DO UPDATE SET accounts = excluded.accounts, \
         label = coalesce(excluded.label, label), rows = rows + excluded.rows, last_ms = excluded.last_ms",
    )?
    .execute(params![
        event,
        person.subject.0,
        person.system,
        joined,
        label,
        person.rows,
        now.0
    ])?;
    Ok(())
}

fn is_of_erased(tx: &Tx<'_>, event: i64, account: SubjectDigest) -> Result<bool> {
    Ok(tx
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM listed_account l JOIN attendee a ON a.event = l.event AND a.id = l.attendee \
             WHERE l.event = ?1 AND l.subject = ?2 AND a.key IS NULL)",
        )?
        .query_row(params![event, account.0], |row| row.get(0))?)
}

/// An account that sources show, with all accounts of its rows.
pub(super) struct Shown {
    pub(super) subject: SubjectDigest,
    pub(super) accounts: Vec<SubjectDigest>,
}

/// The accounts of which it is kept how sources show them.
pub(super) fn shown(tx: &Tx<'_>, event: i64) -> Result<Vec<Shown>> {
    let mut statement = tx.prepare_cached(
        "SELECT subject, accounts FROM subject WHERE event = ?1 AND label IS NOT NULL",
    )?;
    let rows = statement.query_map([event], |row| {
        Ok((SubjectDigest(row.get(0)?), row.get::<_, Vec<u8>>(1)?))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let (subject, accounts) = row?;
        found.push(Shown {
            subject,
            accounts: split(&accounts)?,
        });
    }
    Ok(found)
}

/// Keeps no longer how sources show an account.
pub(super) fn forget_label(tx: &Tx<'_>, event: i64, subject: SubjectDigest) -> Result<()> {
    tx.prepare_cached("UPDATE subject SET label = NULL WHERE event = ?1 AND subject = ?2")?
        .execute(params![event, subject.0])?;
    Ok(())
}

fn split(accounts: &[u8]) -> Result<Vec<SubjectDigest>> {
    let damaged =
        || StoreError::Damaged("the accounts of a subject are not of 32 bytes each".to_owned());
    let parts = accounts.chunks(32);
    parts
        .map(|part| part.try_into().map(SubjectDigest).map_err(|_| damaged()))
        .collect()
}

const OBSERVED_COLUMNS: &str = "SELECT o.entry, o.row, b.source, b.system, o.body, o.retracted \
     FROM observed o JOIN observed_batch b ON b.event = o.event AND b.entry = o.entry";

/// The rows that name an attendee or one of their accounts. CROSS JOIN keeps the order: from the accounts to their rows.
pub(super) const OBSERVED_OF: &str = "SELECT o.entry, o.row FROM observed o WHERE o.event = ?1 AND o.attendee = ?2 \
     UNION SELECT o.entry, o.row FROM listed_account a CROSS JOIN observed_subject o \
     ON o.event = a.event AND o.subject = a.subject WHERE a.event = ?1 AND a.attendee = ?2 ORDER BY 1, 2";

fn observed_facts(row: &Row<'_>) -> rusqlite::Result<ObservedFacts> {
    Ok(ObservedFacts {
        index: row.get(0)?,
        row_number: row.get(1)?,
        source: word(row, 2)?,
        system: row.get(3)?,
        row: json(row, 4)?,
        retracted: row.get(5)?,
    })
}

fn observed(tx: &Tx<'_>, event: i64, places: &[(u64, u32)]) -> Result<Vec<ObservedFacts>> {
    let mut statement = tx.prepare_cached(&format!(
        "{OBSERVED_COLUMNS} WHERE o.event = ?1 AND o.entry = ?2 AND o.row = ?3"
    ))?;
    let found = places
        .iter()
        .map(|(entry, row)| statement.query_row(params![event, entry, row], observed_facts));
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Whether a row is an attendee's: the first of its accounts that a registration lists is listed by theirs alone.
fn is_owner(tx: &Tx<'_>, event: i64, attendee: &AttendeeId, row: &SignalRow) -> Result<bool> {
    if row.attendee.is_some() {
        return Ok(row.attendee.as_ref() == Some(attendee));
    }
    for subject in &row.subjects {
        let by = listing(tx, event, *subject)?;
        if !by.is_empty() {
            return Ok(by.as_slice() == std::slice::from_ref(attendee));
        }
    }
    Ok(false)
}

/// The attendees whose registrations list an account, by id.
fn listing(tx: &Tx<'_>, event: i64, subject: SubjectDigest) -> Result<Vec<AttendeeId>> {
    let mut statement = tx.prepare_cached(
        "SELECT attendee FROM listed_account WHERE event = ?1 AND subject = ?2 ORDER BY attendee",
    )?;
    let by = statement.query_map(params![event, subject.0], |row| word(row, 0))?;
    Ok(by.collect::<rusqlite::Result<_>>()?)
}

type SubjectRow = (SubjectFacts, Vec<u8>);

fn subject_row(row: &Row<'_>) -> rusqlite::Result<SubjectRow> {
    let facts = SubjectFacts {
        subject: SubjectDigest(row.get(0)?),
        system: row.get(1)?,
        accounts: Vec::new(),
        label: row.get(3)?,
        rows: row.get(4)?,
        first: UtcMs(row.get(5)?),
        last: UtcMs(row.get(6)?),
    };
    Ok((facts, row.get(2)?))
}

const SUBJECT_COLUMNS: &str =
    "SELECT subject, system, accounts, label, rows, first_ms, last_ms FROM subject";

/// Adds who lists each account.
fn listed(tx: &Tx<'_>, event: i64, (facts, accounts): SubjectRow) -> Result<SubjectFacts> {
    let mut found = Vec::new();
    for account in split(&accounts)? {
        found.push((account, listing(tx, event, account)?));
    }
    Ok(SubjectFacts {
        accounts: found,
        ..facts
    })
}

fn signals_facts(row: &Row<'_>) -> rusqlite::Result<SignalsFacts> {
    Ok(SignalsFacts {
        index: row.get(0)?,
        source: word(row, 1)?,
        entry: bodies::Signals {
            source: row.get(2)?,
            object: hash(row, 3)?,
            file: hash(row, 4)?,
            rows: row.get(5)?,
            operator: row.get(6)?,
            reason: row.get(7)?,
        },
        at: UtcMs(row.get(8)?),
        retracted: row.get(9)?,
    })
}

fn account_word(row: &Row<'_>) -> rusqlite::Result<AccountWord> {
    Ok(AccountWord {
        subject: SubjectDigest(row.get(0)?),
        attendee: word(row, 1)?,
        is_theirs: row.get(2)?,
        reason: row.get(3)?,
        operator: row.get(4)?,
        at: UtcMs(row.get(5)?),
    })
}

fn take(tx: &Tx<'_>, event: i64, signals: &NewSignals, now: UtcMs) -> Result<u64> {
    let entry = &signals.entry;
    let index = ledger::append_one(tx, event, now, LedgerBody::Signals(entry.clone()))?;
    put_size(tx, event, index)?;
    tx.prepare_cached(
        "INSERT INTO observed_batch (event, entry, object, source, system, file, rows, operator, reason, at_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        event,
        index,
        entry.object.as_bytes(),
        signals.source.as_str(),
        entry.source,
        entry.file.as_bytes(),
        entry.rows,
        entry.operator,
        entry.reason,
        now.0
    ])?;
    put_rows(tx, event, index, signals)?;
    notes::put(tx, event, index, signals.note.as_ref(), now)?;
    for person in &signals.people {
        put_subject(tx, event, person, now)?;
    }
    for (place, detail) in &signals.unplaced {
        log_reads::raise(tx, event, place, "unknown_place", detail, now)?;
    }
    make_named_due(tx, event, index, None, now)?;
    Ok(index)
}

fn retract(
    tx: &Tx<'_>,
    event: i64,
    retraction: &bodies::Retraction,
    note: Option<&NewNote>,
    now: UtcMs,
) -> Result<u64> {
    let entry = retraction.entry;
    let batch: Option<(u64, Option<u64>)> = tx
        .prepare_cached(
            "SELECT rows, retracted FROM observed_batch WHERE event = ?1 AND entry = ?2",
        )?
        .query_row(params![event, entry], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (rows, whole) = batch.ok_or_else(|| StoreError::not_found("signals entry", &entry))?;
    let before = match retraction.row {
        None => whole,
        Some(row) if u64::from(row) < rows => tx
            .prepare_cached(
                "SELECT retracted FROM observed WHERE event = ?1 AND entry = ?2 AND row = ?3",
            )?
            .query_row(params![event, entry, row], |row| row.get(0))?,
        Some(row) => return Err(StoreError::not_found("row", &format!("{entry}.{row}"))),
    };
    if before.is_some() {
        let id = retraction
            .row
            .map_or_else(|| entry.to_string(), |row| format!("{entry}.{row}"));
        return Err(StoreError::Exists {
            what: "retraction of",
            id,
        });
    }
    let body = LedgerBody::Retraction(retraction.clone());
    let index = ledger::append_one(tx, event, now, body)?;
    put_size(tx, event, index)?;
    if retraction.row.is_none() {
        tx.prepare_cached(
            "UPDATE observed_batch SET retracted = ?3 WHERE event = ?1 AND entry = ?2",
        )?
        .execute(params![event, entry, index])?;
    }
    tx.prepare_cached(
        "UPDATE observed SET retracted = ?4 WHERE event = ?1 AND entry = ?2 AND (?3 IS NULL OR row = ?3) \
         AND retracted IS NULL",
    )?
    .execute(params![event, entry, retraction.row, index])?;
    notes::put(tx, event, index, note, now)?;
    make_named_due(tx, event, entry, retraction.row, now)?;
    Ok(index)
}

impl SignalUnits for SqliteStore {
    fn known_keys(
        &self,
        event: &EventId,
        keys: &BTreeSet<ObservedKey>,
    ) -> Result<BTreeSet<ObservedKey>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut known = BTreeSet::new();
            for key in keys {
                if is_known(tx, number, *key)? {
                    known.insert(*key);
                }
            }
            Ok(known)
        })
    }

    fn take_signals(&self, event: &EventId, signals: &NewSignals, now: UtcMs) -> Result<u64> {
        self.write(|tx| take(tx, events::number(tx, event)?, signals, now))
    }

    fn retract(
        &self,
        event: &EventId,
        retraction: &bodies::Retraction,
        note: Option<&NewNote>,
        now: UtcMs,
    ) -> Result<u64> {
        self.write(|tx| retract(tx, events::number(tx, event)?, retraction, note, now))
    }

    fn signals(&self, event: &EventId) -> Result<Vec<SignalsFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT entry, source, system, object, file, rows, operator, reason, at_ms, retracted \
                 FROM observed_batch WHERE event = ?1 ORDER BY entry",
            )?;
            let rows = statement.query_map([number], signals_facts)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn signals_size(&self, event: &EventId) -> Result<u64> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            Ok(tx
                .prepare_cached("SELECT signals FROM ledger WHERE event = ?1")?
                .query_row([number], |row| row.get(0))?)
        })
    }

    fn observed_of(&self, event: &EventId, attendee: &AttendeeId) -> Result<Vec<ObservedFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let places: Vec<(u64, u32)> = tx
                .prepare_cached(OBSERVED_OF)?
                .query_map(params![number, attendee.as_str()], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            let mut found = observed(tx, number, &places)?;
            let mut owned = Vec::with_capacity(found.len());
            for seen in &found {
                owned.push(is_owner(tx, number, attendee, &seen.row)?);
            }
            let mut owned = owned.into_iter();
            found.retain(|_| owned.next().unwrap_or(false));
            Ok(found)
        })
    }

    fn observed_of_subject(
        &self,
        event: &EventId,
        subject: SubjectDigest,
    ) -> Result<Vec<ObservedFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let places: Vec<(u64, u32)> = tx
                .prepare_cached(
                    "SELECT entry, row FROM observed_subject WHERE event = ?1 AND subject = ?2 \
                     ORDER BY entry, row LIMIT ?3",
                )?
                .query_map(params![number, subject.0, MAX_PAGE], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            observed(tx, number, &places)
        })
    }

    fn subjects(
        &self,
        event: &EventId,
        after: Option<SubjectDigest>,
        limit: usize,
    ) -> Result<Vec<SubjectFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(&format!(
                "{SUBJECT_COLUMNS} WHERE event = ?1 AND (?2 IS NULL OR subject > ?2) \
                 ORDER BY subject LIMIT ?3"
            ))?;
            let after = after.map(|subject| subject.0);
            let rows: Vec<SubjectRow> = statement
                .query_map(params![number, after, limit.min(MAX_PAGE)], subject_row)?
                .collect::<rusqlite::Result<_>>()?;
            rows.into_iter()
                .map(|row| listed(tx, number, row))
                .collect()
        })
    }

    fn subject(&self, event: &EventId, subject: SubjectDigest) -> Result<Option<SubjectFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let found = tx
                .prepare_cached(&format!(
                    "{SUBJECT_COLUMNS} WHERE event = ?1 AND subject = ?2"
                ))?
                .query_row(params![number, subject.0], subject_row)
                .optional()?;
            found.map(|row| listed(tx, number, row)).transpose()
        })
    }

    fn set_aside(&self, event: &EventId, aside: &SetAside) -> Result<()> {
        self.write(|tx| {
            let number = events::number(tx, event)?;
            let is_known: bool = tx
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM subject WHERE event = ?1 AND subject = ?2)",
                )?
                .query_row(params![number, aside.subject.0], |row| row.get(0))?;
            if !is_known {
                return Err(StoreError::not_found("account", &aside.subject));
            }
            let put = tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO aside (event, subject, reason, operator, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    number,
                    aside.subject.0,
                    aside.reason,
                    aside.operator,
                    aside.at.0
                ])?;
            if put == 0 {
                return Err(StoreError::Exists {
                    what: "word on account",
                    id: aside.subject.to_string(),
                });
            }
            Ok(())
        })
    }

    fn take_back(&self, event: &EventId, subject: SubjectDigest) -> Result<()> {
        self.write(|tx| {
            let number = events::number(tx, event)?;
            let gone = tx
                .prepare_cached("DELETE FROM aside WHERE event = ?1 AND subject = ?2")?
                .execute(params![number, subject.0])?;
            if gone == 0 {
                return Err(StoreError::not_found("account set aside", &subject));
            }
            Ok(())
        })
    }

    fn set_asides(&self, event: &EventId) -> Result<Vec<SetAside>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT subject, reason, operator, at_ms FROM aside WHERE event = ?1 ORDER BY subject",
            )?;
            let rows = statement.query_map([number], |row| {
                Ok(SetAside {
                    subject: SubjectDigest(row.get(0)?),
                    reason: row.get(1)?,
                    operator: row.get(2)?,
                    at: UtcMs(row.get(3)?),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn account_words(&self, event: &EventId) -> Result<Vec<AccountWord>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT subject, attendee, matched, reason, operator, at_ms FROM account_word \
                 WHERE event = ?1 ORDER BY subject, attendee",
            )?;
            let rows = statement.query_map([number], account_word)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn change_registrations(
        &self,
        event: &EventId,
        change: &RegistrationsChange,
        now: UtcMs,
    ) -> Result<u64> {
        self.write(|tx| {
            let number = events::number(tx, event)?;
            let (version, entry) = people::announce(tx, number, change.base, &change.import, now)?;
            notes::put(tx, number, entry, change.note.as_ref(), now)?;
            people::change_registrations(tx, number, &change.registrations, now)?;
            for said in &change.words {
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO account_word (event, subject, attendee, matched, reason, operator, at_ms) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    number,
                    said.subject.0,
                    said.attendee.as_str(),
                    said.is_theirs,
                    said.reason,
                    said.operator,
                    said.at.0
                ])?;
            }
            Ok(version)
        })
    }
}
