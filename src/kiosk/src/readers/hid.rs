//! USB scanners that speak HID: as a point-of-sale scanner, or by typing like a keyboard.
//!
//! The device is found by vendor, product and, where two are alike, serial number or socket. What its reports mean is taken from its report
//! descriptor. A scanner that types is also a keyboard to the system: its keys are taken away from everything else while it is read, as far
//! as the system allows.

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hidapi::HidApi;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use self::descriptor::{DESCRIPTOR_BYTES_MAX, Descriptor, REPORT_BYTES_MAX};
use self::keyboard::{Keyboard, Typist};
pub use self::layouts::{KeyboardLayout, reread};
use self::pos::PosScanner;
use super::framing::{Framed, Framer};
use super::usb::{Found, Place};
use super::{Connection, Decoded, Device, Loss, LossKind};
use crate::config::{HidConfig, HidLayout};
use crate::kernel;

pub(super) mod descriptor;
mod keyboard;
mod layouts;
mod pos;
#[cfg(any(test, feature = "testing"))]
pub(super) mod samples;

/// The usage page of bar code scanners, by which a device's interfaces are told apart.
const PAGE_POS: u16 = 0x8c;
/// Page and usage of a keyboard.
const KEYBOARD: (u16, u16) = (0x01, 0x06);

/// A HID scanner to be opened.
pub(super) struct HidDevice {
    config: HidConfig,
}

impl HidDevice {
    pub(super) fn new(config: HidConfig) -> Self {
        Self { config }
    }
}

impl Device for HidDevice {
    fn open(&mut self) -> Result<Box<dyn Connection>, Loss> {
        let api = HidApi::new().map_err(|error| failed("the list of HID devices", &error))?;
        let interfaces: Vec<Interface> = interfaces(&api)
            .filter(|interface| interface.found().fits(&self.config.usb))
            .collect();
        let path = choose(&interfaces, &self.config)?;
        connect(&api, &path, &self.config)
    }
}

/// One thing a device offers: a node, and one of the purposes it says it has.
#[derive(Debug, Clone)]
pub(super) struct Interface {
    pub(super) path: PathBuf,
    pub(super) usb: (u16, u16),
    pub(super) name: String,
    pub(super) serial: Option<String>,
    usage: (u16, u16),
}

impl Interface {
    pub(super) fn found(&self) -> Found<'_> {
        Found {
            vendor: self.usb.0,
            product: self.usb.1,
            serial: self.serial.as_deref().filter(|serial| !serial.is_empty()),
            place: Place::Node(&self.path),
        }
    }

    pub(super) fn scans(&self) -> bool {
        self.usage.0 == PAGE_POS
    }

    pub(super) fn types(&self) -> bool {
        self.usage == KEYBOARD
    }
}

/// All that is attached, scanners or not.
pub(super) fn interfaces(api: &HidApi) -> impl Iterator<Item = Interface> {
    api.device_list().filter_map(|info| {
        Some(Interface {
            path: PathBuf::from(info.path().to_str().ok()?),
            usb: (info.vendor_id(), info.product_id()),
            name: info.product_string().unwrap_or_default().to_owned(),
            serial: info.serial_number().map(str::to_owned),
            usage: (info.usage_page(), info.usage()),
        })
    })
}

/// The node to read, of those whose device fits.
fn choose(interfaces: &[Interface], config: &HidConfig) -> Result<PathBuf, Loss> {
    let wanted = config.usb.words();
    let offering = |fits: fn(&Interface) -> bool| {
        let mut paths: Vec<&PathBuf> = interfaces
            .iter()
            .filter(|interface| fits(interface))
            .map(|interface| &interface.path)
            .collect();
        paths.sort();
        paths.dedup();
        paths
    };
    let pos = || offering(Interface::scans);
    let keyboard = || offering(Interface::types);
    let paths = match config.layout {
        HidLayout::Pos => pos(),
        HidLayout::Keyboard => keyboard(),
        HidLayout::Auto => Some(pos())
            .filter(|paths| !paths.is_empty())
            .unwrap_or_else(keyboard),
    };
    match paths.as_slice() {
        [path] => Ok(PathBuf::from(path)),
        [] if interfaces.is_empty() => Err(Loss::new(
            LossKind::NotFound,
            format!("no USB device {wanted} is attached; is the reader plugged in?"),
        )),
        [] => Err(Loss::new(
            LossKind::Failed,
            format!(
                "USB device {wanted} is attached, but does not report the way `layout` says; set the scanner to keyboard or point-of-sale mode"
            ),
        )),
        [..] => Err(Loss::new(
            LossKind::Failed,
            format!(
                "several USB devices {wanted} are attached; name one by `vendor`, `product` and `serial` or `port`"
            ),
        )),
    }
}

