//! A shop's ticket key, as people copy it.
//!
//! pretix shows the key of a signed event as `valid_keys` of `/api/v1/organizers/…/events/…/`: base64 of a PEM file. Taken are that, the PEM
//! file itself, and the 32 bytes of the key in base64. It is a public key; a private one pasted by mistake is refused and not repeated.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::PublicKey;

/// What stands before the 32 bytes of an Ed25519 key in its DER form (RFC 8410).
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_END: &str = "-----END PUBLIC KEY-----";
/// The most characters of a key's text.
const MAX_CHARS: usize = 1_024;

/// Why a text is no ticket key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no ticket key: give what pretix shows under valid_keys as pretix_sig1, the PEM file of an Ed25519 public key, or its 32 bytes in \
     base64"
)]
pub struct NoTicketKey;

/// Reads a ticket key.
///
/// # Errors
/// Where it is in none of the forms, or of another kind of key.
pub fn ticket_key(text: &str) -> Result<PublicKey, NoTicketKey> {
    read(text.trim(), true).ok_or(NoTicketKey)
}

fn read(text: &str, may_be_wrapped: bool) -> Option<PublicKey> {
    if text.len() > MAX_CHARS {
        return None;
    }
    if let Some(rest) = text.strip_prefix(PEM_BEGIN) {
        let body = rest.trim_end().strip_suffix(PEM_END)?;
        return of_bytes(&plain(body)?);
    }
    let bytes = plain(text)?;
    match std::str::from_utf8(&bytes) {
        Ok(pem) if may_be_wrapped && pem.starts_with(PEM_BEGIN) => read(pem, false),
        Ok(_) | Err(_) => of_bytes(&bytes),
    }
}

fn plain(text: &str) -> Option<Vec<u8>> {
    let joined: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(joined).ok()
}

fn of_bytes(bytes: &[u8]) -> Option<PublicKey> {
    let bytes = bytes.strip_prefix(&SPKI).unwrap_or(bytes);
    PublicKey::from_bytes(bytes.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::SigningKey;

    #[test]
    fn a_key_is_read_in_each_of_its_forms() {
        let key = SigningKey::from_seed(&[4; 32]).public_key();
        // Made by Python's cryptography from the same seed.
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAypOsFwUYcHHWe4PH/w7+gQjo7EUwV113JoeTM9vavnw=\n-----END PUBLIC KEY-----\n";
        let shown = "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUNvd0JRWURLMlZ3QXlFQXlwT3NGd1VZY0hIV2U0UEgvdzcrZ1FqbzdFVXdWMTEzSm9lVE05dmF2bnc9Ci0tLS0tRU5EIFBVQkxJQyBLRVktLS0tLQo=";
        let raw = key.to_base64();
        for text in [
            pem,
            shown,
            &raw,
            &format!(" {raw}\n"),
            &pem.replace('\n', "\r\n"),
        ] {
            assert_eq!(ticket_key(text), Ok(key), "{text}");
        }
        let private = pem.replace("PUBLIC", "PRIVATE");
        let twice = STANDARD.encode(shown);
        for text in [
            "",
            "K7QX",
            &raw[1..],
            &private,
            &pem[..60],
            &twice,
            &"A".repeat(2_000),
        ] {
            assert_eq!(ticket_key(text), Err(NoTicketKey), "{text}");
        }
    }
}
