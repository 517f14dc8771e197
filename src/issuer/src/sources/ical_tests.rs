#![allow(clippy::unwrap_used, clippy::panic)]
use chrono::DateTime;
use proptest::prelude::*;

use super::*;

const ZONE: Tz = Tz::America__New_York;
/// As pretalx writes New York, with made-up sessions.
const CALENDAR: &[u8] = include_bytes!("testdata/schedule.ics");

fn utc(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text)
        .unwrap()
        .timestamp_millis()
}

/// A calendar with one event, whose properties are `lines`, and what stands before it.
fn calendar(before: &str, lines: &str) -> String {
    let text = format!(
        "BEGIN:VCALENDAR\nVERSION:2.0\n{before}BEGIN:VEVENT\nUID:u-1\nSUMMARY:Trust\nLOCATION:Hall\n{lines}END:VEVENT\nEND:VCALENDAR\n"
    );
    text.replace('\n', "\r\n")
}

fn read_text(text: &str) -> Result<ImportReport<AgendaImport>, ImportError> {
    read(text.as_bytes(), ZONE)
}

/// The event's start and end, and the warnings.
fn times(text: &str) -> (i64, i64, Vec<String>) {
    let report = read_text(text).unwrap();
    let session = &report.import.sessions[0];
    let warnings = report.warnings.iter().map(ToString::to_string).collect();
    (session.start_utc_ms, session.end_utc_ms, warnings)
}

fn check_refused(text: &str, expected: &str) {
    let shown = read_text(text).unwrap_err().to_string();
    assert!(
        shown.contains(expected),
        "{shown}\ndoes not say: {expected}"
    );
}

#[test]
fn a_calendar_as_pretalx_writes_it() {
    let report = read(CALENDAR, ZONE).unwrap();
    let warnings: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("speakers behind each title"),
        "{warnings:?}"
    );
    let agenda = report.import;
    let rooms: Vec<&str> = agenda.rooms.iter().map(|r| r.id.as_str()).collect();
    // The same rooms as of the other exports of one schedule.
    assert_eq!(rooms, ["main-hall", "salle-ngstr-m-b-df121e0a4d"]);
    let sessions: Vec<_> = agenda
        .sessions
        .iter()
        .map(|s| (s.title.as_str(), s.start_utc_ms))
        .collect();
    assert_eq!(
        sessions,
        [
            // "EST", on a summer day: an hour off for whoever goes by the name.
            (
                "Opening: trust & évidence - Zoë Łukasik, María-José García",
                utc("2026-10-31T13:00:00Z")
            ),
            (
                "Hands on: logs; a very long title that is folded in the middle of a letter é, and again",
                utc("2026-10-31T14:30:00Z")
            ),
            ("Closing", utc("2026-11-01T14:00:00Z")),
        ]
    );
    assert!(
        agenda.sessions[0]
            .id
            .starts_with("pretalx-audit-days-x00061-conference-example-")
    );
    let left_out: Vec<String> = report.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        left_out,
        [
            "1 events that are cancelled (Withdrawn)",
            "1 entries for whole days, which are no sessions (Day one)",
            "1 events without a room (LOCATION), which no door serves (Walk)",
        ]
    );
}

