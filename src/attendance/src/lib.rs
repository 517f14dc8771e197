//! The vocabulary of attendance, time as intervals, and the eligibility function.
//!
//! Contract: everything here is a pure function of its arguments. Nothing reads a clock, a file or a random
//! number, and nothing knows a wire format; `protocol` converts at the edge. The door and the issuer link this
//! very crate, so one rule gives one answer everywhere (P5), and the auditor's tool can give it again years later.
//!
//! - [`words`]: ids, directions, verdicts, signals.
//! - [`time`]: what a clock knew, and the interval in which something then happened (P4).
//! - [`agenda`]: rooms, sessions, programmes, registrations.
//! - [`rules`]: a rule set as values. [`presence`]: signals into stays. [`readings`]: all the ways in which they can have happened.
//! - [`eligibility`]: [`decide`], stays into a [`Decision`] that explains itself.

pub mod agenda;
pub mod decimal;
pub mod eligibility;
pub mod presence;
pub mod readings;
pub mod rules;
pub mod time;
pub mod words;

pub use decimal::Decimal;
pub use eligibility::{
    Confidence, Decision, ENGINE, Engagement, Evidence, FieldCredits, Known, Outcome, Part, Plan,
    Reason, Term, Word, decide,
};
pub use time::{Interval, UtcMs};
