//! Other people's code accepts what ours makes, and refuses what was changed.
//!
//! `tests/verifier` is a small Go program on golang.org/x/mod, the code that checks Go's own module log. It
//! is given good and tampered evidence by the thousand; its verdict and ours must agree on each case, good
//! ones are accepted with the same contents read, and tampered ones refused. Whole archives are the matter of
//! `second_verifier.rs`. Without Go, or without the Debian package that holds x/mod, the test is skipped.

#![allow(clippy::unwrap_used, clippy::panic)]

use base64::prelude::{BASE64_STANDARD, Engine as _};
use evidence::{
    Checkpoint, ConsistencyProof, Hash, InclusionProof, MemoryTree, PublicKey, Receipt, SigningKey,
    TlogProof, cosign, kiosk_origin, leaf_hash, open_checkpoint, prove_consistency,
    prove_inclusion, root_at, sign_checkpoint, verify_consistency, verify_inclusion,
};
use rollcall_tests::skip::skip;
use rollcall_tests::verifier;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

const ISSUER: &str = "ce.example.org";
const TIME_S: u64 = 1_790_000_000;

/// One thing to judge, taken apart into fields that can be spoilt one bit at a time.
#[derive(Clone)]
struct Case {
    kind: &'static str,
    bytes: BTreeMap<&'static str, Vec<u8>>,
    numbers: BTreeMap<&'static str, u64>,
    path: Vec<Vec<u8>>,
    expect: Expect,
    /// What was done to it, for a failure to name.
    story: String,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Expect {
    Accept,
    Refuse,
    /// A bare path says nothing of the size: only a signed head binds it. The two must still agree.
    Agree,
}

impl Case {
    fn good<const B: usize, const N: usize>(
        kind: &'static str,
        bytes: [(&'static str, Vec<u8>); B],
        numbers: [(&'static str, u64); N],
        path: &[Hash],
    ) -> Case {
        Case {
            kind,
            bytes: bytes.into(),
            numbers: numbers.into(),
            path: path.iter().map(|hash| hash.0.to_vec()).collect(),
            expect: Expect::Accept,
            story: format!("good {kind} {numbers:?}"),
        }
    }

    fn to_line(&self) -> String {
        let text = |bytes: &Vec<u8>| BASE64_STANDARD.encode(bytes);
        let bytes: BTreeMap<_, _> = self.bytes.iter().map(|(k, v)| (k, text(v))).collect();
        let path: Vec<_> = self.path.iter().map(text).collect();
        json!({"kind": self.kind, "bytes": bytes, "numbers": self.numbers, "path": path})
            .to_string()
    }
}

// ---- our own verdict ----

/// What our crate says: what it read where it accepts, spelled as the Go program spells it.
fn our_verdict(case: &Case) -> Option<String> {
    let read = match case.kind {
        "checkpoint" => {
            let head = open_checkpoint(
                text(case, "note")?,
                text(case, "origin")?,
                &key(case, "log_key")?,
            );
            head_text(&head.ok()?)
        }
        "receipt" => receipt_text(case, text(case, "note")?)?,
        "inclusion" => {
            let proof = InclusionProof(path(case)?);
            let (index, size) = (case.numbers["index"], case.numbers["size"]);
            verify_inclusion(
                &proof,
                index,
                hash(case, "leaf")?,
                size,
                hash(case, "root")?,
            )
            .ok()?;
            String::new()
        }
        "consistency" => {
            let proof = ConsistencyProof(path(case)?);
            let (old, new) = (case.numbers["old_size"], case.numbers["new_size"]);
            let (old_root, new_root) = (hash(case, "old_root")?, hash(case, "new_root")?);
            verify_consistency(&proof, old, old_root, new, new_root).ok()?;
            String::new()
        }
        "tlog-proof" => {
            let proof = TlogProof::parse(text(case, "text")?).ok()?;
            let leaf = leaf_hash(&case.bytes["entry"]);
            proof
                .verify(leaf, text(case, "origin")?, &key(case, "log_key")?)
                .ok()?;
            format!(
                "{} {}",
                proof.index,
                receipt_text(case, &proof.checkpoint_note)?
            )
        }
        other => panic!("no kind {other}"),
    };
    Some(format!("accept {read}").trim_end().to_owned())
}

fn receipt_text(case: &Case, note: &str) -> Option<String> {
    let (log, issuer) = (key(case, "log_key")?, key(case, "cosigner_key")?);
    let receipt = Receipt::open(
        note,
        text(case, "origin")?,
        &log,
        text(case, "cosigner")?,
        &issuer,
    )
    .ok()?;
    Some(format!(
        "{} {}",
        head_text(&receipt.checkpoint),
        receipt.time_s
    ))
}

fn head_text(head: &Checkpoint) -> String {
    format!("{} {}", head.size, head.root.to_base64())
}

fn text<'a>(case: &'a Case, field: &str) -> Option<&'a str> {
    std::str::from_utf8(&case.bytes[field]).ok()
}

fn key(case: &Case, field: &str) -> Option<PublicKey> {
    PublicKey::from_bytes(case.bytes[field].as_slice().try_into().ok()?).ok()
}

fn hash(case: &Case, field: &str) -> Option<Hash> {
    Some(Hash(case.bytes[field].as_slice().try_into().ok()?))
}

fn path(case: &Case) -> Option<Vec<Hash>> {
    let hashes = case.path.iter();
    hashes
        .map(|hash| Some(Hash(hash.as_slice().try_into().ok()?)))
        .collect()
}

// ---- good cases ----

fn entry(index: u64) -> Vec<u8> {
    format!("{{\"kind\":\"scan\",\"n\":{index}}}").into_bytes()
}

/// A log with its keys, from which cases of every size are made.
struct Log {
    key: SigningKey,
    issuer: SigningKey,
    origin: String,
    tree: MemoryTree,
}

impl Log {
    fn new(size: u64) -> Log {
        let key = SigningKey::from_seed(&[1; 32]);
        Log {
            origin: kiosk_origin(ISSUER, "hall-1", &key.public_key()).unwrap(),
            issuer: SigningKey::from_seed(&[2; 32]),
            tree: (0..size).map(|index| leaf_hash(&entry(index))).collect(),
            key,
        }
    }

    fn root(&self, size: u64) -> Hash {
        root_at(size, &self.tree).unwrap()
    }

    fn checkpoint_note(&self, size: u64) -> String {
        let head = Checkpoint::new(&self.origin, size, self.root(size)).unwrap();
        sign_checkpoint(&head, &self.key)
    }

    fn receipt_note(&self, size: u64) -> String {
        cosign(
            &self.checkpoint_note(size),
            ISSUER,
            &self.issuer,
            TIME_S + size,
        )
        .unwrap()
    }

    fn signers(&self) -> [(&'static str, Vec<u8>); 4] {
        [
            ("origin", self.origin.clone().into_bytes()),
            ("log_key", self.key.public_key().as_bytes().to_vec()),
            ("cosigner", ISSUER.into()),
            ("cosigner_key", self.issuer.public_key().as_bytes().to_vec()),
        ]
    }

    fn checkpoint(&self, size: u64) -> Case {
        let [origin, log_key, ..] = self.signers();
        let note = ("note", self.checkpoint_note(size).into_bytes());
        Case::good("checkpoint", [note, origin, log_key], [], &[])
    }

    fn receipt_of(&self, note: &str) -> Case {
        let [origin, log_key, cosigner, cosigner_key] = self.signers();
        let note = ("note", note.as_bytes().to_vec());
        Case::good(
            "receipt",
            [note, origin, log_key, cosigner, cosigner_key],
            [],
            &[],
        )
    }

    fn inclusion(&self, index: u64, size: u64) -> Case {
        let bytes = [
            ("leaf", leaf_hash(&entry(index)).0.to_vec()),
            ("root", self.root(size).0.to_vec()),
        ];
        let proof = prove_inclusion(index, size, &self.tree).unwrap();
        Case::good(
            "inclusion",
            bytes,
            [("index", index), ("size", size)],
            &proof.0,
        )
    }

    fn consistency(&self, old: u64, new: u64) -> Case {
        let bytes = [
            ("old_root", self.root(old).0.to_vec()),
            ("new_root", self.root(new).0.to_vec()),
        ];
        let proof = prove_consistency(old, new, &self.tree).unwrap();
        Case::good(
            "consistency",
            bytes,
            [("old_size", old), ("new_size", new)],
            &proof.0,
        )
    }

    fn tlog_proof(&self, index: u64, size: u64, extra: &[u8]) -> Case {
        let proof = TlogProof {
            index,
            path: prove_inclusion(index, size, &self.tree).unwrap(),
            extra: extra.to_vec(),
            checkpoint_note: self.receipt_note(size),
        };
        self.tlog_proof_of(&proof.to_text().unwrap(), &entry(index))
    }

    fn tlog_proof_of(&self, text: &str, entry: &[u8]) -> Case {
        let [origin, log_key, cosigner, cosigner_key] = self.signers();
        let (text, entry) = (
            ("text", text.as_bytes().to_vec()),
            ("entry", entry.to_vec()),
        );
        Case::good(
            "tlog-proof",
            [text, entry, origin, log_key, cosigner, cosigner_key],
            [],
            &[],
        )
    }
}

fn good_cases(log: &Log) -> Vec<Case> {
    let mut cases = vec![log.checkpoint(0), log.receipt_of(&log.receipt_note(0))];
    let sizes = (1..=40).chain([63, 64, 65, 127, 128, 129, 255, 256, 257, 700]);
    for size in sizes {
        cases.push(log.checkpoint(size));
        cases.push(log.receipt_of(&log.receipt_note(size)));
        let witness = SigningKey::from_seed(&[7; 32]);
        let witnessed = cosign(&log.receipt_note(size), "w.example", &witness, TIME_S).unwrap();
        cases.push(log.receipt_of(&witnessed));
        for index in [0, size / 3, size / 2, size - 1] {
            cases.push(log.inclusion(index, size));
        }
        for old in [1, size.div_ceil(3), size.div_ceil(2), size] {
            cases.push(log.consistency(old, size));
        }
        cases.push(log.tlog_proof(size / 2, size, b""));
        cases.push(log.tlog_proof(size - 1, size, b"extra"));
    }
    cases
}

/// The frozen files of the evidence crate, made under the same seeds.
fn golden_cases(log: &Log) -> Vec<Case> {
    let note = include_str!("../../src/evidence/golden/receipt.txt");
    let proof = include_str!("../../src/evidence/golden/tlog-proof.txt");
    vec![
        log.receipt_of(note),
        log.tlog_proof_of(proof, br#"{"n":6}"#),
    ]
}

// ---- tampered cases ----

/// Every case that one changed bit, number or hash makes of a good one.
fn tampered(good: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut push = |story: String, expect, spoil: &dyn Fn(&mut Case)| {
        let mut case = good.clone();
        spoil(&mut case);
        case.expect = expect;
        case.story = format!("{}, {story}", good.story);
        cases.push(case);
    };
    for (field, bytes) in &good.bytes {
        for bit in 0..bytes.len() * 8 {
            push(format!("{field}: bit {bit}"), Expect::Refuse, &|case| {
                case.bytes.get_mut(field).unwrap()[bit / 8] ^= 1 << (bit % 8);
            });
        }
        push(
            format!("{field}: one byte short"),
            Expect::Refuse,
            &|case| {
                case.bytes.get_mut(field).unwrap().pop();
            },
        );
        push(format!("{field}: one byte long"), Expect::Refuse, &|case| {
            case.bytes.get_mut(field).unwrap().push(b'\n');
        });
    }
    for field in good.numbers.keys() {
        let bare_size = matches!(*field, "size" | "new_size");
        let expect = if bare_size {
            Expect::Agree
        } else {
            Expect::Refuse
        };
        for bit in 0..64 {
            push(format!("{field}: bit {bit}"), expect, &|case| {
                *case.numbers.get_mut(field).unwrap() ^= 1 << bit;
            });
        }
    }
    for place in 0..good.path.len() {
        for bit in 0..256 {
            push(
                format!("path {place}: bit {bit}"),
                Expect::Refuse,
                &|case| {
                    case.path[place][bit / 8] ^= 1 << (bit % 8);
                },
            );
        }
        push(format!("path {place}: dropped"), Expect::Refuse, &|case| {
            case.path.remove(place);
        });
        push(format!("path {place}: doubled"), Expect::Refuse, &|case| {
            case.path.insert(place, case.path[place].clone());
        });
        if place > 0 {
            push(format!("path {place}: swapped"), Expect::Refuse, &|case| {
                case.path.swap(place - 1, place);
            });
        }
    }
    cases
}

fn tampered_cases(log: &Log) -> Vec<Case> {
    let good = [
        log.checkpoint(1),
        log.checkpoint(257),
        log.receipt_of(&log.receipt_note(12)),
        log.receipt_of(&log.receipt_note(700)),
        log.inclusion(0, 1),
        log.inclusion(5, 7),
        log.inclusion(100, 129),
        log.inclusion(63, 64),
        log.consistency(3, 7),
        log.consistency(4, 8),
        log.consistency(65, 129),
        log.tlog_proof(0, 1, b""),
        log.tlog_proof(11, 12, b""),
        log.tlog_proof(77, 257, b""),
    ];
    good.iter().flat_map(tampered).collect()
}

/// Bytes that differ and mean the same are none of the above: the lines of a proof and a note that are
/// taken away or exchanged.
fn structural_cases(log: &Log) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut push = |mut case: Case, story: String| {
        case.expect = Expect::Refuse;
        case.story = format!("{} {story}", case.kind);
        cases.push(case);
    };
    let (note, other) = (log.receipt_note(12), log.receipt_note(11));
    let proof = log.tlog_proof(5, 12, b"").bytes["text"].clone();
    let proof = String::from_utf8(proof).unwrap();
    for (place, line) in note.lines().enumerate() {
        push(
            log.receipt_of(&without(&note, place)),
            format!("without line {place}"),
        );
        let theirs = other.lines().nth(place).unwrap();
        if theirs != line {
            push(
                log.receipt_of(&note.replacen(line, theirs, 1)),
                format!("other line {place}"),
            );
        }
    }
    for place in 0..proof.lines().count() {
        let text = without(&proof, place);
        push(
            log.tlog_proof_of(&text, &entry(5)),
            format!("without line {place}"),
        );
    }
    push(
        log.tlog_proof_of(&proof, &entry(6)),
        "for another entry".to_owned(),
    );
    cases
}

fn without(text: &str, place: usize) -> String {
    let lines = text.split_inclusive('\n').enumerate();
    lines
        .filter(|(at, _)| *at != place)
        .map(|(_, line)| line)
        .collect()
}

// ---- the other side ----

fn their_verdicts(program: &Path, cases: &[Case]) -> Vec<String> {
    let input = program.with_extension("jsonl");
    let mut lines = BufWriter::new(File::create(&input).unwrap());
    for case in cases {
        writeln!(lines, "{}", case.to_line()).unwrap();
    }
    lines.into_inner().unwrap();
    let output = Command::new(program)
        .arg("-cases")
        .stdin(File::open(&input).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "the verifier stopped: {}",
        output.status
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn other_peoples_code_agrees() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = match verifier::build(scratch, "independent-verifier") {
        Ok(program) => program,
        Err(why) => return skip("other_peoples_code_agrees", &why),
    };
    let log = Log::new(700);
    let mut cases = good_cases(&log);
    cases.extend(golden_cases(&log));
    let good = cases.len();
    cases.extend(tampered_cases(&log));
    cases.extend(structural_cases(&log));

    let theirs = their_verdicts(&program, &cases);
    assert_eq!(theirs.len(), cases.len(), "one verdict for each case");
    for (case, theirs) in cases.iter().zip(&theirs) {
        let ours = our_verdict(case);
        let accepted = theirs.starts_with("accept").then(|| theirs.clone());
        assert_eq!(ours, accepted, "{}: ours, theirs ({theirs})", case.story);
        match case.expect {
            Expect::Accept => assert!(ours.is_some(), "{}: {theirs}", case.story),
            Expect::Refuse => assert_eq!(ours, None, "{}", case.story),
            Expect::Agree => {}
        }
    }
    println!(
        "{good} good and {} tampered cases agree",
        cases.len() - good
    );
}
