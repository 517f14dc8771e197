//! The queue, decisions and certificates, in SQLite.

use std::collections::BTreeSet;

use attendance::UtcMs;
use attendance::words::{AttendeeId, CertificateId, EventId, KioskId, ProgrammeId};
use protocol::badge::BadgeDigest;
use protocol::ledger::{self as bodies, LedgerBody};
use rusqlite::{OptionalExtension as _, Row, params};

use super::super::decisions::{
    CertificateFacts, DecisionFacts, DecisionUnits, Due, NewCertificate, NewDecision,
    RevocationFacts,
};
use super::columns::{hash, hash_opt, word, word_opt};
use super::{Result, SqliteStore, StoreError, Tx, enrolment, events, ledger};

/// A ticket rises with each time that something becomes due, so that a decision made for an older one does not settle it.
const DUE: &str = "ON CONFLICT DO UPDATE SET ticket = max(due.ticket + 1, excluded.ticket), \
     due_ms = min(due.due_ms, excluded.due_ms), tries = 0, fault = NULL";

/// Whether an attendee has been seen or decided on, or something was granted to them that may count without that. CROSS JOIN keeps
/// the order: from the badges to their scans, from the accounts to their rows.
pub(super) const DUE_OF_ATTENDEE: &str = "SELECT EXISTS (SELECT 1 FROM badge b CROSS JOIN signal s \
     ON s.event = b.event AND s.badge = b.digest WHERE b.event = ?1 AND b.attendee = ?2) \
     OR EXISTS (SELECT 1 FROM assistant b CROSS JOIN signal s ON s.event = b.event AND s.badge = b.badge \
     WHERE b.event = ?1 AND b.attendee = ?2) \
     OR EXISTS (SELECT 1 FROM listed_account a CROSS JOIN observed_subject o ON o.event = a.event AND o.subject = a.subject \
     WHERE a.event = ?1 AND a.attendee = ?2) \
     OR EXISTS (SELECT 1 FROM observed o WHERE o.event = ?1 AND o.attendee = ?2) \
     OR EXISTS (SELECT 1 FROM registration r WHERE r.event = ?1 AND r.attendee = ?2 \
     AND (r.speaks <> '' OR r.accommodations <> '[]')) \
     OR EXISTS (SELECT 1 FROM decision d WHERE d.event = ?1 AND d.attendee = ?2)";

fn ticket(tx: &Tx<'_>, event: i64) -> Result<u64> {
    Ok(tx
        .prepare_cached("SELECT size FROM ledger WHERE event = ?1")?
        .query_row([event], |row| row.get(0))?)
}

/// Makes the holders of badges due, for every programme.
pub(super) fn make_badges_due(
    tx: &Tx<'_>,
    event: i64,
    badges: &BTreeSet<BadgeDigest>,
    now: UtcMs,
) -> Result<()> {
    let ticket = ticket(tx, event)?;
    let mut insert = tx.prepare_cached(&format!(
        "INSERT INTO due (event, attendee, programme, ticket, due_ms, tries) \
         SELECT ?1, b.attendee, p.id, ?3, ?4, 0 FROM badge b JOIN programme p ON p.event = b.event \
         WHERE b.event = ?1 AND b.digest = ?2 {DUE}"
    ))?;
    let mut assisted = tx.prepare_cached(&format!(
        "INSERT INTO due (event, attendee, programme, ticket, due_ms, tries) \
         SELECT ?1, b.attendee, p.id, ?3, ?4, 0 FROM assistant b JOIN programme p ON p.event = b.event \
         WHERE b.event = ?1 AND b.badge = ?2 {DUE}"
    ))?;
    for badge in badges {
        insert.execute(params![event, badge.0, ticket, now.0])?;
        assisted.execute(params![event, badge.0, ticket, now.0])?;
    }
    Ok(())
}

/// Whose complete decision is left to a person and rests on scans of a log, given by number: what the log now
/// says of its clock may place them more narrowly. CROSS JOIN keeps the order: from the open decisions to their scans.
pub(super) const DUE_OF_MARKS: &str = "SELECT d.event, d.attendee, d.programme, ?2, ?3, 0 FROM decision d \
     WHERE d.event = ?1 AND d.outcome = 'review' AND d.complete = 1 \
     AND (EXISTS (SELECT 1 FROM badge b CROSS JOIN signal s ON s.event = b.event AND s.badge = b.digest \
     WHERE b.event = d.event AND b.attendee = d.attendee AND s.log = ?4) \
     OR EXISTS (SELECT 1 FROM assistant b CROSS JOIN signal s ON s.event = b.event AND s.badge = b.badge \
     WHERE b.event = d.event AND b.attendee = d.attendee AND s.log = ?4))";

