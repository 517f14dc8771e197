//! Serves every state of the two pages for looking at: `cargo run -p kiosk --example screens -- 8090`.
//!
//! Each state is a page of its own, one port after the other; the list on standard output says which.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use attendance::Decimal;
use attendance::time::Sync;
use attendance::words::{Direction, Verdict};
use chrono_tz::Europe::Berlin;
use kiosk::screen::devices::Look;
use kiosk::screen::look::Panel;
use kiosk::screen::server::{EventInfo, Handle, Settings, router};
use kiosk::screen::view::{
    Alarm, Answer, Backlog, ClockStatus, Credit, Dated, DeviceRow, DeviceStanding, DiskStatus,
    Enrolment, Face, LastRead, Minutes, Provisional, ReaderStatus, ReceiptStatus, ScanRow,
    StaffAnswer, Standing, State, Status, SyncAttempt, SyncOutcome, TimeAnswer, Versions,
};
use protocol::entry::ReaderState;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Three screens people hang at doors.
const PANELS: [(&str, Panel); 4] = [
    (
        "7in",
        Panel {
            width_mm: 154.08,
            height_mm: 92.448,
        },
    ),
    (
        "pi7in",
        Panel {
            width_mm: 154.08,
            height_mm: 85.92,
        },
    ),
    ("10in", Panel::TEN_INCH),
    (
        "15in",
        Panel {
            width_mm: 344.16,
            height_mm: 193.59,
        },
    ),
];

fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

fn answer(verdict: Verdict) -> Answer {
    Answer {
        verdict,
        direction: if verdict == Verdict::CheckedOut {
            Direction::Out
        } else {
            Direction::In
        },
        since_ms: Some(wall_ms() - 2_520_000),
        name: None,
        provisional: None,
        language: None,
        short_code: Some("7QK4".to_owned()),
    }
}

fn named(verdict: Verdict, name: &str, language: &str) -> Face {
    Face::Result(Answer {
        name: Some(name.to_owned()),
        language: Some(language.to_owned()),
        provisional: Some(Provisional {
            minutes: Some(Minutes {
                present: 42,
                of: 50,
            }),
            credit: if verdict == Verdict::CheckedOut {
                Credit::SoFar(Decimal::ONE)
            } else {
                Credit::OnTrack(Decimal::ONE)
            },
        }),
        ..answer(verdict)
    })
}

fn faces() -> Vec<(&'static str, Face)> {
    let idle = |direction| Face::Idle {
        direction,
        clock_ok: true,
    };
    let long = "Maria Magdalena Wilhelmine von Hohenstein-Schwarzenbergstein";
    let mut faces = vec![
        ("idle-in", idle(Some(Direction::In))),
        ("idle-out", idle(Some(Direction::Out))),
        ("idle-either", idle(None)),
        ("not-set-up", Face::NotSetUp),
        ("time-set", Face::Time(TimeAnswer::Set { at_ms: wall_ms() })),
        ("time-old", Face::Time(TimeAnswer::Old)),
        ("time-not-ours", Face::Time(TimeAnswer::NotOurs)),
        ("time-unreadable", Face::Time(TimeAnswer::Unreadable)),
        (
            "failure",
            Face::Failure {
                code: "DISK-FULL".to_owned(),
            },
        ),
        ("in-latin", named(Verdict::CheckedIn, "Ada", "en")),
        ("in-german", named(Verdict::CheckedIn, "Jürgen", "de")),
        ("in-nameless", Face::Result(answer(Verdict::CheckedIn))),
        ("in-japanese", named(Verdict::CheckedIn, "直子 田中", "ja")),
        ("in-chinese", named(Verdict::CheckedIn, "张伟", "zh-Hans")),
        (
            "in-arabic",
            named(Verdict::CheckedIn, "محمد عبد الله", "ar"),
        ),
        (
            "in-devanagari",
            named(Verdict::CheckedIn, "श्रीकृष्ण त्रिपाठी", "hi"),
        ),
        ("in-long", named(Verdict::CheckedIn, long, "en")),
        ("out", named(Verdict::CheckedOut, "Ada Lovelace", "en")),
        ("out-german", named(Verdict::CheckedOut, "Jürgen", "de")),
        ("repeat", named(Verdict::Repeat, "Ada", "en")),
        ("repeat-german", named(Verdict::Repeat, "Jürgen", "de")),
    ];
    let attention = [
        ("unknown", Verdict::UnknownBadge),
        ("revoked", Verdict::RevokedBadge),
        ("not-registered", Verdict::NotRegistered),
        ("no-session", Verdict::NoSession),
    ];
    faces.extend(attention.map(|(name, verdict)| (name, Face::Result(answer(verdict)))));
    faces.extend(
        StaffAnswer::ALL
            .iter()
            .map(|said| (said.code(), Face::Staff(*said))),
    );
    faces
}

fn devices() -> Vec<DeviceRow> {
    let row = |device: &str, standing, note: &str| DeviceRow {
        device: device.to_owned(),
        standing,
        note: note.to_owned(),
    };
    vec![
        row(
            "0c2e:0b61 Scanner, serial S1, socket 1-1.2, /dev/ttyACM0 (serial)",
            DeviceStanding::Read,
            "reader outside",
        ),
        row(
            "1eab:8203 Scanner, socket 1-1.3, /dev/hidraw0 (point of sale)",
            DeviceStanding::Unread,
            "no [[reader]] names it; add kind = \"hid\", vendor = 0x1eab, product = 0x8203",
        ),
        row(
            "046d:c31c Keyboard, socket 1-1.4, /dev/hidraw1 (types)",
            DeviceStanding::Other,
            "no [[reader]] names it; if it is to read badges, add kind = \"hid\", vendor = 0x046d, product = 0xc31c",
        ),
    ]
}

