#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_pass_by_value)]
use chrono::DateTime;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const ZONE: Tz = Tz::America__New_York;

fn utc(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text)
        .unwrap()
        .timestamp_millis()
}

fn room(id: u64, name: &str) -> Value {
    json!({"id": id, "name": {"en": name, "de": "Saal"}, "description": null, "uuid": "385d162a-d7d9-54f4-bbaa-e8168d812e35",
        "guid": null, "capacity": 1200, "position": 0})
}

fn submission(code: &str, title: &str, state: &str) -> Value {
    json!({"code": code, "title": title, "speakers": ["BFPSBC"], "submission_type": 3, "track": 5, "tags": [], "state": state,
        "abstract": "“controls”", "duration": 60, "slot_count": 1, "content_locale": "en", "slots": [190], "answers": []})
}

fn slot(id: u64, room: Value, hour: u32, submission: Value) -> Value {
    json!({"id": id, "room": room, "start": format!("2026-10-31T{hour:02}:00:00-04:00"),
        "end": format!("2026-10-31T{hour:02}:50:00-04:00"), "submission": submission, "schedule": 4,
        "description": null, "duration": 50, "is_visible": true})
}

fn lunch(id: u64, room: Value) -> Value {
    let mut slot = slot(id, room, 12, Value::Null);
    slot["description"] = json!({"en": "Lunch"});
    slot
}

fn talk_type() -> Value {
    json!({"id": 3, "name": {"en": "Long talk"}, "default_duration": 50, "deadline": null, "requires_access_code": false})
}

fn page(count: usize, results: Vec<Value>) -> Value {
    json!({"count": count, "next": null, "previous": null, "results": results})
}

/// The same schedule in every way it is saved.
fn files() -> Vec<String> {
    let (hall, loft) = (room(7, "Main Hall"), room(8, "Room Ångström"));
    let (one, two) = (
        submission("F8Q8V3", "Trust & évidence", "confirmed"),
        submission("3VADJU", "Drills", "confirmed"),
    );
    let with = |mut value: Value, key: &str, other: Value| {
        value[key] = other;
        value
    };
    let expanded = vec![
        slot(
            190,
            hall.clone(),
            9,
            with(one.clone(), "submission_type", talk_type()),
        ),
        slot(
            191,
            loft.clone(),
            10,
            with(two.clone(), "submission_type", talk_type()),
        ),
        lunch(192, hall.clone()),
    ];
    let schedule = json!({"id": 4, "version": "v1.1", "published": "2026-11-22T20:49:01.812468-05:00", "comment": null,
        "slots": expanded});
    let (rooms, types) = (page(2, vec![hall, loft]), page(1, vec![talk_type()]));
    let bare = [
        slot(190, json!(7), 9, json!("F8Q8V3")),
        slot(191, json!(8), 10, json!("3VADJU")),
        lunch(192, json!(7)),
    ];
    let submissions = page(2, vec![one, two]);
    let (first, second) = (page(3, bare[..2].to_vec()), page(3, bare[1..].to_vec()));
    vec![
        schedule.to_string(),
        page(3, expanded).to_string(),
        // Pages in any order; one slot is on two, since the list moved while it was saved.
        format!("{types}\n{rooms}\n{first}{second}\n{submissions}"),
        json!([submissions, first, second, rooms, types]).to_string(),
        // As a recorder of requests keeps it.
        json!({"request": {"path": "/api/"}, "status": 200, "headers": {}, "body": schedule})
            .to_string(),
    ]
}

fn read_text(text: &str) -> Result<ImportReport<AgendaImport>, ImportError> {
    read(text.as_bytes(), ZONE)
}

fn check_refused(text: &str, expected: &str) {
    let shown = read_text(text).unwrap_err().to_string();
    assert!(
        shown.contains(expected),
        "{shown}\ndoes not say: {expected}"
    );
}