/// Makes due what was left to a person and rests on scans of a log.
pub(super) fn make_reviews_due(tx: &Tx<'_>, event: i64, log: i64, now: UtcMs) -> Result<()> {
    let ticket = ticket(tx, event)?;
    tx.prepare_cached(&format!(
        "INSERT INTO due (event, attendee, programme, ticket, due_ms, tries) {DUE_OF_MARKS} {DUE}"
    ))?
    .execute(params![event, ticket, now.0, log])?;
    Ok(())
}

/// Makes an attendee due for every programme, if they have been seen or decided on.
pub(super) fn make_attendee_due(
    tx: &Tx<'_>,
    event: i64,
    attendee: &AttendeeId,
    now: UtcMs,
) -> Result<()> {
    let ticket = ticket(tx, event)?;
    tx.prepare_cached(&format!(
        "INSERT INTO due (event, attendee, programme, ticket, due_ms, tries) \
         SELECT p.event, ?2, p.id, ?3, ?4, 0 FROM programme p \
         WHERE p.event = ?1 AND ({DUE_OF_ATTENDEE}) {DUE}"
    ))?
    .execute(params![event, attendee.as_str(), ticket, now.0])?;
    Ok(())
}

/// Makes every registered attendee due, for every programme.
pub(super) fn make_all_due(tx: &Tx<'_>, event: i64, at: UtcMs) -> Result<u64> {
    let ticket = ticket(tx, event)?;
    let count = tx
        .prepare_cached(&format!(
            "INSERT INTO due (event, attendee, programme, ticket, due_ms, tries) \
             SELECT ?1, a.id, p.id, ?2, ?3, 0 FROM attendee a JOIN programme p ON p.event = a.event \
             WHERE a.event = ?1 {DUE}"
        ))?
        .execute(params![event, ticket, at.0])?;
    Ok(count as u64)
}

fn settle(
    tx: &Tx<'_>,
    event: i64,
    attendee: &AttendeeId,
    programme: &ProgrammeId,
    ticket: u64,
) -> Result<()> {
    tx.prepare_cached(
        "DELETE FROM due WHERE event = ?1 AND attendee = ?2 AND programme = ?3 AND ticket = ?4",
    )?
    .execute(params![
        event,
        attendee.as_str(),
        programme.as_str(),
        ticket
    ])?;
    Ok(())
}

const DECISION_COLUMNS: &str = "SELECT attendee, programme, outcome, credits, reason, explanation, \
     complete, decision, basis, at_ms, final_index, final_decision FROM decision";

fn decision_facts(row: &Row<'_>) -> rusqlite::Result<DecisionFacts> {
    let index: Option<u64> = row.get(10)?;
    Ok(DecisionFacts {
        attendee: word(row, 0)?,
        programme: word(row, 1)?,
        outcome: word(row, 2)?,
        credits: word_opt(row, 3)?,
        reason: word(row, 4)?,
        explanation: row.get(5)?,
        complete: row.get(6)?,
        decision: hash(row, 7)?,
        basis: hash(row, 8)?,
        at: UtcMs(row.get(9)?),
        last_final: index.zip(hash_opt(row, 11)?),
    })
}

fn decision(
    tx: &Tx<'_>,
    event: i64,
    attendee: &AttendeeId,
    programme: &ProgrammeId,
) -> Result<Option<DecisionFacts>> {
    Ok(tx
        .prepare_cached(&format!(
            "{DECISION_COLUMNS} WHERE event = ?1 AND attendee = ?2 AND programme = ?3"
        ))?
        .query_row(
            params![event, attendee.as_str(), programme.as_str()],
            decision_facts,
        )
        .optional()?)
}

/// Whether what a decision was made for has not changed since.
fn is_current(tx: &Tx<'_>, event: i64, facts: &DecisionFacts, ticket: u64) -> Result<bool> {
    Ok(tx
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM due WHERE event = ?1 AND attendee = ?2 AND programme = ?3 AND ticket = ?4)",
        )?
        .query_row(
            params![event, facts.attendee.as_str(), facts.programme.as_str(), ticket],
            |row| row.get(0),
        )?)
}

