//! QEMU's control socket: devices plugged in and out, keys pressed, events awaited.
//!
//! Contract: one command at a time, each answered before the next. What QEMU reports in between is kept in order until it is awaited.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::PATIENCE;
use crate::programs::eventually;

/// A control socket.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    unread: Vec<u8>,
    events: Vec<Value>,
}

impl Qmp {
    /// Connects to a QEMU that has just been started.
    ///
    /// # Panics
    /// Where none answers.
    pub fn connect(path: &Path) -> Self {
        let stream = eventually(PATIENCE, "QEMU's control socket", || {
            UnixStream::connect(path).ok()
        });
        let mut qmp = Self {
            stream,
            unread: Vec::new(),
            events: Vec::new(),
        };
        let greeting = qmp.message(Instant::now() + PATIENCE);
        let greeting = greeting.expect("QEMU greets");
        assert!(greeting["QMP"].is_object(), "no greeting: {greeting}");
        qmp.command("qmp_capabilities", &json!({}));
        qmp
    }

    /// Executes a command and gives what it returns.
    ///
    /// # Panics
    /// Where QEMU refuses it.
    #[track_caller]
    pub fn command(&mut self, name: &str, arguments: &Value) -> Value {
        let command = json!({ "execute": name, "arguments": arguments });
        let sent = self.stream.write_all(format!("{command}\n").as_bytes());
        sent.expect("QEMU runs");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let message = self.message(deadline);
            let message = message.unwrap_or_else(|| panic!("QEMU did not answer to {command}"));
            if message["event"].is_string() {
                self.events.push(message);
            } else {
                assert!(
                    message["error"].is_null(),
                    "QEMU refuses {command}: {message}"
                );
                return message["return"].clone();
            }
        }
    }

    /// Waits for an event of this name, which is then taken. Whether it came.
    pub fn event_within(&mut self, name: &str, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        loop {
            if let Some(at) = self.events.iter().position(|event| event["event"] == name) {
                self.events.remove(at);
                return true;
            }
            match self.message(deadline) {
                Some(message) => self.events.push(message),
                None => return false,
            }
        }
    }

    /// Presses and releases a key of the guest's keyboard: letters, digits, the hyphen and the Enter key.
    ///
    /// # Panics
    /// Where a character has no key here.
    pub fn press(&mut self, character: char) {
        let key = match character {
            '\n' => "ret".to_owned(),
            '-' => "minus".to_owned(),
            'A'..='Z' => character.to_ascii_lowercase().to_string(),
            'a'..='z' | '0'..='9' => character.to_string(),
            other => panic!("no key for {other:?}"),
        };
        let shift = character.is_ascii_uppercase().then_some("shift");
        let pressed = shift.into_iter().chain([key.as_str()]);
        let released = [key.as_str()].into_iter().chain(shift);
        let events = pressed
            .map(|key| (key, true))
            .chain(released.map(|key| (key, false)));
        for (key, down) in events {
            let event = json!({
                "type": "key",
                "data": { "down": down, "key": { "type": "qcode", "data": key } },
            });
            self.command("input-send-event", &json!({ "events": [event] }));
        }
    }

    /// The next message; `None` where none came by the deadline.
    fn message(&mut self, deadline: Instant) -> Option<Value> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("QEMU speaks JSON"));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            // A timeout of nothing would mean to wait for ever.
            let left = left.max(Duration::from_millis(1));
            self.stream
                .set_read_timeout(Some(left))
                .expect("it is a socket");
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => self.unread.extend(&chunk[..read]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if Instant::now() >= deadline {
                        return None;
                    }
                }
                Err(error) => panic!("QEMU's control socket: {error}"),
            }
        }
    }
}
