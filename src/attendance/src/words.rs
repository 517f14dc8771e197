//! The words of the field as types: ids, directions, verdicts and signals.

use std::fmt;
use std::str::FromStr;

use crate::time::{Interval, Quality};

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 64;

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an id: use 1 to 64 of the characters a-z, 0-9 and '-'")]
pub struct BadId {
    /// The text, cut to what an id may be long.
    pub text: String,
}

/// Why a text is none of a closed list of words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}: it is one of {known}")]
pub struct UnknownWord {
    /// What was looked for.
    pub what: &'static str,
    /// The text, cut to 64 characters.
    pub text: String,
    /// The words there are.
    pub known: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Checks the characters and the length.
            ///
            /// # Errors
            /// Where the text is empty, too long or holds another character.
            pub fn new(text: &str) -> Result<Self, BadId> {
                let fits = (1..=MAX_ID_BYTES).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if fits {
                    Ok(Self(text.into()))
                } else {
                    Err(BadId { text: text.chars().take(MAX_ID_BYTES).collect() })
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                Self::new(text)
            }
        }
    )+};
}

ids! {
    /// A conference.
    EventId,
    /// A scheduled item of an event.
    SessionId,
    /// A room.
    RoomId,
    /// Where a kiosk stands.
    DoorId,
    /// One kiosk's enrolment.
    KioskId,
    /// A scanner or camera of a kiosk.
    ReaderId,
    /// An attendee, by pseudonym.
    AttendeeId,
    /// The sessions that one rule set credits together.
    ProgrammeId,
    /// A certificate's public code.
    CertificateId,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every word of the list, in its order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it stands in entries and reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;
            fn from_str(text: &str) -> Result<Self, $crate::words::UnknownWord> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::words::UnknownWord {
                        what: $what,
                        text: text.chars().take(64).collect(),
                        known: [$($text),+].join(", "),
                    }),
                }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Which way a scan goes.
    Direction, "direction" {
        /// Into the room.
        In = "in",
        /// Out of the room.
        Out = "out",
        /// Seen, with no direction: it opens and closes nothing.
        Seen = "seen",
    }
}

words! {
    /// Where a direction comes from; a toggled one is inferred.
    DirectionSource, "direction source" {
        /// Bound to the reader by its configuration.
        Reader = "reader",
        /// Set by staff.
        Staff = "staff",
        /// The opposite of what the door believed.
        Toggled = "toggled",
    }
}

words! {
    /// What the door made of a scan.
    Verdict, "verdict" {
        /// Recorded as an entry into the room.
        CheckedIn = "checked_in",
        /// Recorded as a leaving of the room.
        CheckedOut = "checked_out",
        /// The same badge within the repeat time: recorded, and nothing changes.
        Repeat = "repeat",
        /// No registration carries this badge.
        UnknownBadge = "unknown_badge",
        /// The badge was replaced or taken back.
        RevokedBadge = "revoked_badge",
        /// The badge is known, its registration does not hold now.
        NotRegistered = "not_registered",
        /// Recorded, though no session is on or near in the door's rooms.
        NoSession = "no_session",
    }
}

impl Verdict {
    /// Whether the scan says that its badge's holder was at the door. A badge unknown to a stale door, or one whose
    /// registration it thought not to hold, may be known to the issuer, so only what says nothing is left out.
    pub const fn is_presence(self) -> bool {
        !matches!(self, Self::Repeat | Self::RevokedBadge)
    }
}

words! {
    /// What kind of source a signal comes from.
    Source, "source" {
        /// A badge at a door.
        Scan = "scan",
        /// A check-in that another system recorded.
        App = "app",
        /// A platform on which a session is held or streamed.
        Platform = "platform",
        /// A person on the staff, who answers for it by name.
        Person = "person",
        /// The attendee's own word, or a list of names.
        Claim = "claim",
    }
}

