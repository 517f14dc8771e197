//! Where the door believes somebody to be, and on whose word.
//!
//! In words:
//! - The issuer's word counts where it is newer than the door's own scans. That it repeats one of those is no news.
//! - Whom the issuer does not list although it has the scan by which they came in, left by another door.
//! - Belief ends when sessions begin anew in the door's rooms after a pause.
//! - A prior in the journal says what was used: the issuer's room and since when, unless that is not before the scan, which only a clock
//!   that is wrong can say; and which of the door's own check-ins is superseded by it.

use attendance::time::Interval;
use protocol::entry::{Prior, PriorSource};

use super::Door;
use super::people::Who;

/// Where the door believes somebody to be, and on whose word.
#[derive(Clone, Debug)]
pub(super) struct Belief {
    /// Whether they are in a room of this door.
    pub(super) is_inside: bool,
    /// As the journal states it.
    pub(super) prior: Prior,
}

impl Belief {
    fn nowhere(source: PriorSource, index: Option<u64>) -> Self {
        Self {
            is_inside: false,
            prior: Prior {
                room: None,
                source,
                index,
                since: None,
            },
        }
    }
}

impl Door {
    pub(super) fn belief(&self, who: Who<'_>, at: Interval) -> Belief {
        let own = self.people.stay(who).map(|stay| {
            let stamp = self.people.stamp(stay.stamp);
            (stay, self.clock.place(stay.index, &stamp).at)
        });
        let has_lapsed = |since: Interval| self.board.began_anew(since, at);
        // By the door's own scans: which entry brought them in, where one did and that still counts.
        let came_in = own
            .filter(|(stay, since)| stay.rooms.is_some() && !has_lapsed(*since))
            .map(|(stay, _)| stay.index);
        let listed = who.attendee.and_then(|attendee| self.people.told(attendee));
        let is_news = |since| {
            own.is_none_or(|(_, own)| own.latest < since) && !self.people.passed_at(who, since)
        };
        match (listed, own) {
            (Some((room, since)), _) if is_news(since) => {
                if has_lapsed(Interval::exactly(since)) {
                    return Belief::nowhere(PriorSource::Issuer, None);
                }
                let is_inside = self.board.rooms.contains(&room);
                Belief {
                    is_inside,
                    prior: Prior {
                        room: Some(room),
                        source: PriorSource::Issuer,
                        index: came_in.filter(|_| is_inside),
                        since: (since < at.earliest).then_some(since),
                    },
                }
            }
            (None, Some((stay, _)))
                if who.attendee.is_some() && self.people.left_elsewhere(stay.index) =>
            {
                Belief::nowhere(PriorSource::Issuer, came_in)
            }
            (_, Some((stay, since))) => {
                let rooms = stay.rooms.filter(|_| came_in.is_some());
                let room =
                    rooms.and_then(|rooms| self.board.room_at(self.people.rooms(rooms), since));
                Belief {
                    is_inside: room.is_some(),
                    prior: Prior {
                        room: room.cloned(),
                        source: PriorSource::Door,
                        index: Some(stay.index),
                        since: None,
                    },
                }
            }
            (_, None) => Belief::nowhere(PriorSource::Door, None),
        }
    }
}
