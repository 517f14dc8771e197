//! Who came by, packed: what replaying the journal leaves behind.

use std::collections::HashMap;
use std::sync::Arc;

use attendance::UtcMs;
use attendance::time::{BootId, ClockHistory, Interval, Placed, Stamp, Sync};
use attendance::words::{
    AttendeeId, Direction, DirectionSource, Kind, RoomId, Signal, SignalId, Source, Tick,
};
use protocol::badge::BadgeDigest;
use protocol::entry::{Prior, PriorSource};
use protocol::presence::PresenceRow;
use protocol::told::from_prior;

/// The most scans of one attendee that a provisional decision is made on; beyond, none is made. The issuer takes them all.
const SIGNALS_MAX: usize = 256;

/// Who came by.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    attendees: HashMap<AttendeeId, Known>,
    /// Those whose signed ticket the roster does not list.
    bearers: HashMap<BadgeDigest, Known>,
    last: HashMap<BadgeDigest, LastScan>,
    boots: Vec<BootId>,
    rooms: Vec<Vec<RoomId>>,
    told: HashMap<AttendeeId, (RoomId, UtcMs)>,
    /// How much of the log the issuer's word on presence rests on; 0 before it said anything.
    told_covers: u64,
}

/// Somebody, by the badge and by whose it is, where the roster says so. What their ticket did before the roster listed it is theirs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Who<'a> {
    pub(super) badge: BadgeDigest,
    pub(super) attendee: Option<&'a AttendeeId>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    passes: Vec<Pass>,
    stay: Option<Stay>,
    /// What the issuer was known to have said at scans, by their indices: rare, so beside them.
    told: Vec<(u64, Prior)>,
}

/// What happened at a door when somebody passed it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing<'a> {
    pub(super) direction: Direction,
    pub(super) source: DirectionSource,
    pub(super) rooms: &'a [RoomId],
    /// Whether the door believed them inside by its own scans.
    pub(super) stays_on: bool,
    /// What the issuer said of them that the door's own scans do not.
    pub(super) told: Option<&'a Prior>,
}

/// What this door knows of somebody, as signals to decide on.
#[derive(Clone, Debug, Default)]
pub(super) struct Knowledge {
    /// Their scans here, and what the issuer told, in the order of the log.
    pub(super) signals: Vec<Signal>,
    /// Whether the issuer's word leaves open when they left.
    pub(super) has_gap: bool,
    /// When the issuer's word was used of which nobody knows since when it holds.
    pub(super) undated: Vec<Interval>,
}

/// One scan, in the fewest bytes that give its signal again.
#[derive(Clone, Copy, Debug)]
struct Pass {
    index: u64,
    stamp: PackedStamp,
    direction: Direction,
    source: DirectionSource,
    rooms: u16,
    /// The passing since which they were where they were before this one, to which they return if this one is taken back.
    before: Option<u64>,
}

