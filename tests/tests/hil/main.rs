//! The real kiosk on virtual hardware: a stock Debian kernel in an emulator, its own drivers, and scanners that are plugged and pulled.
//!
//! `cargo xtask setup` brings what it needs; without QEMU or a kernel the tests say SKIPPED. `cargo xtask hil` runs them at full length, which
//! is `ROLLCALL_HIL=full`: 50 cycles of pulling and plugging and 200 power cuts, where the test command does a few.

#![allow(clippy::unwrap_used, clippy::panic)]

mod camera;
mod console;
mod demo;
mod gpio;
mod plugs;
mod power;
mod readers;
mod watchdog;

use rollcall_tests::hil::vm::Ground;
use rollcall_tests::skip::skip;

/// What guests are started from; where there is nothing, the test is skipped.
fn ground(test: &str) -> Option<Ground> {
    match Ground::find(env!("CARGO_BIN_EXE_hil-guest")) {
        Ok(ground) => Some(ground),
        Err(missing) => {
            skip(test, &missing);
            None
        }
    }
}

/// How often something is done: in the test command, or in the full run of `cargo xtask hil`.
fn times(shortly: usize, fully: usize) -> usize {
    let is_full = std::env::var("ROLLCALL_HIL").is_ok_and(|value| value == "full");
    if is_full { fully } else { shortly }
}
