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
    let (tell, told) = mpsc::sync_channel(1);
    let asked = node.clone();
    let thread = std::thread::Builder::new().name("camera".to_owned());
    let started = thread.spawn(move || {
        let modes = driver::modes(&asked, size_max);
        let words = modes.map(|modes| modes.iter().map(ToString::to_string).collect());
        // Nobody waits for a driver that took too long.
        let _ = tell.send(words);
    });
    let path = node.path().display().to_string();
    started.map_err(|error| Loss::of_io(&error, &path))?;
    told.recv_timeout(ANSWERS_WITHIN).unwrap_or_else(|_| {
        let detail = format!("{path}: its driver does not answer");
        Err(Loss::new(LossKind::Failed, detail))
    })
}
