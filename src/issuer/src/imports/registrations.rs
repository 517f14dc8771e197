//! Registrations into the store: pseudonyms, sealed people, sealed roster rows.
//!
//! A badge keeps its attendee over imports; a new badge is a new attendee. Rows that say what is held already are left alone, so that a
//! list imported again makes nobody due. People who are not in the file stay as they are: cancel them by their status.

use std::collections::BTreeMap;

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId};
use protocol::agenda::{Registration, Registrations, VERSION};
use protocol::badge::{BadgeDigest, BadgeKey, NONCE_BYTES, Row};
use protocol::bundle::NamePolicy;
use protocol::decision::object_bytes;

use super::{Desk, ImportFault, Plan, Source, with_tries};
use crate::keys::{Person, random, random_text};
use crate::sources::{RegistrationRow, RegistrationsImport};
use crate::store::events::{EventFacts, MAX_PAGE, Versioned};
use crate::store::people::{AttendeeFacts, PersonChange, Roster};

/// Letters of a new attendee's id after its `a-`: 80 bits, so that two never meet.
const ID_LETTERS: usize = 16;

/// What a plan counts.
#[derive(Default)]
struct Tally {
    added: usize,
    changed: usize,
    unchanged: usize,
    cancelled: usize,
    erased: Vec<u64>,
}

/// Imports registrations, or says what that would change.
///
/// # Errors
/// See [`ImportFault`]; nothing is imported then.
pub fn import(
    desk: Desk<'_>,
    event: &EventId,
    read: &RegistrationsImport,
    source: Source<'_>,
    dry_run: bool,
) -> Result<Plan, ImportFault> {
    with_tries(|| {
        let facts = desk.store.event(event)?;
        let badge_key = desk.keys.open_badge_key(event, &facts.badge_key).ok_or_else(|| {
            ImportFault::Missing(format!("the badge key of {event} does not open: restore the master key it was sealed with"))
        })?;
        let roster = desk.store.roster(event)?;
        let people = people(desk, event, &roster)?;
        let room = Reception {
            desk,
            event: &facts,
            badge_key,
            roster: &roster,
            people,
        };
        let mut tally = Tally::default();
        let mut changes = Vec::new();
        for row in &read.rows {
            changes.extend(room.change(row, &mut tally)?);
        }
        let mut plan = plan(&tally, &roster, read.rows.len());
        if dry_run || changes.is_empty() {
            return Ok(plan);
        }
        let document = document(&facts, &roster, &changes);
        let object = desk.objects.put(&object_bytes(&document))?;
        let entry = source.entry(Versioned::Registrations.as_str(), object);
        plan.version = Some(desk.store.import_registrations(
            event,
            roster.base,
            &changes,
            &entry,
            desk.now,
        )?);
        Ok(plan)
    })
}

/// Everybody who is known, where somebody is.
fn people(
    desk: Desk<'_>,
    event: &EventId,
    roster: &Roster,
) -> Result<BTreeMap<AttendeeId, AttendeeFacts>, ImportFault> {
    let mut people = BTreeMap::new();
    if roster.keys.is_empty() {
        return Ok(people);
    }
    let mut after: Option<AttendeeId> = None;
    loop {
        let page = desk.store.attendees(event, after.as_ref(), MAX_PAGE)?;
        let Some(last) = page.last() else {
            return Ok(people);
        };
        after = Some(last.attendee.clone());
        people.extend(
            page.into_iter()
                .map(|facts| (facts.attendee.clone(), facts)),
        );
    }
}

/// What a row is held against.
struct Reception<'a> {
    desk: Desk<'a>,
    event: &'a EventFacts,
    badge_key: BadgeKey,
    roster: &'a Roster,
    people: BTreeMap<AttendeeId, AttendeeFacts>,
}

