//! Whose turn it is: all turns but the first, one after the other, round and round.

use std::time::Duration;

use crate::stages::STAGES;

/// The turns over one part of the picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rota {
    /// The turn that is next.
    next: usize,
    /// How many were taken since what is there changed.
    taken: usize,
    /// What they cost.
    spent: Duration,
}

impl Default for Rota {
    /// Begins with the first turn after that of every frame.
    fn default() -> Self {
        Self {
            next: 1,
            taken: 0,
            spent: Duration::ZERO,
        }
    }
}

impl Rota {
    /// What is looked at changed. Turns that had come to rest begin with the best again; otherwise they go on, so that all have their turn in
    /// motion.
    pub(crate) fn begin(&mut self) {
        if self.is_done() {
            self.next = 1;
        }
        self.taken = 0;
        self.spent = Duration::ZERO;
    }

    /// Whether every turn was taken.
    pub(crate) fn is_done(&self) -> bool {
        self.taken + 1 >= STAGES.len()
    }

    /// The turn that is next.
    pub(crate) fn next(&self) -> usize {
        self.next
    }

    /// What its turns cost since what is there changed.
    pub(crate) fn spent(&self) -> Duration {
        self.spent
    }

    /// That turn is taken, and is expected to cost so much.
    pub(crate) fn advance(&mut self, cost: Duration) {
        self.spent = self.spent.saturating_add(cost);
        self.next = if self.next + 1 < STAGES.len() {
            self.next + 1
        } else {
            1
        };
        self.taken = self.taken.saturating_add(1);
    }
}
