//! What a kiosk is given: `GET /v1/kiosks/{id}/bundle`.
//!
//! The body is the issuer's signature in base64, a newline, then the JSON document's exact bytes. A kiosk adopts a bundle
//! only if the signature is its issuer's, event and kiosk are its own, and the sequence is higher than the one in force.

use attendance::UtcMs;
use attendance::words::{AttendeeId, EventId, KioskId};
use evidence::{Hash, PublicKey, SigningKey};
use serde::{Deserialize, Serialize};

use crate::agenda::{Agenda, Door};
use crate::badge::BadgeDigest;
use crate::signed::{self, Label};
use crate::text::{
    as_base64, as_instant, as_instant_opt, as_public_keys, as_text, as_texts, base64, parse_base64,
};

/// The version of the document.
pub const VERSION: u32 = 1;
/// The most bytes of a signed bundle.
pub const MAX_BUNDLE_BYTES: usize = 64 * 1024 * 1024;

/// The most ticket keys of an event.
pub const MAX_TICKET_KEYS: usize = 8;

/// How much of a name the screen shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamePolicy {
    /// No name.
    None,
    /// The first name.
    #[default]
    First,
    /// The full name.
    Full,
}

/// The event, as a door needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Its id.
    #[serde(with = "as_text")]
    pub id: EventId,
    /// Its title.
    pub title: String,
    /// Its IANA time zone.
    pub zone: String,
    /// Its languages, the first being the default.
    pub languages: Vec<String>,
}

/// One badge of the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterRow {
    /// The badge.
    #[serde(with = "as_text")]
    pub badge: BadgeDigest,
    /// Whose it is.
    #[serde(with = "as_text")]
    pub attendee: AttendeeId,
    /// From when the registration holds.
    #[serde(
        with = "as_instant_opt",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub valid_from: Option<UtcMs>,
    /// Until when it holds, exclusive.
    #[serde(
        with = "as_instant_opt",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub valid_until: Option<UtcMs>,
    /// Whether it was cancelled.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub cancelled: bool,
    /// What the screen may show, sealed: see [`crate::badge`].
    #[serde(with = "as_base64")]
    pub row: Vec<u8>,
}

/// A rule set's exact text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// Lower hex SHA-256 of the text.
    pub hash: String,
    /// The text: see [`crate::rules`].
    pub text: String,
}

/// Settings of the door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorPolicy {
    /// Within how many seconds the same badge is a repeat.
    pub repeat_s: u32,
    /// From how many seconds before a session to how many after its end the door counts it as on.
    pub margin_s: u32,
}

impl Default for DoorPolicy {
    fn default() -> Self {
        Self {
            repeat_s: 10,
            margin_s: 1_800,
        }
    }
}

/// What a kiosk is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`VERSION`].
    pub v: u32,
    /// Rises with every bundle of this kiosk.
    pub sequence: u64,
    /// For which kiosk.
    #[serde(with = "as_text")]
    pub kiosk: KioskId,
    /// For which door.
    pub door: Door,
    /// For which event.
    pub event: Event,
    /// When it was made.
    #[serde(with = "as_instant")]
    pub issued: UtcMs,
    /// When staff should worry that none newer came. A door goes on with an expired bundle, and says so.
    #[serde(with = "as_instant")]
    pub expires: UtcMs,
    /// Settings of the door.
    pub policy: DoorPolicy,
    /// SHA-256 of the agenda's object, lower hex.
    pub agenda_hash: String,
    /// The agenda.
    pub agenda: Agenda,
    /// The rule sets of its programmes.
    pub rules: Vec<RuleText>,
    /// SHA-256 of the registrations' object, lower hex.
    pub roster_hash: String,
    /// The roster.
    pub roster: Vec<RosterRow>,
    /// Badges that were replaced or taken back.
    #[serde(with = "as_texts")]
    pub revoked: Vec<BadgeDigest>,
    /// SHA-256 of the public keys (SPKI) that the issuer's TLS may show, current and next, lower hex. Empty without TLS.
    pub pins: Vec<String>,
    /// The issuer's word for the ledger's event origin, so that a kiosk knows which ledger it witnesses.
    pub ledger: String,
    /// How many kiosks the event has; 0 in bundles of unknown make.
    #[serde(default)]
    pub kiosks: u32,
    /// The keys by which the event's shop signs tickets: see [`crate::ticket`]. At most [`MAX_TICKET_KEYS`].
    #[serde(
        with = "as_public_keys",
        skip_serializing_if = "Vec::is_empty",
        default
    )]
    pub tickets: Vec<PublicKey>,
}

