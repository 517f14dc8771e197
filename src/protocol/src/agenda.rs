//! The agenda and the registrations as objects: JSON documents named by the hash of their bytes.
//!
//! Both hold what decisions rest on and nothing personal: attendees stand by pseudonym, badges as keyed digests.

use attendance::agenda as domain;
use attendance::agenda::Window;
use attendance::words::{AttendeeId, DoorId, ProgrammeId, RoomId, SessionId};
use attendance::{Decimal, UtcMs};
use serde::{Deserialize, Serialize};

use crate::badge::BadgeDigest;
use crate::text::{as_instant, as_instant_opt, as_text, as_text_opt, as_texts};

/// The version of both documents.
pub const VERSION: u32 = 1;

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// Its id.
    #[serde(with = "as_text")]
    pub id: RoomId,
    /// Its name, for people.
    pub title: String,
    /// The room it is a part of.
    #[serde(with = "as_text_opt", skip_serializing_if = "Option::is_none", default)]
    pub part_of: Option<RoomId>,
}

/// A door and the rooms it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Door {
    /// Its id.
    #[serde(with = "as_text")]
    pub id: DoorId,
    /// Its name, for people.
    pub title: String,
    /// The rooms it serves, the first being where a scan counts if nothing tells them apart.
    #[serde(with = "as_texts")]
    pub rooms: Vec<RoomId>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Its id, stable over versions.
    #[serde(with = "as_text")]
    pub id: SessionId,
    /// Its title.
    pub title: String,
    /// Its room.
    #[serde(with = "as_text")]
    pub room: RoomId,
    /// Its scheduled start.
    #[serde(with = "as_instant")]
    pub start: UtcMs,
    /// Its scheduled end, exclusive.
    #[serde(with = "as_instant")]
    pub end: UtcMs,
    /// When it really began, where staff said so.
    #[serde(
        with = "as_instant_opt",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub actual_start: Option<UtcMs>,
    /// When it really ended, where staff said so.
    #[serde(
        with = "as_instant_opt",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub actual_end: Option<UtcMs>,
    /// The programme that credits it, where one does.
    #[serde(with = "as_text_opt", skip_serializing_if = "Option::is_none", default)]
    pub programme: Option<ProgrammeId>,
    /// A stated credit value.
    #[serde(with = "as_text_opt", skip_serializing_if = "Option::is_none", default)]
    pub credit_value: Option<Decimal>,
}

impl Session {
    /// As rules see it; `None` where its end does not come after its start.
    pub fn to_domain(&self) -> Option<domain::Session> {
        let actual = match (self.actual_start, self.actual_end) {
            (None, None) => None,
            (start, end) => Window::new(start.unwrap_or(self.start), end.unwrap_or(self.end)),
        };
        let scheduled = Window::new(self.start, self.end)?;
        Some(domain::Session {
            title: self.title.clone(),
            actual,
            credit_value: self.credit_value,
            ..domain::Session::plain(self.id.clone(), self.room.clone(), scheduled)
        })
    }
}

/// A programme and the rule set that credits it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Programme {
    /// Its id.
    #[serde(with = "as_text")]
    pub id: ProgrammeId,
    /// Its title.
    pub title: String,
    /// The hash of its rule set; none yet, where absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rules: Option<String>,
}

/// One version of an event's agenda: rooms, doors, sessions, programmes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agenda {
    /// [`VERSION`].
    pub v: u32,
    /// The event's IANA time zone, for people.
    pub zone: String,
    /// Rooms.
    pub rooms: Vec<Room>,
    /// Doors.
    pub doors: Vec<Door>,
    /// Sessions.
    pub sessions: Vec<Session>,
    /// Programmes.
    pub programmes: Vec<Programme>,
}

impl Agenda {
    /// One programme as rules see it, its sessions in the order of the agenda.
    pub fn programme(&self, id: &ProgrammeId) -> Option<domain::Programme> {
        let programme = self.programmes.iter().find(|p| p.id == *id)?;
        let mine = self
            .sessions
            .iter()
            .filter(|s| s.programme.as_ref() == Some(id));
        Some(domain::Programme {
            id: programme.id.clone(),
            title: programme.title.clone(),
            sessions: mine.filter_map(Session::to_domain).collect(),
            part_of: self.part_of(),
        })
    }

    fn part_of(&self) -> std::collections::BTreeMap<RoomId, RoomId> {
        let rooms = self.rooms.iter();
        rooms
            .filter_map(|room| Some((room.id.clone(), room.part_of.clone()?)))
            .collect()
    }

    /// The doors that serve a room of the programme: the ones a decision waits for.
    pub fn doors_of(&self, id: &ProgrammeId) -> Vec<&Door> {
        let rooms: std::collections::BTreeSet<&RoomId> = self
            .sessions
            .iter()
            .filter(|s| s.programme.as_ref() == Some(id))
            .map(|s| &s.room)
            .collect();
        self.doors
            .iter()
            .filter(|d| d.rooms.iter().any(|r| rooms.contains(r)))
            .collect()
    }

    /// The end of the last session of a programme that any of these rooms holds.
    pub fn last_end(&self, id: &ProgrammeId, rooms: &[RoomId]) -> Option<UtcMs> {
        let mine = self
            .sessions
            .iter()
            .filter(|s| s.programme.as_ref() == Some(id) && rooms.contains(&s.room));
        mine.map(|s| s.actual_end.map_or(s.end, |actual| actual.max(s.end)))
            .max()
    }
}

/// One registration, by pseudonym.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The attendee.
    #[serde(with = "as_text")]
    pub attendee: AttendeeId,
    /// Their badges, as keyed digests.
    #[serde(with = "as_texts")]
    pub badges: Vec<BadgeDigest>,
    /// From when it holds.
    #[serde(
        with = "as_instant_opt",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub valid_from: Option<UtcMs>,
    /// Until when it holds, exclusive.
    #[serde(
        with = "as_instant_opt",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub valid_until: Option<UtcMs>,
    /// Whether it was cancelled.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub cancelled: bool,
}

impl Registration {
    /// As rules see it.
    pub fn to_domain(&self) -> domain::Registration {
        domain::Registration {
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            cancelled: self.cancelled,
            ..domain::Registration::always(self.attendee.clone())
        }
    }
}

/// One version of an event's registrations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registrations {
    /// [`VERSION`].
    pub v: u32,
    /// The id of the badge key the digests were made with.
    pub badge_key: String,
    /// The registrations.
    pub registrations: Vec<Registration>,
}
