//! What of a tamper switch is journalled: each opening and closing, as long as it is not a loose contact that would fill the journal.
//!
//! Promises: the first [`BURST`] changes are each told at once; after that one in [`EVERY_MS`], with how many there were. What was told last
//! is at most [`EVERY_MS`] behind the switch.

use crate::allowance::Allowance;

/// Changes that are told one by one.
pub(super) const BURST: u32 = 10;
/// The time, in milliseconds, in which another change may be told.
pub(super) const EVERY_MS: u64 = 60_000;

/// One switch over time. Milliseconds count from any beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tamper {
    open: bool,
    untold: u32,
    allowance: Allowance,
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
            allowance: Allowance::new(BURST, EVERY_MS),
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
        self.allowance.give_back();
    }

    /// What may be told now, if anything is to be.
    pub fn due(&mut self, now_ms: u64) -> Option<Told> {
        if self.untold == 0 || !self.allowance.take(now_ms) {
            return None;
        }
        Some(Told {
            open: self.open,
            changes: std::mem::take(&mut self.untold),
        })
    }
}
