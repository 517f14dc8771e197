//! A rule set as values. Its text form, with errors that name the line, is `protocol`'s.

use crate::Decimal;
use crate::words::words;

words! {
    /// Which window of a session counts.
    Windows, "window choice" {
        /// The agenda's.
        Scheduled = "scheduled",
        /// The real one where staff stated it, else the agenda's.
        Actual = "actual",
    }
}

words! {
    /// What a met threshold awards.
    MetAwards, "award" {
        /// The session's scheduled minutes.
        Scheduled = "scheduled",
        /// The minutes present.
        Actual = "actual",
    }
}

words! {
    /// What a missed threshold leaves.
    BelowThreshold, "award below the threshold" {
        /// Nothing.
        None = "none",
        /// The minutes present.
        Actual = "actual",
    }
}

words! {
    /// How credits meet the grid of the step.
    Rounding, "rounding" {
        /// To the step below.
        Down = "down",
        /// To the nearest step, ties up.
        Nearest = "nearest",
    }
}

words! {
    /// What is rounded.
    Scope, "scope" {
        /// The sum of the programme, once.
        Programme = "programme",
        /// Each session by itself.
        Session = "session",
    }
}

words! {
    /// What a stay without a check-out ends with.
    MissingCheckOut, "missing check-out policy" {
        /// The end of the session.
        SessionEnd = "session_end",
        /// The attendee's last signal in that room within the session.
        LastSignal = "last_signal",
        /// The stay counts nothing.
        None = "none",
        /// A reviewer decides, where it matters.
        Review = "review",
    }
}

words! {
    /// What a check-out without a check-in begins with.
    MissingCheckIn, "missing check-in policy" {
        /// The start of the session.
        SessionStart = "session_start",
        /// The attendee's first signal in that room within the session.
        FirstSignal = "first_signal",
        /// The stay counts nothing.
        None = "none",
        /// A reviewer decides, where it matters.
        Review = "review",
    }
}

words! {
    /// Which of repeated check-outs ends the stay.
    RepeatedOut, "repeated check-out policy" {
        /// The first.
        First = "first",
        /// The last.
        Last = "last",
    }
}

words! {
    /// What a check-in elsewhere does to an open stay.
    InElsewhere, "check-in elsewhere policy" {
        /// Ends it there, as an inferred end.
        ClosesPrevious = "closes_previous",
        /// Nothing.
        Independent = "independent",
    }
}

/// When a session counts as attended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// Always.
    None,
    /// From this share of the scheduled time on, from 0 to 1.
    Share(Decimal),
    /// From this much time on.
    Time {
        /// The time in milliseconds.
        min_ms: i64,
    },
    /// Only the whole of it.
    Full,
}

impl Threshold {
    /// Whether presence meets it; presence equal to the threshold does.
    pub fn is_met(self, present_ms: i64, scheduled_ms: i64) -> bool {
        match self {
            Self::None => true,
            Self::Share(share) => {
                i128::from(present_ms) * i128::from(crate::decimal::SCALE)
                    >= i128::from(scheduled_ms) * i128::from(share.millionths())
            }
            Self::Time { min_ms } => present_ms >= min_ms,
            Self::Full => present_ms >= scheduled_ms,
        }
    }
}

/// How presence becomes credit. Named by the hash of the text it was read from, never edited once adopted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSet {
    /// Lower hex SHA-256 of its text.
    pub hash: String,
    /// A short name for people.
    pub name: String,
    /// The time one credit takes, in milliseconds; at least 1.
    pub credit_unit_ms: i64,
    /// When a session counts.
    pub threshold: Threshold,
    /// Lateness forgiven at the start, in seconds.
    pub grace_in_s: u32,
    /// Earliness forgiven at the end, in seconds.
    pub grace_out_s: u32,
    /// The grid of credits; above zero.
    pub step: Decimal,
    /// How credits meet the grid.
    pub rounding: Rounding,
    /// What is rounded.
    pub scope: Scope,
    /// A unit below this, before rounding, earns nothing.
    pub first_award_min: Decimal,
    /// What a met threshold awards.
    pub met_awards: MetAwards,
    /// What a missed threshold leaves.
    pub below_threshold: BelowThreshold,
    /// Which window counts.
    pub windows: Windows,
    /// What a missing check-out means.
    pub missing_check_out: MissingCheckOut,
    /// What a missing check-in means.
    pub missing_check_in: MissingCheckIn,
    /// Which of repeated check-outs counts.
    pub repeated_out: RepeatedOut,
    /// What a check-in elsewhere means.
    pub in_elsewhere: InElsewhere,
}

