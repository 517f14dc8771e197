//! All readers of a kiosk, watched from outside: a thread that hangs in a driver cannot say so itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use attendance::words::ReaderId;

use super::thread::{Pulse, ReaderThread};
use super::{Answers, Clock, Device, LiveView, Loss, LossKind, ReaderEvent, Sink, device};
use crate::config::{DeviceConfig, ReaderConfig};

/// How long, in milliseconds, a reader's thread may not move before it counts as stalled.
pub const STALL_MS: u64 = 5_000;
/// Shortest time, in milliseconds, between two starts of a thread that dies.
const RESTART_MS: u64 = 5_000;
/// How long [`Readers::stop`] waits for the threads.
const STOP_MS: u64 = 1_000;

/// The running readers of a kiosk. Dropping it tells their threads to end.
pub struct Readers {
    watched: Vec<Watched>,
    clock: Clock,
    sink: Arc<dyn Sink>,
    epoch: Instant,
}

/// Makes a reader's device: once at the start, and again if its thread died.
pub(super) type MakeDevice = Box<dyn Fn() -> Box<dyn Device> + Send>;

struct Watched {
    reader: ReaderId,
    aim: bool,
    make: MakeDevice,
    pulse: Arc<Pulse>,
    thread: Option<JoinHandle<()>>,
    started: Instant,
    stalled: bool,
    death_told: bool,
}

impl Readers {
    /// Starts a thread for each reader. Events go to `sink`, stamps come from `clock`; scanners are told what `answers` is told, and the first
    /// camera shows what it sees to whoever asks `live`. A device that is not there is no error: it is reported as lost and looked for.
    ///
    /// # Errors
    /// What the system says if it gives no more threads.
    pub fn start(
        configs: &[ReaderConfig],
        answers: &Answers,
        mut live: Option<LiveView>,
        clock: Clock,
        sink: impl Sink,
    ) -> std::io::Result<Self> {
        let mut readers = Self {
            watched: Vec::new(),
            clock,
            sink: Arc::new(sink),
            epoch: Instant::now(),
        };
        for config in configs {
            let (made_from, answers) = (config.clone(), answers.clone());
            let seen = match &config.device {
                DeviceConfig::Camera(_) => live.take(),
                DeviceConfig::Serial(_) | DeviceConfig::Hid(_) | DeviceConfig::Lines(_) => None,
            };
            let make: MakeDevice = Box::new(move || device(&made_from, &answers, seen.clone()));
            readers.add(config.name.clone(), config.aim, make)?;
        }
        Ok(readers)
    }

    pub(super) fn add(
        &mut self,
        reader: ReaderId,
        aim: bool,
        make: MakeDevice,
    ) -> std::io::Result<()> {
        let mut watched = Watched {
            reader,
            aim,
            make,
            pulse: Arc::new(Pulse::new(self.epoch)),
            thread: None,
            started: self.epoch,
            stalled: false,
            death_told: false,
        };
        watched.start(&self.clock, &self.sink, self.epoch)?;
        self.watched.push(watched);
        Ok(())
    }

    /// Looks at every thread and returns what is to be reported: stalls, the end of stalls, and threads that died, which are started anew.
    /// Call it about once a second with the current time.
    pub fn watch(&mut self, now: Instant) -> Vec<ReaderEvent> {
        let mut events = Vec::new();
        for watched in &mut self.watched {
            if watched.died() {
                watched.mourn(now, &self.clock, &self.sink, self.epoch, &mut events);
            } else {
                watched.check_stall(now, &mut events);
            }
        }
        events
    }

    /// Whether every thread lives and moves, as of the last [`Readers::watch`]. A reader that is unplugged does not count against it.
    pub fn all_live(&self) -> bool {
        self.watched
            .iter()
            .all(|watched| !watched.stalled && !watched.died())
    }

    /// The readers that can be read from, in the order of the configuration, each with whether it can.
    pub fn attached(&self) -> impl Iterator<Item = (&ReaderId, bool)> {
        self.watched.iter().map(|watched| {
            let attached = watched.pulse.attached.load(Ordering::Relaxed);
            (&watched.reader, attached && !watched.stalled)
        })
    }

    /// Tells the threads to end and waits for them, about a second at most: one that hangs in a driver is left behind. Whoever empties the
    /// sink has to close it first, or a thread that waits for it cannot end.
    pub fn stop(mut self) {
        self.tell_to_stop();
        let until = Instant::now() + Duration::from_millis(STOP_MS);
        for watched in &mut self.watched {
            let Some(thread) = watched.thread.take() else {
                continue;
            };
            while !thread.is_finished() && Instant::now() < until {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            if thread.is_finished() {
                // A thread that panicked has been reported by the panic hook; there is nothing left to save.
                let _ = thread.join();
            }
        }
    }

    fn tell_to_stop(&self) {
        for watched in &self.watched {
            watched.pulse.stop.store(true, Ordering::Relaxed);
            if let Some(thread) = &watched.thread {
                thread.thread().unpark();
            }
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.tell_to_stop();
    }
}

impl Watched {
    fn start(
        &mut self,
        clock: &Clock,
        sink: &Arc<dyn Sink>,
        epoch: Instant,
    ) -> std::io::Result<()> {
        self.pulse = Arc::new(Pulse::new(epoch));
        let thread = ReaderThread {
            reader: self.reader.clone(),
            aim: self.aim,
            device: (self.make)(),
            clock: clock.clone(),
            sink: sink.clone(),
            pulse: self.pulse.clone(),
        };
        let handle = std::thread::Builder::new()
            .name(format!("reader {}", self.reader))
            .spawn(move || thread.run())?;
        self.thread = Some(handle);
        self.started = Instant::now();
        self.death_told = false;
        Ok(())
    }

    /// The thread ended without having said so: it panicked.
    fn died(&self) -> bool {
        let ended = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        ended && !self.pulse.over.load(Ordering::Relaxed)
    }

    fn mourn(
        &mut self,
        now: Instant,
        clock: &Clock,
        sink: &Arc<dyn Sink>,
        epoch: Instant,
        events: &mut Vec<ReaderEvent>,
    ) {
        if !self.death_told {
            self.death_told = true;
            self.pulse.attached.store(false, Ordering::Relaxed);
            let detail = "its thread ended by a fault of the program; it is started again";
            events.push(ReaderEvent::Lost {
                reader: self.reader.clone(),
                why: Loss::new(LossKind::Failed, detail),
            });
        }
        let since_start = now.saturating_duration_since(self.started);
        if since_start >= Duration::from_millis(RESTART_MS) {
            // Without a thread now, the next watch tries again; the death is told already.
            let _ = self.start(clock, sink, epoch);
        }
    }

    fn check_stall(&mut self, now: Instant, events: &mut Vec<ReaderEvent>) {
        let over = self.pulse.over.load(Ordering::Relaxed);
        let stalled = !over && self.pulse.silent_ms(now) >= STALL_MS;
        let reader = self.reader.clone();
        match (self.stalled, stalled) {
            (false, true) => events.push(ReaderEvent::Stalled { reader }),
            (true, false) if self.pulse.attached.load(Ordering::Relaxed) => {
                events.push(ReaderEvent::Attached { reader });
            }
            _ => {}
        }
        self.stalled = stalled;
    }
}
