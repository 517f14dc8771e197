//! The way of the journal to the issuer, and of bundle, time and presence back.
//!
//! - [`verify`]: what is checked before an answer is believed. [`clock`]: the time exchange.

pub mod clock;
pub mod verify;
