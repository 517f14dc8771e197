//! Checkpoints, cosignatures, receipts, proof files and forks: what opens, and that nothing else does.

#![allow(clippy::unwrap_used)]

use base64::prelude::{BASE64_STANDARD, Engine as _};
use evidence::{
    Checkpoint, CheckpointError, ConsistencyProof, Hash, MAX_COSIGNATURE_TIME_S, MAX_EXTRA_BYTES,
    MAX_LOG_SIZE, MAX_NOTE_BYTES, MAX_TLOG_PROOF_BYTES, MemoryTree, NoteError, Receipt, Relation,
    SigningKey, TlogProof, TlogProofError, conflict, conflict_by_prefix, cosign, kiosk_origin,
    leaf_hash, ledger_origin, open_checkpoint, open_cosignature, prove_consistency,
    prove_inclusion, root_at, sha256, sign_checkpoint,
};
use proptest::prelude::*;

const ISSUER: &str = "ce.example.org";
const TIME_S: u64 = 1_790_000_000;

fn log_key() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

fn issuer_key() -> SigningKey {
    SigningKey::from_seed(&[2; 32])
}

fn origin() -> String {
    kiosk_origin(ISSUER, "hall-1", &log_key().public_key()).unwrap()
}

fn tree(size: u64) -> MemoryTree {
    (0..size)
        .map(|index| leaf_hash(&index.to_be_bytes()))
        .collect()
}

fn head(size: u64) -> Checkpoint {
    Checkpoint::new(&origin(), size, tree(size).root()).unwrap()
}

fn receipt_note(size: u64) -> String {
    cosign(
        &sign_checkpoint(&head(size), &log_key()),
        ISSUER,
        &issuer_key(),
        TIME_S,
    )
    .unwrap()
}

fn open_receipt(note: &str) -> Result<Receipt, NoteError> {
    let (log, issuer) = (log_key().public_key(), issuer_key().public_key());
    Receipt::open(note, &origin(), &log, ISSUER, &issuer)
}

#[test]
fn a_checkpoint_opens_under_its_origin_and_key_only() {
    let note = sign_checkpoint(&head(5), &log_key());
    let key = log_key().public_key();
    assert_eq!(open_checkpoint(&note, &origin(), &key), Ok(head(5)));
    let other_key = issuer_key().public_key();
    assert!(matches!(
        open_checkpoint(&note, &origin(), &other_key),
        Err(NoteError::Unsigned { .. })
    ));
    let ledger = ledger_origin(ISSUER, "gp-2026").unwrap();
    assert!(matches!(
        open_checkpoint(&note, &ledger, &key),
        Err(NoteError::WrongOrigin { .. })
    ));
}

#[test]
fn a_log_signs_only_heads_that_can_be() {
    let root = tree(3).root();
    for (origin, size, root, expected) in [
        ("a", MAX_LOG_SIZE, root, Ok(())),
        ("a", 0, Hash::EMPTY_ROOT, Ok(())),
        ("a", MAX_LOG_SIZE + 1, root, Err("size")),
        ("a", 0, root, Err("empty")),
        ("", 3, root, Err("origin")),
        ("a b", 3, root, Err("origin")),
        ("a+b", 3, root, Err("origin")),
    ] {
        let got = Checkpoint::new(origin, size, root).map(|_| ());
        let got = got.map_err(|error| match error {
            CheckpointError::Size { .. } => "size",
            CheckpointError::EmptyRoot => "empty",
            CheckpointError::Origin(_) => "origin",
            CheckpointError::Malformed | CheckpointError::Extended => "text",
        });
        assert_eq!(got, expected, "{origin:?} {size}");
    }
}

