//! Clocks that are wrong in every way that clocks are, as functions of the true time.
//!
//! A machine's raw clock runs on within a boot, off by at most [`RAW_PPM_MAX`], and stands still while the machine is suspended. Its wall
//! clock is unset after a boot until a time source is found, is then kept within [`SLEW_MS`] by slewing at [`SLEW_PPM`] without a pause,
//! drifts away when the source is lost, and jumps when somebody sets it. What the kernel would say of it goes through the kiosk's own
//! judgement. An issuer's clock is off by a constant, with an error that it states, and may be stepped.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use attendance::UtcMs;
use attendance::time::{BootId, Stamp};
use kiosk::kernel::{Discipline, judge};

use crate::random::Random;

/// The most that a raw clock is off here, in parts per million; the policy allows 200.
pub const RAW_PPM_MAX: i64 = 150;
/// How fast the kernel slews, in parts per million.
pub const SLEW_PPM: i64 = 500;
/// How far a wall clock that is kept lies off at the most, in milliseconds.
pub const SLEW_MS: i64 = 400;
/// When the programs of the simulation were built.
pub const BUILT_AT: UtcMs = UtcMs(1_900_000_000_000);
/// What a clock without a battery reads at a boot.
const NO_BATTERY: UtcMs = UtcMs(1_600_000_000_000);

/// The true time, in milliseconds since 1970.
#[derive(Clone, Debug)]
pub struct Now(Arc<AtomicI64>);

impl Now {
    /// It is this.
    pub fn at(ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(ms)))
    }

    /// The true time.
    pub fn ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Time passes.
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }
}

/// How a wall clock runs.
#[derive(Clone, Copy, Debug)]
enum Wall {
    /// Nobody keeps it: what it read at a moment, and how fast it runs.
    Free { since: i64, read: i64, ppm: i64 },
    /// A time source keeps it: off by a triangle wave whose slope is [`SLEW_PPM`].
    Kept { phase_ms: i64 },
}

#[derive(Debug)]
struct State {
    boot: BootId,
    booted: i64,
    suspended_ms: i64,
    suspended_since: Option<i64>,
    raw_base_ms: i64,
    raw_ppm: i64,
    wall: Wall,
    measured: bool,
    synced_before: bool,
    floor: UtcMs,
    /// The state that every stamp claims, for a kiosk that is broken on purpose.
    claims_synced: bool,
}

/// A machine's clocks. Clones share them.
#[derive(Clone, Debug)]
pub struct MachineClock {
    now: Now,
    state: Arc<Mutex<State>>,
}

fn scaled(ms: i64, ppm: i64) -> i64 {
    let scaled = i128::from(ms) * (1_000_000 + i128::from(ppm)) / 1_000_000;
    i64::try_from(scaled).unwrap()
}

/// A triangle wave between minus and plus [`SLEW_MS`] that climbs and falls at [`SLEW_PPM`].
fn triangle(at: i64) -> i64 {
    let quarter = SLEW_MS * 1_000_000 / SLEW_PPM;
    let within = at.rem_euclid(4 * quarter);
    let way = if within < 2 * quarter {
        within - quarter
    } else {
        3 * quarter - within
    };
    way * SLEW_PPM / 1_000_000
}

impl MachineClock {
    /// A machine that boots now.
    pub fn boot(now: &Now, random: &mut Random) -> Self {
        let clock = Self {
            now: now.clone(),
            state: Arc::new(Mutex::new(State {
                boot: boot_id(random),
                booted: 0,
                suspended_ms: 0,
                suspended_since: None,
                raw_base_ms: 0,
                raw_ppm: 0,
                wall: Wall::Kept { phase_ms: 0 },
                measured: true,
                synced_before: false,
                floor: BUILT_AT,
                claims_synced: false,
            })),
        };
        clock.reboot(random);
        clock
    }

