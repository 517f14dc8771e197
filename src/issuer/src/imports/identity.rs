//! What staff say of a registration beside its import: whose an account is, and who speaks. What was granted: [`super::accommodations`].
//!
//! Promises:
//! - Each is a new registrations object and an `import` entry of the format `staff` with who and why; nothing is rewritten, and whoever
//!   it touches is decided again.
//! - A word on an account outlives every import: what was matched stays matched, and what was taken back is not matched again by an
//!   address. The later word on one account and attendee holds.
//! - What changes nothing writes nothing.

use std::collections::BTreeMap;

use attendance::words::{AttendeeId, EventId, SessionId};
use evidence::Hash;
use protocol::agenda::{Registration, Registrations, VERSION};
use protocol::decision::object_bytes;
use protocol::ledger::Import;
use protocol::subject::SubjectDigest;

use super::observed::By;
use super::{Desk, ImportFault, with_tries};
use crate::store::events::Versioned;
use crate::store::signals::{AccountWord, RegistrationsChange};

/// The format of such imports.
pub const STAFF: &str = "staff";

/// Says that an account is an attendee's, and nobody else's: from whoever else lists it, it is taken. Gives the version of the
/// registrations; none where it was theirs alone and said so already.
///
/// # Errors
/// See [`ImportFault`]; nothing is changed then.
pub fn match_subject(
    desk: Desk<'_>,
    event: &EventId,
    (subject, attendee): (SubjectDigest, &AttendeeId),
    by: By<'_>,
) -> Result<Option<u64>, ImportFault> {
    restore_subject(desk, event, subject, std::slice::from_ref(attendee), by)
}

/// Says that an account is not an attendee's, whoever or whatever said so before.
///
/// # Errors
/// See [`ImportFault`]; nothing is changed then.
pub fn unmatch_subject(
    desk: Desk<'_>,
    event: &EventId,
    (subject, attendee): (SubjectDigest, &AttendeeId),
    by: By<'_>,
) -> Result<Option<u64>, ImportFault> {
    say(desk, event, subject, by, |_| {
        vec![(attendee.clone(), false)]
    })
}

/// Says that an account is these attendees' and nobody else's, as it was before a word that is undone.
///
/// # Errors
/// See [`ImportFault`]; nothing is changed then.
pub fn restore_subject(
    desk: Desk<'_>,
    event: &EventId,
    subject: SubjectDigest,
    owners: &[AttendeeId],
    by: By<'_>,
) -> Result<Option<u64>, ImportFault> {
    say(desk, event, subject, by, |all| {
        let lists = |held: &&Registration| held.accounts.contains(&subject);
        let listing = all.values().filter(lists).map(|held| &held.attendee);
        let others = listing.filter(|attendee| !owners.contains(attendee));
        let others = others.map(|attendee| (attendee.clone(), false));
        let owners = owners.iter().map(|attendee| (attendee.clone(), true));
        owners.chain(others).collect()
    })
}

/// Whose an account is said to be, and whose not.
type Whose = Vec<(AttendeeId, bool)>;

fn say(
    desk: Desk<'_>,
    event: &EventId,
    subject: SubjectDigest,
    by: By<'_>,
    whose: impl Fn(&BTreeMap<AttendeeId, Registration>) -> Whose,
) -> Result<Option<u64>, ImportFault> {
    with_tries(|| {
        let roster = desk.store.roster(event)?;
        let held_words = desk.store.account_words(event)?;
        let mut all = roster.registrations;
        let (mut changed, mut words) = (Vec::new(), Vec::new());
        let mut is_news = false;
        for (attendee, is_theirs) in whose(&all) {
            let held = registration_of(&mut all, event, &attendee)?;
            let before = held.clone();
            held.accounts.retain(|held| *held != subject);
            if is_theirs {
                held.accounts.push(subject);
                held.accounts.sort();
            }
            let is_said = held_words.iter().any(|said| {
                (said.subject, &said.attendee, said.is_theirs) == (subject, &attendee, is_theirs)
            });
            is_news |= *held != before || !is_said;
            changed.push(held.clone());
            words.push(AccountWord {
                subject,
                attendee,
                is_theirs,
                reason: by.reason.to_owned(),
                operator: by.operator.to_owned(),
                at: desk.now,
            });
        }
        if !is_news {
            return Ok(None);
        }
        put(desk, event, (roster.base, all), changed, words, by).map(Some)
    })
}

/// Says at which sessions an attendee speaks.
///
/// # Errors
/// See [`ImportFault`]; nothing is changed then.
pub fn speaks(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
    sessions: &[SessionId],
    by: By<'_>,
) -> Result<Option<u64>, ImportFault> {
    change(desk, event, attendee, by, |registration| {
        registration.speaks = sessions.to_vec();
        registration.speaks.sort();
        registration.speaks.dedup();
    })
}

fn registration_of<'a>(
    all: &'a mut BTreeMap<AttendeeId, Registration>,
    event: &EventId,
    attendee: &AttendeeId,
) -> Result<&'a mut Registration, ImportFault> {
    all.get_mut(attendee)
        .ok_or_else(|| ImportFault::Refused(format!("{event} has no registration of {attendee}")))
}

/// Changes one registration by a person's word.
pub(super) fn change(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
    by: By<'_>,
    edit: impl Fn(&mut Registration),
) -> Result<Option<u64>, ImportFault> {
    with_tries(|| {
        let roster = desk.store.roster(event)?;
        let mut all = roster.registrations;
        let held = registration_of(&mut all, event, attendee)?;
        let before = held.clone();
        edit(held);
        let changed = held.clone();
        if changed == before {
            return Ok(None);
        }
        let parts = (roster.base, all);
        put(desk, event, parts, vec![changed], Vec::new(), by).map(Some)
    })
}

/// Brings registrations into force, made from those of `base`.
fn put(
    desk: Desk<'_>,
    event: &EventId,
    (base, all): (Option<Hash>, BTreeMap<AttendeeId, Registration>),
    registrations: Vec<Registration>,
    words: Vec<AccountWord>,
    by: By<'_>,
) -> Result<u64, ImportFault> {
    let document = Registrations {
        v: VERSION,
        badge_key: desk.store.event(event)?.badge_key_id,
        registrations: all.into_values().collect(),
    };
    let object = desk.objects.put(&object_bytes(&document))?;
    let change = RegistrationsChange {
        base,
        import: Import {
            what: Versioned::Registrations.as_str().to_owned(),
            format: STAFF.to_owned(),
            object,
            file: object,
            rows: u64::try_from(registrations.len()).unwrap_or(u64::MAX),
            operator: Some(by.operator.to_owned()),
            reason: Some(by.reason.to_owned()),
        },
        registrations,
        words,
        note: by.note.cloned(),
    };
    Ok(desk.store.change_registrations(event, &change, desk.now)?)
}
