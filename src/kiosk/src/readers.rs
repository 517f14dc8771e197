//! Readers: scanners and whatever else reads badges, each on a thread of its own.
//!
//! Promises: a scan is stamped right after its last byte was read; it is handed on once and in the order in which its reader read it. A
//! reader that vanishes is reported with the reason and looked for again, at growing intervals; one that stalls is seen from outside, one
//! whose thread dies is started anew. Rubbish is counted by reason. What is read never stands in a log or a debug print.
//!
//! The seam: a kind of reader is a [`Device`], which is opened into a [`Connection`]. A connection waits for input, then turns it into codes;
//! between the two the thread takes the stamp. A camera waits for a frame and decodes it.
//!
//! Deliberately absent: what a scan means. Direction, badges and repeats belong to the door.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use attendance::time::Stamp;
use attendance::words::ReaderId;

use crate::config::{DeviceConfig, ReaderConfig};

mod answers;
mod attached;
mod camera;
pub mod framing;
#[cfg(feature = "testing")]
pub mod fuzzing;
mod hid;
mod lines;
mod live;
mod serial;
mod shape;
mod survey;
mod symbology;
mod thread;
mod usb;
mod watch;

pub use answers::Answers;
pub use attached::{Attached, Offer, attached};
pub use camera::{AttachedCamera, cameras};
pub use framing::{MAX_SCAN_BYTES, Refusal};
pub use hid::{KeyboardLayout, reread};
pub use live::LiveView;
pub use shape::Shape;
pub use survey::{Part, Surveyed, camera_refused, survey, survey_attached};
pub use symbology::name as symbology_name;
pub use watch::{Readers, STALL_MS};

/// Something a reader read.
#[derive(Clone, PartialEq, Eq)]
pub struct RawScan {
    /// The reader.
    pub reader: ReaderId,
    /// The AIM identifier of the code (`]Q3`), where the reader says it.
    pub symbology: Option<String>,
    /// What the code says: 1 to [`MAX_SCAN_BYTES`] bytes, no control characters.
    pub text: String,
    /// What the clocks read when its last byte came.
    pub stamp: Stamp,
}

impl fmt::Debug for RawScan {
    /// Leaves the text out: it opens its holder's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawScan")
            .field("reader", &self.reader)
            .field("symbology", &self.symbology)
            .field("text", &format_args!("({} bytes)", self.text.len()))
            .field("stamp", &self.stamp)
            .finish()
    }
}

/// What readers report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReaderEvent {
    /// A code was read.
    Scan(RawScan),
    /// The reader can be read from; also after a stall has passed.
    Attached {
        /// The reader.
        reader: ReaderId,
    },
    /// The reader cannot be read from. It is looked for again, unless its input is over.
    Lost {
        /// The reader.
        reader: ReaderId,
        /// Why.
        why: Loss,
    },
    /// Rubbish came. Reported at most once a second for each reason, with all that came since.
    Rejected {
        /// The reader.
        reader: ReaderId,
        /// What was wrong with it.
        code: Refusal,
        /// How many pieces.
        count: u32,
    },
    /// The reader is there and gives nothing, or its thread has not moved for [`STALL_MS`].
    Stalled {
        /// The reader.
        reader: ReaderId,
    },
}

/// Why a reader cannot be read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The reason as a fixed word.
    pub kind: LossKind,
    /// The same for people: what is wrong and what to do. Names devices, so it belongs on a page for staff and not into the journal.
    pub detail: String,
}

