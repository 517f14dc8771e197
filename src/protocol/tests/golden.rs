//! The formats, frozen: fixed inputs give the bytes in `golden/` for good, and those bytes read back as the inputs.
//!
//! A file that no longer fits is a new version of a format. Where one truly is meant, `ROLLCALL_BLESS=1` writes the files
//! anew, and the difference is reviewed as what it is.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads and, when told to, writes its golden files"
)]

#[path = "golden/exchange.rs"]
mod exchange;
#[path = "golden/ledger.rs"]
mod ledger;
#[path = "golden/sources.rs"]
mod sources;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;

use attendance::presence::{End, Stay};
use attendance::time::{Interval, Stamp, Sync};
use attendance::words::{Direction, DirectionSource, SignalId, Source, Verdict};
use attendance::{
    Confidence, Decision, Engagement, FieldCredits, Outcome, Part, Reason, Term, UtcMs, Word,
};
use evidence::{
    Checkpoint, Hash, MemoryTree, SigningKey, TlogProof, cosign, leaf_hash, prove_inclusion,
    sha256, sign_checkpoint,
};
use protocol::archive::{self, Archive};
use protocol::badge::BadgeKey;
use protocol::batch::{self, Accepted, Head, Leaf};
use protocol::certificate::{Payload, Proof, SessionLine};
use protocol::decision::{Basis, DecisionDoc, LogPrefix, object_bytes};
use protocol::entry::{self, Body, Entry};
use protocol::time::{TimeRequest, answer, clock_verifies};
use protocol::time_code;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sources::{agenda_document, door, registrations};

const ISSUER: &str = "ce.example.org";
const EVENT: &str = "gp-2026";
const LOG: &str = "ce.example.org/kiosk/hall-1/34750f98bd59fcfc946da45aaabe933b";
const NINE: UtcMs = UtcMs(1_795_424_400_000);
const NONCE: &str = "000102030405060708090a0b0c0d0e0f";
const RULES: &str = "format = \"rollcall-rules/1\"\nname = \"demo\"\nminutes_per_credit = \"50\"\nstep = \"0.5\"\nthreshold = { share = \"0.8\" }\n";

fn issuer() -> SigningKey {
    SigningKey::from_seed(&[2; 32])
}

fn kiosk() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

fn badge_key() -> BadgeKey {
    BadgeKey::from_bytes([7; 32])
}

fn id<T: std::str::FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn at(ms: i64) -> UtcMs {
    NINE.plus_ms(ms)
}

/// Compares with the golden file, or writes it where that is asked for.
#[track_caller]
fn check(name: &str, made: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(name);
    if std::env::var_os("ROLLCALL_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(&path, made).unwrap();
    }
    let golden = std::fs::read(&path).unwrap_or_default();
    assert_eq!(
        String::from_utf8_lossy(made),
        String::from_utf8_lossy(&golden),
        "{name} differs from what is made now"
    );
    assert_eq!(made, golden, "{name} differs from what is made now");
}

/// A document as JSON: the golden bytes, and back.
#[track_caller]
fn document<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) -> Vec<u8> {
    let bytes = object_bytes(value);
    check(name, &bytes);
    assert_eq!(serde_json::from_slice::<T>(&bytes).unwrap(), *value);
    bytes
}

fn stamp(raw_ms: u64, sync: Sync, error_ms: Option<u32>) -> Stamp {
    Stamp {
        wall: at(i64::try_from(raw_ms).unwrap()),
        boot: id("6f5ff1c8-5b1e-4f5c-9a0e-0d3b6f1c2a77"),
        raw_ms,
        sync,
        error_ms,
    }
}

fn checkpoint() -> (String, MemoryTree) {
    let tree: MemoryTree = (0..5_u8).map(|n| leaf_hash(&[n])).collect();
    let head = Checkpoint::new(LOG, tree.size(), tree.root()).unwrap();
    (sign_checkpoint(&head, &kiosk()), tree)
}

fn receipt() -> String {
    cosign(&checkpoint().0, ISSUER, &issuer(), 1_795_424_400).unwrap()
}

fn ledger_head() -> (String, MemoryTree) {
    let tree: MemoryTree = (0..7_u8).map(|n| leaf_hash(&[n])).collect();
    let origin = evidence::ledger_origin(ISSUER, EVENT).unwrap();
    let head = Checkpoint::new(&origin, tree.size(), tree.root()).unwrap();
    let note = sign_checkpoint(&head, &issuer());
    (cosign(&note, LOG, &kiosk(), 1_795_424_401).unwrap(), tree)
}

