#![allow(clippy::unwrap_used, clippy::panic)]
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::imports::MAX_TRIES;
use crate::imports::testing::{Office, event_id};
use crate::keys::system_random;
use crate::sources::platforms::{AttendanceFormat, Reading};
use crate::sources::registrations_csv;
use crate::store::SqliteStore;
use crate::testing::register;

const HEAD: &str = "badge,name,email,language,status\n";
const ZOE: &str = "K7QX-3MPA-9TZD-WH4E,Zoë Łukasik,zoe@example.org,de,active\n";
const TOM: &str = "R2VN-8CYB-4JFS-XK6T,Tom Baker,,,active\n";

fn import_rows(office: &Office, rows: &str, dry_run: bool) -> Plan {
    let csv = format!("{HEAD}{rows}");
    let read = registrations_csv::read(csv.as_bytes(), chrono_tz::Europe::Vienna)
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

fn document(office: &Office) -> Registrations {
    let version = office
        .store
        .version(&event_id(), Versioned::Registrations)
        .unwrap()
        .unwrap();
    serde_json::from_slice(&office.objects.get(version.object).unwrap().unwrap()).unwrap()
}

#[test]
fn people_are_sealed_and_their_badge_opens_the_row() {
    for (policy, shown) in [
        (NamePolicy::First, Some("Zoë")),
        (NamePolicy::Full, Some("Zoë Łukasik")),
        (NamePolicy::None, None),
    ] {
        let office = Office::with_names(policy);
        let plan = import_rows(&office, ZOE, false);
        assert_eq!(plan.version, Some(1));
        let rows = office.store.roster_rows(&event_id()).unwrap();
        let opened = office
            .badge_key()
            .open_row("K7QX-3MPA-9TZD-WH4E", &rows[0].row)
            .unwrap();
        assert_eq!(opened.name.as_deref(), shown);
        assert_eq!(opened.language.as_deref(), Some("de"));
        let facts = office
            .store
            .attendee(&event_id(), &rows[0].attendee)
            .unwrap();
        let (wrapped, sealed) = facts.person.unwrap();
        let key = office
            .keys
            .data_key(&event_id(), &rows[0].attendee, &wrapped)
            .unwrap();
        let person = Person::open(&event_id(), &rows[0].attendee, &key, &sealed).unwrap();
        assert_eq!(
            (person.name.as_str(), person.badges.as_slice()),
            ("Zoë Łukasik", &["K7QX-3MPA-9TZD-WH4E".to_owned()][..])
        );
        assert!(rows[0].attendee.as_str().starts_with("a-"));
        assert_eq!(rows[0].attendee.as_str().len(), 18);
    }
}

#[test]
fn a_badge_keeps_its_person_and_others_stay() {
    let office = Office::new();
    import_rows(&office, &format!("{ZOE}{TOM}"), false);
    let before = document(&office);
    assert_eq!(before.registrations.len(), 2);
    let plan = import_rows(&office, &ZOE.replace("active", "cancelled"), false);
    assert_eq!(
        plan.changes,
        ["registrations changed: 1", "of them cancelled now: 1"]
    );
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.starts_with("1 badges that are registered are not in the file")),
        "{plan:?}"
    );
    let after = document(&office);
    let ids = |d: &Registrations| {
        d.registrations
            .iter()
            .map(|r| r.attendee.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&before), ids(&after));
    assert_eq!(
        after.registrations.iter().filter(|r| r.cancelled).count(),
        1
    );
}