impl Loss {
    fn new(kind: LossKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// A device that gave nothing for so long.
    fn stalled(name: &str, for_ms: u64) -> Self {
        let detail = format!(
            "{name} gave no frame for {for_ms} ms; is its cable firm? If it stays so, unplug it and plug it in again"
        );
        Self::new(LossKind::Stalled, detail)
    }

    /// What the system said when `path` was opened or read.
    fn of_io(error: &std::io::Error, path: &str) -> Self {
        use std::io::ErrorKind as Io;
        match error.kind() {
            Io::NotFound => Self::new(
                LossKind::NotFound,
                format!("{path} does not exist; is the reader plugged in?"),
            ),
            Io::PermissionDenied => Self::new(
                LossKind::Denied,
                format!(
                    "{path} may not be opened; are the udev rules installed, and is this user in the group of the device?"
                ),
            ),
            Io::ResourceBusy => Self::new(
                LossKind::Busy,
                format!("{path} is in use by another program; stop that program"),
            ),
            Io::BrokenPipe | Io::UnexpectedEof => Self::new(
                LossKind::Unplugged,
                format!("{path} is gone; is the reader unplugged?"),
            ),
            _ => Self::new(LossKind::Failed, format!("{path}: {error}")),
        }
    }
}

/// Why a reader cannot be read from, as a fixed word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossKind {
    /// No such device is attached.
    NotFound,
    /// The device may not be opened.
    Denied,
    /// Another program holds the device.
    Busy,
    /// The device went away while it was read.
    Unplugged,
    /// The input is over; nobody looks for it again.
    Ended,
    /// The device is there and gives nothing.
    Stalled,
    /// Something else failed.
    Failed,
}

impl LossKind {
    /// The word for logs and pages.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Busy => "busy",
            Self::Unplugged => "unplugged",
            Self::Ended => "ended",
            Self::Stalled => "stalled",
            Self::Failed => "failed",
        }
    }
}

/// Nobody takes events any more: the reader threads end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// Where reader threads put their events. A full sink may block: the reader then waits, and what it has not read yet waits in the device.
pub trait Sink: Send + Sync + 'static {
    /// Takes one event.
    ///
    /// # Errors
    /// [`Closed`] when nobody takes events any more.
    fn put(&self, event: ReaderEvent) -> Result<(), Closed>;
}

impl<F> Sink for F
where
    F: Fn(ReaderEvent) -> Result<(), Closed> + Send + Sync + 'static,
{
    fn put(&self, event: ReaderEvent) -> Result<(), Closed> {
        self(event)
    }
}

/// Reads the clocks. Called by reader threads.
pub type Clock = Arc<dyn Fn() -> Stamp + Send + Sync>;

/// A code or rubbish, from a [`Connection`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// A code, with its AIM identifier where the device itself reports one.
    Code {
        /// What it says.
        text: String,
        /// Its AIM identifier.
        symbology: Option<String>,
    },
    /// No code.
    Refused(Refusal),
}

impl Decoded {
    fn framed(framed: framing::Framed) -> Self {
        match framed {
            Ok(text) => Self::Code {
                text,
                symbology: None,
            },
            Err(refusal) => Self::Refused(refusal),
        }
    }
}

/// A kind of reader and where it is. Lives as long as its thread.
pub(crate) trait Device: Send {
    /// Finds and opens the device. Returns within some three seconds.
    fn open(&mut self) -> Result<Box<dyn Connection>, Loss>;
}

/// A device that is open. Any method returns soon: its thread counts as stalled otherwise.
pub(crate) trait Connection {
    /// Waits at most `at_most` for input. True if some is there to decode.
    fn wait(&mut self, at_most: Duration) -> Result<bool, Loss>;
    /// Decodes the input that the last wait found. `now_ms` never runs backwards.
    fn decode(&mut self, now_ms: u64, decoded: &mut Vec<Decoded>);
    /// Nothing came up to `now_ms`: codes that end by quiet end here, and are stamped with the last input's time.
    fn quiet(&mut self, now_ms: u64, decoded: &mut Vec<Decoded>);
    /// When [`Connection::quiet`] would end a code.
    fn due_ms(&self) -> Option<u64>;
    /// The connection is lost: what is left over, stamped with the last input's time.
    fn end(&mut self, loss: &Loss, decoded: &mut Vec<Decoded>);
}

/// The device that a configuration names; a serial scanner is told what `answers` is told, a camera shows what it sees to whoever asks `live`.
fn device(config: &ReaderConfig, answers: &Answers, live: Option<LiveView>) -> Box<dyn Device> {
    match &config.device {
        DeviceConfig::Serial(serial) => {
            let mailbox = answers.mailbox(&config.name);
            Box::new(serial::SerialDevice::new(serial.clone(), mailbox))
        }
        DeviceConfig::Lines(lines) => Box::new(lines::LinesDevice::new(lines.clone())),
        DeviceConfig::Hid(hid) => Box::new(hid::HidDevice::new(hid.clone())),
        DeviceConfig::Camera(camera) => Box::new(camera::CameraDevice::new(camera, live)),
    }
}

#[cfg(test)]
mod tests;