fn clock() -> entry::Clock {
    let request = TimeRequest {
        nonce: NONCE.into(),
    };
    let answer = answer(&request, at(100), at(101), 3, &issuer());
    entry::Clock {
        nonce: answer.nonce,
        sent_raw_ms: 90,
        issuer_received: answer.received,
        issuer_sent: answer.sent,
        received_raw_ms: 112,
        issuer_error_ms: answer.error_ms,
        signature: answer.signature,
    }
}

fn scans() -> [entry::Scan; 3] {
    let full = entry::Scan {
        door: id("hall-door"),
        rooms: vec![id("hall"), id("foyer")],
        reader: id("front"),
        symbology: Some("qr".into()),
        badge: badge_key().reference("X1"),
        attendee: Some(id("a-1")),
        direction: Direction::Out,
        direction_source: DirectionSource::Toggled,
        verdict: Verdict::CheckedOut,
        prior: Some(entry::Prior {
            room: Some(id("hall")),
            source: entry::PriorSource::Door,
            index: Some(4),
            since: None,
        }),
        provisional: vec![entry::Provisional {
            programme: id("main"),
            outcome: Outcome::Partial,
            credits: Some(id("0.5")),
            reason: Reason::PartialCredit,
            present_ms: 1_500_000,
            scheduled_ms: 3_000_000,
            rules: sha256(RULES.as_bytes()).to_hex(),
            engine: "rollcall-threshold-1".into(),
        }],
        bundle: 3,
    };
    let bare = entry::Scan {
        rooms: vec![id("hall")],
        symbology: None,
        attendee: None,
        direction: Direction::Seen,
        direction_source: DirectionSource::Reader,
        verdict: Verdict::UnknownBadge,
        prior: Some(entry::Prior {
            room: None,
            source: entry::PriorSource::Issuer,
            index: None,
            since: None,
        }),
        provisional: vec![],
        ..full.clone()
    };
    let told = entry::Scan {
        prior: Some(entry::Prior {
            room: Some(id("foyer")),
            source: entry::PriorSource::Issuer,
            index: Some(4),
            since: Some(at(-60_000)),
        }),
        ..full.clone()
    };
    [full, bare, told]
}

fn entries() -> Vec<Entry> {
    let hash = |text: &str| sha256(text.as_bytes());
    let [full, bare, told] = scans();
    let boot = |cause| {
        Body::Boot(entry::Boot {
            cause,
            boottime_ms: 30_000,
            software: "rollcall-kiosk 0.1.0".into(),
            floor: at(-86_400_000),
        })
    };
    let bodies = [
        boot(entry::BootCause::Start),
        boot(entry::BootCause::Suspend),
        Body::Clock(clock()),
        Body::Adopt(entry::Adopt {
            sequence: 3,
            bundle: hash("bundle"),
            agenda: hash("agenda"),
            roster: hash("roster"),
            rules: vec![hash(RULES).to_hex()],
        }),
        Body::Scan(Box::new(full)),
        Body::Scan(Box::new(bare)),
        Body::Staff(entry::Staff {
            action: "set_direction_in".into(),
            reason: "door_opened".into(),
            badge: Some(badge_key().reference("S1")),
            index: Some(4),
        }),
        Body::Staff(entry::Staff {
            action: "enrol".into(),
            reason: "first_use".into(),
            badge: None,
            index: None,
        }),
        Body::Reader(entry::Reader {
            reader: id("front"),
            state: entry::ReaderState::Stalled,
            refused: 2,
        }),
        Body::Receipt(entry::NoteText { note: receipt() }),
        Body::LedgerHead(entry::NoteText {
            note: ledger_head().0,
        }),
        Body::Note(entry::Note {
            code: "disk_low".into(),
            numbers: BTreeMap::from([("free_mib".to_owned(), 12), ("queue".to_owned(), -1)]),
        }),
        Body::TimeCode(entry::TimeCode {
            reader: id("front"),
            code: time_code(),
        }),
        Body::Scan(Box::new(told)),
    ];
    let clocks = [
        (Sync::Unset, None),
        (Sync::Synced, Some(12)),
        (Sync::Holdover, Some(900)),
    ];
    bodies
        .into_iter()
        .zip((0_u64..).zip(clocks.into_iter().cycle()))
        .map(|(body, (n, (sync, error_ms)))| Entry {
            stamp: stamp(n * 1_001, sync, error_ms),
            body,
        })
        .collect()
}

fn time_code() -> String {
    time_code::make(NINE, 250, [0xab, 0xcd, 0xef], &issuer())
}

