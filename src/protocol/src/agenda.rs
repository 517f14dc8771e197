//! The agenda and the registrations as objects: JSON documents named by the hash of their bytes.
//!
//! Both hold what decisions rest on and nothing personal: attendees stand by pseudonym, badges and accounts as keyed digests.

use attendance::agenda as domain;
use attendance::agenda::Window;
use attendance::words::{AttendeeId, DoorId, ProgrammeId, RoomId, SessionId};
use attendance::{Decimal, UtcMs};
use serde::{Deserialize, Serialize};

use crate::badge::BadgeDigest;
use crate::subject::SubjectDigest;
use crate::text::{as_instant, as_instant_opt, as_text, as_text_opt, as_texts};

/// The version of both documents.
pub const VERSION: u32 = 1;
/// The longest name of a channel, in bytes: platforms' own names of meetings are up to some 150 long.
pub const MAX_CHANNEL_BYTES: usize = 200;

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

/// Where a platform holds or streams what happens in rooms: the counterpart of a door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Its name as signals have it: the platform and its own name of the meeting, `zoom/82912345678`. Compared byte for byte.
    pub id: String,
    /// Its name, for people.
    pub title: String,
    /// The rooms whose sessions it holds, the first being where a signal counts if nothing tells them apart.
    #[serde(with = "as_texts")]
    pub rooms: Vec<RoomId>,
}

/// A stretch of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    /// Its start.
    #[serde(with = "as_instant")]
    pub start: UtcMs,
    /// Its end, exclusive.
    #[serde(with = "as_instant")]
    pub end: UtcMs,
}

/// How much of a session belongs to one field of study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The field.
    pub field: String,
    /// Its weight beside the session's other fields.
    pub weight: u32,
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
    /// What kind of item it is; [`domain::PLAIN_SESSION`], where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
    /// Its parts, where it is split.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parts: Vec<Stretch>,
    /// What of it does not count, such as a break within it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub excluded: Vec<Stretch>,
    /// Its fields of study.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fields: Vec<Field>,
    /// The day on which it starts by the event's zone, `2026-11-23`, so that nobody needs time zones to make decisions again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub day: Option<String>,
    /// How many polls were offered in it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub polls_offered: Option<u32>,
}

/// Stretches as rules take them: those whose end comes after their start, cut to a window, united where they meet, by start.
fn windows(stretches: &[Stretch], within: Window) -> Vec<Window> {
    let cut = stretches
        .iter()
        .filter_map(|s| Window::new(s.start.max(within.start), s.end.min(within.end)));
    let mut cut: Vec<Window> = cut.collect();
    cut.sort();
    let mut united: Vec<Window> = Vec::with_capacity(cut.len());
    for window in cut {
        match united.last_mut() {
            Some(last) if window.start <= last.end => last.end = last.end.max(window.end),
            _ => united.push(window),
        }
    }
    united
}

impl Session {
    /// A session in one piece, of which nothing further is said.
    pub fn plain(id: SessionId, room: RoomId, start: UtcMs, end: UtcMs) -> Self {
        Self {
            title: id.to_string(),
            id,
            room,
            start,
            end,
            actual_start: None,
            actual_end: None,
            programme: None,
            credit_value: None,
            kind: None,
            parts: Vec::new(),
            excluded: Vec::new(),
            fields: Vec::new(),
            day: None,
            polls_offered: None,
        }
    }

    /// As rules see it; `None` where its end does not come after its start. Parts and exclusions are cut to the scheduled
    /// window and united where they meet; fields without weight are left out.
    pub fn to_domain(&self) -> Option<domain::Session> {
        let actual = match (self.actual_start, self.actual_end) {
            (None, None) => None,
            (start, end) => Window::new(start.unwrap_or(self.start), end.unwrap_or(self.end)),
        };
        let scheduled = Window::new(self.start, self.end)?;
        let kind = self.kind.as_deref().unwrap_or(domain::PLAIN_SESSION);
        let fields = self.fields.iter().filter(|field| field.weight > 0);
        Some(domain::Session {
            title: self.title.clone(),
            actual,
            credit_value: self.credit_value,
            kind: kind.into(),
            parts: windows(&self.parts, scheduled),
            excluded: windows(&self.excluded, scheduled),
            fields: fields
                .map(|field| domain::FieldShare {
                    field: field.field.as_str().into(),
                    weight: field.weight,
                })
                .collect(),
            day: self.day.as_deref().map(|day| domain::LocalDay(day.into())),
            polls_offered: self.polls_offered,
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

/// One version of an event's agenda: rooms, doors, channels, sessions, programmes.
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
    /// Channels.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub channels: Vec<Channel>,
    /// Sessions.
    pub sessions: Vec<Session>,
    /// Programmes.
    pub programmes: Vec<Programme>,
}

impl Agenda {
    /// An agenda with nothing in it.
    pub fn empty(zone: &str) -> Self {
        Self {
            v: VERSION,
            zone: zone.to_owned(),
            rooms: Vec::new(),
            doors: Vec::new(),
            channels: Vec::new(),
            sessions: Vec::new(),
            programmes: Vec::new(),
        }
    }

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
    /// Their accounts elsewhere, as keyed digests, by digest. One that two registrations list is nobody's.
    #[serde(with = "as_texts", skip_serializing_if = "Vec::is_empty", default)]
    pub accounts: Vec<SubjectDigest>,
    /// Badges of others whose scans count for this attendee as well as for their own holder, as keyed digests.
    #[serde(with = "as_texts", skip_serializing_if = "Vec::is_empty", default)]
    pub assistants: Vec<BadgeDigest>,
    /// The sessions at which they speak.
    #[serde(with = "as_texts", skip_serializing_if = "Vec::is_empty", default)]
    pub speaks: Vec<SessionId>,
    /// What was granted to them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub accommodations: Vec<Accommodation>,
}

/// An adjustment that somebody authorised: `extra_s` or `whole`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accommodation {
    /// The session it is about; every one, where none is named.
    #[serde(with = "as_text_opt", skip_serializing_if = "Option::is_none", default)]
    pub session: Option<SessionId>,
    /// So many seconds of absence of each session count as presence.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub extra_s: Option<u32>,
    /// The session counts whole.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub whole: bool,
}

impl Accommodation {
    /// What it grants, as rules see it: the whole session, where both are said; nothing, where neither is.
    pub fn to_domain(&self) -> Option<domain::Accommodation> {
        let grant = match (self.whole, self.extra_s) {
            (true, _) => domain::Grant::Whole,
            (false, Some(extra_s)) => domain::Grant::Extra(i64::from(extra_s) * 1_000),
            (false, None) => return None,
        };
        Some(domain::Accommodation {
            session: self.session.clone(),
            grant,
        })
    }
}

impl Registration {
    /// A registration that always holds, with nothing further said.
    pub fn plain(attendee: AttendeeId, badges: Vec<BadgeDigest>) -> Self {
        Self {
            attendee,
            badges,
            valid_from: None,
            valid_until: None,
            cancelled: false,
            accounts: Vec::new(),
            assistants: Vec::new(),
            speaks: Vec::new(),
            accommodations: Vec::new(),
        }
    }

    /// As rules see it.
    pub fn to_domain(&self) -> domain::Registration {
        let granted = self.accommodations.iter();
        domain::Registration {
            attendee: self.attendee.clone(),
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            cancelled: self.cancelled,
            speaks: self.speaks.clone(),
            accommodations: granted.filter_map(Accommodation::to_domain).collect(),
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
