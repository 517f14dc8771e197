//! Making every decision again from the logs, and checking everything an archive claims.
//!
//! Contract: pure. Bytes come in through [`files::Files`], a [`report::Report`] goes out; no file, clock or network is touched, and no
//! input makes it panic. The issuer decides through [`derive`], the auditor through the very same, so a decision's bytes
//! come out identical on both sides.
//!
//! - [`derive`]: logs into clocks, scans into signals, a basis into a decision.
//! - [`verify`]: an archive's logs, objects, decisions and certificates, check by check, in one pass over each log.
//! - [`why`]: one certificate's chain from its sentence down to the receipts around each scan.
//!
//! Limits: memory holds a log's hashes (64 bytes an entry) while it is read, and every scan of the archive. What is absent:
//! `verify` says whether an archive holds together under the keys it was given, never whether a person was in a room; what
//! each check can show is in `evidence`'s `THREATS.md`.

pub mod derive;
pub mod files;
pub mod report;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod verify;
pub mod why;
