//! Badges by which staff tell a door what to do: a door needs no keyboard.
//!
//! Format: `RCS1` and 85 bytes in base32, 140 characters in all, a QR code of version 6. The bytes: the first four of the hash of the issuer's
//! key; the first four of the hash of the event's id; what to do, one; whose it is, the first twelve of the hash of the account's id; then
//! Ed25519 by the issuer's key over those 21 and the event's id under the label `staff-badge`. Signatures of Ed25519 are the same each time, so
//! an account has one text for each thing to do: the issuer tells from a digest whose badge it was, and keeps no list.
//!
//! Limits: whoever copies a staff badge has it. It moves no scan and takes none out of the evidence; a lost one is taken back with its account.

use attendance::words::EventId;
use evidence::{PublicKey, SIGNATURE_BYTES, SigningKey, sha256};

use crate::base32;
use crate::signed::{self, Label};
use crate::tags::{PARTIES_BYTES, of_parties, statement};

/// How a staff badge begins. No other badge does.
pub const PREFIX: &str = "RCS1";
/// The characters of a staff badge.
pub const STAFF_BADGE_CHARS: usize = 140;

const HOLDER_BYTES: usize = 12;
const SIGNED_BYTES: usize = PARTIES_BYTES + 1 + HOLDER_BYTES;
const BYTES: usize = SIGNED_BYTES + SIGNATURE_BYTES;

/// What a staff badge tells a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StaffAct {
    /// Readers without a direction of their own let people in.
    In,
    /// They let people out.
    Out,
    /// They do both by turns.
    Toggle,
    /// The badge that is scanned next was scanned by mistake.
    TakeBack,
}

impl StaffAct {
    /// Everything there is to tell.
    pub const ALL: &'static [Self] = &[Self::In, Self::Out, Self::Toggle, Self::TakeBack];

    /// The word in a journal's `staff` entries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "direction_in",
            Self::Out => "direction_out",
            Self::Toggle => "direction_toggle",
            Self::TakeBack => "take_back",
        }
    }

    const fn byte(self) -> u8 {
        match self {
            Self::In => 1,
            Self::Out => 2,
            Self::Toggle => 3,
            Self::TakeBack => 4,
        }
    }
}

/// Why a text is no staff badge of this event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StaffBadgeError {
    /// It does not have the form: a bad read, or something newer.
    #[error("it is not a whole staff badge")]
    Malformed,
    /// It is of another issuer or event, or so it says.
    #[error("it is a staff badge of another event")]
    Foreign,
    /// The issuer did not sign it for this event.
    #[error("the issuer did not sign this staff badge")]
    Unsigned,
}

impl StaffBadgeError {
    /// A code for notes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "staff_badge_malformed",
            Self::Foreign => "staff_badge_foreign",
            Self::Unsigned => "staff_badge_unsigned",
        }
    }
}

