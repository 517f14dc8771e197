//! What a person says of somebody's attendance: that they attended a session whole or did not, or that they came or went when no scan
//! shows it.
//!
//! Promises:
//! - Each word is an observation of its own, with who said it, when, and why as a code of a closed list ([`crate::reasons`]); it stands beside
//!   what was seen. Of words on one session the newest holds.
//! - Taking a word back is a `retraction` that names it. Nothing is rewritten.
//! - What is said already is not said again, so a form that is sent twice leaves one word.
//! - What is written beside it is private: see [`super::notes`].
//! - Whoever it is about is due again at once.

use attendance::time::Interval;
use attendance::words::{AttendeeId, EventId, RoomId, SessionId, Source};
use protocol::ledger::Retraction;
use protocol::signals::RowKind;

use super::notes::Topic;
use super::observed::{By, take};
use super::{Desk, ImportFault, agenda, notes};
use crate::reasons::About;
use crate::sources::observed::{Observed, ObservedBatch, Place, Seen, Where};
use crate::sources::platforms::words_table::SYSTEM;
use crate::store::StoreError;
use crate::store::signals::ObservedFacts;

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// They attended this session whole.
    Confirmed(SessionId),
    /// They did not attend this session.
    Denied(SessionId),
    /// They came into this room at some time of this interval.
    CheckedIn(RoomId, Interval),
    /// They left this room at some time of this interval.
    CheckedOut(RoomId, Interval),
}

impl Word {
    /// What its reason is given for.
    pub const fn about(&self) -> About {
        match self {
            Self::Confirmed(_) => About::Confirmation,
            Self::Denied(_) => About::Denial,
            Self::CheckedIn(..) | Self::CheckedOut(..) => About::Correction,
        }
    }

    const fn kind(&self) -> RowKind {
        match self {
            Self::Confirmed(_) => RowKind::Confirmed,
            Self::Denied(_) => RowKind::Denied,
            Self::CheckedIn(..) => RowKind::In,
            Self::CheckedOut(..) => RowKind::Out,
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Confirmed(session) | Self::Denied(session) => Place::Session(session.clone()),
            Self::CheckedIn(room, _) | Self::CheckedOut(room, _) => Place::Room(room.clone()),
        }
    }

    /// What it says, without whom it is about.
    fn name(&self) -> String {
        let kind = self.kind().as_str();
        match self {
            Self::Confirmed(session) | Self::Denied(session) => format!("{kind}/{session}"),
            Self::CheckedIn(room, at) | Self::CheckedOut(room, at) => {
                format!("{kind}/{room}/{}/{}", at.earliest.0, at.latest.0)
            }
        }
    }

    const fn at(&self) -> Option<Interval> {
        match self {
            Self::Confirmed(_) | Self::Denied(_) => None,
            Self::CheckedIn(_, at) | Self::CheckedOut(_, at) => Some(*at),
        }
    }
}

/// Who says something, and why.
#[derive(Clone, Copy, Debug)]
pub struct Because<'a> {
    /// Account id.
    pub operator: &'a str,
    /// Why: a code of the list for it.
    pub reason: &'a str,
    /// What they write beside it; empty for nothing.
    pub note: &'a str,
}

/// Says something of an attendee. Gives the ledger index of its entry; none where it is said already.
///
/// # Errors
/// `Refused` where the reason is none of its list, the agenda has no such session or room, it has not begun, or there is no such attendee.
pub fn say(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
    word: &Word,
    because: Because<'_>,
) -> Result<Option<u64>, ImportFault> {
    let has_note = !because.note.trim().is_empty();
    let reason = word.about().reason(because.reason, has_note);
    let reason = reason.map_err(ImportFault::Refused)?;
    check_place(desk, event, word)?;
    notes::attendee_of(desk, event, attendee)?;
    let own: Vec<ObservedFacts> = words_of(desk, event, attendee)?;
    let about_it: Vec<&ObservedFacts> = own.iter().filter(|held| is_about(held, word)).collect();
    let mut standing = about_it.iter().filter(|held| held.retracted.is_none());
    let newest = standing.next_back();
    if newest.is_some_and(|held| held.row.kind == word.kind()) {
        return Ok(None);
    }
    let note = notes::seal(desk, event, attendee, (Topic::Attendance, because.note))?;
    let observed = Observed {
        subjects: Vec::new(),
        attendee: Some(attendee.clone()),
        label: None,
        place: word.place(),
        device: None,
        seen: Seen::Plain(word.kind()),
        at: word.at().unwrap_or(Interval::exactly(desk.now)),
        reason: Some(reason.to_owned()),
        // Who sends the same form again meets the same number of words before, and so the same key.
        key: format!("said/{attendee}/{}/{}", word.name(), about_it.len()),
        row: Where::default(),
    };
    let file = evidence::sha256(observed.key.as_bytes());
    let batch = ObservedBatch {
        source: Source::Person,
        system: SYSTEM.to_owned(),
        rows: vec![observed],
        refused: Vec::new(),
        refused_total: 0,
    };
    let by = By {
        operator: because.operator,
        reason,
        note: note.as_ref(),
    };
    let taken = take(desk, event, &batch, file, Some(by), false)?;
    if let Some(problem) = taken.refused.first() {
        return Err(ImportFault::Refused(problem.to_string()));
    }
    Ok(taken.entries.first().copied())
}

