//! Registrations as another system sends them: the body of `POST /v1/registrations`.
//!
//! A body is `{"registrations": […]}` of at most [`MAX_PUSHED`] rows; a row's fields are those of [`PushedRegistration`]. A row that is
//! wrong by itself is refused alone, with the field and what to do; a body that is none of this is refused whole. Times have an offset or
//! are the event's local time. Two rows of one body never share an id or a badge: the later one is refused.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{RegistrationRow, field, json_place, local_time};

/// Most rows of one body.
pub const MAX_PUSHED: usize = 1_000;
/// Longest id of another system, in bytes.
pub const MAX_EXTERNAL_ID_BYTES: usize = 200;

/// The body of a request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistrationsBody {
    /// The registrations, 1 to 1,000 of them; whoever is not among them stays as they are.
    #[schema(value_type = Vec<PushedRegistration>, min_items = 1, max_items = 1000)]
    registrations: Vec<Value>,
}

/// One registration.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"id": "contact-4711", "badge": "K7QX-3MPA-9TZD-WH4E", "name": "Zoë Łukasik", "email": "zoe@example.org",
    "organisation": "Good Practice GmbH", "language": "de", "valid_from": "2026-10-31T00:00", "valid_until": "2026-11-03T00:00+01:00",
    "status": "active"}))]
pub struct PushedRegistration {
    /// The sender's own id of it, which stays: sent again, it changes this registration, whatever else changed.
    #[schema(min_length = 1, max_length = 200)]
    id: String,
    /// The code in the badge's barcode, exactly as a scanner reads it. A secret: make it at random, of at least 12 letters and digits.
    badge: String,
    /// The full name, as it stands on a certificate.
    name: String,
    /// The address.
    email: Option<String>,
    /// Employer or association.
    organisation: Option<String>,
    /// The language they read, a tag such as `de` or `pt-BR`.
    language: Option<String>,
    /// From when on it is valid; with an offset, or in the event's local time.
    valid_from: Option<String>,
    /// Until when, exclusive.
    valid_until: Option<String>,
    /// Whether it counts; what a cancelled one attended is kept.
    #[serde(default)]
    status: PushedStatus,
}

/// Whether a registration counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PushedStatus {
    /// It does.
    #[default]
    Active,
    /// It does not.
    Cancelled,
}

/// One row as it was read.
#[derive(Debug)]
pub struct PushedRow {
    /// The sender's id; empty where it has none that reads.
    pub id: String,
    /// What it says, or why it is refused.
    pub read: Result<RegistrationRow, RowFault>,
}

/// Why one row is refused. Nothing in it is personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RowFault {
    /// The field that is wrong; empty where it is the row.
    pub field: String,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

impl RowFault {
    pub(super) fn new(field: &str, reason: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            reason: reason.into(),
        }
    }

    /// What is wrong with a row's shape, without its values. `choice` is the one field that takes only certain words, and which.
    pub(super) fn of_shape(error: &serde_json::Error, choice: (&str, &str)) -> Self {
        let said = error.to_string();
        let named = |what: &str| {
            said.strip_prefix(what)?
                .split('`')
                .next()
                .map(str::to_owned)
        };
        if let Some(field) = named("missing field `") {
            return Self::new(&field, "is missing");
        }
        if let Some(field) = named("unknown field `") {
            return Self::new(
                &field,
                "is not known here; the description at /v1/openapi.json names the fields",
            );
        }
        if said.starts_with("unknown variant `") {
            let (field, words) = choice;
            return Self::new(field, format!("is not one of {words}"));
        }
        Self::new(
            "",
            "a field is of another kind than it should be; the description at /v1/openapi.json says which is what",
        )
    }
}

