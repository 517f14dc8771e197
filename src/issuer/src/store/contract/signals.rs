//! What other sources saw, whose it is, what was taken back.

use std::collections::BTreeSet;

use attendance::UtcMs;
use attendance::words::{AttendeeId, Direction, Source};
use protocol::agenda::Registration;
use protocol::ledger::{self, LedgerBody};
use protocol::signals::{Row, RowKind};
use protocol::subject::SubjectDigest;

use super::Factory;
use crate::store::notes::{NewNote, NoteFacts};
use crate::store::signals::{
    AccountWord, Holder, NewSignals, NewSubject, ObservedKey, RegistrationsChange, SetAside,
};
use crate::store::{Store, StoreError};
use crate::testing::{
    NOON, attendee, badge_key, event_id, event_with_kiosk, import, programme_id, register,
};

pub(super) fn run(factory: Factory<'_>) {
    observations_are_kept_once(&*factory());
    observations_make_due_whom_they_name(&*factory());
    what_is_taken_back_stays_and_says_so(&*factory());
    notes_stand_beside_their_entries(&*factory());
    labels_go_with_whoever_was_erased(&*factory());
    an_account_is_set_aside_until_it_is_taken_back(&*factory());
    an_account_that_changes_hands_makes_all_it_touches_due(&*factory());
    assistants_badges_count_as_well(&*factory());
    a_final_decision_whose_evidence_grew_is_not_kept(&*factory());
}

fn subject(text: &str) -> SubjectDigest {
    SubjectDigest::of(&badge_key(), "zoom", text).unwrap()
}

fn key(text: &str) -> ObservedKey {
    evidence::sha256(text.as_bytes())
}

fn row(subjects: &[&str], second: i64) -> Row {
    let at = NOON.plus_ms(second * 1_000);
    Row {
        subjects: subjects.iter().map(|text| subject(text)).collect(),
        attendee: None,
        kind: RowKind::In,
        channel: Some("zoom/1".to_owned()),
        room: None,
        session: None,
        device: None,
        poll: None,
        earliest: at,
        latest: at,
        reason: None,
    }
}

fn signals(rows: Vec<(Row, ObservedKey)>) -> NewSignals {
    let person = |row: &Row| {
        let first = row.subjects.first()?;
        Some(NewSubject {
            subject: *first,
            system: "zoom".to_owned(),
            accounts: row.subjects.clone(),
            label: Some(b"sealed".to_vec()),
            rows: 1,
        })
    };
    NewSignals {
        source: Source::Platform,
        entry: ledger::Signals {
            source: "zoom".to_owned(),
            object: evidence::sha256(b"object"),
            file: evidence::sha256(b"file"),
            rows: rows.len() as u64,
            operator: None,
            reason: None,
        },
        people: rows.iter().filter_map(|(row, _)| person(row)).collect(),
        rows,
        unplaced: Vec::new(),
        note: None,
    }
}

fn take(store: &dyn Store, rows: &[(&[&str], &str)]) -> u64 {
    let rows = rows
        .iter()
        .map(|(subjects, name)| (row(subjects, 1), key(name)));
    store
        .take_signals(&event_id(), &signals(rows.collect()), NOON)
        .unwrap()
}

/// Says which accounts a registration lists.
fn list(store: &dyn Store, badge: &str, accounts: &[&str]) {
    let held = store.roster(&event_id()).unwrap();
    let mut accounts: Vec<SubjectDigest> = accounts.iter().map(|text| subject(text)).collect();
    accounts.sort();
    let registration = Registration {
        accounts,
        ..held.registrations[&attendee(badge)].clone()
    };
    change(store, registration, Vec::new());
}

fn change(store: &dyn Store, registration: Registration, words: Vec<AccountWord>) {
    let base = store.roster(&event_id()).unwrap().base;
    let object = format!("{registration:?}{words:?}");
    let change = RegistrationsChange {
        base,
        registrations: vec![registration],
        words,
        import: import("registrations", object.as_bytes()),
        note: None,
    };
    store
        .change_registrations(&event_id(), &change, NOON)
        .unwrap();
}

fn due(store: &dyn Store) -> BTreeSet<AttendeeId> {
    let due = store.due(NOON, 100).unwrap();
    due.into_iter().map(|one| one.attendee).collect()
}

fn settle(store: &dyn Store) {
    for one in store.due(NOON, 100).unwrap() {
        store.settle(&one).unwrap();
    }
}

#[track_caller]
fn check_due(store: &dyn Store, badges: &[&str]) {
    let expected: BTreeSet<AttendeeId> = badges.iter().map(|badge| attendee(badge)).collect();
    assert_eq!(due(store), expected);
    settle(store);
}

