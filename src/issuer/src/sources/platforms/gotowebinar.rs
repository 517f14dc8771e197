//! GoToWebinar: the attendees of a session, and the message that a registrant joined.
//!
//! A message gives the moment twice, of which `joinTime` is the platform's own. There is none for a leave: who only joined
//! is `in` until the list of attendees is imported. Accounts: the registrant's key (`gotowebinar`), the address.

use attendance::words::Source;
use serde_json::Value;

use super::draft::{Draft, Person, Stay};
use super::json::{inside, list, text, time};
use super::when::Clock;
use super::{Attendance, Reading};
use crate::sources::json_pages;
use crate::sources::observed::Where;
use crate::sources::problem::{ImportError, ImportReport, Problem};

/// The system of what is read here.
pub const SYSTEM: &str = "gotowebinar";
const SAVE_AGAIN: &str = "save the answer of /organizers/…/webinars/…/sessions/…/attendees again, whole, and import that file unchanged";
/// How far the two moments of a message may be from each other, in milliseconds.
const MAX_APART_MS: i64 = 60_000;

/// Reads attendees or messages.
///
/// # Errors
/// See [`super::AttendanceFormat::read`].
pub fn read(bytes: &[u8], reading: &Reading<'_>) -> Result<ImportReport<Attendance>, ImportError> {
    let mut draft = Draft::new(SYSTEM, Source::Platform, reading);
    let clock = Clock::new(reading);
    let pages = json_pages::read(bytes, SAVE_AGAIN)?;
    for entry in &pages.entries {
        attendee(&entry.value, &entry.path, clock, &mut draft)?;
    }
    draft.finish()
}

fn attendee(
    value: &Value,
    path: &str,
    clock: Clock,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let at = Where::path(path);
    let event = text(value, "eventName").unwrap_or_default();
    if event
        .as_deref()
        .is_some_and(|event| event != "registrant.joined")
    {
        let event = event.unwrap_or_default();
        draft
            .findings
            .leave_out("messages that say nothing of attendance", &event);
        return Ok(());
    }
    let read = || {
        let names = [text(value, "firstName")?, text(value, "lastName")?];
        let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let person = Person::named(&name)
            .account(SYSTEM, text(value, "registrantKey")?.as_deref())
            .address(text(value, "email")?.as_deref());
        Ok::<_, String>((person, text(value, "sessionKey")?))
    };
    let (person, session) = match read() {
        Ok(read) => read,
        Err(wrong) => {
            draft.refuse(&at, wrong);
            return Ok(());
        }
    };
    let place = draft
        .place(session.as_deref())
        .map_err(|wrong| Problem::at_path(path, "", wrong))?;
    let Some(place) = place else { return Ok(()) };
    let is_message = event.is_some();
    let whole = std::slice::from_ref(value);
    let times = if is_message {
        Ok(whole)
    } else {
        list(value, "attendance")
    };
    let times = match times {
        Ok(times) => times,
        Err(wrong) => {
            draft.refuse(&at, format!("{wrong}; {SAVE_AGAIN}"));
            return Ok(());
        }
    };
    for (index, value) in times.iter().enumerate() {
        let at = if is_message {
            at.clone()
        } else {
            Where::path(inside(path, &format!("attendance[{index}]")))
        };
        let read = || {
            let joined = time(value, "joinTime", clock)?.ok_or("joinTime is missing")?;
            Ok::<_, String>((joined, time(value, "leaveTime", clock)?))
        };
        if is_message && let Some(wrong) = disagreement(value, clock) {
            draft.findings.warn(Problem::at_path(path, "", wrong));
        }
        match read() {
            Ok((joined, left)) => draft.stay(Stay {
                person: person.clone(),
                place: place.clone(),
                joined: Some(joined),
                left,
                device: None,
                at,
            })?,
            Err(wrong) => draft.refuse(&at, wrong),
        }
    }
    Ok(())
}

/// What is odd about a message whose two moments are not one.
fn disagreement(value: &Value, clock: Clock) -> Option<String> {
    let moment = |key| time(value, key, clock).ok().flatten();
    let (joined, sent) = (moment("joinTime")?, moment("timestamp")?);
    let apart_ms = joined.earliest.0.saturating_sub(sent.earliest.0).abs();
    (apart_ms > MAX_APART_MS).then(|| {
        let apart_s = apart_ms / 1_000;
        format!("joinTime and timestamp are {apart_s} seconds apart; joinTime is taken, so check it against the list of attendees")
    })
}
