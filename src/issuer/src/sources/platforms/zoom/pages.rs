//! Pages of the report interface, and the bodies of messages, one or many in one file.

use serde_json::Value;

use super::super::Reading;
use super::super::draft::{Draft, Person, Stay, word};
use super::super::json::{inside, list, text, time};
use super::super::when::Clock;
use super::{EXTERNAL, REGISTRANT, SYSTEM, polls};
use crate::sources::json_pages;
use crate::sources::observed::{Place, Where};
use crate::sources::problem::{ImportError, Problem};

const SAVE_AGAIN: &str = "save the answers of /report/meetings/…/participants (or /report/webinars/…, or …/polls), each page whole, and \
                          import that file unchanged";

pub(super) fn read(
    bytes: &[u8],
    reading: &Reading<'_>,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let clock = Clock::new(reading);
    let pages = json_pages::read(bytes, SAVE_AGAIN)?;
    let (mut next_token, mut stays) = (None, Vec::new());
    for entry in &pages.entries {
        let (path, page) = (&entry.path, &entry.value);
        if page.get("participants").is_some() {
            next_token = text(page, "next_page_token").unwrap_or_default();
            participants(page, path, clock, draft, &mut stays)?;
        } else if page.get("questions").is_some() {
            answers(page, path, clock, draft)?;
        } else if page.get("event").is_some() {
            message(page, path, clock, draft)?;
        } else {
            let message = format!("is neither a page of a report nor a message; {SAVE_AGAIN}");
            draft.findings.problem(Problem::at_path(path, "", message));
        }
    }
    if next_token.is_some() {
        draft.findings.warn(Problem::of_file(
            "the last page says that another follows (next_page_token), which is not in the file; save and import it too",
        ));
    }
    draft.stays(stays)
}

fn list_of<'v>(page: &'v Value, path: &str, key: &str) -> Result<&'v [Value], ImportError> {
    list(page, key)
        .map_err(|wrong| Problem::at_path(path, "", format!("{wrong}; {SAVE_AGAIN}")).into())
}

