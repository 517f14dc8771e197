//! Cameras on the kernel's own V4L2. v4l2loopback is a camera into which a program of the guest writes frames: the real daemon reads YUYV, NV12
//! and JPEGs by nokhwa and grey by `v4l`. vivid is a camera whose sizes come in steps,
//! and which can be lost while it is read.

use std::time::Duration;

use attendance::words::Direction;
use protocol::entry::{Body, ReaderState, parse};
use rollcall_tests::archive::Archive;
use rollcall_tests::hil::PATIENCE;
use rollcall_tests::hil::stage::Stage;
use rollcall_tests::hil::vm::{Ground, Vm};
use rollcall_tests::hil::wire::{Do, Outcome, SHARED};
use rollcall_tests::programs::{program, soon};
use rollcall_tests::skip::skip;
use rollcall_tests::world::{person, text};
use vision::testing::{Picture, square};
use vision::{Format, Layout, Pixels};

use crate::ground;

const MODULE: &str = "v4l2loopback";
/// How soon a camera has to be back.
const BACK_WITHIN: Duration = Duration::from_secs(2);
/// How long a badge is held.
const HELD: Duration = Duration::from_secs(4);
/// How many frames of each hostile kind are waited for: more than may be on their way of the kind before.
const HOSTILE_FRAMES: u64 = 20;
/// How often the daemon is asked meanwhile, by the guest's clock.
const ASK_EVERY: Duration = Duration::from_millis(200);
const SIGTERM: i32 = 15;

/// A camera that is played.
struct Camera {
    /// The name of its reader, and of the program in the guest that plays it.
    name: &'static str,
    device: &'static str,
    code: &'static str,
    pixels: Pixels,
}

const WIDTH: usize = 640;
const HEIGHT: usize = 480;

