//! Codes out of grey frames.
//!
//! Contract: [`Cascade::look`] takes one frame of a video and the time, and says which codes are in view and which of them are new. A code
//! is new once while it is held before the camera; one that was away for [`AWAY_MS`] is new again. Nothing here opens a device, reads a
//! clock or keeps a frame; the CPU clock that holds the budget is handed in. What panics in a
//! decoder is caught and counted; a fault within the C++ of one would not be.
//!
//! The method: a cheap reading of what changed, and dear ones in turn over the following frames while nothing was read. Each turn is a view
//! of the picture (a threshold, local or global, sharper, smoother, at one of several scales) given to one of two decoders that fail on
//! different photographs. What is small is cheap, so turns go first to places where a code was found and not read, then to the part of the
//! frame that changed, then to all of it, each by what it costs. A frame has [`Settings::budget`] of CPU time on average, of which dear turns
//! have half while the scene moves; what is not spent is saved for up to [`SAVED_FRAMES`] frames, and a turn is taken only when its cost, as measured here
//! before, is saved. Where a code was read is read first; what did not change is not read again once every turn was tried, but for codes
//! that were found and not read.
//!
//! A crate of its own, because zxing-cpp is compiled from C++: who does not link this needs neither that compiler nor cmake, and the decoders
//! are measured with nothing else around them.
//!
//! Limits: frames of [`MIN_SIDE_PX`] to [`MAX_SIDE_PX`] a side; [`MAX_IN_VIEW`] codes at once. Codes without error correction count only once
//! they were read in two frames.
//!
//! Deliberately absent: capture, colours, what a code means, and whether it is a repeat at the door.

mod attention;
mod cascade;
mod decoders;
mod formats;
mod frame;
mod jpeg;
mod layout;
mod plane;
mod purse;
mod rota;
mod scene;
mod stages;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use cascade::{AWAY_MS, Cascade, Code, Look, MAX_IN_VIEW, Settings, Turn};
pub use decoders::Decoder;
pub use formats::{Format, Formats};
pub use frame::{Frame, FrameError, MAX_SIDE_PX, MIN_SIDE_PX};
pub use jpeg::{Extent, JpegEnd};
pub use layout::{Grey, Layout, Pixels};
pub use plane::{Outline, Point};
pub use purse::SAVED_FRAMES;
