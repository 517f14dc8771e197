//! Events, doors, agendas, rules and the ledger.

use attendance::UtcMs;
use attendance::words::{DoorId, EventId, ProgrammeId};
use evidence::{ConsistencyProof, Hash, InclusionProof, PublicKey};
pub use protocol::bundle::MAX_TICKET_KEYS;
use protocol::bundle::{DoorPolicy, NamePolicy};
use protocol::ledger::{self, LedgerBody};

use super::Result;

/// The most rows that one call of a paged unit gives.
pub const MAX_PAGE: usize = 1_000;

/// An event to be made.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its id.
    pub id: EventId,
    /// Its title.
    pub title: String,
    /// Its IANA time zone.
    pub zone: String,
    /// Its languages, the first being the default. Not empty.
    pub languages: Vec<String>,
    /// How much of a name screens show.
    pub names: NamePolicy,
    /// Settings of its doors.
    pub policy: DoorPolicy,
    /// The id of its badge key.
    pub badge_key_id: String,
    /// Its badge key, sealed under the master key.
    pub badge_key: Vec<u8>,
    /// The issuer's name.
    pub issuer: String,
    /// The issuer's signing key.
    pub issuer_key: PublicKey,
    /// The origin of its ledger.
    pub ledger: String,
}

/// An event as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFacts {
    /// Its id.
    pub id: EventId,
    /// Its title.
    pub title: String,
    /// Its IANA time zone.
    pub zone: String,
    /// Its languages, the first being the default.
    pub languages: Vec<String>,
    /// How much of a name screens show.
    pub names: NamePolicy,
    /// Settings of its doors.
    pub policy: DoorPolicy,
    /// The id of its badge key.
    pub badge_key_id: String,
    /// Its badge key, sealed under the master key.
    pub badge_key: Vec<u8>,
    /// When it was made.
    pub created: UtcMs,
    /// Rises with whatever a door's bundle holds.
    pub revision: u64,
    /// The origin of its ledger.
    pub ledger: String,
    /// The keys by which its shop signs tickets; at most [`MAX_TICKET_KEYS`].
    pub ticket_keys: Vec<PublicKey>,
}

/// A door as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorFacts {
    /// The door.
    pub door: protocol::agenda::Door,
    /// Whether its missing entries were given up.
    pub lost: bool,
}

/// A programme as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgrammeFacts {
    /// Its id.
    pub id: ProgrammeId,
    /// Its title.
    pub title: String,
    /// The hash of its rule set's text, an object; none yet, where absent.
    pub rules: Option<Hash>,
}

/// A new agenda object coming into force.
#[derive(Clone, Debug)]
pub struct AgendaChange {
    /// The agenda in force that it was made from.
    pub base: Option<Hash>,
    /// The new one, put into the object store already.
    pub object: Hash,
    /// All its programmes.
    pub programmes: Vec<ProgrammeFacts>,
}

/// What is versioned by imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioned {
    /// The agenda.
    Agenda,
    /// The registrations.
    Registrations,
}

impl Versioned {
    /// The word as `import` entries have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agenda => "agenda",
            Self::Registrations => "registrations",
        }
    }
}

/// One version of an agenda or of registrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number, from 1.
    pub number: u64,
    /// Its object.
    pub object: Hash,
    /// The ledger entry that announced it.
    pub ledger: u64,
    /// When.
    pub at: UtcMs,
}

/// A ledger's head: persisted, so it may be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerHead {
    /// Its origin.
    pub origin: String,
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// One entry of a log as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its index.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: Hash,
    /// Its exact bytes; absent where the kiosk's own copy was damaged.
    pub bytes: Option<Vec<u8>>,
    /// Its kind; absent where its meaning could not be taken.
    pub kind: Option<String>,
}

/// A kiosk's cosignature on a checkpoint of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The ledger's size it cosigned.
    pub size: u64,
    /// The origin of the kiosk's log, which is the name it cosigns under.
    pub origin: String,
    /// The kiosk's public key.
    pub public_key: PublicKey,
    /// When, in seconds since 1970, by the kiosk's clock.
    pub time_s: u64,
    /// The checkpoint with its signatures.
    pub note: String,
}

