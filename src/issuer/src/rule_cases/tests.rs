#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn packs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/rules")
}

fn stems(folder: &Path, extension: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let ours = paths.filter(|path| path.extension().is_some_and(|e| e == extension));
    ours.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// The rule set of a case, by the files that it names from the folder of its table.
fn rules_of(case: &Case, folder: &Path) -> RuleSet {
    let file = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let base = file(case.rules.as_deref().unwrap());
    let text = match &case.special {
        None => base,
        Some(special) => protocol::rules::merge(&base, &file(special)).unwrap(),
    };
    protocol::rules::parse(&text).unwrap()
}

/// Holds the engine against a table whose cases say all that is expected; gives the reasons that it has.
fn check(folder: &Path, name: &str) -> BTreeSet<Reason> {
    let table = std::fs::read_to_string(folder.join(format!("{name}.ndjson"))).unwrap();
    let mut reasons = BTreeSet::new();
    for (line, number) in table.lines().zip(1..) {
        let Some(case) = read(line).unwrap_or_else(|e| panic!("{name}, {number}: {e}")) else {
            continue;
        };
        let Expected {
            outcome: Some(_),
            credits: Some(_),
            reason: Some(reason),
            explanation: Some(_),
            ..
        } = &case.expected
        else {
            panic!("{name}, line {number} does not say all that is expected");
        };
        reasons.insert(*reason);
        let (_, differences) = case.decide(&rules_of(&case, folder));
        assert!(differences.is_empty(), "{name}, {number}: {differences:?}");
    }
    reasons
}

#[test]
fn every_pack_decides_its_table_as_written() {
    let tables = packs().join("cases");
    assert_eq!(stems(&packs(), "toml"), stems(&tables, "ndjson"));
    let mut all = BTreeSet::new();
    for name in stems(&packs(), "toml") {
        let reasons = check(&tables, &name);
        for reason in [
            Reason::MetDurationThreshold,
            Reason::BelowMinimum,
            Reason::ClockUncertain,
            Reason::MissingCheckOut,
            Reason::MissingCheckIn,
            Reason::NotRegistered,
            Reason::NoAttendance,
        ] {
            assert!(reasons.contains(&reason), "{name} has no case of {reason}");
        }
        all.extend(reasons);
    }
    // No body that is known here caps a programme.
    let missing: Vec<&Reason> = Reason::ALL.iter().filter(|r| !all.contains(r)).collect();
    assert_eq!(missing, [&Reason::CapReached]);
}

#[test]
fn every_jurisdiction_decides_its_table_as_written() {
    let folder = packs().join("jurisdictions");
    let tables = folder.join("cases");
    assert_eq!(stems(&folder, "toml"), stems(&tables, "ndjson"));
    for name in stems(&folder, "toml") {
        check(&tables, &name);
    }
}

const HALL: &str = r#""sessions":[{"id":"s1","room":"hall","start":"09:00","end":"10:00"}]"#;

fn refusal(line: &str) -> String {
    read(line).unwrap_err().to_string()
}

#[test]
fn what_is_no_case_is_named() {
    for (line, place) in [
        (r#"{"case":"a"}"#.to_owned(), "`sessions`"),
        (format!(r#"{{"case":"a",{HALL},"sigals":[]}}"#), "`sigals`"),
        (
            format!(r#"{{"case":"a",{HALL},"signals":[{{"at":"9 o'clock","in":"hall"}}]}}"#),
            "signals[0].at: \"9 o'clock\" is no time",
        ),
        (
            format!(
                r#"{{"case":"a",{HALL},"signals":[{{"at":"09:00","in":"hall","out":"hall"}}]}}"#
            ),
            "signals[0]: write one of `in`, `out`, `seen` and `beat`",
        ),
        (
            format!(r#"{{"case":"a",{HALL},"signals":[{{"at":["09:01","09:00"],"in":"hall"}}]}}"#),
            "the latest time comes before the earliest",
        ),
        (
            r#"{"case":"a","sessions":[{"id":"s1","room":"hall","start":"10:00","end":"10:00"}]}"#
                .to_owned(),
            "sessions[0].end",
        ),
        (
            format!(r#"{{"case":"a",{HALL},"expect":{{"present_ms":{{"s2":1}}}}}}"#),
            "expect.present_ms.s2",
        ),
        (
            format!(r#"{{"case":"a",{HALL},"expect":{{"reason":"because"}}}}"#),
            "expect.reason",
        ),
        (
            format!(r#"{{"case":"a",{HALL},"registration":"maybe"}}"#),
            "registration: write \"none\"",
        ),
        (" ".repeat(MAX_LINE_BYTES + 1), "more than 262144 bytes"),
    ] {
        let said = refusal(&line);
        assert!(said.contains(place), "{said} does not say {place}");
    }
}

#[test]
fn lines_that_say_nothing_are_stepped_over() {
    for line in ["", "   ", "# a remark"] {
        assert!(read(line).unwrap().is_none());
    }
}

#[test]
fn times_are_read_in_any_offset() {
    let at = |text| text::time("here", text).unwrap().0;
    assert_eq!(at("2027-03-14T09:50:00+01:00"), at("2027-03-14T08:50:00Z"));
    assert_eq!(at("09:50"), at("2001-01-01T09:50:00Z"));
    assert_eq!(at("09:50:30.25"), at("2001-01-01T09:50:30.250Z"));
}

#[test]
fn differences_say_what_came() {
    let line = format!(
        r#"{{"case":"a",{HALL},"signals":[{{"at":"09:00","in":"hall"}},{{"at":"09:30","out":"hall"}}],
        "expect":{{"outcome":"full","credits":"9","reason":"cap_reached","explanation":"no","present_ms":{{"s1":[1,2]}}}}}}"#
    );
    let case = read(&line).unwrap().unwrap();
    let rules = std::fs::read_to_string(packs().join("isc2.toml")).unwrap();
    let (answer, differences) = case.decide(&protocol::rules::parse(&rules).unwrap());
    assert_eq!(answer.credits.as_deref(), Some("0.5"));
    let said = differences.join("\n");
    for came in [
        "outcome: expected full, came partial",
        "credits: expected 9, came 0.5",
        "reason: expected cap_reached, came partial_credit",
        "explanation: expected \"no\", came \"Present 30 min",
        "present in s1: expected 1 to 2 ms, came 1800000 ms",
    ] {
        assert!(said.contains(came), "{said}");
    }
}
