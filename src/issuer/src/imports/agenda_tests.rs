#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::imports::testing::{Office, RULES, event_id};
use crate::sources::agenda_csv;

const HEAD: &str = "session,title,room,room_title,start,end,programme,kind\n";
const TWO: &str = "s1,One,hall,Great Hall,2026-10-31T09:00,2026-10-31T10:00,,talk\n\
                   s2,Two,annex,,2026-10-31T10:30,2026-10-31T11:00,ethics,talk\n";

fn import_rows(office: &Office, rows: &str, dry_run: bool) -> Plan {
    let csv = format!("{HEAD}{rows}");
    let read = agenda_csv::read(csv.as_bytes(), chrono_tz::Europe::Vienna)
        .unwrap()
        .import;
    import(
        office.desk(),
        &event_id(),
        &read,
        office.source(csv.as_bytes()),
        dry_run,
    )
    .unwrap()
}

fn held(office: &Office) -> Agenda {
    current(office.desk(), &event_id()).unwrap().unwrap()
}

fn door(id: &str, rooms: &[&str]) -> Door {
    Door {
        id: id.parse().unwrap(),
        title: format!("Door {id}"),
        rooms: rooms.iter().map(|room| room.parse().unwrap()).collect(),
    }
}

#[test]
fn a_first_agenda_names_its_programmes() {
    let office = Office::new();
    let plan = import_rows(
        &office,
        &format!("{TWO}tea,Tea,hall,,2026-10-31T10:00,2026-10-31T10:30,,break\n"),
        false,
    );
    assert_eq!(plan.version, Some(1));
    assert!(
        plan.changes
            .contains(&"sessions added: 3 (s1, s2, tea)".to_owned()),
        "{plan:?}"
    );
    let agenda = held(&office);
    let programmes: Vec<_> = agenda
        .programmes
        .iter()
        .map(|p| (p.id.as_str(), p.title.as_str()))
        .collect();
    assert_eq!(
        programmes,
        [("ethics", "ethics"), ("main", "Good Practice 2026")]
    );
    let of = |id: &str| {
        agenda
            .sessions
            .iter()
            .find(|s| s.id.as_str() == id)
            .unwrap()
            .programme
            .clone()
    };
    assert_eq!(of("s1").unwrap().as_str(), "main");
    assert_eq!(of("tea"), None);
    assert_eq!(agenda.zone, "Europe/Vienna");
}

#[test]
fn a_dry_run_and_the_same_file_again_write_nothing() {
    let office = Office::new();
    assert_eq!(import_rows(&office, TWO, true).version, None);
    assert!(current(office.desk(), &event_id()).unwrap().is_none());
    import_rows(&office, TWO, false);
    let size = office.store.ledger_head(&event_id()).unwrap().size;
    let again = import_rows(&office, TWO, false);
    assert!(
        again.changes.is_empty() && again.version.is_none(),
        "{again:?}"
    );
    assert_eq!(office.store.ledger_head(&event_id()).unwrap().size, size);
}

#[test]
fn a_new_version_keeps_doors_rules_and_actual_times() {
    let office = Office::new();
    import_rows(&office, TWO, false);
    let made = put_door(
        office.desk(),
        &event_id(),
        &door("front", &["hall", "loft"]),
    )
    .unwrap()
    .unwrap();
    assert_eq!(made, ["loft".parse().unwrap()]);
    assert_eq!(
        put_door(
            office.desk(),
            &event_id(),
            &door("front", &["hall", "loft"])
        )
        .unwrap(),
        None
    );
    let main = OWN_PROGRAMME.parse().unwrap();
    let adopted = adopt_rules(office.desk(), &event_id(), &main, RULES).unwrap();
    // Staff say that the first session began late.
    let (mut agenda, base) = in_force(office.desk(), &event_id()).unwrap().unwrap();
    agenda.sessions[0].actual_start = Some(agenda.sessions[0].start.plus_ms(60_000));
    let late = agenda.sessions[0].actual_start;
    let staff = change(office.desk(), Some(base), &agenda).unwrap();
    let entry = office.source(b"staff").entry("agenda", staff.object);
    office
        .store
        .import_agenda(&event_id(), &staff, &entry, office.now)
        .unwrap();

    let plan = import_rows(
        &office,
        "s1,One more,hall,,2026-10-31T09:00,2026-10-31T10:00,,\n",
        false,
    );
    assert_eq!(
        plan.changes,
        [
            "sessions changed: 1 (s1)",
            "sessions removed: 1 (s2)",
            "rooms changed: 1 (hall)",
            "rooms removed: 1 (annex)",
            "programmes removed: 1 (ethics)"
        ]
    );
    let agenda = held(&office);
    assert_eq!(agenda.sessions[0].actual_start, late);
    assert_eq!(agenda.doors, [door("front", &["hall", "loft"])]);
    assert_eq!(
        agenda
            .rooms
            .iter()
            .map(|r| r.id.as_str())
            .collect::<Vec<_>>(),
        ["hall", "loft"]
    );
    assert_eq!(agenda.programmes[0].rules, Some(adopted.hash.to_hex()));
    assert!(
        plan.warnings.iter().any(|w| w.contains("ethics")),
        "{plan:?}"
    );
    assert!(plan.warnings.iter().any(|w| w.contains("loft")), "{plan:?}");
}

