//! The frozen content of a certificate, and how it is printed.
//!
//! Contract: pure. [`payload`] puts together what the ledger will name by hash; [`view`] says the same in the words and the
//! time zone of the event. Whoever holds the payload can print the same PDF again, byte for byte.

use attendance::UtcMs;
use attendance::eligibility::span_text;
use attendance::words::CertificateId;
use audit::derive::Question;
use chrono::{DateTime, Timelike as _, Utc};
use chrono_tz::Tz;
use evidence::Hash;
use protocol::certificate::{Payload, Proof, SessionLine, VERSION};
use protocol::decision::DecisionDoc;

use super::pdf::{CertificateView, SessionLine as PrintedLine};
use crate::store::events::EventFacts;

/// The bytes of a certificate's code: 128 random bits.
pub const CODE_BYTES: usize = 16;
/// The bytes of a payload's salt.
pub const SALT_BYTES: usize = 16;

/// Letters and digits of a code: RFC 4648 base32, in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A code for people and addresses: 26 letters and digits.
pub fn code(random: [u8; CODE_BYTES]) -> CertificateId {
    let mut bits = 0_u32;
    let mut held = 0_u32;
    let mut text = String::with_capacity(26);
    let mut put = |value: u32| text.push(char::from(BASE32[(value & 31) as usize]));
    for byte in random {
        bits = (bits << 8) | u32::from(byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            put(bits >> held);
        }
        bits &= (1 << held) - 1;
    }
    put(bits << (5 - held));
    CertificateId::new(&text).expect("base32 in lower case is an id")
}

/// What a payload is made of.
pub struct Draft<'a> {
    /// The event.
    pub event: &'a EventFacts,
    /// What the decision rests on.
    pub question: &'a Question,
    /// The decision.
    pub document: &'a DecisionDoc,
    /// The decision's object.
    pub decision: Hash,
    /// The attendee's name.
    pub name: &'a str,
    /// The certificate's code.
    pub code: CertificateId,
    /// Its version, from 1.
    pub version: u32,
    /// Random bytes.
    pub salt: [u8; SALT_BYTES],
    /// The issuer's name.
    pub issuer: &'a str,
    /// When it is issued.
    pub issued: UtcMs,
    /// The address under which its current state can be seen.
    pub verify_at: String,
    /// What it rests on.
    pub proof: Proof,
}

/// The frozen content. `None` where the decision earns nothing or is not decided.
pub fn payload(draft: Draft<'_>) -> Option<Payload> {
    let credits = draft
        .document
        .credits
        .filter(|credits| !credits.is_zero())?;
    let (programme, rules) = (draft.question.programme(), draft.question.rules());
    Some(Payload {
        v: VERSION,
        salt: hex::encode(draft.salt),
        certificate: draft.code,
        version: draft.version,
        issuer: draft.issuer.to_owned(),
        event: draft.event.id.clone(),
        event_title: draft.event.title.clone(),
        zone: draft.event.zone.clone(),
        attendee: draft.document.attendee.clone(),
        name: draft.name.to_owned(),
        programme: programme.id.clone(),
        programme_title: programme.title.clone(),
        outcome: draft.document.outcome,
        credits,
        reason: draft.document.reason,
        explanation: draft.document.explanation.clone(),
        sessions: draft.question.session_lines(draft.document),
        rules_name: rules.name.clone(),
        rules: rules.hash.clone(),
        decision: draft.decision.to_hex(),
        issued: draft.issued,
        verify_at: draft.verify_at,
        proof: draft.proof,
    })
}

fn in_zone(at: UtcMs, zone: Tz) -> DateTime<Tz> {
    DateTime::<Utc>::from_timestamp_millis(at.0)
        .unwrap_or_default()
        .with_timezone(&zone)
}

/// A day, as people write it.
pub fn day_text(at: UtcMs, zone: Tz) -> String {
    in_zone(at, zone).format("%-d %B %Y").to_string()
}

fn clock_text(at: DateTime<Tz>) -> String {
    // Sessions of the demo last seconds; those of real events begin on the minute.
    let form = if at.second() == 0 {
        "%H:%M"
    } else {
        "%H:%M:%S"
    };
    at.format(form).to_string()
}

fn when_text(line: &SessionLine, zone: Tz) -> String {
    let (start, end) = (in_zone(line.start, zone), in_zone(line.end, zone));
    format!(
        "{}, {} to {}",
        start.format("%-d %b %Y"),
        clock_text(start),
        clock_text(end)
    )
}

/// The payload as it is printed.
pub fn view(payload: &Payload) -> CertificateView {
    let zone: Tz = payload.zone.parse().unwrap_or(Tz::UTC);
    let line = |line: &SessionLine| PrintedLine {
        title: line.title.clone(),
        when: when_text(line, zone),
        minutes: format!(
            "{} of {}",
            span_text(line.present_ms),
            span_text(line.scheduled_ms)
        ),
    };
    let first = payload.sessions.iter().map(|s| s.start).min();
    let last = payload.sessions.iter().map(|s| s.end).max();
    let dates = match (
        first.map(|at| day_text(at, zone)),
        last.map(|at| day_text(at, zone)),
    ) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(day), _) | (None, Some(day)) => day,
        (None, None) => String::new(),
    };
    let version = match payload.version {
        1 => payload.certificate.to_string(),
        version => format!("{} (version {version})", payload.certificate),
    };
    CertificateView {
        language: "en".into(),
        certificate_id: version,
        issuer: payload.issuer.clone(),
        event: payload.event_title.clone(),
        event_dates: dates,
        attendee: payload.name.clone(),
        programme: payload.programme_title.clone(),
        sessions: payload.sessions.iter().map(line).collect(),
        zone: payload.zone.clone(),
        credits: payload.credits.to_string(),
        credit_unit: "credits".into(),
        reason: payload.explanation.clone(),
        issued_on: day_text(payload.issued, zone),
        issued_utc_ms: payload.issued.0,
        rules: payload.rules_name.clone(),
        rules_hash: payload.rules.clone(),
        verify_url: payload.verify_at.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn codes_are_base32_of_their_bits() {
        assert_eq!(code([0; CODE_BYTES]).as_str(), "a".repeat(26));
        assert_eq!(
            code([0xff; CODE_BYTES]).as_str(),
            format!("{}4", "7".repeat(25))
        );
        // RFC 4648, section 10: "foobar" is MZXW6YTBOI, and four zero bits follow into the next letter.
        let mut random = [0; CODE_BYTES];
        random[..6].copy_from_slice(b"foobar");
        assert!(
            code(random).as_str().starts_with("mzxw6ytboi"),
            "{}",
            code(random)
        );
    }

    #[test]
    fn times_are_those_of_the_events_zone() {
        let line = SessionLine {
            session: "s".parse().unwrap(),
            title: "S".into(),
            start: protocol::text::parse_instant("2026-11-23T08:00:00.000Z").unwrap(),
            end: protocol::text::parse_instant("2026-11-23T08:50:30.000Z").unwrap(),
            present_ms: 0,
            scheduled_ms: 1,
        };
        assert_eq!(
            when_text(&line, Tz::Europe__Berlin),
            "23 Nov 2026, 09:00 to 09:50:30"
        );
    }
}
