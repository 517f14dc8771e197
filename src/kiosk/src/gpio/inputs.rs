//! The thread that waits for the button and the tamper switches.
//!
//! Promises: changes are handed on in order. What a switch is when its line is opened counts as a change if it
//! is open; a button that is held then is no press. A change that the kernel dropped is noticed within a second all the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::health::{Health, Standing};
use super::{Fault, Line, Opener, Pins, input_lines};
use crate::config::GpioConfig;
use crate::readers::Closed;

/// How long lines that failed are left alone.
const REOPEN: Duration = Duration::from_secs(2);
/// Longest wait before the thread shows that it lives.
const WAIT: Duration = Duration::from_millis(250);
/// How long an end waits for the thread.
const STOP: Duration = Duration::from_secs(1);

/// What happened at an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The button was pressed.
    Pressed,
    /// A tamper switch, by its name, opened or closed.
    Tamper {
        /// Its name.
        name: String,
        /// Its line.
        line: u32,
        /// Whether it is open now.
        open: bool,
    },
}

/// The running thread. Dropping it ends it.
#[derive(Debug)]
pub struct Inputs {
    stop: Arc<AtomicBool>,
    health: Arc<Health>,
    thread: Option<JoinHandle<()>>,
}

impl Inputs {
    /// Starts the thread; `None` where the configuration has no inputs. What happens goes to `sink`, which may block.
    ///
    /// # Errors
    /// What the system says if it gives no more threads.
    pub fn start(
        config: &GpioConfig,
        opener: Opener,
        sink: impl Fn(Change) -> Result<(), Closed> + Send + 'static,
    ) -> std::io::Result<Option<Self>> {
        let lines = input_lines(config);
        if lines.is_empty() {
            return Ok(None);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let health = Arc::new(Health::new("inputs"));
        let tampers = config.tampers.iter();
        let watcher = Watcher {
            button: config.button.as_ref().map(|button| button.line),
            tampers: tampers
                .map(|tamper| (tamper.line, (tamper.name.clone(), false)))
                .collect(),
            lines,
            opener,
            sink: Box::new(sink),
            stop: Arc::clone(&stop),
            health: Arc::clone(&health),
        };
        let thread = std::thread::Builder::new()
            .name("gpio inputs".to_owned())
            .spawn(move || watcher.run())?;
        Ok(Some(Self {
            stop,
            health,
            thread: Some(thread),
        }))
    }

    pub(super) fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }
}

impl Drop for Inputs {
    /// Waits about a second at most. Whoever empties the sink has to close it first, or a thread that waits for it cannot end.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            super::end(thread, STOP);
        }
    }
}

struct Watcher {
    button: Option<u32>,
    /// By line: the name, and whether it was open when last looked at.
    tampers: BTreeMap<u32, (String, bool)>,
    lines: Vec<Line>,
    opener: Opener,
    sink: Box<dyn Fn(Change) -> Result<(), Closed> + Send>,
    stop: Arc<AtomicBool>,
    health: Arc<Health>,
}

/// Why watching goes on no more.
enum End {
    Closed,
    Fault(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Closed> for End {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl Watcher {
    fn run(mut self) {
        while !self.stopping() {
            self.health.beat();
            let fault = match (self.opener)(&self.lines) {
                Ok(mut pins) => {
                    self.health.say(Standing::Working);
                    match self.watch(pins.as_mut()) {
                        Ok(()) | Err(End::Closed) => return,
                        Err(End::Fault(fault)) => fault,
                    }
                }
                Err(fault) => fault,
            };
            self.health.say(Standing::Faulty(fault));
            let again = Instant::now() + REOPEN;
            while !self.stopping() && Instant::now() < again {
                self.health.beat();
                std::thread::park_timeout(again.saturating_duration_since(Instant::now()));
            }
        }
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn watch(&mut self, pins: &mut dyn Pins) -> Result<(), End> {
        self.look(pins)?;
        while !self.stopping() {
            self.health.beat();
            match pins.changed(WAIT)? {
                Some(edge) if Some(edge.line) == self.button => {
                    if edge.active {
                        self.hand_on(Change::Pressed)?;
                    }
                }
                Some(edge) => self.tamper(edge.line, edge.active)?,
                None => self.look(pins)?,
            }
        }
        Ok(())
    }

    /// Looks how the switches are, in case nothing was heard of a change.
    fn look(&mut self, pins: &mut dyn Pins) -> Result<(), End> {
        let lines: Vec<u32> = self.tampers.keys().copied().collect();
        for line in lines {
            let open = pins.is_active(line)?;
            self.tamper(line, open)?;
        }
        Ok(())
    }

    fn tamper(&mut self, line: u32, open: bool) -> Result<(), End> {
        let Some((name, was_open)) = self.tampers.get_mut(&line) else {
            return Ok(());
        };
        if *was_open == open {
            return Ok(());
        }
        *was_open = open;
        let name = name.clone();
        self.hand_on(Change::Tamper { name, line, open })
    }

    fn hand_on(&self, change: Change) -> Result<(), End> {
        (self.sink)(change)?;
        // Whoever takes it may have been slow.
        self.health.beat();
        Ok(())
    }
}
