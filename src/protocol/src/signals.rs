//! Scans into the signals that `attendance` decides on.
//!
//! The issuer's and the auditor's reading of a log are this one function, so both see the same signals.

use std::sync::Arc;

use attendance::time::{ClockHistory, Placed};
use attendance::words::{Kind, RoomId, Signal, SignalId, Source, Tick};

use crate::entry::{Entry, Scan};

/// A scan as a signal of presence, placed in time by what is known of its log's clock. `None` where it says nothing of
/// presence: repeats and revoked badges.
///
/// `rooms` are those the issuer says the door serves; where it says nothing, those the door itself wrote.
pub fn from_scan(
    log: &Arc<str>,
    index: u64,
    entry: &Entry,
    scan: &Scan,
    clock: &ClockHistory,
    rooms: Option<&[RoomId]>,
) -> Option<(Signal, Placed)> {
    if !scan.verdict.is_presence() {
        return None;
    }
    let placed = clock.place(index, &entry.stamp);
    let signal = Signal {
        id: SignalId {
            log: Arc::clone(log),
            index,
            row: None,
        },
        source: Source::Scan,
        kind: Kind::Crossing {
            direction: scan.direction,
            source: scan.direction_source,
        },
        rooms: rooms.map_or_else(|| scan.rooms.clone(), <[RoomId]>::to_vec),
        session: None,
        device: None,
        at: placed.at,
        quality: placed.quality,
        tick: Some(Tick {
            log: Arc::clone(log),
            segment: placed.segment,
            raw_ms: entry.stamp.raw_ms,
        }),
    };
    Some((signal, placed))
}
