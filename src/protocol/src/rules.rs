//! Rule sets as text: TOML, read strictly, named by the SHA-256 of the bytes.
//!
//! Numbers that must be exact are written as text (`step = "0.5"`). A key that is missing takes the default stated here;
//! a key that is unknown, contradictory or out of range is refused by name and line. FORMAT.md, section 10, has every key.
//!
//! Jurisdictions differ from a body's rule set in a few keys. Such differences are a text of their own ([`OVERRIDES_FORMAT`]),
//! and [`merge`] makes one rule set of the two, which is hashed, adopted and kept like any other: nothing is looked up later.

mod merge;

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::Decimal;
use attendance::decimal::SCALE;
use attendance::rules::{
    ALL_SOURCES, BelowThreshold, Caps, CreditSource, Denial, FieldRounding, InElsewhere, MetAwards,
    MissingCheckIn, MissingCheckOut, Overlap, PlatformAlone, PollShort, Polls, RepeatedOut,
    Rounding, RuleSet, Scope, Speakers, Threshold, Windows,
};
use attendance::words::Source;
use serde::Deserialize;

use crate::text::{as_text, as_text_opt};
use crate::toml_text::{self, TomlError};
pub use merge::{OVERRIDES_FORMAT, merge};

/// The format's name, which every rule set states.
pub const FORMAT: &str = "rollcall-rules/1";
/// The most bytes of a rule set.
pub const MAX_RULES_BYTES: usize = 64 * 1024;
/// The most kinds of sessions, fields of study and citations that a rule set names, of each.
pub const MAX_NAMED: usize = 64;
/// The most bytes of a kind's or field's name.
pub const MAX_NAME_BYTES: usize = 64;

/// Every key that stands at the top of a rule set.
pub const KEYS: [&str; 38] = [
    "format",
    "name",
    "source",
    "read_on",
    "primary_source",
    "cites",
    "minutes_per_credit",
    "seconds_per_credit",
    "threshold",
    "grace_in_s",
    "grace_out_s",
    "step",
    "rounding",
    "scope",
    "first_award_min",
    "met_awards",
    "below_threshold",
    "windows",
    "missing_check_out",
    "missing_check_in",
    "repeated_out",
    "in_elsewhere",
    "sources",
    "heartbeat_max_gap_s",
    "excluded_kinds",
    "overlap",
    "credit_source",
    "floor_credits",
    "short_segment_under_min",
    "field_rounding",
    "caps",
    "polls_per_credit",
    "poll_min_share",
    "poll_short",
    "platform_alone",
    "denial",
    "speakers",
    "jurisdiction",
];

/// Why a text is no rule set.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// More than [`MAX_RULES_BYTES`].
    #[error("the rule set has more than {MAX_RULES_BYTES} bytes")]
    TooLarge,
    /// The text does not parse, or a key is unknown.
    #[error(transparent)]
    Text(#[from] TomlError),
    /// A value is out of range, or keys contradict each other.
    #[error("{}key `{key}`: {message}", at_line(*.line))]
    Value {
        /// The key.
        key: String,
        /// The line that states it, from 1; 0 where none does.
        line: usize,
        /// What is wrong and what would be right.
        message: String,
    },
}

fn at_line(line: usize) -> String {
    match line {
        0 => String::new(),
        line => format!("line {line}: "),
    }
}

/// Where some of a rule set's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cite {
    /// The keys; all that no other citation names, where it is the text's own.
    pub keys: Vec<String>,
    /// The text of the body, for people.
    pub source: String,
    /// When it was read, as the pack states it.
    pub read_on: Option<String>,
    /// Whether the body's own text was seen. Else it is what others say of it.
    pub is_primary: bool,
}

