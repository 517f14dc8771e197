//! `doctor` on the board's lines: whether the chip is there, each line is free, and this user may use them.

use std::path::Path;

use super::{Outcome, Report};
use crate::config::{Config, GpioConfig};
use crate::gpio::{self, Fault, FaultKind, chardev};

/// Where a Raspberry Pi's registers are to be opened, by the boards' generations.
const REGISTERS: [&str; 2] = ["/dev/gpiomem", "/dev/gpiomem0"];
/// The labels of the chip behind a Raspberry Pi's header, by the boards' generations.
const HEADER_LABELS: [&str; 3] = ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"];

pub(super) fn check(config: &Config, is_running: bool, report: &mut Report) {
    let Some(gpio) = &config.gpio else {
        return;
    };
    let chip = match &gpio.chip {
        Some(name) => chardev::find(name),
        None => header(report),
    };
    let chip = match chip {
        Ok(chip) => chip,
        Err(fault) => {
            report.line(Outcome::Fail, "gpio", &with_rule(&fault));
            return;
        }
    };
    let found = format!(
        "{} ({}), {} lines",
        chip.path.display(),
        chip.label.escape_debug(),
        chip.lines
    );
    report.line(Outcome::Ok, "gpio", &found);
    for (line, what) in gpio.uses() {
        let what = format!("gpio {what}");
        if line >= chip.lines {
            let found = format!(
                "line {line}: the chip has 0 to {}",
                chip.lines.saturating_sub(1)
            );
            report.line(Outcome::Fail, &what, &found);
            continue;
        }
        let (outcome, found) = match chardev::line(&chip.path, line) {
            Ok(found) => stands(line, &found, is_running, in_use(gpio, line)),
            Err(fault) => (Outcome::Fail, fault.detail),
        };
        report.line(outcome, &what, &found);
    }
}

/// The chip behind the header, once it is sure that the registers can be opened.
fn header(report: &mut Report) -> Result<chardev::Found, Fault> {
    if !gpio::is_pi() {
        return Err(Fault {
            kind: FaultKind::NoChip,
            detail: "this machine is no Raspberry Pi that is known; name the board's `chip` under [gpio], gpiodetect lists them".to_owned(),
        });
    }
    let registers = REGISTERS.iter().find(|path| Path::new(path).exists());
    let opened = registers.map(|path| {
        let opened = std::fs::File::options().read(true).write(true).open(path);
        (path, opened)
    });
    match opened {
        Some((path, Err(error))) => {
            let found = format!("{path}: {error}; {RULE}");
            report.line(Outcome::Fail, "gpio registers", &found);
        }
        Some((path, Ok(_))) => report.line(Outcome::Ok, "gpio registers", path),
        None => {
            let found = "no /dev/gpiomem; does the kernel come from Raspberry Pi? Name a `chip` under [gpio] otherwise";
            report.line(Outcome::Fail, "gpio registers", &found);
        }
    }
    let mut labels = HEADER_LABELS.iter();
    let found = labels.find_map(|label| match chardev::find(label) {
        Err(fault) if fault.kind == FaultKind::NoChip => None,
        found => Some(found),
    });
    found.unwrap_or_else(|| chardev::find("gpiochip0"))
}

/// What makes the devices usable.
const RULE: &str = "install 70-rollcall.rules, make the user a member of the group gpio (systemd-sysusers does), and run udevadm control --reload && udevadm trigger";

fn with_rule(fault: &Fault) -> String {
    match fault.kind {
        FaultKind::Denied => format!("{fault} If not: {RULE}"),
        FaultKind::NoChip | FaultKind::NoLine | FaultKind::Busy | FaultKind::Failed => {
            fault.to_string()
        }
    }
}

/// What a Raspberry Pi has on a line besides, where it seems to be switched on.
fn in_use(gpio: &GpioConfig, line: u32) -> Option<&'static str> {
    if gpio.chip.is_some() {
        return None;
    }
    let nodes: &[&str] = match line {
        2 | 3 => &["/dev/i2c-1"],
        7..=11 => &["/dev/spidev0.0", "/dev/spidev0.1"],
        14 | 15 => &["/dev/serial0"],
        // Add-on boards are looked for there at every boot.
        0 | 1 => &["/proc"],
        _ => &[],
    };
    let switched_on = nodes.iter().any(|node| Path::new(node).exists());
    gpio::usual_use(line).filter(|_| switched_on)
}

fn stands(
    line: u32,
    found: &chardev::LineFound,
    is_running: bool,
    other_use: Option<&str>,
) -> (Outcome, String) {
    let name = match found.name.as_str() {
        "" => String::new(),
        name => format!(" ({})", name.escape_debug()),
    };
    match (&found.used_by, other_use) {
        (Some(_), _) if found.is_ours() && is_running => (
            Outcome::Ok,
            format!("line {line}{name}, held by the daemon"),
        ),
        (Some(by), _) => (
            Outcome::Fail,
            format!(
                "line {line}{name} is used by \"{}\"; stop that, or choose another line",
                by.escape_debug()
            ),
        ),
        (None, Some(other)) => (
            Outcome::Warn,
            format!(
                "line {line}{name} is free, but {other} is switched on there; switch it off in config.txt, or choose another line"
            ),
        ),
        (None, None) => (Outcome::Ok, format!("line {line}{name} is free")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_free_or_somebodys() {
        let check = |used_by: Option<&str>, is_running, other, outcome, words: &str| {
            let found = chardev::LineFound {
                name: "GPIO17".to_owned(),
                used_by: used_by.map(str::to_owned),
            };
            let (came, said) = stands(17, &found, is_running, other);
            assert_eq!(came, outcome, "{said}");
            assert!(said.contains(words), "{said:?} lacks {words:?}");
        };
        check(None, false, None, Outcome::Ok, "line 17 (GPIO17) is free");
        check(
            None,
            false,
            Some("SPI"),
            Outcome::Warn,
            "SPI is switched on",
        );
        check(
            Some("rollcall-kiosk"),
            true,
            None,
            Outcome::Ok,
            "held by the daemon",
        );
        check(
            Some("rollcall-kiosk"),
            false,
            None,
            Outcome::Fail,
            "used by",
        );
        check(Some("spi0 CS0"), true, None, Outcome::Fail, "\"spi0 CS0\"");
    }
}
