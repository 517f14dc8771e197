//! What kiosk and issuer say to each other: badges and bundle, enrolment, time, signatures, status, problems, presence.

use evidence::sha256;
use protocol::badge::{NONCE_BYTES, Row};
use protocol::bundle::{self, Bundle, DoorPolicy, RosterRow, RuleText};
use protocol::decision::object_bytes;
use protocol::enrol::{Claim, EnrolRequest, Enrolled};
use protocol::http_signature;
use protocol::presence::{Presence, PresenceRow};
use protocol::problem::{Code, Problem};
use protocol::signed::{self, Label};
use protocol::signed_badge::{self, Validity};
use protocol::staff_badge::{self, StaffAct};
use protocol::status::{KioskStatus, ReaderStatus};
use protocol::ticket;
use protocol::time::{TimeAnswer, TimeRequest, answer, signed_text};

use super::*;

fn row() -> Row {
    Row {
        name: Some("Zoë".into()),
        language: Some("de".into()),
    }
}

#[test]
fn badges() {
    let key = badge_key();
    let sealed = key.seal_row("X1", &row(), [9; NONCE_BYTES]);
    assert_eq!(key.open_row("X1", &sealed), Some(row()));
    let text = format!(
        "key      {}\nkey id   {}\nbadge    X1\ndigest   {}\nshort    {}\nnonce    {}\nrow      {}\nsealed   {}\n",
        hex::encode(key.as_bytes()),
        key.id(),
        key.digest("X1"),
        key.digest("X1").short(),
        hex::encode([9; NONCE_BYTES]),
        serde_json::to_string(&row()).unwrap(),
        hex::encode(&sealed),
    );
    check("badge.txt", text.as_bytes());
}

#[test]
fn signed_bundle() {
    let registered = &registrations().registrations;
    let roster = registered
        .iter()
        .zip(["X1", "X2"])
        .map(|(r, badge)| RosterRow {
            badge: r.badges[0],
            attendee: r.attendee.clone(),
            valid_from: r.valid_from,
            valid_until: r.valid_until,
            cancelled: r.cancelled,
            row: badge_key().seal_row(badge, &row(), [9; NONCE_BYTES]),
        });
    let bundle = Bundle {
        v: bundle::VERSION,
        sequence: 3,
        kiosk: id("hall-1"),
        door: door(),
        event: bundle::Event {
            id: id(EVENT),
            title: "General Practice 2026".into(),
            zone: "Europe/Berlin".into(),
            languages: vec!["de".into(), "en".into()],
        },
        issued: at(0),
        expires: at(86_400_000),
        policy: DoorPolicy::default(),
        agenda_hash: sha256(&object_bytes(&agenda_document())).to_hex(),
        agenda: agenda_document(),
        rules: vec![RuleText {
            hash: sha256(RULES.as_bytes()).to_hex(),
            text: RULES.into(),
        }],
        roster_hash: sha256(&object_bytes(&registrations())).to_hex(),
        roster: roster.collect(),
        revoked: vec![badge_key().digest("X0")],
        pins: vec![sha256(b"spki").to_hex()],
        ledger: evidence::ledger_origin(ISSUER, EVENT).unwrap(),
        kiosks: 2,
        tickets: vec![],
    };
    let check_bundle = |name: &str, bundle: Bundle| {
        let bytes = bundle::sign(&bundle, &issuer()).unwrap();
        check(name, &bytes);
        let (read, hash) = bundle::open(&bytes, &issuer().public_key()).unwrap();
        assert_eq!((read, hash), (bundle, sha256(&bytes)));
    };
    check_bundle("bundle.txt", bundle.clone());
    let tickets = vec![ticket_key().public_key()];
    check_bundle("bundle-tickets.txt", Bundle { tickets, ..bundle });
}

fn ticket_key() -> SigningKey {
    SigningKey::from_seed(&[4; 32])
}

/// The file was made with Python's `cryptography`, by hand from the scheme's description.
#[test]
fn a_signed_ticket() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/ticket.txt");
    let file = std::fs::read_to_string(golden).unwrap();
    let line = |name: &str| {
        let line = file.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    };
    assert_eq!(line("key "), ticket_key().public_key().to_base64());
    let said = ticket::open(&line("ticket "), &[ticket_key().public_key()]).unwrap();
    let instant = |name| protocol::text::parse_instant(&line(name)).ok();
    assert_eq!(said.valid_from, instant("from "));
    assert_eq!(said.valid_until, instant("until "));
    let payload = hex::decode(line("payload ")).unwrap();
    let signature = ticket_key().sign(&payload);
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let bytes = [&[1], length.as_slice(), &[0, 64], &payload, &signature].concat();
    let text: String = protocol::text::base64(&bytes).chars().rev().collect();
    assert_eq!(text, line("ticket "));
}

