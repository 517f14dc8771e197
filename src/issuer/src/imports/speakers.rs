//! Rosters of speakers: who speaks at which session, for those who are registered.
//!
//! Promises: whoever is named by pseudonym or by an address that one registration lists speaks there from now on; the rest is refused row by
//! row and stands in an alarm, so that a reviewer matches it. Nobody stops speaking for not being in a file. A roster imported again changes
//! nothing. Whom it touches is decided again.

use std::collections::{BTreeMap, BTreeSet};

use attendance::words::{AttendeeId, EventId, SessionId};
use protocol::agenda::{Registration, Registrations, VERSION};
use protocol::decision::object_bytes;
use protocol::ledger::Import;
use protocol::subject::{EMAIL, SubjectDigest};

use super::{Desk, ImportFault, Plan, Source, agenda, with_tries};
use crate::sources::Problem;
use crate::sources::observed::Subject;
use crate::sources::speakers::{Named, SpeakerRow};
use crate::store::events::Versioned;
use crate::store::people::Roster;
use crate::store::signals::RegistrationsChange;

/// The alarm that tells of speakers whom no registration is known to be.
pub const UNMATCHED: &str = "speakers_unmatched";

/// What came of a roster.
#[derive(Debug, Default)]
pub struct Speakers {
    /// What changes, and the version of the registrations that came into force.
    pub plan: Plan,
    /// The rows that were refused.
    pub refused: Vec<Problem>,
}

/// Imports a roster of speakers.
///
/// # Errors
/// See [`ImportFault`]; nothing is imported then.
pub fn import(
    desk: Desk<'_>,
    event: &EventId,
    rows: &[SpeakerRow],
    source: Source<'_>,
    dry_run: bool,
) -> Result<Speakers, ImportFault> {
    let done = with_tries(|| once(desk, event, rows, source, dry_run))?;
    if !dry_run && !done.refused.is_empty() {
        let detail = format!(
            "{} of the roster's rows name nobody who is registered, or no session: import them with pseudonyms",
            done.refused.len()
        );
        desk.store
            .raise_alarm(event, "speakers", UNMATCHED, &detail, desk.now)?;
    }
    Ok(done)
}

fn once(
    desk: Desk<'_>,
    event: &EventId,
    rows: &[SpeakerRow],
    source: Source<'_>,
    dry_run: bool,
) -> Result<Speakers, ImportFault> {
    let facts = desk.store.event(event)?;
    let agenda = agenda::current(desk, event)?.ok_or_else(|| {
        ImportFault::Refused(format!("{event} has no agenda yet: import it first"))
    })?;
    let badge_key = desk.keys.open_badge_key(event, &facts.badge_key);
    let badge_key = badge_key.ok_or_else(|| {
        ImportFault::Missing(format!(
            "the badge key of {event} does not open: restore the master key it was sealed with"
        ))
    })?;
    let roster = desk.store.roster(event)?;
    let accounts = accounts(&roster);
    let mut wanted: BTreeMap<&AttendeeId, BTreeSet<SessionId>> = BTreeMap::new();
    let mut done = Speakers::default();
    for row in rows {
        let own = match &row.named {
            Named::Attendee(attendee) => roster.registrations.get(attendee),
            Named::Address(address) => {
                let subject = Subject::new(EMAIL, address);
                let account = SubjectDigest::of(&badge_key, &subject.system, &subject.text).ok();
                match account
                    .and_then(|account| accounts.get(&account))
                    .map(Vec::as_slice)
                {
                    Some([one]) => Some(*one),
                    Some(_) => {
                        let message = "several registrations list this address: write the pseudonym of whoever speaks";
                        done.refused.push(row.problem(message));
                        continue;
                    }
                    None => None,
                }
            }
        };
        let Some(own) = own else {
            done.refused.push(row.problem(
                "nobody registered has this pseudonym or address; whoever speaks and is registered under another is written by pseudonym",
            ));
            continue;
        };
        let mut meant = agenda
            .sessions
            .iter()
            .filter(|s| row.talk.is(&s.id))
            .peekable();
        if meant.peek().is_none() {
            let message = format!("the agenda has no session {}", row.talk.as_str());
            done.refused.push(row.problem(message));
            continue;
        }
        let held = wanted
            .entry(&own.attendee)
            .or_insert_with(|| own.speaks.iter().cloned().collect());
        for session in meant {
            if row.speaks {
                held.insert(session.id.clone());
            } else {
                held.remove(&session.id);
            }
        }
    }
    let changed: Vec<Registration> = wanted
        .into_iter()
        .filter_map(|(attendee, speaks)| {
            let own = roster.registrations.get(attendee)?;
            let speaks: Vec<SessionId> = speaks.into_iter().collect();
            (speaks != own.speaks).then(|| Registration {
                speaks,
                ..own.clone()
            })
        })
        .collect();
    tell(&mut done.plan, &roster, &changed);
    if !dry_run && !changed.is_empty() {
        done.plan.version = Some(put(desk, event, &roster, changed, source)?);
    }
    Ok(done)
}

/// Who lists each account, of those whose data was not erased.
fn accounts(roster: &Roster) -> BTreeMap<SubjectDigest, Vec<&Registration>> {
    let mut accounts: BTreeMap<SubjectDigest, Vec<&Registration>> = BTreeMap::new();
    for (attendee, registration) in &roster.registrations {
        if matches!(roster.keys.get(attendee), Some(Some(_))) {
            for account in &registration.accounts {
                accounts.entry(*account).or_default().push(registration);
            }
        }
    }
    accounts
}

fn tell(plan: &mut Plan, roster: &Roster, changed: &[Registration]) {
    let (mut more, mut less) = (Vec::new(), Vec::new());
    for registration in changed {
        let before = &roster.registrations[&registration.attendee].speaks;
        let after = &registration.speaks;
        let named = |session: &SessionId| format!("{} at {session}", registration.attendee);
        more.extend(after.iter().filter(|s| !before.contains(s)).map(named));
        less.extend(before.iter().filter(|s| !after.contains(s)).map(named));
    }
    plan.count("speak now", &more);
    plan.count("speak no more", &less);
}

fn put(
    desk: Desk<'_>,
    event: &EventId,
    roster: &Roster,
    changed: Vec<Registration>,
    source: Source<'_>,
) -> Result<u64, ImportFault> {
    let mut all = roster.registrations.clone();
    let own = changed.iter().cloned();
    all.extend(own.map(|registration| (registration.attendee.clone(), registration)));
    let document = Registrations {
        v: VERSION,
        badge_key: desk.store.event(event)?.badge_key_id,
        registrations: all.into_values().collect(),
    };
    let object = desk.objects.put(&object_bytes(&document))?;
    let import: Import = source.entry(Versioned::Registrations.as_str(), object);
    let change = RegistrationsChange {
        base: roster.base,
        registrations: changed,
        words: Vec::new(),
        import,
        note: None,
    };
    Ok(desk.store.change_registrations(event, &change, desk.now)?)
}

#[cfg(test)]
#[path = "speakers_tests.rs"]
mod tests;
