//! The kiosk's two pages in a real browser: Debian's chromium, driven through its chromedriver.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use attendance::Decimal;
use attendance::time::Sync as ClockSync;
use attendance::words::{Direction, Verdict};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use kiosk::readers::LiveView;
use kiosk::screen::devices::Look;
use kiosk::screen::look::{Panel, type_scale};
use kiosk::screen::server::{EventInfo, Handle, Settings, router};
use kiosk::screen::view::{
    Answer, Backlog, ClockStatus, Credit, Dated, DiskStatus, Face, Minutes, Provisional,
    StaffAnswer, Standing, State, Status, TimeAnswer, Versions,
};
use rollcall_tests::skip::skip;
use serde_json::{Value, json};
use tokio::sync::watch;
use vision::testing::{Picture, square};
use vision::{Format, Outline, Point};

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

// --- the browser ---------------------------------------------------------------------------------------------

struct Browser {
    client: Client,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// A browser, or nothing and the skip declared.
async fn browser(test: &str) -> Option<Browser> {
    let (Some(chromium), Some(driver)) = (program("chromium"), program("chromedriver")) else {
        skip(
            test,
            "no chromium or chromedriver; apt-get install chromium chromium-driver",
        );
        return None;
    };
    let mut driver = Command::new(driver)
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(driver.stdout.take().unwrap());
    let port: u16 = loop {
        let mut line = String::new();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "chromedriver ended");
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            break port.trim().trim_end_matches('.').parse().unwrap();
        }
    };
    // What it says later must have somewhere to go.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    let profile = tempfile::tempdir().unwrap();
    let options = json!({
        "binary": chromium,
        "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--hide-scrollbars", "--autoplay-policy=no-user-gesture-required",
            format!("--user-data-dir={}", profile.path().display()),
        ],
    });
    let wanted = serde_json::Map::from_iter([("goog:chromeOptions".to_owned(), options)]);
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(wanted)
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .unwrap();
    Some(Browser {
        client,
        driver,
        _profile: profile,
    })
}

/// Runs a test in a browser and closes it, whatever came of the test.
async fn in_browser<F: Future<Output = ()> + Send + 'static>(
    name: &str,
    test: impl FnOnce(Client) -> F,
) {
    let Some(browser) = browser(name).await else {
        return;
    };
    let outcome = tokio::spawn(test(browser.client.clone())).await;
    browser.client.clone().close().await.unwrap();
    if let Err(failed) = outcome {
        std::panic::resume_unwind(failed.into_panic());
    }
}

async fn eval(client: &Client, script: &str) -> Value {
    client
        .execute(&format!("return {script}"), vec![])
        .await
        .unwrap()
}

/// Waits until the expression has that value.
async fn becomes(client: &Client, script: &str, expected: impl Into<Value>) {
    let expected = expected.into();
    let mut look = tokio::time::interval(Duration::from_millis(20));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let got = eval(client, script).await;
        if got == expected {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{script} is {got}, not {expected}"
        );
        look.tick().await;
    }
}

/// Makes the page's own area exactly that large.
async fn resize(client: &Client, (width, height): (u32, u32)) {
    client.set_window_size(width, height).await.unwrap();
    let frame = eval(
        client,
        "[outerWidth - innerWidth, outerHeight - innerHeight]",
    )
    .await;
    let part = |at: usize| u32::try_from(frame[at].as_u64().unwrap()).unwrap();
    client
        .set_window_size(width + part(0), height + part(1))
        .await
        .unwrap();
    becomes(client, "[innerWidth, innerHeight]", json!([width, height])).await;
}

// --- the pages -----------------------------------------------------------------------------------------------

/// A kiosk's pages on a thread of their own, which can be made to hang.
struct Site {
    port: u16,
    face: watch::Sender<Face>,
    status: watch::Sender<Status>,
    hang: Option<tokio::sync::mpsc::UnboundedSender<mpsc::Receiver<()>>>,
}

fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn site(panel: Panel, beat_ms: u64) -> Site {
    site_with(&["en"], panel, beat_ms, None)
}

/// The same, whose event has these languages.
fn site_in(languages: &[&str], panel: Panel, beat_ms: u64) -> Site {
    site_with(languages, panel, beat_ms, None)
}

