//! The accounts that wait for a reviewer, with who they may be: as the staff page and the command show them.
//!
//! Promises: labels and people are opened for the answer and kept nowhere; what is read is bounded ([`MAX_READ`] accounts, [`MAX_PEOPLE`]
//! people). Whoever shows it records the look first.

use std::collections::BTreeSet;

use attendance::words::{AttendeeId, EventId};
use protocol::subject::SubjectDigest;

use super::candidates::{Candidate, Registered, candidates};
use crate::keys::{Keys, Person};
use crate::sources::observed::Label;
use crate::store::events::MAX_PAGE;
use crate::store::signals::{AccountWord, Holder, SubjectFacts};
use crate::store::{Store, StoreError};

/// The most accounts that are read for those that wait.
pub const MAX_READ: usize = 50_000;
/// The most people whom an account is compared with.
pub const MAX_PEOPLE: usize = 50_000;

/// An account that is nobody's, and who it may be.
#[derive(Debug)]
pub struct Waiting {
    /// What is held of it.
    pub facts: SubjectFacts,
    /// How its source shows the person, opened.
    pub label: Option<Label>,
    /// Who it may be.
    pub candidates: Vec<Candidate>,
}

impl Waiting {
    /// Those whose registrations list the same account of it, so that it is nobody's.
    pub fn listed(&self) -> Vec<AttendeeId> {
        listed(&self.facts)
    }
}

fn listed(facts: &SubjectFacts) -> Vec<AttendeeId> {
    match facts.holder() {
        Holder::Several(several) => several.to_vec(),
        Holder::Unknown | Holder::One(_) => Vec::new(),
    }
}

/// Everybody registered whose data was not erased, opened; at most [`MAX_PEOPLE`].
///
/// # Errors
/// As the store does; `Damaged` where somebody's data does not open.
pub fn people(
    store: &dyn Store,
    keys: &Keys,
    event: &EventId,
) -> Result<Vec<(AttendeeId, Person)>, StoreError> {
    let mut people = Vec::new();
    let mut after: Option<AttendeeId> = None;
    while people.len() < MAX_PEOPLE {
        let page = store.attendees(event, after.as_ref(), MAX_PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.attendee.clone());
        for facts in page {
            let Some((wrapped, sealed)) = &facts.person else {
                continue;
            };
            let key = keys.data_key(event, &facts.attendee, wrapped);
            let person = key.and_then(|key| Person::open(event, &facts.attendee, &key, sealed));
            let person = person.ok_or_else(|| {
                StoreError::Damaged(format!(
                    "the data of attendee {} does not open: restore the master key",
                    facts.attendee
                ))
            })?;
            people.push((facts.attendee, person));
        }
    }
    Ok(people)
}

/// The accounts that are nobody's and not set aside, by first seen, then digest; without labels opened.
///
/// # Errors
/// As the store does.
pub fn waiting(store: &dyn Store, event: &EventId) -> Result<Vec<SubjectFacts>, StoreError> {
    let (mut found, mut after, mut read) = (Vec::new(), None, 0);
    let aside = store.set_asides(event)?;
    let aside: BTreeSet<SubjectDigest> = aside.into_iter().map(|one| one.subject).collect();
    while read < MAX_READ {
        let page = store.subjects(event, after, MAX_PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.subject);
        read += page.len();
        let is_open = |facts: &SubjectFacts| {
            !matches!(facts.holder(), Holder::One(_)) && !aside.contains(&facts.subject)
        };
        found.extend(page.into_iter().filter(is_open));
    }
    found.sort_by_key(|facts| (facts.first, facts.subject));
    Ok(found)
}

/// Opens an account, and says who it may be. Whom a reviewer has said it is not is no candidate any more.
pub fn with_candidates(
    keys: &Keys,
    event: &EventId,
    facts: SubjectFacts,
    people: &[(AttendeeId, Person)],
    words: &[AccountWord],
) -> Waiting {
    let label = facts.label.as_ref();
    let label = label.and_then(|sealed| keys.open_label(event, facts.subject, sealed));
    let refused: Vec<&AttendeeId> = words
        .iter()
        .filter(|word| word.subject == facts.subject && !word.is_theirs)
        .map(|word| &word.attendee)
        .collect();
    let registered = people
        .iter()
        .filter(|(attendee, _)| !refused.contains(&attendee))
        .map(|(attendee, person)| Registered {
            attendee,
            name: &person.name,
            email: person.email.as_deref(),
        });
    let candidates = candidates(&listed(&facts), label.as_ref(), registered);
    Waiting {
        facts,
        label,
        candidates,
    }
}

/// The account whose digest begins so, if it is one alone.
///
/// # Errors
/// As the store does; `NotFound` where there is none, `Refused` where there are several.
pub fn by_prefix(
    store: &dyn Store,
    event: &EventId,
    prefix: &str,
) -> Result<SubjectFacts, StoreError> {
    if let Ok(subject) = prefix.parse::<SubjectDigest>() {
        let found = store.subject(event, subject)?;
        return found.ok_or_else(|| StoreError::not_found("account", prefix));
    }
    let (mut found, mut after, mut read) = (None, None, 0);
    while read < MAX_READ {
        let page = store.subjects(event, after, MAX_PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.subject);
        read += page.len();
        for facts in page {
            if !facts.subject.to_string().starts_with(prefix) {
                continue;
            }
            if found.is_some() {
                return Err(StoreError::Refused(format!(
                    "several accounts begin with {prefix}: write more of it"
                )));
            }
            found = Some(facts);
        }
    }
    found.ok_or_else(|| StoreError::not_found("account", prefix))
}
