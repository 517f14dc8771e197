//! The eligibility function: stays into a decision that explains itself.
//!
//! Contract: [`decide`] is pure, deterministic and total. It works on exact milliseconds and exact decimals, takes `now`
//! as an argument and gives the same decision for the same arguments on every machine. Ends of stays are intervals, so it
//! computes the least and the most time present; where both earn the same, and so does every other reading of the day
//! ([`crate::readings`]), that is the decision, else the outcome is `review` and the range is shown. So a certain decision is
//! the same for all true times that the intervals and the order of the logs allow (P4).
//!
//! This engine knows threshold rules on scans: share, minutes or the whole; grace; rounding; missing ends; toggled
//! directions. What it does not know (excluded intervals, fields of study, polls, caps, manual signals) has no key in a
//! rule set yet. [`ENGINE`] names what it does and stands in every decision: a change of meaning is a new name.

use std::fmt::Write as _;

use crate::Decimal;
use crate::agenda::{Programme, Registration, Session, Window};
use crate::presence::{End, Known as KnownStay, Presence, Stay, Taken, presence};
use crate::readings::Day;
use crate::rules::{
    BelowThreshold, MetAwards, MissingCheckIn, MissingCheckOut, RuleSet, Scope, Threshold, Windows,
};
use crate::time::{Interval, UtcMs};
use crate::words::{DoorId, SessionId, Signal, SignalId, words};

/// The name of this engine, in every decision.
pub const ENGINE: &str = "rollcall-threshold-2";

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
    pub field: std::sync::Arc<str>,
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
    /// The credits of the least and of the most time present.
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

/// Decides one attendee's credit for one programme.
pub fn decide(
    rules: &RuleSet,
    programme: &Programme,
    evidence: Evidence<'_>,
    known: &Known,
) -> Decision {
    let question = Question {
        rules,
        programme,
        registration: evidence.registration,
        now: known.now,
    };
    let day = Day::new(rules, programme, evidence.registration, evidence.signals);
    let told = question.answer(&day.told());
    let (reason, review) = question.reason(&day, &told);
    let Answer {
        found, measured, ..
    } = told;
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
        fields: Vec::new(),
        engagement: None,
        confidence: Confidence {
            per_cent: 100,
            terms: Vec::new(),
        },
        evidence: found.seen.into_iter().map(|seen| seen.signal).collect(),
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
    let parts: Vec<Part> = sessions
        .iter()
        .map(|session| measure_session(rules, &sessions, session, found, now))
        .collect();
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
    most: Window,
}

fn measure_session(
    rules: &RuleSet,
    sessions: &[&Session],
    session: &Session,
    found: &Presence,
    now: UtcMs,
) -> Part {
    let own = window(rules, session);
    let mut stays = Vec::new();
    let mut spans = Vec::new();
    for known in found.stays.iter().filter(|k| k.stay.room == session.room) {
        let Some((filled, to_review)) = fill(rules, sessions, session, known, found, now) else {
            continue;
        };
        let Some(span) = clip(&filled, own, to_review) else {
            continue;
        };
        stays.push(filled);
        spans.push(span);
    }
    let (least_ms, most_ms) = (least_ms(rules, own, &spans), most_ms(rules, own, &spans));
    let scheduled_ms = own.length_ms();
    let met = |ms| ms > 0 && rules.threshold.is_met(ms, scheduled_ms);
    let met = (met(least_ms) == met(most_ms)).then_some(met(least_ms));
    Part {
        session: session.id.clone(),
        scheduled_ms,
        least_ms,
        most_ms,
        graced_ms: 0,
        word: None,
        met,
        stays,
    }
}

