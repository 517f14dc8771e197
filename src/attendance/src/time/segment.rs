//! One segment of a log's clock: a stretch of one boot in which the raw clock runs on, and what anchors it.
//!
//! Contract: exchanges bound both ways, codes the earlier way, and the later way on staff's word. What cannot all be true
//! is noticed as an anchor joins, against its nearest on each side, and said ever after.

use super::{Anchor, BootId, Interval, TimePolicy, UtcMs};

/// How many anchors on each side of an entry bound it. Nearer ones are tighter, so more would change nothing.
const ANCHORS_EACH_SIDE: usize = 4;

impl Anchor {
    /// What this anchor says of the instant at which the raw clock read `raw_ms`.
    fn bounds(&self, raw_ms: u64, drift_max_ppm: u32) -> Interval {
        let error = i128::from(self.issuer_error_ms);
        let since_received = i128::from(raw_ms) - i128::from(self.received_raw_ms);
        let since_sent = i128::from(raw_ms) - i128::from(self.sent_raw_ms);
        let drift = |ms: i128| drift_ms(ms, drift_max_ppm);
        Interval {
            earliest: held(
                self.issuer_sent,
                since_received - drift(since_received) - error - 1,
            ),
            latest: held(
                self.issuer_received,
                since_sent + drift(since_sent) + error + 2,
            ),
        }
    }
}

/// An instant so many milliseconds later, within the distant ends. A journal may state any raw reading, so the sums are
/// wider than an instant.
fn held(at: UtcMs, ms: i128) -> UtcMs {
    let ms = ms.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    at.plus_ms(i64::try_from(ms).expect("it was clamped to this type"))
}

fn drift_ms(distance_ms: i128, ppm: u32) -> i128 {
    (distance_ms.abs() * i128::from(ppm) + 999_999) / 1_000_000
}

/// A time code that was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code {
    /// What the raw clock read when it was scanned, in milliseconds.
    pub(super) raw_ms: u64,
    /// The issuer's clock when it made the code.
    pub(super) at: UtcMs,
    /// The issuer's bound on its own error in milliseconds.
    pub(super) error_ms: u32,
}

impl Code {
    /// What it says of the instant at which the raw clock read `raw_ms`: an exchange whose answer took as long as a code
    /// may be old.
    fn bounds(&self, raw_ms: u64, policy: TimePolicy) -> Interval {
        let exchange = Anchor {
            sent_raw_ms: self.raw_ms,
            issuer_received: self.at.plus_ms(i64::from(policy.code_age_ms)),
            issuer_sent: self.at,
            received_raw_ms: self.raw_ms,
            issuer_error_ms: self.error_ms,
        };
        exchange.bounds(raw_ms, policy.drift_max_ppm)
    }
}

/// What the codes of a segment say of a raw reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CodesSay {
    /// Not before this.
    pub(super) earliest: UtcMs,
    /// Not after this, on the word of the staff who scanned them; nothing, where one was late.
    pub(super) latest: Option<UtcMs>,
}

#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) boot: BootId,
    pub(super) first_index: u64,
    /// The least and the greatest raw reading of its marks.
    pub(super) first_raw_ms: u64,
    pub(super) last_raw_ms: u64,
    /// By rising `received_raw_ms`.
    exchanges: Vec<Anchor>,
    /// By rising `raw_ms`.
    codes: Vec<Code>,
    contradictory: bool,
    late: bool,
}

impl Segment {
    pub(super) fn begin(first_index: u64, boot: BootId, raw_ms: u64) -> Self {
        Self {
            boot,
            first_index,
            first_raw_ms: raw_ms,
            last_raw_ms: raw_ms,
            exchanges: Vec::new(),
            codes: Vec::new(),
            contradictory: false,
            late: false,
        }
    }

    /// Takes the raw reading of a mark.
    pub(super) fn reach(&mut self, raw_ms: u64) {
        self.last_raw_ms = self.last_raw_ms.max(raw_ms);
        self.first_raw_ms = self.first_raw_ms.min(raw_ms);
    }

    pub(super) fn has_exchanges(&self) -> bool {
        !self.exchanges.is_empty()
    }

    pub(super) fn has_codes(&self) -> bool {
        !self.codes.is_empty()
    }

    /// Whether what the issuer signed cannot all be true.
    pub(super) fn is_contradictory(&self) -> bool {
        self.contradictory
    }

    /// Whether a code was scanned at a greater age than staff vouch for.
    pub(super) fn is_late(&self) -> bool {
        self.late
    }

