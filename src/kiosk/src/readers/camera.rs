//! Cameras: frames from a source, codes out of frames.
//!
//! Promises: a badge that is held before the camera is one scan, two badges in view are two. A source that gives no frame for
//! [`FRAME_MS_MAX`] is told as stalled and opened anew; a camera counts as attached once its first frame came. What comes instead of a frame
//! is counted as refused. Every frame costs at most [`BUDGET_MS`] of CPU time on average, on the reader's own thread. No frame is kept or
//! written anywhere.
//!
//! A source is a program on a pipe, or a camera that the kernel knows. What is a code, and when one that comes back is told again, is decided
//! in the crate `vision`.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use vision::{Cascade, Formats, Frame, Outline, Settings};

use super::framing::{MAX_SCAN_BYTES, Refusal};
use super::{Connection, Decoded, Device, LiveView, Loss, LossKind};
use crate::config::{CameraConfig, CameraSource, CommandCamera, VideoCamera};

mod command;
pub(super) mod cut;
mod driver;
mod listing;
mod modes;
pub(super) mod nodes;
mod video;

pub use listing::{AttachedCamera, cameras};

/// CPU time of a frame, on average, in milliseconds.
const BUDGET_MS: u64 = 8;
/// Longest time without a frame, in milliseconds.
const FRAME_MS_MAX: u64 = 3_000;
/// Longest wait for the first frame between two looks at how long it has taken, in milliseconds.
const WAIT_MS: u64 = 250;

/// Where frames come from. Dropping it ends it.
trait FrameSource {
    /// Waits at most so long for the next frame. True if it is there.
    fn wait(&mut self, at_most: Duration) -> Result<bool, Loss>;
    /// The grey of the frame that the last wait found.
    fn frame(&mut self) -> Result<Frame<'_>, vision::FrameError>;
    /// What it is, for people.
    fn name(&self) -> &str;
}

/// A camera to be opened.
pub(super) struct CameraDevice {
    formats: Formats,
    source: Source,
    live: Option<LiveView>,
}

enum Source {
    Command(CommandCamera),
    Video {
        find: video::FindGrab,
        capture: video::CaptureThread,
    },
}

impl CameraDevice {
    pub(super) fn new(config: &CameraConfig, live: Option<LiveView>) -> Self {
        let source = match &config.source {
            CameraSource::Command(command) => Source::Command(command.clone()),
            CameraSource::Video(video) => Source::video(found_by(video.clone())),
        };
        Self {
            formats: Formats::of(config.formats.iter().copied()),
            source,
            live,
        }
    }

    fn source(&mut self) -> Result<Box<dyn FrameSource>, Loss> {
        Ok(match &mut self.source {
            Source::Command(command) => Box::new(command::CommandSource::start(command)?),
            Source::Video { find, capture } => {
                let (name, open) = find()?;
                Box::new(capture.start(&name, open)?)
            }
        })
    }
}

impl Source {
    fn video(find: video::FindGrab) -> Self {
        Self::Video {
            find,
            capture: video::CaptureThread::default(),
        }
    }
}

/// Looks for a camera of the kernel.
fn found_by(wanted: VideoCamera) -> video::FindGrab {
    Box::new(move || {
        let node = nodes::only(nodes::nodes(), &wanted)?;
        let size_max = wanted.size_max;
        let open: video::OpenGrab = Box::new(move || {
            let capturing = driver::Capturing::start(node, size_max)?;
            Ok(Box::new(capturing))
        });
        Ok((format!("the camera {}", wanted.words()), open))
    })
}

impl Device for CameraDevice {
    fn open(&mut self) -> Result<Box<dyn Connection>, Loss> {
        let mut connection = CameraConnection {
            source: self.source()?,
            cascade: Cascade::new(&Settings {
                formats: self.formats.clone(),
                budget: Duration::from_millis(BUDGET_MS),
            }),
            last_frame: Instant::now(),
            live: self.live.clone(),
        };
        // Frames are what shows that a camera works; that it was opened shows nothing.
        while !connection.wait(Duration::from_millis(WAIT_MS))? {}
        Ok(Box::new(connection))
    }
}

struct CameraConnection {
    source: Box<dyn FrameSource>,
    cascade: Cascade,
    last_frame: Instant,
    live: Option<LiveView>,
}

impl Connection for CameraConnection {
    fn wait(&mut self, at_most: Duration) -> Result<bool, Loss> {
        if self.source.wait(at_most)? {
            self.last_frame = Instant::now();
            return Ok(true);
        }
        if self.last_frame.elapsed() < Duration::from_millis(FRAME_MS_MAX) {
            return Ok(false);
        }
        Err(Loss::stalled(self.source.name(), FRAME_MS_MAX))
    }

    fn decode(&mut self, now_ms: u64, decoded: &mut Vec<Decoded>) {
        let Ok(frame) = self.source.frame() else {
            decoded.push(Decoded::Refused(Refusal::MalformedFrame));
            return;
        };
        let look = self.cascade.look(&frame, now_ms, &mut thread_cpu);
        if let Some(live) = &self.live {
            let outlines: Vec<Outline> = look.in_view.iter().map(|code| code.outline).collect();
            live.show(&frame, &outlines, now_ms);
        }
        decoded.extend(
            look.fresh
                .into_iter()
                .map(|code| taken(code.text, code.aim)),
        );
    }

    fn quiet(&mut self, _now_ms: u64, _decoded: &mut Vec<Decoded>) {}

    fn due_ms(&self) -> Option<u64> {
        None
    }

    fn end(&mut self, _loss: &Loss, _decoded: &mut Vec<Decoded>) {}
}

/// A code, if it is one that a badge can carry.
fn taken(text: String, aim: String) -> Decoded {
    if text.len() > MAX_SCAN_BYTES {
        Decoded::Refused(Refusal::TooLong)
    } else if text.chars().any(char::is_control) {
        Decoded::Refused(Refusal::ControlCharacter)
    } else {
        Decoded::Code {
            text,
            symbology: Some(aim),
        }
    }
}

/// CPU time that this thread has used.
fn thread_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
