//! Signs that a badge was not with its holder: cases for a reviewer, never decisions.
//!
//! Contract: pure. A sign says what the scans show whichever way their clocks were wrong; what it means, a person says.
//!
//! - **Pairs** ([`Pairs`]): two badges pass one reader seconds apart, the same way, again and again. A joint passing is two scans of one boot of
//!   one log at most [`Limits::pair_within_ms`] apart on its raw clock, so no wrong clock makes one. Joint passings of one log less than
//!   [`Limits::pair_apart_ms`] apart are one occasion. A sign needs [`Limits::pair_occasions`] of them, and that they are
//!   [`Limits::pair_share_per_cent`] of the passings of whichever of the two passed less often. So people who queue together twice, or who meet
//!   in a few queues of many, make none; friends who are never apart all day do, and a reviewer sends them away. Somebody and the badge that
//!   was granted to them as an assistant's make none.
//! - **Places** ([`places`]): one person's badges at doors of rooms that are no part of each other, surely less than [`Limits::walk_ms`] apart;
//!   or they come into one room and then another, leave the first and then the other, each surely after the one before: then they were in both.
//!   Toggled directions, doors of several rooms and scans that can have been in another order say nothing.
//!
//! Limits: the raw clock stands still while a kiosk is suspended, so scans around a suspend may seem near.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use attendance::time::BootId;
use attendance::words::{
    AttendeeId, Direction, DirectionSource, Kind, RoomId, Signal, SignalId, Source,
};
use protocol::ledger::SignKind;

/// The most pairs that are followed: some 60 MB. When there are so many, those seen together once are forgotten, which one queue behind
/// another leaves in masses; where none is, no new ones are followed.
pub const MAX_PAIRS: usize = 200_000;
/// The most scans that one sign names, the first.
pub const MAX_EVIDENCE: usize = 64;
/// The most scans of a log within one window.
const MAX_RECENT: usize = 64;
/// The most crossings of one person that are looked at.
const MAX_CROSSINGS: usize = 2_000;

/// When something is a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How far apart two scans of a joint passing are at most.
    pub pair_within_ms: u64,
    /// How far apart joint passings of one log are at least, to be two occasions.
    pub pair_apart_ms: u64,
    /// How many occasions make a sign.
    pub pair_occasions: u32,
    /// Which share of the passings of the one who passed less often they must be.
    pub pair_share_per_cent: u32,
    /// What nobody walks in from one room to another.
    pub walk_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pair_within_ms: 3_000,
            pair_apart_ms: 300_000,
            pair_occasions: 6,
            pair_share_per_cent: 80,
            walk_ms: 15_000,
        }
    }
}

/// A sign, with the scans that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// What it is of.
    pub about: SignKind,
    /// Whose badges: two by id, or one.
    pub attendees: Vec<AttendeeId>,
    /// How many times it was seen.
    pub times: u32,
    /// The scans, by id, each once; at most [`MAX_EVIDENCE`].
    pub evidence: Vec<SignalId>,
}

/// One passing of a known badge, as a log has it.
#[derive(Clone, Debug)]
pub struct Passing {
    /// Whose badge.
    pub attendee: AttendeeId,
    /// The log.
    pub log: Arc<str>,
    /// The entry's index there.
    pub index: u64,
    /// The boot whose raw clock stamped it.
    pub boot: BootId,
    /// The raw clock in milliseconds.
    pub raw_ms: u64,
    /// Which way.
    pub direction: Direction,
}

impl Passing {
    fn id(&self) -> SignalId {
        self.id_of(self.index)
    }

    /// An entry of the same log.
    pub fn id_of(&self, index: u64) -> SignalId {
        SignalId {
            log: Arc::clone(&self.log),
            index,
            row: None,
        }
    }
}

/// Two people, by id.
pub type Pair = (AttendeeId, AttendeeId);

