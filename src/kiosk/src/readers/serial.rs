//! Serial readers: USB CDC, FTDI, UART, and pseudo-terminals.
//!
//! A port is opened for this daemon alone and read raw, eight data bits, no parity. Codes are cut by a [`Framer`]. A scanner that is to be
//! answered is looked after more often for a while after each code, so that its answer goes out within some hundredths of a second.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serialport::{SerialPort, SerialPortType, TTYPort};

use super::answers::{Mailbox, Sending};
use super::framing::Framer;
use super::usb::{Found, Place};
use super::{Connection, Decoded, Device, Loss, LossKind};
use crate::config::{SerialConfig, SerialPlace, UsbMatch};

/// Bytes read at once.
const CHUNK_BYTES: usize = 4096;
/// How long, in milliseconds, an answer to a code is awaited closely.
const ANSWER_AWAITED_MS: u64 = 2_000;
/// How often it is looked for meanwhile.
const ANSWER_LOOK: Duration = Duration::from_millis(10);
/// Where the kernel lists serial ports. `serialport` panics where this is missing, as in some containers.
const PORTS_FOLDER: &str = "/sys/class/tty";

/// A serial port to be opened.
pub(super) struct SerialDevice {
    config: SerialConfig,
    mailbox: Option<Arc<Mailbox>>,
}

impl SerialDevice {
    pub(super) fn new(config: SerialConfig, mailbox: Option<Arc<Mailbox>>) -> Self {
        Self { config, mailbox }
    }

    fn path(&self) -> Result<String, Loss> {
        match &self.config.place {
            SerialPlace::Path(path) => Ok(path.display().to_string()),
            SerialPlace::Usb(usb) => find_port(usb),
        }
    }
}

impl Device for SerialDevice {
    fn open(&mut self) -> Result<Box<dyn Connection>, Loss> {
        let path = self.path()?;
        let port = serialport::new(&path, self.config.baud)
            .open_native()
            .map_err(|error| opening(&error, &path))?;
        Ok(Box::new(SerialConnection {
            port,
            framer: Framer::new(self.config.terminator, self.config.idle_ms),
            chunk: Box::new([0; CHUNK_BYTES]),
            filled: 0,
            framed: Vec::new(),
            answering: self.mailbox.clone().map(Answering::new),
            path,
        }))
    }
}

fn opening(error: &serialport::Error, path: &str) -> Loss {
    match error.kind() {
        serialport::ErrorKind::Io(kind) => {
            Loss::of_io(&std::io::Error::new(kind, error.to_string()), path)
        }
        // What serialport calls "no device" is a port that somebody else has locked.
        serialport::ErrorKind::NoDevice => Loss::of_io(
            &std::io::Error::from(std::io::ErrorKind::ResourceBusy),
            path,
        ),
        serialport::ErrorKind::InvalidInput | serialport::ErrorKind::Unknown => {
            Loss::new(LossKind::Failed, format!("{path}: {error}"))
        }
    }
}

/// A USB port that is attached.
pub(super) struct Port {
    pub(super) node: String,
    pub(super) usb: serialport::UsbPortInfo,
}

impl Port {
    pub(super) fn found(&self) -> Found<'_> {
        Found {
            vendor: self.usb.vid,
            product: self.usb.pid,
            serial: self.usb.serial_number.as_deref(),
            place: Place::Node(Path::new(&self.node)),
        }
    }
}

/// All ports of USB devices.
pub(super) fn ports() -> Result<Vec<Port>, Loss> {
    if !Path::new(PORTS_FOLDER).is_dir() {
        let detail = format!("{PORTS_FOLDER} is missing, so no port can be found; give `path`");
        return Err(Loss::new(LossKind::Failed, detail));
    }
    let ports = serialport::available_ports()
        .map_err(|error| Loss::new(LossKind::Failed, error.to_string()))?;
    let usb = ports.into_iter().filter_map(|port| match port.port_type {
        SerialPortType::UsbPort(usb) => Some(Port {
            node: port.port_name,
            usb,
        }),
        SerialPortType::PciPort | SerialPortType::BluetoothPort | SerialPortType::Unknown => None,
    });
    Ok(usb.collect())
}

/// The node of the one attached port that answers to `usb`.
fn find_port(usb: &UsbMatch) -> Result<String, Loss> {
    let wanted = usb.words();
    let ports = ports()?;
    let mut fitting = ports.into_iter().filter(|port| port.found().fits(usb));
    match (fitting.next(), fitting.next()) {
        (Some(port), None) => Ok(port.node),
        (None, _) => Err(Loss::new(
            LossKind::NotFound,
            format!(
                "no serial port of a USB device {wanted} is attached; is the reader plugged in?"
            ),
        )),
        (Some(_), Some(_)) => Err(Loss::new(
            LossKind::Failed,
            format!(
                "several ports belong to USB devices {wanted}; name one by `vendor`, `product` and `serial` or `port`, or give `path`"
            ),
        )),
    }
}

