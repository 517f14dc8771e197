//! HTTP to the issuer: signed, pinned, bounded in bytes and time.
//!
//! Promises: nothing is sent to anybody who does not hold a pinned key; without TLS nothing is sent beyond this machine. Batches over
//! [`COMPRESS_FROM_BYTES`] go as zstd; the signature covers the bytes that are sent, so that an issuer can check it before it decompresses
//! anything. No redirect is followed and no proxy is asked.

use std::net::IpAddr;
use std::time::Duration;

use evidence::SigningKey;
use protocol::bundle::MAX_BUNDLE_BYTES;
use protocol::entry::Clock;
use protocol::http_signature::{self, CONTENT_DIGEST, NONCE, SIGNATURE, SIGNATURE_INPUT};
use protocol::{batch, presence};
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, Url};

use super::clock::{self, Exchange};
use super::tls::{self, Purpose, Shared, Trusted};
use super::verify::parse_pin;
use super::words::{Answer, Call, Failure, Request};

/// Batches above this size are compressed, in bytes.
pub const COMPRESS_FROM_BYTES: usize = 8 * 1024;
/// The most bytes of an answer, unless its call says otherwise.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// How long a connection may take to come about.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call may take from beginning to end.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a bundle may take.
pub const BUNDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// How hard bodies are compressed: zstd's own default.
const ZSTD_LEVEL: i32 = 3;
const JSON: &str = "application/json";

/// Why an address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// It is no address of the right form.
    #[error(
        "{0:?} is not an issuer's address: it reads like https://issuer.example:8443, without path or user name"
    )]
    Malformed(String),
    /// Plain HTTP to another machine.
    #[error(
        "{0:?} is plain http, which is only taken within this machine; the issuer must be reached by https"
    )]
    PlainHttp(String),
    /// HTTPS without a pin, or with something else in its place.
    #[error("{0:?} is https, and there is no usable pin of its key; make a new claim")]
    NoPin(String),
    /// TLS cannot be set up here.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// A call as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub path: String,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body, compressed where that is worth it.
    pub body: Vec<u8>,
}

/// A call other than the time exchange as it goes over the wire, signed by the kiosk's key.
pub fn wire(request: &Request, kiosk: &str, key: &SigningKey) -> Wire {
    let plain = request.body.as_deref().unwrap_or_default();
    let (body, compressed) = match request.call {
        Call::Entries | Call::Sealed => compress(plain),
        Call::Time | Call::Bundle | Call::Presence | Call::Status => (plain.to_vec(), false),
    };
    let nonce = request.nonce.as_deref().unwrap_or_default();
    let method = request.call.method();
    let signed = http_signature::sign(method, &request.path, &body, kiosk, nonce, key);
    let mut headers = vec![
        (CONTENT_DIGEST, signed.content_digest),
        (SIGNATURE_INPUT, signed.signature_input),
        (SIGNATURE, signed.signature),
    ];
    if request.body.is_some() {
        headers.push(("content-type", media_type(request.call).to_owned()));
    }
    if compressed {
        headers.push(("content-encoding", "zstd".to_owned()));
    }
    if let Some(etag) = &request.etag {
        headers.push(("if-none-match", etag.clone()));
    }
    Wire {
        method,
        path: request.path.clone(),
        headers,
        body,
    }
}

/// What came back, as it came.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Raw {
    fn text(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    }
}

/// Connections to one issuer.
pub struct Transport {
    base: Url,
    pins: Vec<[u8; 32]>,
    shared: Shared,
    raw_now_ms: fn() -> u64,
    for_time: Client,
    rest: Client,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transport({})", self.base)
    }
}

impl Transport {
    /// Connections to this address, which holds one of the pinned keys (SHA-256 of the SPKI, lower hex). `raw_now_ms` reads the raw clock.
    ///
    /// # Errors
    /// See [`AddressFault`].
    pub fn new(url: &str, pins: &[String], raw_now_ms: fn() -> u64) -> Result<Self, AddressFault> {
        let base = address(url)?;
        let pins: Vec<_> = pins.iter().filter_map(|pin| parse_pin(pin)).collect();
        if base.scheme() == "https" && pins.is_empty() {
            return Err(AddressFault::NoPin(shown(url)));
        }
        let shared = Shared::default();
        Ok(Self {
            for_time: client(&pins, Purpose::Time, &shared, raw_now_ms)?,
            rest: client(&pins, Purpose::Rest, &shared, raw_now_ms)?,
            base,
            pins,
            shared,
            raw_now_ms,
        })
    }

