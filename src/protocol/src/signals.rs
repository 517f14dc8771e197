//! Scans, and what other sources saw, into the signals that `attendance` decides on.
//!
//! Contract: the issuer's and the auditor's reading of a log are these functions, so both see the same signals. What other
//! sources than doors saw lies in a [`Signals`] object, which a `signals` entry of the ledger names by the hash of its bytes.
//! It holds nothing personal: people stand by the digests of their accounts, or by pseudonym where a person entered them. At
//! most [`MAX_ROWS`] rows and [`MAX_OBJECT_BYTES`] an object; a longer import is several.

use std::sync::Arc;

use attendance::UtcMs;
use attendance::time::{ClockHistory, Interval, Placed, Quality};
use attendance::words::{
    AttendeeId, Direction, DirectionSource, Kind, RoomId, SessionId, Signal, SignalId, Source, Tick,
};
use serde::{Deserialize, Serialize};

use crate::agenda::{Agenda, MAX_CHANNEL_BYTES};
use crate::entry::{Entry, Scan};
use crate::subject::{self, SubjectDigest};
use crate::text::{as_instant, as_text, as_text_opt, as_texts};

/// The version of the object.
pub const VERSION: u32 = 1;
/// The most rows of an object.
pub const MAX_ROWS: usize = 200_000;
/// The most bytes of an object.
pub const MAX_OBJECT_BYTES: usize = 64 * 1024 * 1024;
/// The most accounts of a row.
pub const MAX_SUBJECTS: usize = 8;
/// The longest device, poll or reason of a row, in bytes.
pub const MAX_WORD_BYTES: usize = 128;

/// A scan as a signal of presence, placed in time by what is known of its log's clock. `None` where it says nothing of
/// presence: repeats and revoked badges.
///
/// `rooms` are those the issuer says the door serves; where it says nothing, those the door itself wrote.
pub fn from_scan(
    log: &Arc<str>,
    index: u64,
    entry: &Entry,
    scan: &Scan,
    clock: &ClockHistory,
    rooms: Option<&[RoomId]>,
) -> Option<(Signal, Placed)> {
    if !scan.verdict.is_presence() {
        return None;
    }
    let placed = clock.place(index, &entry.stamp);
    let signal = Signal {
        id: SignalId {
            log: Arc::clone(log),
            index,
            row: None,
        },
        source: Source::Scan,
        kind: Kind::Crossing {
            direction: scan.direction,
            source: scan.direction_source,
        },
        rooms: rooms.map_or_else(|| scan.rooms.clone(), <[RoomId]>::to_vec),
        session: None,
        device: None,
        at: placed.at,
        quality: placed.quality,
        tick: Some(Tick {
            log: Arc::clone(log),
            segment: placed.segment,
            raw_ms: entry.stamp.raw_ms,
        }),
    };
    Some((signal, placed))
}

/// What a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// Somebody came, joined, logged in.
    In,
    /// Somebody left.
    Out,
    /// Somebody was there, with no direction.
    Seen,
    /// A device was there, one sign of life among others.
    Heartbeat,
    /// A poll was answered.
    Poll,
    /// A person confirms the session whole.
    Confirmed,
    /// A person denies the session.
    Denied,
    /// It is said that somebody attended.
    Attested,
}

impl RowKind {
    /// The word as it stands in objects.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Seen => "seen",
            Self::Heartbeat => "heartbeat",
            Self::Poll => "poll",
            Self::Confirmed => "confirmed",
            Self::Denied => "denied",
            Self::Attested => "attested",
        }
    }
}

/// One observation. It names its person by `subjects` or by `attendee`, and its place by `channel`, `room` or `session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The person's accounts, as keyed digests, in order of trust: the first that a registration lists says whose it is.
    #[serde(with = "as_texts", skip_serializing_if = "Vec::is_empty", default)]
    pub subjects: Vec<SubjectDigest>,
    /// The attendee, where whoever entered it named them.
    #[serde(with = "as_text_opt", skip_serializing_if = "Option::is_none", default)]
    pub attendee: Option<AttendeeId>,
    /// What it says.
    pub kind: RowKind,
    /// The channel: see [`crate::agenda::Channel`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub channel: Option<String>,
    /// The room.
    #[serde(with = "as_text_opt", skip_serializing_if = "Option::is_none", default)]
    pub room: Option<RoomId>,
    /// The session.
    #[serde(with = "as_text_opt", skip_serializing_if = "Option::is_none", default)]
    pub session: Option<SessionId>,
    /// The device, by an id that is one among those of its person and place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device: Option<String>,
    /// The poll, by an id that is one among those of its place; of kind `poll`, and of it alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub poll: Option<String>,
    /// It did not happen before this.
    #[serde(with = "as_instant")]
    pub earliest: UtcMs,
    /// It did not happen after this.
    #[serde(with = "as_instant")]
    pub latest: UtcMs,
    /// Why, as a code, where a person entered it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// What one import or batch of a source saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signals {
    /// [`VERSION`].
    pub v: u32,
    /// What kind of source: any but a scan.
    #[serde(with = "as_text")]
    pub source: Source,
    /// The system, such as `zoom`: an id.
    pub system: String,
    /// The observations, in no order that matters.
    pub rows: Vec<Row>,
}

