//! Cables come loose: scanners are pulled and plugged in again under a storm of scans, and ports are swapped.
//!
//! What a scanner sent and the door answered is in the journal once; what was on its way when the cable was pulled is there once or not at
//! all; half a code is never there. A scanner is back within two seconds of its node, under its own name.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_tests::hil::stage::{self, SERIAL_MODULES, SerialScanner, Stage};
use rollcall_tests::hil::usb::{
    GADGET_LINE, GADGET_MODULES, GADGET_SCANNER, Gadget, SCANNER, scanned,
};
use rollcall_tests::hil::vm::Vm;
use rollcall_tests::hil::wire::{Do, HidDevice};
use rollcall_tests::random::Random;
use rollcall_tests::world::person;

use crate::{ground, times};

/// How soon a reader has to be back.
const BACK_WITHIN: Duration = Duration::from_secs(2);
/// Attendees; other codes are visitors'.
const PEOPLE: usize = 200;
/// At most so many codes of one reader at once.
const AT_ONCE: u64 = 4;
/// How long no answer may come before all have.
const QUIET: Duration = Duration::from_secs(2);
const SIGSTOP: i32 = 19;
const SIGCONT: i32 = 18;

const STORM: &str = r#"
[[reader]]
name = "left"
kind = "serial"
direction = "in"
vendor = 0x0403
product = 0x6001
serial = "L1"

[[reader]]
name = "right"
kind = "serial"
direction = "out"
vendor = 0x0403
product = 0x6001
serial = "R1"

[[reader]]
name = "scanner"
kind = "hid"
vendor = 0x05e0
product = 0x1300

[[reader]]
name = "line"
kind = "serial"
vendor = 0x05e0
product = 0x1300
"#;

/// What becomes of a code that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is there, once.
    Once,
    /// It was on its way when the cable was pulled.
    AtMostOnce,
    /// Half of it was sent.
    Never,
}

struct Storm {
    stage: Stage,
    left: Option<SerialScanner>,
    right: SerialScanner,
    gadget: Gadget,
    sent: Vec<(&'static str, String, Fate)>,
    random: Random,
}

impl Storm {
    fn begin(mut stage: Stage) -> Self {
        let vm = &mut stage.vm;
        let left = Some(SerialScanner::plug(vm, 0, "L1", 1));
        vm.wait_for("/dev/ttyUSB0", true);
        let right = SerialScanner::plug(vm, 1, "R1", 2);
        let gadget = Gadget::describe(vm);
        gadget.plug(vm);
        for reader in ["left", "right", "scanner", "line"] {
            stage.wait_attached(reader, true);
        }
        Self {
            stage,
            left,
            right,
            gadget,
            sent: Vec::new(),
            random: Random::announced("plugs"),
        }
    }

    fn fresh(&mut self, reader: &'static str, fate: Fate) -> String {
        let number = self.sent.len();
        let code = if number.is_multiple_of(3) && number / 3 < PEOPLE {
            person(number / 3)
        } else {
            format!("VISITOR-{number:06}")
        };
        self.sent.push((reader, code.clone(), fate));
        code
    }

    fn scan(&mut self, reader: &'static str, fate: Fate) {
        let code = self.fresh(reader, fate);
        let write = |path: &str, bytes: &[u8]| Do::Write {
            path: path.to_owned(),
            hex: hex::encode(bytes),
        };
        match reader {
            "left" => self.left.as_ref().unwrap().scan(&code),
            "right" => self.right.scan(&code),
            "scanner" => self.stage.vm.done(write(GADGET_SCANNER, &scanned(&code))),
            _ => {
                let bytes = format!("{code}\r").into_bytes();
                self.stage.vm.done(write(GADGET_LINE, &bytes));
            }
        }
    }

