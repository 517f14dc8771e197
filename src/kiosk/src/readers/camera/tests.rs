//! Capture on its own thread, from cameras that are made up: they give frames, stall, fail and panic on request.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};

use rustix::event::{PollFd, PollFlags, poll};
use vision::testing::{Picture, square};
use vision::{Format, Layout, Pixels};

use super::super::watch::Readers;
use super::super::{Answers, Clock, Closed, ReaderEvent};
use super::video::{CaptureThread, Grab, OpenGrab, VideoSource};
use super::*;
use attendance::time::{BootId, Stamp, Sync as ClockSync, UtcMs};
use attendance::words::ReaderId;

/// Longest wait for something that has to happen. Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(20);

const LAYOUT: Layout = Layout {
    pixels: Pixels::Yuyv,
    width: 321,
    height: 241,
    stride: 642,
};

/// What a made-up camera does next.
enum Act {
    Frame(Vec<u8>),
    Fail(LossKind),
    Panic,
    /// Fails, and panics as well once it is closed.
    FailAndPanic(LossKind),
}

/// A camera that does as it is told, and hangs in its driver while it is told nothing. Nobody left to tell it is an unplug.
struct Puppet {
    told: Arc<Mutex<Receiver<Act>>>,
    panics_at_close: bool,
}

impl Drop for Puppet {
    fn drop(&mut self) {
        assert!(!self.panics_at_close, "as the test wants");
    }
}

impl Grab for Puppet {
    fn layout(&self) -> Layout {
        LAYOUT
    }

    fn name(&self) -> String {
        "Puppet".to_owned()
    }

    fn next(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<(), Loss> {
        let act = self.told.lock().unwrap().recv();
        match act {
            Ok(Act::Frame(bytes)) => take(&bytes),
            Ok(Act::Fail(kind)) => return Err(Loss::new(kind, "as the test wants")),
            Ok(Act::Panic) => panic!("as the test wants"),
            Ok(Act::FailAndPanic(kind)) => {
                self.panics_at_close = true;
                return Err(Loss::new(kind, "as the test wants"));
            }
            Err(_) => return Err(Loss::new(LossKind::Unplugged, "the test is over")),
        }
        Ok(())
    }
}

fn puppet() -> (Sender<Act>, impl Fn() -> OpenGrab) {
    let (acts, told) = channel();
    let told = Arc::new(Mutex::new(told));
    let open = move || -> OpenGrab {
        let told = Arc::clone(&told);
        Box::new(move || {
            Ok(Box::new(Puppet {
                told,
                panics_at_close: false,
            }))
        })
    };
    (acts, open)
}

fn wait(source: &mut impl FrameSource) -> Result<bool, LossKind> {
    source.wait(PATIENCE).map_err(|loss| loss.kind)
}

fn frame(grey: u8) -> Act {
    Act::Frame(Picture::blank(321, 241, grey).laid(&LAYOUT))
}

fn first_pixel(source: &mut impl FrameSource) -> Option<u8> {
    let frame = source.frame().ok()?;
    frame.rows().next().map(|row| row[0])
}

#[test]
fn the_latest_frame_is_handed_over_and_then_the_reason_of_the_end() {
    let (acts, open) = puppet();
    let mut thread = CaptureThread::default();
    let mut source = thread.start("camera", open()).unwrap();
    assert!(!source.wait(Duration::ZERO).unwrap());
    acts.send(frame(10)).unwrap();
    assert_eq!(wait(&mut source), Ok(true));
    assert_eq!(first_pixel(&mut source), Some(10));
    assert_eq!(source.name(), "Puppet");
    // What is no frame is handed over as well, and told apart.
    acts.send(Act::Frame(vec![0; 9])).unwrap();
    assert_eq!(wait(&mut source), Ok(true));
    assert_eq!(first_pixel(&mut source), None);
    for grey in [20, 30, 40] {
        acts.send(frame(grey)).unwrap();
    }
    acts.send(Act::Fail(LossKind::Failed)).unwrap();
    let mut last = None;
    while wait(&mut source) == Ok(true) {
        last = first_pixel(&mut source);
    }
    assert_eq!(last, Some(40), "whichever were replaced, not the last");
    assert_eq!(wait(&mut source), Err(LossKind::Failed));
}

#[test]
fn a_driver_that_panics_is_a_loss() {
    let (acts, open) = puppet();
    let mut thread = CaptureThread::default();
    let mut source = thread.start("camera", open()).unwrap();
    acts.send(Act::Panic).unwrap();
    assert_eq!(wait(&mut source), Err(LossKind::Failed));
}

#[test]
fn a_driver_that_panics_over_a_camera_that_is_gone_does_not_hide_that_it_is() {
    let (acts, open) = puppet();
    let mut thread = CaptureThread::default();
    let mut source = thread.start("camera", open()).unwrap();
    acts.send(Act::FailAndPanic(LossKind::Unplugged)).unwrap();
    assert_eq!(wait(&mut source), Err(LossKind::Unplugged));
    let mut source = again(&mut thread, &open);
    acts.send(frame(2)).unwrap();
    assert_eq!(wait(&mut source), Ok(true));
}

/// A camera whose driver waits in the kernel for a frame that never comes, as V4L2's does. It counts how often it is closed.
struct Silent {
    pipe: (std::io::PipeReader, std::io::PipeWriter),
    closed: Arc<AtomicUsize>,
}

impl Grab for Silent {
    fn layout(&self) -> Layout {
        LAYOUT
    }

