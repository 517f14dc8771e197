#![allow(clippy::unwrap_used, clippy::panic)]
use attendance::UtcMs;
use attendance::words::Source;
use protocol::agenda::Channel;
use protocol::ledger::LedgerBody;
use protocol::signals::RowKind;

use super::*;
use crate::imports::agenda::{current, import};
use crate::imports::channels::put_channel;
use crate::imports::testing::{Office, event_id};
use crate::sources::agenda_csv;
use crate::sources::observed::{Observed, ObservedBatch, Subject, Where};

/// Two sessions of the hall and one of the loft, in UTC.
const AGENDA: &str = "session,title,room,start,end\n\
    one,One,hall,2026-10-31T09:00Z,2026-10-31T10:00Z\n\
    two,Two,hall,2026-10-31T10:30Z,2026-10-31T11:30Z\n\
    loft,Loft,loft,2026-10-31T09:00Z,2026-10-31T10:00Z\n";
/// 2026-10-31T00:00Z.
const DAY: UtcMs = UtcMs(1_793_404_800_000);
const BY: By<'_> = By {
    operator: "ada",
    reason: "counted",
    note: None,
};

fn office() -> Office {
    let office = Office::new();
    let read = agenda_csv::read(AGENDA.as_bytes(), chrono_tz::Europe::Vienna).unwrap();
    let source = office.source(AGENDA.as_bytes());
    import(office.desk(), &event_id(), &read.import, source, false).unwrap();
    for (id, room) in [("zoom/1", "hall"), ("zoom/2", "loft")] {
        let channel = Channel {
            id: id.to_owned(),
            title: "Stream".to_owned(),
            rooms: vec![room.parse().unwrap()],
        };
        put_channel(office.desk(), &event_id(), &channel).unwrap();
    }
    office
}

fn seen(place: &str, minute: i64, seen: Seen) -> Observed {
    let at = DAY.plus_ms(minute * 60_000);
    Observed {
        subjects: vec![Subject::new("zoom", "u1")],
        attendee: None,
        label: None,
        place: Place::Channel(place.to_owned()),
        device: None,
        key: format!("{place} {minute} {seen:?}"),
        seen,
        at: Interval::exactly(at),
        reason: None,
        row: Where::default(),
    }
}

