//! People, the queue, decisions, certificates.

use attendance::words::{CertificateId, Direction, KioskId};
use attendance::{Decimal, Outcome, Reason};
use evidence::Hash;
use protocol::ledger;

use super::Factory;
use crate::store::batches::Held;
use crate::store::decisions::{DecisionFacts, NewCertificate, NewDecision};
use crate::store::enrolment::BundleFacts;
use crate::store::events::{AgendaChange, ProgrammeFacts};
use crate::store::{Store, StoreError};
use crate::testing::{
    ISSUER, NOON, attendee, badge_key, door, enrol, event_id, event_with_kiosk, import, issuer_key,
    programme_id, register,
};

pub(super) fn run(factory: Factory<'_>) {
    registrations_add_up(&*factory());
    private_files_are_found_by_hash(&*factory());
    an_erased_person_leaves_nothing_that_opens(&*factory());
    a_ticket_settles_what_it_was_made_for(&*factory());
    what_a_clock_says_makes_open_reviews_due(&*factory());
    final_decisions_replace_each_other(&*factory());
    certificates_rest_on_the_final_decision(&*factory());
}

fn registrations_add_up(store: &dyn Store) {
    event_with_kiosk(store);
    let event = event_id();
    assert_eq!(store.roster(&event).unwrap().base, None);
    register(store, &["X1", "X2"]);
    register(store, &["X2", "X3"]);
    let roster = store.roster(&event).unwrap();
    assert_eq!(roster.base, Some(evidence::sha256(b"X2,X3")));
    assert_eq!(roster.badges.len(), 3);
    assert_eq!(roster.badges[&badge_key().digest("X2")], attendee("X2"));
    assert_eq!(roster.registrations[&attendee("X1")].badges.len(), 1);
    let stale = store.import_registrations(&event, None, &[], &import("registrations", b"z"), NOON);
    assert!(matches!(
        stale,
        Err(StoreError::Moved {
            what: "registrations"
        })
    ));
    assert_eq!(store.roster(&event).unwrap(), roster);

    let rows = store.roster_rows(&event).unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|r| !r.cancelled && !r.revoked));
    let facts = store.attendee(&event, &attendee("X2")).unwrap();
    assert_eq!(facts.person, Some((b"key".to_vec(), b"X2".to_vec())));
    assert_eq!(
        facts.registration.unwrap().badges,
        [badge_key().digest("X2")]
    );
    assert!(store.attendee(&event, &attendee("X9")).is_err());
    let page = store.attendees(&event, Some(&attendee("X1")), 1).unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].attendee, attendee("X2"));
    let whose = |badge: &str| {
        store
            .attendee_of(&event, badge_key().digest(badge))
            .unwrap()
    };
    assert_eq!(whose("X3"), Some(attendee("X3")));
    assert_eq!(whose("X9"), None);
}

fn private_files_are_found_by_hash(store: &dyn Store) {
    event_with_kiosk(store);
    register(store, &["X1"]);
    let hash = evidence::sha256(b"pdf");
    let event = event_id();
    assert_eq!(store.private(&event, hash).unwrap(), None);
    store
        .put_private(&event, &attendee("X1"), hash, b"sealed")
        .unwrap();
    let found = store.private(&event, hash).unwrap().unwrap();
    assert_eq!(
        (found.attendee, found.sealed),
        (attendee("X1"), b"sealed".to_vec())
    );
}

fn an_erased_person_leaves_nothing_that_opens(store: &dyn Store) {
    let kiosk = event_with_kiosk(store);
    register(store, &["X1", "X2"]);
    let event = event_id();
    let hashes = ["X1", "X2"].map(|badge| (badge, evidence::sha256(badge.as_bytes())));
    for (badge, hash) in hashes {
        let sealed = badge.as_bytes();
        store
            .put_private(&event, &attendee(badge), hash, sealed)
            .unwrap();
    }
    let bundle = BundleFacts {
        sequence: 1,
        content: evidence::sha256(b"bundle"),
        expires: NOON,
    };
    store.put_bundle(kiosk.id(), &bundle, b"rows").unwrap();
    let revision = store.event(&event).unwrap().revision;
    let due = store.due(NOON.plus_ms(1), 10).unwrap();
    let erasure = |badge: &str| ledger::Erasure {
        attendee: attendee(badge),
        reason: "asked_for".to_owned(),
        operator: "ann".to_owned(),
    };
    let unknown = store.erase_person(&event, &erasure("X9"), NOON);
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })));

    let index = store.erase_person(&event, &erasure("X1"), NOON).unwrap();
    let entry = store.ledger_entries(&event, index, 1).unwrap().remove(0);
    let parsed = ledger::parse(entry.bytes.as_ref().unwrap()).unwrap();
    assert_eq!(parsed.body, ledger::LedgerBody::Erasure(erasure("X1")));
    let facts = store.attendee(&event, &attendee("X1")).unwrap();
    assert_eq!(facts.person, None);
    assert_eq!(
        facts.registration.unwrap().badges,
        [badge_key().digest("X1")],
        "their badge is still theirs"
    );
    let rows = store.roster_rows(&event).unwrap();
    let row = |badge: &str| {
        rows.iter()
            .find(|row| row.attendee == attendee(badge))
            .unwrap()
    };
    assert!(row("X1").row.is_empty() && !row("X2").row.is_empty());
    assert_eq!(store.private(&event, hashes[0].1).unwrap(), None);
    assert!(store.private(&event, hashes[1].1).unwrap().is_some());
    assert!(store.event(&event).unwrap().revision > revision);
    let (held, bytes) = store.bundle_bytes(kiosk.id()).unwrap().unwrap();
    assert_eq!((held.sequence, bytes), (1, Vec::new()));
    assert_eq!(store.due(NOON.plus_ms(1), 10).unwrap(), due);

    let again = store.erase_person(&event, &erasure("X1"), NOON);
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    // An import that looked before does not bring them back.
    let base = store.roster(&event).unwrap().base;
    let late = store.import_registrations(
        &event,
        base,
        &[crate::testing::person("X1")],
        &import("registrations", b"late"),
        NOON,
    );
    assert!(matches!(late, Err(StoreError::Moved { .. })));
    assert_eq!(store.roster(&event).unwrap().base, base);
    store.scrub().unwrap();
    assert_eq!(store.roster(&event).unwrap().keys[&attendee("X1")], None);
}

