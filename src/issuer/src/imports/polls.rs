//! Polls that sessions offered: as staff counted them, or as reports of platforms show them.
//!
//! Contract: a number is part of the agenda, and so each change of it is a new version, and everybody is due again. What changes nothing
//! writes nothing. A report only raises a number: it shows the polls that somebody answered, so what staff counted may be more. It speaks of
//! a session where its poll was answered while that session ran at that place, or where no other ran there; else staff are asked.

use std::collections::{BTreeMap, BTreeSet};

use attendance::time::Interval;
use attendance::words::{EventId, SessionId};
use protocol::agenda::{Agenda, Session};

use super::agenda::{change, in_force};
use super::observed::By;
use super::{Desk, ImportFault, with_tries};
use crate::sources::observed::{Place, Seen};
use crate::sources::platforms::Attendance;
use crate::store::events::Versioned;

/// The format of such imports.
pub const POLLS: &str = "polls";
/// The most polls that a session offers.
pub const MAX_POLLS: u32 = 1_000;

/// What reports show of polls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// How many polls each session offered at least.
    pub sessions: BTreeMap<SessionId, u32>,
    /// Polls of a place of which nothing shows to which of its sessions they belong.
    pub unplaced: BTreeMap<Place, usize>,
}

/// What a report shows of the sessions of an agenda.
pub fn offered(agenda: &Agenda, read: &Attendance) -> Offered {
    let mut found = Offered::default();
    for (place, polls) in &read.polls {
        let here: Vec<&Session> = agenda
            .sessions
            .iter()
            .filter(|session| place.holds(agenda, session))
            .collect();
        let there = read.batch.rows.iter().filter(|row| row.place == *place);
        let seen: Vec<(&Seen, Interval)> = there.map(|row| (&row.seen, row.at)).collect();
        let ran = |at: &Interval, session: &Session| {
            session.start <= at.latest && at.earliest < session.end
        };
        let ran_then: Vec<&Session> = here
            .iter()
            .copied()
            .filter(|session| seen.iter().any(|(_, at)| ran(at, session)))
            .collect();
        for poll in polls {
            let answers = seen
                .iter()
                .filter(|(seen, _)| matches!(seen, Seen::Poll(id) if id == poll));
            let of: BTreeSet<&SessionId> = answers
                .flat_map(|(_, at)| here.iter().filter(move |session| ran(at, session)))
                .map(|session| &session.id)
                .collect();
            let only = match (of.len(), ran_then.as_slice(), here.as_slice()) {
                (1, _, _) => of.first().copied(),
                (0, [one], _) | (0, [], [one]) => Some(&one.id),
                _ => None,
            };
            match only {
                Some(session) => *found.sessions.entry(session.clone()).or_default() += 1,
                None => *found.unplaced.entry(place.clone()).or_default() += 1,
            }
        }
    }
    found
}

/// Those of the numbers that are more than the agenda says.
pub fn news(agenda: &Agenda, offered: &Offered) -> BTreeMap<SessionId, u32> {
    let is_more = |id: &SessionId, count: u32| {
        let mut sessions = agenda.sessions.iter();
        sessions
            .find(|session| session.id == *id)
            .is_some_and(|session| session.polls_offered.unwrap_or(0) < count)
    };
    let more = offered.sessions.iter().filter(|(id, n)| is_more(id, **n));
    more.map(|(id, n)| (id.clone(), *n)).collect()
}

/// Raises the numbers of sessions to what a report shows. Gives the agenda's version; none where no number is more than the agenda says.
///
/// # Errors
/// See [`ImportFault`]; nothing is changed then.
pub fn raise(
    desk: Desk<'_>,
    event: &EventId,
    offered: &Offered,
    by: Option<By<'_>>,
) -> Result<Option<u64>, ImportFault> {
    edit(desk, event, by, |agenda| {
        let news = news(agenda, offered);
        for session in &mut agenda.sessions {
            if let Some(count) = news.get(&session.id) {
                session.polls_offered = Some(*count);
            }
        }
        Ok(())
    })
}

/// Says how many polls a session offered. Gives the agenda's version; none where it says so already.
///
/// # Errors
/// See [`ImportFault`]; nothing is changed then.
pub fn set(
    desk: Desk<'_>,
    event: &EventId,
    session: &SessionId,
    count: u32,
    by: By<'_>,
) -> Result<Option<u64>, ImportFault> {
    if count > MAX_POLLS {
        return Err(ImportFault::Refused(format!(
            "a session offers at most {MAX_POLLS} polls"
        )));
    }
    edit(desk, event, Some(by), |agenda| {
        let mut sessions = agenda.sessions.iter_mut();
        let held = sessions.find(|held| held.id == *session);
        let held = held
            .ok_or_else(|| ImportFault::Refused(format!("the agenda has no session {session}")))?;
        held.polls_offered = Some(count);
        Ok(())
    })
}

fn edit(
    desk: Desk<'_>,
    event: &EventId,
    by: Option<By<'_>>,
    edit: impl Fn(&mut Agenda) -> Result<(), ImportFault>,
) -> Result<Option<u64>, ImportFault> {
    with_tries(|| {
        let Some((held, base)) = in_force(desk, event)? else {
            return Err(ImportFault::Refused(format!(
                "{event} has no agenda yet: import one first"
            )));
        };
        let mut agenda = held.clone();
        edit(&mut agenda)?;
        if agenda == held {
            return Ok(None);
        }
        let change = change(desk, Some(base), &agenda)?;
        let entry = protocol::ledger::Import {
            what: Versioned::Agenda.as_str().to_owned(),
            format: POLLS.to_owned(),
            object: change.object,
            file: change.object,
            rows: agenda
                .sessions
                .iter()
                .zip(&held.sessions)
                .map(|(new, held)| u64::from(new != held))
                .sum(),
            operator: by.map(|by| by.operator.to_owned()),
            reason: by.map(|by| by.reason.to_owned()),
        };
        let version = desk.store.import_agenda(event, &change, &entry, desk.now)?;
        Ok(Some(version))
    })
}

#[cfg(test)]
#[path = "polls_tests.rs"]
mod tests;
