//! Scanners as the kernel sees them: report descriptors, reports, and a composite USB device of its own gadget driver.
//!
//! Sources of the numbers: HID Usage Tables 1.4 (keyboard), HID Point of Sale Usage Tables 1.02 (scanner).

use super::vm::Vm;
use super::wire::Do;

/// A point-of-sale scanner: report id 2, byte count, three characters of symbology, 56 bytes of data, a flag for more.
pub const SCANNER: &[u8] = &[
    0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, // Bar code scanner
    0x09, 0x12, 0xa1, 0x02, 0x85, 0x02, // Scanned data report, id 2
    0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, // Bytes
    0x95, 0x01, 0x05, 0x01, 0x09, 0x3b, 0x81, 0x02, // Byte count
    0x95, 0x03, 0x05, 0x8c, 0x09, 0xfb, 0x09, 0xfc, 0x09, 0xfd, 0x81, 0x02, // Symbology
    0x95, 0x38, 0x09, 0xfe, 0x82, 0x02, 0x01, // Data
    0x95, 0x01, 0x75, 0x01, 0x25, 0x01, 0x09, 0xff, 0x81, 0x02, // More follows
    0x75, 0x07, 0x81, 0x03, // Padding
    0xc0, 0xc0,
];

/// Bytes of data in one report of [`SCANNER`].
const DATA_BYTES: usize = 56;

/// A keyboard as the boot protocol has it: modifiers, a reserved byte, six keys.
pub const KEYBOARD: &[u8] = &[
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, // Keyboard
    0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01, // Modifiers, a bit each
    0x75, 0x01, 0x95, 0x08, 0x81, 0x02, // Input
    0x75, 0x08, 0x95, 0x01, 0x81, 0x03, // Reserved
    0x95, 0x06, 0x26, 0xff, 0x00, 0x19, 0x00, 0x2a, 0xff, 0x00, 0x81, 0x00, // Six keys
    0xc0,
];

/// The report of one code by [`SCANNER`].
///
/// # Panics
/// Where the code does not fit.
pub fn scanned(code: &str) -> Vec<u8> {
    assert!(code.len() <= DATA_BYTES, "{code} does not fit one report");
    let mut report = vec![2, u8::try_from(code.len()).expect("it fits")];
    report.extend(b"]Q1");
    report.extend(code.as_bytes());
    report.resize(5 + DATA_BYTES, 0);
    report.push(0);
    report
}

/// The reports of [`KEYBOARD`] for a code and the Enter key, each key pressed and released, as keys lie on a US keyboard.
pub fn typed(code: &str) -> Vec<Vec<u8>> {
    keys(code, us_key)
}

/// The same as a scanner sends it that is set to a German keyboard: Y and Z change places, and the hyphen is elsewhere.
pub fn typed_german(code: &str) -> Vec<Vec<u8>> {
    keys(code, german_key)
}

/// The same for a Czech keyboard, whose digits need the shift key.
pub fn typed_czech(code: &str) -> Vec<Vec<u8>> {
    keys(code, |character| match german_key(character) {
        (_, key) if character.is_ascii_digit() => (true, key),
        other => other,
    })
}

fn keys(code: &str, key: impl Fn(char) -> (bool, u8)) -> Vec<Vec<u8>> {
    let mut reports = Vec::new();
    for character in code.chars().chain(['\n']) {
        let (shift, key) = key(character);
        reports.push(vec![if shift { 0x02 } else { 0 }, 0, key, 0, 0, 0, 0, 0]);
        reports.push(vec![0; 8]);
    }
    reports
}

/// Whether a character needs the shift key, and the usage of its key.
fn us_key(character: char) -> (bool, u8) {
    let of_letter = |letter: char| 0x04 + u8::try_from(letter).expect("it is ASCII") - b'a';
    match character {
        'a'..='z' => (false, of_letter(character)),
        'A'..='Z' => (true, of_letter(character.to_ascii_lowercase())),
        '1'..='9' => (
            false,
            0x1e + u8::try_from(character).expect("it is ASCII") - b'1',
        ),
        '0' => (false, 0x27),
        '\n' => (false, 0x28),
        '-' => (false, 0x2d),
        other => panic!("no key for {other:?}"),
    }
}

