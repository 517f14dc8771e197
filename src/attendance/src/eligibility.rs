//! The eligibility function: stays into a decision that explains itself.
//!
//! Contract: [`decide`] is pure, deterministic and total. It works on exact milliseconds and exact decimals, takes `now`
//! as an argument and gives the same decision for the same arguments on every machine. Ends of stays are intervals, so it
//! computes the least and the most time present; where both earn the same, that is the decision, else the outcome is
//! `review` and the range is shown.
//!
//! This engine knows threshold rules on scans: share, minutes or the whole; grace; rounding; missing ends; toggled
//! directions. What it does not know (excluded intervals, fields of study, polls, caps, manual signals) has no key in a
//! rule set yet. [`ENGINE`] names what it does and stands in every decision: a change of meaning is a new name.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::Decimal;
use crate::agenda::{Programme, Registration, Session, Window};
use crate::presence::{End, Presence, Stay, in_order, presence};
use crate::rules::{
    BelowThreshold, MetAwards, MissingCheckIn, MissingCheckOut, RuleSet, Scope, Threshold, Windows,
};
use crate::time::{Interval, UtcMs};
use crate::words::{Direction, DoorId, SessionId, Signal, SignalId, words};

/// The name of this engine, in every decision.
pub const ENGINE: &str = "rollcall-threshold-1";

/// How many toggled signals are tried the other way. Beyond, the decision goes to review.
pub const MAX_TOGGLED_TRIED: usize = 16;

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
    /// The credits of the least and of the most time present.
    pub range: (Decimal, Decimal),
    /// The credits that complete attendance would earn.
    pub full_credits: Decimal,
    /// Why.
    pub reason: Reason,
    /// Why, in one line for people.
    pub explanation: String,
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

/// Decides one attendee's credit for one programme.
pub fn decide(
    rules: &RuleSet,
    programme: &Programme,
    evidence: Evidence<'_>,
    known: &Known,
) -> Decision {
    let all = in_order(evidence.signals);
    let registered: Vec<&Signal> = all
        .iter()
        .copied()
        .filter(|s| {
            evidence
                .registration
                .is_some_and(|r| r.holds(s.at.earliest))
        })
        .collect();
    let found = presence(rules, programme, &registered);
    let measured = measure(rules, programme, &found, known.now);
    let reason_and_review = reason(
        rules,
        programme,
        &all,
        &registered,
        &found,
        &measured,
        evidence.registration,
        known,
    );
    let (reason, review) = reason_and_review;
    let outcome = if review {
        Outcome::Review
    } else {
        measured.outcome()
    };
    let credits = (outcome != Outcome::Review).then_some(measured.least);
    let explanation = explain(rules, &measured, outcome, reason);
    Decision {
        outcome,
        credits,
        range: (measured.least, measured.most),
        full_credits: measured.full,
        reason,
        explanation,
        evidence: found.seen.iter().map(|(_, _, id)| id.clone()).collect(),
        rules: rules.hash.clone(),
        engine: ENGINE,
        now: known.now,
        is_open: programme
            .sessions
            .iter()
            .any(|s| known.now < window(rules, s).end),
        incomplete_doors: known.incomplete_doors.clone(),
        parts: measured.parts,
    }
}

/// The window of a session that a rule set counts by.
pub fn window(rules: &RuleSet, session: &Session) -> Window {
    match rules.windows {
        Windows::Scheduled => session.scheduled,
        Windows::Actual => session.actual.unwrap_or(session.scheduled),
    }
}

/// What stays come to under a rule set.
#[derive(Clone, Debug)]
struct Measured {
    parts: Vec<Part>,
    least: Decimal,
    most: Decimal,
    full: Decimal,
    /// A missing end that the rules send to review was met.
    missing_to_review: bool,
}

impl Measured {
    fn outcome_of(&self, credits: Decimal) -> Outcome {
        if credits.is_zero() {
            Outcome::None
        } else if credits >= self.full {
            Outcome::Full
        } else {
            Outcome::Partial
        }
    }

