//! People's accounts in other systems: the canonical text, and the keyed digest that documents hold instead.
//!
//! Contract: no document holds an account's text. The digest is HMAC-SHA-256 under the event's badge key over the system's
//! name and the canonical text, so the same address has another digest at another event, and a text means nothing in another
//! system. Whoever holds the key can try texts that can be guessed, as with badges.

use std::fmt;

use attendance::words::MAX_ID_BYTES;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::badge::BadgeKey;

/// The longest text of an account in bytes.
pub const MAX_SUBJECT_BYTES: usize = 512;
/// The system whose accounts are e-mail addresses: their text is compared in lower case.
pub const EMAIL: &str = "email";

const DOMAIN: &str = "rollcall/subject/v1";

/// Why something is no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSubject {
    /// The system is no id.
    #[error("a system is named by 1 to 64 of a-z, 0-9 and '-'")]
    System,
    /// Nothing but blanks.
    #[error("the account is empty")]
    Empty,
    /// More than [`MAX_SUBJECT_BYTES`].
    #[error("the account is longer than {MAX_SUBJECT_BYTES} bytes")]
    TooLong,
    /// A control character inside.
    #[error("the account holds a control character")]
    ControlCharacter,
}

/// Whether a text names a system: 1 to 64 of a-z, 0-9 and '-', as ids are written.
pub fn is_system(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The canonical text of an account: blanks at both ends taken off; of an address, A to Z as a to z.
///
/// # Errors
/// See [`BadSubject`].
pub fn canonical(system: &str, text: &str) -> Result<String, BadSubject> {
    if !is_system(system) {
        return Err(BadSubject::System);
    }
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
    if trimmed.is_empty() {
        Err(BadSubject::Empty)
    } else if trimmed.len() > MAX_SUBJECT_BYTES {
        Err(BadSubject::TooLong)
    } else if trimmed.chars().any(char::is_control) {
        Err(BadSubject::ControlCharacter)
    } else if system == EMAIL {
        Ok(trimmed.to_ascii_lowercase())
    } else {
        Ok(trimmed.to_owned())
    }
}

/// An account as documents hold it: 32 bytes, lower hex in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectDigest(pub [u8; 32]);

impl SubjectDigest {
    /// The digest of an account.
    ///
    /// # Errors
    /// Where the system or the text is none: see [`canonical`].
    pub fn of(key: &BadgeKey, system: &str, text: &str) -> Result<Self, BadSubject> {
        let text = canonical(system, text)?;
        let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(key.as_bytes())
            .expect("HMAC takes a key of any length");
        for part in [DOMAIN, "\n", system, "\n", &text] {
            mac.update(part.as_bytes());
        }
        Ok(Self(mac.finalize().into_bytes().into()))
    }

    /// The first eight hex digits: a short code that staff can look up and that tells nobody a name.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..4])
    }
}

impl fmt::Display for SubjectDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SubjectDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectDigest({self})")
    }
}

impl std::str::FromStr for SubjectDigest {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        let bytes = hex::decode(text).ok().filter(|_| lower);
        let digest: Option<[u8; 32]> = bytes.and_then(|b| b.try_into().ok());
        digest
            .map(Self)
            .ok_or_else(|| "an account's digest is 64 digits of lower hex".to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(system: &str, text: &str, expected: Result<&str, BadSubject>) {
        assert_eq!(canonical(system, text), expected.map(str::to_owned));
    }

    #[test]
    fn canonical_text() {
        check("email", " Ada@Example.ORG\r\n", Ok("ada@example.org"));
        check("email", "\u{c9}ve@example.org", Ok("\u{c9}ve@example.org"));
        check("zoom", " aB3_x ", Ok("aB3_x"));
        check("zoom", "\0 \t", Err(BadSubject::Empty));
        check("zoom", "a\u{85}b", Err(BadSubject::ControlCharacter));
        check("Zoom", "x", Err(BadSubject::System));
        check("", "x", Err(BadSubject::System));
        let longest = "x".repeat(MAX_SUBJECT_BYTES);
        check("zoom", &longest, Ok(&longest));
        check("zoom", &format!("{longest}x"), Err(BadSubject::TooLong));
    }

    #[test]
    fn a_digest_is_of_one_key_one_system_and_one_text() {
        let digest = |key: u8, system: &str, text: &str| {
            SubjectDigest::of(&BadgeKey::from_bytes([key; 32]), system, text).unwrap()
        };
        let first = digest(7, "email", "ada@example.org");
        assert_eq!(digest(7, "email", "ADA@example.org"), first);
        for other in [
            digest(8, "email", "ada@example.org"),
            digest(7, "external", "ada@example.org"),
            digest(7, "email", "bea@example.org"),
        ] {
            assert_ne!(other, first);
        }
        assert_eq!(first.to_string().parse::<SubjectDigest>().unwrap(), first);
        assert!("00".parse::<SubjectDigest>().is_err());
        assert!(
            first
                .to_string()
                .to_uppercase()
                .parse::<SubjectDigest>()
                .is_err()
        );
    }
}
