//! Passwords as argon2id, in PHC strings.
//!
//! Contract: [`hash`] gives what an account stores; [`verify`] says whether a password is the one behind it. Both take tens
//! of milliseconds and 19 MiB, so asynchronous callers run them on a thread for that, a few at a time. Looking at an
//! account that does not exist costs the same: see [`verify_or_pretend`].

use std::sync::OnceLock;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

/// The fewest characters of a new password.
pub const MIN_PASSWORD_CHARS: usize = 12;
/// The most bytes of a password.
pub const MAX_PASSWORD_BYTES: usize = 256;
/// Memory in KiB, passes and lanes, as OWASP's password storage cheat sheet has them for argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// Why a password is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too few characters.
    #[error(
        "the password is too short: use at least {MIN_PASSWORD_CHARS} characters, a few words for example"
    )]
    TooShort,
    /// Too many bytes.
    #[error("the password is longer than {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// The system gives no random bytes, or the hash could not be made.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

fn engine() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .expect("the constants are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// What an account stores for a new password.
///
/// # Errors
/// Where it is too short or too long, or where the system gives no random bytes.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < MIN_PASSWORD_CHARS {
        return Err(PasswordError::TooShort);
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(PasswordError::TooLong);
    }
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|e| PasswordError::Failed(e.to_string()))?;
    let salt = SaltString::encode_b64(&salt).map_err(|e| PasswordError::Failed(e.to_string()))?;
    engine()
        .hash_password(password.as_bytes(), &salt)
        .map(|hashed| hashed.to_string())
        .map_err(|e| PasswordError::Failed(e.to_string()))
}

/// Whether the password is the one behind a PHC string. A string that does not read fits no password.
pub fn verify(password: &str, phc: &str) -> bool {
    if password.len() > MAX_PASSWORD_BYTES {
        return false;
    }
    PasswordHash::new(phc)
        .and_then(|hashed| engine().verify_password(password.as_bytes(), &hashed))
        .is_ok()
}

/// As [`verify`], and where there is no account the same work against a hash that nobody knows the password of.
pub fn verify_or_pretend(password: &str, phc: Option<&str>) -> bool {
    let known = verify(password, phc.unwrap_or_else(|| decoy()));
    known && phc.is_some()
}

fn decoy() -> &'static str {
    static DECOY: OnceLock<String> = OnceLock::new();
    DECOY.get_or_init(|| hash("a hash for accounts that do not exist").unwrap_or_default())
}

/// Makes the decoy, so that the first attempt at an unknown account takes no longer than others.
pub(super) fn prepare() {
    let _ = decoy();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let phc = hash("correct horse battery").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(verify("correct horse battery", &phc));
        assert!(!verify("correct horse batterz", &phc));
        assert!(!verify("correct horse battery", "no hash"));
        assert_ne!(phc, hash("correct horse battery").unwrap());
    }

    #[test]
    fn unknown_accounts_cost_the_same_and_never_fit() {
        assert!(decoy().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!verify_or_pretend(
            "a hash for accounts that do not exist",
            None
        ));
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(hash("eleven char"), Err(PasswordError::TooShort));
        assert_eq!(
            hash(&"x".repeat(MAX_PASSWORD_BYTES + 1)),
            Err(PasswordError::TooLong)
        );
        assert!(hash(&"ü".repeat(MIN_PASSWORD_CHARS)).is_ok());
        assert!(!verify(&"x".repeat(MAX_PASSWORD_BYTES + 1), decoy()));
    }
}