/// What a signal says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Somebody passed a door or joined or left a platform.
    Crossing {
        /// Which way.
        direction: Direction,
        /// Where the direction comes from.
        source: DirectionSource,
    },
    /// A device was there, one sign of life among others.
    Heartbeat,
    /// A poll was answered.
    Poll {
        /// Which one, by an id that is one among those of its session.
        poll: std::sync::Arc<str>,
    },
    /// A person confirms the session whole.
    Confirmed,
    /// A person denies the session.
    Denied,
    /// It is said that somebody attended: kept, and no presence.
    Attested,
}

/// A signal's id: the origin of its log, its index there, and its row where the entry names an object of many signals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalId {
    /// The origin of the log that holds the entry.
    pub log: std::sync::Arc<str>,
    /// The entry's index in that log, from 0.
    pub index: u64,
    /// The row in the entry's object, from 0; none where the entry is the signal.
    pub row: Option<u32>,
}

impl fmt::Display for SignalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.log, self.index)?;
        self.row.map_or(Ok(()), |row| write!(f, ".{row}"))
    }
}

/// One clock that runs without steps: ends stamped by the same one share its error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick {
    /// The log whose kiosk owns the clock.
    pub log: std::sync::Arc<str>,
    /// The stretch of the log within which the clock ran on: see [`crate::time::ClockHistory`].
    pub segment: u32,
    /// The clock's reading in milliseconds.
    pub raw_ms: u64,
}

/// One normalised observation of presence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Where the evidence lies.
    pub id: SignalId,
    /// What kind of source saw it.
    pub source: Source,
    /// What it says.
    pub kind: Kind,
    /// The rooms it may have been in: those of the door or channel, one as a rule.
    pub rooms: Vec<RoomId>,
    /// The session it is about, where it names one instead of a room.
    pub session: Option<SessionId>,
    /// The device of a platform's attendee, by an id of that platform's report; none for a person at a door.
    pub device: Option<std::sync::Arc<str>>,
    /// When it happened.
    pub at: Interval,
    /// How well that is known.
    pub quality: Quality,
    /// The clock that stamped it, where one did.
    pub tick: Option<Tick>,
}

impl Signal {
    /// Which way it went: `seen` for what is no crossing.
    pub fn direction(&self) -> Direction {
        match self.kind {
            Kind::Crossing { direction, .. } => direction,
            Kind::Heartbeat
            | Kind::Poll { .. }
            | Kind::Confirmed
            | Kind::Denied
            | Kind::Attested => Direction::Seen,
        }
    }

    /// Whether its direction is the opposite of what a door believed, and so inferred.
    pub fn is_toggled(&self) -> bool {
        let Kind::Crossing { source, .. } = &self.kind else {
            return false;
        };
        *source == DirectionSource::Toggled
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_hold_their_characters() {
        assert_eq!(RoomId::new("hall-1").unwrap().as_str(), "hall-1");
        let longest = "a".repeat(MAX_ID_BYTES);
        assert!(RoomId::new(&longest).is_ok());
        for bad in ["", "Hall", "a b", "a_b", "ü", &"a".repeat(MAX_ID_BYTES + 1)] {
            assert!(RoomId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn words_round_trip_and_name_their_neighbours() {
        for verdict in Verdict::ALL {
            assert_eq!(verdict.as_str().parse::<Verdict>().unwrap(), *verdict);
        }
        let error = "checkedin".parse::<Verdict>().unwrap_err().to_string();
        assert!(error.contains("checked_in"), "{error}");
    }

    #[test]
    fn only_what_says_nothing_is_no_presence() {
        let silent: Vec<Verdict> = Verdict::ALL
            .iter()
            .copied()
            .filter(|verdict| !verdict.is_presence())
            .collect();
        assert_eq!(silent, [Verdict::Repeat, Verdict::RevokedBadge]);
    }

    #[test]
    fn a_signal_id_is_written_as_log_and_index() {
        let id = SignalId {
            log: "log".into(),
            index: 7,
            row: None,
        };
        assert_eq!(id.to_string(), "log#7");
        let row = SignalId { row: Some(2), ..id };
        assert_eq!(row.to_string(), "log#7.2");
    }
}
