//! Servers that are polled, and systems that send.

use super::Factory;
use crate::store::sources::{FeedFacts, NewFeed, SourceFacts, WANTED_GAP_MS};
use crate::store::{Store, StoreError};
use crate::testing::{NOON, event_id, new_event};

pub(super) fn run(factory: Factory<'_>) {
    what_is_heard_is_kept_until_something_else_is_asked_for(&*factory());
    feeds_are_due_in_turn(&*factory());
    a_source_sends_until_it_is_revoked(&*factory());
    an_event_of_a_webhook_is_taken_once(&*factory());
}

fn feed(id: &str, upstream: &str) -> NewFeed {
    NewFeed {
        id: id.to_owned(),
        event: event_id(),
        kind: "pretix".to_owned(),
        upstream: evidence::sha256(upstream.as_bytes()),
    }
}

fn source(id: &str, token: &str) -> SourceFacts {
    SourceFacts {
        id: id.to_owned(),
        event: event_id(),
        kind: "registrations".to_owned(),
        token: Some(evidence::sha256(token.as_bytes())),
        secret: None,
        created: NOON,
        revoked: None,
        heard: None,
        ignored: 0,
    }
}

fn what_is_heard_is_kept_until_something_else_is_asked_for(store: &dyn Store) {
    let unknown = store.declare_feed(&feed("shop", "a"));
    assert!(matches!(
        unknown,
        Err(StoreError::NotFound { what: "event", .. })
    ));
    store.create_event(&new_event(), NOON).unwrap();
    let fresh = store.declare_feed(&feed("shop", "a")).unwrap();
    assert!(fresh.configured && fresh.refused.is_empty() && fresh.next.is_none());
    let told = FeedFacts {
        cursor: Some(NOON),
        whole: Some(NOON),
        version: Some("4:v1.1".to_owned()),
        etag: Some("abc".to_owned()),
        refused: [(7, "B0007-1.attendee_name: is empty".to_owned())].into(),
        report: vec!["registrations added: 1".to_owned()],
        tried: Some(NOON),
        succeeded: Some(NOON),
        error: Some("cut".to_owned()),
        failures: 2,
        next: Some(NOON.plus_ms(1_000)),
        ..fresh.clone()
    };
    store.put_feed(&told, NOON).unwrap();
    assert_eq!(
        store.feeds(&event_id()).unwrap(),
        std::slice::from_ref(&told)
    );
    assert_eq!(store.declare_feed(&feed("shop", "a")).unwrap(), told);
    assert_eq!(store.declare_feed(&feed("shop", "b")).unwrap(), fresh);
    let lost = FeedFacts {
        id: "other".to_owned(),
        ..told
    };
    assert!(matches!(
        store.put_feed(&lost, NOON),
        Err(StoreError::NotFound { .. })
    ));
}

fn feeds_are_due_in_turn(store: &dyn Store) {
    store.create_event(&new_event(), NOON).unwrap();
    let due = |ms: i64| store.due_feed(NOON.plus_ms(ms)).unwrap();
    assert_eq!(due(0), None);
    let a = store.declare_feed(&feed("a", "a")).unwrap();
    let b = store.declare_feed(&feed("b", "b")).unwrap();
    assert_eq!(
        due(0).as_deref(),
        Some("a"),
        "one that was never polled is due at once"
    );
    let polled = |facts: &FeedFacts, at: i64, failures: u32| {
        let facts = FeedFacts {
            tried: Some(NOON.plus_ms(at)),
            next: Some(NOON.plus_ms(at + 60_000)),
            failures,
            ..facts.clone()
        };
        store.put_feed(&facts, NOON.plus_ms(at)).unwrap();
    };
    polled(&a, 0, 0);
    assert_eq!(due(1).as_deref(), Some("b"));
    polled(&b, 1, 0);
    assert_eq!(due(59_999), None);
    assert_eq!(due(60_000).as_deref(), Some("a"));
    assert_eq!(
        due(60_001).as_deref(),
        Some("a"),
        "the one that waits longest comes first"
    );
    // Somebody asks for it: not at once after a poll, and not where it fails.
    assert!(store.want_feed("b", "pretix", NOON.plus_ms(2)).unwrap());
    assert_eq!(due(WANTED_GAP_MS), None);
    assert_eq!(due(WANTED_GAP_MS + 1).as_deref(), Some("b"));
    // What is asked for while it is polled is not lost.
    polled(&b, 1, 0);
    assert_eq!(due(WANTED_GAP_MS + 1).as_deref(), Some("b"));
    polled(&b, 2, 0);
    assert_eq!(due(WANTED_GAP_MS + 2), None);
    polled(&b, 3, 1);
    assert!(store.want_feed("b", "pretix", NOON.plus_ms(4)).unwrap());
    assert_eq!(due(30_000), None);
    assert!(!store.want_feed("b", "pretalx", NOON).unwrap());
    assert!(!store.want_feed("c", "pretix", NOON).unwrap());
    // What the configuration names no more is left alone.
    store.keep_feeds(&["a"]).unwrap();
    assert_eq!(due(999_999).as_deref(), Some("a"));
    assert!(!store.want_feed("b", "pretix", NOON).unwrap());
    store.keep_feeds(&[]).unwrap();
    assert_eq!(due(999_999), None);
}