/// Why bytes are no signals object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignals {
    /// Not of this form.
    #[error("the signals do not read: {0}")]
    Form(String),
    /// Another version.
    #[error("the signals have version {0}, which is not known here")]
    Version(u32),
    /// Too large.
    #[error("signals have at most {MAX_OBJECT_BYTES} bytes and {MAX_ROWS} rows")]
    TooLarge,
    /// The source or system is none.
    #[error("signals come from a source other than scans, and a system that is named by an id")]
    Source,
    /// A row is wrong.
    #[error("row {row} of the signals: {what}")]
    Row {
        /// The row, from 0.
        row: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl Row {
    /// What is wrong with it, where something is.
    pub fn fault(&self) -> Option<&'static str> {
        let places = [
            self.channel.is_some(),
            self.room.is_some(),
            self.session.is_some(),
        ];
        let fits = |text: &Option<String>, most: usize| {
            text.as_ref()
                .is_none_or(|t| (1..=most).contains(&t.len()) && !t.chars().any(char::is_control))
        };
        if self.subjects.is_empty() == self.attendee.is_none() {
            Some("name the person by accounts or as an attendee, not both")
        } else if self.subjects.len() > MAX_SUBJECTS {
            Some("at most 8 accounts")
        } else if places.iter().filter(|place| **place).count() != 1 {
            Some("name one place: a channel, a room or a session")
        } else if self.earliest > self.latest {
            Some("its earliest time comes after its latest")
        } else if (self.kind == RowKind::Poll) != self.poll.is_some() {
            Some("an answer to a poll names the poll, and nothing else does")
        } else if !fits(&self.channel, MAX_CHANNEL_BYTES)
            || ![&self.device, &self.poll, &self.reason]
                .iter()
                .all(|text| fits(text, MAX_WORD_BYTES))
        {
            Some(
                "a channel has 1 to 200 bytes, a device, poll or reason 1 to 128, without control characters",
            )
        } else {
            None
        }
    }

    /// When it happened.
    pub const fn at(&self) -> Interval {
        Interval {
            earliest: self.earliest,
            latest: self.latest,
        }
    }

    fn kind_of(&self) -> Kind {
        let crossing = |direction| Kind::Crossing {
            direction,
            source: DirectionSource::Reader,
        };
        match self.kind {
            RowKind::In => crossing(Direction::In),
            RowKind::Out => crossing(Direction::Out),
            RowKind::Seen => crossing(Direction::Seen),
            RowKind::Heartbeat => Kind::Heartbeat,
            RowKind::Poll => Kind::Poll {
                poll: self.poll.as_deref().unwrap_or_default().into(),
            },
            RowKind::Confirmed => Kind::Confirmed,
            RowKind::Denied => Kind::Denied,
            RowKind::Attested => Kind::Attested,
        }
    }

    /// Where it was: rooms, or a session. `None` where the agenda does not know the channel, room or session.
    fn place(&self, agenda: &Agenda) -> Option<(Vec<RoomId>, Option<SessionId>)> {
        if let Some(id) = &self.session {
            let session = agenda.sessions.iter().find(|s| s.id == *id)?;
            return Some((Vec::new(), Some(session.id.clone())));
        }
        if let Some(id) = &self.channel {
            let channel = agenda.channels.iter().find(|c| c.id == *id)?;
            return Some((channel.rooms.clone(), None));
        }
        let room = agenda
            .rooms
            .iter()
            .find(|r| Some(&r.id) == self.room.as_ref())?;
        Some((vec![room.id.clone()], None))
    }

    /// Whether the agenda knows where it was; else it counts nowhere until one does.
    pub fn is_placed(&self, agenda: &Agenda) -> bool {
        self.place(agenda).is_some()
    }

    /// As a signal; `None` where the agenda does not know its place.
    pub fn to_signal(&self, id: SignalId, source: Source, agenda: &Agenda) -> Option<Signal> {
        let (rooms, session) = self.place(agenda)?;
        Some(Signal {
            id,
            source,
            kind: self.kind_of(),
            rooms,
            session,
            device: self.device.as_deref().map(Arc::from),
            at: self.at(),
            quality: Quality::Reported,
            tick: None,
        })
    }
}

impl Signals {
    /// Whether it may be an object: see [`BadSignals`].
    ///
    /// # Errors
    /// Where it may not, with the row.
    pub fn check(&self) -> Result<(), BadSignals> {
        if self.v != VERSION {
            return Err(BadSignals::Version(self.v));
        }
        if self.source == Source::Scan || !subject::is_system(&self.system) {
            return Err(BadSignals::Source);
        }
        if self.rows.len() > MAX_ROWS {
            return Err(BadSignals::TooLarge);
        }
        for (row, what) in self.rows.iter().map(Row::fault).enumerate() {
            if let Some(what) = what {
                return Err(BadSignals::Row { row, what });
            }
        }
        Ok(())
    }
}

/// Reads an object.
///
/// # Errors
/// See [`BadSignals`].
pub fn read(bytes: &[u8]) -> Result<Signals, BadSignals> {
    if bytes.len() > MAX_OBJECT_BYTES {
        return Err(BadSignals::TooLarge);
    }
    let signals: Signals =
        crate::strict::from_slice(bytes).map_err(|e| BadSignals::Form(e.to_string()))?;
    signals.check()?;
    Ok(signals)
}
