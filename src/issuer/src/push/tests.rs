//! The calls as other systems make them, without a network.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use axum::http::Method;
use protocol::problem::MEDIA_TYPE;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::imports::testing::{Office, event_id};
use crate::keys::Keys;
use crate::store::sources::NewFeed;
use crate::store::{FolderObjects, SqliteStore, Store};
use crate::testing::TestClock;

const PUBLIC_URL: &str = "https://ce.example.org";
const BADGE: &str = "K7QX-3MPA-9TZD-WH4E";
const OTHER: &str = "R2VN-8CYB-4JFS-XK6T";

#[path = "tests/hooks.rs"]
mod hooks;

struct House {
    office: Office,
    clock: TestClock,
    router: Router,
    store: Arc<dyn Store>,
}

struct Said {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Said {
    #[track_caller]
    fn refused(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.headers[header::CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(
            (self.body["type"].as_str(), self.body["status"].as_u64()),
            (Some(code), Some(u64::from(status)))
        );
        assert!(
            self.body["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty())
        );
    }

    fn results(&self) -> Vec<&str> {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["result"].as_str().unwrap())
            .collect()
    }
}

impl House {
    fn new() -> Self {
        let office = Office::new();
        let folder = office.folder.path();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.join("issuer.db")).unwrap());
        let random = crate::keys::system_random();
        let keys = Keys::load(&folder.join("master.key"), store.as_ref(), &random).unwrap();
        let clock = TestClock::new();
        let ticking = clock.clone();
        let parties = Polls {
            store: Arc::clone(&store),
            objects: Arc::new(FolderObjects::open(&folder.join("objects")).unwrap()),
            documents: Arc::default(),
            keys: Arc::new(keys),
            random,
            clock: Arc::new(move || ticking.now()),
        };
        let router = router(Push::new(parties, PUBLIC_URL));
        Self {
            office,
            clock,
            router,
            store,
        }
    }

    fn source(&self, id: &str, kind: &str) -> String {
        let token = Token::new(id, &self.office.random);
        let source = SourceFacts {
            id: id.to_owned(),
            event: event_id(),
            kind: kind.to_owned(),
            token: Some(token.hash()),
            secret: None,
            created: self.clock.now(),
            revoked: None,
            heard: None,
            ignored: 0,
        };
        self.store.add_source(&source).unwrap();
        token.text().to_owned()
    }

    fn send(&self, path: &str, token: Option<&str>, body: Vec<u8>) -> Said {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = bearer
            .iter()
            .map(|bearer| ("authorization", bearer.as_str()))
            .collect();
        self.send_with(path, &headers, body)
    }

    fn send_with(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Said {
        let mut request = axum::http::Request::builder()
            .method(Method::POST)
            .uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = axum::body::to_bytes(response.into_body(), 1 << 24)
                .await
                .unwrap();
            Said {
                status,
                headers,
                body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            }
        })
    }

    fn push(&self, token: &str, rows: &[Value]) -> Said {
        let body = serde_json::to_vec(&json!({"registrations": rows})).unwrap();
        self.send("/v1/registrations", Some(token), body)
    }

    fn registrations(&self) -> Vec<(usize, bool)> {
        let roster = self.store.roster(&event_id()).unwrap();
        roster
            .registrations
            .values()
            .map(|r| (r.badges.len(), r.cancelled))
            .collect()
    }
}

fn row(id: &str, badge: &str) -> Value {
    json!({"id": id, "badge": badge, "name": "Zoë Łukasik", "email": "zoe@example.org"})
}

#[test]
fn rows_are_taken_once_and_known_by_the_senders_id() {
    let house = House::new();
    let token = house.source("crm", REGISTRATIONS);
    let said = house.push(&token, &[row("a", BADGE), row("b", OTHER)]);
    assert_eq!(said.results(), ["taken", "taken"]);
    assert_eq!(said.body["version"], 1);
    let again = house.push(&token, &[row("b", OTHER), row("a", BADGE)]);
    assert_eq!(again.results(), ["unchanged", "unchanged"]);
    assert_eq!(again.body.get("version"), None);
    // Another badge of the same person, then cancelled.
    let said = house.push(&token, &[row("a", "AAAA-BBBB-CCCC-2345")]);
    assert_eq!(said.results(), ["taken"]);
    let mut cancelled = row("b", OTHER);
    cancelled["status"] = json!("cancelled");
    assert_eq!(house.push(&token, &[cancelled]).results(), ["taken"]);
    let mut held = house.registrations();
    held.sort_unstable();
    assert_eq!(held, [(1, true), (2, false)]);
    // The same id of another source is somebody else.
    let other = house.source("club", REGISTRATIONS);
    assert_eq!(
        house
            .push(&other, &[row("a", "DDDD-EEEE-FFFF-2345")])
            .results(),
        ["taken"]
    );
    assert_eq!(house.registrations().len(), 3);
    assert_eq!(
        house.store.source("crm").unwrap().unwrap().heard,
        Some(house.clock.now())
    );
}

