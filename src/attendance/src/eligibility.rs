//! The eligibility function: signals into a decision that explains itself.
//!
//! Contract: [`decide`] is pure, deterministic and total. It works on exact milliseconds and exact decimals, takes `now`
//! as an argument and gives the same decision for the same arguments on every machine. Ends of stays are intervals, so it
//! computes the least and the most time present; where both earn the same, and so does every other reading of the day
//! ([`crate::readings`]), that is the decision, else the outcome is `review` and the range is shown. So a certain decision is
//! the same in outcome, credits and fields for all true times that the intervals and the order of the logs allow (P4).
//!
//! The steps, each a module, and each a section of FORMAT.md: what counts of a programme (`plan`), what the signals are
//! (`gather`), how crossings followed each other ([`crate::readings`]) and what stays they show ([`crate::presence`]), minutes
//! of sessions (`minutes`), credits of units (`awards`), fields, days and caps (`deal`), the reason (`reasons`), confidence and
//! the sentence. [`ENGINE`] names what all of it means and stands in every decision: a change of meaning is a new name.
//!
//! Deliberately absent: minimums of credits by category, which bodies ask of years rather than of programmes.

mod awards;
mod confidence;
mod deal;
mod explain;
mod gather;
mod minutes;
pub(crate) mod plan;
mod reasons;
mod sets;

use std::sync::Arc;

use crate::Decimal;
use crate::agenda::{Programme, Registration};
use crate::presence::{End, Stay};
use crate::rules::RuleSet;
use crate::time::UtcMs;
use crate::words::{DoorId, Kind, SessionId, Signal, SignalId, words};
use gather::{Gathered, gather};
use minutes::{Filled, FilledEnd, Minutes};
use plan::Rooms;
use reasons::{Measured, Question};

pub use explain::span_text;
pub use plan::{Plan, window};

/// The name of this engine, in every decision.
pub const ENGINE: &str = "rollcall-credit-5";

words! {
    /// What a decision comes to.
    Outcome, "outcome" {
        /// The credits that complete attendance would earn.
        Full = "full",
        /// Less than that, more than nothing.
        Partial = "partial",
        /// Nothing.
        None = "none",
        /// Not decided: a person looks.
        Review = "review",
    }
}

words! {
    /// Why a decision is what it is. The list is closed, and stands in the order of precedence.
    Reason, "reason" {
        /// No registration.
        NotRegistered = "not_registered",
        /// The registration was cancelled or had ended.
        RegistrationCancelled = "registration_cancelled",
        /// A person decided against the scans.
        ManualOverride = "manual_override",
        /// No presence at all.
        NoAttendance = "no_attendance",
        /// A check-in is missing, and it matters.
        MissingCheckIn = "missing_check_in",
        /// A check-out is missing, and it matters.
        MissingCheckOut = "missing_check_out",
        /// Sources contradict each other, and it matters.
        ConflictingSignals = "conflicting_signals",
        /// The clock's uncertainty matters.
        ClockUncertain = "clock_uncertain",
        /// The evidence does not say enough, and it matters.
        InsufficientEvidence = "insufficient_evidence",
        /// Too little engagement.
        InsufficientEngagement = "insufficient_engagement",
        /// Sessions overlapped.
        OverlappingSessions = "overlapping_sessions",
        /// A cap took something away.
        CapReached = "cap_reached",
        /// Present, and still nothing earned.
        BelowMinimum = "below_minimum",
        /// Part of what was to be had.
        PartialCredit = "partial_credit",
        /// All of what was to be had.
        MetDurationThreshold = "met_duration_threshold",
    }
}

words! {
    /// What a person said of a session, and still says.
    Word, "word for or against a session" {
        /// It was attended whole.
        Confirmed = "confirmed",
        /// It was not attended.
        Denied = "denied",
    }
}

words! {
    /// What raises or lowers confidence.
    Term, "term of confidence" {
        /// What counts was seen by a source that says less than a door or a person does.
        Source = "source",
        /// An end that counts was inferred.
        Inferred = "inferred",
        /// The direction of a signal that counts was inferred.
        Direction = "direction",
        /// The time of an end that counts is known less well than by an anchor.
        Time = "time",
        /// Two sources saw the attendee in one session.
        Corroborated = "corroborated",
        /// Entries of a door were not all held.
        Doors = "doors",
    }
}

/// How far the evidence carries, as a sum that anybody can follow: 100 and the points of each term, from 0 to 100. No credit
/// depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confidence {
    /// The sum, held between 0 and 100.
    pub per_cent: u8,
    /// Its terms, in the order of the list, those without points left out.
    pub terms: Vec<(Term, i8)>,
}

