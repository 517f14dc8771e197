//! The clocks of the world's kiosks, and what anchors them.

use attendance::UtcMs;
use attendance::time::Sync;
use protocol::entry::{Body, BootCause, Clock, TimeCode};
use protocol::time::{TimeRequest, answer};
use protocol::time_code;

use super::{World, id};

/// How a kiosk's clocks go, beside true time.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// How far the wall clock is ahead, in milliseconds.
    pub wall_ahead_ms: i64,
    /// How fast the raw clock gains, in parts per million; set before anything is written.
    pub drift_ppm: i64,
    /// What the kernel says of the wall clock.
    pub sync: Sync,
    /// The kernel's bound on the wall clock's error, in milliseconds.
    pub error_ms: Option<u32>,
}

impl Default for Clocks {
    fn default() -> Self {
        Self {
            wall_ahead_ms: 0,
            drift_ppm: 0,
            sync: Sync::Unset,
            error_ms: None,
        }
    }
}

impl World {
    /// The machine sleeps: its raw clock stands still.
    pub fn suspend(&mut self, kiosk: usize, at: UtcMs, for_ms: i64) {
        let booted = self.kiosks[kiosk].booted;
        self.kiosks[kiosk].booted = booted.plus_ms(for_ms);
        self.boot_entry(kiosk, at.plus_ms(for_ms), BootCause::Suspend);
    }

    /// A time exchange, 20 ms long.
    pub fn clock(&mut self, kiosk: usize, at: UtcMs) -> u64 {
        self.clock_off(kiosk, at, 0)
    }

    /// A time exchange with an issuer whose clock is so far ahead.
    pub fn clock_off(&mut self, kiosk: usize, at: UtcMs, ahead_ms: i64) -> u64 {
        let nonce = format!("{:032x}", self.kiosks[kiosk].log.size());
        let request = TimeRequest { nonce };
        let said = at.plus_ms(ahead_ms);
        let signed = answer(&request, said, said, 3, &self.issuer);
        let body = Body::Clock(Clock {
            nonce: request.nonce,
            sent_raw_ms: self.raw_ms(kiosk, at) - 10,
            issuer_received: said,
            issuer_sent: said,
            received_raw_ms: self.raw_ms(kiosk, at) + 10,
            issuer_error_ms: signed.error_ms,
            signature: signed.signature,
        });
        self.journal(kiosk, at.plus_ms(10), body)
    }

    /// A time code is scanned, so old.
    pub fn time_code(&mut self, kiosk: usize, at: UtcMs, age_ms: i64) -> u64 {
        let code = time_code::make(at.plus_ms(-age_ms), 250, [1, 2, 3], &self.issuer);
        let reader = id("front");
        self.journal(kiosk, at, Body::TimeCode(TimeCode { reader, code }))
    }
}
