//! What a clock knew, and the interval in which something then happened.
//!
//! Contract: a stamp is what a kiosk's clock read when an entry was made; it is never corrected. [`ClockHistory`]
//! collects, in the order of the log, what bounds those readings: anchors (four timestamps against the issuer),
//! receipts (this log of this size existed at this time), starts and suspends. [`ClockHistory::place`] then gives any
//! entry of the log, earlier ones as well, the interval in which it was made.
//!
//! - An anchor bounds every entry of its segment, widening with distance by `drift_max_ppm`. A segment is a stretch of
//!   one boot without suspend: the raw clock runs on within it.
//! - A time code is an anchor of two halves. Nobody had it before its time: that bounds like an exchange, and every later
//!   entry of the log by position. That it was fresh when it was scanned is staff's word, at most `code_age_ms` old: an
//!   upper end that gives way to whatever the issuer signed, and is worth nothing in a segment where one was late.
//! - Only marks count: a plain entry begins no segment and bounds no other, so a history made of a log's marks alone
//!   places every entry as one made of all its entries does.
//! - A segment without an anchor is bounded by its neighbours and by receipts. Within those bounds a wall clock that the
//!   kernel called synchronised counts, with the policy's error; any other does not.
//! - A receipt bounds by position: journalled before the entry it proves not-before, covering the entry not-after.
//! - Anchors that cannot all hold are reported and the hull of what they say is given, never an average. The same goes
//!   for a kernel's word against staff's.
//!
//! Milliseconds are truncated when read, so a difference of two readings is off by less than one; the bounds allow for it.

mod segment;

use std::fmt;
use std::sync::Arc;

use crate::words::words;
use segment::{Code, CodesSay, Segment};

/// The segment of an entry that no mark of its boot came before.
pub const NO_SEGMENT: u32 = u32::MAX;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcMs(pub i64);

impl UtcMs {
    /// Before anything: stands for "no earliest time is known".
    pub const DISTANT_PAST: Self = Self(0);
    /// The last millisecond of the year 9999: stands for "no latest time is known".
    pub const DISTANT_FUTURE: Self = Self(253_402_300_799_999);

    /// The instant this many milliseconds later, or earlier where negative, held within the distant ends.
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms)).clamp(Self::DISTANT_PAST, Self::DISTANT_FUTURE)
    }
}

/// The closed interval in which something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// It did not happen before this.
    pub earliest: UtcMs,
    /// It did not happen after this.
    pub latest: UtcMs,
}

impl Interval {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        earliest: UtcMs::DISTANT_PAST,
        latest: UtcMs::DISTANT_FUTURE,
    };

    /// Exactly one instant.
    pub const fn exactly(at: UtcMs) -> Self {
        Self {
            earliest: at,
            latest: at,
        }
    }

    /// What both allow; `None` where they contradict each other.
    pub fn and(self, other: Self) -> Option<Self> {
        let both = Self {
            earliest: self.earliest.max(other.earliest),
            latest: self.latest.min(other.latest),
        };
        (both.earliest <= both.latest).then_some(both)
    }

    /// The smallest interval that holds both.
    pub fn hull(self, other: Self) -> Self {
        Self {
            earliest: self.earliest.min(other.earliest),
            latest: self.latest.max(other.latest),
        }
    }

    /// Its width in milliseconds.
    pub fn width_ms(self) -> i64 {
        self.latest.0.saturating_sub(self.earliest.0)
    }

    /// Whether the instant lies within.
    pub fn holds(self, at: UtcMs) -> bool {
        self.earliest <= at && at <= self.latest
    }
}

words! {
    /// What the kernel said of the wall clock.
    Sync, "clock state" {
        /// Disciplined by a time source now.
        Synced = "synced",
        /// Was disciplined in this boot, is not now.
        Holdover = "holdover",
        /// Never disciplined in this boot.
        Unset = "unset",
    }
}

words! {
    /// How an entry's interval is known.
    Quality, "time quality" {
        /// By anchors of its own segment.
        Anchored = "anchored",
        /// By a wall clock that the kernel called synchronised.
        Kernel = "kernel",
        /// By a time code of its own segment, its latest end on the word of the staff who scanned it.
        TimeCode = "time_code",
        /// By its neighbours in the log and by receipts only.
        Bounded = "bounded",
        /// What bounds it cannot all be true.
        Contradictory = "contradictory",
        /// By the word of the system or the person that reports it.
        Reported = "reported",
    }
}

/// The kernel's id of one boot, as the kernel writes it: 36 characters of hex and dashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootId(Arc<str>);

