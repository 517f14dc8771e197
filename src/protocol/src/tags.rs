//! How a signed text that is scanned says whose it is, so that a foreign one is told from a forged one: four bytes of the hash of the issuer's
//! key, and four of that of the event's id.

use attendance::words::EventId;
use evidence::{PublicKey, sha256};

const TAG_BYTES: usize = 4;
/// The bytes of both.
pub(crate) const PARTIES_BYTES: usize = 2 * TAG_BYTES;

/// The tags of an issuer and an event.
pub(crate) fn of_parties(issuer_key: &PublicKey, event: &EventId) -> [u8; PARTIES_BYTES] {
    let mut tags = [0; PARTIES_BYTES];
    let of = [issuer_key.as_bytes().as_slice(), event.as_str().as_bytes()];
    for (tag, bytes) in tags.chunks_exact_mut(TAG_BYTES).zip(of) {
        tag.copy_from_slice(&sha256(bytes).as_bytes()[..TAG_BYTES]);
    }
    tags
}

/// What is signed: what the text says, then the event's whole id.
pub(crate) fn statement(says: &[u8], event: &EventId) -> Vec<u8> {
    [says, event.as_str().as_bytes()].concat()
}