/// The same, with a camera where there is one.
fn site_with(languages: &[&str], panel: Panel, beat_ms: u64, live: Option<LiveView>) -> Site {
    let (face, face_rx) = watch::channel(idle());
    let (status, status_rx) = watch::channel(status());
    let info = EventInfo {
        kiosk: "Hall 3 East".into(),
        languages: languages.iter().map(|&tag| tag.to_owned()).collect(),
        ..EventInfo::default()
    };
    let handle = Handle {
        face: face_rx,
        status: status_rx,
        info: watch::channel(info).1,
        live,
        look: Look::new(Vec::new),
        settings: Settings {
            panel,
            beat_ms,
            ..Settings::default()
        },
        wall_ms,
    };
    let (hang, mut hangs) = tokio::sync::mpsc::unbounded_channel::<mpsc::Receiver<()>>();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap().port()).unwrap();
            let pages = router(handle).into_make_service_with_connect_info::<SocketAddr>();
            let serving = tokio::spawn(axum::serve(listener, pages).into_future());
            while let Some(until) = hangs.recv().await {
                // Holds up the whole runtime with its connections open, until the other end is dropped.
                let _ = until.recv();
            }
            serving.abort();
        });
    });
    Site {
        port: told.recv().unwrap(),
        face,
        status,
        hang: Some(hang),
    }
}

impl Site {
    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The server stands still until the answer is dropped.
    fn hang(&self) -> mpsc::Sender<()> {
        let (go_on, until) = mpsc::channel();
        self.hang.as_ref().unwrap().send(until).unwrap();
        go_on
    }

    /// The server is gone.
    fn end(&mut self) {
        self.hang = None;
    }
}

fn idle() -> Face {
    Face::Idle {
        direction: Some(Direction::In),
        clock_ok: true,
    }
}

fn answer(verdict: Verdict, language: &str) -> Answer {
    Answer {
        verdict,
        direction: match verdict {
            Verdict::CheckedOut => Direction::Out,
            _ => Direction::In,
        },
        since_ms: Some(wall_ms() - 2_000_000),
        name: Some("Ada".into()),
        provisional: Some(Provisional {
            minutes: Some(Minutes {
                present: 42,
                of: 90,
            }),
            credit: Credit::OnTrack(Decimal::from_millionths(1_500_000)),
        }),
        language: Some(language.into()),
        short_code: Some("7QK4".into()),
    }
}

fn status() -> Status {
    let as_of_ms = wall_ms();
    Status {
        as_of_ms,
        standing: Standing {
            state: State::Recording,
            since_ms: as_of_ms,
        },
        enrolment: None,
        readers: Vec::new(),
        backlog: Dated {
            as_of_ms,
            value: Backlog {
                entries: 0,
                oldest_age_ms: None,
                trend_5min: 0,
                drain_s: None,
            },
        },
        last_receipt: None,
        last_sync: None,
        last_heard_ms: None,
        last_scan_ms: None,
        clock: Dated {
            as_of_ms,
            value: ClockStatus {
                sync: ClockSync::Synced,
                error_ms: Some(1),
                anchored: true,
                by_time_code: false,
                offset_ms: Some(0),
            },
        },
        disk: Dated {
            as_of_ms,
            value: DiskStatus {
                free_bytes: 1,
                journal_bytes: 1,
            },
        },
        versions: Dated {
            as_of_ms,
            value: Versions {
                software: "test".into(),
                bundle_sequence: None,
                bundle_issued_ms: None,
                bundle_expires_ms: None,
            },
        },
        scans: Vec::new(),
        gpio: None,
        alarms: Vec::new(),
    }
}

// --- what must be seen -----------------------------------------------------------------------------------------

const WORD: &str = "document.getElementById('word').textContent";
const STATE: &str = "document.getElementById('stage').dataset.state";
const GROUND: &str = "getComputedStyle(document.getElementById('stage')).backgroundColor";
const LANG: &str = "[document.documentElement.lang, document.documentElement.dir]";
const SAID: &str = "document.getElementById('say').textContent";
const NAME: &str = "document.getElementById('name').textContent";

#[tokio::test]
async fn a_face_changes_word_colour_language_and_what_is_said() {
    in_browser("screen::a_face_changes", async |client: Client| {
        let site = site(Panel::TEN_INCH, 15_000);
        client.goto(&site.url("/")).await.unwrap();
        resize(&client, (1280, 800)).await;
        becomes(&client, WORD, "IN").await;
        becomes(&client, GROUND, "rgb(245, 241, 232)").await;

        site.face
            .send(Face::Result(answer(Verdict::CheckedIn, "de")))
            .unwrap();
        becomes(&client, WORD, "Eingecheckt").await;
        assert_eq!(eval(&client, GROUND).await, "rgb(8, 92, 39)");
        assert_eq!(eval(&client, LANG).await, json!(["de", "ltr"]));
        assert_eq!(
            eval(&client, SAID).await,
            "Eingecheckt: Ada. Bisher 42 von 90 min, 1,5 Punkte in Sicht."
        );
        assert_eq!(eval(&client, NAME).await, "Ada");

        // Another badge interrupts at once.
        let shown = Instant::now();
        site.face
            .send(Face::Result(answer(Verdict::UnknownBadge, "en")))
            .unwrap();
        becomes(&client, WORD, "See staff").await;
        assert_eq!(eval(&client, GROUND).await, "rgb(255, 196, 0)");
        assert_eq!(eval(&client, LANG).await, json!(["en", "ltr"]));
        assert_eq!(
            eval(&client, NAME).await,
            "",
            "no person with an unknown badge"
        );

        // Nothing more arrives; the page goes back to rest by itself, not before its time.
        becomes(&client, STATE, "idle").await;
        assert!(
            shown.elapsed() >= Duration::from_secs(5),
            "{:?}",
            shown.elapsed()
        );
    })
    .await;
}