#[test]
fn every_way_of_saving_is_the_same_agenda() {
    let report = read_text(&files()[0]).unwrap();
    assert_eq!((&report.warnings, &report.left_out), (&vec![], &vec![]));
    assert_eq!(report.import.version_label.as_deref(), Some("v1.1"));
    let sessions: Vec<_> = report
        .import
        .sessions
        .iter()
        .map(|s| {
            (
                s.id.as_str(),
                s.title.as_str(),
                s.kind.as_str(),
                s.room.as_str(),
            )
        })
        .collect();
    assert_eq!(
        sessions,
        [
            ("f8q8v3", "Trust & évidence", "long-talk", "main-hall"),
            ("3vadju", "Drills", "long-talk", "room-ngstr-m-d63075f4ac"),
            ("break-29891040-main-hall", "Lunch", "break", "main-hall"),
        ]
    );
    assert_eq!(
        report.import.sessions[0].start_utc_ms,
        utc("2026-10-31T13:00:00Z")
    );
    for file in &files() {
        let format = crate::sources::detect(file.as_bytes(), crate::sources::ImportKind::Agenda);
        assert_eq!(format, crate::sources::SourceFormat::Pretalx, "{file}");
        let other = read_text(file).unwrap().import;
        assert_eq!(
            (other.sessions, other.rooms),
            (report.import.sessions.clone(), report.import.rooms.clone()),
            "{file}"
        );
    }
    // Submissions with their slots within them have no breaks.
    let within = |code: &str, title: &str, slots: Vec<Value>| {
        let mut value = submission(code, title, "confirmed");
        value["submission_type"] = talk_type();
        value["slots"] = json!(slots);
        value
    };
    let two = page(
        2,
        vec![
            within(
                "F8Q8V3",
                "Trust & évidence",
                vec![slot(190, room(7, "Main Hall"), 9, Value::Null)],
            ),
            within(
                "3VADJU",
                "Drills",
                vec![slot(191, room(8, "Room Ångström"), 10, Value::Null)],
            ),
        ],
    );
    assert_eq!(
        read_text(&two.to_string()).unwrap().import.sessions,
        report.import.sessions[..2]
    );
}

#[test]
fn a_session_keeps_its_identity_when_it_moves() {
    let moved = |hour: u32, id: u64| {
        let slot = slot(
            id,
            room(7, "Main Hall"),
            hour,
            submission("F8Q8V3", "T", "confirmed"),
        );
        read_text(&page(1, vec![slot]).to_string())
            .unwrap()
            .import
            .sessions
            .remove(0)
    };
    let (before, after) = (moved(9, 190), moved(14, 333));
    assert_eq!(before.id, after.id);
    assert_ne!(before.start_utc_ms, after.start_utc_ms);
    // Two slots of one submission: by time, whichever way they are numbered there.
    let slots = |ids: [u64; 2]| {
        let talk = || submission("F8Q8V3", "T", "confirmed");
        let slots = vec![
            slot(ids[0], room(7, "A"), 14, talk()),
            slot(ids[1], room(7, "A"), 9, talk()),
        ];
        let sessions = read_text(&page(2, slots).to_string())
            .unwrap()
            .import
            .sessions;
        sessions
            .into_iter()
            .map(|s| (s.id, s.start_utc_ms))
            .collect::<Vec<_>>()
    };
    assert_eq!(slots([1, 2]), slots([9, 3]));
    assert_eq!(
        slots([1, 2])
            .iter()
            .map(|(id, _)| id.as_str())
            .collect::<Vec<_>>(),
        ["f8q8v3", "f8q8v3-2"]
    );
}