#[test]
fn times_in_every_way_they_are_written() {
    for (lines, start, end) in [
        (
            "DTSTART:20261031T130000Z\nDTEND:20261031T140000Z\n",
            "13:00",
            "14:00",
        ),
        (
            "DTSTART:20261031T130000Z\nDURATION:PT1H30M\n",
            "13:00",
            "14:30",
        ),
        (
            "DTSTART:20261031T130000Z\nDURATION:P0DT45M\n",
            "13:00",
            "13:45",
        ),
        (
            "DTSTART;TZID=America/New_York:20261031T090000\nDTEND;TZID=America/New_York:20261031T100000\n",
            "13:00",
            "14:00",
        ),
        (
            "DTSTART;TZID=\"/example.org/2026_1/America/New_York\":20261031T090000\nDURATION:PT1H\n",
            "13:00",
            "14:00",
        ),
        (
            "DTSTART;VALUE=DATE-TIME;TZID=UTC:20261031T130000\nDURATION:PT60M\n",
            "13:00",
            "14:00",
        ),
    ] {
        let (from, to, _) = times(&calendar("", lines));
        let at = |clock: &str| utc(&format!("2026-10-31T{clock}:00Z"));
        assert_eq!((from, to), (at(start), at(end)), "{lines}");
    }
    let (from, _, warnings) = times(&calendar("", "DTSTART:20261031T090000\nDURATION:PT1H\n"));
    assert_eq!(from, utc("2026-10-31T13:00:00Z"));
    assert_eq!(
        warnings,
        ["1 times have no zone and were taken in the event's, America/New_York"]
    );
    let (from, _, warnings) = times(&calendar(
        "",
        "DTSTART;TZID=Europe/Vienna:20261031T140000\nDURATION:PT1H\n",
    ));
    assert_eq!(from, utc("2026-10-31T13:00:00Z"));
    assert!(
        warnings[0].contains("in the zone Europe/Vienna; people will see 2026-10-31 09:00"),
        "{warnings:?}"
    );
    let named = calendar(
        "X-WR-TIMEZONE:America/New_York\n",
        "DTSTART:20261031T090000\nDURATION:PT1H\n",
    );
    assert_eq!(times(&named).2, Vec::<String>::new());
}

/// A zone as a calendar defines it: name, rule of summer, rule of winter.
fn defined(id: &str, summer: &str, winter: &str) -> String {
    format!(
        "BEGIN:VTIMEZONE\nTZID:{id}\nBEGIN:DAYLIGHT\nDTSTART:16010101T020000\n{summer}TZOFFSETFROM:-0500\nTZOFFSETTO:-0400\n\
         END:DAYLIGHT\nBEGIN:STANDARD\nDTSTART:16010101T020000\n{winter}TZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nEND:STANDARD\nEND:VTIMEZONE\n"
    )
}

#[test]
fn a_defined_zone_is_the_place_it_copies() {
    for (summer, winter) in [
        (
            "RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3\n",
            "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11\n",
        ),
        (
            "RRULE:FREQ=YEARLY;INTERVAL=1;BYMONTH=3;BYDAY=SU;BYMONTHDAY=8,9,10,11,12,13,14\n",
            "RRULE:FREQ=YEARLY;WKST=MO;BYMONTH=11;BYDAY=-5SU\n",
        ),
        (
            "RDATE:20250309T020000,20260308T020000\n",
            "RDATE:20251102T020000\nRDATE:20261101T020000\n",
        ),
    ] {
        let zone = defined("Eastern Standard Time", summer, winter);
        for local in [
            "20260115T120000",
            "20260308T015900",
            "20260308T030000",
            "20260701T000000",
            "20261101T005900",
            "20261101T020000",
            "20261231T235900",
        ] {
            let lines = |id: &str| format!("DTSTART;TZID={id}:{local}\nDURATION:PT1H\n");
            let own = times(&calendar(&zone, &lines("Eastern Standard Time")));
            let place = times(&calendar("", &lines("America/New_York")));
            assert_eq!(own, place, "{local} {summer}");
        }
        for (local, says) in [
            ("20260308T023000", "does not exist"),
            ("20261101T013000", "happens twice"),
        ] {
            for id in ["Eastern Standard Time", "America/New_York"] {
                let text = calendar(
                    &zone,
                    &format!("DTSTART;TZID={id}:{local}\nDURATION:PT1H\n"),
                );
                check_refused(&text, says);
            }
        }
    }
}

