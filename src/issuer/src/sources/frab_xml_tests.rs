#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;

use super::*;

const ZONE: Tz = Tz::America__New_York;
const SCHEDULE: &str = include_str!("testdata/schedule.xml");
const JSON: &str = include_str!("testdata/schedule.json");

fn check_refused(text: &str, expected: &str) {
    let shown = read(text.as_bytes(), ZONE).unwrap_err().to_string();
    assert!(
        shown.contains(expected),
        "{shown}\ndoes not say: {expected}"
    );
}

/// The schedule with one place changed.
fn changed(from: &str, to: &str) -> String {
    assert!(SCHEDULE.contains(from), "{from}");
    SCHEDULE.replacen(from, to, 1)
}

#[test]
fn either_export_of_a_schedule_is_the_same_agenda() {
    let xml = read(SCHEDULE.as_bytes(), ZONE).unwrap();
    assert_eq!(xml.warnings, vec![]);
    let json = frab::read(JSON.as_bytes(), ZONE).unwrap();
    assert_eq!(xml.import, json.import);
}

#[test]
fn texts_are_whole_whatever_they_are_written_as() {
    let title = "<title>Opening: trust &amp; &#233;vidence</title>";
    for written in [
        "<title>Opening: trust <!-- sic --><![CDATA[& év]]>idence</title>",
        "<title>\n  Opening: trust &#38; &#xe9;vidence\n</title>",
    ] {
        let report = read(changed(title, written).as_bytes(), ZONE).unwrap();
        assert_eq!(report.import.sessions[0].title, "Opening: trust & évidence");
    }
}

#[test]
fn faults_are_named_by_the_line_of_the_event() {
    let line = |guid: &str| 1 + SCHEDULE.lines().position(|l| l.contains(guid)).unwrap();
    let (first, second) = (line("000000000001"), line("000000000002"));
    for (from, to, expected) in [
        (
            "<duration>01:00</duration>",
            "<duration>01:60</duration>",
            format!("row {first}, column duration, \"01:60\": is no duration"),
        ),
        (
            "<date>2026-10-31T09:00:00-04:00</date>",
            "",
            format!("row {first}, column date: this is no date and time"),
        ),
        (
            "<title>Opening: trust &amp; &#233;vidence</title>",
            "<title/>",
            format!("row {first}, column title: is missing or empty"),
        ),
        (
            "000000000002",
            "000000000001",
            format!(
                "row {second}, column guid, \"a0b1c2d3-0000-5000-8000-000000000001\": the event has the same guid as row {first}"
            ),
        ),
        (
            "America/New_York",
            "America/New_Yrok",
            "did you mean America/New_York?".to_owned(),
        ),
        (
            "<room name='Lounge'",
            "<room name=' '",
            "column room name: is missing or empty".to_owned(),
        ),
    ] {
        check_refused(&changed(from, to), &expected);
    }
}

#[test]
fn what_is_no_schedule_is_named() {
    check_refused("", "this is not whole XML");
    check_refused(&SCHEDULE[..900], "this is not whole XML");
    check_refused("<schedule></schedule>", "the schedule has no events");
    check_refused(
        "<!doctype html><html><body>Sign in</body></html>",
        "row 1: this is a web page",
    );
    check_refused(
        "<html><body>Sign in</body></html>",
        "row 1: this is a web page",
    );
    check_refused(
        "<iCalendar/>",
        "its first element is iCalendar, not schedule",
    );
    check_refused(&changed("&#233;", "&eacute;"), "not whole XML");
    let latin: Vec<u8> = SCHEDULE
        .replace("&#233;", "\u{1}")
        .bytes()
        .map(|b| if b == 1 { 0xE9 } else { b })
        .collect();
    let shown = read(&latin, ZONE).unwrap_err().to_string();
    assert!(shown.contains("not UTF-8"), "{shown}");
}

#[test]
fn hostile_files_cost_no_more_than_they_weigh() {
    let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><schedule>&b;</schedule>";
    check_refused(bomb, "has a document type");
    let fetch = "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><schedule/>";
    check_refused(fetch, "has a document type");
    check_refused(&"<a>".repeat(3_000_000), "more than 64 deep");
    let flat = format!("<schedule>{}</schedule>", "<day/>".repeat(1_100_000));
    check_refused(&flat, "more than 1000000 nodes");
    let attributes: String = (0..200_000).map(|i| format!("a{i}='>' ")).collect();
    check_refused(
        &format!("<schedule {attributes}/>"),
        "more than 64 attributes",
    );
    check_refused(
        &format!("<schedule {}", "x='".repeat(1_000_000)),
        "attributes",
    );
    check_refused(&"<!--".repeat(1_000_000), "not whole XML");
    check_refused(&"<".repeat(1_000_000), "XML");
}

proptest! {
    #[test]
    fn no_bytes_and_no_damage_panic(at in 0_usize..5_000, length in 0_usize..60, text in "\\PC{0,20}|[<>/&;!?'\"a-z0-9:\\[\\]-]{0,16}") {
        let _ = read(text.as_bytes(), ZONE);
        let mut bytes = SCHEDULE.as_bytes().to_vec();
        let from = at.min(bytes.len());
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, text.bytes());
        let report = read(&bytes, ZONE);
        for session in report.iter().flat_map(|r| &r.import.sessions) {
            prop_assert!(session.start_utc_ms < session.end_utc_ms && crate::sources::is_id(&session.id));
        }
    }
}
