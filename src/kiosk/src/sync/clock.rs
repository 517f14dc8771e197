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