/// Whether a text means to be a staff badge, whole and signed or not.
pub fn is_staff_badge(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// The badge of an account for one thing to do; the same each time.
pub fn make(event: &EventId, act: StaffAct, account: &str, key: &SigningKey) -> String {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.extend_from_slice(&of_parties(&key.public_key(), event));
    bytes.push(act.byte());
    bytes.extend_from_slice(&sha256(account.as_bytes()).as_bytes()[..HOLDER_BYTES]);
    let signature = signed::sign(Label::StaffBadge, &statement(&bytes, event), key);
    bytes.extend_from_slice(&signature);
    format!("{PREFIX}{}", base32::encode(&bytes))
}

/// Reads a badge that this issuer signed for this event. `text` is a badge's canonical text.
///
/// # Errors
/// See [`StaffBadgeError`].
pub fn open(
    text: &str,
    event: &EventId,
    issuer_key: &PublicKey,
) -> Result<StaffAct, StaffBadgeError> {
    let digits = text
        .strip_prefix(PREFIX)
        .ok_or(StaffBadgeError::Malformed)?;
    let bytes: [u8; BYTES] = base32::decode(digits).ok_or(StaffBadgeError::Malformed)?;
    let (says, signature) = bytes.split_at(SIGNED_BYTES);
    if !says.starts_with(&of_parties(issuer_key, event)) {
        return Err(StaffBadgeError::Foreign);
    }
    let is_signed = signed::verifies(
        Label::StaffBadge,
        &statement(says, event),
        signature,
        issuer_key,
    );
    if !is_signed {
        return Err(StaffBadgeError::Unsigned);
    }
    let known = StaffAct::ALL.iter().copied();
    let mut meant = known.filter(|act| act.byte() == says[PARTIES_BYTES]);
    meant.next().ok_or(StaffBadgeError::Malformed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[1; 32])
    }

    fn event(id: &str) -> EventId {
        EventId::new(id).unwrap()
    }

    fn badge(act: StaffAct) -> String {
        make(&event("gp-2026"), act, "ada", &key())
    }

    #[test]
    fn each_account_has_one_badge_for_each_thing_to_do() {
        let issuer = key().public_key();
        let mut seen = std::collections::BTreeSet::new();
        for account in ["ada", "grace"] {
            for act in StaffAct::ALL {
                let text = make(&event("gp-2026"), *act, account, &key());
                assert_eq!(text.len(), STAFF_BADGE_CHARS);
                assert_eq!(open(&text, &event("gp-2026"), &issuer), Ok(*act));
                assert_eq!(text, make(&event("gp-2026"), *act, account, &key()));
                assert!(seen.insert(text));
            }
        }
    }

    #[test]
    fn another_event_issuer_or_label_is_refused_by_its_name() {
        let text = badge(StaffAct::In);
        let issuer = key().public_key();
        let foreign = Err(StaffBadgeError::Foreign);
        assert_eq!(open(&text, &event("gp-2027"), &issuer), foreign);
        let other = SigningKey::from_seed(&[2; 32]).public_key();
        assert_eq!(open(&text, &event("gp-2026"), &other), foreign);

        let mut bytes: [u8; BYTES] = base32::decode(&text[PREFIX.len()..]).unwrap();
        let says = statement(&bytes[..SIGNED_BYTES], &event("gp-2026"));
        bytes[SIGNED_BYTES..].copy_from_slice(&signed::sign(Label::Badge, &says, &key()));
        let forged = format!("{PREFIX}{}", base32::encode(&bytes));
        let opened = open(&forged, &event("gp-2026"), &issuer);
        assert_eq!(opened, Err(StaffBadgeError::Unsigned));
    }

    #[test]
    fn what_is_signed_and_unknown_is_no_badge() {
        let text = badge(StaffAct::In);
        let mut bytes: [u8; BYTES] = base32::decode(&text[PREFIX.len()..]).unwrap();
        bytes[PARTIES_BYTES] = 9;
        let says = statement(&bytes[..SIGNED_BYTES], &event("gp-2026"));
        bytes[SIGNED_BYTES..].copy_from_slice(&signed::sign(Label::StaffBadge, &says, &key()));
        let newer = format!("{PREFIX}{}", base32::encode(&bytes));
        let opened = open(&newer, &event("gp-2026"), &key().public_key());
        assert_eq!(opened, Err(StaffBadgeError::Malformed));
    }

    #[test]
    fn a_flipped_character_anywhere_is_noticed() {
        let text = badge(StaffAct::TakeBack);
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'Q' { b'R' } else { b'Q' };
            let other = String::from_utf8(other).unwrap();
            let opened = open(&other, &event("gp-2026"), &key().public_key());
            assert!(opened.is_err(), "{at}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,160}", digits in "RCS1[A-Z2-7]{136}") {
            let issuer = key().public_key();
            prop_assert!(open(&text, &event("gp-2026"), &issuer).is_err());
            prop_assert!(open(&digits, &event("gp-2026"), &issuer).is_err());
        }
    }
}
