//! Signed time codes: the issuer's time on an organiser's phone, scanned at a door that has no network.
//!
//! Format: `RCT1` and 80 bytes in base32 (RFC 4648, upper case, without padding), 132 characters in all, each of which a QR
//! code holds in five and a half bits. The bytes: the first four of the hash of the issuer's key; the issuer's clock in
//! milliseconds since 1970, six bytes; its error in milliseconds, three; a nonce, three; then Ed25519 by the issuer's key
//! over those sixteen under the label `time-code`. Numbers are big-endian. A code has one text.
//!
//! What it says: nobody had it before its time. How old it was when it was scanned only those know who scanned it.

use attendance::UtcMs;
use evidence::{PublicKey, SIGNATURE_BYTES, SigningKey, sha256};

use crate::base32;
use crate::signed::{self, Label};

/// How a time code begins. No badge does.
pub const PREFIX: &str = "RCT1";
/// The characters of a time code.
pub const CODE_CHARS: usize = 132;
/// The greatest error that a code can state, in milliseconds.
pub const MAX_ERROR_MS: u32 = 0x00ff_ffff;

const ISSUER_BYTES: usize = 4;
const SIGNED_BYTES: usize = 16;
const CODE_BYTES: usize = SIGNED_BYTES + SIGNATURE_BYTES;

/// Why a text is no time code of this issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeCodeError {
    /// It does not have the form: a bad read, or something else.
    #[error("it is not a whole time code")]
    Malformed,
    /// Another issuer's key made it, or so it says.
    #[error("it is another issuer's time code")]
    Foreign,
    /// The issuer did not sign it.
    #[error("the issuer did not sign this time code")]
    Unsigned,
}

impl TimeCodeError {
    /// A code for notes and quarantine.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "time_code_malformed",
            Self::Foreign => "time_code_foreign",
            Self::Unsigned => "time_code_unsigned",
        }
    }
}

/// What a time code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeCode {
    /// The issuer's clock when it made the code.
    pub at: UtcMs,
    /// The issuer's bound on its own error in milliseconds.
    pub error_ms: u32,
}

impl TimeCode {
    /// Before what nobody had it.
    pub fn not_before(self) -> UtcMs {
        self.at.plus_ms(-i64::from(self.error_ms))
    }

    /// After what it was too old to be scanned.
    pub fn not_after(self, age_ms: u32) -> UtcMs {
        self.at
            .plus_ms(i64::from(self.error_ms) + i64::from(age_ms))
    }
}

/// Whether a text means to be a time code, whole and signed or not.
pub fn is_time_code(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Makes a code. `error_ms` above [`MAX_ERROR_MS`] is stated as that.
pub fn make(at: UtcMs, error_ms: u32, nonce: [u8; 3], key: &SigningKey) -> String {
    let held = at.clamp(UtcMs::DISTANT_PAST, UtcMs::DISTANT_FUTURE);
    let mut bytes = Vec::with_capacity(CODE_BYTES);
    bytes.extend_from_slice(&issuer_id(&key.public_key()));
    bytes.extend_from_slice(&held.0.to_be_bytes()[2..]);
    bytes.extend_from_slice(&error_ms.min(MAX_ERROR_MS).to_be_bytes()[1..]);
    bytes.extend_from_slice(&nonce);
    let signature = signed::sign(Label::TimeCode, &bytes, key);
    bytes.extend_from_slice(&signature);
    format!("{PREFIX}{}", base32::encode(&bytes))
}

/// Reads a code that this issuer signed.
///
/// # Errors
/// See [`TimeCodeError`].
pub fn open(text: &str, issuer_key: &PublicKey) -> Result<TimeCode, TimeCodeError> {
    let bytes = code_bytes(text).ok_or(TimeCodeError::Malformed)?;
    let code = said(&bytes).ok_or(TimeCodeError::Malformed)?;
    let (says, signature) = bytes.split_at(SIGNED_BYTES);
    if !says.starts_with(&issuer_id(issuer_key)) {
        return Err(TimeCodeError::Foreign);
    }
    if !signed::verifies(Label::TimeCode, says, signature, issuer_key) {
        return Err(TimeCodeError::Unsigned);
    }
    Ok(code)
}

/// What a code says, whoever signed it. `None` where it does not have the form.
pub fn read(text: &str) -> Option<TimeCode> {
    said(&code_bytes(text)?)
}

fn said(bytes: &[u8; CODE_BYTES]) -> Option<TimeCode> {
    let number = |from: usize, to: usize| {
        bytes[from..to]
            .iter()
            .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte))
    };
    let at = UtcMs(i64::try_from(number(ISSUER_BYTES, 10)).ok()?);
    let error_ms = u32::try_from(number(10, 13)).ok()?;
    (at <= UtcMs::DISTANT_FUTURE).then_some(TimeCode { at, error_ms })
}

