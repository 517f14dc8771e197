#![allow(clippy::unwrap_used, clippy::panic)]
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::imports::MAX_TRIES;
use crate::imports::testing::{Office, event_id};
use crate::keys::system_random;
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
