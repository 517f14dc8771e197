//! Names: of issuers, of logs, of those who sign.
//!
//! A log's origin is its identity for good, and also the key name in its signed notes, so it holds no
//! space and no plus. A kiosk's origin ends in its key's fingerprint: a fresh key is a fresh log.

use crate::key::PublicKey;

/// Longest issuer name, in bytes.
pub const MAX_ISSUER_NAME_BYTES: usize = 100;
/// Names that no issuer has: other signed texts begin with these words.
const RESERVED_ISSUER_NAMES: [&str; 2] = ["rollcall", "cosignature"];
/// Longest id of a kiosk or an event, in bytes.
pub const MAX_ID_BYTES: usize = 64;
/// Longest origin or cosigner name, in bytes. Those made here are at most 204.
pub const MAX_ORIGIN_BYTES: usize = 255;

/// A name that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not an issuer name.
    #[error(
        "the issuer name {0:?} must look like a host name: 1 to 100 of a-z, 0-9, '.' and '-', \
         each part between dots beginning and ending with a letter or digit"
    )]
    Issuer(String),
    /// Not an id.
    #[error("the id {0:?} must be 1 to 64 of a-z, 0-9 and '-'")]
    Id(String),
    /// Not a key name as signed notes allow.
    #[error("the name {0:?} must be 1 to 255 visible ASCII characters without '+'")]
    KeyName(String),
}

/// Checks an issuer's name: `[a-z0-9.-]{1,100}`, in the shape of a host name, and no
/// reserved word. It need not resolve.
pub fn check_issuer_name(name: &str) -> Result<(), NameError> {
    let whole_parts = name
        .split('.')
        .all(|part| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-'));
    let known = name.bytes().all(|byte| byte == b'.' || is_id_byte(byte));
    let free = !RESERVED_ISSUER_NAMES.contains(&name);
    if whole_parts && known && free && name.len() <= MAX_ISSUER_NAME_BYTES {
        Ok(())
    } else {
        Err(NameError::Issuer(name.to_owned()))
    }
}

/// Checks the id of a kiosk or an event: `[a-z0-9-]{1,64}`.
pub fn check_id(id: &str) -> Result<(), NameError> {
    if (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(is_id_byte) {
        Ok(())
    } else {
        Err(NameError::Id(id.to_owned()))
    }
}

/// Checks a name under which notes may be signed: 1 to [`MAX_ORIGIN_BYTES`] visible ASCII characters
/// without '+'. C2SP signed notes allow more of Unicode; names that look alike are not worth it.
pub fn check_key_name(name: &str) -> Result<(), NameError> {
    let visible = name
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'+');
    if visible && (1..=MAX_ORIGIN_BYTES).contains(&name.len()) {
        Ok(())
    } else {
        Err(NameError::KeyName(name.to_owned()))
    }
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// The origin of a kiosk's journal: `<issuer name>/kiosk/<kiosk id>/<fingerprint of its key>`.
pub fn kiosk_origin(
    issuer_name: &str,
    kiosk_id: &str,
    key: &PublicKey,
) -> Result<String, NameError> {
    check_issuer_name(issuer_name)?;
    check_id(kiosk_id)?;
    let fingerprint = key.fingerprint();
    Ok(format!("{issuer_name}/kiosk/{kiosk_id}/{fingerprint}"))
}

/// The origin of an event's ledger: `<issuer name>/event/<event id>`.
pub fn ledger_origin(issuer_name: &str, event_id: &str) -> Result<String, NameError> {
    check_issuer_name(issuer_name)?;
    check_id(event_id)?;
    Ok(format!("{issuer_name}/event/{event_id}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::key::SigningKey;

    #[test]
    fn origins_are_built_from_checked_names() {
        let key = SigningKey::from_seed(&[3; 32]).public_key();
        assert_eq!(
            kiosk_origin("ce.example.org", "hall-1", &key).unwrap(),
            format!("ce.example.org/kiosk/hall-1/{}", key.fingerprint())
        );
        assert_eq!(
            ledger_origin("ce.example.org", "gp-2026").unwrap(),
            "ce.example.org/event/gp-2026"
        );
        assert!(kiosk_origin("ce.example.org", "hall/1", &key).is_err());
        assert!(ledger_origin("ce example", "gp-2026").is_err());
    }

    #[test]
    fn names_are_checked() {
        for good in ["a", "ce.example.org", "1-a.b", &"a".repeat(100)] {
            assert_eq!(check_issuer_name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a",
            "a-",
            "A",
            "a/b",
            "a+b",
            "a b",
            "ä",
            "a:1",
            "rollcall",
            "cosignature",
        ] {
            assert!(check_issuer_name(bad).is_err(), "{bad}");
        }
        assert!(check_issuer_name(&"a".repeat(101)).is_err());
        for good in ["a", "-", "0-z", &"a".repeat(64)] {
            assert_eq!(check_id(good), Ok(()), "{good}");
        }
        for bad in ["", "A", "a.b", "a/b", "a_b", "a\n", &"a".repeat(65)] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
        for bad in ["", "a b", "a+b", "a\u{a0}b", "é", "a\tb", &"a".repeat(256)] {
            assert!(check_key_name(bad).is_err(), "{bad}");
        }
    }
}
