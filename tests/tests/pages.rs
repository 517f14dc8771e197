//! The issuer's pages over loopback: who may see what, what every answer carries, and what a browser makes of it.
//!
//! A morning at a conference is made once; each test serves it with limits of its own.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "pages/browser.rs"]
mod browser;
#[path = "pages/cases.rs"]
mod cases;
#[path = "pages/conference.rs"]
mod conference;
#[path = "pages/days.rs"]
mod days;
#[path = "pages/granted.rs"]
mod granted;
#[path = "pages/identity.rs"]
mod identity;
#[path = "pages/phones.rs"]
mod phones;
#[path = "pages/said.rs"]
mod said;
#[path = "pages/time_code.rs"]
mod time_code;

use std::net::SocketAddr;
use std::sync::OnceLock;

use attendance::UtcMs;
use conference::{NASTY, NOW, PASSWORD, World};
use evidence::{TlogProof, leaf_hash, sha256};
use issuer::store::{AccountUnits as _, BatchUnits as _, DecisionUnits as _};
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, RETRY_AFTER, SET_COOKIE};
use reqwest::{Client, Response, StatusCode, redirect};

const PEOPLE: usize = 18;
/// Every page that nobody sees without signing in.
const PRIVATE: &[&str] = &[
    "/staff",
    "/staff/gp-2026",
    "/staff/gp-2026/live",
    "/staff/gp-2026/sessions",
    "/staff/gp-2026/sessions/live",
    "/staff/gp-2026/attendees",
    "/staff/gp-2026/attendees/a00000",
    "/staff/gp-2026/identity",
    "/staff/gp-2026/cases",
    "/staff/gp-2026/alarms",
    "/staff/gp-2026/sources",
    "/staff/gp-2026/time",
    "/staff/gp-2026/time/live",
];

pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::new(PEOPLE))
}

/// Serves the pages on loopback until the test's runtime ends.
pub(crate) async fn serve(now: UtcMs, is_https: bool) -> SocketAddr {
    let pages = tokio::task::spawn_blocking(move || world().pages(now, is_https))
        .await
        .unwrap();
    serve_pages(pages).await
}

async fn serve_pages(pages: issuer::web::Pages) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = issuer::web::router(pages).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    address
}

struct Browser {
    client: Client,
    base: String,
    cookie: String,
}

impl Browser {
    async fn start() -> Self {
        Self::at(NOW, false).await
    }

    async fn at(now: UtcMs, is_https: bool) -> Self {
        Self::of(serve(now, is_https).await)
    }

    fn of(address: SocketAddr) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = format!("http://{address}");
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            client,
            base,
            cookie: String::new(),
        }
    }

    async fn signed(account: &str) -> Self {
        let mut browser = Self::start().await;
        let answer = browser.sign_in(account, PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        browser.take_cookie(&answer);
        browser
    }

    fn take_cookie(&mut self, answer: &Response) {
        let set = answer.headers()[SET_COOKIE].to_str().unwrap();
        self.cookie = set.split(';').next().unwrap().to_owned();
    }

    async fn get(&self, path: &str) -> Response {
        let request = self
            .client
            .get(format!("{}{path}", self.base))
            .header(COOKIE, &self.cookie);
        request.send().await.unwrap()
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    async fn post(&self, path: &str, body: String, headers: &[(&str, &str)]) -> Response {
        let mut request = self
            .client
            .post(format!("{}{path}", self.base))
            .header(COOKIE, &self.cookie);
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body).send().await.unwrap()
    }

    async fn sign_in(&self, account: &str, password: &str) -> Response {
        let body = format!(
            "account={account}&password={}&next=%2Fstaff",
            password.replace(' ', "+")
        );
        self.post("/sign-in", body, &[(ORIGIN.as_str(), &self.base)])
            .await
    }
}

