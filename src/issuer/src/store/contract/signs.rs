//! Signs that a badge was not with its holder: how they grow, and how they are closed and opened again.

use protocol::ledger::{LedgerBody, SignKind, SignOutcome, parse};

use super::Factory;
use crate::store::notes::NewNote;
use crate::store::signs::{NewSign, SignFacts, SignWord};
use crate::store::{Store, StoreError};
use crate::testing::{NOON, attendee, event_id, event_with_kiosk, register};

pub(super) fn run(factory: Factory<'_>) {
    a_sign_grows_and_comes_back_when_seen_twice_as_often(&*factory());
    a_word_is_an_entry_and_is_said_once(&*factory());
    signs_are_of_their_own_event_and_people(&*factory());
}

fn sign(about: SignKind, badges: &[&str], times: u32) -> NewSign {
    NewSign {
        about,
        attendees: badges.iter().map(|badge| attendee(badge)).collect(),
        times,
        evidence: (0..u64::from(times))
            .map(|n| ("log".to_owned(), n))
            .collect(),
    }
}

fn pair(times: u32) -> NewSign {
    sign(SignKind::Pair, &["X1", "X2"], times)
}

fn word(times: u32, outcome: SignOutcome, note: Option<&NewNote>) -> SignWord<'_> {
    SignWord {
        times,
        outcome,
        reason: "came_together",
        operator: "rita",
        note,
    }
}

fn held(store: &dyn Store) -> Vec<SignFacts> {
    store.signs(&event_id()).unwrap()
}

fn a_sign_grows_and_comes_back_when_seen_twice_as_often(store: &dyn Store) {
    event_with_kiosk(store);
    let event = event_id();
    let put = |times, later| {
        store
            .put_sign(&event, &pair(times), NOON.plus_ms(later))
            .unwrap()
    };
    assert!(put(6, 0) && !put(6, 1) && !put(5, 2) && put(7, 3));
    let first = held(store).remove(0);
    assert_eq!((first.first, first.last), (NOON, NOON.plus_ms(3)));
    assert_eq!((first.found, first.closed), (pair(7), None));

    let explained = word(7, SignOutcome::Explained, None);
    store
        .judge_sign(&event, &first.id, &explained, NOON)
        .unwrap();
    assert_eq!(store.open_signs(&event).unwrap(), 0);
    assert!(!put(7, 4) && !put(13, 5) && put(14, 6));
    let second = held(store).remove(1);
    assert_ne!(second.id, first.id);
    assert_eq!(second.found.times, 14);
    assert_eq!(store.open_signs(&event).unwrap(), 1);
    assert_eq!(held(store)[0].found.times, 7, "the closed one stays");
}

fn a_word_is_an_entry_and_is_said_once(store: &dyn Store) {
    event_with_kiosk(store);
    register(store, &["X1", "X2"]);
    let event = event_id();
    store.put_sign(&event, &pair(20), NOON).unwrap();
    let id = held(store).remove(0).id;
    let due = store.due(NOON.plus_ms(1), 10).unwrap();
    let note = NewNote {
        attendee: attendee("X1"),
        sealed: b"sealed".to_vec(),
    };
    let said = |outcome, times, note| {
        let word = word(times, outcome, note);
        store.judge_sign(&event, &id, &word, NOON.plus_ms(5))
    };
    let moved = said(SignOutcome::Upheld, 19, None);
    assert!(matches!(moved, Err(StoreError::Moved { what: "sign" })));
    let again = said(SignOutcome::Reopened, 20, None);
    assert!(matches!(again, Err(StoreError::Exists { .. })));

    let index = said(SignOutcome::Upheld, 20, Some(&note)).unwrap();
    let again = said(SignOutcome::Explained, 20, Some(&note));
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    let closed = held(store).remove(0).closed.unwrap();
    assert_eq!(closed.outcome, SignOutcome::Upheld);
    assert_eq!((closed.ledger, closed.at), (index, NOON.plus_ms(5)));
    let entry = store.ledger_entries(&event, index, 1).unwrap().remove(0);
    let LedgerBody::Sign(body) = parse(entry.bytes.as_ref().unwrap()).unwrap().body else {
        panic!("another entry")
    };
    assert_eq!((body.sign, body.times), (id.clone(), 20));
    assert_eq!(body.evidence.len(), protocol::ledger::MAX_SIGN_EVIDENCE);
    assert_eq!(body.operator, "rita");
    let notes = store.notes(&event, &attendee("X1")).unwrap();
    assert_eq!((notes.len(), notes[0].index), (1, index));

    let index = said(SignOutcome::Reopened, 20, None).unwrap();
    assert_eq!(held(store)[0].closed, None);
    assert_eq!(index, closed.ledger + 1);
    assert_eq!(
        store.due(NOON.plus_ms(1), 10).unwrap(),
        due,
        "nobody is decided again"
    );
}

fn signs_are_of_their_own_event_and_people(store: &dyn Store) {
    event_with_kiosk(store);
    let event = event_id();
    for (about, badges) in [
        (SignKind::Pair, &["X1", "X2"][..]),
        (SignKind::Pair, &["X1", "X3"]),
        (SignKind::Places, &["X1"]),
    ] {
        assert!(
            store
                .put_sign(&event, &sign(about, badges, 1), NOON)
                .unwrap()
        );
    }
    let mut ids: Vec<String> = held(store).into_iter().map(|sign| sign.id).collect();
    assert!(ids.is_sorted());
    ids.dedup();
    assert_eq!(ids.len(), 3);
    let none = "none".parse().unwrap();
    let missing = store.put_sign(&none, &pair(1), NOON);
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
    let explained = word(1, SignOutcome::Explained, None);
    let missing = store.judge_sign(&event, "pair-0", &explained, NOON);
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
}
