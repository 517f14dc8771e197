//! The `[[reader]]` blocks: what each kind of reader needs, and which keys it knows.

use std::path::{Path, PathBuf};

use attendance::words::{Direction, MAX_ID_BYTES, ReaderId};
use serde::Deserialize;

use super::Fault;
use crate::readers::KeyboardLayout;

mod camera;

pub use camera::{CameraConfig, CameraSource, CommandCamera, VideoCamera};

/// Baud of a serial reader unless told otherwise; what most scanners leave the factory with. USB CDC ignores it.
const BAUD_DEFAULT: u32 = 9600;
/// Highest baud that is believed.
const BAUD_MAX: u32 = 4_000_000;
/// Milliseconds of quiet after which a code without terminator counts as whole, unless told otherwise.
const IDLE_MS_DEFAULT: u32 = 200;
/// The most bytes that a scanner is sent for one code.
const ANSWER_BYTES_MAX: usize = 64;
/// Longest quiet that can be asked for.
const IDLE_MS_MAX: u32 = 10_000;

/// One reader: a name, what it is, and how it is bound to the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderConfig {
    /// Unique within the kiosk. Scans carry it.
    pub name: ReaderId,
    /// The direction of every scan of this reader, where it is fixed.
    pub direction: Option<Direction>,
    /// Whether codes start with an AIM identifier (`]Q3`), which is then taken off and kept as the symbology.
    pub aim: bool,
    /// The device.
    pub device: DeviceConfig,
}

/// What kind of device a reader is, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceConfig {
    /// A serial port: USB CDC, FTDI, UART.
    Serial(SerialConfig),
    /// A USB scanner that speaks HID: as a keyboard, or as a point-of-sale scanner.
    Hid(HidConfig),
    /// A terminal, pipe or FIFO with one code a line.
    Lines(LinesConfig),
    /// A camera.
    Camera(CameraConfig),
}

/// A serial reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialConfig {
    /// Which port.
    pub place: SerialPlace,
    /// Bits per second.
    pub baud: u32,
    /// What ends a code.
    pub terminator: Terminator,
    /// Milliseconds of quiet after which a code without terminator counts as whole; `None` for never.
    pub idle_ms: Option<u32>,
    /// What the scanner is sent once its code is recorded and the attendee may go on. May be empty.
    pub acknowledge: Vec<u8>,
    /// What it is sent once its code is recorded and the attendee has to see staff. May be empty.
    pub refuse: Vec<u8>,
}

impl SerialConfig {
    /// Whether the scanner is sent anything.
    pub fn is_answered(&self) -> bool {
        !self.acknowledge.is_empty() || !self.refuse.is_empty()
    }
}

/// How a serial port is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SerialPlace {
    /// By the path of its node; one under `/dev/serial/by-id` survives replugging.
    Path(PathBuf),
    /// By what the USB device says of itself.
    Usb(UsbMatch),
}

/// Which USB devices a reader may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsbMatch {
    /// One that says this of itself.
    Named(UsbIdentity),
    /// Whichever of its kind is attached, but none that another reader names.
    AnyBut(Vec<UsbIdentity>),
}

impl UsbMatch {
    /// In words, for people.
    pub fn words(&self) -> String {
        match self {
            Self::Named(usb) => format!("{:04x}:{:04x}", usb.vendor, usb.product),
            Self::AnyBut(_) => "of any maker".to_owned(),
        }
    }

    /// Whether one device could answer to both. What another reader names is never a wildcard's.
    fn may_be_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Named(a), Self::Named(b)) => a.may_be_same(b),
            (Self::AnyBut(_), Self::AnyBut(_)) => true,
            (Self::Named(_), Self::AnyBut(_)) | (Self::AnyBut(_), Self::Named(_)) => false,
        }
    }
}

/// What stays the same about a USB device when it is unplugged and plugged in again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsbIdentity {
    /// Vendor id.
    pub vendor: u16,
    /// Product id.
    pub product: u16,
    /// The device's serial number, where it has one.
    pub serial: Option<String>,
    /// The socket it is plugged into, as the kernel names it (`1-1.3`).
    pub port: Option<String>,
}

impl UsbIdentity {
    /// Whether one device could answer to both.
    fn may_be_same(&self, other: &Self) -> bool {
        fn compatible(a: Option<&String>, b: Option<&String>) -> bool {
            a.zip(b).is_none_or(|(a, b)| a == b)
        }
        (self.vendor, self.product) == (other.vendor, other.product)
            && compatible(self.serial.as_ref(), other.serial.as_ref())
            && compatible(self.port.as_ref(), other.port.as_ref())
    }
}

