//! Signs that a badge was not with its holder, in SQLite.

use attendance::UtcMs;
use attendance::words::EventId;
use protocol::ledger::{self as bodies, LedgerBody, MAX_SIGN_EVIDENCE, SignKind, SignOutcome};
use rusqlite::{Row, params};

use super::super::signs::{NewSign, SignClosed, SignFacts, SignUnits, SignWord};
use super::columns::{joined, json, list};
use super::{Result, SqliteStore, StoreError, Tx, events, ledger, notes};

const COLUMNS: &str = "SELECT id, about, attendees, times, evidence, first_ms, last_ms, outcome, reason, operator, closed_ms, ledger FROM sign";

fn about(text: &str) -> Result<SignKind> {
    SignKind::ALL
        .iter()
        .copied()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| StoreError::Damaged(format!("a sign about {text:?}")))
}

fn outcome(text: &str) -> Result<SignOutcome> {
    SignOutcome::ALL
        .iter()
        .copied()
        .find(|outcome| outcome.as_str() == text)
        .ok_or_else(|| StoreError::Damaged(format!("a sign closed as {text:?}")))
}

fn facts(row: &Row<'_>) -> Result<SignFacts> {
    let (kind, how): (String, Option<String>) = (row.get(1)?, row.get(7)?);
    let outcome = how.as_deref().map(outcome).transpose()?;
    let closed = match outcome {
        None | Some(SignOutcome::Reopened) => None,
        Some(outcome) => Some(SignClosed {
            outcome,
            reason: row.get(8)?,
            operator: row.get(9)?,
            at: UtcMs(row.get(10)?),
            ledger: row.get(11)?,
        }),
    };
    Ok(SignFacts {
        id: row.get(0)?,
        found: NewSign {
            about: about(&kind)?,
            attendees: list(row, 2)?,
            times: row.get(3)?,
            evidence: json(row, 4)?,
        },
        first: UtcMs(row.get(5)?),
        last: UtcMs(row.get(6)?),
        closed,
    })
}

fn all(tx: &Tx<'_>, event: i64, like: Option<(&str, &str)>) -> Result<Vec<SignFacts>> {
    // Those of one pair or person are found by the index, not by looking at all.
    let which = match like {
        Some(_) => "about = ?2 AND attendees = ?3",
        None => "?2 IS NULL AND ?3 IS NULL",
    };
    let (about, attendees) = like.unzip();
    let mut statement = tx.prepare_cached(&format!(
        "{COLUMNS} WHERE event = ?1 AND {which} ORDER BY first_ms, id"
    ))?;
    let mut rows = statement.query(params![event, about, attendees])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(facts(row)?);
    }
    Ok(found)
}

/// A sign's id: what it is of, whose it is digested, and how many were closed before it.
fn sign_id(about: SignKind, attendees: &str, before: usize) -> String {
    let digest = evidence::sha256(attendees.as_bytes()).to_hex();
    let about = about.as_str().replace('_', "-");
    format!("{about}-{}-{before}", &digest[..12])
}

impl SignUnits for SqliteStore {
    fn put_sign(&self, event: &EventId, sign: &NewSign, now: UtcMs) -> Result<bool> {
        self.write(|tx| {
            let number = events::number(tx, event)?;
            let attendees = joined(&sign.attendees);
            let kind = sign.about.as_str();
            let known = all(tx, number, Some((kind, &attendees)))?;
            let open = known.iter().find(|held| held.closed.is_none());
            let most = known.iter().map(|held| held.found.times).max().unwrap_or(0);
            let is_news = match open {
                Some(open) => sign.times > open.found.times,
                // Each time is a scan of its own, about which somebody has to say something.
                None if sign.about == SignKind::TakenBack => sign.times > most,
                None => sign.times >= most.saturating_mul(2).max(1),
            };
            if !is_news {
                return Ok(false);
            }
            let evidence = serde_json::to_string(&sign.evidence)
                .map_err(|e| StoreError::Refused(e.to_string()))?;
            let id = match open {
                Some(open) => open.id.clone(),
                None => sign_id(sign.about, &attendees, known.len()),
            };
            tx.prepare_cached(
                "INSERT INTO sign (event, id, about, attendees, times, evidence, first_ms, last_ms) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) ON CONFLICT DO UPDATE SET times = excluded.times, \
                 evidence = excluded.evidence, last_ms = excluded.last_ms",
            )?
            .execute(params![
                number, id, kind, attendees, sign.times, evidence, now.0
            ])?;
            Ok(true)
        })
    }

    fn open_signs(&self, event: &EventId) -> Result<usize> {
        self.read(|tx| {
            let number = events::number(tx, event)?;
            let mut statement = tx.prepare_cached(
                "SELECT count(*) FROM sign WHERE event = ?1 AND (outcome IS NULL OR outcome = 'reopened')",
            )?;
            Ok(statement.query_row([number], |row| row.get(0))?)
        })
    }

    fn signs(&self, event: &EventId) -> Result<Vec<SignFacts>> {
        self.read(|tx| all(tx, events::number(tx, event)?, None))
    }

    fn judge_sign(
        &self,
        event: &EventId,
        id: &str,
        word: &SignWord<'_>,
        now: UtcMs,
    ) -> Result<u64> {
        self.write(|tx| {
            let number = events::number(tx, event)?;
            let held = all(tx, number, None)?;
            let held = held.into_iter().find(|held| held.id == id);
            let held = held.ok_or_else(|| StoreError::not_found("sign", id))?;
            let is_open = word.outcome == SignOutcome::Reopened;
            if held.closed.is_none() == is_open {
                return Err(StoreError::Exists {
                    what: "word on sign",
                    id: id.to_owned(),
                });
            }
            if held.found.times != word.times {
                return Err(StoreError::Moved { what: "sign" });
            }
            let evidence = held.found.evidence.iter().take(MAX_SIGN_EVIDENCE);
            let body = LedgerBody::Sign(bodies::Sign {
                sign: id.to_owned(),
                about: held.found.about,
                times: held.found.times,
                evidence: evidence
                    .map(|(log, index)| bodies::SignScan {
                        log: log.clone(),
                        index: *index,
                    })
                    .collect(),
                outcome: word.outcome,
                reason: word.reason.to_owned(),
                operator: word.operator.to_owned(),
            });
            let index = ledger::append_one(tx, number, now, body)?;
            notes::put(tx, number, index, word.note, now)?;
            tx.prepare_cached(
                "UPDATE sign SET outcome = ?3, reason = ?4, operator = ?5, closed_ms = ?6, ledger = ?7 \
                 WHERE event = ?1 AND id = ?2",
            )?
            .execute(params![
                number,
                id,
                word.outcome.as_str(),
                word.reason,
                word.operator,
                now.0,
                index
            ])?;
            Ok(index)
        })
    }
}