#[test]
fn what_is_held_already_writes_nothing() {
    let office = Office::new();
    let dry = import_rows(&office, ZOE, true);
    assert_eq!(
        (dry.changes.as_slice(), dry.version),
        (&["registrations added: 1".to_owned()][..], None)
    );
    assert!(office.store.roster(&event_id()).unwrap().badges.is_empty());
    import_rows(&office, ZOE, false);
    let size = office.store.ledger_head(&event_id()).unwrap().size;
    let again = import_rows(&office, ZOE, false);
    assert!(
        again.changes.is_empty() && again.version.is_none(),
        "{again:?}"
    );
    assert_eq!(office.store.ledger_head(&event_id()).unwrap().size, size);
    // A name that was corrected is a change, and the row at the door is made anew.
    let plan = import_rows(&office, &ZOE.replace("Zoë", "Zoé"), false);
    assert_eq!(plan.changes, ["registrations changed: 1"]);
    let row = &office.store.roster_rows(&event_id()).unwrap()[0].row;
    assert_eq!(
        office
            .badge_key()
            .open_row("K7QX-3MPA-9TZD-WH4E", row)
            .unwrap()
            .name
            .as_deref(),
        Some("Zoé")
    );
}

#[test]
fn the_document_holds_nothing_personal() {
    let office = Office::new();
    import_rows(&office, &format!("{ZOE}{TOM}"), false);
    let text = String::from_utf8(object_bytes(&document(&office))).unwrap();
    for private in ["Zo", "Tom", "example.org", "K7QX"] {
        assert!(!text.contains(private), "{private} is in {text}");
    }
}

/// Somebody else's import comes in the middle of ours, `times` times.
fn import_against_others(times: usize) -> (Office, Result<Plan, ImportFault>) {
    let mut office = Office::new();
    let (path, system) = (office.folder.path().join("issuer.db"), system_random());
    let turns = AtomicUsize::new(0);
    office.random = Arc::new(move |bytes: &mut [u8]| {
        let turn = turns.load(Ordering::SeqCst);
        if turn < times && bytes.len() == ID_LETTERS {
            turns.store(turn + 1, Ordering::SeqCst);
            register(
                &SqliteStore::open(&path).unwrap(),
                &[&format!("other-{turn}")],
            );
        }
        system(bytes);
    });
    let csv = format!("{HEAD}{ZOE}");
    let read = registrations_csv::read(csv.as_bytes(), chrono_tz::Europe::Vienna)
        .unwrap()
        .import;
    let outcome = import(
        office.desk(),
        &event_id(),
        &read,
        office.source(csv.as_bytes()),
        false,
    );
    (office, outcome)
}

#[test]
fn an_import_is_made_again_where_somebody_was_faster() {
    let (office, outcome) = import_against_others(2);
    assert_eq!(outcome.unwrap().version, Some(3));
    assert_eq!(document(&office).registrations.len(), 3);
}

#[test]
fn it_is_not_tried_for_ever() {
    let (office, outcome) = import_against_others(MAX_TRIES + 5);
    let said = outcome.unwrap_err().to_string();
    assert!(said.contains("try again"), "{said}");
    let zoe = office.badge_key().digest("K7QX-3MPA-9TZD-WH4E");
    assert!(
        !office
            .store
            .roster(&event_id())
            .unwrap()
            .badges
            .contains_key(&zoe)
    );
}

// ---- a ticket shop ----

/// One order a line: its code, then its positions as `id:badge`, a `-` before one that is cancelled.
fn import_orders(office: &Office, lines: &[&str], dry_run: bool) -> Plan {
    let orders: Vec<serde_json::Value> = lines
        .iter()
        .map(|line| {
            let (code, positions) = line.split_once(' ').unwrap_or((line, ""));
            let positions = positions.split_whitespace().map(|text| {
                let (id, badge) = text.trim_start_matches('-').split_once(':').unwrap();
                let id: u64 = id.parse().unwrap();
                serde_json::json!({"id": id, "order": code, "positionid": id, "attendee_name": format!("Person {id}"),
                    "secret": format!("{badge}-9TZD-WH4E-K7QX"), "canceled": text.starts_with('-'), "addon_to": null})
            });
            serde_json::json!({"code": code, "event": "gp", "status": "p", "positions": positions.collect::<Vec<_>>()})
        })
        .collect();
    let text = serde_json::Value::Array(orders).to_string();
    let read = crate::sources::pretix::read(text.as_bytes(), chrono_tz::Europe::Vienna).unwrap();
    assert_eq!(read.refused, vec![]);
    import_positions(
        office.desk(),
        &event_id(),
        &read.import,
        office.source(text.as_bytes()),
        dry_run,
    )
    .unwrap()
}