/// A HID reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HidConfig {
    /// Which device.
    pub usb: UsbMatch,
    /// Which of its ways of reporting to read.
    pub layout: HidLayout,
    /// The country to which a scanner that types is set.
    pub keyboard: KeyboardLayout,
    /// What ends a code that is typed as keys. Point-of-sale reports need none.
    pub terminator: Terminator,
    /// Milliseconds of quiet after which typed keys without terminator count as a code; `None` for never.
    pub idle_ms: Option<u32>,
}

/// How a HID scanner reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HidLayout {
    /// Point of sale if the device offers it, otherwise keyboard.
    #[default]
    Auto,
    /// As a keyboard.
    Keyboard,
    /// As a point-of-sale scanner (usage page 0x8C).
    Pos,
}

/// A reader of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesConfig {
    /// Where the lines come from.
    pub place: LinesPlace,
}

/// Where lines come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinesPlace {
    /// Standard input, written as `-`.
    Stdin,
    /// A terminal, FIFO or file.
    Path(PathBuf),
}

/// What ends a code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Terminator {
    /// A carriage return, a line feed, or both.
    #[default]
    Line,
    /// A tabulator.
    Tab,
    /// The control character ETX; one STX in front is taken off.
    Etx,
}

impl DeviceConfig {
    /// How the device is found, where that is by USB.
    pub fn usb(&self) -> Option<&UsbMatch> {
        match self {
            Self::Hid(hid) => Some(&hid.usb),
            Self::Serial(SerialConfig {
                place: SerialPlace::Usb(usb),
                ..
            }) => Some(usb),
            Self::Camera(camera) => camera.usb(),
            Self::Serial(_) | Self::Lines(_) => None,
        }
    }

    /// The keyboard on which it types, where it may.
    pub fn keyboard(&self) -> Option<KeyboardLayout> {
        match self {
            Self::Hid(hid) => (hid.layout != HidLayout::Pos).then_some(hid.keyboard),
            Self::Serial(_) | Self::Lines(_) | Self::Camera(_) => None,
        }
    }

    /// The same to be changed.
    fn usb_mut(&mut self) -> Option<&mut UsbMatch> {
        match self {
            Self::Hid(hid) => Some(&mut hid.usb),
            Self::Serial(SerialConfig {
                place: SerialPlace::Usb(usb),
                ..
            }) => Some(usb),
            Self::Camera(camera) => camera.usb_mut(),
            Self::Serial(_) | Self::Lines(_) => None,
        }
    }

    /// Whether both could name the same device.
    pub(super) fn may_be_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Hid(a), Self::Hid(b)) => a.usb.may_be_same(&b.usb),
            (Self::Serial(a), Self::Serial(b)) => match (&a.place, &b.place) {
                (SerialPlace::Usb(a), SerialPlace::Usb(b)) => a.may_be_same(b),
                (SerialPlace::Path(a), SerialPlace::Path(b)) => same_path(a, b),
                (SerialPlace::Path(_), SerialPlace::Usb(usb))
                | (SerialPlace::Usb(usb), SerialPlace::Path(_)) => {
                    matches!(usb, UsbMatch::AnyBut(_))
                }
            },
            (Self::Lines(a), Self::Lines(b)) => match (&a.place, &b.place) {
                (LinesPlace::Stdin, LinesPlace::Stdin) => true,
                (LinesPlace::Path(a), LinesPlace::Path(b)) => same_path(a, b),
                _ => false,
            },
            (Self::Camera(a), Self::Camera(b)) => a.may_be_same(b),
            (Self::Serial(a), Self::Lines(b)) | (Self::Lines(b), Self::Serial(a)) => {
                match (&a.place, &b.place) {
                    (SerialPlace::Path(a), LinesPlace::Path(b)) => same_path(a, b),
                    _ => false,
                }
            }
            _ => false,
        }
    }
}

/// Whether two paths are one node: the same words, or links to the same thing where they exist.
fn same_path(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    a == b || real(a) == real(b)
}

/// The directions that a reader can be bound to.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DirectionWord {
    In,
    Out,
}

impl From<DirectionWord> for Direction {
    fn from(word: DirectionWord) -> Self {
        match word {
            DirectionWord::In => Self::In,
            DirectionWord::Out => Self::Out,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Serial,
    Hid,
    Lines,
    Camera,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Hid => "hid",
            Self::Lines => "lines",
            Self::Camera => "camera",
        }
    }
}

