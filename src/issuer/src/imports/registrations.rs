//! Registrations into the store: pseudonyms, sealed people, sealed roster rows.
//!
//! A badge keeps its attendee over imports, and so does a position of a ticket shop whose badge changed; anything else is a new
//! attendee. Rows that say what is held already are left alone, so that a list imported again makes nobody due. People who are
//! not in the file stay as they are: cancel them by their status. The one exception is an order that a ticket shop's file
//! tells whole: whoever was in it and is in no row has left it, and is cancelled.

use std::collections::{BTreeMap, BTreeSet};

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId};
use protocol::agenda::{Registration, Registrations, VERSION};
use protocol::badge::{BadgeDigest, BadgeKey, NONCE_BYTES, Row};
use protocol::bundle::NamePolicy;
use protocol::decision::object_bytes;
use protocol::subject::{EMAIL, SubjectDigest};

use super::{Desk, ImportFault, Plan, Source, with_tries};
use crate::keys::{External, Person, SealKey, ShopPosition, random, random_text};
use crate::sources::observed::Subject;
use crate::sources::pretix::{PretixImport, PretixRow};
use crate::sources::{RegistrationRow, RegistrationsImport};
use crate::store::events::{EventFacts, MAX_PAGE, Versioned};
use crate::store::people::{AttendeeFacts, PersonChange, Roster};
use crate::store::signals::AccountWord;

/// Letters of a new attendee's id after its `a-`: 80 bits, so that two never meet.
const ID_LETTERS: usize = 16;

/// What a plan counts.
#[derive(Default)]
struct Tally {
    added: usize,
    changed: usize,
    unchanged: usize,
    cancelled: usize,
    reinstated: usize,
    new_badges: usize,
    gone: usize,
    passed: usize,
    erased: Vec<u64>,
}

/// One row with its place in a ticket shop or in another system.
#[derive(Clone, Copy)]
struct Incoming<'a> {
    row: &'a RegistrationRow,
    position: Option<&'a PretixRow>,
    /// The source that sent it, and its id there.
    external: Option<(&'a str, &'a str)>,
}

/// What came of one row that another system sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It changed something.
    Taken,
    /// It said what is held already.
    Unchanged,
    /// It changed nothing: the field, and what to do.
    Refused(&'static str, String),
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
    let rows = read.rows.iter().map(|row| Incoming {
        row,
        position: None,
        external: None,
    });
    import_rows(
        desk,
        event,
        &rows.collect::<Vec<_>>(),
        None,
        source,
        dry_run,
    )
}

/// Imports positions of a ticket shop, or says what that would change.
///
/// # Errors
/// See [`ImportFault`]; nothing is imported then.
pub fn import_positions(
    desk: Desk<'_>,
    event: &EventId,
    read: &PretixImport,
    source: Source<'_>,
    dry_run: bool,
) -> Result<Plan, ImportFault> {
    let rows = read.rows.iter().map(|row| Incoming {
        row: &row.registration,
        position: Some(row),
        external: None,
    });
    let shop = Some(read);
    import_rows(
        desk,
        event,
        &rows.collect::<Vec<_>>(),
        shop,
        source,
        dry_run,
    )
}

