//! Frames from a program that writes them to its standard output one after the other, as `rpicam-vid --codec yuv420 -o -` does.

use std::io::{ErrorKind, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vision::{Frame, FrameError, Grey, Layout};

use super::cut::{Cut, Cutter};
use super::{FrameSource, Loss, LossKind};
use crate::config::CommandCamera;

/// Bytes read at once: what a pipe holds.
const CHUNK_BYTES: usize = 1 << 16;

/// A running program. Dropping it ends the program.
pub(super) struct CommandSource {
    child: Child,
    output: ChildStdout,
    name: String,
    layout: Layout,
    chunk: Box<[u8]>,
    cutter: Cutter,
    /// What was cut last is no frame.
    spoilt: bool,
    grey: Grey,
}

impl CommandSource {
    pub(super) fn start(config: &CommandCamera) -> Result<Self, Loss> {
        let name = config.command.join(" ");
        let (program, arguments) = config
            .command
            .split_first()
            .ok_or_else(|| Loss::new(LossKind::Failed, "`command` is empty; name the program"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                let detail = format!(
                    "the program {program} cannot be started: {error}; install it, or mend `command`"
                );
                Loss::new(Loss::of_io(&error, program).kind, detail)
            })?;
        let output = child
            .stdout
            .take()
            .ok_or_else(|| Loss::new(LossKind::Failed, format!("{name}: no output to read")))?;
        Ok(Self {
            child,
            output,
            name,
            layout: config.layout,
            chunk: vec![0; CHUNK_BYTES].into_boxed_slice(),
            cutter: Cutter::new(&config.layout),
            spoilt: false,
            grey: Grey::default(),
        })
    }

    fn has_output(&self, at_most: Duration) -> Result<bool, Loss> {
        let mut watched = [PollFd::new(&self.output, PollFlags::IN)];
        let at_most = Timespec::try_from(at_most).ok();
        match poll(&mut watched, at_most.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => Ok(false),
            Ok(_) => Ok(true),
            Err(error) => Err(Loss::of_io(&error.into(), &self.name)),
        }
    }

    /// Whether a frame, or something that is none, is there.
    fn cut(&mut self) -> bool {
        let cut = self.cutter.next();
        self.spoilt = cut == Cut::Spoilt;
        cut != Cut::More
    }
}

impl FrameSource for CommandSource {
    fn wait(&mut self, at_most: Duration) -> Result<bool, Loss> {
        if self.cut() {
            return Ok(true);
        }
        if !self.has_output(at_most)? {
            return Ok(false);
        }
        match self.output.read(&mut self.chunk) {
            Ok(0) => Err(Loss::new(
                LossKind::Unplugged,
                format!("{} has ended; run it by hand to see why", self.name),
            )),
            Ok(read) => {
                self.cutter.push(&self.chunk[..read]);
                Ok(self.cut())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(Loss::of_io(&error, &self.name)),
        }
    }

    fn frame(&mut self) -> Result<Frame<'_>, FrameError> {
        if self.spoilt {
            return Err(FrameError::Jpeg);
        }
        self.grey.of(self.cutter.frame(), &self.layout)
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for CommandSource {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left to do here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
