//! The cameras that the kernel lists, and which of them a reader is. Found by what stays the same when a camera is plugged in again, by way
//! of the kernel's tree of devices; no node is opened.

use std::path::{Path, PathBuf};

use super::super::usb::{self, Found, Place};
use super::super::{Loss, LossKind};
use crate::config::VideoCamera;

/// Where the kernel lists cameras and whatever else makes or takes pictures.
const CLASS: &str = "/sys/class/video4linux";
/// The most of them that are looked at.
const NODES_MAX: usize = 256;
/// The most bytes of a file there.
const FILE_BYTES_MAX: usize = 256;

/// A node that may be a camera's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::readers) struct Node {
    /// Its number: that of `/dev/video0` is 0.
    pub(in crate::readers) index: u32,
    /// What its driver calls it.
    pub(in crate::readers) card: String,
    /// Vendor and product id, of a USB device.
    pub(in crate::readers) usb: Option<(u16, u16)>,
    /// Its serial number, where it has one.
    pub(in crate::readers) serial: Option<String>,
    /// The socket it is plugged into, as the kernel names it.
    pub(in crate::readers) socket: Option<String>,
    /// Its folder in the kernel's tree of devices.
    folder: PathBuf,
}

impl Node {
    pub(in crate::readers) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/dev/video{}", self.index))
    }

    /// The camera in words: who it is and where it is plugged in.
    pub(in crate::readers) fn words(&self) -> String {
        let mut text = format!("camera \"{}\"", self.card.escape_debug());
        if let Some((vendor, product)) = self.usb {
            text.push_str(&format!(", USB {vendor:04x}:{product:04x}"));
        }
        if let Some(serial) = &self.serial {
            text.push_str(&format!(", serial {}", serial.escape_debug()));
        }
        if let Some(socket) = &self.socket {
            text.push_str(&format!(", socket {socket}"));
        }
        text.push_str(&format!(", {}", self.path().display()));
        text
    }

    /// The keys of a block that names it.
    pub(in crate::readers) fn block(&self) -> String {
        match self.usb {
            Some((vendor, product)) => {
                format!("kind = \"camera\", vendor = 0x{vendor:04x}, product = 0x{product:04x}")
            }
            None => format!("kind = \"camera\", card = \"{}\"", self.card.escape_debug()),
        }
    }

    /// Whether it is the camera that a reader names.
    pub(in crate::readers) fn fits(&self, wanted: &VideoCamera) -> bool {
        let is_called = wanted.card.as_ref().is_none_or(|card| *card == self.card);
        let is_usb = wanted.usb.as_ref().is_none_or(|wanted| {
            self.usb.is_some_and(|(vendor, product)| {
                let found = Found {
                    vendor,
                    product,
                    serial: self.serial.as_deref(),
                    place: Place::Folder(&self.folder),
                };
                found.fits(wanted)
            })
        });
        is_called && is_usb
    }

    /// Whether the kernel still has it.
    pub(super) fn is_there(&self) -> bool {
        Path::new(CLASS)
            .join(format!("video{}", self.index))
            .exists()
    }
}

/// Every camera, by number.
pub(in crate::readers) fn nodes() -> Vec<Node> {
    nodes_in(Path::new(CLASS))
}

fn nodes_in(class: &Path) -> Vec<Node> {
    let Ok(folders) = std::fs::read_dir(class) else {
        return Vec::new();
    };
    let folders = folders.take(NODES_MAX).flatten();
    let mut nodes: Vec<Node> = folders.filter_map(|folder| node(&folder.path())).collect();
    nodes.sort_by_key(|node| node.index);
    nodes
}

/// A node by its folder. Cameras have further nodes, for what they tell beside pictures; the first of a camera is the one.
fn node(folder: &Path) -> Option<Node> {
    let index = folder
        .file_name()?
        .to_str()?
        .strip_prefix("video")?
        .parse()
        .ok()?;
    if text(folder, "index").is_some_and(|nth| nth != "0") {
        return None;
    }
    let place = folder.canonicalize().ok()?;
    let card = text(folder, "name")?;
    let usb = place.ancestors().find_map(|part| {
        let id = |file| u16::from_str_radix(&text(part, file)?, 16).ok();
        let serial = || text(part, "serial").filter(|serial| !serial.is_empty());
        Some(((id("idVendor")?, id("idProduct")?), serial()))
    });
    let (usb, serial) = usb.map_or((None, None), |(usb, serial)| (Some(usb), serial));
    Some(Node {
        index,
        card,
        socket: usb.and_then(|_| usb::socket_in(&place)),
        usb,
        serial,
        folder: place,
    })
}

fn text(folder: &Path, file: &str) -> Option<String> {
    let text = std::fs::read_to_string(folder.join(file)).ok()?;
    (text.len() <= FILE_BYTES_MAX).then(|| text.trim().to_owned())
}

