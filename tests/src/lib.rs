//! tests

pub mod skip;
