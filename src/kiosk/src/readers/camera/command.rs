//! Frames from a program that writes them to its standard output one after the other, as `rpicam-vid --codec yuv420 -o -` does.

use std::io::{ErrorKind, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vision::{Frame, FrameError};

use super::{FrameSource, Loss, LossKind};
use crate::config::{CameraConfig, Pixels};

/// A running program. Dropping it ends the program.
pub(super) struct CommandSource {
    child: Child,
    output: ChildStdout,
    name: String,
    config: CameraConfig,
    /// One frame as the program writes it, and how much of it is there.
    bytes: Vec<u8>,
    filled: usize,
    /// The brightness alone, where it lies between colours.
    grey: Vec<u8>,
}

impl CommandSource {
    pub(super) fn start(config: &CameraConfig) -> Result<Self, Loss> {
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
            .map_err(|error| Loss::of_io(&error, program))?;
        let output = child
            .stdout
            .take()
            .ok_or_else(|| Loss::new(LossKind::Failed, format!("{name}: no output to read")))?;
        Ok(Self {
            child,
            output,
            name,
            bytes: vec![0; config.frame_bytes()],
            filled: 0,
            grey: Vec::new(),
            config: config.clone(),
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
}

impl FrameSource for CommandSource {
    fn wait(&mut self, at_most: Duration) -> Result<bool, Loss> {
        if self.filled == self.bytes.len() {
            self.filled = 0;
        }
        if !self.has_output(at_most)? {
            return Ok(false);
        }
        match self.output.read(&mut self.bytes[self.filled..]) {
            Ok(0) => Err(Loss::new(
                LossKind::Unplugged,
                format!("{} has ended; run it by hand to see why", self.name),
            )),
            Ok(read) => {
                self.filled += read;
                let is_whole = self.filled == self.bytes.len();
                if is_whole && self.config.pixels == Pixels::Yuyv {
                    self.grey.clear();
                    self.grey.extend(self.bytes.iter().step_by(2));
                }
                Ok(is_whole)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(Loss::of_io(&error, &self.name)),
        }
    }

    fn frame(&self) -> Result<Frame<'_>, FrameError> {
        let CameraConfig {
            width,
            height,
            stride,
            ..
        } = self.config;
        match self.config.pixels {
            // The grey plane comes first, whatever follows.
            Pixels::Grey | Pixels::Yuv420 | Pixels::Nv12 => {
                Frame::new(&self.bytes, width, height, stride)
            }
            Pixels::Yuyv => Frame::new(&self.grey, width, height, stride / 2),
        }
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