/// Imports registrations that a source sent, each under its id there: whoever was sent under an id before is who it is. What is
/// wrong with one row refuses that row alone. Gives an answer a row, and the version that came into force where one did.
///
/// # Errors
/// See [`ImportFault`]; nothing is imported then.
pub fn push(
    desk: Desk<'_>,
    event: &EventId,
    from: &str,
    rows: &[(&str, &RegistrationRow)],
    source: Source<'_>,
) -> Result<(Vec<Answer>, Option<u64>), ImportFault> {
    with_tries(|| {
        let facts = desk.store.event(event)?;
        let roster = desk.store.roster(event)?;
        let mut room = Reception::open(desk, &facts, &roster)?;
        room.externals = room.externals(from)?;
        let (mut tally, mut changes) = (Tally::default(), Vec::new());
        let (mut answers, mut touched) = (Vec::new(), BTreeSet::new());
        for (id, row) in rows {
            let incoming = Incoming {
                row,
                position: None,
                external: Some((from, id)),
            };
            let erased = tally.erased.len();
            let answer = match room.change(incoming, &mut tally) {
                Err(ImportFault::Refused(why)) => Answer::Refused("badge", why),
                Err(fault) => return Err(fault),
                Ok(None) if tally.erased.len() > erased => Answer::Refused(
                    "",
                    "this person's data was erased, and stays so; leave them out".to_owned(),
                ),
                Ok(None) => Answer::Unchanged,
                Ok(Some(change)) if touched.insert(change.attendee.clone()) => {
                    changes.push(change);
                    Answer::Taken
                }
                Ok(Some(_)) => Answer::Refused(
                    "id",
                    "is of a person whom an earlier row of this request is about".to_owned(),
                ),
            };
            answers.push(answer);
        }
        if changes.is_empty() {
            return Ok((answers, None));
        }
        let document = document(&facts, &roster, &changes);
        let object = desk.objects.put(&object_bytes(&document))?;
        let entry = source.entry(Versioned::Registrations.as_str(), object);
        let version =
            desk.store
                .import_registrations(event, roster.base, &changes, &entry, desk.now)?;
        Ok((answers, Some(version)))
    })
}

