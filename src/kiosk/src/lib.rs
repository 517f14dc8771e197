//! kiosk

pub mod config;
pub mod kernel;
pub mod readers;
pub mod screen;