/// Puts policy's ends in place of missing ones. `None` where the stay counts nothing for this session; the flag says
/// that an end was left to a reviewer.
fn fill(
    rules: &RuleSet,
    sessions: &[&Session],
    session: &Session,
    known: &KnownStay,
    found: &Presence,
    now: UtcMs,
) -> Option<(Stay, bool)> {
    let own = window(rules, session);
    let mut filled = known.stay.clone();
    let mut to_review = false;
    if known.end.is_none() {
        let from = known.start?;
        let placed = found.seen[from].placed;
        // The session of an open stay: the one the check-in falls in, or the next to begin in that room.
        let mine = sessions
            .iter()
            .filter(|s| s.room == session.room && placed < window(rules, s).end)
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
                MissingCheckOut::LastSignal => last_signal(session, own, found, from),
            }
        };
    }
    if known.start.is_none() {
        let until = &found.seen[known.end?];
        // The session of a stay without a beginning: the one the check-out falls in, or the last to end in that room.
        let mine = sessions
            .iter()
            .filter(|s| s.room == session.room && window(rules, s).start <= until.placed)
            .max_by_key(|s| (window(rules, s).start, &s.id))?;
        if mine.id != session.id {
            return None;
        }
        let inferred = |at: Interval, policy| End::Inferred {
            at,
            policy,
            signal: None,
        };
        let start = Interval::exactly(own.start);
        filled.start = match rules.missing_check_in {
            MissingCheckIn::None => return None,
            MissingCheckIn::SessionStart => inferred(start, MissingCheckIn::SessionStart.as_str()),
            MissingCheckIn::Review => {
                to_review = true;
                inferred(start, MissingCheckIn::Review.as_str())
            }
            MissingCheckIn::FirstSignal => {
                let mut seen = found.seen.iter().filter(|seen| seen.room == session.room);
                let first = seen.find(|seen| own.holds(seen.placed));
                inferred(
                    first.map_or(until.at, |seen| seen.at),
                    MissingCheckIn::FirstSignal.as_str(),
                )
            }
        };
    }
    Some((filled, to_review))
}

/// The last signal of the room within the session, from the one that began the stay on.
fn last_signal(session: &Session, own: Window, found: &Presence, from: usize) -> End {
    let later = found.seen[from..].iter().rev();
    let mut here = later.filter(|seen| seen.room == session.room);
    let last = here.find(|seen| own.holds(seen.placed));
    End::Inferred {
        at: last.map_or(found.seen[from].at, |seen| seen.at),
        policy: MissingCheckOut::LastSignal.as_str(),
        signal: last.map(|seen| seen.signal.clone()),
    }
}

/// What of a stay lies in the window; `None` where nothing can.
fn clip(stay: &Stay, own: Window, to_review: bool) -> Option<Span> {
    let (start, end) = (stay.start.at()?, stay.end.at()?);
    let within = |from: UtcMs, to: UtcMs| Window::new(from.max(own.start), to.min(own.end));
    let least = within(start.latest, end.earliest);
    Some(Span {
        least: least.filter(|_| !to_review),
        most: within(start.earliest, end.latest)?,
    })
}

/// The least time present: what every stay counts for certain, and the grace before and after it where no other stay can
/// have come in between.
fn least_ms(rules: &RuleSet, own: Window, spans: &[Span]) -> i64 {
    let mut windows: Vec<Window> = spans.iter().filter_map(|span| span.least).collect();
    windows.sort();
    let mut perhaps = spans.iter().filter(|span| span.least.is_none());
    let (begin, end) = ends(&windows);
    if perhaps.clone().all(|span| begin <= span.most.start)
        && let Some(first) = windows.first_mut()
    {
        first.start = graced_start(rules, own, first.start);
    }
    if perhaps.all(|span| span.most.end <= end)
        && let Some(last) = windows.iter_mut().max_by_key(|w| w.end)
    {
        last.end = graced_end(rules, own, last.end);
    }
    union_ms(&windows)
}

/// The most time present: all that stays can count, and the grace at the first and the last of them. Where one may not have
/// been at all, any may be the first or the last.
fn most_ms(rules: &RuleSet, own: Window, spans: &[Span]) -> i64 {
    let mut windows: Vec<Window> = spans.iter().map(|span| span.most).collect();
    let (begin, end) = ends(&windows);
    let any = spans.iter().any(|span| span.least.is_none());
    for window in &mut windows {
        if any || window.start == begin {
            window.start = graced_start(rules, own, window.start);
        }
        if any || window.end == end {
            window.end = graced_end(rules, own, window.end);
        }
    }
    windows.sort();
    union_ms(&windows)
}

/// When the first of the windows begins and the last ends.
fn ends(windows: &[Window]) -> (UtcMs, UtcMs) {
    let begin = windows.iter().map(|w| w.start).min();
    let end = windows.iter().map(|w| w.end).max();
    (
        begin.unwrap_or(UtcMs::DISTANT_FUTURE),
        end.unwrap_or(UtcMs::DISTANT_PAST),
    )
}

/// Forgives lateness up to its grace.
fn graced_start(rules: &RuleSet, own: Window, start: UtcMs) -> UtcMs {
    let late_ms = start.0 - own.start.0;
    if late_ms <= i64::from(rules.grace_in_s) * 1_000 {
        own.start
    } else {
        start
    }
}