#[test]
fn checkpoint_texts_of_other_shapes_are_refused() {
    let root = tree(3).root().to_base64();
    let good = format!("a\n3\n{root}\n");
    assert_eq!(Checkpoint::from_text(&good).unwrap().to_text(), good);
    let extended = format!("a\n3\n{root}\nmore\n");
    assert_eq!(
        Checkpoint::from_text(&extended),
        Err(CheckpointError::Extended)
    );
    for bad in [
        String::new(),
        "a\n3\n".to_owned(),
        format!("a\n3\n{root}"),
        format!("a\n3\n{root}\n\n"),
        format!("a\n03\n{root}\n"),
        format!("a\n+3\n{root}\n"),
        format!("a\n-3\n{root}\n"),
        format!("a\n3 \n{root}\n"),
        format!("a\n3\r\n{root}\n"),
        format!("a\n18446744073709551616\n{root}\n"),
        format!("a\n9223372036854775808\n{root}\n"),
        format!("a\n4611686018427387905\n{root}\n"),
        format!("a\n3\n{}\n", root.trim_end_matches('=')),
        format!("a\n3\n{}\n", &root[4..]),
        format!("\n3\n{root}\n"),
    ] {
        assert!(Checkpoint::from_text(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_receipt_needs_both_signatures() {
    let note = receipt_note(5);
    let receipt = open_receipt(&note).unwrap();
    assert_eq!((receipt.checkpoint, receipt.time_s), (head(5), TIME_S));
    assert_eq!(receipt.note, note);

    let unsigned_by_issuer = sign_checkpoint(&head(5), &log_key());
    let unsigned = |name: &str| {
        Err(NoteError::Unsigned {
            name: name.to_owned(),
        })
    };
    assert_eq!(open_receipt(&unsigned_by_issuer), unsigned(ISSUER));
    let lines: Vec<&str> = note.lines().collect();
    let unsigned_by_log = format!("{}\n", [&lines[..4], &lines[5..]].concat().join("\n"));
    assert_eq!(open_receipt(&unsigned_by_log), unsigned(&origin()));
    // The issuer's signature as a log is no cosignature, and the other way round.
    let signed_twice = format!(
        "{}{}\n",
        unsigned_by_issuer,
        lines[5].replace(ISSUER, &origin())
    );
    assert!(open_receipt(&signed_twice).is_err());
}

#[test]
fn cosignatures_by_others_are_carried_and_ignored() {
    let mut note = receipt_note(5);
    for witness in 0..7 {
        let key = SigningKey::from_seed(&[100 + witness; 32]);
        note = cosign(&note, &format!("w{witness}.example"), &key, TIME_S + 9).unwrap();
    }
    let receipt = open_receipt(&note).unwrap();
    assert_eq!(receipt.time_s, TIME_S);
    let key = SigningKey::from_seed(&[103; 32]).public_key();
    assert_eq!(open_cosignature(&note, "w3.example", &key), Ok(TIME_S + 9));
    // A stranger's line under the issuer's name has another key id, and is nobody's.
    let stranger = SigningKey::from_seed(&[9; 32]);
    let note = cosign(&note, ISSUER, &stranger, 1).unwrap();
    assert_eq!(open_receipt(&note).unwrap().time_s, TIME_S);
}

#[test]
fn a_cosigner_stands_once_in_a_note() {
    let again = cosign(&receipt_note(5), ISSUER, &issuer_key(), TIME_S + 60).unwrap();
    assert_eq!(again.lines().count(), 6);
    assert_eq!(open_receipt(&again).unwrap().time_s, TIME_S + 60);
    for line in 4..6 {
        let twice = format!("{again}{}\n", again.lines().nth(line).unwrap());
        assert!(matches!(
            open_receipt(&twice),
            Err(NoteError::Repeated { .. })
        ));
    }
}

#[test]
fn what_cannot_be_cosigned_is_refused() {
    let note = sign_checkpoint(&head(5), &log_key());
    let key = issuer_key();
    let latest = cosign(&note, ISSUER, &key, MAX_COSIGNATURE_TIME_S).unwrap();
    assert_eq!(
        open_cosignature(&latest, ISSUER, &key.public_key()),
        Ok(MAX_COSIGNATURE_TIME_S)
    );
    assert!(matches!(
        cosign(&note, ISSUER, &key, MAX_COSIGNATURE_TIME_S + 1),
        Err(NoteError::Time { .. })
    ));
    assert!(matches!(
        cosign(&note, "a b", &key, 1),
        Err(NoteError::Name(_))
    ));
    let other_text = note.replacen('\n', "\nhello\n", 1);
    assert!(matches!(
        cosign(&other_text, ISSUER, &key, 1),
        Err(NoteError::Checkpoint(_))
    ));
    assert!(matches!(
        cosign("", ISSUER, &key, 1),
        Err(NoteError::Malformed)
    ));
}

/// A cosignature line made by hand, over any text and time.
fn cosigned_by_hand(text: &str, time_s: u64) -> String {
    let key = issuer_key();
    let named = [ISSUER.as_bytes(), b"\n\x04", key.public_key().as_bytes()].concat();
    let message = format!("cosignature/v1\ntime {time_s}\n{text}");
    let mut line = sha256(&named).0[..4].to_vec();
    line.extend(time_s.to_be_bytes());
    line.extend(key.sign(message.as_bytes()));
    format!("{text}\n— {ISSUER} {}\n", BASE64_STANDARD.encode(line))
}

#[test]
fn what_nobody_should_have_cosigned_is_refused() {
    let key = issuer_key().public_key();
    let text = head(5).to_text();
    let good = cosigned_by_hand(&text, TIME_S);
    assert_eq!(open_cosignature(&good, ISSUER, &key), Ok(TIME_S));
    let time_s = MAX_COSIGNATURE_TIME_S + 1;
    let late = cosigned_by_hand(&text, time_s);
    assert_eq!(
        open_cosignature(&late, ISSUER, &key),
        Err(NoteError::Time { time_s })
    );
    for text in ["hello\n", &format!("{text}more\n")] {
        let other = cosigned_by_hand(text, TIME_S);
        assert!(matches!(
            open_cosignature(&other, ISSUER, &key),
            Err(NoteError::Checkpoint(_))
        ));
    }
}

#[test]
fn the_longest_names_and_eight_cosignatures_fit_a_note() {
    let issuer = format!("{0}.{0}", "a".repeat(49)) + "b";
    let key = log_key();
    let origin = kiosk_origin(&issuer, &"k".repeat(64), &key.public_key()).unwrap();
    assert_eq!((issuer.len(), origin.len()), (100, 204));
    let head = Checkpoint::new(&origin, MAX_LOG_SIZE, tree(3).root()).unwrap();
    let mut note = sign_checkpoint(&head, &key);
    for witness in 0..8 {
        let name = format!("{witness}{}", &origin[1..]);
        note = cosign(&note, &name, &issuer_key(), MAX_COSIGNATURE_TIME_S).unwrap();
    }
    assert!(note.len() <= MAX_NOTE_BYTES);
    for witness in 0.. {
        match cosign(&note, &format!("more{witness}"), &key, 1) {
            Ok(longer) => note = longer,
            Err(NoteError::TooLong { found }) => {
                assert!(found > MAX_NOTE_BYTES && note.len() <= MAX_NOTE_BYTES);
                break;
            }
            Err(error) => unreachable!("{error}"),
        }
    }
    assert_eq!(open_checkpoint(&note, &origin, &key.public_key()), Ok(head));
    let padded = format!("{}{note}", " ".repeat(MAX_NOTE_BYTES));
    assert!(matches!(
        open_checkpoint(&padded, &origin, &key.public_key()),
        Err(NoteError::TooLong { .. })
    ));
}

fn proof(index: u64, size: u64, extra: &[u8]) -> TlogProof {
    TlogProof {
        index,
        path: prove_inclusion(index, size, &tree(size)).unwrap(),
        extra: extra.to_vec(),
        checkpoint_note: receipt_note(size),
    }
}

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

#[test]
fn proof_files_round_trip_and_verify() {
    for (index, size, extra) in [
        (0, 1, &b""[..]),
        (0, 2, b"x"),
        (6, 7, b"\0\xff"),
        (150, 200, b""),
    ] {
        let made = proof(index, size, extra);
        let text = made.to_text().unwrap();
        let read = TlogProof::parse(&text).unwrap();
        assert_eq!(read, made);
        let key = log_key().public_key();
        assert_eq!(read.verify(leaf(index), &origin(), &key), Ok(head(size)));
        assert!(read.verify(leaf(index + 1), &origin(), &key).is_err());
        assert!(read.verify(leaf(index), ISSUER, &key).is_err());
        let other = issuer_key().public_key();
        assert!(read.verify(leaf(index), &origin(), &other).is_err());
        assert_eq!(open_receipt(&read.checkpoint_note).unwrap().time_s, TIME_S);
    }
}

#[test]
fn proof_files_of_other_shapes_are_refused() {
    let good = proof(6, 7, b"extra").to_text().unwrap();
    assert!(TlogProof::parse(&good).is_ok());
    let changes = [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("c2sp.org/tlog-proof@v1", "\nc2sp.org/tlog-proof@v1"),
        ("extra ", "extra"),
        ("extra ", "extra  "),
        ("extra ", "more "),
        ("extra ZXh0cmE=\n", "extra \n"),
        ("extra ZXh0cmE=", "extra ZXh0cmE"),
        ("index 6", "index 06"),
        ("index 6", "index +6"),
        ("index 6", "index -6"),
        ("index 6", "index"),
        ("index 6\n", ""),
        ("index 6\n", "index 6\nindex 6\n"),
        ("index 6\n", "index 6\r\n"),
        ("index 6\n", "index 6\nAAAA\n"),
        ("index 6\n", "index 6\nextra AA==\n"),
    ];
    for (from, to) in changes {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert!(TlogProof::parse(&bad).is_err(), "{from:?} -> {to:?}");
    }
    assert!(TlogProof::parse("").is_err());
    assert!(TlogProof::parse(&good.replace("\n\n", "\n")).is_err());
    let path = "A".repeat(43) + "=\n";
    let long = good.replacen("index 6\n", &format!("index 6\n{}", path.repeat(65)), 1);
    assert_eq!(TlogProof::parse(&long), Err(TlogProofError::TooLong));
    let mut long = proof(0, 1, &vec![7; MAX_EXTRA_BYTES]);
    assert_eq!(
        TlogProof::parse(&long.to_text().unwrap()).as_ref(),
        Ok(&long)
    );
    let base64 = BASE64_STANDARD.encode(vec![7; MAX_EXTRA_BYTES + 1]);
    let extra = good.replacen("ZXh0cmE=", &base64, 1);
    assert_eq!(TlogProof::parse(&extra), Err(TlogProofError::TooLong));
    let padded = good + &" ".repeat(MAX_TLOG_PROOF_BYTES);
    assert!(matches!(
        TlogProof::parse(&padded),
        Err(TlogProofError::TooLong)
    ));
    // What is read is never more than what is written: a note that is too long is refused with its proof.
    let longer = proof(0, 1, b"").to_text().unwrap() + &" ".repeat(MAX_NOTE_BYTES);
    assert_eq!(TlogProof::parse(&longer), Err(TlogProofError::TooLong));
    long.extra.push(7);
    assert_eq!(long.to_text(), Err(TlogProofError::TooLong));
    for spoil in [
        (|proof| proof.path.0 = vec![leaf(0); 65]) as fn(&mut TlogProof),
        |proof| proof.checkpoint_note = " ".repeat(MAX_NOTE_BYTES + 1),
    ] {
        let mut long = proof(0, 1, b"");
        spoil(&mut long);
        assert_eq!(long.to_text(), Err(TlogProofError::TooLong));
    }
}

#[test]
fn heads_are_compared() {
    let forked = |size: u64| {
        let mut leaves = tree(size).leaves().to_vec();
        leaves[0] = leaf(999);
        leaves.into_iter().collect::<MemoryTree>()
    };
    let head_of = |tree: &MemoryTree, size| {
        Checkpoint::new(&origin(), size, root_at(size, tree).unwrap()).unwrap()
    };
    let (ours, theirs) = (tree(9), forked(9));
    let (five, nine) = (head_of(&ours, 5), head_of(&ours, 9));
    let (their_five, their_nine) = (head_of(&theirs, 5), head_of(&theirs, 9));
    let proof = prove_consistency(5, 9, &ours).unwrap();
    let their_proof = prove_consistency(5, 9, &theirs).unwrap();

    assert_eq!(conflict(&nine, &nine, None), Relation::Consistent);
    assert_eq!(conflict(&nine, &their_nine, None), Relation::Fork);
    assert_eq!(conflict(&their_five, &five, Some(&proof)), Relation::Fork);
    assert_eq!(conflict(&five, &nine, Some(&proof)), Relation::Consistent);
    assert_eq!(conflict(&nine, &five, Some(&proof)), Relation::Consistent);
    assert_eq!(conflict(&five, &nine, None), Relation::Unproven);
    // A proof that fails is no proof of a fork: anyone can write one.
    assert_eq!(
        conflict(&five, &nine, Some(&their_proof)),
        Relation::Unproven
    );
    assert_eq!(
        conflict(&five, &their_nine, Some(&proof)),
        Relation::Unproven
    );
    assert_eq!(conflict(&head(0), &their_nine, None), Relation::Consistent);
    let stranger = Checkpoint::new(ISSUER, 9, their_nine.root).unwrap();
    assert_eq!(conflict(&nine, &stranger, None), Relation::OtherLog);

    assert!(conflict_by_prefix(
        &five,
        &their_nine,
        their_five.root,
        &their_proof
    ));
    assert!(!conflict_by_prefix(&five, &nine, five.root, &proof));
    assert!(!conflict_by_prefix(&five, &nine, their_five.root, &proof));
    assert!(!conflict_by_prefix(
        &five,
        &their_nine,
        their_five.root,
        &proof
    ));
    assert!(!conflict_by_prefix(
        &five,
        &stranger,
        their_five.root,
        &their_proof
    ));
    let none = ConsistencyProof::default();
    assert!(!conflict_by_prefix(&head(0), &nine, nine.root, &none));
}

/// A note with any one bit of any byte turned; `None` where that is no text any more.
fn tampered(note: &str, place: usize, bit: u8) -> Option<String> {
    let mut bytes = note.as_bytes().to_vec();
    let place = place % bytes.len();
    bytes[place] ^= 1 << (bit % 8);
    String::from_utf8(bytes).ok()
}

#[test]
fn any_turned_bit_spoils_a_receipt() {
    let note = receipt_note(12);
    for place in 0..note.len() {
        for bit in 0..8 {
            if let Some(bad) = tampered(&note, place, bit) {
                assert!(
                    open_receipt(&bad).is_err(),
                    "byte {place}, bit {bit}: {bad}"
                );
            }
        }
    }
}

#[test]
fn any_turned_bit_spoils_a_proof_file() {
    let text = proof(6, 7, b"").to_text().unwrap();
    let key = log_key().public_key();
    // The cosignature is the last line, and not what `verify` looks at.
    let signed = text.trim_end().rfind('\n').unwrap();
    for place in 0..signed {
        for bit in 0..8 {
            let Some(bad) = tampered(&text, place, bit) else {
                continue;
            };
            let verdict =
                TlogProof::parse(&bad).and_then(|proof| proof.verify(leaf(6), &origin(), &key));
            assert!(verdict.is_err(), "byte {place}, bit {bit}: {bad}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn receipts_round_trip(size in 0..MAX_LOG_SIZE, root: [u8; 32], time_s in 0..=MAX_COSIGNATURE_TIME_S, seed: [u8; 32]) {
        let root = if size == 0 { Hash::EMPTY_ROOT } else { Hash(root) };
        let (log, issuer) = (SigningKey::from_seed(&seed), issuer_key());
        let head = Checkpoint::new("a.example/log", size, root).unwrap();
        let note = cosign(&sign_checkpoint(&head, &log), ISSUER, &issuer, time_s).unwrap();
        let read = Receipt::open(&note, "a.example/log", &log.public_key(), ISSUER, &issuer.public_key()).unwrap();
        prop_assert_eq!((read.checkpoint, read.time_s, read.note), (head, time_s, note));
    }

    #[test]
    fn no_text_makes_readers_panic(text in "\\PC{0,80}(\n\n|\n)\\PC{0,80}\n?", tail in "(— )?[a-z ]{0,9}[A-Za-z0-9+/=]{0,99}\n") {
        let key = log_key().public_key();
        let note = format!("{text}\n\n{tail}");
        prop_assert!(open_receipt(&note).is_err());
        prop_assert!(cosign(&note, ISSUER, &issuer_key(), 1).is_err());
        let file = format!("c2sp.org/tlog-proof@v1\nindex 0\n{note}");
        prop_assert!(TlogProof::parse(&file).and_then(|proof| proof.verify(leaf(0), ISSUER, &key)).is_err());
    }
}
