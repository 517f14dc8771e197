//! Every bound, on both sides: what is exactly as large as allowed is taken, one more is refused, and refused for that.

#![allow(clippy::unwrap_used)]

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use evidence::{
    Checkpoint, ConsistencyProof, Frontier, FrontierError, Hash, InclusionProof, MAX_EXTRA_BYTES,
    MAX_LOG_SIZE, MAX_NOTE_BYTES, MAX_PROOF_HASHES, MAX_TLOG_PROOF_BYTES, NoteError, ProofError,
    SigningKey, TlogProof, TlogProofError, cosign, kiosk_origin, leaf_hash, node_hash,
    open_checkpoint, sha256, sign_checkpoint, verify_consistency, verify_inclusion,
};

const ISSUER: &str = "ce.example.org";

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn origin() -> String {
    kiosk_origin(ISSUER, "hall-1", &key().public_key()).unwrap()
}

/// A signed head with lines of strangers up to exactly this many bytes.
fn note_of(bytes: usize) -> String {
    let head = Checkpoint::new(&origin(), 3, sha256(b"three")).unwrap();
    let mut note = sign_checkpoint(&head, &key());
    let signature = BASE64_STANDARD.encode([9; 68]);
    let line = |name: usize| format!("— {} {signature}\n", "n".repeat(name));
    while bytes - note.len() > 2 * line(1).len() {
        note.push_str(&line(1));
    }
    let name = bytes - note.len() - line(0).len();
    note.push_str(&line(name));
    assert_eq!(note.len(), bytes);
    note
}

#[test]
fn a_note_is_read_up_to_its_bound() {
    let read = |note: &str| open_checkpoint(note, &origin(), &key().public_key());
    assert_eq!(read(&note_of(MAX_NOTE_BYTES)).unwrap().size, 3);
    let found = MAX_NOTE_BYTES + 1;
    assert_eq!(read(&note_of(found)), Err(NoteError::TooLong { found }));
}

#[test]
fn a_note_is_written_up_to_its_bound() {
    let signed = |bytes| cosign(&note_of(bytes), ISSUER, &key(), 1);
    let line = signed(2_000).unwrap().len() - 2_000;
    let longest = signed(MAX_NOTE_BYTES - line).unwrap();
    assert_eq!(longest.len(), MAX_NOTE_BYTES);
    let found = MAX_NOTE_BYTES + 1;
    let refused = signed(MAX_NOTE_BYTES - line + 1);
    assert_eq!(refused, Err(NoteError::TooLong { found }));
}

#[test]
fn the_longest_log_has_frontier_and_proofs() {
    let leaf = leaf_hash(b"first");
    let path: Vec<Hash> = (0..62_u8).map(|level| sha256(&[level])).collect();
    let fold = |hashes: &[Hash]| {
        hashes
            .iter()
            .fold(leaf, |left, right| node_hash(left, *right))
    };
    let (half, root) = (fold(&path[..61]), fold(&path));
    let inclusion = InclusionProof(path.clone());
    let size = MAX_LOG_SIZE;
    assert_eq!(verify_inclusion(&inclusion, 0, leaf, size, root), Ok(()));
    let (from, size) = (0, MAX_LOG_SIZE + 1);
    let refused = verify_inclusion(&inclusion, from, leaf, size, root);
    assert_eq!(refused, Err(ProofError::Range { from, size }));

    let extension = ConsistencyProof(vec![path[61]]);
    let from = MAX_LOG_SIZE / 2;
    let extends = |size| verify_consistency(&extension, from, half, size, root);
    assert_eq!(extends(MAX_LOG_SIZE), Ok(()));
    assert_eq!(extends(size), Err(ProofError::Range { from, size }));

    let stored = |size: u64, peaks: usize| [&size.to_be_bytes()[..], &vec![5; 32 * peaks]].concat();
    let longest = Frontier::from_bytes(&stored(MAX_LOG_SIZE, 1)).unwrap();
    assert_eq!(
        (longest.size(), longest.root()),
        (MAX_LOG_SIZE, Hash([5; 32]))
    );
    let refused = Frontier::from_bytes(&stored(size, 2));
    assert_eq!(refused, Err(FrontierError::Size { size }));
}

