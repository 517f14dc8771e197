//! A ticket shop and a schedule on loopback that answer as pretix and pretalx do, and misbehave on demand. Each test uses a part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_server::tls_rustls::RustlsConfig;
use chrono::DateTime;
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "t0ken-of-the-shop";
/// The server's time when a test begins.
pub(crate) const SERVER_TIME_MS: i64 = 1_795_000_000_000;

/// What is wrong with one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing.
    Fine,
    /// A status, with a `Retry-After` where one is given.
    Status(u16, Option<&'static str>),
    /// The connection breaks in the middle of the body.
    Cut,
    /// The page before is answered again in this one's place, with this one's links.
    Repeat,
    /// A page of HTML, under 200.
    Html,
    /// HTML that says it is JSON.
    HtmlAsJson,
    /// A body without end.
    Huge,
    /// A redirect to another host.
    Redirect,
    /// A `next` link to another host.
    Elsewhere,
    /// A `next` link to this very page.
    Circle,
    /// Values of another kind.
    WrongKind,
}

/// One answer that waits until it may go on.
#[derive(Default)]
struct Gate {
    at: Option<usize>,
    reached: bool,
}

struct Inner {
    orders: Vec<Value>,
    items: Vec<Value>,
    schedule: Value,
    lists: BTreeMap<&'static str, Vec<Value>>,
    page_size: usize,
    shuffled: bool,
    expands: bool,
    etag: Option<String>,
    now_ms: i64,
    troubles: VecDeque<Trouble>,
    asked: Vec<String>,
    gate: Gate,
}

/// The server. Clones share it.
#[derive(Clone)]
pub(crate) struct Upstream {
    inner: Arc<(Mutex<Inner>, Condvar)>,
    pub(crate) address: SocketAddr,
    scheme: &'static str,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// The same over HTTPS.
    pub(crate) fn start_tls(config: Arc<rustls::ServerConfig>) -> Self {
        Self::start_with(Some(config))
    }

    fn start_with(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let inner = Inner {
            orders: Vec::new(),
            items: vec![
                json!({"id": 1, "admission": true}),
                json!({"id": 2, "admission": false}),
            ],
            schedule: Value::Null,
            lists: BTreeMap::new(),
            page_size: 50,
            shuffled: false,
            expands: true,
            etag: None,
            now_ms: SERVER_TIME_MS,
            troubles: VecDeque::new(),
            asked: Vec::new(),
            gate: Gate::default(),
        };
        let upstream = Self {
            inner: Arc::new((Mutex::new(inner), Condvar::new())),
            address: listener.local_addr().unwrap(),
            scheme: if tls.is_some() { "https" } else { "http" },
        };
        let state = upstream.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                let app = Router::new().fallback(answer).with_state(state);
                if let Some(config) = tls {
                    let config = RustlsConfig::from_config(config);
                    let server = axum_server::from_tcp_rustls(listener, config).unwrap();
                    return server.serve(app.into_make_service()).await.unwrap();
                }
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        upstream
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let outcome = change(&mut self.inner.0.lock().unwrap());
        self.inner.1.notify_all();
        outcome
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// What goes wrong with the answers from here on, one after the other.
    pub(crate) fn trouble(&self, troubles: &[Trouble]) {
        self.with(|inner| inner.troubles = troubles.iter().copied().collect());
    }

    /// The addresses that were asked since this was asked last, without the host.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.with(|inner| std::mem::take(&mut inner.asked))
    }

    pub(crate) fn pages_of(&self, size: usize, shuffled: bool) {
        self.with(|inner| (inner.page_size, inner.shuffled) = (size, shuffled));
    }

    pub(crate) fn pass_ms(&self, ms: i64) {
        self.with(|inner| inner.now_ms += ms);
    }

    /// Holds the answer number `at` (from 0, counted from here) back until [`Upstream::open`].
    pub(crate) fn hold(&self, at: usize) {
        self.with(|inner| {
            inner.asked.clear();
            inner.gate = Gate {
                at: Some(at),
                reached: false,
            };
        });
    }

    /// Waits until the answer that is held back was asked for.
    pub(crate) fn wait_until_held(&self) {
        let inner = self.inner.0.lock().unwrap();
        let _held = self
            .inner
            .1
            .wait_while(inner, |inner| !inner.gate.reached)
            .unwrap();
    }

    pub(crate) fn open(&self) {
        self.with(|inner| inner.gate = Gate::default());
    }