fn newest(store: &dyn Store) -> LedgerBody {
    let size = store.ledger_head(&event_id()).unwrap().size;
    let entry = store
        .ledger_entries(&event_id(), size - 1, 1)
        .unwrap()
        .remove(0);
    ledger::parse(&entry.bytes.unwrap()).unwrap().body
}

fn observations_are_kept_once(store: &dyn Store) {
    event_with_kiosk(store);
    register(store, &["X1"]);
    let event = event_id();
    assert_eq!(store.signals_size(&event).unwrap(), 0);
    let first = take(store, &[(&["ada"], "one"), (&["bea"], "two")]);
    assert!(matches!(newest(store), LedgerBody::Signals(s) if s.rows == 2 && s.source == "zoom"));
    assert_eq!(store.signals_size(&event).unwrap(), first + 1);
    let asked = BTreeSet::from([key("two"), key("three")]);
    let known = store.known_keys(&event, &asked).unwrap();
    assert_eq!(known, BTreeSet::from([key("two")]));

    let size = store.ledger_head(&event).unwrap().size;
    let again = signals(vec![
        (row(&["eve"], 1), key("four")),
        (row(&["ada"], 1), key("one")),
    ]);
    let refused = store.take_signals(&event, &again, NOON);
    assert!(matches!(
        refused,
        Err(StoreError::Moved { what: "signals" })
    ));
    assert_eq!(store.ledger_head(&event).unwrap().size, size);
    assert_eq!(store.subject(&event, subject("eve")).unwrap(), None);

    let unplaced = NewSignals {
        unplaced: vec![("zoom/1".to_owned(), "kept".to_owned())],
        ..signals(vec![(row(&["ada"], 2), key("five"))])
    };
    let second = store.take_signals(&event, &unplaced, NOON).unwrap();
    let alarms = store.alarms(&event).unwrap();
    let alarm = alarms.first().unwrap();
    assert_eq!(
        (alarm.subject.as_str(), alarm.code.as_str()),
        ("zoom/1", "unknown_place")
    );

    let held = store.signals(&event).unwrap();
    let indices: Vec<u64> = held.iter().map(|batch| batch.index).collect();
    assert_eq!(indices, [first, second]);
    let rows = store.observed_of_subject(&event, subject("ada")).unwrap();
    let places: Vec<_> = rows
        .iter()
        .map(|seen| (seen.index, seen.row_number))
        .collect();
    assert_eq!(places, [(first, 0), (second, 0)]);
    assert_eq!(rows[1].row, row(&["ada"], 2));
    assert_eq!(rows[1].source, Source::Platform);
    let ada = store.subject(&event, subject("ada")).unwrap().unwrap();
    assert_eq!(
        (ada.rows, ada.label.as_deref()),
        (2, Some(b"sealed".as_slice()))
    );
    assert_eq!(ada.holder(), Holder::Unknown);
}

fn observations_make_due_whom_they_name(store: &dyn Store) {
    event_with_kiosk(store);
    register(store, &["X1", "X2", "X3"]);
    list(store, "X1", &["ada"]);
    check_due(store, &[]);
    take(store, &[(&["ada"], "one"), (&["nobody"], "two")]);
    check_due(store, &["X1"]);
    let theirs = store.observed_of(&event_id(), &attendee("X1")).unwrap();
    assert_eq!(theirs.len(), 1);
    assert_eq!(store.observed_of(&event_id(), &attendee("X2")).unwrap(), []);

    let named = Row {
        subjects: Vec::new(),
        attendee: Some(attendee("X3")),
        ..row(&[], 1)
    };
    let by_name = signals(vec![(named, key("three"))]);
    store.take_signals(&event_id(), &by_name, NOON).unwrap();
    check_due(store, &["X3"]);
    let theirs = store.observed_of(&event_id(), &attendee("X3")).unwrap();
    assert_eq!(theirs.len(), 1);
}

fn what_is_taken_back_stays_and_says_so(store: &dyn Store) {
    event_with_kiosk(store);
    register(store, &["X1", "X2"]);
    list(store, "X1", &["ada"]);
    list(store, "X2", &["bea"]);
    let event = event_id();
    let entry = take(store, &[(&["ada"], "one"), (&["bea"], "two")]);
    settle(store);
    let retraction = |row| ledger::Retraction {
        entry,
        row,
        reason: "wrong_person".to_owned(),
        operator: "ann".to_owned(),
    };
    let one = store
        .retract(&event, &retraction(Some(1)), None, NOON)
        .unwrap();
    check_due(store, &["X2"]);
    assert_eq!(store.signals_size(&event).unwrap(), one + 1);
    assert!(matches!(newest(store), LedgerBody::Retraction(r) if r == retraction(Some(1))));
    let retracted = |badge: &str| {
        let rows = store.observed_of(&event, &attendee(badge)).unwrap();
        rows[0].retracted
    };
    assert_eq!((retracted("X1"), retracted("X2")), (None, Some(one)));
    let again = store.retract(&event, &retraction(Some(1)), None, NOON);
    assert!(matches!(again, Err(StoreError::Exists { .. })));

    let whole = store
        .retract(&event, &retraction(None), None, NOON)
        .unwrap();
    check_due(store, &["X1", "X2"]);
    assert_eq!((retracted("X1"), retracted("X2")), (Some(whole), Some(one)));
    assert_eq!(store.signals(&event).unwrap()[0].retracted, Some(whole));
    let again = store.retract(&event, &retraction(None), None, NOON);
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    for unknown in [
        retraction(Some(2)),
        ledger::Retraction {
            entry: entry + 1,
            ..retraction(None)
        },
    ] {
        let refused = store.retract(&event, &unknown, None, NOON);
        assert!(matches!(refused, Err(StoreError::NotFound { .. })));
    }
}