fn put_decision(tx: &Tx<'_>, event: i64, new: &NewDecision, now: UtcMs) -> Result<Option<u64>> {
    let facts = &new.facts;
    // Evidence came while it was made: the ledger would say that it was left out. It stays due.
    if let Some(ticket) = new.ticket
        && new.is_final
        && !is_current(tx, event, facts, ticket)?
    {
        return Ok(None);
    }
    let before = decision(tx, event, &facts.attendee, &facts.programme)?;
    let mut last_final = before.and_then(|d| d.last_final);
    // The same decision again says nothing new.
    if new.is_final && last_final.map(|(_, object)| object) != Some(facts.decision) {
        let body = LedgerBody::Decision(bodies::Decision {
            attendee: facts.attendee.clone(),
            programme: facts.programme.clone(),
            outcome: facts.outcome,
            credits: facts.credits,
            reason: facts.reason,
            decision: facts.decision,
            basis: facts.basis,
            replaces: last_final.map(|(index, _)| index),
        });
        let index = ledger::append_one(tx, event, now, body)?;
        last_final = Some((index, facts.decision));
    }
    tx.prepare_cached(
        "INSERT OR REPLACE INTO decision (event, attendee, programme, outcome, credits, reason, \
         explanation, complete, decision, basis, at_ms, final_index, final_decision) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        event,
        facts.attendee.as_str(),
        facts.programme.as_str(),
        facts.outcome.as_str(),
        facts.credits.map(|c| c.to_string()),
        facts.reason.as_str(),
        facts.explanation,
        facts.complete,
        facts.decision.as_bytes(),
        facts.basis.as_bytes(),
        facts.at.0,
        last_final.map(|(index, _)| index),
        last_final.as_ref().map(|(_, object)| object.as_bytes())
    ])?;
    if let Some(ticket) = new.ticket {
        settle(tx, event, &facts.attendee, &facts.programme, ticket)?;
    }
    Ok(last_final.filter(|_| new.is_final).map(|(index, _)| index))
}

const CERTIFICATE_COLUMNS: &str = "SELECT e.id, c.code, c.version, c.attendee, c.programme, \
     c.decision, c.payload, c.pdf, c.issued_ms, c.ledger, r.reason, r.operator, r.at_ms, r.ledger \
     FROM certificate c JOIN event e ON e.number = c.event \
     LEFT JOIN revocation r ON r.code = c.code AND r.version = c.version";

fn certificate_facts(row: &Row<'_>) -> rusqlite::Result<CertificateFacts> {
    let reason: Option<String> = row.get(10)?;
    let revocation = match reason {
        None => None,
        Some(reason) => Some(RevocationFacts {
            reason,
            operator: row.get(11)?,
            at: UtcMs(row.get(12)?),
            ledger: row.get(13)?,
        }),
    };
    Ok(CertificateFacts {
        event: word(row, 0)?,
        entry: bodies::Certificate {
            certificate: word(row, 1)?,
            version: row.get(2)?,
            attendee: word(row, 3)?,
            programme: word(row, 4)?,
            decision: row.get(5)?,
            payload: hash(row, 6)?,
            pdf: hash(row, 7)?,
        },
        issued: UtcMs(row.get(8)?),
        ledger: row.get(9)?,
        revocation,
    })
}

fn issue(tx: &Tx<'_>, event: i64, certificate: &bodies::Certificate, now: UtcMs) -> Result<u64> {
    let held = decision(tx, event, &certificate.attendee, &certificate.programme)?;
    let final_index = held.and_then(|d| d.last_final).map(|(index, _)| index);
    if final_index != Some(certificate.decision) {
        return Err(StoreError::Moved { what: "decision" });
    }
    let body = LedgerBody::Certificate(certificate.clone());
    let index = ledger::append_one(tx, event, now, body)?;
    let added = tx
        .prepare_cached(
            "INSERT OR IGNORE INTO certificate (code, version, event, attendee, programme, \
             decision, payload, pdf, issued_ms, ledger) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            certificate.certificate.as_str(),
            certificate.version,
            event,
            certificate.attendee.as_str(),
            certificate.programme.as_str(),
            certificate.decision,
            certificate.payload.as_bytes(),
            certificate.pdf.as_bytes(),
            now.0,
            index
        ])?;
    if added == 1 {
        Ok(index)
    } else {
        Err(StoreError::Exists {
            what: "certificate",
            id: certificate.certificate.to_string(),
        })
    }
}

fn revoke(tx: &Tx<'_>, revocation: &bodies::Revocation, now: UtcMs) -> Result<u64> {
    let code = revocation.certificate.as_str();
    let event: i64 = tx
        .prepare_cached("SELECT event FROM certificate WHERE code = ?1 AND version = ?2")?
        .query_row(params![code, revocation.version], |row| row.get(0))
        .optional()?
        .ok_or_else(|| StoreError::not_found("certificate", code))?;
    let index = ledger::append_one(tx, event, now, LedgerBody::Revocation(revocation.clone()))?;
    let added = tx
        .prepare_cached(
            "INSERT OR IGNORE INTO revocation (code, version, reason, operator, at_ms, ledger) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            code,
            revocation.version,
            revocation.reason,
            revocation.operator,
            now.0,
            index
        ])?;
    if added == 1 {
        Ok(index)
    } else {
        Err(StoreError::Exists {
            what: "revocation of certificate",
            id: code.to_owned(),
        })
    }
}

