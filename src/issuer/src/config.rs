//! What a person writes in `issuer.toml`, checked into what the service runs with.
//!
//! Promises: a [`Config`] that exists is usable as it stands: the issuer's name may stand in evidence, and nothing is served in the clear
//! beyond this machine. Unknown keys are errors that name the key, its line and the nearest known one. Nothing in the file is secret:
//! keys lie in files of their own, which it may name.
//!
//! Paths are taken as written; relative ones are relative to the folder the program is started in. The commented sample is
//! `config/issuer.toml`.

pub mod feeds;
mod signs;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use protocol::toml_text::{self, TomlError};
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};

use crate::certificates::pdf::SYSTEM_FOLDER;
use crate::review::signs::Limits;
use feeds::{FeedConfig, FeedText};
use signs::SignsText;

/// Where pages and calls are served unless told otherwise: this machine only.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:8600";
/// What is said of this machine's clock unless told otherwise, in milliseconds: what NTP over the internet keeps with ease.
pub const CLOCK_ERROR_MS_DEFAULT: u32 = 250;
/// A clock that is further off is not one to sign times with, in milliseconds.
pub const CLOCK_ERROR_MS_MAX: u32 = 60_000;
/// Longest configuration file that is read, in bytes.
pub const CONFIG_BYTES_MAX: u64 = 256 * 1024;
/// Longest address of the public pages, in bytes: it stands in claims and in QR codes.
pub const PUBLIC_URL_BYTES_MAX: usize = 300;
/// Words that evidence uses for itself, so no issuer is called so.
const RESERVED_NAMES: [&str; 2] = ["rollcall", "cosignature"];

/// Everything the service is told by its configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder that holds database and objects.
    pub data_dir: PathBuf,
    /// The issuer's name, for life: it stands in every origin.
    pub issuer: String,
    /// Where pages and calls are served.
    pub listen: SocketAddr,
    /// How kiosks and visitors reach it: scheme, host and port, without a slash at its end.
    pub public_url: String,
    /// How it is encrypted on the way.
    pub tls: Tls,
    /// The file of the master key.
    pub master_key: PathBuf,
    /// The folder with more fonts for certificates.
    pub fonts: PathBuf,
    /// How much is logged.
    pub log: LogLevel,
    /// How far this machine's clock may be off, in milliseconds, as time answers say it.
    pub clock_error_ms: u32,
    /// Servers that lists are read from, by id.
    pub feeds: Vec<FeedConfig>,
    /// When scans are a sign that a badge was not with its holder.
    pub signs: Limits,
}

impl Config {
    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.data_dir.join("issuer.db")
    }

    /// The issuer's own TLS certificate, PEM, where `tls` is [`Tls::Own`].
    pub fn own_certificate(&self) -> PathBuf {
        self.data_dir.join("tls-certificate.pem")
    }

    /// The private key of [`Config::own_certificate`], PEM.
    pub fn own_certificate_key(&self) -> PathBuf {
        self.data_dir.join("tls-key.pem")
    }

    /// The folder of the objects.
    pub fn objects(&self) -> PathBuf {
        self.data_dir.join("objects")
    }
}

/// How it is encrypted on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tls {
    /// Not at all, which only this machine itself may have.
    #[default]
    None,
    /// Under a certificate that the issuer makes itself and that claims pin.
    Own,
    /// Under a certificate that was given.
    Files {
        /// The chain, PEM.
        certificate: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
    },
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What stops the service.
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
    pub const fn as_str(self) -> &'static str {
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
    #[error("{}: longer than {CONFIG_BYTES_MAX} bytes, so it is no issuer's configuration", path.display())]
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
    /// The key.
    pub key: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Fault {
    fn new(key: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { key, message }
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
    issuer: String,
    listen: Option<String>,
    public_url: Option<String>,
    tls: Option<TlsText>,
    master_key: Option<PathBuf>,
    fonts: Option<PathBuf>,
    #[serde(default)]
    log: LogLevel,
    clock_error_ms: Option<u32>,
    #[serde(default)]
    sources: BTreeMap<String, FeedText>,
    #[serde(default)]
    signs: SignsText,
}

enum TlsText {
    Own,
    Files(TlsFiles),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsFiles {
    certificate: PathBuf,
    key: PathBuf,
}

/// By hand, since serde's untagged enums lose the key that is wrong.
impl<'de> Deserialize<'de> for TlsText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = TlsText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"own\", or a table with `certificate` and `key`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TlsText, E> {
                match text {
                    "own" => Ok(TlsText::Own),
                    other => Err(E::unknown_variant(other, &["own"])),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TlsText, A::Error> {
                TlsFiles::deserialize(MapAccessDeserializer::new(map)).map(TlsText::Files)
            }
        }
        deserializer.deserialize_any(Either)
    }
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
        let path = path.to_owned();
        return Err(ConfigError::TooLong { path });
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
    let tls = match written.tls {
        None => Tls::None,
        Some(TlsText::Own) => Tls::Own,
        Some(TlsText::Files(TlsFiles { certificate, key })) => Tls::Files { certificate, key },
    };
    let listen = listen(written.listen.as_deref().unwrap_or(LISTEN_DEFAULT), &tls)?;
    let clock_error_ms = written.clock_error_ms.unwrap_or(CLOCK_ERROR_MS_DEFAULT);
    if clock_error_ms > CLOCK_ERROR_MS_MAX {
        let message = format!("is more than {CLOCK_ERROR_MS_MAX}: set this machine's clock by NTP");
        return Err(Fault::new("clock_error_ms", message));
    }
    Ok(Config {
        issuer: name(written.issuer)?,
        public_url: public_url(written.public_url, listen, &tls)?,
        master_key: written
            .master_key
            .unwrap_or_else(|| written.data_dir.join("master.key")),
        data_dir: written.data_dir,
        listen,
        tls,
        fonts: written
            .fonts
            .unwrap_or_else(|| PathBuf::from(SYSTEM_FOLDER)),
        log: written.log,
        clock_error_ms,
        feeds: feeds::check(written.sources)?,
        signs: signs::check(&written.signs)?,
    })
}

