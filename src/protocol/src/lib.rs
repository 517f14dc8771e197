//! protocol

pub mod toml_text;
