//! Signs among the cases: shown, and closed or opened again.

use attendance::words::{AttendeeId, EventId};
use protocol::ledger::{SignKind, SignOutcome};
use protocol::text::instant;

use super::arguments::Judging;
use super::output::{Ended, Exit, Failure, counted, say};
use super::premises::{Premises, now};
use super::said::note;
use crate::imports::notes::{self, Topic};
use crate::reasons::About;
use crate::store::StoreError;
use crate::store::signs::{SignFacts, SignWord};

/// The most scans of a sign that are listed.
const MAX_LISTED: usize = 12;

/// Prints the signs of an event, open ones or all. Gives the id of the first open one.
pub(super) fn list(here: &Premises, event: &EventId, all: bool) -> Result<Vec<String>, Failure> {
    let signs = here.store.signs(event)?;
    let mut open = Vec::new();
    for sign in signs.iter().filter(|sign| all || sign.closed.is_none()) {
        for line in lines(sign) {
            say(line)?;
        }
        say("")?;
        if sign.closed.is_none() {
            open.push(sign.id.clone());
        }
    }
    Ok(open)
}

fn lines(sign: &SignFacts) -> Vec<String> {
    let found = &sign.found;
    let names: Vec<&str> = found.attendees.iter().map(AttendeeId::as_str).collect();
    let times = counted(usize::try_from(found.times).unwrap_or(usize::MAX), "time");
    let what = match found.about {
        SignKind::Pair => format!(
            "the badges of {} passed a reader seconds apart {times}",
            names.join(" and ")
        ),
        SignKind::Places => format!(
            "the badges of {} were in two places {times}",
            names.join(" and ")
        ),
        SignKind::TakenBack => format!(
            "staff at a door took back a scan of {} {times}: correct the session if it was a mistake, then explain",
            names.join(" and ")
        ),
    };
    let mut lines = vec![
        format!("{}  {what}", sign.id),
        format!(
            "  since {}, last {}",
            instant(sign.first),
            instant(sign.last)
        ),
    ];
    let scans = found.evidence.iter().take(MAX_LISTED);
    let scans: Vec<String> = scans.map(|(log, index)| format!("{log}#{index}")).collect();
    lines.push(format!("  {}", scans.join(", ")));
    if let Some(closed) = &sign.closed {
        lines.push(format!(
            "  {} at {} by {} ({}), ledger entry {}",
            closed.outcome.as_str(),
            instant(closed.at),
            closed.operator,
            closed.reason,
            closed.ledger
        ));
    }
    lines
}

/// Says what a sign comes to.
pub(super) fn judge(here: &Premises, judging: &Judging, outcome: SignOutcome) -> Ended {
    let Judging { event, sign, why } = judging;
    here.event(event)?;
    here.reviewer(&why.operator)?;
    let text = note(why.note_file.as_deref())?;
    let about = match outcome {
        SignOutcome::Explained => About::Explanation,
        SignOutcome::Upheld => About::Upholding,
        SignOutcome::Reopened => About::Reopening,
    };
    let reason = about.reason(&why.reason, !text.is_empty());
    let reason = reason.map_err(Failure::usage)?;
    let signs = here.store.signs(event)?;
    let Some(held) = signs.iter().find(|held| held.id == *sign) else {
        return Err(Failure::failed(format!(
            "there is no sign {sign:?}; `rollcall-issuer review list --event {event}` shows those there are"
        )));
    };
    let first = held.found.attendees.first();
    let note = match first {
        Some(attendee) => notes::seal(here.desk(), event, attendee, (Topic::Attendance, &text))?,
        None => None,
    };
    let word = SignWord {
        times: held.found.times,
        outcome,
        reason,
        operator: &why.operator,
        note: note.as_ref(),
    };
    let index = match here.store.judge_sign(event, sign, &word, now()) {
        Err(StoreError::Exists { .. }) => {
            say(format!(
                "The sign {sign} stands so already; nothing was changed."
            ))?;
            return Ok(Exit::Done);
        }
        other => other?,
    };
    say(format!(
        "The sign {sign} is {}: ledger entry {index}. No decision is changed by it.",
        outcome.as_str()
    ))?;
    if outcome == SignOutcome::Upheld {
        say(here.next(&format!(
            "attendance deny --event {event} --attendee ID --session ID --reason badge_lent --operator {}, for each session that does not count",
            why.operator
        )))?;
    }
    Ok(Exit::Done)
}
