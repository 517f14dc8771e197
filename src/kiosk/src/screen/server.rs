//! Serves the two pages, on loopback unless configured otherwise.
//!
//! `GET /` the attendee's screen, `GET /events` its stream (`face` on each change, `beat` in between);
//! `GET /staff` the status page, `GET /staff/events` its stream (`status`, `beat`), `GET /staff/fragment`
//! the same for pages that poll; `GET /status` JSON; `GET /healthz`; `GET /camera.bmp` what the camera sees now,
//! to this machine's own browser alone. A beat is a named event because a
//! comment is invisible to the page. Only the attendee's screen and its stream carry a name.
//!
//! There is no sign-in, so nothing can be changed from here, requests under foreign host names are refused
//! (a page elsewhere must not read a kiosk through a name it points here), and nothing is loaded from
//! anywhere else. At most [`STREAMS_MAX`] streams are open at once. Streams end when the face's sender is
//! dropped.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono_tz::Tz;
use futures_util::stream::{self, Stream};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::devices::{Devices, Look};
use super::face::{Painted, Place, paint};
use super::look::{self, Panel};
use super::messages::{Language, Messages};
use super::staff;
use super::view::{Face, STALE_AFTER_MS, State as KioskState, Status};
use crate::readers::LiveView;

/// How often a stream says that it is alive.
pub const BEAT_MS: u64 = 15_000;
/// The most streams open at once, of both pages together.
pub const STREAMS_MAX: usize = 16;
/// The status page is sent at most this often.
const STATUS_EVERY: Duration = Duration::from_millis(500);
/// How long a camera may take to give a picture.
const PICTURE_WITHIN: Duration = Duration::from_millis(1_500);
/// The code on the screen when the page has lost the kiosk.
const LOST_CODE: &str = "SCREEN-LOST";

/// What the pages need to know of the event; changes with the adopted bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventInfo {
    /// The kiosk's or door's name, shown where staff need it.
    pub kiosk: String,
    /// The event's languages as BCP 47 tags.
    pub languages: Vec<String>,
    /// The event's time zone.
    pub time_zone: Tz,
}

impl Default for EventInfo {
    /// Before enrolment: no name, English, UTC.
    fn default() -> Self {
        Self {
            kiosk: String::new(),
            languages: vec!["en".to_owned()],
            time_zone: Tz::UTC,
        }
    }
}

/// What the configuration says of the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The attendee's screen.
    pub panel: Panel,
    /// No sounds from the page.
    pub muted: bool,
    /// Loudness of the sounds, 0 to 100.
    pub level_percent: u8,
    /// Host names or addresses besides the loopback ones under which the pages may be asked for.
    pub hosts: Vec<String>,
    /// How often a stream says that it is alive, in milliseconds; [`BEAT_MS`] but in tests.
    pub beat_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            panel: Panel::TEN_INCH,
            muted: false,
            level_percent: 60,
            hosts: Vec::new(),
            beat_ms: BEAT_MS,
        }
    }
}

/// Where the pages get what they show.
#[derive(Clone, Debug)]
pub struct Handle {
    /// The attendee's screen.
    pub face: watch::Receiver<Face>,
    /// The status page.
    pub status: watch::Receiver<Status>,
    /// The event; its sender may be dropped when it no longer changes.
    pub info: watch::Receiver<EventInfo>,
    /// What a camera sees; `None` where there is none.
    pub live: Option<LiveView>,
    /// Tells which devices are attached; asked while somebody looks at the status page.
    pub look: Look,
    /// The configuration.
    pub settings: Settings,
    /// The wall clock, Unix milliseconds: pages reckon ages by it, not by their own.
    pub wall_ms: fn() -> i64,
}

struct Pages {
    handle: Handle,
    devices: Devices,
    messages: Messages,
    streams: Arc<Semaphore>,
    /// Told to the page, which loads itself anew when it meets another.
    started_ms: i64,
}

/// The pages over this handle.
pub fn router(handle: Handle) -> Router {
    let pages = Arc::new(Pages {
        started_ms: (handle.wall_ms)(),
        devices: Devices::new(handle.look.clone(), handle.wall_ms),
        handle,
        messages: Messages::load(),
        streams: Arc::new(Semaphore::new(STREAMS_MAX)),
    });
    Router::new()
        .route("/", get(screen))
        .route("/events", get(screen_events))
        .route("/staff", get(staff_page))
        .route("/staff/events", get(staff_events))
        .route("/staff/fragment", get(staff_fragment))
        .route("/status", get(status))
        .route("/healthz", get(healthz))
        .route("/camera.bmp", get(camera))
        .route("/assets/look.css", get(look_css))
        .route(
            "/assets/screen.css",
            get(|| css(include_str!("assets/screen.css"))),
        )
        .route(
            "/assets/staff.css",
            get(|| css(include_str!("assets/staff.css"))),
        )
        .route(
            "/assets/screen.js",
            get(|| js(include_str!("assets/screen.js"))),
        )
        .route(
            "/assets/staff.js",
            get(|| js(include_str!("assets/staff.js"))),
        )
        .layer(axum::middleware::from_fn_with_state(pages.clone(), guard))
        .with_state(pages)
}

