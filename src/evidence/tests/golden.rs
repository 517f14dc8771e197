//! The formats, frozen: the same seeds give the same bytes for good. A file that no longer fits is a new
//! format, not a new golden file.

#![allow(clippy::unwrap_used)]

use evidence::{
    Checkpoint, Frontier, MemoryTree, Receipt, SigningKey, TlogProof, cosign, kiosk_origin,
    leaf_hash, open_checkpoint, prove_inclusion, sign_checkpoint,
};

const ISSUER: &str = "ce.example.org";
const TIME_S: u64 = 1_790_000_000;
const SIZE: u64 = 11;

fn entry(index: u64) -> String {
    format!("{{\"n\":{index}}}")
}

fn tree() -> MemoryTree {
    (0..SIZE)
        .map(|index| leaf_hash(entry(index).as_bytes()))
        .collect()
}

fn keys() -> (SigningKey, SigningKey) {
    (
        SigningKey::from_seed(&[1; 32]),
        SigningKey::from_seed(&[2; 32]),
    )
}

fn head() -> Checkpoint {
    let origin = kiosk_origin(ISSUER, "hall-1", &keys().0.public_key()).unwrap();
    Checkpoint::new(&origin, SIZE, tree().root()).unwrap()
}

#[track_caller]
fn check(made: &str, golden: &str) {
    assert_eq!(made, golden, "what is made now:\n{made}");
}

#[test]
fn checkpoint() {
    let golden = include_str!("../golden/checkpoint.txt");
    let (log, _) = keys();
    check(&sign_checkpoint(&head(), &log), golden);
    assert_eq!(
        open_checkpoint(golden, &head().origin, &log.public_key()),
        Ok(head())
    );
}

#[test]
fn receipt() {
    let golden = include_str!("../golden/receipt.txt");
    let (log, issuer) = keys();
    let note = cosign(&sign_checkpoint(&head(), &log), ISSUER, &issuer, TIME_S).unwrap();
    check(&note, golden);
    let (log, issuer) = (log.public_key(), issuer.public_key());
    let read = Receipt::open(golden, &head().origin, &log, ISSUER, &issuer).unwrap();
    assert_eq!((read.checkpoint, read.time_s), (head(), TIME_S));
}

#[test]
fn tlog_proof() {
    let golden = include_str!("../golden/tlog-proof.txt");
    let made = TlogProof {
        index: 6,
        path: prove_inclusion(6, SIZE, &tree()).unwrap(),
        extra: b"not authenticated".to_vec(),
        checkpoint_note: include_str!("../golden/receipt.txt").to_owned(),
    };
    check(&made.to_text().unwrap(), golden);
    let read = TlogProof::parse(golden).unwrap();
    let (log, _) = keys();
    let leaf = leaf_hash(entry(6).as_bytes());
    assert_eq!(
        read.verify(leaf, &head().origin, &log.public_key()),
        Ok(head())
    );
}

#[test]
fn frontier() {
    let golden = include_str!("../golden/frontier.txt");
    let bytes = tree().frontier().to_bytes();
    check(&format!("{}\n", hex::encode(&bytes)), golden);
    let read = Frontier::from_bytes(&hex::decode(golden.trim_end()).unwrap()).unwrap();
    assert_eq!((read.size(), read.root()), (SIZE, head().root));
}
