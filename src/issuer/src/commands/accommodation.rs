//! `accommodation add|list|end`: what is granted to somebody, privately.

use attendance::words::EventId;
use protocol::text::instant;

use super::arguments::{Accommodation, Granting, Who};
use super::import::read;
use super::output::{Ended, Exit, Failure, say};
use super::premises::Premises;
use super::said::{note, settle};
use crate::imports::accommodations::{self, Grant, badge_of, grants_of, history};
use crate::imports::said::Because;
use crate::store::StoreError;
use crate::store::people::AttendeeFacts;

pub(super) fn run(here: &Premises, what: Accommodation) -> Ended {
    match what {
        Accommodation::Add(granting) => change(here, &granting, true),
        Accommodation::List(who) => list(here, &who),
        Accommodation::End(granting) => change(here, &granting, false),
    }
}

/// What is meant: one thing, or each badge of somebody who assists.
fn grants(here: &Premises, granting: &Granting) -> Result<Vec<Grant>, Failure> {
    let event = &granting.who.event;
    let session = granting.session.clone();
    if let Some(extra_min) = granting.extra_min {
        return Ok(vec![Grant::Extra {
            session,
            extra_s: extra_min * 60,
        }]);
    }
    if granting.whole {
        return Ok(vec![Grant::Whole { session }]);
    }
    if let Some(assistant) = &granting.assistant {
        let facts = facts(
            here,
            event,
            &Who {
                event: event.clone(),
                attendee: assistant.clone(),
            },
        )?;
        let badges = facts.registration.map_or_else(Vec::new, |held| held.badges);
        if badges.is_empty() {
            return Err(Failure::failed(format!("{assistant} has no badge")));
        }
        let badges = badges.into_iter().map(|badge| Grant::Assistant { badge });
        return Ok(badges.collect());
    }
    let Some(file) = &granting.badge_file else {
        return Err(Failure::usage("say what is granted"));
    };
    let text = String::from_utf8(read(file)?);
    let text = text.map_err(|_| {
        Failure::malformed(format!("{}: the badge is no text in UTF-8", file.display()))
    })?;
    let badge = badge_of(here.desk(), event, &text)?;
    Ok(vec![Grant::Assistant { badge }])
}

fn facts(here: &Premises, event: &EventId, who: &Who) -> Result<AttendeeFacts, Failure> {
    match here.store.attendee(event, &who.attendee) {
        Err(StoreError::NotFound {
            what: "attendee", ..
        }) => Err(Failure::failed(format!(
            "{event} has no attendee {}: pages and reports show their ids",
            who.attendee
        ))),
        other => Ok(other?),
    }
}

fn change(here: &Premises, granting: &Granting, is_added: bool) -> Ended {
    let who = &granting.who;
    here.event(&who.event)?;
    here.administrator(&granting.operator, "grants accommodations")?;
    let note = note(granting.note_file.as_deref())?;
    let because = Because {
        operator: &granting.operator,
        reason: &granting.reason_code,
        note: &note,
    };
    let mut is_changed = false;
    for grant in grants(here, granting)? {
        let put = if is_added {
            accommodations::add
        } else {
            accommodations::end
        };
        is_changed |= put(here.desk(), &who.event, &who.attendee, &grant, because)?.is_some();
    }
    match (is_changed, is_added) {
        (false, true) => say("That is granted already; nothing was changed.")?,
        (false, false) => say("That is not granted; nothing was changed.")?,
        (true, true) => say("It is granted.")?,
        (true, false) => say("It is granted no more.")?,
    }
    if is_changed {
        return settle(here);
    }
    Ok(Exit::Done)
}

fn list(here: &Premises, who: &Who) -> Ended {
    here.event(&who.event)?;
    let facts = facts(here, &who.event, who)?;
    here.record_view(&who.event, who.attendee.as_str(), "accommodations")?;
    let grants = facts.registration.as_ref().map_or_else(Vec::new, grants_of);
    for grant in &grants {
        say(format!("granted: {}", grant.text()))?;
    }
    let told = history(here.desk(), &who.event, &facts)?;
    for told in told {
        say(format!(
            "{}  {} (entry {})",
            instant(told.at),
            told.text,
            told.entry
        ))?;
    }
    if grants.is_empty() {
        say(format!("Nothing is granted to {}.", who.attendee))?;
    }
    Ok(Exit::Done)
}
