//! Whether a webhook is its sender's: the signature that the Standard Webhooks specification describes, which libraries in many languages
//! make.
//!
//! Contract: `webhook-id` is the event's id, `webhook-timestamp` seconds since 1970, `webhook-signature` a list, parted by spaces, of
//! `v1,<base64>` of HMAC-SHA-256 over `<id>.<timestamp>.<body>` under the source's secret. One of them must hold, compared in constant
//! time, and the timestamp must lie within [`WINDOW_S`] of our clock; within that window an event is taken once, by its id. Pure.

use attendance::UtcMs;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// How old a message may be, and how far ahead of our clock, in seconds.
pub const WINDOW_S: i64 = 300;
/// How a secret is written.
pub const SECRET_PREFIX: &str = "whsec_";
/// Random bytes of a secret.
pub const SECRET_BYTES: usize = 32;
/// The longest id of an event, in bytes.
const MAX_ID_BYTES: usize = 200;
/// Most signatures that are looked at: a sender that changes its secret has two.
const MAX_SIGNATURES: usize = 4;

/// Why a message is not taken for its sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// The headers are no signature.
    #[error("webhook-id, webhook-timestamp or webhook-signature is missing or malformed")]
    Malformed,
    /// Too old, or from the future.
    #[error(
        "the message is more than {WINDOW_S} seconds from our clock: set the sender's clock, and sign each try anew"
    )]
    OutOfTime,
    /// Signed with another secret, or changed on its way.
    #[error(
        "the signature does not hold: check the secret, and that the body is signed as it is sent"
    )]
    Wrong,
}

/// The three headers.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`.
    pub timestamp: &'a str,
    /// `webhook-signature`.
    pub signature: &'a str,
}

/// A secret as it is shown once.
pub fn secret_text(secret: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(secret));
    Zeroizing::new(format!("{SECRET_PREFIX}{}", *base64))
}

/// Checks a message.
///
/// # Errors
/// [`SignatureFault`].
pub fn check(
    secret: &[u8],
    signed: Signed<'_>,
    body: &[u8],
    now: UtcMs,
) -> Result<(), SignatureFault> {
    let is_id = (1..=MAX_ID_BYTES).contains(&signed.id.len())
        && signed.id.bytes().all(|b| b.is_ascii_graphic());
    let is_plain =
        signed.timestamp.len() <= 12 && signed.timestamp.bytes().all(|b| b.is_ascii_digit());
    let sent_s: Option<i64> = signed.timestamp.parse().ok().filter(|_| is_id && is_plain);
    let sent_s = sent_s.ok_or(SignatureFault::Malformed)?;
    let given: Vec<Vec<u8>> = signed
        .signature
        .split(' ')
        .take(MAX_SIGNATURES)
        .filter_map(|part| STANDARD.decode(part.strip_prefix("v1,")?).ok())
        .collect();
    if given.is_empty() {
        return Err(SignatureFault::Malformed);
    }
    if now.0.div_euclid(1_000).saturating_sub(sent_s).abs() > WINDOW_S {
        return Err(SignatureFault::OutOfTime);
    }
    let holds = given.iter().filter(|given| {
        let mut mac = mac(secret);
        for part in [
            signed.id.as_bytes(),
            b".",
            signed.timestamp.as_bytes(),
            b".",
            body,
        ] {
            mac.update(part);
        }
        mac.verify_slice(given).is_ok()
    });
    match holds.count() {
        0 => Err(SignatureFault::Wrong),
        _ => Ok(()),
    }
}

fn mac(secret: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as hmac::Mac>::new_from_slice(secret).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The example of the specification: its secret, id, timestamp, body and signature.
    const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: &str = "1614265330";
    const BODY: &[u8] = b"{\"test\": 2432232314}";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[track_caller]
    fn verdict(signed: Signed<'_>, body: &[u8], now_s: i64, expected: Result<(), SignatureFault>) {
        let secret = STANDARD.decode(SECRET).unwrap();
        assert_eq!(
            check(&secret, signed, body, UtcMs(now_s * 1_000)),
            expected,
            "{signed:?}"
        );
    }

    #[test]
    fn a_message_is_its_senders_or_it_is_not() {
        let good = Signed {
            id: ID,
            timestamp: TIMESTAMP,
            signature: SIGNATURE,
        };
        let sent = 1_614_265_330;
        verdict(good, BODY, sent, Ok(()));
        verdict(good, BODY, sent + WINDOW_S, Ok(()));
        verdict(good, BODY, sent - WINDOW_S, Ok(()));
        verdict(
            good,
            BODY,
            sent + WINDOW_S + 1,
            Err(SignatureFault::OutOfTime),
        );
        verdict(
            good,
            BODY,
            sent - WINDOW_S - 1,
            Err(SignatureFault::OutOfTime),
        );
        verdict(
            good,
            b"{\"test\": 2432232315}",
            sent,
            Err(SignatureFault::Wrong),
        );
        verdict(
            Signed {
                id: "msg_other",
                ..good
            },
            BODY,
            sent,
            Err(SignatureFault::Wrong),
        );
        verdict(
            Signed {
                timestamp: "1614265331",
                ..good
            },
            BODY,
            sent,
            Err(SignatureFault::Wrong),
        );
        let several = format!("v1,AAAA v2,AAAA {SIGNATURE}");
        verdict(
            Signed {
                signature: &several,
                ..good
            },
            BODY,
            sent,
            Ok(()),
        );
        for wrong in ["", "v1,", "v1,%%%", "v2,AAAA", "g0hM9SsE"] {
            let expected = if wrong == "v1," {
                SignatureFault::Wrong
            } else {
                SignatureFault::Malformed
            };
            verdict(
                Signed {
                    signature: wrong,
                    ..good
                },
                BODY,
                sent,
                Err(expected),
            );
        }
        for wrong in ["", "-1614265330", "1614265330.0", "99999999999999"] {
            verdict(
                Signed {
                    timestamp: wrong,
                    ..good
                },
                BODY,
                sent,
                Err(SignatureFault::Malformed),
            );
        }
        verdict(
            Signed { id: "", ..good },
            BODY,
            sent,
            Err(SignatureFault::Malformed),
        );
        verdict(
            Signed { id: "a b", ..good },
            BODY,
            sent,
            Err(SignatureFault::Malformed),
        );
    }

    #[test]
    fn a_secret_is_shown_as_libraries_take_it() {
        assert_eq!(
            secret_text(&STANDARD.decode(SECRET).unwrap()).as_str(),
            format!("whsec_{SECRET}")
        );
    }
}
