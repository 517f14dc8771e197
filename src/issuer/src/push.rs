//! What other systems send by themselves: registrations, signals, and hints that something changed.
//!
//! Promises:
//! - Who sends shows a token, in a header and nowhere else; only its hash is kept, and it is compared in constant time. An unknown,
//!   a revoked and a wrong token get one answer after the same work.
//! - What was taken is durable before the answer says so; the same request again is answered with `unchanged`. One wrong row refuses
//!   that row, by its field, and no other.
//! - Bodies, rows and requests are bounded ([`BODY_BYTES_MAX`], [`crate::sources::pushed::MAX_PUSHED`], [`BURST`]); every refusal is a
//!   problem document (RFC 9457) that says what to do. Causes inside the issuer go to the log; bodies, tokens, names and addresses
//!   never do.
//! - A webhook of pretix carries no signature, so nothing in it is believed: it brings the next poll of its source forward.
//! - `/v1/openapi.json` describes all of it; it is made from the types here.

mod describe;
mod hooks;
mod problem;
mod signals;
pub mod signature;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use attendance::UtcMs;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tower_http::timeout::TimeoutLayer;
use utoipa::ToSchema;

pub use describe::openapi_json;
pub use hooks::{HookKind, MAX_SECRET_BYTES};
pub use problem::{PushProblem, Refused};
pub use signals::{SIGNALS, SignalsTaken};

use crate::access::Limiter;
use crate::feeds::run::Polls;
use crate::imports::registrations::{Answer, push};
use crate::imports::{ImportFault, Source};
use crate::sources::pushed::{self, RegistrationsBody, RowFault};
use crate::sources::zone_named;
use crate::store::StoreError;
use crate::store::sources::SourceFacts;
use crate::tokens::Token;

/// The kind of sources that send registrations.
pub const REGISTRATIONS: &str = "registrations";
/// The most bytes of a body.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The most bytes of a webhook's body.
pub const HOOK_BYTES_MAX: usize = 64 * 1024;
/// Requests of a source at once, and then one every so many milliseconds.
pub const BURST: u32 = 60;
const REFILL_MS: u32 = 1_000;
/// Wrong tokens, and webhooks, of an address at once, and then one every so many milliseconds.
const ADDRESS_BURST: u32 = 30;
const ADDRESS_REFILL_MS: u32 = 2_000;
/// Signed webhooks of an address at once, and then one every so many milliseconds: a platform sends for many from one address.
const HOOK_BURST: u32 = 300;
const HOOK_REFILL_MS: u32 = 100;
/// Names that limits remember.
const NAMES_MAX: usize = 10_000;
/// The longest a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Where a source of a kind sends to.
pub fn path(kind: &str, id: &str) -> String {
    match kind {
        REGISTRATIONS => "/v1/registrations".to_owned(),
        SIGNALS => "/v1/signals".to_owned(),
        _ => format!("/v1/hooks/{id}"),
    }
}

/// What the calls need. Clones share it.
#[derive(Clone)]
pub struct Push(Arc<Inner>);

struct Inner {
    parties: Polls,
    public_url: String,
    sources: Limiter,
    strangers: Limiter,
    hooks: Limiter,
}

impl Push {
    /// The calls of one issuer, which the world reaches at `public_url`.
    pub fn new(parties: Polls, public_url: &str) -> Self {
        Self(Arc::new(Inner {
            parties,
            public_url: public_url.to_owned(),
            sources: Limiter::new(BURST, REFILL_MS, NAMES_MAX),
            strangers: Limiter::new(ADDRESS_BURST, ADDRESS_REFILL_MS, NAMES_MAX),
            hooks: Limiter::new(HOOK_BURST, HOOK_REFILL_MS, NAMES_MAX),
        }))
    }

    fn now(&self) -> UtcMs {
        (self.0.parties.clock)()
    }

