//! Badges: the canonical text, the keyed digest that logs hold instead, and the roster row that a badge opens.
//!
//! Contract: logs never hold a badge's text. The digest is HMAC-SHA-256 under the event's badge key, so without that key a
//! log tells nothing of codes; whoever holds the key (a stolen door) can still try guessable codes, which is why import
//! warns of them. A roster row is sealed under a key derived from badge text and badge key: the badge opens its own row.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

/// The longest badge text in bytes.
pub const MAX_BADGE_BYTES: usize = 512;
/// The bytes of the random nonce before a sealed row.
pub const NONCE_BYTES: usize = 24;

const DIGEST_DOMAIN: &[u8] = b"rollcall/badge/v1\n";
const KEY_ID_DOMAIN: &[u8] = b"rollcall/badge-key-id/v1\n";
const ROW_DOMAIN: &[u8] = b"rollcall/roster-row/v1";

/// Why a text is no badge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBadge {
    /// Nothing but blanks.
    #[error("the badge text is empty")]
    Empty,
    /// More than [`MAX_BADGE_BYTES`].
    #[error("the badge text is longer than {MAX_BADGE_BYTES} bytes")]
    TooLong,
    /// A control character inside.
    #[error("the badge text holds a control character")]
    ControlCharacter,
}

/// The canonical text of a badge: blanks at both ends taken off, the rest byte for byte.
///
/// # Errors
/// Where nothing is left, it is too long, or a control character stands inside.
pub fn canonical(text: &str) -> Result<&str, BadBadge> {
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
    if trimmed.is_empty() {
        Err(BadBadge::Empty)
    } else if trimmed.len() > MAX_BADGE_BYTES {
        Err(BadBadge::TooLong)
    } else if trimmed.chars().any(char::is_control) {
        Err(BadBadge::ControlCharacter)
    } else {
        Ok(trimmed)
    }
}

/// A badge as logs hold it: 32 bytes, lower hex in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BadgeDigest(pub [u8; 32]);

impl BadgeDigest {
    /// The first eight hex digits: a short code that staff can look up and that tells nobody a name.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..4])
    }
}

impl fmt::Display for BadgeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for BadgeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BadgeDigest({self})")
    }
}

impl std::str::FromStr for BadgeDigest {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        let bytes = hex::decode(text).ok().filter(|_| lower);
        let digest: Option<[u8; 32]> = bytes.and_then(|b| b.try_into().ok());
        digest
            .map(Self)
            .ok_or_else(|| "a badge digest is 64 digits of lower hex".to_owned())
    }
}

/// A badge in an entry: digest and the id of the key it was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BadgeRef {
    /// The keyed digest.
    #[serde(with = "crate::text::as_text")]
    pub digest: BadgeDigest,
    /// The badge key's id: 16 digits of lower hex.
    pub key: String,
}

/// An event's badge key. Its text never prints.
#[derive(Clone, ZeroizeOnDrop)]
pub struct BadgeKey([u8; 32]);

impl fmt::Debug for BadgeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BadgeKey({})", self.id())
    }
}

impl BadgeKey {
    /// From its 32 random bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for sealed storage only.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key's id: the first 8 bytes of a hash of it, lower hex.
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(KEY_ID_DOMAIN);
        hash.update(self.0);
        hex::encode(&hash.finalize()[..8])
    }

    /// The digest of a canonical badge text.
    pub fn digest(&self, canonical_text: &str) -> BadgeDigest {
        let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&self.0)
            .expect("HMAC takes a key of any length");
        mac.update(DIGEST_DOMAIN);
        mac.update(canonical_text.as_bytes());
        BadgeDigest(mac.finalize().into_bytes().into())
    }

    /// The badge in an entry.
    pub fn reference(&self, canonical_text: &str) -> BadgeRef {
        BadgeRef {
            digest: self.digest(canonical_text),
            key: self.id(),
        }
    }

    fn row_cipher(&self, canonical_text: &str) -> XChaCha20Poly1305 {
        let mut key = Zeroizing::new([0_u8; 32]);
        Hkdf::<Sha256>::new(Some(&self.0), canonical_text.as_bytes())
            .expand(ROW_DOMAIN, key.as_mut())
            .expect("32 bytes are within what HKDF gives");
        XChaCha20Poly1305::new(key.as_ref().into())
    }

    /// Seals a roster row: the nonce, then the ciphertext. The digest is bound to it, so rows cannot be swapped.
    pub fn seal_row(&self, canonical_text: &str, row: &Row, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let mut plain = serde_json::to_vec(row).expect("a row of texts serialises");
        let digest = self.digest(canonical_text);
        let payload = Payload {
            msg: &plain,
            aad: &digest.0,
        };
        let sealed = self
            .row_cipher(canonical_text)
            .encrypt(XNonce::from_slice(&nonce), payload)
            .expect("a row is far below the cipher's limit");
        plain.zeroize();
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens the row that belongs to a badge; `None` where it does not belong or was altered.
    pub fn open_row(&self, canonical_text: &str, sealed: &[u8]) -> Option<Row> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let digest = self.digest(canonical_text);
        let payload = Payload {
            msg: sealed,
            aad: &digest.0,
        };
        let plain = self
            .row_cipher(canonical_text)
            .decrypt(XNonce::from_slice(nonce), payload)
            .ok()?;
        let plain = Zeroizing::new(plain);
        serde_json::from_slice(&plain).ok()
    }
}

/// What the screen may show of an attendee.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The name by the event's policy; nothing, where it shows none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The language of the result, as a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub language: Option<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn key() -> BadgeKey {
        BadgeKey::from_bytes([7; 32])
    }

    #[test]
    fn canonical_text() {
        for (text, canonical_text) in [
            ("  X1\r\n", "X1"),
            ("a b", "a b"),
            ("Å-9", "Å-9"),
            ("\0X\0", "X"),
        ] {
            assert_eq!(canonical(text), Ok(canonical_text));
        }
        assert_eq!(canonical(" \r\n"), Err(BadBadge::Empty));
        assert_eq!(canonical("a\tb"), Err(BadBadge::ControlCharacter));
        assert_eq!(canonical(&"x".repeat(513)), Err(BadBadge::TooLong));
    }

    #[test]
    fn a_row_opens_with_its_own_badge_only() {
        let row = Row {
            name: Some("Zoë".into()),
            language: Some("de".into()),
        };
        let sealed = key().seal_row("X1", &row, [1; NONCE_BYTES]);
        assert_eq!(key().open_row("X1", &sealed), Some(row));
        assert_eq!(key().open_row("X2", &sealed), None);
        assert_eq!(BadgeKey::from_bytes([8; 32]).open_row("X1", &sealed), None);
        for byte in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[byte] ^= 1;
            assert_eq!(key().open_row("X1", &altered), None, "byte {byte}");
        }
    }

    #[test]
    fn a_key_never_prints() {
        assert!(!format!("{:?}", key()).contains("0707"));
    }

    proptest! {
        #[test]
        fn canonical_is_idempotent(text in any::<String>()) {
            if let Ok(once) = canonical(&text) {
                prop_assert_eq!(canonical(once), Ok(once));
            }
        }
    }
}
