//! Who is due, what was decided, and the certificates.

use attendance::words::{AttendeeId, CertificateId, EventId, KioskId, ProgrammeId};
use attendance::{Decimal, Outcome, Reason, UtcMs};
use evidence::Hash;
use protocol::ledger;

use super::Result;

/// The most decisions that are kept in one unit: one sync for all, and a batch of entries waits some milliseconds.
pub const MAX_TOGETHER: usize = 100;

/// A decision that is to be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The event.
    pub event: EventId,
    /// Whose.
    pub attendee: AttendeeId,
    /// For what.
    pub programme: ProgrammeId,
    /// Changes each time it becomes due; a decision settles the ticket it was made for and no later one.
    pub ticket: u64,
    /// How often making it has failed.
    pub tries: u32,
}

/// A decision as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionFacts {
    /// Whose.
    pub attendee: AttendeeId,
    /// For what.
    pub programme: ProgrammeId,
    /// What it comes to.
    pub outcome: Outcome,
    /// The credits; none under review.
    pub credits: Option<Decimal>,
    /// Why.
    pub reason: Reason,
    /// Why, in one line.
    pub explanation: String,
    /// Whether every session had ended and every door's entries were held.
    pub complete: bool,
    /// The decision's object.
    pub decision: Hash,
    /// The basis' object.
    pub basis: Hash,
    /// When it was made.
    pub at: UtcMs,
    /// The newest final decision: its ledger index and its object.
    pub last_final: Option<(u64, Hash)>,
}

/// A decision to be kept. Its objects lie in the object store already.
#[derive(Clone, Debug)]
pub struct NewDecision {
    /// The decision; `last_final` is not looked at.
    pub facts: DecisionFacts,
    /// Whether it is final: then a `decision` entry is written, which replaces the one before.
    pub is_final: bool,
    /// The ticket it settles, where it was due.
    pub ticket: Option<u64>,
}

/// A certificate to be kept. Its payload and PDF are private objects already.
#[derive(Clone, Debug)]
pub struct NewCertificate {
    /// What the ledger says of it.
    pub entry: ledger::Certificate,
}

/// A certificate's version as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Its event.
    pub event: EventId,
    /// What the ledger says of it.
    pub entry: ledger::Certificate,
    /// When it was issued.
    pub issued: UtcMs,
    /// The ledger entry that says so.
    pub ledger: u64,
    /// Its revocation, where there is one.
    pub revocation: Option<RevocationFacts>,
}

/// A revocation as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationFacts {
    /// Why, as a code.
    pub reason: String,
    /// Who, by account id.
    pub operator: String,
    /// When.
    pub at: UtcMs,
    /// The ledger entry that says so.
    pub ledger: u64,
}

/// Who is due, what was decided, and the certificates.
///
/// # Errors
/// `NotFound` for an unknown event or certificate; `Unavailable` or `Damaged` as the database does.
pub trait DecisionUnits {
    /// What is due by now, the longest waiting first, at most `limit`. It stays due until settled.
    fn due(&self, now: UtcMs, limit: usize) -> Result<Vec<Due>>;

    /// How many decisions wait, of an event.
    fn due_count(&self, event: &EventId) -> Result<u64>;

    /// Makes everybody of an event due by an instant, for every programme: a session has ended, a deadline has come.
    fn make_all_due(&self, event: &EventId, at: UtcMs) -> Result<u64>;

    /// Makes whoever was scanned at a kiosk due, for every programme: its clock has come to say something else.
    fn make_log_due(&self, kiosk: &KioskId, now: UtcMs) -> Result<()>;

    /// Takes a decision from the queue without making it, if it has not become due again meanwhile.
    fn settle(&self, due: &Due) -> Result<()>;

    /// Puts a failing decision off, with the fault, so that the rest goes on.
    fn put_off(&self, due: &Due, fault: &str, until: UtcMs) -> Result<()>;

    /// Keeps decisions, all or none, and settles their tickets. Final ones are written to the ledger. Gives the ledger
    /// index of each, none for a live one. A final one whose ticket is no longer the one that is due is not kept and stays due: evidence
    /// came while it was made. Everybody else waits meanwhile: give [`MAX_TOGETHER`] at the most.
    fn put_decisions(
        &self,
        event: &EventId,
        decisions: &[NewDecision],
        now: UtcMs,
    ) -> Result<Vec<Option<u64>>>;

    /// One decision.
    fn decision(
        &self,
        event: &EventId,
        attendee: &AttendeeId,
        programme: &ProgrammeId,
    ) -> Result<Option<DecisionFacts>>;

    /// Every decision of an event, by attendee and programme.
    fn decisions(&self, event: &EventId) -> Result<Vec<DecisionFacts>>;

    /// Issues a certificate's version: its row and a `certificate` entry. Fails with `Exists`, and with `Moved` where
    /// the decision it rests on is no longer the final one. Gives its ledger index.
    fn issue_certificate(
        &self,
        event: &EventId,
        certificate: &NewCertificate,
        now: UtcMs,
    ) -> Result<u64>;

    /// Every version of a certificate, by version; empty where there is none.
    fn certificate(&self, code: &CertificateId) -> Result<Vec<CertificateFacts>>;

    /// Every certificate's versions of an event, by code and version.
    fn certificates(&self, event: &EventId) -> Result<Vec<CertificateFacts>>;

    /// Revokes a certificate's version: its row and a `revocation` entry. Fails with `Exists` where it is revoked
    /// already. Gives its ledger index.
    fn revoke_certificate(&self, revocation: &ledger::Revocation, now: UtcMs) -> Result<u64>;
}