impl DecisionUnits for SqliteStore {
    fn due(&self, now: UtcMs, limit: usize) -> Result<Vec<Due>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT e.id, d.attendee, d.programme, d.ticket, d.tries FROM due d \
                 JOIN event e ON e.number = d.event WHERE d.due_ms <= ?1 \
                 ORDER BY d.due_ms, d.event, d.attendee, d.programme LIMIT ?2",
            )?;
            let rows = statement.query_map(params![now.0, limit], |row| {
                Ok(Due {
                    event: word(row, 0)?,
                    attendee: word(row, 1)?,
                    programme: word(row, 2)?,
                    ticket: row.get(3)?,
                    tries: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn due_count(&self, event: &EventId) -> Result<u64> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            Ok(tx
                .prepare_cached("SELECT count(*) FROM due WHERE event = ?1")?
                .query_row([number], |row| row.get(0))?)
        })
    }

    fn make_all_due(&self, event: &EventId, at: UtcMs) -> Result<u64> {
        self.write(|tx| make_all_due(tx, events::number(tx, event)?, at))
    }

    fn make_log_due(&self, kiosk: &KioskId, now: UtcMs) -> Result<()> {
        self.write(|tx| {
            let (log, event) = enrolment::numbers(tx, kiosk)?;
            let ticket = ticket(tx, event)?;
            tx.prepare_cached(&format!(
                "INSERT INTO due (event, attendee, programme, ticket, due_ms, tries) \
                 SELECT DISTINCT b.event, b.attendee, p.id, ?3, ?4, 0 FROM signal s \
                 CROSS JOIN (SELECT event, digest, attendee FROM badge \
                 UNION ALL SELECT event, badge, attendee FROM assistant) b \
                 ON b.event = s.event AND b.digest = s.badge \
                 JOIN programme p ON p.event = b.event \
                 WHERE s.event = ?1 AND s.log = ?2 {DUE}"
            ))?
            .execute(params![event, log, ticket, now.0])?;
            Ok(())
        })
    }

    fn settle(&self, due: &Due) -> Result<()> {
        self.write(|tx| {
            let number = events::number(tx, &due.event)?;
            settle(tx, number, &due.attendee, &due.programme, due.ticket)
        })
    }

    fn put_off(&self, due: &Due, fault: &str, until: UtcMs) -> Result<()> {
        self.write(|tx| {
            let number = events::number(tx, &due.event)?;
            tx.prepare_cached(
                "UPDATE due SET due_ms = ?5, tries = tries + 1, fault = ?6 \
                 WHERE event = ?1 AND attendee = ?2 AND programme = ?3 AND ticket = ?4",
            )?
            .execute(params![
                number,
                due.attendee.as_str(),
                due.programme.as_str(),
                due.ticket,
                until.0,
                fault
            ])?;
            Ok(())
        })
    }

    fn put_decisions(
        &self,
        event: &EventId,
        decisions: &[NewDecision],
        now: UtcMs,
    ) -> Result<Vec<Option<u64>>> {
        self.write(|tx| {
            let event = events::number(tx, event)?;
            decisions
                .iter()
                .map(|decision| put_decision(tx, event, decision, now))
                .collect()
        })
    }

    fn decision(
        &self,
        event: &EventId,
        attendee: &AttendeeId,
        programme: &ProgrammeId,
    ) -> Result<Option<DecisionFacts>> {
        self.read(|tx| decision(tx, events::number(tx, event)?, attendee, programme))
    }

    fn decisions(&self, event: &EventId) -> Result<Vec<DecisionFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(&format!(
                "{DECISION_COLUMNS} WHERE event = ?1 ORDER BY attendee, programme"
            ))?;
            let rows = statement.query_map([number], decision_facts)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn issue_certificate(
        &self,
        event: &EventId,
        certificate: &NewCertificate,
        now: UtcMs,
    ) -> Result<u64> {
        self.write(|tx| issue(tx, events::number(tx, event)?, &certificate.entry, now))
    }

    fn certificate(&self, code: &CertificateId) -> Result<Vec<CertificateFacts>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(&format!(
                "{CERTIFICATE_COLUMNS} WHERE c.code = ?1 ORDER BY c.version"
            ))?;
            let rows = statement.query_map([code.as_str()], certificate_facts)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn certificates(&self, event: &EventId) -> Result<Vec<CertificateFacts>> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(&format!(
                "{CERTIFICATE_COLUMNS} WHERE c.event = ?1 ORDER BY c.code, c.version"
            ))?;
            let rows = statement.query_map([number], certificate_facts)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn revoke_certificate(&self, revocation: &bodies::Revocation, now: UtcMs) -> Result<u64> {
        self.write(|tx| revoke(tx, revocation, now))
    }
}