/// Text with its capitals' height in pixels, and whether something leaves the screen sideways.
const MEASURE: &str = "(() => {
  const canvas = document.createElement('canvas').getContext('2d');
  const cap = (part) => {
    const style = getComputedStyle(part);
    canvas.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    return canvas.measureText('H').actualBoundingBoxAscent;
  };
  const parts = ['#word', '#name', '#clock', '#lines p'].flatMap((at) => [...document.querySelectorAll(at)]);
  const shown = parts.filter((part) => part.textContent !== '');
  const range = document.createRange();
  const outside = shown.filter((part) => {
    if (part.id !== 'word') return part.getBoundingClientRect().right > innerWidth + 1;
    range.selectNodeContents(part);
    const box = range.getBoundingClientRect();
    return box.right > innerWidth + 1 || box.left < 0;
  });
  const stage = document.getElementById('stage');
  const rows = (part) => {
    range.selectNodeContents(part);
    const tops = [...range.getClientRects()].filter((box) => box.width > 0).map((box) => Math.round(box.top));
    return new Set(tops).size;
  };
  const lines = [...document.querySelectorAll('#lines p')];
  return {
    cut: lines.filter((line) => rows(line) > Number(stage.dataset.lineRows)).map((line) => line.textContent),
    word: cap(document.getElementById('word')),
    text: Math.min(...shown.map(cap)),
    outside: outside.map((part) => part.textContent),
    overflow: stage.scrollWidth > innerWidth || stage.scrollHeight > innerHeight + 1
      || document.documentElement.scrollWidth > innerWidth,
  };
})()";

/// Every face as an event of this language has it.
fn every_face(language: &str) -> Vec<Face> {
    let mut faces = vec![
        idle(),
        Face::Idle {
            direction: None,
            clock_ok: true,
        },
        Face::NotSetUp,
        Face::Time(TimeAnswer::Set {
            at_ms: 1_777_881_720_000,
        }),
        Face::Time(TimeAnswer::Old),
        Face::Time(TimeAnswer::NotOurs),
        Face::Time(TimeAnswer::Unreadable),
        Face::Failure {
            code: "DISK-FULL".into(),
        },
    ];
    faces.extend(StaffAnswer::ALL.iter().copied().map(Face::Staff));
    for verdict in Verdict::ALL {
        faces.push(Face::Result(answer(*verdict, language)));
    }
    let credits = Decimal::from_millionths(10_250_000);
    for credit in [
        Credit::Unsaid,
        Credit::OnTrack(credits),
        Credit::SoFar(credits),
        Credit::Capped(credits),
        Credit::NotYet,
        Credit::None,
        Credit::OutOfReach,
        Credit::Person,
    ] {
        let minutes = Some(Minutes {
            present: 148,
            of: 150,
        });
        faces.push(Face::Result(Answer {
            provisional: Some(Provisional { minutes, credit }),
            ..answer(Verdict::CheckedOut, language)
        }));
    }
    for name in [
        "Maria Magdalena Wilhelmine von Hohenstein-Schwarzenbergstein",
        "Wolfeschlegelsteinhausenbergerdorff",
        "直子 田中",
        "محمد عبد الله",
        "श्रीकृष्ण त्रिपाठी",
    ] {
        faces.push(Face::Result(Answer {
            name: Some(name.into()),
            ..answer(Verdict::CheckedOut, language)
        }));
    }
    faces
}

