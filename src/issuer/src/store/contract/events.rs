//! Events, ledgers, enrolment, accounts.

use attendance::UtcMs;
use attendance::words::{DoorId, EventId, KioskId};
use evidence::{Hash, SigningKey};
use protocol::ledger::{self, LedgerBody};

use super::Factory;
use crate::store::accounts::{Account, Role, Session, View};
use crate::store::enrolment::{BundleFacts, ClaimFault, NewClaim, Redeemed, Redemption};
use crate::store::events::{AgendaChange, ProgrammeFacts, Versioned};
use crate::store::{Store, StoreError};
use crate::testing::{
    ISSUER, NOON, door, event_id, event_with_kiosk, import, new_event, programme_id,
};

pub(super) fn run(factory: Factory<'_>) {
    settings_are_set_once(&*factory());
    an_event_begins_its_ledger(&*factory());
    agendas_are_versioned(&*factory());
    proofs_hold(&*factory());
    claims_are_good_once(&*factory());
    bundles_follow_each_other(&*factory());
    retirement_is_in_the_ledger(&*factory());
    accounts_and_sessions(&*factory());
}

fn kinds(store: &dyn Store) -> Vec<String> {
    let entries = store.ledger_entries(&event_id(), 0, 1_000).unwrap();
    for (index, entry) in (0..).zip(&entries) {
        let bytes = entry.bytes.as_ref().unwrap();
        assert_eq!(entry.index, index);
        assert_eq!(entry.leaf, evidence::leaf_hash(bytes));
        assert_eq!(
            ledger::parse(bytes).unwrap().body.kind(),
            entry.kind.as_deref().unwrap()
        );
    }
    entries.into_iter().filter_map(|e| e.kind).collect()
}

fn settings_are_set_once(store: &dyn Store) {
    assert_eq!(store.setting("issuer").unwrap(), None);
    assert_eq!(store.set_once("issuer", b"one").unwrap(), b"one");
    assert_eq!(store.set_once("issuer", b"two").unwrap(), b"one");
    assert_eq!(store.setting("issuer").unwrap().unwrap(), b"one");
}

fn an_event_begins_its_ledger(store: &dyn Store) {
    let event = new_event();
    let unknown = store.event(&event.id);
    assert!(matches!(
        unknown,
        Err(StoreError::NotFound { what: "event", .. })
    ));
    store.create_event(&event, NOON).unwrap();
    let again = store.create_event(&event, NOON);
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    let facts = store.event(&event.id).unwrap();
    assert_eq!(facts.languages, event.languages);
    assert_eq!(facts.badge_key, event.badge_key);
    assert_eq!(store.events().unwrap(), std::slice::from_ref(&facts));
    assert_eq!(kinds(store), ["event"]);
    let head = store.ledger_head(&event.id).unwrap();
    assert_eq!(
        (head.origin.as_str(), head.size),
        (event.ledger.as_str(), 1)
    );

    store
        .put_door(&event.id, &door("main"), None, NOON)
        .unwrap();
    let mut renamed = door("main");
    renamed.title = "Main".to_owned();
    store.put_door(&event.id, &renamed, None, NOON).unwrap();
    assert_eq!(store.doors(&event.id).unwrap()[0].door, renamed);
    assert_eq!(kinds(store), ["event", "door", "door"]);
    assert!(store.event(&event.id).unwrap().revision > facts.revision);

    store
        .declare_door_lost(&event.id, &renamed.id, "card_dead", "ann", NOON)
        .unwrap();
    assert!(store.doors(&event.id).unwrap()[0].lost);
    let nowhere = DoorId::new("nowhere").unwrap();
    let lost = store.declare_door_lost(&event.id, &nowhere, "x", "ann", NOON);
    assert!(matches!(
        lost,
        Err(StoreError::NotFound { what: "door", .. })
    ));
    assert_eq!(kinds(store).len(), 4);

    let keys = [4, 5].map(|seed| SigningKey::from_seed(&[seed; 32]).public_key());
    let before = store.event(&event.id).unwrap();
    assert!(before.ticket_keys.is_empty());
    store.put_ticket_keys(&event.id, &keys).unwrap();
    let after = store.event(&event.id).unwrap();
    assert_eq!(after.ticket_keys, keys);
    assert!(after.revision > before.revision);
    store.put_ticket_keys(&event.id, &[]).unwrap();
    assert!(store.event(&event.id).unwrap().ticket_keys.is_empty());
    let nowhere = EventId::new("nowhere").unwrap();
    let lost = store.put_ticket_keys(&nowhere, &keys);
    assert!(matches!(
        lost,
        Err(StoreError::NotFound { what: "event", .. })
    ));
    assert_eq!(kinds(store).len(), 4, "the ledger knows nothing of it");
}

