//! A decision and its basis as objects: JSON documents named by the hash of their bytes.
//!
//! The basis says what a decision rests on, so that anybody with the logs can make it again; the decision's bytes then come
//! out the same, on every machine. Evidence is named by the position of the log in the basis, then the index.

use attendance::presence::{End, Stay};
use attendance::time::Interval;
use attendance::words::{
    AttendeeId, DoorId, EventId, ProgrammeId, RoomId, SessionId, SignalId, Source,
};
use attendance::{Confidence, Decimal, Outcome, Reason, Term, UtcMs, Word};
use serde::{Deserialize, Serialize};

use crate::text::{as_instant, as_text, as_text_opt, as_texts};

/// The version of both documents.
pub const VERSION: u32 = 1;

/// How much of a log a decision rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPrefix {
    /// The log's origin.
    pub log: String,
    /// The first so many entries.
    pub size: u64,
}

/// What a decision rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// [`VERSION`].
    pub v: u32,
    /// The event.
    #[serde(with = "as_text")]
    pub event: EventId,
    /// The programme.
    #[serde(with = "as_text")]
    pub programme: ProgrammeId,
    /// The logs, by origin. Logs whose enrolment ended are among them.
    pub logs: Vec<LogPrefix>,
    /// SHA-256 of the agenda's object, lower hex.
    pub agenda: String,
    /// SHA-256 of the registrations' object, lower hex.
    pub registrations: String,
    /// SHA-256 of the rule set's text, lower hex.
    pub rules: String,
    /// The engine's name.
    pub engine: String,
    /// The instant for which it was decided.
    #[serde(with = "as_instant")]
    pub now: UtcMs,
    /// Doors whose entries were not all held.
    #[serde(with = "as_texts")]
    pub incomplete_doors: Vec<DoorId>,
}

/// An interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntervalDoc {
    /// Not before.
    #[serde(with = "as_instant")]
    pub earliest: UtcMs,
    /// Not after.
    #[serde(with = "as_instant")]
    pub latest: UtcMs,
}

impl From<Interval> for IntervalDoc {
    fn from(at: Interval) -> Self {
        Self {
            earliest: at.earliest,
            latest: at.latest,
        }
    }
}

/// One end of a stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndDoc {
    /// When.
    pub at: IntervalDoc,
    /// The policy that put it there; absent where a signal shows it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inferred: Option<String>,
    /// The signal's log.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub log: Option<String>,
    /// The signal's index.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<u64>,
    /// The signal's row in its entry's object.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub row: Option<u32>,
}

impl EndDoc {
    fn from_domain(end: &End) -> Option<Self> {
        let inferred = match end {
            End::Inferred { policy, .. } => Some((*policy).to_owned()),
            End::Observed { .. } => None,
            End::Missing => return None,
        };
        let signal = end.signal();
        Some(Self {
            at: end.at()?.into(),
            inferred,
            log: signal.map(|s| s.log.to_string()),
            index: signal.map(|s| s.index),
            row: signal.and_then(|s| s.row),
        })
    }
}

/// One stretch in one room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StayDoc {
    /// Where.
    #[serde(with = "as_text")]
    pub room: RoomId,
    /// What kind of source saw it; absent for a door's scan.
    #[serde(with = "as_text", skip_serializing_if = "is_scan", default = "scan")]
    pub source: Source,
    /// From.
    pub start: Option<EndDoc>,
    /// Until.
    pub end: Option<EndDoc>,
}

fn scan() -> Source {
    Source::Scan
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_scan(source: &Source) -> bool {
    *source == Source::Scan
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(ms: &i64) -> bool {
    *ms == 0
}

impl From<&Stay> for StayDoc {
    fn from(stay: &Stay) -> Self {
        Self {
            room: stay.room.clone(),
            source: stay.source,
            start: EndDoc::from_domain(&stay.start),
            end: EndDoc::from_domain(&stay.end),
        }
    }
}

/// One session's share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartDoc {
    /// The session.
    #[serde(with = "as_text")]
    pub session: SessionId,
    /// Its length that counts, in milliseconds.
    pub scheduled_ms: i64,
    /// The least time present, in milliseconds.
    pub least_ms: i64,
    /// The most time present, in milliseconds.
    pub most_ms: i64,
    /// So much of the least time is grace, in milliseconds; absent where none is.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub graced_ms: i64,
    /// What a person said of it.
    #[serde(with = "as_text_opt", skip_serializing_if = "Option::is_none", default)]
    pub word: Option<Word>,
    /// Whether the threshold is met; null where that is open.
    pub met: Option<bool>,
    /// The stays that touch it.
    pub stays: Vec<StayDoc>,
}

/// One signal a decision rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalRef {
    /// Its log.
    pub log: String,
    /// Its index.
    pub index: u64,
    /// Its row in the entry's object, where that holds many.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub row: Option<u32>,
}

