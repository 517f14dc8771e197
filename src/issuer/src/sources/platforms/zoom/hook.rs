//! Whether a message is Zoom's, and the answer by which an address shows that it is ours.
//!
//! The signature is `v0=` and the hex of HMAC-SHA-256 under the secret token over `v0:<timestamp>:<body>`; the timestamp, in
//! seconds, bounds how long a message that was seen can be sent again. Both are compared in constant time. When an address is
//! registered, and every 72 hours, Zoom sends a text that is to be returned with its HMAC within three seconds.

use attendance::UtcMs;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// How old a message may be, and how far ahead of our clock, in seconds.
pub const SIGNATURE_WINDOW_S: i64 = 300;
/// Longest text that is returned, in bytes.
const MAX_PLAIN_TOKEN_BYTES: usize = 256;

/// Why a message is not taken for Zoom's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// The headers are no signature.
    #[error("x-zm-signature or x-zm-request-timestamp is missing or malformed")]
    Malformed,
    /// Too old, or from the future.
    #[error("the message is more than {SIGNATURE_WINDOW_S} seconds from our clock")]
    OutOfTime,
    /// Signed with another secret, or changed.
    #[error("the signature does not hold: check the secret token")]
    Wrong,
}

/// Checks the signature of a message by its two headers.
///
/// # Errors
/// [`SignatureFault`].
pub fn check_signature(
    secret: &[u8],
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now: UtcMs,
) -> Result<(), SignatureFault> {
    let is_plain = timestamp.len() <= 12 && timestamp.bytes().all(|b| b.is_ascii_digit());
    let sent_s: i64 = Some(timestamp)
        .filter(|_| is_plain)
        .and_then(|text| text.parse().ok())
        .ok_or(SignatureFault::Malformed)?;
    let signed = signature
        .strip_prefix("v0=")
        .and_then(|hex| hex::decode(hex).ok());
    let signed = signed.ok_or(SignatureFault::Malformed)?;
    if now.0.div_euclid(1_000).saturating_sub(sent_s).abs() > SIGNATURE_WINDOW_S {
        return Err(SignatureFault::OutOfTime);
    }
    let mut mac = mac(secret);
    for part in [b"v0:".as_slice(), timestamp.as_bytes(), b":", body] {
        mac.update(part);
    }
    mac.verify_slice(&signed).map_err(|_| SignatureFault::Wrong)
}

/// The answer to Zoom's question whether an address is ours.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UrlValidation {
    /// The text that was sent.
    pub plain_token: String,
    /// Its HMAC, lower hex.
    pub encrypted_token: String,
}

#[derive(Deserialize)]
struct Asked {
    event: String,
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    plain_token: String,
}

/// The answer, where a body is that question; none where it is any other message. Its signature is to be checked before.
pub fn url_validation(secret: &[u8], body: &[u8]) -> Option<UrlValidation> {
    let asked: Asked = serde_json::from_slice(body).ok()?;
    let plain_token = asked.payload.plain_token;
    if asked.event != "endpoint.url_validation" || plain_token.len() > MAX_PLAIN_TOKEN_BYTES {
        return None;
    }
    let mut mac = mac(secret);
    mac.update(plain_token.as_bytes());
    let encrypted_token = hex::encode(mac.finalize().into_bytes());
    Some(UrlValidation {
        plain_token,
        encrypted_token,
    })
}

fn mac(secret: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as hmac::Mac>::new_from_slice(secret).expect("HMAC takes a key of any length")
}