    /// Scans on some readers at random. Gives how many codes.
    fn burst(&mut self, readers: &[&'static str], fate: Fate) -> usize {
        let mut count = 0;
        for _ in 0..=self.random.below(AT_ONCE) {
            for reader in readers {
                self.scan(reader, fate);
                count += 1;
            }
        }
        count
    }

    fn await_answers(&mut self, count: usize) {
        for _ in 0..count {
            self.stage.answer();
        }
    }

    /// Pulls and plugs once. Gives how long the readers took to be back after their node was.
    fn cycle(&mut self, number: usize) -> Duration {
        const ALL: [&str; 4] = ["left", "right", "scanner", "line"];
        let is_left = number.is_multiple_of(2);
        let (pulled, others): (&[&'static str], &[&'static str]) = if is_left {
            (&["left"], &["right", "scanner", "line"])
        } else {
            (&["scanner", "line"], &["left", "right"])
        };
        let count = self.burst(&ALL, Fate::Once);
        self.await_answers(count);
        let is_sudden = self.random.below(2) == 0;
        if is_sudden {
            self.burst(pulled, Fate::AtMostOnce);
            if let Some(left) = self.left.as_ref().filter(|_| is_left) {
                let number = self.sent.len();
                let half = format!("HALF-{number:06}");
                left.send(&half);
                self.sent.push(("left", half, Fate::Never));
            }
        }
        if is_left {
            self.left.take().unwrap().pull(&mut self.stage.vm);
        } else {
            self.gadget.pull(&mut self.stage.vm);
        }
        self.burst(others, Fate::Once);
        for reader in pulled {
            self.stage.wait_attached(reader, false);
        }
        // What was on its way has arrived by now or never will, and the answers to what was scanned meanwhile are read.
        self.stage.until_quiet(Duration::from_millis(300));
        let nodes: &[&str] = if is_left {
            self.left = Some(SerialScanner::plug(&mut self.stage.vm, 0, "L1", 1));
            &["/dev/ttyUSB0"]
        } else {
            self.gadget.plug(&mut self.stage.vm);
            &["/dev/ttyACM0", "/dev/hidraw0"]
        };
        for node in nodes {
            self.stage.vm.wait_for(node, true);
        }
        let since = self.stage.vm.clock();
        for reader in pulled {
            self.stage.wait_attached(reader, true);
        }
        self.stage.vm.clock().saturating_sub(since)
    }

    /// Holds what was sent against the journal.
    fn check(mut self) {
        self.stage.until_quiet(QUIET);
        self.stage.stop();
        let archive = self.stage.export();
        let badges = self.stage.kiosk().enrolment().badge_key;
        let mut seen: BTreeMap<_, usize> = BTreeMap::new();
        for scan in archive.scans(0) {
            *seen.entry((scan.reader, scan.badge)).or_default() += 1;
        }
        let mut arrived = 0;
        let mut faults = Vec::new();
        for (reader, code, fate) in &self.sent {
            let times = seen.remove(&((*reader).to_owned(), badges.digest(code)));
            let times = times.unwrap_or_default();
            arrived += usize::from(*fate == Fate::AtMostOnce) * times;
            let is_good = match fate {
                Fate::Once => times == 1,
                Fate::AtMostOnce => times <= 1,
                Fate::Never => times == 0,
            };
            if !is_good {
                faults.push(format!(
                    "{code} of {reader} is there {times} times: {fate:?}"
                ));
            }
        }
        let count = |fate| self.sent.iter().filter(|sent| sent.2 == fate).count();
        println!(
            "plugs: {} codes whole, {arrived} of {} that were on their way, none of {} halves",
            count(Fate::Once),
            count(Fate::AtMostOnce),
            count(Fate::Never)
        );
        assert_eq!(faults, [""; 0]);
        assert!(seen.is_empty(), "nobody sent {seen:?}");
    }
}

#[test]
fn scanners_pulled_in_a_storm_lose_and_double_nothing() {
    let Some(ground) = ground("plugs::scanners_pulled_in_a_storm_lose_and_double_nothing") else {
        return;
    };
    let lines = stage::lines(2);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let modules = [&SERIAL_MODULES[..], &GADGET_MODULES].concat();
    let nothing = ("/run/kiosk", |_: &mut Vm| {});
    let hardware = (&lines[..], &modules[..]);
    let mut stage = Stage::set(&ground, "plugs", PEOPLE, hardware, nothing, STORM);
    stage.start(&[], None);
    let mut storm = Storm::begin(stage);
    let mut took: Vec<Duration> = (0..times(6, 50)).map(|n| storm.cycle(n)).collect();
    took.sort();
    println!(
        "plugs: {} cycles, back after {:.1?} at the median, {:.1?} at most",
        took.len(),
        took[took.len() / 2],
        took.last().unwrap()
    );
    let is_late = took.last().is_some_and(|longest| *longest > BACK_WITHIN);
    storm.check();
    assert!(!is_late, "a reader came back too late: {took:?}");
}

const SWAPPED: &str = r#"
[[reader]]
name = "left"
kind = "serial"
direction = "in"
vendor = 0x0403
product = 0x6001
serial = "L1"

[[reader]]
name = "right"
kind = "serial"
direction = "out"
vendor = 0x0403
product = 0x6001
serial = "R1"

[[reader]]
name = "first"
kind = "serial"
direction = "in"
vendor = 0x0403
product = 0x6001
serial = "SAME"
port = "1-1"

[[reader]]
name = "second"
kind = "serial"
direction = "out"
vendor = 0x0403
product = 0x6001
serial = "SAME"
port = "1-2"

[[reader]]
name = "point-of-sale"
kind = "hid"
vendor = 0x1234
product = 0x8c02
"#;

/// Orders in which scanners are plugged in: the serial number, the port, and the reader that it has to be. A later one has the higher node.
const ORDERS: [[(&str, u32, &str); 2]; 4] = [
    [("L1", 1, "left"), ("R1", 2, "right")],
    [("R1", 1, "right"), ("L1", 2, "left")],
    [("SAME", 1, "first"), ("SAME", 2, "second")],
    [("SAME", 2, "second"), ("SAME", 1, "first")],
];

#[test]
fn names_follow_the_scanner_and_what_it_sent_outlives_it() {
    let Some(ground) = ground("plugs::names_follow_the_scanner_and_what_it_sent_outlives_it")
    else {
        return;
    };
    let lines = stage::lines(2);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let modules = [&SERIAL_MODULES[..], &["uhid", "hid_generic"]].concat();
    let nothing = ("/run/kiosk", |_: &mut Vm| {});
    let hardware = (&lines[..], &modules[..]);
    let mut stage = Stage::set(&ground, "swap", 40, hardware, nothing, SWAPPED);
    stage.start(&[], None);

    let mut people = 0..;
    for order in ORDERS {
        let mut plugged = Vec::new();
        for (line, (serial, port, reader)) in order.into_iter().enumerate() {
            let scanner = SerialScanner::plug(&mut stage.vm, line, serial, port);
            stage.vm.wait_for(&format!("/dev/ttyUSB{line}"), true);
            plugged.push((reader, scanner));
        }
        for (reader, scanner) in &plugged {
            let verdict = match *reader {
                "left" | "first" => "checked_in",
                _ => "checked_out",
            };
            stage.wait_attached(reader, true);
            scanner.scan(&person(people.next().unwrap()));
            let answer = stage.answer();
            assert_eq!(
                (answer.reader.as_str(), answer.verdict.as_str()),
                (*reader, verdict)
            );
        }
        for (reader, scanner) in plugged {
            scanner.pull(&mut stage.vm);
            stage.wait_attached(reader, false);
        }
    }

    // A daemon that is held up for a moment still reads what a scanner had sent before it was pulled.
    let device = HidDevice {
        name: "Scanner".to_owned(),
        vendor: 0x1234,
        product: 0x8c02,
        serial: "POS1".to_owned(),
        descriptor_hex: hex::encode(SCANNER),
    };
    let name = device.name.clone();
    stage.vm.done(Do::Plug(device));
    stage.wait_attached("point-of-sale", true);
    stage.signal(SIGSTOP);
    let codes: Vec<String> = people.take(5).map(person).collect();
    stage.vm.done(Do::Report {
        name: name.clone(),
        hex: codes
            .iter()
            .map(|code| hex::encode(scanned(code)))
            .collect(),
        gap_ms: 0,
    });
    stage.vm.done(Do::Unplug(name));
    stage.signal(SIGCONT);
    for _ in &codes {
        assert_eq!(stage.answer().reader, "point-of-sale");
    }
}