struct SerialConnection {
    port: TTYPort,
    framer: Framer,
    chunk: Box<[u8; CHUNK_BYTES]>,
    filled: usize,
    framed: Vec<super::framing::Framed>,
    answering: Option<Answering>,
    path: String,
}

/// The answers to a scanner.
struct Answering {
    mailbox: Arc<Mailbox>,
    sending: Sending,
    epoch: Instant,
    awaited_until_ms: u64,
}

impl Answering {
    fn new(mailbox: Arc<Mailbox>) -> Self {
        Self {
            mailbox,
            sending: Sending::default(),
            epoch: Instant::now(),
            awaited_until_ms: 0,
        }
    }

    fn now_ms(&self) -> u64 {
        // 2^64 milliseconds are longer than any machine runs.
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Sends what the scanner takes now. Gives how long the next look may wait, if it may not wait as long as any.
    fn go_on(&mut self, port: &mut TTYPort) -> Option<Duration> {
        let now_ms = self.now_ms();
        // The port has room for one byte where it says so, so no write ever waits.
        let mut write = |byte| matches!(port.write(&[byte]), Ok(1));
        loop {
            if self.sending.go_on(now_ms, &mut write) {
                tracing::debug!("a scanner did not take its answer");
            }
            if !self.sending.is_done() {
                break;
            }
            let Some((bytes, told)) = self.mailbox.take() else {
                break;
            };
            let ago_ms = u64::try_from(told.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.sending.begin(bytes, ago_ms, now_ms);
        }
        let is_awaited = now_ms < self.awaited_until_ms || !self.sending.is_done();
        is_awaited.then_some(ANSWER_LOOK)
    }
}

impl SerialConnection {
    fn hand_over(&mut self, decoded: &mut Vec<Decoded>) {
        if let Some(answering) = &mut self.answering
            && self.framed.iter().any(Result::is_ok)
        {
            answering.awaited_until_ms = answering.now_ms() + ANSWER_AWAITED_MS;
        }
        decoded.extend(self.framed.drain(..).map(Decoded::framed));
    }
}

impl Connection for SerialConnection {
    fn wait(&mut self, at_most: Duration) -> Result<bool, Loss> {
        use std::io::ErrorKind as Io;
        let mut at_most = at_most;
        if let Some(answering) = &mut self.answering {
            self.port
                .set_timeout(Duration::ZERO)
                .map_err(|error| opening(&error, &self.path))?;
            let look = answering.go_on(&mut self.port);
            at_most = look.map_or(at_most, |look| at_most.min(look));
        }
        self.port
            .set_timeout(at_most)
            .map_err(|error| opening(&error, &self.path))?;
        match self.port.read(&mut self.chunk[..]) {
            Ok(0) => Err(Loss::of_io(&Io::UnexpectedEof.into(), &self.path)),
            Ok(filled) => {
                self.filled = filled;
                Ok(true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    Io::TimedOut | Io::Interrupted | Io::WouldBlock
                ) =>
            {
                Ok(false)
            }
            Err(error) => {
                let unplugged = Loss::of_io(&Io::BrokenPipe.into(), &self.path);
                let said = Loss::of_io(&error, &self.path);
                // A port that was open and now fails is gone, whatever words the driver has for it.
                Err(match said.kind {
                    LossKind::Failed => Loss {
                        detail: format!("{} ({error})", unplugged.detail),
                        ..unplugged
                    },
                    _ => said,
                })
            }
        }
    }

    fn decode(&mut self, now_ms: u64, decoded: &mut Vec<Decoded>) {
        let bytes = &self.chunk[..self.filled];
        self.framer.push(bytes, now_ms, &mut self.framed);
        self.filled = 0;
        self.hand_over(decoded);
    }

    fn quiet(&mut self, now_ms: u64, decoded: &mut Vec<Decoded>) {
        self.framer.quiet(now_ms, &mut self.framed);
        self.hand_over(decoded);
    }

    fn due_ms(&self) -> Option<u64> {
        self.framer.due_ms()
    }

    fn end(&mut self, _loss: &Loss, decoded: &mut Vec<Decoded>) {
        self.framer.cut(&mut self.framed);
        self.hand_over(decoded);
    }
}
