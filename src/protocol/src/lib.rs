//! What is written and sent: every format of Rollcall, versioned and golden, converted to `attendance` at the edge.
//!
//! Contract: pure; no I/O, no clock, no randomness. `FORMAT.md` beside this crate specifies every byte; the golden
//! vectors in `golden/` hold both to it. An entry is hashed and kept as the bytes that were written and is never
//! serialised again. Every format refuses what it does not know, by name.
//!
//! - [`entry`]: a journal's entries. [`ledger`]: an event's. [`batch`]: how they travel.
//! - [`badge`]: canonical badge text, digests, sealed roster rows. [`bundle`]: what a kiosk is given.
//! - [`enrol`], [`time`], [`presence`], [`status`], [`http_signature`], [`problem`]: the rest of the sync protocol.
//! - [`time_code`]: the time, for doors without a network. [`ticket`]: tickets that a shop signed. [`signed_badge`], [`staff_badge`]: badges that
//!   the issuer signs.
//! - [`rules`], [`agenda`], [`decision`], [`certificate`], [`archive`]: what lies in the object store and in evidence bundles.
//! - [`subject`]: accounts of people elsewhere, as keyed digests.
//! - [`strict`]: how JSON is read. [`signals`]: scans, and what other sources saw, into the signals that `attendance` decides on.

pub mod agenda;
pub mod archive;
pub mod badge;
mod base32;
pub mod batch;
pub mod bundle;
pub mod certificate;
pub mod decision;
pub mod enrol;
pub mod entry;
pub mod http_signature;
pub mod ledger;
pub mod presence;
pub mod problem;
pub mod rules;
pub mod signals;
pub mod signed;
pub mod signed_badge;
pub mod staff_badge;
pub mod status;
pub mod strict;
pub mod subject;
mod tags;
pub mod text;
pub mod ticket;
pub mod time;
pub mod time_code;
pub mod told;
pub mod toml_text;