#[test]
fn a_proof_of_too_many_hashes_is_refused_for_that() {
    let leaf = leaf_hash(b"a");
    let proof = |count| InclusionProof(vec![leaf; count]);
    let checked = |count| verify_inclusion(&proof(count), 0, leaf, 2, leaf);
    assert_eq!(checked(MAX_PROOF_HASHES), Err(ProofError::Mismatch));
    let found = MAX_PROOF_HASHES + 1;
    assert_eq!(checked(found), Err(ProofError::TooLong { found }));
}

#[test]
fn a_proof_file_is_written_and_read_up_to_its_bounds() {
    let proof = |extra, hashes, note| TlogProof {
        extra: vec![1; extra],
        index: 4,
        path: InclusionProof(vec![sha256(b"x"); hashes]),
        checkpoint_note: note_of(note),
    };
    let largest = proof(MAX_EXTRA_BYTES, MAX_PROOF_HASHES, MAX_NOTE_BYTES);
    let text = largest.to_text().unwrap();
    assert_eq!(TlogProof::parse(&text), Ok(largest));
    for over in [
        proof(MAX_EXTRA_BYTES + 1, 1, 2_000),
        proof(1, MAX_PROOF_HASHES + 1, 2_000),
        proof(1, 1, MAX_NOTE_BYTES + 1),
    ] {
        assert_eq!(over.to_text(), Err(TlogProofError::TooLong));
    }

    // What nobody writes may still be sent.
    let short = proof(1, 1, 2_000).to_text().unwrap();
    let with_note = |bytes| short.replace(&note_of(2_000), &note_of(bytes));
    for bytes in [MAX_NOTE_BYTES + 1, MAX_NOTE_BYTES + 2] {
        let read = TlogProof::parse(&with_note(bytes));
        assert_eq!(read, Err(TlogProofError::TooLong), "a note of {bytes}");
    }
    let extra = |bytes: usize| {
        let line = format!("extra {}\n", BASE64_STANDARD.encode(vec![1; bytes]));
        short.replace("extra AQ==\n", &line)
    };
    assert!(TlogProof::parse(&extra(MAX_EXTRA_BYTES)).is_ok());
    let read = TlogProof::parse(&extra(MAX_EXTRA_BYTES + 1));
    assert_eq!(read, Err(TlogProofError::TooLong));
    let nonsense = |bytes| TlogProof::parse(&"x".repeat(bytes));
    let malformed = nonsense(MAX_TLOG_PROOF_BYTES);
    assert!(matches!(malformed, Err(TlogProofError::Malformed { .. })));
    let too_long = nonsense(MAX_TLOG_PROOF_BYTES + 1);
    assert_eq!(too_long, Err(TlogProofError::TooLong));
}

#[test]
fn keys_are_kept_compared_and_never_printed() {
    let (key, other) = (key(), SigningKey::from_seed(&[8; 32]));
    assert_eq!(key.seed(), &[7; 32]);
    let (public, stranger) = (key.public_key(), other.public_key());
    let shown = format!("{key:?}");
    assert_eq!(shown, format!("SigningKey(of {})", public.fingerprint()));
    assert!(!shown.contains("0707"));
    assert_eq!(
        format!("{public:?}"),
        format!("PublicKey({})", public.to_hex())
    );
    let hash = sha256(b"a");
    assert!(format!("{hash:?}").contains(&hash.to_hex()));
    assert_eq!(public.partial_cmp(&stranger), Some(public.cmp(&stranger)));
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    assert_ne!(hasher.hash_one(public), hasher.hash_one(stranger));
}
