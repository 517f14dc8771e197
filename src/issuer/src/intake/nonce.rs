//! Nonces that the issuer hands out and knows again without keeping them.
//!
//! A nonce is its end, in milliseconds since 1970, and a MAC over that: 12 hexadecimal digits, a dot, 22 characters of
//! base64url. Every process with the same key knows it. It keeps a captured request from being sent again later; within
//! its time a request that comes twice changes nothing.

use attendance::UtcMs;
use hmac::{Hmac, Mac as _};
use protocol::text::{base64url, parse_base64url};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// How long a nonce is good, in milliseconds.
pub const NONCE_MS: i64 = 5 * 60 * 1_000;
const END_DIGITS: usize = 12;
const MAC_BYTES: usize = 16;

fn mac(key: &[u8; 32], end: &str) -> [u8; MAC_BYTES] {
    let mut mac =
        <Hmac<Sha256> as hmac::Mac>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(b"rollcall/nonce/v1\n");
    mac.update(end.as_bytes());
    let whole: [u8; 32] = mac.finalize().into_bytes().into();
    let mut cut = [0; MAC_BYTES];
    cut.copy_from_slice(&whole[..MAC_BYTES]);
    cut
}

/// A nonce that is good from now on for [`NONCE_MS`].
pub fn issue(key: &[u8; 32], now: UtcMs) -> String {
    let end = format!("{:0END_DIGITS$x}", now.plus_ms(NONCE_MS).0);
    let mac = base64url(&mac(key, &end));
    format!("{end}.{mac}")
}

/// Whether a nonce was issued under this key and is still good.
pub fn is_good(key: &[u8; 32], nonce: &str, now: UtcMs) -> bool {
    let Some((end, given)) = nonce.split_once('.') else {
        return false;
    };
    let Some(given) = parse_base64url(given) else {
        return false;
    };
    let is_ours: bool = mac(key, end).as_slice().ct_eq(&given).into();
    is_ours && i64::from_str_radix(end, 16).is_ok_and(|end| now.0 < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_for_its_time_under_its_key() {
        let (key, other) = ([1; 32], [2; 32]);
        let now = UtcMs(1_800_000_000_000);
        let nonce = issue(&key, now);
        assert!(nonce.len() <= protocol::http_signature::MAX_NONCE_BYTES);
        assert!(is_good(&key, &nonce, now));
        assert!(is_good(&key, &nonce, now.plus_ms(NONCE_MS - 1)));
        assert!(!is_good(&key, &nonce, now.plus_ms(NONCE_MS)));
        assert!(!is_good(&other, &nonce, now));
        let later = issue(&key, now.plus_ms(1));
        let (end, _) = later.split_once('.').unwrap_or_default();
        let (_, mac) = nonce.split_once('.').unwrap_or_default();
        for forged in [
            "",
            ".",
            "x",
            end,
            &format!("{end}.{mac}"),
            &format!("{nonce}A"),
        ] {
            assert!(!is_good(&key, forged, now), "{forged}");
        }
    }
}