#[test]
fn a_wrong_row_keeps_no_other_out() {
    let house = House::new();
    let token = house.source("crm", REGISTRATIONS);
    let said = house.push(
        &token,
        &[
            row("a", BADGE),
            row("b", ""),
            json!({"id": "c"}),
            row("d", BADGE),
            row("e", OTHER),
        ],
    );
    assert_eq!(
        said.results(),
        ["taken", "refused", "refused", "refused", "taken"]
    );
    assert_eq!(
        (said.body["taken"].as_u64(), said.body["refused"].as_u64()),
        (Some(2), Some(3))
    );
    assert_eq!(said.body["rows"][1]["fault"]["field"], "badge");
    // A badge that is somebody else's is refused, and named by the field.
    let said = house.push(&token, &[row("a", OTHER), row("f", "FFFF-GGGG-HHHH-2345")]);
    assert_eq!(said.results(), ["refused", "taken"]);
    assert_eq!(said.body["rows"][0]["fault"]["field"], "badge");
    assert_eq!(house.registrations().len(), 3);
    // Nothing but wrong rows: nothing is written.
    assert_eq!(house.push(&token, &[row("", BADGE)]).results(), ["refused"]);
}

#[test]
fn nobody_without_the_right_token_gets_in() {
    let house = House::new();
    let token = house.source("crm", REGISTRATIONS);
    let mut wrong = token.clone();
    wrong.pop();
    for bad in [
        None,
        Some(""),
        Some("rcs.crm."),
        Some("rcs.nobody.abc"),
        Some(wrong.as_str()),
    ] {
        let said = house.send("/v1/registrations", bad, b"{}".to_vec());
        said.refused(401, "bad_token");
        assert_eq!(said.headers[header::WWW_AUTHENTICATE], "Bearer");
    }
    house.source("other", "something");
    let stranger = Token::new("other", &house.office.random);
    house
        .send("/v1/registrations", Some(stranger.text()), Vec::new())
        .refused(401, "bad_token");
    house.store.revoke_source("crm", house.clock.now()).unwrap();
    house
        .push(&token, &[row("a", BADGE)])
        .refused(401, "bad_token");
    // What was revoked may come back under another token.
    let fresh = house.source("crm", REGISTRATIONS);
    house
        .push(&token, &[row("a", BADGE)])
        .refused(401, "bad_token");
    assert_eq!(house.push(&fresh, &[row("a", BADGE)]).results(), ["taken"]);
    let other = house.source("zoom", "zoom");
    house
        .push(&other, &[row("a", BADGE)])
        .refused(403, "wrong_source");
}

#[test]
fn what_is_too_much_is_refused() {
    let house = House::new();
    let token = house.source("crm", REGISTRATIONS);
    house
        .send(
            "/v1/registrations",
            Some(&token),
            vec![b' '; BODY_BYTES_MAX + 1],
        )
        .refused(413, "too_large");
    house
        .send("/v1/registrations", Some(&token), b"<html>".to_vec())
        .refused(400, "bad_request");
    for _ in 0..BURST - 2 {
        house
            .send("/v1/registrations", Some(&token), Vec::new())
            .refused(400, "bad_request");
    }
    let said = house.push(&token, &[row("a", BADGE)]);
    said.refused(429, "too_many");
    assert!(said.headers.contains_key(header::RETRY_AFTER));
    house.clock.pass_ms(1_000);
    assert_eq!(house.push(&token, &[row("a", BADGE)]).results(), ["taken"]);
    // Guessing is slowed down by address, and slows nobody down who has a token.
    let guesses = (0..ADDRESS_BURST + 5).map(|_| {
        house
            .send("/v1/registrations", Some("rcs.crm.x"), Vec::new())
            .status
    });
    assert_eq!(guesses.filter(|status| *status == 429).count(), 5);
    house.clock.pass_ms(1_000);
    assert_eq!(
        house.push(&token, &[row("a", BADGE)]).results(),
        ["unchanged"]
    );
}

#[test]
fn a_hint_brings_the_poll_forward_and_nothing_else() {
    let house = House::new();
    let feed = NewFeed {
        id: "shop".to_owned(),
        event: event_id(),
        kind: "pretix".to_owned(),
        upstream: evidence::sha256(b"shop"),
    };
    let mut facts = house.store.declare_feed(&feed).unwrap();
    let begun = house.clock.now();
    facts.tried = Some(begun);
    facts.next = Some(begun.plus_ms(300_000));
    house.store.put_feed(&facts, begun).unwrap();
    house.clock.pass_ms(20_000);
    assert_eq!(house.store.due_feed(house.clock.now()).unwrap(), None);
    let hint = json!({"notification_id": 6, "organizer": "x", "event": "y", "action": "pretix.event.order.placed"});
    let said = house.send(
        "/v1/hooks/pretix/shop",
        None,
        serde_json::to_vec(&hint).unwrap(),
    );
    assert_eq!((said.status, &said.body["queued"]), (202, &json!(true)));
    assert_eq!(
        house.store.due_feed(house.clock.now()).unwrap().as_deref(),
        Some("shop")
    );
    house
        .send("/v1/hooks/pretix/other", None, Vec::new())
        .refused(404, "not_found");
    house
        .send("/v1/hooks/pretix/shop", None, vec![0; HOOK_BYTES_MAX + 1])
        .refused(413, "too_large");
    let flood =
        (0..ADDRESS_BURST).map(|_| house.send("/v1/hooks/pretix/shop", None, Vec::new()).status);
    assert!(flood.filter(|status| *status == 429).count() > 0);
}

