//! Lines by the kernel's character devices, for any machine: `/dev/gpiochip*`, second interface, Linux 5.10 and later.
//!
//! The kernel gives each line to one program at a time and takes it back when that program ends, however it ends. What the line does then is
//! the driver's affair: some let it go, so it floats or follows its pull; some keep driving what was last.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gpiocdev::line::{Bias, EdgeDetection, EdgeKind, Value};
use gpiocdev::{Chip, Request};

use super::{Edge, Fault, FaultKind, Line, Pins, Way};
use crate::config::Pull;

/// As whom the kernel lists the lines.
const CONSUMER: &str = "rollcall-kiosk";

/// How a chip and its lines stand, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The device.
    pub path: PathBuf,
    /// The chip's own label.
    pub label: String,
    /// How many lines it has.
    pub lines: u32,
}

/// How a line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFound {
    /// The name that the board gives it; may be empty.
    pub name: String,
    /// Who uses it, where somebody does.
    pub used_by: Option<String>,
}

impl LineFound {
    /// Whether it is this program that uses it.
    pub fn is_ours(&self) -> bool {
        self.used_by.as_deref() == Some(CONSUMER)
    }
}

/// The chip of that name (`gpiochip0`), path or label.
///
/// # Errors
/// [`Fault`] where there is none, several have that label, or it may not be opened.
pub fn find(name: &str) -> Result<Found, Fault> {
    let chip = open_chip(name)?;
    found(&chip)
}

/// How one line of a chip stands.
///
/// # Errors
/// [`Fault`] where it cannot be asked.
pub fn line(chip: &Path, number: u32) -> Result<LineFound, Fault> {
    let chip = Chip::from_path(chip).map_err(|error| failed(&error, &chip.display()))?;
    let info = chip.line_info(number);
    let info = info.map_err(|error| failed(&error, &format!("line {number}")))?;
    Ok(LineFound {
        name: info.name,
        used_by: info.used.then_some(info.consumer),
    })
}

fn open_chip(name: &str) -> Result<Chip, Fault> {
    let path = match name.strip_prefix("gpiochip") {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Path::new("/dev").join(name))
        }
        _ => name.starts_with('/').then(|| PathBuf::from(name)),
    };
    if let Some(path) = path {
        return Chip::from_path(&path).map_err(|error| opening(&error, &path));
    }
    let mut paths = gpiocdev::chip::chips().unwrap_or_default();
    paths.sort();
    let mut denied = None;
    let mut fitting = Vec::new();
    for path in &paths {
        match Chip::from_path(path) {
            Ok(chip) if chip.info().is_ok_and(|info| info.label == name) => fitting.push(chip),
            Ok(_) => {}
            Err(error) => denied = Some(opening(&error, path)),
        }
    }
    match (fitting.pop(), fitting.len(), denied) {
        (Some(chip), 0, _) => Ok(chip),
        (Some(_), ..) => {
            let detail = format!(
                "several chips have the label \"{name}\"; give the path of one, such as \"/dev/gpiochip0\""
            );
            Err(Fault::new(FaultKind::NoChip, detail))
        }
        (None, _, Some(denied)) => Err(denied),
        (None, _, None) => {
            let detail = format!("no chip has the label \"{name}\"; gpiodetect lists them");
            Err(Fault::new(FaultKind::NoChip, detail))
        }
    }
}

fn found(chip: &Chip) -> Result<Found, Fault> {
    let info = chip.info();
    let info = info.map_err(|error| failed(&error, &chip.path().display()))?;
    Ok(Found {
        path: chip.path().to_owned(),
        label: info.label,
        lines: info.num_lines,
    })
}

fn opening(error: &gpiocdev::Error, path: &Path) -> Fault {
    let path = path.display();
    match error {
        gpiocdev::Error::Os(errno) if errno.0 == libc::ENOENT => Fault::new(
            FaultKind::NoChip,
            format!(
                "{path} does not exist; is the board attached, and its driver loaded? gpiodetect lists chips"
            ),
        ),
        gpiocdev::Error::Os(errno) if errno.0 == libc::EACCES || errno.0 == libc::EPERM => {
            Fault::new(
                FaultKind::Denied,
                format!(
                    "{path} may not be opened; are the udev rules installed, and is this user in the group gpio?"
                ),
            )
        }
        error => failed(error, &path),
    }
}

