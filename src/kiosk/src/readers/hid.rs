//! USB scanners that speak HID.

use super::{Connection, Device, Loss, LossKind};
use crate::config::HidConfig;

/// A HID scanner to be opened.
pub(super) struct HidDevice {
    config: HidConfig,
}

impl HidDevice {
    pub(super) fn new(config: HidConfig) -> Self {
        Self { config }
    }
}

impl Device for HidDevice {
    fn open(&mut self) -> Result<Box<dyn Connection>, Loss> {
        let detail = format!("{:04x}: not read yet", self.config.usb.vendor);
        Err(Loss::new(LossKind::Failed, detail))
    }
}
