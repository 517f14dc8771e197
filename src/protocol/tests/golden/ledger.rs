//! What an event's ledger says, every kind of it.

use protocol::ledger::{self, LedgerBody, LedgerEntry};

use super::*;

fn ledger_bodies() -> Vec<LedgerBody> {
    let hash = |text: &str| sha256(text.as_bytes());
    let code = "aaaabbbbccccddddeeeeffff22";
    let decision = ledger::Decision {
        attendee: id("a-1"),
        programme: id("main"),
        outcome: Outcome::Full,
        credits: Some(id("1.5")),
        reason: Reason::MetDurationThreshold,
        decision: hash("decision"),
        basis: hash("basis"),
        replaces: None,
    };
    let review = ledger::Decision {
        outcome: Outcome::Review,
        credits: None,
        reason: Reason::ClockUncertain,
        replaces: Some(9),
        ..decision.clone()
    };
    vec![
        LedgerBody::Event(ledger::Event {
            event: id(EVENT),
            title: "General Practice 2026".into(),
            zone: "Europe/Berlin".into(),
            issuer: ISSUER.into(),
            issuer_key: issuer().public_key(),
            badge_key: badge_key().id(),
        }),
        LedgerBody::Door(ledger::Door {
            door: id("hall-door"),
            title: "Hall".into(),
            rooms: vec![id("hall"), id("foyer")],
        }),
        LedgerBody::Kiosk(ledger::Kiosk {
            kiosk: id("hall-1"),
            door: id("hall-door"),
            log: LOG.into(),
            public_key: kiosk().public_key(),
        }),
        LedgerBody::Retirement(ledger::Retirement {
            kiosk: id("hall-1"),
            reason: "replaced".into(),
            operator: "op-1".into(),
        }),
        LedgerBody::DoorLost(ledger::DoorLost {
            door: id("hall-door"),
            reason: "stolen".into(),
            operator: "op-1".into(),
        }),
        LedgerBody::Import(ledger::Import {
            what: "agenda".into(),
            format: "pretalx".into(),
            object: hash("agenda"),
            file: hash("file"),
            rows: 12,
            operator: None,
            reason: None,
        }),
        LedgerBody::Rules(ledger::Rules {
            programme: id("main"),
            rules: hash(RULES),
            name: "demo".into(),
            agenda: hash("agenda"),
        }),
        LedgerBody::KioskHead(ledger::KioskHead {
            log: LOG.into(),
            from: 0,
            size: 5,
            root: checkpoint().1.root(),
            receipt_s: 1_795_424_400,
        }),
        LedgerBody::Quarantine(ledger::Quarantine {
            log: LOG.into(),
            index: 3,
            leaf: leaf_hash(&[3]),
            code: "malformed".into(),
        }),
        LedgerBody::Decision(decision),
        LedgerBody::Decision(review),
        LedgerBody::Certificate(ledger::Certificate {
            certificate: id(code),
            version: 1,
            attendee: id("a-1"),
            programme: id("main"),
            decision: 9,
            payload: hash("payload"),
            pdf: hash("pdf"),
        }),
        LedgerBody::Revocation(ledger::Revocation {
            certificate: id(code),
            version: 1,
            reason: "name_corrected".into(),
            operator: "op-1".into(),
        }),
        LedgerBody::Case(ledger::Case {
            case: "fork-1".into(),
            about: ledger::CaseKind::Fork,
            log: LOG.into(),
            base: 5,
            size: 9,
            root: sha256(b"branch"),
            outcome: ledger::CaseOutcome::Admitted,
            reason: "card_restored".into(),
            operator: "op-1".into(),
        }),
        LedgerBody::Case(ledger::Case {
            case: "late-1-9".into(),
            about: ledger::CaseKind::Late,
            log: LOG.into(),
            base: 7,
            size: 9,
            root: sha256(b"late"),
            outcome: ledger::CaseOutcome::Denied,
            reason: "stolen".into(),
            operator: "op-1".into(),
        }),
        LedgerBody::Recovery(ledger::Recovery {
            size: 40,
            root: sha256(b"lost head"),
            kiosk: id("hall-1"),
            reason: "backup_restored".into(),
            operator: "op-1".into(),
        }),
        LedgerBody::Signals(ledger::Signals {
            source: "zoom".into(),
            object: sha256(b"signals"),
            file: sha256(b"report.csv"),
            rows: 3,
            operator: None,
            reason: None,
        }),
        LedgerBody::Signals(ledger::Signals {
            source: "manual".into(),
            object: sha256(b"confirmations"),
            file: sha256(b"sheet.csv"),
            rows: 1,
            operator: Some("op-1".into()),
            reason: Some("moderator_confirmed".into()),
        }),
        LedgerBody::Retraction(ledger::Retraction {
            entry: 18,
            row: Some(2),
            reason: "wrong_person".into(),
            operator: "op-1".into(),
        }),
        LedgerBody::Retraction(ledger::Retraction {
            entry: 19,
            row: None,
            reason: "wrong_file".into(),
            operator: "op-1".into(),
        }),
        LedgerBody::Erasure(ledger::Erasure {
            attendee: id("a-1"),
            reason: "asked_for".into(),
            operator: "op-1".into(),
        }),
        LedgerBody::Sign(ledger::Sign {
            sign: "pair-0f1e2d3c4b5a-0".into(),
            about: ledger::SignKind::Pair,
            times: 6,
            evidence: [4, 5]
                .map(|index| ledger::SignScan {
                    log: LOG.into(),
                    index,
                })
                .into(),
            outcome: ledger::SignOutcome::Explained,
            reason: "came_together".into(),
            operator: "op-1".into(),
        }),
        LedgerBody::Sign(ledger::Sign {
            sign: "places-0f1e2d3c4b5a-1".into(),
            about: ledger::SignKind::Places,
            times: 1,
            evidence: vec![ledger::SignScan {
                log: LOG.into(),
                index: 9,
            }],
            outcome: ledger::SignOutcome::Upheld,
            reason: "badge_lent".into(),
            operator: "op-1".into(),
        }),
        LedgerBody::Sign(ledger::Sign {
            sign: "taken-back-0f1e2d3c4b5a-0".into(),
            about: ledger::SignKind::TakenBack,
            times: 1,
            evidence: [4, 5]
                .map(|index| ledger::SignScan {
                    log: LOG.into(),
                    index,
                })
                .into(),
            outcome: ledger::SignOutcome::Explained,
            reason: "record_corrected".into(),
            operator: "op-1".into(),
        }),
    ]
}

#[test]
fn every_ledger_kind() {
    let mut lines = Vec::new();
    for (n, body) in (0_i64..).zip(ledger_bodies()) {
        let entry = LedgerEntry {
            at: at(n * 1_001),
            body,
        };
        let bytes = ledger::encode(&entry).unwrap();
        assert_eq!(ledger::parse(&bytes).unwrap(), entry);
        lines.extend_from_slice(&bytes);
        lines.push(b'\n');
    }
    check("ledger.ndjson", &lines);
}
