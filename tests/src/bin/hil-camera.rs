//! Plays a camera in a guest: writes one frame again and again into a v4l2loopback device.
//!
//! Contract: `hil-camera DEVICE CODE WIDTH HEIGHT FILE`, where CODE is the kernel's name of the frame's layout (`YUYV`, `MJPG`) and FILE holds
//! the frame. It says `writes` once the first frame was taken, and writes until it is ended.

use std::error::Error;
use std::io::Write as _;
use std::time::Duration;

use v4l::video::Output;
use v4l::{Device, Format, FourCC};

/// The pause between two frames.
const FRAME_EVERY: Duration = Duration::from_millis(100);

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [device, code, width, height, file] = words.as_slice() else {
        return Err("hil-camera DEVICE CODE WIDTH HEIGHT FILE".into());
    };
    let frame = std::fs::read(file)?;
    let mut device = Device::with_path(device)?;
    let code = FourCC::new(code.as_bytes().try_into()?);
    let mut format = Format::new(width.parse()?, height.parse()?, code);
    format.size = u32::try_from(frame.len())?;
    Output::set_format(&device, &format)?;
    device.write_all(&frame)?;
    println!("writes");
    loop {
        std::thread::sleep(FRAME_EVERY);
        device.write_all(&frame)?;
    }
}