impl Pass {
    /// Where somebody is since this passing.
    fn stay(&self) -> Stay {
        Stay {
            index: self.index,
            stamp: self.stamp,
            rooms: (self.direction == Direction::In).then_some(self.rooms),
        }
    }
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
    /// The entry of that scan.
    pub(super) index: u64,
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
        (badge, index): (BadgeDigest, u64),
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
            index,
            stamp: stamp.clone(),
            direction,
            source,
            since,
        };
        self.last.insert(badge, last);
    }

    /// Takes a passing: of an attendee, or of whoever bears a signed ticket.
    pub(super) fn passed(&mut self, who: Who<'_>, index: u64, stamp: &Stamp, passing: Passing<'_>) {
        let list = self.rooms_number(passing.rooms);
        let stamp = self.pack(stamp);
        let known = match who.attendee {
            Some(attendee) => self.attendees.entry(attendee.clone()).or_default(),
            None => self.bearers.entry(who.badge).or_default(),
        };
        let pass = Pass {
            index,
            stamp,
            direction: passing.direction,
            source: passing.source,
            rooms: list,
            before: known.stay.map(|stay| stay.index),
        };
        // One more than the most is kept, to know that there were more.
        if known.passes.len() <= SIGNALS_MAX {
            known.passes.push(pass);
            known
                .told
                .extend(passing.told.map(|told| (index, told.clone())));
        }
        match passing.direction {
            // Somebody who is in already is in since then.
            Direction::In if passing.stays_on => {}
            Direction::In | Direction::Out => known.stay = Some(pass.stay()),
            Direction::Seen => {}
        }
    }

    /// The newest scan of somebody, if it can be taken back: its index and stamp.
    pub(super) fn newest(&self, who: Who<'_>) -> Option<(u64, Stamp)> {
        let known = self.known_of(who);
        let newest = known
            .filter(|known| known.passes.len() <= SIGNALS_MAX)
            .filter_map(|known| known.passes.last());
        let newest = newest.max_by_key(|pass| pass.index)?;
        Some((newest.index, self.stamp(newest.stamp)))
    }

    /// Forgets the newest scan of whoever it is of: they are where they were, and their badge can be scanned at once.
    pub(super) fn take_back(&mut self, index: u64) {
        let all = self.attendees.values_mut().chain(self.bearers.values_mut());
        for known in all {
            if let Some(taken) = known.passes.pop_if(|pass| pass.index == index) {
                known.told.retain(|(of, _)| *of != index);
                let before = known
                    .passes
                    .iter()
                    .find(|pass| Some(pass.index) == taken.before);
                known.stay = before.map(Pass::stay);
            }
        }
        self.last.retain(|_, last| last.index != index);
    }

    /// What is known of somebody: as an attendee, and as the bearer of the ticket.
    fn known_of(&self, who: Who<'_>) -> impl Iterator<Item = &Known> {
        let attendee = who
            .attendee
            .and_then(|attendee| self.attendees.get(attendee));
        attendee.into_iter().chain(self.bearers.get(&who.badge))
    }

    pub(super) fn stay(&self, who: Who<'_>) -> Option<Stay> {
        let stays = self.known_of(who).filter_map(|known| known.stay);
        stays.max_by_key(|stay| stay.index)
    }

    /// Whether a scan of theirs here read this on the wall clock: the issuer's word of it says nothing new.
    pub(super) fn passed_at(&self, who: Who<'_>, wall: UtcMs) -> bool {
        self.known_of(who)
            .any(|known| known.passes.iter().any(|pass| pass.stamp.wall == wall))
    }

    pub(super) fn stays(&self) -> impl Iterator<Item = (&AttendeeId, Stay)> {
        let stays = self.attendees.iter();
        stays.filter_map(|(attendee, known)| Some((attendee, known.stay?)))
    }

    pub(super) fn inside(&self) -> usize {
        let known = self.attendees.values().chain(self.bearers.values());
        let inside = |known: &&Known| known.stay.is_some_and(|stay| stay.rooms.is_some());
        known.filter(inside).count()
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

    /// Somebody's scans as signals, with what the issuer told; `None` where there are more than are decided on here.
    pub(super) fn knowledge(
        &self,
        who: Who<'_>,
        log: &Arc<str>,
        clock: &ClockHistory,
    ) -> Option<Knowledge> {
        let known: Vec<&Known> = self.known_of(who).collect();
        let mut passes: Vec<&Pass> = known.iter().flat_map(|known| &known.passes).collect();
        if passes.len() >= SIGNALS_MAX {
            return None;
        }
        passes.sort_unstable_by_key(|pass| pass.index);
        let signal = |pass: &&Pass| {
            let stamp = self.stamp(pass.stamp);
            let placed = clock.place(pass.index, &stamp);
            Signal {
                rooms: self.rooms[usize::from(pass.rooms)].clone(),
                ..signal(log, pass.index, &stamp, placed, pass.direction, pass.source)
            }
        };
        let mut knowledge = Knowledge {
            signals: passes.iter().map(signal).collect(),
            ..Knowledge::default()
        };
        let own: Vec<Signal> = knowledge.signals.clone();
        for (index, told) in known.iter().flat_map(|known| &known.told) {
            if let Some(scan) = own.iter().find(|signal| signal.id.index == *index) {
                knowledge.hear(log, &own, *index, told, (&scan.rooms, scan.at));
            }
        }
        Some(knowledge)
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
        for (badge, known) in &self.bearers {
            facts.push(format!("{badge} {known:?}"));
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

impl Knowledge {
    /// Takes what the issuer was known to have said at a scan; `own` are the door's own signals.
    pub(super) fn hear(
        &mut self,
        log: &str,
        own: &[Signal],
        index: u64,
        told: &Prior,
        (rooms, at): (&[RoomId], Interval),
    ) {
        let superseded = own
            .iter()
            .find(|signal| Some(signal.id.index) == told.index);
        let signals = from_prior(log, index, told, rooms, at, superseded.map(|own| own.at));
        self.has_gap |= signals
            .iter()
            .any(|signal| signal.direction() == Direction::Out);
        let is_issuers = told.source == PriorSource::Issuer;
        if is_issuers && told.room.is_some() && told.since.is_none() {
            self.undated.push(at);
        }
        self.signals.extend(signals);
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
