#![allow(clippy::unwrap_used)]

use evidence::{MemoryTree, kiosk_origin, prove_consistency, root_at, sha256, sign_checkpoint};

use super::*;
use crate::sync::testing::{EVENT, ISSUER, KIOSK, bundle as signed_bundle, device_key, issuer_key};

fn tree(leaves: u8) -> MemoryTree {
    (0..leaves).map(|leaf| sha256(&[leaf])).collect()
}

fn origin() -> String {
    kiosk_origin(ISSUER, KIOSK, &device_key().public_key()).unwrap()
}

fn note(origin: &str, tree: &MemoryTree, size: u64, key: &SigningKey) -> String {
    let head = Checkpoint::new(origin, size, root_at(size, tree).unwrap()).unwrap();
    sign_checkpoint(&head, key)
}

/// An answer that the issuer holds `held` entries, with a receipt over `receipted` of them and its own ledger of `ledger`, proven from `from`.
fn answer(held: u64, receipted: u64, log: &MemoryTree, from: u64, ledger: &MemoryTree) -> Accepted {
    let own = note(&origin(), log, receipted, &device_key());
    let ledger_origin = ledger_origin(ISSUER, EVENT).unwrap();
    let proof = prove_consistency(from, ledger.size(), ledger).unwrap();
    Accepted {
        size: held,
        receipt: cosign(&own, ISSUER, &issuer_key(), 1_800_000_000).unwrap(),
        ledger: note(&ledger_origin, ledger, ledger.size(), &issuer_key()),
        consistency: proof.0.iter().map(|hash| hash.to_base64()).collect(),
    }
}

