//! The lines of a board: lights, a buzzer and relays that follow what the door answers, a button, and tamper switches.
//!
//! Contract: nothing here holds up the door. Two threads of their own perform it, one the outputs, one the inputs; each opens its lines, and
//! looks for them again when they fail. What a verdict looks and sounds like is decided by [`player`], which reads no clock. A line goes to
//! rest when the daemon ends, when its thread ends by a fault, and by `rollcall-kiosk gpio rest`, which systemd runs after any end.
//!
//! Two ways to the lines, chosen when they are opened: a Raspberry Pi's registers ([`pi`], by rppal) where the configuration names no chip,
//! and the kernel's character devices ([`chardev`], by gpiocdev) where it does. [`contract`] holds both, and the double of the tests, to the
//! same behaviour.
//!
//! Deliberately absent: hardware PWM. A passive buzzer's pitch is made by the thread itself, as steadily as the scheduler lets it.

pub mod chardev;
pub mod contract;
mod health;
mod inputs;
mod outputs;
mod pi;
pub mod player;
mod tamper;

#[cfg(test)]
mod tests;

use std::fmt;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::config::{GpioConfig, InputConfig, Lamp, Pull, Sound};
use crate::readers::Closed;
use crate::screen::face::marks;
use crate::screen::view::Face;

pub use health::{Standing, Watch};
pub use inputs::{Change, Inputs};
pub use outputs::{Lights, Outputs};
pub use pi::is_pi;
pub use tamper::{Tamper, Told};

/// What a line is asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number: BCM on a Raspberry Pi, the offset on a chip.
    pub number: u32,
    /// What hangs on it, as people are told: `light "in"`.
    pub what: String,
    /// Whether low is active.
    pub active_low: bool,
    /// Which way it goes.
    pub way: Way,
}

/// Which way a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is driven.
    Out {
        /// Whether it is active at first, and at rest.
        at_rest: bool,
    },
    /// It is read.
    In {
        /// How it is held.
        pull: Pull,
        /// Milliseconds for which it has to keep still before a change counts.
        debounce_ms: u32,
    },
}

/// Why lines cannot be used, as a fixed word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// There is no such chip, or the machine is no Raspberry Pi.
    NoChip,
    /// The chip has no such line.
    NoLine,
    /// The device may not be opened.
    Denied,
    /// Something else uses the line.
    Busy,
    /// Something else failed.
    Failed,
}

impl FaultKind {
    /// The word for logs and pages.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoChip => "no_chip",
            Self::NoLine => "no_line",
            Self::Denied => "denied",
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

/// Why lines cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The reason.
    pub kind: FaultKind,
    /// The same for people: what is wrong and what to do.
    pub detail: String,
}

impl Fault {
    fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// A line that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The line.
    pub line: u32,
    /// What it changed to.
    pub active: bool,
}

/// Lines that are open. Active is what the configuration calls so, whatever the voltage. Dropping it releases them as they are.
pub trait Pins: Send {
    /// Drives an output.
    ///
    /// # Errors
    /// [`Fault`]: the lines are of no more use and have to be opened again.
    fn drive(&mut self, line: u32, active: bool) -> Result<(), Fault>;

    /// Whether an input is active now.
    ///
    /// # Errors
    /// As [`Pins::drive`].
    fn is_active(&mut self, line: u32) -> Result<bool, Fault>;

    /// Waits at most so long for an input to change. Changes that came before are given one after the other, oldest first of each line.
    ///
    /// # Errors
    /// As [`Pins::drive`].
    fn changed(&mut self, at_most: Duration) -> Result<Option<Edge>, Fault>;
}

/// Opens lines.
pub type Opener = Box<dyn Fn(&[Line]) -> Result<Box<dyn Pins>, Fault> + Send>;

/// What opens the lines that a configuration names.
pub fn opener(config: &GpioConfig) -> Opener {
    match &config.chip {
        Some(chip) => {
            let chip = chip.clone();
            Box::new(move |lines| chardev::open(&chip, lines))
        }
        None => Box::new(pi::open),
    }
}

/// The outputs of a configuration: lights, then the buzzer, then relays. [`player::Player`] counts them in this order.
pub fn output_lines(config: &GpioConfig) -> Vec<Line> {
    let out = |number, what: String, active_low, at_rest| Line {
        number,
        what,
        active_low,
        way: Way::Out { at_rest },
    };
    let lights = config.lights.iter().map(|light| {
        let what = format!("light \"{}\"", light.name);
        out(light.line, what, light.active_low, light.lit_at_rest)
    });
    let buzzer = config.buzzer.iter().map(|buzzer| {
        let what = "buzzer".to_owned();
        out(buzzer.line, what, buzzer.active_low, false)
    });
    let relays = config.relays.iter().map(|relay| {
        let what = format!("relay \"{}\"", relay.name);
        out(relay.line, what, relay.active_low, false)
    });
    lights.chain(buzzer).chain(relays).collect()
}

