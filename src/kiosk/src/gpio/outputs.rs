//! The thread that performs what lights, buzzer and relays do.
//!
//! Promises: telling it something never waits for a line. The newest telling counts, from the moment it was told: what comes late through a
//! line that hung is shown for what is left of its time. When it ends, by a fault of its own too, every line goes to rest.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::health::{Health, Standing};
use super::player::{Level, Player};
use super::{Cue, Fault, Line, Opener, Pins, Way, output_lines};
use crate::config::GpioConfig;
use crate::feedback::{Feedback, Telling};

/// How long lines that failed are left alone.
const REOPEN: Duration = Duration::from_secs(2);
/// Longest wait before the thread shows that it lives.
const WAIT: Duration = Duration::from_secs(1);
/// How long an end waits for the thread.
const STOP: Duration = Duration::from_secs(1);

/// What the thread is told.
#[derive(Debug, Default)]
struct Slot {
    cue: Option<(Cue, Instant)>,
    resting: Option<(Cue, Instant)>,
    stop: bool,
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.cue.is_none() && self.resting.is_none() && !self.stop
    }
}

#[derive(Debug)]
struct Shared {
    slot: Mutex<Slot>,
    told: Condvar,
}

impl Shared {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        // Whoever panicked left whole words behind.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: impl FnOnce(&mut Slot)) {
        change(&mut self.slot());
        self.told.notify_one();
    }
}

/// Tells the outputs' thread. Any number of them may be about.
#[derive(Debug, Clone)]
pub struct Lights(Arc<Shared>);

impl Lights {
    /// What is shown between answers.
    pub fn rest(&self, cue: Cue) {
        let at = Instant::now();
        self.0.tell(|slot| slot.resting = Some((cue, at)));
    }

    /// An answer.
    pub fn show(&self, cue: Cue) {
        let at = Instant::now();
        self.0.tell(|slot| match cue.hold_ms {
            Some(_) => slot.cue = Some((cue, at)),
            // What rests is no answer: it stays until told otherwise.
            None => slot.resting = Some((cue, at)),
        });
    }
}

impl Feedback for Lights {
    fn tell(&mut self, telling: &Telling<'_>) -> std::io::Result<()> {
        self.show(Cue::of(telling.face));
        Ok(())
    }
}

/// The running thread. Dropping it puts the lines to rest.
#[derive(Debug)]
pub struct Outputs {
    shared: Arc<Shared>,
    health: Arc<Health>,
    thread: Option<JoinHandle<()>>,
}

impl Outputs {
    /// Starts the thread; `None` where the configuration has no outputs. Lines that cannot be opened are no error: they are looked for again.
    ///
    /// # Errors
    /// What the system says if it gives no more threads.
    pub fn start(config: &GpioConfig, opener: Opener) -> std::io::Result<Option<Self>> {
        let lines = output_lines(config);
        if lines.is_empty() {
            return Ok(None);
        }
        let shared = Arc::new(Shared {
            slot: Mutex::new(Slot::default()),
            told: Condvar::new(),
        });
        let health = Arc::new(Health::new("outputs"));
        let performer = Performer {
            player: Player::new(config),
            lines,
            opener,
            shared: Arc::clone(&shared),
            health: Arc::clone(&health),
        };
        let thread = std::thread::Builder::new()
            .name("gpio outputs".to_owned())
            .spawn(move || performer.run())?;
        Ok(Some(Self {
            shared,
            health,
            thread: Some(thread),
        }))
    }

    /// Somebody to tell the thread.
    pub fn lights(&self) -> Lights {
        Lights(Arc::clone(&self.shared))
    }

    pub(super) fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }
}

impl Drop for Outputs {
    /// Waits about a second at most: a thread that hangs in a driver is left behind, and its lines with it.
    fn drop(&mut self) {
        self.shared.tell(|slot| slot.stop = true);
        if let Some(thread) = self.thread.take() {
            super::end(thread, STOP);
        }
    }
}

struct Performer {
    player: Player,
    lines: Vec<Line>,
    opener: Opener,
    shared: Arc<Shared>,
    health: Arc<Health>,
}