fn connect(api: &HidApi, path: &Path, config: &HidConfig) -> Result<Box<dyn Connection>, Loss> {
    let name = path.display().to_string();
    // Opened and read here, since hidapi tells what went wrong in prose only and drops what a device reported just before it was pulled out.
    let reports = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| Loss::of_io(&error, &name))?;
    let node = std::ffi::CString::new(name.as_str())
        .map_err(|_| Loss::new(LossKind::Failed, "the node's path holds a zero byte"))?;
    let node: &CStr = &node;
    let device = api.open_path(node).map_err(|error| failed(&name, &error))?;
    let mut bytes = vec![0; DESCRIPTOR_BYTES_MAX];
    let length = device
        .get_report_descriptor(&mut bytes)
        .map_err(|error| failed(&name, &error))?;
    let descriptor = Descriptor::parse(&bytes[..length])
        .map_err(|error| Loss::new(LossKind::Failed, format!("{name}: {error}")))?;
    let decoder = Decoder::new(descriptor, config).ok_or_else(|| {
        let detail = format!("{name}: its report descriptor has neither scanned data nor keys");
        Loss::new(LossKind::Failed, detail)
    })?;
    let grabbed = match &decoder.kind {
        DecoderKind::Keyboard { .. } => grab_keys(path),
        DecoderKind::Pos(_) => Vec::new(),
    };
    Ok(Box::new(HidConnection {
        reports,
        decoder,
        report: vec![0; REPORT_BYTES_MAX],
        filled: 0,
        name,
        _grabbed: grabbed,
    }))
}

fn failed(name: &str, error: &hidapi::HidError) -> Loss {
    Loss::new(LossKind::Failed, format!("{name}: {error}"))
}

/// Takes the keys of the device behind a hidraw node away from the system. What cannot be taken is logged and left: the scans are read all the
/// same, but the scanner also types into whatever has the focus.
fn grab_keys(node: &Path) -> Vec<File> {
    let Some(name) = node.file_name() else {
        return Vec::new();
    };
    let folder = Path::new("/sys/class/hidraw")
        .join(name)
        .join("device/input");
    let inputs = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let parts = inputs.flat_map(|input| std::fs::read_dir(input.path()).into_iter().flatten());
    let mut grabbed = Vec::new();
    for part in parts.flatten() {
        let event = part.file_name();
        if !event.to_string_lossy().starts_with("event") {
            continue;
        }
        let path = Path::new("/dev/input").join(&event);
        let taken = File::open(&path).and_then(|file| {
            kernel::grab_input(file.as_fd())?;
            Ok(file)
        });
        match taken {
            Ok(file) => grabbed.push(file),
            Err(error) => tracing::warn!(
                input = %path.display(),
                %error,
                "the scanner's keys also reach other programs; install the udev rules"
            ),
        }
    }
    grabbed
}

/// Reports into codes. No I/O.
pub(super) struct Decoder {
    descriptor: Descriptor,
    kind: DecoderKind,
}

enum DecoderKind {
    Keyboard {
        keyboard: Keyboard,
        typist: Typist,
        framer: Framer,
        framed: Vec<Framed>,
    },
    Pos(PosScanner),
}

impl Decoder {
    /// The decoder for a device with this descriptor; `None` if it reports in no way that the configuration allows.
    pub(super) fn new(descriptor: Descriptor, config: &HidConfig) -> Option<Self> {
        let may_scan = config.layout != HidLayout::Keyboard && pos::scans(&descriptor);
        let may_type = config.layout != HidLayout::Pos && keyboard::types(&descriptor);
        let kind = if may_scan {
            DecoderKind::Pos(PosScanner::default())
        } else if may_type {
            DecoderKind::Keyboard {
                keyboard: Keyboard::default(),
                typist: Typist::new(config.keyboard),
                framer: Framer::new(config.terminator, config.idle_ms),
                framed: Vec::new(),
            }
        } else {
            return None;
        };
        Some(Self { descriptor, kind })
    }

