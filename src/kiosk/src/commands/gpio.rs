//! `gpio try` and `gpio rest`: a board's lines by hand.
//!
//! Nothing is recorded. `rest` is what systemd runs after the daemon has ended in whatever way, so it wants neither journal nor daemon and is
//! content where the configuration has no lines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Exit, complain, say, status};
use crate::config::Config;
use crate::gpio::{self, Fault, Line, Pins};

/// How long each output is active in a trial. A relay's is its own pulse.
const SHOWN: Duration = Duration::from_millis(800);
/// How often the end of a trial is looked for.
const LOOK: Duration = Duration::from_millis(250);
/// How often the end of an output's turn is looked for.
const SHOW_LOOK: Duration = Duration::from_millis(20);
/// How often the lines are turned so that a buzzer without a pitch of its own is heard.
const TURN: Duration = Duration::from_micros(500);

/// Puts every output to rest.
pub(super) fn rest(config: &Config) -> Exit {
    let Some(gpio) = &config.gpio else {
        say(&"No lines are configured, so there is nothing to put to rest.");
        return Exit::Done;
    };
    match gpio::rest(gpio) {
        Ok(count) => {
            say(&format!("{count} outputs are at rest."));
            Exit::Done
        }
        Err(fault) => {
            complain(&fault);
            Exit::Failed
        }
    }
}

/// Shows each output in turn, then the inputs for so long.
pub(super) fn try_lines(config: &Config, seconds: u64) -> Exit {
    let Some(gpio) = &config.gpio else {
        complain(&"no lines are configured; add a [gpio] block");
        return Exit::Unchecked;
    };
    if status::ask(config.screen.listen).is_ok() {
        complain(&"the daemon has the lines; stop it first: systemctl stop rollcall-kiosk");
        return Exit::Failed;
    }
    let stop = match on_interrupt() {
        Ok(stop) => stop,
        Err(error) => {
            complain(&error);
            return Exit::Failed;
        }
    };
    let open = gpio::opener(gpio);
    let outputs = gpio::output_lines(gpio);
    let inputs = gpio::input_lines(gpio);
    let tried = outputs.iter().try_for_each(|line| {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        say(&format!("{}: line {}", line.what, line.number));
        let mut pins = open(std::slice::from_ref(line))?;
        let shown = shown_for(gpio, line);
        let is_passive = gpio
            .buzzer
            .as_ref()
            .is_some_and(|buzzer| buzzer.line == line.number && buzzer.hertz.is_some());
        show(pins.as_mut(), line, shown, is_passive, &stop)
    });
    let tried = tried.and_then(|()| {
        if inputs.is_empty() || stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut pins = open(&inputs)?;
        watch(pins.as_mut(), &inputs, Duration::from_secs(seconds), &stop)
    });
    match tried {
        Ok(()) if stop.load(Ordering::Relaxed) => {
            say(&"Broken off; what was tried is at rest.");
            Exit::Unchecked
        }
        Ok(()) => {
            say(&"Every line was tried. Next: rollcall-kiosk run");
            Exit::Done
        }
        Err(fault) => {
            complain(&fault);
            Exit::Failed
        }
    }
}

/// How long an output is shown: what is at a relay gets no more than it would from a scan.
fn shown_for(gpio: &crate::config::GpioConfig, line: &Line) -> Duration {
    let mut relays = gpio.relays.iter();
    let relay = relays.find(|relay| relay.line == line.number);
    relay.map_or(SHOWN, |relay| {
        Duration::from_millis(u64::from(relay.pulse_ms))
    })
}

/// Set once somebody presses Ctrl-C: a relay must not be left on by that.
fn on_interrupt() -> std::io::Result<Arc<AtomicBool>> {
    let tasks = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stop = Arc::new(AtomicBool::new(false));
    let pressed = Arc::clone(&stop);
    std::thread::Builder::new().spawn(move || {
        // Where the signal cannot be had, Ctrl-C ends the program as ever.
        if tasks.block_on(tokio::signal::ctrl_c()).is_ok() {
            pressed.store(true, Ordering::Relaxed);
        }
    })?;
    Ok(stop)
}

fn show(
    pins: &mut dyn Pins,
    line: &Line,
    shown: Duration,
    is_passive: bool,
    stop: &AtomicBool,
) -> Result<(), Fault> {
    let until = Instant::now() + shown;
    let mut active = true;
    while Instant::now() < until && !stop.load(Ordering::Relaxed) {
        pins.drive(line.number, active)?;
        active ^= is_passive;
        let wait = if is_passive { TURN } else { SHOW_LOOK };
        std::thread::sleep(wait.min(until.saturating_duration_since(Instant::now())));
    }
    let gpio::Way::Out { at_rest } = line.way else {
        return Ok(());
    };
    pins.drive(line.number, at_rest)
}

fn watch(
    pins: &mut dyn Pins,
    inputs: &[Line],
    within: Duration,
    stop: &AtomicBool,
) -> Result<(), Fault> {
    for line in inputs {
        let active = pins.is_active(line.number)?;
        say(&format!(
            "{}: line {} is {}",
            line.what,
            line.number,
            word(line, active)
        ));
    }
    say(&format!(
        "Press the button, open and close the switches. This ends after {} s, or with Ctrl-C.",
        within.as_secs()
    ));
    let until = Instant::now() + within;
    while Instant::now() < until && !stop.load(Ordering::Relaxed) {
        let Some(edge) = pins.changed(LOOK)? else {
            continue;
        };
        if let Some(line) = inputs.iter().find(|line| line.number == edge.line) {
            say(&format!("{}: {}", line.what, word(line, edge.active)));
        }
    }
    Ok(())
}

/// What an input that is active, or is not, means.
fn word(line: &Line, active: bool) -> &'static str {
    match (line.what == "button", active) {
        (true, true) => "pressed",
        (true, false) => "released",
        (false, true) => "open",
        (false, false) => "closed",
    }
}
