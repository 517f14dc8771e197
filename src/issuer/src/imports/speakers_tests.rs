#![allow(clippy::unwrap_used)]
use super::*;
use crate::imports::testing::{Office, event_id};
use crate::sources::{agenda_csv, registrations_csv, speakers};
use crate::store::StoreError;

const PEOPLE: &str = "badge,name,email\nK7QX-3MPA-9TZD-WH4E,Zoë Łukasik,zoe@example.org\nR2VN-8CYB-4JFS-XK6T,Tom Baker,desk@example.org\n\
    M4VN-8CYB-4JFS-XK6T,Tom Baker the other,desk@example.org\n";
const AGENDA: &str = "session,title,room,start,end\nkeynote,Keynote,hall,2026-10-31T09:00,2026-10-31T10:00\n\
    lb7xbm,Talk,hall,2026-10-31T10:00,2026-10-31T11:00\nlb7xbm-2,Talk again,hall,2026-10-31T11:00,2026-10-31T12:00\n";

fn office() -> Office {
    let office = Office::new();
    let zone = chrono_tz::Europe::Vienna;
    let read = agenda_csv::read(AGENDA.as_bytes(), zone).unwrap().import;
    let (event, source) = (event_id(), office.source(AGENDA.as_bytes()));
    agenda::import(office.desk(), &event, &read, source, false).unwrap();
    let read = registrations_csv::read(PEOPLE.as_bytes(), zone)
        .unwrap()
        .import;
    let source = office.source(PEOPLE.as_bytes());
    crate::imports::registrations::import(office.desk(), &event, &read, source, false).unwrap();
    office
}

fn attendee(office: &Office, badge: &str) -> AttendeeId {
    let roster = office.store.roster(&event_id()).unwrap();
    roster.badges[&office.badge_key().digest(badge)].clone()
}

fn speaks(office: &Office, badge: &str) -> String {
    let roster = office.store.roster(&event_id()).unwrap();
    let own = &roster.registrations[&attendee(office, badge)].speaks;
    let own: Vec<&str> = own.iter().map(SessionId::as_str).collect();
    own.join(" ")
}

fn roster(office: &Office, text: &str, dry_run: bool) -> Speakers {
    let read = speakers::read(text.as_bytes(), None).unwrap();
    let source = office.source(text.as_bytes());
    import(office.desk(), &event_id(), &read.import, source, dry_run).unwrap()
}

const ZOE: &str = "K7QX-3MPA-9TZD-WH4E";
const TOM: &str = "R2VN-8CYB-4JFS-XK6T";

#[test]
fn speakers_are_known_by_pseudonym_or_by_the_address_of_one() {
    let office = office();
    let tom = attendee(&office, TOM);
    let text = format!(
        "session,person\nkeynote,ZOE@example.org\nlb7xbm,{tom}\nkeynote,desk@example.org\nkeynote,who@example.org\nkeynote,a-nobody\n\
         party,zoe@example.org\n"
    );
    let size = || office.store.ledger_head(&event_id()).unwrap().size;
    let before = size();
    let planned = roster(&office, &text, true);
    assert_eq!((planned.plan.version, size()), (None, before));
    let done = roster(&office, &text, false);
    assert_eq!(done.plan.changes, planned.plan.changes);
    assert!(
        done.plan.changes[0].starts_with("speak now: 2"),
        "{:?}",
        done.plan
    );
    let told: Vec<String> = done.refused.iter().map(ToString::to_string).collect();
    for (told, words) in told.iter().zip([
        "several registrations",
        "nobody registered",
        "nobody registered",
        "no session party",
    ]) {
        assert!(told.contains(words), "{told}");
        assert!(!told.contains("example.org"), "{told}");
    }
    assert_eq!(told.len(), 4);
    assert_eq!(speaks(&office, ZOE), "keynote");
    assert_eq!(
        speaks(&office, TOM),
        "lb7xbm",
        "a session is one, and no slot of another"
    );
    let alarms = office.store.alarms(&event_id()).unwrap();
    assert!(alarms.iter().any(|alarm| alarm.code == UNMATCHED));

    let after = size();
    let again = roster(&office, &text, false);
    assert_eq!(
        (again.plan.changes, again.plan.version, size()),
        (vec![], None, after)
    );
    // Whoever is imported again goes on speaking; who is taken out by a row does not.
    let read = registrations_csv::read(PEOPLE.as_bytes(), chrono_tz::Europe::Vienna).unwrap();
    let source = office.source(PEOPLE.as_bytes());
    crate::imports::registrations::import(office.desk(), &event_id(), &read.import, source, false)
        .unwrap();
    assert_eq!(speaks(&office, ZOE), "keynote");
    let gone = roster(
        &office,
        "session,person,role\nkeynote,zoe@example.org,none\n",
        false,
    );
    assert!(gone.plan.changes[0].starts_with("speak no more: 1"));
    assert_eq!(speaks(&office, ZOE), "");
}

#[test]
fn a_submission_of_pretalx_is_each_of_its_slots() {
    let office = office();
    let page = r#"{"results":[{"code":"X","name":"Zoë","email":"zoe@example.org","submissions":["LB7XBM"]}]}"#;
    let done = roster(&office, page, false);
    assert_eq!(done.refused, []);
    assert_eq!(speaks(&office, ZOE), "lb7xbm lb7xbm-2");
    let speakers = office.store.speakers(&event_id()).unwrap();
    assert_eq!(speakers.len(), 1);
    assert_eq!(speakers[0].0, attendee(&office, ZOE));
    let none = office.store.speakers(&"none".parse().unwrap());
    assert!(matches!(none, Err(StoreError::NotFound { .. })));
}

#[test]
fn an_address_of_somebody_erased_says_nobody() {
    let office = office();
    let erasure = protocol::ledger::Erasure {
        attendee: attendee(&office, ZOE),
        reason: "asked_for".to_owned(),
        operator: "ann".to_owned(),
    };
    office
        .store
        .erase_person(&event_id(), &erasure, office.now)
        .unwrap();
    let done = roster(&office, "session,person\nkeynote,zoe@example.org\n", false);
    assert_eq!((done.refused.len(), done.plan.version), (1, None));
}