/// The inputs of a configuration: the button, then tamper switches.
pub fn input_lines(config: &GpioConfig) -> Vec<Line> {
    let input = |input: &InputConfig, what: String| Line {
        number: input.line,
        what,
        active_low: input.active_low,
        way: Way::In {
            pull: input.pull,
            debounce_ms: input.debounce_ms,
        },
    };
    let button = config.button.iter();
    let button = button.map(|button| input(button, "button".to_owned()));
    let tampers = config.tampers.iter();
    let tampers = tampers.map(|tamper| input(tamper, format!("tamper \"{}\"", tamper.name)));
    button.chain(tampers).collect()
}

/// What a Raspberry Pi usually has on a line of its header, other than what a person wires: `None` for lines that are free.
pub fn usual_use(line: u32) -> Option<&'static str> {
    match line {
        0 | 1 => Some("the EEPROM of add-on boards"),
        2 | 3 => Some("I2C"),
        7..=11 => Some("SPI"),
        14 | 15 => Some("the serial console"),
        _ => None,
    }
}

/// What the door shows, as lights, sound and relays take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cue {
    /// What lights show; `None` for none.
    pub lamp: Option<Lamp>,
    /// What sounds once.
    pub sound: Option<Sound>,
    /// How long it is shown, in milliseconds; `None` for what rests.
    pub hold_ms: Option<u64>,
}

impl Cue {
    /// Nothing at all.
    pub const DARK: Self = Self {
        lamp: None,
        sound: None,
        hold_ms: None,
    };

    /// A face of the screen. What the two show is the same by this.
    pub fn of(face: &Face) -> Self {
        let (tone, _, sound) = marks(face);
        Self {
            lamp: Lamp::ALL.into_iter().find(|lamp| lamp.word() == tone),
            sound: match sound {
                Some("entry") => Some(Sound::In),
                Some("exit") => Some(Sound::Out),
                Some("neutral") => Some(Sound::Repeat),
                Some("attention") => Some(Sound::Attention),
                _ => None,
            },
            hold_ms: face.hold_ms(),
        }
    }

    /// Whether somebody passes, and how it sounds: what drives relays.
    fn passage(&self) -> Option<Sound> {
        let passes = matches!(self.lamp, Some(Lamp::In | Lamp::Out));
        self.sound.filter(|_| passes)
    }
}

/// All lines of a kiosk, running. Dropping it puts the outputs to rest.
#[derive(Debug)]
pub struct Board {
    outputs: Option<Outputs>,
    inputs: Option<Inputs>,
}

impl Board {
    /// Starts the threads.
    ///
    /// # Errors
    /// What the system says if it gives no more threads.
    pub fn start(
        config: &GpioConfig,
        sink: impl Fn(Change) -> Result<(), Closed> + Send + 'static,
    ) -> std::io::Result<Self> {
        Ok(Self {
            outputs: Outputs::start(config, opener(config))?,
            inputs: Inputs::start(config, opener(config), sink)?,
        })
    }

    /// Somebody to tell the outputs, if there are any.
    pub fn lights(&self) -> Option<Lights> {
        self.outputs.as_ref().map(Outputs::lights)
    }

    /// Somebody to ask how the lines stand.
    pub fn watch(&self) -> Watch {
        let outputs = self.outputs.as_ref().map(Outputs::health);
        let inputs = self.inputs.as_ref().map(Inputs::health);
        Watch(outputs.into_iter().chain(inputs).collect())
    }
}

/// Waits for a thread that was told to end, so long at most. One that hangs in a driver is left behind.
fn end(thread: JoinHandle<()>, within: Duration) {
    let until = Instant::now() + within;
    while !thread.is_finished() && Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    if thread.is_finished() {
        // A thread that panicked has been reported by the panic hook, and its lines were put to rest as it went.
        let _ = thread.join();
    }
}

/// Puts every output of a configuration to rest and lets the lines go: what is done after the daemon has ended in whatever way.
///
/// # Errors
/// The first [`Fault`]; the other lines are put to rest all the same, as far as that can be.
pub fn rest(config: &GpioConfig) -> Result<usize, Fault> {
    let open = opener(config);
    let mut first = Ok(());
    let lines = output_lines(config);
    for line in &lines {
        // One by one, so that a line that somebody else holds keeps none of the others from its rest.
        let line = std::slice::from_ref(line);
        let rested = open(line).and_then(|pins| outputs::Driven::new(pins, line).rest());
        first = first.and(rested);
    }
    first.map(|()| lines.len())
}