/// Events, doors, agendas, rules and the ledger.
///
/// # Errors
/// Every unit fails with `NotFound` for an unknown event and with `Unavailable` or `Damaged` as the database does;
/// what else it fails with, it says.
pub trait EventUnits {
    /// Makes an event: its rows and entry 0 of its ledger. Fails with `Exists`.
    fn create_event(&self, event: &NewEvent, now: UtcMs) -> Result<()>;

    /// Every event, by id.
    fn events(&self) -> Result<Vec<EventFacts>>;

    /// One event.
    fn event(&self, event: &EventId) -> Result<EventFacts>;

    /// Sets the keys by which the event's shop signs tickets, in place of those before. At most [`MAX_TICKET_KEYS`].
    fn put_ticket_keys(&self, event: &EventId, keys: &[PublicKey]) -> Result<()>;

    /// Adds a door or changes it: its row and a `door` entry. Where an agenda is in force, `agenda` is the one with the
    /// door in it, and an `import` entry announces it. Fails with `Moved`.
    fn put_door(
        &self,
        event: &EventId,
        door: &protocol::agenda::Door,
        agenda: Option<&AgendaChange>,
        now: UtcMs,
    ) -> Result<()>;

    /// The doors of an event, by id.
    fn doors(&self, event: &EventId) -> Result<Vec<DoorFacts>>;

    /// Gives up a door's missing entries: its row and a `door_lost` entry; everybody is due again.
    fn declare_door_lost(
        &self,
        event: &EventId,
        door: &DoorId,
        reason: &str,
        operator: &str,
        now: UtcMs,
    ) -> Result<()>;

    /// Brings an agenda into force: its version, its programmes and an `import` entry; everybody is due again. Gives the
    /// version's number. Fails with `Moved`.
    fn import_agenda(
        &self,
        event: &EventId,
        change: &AgendaChange,
        import: &ledger::Import,
        now: UtcMs,
    ) -> Result<u64>;

    /// Brings a rule set into force for a programme: the agenda that names it and a `rules` entry; everybody is due
    /// again. Fails with `Moved`.
    fn adopt_rules(
        &self,
        event: &EventId,
        change: &AgendaChange,
        rules: &ledger::Rules,
        now: UtcMs,
    ) -> Result<()>;

    /// The programmes of the agenda in force, by id.
    fn programmes(&self, event: &EventId) -> Result<Vec<ProgrammeFacts>>;

    /// The version in force.
    fn version(&self, event: &EventId, what: Versioned) -> Result<Option<Version>>;

    /// Every version so far.
    fn versions(&self, event: &EventId, what: Versioned) -> Result<Vec<Version>>;

    /// Appends to the ledger what has no table of its own. Gives the entries' indices.
    fn append_ledger(&self, event: &EventId, bodies: &[LedgerBody], now: UtcMs)
    -> Result<Vec<u64>>;

    /// The ledger's head.
    fn ledger_head(&self, event: &EventId) -> Result<LedgerHead>;

    /// Entries of the ledger from an index on, at most [`MAX_PAGE`].
    fn ledger_entries(&self, event: &EventId, from: u64, limit: usize) -> Result<Vec<LogEntry>>;

    /// The root of the ledger's first `size` entries. Fails with `NotFound` beyond its size.
    fn ledger_root_at(&self, event: &EventId, size: u64) -> Result<Hash>;

    /// The proof that an entry is in the ledger's first `size` entries. Fails with `NotFound` beyond its size.
    fn prove_ledger_entry(&self, event: &EventId, index: u64, size: u64) -> Result<InclusionProof>;

    /// The proof that the ledger's first `old` entries begin its first `new`. Fails with `NotFound` beyond its size.
    fn prove_ledger_extends(&self, event: &EventId, old: u64, new: u64)
    -> Result<ConsistencyProof>;

    /// The cosignatures on the ledger's checkpoint of the largest cosigned size that is at most `size`, by origin.
    fn witnesses(&self, event: &EventId, size: u64) -> Result<Vec<Witness>>;
}
