//! What systemd does between a service's messages and the machine's watchdog timer.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;

use crate::wire::Outcome;

use crate::{Tried, said};

/// What a service sends while it lives.
const LIVES: &str = "WATCHDOG=1";

/// Opens the timer, which starts it, and feeds it with each message that says that the program lives.
pub(crate) fn feed(device: &str, socket: &str) -> Tried {
    let messages = UnixDatagram::bind(socket).map_err(|error| said(socket, &error))?;
    let mut timer = OpenOptions::new()
        .write(true)
        .open(device)
        .map_err(|error| said(device, &error))?;
    std::thread::spawn(move || {
        let mut message = [0; 4096];
        while let Ok(read) = messages.recv(&mut message) {
            let text = String::from_utf8_lossy(&message[..read]);
            if text.lines().any(|line| line == LIVES) {
                timer.write_all(b"\0").unwrap();
            }
        }
    });
    Ok(Outcome::Done)
}