#[test]
fn zones_are_never_guessed() {
    let lines = |id: &str| format!("DTSTART;TZID={id}:20261031T090000\nDURATION:PT1H\n");
    check_refused(
        &calendar("", &lines("EST")),
        "row 7, column DTSTART, \"20261031T090000\": is in the zone \"EST\", which the file does not define",
    );
    check_refused(
        &calendar("", &lines("Eastern")),
        "write for example TZID=America/New_York",
    );
    // Windows' names are names of places, where a definition says nothing else.
    let windows = calendar("", &lines("Eastern Standard Time"));
    assert_eq!(times(&windows).0, utc("2026-10-31T13:00:00Z"));
    let redefined = defined(
        "Tokyo Standard Time",
        "RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3\n",
        "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11\n",
    );
    let redefined = calendar(&redefined, &lines("Tokyo Standard Time"));
    assert_eq!(times(&redefined).0, utc("2026-10-31T13:00:00Z"));
    for rule in [
        "MONTHLY;BYDAY=2SU",
        "YEARLY;BYDAY=6SU",
        "YEARLY;BYDAY=0SU",
        "YEARLY;BYDAY=-2147483648SU",
    ] {
        let odd = defined("X", &format!("RRULE:FREQ={rule}\n"), "");
        check_refused(
            &calendar(&odd, &lines("X")),
            "is in a zone whose definition is not understood (its RRULE, row 5)",
        );
    }
    check_refused(
        &calendar("BEGIN:VTIMEZONE\nTZID:X\nEND:VTIMEZONE\n", &lines("X")),
        "whose definition is empty",
    );
    let floating = calendar(
        "X-WR-TIMEZONE:Europe/Berlin\n",
        "DTSTART:20261031T090000\nDURATION:PT1H\n",
    );
    check_refused(
        &floating,
        "the calendar says X-WR-TIMEZONE:Europe/Berlin in row 3, but the event's zone is America/New_York",
    );
    // Who exports with a place beside the definition means the place.
    let placed = "BEGIN:VTIMEZONE\nTZID:X\nX-LIC-LOCATION:America/New_York\nEND:VTIMEZONE\n";
    assert_eq!(
        times(&calendar(placed, &lines("X"))).0,
        utc("2026-10-31T13:00:00Z")
    );
}

#[test]
fn faults_are_named_by_their_line() {
    let good = "DTSTART:20261031T130000Z\nDTEND:20261031T140000Z\n";
    for (lines, expected) in [
        (
            "DTEND:20261031T140000Z\n",
            "row 3, column DTSTART: the event has no start",
        ),
        (
            "DTSTART:20261031T130000Z\n",
            "row 3, column DTEND: the event has neither DTEND nor DURATION",
        ),
        (
            "DTSTART:20261031T130000Z\nDURATION:-PT1H\n",
            "row 8, column DURATION, \"-PT1H\": is no duration",
        ),
        (
            "DTSTART:20261031T130000Z\nDTEND:20261031T130000Z\n",
            "row 8, column DTEND: the event ends when or before it starts",
        ),
        (
            "DTSTART:31.10.2026 13:00\nDTEND:20261031T140000Z\n",
            "row 7, column DTSTART, \"31.10.2026 13:00\": is no date and time",
        ),
        (
            "DTSTART:99991031T130000Z\nDTEND:20261031T140000Z\n",
            "is no date and time",
        ),
        (
            &format!("{good}RRULE:FREQ=DAILY;COUNT=3\n"),
            "row 9, column RRULE, \"FREQ=DAILY;COUNT=3\": the event recurs",
        ),
        (
            &format!("{good}RECURRENCE-ID:20261031T130000Z\n"),
            "row 9, column RECURRENCE-ID",
        ),
    ] {
        let text = calendar("", lines);
        check_refused(&text, expected);
    }
    check_refused(
        &calendar("", good).replace("UID:u-1", "X-A:1"),
        "row 3, column UID: is missing",
    );
    check_refused(
        &calendar("", good).replace("SUMMARY:Trust", "SUMMARY:"),
        "column SUMMARY: is missing",
    );
    check_refused(
        &calendar("", good).replace("Hall", "Ha\u{202E}ll"),
        "column LOCATION",
    );
    let whole = calendar("", good);
    check_refused(
        &format!("{whole}{whole}"),
        "the event has the same UID as row 4",
    );
    check_refused(&whole[..whole.len() - 15], "never ends");
    check_refused("BEGIN:VCARD\nEND:VCARD\n", "row 1: this is no calendar");
    check_refused(
        "BEGIN:VCALENDAR\nEND:VCALENDAR\n",
        "the calendar has no events",
    );
    assert_eq!(
        times(&calendar("", &format!("{good}RRULE:FREQ=DAILY;COUNT=1\n"))).0,
        utc("2026-10-31T13:00:00Z")
    );
}