/// A camera of v4l2loopback.
const fn played(
    name: &'static str,
    device: &'static str,
    (code, pixels): (&'static str, Pixels),
) -> Camera {
    Camera {
        name,
        device,
        code,
        pixels,
    }
}

/// The module's parameters for these cameras, numbered from 10. Each offers pictures only while some are written.
fn parameters(cameras: &[&Camera]) -> String {
    let list = |each: &dyn Fn(usize, &Camera) -> String| {
        let all = cameras.iter().enumerate();
        let all: Vec<String> = all.map(|(nth, camera)| each(nth, camera)).collect();
        all.join(",")
    };
    format!(
        "devices={} video_nr={} card_label={} exclusive_caps={}",
        cameras.len(),
        list(&|nth, _| (10 + nth).to_string()),
        list(&|_, camera| format!("hil-{}", camera.name)),
        list(&|_, _| "1".to_owned()),
    )
}

/// Their blocks of the configuration.
fn blocks(cameras: &[&Camera]) -> String {
    let block = |camera: &&Camera| {
        let name = camera.name;
        format!(
            "[[reader]]\nname = \"{name}\"\nkind = \"camera\"\ndirection = \"in\"\ncard = \"hil-{name}\"\n\n"
        )
    };
    cameras.iter().map(block).collect()
}

/// Starts a guest with a kiosk that reads these cameras.
fn stage(ground: &Ground, name: &str, cameras: &[&Camera]) -> Stage {
    let load = ("/run/kiosk", |vm: &mut Vm| {
        vm.load(MODULE, &parameters(cameras));
    });
    Stage::set(
        ground,
        name,
        4,
        (&[], &["videodev"]),
        load,
        &blocks(cameras),
    )
}

/// What guests with this module are started from; where there is nothing, the test is skipped.
fn ground_with(test: &str, module: &str) -> Option<Ground> {
    let ground = ground(test)?;
    match ground.lacks(module) {
        Some(missing) => {
            skip(test, &missing);
            None
        }
        None => Some(ground),
    }
}

impl Camera {
    /// A frame in which somebody holds a badge.
    fn frame(&self, badge: &str) -> Vec<u8> {
        let code = Picture::code(Format::Qr, badge, 6).unwrap();
        let held = square((300.0, 240.0), 130.0, 6.0, 0.05);
        let scene = Picture::blank(WIDTH, HEIGHT, 90).with(&code, held);
        scene.laid(&Layout {
            pixels: self.pixels,
            width: WIDTH,
            height: HEIGHT,
            stride: self.pixels.row_bytes(WIDTH),
        })
    }

    /// Has it see another frame from now on.
    fn sees(&self, vm: &Vm, frame: &[u8]) {
        // Another file in its place: what is read is one of the two.
        let next = vm.shared("next.frame");
        std::fs::write(&next, frame).unwrap();
        std::fs::rename(next, vm.shared(&format!("{}.frame", self.name))).unwrap();
    }

    /// Plugs it in, as it were: it gives frames from now on.
    fn begin(&self, vm: &mut Vm, frame: &[u8]) {
        self.sees(vm, frame);
        let (width, height) = (WIDTH.to_string(), HEIGHT.to_string());
        let file = format!("{SHARED}/{}.frame", self.name);
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

    /// Holds a badge before it, from its first frame on.
    fn show(&self, vm: &mut Vm, badge: &str) {
        self.begin(vm, &self.frame(badge));
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

/// Which badge was read by which reader, in order, is in the journal once, and each was read as going in.
#[track_caller]
fn check_scans(stage: &Stage, archive: &Archive, expected: &[(&str, usize)]) {
    let badges = stage.kiosk().enrolment().badge_key;
    let lines = archive.lines(0).into_iter();
    let scans = lines.filter_map(|line| match parse(line).ok()?.body {
        Body::Scan(scan) => Some((scan.reader.to_string(), scan.badge.digest, scan.direction)),
        _ => None,
    });
    let expected: Vec<_> = expected
        .iter()
        .map(|(reader, who)| {
            let badge = badges.digest(&person(*who));
            ((*reader).to_owned(), badge, Direction::In)
        })
        .collect();
    assert_eq!(
        scans.collect::<Vec<_>>(),
        expected,
        "each badge once, however long it is held"
    );
}

/// By which way cameras were read, from the daemon's log, which it leaves when it ends.
fn ways(stage: &Stage) -> (usize, usize) {
    let log = std::fs::read_to_string(stage.vm.shared("kiosk.log")).unwrap();
    let by = |way: &str| log.matches(&format!(", {way})")).count();
    (by("nokhwa"), by("v4l"))
}

const YUYV: Camera = played("yuyv", "/dev/video10", ("YUYV", Pixels::Yuyv));

#[test]
fn a_camera_is_read_stalls_is_unplugged_and_is_read_again() {
    const TEST: &str = "camera::a_camera_is_read_stalls_is_unplugged_and_is_read_again";
    let Some(ground) = ground_with(TEST, MODULE) else {
        return;
    };
    let mut stage = stage(&ground, "camera", &[&YUYV]);
    stage.start(&[], None);
    assert_ne!(stage.state("yuyv"), "attached", "nothing is written yet");

    YUYV.show(&mut stage.vm, &person(0));
    let took = stage.wait_attached("yuyv", true);
    read(&mut stage, "yuyv");
    println!("camera: attached {took:.1?} after its first frame");
    stage.vm.rest(HELD);

    YUYV.stop(&mut stage.vm);
    stage.wait_attached("yuyv", false);
    // The kernel lets go of a driver only when nobody holds one of its devices: the daemon has to close a camera that gives nothing.
    let held = stage.vm.unload(MODULE);
    println!("camera: closed {held:.1?} after it was told as stalled");
    let lost = soon(PATIENCE, || stage.state("yuyv") == "lost");
    let (state, logs) = (stage.state("yuyv"), stage.vm.logs());
    assert!(lost, "the camera is {state}\n{logs}");
    stage.vm.load(MODULE, &parameters(&[&YUYV]));
    YUYV.show(&mut stage.vm, &person(1));
    let took = stage.wait_attached("yuyv", true);
    read(&mut stage, "yuyv");
    println!("camera: attached {took:.1?} after it was plugged in again");
    assert!(took <= BACK_WITHIN, "{took:?}");
    // Seen by the same reader still: nobody went away and came back.
    YUYV.sees(&stage.vm, &YUYV.frame(&person(2)));
    read(&mut stage, "yuyv");
    stage.vm.rest(HELD);

    stage.stop();
    let archive = stage.export();
    check_scans(&stage, &archive, &[("yuyv", 0), ("yuyv", 1), ("yuyv", 2)]);
    let states = states(&archive, "yuyv");
    let since_attached: Vec<_> = states
        .into_iter()
        .skip_while(|state| *state != ReaderState::Attached)
        .collect();
    let [first, stalled, rest @ ..] = since_attached.as_slice() else {
        panic!("{since_attached:?}");
    };
    assert_eq!(
        (*first, *stalled, rest.last().copied()),
        (
            ReaderState::Attached,
            ReaderState::Stalled,
            Some(ReaderState::Attached)
        )
    );
    // Without a writer it is there and offers nothing, then it is not there at all.
    let between = &rest[..rest.len() - 1];
    assert!(
        !between.is_empty() && between.iter().all(|state| *state == ReaderState::Lost),
        "{between:?}"
    );
    assert_eq!(ways(&stage), (2, 0), "{}", stage.vm.logs());
}

const GREY: Camera = played("grey", "/dev/video10", ("GREY", Pixels::Grey));
const NV12: Camera = played("nv12", "/dev/video11", ("NV12", Pixels::Nv12));
const JPEG: Camera = played("jpeg", "/dev/video12", ("MJPG", Pixels::Mjpeg));

#[test]
fn every_layout_is_read_and_what_is_no_picture_is_counted() {
    const TEST: &str = "camera::every_layout_is_read_and_what_is_no_picture_is_counted";
    let Some(ground) = ground_with(TEST, MODULE) else {
        return;
    };
    let mut stage = stage(&ground, "layouts", &[&GREY, &NV12, &JPEG]);
    stage.start(&[], None);
    for (who, camera) in [&GREY, &NV12].into_iter().enumerate() {
        camera.show(&mut stage.vm, &person(who));
        stage.wait_attached(camera.name, true);
        read(&mut stage, camera.name);
        stage.vm.rest(HELD);
        camera.stop(&mut stage.vm);
        stage.wait_attached(camera.name, false);
    }

    // Of a picture its first half; one whose data is not what its head says; one of another size; none.
    let good = JPEG.frame(&person(2));
    let half = &good[..good.len() / 2];
    let mut spoilt = good.clone();
    spoilt[good.len() / 4..good.len() / 2].fill(0xff);
    let small = Picture::blank(64, 48, 90).jpeg();
    JPEG.begin(&mut stage.vm, half);
    stage.wait_attached("jpeg", true);
    let mut refused = 0;
    for hostile in [half, &spoilt, &small, b"no picture"] {
        JPEG.sees(&stage.vm, hostile);
        let counted = soon(PATIENCE, || {
            stage.vm.rest(ASK_EVERY);
            refused_by(&mut stage, "jpeg") >= refused + HOSTILE_FRAMES
        });
        assert!(counted, "{}", stage.vm.logs());
        refused = refused_by(&mut stage, "jpeg");
    }
    // It is told as flooding and read on.
    JPEG.sees(&stage.vm, &good);
    read(&mut stage, "jpeg");
    println!("camera: {refused} of the frames before were none");
    stage.vm.rest(HELD);

    stage.stop();
    let archive = stage.export();
    check_scans(&stage, &archive, &[("grey", 0), ("nv12", 1), ("jpeg", 2)]);
    let log = std::fs::read_to_string(stage.vm.shared("kiosk.log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(ways(&stage), (2, 1), "{log}");
}

/// How much a reader has refused since the daemon's start, as its status says.
fn refused_by(stage: &mut Stage, reader: &str) -> u64 {
    let status = stage.status().unwrap_or_default();
    let readers = status["readers"].as_array().cloned().unwrap_or_default();
    let found = readers.iter().find(|found| found["name"] == reader);
    let counted = found.and_then(|found| found["rejected"].as_object());
    let counts = counted.into_iter().flat_map(|counted| counted.values());
    counts.filter_map(serde_json::Value::as_u64).sum()
}

#[test]
fn doctor_lists_a_camera_and_shows_what_it_reads() {
    const TEST: &str = "camera::doctor_lists_a_camera_and_shows_what_it_reads";
    let Some(ground) = ground_with(TEST, MODULE) else {
        return;
    };
    // The second is attached and nobody reads it.
    let both = parameters(&[&GREY, &NV12]);
    let load = ("/run/kiosk", |vm: &mut Vm| vm.load(MODULE, &both));
    let blocks = blocks(&[&GREY, &JPEG]);
    let mut stage = Stage::set(&ground, "doctor", 1, (&[], &["videodev"]), load, &blocks);
    GREY.show(&mut stage.vm, &person(0));
    NV12.show(&mut stage.vm, &person(0));
    let kiosk = text(&program("rollcall-kiosk"));
    let config = format!("{SHARED}/kiosk.toml");
    let doctor = [&kiosk, "doctor", "--config", &config].map(str::to_owned);
    let Outcome::Ended { code, out, .. } = stage.vm.ask(Do::Run(doctor.to_vec())) else {
        panic!("{}", stage.vm.logs());
    };
    assert_eq!(code, Some(1), "one camera is missing: {out}");
    for line in [
        "ok      reader grey: camera \"hil-grey\", /dev/video10",
        "fail    reader jpeg: no camera called \"hil-jpeg\" is attached; plug it in, or correct how it is named",
        "ok      attached camera \"hil-grey\", /dev/video10: grey 640x480 30/s",
        "ok      attached camera \"hil-nv12\", /dev/video11: nv12 640x480 30/s; no [[reader]] names it; if it is to read badges, add kind = \"camera\", card = \"hil-nv12\"",
    ] {
        assert!(out.lines().any(|said| said == line), "{line}\n{out}");
    }

    let mut words = doctor.to_vec();
    words.extend(["--try", "--seconds", "3600", "--known", &person(0)].map(str::to_owned));
    stage.vm.done(Do::Start {
        name: "doctor".to_owned(),
        words,
        environment: Vec::new(),
        acknowledge: None,
    });
    let spelt: Vec<String> = person(0).chars().map(String::from).collect();
    let expected = [
        "grey: can be read".to_owned(),
        format!(
            "grey: {} characters, ]Q1 (QR code): {}",
            spelt.len(),
            spelt.join(" ")
        ),
        "grey: as expected".to_owned(),
    ];
    let mut said = Vec::new();
    while !said.ends_with(&expected) {
        let line = stage.vm.line_within("doctor", PATIENCE);
        let line = line.unwrap_or_else(|| panic!("{said:#?}\n{}", stage.vm.logs()));
        println!("{line}");
        // What is missing is said in between, once.
        if line.starts_with("grey:") {
            said.push(line);
        }
    }
    assert_eq!(said, expected);
}

/// A camera of the kernel's own that offers every size on a grid. What it shows is a pattern without a code.
const VIVID: &str = "vivid";
/// One capture node, and its input one of a kind whose size is free.
const VIVID_PARAMETERS: &str = "n_devs=1 node_types=0x1 num_inputs=1 input_types=3";
const VIVID_BLOCK: &str = "[[reader]]\nname = \"vivid\"\nkind = \"camera\"\ndirection = \"in\"\ncard = \"vivid-000-vid-cap\"\nwidth = 500\nheight = 301\n";

#[test]
fn a_camera_with_sizes_in_steps_is_lost_while_it_is_read_and_comes_back() {
    const TEST: &str =
        "camera::a_camera_with_sizes_in_steps_is_lost_while_it_is_read_and_comes_back";
    let Some(ground) = ground_with(TEST, VIVID) else {
        return;
    };
    let load = ("/run/kiosk", |vm: &mut Vm| vm.load(VIVID, VIVID_PARAMETERS));
    let mut stage = Stage::set(&ground, VIVID, 1, (&[], &[]), load, VIVID_BLOCK);
    stage.start(&[], None);
    stage.wait_attached(VIVID, true);
    // The driver answers everything with ENODEV until nobody holds its device any more, as at an unplug.
    let since = stage.vm.clock();
    let camera = env!("CARGO_BIN_EXE_hil-camera");
    stage
        .vm
        .run(&[camera, "press", "/dev/video0", "Disconnect"]);
    let log = || std::fs::read_to_string(stage.vm.shared("kiosk.log")).unwrap();
    let attached = || log().matches("state=Attached").count();
    assert!(soon(PATIENCE, || attached() == 2), "{}", log());
    let took = stage.vm.clock().saturating_sub(since);
    println!("camera: back {took:.1?} after it was lost while it was read");
    stage.stop();
    let archive = stage.export();
    assert_eq!(
        states(&archive, VIVID),
        [
            ReaderState::Attached,
            ReaderState::Lost,
            ReaderState::Attached
        ]
    );
    let log = std::fs::read_to_string(stage.vm.shared("kiosk.log")).unwrap();
    // The largest on its grid of two pixels that is at most 500 by 301.
    assert!(log.contains("grey 500x300"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(ways(&stage), (0, 2), "{log}");
}
