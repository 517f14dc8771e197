//! `claim`: what a kiosk enrols with.

use protocol::enrol::Claim;
use protocol::text::{base64url, instant};
use zeroize::Zeroizing;

use super::arguments::Claim as Asked;
use super::doors::no_door;
use super::output::{Ended, Exit, hint, say};
use super::premises::{Premises, now};
use super::tls_pin::tls_pin;
use crate::keys::random;
use crate::store::enrolment::NewClaim;

/// Bytes of a claim's secret.
const SECRET_BYTES: usize = 32;
const HOUR_MS: i64 = 60 * 60 * 1_000;

pub(super) fn run(here: &Premises, asked: &Asked) -> Ended {
    here.event(&asked.event)?;
    let doors = here.store.doors(&asked.event)?;
    if !doors.iter().any(|facts| facts.door.id == asked.door) {
        return Err(no_door(&asked.event, &asked.door));
    }
    let tls_pin = tls_pin(here)?;
    let bytes = Zeroizing::new(random::<SECRET_BYTES>(&here.random));
    let claim = Claim {
        url: here.config.public_url.clone(),
        secret: base64url(bytes.as_slice()),
        issuer_key: here.keys.signing.public_key(),
        tls_pin,
    };
    let expires = now().plus_ms(i64::from(asked.valid_hours) * HOUR_MS);
    // The database holds what the secret hashes to, so that who reads it can enrol nothing.
    here.store.put_claim(&NewClaim {
        secret: evidence::sha256(claim.secret.as_bytes()),
        event: asked.event.clone(),
        door: asked.door.clone(),
        expires,
    })?;
    say(claim.to_text())?;
    hint(format!(
        "For one kiosk at the door {}, until {}. It is a secret until it is used.",
        asked.door,
        instant(expires)
    ));
    if here.config.listen.ip().is_loopback() {
        hint(
            "The issuer listens on this machine only, so the kiosk must run here too; `listen` and `tls` change that.",
        );
    }
    hint(
        "next: rollcall-kiosk enrol --config kiosk.toml - < FILE, or show the line as a QR code to its scanner",
    );
    Ok(Exit::Done)
}