#[tokio::test]
async fn every_state_is_large_enough_and_nothing_overflows() {
    in_browser(
        "screen::every_state_is_large_enough",
        async |client: Client| {
            let panels = [
                ((154.08, 92.448), (800, 480)),
                ((154.08, 85.92), (800, 480)),
                ((216.96, 135.6), (1280, 800)),
                ((344.16, 193.59), (1920, 1080)),
            ];
            let languages = ["en", "de", "fr", "es"];
            let cases = panels.iter().flat_map(|panel| languages.map(|of| (*panel, of)));
            for ((mm, px), language) in cases {
                let (width_mm, height_mm) = mm;
                let site = site_in(
                    &[language],
                    Panel {
                        width_mm,
                        height_mm,
                    },
                    15_000,
                );
                client.goto(&site.url("/")).await.unwrap();
                resize(&client, px).await;
                let scale = type_scale(mm, px);
                for face in every_face(language) {
                    let drawn =
                        eval(&client, "document.getElementById('stage').dataset.drawn").await;
                    let shown = format!("{face:?} in {language} at {px:?}");
                    let is_told = matches!(
                        &face,
                        Face::Result(Answer { verdict: Verdict::CheckedIn | Verdict::CheckedOut, name, .. })
                            if name.as_deref() == Some("Ada")
                    );
                    site.face.send(face).unwrap();
                    let is_new =
                        format!("document.getElementById('stage').dataset.drawn !== {drawn}");
                    becomes(&client, &is_new, true).await;
                    let seen = eval(&client, MEASURE).await;
                    assert_eq!(
                        (&seen["outside"], &seen["overflow"]),
                        (&json!([]), &json!(false)),
                        "{shown}"
                    );
                    // What is said of credit is said whole.
                    assert!(!is_told || seen["cut"] == json!([]), "{shown}: {}", seen["cut"]);
                    // A canvas measures in whole pixels or nearly; half a pixel is its error, not the page's.
                    let at_least = |of: &str, size_px: f64| {
                        let cap = seen[of].as_f64().unwrap();
                        assert!(
                            cap + 0.5 >= size_px * 0.714,
                            "{of} {cap} of {size_px}: {shown}"
                        );
                    };
                    at_least("word", scale.word_px);
                    at_least("text", scale.text_px);
                }
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_screen_that_lost_its_kiosk_says_so() {
    in_browser(
        "screen::a_screen_that_lost_its_kiosk",
        async |client: Client| {
            let mut site = site(Panel::TEN_INCH, 500);
            client.goto(&site.url("/")).await.unwrap();
            becomes(&client, STATE, "idle").await;
            // It hangs: the connection stays, nothing comes.
            let go_on = site.hang();
            becomes(&client, STATE, "failure").await;
            assert!(
                eval(&client, SAID)
                    .await
                    .as_str()
                    .unwrap()
                    .contains("Please use another door")
            );
            drop(go_on);
            becomes(&client, STATE, "idle").await;
            // It is gone.
            site.end();
            becomes(&client, STATE, "failure").await;
        },
    )
    .await;
}

/// A camera before which a badge is held, at its left, until this is dropped.
fn camera(live: &LiveView) -> mpsc::Sender<()> {
    let scene = Picture::clutter(1_280, 720, 3);
    let badge = Picture::code(Format::Qr, "BADGE-7", 8).unwrap();
    let corners = square((400.0, 360.0), 160.0, 8.0, 0.1);
    let scene = scene.with(&badge, corners);
    #[allow(clippy::cast_possible_truncation, reason = "places in a picture")]
    let outline: Outline = corners.map(|(x, y)| Point {
        x: x as i32,
        y: y as i32,
    });
    let (running, until) = mpsc::channel();
    let live = live.clone();
    std::thread::spawn(move || {
        let started = Instant::now();
        let every = Duration::from_millis(30);
        while until.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
            let now_ms = u64::try_from(started.elapsed().as_millis()).unwrap();
            live.show(&scene.frame().unwrap(), &[outline], now_ms);
        }
    });
    running
}

/// The picture's size, whether it is seen, and whether the badge that shows how to hold one is.
const VIEW: &str = "(() => { const view = document.getElementById('view'); \
    const seen = (part) => getComputedStyle(part).display !== 'none'; \
    return [view.naturalWidth, view.naturalHeight, seen(view), seen(document.querySelector('.moves'))]; })()";
/// Whether the target's corners lie on the picture's, which is as large as its place and its own shape allow.
const FRAMED: &str = "(() => { const view = document.getElementById('view'); \
    const place = view.getBoundingClientRect(); \
    const scale = Math.min(place.width / view.naturalWidth, place.height / view.naturalHeight); \
    const half = [view.naturalWidth * scale / 2, view.naturalHeight * scale / 2]; \
    const middle = [place.left + place.width / 2, place.top + place.height / 2]; \
    const corners = document.getElementById('corners').getBoundingClientRect(); \
    const off = [corners.left - middle[0] + half[0], middle[0] + half[0] - corners.right, \
        corners.top - middle[1] + half[1], middle[1] + half[1] - corners.bottom]; \
    return off.every((by) => by >= -1 && by < half[0] / 10); })()";
const DRAWN_BOX: &str = "document.getElementById('picture').getAttribute('viewBox')";
/// How many pixels left and right of the picture's middle have the outline's colour.
const OUTLINED: &str = "(() => { const view = document.getElementById('view'); \
    const canvas = document.createElement('canvas'); canvas.width = 320; canvas.height = 180; \
    const context = canvas.getContext('2d'); context.drawImage(view, 0, 0); \
    const sides = [0, 0]; const { data } = context.getImageData(0, 0, 320, 180); \
    for (let at = 0; at < data.length; at += 4) { \
        if (data[at] === 255 && data[at + 1] === 196 && data[at + 2] === 0) sides[at / 4 % 320 < 160 ? 0 : 1] += 1; \
    } return [sides[0] === 0, sides[1] > 300]; })()";

#[tokio::test]
async fn an_idle_screen_is_a_mirror_where_there_is_a_camera() {
    in_browser(
        "screen::an_idle_screen_is_a_mirror",
        async |client: Client| {
            for (panel, px) in [
                (Panel::TEN_INCH, (1_280, 800)),
                (
                    Panel {
                        width_mm: 154.08,
                        height_mm: 92.448,
                    },
                    (800, 480),
                ),
            ] {
                let live = LiveView::default();
                let running = camera(&live);
                let site = site_with(&["en"], panel, 15_000, Some(live.clone()));
                client.goto(&site.url("/")).await.unwrap();
                resize(&client, px).await;
                becomes(&client, VIEW, json!([320, 180, true, false])).await;
                // Left is right.
                becomes(&client, OUTLINED, json!([true, true])).await;
                becomes(&client, FRAMED, true).await;
                let first = eval(&client, "document.getElementById('stage').dataset.view").await;
                let goes_on = format!(
                    "document.getElementById('stage').dataset.view > {} + 2",
                    first.as_str().unwrap()
                );
                becomes(&client, &goes_on, true).await;
                let seen = eval(&client, MEASURE).await;
                assert_eq!(
                    (&seen["outside"], &seen["overflow"]),
                    (&json!([]), &json!(false)),
                    "{px:?}"
                );
                // An answer takes the picture away, and nobody asks for another.
                site.face
                    .send(Face::Result(answer(Verdict::CheckedIn, "en")))
                    .unwrap();
                becomes(&client, STATE, "checked_in").await;
                assert_eq!(
                    eval(
                        &client,
                        "document.getElementById('view').hasAttribute('src')"
                    )
                    .await,
                    false
                );
                site.face.send(idle()).unwrap();
                becomes(&client, VIEW, json!([320, 180, true, false])).await;
                // Without a camera the screen shows how to hold a badge.
                drop(running);
                becomes(&client, VIEW, json!([0, 0, false, true])).await;
                assert_eq!(eval(&client, DRAWN_BOX).await, "0 0 240 220");
            }
        },
    )
    .await;
}

const BANNER: &str =
    "[document.getElementById('banner').hidden, document.getElementById('banner').textContent]";

#[tokio::test]
async fn the_status_page_is_live_and_says_when_it_is_not() {
    in_browser("screen::the_status_page_is_live", async |client: Client| {
        let mut site = site(Panel::TEN_INCH, 500);
        client.goto(&site.url("/staff")).await.unwrap();
        let fact = "document.querySelector('.fact').textContent";
        becomes(&client, fact, "0 waiting").await;
        assert_eq!(eval(&client, BANNER).await, json!([true, ""]));
        site.status
            .send_modify(|status| status.backlog.value.entries = 1_204);
        becomes(&client, fact, "1,204 waiting").await;

        let stopped = json!([false, "This page is not updating"]);
        let go_on = site.hang();
        becomes(&client, BANNER, stopped.clone()).await;
        let dimmed = "document.body.classList.contains('dimmed')";
        assert_eq!(eval(&client, dimmed).await, true);
        drop(go_on);
        becomes(&client, BANNER, json!([true, ""])).await;
        site.end();
        becomes(&client, BANNER, stopped).await;

        let phone = self::site(Panel::TEN_INCH, 15_000);
        client.goto(&phone.url("/staff")).await.unwrap();
        client.set_window_size(500, 900).await.unwrap();
        becomes(&client, fact, "0 waiting").await;
        let overflow = "document.documentElement.scrollWidth > innerWidth";
        assert_eq!(eval(&client, overflow).await, false);
    })
    .await;
}
