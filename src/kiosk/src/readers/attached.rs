//! What is attached: every device that may be a reader, whether or not a configuration names it.
//!
//! Contract: looks and opens nothing. Keyboards of people are in the list as well, since a scanner that types says of itself no more than
//! they do.

use std::path::{Path, PathBuf};

use hidapi::HidApi;

use super::{Loss, LossKind, hid, serial, survey, usb};
use crate::config::{DeviceConfig, HidLayout, ReaderConfig};

/// What a device offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Reports of a point-of-sale scanner.
    PointOfSale,
    /// Keys.
    Keys,
    /// A serial port.
    Serial,
}

/// A device, by one of the ways to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// What it offers.
    pub offer: Offer,
    /// Vendor and product id.
    pub usb: (u16, u16),
    /// What it calls itself; may be empty.
    pub name: String,
    /// Its serial number, where it has one.
    pub serial: Option<String>,
    /// The socket it is plugged into, as the kernel names it.
    pub socket: Option<String>,
    /// Its node.
    pub node: PathBuf,
    /// Why this user may not read it.
    pub refused: Option<Loss>,
}

impl Attached {
    /// Whether a reader may be this device.
    pub fn fits(&self, reader: &ReaderConfig) -> bool {
        let is_wanted = match (&reader.device, self.offer) {
            (DeviceConfig::Hid(hid), Offer::PointOfSale) => hid.layout != HidLayout::Keyboard,
            (DeviceConfig::Hid(hid), Offer::Keys) => hid.layout != HidLayout::Pos,
            (DeviceConfig::Serial(_), Offer::Serial) => true,
            _ => false,
        };
        let found = usb::Found {
            vendor: self.usb.0,
            product: self.usb.1,
            serial: self.serial.as_deref(),
            place: usb::Place::Node(&self.node),
        };
        is_wanted && reader.device.usb().is_some_and(|usb| found.fits(usb))
            || self.offer == Offer::Serial && is_path(reader, &self.node)
    }

    /// The device in words: who it is, where it is plugged in and how it is read.
    pub fn words(&self) -> String {
        let (vendor, product) = self.usb;
        let mut text = format!("{vendor:04x}:{product:04x}");
        if !self.name.is_empty() {
            text.push_str(&format!(" {}", self.name.escape_debug()));
        }
        if let Some(serial) = &self.serial {
            text.push_str(&format!(", serial {}", serial.escape_debug()));
        }
        if let Some(socket) = &self.socket {
            text.push_str(&format!(", socket {socket}"));
        }
        let offer = match self.offer {
            Offer::PointOfSale => "point of sale",
            Offer::Keys => "types",
            Offer::Serial => "serial",
        };
        text.push_str(&format!(", {} ({offer})", self.node.display()));
        text
    }

    /// Why it may not be read, with the udev rule that may be missing.
    pub fn refused_words(&self) -> Option<String> {
        let loss = self.refused.as_ref()?;
        let vendor = self.usb.0;
        Some(format!(
            "{}; if its vendor is missing in 70-rollcall.rules, add to /etc/udev/rules.d/71-rollcall.rules: SUBSYSTEMS==\"usb\", ATTRS{{idVendor}}==\"{vendor:04x}\", GROUP=\"plugdev\", MODE=\"0660\" and run udevadm control --reload && udevadm trigger",
            loss.detail
        ))
    }
}

/// Whether a serial reader is named by a path to this node.
fn is_path(reader: &ReaderConfig, node: &Path) -> bool {
    let DeviceConfig::Serial(serial) = &reader.device else {
        return false;
    };
    let crate::config::SerialPlace::Path(path) = &serial.place else {
        return false;
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(path) == real(node)
}

/// Every USB device that can be read as a scanner, by node.
///
/// # Errors
/// A [`Loss`] where the system does not tell.
pub fn attached() -> Result<Vec<Attached>, Loss> {
    let api = HidApi::new().map_err(|error| {
        let detail = format!("the list of HID devices: {error}");
        Loss::new(LossKind::Failed, detail)
    })?;
    let mut found: Vec<Attached> = hid::interfaces(&api)
        .filter_map(|interface| {
            let offer = match () {
                () if interface.scans() => Offer::PointOfSale,
                () if interface.types() => Offer::Keys,
                () => return None,
            };
            Some(Attached {
                offer,
                usb: interface.usb,
                socket: usb::socket(&interface.path),
                refused: survey::refused(&interface.path),
                name: interface.name,
                serial: interface.serial.filter(|serial| !serial.is_empty()),
                node: interface.path,
            })
        })
        .collect();
    // Without a list of ports there are none.
    for port in serial::ports().unwrap_or_default() {
        let node = PathBuf::from(&port.node);
        found.push(Attached {
            offer: Offer::Serial,
            usb: (port.usb.vid, port.usb.pid),
            name: port.usb.product.unwrap_or_default(),
            serial: port.usb.serial_number,
            socket: usb::socket(&node),
            refused: survey::refused(&node),
            node,
        });
    }
    found.sort_by(|a, b| a.node.cmp(&b.node));
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_device_is_whose_block_names_it() {
        let device = |offer, usb, node: &str| Attached {
            offer,
            usb,
            name: "Scanner".into(),
            serial: Some("S1".into()),
            socket: None,
            node: node.into(),
            refused: None,
        };
        let text = "data_dir = \"d\"\n\
            [[reader]]\nname = \"pos\"\nkind = \"hid\"\nvendor = 1\nproduct = 2\nlayout = \"pos\"\n\
            [[reader]]\nname = \"rest\"\nkind = \"hid\"\nany = true\n\
            [[reader]]\nname = \"port\"\nkind = \"serial\"\npath = \"/dev/absent-7\"\n";
        let config = crate::config::parse(text, "kiosk.toml").unwrap();
        let whose = |device: &Attached| -> Vec<String> {
            let fitting = config.readers.iter().filter(|reader| device.fits(reader));
            fitting.map(|reader| reader.name.to_string()).collect()
        };
        let node = "/dev/absent-1";
        assert_eq!(whose(&device(Offer::PointOfSale, (1, 2), node)), ["pos"]);
        assert!(whose(&device(Offer::Keys, (1, 2), node)).is_empty());
        assert_eq!(whose(&device(Offer::Keys, (3, 4), node)), ["rest"]);
        assert!(whose(&device(Offer::Serial, (3, 4), node)).is_empty());
        assert_eq!(
            whose(&device(Offer::Serial, (3, 4), "/dev/absent-7")),
            ["port"]
        );
    }

    #[test]
    fn the_list_is_told_or_says_why_not() {
        match attached() {
            Ok(found) => assert!(found.iter().all(|device| device.node.starts_with("/dev"))),
            Err(loss) => assert_eq!(loss.kind, LossKind::Failed, "{}", loss.detail),
        }
    }
}