fn german_key(character: char) -> (bool, u8) {
    match character {
        'y' | 'Y' => (character == 'Y', us_key('z').1),
        'z' | 'Z' => (character == 'Z', us_key('y').1),
        '-' => (false, 0x38),
        other => us_key(other),
    }
}

/// Where the kernel's gadgets are described.
const GADGETS: &str = "/sys/kernel/config/usb_gadget";
/// The controller that a gadget is plugged into.
const CONTROLLER: &str = "dummy_udc.0";

/// Vendor and product id of the [`Gadget`].
pub const GADGET_IDS: (u16, u16) = (0x05e0, 0x1300);
/// Modules that a gadget needs on both of its sides.
pub const GADGET_MODULES: [&str; 7] = [
    "libcomposite",
    "usb_f_hid",
    "usb_f_acm",
    "dummy_hcd",
    "usbhid",
    "hid_generic",
    "cdc_acm",
];
/// Where the gadget's scanner is told what to report.
pub const GADGET_SCANNER: &str = "/dev/hidg0";
/// The far end of the gadget's serial line.
pub const GADGET_LINE: &str = "/dev/ttyGS0";

/// One USB device with two interfaces, as vendors build them: a point-of-sale scanner and a serial line.
#[derive(Debug, Clone, Copy)]
pub struct Gadget;

impl Gadget {
    /// Describes it to the guest's kernel; it is not plugged in yet.
    ///
    /// # Panics
    /// Where the guest refuses.
    pub fn describe(vm: &mut Vm) -> Self {
        vm.done(Do::Mount {
            source: "config".to_owned(),
            at: "/sys/kernel/config".to_owned(),
            kind: "configfs".to_owned(),
        });
        let gadget = format!("{GADGETS}/scanner");
        let folder = |name: &str| Do::MakeFolder(format!("{gadget}/{name}"));
        let file = |name: &str, bytes: &[u8]| Do::Write {
            path: format!("{gadget}/{name}"),
            hex: hex::encode(bytes),
        };
        let link = |function: &str| Do::Link {
            to: format!("{gadget}/functions/{function}"),
            at: format!("{gadget}/configs/c.1/{function}"),
        };
        let report_bytes = scanned("").len().to_string();
        let (vendor, product) = GADGET_IDS;
        let steps = [
            Do::MakeFolder(gadget.clone()),
            file("idVendor", format!("{vendor:#06x}").as_bytes()),
            file("idProduct", format!("{product:#06x}").as_bytes()),
            folder("strings/0x409"),
            file("strings/0x409/serialnumber", b"GADGET1"),
            file("strings/0x409/product", b"Composite scanner"),
            folder("configs/c.1"),
            folder("functions/hid.scanner"),
            file(
                "functions/hid.scanner/report_length",
                report_bytes.as_bytes(),
            ),
            file("functions/hid.scanner/report_desc", SCANNER),
            folder("functions/acm.line"),
            link("hid.scanner"),
            link("acm.line"),
        ];
        for step in steps {
            vm.done(step);
        }
        Self
    }

    /// Plugs it in and waits for its far ends.
    ///
    /// # Panics
    /// Where the guest refuses.
    pub fn plug(&self, vm: &mut Vm) {
        vm.done(bound_to(CONTROLLER));
        vm.wait_for(GADGET_SCANNER, true);
        vm.wait_for(GADGET_LINE, true);
    }

    /// Pulls it out.
    ///
    /// # Panics
    /// Where the guest refuses.
    pub fn pull(&self, vm: &mut Vm) {
        vm.done(bound_to(""));
    }
}

fn bound_to(controller: &str) -> Do {
    Do::Write {
        path: format!("{GADGETS}/scanner/UDC"),
        hex: hex::encode(format!("{controller}\n")),
    }
}
