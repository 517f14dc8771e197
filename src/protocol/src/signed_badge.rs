//! Badges that the issuer signed: they open a door that has no roster, or one that was made before they were.
//!
//! Format: `RCB1` and 90 bytes in base32, 148 characters in all, a QR code of version 6. The bytes: the first four of the hash of the issuer's
//! key; the first four of the hash of the event's id; a serial number, ten; from and until when it holds, in minutes since 1970, four each,
//! where 0 is no bound; then Ed25519 by the issuer's key over those 26 and the event's id under the label `badge`. Numbers are big-endian. A
//! badge has one text, and its digest is any badge's.
//!
//! What it says: this issuer made it for this event. Whose it is the registrations say, and whether it was taken back.

use attendance::UtcMs;
use attendance::words::EventId;
use evidence::{PublicKey, SIGNATURE_BYTES, SigningKey};

use crate::base32;
use crate::signed::{self, Label};
use crate::tags::{of_parties, statement};

/// How a signed badge begins. No other badge does.
pub const PREFIX: &str = "RCB1";
/// The characters of a signed badge.
pub const BADGE_CHARS: usize = 148;
/// The bytes of a serial number.
pub const SERIAL_BYTES: usize = 10;

const SIGNED_BYTES: usize = 26;
const BYTES: usize = SIGNED_BYTES + SIGNATURE_BYTES;
const MINUTE_MS: i64 = 60_000;

/// Why a text is no signed badge of this event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadgeError {
    /// It does not have the form: a bad read, or something else.
    #[error("it is not a whole signed badge")]
    Malformed,
    /// It is of another issuer or event, or so it says.
    #[error("it is a badge of another event")]
    Foreign,
    /// The issuer did not sign it for this event.
    #[error("the issuer did not sign this badge")]
    Unsigned,
}

impl BadgeError {
    /// A code for notes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "badge_malformed",
            Self::Foreign => "badge_foreign",
            Self::Unsigned => "badge_unsigned",
        }
    }
}

/// When a badge holds: whole minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// From when; always, where there is no bound.
    pub from: Option<UtcMs>,
    /// Until when, exclusive; for ever, where there is no bound.
    pub until: Option<UtcMs>,
}

impl Validity {
    /// The same in whole minutes: never shorter. `None` where a bound has no place in a badge.
    fn minutes(self) -> Option<(u32, u32)> {
        let minute = |ms: i64| u32::try_from(ms).ok().filter(|minute| *minute > 0);
        let from = self
            .from
            .map_or(Some(0), |at| minute(at.0.div_euclid(MINUTE_MS)))?;
        let until = self.until.map_or(Some(0), |at| {
            let whole = at.0.checked_add(MINUTE_MS - 1)?;
            minute(whole.div_euclid(MINUTE_MS))
        })?;
        Some((from, until))
    }
}

