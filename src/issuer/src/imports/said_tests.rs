#![allow(clippy::unwrap_used, clippy::panic)]
use attendance::UtcMs;
use attendance::time::Interval;
use protocol::ledger::{self as entries, LedgerBody};

use super::*;
use crate::imports::testing::{Office, event_id};
use crate::imports::{agenda as agendas, registrations as people};
use crate::sources::{agenda_csv, registrations_csv};

// The office's clock stands at 2027-01-15T08:00:00Z.
const AGENDA: &str = "session,title,room,start,end\n\
    s1,One,hall,2027-01-15T07:00,2027-01-15T08:00\n\
    s2,Two,hall,2027-01-15T11:00,2027-01-15T12:00\n";
const PEOPLE: &str = "badge,name,email\n\
    K7QX-3MPA-9TZD-WH4E,Zoë Łukasik,zoe@example.org\n\
    R2VN-8CYB-4JFS-XK6T,Tom Baker,tom@example.org\n";

fn office() -> Office {
    let office = Office::new();
    let (desk, zone) = (office.desk(), chrono_tz::Europe::Vienna);
    let read = agenda_csv::read(AGENDA.as_bytes(), zone).unwrap();
    let source = office.source(AGENDA.as_bytes());
    agendas::import(desk, &event_id(), &read.import, source, false).unwrap();
    let read = registrations_csv::read(PEOPLE.as_bytes(), zone).unwrap();
    let source = office.source(PEOPLE.as_bytes());
    people::import(desk, &event_id(), &read.import, source, false).unwrap();
    office
}

fn whose(office: &Office, badge: &str) -> AttendeeId {
    let digest = office.badge_key().digest(badge);
    let found = office.store.attendee_of(&event_id(), digest).unwrap();
    found.unwrap()
}

fn zoe(office: &Office) -> AttendeeId {
    whose(office, "K7QX-3MPA-9TZD-WH4E")
}

fn because<'a>(reason: &'a str, note: &'a str) -> Because<'a> {
    Because {
        operator: "rita",
        reason,
        note,
    }
}

fn confirmed(session: &str) -> Word {
    Word::Confirmed(session.parse().unwrap())
}

fn denied(session: &str) -> Word {
    Word::Denied(session.parse().unwrap())
}

fn left(office: &Office, room: &str, before_ms: i64) -> Word {
    let at = Interval::exactly(office.now.plus_ms(-before_ms));
    Word::CheckedOut(room.parse().unwrap(), at)
}

fn bodies(office: &Office) -> Vec<String> {
    let entries = office.store.ledger_entries(&event_id(), 0, 100).unwrap();
    let texts = entries
        .into_iter()
        .map(|e| String::from_utf8(e.bytes.unwrap()));
    texts.collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_newest_word_stands_and_each_is_said_once() {
    let office = office();
    let zoe = zoe(&office);
    let say = |word: &Word, reason: &str| {
        say(office.desk(), &event_id(), &zoe, word, because(reason, "")).unwrap()
    };
    let first = say(&confirmed("s1"), "seen_by_moderator").unwrap();
    assert_eq!(
        say(&confirmed("s1"), "seen_by_staff"),
        None,
        "it stands already"
    );
    let second = say(&denied("s1"), "badge_lent").unwrap();
    assert!(
        say(&confirmed("s1"), "seen_by_moderator").is_some(),
        "it was overtaken"
    );
    assert!(second > first);
    let out = left(&office, "hall", 60_000);
    assert!(say(&out, "scan_forgotten").is_some());
    assert_eq!(say(&out, "door_down"), None);
    assert!(say(&left(&office, "hall", 61_000), "scan_forgotten").is_some());
    let words = words_of(office.desk(), &event_id(), &zoe).unwrap();
    let said = words
        .iter()
        .map(|held| (held.row.kind, held.row.reason.as_deref()));
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            (RowKind::Confirmed, Some("seen_by_moderator")),
            (RowKind::Denied, Some("badge_lent")),
            (RowKind::Confirmed, Some("seen_by_moderator")),
            (RowKind::Out, Some("scan_forgotten")),
            (RowKind::Out, Some("scan_forgotten")),
        ]
    );
}

#[test]
fn what_cannot_be_is_refused_and_writes_nothing() {
    let office = office();
    let zoe = zoe(&office);
    let before = bodies(&office).len();
    let check = |word: Word, reason: &str, note: &str, words: &str| {
        let said = say(
            office.desk(),
            &event_id(),
            &zoe,
            &word,
            because(reason, note),
        );
        let why = said.unwrap_err().to_string();
        assert!(why.contains(words), "{why}");
    };
    check(confirmed("s9"), "seen_by_staff", "", "no session s9");
    check(confirmed("s2"), "seen_by_staff", "", "has not begun");
    check(confirmed("s1"), "badge_lent", "", "give one of");
    check(confirmed("s1"), "other", " ", "needs a note");
    check(
        confirmed("s1"),
        "seen_by_staff",
        &"n".repeat(1_001),
        "shorten it",
    );
    check(left(&office, "attic", 0), "door_down", "", "no room attic");
    check(left(&office, "hall", -1), "door_down", "", "in the future");
    let nobody: AttendeeId = "a-nobody".parse().unwrap();
    let said = say(
        office.desk(),
        &event_id(),
        &nobody,
        &confirmed("s1"),
        because("seen_by_staff", ""),
    );
    assert!(
        said.unwrap_err()
            .to_string()
            .contains("no attendee a-nobody")
    );
    assert_eq!(bodies(&office).len(), before);
}

