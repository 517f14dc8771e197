//! What sources of attendance saw: the rows that every parser of them gives, before anybody knows whose they are.
//!
//! Contract for a parser of attendance (Zoom, Teams, a check-in log, a sheet of confirmations, a webhook's body):
//!
//! - It is a pure function: the bytes of one file or request, and what its caller was told beside (a zone, a channel, a
//!   policy), in; an [`ObservedBatch`] out. No clock, no database, no network, no randomness, and no input makes it panic.
//! - Nothing is guessed. A time without a zone is refused unless the caller gives the zone; a time is the interval that the
//!   source's resolution and stated clock error leave open ([`Observed::at`]), never a point that it did not say.
//! - A row that is wrong is refused by name, with its place and what to do, and the others are taken. Where the file itself
//!   is not what it should be, an [`super::ImportError`] comes back and nothing is taken.
//! - One row of a file may be several observations (a join and a leave), each under a key of its own.
//! - A person stands by [`Subject`]s in order of trust. The first that a registration lists says whose the row is, so what is
//!   most specific comes first: the platform's stable id of the person; its id of this one participation, if it is one for
//!   guests; last an address, and only where the platform verified it or a staff list gives it. A name is never a subject of
//!   a shared system: somebody who is known by name alone has a subject of a system of their own (`zoom-guest`), whose text
//!   holds meeting and name, and which nobody's registration lists until a reviewer says so.
//! - [`Observed::key`] is the same whenever the same observation is read again, from whatever file or page, and differs
//!   from that of every other observation of its system: it is made of what the source calls the thing (meeting, participant,
//!   what happened, when) and of nothing of the file's.
//!
//! What comes of a batch, the store's unit `take_signals` says: it digests subjects and keys, seals labels, puts the object
//! and writes the ledger's entry. Names and addresses never appear in keys, devices, problems or `Debug` output.

use std::fmt;

use attendance::time::Interval;
use attendance::words::{AttendeeId, RoomId, SessionId, Source};
use protocol::agenda::{Agenda, Session};
use protocol::badge::BadgeKey;
use protocol::signals::{Row, RowKind};
use protocol::subject::SubjectDigest;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use super::Problem;

/// The most observations of one batch: what one object of signals may hold.
pub const MAX_OBSERVED: usize = protocol::signals::MAX_ROWS;

/// An account of a person in a system. Its text is private: it is digested, and does not print.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The system, an id: [`protocol::subject::EMAIL`], `zoom`, `zoom-guest`, `pretix`, `external`, …
    pub system: String,
    /// The account's text there, as the system writes it.
    pub text: String,
}

impl Subject {
    /// An account of a system.
    pub fn new(system: &str, text: &str) -> Self {
        Self {
            system: system.to_owned(),
            text: text.to_owned(),
        }
    }
}

impl Subject {
    /// The system of positions by their codes.
    pub const PRETIX_CODE: &str = "pretix-code";

    /// A position of a pretix shop's order, by its number: registrations that come from pretix list it.
    pub fn pretix_position(id: u64) -> Self {
        Self::new("pretix", &format!("position/{id}"))
    }

    /// The same position by the order's code and its number within the order, as exports for people name it: `B00001-2`.
    pub fn pretix_code(order: &str, number: &str) -> Self {
        Self::new(Self::PRETIX_CODE, &format!("{order}-{number}"))
    }

    /// The id under which a source sends somebody's registration: registrations that it sent list it.
    pub fn external(source: &str, id: &str) -> Self {
        Self::new("external", &format!("{source}/{id}"))
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Subject")
            .field("system", &self.system)
            .finish_non_exhaustive()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

/// How a source shows a person, for the reviewer who has to say whose a row is. It is sealed wherever it lies, does not print
/// and is wiped when dropped.
#[derive(Clone, Default, PartialEq, Eq, ZeroizeOnDrop, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The name that the source shows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The address that the source gives, verified or not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<String>,
}

impl fmt::Debug for Label {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Label").finish_non_exhaustive()
    }
}

/// Where something was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A channel, by its name in the agenda: the platform and its own name of the meeting, `zoom/82912345678`; at most
    /// [`protocol::agenda::MAX_CHANNEL_BYTES`].
    Channel(String),
    /// A room.
    Room(RoomId),
    /// A session.
    Session(SessionId),
}