/// Forgives earliness up to its grace.
fn graced_end(rules: &RuleSet, own: Window, end: UtcMs) -> UtcMs {
    let early_ms = own.end.0 - end.0;
    if early_ms <= i64::from(rules.grace_out_s) * 1_000 {
        own.end
    } else {
        end
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

/// All that a decision depends on besides the signals.
struct Question<'a> {
    rules: &'a RuleSet,
    programme: &'a Programme,
    registration: Option<&'a Registration>,
    now: UtcMs,
}

/// What one reading of the day comes to.
struct Answer {
    found: Presence,
    measured: Measured,
    /// The first of the list that made the difference in this reading.
    reason: Reason,
}

impl Question<'_> {
    fn is_registered(&self, taken: &Taken<'_>) -> bool {
        self.registration.is_some_and(|r| r.holds(taken.placed))
    }

    fn count(&self, rules: &RuleSet, signals: &[Taken<'_>]) -> (Presence, Measured) {
        let found = presence(rules, self.programme, signals);
        let measured = measure(rules, self.programme, &found, self.now);
        (found, measured)
    }

    fn registered<'t>(&self, reading: &[Taken<'t>]) -> Vec<Taken<'t>> {
        let registered = |taken: &&Taken<'_>| self.is_registered(taken);
        reading.iter().filter(registered).copied().collect()
    }

    fn answer(&self, reading: &[Taken<'_>]) -> Answer {
        let registered = self.registered(reading);
        let (found, measured) = self.count(self.rules, &registered);
        let reason = self.first_reason(reading, &registered, &found, &measured);
        Answer {
            found,
            measured,
            reason,
        }
    }

    /// The first reason of the list that made the difference in one reading.
    fn first_reason(
        &self,
        all: &[Taken<'_>],
        registered: &[Taken<'_>],
        found: &Presence,
        measured: &Measured,
    ) -> Reason {
        let differs = |rules: &RuleSet, signals: &[Taken<'_>]| {
            !self.count(rules, signals).1.same_as(measured)
        };
        let rules = self.rules;
        if all.len() != registered.len() && differs(rules, all) {
            return if self.registration.is_none() {
                Reason::NotRegistered
            } else {
                Reason::RegistrationCancelled
            };
        }
        if self.registration.is_none() && all.is_empty() {
            return Reason::NotRegistered;
        }
        if found.stays.is_empty() {
            return Reason::NoAttendance;
        }
        let began = RuleSet {
            missing_check_in: MissingCheckIn::SessionStart,
            ..rules.clone()
        };
        if rules.missing_check_in != began.missing_check_in && differs(&began, registered) {
            return Reason::MissingCheckIn;
        }
        let ended = RuleSet {
            missing_check_out: MissingCheckOut::SessionEnd,
            ..rules.clone()
        };
        if rules.missing_check_out != ended.missing_check_out && differs(&ended, registered) {
            return Reason::MissingCheckOut;
        }
        match measured.outcome() {
            Outcome::Review => Reason::ClockUncertain,
            Outcome::None if measured.was_present() => Reason::BelowMinimum,
            Outcome::None => Reason::NoAttendance,
            Outcome::Partial => Reason::PartialCredit,
            Outcome::Full => Reason::MetDurationThreshold,
        }
    }

    /// The reason of the decision, and whether a person must look: where the least and the most time differ, and where
    /// another reading of the day comes to something else.
    fn reason(&self, day: &Day<'_>, told: &Answer) -> (Reason, bool) {
        if told.measured.outcome() == Outcome::Review {
            return (told.reason, true);
        }
        let by_time = day.always(|reading| {
            let other = self.answer(reading);
            // Why nothing was earned may be told either way.
            let is_named = told.measured.least.is_zero() || other.reason == told.reason;
            is_named && other.measured.same_as(&told.measured)
        });
        let is_certain = by_time
            && day.however(
                self.programme,
                |taken| self.is_registered(taken),
                |reading| {
                    let (_, other) = self.count(self.rules, &self.registered(reading));
                    other.same_as(&told.measured)
                },
            );
        let reason = match told.reason {
            defect @ (Reason::NotRegistered
            | Reason::RegistrationCancelled
            | Reason::MissingCheckIn
            | Reason::MissingCheckOut) => defect,
            _ if !by_time => Reason::ClockUncertain,
            _ if !is_certain => Reason::InsufficientEvidence,
            earned => earned,
        };
        (reason, !is_certain)
    }
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

#[cfg(test)]
#[path = "eligibility_tests.rs"]
mod tests;