/// The credits of one field of study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldCredits {
    /// The field; empty for sessions that name none, where others do.
    pub field: Arc<str>,
    /// Its part of the credits.
    pub credits: Decimal,
}

/// The polls answered by somebody whom a platform alone shows, and how many were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Engagement {
    /// Distinct polls answered.
    pub answered: u32,
    /// How many the rule set asks for.
    pub needed: u32,
}

/// What is held about one attendee.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Signals, in any order.
    pub signals: &'a [Signal],
    /// The registration, where there is one.
    pub registration: Option<&'a Registration>,
}

/// What is known of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The instant for which the decision is asked.
    pub now: UtcMs,
    /// Doors of the programme's rooms whose entries are not all held yet.
    pub incomplete_doors: Vec<DoorId>,
}

/// One session's share in a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The session.
    pub session: SessionId,
    /// Its length that counts, in milliseconds.
    pub scheduled_ms: i64,
    /// The least time present, grace included, in milliseconds.
    pub least_ms: i64,
    /// The most time present, grace included, in milliseconds.
    pub most_ms: i64,
    /// So much of the least time is grace, in milliseconds.
    pub graced_ms: i64,
    /// What a person said of it.
    pub word: Option<Word>,
    /// Whether the threshold is met: `None` where the least and the most disagree.
    pub met: Option<bool>,
    /// The stays of its room that touch it, missing ends filled in by policy.
    pub stays: Vec<Stay>,
}

/// An outcome with all it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What it comes to.
    pub outcome: Outcome,
    /// The credits; `None` under review.
    pub credits: Option<Decimal>,
    /// The credits of the least and of the most time present in any reading; nothing and all where no reading bounds it.
    pub range: (Decimal, Decimal),
    /// The credits that complete attendance would earn.
    pub full_credits: Decimal,
    /// Why.
    pub reason: Reason,
    /// Why, in one line for people.
    pub explanation: String,
    /// The credits by field of study; none under review, or where no session names a field.
    pub fields: Vec<FieldCredits>,
    /// The polls answered and asked for, where some were asked for.
    pub engagement: Option<Engagement>,
    /// How far the evidence carries.
    pub confidence: Confidence,
    /// Session by session, in order of start, then id.
    pub parts: Vec<Part>,
    /// The signals it rests on, in order of time.
    pub evidence: Vec<SignalId>,
    /// The rule set's hash.
    pub rules: String,
    /// The engine's name.
    pub engine: &'static str,
    /// For which instant it was asked.
    pub now: UtcMs,
    /// Whether a session had not ended by then.
    pub is_open: bool,
    /// Doors whose entries were not all held.
    pub incomplete_doors: Vec<DoorId>,
}

impl Decision {
    /// Whether every session had ended and every door's entries were held.
    pub fn is_complete(&self) -> bool {
        !self.is_open && self.incomplete_doors.is_empty()
    }
}

/// What is held good for the question whether a defect made the difference.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Repair {
    /// The registration always holds.
    pub(crate) registration: bool,
    /// Nobody denied anything.
    pub(crate) denials: bool,
    /// People agree with each other and with what was seen.
    pub(crate) disputes: bool,
    /// Missing check-ins are at the session's start.
    pub(crate) begins: bool,
    /// Missing check-outs are at the session's end.
    pub(crate) ends: bool,
    /// A platform's word is enough without an answer.
    pub(crate) bare: bool,
    /// Enough polls were answered.
    pub(crate) polls: bool,
    /// Time counts for each session.
    pub(crate) overlaps: bool,
    /// There are no caps.
    pub(crate) caps: bool,
}

/// Decides one attendee's credit for one programme. For many attendees of one programme, [`Plan::decide`] prepares it once.
pub fn decide(
    rules: &RuleSet,
    programme: &Programme,
    evidence: Evidence<'_>,
    known: &Known,
) -> Decision {
    Plan::new(rules, programme).decide(evidence, known)
}

