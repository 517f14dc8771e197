//! What a kiosk says of itself: `POST /v1/kiosks/{id}/status`. Numbers and codes, nothing of attendees.

use serde::{Deserialize, Serialize};

use crate::text::as_instant_opt;
use attendance::UtcMs;

/// The most readers and alarms one status names.
pub const MAX_LIST: usize = 32;

/// A reader's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReaderStatus {
    /// Its name.
    pub reader: String,
    /// Its kind, as configured.
    pub kind: String,
    /// `attached`, `lost`, `stalled` or `flooding`.
    pub state: String,
    /// Scans since the daemon started.
    pub scans: u64,
    /// Refused reads since the daemon started.
    pub refused: u64,
}

/// What a kiosk says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KioskStatus {
    /// Program and version.
    pub software: String,
    /// The bundle in force.
    pub bundle: Option<u64>,
    /// The size of its log.
    pub log_size: u64,
    /// Entries without a receipt.
    pub backlog: u64,
    /// The wall time of the oldest of them, by the kiosk's clock.
    #[serde(with = "as_instant_opt")]
    pub backlog_oldest: Option<UtcMs>,
    /// `synced`, `holdover` or `unset`.
    pub clock: String,
    /// Whether the raw clock has an anchor in this segment.
    pub anchored: bool,
    /// The wall clock less the anchored time, in milliseconds, where it has one.
    pub clock_offset_ms: Option<i64>,
    /// Free space of the data folder in MiB.
    pub disk_free_mib: u64,
    /// Seconds since the daemon started.
    pub uptime_s: u64,
    /// Its readers.
    pub readers: Vec<ReaderStatus>,
    /// Codes of what is wrong.
    pub alarms: Vec<String>,
}
