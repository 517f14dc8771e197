//! Branches, late entries and the cases that close them; heads of the ledger that are lost.

use attendance::UtcMs;
use attendance::words::{DoorId, EventId, KioskId};
use evidence::{Hash, PublicKey};
use protocol::ledger::{CaseKind, CaseOutcome};

use super::Result;
use super::events::LogEntry;

/// The most branches kept of one log. A fork is proven by the first; more come only from a kiosk that does not stop.
pub const MAX_BRANCHES: u64 = 100;

/// A second history under a kiosk's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchFacts {
    /// Its number in this database.
    pub number: u64,
    /// The kiosk.
    pub kiosk: KioskId,
    /// How many entries it shares with the log that is held.
    pub base: u64,
    /// Its size, the shared entries included.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The kiosk's checkpoint over them.
    pub note: String,
    /// When its first entries came.
    pub first: UtcMs,
    /// When its newest came.
    pub last: UtcMs,
}

/// What a reviewer works on, or has closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFacts {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub about: CaseKind,
    /// The kiosk.
    pub kiosk: KioskId,
    /// Its door.
    pub door: DoorId,
    /// The origin of its log.
    pub origin: String,
    /// The key of its log.
    pub public_key: PublicKey,
    /// The branch's number; none for late entries.
    pub branch: Option<u64>,
    /// How many entries are not in question: those shared, or those held when the enrolment ended.
    pub base: u64,
    /// Up to which size.
    pub size: u64,
    /// The root of so many entries.
    pub root: Hash,
    /// The kiosk's checkpoint over a branch.
    pub note: Option<String>,
    /// When the first of the entries in question came, or when the enrolment ended.
    pub since: UtcMs,
    /// How it was closed.
    pub closed: Option<Closed>,
}

impl CaseFacts {
    /// Whether its scans count.
    pub fn is_admitted(&self) -> bool {
        let outcome = self.closed.as_ref().map(|closed| closed.outcome);
        outcome == Some(CaseOutcome::Admitted)
    }

    /// The name under which decisions rest on it.
    pub fn name(&self) -> String {
        match self.about {
            CaseKind::Fork => protocol::ledger::branch_name(&self.origin, self.root),
            CaseKind::Late => self.origin.clone(),
        }
    }
}

/// How a case was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Whether its scans count.
    pub outcome: CaseOutcome,
    /// Why, as a code.
    pub reason: String,
    /// Who, by account id.
    pub operator: String,
    /// When.
    pub at: UtcMs,
    /// The ledger's entry.
    pub ledger: u64,
}

/// A head of the ledger that this issuer signed and that this database does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostHead {
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// The checkpoint, with the cosignature of the kiosk that showed it.
    pub note: String,
    /// The kiosk that showed it.
    pub kiosk: KioskId,
    /// When.
    pub at: UtcMs,
    /// When a person decided to go on without it.
    pub settled: Option<UtcMs>,
}

/// Branches, late entries, cases and lost heads.
///
/// # Errors
/// `NotFound` for an unknown event, kiosk or case; `Unavailable` or `Damaged` as the database does.
pub trait BranchUnits {
    /// The branches of a log, oldest first.
    fn branches(&self, kiosk: &KioskId) -> Result<Vec<BranchFacts>>;

    /// The own entries of a branch from an index on, at most [`super::events::MAX_PAGE`]; none below its base.
    fn branch_entries(&self, branch: u64, from: u64, limit: usize) -> Result<Vec<LogEntry>>;

    /// Every case of an event, closed ones too, by id.
    fn cases(&self, event: &EventId) -> Result<Vec<CaseFacts>>;

    /// Closes an open case: its row and a `case` entry; whom its scans touch are due again where they are admitted. Gives
    /// the ledger's index. Fails with `Exists` where it is closed, and with `Moved` where more has come since `size`.
    #[allow(clippy::too_many_arguments)]
    fn close_case(
        &self,
        event: &EventId,
        id: &str,
        size: u64,
        outcome: CaseOutcome,
        reason: &str,
        operator: &str,
        now: UtcMs,
    ) -> Result<u64>;

    /// The lost head of an event's ledger, if one was shown. While it is not settled, nothing is appended.
    fn lost_head(&self, event: &EventId) -> Result<Option<LostHead>>;

    /// Goes on without the lost head: a `recovery` entry. Gives its index.
    fn settle_lost_head(
        &self,
        event: &EventId,
        reason: &str,
        operator: &str,
        now: UtcMs,
    ) -> Result<u64>;
}
