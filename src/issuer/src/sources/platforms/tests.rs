#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;

use attendance::words::{RoomId, Source};
use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::sources::observed::{Observed, Seen};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../testdata/attendance/", $name)).as_slice()
    };
}

/// Every fixture with its format.
pub(super) const FILES: &[(AttendanceFormat, &[u8])] = &[
    (AttendanceFormat::Zoom, fixture!("zoom-participants.csv")),
    (AttendanceFormat::Zoom, fixture!("zoom-webinar.csv")),
    (AttendanceFormat::Zoom, fixture!("zoom-polls.csv")),
    (AttendanceFormat::Zoom, fixture!("zoom-report.json")),
    (AttendanceFormat::Zoom, fixture!("zoom-hooks.ndjson")),
    (AttendanceFormat::Zoom, fixture!("zoom-polls.json")),
    (AttendanceFormat::Teams, fixture!("teams-report.csv")),
    (AttendanceFormat::Teams, fixture!("teams-2020.csv")),
    (AttendanceFormat::Teams, fixture!("teams-graph.json")),
    (AttendanceFormat::Webex, fixture!("webex.json")),
    (AttendanceFormat::GoToWebinar, fixture!("gotowebinar.json")),
    (
        AttendanceFormat::GoToWebinar,
        fixture!("gotowebinar-hook.json"),
    ),
    (
        AttendanceFormat::BigBlueButton,
        fixture!("bigbluebutton.txt"),
    ),
    (AttendanceFormat::Pretix, fixture!("pretix-checkins.json")),
    (AttendanceFormat::Pretix, fixture!("pretix-log.csv")),
    (
        AttendanceFormat::Table,
        attendance_table::TEMPLATE.as_bytes(),
    ),
    (AttendanceFormat::Words, words_table::TEMPLATE.as_bytes()),
];

pub(super) fn now() -> UtcMs {
    UtcMs(
        DateTime::parse_from_rfc3339("2027-03-20T00:00:00Z")
            .unwrap()
            .timestamp_millis(),
    )
}

/// In Vienna, a week later; the clock is right, so that the tables show what was written.
pub(super) fn vienna() -> Reading<'static> {
    Reading {
        zone: Some(chrono_tz::Europe::Vienna),
        clock_error_ms: Some(0),
        ..Reading::plain(now())
    }
}

pub(super) fn with_channel() -> Reading<'static> {
    Reading {
        place: Some(Place::Channel("hall".to_owned())),
        ..vienna()
    }
}

fn at(ms: UtcMs) -> String {
    DateTime::from_timestamp_millis(ms.0)
        .unwrap()
        .format("%d %H:%M:%S%.3f")
        .to_string()
}

fn line(row: &Observed) -> String {
    let mut text = match &row.seen {
        Seen::Plain(kind) => kind.as_str().to_owned(),
        Seen::Poll(poll) => format!("poll {}", &poll[..8.min(poll.len())]),
    };
    match &row.place {
        Place::Channel(channel) => write!(text, " {channel}").unwrap(),
        Place::Room(room) => write!(text, " room {room}").unwrap(),
        Place::Session(session) => write!(text, " session {session}").unwrap(),
    }
    write!(text, " {}-{}", at(row.at.earliest), &at(row.at.latest)[3..]).unwrap();
    let mut accounts: Vec<String> = row
        .subjects
        .iter()
        .map(|subject| {
            format!(
                "{}:{}",
                subject.system,
                subject.text.chars().take(24).collect::<String>()
            )
        })
        .collect();
    accounts.extend(row.attendee.as_ref().map(ToString::to_string));
    write!(text, " {}", accounts.join(" ")).unwrap();
    if let Some(device) = row
        .device
        .as_deref()
        .filter(|device| !device.starts_with("joined-"))
    {
        write!(text, " on {device}").unwrap();
    }
    if let Some(reason) = &row.reason {
        write!(text, " because {reason}").unwrap();
    }
    text
}

