//! Taking batches.

use attendance::words::Direction;
use evidence::SigningKey;
use protocol::batch::{self, Head, Leaf};
use protocol::entry::{Body, BootCause, Clock, NoteText, TimeCode};
use protocol::ledger::{CaseKind, CaseOutcome, LedgerBody};
use protocol::time::TimeRequest;

use super::Factory;
use crate::store::batches::BatchOutcome;
use crate::store::branches::CaseFacts;
use crate::store::{Store, StoreError};
use crate::testing::{
    FakeKiosk, NOON, attendee, badge_key, enrol, event_id, event_with_kiosk, issuer_key,
    programme_id, register,
};

pub(super) fn run(factory: Factory<'_>) {
    a_batch_is_taken_once(&*factory());
    overlap_is_fine_and_a_gap_is_told(&*factory());
    old_batches_are_held_in_any_cut(&*factory());
    a_fork_keeps_the_branch_and_advances_nothing(&*factory());
    a_wrong_root_advances_nothing(&*factory());
    a_poison_entry_is_put_aside_and_the_rest_goes_on(&*factory());
    a_damaged_entry_is_held_by_its_leaf(&*factory());
    scans_are_found_by_person(&*factory());
    presence_is_the_last_scan(&*factory());
    clock_entries_are_what_a_history_observes(&*factory());
    time_answers_are_believed_when_signed(&*factory());
    witnesses_are_kept(&*factory());
    a_ledger_older_than_its_witness_is_noticed(&*factory());
    a_lost_head_stops_signing_until_a_person_settles_it(&*factory());
    cases_are_closed_once_and_branches_grow_into_new_ones(&*factory());
    a_new_enrolment_ends_the_earlier_one_and_what_comes_later_is_late(&*factory());
    logs_do_not_mix(&*factory());
    watermarks_never_fall(&*factory());
    alarms_are_counted_and_cleared(&*factory());
}

fn five(store: &dyn Store) -> FakeKiosk {
    let mut kiosk = event_with_kiosk(store);
    kiosk.boot(BootCause::Start);
    for badge in ["X1", "X2", "X1", "X3"] {
        kiosk.scan(badge, Direction::In);
    }
    kiosk
}

fn ledger_size(store: &dyn Store) -> u64 {
    store.ledger_head(&event_id()).unwrap().size
}

fn alarm_codes(store: &dyn Store) -> Vec<String> {
    let alarms = store.alarms(&event_id()).unwrap();
    alarms.into_iter().map(|a| a.code).collect()
}

/// Delivers bytes that must be refused: nothing of the log moves.
fn refused(store: &dyn Store, kiosk: &FakeKiosk, bytes: &[u8]) -> BatchOutcome {
    let before = (store.head(kiosk.id()).unwrap(), ledger_size(store));
    let outcome = kiosk.deliver(store, bytes, NOON).unwrap();
    assert!(!matches!(outcome, BatchOutcome::Held(_)), "{outcome:?}");
    let after = (store.head(kiosk.id()).unwrap(), ledger_size(store));
    assert_eq!(before, after);
    outcome
}

fn a_batch_is_taken_once(store: &dyn Store) {
    let kiosk = five(store);
    let before = ledger_size(store);
    let held = kiosk.send(store, 0, 5);
    assert_eq!((held.size, held.added, held.quarantined), (5, 5, 0));
    assert_eq!(held.note, kiosk.checkpoint(5));
    assert_eq!(held.receipt_s, 1_800_000_000);
    assert_eq!(held.ledger.size, before + 1);
    assert_eq!(store.head(kiosk.id()).unwrap().unwrap().size, 5);
    assert_eq!(store.kiosk(kiosk.id()).unwrap().size, 5);
    // The answer was lost: the same batch, a while later, is answered the same and leaves nothing new.
    let again = kiosk
        .deliver(store, &kiosk.batch(0, 5), NOON.plus_ms(60_000))
        .unwrap();
    let BatchOutcome::Held(again) = again else {
        panic!("{again:?}")
    };
    assert_eq!(again.added, 0);
    assert_eq!(
        (again.size, again.note, again.receipt_s),
        (5, held.note, held.receipt_s)
    );
    assert_eq!(again.ledger, held.ledger);
    let entries = store.entries(kiosk.id(), 0, 100).unwrap();
    let bytes: Vec<Vec<u8>> = entries.into_iter().filter_map(|e| e.bytes).collect();
    assert_eq!(bytes, kiosk.entries);
    assert_eq!(alarm_codes(store), [] as [&str; 0]);
}

