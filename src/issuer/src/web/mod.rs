//! The pages: for staff, and for anybody who holds a certificate.
//!
//! Promises:
//! - Server-rendered; everything works without JavaScript. One small file of our own keeps a page fresh by one stream of
//!   events, or by asking, and says so where neither succeeds.
//! - Whoever is not signed in sees `/verify`, `/c/{code}` and the sign-in, nothing else. A look at somebody's private evidence
//!   is recorded before it is answered; if it cannot be recorded, there is no answer.
//! - Texts are escaped, no page takes scripts or styles from inside itself or from elsewhere, none is indexed, none with
//!   private content is kept by a browser.
//! - Numbers carry the time they are of; past their limit they are said to be stale and are never green.
//!
//! - What people say by a form leaves a ledger entry with their account and a reason; nothing that stands is rewritten.
//!
//! Absent by intent: no page decides, or issues or revokes certificates; commands do, and leave ledger entries. What the
//! pages know of trends lies in memory and begins anew with the program.

mod alarms;
mod assets;
mod attendee;
mod attendees;
mod cases;
mod fault;
mod fleet;
mod identity;
mod inside;
mod layout;
mod live;
mod sessions;
mod sign_in;
mod sources;
mod standing;
mod time_code;
mod timeline;
mod upload;
mod verify;
mod verify_checks;
mod watch;
mod words;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use attendance::UtcMs;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, Request};
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Redirect, Response};
use axum::routing::{get, post};
use evidence::Hash;
use protocol::agenda::Agenda;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::access::{Access, Limiter, off_thread, refuse_foreign_forms};
use crate::imports::Desk;
use crate::keys::Keys;
use crate::store::events::{EventFacts, Versioned};
use crate::store::{Documents, ObjectStore, Store};

use fault::Fault;

/// The policy of every page: our own style, script, stream and forms, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Looks at public pages at once from an address, and then one every so many milliseconds.
const PUBLIC_BURST: u32 = 40;
const PUBLIC_REFILL_MS: u32 = 2_000;
const MAX_PUBLIC_NAMES: usize = 20_000;
/// The most bytes of a form that is no upload.
const MAX_FORM_BYTES: usize = 16 * 1024;

/// What the pages need. Clones share it.
#[derive(Clone)]
pub struct Pages(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    objects: Arc<dyn ObjectStore>,
    documents: Documents,
    keys: Arc<Keys>,
    issuer: String,
    access: Access,
    clock_error_ms: u32,
    /// How many time codes were made.
    time_codes: AtomicU32,
    watch: watch::Watch,
    streams: Arc<Semaphore>,
    public: Limiter,
}

impl Pages {
    /// `issuer` is the issuer's name. `access` brings the clock, which may be off by `clock_error_ms`.
    pub fn new(
        store: Arc<dyn Store>,
        objects: Arc<dyn ObjectStore>,
        keys: Arc<Keys>,
        issuer: &str,
        access: Access,
        clock_error_ms: u32,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            objects,
            documents: Documents::default(),
            keys,
            issuer: issuer.to_owned(),
            access,
            clock_error_ms,
            time_codes: AtomicU32::new(0),
            watch: watch::Watch::default(),
            streams: Arc::new(Semaphore::new(live::MAX_STREAMS)),
            public: Limiter::new(PUBLIC_BURST, PUBLIC_REFILL_MS, MAX_PUBLIC_NAMES),
        }))
    }

    fn access(&self) -> &Access {
        &self.0.access
    }

    fn store(&self) -> &dyn Store {
        self.0.store.as_ref()
    }

    fn now(&self) -> UtcMs {
        self.0.access.now()
    }

    /// Where what people say goes, now.
    fn desk(&self) -> Desk<'_> {
        Desk {
            store: self.store(),
            objects: self.0.objects.as_ref(),
            documents: &self.0.documents,
            keys: &self.0.keys,
            random: self.0.access.random(),
            now: self.now(),
        }
    }

    fn event(&self, id: &str) -> Result<EventFacts, Fault> {
        let id = id
            .parse()
            .map_err(|_| Fault::Missing("There is no such event."))?;
        Ok(self.store().event(&id)?)
    }

    /// The agenda in force.
    fn agenda(&self, event: &EventFacts) -> Result<Option<Agenda>, Fault> {
        match self.store().version(&event.id, Versioned::Agenda)? {
            Some(version) => self.object(version.object).map(Some),
            None => Ok(None),
        }
    }

    fn object<T: DeserializeOwned>(&self, hash: Hash) -> Result<T, Fault> {
        serde_json::from_slice(&self.object_bytes(hash)?)
            .map_err(|cause| Fault::Broken(format!("the object {hash} does not read: {cause}")))
    }

    fn object_bytes(&self, hash: Hash) -> Result<Vec<u8>, Fault> {
        let bytes = self
            .0
            .objects
            .get(hash)
            .map_err(|cause| Fault::Broken(cause.to_string()))?;
        bytes.ok_or_else(|| {
            Fault::Broken(format!(
                "the object {hash} is not in the object store: restore it"
            ))
        })
    }

    /// Runs what blocks on a thread for that.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Self) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let own = self.clone();
        off_thread(move || question(&own)).await
    }
}

