#![allow(clippy::unwrap_used, clippy::panic)]

use chrono::DateTime;
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;

const ZONE: Tz = Tz::America__New_York;
const SCHEDULE: &str = include_str!("testdata/schedule.json");

fn utc(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text)
        .unwrap()
        .timestamp_millis()
}

/// Reads a file that must be refused, and checks the lines of what is said.
fn check_refused<T: std::fmt::Debug>(
    result: Result<ImportReport<T>, ImportError>,
    expected: &[&str],
) {
    let error = result.unwrap_err();
    let shown: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for (shown, expected) in shown.iter().zip(expected) {
        assert!(
            shown.contains(expected),
            "{shown}\ndoes not say: {expected}"
        );
    }
}

fn agenda(rows: &str) -> Result<ImportReport<AgendaImport>, ImportError> {
    let text =
        format!("session,title,room,room_title,start,end,programme,kind,credit_value\n{rows}");
    agenda_csv::read(text.as_bytes(), ZONE)
}

fn registrations(rows: &str) -> Result<ImportReport<RegistrationsImport>, ImportError> {
    let text = format!("badge,name,email,valid_from,valid_until,status\n{rows}");
    registrations_csv::read(text.as_bytes(), ZONE)
}

#[test]
fn the_templates_read_back_without_a_warning() {
    let text = template(ImportKind::Agenda);
    let report = agenda_csv::read(text.as_bytes(), ZONE).unwrap();
    assert_eq!(
        (report.warnings.len(), report.import.sessions.len()),
        (0, 2)
    );
    let first = &report.import.sessions[0];
    assert_eq!(
        (
            first.id.as_str(),
            first.kind.as_str(),
            first.programme.as_deref()
        ),
        ("keynote-1", "talk", None)
    );
    assert_eq!(first.start_utc_ms, utc("2026-10-31T13:00:00Z"));
    assert_eq!(
        report.import.sessions[1].credit_value.as_deref(),
        Some("1.5")
    );
    assert_eq!(
        report.import.rooms[0],
        RoomRow {
            id: "main-hall".to_owned(),
            title: "Main Hall".to_owned()
        }
    );

    let text = template(ImportKind::Registrations);
    let report = registrations_csv::read(text.as_bytes(), ZONE).unwrap();
    assert_eq!((report.warnings.len(), report.import.rows.len()), (0, 2));
    let second = &report.import.rows[1];
    assert_eq!(
        (second.line, second.organisation.as_deref()),
        (3, Some("García, Ruiz y Cía"))
    );
    assert_eq!(second.valid_until_utc_ms, Some(utc("2026-11-01T04:00:00Z")));
}

#[test]
fn the_columns_are_those_of_the_templates() {
    for kind in [ImportKind::Agenda, ImportKind::Registrations] {
        let header = template(kind).lines().next().unwrap();
        let named: Vec<&str> = columns(kind).iter().map(|c| c.name).collect();
        assert_eq!(header, named.join(","));
        assert!(
            named
                .iter()
                .all(|name| describe(kind).contains(&format!("{name} (")))
        );
    }
}

#[test]
fn semicolons_and_a_byte_order_mark_and_any_order_of_columns() {
    let text = "\u{FEFF}End;START;Room;\"Session\";title;credit_value\r\n\r\n2026-10-31 10:00;2026-10-31 09:00;r1;s1;\"A; B\";1,5\r\n";
    let session = agenda_csv::read(text.as_bytes(), ZONE)
        .unwrap()
        .import
        .sessions
        .remove(0);
    assert_eq!(
        (session.title.as_str(), session.credit_value.as_deref()),
        ("A; B", Some("1.5"))
    );
}

#[test]
fn every_delimiter_and_encoding_reads_the_same() {
    let text = template(ImportKind::Registrations);
    let expected = registrations_csv::read(text.as_bytes(), ZONE).unwrap();
    let organisation = "\"García, Ruiz y Cía\"";
    for delimiter in [",", ";", "\t"] {
        let text = text.replace(organisation, "@@").replace(',', delimiter);
        let text = format!("\u{FEFF}{}", text.replace("@@", organisation));
        let little = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [text.clone().into_bytes(), little, big] {
            let read = registrations_csv::read(&bytes, ZONE);
            assert_eq!(read.as_ref(), Ok(&expected), "{delimiter:?}");
        }
    }
}

