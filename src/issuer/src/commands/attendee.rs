//! `attendee erase`: what is known of a person is destroyed.

use attendance::words::EventId;
use protocol::ledger::Erasure;

use super::arguments::{Attendee, Erasing};
use super::output::{Ended, Exit, Failure, counted, hint, say};
use super::premises::{Premises, now};
use crate::reasons::{self, ERASURES};
use crate::store::StoreError;

pub(super) fn run(here: &Premises, what: &Attendee) -> Ended {
    match what {
        Attendee::Erase(erasing) => erase(here, erasing),
    }
}

fn erase(here: &Premises, erasing: &Erasing) -> Ended {
    let (event, attendee) = (&erasing.who.event, &erasing.who.attendee);
    here.event(event)?;
    here.administrator(&erasing.operator, "erases what is known of somebody")?;
    let erasure = Erasure {
        attendee: attendee.clone(),
        reason: reasons::of(ERASURES, &erasing.reason)
            .map_err(Failure::usage)?
            .to_owned(),
        operator: erasing.operator.clone(),
    };
    let certificates = certificates(here, erasing)?;
    let index = match here.store.erase_person(event, &erasure, now()) {
        Ok(index) => Some(index),
        // What an earlier run left in the file goes now.
        Err(StoreError::Exists { .. }) => None,
        Err(StoreError::NotFound {
            what: "attendee", ..
        }) => {
            return Err(Failure::failed(format!(
                "{event} has no attendee {attendee}: pages and reports show their ids"
            )));
        }
        Err(fault) => return Err(fault.into()),
    };
    hint("The database is written anew, so that nothing of it stays in its files.");
    here.store.scrub().map_err(|fault| {
        Failure::failed(format!(
            "the data of {attendee} is erased, but what was deleted may still lie in the database's files: {fault}; run the same command \
             again"
        ))
    })?;
    match index {
        Some(index) => say(format!(
            "The data of {attendee} is erased: ledger entry {index}. Decisions stay and can be derived again."
        ))?,
        None => say(format!(
            "The data of {attendee} was erased before; nothing was changed."
        ))?,
    }
    if certificates > 0 {
        say(format!(
            "{} of theirs say from now on that they were issued, and no more: revoke what is not to stand.",
            counted(certificates, "certificate")
        ))?;
    }
    say(
        "Copies of the database, exports and reports made before hold it still, and whoever restores an older copy runs this again.",
    )?;
    say(here.next(&format!(
        "identity list --event {event}, which shows the accounts that are nobody's; one of them may be theirs"
    )))?;
    Ok(Exit::Done)
}

fn certificates(here: &Premises, erasing: &Erasing) -> Result<usize, Failure> {
    let event: &EventId = &erasing.who.event;
    let all = here.store.certificates(event)?;
    let stands = all
        .iter()
        .filter(|held| held.entry.attendee == erasing.who.attendee && held.revocation.is_none());
    Ok(stands.count())
}