impl From<&SignalId> for SignalRef {
    fn from(id: &SignalId) -> Self {
        Self {
            log: id.log.to_string(),
            index: id.index,
            row: id.row,
        }
    }
}

/// The credits of one field of study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldDoc {
    /// The field; empty for sessions that name none.
    pub field: String,
    /// Its part of the credits.
    #[serde(with = "as_text")]
    pub credits: Decimal,
}

/// The polls answered and asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngagementDoc {
    /// Distinct polls answered.
    pub answered: u32,
    /// How many the rule set asks for.
    pub needed: u32,
}

/// One term of a decision's confidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermDoc {
    /// Which.
    #[serde(with = "as_text")]
    pub term: Term,
    /// What it adds; negative where it takes off.
    pub points: i8,
}

/// How far the evidence carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfidenceDoc {
    /// From 0 to 100.
    pub per_cent: u8,
    /// Its terms, beside the 100 it begins with.
    pub terms: Vec<TermDoc>,
}

impl From<&Confidence> for ConfidenceDoc {
    fn from(confidence: &Confidence) -> Self {
        let terms = confidence.terms.iter();
        Self {
            per_cent: confidence.per_cent,
            terms: terms
                .map(|(term, points)| TermDoc {
                    term: *term,
                    points: *points,
                })
                .collect(),
        }
    }
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionDoc {
    /// [`VERSION`].
    pub v: u32,
    /// Whose.
    #[serde(with = "as_text")]
    pub attendee: AttendeeId,
    /// For what.
    #[serde(with = "as_text")]
    pub programme: ProgrammeId,
    /// SHA-256 of the basis' object, lower hex.
    pub basis: String,
    /// What it comes to.
    #[serde(with = "as_text")]
    pub outcome: Outcome,
    /// The credits; null under review.
    #[serde(with = "as_text_opt")]
    pub credits: Option<Decimal>,
    /// The credits of the least time present.
    #[serde(with = "as_text")]
    pub least_credits: Decimal,
    /// The credits of the most time present.
    #[serde(with = "as_text")]
    pub most_credits: Decimal,
    /// The credits of complete attendance.
    #[serde(with = "as_text")]
    pub full_credits: Decimal,
    /// Why.
    #[serde(with = "as_text")]
    pub reason: Reason,
    /// Why, in one line.
    pub explanation: String,
    /// The credits by field of study; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fields: Vec<FieldDoc>,
    /// The polls answered and asked for, where some were.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub engagement: Option<EngagementDoc>,
    /// How far the evidence carries; absent in decisions of engines that did not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confidence: Option<ConfidenceDoc>,
    /// Whether every session had ended and every door's entries were held.
    pub complete: bool,
    /// Session by session.
    pub parts: Vec<PartDoc>,
    /// The signals it rests on, in order of time.
    pub evidence: Vec<SignalRef>,
}

impl DecisionDoc {
    /// The document of a decision.
    pub fn new(
        attendee: &AttendeeId,
        programme: &ProgrammeId,
        basis: &str,
        decision: &attendance::Decision,
    ) -> Self {
        let part = |part: &attendance::Part| PartDoc {
            session: part.session.clone(),
            scheduled_ms: part.scheduled_ms,
            least_ms: part.least_ms,
            most_ms: part.most_ms,
            graced_ms: part.graced_ms,
            word: part.word,
            met: part.met,
            stays: part.stays.iter().map(StayDoc::from).collect(),
        };
        let field = |field: &attendance::FieldCredits| FieldDoc {
            field: field.field.to_string(),
            credits: field.credits,
        };
        Self {
            v: VERSION,
            attendee: attendee.clone(),
            programme: programme.clone(),
            basis: basis.to_owned(),
            outcome: decision.outcome,
            credits: decision.credits,
            least_credits: decision.range.0,
            most_credits: decision.range.1,
            full_credits: decision.full_credits,
            reason: decision.reason,
            explanation: decision.explanation.clone(),
            fields: decision.fields.iter().map(field).collect(),
            engagement: decision.engagement.map(|polls| EngagementDoc {
                answered: polls.answered,
                needed: polls.needed,
            }),
            confidence: Some((&decision.confidence).into()),
            complete: decision.is_complete(),
            parts: decision.parts.iter().map(part).collect(),
            evidence: decision.evidence.iter().map(SignalRef::from).collect(),
        }
    }
}

/// The bytes of any object document.
pub fn object_bytes<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_vec(document).expect("documents of texts and numbers serialise")
}