    /// Places or changes an order: its positions as number, name, item and secret; those in `canceled` are.
    pub(crate) fn order(
        &self,
        code: &str,
        status: &str,
        positions: &[(u64, &str, &str)],
        canceled: &[u64],
    ) {
        self.with(|inner| {
            inner.now_ms += 1_000;
            let now = rfc3339(inner.now_ms);
            let known = inner.orders.iter().position(|order| order["code"] == code);
            let placed = known.map_or_else(|| now.clone(), |at| inner.orders[at]["datetime"].as_str().unwrap().to_owned());
            let positions: Vec<Value> = positions
                .iter()
                .zip(1_u64..)
                .map(|((id, name, secret), number)| {
                    json!({"id": id, "order": code, "positionid": number, "item": 1, "attendee_name": name, "secret": secret,
                        "attendee_email": null, "company": null, "addon_to": null, "subevent": null, "valid_from": null,
                        "valid_until": null, "blocked": null, "canceled": canceled.contains(id)})
                })
                .collect();
            let order = json!({"code": code, "event": "gp26", "status": status, "testmode": false, "locale": "en",
                "datetime": placed, "last_modified": now, "require_approval": false, "valid_if_pending": false,
                "positions": positions});
            match known {
                Some(at) => inner.orders[at] = order,
                None => inner.orders.push(order),
            }
        });
    }

    /// Fills the shop with orders of two people each.
    pub(crate) fn fill(&self, orders: u64) {
        for n in 0..orders {
            let (a, b) = (2 * n + 1, 2 * n + 2);
            let names = (format!("Person {a}"), format!("Person {b}"));
            let secrets = (secret(a), secret(b));
            self.order(
                &format!("B{n:04}"),
                "p",
                &[(a, &names.0, &secrets.0), (b, &names.1, &secrets.1)],
                &[],
            );
        }
    }

    /// Sets the release and the lists.
    pub(crate) fn release(
        &self,
        id: u64,
        version: &str,
        slots: &[Value],
        rooms: &[Value],
        submissions: &[Value],
    ) {
        self.with(|inner| {
            inner.schedule =
                json!({"id": id, "version": version, "published": rfc3339(inner.now_ms)});
            inner.lists.insert("slots", slots.to_vec());
            inner.lists.insert("rooms", rooms.to_vec());
            inner.lists.insert("submissions", submissions.to_vec());
            inner.lists.insert(
                "submission-types",
                vec![
                    json!({"id": 3, "name": {"en": "Talk"}, "default_duration": 50}),
                    json!({"id": 4, "name": {"en": "Workshop"}, "default_duration": 120}),
                ],
            );
            let digest = evidence::sha256(
                serde_json::to_string(&[&inner.schedule, &json!(slots), &json!(submissions)])
                    .unwrap()
                    .as_bytes(),
            );
            inner.etag = Some(digest.to_string());
        });
    }

    /// Whether `expand` does anything.
    pub(crate) fn expands(&self, expands: bool) {
        self.with(|inner| inner.expands = expands);
    }
}

pub(crate) fn secret(position: u64) -> String {
    format!("s{position:07}k3r7rsk6diya8atrs78598x")
}

fn rfc3339(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339()
}

async fn answer(State(upstream): State<Upstream>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    // What waits must not keep the others from being answered.
    tokio::task::spawn_blocking(move || upstream.answer(&parts.uri.to_string(), &parts.headers))
        .await
        .unwrap()
}

