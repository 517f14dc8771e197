//! Batches of entries, what they mean, and what went wrong with them.

use attendance::UtcMs;
use attendance::time::BootId;
use attendance::words::{AttendeeId, Direction, EventId, KioskId, RoomId};
use evidence::{Checkpoint, ConsistencyProof, Hash};
use protocol::badge::BadgeDigest;

use super::Result;
use super::events::{LedgerHead, LogEntry};

/// What an entry says of its log's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockFact {
    /// The boot whose raw clock stamped it.
    pub boot: BootId,
    /// The raw clock in milliseconds.
    pub raw_ms: u64,
    /// Whether it marks the history: an anchor, a receipt, a start, a suspend.
    pub marks: bool,
    /// Whether the machine was suspended before it: a new segment begins.
    pub suspends: bool,
}

/// What a scan says, as far as tables need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanFact {
    /// The badge.
    pub badge: BadgeDigest,
    /// Whether it says that the badge's holder was at the door.
    pub is_presence: bool,
    /// Which way.
    pub direction: Direction,
    /// The first room of its door.
    pub room: Option<RoomId>,
    /// The wall clock, as the kiosk read it.
    pub wall: UtcMs,
}

/// A kiosk's cosignature on the ledger, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessFact {
    /// The ledger's size.
    pub size: u64,
    /// The ledger's root, as the issuer signed it then.
    pub root: Hash,
    /// When, in seconds since 1970, by the kiosk's clock.
    pub time_s: u64,
    /// The checkpoint with its signatures.
    pub note: String,
}

/// What an entry means, as far as tables need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Taken.
    Taken {
        /// Its kind.
        kind: &'static str,
        /// Its clock.
        clock: ClockFact,
        /// If it is a scan.
        scan: Option<ScanFact>,
        /// If it is a cosignature on the ledger.
        witness: Option<WitnessFact>,
    },
    /// Put aside: the leaf stands, the meaning does not.
    Quarantined {
        /// Why, as a code.
        code: &'static str,
        /// Why, for people.
        detail: String,
        /// Its clock, where the entry itself could be read.
        clock: Option<ClockFact>,
    },
}

impl Meaning {
    /// What it says of the log's clock.
    pub fn clock(&self) -> Option<&ClockFact> {
        match self {
            Self::Taken { clock, .. } => Some(clock),
            Self::Quarantined { clock, .. } => clock.as_ref(),
        }
    }
}

/// One entry of a batch, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedEntry<'a> {
    /// Its leaf hash.
    pub leaf: Hash,
    /// Its exact bytes, where they are not damaged.
    pub bytes: Option<&'a [u8]>,
    /// What it means.
    pub meaning: Meaning,
}

/// A batch whose signatures have been verified and whose entries have been read. Whether it fits the log is not known yet.
#[derive(Clone, Debug)]
pub struct PreparedBatch<'a> {
    /// The kiosk.
    pub kiosk: KioskId,
    /// The index of the first entry.
    pub start: u64,
    /// The entries.
    pub entries: Vec<PreparedEntry<'a>>,
    /// The kiosk's checkpoint, opened under its key and origin.
    pub checkpoint: Checkpoint,
    /// The checkpoint's note.
    pub note: String,
    /// The size of the ledger that the kiosk holds.
    pub ledger_size: u64,
    /// The head of that ledger, if it was shown and this issuer's key signed it.
    pub ledger: Option<ShownHead>,
}

/// A head of the ledger as a kiosk shows it: signed by this issuer's own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownHead {
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// The checkpoint with its signatures.
    pub note: String,
}

/// What came of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchOutcome {
    /// Taken, or held already.
    Held(Held),
    /// It begins beyond what is held. Nothing changed.
    Gap {
        /// The size held.
        size: u64,
    },
    /// Proof that the kiosk's key signed two histories. Nothing advanced, an alarm is raised.
    Fork {
        /// The size held.
        size: u64,
        /// The kiosk's checkpoint over what is held.
        note: String,
        /// Up to which size the refused branch is kept; none where it could not be joined to anything held.
        kept: Option<u64>,
    },
    /// The checkpoint is not that of the entries. Nothing advanced, an alarm is raised.
    Misfit {
        /// The size held.
        size: u64,
    },
    /// The kiosk has seen another ledger than there is: this database is older than what was signed, or was changed. Nothing
    /// advanced, an alarm is raised; where the kiosk has shown the signed head, nothing is signed from here on until a person
    /// has dealt with it.
    LedgerBehind {
        /// The ledger's size here.
        size: u64,
        /// The size the kiosk holds.
        seen: u64,
    },
}

/// What is held after a batch. It is durable, so receipt and ledger checkpoint may be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The size of the log.
    pub size: u64,
    /// The entries that this batch added.
    pub added: u64,
    /// Those among them whose meaning was put aside.
    pub quarantined: u64,
    /// The kiosk's checkpoint of that size.
    pub note: String,
    /// The time of its receipt, in seconds since 1970.
    pub receipt_s: u64,
    /// The ledger's head.
    pub ledger: LedgerHead,
    /// The proof from the ledger that the kiosk holds.
    pub consistency: ConsistencyProof,
}

