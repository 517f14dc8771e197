//! A rule set in words: its values by key, and what it does in sentences.

use attendance::Decimal;
use attendance::rules::{
    BelowThreshold, CreditSource, Denial, FieldRounding, InElsewhere, MetAwards, MissingCheckIn,
    MissingCheckOut, Overlap, PlatformAlone, PollShort, RepeatedOut, Rounding, RuleSet, Scope,
    Threshold, Windows,
};
use protocol::rules::Cite;

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
        ("sources", listed(rules.sources.iter())),
        ("heartbeat_max_gap_s", seconds(rules.heartbeat_max_gap_s)),
        ("excluded_kinds", listed(rules.excluded_kinds.iter())),
        ("overlap", rules.overlap.to_string()),
        ("credit_source", rules.credit_source.to_string()),
        ("floor_credits", named(rules.floor_credits.iter())),
        (
            "short_segment_under_min",
            match rules.short_segment_under_ms {
                0 => NOTHING.to_owned(),
                ms => span(ms),
            },
        ),
        ("field_rounding", rules.field_rounding.to_string()),
        ("caps.fields", named(rules.caps.fields.iter())),
        ("caps.day", or_nothing(rules.caps.day)),
        ("caps.programme", or_nothing(rules.caps.programme)),
        ("polls_per_credit", rules.polls.per_credit.to_string()),
        ("poll_min_share", percent(rules.polls.min_share)),
        ("poll_short", rules.polls.short.to_string()),
        ("platform_alone", rules.platform_alone.to_string()),
        ("denial", rules.denial.to_string()),
        (
            "speakers",
            rules.speakers.map_or(NOTHING.to_owned(), |speakers| {
                let presence = if speakers.needs_presence {
                    "needed"
                } else {
                    "not_needed"
                };
                format!("factor {}, presence {presence}", speakers.factor)
            }),
        ),
    ]
}

/// What stands where a key has no value.
const NOTHING: &str = "none";

fn listed(words: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let words: Vec<String> = words.map(|word| word.to_string()).collect();
    match words.as_slice() {
        [] => NOTHING.to_owned(),
        words => words.join(", "),
    }
}

fn named<'a>(credits: impl Iterator<Item = (&'a std::sync::Arc<str>, &'a Decimal)>) -> String {
    listed(credits.map(|(name, credits)| format!("{name} {credits}")))
}

fn or_nothing(credits: Option<Decimal>) -> String {
    credits.map_or(NOTHING.to_owned(), |credits| credits.to_string())
}

/// Where some of its keys come from, and whether the body's own text was seen.
pub(super) fn cited(cite: &Cite) -> String {
    let of = match cite.keys.as_slice() {
        [] => "all keys".to_owned(),
        keys => keys.join(", "),
    };
    let read_on = cite.read_on.as_deref();
    let read_on = read_on.map_or(String::new(), |day| format!(", read {day}"));
    let seen = if cite.is_primary {
        ""
    } else {
        "; no primary source was seen"
    };
    format!("- Source of {of}: {}{read_on}{seen}.", cite.source)
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
    said.extend(evidence(rules));
    said.extend(sessions(rules));
    said.extend(beyond(rules));
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

/// What is believed, and of whom.
fn evidence(rules: &RuleSet) -> Vec<String> {
    let mut said = vec![format!(
        "- What counts as seen: {}. Claims and lists of names are kept, and count for nothing.",
        listed(rules.sources.iter())
    )];
    if rules.heartbeat_max_gap_s > 0 {
        said.push(format!(
            "- Signs of life of one device at most {} apart are presence between them.",
            span(i64::from(rules.heartbeat_max_gap_s) * SECOND_MS)
        ));
    }
    let polls = rules.polls;
    let mut asked = Vec::new();
    if polls.per_credit > Decimal::ZERO {
        asked.push(format!("{} for each credit", polls.per_credit));
    }
    if polls.min_share > Decimal::ZERO {
        asked.push(format!("{} of those offered", percent(polls.min_share)));
    }
    if !asked.is_empty() {
        let short = match polls.short {
            PollShort::None => "earns nothing for them",
            PollShort::Review => "is for a person to look at",
            PollShort::Reduce => "earns what the answers are enough for",
        };
        said.push(format!(
            "- Of sessions that a platform alone shows, polls are to be answered: {}. Whoever answers fewer {short}.",
            asked.join(", and ")
        ));
    }
    match rules.platform_alone {
        PlatformAlone::Counts => {}
        PlatformAlone::None => said
            .push("- A platform's report without a single poll answered earns nothing.".to_owned()),
        PlatformAlone::Review => said.push(
            "- A platform's report without a single poll answered is for a person to look at."
                .to_owned(),
        ),
    }
    said.push(
        match rules.denial {
            Denial::Overrides => {
                "- A person's confirmation gives a session whole; a denial outweighs whatever was seen."
            }
            Denial::Review => {
                "- A person's confirmation gives a session whole; a denial against what was seen is for another to look at."
            }
        }
        .to_owned(),
    );
    said
}

/// What of sessions counts, and what for.
fn sessions(rules: &RuleSet) -> Vec<String> {
    let mut said = Vec::new();
    if !rules.excluded_kinds.is_empty() {
        said.push(format!(
            "- Items of these kinds earn nothing, and take their time off the sessions of their room: {}.",
            listed(rules.excluded_kinds.iter())
        ));
    }
    if rules.overlap == Overlap::CountOnce {
        said.push(
            "- Time in sessions that overlap counts once, for the one that starts first."
                .to_owned(),
        );
    }
    if rules.credit_source == CreditSource::Value {
        said.push(
            "- A session that states a value earns that value, once its threshold is met."
                .to_owned(),
        );
    }
    if !rules.floor_credits.is_empty() {
        said.push(format!(
            "- Whoever was there at all has at least, by kind of session: {}.",
            named(rules.floor_credits.iter())
        ));
    }
    if rules.short_segment_under_ms > 0 {
        said.push(format!(
            "- Sessions shorter than {} are added up before they are rounded.",
            span(rules.short_segment_under_ms)
        ));
    }
    said
}

/// What becomes of credits, and of those who speak.
fn beyond(rules: &RuleSet) -> Vec<String> {
    let mut said = vec![
        match rules.field_rounding {
            FieldRounding::LargestRemainder => {
                "- Fields of study share the rounded credits, in steps, by largest remainder."
            }
            FieldRounding::PerField => "- Each field of study is rounded by itself.",
        }
        .to_owned(),
    ];
    let caps = &rules.caps;
    let fields = caps.fields.iter();
    let mut most: Vec<String> = fields
        .map(|(field, cap)| format!("{cap} in {field}"))
        .collect();
    most.extend(caps.day.map(|cap| format!("{cap} a day")));
    most.extend(caps.programme.map(|cap| format!("{cap} altogether")));
    if !most.is_empty() {
        said.push(format!("- No more is awarded than {}.", most.join(", ")));
    }
    if let Some(speakers) = rules.speakers {
        let presence = if speakers.needs_presence {
            "if they were seen there"
        } else {
            "seen there or not"
        };
        said.push(format!(
            "- Speakers earn at least {} times the session's credit, {presence}.",
            speakers.factor
        ));
    }
    said
}