fn overlap_is_fine_and_a_gap_is_told(store: &dyn Store) {
    let mut kiosk = five(store);
    kiosk.note("six");
    assert_eq!(
        refused(store, &kiosk, &kiosk.batch(2, 5)),
        BatchOutcome::Gap { size: 0 }
    );
    kiosk.send(store, 0, 2);
    let held = kiosk.send(store, 1, 5);
    assert_eq!((held.size, held.added), (5, 3));
    kiosk.ledger_size = held.ledger.size;
    let held = kiosk.send(store, 3, 6);
    assert_eq!((held.size, held.added), (6, 1));
    let head = store
        .ledger_root_at(&event_id(), kiosk.ledger_size)
        .unwrap();
    evidence::verify_consistency(
        &held.consistency,
        kiosk.ledger_size,
        head,
        held.ledger.size,
        held.ledger.root,
    )
    .unwrap();
    // An empty batch under the head that is held asks for the receipt alone.
    assert_eq!(kiosk.send(store, 6, 6).added, 0);
    assert_eq!(store.entries(kiosk.id(), 0, 100).unwrap().len(), 6);
}

fn old_batches_are_held_in_any_cut(store: &dyn Store) {
    let mut kiosk = event_with_kiosk(store);
    for n in 0..20 {
        kiosk.note(&format!("n{n}"));
    }
    kiosk.send(store, 0, 7);
    kiosk.send(store, 7, 20);
    let before = ledger_size(store);
    for (start, end) in [(0, 7), (0, 3), (2, 9), (7, 8), (0, 20), (13, 19)] {
        let held = kiosk.send(store, start, end);
        assert_eq!((held.size, held.added), (20, 0), "{start}..{end}");
        assert_eq!(held.note, kiosk.checkpoint(20));
    }
    assert_eq!(ledger_size(store), before);
}

/// What a refused batch says: the size and the checkpoint held, and how far the branch is kept.
fn forked(
    store: &dyn Store,
    kiosk: &FakeKiosk,
    held: &FakeKiosk,
    range: (u64, u64),
) -> Option<u64> {
    let said = refused(store, kiosk, &kiosk.batch(range.0, range.1));
    let BatchOutcome::Fork { size, note, kept } = said else {
        panic!("{range:?}: {said:?}")
    };
    assert_eq!((size, note), (held.size(), held.checkpoint(held.size())));
    kept
}

fn a_fork_keeps_the_branch_and_advances_nothing(store: &dyn Store) {
    let kiosk = five(store);
    kiosk.send(store, 0, 5);
    // A card restored from a copy made after two entries goes on differently, and its branch is longer than what is held.
    let mut clone = kiosk.clone();
    clone.entries.truncate(2);
    clone.note("other");
    for range in [(2, 3), (0, 3), (1, 3)] {
        assert_eq!(forked(store, &clone, &kiosk, range), Some(3), "{range:?}");
    }
    for _ in 0..6 {
        clone.note("more");
    }
    for (range, kept) in [
        ((2, 4), 4),
        ((4, 5), 5),
        ((5, 7), 7),
        ((7, 9), 9),
        ((3, 6), 9),
    ] {
        assert_eq!(
            forked(store, &clone, &kiosk, range),
            Some(kept),
            "{range:?}"
        );
    }
    let branches = store.branches(kiosk.id()).unwrap();
    let [branch] = branches.as_slice() else {
        panic!("{branches:?}")
    };
    assert_eq!((branch.base, branch.size), (2, 9));
    assert_eq!(branch.note, clone.checkpoint(9));
    let kept = store.branch_entries(branch.number, 0, 100).unwrap();
    let bytes: Vec<Vec<u8>> = kept.into_iter().filter_map(|e| e.bytes).collect();
    assert_eq!(bytes, clone.entries[2..]);
    // A third history is another branch; one that cannot be joined to anything is no part of either.
    let mut third = kiosk.clone();
    third.entries.truncate(4);
    third.note("third");
    third.note("third");
    assert_eq!(forked(store, &third, &kiosk, (3, 5)), Some(5));
    let mut fourth = third.clone();
    fourth.entries[1] = b"{}".to_vec();
    assert_eq!(forked(store, &fourth, &kiosk, (3, 5)), None);
    assert_eq!(store.branches(kiosk.id()).unwrap().len(), 2);
    // What is shared is still answered as held, also to who forked.
    assert_eq!(clone.send(store, 0, 2).added, 0);
    let alarms = store.alarms(&event_id()).unwrap();
    assert_eq!(alarms[0].code, "fork");
    // The log that is held goes on.
    let mut kiosk = kiosk;
    kiosk.note("on");
    assert_eq!(kiosk.send(store, 5, 6).size, 6);
}

