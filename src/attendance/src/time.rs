//! What a clock knew, and the interval in which something then happened.
//!
//! Contract: a stamp is what a kiosk's clock read when an entry was made; it is never corrected. [`ClockHistory`]
//! collects, in the order of the log, what bounds those readings: anchors (four timestamps against the issuer),
//! receipts (this log of this size existed at this time), starts and suspends. [`ClockHistory::place`] then gives any
//! entry of the log, earlier ones as well, the interval in which it was made.
//!
//! - An anchor bounds every entry of its segment, widening with distance by `drift_max_ppm`. A segment is a stretch of
//!   one boot without suspend: the raw clock runs on within it.
//! - Only marks count: a plain entry begins no segment and bounds no other, so a history made of a log's marks alone
//!   places every entry as one made of all its entries does.
//! - A segment without an anchor is bounded by its neighbours and by receipts. Within those bounds a wall clock that the
//!   kernel called synchronised counts, with the policy's error; any other does not.
//! - A receipt bounds by position: journalled before the entry it proves not-before, covering the entry not-after.
//! - Anchors that cannot all hold are reported and the hull of what they say is given, never an average.
//!
//! Milliseconds are truncated when read, so a difference of two readings is off by less than one; the bounds allow for it.

use std::fmt;
use std::sync::Arc;

use crate::words::words;

/// The segment of an entry that no mark of its boot came before.
pub const NO_SEGMENT: u32 = u32::MAX;
/// How many anchors on each side of an entry bound it. Nearer ones are tighter, so more would change nothing.
const ANCHORS_EACH_SIDE: usize = 4;

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
        /// By its neighbours in the log and by receipts only.
        Bounded = "bounded",
        /// What bounds it cannot all be true.
        Contradictory = "contradictory",
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

impl Anchor {
    /// What this anchor says of the instant at which the raw clock read `raw_ms`.
    fn bounds(&self, raw_ms: u64, drift_max_ppm: u32) -> Interval {
        let error = i64::from(self.issuer_error_ms);
        let since_received = difference_ms(raw_ms, self.received_raw_ms);
        let since_sent = difference_ms(raw_ms, self.sent_raw_ms);
        Interval {
            earliest: self
                .issuer_sent
                .plus_ms(since_received - drift_ms(since_received, drift_max_ppm) - error - 1),
            latest: self
                .issuer_received
                .plus_ms(since_sent + drift_ms(since_sent, drift_max_ppm) + error + 2),
        }
    }
}

fn difference_ms(a: u64, b: u64) -> i64 {
    let clamp = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    clamp(a).saturating_sub(clamp(b))
}

fn drift_ms(distance_ms: i64, ppm: u32) -> i64 {
    let drift = (u128::from(distance_ms.unsigned_abs()) * u128::from(ppm)).div_ceil(1_000_000);
    i64::try_from(drift).unwrap_or(i64::MAX / 4)
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
}

