//! A certificate's payload: the frozen content, an object named by the hash of its bytes.
//!
//! It holds the attendee's name, so it is private until its holder shows it; a random salt keeps its hash in the ledger
//! from being a way to guess names. Sessions and minutes stand as people read them; the decision behind them by hash.

use attendance::words::{AttendeeId, CertificateId, EventId, ProgrammeId, SessionId};
use attendance::{Decimal, Outcome, Reason, UtcMs};
use serde::{Deserialize, Serialize};

use crate::text::{as_instant, as_text};

/// The version of the document.
pub const VERSION: u32 = 1;

/// One session on a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionLine {
    /// Its id.
    #[serde(with = "as_text")]
    pub session: SessionId,
    /// Its title.
    pub title: String,
    /// Its start.
    #[serde(with = "as_instant")]
    pub start: UtcMs,
    /// Its end.
    #[serde(with = "as_instant")]
    pub end: UtcMs,
    /// The time present that counts, in milliseconds.
    pub present_ms: i64,
    /// Its length that counts, in milliseconds.
    pub scheduled_ms: i64,
}

/// What a certificate rests on, checkable offline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The ledger's checkpoint, with the cosignatures of the kiosks that witnessed it.
    pub checkpoint: String,
    /// The `tlog-proof` of the decision's ledger entry against that checkpoint.
    pub decision: String,
    /// How many kiosks had cosigned it when the certificate was made; 0 says that no witness had answered.
    pub witnesses: u32,
}

/// The frozen content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// [`VERSION`].
    pub v: u32,
    /// 16 random bytes in lower hex.
    pub salt: String,
    /// Its public code.
    #[serde(with = "as_text")]
    pub certificate: CertificateId,
    /// Its version, from 1.
    pub version: u32,
    /// The issuer's name.
    pub issuer: String,
    /// The event.
    #[serde(with = "as_text")]
    pub event: EventId,
    /// The event's title.
    pub event_title: String,
    /// The event's IANA time zone.
    pub zone: String,
    /// The attendee by pseudonym.
    #[serde(with = "as_text")]
    pub attendee: AttendeeId,
    /// The attendee's name.
    pub name: String,
    /// The programme.
    #[serde(with = "as_text")]
    pub programme: ProgrammeId,
    /// The programme's title.
    pub programme_title: String,
    /// `full` or `partial`.
    #[serde(with = "as_text")]
    pub outcome: Outcome,
    /// The credits.
    #[serde(with = "as_text")]
    pub credits: Decimal,
    /// Why.
    #[serde(with = "as_text")]
    pub reason: Reason,
    /// Why, in one line.
    pub explanation: String,
    /// The sessions attended, by start.
    pub sessions: Vec<SessionLine>,
    /// The rule set's name.
    pub rules_name: String,
    /// SHA-256 of the rule set's text, lower hex.
    pub rules: String,
    /// SHA-256 of the decision's object, lower hex.
    pub decision: String,
    /// When it was issued.
    #[serde(with = "as_instant")]
    pub issued: UtcMs,
    /// Where its current state can be seen.
    pub verify_at: String,
    /// What it rests on.
    pub proof: Proof,
}
