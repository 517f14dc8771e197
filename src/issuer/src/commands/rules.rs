//! `rules check`, `rules adopt`.

use std::io::Read as _;
use std::path::Path;

use attendance::rules::Threshold;
use protocol::rules::MAX_RULES_BYTES;

use super::arguments::Rules;
use super::output::{Ended, Exit, Failure, say};
use super::premises::Premises;
use crate::imports::agenda::adopt_rules;

pub(super) fn run(here: &Premises, what: Rules) -> Ended {
    match what {
        Rules::Check { file } => check(&file),
        Rules::Adopt {
            event,
            programme,
            file,
        } => {
            here.event(&event)?;
            let text = read(&file)?;
            let malformed = |e| Failure::malformed(format!("{}: {e}", file.display()));
            protocol::rules::parse(&text).map_err(malformed)?;
            let adopted = adopt_rules(here.desk(), &event, &programme, &text)?;
            let hash = adopted.hash.to_hex();
            match &adopted.before {
                Some(before) if *before == hash => {
                    say(format!(
                        "\"{}\" is in force for {programme} already; nothing was changed.",
                        adopted.name
                    ))?;
                    return Ok(Exit::Done);
                }
                Some(before) => say(format!(
                    "It takes the place of the rule set {before}; everybody is decided again."
                ))?,
                None => {}
            }
            say(format!(
                "\"{}\" ({hash}) is in force for {programme}.",
                adopted.name
            ))?;
            say(here.next(&format!(
                "door add --event {event} --door ID --title TITLE --room ROOM"
            )))?;
            Ok(Exit::Done)
        }
    }
}

/// Reads a rule set and says what it says.
pub(super) fn check(file: &Path) -> Ended {
    let text = read(file)?;
    let rules = protocol::rules::parse(&text)
        .map_err(|e| Failure::malformed(format!("{}: {e}", file.display())))?;
    let threshold = match rules.threshold {
        Threshold::None => "none".to_owned(),
        Threshold::Full => "all of each session".to_owned(),
        Threshold::Share(share) => format!("{share} of each session"),
        Threshold::Time { min_ms } => format!("{} s of each session", min_ms / 1_000),
    };
    say(format!("name        {}", rules.name))?;
    say(format!("hash        {}", rules.hash))?;
    say(format!("one credit  {} s", rules.credit_unit_ms / 1_000))?;
    say(format!("threshold   {threshold}"))?;
    say(format!(
        "steps of    {}, rounded {}, {}",
        rules.step, rules.rounding, rules.scope
    ))?;
    say(format!("{} is a rule set.", file.display()))?;
    Ok(Exit::Done)
}

fn read(file: &Path) -> Result<String, Failure> {
    let bound = u64::try_from(MAX_RULES_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(bound).read_to_end(&mut bytes))
        .map_err(|cause| Failure::failed(format!("{}: {cause}; check the path", file.display())))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::malformed(format!("{}: is not UTF-8 text", file.display())))
}