/// Everything a report says, a line each: what was seen, then what was refused, left out and warned of.
pub(super) fn lines(report: &ImportReport<Attendance>) -> Vec<String> {
    let mut lines: Vec<String> = report.import.batch.rows.iter().map(line).collect();
    lines.extend(
        report
            .refused
            .iter()
            .map(|problem| format!("refused: {problem}")),
    );
    lines.extend(
        report
            .left_out
            .iter()
            .map(|left_out| format!("left out: {left_out}")),
    );
    lines.extend(
        report
            .warnings
            .iter()
            .map(|problem| format!("warning: {problem}")),
    );
    lines
}

/// Reads a file that must be read, and holds what comes of it against lines that must be the beginnings of its own.
pub(super) fn check(bytes: &[u8], reading: &Reading<'_>, expected: &[&str]) {
    let format = detect_attendance(bytes).unwrap();
    let report = format
        .read(bytes, reading)
        .unwrap_or_else(|error| panic!("{error}"));
    let got = lines(&report);
    let matches = got.len() == expected.len()
        && got
            .iter()
            .zip(expected)
            .all(|(got, expected)| got.starts_with(expected));
    assert!(matches, "{}:\n{}", format.as_str(), got.join("\n"));
}

/// Reads a file that must be refused whole.
pub(super) fn check_refused(
    bytes: &[u8],
    format: AttendanceFormat,
    reading: &Reading<'_>,
    expected: &str,
) {
    let error = format.read(bytes, reading).unwrap_err().to_string();
    assert!(
        error.contains(expected),
        "{error}\ndoes not say: {expected}"
    );
}

#[test]
fn each_file_is_told_by_what_it_holds() {
    for (index, (format, bytes)) in FILES.iter().enumerate() {
        assert_eq!(detect_attendance(bytes), Some(*format), "file {index}");
    }
    for other in [
        "",
        "badge,name\nX,Y\n",
        "{\"results\":[]}",
        "[1]",
        "<html>",
        "null",
    ] {
        assert_eq!(detect_attendance(other.as_bytes()), None, "{other}");
    }
    assert_eq!(ATTENDANCE_FORMATS.len(), 8);
}

#[test]
fn teams_reports_of_both_generations() {
    let report: &[&str] = &[
        "in hall 14 08:55:00.000-08:55:00.999 email:chair@example.com",
        "out hall 14 10:00:30.000-10:00:30.999 email:chair@example.com",
        "in hall 14 09:02:10.000-09:02:10.999 email:ana@example.com",
        "out hall 14 09:21:00.000-09:21:00.999 email:ana@example.com",
        "in hall 14 09:26:00.000-09:26:00.999 email:ana@example.com",
        "out hall 14 09:59:05.000-09:59:05.999 email:ana@example.com",
        "in hall 14 09:05:00.000-09:05:00.999 teams-guest:hall/",
        "out hall 14 10:00:01.000-10:00:01.999 teams-guest:hall/",
    ];
    let utf16 = fixture!("teams-report.csv");
    check(utf16, &with_channel(), report);
    let text = crate::sources::text::decode(utf16, "")
        .unwrap()
        .into_owned();
    check(text.as_bytes(), &with_channel(), report);
    // Without its last section only whoever never left in between can be taken.
    let short = text.split("3. In-Meeting").next().unwrap();
    let expected: &[&str] = &[
        "in hall 14 08:55:00.000-08:55:00.999 teams:chair@example.com email:chair@example.com",
        "out hall 14 10:00:30.000-10:00:30.999 teams:chair@example.com email:chair@example.com",
        "in hall 14 09:05:00.000-09:05:00.999 teams-guest:hall/",
        "out hall 14 10:00:01.000-10:00:01.999 teams-guest:hall/",
        "refused: row 12, column in-meeting duration: is shorter than from first join to last leave",
    ];
    check(short.as_bytes(), &with_channel(), expected);
    let wrong = text.replace("18m 50s", "5h").replace("33m 5s", "long");
    let report = teams::read(wrong.as_bytes(), &with_channel()).unwrap();
    let refused: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
    assert!(
        refused[0].contains(
            "row 18, column duration: says 18000 seconds, but from join to leave it is 1130"
        ),
        "{refused:?}"
    );
    assert!(
        refused[1].contains("row 19, column duration: is no length"),
        "{refused:?}"
    );

    let older: &[&str] = &[
        "in hall 14 08:55:00.000-08:55:00.999 teams-guest:hall/",
        "in hall 14 09:02:10.000-09:02:10.999 teams-guest:hall/",
        "out hall 14 09:21:00.000-09:21:00.999 teams-guest:hall/",
        "in hall 14 09:26:00.000-09:26:00.999 teams-guest:hall/",
        "refused: row 6, column user action: is neither Joined nor Left",
    ];
    check(fixture!("teams-2020.csv"), &with_channel(), older);
    check(
        fixture!("teams-graph.json"),
        &with_channel(),
        &[
            "in hall 14 09:02:10.000-09:02:10.999 teams:00000000-0000-4000-8000- email:ana@example.com",
            "out hall 14 09:21:00.000-09:21:00.999 teams:00000000-0000-4000-8000- email:ana@example.com",
            "in hall 14 09:26:00.123-09:26:00.123 teams:00000000-0000-4000-8000- email:ana@example.com",
        ],
    );
    check_refused(
        utf16,
        AttendanceFormat::Teams,
        &vienna(),
        "does not say of which meeting it is; give its channel",
    );
    let german = text
        .replace("First Join", "Erster Beitritt")
        .replace("Join Time", "Beitrittszeit");
    check_refused(
        german.as_bytes(),
        AttendanceFormat::Teams,
        &with_channel(),
        "set the language to English",
    );
}

