//! Limits on both sides, and what each refusal is: what is exactly as large as allowed is read, one more is refused for that.
#![allow(clippy::unwrap_used)]

use attendance::UtcMs;
use attendance::rules::Threshold;
use attendance::words::{DoorId, ProgrammeId, RoomId};
use evidence::{SigningKey, sha256};
use protocol::agenda::Agenda;
use protocol::bundle::{self, Bundle, BundleError, MAX_BUNDLE_BYTES};
use protocol::entry::{self, EntryError, MAX_ENTRY_BYTES};
use protocol::ledger::{CaseKind, CaseOutcome, branch_name};
use protocol::problem::{Code, Problem};
use protocol::rules::{self, MAX_RULES_BYTES};
use protocol::time::{self, TimeRequest};
use protocol::time_code::TimeCodeError;
use protocol::{archive, badge, batch, enrol, http_signature, ledger, presence, text};

const ENTRIES: &str = include_str!("../golden/entries.ndjson");
const LEDGER: &str = include_str!("../golden/ledger.ndjson");

fn issuer() -> SigningKey {
    SigningKey::from_seed(&[2; 32])
}

#[test]
fn limits_are_those_that_the_format_states() {
    assert_eq!(archive::MAX_FILE_BYTES, 4_294_967_296);
    assert_eq!(batch::MAX_BATCH_BYTES, 2_097_152);
    assert_eq!(MAX_BUNDLE_BYTES, 67_108_864);
    assert_eq!(presence::MAX_BYTES, 8_388_608);
    assert_eq!(MAX_RULES_BYTES, 65_536);
}