impl RuleSet {
    /// Unrounded credits would be a fraction; this gives the credits on the grid for a time, exactly.
    ///
    /// Zero where the unrounded credits are below `first_award_min`.
    pub fn credits_for(&self, present_ms: i64) -> Decimal {
        let scale = i128::from(crate::decimal::SCALE);
        let scaled = i128::from(present_ms.max(0)) * scale;
        let unit = i128::from(self.credit_unit_ms.max(1));
        if scaled < unit * i128::from(self.first_award_min.millionths()) {
            return Decimal::ZERO;
        }
        let step = i128::from(self.step.millionths().max(1));
        let steps = match self.rounding {
            Rounding::Down => scaled / (unit * step),
            Rounding::Nearest => (2 * scaled + unit * step) / (2 * unit * step),
        };
        Decimal::from_millionths(i64::try_from(steps * step).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub(crate) fn plain() -> RuleSet {
        RuleSet {
            hash: "00".repeat(32),
            name: "plain".into(),
            credit_unit_ms: 50 * 60_000,
            threshold: Threshold::None,
            grace_in_s: 0,
            grace_out_s: 0,
            step: "0.5".parse().unwrap(),
            rounding: Rounding::Down,
            scope: Scope::Programme,
            first_award_min: Decimal::ZERO,
            met_awards: MetAwards::Actual,
            below_threshold: BelowThreshold::None,
            windows: Windows::Scheduled,
            missing_check_out: MissingCheckOut::SessionEnd,
            missing_check_in: MissingCheckIn::None,
            repeated_out: RepeatedOut::First,
            in_elsewhere: InElsewhere::ClosesPrevious,
        }
    }

    #[test]
    fn credits_meet_the_grid_exactly() {
        let ms = |minutes: i64| minutes * 60_000;
        let down = plain();
        for (present, credits) in [
            (ms(25) - 1, "0"),
            (ms(25), "0.5"),
            (ms(50) - 1, "0.5"),
            (ms(50), "1"),
            (ms(150), "3"),
        ] {
            assert_eq!(down.credits_for(present).to_string(), credits, "{present}");
        }
        let nearest = RuleSet {
            rounding: Rounding::Nearest,
            step: "0.25".parse().unwrap(),
            credit_unit_ms: 3_600_000,
            ..plain()
        };
        for (present, credits) in [(449_999, "0"), (450_000, "0.25"), (ms(60) - 1, "1")] {
            assert_eq!(
                nearest.credits_for(present).to_string(),
                credits,
                "{present}"
            );
        }
        let first = RuleSet {
            first_award_min: Decimal::ONE,
            ..plain()
        };
        assert_eq!(first.credits_for(ms(50) - 1), Decimal::ZERO);
        assert_eq!(first.credits_for(ms(50)), Decimal::ONE);
        assert_eq!(first.credits_for(ms(75)).to_string(), "1.5");
        let seconds = RuleSet {
            credit_unit_ms: 5_000,
            step: Decimal::ONE,
            ..plain()
        };
        assert_eq!(seconds.credits_for(19_999).to_string(), "3");
    }

    #[test]
    fn thresholds_include_their_bound() {
        let eighty = Threshold::Share("0.8".parse().unwrap());
        assert!(eighty.is_met(2_400_000, 3_000_000));
        assert!(!eighty.is_met(2_399_999, 3_000_000));
        assert!(Threshold::Full.is_met(5, 5) && !Threshold::Full.is_met(4, 5));
        assert!(
            Threshold::Time { min_ms: 5 }.is_met(5, 9)
                && !Threshold::Time { min_ms: 5 }.is_met(4, 9)
        );
    }
}