fn a_wrong_root_advances_nothing(store: &dyn Store) {
    let kiosk = five(store);
    let mut damaged = kiosk.clone();
    damaged.entries[3] = b"{}".to_vec();
    let head = Head {
        start: 0,
        checkpoint: kiosk.checkpoint(5),
        ledger_size: 0,
        ledger: None,
    };
    let leaves: Vec<Leaf<'_>> = damaged.entries.iter().map(|e| Leaf::Entry(e)).collect();
    let bytes = batch::write(&head, &leaves).unwrap();
    let misfit = BatchOutcome::Misfit { size: 0 };
    assert_eq!(refused(store, &kiosk, &bytes), misfit);
    let short = batch::write(&head, &leaves[..4]).unwrap();
    assert_eq!(refused(store, &kiosk, &short), misfit);
    assert_eq!(alarm_codes(store), ["bad_checkpoint"]);
    assert_eq!(store.branches(kiosk.id()).unwrap(), []);
    assert_eq!(kiosk.send(store, 0, 5).added, 5);
}

fn a_poison_entry_is_put_aside_and_the_rest_goes_on(store: &dyn Store) {
    let mut kiosk = five(store);
    kiosk.add_raw(b"not json");
    kiosk.add_raw(br#"{"v":9,"x":1}"#);
    kiosk.scan("X4", Direction::In);
    let before = ledger_size(store);
    let held = kiosk.send(store, 0, 8);
    assert_eq!((held.size, held.quarantined), (8, 2));
    assert_eq!(held.ledger.size, before + 3);
    let aside = store.quarantined(&event_id()).unwrap();
    let codes: Vec<(u64, &str)> = aside.iter().map(|q| (q.index, q.code.as_str())).collect();
    assert_eq!(codes, [(5, "malformed"), (6, "unknown_version")]);
    let entries = store.entries(kiosk.id(), 5, 2).unwrap();
    assert_eq!(entries[0].bytes.as_deref(), Some(b"not json".as_slice()));
    assert_eq!(entries[0].kind, None);
    let x4 = badge_key().digest("X4");
    assert_eq!(store.scans_of_badge(&event_id(), x4).unwrap()[0].index, 7);
    assert_eq!(alarm_codes(store), ["quarantine"]);
    assert_eq!(kiosk.send(store, 0, 8).quarantined, 0);
    assert_eq!(store.quarantined(&event_id()).unwrap().len(), 2);
}

fn a_damaged_entry_is_held_by_its_leaf(store: &dyn Store) {
    let kiosk = five(store);
    let head = Head {
        start: 0,
        checkpoint: kiosk.checkpoint(5),
        ledger_size: 0,
        ledger: None,
    };
    let mut leaves: Vec<Leaf<'_>> = kiosk.entries.iter().map(|e| Leaf::Entry(e)).collect();
    leaves[2] = Leaf::Damaged(leaves[2].hash());
    let bytes = batch::write(&head, &leaves).unwrap();
    let outcome = kiosk.deliver(store, &bytes, NOON).unwrap();
    assert!(matches!(outcome, BatchOutcome::Held(held) if held.quarantined == 1));
    let entry = &store.entries(kiosk.id(), 2, 1).unwrap()[0];
    assert_eq!(
        (entry.bytes.as_deref(), entry.leaf),
        (None, leaves[2].hash())
    );
    assert_eq!(store.quarantined(&event_id()).unwrap()[0].code, "damaged");
}

fn scans_are_found_by_person(store: &dyn Store) {
    let kiosk = five(store);
    register(store, &["X1"]);
    kiosk.send(store, 0, 5);
    let scans = |badge| store.scans_of(&event_id(), &attendee(badge)).unwrap();
    let found: Vec<(u64, Vec<u8>)> = scans("X1")
        .into_iter()
        .map(|s| (s.index, s.bytes))
        .collect();
    assert_eq!(
        found,
        [(1, kiosk.entries[1].clone()), (3, kiosk.entries[3].clone())]
    );
    let due = store.due(NOON, 10).unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(
        (&due[0].attendee, &due[0].programme),
        (&attendee("X1"), &programme_id())
    );
    // Somebody who registers late finds their scans, and is decided on.
    register(store, &["X3", "X9"]);
    assert_eq!(scans("X3").len(), 1);
    let due: Vec<_> = store
        .due(NOON, 10)
        .unwrap()
        .into_iter()
        .map(|d| d.attendee)
        .collect();
    assert_eq!(due, [attendee("X1"), attendee("X3")]);
}

fn presence_is_the_last_scan(store: &dyn Store) {
    let mut kiosk = five(store);
    register(store, &["X1"]);
    kiosk.scan("X1", Direction::Out);
    kiosk.send(store, 0, 6);
    let presence = store.presence(&event_id()).unwrap();
    assert_eq!(presence.len(), 3);
    let mine = presence
        .iter()
        .find(|p| p.attendee == Some(attendee("X1")))
        .unwrap();
    assert_eq!((mine.direction, mine.index), (Direction::Out, 5));
    // An older scan that arrives later, through another door, does not undo it.
    let mut other = enrol(store, "main", 2);
    other.scan("X1", Direction::In);
    other.send(store, 0, 1);
    let presence = store.presence(&event_id()).unwrap();
    let mine = presence
        .iter()
        .find(|p| p.attendee == Some(attendee("X1")))
        .unwrap();
    assert_eq!(mine.direction, Direction::Out);
}

fn clock_entries_are_what_a_history_observes(store: &dyn Store) {
    let mut kiosk = five(store);
    let receipt = kiosk.send(store, 0, 5);
    let note = evidence::cosign(
        &receipt.note,
        crate::testing::ISSUER,
        &issuer_key(),
        receipt.receipt_s,
    )
    .unwrap();
    kiosk.note("five");
    kiosk.receipt(&note);
    kiosk.receipt(&kiosk.checkpoint(5));
    kiosk.boot(BootCause::Suspend);
    kiosk.note("nine");
    kiosk.note("ten");
    kiosk.send(store, 5, 8);
    kiosk.send(store, 8, 11);
    let indices = |store: &dyn Store| -> Vec<u64> {
        let entries = store.clock_entries(kiosk.id()).unwrap();
        entries.into_iter().map(|e| e.index).collect()
    };
    // The first of each segment, the receipt, the highest of each segment, the newest of all.
    assert_eq!(indices(store), [0, 6, 7, 8, 10]);
    let aside = store.quarantined(&event_id()).unwrap();
    assert_eq!(
        (aside[0].index, aside[0].code.as_str()),
        (7, "receipt_unsigned")
    );
}

fn time_answers_are_believed_when_signed(store: &dyn Store) {
    let mut kiosk = five(store);
    let nonce = "0123456789abcdef0123456789abcdef".to_owned();
    let asked = TimeRequest { nonce };
    let clock = |key: &SigningKey| {
        let answer = protocol::time::answer(&asked, NOON, NOON, 50, key);
        Body::Clock(Clock {
            nonce: answer.nonce,
            sent_raw_ms: 1,
            issuer_received: answer.received,
            issuer_sent: answer.sent,
            received_raw_ms: 2,
            issuer_error_ms: answer.error_ms,
            signature: answer.signature,
        })
    };
    kiosk.add(clock(&issuer_key()));
    kiosk.add(clock(&SigningKey::from_seed(&[66; 32])));
    let code = |key: &SigningKey| {
        Body::TimeCode(TimeCode {
            reader: "front".parse().unwrap(),
            code: protocol::time_code::make(NOON, 50, [0; 3], key),
        })
    };
    kiosk.add(code(&issuer_key()));
    kiosk.add(code(&SigningKey::from_seed(&[66; 32])));
    // A start within the boot bounds its neighbours as well.
    kiosk.boot(BootCause::Start);
    kiosk.note("newest");
    kiosk.send(store, 0, 11);
    let aside = store.quarantined(&event_id()).unwrap();
    let codes: Vec<(u64, &str)> = aside.iter().map(|q| (q.index, q.code.as_str())).collect();
    let expected = [(6, "clock_unsigned"), (8, "time_code_unsigned")];
    assert_eq!(codes, expected);
    let observed = store.clock_entries(kiosk.id()).unwrap();
    let indices: Vec<u64> = observed.into_iter().map(|e| e.index).collect();
    assert_eq!(indices, [0, 5, 7, 9, 10]);
}

fn witnesses_are_kept(store: &dyn Store) {
    let mut kiosk = five(store);
    let held = kiosk.send(store, 0, 5);
    let sign = |origin: &str, size, root| {
        let head = evidence::Checkpoint::new(origin, size, root).unwrap();
        evidence::sign_checkpoint(&head, &issuer_key())
    };
    let ledger = &held.ledger;
    kiosk.ledger_head(&sign(&ledger.origin, ledger.size, ledger.root));
    kiosk.ledger_head(&sign(
        "ce.example.org/event/other",
        ledger.size,
        ledger.root,
    ));
    // The issuer's own head, which this kiosk did not cosign.
    kiosk.add(Body::LedgerHead(NoteText {
        note: sign(&ledger.origin, ledger.size, ledger.root),
    }));
    kiosk.send(store, 5, 8);
    let witnesses = store.witnesses(&event_id(), u64::MAX >> 1).unwrap();
    assert_eq!(witnesses.len(), 1);
    assert_eq!(
        (witnesses[0].size, witnesses[0].origin.as_str()),
        (ledger.size, kiosk.facts.origin.as_str())
    );
    assert_eq!(store.witnesses(&event_id(), ledger.size - 1).unwrap(), []);
    let aside = store.quarantined(&event_id()).unwrap();
    let codes: Vec<(u64, &str)> = aside.iter().map(|q| (q.index, q.code.as_str())).collect();
    assert_eq!(
        codes,
        [(6, "ledger_head_unsigned"), (7, "ledger_head_unsigned")]
    );
}

/// A ledger that does not have a head which this issuer signed: rewritten, or restored from an older copy. By a head among the entries, and by
/// the one that a batch shows.
fn a_lost_head_stops_signing_until_a_person_settles_it(store: &dyn Store) {
    let mut kiosk = five(store);
    let held = kiosk.send(store, 0, 5);
    let sign = |size, root: &[u8]| {
        let root = evidence::sha256(root);
        let head = evidence::Checkpoint::new(&held.ledger.origin, size, root).unwrap();
        evidence::sign_checkpoint(&head, &issuer_key())
    };
    assert_eq!(store.lost_head(&event_id()).unwrap(), None);
    // A mere number stops this batch and nothing else; so does a head that another key signed.
    kiosk.note("six");
    kiosk.ledger_size = 1_000;
    refused(store, &kiosk, &kiosk.batch(5, 6));
    let strangers = evidence::Checkpoint::new(&held.ledger.origin, 1_000, evidence::sha256(b"x"));
    kiosk.ledger = Some(evidence::sign_checkpoint(
        &strangers.unwrap(),
        &SigningKey::from_seed(&[99; 32]),
    ));
    refused(store, &kiosk, &kiosk.batch(5, 6));
    assert_eq!(store.lost_head(&event_id()).unwrap(), None);
    (kiosk.ledger_size, kiosk.ledger) = (0, None);
    kiosk.send(store, 5, 6);
    // One of this ledger's own size with another root, among the entries.
    let rewritten = kiosk.clone();
    kiosk.ledger_head(&sign(2, b"other"));
    let said = refused(store, &kiosk, &kiosk.batch(6, 7));
    assert!(matches!(said, BatchOutcome::LedgerBehind { .. }));
    assert_eq!(store.lost_head(&event_id()).unwrap().unwrap().size, 2);
    // Nothing is signed any more: no receipt, not even for what is held, and no entry of the ledger.
    let kiosk_before = rewritten;
    refused(store, &kiosk_before, &kiosk_before.batch(0, 5));
    let door = store.declare_door_lost(&event_id(), &kiosk.facts.door, "gone", "ann", NOON);
    assert!(
        matches!(door, Err(StoreError::LostHead { size: 2, .. })),
        "{door:?}"
    );
    // The longest head that anybody shows is the one to go on without.
    let mut other = kiosk_before.clone();
    (other.ledger_size, other.ledger) = (70, Some(sign(70, b"lost")));
    refused(store, &other, &other.batch(0, 5));
    let lost = store.lost_head(&event_id()).unwrap().unwrap();
    assert_eq!(
        (lost.size, lost.kiosk, lost.settled),
        (70, kiosk.id().clone(), None)
    );
    assert!(alarm_codes(store).contains(&"ledger_lost".to_owned()));
    // Once a person has decided to go on, all of it is taken; the ledger says so.
    let index = store
        .settle_lost_head(&event_id(), "restored", "ann", NOON)
        .unwrap();
    let entry = &store.ledger_entries(&event_id(), index, 1).unwrap()[0];
    assert_eq!(entry.kind.as_deref(), Some("recovery"));
    assert!(
        store
            .settle_lost_head(&event_id(), "again", "ann", NOON)
            .is_err()
    );
    assert_eq!(kiosk.send(store, 6, 7).added, 1);
    let held = other.send(store, 0, 5);
    assert_eq!(held.consistency.0, [], "there is no way from the lost head");
    // A head beyond what was given up is lost anew.
    other.ledger = Some(sign(71, b"longer"));
    refused(store, &other, &other.batch(0, 5));
}

fn cases_are_closed_once_and_branches_grow_into_new_ones(store: &dyn Store) {
    let kiosk = five(store);
    register(store, &["X1", "X7"]);
    kiosk.send(store, 0, 5);
    let mut clone = kiosk.clone();
    clone.entries.truncate(2);
    clone.scan("X7", Direction::In);
    clone.note("more");
    refused(store, &clone, &clone.batch(2, 4));
    let cases = store.cases(&event_id()).unwrap();
    let [case] = cases.as_slice() else {
        panic!("{cases:?}")
    };
    assert_eq!(
        (case.about, case.base, case.size, case.is_admitted()),
        (CaseKind::Fork, 2, 4, false)
    );
    assert_eq!(case.note, Some(clone.checkpoint(4)));
    let close = |case: &CaseFacts, size, outcome| {
        store.close_case(
            &event_id(),
            &case.id,
            size,
            outcome,
            "restored",
            "ann",
            NOON,
        )
    };
    let early = close(case, 3, CaseOutcome::Admitted);
    assert!(
        matches!(early, Err(StoreError::Moved { what: "case" })),
        "{early:?}"
    );
    for due in store.due(NOON, 10).unwrap() {
        store.settle(&due).unwrap();
    }
    let index = close(case, 4, CaseOutcome::Admitted).unwrap();
    let due = store.due(NOON, 10).unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(
        due[0].attendee,
        attendee("X7"),
        "whom it touches, and nobody else"
    );
    let entry = &store.ledger_entries(&event_id(), index, 1).unwrap()[0];
    assert_eq!(entry.kind.as_deref(), Some("case"));
    assert!(matches!(
        close(case, 4, CaseOutcome::Denied),
        Err(StoreError::Exists { .. })
    ));
    let closed = store.cases(&event_id()).unwrap();
    assert!(closed[0].is_admitted() && closed.len() == 1);
    clone.scan("X1", Direction::Out);
    refused(store, &clone, &clone.batch(4, 5));
    let open: Vec<_> = store
        .cases(&event_id())
        .unwrap()
        .into_iter()
        .filter(|c| c.closed.is_none())
        .collect();
    assert_eq!((open.len(), open[0].base, open[0].size), (1, 2, 5));
    close(&open[0], 5, CaseOutcome::Denied).unwrap();
    assert_eq!(
        store
            .cases(&event_id())
            .unwrap()
            .iter()
            .filter(|c| c.is_admitted())
            .count(),
        1
    );
    let unknown = store.close_case(
        &event_id(),
        "fork-9-9",
        1,
        CaseOutcome::Denied,
        "x",
        "ann",
        NOON,
    );
    assert!(matches!(
        unknown,
        Err(StoreError::NotFound { what: "case", .. })
    ));
}

fn a_new_enrolment_ends_the_earlier_one_and_what_comes_later_is_late(store: &dyn Store) {
    let mut kiosk = five(store);
    register(store, &["X1"]);
    kiosk.send(store, 0, 5);
    let next = enrol(store, "main", 2);
    let ended = store.kiosk(kiosk.id()).unwrap();
    assert_eq!((ended.retired, ended.retired_size), (Some(NOON), Some(5)));
    assert_eq!(store.kiosk(next.id()).unwrap().retired, None);
    let last = store.ledger_head(&event_id()).unwrap().size;
    let entries = store.ledger_entries(&event_id(), last - 2, 2).unwrap();
    let LedgerBody::Retirement(body) = protocol::ledger::parse(entries[0].bytes.as_ref().unwrap())
        .unwrap()
        .body
    else {
        panic!()
    };
    assert_eq!(
        (&body.kiosk, body.reason.as_str(), body.operator.as_str()),
        (kiosk.id(), "replaced", next.id().as_str())
    );
    assert_eq!(entries[1].kind.as_deref(), Some("kiosk"));
    assert!(store.cases(&event_id()).unwrap().is_empty());
    // Late entries are taken, receipted, and wait.
    kiosk.scan("X1", Direction::Out);
    assert_eq!(kiosk.send(store, 5, 6).size, 6);
    assert!(alarm_codes(store).contains(&"late_entries".to_owned()));
    let cases = store.cases(&event_id()).unwrap();
    assert_eq!(
        (cases[0].about, cases[0].base, cases[0].size),
        (CaseKind::Late, 5, 6)
    );
    store
        .close_case(
            &event_id(),
            &cases[0].id,
            6,
            CaseOutcome::Admitted,
            "was_offline",
            "ann",
            NOON,
        )
        .unwrap();
    assert!(store.cases(&event_id()).unwrap()[0].is_admitted());
    kiosk.note("later");
    kiosk.send(store, 6, 7);
    assert_eq!(
        store
            .cases(&event_id())
            .unwrap()
            .iter()
            .filter(|c| c.closed.is_none())
            .count(),
        1
    );
}

fn a_ledger_older_than_its_witness_is_noticed(store: &dyn Store) {
    let mut kiosk = five(store);
    kiosk.ledger_size = 1_000;
    let said = refused(store, &kiosk, &kiosk.batch(0, 5));
    assert!(matches!(
        said,
        BatchOutcome::LedgerBehind { seen: 1_000, .. }
    ));
    assert_eq!(alarm_codes(store), ["ledger_behind"]);
}

fn logs_do_not_mix(store: &dyn Store) {
    let kiosk = five(store);
    let mut other = enrol(store, "main", 2);
    other.scan("X1", Direction::In);
    kiosk.send(store, 0, 5);
    other.send(store, 0, 1);
    assert_eq!(store.entries(other.id(), 0, 10).unwrap().len(), 1);
    assert_eq!(store.entries(kiosk.id(), 0, 10).unwrap().len(), 5);
    assert_eq!(store.entries(kiosk.id(), 4, 10).unwrap().len(), 1);
    let x1 = badge_key().digest("X1");
    assert_eq!(store.scans_of_badge(&event_id(), x1).unwrap().len(), 3);
}

fn watermarks_never_fall(store: &dyn Store) {
    let kiosk = event_with_kiosk(store);
    assert_eq!(
        store.watermarks(&event_id()).unwrap(),
        [(kiosk.id().clone(), None)]
    );
    for at in [5, 9, 7] {
        store.put_watermark(kiosk.id(), NOON.plus_ms(at)).unwrap();
    }
    assert_eq!(
        store.watermarks(&event_id()).unwrap(),
        [(kiosk.id().clone(), Some(NOON.plus_ms(9)))]
    );
}

fn alarms_are_counted_and_cleared(store: &dyn Store) {
    event_with_kiosk(store);
    let event = event_id();
    for n in 0..3 {
        let detail = format!("time {n}");
        store
            .raise_alarm(&event, "main", "silent", &detail, NOON.plus_ms(n))
            .unwrap();
    }
    let alarm = store.alarms(&event).unwrap().remove(0);
    assert_eq!((alarm.count, alarm.detail.as_str()), (3, "time 2"));
    store.clear_alarm(&event, alarm.number, NOON).unwrap();
    assert!(store.clear_alarm(&event, alarm.number, NOON).is_err());
    store
        .raise_alarm(&event, "main", "silent", "again", NOON)
        .unwrap();
    let alarms = store.alarms(&event).unwrap();
    assert_eq!(alarms.len(), 2);
    assert_eq!((alarms[0].count, alarms[0].cleared), (1, None));
}