fn issuer_id(key: &PublicKey) -> [u8; ISSUER_BYTES] {
    let hash = sha256(key.as_bytes());
    let mut id = [0; ISSUER_BYTES];
    id.copy_from_slice(&hash.as_bytes()[..ISSUER_BYTES]);
    id
}

/// The bytes of a text that is a prefix and the right number of digits.
fn code_bytes(text: &str) -> Option<[u8; CODE_BYTES]> {
    base32::decode(text.strip_prefix(PREFIX)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const NOON: UtcMs = UtcMs(1_795_435_200_000);

    fn key() -> SigningKey {
        SigningKey::from_seed(&[1; 32])
    }

    #[test]
    fn a_code_of_another_issuer_is_told_from_a_forged_one() {
        let code = make(NOON, 250, [1, 2, 3], &key());
        let issuer = key().public_key();
        assert_eq!(code.len(), CODE_CHARS);
        let says = TimeCode {
            at: NOON,
            error_ms: 250,
        };
        assert_eq!(open(&code, &issuer), Ok(says));
        assert_eq!(read(&code), Some(says));
        let other = SigningKey::from_seed(&[2; 32]).public_key();
        assert_eq!(open(&code, &other), Err(TimeCodeError::Foreign));
        assert_eq!(says.not_before(), NOON.plus_ms(-250));
        assert_eq!(says.not_after(60_000), NOON.plus_ms(60_250));
    }

    #[test]
    fn a_flipped_character_anywhere_is_noticed() {
        let code = make(NOON, 250, [1, 2, 3], &key());
        let issuer = key().public_key();
        for at in 0..code.len() {
            let mut other = code.clone().into_bytes();
            other[at] = if other[at] == b'Q' { b'R' } else { b'Q' };
            let other = String::from_utf8(other).unwrap();
            assert!(open(&other, &issuer).is_err(), "{at}");
        }
    }

    #[test]
    fn other_forms_are_no_codes() {
        let code = make(NOON, 250, [1, 2, 3], &key());
        let issuer = key().public_key();
        let cut = &code[..CODE_CHARS - 1];
        let lower = code.to_lowercase();
        let longer = format!("{code}A");
        let wide = format!("{}\u{c4}", &code[..CODE_CHARS - 2]);
        for bad in ["", "RCT1", cut, &lower, &longer, &wide, &code[4..]] {
            assert_eq!(open(bad, &issuer), Err(TimeCodeError::Malformed), "{bad}");
        }
        assert!(is_time_code(cut) && !is_time_code(&lower));
    }

    proptest! {
        #[test]
        fn whatever_is_made_reads_back(at in 0..=UtcMs::DISTANT_FUTURE.0, error_ms: u32, nonce: [u8; 3]) {
            let code = make(UtcMs(at), error_ms, nonce, &key());
            let says = TimeCode { at: UtcMs(at), error_ms: error_ms.min(MAX_ERROR_MS) };
            prop_assert_eq!(open(&code, &key().public_key()), Ok(says));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,140}", digits in "RCT1[A-Z2-7]{128}") {
            let issuer = key().public_key();
            let _ = read(&text);
            prop_assert!(open(&text, &issuer).is_err());
            prop_assert!(open(&digits, &issuer).is_err());
        }
    }
}
