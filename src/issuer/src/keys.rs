//! The issuer's keys: the master key in a file, everything else sealed under it.
//!
//! Promises:
//! - The master key lies in one file that only its owner can read, is made once, and never prints. Nothing private in the
//!   database can be read without it, so it is backed up apart from the database.
//! - A sealed text is XChaCha20-Poly1305 under a random nonce, bound to what it is: one that is moved to another place
//!   does not open.
//! - Each attendee's data is sealed under a data key of their own, which lies wrapped beside it; destroying that key erases
//!   the person.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use attendance::words::{AttendeeId, EventId};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use evidence::SigningKey;
use hmac::{Hmac, Mac as _};
use protocol::badge::BadgeKey;
use protocol::subject::SubjectDigest;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use crate::sources::observed::Label;
use crate::store::{Store, StoreError};

/// The bytes of every key here.
pub const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const DOMAIN: &str = "rollcall-issuer/v1";
const ISSUER_KEY: &str = "issuer_key";
const MASTER_KEY_ID: &str = "master_key_id";

/// Where random bytes come from. Tests give their own.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// The system's random bytes.
pub fn system_random() -> Random {
    Arc::new(|bytes| getrandom::fill(bytes).expect("the system gives random bytes"))
}

/// Random bytes of a fixed number.
pub fn random<const N: usize>(random: &Random) -> [u8; N] {
    let mut bytes = [0; N];
    random(&mut bytes);
    bytes
}

/// Random text of small letters and digits that are not mistaken for each other: 5 bits each.
pub fn random_text(random: &Random, letters: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = vec![0; letters];
    random(&mut bytes);
    bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}

/// A key that seals. It is wiped when dropped and never prints.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SealKey([u8; KEY_BYTES]);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

impl SealKey {
    /// From its random bytes.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&self.0).into())
    }

    /// Seals bytes as what `what` says: the nonce, then the ciphertext.
    pub fn seal(&self, what: &str, plain: &[u8], random_bytes: &Random) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random(random_bytes);
        let aad = format!("{DOMAIN}\n{what}");
        let payload = Payload {
            msg: plain,
            aad: aad.as_bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt(XNonce::from_slice(&nonce), payload)
            .expect("what is sealed is far below the cipher's limit");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`SealKey::seal`] made as the same `what`; `None` for anything else.
    pub fn open(&self, what: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let aad = format!("{DOMAIN}\n{what}");
        let payload = Payload {
            msg: sealed,
            aad: aad.as_bytes(),
        };
        self.cipher()
            .decrypt(XNonce::from_slice(nonce), payload)
            .ok()
            .map(Zeroizing::new)
    }

    /// Another key, derived for one use.
    fn derive(&self, purpose: &str) -> [u8; KEY_BYTES] {
        let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&self.0)
            .expect("HMAC takes a key of any length");
        mac.update(format!("{DOMAIN}\n{purpose}").as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Why the keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or made.
    #[error("the master key {path} cannot be used: {cause}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Others can read it.
    #[error("the master key {path} can be read by others: run `chmod 600 {path}`")]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// It is not a key.
    #[error("{path} is not a master key: it must be 64 digits of lower hex; restore its backup")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The database was made under another key.
    #[error(
        "the master key {path} is not the one this database was made with, or it is missing: restore its backup; \
         without it nothing private in the database can be read"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads the master key, or makes it where `may_make` says that nothing was sealed yet.
fn master_key(path: &Path, may_make: bool, random_bytes: &Random) -> Result<SealKey, KeyFileError> {
    let unusable = |cause| KeyFileError::Unusable {
        path: path.to_owned(),
        cause,
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(cause) if cause.kind() == ErrorKind::NotFound && may_make => {
            return make_master_key(path, random_bytes).map_err(unusable);
        }
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            let path = path.to_owned();
            return Err(KeyFileError::Foreign { path });
        }
        Err(cause) => return Err(unusable(cause)),
    };
    if fs::metadata(path).map_err(unusable)?.mode() & 0o077 != 0 {
        let path = path.to_owned();
        return Err(KeyFileError::Open { path });
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    match hex::decode_to_slice(text.trim(), bytes.as_mut()) {
        Ok(()) => Ok(SealKey(*bytes)),
        Err(_) => Err(KeyFileError::Malformed {
            path: path.to_owned(),
        }),
    }
}

fn make_master_key(path: &Path, random_bytes: &Random) -> std::io::Result<SealKey> {
    let key = SealKey(random(random_bytes));
    let mut text = Zeroizing::new(hex::encode(key.0));
    text.push('\n');
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // A key that a power cut loses after the first thing was sealed under it loses that thing.
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all()?,
        _ => {}
    }
    Ok(key)
}

