//! Rooms, sessions, programmes and registrations, as rules see them.

use crate::Decimal;
use crate::time::UtcMs;
use crate::words::{AttendeeId, ProgrammeId, RoomId, SessionId};

/// A half-open window `[start, end)` of exact milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// The first millisecond inside.
    pub start: UtcMs,
    /// The first millisecond after.
    pub end: UtcMs,
}

impl Window {
    /// A window, where its end comes after its start.
    pub fn new(start: UtcMs, end: UtcMs) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Its length in milliseconds.
    pub fn length_ms(self) -> i64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// Whether the instant lies inside.
    pub fn holds(self, at: UtcMs) -> bool {
        self.start <= at && at < self.end
    }
}

/// One scheduled item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id, stable over versions of the agenda.
    pub id: SessionId,
    /// Its title, for people.
    pub title: String,
    /// Where it takes place.
    pub room: RoomId,
    /// When, by the agenda.
    pub scheduled: Window,
    /// When it really took place, where staff said so.
    pub actual: Option<Window>,
    /// A stated credit value, which some rule sets use.
    pub credit_value: Option<Decimal>,
}

/// The sessions that one rule set credits together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programme {
    /// Its id.
    pub id: ProgrammeId,
    /// Its title, for people.
    pub title: String,
    /// Its sessions, in no order that matters.
    pub sessions: Vec<Session>,
}

/// One attendee's registration for the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Whose it is.
    pub attendee: AttendeeId,
    /// From when it holds; always, where none is given.
    pub valid_from: Option<UtcMs>,
    /// Until when it holds, exclusive; for ever, where none is given.
    pub valid_until: Option<UtcMs>,
    /// Whether it was cancelled outright.
    pub cancelled: bool,
}

impl Registration {
    /// Whether it holds at an instant.
    pub fn holds(&self, at: UtcMs) -> bool {
        !self.cancelled
            && self.valid_from.is_none_or(|from| from <= at)
            && self.valid_until.is_none_or(|until| at < until)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let window = Window::new(UtcMs(3), UtcMs(5)).unwrap();
        let held: Vec<i64> = (0..9).filter(|at| window.holds(UtcMs(*at))).collect();
        assert_eq!(held, [3, 4]);
        assert_eq!(Window::new(UtcMs(3), UtcMs(3)), None);
    }

    #[test]
    fn a_registration_holds_from_its_first_instant_until_before_its_last() {
        let always = Registration {
            attendee: AttendeeId::new("a-1").unwrap(),
            valid_from: None,
            valid_until: None,
            cancelled: false,
        };
        assert!(always.holds(UtcMs(0)) && always.holds(UtcMs(9)));
        let bounded = Registration {
            valid_from: Some(UtcMs(3)),
            valid_until: Some(UtcMs(5)),
            ..always
        };
        let held: Vec<i64> = (0..9).filter(|at| bounded.holds(UtcMs(*at))).collect();
        assert_eq!(held, [3, 4]);
        let cancelled = Registration {
            cancelled: true,
            ..bounded
        };
        assert!(!cancelled.holds(UtcMs(4)));
    }
}