/// The value of an input, as browsers would send it.
fn form_token(html: &str) -> String {
    let after = html.split_once("name=\"form\" value=\"").unwrap().1;
    after.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn everything_private_asks_for_signing_in() {
    let mut browser = Browser::start().await;
    for path in PRIVATE {
        let answer = browser.get(path).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        let to = answer.headers()[LOCATION].to_str().unwrap().to_owned();
        let expected = if *path == "/staff" {
            "/sign-in".to_owned()
        } else {
            format!("/sign-in?next={path}")
        };
        assert_eq!(to, expected);
        assert!(
            !answer.text().await.unwrap().contains("Hall"),
            "{path} tells nothing"
        );
    }
    browser.cookie = format!("rollcall={}", "A".repeat(43));
    for path in PRIVATE {
        assert_eq!(
            browser.get(path).await.status(),
            StatusCode::SEE_OTHER,
            "{path} with a made-up cookie"
        );
    }
    assert_eq!(browser.get("/").await.headers()[LOCATION], "/staff");
}

#[tokio::test]
async fn every_answer_carries_its_guards() {
    let browser = Browser::signed("ada").await;
    let valid = format!("/c/{}", world().valid);
    let public = [
        "/verify",
        "/sign-in",
        valid.as_str(),
        "/c/none",
        "/assets/web.css",
        "/assets/web.js",
        "/assets/review.js",
    ];
    for path in PRIVATE.iter().copied().chain(public) {
        let answer = browser.get(path).await;
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
        };
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-robots-tag"), "noindex, nofollow", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        let may_keep = path.starts_with("/assets/");
        assert_eq!(header("cache-control") == "no-store", !may_keep, "{path}");
        if !path.ends_with("/live") && !may_keep {
            let html = answer.text().await.unwrap();
            for inline in [" style=", "<style", " onclick=", " onload=", "javascript:"] {
                assert!(!html.contains(inline), "{path}: {inline}");
            }
        }
    }
    assert!(
        browser
            .get("/verify")
            .await
            .headers()
            .get("strict-transport-security")
            .is_none()
    );
    let by_https = Browser::at(NOW, true).await;
    let answer = by_https.get("/verify").await;
    assert_eq!(
        answer.headers()["strict-transport-security"],
        "max-age=31536000"
    );
}

