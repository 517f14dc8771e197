//! The answer of a day: what its readings come to, the reason, and whether a person must look.
//!
//! Contract: the reason is the first of the closed list that applies and made the difference: with that defect held good
//! ([`Repair`]) and nothing else changed, the credits come out otherwise. What cannot have made one is not counted again.

use super::awards::{Crediting, Credits};
use super::gather::{Gathered, Said, gather};
use super::minutes::{Count, Minutes};
use super::plan::{Plan, Rooms};
use super::{Outcome, Reason, Repair, Word};
use crate::Decimal;
use crate::agenda::Registration;
use crate::presence::{Shown, presence};
use crate::readings::{By, Day, Reading, Visited};
use crate::rules::{Denial, MissingCheckIn, MissingCheckOut, PlatformAlone};
use crate::time::UtcMs;
use crate::words::Signal;

/// All that a decision depends on.
pub(crate) struct Question<'p, 'a> {
    pub(crate) plan: &'p Plan<'a>,
    pub(crate) registration: Option<&'a Registration>,
    pub(crate) signals: &'a [Signal],
    pub(crate) now: UtcMs,
    pub(crate) speaks: Vec<u32>,
    pub(crate) full: Decimal,
}

/// What one reading comes to.
#[derive(Clone, Debug)]
pub(crate) struct Measured<'a> {
    pub(crate) minutes: Vec<Minutes<'a>>,
    pub(crate) credits: Credits,
    pub(crate) full: Decimal,
}

impl Measured<'_> {
    /// What it comes to where it is settled.
    pub(crate) fn outcome(&self) -> Outcome {
        let credits = self.credits.least.total;
        if credits.is_zero() {
            Outcome::None
        } else if credits >= self.full {
            Outcome::Full
        } else {
            Outcome::Partial
        }
    }

    fn is_settled(&self) -> bool {
        !self.credits.is_open && self.credits.least.total == self.credits.most.total
    }

    fn was_present(&self) -> bool {
        self.minutes.iter().any(|minutes| minutes.most_ms > 0)
    }

    /// Whether it earns the same, for the question what a defect changed.
    fn same_as(&self, other: &Self) -> bool {
        let of = |m: &Self| {
            (
                m.credits.least.total,
                m.credits.most.total,
                m.credits.is_open,
            )
        };
        of(self) == of(other)
    }

    /// Whether it earns the same in the same fields.
    fn agrees_with(&self, other: &Self) -> bool {
        self.same_as(other) && self.credits.least.cells == other.credits.least.cells
    }
}

/// Why, and which of the causes that have one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) reason: Reason,
    pub(crate) cause: Cause,
}

/// What lies behind a reason that has several causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The reason says it.
    Said,
    /// Signals of sources that do not count.
    Refused,
    /// A platform's report alone.
    Bare,
}

/// What a day comes to.
pub(crate) struct Answer<'a> {
    /// What the told reading comes to.
    pub(crate) measured: Measured<'a>,
    /// The least and the most credits of all readings.
    pub(crate) range: (Decimal, Decimal),
    pub(crate) finding: Finding,
    pub(crate) is_review: bool,
}

/// One reading with what it shows.
struct Read<'r, 'a> {
    gathered: &'r Gathered<'a>,
    reading: &'r Reading<'a>,
    stays: Vec<Shown>,
}

/// Why the day is for a person where other readings come to something else: what keeps somebody from earning more says so itself.
fn differing(told: Finding, by_time: bool, by_choice: bool) -> Finding {
    let of = |reason| Finding {
        reason,
        cause: Cause::Said,
    };
    match told.reason {
        Reason::NotRegistered
        | Reason::RegistrationCancelled
        | Reason::ManualOverride
        | Reason::MissingCheckIn
        | Reason::MissingCheckOut
        | Reason::ConflictingSignals => told,
        _ if !by_time => of(Reason::ClockUncertain),
        _ if !by_choice => of(Reason::InsufficientEvidence),
        _ => told,
    }
}

