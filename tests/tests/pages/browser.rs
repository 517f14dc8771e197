//! The pages in a real browser, by keyboard alone: Chromium, driven by its own chromedriver.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use rollcall_tests::skip::skip;

use super::conference::{NOW, PASSWORD};
use super::serve;

const NAME: &str = "browser::staff_sign_in_and_open_a_timeline_by_keyboard";
const WAIT: Duration = Duration::from_secs(30);

/// The driver, ended with the test.
pub(crate) struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn is_there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// A driver on a port of its own choice, and a browser under it: on a desk, or a phone of so many CSS pixels.
pub(crate) async fn start(profile: &str, phone: Option<(u32, u32)>) -> (Client, Driver) {
    let mut command = Command::new("chromedriver");
    command
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut driver = Driver(command.spawn().unwrap());
    let mut said = BufReader::new(driver.0.stdout.take().unwrap());
    let port = loop {
        let mut line = String::new();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "chromedriver ended");
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            break port.trim().trim_end_matches('.').to_owned();
        }
    };
    // What it says later must have somewhere to go.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    let args = serde_json::json!([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,900",
        format!("--user-data-dir={profile}"),
    ]);
    let mut options = serde_json::json!({ "args": args });
    if let Some((width, height)) = phone {
        let metrics = serde_json::json!({ "width": width, "height": height, "pixelRatio": 2.0, "touch": true });
        options["mobileEmulation"] = serde_json::json!({ "deviceMetrics": metrics });
    }
    let mut capabilities = serde_json::Map::new();
    capabilities.insert("goog:chromeOptions".into(), options);
    let mut builder = ClientBuilder::new(HttpConnector::new());
    let client = builder
        .capabilities(capabilities)
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .unwrap();
    (client, driver)
}

/// Presses keys where the focus is.
pub(crate) async fn press(client: &Client, keys: &str) {
    client
        .active_element()
        .await
        .unwrap()
        .send_keys(keys)
        .await
        .unwrap();
}

/// Goes on with Tab until the focused element's text is this.
async fn tab_to(client: &Client, text: &str) {
    for _ in 0..40 {
        press(client, &char::from(Key::Tab).to_string()).await;
        let focused = client.active_element().await.unwrap();
        if focused.text().await.unwrap().trim() == text {
            return;
        }
    }
    panic!("the keyboard does not reach {text:?}");
}

pub(crate) async fn see(client: &Client, css: &str) -> fantoccini::elements::Element {
    client
        .wait()
        .at_most(WAIT)
        .for_element(Locator::Css(css))
        .await
        .unwrap()
}

/// Waits until the first such element has this text. The page may put another in its place at any time.
async fn becomes(client: &Client, css: &str, text: &str) {
    let script = "const e = document.querySelector(arguments[0]); return e && e.textContent.trim()";
    let deadline = Instant::now() + WAIT;
    let mut look = tokio::time::interval(Duration::from_millis(50));
    loop {
        let got = client.execute(script, vec![css.into()]).await.unwrap();
        if got == text {
            return;
        }
        assert!(Instant::now() < deadline, "{css} says {got}, not {text:?}");
        look.tick().await;
    }
}

/// Goes to a private page, and there by way of the sign-in, by keyboard.
pub(crate) async fn sign_in(client: &Client, page: &str, account: &str) {
    client.goto(page).await.unwrap();
    see(client, "#account").await;
    let (tab, enter) = (char::from(Key::Tab), char::from(Key::Enter));
    press(client, &format!("{account}{tab}")).await;
    press(client, &format!("{PASSWORD}{enter}")).await;
}

#[tokio::test]
async fn staff_sign_in_and_open_a_timeline_by_keyboard() {
    if !is_there("chromium") || !is_there("chromedriver") {
        skip(
            NAME,
            "no Chromium with its driver; run: apt-get install chromium chromium-driver",
        );
        return;
    }
    let base = format!("http://{}", serve(NOW, false).await);
    let profile = tempfile::tempdir().unwrap();
    let (client, _driver) = start(profile.path().to_str().unwrap(), None).await;

    let enter = char::from(Key::Enter);
    sign_in(&client, &format!("{base}/staff/gp-2026"), "rita").await;

    // The worst stands first, and the page says nothing against itself.
    becomes(&client, ".kiosk .state", "Not recording").await;
    assert!(!see(&client, "#banner").await.is_displayed().await.unwrap());

    tab_to(&client, "Attendees").await;
    press(&client, &enter.to_string()).await;
    see(&client, "#q").await;
    tab_to(&client, "Zoë Müller-Lüdenscheidt").await;
    press(&client, &enter.to_string()).await;
    let picture = see(&client, "svg.timeline[role=img]").await;
    assert!(picture.is_displayed().await.unwrap());
    let heading = see(&client, "main h1").await.text().await.unwrap();
    assert_eq!(heading, "Zoë Müller-Lüdenscheidt");
    client.close().await.unwrap();
}