/// Why a text is no boot id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a boot id: 36 characters of lower hex and dashes")]
pub struct BadBootId(pub String);

impl BootId {
    /// Checks the form.
    ///
    /// # Errors
    /// Where it is not 36 characters of lower hex and dashes.
    pub fn new(text: &str) -> Result<Self, BadBootId> {
        let fits = text.len() == 36
            && text
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'));
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(BadBootId(text.chars().take(36).collect()))
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for BootId {
    type Err = BadBootId;
    fn from_str(text: &str) -> Result<Self, BadBootId> {
        Self::new(text)
    }
}

/// What the clocks of a kiosk read when an entry was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The wall clock.
    pub wall: UtcMs,
    /// The boot whose raw clock this is.
    pub boot: BootId,
    /// `CLOCK_MONOTONIC_RAW` in milliseconds.
    pub raw_ms: u64,
    /// What the kernel said of the wall clock.
    pub sync: Sync,
    /// The kernel's bound on the wall clock's error in milliseconds, where it gave one worth believing.
    pub error_ms: Option<u32>,
}

/// Four timestamps against the issuer, as in NTP, the kiosk's two on its raw clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The raw clock just before the request left, in milliseconds.
    pub sent_raw_ms: u64,
    /// The issuer's clock when the request came.
    pub issuer_received: UtcMs,
    /// The issuer's clock when the answer left.
    pub issuer_sent: UtcMs,
    /// The raw clock just after the answer came, in milliseconds.
    pub received_raw_ms: u64,
    /// The issuer's bound on its own error in milliseconds.
    pub issuer_error_ms: u32,
}

/// How far clocks are believed. Stated bounds, part of what a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimePolicy {
    /// The most a raw clock may gain or lose, in parts per million.
    pub drift_max_ppm: u32,
    /// The least error of a wall clock that the kernel called synchronised, in milliseconds.
    pub kernel_error_ms: u32,
    /// The error of the issuer's clock when it cosigned a receipt, in milliseconds.
    pub receipt_error_ms: u32,
    /// The age up to which staff scan a time code, in milliseconds.
    pub code_age_ms: u32,
}

/// The most that a raw clock is believed to gain or lose, in parts per million.
pub const DRIFT_MAX_PPM: u32 = 200;

/// The age up to which staff scan a time code, in milliseconds. The page that shows codes blanks them well before.
pub const CODE_AGE_MS: u32 = 60_000;

impl Default for TimePolicy {
    fn default() -> Self {
        Self {
            drift_max_ppm: DRIFT_MAX_PPM,
            kernel_error_ms: 1_000,
            receipt_error_ms: 1_000,
            code_age_ms: CODE_AGE_MS,
        }
    }
}

impl TimePolicy {
    /// What a receipt's time in whole seconds says of the instant at which it was given.
    fn second(&self, time_s: u64) -> Interval {
        let error = i64::from(self.receipt_error_ms);
        let ms = i64::try_from(time_s)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000);
        let second = UtcMs::DISTANT_PAST.plus_ms(ms);
        Interval {
            earliest: second.plus_ms(-error),
            latest: second.plus_ms(999 + error),
        }
    }
}

/// What an entry means for the history of its log's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing but its own stamp.
    Plain,
    /// The daemon started. Within one boot the raw clock runs on across starts.
    Start,
    /// The machine was suspended since the entry before: the raw clock stood still, a new segment begins.
    Suspend,
    /// A time exchange with the issuer.
    Clock(Anchor),
    /// A time code was scanned, when the entry was stamped.
    TimeCode {
        /// The issuer's clock when it made the code.
        at: UtcMs,
        /// The issuer's bound on its own error in milliseconds.
        error_ms: u32,
    },
    /// A receipt was journalled here.
    Receipt {
        /// The size of the log it covers.
        covers: u64,
        /// The issuer's time of cosigning, in whole seconds since 1970.
        time_s: u64,
    },
}

/// A receipt that bounds an entry from one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bracket {
    /// The index of the entry that journalled the receipt.
    pub journalled_at: u64,
    /// The size of the log it covers.
    pub covers: u64,
    /// The issuer's time of cosigning, in whole seconds since 1970.
    pub time_s: u64,
}

/// An entry's place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// When it was made.
    pub at: Interval,
    /// How that is known.
    pub quality: Quality,
    /// The receipt that proves not-before.
    pub not_before: Option<Bracket>,
    /// The receipt that proves not-after.
    pub not_after: Option<Bracket>,
    /// The segment of the log's clock that stamped it, or [`NO_SEGMENT`].
    pub segment: u32,
}