fn change(base: Option<&[u8]>, object: &[u8], rules: Option<Hash>) -> AgendaChange {
    AgendaChange {
        base: base.map(evidence::sha256),
        object: evidence::sha256(object),
        programmes: vec![ProgrammeFacts {
            id: programme_id(),
            title: "Main".to_owned(),
            rules,
        }],
    }
}

fn agendas_are_versioned(store: &dyn Store) {
    let event = event_id();
    store.create_event(&new_event(), NOON).unwrap();
    assert_eq!(store.version(&event, Versioned::Agenda).unwrap(), None);
    let first = change(None, b"one", None);
    let import = import("agenda", b"one");
    assert_eq!(
        store.import_agenda(&event, &first, &import, NOON).unwrap(),
        1
    );
    // What was prepared on an older agenda is not taken, and leaves nothing in the ledger.
    let stale = store.import_agenda(&event, &first, &import, NOON);
    assert!(matches!(stale, Err(StoreError::Moved { what: "agenda" })));
    let doorless = store.put_door(&event, &door("main"), None, NOON);
    assert!(matches!(doorless, Err(StoreError::Moved { .. })));
    assert_eq!(kinds(store), ["event", "import"]);
    assert_eq!(store.doors(&event).unwrap(), []);

    let with_door = change(Some(b"one"), b"two", None);
    store
        .put_door(&event, &door("main"), Some(&with_door), NOON)
        .unwrap();
    let hash = evidence::sha256(b"rules");
    let with_rules = change(Some(b"two"), b"three", Some(hash));
    let rules = ledger::Rules {
        programme: programme_id(),
        rules: hash,
        name: "demo".to_owned(),
        agenda: with_rules.object,
    };
    store
        .adopt_rules(&event, &with_rules, &rules, NOON)
        .unwrap();
    assert_eq!(kinds(store), ["event", "import", "door", "import", "rules"]);
    assert_eq!(store.programmes(&event).unwrap(), with_rules.programmes);
    let versions = store.versions(&event, Versioned::Agenda).unwrap();
    let ledgers: Vec<u64> = versions.iter().map(|v| v.ledger).collect();
    assert_eq!(ledgers, [1, 3, 4]);
    assert_eq!(
        store.version(&event, Versioned::Agenda).unwrap(),
        versions.last().copied()
    );
}

fn proofs_hold(store: &dyn Store) {
    let event = event_id();
    store.create_event(&new_event(), NOON).unwrap();
    let body = |n: u64| {
        LedgerBody::DoorLost(ledger::DoorLost {
            door: DoorId::new("main").unwrap(),
            reason: n.to_string(),
            operator: "ann".to_owned(),
        })
    };
    let bodies: Vec<LedgerBody> = (1..=20).map(body).collect();
    let indices = store.append_ledger(&event, &bodies, NOON).unwrap();
    assert_eq!(indices, (1..=20).collect::<Vec<u64>>());
    let head = store.ledger_head(&event).unwrap();
    let entries = store.ledger_entries(&event, 0, 1_000).unwrap();
    for size in 1..=head.size {
        let root = store.ledger_root_at(&event, size).unwrap();
        let proof = store.prove_ledger_extends(&event, size, head.size).unwrap();
        evidence::verify_consistency(&proof, size, root, head.size, head.root).unwrap();
        for entry in entries.iter().take_while(|e| e.index < size) {
            let proof = store.prove_ledger_entry(&event, entry.index, size).unwrap();
            evidence::verify_inclusion(&proof, entry.index, entry.leaf, size, root).unwrap();
        }
    }
    assert!(store.ledger_root_at(&event, head.size + 1).is_err());
    assert!(store.prove_ledger_entry(&event, 3, 3).is_err());
    assert_eq!(store.ledger_entries(&event, 19, 1).unwrap()[0].index, 19);
}

