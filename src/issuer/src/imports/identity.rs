//! What staff say of a registration beside its import: whose an account is, who assists, who speaks, what was granted.
//!
//! Promises:
//! - Each is a new registrations object and an `import` entry of the format `staff` with who and why; nothing is rewritten, and whoever
//!   it touches is decided again.
//! - A word on an account outlives every import: what was matched stays matched, and what was taken back is not matched again by an
//!   address. The later word on one account and attendee holds.
//! - What changes nothing writes nothing.
//! - Of what was granted, neither the ledger nor any decision says more than that a registration changed: give a reason that reveals
//!   nothing.

use attendance::words::{AttendeeId, EventId, SessionId};
use protocol::agenda::{Accommodation, Registration, Registrations, VERSION};
use protocol::badge::BadgeDigest;
use protocol::decision::object_bytes;
use protocol::ledger::Import;
use protocol::subject::SubjectDigest;

use super::observed::By;
use super::{Desk, ImportFault, with_tries};
use crate::store::events::Versioned;
use crate::store::signals::{AccountWord, RegistrationsChange};

/// The format of such imports.
pub const STAFF: &str = "staff";

/// Says that an account is an attendee's. Gives the version of the registrations; none where it was theirs and said so already.
///
/// # Errors
/// See [`ImportFault`]; nothing is changed then.
pub fn match_subject(
    desk: Desk<'_>,
    event: &EventId,
    (subject, attendee): (SubjectDigest, &AttendeeId),
    by: By<'_>,
) -> Result<Option<u64>, ImportFault> {
    say(desk, event, (subject, attendee), true, by)
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
    say(desk, event, (subject, attendee), false, by)
}

fn say(
    desk: Desk<'_>,
    event: &EventId,
    (subject, attendee): (SubjectDigest, &AttendeeId),
    is_theirs: bool,
    by: By<'_>,
) -> Result<Option<u64>, ImportFault> {
    let word = AccountWord {
        subject,
        attendee: attendee.clone(),
        is_theirs,
        reason: by.reason.to_owned(),
        operator: by.operator.to_owned(),
        at: desk.now,
    };
    change(desk, event, attendee, by, Some(&word), |registration| {
        registration.accounts.retain(|held| *held != subject);
        if is_theirs {
            registration.accounts.push(subject);
            registration.accounts.sort();
        }
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
    change(desk, event, attendee, by, None, |registration| {
        registration.speaks = sessions.to_vec();
        registration.speaks.sort();
        registration.speaks.dedup();
    })
}

/// Says whose badges count for an attendee as well.
///
/// # Errors
/// See [`ImportFault`]; nothing is changed then.
pub fn assist(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
    badges: &[BadgeDigest],
    by: By<'_>,
) -> Result<Option<u64>, ImportFault> {
    change(desk, event, attendee, by, None, |registration| {
        registration.assistants = badges.to_vec();
        registration.assistants.sort();
        registration.assistants.dedup();
    })
}

/// Says what was granted to an attendee, in the place of all that was before.
///
/// # Errors
/// See [`ImportFault`]; nothing is changed then.
pub fn grant(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
    granted: &[Accommodation],
    by: By<'_>,
) -> Result<Option<u64>, ImportFault> {
    change(desk, event, attendee, by, None, |registration| {
        registration.accommodations = granted.to_vec();
        registration.accommodations.sort();
        registration.accommodations.dedup();
    })
}

/// Changes one registration by a person's word.
fn change(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
    by: By<'_>,
    word: Option<&AccountWord>,
    edit: impl Fn(&mut Registration),
) -> Result<Option<u64>, ImportFault> {
    with_tries(|| {
        let facts = desk.store.event(event)?;
        let roster = desk.store.roster(event)?;
        let mut all = roster.registrations;
        let held = all.get_mut(attendee).ok_or_else(|| {
            ImportFault::Refused(format!("{event} has no registration of {attendee}"))
        })?;
        let before = held.clone();
        edit(held);
        let changed = held.clone();
        let is_news = match word {
            None => false,
            Some(word) => !desk.store.account_words(event)?.iter().any(|said| {
                (said.subject, &said.attendee, said.is_theirs)
                    == (word.subject, &word.attendee, word.is_theirs)
            }),
        };
        if changed == before && !is_news {
            return Ok(None);
        }
        let document = Registrations {
            v: VERSION,
            badge_key: facts.badge_key_id,
            registrations: all.into_values().collect(),
        };
        let object = desk.objects.put(&object_bytes(&document))?;
        let change = RegistrationsChange {
            base: roster.base,
            registrations: vec![changed],
            words: word.into_iter().cloned().collect(),
            import: Import {
                what: Versioned::Registrations.as_str().to_owned(),
                format: STAFF.to_owned(),
                object,
                file: object,
                rows: 1,
                operator: Some(by.operator.to_owned()),
                reason: Some(by.reason.to_owned()),
            },
        };
        let version = desk.store.change_registrations(event, &change, desk.now)?;
        Ok(Some(version))
    })
}
