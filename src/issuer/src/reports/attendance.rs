//! Who attended: one row an attendee and programme, as CSV or JSON.
//!
//! Contract: the report says what the issuer holds now, final or live, and which of the two. It holds names and addresses,
//! so it is for those who may see them; nobody is left out: an attendee without a decision stands with `none`.

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId, ProgrammeId};
use protocol::text::instant;
use serde::Serialize;

use crate::certificates::issue::{IssueError, open_person};
use crate::keys::Keys;
use crate::store::decisions::{CertificateFacts, DecisionFacts};
use crate::store::{Store, StoreError};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The attendee by pseudonym.
    pub attendee: String,
    /// Their name; empty where it was erased.
    pub name: String,
    /// Their address; empty where there is none.
    pub email: String,
    /// The programme.
    pub programme: String,
    /// What the decision comes to.
    pub outcome: String,
    /// The credits; empty under review.
    pub credits: String,
    /// Why, as a code.
    pub reason: String,
    /// Why, in one line.
    pub explanation: String,
    /// `final` where a session's evidence is complete and the ledger has it, else `live`.
    pub standing: String,
    /// When it was decided.
    pub decided_at: String,
    /// The code of the certificate; empty without one.
    pub certificate: String,
    /// `valid` or `revoked`; empty without a certificate.
    pub certificate_state: String,
}

/// The columns, in their order.
pub const COLUMNS: [&str; 12] = [
    "attendee",
    "name",
    "email",
    "programme",
    "outcome",
    "credits",
    "reason",
    "explanation",
    "standing",
    "decided_at",
    "certificate",
    "certificate_state",
];

/// Every row of an event, by programme, then name.
///
/// # Errors
/// Where the event does not exist or the database cannot be used.
pub fn rows(store: &Arc<dyn Store>, keys: &Keys, event: &EventId) -> Result<Vec<Row>, StoreError> {
    store.event(event)?;
    let mut certificates: BTreeMap<(AttendeeId, ProgrammeId), CertificateFacts> = BTreeMap::new();
    for held in store.certificates(event)? {
        certificates.insert(
            (held.entry.attendee.clone(), held.entry.programme.clone()),
            held,
        );
    }
    let mut rows = Vec::new();
    for decision in store.decisions(event)? {
        let key = (decision.attendee.clone(), decision.programme.clone());
        rows.push(row(store, keys, event, &decision, certificates.get(&key))?);
    }
    rows.sort_by(|a, b| {
        (&a.programme, &a.name, &a.attendee).cmp(&(&b.programme, &b.name, &b.attendee))
    });
    Ok(rows)
}

fn row(
    store: &Arc<dyn Store>,
    keys: &Keys,
    event: &EventId,
    decision: &DecisionFacts,
    certificate: Option<&CertificateFacts>,
) -> Result<Row, StoreError> {
    let (name, email) = match open_person(store.as_ref(), keys, event, &decision.attendee) {
        Ok((person, _)) => (
            person.name.clone(),
            person.email.clone().unwrap_or_default(),
        ),
        Err(IssueError::Store(error)) => return Err(error),
        Err(_) => (String::new(), String::new()),
    };
    let is_final = decision
        .last_final
        .is_some_and(|(_, object)| decision.complete || object == decision.decision);
    Ok(Row {
        attendee: decision.attendee.to_string(),
        name,
        email,
        programme: decision.programme.to_string(),
        outcome: decision.outcome.to_string(),
        credits: decision.credits.map_or_else(String::new, |c| c.to_string()),
        reason: decision.reason.to_string(),
        explanation: decision.explanation.clone(),
        standing: if is_final { "final" } else { "live" }.to_owned(),
        decided_at: instant(decision.at),
        certificate: certificate.map_or_else(String::new, |c| c.entry.certificate.to_string()),
        certificate_state: match certificate {
            None => String::new(),
            Some(held) if held.revocation.is_some() => "revoked".to_owned(),
            Some(_) => "valid".to_owned(),
        },
    })
}

/// The rows as CSV, with a head line. A cell that a spreadsheet would take for a formula gets an apostrophe before it.
///
/// # Errors
/// Where the text cannot be written, which memory always can.
pub fn csv(rows: &[Row]) -> Result<String, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(COLUMNS)?;
    for row in rows {
        let cells = [
            &row.attendee,
            &row.name,
            &row.email,
            &row.programme,
            &row.outcome,
            &row.credits,
            &row.reason,
            &row.explanation,
            &row.standing,
            &row.decided_at,
            &row.certificate,
            &row.certificate_state,
        ];
        out.write_record(cells.map(|cell| harmless(cell)))?;
    }
    let bytes = out
        .into_inner()
        .map_err(|e| csv::Error::from(e.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// The rows as one JSON document, with the instant they are of.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    /// The event.
    pub event: &'a str,
    /// As of when.
    pub as_of: String,
    /// The rows.
    pub rows: &'a [Row],
}

impl<'a> Document<'a> {
    /// The document.
    pub fn new(event: &'a EventId, now: UtcMs, rows: &'a [Row]) -> Self {
        Self {
            event: event.as_str(),
            as_of: instant(now),
            rows,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula() {
        let row = Row {
            attendee: "a-1".into(),
            name: "=cmd(\"x\"), Ltd".into(),
            email: String::new(),
            programme: "p".into(),
            outcome: "full".into(),
            credits: "1.5".into(),
            reason: "met_duration_threshold".into(),
            explanation: "Present".into(),
            standing: "final".into(),
            decided_at: "t".into(),
            certificate: String::new(),
            certificate_state: String::new(),
        };
        let text = csv(&[row]).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap().split(',').count(), COLUMNS.len());
        assert!(
            lines.next().unwrap().contains("\"'=cmd(\"\"x\"\"), Ltd\""),
            "{text}"
        );
    }
}