impl Performer {
    fn run(mut self) {
        loop {
            self.health.beat();
            let fault = match (self.opener)(&self.lines) {
                Ok(pins) => {
                    self.health.say(Standing::Working);
                    match self.perform(&mut Driven::new(pins, &self.lines)) {
                        Ok(()) => return,
                        Err(fault) => fault,
                    }
                }
                Err(fault) => fault,
            };
            self.health.say(Standing::Faulty(fault));
            let again = Instant::now() + REOPEN;
            while Instant::now() < again {
                if self.wait_until(again) {
                    return;
                }
            }
        }
    }

    /// Waits until something is told, or until then at the latest, and takes it. True if that is the end.
    fn wait_until(&mut self, until: Instant) -> bool {
        let mut slot = self.shared.slot();
        let wait = until.saturating_duration_since(Instant::now()).min(WAIT);
        if slot.is_empty() && !wait.is_zero() {
            let waited = self.shared.told.wait_timeout(slot, wait);
            slot = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let Slot { cue, resting, stop } = std::mem::take(&mut *slot);
        drop(slot);
        self.health.beat();
        if let Some((cue, at)) = resting {
            self.player.rest_at(cue, self.health.ms(at));
        }
        if let Some((cue, at)) = cue {
            self.player.cue(cue, self.health.ms(at));
        }
        stop
    }

    /// Performs until told to stop.
    fn perform(&mut self, driven: &mut Driven) -> Result<(), Fault> {
        let mut waves: Vec<Option<Wave>> = vec![None; self.lines.len()];
        loop {
            let now = Instant::now();
            let levels = self.player.levels(self.health.ms(now));
            let mut next = now + WAIT;
            for (index, level) in levels.into_iter().enumerate() {
                let wave = &mut waves[index];
                let active = match level {
                    Level::Off | Level::On => {
                        *wave = None;
                        level == Level::On
                    }
                    Level::Tone(hertz) => {
                        let wave = wave.get_or_insert_with(|| Wave::new(hertz, now));
                        let (high, turns) = wave.at(now);
                        next = next.min(turns);
                        high
                    }
                };
                driven.set(index, active)?;
            }
            if let Some(due_ms) = self.player.due_ms() {
                let in_ms = due_ms.saturating_sub(self.health.ms(now));
                next = next.min(now + Duration::from_millis(in_ms));
            }
            if self.wait_until(next) {
                return Ok(());
            }
        }
    }
}

/// A square wave for a buzzer that has no pitch of its own.
#[derive(Debug, Clone, Copy)]
struct Wave {
    half: Duration,
    turns: Instant,
    high: bool,
}

impl Wave {
    fn new(hertz: u32, now: Instant) -> Self {
        let half = Duration::from_micros(500_000 / u64::from(hertz.max(1)));
        Self {
            half,
            turns: now + half,
            high: true,
        }
    }

    /// Which half runs at `now`, and when the next one begins. A half that was slept through is left out.
    fn at(&mut self, now: Instant) -> (bool, Instant) {
        if now >= self.turns {
            self.high = !self.high;
            self.turns = (self.turns + self.half).max(now);
        }
        (self.high, self.turns)
    }
}

/// Outputs that are open, and what they were driven to. Dropping it puts them to rest.
pub(super) struct Driven {
    pins: Box<dyn Pins>,
    lines: Vec<(u32, bool)>,
    active: Vec<bool>,
}

impl Driven {
    pub(super) fn new(pins: Box<dyn Pins>, lines: &[Line]) -> Self {
        let at_rest = |line: &Line| match line.way {
            Way::Out { at_rest } => at_rest,
            Way::In { .. } => false,
        };
        let lines: Vec<(u32, bool)> = lines.iter().map(|l| (l.number, at_rest(l))).collect();
        Self {
            pins,
            // Lines are opened at rest.
            active: lines.iter().map(|(_, at_rest)| *at_rest).collect(),
            lines,
        }
    }

    pub(super) fn set(&mut self, index: usize, active: bool) -> Result<(), Fault> {
        if self.active[index] != active {
            self.pins.drive(self.lines[index].0, active)?;
            self.active[index] = active;
        }
        Ok(())
    }

    /// Puts every line to rest, whatever it was driven to.
    pub(super) fn rest(&mut self) -> Result<(), Fault> {
        let mut first = Ok(());
        for (index, (line, at_rest)) in self.lines.iter().enumerate() {
            let driven = self.pins.drive(*line, *at_rest);
            self.active[index] = *at_rest;
            first = first.and(driven);
        }
        first
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        // Lines that failed cannot be put to rest; that they failed has been said.
        let _ = self.rest();
    }
}
