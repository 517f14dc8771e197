//! What a kiosk is given: made when something in it has changed, kept, and handed out as it was signed.
//!
//! A bundle's content is named by a hash of what it is made from: the event's revision, which rises with every change of
//! agenda, rules, roster, doors and kiosks, the issuer's pins, and the accounts that are disabled. While that stands and the bundle is young, the same bytes
//! are given again; otherwise a new one is made, whose sequence is one higher. Rows of the roster were sealed at import, so
//! making a bundle opens nobody's data.

use attendance::UtcMs;
use evidence::Hash;
use protocol::agenda::{self, Agenda, Registrations};
use protocol::badge::BadgeDigest;
use protocol::bundle::{self, Bundle, Event, RosterRow, RuleText};
use protocol::decision::object_bytes;

use crate::api::{Parties, Refusal};
use crate::staff_badges;
use crate::store::accounts::Account;
use crate::store::enrolment::{BundleFacts, KioskFacts};
use crate::store::events::{EventFacts, Versioned};
use crate::store::{ObjectStore, StoreError};

/// How long a bundle is good, in milliseconds. A door goes on with an older one, and staff are told.
pub const BUNDLE_MS: i64 = 24 * 60 * 60 * 1_000;
/// A bundle is made anew once less than this of its time is left, in milliseconds.
const RENEW_MS: i64 = BUNDLE_MS / 2;
/// How often a bundle is made anew where another process was faster.
const TRIES: usize = 4;

