//! Ed25519 keys (RFC 8032), verified strictly.
//!
//! A public key is accepted only if it is the one encoding of a point that is not of small order, and a
//! signature only by the strict equation: what is accepted here, every verifier that follows RFC 8032
//! accepts, and one signature does not fit two texts. Where keys come from and where seeds are kept is
//! not known here.

use crate::hash::{Hash, read_base64, read_hex, sha256};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::Signer as _;
use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;

/// Bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;
const FINGERPRINT_BYTES: usize = 16;

/// An Ed25519 private key. It is wiped when dropped and never prints.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// An Ed25519 public key that can verify. Text is lower-case hexadecimal (`Display`, `FromStr`) or base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

/// What is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is not 32 bytes in the form asked for.
    #[error(
        "a public key is 32 bytes: 64 lower-case hexadecimal digits, or 44 characters of base64"
    )]
    Text,
    /// The bytes are no point, not its one encoding, or a point of small order.
    #[error("these 32 bytes are not a usable Ed25519 public key")]
    Point,
}

/// The signature was not made by this key over these bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct SignatureError;

impl SigningKey {
    /// The key of a seed: the 32 bytes that RFC 8032 calls the private key.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The seed, for whoever stores the key. It is a secret.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs the bytes. The same key and bytes always give the same signature.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(bytes).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public_key().fingerprint())
    }
}

impl PublicKey {
    /// A key from its 32 bytes. Fails with [`KeyError::Point`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<PublicKey, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Point)?;
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        if key.is_weak() || !canonical {
            return Err(KeyError::Point);
        }
        Ok(PublicKey(key))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The name people and origins use for the key: the first 16 bytes of its SHA-256, as 32 lower-case
    /// hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let Hash(digest) = sha256(self.as_bytes());
        hex::encode(&digest[..FINGERPRINT_BYTES])
    }

    /// 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.as_bytes())
    }

    /// Reads what [`PublicKey::to_hex`] wrote.
    pub fn from_hex(text: &str) -> Result<PublicKey, KeyError> {
        PublicKey::from_bytes(&read_hex(text).ok_or(KeyError::Text)?)
    }

    /// 44 characters of standard base64 with padding.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(self.as_bytes())
    }

    /// Reads what [`PublicKey::to_base64`] wrote.
    pub fn from_base64(text: &str) -> Result<PublicKey, KeyError> {
        PublicKey::from_bytes(&read_base64(text).ok_or(KeyError::Text)?)
    }

    /// Checks a signature over the bytes; one that is not 64 bytes fails like any other.
    pub fn verify(&self, bytes: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let signature =
            ed25519_dalek::Signature::from_slice(signature).map_err(|_| SignatureError)?;
        self.0
            .verify_strict(bytes, &signature)
            .map_err(|_| SignatureError)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<PublicKey, KeyError> {
        PublicKey::from_hex(text)
    }
}

impl std::hash::Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &PublicKey) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &PublicKey) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn signs_as_rfc_8032_test_2() {
        let seed = hex::decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let key = SigningKey::from_seed(&seed.unwrap().try_into().unwrap());
        assert_eq!(
            key.public_key().to_string(),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        assert_eq!(
            hex::encode(key.sign(&[0x72])),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
    }

    #[test]
    fn refuses_another_key_other_bytes_and_odd_lengths() {
        let key = SigningKey::from_seed(&[1; 32]);
        let signature = key.sign(b"entry");
        let public = key.public_key();
        assert_eq!(public.verify(b"entry", &signature), Ok(()));
        assert_eq!(public.verify(b"entri", &signature), Err(SignatureError));
        assert_eq!(
            public.verify(b"entry", &signature[1..]),
            Err(SignatureError)
        );
        let other = SigningKey::from_seed(&[2; 32]).public_key();
        assert_eq!(other.verify(b"entry", &signature), Err(SignatureError));
    }

    #[test]
    fn text_forms_round_trip_and_secrets_do_not_print() {
        let key = SigningKey::from_seed(&[7; 32]);
        let public = key.public_key();
        assert_eq!(public.to_string().parse(), Ok(public));
        assert_eq!(PublicKey::from_base64(&public.to_base64()), Ok(public));
        assert_eq!(public.fingerprint().len(), 32);
        assert!(
            sha256(public.as_bytes())
                .to_hex()
                .starts_with(&public.fingerprint())
        );
        assert!(!format!("{key:?}").contains(&hex::encode([7; 32])));
    }

    #[test]
    fn refuses_points_of_small_order_and_second_encodings() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::from_bytes(&identity), Err(KeyError::Point));
        // y = p + 3 and y = 3 would be one point under two encodings.
        let mut second = [0xff; 32];
        second[31] = 0x7f;
        for low in 0xed..=0xff {
            second[0] = low;
            assert_eq!(
                PublicKey::from_bytes(&second),
                Err(KeyError::Point),
                "{low}"
            );
        }
    }

    #[test]
    fn refuses_a_signature_whose_nonce_is_of_small_order() {
        // Made with the private key so that the plain equation holds: R is the identity, s = H(R,A,M) a.
        let signature = "0100000000000000000000000000000000000000000000000000000000000000\
                         fa2d7e873c14201226469721d2768f2289c6b7ecbadcab42b827e5d6f7ed370c";
        let signature = hex::decode(signature).unwrap();
        let public = SigningKey::from_seed(&[1; 32]).public_key();
        assert_eq!(public.verify(b"entry", &signature), Err(SignatureError));
    }
}
