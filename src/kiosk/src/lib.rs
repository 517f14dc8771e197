//! kiosk

pub mod config;
pub mod journal;
pub mod kernel;
pub mod readers;
pub mod screen;