/// What is known of one log's clock, collected entry by entry in the order of the log.
#[derive(Clone, Debug)]
pub struct ClockHistory {
    policy: TimePolicy,
    segments: Vec<Segment>,
    /// By rising `journalled_at`, and so by rising `covers`.
    receipts: Vec<Bracket>,
    /// The index of a time code's entry, and before what nothing after it was made. Both rise.
    code_floors: Vec<(u64, UtcMs)>,
}

impl ClockHistory {
    /// An empty history.
    pub fn new(policy: TimePolicy) -> Self {
        Self {
            policy,
            segments: Vec::new(),
            receipts: Vec::new(),
            code_floors: Vec::new(),
        }
    }

    /// Takes the next entry. Indices rise. Plain entries may be given or left out: they change nothing. Every other entry
    /// up to the size of the log that is asked about must be given.
    pub fn observe(&mut self, index: u64, stamp: &Stamp, mark: Mark) {
        if mark == Mark::Plain {
            return;
        }
        let runs_on = matches!(self.segments.last(), Some(s) if s.boot == stamp.boot)
            && mark != Mark::Suspend;
        if !runs_on {
            self.segments
                .push(Segment::begin(index, stamp.boot.clone(), stamp.raw_ms));
        }
        let policy = self.policy;
        let known = match mark {
            Mark::TimeCode { .. } => self.known_before(index),
            Mark::Receipt { time_s, .. } => policy.second(time_s).earliest,
            Mark::Plain | Mark::Start | Mark::Suspend | Mark::Clock(_) => UtcMs::DISTANT_PAST,
        };
        let Some(segment) = self.segments.last_mut() else {
            return;
        };
        segment.reach(stamp.raw_ms);
        match mark {
            Mark::Clock(anchor) => segment.add_exchange(anchor, policy),
            Mark::TimeCode { at, error_ms } => {
                let code = Code {
                    raw_ms: stamp.raw_ms,
                    at,
                    error_ms,
                };
                segment.add_code(code, known, policy);
                let floor = at.plus_ms(-i64::from(error_ms) - i64::from(policy.receipt_error_ms));
                if self
                    .code_floors
                    .last()
                    .is_none_or(|(_, last)| *last < floor)
                {
                    self.code_floors.push((index, floor));
                }
            }
            Mark::Receipt { covers, time_s } => {
                let receipt = Bracket {
                    journalled_at: index,
                    covers,
                    time_s,
                };
                segment.not_before(stamp.raw_ms, known, policy);
                if self
                    .receipts
                    .last()
                    .is_none_or(|last| last.covers <= covers)
                {
                    self.receipts.push(receipt);
                }
            }
            Mark::Plain | Mark::Start | Mark::Suspend => {}
        }
    }

