//! Badges that the issuer signs, for people who are registered.
//!
//! Promises: whoever has a signed badge of this event keeps it, so a sheet printed twice is the same sheet; others get one beside the badges
//! they have. A new one is a registration changed, with an entry of the ledger. A badge's text goes to whoever prints it and into the
//! sealed data of its person, nowhere else.

use attendance::words::{AttendeeId, EventId};
use evidence::sha256;
use protocol::agenda::Registration;
use protocol::badge::BadgeDigest;
use protocol::decision::object_bytes;
use protocol::signed_badge::{self, SERIAL_BYTES, Validity};

use super::registrations::{Reception, document};
use super::{Desk, ImportFault, Source, with_tries};
use crate::keys::{Person, random};
use crate::store::events::Versioned;
use crate::store::people::PersonChange;

/// The word for these in the ledger's entry.
const FORMAT: &str = "signed_badges";

/// A badge to be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Badge {
    /// Whose.
    pub attendee: AttendeeId,
    /// Their name.
    pub name: String,
    /// The language they read, where it is known.
    pub language: Option<String>,
    /// What the code says.
    pub text: String,
    /// What logs and staff call it.
    pub digest: BadgeDigest,
}

/// The badges of a sheet.
#[derive(Default)]
pub struct Badges {
    /// By name, then attendee.
    pub all: Vec<Badge>,
    /// How many of them are new.
    pub new: usize,
    /// The version of the registrations that came into force; none where nothing is new.
    pub version: Option<u64>,
}

/// Gives a signed badge to everybody who is registered, or to one of them.
///
/// # Errors
/// `Refused` where that one is not registered or was erased, or the validity has no place in a badge.
pub fn give(
    desk: Desk<'_>,
    event: &EventId,
    whom: Option<&AttendeeId>,
    validity: Validity,
) -> Result<Badges, ImportFault> {
    with_tries(|| {
        let facts = desk.store.event(event)?;
        let roster = desk.store.roster(event)?;
        let room = Reception::open(desk, &facts, &roster)?;
        let mut changes = Vec::new();
        let mut badges = Badges::default();
        let wanted = roster.registrations.iter();
        let wanted = wanted.filter(|(attendee, _)| whom.is_none_or(|whom| whom == *attendee));
        for (attendee, registration) in wanted.filter(|(_, held)| !held.cancelled) {
            let Some(held) = room.held(attendee)? else {
                continue;
            };
            let Some(person) = held.person else { continue };
            let text = match own(&person, desk, event) {
                Some(text) => text.to_owned(),
                None => made(desk, event, validity)?,
            };
            let digest = room.badge_key.digest(&text);
            let badge = Badge {
                attendee: attendee.clone(),
                name: person.name.clone(),
                language: person.language.clone(),
                text,
                digest,
            };
            if !registration.badges.contains(&digest) {
                let key = (&held.key, held.wrapped);
                changes.push(changed(&room, registration, &badge, person, key));
            }
            badges.all.push(badge);
        }
        if let (Some(whom), true) = (whom, badges.all.is_empty()) {
            return Err(ImportFault::Refused(format!(
                "{event} has no registration of {whom} that holds: pages and reports show the ids of those who are registered"
            )));
        }
        badges
            .all
            .sort_by(|a, b| (&a.name, &a.attendee).cmp(&(&b.name, &b.attendee)));
        badges.new = changes.len();
        if changes.is_empty() {
            return Ok(badges);
        }
        let object = desk
            .objects
            .put(&object_bytes(&document(&facts, &roster, &changes)))?;
        let source = Source {
            format: FORMAT,
            // There is no file but the registrations themselves.
            file: sha256(object.as_bytes()),
            rows: changes.len(),
        };
        let entry = source.entry(Versioned::Registrations.as_str(), object);
        badges.version = Some(desk.store.import_registrations(
            event,
            roster.base,
            &changes,
            &entry,
            desk.now,
        )?);
        Ok(badges)
    })
}

/// The signed badge of this event that somebody has, the newest.
fn own<'p>(person: &'p Person, desk: Desk<'_>, event: &EventId) -> Option<&'p str> {
    let key = desk.keys.signing.public_key();
    let texts = person.badges.iter().rev().map(String::as_str);
    let mut signed = texts.filter(|text| signed_badge::open(text, event, &key).is_ok());
    signed.next()
}

fn made(desk: Desk<'_>, event: &EventId, validity: Validity) -> Result<String, ImportFault> {
    let serial = random::<SERIAL_BYTES>(desk.random);
    let made = signed_badge::make(event, validity, serial, &desk.keys.signing);
    made.ok_or_else(|| {
        ImportFault::Refused("a badge holds between 1970 and the year 10135".to_owned())
    })
}

fn changed(
    room: &Reception<'_>,
    held: &Registration,
    badge: &Badge,
    mut person: Person,
    (key, wrapped): (&crate::keys::SealKey, Vec<u8>),
) -> PersonChange {
    person.badges.push(badge.text.clone());
    let mut registration = held.clone();
    registration.badges.push(badge.digest);
    registration.badges.sort();
    room.sealed(
        (&badge.text, badge.digest),
        &person,
        registration,
        key,
        wrapped,
    )
}

#[cfg(test)]
#[path = "badges_tests.rs"]
mod tests;
