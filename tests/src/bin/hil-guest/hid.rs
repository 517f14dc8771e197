//! HID devices that this guest plays itself, by the kernel's `uhid`: the format is that of `linux/uhid.h`, packed, in the machine's order.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::sync::Mutex;
use std::time::Duration;

use crate::wire::{HidDevice, Outcome};

use crate::{Tried, bytes, said};

const UHID: &str = "/dev/uhid";
/// Kinds of messages.
const DESTROY: u32 = 1;
const GET_REPORT: u32 = 9;
const GET_REPORT_REPLY: u32 = 10;
const CREATE: u32 = 11;
const INPUT: u32 = 12;
const SET_REPORT: u32 = 13;
const SET_REPORT_REPLY: u32 = 14;
/// The longest message: a creation.
const MESSAGE_BYTES: usize = 4380;
/// The longest descriptor.
const DESCRIPTOR_BYTES: usize = 4096;
/// What the bus is called that USB devices are on.
const BUS_USB: u16 = 3;
/// An error of input and output, which is what a device answers that has no such report.
const EIO: u16 = 5;

/// The devices that are plugged in, by name.
#[derive(Default)]
pub(crate) struct Devices(Mutex<BTreeMap<String, File>>);

impl Devices {
    /// Plugs a device in.
    pub(crate) fn plug(&self, device: &HidDevice) -> Tried {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(UHID)
            .map_err(|error| said(UHID, &error))?;
        let created = file.write_all(&creation(device)?);
        created.map_err(|error| said(&device.name, &error))?;
        let asked = file.try_clone().map_err(|error| said(UHID, &error))?;
        std::thread::spawn(move || answer(asked));
        self.0.lock().unwrap().insert(device.name.clone(), file);
        Ok(Outcome::Done)
    }

    /// Has a device report.
    pub(crate) fn report(&self, name: &str, reports: &[String], gap: Duration) -> Tried {
        let devices = self.0.lock().unwrap();
        let mut file = devices.get(name).ok_or("no such device")?;
        for report in reports {
            let report = bytes(report)?;
            let length = u16::try_from(report.len()).map_err(|error| said(name, &error))?;
            let mut message = INPUT.to_ne_bytes().to_vec();
            message.extend(length.to_ne_bytes());
            message.extend(report);
            file.write_all(&message)
                .map_err(|error| said(name, &error))?;
            std::thread::sleep(gap);
        }
        Ok(Outcome::Done)
    }

    /// Unplugs a device.
    pub(crate) fn unplug(&self, name: &str) -> Tried {
        let mut devices = self.0.lock().unwrap();
        let mut file = devices.remove(name).ok_or("no such device")?;
        file.write_all(&DESTROY.to_ne_bytes())
            .map(|()| Outcome::Done)
            .map_err(|error| said(name, &error))
    }
}

/// The message that creates a device.
fn creation(device: &HidDevice) -> Result<Vec<u8>, String> {
    let descriptor = bytes(&device.descriptor_hex)?;
    let length = u16::try_from(descriptor.len()).map_err(|error| said(&device.name, &error))?;
    if descriptor.len() > DESCRIPTOR_BYTES {
        return Err("the descriptor is too long".to_owned());
    }
    let mut message = CREATE.to_ne_bytes().to_vec();
    let mut field = |text: &str, width: usize| {
        let end = message.len() + width;
        message.extend(text.as_bytes());
        message.resize(end, 0);
    };
    field(&device.name, 128);
    // The place where it is plugged in: nowhere.
    field("", 64);
    field(&device.serial, 64);
    message.extend(length.to_ne_bytes());
    message.extend(BUS_USB.to_ne_bytes());
    for number in [device.vendor, device.product, 0, 0] {
        message.extend(number.to_ne_bytes());
    }
    message.extend(&descriptor);
    message.resize(message.len() + DESCRIPTOR_BYTES - descriptor.len(), 0);
    Ok(message)
}

/// Answers what the kernel asks the device for, until it is unplugged: that there is no such report, and that what was set is set.
fn answer(mut device: File) {
    let mut message = vec![0; MESSAGE_BYTES];
    while let Ok(read) = device.read(&mut message) {
        let Some((kind, asked)) = message[..read].split_first_chunk::<4>() else {
            return;
        };
        let Some(asked) = asked.first_chunk::<4>() else {
            continue;
        };
        let mut reply = Vec::new();
        match u32::from_ne_bytes(*kind) {
            GET_REPORT => {
                reply.extend(GET_REPORT_REPLY.to_ne_bytes());
                reply.extend(asked);
                reply.extend(EIO.to_ne_bytes());
                reply.extend(0_u16.to_ne_bytes());
            }
            SET_REPORT => {
                reply.extend(SET_REPORT_REPLY.to_ne_bytes());
                reply.extend(asked);
                reply.extend(0_u16.to_ne_bytes());
            }
            _ => continue,
        }
        if device.write_all(&reply).is_err() {
            return;
        }
    }
}