fn a_source_sends_until_it_is_revoked(store: &dyn Store) {
    assert!(matches!(
        store.add_source(&source("crm", "t")),
        Err(StoreError::NotFound { what: "event", .. })
    ));
    store.create_event(&new_event(), NOON).unwrap();
    store.add_source(&source("crm", "t")).unwrap();
    assert!(matches!(
        store.add_source(&source("crm", "u")),
        Err(StoreError::Exists { .. })
    ));
    assert_eq!(store.source("crm").unwrap(), Some(source("crm", "t")));
    assert_eq!(store.source("none").unwrap(), None);
    store.heard_source("crm", 2, NOON.plus_ms(4)).unwrap();
    store.heard_source("crm", 1, NOON.plus_ms(5)).unwrap();
    assert_eq!(store.source("crm").unwrap().unwrap().ignored, 3);
    store.revoke_source("crm", NOON.plus_ms(9)).unwrap();
    assert!(matches!(
        store.revoke_source("crm", NOON),
        Err(StoreError::NotFound { .. })
    ));
    let held = store.source("crm").unwrap().unwrap();
    assert_eq!(
        (held.token, held.revoked, held.heard),
        (None, Some(NOON.plus_ms(9)), Some(NOON.plus_ms(5)))
    );
    // It may come back as what it was, and as nothing else.
    let other = SourceFacts {
        kind: "signals".to_owned(),
        ..source("crm", "u")
    };
    assert!(matches!(
        store.add_source(&other),
        Err(StoreError::Exists { .. })
    ));
    store.add_source(&source("crm", "u")).unwrap();
    assert_eq!(store.sources(&event_id()).unwrap().len(), 1);
    assert_eq!(store.source("crm").unwrap().unwrap().revoked, None);
    // One id is one source, whichever way it comes.
    store.declare_feed(&feed("shop", "a")).unwrap();
    assert!(matches!(
        store.add_source(&source("shop", "t")),
        Err(StoreError::Exists { .. })
    ));
    assert!(matches!(
        store.declare_feed(&feed("crm", "a")),
        Err(StoreError::Exists { .. })
    ));
}

fn an_event_of_a_webhook_is_taken_once(store: &dyn Store) {
    store.create_event(&new_event(), NOON).unwrap();
    let (one, other) = (evidence::sha256(b"1"), evidence::sha256(b"2"));
    let take = |id: &str, key, ms: i64| {
        let now = NOON.plus_ms(ms);
        store
            .take_source_event(id, key, now, now.plus_ms(-1_000))
            .unwrap()
    };
    assert!(!store.knows_source_event("a", one).unwrap());
    assert!(take("a", one, 0));
    assert!(store.knows_source_event("a", one).unwrap());
    assert!(!store.knows_source_event("b", one).unwrap());
    assert!(!take("a", one, 1_000));
    assert!(take("a", other, 1_000));
    assert!(take("b", one, 1_000));
    assert!(
        take("a", one, 1_001),
        "what is older than asked for is forgotten"
    );
}