fn participants(
    page: &Value,
    path: &str,
    clock: Clock,
    draft: &mut Draft<'_>,
    stays: &mut Vec<Stay>,
) -> Result<(), ImportError> {
    let meeting = meeting_of(page);
    for (index, participant) in list_of(page, path, "participants")?.iter().enumerate() {
        let at = Where::path(inside(path, &format!("participants[{index}]")));
        if text(participant, "status").ok().flatten().as_deref() == Some("in_waiting_room") {
            draft
                .findings
                .leave_out("stays in the waiting room", &at.path);
            continue;
        }
        let Some(place) = place(draft, meeting.as_deref(), &at)? else {
            continue;
        };
        let read = || {
            let joined = time(participant, "join_time", clock)?.ok_or("join_time is missing")?;
            let left = time(participant, "leave_time", clock)?;
            let person = person(participant, "name", "user_email", "id")?;
            Ok::<_, String>((person, text(participant, "user_id")?, joined, left))
        };
        match read() {
            Ok((person, device, joined, left)) => stays.push(Stay {
                person,
                place,
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

/// The answers to a meeting's polls: a person, and each of their answers with its moment.
fn answers(
    page: &Value,
    path: &str,
    clock: Clock,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let meeting = meeting_of(page);
    for (index, asked) in list_of(page, path, "questions")?.iter().enumerate() {
        let at = inside(path, &format!("questions[{index}]"));
        let Some(place) = place(draft, meeting.as_deref(), &Where::path(at.clone()))? else {
            continue;
        };
        let read = person(asked, "name", "email", "id");
        let read = read.and_then(|person| Ok((person, list(asked, "question_details")?)));
        let (mut person, details) = match read {
            Ok(read) => read,
            Err(wrong) => {
                draft.refuse(&Where::path(at), wrong);
                continue;
            }
        };
        if person.is_guest() {
            let name = text(asked, "name").ok().flatten().unwrap_or_default();
            if name.is_empty() || name.eq_ignore_ascii_case("anonymous attendee") {
                draft.findings.leave_out("anonymous answers", &at);
                continue;
            }
            let guest = format!(
                "{}/{}",
                meeting.as_deref().unwrap_or_default(),
                person.fingerprint()
            );
            person = person.account(&draft.guests(), Some(&guest));
        }
        for (index, answer) in details.iter().enumerate() {
            let at = Where::path(format!("{at}.question_details[{index}]"));
            let read = || {
                let moment = time(answer, "date_time", clock)?.ok_or("date_time is missing")?;
                let question = text(answer, "question")?;
                let poll = text(answer, "polling_id")?;
                // A poll may ask several questions, each of which is answered apart.
                let poll = match (poll, question) {
                    (_, Some(question)) => polls::poll_of(&question),
                    (Some(poll), None) => word(&poll),
                    (None, None) => return Err("says neither question nor polling_id".to_owned()),
                };
                Ok::<_, String>((poll, moment))
            };
            match read() {
                Ok((poll, moment)) => draft.poll(&person, &place, poll, moment, at)?,
                Err(wrong) => draft.refuse(&at, wrong),
            }
        }
    }
    Ok(())
}

/// One message: somebody joined or left.
fn message(
    page: &Value,
    path: &str,
    clock: Clock,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let at = Where::path(path);
    let event = page
        .get("event")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (key, is_join) = match event.split_once('.') {
        Some(("meeting" | "webinar", "participant_joined")) => ("join_time", true),
        Some(("meeting" | "webinar", "participant_left")) => ("leave_time", false),
        _ => {
            draft
                .findings
                .leave_out("messages that say nothing of attendance", event);
            return Ok(());
        }
    };
    let object = page
        .get("payload")
        .and_then(|payload| payload.get("object"));
    let Some((object, participant)) = object.and_then(|o| Some((o, o.get("participant")?))) else {
        draft.refuse(&at, "has no payload.object.participant");
        return Ok(());
    };
    let Some(place) = place(draft, meeting_of(object).as_deref(), &at)? else {
        return Ok(());
    };
    let read = || {
        let moment = time(participant, key, clock)?.ok_or_else(|| format!("{key} is missing"))?;
        let account = if participant.get("participant_user_id").is_some() {
            "participant_user_id"
        } else {
            "id"
        };
        let person = person(participant, "user_name", "email", account)?;
        let device = text(participant, "user_id")?.ok_or("user_id is missing")?;
        Ok::<_, String>((person, device, moment))
    };
    match read() {
        Ok((person, device, moment)) => draft.stay(Stay {
            person,
            place,
            joined: is_join.then_some(moment),
            left: (!is_join).then_some(moment),
            device: Some(device),
            at,
        }),
        Err(wrong) => {
            draft.refuse(&at, wrong);
            Ok(())
        }
    }
}

fn meeting_of(page: &Value) -> Option<String> {
    ["id", "meeting_id", "webinar_id"]
        .into_iter()
        .find_map(|key| text(page, key).ok().flatten())
}

/// Where it was. Pages say nothing of it, so the first without a place ends the import.
fn place(
    draft: &mut Draft<'_>,
    meeting: Option<&str>,
    at: &Where,
) -> Result<Option<Place>, ImportError> {
    draft
        .place(meeting)
        .map_err(|wrong| Problem::at_path(&at.path, "", wrong).into())
}

fn person(value: &Value, name: &str, email: &str, account: &str) -> Result<Person, String> {
    let name = text(value, name)?.unwrap_or_default();
    let email = text(value, email)?;
    Ok(Person::named(&name)
        .account(EXTERNAL, text(value, "customer_key")?.as_deref())
        .account(SYSTEM, text(value, account)?.as_deref())
        .account(REGISTRANT, text(value, "registrant_id")?.as_deref())
        .address(email.as_deref()))
}