#[test]
fn a_time_code() {
    let code = time_code();
    check("time-code.txt", format!("{code}\n").as_bytes());
    let says = time_code::open(&code, &issuer().public_key()).unwrap();
    assert_eq!((says.at, says.error_ms), (NINE, 250));
}

#[test]
fn every_entry_kind() {
    let mut lines = Vec::new();
    for entry in entries() {
        let bytes = entry::encode(&entry).unwrap();
        assert_eq!(entry::parse(&bytes).unwrap(), entry);
        lines.extend_from_slice(&bytes);
        lines.push(b'\n');
    }
    check("entries.ndjson", &lines);
    assert!(clock_verifies(&clock(), &issuer().public_key()));
}

#[test]
fn batch_and_its_answer() {
    let head = Head {
        start: 3,
        checkpoint: checkpoint().0,
        ledger_size: 7,
        ledger: Some(ledger_head().0),
    };
    let entry = entry::encode(&entries()[0]).unwrap();
    let leaves = vec![Leaf::Entry(&entry), Leaf::Damaged(leaf_hash(&[4]))];
    let bytes = batch::write(&head, &leaves).unwrap();
    check("batch.ndjson", &bytes);
    let read = batch::read(&bytes).unwrap();
    assert_eq!((read.head, read.leaves), (head, leaves));
    let accepted = Accepted {
        size: 5,
        receipt: receipt(),
        ledger: ledger_head().0,
        consistency: vec![leaf_hash(&[0]).to_base64()],
    };
    document("accepted.json", &accepted);
}

#[test]
fn rules_are_named_by_their_bytes() {
    check("rules.toml", RULES.as_bytes());
    let read = protocol::rules::parse(RULES).unwrap();
    check("rules-name.txt", format!("{}\n", read.hash).as_bytes());
}

fn basis() -> Basis {
    Basis {
        v: protocol::decision::VERSION,
        event: id(EVENT),
        programme: id("main"),
        logs: vec![LogPrefix {
            log: LOG.into(),
            size: 5,
        }],
        agenda: sha256(&object_bytes(&agenda_document())).to_hex(),
        registrations: sha256(&object_bytes(&registrations())).to_hex(),
        rules: sha256(RULES.as_bytes()).to_hex(),
        engine: "rollcall-threshold-1".into(),
        now: at(7_200_000),
        incomplete_doors: vec![id("back-door")],
    }
}

fn decision_document() -> DecisionDoc {
    let signal = |index| SignalId {
        log: LOG.into(),
        index,
        row: None,
    };
    let around = |ms: i64| Interval {
        earliest: at(ms - 5),
        latest: at(ms + 5),
    };
    let observed = |ms, index| End::Observed {
        at: around(ms),
        signal: signal(index),
    };
    let stay = |start, end| Stay {
        room: id("hall"),
        source: Source::Scan,
        start,
        end,
    };
    let leaning = End::Inferred {
        at: around(2_900_000),
        policy: "last_signal",
        signal: Some(signal(4)),
    };
    let by_rule = End::Inferred {
        at: Interval::exactly(at(3_000_000)),
        policy: "session_end",
        signal: None,
    };
    let part = |least_ms, met: Option<bool>, stays| Part {
        session: id("opening"),
        scheduled_ms: 3_000_000,
        least_ms,
        most_ms: 2_400_000,
        graced_ms: least_ms - 2_399_990,
        word: met.map(|_| Word::Confirmed),
        met,
        stays,
    };
    let decision = Decision {
        outcome: Outcome::Review,
        credits: None,
        range: (id("0"), id("0.5")),
        full_credits: id("1"),
        reason: Reason::ClockUncertain,
        explanation: "Present between 39 min and 40 min of 50 min.".into(),
        fields: vec![FieldCredits {
            field: "ethics".into(),
            credits: id("0.5"),
        }],
        engagement: Some(Engagement {
            answered: 2,
            needed: 3,
        }),
        confidence: Confidence {
            per_cent: 80,
            terms: vec![(Term::Inferred, -20)],
        },
        parts: vec![
            part(
                2_399_990,
                None,
                vec![
                    Stay {
                        source: Source::Platform,
                        ..stay(observed(0, 2), observed(1_200_000, 3))
                    },
                    stay(observed(1_700_000, 4), leaning),
                    stay(observed(2_950_000, 4), by_rule),
                    stay(End::Missing, End::Missing),
                ],
            ),
            part(2_400_000, Some(true), vec![]),
        ],
        evidence: vec![signal(2), signal(3), signal(4)],
        rules: sha256(RULES.as_bytes()).to_hex(),
        engine: "rollcall-threshold-1",
        now: at(7_200_000),
        is_open: false,
        incomplete_doors: vec![id("back-door")],
    };
    let basis = sha256(&object_bytes(&basis())).to_hex();
    DecisionDoc::new(&id("a-1"), &id("main"), &basis, &decision)
}

