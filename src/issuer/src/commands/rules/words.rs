//! A rule set in words: its values by key, and what it does in sentences.

use attendance::Decimal;
use attendance::rules::{
    BelowThreshold, InElsewhere, MetAwards, MissingCheckIn, MissingCheckOut, RepeatedOut, Rounding,
    RuleSet, Scope, Threshold, Windows,
};

/// A second, in milliseconds.
const SECOND_MS: i64 = 1_000;
/// A minute, in milliseconds.
const MINUTE_MS: i64 = 60_000;

/// A span in the largest unit that it is a whole number of, and exact where it is none.
fn span(ms: i64) -> String {
    let counted = |count: i64, noun: &str| match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    };
    if ms % MINUTE_MS == 0 {
        counted(ms / MINUTE_MS, "minute")
    } else if ms % SECOND_MS == 0 {
        counted(ms / SECOND_MS, "second")
    } else {
        counted(ms, "millisecond")
    }
}

fn percent(share: Decimal) -> String {
    let hundredfold = share.millionths().saturating_mul(100);
    format!("{} %", Decimal::from_millionths(hundredfold))
}

/// Each key with its value, in the order of the format. Every rule set has all of them.
pub(super) fn values(rules: &RuleSet) -> Vec<(&'static str, String)> {
    let threshold = match rules.threshold {
        Threshold::None => "none".to_owned(),
        Threshold::Full => "all of each session".to_owned(),
        Threshold::Share(share) => format!("{} of each session", percent(share)),
        Threshold::Time { min_ms } => format!("{} of each session", span(min_ms)),
    };
    let seconds = |s: u32| span(i64::from(s) * SECOND_MS);
    vec![
        ("one credit", span(rules.credit_unit_ms)),
        ("threshold", threshold),
        ("grace_in_s", seconds(rules.grace_in_s)),
        ("grace_out_s", seconds(rules.grace_out_s)),
        ("step", rules.step.to_string()),
        ("rounding", rules.rounding.to_string()),
        ("scope", rules.scope.to_string()),
        ("first_award_min", rules.first_award_min.to_string()),
        ("met_awards", rules.met_awards.to_string()),
        ("below_threshold", rules.below_threshold.to_string()),
        ("windows", rules.windows.to_string()),
        ("missing_check_out", rules.missing_check_out.to_string()),
        ("missing_check_in", rules.missing_check_in.to_string()),
        ("repeated_out", rules.repeated_out.to_string()),
        ("in_elsewhere", rules.in_elsewhere.to_string()),
    ]
}

/// What it does, a sentence a line.
pub(super) fn sentences(rules: &RuleSet) -> Vec<String> {
    let mut said = vec![format!("{}:", rules.name)];
    said.extend([windows(rules), threshold(rules), credits(rules)]);
    said.extend(grace(rules));
    said.push(missing_check_out(rules.missing_check_out).to_owned());
    said.push(missing_check_in(rules.missing_check_in).to_owned());
    let repeated = match rules.repeated_out {
        RepeatedOut::First => "first",
        RepeatedOut::Last => "last",
    };
    said.push(format!(
        "- Of check-outs one after the other, the {repeated} counts."
    ));
    let elsewhere = match rules.in_elsewhere {
        InElsewhere::ClosesPrevious => {
            "ends the stay in the room before, and says that this was inferred"
        }
        InElsewhere::Independent => "changes nothing about a stay in another room",
    };
    said.push(format!("- A check-in elsewhere {elsewhere}."));
    said.push("- Where a clock's uncertainty could change the outcome, a person looks.".to_owned());
    said
}

fn windows(rules: &RuleSet) -> String {
    let window = match rules.windows {
        Windows::Scheduled => "as the agenda has them",
        Windows::Actual => {
            "as they really were, where staff said so, and else as the agenda has them"
        }
    };
    format!("- Minutes count between the start and the end of sessions, {window}.")
}

fn threshold(rules: &RuleSet) -> String {
    let awards = match rules.met_awards {
        MetAwards::Scheduled => "counts with all its minutes",
        MetAwards::Actual => "counts with the minutes present",
    };
    let below = match rules.below_threshold {
        BelowThreshold::None => "with less it counts nothing",
        BelowThreshold::Actual => "with less it counts with the minutes present",
    };
    let at_least = match rules.threshold {
        Threshold::None => return format!("- A session {awards}; there is no threshold."),
        Threshold::Full => "all of it".to_owned(),
        Threshold::Share(share) => format!("at least {} of it", percent(share)),
        Threshold::Time { min_ms } => format!("at least {} of it", span(min_ms)),
    };
    format!(
        "- Whoever was there for {at_least} has met a session's threshold: it {awards}; {below}."
    )
}

fn credits(rules: &RuleSet) -> String {
    let of = match rules.scope {
        Scope::Programme => "all sessions together",
        Scope::Session => "each session by itself",
    };
    let rounded = match rules.rounding {
        Rounding::Down => "rounded down",
        Rounding::Nearest => "rounded to the nearest, ties up",
    };
    let unit = span(rules.credit_unit_ms);
    let mut text = format!(
        "- {unit} are one credit, in steps of {}, {rounded}, {of}",
        rules.step
    );
    if rules.first_award_min > Decimal::ZERO {
        text.push_str(&format!(
            "; what comes to less than {} is nothing",
            rules.first_award_min
        ));
    }
    text.push('.');
    text
}

fn grace(rules: &RuleSet) -> Option<String> {
    let seconds = |s: u32| span(i64::from(s) * SECOND_MS);
    let (late, early) = (rules.grace_in_s, rules.grace_out_s);
    let said = match (late, early) {
        (0, 0) => return None,
        (late, 0) => format!("up to {} late", seconds(late)),
        (0, early) => format!("up to {} early", seconds(early)),
        (late, early) if late == early => format!("up to {} late, or early", seconds(late)),
        (late, early) => format!(
            "up to {} late, up to {} early",
            seconds(late),
            seconds(early)
        ),
    };
    Some(format!(
        "- Whoever comes or goes a little off is forgiven: {said}."
    ))
}

fn missing_check_out(policy: MissingCheckOut) -> &'static str {
    match policy {
        MissingCheckOut::SessionEnd => {
            "- Without a check-out the stay lasts to the session's end, and says that this was inferred."
        }
        MissingCheckOut::LastSignal => {
            "- Without a check-out the stay lasts to the last scan in the room, and says that this was inferred."
        }
        MissingCheckOut::None => "- Without a check-out the stay counts nothing.",
        MissingCheckOut::Review => "- Without a check-out a person looks, where it matters.",
    }
}

fn missing_check_in(policy: MissingCheckIn) -> &'static str {
    match policy {
        MissingCheckIn::SessionStart => {
            "- Without a check-in the stay begins with the session, and says that this was inferred."
        }
        MissingCheckIn::FirstSignal => {
            "- Without a check-in the stay begins with the first scan in the room, and says that this was inferred."
        }
        MissingCheckIn::None => "- Without a check-in the stay counts nothing.",
        MissingCheckIn::Review => "- Without a check-in a person looks, where it matters.",
    }
}