#[test]
fn rooms_that_no_door_serves_are_warned_of() {
    let office = Office::new();
    put_door(office.desk(), &event_id(), &door("front", &["hall"]))
        .unwrap()
        .unwrap();
    let plan = import_rows(&office, TWO, false);
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.contains("no door serves the room annex")),
        "{plan:?}"
    );
}

#[test]
fn rules_are_adopted_once_and_only_for_programmes() {
    let office = Office::new();
    let adopt = |programme: &str, text: &str| {
        adopt_rules(
            office.desk(),
            &event_id(),
            &programme.parse().unwrap(),
            text,
        )
    };
    let early = adopt("main", RULES).unwrap_err().to_string();
    assert!(early.contains("import agenda"), "{early}");
    import_rows(&office, TWO, false);
    let wrong = adopt("mian", RULES).unwrap_err().to_string();
    assert!(wrong.contains("did you mean \"main\""), "{wrong}");
    assert!(adopt("main", "format = 1").is_err());
    assert_eq!(adopt("main", RULES).unwrap().before, None);
    let size = office.store.ledger_head(&event_id()).unwrap().size;
    let again = adopt("main", RULES).unwrap();
    assert_eq!(again.before, Some(again.hash.to_hex()));
    assert_eq!(office.store.ledger_head(&event_id()).unwrap().size, size);
    assert_eq!(
        office.objects.get(again.hash).unwrap().unwrap(),
        RULES.as_bytes()
    );
}

#[test]
fn an_agenda_that_is_not_there_is_named() {
    let office = Office::new();
    import_rows(&office, TWO, false);
    std::fs::remove_dir_all(office.folder.path().join("objects")).unwrap();
    let fault = current(office.desk(), &event_id()).unwrap_err().to_string();
    assert!(fault.contains("restore it"), "{fault}");
}

#[test]
fn what_moves_and_what_goes_is_said() {
    let office = Office::new();
    import_rows(&office, TWO, false);
    let moved = "s1,One,annex,,2026-10-31T14:00,2026-10-31T15:00,,talk\n\
                 x9,Two,annex,,2026-10-31T10:30,2026-10-31T11:00,ethics,talk\n";
    let plan = import_rows(&office, moved, true);
    assert_eq!(
        plan.changes,
        [
            "sessions added: 1 (x9)",
            "sessions changed: 1 (s1)",
            "  s1 moves: 2026-10-31 14:00 to 2026-10-31 15:00, was 2026-10-31 09:00 to 2026-10-31 10:00; in annex, was in hall",
            "sessions removed: 1 (s2)",
            "rooms removed: 1 (hall)",
        ]
    );
    assert!(
        plan.warnings[0].contains("counts again when it returns"),
        "{plan:?}"
    );
    assert!(
        plan.warnings[1].starts_with("1 of the sessions removed come back under another id"),
        "{plan:?}"
    );
    // Another session at another time is no other name of the one that goes.
    let other = "s1,One,hall,Great Hall,2026-10-31T09:00,2026-10-31T10:00,,talk\n\
                 x9,Two,annex,,2026-10-31T11:30,2026-10-31T12:00,ethics,talk\n";
    let plan = import_rows(&office, other, true);
    assert_eq!(plan.warnings.len(), 1, "{plan:?}");
}