/// What every answer carries.
const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), microphone=(), geolocation=()"),
    ),
];

async fn guard(State(pages): State<Arc<Pages>>, request: Request, next: Next) -> Response {
    let hosts = &pages.handle.settings.hosts;
    let mut response = if is_our_host(request.headers(), request.uri(), hosts) {
        next.run(request).await
    } else {
        (
            StatusCode::MISDIRECTED_REQUEST,
            "This kiosk does not answer under that name. Use its address, or name it in `hosts`.\n",
        )
            .into_response()
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Whether the request names this kiosk: exactly one `Host`, and no other name in an absolute URI.
fn is_our_host(headers: &HeaderMap, uri: &Uri, hosts: &[String]) -> bool {
    let ours = |name: &str| {
        let name = host_name(name);
        ["localhost", "127.0.0.1", "::1"].contains(&name.as_str())
            || hosts.iter().any(|host| host_name(host) == name)
    };
    let mut named = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (named.next(), named.next()) else {
        return false;
    };
    host.to_str().is_ok_and(ours) && uri.authority().is_none_or(|a| ours(a.as_str()))
}

/// The name of a `Host` without its port, in small letters, addresses without brackets.
fn host_name(host: &str) -> String {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        // More than one colon is an address of IPv6 without brackets, as a configuration may write it.
        None if host.matches(':').count() > 1 => host,
        None => host.split(':').next().unwrap_or(host),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

async fn css(text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], text)
}

async fn js(text: &'static str) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        text,
    )
}

async fn look_css(State(pages): State<Arc<Pages>>) -> impl IntoResponse {
    let text = look::stylesheet(&pages.handle.settings.panel);
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], text)
}

fn html(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}

impl Pages {
    fn painted(&self, face: &Face) -> Painted {
        let info = self.handle.info.borrow();
        let place = Place {
            kiosk: &info.kiosk,
            languages: &Language::of_event(&info.languages),
            time_zone: info.time_zone,
            compact: self.handle.settings.panel.is_compact(),
        };
        paint(&self.messages, &place, face)
    }

    fn face_event(&self, face: &Face, fresh: bool) -> serde_json::Value {
        json!({
            "fresh": fresh,
            "started": self.started_ms,
            "now_ms": (self.handle.wall_ms)(),
            "time_zone": self.handle.info.borrow().time_zone.name(),
            "face": self.painted(face),
        })
    }

    async fn status_html(&self) -> String {
        let devices = self.devices.seen().await;
        let time_zone = self.handle.info.borrow().time_zone;
        let status = self.handle.status.borrow();
        let now_ms = (self.handle.wall_ms)();
        staff::fragment(&status, devices.as_deref(), time_zone, now_ms)
    }
}

async fn screen(State(pages): State<Arc<Pages>>) -> Response {
    let settings = &pages.handle.settings;
    let face = pages.handle.face.borrow().clone();
    let lost = Face::Failure {
        code: LOST_CODE.to_owned(),
    };
    let start = json!({
        "now": pages.face_event(&face, false),
        "lost": pages.painted(&lost),
        "compact": settings.panel.is_compact(),
        "muted": settings.muted,
        "level": f64::from(settings.level_percent.min(100)) / 100.0,
        "beat_ms": settings.beat_ms,
        "camera": pages.handle.live.is_some(),
    });
    // Inside a script element only `<` could end it; JSON may write it as an escape.
    let start = start.to_string().replace('<', "\\u003c");
    let first = pages.painted(&face);
    let turn = first.turns.first();
    let (lang, dir) = turn.map_or(("en", "ltr"), |turn| (turn.lang, turn.dir));
    html(
        include_str!("assets/screen.html")
            .replace("{lang}", lang)
            .replace("{dir}", dir)
            .replace("{start}", &start),
    )
}

async fn staff_page(State(pages): State<Arc<Pages>>) -> Response {
    html(staff::page(
        &pages.status_html().await,
        pages.handle.settings.beat_ms,
        (pages.handle.wall_ms)(),
    ))
}

async fn staff_fragment(State(pages): State<Arc<Pages>>) -> Response {
    html(pages.status_html().await)
}

async fn status(State(pages): State<Arc<Pages>>) -> Json<Status> {
    Json(pages.handle.status.borrow().clone())
}