fn decision(object: &[u8]) -> DecisionFacts {
    DecisionFacts {
        attendee: attendee("X1"),
        programme: programme_id(),
        outcome: Outcome::Full,
        credits: Some(Decimal::ONE),
        reason: Reason::MetDurationThreshold,
        explanation: "present all the time".to_owned(),
        complete: true,
        decision: evidence::sha256(object),
        basis: evidence::sha256(b"basis"),
        at: NOON,
        last_final: None,
    }
}

pub(super) fn put(
    store: &dyn Store,
    object: &[u8],
    is_final: bool,
    ticket: Option<u64>,
) -> Option<u64> {
    let new = NewDecision {
        facts: decision(object),
        is_final,
        ticket,
    };
    store
        .put_decisions(&event_id(), &[new], NOON)
        .unwrap()
        .remove(0)
}

fn a_ticket_settles_what_it_was_made_for(store: &dyn Store) {
    let mut kiosk = event_with_kiosk(store);
    register(store, &["X1"]);
    kiosk.scan("X1", Direction::In);
    kiosk.send(store, 0, 1);
    let event = event_id();
    assert_eq!(store.due(NOON.plus_ms(-1), 10).unwrap(), []);
    let first = store.due(NOON, 10).unwrap().remove(0);
    // More evidence comes while it is being decided.
    kiosk.scan("X1", Direction::Out);
    kiosk.send(store, 1, 2);
    put(store, b"one", false, Some(first.ticket));
    assert_eq!(store.due_count(&event).unwrap(), 1);
    let second = store.due(NOON, 10).unwrap().remove(0);
    assert!(second.ticket > first.ticket);
    store
        .put_off(&second, "rules are missing", NOON.plus_ms(50))
        .unwrap();
    assert_eq!(store.due(NOON, 10).unwrap(), []);
    let again = store.due(NOON.plus_ms(50), 10).unwrap().remove(0);
    assert_eq!((again.tries, again.ticket), (1, second.ticket));
    store.settle(&again).unwrap();
    assert_eq!(store.due_count(&event).unwrap(), 0);
    assert_eq!(store.make_all_due(&event, NOON.plus_ms(90)).unwrap(), 1);
    assert_eq!(store.due(NOON.plus_ms(89), 10).unwrap(), []);
    assert_eq!(store.due(NOON.plus_ms(90), 10).unwrap().len(), 1);
}