/// The one camera among these that a reader names.
pub(super) fn only(nodes: Vec<Node>, wanted: &VideoCamera) -> Result<Node, Loss> {
    let words = wanted.words();
    let mut fitting = nodes.into_iter().filter(|node| node.fits(wanted));
    match (fitting.next(), fitting.next()) {
        (Some(node), None) => Ok(node),
        (None, _) => Err(Loss::new(
            LossKind::NotFound,
            format!("no camera {words} is attached; is it plugged in?"),
        )),
        (Some(_), Some(_)) => Err(Loss::new(
            LossKind::Failed,
            format!(
                "several cameras {words} are attached; name one by `serial`, `port` or `card`, as rollcall-kiosk doctor shows them"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config::{UsbIdentity, UsbMatch};

    /// A tree as the kernel shows it: two cameras of one model with a second node each, and one that is no USB device.
    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let class = root.path().join("class");
        std::fs::create_dir_all(&class).unwrap();
        for (number, socket, serial, index, card) in [
            (0, "1-1.2", "S1", "0", "HD Camera"),
            (1, "1-1.2", "S1", "1", "HD Camera"),
            (2, "1-1.3", "", "0", "HD Camera"),
            (3, "", "", "0", "Loopback"),
        ] {
            let device = if socket.is_empty() {
                root.path().join("virtual")
            } else {
                root.path().join("usb1/1-1").join(socket)
            };
            let interface = device.join("1-0:1.0");
            let folder = interface.join(format!("video4linux/video{number}"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("index"), format!("{index}\n")).unwrap();
            std::fs::write(folder.join("name"), format!("{card}\n")).unwrap();
            if !socket.is_empty() {
                std::fs::write(device.join("idVendor"), "046d\n").unwrap();
                std::fs::write(device.join("idProduct"), "0825\n").unwrap();
                std::fs::write(device.join("serial"), format!("{serial}\n")).unwrap();
            }
            symlink(&folder, class.join(format!("video{number}"))).unwrap();
        }
        std::fs::create_dir(class.join("v4l-subdev0")).unwrap();
        root
    }

    fn named(serial: Option<&str>, port: Option<&str>) -> Option<UsbMatch> {
        Some(UsbMatch::Named(UsbIdentity {
            vendor: 0x046d,
            product: 0x0825,
            serial: serial.map(str::to_owned),
            port: port.map(str::to_owned),
        }))
    }

    #[test]
    fn a_camera_is_found_by_what_stays_the_same() {
        let root = tree();
        let check = |usb: Option<UsbMatch>, card: Option<&str>, expected: Result<u32, LossKind>| {
            let wanted = VideoCamera {
                usb,
                card: card.map(str::to_owned),
                size_max: (1_280, 720),
            };
            let found = only(nodes_in(&root.path().join("class")), &wanted);
            let found = found.map(|node| node.index).map_err(|loss| loss.kind);
            assert_eq!(found, expected, "{}", wanted.words());
        };
        check(named(Some("S1"), None), None, Ok(0));
        check(named(None, Some("1-1.3")), None, Ok(2));
        check(
            named(Some("S1"), Some("1-1.3")),
            None,
            Err(LossKind::NotFound),
        );
        check(named(None, Some("1-1.30")), None, Err(LossKind::NotFound));
        check(named(None, None), None, Err(LossKind::Failed));
        check(None, Some("Loopback"), Ok(3));
        check(None, Some("HD Camera"), Err(LossKind::Failed));
        check(
            named(Some("S1"), None),
            Some("Loopback"),
            Err(LossKind::NotFound),
        );
        check(
            Some(UsbMatch::AnyBut(Vec::new())),
            None,
            Err(LossKind::Failed),
        );
        let Some(UsbMatch::Named(first)) = named(Some("S1"), None) else {
            unreachable!("it is named");
        };
        check(Some(UsbMatch::AnyBut(vec![first])), None, Ok(2));
    }

    #[test]
    fn a_kernel_without_cameras_lists_none() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(nodes_in(&root.path().join("absent")), []);
        assert_eq!(nodes_in(root.path()), []);
    }

    #[test]
    fn what_is_listed_has_a_bound() {
        let root = tempfile::tempdir().unwrap();
        let class = root.path().join("class");
        for number in 0..NODES_MAX + 9 {
            let folder = class.join(format!("video{number}"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("name"), "Camera").unwrap();
        }
        assert_eq!(nodes_in(&class).len(), NODES_MAX);
        // A name that is longer than any that the kernel writes is none.
        let folder = root.path().join("one/video0");
        std::fs::create_dir_all(&folder).unwrap();
        for (length, expected) in [(FILE_BYTES_MAX, 1), (FILE_BYTES_MAX + 1, 0)] {
            std::fs::write(folder.join("name"), "a".repeat(length)).unwrap();
            assert_eq!(nodes_in(&root.path().join("one")).len(), expected);
        }
    }
}
