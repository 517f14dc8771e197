//! What an attendee takes home.

pub mod pdf;
