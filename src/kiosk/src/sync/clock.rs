//! A time exchange, from the issuer's answer and the raw clock's two readings to a `clock` entry. Pure.
//!
//! Promises: an exchange is believed only if this issuer signed it over the nonce that was sent in it, and its numbers can be: the answer did
//! not leave before the request came, nor take longer at the issuer than on the way and there together. The floor of time rises only by
//! what was believed here.

use attendance::UtcMs;
use evidence::PublicKey;
use protocol::entry::Clock;
use protocol::time::{TimeAnswer, TimeRequest};

/// What the kiosk did its part of the exchange with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The nonce sent.
    pub nonce: String,
    /// The raw clock just before the request left, in milliseconds.
    pub sent_raw_ms: u64,
    /// The raw clock just after the answer came, in milliseconds.
    pub received_raw_ms: u64,
}

/// Why an exchange is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockFault {
    /// It is not this issuer's answer to this nonce.
    #[error("the time answer is not signed by this kiosk's issuer over this request")]
    NotSigned,
    /// Its numbers cannot all be.
    #[error("the time answer contradicts itself")]
    Impossible,
}

/// A request with this much randomness in its nonce.
pub fn request(random: [u8; 16]) -> TimeRequest {
    TimeRequest {
        nonce: hex::encode(random),
    }
}

/// The exchange as it is journalled.
///
/// # Errors
/// See [`ClockFault`].
pub fn believe(
    answer: &TimeAnswer,
    exchange: &Exchange,
    issuer: &PublicKey,
) -> Result<Clock, ClockFault> {
    if !answer.verifies(&exchange.nonce, issuer) {
        return Err(ClockFault::NotSigned);
    }
    let at_issuer_ms = answer.sent.0.saturating_sub(answer.received.0);
    let round_trip_ms = exchange
        .received_raw_ms
        .checked_sub(exchange.sent_raw_ms)
        .and_then(|ms| i64::try_from(ms).ok())
        .ok_or(ClockFault::Impossible)?;
    // Both differences are of truncated readings, so each may be off by one; the issuer's own clock by its error.
    let slack_ms = 2 + i64::from(answer.error_ms);
    if at_issuer_ms < 0 || at_issuer_ms > round_trip_ms.saturating_add(slack_ms) {
        return Err(ClockFault::Impossible);
    }
    Ok(Clock {
        nonce: exchange.nonce.clone(),
        sent_raw_ms: exchange.sent_raw_ms,
        issuer_received: answer.received,
        issuer_sent: answer.sent,
        received_raw_ms: exchange.received_raw_ms,
        issuer_error_ms: answer.error_ms,
        signature: answer.signature.clone(),
    })
}

/// The floor of time after an exchange: the issuer's signed time less its own error, and never below the floor before.
pub fn floor(before: UtcMs, clock: &Clock) -> UtcMs {
    before.max(clock.issuer_sent.plus_ms(-i64::from(clock.issuer_error_ms)))
}

/// The middle of what one exchange says of the instant at which the raw clock reads `raw_ms`; drift is left aside. For cosignatures and
/// certificate dates, not for evidence, which takes the interval.
pub fn estimate(clock: &Clock, raw_ms: u64) -> UtcMs {
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let way_ms = signed(clock.received_raw_ms)
        .saturating_sub(signed(clock.sent_raw_ms))
        .saturating_sub(clock.issuer_sent.0.saturating_sub(clock.issuer_received.0))
        .max(0);
    let since_ms = signed(raw_ms).saturating_sub(signed(clock.received_raw_ms));
    clock
        .issuer_sent
        .plus_ms(since_ms.saturating_add(way_ms / 2))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use evidence::SigningKey;
    use protocol::time::answer;

    const NOON: UtcMs = UtcMs(1_800_000_000_000);

    fn exchange(sent_raw_ms: u64, received_raw_ms: u64) -> Exchange {
        Exchange {
            nonce: request([3; 16]).nonce,
            sent_raw_ms,
            received_raw_ms,
        }
    }

    #[test]
    fn only_this_issuers_answer_to_this_request_is_believed() {
        let key = SigningKey::from_seed(&[1; 32]);
        let issuer = key.public_key();
        let asked = request([3; 16]);
        assert!(asked.is_well_formed());
        let good = answer(&asked, NOON, NOON.plus_ms(4), 5, &key);
        let exchange = exchange(1_000, 1_100);
        let clock = believe(&good, &exchange, &issuer).unwrap();
        assert!(protocol::time::clock_verifies(&clock, &issuer));
        assert_eq!(clock.anchor().sent_raw_ms, 1_000);

        let foreign = SigningKey::from_seed(&[2; 32]);
        let check = |answer: TimeAnswer| believe(&answer, &exchange, &issuer);
        let by_other = answer(&asked, NOON, NOON, 5, &foreign);
        let to_other = answer(&request([4; 16]), NOON, NOON, 5, &key);
        let altered = TimeAnswer {
            error_ms: 4,
            ..good.clone()
        };
        for bad in [by_other, to_other, altered] {
            assert_eq!(check(bad), Err(ClockFault::NotSigned));
        }
    }

    #[test]
    fn impossible_numbers_are_refused() {
        let key = SigningKey::from_seed(&[1; 32]);
        let check = |at_issuer_ms: i64, sent: u64, received: u64| {
            let asked = request([3; 16]);
            let sent_at = NOON.plus_ms(at_issuer_ms);
            let answer = answer(&asked, NOON, sent_at, 5, &key);
            believe(&answer, &exchange(sent, received), &key.public_key()).map(|_| ())
        };
        assert_eq!(check(107, 1_000, 1_100), Ok(()));
        assert_eq!(check(108, 1_000, 1_100), Err(ClockFault::Impossible));
        assert_eq!(check(-1, 1_000, 1_100), Err(ClockFault::Impossible));
        assert_eq!(check(0, 1_100, 1_000), Err(ClockFault::Impossible));
    }

    #[test]
    fn the_floor_rises_and_never_falls() {
        let key = SigningKey::from_seed(&[1; 32]);
        let answer = answer(&request([3; 16]), NOON, NOON, 5, &key);
        let clock = believe(&answer, &exchange(0, 10), &key.public_key()).unwrap();
        assert_eq!(floor(UtcMs(0), &clock), NOON.plus_ms(-5));
        assert_eq!(floor(NOON, &clock), NOON);
        assert_eq!(estimate(&clock, 1_010), NOON.plus_ms(1_005));
        assert_eq!(estimate(&clock, 0), NOON.plus_ms(-5));
    }
}
