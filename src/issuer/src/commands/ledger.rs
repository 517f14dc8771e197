//! `ledger status`, `ledger recover`.

use attendance::words::EventId;
use protocol::text::instant;

use super::arguments::Ledger;
use super::output::{Ended, Exit, Failure, reason_code, say};
use super::premises::{Premises, now};

pub(super) fn run(here: &Premises, what: Ledger) -> Ended {
    match what {
        Ledger::Status { event } => status(here, &event),
        Ledger::Recover {
            event,
            reason,
            operator,
        } => recover(here, &event, &reason, &operator),
    }
}

fn status(here: &Premises, event: &EventId) -> Ended {
    here.event(event)?;
    let head = here.store.ledger_head(event)?;
    say(format!("ledger     {}", head.origin))?;
    say(format!("entries    {}", head.size))?;
    say(format!("root       {}", head.root))?;
    let Some(lost) = here.store.lost_head(event)? else {
        say("No kiosk has shown a signed head that this ledger does not hold.")?;
        return Ok(Exit::Done);
    };
    say(format!(
        "lost head  {} entries, root {}, shown by the kiosk {} at {}",
        lost.size,
        lost.root,
        lost.kiosk,
        instant(lost.at)
    ))?;
    if let Some(settled) = lost.settled {
        say(format!(
            "Given up at {}: this ledger goes on without it.",
            instant(settled)
        ))?;
        return Ok(Exit::Done);
    }
    say(
        "This database is not the one that was signed: it is an older copy, or its ledger was changed. Nothing is signed meanwhile.",
    )?;
    say(
        "1. Best: stop the service, put the newest database in place, start it again. It goes on by itself.",
    )?;
    say(
        "2. If that is lost: wait until every kiosk has synced once, so that the longest lost head is known, then go on without it:",
    )?;
    say(here.next(&format!(
        "ledger recover --event {event} --reason backup_restored --operator ID"
    )))?;
    Ok(Exit::Failed)
}

fn recover(here: &Premises, event: &EventId, reason: &str, operator: &str) -> Ended {
    here.event(event)?;
    reason_code(reason)?;
    here.operator(operator)?;
    let lost = here.store.lost_head(event)?;
    if lost.as_ref().is_none_or(|lost| lost.settled.is_some()) {
        return Err(Failure::failed(format!(
            "no head of the ledger of {event} is lost, so there is nothing to recover from"
        )));
    }
    let index = here
        .store
        .settle_lost_head(event, reason, operator, now())?;
    say(format!(
        "The ledger goes on without the lost head: entry {index} says so. Kiosks send again what this database lacks."
    ))?;
    say(
        "Kiosks that witnessed the lost head do not witness this ledger any more, and auditors see that: enrol them anew with an empty data folder when they are delivered.",
    )?;
    Ok(Exit::Done)
}
