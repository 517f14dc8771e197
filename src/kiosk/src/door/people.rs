//! Who came by, packed: what replaying the journal leaves behind.

use std::collections::HashMap;
use std::sync::Arc;

use attendance::UtcMs;
use attendance::time::{BootId, ClockHistory, Placed, Stamp, Sync};
use attendance::words::{
    AttendeeId, Direction, DirectionSource, Kind, RoomId, Signal, SignalId, Source, Tick,
};
use protocol::badge::BadgeDigest;
use protocol::presence::PresenceRow;

/// The most scans of one attendee that a provisional decision is made on; beyond, none is made. The issuer takes them all.
const SIGNALS_MAX: usize = 256;

/// Who came by.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    attendees: HashMap<AttendeeId, Attendee>,
    last: HashMap<BadgeDigest, LastScan>,
    boots: Vec<BootId>,
    rooms: Vec<Vec<RoomId>>,
    told: HashMap<AttendeeId, (RoomId, UtcMs)>,
    /// How much of the log the issuer's word on presence rests on; 0 before it said anything.
    told_covers: u64,
}

#[derive(Clone, Debug, Default)]
struct Attendee {
    passes: Vec<Pass>,
    stay: Option<Stay>,
}

/// One scan, in the fewest bytes that give its signal again.
#[derive(Clone, Copy, Debug)]
struct Pass {
    index: u64,
    stamp: PackedStamp,
    direction: Direction,
    source: DirectionSource,
    rooms: u16,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PackedStamp {
    wall: UtcMs,
    raw_ms: u64,
    error_ms: Option<u32>,
    boot: u32,
    sync: Sync,
}

/// Where an attendee is by this door's own scans, since the entry at `index`; outside, without a room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stay {
    pub(super) index: u64,
    pub(super) stamp: PackedStamp,
    /// The rooms of the door that was passed; which of them it was, the agenda says.
    pub(super) rooms: Option<u16>,
}

/// A badge's last scan that counted.
#[derive(Clone, Debug)]
pub(super) struct LastScan {
    /// Of that scan, or of the last repeat of it.
    pub(super) stamp: Stamp,
    pub(super) direction: Direction,
    pub(super) source: DirectionSource,
    /// Since when its holder is where they are.
    pub(super) since: UtcMs,
}

impl People {
    pub(super) fn last_scan(&self, badge: BadgeDigest) -> Option<&LastScan> {
        self.last.get(&badge)
    }

    pub(super) fn again(&mut self, badge: BadgeDigest, stamp: &Stamp) {
        if let Some(last) = self.last.get_mut(&badge) {
            last.stamp = stamp.clone();
        }
    }

    pub(super) fn scanned(
        &mut self,
        badge: BadgeDigest,
        stamp: &Stamp,
        (direction, source): (Direction, DirectionSource),
        at: UtcMs,
        stays_on: bool,
    ) {
        // A check-in of somebody who is in already moves nothing, so they are in since the first; likewise out.
        let since = match self.last.get(&badge) {
            Some(last)
                if last.direction == direction && (direction == Direction::In) == stays_on =>
            {
                last.since
            }
            _ => at,
        };
        let last = LastScan {
            stamp: stamp.clone(),
            direction,
            source,
            since,
        };
        self.last.insert(badge, last);
    }

    pub(super) fn passed(
        &mut self,
        attendee: &AttendeeId,
        index: u64,
        stamp: &Stamp,
        (direction, source): (Direction, DirectionSource),
        rooms: &[RoomId],
        stays_on: bool,
    ) {
        let list = self.rooms_number(rooms);
        let stamp = self.pack(stamp);
        let attendee = self.attendees.entry(attendee.clone()).or_default();
        // One more than the most is kept, to know that there were more.
        if attendee.passes.len() <= SIGNALS_MAX {
            attendee.passes.push(Pass {
                index,
                stamp,
                direction,
                source,
                rooms: list,
            });
        }
        match direction {
            // Somebody who is in already is in since then.
            Direction::In if !stays_on => {
                attendee.stay = Some(Stay {
                    index,
                    stamp,
                    rooms: Some(list),
                });
            }
            Direction::Out => {
                attendee.stay = Some(Stay {
                    index,
                    stamp,
                    rooms: None,
                });
            }
            Direction::In | Direction::Seen => {}
        }
    }

    pub(super) fn stay(&self, attendee: &AttendeeId) -> Option<Stay> {
        self.attendees.get(attendee)?.stay
    }

    pub(super) fn stays(&self) -> impl Iterator<Item = (&AttendeeId, Stay)> {
        let stays = self.attendees.iter();
        stays.filter_map(|(attendee, known)| Some((attendee, known.stay?)))
    }

