//! `event create`, `event list`.

use attendance::words::EventId;
use evidence::{PublicKey, ledger_origin};
use protocol::badge::BadgeKey;
use protocol::bundle::{DoorPolicy, NamePolicy};

use super::arguments::{Event, Names, NewEvent as Asked};
use super::output::{Ended, Exit, Failure, counted, say, table};
use super::premises::{Premises, now};
use crate::keys::random;
use crate::sources::{MAX_FIELD_BYTES, ticket_key, zone_named};
use crate::store::StoreError;
use crate::store::events::{MAX_TICKET_KEYS, NewEvent, Versioned};

/// The most languages of an event.
const MAX_LANGUAGES: usize = 20;

pub(super) fn run(here: &Premises, what: Event) -> Ended {
    match what {
        Event::Create(asked) => create(here, asked),
        Event::List => list(here),
        Event::Tickets { event, keys, none } => tickets(here, &event, &keys, none),
    }
}

fn create(here: &Premises, asked: Asked) -> Ended {
    let zone = zone_named(&asked.zone).map_err(|e| Failure::usage(format!("--zone: {e}")))?;
    let title = title("--title", &asked.title)?;
    languages(&asked.languages)?;
    let key = BadgeKey::from_bytes(random(&here.random));
    let ledger = ledger_origin(&here.config.issuer, asked.id.as_str())
        .map_err(|e| Failure::usage(format!("--id: {e}")))?;
    let event = NewEvent {
        title,
        zone: zone.name().to_owned(),
        languages: asked.languages,
        names: match asked.names {
            Names::First => NamePolicy::First,
            Names::Full => NamePolicy::Full,
            Names::None => NamePolicy::None,
        },
        policy: DoorPolicy {
            repeat_s: asked.repeat_s,
            margin_s: asked.margin_s,
        },
        badge_key_id: key.id(),
        badge_key: here.keys.seal_badge_key(&asked.id, &key, &here.random),
        issuer: here.config.issuer.clone(),
        issuer_key: here.keys.signing.public_key(),
        ledger,
        id: asked.id,
    };
    match here.store.create_event(&event, now()) {
        Err(StoreError::Exists { .. }) => Err(Failure::failed(format!(
            "there is an event \"{}\" already, and an id is for life: choose another",
            event.id
        ))),
        other => {
            other?;
            say(format!(
                "The event {} was made; its ledger is {}.",
                event.id, event.ledger
            ))?;
            say(here.next(&format!(
                "import agenda --event {} --file agenda.csv",
                event.id
            )))?;
            Ok(Exit::Done)
        }
    }
}

/// A title that fits entries, screens and certificates.
pub(super) fn title(option: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_FIELD_BYTES || text.chars().any(char::is_control) {
        return Err(Failure::usage(format!(
            "{option}: write 1 to {MAX_FIELD_BYTES} bytes without control characters"
        )));
    }
    Ok(text.to_owned())
}

fn languages(tags: &[String]) -> Result<(), Failure> {
    let is_tag = |tag: &str| {
        let mut parts = tag.split('-');
        let first = parts.next().unwrap_or_default();
        (2..=8).contains(&first.len())
            && first.bytes().all(|b| b.is_ascii_alphabetic())
            && parts
                .all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    if let Some(bad) = tags.iter().find(|tag| !is_tag(tag)) {
        return Err(Failure::usage(format!(
            "--languages: {bad:?} is no language tag: write en, de or pt-BR, with commas between"
        )));
    }
    let twice = tags
        .iter()
        .enumerate()
        .find(|(place, tag)| tags[..*place].contains(tag));
    match twice {
        Some((_, tag)) => Err(Failure::usage(format!("--languages: {tag} is there twice"))),
        None if tags.len() > MAX_LANGUAGES => Err(Failure::usage(format!(
            "--languages: more than {MAX_LANGUAGES}"
        ))),
        None => Ok(()),
    }
}

fn tickets(here: &Premises, event: &EventId, texts: &[String], none: bool) -> Ended {
    if texts.len() > MAX_TICKET_KEYS {
        let message = format!("--key: at most {MAX_TICKET_KEYS}");
        return Err(Failure::usage(message));
    }
    let mut keys: Vec<PublicKey> = Vec::new();
    for (number, text) in (1..).zip(texts) {
        let key = ticket_key(text);
        let key = key.map_err(|e| Failure::usage(format!("--key, number {number}: {e}")))?;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    if !keys.is_empty() || none {
        here.store.put_ticket_keys(event, &keys)?;
    }
    let held = here.store.event(event)?.ticket_keys;
    for key in &held {
        say(format!("key {}", key.fingerprint()))?;
    }
    say(match held.len() {
        0 => format!(
            "The event {event} has no ticket keys: its doors know the badges of their list alone."
        ),
        count => format!(
            "The event {event} takes tickets signed by {}; its doors learn them with their next bundle.",
            counted(count, "key")
        ),
    })?;
    Ok(Exit::Done)
}

fn list(here: &Premises) -> Ended {
    let mut rows = Vec::new();
    for event in here.store.events()? {
        let registrations = match here.store.version(&event.id, Versioned::Registrations)? {
            Some(version) => format!("version {}", version.number),
            None => "none".to_owned(),
        };
        let agenda = match here.store.version(&event.id, Versioned::Agenda)? {
            Some(version) => format!("version {}", version.number),
            None => "none".to_owned(),
        };
        rows.push([
            event.id.to_string(),
            event.title,
            event.zone,
            here.store.doors(&event.id)?.len().to_string(),
            agenda,
            registrations,
        ]);
    }
    if rows.is_empty() {
        say("No events. Make one with `rollcall-issuer event create`.")?;
        return Ok(Exit::Done);
    }
    table(
        ["EVENT", "TITLE", "ZONE", "DOORS", "AGENDA", "REGISTRATIONS"],
        &rows,
    )?;
    say(counted(rows.len(), "event"))?;
    Ok(Exit::Done)
}