impl Default for TimePolicy {
    fn default() -> Self {
        Self {
            drift_max_ppm: 200,
            kernel_error_ms: 1_000,
            receipt_error_ms: 1_000,
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

#[derive(Clone, Debug)]
struct Segment {
    boot: BootId,
    first_index: u64,
    /// The least and the greatest raw reading of its marks.
    first_raw_ms: u64,
    last_raw_ms: u64,
    /// By rising `received_raw_ms`.
    anchors: Vec<Anchor>,
    contradictory: bool,
}

impl Segment {
    fn add(&mut self, anchor: Anchor, drift_max_ppm: u32) {
        let at = self
            .anchors
            .partition_point(|a| a.received_raw_ms <= anchor.received_raw_ms);
        let near = &self.anchors[at.saturating_sub(ANCHORS_EACH_SIDE)
            ..(at + ANCHORS_EACH_SIDE).min(self.anchors.len())];
        let raw_ms = anchor.received_raw_ms;
        let own = anchor.bounds(raw_ms, drift_max_ppm);
        let holds = own.earliest <= own.latest
            && near
                .iter()
                .all(|a| a.bounds(raw_ms, drift_max_ppm).and(own).is_some());
        self.contradictory |= !holds;
        self.anchors.insert(at, anchor);
    }

    /// What the anchors say of a raw reading: the interval and whether they agree. `None` without an anchor.
    fn bounds(&self, raw_ms: u64, drift_max_ppm: u32) -> Option<(Interval, bool)> {
        let at = self
            .anchors
            .partition_point(|a| a.received_raw_ms <= raw_ms);
        let near = &self.anchors[at.saturating_sub(ANCHORS_EACH_SIDE)
            ..(at + ANCHORS_EACH_SIDE).min(self.anchors.len())];
        let mut all = near.iter().map(|a| a.bounds(raw_ms, drift_max_ppm));
        let first = all.next()?;
        let (both, hull) = all.fold((Some(first), first), |(both, hull), next| {
            (both.and_then(|b| b.and(next)), hull.hull(next))
        });
        Some(match both {
            Some(both) if !self.contradictory => (both, true),
            _ => (hull, false),
        })
    }
}

/// What is known of one log's clock, collected entry by entry in the order of the log.
#[derive(Clone, Debug)]
pub struct ClockHistory {
    policy: TimePolicy,
    segments: Vec<Segment>,
    /// By rising `journalled_at`, and so by rising `covers`.
    receipts: Vec<Bracket>,
}

impl ClockHistory {
    /// An empty history.
    pub fn new(policy: TimePolicy) -> Self {
        Self {
            policy,
            segments: Vec::new(),
            receipts: Vec::new(),
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
            self.segments.push(Segment {
                boot: stamp.boot.clone(),
                first_index: index,
                first_raw_ms: stamp.raw_ms,
                last_raw_ms: stamp.raw_ms,
                anchors: Vec::new(),
                contradictory: false,
            });
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.last_raw_ms = segment.last_raw_ms.max(stamp.raw_ms);
            segment.first_raw_ms = segment.first_raw_ms.min(stamp.raw_ms);
            if let Mark::Clock(anchor) = mark {
                segment.add(anchor, self.policy.drift_max_ppm);
            }
        }
        if let Mark::Receipt { covers, time_s } = mark
            && self
                .receipts
                .last()
                .is_none_or(|last| last.covers <= covers)
        {
            self.receipts.push(Bracket {
                journalled_at: index,
                covers,
                time_s,
            });
        }
    }

    /// The number of segments so far.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// The first index of each segment whose anchors cannot all hold.
    pub fn contradictions(&self) -> impl Iterator<Item = u64> + '_ {
        self.segments
            .iter()
            .filter(|s| s.contradictory)
            .map(|s| s.first_index)
    }

    /// Whether the segment of the newest entry has an anchor.
    pub fn is_anchored(&self) -> bool {
        self.segments.last().is_some_and(|s| !s.anchors.is_empty())
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
        let bracket = self.bracket(not_before, not_after);
        let anchored =
            own.and_then(|n| self.segments[n].bounds(stamp.raw_ms, self.policy.drift_max_ppm));
        let (at, quality) = match anchored {
            Some((at, agree)) => match (at.and(bracket), agree) {
                (Some(both), true) => (both, Quality::Anchored),
                (_, _) => (contradiction(at, bracket), Quality::Contradictory),
            },
            None => self.without_anchor(begun, stamp, bracket),
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

    fn bracket(&self, not_before: Option<Bracket>, not_after: Option<Bracket>) -> Interval {
        let error = i64::from(self.policy.receipt_error_ms);
        let second = |b: Bracket| {
            UtcMs::DISTANT_PAST.plus_ms(
                i64::try_from(b.time_s)
                    .unwrap_or(i64::MAX / 1_000)
                    .saturating_mul(1_000),
            )
        };
        Interval {
            earliest: not_before.map_or(UtcMs::DISTANT_PAST, |b| second(b).plus_ms(-error)),
            latest: not_after.map_or(UtcMs::DISTANT_FUTURE, |b| second(b).plus_ms(999 + error)),
        }
    }

    fn without_anchor(
        &self,
        begun: usize,
        stamp: &Stamp,
        bracket: Interval,
    ) -> (Interval, Quality) {
        let ppm = self.policy.drift_max_ppm;
        // The last segment begun may have marks on both sides of the entry, so it bounds neither side.
        let earlier = self.segments[..begun.saturating_sub(1)].iter().rev();
        let later = self.segments.iter().skip(begun);
        let neighbours = Interval {
            earliest: earlier
                .filter_map(|s| s.bounds(s.last_raw_ms, ppm))
                .map(|(at, _)| at.earliest)
                .next()
                .unwrap_or(UtcMs::DISTANT_PAST),
            latest: later
                .filter_map(|s| s.bounds(s.first_raw_ms, ppm))
                .map(|(at, _)| at.latest)
                .next()
                .unwrap_or(UtcMs::DISTANT_FUTURE),
        };
        let Some(bounds) = neighbours.and(bracket) else {
            return (neighbours.hull(bracket), Quality::Contradictory);
        };
        if stamp.sync == Sync::Synced {
            let error = i64::from(stamp.error_ms.unwrap_or(0).max(self.policy.kernel_error_ms));
            let kernel = Interval {
                earliest: stamp.wall.plus_ms(-error),
                latest: stamp.wall.plus_ms(error),
            };
            if let Some(both) = kernel.and(bounds) {
                return (both, Quality::Kernel);
            }
        }
        (bounds, Quality::Bounded)
    }
}

/// The widest reading of two bounds that disagree, without running to the distant ends where one side is known.
fn contradiction(anchors: Interval, bracket: Interval) -> Interval {
    let near = Interval {
        earliest: if bracket.earliest == UtcMs::DISTANT_PAST {
            anchors.earliest
        } else {
            bracket.earliest
        },
        latest: if bracket.latest == UtcMs::DISTANT_FUTURE {
            anchors.latest
        } else {
            bracket.latest
        },
    };
    anchors.hull(near)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const BOOT_A: &str = "aaaaaaaa-0000-4000-8000-000000000000";
    const BOOT_B: &str = "bbbbbbbb-0000-4000-8000-000000000000";
    const NOON: i64 = 1_800_000_000_000;

    fn stamp(boot: &str, raw_ms: u64, wall: i64, sync: Sync) -> Stamp {
        Stamp {
            wall: UtcMs(wall),
            boot: BootId::new(boot).unwrap(),
            raw_ms,
            sync,
            error_ms: None,
        }
    }

    /// An exchange whose legs take 10 ms each, at raw time `raw_ms` of a clock that read 0 at `zero`.
    fn anchor(raw_ms: u64, zero: i64) -> Anchor {
        let at = zero + i64::try_from(raw_ms).unwrap();
        Anchor {
            sent_raw_ms: raw_ms - 10,
            issuer_received: UtcMs(at),
            issuer_sent: UtcMs(at),
            received_raw_ms: raw_ms + 10,
            issuer_error_ms: 5,
        }
    }

    #[test]
    fn a_boot_without_time_is_placed_afterwards() {
        let mut history = ClockHistory::new(TimePolicy::default());
        let scan = stamp(BOOT_A, 5_000, 0, Sync::Unset);
        history.observe(0, &scan, Mark::Start);
        assert_eq!(history.place(0, &scan).at, Interval::UNKNOWN);
        let later = stamp(BOOT_A, 3_605_000, 0, Sync::Unset);
        history.observe(1, &later, Mark::Clock(anchor(3_605_000, NOON)));
        let placed = history.place(0, &scan);
        assert_eq!(placed.quality, Quality::Anchored);
        assert!(placed.at.holds(UtcMs(NOON + 5_000)));
        // An hour at 200 ppm is 720 ms either way.
        assert!(
            (1_440..1_520).contains(&placed.at.width_ms()),
            "{}",
            placed.at.width_ms()
        );
    }

    #[test]
    fn contradictory_anchors_are_reported_not_averaged() {
        let mut history = ClockHistory::new(TimePolicy::default());
        for (index, zero) in [(0_u64, NOON), (1, NOON + 60_000)] {
            let raw = 10_000 + index * 1_000;
            history.observe(
                index,
                &stamp(BOOT_A, raw, 0, Sync::Unset),
                Mark::Clock(anchor(raw, zero)),
            );
        }
        let placed = history.place(2, &stamp(BOOT_A, 12_000, 0, Sync::Unset));
        assert_eq!(placed.quality, Quality::Contradictory);
        assert!(placed.at.holds(UtcMs(NOON + 12_000)) && placed.at.holds(UtcMs(NOON + 72_000)));
        assert_eq!(history.contradictions().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_boot_without_an_anchor_is_bounded_by_neighbours_and_receipts() {
        let mut history = ClockHistory::new(TimePolicy::default());
        history.observe(
            0,
            &stamp(BOOT_A, 10_000, 0, Sync::Unset),
            Mark::Clock(anchor(10_000, NOON)),
        );
        let scan = stamp(BOOT_B, 77, NOON + 90_000, Sync::Unset);
        history.observe(1, &scan, Mark::Start);
        let c = "cccccccc-0000-4000-8000-000000000000";
        history.observe(
            2,
            &stamp(c, 20_000, 0, Sync::Unset),
            Mark::Clock(anchor(20_000, NOON + 3_600_000)),
        );
        let placed = history.place(1, &scan);
        assert_eq!(placed.quality, Quality::Bounded);
        assert!(
            placed.at.earliest >= UtcMs(NOON + 9_000)
                && placed.at.latest <= UtcMs(NOON + 3_621_000)
        );

        // The same reading counts once the kernel vouches for it, and only within the bounds.
        let vouched = Stamp {
            sync: Sync::Synced,
            ..scan.clone()
        };
        assert_eq!(history.place(1, &vouched).quality, Quality::Kernel);
        let beyond = Stamp {
            wall: UtcMs(NOON + 9_000_000),
            ..vouched
        };
        assert_eq!(history.place(1, &beyond).quality, Quality::Bounded);

        // A receipt that covers the entry draws the end in.
        let seconds = u64::try_from(NOON / 1_000).unwrap() + 120;
        history.observe(
            3,
            &stamp(c, 20_500, 0, Sync::Unset),
            Mark::Receipt {
                covers: 2,
                time_s: seconds,
            },
        );
        let placed = history.place(1, &scan);
        assert_eq!(placed.at.latest, UtcMs(NOON + 120_000 + 1_999));
        assert_eq!(placed.not_after.unwrap().covers, 2);
    }

    #[test]
    fn suspend_cuts_the_anchor() {
        let mut history = ClockHistory::new(TimePolicy::default());
        history.observe(
            0,
            &stamp(BOOT_A, 10_000, 0, Sync::Unset),
            Mark::Clock(anchor(10_000, NOON)),
        );
        let woken = stamp(BOOT_A, 11_000, 0, Sync::Unset);
        history.observe(1, &woken, Mark::Suspend);
        let placed = history.place(1, &woken);
        assert_eq!(placed.quality, Quality::Bounded);
        assert_eq!(placed.at.latest, UtcMs::DISTANT_FUTURE);
    }

    proptest! {
        /// However a raw clock drifts within the stated bound, and wherever anchors fall, the interval holds the truth.
        #[test]
        fn the_true_time_is_inside(
            ppm in -200_i64..=200,
            anchors in proptest::collection::vec((20_u64..5_000_000, 0_i64..200, 0_i64..200, -5_i64..=5), 1..12),
            at in 0_u64..5_000_000,
        ) {
            // The truth: UTC = NOON + raw * (1 + ppm/1e6), to the microsecond.
            let utc_us = |raw_ms: u64| NOON * 1_000 + i64::try_from(raw_ms).unwrap() * (1_000_000 + ppm) / 1_000;
            let mut history = ClockHistory::new(TimePolicy::default());
            for (index, (raw, out, back, off)) in anchors.iter().enumerate() {
                let middle = utc_us(*raw) + off * 1_000;
                let anchor = Anchor {
                    sent_raw_ms: raw.saturating_sub(u64::try_from(*out).unwrap()),
                    issuer_received: UtcMs(middle.div_euclid(1_000)),
                    issuer_sent: UtcMs(middle.div_euclid(1_000)),
                    received_raw_ms: raw + u64::try_from(*back).unwrap(),
                    issuer_error_ms: 5,
                };
                let mark = Mark::Clock(anchor);
                history.observe(u64::try_from(index).unwrap(), &stamp(BOOT_A, *raw, 0, Sync::Unset), mark);
            }
            let placed = history.place(3, &stamp(BOOT_A, at, 0, Sync::Unset));
            prop_assert_eq!(placed.quality, Quality::Anchored);
            prop_assert!(placed.at.holds(UtcMs(utc_us(at).div_euclid(1_000))), "{:?}", placed);
        }
    }
}
