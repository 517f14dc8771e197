//! The issuer.

fn main() {}