    /// The machine boots now: another boot id, and nobody knows the time.
    pub fn reboot(&self, random: &mut Random) {
        let now = self.now.ms();
        let span = u64::try_from(2 * RAW_PPM_MAX + 1).unwrap();
        let mut state = self.state.lock().unwrap();
        state.boot = boot_id(random);
        state.booted = now;
        state.suspended_ms = 0;
        state.suspended_since = None;
        state.raw_base_ms = i64::try_from(random.below(20_000)).unwrap();
        state.raw_ppm = i64::try_from(random.below(span)).unwrap() - RAW_PPM_MAX;
        let read = match random.below(4) {
            // A clock with a battery that has run for months.
            0 => now + i64::try_from(random.below(600_000)).unwrap() - 300_000,
            // Where it was when it was last switched off, as Raspberry Pi OS does it.
            1 => now - i64::try_from(random.below(86_400_000)).unwrap(),
            // In the future.
            2 => now + i64::try_from(random.below(86_400_000)).unwrap(),
            _ => NO_BATTERY.0,
        };
        state.wall = Wall::Free {
            since: now,
            read,
            ppm: 0,
        };
        state.measured = random.below(3) > 0;
        state.synced_before = false;
    }

    /// A daemon starts: what it takes for the floor of time, and whether it knows that the clock was kept before in this boot.
    pub fn daemon(&self, floor: UtcMs, claims_synced: bool) {
        let mut state = self.state.lock().unwrap();
        state.floor = floor.max(BUILT_AT);
        state.claims_synced = claims_synced;
    }

    /// A time source is found: the wall clock is right at once and kept from now on.
    pub fn found(&self, random: &mut Random) {
        let phase_ms = i64::try_from(random.below(10_000_000)).unwrap();
        self.state.lock().unwrap().wall = Wall::Kept { phase_ms };
    }

    /// The time source is lost: the wall clock goes on as it may.
    pub fn lost(&self, random: &mut Random) {
        let read = self.wall();
        let ppm = i64::try_from(random.below(1_001)).unwrap() - SLEW_PPM;
        self.state.lock().unwrap().wall = Wall::Free {
            since: self.now.ms(),
            read,
            ppm,
        };
    }

    /// Somebody sets the wall clock: it is off by this much more, and nobody keeps it.
    pub fn jump(&self, ms: i64) {
        let read = self.wall().saturating_add(ms).max(0);
        self.state.lock().unwrap().wall = Wall::Free {
            since: self.now.ms(),
            read,
            ppm: 0,
        };
    }

    /// The machine is suspended.
    pub fn suspend(&self) {
        self.state.lock().unwrap().suspended_since = Some(self.now.ms());
    }

    /// It goes on. Not every machine has a clock that runs on while it sleeps, but those that sleep do.
    pub fn resume(&self) {
        let mut state = self.state.lock().unwrap();
        if let Some(since) = state.suspended_since.take() {
            state.suspended_ms += self.now.ms() - since;
        }
    }

    fn wall(&self) -> i64 {
        let now = self.now.ms();
        match self.state.lock().unwrap().wall {
            Wall::Free { since, read, ppm } => read + scaled(now - since, ppm),
            Wall::Kept { phase_ms } => now + triangle(now + phase_ms),
        }
    }

    /// Milliseconds that the machine was suspended in this boot.
    pub fn suspended_ms(&self) -> u64 {
        u64::try_from(self.state.lock().unwrap().suspended_ms).unwrap()
    }

    /// Milliseconds since boot, time suspended included.
    pub fn boottime_ms(&self) -> u64 {
        let state = self.state.lock().unwrap();
        u64::try_from(self.now.ms() - state.booted + state.raw_base_ms).unwrap()
    }

    /// The raw clock.
    pub fn raw_ms(&self) -> u64 {
        let state = self.state.lock().unwrap();
        let awake_ms = self.now.ms() - state.booted - state.suspended_ms;
        u64::try_from(state.raw_base_ms + scaled(awake_ms, state.raw_ppm)).unwrap()
    }