#[test]
fn webex_has_an_entry_for_each_device_and_1970_for_who_is_still_there() {
    check(
        fixture!("webex.json"),
        &vienna(),
        &[
            "in webex/meet_I_5 14 09:02:10.000-09:02:10.999 email:ana@example.com on dev-1",
            "out webex/meet_I_5 14 09:21:00.000-09:21:00.999 email:ana@example.com on dev-1",
            "in webex/meet_I_5 14 09:15:00.250-09:15:00.250 email:ana@example.com on dev-2",
            "refused: items[0].devices[2]: joinedTime is missing",
            "left out: 1 people in the lobby",
        ],
    );
}

#[test]
fn gotowebinar_lists_and_messages() {
    let who = "gotowebinar:7000000000000000005 email:ana@example.com";
    let row = |kind, moment| format!("{kind} gotowebinar/1234567 14 {moment} {who}");
    let expected = [
        row("in", "09:02:10.000-09:02:10.999"),
        row("out", "09:21:00.000-09:21:00.999"),
        row("in", "09:26:00.000-09:26:00.999"),
        row("out", "09:59:05.000-09:59:05.999"),
    ];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(fixture!("gotowebinar.json"), &vienna(), &expected);
    check(
        fixture!("gotowebinar-hook.json"),
        &vienna(),
        &[&row("in", "09:02:10.517-09:02:10.517")],
    );
    let odd = String::from_utf8_lossy(fixture!("gotowebinar-hook.json")).replace("14T09", "14T10");
    let row = row("in", "09:02:10.517-09:02:10.517");
    let warning = "warning: the message: joinTime and timestamp are 3600 seconds apart";
    let warning = warning.replace("the message", "the document");
    check(odd.as_bytes(), &vienna(), &[&row, &warning]);
}