#[derive(Debug, Default)]
struct Together {
    occasions: u32,
    /// The newest occasion of each log: its boot and raw clock.
    newest: BTreeMap<Arc<str>, (BootId, u64)>,
    /// The lowest ids, so that they are the same in whatever order logs are read.
    evidence: BTreeSet<SignalId>,
}

/// Who passed with whom so far. It grows with each passing, and what it says does not depend on how logs were read between each other.
#[derive(Debug, Default)]
pub struct Pairs {
    recent: BTreeMap<Arc<str>, VecDeque<Passing>>,
    passings: BTreeMap<AttendeeId, u32>,
    together: BTreeMap<Pair, Together>,
}

impl Pairs {
    /// Takes the next passing of its log. Gives the pairs that it is a joint passing of.
    pub fn take(&mut self, passing: Passing, limits: Limits) -> Vec<Pair> {
        let count = self.passings.entry(passing.attendee.clone()).or_default();
        *count = count.saturating_add(1);
        let recent = self.recent.entry(Arc::clone(&passing.log)).or_default();
        let is_near = |held: &Passing| {
            let apart = passing.raw_ms.checked_sub(held.raw_ms);
            held.boot == passing.boot && apart.is_some_and(|ms| ms <= limits.pair_within_ms)
        };
        recent.retain(is_near);
        let mut pairs = Vec::new();
        for other in recent.iter() {
            if other.attendee == passing.attendee || other.direction != passing.direction {
                continue;
            }
            let pair = sorted(&other.attendee, &passing.attendee);
            if !self.together.contains_key(&pair) && !has_room(&mut self.together) {
                continue;
            }
            let together = self.together.entry(pair.clone()).or_default();
            together.note(other, &passing, limits);
            pairs.push(pair);
        }
        if recent.len() >= MAX_RECENT {
            recent.pop_front();
        }
        recent.push_back(passing);
        pairs
    }

    /// The sign that a pair makes, if it makes one.
    pub fn sign(&self, pair: &Pair, limits: Limits) -> Option<Sign> {
        let together = self.together.get(pair)?;
        let passings = |who: &AttendeeId| self.passings.get(who).copied().unwrap_or(0);
        let fewer = u64::from(passings(&pair.0).min(passings(&pair.1)));
        let has_share =
            u64::from(together.occasions) * 100 >= fewer * u64::from(limits.pair_share_per_cent);
        if together.occasions < limits.pair_occasions || !has_share {
            return None;
        }
        Some(Sign {
            about: SignKind::Pair,
            attendees: vec![pair.0.clone(), pair.1.clone()],
            times: together.occasions,
            evidence: together.evidence.iter().cloned().collect(),
        })
    }

    /// Every pair that makes a sign, by id.
    pub fn signs(&self, limits: Limits) -> Vec<Sign> {
        let pairs = self.together.keys();
        pairs.filter_map(|pair| self.sign(pair, limits)).collect()
    }
}

/// Whether one more pair can be followed, forgetting those seen once where that is needed.
fn has_room(together: &mut BTreeMap<Pair, Together>) -> bool {
    if together.len() >= MAX_PAIRS {
        together.retain(|_, pair| pair.occasions > 1);
    }
    together.len() < MAX_PAIRS
}

impl Together {
    fn note(&mut self, one: &Passing, other: &Passing, limits: Limits) {
        let newest = self.newest.get(&other.log);
        let is_same_occasion = newest.is_some_and(|(boot, raw_ms)| {
            *boot == other.boot && other.raw_ms.saturating_sub(*raw_ms) < limits.pair_apart_ms
        });
        if is_same_occasion {
            return;
        }
        self.occasions = self.occasions.saturating_add(1);
        let at = (other.boot.clone(), other.raw_ms);
        self.newest.insert(Arc::clone(&other.log), at);
        self.evidence.extend([one.id(), other.id()]);
        while self.evidence.len() > MAX_EVIDENCE {
            self.evidence.pop_last();
        }
    }
}

/// Two people as a pair.
pub fn sorted(a: &AttendeeId, b: &AttendeeId) -> Pair {
    if a <= b {
        (a.clone(), b.clone())
    } else {
        (b.clone(), a.clone())
    }
}

