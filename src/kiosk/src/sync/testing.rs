//! An issuer on loopback and a desk in memory, both with real keys, logs and proofs, for tests of what lies between.
#![allow(clippy::unwrap_used, clippy::panic, clippy::result_large_err)]

pub(crate) mod desk;
pub(crate) mod issuer;

use evidence::SigningKey;
use serde_json::json;

pub(crate) const ISSUER: &str = "demo.example";
pub(crate) const EVENT: &str = "conf";
pub(crate) const KIOSK: &str = "k1";
pub(crate) const SECRET: &str = "s3cr3t";

pub(crate) fn issuer_key() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

pub(crate) fn device_key() -> SigningKey {
    SigningKey::from_seed(&[2; 32])
}

/// A bundle of this sequence, signed by this key.
pub(crate) fn bundle(sequence: u64, pins: &[String], key: &SigningKey) -> Vec<u8> {
    let document = json!({
        "v": 1, "sequence": sequence, "kiosk": KIOSK,
        "door": {"id": "d1", "title": "Door", "rooms": ["hall"]},
        "event": {"id": EVENT, "title": "Conference", "zone": "Europe/Berlin", "languages": ["en"]},
        "issued": "2026-11-23T08:00:00.000Z", "expires": "2026-11-30T08:00:00.000Z",
        "policy": {"repeat_s": 10, "margin_s": 1800},
        "agenda_hash": "", "roster_hash": "",
        "agenda": {"v": 1, "zone": "Europe/Berlin", "rooms": [], "doors": [], "sessions": [], "programmes": []},
        "rules": [], "roster": [], "revoked": [], "pins": pins,
        "ledger": format!("{ISSUER}/event/{EVENT}"),
    });
    let bundle = serde_json::from_value(document).unwrap();
    protocol::bundle::sign(&bundle, key).unwrap()
}
