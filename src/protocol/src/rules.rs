//! Rule sets as text: TOML, read strictly, named by the SHA-256 of the bytes.
//!
//! Numbers that must be exact are written as text (`step = "0.5"`). A key that is missing takes the default stated here;
//! a key that is unknown, contradictory or out of range is refused by name.

use attendance::Decimal;
use attendance::decimal::SCALE;
use attendance::rules::{
    BelowThreshold, InElsewhere, MetAwards, MissingCheckIn, MissingCheckOut, RepeatedOut, Rounding,
    RuleSet, Scope, Threshold, Windows,
};
use serde::Deserialize;

use crate::text::{as_text, as_text_opt};
use crate::toml_text::{self, TomlError};

/// The format's name, which every rule set states.
pub const FORMAT: &str = "rollcall-rules/1";
/// The most bytes of a rule set.
pub const MAX_RULES_BYTES: usize = 64 * 1024;

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
    #[error("key `{key}`: {message}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong and what would be right.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: String,
    name: String,
    #[serde(default)]
    #[allow(dead_code)]
    source: Option<String>,
    #[serde(default)]
    #[allow(dead_code)]
    read_on: Option<String>,
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
    #[serde(default = "down", with = "as_text")]
    rounding: Rounding,
    #[serde(default = "programme", with = "as_text")]
    scope: Scope,
    #[serde(default, with = "as_text")]
    first_award_min: Decimal,
    #[serde(default = "actual", with = "as_text")]
    met_awards: MetAwards,
    #[serde(default = "nothing", with = "as_text")]
    below_threshold: BelowThreshold,
    #[serde(default = "scheduled", with = "as_text")]
    windows: Windows,
    #[serde(default = "out_to_review", with = "as_text")]
    missing_check_out: MissingCheckOut,
    #[serde(default = "in_to_review", with = "as_text")]
    missing_check_in: MissingCheckIn,
    #[serde(default = "first", with = "as_text")]
    repeated_out: RepeatedOut,
    #[serde(default = "closes", with = "as_text")]
    in_elsewhere: InElsewhere,
}

fn down() -> Rounding {
    Rounding::Down
}
fn programme() -> Scope {
    Scope::Programme
}
fn actual() -> MetAwards {
    MetAwards::Actual
}
fn nothing() -> BelowThreshold {
    BelowThreshold::None
}
fn scheduled() -> Windows {
    Windows::Scheduled
}
fn out_to_review() -> MissingCheckOut {
    MissingCheckOut::Review
}
fn in_to_review() -> MissingCheckIn {
    MissingCheckIn::Review
}
fn first() -> RepeatedOut {
    RepeatedOut::First
}
fn closes() -> InElsewhere {
    InElsewhere::ClosesPrevious
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

/// Reads a rule set. Its hash is that of the text's bytes.
///
/// # Errors
/// See [`RulesError`]: the key, the line and the nearest known key are named.
pub fn parse(text: &str) -> Result<RuleSet, RulesError> {
    if text.len() > MAX_RULES_BYTES {
        return Err(RulesError::TooLarge);
    }
    let read: Text = toml_text::parse(text, "rule set")?;
    let wrong = |key, message: &str| RulesError::Value {
        key,
        message: message.to_owned(),
    };
    if read.format != FORMAT {
        return Err(wrong(
            "format",
            &format!("{:?} is not known here; write {FORMAT:?}", read.format),
        ));
    }
    if read.name.is_empty() || read.name.len() > 100 {
        return Err(wrong("name", "write 1 to 100 bytes"));
    }
    let (key, unit, ms_each) = match (read.minutes_per_credit, read.seconds_per_credit) {
        (Some(minutes), None) => ("minutes_per_credit", minutes, 60_000),
        (None, Some(seconds)) => ("seconds_per_credit", seconds, 1_000),
        _ => {
            return Err(wrong(
                "minutes_per_credit",
                "write either this or `seconds_per_credit`, and only one",
            ));
        }
    };
    let credit_unit_ms = whole_ms(unit, ms_each).filter(|ms| *ms > 0);
    let credit_unit_ms = credit_unit_ms
        .ok_or_else(|| wrong(key, "must be above zero and come to whole milliseconds"))?;
    if read.step <= Decimal::ZERO {
        return Err(wrong("step", "must be above zero"));
    }
    if read.first_award_min < Decimal::ZERO {
        return Err(wrong("first_award_min", "must not be below zero"));
    }
    Ok(RuleSet {
        hash: evidence::sha256(text.as_bytes()).to_hex(),
        name: read.name,
        credit_unit_ms,
        threshold: threshold(&read.threshold)?,
        grace_in_s: read.grace_in_s,
        grace_out_s: read.grace_out_s,
        step: read.step,
        rounding: read.rounding,
        scope: read.scope,
        first_award_min: read.first_award_min,
        met_awards: read.met_awards,
        below_threshold: read.below_threshold,
        windows: read.windows,
        missing_check_out: read.missing_check_out,
        missing_check_in: read.missing_check_in,
        repeated_out: read.repeated_out,
        in_elsewhere: read.in_elsewhere,
    })
}

fn threshold(text: &ThresholdText) -> Result<Threshold, RulesError> {
    let wrong = |key, message: &str| RulesError::Value {
        key,
        message: message.to_owned(),
    };
    match (text.share, text.minutes, text.full) {
        (None, None, false) => Ok(Threshold::None),
        (None, None, true) => Ok(Threshold::Full),
        (Some(share), None, false) if Decimal::ZERO < share && share <= Decimal::ONE => {
            Ok(Threshold::Share(share))
        }
        (Some(_), None, false) => Err(wrong("threshold.share", "must be above 0 and at most 1")),
        (None, Some(minutes), false) => whole_ms(minutes, 60_000)
            .filter(|ms| *ms > 0)
            .map(|min_ms| Threshold::Time { min_ms })
            .ok_or_else(|| {
                wrong(
                    "threshold.minutes",
                    "must be above zero and come to whole milliseconds",
                )
            }),
        _ => Err(wrong(
            "threshold",
            "write one of `share`, `minutes` and `full`, and only one",
        )),
    }
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
