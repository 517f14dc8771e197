//! `agenda polls`.

use super::arguments::Agenda;
use super::output::{Ended, Exit, counted, reason_code, say};
use super::premises::Premises;
use crate::imports::observed::By;
use crate::imports::polls;

pub(super) fn run(here: &Premises, what: Agenda) -> Ended {
    let Agenda::Polls {
        event,
        session,
        offered,
        operator,
        reason,
    } = what;
    here.event(&event)?;
    here.operator(&operator)?;
    reason_code(&reason)?;
    let by = By {
        operator: &operator,
        reason: &reason,
        note: None,
    };
    let polls = counted(usize::try_from(offered).unwrap_or(usize::MAX), "poll");
    match polls::set(here.desk(), &event, &session, offered, by)? {
        Some(_) => say(format!("The session {session} offered {polls}."))?,
        None => say(format!(
            "The agenda says {polls} of {session} already; nothing was changed."
        ))?,
    }
    Ok(Exit::Done)
}