    pub(super) fn take(&mut self, report: &[u8], now_ms: u64, decoded: &mut Vec<Decoded>) {
        match &mut self.kind {
            DecoderKind::Keyboard {
                keyboard,
                typist,
                framer,
                framed,
            } => {
                for press in keyboard.take(&self.descriptor, report) {
                    typist.take(press, now_ms, framer, framed);
                }
                decoded.extend(framed.drain(..).map(Decoded::framed));
            }
            DecoderKind::Pos(scanner) => scanner.take(&self.descriptor, report, now_ms, decoded),
        }
    }

    pub(super) fn quiet(&mut self, now_ms: u64, decoded: &mut Vec<Decoded>) {
        match &mut self.kind {
            DecoderKind::Keyboard {
                typist,
                framer,
                framed,
                ..
            } => {
                if framer.due_ms().is_some_and(|due_ms| now_ms >= due_ms) {
                    typist.settle(framer, framed);
                }
                framer.quiet(now_ms, framed);
                decoded.extend(framed.drain(..).map(Decoded::framed));
            }
            DecoderKind::Pos(scanner) => scanner.quiet(now_ms, decoded),
        }
    }

    pub(super) fn due_ms(&self) -> Option<u64> {
        match &self.kind {
            DecoderKind::Keyboard { framer, .. } => framer.due_ms(),
            DecoderKind::Pos(scanner) => scanner.due_ms(),
        }
    }

    pub(super) fn cut(&mut self, decoded: &mut Vec<Decoded>) {
        match &mut self.kind {
            DecoderKind::Keyboard { framer, framed, .. } => {
                framer.cut(framed);
                decoded.extend(framed.drain(..).map(Decoded::framed));
            }
            DecoderKind::Pos(scanner) => scanner.cut(decoded),
        }
    }

    /// Bytes that are held between two reports.
    #[cfg(feature = "testing")]
    pub(super) fn held_bytes(&self) -> usize {
        match &self.kind {
            DecoderKind::Keyboard {
                keyboard,
                typist,
                framer,
                ..
            } => keyboard.held_bytes() + typist.held_bytes() + framer.held_bytes(),
            DecoderKind::Pos(scanner) => scanner.held_bytes(),
        }
    }
}

struct HidConnection {
    /// The node, one report a read.
    reports: File,
    decoder: Decoder,
    report: Vec<u8>,
    filled: usize,
    name: String,
    /// Held open, since the grab ends with the handle.
    _grabbed: Vec<File>,
}

impl HidConnection {
    fn gone(&self, error: &std::io::Error) -> Loss {
        let gone = Loss::of_io(&std::io::ErrorKind::UnexpectedEof.into(), &self.name);
        Loss {
            detail: format!("{} ({error})", gone.detail),
            ..gone
        }
    }
}