#[test]
fn a_wrapped_text_is_one_line_and_an_open_quote_swallows_nobody() {
    let code = "K7QX3MPA9TZDWH4E";
    let rows =
        format!("{code},\"Zoë\r\n Łukasik\n\",,,,\nR2VN8CYB4JFSXK6T,\"Li \"\"Lee\"\" Wei\",,,,\n");
    let report = registrations(&rows).unwrap();
    let names: Vec<&str> = report.import.rows.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["Zoë Łukasik", "Li \"Lee\" Wei"]);
    assert_eq!(report.import.rows[1].line, 5);
    check_refused(
        registrations(&format!("{code},Ann,\"a@b\n\nc\",,,\n")),
        &["row 2, column email: holds a line break"],
    );
    check_refused(
        registrations(&format!("{code},\"Ann,,,,\nR2VN8CYB4JFSXK6T,\"Bob\",,,,\n")),
        &["row 3: a quote that was opened in row 2 is closed here in the middle of a value"],
    );
    check_refused(
        registrations(&format!("{code},\"Ann,,,,\nR2VN8CYB4JFSXK6T,Bob,,,,\n")),
        &["row 2: the quote that opens here is never closed"],
    );
    assert_eq!(
        registrations(&format!("{code},5\" Ann,,,,\n"))
            .unwrap()
            .import
            .rows[0]
            .name,
        "5\" Ann"
    );
}

#[test]
fn wrong_encodings_say_how_to_save() {
    let utf16: Vec<u8> = template(ImportKind::Agenda)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let marked = [&[0xFF, 0xFE], utf16.as_slice()].concat();
    let read = |bytes: &[u8]| registrations_csv::read(bytes, ZONE);
    check_refused(read(&utf16), &["UTF-16 without a byte order mark"]);
    let report = agenda_csv::read(&marked, ZONE).unwrap();
    let plain = agenda_csv::read(template(ImportKind::Agenda).as_bytes(), ZONE).unwrap();
    assert_eq!(report, plain);
    check_refused(
        read(b"badge,name\nK7QX3MPA9TZDWH4E,Ann\nR2VN8CYB4JFSXK6T,Zo\xEB\n"),
        &["row 3: a letter here is not UTF-8"],
    );
    check_refused(read(b"PK\x03\x04rest"), &["the workbook is damaged"]);
    let old = [0xD0, 0xCF, 0x11, 0xE0, 0xA1];
    check_refused(read(&old), &["a spreadsheet of an old format"]);
    check_refused(read(&vec![b'x'; MAX_IMPORT_BYTES + 1]), &["split it"]);
    check_refused(read(b""), &["the file is empty"]);
    check_refused(
        read(b"\n\nAnn,Lee\n"),
        &[
            "row 3, column 1, \"Ann\": the first line must be the header",
            "column 2",
            "column badge",
            "column name",
        ],
    );
}

#[test]
fn headers_are_known_and_whole() {
    let read = |text: &str| registrations_csv::read(text.as_bytes(), ZONE);
    check_refused(
        read("badge,name,valid_untill\nx,y,z\n"),
        &["row 1, column 3, \"valid_untill\": unknown column, did you mean valid_until?"],
    );
    check_refused(
        read("badge,name,name\nx,y,z\n"),
        &["the column is there twice"],
    );
    check_refused(
        read("badge,email\nx,y\n"),
        &["row 1, column name: the header lacks this required column"],
    );
    check_refused(read("badge,name\n"), &["no rows"]);
}

