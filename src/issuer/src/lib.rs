//! issuer

pub mod sources;
