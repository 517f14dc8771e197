#![allow(clippy::unwrap_used, clippy::panic)]
use attendance::words::{Direction, Verdict};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::super::samples::{NOW_MS, devices, status};
use super::super::view::Answer;
use super::*;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

struct Kiosk {
    port: u16,
    face: watch::Sender<Face>,
    status: watch::Sender<Status>,
}

const IDLE: Face = Face::Idle {
    direction: Some(Direction::In),
    clock_ok: true,
};

fn ada() -> Face {
    Face::Result(Answer {
        verdict: Verdict::CheckedIn,
        direction: Direction::In,
        since_ms: None,
        name: Some("Ada </script>".into()),
        provisional: None,
        language: None,
        short_code: None,
    })
}

async fn kiosk(settings: Settings) -> Kiosk {
    kiosk_that_sees(settings, None).await
}

async fn kiosk_that_sees(settings: Settings, live: Option<LiveView>) -> Kiosk {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (face, face_rx) = watch::channel(IDLE);
    let (status, status_rx) = watch::channel(status());
    let handle = Handle {
        face: face_rx,
        status: status_rx,
        info: watch::channel(EventInfo::default()).1,
        live,
        look: Look::new(devices),
        settings,
        wall_ms: || NOW_MS,
    };
    let pages = router(handle).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, pages).into_future());
    Kiosk { port, face, status }
}

impl Kiosk {
    async fn ask(&self, line: &str, host: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        BufReader::new(stream)
    }

    /// Status code and everything after it.
    async fn get(&self, path: &str, host: &str) -> (u16, String) {
        let mut answer = String::new();
        let mut stream = self.ask(&format!("GET {path}"), host).await;
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (code, answer)
    }
}