#[test]
fn agenda_problems_name_row_and_column() {
    check_refused(
        agenda("Keynote 1,T,r,,2026-10-31T09:00,2026-10-31T10:00,,,\n"),
        &[
            "row 2, column session, \"Keynote 1\": is no id: use small letters a to z, digits and hyphens, at most 64, such as keynote-1",
        ],
    );
    check_refused(
        agenda("s,,r,,2026-10-31T09:00,2026-10-31T10:00,,,\n"),
        &["row 2, column title: is empty"],
    );
    check_refused(
        agenda("s,T,r,,2026-10-31T10:00,2026-10-31T10:00,,,\n"),
        &["row 2, column end, \"2026-10-31T10:00\": the session ends when or before it starts"],
    );
    check_refused(
        agenda("s,T,r,,2026-03-08T02:30,2026-03-08T04:00,,,\n"),
        &["row 2, column start, \"2026-03-08T02:30\": 2026-03-08 02:30 does not exist"],
    );
    check_refused(
        agenda("s,T,r,,2026-11-01T00:30,2026-11-01T01:30,,,\n"),
        &["write 2026-11-01T01:30-04:00 for the first"],
    );
    check_refused(
        agenda("s,T,r,,2026-10-31T09:00,2026-10-31T10:00,,,one\n"),
        &["column credit_value, \"one\""],
    );
    check_refused(
        agenda("s,T, with comma,r,,2026-10-31T09:00,2026-10-31T10:00,,,\n"),
        &["row 2: 10 cells, but the header has 9"],
    );
    check_refused(
        agenda(
            "s,\"T,r,,2026-10-31T09:00,2026-10-31T10:00,,,\nt,T,r,,2026-10-31T09:00,2026-10-31T10:00,,,\n",
        ),
        &["row 2: the quote that opens here is never closed"],
    );
    let twice = "s,T,r,A,2026-10-31T09:00,2026-10-31T10:00,,,\ns,U,r,B,2026-10-31T11:00,2026-10-31T12:00,,,\n";
    check_refused(
        agenda(twice),
        &[
            "rows 2 and 3 have the same id",
            "row 3, column room_title, \"B\": the room is called \"A\" in row 2",
        ],
    );
}

#[test]
fn problems_are_listed_to_a_bound_and_counted() {
    let rows: String = (0..50)
        .map(|i| format!("s{i},T,r,,soon,later,,,\n"))
        .collect();
    let error = agenda(&rows).unwrap_err();
    assert_eq!((error.problems.len(), error.total), (MAX_LISTED, 100));
    assert!(
        error
            .to_string()
            .starts_with("nothing was imported: 100 problems\n  row 2, column start, \"soon\": ")
    );
    assert!(error.to_string().ends_with("and 80 more"));
}

