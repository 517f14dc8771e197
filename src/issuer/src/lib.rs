//! The issuer: takes what kiosks record, decides credit, issues certificates and answers an auditor.

pub mod certificates;
pub mod decisions;
pub mod intake;
pub mod keys;
pub mod reports;
pub mod sources;
pub mod store;

#[cfg(test)]
pub(crate) mod testing;
