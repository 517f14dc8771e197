//! The board's lines on the kernel's own simulated chip: lights, buzzer and gate follow a scan, switches are journalled, and whatever ends the
//! daemon, the outputs come to rest.

use kiosk::gpio::contract::LINES;
use protocol::entry::{Body, parse};
use rollcall_tests::hil::PATIENCE;
use rollcall_tests::hil::lines::{Chip, LINES_MODULE};
use rollcall_tests::hil::stage::Stage;
use rollcall_tests::hil::vm::Vm;
use rollcall_tests::hil::wire::{Do, Outcome, SHARED};
use rollcall_tests::programs::{program, soon};
use rollcall_tests::skip::skip;
use rollcall_tests::world::{person, text};

use crate::ground;

const SCANNER: &str = "/run/scanner";
const LABEL: &str = "door";
const SIGKILL: i32 = 9;

const GREEN: u32 = 0;
const ATTENTION: u32 = 1;
/// A low line lights it, and it is left lit.
const FAILURE: u32 = 2;
const BUZZER: u32 = 3;
const GATE: u32 = 4;
const BUTTON: u32 = 5;
const LID: u32 = 6;
/// All that are driven, each with whether it is high at rest.
const AT_REST: [(u32, bool); 5] = [
    (GREEN, false),
    (ATTENTION, false),
    (FAILURE, false),
    (BUZZER, false),
    (GATE, false),
];

const BLOCKS: &str = r#"
[[reader]]
name = "main"
kind = "lines"
path = "/run/scanner"

[gpio]
chip = "door"
[[gpio.light]]
name = "green"
line = 0
show = ["ready", "in", "out"]
[[gpio.light]]
name = "attention"
line = 1
[[gpio.light]]
name = "failure"
line = 2
active_low = true
lit_at_rest = true
[gpio.buzzer]
kind = "active"
line = 3
[[gpio.relay]]
name = "gate"
line = 4
pulse_ms = 8000
[gpio.button]
line = 5
debounce_ms = 20
[[gpio.tamper]]
name = "lid"
line = 6
debounce_ms = 20
"#;

fn scan(vm: &mut Vm, code: &str) {
    vm.done(Do::Write {
        path: SCANNER.to_owned(),
        hex: hex::encode(format!("{code}\n")),
    });
}

/// Runs the kiosk's program and gives what it printed, however it ended.
fn kiosk(vm: &mut Vm, words: &[&str]) -> String {
    let mut all = vec![text(&program("rollcall-kiosk"))];
    all.extend(words.iter().map(|word| (*word).to_owned()));
    all.extend(["--config".to_owned(), format!("{SHARED}/kiosk.toml")]);
    match vm.ask(Do::Run(all)) {
        Outcome::Ended { out, err, .. } => format!("{out}{err}"),
        other => panic!("{words:?}: {other:?}"),
    }
}

/// Whether each output is at rest, as the far end sees it.
fn at_rest(vm: &mut Vm, chip: &Chip) -> Vec<(u32, bool)> {
    let outputs = AT_REST.map(|(line, _)| line);
    outputs.map(|line| (line, chip.is_high(vm, line))).to_vec()
}

/// The tamper switch in the daemon's own words.
fn lid_is_open(stage: &mut Stage) -> Option<bool> {
    stage.status()?["gpio"]["tampers"][0]["open"].as_bool()
}

#[track_caller]
fn await_lid(stage: &mut Stage, open: bool) {
    let came = soon(PATIENCE, || lid_is_open(stage) == Some(open));
    assert!(came, "{:?}\n{}", stage.status(), stage.vm.logs());
}

