//! A status with every field filled, for the tests of the page and the server.

use std::collections::BTreeMap;

use attendance::time::Sync;
use attendance::words::Verdict;
use protocol::entry::ReaderState;

use super::view::{
    Alarm, Backlog, ClockStatus, Dated, DeviceRow, DeviceStanding, DiskStatus, Enrolment,
    GpioStatus, LastRead, LinesStatus, ReaderStatus, ReceiptStatus, ScanRow, Standing, State,
    Status, SyncAttempt, SyncOutcome, TamperStatus, Versions,
};

/// 2026-05-04 08:02 UTC, 10:02 in Berlin.
pub(super) const NOW_MS: i64 = 1_777_881_720_000;

pub(super) fn status() -> Status {
    let dated_ms = NOW_MS - 3_000;
    Status {
        as_of_ms: dated_ms,
        standing: Standing {
            state: State::Recording,
            since_ms: NOW_MS - 240_000,
        },
        enrolment: Some(Enrolment {
            event: "Meeting <2026>".into(),
            door: "Hall 3 East".into(),
            kiosk_id: "hall-3-east".into(),
        }),
        readers: vec![ReaderStatus {
            name: "outside".into(),
            kind: "serial".into(),
            state: ReaderState::Attached,
            since_ms: NOW_MS - 5_400_000,
            last_event_ms: Some(NOW_MS - 4_000),
            rejected: BTreeMap::from([("too long".into(), 2), ("not text".into(), 0)]),
            advice: Some("Turn <suffix> on.".into()),
            why: None,
            last_read: Some(LastRead {
                at_ms: NOW_MS - 4_000,
                characters: 7,
                kinds: "AA-9999".into(),
                symbology: Some("QR code, ]Q1".into()),
            }),
        }],
        backlog: Dated {
            as_of_ms: dated_ms,
            value: Backlog {
                entries: 12_408,
                oldest_age_ms: Some(125_000),
                trend_5min: -40,
                drain_s: Some(70),
            },
        },
        last_receipt: Some(ReceiptStatus {
            size: 11_204,
            at_ms: NOW_MS - 8_000,
        }),
        last_sync: Some(SyncAttempt {
            at_ms: NOW_MS - 8_000,
            outcome: SyncOutcome::Refused,
            code: Some("size_held".into()),
        }),
        last_heard_ms: Some(NOW_MS - 8_000),
        last_scan_ms: Some(NOW_MS - 4_000),
        clock: Dated {
            as_of_ms: dated_ms,
            value: ClockStatus {
                sync: Sync::Synced,
                error_ms: Some(12),
                anchored: true,
                by_time_code: false,
                offset_ms: Some(-3),
            },
        },
        disk: Dated {
            as_of_ms: dated_ms,
            value: DiskStatus {
                free_bytes: 12_499_000_000,
                journal_bytes: 8_210,
            },
        },
        versions: Dated {
            as_of_ms: dated_ms,
            value: Versions {
                software: "0.1.0".into(),
                bundle_sequence: Some(14),
                bundle_issued_ms: Some(NOW_MS - 3_900_000),
                bundle_expires_ms: Some(NOW_MS + 172_800_000),
            },
        },
        scans: (0..30)
            .map(|at| ScanRow {
                at_ms: NOW_MS - 4_000 - at * 1_000,
                reader: "outside".into(),
                verdict: Verdict::UnknownBadge,
                entry: 500 - at.unsigned_abs(),
                short_code: Some("7QK4".into()),
            })
            .collect(),
        gpio: Some(GpioStatus {
            lines: vec![LinesStatus {
                lines: "outputs".into(),
                state: "busy".into(),
                trouble: Some("line 17 is used by \"spi0 <CS>\"".into()),
            }],
            tampers: vec![TamperStatus {
                name: "lid".into(),
                open: true,
                since_ms: NOW_MS - 60_000,
            }],
        }),
        alarms: vec![Alarm {
            code: "disk_low".into(),
            since_ms: NOW_MS - 60_000,
            next_step: "Change the card & restart.".into(),
        }],
    }
}

/// One device of each standing.
pub(super) fn devices() -> Vec<DeviceRow> {
    let row = |device: &str, standing, note: &str| DeviceRow {
        device: device.into(),
        standing,
        note: note.into(),
    };
    vec![
        row("attached keyboard", DeviceStanding::Other, "if it scans"),
        row("attached scanner", DeviceStanding::Read, "reader outside"),
        row("attached <port>", DeviceStanding::Unread, "add <it>"),
        row("attached camera", DeviceStanding::Blocked, "usermod <it>"),
    ]
}
