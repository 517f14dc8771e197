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

/// A day of the calendar where the event takes place, `2027-03-14`. Days are only told apart and sorted here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalDay(pub std::sync::Arc<str>);

/// How much of a session's time belongs to one field of study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldShare {
    /// The field, by the id that the accrediting body or the organiser gives it.
    pub field: std::sync::Arc<str>,
    /// Its weight beside the session's other fields; above zero.
    pub weight: u32,
}

/// The kind of a session where its agenda gives none.
pub const PLAIN_SESSION: &str = "session";

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
    /// What kind of item it is, in the agenda's word: [`PLAIN_SESSION`], `break`, `meal`, `opening`, …
    pub kind: std::sync::Arc<str>,
    /// Its parts where it is split, by start, apart from each other and inside of `scheduled`; none where it is one piece.
    pub parts: Vec<Window>,
    /// What of it does not count, such as a break within it.
    pub excluded: Vec<Window>,
    /// The fields of study it belongs to; none where nothing is said.
    pub fields: Vec<FieldShare>,
    /// The local day on which it starts, where the agenda says.
    pub day: Option<LocalDay>,
    /// How many polls were offered in it, where that is known.
    pub polls_offered: Option<u32>,
}

impl Session {
    /// A session in one piece, of which nothing further is said.
    pub fn plain(id: SessionId, room: RoomId, scheduled: Window) -> Self {
        Self {
            title: id.to_string(),
            id,
            room,
            scheduled,
            actual: None,
            credit_value: None,
            kind: PLAIN_SESSION.into(),
            parts: Vec::new(),
            excluded: Vec::new(),
            fields: Vec::new(),
            day: None,
            polls_offered: None,
        }
    }
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
    /// Of each room that is a part of another, that other one.
    pub part_of: std::collections::BTreeMap<RoomId, RoomId>,
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
    /// The sessions at which they speak.
    pub speaks: Vec<SessionId>,
    /// What was granted to them; private, and never named in what others read.
    pub accommodations: Vec<Accommodation>,
}

/// A private adjustment that somebody authorised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accommodation {
    /// The session it is about; every one, where none is named.
    pub session: Option<SessionId>,
    /// What is granted.
    pub grant: Grant,
}

/// What an accommodation grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// So much absence of each session counts as presence, in milliseconds.
    Extra(i64),
    /// The session counts whole, as one watched later does.
    Whole,
}

impl Registration {
    /// A registration that always holds, with nothing further said.
    pub fn always(attendee: AttendeeId) -> Self {
        Self {
            attendee,
            valid_from: None,
            valid_until: None,
            cancelled: false,
            speaks: Vec::new(),
            accommodations: Vec::new(),
        }
    }
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
        let always = Registration::always(AttendeeId::new("a-1").unwrap());
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
