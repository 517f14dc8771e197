#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::tests::{check, check_refused, lines, now, vienna, with_channel};
use super::super::{AttendanceFormat, DayOrder};
use super::*;
use attendance::UtcMs;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../testdata/attendance/", $name)).as_slice()
    };
}

#[test]
fn the_report_of_participants() {
    check(
        fixture!("zoom-participants.csv"),
        &vienna(),
        &[
            "in zoom/9876543210 14 08:55:00.000-08:55:00.999 email:chair@example.com",
            "out zoom/9876543210 14 10:00:30.000-10:00:30.999 email:chair@example.com",
            "in zoom/9876543210 14 09:02:10.000-09:02:10.999 email:Ana@Example.com",
            "out zoom/9876543210 14 09:21:00.000-09:21:00.999 email:Ana@Example.com",
            "in zoom/9876543210 14 09:26:00.000-09:26:00.999 email:ana@example.com",
            "out zoom/9876543210 14 09:59:05.000-09:59:05.999 email:ana@example.com",
            "in zoom/9876543210 14 09:30:00.000-09:30:00.999 email:ana@example.com",
            "out zoom/9876543210 14 09:40:00.000-09:40:00.999 email:ana@example.com",
            "in zoom/9876543210 14 09:03:00.000-09:03:00.999 zoom-guest:zoom/9876543210/",
            "out zoom/9876543210 14 09:20:00.000-09:20:00.999 zoom-guest:zoom/9876543210/",
            "in zoom/9876543210 14 09:22:00.000-09:22:00.999 zoom-guest:zoom/9876543210/",
            "out zoom/9876543210 14 09:50:00.000-09:50:00.999 zoom-guest:zoom/9876543210/",
            "in zoom/9876543210 14 09:05:00.000-09:05:00.999 zoom-guest:zoom/9876543210/joined-1",
            "out zoom/9876543210 14 09:50:00.000-09:50:00.999 zoom-guest:zoom/9876543210/joined-1",
            "in zoom/9876543210 14 09:06:00.000-09:06:00.999 zoom-guest:zoom/9876543210/joined-1",
            "out zoom/9876543210 14 09:45:00.000-09:45:00.999 zoom-guest:zoom/9876543210/joined-1",
            "refused: row 15, column duration (minutes): says 55 minutes, but from join to leave it is 20",
            "refused: row 14: left before they joined",
            "left out: 1 stays in the waiting room (row 13)",
            "warning: row 11: this name was there twice at the same time without an account",
        ],
    );
    let report = read(fixture!("zoom-participants.csv"), &vienna())
        .unwrap()
        .import
        .batch;
    let guests: Vec<&str> = report.rows[8..16]
        .iter()
        .map(|row| row.subjects[0].text.as_str())
        .collect();
    assert!(
        guests[0] == guests[3] && guests[4] != guests[6],
        "who came back is one, who overlaps are two"
    );
    let devices: std::collections::BTreeSet<_> =
        report.rows[2..8].iter().map(|row| &row.device).collect();
    assert_eq!(devices.len(), 3, "each join is a device");
}

#[test]
fn the_report_of_a_webinar() {
    check(
        fixture!("zoom-webinar.csv"),
        &vienna(),
        &[
            "in zoom/98765432109 14 08:55:00.000-08:55:00.999 email:chair@example.com",
            "out zoom/98765432109 14 10:00:30.000-10:00:30.999 email:chair@example.com",
            "in zoom/98765432109 14 09:02:10.000-09:02:10.999 email:ana@example.com",
            "out zoom/98765432109 14 09:59:05.000-09:59:05.999 email:ana@example.com",
            "in zoom/98765432109 14 09:10:00.000-09:10:00.999 zoom-guest:zoom/98765432109/",
            "out zoom/98765432109 14 09:30:00.000-09:30:00.999 zoom-guest:zoom/98765432109/",
            "left out: 1 people who registered and did not attend (row 13)",
        ],
    );
}

#[test]
fn an_answer_that_nobody_can_have_given_is_refused() {
    // The meeting's number has a sign in it that no account may have, and guests are accounts of a meeting.
    let report = String::from_utf8(fixture!("zoom-polls.csv").to_vec()).unwrap();
    let report = report.replace("987 6543 210", "987 6\u{15}43 210");
    let read = read(report.as_bytes(), &vienna()).unwrap();
    assert_eq!(read.refused_total, 1, "{:?}", read.refused);
    let is_one = |problem: &crate::sources::Problem| {
        problem
            .to_string()
            .contains("signs that no account can have")
    };
    assert!(read.refused.iter().all(is_one), "{:?}", read.refused);
    let batch = read.import.batch;
    assert!(batch.rows.iter().all(|row| !row.subjects.is_empty()));
    assert_eq!(batch.rows.len(), 2, "Ana's two answers");
}

