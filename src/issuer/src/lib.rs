//! The issuer: takes what kiosks record, decides credit, issues certificates and answers an auditor.

pub mod access;
pub mod api;
pub mod bundles;
pub mod certificates;
pub mod commands;
pub mod config;
pub mod decisions;
pub mod export;
pub mod feeds;
pub mod imports;
pub mod intake;
pub mod keys;
pub mod push;
pub mod qr;
pub mod reasons;
pub mod reports;
pub mod review;
pub mod rule_cases;
pub mod serve;
pub mod sources;
pub mod staff_badges;
pub mod store;
pub mod tls;
pub mod tokens;
pub mod web;

#[cfg(test)]
pub(crate) mod testing;
