//! `rules check`, `rules explain`, `rules diff`, `rules merge`, `rules decide`, `rules simulate`, `rules adopt`.

mod words;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read as _, stdin};
use std::path::{Path, PathBuf};

use attendance::Decision;
use attendance::rules::RuleSet;
use attendance::words::{EventId, ProgrammeId};
use protocol::rules::{MAX_RULES_BYTES, Pack};
use serde::Serialize;

use super::arguments::Rules;
use super::output::{Ended, Exit, Failure, counted, hint, say, table};
use super::premises::{Premises, now};
use crate::certificates::issue::{IssueError, open_person};
use crate::decisions::simulate::Change;
use crate::imports::agenda::adopt_rules;
use crate::rule_cases::{self, CaseError, MAX_LINE_BYTES};

/// What needs no database. Nothing where one is needed.
pub(super) fn without_database(what: &Rules) -> Result<Option<Exit>, Failure> {
    match what {
        Rules::Check { file } => check(file).map(Some),
        Rules::Explain { file } => {
            let pack = load_pack(file)?;
            for sentence in words::sentences(&pack.rules) {
                say(sentence)?;
            }
            for cite in &pack.cites {
                say(words::cited(cite))?;
            }
            Ok(Some(Exit::Done))
        }
        Rules::Diff { before, after } => diff(before, after).map(Some),
        Rules::Merge { rules, special } => {
            say(merged(rules, special)?.trim_end())?;
            Ok(Some(Exit::Done))
        }
        Rules::Decide { rules, cases } => decide(rules.as_deref(), cases).map(Some),
        Rules::Simulate { .. } | Rules::Adopt { .. } => Ok(None),
    }
}

pub(super) fn run(here: &Premises, what: Rules) -> Ended {
    match what {
        Rules::Simulate {
            event,
            programme,
            file,
            json,
        } => simulate(here, &event, &programme, &file, json),
        Rules::Adopt {
            event,
            programme,
            file,
        } => adopt(here, &event, &programme, &file),
        other => Ok(without_database(&other)?.unwrap_or(Exit::Done)),
    }
}

fn adopt(here: &Premises, event: &EventId, programme: &ProgrammeId, file: &Path) -> Ended {
    here.event(event)?;
    let text = read(file)?;
    let malformed = |e| Failure::malformed(format!("{}: {e}", file.display()));
    protocol::rules::parse(&text).map_err(malformed)?;
    let adopted = adopt_rules(here.desk(), event, programme, &text)?;
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

/// One whose outcome would change, for programs.
#[derive(Serialize)]
struct ChangeLine<'a> {
    attendee: &'a str,
    before: Said,
    after: Said,
}

#[derive(Serialize)]
struct Said {
    outcome: String,
    credits: Option<String>,
    reason: String,
    explanation: String,
}

impl From<&Decision> for Said {
    fn from(decision: &Decision) -> Self {
        Self {
            outcome: decision.outcome.to_string(),
            credits: decision.credits.map(|credits| credits.to_string()),
            reason: decision.reason.to_string(),
            explanation: decision.explanation.clone(),
        }
    }
}

fn simulate(
    here: &Premises,
    event: &EventId,
    programme: &ProgrammeId,
    file: &Path,
    json: bool,
) -> Ended {
    here.event(event)?;
    let candidate = load(file)?;
    let name = candidate.name.clone();
    let decided = here
        .decider()
        .simulate(event, programme, candidate, now())?;
    let Some(everybody) = decided else {
        let nothing = format!(
            "no rules are in force for {programme}, or nobody is registered: there is nothing to compare with"
        );
        return Err(Failure::failed(nothing));
    };
    let changed: Vec<&Change> = everybody.iter().filter(|change| change.matters()).collect();
    if json {
        for change in &changed {
            let line = ChangeLine {
                attendee: change.attendee.as_str(),
                before: (&change.before).into(),
                after: (&change.after).into(),
            };
            say(serde_json::to_string(&line).map_err(Failure::failed)?)?;
        }
    } else if !changed.is_empty() {
        here.record_view(event, "attendees", "rules_simulate")?;
        let rows = changed.iter().map(|change| row(here, event, change));
        let rows: Vec<[String; 4]> = rows.collect::<Result<_, Failure>>()?;
        table(["attendee", "in force", "then", "why then"], &rows)?;
    }
    hint(format!(
        "Under \"{name}\" the outcome of {} of {} would change. Nothing was adopted.",
        changed.len(),
        counted(everybody.len(), "attendee"),
    ));
    Ok(Exit::Done)
}

fn row(here: &Premises, event: &EventId, change: &Change) -> Result<[String; 4], Failure> {
    let person = open_person(here.store.as_ref(), &here.keys, event, &change.attendee);
    let name = match person {
        Ok((person, _)) => person.name.clone(),
        Err(IssueError::Store(error)) => return Err(error.into()),
        Err(_) => change.attendee.to_string(),
    };
    let brief = |decision: &Decision| match decision.credits {
        Some(credits) => format!("{} {credits}", decision.outcome),
        None => format!(
            "{} {} to {}",
            decision.outcome, decision.range.0, decision.range.1
        ),
    };
    let after = &change.after;
    let why = after.explanation.clone();
    Ok([name, brief(&change.before), brief(after), why])
}

