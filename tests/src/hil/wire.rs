//! What host and guest say to each other.
//!
//! Contract: one JSON object a line. The host numbers its requests, and each gets one answer with its number, in any order. Between answers
//! the guest passes on what the programs that it started print, line by line. Bytes travel as hexadecimal digits, times as milliseconds.

use serde::{Deserialize, Serialize};

/// Where the guest has the folder that both write.
pub const SHARED: &str = "/mnt";

/// Something the guest is to do.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// Its number, which the answer repeats.
    pub number: u64,
    /// What to do.
    pub what: Do,
}

/// What a guest can do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Do {
    /// Loads kernel modules in this order, each by its file and its parameters. One that is there already is left alone.
    Load(Vec<(String, String)>),
    /// Takes a module out of the kernel, as soon as nobody holds a device of it.
    Unload {
        /// Its name.
        module: String,
        /// How long that may take at most.
        within_ms: u64,
    },
    /// Mounts a file system.
    Mount {
        /// What: a device, or a name.
        source: String,
        /// Where; the folder is made.
        at: String,
        /// Of which kind.
        kind: String,
    },
    /// Makes a folder and those above it.
    MakeFolder(String),
    /// Makes a symbolic link.
    Link {
        /// To what.
        to: String,
        /// Where.
        at: String,
    },
    /// Writes bytes in one call, to a new file or to what is there, such as a device.
    Write {
        /// Where.
        path: String,
        /// What.
        hex: String,
    },
    /// Waits until a path is there, or is not.
    Await {
        /// The path.
        path: String,
        /// Whether it is to be there.
        there: bool,
        /// How long at most.
        within_ms: u64,
    },
    /// Asks a web server on loopback for a page.
    Fetch {
        /// Its port.
        port: u16,
        /// The page.
        path: String,
    },
    /// Runs a program to its end.
    Run(Vec<String>),
    /// Starts a program that stays. Its standard error goes to a file of its name in the shared folder.
    Start {
        /// What to call it.
        name: String,
        /// Program and arguments.
        words: Vec<String>,
        /// Its environment, beside the guest's.
        environment: Vec<(String, String)>,
        /// Where to note how many lines it has printed, after each.
        acknowledge: Option<Acknowledge>,
    },
    /// Sends a signal to a program that was started.
    Signal {
        /// Its name.
        name: String,
        /// The signal's number.
        signal: i32,
    },
    /// Waits until a program that was started has ended.
    AwaitEnd(String),
    /// Plugs in a HID device that this guest itself plays.
    Plug(HidDevice),
    /// Has such a device report.
    Report {
        /// Its name.
        name: String,
        /// The reports.
        hex: Vec<String>,
        /// The pause after each.
        gap_ms: u64,
    },
    /// Unplugs such a device.
    Unplug(String),
    /// Gives how long the guest has been up, in milliseconds by its own clock.
    Clock,
    /// Does nothing for so many milliseconds of the guest's clock.
    Rest(u64),
    /// Gives what was typed into the first console since this was asked last.
    Console,
    /// Takes messages as systemd does, on a socket, and feeds a watchdog's timer with those that say that the program lives.
    Watchdog {
        /// The timer's device.
        device: String,
        /// The socket to take messages on.
        socket: String,
    },
}

/// Where a number is noted past every cache: on a device, at a place that its file system leaves alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Acknowledge {
    /// The device.
    pub device: String,
    /// The place, in bytes; a multiple of [`BLOCK_BYTES`].
    pub offset: u64,
}

/// What is written at once where caches are passed by.
pub const BLOCK_BYTES: usize = 4096;

/// How an acknowledged number begins; it is followed by its decimal digits and a zero byte.
pub const ACKNOWLEDGED: &[u8] = b"ACKNOWLEDGED ";

/// A HID device as the kernel is told of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HidDevice {
    /// What it is called, by the kernel and here.
    pub name: String,
    /// Vendor id.
    pub vendor: u32,
    /// Product id.
    pub product: u32,
    /// Serial number.
    pub serial: String,
    /// Its report descriptor.
    pub descriptor_hex: String,
}

/// What the guest says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It is there and takes requests.
    Ready,
    /// The answer to a request.
    Answer {
        /// The request's number.
        number: u64,
        /// What came of it.
        outcome: Outcome,
    },
    /// A program printed a line.
    Line {
        /// The program's name.
        program: String,
        /// The line.
        line: String,
    },
}

/// What came of a request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is done.
    Done,
    /// What was asked for.
    Text(String),
    /// A program ended.
    Ended {
        /// Its exit code; `None` where a signal ended it.
        code: Option<i32>,
        /// Its standard output.
        out: String,
        /// Its standard error.
        err: String,
    },
    /// It could not be done.
    Failed(String),
}