/// Why bytes are not this kiosk's bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// More than [`MAX_BUNDLE_BYTES`].
    #[error("the bundle has more than {MAX_BUNDLE_BYTES} bytes")]
    TooLarge,
    /// No signature line.
    #[error("the bundle does not begin with a signature line")]
    NoSignature,
    /// The signature is not the issuer's.
    #[error("the bundle is not signed by this kiosk's issuer")]
    NotSigned,
    /// The document does not parse.
    #[error("the bundle is malformed: {0}")]
    Malformed(String),
    /// For another kiosk or event.
    #[error("the bundle is for kiosk {kiosk} of event {event}")]
    Foreign {
        /// Its kiosk.
        kiosk: KioskId,
        /// Its event.
        event: EventId,
    },
    /// Not newer than the one in force.
    #[error(
        "the bundle has sequence {offered}, the one in force {held}: an older one is never taken"
    )]
    Older {
        /// Its sequence.
        offered: u64,
        /// The sequence in force.
        held: u64,
    },
}

/// Signs a bundle.
///
/// # Errors
/// Where it would be too large.
pub fn sign(bundle: &Bundle, key: &SigningKey) -> Result<Vec<u8>, BundleError> {
    let document = serde_json::to_vec(bundle).map_err(|e| BundleError::Malformed(e.to_string()))?;
    let signature = signed::sign(Label::Bundle, &document, key);
    let bytes = [base64(&signature).as_bytes(), b"\n", &document].concat();
    if bytes.len() > MAX_BUNDLE_BYTES {
        Err(BundleError::TooLarge)
    } else {
        Ok(bytes)
    }
}

/// Opens a signed bundle: signature first, then the document. Gives the bundle and the hash of the signed bytes.
///
/// # Errors
/// Where it is too large, not signed by the key, or malformed.
pub fn open(bytes: &[u8], issuer: &PublicKey) -> Result<(Bundle, Hash), BundleError> {
    if bytes.len() > MAX_BUNDLE_BYTES {
        return Err(BundleError::TooLarge);
    }
    let end = bytes
        .iter()
        .take(120)
        .position(|b| *b == b'\n')
        .ok_or(BundleError::NoSignature)?;
    let signature = std::str::from_utf8(&bytes[..end])
        .ok()
        .and_then(parse_base64)
        .ok_or(BundleError::NoSignature)?;
    let document = &bytes[end + 1..];
    if !signed::verifies(Label::Bundle, document, &signature, issuer) {
        return Err(BundleError::NotSigned);
    }
    let bundle: Bundle =
        serde_json::from_slice(document).map_err(|e| BundleError::Malformed(e.to_string()))?;
    if bundle.v != VERSION {
        return Err(BundleError::Malformed(format!(
            "version {} is not known here",
            bundle.v
        )));
    }
    if bundle.tickets.len() > MAX_TICKET_KEYS {
        return Err(BundleError::Malformed(format!(
            "it has more than {MAX_TICKET_KEYS} ticket keys"
        )));
    }
    Ok((bundle, evidence::sha256(bytes)))
}

/// Whether an opened bundle may come into force.
///
/// # Errors
/// Where it is another's, or not newer than `held`.
pub fn adoptable(
    bundle: &Bundle,
    kiosk: &KioskId,
    event: &EventId,
    held: Option<u64>,
) -> Result<(), BundleError> {
    if bundle.kiosk != *kiosk || bundle.event.id != *event {
        return Err(BundleError::Foreign {
            kiosk: bundle.kiosk.clone(),
            event: bundle.event.id.clone(),
        });
    }
    match held {
        Some(held) if bundle.sequence <= held => Err(BundleError::Older {
            offered: bundle.sequence,
            held,
        }),
        _ => Ok(()),
    }
}