#[test]
fn enrolment() {
    let claim = Claim {
        url: "https://issuer.example:8443".into(),
        secret: "0123456789abcdef0123456789abcdef".into(),
        issuer_key: issuer().public_key(),
        tls_pin: Some(sha256(b"spki").to_hex()),
    };
    check("claim.txt", format!("{}\n", claim.to_text()).as_bytes());
    assert_eq!(Claim::parse(&claim.to_text()).unwrap(), claim);
    let request = EnrolRequest::new(&claim.secret, &kiosk(), "rollcall-kiosk 0.1.0");
    let bytes = object_bytes(&request);
    check("enrol-request.json", &bytes);
    assert!(
        serde_json::from_slice::<EnrolRequest>(&bytes)
            .unwrap()
            .is_proven()
    );
    let enrolled = Enrolled {
        kiosk: id("hall-1"),
        event: id(EVENT),
        issuer: ISSUER.into(),
        issuer_key: issuer().public_key(),
        badge_key: badge_key().as_bytes().to_vec(),
        origin: LOG.into(),
        bundle: b"signed bundle".to_vec(),
    };
    let bytes = object_bytes(&enrolled);
    check("enrolled.json", &bytes);
    let read: Enrolled = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(read.badge_key().unwrap().id(), badge_key().id());
}

#[test]
fn time_exchange() {
    let request = TimeRequest {
        nonce: NONCE.into(),
    };
    let answer = answer(&request, at(100), at(101), 3, &issuer());
    document("time-request.json", &request);
    document::<TimeAnswer>("time-answer.json", &answer);
    let text = signed_text(NONCE, at(100), at(101), 3);
    check(
        "time-signed.txt",
        format!("rollcall/time/v1\n{text}").as_bytes(),
    );
    assert!(answer.verifies(NONCE, &issuer().public_key()));
}

#[test]
fn signed_statements() {
    let mut lines = String::new();
    for (name, label) in [
        ("time", Label::Time),
        ("bundle", Label::Bundle),
        ("enrol", Label::Enrol),
        ("time-code", Label::TimeCode),
        ("badge", Label::Badge),
    ] {
        let signature = signed::sign(label, b"statement", &issuer());
        assert!(signed::verifies(
            label,
            b"statement",
            &signature,
            &issuer().public_key()
        ));
        lines += &format!("{name} {}\n", hex::encode(signature));
    }
    check("signed.txt", lines.as_bytes());
}

#[test]
fn a_signed_badge() {
    let event = attendance::words::EventId::new(EVENT).unwrap();
    let validity = Validity {
        from: Some(at(0)),
        until: Some(at(3_600_000)),
    };
    let text = signed_badge::make(&event, validity, *b"0123456789", &issuer()).unwrap();
    check("signed-badge.txt", format!("{text}\n").as_bytes());
    let opened = signed_badge::open(&text, &event, &issuer().public_key());
    assert_eq!(opened, Ok(validity));
}

#[test]
fn staff_badges() {
    let event = attendance::words::EventId::new(EVENT).unwrap();
    let mut lines = String::new();
    for act in StaffAct::ALL {
        let text = staff_badge::make(&event, *act, "ada", &issuer());
        let opened = staff_badge::open(&text, &event, &issuer().public_key());
        assert_eq!(opened, Ok(*act));
        lines.push_str(&format!("{} {text}\n", act.as_str()));
    }
    check("staff-badges.txt", lines.as_bytes());
}

#[test]
fn signed_request() {
    let (path, body) = ("/v1/kiosks/hall-1/status", b"{}");
    let headers = http_signature::sign("POST", path, body, "hall-1", "n0nce", &kiosk());
    let text = format!(
        "POST {path}\n{}: {}\n{}: {}\n{}: {}\n\n{{}}",
        http_signature::CONTENT_DIGEST,
        headers.content_digest,
        http_signature::SIGNATURE_INPUT,
        headers.signature_input,
        http_signature::SIGNATURE,
        headers.signature,
    );
    check("http-signature.txt", text.as_bytes());
    let verified = http_signature::verify("POST", path, body, &headers, &kiosk().public_key());
    assert_eq!(verified, Ok(()));
}

#[test]
fn status_and_problem() {
    let status = KioskStatus {
        software: "rollcall-kiosk 0.1.0".into(),
        bundle: Some(3),
        log_size: 12,
        backlog: 2,
        backlog_oldest: Some(at(0)),
        clock: "holdover".into(),
        anchored: true,
        clock_offset_ms: Some(-40),
        disk_free_mib: 900,
        uptime_s: 60,
        readers: vec![ReaderStatus {
            reader: "front".into(),
            kind: "serial".into(),
            state: "attached".into(),
            scans: 9,
            refused: 1,
        }],
        alarms: vec!["disk_low".into()],
    };
    document("status.json", &status);
    document("status-empty.json", &KioskStatus::default());
    let mut problem = Problem::new(Code::Gap, "entries 3 to 4 are missing");
    problem.size = Some(3);
    document("problem.json", &problem);
    let mut fork = Problem::new(Code::Fork, "two histories under one key");
    fork.size = Some(5);
    fork.checkpoint = Some(checkpoint().0);
    fork.kept = Some(9);
    document("problem-fork.json", &fork);
}

#[test]
fn presence() {
    let row = |attendee: &str, room: &str, ms: i64| PresenceRow {
        attendee: id(attendee),
        room: id(room),
        since: at(ms),
    };
    let rows = vec![row("a-1", "hall", 0), row("a-2", "foyer", 60_001)];
    document(
        "presence.json",
        &Presence {
            at: at(90_000),
            rows,
        },
    );
}