fn name(written: String) -> Result<String, Fault> {
    if evidence::check_issuer_name(&written).is_err() {
        let message = format!(
            "{written:?} cannot be an issuer's name: write 1 to 100 small letters, digits, hyphens and dots in the shape of a \
             host name, such as \"ce.example.org\""
        );
        return Err(Fault::new("issuer", message));
    }
    if RESERVED_NAMES.contains(&written.as_str()) {
        let message = format!(
            "\"{written}\" is a word of the evidence itself; use a name of your own, such as \"ce.example.org\""
        );
        return Err(Fault::new("issuer", message));
    }
    Ok(written)
}

fn listen(written: &str, tls: &Tls) -> Result<SocketAddr, Fault> {
    let address: SocketAddr = written.parse().map_err(|_| {
        let message = format!(
            "\"{written}\" is no address; write an IP address and a port, such as \"{LISTEN_DEFAULT}\" or \"[::]:8600\""
        );
        Fault::new("listen", message)
    })?;
    if address.port() == 0 {
        let message = "port 0 is any free one; name one, since claims and certificates carry it";
        return Err(Fault::new("listen", message));
    }
    if !address.ip().is_loopback() && *tls == Tls::None {
        let message = format!(
            "{address} is reached from other machines, and that is done by HTTPS only: add `tls = \"own\"` (claims pin the issuer's \
             own certificate), or `tls = {{ certificate = \"fullchain.pem\", key = \"key.pem\" }}`"
        );
        return Err(Fault::new("listen", message));
    }
    Ok(address)
}

/// The address for others, checked; made from `listen` where none is given.
fn public_url(written: Option<String>, listen: SocketAddr, tls: &Tls) -> Result<String, Fault> {
    let wrong = |message: String| Err(Fault::new("public_url", message));
    let own_scheme = if *tls == Tls::None { "http" } else { "https" };
    let Some(written) = written else {
        if listen.ip().is_unspecified() {
            return wrong(format!(
                "is missing: `listen` is every address of this machine, so write the one that kiosks and visitors use, such as \
                 \"{own_scheme}://issuer.example.org:{}\"",
                listen.port()
            ));
        }
        return Ok(format!("{own_scheme}://{listen}"));
    };
    let url = written.trim_end_matches('/');
    let (scheme, authority) = url.split_once("://").unwrap_or(("", url));
    if !matches!(scheme, "http" | "https")
        || !is_authority(authority)
        || url.len() > PUBLIC_URL_BYTES_MAX
    {
        return wrong(format!(
            "{written:?} is no address: write scheme, host and port without a path, such as \"https://issuer.example.org:8443\""
        ));
    }
    if scheme == "http" && !is_this_machine(authority) {
        return wrong(format!(
            "{written:?} would be reached in the clear; write https"
        ));
    }
    if scheme == "https" && *tls == Tls::None {
        return wrong(format!(
            "{written:?} is https, and `tls` is not set: kiosks pin the key that they meet, so the issuer itself must hold it; \
             add `tls = \"own\"`, or `tls = {{ certificate = \"fullchain.pem\", key = \"key.pem\" }}`"
        ));
    }
    if scheme == "http" && *tls != Tls::None {
        return wrong(format!(
            "{written:?} is http, and `tls` is set: write https"
        ));
    }
    Ok(url.to_owned())
}

fn is_authority(text: &str) -> bool {
    let (host, port) = host_and_port(text);
    let is_host = if text.starts_with('[') {
        host.parse::<Ipv6Addr>().is_ok()
    } else {
        !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
    };
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// The host without brackets, and the port where one stands.
fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        return (
            host,
            rest.strip_prefix(':').or((!rest.is_empty()).then_some("")),
        );
    }
    match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

fn is_this_machine(authority: &str) -> bool {
    let (host, _) = host_and_port(authority);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