fn import_rows(
    desk: Desk<'_>,
    event: &EventId,
    rows: &[Incoming<'_>],
    shop: Option<&PretixImport>,
    source: Source<'_>,
    dry_run: bool,
) -> Result<Plan, ImportFault> {
    with_tries(|| {
        let facts = desk.store.event(event)?;
        let roster = desk.store.roster(event)?;
        let mut room = Reception::open(desk, &facts, &roster)?;
        if shop.is_some() {
            room.positions = room.positions()?;
        }
        let mut tally = Tally::default();
        let mut changes = Vec::new();
        for incoming in rows {
            changes.extend(room.change(*incoming, &mut tally)?);
        }
        if let Some(shop) = shop {
            changes.extend(room.gone(shop, &mut tally)?);
        }
        let mut plan = plan(&tally, &roster, rows.len(), shop.is_some());
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

fn accounts_of_erased(roster: &Roster) -> BTreeSet<SubjectDigest> {
    let erased = roster.keys.iter().filter(|(_, key)| key.is_none());
    let held = erased.filter_map(|(attendee, _)| roster.registrations.get(attendee));
    held.flat_map(|held| held.accounts.iter().copied())
        .collect()
}

/// What a row is held against.
pub(super) struct Reception<'a> {
    desk: Desk<'a>,
    event: &'a EventFacts,
    pub(super) badge_key: BadgeKey,
    roster: &'a Roster,
    people: BTreeMap<AttendeeId, AttendeeFacts>,
    /// What reviewers said of accounts.
    words: Vec<AccountWord>,
    /// Whose a position of the ticket shop is.
    positions: BTreeMap<u64, AttendeeId>,
    /// Whose an id of the source that sends is.
    externals: BTreeMap<String, AttendeeId>,
    /// The accounts that those list who were erased.
    erased: BTreeSet<SubjectDigest>,
}

/// Somebody who is held, opened.
pub(super) struct Held {
    pub(super) key: SealKey,
    pub(super) wrapped: Vec<u8>,
    pub(super) person: Option<Person>,
}

impl<'a> Reception<'a> {
    pub(super) fn open(
        desk: Desk<'a>,
        event: &'a EventFacts,
        roster: &'a Roster,
    ) -> Result<Self, ImportFault> {
        let badge_key = desk.keys.open_badge_key(&event.id, &event.badge_key);
        let badge_key = badge_key.ok_or_else(|| {
            ImportFault::Missing(format!(
                "the badge key of {} does not open: restore the master key it was sealed with",
                event.id
            ))
        })?;
        Ok(Self {
            desk,
            event,
            badge_key,
            roster,
            people: people(desk, &event.id, roster)?,
            words: desk.store.account_words(&event.id)?,
            positions: BTreeMap::new(),
            externals: BTreeMap::new(),
            erased: accounts_of_erased(roster),
        })
    }

    /// Whether somebody who was erased stood at this position of the shop, or under this id of the source: another badge brings nobody back.
    fn was_erased(&self, incoming: Incoming<'_>) -> bool {
        let position = incoming
            .position
            .map(|shop| Subject::pretix_position(shop.position));
        let external = incoming
            .external
            .map(|(from, id)| Subject::external(from, id));
        let mut ids = position.into_iter().chain(external);
        ids.any(|id| {
            SubjectDigest::of(&self.badge_key, &id.system, &id.text)
                .is_ok_and(|account| self.erased.contains(&account))
        })
    }

    /// Opens what is held of somebody; nothing where it was erased.
    pub(super) fn held(&self, attendee: &AttendeeId) -> Result<Option<Held>, ImportFault> {
        let Some(Some(wrapped)) = self.roster.keys.get(attendee) else {
            return Ok(None);
        };
        let unreadable = || {
            ImportFault::Missing(format!(
                "the data of attendee {attendee} does not open: restore the master key"
            ))
        };
        let event = &self.event.id;
        let key = self.desk.keys.data_key(event, attendee, wrapped);
        let key = key.ok_or_else(unreadable)?;
        let facts = self.people.get(attendee);
        let person = match facts.and_then(|facts| facts.person.as_ref()) {
            Some((_, sealed)) => {
                Some(Person::open(event, attendee, &key, sealed).ok_or_else(unreadable)?)
            }
            None => None,
        };
        Ok(Some(Held {
            key,
            wrapped: wrapped.clone(),
            person,
        }))
    }

    /// Whose each position of the ticket shop is, as far as nobody erased it.
    fn positions(&self) -> Result<BTreeMap<u64, AttendeeId>, ImportFault> {
        let mut positions = BTreeMap::new();
        for attendee in self.roster.keys.keys() {
            let held = self.held(attendee)?;
            let position = held.and_then(|held| held.person?.position);
            positions.extend(position.map(|position| (position.id, attendee.clone())));
        }
        Ok(positions)
    }

    /// Whose each id of a source is, as far as nobody erased it.
    fn externals(&self, from: &str) -> Result<BTreeMap<String, AttendeeId>, ImportFault> {
        let mut externals = BTreeMap::new();
        for attendee in self.roster.keys.keys() {
            let held = self.held(attendee)?;
            let listed = held
                .and_then(|held| held.person)
                .map(|person| person.externals);
            let of_source = listed
                .into_iter()
                .flatten()
                .filter(|external| external.source == from);
            externals.extend(of_source.map(|external| (external.id, attendee.clone())));
        }
        Ok(externals)
    }

    /// What a row changes; nothing where it says what is held, or the person was erased.
    fn change(
        &self,
        incoming: Incoming<'_>,
        tally: &mut Tally,
    ) -> Result<Option<PersonChange>, ImportFault> {
        let row = incoming.row;
        let digest = self.badge_key.digest(&row.badge);
        let known = self.roster.badges.get(&digest);
        let of_place = match (incoming.position, incoming.external) {
            (Some(shop), _) => self.positions.get(&shop.position),
            (None, Some((_, id))) => self.externals.get(id),
            (None, None) => None,
        };
        if let (Some(known), Some(other)) = (known, of_place)
            && known != other
        {
            return Err(ImportFault::Refused(match incoming.position {
                Some(PretixRow { position, .. }) => format!(
                    "the badge of position {position} is {known}'s, but the position is {other}'s: one of them was imported from another \
                     list; cancel that one there"
                ),
                None => format!("is {known}'s, but this id is {other}'s; one badge is one person"),
            }));
        }
        let Some(attendee) = known.or(of_place).cloned() else {
            if self.was_erased(incoming) {
                tally.erased.push(row.line);
                return Ok(None);
            }
            if row.cancelled && incoming.position.is_some() {
                tally.passed += 1;
                return Ok(None);
            }
            return Ok(Some(self.newcomer(incoming, digest, tally)?));
        };
        let Some(held) = self.held(&attendee)? else {
            tally.erased.push(row.line);
            return Ok(None);
        };
        let held_registration = self.roster.registrations.get(&attendee);
        let mut badges = held
            .person
            .as_ref()
            .map_or_else(Vec::new, |p| p.badges.clone());
        let mut digests = held_registration.map_or_else(Vec::new, |r| r.badges.clone());
        if !digests.contains(&digest) {
            tally.new_badges += usize::from(!digests.is_empty());
            digests.push(digest);
            digests.sort();
        }
        if !badges.contains(&row.badge) {
            badges.push(row.badge.clone());
        }
        let held_position = held.person.as_ref().and_then(|p| p.position.clone());
        let held_externals = held.person.as_ref().map(|p| p.externals.clone());
        let person = Person {
            position: shop_position(incoming).or(held_position),
            externals: externals(incoming, held_externals.unwrap_or_default()),
            ..person(row, badges)
        };
        let registration = Registration {
            accounts: self.accounts(&attendee, &person),
            ..registration(row, held_registration, &attendee, digests)
        };
        if held.person.as_ref() == Some(&person) && held_registration == Some(&registration) {
            tally.unchanged += 1;
            return Ok(None);
        }
        tally.changed += 1;
        let was_cancelled = held_registration.is_some_and(|r| r.cancelled);
        tally.cancelled += usize::from(row.cancelled && !was_cancelled);
        tally.reinstated += usize::from(!row.cancelled && was_cancelled);
        Ok(Some(self.sealed(
            (&row.badge, digest),
            &person,
            registration,
            &held.key,
            held.wrapped,
        )))
    }

    fn newcomer(
        &self,
        incoming: Incoming<'_>,
        digest: BadgeDigest,
        tally: &mut Tally,
    ) -> Result<PersonChange, ImportFault> {
        let (row, random_bytes) = (incoming.row, self.desk.random);
        let id = format!("a-{}", random_text(random_bytes, ID_LETTERS));
        let attendee: AttendeeId = id
            .parse()
            .map_err(|_| ImportFault::Refused(format!("{id} is no id")))?;
        let person = Person {
            position: shop_position(incoming),
            externals: externals(incoming, Vec::new()),
            ..person(row, vec![row.badge.clone()])
        };
        let registration = Registration {
            accounts: self.accounts(&attendee, &person),
            ..registration(row, None, &attendee, vec![digest])
        };
        let keys = self.desk.keys;
        let (key, wrapped) = keys.new_data_key(&self.event.id, &attendee, random_bytes);
        tally.added += 1;
        tally.cancelled += usize::from(row.cancelled);
        let badge = (row.badge.as_str(), digest);
        Ok(self.sealed(badge, &person, registration, &key, wrapped))
    }

    /// The accounts that a registration lists: the person's address, their position in the ticket shop, their ids at sources that sent
    /// them, and what reviewers matched;
    /// without what reviewers took back.
    fn accounts(&self, attendee: &AttendeeId, person: &Person) -> Vec<SubjectDigest> {
        let email = person.email.as_deref();
        let email = email.map(|email| Subject::new(EMAIL, email));
        let position = person.position.as_ref().into_iter().flat_map(|position| {
            let code = |number: u64| Subject::pretix_code(&position.order, &number.to_string());
            let code = position.number.map(code);
            std::iter::once(Subject::pretix_position(position.id)).chain(code)
        });
        let externals = person.externals.iter();
        let externals = externals.map(|external| Subject::external(&external.source, &external.id));
        let own = email.into_iter().chain(position).chain(externals);
        // An address that is none is nobody's account; the row was taken for what else it says.
        let own = own.filter_map(|s| SubjectDigest::of(&self.badge_key, &s.system, &s.text).ok());
        let mut accounts: BTreeSet<SubjectDigest> = own.collect();
        for said in self.words.iter().filter(|w| w.attendee == *attendee) {
            if said.is_theirs {
                accounts.insert(said.subject);
            } else {
                accounts.remove(&said.subject);
            }
        }
        accounts.into_iter().collect()
    }

    /// Cancels whoever was in an order that the file tells whole, and is in it no more.
    fn gone(
        &self,
        shop: &PretixImport,
        tally: &mut Tally,
    ) -> Result<Vec<PersonChange>, ImportFault> {
        let named: BTreeSet<u64> = shop.positions.iter().copied().collect();
        let mut changes = Vec::new();
        for (id, attendee) in &self.positions {
            if named.contains(id) {
                continue;
            }
            let registration = self.roster.registrations.get(attendee);
            let Some(registration) = registration.filter(|r| !r.cancelled) else {
                continue;
            };
            let Some(held) = self.held(attendee)? else {
                continue;
            };
            let Some(person) = held.person else { continue };
            let order = person.position.as_ref().map(|p| p.order.as_str());
            if !order.is_some_and(|order| shop.orders.contains(order)) {
                continue;
            }
            let Some(badge) = person.badges.last().cloned() else {
                continue;
            };
            let registration = Registration {
                cancelled: true,
                ..registration.clone()
            };
            tally.gone += 1;
            let badge = (badge.as_str(), self.badge_key.digest(&badge));
            changes.push(self.sealed(badge, &person, registration, &held.key, held.wrapped));
        }
        Ok(changes)
    }

    pub(super) fn sealed(
        &self,
        (badge, digest): (&str, BadgeDigest),
        person: &Person,
        registration: Registration,
        key: &SealKey,
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
            badge: (digest, self.badge_key.seal_row(badge, &shown, nonce)),
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
        position: None,
        externals: Vec::new(),
    }
}

/// The ids that are held, with the one of a row.
fn externals(incoming: Incoming<'_>, mut held: Vec<External>) -> Vec<External> {
    if let Some((source, id)) = incoming.external {
        held.retain(|external| external.source != source);
        held.push(External {
            source: source.to_owned(),
            id: id.to_owned(),
        });
        held.sort();
    }
    held
}

fn shop_position(incoming: Incoming<'_>) -> Option<ShopPosition> {
    let row = incoming.position?;
    Some(ShopPosition {
        id: row.position,
        order: row.order.clone(),
        number: row.number,
    })
}

/// What a row says, and of what it says nothing, what is held.
fn registration(
    row: &RegistrationRow,
    held: Option<&Registration>,
    attendee: &AttendeeId,
    badges: Vec<BadgeDigest>,
) -> Registration {
    let held = held.cloned();
    let held = held.unwrap_or_else(|| Registration::plain(attendee.clone(), Vec::new()));
    Registration {
        badges,
        valid_from: row.valid_from_utc_ms.map(UtcMs),
        valid_until: row.valid_until_utc_ms.map(UtcMs),
        cancelled: row.cancelled,
        ..held
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
pub(super) fn document(
    event: &EventFacts,
    roster: &Roster,
    changes: &[PersonChange],
) -> Registrations {
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

fn plan(tally: &Tally, roster: &Roster, rows: usize, is_shop: bool) -> Plan {
    let mut plan = Plan::default();
    for (what, count) in [
        ("registrations added", tally.added),
        ("registrations changed", tally.changed),
        ("of them cancelled now", tally.cancelled),
        ("of them no longer cancelled", tally.reinstated),
        ("of them with a new badge", tally.new_badges),
        (
            "cancelled, since their order no longer has them",
            tally.gone,
        ),
    ] {
        if count > 0 {
            plan.changes.push(format!("{what}: {count}"));
        }
    }
    if tally.unchanged > 0 {
        plan.unchanged = Some(format!("registrations unchanged: {}", tally.unchanged));
    }
    if tally.passed > 0 {
        plan.warnings.push(format!(
            "{} positions are cancelled or unpaid and were never registered here; they were passed over",
            tally.passed
        ));
    }
    if tally.new_badges > 0 {
        plan.warnings.push(format!(
            "{} people have a new badge; the one before still counts as theirs, so that nothing they attended is lost",
            tally.new_badges
        ));
    }
    let absent = (roster.badges.len() + tally.added).saturating_sub(rows);
    if absent > 0 && !is_shop {
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
