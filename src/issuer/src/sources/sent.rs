//! Signals as another system sends them: the body of `POST /v1/signals` and of signed webhooks.
//!
//! A body is `{"signals": […]}` of at most [`MAX_SENT`] rows; a row's fields are those of [`SentSignal`]. A row that is wrong by itself is
//! refused alone, with the field and what to do; a body that is none of this is refused whole. See [`super::observed`] for what holds of
//! every parser: a time has an offset or it is refused, and becomes the interval that its digits and the sender's clock leave open; a name
//! is only a label for the reviewer.

use attendance::UtcMs;
use attendance::time::Interval;
use attendance::words::Source;
use chrono::DateTime;
use protocol::agenda::MAX_CHANNEL_BYTES;
use protocol::signals::{MAX_WORD_BYTES, RowKind};
use protocol::subject::EMAIL;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::observed::{Label, Observed, Place, Seen, Subject, Where};
use super::pushed::RowFault;
use super::{field, json_place};

/// Most rows of one body.
pub const MAX_SENT: usize = 1_000;
/// How far the sender's clock may be off unless it says otherwise, in milliseconds.
pub const CLOCK_ERROR_MS: i64 = 2_000;
/// The largest error that can be stated, in milliseconds: a day.
pub const MAX_ERROR_MS: i64 = 86_400_000;
/// How far in the future something may lie that is believed, in milliseconds.
pub const MAX_AHEAD_MS: i64 = 300_000;
/// The longest id and account, in bytes.
const MAX_ID_BYTES: usize = 200;
/// The system of the ids under which registrations are sent, each behind its source: see [`Subject::external`].
const EXTERNAL: &str = "external";

/// The body of a request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalsBody {
    /// What sort of system saw it; an app unless it says otherwise.
    #[serde(default)]
    source: SentSource,
    /// The signals, 1 to 1,000 of them, in any order.
    #[schema(value_type = Vec<SentSignal>, min_items = 1, max_items = 1000)]
    signals: Vec<Value>,
}

/// What sort of system saw something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SentSource {
    /// A check-in app.
    #[default]
    App,
    /// A platform of online meetings.
    Platform,
}

/// One observation of one person at one place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"id": "join-83c1", "kind": "in", "at": "2026-10-31T09:01:12+01:00", "channel": "hopin/main-stage",
    "external": "crm/contact-4711", "email": "zoe@example.org", "name": "Zoë Łukasik", "device": "d-1"}))]
