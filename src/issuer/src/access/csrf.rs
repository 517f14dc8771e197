//! That a form was sent from our own page.
//!
//! Three walls, each enough by itself: the session's cookie is `SameSite=Strict`; browsers name the page a request comes
//! from ([`is_own_page`]); and each form of a session carries a token that only its pages know ([`token`]).

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

const DOMAIN: &[u8] = b"rollcall-issuer/form/v1";

/// The token of a session's forms, made from the session's own.
pub(super) fn token(session: &[u8; 32]) -> String {
    let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(session)
        .expect("HMAC takes a key of any length");
    mac.update(DOMAIN);
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// Whether a form carries its session's token. Takes as long for every token of the right length.
pub(super) fn is_token(session: &[u8; 32], given: &str) -> bool {
    token(session).as_bytes().ct_eq(given.as_bytes()).into()
}

/// Whether the browser says that a request comes from a page of this host. Where it says nothing the request is let
/// through only without a cookie: then it is no browser, and carries nobody's rights.
pub(super) fn is_own_page(
    headers: &HeaderMap,
    public_origin: Option<&str>,
    has_cookie: bool,
) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match text(ORIGIN.as_str()) {
        Some(origin) => {
            let own = origin.split_once("://").map(|(_, authority)| authority);
            let by_host = own.is_some() && own == text(HOST.as_str());
            by_host || public_origin.is_some_and(|public| public == origin)
        }
        None => !has_cookie,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tokens_are_of_one_session() {
        let (a, b) = ([1; 32], [2; 32]);
        assert!(is_token(&a, &token(&a)));
        assert!(!is_token(&a, &token(&b)));
        assert!(!is_token(&a, ""));
        assert_ne!(
            token(&a),
            URL_SAFE_NO_PAD.encode(a),
            "it does not tell the session's own token"
        );
    }

    #[test]
    fn only_our_own_pages_may_send() {
        let check = |headers: &[(&'static str, &str)], has_cookie: bool, is_own: bool| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            let found = is_own_page(&map, Some("https://verify.example.org"), has_cookie);
            assert_eq!(found, is_own, "{headers:?}");
        };
        let host = ("host", "issuer.example:8443");
        check(&[host, ("sec-fetch-site", "same-origin")], true, true);
        check(&[host, ("sec-fetch-site", "none")], true, true);
        check(&[host, ("sec-fetch-site", "same-site")], true, false);
        check(
            &[
                host,
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://issuer.example:8443"),
            ],
            true,
            false,
        );
        check(
            &[host, ("origin", "https://issuer.example:8443")],
            true,
            true,
        );
        check(&[host, ("origin", "https://issuer.example")], true, false);
        check(
            &[host, ("origin", "https://verify.example.org")],
            true,
            true,
        );
        check(&[host, ("origin", "null")], true, false);
        check(&[host], true, false);
        check(&[host], false, true);
        check(&[("origin", "nonsense")], true, false);
    }
}
