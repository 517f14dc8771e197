//! HTTP to somebody else's server: the one place of this module with sockets and sleeps.
//!
//! Promises: no redirect is followed, no proxy is asked, no cookie is kept. A body is read up to its bound and no further. The token travels
//! in a header that is marked as secret, to the configured host alone, by HTTPS, or in the clear on this machine itself. A wait ends
//! when the program does.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use attendance::UtcMs;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
    LOCATION, RETRY_AFTER,
};
use reqwest::{Certificate, Url};
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::FeedFault;
use super::attempts::{Answer, Attempts, Jitter, Next, Outcome};
use super::pages::address;
use crate::api::Clock;
use crate::config::feeds::FeedConfig;

/// The largest answer that is read, in bytes: two and a half thousand orders, or seven thousand sessions.
pub const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing may be heard while a body is read.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one answer may take from its beginning to its end.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// The longest token, in bytes.
const TOKEN_BYTES_MAX: u64 = 512;
/// pretix says here when it began to answer.
const PAGE_GENERATED: HeaderName = HeaderName::from_static("x-page-generated");

/// Tells whether the program ends.
pub type Ending = watch::Receiver<bool>;

/// Connections to one feed, for one poll.
pub struct Client {
    http: reqwest::Client,
    clock: Clock,
    jitter: Jitter,
    deadline: UtcMs,
    ending: Ending,
}

impl Client {
    /// For a poll that ends at `deadline`.
    ///
    /// # Errors
    /// Where the token or the certificate cannot be read, or TLS cannot be set up.
    pub fn new(
        feed: &FeedConfig,
        clock: &Clock,
        jitter: Jitter,
        deadline: UtcMs,
        ending: Ending,
    ) -> Result<Self, FeedFault> {
        // Whoever came first has set the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(path) = &feed.token_file {
            headers.insert(AUTHORIZATION, authorization(path)?);
        }
        let mut http = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .pool_max_idle_per_host(1)
            .user_agent(concat!("rollcall-issuer/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &feed.ca_file {
            http = http.tls_certs_merge(certificates(path)?);
        }
        let http = http
            .build()
            .map_err(|error| FeedFault::Local(format!("HTTPS cannot be set up: {error}")))?;
        Ok(Self {
            http,
            clock: Arc::clone(clock),
            jitter,
            deadline,
            ending,
        })
    }

    /// The time.
    pub fn now(&self) -> UtcMs {
        (self.clock)()
    }

    /// What an address answers, tried as often as [`Attempts`] says.
    ///
    /// # Errors
    /// See [`FeedFault`].
    pub async fn get(
        &mut self,
        url: &Url,
        if_none_match: Option<&str>,
    ) -> Result<Answer, FeedFault> {
        let name = address(url);
        let mut attempts = Attempts::until(self.deadline);
        loop {
            let outcome = self.once(url, if_none_match).await?;
            if let Outcome::Lost(how) = &outcome {
                tracing::debug!(address = name, how, "no whole answer");
            }
            match attempts.after(outcome, &name, (self.clock)(), &mut self.jitter) {
                Next::Take(answer) => return json(answer, &name),
                Next::GiveUp(fault) => return Err(fault),
                Next::Again(at) => {
                    let wait_ms = at.0.saturating_sub((self.clock)().0).max(0);
                    let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0));
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = ended(&mut self.ending) => return Err(FeedFault::Ended),
                    }
                }
            }
        }
    }

    async fn once(&mut self, url: &Url, if_none_match: Option<&str>) -> Result<Outcome, FeedFault> {
        let mut request = self.http.get(url.clone());
        if let Some(tag) = if_none_match.and_then(|tag| HeaderValue::from_str(tag).ok()) {
            request = request.header(IF_NONE_MATCH, tag);
        }
        tokio::select! {
            outcome = read(request) => outcome,
            () = ended(&mut self.ending) => Err(FeedFault::Ended),
        }
    }
}