    /// Runs what blocks on a thread for that.
    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&inner))
            .await
            .map_err(|error| Refused::Unavailable(error.to_string()))?
    }

    /// The source whose token a request shows.
    async fn source(
        &self,
        headers: &HeaderMap,
        address: IpAddr,
        kind: &'static str,
    ) -> Result<SourceFacts, Refused> {
        let now = self.now();
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(Token::from_header);
        let known = self
            .off_thread(move |inner| {
                let id = token.as_ref().and_then(Token::source).unwrap_or_default();
                let held = inner.parties.store.source(id)?;
                // Whoever is unknown is compared as well, so that time tells nothing.
                let kept = held.as_ref().and_then(|held| held.token);
                let kept = kept.unwrap_or_else(|| evidence::sha256(b""));
                let is_right = token.as_ref().is_some_and(|token| token.is(kept));
                Ok(held.filter(|held| is_right && held.revoked.is_none() && held.token.is_some()))
            })
            .await?;
        let Some(known) = known else {
            let name = address.to_string();
            self.0
                .strangers
                .take(&name, now)
                .map_err(Refused::TooMany)?;
            return Err(Refused::Token);
        };
        self.0
            .sources
            .take(&known.id, now)
            .map_err(Refused::TooMany)?;
        if known.kind != kind {
            return Err(Refused::Kind(known.kind));
        }
        Ok(known)
    }
}

/// The routes.
pub fn router(push: Push) -> Router {
    Router::new()
        .route("/v1/registrations", post(registrations))
        .route("/v1/signals", post(signals::signals))
        .route("/v1/hooks/{source}", post(hooks::hook))
        .route("/v1/hooks/pretix/{source}", post(pretix_hook))
        .route("/v1/openapi.json", get(describe))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            REQUEST_TIMEOUT,
        ))
        .with_state(push)
}

/// What came of a request.
#[derive(Debug, Serialize, ToSchema)]
pub struct Taken {
    /// How many rows changed something.
    pub taken: usize,
    /// How many said what is held already.
    pub unchanged: usize,
    /// How many were refused.
    pub refused: usize,
    /// The version of the registrations that came into force; none where nothing changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// One a row, in the order of the request.
    pub rows: Vec<TakenRow>,
}

/// What came of one row.
#[derive(Debug, Serialize, ToSchema)]
pub struct TakenRow {
    /// The sender's id; empty where the row has none that reads.
    pub id: String,
    /// What came of it.
    pub result: RowResult,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<RowFault>,
}

/// What came of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RowResult {
    /// It changed something, durably.
    Taken,
    /// It said what is held already.
    Unchanged,
    /// It changed nothing; the fault says why. Correct it and send it again.
    Refused,
}

/// Send registrations
///
/// Adds and changes registrations of the event that the token is for. Rows are known by the sender's id, so a request can be sent again at
/// any time. Whoever is not in it stays as they are: cancel by status. At most 1,000 rows and 2 MiB a request, 60 requests at once and
/// then one a second.
#[utoipa::path(
    post,
    path = "/v1/registrations",
    tag = "push",
    request_body(content = RegistrationsBody, content_type = "application/json"),
    responses(
        (status = 200, description = "Each row with what came of it; some may be refused", body = Taken,
            example = json!({"taken": 1, "unchanged": 0, "refused": 1, "version": 7, "rows": [
                {"id": "contact-4711", "result": "taken"},
                {"id": "contact-4712", "result": "refused", "fault": {"field": "name", "reason": "is empty, and a certificate needs a name"}}]})),
        (status = 400, description = "The body is malformed; nothing was taken", body = PushProblem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or one that is wrong or revoked", body = PushProblem, content_type = "application/problem+json"),
        (status = 403, description = "The token is for something else", body = PushProblem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 2 MiB", body = PushProblem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests: wait as long as `Retry-After` says", body = PushProblem, content_type = "application/problem+json",
            headers(("Retry-After" = u32, description = "Seconds"))),
        (status = 503, description = "The issuer cannot store now: send it again later", body = PushProblem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
async fn registrations(State(push): State<Push>, request: Request) -> Result<Json<Taken>, Refused> {
    let (parts, body) = request.into_parts();
    let source = push
        .source(&parts.headers, address(&parts), REGISTRATIONS)
        .await?;
    let body = read(body, BODY_BYTES_MAX).await?;
    let now = push.now();
    let taken = push
        .off_thread(move |inner| take(&inner.parties, &source, &body, now))
        .await?;
    Ok(Json(taken))
}

fn take(parties: &Polls, source: &SourceFacts, body: &[u8], now: UtcMs) -> Result<Taken, Refused> {
    let event = parties.store.event(&source.event)?;
    let zone = zone_named(&event.zone).map_err(|error| Refused::Unavailable(error.to_string()))?;
    let rows = pushed::read(body, zone).map_err(Refused::Form)?;
    let good: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row.id.as_str(), row.read.as_ref().ok()?)))
        .collect();
    let from = Source {
        format: "push",
        file: evidence::sha256(body),
        rows: rows.len(),
    };
    let (answers, version) = if good.is_empty() {
        (Vec::new(), None)
    } else {
        push(parties.desk(now), &source.event, &source.id, &good, from)?
    };
    parties.store.heard_source(&source.id, 0, now)?;
    let mut answers = answers.into_iter();
    let rows: Vec<TakenRow> = rows
        .into_iter()
        .map(|row| {
            let (result, fault) = match row.read {
                Err(fault) => (RowResult::Refused, Some(fault)),
                Ok(_) => match answers.next() {
                    Some(Answer::Taken) => (RowResult::Taken, None),
                    Some(Answer::Unchanged) | None => (RowResult::Unchanged, None),
                    Some(Answer::Refused(field, reason)) => {
                        let field = field.to_owned();
                        (RowResult::Refused, Some(RowFault { field, reason }))
                    }
                },
            };
            let id = row.id;
            TakenRow { id, result, fault }
        })
        .collect();
    let count = |result| rows.iter().filter(|row| row.result == result).count();
    let (taken, unchanged, refused) = (
        count(RowResult::Taken),
        count(RowResult::Unchanged),
        count(RowResult::Refused),
    );
    tracing::info!(
        source = source.id,
        taken,
        unchanged,
        refused,
        version,
        "registrations were sent"
    );
    Ok(Taken {
        taken,
        unchanged,
        refused,
        version,
        rows,
    })
}