    fn outcome(&self) -> Outcome {
        if self.least == self.most {
            self.outcome_of(self.least)
        } else {
            Outcome::Review
        }
    }

    fn was_present(&self) -> bool {
        self.parts.iter().any(|p| p.most_ms > 0)
    }

    /// Whether two measurements come to the same, for the question what a defect changed.
    fn same_as(&self, other: &Self) -> bool {
        (self.least, self.most) == (other.least, other.most)
    }
}

fn measure(rules: &RuleSet, programme: &Programme, found: &Presence, now: UtcMs) -> Measured {
    let mut sessions: Vec<&Session> = programme.sessions.iter().collect();
    sessions.sort_by(|a, b| (window(rules, a).start, &a.id).cmp(&(window(rules, b).start, &b.id)));
    let mut parts = Vec::with_capacity(sessions.len());
    let mut missing_to_review = false;
    for session in &sessions {
        let (part, missing) = measure_session(rules, &sessions, session, found, now);
        missing_to_review |= missing;
        parts.push(part);
    }
    let credits = |ms: fn(&Part) -> i64| {
        let awarded = parts
            .iter()
            .map(|part| award_ms(rules, ms(part), part.scheduled_ms));
        match rules.scope {
            Scope::Programme => rules.credits_for(awarded.sum()),
            Scope::Session => awarded
                .map(|ms| rules.credits_for(ms))
                .fold(Decimal::ZERO, Decimal::saturating_add),
        }
    };
    let (least, most, full) = (
        credits(|p| p.least_ms),
        credits(|p| p.most_ms),
        credits(|p| p.scheduled_ms),
    );
    Measured {
        parts,
        least,
        most,
        full,
        missing_to_review,
    }
}

fn award_ms(rules: &RuleSet, present_ms: i64, scheduled_ms: i64) -> i64 {
    if present_ms == 0 {
        return 0;
    }
    let met = rules.threshold.is_met(present_ms, scheduled_ms);
    match (met, rules.met_awards, rules.below_threshold) {
        (true, MetAwards::Scheduled, _) => scheduled_ms,
        (true, MetAwards::Actual, _) | (false, _, BelowThreshold::Actual) => present_ms,
        (false, _, BelowThreshold::None) => 0,
    }
}

/// The time a stay counts for a session, at the least and at the most.
struct Span {
    least: Option<Window>,
    most: Option<Window>,
}

fn measure_session(
    rules: &RuleSet,
    sessions: &[&Session],
    session: &Session,
    found: &Presence,
    now: UtcMs,
) -> (Part, bool) {
    let own = window(rules, session);
    let mut stays = Vec::new();
    let mut spans = Vec::new();
    let mut missing_to_review = false;
    for stay in found.stays.iter().filter(|s| s.room == session.room) {
        let Some((filled, to_review)) = fill(rules, sessions, session, stay, found, now) else {
            continue;
        };
        let span = clip(&filled, own, to_review);
        if span.most.is_none() {
            continue;
        }
        missing_to_review |= to_review;
        stays.push(filled);
        spans.push(span);
    }
    let total = |pick: fn(&Span) -> Option<Window>| {
        let mut windows: Vec<Window> = spans.iter().filter_map(pick).collect();
        windows.sort();
        forgive(rules, own, &mut windows);
        union_ms(&windows)
    };
    let (least_ms, most_ms) = (total(|s| s.least), total(|s| s.most));
    let scheduled_ms = own.length_ms();
    let met = |ms| ms > 0 && rules.threshold.is_met(ms, scheduled_ms);
    let met = (met(least_ms) == met(most_ms)).then_some(met(least_ms));
    (
        Part {
            session: session.id.clone(),
            scheduled_ms,
            least_ms,
            most_ms,
            met,
            stays,
        },
        missing_to_review,
    )
}