pub struct SentSignal {
    /// The sender's own id of it: the same whenever it is sent again, and no other's.
    #[schema(min_length = 1, max_length = 200)]
    id: String,
    /// What was seen.
    kind: SentKind,
    /// When, with an offset or `Z`. Written to the second it is any time of that second.
    at: String,
    /// How far the sender's clock may be off, in milliseconds; 2,000 unless it says so.
    #[schema(maximum = 86400000)]
    error_ms: Option<u32>,
    /// Where: a channel of the agenda. Exactly one of channel, room and session.
    channel: Option<String>,
    /// Where: a room of the agenda.
    room: Option<String>,
    /// Where: a session of the agenda.
    session: Option<String>,
    /// Who: the id under which their registration was sent, behind the source that sent it: `crm/contact-4711`. At least one of external,
    /// account and email.
    external: Option<String>,
    /// Who: their stable id in the sender's system.
    account: Option<String>,
    /// Who: their address, only if the sender has verified it.
    email: Option<String>,
    /// Their name, for the reviewer who may have to say who it is. It matches nobody.
    name: Option<String>,
    /// The device, where one person can be there by several.
    device: Option<String>,
    /// Of a poll: which one.
    poll: Option<String>,
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SentKind {
    /// Somebody came or joined.
    In,
    /// Somebody left.
    Out,
    /// Somebody was there.
    Seen,
    /// A device was there, one sign of life among others.
    Heartbeat,
    /// A poll was answered.
    Poll,
}

/// One row as it was read.
#[derive(Debug)]
pub struct SentRow {
    /// The sender's id; empty where it has none that reads.
    pub id: String,
    /// What it says, or why it is refused.
    pub read: Result<Observed, RowFault>,
}

/// Reads a body of the source `system`. What lies behind `now` is in the future.
///
/// # Errors
/// What the body is instead, for the sender.
pub fn read(bytes: &[u8], system: &str, now: UtcMs) -> Result<(Source, Vec<SentRow>), String> {
    let body: SignalsBody = serde_json::from_slice(bytes).map_err(|error| {
        format!(
            "the body is not {{\"signals\": [...]}}: {}",
            json_place(&error)
        )
    })?;
    let count = body.signals.len();
    if !(1..=MAX_SENT).contains(&count) {
        return Err(format!(
            "the body has {count} signals: send 1 to {MAX_SENT} at a time"
        ));
    }
    let source = match body.source {
        SentSource::App => Source::App,
        SentSource::Platform => Source::Platform,
    };
    let rows = body.signals.into_iter().enumerate().map(|(index, value)| {
        let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
        let id = if word_fault(id, MAX_ID_BYTES).is_none() {
            id.to_owned()
        } else {
            String::new()
        };
        let read = row(index, value, system, now);
        SentRow { id, read }
    });
    Ok((source, rows.collect()))
}

fn word_fault(text: &str, most: usize) -> Option<String> {
    if text.trim().is_empty() {
        return Some("is missing or empty".to_owned());
    }
    if text.len() > most {
        return Some(format!("is longer than {most} bytes"));
    }
    field::text_problem(text)
}

fn row(index: usize, value: Value, system: &str, now: UtcMs) -> Result<Observed, RowFault> {
    let words = ("kind", "in, out, seen, heartbeat and poll");
    let sent: SentSignal =
        serde_json::from_value(value).map_err(|error| RowFault::of_shape(&error, words))?;
    let check = |field: &str, fault: Option<String>| match fault {
        Some(reason) => Err(RowFault::new(field, reason)),
        None => Ok(()),
    };
    check("id", word_fault(&sent.id, MAX_ID_BYTES))?;
    for (field, text, most) in [
        ("external", &sent.external, MAX_ID_BYTES),
        ("account", &sent.account, MAX_ID_BYTES),
        ("name", &sent.name, super::MAX_FIELD_BYTES),
        ("device", &sent.device, MAX_WORD_BYTES),
        ("poll", &sent.poll, MAX_WORD_BYTES),
        ("channel", &sent.channel, MAX_CHANNEL_BYTES),
    ] {
        check(
            field,
            text.as_deref().and_then(|text| word_fault(text, most)),
        )?;
    }
    check(
        "email",
        sent.email.as_deref().and_then(field::email_problem),
    )?;
    let at = time(&sent.at, sent.error_ms, now)?;
    let place = place(sent.channel, sent.room, sent.session)?;
    let seen = match (sent.kind, sent.poll) {
        (SentKind::Poll, Some(poll)) => Seen::Poll(poll),
        (SentKind::Poll, None) => {
            return Err(RowFault::new(
                "poll",
                "is missing: say which poll was answered",
            ));
        }
        (_, Some(_)) => {
            return Err(RowFault::new(
                "poll",
                "is for signals of the kind poll only",
            ));
        }
        (SentKind::In, None) => Seen::Plain(RowKind::In),
        (SentKind::Out, None) => Seen::Plain(RowKind::Out),
        (SentKind::Seen, None) => Seen::Plain(RowKind::Seen),
        (SentKind::Heartbeat, None) => Seen::Plain(RowKind::Heartbeat),
    };
    let subjects: Vec<Subject> = [
        (EXTERNAL, sent.external.as_deref()),
        (system, sent.account.as_deref()),
        (EMAIL, sent.email.as_deref()),
    ]
    .into_iter()
    .filter_map(|(system, text)| Some(Subject::new(system, text?)))
    .collect();
    if subjects.is_empty() {
        return Err(RowFault::new(
            "external",
            "says who it is, or account, or email: one of them is needed, since a name matches nobody",
        ));
    }
    Ok(Observed {
        subjects,
        attendee: None,
        label: Some(Label {
            name: sent.name,
            email: sent.email,
        }),
        place,
        device: sent.device,
        seen,
        at,
        reason: None,
        key: sent.id,
        row: Where::path(format!("signals[{index}]")),
    })
}

fn place(
    channel: Option<String>,
    room: Option<String>,
    session: Option<String>,
) -> Result<Place, RowFault> {
    let no_id = |field: &str| {
        RowFault::new(
            field,
            "is no id of the agenda: small letters, digits and hyphens",
        )
    };
    match (channel, room, session) {
        (Some(channel), None, None) => Ok(Place::Channel(channel)),
        (None, Some(room), None) => room.parse().map(Place::Room).map_err(|_| no_id("room")),
        (None, None, Some(session)) => session
            .parse()
            .map(Place::Session)
            .map_err(|_| no_id("session")),
        _ => Err(RowFault::new(
            "channel",
            "says where it was, or room, or session: exactly one of them is needed",
        )),
    }
}

fn time(text: &str, error_ms: Option<u32>, now: UtcMs) -> Result<Interval, RowFault> {
    let text = text.trim();
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| {
        RowFault::new(
            "at",
            "is no time with an offset: write it as 2026-10-31T09:00:00+01:00 or with a Z; a zone is never guessed",
        )
    })?;
    let at = at.timestamp_millis();
    if at > now.0.saturating_add(MAX_AHEAD_MS) {
        return Err(RowFault::new(
            "at",
            "is in the future: set the sender's clock, or send it when it has happened",
        ));
    }
    let error_ms = error_ms.map_or(CLOCK_ERROR_MS, i64::from);
    if error_ms > MAX_ERROR_MS {
        return Err(RowFault::new(
            "error_ms",
            format!("is more than {MAX_ERROR_MS}, a day"),
        ));
    }
    let to_the_second_ms = if text.contains('.') { 0 } else { 999 };
    Ok(Interval {
        earliest: UtcMs(at).plus_ms(-error_ms),
        latest: UtcMs(at).plus_ms(to_the_second_ms + error_ms),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    const NOW: UtcMs = UtcMs(1_793_437_200_000);

    fn good() -> Value {
        json!({"id": "e-1", "kind": "in", "at": "2026-10-31T09:00:00+01:00", "channel": "hopin/main", "external": "c-1"})
    }

    fn one(value: &Value) -> Result<Observed, RowFault> {
        let body = serde_json::to_vec(&json!({"signals": [value]})).unwrap();
        let (_, mut rows) = read(&body, "hopin", NOW).unwrap();
        rows.remove(0).read
    }

    #[test]
    fn a_row_is_read_with_all_it_says() {
        let mut row = good();
        for (field, value) in [
            ("account", "u-9"),
            ("email", "zoe@example.org"),
            ("name", "Zoë"),
            ("device", "d-1"),
        ] {
            row[field] = json!(value);
        }
        let seen = one(&row).unwrap();
        let systems: Vec<&str> = seen.subjects.iter().map(|s| s.system.as_str()).collect();
        assert_eq!(systems, ["external", "hopin", "email"], "in order of trust");
        assert_eq!(
            (seen.key.as_str(), seen.seen),
            ("e-1", Seen::Plain(RowKind::In))
        );
        assert_eq!(seen.at.earliest, UtcMs(1_793_433_600_000 - 2_000));
        assert_eq!(
            seen.at.latest,
            UtcMs(1_793_433_600_000 + 999 + 2_000),
            "any time of its second"
        );
        row["at"] = json!("2026-10-31T08:00:00.250Z");
        row["error_ms"] = json!(0);
        let at = one(&row).unwrap().at;
        assert_eq!(
            (at.earliest, at.latest),
            (UtcMs(1_793_433_600_250), UtcMs(1_793_433_600_250))
        );
    }

    #[test]
    fn a_wrong_row_is_refused_by_its_field() {
        let check = |changes: &[(&str, Value)], field: &str| {
            let mut row = good();
            for (name, value) in changes {
                row[*name] = value.clone();
            }
            let fault = one(&row).unwrap_err();
            assert_eq!(fault.field, field, "{fault:?}");
        };
        check(&[("id", json!(""))], "id");
        check(&[("kind", json!("confirmed"))], "kind");
        check(&[("kind", json!("poll"))], "poll");
        check(&[("poll", json!("p-1"))], "poll");
        check(&[("at", json!("2026-10-31T09:00:00"))], "at");
        check(&[("at", json!("2031-10-31T09:00:00Z"))], "at");
        check(&[("error_ms", json!(MAX_ERROR_MS + 1))], "error_ms");
        check(&[("room", json!("hall"))], "channel");
        check(&[("channel", Value::Null)], "channel");
        check(
            &[("channel", Value::Null), ("room", json!("Great Hall"))],
            "room",
        );
        check(
            &[("external", Value::Null), ("name", json!("Zoë"))],
            "external",
        );
        check(&[("email", json!("zoe"))], "email");
        check(&[("nick", json!("z"))], "nick");
    }

    #[test]
    fn a_body_that_is_none_is_refused_whole() {
        for (body, words) in [
            ("", "cut off"),
            ("[]", "another kind"),
            ("{\"signals\": []}", "has 0"),
            (
                "{\"source\": \"person\", \"signals\": [{}]}",
                "another kind",
            ),
        ] {
            let said = read(body.as_bytes(), "hopin", NOW).unwrap_err();
            assert!(said.contains(words), "{body}: {said}");
        }
    }
}
