//! A jurisdiction's special rules over a body's rule set, as one text.
//!
//! Contract: the same two texts give the same bytes. What comes out is a rule set like any other, without the remarks of the
//! two: every key that the special rules state stands in place of the body's, tables as a whole; the names are joined, and
//! citations of both are kept, those of keys that were replaced left out.

use toml::{Table, Value};

use super::{FORMAT, KEYS, MAX_RULES_BYTES, Place, RulesError, read};
use crate::toml_text;

/// The name of the format of special rules.
pub const OVERRIDES_FORMAT: &str = "rollcall-overrides/1";

/// One rule set of a body's and a jurisdiction's special rules.
///
/// # Errors
/// Where one of the two, or what comes of them, is none.
pub fn merge(base: &str, overrides: &str) -> Result<String, RulesError> {
    if base.len() > MAX_RULES_BYTES || overrides.len() > MAX_RULES_BYTES {
        return Err(RulesError::TooLarge);
    }
    read(base)?;
    let mut merged: Table = toml_text::parse(base, "rule set")?;
    let mut special: Table = toml_text::parse(overrides, "special rules")?;
    let here = Place(overrides);
    match special.remove("format") {
        Some(Value::String(format)) if format == OVERRIDES_FORMAT => {}
        _ => {
            let message = format!("write {OVERRIDES_FORMAT:?}");
            return Err(here.wrong("format", message));
        }
    }
    let Some(Value::String(jurisdiction)) = special.remove("jurisdiction") else {
        return Err(here.wrong("jurisdiction", "say whose rules these are"));
    };
    if merged.contains_key("jurisdiction") {
        let message = "the rule set is one of a jurisdiction already";
        return Err(here.wrong("jurisdiction", message));
    }
    for key in special.keys() {
        if matches!(
            key.as_str(),
            "name" | "source" | "read_on" | "primary_source"
        ) {
            return Err(here.wrong(key, "is not said of special rules; cite with [[cites]]"));
        }
        if !KEYS.contains(&key.as_str()) {
            let nearest = toml_text::nearest(key, KEYS)
                .map(|nearest| format!("; did you mean `{nearest}`?"))
                .unwrap_or_default();
            return Err(here.wrong(key, format!("unknown key{nearest}")));
        }
    }
    // One of the two states the unit: the special rules' word takes the place of the other.
    for (said, other) in [
        ("minutes_per_credit", "seconds_per_credit"),
        ("seconds_per_credit", "minutes_per_credit"),
    ] {
        if special.contains_key(said) {
            merged.remove(other);
        }
    }
    let own = special.remove("cites");
    let replaced: Vec<String> = special.keys().cloned().collect();
    let mut cites = Vec::new();
    for cite in merged.remove("cites").into_iter().flat_map(list) {
        cites.extend(without(cite, &replaced));
    }
    cites.extend(own.into_iter().flat_map(list));
    merged.extend(special);
    if let Some(Value::String(name)) = merged.get_mut("name") {
        name.push_str(", ");
        name.push_str(&jurisdiction);
    }
    merged.insert("format".to_owned(), Value::String(FORMAT.to_owned()));
    merged.insert("jurisdiction".to_owned(), Value::String(jurisdiction));
    if !cites.is_empty() {
        merged.insert("cites".to_owned(), Value::Array(cites));
    }
    let text = merged.to_string();
    read(&text)?;
    Ok(text)
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

/// A citation without the keys that were replaced; none where nothing is left of it.
fn without(mut cite: Value, replaced: &[String]) -> Option<Value> {
    let keys = cite.get_mut("keys")?.as_array_mut()?;
    keys.retain(|key| !replaced.iter().any(|r| key.as_str() == Some(r)));
    (!keys.is_empty()).then_some(cite)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BASE: &str = r#"
        format = "rollcall-rules/1"
        name = "Body"
        minutes_per_credit = "50"
        step = "0.2"
        threshold = { share = "0.8" }
        [[cites]]
        keys = ["step", "minutes_per_credit"]
        source = "The body's rule 3"
    "#;
    const SPECIAL: &str = r#"
        format = "rollcall-overrides/1"
        jurisdiction = "Somewhere"
        step = "1"
        [[cites]]
        keys = ["step"]
        source = "Somewhere's rule 7"
        primary_source = false
    "#;

    #[test]
    fn special_rules_take_the_place_of_the_bodys() {
        let text = merge(BASE, SPECIAL).unwrap();
        assert_eq!(text, merge(BASE, SPECIAL).unwrap());
        let (pack, base) = (read(&text).unwrap(), read(BASE).unwrap());
        assert_eq!(pack.rules.name, "Body, Somewhere");
        assert_eq!(pack.jurisdiction.as_deref(), Some("Somewhere"));
        assert_eq!(pack.rules.step.to_string(), "1");
        assert_eq!(pack.rules.threshold, base.rules.threshold);
        assert_ne!(pack.rules.hash, base.rules.hash);
        let cited: Vec<(Vec<String>, bool)> = pack
            .cites
            .into_iter()
            .map(|cite| (cite.keys, cite.is_primary))
            .collect();
        let keys = |key: &str| vec![key.to_owned()];
        assert_eq!(
            cited,
            [(keys("minutes_per_credit"), true), (keys("step"), false)]
        );
    }

    #[test]
    fn what_cannot_be_merged_is_refused_by_key_and_line() {
        for (from, to, says) in [
            ("overrides/1", "rules/1", "line 2: key `format`"),
            ("jurisdiction =", "jurisdictions =", "key `jurisdiction`"),
            (
                "step = \"1\"",
                "stp = \"1\"",
                "line 4: key `stp`: unknown key; did you mean `step`?",
            ),
            (
                "step = \"1\"",
                "step = \"0\"",
                "key `step`: must be above zero",
            ),
            ("step = \"1\"", "name = \"x\"", "line 4: key `name`"),
        ] {
            let error = merge(BASE, &SPECIAL.replace(from, to))
                .unwrap_err()
                .to_string();
            assert!(error.contains(says), "{to}: {error}");
        }
        let twice = merge(&merge(BASE, SPECIAL).unwrap(), SPECIAL).unwrap_err();
        assert!(twice.to_string().contains("already"), "{twice}");
    }
}