fn signal(id: &str, external: &str) -> Value {
    json!({"id": id, "kind": "in", "at": "2026-10-31T09:00:00Z", "session": "s1", "external": external, "name": "Zoë Łukasik"})
}

fn signals(rows: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!({"signals": rows})).unwrap()
}

#[test]
fn signals_are_taken_once_and_belong_to_whom_the_sender_names() {
    let house = House::new();
    let crm = house.source("crm", REGISTRATIONS);
    assert_eq!(house.push(&crm, &[row("c-1", BADGE)]).results(), ["taken"]);
    let token = house.source("hopin", SIGNALS);
    let send = |rows: &[Value]| house.send("/v1/signals", Some(&token), signals(rows));
    let said = send(&[
        signal("e-1", "crm/c-1"),
        signal("e-2", "crm/c-2"),
        json!({"id": "e-3"}),
    ]);
    assert_eq!(said.status, 200, "{}", said.body);
    let counts = |said: &Said| {
        ["taken", "unchanged", "refused", "unmatched"].map(|name| said.body[name].as_u64().unwrap())
    };
    assert_eq!(counts(&said), [2, 0, 1, 1]);
    assert_eq!(said.body["rows"][0]["id"], "e-3");
    assert_eq!(
        counts(&send(&[signal("e-2", "crm/c-2"), signal("e-1", "crm/c-1")])),
        [0, 2, 0, 0]
    );
    let attendee = house
        .store
        .roster(&event_id())
        .unwrap()
        .registrations
        .into_keys()
        .next()
        .unwrap();
    assert_eq!(
        house
            .store
            .observed_of(&event_id(), &attendee)
            .unwrap()
            .len(),
        1
    );
    house
        .send(
            "/v1/signals",
            Some(&crm),
            signals(&[signal("e-4", "crm/c-1")]),
        )
        .refused(403, "wrong_source");
    house
        .send("/v1/signals", Some(&token), b"[]".to_vec())
        .refused(400, "bad_request");
}

#[test]
fn a_signed_webhook_is_taken_once_within_its_time() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hmac::Mac as _;
    let house = House::new();
    let secret = [7_u8; signature::SECRET_BYTES];
    let keys = Keys::load(
        &house.office.folder.path().join("master.key"),
        house.store.as_ref(),
        &house.office.random,
    )
    .unwrap();
    let source = SourceFacts {
        id: "hopin".to_owned(),
        event: event_id(),
        kind: HookKind::Standard.as_str().to_owned(),
        token: None,
        secret: Some(keys.seal_source_secret("hopin", &secret, &house.office.random)),
        created: house.clock.now(),
        revoked: None,
        heard: None,
        ignored: 0,
    };
    house.store.add_source(&source).unwrap();
    let body = signals(&[signal("e-1", "crm/c-1")]);
    let send = |path: &str, key: &[u8], id: &str, late_s: i64| {
        let timestamp = (house.clock.now().0.div_euclid(1_000) - late_s).to_string();
        let mut mac = <hmac::Hmac<sha2::Sha256> as hmac::Mac>::new_from_slice(key).unwrap();
        mac.update(&[id.as_bytes(), b".", timestamp.as_bytes(), b".", &body].concat());
        let signed = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", &timestamp),
            ("webhook-signature", &signed),
        ];
        house.send_with(path, &headers, body.clone())
    };
    let path = "/v1/hooks/hopin";
    let first = send(path, &secret, "m-1", 0);
    assert_eq!(
        (first.status, &first.body["taken"], &first.body["repeated"]),
        (200, &json!(1), &json!(false))
    );
    let again = send(path, &secret, "m-1", 1);
    assert_eq!(
        (again.status, &again.body["taken"], &again.body["repeated"]),
        (200, &json!(0), &json!(true))
    );
    // Another message with what is held already.
    assert_eq!(send(path, &secret, "m-2", 0).body["unchanged"], 1);
    send(path, &[8; 32], "m-3", 0).refused(401, "bad_signature");
    send(path, &[], "m-3", 0).refused(401, "bad_signature");
    send(path, &secret, "m-3", signature::WINDOW_S + 1).refused(401, "bad_signature");
    send("/v1/hooks/nobody", &[], "m-3", 0).refused(401, "bad_signature");
    house
        .send(path, None, body.clone())
        .refused(401, "bad_signature");
    house
        .store
        .revoke_source("hopin", house.clock.now())
        .unwrap();
    send(path, &secret, "m-4", 0).refused(401, "bad_signature");
}

#[test]
fn the_description_is_the_one_that_is_written_down() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let made = openapi_json();
    if std::env::var_os("ROLLCALL_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(path, made).unwrap();
    }
    let held = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        held == made,
        "src/issuer/openapi.json is not what the types say: run this test with ROLLCALL_BLESS=1 and look at the difference"
    );
}