/// A head of a log, with the time of its receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadFacts {
    /// The size.
    pub size: u64,
    /// The root.
    pub root: Hash,
    /// The kiosk's checkpoint.
    pub note: String,
    /// The time of the receipt, in seconds since 1970.
    pub receipt_s: u64,
}

/// A scan of a person, where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanEntry {
    /// The kiosk.
    pub kiosk: KioskId,
    /// The origin of its log.
    pub origin: String,
    /// The entry's index there.
    pub index: u64,
    /// The entry's exact bytes.
    pub bytes: Vec<u8>,
}

/// Who is where, by the last scan of a badge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceFacts {
    /// The badge.
    pub badge: BadgeDigest,
    /// Whose it is, where it is known.
    pub attendee: Option<AttendeeId>,
    /// The room of the scan's door.
    pub room: Option<RoomId>,
    /// Which way.
    pub direction: Direction,
    /// When, by the kiosk's own clock.
    pub wall: UtcMs,
    /// The kiosk.
    pub kiosk: KioskId,
    /// The entry's index in its log.
    pub index: u64,
}

/// An entry whose meaning was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineFacts {
    /// The kiosk.
    pub kiosk: KioskId,
    /// The entry's index.
    pub index: u64,
    /// Why, as a code.
    pub code: String,
    /// Why, for people.
    pub detail: String,
    /// When it came.
    pub at: UtcMs,
}

/// Something a person has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmFacts {
    /// Its number.
    pub number: u64,
    /// What it is about: a kiosk's id, or a code of the issuer.
    pub subject: String,
    /// What is wrong, as a code.
    pub code: String,
    /// What is wrong, for people.
    pub detail: String,
    /// When it was first raised.
    pub first: UtcMs,
    /// When it was last raised.
    pub last: UtcMs,
    /// How many times.
    pub count: u64,
    /// When somebody cleared it.
    pub cleared: Option<UtcMs>,
}

/// Batches of entries, what they mean, and what went wrong with them.
///
/// # Errors
/// `NotFound` for an unknown event or kiosk; `Unavailable` or `Damaged` as the database does.
pub trait BatchUnits {
    /// Checks a batch against its log and takes it: entries, head, quarantine, clock, signals, presence, witnesses, due
    /// decisions, and in the ledger one `kiosk_head` and the `quarantine`s. What is held already is answered as held.
    /// Its cost depends on the batch and not on the log.
    fn accept_batch(&self, batch: &PreparedBatch<'_>, now: UtcMs) -> Result<BatchOutcome>;

    /// The newest head of a log; none before its first batch.
    fn head(&self, kiosk: &KioskId) -> Result<Option<HeadFacts>>;

    /// Entries of a log from an index on, at most [`super::events::MAX_PAGE`].
    fn entries(&self, kiosk: &KioskId, from: u64, limit: usize) -> Result<Vec<LogEntry>>;

    /// The entries that a log's [`attendance::time::ClockHistory`] must observe, in order, with the newest entry whose
    /// meaning was taken as the last. Bytes are never absent.
    fn clock_entries(&self, kiosk: &KioskId) -> Result<Vec<LogEntry>>;

    /// Every scan of an attendee's badges, repeats too, by log and index.
    fn scans_of(&self, event: &EventId, attendee: &AttendeeId) -> Result<Vec<ScanEntry>>;

    /// Every scan of a badge, by log and index.
    fn scans_of_badge(&self, event: &EventId, badge: BadgeDigest) -> Result<Vec<ScanEntry>>;

    /// The last scan of each badge, by badge.
    fn presence(&self, event: &EventId) -> Result<Vec<PresenceFacts>>;

    /// The entries put aside, by log and index.
    fn quarantined(&self, event: &EventId) -> Result<Vec<QuarantineFacts>>;

    /// Raises an alarm, or counts it where it stands open.
    fn raise_alarm(
        &self,
        event: &EventId,
        subject: &str,
        code: &str,
        detail: &str,
        now: UtcMs,
    ) -> Result<()>;

    /// The alarms of an event, open ones first, then the newest.
    fn alarms(&self, event: &EventId) -> Result<Vec<AlarmFacts>>;

    /// Clears an alarm.
    fn clear_alarm(&self, event: &EventId, number: u64, now: UtcMs) -> Result<()>;

    /// Sets the time up to which a log's entries are all held. It never falls.
    fn put_watermark(&self, kiosk: &KioskId, at: UtcMs) -> Result<()>;

    /// The watermarks of an event's logs, by kiosk; none where nothing is known.
    fn watermarks(&self, event: &EventId) -> Result<Vec<(KioskId, Option<UtcMs>)>>;
}