#[test]
fn agenda_warnings() {
    let warnings = |rows: &str| {
        agenda(rows)
            .unwrap()
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let row = |id: &str, room: &str, start: &str, end: &str| {
        format!("{id},T,{room},,2026-10-31T{start},2026-10-31T{end},,,\n")
    };
    let back_to_back = row("a", "r", "09:00", "10:00")
        + &row("b", "r", "10:00", "11:00")
        + &row("c", "q", "09:30", "10:30");
    assert_eq!(warnings(&back_to_back), Vec::<String>::new());
    let nested = row("a", "r", "09:00", "12:00")
        + &row("b", "r", "09:30", "10:00")
        + &row("c", "r", "11:00", "13:00");
    let shown = warnings(&nested);
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(
        shown[0].starts_with("row 3, column room, \"r\": the session overlaps with row 2"),
        "{}",
        shown[0]
    );
    assert!(
        shown[1].starts_with("row 4, column room, \"r\": the session overlaps with row 2"),
        "{}",
        shown[1]
    );
    assert!(
        warnings("a,T,r,,2026-10-30T09:00,2026-10-31T10:00,,,\n")[0].contains("more than 16 hours")
    );
    assert!(
        warnings("a,T,r,,2026-10-31T09:00-05:00,2026-10-31T12:00,,,\n")[0]
            .contains("people will see 2026-10-31 10:00")
    );
}

#[test]
fn registration_problems_show_nothing_private() {
    let code = "K7QX3MPA9TZDWH4E";
    check_refused(
        registrations(&format!("{code},Ann,,,,\n{code},Bob,,,,\n")),
        &["row 3, column badge: rows 2 and 3 have the same badge code"],
    );
    check_refused(
        registrations(&format!("{code},Ann,ann(at)example,,,\n")),
        &["row 2, column email: is no e-mail address"],
    );
    check_refused(
        registrations(&format!("{code},Ann,,,,paid\n")),
        &["row 2, column status, \"paid\""],
    );
    check_refused(
        registrations(&format!("{code},Ann,,2026-10-31,2026-10-30,\n")),
        &["row 2, column valid_until"],
    );
    check_refused(
        registrations(&format!("{code},An\u{FFFD},,,,\n")),
        &["row 2, column name: holds a � where a letter was lost"],
    );
    check_refused(
        registrations(",Ann,,,,\n"),
        &["row 2, column badge: is empty"],
    );
    let rows = format!("{code},Zoë Łukasik,zoe@example.org,,,canceled\n");
    let report = registrations(&rows).unwrap();
    assert!(report.import.rows[0].cancelled);
    let shown = format!("{report:?}");
    assert!(
        !shown.contains(code) && !shown.contains("zoe") && !shown.contains("Zoë"),
        "{shown}"
    );
}

#[test]
fn lines_are_those_of_the_file() {
    let code = "K7QX3MPA9TZDWH4E";
    for ending in ["\n", "\r\n"] {
        let lines = [
            String::new(),
            "badge,name".into(),
            String::new(),
            String::new(),
            format!("{code},A"),
            format!("{code},B"),
        ];
        let text = lines.join(ending);
        check_refused(
            registrations_csv::read(text.as_bytes(), ZONE),
            &["rows 5 and 6 have the same badge code"],
        );
    }
}

#[test]
fn a_wrong_badge_code_or_name_is_not_shown() {
    let error = registrations("K7QX3MPA\u{7}9TZD,Zoë\u{202E},,,,\n").unwrap_err();
    let shown = error.to_string();
    assert_eq!(error.total, 2, "{shown}");
    assert!(!shown.contains("K7Q") && !shown.contains("Zoë"), "{shown}");
}

#[test]
fn a_badge_is_no_time_code() {
    check_refused(
        registrations("RCT1AAAAAAAAAAAAAAAA,Ann,,,,\n"),
        &["row 2, column badge: begins as time codes do"],
    );
}

#[test]
fn a_badge_code_has_a_bound() {
    let rows = |bytes: usize| format!("{},Ann,,,,\n", "Ab1".repeat(bytes / 3));
    assert_eq!(registrations(&rows(510)).unwrap().warnings, vec![]);
    check_refused(
        registrations(&rows(513)),
        &["row 2, column badge: the badge text is longer than 512 bytes"],
    );
}

#[test]
fn people_of_one_name_and_guessable_badges_are_warned_of() {
    let report = registrations("K7QX3MPA9TZDWH4E,Kim Lee,,,,\nR2VN8CYB4JFSXK6T,KIM LEE,,,,\n1001,Ann,,,,\n1002,Bo,,,,\n1003,Cy,,,,\n").unwrap();
    let shown: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(shown[0].starts_with("row 3, column name: rows 2 and 3 have the same name"));
    assert!(
        shown[1].starts_with("row 4, column badge: 3 badge codes are numbered one after another")
    );
    assert!(shown[2].starts_with("row 4, column badge: 3 badge codes are digits only"));
}

#[test]
fn a_frab_schedule() {
    let report = frab::read(SCHEDULE.as_bytes(), ZONE).unwrap();
    assert_eq!(report.warnings, vec![]);
    let agenda = report.import;
    assert_eq!(
        (agenda.version_label.as_deref(), agenda.zone.as_deref()),
        (Some("v1.1"), Some("America/New_York"))
    );
    let rooms: Vec<&str> = agenda.rooms.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(rooms, ["lounge", "main-hall", "salle-ngstr-m-b-df121e0a4d"]);
    let ids: Vec<&str> = agenda.sessions.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "a0b1c2d3-0000-5000-8000-000000000001",
            "a0b1c2d3-0000-5000-8000-000000000002",
            "id-63",
            "a0b1c2d3-0000-5000-8000-000000000004"
        ]
    );
    let workshop = &agenda.sessions[2];
    assert_eq!(
        (workshop.kind.as_str(), workshop.room.as_str()),
        ("long-workshop", rooms[2])
    );
    assert_eq!(
        (workshop.start_utc_ms, workshop.end_utc_ms),
        (utc("2026-10-31T14:30:00Z"), utc("2026-10-31T17:30:00Z"))
    );
    // The hour that happens twice: elapsed time, not wall time.
    assert_eq!(agenda.sessions[3].end_utc_ms, utc("2026-11-01T06:30:00Z"));
}

#[test]
fn a_frab_schedule_of_another_zone_is_warned_of() {
    let report = frab::read(SCHEDULE.as_bytes(), Tz::Europe__Berlin).unwrap();
    assert_eq!(report.warnings_total, 1);
    assert_eq!(
        report.import.sessions[2].start_utc_ms,
        utc("2026-10-31T14:30:00Z")
    );
}

