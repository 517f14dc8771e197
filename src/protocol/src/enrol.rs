//! Enrolment: a one-time claim becomes a kiosk.
//!
//! A claim is one line of text, fit for a QR code: `rollcall1:` and base64url of a JSON document with the issuer's
//! address, the secret, the issuer's signing key and the pin of its TLS key. `POST /v1/enrol` sends the secret, the kiosk's
//! public key and a proof that it holds it. The same claim and the same key answer the same until the claim expires, so a
//! lost answer costs nothing; another key is refused.

use attendance::words::{EventId, KioskId};
use evidence::{PublicKey, SigningKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use crate::badge::BadgeKey;
use crate::signed::{self, Label};
use crate::text::{as_base64, as_public_key, as_text, base64url, parse_base64url};

/// The path of the call.
pub const PATH: &str = "/v1/enrol";
/// How a claim begins.
pub const CLAIM_PREFIX: &str = "rollcall1:";
/// The longest claim in bytes.
pub const MAX_CLAIM_BYTES: usize = 1_024;

/// What a claim says. Its secret does not print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The issuer's address: `http` only on loopback.
    pub url: String,
    /// The secret, good once.
    pub secret: String,
    /// The issuer's signing key.
    #[serde(with = "as_public_key")]
    pub issuer_key: PublicKey,
    /// SHA-256 of the public key (SPKI) of the issuer's TLS certificate, lower hex; absent on loopback HTTP.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tls_pin: Option<String>,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim")
            .field("url", &self.url)
            .field("tls_pin", &self.tls_pin)
            .finish_non_exhaustive()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// Why a text is no claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// It begins differently.
    #[error(
        "this is not a Rollcall claim: one begins with {CLAIM_PREFIX:?}; make one with `rollcall-issuer claim`"
    )]
    NotAClaim,
    /// It was cut or altered.
    #[error(
        "the claim is damaged: copy all of it again, or make a new one with `rollcall-issuer claim`"
    )]
    Damaged,
}

impl Claim {
    /// The claim as one line.
    pub fn to_text(&self) -> String {
        let document = serde_json::to_vec(self).expect("a claim of texts serialises");
        format!("{CLAIM_PREFIX}{}", base64url(&document))
    }

    /// Reads a claim, blanks around it allowed.
    ///
    /// # Errors
    /// Where it begins differently, or is damaged. The error holds nothing of the secret.
    pub fn parse(text: &str) -> Result<Self, ClaimError> {
        let body = text
            .trim()
            .strip_prefix(CLAIM_PREFIX)
            .ok_or(ClaimError::NotAClaim)?;
        if text.len() > MAX_CLAIM_BYTES {
            return Err(ClaimError::Damaged);
        }
        let document = parse_base64url(body).ok_or(ClaimError::Damaged)?;
        serde_json::from_slice(&document).map_err(|_| ClaimError::Damaged)
    }
}

/// What the kiosk sends.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The claim's secret.
    pub secret: String,
    /// The kiosk's public key.
    #[serde(with = "as_public_key")]
    pub public_key: PublicKey,
    /// Program and version.
    pub software: String,
    /// The kiosk's signature over secret and public key.
    #[serde(with = "as_base64")]
    pub proof: Vec<u8>,
}

impl std::fmt::Debug for EnrolRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolRequest")
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}

fn proven(secret: &str, key: &PublicKey) -> String {
    format!("{secret}\n{}\n", key.to_base64())
}

impl EnrolRequest {
    /// The request for a claim's secret, with the proof.
    pub fn new(secret: &str, key: &SigningKey, software: &str) -> Self {
        let public_key = key.public_key();
        let proof =
            signed::sign(Label::Enrol, proven(secret, &public_key).as_bytes(), key).to_vec();
        Self {
            secret: secret.to_owned(),
            public_key,
            software: software.to_owned(),
            proof,
        }
    }

    /// Whether the sender holds the key it names.
    pub fn is_proven(&self) -> bool {
        signed::verifies(
            Label::Enrol,
            proven(&self.secret, &self.public_key).as_bytes(),
            &self.proof,
            &self.public_key,
        )
    }
}

/// What the issuer answers. The badge key does not print.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    /// The kiosk's id.
    #[serde(with = "as_text")]
    pub kiosk: KioskId,
    /// Its event.
    #[serde(with = "as_text")]
    pub event: EventId,
    /// The issuer's name, for life.
    pub issuer: String,
    /// The issuer's signing key; the kiosk checks that it is the claim's.
    #[serde(with = "as_public_key")]
    pub issuer_key: PublicKey,
    /// The event's badge key.
    #[serde(with = "as_base64")]
    pub badge_key: Vec<u8>,
    /// The origin of the kiosk's log.
    pub origin: String,
    /// The first bundle, signed.
    #[serde(with = "as_base64")]
    pub bundle: Vec<u8>,
}

impl std::fmt::Debug for Enrolled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrolled")
            .field("kiosk", &self.kiosk)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

impl Enrolled {
    /// The badge key, where it has its length.
    pub fn badge_key(&self) -> Option<BadgeKey> {
        let bytes: [u8; 32] = self.badge_key.as_slice().try_into().ok()?;
        Some(BadgeKey::from_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn claims_round_trip_and_do_not_print_their_secret() {
        let claim = Claim {
            url: "https://issuer.example".into(),
            secret: "s3cr3t".into(),
            issuer_key: SigningKey::from_seed(&[3; 32]).public_key(),
            tls_pin: None,
        };
        let text = claim.to_text();
        assert_eq!(Claim::parse(&format!(" {text}\n")).unwrap(), claim);
        assert!(!format!("{claim:?}").contains("s3cr3t"));
        assert_eq!(Claim::parse("hello"), Err(ClaimError::NotAClaim));
        assert_eq!(
            Claim::parse(&text[..text.len() - 6]),
            Err(ClaimError::Damaged)
        );
    }

    #[test]
    fn a_proof_is_bound_to_secret_and_key() {
        let request = EnrolRequest::new("s", &SigningKey::from_seed(&[1; 32]), "kiosk");
        assert!(request.is_proven());
        assert!(
            !EnrolRequest {
                secret: "t".into(),
                ..request.clone()
            }
            .is_proven()
        );
        assert!(
            !EnrolRequest {
                public_key: SigningKey::from_seed(&[2; 32]).public_key(),
                ..request
            }
            .is_proven()
        );
    }
}
