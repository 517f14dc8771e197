//! A case: one person's day under one rule set, and its text for `rollcall-issuer rules decide`.

use attendance::agenda::{Programme, Registration};
use attendance::rules::RuleSet;
use attendance::words::Signal;
use attendance::{Decision, Evidence, Known, UtcMs, decide};

/// Second 0 of every case: 09:00 of the day that a time of day alone means in a table of cases.
pub(crate) const NINE_S: i64 = 978_307_200 + 9 * 3_600;
/// No case lasts longer, in seconds.
pub(crate) const DAY_S: i64 = 256;

/// The instant of a second of the case.
pub(crate) fn at(second: i64) -> UtcMs {
    UtcMs((NINE_S + second) * 1_000)
}

/// The second of an instant, which is a whole one.
pub(crate) fn second(at: UtcMs) -> i64 {
    assert_eq!(at.0 % 1_000, 0, "cases are of whole seconds");
    at.0 / 1_000 - NINE_S
}

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) rules: RuleSet,
    pub(crate) programme: Programme,
    pub(crate) registration: Option<Registration>,
    pub(crate) signals: Vec<Signal>,
    /// The second at which it is asked.
    pub(crate) now_s: i64,
}

impl Case {
    /// What the engine makes of it.
    pub(crate) fn decide(&self) -> Decision {
        let evidence = Evidence {
            signals: &self.signals,
            registration: self.registration.as_ref(),
        };
        let known = Known {
            now: at(self.now_s),
            incomplete_doors: Vec::new(),
        };
        decide(&self.rules, &self.programme, evidence, &known)
    }
}
