//! What of a tamper switch is journalled: each opening and closing, as long as it is not a loose contact that would fill the journal.
//!
//! Promises: the first [`BURST`] changes are each told at once; after that one in [`EVERY_MS`], with how many there were. What was told last
//! is at most [`EVERY_MS`] behind the switch.

/// Changes that are told one by one.
pub(super) const BURST: u32 = 10;
/// The time, in milliseconds, in which another change may be told.
pub(super) const EVERY_MS: u64 = 60_000;

/// One switch over time. Milliseconds count from any beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tamper {
    open: bool,
    untold: u32,
    left: u32,
    refilled_ms: u64,
}

/// What is to be journalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// How the switch is now.
    pub open: bool,
    /// How often it changed since the last telling, this change included.
    pub changes: u32,
}

impl Default for Tamper {
    /// Closed, and nobody has to be told that.
    fn default() -> Self {
        Self {
            open: false,
            untold: 0,
            left: BURST,
            refilled_ms: 0,
        }
    }
}

impl Tamper {
    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// The switch is so now. Whether that is a change.
    pub fn change(&mut self, open: bool) -> bool {
        let is_change = open != self.open;
        self.open = open;
        self.untold = self.untold.saturating_add(u32::from(is_change));
        is_change
    }

    /// What was told could not be journalled: it is to be told again.
    pub fn untell(&mut self, told: Told) {
        self.untold = self.untold.saturating_add(told.changes);
        self.left = self.left.saturating_add(1).min(BURST);
    }

    /// What may be told now, if anything is to be.
    pub fn due(&mut self, now_ms: u64) -> Option<Told> {
        let passed_ms = now_ms.saturating_sub(self.refilled_ms);
        let more = u32::try_from(passed_ms / EVERY_MS).unwrap_or(u32::MAX);
        if more > 0 {
            self.left = self.left.saturating_add(more).min(BURST);
            self.refilled_ms += u64::from(more) * EVERY_MS;
        }
        if self.untold == 0 || self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(Told {
            open: self.open,
            changes: std::mem::take(&mut self.untold),
        })
    }
}