/// The camera's next picture. Whoever stands at the door is in it, so it never leaves this machine, whatever address the pages have.
async fn camera(State(pages): State<Arc<Pages>>, request: Request) -> Response {
    if !is_this_machine(request.extensions().get()) {
        let text = "What the camera sees is shown on the kiosk itself only.\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let Some(live) = &pages.handle.live else {
        return (StatusCode::NOT_FOUND, "This kiosk has no camera.\n").into_response();
    };
    match tokio::time::timeout(PICTURE_WITHIN, live.ask()).await {
        Ok(Ok(picture)) => ([(header::CONTENT_TYPE, "image/bmp")], picture).into_response(),
        // No frame came, or too many ask.
        Ok(Err(_)) | Err(_) => {
            let text = "The camera shows nothing now.\n";
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

fn is_this_machine(peer: Option<&ConnectInfo<SocketAddr>>) -> bool {
    peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback())
}

/// 200 while a scan would be recorded and somebody still says so, else 503 with the reason.
async fn healthz(State(pages): State<Arc<Pages>>) -> (StatusCode, String) {
    let now_ms = (pages.handle.wall_ms)();
    let status = pages.handle.status.borrow();
    let state = status.standing.state;
    if now_ms.saturating_sub(status.as_of_ms) > STALE_AFTER_MS {
        (StatusCode::SERVICE_UNAVAILABLE, "stale\n".to_owned())
    } else if state == KioskState::NotRecording {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{}\n", state.code()),
        )
    } else {
        (StatusCode::OK, format!("{}\n", state.code()))
    }
}

/// One open stream.
struct Feed {
    pages: Arc<Pages>,
    face: watch::Receiver<Face>,
    status: watch::Receiver<Status>,
    info: watch::Receiver<EventInfo>,
    info_may_change: bool,
    beat: Interval,
    started: bool,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    fn open(pages: Arc<Pages>) -> Option<Self> {
        let permit = pages.streams.clone().try_acquire_owned().ok()?;
        let every = Duration::from_millis(pages.handle.settings.beat_ms.max(1));
        let mut beat = tokio::time::interval_at(Instant::now() + every, every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Some(Self {
            face: pages.handle.face.clone(),
            status: pages.handle.status.clone(),
            info: pages.handle.info.clone(),
            info_may_change: true,
            beat,
            started: false,
            pages,
            _permit: permit,
        })
    }

    fn beat_event(&self) -> Option<Event> {
        let now = json!({ "now_ms": (self.pages.handle.wall_ms)() });
        Event::default().event("beat").json_data(now).ok()
    }

    /// The next face or beat; `None` when the kiosk shuts down.
    async fn next_face(&mut self) -> Option<Event> {
        while self.started {
            tokio::select! {
                changed = self.face.changed() => {
                    changed.ok()?;
                    // `changed` has marked it seen.
                    return self.face_now(true);
                }
                changed = self.info.changed(), if self.info_may_change => match changed {
                    Ok(()) => break,
                    Err(_) => self.info_may_change = false,
                },
                _ = self.beat.tick() => return self.beat_event(),
            }
        }
        // A new page is shown what is there without a sound; a change that came with the event's is news.
        let fresh = self.started && self.face.has_changed().ok()?;
        self.started = true;
        self.face_now(fresh)
    }

    fn face_now(&mut self, fresh: bool) -> Option<Event> {
        let face = self.face.borrow_and_update().clone();
        let event = self.pages.face_event(&face, fresh);
        Event::default().event("face").json_data(event).ok()
    }

    /// The next status or beat; `None` when the kiosk shuts down.
    async fn next_status(&mut self) -> Option<Event> {
        if self.started {
            tokio::select! {
                changed = self.status.changed() => {
                    changed.ok()?;
                    tokio::time::sleep(STATUS_EVERY).await;
                }
                _ = self.beat.tick() => return self.beat_event(),
            }
        }
        self.started = true;
        self.status.mark_unchanged();
        let event = json!({
            "now_ms": (self.pages.handle.wall_ms)(),
            "html": self.pages.status_html().await,
        });
        Event::default().event("status").json_data(event).ok()
    }
}

fn respond<S>(stream: Option<S>) -> Response
where
    S: Stream<Item = Result<Event, Infallible>> + Send + 'static,
{
    match stream {
        Some(stream) => Sse::new(stream).into_response(),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, "15")],
            "Too many pages are open on this kiosk. Close some and try again.\n",
        )
            .into_response(),
    }
}

async fn screen_events(State(pages): State<Arc<Pages>>) -> Response {
    respond(Feed::open(pages).map(|feed| {
        stream::unfold(feed, |mut feed| async {
            feed.next_face().await.map(|event| (Ok(event), feed))
        })
    }))
}

async fn staff_events(State(pages): State<Arc<Pages>>) -> Response {
    respond(Feed::open(pages).map(|feed| {
        stream::unfold(feed, |mut feed| async {
            feed.next_status().await.map(|event| (Ok(event), feed))
        })
    }))
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