/// Reads a body. Times without an offset are in `zone`, the event's.
///
/// # Errors
/// What the body is instead, for the sender.
pub fn read(bytes: &[u8], zone: Tz) -> Result<Vec<PushedRow>, String> {
    let body: RegistrationsBody = serde_json::from_slice(bytes).map_err(|error| {
        format!(
            "the body is not {{\"registrations\": [...]}}: {}",
            json_place(&error)
        )
    })?;
    let count = body.registrations.len();
    if !(1..=MAX_PUSHED).contains(&count) {
        return Err(format!(
            "the body has {count} registrations: send 1 to {MAX_PUSHED} at a time"
        ));
    }
    let (mut ids, mut badges) = (BTreeSet::new(), BTreeSet::new());
    let rows = (1..).zip(body.registrations).map(|(line, value)| {
        let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
        let id = if id_fault(id).is_none() {
            id.to_owned()
        } else {
            String::new()
        };
        let mut read = row(line, value, zone);
        if let Ok(row) = &read {
            if !ids.insert(id.clone()) {
                read = Err(RowFault::new(
                    "id",
                    "is that of an earlier row of this request",
                ));
            } else if !badges.insert(row.badge.clone()) {
                read = Err(RowFault::new(
                    "badge",
                    "is that of an earlier row of this request; one badge is one person",
                ));
            }
        }
        PushedRow { id, read }
    });
    Ok(rows.collect())
}

fn id_fault(id: &str) -> Option<String> {
    if id.trim().is_empty() {
        return Some(
            "is missing or empty; send your system's own id of the registration".to_owned(),
        );
    }
    if id.len() > MAX_EXTERNAL_ID_BYTES {
        return Some(format!("is longer than {MAX_EXTERNAL_ID_BYTES} bytes"));
    }
    field::text_problem(id)
}

