//! The time code on an organiser's phone: who sees it, that each look is another, and that a scanner reads it off the screen.

use std::process::Command;
use std::time::{Duration, Instant};

use evidence::SigningKey;
use fantoccini::key::Key;
use protocol::time_code::{self, TimeCode};
use reqwest::StatusCode;
use rollcall_tests::skip::skip;

use super::browser::{is_there, press, see, start};
use super::conference::{NOW, PASSWORD};
use super::{Browser, serve, world};

const PAGE: &str = "/staff/gp-2026/time";
const NAME: &str = "time_code::a_scanner_reads_the_code_off_a_phone";
/// What a small phone shows, in CSS pixels.
const PHONE: (u32, u32) = (375, 667);
const WAIT: Duration = Duration::from_secs(30);

fn code_in(html: &str) -> &str {
    let after = html.split_once("id=\"time-code-text\">").unwrap().1;
    after.split_once('<').unwrap().0
}

fn opened(code: &str) -> TimeCode {
    let key: &SigningKey = &world().keys.signing;
    time_code::open(code, &key.public_key()).unwrap()
}

#[tokio::test]
async fn organisers_alone_see_a_time_code_and_each_look_is_another() {
    let browser = Browser::signed("ada").await;
    let (first, second) = (browser.text(PAGE).await, browser.text(PAGE).await);
    let says = opened(code_in(&first));
    assert_eq!((says.at, says.error_ms), (NOW, 250));
    assert_ne!(code_in(&first), code_in(&second));
    for text in [
        "http-equiv=\"refresh\"",
        "aria-label=\"The time code as a QR code\"",
        "off by at most 250 ms",
        "Scan it live from this screen, within 60 s.",
    ] {
        assert!(first.contains(text), "{text}");
    }
    for account in ["dora", "rita"] {
        let browser = Browser::signed(account).await;
        for path in [PAGE, "/staff/gp-2026/time/live"] {
            let status = browser.get(path).await.status();
            assert_eq!(status, StatusCode::FORBIDDEN, "{account} {path}");
        }
        let html = browser.text("/staff/gp-2026").await;
        assert!(!html.contains("gp-2026/time"), "{account}");
    }
}

/// What a scanner reads off a picture of the screen.
fn scanned(png: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), png).unwrap();

    let read = Command::new("zbarimg")
        .args(["--quiet", "--raw", "--nodbus"])
        .arg(file.path())
        .output()
        .unwrap();
    String::from_utf8(read.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_scanner_reads_the_code_off_a_phone() {
    let tools = ["chromium", "chromedriver", "zbarimg"];
    if let Some(missing) = tools.into_iter().find(|tool| !is_there(tool)) {
        skip(
            NAME,
            &format!(
                "there is no {missing}; run: apt-get install chromium chromium-driver zbar-tools"
            ),
        );
        return;
    }
    let base = format!("http://{}", serve(NOW, false).await);
    let profile = tempfile::tempdir().unwrap();
    let (client, _driver) = start(profile.path().to_str().unwrap(), Some(PHONE)).await;
    client.goto(&format!("{base}{PAGE}")).await.unwrap();
    see(&client, "#account").await;
    let (tab, enter) = (char::from(Key::Tab), char::from(Key::Enter));
    press(&client, &format!("ada{tab}")).await;
    press(&client, &format!("{PASSWORD}{enter}")).await;
    see(&client, ".time-code svg.qr").await;

    let shown = |client: &fantoccini::Client| {
        let client = client.clone();
        async move {
            let script = "return document.getElementById('time-code-text').textContent";
            let text = client.execute(script, vec![]).await.unwrap();
            text.as_str().unwrap().to_owned()
        }
    };
    // The screen is the scanner's only source, and the code on it changes under its eyes.
    let first = scanned(&client.screenshot().await.unwrap());
    assert_eq!(opened(&first).at, NOW);
    let deadline = Instant::now() + WAIT;
    let mut look = tokio::time::interval(Duration::from_millis(200));
    while shown(&client).await == first {
        assert!(Instant::now() < deadline, "the code never changes");
        look.tick().await;
    }
    let second = scanned(&client.screenshot().await.unwrap());
    assert_ne!(second, first);
    assert_eq!(opened(&second).at, NOW);

    // The whole code is on the first screen, and nothing is wider than the phone.
    let fits = "const qr = document.querySelector('.qr').getBoundingClientRect(); \
                return qr.top >= 0 && qr.bottom <= innerHeight && qr.width >= 300 && document.documentElement.scrollWidth <= innerWidth";
    assert_eq!(client.execute(fits, vec![]).await.unwrap(), true);

    // A phone that hears nothing more takes its last code away.
    let part = "document.querySelector('[data-fresh-ms]').dataset.freshMs = '-1'; \
                document.dispatchEvent(new Event('visibilitychange')); \
                const seen = (css) => getComputedStyle(document.querySelector(css)).display !== 'none'; \
                return [seen('.time-code'), seen('.time-gone')]";
    let seen = client.execute(part, vec![]).await.unwrap();
    assert_eq!(seen, serde_json::json!([false, true]));
    client.close().await.unwrap();
}
