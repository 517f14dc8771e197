//! To whom this kiosk belongs.

use std::fmt;

use attendance::words::{EventId, KioskId};
use evidence::PublicKey;
use protocol::badge::BadgeKey;

/// What a claim was answered with, kept for as long as the enrolment lasts. The badge key does not print.
#[derive(Clone)]
pub struct Enrolment {
    /// The kiosk's id at the issuer.
    pub kiosk: KioskId,
    /// The event.
    pub event: EventId,
    /// The issuer's name, for life.
    pub issuer: String,
    /// The issuer's signing key.
    pub issuer_key: PublicKey,
    /// The issuer's address, from the claim.
    pub url: String,
    /// SHA-256 of the public key of the issuer's TLS, from the claim, lower hex; absent on loopback HTTP.
    pub tls_pin: Option<String>,
    /// The origin of this kiosk's log.
    pub origin: String,
    /// The event's badge key.
    pub badge_key: BadgeKey,
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolment")
            .field("kiosk", &self.kiosk)
            .field("event", &self.event)
            .field("issuer", &self.issuer)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