/// Reads a rule set and says what it says.
fn check(file: &Path) -> Ended {
    let pack = load_pack(file)?;
    let rules = &pack.rules;
    say(format!("name        {}", rules.name))?;
    say(format!("hash        {}", rules.hash))?;
    for (key, value) in words::values(rules) {
        say(format!("{key:<23}  {value}"))?;
    }
    for cite in &pack.cites {
        say(words::cited(cite))?;
    }
    say(format!("{} is a rule set.", file.display()))?;
    Ok(Exit::Done)
}

fn diff(before: &Path, after: &Path) -> Ended {
    let (one, other) = (load(before)?, load(after)?);
    if one.hash == other.hash {
        say("They are the same, byte for byte.")?;
        return Ok(Exit::Done);
    }
    let mut differ = false;
    for ((key, was), (_, is)) in words::values(&one).into_iter().zip(words::values(&other)) {
        if was != is {
            differ = true;
            say(format!("{key:<23}  {was}  ->  {is}"))?;
        }
    }
    if !differ {
        say("They differ in words only: everybody is decided alike under both.")?;
    }
    Ok(Exit::Done)
}

/// The rule sets that cases name, each read once.
struct Shelf {
    folder: PathBuf,
    of_all: Option<RuleSet>,
    read: BTreeMap<(String, Option<String>), RuleSet>,
}

impl Shelf {
    fn find(&mut self, named: Option<&str>, special: Option<&str>) -> Result<&RuleSet, Failure> {
        let Some(name) = named else {
            let missing = "the case names no rule set; name one for all with --rules FILE";
            return self.of_all.as_ref().ok_or_else(|| Failure::usage(missing));
        };
        let key = (name.to_owned(), special.map(str::to_owned));
        if !self.read.contains_key(&key) {
            let file = self.folder.join(name);
            let rules = match special {
                None => load(&file)?,
                Some(special) => {
                    let text = merged(&file, &self.folder.join(special))?;
                    protocol::rules::parse(&text).map_err(Failure::malformed)?
                }
            };
            self.read.insert(key.clone(), rules);
        }
        Ok(&self.read[&key])
    }
}

fn decide(rules: Option<&Path>, cases: &Path) -> Ended {
    let is_stdin = cases == Path::new("-");
    let folder = cases.parent().filter(|_| !is_stdin);
    let mut shelf = Shelf {
        folder: folder.unwrap_or(Path::new("")).to_owned(),
        of_all: rules.map(load).transpose()?,
        read: BTreeMap::new(),
    };
    let name = if is_stdin {
        "standard input".to_owned()
    } else {
        cases.display().to_string()
    };
    let mut lines: Box<dyn BufRead> = if is_stdin {
        Box::new(stdin().lock())
    } else {
        let opened = std::fs::File::open(cases);
        let unreadable = |cause| Failure::failed(format!("{name}: {cause}; check the path"));
        Box::new(BufReader::new(opened.map_err(unreadable)?))
    };
    let (mut decided, mut compared, mut differ) = (0_u64, 0_u64, 0_u64);
    for number in 1_u64.. {
        let place = |e: &dyn std::fmt::Display| format!("{name}, line {number}: {e}");
        let Some(line) = next_line(&mut lines).map_err(|e| Failure::malformed(place(&e)))? else {
            break;
        };
        let case = rule_cases::read(&line).map_err(|e| Failure::malformed(place(&e)))?;
        let Some(case) = case else { continue };
        let rules = shelf
            .find(case.rules.as_deref(), case.special.as_deref())
            .map_err(|failure| Failure {
                text: place(&failure.text),
                ..failure
            })?;
        let (answer, differences) = case.decide(rules);
        decided += 1;
        compared += u64::from(case.expected.says_something());
        differ += u64::from(!differences.is_empty());
        say(serde_json::to_string(&answer).map_err(Failure::failed)?)?;
        for difference in differences {
            hint(place(&format!("{}: {difference}", case.name)));
        }
    }
    hint(match (compared, differ) {
        (0, _) => format!("{decided} cases decided"),
        (_, 0) => {
            format!("{decided} cases decided, {compared} of them as expected, none otherwise")
        }
        _ => format!("{decided} cases decided, {differ} of {compared} are not as expected"),
    });
    Ok(if differ == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error(transparent)]
    Case(#[from] CaseError),
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    #[error("it is not UTF-8 text")]
    NotText,
}

/// The next line without its end; no more of it is read than a case may have.
fn next_line(lines: &mut dyn BufRead) -> Result<Option<String>, LineError> {
    let bound = MAX_LINE_BYTES as u64 + 2;
    let mut line = Vec::new();
    if lines.take(bound).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 == bound {
        return Err(CaseError::TooLong.into());
    }
    String::from_utf8(line)
        .map(Some)
        .map_err(|_| LineError::NotText)
}

fn load(file: &Path) -> Result<RuleSet, Failure> {
    load_pack(file).map(|pack| pack.rules)
}

fn load_pack(file: &Path) -> Result<Pack, Failure> {
    protocol::rules::read(&read(file)?)
        .map_err(|e| Failure::malformed(format!("{}: {e}", file.display())))
}

/// One rule set of two texts.
fn merged(rules: &Path, special: &Path) -> Result<String, Failure> {
    let both = format!("{} with {}", rules.display(), special.display());
    protocol::rules::merge(&read(rules)?, &read(special)?)
        .map_err(|e| Failure::malformed(format!("{both}: {e}")))
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
