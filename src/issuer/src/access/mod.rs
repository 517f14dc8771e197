//! Who somebody is to the pages.

#[allow(dead_code, reason = "pages check passwords, commands only make them")]
pub mod password;
