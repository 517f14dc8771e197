//! Taking what kiosks send.
//!
//! - [`meaning`]: what a batch says. [`fit`]: whether it fits the log that is held. [`nonce`]: what keeps a request from
//!   being sent again later.
//!
//! The order of things: signature and nonce, bounds, form, the kiosk's checkpoint; then in one transaction the fit, and all
//! that follows from it; and only when that is durable, receipt and ledger checkpoint are signed.

pub mod fit;
pub mod meaning;
pub mod nonce;