async fn ended(ending: &mut Ending) {
    if ending.wait_for(|ended| *ended).await.is_err() {
        // Whoever could end it is gone, so nobody will.
        std::future::pending::<()>().await;
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<Outcome, FeedFault> {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            return match distrust(&error) {
                // Trying again changes nothing of it.
                Some(fault) => Err(fault),
                None => Ok(Outcome::Lost(how(&error))),
            };
        }
    };
    let text = |name: &HeaderName| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let mut answer = Answer {
        status: response.status().as_u16(),
        retry_after: text(&RETRY_AFTER),
        content_type: text(&CONTENT_TYPE),
        etag: text(&ETAG),
        location: text(&LOCATION),
        generated: text(&PAGE_GENERATED),
        body: Vec::new(),
    };
    if answer.status != 200 {
        // Nothing that an error says is used.
        return Ok(Outcome::Answered(answer));
    }
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(Outcome::Answered(answer)),
            Ok(Some(chunk)) if answer.body.len() + chunk.len() > PAGE_BYTES_MAX => {
                return Err(FeedFault::Misled(format!(
                    "{} answers with more than {} MiB, which is no page: check `url`",
                    address(response.url()),
                    PAGE_BYTES_MAX / 1024 / 1024
                )));
            }
            Ok(Some(chunk)) => answer.body.extend_from_slice(&chunk),
            Err(error) => return Ok(Outcome::Lost(how(&error))),
        }
    }
}

/// The fault of a server whose certificate is not trusted; none where something else is the matter.
fn distrust(error: &reqwest::Error) -> Option<FeedFault> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(tls @ rustls::Error::InvalidCertificate(_)) = of_tls(error) {
            let why = super::attempts::shown(&tls.to_string());
            return Some(FeedFault::Untrusted(why));
        }
        cause = error.source();
    }
    None
}

/// The error of TLS that an error is, or that input and output wrapped, once or more often.
fn of_tls<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = || error.downcast_ref::<std::io::Error>()?.get_ref();
    error
        .downcast_ref()
        .or_else(|| of_tls(inner()? as &(dyn std::error::Error + 'static)))
}

/// What became of a request, without its address, whose query may be long.
fn how(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no whole answer came in time".to_owned();
    }
    let mut words = if error.is_connect() {
        "no connection comes about".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.source().is_none() {
            words.push_str(&format!(
                " ({})",
                super::attempts::shown(&error.to_string())
            ));
        }
        cause = error.source();
    }
    words
}

/// Refuses what says of itself that it is no JSON: pages of errors and of maintenance, under 200 too.
fn json(answer: Answer, name: &str) -> Result<Answer, FeedFault> {
    let kind = answer.content_type.as_deref().unwrap_or_default();
    if answer.status == 304 || kind.starts_with("application/json") {
        return Ok(answer);
    }
    Err(FeedFault::Misled(format!(
        "{name} answers with {}, not with JSON: check `url`, or the server is being looked after",
        if kind.is_empty() {
            "something that says not what it is".to_owned()
        } else {
            super::attempts::shown(kind)
        }
    )))
}

/// The token's header. The file holds the token and nothing else, and is nobody's but its owner's and group's.
fn authorization(path: &Path) -> Result<HeaderValue, FeedFault> {
    use std::io::Read as _;
    use std::os::unix::fs::MetadataExt as _;
    let wrong = |what: String| FeedFault::Local(format!("`token_file` {}: {what}", path.display()));
    let unreadable =
        |cause: std::io::Error| wrong(format!("{cause}; check the path and its permissions"));
    let file = std::fs::File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.mode() & 0o007 != 0 {
        return Err(wrong(format!(
            "everybody on this machine can read it: run `chmod o= {}`",
            path.display()
        )));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(TOKEN_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let token = text.trim();
    let is_token = !token.is_empty()
        && token.len() <= usize::try_from(TOKEN_BYTES_MAX).unwrap_or(usize::MAX)
        && token.bytes().all(|b| b.is_ascii_graphic());
    if !is_token {
        return Err(wrong(
            "holds no token: write the token alone into it, on one line".to_owned(),
        ));
    }
    let header = Zeroizing::new(format!("Token {token}"));
    let mut header = HeaderValue::from_str(&header)
        .map_err(|_| wrong("holds no token that could be sent".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, FeedFault> {
    let wrong = |what: String| FeedFault::Local(format!("`ca_file` {}: {what}", path.display()));
    let pem = std::fs::read(path).map_err(|cause| wrong(cause.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|e| wrong(e.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong("holds no certificate in PEM".to_owned()));
    }
    Ok(certificates)
}
