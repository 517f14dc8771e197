//! Scanners on pseudo-terminals: what a serial scanner would send, sent by us.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, ioctl_tiocnxcl, tcgetattr, tcsetattr};

/// A scanner. A kiosk opens [`Scanner::path`] as its serial port.
///
/// Both ends stay open with it, so that a kiosk may come and go, and nothing is hung up before all of it was read.
#[derive(Debug)]
pub struct Scanner {
    ours: File,
    theirs: File,
    path: PathBuf,
}

impl Scanner {
    /// A new pseudo-terminal in raw mode.
    ///
    /// # Panics
    /// Where the system has none to give.
    #[allow(
        clippy::new_without_default,
        reason = "it takes something from the system"
    )]
    pub fn new() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&ours).expect("a pseudo-terminal of ours");
        unlockpt(&ours).expect("a pseudo-terminal of ours");
        let name = ptsname(&ours, Vec::new()).expect("a pseudo-terminal has a name");
        let path = PathBuf::from(name.to_str().expect("its name is ASCII"));
        let theirs = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .expect("both ends open");
        let mut raw = tcgetattr(&theirs).expect("it is a terminal");
        raw.make_raw();
        tcsetattr(&theirs, OptionalActions::Now, &raw).expect("it is a terminal");
        Self {
            ours: File::from(ours),
            theirs,
            path,
        }
    }

    /// The path of the kiosk's end.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets another program open the kiosk's end, where one that was killed had it for itself.
    pub fn release(&self) {
        // A terminal that nobody holds exclusively stays as it is.
        let _ = ioctl_tiocnxcl(&self.theirs);
    }

    /// Sends one code with the terminator that scanners send. Waits while the terminal is full.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn scan(&self, code: &str) {
        let mut ours = &self.ours;
        let sent = ours.write_all(format!("{code}\r").as_bytes());
        sent.expect("both ends are open");
    }
}
