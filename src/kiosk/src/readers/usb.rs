//! Which USB socket a device node belongs to. The kernel's tree of devices says so in its folders' names.

use std::path::Path;

/// Where the kernel lists devices by their kind.
const CLASSES: [&str; 2] = ["/sys/class/tty", "/sys/class/hidraw"];

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
        assert!(passes(folder, "1-1.3"));
        assert!(!passes(folder, "1-1.30"));
        assert!(!passes(folder, "1.3"));
        assert!(!is_at(Path::new("/dev/absent-node"), "1-1.3"));
        assert!(!is_at(Path::new("/"), "1-1.3"));
    }
}
