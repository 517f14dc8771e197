//! What cameras are attached and what they offer, for people.

use std::sync::mpsc;
use std::time::Duration;

use super::super::{Loss, LossKind};
use super::driver;
use super::nodes::{self, Node};
use crate::config::VideoCamera;

/// How long a camera may take to say what it offers.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// A camera, or whatever the kernel lists as one.
#[derive(Clone, Debug)]
pub struct AttachedCamera {
    node: Node,
    /// Its modes that can be read, in words; of sizes in steps the one that would be taken.
    pub modes: Result<Vec<String>, Loss>,
}

impl AttachedCamera {
    /// Whether a reader may be this camera.
    pub fn fits(&self, wanted: &VideoCamera) -> bool {
        self.node.fits(wanted)
    }

    /// The camera in words: who it is and where it is plugged in.
    pub fn words(&self) -> String {
        self.node.words()
    }

    /// The keys of a block that names it.
    pub fn block(&self) -> String {
        self.node.block()
    }
}

/// Every camera that the kernel lists, by number, each asked for its modes up to a size. One whose driver does not answer is left alone.
pub fn cameras(size_max: (u32, u32)) -> Vec<AttachedCamera> {
    let asked = nodes::nodes().into_iter().map(|node| AttachedCamera {
        modes: modes(&node, size_max),
        node,
    });
    asked.collect()
}

fn modes(node: &Node, size_max: (u32, u32)) -> Result<Vec<String>, Loss> {
    let (asked, path) = (node.clone(), node.path().display().to_string());
    within(ANSWERS_WITHIN, &path, move || {
        let modes = driver::modes(&asked, size_max)?;
        Ok(modes.iter().map(ToString::to_string).collect())
    })
}

/// What a driver answers, if it does so in time. Otherwise its thread is left behind.
fn within<T: Send + 'static>(
    at_most: Duration,
    path: &str,
    ask: impl FnOnce() -> Result<T, Loss> + Send + 'static,
) -> Result<T, Loss> {
    let (tell, told) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("camera".to_owned());
    let started = thread.spawn(move || {
        // Nobody waits for a driver that took too long.
        let _ = tell.send(ask());
    });
    started.map_err(|error| Loss::of_io(&error, path))?;
    told.recv_timeout(at_most).unwrap_or_else(|_| {
        let detail = format!("{path}: its driver does not answer");
        Err(Loss::new(LossKind::Failed, detail))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::time::Instant;

    use super::*;

    #[test]
    fn a_driver_that_hangs_or_panics_is_left_alone() {
        let check = |ask: Box<dyn FnOnce() -> Result<u32, Loss> + Send>, expected| {
            let answered = within(Duration::from_millis(200), "/dev/video7", ask);
            assert_eq!(answered.map_err(|loss| loss.detail), expected);
        };
        let silent = || Err("/dev/video7: its driver does not answer".to_owned());
        check(Box::new(|| Ok(7)), Ok(7));
        check(Box::new(|| panic!("as the test wants")), silent());
        let (over, told) = mpsc::channel::<()>();
        let hangs = move || {
            // Until the test is over.
            let _ = told.recv();
            Ok(7)
        };
        let since = Instant::now();
        check(Box::new(hangs), silent());
        assert!(since.elapsed() < ANSWERS_WITHIN, "it was waited for");
        drop(over);
    }
}
