//! Readers without their devices, for what tries them on inputs that no device should send.
//!
//! Contract: the same code that reads devices, one call for each thing that can come from one; no I/O, and the time is handed in. Serial
//! bytes go through [`Framer`](super::framing::Framer), which needs no more than it has. Linked into no program.

use super::camera::cut::{Cut, Cutter};
use super::hid::Decoder;
use super::hid::descriptor::Descriptor;
use super::hid::samples;
use super::{Decoded, Refusal, thread};
use crate::config::HidConfig;
use vision::{Frame, FrameError, Grey, Layout};

/// Report descriptors of well-formed devices, each with its name.
pub const DESCRIPTORS: [(&str, &[u8]); 5] = samples::ALL;

/// What a reader hands on: a code with its AIM identifier, or why there is none.
pub type Read = Result<(Option<String>, String), Refusal>;

/// A code as any reader hands it on, with its AIM identifier taken off where `aim` says that it stands in front.
///
/// # Errors
/// Where nothing is left.
pub fn apart(text: String, symbology: Option<String>, aim: bool) -> Read {
    thread::apart(text, symbology, aim)
}

/// A HID device that reports.
pub struct HidStream {
    decoder: Decoder,
    aim: bool,
    decoded: Vec<Decoded>,
}

impl HidStream {
    /// A device with this report descriptor, read as configured; nothing where it offers no such way. `aim` as in a reader's block.
    ///
    /// # Errors
    /// Why the descriptor cannot be used.
    pub fn open(descriptor: &[u8], config: &HidConfig, aim: bool) -> Result<Option<Self>, String> {
        let descriptor = Descriptor::parse(descriptor).map_err(|error| error.to_string())?;
        Ok(Decoder::new(descriptor, config).map(|decoder| Self {
            decoder,
            aim,
            decoded: Vec::new(),
        }))
    }

    /// One report came at `now_ms`, which never runs backwards.
    pub fn take(&mut self, report: &[u8], now_ms: u64, read: &mut Vec<Read>) {
        self.decoder.take(report, now_ms, &mut self.decoded);
        self.hand_on(read);
    }

    /// Nothing came up to `now_ms`.
    pub fn quiet(&mut self, now_ms: u64, read: &mut Vec<Read>) {
        self.decoder.quiet(now_ms, &mut self.decoded);
        self.hand_on(read);
    }

    /// When [`HidStream::quiet`] would end a code.
    pub fn due_ms(&self) -> Option<u64> {
        self.decoder.due_ms()
    }

    /// The device is gone.
    pub fn cut(&mut self, read: &mut Vec<Read>) {
        self.decoder.cut(&mut self.decoded);
        self.hand_on(read);
    }

    /// Bytes that are held between two reports, the descriptor's own apart.
    pub fn held_bytes(&self) -> usize {
        self.decoder.held_bytes()
    }

    fn hand_on(&mut self, read: &mut Vec<Read>) {
        read.extend(self.decoded.drain(..).map(|decoded| match decoded {
            Decoded::Code { text, symbology } => thread::apart(text, symbology, self.aim),
            Decoded::Refused(refusal) => Err(refusal),
        }));
    }
}

/// The output of a camera's program.
pub struct CameraStream {
    layout: Layout,
    cutter: Cutter,
    grey: Grey,
}

impl CameraStream {
    /// A stream of frames that lie so.
    pub fn new(layout: Layout) -> Self {
        Self {
            cutter: Cutter::new(&layout),
            grey: Grey::default(),
            layout,
        }
    }

    /// These bytes were read. Call [`CameraStream::frame`] until it has no more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.cutter.push(bytes);
    }

    /// The next frame, or why it is none; nothing where too little came for one.
    pub fn frame(&mut self) -> Option<Result<Frame<'_>, FrameError>> {
        match self.cutter.next() {
            Cut::More => None,
            Cut::Spoilt => Some(Err(FrameError::Jpeg)),
            Cut::Whole => Some(self.grey.of(self.cutter.frame(), &self.layout)),
        }
    }

    /// Bytes that are held between two portions, the grey of the last frame apart.
    pub fn held_bytes(&self) -> usize {
        self.cutter.held_bytes()
    }
}
