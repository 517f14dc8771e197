//! Bytes into Merkle logs, and proofs about them that a stranger can check.
//!
//! **Promise.** What this crate accepts as valid was signed by the key the caller named, over exactly
//! the bytes it returns. Every function is pure: no files, no network, no clocks, no randomness; the
//! same inputs give the same bytes on every machine. It does not know what an entry means.
//!
//! **Formats.** Hashes of leaves and nodes are those of RFC 6962, section 2.1, with SHA-256. Heads of
//! logs are C2SP `tlog-checkpoint` signed notes (Ed25519, signature type 1). Receipts carry a C2SP
//! `tlog-cosignature` (`cosignature/v1`, type 4). Proofs that leave the house are C2SP `tlog-proof`
//! files. Tools by other people read all of these; `tests/verifier` holds one.
//!
//! **Limits.** A log holds at most [`MAX_LOG_SIZE`] entries, a note at most [`MAX_NOTE_BYTES`] bytes, a
//! proof at most [`MAX_PROOF_HASHES`] hashes. Anything larger is refused before it is looked at.
//!
//! **Absent by intent.** Nothing here decides whether a log may advance, which of two heads is the
//! honest one, or what a receipt is worth: `THREATS.md` beside this crate says what the evidence can
//! and cannot show.

mod checkpoint;
mod cosignature;
mod fork;
mod frontier;
mod hash;
mod key;
mod note;
mod origin;
mod proof;
mod tlog_proof;
mod tree;

pub use checkpoint::{Checkpoint, CheckpointError, MAX_LOG_SIZE, open_checkpoint, sign_checkpoint};
pub use cosignature::{MAX_COSIGNATURE_TIME_S, Receipt, cosign, open_cosignature};
pub use fork::{Relation, conflict, conflict_by_prefix};
pub use frontier::{Frontier, FrontierError};
pub use hash::{Hash, HashTextError, leaf_hash, node_hash, sha256};
pub use key::{KeyError, PublicKey, SIGNATURE_BYTES, SignatureError, SigningKey};
pub use note::{MAX_NOTE_BYTES, NoteError};
pub use origin::{
    MAX_ID_BYTES, MAX_ISSUER_NAME_BYTES, MAX_ORIGIN_BYTES, NameError, check_id, check_issuer_name,
    check_key_name, kiosk_origin, ledger_origin,
};
pub use proof::{
    ConsistencyProof, InclusionProof, MAX_PROOF_HASHES, ProofError, verify_consistency,
    verify_inclusion,
};
pub use tlog_proof::{MAX_EXTRA_BYTES, MAX_TLOG_PROOF_BYTES, TlogProof, TlogProofError};
pub use tree::{
    MemoryTree, MissingNode, NodeSource, ProveError, prove_consistency, prove_inclusion, root_at,
};