/// The next line of the stream that starts like this.
async fn line(stream: &mut BufReader<TcpStream>, start: &str) -> String {
    let found = async {
        loop {
            let mut line = String::new();
            assert_ne!(
                stream.read_line(&mut line).await.unwrap(),
                0,
                "ended before {start}"
            );
            if line.starts_with(start) {
                return line;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap()
}

const LOCAL: &str = "Host: localhost:8080\r\n";

#[tokio::test]
async fn every_page_answers_with_the_headers() {
    let kiosk = kiosk(Settings::default()).await;
    for path in [
        "/",
        "/staff",
        "/staff/fragment",
        "/status",
        "/healthz",
        "/assets/look.css",
        "/assets/screen.css",
        "/assets/screen.js",
        "/assets/staff.css",
        "/assets/staff.js",
    ] {
        let (code, answer) = kiosk.get(path, LOCAL).await;
        assert_eq!(code, 200, "{path}");
        assert!(
            answer.contains("default-src 'none'; script-src 'self'"),
            "{path}"
        );
        assert!(answer.contains("nosniff"), "{path}");
        assert!(
            !answer.contains("{start}") && !answer.contains("{main}"),
            "{path}"
        );
        for elsewhere in ["http://", "https://", "style=", " onload"] {
            assert!(!answer.contains(elsewhere), "{path}: {elsewhere}");
        }
    }
    let (code, answer) = kiosk.get("/nothing", LOCAL).await;
    assert_eq!(code, 404);
    assert!(answer.contains("nosniff"));
    let mut post = kiosk.ask("POST /status", LOCAL).await;
    assert!(line(&mut post, "HTTP/1.1").await.contains("405"));
}

#[tokio::test]
async fn only_our_names_are_answered() {
    let settings = Settings {
        hosts: vec!["Kiosk-3.local".into(), "fd00::7".into()],
        ..Settings::default()
    };
    let kiosk = kiosk(settings).await;
    let check = async |path: &str, host: &str, expected: u16| {
        let (code, _) = kiosk.get(path, host).await;
        assert_eq!(code, expected, "{path} {host}");
    };
    check("/status", "Host: localhost\r\n", 200).await;
    check("/status", "Host: LOCALHOST.:80\r\n", 200).await;
    check("/status", "Host: 127.0.0.1:8080\r\n", 200).await;
    check("/status", "Host: [::1]:8080\r\n", 200).await;
    check("/status", "Host: kiosk-3.local:8080\r\n", 200).await;
    check("/status", "Host: [fd00::7]:8080\r\n", 200).await;
    check("/status", "Host: evil.example\r\n", 421).await;
    check("/status", "Host: localhost.evil.example\r\n", 421).await;
    check("/status", "Host: evil.example:127.0.0.1\r\n", 421).await;
    check("/status", "Host: \r\n", 421).await;
    check("/status", "", 421).await;
    check("/status", "Host: localhost\r\nHost: evil.example\r\n", 421).await;
    check("http://evil.example/status", "Host: localhost\r\n", 421).await;
    check("/assets/look.css", "Host: evil.example\r\n", 421).await;
}

#[tokio::test]
async fn a_face_arrives_and_only_a_new_one_is_fresh() {
    let kiosk = kiosk(Settings {
        beat_ms: 50,
        ..Settings::default()
    })
    .await;
    let mut stream = kiosk.ask("GET /events", LOCAL).await;
    let face = async |stream: &mut BufReader<TcpStream>| {
        line(stream, "event: face").await;
        let data = line(stream, "data: ").await;
        serde_json::from_str::<serde_json::Value>(&data["data: ".len()..]).unwrap()
    };
    let first = face(&mut stream).await;
    assert_eq!(
        (&first["fresh"], &first["face"]["state"]),
        (&json!(false), &json!("idle"))
    );
    kiosk.face.send(ada()).unwrap();
    let second = face(&mut stream).await;
    assert_eq!(second["fresh"], true);
    assert_eq!(second["face"]["turns"][0]["word"], "Checked in");
    assert_eq!(second["face"]["name"], "Ada </script>");
    // The same face for another badge is news all the same.
    kiosk.face.send(ada()).unwrap();
    assert_eq!(face(&mut stream).await["fresh"], true);
    line(&mut stream, "event: beat").await;
    let mut late = kiosk.ask("GET /events", LOCAL).await;
    assert_eq!(
        face(&mut late).await["fresh"],
        false,
        "no sound after a reconnection"
    );
    // The name is inside a script element of the page and cannot leave it.
    let (_, page) = kiosk.get("/", LOCAL).await;
    assert!(page.contains("Ada \\u003c/script>"));
    drop(kiosk.face);
    line(&mut stream, "0").await;
}

#[tokio::test]
async fn staff_see_changes_and_no_attendee() {
    let kiosk = kiosk(Settings::default()).await;
    kiosk.face.send(ada()).unwrap();
    let mut stream = kiosk.ask("GET /staff/events", LOCAL).await;
    assert!(line(&mut stream, "data: ").await.contains("12,408 waiting"));
    kiosk
        .status
        .send_modify(|status| status.backlog.value.entries = 7);
    let next = line(&mut stream, "data: ").await;
    assert!(next.contains("7 waiting"), "{next}");
    for path in ["/staff", "/staff/fragment", "/status"] {
        assert!(!kiosk.get(path, LOCAL).await.1.contains("Ada"), "{path}");
    }
}

#[tokio::test]
async fn streams_are_bounded_and_given_back() {
    let kiosk = kiosk(Settings {
        beat_ms: 20,
        ..Settings::default()
    })
    .await;
    let mut open = Vec::new();
    for at in 0..STREAMS_MAX {
        let path = if at % 2 == 0 {
            "GET /events"
        } else {
            "GET /staff/events"
        };
        let mut stream = kiosk.ask(path, LOCAL).await;
        line(&mut stream, "HTTP/1.1 200").await;
        open.push(stream);
    }
    let (code, answer) = kiosk.get("/events", LOCAL).await;
    assert_eq!(code, 503);
    assert!(answer.contains("retry-after"), "{answer}");
    open.clear();
    let freed = async {
        loop {
            let mut stream = kiosk.ask("GET /events", LOCAL).await;
            if line(&mut stream, "HTTP/1.1").await.contains("200") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, freed).await.unwrap();
}

#[tokio::test]
async fn health_is_recording_and_recent() {
    let kiosk = kiosk(Settings::default()).await;
    let check = async |state, as_of_ms, expected| {
        kiosk.status.send_modify(|status| {
            status.standing.state = state;
            status.as_of_ms = as_of_ms;
        });
        let (code, answer) = kiosk.get("/healthz", LOCAL).await;
        let body = answer.split("\r\n\r\n").nth(1).unwrap().trim().to_owned();
        assert_eq!((code, body.as_str()), expected);
    };
    check(KioskState::Recording, NOW_MS, (200, "recording")).await;
    check(KioskState::Silent, NOW_MS, (200, "silent")).await;
    check(KioskState::NotRecording, NOW_MS, (503, "not_recording")).await;
    check(
        KioskState::Recording,
        NOW_MS - STALE_AFTER_MS - 1,
        (503, "stale"),
    )
    .await;
}

#[tokio::test]
async fn what_the_camera_sees_is_for_this_machine_and_never_kept() {
    let peer = |address: &str| ConnectInfo::<SocketAddr>(format!("{address}:9").parse().unwrap());
    for (address, expected) in [
        ("127.0.0.1", true),
        ("127.8.8.8", true),
        ("[::1]", true),
        ("[::ffff:127.0.0.1]", true),
        ("192.0.2.7", false),
        ("[2001:db8::7]", false),
        ("[::ffff:192.0.2.7]", false),
    ] {
        assert_eq!(is_this_machine(Some(&peer(address))), expected, "{address}");
    }
    assert!(!is_this_machine(None), "whoever is not known is elsewhere");

    let blind = kiosk(Settings::default()).await;
    assert_eq!(blind.get("/camera.bmp", LOCAL).await.0, 404);
    let live = LiveView::default();
    let sees = kiosk_that_sees(Settings::default(), Some(live.clone())).await;
    assert_eq!(
        sees.get("/camera.bmp", LOCAL).await.0,
        503,
        "no frame comes"
    );
    assert_eq!(
        sees.get("/camera.bmp", "Host: kiosk.example\r\n").await.0,
        421
    );
    let grey = [128; 64 * 48];
    let frame = vision::Frame::new(&grey, 64, 48, 64).unwrap();
    let mut stream = sees.ask("GET /camera.bmp", LOCAL).await;
    let mut answer = Vec::new();
    let mut now_ms = 0;
    let whole = stream.read_to_end(&mut answer);
    tokio::pin!(whole);
    let mut frames = tokio::time::interval(Duration::from_millis(5));
    loop {
        tokio::select! {
            read = &mut whole => {
                read.unwrap();
                break;
            }
            _ = frames.tick() => {
                now_ms += 1_000;
                live.show(&frame, &[], now_ms);
            }
        }
    }
    let head = String::from_utf8_lossy(&answer[..400]).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(
        head.contains("content-type: image/bmp") && head.contains("cache-control: no-store"),
        "{head}"
    );
}
