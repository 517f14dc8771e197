//! How many people are in a room, and how far that may be off. Pure.
//!
//! Contract: a person is where their newest scan of the day puts them; two badges of one person are one person; a scan
//! without direction moves nobody. What waits on a kiosk of the room's doors is not counted yet, so each such entry may add
//! a person or take one away: that is the range. A door that is silent may hold entries that nobody has been told of, so it
//! is named besides.

use std::collections::BTreeMap;

use attendance::UtcMs;
use attendance::words::{Direction, DoorId, RoomId};

use crate::store::batches::PresenceFacts;

/// Where somebody is, by their newest scan.
struct Place<'a> {
    room: Option<&'a RoomId>,
    is_in: bool,
    wall: UtcMs,
}

/// The people of a day, by their newest scans.
pub(super) struct People<'a>(Vec<Place<'a>>);

/// How many people are in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Those whose newest scan puts them into the room.
    pub(super) inside: u64,
    /// Those whose newest scan is of this room at all.
    pub(super) seen: u64,
}

/// What the doors of a room have not delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    /// Entries that wait, as far as kiosks said.
    pub(super) waiting: u64,
    /// Doors that are silent.
    pub(super) silent: Vec<DoorId>,
}

impl<'a> People<'a> {
    /// From the last scan of each badge; scans before `since` are of another day.
    pub(super) fn of(presence: &'a [PresenceFacts], since: UtcMs) -> Self {
        let mut newest: BTreeMap<String, Place<'a>> = BTreeMap::new();
        for row in presence
            .iter()
            .filter(|row| row.wall >= since && row.direction != Direction::Seen)
        {
            let who = row
                .attendee
                .as_ref()
                .map_or_else(|| format!("badge {}", row.badge), ToString::to_string);
            let place = Place {
                room: row.room.as_ref(),
                is_in: row.direction == Direction::In,
                wall: row.wall,
            };
            match newest.get(&who) {
                Some(known) if known.wall > place.wall => {}
                _ => {
                    newest.insert(who, place);
                }
            }
        }
        Self(newest.into_values().collect())
    }

    /// The people of one room.
    pub(super) fn count(&self, room: &RoomId) -> Count {
        let here = self.0.iter().filter(|place| place.room == Some(room));
        here.fold(Count::default(), |count, place| Count {
            inside: count.inside + u64::from(place.is_in),
            seen: count.seen + 1,
        })
    }
}

impl Missing {
    /// The least and the most that a count may be, by what is known to wait. `None` where it is exact.
    pub(super) fn range(&self, count: u64) -> Option<(u64, u64)> {
        (self.waiting > 0).then(|| {
            (
                count.saturating_sub(self.waiting),
                count.saturating_add(self.waiting),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use protocol::badge::BadgeDigest;

    fn row(
        badge: u8,
        who: Option<&str>,
        room: &str,
        direction: Direction,
        wall: i64,
    ) -> PresenceFacts {
        PresenceFacts {
            badge: BadgeDigest([badge; 32]),
            attendee: who.map(|w| w.parse().unwrap()),
            room: Some(room.parse().unwrap()),
            direction,
            wall: UtcMs(wall),
            kiosk: "k".parse().unwrap(),
            index: 0,
        }
    }

    #[track_caller]
    fn check(rows: &[PresenceFacts], inside: u64, seen: u64) {
        let people = People::of(rows, UtcMs(100));
        assert_eq!(
            people.count(&"hall".parse().unwrap()),
            Count { inside, seen }
        );
    }

    #[test]
    fn people_are_counted_once() {
        use Direction::{In, Out, Seen};
        check(&[], 0, 0);
        check(
            &[
                row(1, Some("a"), "hall", In, 200),
                row(2, Some("b"), "hall", In, 200),
            ],
            2,
            2,
        );
        check(
            &[
                row(1, Some("a"), "hall", In, 200),
                row(2, Some("a"), "hall", In, 300),
            ],
            1,
            1,
        );
        check(
            &[
                row(1, Some("a"), "hall", In, 200),
                row(2, Some("a"), "hall", Out, 300),
            ],
            0,
            1,
        );
        check(
            &[
                row(1, Some("a"), "hall", In, 300),
                row(2, Some("a"), "hall", Out, 200),
            ],
            1,
            1,
        );
        check(
            &[
                row(1, Some("a"), "hall", In, 200),
                row(2, Some("a"), "foyer", In, 300),
            ],
            0,
            0,
        );
        check(
            &[row(1, None, "hall", In, 200), row(2, None, "hall", In, 200)],
            2,
            2,
        );
        check(&[row(1, Some("a"), "hall", Seen, 200)], 0, 0);
        check(
            &[
                row(1, Some("a"), "hall", In, 99),
                row(2, Some("b"), "hall", In, 100),
            ],
            1,
            1,
        );
    }

    #[test]
    fn what_waits_makes_a_range() {
        let missing = |waiting| Missing {
            waiting,
            silent: vec![],
        };
        assert_eq!(missing(0).range(212), None);
        assert_eq!(missing(14).range(212), Some((198, 226)));
        assert_eq!(missing(14).range(3), Some((0, 17)));
    }
}