/// The sign that one person's scans make of being in two places, if they make one. `is_related` says whether a room is the other or a part of it.
pub fn places(
    attendee: &AttendeeId,
    signals: &[Signal],
    is_related: &dyn Fn(&RoomId, &RoomId) -> bool,
    limits: Limits,
) -> Option<Sign> {
    let mut crossings: Vec<&Signal> = signals.iter().filter(|s| is_telling(s)).collect();
    crossings.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    crossings.dedup_by(|a, b| a.id == b.id);
    crossings.truncate(MAX_CROSSINGS);
    let apart = |a: &Signal, b: &Signal| match (a.rooms.first(), b.rooms.first()) {
        (Some(a), Some(b)) => !is_related(a, b),
        _ => false,
    };
    let mut found: Vec<Vec<&SignalId>> = Vec::new();
    for (at, first) in crossings.iter().enumerate() {
        let soon = crossings[at + 1..]
            .iter()
            .take_while(|second| second.at.earliest.0 - first.at.earliest.0 < limits.walk_ms);
        // Whichever way the clocks were wrong, they are at most so far apart.
        let most = |a: &Signal, b: &Signal| {
            let forth = b.at.latest.0.saturating_sub(a.at.earliest.0);
            forth.max(a.at.latest.0.saturating_sub(b.at.earliest.0))
        };
        for second in soon.filter(|second| apart(first, second)) {
            if most(first, second) < limits.walk_ms {
                found.push(vec![&first.id, &second.id]);
            }
        }
    }
    found.extend(crossed(&crossings, &apart));
    let times = u32::try_from(found.len()).unwrap_or(u32::MAX);
    let mut evidence: Vec<SignalId> = found.into_iter().flatten().cloned().collect();
    evidence.sort();
    evidence.dedup();
    evidence.truncate(MAX_EVIDENCE);
    (times > 0).then(|| Sign {
        about: SignKind::Places,
        attendees: vec![attendee.clone()],
        times,
        evidence,
    })
}

/// Whether a signal can say where somebody's badge was: a scan at a door of one room, whose direction is no guess.
fn is_telling(signal: &Signal) -> bool {
    let is_sure = match &signal.kind {
        Kind::Crossing { direction, source } => {
            *direction != Direction::Seen && *source != DirectionSource::Toggled
        }
        Kind::Heartbeat | Kind::Poll { .. } | Kind::Confirmed | Kind::Denied | Kind::Attested => {
            false
        }
    };
    signal.source == Source::Scan && is_sure && signal.rooms.len() == 1
}

/// Stays in two rooms that cross: in here, in there, out here, out there, each surely after the one before.
fn crossed<'a>(
    crossings: &[&'a Signal],
    apart: &dyn Fn(&Signal, &Signal) -> bool,
) -> Vec<Vec<&'a SignalId>> {
    let mut open: Vec<&Signal> = Vec::new();
    let mut half: Vec<[&Signal; 3]> = Vec::new();
    let mut found = Vec::new();
    let mut before: Option<&Signal> = None;
    for crossing in crossings {
        if before.is_some_and(|before| before.at.latest >= crossing.at.earliest) {
            // Their order is not known: nothing that is open can be told by it.
            open.clear();
            half.clear();
        }
        before = Some(crossing);
        let here = open.iter().position(|held| held.rooms == crossing.rooms);
        match (crossing.direction(), here) {
            (Direction::In, None) => open.push(crossing),
            (Direction::Out, Some(at)) => {
                let own = open.remove(at);
                let inner = open[at..].iter().filter(|other| apart(own, other));
                half.extend(inner.map(|other| [own, *other, *crossing]));
                half.retain(|[outer, inner, left]| {
                    let is_whole = inner.id == own.id;
                    if is_whole {
                        found.push(vec![&outer.id, &inner.id, &left.id, &crossing.id]);
                    }
                    !is_whole
                });
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
#[path = "signs_tests.rs"]
mod tests;
