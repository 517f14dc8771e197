//! `review list|admit|deny`, and of signs `review explain|uphold|reopen`.

use std::collections::BTreeMap;

use attendance::UtcMs;
use attendance::words::EventId;
use protocol::entry::Body;
use protocol::ledger::{CaseKind, CaseOutcome, SignOutcome};
use protocol::text::instant;

use super::arguments::Review;
use super::output::{Ended, Exit, Failure, counted, reason_code, say};
use super::premises::{Premises, now};
use super::signs::{self, judge};
use crate::review::{clock, in_question};
use crate::store::branches::CaseFacts;

pub(super) fn run(here: &Premises, what: Review) -> Ended {
    match what {
        Review::List { event, all } => list(here, &event, all),
        Review::Admit(closing) => close(here, &closing, CaseOutcome::Admitted),
        Review::Deny(closing) => close(here, &closing, CaseOutcome::Denied),
        Review::Explain(judging) => judge(here, &judging, SignOutcome::Explained),
        Review::Uphold(judging) => judge(here, &judging, SignOutcome::Upheld),
        Review::Reopen(judging) => judge(here, &judging, SignOutcome::Reopened),
    }
}

/// The scans in question, placed in time as far as their log's clock goes.
struct Scans {
    count: usize,
    span: Option<(UtcMs, UtcMs)>,
    /// How many of them went each way.
    verdicts: BTreeMap<String, u64>,
}

fn list(here: &Premises, event: &EventId, all: bool) -> Ended {
    here.event(event)?;
    let cases = here.store.cases(event)?;
    let shown: Vec<&CaseFacts> = cases
        .iter()
        .filter(|case| all || case.closed.is_none())
        .collect();
    for case in &shown {
        let scans = scans(here, case)?;
        for line in lines(case, &scans) {
            say(line)?;
        }
        say("")?;
    }
    let signs = signs::list(here, event, all)?;
    let open = shown.iter().filter(|case| case.closed.is_none()).count();
    say(format!("{}.", counted(open + signs.len(), "open case")))?;
    if let Some(sign) = signs.first() {
        say(here.next(&format!(
            "review explain --event {event} {sign} --reason CODE --operator ID, or review uphold"
        )))?;
    }
    if let Some(case) = shown.iter().find(|case| case.closed.is_none()) {
        say(here.next(&format!(
            "review admit --event {event} {} --reason CODE --operator ID, or review deny",
            case.id
        )))?;
    }
    Ok(Exit::Done)
}

fn lines(case: &CaseFacts, scans: &Scans) -> Vec<String> {
    let about = match case.about {
        CaseKind::Fork => format!(
            "a branch of {} that leaves the log held at entry {} and goes on to {}",
            case.kiosk, case.base, case.size
        ),
        CaseKind::Late => format!(
            "entries {} to {} of {}, which came after its enrolment had ended",
            case.base,
            case.size - 1,
            case.kiosk
        ),
    };
    let times = match scans.span {
        Some((from, to)) => format!("between {} and {}", instant(from), instant(to)),
        None => "at no known time".to_owned(),
    };
    let ways: Vec<String> = scans
        .verdicts
        .iter()
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    let mut lines = vec![
        format!("{}  {about}", case.id),
        format!("  door {}, since {}", case.door, instant(case.since)),
        format!(
            "  {} {times}{}",
            counted(scans.count, "scan"),
            if ways.is_empty() {
                String::new()
            } else {
                format!(": {}", ways.join(", "))
            }
        ),
    ];
    if let Some(closed) = &case.closed {
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

fn scans(here: &Premises, case: &CaseFacts) -> Result<Scans, Failure> {
    let store = here.store.as_ref();
    let clock = clock(
        store,
        case,
        &here.config.issuer,
        here.keys.signing.public_key(),
    )?;
    let mut scans = Scans {
        count: 0,
        span: None,
        verdicts: BTreeMap::new(),
    };
    for (index, entry) in in_question(store, case)? {
        let Body::Scan(scan) = &entry.body else {
            continue;
        };
        scans.count += 1;
        *scans.verdicts.entry(scan.verdict.to_string()).or_default() += 1;
        let at = clock.place(index, &entry.stamp).at;
        scans.span = Some(match scans.span {
            Some((from, to)) => (from.min(at.earliest), to.max(at.latest)),
            None => (at.earliest, at.latest),
        });
    }
    Ok(scans)
}

fn close(here: &Premises, closing: &super::arguments::Closing, outcome: CaseOutcome) -> Ended {
    let super::arguments::Closing {
        event,
        case,
        reason,
        operator,
    } = closing;
    here.event(event)?;
    reason_code(reason)?;
    here.operator(operator)?;
    let cases = here.store.cases(event)?;
    let Some(found) = cases.iter().find(|found| found.id == *case) else {
        return Err(Failure::failed(format!(
            "there is no case {case:?}; `rollcall-issuer review list --event {event}` shows those there are"
        )));
    };
    if let Some(closed) = &found.closed {
        return Err(Failure::failed(format!(
            "the case {case} was {} at {} by {} ({}); a branch that grew since is a new case",
            closed.outcome.as_str(),
            instant(closed.at),
            closed.operator,
            closed.reason
        )));
    }
    let scans = scans(here, found)?;
    let index = here
        .store
        .close_case(event, case, found.size, outcome, reason, operator, now())?;
    let count = counted(scans.count, "scan");
    match outcome {
        CaseOutcome::Admitted => {
            say(format!(
                "The case {case} is admitted: ledger entry {index}. Its {count} count as signals from here on."
            ))?;
            let put_off = here.settle()?;
            if put_off > 0 {
                return Err(Failure::failed(format!(
                    "{put_off} decisions that it touches could not be made again yet; the service tries on, and its alarms say why"
                )));
            }
            say("Whom they touch is decided again.")?;
            say(here.next(&format!("issue --event {event}")))?;
        }
        CaseOutcome::Denied => say(format!(
            "The case {case} is denied: ledger entry {index}. Its {count} do not count; all of it is kept."
        ))?,
    }
    Ok(Exit::Done)
}