    pub(super) fn inside(&self) -> usize {
        let inside = |a: &&Attendee| a.stay.is_some_and(|stay| stay.rooms.is_some());
        self.attendees.values().filter(inside).count()
    }

    pub(super) fn rooms(&self, list: u16) -> &[RoomId] {
        &self.rooms[usize::from(list)]
    }

    pub(super) fn tell(&mut self, rows: Vec<PresenceRow>, covers: u64) {
        let rows = rows.into_iter();
        self.told = rows
            .map(|row| (row.attendee, (row.room, row.since)))
            .collect();
        self.told_covers = covers;
    }

    /// The issuer's word alone.
    pub(super) fn forgotten(&mut self) -> Self {
        Self {
            told: std::mem::take(&mut self.told),
            told_covers: self.told_covers,
            ..Self::default()
        }
    }

    pub(super) fn told(&self, attendee: &AttendeeId) -> Option<(RoomId, UtcMs)> {
        self.told.get(attendee).cloned()
    }

    /// Whether the issuer knew of this entry when it last said who is inside.
    pub(super) fn left_elsewhere(&self, index: u64) -> bool {
        index < self.told_covers
    }

    /// An attendee's scans as signals; `None` where there are more than are decided on here.
    pub(super) fn signals(
        &self,
        attendee: &AttendeeId,
        log: &Arc<str>,
        clock: &ClockHistory,
    ) -> Option<Vec<Signal>> {
        let passes = match self.attendees.get(attendee) {
            Some(attendee) => attendee.passes.as_slice(),
            None => &[],
        };
        if passes.len() >= SIGNALS_MAX {
            return None;
        }
        let signals = passes.iter().map(|pass| {
            let stamp = self.stamp(pass.stamp);
            let placed = clock.place(pass.index, &stamp);
            Signal {
                rooms: self.rooms[usize::from(pass.rooms)].clone(),
                ..signal(log, pass.index, &stamp, placed, pass.direction, pass.source)
            }
        });
        Some(signals.collect())
    }

    pub(super) fn stamp(&self, packed: PackedStamp) -> Stamp {
        let boot = usize::try_from(packed.boot).unwrap_or(usize::MAX);
        Stamp {
            wall: packed.wall,
            boot: self.boots[boot].clone(),
            raw_ms: packed.raw_ms,
            sync: packed.sync,
            error_ms: packed.error_ms,
        }
    }

    fn pack(&mut self, stamp: &Stamp) -> PackedStamp {
        let known = self.boots.iter().rposition(|boot| *boot == stamp.boot);
        let boot = known.unwrap_or_else(|| {
            self.boots.push(stamp.boot.clone());
            self.boots.len() - 1
        });
        PackedStamp {
            wall: stamp.wall,
            raw_ms: stamp.raw_ms,
            error_ms: stamp.error_ms,
            boot: u32::try_from(boot).expect("a log has fewer boots than entries fit a disk"),
            sync: stamp.sync,
        }
    }

    fn rooms_number(&mut self, rooms: &[RoomId]) -> u16 {
        let known = self.rooms.iter().rposition(|list| list == rooms);
        let number = known.unwrap_or_else(|| {
            self.rooms.push(rooms.to_vec());
            self.rooms.len() - 1
        });
        u16::try_from(number).expect("a door changes its rooms by bundles, of which there are few")
    }

    /// What decisions rest on, in an order of its own, for comparing.
    #[cfg(test)]
    pub(super) fn facts(&self) -> Vec<String> {
        let mut facts: Vec<String> = Vec::new();
        for (attendee, known) in &self.attendees {
            facts.push(format!("{attendee} {known:?}"));
        }
        for (badge, last) in &self.last {
            facts.push(format!("{badge} {last:?}"));
        }
        facts.sort();
        facts
    }

    /// Attendees who came by.
    #[cfg(test)]
    pub(super) fn known(&self) -> std::collections::BTreeSet<AttendeeId> {
        self.attendees.keys().cloned().collect()
    }
}

/// A scan as a signal, without its rooms.
pub(super) fn signal(
    log: &Arc<str>,
    index: u64,
    stamp: &Stamp,
    placed: Placed,
    direction: Direction,
    direction_source: DirectionSource,
) -> Signal {
    Signal {
        id: SignalId {
            log: Arc::clone(log),
            index,
            row: None,
        },
        source: Source::Scan,
        kind: Kind::Crossing {
            direction,
            source: direction_source,
        },
        rooms: Vec::new(),
        session: None,
        device: None,
        at: placed.at,
        quality: placed.quality,
        tick: Some(Tick {
            log: Arc::clone(log),
            segment: placed.segment,
            raw_ms: stamp.raw_ms,
        }),
    }
}
