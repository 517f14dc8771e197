//! How a thread that holds lines stands, seen from outside: one that hangs in a driver cannot say so itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::Fault;

/// How long, in milliseconds, a thread may not move before its lines count as stalled.
const STALL_MS: u64 = 5_000;

/// How lines stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// They are looked for.
    Starting,
    /// They are open.
    Working,
    /// They cannot be used, and are looked for again.
    Faulty(Fault),
    /// Their thread hangs in the driver.
    Stalled,
}

impl Standing {
    /// The word for logs and pages.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Working => "working",
            Self::Faulty(fault) => fault.kind.code(),
            Self::Stalled => "stalled",
        }
    }

    /// What is wrong and what to do, where something is.
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::Starting | Self::Working => None,
            Self::Faulty(fault) => Some(fault.detail.clone()),
            Self::Stalled => Some(
                "the board's driver does not answer; look at the kernel's log, and power the board off and on"
                    .to_owned(),
            ),
        }
    }
}

/// What a thread shows to whoever watches it.
#[derive(Debug)]
pub(super) struct Health {
    what: &'static str,
    epoch: Instant,
    beat_ms: AtomicU64,
    standing: Mutex<Standing>,
}

impl Health {
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            epoch: Instant::now(),
            beat_ms: AtomicU64::new(0),
            standing: Mutex::new(Standing::Starting),
        }
    }

    /// Milliseconds since the beginning, which is what the thread's time counts from.
    pub(super) fn now_ms(&self) -> u64 {
        self.ms(Instant::now())
    }

    pub(super) fn ms(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch);
        // 2^64 milliseconds are longer than any machine runs.
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// The thread comes by.
    pub(super) fn beat(&self) {
        self.beat_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Says how the lines stand, in the log as well where that is news.
    pub(super) fn say(&self, standing: Standing) {
        let mut said = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if *said == standing {
            return;
        }
        match standing.trouble() {
            None => tracing::info!(lines = self.what, state = standing.code(), "gpio"),
            Some(detail) => {
                tracing::warn!(lines = self.what, state = standing.code(), detail, "gpio");
            }
        }
        *said = standing;
    }

    fn standing(&self) -> Standing {
        let silent_ms = self
            .now_ms()
            .saturating_sub(self.beat_ms.load(Ordering::Relaxed));
        if silent_ms >= STALL_MS {
            return Standing::Stalled;
        }
        let said = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone()
    }
}

/// How the lines of a kiosk stand, for whoever asks.
#[derive(Debug, Clone)]
pub struct Watch(pub(super) Vec<Arc<Health>>);

impl Watch {
    /// Outputs and inputs, as far as there are any: which, and how they stand.
    pub fn standings(&self) -> Vec<(&'static str, Standing)> {
        let standings = self.0.iter();
        standings
            .map(|health| (health.what, health.standing()))
            .collect()
    }
}