fn redemption(secret: Hash, seed: u8) -> Redemption {
    Redemption {
        secret,
        public_key: SigningKey::from_seed(&[seed; 32]).public_key(),
        software: "test".to_owned(),
        suffix: format!("k{seed}"),
        issuer: ISSUER.to_owned(),
    }
}

fn claims_are_good_once(store: &dyn Store) {
    let event = event_id();
    store.create_event(&new_event(), NOON).unwrap();
    let secret = evidence::sha256(b"secret");
    let expires = NOON.plus_ms(1_000);
    let claim = NewClaim {
        secret,
        event: event.clone(),
        door: DoorId::new("main").unwrap(),
        expires,
    };
    let doorless = store.put_claim(&claim);
    assert!(matches!(
        doorless,
        Err(StoreError::NotFound { what: "door", .. })
    ));
    store.put_door(&event, &door("main"), None, NOON).unwrap();
    store.put_claim(&claim).unwrap();

    let wrong = redemption(evidence::sha256(b"other"), 1);
    let refused = |redemption: &Redemption, now: UtcMs| match store.redeem_claim(redemption, now) {
        Ok(Redeemed::Refused(fault)) => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&wrong, NOON), ClaimFault::Unknown);
    assert_eq!(
        refused(&redemption(secret, 1), expires),
        ClaimFault::Expired
    );
    assert_eq!(store.kiosks(&event).unwrap(), []);

    let Redeemed::Kiosk(kiosk) = store.redeem_claim(&redemption(secret, 1), NOON).unwrap() else {
        panic!("a good claim was refused");
    };
    assert_eq!(kiosk.kiosk.as_str(), "main-k1");
    assert!(kiosk.origin.starts_with("ce.example.org/kiosk/main-k1/"));
    assert_eq!((kiosk.size, kiosk.receipt_s), (0, None));
    // The answer was lost: the same key asks again.
    let mut again = redemption(secret, 1);
    again.suffix = "other".to_owned();
    assert_eq!(
        store.redeem_claim(&again, expires.plus_ms(-1)).unwrap(),
        Redeemed::Kiosk(kiosk.clone())
    );
    assert_eq!(refused(&redemption(secret, 2), NOON), ClaimFault::Used);
    assert_eq!(refused(&again, expires), ClaimFault::Expired);
    assert_eq!(store.kiosks(&event).unwrap(), std::slice::from_ref(&*kiosk));
    assert_eq!(store.kiosk(&kiosk.kiosk).unwrap(), *kiosk);
    assert_eq!(kinds(store), ["event", "door", "kiosk"]);
    let unknown = store.kiosk(&KioskId::new("nobody").unwrap());
    assert!(matches!(
        unknown,
        Err(StoreError::NotFound { what: "kiosk", .. })
    ));
}