#[test]
fn basis_and_decision() {
    document("basis.json", &basis());
    document("decision.json", &decision_document());
}

#[test]
fn certificate() {
    let (checkpoint, tree) = ledger_head();
    let proof = TlogProof {
        index: 2,
        path: prove_inclusion(2, tree.size(), &tree).unwrap(),
        extra: Vec::new(),
        checkpoint_note: checkpoint.clone(),
    };
    let payload = Payload {
        v: protocol::certificate::VERSION,
        salt: "00112233445566778899aabbccddeeff".into(),
        certificate: id("aaaabbbbccccddddeeeeffff22"),
        version: 1,
        issuer: ISSUER.into(),
        event: id(EVENT),
        event_title: "General Practice 2026".into(),
        zone: "Europe/Berlin".into(),
        attendee: id("a-1"),
        name: "Zoë Müller".into(),
        programme: id("main"),
        programme_title: "Main".into(),
        outcome: Outcome::Full,
        credits: id("1"),
        reason: Reason::MetDurationThreshold,
        explanation: "Present 50 min of 50 min; 80 % needed; 1 of 1 credits.".into(),
        sessions: vec![SessionLine {
            session: id("opening"),
            title: "Opening".into(),
            start: at(0),
            end: at(3_000_000),
            present_ms: 3_000_000,
            scheduled_ms: 3_000_000,
        }],
        rules_name: "demo".into(),
        rules: sha256(RULES.as_bytes()).to_hex(),
        decision: sha256(b"decision").to_hex(),
        issued: at(7_200_000),
        verify_at: "https://ce.example.org/c/aaaabbbbccccddddeeeeffff22".into(),
        proof: Proof {
            checkpoint,
            decision: proof.to_text().unwrap(),
            witnesses: 1,
        },
    };
    document("certificate.json", &payload);
}

#[test]
fn archive_description() {
    let log = |kind, origin: &str, key: &SigningKey| archive::Log {
        kind,
        origin: origin.into(),
        key: key.public_key(),
        kiosk: None,
        door: None,
        size: 7,
        base: None,
    };
    let ledger = evidence::ledger_origin(ISSUER, EVENT).unwrap();
    let journal = archive::Log {
        kiosk: Some(id("hall-1")),
        door: Some(id("hall-door")),
        ..log(archive::LogKind::Journal, LOG, &kiosk())
    };
    let branch = archive::Log {
        kind: archive::LogKind::Branch,
        size: 9,
        base: Some(5),
        ..journal.clone()
    };
    let description = Archive {
        format: archive::FORMAT.into(),
        made: at(7_200_000),
        software: "rollcall-issuer 0.1.0".into(),
        event: id(EVENT),
        issuer: ISSUER.into(),
        issuer_key: issuer().public_key(),
        logs: vec![
            log(archive::LogKind::Ledger, &ledger, &issuer()),
            journal,
            branch,
        ],
    };
    document("archive.json", &description);
    let object = archive::object_path(Hash::EMPTY_ROOT);
    let paths = [
        archive::entries_path(1),
        archive::checkpoint_path(1),
        object,
    ];
    check(
        "archive-paths.txt",
        format!("{}\n", paths.join("\n")).as_bytes(),
    );
}

/// Every key and every kind that golden bytes hold is named in the specification.
#[test]
fn the_specification_names_every_key() {
    fn keys(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Object(object) => {
                for (key, value) in object {
                    found.insert(key.clone());
                    if key == "kind" && object.contains_key("v") {
                        found.insert(value.as_str().unwrap().to_owned());
                    }
                    if key != "numbers" {
                        keys(value, found);
                    }
                }
            }
            serde_json::Value::Array(list) => list.iter().for_each(|v| keys(v, found)),
            _ => {}
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("FORMAT.md")).unwrap();
    let mut found = std::collections::BTreeSet::new();
    for file in std::fs::read_dir(root.join("golden")).unwrap() {
        let bytes = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in bytes.lines().filter(|l| l.starts_with('{')) {
            keys(&serde_json::from_str(line).unwrap(), &mut found);
        }
    }
    assert!(found.len() > 100, "{}", found.len());
    let missing: Vec<&String> = found
        .iter()
        .filter(|key| !text.contains(&format!("`{key}`")) && !text.contains(&format!("\"{key}\"")))
        .collect();
    assert!(missing.is_empty(), "FORMAT.md does not name {missing:?}");
}