fn with_parties<T>(act: impl FnOnce(Parties<'_>) -> T) -> T {
    let (origin, log_key) = (origin(), device_key().public_key());
    let issuer_key = issuer_key().public_key();
    act(Parties {
        origin: &origin,
        log_key: &log_key,
        issuer: ISSUER,
        issuer_key: &issuer_key,
    })
}

#[test]
fn a_receipt_is_over_this_log_and_all_that_was_sent() {
    let log = tree(20);
    let check = |answer: &Accepted, sent: u64, size: u64| {
        with_parties(|parties| {
            receipt(answer, parties, sent, size, |at| root_at(at, &log).ok())
                .map(|receipt| receipt.checkpoint.size)
        })
    };
    let good = answer(12, 12, &log, 0, &tree(3));
    assert_eq!(check(&good, 12, 20), Ok(12));
    assert_eq!(check(&good, 10, 20), Ok(12), "a longer one is as good");
    let short = AnswerFault::Short {
        receipted: 12,
        sent: 13,
    };
    assert_eq!(check(&good, 13, 20), Err(short));
    let behind = Accepted {
        size: 11,
        ..good.clone()
    };
    assert!(matches!(
        check(&behind, 12, 20),
        Err(AnswerFault::Short { receipted: 11, .. })
    ));
    let gone = AnswerFault::RolledBack { held: 12, log: 9 };
    assert_eq!(check(&good, 9, 9), Err(gone));
    let claimed = Accepted {
        size: 30,
        ..good.clone()
    };
    assert!(matches!(
        check(&claimed, 12, 20),
        Err(AnswerFault::Unsigned { held: 30, .. })
    ));
    let other: MemoryTree = (50_u8..70).map(|leaf| sha256(&[leaf])).collect();
    let branch = answer(12, 12, &other, 0, &tree(3));
    assert_eq!(
        check(&branch, 12, 20),
        Err(AnswerFault::OtherBranch { size: 12 })
    );

    // Not cosigned, cosigned by another, or of another kiosk's key.
    let own = note(&origin(), &log, 12, &device_key());
    let foreign = SigningKey::from_seed(&[77; 32]);
    let stolen = note(&origin(), &log, 12, &foreign);
    for receipt in [
        own.clone(),
        cosign(&own, ISSUER, &foreign, 1).unwrap(),
        cosign(&own, "other.example", &issuer_key(), 1).unwrap(),
        cosign(&stolen, ISSUER, &issuer_key(), 1).unwrap(),
        String::new(),
    ] {
        let bad = Accepted {
            receipt,
            ..good.clone()
        };
        assert!(matches!(check(&bad, 12, 20), Err(AnswerFault::Receipt(_))));
    }
}

#[test]
fn a_ledger_extends_what_was_witnessed_or_is_refused() {
    let log = tree(2);
    let event = EventId::new(EVENT).unwrap();
    let held = |size: u8| HeldLedger {
        size: u64::from(size),
        root: tree(size).root(),
    };
    let check = |answer: &Accepted, held: Option<HeldLedger>| {
        with_parties(|parties| {
            ledger(answer, parties, &event, held).map(|head| head.map(|head| head.size))
        })
    };
    let of = |from: u64, leaves: u8| answer(2, 2, &log, from, &tree(leaves));
    assert_eq!(check(&of(0, 5), None), Ok(Some(5)));
    assert_eq!(check(&of(5, 9), Some(held(5))), Ok(Some(9)));
    assert_eq!(check(&of(5, 5), Some(held(5))), Ok(None), "nothing new");
    let inconsistent = |result| matches!(result, Err(LedgerFault::Inconsistent { .. }));
    assert!(inconsistent(check(&of(4, 4), Some(held(5)))), "shorter");
    assert!(
        inconsistent(check(&of(4, 9), Some(held(5)))),
        "another proof"
    );
    let rewritten = HeldLedger {
        size: 5,
        root: sha256(b"another"),
    };
    assert!(inconsistent(check(&of(5, 9), Some(rewritten))));
    assert!(inconsistent(check(&of(5, 5), Some(rewritten))));
    let mut endless = of(5, 9);
    endless.consistency = vec![endless.consistency[0].clone(); MAX_PROOF_HASHES + 1];
    assert!(inconsistent(check(&endless, Some(held(5)))));
    let mut unsigned = of(5, 9);
    unsigned.ledger = note(
        &ledger_origin(ISSUER, EVENT).unwrap(),
        &tree(9),
        9,
        &SigningKey::from_seed(&[77; 32]),
    );
    assert!(matches!(
        check(&unsigned, Some(held(5))),
        Err(LedgerFault::Head(_))
    ));
    let mut other_event = of(5, 9);
    other_event.ledger = note(
        &ledger_origin(ISSUER, "other").unwrap(),
        &tree(9),
        9,
        &issuer_key(),
    );
    assert!(matches!(
        check(&other_event, Some(held(5))),
        Err(LedgerFault::Head(_))
    ));
}

#[test]
fn a_bundle_is_newer_and_for_this_kiosk_or_is_refused() {
    let key = issuer_key();
    let public = key.public_key();
    let pin = sha256(b"key").to_hex();
    let kiosk = KioskId::new(KIOSK).unwrap();
    let event = EventId::new(EVENT).unwrap();
    let other = EventId::new("other").unwrap();
    let whose = BundleFor {
        kiosk: &kiosk,
        event: &event,
        issuer: ISSUER,
        issuer_key: &public,
        tls: true,
        held: None,
    };
    let pinned = signed_bundle(4, std::slice::from_ref(&pin), &key);
    let Ok(Offered::Newer(_, hash)) = bundle(&pinned, whose) else {
        unreachable!("a good bundle is adopted");
    };
    let holding = |sequence, hash| BundleFor {
        held: Some((sequence, hash)),
        ..whose
    };
    assert_eq!(bundle(&pinned, holding(4, hash)), Ok(Offered::InForce));
    assert!(matches!(
        bundle(&pinned, holding(3, hash)),
        Ok(Offered::Newer(..))
    ));
    let older = |result| matches!(result, Err(BundleFault::Refused(BundleError::Older { .. })));
    assert!(older(bundle(&pinned, holding(5, hash))));
    assert!(older(bundle(&pinned, holding(4, sha256(b"same sequence")))));
    let foreign = BundleFor {
        event: &other,
        ..whose
    };
    assert!(matches!(
        bundle(&pinned, foreign),
        Err(BundleFault::Refused(BundleError::Foreign { .. }))
    ));
    let renamed = BundleFor {
        issuer: "other.example",
        ..whose
    };
    assert!(matches!(
        bundle(&pinned, renamed),
        Err(BundleFault::Ledger(_))
    ));
    let unpinned = signed_bundle(4, &[], &key);
    assert!(matches!(
        bundle(&unpinned, whose),
        Err(BundleFault::Pins(_))
    ));
    let loopback = BundleFor {
        tls: false,
        ..whose
    };
    assert!(matches!(
        bundle(&unpinned, loopback),
        Ok(Offered::Newer(..))
    ));
    let odd = signed_bundle(4, &[pin, "AB".into()], &key);
    assert!(matches!(bundle(&odd, whose), Err(BundleFault::Pins(_))));
}