fn labels_go_with_whoever_was_erased(store: &dyn Store) {
    event_with_kiosk(store);
    register(store, &["X1", "X2"]);
    list(store, "X1", &["mail"]);
    let event = event_id();
    take(store, &[(&["device", "mail"], "one"), (&["other"], "two")]);
    let label = |text: &str| store.subject(&event, subject(text)).unwrap().unwrap().label;
    assert!(label("device").is_some() && label("other").is_some());
    let named = Row {
        attendee: Some(attendee("X1")),
        ..row(&["named"], 1)
    };
    let named = signals(vec![(named, key("three"))]);
    store.take_signals(&event, &named, NOON).unwrap();
    let erasure = ledger::Erasure {
        attendee: attendee("X1"),
        reason: "asked_for".to_owned(),
        operator: "ann".to_owned(),
    };
    store.erase_person(&event, &erasure, NOON).unwrap();
    assert_eq!((label("device"), label("named")), (None, None));
    assert!(label("other").is_some());
    // What the source goes on to show of them is not kept.
    take(
        store,
        &[(&["device", "mail"], "four"), (&["phone", "mail"], "five")],
    );
    assert_eq!((label("device"), label("phone")), (None, None));
}

fn an_account_is_set_aside_until_it_is_taken_back(store: &dyn Store) {
    event_with_kiosk(store);
    let event = event_id();
    take(store, &[(&["one"], "one")]);
    let aside = |text: &str| SetAside {
        subject: subject(text),
        reason: "not_registered".to_owned(),
        operator: "rita".to_owned(),
        at: NOON,
    };
    let unknown = store.set_aside(&event, &aside("two"));
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })));
    let early = store.take_back(&event, subject("one"));
    assert!(matches!(early, Err(StoreError::NotFound { .. })));
    store.set_aside(&event, &aside("one")).unwrap();
    let again = store.set_aside(&event, &aside("one"));
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    assert_eq!(store.set_asides(&event).unwrap(), [aside("one")]);
    store.take_back(&event, subject("one")).unwrap();
    assert_eq!(store.set_asides(&event).unwrap(), []);
}

fn notes_stand_beside_their_entries(store: &dyn Store) {
    event_with_kiosk(store);
    register(store, &["X1", "X2"]);
    let (event, now) = (event_id(), NOON);
    let note = |badge: &str, text: &str| NewNote {
        attendee: attendee(badge),
        sealed: text.as_bytes().to_vec(),
    };
    let told = |badge: &str| store.notes(&event, &attendee(badge)).unwrap();
    let with_note = NewSignals {
        note: Some(note("X1", "first")),
        ..signals(vec![(row(&["ada"], 1), key("one"))])
    };
    let entry = store.take_signals(&event, &with_note, now).unwrap();
    take(store, &[(&["ada"], "two")]);
    let retraction = ledger::Retraction {
        entry,
        row: None,
        reason: "wrong".to_owned(),
        operator: "ann".to_owned(),
    };
    let second = note("X2", "second");
    let later = now.plus_ms(1);
    let back = store.retract(&event, &retraction, Some(&second), later);
    let held = |index, text: &str, at| NoteFacts {
        index,
        sealed: text.as_bytes().to_vec(),
        at,
    };
    assert_eq!(told("X1"), [held(entry, "first", now)]);
    assert_eq!(told("X2"), [held(back.unwrap(), "second", later)]);
    // What is not written keeps no note.
    let again = store.retract(&event, &retraction, Some(&second), later);
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    assert_eq!(told("X2").len(), 1);

    let roster = store.roster(&event).unwrap();
    let change = RegistrationsChange {
        base: roster.base,
        registrations: vec![roster.registrations[&attendee("X1")].clone()],
        words: Vec::new(),
        import: import("registrations", b"changed"),
        note: Some(note("X1", "third")),
    };
    store.change_registrations(&event, &change, now).unwrap();
    let newest = store.ledger_head(&event).unwrap().size - 1;
    assert_eq!(told("X1")[1], held(newest, "third", now));
}

