//! The way of the journal to the issuer, and of bundle, time and presence back.
//!
//! - [`core`]: what to send when, without sockets or clocks. [`words`]: what it says and hears. [`backoff`]: how long it waits.
//! - [`verify`]: what is checked before an answer is believed. [`clock`]: the time exchange.
//! - [`transport`]: HTTP, signed, pinned and bounded. [`run`]: the driver, which does what the core says.

pub mod backoff;
pub mod clock;
pub mod core;
mod driver;
mod tls;
pub mod transport;
pub mod verify;
pub mod words;

pub use driver::run;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