    /// Whether calls go by TLS.
    pub fn is_tls(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Takes other pins, from a bundle. Connections that were made under the old ones are given up. Pins that would cut the issuer off are not
    /// taken: [`super::verify::bundle`] refuses them before.
    ///
    /// # Errors
    /// [`AddressFault::NoPin`] and [`AddressFault::Tls`]; the old ones then stay.
    pub fn set_pins(&mut self, pins: &[String]) -> Result<(), AddressFault> {
        let pins: Vec<_> = pins.iter().filter_map(|pin| parse_pin(pin)).collect();
        if !self.is_tls() || pins == self.pins {
            return Ok(());
        }
        if pins.is_empty() {
            return Err(AddressFault::NoPin(self.base.to_string()));
        }
        self.for_time = client(&pins, Purpose::Time, &self.shared, self.raw_now_ms)?;
        self.rest = client(&pins, Purpose::Rest, &self.shared, self.raw_now_ms)?;
        self.pins = pins;
        Ok(())
    }

    /// Takes the time of an exchange that was believed. Certificates' dates are held against it from now on.
    pub fn trust(&self, clock: &Clock) {
        let raw_ms = clock.received_raw_ms;
        let at = clock::estimate(clock, raw_ms);
        self.shared.trust(Trusted { at, raw_ms });
    }

    /// Makes a call, signed by the kiosk's key where it carries a nonce.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(
        &self,
        request: &Request,
        kiosk: &str,
        key: &SigningKey,
    ) -> Result<Answer, Failure> {
        if request.call == Call::Time {
            let (raw, exchange) = self.ask_time().await?;
            return Ok(answer(request.id, raw, Some(exchange)));
        }
        let Wire {
            method,
            path,
            headers,
            body,
        } = wire(request, kiosk, key);
        let bounds = bounds(request.call);
        let raw = self
            .exchange(Purpose::Rest, method, &path, headers, body, bounds)
            .await?;
        Ok(answer(request.id, raw, None))
    }

