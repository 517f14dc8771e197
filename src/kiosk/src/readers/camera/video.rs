//! Frames of a camera that the kernel knows, captured on a thread of its own.
//!
//! Promises: the reader's thread never waits in the driver. The capture thread hands over the latest frame through a slot for one; a frame
//! that was not taken in time is replaced. The thread of a camera that stalls is interrupted in its wait for a frame, closes the camera and
//! ends; no other is started for this camera until it has, and one that a driver does not let go of is left behind until it does. What panics
//! in the driver's crates ends the thread and is a loss like any other; where they panic over closing a camera that is gone already, the loss
//! before is the one that is told.
//!
//! Limit: a driver that neither stops when it is told to nor takes its memory back makes the crate `v4l` panic twice, which ends the daemon.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use vision::{Frame, FrameError, Grey, Layout};

use super::{FRAME_MS_MAX, FrameSource, Loss, LossKind};
use crate::kernel;

/// The most bytes of a frame that are handed over: those of twelve million pixels, at two bytes each.
const FRAME_BYTES_MAX: usize = 24_000_000;

/// What gives frames, on the capture thread. Its methods may block for ever. Dropping it closes the camera, and may panic.
pub(super) trait Grab {
    /// How its frames lie.
    fn layout(&self) -> Layout;
    /// What it is, for people.
    fn name(&self) -> String;
    /// Waits for the next frame and hands it to `take`. A wait that is interrupted is a loss.
    fn next(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<(), Loss>;
}

/// Opens a camera, on the capture thread.
pub(super) type OpenGrab = Box<dyn FnOnce() -> Result<Box<dyn Grab>, Loss> + Send>;

/// Looks for a camera: its name, and how to open it.
pub(super) type FindGrab = Box<dyn FnMut() -> Result<(String, OpenGrab), Loss> + Send>;

/// What passes between the two threads.
#[derive(Debug, Default)]
struct Slot {
    held: Mutex<Held>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    /// Frames' layout and the camera's name, once it is open.
    opened: Option<(Layout, String)>,
    /// The latest frame, if it was not taken yet.
    frame: Option<Vec<u8>>,
    /// Memory of a frame that was taken and is done with.
    spare: Vec<u8>,
    /// Why there are no frames any more.
    loss: Option<Loss>,
    /// The reader wants no more.
    stop: bool,
}

impl Slot {
    /// Nothing half-changed is left where a thread panics: each change is one assignment.
    fn hold(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a frame where the last one was. True if the reader still wants any.
    fn put(&self, bytes: &[u8]) -> bool {
        let mut held = self.hold();
        let mut memory = match held.frame.take() {
            Some(replaced) => replaced,
            None => std::mem::take(&mut held.spare),
        };
        let goes_on = !held.stop;
        drop(held);
        memory.clear();
        memory.extend_from_slice(&bytes[..bytes.len().min(FRAME_BYTES_MAX)]);
        self.hold().frame = Some(memory);
        self.changed.notify_one();
        goes_on
    }
}

/// Says that the thread has ended, also where it panics.
struct Ending(Arc<Slot>);

impl Drop for Ending {
    fn drop(&mut self) {
        let mut held = self.0.hold();
        held.loss.get_or_insert_with(|| {
            let detail =
                "the camera's driver answered in a way that is not understood; it is opened again";
            Loss::new(LossKind::Failed, detail)
        });
        drop(held);
        self.0.changed.notify_one();
    }
}

fn capture(slot: &Arc<Slot>, open: OpenGrab) {
    let ending = Ending(Arc::clone(slot));
    let loss = match open() {
        Ok(mut grab) => {
            slot.hold().opened = Some((grab.layout(), grab.name()));
            let loss = loop {
                let mut goes_on = true;
                let next = grab.next(&mut |bytes| goes_on = slot.put(bytes));
                match next {
                    Ok(()) if goes_on => {}
                    Ok(()) => return,
                    Err(loss) => break loss,
                }
            };
            // What it panics over is a camera that is gone, which is known; the hook has reported it.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(grab)));
            loss
        }
        Err(loss) => loss,
    };
    // The camera is closed by now: whoever hears of the loss may open it again.
    slot.hold().loss = Some(loss);
    drop(ending);
}

/// The capture thread of one camera: one at a time.
#[derive(Debug, Default)]
pub(super) struct CaptureThread {
    running: Option<JoinHandle<()>>,
}

impl CaptureThread {
    /// Starts capture anew. Where the last one has not ended it is interrupted, and this is to be tried again.
    pub(super) fn start(&mut self, name: &str, open: OpenGrab) -> Result<VideoSource, Loss> {
        if let Some(last) = &self.running
            && !last.is_finished()
        {
            if let Err(error) = kernel::interrupt(last) {
                tracing::warn!(%error, camera = name, "a stalled capture cannot be interrupted");
            }
            return Err(Loss::stalled(name, FRAME_MS_MAX));
        }
        let slot = Arc::new(Slot::default());
        let shared = Arc::clone(&slot);
        let thread = std::thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || capture(&shared, open))
            .map_err(|error| Loss::of_io(&error, name))?;
        self.running = Some(thread);
        Ok(VideoSource {
            slot,
            name: name.to_owned(),
            layout: None,
            bytes: Vec::new(),
            grey: Grey::default(),
        })
    }
}

/// The reader's end of the slot. Dropping it tells the capture thread to end.
pub(super) struct VideoSource {
    slot: Arc<Slot>,
    name: String,
    layout: Option<Layout>,
    bytes: Vec<u8>,
    grey: Grey,
}

impl FrameSource for VideoSource {
    fn wait(&mut self, at_most: Duration) -> Result<bool, Loss> {
        let held = self.slot.hold();
        let waited = self.slot.changed.wait_timeout_while(held, at_most, |held| {
            held.frame.is_none() && held.loss.is_none()
        });
        let (mut held, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some((layout, name)) = held.opened.take() {
            self.layout = Some(layout);
            self.name = name;
        }
        if let Some(frame) = held.frame.take() {
            held.spare = std::mem::replace(&mut self.bytes, frame);
            return Ok(true);
        }
        match &held.loss {
            Some(loss) => Err(loss.clone()),
            None => Ok(false),
        }
    }

    fn frame(&mut self) -> Result<Frame<'_>, FrameError> {
        let layout = self.layout.as_ref().ok_or(FrameError::Short)?;
        self.grey.of(&self.bytes, layout)
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for VideoSource {
    fn drop(&mut self) {
        self.slot.hold().stop = true;
    }
}