impl Plan<'_> {
    /// Decides one attendee's credit.
    pub fn decide(&self, evidence: Evidence<'_>, known: &Known) -> Decision {
        let mut rooms = Rooms::new(self);
        let mut gathered = gather(self, &mut rooms, evidence.signals, false);
        let speaks = self.speaks(evidence.registration);
        let holds = evidence.registration.is_some_and(|r| !r.cancelled);
        let question = Question {
            plan: self,
            registration: evidence.registration,
            signals: evidence.signals,
            now: known.now,
            full: if speaks.is_empty() || !holds {
                self.full
            } else {
                awards::full(self, &speaks)
            },
            speaks,
        };
        let answer = question.answer(&mut rooms, &mut gathered);
        let measured = &answer.measured;
        let outcome = if answer.is_review {
            Outcome::Review
        } else {
            measured.outcome()
        };
        let fields = if answer.is_review {
            Vec::new()
        } else {
            self.fields(measured)
        };
        Decision {
            outcome,
            credits: (outcome != Outcome::Review).then_some(measured.credits.least.total),
            range: answer.range,
            full_credits: measured.full,
            reason: answer.finding.reason,
            explanation: explain::explain(self, &answer, outcome),
            fields,
            engagement: measured.credits.least.engagement,
            confidence: confidence::confidence(&measured.minutes, known),
            parts: self.parts(&rooms, &measured.minutes),
            evidence: evidence_of(evidence.signals, &gathered),
            rules: self.rules.hash.clone(),
            engine: ENGINE,
            now: known.now,
            is_open: known.now < self.over,
            incomplete_doors: known.incomplete_doors.clone(),
        }
    }

    /// The sessions at which somebody speaks, where that earns something of its own if the registration holds.
    fn speaks(&self, registration: Option<&Registration>) -> Vec<u32> {
        let registration = registration.filter(|_| self.rules.speakers.is_some());
        let spoken = registration.map_or(&[][..], |r| &r.speaks);
        spoken.iter().filter_map(|id| self.session(id)).collect()
    }

    fn fields(&self, measured: &Measured<'_>) -> Vec<FieldCredits> {
        if !self.has_fields {
            return Vec::new();
        }
        let earned = &measured.credits.least;
        let alone = [earned.total.millionths()];
        let cells = if earned.cells.is_empty() {
            &alone[..]
        } else {
            &earned.cells
        };
        let mut fields: Vec<FieldCredits> = Vec::new();
        for (key, credits) in self.cells.iter().zip(cells) {
            let credits = Decimal::from_millionths(*credits);
            match fields.iter_mut().find(|known| known.field == key.field) {
                Some(known) => known.credits = known.credits.saturating_add(credits),
                None => fields.push(FieldCredits {
                    field: Arc::clone(&key.field),
                    credits,
                }),
            }
        }
        fields.retain(|field| !field.credits.is_zero());
        fields.sort_by(|a, b| a.field.cmp(&b.field));
        fields
    }

    fn parts(&self, rooms: &Rooms<'_, '_>, minutes: &[Minutes<'_>]) -> Vec<Part> {
        let each = self.sessions.iter().zip(minutes);
        each.map(|(planned, minutes)| {
            let met = |ms| ms > 0 && self.rules.threshold.is_met(ms, planned.scheduled_ms);
            let (least, most) = (met(minutes.least_ms), met(minutes.most_ms));
            Part {
                session: planned.session.id.clone(),
                scheduled_ms: planned.scheduled_ms,
                least_ms: minutes.least_ms,
                most_ms: minutes.most_ms,
                graced_ms: minutes.graced_ms,
                word: minutes.word,
                met: (least == most).then_some(least),
                stays: minutes
                    .stays
                    .iter()
                    .filter_map(|stay| shown(rooms, stay))
                    .collect(),
            }
        })
        .collect()
    }
}

fn shown(rooms: &Rooms<'_, '_>, stay: &Filled<'_>) -> Option<Stay> {
    let end = |end: &FilledEnd<'_>| {
        let signal = end.signal.map(|signal| signal.id.clone());
        match (end.policy, signal) {
            (None, Some(signal)) => End::Observed { at: end.at, signal },
            (None, None) => End::Missing,
            (Some(policy), signal) => End::Inferred {
                at: end.at,
                policy,
                signal,
            },
        }
    };
    Some(Stay {
        room: rooms.room(stay.place)?.clone(),
        source: stay.source,
        start: end(&stay.start),
        end: end(&stay.end),
    })
}

/// All signals that are somewhere, in order of time; of heartbeats those that begin or end what they show.
fn evidence_of(signals: &[Signal], gathered: &Gathered<'_>) -> Vec<SignalId> {
    let is_listed = |signal: &&Signal| {
        !matches!(signal.kind, Kind::Heartbeat)
            && (!signal.rooms.is_empty() || signal.session.is_some())
    };
    let mut listed: Vec<&Signal> = signals.iter().filter(is_listed).collect();
    listed.extend(gathered.runs.iter().flat_map(|run| [run.first, run.last]));
    listed.sort_by(|a, b| (a.at.earliest, &a.id).cmp(&(b.at.earliest, &b.id)));
    listed.dedup_by(|next, kept| next.id == kept.id);
    listed.into_iter().map(|signal| signal.id.clone()).collect()
}

#[cfg(test)]
#[path = "eligibility_tests.rs"]
pub(crate) mod tests;