    /// One time exchange, not yet believed.
    pub(crate) async fn ask_time(&self) -> Result<(Raw, Exchange), Failure> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| Failure::Broken)?;
        let request = clock::request(random);
        let body = serde_json::to_vec(&request).map_err(|_| Failure::Broken)?;
        let headers = vec![(CONTENT_TYPE.as_str(), JSON.to_owned())];
        let bounds = bounds(Call::Time);
        let sent_raw_ms = (self.raw_now_ms)();
        let path = protocol::time::PATH;
        let raw = self
            .exchange(Purpose::Time, "POST", path, headers, body, bounds)
            .await?;
        let exchange = Exchange {
            nonce: request.nonce,
            sent_raw_ms,
            received_raw_ms: (self.raw_now_ms)(),
        };
        Ok((raw, exchange))
    }

    /// Sends JSON that is not signed: the enrolment.
    pub(crate) async fn post_json(&self, path: &str, body: Vec<u8>) -> Result<Raw, Failure> {
        let headers = vec![(CONTENT_TYPE.as_str(), JSON.to_owned())];
        // The answer holds a first bundle, in base64.
        let bounds = (BUNDLE_TIMEOUT, MAX_BUNDLE_BYTES / 3 * 4 + ANSWER_BYTES_MAX);
        self.exchange(Purpose::Rest, "POST", path, headers, body, bounds)
            .await
    }

    async fn exchange(
        &self,
        purpose: Purpose,
        method: &str,
        path: &str,
        headers: Vec<(&str, String)>,
        body: Vec<u8>,
        (timeout, answer_bytes_max): (Duration, usize),
    ) -> Result<Raw, Failure> {
        let client = match purpose {
            Purpose::Time => &self.for_time,
            Purpose::Rest => &self.rest,
        };
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| Failure::Broken)?;
        let url = self.base.join(path).map_err(|_| Failure::Broken)?;
        let mut request = client.request(method, url).timeout(timeout);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if !body.is_empty() {
            request = request.body(body);
        }
        self.shared.take_refusal();
        let response = request.send().await.map_err(|e| self.failure(&e))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = self.read(response, answer_bytes_max).await?;
        Ok(Raw {
            status,
            headers,
            body,
        })
    }

    async fn read(
        &self,
        mut response: reqwest::Response,
        bytes_max: usize,
    ) -> Result<Vec<u8>, Failure> {
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).is_ok_and(|bytes| bytes > bytes_max) {
            return Err(Failure::TooLong);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failure(&e))? {
            if body.len() + chunk.len() > bytes_max {
                return Err(Failure::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        if let Some(refused) = self.shared.take_refusal() {
            return refused;
        }
        if error.is_timeout() {
            Failure::Timeout
        } else if error.is_builder() || error.is_decode() {
            Failure::Broken
        } else {
            Failure::Unreachable
        }
    }
}

fn client(
    pins: &[[u8; 32]],
    purpose: Purpose,
    shared: &Shared,
    raw_now_ms: fn() -> u64,
) -> Result<Client, AddressFault> {
    let config = tls::config(pins, purpose, shared.clone(), raw_now_ms)
        .map_err(|e| AddressFault::Tls(e.to_string()))?;
    Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(1)
        .user_agent(concat!("rollcall-kiosk/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| AddressFault::Tls(e.to_string()))
}

fn shown(url: &str) -> String {
    url.chars().take(100).collect()
}

/// The address, where it may be called: `https` anywhere, `http` within this machine; no path, query, fragment or user.
fn address(text: &str) -> Result<Url, AddressFault> {
    let malformed = || AddressFault::Malformed(shown(text));
    let url = Url::parse(text).map_err(|_| malformed())?;
    let host = url.host_str().ok_or_else(malformed)?;
    let bare = matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !bare {
        return Err(malformed());
    }
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let loopback = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        "http" => Err(AddressFault::PlainHttp(shown(text))),
        _ => Err(malformed()),
    }
}

fn compress(plain: &[u8]) -> (Vec<u8>, bool) {
    if plain.len() > COMPRESS_FROM_BYTES
        && let Ok(compressed) = zstd::bulk::compress(plain, ZSTD_LEVEL)
    {
        return (compressed, true);
    }
    (plain.to_vec(), false)
}

fn media_type(call: Call) -> &'static str {
    match call {
        Call::Entries | Call::Sealed => batch::MEDIA_TYPE,
        Call::Time | Call::Bundle | Call::Presence | Call::Status => JSON,
    }
}

fn bounds(call: Call) -> (Duration, usize) {
    match call {
        Call::Bundle => (BUNDLE_TIMEOUT, MAX_BUNDLE_BYTES),
        Call::Presence => (CALL_TIMEOUT, presence::MAX_BYTES),
        Call::Time | Call::Entries | Call::Sealed | Call::Status => {
            (CALL_TIMEOUT, ANSWER_BYTES_MAX)
        }
    }
}

/// What came back as the core hears it; `exchange` is the kiosk's part of a time exchange.
pub fn answer(id: u64, raw: Raw, exchange: Option<Exchange>) -> Answer {
    Answer {
        id,
        status: raw.status,
        nonce: raw.text(NONCE),
        etag: raw.text(ETAG.as_str()),
        retry_after_s: raw
            .text(RETRY_AFTER.as_str())
            .and_then(|text| text.trim().parse().ok()),
        body: raw.body,
        exchange,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn plain_http_stays_within_this_machine() {
        let pin = "0".repeat(64);
        let check = |url: &str| Transport::new(url, std::slice::from_ref(&pin), || 0).map(|_| ());
        for good in [
            "http://127.0.0.1:8640",
            "http://localhost:8640/",
            "http://[::1]:8640",
            "https://issuer.example",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for plain in [
            "http://issuer.example",
            "http://10.0.0.7:8640",
            "http://localhost.example",
            "http://0.0.0.0:8640",
        ] {
            let refused = AddressFault::PlainHttp(plain.into());
            assert_eq!(check(plain), Err(refused));
        }
        for bad in [
            "issuer.example",
            "ftp://localhost",
            "https://issuer.example/path",
            "https://me:secret@issuer.example",
            "https://issuer.example/?q",
        ] {
            let refused = AddressFault::Malformed(bad.into());
            assert_eq!(check(bad), Err(refused));
        }
        let unpinned = Transport::new("https://issuer.example", &[], || 0);
        assert!(matches!(unpinned, Err(AddressFault::NoPin(_))));
    }

    #[test]
    fn large_bodies_are_compressed() {
        let large = vec![b'a'; COMPRESS_FROM_BYTES + 1];
        let (sent, compressed) = compress(&large);
        assert!(compressed && sent.len() < 100);
        assert_eq!(zstd::bulk::decompress(&sent, large.len()).unwrap(), large);
        assert_eq!(compress(b"small"), (b"small".to_vec(), false));
    }
}
