//! The kiosk: reads badges, records attendance and tells each attendee where they stand.
//!
//! The way of a scan, a module each: [`readers`] → [`door`] → [`journal`] → [`sync`], and back to [`feedback`] and [`screen`]. [`runtime`]
//! alone performs: it owns threads, channels and signals. [`desk`] is the seam between the thread that owns the journal and everything that
//! runs beside it. [`kernel`] reads clocks and disks, [`config`] what a person wrote, [`commands`] what a person types.

mod allowance;
pub mod commands;
pub mod config;
pub mod desk;
pub mod door;
pub mod enrol;
pub mod feedback;
pub mod gpio;
pub mod journal;
pub mod kernel;
pub mod readers;
pub mod runtime;
pub mod screen;
pub mod sync;

#[cfg(test)]
#[path = "../tests/fixture/mod.rs"]
mod fixture;
