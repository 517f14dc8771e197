//! What is attached, in words, and what the configuration makes of it: for `doctor` and for the status page, which say the same.
//!
//! Contract: looks only. No serial port and no camera is opened for it, since some devices do something when they are.

use std::collections::BTreeMap;
use std::path::Path;

use attendance::words::ReaderId;
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::camera::nodes::{self, Node};
use super::{Attached, Loss, Offer, attached};
use crate::config::{CameraSource, DeviceConfig, ReaderConfig};

/// A device and what is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surveyed {
    /// Which device it is, for people.
    pub device: String,
    /// Who reads it.
    pub part: Part,
    /// Why this program may not read it and what to do, for people.
    pub refused: Option<String>,
}

/// What a configuration makes of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These readers may be it. More than one is no reader's, until they are told apart.
    Of(Vec<ReaderId>),
    /// This reader's block fits several devices, so it reads none of them.
    OneOfSeveral(ReaderId),
    /// One of the ways to read a scanner whose other way is read.
    OtherWay,
    /// No block names it.
    Nobody {
        /// What to add to a block for it.
        add: String,
        /// Whether it says of itself that it is a scanner: a keyboard and a laptop's camera do not.
        is_scanner: bool,
    },
}

impl Part {
    fn of(readers: &[ReaderConfig], fits: impl Fn(&ReaderConfig) -> bool) -> Option<Self> {
        let fitting = readers.iter().filter(|reader| fits(reader));
        let names: Vec<ReaderId> = fitting.map(|reader| reader.name.clone()).collect();
        (!names.is_empty()).then_some(Self::Of(names))
    }
}

/// Every device that may be a reader, cameras last.
///
/// # Errors
/// A [`Loss`] where the system does not tell.
pub fn survey(readers: &[ReaderConfig]) -> Result<Vec<Surveyed>, Loss> {
    let mut found = survey_attached(readers, &attached()?);
    let cameras = nodes::nodes();
    let mut cameras: Vec<Surveyed> = cameras.iter().map(|node| camera(readers, node)).collect();
    tell_apart(&mut cameras);
    found.append(&mut cameras);
    Ok(found)
}

impl Surveyed {
    /// What this means here, for people: the reader that it is, or what to do.
    pub fn note(&self) -> String {
        let note = match &self.part {
            Part::Of(readers) => match readers.as_slice() {
                [reader] => format!("reader {reader}"),
                readers => {
                    let names: Vec<&str> = readers.iter().map(ReaderId::as_str).collect();
                    let names = names.join(" and ");
                    format!("{names} name it; tell them apart by `serial` or `port`")
                }
            },
            Part::OneOfSeveral(reader) => format!(
                "reader {reader} may be any of several that are attached, so it reads none; name one by `vendor`, `product` and `serial` or `port`"
            ),
            Part::OtherWay => "read by another of its interfaces".to_owned(),
            Part::Nobody { add, is_scanner } => {
                let condition = if *is_scanner {
                    ""
                } else {
                    " if it is to read badges,"
                };
                format!("no [[reader]] names it;{condition} add {add}")
            }
        };
        match &self.refused {
            Some(refused) => format!("{note}: {refused}"),
            None => note,
        }
    }
}

/// What the configuration makes of devices other than cameras.
pub fn survey_attached(readers: &[ReaderConfig], attached: &[Attached]) -> Vec<Surveyed> {
    let surveyed = attached.iter().map(|device| Surveyed {
        device: device.words(),
        part: part(readers, attached, device),
        refused: device.refused_words(),
    });
    let mut surveyed: Vec<Surveyed> = surveyed.collect();
    tell_apart(&mut surveyed);
    surveyed
}

/// A reader whose block fits several devices reads none of them.
fn tell_apart(surveyed: &mut [Surveyed]) {
    let mut fitting: BTreeMap<ReaderId, usize> = BTreeMap::new();
    for found in surveyed.iter() {
        if let Part::Of(readers) = &found.part {
            for reader in readers {
                *fitting.entry(reader.clone()).or_default() += 1;
            }
        }
    }
    for found in surveyed {
        if let Part::Of(readers) = &found.part
            && let Some(reader) = readers.iter().find(|reader| fitting[*reader] > 1)
        {
            found.part = Part::OneOfSeveral(reader.clone());
        }
    }
}