/// A rule set with what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// The rules.
    pub rules: RuleSet,
    /// Where they come from; first what is said of the whole, if anything is.
    pub cites: Vec<Cite>,
    /// Whose special rules were merged into it, where that is so.
    pub jurisdiction: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: String,
    name: String,
    source: Option<String>,
    read_on: Option<String>,
    primary_source: Option<bool>,
    jurisdiction: Option<String>,
    #[serde(default)]
    cites: Vec<CiteText>,
    #[serde(default, with = "as_text_opt")]
    minutes_per_credit: Option<Decimal>,
    #[serde(default, with = "as_text_opt")]
    seconds_per_credit: Option<Decimal>,
    #[serde(default)]
    threshold: ThresholdText,
    #[serde(default)]
    grace_in_s: u32,
    #[serde(default)]
    grace_out_s: u32,
    #[serde(with = "as_text")]
    step: Decimal,
    #[serde(default, with = "as_text_opt")]
    rounding: Option<Rounding>,
    #[serde(default, with = "as_text_opt")]
    scope: Option<Scope>,
    #[serde(default, with = "as_text")]
    first_award_min: Decimal,
    #[serde(default, with = "as_text_opt")]
    met_awards: Option<MetAwards>,
    #[serde(default, with = "as_text_opt")]
    below_threshold: Option<BelowThreshold>,
    #[serde(default, with = "as_text_opt")]
    windows: Option<Windows>,
    #[serde(default, with = "as_text_opt")]
    missing_check_out: Option<MissingCheckOut>,
    #[serde(default, with = "as_text_opt")]
    missing_check_in: Option<MissingCheckIn>,
    #[serde(default, with = "as_text_opt")]
    repeated_out: Option<RepeatedOut>,
    #[serde(default, with = "as_text_opt")]
    in_elsewhere: Option<InElsewhere>,
    sources: Option<Vec<String>>,
    #[serde(default)]
    heartbeat_max_gap_s: u32,
    #[serde(default)]
    excluded_kinds: Vec<String>,
    #[serde(default, with = "as_text_opt")]
    overlap: Option<Overlap>,
    #[serde(default, with = "as_text_opt")]
    credit_source: Option<CreditSource>,
    #[serde(default)]
    floor_credits: BTreeMap<String, String>,
    #[serde(default, with = "as_text_opt")]
    short_segment_under_min: Option<Decimal>,
    #[serde(default, with = "as_text_opt")]
    field_rounding: Option<FieldRounding>,
    #[serde(default)]
    caps: CapsText,
    #[serde(default, with = "as_text_opt")]
    polls_per_credit: Option<Decimal>,
    #[serde(default, with = "as_text_opt")]
    poll_min_share: Option<Decimal>,
    #[serde(default, with = "as_text_opt")]
    poll_short: Option<PollShort>,
    #[serde(default, with = "as_text_opt")]
    platform_alone: Option<PlatformAlone>,
    #[serde(default, with = "as_text_opt")]
    denial: Option<Denial>,
    speakers: Option<SpeakersText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CiteText {
    keys: Vec<String>,
    source: String,
    read_on: Option<String>,
    primary_source: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThresholdText {
    #[serde(default, with = "as_text_opt")]
    share: Option<Decimal>,
    #[serde(default, with = "as_text_opt")]
    minutes: Option<Decimal>,
    #[serde(default)]
    full: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CapsText {
    #[serde(default)]
    fields: BTreeMap<String, String>,
    #[serde(default, with = "as_text_opt")]
    day: Option<Decimal>,
    #[serde(default, with = "as_text_opt")]
    programme: Option<Decimal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpeakersText {
    #[serde(with = "as_text")]
    factor: Decimal,
    #[serde(default)]
    presence: SpeakersPresence,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SpeakersPresence {
    #[default]
    Needed,
    NotNeeded,
}

/// Reads a rule set. Its hash is that of the text's bytes.
///
/// # Errors
/// See [`RulesError`]: the key, the line and the nearest known key are named.
pub fn parse(text: &str) -> Result<RuleSet, RulesError> {
    read(text).map(|pack| pack.rules)
}

/// Reads a rule set with what it says of itself.
///
/// # Errors
/// As [`parse`].
pub fn read(text: &str) -> Result<Pack, RulesError> {
    if text.len() > MAX_RULES_BYTES {
        return Err(RulesError::TooLarge);
    }
    let mut said: Text = toml_text::parse(text, "rule set")?;
    let here = Place(text);
    if said.format != FORMAT {
        let message = format!("{:?} is not known here; write {FORMAT:?}", said.format);
        return Err(here.wrong("format", message));
    }
    if said.name.is_empty() || said.name.len() > 100 {
        return Err(here.wrong("name", "write 1 to 100 bytes"));
    }
    let credit_unit_ms = credit_unit_ms(here, &said)?;
    if said.step <= Decimal::ZERO {
        return Err(here.wrong("step", "must be above zero"));
    }
    if said.first_award_min < Decimal::ZERO {
        return Err(here.wrong("first_award_min", "must not be below zero"));
    }
    contradictions(here, &said)?;
    let sources = sources(here, said.sources.as_deref())?;
    let polls = polls(here, &said, &sources)?;
    let floor_credits = credits_by_name(here, "floor_credits", &said.floor_credits)?;
    let excluded_kinds = kinds(here, &said.excluded_kinds, &floor_credits)?;
    let cites = cites(here, &mut said)?;
    let plain = RuleSet::plain(
        evidence::sha256(text.as_bytes()).to_hex(),
        said.name,
        credit_unit_ms,
        said.step,
    );
    let rules = RuleSet {
        threshold: threshold(here, &said.threshold)?,
        grace_in_s: said.grace_in_s,
        grace_out_s: said.grace_out_s,
        rounding: said.rounding.unwrap_or(plain.rounding),
        scope: said.scope.unwrap_or(plain.scope),
        first_award_min: said.first_award_min,
        met_awards: said.met_awards.unwrap_or(plain.met_awards),
        below_threshold: said.below_threshold.unwrap_or(plain.below_threshold),
        windows: said.windows.unwrap_or(plain.windows),
        missing_check_out: said.missing_check_out.unwrap_or(plain.missing_check_out),
        missing_check_in: said.missing_check_in.unwrap_or(plain.missing_check_in),
        repeated_out: said.repeated_out.unwrap_or(plain.repeated_out),
        in_elsewhere: said.in_elsewhere.unwrap_or(plain.in_elsewhere),
        sources,
        heartbeat_max_gap_s: said.heartbeat_max_gap_s,
        excluded_kinds,
        overlap: said.overlap.unwrap_or(plain.overlap),
        credit_source: said.credit_source.unwrap_or(plain.credit_source),
        floor_credits,
        short_segment_under_ms: short_segment(here, said.short_segment_under_min)?,
        field_rounding: said.field_rounding.unwrap_or(plain.field_rounding),
        caps: caps(here, &said.caps)?,
        polls,
        platform_alone: said.platform_alone.unwrap_or(plain.platform_alone),
        denial: said.denial.unwrap_or(plain.denial),
        speakers: speakers(here, said.speakers.as_ref())?,
        ..plain
    };
    Ok(Pack {
        rules,
        cites,
        jurisdiction: said.jurisdiction,
    })
}

/// The text that is read, to say where in it something is wrong.
#[derive(Clone, Copy)]
struct Place<'a>(&'a str);

impl Place<'_> {
    fn wrong(self, key: &str, message: impl Into<String>) -> RulesError {
        RulesError::Value {
            key: key.to_owned(),
            line: toml_text::line_of(self.0, key).unwrap_or(0),
            message: message.into(),
        }
    }
}

fn credit_unit_ms(here: Place<'_>, said: &Text) -> Result<i64, RulesError> {
    let (key, unit, ms_each) = match (said.minutes_per_credit, said.seconds_per_credit) {
        (Some(minutes), None) => ("minutes_per_credit", minutes, 60_000),
        (None, Some(seconds)) => ("seconds_per_credit", seconds, 1_000),
        _ => {
            return Err(here.wrong(
                "minutes_per_credit",
                "write either this or `seconds_per_credit`, and only one",
            ));
        }
    };
    let ms = whole_ms(unit, ms_each).filter(|ms| *ms > 0);
    ms.ok_or_else(|| here.wrong(key, "must be above zero and come to whole milliseconds"))
}

/// Keys that cannot hold together.
fn contradictions(here: Place<'_>, said: &Text) -> Result<(), RulesError> {
    if said.credit_source == Some(CreditSource::Value) {
        if said.met_awards.is_some() {
            let message = "has no meaning with `credit_source = \"value\"`, which awards the stated value; leave it out";
            return Err(here.wrong("met_awards", message));
        }
        if said.below_threshold == Some(BelowThreshold::Actual) {
            let message = "cannot be `actual` with `credit_source = \"value\"`: a stated value is earned whole or not at all";
            return Err(here.wrong("below_threshold", message));
        }
    }
    if said.short_segment_under_min.is_some() && said.scope != Some(Scope::Session) {
        let message = "needs `scope = \"session\"`: with `programme` all sessions are one unit";
        return Err(here.wrong("short_segment_under_min", message));
    }
    Ok(())
}

fn threshold(here: Place<'_>, text: &ThresholdText) -> Result<Threshold, RulesError> {
    match (text.share, text.minutes, text.full) {
        (None, None, false) => Ok(Threshold::None),
        (None, None, true) => Ok(Threshold::Full),
        (Some(share), None, false) if Decimal::ZERO < share && share <= Decimal::ONE => {
            Ok(Threshold::Share(share))
        }
        (Some(_), None, false) => {
            Err(here.wrong("threshold.share", "must be above 0 and at most 1"))
        }
        (None, Some(minutes), false) => whole_ms(minutes, 60_000)
            .filter(|ms| *ms > 0)
            .map(|min_ms| Threshold::Time { min_ms })
            .ok_or_else(|| {
                here.wrong(
                    "threshold.minutes",
                    "must be above zero and come to whole milliseconds",
                )
            }),
        _ => Err(here.wrong(
            "threshold",
            "write one of `share`, `minutes` and `full`, and only one",
        )),
    }
}

fn short_segment(here: Place<'_>, minutes: Option<Decimal>) -> Result<i64, RulesError> {
    let Some(minutes) = minutes else {
        return Ok(0);
    };
    let ms = whole_ms(minutes, 60_000).filter(|ms| *ms > 0);
    ms.ok_or_else(|| {
        let message = "must be above zero and come to whole milliseconds";
        here.wrong("short_segment_under_min", message)
    })
}

fn sources(here: Place<'_>, words: Option<&[String]>) -> Result<Vec<Source>, RulesError> {
    let Some(words) = words else {
        return Ok(ALL_SOURCES.to_vec());
    };
    let known = ALL_SOURCES.map(Source::as_str);
    let mut found = Vec::new();
    for word in words {
        let source = ALL_SOURCES.into_iter().find(|s| s.as_str() == word);
        let Some(source) = source else {
            let nearest = toml_text::nearest(word, known)
                .map(|nearest| format!("; did you mean `{nearest}`?"))
                .unwrap_or_default();
            let message = format!("it is a list of {}{nearest}", known.join(", "));
            return Err(here.wrong("sources", message));
        };
        if found.contains(&source) {
            return Err(here.wrong("sources", format!("names `{source}` twice")));
        }
        found.push(source);
    }
    if found.is_empty() {
        let message = "names none, so nobody could earn anything";
        return Err(here.wrong("sources", message));
    }
    found.sort_unstable();
    Ok(found)
}

fn polls(here: Place<'_>, said: &Text, sources: &[Source]) -> Result<Polls, RulesError> {
    let per_credit = said.polls_per_credit.unwrap_or_default();
    let min_share = said.poll_min_share.unwrap_or_default();
    for (key, value) in [
        ("polls_per_credit", said.polls_per_credit),
        ("poll_min_share", said.poll_min_share),
    ] {
        if value.is_some_and(|value| value <= Decimal::ZERO) {
            return Err(here.wrong(key, "must be above zero; leave it out to ask for none"));
        }
        if value.is_some() && !sources.contains(&Source::Platform) {
            let message = "polls are asked of those whom a platform shows, and `sources` leaves out `platform`";
            return Err(here.wrong(key, message));
        }
    }
    if min_share > Decimal::ONE {
        return Err(here.wrong("poll_min_share", "must be above 0 and at most 1"));
    }
    if said.poll_short.is_some() && per_credit.is_zero() && min_share.is_zero() {
        let message = "needs `polls_per_credit` or `poll_min_share`: no polls are asked for";
        return Err(here.wrong("poll_short", message));
    }
    if said.platform_alone.is_some() && !sources.contains(&Source::Platform) {
        let message = "says what a platform shows, and `sources` leaves out `platform`";
        return Err(here.wrong("platform_alone", message));
    }
    Ok(Polls {
        per_credit,
        min_share,
        short: said.poll_short.unwrap_or(PollShort::None),
    })
}

fn named(here: Place<'_>, key: &str, name: &str) -> Result<Arc<str>, RulesError> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        let message = format!("names are of 1 to {MAX_NAME_BYTES} bytes");
        return Err(here.wrong(key, message));
    }
    Ok(name.into())
}

fn kinds(
    here: Place<'_>,
    said: &[String],
    floors: &BTreeMap<Arc<str>, Decimal>,
) -> Result<Vec<Arc<str>>, RulesError> {
    let key = "excluded_kinds";
    if said.len() > MAX_NAMED {
        return Err(here.wrong(key, format!("names more than {MAX_NAMED}")));
    }
    let mut found = Vec::with_capacity(said.len());
    for kind in said {
        let kind = named(here, key, kind)?;
        if floors.contains_key(&kind) {
            let message = format!("`{kind}` is excluded here, and has a floor of credits");
            return Err(here.wrong("floor_credits", message));
        }
        found.push(kind);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn credits_by_name(
    here: Place<'_>,
    key: &str,
    said: &BTreeMap<String, String>,
) -> Result<BTreeMap<Arc<str>, Decimal>, RulesError> {
    if said.len() > MAX_NAMED {
        return Err(here.wrong(key, format!("names more than {MAX_NAMED}")));
    }
    let mut found = BTreeMap::new();
    for (name, credits) in said {
        let credits: Decimal = credits
            .parse()
            .map_err(|e: attendance::decimal::BadDecimal| {
                here.wrong(&format!("{key}.{name}"), e.to_string())
            })?;
        if credits <= Decimal::ZERO {
            return Err(here.wrong(&format!("{key}.{name}"), "must be above zero"));
        }
        found.insert(named(here, key, name)?, credits);
    }
    Ok(found)
}

fn caps(here: Place<'_>, said: &CapsText) -> Result<Caps, RulesError> {
    for (key, cap) in [("caps.day", said.day), ("caps.programme", said.programme)] {
        if cap.is_some_and(|cap| cap <= Decimal::ZERO) {
            return Err(here.wrong(key, "must be above zero"));
        }
    }
    Ok(Caps {
        fields: credits_by_name(here, "caps.fields", &said.fields)?,
        day: said.day,
        programme: said.programme,
    })
}

fn speakers(here: Place<'_>, said: Option<&SpeakersText>) -> Result<Option<Speakers>, RulesError> {
    let Some(said) = said else { return Ok(None) };
    if said.factor <= Decimal::ZERO {
        return Err(here.wrong("speakers.factor", "must be above zero"));
    }
    Ok(Some(Speakers {
        factor: said.factor,
        needs_presence: matches!(said.presence, SpeakersPresence::Needed),
    }))
}

fn cites(here: Place<'_>, said: &mut Text) -> Result<Vec<Cite>, RulesError> {
    if said.cites.len() > MAX_NAMED {
        return Err(here.wrong("cites", format!("names more than {MAX_NAMED}")));
    }
    let mut found = Vec::new();
    if let Some(source) = said.source.take() {
        found.push(Cite {
            keys: Vec::new(),
            source,
            read_on: said.read_on.take(),
            is_primary: said.primary_source.unwrap_or(true),
        });
    } else if said.primary_source.is_some() {
        return Err(here.wrong("primary_source", "says of which `source`?"));
    }
    for cite in said.cites.drain(..) {
        for key in &cite.keys {
            if !KEYS.contains(&key.as_str()) {
                let nearest = toml_text::nearest(key, KEYS)
                    .map(|nearest| format!("; did you mean `{nearest}`?"))
                    .unwrap_or_default();
                let message = format!("`{key}` is no key of a rule set{nearest}");
                return Err(here.wrong("cites.keys", message));
            }
        }
        found.push(Cite {
            keys: cite.keys,
            source: cite.source,
            read_on: cite.read_on,
            is_primary: cite.primary_source.unwrap_or(true),
        });
    }
    Ok(found)
}

fn whole_ms(value: Decimal, ms_each: i64) -> Option<i64> {
    let scaled = i128::from(value.millionths()) * i128::from(ms_each);
    let scale = i128::from(SCALE);
    (scaled % scale == 0)
        .then(|| i64::try_from(scaled / scale).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GOOD: &str = r#"
        format = "rollcall-rules/1"
        name = "demo"
        seconds_per_credit = "5"
        step = "0.5"
        threshold = { share = "0.8" }
        missing_check_out = "session_end"
    "#;

    #[test]
    fn reads_and_names_by_hash() {
        let rules = parse(GOOD).unwrap();
        assert_eq!(rules.credit_unit_ms, 5_000);
        assert_eq!(rules.missing_check_in, MissingCheckIn::Review);
        assert_eq!(rules.hash, evidence::sha256(GOOD.as_bytes()).to_hex());
    }

    #[test]
    fn the_shipped_sample_is_a_rule_set() {
        let sample = include_str!("../../../config/rules/fifty-minutes.toml");
        assert_eq!(parse(sample).unwrap().credit_unit_ms, 3_000_000);
    }

    #[test]
    fn refusals_name_the_key() {
        for (from, to, names) in [
            (
                "seconds_per_credit",
                "second_per_credit",
                "seconds_per_credit",
            ),
            ("\"5\"", "\"0.0001\"", "seconds_per_credit"),
            ("step = \"0.5\"", "step = \"0\"", "step"),
            ("\"0.8\"", "\"1.01\"", "threshold.share"),
            (
                "share = \"0.8\"",
                "share = \"0.8\", full = true",
                "threshold",
            ),
            ("\"session_end\"", "\"session_ends\"", "session_end"),
            ("rules/1", "rules/2", "format"),
            ("step = \"0.5\"", "step = 0.5", "step"),
        ] {
            let error = parse(&GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(names), "{to}: {error}");
        }
    }
}