/// The issuer's keys.
#[derive(Debug)]
pub struct Keys {
    /// Signs bundles, receipts, ledgers and time answers.
    pub signing: SigningKey,
    master: SealKey,
    nonces: SealKey,
}

impl Keys {
    /// Reads the keys of this database, making them at its first start.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn load(
        path: &Path,
        store: &dyn Store,
        random_bytes: &Random,
    ) -> Result<Self, KeyFileError> {
        let known = store.setting(MASTER_KEY_ID)?;
        let master = master_key(path, known.is_none(), random_bytes)?;
        let id = master.derive("id");
        if store.set_once(MASTER_KEY_ID, &id)? != id {
            let path = path.to_owned();
            return Err(KeyFileError::Foreign { path });
        }
        let mut seed: [u8; KEY_BYTES] = random(random_bytes);
        let sealed = master.seal(ISSUER_KEY, &seed, random_bytes);
        seed.zeroize();
        let sealed = store.set_once(ISSUER_KEY, &sealed)?;
        let seed = master
            .open(ISSUER_KEY, &sealed)
            .and_then(|seed| <[u8; KEY_BYTES]>::try_from(seed.as_slice()).ok())
            .map(Zeroizing::new)
            .ok_or_else(|| StoreError::Damaged("the issuer's key does not open".to_owned()))?;
        Ok(Self {
            signing: SigningKey::from_seed(&seed),
            nonces: SealKey(master.derive("nonces")),
            master,
        })
    }

    /// The key of the nonces that requests carry.
    pub fn nonces(&self) -> &[u8; KEY_BYTES] {
        &self.nonces.0
    }

    /// Seals an event's badge key.
    pub fn seal_badge_key(&self, event: &EventId, key: &BadgeKey, random: &Random) -> Vec<u8> {
        self.master
            .seal(&format!("badge-key/{event}"), key.as_bytes(), random)
    }

    /// Opens an event's badge key.
    pub fn open_badge_key(&self, event: &EventId, sealed: &[u8]) -> Option<BadgeKey> {
        let bytes = self.master.open(&format!("badge-key/{event}"), sealed)?;
        Some(BadgeKey::from_bytes(bytes.as_slice().try_into().ok()?))
    }

    /// Seals the secret that a source's signatures are checked with.
    pub fn seal_source_secret(&self, source: &str, secret: &[u8], random: &Random) -> Vec<u8> {
        self.master
            .seal(&format!("source-secret/{source}"), secret, random)
    }

    /// Opens what [`Keys::seal_source_secret`] sealed of the same source.
    pub fn open_source_secret(&self, source: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.master.open(&format!("source-secret/{source}"), sealed)
    }

    /// Seals how a source shows a person whom nobody has matched to an attendee yet.
    pub fn seal_label(
        &self,
        event: &EventId,
        subject: SubjectDigest,
        label: &Label,
        random: &Random,
    ) -> Vec<u8> {
        let plain = serde_json::to_vec(label).expect("a label of texts serialises");
        let plain = Zeroizing::new(plain);
        let what = format!("label/{event}/{subject}");
        self.master.seal(&what, &plain, random)
    }

    /// Opens what [`Keys::seal_label`] sealed of the same subject.
    pub fn open_label(
        &self,
        event: &EventId,
        subject: SubjectDigest,
        sealed: &[u8],
    ) -> Option<Label> {
        let what = format!("label/{event}/{subject}");
        let plain = self.master.open(&what, sealed)?;
        serde_json::from_slice(&plain).ok()
    }

    /// A new data key for an attendee, and its wrapped form.
    pub fn new_data_key(
        &self,
        event: &EventId,
        attendee: &AttendeeId,
        random_bytes: &Random,
    ) -> (SealKey, Vec<u8>) {
        let key = SealKey(random(random_bytes));
        let what = format!("data-key/{event}/{attendee}");
        let wrapped = self.master.seal(&what, &key.0, random_bytes);
        (key, wrapped)
    }

    /// Unwraps an attendee's data key.
    pub fn data_key(
        &self,
        event: &EventId,
        attendee: &AttendeeId,
        wrapped: &[u8],
    ) -> Option<SealKey> {
        let what = format!("data-key/{event}/{attendee}");
        let bytes = self.master.open(&what, wrapped)?;
        Some(SealKey(bytes.as_slice().try_into().ok()?))
    }
}

