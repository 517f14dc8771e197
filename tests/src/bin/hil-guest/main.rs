//! The first program of a guest: brings the kernel's hardware up, then does what the host asks for.
//!
//! Contract: it starts from the archive that `hil::vm` makes, moves onto the host's files, read-only, and says
//! [`Said::Ready`] on a virtio serial port. A host that hangs up ends the guest. What is asked for is done on a thread of its own each, so
//! that nothing waits for another.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a part of the tests: a panic on the console is how it says what is wrong"
)]

mod boot;
mod hid;
mod programs;
mod watchdog;
// Not by way of the library, which would bring all programs under test into a guest's memory.
#[path = "../../hil/wire.rs"]
#[allow(unreachable_pub, reason = "it is public where the host's side has it")]
mod wire;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::wire::{Do, Outcome, Request, Said};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long a web server may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// The first console.
const CONSOLE: &str = "/dev/tty1";

/// What came of a request, or why it could not be done.
type Tried = Result<Outcome, String>;

/// The line to the host.
#[derive(Clone)]
pub(crate) struct Host(Arc<Mutex<File>>);

impl Host {
    /// Says something, in one write.
    pub(crate) fn say(&self, said: &Said) {
        let mut line = serde_json::to_string(said).unwrap();
        line.push('\n');
        // A host that is gone is noticed by the one who reads.
        let _ = self.0.lock().unwrap().write_all(line.as_bytes());
    }
}

/// Everything that outlives a request.
struct Guest {
    host: Host,
    since: Instant,
    programs: programs::Programs,
    devices: hid::Devices,
    console: Mutex<Option<File>>,
}

fn main() {
    let port = boot::up();
    let host = Host(Arc::new(Mutex::new(port.try_clone().unwrap())));
    let guest = Arc::new(Guest {
        host: host.clone(),
        since: Instant::now(),
        programs: programs::Programs::default(),
        devices: hid::Devices::default(),
        console: Mutex::new(None),
    });
    host.say(&Said::Ready);
    for line in BufReader::new(port).lines() {
        let Ok(line) = line else { break };
        let request: Request = serde_json::from_str(&line).unwrap();
        let guest = Arc::clone(&guest);
        std::thread::spawn(move || {
            let outcome = guest.attend(request.what).unwrap_or_else(Outcome::Failed);
            let number = request.number;
            guest.host.say(&Said::Answer { number, outcome });
        });
    }
    boot::down();
}

impl Guest {
    fn attend(&self, what: Do) -> Tried {
        match what {
            Do::Load(modules) => {
                for (path, parameters) in modules {
                    boot::load(&path, &parameters)?;
                }
                Ok(Outcome::Done)
            }
            Do::Unload { module, within_ms } => {
                boot::unload(&module, Duration::from_millis(within_ms))
            }
            Do::Mount { source, at, kind } => {
                fs::create_dir_all(&at).map_err(|error| said(&at, &error))?;
                boot::mount(&source, &at, &kind, "")?;
                Ok(Outcome::Done)
            }
            Do::MakeFolder(path) => done(&path, fs::create_dir_all(&path)),
            Do::Link { to, at } => done(&at, std::os::unix::fs::symlink(to, &at)),
            Do::Write { path, hex } => write(&path, &hex),
            Do::Await {
                path,
                there,
                within_ms,
            } => wait(&path, there, Duration::from_millis(within_ms)),
            Do::Fetch { port, path } => fetch(port, &path).map_err(|error| said(&path, &error)),
            Do::Run(words) => programs::run(&words),
            Do::Start {
                name,
                words,
                environment,
                acknowledge,
            } => {
                let host = self.host.clone();
                self.programs
                    .start(host, name, &words, environment, acknowledge.as_ref())
            }
            Do::Signal { name, signal } => self.programs.signal(&name, signal),
            Do::AwaitEnd(name) => self.programs.await_end(&name),
            Do::Plug(device) => self.devices.plug(&device),
            Do::Report { name, hex, gap_ms } => {
                let gap = Duration::from_millis(gap_ms);
                self.devices.report(&name, &hex, gap)
            }
            Do::Unplug(name) => self.devices.unplug(&name),
            Do::Clock => Ok(Outcome::Text(self.since.elapsed().as_millis().to_string())),
            Do::Rest(rest_ms) => {
                std::thread::sleep(Duration::from_millis(rest_ms));
                Ok(Outcome::Done)
            }
            Do::Console => self.console().map_err(|error| said(CONSOLE, &error)),
            Do::Watchdog { device, socket } => watchdog::feed(&device, &socket),
        }
    }

    /// What was typed since the last call. The first opens the console; what was typed before it is not asked for.
    fn console(&self) -> std::io::Result<Outcome> {
        let mut console = self.console.lock().unwrap();
        let file = match console.take() {
            Some(file) => file,
            None => open_console()?,
        };
        let mut typed = Vec::new();
        let mut chunk = [0; 256];
        loop {
            match (&file).read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => typed.extend(&chunk[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        *console = Some(file);
        Ok(Outcome::Text(String::from_utf8_lossy(&typed).into_owned()))
    }
}

fn open_console() -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(CONSOLE)?;
    // Key by key, so that half a line is seen as well.
    let mut raw = rustix::termios::tcgetattr(&file)?;
    raw.make_raw();
    rustix::termios::tcsetattr(&file, rustix::termios::OptionalActions::Now, &raw)?;
    Ok(file)
}

/// An error with what it is about.
pub(crate) fn said(what: &str, error: &dyn std::fmt::Display) -> String {
    format!("{what}: {error}")
}

fn done(path: &str, outcome: std::io::Result<()>) -> Tried {
    outcome
        .map(|()| Outcome::Done)
        .map_err(|error| said(path, &error))
}

/// The bytes that hexadecimal digits stand for.
pub(crate) fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    hex::decode(hex).map_err(|error| said("not hexadecimal", &error))
}

fn write(path: &str, hex: &str) -> Tried {
    let bytes = bytes(hex)?;
    let is_there = Path::new(path).exists();
    let file = OpenOptions::new().write(true).create(!is_there).open(path);
    let written = file.and_then(|mut file| file.write_all(&bytes));
    done(path, written)
}

fn wait(path: &str, there: bool, within: Duration) -> Tried {
    let deadline = Instant::now() + within;
    while Path::new(path).exists() != there {
        if Instant::now() > deadline {
            return Err(format!("{path} did not change in time"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(Outcome::Done)
}

fn fetch(port: u16, path: &str) -> std::io::Result<Outcome> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    let body = body.ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(Outcome::Text(body.to_owned()))
}
