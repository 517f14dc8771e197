//! A camera on the kernel's own V4L2: v4l2loopback, into which a program of the guest writes frames. The real daemon reads it by nokhwa.

use std::time::Duration;

use protocol::entry::{Body, ReaderState, parse};
use rollcall_tests::archive::Archive;
use rollcall_tests::hil::PATIENCE;
use rollcall_tests::hil::stage::Stage;
use rollcall_tests::hil::vm::Vm;
use rollcall_tests::hil::wire::{Do, SHARED};
use rollcall_tests::programs::soon;
use rollcall_tests::skip::skip;
use rollcall_tests::world::person;
use vision::testing::{Picture, square};
use vision::{Format, Layout, Pixels};

use crate::ground;

const MODULE: &str = "v4l2loopback";
/// Two devices; each offers pictures only while some are written.
const PARAMETERS: &str = "devices=2 video_nr=10,11 card_label=hil-yuyv,hil-jpeg exclusive_caps=1,1";
const READERS: &str = r#"
[[reader]]
name = "camera"
kind = "camera"
direction = "in"
card = "hil-yuyv"

[[reader]]
name = "jpeg"
kind = "camera"
direction = "in"
card = "hil-jpeg"
"#;
const WIDTH: usize = 640;
const HEIGHT: usize = 480;
/// How long a badge is held.
const HELD: Duration = Duration::from_secs(4);
const SIGTERM: i32 = 15;

/// A camera that is played, by the program's name in the guest.
struct Camera {
    name: &'static str,
    device: &'static str,
    code: &'static str,
    pixels: Pixels,
}

const YUYV: Camera = Camera {
    name: "yuyv",
    device: "/dev/video10",
    code: "YUYV",
    pixels: Pixels::Yuyv,
};
const JPEG: Camera = Camera {
    name: "jpeg",
    device: "/dev/video11",
    code: "MJPG",
    pixels: Pixels::Mjpeg,
};

impl Camera {
    /// Holds a badge before it, from its first frame on.
    fn show(&self, vm: &mut Vm, badge: &str) {
        let code = Picture::code(Format::Qr, badge, 6).unwrap();
        let held = square((300.0, 240.0), 130.0, 6.0, 0.05);
        let frame = Picture::blank(WIDTH, HEIGHT, 90)
            .with(&code, held)
            .laid(&Layout {
                pixels: self.pixels,
                width: WIDTH,
                height: HEIGHT,
                stride: self.pixels.row_bytes(WIDTH),
            });
        let file = format!("{}.frame", self.name);
        std::fs::write(vm.shared(&file), frame).unwrap();
        let (width, height) = (WIDTH.to_string(), HEIGHT.to_string());
        let file = format!("{SHARED}/{file}");
        let words = [
            env!("CARGO_BIN_EXE_hil-camera"),
            self.device,
            self.code,
            &width,
            &height,
            &file,
        ];
        vm.done(Do::Start {
            name: self.name.to_owned(),
            words: words.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            acknowledge: None,
        });
        let said = vm.line_within(self.name, PATIENCE);
        assert_eq!(said.as_deref(), Some("writes"), "{}", vm.logs());
    }

    /// No frames come any more; the device stays.
    fn stop(&self, vm: &mut Vm) {
        let name = self.name.to_owned();
        vm.done(Do::Signal {
            name: name.clone(),
            signal: SIGTERM,
        });
        vm.ask(Do::AwaitEnd(name));
    }
}

fn read(stage: &mut Stage, reader: &str) {
    let answer = stage.answer();
    assert!(answer.is_green(), "{answer:?}");
    assert_eq!(answer.reader, reader);
}

fn states(archive: &Archive, reader: &str) -> Vec<ReaderState> {
    let lines = archive.lines(0);
    let of_reader = lines
        .into_iter()
        .filter_map(|line| match parse(line).ok()?.body {
            Body::Reader(entry) if entry.reader.as_str() == reader => Some(entry.state),
            _ => None,
        });
    of_reader.collect()
}

#[test]
fn a_camera_is_read_stalls_and_is_read_again() {
    const TEST: &str = "camera::a_camera_is_read_stalls_and_is_read_again";
    let Some(ground) = ground(TEST) else {
        return;
    };
    if let Some(missing) = ground.lacks(MODULE) {
        skip(TEST, &missing);
        return;
    }
    let load = ("/run/kiosk", |vm: &mut Vm| vm.load(MODULE, PARAMETERS));
    let mut stage = Stage::set(&ground, "camera", 3, (&[], &["videodev"]), load, READERS);
    stage.start(&[], None);
    assert_ne!(stage.state("camera"), "attached", "nothing is written yet");

    YUYV.show(&mut stage.vm, &person(0));
    let took = stage.wait_attached("camera", true);
    read(&mut stage, "camera");
    println!("camera: attached {took:.1?} after its first frame");
    stage.vm.rest(HELD);

    YUYV.stop(&mut stage.vm);
    let stalled = soon(PATIENCE, || stage.state("camera") == "stalled");
    let (state, logs) = (stage.state("camera"), stage.vm.logs());
    assert!(stalled, "the camera is {state}\n{logs}");
    YUYV.show(&mut stage.vm, &person(1));
    let took = stage.wait_attached("camera", true);
    read(&mut stage, "camera");
    println!("camera: attached {took:.1?} after a stall");

    JPEG.show(&mut stage.vm, &person(2));
    stage.wait_attached("jpeg", true);
    read(&mut stage, "jpeg");
    stage.vm.rest(HELD);

    stage.stop();
    let log = std::fs::read_to_string(stage.vm.shared("kiosk.log")).unwrap();
    let archive = stage.export();
    let badges = stage.kiosk().enrolment().badge_key;
    let seen: Vec<_> = archive
        .scans(0)
        .into_iter()
        .map(|scan| (scan.reader, scan.badge))
        .collect();
    let expected: Vec<_> = [("camera", 0), ("camera", 1), ("jpeg", 2)]
        .map(|(reader, who)| (reader.to_owned(), badges.digest(&person(who))))
        .to_vec();
    assert_eq!(seen, expected, "each badge once, however long it is held");
    let states = states(&archive, "camera");
    let since_attached = states
        .iter()
        .skip_while(|state| **state != ReaderState::Attached);
    assert_eq!(
        since_attached.copied().collect::<Vec<_>>(),
        [
            ReaderState::Attached,
            ReaderState::Stalled,
            ReaderState::Attached
        ],
    );
    let by = |way: &str| log.matches(&format!(", {way})")).count();
    assert_eq!((by("nokhwa"), by("v4l")), (3, 0), "{log}");
}
