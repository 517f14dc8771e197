//! What every way to a board's lines has to do, as one run of checks: against the double of the tests, and against a chip that a kernel
//! simulates. Public so that a guest machine can run it.

use std::time::Duration;

use super::{Edge, Fault, FaultKind, Line, Pins, Way};
use crate::config::Pull;

/// Lines that are used: three outputs and two inputs.
pub const LINES: [u32; 5] = [0, 1, 2, 3, 4];
/// How long inputs have to keep still here, in milliseconds: long, since what simulates them may be slow.
pub const DEBOUNCE_MS: u32 = 400;
/// How long a change may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The far end of a board's lines.
pub trait Bench {
    /// Opens lines.
    ///
    /// # Errors
    /// As the way to the lines has it.
    fn open(&self, lines: &[Line]) -> Result<Box<dyn Pins>, Fault>;
    /// Whether an output is high.
    fn is_high(&self, line: u32) -> bool;
    /// Drives an input from outside.
    fn drive(&self, line: u32, high: bool);
    /// A line that the board does not have.
    fn missing_line(&self) -> u32;
}

fn output(number: u32, active_low: bool, at_rest: bool) -> Line {
    Line {
        number,
        what: format!("light \"l{number}\""),
        active_low,
        way: Way::Out { at_rest },
    }
}

fn input(number: u32, active_low: bool, pull: Pull) -> Line {
    Line {
        number,
        what: format!("tamper \"t{number}\""),
        active_low,
        way: Way::In {
            pull,
            debounce_ms: DEBOUNCE_MS,
        },
    }
}

fn check(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn said(fault: &Fault) -> String {
    fault.detail.clone()
}

/// Runs all checks.
///
/// # Errors
/// What does not hold.
pub fn run(bench: &dyn Bench) -> Result<(), String> {
    outputs(bench)?;
    inputs(bench)?;
    refusals(bench)
}

fn outputs(bench: &dyn Bench) -> Result<(), String> {
    let [high, low, lit, ..] = LINES;
    let lines = [
        output(high, false, false),
        output(low, true, false),
        output(lit, true, true),
    ];
    // Twice, since what is let go can be opened again.
    for _ in 0..2 {
        let mut pins = bench.open(&lines).map_err(|fault| said(&fault))?;
        let levels = || {
            LINES[..3]
                .iter()
                .map(|line| bench.is_high(*line))
                .collect::<Vec<_>>()
        };
        check(
            levels() == [false, true, false],
            "outputs are not opened at rest",
        )?;
        for (active, expected) in [
            (true, [true, false, false]),
            (true, [true, false, false]),
            (false, [false, true, true]),
        ] {
            for line in &LINES[..3] {
                pins.drive(*line, active).map_err(|fault| said(&fault))?;
            }
            check(
                levels() == expected,
                "an output is not driven as it is configured",
            )?;
        }
    }
    Ok(())
}

fn inputs(bench: &dyn Bench) -> Result<(), String> {
    let [.., up, down] = LINES;
    let lines = [input(up, true, Pull::Up), input(down, false, Pull::Down)];
    let mut pins = bench.open(&lines).map_err(|fault| said(&fault))?;
    for line in [up, down] {
        let active = pins.is_active(line).map_err(|fault| said(&fault))?;
        check(
            !active,
            "an input that nothing drives does not follow its pull",
        )?;
    }
    let quiet = pins.changed(Duration::from_millis(50));
    check(quiet == Ok(None), "a change is told where there is none")?;
    for (line, high, active) in [
        (up, false, true),
        (up, true, false),
        (down, true, true),
        (down, false, false),
    ] {
        bench.drive(line, high);
        let edge = pins.changed(PATIENCE);
        check(
            edge == Ok(Some(Edge { line, active })),
            &format!("line {line} became {high}: {edge:?}"),
        )?;
        check(
            pins.is_active(line) == Ok(active),
            "an input is not what it changed to",
        )?;
    }
    bench.drive(up, false);
    bench.drive(up, true);
    let settled = pins.changed(Duration::from_millis(u64::from(DEBOUNCE_MS) * 3));
    check(settled == Ok(None), "a bounce is taken for a change")
}

fn refusals(bench: &dyn Bench) -> Result<(), String> {
    let lines = [output(LINES[0], false, false)];
    let held = bench.open(&lines).map_err(|fault| said(&fault))?;
    let refused = |lines: &[Line]| match bench.open(lines) {
        Ok(_) => Err("a line is given out that cannot be".to_owned()),
        Err(fault) => Ok(fault),
    };
    let busy = refused(&lines)?;
    check(
        busy.kind == FaultKind::Busy,
        &format!("a line in use: {busy:?}"),
    )?;
    drop(held);
    let missing = refused(&[output(bench.missing_line(), false, false)])?;
    check(
        missing.kind == FaultKind::NoLine,
        &format!("a line that is not there: {missing:?}"),
    )
}