#[test]
fn polls_as_a_report_and_as_pages() {
    let [log, many, why] = ["Which log?", "How many?", "Why?"]
        .map(|question| polls::poll_of(question)[..8].to_owned());
    let answered = |poll: &str, rest: &str| format!("poll {poll} zoom/9876543210 14 {rest}");
    let first = answered(&log, "09:15:00.000-09:15:00.999 email:ana@example.com");
    check(
        fixture!("zoom-polls.csv"),
        &vienna(),
        &[
            &first,
            &answered(&many, "09:15:00.000-09:15:00.999 email:ana@example.com"),
            &answered(&why, "09:15:09.000-09:15:09.999 zoom-guest:9876543210/"),
            "left out: 1 anonymous answers (row 8)",
        ],
    );
    check(
        fixture!("zoom-polls.json"),
        &vienna(),
        &[&first, "left out: 1 anonymous answers (questions[1])"],
    );
    let polls = read(fixture!("zoom-polls.csv"), &vienna())
        .unwrap()
        .import
        .polls;
    assert_eq!(
        polls
            .into_values()
            .map(|polls| polls.len())
            .collect::<Vec<_>>(),
        [3]
    );
}

#[test]
fn pages_and_messages_agree() {
    let who = "external:crm-5 zoom:acc-77 zoom-registrant:reg-5 email:ana@example.com";
    check(
        fixture!("zoom-report.json"),
        &with_channel(),
        &[
            &format!("in hall 14 09:02:10.000-09:02:10.999 {who} on 1001"),
            &format!("out hall 14 09:21:00.000-09:21:00.999 {who} on 1001"),
            &format!("in hall 14 09:26:00.000-09:26:00.999 {who} on 1002"),
            &format!("out hall 14 09:59:05.000-09:59:05.999 {who} on 1002"),
            "warning: the last page says that another follows",
        ],
    );
    check(
        fixture!("zoom-hooks.ndjson"),
        &vienna(),
        &[
            &format!("out zoom/9876543210 14 09:21:00.000-09:21:00.999 {who} on 1001"),
            &format!("in zoom/9876543210 14 09:02:10.000-09:02:10.999 {who} on 1001"),
            "in zoom/5550001 14 09:03:00.000-09:03:00.999 zoom-guest:zoom/5550001/2001 on 2001",
            "left out: 1 messages that say nothing of attendance (meeting.started)",
        ],
    );
    let channel = Reading {
        place: Some(crate::sources::observed::Place::Channel(
            "zoom/9876543210".to_owned(),
        )),
        ..vienna()
    };
    let page = read(fixture!("zoom-report.json"), &channel)
        .unwrap()
        .import
        .batch;
    let hooks = fixture!("zoom-hooks.ndjson");
    let first_two: Vec<&[u8]> = hooks
        .split_inclusive(|byte| *byte == b'\n')
        .take(2)
        .collect();
    let messages = read(&first_two.concat(), &vienna()).unwrap().import.batch;
    let keys =
        |batch: &crate::sources::observed::ObservedBatch| -> std::collections::BTreeSet<String> {
            batch.rows.iter().map(|row| row.key.clone()).collect()
        };
    assert!(
        keys(&messages).is_subset(&keys(&page)),
        "the same observation has the same key"
    );
    check_refused(
        fixture!("zoom-report.json"),
        AttendanceFormat::Zoom,
        &vienna(),
        "does not say of which meeting it is",
    );
}

#[test]
fn what_cannot_be_taken_says_what_to_export_instead() {
    let summed = "Name (Original Name),User Email,Total Duration (Minutes),Guest\nAna,ana@example.com,53,Yes\n";
    check_refused(
        summed.as_bytes(),
        AttendanceFormat::Zoom,
        &vienna(),
        "row 1: the report holds only how long each person was there, not when",
    );
    let report = fixture!("zoom-participants.csv");
    let expected = "a time of the report does not say its time zone; say in which zone";
    check_refused(
        report,
        AttendanceFormat::Zoom,
        &Reading::plain(now()),
        expected,
    );
    let report = String::from_utf8(report.to_vec())
        .unwrap()
        .replace("03/14/2027", "03/04/2027");
    let expected = "a time of the report may be one of two days";
    check_refused(
        report.as_bytes(),
        AttendanceFormat::Zoom,
        &vienna(),
        expected,
    );
    let said = Reading {
        day_order: Some(DayOrder::DayFirst),
        ..vienna()
    };
    assert!(
        read(report.as_bytes(), &said).unwrap().refused[0]
            .to_string()
            .contains("future")
    );
    let said = Reading {
        day_order: Some(DayOrder::MonthFirst),
        ..vienna()
    };
    assert!(lines(&read(report.as_bytes(), &said).unwrap())[0].contains(" 04 08:55:00"));
}

