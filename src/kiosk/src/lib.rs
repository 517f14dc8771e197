//! kiosk

pub mod config;