#[test]
fn what_is_no_session_is_left_out_and_counted() {
    let hall = || room(7, "A");
    let mut untimed = slot(3, hall(), 9, submission("CCC", "Later", "confirmed"));
    untimed["start"] = Value::Null;
    let slots = vec![
        slot(1, hall(), 9, submission("AAA", "Kept", "confirmed")),
        slot(2, hall(), 10, submission("BBB", "Gone", "canceled")),
        untimed,
        slot(4, Value::Null, 9, submission("DDD", "Nowhere", "confirmed")),
        slot(5, hall(), 11, submission("EEE", "Maybe", "accepted")),
    ];
    let report = read_text(&page(5, slots).to_string()).unwrap();
    assert_eq!(report.import.sessions.len(), 1);
    let left_out: Vec<String> = report.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        left_out,
        [
            "1 sessions that are cancelled (Gone)",
            "1 sessions without a time (Later)",
            "1 sessions without a room, which no door serves (Nowhere)",
            "1 sessions that are not confirmed (Maybe)",
        ]
    );
}

#[test]
fn a_part_of_an_agenda_never_takes_the_place_of_the_whole() {
    let one = || slot(1, room(7, "A"), 9, submission("AAA", "T", "confirmed"));
    check_refused(
        &page(62, vec![one()]).to_string(),
        "the file holds 1 of 62 slots, and the rest would go from the agenda",
    );
    let bare = page(1, vec![slot(1, json!(7), 9, json!("AAA"))]);
    check_refused(
        &bare.to_string(),
        "results[0].submission, \"AAA\": the file does not say what is given in this slot",
    );
    let named = page(1, vec![submission("AAA", "T", "confirmed")]);
    check_refused(
        &format!("{bare}{named}"),
        "page 1: results[0].room: the file does not say the room's name",
    );
    check_refused(
        &named.to_string(),
        "the file holds no slots with their times",
    );
    let ids = json!({"id": 4, "version": "v1.1", "slots": [190, 191]});
    check_refused(&ids.to_string(), "the file holds no slots with their times");
    let mut other = one();
    (other["id"], other["schedule"]) = (json!(2), json!(5));
    check_refused(
        &page(2, vec![one(), other]).to_string(),
        "of 2 versions of the schedule",
    );
}

#[test]
fn faults_are_named_by_their_path() {
    let changed = |key: &str, value: Value| {
        let mut slot = slot(1, room(7, "A"), 9, submission("AAA", "T", "confirmed"));
        slot[key] = value;
        page(1, vec![slot]).to_string()
    };
    check_refused(
        &changed("start", json!("soon")),
        "results[0].start, \"soon\": this is no date and time",
    );
    check_refused(
        &changed("end", json!("2026-10-31T09:00:00-04:00")),
        "results[0].end: the slot ends when or before",
    );
    check_refused(
        &changed("id", json!("x")),
        "results[0].id: the slot has no number",
    );
    check_refused(
        &changed("room", room(7, "A\u{202E}")),
        "results[0].room.name",
    );
    check_refused(
        &changed("submission", submission("A/A", "T", "confirmed")),
        "results[0].submission, \"A/A\": is no code",
    );
    check_refused(
        &changed("submission", submission("AAA", "", "confirmed")),
        "results[0].title: is missing",
    );
    check_refused(
        "{\"detail\": \"Invalid token.\"}",
        "\"Invalid token.\": is no page but a refusal",
    );
    check_refused(
        "{\"results\": [{\"a\": 1}]}",
        "results[0]: is no slot, submission, room or schedule",
    );
    check_refused("{\"results\": [", "row 1: this is not whole JSON");
}

proptest! {
    #[test]
    fn no_bytes_and_no_damage_panic(which in 0_usize..4, at in 0_usize..4_000, length in 0_usize..60, text in "\\PC{0,20}|[0-9{}\\[\\]\",:a-z]{0,12}") {
        let _ = read(text.as_bytes(), ZONE);
        let mut bytes = files()[which].clone().into_bytes();
        let from = at.min(bytes.len());
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, text.bytes());
        let report = read(&bytes, ZONE);
        for session in report.iter().flat_map(|r| &r.import.sessions) {
            prop_assert!(session.start_utc_ms < session.end_utc_ms && crate::sources::is_id(&session.id));
        }
    }
}
