//! Virtual hardware: a stock kernel in an emulator, with scanners, disks and timers that can be plugged, pulled and cut off.
//!
//! - [`vm`]: a guest that runs; [`qmp`]: the emulator's control socket; [`kernel`]: what is booted; [`wire`]: what guest and host say.
//! - [`stage`]: a kiosk in the guest; [`usb`]: scanners; [`lines`]: GPIO; [`replay`]: what a disk may hold after a power cut.
//!
//! The guest's first program is `hil-guest` of this package. It loads modules, starts the real programs from this machine's files and plays
//! those devices that the emulator has not got.

use std::time::Duration;

pub mod kernel;
pub mod lines;
pub mod qmp;
pub mod replay;
pub mod stage;
pub mod usb;
pub mod vm;
pub mod wire;

/// How long anything may take on a machine that emulates another and has much else to do.
pub const PATIENCE: Duration = Duration::from_secs(600);