fn failed(error: &gpiocdev::Error, what: &dyn std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Failed, format!("{what}: {error}"))
}

/// Opens lines of the chip of that name.
///
/// # Errors
/// [`Fault`] that names the chip or the line.
pub fn open(name: &str, lines: &[Line]) -> Result<Box<dyn Pins>, Fault> {
    let chip = open_chip(name)?;
    let of_chip = found(&chip)?;
    if let Some(line) = lines.iter().find(|line| line.number >= of_chip.lines) {
        let detail = format!(
            "{} is to use line {}, but {} has 0 to {}",
            line.what,
            line.number,
            of_chip.path.display(),
            of_chip.lines.saturating_sub(1)
        );
        return Err(Fault::new(FaultKind::NoLine, detail));
    }
    let mut request = Request::builder();
    request.on_chip(&of_chip.path).with_consumer(CONSUMER);
    for line in lines {
        ask(&mut request, line);
    }
    match request.request() {
        Ok(request) => Ok(Box::new(Lines {
            request,
            chip: of_chip.path,
        })),
        Err(error) => Err(refused(&chip, lines, &error)),
    }
}

fn ask(request: &mut gpiocdev::request::Builder, line: &Line) {
    request.with_line(line.number);
    match line.way {
        Way::Out { at_rest } => {
            request.as_output(Value::from(at_rest));
        }
        Way::In { pull, debounce_ms } => {
            let bias = match pull {
                Pull::Up => Bias::PullUp,
                Pull::Down => Bias::PullDown,
                Pull::None => Bias::Disabled,
            };
            request
                .as_input()
                .with_bias(bias)
                .with_edge_detection(EdgeDetection::BothEdges);
            if debounce_ms > 0 {
                request.with_debounce_period(Duration::from_millis(u64::from(debounce_ms)));
            }
        }
    }
    if line.active_low {
        request.as_active_low();
    } else {
        request.as_active_high();
    }
}

/// Why the kernel refused the lines: whichever is used already, or else its own words.
fn refused(chip: &Chip, lines: &[Line], error: &gpiocdev::Error) -> Fault {
    let used = lines.iter().find_map(|line| {
        let info = chip.line_info(line.number).ok()?;
        info.used.then_some((line, info.consumer))
    });
    match used {
        Some((line, by)) => Fault::new(
            FaultKind::Busy,
            format!(
                "line {} of {} ({}) is used by \"{}\"; stop that, or choose another line",
                line.number,
                line.what,
                chip.path().display(),
                by.escape_debug()
            ),
        ),
        None => failed(error, &chip.path().display()),
    }
}

struct Lines {
    request: Request,
    chip: PathBuf,
}

impl Pins for Lines {
    fn drive(&mut self, line: u32, active: bool) -> Result<(), Fault> {
        let driven = self.request.set_value(line, Value::from(active));
        driven.map_err(|error| failed(&error, &self.chip.display()))
    }

    fn is_active(&mut self, line: u32) -> Result<bool, Fault> {
        let value = self.request.value(line);
        let value = value.map_err(|error| failed(&error, &self.chip.display()))?;
        Ok(value == Value::Active)
    }

    fn changed(&mut self, at_most: Duration) -> Result<Option<Edge>, Fault> {
        // A wait that a signal breaks off fails like any other; whether the lines are gone is seen by asking again.
        let waited = self.request.wait_edge_event(at_most);
        let came = waited.or_else(|_| self.request.has_edge_event());
        let event = match came {
            Ok(false) => return Ok(None),
            Ok(true) => self.request.read_edge_event(),
            Err(error) => Err(error),
        };
        let event = event.map_err(|error| failed(&error, &self.chip.display()))?;
        Ok(Some(Edge {
            line: event.offset,
            active: event.kind == EdgeKind::Rising,
        }))
    }
}