impl Connection for HidConnection {
    fn wait(&mut self, at_most: Duration) -> Result<bool, Loss> {
        use std::io::ErrorKind as Io;
        // No wait is longer than a timestamp can say.
        let timeout = Timespec::try_from(at_most).ok();
        let mut waited = [PollFd::new(&self.reports, PollFlags::IN)];
        match poll(&mut waited, timeout.as_ref()) {
            Ok(0) | Err(Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(self.gone(&error.into())),
        }
        // Read also where the device is said to be gone: what it had reported before waits here, and the end comes after it.
        match self.reports.read(&mut self.report) {
            Ok(0) => Err(self.gone(&Io::UnexpectedEof.into())),
            Ok(filled) => {
                self.filled = filled;
                Ok(true)
            }
            Err(error) if matches!(error.kind(), Io::WouldBlock | Io::Interrupted) => Ok(false),
            Err(error) => Err(self.gone(&error)),
        }
    }

    fn decode(&mut self, now_ms: u64, decoded: &mut Vec<Decoded>) {
        let report = &self.report[..self.filled];
        self.decoder.take(report, now_ms, decoded);
        self.filled = 0;
    }

    fn quiet(&mut self, now_ms: u64, decoded: &mut Vec<Decoded>) {
        self.decoder.quiet(now_ms, decoded);
    }

    fn due_ms(&self) -> Option<u64> {
        self.decoder.due_ms()
    }

    fn end(&mut self, _loss: &Loss, decoded: &mut Vec<Decoded>) {
        self.decoder.cut(decoded);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::config::{Terminator, UsbIdentity, UsbMatch};
    use crate::readers::Refusal;

    fn config(layout: HidLayout) -> HidConfig {
        HidConfig {
            usb: UsbMatch::Named(named()),
            layout,
            keyboard: KeyboardLayout::Us,
            terminator: Terminator::Line,
            idle_ms: Some(50),
        }
    }

    fn named() -> UsbIdentity {
        UsbIdentity {
            vendor: 0x1234,
            product: 0x5678,
            serial: None,
            port: None,
        }
    }

    /// Keys struck on a boot keyboard with modifiers held, each at a time.
    fn typed(keyboard: KeyboardLayout, strokes: &[(u64, u8, u8)], quiet_ms: &[u64]) -> Vec<Framed> {
        let config = HidConfig {
            keyboard,
            ..config(HidLayout::Keyboard)
        };
        let descriptor = Descriptor::parse(samples::BOOT_KEYBOARD).unwrap();
        let mut decoder = Decoder::new(descriptor, &config).unwrap();
        let (mut decoded, mut quiet_ms) = (Vec::new(), quiet_ms.iter().peekable());
        for (at_ms, modifiers, key) in strokes {
            while let Some(quiet_ms) = quiet_ms.next_if(|quiet_ms| *quiet_ms < at_ms) {
                decoder.quiet(*quiet_ms, &mut decoded);
            }
            for report in [
                [*modifiers, 0, *key, 0, 0, 0, 0, 0],
                [*modifiers, 0, 0, 0, 0, 0, 0, 0],
            ] {
                decoder.take(&report, *at_ms, &mut decoded);
            }
        }
        for quiet_ms in quiet_ms {
            decoder.quiet(*quiet_ms, &mut decoded);
        }
        let framed = decoded.into_iter().map(|decoded| match decoded {
            Decoded::Code { text, .. } => Ok(text),
            Decoded::Refused(refusal) => Err(refusal),
        });
        framed.collect()
    }

    #[test]
    fn quiet_ends_what_waits_for_more_with_its_own_code() {
        use KeyboardLayout::{Es, Us};
        const ALT: u8 = 4;
        let check = |keyboard, strokes: &[(u64, u8, u8)], quiet_ms: &[u64], expected: &[Framed]| {
            assert_eq!(
                typed(keyboard, strokes, quiet_ms),
                expected,
                "{strokes:?} {quiet_ms:?}"
            );
        };
        let code = |text: &str| Ok(text.to_owned());
        // An accent that no letter follows is part of the code before the silence, and holds off its end.
        let accent = [(0, 0, 0x04), (40, 0, 0x34), (200, 0, 0x04)];
        check(
            Es,
            &accent,
            &[60, 89, 90, 300],
            &[code("a\u{b4}"), code("a")],
        );
        check(Es, &[(0, 0, 0x34)], &[49, 50], &[code("\u{b4}")]);
        // A and B by their numbers, slower than silence ends a code.
        let numbers = [
            (0, ALT, 0x5e),
            (40, ALT, 0x5d),
            (80, 0, 0),
            (120, ALT, 0x5e),
            (160, ALT, 0x5e),
            (200, 0, 0),
        ];
        check(Us, &numbers, &[60, 100, 140, 180, 250], &[code("AB")]);
        // A number that never ended is no character, and none of the next code.
        let broken = [(0, 0, 0x04), (20, ALT, 0x5e), (200, 0, 0), (210, 0, 0x05)];
        check(
            Us,
            &broken,
            &[100, 260],
            &[Err(Refusal::UnknownKey), code("b")],
        );
        // Caps lock between two letters is no silence.
        let caps = [(0, 0, 0x04), (40, 0, 0x39), (80, 0, 0x04)];
        check(Us, &caps, &[60, 130], &[code("aA")]);
    }

    fn interface(path: &str, usage: (u16, u16)) -> Interface {
        Interface {
            path: PathBuf::from(path),
            usb: (0x1234, 0x5678),
            name: "Scanner".to_owned(),
            serial: Some("SN1".to_owned()),
            usage,
        }
    }

    #[test]
    fn the_interface_is_chosen_by_what_it_is_for() {
        const POS: (u16, u16) = (PAGE_POS, 0x02);
        let both = [
            interface("/dev/hidraw0", KEYBOARD),
            interface("/dev/hidraw1", POS),
        ];
        let one_node = [
            interface("/dev/hidraw0", KEYBOARD),
            interface("/dev/hidraw0", POS),
        ];
        let mouse = [interface("/dev/hidraw0", (1, 2))];
        let two = [
            interface("/dev/hidraw0", POS),
            interface("/dev/hidraw1", POS),
        ];
        for (interfaces, layout, expected) in [
            (&both[..], HidLayout::Auto, Ok("/dev/hidraw1")),
            (&both, HidLayout::Pos, Ok("/dev/hidraw1")),
            (&both, HidLayout::Keyboard, Ok("/dev/hidraw0")),
            (&one_node, HidLayout::Auto, Ok("/dev/hidraw0")),
            (&both[..1], HidLayout::Auto, Ok("/dev/hidraw0")),
            (&both[..1], HidLayout::Pos, Err(LossKind::Failed)),
            (&mouse, HidLayout::Auto, Err(LossKind::Failed)),
            (&two, HidLayout::Auto, Err(LossKind::Failed)),
            (&[], HidLayout::Auto, Err(LossKind::NotFound)),
        ] {
            let chosen = choose(interfaces, &config(layout)).map_err(|loss| loss.kind);
            assert_eq!(
                chosen,
                expected.map(PathBuf::from),
                "{interfaces:?} {layout:?}"
            );
        }
    }

    #[test]
    fn the_serial_number_tells_devices_apart() {
        let device = interface("/dev/hidraw0", KEYBOARD);
        let check = |change: fn(&mut UsbIdentity), fits: bool| {
            let mut usb = named();
            change(&mut usb);
            let but = UsbMatch::AnyBut(vec![usb.clone()]);
            assert_eq!(device.found().fits(&UsbMatch::Named(usb)), fits);
            assert_eq!(
                device.found().fits(&but),
                !fits,
                "a wildcard takes the rest"
            );
        };
        check(|_| (), true);
        check(|usb| usb.serial = Some("SN1".to_owned()), true);
        check(|usb| usb.serial = Some("SN2".to_owned()), false);
        check(|usb| usb.port = Some("1-1.3".to_owned()), false);
        check(|usb| usb.product = 1, false);
        assert!(device.found().fits(&UsbMatch::AnyBut(Vec::new())));
    }

    #[test]
    fn the_decoder_follows_the_layout() {
        let kind = |bytes: &[u8], layout| {
            let descriptor = Descriptor::parse(bytes).unwrap();
            Decoder::new(descriptor, &config(layout))
                .map(|decoder| matches!(decoder.kind, DecoderKind::Pos(_)))
        };
        assert_eq!(kind(samples::COMPOSITE, HidLayout::Auto), Some(true));
        assert_eq!(kind(samples::COMPOSITE, HidLayout::Keyboard), Some(false));
        assert_eq!(kind(samples::BOOT_KEYBOARD, HidLayout::Auto), Some(false));
        assert_eq!(kind(samples::BOOT_KEYBOARD, HidLayout::Pos), None);
        assert_eq!(kind(samples::POS_OTHER, HidLayout::Keyboard), None);
    }

    #[test]
    fn keys_without_an_end_become_a_code_by_quiet() {
        let descriptor = Descriptor::parse(samples::BOOT_KEYBOARD).unwrap();
        let mut decoder = Decoder::new(descriptor, &config(HidLayout::Auto)).unwrap();
        let mut decoded = Vec::new();
        decoder.take(&[0, 0, 4, 0, 0, 0, 0, 0], 100, &mut decoded);
        assert_eq!(decoder.due_ms(), Some(150));
        decoder.quiet(150, &mut decoded);
        let code = Decoded::framed(Ok("a".to_owned()));
        assert_eq!(decoded, [code]);
        decoder.take(&[0, 0, 5, 0, 0, 0, 0, 0], 200, &mut decoded);
        decoder.cut(&mut decoded);
        assert_eq!(decoded[1..], [Decoded::Refused(Refusal::Unterminated)]);
    }

    #[test]
    fn a_scanner_that_is_not_there_is_not_found() {
        let loss = HidDevice::new(config(HidLayout::Auto))
            .open()
            .err()
            .unwrap();
        assert_eq!(loss.kind, LossKind::NotFound, "{}", loss.detail);
    }
}
