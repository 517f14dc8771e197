//! What a person writes in `kiosk.toml`, checked into what the daemon runs with.
//!
//! Promises: a [`Config`] that exists is usable as it stands: names are unique, no device is claimed twice, addresses and sizes make sense.
//! Unknown keys are errors that name the key, its line and the nearest known one. Nothing in this file is secret, and nothing secret belongs
//! into it: keys live in the data folder, claims are scanned or typed.
//!
//! Paths are taken as written; relative ones are relative to the folder the daemon is started in. The commented sample is `config/kiosk.toml`.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use protocol::toml_text::{self, TomlError};
use serde::Deserialize;

mod gpio;
mod readers;

pub use gpio::{
    BuzzerConfig, FLASH_MS_MIN, GpioConfig, InputConfig, Lamp, LightConfig, Pull, RELAY_MS_MAX,
    RelayConfig, Sound,
};
pub use readers::{
    CameraConfig, CameraSource, CommandCamera, DeviceConfig, HidConfig, HidLayout, LinesConfig,
    LinesPlace, ReaderConfig, SerialConfig, SerialPlace, Terminator, UsbIdentity, UsbMatch,
    VideoCamera,
};

/// Where the screen and the status page are served unless told otherwise: this machine only.
pub const SCREEN_LISTEN_DEFAULT: &str = "127.0.0.1:8650";
/// Free space, in MiB, below which the kiosk stops answering green unless told otherwise.
pub const MIN_FREE_MB_DEFAULT: u32 = 64;
/// Most readers of one kiosk: each has a thread.
pub const READERS_MAX: usize = 32;
/// The longest name that DNS has, in bytes.
const HOST_BYTES_MAX: usize = 253;
/// Longest configuration file that is read, in bytes.
pub const CONFIG_BYTES_MAX: u64 = 256 * 1024;
/// Longest pause, in seconds, within which the same badge is called a repeat.
pub const REPEAT_S_MAX: u32 = 3600;

/// Everything the daemon is told by its configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder that holds journal and keys. One daemon at a time uses it.
    pub data_dir: PathBuf,
    /// The attendee's screen and the status page.
    pub screen: Screen,
    /// Languages of the screen, in the order in which an idle screen shows them. Never empty.
    pub languages: Vec<Language>,
    /// Where feedback goes besides the screen.
    pub feedback: Feedback,
    /// Seconds within which the same badge is a repeat; `None` leaves it to the event.
    pub repeat_s: Option<u32>,
    /// Readers in the order of the file. May be empty: then nothing is scanned, and the status page says so.
    pub readers: Vec<ReaderConfig>,
    /// Lights, buzzer, relays, button and tamper switches, if there are any.
    pub gpio: Option<GpioConfig>,
    /// Limits of the disk.
    pub storage: Storage,
    /// How much is logged.
    pub log: LogLevel,
}

/// The attendee's screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    /// Address and port of the pages; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Names and addresses beside that one and those of this machine itself by which the pages may be asked for.
    pub hosts: Vec<String>,
    /// Visible width and height in millimetres, if somebody measured them.
    pub size_mm: Option<(u32, u32)>,
}

/// A language the screen can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum Language {
    /// English.
    #[serde(rename = "en")]
    English,
    /// German.
    #[serde(rename = "de")]
    German,
    /// French.
    #[serde(rename = "fr")]
    French,
    /// Spanish.
    #[serde(rename = "es")]
    Spanish,
}

impl Language {
    /// The BCP 47 tag, as in the file.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
        }
    }
}

/// Where feedback goes besides the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Feedback {
    /// Words for a person at a terminal.
    #[default]
    Console,
    /// One JSON line a scan on standard output.
    Lines,
}

/// Limits of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// Free space in MiB below which the kiosk no longer accepts scans.
    pub min_free_mb: u32,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What stops the kiosk.
    Error,
    /// Also what somebody should look at.
    Warn,
    /// Also each change of state.
    #[default]
    Info,
    /// Also each step.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The level as a filter directive, as in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// A configuration that cannot be used. Each says what a person has to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {cause}; check the path given with --config and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file is no configuration: far too long.
    #[error("{}: longer than {CONFIG_BYTES_MAX} bytes, so it is no kiosk configuration", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The text does not read as a configuration.
    #[error(transparent)]
    Text(#[from] TomlError),
    /// The text reads well, but asks for something that cannot be.
    #[error("{what}: {fault}")]
    Fault {
        /// The file, as given.
        what: String,
        /// What is wrong.
        fault: Fault,
    },
}