fn bundles_follow_each_other(store: &dyn Store) {
    let kiosk = event_with_kiosk(store);
    let facts = |sequence| BundleFacts {
        sequence,
        content: evidence::sha256(b"content"),
        expires: NOON,
    };
    assert_eq!(store.bundle(kiosk.id()).unwrap(), None);
    let early = store.put_bundle(kiosk.id(), &facts(2), b"two");
    assert!(matches!(early, Err(StoreError::Moved { what: "bundle" })));
    store.put_bundle(kiosk.id(), &facts(1), b"one").unwrap();
    assert!(store.put_bundle(kiosk.id(), &facts(1), b"one").is_err());
    store.put_bundle(kiosk.id(), &facts(2), b"two").unwrap();
    assert_eq!(store.bundle(kiosk.id()).unwrap(), Some(facts(2)));
    let bytes = store.bundle_bytes(kiosk.id()).unwrap().unwrap();
    assert_eq!(bytes, (facts(2), b"two".to_vec()));

    store.put_status(kiosk.id(), "{}", NOON).unwrap();
    store
        .put_status(kiosk.id(), "{\"a\":1}", NOON.plus_ms(1))
        .unwrap();
    let statuses = store.statuses(&event_id()).unwrap();
    assert_eq!(statuses.len(), 1);
    assert_eq!(statuses[0].body, "{\"a\":1}");
}

fn retirement_is_in_the_ledger(store: &dyn Store) {
    let mut kiosk = event_with_kiosk(store);
    store
        .retire_kiosk(kiosk.id(), "moved", "ann", NOON)
        .unwrap();
    assert!(
        store
            .retire_kiosk(kiosk.id(), "moved", "ann", NOON)
            .is_err()
    );
    assert_eq!(store.kiosk(kiosk.id()).unwrap().retired, Some(NOON));
    assert_eq!(kinds(store).last().unwrap(), "retirement");
    // What it still delivers is kept.
    kiosk.note("late");
    assert_eq!(kiosk.send(store, 0, 1).size, 1);
}

fn accounts_and_sessions(store: &dyn Store) {
    let account = Account {
        id: "ann".to_owned(),
        role: Role::Administrator,
        password: "$argon2id$x".to_owned(),
        created: NOON,
        disabled: false,
    };
    store.create_account(&account).unwrap();
    assert!(matches!(
        store.create_account(&account),
        Err(StoreError::Exists { .. })
    ));
    assert!(!format!("{account:?}").contains("argon2"));
    let token = evidence::sha256(b"token");
    let session = Session {
        token,
        account: "ann".to_owned(),
        created: NOON,
        expires: NOON.plus_ms(10),
    };
    store.begin_session(&session).unwrap();
    let found = store.session_account(token, NOON).unwrap();
    assert_eq!(found, Some((session.clone(), account.clone())));
    assert_eq!(
        store.session_account(token, NOON.plus_ms(10)).unwrap(),
        None
    );
    store.end_session(token).unwrap();
    assert_eq!(store.session_account(token, NOON).unwrap(), None);
    store.begin_session(&session).unwrap();
    store.set_password("ann", "$argon2id$y").unwrap();
    assert_eq!(store.session_account(token, NOON).unwrap(), None);
    assert_eq!(
        store.account("ann").unwrap().unwrap().password,
        "$argon2id$y"
    );
    assert!(store.set_password("bob", "x").is_err());
    store.begin_session(&session).unwrap();
    store.set_disabled("ann", true).unwrap();
    assert!(store.account("ann").unwrap().unwrap().disabled);
    assert_eq!(store.session_account(token, NOON).unwrap(), None);
    store.set_disabled("ann", false).unwrap();
    assert!(!store.account("ann").unwrap().unwrap().disabled);
    let ended = store.session_account(token, NOON).unwrap();
    assert_eq!(ended, None, "who may sign in again has to");
    assert!(store.set_disabled("bob", true).is_err());
    assert_eq!(store.accounts().unwrap().len(), 1);

    let view = |subject: &str| View {
        at: NOON,
        account: "ann".to_owned(),
        event: "gp-2026".to_owned(),
        subject: subject.to_owned(),
        what: "timeline".to_owned(),
    };
    for subject in ["a-1", "a-2", "a-1"] {
        store.record_view(&view(subject)).unwrap();
    }
    assert_eq!(store.views("gp-2026", Some("a-1"), 10).unwrap().len(), 2);
    assert_eq!(store.views("gp-2026", None, 2).unwrap().len(), 2);
    let other = EventId::new("other").unwrap();
    assert_eq!(store.views(other.as_str(), None, 10).unwrap(), []);
}