/// What a report of these rows, with these polls offered at each place, shows: of each session, and of none.
fn shows(office: &Office, rows: &[(&str, i64, &str)], polls: &[(&str, &[&str])]) -> String {
    let row = |(place, minute, poll): &(&str, i64, &str)| match *poll {
        "" => seen(place, *minute, Seen::Plain(RowKind::In)),
        poll => seen(place, *minute, Seen::Poll(poll.to_owned())),
    };
    let read = Attendance {
        batch: ObservedBatch {
            source: Source::Platform,
            system: "zoom".to_owned(),
            rows: rows.iter().map(row).collect(),
            refused: Vec::new(),
            refused_total: 0,
        },
        polls: polls
            .iter()
            .map(|(place, polls)| {
                let polls = polls.iter().map(|poll| (*poll).to_owned()).collect();
                (Place::Channel((*place).to_owned()), polls)
            })
            .collect(),
    };
    let agenda = current(office.desk(), &event_id()).unwrap().unwrap();
    let Offered { sessions, unplaced } = offered(&agenda, &read);
    let of_sessions = sessions.iter().map(|(id, n)| format!("{id} {n}"));
    let of_none = unplaced.iter().map(|(place, n)| format!("{place}? {n}"));
    of_sessions.chain(of_none).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_poll_belongs_to_the_session_in_which_it_was_answered() {
    let office = office();
    let check = |rows: &[(&str, i64, &str)], polls: &[(&str, &[&str])], expected: &str| {
        assert_eq!(shows(&office, rows, polls), expected, "{rows:?} {polls:?}");
    };
    let (first, second) = (9 * 60 + 20, 10 * 60 + 40);
    check(
        &[
            ("zoom/1", first, "a"),
            ("zoom/1", second, "b"),
            ("zoom/1", second, "c"),
        ],
        &[("zoom/1", &["a", "b", "c"])],
        "one 1, two 2",
    );
    // One that nobody answered belongs to the only session that people were seen in, or that is held there.
    check(
        &[("zoom/1", first, "a"), ("zoom/1", first, "")],
        &[("zoom/1", &["a", "b"])],
        "one 2",
    );
    check(&[], &[("zoom/2", &["a"])], "loft 1");
    // Else nothing shows it: nobody answered it, it was answered in the break, or in both.
    check(&[], &[("zoom/1", &["a"])], "channel zoom/1? 1");
    check(
        &[
            ("zoom/1", first, "a"),
            ("zoom/1", second, "a"),
            ("zoom/1", 10 * 60 + 10, "b"),
        ],
        &[("zoom/1", &["a", "b"])],
        "channel zoom/1? 2",
    );
    // Both ends of a session: its first moment is in it, its last is not.
    check(&[("zoom/1", 9 * 60, "a")], &[("zoom/1", &["a"])], "one 1");
    check(
        &[("zoom/1", 10 * 60, "a")],
        &[("zoom/1", &["a"])],
        "channel zoom/1? 1",
    );
    check(&[], &[("zoom/9", &["a"])], "channel zoom/9? 1");
}

#[test]
fn a_report_raises_what_staff_say_and_an_import_keeps_it() {
    let office = office();
    let (desk, event) = (office.desk(), event_id());
    let one: SessionId = "one".parse().unwrap();
    let held = |id: &SessionId| {
        let agenda = current(desk, &event).unwrap().unwrap();
        let session = agenda.sessions.into_iter().find(|s| s.id == *id);
        session.unwrap().polls_offered
    };
    let shown = |count| Offered {
        sessions: BTreeMap::from([(one.clone(), count)]),
        unplaced: BTreeMap::new(),
    };
    let before = office.store.version(&event, Versioned::Agenda).unwrap();
    let before = before.unwrap().number;
    assert_eq!(
        raise(desk, &event, &shown(2), None).unwrap(),
        Some(before + 1)
    );
    assert_eq!(raise(desk, &event, &shown(2), None).unwrap(), None);
    assert_eq!(set(desk, &event, &one, 4, BY).unwrap(), Some(before + 2));
    assert_eq!(set(desk, &event, &one, 4, BY).unwrap(), None);
    assert_eq!(raise(desk, &event, &shown(3), None).unwrap(), None);
    assert_eq!(held(&one), Some(4));
    // The next file of the agenda says nothing of polls.
    let moved = AGENDA.replace("One,", "First,");
    let read = agenda_csv::read(moved.as_bytes(), chrono_tz::Europe::Vienna).unwrap();
    let source = office.source(moved.as_bytes());
    import(desk, &event, &read.import, source, false).unwrap();
    assert_eq!(held(&one), Some(4));
    assert_eq!(held(&"two".parse().unwrap()), None);
    // Staff may say less, and the ledger says who did.
    set(desk, &event, &one, 1, BY).unwrap().unwrap();
    let entry = office.store.version(&event, Versioned::Agenda).unwrap();
    let entries = office
        .store
        .ledger_entries(&event, entry.unwrap().ledger, 1)
        .unwrap();
    let body = protocol::ledger::parse(entries[0].bytes.as_deref().unwrap())
        .unwrap()
        .body;
    let LedgerBody::Import(import) = body else {
        panic!("{body:?}")
    };
    assert_eq!((import.format.as_str(), import.rows), (POLLS, 1));
    assert_eq!(import.operator.as_deref(), Some("ada"));
}

#[test]
fn what_cannot_be_is_refused() {
    let office = office();
    let (desk, event) = (office.desk(), event_id());
    let check = |outcome: Result<Option<u64>, ImportFault>, words: &str| match outcome {
        Err(ImportFault::Refused(why)) => assert!(why.contains(words), "{why}"),
        other => panic!("{other:?}"),
    };
    let nowhere: SessionId = "nine".parse().unwrap();
    let one: SessionId = "one".parse().unwrap();
    check(set(desk, &event, &nowhere, 1, BY), "no session nine");
    check(set(desk, &event, &one, MAX_POLLS + 1, BY), "at most 1000");
    let empty = Office::new();
    check(set(empty.desk(), &event, &one, 1, BY), "no agenda yet");
}
