//! Webex: pages of meeting participants.
//!
//! Each person has an entry for each device they joined by. While a meeting runs, the time of leaving is missing or
//! 1970-01-01: such a person has not left. Who waits in the lobby was not there. Accounts: the address, which Webex asks of
//! everybody.

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
pub const SYSTEM: &str = "webex";
const SAVE_AGAIN: &str = "save the answers of /v1/meetingParticipants again, each page whole, and import that file unchanged";

/// Reads pages.
///
/// # Errors
/// See [`super::AttendanceFormat::read`].
pub fn read(bytes: &[u8], reading: &Reading<'_>) -> Result<ImportReport<Attendance>, ImportError> {
    let mut draft = Draft::new(SYSTEM, Source::Platform, reading);
    let clock = Clock::new(reading);
    let pages = json_pages::read(bytes, SAVE_AGAIN)?;
    let mut stays = Vec::new();
    for entry in &pages.entries {
        let items = match entry.value.get("items") {
            Some(_) => list(&entry.value, "items").map_err(|wrong| {
                Problem::at_path(&entry.path, "", format!("{wrong}; {SAVE_AGAIN}"))
            })?,
            None => std::slice::from_ref(&entry.value),
        };
        for (index, item) in items.iter().enumerate() {
            let path = match entry.value.get("items") {
                Some(_) => inside(&entry.path, &format!("items[{index}]")),
                None => entry.path.clone(),
            };
            participant(item, &path, clock, &mut draft, &mut stays)?;
        }
    }
    draft.stays(stays)?;
    draft.finish()
}

fn participant(
    item: &Value,
    path: &str,
    clock: Clock,
    draft: &mut Draft<'_>,
    stays: &mut Vec<Stay>,
) -> Result<(), ImportError> {
    let at = Where::path(path);
    if text(item, "state").ok().flatten().as_deref() == Some("lobby") {
        draft.findings.leave_out("people in the lobby", path);
        return Ok(());
    }
    let read = || {
        let name = text(item, "displayName")?.unwrap_or_default();
        let person = Person::named(&name).address(text(item, "email")?.as_deref());
        Ok::<_, String>((
            person,
            text(item, "meetingId")?,
            time(item, "joinedTime", clock)?,
            time(item, "leftTime", clock)?,
        ))
    };
    let (person, meeting, joined, left) = match read() {
        Ok(read) => read,
        Err(wrong) => {
            draft.refuse(&at, wrong);
            return Ok(());
        }
    };
    let place = draft
        .place(meeting.as_deref())
        .map_err(|wrong| Problem::at_path(path, "", wrong))?;
    let Some(place) = place else { return Ok(()) };
    let devices = match item.get("devices") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(devices)) => devices.as_slice(),
        Some(_) => {
            draft.refuse(&at, "devices is no list");
            return Ok(());
        }
    };
    if devices.is_empty() {
        match joined {
            Some(_) => stays.push(Stay {
                person,
                place,
                joined,
                left,
                device: None,
                at,
            }),
            None => draft.refuse(
                &at,
                "joinedTime is missing, so nothing says when they were there",
            ),
        }
        return Ok(());
    }
    for (index, device) in devices.iter().enumerate() {
        let at = Where::path(format!("{path}.devices[{index}]"));
        let read = || {
            let joined = time(device, "joinedTime", clock)?
                .ok_or("joinedTime is missing, so nothing says when they were there")?;
            Ok::<_, String>((
                text(device, "correlationId")?,
                joined,
                time(device, "leftTime", clock)?,
            ))
        };
        match read() {
            Ok((device, joined, left)) => stays.push(Stay {
                person: person.clone(),
                place: place.clone(),
                joined: Some(joined),
                left,
                device,
                at,
            }),
            Err(wrong) => draft.refuse(&at, wrong),
        }
    }
    Ok(())
}
