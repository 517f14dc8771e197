//! The kiosk's journal.

mod enrolment;
mod prepared;

pub use enrolment::Enrolment;
pub use prepared::{OwnedLeaf, Prepared};