impl FromRef<Pages> for Access {
    fn from_ref(pages: &Pages) -> Self {
        pages.0.access.clone()
    }
}

/// Every page. Serve it with the caller's address as `ConnectInfo`, or all callers share one limit.
pub fn router(pages: Pages) -> Router {
    let is_https = pages.access().is_https();
    let forms = from_fn_with_state(pages.access().clone(), refuse_foreign_forms);
    Router::new()
        .route(
            "/",
            get(|| async { Redirect::to(crate::access::HOME_PATH) }),
        )
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/staff", get(fleet::events))
        .route("/staff/{event}", get(fleet::page))
        .route("/staff/{event}/live", get(fleet::live))
        .route("/staff/{event}/sessions", get(sessions::page))
        .route("/staff/{event}/sessions/live", get(sessions::live))
        .route("/staff/{event}/attendees", get(attendees::page))
        .route("/staff/{event}/attendees/{attendee}", get(attendee::page))
        .route(
            "/staff/{event}/attendees/{attendee}/said",
            post(attendee::said::say),
        )
        .route(
            "/staff/{event}/attendees/{attendee}/withdrawn",
            post(attendee::said::withdraw),
        )
        .route(
            "/staff/{event}/attendees/{attendee}/granted",
            post(attendee::granted::put),
        )
        .route(
            "/staff/{event}/identity",
            get(identity::page).post(identity::say),
        )
        .route("/staff/{event}/cases", get(cases::page).post(cases::say))
        .route("/staff/{event}/alarms", get(alarms::page))
        .route("/staff/{event}/sources", get(sources::page))
        .route("/staff/{event}/time", get(time_code::page))
        .route("/staff/{event}/time/live", get(time_code::live))
        .route("/verify", get(verify::form))
        .route("/c/{code}", get(verify::page))
        .route("/c/{code}/proof", get(verify::proof))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .route(
            "/c/{code}/file",
            post(verify::compare).layer(DefaultBodyLimit::max(upload::MAX_UPLOAD_BYTES)),
        )
        .route(assets::STYLE_PATH, get(assets::style))
        .route(assets::SCRIPT_PATH, get(assets::script))
        .route(assets::REVIEW_PATH, get(assets::review))
        .layer(forms)
        .layer(from_fn(move |request, next| guard(is_https, request, next)))
        .with_state(pages)
}

/// What every answer carries.
async fn guard(is_https: bool, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (CONTENT_SECURITY_POLICY.as_str(), POLICY),
        (X_CONTENT_TYPE_OPTIONS.as_str(), "nosniff"),
        (X_FRAME_OPTIONS.as_str(), "DENY"),
        // `no-referrer` would have browsers hide from us, too, where a form comes from.
        (REFERRER_POLICY.as_str(), "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), geolocation=(), microphone=()",
        ),
        ("x-robots-tag", "noindex, nofollow"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if is_https {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    response
}