/// The newest bundle of a kiosk, without its bytes; made anew where it has to be.
///
/// # Errors
/// Where database or objects cannot be used.
pub fn refresh(parties: &Parties, kiosk: &KioskFacts, now: UtcMs) -> Result<BundleFacts, Refusal> {
    let mut last = None;
    for _ in 0..TRIES {
        let event = parties.store.event(&kiosk.event)?;
        let accounts = parties.store.accounts()?;
        let content = content(parties, kiosk, &event, &accounts);
        let held = parties.store.bundle(&kiosk.kiosk)?;
        if let Some(held) = held
            && held.content == content
            && now < held.expires.plus_ms(-RENEW_MS)
        {
            return Ok(held);
        }
        let facts = BundleFacts {
            sequence: held.map_or(1, |held| held.sequence + 1),
            content,
            expires: now.plus_ms(BUNDLE_MS),
        };
        let bundle = make(parties, kiosk, (&event, &accounts), &facts, now)?;
        let bytes = bundle::sign(&bundle, &parties.keys.signing)
            .map_err(|error| Refusal::Unavailable(error.to_string()))?;
        match parties.store.put_bundle(&kiosk.kiosk, &facts, &bytes) {
            Ok(()) => return Ok(facts),
            Err(error @ StoreError::Moved { .. }) => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.map_or(Refusal::NotFound, Refusal::from))
}

/// The newest bundle of a kiosk, as it was signed.
///
/// # Errors
/// As [`refresh`].
pub fn current(
    parties: &Parties,
    kiosk: &KioskFacts,
    now: UtcMs,
) -> Result<(BundleFacts, Vec<u8>), Refusal> {
    refresh(parties, kiosk, now)?;
    parties
        .store
        .bundle_bytes(&kiosk.kiosk)?
        .ok_or_else(|| Refusal::Unavailable("a bundle that was kept is not there".to_owned()))
}

fn content(
    parties: &Parties,
    kiosk: &KioskFacts,
    event: &EventFacts,
    accounts: &[Account],
) -> Hash {
    let pins = parties.pins.join(",");
    let disabled: Vec<&str> = accounts
        .iter()
        .filter(|account| account.disabled)
        .map(|account| account.id.as_str())
        .collect();
    let mut text = format!(
        "bundle/{}\n{}\n{}\n{pins}\n",
        bundle::VERSION,
        event.revision,
        kiosk.door
    );
    if !disabled.is_empty() {
        text.push_str(&format!("disabled {}\n", disabled.join(",")));
    }
    evidence::sha256(text.as_bytes())
}

fn object(objects: &dyn ObjectStore, hash: Hash) -> Result<Vec<u8>, Refusal> {
    let missing = || Refusal::Unavailable(format!("the object {hash} is missing: restore it"));
    objects.get(hash)?.ok_or_else(missing)
}

fn make(
    parties: &Parties,
    kiosk: &KioskFacts,
    (event, accounts): (&EventFacts, &[Account]),
    facts: &BundleFacts,
    now: UtcMs,
) -> Result<Bundle, Refusal> {
    let store = &parties.store;
    let doors = store.doors(&event.id)?;
    let door = doors.iter().find(|d| d.door.id == kiosk.door);
    let door = door.ok_or_else(|| StoreError::not_found("door", &kiosk.door))?;
    let (agenda_hash, agenda) = match store.version(&event.id, Versioned::Agenda)? {
        Some(version) => {
            let bytes = object(parties.objects.as_ref(), version.object)?;
            let agenda: Agenda = serde_json::from_slice(&bytes).map_err(|error| {
                Refusal::Unavailable(format!("the agenda does not read: {error}"))
            })?;
            (version.object, agenda)
        }
        None => {
            let agenda = empty_agenda(event, doors.iter().map(|d| d.door.clone()).collect());
            (evidence::sha256(&object_bytes(&agenda)), agenda)
        }
    };
    let mut rules = Vec::new();
    for programme in store.programmes(&event.id)? {
        if let Some(hash) = programme.rules {
            let text = String::from_utf8(object(parties.objects.as_ref(), hash)?)
                .map_err(|error| Refusal::Unavailable(format!("rules {hash}: {error}")))?;
            let hash = hash.to_hex();
            rules.push(RuleText { hash, text });
        }
    }
    // Two programmes may be credited by one rule set.
    rules.sort_by(|a, b| a.hash.cmp(&b.hash));
    rules.dedup();
    let roster_hash = match store.version(&event.id, Versioned::Registrations)? {
        Some(version) => version.object,
        None => evidence::sha256(&object_bytes(&no_registrations(event))),
    };
    let (revoked, rows): (Vec<_>, Vec<_>) = store
        .roster_rows(&event.id)?
        .into_iter()
        .partition(|row| row.revoked);
    let roster = rows.into_iter().map(|row| RosterRow {
        badge: row.badge,
        attendee: row.attendee,
        valid_from: row.valid_from,
        valid_until: row.valid_until,
        cancelled: row.cancelled,
        row: row.row,
    });
    let mut revoked: Vec<BadgeDigest> = revoked.into_iter().map(|row| row.badge).collect();
    let badge_key = parties.keys.open_badge_key(&event.id, &event.badge_key);
    let badge_key = badge_key.ok_or_else(|| {
        Refusal::Unavailable("the event's badge key does not open: check the keys".to_owned())
    })?;
    revoked.extend(staff_badges::revoked(
        &parties.keys,
        &event.id,
        &badge_key,
        accounts,
    ));
    let kiosks = store.kiosks(&event.id)?;
    let active = kiosks.iter().filter(|k| k.retired.is_none()).count();
    Ok(Bundle {
        v: bundle::VERSION,
        sequence: facts.sequence,
        kiosk: kiosk.kiosk.clone(),
        door: door.door.clone(),
        event: Event {
            id: event.id.clone(),
            title: event.title.clone(),
            zone: event.zone.clone(),
            languages: event.languages.clone(),
        },
        issued: now,
        expires: facts.expires,
        policy: event.policy.clone(),
        agenda_hash: agenda_hash.to_hex(),
        agenda,
        rules,
        roster_hash: roster_hash.to_hex(),
        roster: roster.collect(),
        revoked,
        pins: parties.pins.clone(),
        ledger: event.ledger.clone(),
        kiosks: u32::try_from(active).unwrap_or(u32::MAX),
        tickets: event.ticket_keys.clone(),
    })
}

/// Before an agenda is imported, a door has rooms and no sessions.
fn empty_agenda(event: &EventFacts, doors: Vec<agenda::Door>) -> Agenda {
    Agenda {
        doors,
        ..Agenda::empty(&event.zone)
    }
}

fn no_registrations(event: &EventFacts) -> Registrations {
    Registrations {
        v: agenda::VERSION,
        badge_key: event.badge_key_id.clone(),
        registrations: Vec::new(),
    }
}
