//! The sentence: what was counted, what was asked for, what it comes to and why, in one line for people.
//!
//! Contract: the same decision has the same sentence, and nothing in it tells an accommodation from presence.

use std::fmt::Write as _;

use super::plan::Plan;
use super::reasons::{Answer, Cause, Finding, Measured};
use super::{Outcome, Reason, Word};
use crate::Decimal;
use crate::rules::Threshold;
use crate::words::Source;

/// A length of time in words: whole seconds below an hour and a half, minutes above.
pub fn span_text(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    match (seconds / 60, seconds % 60) {
        (0, rest) => format!("{rest} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, rest) if minutes < 90 => format!("{minutes} min {rest} s"),
        (minutes, _) => format!("{minutes} min"),
    }
}

/// The sentence of a decision.
pub(crate) fn explain(plan: &Plan<'_>, answer: &Answer<'_>, outcome: Outcome) -> String {
    let Answer {
        measured,
        range: (least, most),
        finding,
        ..
    } = answer;
    let mut text = present(plan, measured);
    let credits = &measured.credits;
    for word in [Word::Confirmed, Word::Denied] {
        let said = measured
            .minutes
            .iter()
            .filter(|m| m.word == Some(word))
            .count();
        let _ = match (said, measured.minutes.len()) {
            (0, _) => Ok(()),
            (_, 1) => write!(text, "; {word} by staff"),
            (1, _) => write!(text, "; 1 session {word} by staff"),
            (many, _) => write!(text, "; {many} sessions {word} by staff"),
        };
    }
    let need = match plan.rules.threshold {
        Threshold::None => None,
        Threshold::Share(share) => Some(format!("{} %", percent(share))),
        Threshold::Time { min_ms } => Some(span_text(min_ms)),
        Threshold::Full => Some("all".to_owned()),
    };
    if let Some(need) = need {
        let per = if measured.minutes.len() > 1 {
            " of each session"
        } else {
            ""
        };
        let _ = write!(text, "; {need}{per} needed");
    }
    if let Some(polls) = credits.least.engagement {
        let _ = write!(
            text,
            "; {} {} answered, {} needed",
            polls.answered,
            if polls.answered == 1 { "poll" } else { "polls" },
            polls.needed
        );
    }
    let _ = match outcome {
        Outcome::Review => write!(text, "; {least} to {most} credits, a reviewer decides"),
        Outcome::Full | Outcome::Partial | Outcome::None => {
            write!(text, "; {least} of {} credits", measured.full)
        }
    };
    if let Some(why) = because(plan, measured, finding) {
        let _ = write!(text, " ({why})");
    }
    text.push('.');
    text
}

/// How much was counted, how much of it is grace, and by whom it was seen where not by doors alone.
fn present(plan: &Plan<'_>, measured: &Measured<'_>) -> String {
    let sum = |ms: fn(&super::Minutes<'_>) -> i64| {
        measured
            .minutes
            .iter()
            .fold(0_i64, |sum, m| sum.saturating_add(ms(m)))
    };
    let to_be_had = plan
        .sessions
        .iter()
        .fold(0_i64, |sum, s| sum.saturating_add(s.full_ms));
    let to_be_had = span_text(to_be_had);
    let (least, most) = (
        span_text(sum(|m| m.least_ms)),
        span_text(sum(|m| m.most_ms)),
    );
    let mut text = if least == most {
        format!("Present {least} of {to_be_had}")
    } else {
        format!("Present between {least} and {most} of {to_be_had}")
    };
    let graced_ms = sum(|m| m.graced_ms);
    if graced_ms >= 1_000 {
        let _ = write!(text, ", {} of it grace", span_text(graced_ms));
    }
    let counted = measured.minutes.iter().filter(|m| m.most_ms > 0);
    let mut sources: Vec<Source> = counted
        .flat_map(|m| m.stays.iter().map(|s| s.source))
        .collect();
    sources.sort_unstable();
    sources.dedup();
    if sources.iter().any(|source| *source != Source::Scan) {
        let words: Vec<&str> = sources.iter().map(|source| source.as_str()).collect();
        let _ = write!(text, ", by {}", words.join(" and "));
    }
    text
}

fn percent(share: Decimal) -> Decimal {
    Decimal::from_millionths(share.millionths().saturating_mul(100))
}

fn because(plan: &Plan<'_>, measured: &Measured<'_>, finding: &Finding) -> Option<String> {
    let text = match finding.reason {
        Reason::NotRegistered => "not registered",
        Reason::RegistrationCancelled => "the registration did not hold",
        Reason::ManualOverride => "staff's denial outweighs what was seen",
        Reason::NoAttendance => "no attendance recorded",
        Reason::MissingCheckIn => "a check-in is missing",
        Reason::MissingCheckOut => "a check-out is missing",
        Reason::ConflictingSignals => "staff and what was seen disagree",
        Reason::ClockUncertain => "the clock leaves it open",
        Reason::InsufficientEvidence => match finding.cause {
            Cause::Refused => "what else was seen does not count",
            Cause::Bare => "a platform's report alone does not count",
            Cause::Said => "a scan can be read both ways",
        },
        Reason::InsufficientEngagement => "too few polls answered",
        Reason::OverlappingSessions => "time in several sessions counts once",
        Reason::CapReached => {
            let earned = &measured.credits.most;
            return Some(format!("capped, {} before", earned.uncapped));
        }
        Reason::BelowMinimum => return Some(below(plan, measured)),
        Reason::PartialCredit | Reason::MetDurationThreshold => return None,
    };
    Some(text.to_owned())
}

/// Which minimum was not reached.
fn below(plan: &Plan<'_>, measured: &Measured<'_>) -> String {
    let rules = plan.rules;
    let each = plan.sessions.iter().zip(&measured.minutes);
    let is_met = |(planned, minutes): (&super::plan::Planned<'_>, &super::Minutes<'_>)| {
        minutes.most_ms > 0
            && rules
                .threshold
                .is_met(minutes.most_ms, planned.scheduled_ms)
    };
    if !each
        .clone()
        .any(|(planned, minutes)| is_met((planned, minutes)))
    {
        "below the threshold".to_owned()
    } else if rules.first_award_min > Decimal::ZERO {
        format!("below the minimum of {}", rules.first_award_min)
    } else {
        format!("below a step of {}", rules.step)
    }
}
