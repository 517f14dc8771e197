//! Staff badges at the door: the direction set, and a scan taken back.
//!
//! Promises: a staff badge does something only if this kiosk's issuer signed it for this event and has not taken it back; each one that is
//! scanned is journalled, with whose it was, and each that is refused is noted by its reason. Taking back names the scan by its badge, which is
//! held before the reader once more, so that nobody else's is hit. Pure: nothing changes before the entry is applied.

use attendance::time::Stamp;
use attendance::words::{Direction, ReaderId};
use protocol::badge::BadgeRef;
use protocol::entry::{Body, Entry, Note, Staff};
use protocol::staff_badge::{self, StaffAct};

use super::{ACTION_TAKEN_BACK, Door, Read, Who, canonical, elapsed_ms};
use crate::screen::view::{STAFF_SCAN_HOLD_MS, StaffAnswer};

/// How long after its staff badge the badge is scanned whose scan is taken back, in milliseconds. The screen asks for it as long.
const TAKE_BACK_MS: u64 = STAFF_SCAN_HOLD_MS;
/// How old a scan may be that is taken back at the door, in milliseconds. Older ones are for a reviewer.
const TAKE_BACK_AGE_MS: u64 = 15 * 60_000;
/// Why a door does what a staff badge says.
pub(super) const REASON: &str = "staff_badge";
/// Why a scan is taken back.
const REASON_WRONG: &str = "wrong_scan";
/// That there was no scan to take back.
const ACTION_NOTHING: &str = "nothing_taken_back";

/// What a staff badge comes to, or the badge that is scanned after one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staffed {
    /// What is journalled.
    pub entry: Entry,
    /// What is shown after that.
    pub shown: StaffAnswer,
    /// The staff badge for which the next badge is scanned.
    pub takes_back: Option<BadgeRef>,
}

/// A reader that waits for the badge whose scan is taken back.
#[derive(Clone, Debug)]
pub struct TakingBack {
    reader: ReaderId,
    badge: BadgeRef,
    since: Stamp,
}

impl TakingBack {
    /// Begins with the scan of a staff badge.
    pub fn begin(reader: &ReaderId, stamp: &Stamp, badge: BadgeRef) -> Self {
        Self {
            reader: reader.clone(),
            badge,
            since: stamp.clone(),
        }
    }

    /// Whether it waits at this reader.
    pub fn is_at(&self, reader: &ReaderId) -> bool {
        self.reader == *reader
    }

    /// The staff badge, if it still waits: what nobody followed up is over.
    pub fn badge(&self, now: &Stamp) -> Option<&BadgeRef> {
        let waited_ms = elapsed_ms(&self.since, now);
        waited_ms
            .is_some_and(|ms| ms <= TAKE_BACK_MS)
            .then_some(&self.badge)
    }
}

impl Door {
    /// What a text comes to that means to be a staff badge; `None` where it does not. Changes nothing.
    pub fn staff_badge(&self, read: Read<'_>) -> Option<Staffed> {
        let text = canonical(read.text).unwrap_or(read.text);
        if !staff_badge::is_staff_badge(text) {
            return None;
        }
        let digest = self.owner.badge_key.digest(text);
        // Before its first bundle a door does not know its event.
        let event = self.board.event.as_ref();
        let opened = event.map_or(Err("staff_badge_foreign"), |event| {
            let opened = staff_badge::open(text, event, &self.owner.issuer_key);
            opened.map_err(staff_badge::StaffBadgeError::code)
        });
        let act = match opened {
            Ok(_) if self.roster.is_revoked(digest) => Err("staff_badge_revoked"),
            opened => opened,
        };
        let act = match act {
            Ok(act) => act,
            Err(code) => {
                let note = Note {
                    code: code.to_owned(),
                    numbers: [].into(),
                };
                return Some(Staffed {
                    entry: entry(read, Body::Note(note)),
                    shown: StaffAnswer::Refused,
                    takes_back: None,
                });
            }
        };
        let badge = BadgeRef {
            digest,
            key: self.key_id.clone(),
        };
        let (direction, shown) = match act {
            StaffAct::In => (Some(Direction::In), StaffAnswer::In),
            StaffAct::Out => (Some(Direction::Out), StaffAnswer::Out),
            StaffAct::Toggle => (None, StaffAnswer::Either),
            StaffAct::TakeBack => {
                let body = staff(act.as_str(), REASON, &badge, None);
                return Some(Staffed {
                    entry: entry(read, body),
                    shown: StaffAnswer::ScanBadge,
                    takes_back: Some(badge),
                });
            }
        };
        Some(Staffed {
            entry: Self::set_direction(direction, read.stamp.clone(), Some(badge)),
            shown,
            takes_back: None,
        })
    }

    /// Takes back the newest scan of the badge that was read, for the staff badge that was read before it. Changes nothing.
    pub fn take_back(&self, read: Read<'_>, badge: &BadgeRef) -> Staffed {
        let text = canonical(read.text).unwrap_or(read.text);
        let digest = self.owner.badge_key.digest(text);
        let listed = self.roster.find(digest);
        let who = Who {
            badge: digest,
            attendee: listed.as_ref().map(|listed| &listed.attendee),
        };
        let newest = self.people.newest(who).filter(|(_, stamp)| {
            elapsed_ms(stamp, read.stamp).is_some_and(|ms| ms <= TAKE_BACK_AGE_MS)
        });
        let (action, shown) = match newest {
            Some(_) => (ACTION_TAKEN_BACK, StaffAnswer::TakenBack),
            None => (ACTION_NOTHING, StaffAnswer::NothingToTakeBack),
        };
        let index = newest.map(|(index, _)| index);
        Staffed {
            entry: entry(read, staff(action, REASON_WRONG, badge, index)),
            shown,
            takes_back: None,
        }
    }
}

fn entry(read: Read<'_>, body: Body) -> Entry {
    Entry {
        stamp: read.stamp.clone(),
        body,
    }
}

fn staff(action: &str, reason: &str, badge: &BadgeRef, index: Option<u64>) -> Body {
    Body::Staff(Staff {
        action: action.to_owned(),
        reason: reason.to_owned(),
        badge: Some(badge.clone()),
        index,
    })
}