    /// The first index of each segment whose anchors cannot all hold.
    pub fn contradictions(&self) -> impl Iterator<Item = u64> + '_ {
        self.segments
            .iter()
            .filter(|s| s.is_contradictory())
            .map(|s| s.first_index)
    }

    /// The first index of each segment in which a time code was scanned at a greater age than staff vouch for, as other
    /// evidence shows.
    pub fn late_codes(&self) -> impl Iterator<Item = u64> + '_ {
        self.segments
            .iter()
            .filter(|s| s.is_late())
            .map(|s| s.first_index)
    }

    /// Whether the segment of the newest mark has a time exchange.
    pub fn is_anchored(&self) -> bool {
        self.segments.last().is_some_and(Segment::has_exchanges)
    }

    /// Whether the segment of the newest mark has a time exchange, or time codes of which none was late.
    pub fn is_timed(&self) -> bool {
        self.segments
            .last()
            .is_some_and(|s| s.has_exchanges() || (s.has_codes() && !s.is_late()))
    }

    /// The interval in which an entry was made, by all that is known now.
    pub fn place(&self, index: u64, stamp: &Stamp) -> Placed {
        let begun = self.segments.partition_point(|s| s.first_index <= index);
        // An entry before the first mark, or of a boot that no mark began, is of no segment.
        let own = begun
            .checked_sub(1)
            .filter(|number| self.segments[*number].boot == stamp.boot);
        let before = self.receipts.partition_point(|r| r.journalled_at < index);
        let not_before = before.checked_sub(1).map(|i| self.receipts[i]);
        let not_after = self
            .receipts
            .get(self.receipts.partition_point(|r| r.covers <= index))
            .copied();
        let bracket = self.bracket(index, not_before, not_after);
        let own_segment = own.map(|number| &self.segments[number]);
        let anchored = own_segment.and_then(|s| s.bounds(stamp.raw_ms, self.policy));
        let (at, quality) = match anchored {
            Some((at, agree)) => match (at.and(bracket), agree) {
                (Some(both), true) => (both, Quality::Anchored),
                // Either may be right, so what either leaves open is open.
                (_, _) => (at.hull(bracket), Quality::Contradictory),
            },
            None => {
                let codes = own_segment.and_then(|s| s.codes_say(stamp.raw_ms, self.policy));
                self.without_anchor(begun, stamp, bracket, codes)
            }
        };
        Placed {
            at,
            quality,
            not_before,
            not_after,
            segment: own
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or(NO_SEGMENT),
        }
    }

    fn bracket(
        &self,
        index: u64,
        not_before: Option<Bracket>,
        not_after: Option<Bracket>,
    ) -> Interval {
        let codes = self.code_floors.partition_point(|(at, _)| *at < index);
        let code = codes.checked_sub(1).map(|last| self.code_floors[last].1);
        let second = |receipt: Bracket| self.policy.second(receipt.time_s);
        let receipt = not_before.map(|receipt| second(receipt).earliest);
        Interval {
            earliest: receipt.max(code).unwrap_or(UtcMs::DISTANT_PAST),
            latest: not_after.map_or(UtcMs::DISTANT_FUTURE, |receipt| second(receipt).latest),
        }
    }

    /// What the last segment begun and those before it leave possible for its next entry, by what the issuer signed alone.
    fn known_before(&self, index: u64) -> UtcMs {
        let before = self.receipts.partition_point(|r| r.journalled_at < index);
        let receipt = before.checked_sub(1).map(|i| self.receipts[i]);
        let bracket = self.bracket(index, receipt, None);
        bracket
            .earliest
            .max(self.neighbours(self.segments.len()).earliest)
    }

    /// What the nearest segments with exchanges leave possible, where so many segments have begun.
    fn neighbours(&self, begun: usize) -> Interval {
        // The last segment begun may have marks on both sides of the entry, so it bounds neither side.
        let earlier = self.segments[..begun.saturating_sub(1)].iter().rev();
        let later = self.segments.iter().skip(begun);
        Interval {
            earliest: earlier
                .filter_map(|s| s.bounds(s.last_raw_ms, self.policy))
                .map(|(at, _)| at.earliest)
                .next()
                .unwrap_or(UtcMs::DISTANT_PAST),
            latest: later
                .filter_map(|s| s.bounds(s.first_raw_ms, self.policy))
                .map(|(at, _)| at.latest)
                .next()
                .unwrap_or(UtcMs::DISTANT_FUTURE),
        }
    }

    fn without_anchor(
        &self,
        begun: usize,
        stamp: &Stamp,
        bracket: Interval,
        codes: Option<CodesSay>,
    ) -> (Interval, Quality) {
        let neighbours = self.neighbours(begun);
        let Some(bounds) = neighbours.and(bracket) else {
            return (neighbours.hull(bracket), Quality::Contradictory);
        };
        // That a code was not had before its time is the issuer's word, as good as a receipt.
        let earliest = codes.map_or(UtcMs::DISTANT_PAST, |codes| codes.earliest);
        let not_before = Interval {
            earliest,
            ..Interval::UNKNOWN
        };
        let Some(bounds) = bounds.and(not_before) else {
            return (bounds.hull(not_before), Quality::Contradictory);
        };
        // The kernel's word and staff's hold within that, as far as they fit it.
        let kernel = self.kernel(stamp).and_then(|kernel| kernel.and(bounds));
        let staff = codes.and_then(|codes| {
            bounds.and(Interval {
                latest: codes.latest?,
                ..Interval::UNKNOWN
            })
        });
        match (kernel, staff) {
            (Some(kernel), Some(staff)) => match kernel.and(staff) {
                Some(both) => (both, Quality::Kernel),
                None => (kernel.hull(staff), Quality::Contradictory),
            },
            (Some(kernel), None) => (kernel, Quality::Kernel),
            (None, Some(staff)) => (staff, Quality::TimeCode),
            (None, None) => (bounds, Quality::Bounded),
        }
    }

    /// What a wall clock says that the kernel called synchronised.
    fn kernel(&self, stamp: &Stamp) -> Option<Interval> {
        let error = i64::from(stamp.error_ms.unwrap_or(0).max(self.policy.kernel_error_ms));
        (stamp.sync == Sync::Synced).then(|| Interval {
            earliest: stamp.wall.plus_ms(-error),
            latest: stamp.wall.plus_ms(error),
        })
    }
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
