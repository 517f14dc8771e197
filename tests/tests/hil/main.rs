//! The real kiosk on virtual hardware: a stock Debian kernel in an emulator, its own drivers, and scanners that are plugged and pulled.
//!
//! `cargo xtask hil` brings what it needs; without QEMU or a kernel the tests say SKIPPED. With `ROLLCALL_HIL=long`, or `cargo xtask hil
//! --long`, there are more cycles and more power cuts.

#![allow(clippy::unwrap_used, clippy::panic)]

mod console;
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

/// How often something is done: usually, or in a long run.
fn times(usually: usize, long: usize) -> usize {
    let is_long = std::env::var("ROLLCALL_HIL").is_ok_and(|value| value == "long");
    if is_long { long } else { usually }
}
