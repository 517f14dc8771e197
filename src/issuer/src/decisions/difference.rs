//! Why a final decision is another than what a door showed last.
//!
//! Contract: pure. One line, or none where outcome and credits are the same. A door shows what it knows when a badge is read: its own
//! entries, and what it was told; so what it could not know is said first, and what the decision itself says last.

use attendance::words::SignalId;
use attendance::{Decimal, ENGINE, Outcome, Reason};
use protocol::entry::Provisional;

/// What a door showed, and where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The answer.
    pub answer: &'a Provisional,
    /// The log of the door's kiosk.
    pub log: &'a str,
}

/// What was decided.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// The outcome.
    pub outcome: Outcome,
    /// The credits; none under review.
    pub credits: Option<Decimal>,
    /// Why.
    pub reason: Reason,
    /// The hash of the rules in force.
    pub rules: &'a str,
    /// The signals it rests on.
    pub evidence: &'a [SignalId],
}

/// Why the decision differs from what the door showed.
pub fn reason_line(shown: Shown<'_>, decided: Decided<'_>) -> Option<String> {
    let answer = shown.answer;
    if (answer.outcome, answer.credits) == (decided.outcome, decided.credits) {
        return None;
    }
    if answer.rules != decided.rules {
        return Some("The door had other rules.".to_owned());
    }
    if answer.engine != ENGINE {
        return Some(format!(
            "The door decided with another engine, {}.",
            answer.engine
        ));
    }
    let reported = decided
        .evidence
        .iter()
        .filter(|id| id.row.is_some())
        .count();
    let elsewhere = |id: &&SignalId| id.row.is_none() && *id.log != *shown.log;
    let elsewhere = decided.evidence.iter().filter(elsewhere).count();
    let counted = match (reported, elsewhere) {
        (0, 0) => None,
        (0, scans) => Some(of("scan", scans, "at other doors")),
        (signals, 0) => Some(of("signal", signals, "of other sources")),
        (signals, scans) => Some(format!(
            "{} and {}",
            of("signal", signals, "of other sources"),
            of("scan", scans, "at other doors")
        )),
    };
    if let Some(counted) = counted {
        return Some(format!("The door did not know {counted}."));
    }
    Some(match decided.reason {
        Reason::NotRegistered | Reason::RegistrationCancelled => {
            "The door knew another registration.".to_owned()
        }
        Reason::ClockUncertain => {
            "The door's clock turned out to leave more open than it knew.".to_owned()
        }
        reason => format!(
            "The door showed how it stood then; what it comes to in the end is {}.",
            reason.as_str().replace('_', " ")
        ),
    })
}

fn of(what: &str, count: usize, which: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural} {which}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RULES: &str = "aa";

    fn answer() -> Provisional {
        Provisional {
            programme: "main".parse().unwrap(),
            outcome: Outcome::Partial,
            credits: Some(Decimal::ONE),
            reason: Reason::PartialCredit,
            present_ms: 1,
            scheduled_ms: 2,
            rules: RULES.to_owned(),
            engine: ENGINE.to_owned(),
        }
    }

    fn signal(log: &str, row: Option<u32>) -> SignalId {
        SignalId {
            log: log.into(),
            index: 1,
            row,
        }
    }

    #[track_caller]
    fn check(answer: &Provisional, reason: Reason, evidence: &[SignalId], expected: Option<&str>) {
        let decided = Decided {
            outcome: Outcome::Full,
            credits: Some(Decimal::ONE),
            reason,
            rules: RULES,
            evidence,
        };
        let shown = Shown { answer, log: "own" };
        assert_eq!(reason_line(shown, decided).as_deref(), expected);
    }

    #[test]
    fn the_first_that_the_door_could_not_know_is_said() {
        let met = Reason::MetDurationThreshold;
        let own = signal("own", None);
        let same = Provisional {
            outcome: Outcome::Full,
            ..answer()
        };
        check(&same, met, &[], None);
        let rules = Provisional {
            rules: "bb".into(),
            ..answer()
        };
        check(&rules, met, &[], Some("The door had other rules."));
        let engine = Provisional {
            engine: "old".into(),
            ..answer()
        };
        let said = "The door decided with another engine, old.";
        check(&engine, met, &[], Some(said));
        let row = signal("ledger", Some(0));
        let other = signal("other", None);
        for (evidence, said) in [
            (vec![own.clone(), row.clone()], "1 signal of other sources"),
            (
                vec![own.clone(), other.clone(), other.clone()],
                "2 scans at other doors",
            ),
            (
                vec![row.clone(), row, other],
                "2 signals of other sources and 1 scan at other doors",
            ),
        ] {
            let said = format!("The door did not know {said}.");
            check(&answer(), met, &evidence, Some(&said));
        }
        let said = "The door knew another registration.";
        check(
            &answer(),
            Reason::RegistrationCancelled,
            std::slice::from_ref(&own),
            Some(said),
        );
        let said = "The door's clock turned out to leave more open than it knew.";
        check(
            &answer(),
            Reason::ClockUncertain,
            std::slice::from_ref(&own),
            Some(said),
        );
        let said =
            "The door showed how it stood then; what it comes to in the end is below minimum.";
        check(&answer(), Reason::BelowMinimum, &[own], Some(said));
    }
}