/// A block as written: every key of every kind, so that a mistyped one is found with its line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReaderText {
    name: String,
    kind: Kind,
    direction: Option<DirectionWord>,
    aim: Option<bool>,
    any: Option<bool>,
    path: Option<PathBuf>,
    vendor: Option<u16>,
    product: Option<u16>,
    serial: Option<String>,
    port: Option<String>,
    baud: Option<u32>,
    terminator: Option<Terminator>,
    idle_ms: Option<u32>,
    layout: Option<HidLayout>,
    keyboard: Option<KeyboardLayout>,
    command: Option<Vec<String>>,
    width: Option<usize>,
    height: Option<usize>,
    stride: Option<usize>,
    pixels: Option<String>,
    card: Option<String>,
    formats: Option<Vec<String>>,
    acknowledge: Option<String>,
    refuse: Option<String>,
}

impl ReaderText {
    /// The keys that mean something for a serial port alone.
    fn of_serial(&self) -> [(&'static str, bool); 3] {
        [
            ("baud", self.baud.is_some()),
            ("acknowledge", self.acknowledge.is_some()),
            ("refuse", self.refuse.is_some()),
        ]
    }

    /// The keys that mean something for a camera alone.
    fn of_camera(&self) -> [(&'static str, bool); 7] {
        [
            ("command", self.command.is_some()),
            ("width", self.width.is_some()),
            ("height", self.height.is_some()),
            ("stride", self.stride.is_some()),
            ("pixels", self.pixels.is_some()),
            ("formats", self.formats.is_some()),
            ("card", self.card.is_some()),
        ]
    }
}

/// Takes the devices that a block names away from the wildcards of the others.
pub(super) fn narrow(readers: &mut [ReaderConfig]) {
    let named: Vec<UsbIdentity> = readers
        .iter()
        .filter_map(|reader| match reader.device.usb() {
            Some(UsbMatch::Named(usb)) => Some(usb.clone()),
            Some(UsbMatch::AnyBut(_)) | None => None,
        })
        .collect();
    for reader in readers {
        if let Some(UsbMatch::AnyBut(others)) = reader.device.usb_mut() {
            others.clone_from(&named);
        }
    }
}

/// Checks one block.
pub(super) fn check(written: &ReaderText) -> Result<ReaderConfig, Fault> {
    let name = name(&written.name)?;
    let reader = Block {
        key: format!("reader \"{name}\""),
        written,
    };
    let device = match written.kind {
        Kind::Serial => DeviceConfig::Serial(reader.serial()?),
        Kind::Hid => DeviceConfig::Hid(reader.hid()?),
        Kind::Lines => DeviceConfig::Lines(reader.lines()?),
        Kind::Camera => DeviceConfig::Camera(reader.camera()?),
    };
    Ok(ReaderConfig {
        name,
        direction: written.direction.map(Direction::from),
        aim: written.aim.unwrap_or(false),
        device,
    })
}

fn name(written: &str) -> Result<ReaderId, Fault> {
    ReaderId::new(written).map_err(|_| {
        let message = format!(
            "a name is 1 to {MAX_ID_BYTES} lower-case letters, digits and hyphens, such as \"main-in\""
        );
        Fault::new(format!("reader \"{}\"", written.escape_debug()), message)
    })
}

struct Block<'a> {
    key: String,
    written: &'a ReaderText,
}

impl Block<'_> {
    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.key.clone(), message)
    }

    /// Refuses keys that belong to another kind: silence would let them look as if they did something.
    fn refuse(&self, foreign: &[(&str, bool)]) -> Result<(), Fault> {
        match foreign.iter().find(|(_, written)| *written) {
            None => Ok(()),
            Some((key, _)) => Err(self.fault(format!(
                "`{key}` means nothing for kind = \"{}\"; remove it",
                self.written.kind.word()
            ))),
        }
    }

    fn serial(&self) -> Result<SerialConfig, Fault> {
        let written = self.written;
        self.refuse(&[
            ("layout", written.layout.is_some()),
            ("keyboard", written.keyboard.is_some()),
        ])?;
        self.refuse(&written.of_camera())?;
        let place = match (&written.path, self.usb()?) {
            (Some(path), None) => SerialPlace::Path(self.node(path)?),
            (None, Some(usb)) => SerialPlace::Usb(usb),
            (Some(_), Some(_)) => {
                return Err(self.fault("names the port by `path` and by USB; name it one way"));
            }
            (None, None) => {
                return Err(self.fault("needs `path`, or `vendor` and `product`, or `any = true`"));
            }
        };
        let baud = written.baud.unwrap_or(BAUD_DEFAULT);
        if !(1..=BAUD_MAX).contains(&baud) {
            return Err(self.fault(format!("`baud` is 1 to {BAUD_MAX}")));
        }
        Ok(SerialConfig {
            place,
            baud,
            terminator: written.terminator.unwrap_or_default(),
            idle_ms: self.idle_ms()?,
            acknowledge: self.answer("acknowledge", written.acknowledge.as_deref())?,
            refuse: self.answer("refuse", written.refuse.as_deref())?,
        })
    }

    /// Bytes written as text: each character stands for the byte of its number.
    fn answer(&self, key: &str, written: Option<&str>) -> Result<Vec<u8>, Fault> {
        let text = written.unwrap_or_default();
        let bytes = text.chars().map(|c| u8::try_from(u32::from(c)));
        let bytes: Result<Vec<u8>, _> = bytes.collect();
        match bytes {
            Ok(bytes) if bytes.len() <= ANSWER_BYTES_MAX => Ok(bytes),
            Ok(_) | Err(_) => Err(self.fault(format!(
                "`{key}` is at most {ANSWER_BYTES_MAX} characters from U+0000 to U+00FF, each of which is sent as one byte, such as \"\\u0006\" for ACK"
            ))),
        }
    }

    fn hid(&self) -> Result<HidConfig, Fault> {
        let written = self.written;
        self.refuse(&[("path", written.path.is_some())])?;
        self.refuse(&written.of_serial())?;
        self.refuse(&written.of_camera())?;
        let Some(usb) = self.usb()? else {
            return Err(self.fault("needs `vendor` and `product`, or `any = true`"));
        };
        if written.layout == Some(HidLayout::Pos) && written.keyboard.is_some() {
            return Err(self.fault("`keyboard` means nothing for layout = \"pos\"; remove it"));
        }
        Ok(HidConfig {
            usb,
            layout: written.layout.unwrap_or_default(),
            keyboard: written.keyboard.unwrap_or_default(),
            terminator: written.terminator.unwrap_or_default(),
            idle_ms: self.idle_ms()?,
        })
    }

    fn lines(&self) -> Result<LinesConfig, Fault> {
        let written = self.written;
        self.refuse(&[
            ("any", written.any.is_some()),
            ("vendor", written.vendor.is_some()),
            ("product", written.product.is_some()),
            ("serial", written.serial.is_some()),
            ("port", written.port.is_some()),
            ("terminator", written.terminator.is_some()),
            ("idle_ms", written.idle_ms.is_some()),
            ("layout", written.layout.is_some()),
            ("keyboard", written.keyboard.is_some()),
        ])?;
        self.refuse(&written.of_serial())?;
        self.refuse(&written.of_camera())?;
        let Some(path) = &written.path else {
            return Err(self.fault("needs `path`; \"-\" is standard input"));
        };
        let place = if path.as_os_str() == "-" {
            LinesPlace::Stdin
        } else {
            LinesPlace::Path(self.node(path)?)
        };
        Ok(LinesConfig { place })
    }

    fn node(&self, path: &Path) -> Result<PathBuf, Fault> {
        if path.as_os_str().is_empty() {
            return Err(self.fault("`path` is empty"));
        }
        Ok(path.to_owned())
    }

    fn usb(&self) -> Result<Option<UsbMatch>, Fault> {
        let written = self.written;
        if written.any == Some(true) {
            let named = [
                written.vendor.is_some(),
                written.product.is_some(),
                written.serial.is_some(),
                written.port.is_some(),
            ];
            return if named.contains(&true) {
                Err(self.fault("has `any` and names a device; choose one of them"))
            } else {
                Ok(Some(UsbMatch::AnyBut(Vec::new())))
            };
        }
        match (written.vendor, written.product) {
            (Some(vendor), Some(product)) => Ok(Some(UsbMatch::Named(UsbIdentity {
                vendor,
                product,
                serial: written.serial.clone(),
                port: written.port.clone(),
            }))),
            (Some(_), None) => Err(self.fault("`vendor` needs `product` beside it")),
            (None, Some(_)) => Err(self.fault("`product` needs `vendor` beside it")),
            (None, None) if written.serial.is_some() || written.port.is_some() => {
                Err(self.fault("`serial` and `port` need `vendor` and `product` beside them"))
            }
            (None, None) => Ok(None),
        }
    }

    fn idle_ms(&self) -> Result<Option<u32>, Fault> {
        match self.written.idle_ms.unwrap_or(IDLE_MS_DEFAULT) {
            0 => Ok(None),
            idle_ms if idle_ms <= IDLE_MS_MAX => Ok(Some(idle_ms)),
            _ => Err(self.fault(format!("`idle_ms` is at most {IDLE_MS_MAX}"))),
        }
    }
}