    /// The first true time at which the raw clock reads at least this, if it is not suspended until then.
    pub fn when_raw(&self, raw_ms: u64) -> i64 {
        let state = self.state.lock().unwrap();
        let run_ms = i64::try_from(raw_ms).unwrap() - state.raw_base_ms;
        let mut awake_ms = scaled(run_ms, -state.raw_ppm);
        while scaled(awake_ms, state.raw_ppm) < run_ms {
            awake_ms += 1;
        }
        state.booted + state.suspended_ms + awake_ms
    }

    /// What the clocks read now, judged as the kiosk judges it.
    pub fn stamp(&self) -> Stamp {
        let wall = UtcMs(self.wall());
        let raw_ms = self.raw_ms();
        let mut state = self.state.lock().unwrap();
        let in_sync = matches!(state.wall, Wall::Kept { .. });
        let error_us = if state.measured {
            SLEW_MS * 1_000 + 50_000
        } else {
            0
        };
        let discipline = Discipline {
            in_sync,
            maxerror_us: if in_sync { error_us } else { 16_000_000 },
            esterror_us: if in_sync { error_us / 10 } else { 16_000_000 },
        };
        let (mut sync, mut error_ms) =
            judge(Some(discipline), wall, state.floor, state.synced_before);
        state.synced_before |= sync == attendance::time::Sync::Synced;
        if state.claims_synced {
            (sync, error_ms) = (attendance::time::Sync::Synced, Some(5));
        }
        Stamp {
            wall,
            boot: state.boot.clone(),
            raw_ms,
            sync,
            error_ms,
        }
    }
}

fn boot_id(random: &mut Random) -> BootId {
    let digits = format!("{:016x}{:016x}", random.number(), random.number());
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    BootId::new(&parts.join("-")).expect("36 characters of hex and dashes")
}

/// The issuer's clock: the true time and an offset. Clones share it.
#[derive(Clone, Debug)]
pub struct IssuerClock {
    now: Now,
    off_ms: Arc<AtomicI64>,
}

impl IssuerClock {
    /// A clock that is off by this much.
    pub fn new(now: &Now, off_ms: i64) -> Self {
        Self {
            now: now.clone(),
            off_ms: Arc::new(AtomicI64::new(off_ms)),
        }
    }

    /// What it reads.
    pub fn read(&self) -> UtcMs {
        UtcMs(self.now.ms() + self.off_ms())
    }

    /// How far it is off.
    pub fn off_ms(&self) -> i64 {
        self.off_ms.load(Ordering::Relaxed)
    }

    /// Somebody sets it.
    pub fn set_off(&self, off_ms: i64) {
        self.off_ms.store(off_ms, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_clock_slews_and_stays_near() {
        let quarter = SLEW_MS * 1_000_000 / SLEW_PPM;
        for at in 0..4_000 {
            let at = at * 2_000;
            assert!(triangle(at).abs() <= SLEW_MS);
            assert!(
                (triangle(at + 2_000) - triangle(at)).abs() <= 1,
                "500 ppm of 2 s"
            );
        }
        assert_eq!(triangle(0), -SLEW_MS);
        assert_eq!(triangle(2 * quarter), SLEW_MS);
    }

    #[test]
    fn the_raw_clock_runs_on_and_stands_still_while_suspended() {
        let now = Now::at(2_000_000_000_000);
        let mut random = Random::from_seed(1);
        let clock = MachineClock::boot(&now, &mut random);
        let begun = clock.raw_ms();
        now.set(now.ms() + 1_000_000);
        let ran = clock.raw_ms() - begun;
        assert!((999_850..=1_000_150).contains(&ran), "{ran}");
        let until = clock.when_raw(clock.raw_ms() + 5_000);
        assert!((4_990..5_010).contains(&(until - now.ms())));
        clock.suspend();
        now.set(now.ms() + 3_600_000);
        clock.resume();
        assert_eq!(clock.raw_ms() - begun, ran);
        assert_eq!(clock.suspended_ms(), 3_600_000);
    }
}
