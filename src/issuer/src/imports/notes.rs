//! Private notes: what somebody writes beside a word, a match or a grant.
//!
//! Promises: a note is sealed under the data key of whom it is about, bound to them and to its time, before it reaches the store; it stands in
//! no object, ledger entry or log, and whoever erases the person erases it.

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId};
use zeroize::Zeroizing;

use super::{Desk, ImportFault};
use crate::keys::Keys;
use crate::store::StoreError;
use crate::store::notes::{NewNote, NoteFacts};
use crate::store::people::AttendeeFacts;

/// The longest note, in characters.
pub const MAX_NOTE_CHARS: usize = 1_000;
/// What stands before a note of a grant, at most: what it is, and why.
const MAX_TOLD_CHARS: usize = 400;

/// What a note is about: one does not open as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Attendance, or whose an account is: for all who may see the person.
    Attendance,
    /// What was granted: for those alone who grant.
    Grant,
}

fn what(topic: Topic, event: &EventId, attendee: &AttendeeId, at: UtcMs) -> String {
    let topic = match topic {
        Topic::Attendance => "attendance",
        Topic::Grant => "grant",
    };
    format!("note/{topic}/{event}/{attendee}/{}", at.0)
}

/// Seals a note about an attendee; nothing where it has no letters.
///
/// # Errors
/// `Refused` where there is no such attendee, their data was erased, or the note is too long; else as the store does.
pub fn seal(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
    (topic, text): (Topic, &str),
) -> Result<Option<NewNote>, ImportFault> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let most = match topic {
        Topic::Attendance => MAX_NOTE_CHARS,
        Topic::Grant => MAX_NOTE_CHARS + MAX_TOLD_CHARS,
    };
    if text.chars().count() > most {
        return Err(ImportFault::Refused(format!(
            "the note has more than {MAX_NOTE_CHARS} characters: shorten it"
        )));
    }
    let facts = attendee_of(desk, event, attendee)?;
    let Some((wrapped, _)) = &facts.person else {
        return Err(ImportFault::Refused(format!(
            "the data of {attendee} was erased, so no note can be kept about them: leave it out"
        )));
    };
    let key = desk.keys.data_key(event, attendee, wrapped);
    let key = key.ok_or_else(|| {
        ImportFault::Missing(format!(
            "the data of attendee {attendee} does not open: restore the master key"
        ))
    })?;
    Ok(Some(NewNote {
        sealed: key.seal(
            &what(topic, event, attendee, desk.now),
            text.as_bytes(),
            desk.random,
        ),
        attendee: attendee.clone(),
    }))
}

/// Opens a note on a topic; nothing where its person was erased, or it is on another.
pub fn open(
    keys: &Keys,
    event: &EventId,
    facts: &AttendeeFacts,
    (topic, note): (Topic, &NoteFacts),
) -> Option<Zeroizing<String>> {
    let (wrapped, _) = facts.person.as_ref()?;
    let key = keys.data_key(event, &facts.attendee, wrapped)?;
    let plain = key.open(&what(topic, event, &facts.attendee, note.at), &note.sealed)?;
    String::from_utf8(plain.to_vec()).ok().map(Zeroizing::new)
}

/// One attendee, or the refusal that there is none.
pub(super) fn attendee_of(
    desk: Desk<'_>,
    event: &EventId,
    attendee: &AttendeeId,
) -> Result<AttendeeFacts, ImportFault> {
    match desk.store.attendee(event, attendee) {
        Err(StoreError::NotFound {
            what: "attendee", ..
        }) => Err(ImportFault::Refused(format!(
            "{event} has no attendee {attendee}: pages and reports show their ids"
        ))),
        other => Ok(other?),
    }
}
