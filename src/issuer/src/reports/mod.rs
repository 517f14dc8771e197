//! Reports for people and other programs.

pub mod attendance;
