//! Each kind of scanner, on the kernel's own drivers: plugged in, read from, pulled out, and read from again.

use rollcall_tests::hil::stage::{self, SERIAL_MODULES, SerialScanner, Stage};
use rollcall_tests::hil::usb::{
    GADGET_LINE, GADGET_MODULES, GADGET_SCANNER, Gadget, KEYBOARD, SCANNER, scanned, typed,
    typed_czech, typed_german,
};
use rollcall_tests::hil::vm::Vm;
use rollcall_tests::hil::wire::{Do, HidDevice};
use rollcall_tests::world::person;

use crate::ground;

const READERS: &str = r#"
[[reader]]
name = "ftdi"
kind = "serial"
direction = "in"
vendor = 0x0403
product = 0x6001
serial = "FT1"

[[reader]]
name = "point-of-sale"
kind = "hid"
direction = "in"
vendor = 0x1234
product = 0x8c02
serial = "POS1"

[[reader]]
name = "wedge"
kind = "hid"
direction = "in"
vendor = 0x1234
product = 0x0106
layout = "keyboard"

[[reader]]
name = "wedge-german"
kind = "hid"
direction = "in"
vendor = 0x1234
product = 0x0107
keyboard = "de"

[[reader]]
name = "wedge-czech"
kind = "hid"
direction = "in"
vendor = 0x1234
product = 0x0108
keyboard = "cz"

[[reader]]
name = "composite-scanner"
kind = "hid"
direction = "in"
vendor = 0x05e0
product = 0x1300
layout = "pos"

[[reader]]
name = "composite-line"
kind = "serial"
direction = "in"
vendor = 0x05e0
product = 0x1300
"#;

/// The pause between two reports of a keyboard, in milliseconds.
const KEYS_GAP_MS: u64 = 2;

fn played(name: &str, product: u32, serial: &str, descriptor: &[u8]) -> HidDevice {
    HidDevice {
        name: name.to_owned(),
        vendor: 0x1234,
        product,
        serial: serial.to_owned(),
        descriptor_hex: hex::encode(descriptor),
    }
}

/// Writes to a node of the guest.
fn write(vm: &mut Vm, path: &str, bytes: &[u8]) {
    vm.done(Do::Write {
        path: path.to_owned(),
        hex: hex::encode(bytes),
    });
}

/// A scanner that a test plugs, uses and pulls.
enum Hardware {
    Serial(Option<SerialScanner>),
    Hid(HidDevice, fn(&str) -> Vec<Vec<u8>>),
    /// The gadget's node that a code is written to, and how.
    Composite(Gadget, &'static str, fn(&str) -> Vec<u8>),
}

impl Hardware {
    fn plug(&mut self, vm: &mut Vm) {
        match self {
            Self::Serial(plugged) => *plugged = Some(SerialScanner::plug(vm, 0, "FT1", 1)),
            Self::Hid(device, _) => vm.done(Do::Plug(device.clone())),
            Self::Composite(gadget, ..) => gadget.plug(vm),
        }
    }

    fn scan(&self, vm: &mut Vm, code: &str) {
        match self {
            Self::Serial(plugged) => plugged.as_ref().unwrap().scan(code),
            Self::Hid(device, reports) => {
                let hex = reports(code).iter().map(hex::encode).collect();
                let name = device.name.clone();
                let gap_ms = KEYS_GAP_MS;
                vm.done(Do::Report { name, hex, gap_ms });
            }
            Self::Composite(_, node, bytes) => write(vm, node, &bytes(code)),
        }
    }

    fn pull(&mut self, vm: &mut Vm) {
        match self {
            Self::Serial(plugged) => plugged.take().unwrap().pull(vm),
            Self::Hid(device, _) => vm.done(Do::Unplug(device.name.clone())),
            Self::Composite(gadget, ..) => gadget.pull(vm),
        }
    }
}

#[test]
fn every_kind_of_scanner_is_read_and_found_again() {
    let Some(ground) = ground("readers::every_kind_of_scanner_is_read_and_found_again") else {
        return;
    };
    let lines = stage::lines(1);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let modules = [&SERIAL_MODULES[..], &["uhid", "evdev"], &GADGET_MODULES].concat();
    let nothing = ("/run/kiosk", |_: &mut Vm| {});
    let mut stage = Stage::set(&ground, "hil", 60, (&lines, &modules), nothing, READERS);
    stage.start(&[], None);

    let one_report = |code: &str| vec![scanned(code)];
    let pos = played("Scanner", 0x8c02, "POS1", SCANNER);
    let keys = |product| played("Keyboard", product, "KEY1", KEYBOARD);
    let as_line = |code: &str| format!("{code}\r").into_bytes();
    let gadget = Gadget::describe(&mut stage.vm);
    let hardware: [(&str, Hardware); 7] = [
        ("ftdi", Hardware::Serial(None)),
        ("point-of-sale", Hardware::Hid(pos, one_report)),
        ("wedge", Hardware::Hid(keys(0x0106), typed)),
        ("wedge-german", Hardware::Hid(keys(0x0107), typed_german)),
        ("wedge-czech", Hardware::Hid(keys(0x0108), typed_czech)),
        (
            "composite-scanner",
            Hardware::Composite(gadget, GADGET_SCANNER, scanned),
        ),
        (
            "composite-line",
            Hardware::Composite(gadget, GADGET_LINE, as_line),
        ),
    ];
    let mut expected = Vec::new();
    for (reader, mut hardware) in hardware {
        for plugged in 0..2 {
            assert_ne!(stage.state(reader), "attached", "{reader}");
            hardware.plug(&mut stage.vm);
            let took = stage.wait_attached(reader, true);
            for _ in 0..2 {
                let code = person(expected.len());
                hardware.scan(&mut stage.vm, &code);
                let answer = stage.answer();
                assert!(answer.is_green(), "{answer:?}");
                assert_eq!(answer.reader, reader);
                expected.push((reader.to_owned(), code));
            }
            hardware.pull(&mut stage.vm);
            stage.wait_attached(reader, false);
            println!("{reader}: attached {took:.1?} after plug {plugged}");
        }
    }
    stage.stop();
    let archive = stage.export();
    let badges = stage.kiosk().enrolment().badge_key;
    let seen: Vec<_> = archive
        .scans(0)
        .into_iter()
        .map(|scan| (scan.reader, scan.badge))
        .collect();
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(reader, code)| (reader, badges.digest(&code)))
        .collect();
    assert_eq!(seen, expected);
}