    fn name(&self) -> String {
        "Silent".to_owned()
    }

    fn next(&mut self, _take: &mut dyn FnMut(&[u8])) -> Result<(), Loss> {
        let mut watched = [PollFd::new(&self.pipe.0, PollFlags::IN)];
        let waited = poll(&mut watched, None);
        assert_eq!(waited, Err(rustix::io::Errno::INTR));
        Err(Loss::new(LossKind::Failed, "interrupted"))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_camera_that_stalls_is_closed_and_opened_anew() {
    let closed = Arc::new(AtomicUsize::new(0));
    let open = || -> OpenGrab {
        let closed = Arc::clone(&closed);
        Box::new(move || {
            let pipe = std::io::pipe().unwrap();
            Ok(Box::new(Silent { pipe, closed }))
        })
    };
    let mut thread = CaptureThread::default();
    for times in 1..3 {
        let mut source = again(&mut thread, &open);
        assert!(!source.wait(Duration::from_millis(20)).unwrap());
        drop(source);
        drop(again(&mut thread, &open));
        assert!(closed.load(Ordering::SeqCst) >= times);
    }
}

/// Starts capture as soon as that is possible.
fn again(thread: &mut CaptureThread, open: &impl Fn() -> OpenGrab) -> VideoSource {
    let since = Instant::now();
    loop {
        match thread.start("camera", open()) {
            Ok(source) => return source,
            Err(loss) => {
                assert_eq!(loss.kind, LossKind::Stalled);
                assert!(since.elapsed() < PATIENCE, "{loss:?}");
            }
        }
        std::thread::yield_now();
    }
}

#[test]
fn one_thread_at_most_hangs_in_a_driver() {
    let (acts, open) = puppet();
    let mut thread = CaptureThread::default();
    let mut source = thread.start("camera", open()).unwrap();
    assert!(!source.wait(Duration::from_millis(20)).unwrap());
    drop(source);
    for _ in 0..3 {
        let again = thread.start("camera", open()).err();
        assert_eq!(again.map(|loss| loss.kind), Some(LossKind::Stalled));
    }
    // The next frame lets it go.
    acts.send(frame(1)).unwrap();
    let mut source = again(&mut thread, &open);
    acts.send(frame(2)).unwrap();
    assert_eq!(wait(&mut source), Ok(true));
    assert_eq!(first_pixel(&mut source), Some(2));
}

fn clock() -> Clock {
    Arc::new(|| Stamp {
        wall: UtcMs(0),
        boot: BootId::new("00000000-0000-0000-0000-000000000000").unwrap(),
        raw_ms: 1,
        sync: ClockSync::Unset,
        error_ms: None,
    })
}

fn next(events: &Receiver<ReaderEvent>) -> ReaderEvent {
    events.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn a_stall_is_told_once_and_scans_go_on_after_it() {
    let (acts, open) = puppet();
    let (sender, events): (SyncSender<ReaderEvent>, _) = sync_channel(16);
    let sink = move |event| sender.send(event).map_err(|_| Closed);
    let mut readers = Readers::start(&[], &Answers::default(), None, clock(), sink).unwrap();
    let open = Arc::new(Mutex::new(Some(open)));
    let make = move || -> Box<dyn Device> {
        let open = open.lock().unwrap().take().unwrap();
        Box::new(CameraDevice {
            formats: Formats::default(),
            live: None,
            source: Source::video(Box::new(move || Ok(("camera".to_owned(), open())))),
        })
    };
    let name = ReaderId::new("camera").unwrap();
    readers.add(name.clone(), false, Box::new(make)).unwrap();
    let stalled = ReaderEvent::Stalled {
        reader: name.clone(),
    };
    let attached = ReaderEvent::Attached { reader: name };

    assert_eq!(next(&events), stalled, "it gives nothing from the first");
    let desk = Picture::blank(321, 241, 200);
    let code = Picture::code(Format::Qr, "BADGE-9", 6).unwrap();
    let held = desk
        .with(&code, square((160.0, 120.0), 90.0, 0.0, 0.0))
        .laid(&LAYOUT);
    // The first frame lets the old thread go, the others are the new one's.
    let show = || {
        let mut seen = Vec::new();
        loop {
            acts.send(Act::Frame(held.clone())).unwrap();
            match events.recv_timeout(Duration::from_millis(50)) {
                Ok(event) => seen.push(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("the readers have ended"),
            }
            if matches!(seen.last(), Some(ReaderEvent::Scan(_))) {
                return seen;
            }
        }
    };
    for _ in 0..2 {
        let seen = show();
        assert_eq!(seen[0], attached);
        assert!(
            matches!(&seen[1..], [ReaderEvent::Scan(scan)] if scan.text == "BADGE-9"),
            "{seen:?}"
        );
        assert_eq!(next(&events), stalled, "once");
    }
    drop(acts);
    assert!(
        matches!(next(&events), ReaderEvent::Lost { why, .. } if why.kind == LossKind::Unplugged)
    );
    readers.stop();
}

/// A camera that gives one frame, larger than any that is handed over.
struct Huge(Option<Vec<u8>>);

impl Grab for Huge {
    fn layout(&self) -> Layout {
        Layout {
            pixels: Pixels::Grey,
            width: 8_000,
            height: 4_000,
            stride: 8_000,
        }
    }

    fn name(&self) -> String {
        "Huge".to_owned()
    }

    fn next(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<(), Loss> {
        let over = || Loss::new(LossKind::Unplugged, "the test is over");
        take(&self.0.take().ok_or_else(over)?);
        Ok(())
    }
}

#[test]
fn of_a_frame_that_is_too_large_no_more_is_kept_than_of_any() {
    let open: OpenGrab = Box::new(|| Ok(Box::new(Huge(Some(vec![0; 32_000_000])))));
    let mut source = CaptureThread::default().start("camera", open).unwrap();
    assert_eq!(wait(&mut source), Ok(true));
    assert_eq!(first_pixel(&mut source), None, "its end is cut off");
}

#[test]
fn a_code_that_no_badge_carries_is_refused() {
    let check = |text: &str, refusal: Option<Refusal>| {
        let expected = match refusal {
            Some(refusal) => Decoded::Refused(refusal),
            None => Decoded::Code {
                text: text.to_owned(),
                symbology: Some("]Q1".to_owned()),
            },
        };
        assert_eq!(taken(text.to_owned(), "]Q1".to_owned()), expected);
    };
    check("BADGE-1", None);
    check(&"A".repeat(MAX_SCAN_BYTES), None);
    check(&"A".repeat(MAX_SCAN_BYTES + 1), Some(Refusal::TooLong));
    check("BADGE\n1", Some(Refusal::ControlCharacter));
    check("BADGE\u{85}1", Some(Refusal::ControlCharacter));
}

/// Within how many frames a code is read whose modules are so many pixels wide, held askew among clutter before a noisy camera; `smear` is
/// how many modules it moves while a frame is exposed. Time costs nothing.
fn frames_until_read(text: &str, module_px: f32, smear: f32, frames_max: usize) -> Option<usize> {
    let (width, height) = (1_280, 720);
    let code = Picture::code(Format::Qr, text, 8).unwrap();
    let modules = f32::from(u16::try_from(code.width / 8).unwrap());
    let held = square((700.0, 350.0), modules * module_px / 2.0, 12.0, 0.05);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some pixels"
    )]
    let smear_px = (smear * module_px).round() as usize;
    let scene = Picture::clutter(width, height, 5).with(&code, held);
    let scene = scene.smeared(smear_px.max(1), 1);
    let mut cascade = Cascade::new(&Settings::default());
    (1..=frames_max).find(|nth| {
        let seen = scene.clone().noisy(6, u64::try_from(*nth).unwrap());
        let now_ms = 33 * u64::try_from(*nth).unwrap();
        let look = cascade.look(&seen.frame().unwrap(), now_ms, &mut || Duration::ZERO);
        look.fresh.iter().any(|code| code.text == text)
    })
}

/// The figures of firmware-notes/cameras.md.
#[test]
fn a_badge_is_read_from_so_many_pixels_a_module_on() {
    let opaque = "K7QX-2M4P-9TZR-AB";
    let signed = format!("RCB1{}", "K7QX2M4P9TZR".repeat(12));
    assert_eq!(signed.len(), 148);
    let check = |module_px, smear, frames_max| {
        for text in [opaque, &signed] {
            let within = frames_until_read(text, module_px, smear, frames_max);
            assert!(within.is_some(), "{text}: {module_px} px, {smear} smeared");
        }
    };
    check(2.5, 0.0, 2);
    check(4.0, 0.0, 2);
    check(4.0, 0.5, 5);
    check(6.0, 0.5, 5);
}