impl<'a> Question<'_, 'a> {
    /// What the day comes to. The crossings gathered become its readings.
    pub(crate) fn answer(
        &self,
        rooms: &mut Rooms<'_, 'a>,
        gathered: &mut Gathered<'a>,
    ) -> Answer<'a> {
        let streams = std::mem::take(&mut gathered.streams);
        let mut day = Day::new(self.plan, rooms, streams);
        let gathered = &*gathered;
        let told = day.told(self.plan);
        let read = self.read(gathered, &told);
        let measured = self.count(&read, Repair::default());
        let with_all = gathered
            .has_refused
            .then(|| self.with_all_sources(rooms))
            .filter(|(all, _)| !all.same_as(&measured));
        let refused = with_all.as_ref().map(|(_, was_seen)| *was_seen);
        let finding = self.finding(&read, &measured, refused);
        let credits = &measured.credits;
        let mut range = (credits.least.total, credits.most.total);
        // Sides that are open, where that is more than who has the last step, and readings that were not gone through may come to
        // anything.
        let boundless = (Decimal::ZERO, self.full.max(range.1));
        let rules = self.plan.rules;
        let is_total_open = rules.asks_polls() || rules.caps.are_of_cells();
        let mut is_boundless = is_total_open && credits.is_open;
        let mut is_review = !measured.is_settled();
        if day.is_plain() {
            return Answer {
                measured,
                range: if is_boundless { boundless } else { range },
                finding,
                is_review,
            };
        }
        let mut agrees = Visited {
            by_time: true,
            by_choice: true,
        };
        let visited = day.each(self.plan, |reading, by| {
            let read = self.read(gathered, reading);
            let other = self.count(&read, Repair::default());
            range.0 = range.0.min(other.credits.least.total);
            range.1 = range.1.max(other.credits.most.total);
            is_boundless |= is_total_open && other.credits.is_open;
            // Readings that earn the same may each have a reason of their own: the told one's stands.
            let agrees = match by {
                By::Time => &mut agrees.by_time,
                By::Choice => &mut agrees.by_choice,
            };
            *agrees &= other.agrees_with(&measured);
        });
        if is_boundless || !visited.by_choice {
            range = boundless;
        }
        let finding = if is_review {
            finding
        } else {
            let by_time = agrees.by_time && visited.by_time;
            is_review = !(by_time && agrees.by_choice && visited.by_choice);
            differing(finding, by_time, !is_review)
        };
        Answer {
            measured,
            range,
            finding,
            is_review,
        }
    }

    fn read<'r>(&self, gathered: &'r Gathered<'a>, reading: &'r Reading<'a>) -> Read<'r, 'a> {
        Read {
            gathered,
            reading,
            stays: presence(self.plan, reading),
        }
    }

    fn count(&self, read: &Read<'_, 'a>, repair: Repair) -> Measured<'a> {
        let count = Count {
            plan: self.plan,
            registration: self.registration,
            gathered: read.gathered,
            now: self.now,
            repair,
        };
        let minutes = count.minutes(read.reading, &read.stays);
        let holds = repair.registration || self.registration.is_some_and(|r| !r.cancelled);
        let crediting = Crediting {
            plan: self.plan,
            minutes: &minutes,
            gathered: read.gathered,
            speaks: if holds { &self.speaks } else { &[] },
            repair,
        };
        Measured {
            credits: crediting.credits(),
            minutes,
            full: self.full,
        }
    }

    /// What the told reading would come to if every source counted, and whether anything was seen then.
    fn with_all_sources(&self, rooms: &mut Rooms<'_, 'a>) -> (Measured<'a>, bool) {
        let mut gathered = gather(self.plan, rooms, self.signals, true);
        let streams = std::mem::take(&mut gathered.streams);
        let told = Day::new(self.plan, rooms, streams).told(self.plan);
        let read = self.read(&gathered, &told);
        let was_seen = !read.stays.is_empty() || !gathered.runs.is_empty();
        (self.count(&read, Repair::default()), was_seen)
    }

    /// The first reason of the list that made the difference in one reading. `refused` where signals whose source does not
    /// count would make one.
    fn finding(
        &self,
        read: &Read<'_, 'a>,
        measured: &Measured<'a>,
        refused: Option<bool>,
    ) -> Finding {
        let said = |reason| Finding {
            reason,
            cause: Cause::Said,
        };
        let differs = |repair: Repair| !self.count(read, repair).same_as(measured);
        if let Some(reason) = self.registration_reason(read, &differs) {
            return said(reason);
        }
        let rules = self.plan.rules;
        let denied = |said: &Said| *said == Said::Word(Word::Denied);
        let words = &read.gathered.words;
        let has_denial = words.iter().any(|(_, said)| denied(said));
        if has_denial && rules.denial == Denial::Overrides {
            let repair = Repair {
                denials: true,
                ..Repair::default()
            };
            if differs(repair) {
                return said(Reason::ManualOverride);
            }
        }
        let has_confirmed = words.iter().any(|(_, said)| !denied(said));
        let is_absent = read.stays.is_empty() && read.gathered.runs.is_empty() && !has_confirmed;
        if is_absent && refused.is_none() && measured.credits.most.total.is_zero() {
            return said(Reason::NoAttendance);
        }
        if let Some(reason) = self.presence_reason(read, measured, &differs) {
            return said(reason);
        }
        if refused.is_some() {
            return Finding {
                reason: Reason::InsufficientEvidence,
                cause: Cause::Refused,
            };
        }
        if let Some(finding) = self.engagement_finding(measured, &differs) {
            return finding;
        }
        said(self.credit_reason(measured, &differs))
    }

    fn registration_reason(
        &self,
        read: &Read<'_, 'a>,
        differs: &dyn Fn(Repair) -> bool,
    ) -> Option<Reason> {
        let repair = Repair {
            registration: true,
            ..Repair::default()
        };
        let Some(registration) = self.registration else {
            let gathered = read.gathered;
            let is_silent =
                read.stays.is_empty() && gathered.runs.is_empty() && gathered.words.is_empty();
            return (is_silent || differs(repair)).then_some(Reason::NotRegistered);
        };
        let is_bounded = registration.cancelled
            || registration.valid_from.is_some()
            || registration.valid_until.is_some();
        (is_bounded && differs(repair)).then_some(Reason::RegistrationCancelled)
    }

    /// What is missing, disputed or uncertain of presence.
    fn presence_reason(
        &self,
        read: &Read<'_, 'a>,
        measured: &Measured<'a>,
        differs: &dyn Fn(Repair) -> bool,
    ) -> Option<Reason> {
        let rules = self.plan.rules;
        let begins = Repair {
            begins: true,
            ..Repair::default()
        };
        let lacks_start = read.stays.iter().any(|stay| stay.start.is_none());
        if lacks_start && rules.missing_check_in != MissingCheckIn::SessionStart && differs(begins)
        {
            return Some(Reason::MissingCheckIn);
        }
        let ends = Repair {
            ends: true,
            ..Repair::default()
        };
        let lacks_end = read.stays.iter().any(|stay| stay.end.is_none());
        if lacks_end && rules.missing_check_out != MissingCheckOut::SessionEnd && differs(ends) {
            return Some(Reason::MissingCheckOut);
        }
        let disputes = Repair {
            disputes: true,
            ..Repair::default()
        };
        if measured.minutes.iter().any(|minutes| minutes.is_denied) && differs(disputes) {
            return Some(Reason::ConflictingSignals);
        }
        if measured.is_settled() {
            return None;
        }
        let all = Repair {
            begins: true,
            ends: true,
            disputes: true,
            bare: true,
            polls: true,
            ..Repair::default()
        };
        let is_settled = self.count(read, all).is_settled();
        (!is_settled).then_some(Reason::ClockUncertain)
    }

    fn engagement_finding(
        &self,
        measured: &Measured<'a>,
        differs: &dyn Fn(Repair) -> bool,
    ) -> Option<Finding> {
        let credits = &measured.credits;
        if !(credits.least.fell_short || credits.most.fell_short || credits.is_open) {
            return None;
        }
        let polls = Repair {
            polls: true,
            ..Repair::default()
        };
        let both = Repair {
            bare: true,
            ..polls
        };
        if credits.least.is_bare
            && self.plan.rules.platform_alone != PlatformAlone::Counts
            && differs(both)
        {
            return Some(Finding {
                reason: Reason::InsufficientEvidence,
                cause: Cause::Bare,
            });
        }
        differs(polls).then_some(Finding {
            reason: Reason::InsufficientEngagement,
            cause: Cause::Said,
        })
    }

    /// What became of the credits.
    fn credit_reason(&self, measured: &Measured<'a>, differs: &dyn Fn(Repair) -> bool) -> Reason {
        let overlaps = Repair {
            overlaps: true,
            ..Repair::default()
        };
        if measured.minutes.iter().any(|minutes| minutes.shared) && differs(overlaps) {
            return Reason::OverlappingSessions;
        }
        let credits = &measured.credits;
        let is_capped = |earned: &super::awards::Earned| earned.total < earned.uncapped;
        if is_capped(&credits.least) || is_capped(&credits.most) {
            return Reason::CapReached;
        }
        match measured.outcome() {
            _ if !measured.is_settled() => Reason::ClockUncertain,
            Outcome::None if measured.was_present() => Reason::BelowMinimum,
            Outcome::None => Reason::NoAttendance,
            Outcome::Partial => Reason::PartialCredit,
            Outcome::Full | Outcome::Review => Reason::MetDurationThreshold,
        }
    }
}
