//! What the tests that span crates stand on: the real programs, driven as people drive them, and whatever can go wrong between them.
//!
//! - [`programs`]: finding, starting, killing and awaiting them. [`pty`]: scanners. [`world`]: an issuer, an event and kiosks.
//! - [`proxy`]: a bad network between kiosk and issuer. [`speaker`]: a kiosk of our own, to say what no real one would. [`http`]: its voice.
//! - [`desk`]: an issuer in this process, for days that are over in a moment.
//! - [`archive`]: exports, read and altered. [`trace`]: system calls, judged. [`random`]: seeds that are printed.
//! - [`sim`]: all of it under a simulator, in one process. [`hil`]: on virtual hardware.
//! - [`verifier`]: the second one, in Go. [`skip`]: how a test says that it cannot run here.
//!
//! The programs are looked for beside the test's own executable and built where they are missing; `cargo xtask test` builds them first.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "this crate is tests: a panic is how it says what is wrong"
)]

pub mod archive;
pub mod desk;
pub mod fuzz;
pub mod hil;
pub mod http;
pub mod programs;
pub mod proxy;
pub mod pty;
pub mod random;
pub mod sim;
pub mod skip;
pub mod speaker;
pub mod trace;
pub mod verifier;
pub mod world;