#[test]
fn bigbluebutton_messages_and_their_checksums() {
    let who = "external:crm-5 on w_abc";
    check(
        fixture!("bigbluebutton.txt"),
        &vienna(),
        &[
            &format!("in bigbluebutton/opening 14 09:02:10.517-09:02:10.517 {who}"),
            &format!("out bigbluebutton/opening 14 09:59:05.000-09:59:05.000 {who}"),
            "left out: 1 messages that say nothing of attendance (user-audio-muted)",
        ],
    );
    let body = fixture!("bigbluebutton.txt")
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap();
    let address = "https://ce.example.org/v1/hooks/bbb";
    let event = r#"[{"data":{"type":"event","id":"user-joined","attributes":{"meeting":{"internal-meeting-id":"int-1","external-meeting-id":"opening"},"user":{"internal-user-id":"w_abc","external-user-id":"crm-5","name":"Ana Duarte","role":"VIEWER"}},"event":{"ts":1805014930517}}}]"#;
    let json = format!(
        r#"{{"event":{},"timestamp":1805014930526,"domain":"bbb.example.com"}}"#,
        serde_json::Value::from(event)
    );
    use sha1::Digest as _;
    let sum = |json: &str| hex::encode(sha1::Sha1::digest(format!("{address}{json}secret")));
    let long = hex::encode(sha2::Sha256::digest(format!("{address}{json}secret")));
    let check =
        |secret, body: &[u8], sum: &str| bigbluebutton::check_sum(secret, address, body, sum);
    assert_eq!(
        check("secret", body, &sum(&json)),
        Some(bigbluebutton::Proves::Body)
    );
    assert_eq!(
        check("secret", body, &long),
        Some(bigbluebutton::Proves::Body)
    );
    assert_eq!(
        check("secret", body, &sum("{}")),
        Some(bigbluebutton::Proves::Address)
    );
    assert_eq!(check("other", body, &sum(&json)), None);
    assert_eq!(check("secret", &[body, b"x"].concat(), &sum(&json)), None);
    assert_eq!(check("secret", b"event=%zz", &sum("{}")), None);
    for none in ["", "zz", "00", &sum(&json)[2..]] {
        assert_eq!(check("secret", body, none), None);
    }
    assert!(bigbluebutton::is_bearer("secret", "secret"));
    assert!(!bigbluebutton::is_bearer("secret", "secre"));
    for (body, expected) in [
        (
            "event=[%7B",
            "row 1: the form has a % without its two digits",
        ),
        ("event=[]&x", "row 1: the form has a field without a value"),
        ("event=%5B%ff", "row 1: the form is not UTF-8"),
        ("event=[1]", "is a number where"),
    ] {
        let body = body.replace("[%7B", "[%7");
        check_refused(
            body.as_bytes(),
            AttendanceFormat::BigBlueButton,
            &vienna(),
            expected,
        );
    }
}