#[test]
fn frab_problems_name_the_place() {
    let read = |from: &str, to: &str| {
        assert!(SCHEDULE.contains(from));
        frab::read(SCHEDULE.replacen(from, to, 1).as_bytes(), ZONE)
    };
    let first = "schedule.conference.days[0].rooms[\"Main Hall\"][0]";
    check_refused(
        read("\"duration\": \"01:00\"", "\"duration\": \"01:60\""),
        &[&format!("{first}.duration, \"01:60\": is no duration")],
    );
    check_refused(
        read("\"duration\": \"01:00\"", "\"duration\": \"00:00\""),
        &[&format!("{first}.duration")],
    );
    check_refused(
        read("2026-10-31T09:00:00-04:00", "soon"),
        &[&format!("{first}.date, \"soon\"")],
    );
    check_refused(
        read("Opening: trust & évidence", "  "),
        &[&format!("{first}.title")],
    );
    check_refused(
        read("000000000002", "000000000001"),
        &[&format!(
            "schedule.conference.days[0].rooms[\"Main Hall\"][1].guid, \"a0b1c2d3-0000-5000-8000-000000000001\": the event has the same guid as {first}"
        )],
    );
    check_refused(
        read("America/New_York", "America/New_Yrok"),
        &["did you mean America/New_York?"],
    );
    check_refused(
        read("\"days\"", "\"dayz\""),
        &["this is JSON, but not a frab schedule: missing field `days`"],
    );
    check_refused(
        frab::read(&SCHEDULE.as_bytes()[..900], ZONE),
        &["this is not whole JSON"],
    );
    check_refused(
        frab::read(b"{\"schedule\":{\"conference\":{\"days\":[]}}}", ZONE),
        &["no events"],
    );
}

#[test]
fn a_room_listed_twice_keeps_both_lists() {
    let event = |guid: &str, date: &str| {
        format!(r#"{{"guid":"{guid}","title":"T","date":"{date}","duration":"1:00"}}"#)
    };
    let text = format!(
        r#"{{"schedule":{{"conference":{{"days":[{{"rooms":{{"A":[{}],"A":[{}]}}}}]}}}}}}"#,
        event("g1", "2026-10-31T09:00"),
        event("g2", "2026-10-31T11:00")
    );
    assert_eq!(
        frab::read(text.as_bytes(), ZONE)
            .unwrap()
            .import
            .sessions
            .len(),
        2
    );
}

#[test]
fn too_many_rows_are_refused() {
    let mut text = String::from("badge,name\n");
    for i in 0..=MAX_ROWS {
        text.push_str(&format!("{i},N\n"));
    }
    check_refused(
        registrations_csv::read(text.as_bytes(), ZONE),
        &["more than 100000 rows"],
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = agenda_csv::read(&bytes, ZONE);
        let _ = registrations_csv::read(&bytes, ZONE);
        let _ = frab::read(&bytes, ZONE);
    }

    #[test]
    fn no_change_to_a_good_file_panics(at in 0_usize..2_000, length in 0_usize..40, text in "\\PC{0,20}|[0-9:+Zé\u{0}\",;\\-T ]{0,12}") {
        let damage = |whole: &str| {
            let mut bytes = whole.as_bytes().to_vec();
            let from = at.min(bytes.len());
            let to = (from + length).min(bytes.len());
            bytes.splice(from..to, text.bytes());
            bytes
        };
        let agenda = agenda_csv::read(&damage(template(ImportKind::Agenda)), ZONE);
        for session in agenda.iter().flat_map(|r| &r.import.sessions) {
            prop_assert!(session.start_utc_ms < session.end_utc_ms && is_id(&session.id) && is_id(&session.room) && is_id(&session.kind));
        }
        let _ = registrations_csv::read(&damage(template(ImportKind::Registrations)), ZONE);
        let schedule = frab::read(&damage(SCHEDULE), ZONE);
        for session in schedule.iter().flat_map(|r| &r.import.sessions) {
            prop_assert!(session.start_utc_ms < session.end_utc_ms && is_id(&session.id) && is_id(&session.room) && is_id(&session.kind));
        }
    }
}
