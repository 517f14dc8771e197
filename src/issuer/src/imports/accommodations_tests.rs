#![allow(clippy::unwrap_used, clippy::panic)]
use protocol::ledger::{self as entries, LedgerBody};

use super::*;
use crate::imports::testing::{Office, event_id};
use crate::imports::{agenda as agendas, registrations as people};
use crate::sources::{agenda_csv, registrations_csv};

const AGENDA: &str =
    "session,title,room,start,end\ns1,One,hall,2027-01-15T07:00,2027-01-15T08:00\n";
const PEOPLE: &str = "badge,name,email\n\
    K7QX-3MPA-9TZD-WH4E,Zoë Łukasik,zoe@example.org\n\
    R2VN-8CYB-4JFS-XK6T,Tom Baker,tom@example.org\n";

fn office() -> (Office, AttendeeId) {
    let office = Office::new();
    let (desk, zone) = (office.desk(), chrono_tz::Europe::Vienna);
    let read = agenda_csv::read(AGENDA.as_bytes(), zone).unwrap();
    let source = office.source(AGENDA.as_bytes());
    agendas::import(desk, &event_id(), &read.import, source, false).unwrap();
    let read = registrations_csv::read(PEOPLE.as_bytes(), zone).unwrap();
    let source = office.source(PEOPLE.as_bytes());
    people::import(desk, &event_id(), &read.import, source, false).unwrap();
    let digest = office.badge_key().digest("K7QX-3MPA-9TZD-WH4E");
    let zoe = office.store.attendee_of(&event_id(), digest).unwrap();
    (office, zoe.unwrap())
}

fn because<'a>(reason: &'a str, note: &'a str) -> Because<'a> {
    Because {
        operator: "ada",
        reason,
        note,
    }
}

fn extra(session: Option<&str>, extra_s: u32) -> Grant {
    Grant::Extra {
        session: session.map(|id| id.parse().unwrap()),
        extra_s,
    }
}

fn held(office: &Office, attendee: &AttendeeId) -> Vec<Grant> {
    let facts = office.store.attendee(&event_id(), attendee).unwrap();
    grants_of(&facts.registration.unwrap())
}

#[test]
fn grants_are_added_once_and_ended_one_by_one() {
    let (office, zoe) = office();
    let (desk, event) = (office.desk(), event_id());
    let badge = badge_of(desk, &event, " R2VN-8CYB-4JFS-XK6T ").unwrap();
    let whole = Grant::Whole {
        session: Some("s1".parse().unwrap()),
    };
    let all = [
        extra(None, 600),
        extra(Some("s1"), 300),
        whole,
        Grant::Assistant { badge },
    ];
    let add = |grant: &Grant| add(desk, &event, &zoe, grant, because("health", "")).unwrap();
    let end =
        |grant: &Grant| end(desk, &event, &zoe, grant, because("no_longer_needed", "")).unwrap();
    for grant in &all {
        assert!(add(grant).is_some(), "{grant:?}");
        assert_eq!(add(grant), None, "{grant:?}");
    }
    for (at, grant) in all.iter().enumerate() {
        assert_eq!(held(&office, &zoe).len(), all.len() - at);
        assert!(held(&office, &zoe).contains(grant));
        assert!(end(grant).is_some());
        assert_eq!(end(grant), None);
        assert!(!held(&office, &zoe).contains(grant));
    }
}

#[test]
fn what_cannot_be_granted_is_refused() {
    let (office, zoe) = office();
    let own = office.badge_key().digest("K7QX-3MPA-9TZD-WH4E");
    let check = |attendee: &AttendeeId, grant: Grant, reason: &str, words: &str| {
        let refused = add(
            office.desk(),
            &event_id(),
            attendee,
            &grant,
            because(reason, ""),
        );
        let why = refused.unwrap_err().to_string();
        assert!(why.contains(words), "{why}");
    };
    check(&zoe, extra(None, 0), "health", "1 to 240 min");
    check(&zoe, extra(None, 14_401), "health", "1 to 240 min");
    check(&zoe, extra(Some("s9"), 60), "health", "no session s9");
    check(&zoe, Grant::Assistant { badge: own }, "health", "their own");
    check(&zoe, extra(None, 60), "because", "give one of");
    check(&zoe, extra(None, 60), "other", "needs a note");
    let nobody = "a-nobody".parse().unwrap();
    check(&nobody, extra(None, 60), "health", "no attendee a-nobody");
    assert!(badge_of(office.desk(), &event_id(), " ").is_err());
}

#[test]
fn the_ledger_says_that_a_registration_was_adjusted_and_no_more() {
    let (office, zoe) = office();
    let (desk, event) = (office.desk(), event_id());
    add(
        desk,
        &event,
        &zoe,
        &extra(None, 600),
        because("disability", "Low vision"),
    )
    .unwrap();
    end(
        desk,
        &event,
        &zoe,
        &extra(None, 600),
        because("no_longer_needed", ""),
    )
    .unwrap();
    // Hashes hold any digits, so numbers are looked for without them.
    let hash = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let size = office.store.ledger_head(&event).unwrap().size;
    for entry in office.store.ledger_entries(&event, size - 2, 2).unwrap() {
        let bytes = entry.bytes.unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let words = text.split('"').filter(|word| !hash(word));
        let text: String = words.collect::<Vec<_>>().join("\"");
        for word in [
            "disability",
            "vision",
            "600",
            "extra",
            "grant",
            "needed",
            zoe.as_str(),
        ] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        let LedgerBody::Import(body) = entries::parse(&bytes).unwrap().body else {
            panic!("an import");
        };
        assert_eq!(body.reason.as_deref(), Some(ADJUSTED));
        assert_eq!(body.operator.as_deref(), Some("ada"));
    }
    let facts = office.store.attendee(&event, &zoe).unwrap();
    let told = history(desk, &event, &facts).unwrap();
    let told: Vec<&str> = told.iter().map(|told| told.text.as_str()).collect();
    assert_eq!(
        told,
        [
            "Granted: 10 min more in every session. A disability. Low vision",
            "Ended: 10 min more in every session. They need it no longer."
        ]
    );
}