/// Puts policy's ends in place of missing ones. `None` where the stay counts nothing for this session; the flag says
/// that an end was left to a reviewer.
fn fill(
    rules: &RuleSet,
    sessions: &[&Session],
    session: &Session,
    stay: &Stay,
    found: &Presence,
    now: UtcMs,
) -> Option<(Stay, bool)> {
    let own = window(rules, session);
    let mut filled = stay.clone();
    let mut to_review = false;
    if stay.end == End::Missing {
        let from = stay.start.at()?;
        // The session of an open stay: the one the check-in falls in, or the next to begin in that room.
        let mine = sessions
            .iter()
            .filter(|s| s.room == stay.room && from.earliest < window(rules, s).end)
            .min_by_key(|s| (window(rules, s).start, &s.id))?;
        if mine.id != session.id {
            return None;
        }
        let inferred = |at, policy| End::Inferred {
            at: Interval::exactly(at),
            policy,
            signal: None,
        };
        filled.end = if now < own.end {
            inferred(now, "still_inside")
        } else {
            match rules.missing_check_out {
                MissingCheckOut::None => return None,
                MissingCheckOut::SessionEnd => {
                    inferred(own.end, MissingCheckOut::SessionEnd.as_str())
                }
                MissingCheckOut::Review => {
                    to_review = true;
                    inferred(own.end, MissingCheckOut::Review.as_str())
                }
                MissingCheckOut::LastSignal => last_signal(stay, own, found, from),
            }
        };
    }
    if stay.start == End::Missing {
        let until = stay.end.at()?;
        // The session of a stay without a beginning: the one the check-out falls in, or the last to end in that room.
        let mine = sessions
            .iter()
            .filter(|s| s.room == stay.room && window(rules, s).start <= until.latest)
            .max_by_key(|s| (window(rules, s).start, &s.id))?;
        if mine.id != session.id {
            return None;
        }
        let inferred = |at: Interval, policy| End::Inferred {
            at,
            policy,
            signal: None,
        };
        filled.start = match rules.missing_check_in {
            MissingCheckIn::None => return None,
            MissingCheckIn::SessionStart => inferred(
                Interval::exactly(own.start),
                MissingCheckIn::SessionStart.as_str(),
            ),
            MissingCheckIn::Review => {
                to_review = true;
                inferred(
                    Interval::exactly(own.start),
                    MissingCheckIn::Review.as_str(),
                )
            }
            MissingCheckIn::FirstSignal => {
                let first = found
                    .seen
                    .iter()
                    .find(|(room, at, _)| *room == stay.room && own.holds(at.earliest));
                inferred(
                    first.map_or(until, |(_, at, _)| *at),
                    MissingCheckIn::FirstSignal.as_str(),
                )
            }
        };
    }
    Some((filled, to_review))
}

fn last_signal(stay: &Stay, own: Window, found: &Presence, from: Interval) -> End {
    let policy = MissingCheckOut::LastSignal.as_str();
    let last = found.seen.iter().rev().find(|(room, at, _)| {
        *room == stay.room && own.holds(at.latest) && from.earliest <= at.earliest
    });
    match last {
        Some((_, at, id)) => End::Inferred {
            at: *at,
            policy,
            signal: Some(id.clone()),
        },
        None => End::Inferred {
            at: from,
            policy,
            signal: None,
        },
    }
}

fn clip(stay: &Stay, own: Window, to_review: bool) -> Span {
    let (Some(start), Some(end)) = (stay.start.at(), stay.end.at()) else {
        return Span {
            least: None,
            most: None,
        };
    };
    let within = |from: UtcMs, to: UtcMs| Window::new(from.max(own.start), to.min(own.end));
    Span {
        least: if to_review {
            None
        } else {
            within(start.latest, end.earliest)
        },
        most: within(start.earliest, end.latest),
    }
}

/// Forgives lateness of the first presence and earliness of the last, each up to its grace.
fn forgive(rules: &RuleSet, own: Window, windows: &mut [Window]) {
    let grace_ms = |seconds: u32| i64::from(seconds) * 1_000;
    if let Some(first) = windows.first_mut()
        && first.start.0 - own.start.0 <= grace_ms(rules.grace_in_s)
    {
        first.start = own.start;
    }
    if let Some(last) = windows.iter_mut().max_by_key(|w| w.end)
        && own.end.0 - last.end.0 <= grace_ms(rules.grace_out_s)
    {
        last.end = own.end;
    }
}

