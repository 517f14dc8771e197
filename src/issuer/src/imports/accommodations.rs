//! What was granted to somebody: more time, a session that counts whole, an assistant whose badge counts as well.
//!
//! Promises:
//! - Each grant and each end is a new registrations object and an `import` entry with who; of what and why the ledger says no more than
//!   [`ADJUSTED`], and so do decisions, certificates and reports.
//! - Why it was granted is a code of a closed list with a note, sealed under the person's own key for those alone who grant.
//! - What is so already writes nothing. Whoever it touches is decided again.

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId, SessionId};
use protocol::agenda::{Accommodation, Registration};
use protocol::badge::{BadgeDigest, canonical};

use super::identity::change;
use super::notes::{self, Topic};
use super::observed::By;
use super::said::Because;
use super::{Desk, ImportFault, agenda};
use crate::reasons::{ADJUSTED, About, title};
use crate::store::people::AttendeeFacts;

/// The most time that is granted in a session, in minutes.
pub const MAX_EXTRA_MIN: u32 = 240;
/// The most grants of one person.
pub const MAX_GRANTS: usize = 50;

/// Something granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// So many seconds of absence count as presence: in this session, or in every one.
    Extra {
        /// The session; every one where none is named.
        session: Option<SessionId>,
        /// How many.
        extra_s: u32,
    },
    /// The session counts whole; every one where none is named.
    Whole {
        /// The session.
        session: Option<SessionId>,
    },
    /// The scans of this badge count for them as well.
    Assistant {
        /// The badge.
        badge: BadgeDigest,
    },
}

impl Grant {
    /// For people.
    pub fn text(&self) -> String {
        let place = |session: &Option<SessionId>| match session {
            Some(session) => format!("the session {session}"),
            None => "every session".to_owned(),
        };
        match self {
            Self::Extra { session, extra_s } => {
                let minutes = extra_s / 60;
                let seconds = match extra_s % 60 {
                    0 => String::new(),
                    rest => format!(" {rest} s"),
                };
                format!("{minutes} min{seconds} more in {}", place(session))
            }
            Self::Whole { session } => format!("{} counts whole", place(session)),
            Self::Assistant { badge } => format!("the badge {} counts as well", badge.short()),
        }
    }

    fn accommodation(&self) -> Option<Accommodation> {
        match self {
            Self::Extra { session, extra_s } => Some(Accommodation {
                session: session.clone(),
                extra_s: Some(*extra_s),
                whole: false,
            }),
            Self::Whole { session } => Some(Accommodation {
                session: session.clone(),
                extra_s: None,
                whole: true,
            }),
            Self::Assistant { .. } => None,
        }
    }
}

/// What a registration grants, in its order.
pub fn grants_of(registration: &Registration) -> Vec<Grant> {
    let granted = registration.accommodations.iter();
    let times = granted.filter_map(|held| match (held.whole, held.extra_s) {
        (true, _) => Some(Grant::Whole {
            session: held.session.clone(),
        }),
        (false, Some(extra_s)) => Some(Grant::Extra {
            session: held.session.clone(),
            extra_s,
        }),
        (false, None) => None,
    });
    let badges = registration.assistants.iter();
    times
        .chain(badges.map(|badge| Grant::Assistant { badge: *badge }))
        .collect()
}

/// Grants something. Gives the version of the registrations; none where it was granted already.
///
/// # Errors
/// `Refused` where the reason is none of its list, the grant is too large or of an unknown session, or there is no such registration.
pub fn add(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
    grant: &Grant,
    because: Because<'_>,
) -> Result<Option<u64>, ImportFault> {
    check(desk, event, attendee, grant)?;
    put(desk, event, attendee, (About::Grant, grant), because)
}

/// Ends what was granted. Gives the version of the registrations; none where it is not granted.
///
/// # Errors
/// `Refused` where the reason is none of its list, or there is no such registration.
pub fn end(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
    grant: &Grant,
    because: Because<'_>,
) -> Result<Option<u64>, ImportFault> {
    put(desk, event, attendee, (About::End, grant), because)
}