/// Whether a text means to be a signed badge, whole and signed or not.
pub fn is_signed_badge(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Makes a badge. `None` where a bound lies before 1970 or after the year 10135.
pub fn make(
    event: &EventId,
    validity: Validity,
    serial: [u8; SERIAL_BYTES],
    key: &SigningKey,
) -> Option<String> {
    let (from, until) = validity.minutes()?;
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.extend_from_slice(&of_parties(&key.public_key(), event));
    bytes.extend_from_slice(&serial);
    bytes.extend_from_slice(&from.to_be_bytes());
    bytes.extend_from_slice(&until.to_be_bytes());
    let signature = signed::sign(Label::Badge, &statement(&bytes, event), key);
    bytes.extend_from_slice(&signature);
    Some(format!("{PREFIX}{}", base32::encode(&bytes)))
}

/// Reads a badge that this issuer signed for this event. `text` is a badge's canonical text.
///
/// # Errors
/// See [`BadgeError`].
pub fn open(text: &str, event: &EventId, issuer_key: &PublicKey) -> Result<Validity, BadgeError> {
    let digits = text.strip_prefix(PREFIX).ok_or(BadgeError::Malformed)?;
    let bytes: [u8; BYTES] = base32::decode(digits).ok_or(BadgeError::Malformed)?;
    let (says, signature) = bytes.split_at(SIGNED_BYTES);
    if !says.starts_with(&of_parties(issuer_key, event)) {
        return Err(BadgeError::Foreign);
    }
    if !signed::verifies(Label::Badge, &statement(says, event), signature, issuer_key) {
        return Err(BadgeError::Unsigned);
    }
    let bound = |at: usize| {
        let minute = says[at..at + 4]
            .iter()
            .fold(0_i64, |number, byte| (number << 8) | i64::from(*byte));
        (minute > 0).then(|| UtcMs(minute * MINUTE_MS))
    };
    Ok(Validity {
        from: bound(SIGNED_BYTES - 8),
        until: bound(SIGNED_BYTES - 4),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const NINE: i64 = 1_795_424_400_000;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[1; 32])
    }

    fn event(id: &str) -> EventId {
        EventId::new(id).unwrap()
    }

    fn badge(validity: Validity) -> String {
        make(&event("gp-2026"), validity, [7; SERIAL_BYTES], &key()).unwrap()
    }

    #[test]
    fn a_badge_of_another_event_or_issuer_is_told_from_a_forged_one() {
        let text = badge(Validity::default());
        let issuer = key().public_key();
        assert_eq!(text.len(), BADGE_CHARS);
        let opened = |event_id: &str, key: &PublicKey| open(&text, &event(event_id), key);
        assert_eq!(opened("gp-2026", &issuer), Ok(Validity::default()));
        assert_eq!(opened("gp-2027", &issuer), Err(BadgeError::Foreign));
        let other = SigningKey::from_seed(&[2; 32]).public_key();
        assert_eq!(opened("gp-2026", &other), Err(BadgeError::Foreign));
    }

    #[test]
    fn a_flipped_character_anywhere_is_noticed() {
        let text = badge(Validity::default());
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'Q' { b'R' } else { b'Q' };
            let other = String::from_utf8(other).unwrap();
            let opened = open(&other, &event("gp-2026"), &key().public_key());
            assert!(opened.is_err(), "{at}");
        }
    }

    #[test]
    fn bounds_are_whole_minutes_and_never_shorter_than_asked() {
        let open = |validity| {
            let text = badge(validity);
            super::open(&text, &event("gp-2026"), &key().public_key()).unwrap()
        };
        let asked = Validity {
            from: Some(UtcMs(NINE + 59_999)),
            until: Some(UtcMs(NINE + 1)),
        };
        let held = Validity {
            from: Some(UtcMs(NINE)),
            until: Some(UtcMs(NINE + MINUTE_MS)),
        };
        assert_eq!(open(asked), held);
        assert_eq!(open(held), held);
        for bound in [i64::MIN, -1, 0, i64::MAX] {
            let validity = Validity {
                from: None,
                until: Some(UtcMs(bound)),
            };
            let made = make(&event("e"), validity, [0; SERIAL_BYTES], &key());
            assert_eq!(made, None, "{bound}");
        }
    }

    #[test]
    fn another_label_is_no_badge() {
        let text = badge(Validity::default());
        let mut bytes: [u8; BYTES] = base32::decode(&text[PREFIX.len()..]).unwrap();
        let says = statement(&bytes[..SIGNED_BYTES], &event("gp-2026"));
        bytes[SIGNED_BYTES..].copy_from_slice(&signed::sign(Label::TimeCode, &says, &key()));
        let forged = format!("{PREFIX}{}", base32::encode(&bytes));
        let opened = open(&forged, &event("gp-2026"), &key().public_key());
        assert_eq!(opened, Err(BadgeError::Unsigned));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,160}", digits in "RCB1[A-Z2-7]{144}") {
            let issuer = key().public_key();
            prop_assert!(open(&text, &event("gp-2026"), &issuer).is_err());
            prop_assert!(open(&digits, &event("gp-2026"), &issuer).is_err());
        }
    }
}
