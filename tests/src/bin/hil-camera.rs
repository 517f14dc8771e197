//! Plays a camera in a guest: writes one frame again and again into a v4l2loopback device.
//!
//! Contract: `hil-camera DEVICE CODE WIDTH HEIGHT FILE`, where CODE is the kernel's name of the frame's layout (`YUYV`, `MJPG`) and FILE holds
//! the frame; a file that is put in its place is shown from then on. It says `writes` once the first frame was taken, and writes until it is
//! ended. `hil-camera press DEVICE CONTROL` presses a button of a driver, by the button's name.

use std::error::Error;
use std::io::Write as _;
use std::time::Duration;

use v4l::control::{Control, Value};
use v4l::video::Output;
use v4l::{Device, Format, FourCC};

/// The pause between two frames.
const FRAME_EVERY: Duration = Duration::from_millis(100);

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["press", device, control] => press(device, control),
        [device, code, width, height, file] => {
            let code = FourCC::new(code.as_bytes().try_into()?);
            let format = Format::new(width.parse()?, height.parse()?, code);
            play(device, format, file)
        }
        _ => Err("hil-camera DEVICE CODE WIDTH HEIGHT FILE".into()),
    }
}

fn press(device: &str, control: &str) -> Result<(), Box<dyn Error>> {
    let device = Device::with_path(device)?;
    let offered = device.query_controls()?;
    let named = offered.iter().find(|offered| offered.name == control);
    let id = named.ok_or("there is no such control")?.id;
    let value = Value::Integer(1);
    Ok(device.set_control(Control { id, value })?)
}

fn play(device: &str, mut format: Format, file: &str) -> Result<(), Box<dyn Error>> {
    let mut frame = std::fs::read(file)?;
    let mut shown = std::fs::metadata(file)?.modified()?;
    let mut device = Device::with_path(device)?;
    format.size = u32::try_from(frame.len())?;
    Output::set_format(&device, &format)?;
    device.write_all(&frame)?;
    println!("writes");
    loop {
        std::thread::sleep(FRAME_EVERY);
        let there = std::fs::metadata(file)?.modified()?;
        if there != shown {
            (frame, shown) = (std::fs::read(file)?, there);
        }
        device.write_all(&frame)?;
    }
}