/// Something asked for that cannot be, and under which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, with the reader's name where it belongs to one (`reader "main-in": path`).
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Fault {
    fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigText {
    data_dir: PathBuf,
    languages: Option<Vec<Language>>,
    #[serde(default)]
    feedback: Feedback,
    repeat_s: Option<u32>,
    #[serde(default)]
    log: LogLevel,
    #[serde(default)]
    screen: ScreenText,
    #[serde(default)]
    storage: StorageText,
    #[serde(default, rename = "reader")]
    readers: Vec<readers::ReaderText>,
    gpio: Option<gpio::GpioText>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScreenText {
    listen: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
    width_mm: Option<u32>,
    height_mm: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StorageText {
    min_free_mb: Option<u32>,
}

/// Reads and checks the file at `path`.
///
/// # Errors
/// [`ConfigError`] for the first fault found; its text is meant for the person who wrote the file.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let unreadable = |cause| ConfigError::Unreadable {
        path: path.to_owned(),
        cause,
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > CONFIG_BYTES_MAX {
        return Err(ConfigError::TooLong {
            path: path.to_owned(),
        });
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse(&text, &path.display().to_string())
}

/// Checks a configuration's text; `what` names it in errors.
///
/// # Errors
/// As [`load`], except for reading.
pub fn parse(text: &str, what: &str) -> Result<Config, ConfigError> {
    let written: ConfigText = toml_text::parse(text, what)?;
    check(written).map_err(|fault| ConfigError::Fault {
        what: what.to_owned(),
        fault,
    })
}

fn check(written: ConfigText) -> Result<Config, Fault> {
    if written.data_dir.as_os_str().is_empty() {
        return Err(Fault::new("data_dir", "is empty; name a folder"));
    }
    let repeat_s = written.repeat_s;
    if repeat_s.is_some_and(|repeat_s| repeat_s > REPEAT_S_MAX) {
        let message = format!("is more than {REPEAT_S_MAX} seconds");
        return Err(Fault::new("repeat_s", message));
    }
    let readers = all_readers(&written.readers)?;
    let gpio = written.gpio.map(|gpio| gpio::check(gpio, &readers));
    Ok(Config {
        data_dir: written.data_dir,
        screen: screen(&written.screen)?,
        languages: languages(written.languages)?,
        feedback: written.feedback,
        repeat_s,
        readers,
        gpio: gpio.transpose()?,
        storage: Storage {
            min_free_mb: written.storage.min_free_mb.unwrap_or(MIN_FREE_MB_DEFAULT),
        },
        log: written.log,
    })
}

fn screen(written: &ScreenText) -> Result<Screen, Fault> {
    let listen = written.listen.as_deref().unwrap_or(SCREEN_LISTEN_DEFAULT);
    let listen = listen.parse().map_err(|_| {
        let message = format!(
            "\"{listen}\" is no address; write an IP address and a port, such as \"{SCREEN_LISTEN_DEFAULT}\" or \"[::1]:8650\""
        );
        Fault::new("screen.listen", message)
    })?;
    let size_mm = match (written.width_mm, written.height_mm) {
        (None, None) => None,
        (Some(0), _) | (_, Some(0)) => {
            return Err(Fault::new("screen", "a screen has more than 0 mm"));
        }
        (Some(width_mm), Some(height_mm)) => Some((width_mm, height_mm)),
        (Some(_), None) => return Err(Fault::new("screen", "width_mm needs height_mm beside it")),
        (None, Some(_)) => return Err(Fault::new("screen", "height_mm needs width_mm beside it")),
    };
    let is_name = |host: &&String| {
        let is_written = host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c));
        host.is_empty() || host.len() > HOST_BYTES_MAX || !is_written
    };
    if let Some(host) = written.hosts.iter().find(is_name) {
        let message = format!(
            "{host:?} is no host name; write names or addresses as they stand in the browser, such as \"kiosk-3.local\" or \"192.0.2.7\""
        );
        return Err(Fault::new("screen.hosts", message));
    }
    Ok(Screen {
        listen,
        hosts: written.hosts.clone(),
        size_mm,
    })
}

fn languages(written: Option<Vec<Language>>) -> Result<Vec<Language>, Fault> {
    let languages = written.unwrap_or_else(|| vec![Language::English]);
    if languages.is_empty() {
        return Err(Fault::new("languages", "is empty; name at least one"));
    }
    for (index, language) in languages.iter().enumerate() {
        if languages[..index].contains(language) {
            let message = format!("\"{}\" is there twice", language.tag());
            return Err(Fault::new("languages", message));
        }
    }
    Ok(languages)
}

fn all_readers(written: &[readers::ReaderText]) -> Result<Vec<ReaderConfig>, Fault> {
    if written.len() > READERS_MAX {
        let message = format!("{} of them, at most {READERS_MAX} can be", written.len());
        return Err(Fault::new("reader", message));
    }
    let mut readers = written
        .iter()
        .map(readers::check)
        .collect::<Result<Vec<_>, _>>()?;
    readers::narrow(&mut readers);
    let mut names = BTreeSet::new();
    for (index, reader) in readers.iter().enumerate() {
        if !names.insert(&reader.name) {
            let message = "two readers have this name; each needs its own";
            return Err(Fault::new(format!("reader \"{}\"", reader.name), message));
        }
        let rival = readers[..index]
            .iter()
            .find(|earlier| earlier.device.may_be_same(&reader.device));
        if let Some(rival) = rival {
            let message = format!(
                "names the same device as reader \"{}\"; where two devices of one model are attached, tell them apart by `serial` or `port`",
                rival.name
            );
            return Err(Fault::new(format!("reader \"{}\"", reader.name), message));
        }
    }
    Ok(readers)
}

#[cfg(test)]
mod tests;