#[test]
fn rows_of_a_page_are_refused_alone() {
    let page = r#"{"participants":[{"name":7,"join_time":"2027-03-14T09:00:00Z"},{"name":{},"join_time":"2027-03-14T09:00:00Z"},{"name":"A"},
        {"name":"B","join_time":"2027-03-14T09:00:00"},{"name":"C","join_time":"2027-03-14T09:00:00Z","leave_time":"2027-03-14T08:00:00Z"},
        {"name":"D","join_time":99999999999999999999},{"name":"E","status":"in_waiting_room","join_time":"2027-03-14T09:00:00Z"}]}"#;
    check(
        page.as_bytes(),
        &Reading {
            zone: None,
            ..with_channel()
        },
        &[
            "in hall 14 09:00:00.000-09:00:00.999 zoom-guest:hall/",
            "refused: participants[1]: name is an object where a text should be",
            "refused: participants[2]: join_time is missing",
            "refused: participants[3]: join_time does not say its time zone",
            "refused: participants[5]: join_time is no date and time",
            "refused: participants[4]: left before they joined",
            "left out: 1 stays in the waiting room (participants[6])",
        ],
    );
}

const BODY: &[u8] = br#"{"event":"meeting.participant_joined","payload":{}}"#;

/// Made with `openssl dgst -sha256 -hmac s3cret` over `v0:1805014935:` and the body.
const SIGNATURE: &str = "v0=75266e8c810acc88218cc9fe11fd29091441d6a886618279ebc11d3a7da2e6d3";

#[test]
fn a_message_is_zooms_or_it_is_not() {
    let now = UtcMs(1_805_014_940_000);
    let check = |secret: &[u8], timestamp: &str, signature: &str, body: &[u8], now: UtcMs| {
        check_signature(secret, timestamp, signature, body, now)
    };
    assert_eq!(check(b"s3cret", "1805014935", SIGNATURE, BODY, now), Ok(()));
    let upper = SIGNATURE.to_uppercase().replace("V0", "v0");
    for (secret, timestamp, signature, body, expected) in [
        (
            b"other".as_slice(),
            "1805014935",
            SIGNATURE,
            BODY,
            SignatureFault::Wrong,
        ),
        (
            b"s3cret",
            "1805014936",
            SIGNATURE,
            BODY,
            SignatureFault::Wrong,
        ),
        (
            b"s3cret",
            "1805014935",
            SIGNATURE,
            b"{}",
            SignatureFault::Wrong,
        ),
        (
            b"s3cret",
            "1805014935",
            &SIGNATURE[..60],
            BODY,
            SignatureFault::Malformed,
        ),
        (
            b"s3cret",
            "1805014935",
            &SIGNATURE[..59],
            BODY,
            SignatureFault::Wrong,
        ),
        (b"s3cret", "1805014935", "v0=", BODY, SignatureFault::Wrong),
        (
            b"s3cret",
            "1805014935",
            &SIGNATURE[3..],
            BODY,
            SignatureFault::Malformed,
        ),
        (b"s3cret", "", SIGNATURE, BODY, SignatureFault::Malformed),
        (
            b"s3cret",
            "-1805014935",
            SIGNATURE,
            BODY,
            SignatureFault::Malformed,
        ),
        (
            b"s3cret",
            "1805014935000",
            SIGNATURE,
            BODY,
            SignatureFault::Malformed,
        ),
    ] {
        assert_eq!(
            check(secret, timestamp, signature, body, now),
            Err(expected),
            "{timestamp} {signature}"
        );
    }
    assert_eq!(check(b"s3cret", "1805014935", &upper, BODY, now), Ok(()));
    for (seconds, expected) in [
        (300, Ok(())),
        (301, Err(SignatureFault::OutOfTime)),
        (-300, Ok(())),
        (-301, Err(SignatureFault::OutOfTime)),
    ] {
        let now = UtcMs((1_805_014_935 + seconds) * 1_000);
        assert_eq!(
            check(b"s3cret", "1805014935", SIGNATURE, BODY, now),
            expected,
            "{seconds}"
        );
    }
}

#[test]
fn an_address_shows_that_it_is_ours() {
    let body =
        br#"{"payload":{"plainToken":"abc"},"event_ts":1,"event":"endpoint.url_validation"}"#;
    let answer = url_validation(b"s3cret", body).unwrap();
    let expected = r#"{"plainToken":"abc","encryptedToken":"4f2f30aaf4a57bd60ab473c8e9c2cdfefc186723d4727ed6f31f04353c91389a"}"#;
    assert_eq!(serde_json::to_string(&answer).unwrap(), expected);
    let long = format!(
        r#"{{"payload":{{"plainToken":"{}"}},"event":"endpoint.url_validation"}}"#,
        "x".repeat(257)
    );
    for none in [BODY, b"", b"{}", long.as_bytes()] {
        assert_eq!(url_validation(b"s3cret", none), None);
    }
}