#[test]
fn entries_are_read_up_to_their_bound_and_refused_for_what_is_wrong() {
    let too_long = EntryError::TooLong(MAX_ENTRY_BYTES + 1);
    for parse in [
        (|bytes: &[u8]| entry::parse(bytes).unwrap_err()) as fn(&[u8]) -> EntryError,
        |bytes| ledger::parse(bytes).unwrap_err(),
    ] {
        let code = |bytes: &[u8]| parse(bytes).code();
        assert_eq!(parse(&[b' '; MAX_ENTRY_BYTES + 1]), too_long);
        assert_eq!(code(&[b' '; MAX_ENTRY_BYTES + 2]), "too_long");
        assert_eq!(code(&[b' '; MAX_ENTRY_BYTES]), "malformed");
        assert_eq!(code(b"{}\n"), "not_one_line");
        assert_eq!(code(b"{}\r"), "not_one_line");
    }
    let first = ENTRIES.lines().next().unwrap();
    let code = |text: &str| entry::parse(text.as_bytes()).unwrap_err().code();
    assert_eq!(
        code(&first.replace("\"v\":1", "\"v\":2")),
        "unknown_version"
    );
    assert_eq!(
        code(&first.replace("\"boot\",\"time", "\"root\",\"time")),
        "unknown_kind"
    );
    // A version that is not known may have another shape; a known one may not.
    assert_eq!(code(r#"{"v":2,"said":"otherwise"}"#), "unknown_version");
    assert_eq!(code(r#"{"v":1,"said":"otherwise"}"#), "malformed");
}

#[test]
fn entries_are_written_up_to_their_bound() {
    let first = entry::parse(ENTRIES.lines().next().unwrap().as_bytes()).unwrap();
    let of = |bytes: usize| {
        let mut entry = first.clone();
        let spare = bytes - entry::encode(&first).unwrap().len();
        if let entry::Body::Boot(boot) = &mut entry.body {
            boot.software.push_str(&"x".repeat(spare));
        }
        entry::encode(&entry).map(|bytes| bytes.len())
    };
    assert_eq!(of(MAX_ENTRY_BYTES), Ok(MAX_ENTRY_BYTES));
    for bytes in [MAX_ENTRY_BYTES + 1, MAX_ENTRY_BYTES + 2] {
        assert_eq!(of(bytes), Err(EntryError::TooLong(bytes)));
    }
}

#[test]
fn what_rides_along_starts_no_batch() {
    let mut riding: Vec<&str> = ENTRIES
        .lines()
        .map(|line| entry::parse(line.as_bytes()).unwrap().body)
        .filter(entry::Body::rides_along)
        .map(|body| body.kind())
        .collect();
    riding.dedup();
    assert_eq!(riding, ["clock", "receipt", "ledger_head"]);
}

#[test]
fn batches_are_read_up_to_their_bounds() {
    let head = include_str!("../golden/batch.ndjson")
        .lines()
        .next()
        .unwrap();
    let of = |line: usize| [head.as_bytes(), b"\n", &vec![b'x'; line], b"\n"].concat();
    assert_eq!(batch::read(&of(MAX_ENTRY_BYTES)).unwrap().leaves.len(), 1);
    let long = batch::BatchError::LongLine { line: 2 };
    for line in [MAX_ENTRY_BYTES + 1, MAX_ENTRY_BYTES + 2] {
        assert_eq!(batch::read(&of(line)), Err(long.clone()));
    }
    let bytes = |bytes| batch::read(&vec![b'x'; bytes]).unwrap_err();
    assert_eq!(bytes(batch::MAX_BATCH_BYTES), batch::BatchError::Cut);
    for over in [1, 2] {
        let found = bytes(batch::MAX_BATCH_BYTES + over);
        assert_eq!(found, batch::BatchError::TooLarge);
    }
}

fn golden_bundle() -> Bundle {
    let bytes = include_bytes!("../golden/bundle.txt");
    bundle::open(bytes, &issuer().public_key()).unwrap().0
}

#[test]
fn a_bundle_is_opened_up_to_its_bound() {
    let open = |bytes| bundle::open(&vec![b'x'; bytes], &issuer().public_key());
    assert_eq!(
        open(MAX_BUNDLE_BYTES).unwrap_err(),
        BundleError::NoSignature
    );
    for over in [1, 2] {
        let found = open(MAX_BUNDLE_BYTES + over).unwrap_err();
        assert_eq!(found, BundleError::TooLarge);
    }
}

#[test]
fn only_ones_own_and_newer_bundle_is_adoptable() {
    let bundle = golden_bundle();
    let (kiosk, event) = (bundle.kiosk.clone(), bundle.event.id.clone());
    let adoptable = |held| bundle::adoptable(&bundle, &kiosk, &event, held);
    assert_eq!(adoptable(None), Ok(()));
    assert_eq!(adoptable(Some(bundle.sequence - 1)), Ok(()));
    for held in [bundle.sequence, bundle.sequence + 1] {
        let offered = bundle.sequence;
        assert_eq!(
            adoptable(Some(held)),
            Err(BundleError::Older { offered, held })
        );
    }
    let (other_kiosk, other_event) = ("other-1".parse().unwrap(), "other-2".parse().unwrap());
    for found in [
        bundle::adoptable(&bundle, &other_kiosk, &event, None),
        bundle::adoptable(&bundle, &kiosk, &other_event, None),
    ] {
        assert!(
            matches!(found, Err(BundleError::Foreign { .. })),
            "{found:?}"
        );
    }
}

#[test]
fn an_agenda_knows_what_belongs_to_a_programme() {
    let session = |id: &str, room: &str, from: u32, to: u32, more: &str| {
        format!(
            r#"{{"id":"{id}","title":"","room":"{room}","start":"2026-11-23T{from:02}:00:00.000Z","end":"2026-11-23T{to:02}:00:00.000Z"{more}}}"#
        )
    };
    let door = |id: &str, room: &str| format!(r#"{{"id":"{id}","title":"","rooms":["{room}"]}}"#);
    let room = |id: &str| format!(r#"{{"id":"{id}","title":""}}"#);
    let late = r#","programme":"p","actual_end":"2026-11-23T13:00:00.000Z""#;
    let text = format!(
        r#"{{"v":1,"zone":"UTC","rooms":[{}],"doors":[{}],"sessions":[{}],"programmes":[{}]}}"#,
        ["a", "b", "c"].map(room).join(","),
        [door("at-a", "a"), door("at-b", "b"), door("at-c", "c")].join(","),
        [
            session("s-1", "a", 9, 10, r#","programme":"p""#),
            session("s-2", "b", 11, 12, late),
            session("s-3", "c", 14, 15, r#","programme":"q""#),
            session("s-4", "a", 16, 17, ""),
        ]
        .join(","),
        ["p", "q"].map(room).join(",")
    );
    let agenda: Agenda = serde_json::from_str(&text).unwrap();
    let programme = |id: &str| ProgrammeId::new(id).unwrap();
    let known = agenda.programme(&programme("p")).unwrap();
    let sessions: Vec<&str> = known.sessions.iter().map(|s| s.id.as_str()).collect();
    assert_eq!((known.id.as_str(), sessions), ("p", vec!["s-1", "s-2"]));
    assert_eq!(agenda.programme(&programme("r")), None);
    let doors: Vec<&DoorId> = agenda
        .doors_of(&programme("p"))
        .iter()
        .map(|d| &d.id)
        .collect();
    assert_eq!(
        doors,
        [&DoorId::new("at-a").unwrap(), &DoorId::new("at-b").unwrap()]
    );

    let at = |hour: u32| text::parse_instant(&format!("2026-11-23T{hour:02}:00:00.000Z")).ok();
    let end = |id: &str, rooms: &[&str]| {
        let rooms: Vec<RoomId> = rooms.iter().map(|r| RoomId::new(r).unwrap()).collect();
        agenda.last_end(&programme(id), &rooms)
    };
    assert_eq!(end("p", &["a"]), at(10));
    // A session that ran late ends late.
    assert_eq!(end("p", &["a", "b", "c"]), at(13));
    assert_eq!(
        (end("q", &["a", "b", "c"]), end("q", &["a"])),
        (at(15), None)
    );
}

#[test]
fn a_rule_set_has_one_threshold_above_zero() {
    let text = |threshold: &str, more: &str| {
        format!(
            "format = \"rollcall-rules/1\"\nname = \"n\"\nminutes_per_credit = \"50\"\nstep = \"0.5\"\n{more}threshold = {{ {threshold} }}\n"
        )
    };
    for (threshold, expect) in [
        ("", Threshold::None),
        ("full = true", Threshold::Full),
        ("share = \"1\"", Threshold::Share("1".parse().unwrap())),
        ("minutes = \"0.001\"", Threshold::Time { min_ms: 60 }),
        ("minutes = \"45\"", Threshold::Time { min_ms: 2_700_000 }),
    ] {
        let read = rules::parse(&text(threshold, "")).unwrap();
        assert_eq!(read.threshold, expect, "{threshold}");
    }
    for (threshold, names) in [
        ("share = \"0\"", "threshold.share"),
        ("minutes = \"0\"", "threshold.minutes"),
        ("minutes = \"-1\"", "threshold.minutes"),
        ("minutes = \"1\", share = \"1\"", "threshold"),
    ] {
        let error = rules::parse(&text(threshold, "")).unwrap_err().to_string();
        assert!(error.contains(names), "{threshold}: {error}");
    }
    let least = |min: &str| rules::parse(&text("", &format!("first_award_min = \"{min}\"\n")));
    assert!(least("0").is_ok() && least("0.5").is_ok() && least("-0.1").is_err());
}

#[test]
fn a_rule_set_is_read_up_to_its_bounds() {
    let named = |name: usize, comment: usize| {
        let text = format!(
            "format = \"rollcall-rules/1\"\nname = \"{}\"\nminutes_per_credit = \"50\"\nstep = \"0.5\"\n#{}",
            "n".repeat(name),
            "x".repeat(comment)
        );
        (text.len(), rules::parse(&text).map_err(|e| e.to_string()))
    };
    assert!(named(1, 0).1.is_ok() && named(100, 0).1.is_ok());
    for name in [0, 101, 102] {
        assert!(named(name, 0).1.unwrap_err().contains("name"), "{name}");
    }
    let spare = MAX_RULES_BYTES - named(1, 0).0;
    assert!(named(1, spare).1.is_ok());
    assert!(named(1, spare + 1).1.is_err() && named(1, spare + 2).1.is_err());
}

#[test]
fn badges_and_claims_are_read_up_to_their_bounds() {
    let longest = "x".repeat(badge::MAX_BADGE_BYTES);
    assert_eq!(badge::canonical(&format!(" {longest}\n")), Ok(&longest[..]));
    let found = badge::canonical(&format!("{longest}x")).map(str::len);
    assert_eq!(found, Err(badge::BadBadge::TooLong));
    let claim = include_str!("../golden/claim.txt").trim();
    let blanks = |bytes: usize| format!("{claim}{}", " ".repeat(bytes - claim.len()));
    assert!(enrol::Claim::parse(&blanks(enrol::MAX_CLAIM_BYTES)).is_ok());
    for over in [1, 2] {
        assert!(enrol::Claim::parse(&blanks(enrol::MAX_CLAIM_BYTES + over)).is_err());
    }
}

#[test]
fn a_nonce_has_one_form() {
    let formed = |nonce: &str| {
        let nonce = nonce.to_owned();
        TimeRequest { nonce }.is_well_formed()
    };
    assert!(formed(&"0f".repeat(16)));
    for bad in [
        "0f".repeat(15),
        "0f".repeat(17),
        "0F".repeat(16),
        "0g".repeat(16),
    ] {
        assert!(!formed(&bad), "{bad}");
    }
}

#[test]
fn a_time_answer_is_for_one_nonce_by_one_issuer() {
    let (nonce, other) = ("0f".repeat(16), "1e".repeat(16));
    let request = TimeRequest {
        nonce: nonce.clone(),
    };
    let mut answer = time::answer(&request, UtcMs(1), UtcMs(2), 3, &issuer());
    let (key, stranger) = (
        issuer().public_key(),
        SigningKey::from_seed(&[1; 32]).public_key(),
    );
    assert!(answer.verifies(&nonce, &key));
    assert!(!answer.verifies(&other, &key) && !answer.verifies(&nonce, &stranger));
    // What it says of its own nonce has to be true as well.
    answer.nonce = other;
    assert!(!answer.verifies(&nonce, &key));
    let clock = ENTRIES
        .lines()
        .find_map(|line| match entry::parse(line.as_bytes()).unwrap().body {
            entry::Body::Clock(clock) => Some(clock),
            _ => None,
        })
        .unwrap();
    assert!(time::clock_verifies(&clock, &key));
    let mut moved = clock;
    moved.issuer_sent = moved.issuer_sent.plus_ms(1);
    assert!(!time::clock_verifies(&moved, &key));
}

#[test]
fn a_signature_input_names_key_and_nonce_in_plain_text() {
    let golden = include_str!("../golden/http-signature.txt");
    let input = golden
        .lines()
        .find_map(|line| line.find("rollcall=(").map(|at| &line[at..]))
        .unwrap();
    let (key, nonce) = http_signature::claimed(input).unwrap();
    for (held, bad) in [
        (key, ""),
        (key, "a b"),
        (key, "a\\b"),
        (nonce, "ü"),
        (nonce, ""),
    ] {
        let other = input.replacen(&format!("\"{held}\""), &format!("\"{bad}\""), 1);
        assert_ne!(other, input);
        assert!(http_signature::claimed(&other).is_err(), "{other}");
    }
    let of = |bytes: usize| input.replacen(nonce, &"n".repeat(bytes), 1);
    assert!(http_signature::claimed(&of(http_signature::MAX_NONCE_BYTES)).is_ok());
    assert!(http_signature::claimed(&of(http_signature::MAX_NONCE_BYTES + 1)).is_err());
}

#[test]
fn words_of_codes_and_names_stay() {
    for code in Code::ALL {
        let problem = Problem::new(*code, "");
        assert_eq!(
            (problem.code(), code.as_str().parse()),
            (Some(*code), Ok(*code))
        );
    }
    assert!("nothing".parse::<Code>().is_err());
    let codes = [
        TimeCodeError::Malformed,
        TimeCodeError::Foreign,
        TimeCodeError::Unsigned,
    ];
    let words = [
        "time_code_malformed",
        "time_code_foreign",
        "time_code_unsigned",
    ];
    assert_eq!(codes.map(TimeCodeError::code), words);
    assert_eq!(
        [CaseKind::Fork, CaseKind::Late].map(CaseKind::as_str),
        ["fork", "late"]
    );
    let outcomes = [CaseOutcome::Admitted, CaseOutcome::Denied];
    assert_eq!(outcomes.map(CaseOutcome::as_str), ["admitted", "denied"]);
    for (kind, word) in ledger::SignKind::ALL
        .iter()
        .zip(["pair", "places", "taken_back"])
    {
        assert_eq!(kind.as_str(), word);
        assert_eq!(serde_json::to_value(kind).unwrap(), word);
    }
    let outcomes = ["explained", "upheld", "reopened"];
    for (outcome, word) in ledger::SignOutcome::ALL.iter().zip(outcomes) {
        assert_eq!(outcome.as_str(), word);
        assert_eq!(serde_json::to_value(outcome).unwrap(), word);
    }
    let root = sha256(b"branch");
    let branch = format!("log/branch/{}", root.to_hex());
    assert_eq!(branch_name("log", root), branch);
    for line in LEDGER.lines() {
        if let ledger::LedgerBody::Case(mut case) = ledger::parse(line.as_bytes()).unwrap().body {
            case.about = CaseKind::Fork;
            assert_eq!(case.name(), branch_name(&case.log, case.root));
            case.about = CaseKind::Late;
            assert_eq!(case.name(), case.log);
        }
    }
    assert!(LEDGER.contains("\"kind\":\"case\""));
    // One instant has one text.
    for bad in [
        "2026-11-23T09:00:00.0000Z",
        "2026-11-23T09:00:00,000Z",
        "2026-11-23T09:00:60.000Z",
    ] {
        assert!(text::parse_instant(bad).is_err(), "{bad}");
    }
}
