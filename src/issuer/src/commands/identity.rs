//! `identity list|match|unmatch|aside|back|reasons`: whose accounts are.

use attendance::words::EventId;
use protocol::subject::SubjectDigest;

use super::arguments::{Identity, Matching};
use super::output::{Ended, Exit, Failure, counted, say, table};
use super::premises::{Premises, now};
use super::said::{note, settle};
use crate::imports::notes::Topic;
use crate::imports::observed::By;
use crate::imports::{identity, notes};
use crate::reasons::{self, ASIDES, About};
use crate::review::identities::{Waiting, by_prefix, people, waiting, with_candidates};
use crate::store::StoreError;
use crate::store::signals::SetAside;

/// The reasons, which need no database.
pub(super) fn without_database(what: &Identity) -> Result<Option<Exit>, Failure> {
    let Identity::Reasons = what else {
        return Ok(None);
    };
    let mut rows = Vec::new();
    for (name, about) in [("match", About::Match), ("unmatch", About::NoMatch)] {
        let reasons = about.reasons().iter();
        rows.extend(reasons.map(|(code, title)| [name, code, title].map(str::to_owned)));
    }
    let asides = ASIDES.iter();
    rows.extend(asides.map(|(code, title)| ["aside", code, title].map(str::to_owned)));
    table(["FOR", "REASON", "WHAT IT SAYS"], &rows)?;
    Ok(Some(Exit::Done))
}

pub(super) fn run(here: &Premises, what: Identity) -> Ended {
    match what {
        Identity::List { event } => list(here, &event),
        Identity::Match(matching) => change(here, &matching, true),
        Identity::Unmatch(matching) => change(here, &matching, false),
        Identity::Aside(setting) => {
            let reason = reasons::of(ASIDES, &setting.reason).map_err(Failure::usage)?;
            let whose = (&setting.event, setting.account.as_str());
            set_aside(here, whose, Some(reason), &setting.operator)
        }
        Identity::Back {
            event,
            account,
            operator,
        } => set_aside(here, (&event, &account), None, &operator),
        // Answered above.
        Identity::Reasons => Ok(Exit::Done),
    }
}

fn list(here: &Premises, event: &EventId) -> Ended {
    here.event(event)?;
    here.record_view(event, "accounts", "identity_list")?;
    let store = here.store.as_ref();
    let open = waiting(store, event)?;
    let words = store.account_words(event)?;
    let people = people(store, &here.keys, event)?;
    let count = open.len();
    let mut first = None;
    for facts in open {
        first.get_or_insert_with(|| facts.subject.to_string());
        let waiting = with_candidates(&here.keys, event, facts, &people, &words);
        for line in lines(&waiting, &people) {
            say(line)?;
        }
        say("")?;
    }
    say(format!("{} nobody's.", counted(count, "account")))?;
    if let Some(account) = first {
        say(here.next(&format!(
            "identity match --event {event} --account {} --attendee ID --reason CODE --operator ID",
            &account[..8]
        )))?;
    }
    Ok(Exit::Done)
}

fn lines(
    waiting: &Waiting,
    people: &[(attendance::words::AttendeeId, crate::keys::Person)],
) -> Vec<String> {
    let facts = &waiting.facts;
    let label = waiting.label.as_ref();
    let name = label.and_then(|label| label.name.as_deref());
    let email = label.and_then(|label| label.email.as_deref());
    let shown: Vec<&str> = [name, email].into_iter().flatten().collect();
    let shown = if shown.is_empty() {
        "no name shown".to_owned()
    } else {
        shown.join(", ")
    };
    let rows = counted(
        usize::try_from(facts.rows).unwrap_or(usize::MAX),
        "observation",
    );
    let mut lines = vec![format!(
        "{}  {shown} ({}, {rows})",
        facts.subject, facts.system
    )];
    if !waiting.listed().is_empty() {
        lines.push("  ambiguous: several registrations list it".to_owned());
    }
    for candidate in &waiting.candidates {
        let person = people.iter().find(|(id, _)| *id == candidate.attendee);
        let name = person.map_or("", |(_, person)| person.name.as_str());
        let signs: Vec<&str> = candidate.signs.iter().map(|sign| sign.as_str()).collect();
        lines.push(format!(
            "  perhaps {} {name}: {}",
            candidate.attendee,
            signs.join("; ")
        ));
    }
    lines
}

fn subject(here: &Premises, event: &EventId, account: &str) -> Result<SubjectDigest, Failure> {
    match by_prefix(here.store.as_ref(), event, account) {
        Err(StoreError::NotFound { .. }) => Err(Failure::failed(format!(
            "no source showed an account {account}; `rollcall-issuer identity list --event {event}` shows those that are nobody's"
        ))),
        other => Ok(other?.subject),
    }
}

/// Sets an account aside for a reason, or takes it back where there is none.
fn set_aside(
    here: &Premises,
    (event, account): (&EventId, &str),
    reason: Option<&str>,
    operator: &str,
) -> Ended {
    here.event(event)?;
    here.reviewer(operator)?;
    let subject = subject(here, event, account)?;
    let short = subject.short();
    let (done, what, told) = match reason {
        Some(reason) => {
            let aside = SetAside {
                subject,
                reason: reason.to_owned(),
                operator: operator.to_owned(),
                at: now(),
            };
            let done = here.store.set_aside(event, &aside);
            (done, "identity_aside", "is set aside")
        }
        None => {
            let done = here.store.take_back(event, subject);
            (done, "identity_back", "is asked about again")
        }
    };
    match done {
        Ok(()) => {
            here.record_view(event, &subject.to_string(), what)?;
            say(format!("The account {short} {told}."))?;
        }
        Err(StoreError::Exists { .. } | StoreError::NotFound { .. }) => {
            say("It stands so already; nothing was changed.")?;
        }
        Err(fault) => return Err(fault.into()),
    }
    Ok(Exit::Done)
}

fn change(here: &Premises, matching: &Matching, is_match: bool) -> Ended {
    let Matching { who, account, why } = matching;
    let (event, attendee) = (&who.event, &who.attendee);
    here.event(event)?;
    here.reviewer(&why.operator)?;
    let note = note(why.note_file.as_deref())?;
    let about = if is_match {
        About::Match
    } else {
        About::NoMatch
    };
    let reason = about.reason(&why.reason, !note.is_empty());
    let reason = reason.map_err(Failure::usage)?;
    let subject = subject(here, event, account)?;
    let desk = here.desk();
    let note = notes::seal(desk, event, attendee, (Topic::Attendance, &note))?;
    let by = By {
        operator: &why.operator,
        reason,
        note: note.as_ref(),
    };
    let version = if is_match {
        identity::match_subject(desk, event, (subject, attendee), by)?
    } else {
        identity::unmatch_subject(desk, event, (subject, attendee), by)?
    };
    let short = subject.short();
    match (version, is_match) {
        (None, _) => {
            say("It stands so already; nothing was changed.")?;
            return Ok(Exit::Done);
        }
        (Some(_), true) => say(format!("The account {short} is {attendee}'s."))?,
        (Some(_), false) => say(format!("The account {short} is not {attendee}'s."))?,
    }
    settle(here)
}