/// That a poll was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct Queued {
    /// Whether a poll will come; pretix reads only the status.
    pub queued: bool,
}

/// Tell that something changed in pretix
///
/// The target of a webhook of pretix, for the source of that id in the configuration. pretix signs nothing, so nothing in it is believed:
/// it brings the next poll forward, to ten seconds after the last one at the earliest.
#[utoipa::path(
    post,
    path = "/v1/hooks/pretix/{source}",
    tag = "push",
    params(("source" = String, Path, description = "The source's id: the name of its `[sources.…]` table", example = "pretix")),
    request_body(content = serde_json::Value, content_type = "application/json", description = "As pretix sends it, at most 64 KiB",
        example = json!({"notification_id": 6, "organizer": "ada", "event": "spring27", "code": "EBXNZ", "action": "pretix.event.order.placed"})),
    responses(
        (status = 202, description = "A poll is queued", body = Queued),
        (status = 404, description = "There is no such source, or it is no pretix", body = PushProblem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 64 KiB", body = PushProblem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests from this address", body = PushProblem, content_type = "application/problem+json",
            headers(("Retry-After" = u32, description = "Seconds"))),
        (status = 503, description = "The issuer cannot store now", body = PushProblem, content_type = "application/problem+json"),
    )
)]
async fn pretix_hook(
    State(push): State<Push>,
    Path(source): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let now = push.now();
    let name = address(&parts).to_string();
    push.0
        .strangers
        .take(&name, now)
        .map_err(Refused::TooMany)?;
    // It is read so that the sender sees its answer, and says nothing that is believed.
    read(body, HOOK_BYTES_MAX).await?;
    let queued = push
        .off_thread(move |inner| Ok(inner.parties.store.want_feed(&source, "pretix", now)?))
        .await?;
    if !queued {
        return Err(Refused::NoSource);
    }
    Ok((StatusCode::ACCEPTED, Json(Queued { queued })).into_response())
}

async fn describe() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (headers, openapi_json()).into_response()
}

/// The whole of a body that is not too large.
async fn read(body: Body, limit: usize) -> Result<Bytes, Refused> {
    crate::api::read_body(body, limit)
        .await
        .map_err(Refused::from)
}

/// The address a request came from; unknown where the server does not say.
fn address(parts: &axum::http::request::Parts) -> IpAddr {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    info.map_or(IpAddr::from([0, 0, 0, 0]), |info| info.0.ip())
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<ImportFault> for Refused {
    fn from(fault: ImportFault) -> Self {
        Self::Unavailable(fault.to_string())
    }
}

#[cfg(test)]
#[path = "push/tests.rs"]
mod tests;
