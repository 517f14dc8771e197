//! kiosk

pub mod config;
pub mod desk;
pub mod enrol;
pub mod journal;
pub mod kernel;
pub mod readers;
pub mod screen;
pub mod sync;
