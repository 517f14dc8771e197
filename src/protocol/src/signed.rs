//! Signed statements: a label, the exact bytes, one Ed25519 signature.
//!
//! The signed message is `rollcall/<label>/v1`, a newline, then the bytes. One key signs several kinds of statement, so
//! every kind begins differently: these with `rollcall/`, checkpoints with their origin, cosignatures with
//! `cosignature/v1`, HTTP requests with `"@method"`. Issuer names may not be `rollcall` or `cosignature`, which keeps them apart.

use evidence::{PublicKey, SigningKey};

/// What is signed, by label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// A time answer.
    Time,
    /// A time code.
    TimeCode,
    /// A bundle.
    Bundle,
    /// A kiosk's proof, at enrolment, that it holds its key.
    Enrol,
    /// A badge that opens doors without a roster.
    Badge,
    /// A badge by which staff tell a door what to do.
    StaffBadge,
}

impl Label {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::TimeCode => "time-code",
            Self::Bundle => "bundle",
            Self::Enrol => "enrol",
            Self::Badge => "badge",
            Self::StaffBadge => "staff-badge",
        }
    }

    fn message(self, bytes: &[u8]) -> Vec<u8> {
        let mut message = format!("rollcall/{}/v1\n", self.as_str()).into_bytes();
        message.extend_from_slice(bytes);
        message
    }
}

/// The signature of a statement.
pub fn sign(label: Label, bytes: &[u8], key: &SigningKey) -> [u8; evidence::SIGNATURE_BYTES] {
    key.sign(&label.message(bytes))
}

/// Whether the signature is the key's over this statement.
pub fn verifies(label: Label, bytes: &[u8], signature: &[u8], key: &PublicKey) -> bool {
    key.verify(&label.message(bytes), signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_does_not_stand_for_another() {
        let key = SigningKey::from_seed(&[1; 32]);
        let signature = sign(Label::Time, b"x", &key);
        assert!(verifies(Label::Time, b"x", &signature, &key.public_key()));
        assert!(!verifies(
            Label::Bundle,
            b"x",
            &signature,
            &key.public_key()
        ));
        assert!(!verifies(Label::Time, b"y", &signature, &key.public_key()));
        assert!(!verifies(
            Label::Time,
            b"x",
            &signature,
            &SigningKey::from_seed(&[2; 32]).public_key()
        ));
    }
}
