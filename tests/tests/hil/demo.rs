//! The demo on a machine with a camera: started as people start it, with a badge of its own sheet held before the camera.

use std::time::Duration;

use rollcall_tests::hil::PATIENCE;
use rollcall_tests::hil::vm::Vm;
use rollcall_tests::hil::wire::{Do, SHARED};
use rollcall_tests::programs::{program, soon};
use rollcall_tests::skip::skip;
use vision::testing::Picture;
use vision::{Layout, Pixels};

use crate::ground;

const MODULE: &str = "v4l2loopback";
const PARAMETERS: &str = "devices=1 video_nr=0 card_label=Laptop\\ Camera exclusive_caps=1";
const WIDTH: usize = 640;
const HEIGHT: usize = 480;
/// How long the demo may take to be set up in an emulator.
const SET_UP_WITHIN: Duration = Duration::from_secs(180);

/// The sheet's first code as a camera sees it, and what it says.
fn badge(sheet: &str) -> (Vec<u8>, String) {
    let (_, card) = sheet.split_once("<path fill=\"#000\" d=\"M").unwrap();
    let (path, rest) = card.split_once('"').unwrap();
    let (_, text) = rest.split_once("<code>").unwrap();
    let (text, _) = text.split_once('<').unwrap();
    let mut grey = vec![200; WIDTH * HEIGHT];
    let mut fill = |(x, y): (usize, usize), (across, down): (usize, usize), value| {
        for row in y..y + down {
            grey[row * WIDTH + x..][..across].fill(value);
        }
    };
    let (left, top) = (200, 120);
    fill((left, top), (220, 220), 255);
    for module in path.split('M') {
        let (x, rest) = module.split_once(' ').unwrap();
        let (y, rest) = rest.split_once('h').unwrap();
        let (across, rest) = rest.split_once('v').unwrap();
        let (down, _) = rest.split_once('H').unwrap();
        let [x, y, across, down] = [x, y, across, down].map(|n| n.parse::<usize>().unwrap());
        fill((left + x, top + y), (across, down), 0);
    }
    (grey, text.to_owned())
}

fn start(vm: &mut Vm, name: &str, words: &[&str]) {
    vm.done(Do::Start {
        name: name.to_owned(),
        words: words.iter().map(|&word| word.to_owned()).collect(),
        environment: Vec::new(),
        acknowledge: None,
    });
}

#[test]
fn the_demo_reads_its_own_sheet_by_the_camera() {
    const TEST: &str = "demo::the_demo_reads_its_own_sheet_by_the_camera";
    let Some(ground) = ground(TEST) else {
        return;
    };
    if let Some(missing) = ground.lacks(MODULE) {
        skip(TEST, &missing);
        return;
    }
    let mut vm = Vm::boot(&ground, &[], &["videodev"]);
    vm.load(MODULE, PARAMETERS);
    vm.done(Do::Mount {
        source: "devpts".to_owned(),
        at: "/dev/pts".to_owned(),
        kind: "devpts".to_owned(),
    });
    let demo = program("rollcall");
    // A terminal at which nobody types.
    let line = format!(
        "tail -f /dev/null | {} demo --camera --folder /run/demo",
        demo.display()
    );
    start(&mut vm, "demo", &["/bin/sh", "-c", &line]);
    let mut said = Vec::new();
    let is_up = soon(SET_UP_WITHIN, || {
        said.extend(vm.line_within("demo", Duration::from_secs(1)));
        said.iter().any(|line| line.contains("Camera "))
    });
    assert!(is_up, "{said:?}\n{}", vm.logs());

    vm.run(&["cp", "/run/demo/badges.html", SHARED]);
    let sheet = std::fs::read_to_string(vm.shared("badges.html")).unwrap();
    let (grey, text) = badge(&sheet);
    let layout = Layout {
        pixels: Pixels::Yuyv,
        width: WIDTH,
        height: HEIGHT,
        stride: Pixels::Yuyv.row_bytes(WIDTH),
    };
    let picture = Picture {
        width: WIDTH,
        height: HEIGHT,
        pixels: grey,
    };
    std::fs::write(vm.shared("badge.frame"), picture.laid(&layout)).unwrap();
    let file = format!("{SHARED}/badge.frame");
    let (width, height) = (WIDTH.to_string(), HEIGHT.to_string());
    let words = [
        env!("CARGO_BIN_EXE_hil-camera"),
        "/dev/video0",
        "YUYV",
        &width,
        &height,
        &file,
    ];
    start(&mut vm, "laptop", &words);

    let mut answers = Vec::new();
    let is_read = soon(PATIENCE, || {
        answers.extend(vm.line_within("demo", Duration::from_secs(1)));
        answers
            .iter()
            .any(|line| line.trim_start().starts_with("camera "))
    });
    assert!(is_read, "{text}: {answers:?}\n{}", vm.logs());
    let answer = answers.last().unwrap();
    assert!(
        answer.contains("Ada"),
        "the sheet's first badge is hers: {answer}"
    );
    println!("demo: {answer}");
}
