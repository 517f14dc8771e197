//! Which USB socket a device node belongs to. The kernel's tree of devices says so in its folders' names.

use std::path::Path;

use crate::config::{UsbIdentity, UsbMatch};

/// Where the kernel lists devices by their kind.
const CLASSES: [&str; 2] = ["/sys/class/tty", "/sys/class/hidraw"];

/// A USB device that is attached, as far as it tells who it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) vendor: u16,
    pub(super) product: u16,
    pub(super) serial: Option<&'a str>,
    pub(super) place: Place<'a>,
}

/// Where a device is, for its socket to be told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// Its node.
    Node(&'a Path),
    /// Its folder in the kernel's tree of devices, without links.
    Folder(&'a Path),
}

impl Place<'_> {
    fn is_at(self, socket: &str) -> bool {
        match self {
            Self::Node(node) => is_at(node, socket),
            Self::Folder(folder) => passes(folder, socket),
        }
    }
}

impl Found<'_> {
    /// Whether a reader may be this device.
    pub(super) fn fits(self, wanted: &UsbMatch) -> bool {
        match wanted {
            UsbMatch::Named(usb) => self.is(usb),
            UsbMatch::AnyBut(others) => !others.iter().any(|usb| self.is(usb)),
        }
    }

    fn is(self, usb: &UsbIdentity) -> bool {
        let serial_fits = usb.serial.is_none() || usb.serial.as_deref() == self.serial;
        let socket = usb.port.as_ref();
        (self.vendor, self.product) == (usb.vendor, usb.product)
            && serial_fits
            && socket.is_none_or(|socket| self.place.is_at(socket))
    }
}

/// The USB socket that the device behind `node` is plugged into, as the kernel names it.
pub(super) fn socket(node: &Path) -> Option<String> {
    let name = node.file_name()?;
    let folders = CLASSES.iter();
    let mut folders = folders.filter_map(|class| Path::new(class).join(name).canonicalize().ok());
    folders.find_map(|folder| socket_in(&folder))
}

/// The last folder that is a socket: a bus, a hyphen, and ports with dots between.
pub(super) fn socket_in(folder: &Path) -> Option<String> {
    let is_socket = |part: &&str| {
        part.split_once('-').is_some_and(|(bus, ports)| {
            let is_number =
                |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            is_number(bus) && ports.split('.').all(is_number)
        })
    };
    let parts = folder.components().rev();
    let mut parts = parts.filter_map(|part| part.as_os_str().to_str());
    parts.find(is_socket).map(str::to_owned)
}

/// Whether the device behind `node` (`/dev/ttyACM0`, `/dev/hidraw1`) is plugged into `socket`, as the kernel names it (`1-1.3`).
pub(super) fn is_at(node: &Path, socket: &str) -> bool {
    let Some(name) = node.file_name() else {
        return false;
    };
    CLASSES
        .iter()
        .filter_map(|class| Path::new(class).join(name).canonicalize().ok())
        .any(|folder| passes(&folder, socket))
}

/// Whether a device's folder lies below the USB device at `socket`.
fn passes(folder: &Path, socket: &str) -> bool {
    folder
        .components()
        .any(|part| part.as_os_str() == std::ffi::OsStr::new(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_a_whole_folder_of_the_device_tree() {
        let folder = Path::new(
            "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.3/1-1.3:1.0/0003:05E0:1300.0001/hidraw/hidraw0",
        );
        assert_eq!(socket_in(folder).as_deref(), Some("1-1.3"));
        assert_eq!(socket_in(Path::new("/sys/devices/virtual/tty/tty1")), None);
        assert_eq!(socket_in(Path::new("/sys/devices/a-1/1-/-1")), None);
        assert!(passes(folder, "1-1.3"));
        assert!(!passes(folder, "1-1.30"));
        assert!(!passes(folder, "1.3"));
        assert!(!is_at(Path::new("/dev/absent-node"), "1-1.3"));
        assert!(!is_at(Path::new("/"), "1-1.3"));
    }
}