    fn near_exchanges(&self, raw_ms: u64) -> &[Anchor] {
        let at = self
            .exchanges
            .partition_point(|a| a.received_raw_ms <= raw_ms);
        around(&self.exchanges, at)
    }

    fn near_codes(&self, raw_ms: u64) -> &[Code] {
        let at = self.codes.partition_point(|code| code.raw_ms <= raw_ms);
        around(&self.codes, at)
    }

    pub(super) fn add_exchange(&mut self, anchor: Anchor, policy: TimePolicy) {
        let raw_ms = anchor.received_raw_ms;
        let own = anchor.bounds(raw_ms, policy.drift_max_ppm);
        let mut near = self.near_exchanges(raw_ms).iter();
        let holds = own.earliest <= own.latest
            && near.all(|a| a.bounds(raw_ms, policy.drift_max_ppm).and(own).is_some())
            && self
                .near_codes(raw_ms)
                .iter()
                .all(|code| code.bounds(raw_ms, policy).earliest <= own.latest);
        self.contradictory |= !holds;
        self.not_before(raw_ms, own.earliest, policy);
        let at = self
            .exchanges
            .partition_point(|a| a.received_raw_ms <= raw_ms);
        self.exchanges.insert(at, anchor);
    }

    /// Takes a code that was scanned, no earlier than `known` by all that came before.
    pub(super) fn add_code(&mut self, code: Code, known: UtcMs, policy: TimePolicy) {
        let raw_ms = code.raw_ms;
        let own = code.bounds(raw_ms, policy);
        let (mut earliest, mut holds) = (known, true);
        for exchange in self.near_exchanges(raw_ms) {
            let exchange = exchange.bounds(raw_ms, policy.drift_max_ppm);
            holds &= own.earliest <= exchange.latest;
            earliest = earliest.max(exchange.earliest);
        }
        for other in self.near_codes(raw_ms) {
            earliest = earliest.max(other.bounds(raw_ms, policy).earliest);
        }
        self.contradictory |= !holds;
        self.late |= own.latest < earliest;
        self.not_before(raw_ms, own.earliest, policy);
        let at = self.codes.partition_point(|code| code.raw_ms <= raw_ms);
        self.codes.insert(at, code);
    }

    /// The issuer's word that this raw reading was not before an instant: codes that say it was are late.
    pub(super) fn not_before(&mut self, raw_ms: u64, earliest: UtcMs, policy: TimePolicy) {
        let is_late = |code: &Code| code.bounds(raw_ms, policy).latest < earliest;
        self.late |= self.near_codes(raw_ms).iter().any(is_late);
    }

    /// What the exchanges say of a raw reading, and the codes the earlier way: the interval and whether they agree. `None`
    /// without an exchange.
    pub(super) fn bounds(&self, raw_ms: u64, policy: TimePolicy) -> Option<(Interval, bool)> {
        let near = self.near_exchanges(raw_ms).iter();
        let mut all = near.map(|a| a.bounds(raw_ms, policy.drift_max_ppm));
        let first = all.next()?;
        let (mut both, mut hull) = all.fold((Some(first), first), |(both, hull), next| {
            (both.and_then(|b| b.and(next)), hull.hull(next))
        });
        for code in self.near_codes(raw_ms) {
            let says = code.bounds(raw_ms, policy);
            let not_before = Interval {
                earliest: says.earliest,
                ..Interval::UNKNOWN
            };
            both = both.and_then(|both| both.and(not_before));
            hull = hull.hull(not_before);
        }
        Some(match both {
            Some(both) if !self.contradictory => (both, true),
            _ => (hull, false),
        })
    }

    /// What the codes say of a raw reading. `None` without a code.
    pub(super) fn codes_say(&self, raw_ms: u64, policy: TimePolicy) -> Option<CodesSay> {
        let near = self.near_codes(raw_ms).iter();
        let says = near.map(|code| code.bounds(raw_ms, policy));
        let both = says.reduce(|a, b| Interval {
            earliest: a.earliest.max(b.earliest),
            latest: a.latest.min(b.latest),
        })?;
        Some(CodesSay {
            earliest: both.earliest,
            latest: (!self.late && both.earliest <= both.latest).then_some(both.latest),
        })
    }
}

/// Those around a place in a sorted list, up to so many on each side.
fn around<T>(sorted: &[T], at: usize) -> &[T] {
    &sorted[at.saturating_sub(ANCHORS_EACH_SIDE)..(at + ANCHORS_EACH_SIDE).min(sorted.len())]
}
