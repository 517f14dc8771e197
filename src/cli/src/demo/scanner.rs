//! A scanner on a pseudo-terminal: what a serial scanner would send, sent by us.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The scanner's side of a pseudo-terminal. The kiosk opens [`Scanner::path`] as a serial port.
#[derive(Debug)]
pub(crate) struct Scanner {
    ours: File,
    /// Keeps the terminal alive while no kiosk has it open, so that a kiosk may come and go.
    theirs: File,
    path: PathBuf,
}

impl Scanner {
    /// A new pseudo-terminal in raw mode.
    ///
    /// # Errors
    /// Where the system has none to give.
    pub(crate) fn new() -> io::Result<Self> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let name = ptsname(&ours, Vec::new())?;
        let path = PathBuf::from(name.to_str().map_err(io::Error::other)?);
        let theirs = File::options().read(true).write(true).open(&path)?;
        let mut raw = rustix::termios::tcgetattr(&theirs)?;
        raw.make_raw();
        rustix::termios::tcsetattr(&theirs, rustix::termios::OptionalActions::Now, &raw)?;
        Ok(Self {
            ours: File::from(ours),
            theirs,
            path,
        })
    }

    /// The path of the kiosk's side.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets another program open the kiosk's side, where one that was killed had it for itself.
    pub(crate) fn release(&self) {
        // A terminal that nobody holds exclusively stays as it is.
        let _ = rustix::termios::ioctl_tiocnxcl(&self.theirs);
    }

    /// Sends one code with the terminator that scanners send.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub(crate) fn scan(&mut self, code: &str) -> io::Result<()> {
        self.ours.write_all(format!("{code}\r").as_bytes())
    }
}