#[test]
fn lights_follow_scans_and_come_to_rest() {
    const TEST: &str = "gpio::lights_follow_scans_and_come_to_rest";
    let Some(ground) = ground(TEST) else {
        return;
    };
    if let Some(missing) = ground.lacks(LINES_MODULE) {
        skip(TEST, &missing);
        return;
    }
    let lines = env!("CARGO_BIN_EXE_hil-lines");
    let mut chip = None;
    let prepare = |vm: &mut Vm| {
        chip = Some(Chip::make(vm, LABEL, 16));
        vm.run(&["mkfifo", SCANNER]);
    };
    let mut stage = Stage::set(
        &ground,
        "gpio",
        20,
        (&[], &[]),
        ("/run/kiosk", prepare),
        BLOCKS,
    );
    let chip = chip.unwrap();
    assert!(LINES.len() <= 16);
    stage
        .vm
        .run(&[lines, "contract", &chip.device, &chip.folder]);
    println!("the kernel's own lines hold to the contract");
    // As a board is to be wired: this chip lets a line that is given back follow its pull.
    for (line, _) in AT_REST {
        chip.drive(&mut stage.vm, line, false);
    }

    let doctor = kiosk(&mut stage.vm, &["doctor"]);
    assert!(
        doctor.contains("gpio relay \"gate\": line 4 is free"),
        "{doctor}"
    );
    chip.watch(&mut stage.vm, lines, &AT_REST.map(|(line, _)| line));
    stage.start(&[], None);
    // Dark: the failure light is held off while the daemon lives.
    chip.await_level(&mut stage.vm, FAILURE, true);
    assert!(soon(PATIENCE, || chip.is_high(&mut stage.vm, GREEN)));
    let doctor = kiosk(&mut stage.vm, &["doctor"]);
    assert!(doctor.contains("held by the daemon"), "{doctor}");

    // Held up by its pull, the switch is open; then the lid is closed, opened and closed.
    await_lid(&mut stage, true);
    for open in [false, true, false] {
        chip.drive(&mut stage.vm, LID, open);
        await_lid(&mut stage, open);
    }

    chip.forget(&mut stage.vm);
    scan(&mut stage.vm, &person(1));
    assert!(stage.answer().is_green());
    for (line, high) in [(BUZZER, true), (BUZZER, false)] {
        chip.await_level(&mut stage.vm, line, high);
    }
    assert!(chip.is_high(&mut stage.vm, GATE), "{}", stage.vm.logs());
    chip.await_level(&mut stage.vm, GATE, false);
    scan(&mut stage.vm, "NOBODYS-BADGE");
    assert_eq!(stage.answer().verdict, "unknown_badge");
    for high in [true, false, true] {
        chip.await_level(&mut stage.vm, ATTENTION, high);
    }
    assert!(!chip.is_high(&mut stage.vm, GATE));

    // Pressed and let go: the door is for people who come in.
    for pressed in [true, false] {
        chip.drive(&mut stage.vm, BUTTON, !pressed);
        stage.vm.rest(std::time::Duration::from_millis(300));
    }

    // Ended while the gate is open.
    scan(&mut stage.vm, &person(2));
    assert!(stage.answer().is_green());
    chip.await_level(&mut stage.vm, GATE, true);
    stage.stop();
    assert_eq!(at_rest(&mut stage.vm, &chip), AT_REST);

    // Killed while the gate is open: what the kernel does then is the driver's affair, what systemd runs then is ours.
    stage.start(&[], None);
    scan(&mut stage.vm, &person(3));
    assert!(stage.answer().is_green());
    chip.await_level(&mut stage.vm, GATE, true);
    stage.signal(SIGKILL);
    stage.vm.ask(Do::AwaitEnd("kiosk".to_owned()));
    println!(
        "killed, gpio-sim leaves {:?}",
        at_rest(&mut stage.vm, &chip)
    );
    let said = kiosk(&mut stage.vm, &["gpio", "rest"]);
    assert!(said.contains("5 outputs are at rest"), "{said}");
    assert_eq!(at_rest(&mut stage.vm, &chip), AT_REST);

    let archive = stage.export();
    let mut codes = Vec::new();
    for line in archive.lines(0) {
        match parse(line).unwrap().body {
            Body::Note(note) => codes.push(note.code),
            Body::Staff(staff) => codes.push(staff.action),
            _ => {}
        }
    }
    let first: Vec<&str> = codes.iter().take(5).map(String::as_str).collect();
    let expected = [
        "tamper_opened",
        "tamper_closed",
        "tamper_opened",
        "tamper_closed",
        "direction_in",
    ];
    assert_eq!(first, expected, "{codes:?}");
}