fn an_account_that_changes_hands_makes_all_it_touches_due(store: &dyn Store) {
    event_with_kiosk(store);
    register(store, &["X1", "X2", "X3"]);
    let event = event_id();
    list(store, "X2", &["mail"]);
    take(store, &[(&["device", "mail"], "one")]);
    check_due(store, &["X2"]);
    let holder = || store.subject(&event, subject("device")).unwrap().unwrap();
    assert_eq!(holder().holder(), Holder::One(&attendee("X2")));

    // The account that is trusted more takes the row from whoever lists the other.
    list(store, "X1", &["device"]);
    check_due(store, &["X1", "X2"]);
    assert_eq!(holder().holder(), Holder::One(&attendee("X1")));

    // Two who list one account: it is nobody's.
    list(store, "X3", &["device"]);
    check_due(store, &["X1", "X2", "X3"]);
    let both = [attendee("X1"), attendee("X3")];
    assert_eq!(holder().holder(), Holder::Several(&both));
    // Who is left with nothing that was seen or decided has nothing to decide.
    list(store, "X1", &[]);
    check_due(store, &["X2", "X3"]);
    list(store, "X3", &[]);
    check_due(store, &["X2"]);
    assert_eq!(holder().holder(), Holder::One(&attendee("X2")));

    // Both hands in one change, whichever stands first: whoever shares the row is due as well.
    let all = store.roster(&event).unwrap().registrations;
    let with = |badge: &str, accounts: &[&str]| Registration {
        accounts: accounts.iter().map(|text| subject(text)).collect(),
        ..all[&attendee(badge)].clone()
    };
    for both in [
        [with("X1", &["device"]), with("X3", &[])],
        [with("X3", &["device"]), with("X1", &[])],
        [with("X1", &["device"]), with("X3", &[])],
        [with("X1", &[]), with("X3", &["device"])],
        [with("X3", &[]), with("X1", &[])],
    ] {
        let change = RegistrationsChange {
            base: store.roster(&event).unwrap().base,
            registrations: both.into(),
            words: Vec::new(),
            import: import("registrations", b"both"),
            note: None,
        };
        store.change_registrations(&event, &change, NOON).unwrap();
        let found = due(store);
        assert!(found.contains(&attendee("X2")), "{found:?}");
        settle(store);
    }

    let said = |is_theirs| AccountWord {
        subject: subject("device"),
        attendee: attendee("X1"),
        is_theirs,
        reason: "asked".to_owned(),
        operator: "ann".to_owned(),
        at: UtcMs(NOON.0),
    };
    let held = store.roster(&event).unwrap();
    let registration = held.registrations[&attendee("X1")].clone();
    change(store, registration.clone(), vec![said(true)]);
    change(store, registration, vec![said(false)]);
    assert_eq!(store.account_words(&event).unwrap(), [said(false)]);
}

fn assistants_badges_count_as_well(store: &dyn Store) {
    let mut kiosk = event_with_kiosk(store);
    register(store, &["X1", "X2"]);
    let held = store.roster(&event_id()).unwrap();
    let registration = Registration {
        assistants: vec![badge_key().digest("X2")],
        ..held.registrations[&attendee("X1")].clone()
    };
    change(store, registration.clone(), Vec::new());
    check_due(store, &[]);
    kiosk.scan("X2", Direction::In);
    kiosk.send(store, 0, 1);
    check_due(store, &["X1", "X2"]);
    store.make_log_due(kiosk.id(), NOON).unwrap();
    check_due(store, &["X1", "X2"]);
    let found = |badge: &str| store.scans_of(&event_id(), &attendee(badge)).unwrap().len();
    assert_eq!((found("X1"), found("X2")), (1, 1));
    let held = store.attendee(&event_id(), &attendee("X1")).unwrap();
    assert_eq!(held.registration, Some(registration));
}

fn a_final_decision_whose_evidence_grew_is_not_kept(store: &dyn Store) {
    event_with_kiosk(store);
    register(store, &["X1"]);
    list(store, "X1", &["ada"]);
    take(store, &[(&["ada"], "one")]);
    let opened = store.due(NOON, 10).unwrap().remove(0);
    take(store, &[(&["ada"], "two")]);
    let late = super::people::put(store, b"one", true, Some(opened.ticket));
    assert_eq!(late, None);
    let held = store.decision(&event_id(), &attendee("X1"), &programme_id());
    assert_eq!(held.unwrap(), None);
    let current = store.due(NOON, 10).unwrap().remove(0);
    let kept = super::people::put(store, b"one", true, Some(current.ticket));
    assert!(kept.is_some());
    assert_eq!(store.due_count(&event_id()).unwrap(), 0);
}
