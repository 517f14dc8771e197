//! What an attendee takes home, and how it is taken back.
//!
//! [`issue`] turns final decisions into certificates and revokes them; [`payload`] is the frozen content; [`pdf`] prints it.

pub mod issue;
pub mod payload;
pub mod pdf;