fn part(readers: &[ReaderConfig], attached: &[Attached], device: &Attached) -> Part {
    let is_read = |device: &Attached| readers.iter().any(|reader| device.fits(reader));
    let reads_otherwise = |other: &Attached| {
        other.node != device.node
            && other.usb == device.usb
            && other.socket == device.socket
            && is_read(other)
    };
    let is_read_as_scanner = device.offer == Offer::Keys
        && attached
            .iter()
            .any(|other| reads_otherwise(other) && other.offer == Offer::PointOfSale);
    if is_read_as_scanner {
        return Part::OtherWay;
    }
    // A reader that may be a point-of-sale scanner and finds one does not look at keyboards.
    let has_scanner = |reader: &ReaderConfig| {
        let mut others = attached.iter();
        others.any(|other| other.offer == Offer::PointOfSale && other.fits(reader))
    };
    let is_it = |reader: &ReaderConfig| {
        device.fits(reader) && (device.offer != Offer::Keys || !has_scanner(reader))
    };
    if let Some(part) = Part::of(readers, is_it) {
        return part;
    }
    if attached.iter().any(reads_otherwise) {
        return Part::OtherWay;
    }
    let (vendor, product) = device.usb;
    let kind = match device.offer {
        Offer::PointOfSale | Offer::Keys => "hid",
        Offer::Serial => "serial",
    };
    Part::Nobody {
        add: format!("kind = \"{kind}\", vendor = 0x{vendor:04x}, product = 0x{product:04x}"),
        is_scanner: device.offer != Offer::Keys,
    }
}

fn camera(readers: &[ReaderConfig], node: &Node) -> Surveyed {
    let is_named = |reader: &ReaderConfig| match &reader.device {
        DeviceConfig::Camera(camera) => match &camera.source {
            CameraSource::Video(wanted) => node.fits(wanted),
            CameraSource::Command(_) => false,
        },
        DeviceConfig::Serial(_) | DeviceConfig::Hid(_) | DeviceConfig::Lines(_) => false,
    };
    let nobody = || Part::Nobody {
        add: node.block(),
        is_scanner: false,
    };
    Surveyed {
        device: node.words(),
        part: Part::of(readers, is_named).unwrap_or_else(nobody),
        refused: refused(&node.path()).map(|loss| camera_refused(&loss)),
    }
}

/// What to do about a camera that may not be opened.
pub fn camera_refused(loss: &Loss) -> String {
    let why = &loss.detail;
    format!("{why}; cameras belong to the group video: usermod -aG video rollcall")
}

/// Why this program may not read and write a node, as far as can be told without opening it.
pub(super) fn refused(node: &Path) -> Option<Loss> {
    let may = accessat(
        CWD,
        node,
        Access::READ_OK | Access::WRITE_OK,
        AtFlags::EACCESS,
    );
    may.err()
        .map(|error| Loss::of_io(&error.into(), &node.display().to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn device(offer: Offer, product: u16, node: &str, socket: &str) -> Attached {
        Attached {
            offer,
            usb: (1, product),
            name: "Thing".into(),
            serial: None,
            socket: Some(socket.into()),
            node: node.into(),
            refused: None,
        }
    }

    fn check(blocks: &str, attached: &[Attached], expected: &[&str]) {
        let config = format!("data_dir = \"d\"\n{blocks}");
        let config = crate::config::parse(&config, "kiosk.toml").unwrap();
        let found = survey_attached(&config.readers, attached);
        let notes: Vec<String> = found.iter().map(Surveyed::note).collect();
        assert_eq!(notes.len(), expected.len());
        for (note, expected) in notes.iter().zip(expected) {
            assert!(note.contains(expected), "{note:?} without {expected:?}");
        }
    }

    #[test]
    fn each_device_is_said_to_be_what_it_is() {
        let any = "[[reader]]\nname = \"any\"\nkind = \"hid\"\nany = true\n";
        let pos = device(Offer::PointOfSale, 2, "/dev/absent-1", "1-1");
        let pos_keys = device(Offer::Keys, 2, "/dev/absent-2", "1-1");
        let keyboard = device(Offer::Keys, 3, "/dev/absent-3", "1-2");
        let port = device(Offer::Serial, 4, "/dev/absent-4", "1-3");
        check(any, std::slice::from_ref(&keyboard), &["reader any"]);
        check(
            any,
            &[pos.clone(), pos_keys.clone(), keyboard.clone()],
            &["reader any", "another of its interfaces", "no [[reader]]"],
        );
        check(
            any,
            &[keyboard.clone(), pos_keys],
            &[
                "reader any may be any of several",
                "reader any may be any of several",
            ],
        );
        check(
            "",
            &[pos, keyboard, port],
            &[
                "names it; add kind = \"hid\", vendor = 0x0001, product = 0x0002",
                "if it is to read badges, add kind = \"hid\"",
                "names it; add kind = \"serial\"",
            ],
        );
    }

    #[test]
    fn what_may_not_be_opened_says_so() {
        let denied = Loss::of_io(
            &std::io::ErrorKind::PermissionDenied.into(),
            "/dev/absent-1",
        );
        let mut scanner = device(Offer::PointOfSale, 2, "/dev/absent-1", "1-1");
        scanner.refused = Some(denied);
        let block = "[[reader]]\nname = \"pos\"\nkind = \"hid\"\nvendor = 1\nproduct = 2\n";
        check(block, &[scanner], &["ATTRS{idVendor}==\"0001\""]);
        assert_eq!(
            refused(Path::new("/dev/absent-1")).unwrap().kind.code(),
            "not_found"
        );
    }
}