/// The length of the union of windows that are sorted by start.
fn union_ms(windows: &[Window]) -> i64 {
    let mut total = 0;
    let mut reached = UtcMs(i64::MIN);
    for window in windows {
        let from = window.start.max(reached);
        if from < window.end {
            total += window.end.0 - from.0;
            reached = window.end;
        }
    }
    total
}

/// The first reason of the list that made the difference, and whether a person must look.
#[allow(clippy::too_many_arguments)]
fn reason(
    rules: &RuleSet,
    programme: &Programme,
    all: &[&Signal],
    registered: &[&Signal],
    found: &Presence,
    measured: &Measured,
    registration: Option<&Registration>,
    known: &Known,
) -> (Reason, bool) {
    let again = |rules: &RuleSet, signals: &[&Signal]| {
        measure(
            rules,
            programme,
            &presence(rules, programme, signals),
            known.now,
        )
    };
    // Whatever the reason is: what was inferred of a scan and could be otherwise is for a person to read.
    let reads_otherwise = || {
        let again = |signals: &[&Signal]| again(rules, signals);
        turns_on_a_toggle(found, registered, measured, again)
            || (!found.ambiguous.is_empty() && differs_by_room(found, registered, measured, again))
    };
    if all.len() != registered.len() && !again(rules, all).same_as(measured) {
        let reason = if registration.is_none() {
            Reason::NotRegistered
        } else {
            Reason::RegistrationCancelled
        };
        return (
            reason,
            measured.outcome() == Outcome::Review || reads_otherwise(),
        );
    }
    if registration.is_none() && all.is_empty() {
        return (Reason::NotRegistered, false);
    }
    if found.stays.is_empty() {
        return (Reason::NoAttendance, false);
    }
    let differs = measured.least != measured.most;
    let no_in = RuleSet {
        missing_check_in: MissingCheckIn::SessionStart,
        ..rules.clone()
    };
    if rules.missing_check_in != MissingCheckIn::SessionStart
        && !again(&no_in, registered).same_as(measured)
    {
        return (Reason::MissingCheckIn, differs || reads_otherwise());
    }
    let no_out = RuleSet {
        missing_check_out: MissingCheckOut::SessionEnd,
        ..rules.clone()
    };
    if rules.missing_check_out != MissingCheckOut::SessionEnd
        && !again(&no_out, registered).same_as(measured)
    {
        return (Reason::MissingCheckOut, differs || reads_otherwise());
    }
    if differs && !measured.missing_to_review {
        return (Reason::ClockUncertain, true);
    }
    if reads_otherwise() {
        return (Reason::InsufficientEvidence, true);
    }
    let reason = match measured.outcome() {
        Outcome::Review => Reason::ClockUncertain,
        Outcome::None if measured.was_present() => Reason::BelowMinimum,
        Outcome::None => Reason::NoAttendance,
        Outcome::Partial => Reason::PartialCredit,
        Outcome::Full => Reason::MetDurationThreshold,
    };
    (reason, differs)
}

/// Whether reading one toggled scan the other way would change what is earned.
fn turns_on_a_toggle(
    found: &Presence,
    signals: &[&Signal],
    measured: &Measured,
    again: impl Fn(&[&Signal]) -> Measured,
) -> bool {
    if found.toggled.len() > MAX_TOGGLED_TRIED {
        return true;
    }
    found.toggled.iter().any(|id| {
        let other = turned(signals, id, |signal| {
            signal.direction = match signal.direction {
                Direction::In => Direction::Out,
                Direction::Out => Direction::In,
                Direction::Seen => Direction::Seen,
            };
        });
        !again(&other.iter().collect::<Vec<_>>()).same_as(measured)
    })
}