impl Upstream {
    fn answer(&self, uri: &str, headers: &HeaderMap) -> Response {
        let mut inner = self.inner.0.lock().unwrap();
        let number = inner.asked.len();
        inner.asked.push(uri.to_owned());
        if inner.gate.at == Some(number) {
            inner.gate.reached = true;
            self.inner.1.notify_all();
            inner = self
                .inner
                .1
                .wait_while(inner, |inner| inner.gate.at.is_some())
                .unwrap();
        }
        if headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            != Some(&format!("Token {TOKEN}"))
        {
            return (
                StatusCode::UNAUTHORIZED,
                axum::Json(json!({"detail": "Invalid token."})),
            )
                .into_response();
        }
        let trouble = inner.troubles.pop_front().unwrap_or(Trouble::Fine);
        match trouble {
            Trouble::Status(status, retry_after) => {
                let status = StatusCode::from_u16(status).unwrap();
                let after = retry_after.map(|after| [(header::RETRY_AFTER, after)]);
                return (
                    status,
                    after.map_or_else(HeaderMap::new, |[(name, value)]| {
                        HeaderMap::from_iter([(name, value.parse().unwrap())])
                    }),
                    "later",
                )
                    .into_response();
            }
            Trouble::Html => {
                return (
                    [(header::CONTENT_TYPE, "text/html")],
                    "<html>We are working on it.</html>",
                )
                    .into_response();
            }
            Trouble::HtmlAsJson => {
                return (
                    [(header::CONTENT_TYPE, "application/json")],
                    "<html>We are working on it.</html>",
                )
                    .into_response();
            }
            Trouble::Redirect => {
                return (
                    StatusCode::FOUND,
                    [(header::LOCATION, "https://evil.example/api/")],
                )
                    .into_response();
            }
            Trouble::Huge => {
                let chunk = Bytes::from(vec![b' '; 1 << 20]);
                let stream = futures_util::stream::repeat_with(move || {
                    Ok::<_, std::io::Error>(chunk.clone())
                });
                return (
                    [(header::CONTENT_TYPE, "application/json")],
                    Body::from_stream(stream),
                )
                    .into_response();
            }
            Trouble::WrongKind => {
                return axum::Json(json!({"count": "many", "next": 7, "results": {"code": []}}))
                    .into_response();
            }
            Trouble::Fine
            | Trouble::Cut
            | Trouble::Repeat
            | Trouble::Elsewhere
            | Trouble::Circle => {}
        }
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let query: BTreeMap<String, String> = reqwest::Url::parse(&format!("http://x/?{query}"))
            .unwrap()
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let Some(name) = path.trim_end_matches('/').rsplit('/').next() else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let body = match name {
            "orders" => {
                let since = query.get("modified_since").map(|since| ms(since));
                let values = inner.orders.iter().filter(|order| {
                    since.is_none_or(|since| ms(order["last_modified"].as_str().unwrap()) >= since)
                });
                let values: Vec<Value> = values.cloned().collect();
                page(self.address, uri, &query, &inner, values, trouble)
            }
            "items" => page(
                self.address,
                uri,
                &query,
                &inner,
                inner.items.clone(),
                trouble,
            ),
            "latest" => {
                let tag = headers
                    .get(header::IF_NONE_MATCH)
                    .and_then(|tag| tag.to_str().ok());
                let expand = query.contains_key("expand");
                if expand && tag.is_some() && tag == inner.etag.as_deref() {
                    return StatusCode::NOT_MODIFIED.into_response();
                }
                if inner.schedule.is_null() {
                    return StatusCode::NOT_FOUND.into_response();
                }
                let mut schedule = inner.schedule.clone();
                let whole = expand && inner.expands;
                schedule["slots"] = inner.lists["slots"]
                    .iter()
                    .map(|slot| {
                        if whole {
                            expanded(slot, &inner)
                        } else {
                            slot["id"].clone()
                        }
                    })
                    .collect();
                schedule
            }
            list => match inner.lists.get(list) {
                Some(values) => page(self.address, uri, &query, &inner, values.clone(), trouble),
                None => return StatusCode::NOT_FOUND.into_response(),
            },
        };
        let bytes = serde_json::to_vec(&body).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        headers.insert("x-page-generated", rfc3339(inner.now_ms).parse().unwrap());
        if let Some(etag) = inner.etag.as_deref().filter(|_| name == "latest") {
            headers.insert(header::ETAG, format!("\"{etag}\"").parse().unwrap());
        }
        if trouble == Trouble::Cut {
            headers.insert(header::CONTENT_LENGTH, bytes.len().into());
            let half = Bytes::from(bytes[..bytes.len() / 2].to_vec());
            let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            let stream = futures_util::stream::iter([Ok(half), Err(broken)]);
            return (headers, Body::from_stream(stream)).into_response();
        }
        (headers, bytes).into_response()
    }
}

fn ms(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text)
        .unwrap()
        .timestamp_millis()
}

fn expanded(slot: &Value, inner: &Inner) -> Value {
    let mut slot = slot.clone();
    let find = |list: &str, key: &str, value: &Value| {
        inner.lists[list]
            .iter()
            .find(|v| v[key] == *value)
            .cloned()
            .unwrap_or(Value::Null)
    };
    slot["room"] = find("rooms", "id", &slot["room"]);
    slot["submission"] = find("submissions", "code", &slot["submission"]);
    slot
}

fn page(
    address: SocketAddr,
    uri: &str,
    query: &BTreeMap<String, String>,
    inner: &Inner,
    values: Vec<Value>,
    trouble: Trouble,
) -> Value {
    let count = values.len();
    let number: usize = query.get("page").map_or(1, |page| page.parse().unwrap());
    let shown = if trouble == Trouble::Repeat {
        number.saturating_sub(1).max(1)
    } else {
        number
    };
    let mut results: Vec<Value> = values
        .into_iter()
        .skip((shown - 1) * inner.page_size)
        .take(inner.page_size)
        .collect();
    if inner.shuffled {
        results.reverse();
    }
    let link = |page: usize| {
        let (path, _) = uri.split_once('?').unwrap_or((uri, ""));
        let mut url = reqwest::Url::parse(&format!("http://{address}{path}")).unwrap();
        for (name, value) in query.iter().filter(|(name, _)| *name != "page") {
            url.query_pairs_mut().append_pair(name, value);
        }
        url.query_pairs_mut().append_pair("page", &page.to_string());
        url.to_string()
    };
    let next = (number * inner.page_size < count).then(|| link(number + 1));
    let next = match trouble {
        Trouble::Elsewhere => Some("http://evil.example/api/orders/?page=2".to_owned()),
        Trouble::Circle => Some(format!("http://{address}{uri}")),
        _ => next,
    };
    json!({"count": count, "next": next, "previous": null, "results": results})
}