fn put(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
    (about, grant): (About, &Grant),
    because: Because<'_>,
) -> Result<Option<u64>, ImportFault> {
    let has_note = !because.note.trim().is_empty();
    let reason = about.reason(because.reason, has_note);
    let reason = reason.map_err(ImportFault::Refused)?;
    let done = if about == About::End {
        "Ended"
    } else {
        "Granted"
    };
    let told = format!(
        "{done}: {}. {}. {}",
        grant.text(),
        title(reason),
        because.note.trim()
    );
    let note = notes::seal(desk, event, attendee, (Topic::Grant, &told))?;
    let by = By {
        operator: because.operator,
        reason: ADJUSTED,
        note: note.as_ref(),
    };
    change(desk, event, attendee, by, |registration| {
        match (grant.accommodation(), grant) {
            (Some(granted), _) => {
                let held = &mut registration.accommodations;
                held.retain(|one| !is_same(one, &granted));
                if about == About::Grant {
                    held.push(granted);
                }
                held.sort();
            }
            (None, Grant::Assistant { badge }) => {
                registration.assistants.retain(|held| held != badge);
                if about == About::Grant {
                    registration.assistants.push(*badge);
                }
                registration.assistants.sort();
            }
            (None, Grant::Extra { .. } | Grant::Whole { .. }) => {}
        }
    })
}

/// Whether two adjustments grant the same: one that counts whole grants no time beside.
fn is_same(a: &Accommodation, b: &Accommodation) -> bool {
    let extra_s = |one: &Accommodation| if one.whole { None } else { one.extra_s };
    (&a.session, a.whole, extra_s(a)) == (&b.session, b.whole, extra_s(b))
}

fn check(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
    grant: &Grant,
) -> Result<(), ImportFault> {
    let refused = |why: String| Err(ImportFault::Refused(why));
    let facts = notes::attendee_of(desk, event, attendee)?;
    let Some(registration) = &facts.registration else {
        return refused(format!("{event} has no registration of {attendee}"));
    };
    if grants_of(registration).len() >= MAX_GRANTS {
        return refused(format!("nobody is granted more than {MAX_GRANTS} things"));
    }
    let session = match grant {
        Grant::Extra { session, extra_s } => {
            if !(1..=MAX_EXTRA_MIN * 60).contains(extra_s) {
                return refused(format!("the time is 1 to {MAX_EXTRA_MIN} min"));
            }
            session.as_ref()
        }
        Grant::Whole { session } => session.as_ref(),
        Grant::Assistant { badge } if registration.badges.contains(badge) => {
            return refused("the badge is their own, so it counts already".to_owned());
        }
        Grant::Assistant { .. } => None,
    };
    let agenda = agenda::current(desk, event)?;
    match session {
        Some(id) if !agenda.is_some_and(|a| a.sessions.iter().any(|s| s.id == *id)) => refused(
            format!("the agenda has no session {id}: name it as the agenda does"),
        ),
        _ => Ok(()),
    }
}

/// The badge of this text, as assistants are granted by.
///
/// # Errors
/// `Refused` where it is none; `Missing` where the event's badge key does not open.
pub fn badge_of(desk: Desk<'_>, event: &EventId, text: &str) -> Result<BadgeDigest, ImportFault> {
    let facts = desk.store.event(event)?;
    let key = desk.keys.open_badge_key(event, &facts.badge_key);
    let key = key.ok_or_else(|| {
        ImportFault::Missing(format!(
            "the badge key of {event} does not open: restore the master key it was sealed with"
        ))
    })?;
    let text = canonical(text);
    let text = text.map_err(|error| ImportFault::Refused(format!("the badge: {error}")))?;
    Ok(key.digest(text))
}

/// What was granted and ended, with who did it: opened, the newest last.
///
/// # Errors
/// As the store does.
pub fn history(
    desk: Desk<'_>,
    event: &EventId,
    facts: &AttendeeFacts,
) -> Result<Vec<Told>, ImportFault> {
    let mut told = Vec::new();
    for note in desk.store.notes(event, &facts.attendee)? {
        let opened = notes::open(desk.keys, event, facts, (Topic::Grant, &note));
        if let Some(text) = opened {
            told.push(Told {
                entry: note.index,
                at: note.at,
                text: text.trim().to_owned(),
            });
        }
    }
    Ok(told)
}

/// One grant or end, as it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its ledger entry.
    pub entry: u64,
    /// When.
    pub at: UtcMs,
    /// What and why.
    pub text: String,
}

#[cfg(test)]
#[path = "accommodations_tests.rs"]
mod tests;