fn row(line: u64, value: Value, zone: Tz) -> Result<RegistrationRow, RowFault> {
    let sent: PushedRegistration = serde_json::from_value(value)
        .map_err(|error| RowFault::of_shape(&error, ("status", "active and cancelled")))?;
    let check = |field: &str, fault: Option<String>| match fault {
        Some(reason) => Err(RowFault::new(field, reason)),
        None => Ok(()),
    };
    let filled = |text: Option<String>| text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    let (email, language) = (filled(sent.email), filled(sent.language));
    let organisation = filled(sent.organisation);
    let name = sent.name.trim();
    check("id", id_fault(&sent.id))?;
    check("badge", field::badge_problem(&sent.badge))?;
    check(
        "name",
        name.is_empty()
            .then(|| "is empty, and a certificate needs a name".to_owned()),
    )?;
    check("name", field::text_problem(name))?;
    check("email", email.as_deref().and_then(field::email_problem))?;
    check(
        "organisation",
        organisation.as_deref().and_then(field::text_problem),
    )?;
    check(
        "language",
        language.as_deref().and_then(field::language_problem),
    )?;
    let bound = |field: &str, text: Option<String>, whole_day: bool| match filled(text) {
        None => Ok(None),
        Some(text) => match local_time::day_or_instant(&text, zone, whole_day) {
            Ok(at) => Ok(Some(at.utc_ms)),
            Err(reason) => Err(RowFault::new(field, reason)),
        },
    };
    let valid_from_utc_ms = bound("valid_from", sent.valid_from, false)?;
    let valid_until_utc_ms = bound("valid_until", sent.valid_until, true)?;
    if let (Some(from), Some(until)) = (valid_from_utc_ms, valid_until_utc_ms)
        && until <= from
    {
        return Err(RowFault::new("valid_until", "is when or before valid_from"));
    }
    Ok(RegistrationRow {
        line,
        badge: sent.badge,
        name: name.to_owned(),
        email,
        organisation,
        language,
        valid_from_utc_ms,
        valid_until_utc_ms,
        cancelled: sent.status == PushedStatus::Cancelled,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    const BADGE: &str = "K7QX-3MPA-9TZD-WH4E";

    fn one(value: &Value) -> Result<RegistrationRow, RowFault> {
        let body = serde_json::to_vec(&json!({"registrations": [value]})).unwrap();
        read(&body, chrono_tz::Europe::Vienna)
            .unwrap()
            .remove(0)
            .read
    }

    #[test]
    fn a_row_is_read_with_all_it_says() {
        let row = one(&json!({"id": "c-1", "badge": BADGE, "name": " Zoë Łukasik ", "email": "zoe@example.org", "organisation": "",
            "language": "de", "valid_from": "2026-10-31T09:00", "valid_until": "2026-11-01", "status": "cancelled"}))
        .unwrap();
        assert_eq!(
            (
                row.name.as_str(),
                row.organisation.as_deref(),
                row.cancelled
            ),
            ("Zoë Łukasik", None, true)
        );
        assert_eq!(row.valid_from_utc_ms, Some(1_793_433_600_000));
        assert_eq!(
            row.valid_until_utc_ms,
            Some(1_793_574_000_000),
            "a day is whole"
        );
        assert!(
            !one(&json!({"id": "c-1", "badge": BADGE, "name": "Zoë"}))
                .unwrap()
                .cancelled
        );
    }

    #[test]
    fn a_wrong_row_is_refused_by_its_field_and_shows_nothing_personal() {
        let good = json!({"id": "c-1", "badge": BADGE, "name": "Zoë Łukasik"});
        for (field, value) in [
            ("id", json!("")),
            ("id", json!("x".repeat(201))),
            ("badge", json!("")),
            ("name", json!("")),
            ("name", json!("Zoë\u{202E}")),
            ("email", json!("zoe-at-example")),
            ("language", json!("deutsch")),
            ("valid_from", json!("tomorrow")),
            ("status", json!("maybe")),
            ("nickname", json!("Zo")),
        ] {
            let mut row = good.clone();
            row[field] = value;
            let fault = one(&row).unwrap_err();
            assert_eq!(fault.field, field, "{fault:?}");
            assert!(!fault.reason.contains("Zo"), "{fault:?}");
        }
        let mut row = good.clone();
        row.as_object_mut().unwrap().remove("name");
        assert_eq!(one(&row).unwrap_err(), RowFault::new("name", "is missing"));
        let fault = one(&json!({"id": "c-1", "badge": 7, "name": "Zoë"})).unwrap_err();
        assert!(fault.reason.contains("another kind"), "{fault:?}");
        assert!(one(&json!("Zoë")).is_err());
    }

    #[test]
    fn rows_of_one_body_share_neither_id_nor_badge() {
        let row = |id: &str, badge: &str| json!({"id": id, "badge": badge, "name": "Zoë"});
        let body = json!({"registrations": [row("a", BADGE), row("a", "R2VN-8CYB-4JFS-XK6T"), row("b", BADGE), row("c", "R2VN-8CYB-4JFS-XK6T")]});
        let rows = read(&serde_json::to_vec(&body).unwrap(), chrono_tz::UTC).unwrap();
        let faults: Vec<_> = rows
            .iter()
            .map(|row| row.read.as_ref().err().map(|f| f.field.as_str()))
            .collect();
        assert_eq!(faults, [None, Some("id"), Some("badge"), None]);
    }

    #[test]
    fn a_body_that_is_none_is_refused_whole() {
        for (body, words) in [
            ("", "cut off"),
            ("<html>", "no JSON"),
            ("[]", "another kind"),
            ("{\"registrations\": {}}", "another kind"),
            ("{\"registrations\": [], \"more\": 1}", "another kind"),
            ("{\"registrations\": []}", "has 0"),
        ] {
            let said = read(body.as_bytes(), chrono_tz::UTC).unwrap_err();
            assert!(said.contains(words), "{body}: {said}");
        }
        let many = vec![json!({}); MAX_PUSHED + 1];
        let said = read(
            &serde_json::to_vec(&json!({"registrations": many})).unwrap(),
            chrono_tz::UTC,
        )
        .unwrap_err();
        assert!(said.contains("1001"), "{said}");
    }
}
