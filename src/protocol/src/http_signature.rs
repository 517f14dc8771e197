//! Signed requests: one fixed profile of RFC 9421 (HTTP Message Signatures) and RFC 9530 (Digest Fields).
//!
//! Every request of a kiosk after enrolment covers `@method`, `@path` and `content-digest`, in this order, under the label
//! `rollcall`, with the parameters `keyid` (the kiosk id), `alg="ed25519"` and `nonce` (from the issuer, in this order).
//! A request without a body covers the digest of no bytes. Any other shape is refused: there is nothing to negotiate.

use evidence::{PublicKey, SigningKey};

use crate::text::{base64, parse_base64};

/// The header with the digest of the body.
pub const CONTENT_DIGEST: &str = "content-digest";
/// The header that says what is signed.
pub const SIGNATURE_INPUT: &str = "signature-input";
/// The header with the signature.
pub const SIGNATURE: &str = "signature";
/// The header in which the issuer hands out its next nonce, in every answer.
pub const NONCE: &str = "rollcall-nonce";
/// The longest nonce in bytes.
pub const MAX_NONCE_BYTES: usize = 128;

/// The three headers of a signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    /// For [`CONTENT_DIGEST`].
    pub content_digest: String,
    /// For [`SIGNATURE_INPUT`].
    pub signature_input: String,
    /// For [`SIGNATURE`].
    pub signature: String,
}

/// Why a request is not signed as it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpSignatureError {
    /// A header is missing or not of the one shape.
    #[error("the signature headers are missing or not of the one known shape")]
    Shape,
    /// The body is not what the digest says.
    #[error("the body does not match its digest")]
    Digest,
    /// The signature is not the key's.
    #[error("the signature does not verify")]
    Signature,
}

fn digest_header(body: &[u8]) -> String {
    format!("sha-256=:{}:", base64(evidence::sha256(body).as_bytes()))
}

fn parameters(key_id: &str, nonce: &str) -> String {
    format!(
        "(\"@method\" \"@path\" \"content-digest\");keyid=\"{key_id}\";alg=\"ed25519\";nonce=\"{nonce}\""
    )
}

fn base(method: &str, path: &str, digest: &str, parameters: &str) -> String {
    format!(
        "\"@method\": {method}\n\"@path\": {path}\n\"content-digest\": {digest}\n\"@signature-params\": {parameters}"
    )
}

/// Signs a request. `path` is the path alone, as sent.
pub fn sign(
    method: &str,
    path: &str,
    body: &[u8],
    key_id: &str,
    nonce: &str,
    key: &SigningKey,
) -> SignedHeaders {
    let content_digest = digest_header(body);
    let parameters = parameters(key_id, nonce);
    let signature = key.sign(base(method, path, &content_digest, &parameters).as_bytes());
    SignedHeaders {
        content_digest,
        signature_input: format!("rollcall={parameters}"),
        signature: format!("rollcall=:{}:", base64(&signature)),
    }
}

/// The key id and nonce that a request claims, before anything is verified: to look up the key and check the nonce.
///
/// # Errors
/// Where the header is not of the one shape.
pub fn claimed(signature_input: &str) -> Result<(&str, &str), HttpSignatureError> {
    fn until_quote<'a>(rest: &mut &'a str) -> Option<&'a str> {
        let (value, after) = rest.split_once('"')?;
        *rest = after;
        let plain = value.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        (plain && !value.is_empty() && value.len() <= MAX_NONCE_BYTES).then_some(value)
    }
    let start = "rollcall=(\"@method\" \"@path\" \"content-digest\");keyid=\"";
    let mut rest = signature_input
        .strip_prefix(start)
        .ok_or(HttpSignatureError::Shape)?;
    let key_id = until_quote(&mut rest).ok_or(HttpSignatureError::Shape)?;
    rest = rest
        .strip_prefix(";alg=\"ed25519\";nonce=\"")
        .ok_or(HttpSignatureError::Shape)?;
    let nonce = until_quote(&mut rest).ok_or(HttpSignatureError::Shape)?;
    if rest.is_empty() {
        Ok((key_id, nonce))
    } else {
        Err(HttpSignatureError::Shape)
    }
}

/// Whether the key signed this very request.
///
/// # Errors
/// See [`HttpSignatureError`].
pub fn verify(
    method: &str,
    path: &str,
    body: &[u8],
    headers: &SignedHeaders,
    key: &PublicKey,
) -> Result<(), HttpSignatureError> {
    let (key_id, nonce) = claimed(&headers.signature_input)?;
    if headers.content_digest != digest_header(body) {
        return Err(HttpSignatureError::Digest);
    }
    let signature = headers
        .signature
        .strip_prefix("rollcall=:")
        .and_then(|rest| rest.strip_suffix(':'))
        .and_then(parse_base64)
        .ok_or(HttpSignatureError::Shape)?;
    let signed = base(
        method,
        path,
        &headers.content_digest,
        &parameters(key_id, nonce),
    );
    key.verify(signed.as_bytes(), &signature)
        .map_err(|_| HttpSignatureError::Signature)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn covers_method_path_body_key_and_nonce() {
        let key = SigningKey::from_seed(&[5; 32]);
        let good = sign(
            "POST",
            "/v1/kiosks/k1/entries",
            b"body",
            "k1",
            "n0nce",
            &key,
        );
        let public = key.public_key();
        let check = |method: &str, path: &str, body: &[u8], headers: &SignedHeaders| {
            verify(method, path, body, headers, &public)
        };
        let path = "/v1/kiosks/k1/entries";
        assert_eq!(check("POST", path, b"body", &good), Ok(()));
        assert_eq!(claimed(&good.signature_input), Ok(("k1", "n0nce")));
        assert_eq!(
            check("GET", path, b"body", &good),
            Err(HttpSignatureError::Signature)
        );
        assert_eq!(
            check("POST", "/v1/kiosks/k2/entries", b"body", &good),
            Err(HttpSignatureError::Signature)
        );
        assert_eq!(
            check("POST", path, b"bodY", &good),
            Err(HttpSignatureError::Digest)
        );
        for (from, to) in [("k1", "k2"), ("n0nce", "nonce")] {
            let altered = SignedHeaders {
                signature_input: good.signature_input.replace(from, to),
                ..good.clone()
            };
            assert_eq!(
                check("POST", path, b"body", &altered),
                Err(HttpSignatureError::Signature)
            );
        }
        for shape in [
            "",
            "rollcall=()",
            "sig1=(\"@method\");keyid=\"k\"",
            &format!("{};x=1", good.signature_input),
        ] {
            assert!(claimed(shape).is_err(), "{shape}");
        }
    }
}