impl Reception<'_> {
    /// What a row changes; nothing where it says what is held, or the person was erased.
    fn change(
        &self,
        row: &RegistrationRow,
        tally: &mut Tally,
    ) -> Result<Option<PersonChange>, ImportFault> {
        let digest = self.badge_key.digest(&row.badge);
        let random_bytes = self.desk.random;
        let Some(attendee) = self.roster.badges.get(&digest).cloned() else {
            let id = format!("a-{}", random_text(random_bytes, ID_LETTERS));
            let attendee: AttendeeId = id
                .parse()
                .map_err(|_| ImportFault::Refused(format!("{id} is no id")))?;
            let person = person(row, vec![row.badge.clone()]);
            let registration = registration(row, &attendee, vec![digest]);
            let (key, wrapped) =
                self.desk
                    .keys
                    .new_data_key(&self.event.id, &attendee, random_bytes);
            tally.added += 1;
            tally.cancelled += usize::from(row.cancelled);
            return Ok(Some(self.sealed(
                row,
                digest,
                &person,
                registration,
                &key,
                wrapped,
            )));
        };
        let Some(Some(wrapped)) = self.roster.keys.get(&attendee) else {
            tally.erased.push(row.line);
            return Ok(None);
        };
        let unreadable = || {
            ImportFault::Missing(format!(
                "the data of attendee {attendee} does not open: restore the master key"
            ))
        };
        let key = self
            .desk
            .keys
            .data_key(&self.event.id, &attendee, wrapped)
            .ok_or_else(unreadable)?;
        let held = self.people.get(&attendee);
        let held_person = match held.and_then(|facts| facts.person.as_ref()) {
            Some((_, sealed)) => {
                Some(Person::open(&self.event.id, &attendee, &key, sealed).ok_or_else(unreadable)?)
            }
            None => None,
        };
        let held_registration = self.roster.registrations.get(&attendee);
        let badges = held_person
            .as_ref()
            .map_or_else(|| vec![row.badge.clone()], |p| p.badges.clone());
        let digests = held_registration.map_or_else(|| vec![digest], |r| r.badges.clone());
        let person = person(row, badges);
        let registration = registration(row, &attendee, digests);
        if held_person.as_ref() == Some(&person) && held_registration == Some(&registration) {
            tally.unchanged += 1;
            return Ok(None);
        }
        tally.changed += 1;
        let was_cancelled = held_registration.is_some_and(|r| r.cancelled);
        tally.cancelled += usize::from(row.cancelled && !was_cancelled);
        Ok(Some(self.sealed(
            row,
            digest,
            &person,
            registration,
            &key,
            wrapped.clone(),
        )))
    }

    fn sealed(
        &self,
        row: &RegistrationRow,
        digest: BadgeDigest,
        person: &Person,
        registration: Registration,
        key: &crate::keys::SealKey,
        wrapped: Vec<u8>,
    ) -> PersonChange {
        let attendee = registration.attendee.clone();
        let shown = Row {
            name: shown_name(&person.name, self.event.names),
            language: person.language.clone(),
        };
        let nonce = random::<NONCE_BYTES>(self.desk.random);
        PersonChange {
            sealed: person.seal(&self.event.id, &attendee, key, self.desk.random),
            key: wrapped,
            badge: (digest, self.badge_key.seal_row(&row.badge, &shown, nonce)),
            attendee,
            registration,
        }
    }
}

fn person(row: &RegistrationRow, badges: Vec<String>) -> Person {
    Person {
        v: Person::VERSION,
        name: row.name.clone(),
        email: row.email.clone(),
        organisation: row.organisation.clone(),
        language: row.language.clone(),
        badges,
    }
}

fn registration(
    row: &RegistrationRow,
    attendee: &AttendeeId,
    badges: Vec<BadgeDigest>,
) -> Registration {
    Registration {
        attendee: attendee.clone(),
        badges,
        valid_from: row.valid_from_utc_ms.map(UtcMs),
        valid_until: row.valid_until_utc_ms.map(UtcMs),
        cancelled: row.cancelled,
    }
}

/// What a screen may show of a name: the first word of it is the first name, which some orders of names make the family's.
fn shown_name(name: &str, policy: NamePolicy) -> Option<String> {
    match policy {
        NamePolicy::None => None,
        NamePolicy::First => name.split_whitespace().next().map(str::to_owned),
        NamePolicy::Full => Some(name.to_owned()),
    }
}

/// All registrations as they are with the changes made.
fn document(event: &EventFacts, roster: &Roster, changes: &[PersonChange]) -> Registrations {
    let mut all = roster.registrations.clone();
    all.extend(
        changes
            .iter()
            .map(|c| (c.attendee.clone(), c.registration.clone())),
    );
    Registrations {
        v: VERSION,
        badge_key: event.badge_key_id.clone(),
        registrations: all.into_values().collect(),
    }
}

fn plan(tally: &Tally, roster: &Roster, rows: usize) -> Plan {
    let mut plan = Plan::default();
    for (what, count) in [
        ("registrations added", tally.added),
        ("registrations changed", tally.changed),
        ("of them cancelled now", tally.cancelled),
    ] {
        if count > 0 {
            plan.changes.push(format!("{what}: {count}"));
        }
    }
    let absent = (roster.badges.len() + tally.added).saturating_sub(rows);
    if absent > 0 {
        let warning = format!(
            "{absent} badges that are registered are not in the file; they stay as they are (cancel by status)"
        );
        plan.warnings.push(warning);
    }
    if let Some(first) = tally.erased.first() {
        let warning = format!(
            "{} rows (the first in row {first}) are of people whose data was erased; they were left out",
            tally.erased.len()
        );
        plan.warnings.push(warning);
    }
    plan
}

#[cfg(test)]
#[path = "registrations_tests.rs"]
mod tests;
