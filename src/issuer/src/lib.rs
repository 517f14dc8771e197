//! issuer

pub mod certificates;
pub mod sources;
