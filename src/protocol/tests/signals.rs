//! Scans as signals: which of them are any, and what a signal takes from the entry and from the issuer.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use attendance::time::{ClockHistory, TimePolicy};
use attendance::words::{Direction, DirectionSource, Kind, RoomId, Source, Verdict};
use protocol::entry::{self, Body, Entry, Scan};
use protocol::signals::from_scan;

const ENTRIES: &str = include_str!("../golden/entries.ndjson");

/// The first scan of the golden entries with another verdict.
fn scanned(verdict: Verdict) -> (Entry, Scan) {
    let mut entries = ENTRIES.lines().map(|l| entry::parse(l.as_bytes()).unwrap());
    let entry = entries
        .find(|entry| matches!(entry.body, Body::Scan(_)))
        .unwrap();
    let Body::Scan(scan) = &entry.body else {
        panic!()
    };
    let scan = Scan {
        verdict,
        ..(**scan).clone()
    };
    (entry, scan)
}

#[test]
fn repeats_and_revoked_badges_say_nothing_of_presence_and_all_others_do() {
    let check = |verdict: Verdict, is_signal: bool| {
        let (entry, scan) = scanned(verdict);
        let clock = ClockHistory::new(TimePolicy::default());
        let signal = from_scan(&Arc::from("log"), 4, &entry, &scan, &clock, None);
        assert_eq!(signal.is_some(), is_signal, "{verdict}");
    };
    check(Verdict::CheckedIn, true);
    check(Verdict::CheckedOut, true);
    check(Verdict::NoSession, true);
    check(Verdict::NotRegistered, true);
    check(Verdict::UnknownBadge, true);
    check(Verdict::Repeat, false);
    check(Verdict::RevokedBadge, false);
}

#[test]
fn a_signal_is_the_scan_placed_in_time_in_the_rooms_that_the_issuer_says() {
    let (entry, scan) = scanned(Verdict::CheckedOut);
    let clock = ClockHistory::new(TimePolicy::default());
    let log: Arc<str> = Arc::from("log");
    let rooms = |names: &[&str]| -> Vec<RoomId> {
        names
            .iter()
            .map(|name| RoomId::new(name).unwrap())
            .collect()
    };
    let annex = rooms(&["annex"]);
    for (said, in_signal) in [
        (None, rooms(&["hall", "foyer"])),
        (Some(annex.as_slice()), annex.clone()),
        (Some(&[][..]), Vec::new()),
    ] {
        let (signal, placed) = from_scan(&log, 4, &entry, &scan, &clock, said).unwrap();
        assert_eq!(placed, clock.place(4, &entry.stamp));
        assert_eq!((&*signal.id.log, signal.id.index), ("log", 4));
        assert_eq!(signal.id.row, None);
        assert_eq!(signal.source, Source::Scan);
        assert_eq!(signal.rooms, in_signal);
        let kind = Kind::Crossing {
            direction: Direction::Out,
            source: DirectionSource::Toggled,
        };
        assert_eq!(signal.kind, kind);
        assert_eq!((signal.session, signal.device), (None, None));
        assert_eq!((signal.at, signal.quality), (placed.at, placed.quality));
        let tick = signal.tick.unwrap();
        assert_eq!(
            (&*tick.log, tick.segment, tick.raw_ms),
            ("log", placed.segment, entry.stamp.raw_ms)
        );
    }
}
