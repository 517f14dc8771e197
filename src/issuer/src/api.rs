//! What kiosks call: `/v1/…`.
//!
//! Promises:
//! - Every answer, refusals too, carries a fresh nonce; every refusal is a problem document whose detail says what to do,
//!   while its cause inside the issuer goes to the log.
//! - Every call but `time` and `enrol` is signed by the kiosk of its path, over method, path and body, with a nonce that was
//!   issued here within [`crate::intake::nonce::NONCE_MS`].
//! - Bodies are bounded before they are read, and again after decompression.
//! - Each request leaves one line in the log, without bodies and secrets.
//!
//! What blocks (the database) runs on threads for that.

mod kiosk;
mod open;
mod refusal;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use attendance::UtcMs;
use attendance::words::KioskId;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get, post};
use protocol::http_signature::{self, HttpSignatureError, SignedHeaders};
use tower_http::timeout::TimeoutLayer;

use crate::intake::nonce;
use crate::keys::{Keys, Random};
use crate::store::enrolment::KioskFacts;
use crate::store::{ObjectStore, Store, StoreError};

pub use refusal::Refusal;

/// The longest a call may take, from its first line to its answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Reads the time.
pub type Clock = Arc<dyn Fn() -> UtcMs + Send + Sync>;
/// Lets an address try to enrol, or says in how many seconds it may.
pub type EnrolLimit = Arc<dyn Fn(IpAddr, UtcMs) -> Result<(), u32> + Send + Sync>;

/// What the calls need. Clones share it.
#[derive(Clone)]
pub struct Api(Arc<Parties>);

/// See [`Api`].
pub struct Parties {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The object store.
    pub objects: Arc<dyn ObjectStore>,
    /// The issuer's keys.
    pub keys: Arc<Keys>,
    /// The issuer's name.
    pub issuer: String,
    /// SHA-256 of the public keys (SPKI) that TLS may show, lower hex; none without TLS.
    pub pins: Vec<String>,
    /// The clock.
    pub clock: Clock,
    /// How far the clock may be off, in milliseconds.
    pub clock_error_ms: u32,
    /// Random bytes.
    pub random: Random,
    /// Who may try to enrol.
    pub enrol_limit: EnrolLimit,
}

impl Api {
    /// The calls of one issuer.
    pub fn new(parties: Parties) -> Self {
        Self(Arc::new(parties))
    }

    fn now(&self) -> UtcMs {
        (self.0.clock)()
    }

    /// Runs what blocks on a thread for that.
    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Parties) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let parties = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&parties))
            .await
            .map_err(|error| Refusal::Unavailable(error.to_string()))?
    }
}

/// The routes under `/v1`.
pub fn router(api: Api) -> Router {
    Router::new()
        .route(protocol::time::PATH, post(open::time))
        .route(protocol::enrol::PATH, post(open::enrol))
        .route("/v1/kiosks/{kiosk}/entries", post(kiosk::entries))
        .route("/v1/kiosks/{kiosk}/bundle", get(kiosk::bundle))
        .route("/v1/kiosks/{kiosk}/presence", get(kiosk::presence))
        .route("/v1/kiosks/{kiosk}/status", post(kiosk::status))
        .route("/v1/{*rest}", any(nothing))
        .method_not_allowed_fallback(nothing)
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            CALL_TIMEOUT,
        ))
        .layer(from_fn_with_state(api.clone(), observe))
        .with_state(api)
}

async fn nothing() -> Refusal {
    Refusal::NotFound
}

/// Hands out a nonce and writes the request's line.
async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let path = match request.extensions().get::<MatchedPath>() {
        Some(matched) if matched.as_str().contains("{kiosk}") => request.uri().path().to_owned(),
        Some(matched) => matched.as_str().to_owned(),
        None => String::new(),
    };
    let mut response = next.run(request).await;
    let nonce = nonce::issue(api.0.keys.nonces(), api.now());
    if let Ok(nonce) = nonce.parse() {
        response.headers_mut().insert(http_signature::NONCE, nonce);
    }
    let status = response.status().as_u16();
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    match response.extensions_mut().remove::<refusal::Cause>() {
        None => tracing::info!(%method, path, status, ms, "call"),
        Some(cause) if status >= 500 => {
            tracing::error!(%method, path, status, ms, cause = cause.0, "call");
        }
        Some(cause) => tracing::warn!(%method, path, status, ms, cause = cause.0, "call"),
    }
    response
}

/// The whole of a body that is not too large.
pub(crate) async fn read_body(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let size = axum::body::HttpBody::size_hint(&body);
    if size.lower() > limit as u64 {
        return Err(Refusal::TooLarge(limit));
    }
    // A body that is cut off is the network's fault; one that goes on for too long is the sender's.
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = cause {
            if error.to_string().contains("length limit") {
                return Refusal::TooLarge(limit);
            }
            cause = error.source();
        }
        Refusal::Form("the body was cut off".to_owned())
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The address a request came from; unknown where the server does not say.
fn address(parts: &Parts) -> IpAddr {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    info.map_or(IpAddr::from([0, 0, 0, 0]), |info| info.0.ip())
}

/// A request of a kiosk, with what its signature needs.
struct Signed {
    kiosk: String,
    method: String,
    path: String,
    headers: Option<SignedHeaders>,
    body: Bytes,
}

impl Signed {
    fn new(kiosk: String, parts: &Parts, body: Bytes) -> Self {
        let text = |name| header(&parts.headers, name).map(str::to_owned);
        let headers = || {
            Some(SignedHeaders {
                content_digest: text(http_signature::CONTENT_DIGEST)?,
                signature_input: text(http_signature::SIGNATURE_INPUT)?,
                signature: text(http_signature::SIGNATURE)?,
            })
        };
        Self {
            kiosk,
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            headers: headers(),
            body,
        }
    }

    /// The kiosk that signed it, which is the one in its path.
    fn verify(&self, parties: &Parties, now: UtcMs) -> Result<KioskFacts, Refusal> {
        let headers = self.headers.as_ref().ok_or(HttpSignatureError::Shape)?;
        let (key_id, nonce) = http_signature::claimed(&headers.signature_input)?;
        if key_id != self.kiosk {
            return Err(Refusal::OtherKiosk(key_id.to_owned()));
        }
        if !nonce::is_good(parties.keys.nonces(), nonce, now) {
            return Err(Refusal::Nonce);
        }
        let id = KioskId::new(&self.kiosk).map_err(|_| Refusal::UnknownKiosk)?;
        let kiosk = match parties.store.kiosk(&id) {
            Err(StoreError::NotFound { .. }) => return Err(Refusal::UnknownKiosk),
            other => other?,
        };
        http_signature::verify(
            &self.method,
            &self.path,
            &self.body,
            headers,
            &kiosk.public_key,
        )?;
        Ok(kiosk)
    }
}