#[test]
fn orders_imported_again_change_nothing() {
    let office = Office::new();
    let file = ["A 1:AAAA 2:BBBB", "B 3:CCCC"];
    assert_eq!(import_orders(&office, &file, true).version, None);
    let plan = import_orders(&office, &file, false);
    assert_eq!(plan.changes, ["registrations added: 3"]);
    let size = office.store.ledger_head(&event_id()).unwrap().size;
    let again = import_orders(&office, &file, false);
    assert_eq!((again.changes, again.version), (vec![], None));
    assert_eq!(
        again.unchanged.as_deref(),
        Some("registrations unchanged: 3")
    );
    assert_eq!(office.store.ledger_head(&event_id()).unwrap().size, size);
}

#[test]
fn a_new_badge_or_order_keeps_the_person_and_the_old_badge_stays_theirs() {
    let office = Office::new();
    import_orders(&office, &["A 1:AAAA 2:BBBB"], false);
    let before = document(&office);
    // The second position was split off into an order of its own, which gives it another badge.
    let plan = import_orders(&office, &["A 1:AAAA", "C 2:DDDD"], false);
    assert_eq!(
        plan.changes,
        ["registrations changed: 1", "of them with a new badge: 1"]
    );
    let after = document(&office);
    let ids = |d: &Registrations| {
        let ids = d.registrations.iter().map(|r| r.attendee.clone());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(&before), ids(&after));
    let roster = office.store.roster(&event_id()).unwrap();
    let owner = |badge: &str| {
        let badge = format!("{badge}-9TZD-WH4E-K7QX");
        roster
            .badges
            .get(&office.badge_key().digest(&badge))
            .cloned()
    };
    assert!(owner("BBBB").is_some());
    assert_eq!(owner("BBBB"), owner("DDDD"));
    let again = import_orders(&office, &["A 1:AAAA", "C 2:DDDD"], false);
    assert_eq!(again.changes, Vec::<String>::new());
}

#[test]
fn who_was_erased_comes_back_by_no_import() {
    let office = Office::new();
    import_orders(&office, &["A 1:AAAA 2:BBBB"], false);
    let roster = office.store.roster(&event_id()).unwrap();
    let badge = |text: &str| office.badge_key().digest(&format!("{text}-9TZD-WH4E-K7QX"));
    let first = roster.badges[&badge("AAAA")].clone();
    let erasure = protocol::ledger::Erasure {
        attendee: first.clone(),
        reason: "asked_for".to_owned(),
        operator: "ann".to_owned(),
    };
    office
        .store
        .erase_person(&event_id(), &erasure, office.now)
        .unwrap();
    // The same badge, and then another one at the same position.
    for order in ["A 1:AAAA 2:BBBB", "A 1:CCCC 2:BBBB"] {
        let plan = import_orders(&office, &[order], false);
        assert_eq!(plan.changes, Vec::<String>::new(), "{order}");
        let warned = plan.warnings.iter().any(|line| line.contains("was erased"));
        assert!(warned, "{:?}", plan.warnings);
    }
    let roster = office.store.roster(&event_id()).unwrap();
    assert_eq!((roster.keys.len(), &roster.keys[&first]), (2, &None));
    let plan = import_orders(&office, &["A 1:CCCC 2:BBBB", "B 3:DDDD"], false);
    assert_eq!(plan.changes, ["registrations added: 1"]);
}

