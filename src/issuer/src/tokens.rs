//! Tokens with which systems send: what they look like, and how one is checked.
//!
//! Contract: a token is `rcs.<source>.<43 letters>`: 256 random bits under the id of its source. Only the SHA-256 of it is kept. It is
//! compared in constant time, and neither printed nor logged; its type wipes it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evidence::Hash;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::keys::{Random, random};
use crate::sources::is_id;

/// How every token begins.
const PREFIX: &str = "rcs";
/// Random bytes of a token.
const SECRET_BYTES: usize = 32;
/// The longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 128;

/// A token as it is shown once, or as it came.
pub struct Token(Zeroizing<String>);

impl Token {
    /// A new token of a source.
    pub fn new(source: &str, random_bytes: &Random) -> Self {
        let secret = Zeroizing::new(random::<SECRET_BYTES>(random_bytes));
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret.as_slice()));
        Self(Zeroizing::new(format!("{PREFIX}.{source}.{}", *secret)))
    }

    /// The token of an `Authorization` header's value; none where it has none of this form.
    pub fn from_header(value: &str) -> Option<Self> {
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim();
        let is_ours = scheme.eq_ignore_ascii_case("bearer") && token.len() <= TOKEN_BYTES_MAX;
        let token = Self(Zeroizing::new(token.to_owned()));
        (is_ours && token.source().is_some()).then_some(token)
    }

    /// The id of its source.
    pub fn source(&self) -> Option<&str> {
        let (prefix, rest) = self.0.split_once('.')?;
        let (source, secret) = rest.split_once('.')?;
        (prefix == PREFIX && is_id(source) && !secret.is_empty()).then_some(source)
    }

    /// As it is shown.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// As it is kept.
    pub fn hash(&self) -> Hash {
        evidence::sha256(self.0.as_bytes())
    }

    /// Whether it is the one that is kept.
    pub fn is(&self, kept: Hash) -> bool {
        self.hash().as_bytes().ct_eq(kept.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::counted_random;

    #[test]
    fn a_token_is_known_again_and_no_other() {
        let random = counted_random();
        let (token, other) = (Token::new("crm", &random), Token::new("crm", &random));
        assert_eq!(token.source(), Some("crm"));
        let sent = Token::from_header(&format!("Bearer {}", token.text())).unwrap();
        assert!(sent.is(token.hash()));
        assert!(!sent.is(other.hash()));
        assert!(token.text().len() <= TOKEN_BYTES_MAX);
    }

    #[test]
    fn other_headers_hold_no_token() {
        for value in [
            "",
            "Bearer",
            "Basic rcs.crm.abc",
            "Bearer rcs.crm.",
            "Bearer rcs..abc",
            "Bearer rcs.CRM.abc",
            "Bearer xyz.crm.abc",
            "Bearer rcs.crm",
        ] {
            assert!(Token::from_header(value).is_none(), "{value}");
        }
        let long = format!("Bearer rcs.crm.{}", "a".repeat(TOKEN_BYTES_MAX));
        assert!(Token::from_header(&long).is_none());
        assert!(Token::from_header("bearer  rcs.crm.abc ").is_some());
    }
}