#[test]
fn a_word_that_is_taken_back_stays_and_may_be_said_again() {
    let office = office();
    let (zoe, tom) = (zoe(&office), whose(&office, "R2VN-8CYB-4JFS-XK6T"));
    let (desk, event) = (office.desk(), event_id());
    let why = because("seen_by_moderator", "");
    let entry = say(desk, &event, &zoe, &confirmed("s1"), why)
        .unwrap()
        .unwrap();
    let back = |whose: &AttendeeId, place: (u64, u32), reason: &str| {
        withdraw(desk, &event, whose, place, because(reason, ""))
    };
    let check = |result: Result<u64, ImportFault>, words: &str| {
        let why = result.unwrap_err().to_string();
        assert!(why.contains(words), "{why}");
    };
    check(
        back(&tom, (entry, 0), "wrong_person"),
        "no person's word on",
    );
    check(
        back(&zoe, (entry, 1), "wrong_person"),
        "no person's word on",
    );
    check(back(&zoe, (entry, 0), "badge_lent"), "give one of");
    let by = back(&zoe, (entry, 0), "wrong_person").unwrap();
    check(
        back(&zoe, (entry, 0), "wrong_person"),
        &format!("by entry {by}"),
    );
    let words = words_of(desk, &event, &zoe).unwrap();
    assert_eq!(words[0].retracted, Some(by));
    let again = say(desk, &event, &zoe, &confirmed("s1"), why).unwrap();
    assert!(again.is_some_and(|again| again > by));
    let newest = office
        .store
        .ledger_entries(&event, by, 1)
        .unwrap()
        .remove(0);
    let LedgerBody::Retraction(body) = entries::parse(&newest.bytes.unwrap()).unwrap().body else {
        panic!("a retraction");
    };
    assert_eq!(
        (body.entry, body.row, body.operator.as_str()),
        (entry, Some(0), "rita")
    );
}

#[test]
fn a_note_is_nowhere_but_sealed_and_opens_for_its_person() {
    let office = office();
    let zoe = zoe(&office);
    let (desk, event) = (office.desk(), event_id());
    let told = "She fell ill; see her letter";
    let why = because("other", told);
    let entry = say(desk, &event, &zoe, &confirmed("s1"), why)
        .unwrap()
        .unwrap();
    let why = because("entered_in_error", "typed twice");
    let by = withdraw(desk, &event, &zoe, (entry, 0), why).unwrap();
    assert!(
        bodies(&office)
            .iter()
            .all(|body| !body.contains("letter") && !body.contains("typed"))
    );
    for name in files(office.folder.path()) {
        let bytes = std::fs::read(&name).unwrap();
        let is_in = bytes.windows(6).any(|part| part == b"letter");
        assert!(!is_in, "{}", name.display());
    }
    let facts = office.store.attendee(&event, &zoe).unwrap();
    let notes = office.store.notes(&event, &zoe).unwrap();
    let opened: Vec<(u64, String)> = notes
        .iter()
        .map(|note| {
            let text =
                notes::open(&office.keys, &event, &facts, (Topic::Attendance, note)).unwrap();
            (note.index, text.to_string())
        })
        .collect();
    assert_eq!(
        opened,
        [(entry, told.to_owned()), (by, "typed twice".to_owned())]
    );
    let mut moved = notes[0].clone();
    moved.at = UtcMs(moved.at.0 + 1);
    assert!(notes::open(&office.keys, &event, &facts, (Topic::Attendance, &moved)).is_none());
    let other = (Topic::Grant, &notes[0]);
    assert!(notes::open(&office.keys, &event, &facts, other).is_none());
    let erased = crate::store::people::AttendeeFacts {
        person: None,
        ..facts
    };
    assert!(
        notes::open(
            &office.keys,
            &event,
            &erased,
            (Topic::Attendance, &notes[0])
        )
        .is_none()
    );
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn whoever_is_spoken_of_is_due() {
    let office = office();
    let zoe = zoe(&office);
    let (desk, event) = (office.desk(), event_id());
    let rules = crate::imports::testing::RULES;
    let programme = "main".parse().unwrap();
    agendas::adopt_rules(desk, &event, &programme, rules).unwrap();
    let due = || office.store.due(office.now, 10).unwrap();
    for one in due() {
        office.store.settle(&one).unwrap();
    }
    let why = because("seen_by_moderator", "");
    let entry = say(desk, &event, &zoe, &confirmed("s1"), why)
        .unwrap()
        .unwrap();
    let named = due();
    assert_eq!(
        named.iter().map(|d| &d.attendee).collect::<Vec<_>>(),
        [&zoe]
    );
    office.store.settle(&named[0]).unwrap();
    withdraw(desk, &event, &zoe, (entry, 0), because("wrong_person", "")).unwrap();
    assert_eq!(due().len(), 1);
}