#[test]
fn a_session_that_moved_or_was_cancelled_keeps_its_identity() {
    let event = |sequence: &str, hour: u32, status: &str| {
        format!(
            "BEGIN:VEVENT\nUID:Talk@1\n{sequence}SUMMARY:T\nLOCATION:Hall\nDTSTART:20261031T{hour}0000Z\nDURATION:PT1H\n{status}END:VEVENT\n"
        )
    };
    let whole = |events: &[String]| format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", events.concat());
    let before = read_text(&whole(&[event("", 13, "")]))
        .unwrap()
        .import
        .sessions
        .remove(0);
    let after = read_text(&whole(&[
        event("SEQUENCE:1\n", 13, ""),
        event("SEQUENCE:2\n", 15, ""),
    ]))
    .unwrap()
    .import
    .sessions;
    assert_eq!(after.len(), 1);
    assert_eq!(
        (&after[0].id, after[0].start_utc_ms),
        (&before.id, utc("2026-10-31T15:00:00Z"))
    );
    let other = event("", 15, "").replace("Talk@1", "u-2");
    let report = read_text(&whole(&[
        event("SEQUENCE:3\n", 13, "STATUS:CANCELLED\n"),
        other.clone(),
    ]))
    .unwrap();
    assert_eq!(
        (report.import.sessions.len(), report.left_out[0].count),
        (1, 1)
    );
    let called_off = format!(
        "{}{}",
        whole(&[other]),
        whole(&[event("", 13, "")]).replace("CALENDAR\nBEGIN", "CALENDAR\nMETHOD:CANCEL\nBEGIN")
    );
    let report = read_text(&called_off).unwrap();
    assert_eq!(
        (report.import.sessions.len(), report.left_out[0].count),
        (1, 1)
    );
}

proptest! {
    #[test]
    fn no_bytes_and_no_damage_panic(at in 0_usize..4_000, length in 0_usize..60, text in "\\PC{0,20}|[A-Z0-9:;=,\"\r\n -]{0,16}") {
        let _ = read(text.as_bytes(), ZONE);
        let mut bytes = CALENDAR.to_vec();
        let from = at.min(bytes.len());
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, text.bytes());
        let report = read(&bytes, ZONE);
        for session in report.iter().flat_map(|r| &r.import.sessions) {
            prop_assert!(session.start_utc_ms < session.end_utc_ms && crate::sources::is_id(&session.id));
        }
    }

    #[test]
    fn any_rule_of_the_clocks_is_followed_without_a_panic(rule in "FREQ=YEARLY(;BYMONTH=[0-9]{1,2})?(;BYDAY=-?[0-9]{0,2}(SU|MO|XX))?(;BYMONTHDAY=[0-9,]{1,8})?(;UNTIL=[0-9]{8}(T[0-9]{6}Z)?)?", from in -2000_i32..2000, to in -2000_i32..2000) {
        let zone = format!("BEGIN:VTIMEZONE\nTZID:X\nBEGIN:STANDARD\nDTSTART:00010101T000000\nRRULE:{rule}\nTZOFFSETFROM:{from:+05}\nTZOFFSETTO:{to:+05}\nEND:STANDARD\nEND:VTIMEZONE\n");
        let _ = read_text(&calendar(&zone, "DTSTART;TZID=X:20261031T090000\nDURATION:PT1H\n"));
    }
}