#[test]
fn pretix_check_ins_as_pages_and_as_the_export() {
    let reading = Reading {
        clock_error_ms: None,
        ..vienna()
    };
    check(
        fixture!("pretix-checkins.json"),
        &reading,
        &[
            "in pretix/4 14 09:00:58.250-09:01:02.250 pretix:position/501",
            "in pretix/4 14 09:01:00.750-09:03:00.750 pretix:position/502",
            "out pretix/4 14 09:57:58.500-09:58:02.500 pretix:position/501",
            "out pretix/4 14 09:58:07.500-09:58:11.500 pretix:position/501",
            "refused: results[5]: datetime lies in the future",
            "left out: 1 failed check-ins: already redeemed (results[1])",
            "left out: 1 check-ins that pretix made by itself (results[6])",
            "left out: 1 failed check-ins: annulled (results[7])",
            "warning: the file holds 8 of 9 check-ins",
            "warning: results[3]: a second exit without an entry",
        ],
    );
    check(
        fixture!("pretix-log.csv"),
        &reading,
        &[
            "in pretix/Hall (in/out) 14 09:00:58.000-09:02:01.999 pretix-code:ABC12-1",
            "in pretix/Hall (in/out) 14 09:01:00.000-09:03:59.999 pretix-code:ABC13-2",
            "out pretix/Hall (in/out) 14 09:57:58.000-09:59:01.999 pretix-code:ABC12-1",
            "left out: 1 failed check-ins (row 3)",
        ],
    );
    let room = Reading {
        place: Some(Place::Room(RoomId::new("hall").unwrap())),
        ..reading.clone()
    };
    let twice = [fixture!("pretix-checkins.json"), br#"[{"id":90,"position":501,"list":5,"type":"entry","datetime":"2027-03-14T10:01:00+01:00"}]"#].concat();
    check_refused(
        &twice,
        AttendanceFormat::Pretix,
        &room,
        "2 meetings or lists (4, 5)",
    );
    let only = Reading {
        only: Some("5"),
        ..room
    };
    let report = pretix_log::read(&twice, &only).unwrap();
    assert_eq!(
        (report.import.batch.rows.len(), report.import.batch.source),
        (1, Source::App)
    );
}

#[test]
fn our_own_tables_read_their_templates_back() {
    let utc = Reading {
        zone: None,
        ..vienna()
    };
    check(
        &attendance_table::TEMPLATE
            .replace("2026", "2025")
            .into_bytes(),
        &Reading {
            system: Some("hopin"),
            ..utc.clone()
        },
        &[
            "in hopin/main-stream 31 13:01:12.000-13:01:12.999 external:crm-10042 email:zoe@example.org on web-1",
            "out hopin/main-stream 31 13:20:00.000-13:20:00.999 external:crm-10042 email:zoe@example.org on web-1",
            "in hopin/main-stream 31 13:05:00.000-13:05:00.999 email:mj@example.org",
        ],
    );
    let words = words_table::TEMPLATE.to_owned()
        + "a-1,b@example.org,s1,confirmed,why,2026-10-31T10:05Z\n,,s1,confirmed,why,2026-10-31T10:05Z\n,b@example.org,S 1,denied,why,2026-10-31T10:05Z\n\
           ,b@example.org,s1,perhaps,why,2026-10-31T10:05Z\n,b@example.org,s1,denied,Bo said so,2026-10-31T10:05Z\n,nobody,s1,denied,why,2026-10-31T10:05Z\n\
           ,b@example.org,s1,denied,why,soon\n,b@example.org,,denied,why,2026-10-31T10:05Z\n";
    check(
        words.as_bytes(),
        &vienna(),
        &[
            "confirmed session keynote-1 31 09:05:00.000-09:05:59.999 email:zoe@example.org because seen_by_moderator",
            "denied session workshop-1 31 16:10:00.000-16:10:59.999 a-7k2m9q because left_early",
            "refused: row 11, column session: is empty; fill it in",
            "refused: row 4, column email: is filled in, and so is attendee",
            "refused: row 5, column attendee: is empty, and so is email",
            "refused: row 6, column session: is no id",
            "refused: row 7, column word: is none of the words",
            "refused: row 8, column reason: is no code",
            "refused: row 9, column email: is no e-mail",
            "refused: row 10, column when: is no date and time",
        ],
    );
    for (columns, template) in [
        (attendance_table::COLUMNS, attendance_table::TEMPLATE),
        (words_table::COLUMNS, words_table::TEMPLATE),
    ] {
        let named: Vec<&str> = columns.iter().map(|column| column.name).collect();
        assert_eq!(template.lines().next().unwrap(), named.join(","));
    }
    check_refused(
        b"joined\n2026-10-31T10:05Z\n",
        AttendanceFormat::Table,
        &vienna(),
        "row 2, column channel: is empty",
    );
}

#[test]
fn keys_and_devices_hold_nothing_personal_and_are_the_same_every_time() {
    for (format, bytes) in FILES {
        let place = match format.read(bytes, &vienna()) {
            Ok(_) => None,
            Err(_) => with_channel().place,
        };
        let reading = Reading { place, ..vienna() };
        let first = format.read(bytes, &reading).unwrap().import.batch;
        // A stated error and a time at which it is read are no part of what was observed.
        let later = Reading {
            clock_error_ms: Some(5_000),
            now: now().plus_ms(86_400_000),
            ..reading
        };
        let again = format.read(bytes, &later).unwrap().import.batch;
        let keys: Vec<&String> = first.rows.iter().map(|row| &row.key).collect();
        assert_eq!(
            keys,
            again.rows.iter().map(|row| &row.key).collect::<Vec<_>>()
        );
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        for row in &first.rows {
            let said = format!("{}{:?}{row:?}", row.key, row.device);
            for personal in ["ana", "Ana", "Duarte", "@", "crm-5", "Phone"] {
                assert!(!said.contains(personal), "{said}");
            }
            assert!(
                row.subjects
                    .iter()
                    .all(|s| protocol::subject::canonical(&s.system, &s.text).is_ok())
            );
            assert_eq!(row.attendee.is_some(), row.subjects.is_empty());
        }
        let shown = format!("{:?}", format.read(bytes, &vienna()));
        for personal in ["ana@", "Ana Duarte", "wrong@"] {
            assert!(!shown.contains(personal), "{shown}");
        }
    }
}

#[test]
fn damaged_and_hostile_files_are_refused_by_name() {
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let wide = format!(
        "Name (Original Name),User Email,Join Time,Leave Time,Guest,Duration (Minutes)\n{}\n",
        ",".repeat(1_000_000)
    );
    let open = "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes)\n\"Ana,a@b,03/14/2027 10:00,\n";
    for (format, text, expected) in [
        (AttendanceFormat::Zoom, deep.as_str(), "recursion limit"),
        (
            AttendanceFormat::Zoom,
            "{\"participants\":[",
            "is not whole JSON",
        ),
        (
            AttendanceFormat::Zoom,
            "{\"participants\":7}",
            "participants is a number where a list should be",
        ),
        (
            AttendanceFormat::Zoom,
            wide.as_str(),
            "row 2: more than 1000 cells",
        ),
        (
            AttendanceFormat::Zoom,
            open,
            "row 2: the quote that opens here is never closed",
        ),
        (
            AttendanceFormat::Zoom,
            "nothing",
            "none of the headers that are read",
        ),
        (AttendanceFormat::Zoom, "", "none of the headers"),
        (
            AttendanceFormat::Webex,
            "{\"items\":{}}",
            "items is an object where a list should be",
        ),
        (AttendanceFormat::Teams, "{\"value\":1}", "value is no list"),
        (
            AttendanceFormat::Pretix,
            "{\"detail\":\"Invalid token.\"}",
            "a refusal of the server",
        ),
        (
            AttendanceFormat::Table,
            "joyned\nx\n",
            "did you mean joined?",
        ),
        (
            AttendanceFormat::Words,
            "word\n",
            "lacks this required column",
        ),
    ] {
        check_refused(text.as_bytes(), format, &with_channel(), expected);
    }
    for (format, bytes) in FILES {
        let name = format.as_str();
        let mut odd = vec![0xFF, 0xFE];
        odd.extend_from_slice(&[0x3D, 0xD8, 0x41, 0x00, 0x41]);
        assert!(format.read(&odd, &vienna()).is_err(), "{name}");
        assert!(format.read(b"Zo\xEB", &vienna()).is_err(), "{name}");
        assert!(
            format
                .read(&vec![b' '; crate::sources::MAX_IMPORT_BYTES + 1], &vienna())
                .is_err(),
            "{name}"
        );
        for cut in (0..bytes.len()).step_by(97) {
            let _ = format.read(&bytes[..cut], &vienna());
        }
    }
}

#[test]
fn names_that_mislead_are_shown_without_what_misleads() {
    let name = "Ana\u{202E}etrauD\u{0}\u{7} =1+1";
    let table = format!(
        "channel,name,joined\nc,\"{}\",2026-10-31T10:05Z\n",
        "x".repeat(900)
    );
    let report = attendance_table::read(table.as_bytes(), &vienna()).unwrap();
    let label = report.import.batch.rows[0].label.clone().unwrap();
    assert_eq!(label.name.as_deref().map(str::len), Some(200));
    let page = serde_json::json!({"items": [{"email": "", "displayName": name, "meetingId": "m", "joinedTime": "2026-10-31T10:05:00Z"}]});
    let report = webex::read(page.to_string().as_bytes(), &vienna()).unwrap();
    let row = &report.import.batch.rows[0];
    assert_eq!(
        row.label.clone().unwrap().name.as_deref(),
        Some("AnaetrauD =1+1")
    );
    assert_eq!(row.subjects[0].system, "webex-guest");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens to a good file, it is read or refused.
    #[test]
    fn no_change_to_a_good_file_panics(file in 0..FILES.len(), at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..4), cut in 0_usize..4) {
        let (format, bytes) = FILES[file];
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        let changed = [&bytes[..at], &with, &bytes[end..]].concat();
        let _ = detect_attendance(&changed);
        let _ = format.read(&changed, &vienna());
        for (format, _) in FILES {
            let _ = format.read(&changed, &with_channel());
        }
    }
}
