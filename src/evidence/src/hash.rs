//! SHA-256 as RFC 6962 uses it: leaves under the prefix 0x00, nodes under 0x01.
//!
//! Text is lower-case hexadecimal (`Display`, `FromStr`) or standard padded base64, the form the C2SP
//! formats use. Parsing is strict: one text for each hash in each form.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// A SHA-256 digest: of bytes, of a leaf, of a node, or a log's root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

/// A text that is not a hash in the form asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashTextError {
    /// The text is not 64 lower-case hexadecimal digits.
    #[error("a hash in hexadecimal is 64 lower-case digits")]
    Hex,
    /// The text is not the padded standard base64 of 32 bytes.
    #[error("a hash in base64 is the padded standard form of 32 bytes, 44 characters")]
    Base64,
}

impl Hash {
    /// The root of a log without entries: SHA-256 of the empty string (RFC 6962, section 2.1).
    pub const EMPTY_ROOT: Hash = Hash(tlog_tiles::EMPTY_HASH.0);

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Reads what [`Hash::to_hex`] wrote; upper-case digits are refused.
    pub fn from_hex(text: &str) -> Result<Hash, HashTextError> {
        read_hex(text).map(Hash).ok_or(HashTextError::Hex)
    }

    /// 44 characters of standard base64 with padding.
    #[must_use]
    pub fn to_base64(self) -> String {
        BASE64_STANDARD.encode(self.0)
    }

    /// Reads what [`Hash::to_base64`] wrote; any other spelling of the same bytes is refused.
    pub fn from_base64(text: &str) -> Result<Hash, HashTextError> {
        read_base64(text).map(Hash).ok_or(HashTextError::Base64)
    }
}

/// 32 bytes from 64 lower-case hexadecimal digits.
pub(crate) fn read_hex(text: &str) -> Option<[u8; 32]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// 32 bytes from their one canonical base64 form. The engine refuses absent padding and loose bits.
pub(crate) fn read_base64(text: &str) -> Option<[u8; 32]> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = HashTextError;

    fn from_str(text: &str) -> Result<Hash, HashTextError> {
        Hash::from_hex(text)
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Hash {
        Hash(bytes)
    }
}

/// SHA-256 of the bytes, without any prefix.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// The leaf hash of an entry's exact bytes: SHA-256 of 0x00 and the bytes.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(tlog_tiles::record_hash(entry).0)
}

/// The hash of a node from its two children: SHA-256 of 0x01, left, right.
#[must_use]
pub fn node_hash(left: Hash, right: Hash) -> Hash {
    Hash(tlog_tiles::node_hash(tlog_tiles::Hash(left.0), tlog_tiles::Hash(right.0)).0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_forms_round_trip() {
        let hash = sha256(b"abc");
        assert_eq!(
            hash.to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
        assert_eq!(Hash::from_base64(&hash.to_base64()).unwrap(), hash);
        assert_eq!(sha256(b""), Hash::EMPTY_ROOT);
    }

    #[test]
    fn other_spellings_are_refused() {
        let hash = sha256(b"abc");
        assert_eq!(
            Hash::from_hex(&hash.to_hex().to_uppercase()),
            Err(HashTextError::Hex)
        );
        assert_eq!(Hash::from_hex(&hash.to_hex()[2..]), Err(HashTextError::Hex));
        let text = hash.to_base64();
        // 32 bytes leave two loose bits in the last digit before the padding.
        let loose = text.replace("a0=", "a1=").replace("rQ=", "rR=");
        for bad in [
            text.trim_end_matches('='),
            &format!("{text}\n"),
            if loose == text { "" } else { &loose },
        ] {
            assert_eq!(
                Hash::from_base64(bad),
                Err(HashTextError::Base64),
                "{bad:?}"
            );
        }
    }
}
