//! The time exchange: `POST /v1/time`.
//!
//! The kiosk sends a nonce of its own; the issuer answers with its two timestamps and its error, signed over that nonce,
//! so that an answer can neither be forged nor replayed. The signed bytes are rebuilt from a `clock` entry, so the exchange
//! can be checked years later.

use attendance::UtcMs;
use evidence::{PublicKey, SigningKey};
use serde::{Deserialize, Serialize};

use crate::entry::Clock;
use crate::signed::{self, Label};
use crate::text::{as_base64, as_instant, instant};

/// The path of the exchange.
pub const PATH: &str = "/v1/time";
/// The digits of a nonce: 16 random bytes in lower hex.
pub const NONCE_DIGITS: usize = 32;

/// What the kiosk asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRequest {
    /// 32 digits of lower hex, random.
    pub nonce: String,
}

impl TimeRequest {
    /// Whether the nonce has its form.
    pub fn is_well_formed(&self) -> bool {
        self.nonce.len() == NONCE_DIGITS
            && self
                .nonce
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }
}

/// What the issuer answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeAnswer {
    /// The kiosk's nonce.
    pub nonce: String,
    /// The issuer's clock when the request came.
    #[serde(with = "as_instant")]
    pub received: UtcMs,
    /// The issuer's clock when the answer left.
    #[serde(with = "as_instant")]
    pub sent: UtcMs,
    /// The issuer's bound on its own error in milliseconds.
    pub error_ms: u32,
    /// The signature over [`signed_text`].
    #[serde(with = "as_base64")]
    pub signature: Vec<u8>,
}

/// The signed bytes: nonce, received, sent and error, a line each.
pub fn signed_text(nonce: &str, received: UtcMs, sent: UtcMs, error_ms: u32) -> String {
    format!(
        "{nonce}\n{}\n{}\n{error_ms}\n",
        instant(received),
        instant(sent)
    )
}

/// The signed answer to a request.
pub fn answer(
    request: &TimeRequest,
    received: UtcMs,
    sent: UtcMs,
    error_ms: u32,
    key: &SigningKey,
) -> TimeAnswer {
    let text = signed_text(&request.nonce, received, sent, error_ms);
    let signature = signed::sign(Label::Time, text.as_bytes(), key).to_vec();
    TimeAnswer {
        nonce: request.nonce.clone(),
        received,
        sent,
        error_ms,
        signature,
    }
}

impl TimeAnswer {
    /// Whether the issuer signed this very answer to this very nonce.
    pub fn verifies(&self, nonce: &str, key: &PublicKey) -> bool {
        let text = signed_text(nonce, self.received, self.sent, self.error_ms);
        self.nonce == nonce && signed::verifies(Label::Time, text.as_bytes(), &self.signature, key)
    }
}

/// Whether the answer inside a `clock` entry is the issuer's.
pub fn clock_verifies(clock: &Clock, key: &PublicKey) -> bool {
    let text = signed_text(
        &clock.nonce,
        clock.issuer_received,
        clock.issuer_sent,
        clock.issuer_error_ms,
    );
    signed::verifies(Label::Time, text.as_bytes(), &clock.signature, key)
}