fn status(good: bool) -> Status {
    let now = wall_ms();
    let dated = |ago_ms| now - ago_ms;
    let reader = |name: &str, kind: &str, state, last_ago_ms| ReaderStatus {
        name: name.to_owned(),
        kind: kind.to_owned(),
        state,
        since_ms: dated(5_400_000),
        last_event_ms: Some(dated(last_ago_ms)),
        rejected: BTreeMap::from([("too long".to_owned(), 2), ("not text".to_owned(), 1)]),
        why: matches!(state, ReaderState::Lost)
            .then(|| "/dev/hidraw0 may not be opened; are the udev rules installed?".to_owned()),
        advice: Some("longer than any badge; does the scanner end its codes?".to_owned()),
        last_read: matches!(state, ReaderState::Attached).then(|| LastRead {
            at_ms: dated(last_ago_ms),
            characters: 10,
            kinds: "AAA-999999".to_owned(),
            symbology: Some("QR code, ]Q1".to_owned()),
        }),
    };
    let verdicts = Verdict::ALL.iter().cycle().zip(0..20_u32);
    let scan = |(verdict, at): (&Verdict, u32)| ScanRow {
        at_ms: dated(4_000 + i64::from(at) * 17_300),
        reader: if at % 3 == 0 { "inside" } else { "outside" }.to_owned(),
        verdict: *verdict,
        entry: u64::from(12_408 - at),
        short_code: (at % 7 > 2).then(|| format!("7QK{at}")),
    };
    Status {
        as_of_ms: now,
        standing: Standing {
            state: if good {
                State::Recording
            } else {
                State::QueueGrowing
            },
            since_ms: dated(240_000),
        },
        enrolment: Some(Enrolment {
            event: "Annual Meeting of Internal Medicine 2026".to_owned(),
            door: "Hall 3 East".to_owned(),
            kiosk_id: "hall-3-east".to_owned(),
        }),
        readers: vec![
            reader("outside", "serial", ReaderState::Attached, 4_000),
            reader(
                "inside",
                "hid",
                if good {
                    ReaderState::Attached
                } else {
                    ReaderState::Lost
                },
                410_000,
            ),
        ],
        backlog: Dated {
            as_of_ms: now,
            value: Backlog {
                entries: if good { 0 } else { 1_204 },
                oldest_age_ms: (!good).then_some(2_710_000),
                trend_5min: if good { 0 } else { 212 },
                drain_s: None,
            },
        },
        last_receipt: Some(ReceiptStatus {
            size: 11_204,
            at_ms: dated(if good { 8_000 } else { 2_720_000 }),
        }),
        last_sync: Some(SyncAttempt {
            at_ms: dated(8_000),
            outcome: if good {
                SyncOutcome::Ok
            } else {
                SyncOutcome::Unreachable
            },
            code: (!good).then(|| "connection refused".to_owned()),
        }),
        last_heard_ms: Some(dated(if good { 8_000 } else { 2_720_000 })),
        last_scan_ms: Some(dated(4_000)),
        clock: Dated {
            as_of_ms: now,
            value: ClockStatus {
                sync: if good { Sync::Synced } else { Sync::Holdover },
                error_ms: Some(12),
                anchored: true,
                by_time_code: false,
                offset_ms: Some(-3),
            },
        },
        disk: Dated {
            as_of_ms: dated(if good { 20_000 } else { 80_000 }),
            value: DiskStatus {
                free_bytes: 12_430_000_000,
                journal_bytes: 8_210_000,
            },
        },
        versions: Dated {
            as_of_ms: now,
            value: Versions {
                software: env!("CARGO_PKG_VERSION").to_owned(),
                bundle_sequence: Some(14),
                bundle_issued_ms: Some(dated(3_900_000)),
                bundle_expires_ms: Some(now + 172_800_000),
            },
        },
        scans: verdicts.map(scan).collect(),
        gpio: None,
        alarms: if good {
            Vec::new()
        } else {
            vec![Alarm {
                code: "reader_lost".to_owned(),
                since_ms: dated(410_000),
                next_step: "Plug the reader \"inside\" in again, or use the other one.".to_owned(),
            }]
        },
    }
}

/// Serves one state for ever on the given port.
async fn serve(port: u16, panel: Panel, face: Face, status: Status) -> Result<(), Box<dyn Error>> {
    let (_face, face) = watch::channel(face);
    let (_status, status) = watch::channel(status);
    let (_info, info) = watch::channel(EventInfo {
        kiosk: "Hall 3 East".to_owned(),
        languages: vec!["en".to_owned(), "de".to_owned()],
        time_zone: Berlin,
    });
    let settings = Settings {
        panel,
        ..Settings::default()
    };
    let pages = router(Handle {
        face,
        status,
        info,
        live: None,
        look: Look::new(devices),
        settings,
        wall_ms,
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, pages).await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut port: u16 = match std::env::args().nth(1) {
        Some(port) => port.parse()?,
        None => 8090,
    };
    let local = tokio::task::LocalSet::new();
    let mut start = |name: String, panel: Panel, face: Face, status: Status| {
        println!("http://127.0.0.1:{port} {name}");
        let at = port;
        local.spawn_local(async move {
            if let Err(error) = serve(at, panel, face, status).await {
                eprintln!("port {at}: {error}");
            }
        });
        port += 1;
    };
    for (panel_name, panel) in PANELS {
        for (name, face) in faces() {
            start(format!("{panel_name}-{name}"), panel, face, status(true));
        }
    }
    start(
        "bad".to_owned(),
        Panel::TEN_INCH,
        Face::NotSetUp,
        status(false),
    );
    local.await;
    Ok(())
}