#[tokio::test]
async fn nobody_learns_why_a_sign_in_failed() {
    let browser = Browser::start().await;
    let mut bodies = Vec::new();
    for (account, password) in [
        ("ada", "wrong+wrong+wrong"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
    ] {
        let answer = browser.sign_in(account, password).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{account}");
        assert!(answer.headers().get(SET_COOKIE).is_none());
        bodies.push(answer.text().await.unwrap().replace(account, "X"));
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn cookies_stay_out_of_reach() {
    for (is_https, name, secure) in [
        (false, "rollcall=", false),
        (true, "__Host-rollcall=", true),
    ] {
        let browser = Browser::at(NOW, is_https).await;
        let answer = browser.sign_in("ada", PASSWORD).await;
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
        assert!(cookie.starts_with(name), "{cookie}");
        for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
    }
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let browser = Browser::signed("ada").await;
    let later = Browser {
        cookie: browser.cookie.clone(),
        ..Browser::at(NOW.plus_ms(12 * 3_600_000 - 1), false).await
    };
    assert_eq!(later.get("/staff").await.status(), StatusCode::OK);
    let ended = Browser {
        cookie: browser.cookie.clone(),
        ..Browser::at(NOW.plus_ms(12 * 3_600_000), false).await
    };
    assert_eq!(ended.get("/staff").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn sign_ins_are_limited() {
    let browser = Browser::start().await;
    for _ in 0..10 {
        assert_eq!(
            browser.sign_in("nobody", "wrong").await.status(),
            StatusCode::UNAUTHORIZED
        );
    }
    // The right password does not help either: guesses would be told apart by it.
    let answer = browser.sign_in("ada", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(
        answer.headers()[RETRY_AFTER]
            .to_str()
            .unwrap()
            .parse::<u32>()
            .unwrap()
            >= 1
    );
}

#[tokio::test]
async fn forms_of_other_pages_are_refused() {
    let browser = Browser::signed("rita").await;
    let token = form_token(&browser.text("/staff").await);
    let body = format!("form={token}");
    let own = browser.base.clone();
    type Refusal<'a> = (&'a str, &'a [(&'a str, &'a str)], StatusCode);
    let refusals: &[Refusal<'_>] = &[
        (
            &body,
            &[("origin", "https://evil.example")],
            StatusCode::FORBIDDEN,
        ),
        (&body, &[("origin", "null")], StatusCode::FORBIDDEN),
        (
            &body,
            &[("sec-fetch-site", "cross-site")],
            StatusCode::FORBIDDEN,
        ),
        (&body, &[], StatusCode::FORBIDDEN),
        ("form=", &[("origin", &own)], StatusCode::BAD_REQUEST),
        ("", &[("origin", &own)], StatusCode::BAD_REQUEST),
        (
            "form=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            &[("origin", &own)],
            StatusCode::BAD_REQUEST,
        ),
    ];
    for (body, headers, status) in refusals {
        let answer = browser.post("/sign-out", (*body).to_owned(), headers).await;
        assert_eq!(answer.status(), *status, "{body} {headers:?}");
        assert_eq!(
            browser.get("/staff").await.status(),
            StatusCode::OK,
            "still signed in"
        );
    }
    let foreign = browser
        .post(
            "/sign-in",
            "account=ada&password=x".into(),
            &[("origin", "https://evil.example")],
        )
        .await;
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);

    let answer = browser.post("/sign-out", body, &[("origin", &own)]).await;
    assert_eq!(answer.headers()[LOCATION], "/sign-in");
    assert!(
        answer.headers()[SET_COOKIE]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert_eq!(
        browser.get("/staff").await.status(),
        StatusCode::SEE_OTHER,
        "the session itself has ended"
    );
}

#[tokio::test]
async fn the_fleet_stands_worst_first_and_stale_is_never_green() {
    let browser = Browser::signed("dora").await;
    let html = browser.text("/staff/gp-2026").await;
    let places: Vec<usize> = [
        "Foyer",
        "Terrace gallery",
        "Studio",
        "Hall, south door",
        "Annex",
        "Hall, north door",
    ]
    .iter()
    .map(|door| {
        html.find(&format!("\">{door} <small>"))
            .unwrap_or_else(|| panic!("no {door}"))
    })
    .collect();
    assert!(places.is_sorted(), "{places:?}");
    for word in [
        "Not recording",
        "Clock unset",
        "Queue growing",
        "Silent",
        "Draining",
        "Recording",
    ] {
        assert!(html.contains(&format!("</svg>{word}</span>")), "{word}");
    }
    for fact in [
        "Last heard",
        "Last scan",
        "Last change",
        "20 min ago",
        "oldest 9 min",
        "14",
        "as of 20 min ago, <b>stale</b>",
    ] {
        assert!(html.contains(fact), "{fact}");
    }
    assert!(html.contains("No kiosk is enrolled at this door."));
    // An hour later everything is stale, and nothing is green.
    let browser = Browser {
        cookie: browser.cookie.clone(),
        ..Browser::at(NOW.plus_ms(3_600_000), false).await
    };
    let html = browser.text("/staff/gp-2026").await;
    assert!(!html.contains("class=\"state good\""));
    assert!(html.contains("stale"));
}

#[tokio::test]
async fn sessions_say_how_sure_they_are() {
    let browser = Browser::signed("dora").await;
    let html = browser.text("/staff/gp-2026/sessions").await;
    for text in [
        "Cardiology for generalists",
        "1 door silent: Hall, south door",
        "14 entries wait at its doors",
        "Complete",
        "Waiting",
        "Terrace gallery (held until 09:3",
        "Poster round &#60;guided&#62; &#38; coffee",
        "Tue 24 November 2026",
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[tokio::test]
async fn names_are_found_escaped_and_looks_recorded() {
    let browser = Browser::signed("rita").await;
    let html = browser.text("/staff/gp-2026/attendees?q=s%C3%B6hne").await;
    assert!(!html.contains("<script>alert"), "the name is text");
    assert!(html.contains("1 found") && html.contains("&#60;script&#62;alert"));
    let html = browser.text("/staff/gp-2026/attendees/a00002").await;
    assert!(
        !html.contains("<script>alert") && html.contains("&lt;script&gt;alert"),
        "not even in the picture"
    );
    assert!(
        html.contains(
            &NASTY
                .replace('<', "&#60;")
                .replace('>', "&#62;")
                .replace('"', "&#34;")
                .replace('&', "&#38;")
                .replace("&#38;#", "&#")
        )
    );
    let views = world().store.views("gp-2026", Some("a00002"), 10).unwrap();
    assert!(
        views
            .iter()
            .any(|v| v.account == "rita" && v.what == "attendee_timeline"),
        "{views:?}"
    );
    let lists = world()
        .store
        .views("gp-2026", Some("attendees"), 10)
        .unwrap();
    assert!(lists.iter().any(|v| v.account == "rita"), "{lists:?}");
}

#[tokio::test]
async fn door_staff_see_no_names() {
    let browser = Browser::signed("dora").await;
    for path in [
        "/staff/gp-2026/attendees",
        "/staff/gp-2026/attendees/a00000",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert!(!answer.text().await.unwrap().contains("Zoë"));
    }
    for path in [
        "/staff/gp-2026",
        "/staff/gp-2026/sessions",
        "/staff/gp-2026/alarms",
        "/staff/gp-2026/sources",
        "/staff",
    ] {
        let html = browser.text(path).await;
        assert!(
            !html.contains("Zoë") && !html.contains("/attendees"),
            "{path}"
        );
    }
    let views = world().store.views("gp-2026", None, 100).unwrap();
    assert!(views.iter().all(|v| v.account != "dora"));
}

#[tokio::test]
async fn a_timeline_is_a_picture_and_the_same_in_words() {
    let browser = Browser::signed("rita").await;
    let html = browser.text("/staff/gp-2026/attendees/a00000").await;
    for text in [
        "<svg class=\"timeline\" role=\"img\"",
        "Presence of Zoë Müller-Lüdenscheidt on Mon 23 November 2026",
        "<caption>The same as a table</caption>",
        "Ethics update: consent in practice",
        "class=\"tl-gap\"",
        "Away",
        "start scanned, end scanned",
        "As the door showed it, provisional",
        "Final: entry",
        "anchored",
        "receipt of",
        "person0@example.org",
    ] {
        assert!(html.contains(text), "{text}");
    }
    // The second forgot to check out: hatched, and said.
    let html = browser.text("/staff/gp-2026/attendees/a00001").await;
    assert!(html.contains("class=\"tl-inferred\"") && html.contains("end inferred (session end)"));
}

#[tokio::test]
async fn alarms_and_entries_put_aside_are_shown() {
    let browser = Browser::signed("dora").await;
    let html = browser.text("/staff/gp-2026/alarms").await;
    let aside = world().store.quarantined(&world().event).unwrap();
    assert_eq!(aside.len(), 1);
    for text in [
        "Misfit",
        "a batch did not fit its checkpoint",
        "Open",
        &format!("#{}", aside[0].index),
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let browser = Browser::signed("ada").await;
    for path in [
        "/staff/none",
        "/staff/NONE",
        "/staff/none/attendees",
        "/staff/gp-2026/attendees/zz",
        "/staff/gp-2026/attendees/%3Cb%3E",
    ] {
        assert_eq!(
            browser.get(path).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn verdicts_come_first_and_in_words() {
    let browser = Browser::start().await;
    let World {
        valid,
        revoked,
        corrected,
        ..
    } = world();
    for (code, verdict, texts) in [
        (
            valid,
            "Valid",
            &[
                "Compare with your copy: any difference means it was altered.",
                "Morning programme",
                "cosigned by",
                "sha256sum",
            ][..],
        ),
        (
            revoked,
            "Revoked",
            &["Issued in error", "must not be relied on"],
        ),
        (
            corrected,
            "Corrected",
            &[
                "Version 1 was replaced by version 2",
                "<ins><bdi>Dr. ",
                "Version 2, shown here, is valid",
            ],
        ),
    ] {
        let html = browser.text(&format!("/c/{code}")).await;
        let first = html
            .split_once("<h1")
            .unwrap()
            .1
            .split_once("</h1>")
            .unwrap()
            .0;
        assert!(first.ends_with(&format!("</svg>{verdict}")), "{first}");
        for text in texts {
            assert!(html.contains(text), "{verdict}: {text}");
        }
        let state = format!("data-state=\"{}\"", verdict.to_lowercase());
        assert_eq!(
            (
                html.matches("data-state=").count(),
                html.matches(&state).count()
            ),
            (1, 1)
        );
        assert!(!html.contains("@example.org"), "no address");
        assert!(html.contains("UTC"));
        if verdict == "Revoked" {
            assert!(!html.contains("</svg>Valid"));
        }
    }
    let typed = valid.as_str().to_uppercase();
    let answer = browser
        .get(&format!("/verify?code={}+{}", &typed[..13], &typed[13..]))
        .await;
    assert_eq!(answer.headers()[LOCATION], format!("/c/{valid}"));
    assert_eq!(
        browser.get("/verify?code=hello").await.status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn unknown_and_malformed_codes_answer_alike() {
    let browser = Browser::start().await;
    let mut bodies = Vec::new();
    for code in [
        "aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "hello",
        "%3Cscript%3E",
        "a-b",
        "AAAA%20AAAA",
    ] {
        let answer = browser.get(&format!("/c/{code}")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{code}");
        bodies.push(answer.text().await.unwrap());
    }
    assert!(bodies[0].contains("Not ours"));
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(
        browser.get("/c/hello/proof").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_proof_holds_for_a_stranger() {
    let browser = Browser::start().await;
    let text = browser.text(&format!("/c/{}/proof", world().valid)).await;
    let proof = TlogProof::parse(&text).unwrap();
    let origin = "ce.example.org/event/gp-2026";
    let key = world().keys.signing.public_key();
    proof.verify(leaf_hash(&proof.extra), origin, &key).unwrap();
    assert!(
        String::from_utf8(proof.extra.clone())
            .unwrap()
            .contains(world().valid.as_str())
    );
    assert!(
        proof
            .verify(leaf_hash(b"another entry"), origin, &key)
            .is_err()
    );
    assert!(
        proof.checkpoint_note.matches("\u{2014} ").count() >= 2,
        "the issuer and a witness"
    );
}

#[tokio::test]
async fn a_file_is_what_was_issued_or_not() {
    let browser = Browser::start().await;
    let World {
        store,
        valid,
        revoked,
        corrected,
        ..
    } = world();
    let pdf =
        |code, version: usize| world().private(store.certificate(code).unwrap()[version].entry.pdf);
    let send = async |code: &str, bytes: Vec<u8>| {
        let mut body =
            b"--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c.pdf\"\r\n\r\n"
                .to_vec();
        body.extend_from_slice(&bytes);
        body.extend_from_slice(b"\r\n--xx--\r\n");
        let request = browser
            .client
            .post(format!("{}/c/{code}/file", browser.base));
        let request = request
            .header(CONTENT_TYPE, "multipart/form-data; boundary=xx")
            .header(ORIGIN, &browser.base);
        request.body(body).send().await.unwrap()
    };
    let mut altered = pdf(valid, 0);
    altered[100] ^= 1;
    for (code, bytes, expected) in [
        (
            valid,
            pdf(valid, 0),
            "</svg>The file that was issued</span>",
        ),
        (valid, altered, "</svg>Not the file that was issued</span>"),
        (
            valid,
            pdf(revoked, 0),
            "</svg>Not the file that was issued</span>",
        ),
        (
            revoked,
            pdf(revoked, 0),
            "</svg>The file that was issued, since revoked</span>",
        ),
        (
            corrected,
            pdf(corrected, 0),
            "</svg>The file of an older version</span>",
        ),
        (
            corrected,
            pdf(corrected, 1),
            "</svg>The file that was issued</span>",
        ),
    ] {
        let html = send(code.as_str(), bytes.clone())
            .await
            .text()
            .await
            .unwrap();
        assert!(html.contains(expected), "{expected}");
        assert!(html.contains(&sha256(&bytes).to_hex()));
    }
    let revoked_page = send(revoked.as_str(), pdf(revoked, 0))
        .await
        .text()
        .await
        .unwrap();
    assert!(
        revoked_page.find("</svg>Revoked").unwrap()
            < revoked_page.find("The file that was issued").unwrap()
    );
    assert_eq!(
        send(valid.as_str(), vec![]).await.status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        send(valid.as_str(), vec![0; 9 << 20]).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn public_pages_are_limited() {
    let browser = Browser::start().await;
    let mut refused = None;
    for n in 0..60 {
        let answer = browser.get("/c/aaaaaaaaaaaaaaaaaaaaaaaaaa").await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers().contains_key(RETRY_AFTER));
            refused = Some(n);
            break;
        }
    }
    assert_eq!(refused, Some(40));
    assert_eq!(
        browser.get("/verify").await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        browser.get("/sign-in").await.status(),
        StatusCode::OK,
        "staff are not locked out by it"
    );
}

#[tokio::test]
async fn a_page_is_kept_fresh_by_named_events() {
    let browser = Browser::signed("dora").await;
    let mut answer = browser.get("/staff/gp-2026/live").await;
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/event-stream");
    let mut text = String::new();
    while !text.contains("event: beat") {
        text.push_str(&String::from_utf8_lossy(
            &answer.chunk().await.unwrap().unwrap(),
        ));
    }
    assert!(text.contains("event: page\n") && text.contains("data: <p class=\"asof-line\">"));
}