/// Whose the entries of these positions are, by the badges that were imported with them; `-` where a reviewer is asked.
fn logged(office: &Office, positions: &[(&str, u32)]) -> Vec<String> {
    let header = "Date,Time,Check-in list,Scan type,Order code,Position ID,Secret,Product,Name,Device,Offline,Offline override,\
                  Automatically checked in,Gate,Result,Error message";
    let rows = positions.iter().zip(10..).map(|((order, number), minute)| {
        format!(
            "2026-10-31,10:{minute},Hall,Entry,{order},{number},x,Full,Somebody,Door,No,No,No,,OK,"
        )
    });
    let lines: Vec<String> = std::iter::once(header.to_owned()).chain(rows).collect();
    let reading = Reading {
        zone: Some(chrono_tz::Europe::Vienna),
        ..Reading::plain(office.now)
    };
    let read = AttendanceFormat::Pretix.read(lines.join("\n").as_bytes(), &reading);
    let roster = office.store.roster(&event_id()).unwrap();
    let document = document(office);
    let roll = audit::derive::Roll::new(&document);
    let rows = read.unwrap().import.batch.rows;
    rows.iter()
        .map(|row| {
            let row = row.to_row(&office.badge_key()).unwrap();
            let Some(owner) = roll.owner(&row) else {
                return "-".to_owned();
            };
            let mut badges = ["AAAA", "BBBB", "CCCC"].into_iter().filter(|badge| {
                let badge = office
                    .badge_key()
                    .digest(&format!("{badge}-9TZD-WH4E-K7QX"));
                roster.badges.get(&badge) == Some(owner)
            });
            badges.next().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn a_check_in_log_names_positions_by_order_and_number() {
    let office = Office::new();
    import_orders(&office, &["A 1:AAAA 2:BBBB", "B 3:CCCC"], false);
    // The number counts within its order, and so does the order.
    assert_eq!(
        logged(&office, &[("A", 1), ("A", 2), ("B", 3), ("B", 1), ("C", 2)]),
        ["AAAA", "BBBB", "CCCC", "-", "-"]
    );
    // Split off into another order, a position is known by its new name alone.
    import_orders(&office, &["A 1:AAAA", "C 2:BBBB"], false);
    assert_eq!(logged(&office, &[("A", 2), ("C", 2)]), ["-", "BBBB"]);
}

#[test]
fn only_orders_of_the_file_lose_positions() {
    let office = Office::new();
    import_orders(&office, &["A 1:AAAA 2:BBBB", "B 3:CCCC"], false);
    // What was modified since: the order B is not in it and stays; of A one position is hidden, since it was cancelled.
    let plan = import_orders(&office, &["A 1:AAAA"], false);
    assert_eq!(
        plan.changes,
        ["cancelled, since their order no longer has them: 1"]
    );
    let cancelled = |office: &Office| {
        let all = document(office).registrations;
        all.iter().filter(|r| r.cancelled).count()
    };
    assert_eq!(cancelled(&office), 1);
    assert_eq!(
        import_orders(&office, &["A 1:AAAA"], false).changes,
        Vec::<String>::new()
    );
    // Asked for cancelled positions, pretix shows it, and it may come back.
    assert_eq!(
        import_orders(&office, &["A 1:AAAA -2:BBBB"], false).changes,
        Vec::<String>::new()
    );
    let plan = import_orders(&office, &["A 1:AAAA 2:BBBB"], false);
    assert_eq!(
        plan.changes,
        ["registrations changed: 1", "of them no longer cancelled: 1"]
    );
    assert_eq!(cancelled(&office), 0);
}

#[test]
fn whoever_never_came_is_not_kept_for_being_cancelled() {
    let office = Office::new();
    let plan = import_orders(&office, &["A 1:AAAA -2:BBBB"], false);
    assert_eq!(plan.changes, ["registrations added: 1"]);
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.starts_with("1 positions are cancelled or unpaid")),
        "{plan:?}"
    );
    assert_eq!(office.store.roster(&event_id()).unwrap().badges.len(), 1);
}

#[test]
fn a_list_of_our_own_and_the_shop_may_tell_of_one_person() {
    let office = Office::new();
    import_orders(&office, &["A 1:AAAA"], false);
    let row = "AAAA-9TZD-WH4E-K7QX,Person One,,,active\n";
    assert_eq!(
        import_rows(&office, row, false).changes,
        ["registrations changed: 1"]
    );
    // The position is not forgotten by that: it is still the same person.
    let plan = import_orders(&office, &["A 1:EEEE"], false);
    assert_eq!(
        plan.changes,
        ["registrations changed: 1", "of them with a new badge: 1"]
    );
    assert_eq!(document(&office).registrations.len(), 1);
}