impl Place {
    /// Whether a session of an agenda is held here.
    pub fn holds(&self, agenda: &Agenda, session: &Session) -> bool {
        match self {
            Self::Session(id) => session.id == *id,
            Self::Room(room) => session.room == *room,
            Self::Channel(id) => {
                let mut channels = agenda.channels.iter().filter(|channel| channel.id == *id);
                channels.any(|channel| channel.rooms.contains(&session.room))
            }
        }
    }
}

/// For people: `channel zoom/82912345678`.
impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(channel) => write!(out, "channel {channel}"),
            Self::Room(room) => write!(out, "room {room}"),
            Self::Session(session) => write!(out, "session {session}"),
        }
    }
}

/// Where in its file an observation stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Where {
    /// Line of the file, from 1; none where the place has no line.
    pub row: Option<u64>,
    /// A path inside a JSON file, or the column that it comes from; empty where the row says enough.
    pub path: String,
}

impl Where {
    /// A line of a file.
    pub fn line(row: u64) -> Self {
        Self {
            row: Some(row),
            path: String::new(),
        }
    }

    /// A path inside a JSON file.
    pub fn path(path: impl Into<String>) -> Self {
        Self {
            row: None,
            path: path.into(),
        }
    }
}

/// What an observation says of its person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// A way in or out, a sighting, a heartbeat, a person's word: any kind but an answer to a poll.
    Plain(RowKind),
    /// A poll was answered: which one, by an id that is one among those of its place.
    Poll(String),
}

/// One observation of one person at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The person's accounts in order of trust; empty only where `attendee` says who it is.
    pub subjects: Vec<Subject>,
    /// The attendee, where a person on the staff named them; none from any machine.
    pub attendee: Option<AttendeeId>,
    /// How the source shows the person.
    pub label: Option<Label>,
    /// Where.
    pub place: Place,
    /// The device, by an id that is one among those of its person and place; where one person can be there by several. Made of
    /// the source's own ids, never of a device's name.
    pub device: Option<String>,
    /// What was seen.
    pub seen: Seen,
    /// When.
    pub at: Interval,
    /// Why, as a code, where a person entered it.
    pub reason: Option<String>,
    /// What makes it one observation of its system: see the module.
    pub key: String,
    /// Where in the file it stands.
    pub row: Where,
}

impl Observed {
    /// As a row of an object, its accounts digested under an event's key.
    ///
    /// # Errors
    /// Where an account is none, or the row cannot stand in an object: a refusal with its place.
    pub fn to_row(&self, key: &BadgeKey) -> Result<Row, Problem> {
        let digest = |s: &Subject| SubjectDigest::of(key, &s.system, &s.text);
        let subjects = self.subjects.iter().map(digest).collect::<Result<_, _>>();
        let subjects = subjects.map_err(|e| self.problem(&format!("{e}: correct the row")))?;
        let (kind, poll) = match &self.seen {
            Seen::Plain(kind) => (*kind, None),
            Seen::Poll(poll) => (RowKind::Poll, Some(poll.clone())),
        };
        let mut row = Row {
            subjects,
            attendee: self.attendee.clone(),
            kind,
            channel: None,
            room: None,
            session: None,
            device: self.device.clone(),
            poll,
            earliest: self.at.earliest,
            latest: self.at.latest,
            reason: self.reason.clone(),
        };
        match &self.place {
            Place::Channel(id) => row.channel = Some(id.clone()),
            Place::Room(id) => row.room = Some(id.clone()),
            Place::Session(id) => row.session = Some(id.clone()),
        }
        match row.fault() {
            None => Ok(row),
            Some(fault) => Err(self.problem(fault)),
        }
    }

    /// A refusal of this observation, where it stands.
    pub fn problem(&self, message: &str) -> Problem {
        Problem {
            row: self.row.row,
            column: self.row.path.clone(),
            value_excerpt: String::new(),
            message: message.to_owned(),
        }
    }
}

/// What one file, page or request holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedBatch {
    /// What kind of source it is; never a scan.
    pub source: Source,
    /// The system, an id: `zoom`, `teams`, `pretix`, `manual`, …
    pub system: String,
    /// The observations, in the order of the file; at most [`MAX_OBSERVED`].
    pub rows: Vec<Observed>,
    /// The rows that are wrong by themselves and were not taken, the first [`super::MAX_LISTED`].
    pub refused: Vec<Problem>,
    /// How many there are in all.
    pub refused_total: usize,
}
