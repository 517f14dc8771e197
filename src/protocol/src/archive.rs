//! Exports and evidence bundles: a tar file, or the folder it unpacks to.
//!
//! - `archive.json`: [`Archive`], what is in it and under which keys.
//! - `logs/<n>/entries.ndjson`: a log's entries, exact bytes, one a line; `{"leaf":…}` where bytes are damaged.
//! - `logs/<n>/checkpoint.txt`: its newest checkpoint, with cosignatures where it has them.
//! - `objects/<sha256>`: objects by the hash of their bytes.
//!
//! A kiosk's own export has one log and no objects. Nothing in the archive is believed because it stands there: keys aside,
//! which a verifier may be given separately, everything is checked against something signed.

use attendance::UtcMs;
use attendance::words::{DoorId, EventId, KioskId};
use evidence::PublicKey;
use serde::{Deserialize, Serialize};

use crate::text::{as_instant, as_public_key, as_text, as_text_opt};

/// The format's name.
pub const FORMAT: &str = "rollcall-archive/1";
/// The description's path.
pub const ARCHIVE_PATH: &str = "archive.json";
/// The most bytes of one file in an archive.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// The most files in an archive.
pub const MAX_FILES: usize = 2_000_000;

/// The path of a log's entries.
pub fn entries_path(log: usize) -> String {
    format!("logs/{log}/entries.ndjson")
}

/// The path of a log's newest checkpoint.
pub fn checkpoint_path(log: usize) -> String {
    format!("logs/{log}/checkpoint.txt")
}

/// The path of an object.
pub fn object_path(hash: evidence::Hash) -> String {
    format!("objects/{}", hash.to_hex())
}

/// What kind of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// A kiosk's journal.
    Journal,
    /// The event's ledger.
    Ledger,
    /// A branch that contradicts a journal and that a reviewer admitted; its entries are those from its base on.
    Branch,
}

/// One log of an archive; its number is its place in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// What kind.
    pub kind: LogKind,
    /// Its origin.
    pub origin: String,
    /// The key that signs its checkpoints.
    #[serde(with = "as_public_key")]
    pub key: PublicKey,
    /// The kiosk, of a journal.
    #[serde(with = "as_text_opt", skip_serializing_if = "Option::is_none", default)]
    pub kiosk: Option<KioskId>,
    /// The door, of a journal.
    #[serde(with = "as_text_opt", skip_serializing_if = "Option::is_none", default)]
    pub door: Option<DoorId>,
    /// How many entries the archive holds; of a branch, with those it shares with its journal.
    pub size: u64,
    /// Of a branch, how many entries it shares with the journal of its origin.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base: Option<u64>,
}

/// What is in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// [`FORMAT`].
    pub format: String,
    /// When it was made.
    #[serde(with = "as_instant")]
    pub made: UtcMs,
    /// Program and version.
    pub software: String,
    /// The event.
    #[serde(with = "as_text")]
    pub event: EventId,
    /// The issuer's name.
    pub issuer: String,
    /// The issuer's signing key.
    #[serde(with = "as_public_key")]
    pub issuer_key: PublicKey,
    /// The logs.
    pub logs: Vec<Log>,
}