fn what_a_clock_says_makes_open_reviews_due(store: &dyn Store) {
    let mut kiosk = event_with_kiosk(store);
    let agenda = AgendaChange {
        base: Some(evidence::sha256(b"agenda")),
        object: evidence::sha256(b"agenda with two doors"),
        programmes: vec![ProgrammeFacts {
            id: programme_id(),
            title: "Main".to_owned(),
            rules: None,
        }],
    };
    store
        .put_door(&event_id(), &door("side"), Some(&agenda), NOON)
        .unwrap();
    let mut other = enrol(store, "side", 2);
    register(store, &["X1"]);
    kiosk.scan("X1", Direction::In);
    let first = kiosk.send(store, 0, 1);
    other.note("hello");
    let elsewhere = other.send(store, 0, 1);
    let decided = |outcome, complete| {
        for due in store.due(NOON, 10).unwrap() {
            store.settle(&due).unwrap();
        }
        let facts = DecisionFacts {
            outcome,
            complete,
            ..decision(b"one")
        };
        let new = NewDecision {
            facts,
            is_final: false,
            ticket: None,
        };
        store.put_decisions(&event_id(), &[new], NOON).unwrap();
    };
    let due = || store.due_count(&event_id()).unwrap();
    let receipt =
        |held: &Held| evidence::cosign(&held.note, ISSUER, &issuer_key(), held.receipt_s).unwrap();

    decided(Outcome::Review, true);
    kiosk.note("nothing");
    kiosk.send(store, 1, 2);
    assert_eq!(due(), 0, "what says nothing of the clock");
    other.receipt(&receipt(&elsewhere));
    other.send(store, 1, 2);
    assert_eq!(due(), 0, "a clock that placed none of their scans");
    kiosk.receipt(&receipt(&first));
    let receipted = kiosk.send(store, 2, 3);
    let found = store.due(NOON, 10).unwrap();
    assert_eq!((found.len(), &found[0].attendee), (1, &attendee("X1")));

    // A certain decision stays what it is, and one that is not complete is made again when it is.
    for (outcome, complete) in [(Outcome::Full, true), (Outcome::Review, false)] {
        decided(outcome, complete);
        kiosk.receipt(&receipt(&receipted));
        kiosk.send(store, kiosk.size() - 1, kiosk.size());
        assert_eq!(due(), 0, "{outcome} {complete}");
    }

    decided(Outcome::Full, true);
    store.make_log_due(other.id(), NOON).unwrap();
    assert_eq!(due(), 0, "a log that holds none of their scans");
    store.make_log_due(kiosk.id(), NOON).unwrap();
    assert_eq!(due(), 1, "a log whose clock contradicts itself");
    let nobody = KioskId::new("nobody").unwrap();
    assert!(matches!(
        store.make_log_due(&nobody, NOON),
        Err(StoreError::NotFound { .. })
    ));
}

fn final_decisions_replace_each_other(store: &dyn Store) {
    event_with_kiosk(store);
    register(store, &["X1"]);
    let event = event_id();
    let size = || store.ledger_head(&event).unwrap().size;
    let before = size();
    assert_eq!(put(store, b"live", false, None), None);
    assert_eq!(size(), before);
    let first = put(store, b"one", true, None).unwrap();
    assert_eq!(put(store, b"one", true, None), Some(first));
    assert_eq!(size(), before + 1);
    put(store, b"live", false, None);
    let held = || {
        store
            .decision(&event, &attendee("X1"), &programme_id())
            .unwrap()
            .unwrap()
    };
    assert_eq!(held().last_final, Some((first, evidence::sha256(b"one"))));
    assert_eq!(held().decision, evidence::sha256(b"live"));
    let second = put(store, b"two", true, None).unwrap();
    let entry = store.ledger_entries(&event, second, 1).unwrap().remove(0);
    let ledger::LedgerBody::Decision(body) = ledger::parse(&entry.bytes.unwrap()).unwrap().body
    else {
        panic!("not a decision");
    };
    assert_eq!(
        (body.replaces, body.decision),
        (Some(first), evidence::sha256(b"two"))
    );
    assert_eq!(store.decisions(&event).unwrap(), [held()]);
}

fn certificate(code: &str, version: u32, decision: u64) -> NewCertificate {
    NewCertificate {
        entry: ledger::Certificate {
            certificate: CertificateId::new(code).unwrap(),
            version,
            attendee: attendee("X1"),
            programme: programme_id(),
            decision,
            payload: Hash([1; 32]),
            pdf: Hash([2; 32]),
        },
    }
}

fn certificates_rest_on_the_final_decision(store: &dyn Store) {
    event_with_kiosk(store);
    register(store, &["X1"]);
    let event = event_id();
    let early = store.issue_certificate(&event, &certificate("c1", 1, 0), NOON);
    assert!(matches!(early, Err(StoreError::Moved { what: "decision" })));
    let index = put(store, b"one", true, None).unwrap();
    let new = certificate("c1", 1, index);
    let issued = store.issue_certificate(&event, &new, NOON).unwrap();
    assert_eq!(issued, index + 1);
    let twice = store.issue_certificate(&event, &new, NOON);
    assert!(matches!(twice, Err(StoreError::Exists { .. })));
    assert_eq!(store.ledger_head(&event).unwrap().size, issued + 1);

    let code = &new.entry.certificate;
    let revocation = |version| ledger::Revocation {
        certificate: code.clone(),
        version,
        reason: "wrong_name".to_owned(),
        operator: "ann".to_owned(),
    };
    assert!(store.revoke_certificate(&revocation(2), NOON).is_err());
    let revoked = store.revoke_certificate(&revocation(1), NOON).unwrap();
    let twice = store.revoke_certificate(&revocation(1), NOON);
    assert!(matches!(twice, Err(StoreError::Exists { .. })));
    let facts = store.certificate(code).unwrap();
    assert_eq!(facts.len(), 1);
    assert_eq!(
        (facts[0].entry.clone(), facts[0].ledger),
        (new.entry, issued)
    );
    assert_eq!(facts[0].revocation.as_ref().unwrap().ledger, revoked);
    assert_eq!(store.certificates(&event).unwrap(), facts);
    let unknown = CertificateId::new("unknown").unwrap();
    assert_eq!(store.certificate(&unknown).unwrap(), []);
}