/// Whether another room of an ambiguous scan would change what is earned.
fn differs_by_room(
    found: &Presence,
    signals: &[&Signal],
    measured: &Measured,
    again: impl Fn(&[&Signal]) -> Measured,
) -> bool {
    found.ambiguous.iter().any(|id| {
        let rooms = signals
            .iter()
            .find(|s| s.id == *id)
            .map_or(0, |s| s.rooms.len());
        (0..rooms).any(|room| {
            let other = turned(signals, id, |signal| {
                signal.rooms = vec![signal.rooms[room].clone()];
            });
            !again(&other.iter().collect::<Vec<_>>()).same_as(measured)
        })
    })
}

fn turned(signals: &[&Signal], id: &SignalId, turn: impl Fn(&mut Signal)) -> Vec<Signal> {
    signals
        .iter()
        .map(|signal| {
            let mut signal = (*signal).clone();
            if signal.id == *id {
                turn(&mut signal);
            }
            signal
        })
        .collect()
}

/// A length of time in words: whole seconds below an hour and a half, minutes above.
pub fn span_text(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    match (seconds / 60, seconds % 60) {
        (0, s) => format!("{s} s"),
        (m, 0) => format!("{m} min"),
        (m, s) if m < 90 => format!("{m} min {s} s"),
        (m, _) => format!("{m} min"),
    }
}

fn explain(rules: &RuleSet, measured: &Measured, outcome: Outcome, reason: Reason) -> String {
    let sum = |ms: fn(&Part) -> i64| measured.parts.iter().map(ms).sum::<i64>();
    let (least_ms, most_ms, scheduled_ms) = (
        sum(|p| p.least_ms),
        sum(|p| p.most_ms),
        sum(|p| p.scheduled_ms),
    );
    let scheduled = span_text(scheduled_ms);
    let mut text = if span_text(least_ms) == span_text(most_ms) {
        format!("Present {} of {scheduled}", span_text(least_ms))
    } else {
        format!(
            "Present between {} and {} of {scheduled}",
            span_text(least_ms),
            span_text(most_ms)
        )
    };
    let need = match rules.threshold {
        Threshold::None => None,
        Threshold::Share(share) => Some(format!("{} %", percent(share))),
        Threshold::Time { min_ms } => Some(span_text(min_ms)),
        Threshold::Full => Some("all".to_owned()),
    };
    if let Some(need) = need {
        let per = if measured.parts.len() > 1 {
            " of each session"
        } else {
            ""
        };
        let _ = write!(text, "; {need}{per} needed");
    }
    let _ = match outcome {
        Outcome::Review => {
            write!(
                text,
                "; {} to {} credits, a reviewer decides",
                measured.least, measured.most
            )
        }
        Outcome::Full | Outcome::Partial | Outcome::None => {
            write!(text, "; {} of {} credits", measured.least, measured.full)
        }
    };
    if let Some(why) = because(reason) {
        let _ = write!(text, " ({why})");
    }
    text.push('.');
    text
}

fn percent(share: Decimal) -> Decimal {
    Decimal::from_millionths(share.millionths().saturating_mul(100))
}

fn because(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::NotRegistered => "not registered",
        Reason::RegistrationCancelled => "the registration did not hold",
        Reason::ManualOverride => "decided by a person",
        Reason::NoAttendance => "no attendance recorded",
        Reason::MissingCheckIn => "a check-in is missing",
        Reason::MissingCheckOut => "a check-out is missing",
        Reason::ConflictingSignals => "sources disagree",
        Reason::ClockUncertain => "the clock leaves it open",
        Reason::InsufficientEvidence => "a scan can be read both ways",
        Reason::InsufficientEngagement => "too little engagement",
        Reason::OverlappingSessions => "sessions overlapped",
        Reason::CapReached => "a cap was reached",
        Reason::BelowMinimum => "below the minimum",
        Reason::PartialCredit | Reason::MetDurationThreshold => return None,
    })
}

/// The parts of a decision by session.
pub fn parts_by_session(decision: &Decision) -> BTreeMap<&SessionId, &Part> {
    decision
        .parts
        .iter()
        .map(|part| (&part.session, part))
        .collect()
}

#[cfg(test)]
#[path = "eligibility_tests.rs"]
mod tests;
