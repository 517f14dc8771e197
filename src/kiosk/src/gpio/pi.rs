//! Lines of a Raspberry Pi's header by its own registers (rppal); changes of inputs come from the kernel all the same.
//!
//! The kernel does not know of outputs that are driven this way: it neither keeps other programs off them nor takes them back. They stay as
//! they were last driven when this program ends, so somebody has to put them to rest: the outputs' thread, or `rollcall-kiosk gpio rest`.

use std::time::Duration;

use rppal::gpio::{Bias, Error, Gpio, InputPin, OutputPin, Trigger};
use rppal::system::DeviceInfo;

use super::{Edge, Fault, FaultKind, Line, Pins, Way};
use crate::config::Pull;

/// Whether this machine is a Raspberry Pi that rppal knows.
pub fn is_pi() -> bool {
    DeviceInfo::new().is_ok()
}

/// Opens lines of the header.
///
/// # Errors
/// [`Fault`] that names the line, or says that this is no Raspberry Pi.
pub(super) fn open(lines: &[Line]) -> Result<Box<dyn Pins>, Fault> {
    let gpio = Gpio::new().map_err(|error| fault(&error, None))?;
    let mut header = Header {
        gpio,
        outputs: Vec::new(),
        inputs: Vec::new(),
    };
    for line in lines {
        header
            .take(line)
            .map_err(|error| fault(&error, Some(line)))?;
    }
    Ok(Box::new(header))
}

fn fault(error: &Error, line: Option<&Line>) -> Fault {
    let what = line.map_or("GPIO", |line| line.what.as_str());
    match error {
        Error::UnknownModel => Fault::new(
            FaultKind::NoChip,
            "this machine is no Raspberry Pi that is known; name the board's `chip` under [gpio], gpiodetect lists them",
        ),
        Error::PermissionDenied(path) => Fault::new(
            FaultKind::Denied,
            format!(
                "{path} may not be opened; are the udev rules installed, and is this user in the group gpio?"
            ),
        ),
        Error::PinUsed(number) => Fault::new(
            FaultKind::Busy,
            format!("{what}: line {number} is open already"),
        ),
        Error::PinNotAvailable(number) => Fault::new(
            FaultKind::NoLine,
            format!("{what}: this board has no line {number}"),
        ),
        error => Fault::new(FaultKind::Failed, format!("{what}: {error}")),
    }
}

struct Header {
    gpio: Gpio,
    /// Each with whether low is active.
    outputs: Vec<(OutputPin, bool)>,
    inputs: Vec<(InputPin, bool)>,
}

impl Header {
    fn take(&mut self, line: &Line) -> Result<(), Error> {
        let number = u8::try_from(line.number).map_err(|_| Error::PinNotAvailable(u8::MAX))?;
        let pin = self.gpio.get(number)?;
        match line.way {
            Way::Out { at_rest } => {
                let mut pin = if at_rest == line.active_low {
                    pin.into_output_low()
                } else {
                    pin.into_output_high()
                };
                // Driven at rest is surer than let go: a line that floats may do anything.
                pin.set_reset_on_drop(false);
                self.outputs.push((pin, line.active_low));
            }
            Way::In { pull, debounce_ms } => {
                let mut pin = pin.into_input();
                pin.set_bias(match pull {
                    Pull::Up => Bias::PullUp,
                    Pull::Down => Bias::PullDown,
                    Pull::None => Bias::Off,
                });
                let debounce = Duration::from_millis(u64::from(debounce_ms));
                let debounce = Some(debounce).filter(|debounce| !debounce.is_zero());
                pin.set_interrupt(Trigger::Both, debounce)?;
                self.inputs.push((pin, line.active_low));
            }
        }
        Ok(())
    }
}

fn not_open(line: u32) -> Fault {
    Fault::new(FaultKind::NoLine, format!("line {line} is not open"))
}

impl Pins for Header {
    fn drive(&mut self, line: u32, active: bool) -> Result<(), Fault> {
        let mut outputs = self.outputs.iter_mut();
        let found = outputs.find(|(pin, _)| u32::from(pin.pin()) == line);
        let (pin, active_low) = found.ok_or_else(|| not_open(line))?;
        if active == *active_low {
            pin.set_low();
        } else {
            pin.set_high();
        }
        Ok(())
    }

    fn is_active(&mut self, line: u32) -> Result<bool, Fault> {
        let mut inputs = self.inputs.iter();
        let found = inputs.find(|(pin, _)| u32::from(pin.pin()) == line);
        let (pin, active_low) = found.ok_or_else(|| not_open(line))?;
        Ok(pin.is_low() == *active_low)
    }

    fn changed(&mut self, at_most: Duration) -> Result<Option<Edge>, Fault> {
        let pins: Vec<&InputPin> = self.inputs.iter().map(|(pin, _)| pin).collect();
        let polled = self.gpio.poll_interrupts(&pins, false, Some(at_most));
        let (number, trigger) = match polled {
            Ok(Some((pin, event))) => (pin.pin(), event.trigger),
            Ok(None) => return Ok(None),
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::Interrupted => {
                return Ok(None);
            }
            Err(error) => return Err(fault(&error, None)),
        };
        let active_low = self
            .inputs
            .iter()
            .any(|(pin, active_low)| pin.pin() == number && *active_low);
        Ok(Some(Edge {
            line: u32::from(number),
            active: (trigger == Trigger::FallingEdge) == active_low,
        }))
    }
}
