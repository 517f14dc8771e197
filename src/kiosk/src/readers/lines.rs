//! Readers of lines: a terminal, a pipe, a FIFO, a file; one code a line.
//!
//! Standard input and files end: the reader is over with them. A FIFO is opened anew when its last writer has closed it, without a gap in
//! which a writer would find nobody; a terminal is looked for again as a device is. A last line without its end counts.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::framing::{Framed, Framer};
use super::{Connection, Decoded, Device, Loss, LossKind};
use crate::config::{LinesConfig, LinesPlace, Terminator};

/// Bytes read at once.
const CHUNK_BYTES: usize = 4096;

/// A source of lines to be opened.
pub(super) struct LinesDevice {
    config: LinesConfig,
}

impl LinesDevice {
    pub(super) fn new(config: LinesConfig) -> Self {
        Self { config }
    }
}

impl Device for LinesDevice {
    fn open(&mut self) -> Result<Box<dyn Connection>, Loss> {
        let (input, after_end, name) = match &self.config.place {
            LinesPlace::Stdin => (stdin()?, AfterEnd::Over, "standard input".to_owned()),
            LinesPlace::Path(path) => {
                let name = path.display().to_string();
                let input = open(path).map_err(|error| Loss::of_io(&error, &name))?;
                let after_end =
                    AfterEnd::of(&input, path).map_err(|error| Loss::of_io(&error, &name))?;
                (input, after_end, name)
            }
        };
        Ok(Box::new(LinesConnection {
            input,
            after_end,
            name,
            framer: Framer::new(Terminator::Line, None),
            chunk: Box::new([0; CHUNK_BYTES]),
            filled: 0,
            ended: false,
            framed: Vec::new(),
        }))
    }
}

/// Opens for reading without waiting for a writer, and without becoming the terminal's owner.
fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

/// A handle of our own for standard input. It stays blocking, since others share it; it is read only after the system said there is input.
fn stdin() -> Result<File, Loss> {
    let own: OwnedFd = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| Loss::of_io(&error, "standard input"))?;
    Ok(File::from(own))
}

/// What is to be done when the input ends.
enum AfterEnd {
    /// Nothing: it is over.
    Over,
    /// Open the FIFO at this path again.
    OpenAgain(std::path::PathBuf),
    /// Look for the device again.
    LookAgain,
}

impl AfterEnd {
    fn of(input: &File, path: &Path) -> std::io::Result<Self> {
        let kind = input.metadata()?.file_type();
        Ok(if kind.is_fifo() {
            Self::OpenAgain(path.to_owned())
        } else if kind.is_char_device() {
            Self::LookAgain
        } else {
            Self::Over
        })
    }
}

struct LinesConnection {
    input: File,
    after_end: AfterEnd,
    name: String,
    framer: Framer,
    chunk: Box<[u8; CHUNK_BYTES]>,
    filled: usize,
    /// The writers of a FIFO are done: what they left is whole.
    ended: bool,
    framed: Vec<Framed>,
}

impl LinesConnection {
    fn has_input(&self, at_most: Duration) -> Result<bool, Loss> {
        let mut watched = [PollFd::new(&self.input, PollFlags::IN)];
        let at_most = Timespec::try_from(at_most).ok();
        match poll(&mut watched, at_most.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => Ok(false),
            Ok(_) => Ok(true),
            Err(error) => Err(Loss::of_io(&error.into(), &self.name)),
        }
    }

    fn at_end(&mut self) -> Result<bool, Loss> {
        match &self.after_end {
            AfterEnd::OpenAgain(path) => {
                // The new handle is there before the old one goes, so that a writer always finds a reader.
                self.input = open(path).map_err(|error| Loss::of_io(&error, &self.name))?;
                self.ended = true;
                Ok(true)
            }
            AfterEnd::Over => Err(Loss::new(
                LossKind::Ended,
                format!("{} has ended", self.name),
            )),
            AfterEnd::LookAgain => Err(Loss::of_io(&ErrorKind::UnexpectedEof.into(), &self.name)),
        }
    }

    fn hand_over(&mut self, decoded: &mut Vec<Decoded>) {
        decoded.extend(self.framed.drain(..).map(Decoded::framed));
    }
}

impl Connection for LinesConnection {
    fn wait(&mut self, at_most: Duration) -> Result<bool, Loss> {
        if !self.has_input(at_most)? {
            return Ok(false);
        }
        match self.input.read(&mut self.chunk[..]) {
            Ok(0) => self.at_end(),
            Ok(filled) => {
                self.filled = filled;
                Ok(true)
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(false)
            }
            Err(error) => Err(Loss::of_io(&error, &self.name)),
        }
    }

    fn decode(&mut self, now_ms: u64, decoded: &mut Vec<Decoded>) {
        let bytes = &self.chunk[..self.filled];
        self.framer.push(bytes, now_ms, &mut self.framed);
        self.filled = 0;
        if std::mem::take(&mut self.ended) {
            self.framer.finish(&mut self.framed);
        }
        self.hand_over(decoded);
    }

    fn quiet(&mut self, _now_ms: u64, _decoded: &mut Vec<Decoded>) {}

    fn due_ms(&self) -> Option<u64> {
        None
    }

    fn end(&mut self, loss: &Loss, decoded: &mut Vec<Decoded>) {
        match loss.kind {
            LossKind::Ended => self.framer.finish(&mut self.framed),
            _ => self.framer.cut(&mut self.framed),
        }
        self.hand_over(decoded);
    }
}