/// Takes back a person's word on an attendee, by its entry and row. Gives the ledger index of the retraction.
///
/// # Errors
/// `Refused` where the reason is none of its list, or this is no word on them, or it is taken back already.
pub fn withdraw(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
    (entry, row): (u64, u32),
    because: Because<'_>,
) -> Result<u64, ImportFault> {
    let has_note = !because.note.trim().is_empty();
    let reason = About::Withdrawal.reason(because.reason, has_note);
    let reason = reason.map_err(ImportFault::Refused)?;
    notes::attendee_of(desk, event, attendee)?;
    let words = words_of(desk, event, attendee)?;
    let is_it = |held: &&ObservedFacts| (held.index, held.row_number) == (entry, row);
    let Some(held) = words.iter().find(is_it) else {
        return Err(ImportFault::Refused(format!(
            "{entry}.{row} is no person's word on {attendee}: their page shows those there are"
        )));
    };
    let taken_back = |by: u64| {
        ImportFault::Refused(format!(
            "{entry}.{row} is taken back already, by entry {by} of the ledger"
        ))
    };
    if let Some(by) = held.retracted {
        return Err(taken_back(by));
    }
    let retraction = Retraction {
        entry,
        row: Some(row),
        reason: reason.to_owned(),
        operator: because.operator.to_owned(),
    };
    let note = notes::seal(desk, event, attendee, (Topic::Attendance, because.note))?;
    match desk
        .store
        .retract(event, &retraction, note.as_ref(), desk.now)
    {
        // Somebody was faster.
        Err(StoreError::Exists { .. }) => {
            let words = words_of(desk, event, attendee)?;
            let by = words.iter().find(is_it).and_then(|held| held.retracted);
            Err(taken_back(by.unwrap_or_default()))
        }
        other => Ok(other?),
    }
}

/// What people said of an attendee's attendance, taken back or not, by entry and row.
///
/// # Errors
/// As the store does.
pub fn words_of(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
) -> Result<Vec<ObservedFacts>, StoreError> {
    let mut held = desk.store.observed_of(event, attendee)?;
    held.retain(|seen| seen.source == Source::Person);
    Ok(held)
}

/// Whether a newer word on the same session stands, so that this one counts no more.
pub fn is_overtaken(held: &ObservedFacts, words: &[ObservedFacts]) -> bool {
    held.row.session.is_some()
        && words.iter().any(|later| {
            later.retracted.is_none()
                && later.row.session == held.row.session
                && (later.index, later.row_number) > (held.index, held.row_number)
        })
}

/// Whether a word is on the session that another one is on, or on the same time in the same room.
fn is_about(held: &ObservedFacts, word: &Word) -> bool {
    let row = &held.row;
    let at = Interval {
        earliest: row.earliest,
        latest: row.latest,
    };
    match word {
        Word::Confirmed(session) | Word::Denied(session) => {
            row.session.as_ref() == Some(session)
                && matches!(row.kind, RowKind::Confirmed | RowKind::Denied)
        }
        Word::CheckedIn(room, then) | Word::CheckedOut(room, then) => {
            row.room.as_ref() == Some(room) && row.kind == word.kind() && at == *then
        }
    }
}

/// Refuses what the agenda does not know, and what has not happened yet.
fn check_place(desk: Desk<'_>, event: &EventId, word: &Word) -> Result<(), ImportFault> {
    let refused = |why: String| Err(ImportFault::Refused(why));
    let Some(agenda) = agenda::current(desk, event)? else {
        return refused(format!("{event} has no agenda yet: import one first"));
    };
    match word {
        Word::Confirmed(id) | Word::Denied(id) => {
            let Some(session) = agenda.sessions.iter().find(|held| held.id == *id) else {
                return refused(format!(
                    "the agenda has no session {id}: name it as the agenda does"
                ));
            };
            if session.actual_start.unwrap_or(session.start) > desk.now {
                return refused(format!(
                    "the session {id} has not begun: nobody can have attended it yet"
                ));
            }
        }
        Word::CheckedIn(id, at) | Word::CheckedOut(id, at) => {
            if !agenda.rooms.iter().any(|held| held.id == *id) {
                return refused(format!(
                    "the agenda has no room {id}: name it as the agenda does"
                ));
            }
            if at.earliest > desk.now {
                return refused("the time lies in the future: write when it was".to_owned());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "said_tests.rs"]
mod tests;
