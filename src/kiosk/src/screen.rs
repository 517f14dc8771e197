//! The kiosk's two pages: what the attendee sees and what staff see.
//!
//! [`view`] is the model, plain values without I/O that the runtime fills in. [`messages`] puts it into
//! words in the attendee's language. [`look`] holds sizes and colours with the rules they keep.
//! [`face`] turns a [`view::Face`] into exactly what the page draws, [`staff`] turns a [`view::Status`]
//! into HTML, and [`server`] serves both over loopback and pushes changes by server-sent events.
//!
//! Nothing here decides what is true: a page shows what it was handed, says how old that is, and says so
//! itself when nothing more arrives.

pub mod devices;
pub mod face;
pub mod look;
pub mod messages;
pub mod server;
pub mod staff;
pub mod view;

#[cfg(test)]
mod samples;