/// What is known of an attendee. It is sealed wherever it lies, and does not print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The document's version.
    pub v: u32,
    /// The full name.
    pub name: String,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<String>,
    /// Employer or association.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub organisation: Option<String>,
    /// The language they read, as a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub language: Option<String>,
    /// The canonical texts of their badges.
    pub badges: Vec<String>,
    /// Where they stand in the ticket shop; none where they did not come from one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<ShopPosition>,
    /// Their ids in other systems that sent them, one a source, by source.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub externals: Vec<External>,
}

/// An id of another system.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct External {
    /// The source that sent it.
    pub source: String,
    /// The id there.
    pub id: String,
}

/// A position of a ticket shop: its number stays when badge, name or order change.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopPosition {
    /// The number.
    pub id: u64,
    /// The code of the order it is in.
    pub order: String,
    /// Its number within the order; none where nobody said it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub number: Option<u64>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").finish_non_exhaustive()
    }
}

impl Person {
    /// The version of the document.
    pub const VERSION: u32 = 1;

    fn what(event: &EventId, attendee: &AttendeeId) -> String {
        format!("person/{event}/{attendee}")
    }

    /// The person, sealed under their data key.
    pub fn seal(
        &self,
        event: &EventId,
        attendee: &AttendeeId,
        key: &SealKey,
        random: &Random,
    ) -> Vec<u8> {
        let plain = Zeroizing::new(serde_json::to_vec(self).expect("a person of texts serialises"));
        key.seal(&Self::what(event, attendee), &plain, random)
    }

    /// Opens what [`Person::seal`] made.
    pub fn open(
        event: &EventId,
        attendee: &AttendeeId,
        key: &SealKey,
        sealed: &[u8],
    ) -> Option<Self> {
        let plain = key.open(&Self::what(event, attendee), sealed)?;
        serde_json::from_slice(&plain).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::SqliteStore;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn sealed_bytes_open_only_as_what_they_are() {
        let random = system_random();
        let key = SealKey(super::random(&random));
        let sealed = key.seal("a", b"secret", &random);
        assert_eq!(key.open("a", &sealed).unwrap().as_slice(), b"secret");
        assert!(key.open("b", &sealed).is_none());
        assert!(SealKey([0; KEY_BYTES]).open("a", &sealed).is_none());
        assert!(key.open("a", &sealed[..10]).is_none());
        assert_ne!(sealed, key.seal("a", b"secret", &random));
        assert_eq!(format!("{key:?}"), "SealKey(..)");
    }

    #[test]
    fn keys_are_made_once_and_guarded() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("issuer.db")).unwrap();
        let random = system_random();
        let path = folder.path().join("master.key");
        let keys = Keys::load(&path, &store, &random).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        let again = Keys::load(&path, &store, &random).unwrap();
        assert_eq!(keys.signing.public_key(), again.signing.public_key());
        assert_eq!(keys.nonces(), again.nonces());

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let open = Keys::load(&path, &store, &random);
        assert!(matches!(open, Err(KeyFileError::Open { .. })));
        // A key that is lost is not made anew over a database that needs it.
        fs::remove_file(&path).unwrap();
        let lost = Keys::load(&path, &store, &random);
        assert!(matches!(lost, Err(KeyFileError::Foreign { .. })));
        assert!(!path.exists());
        make_master_key(&path, &random).unwrap();
        let other = Keys::load(&path, &store, &random);
        assert!(matches!(other, Err(KeyFileError::Foreign { .. })));
    }

    #[test]
    fn a_person_opens_under_their_own_key() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("issuer.db")).unwrap();
        let random = system_random();
        let keys = Keys::load(&folder.path().join("master.key"), &store, &random).unwrap();
        let event = EventId::new("e").unwrap();
        let (a, b) = (AttendeeId::new("a").unwrap(), AttendeeId::new("b").unwrap());
        let person = Person {
            position: None,
            externals: Vec::new(),
            v: Person::VERSION,
            name: "Zoë".to_owned(),
            email: None,
            organisation: None,
            language: None,
            badges: vec!["X1".to_owned()],
        };
        let (key, wrapped) = keys.new_data_key(&event, &a, &random);
        let sealed = person.seal(&event, &a, &key, &random);
        let unwrapped = keys.data_key(&event, &a, &wrapped).unwrap();
        assert_eq!(
            Person::open(&event, &a, &unwrapped, &sealed),
            Some(person.clone())
        );
        assert!(keys.data_key(&event, &b, &wrapped).is_none());
        assert_eq!(Person::open(&event, &b, &unwrapped, &sealed), None);
        assert!(!format!("{person:?}").contains("Zo"));
    }
}
