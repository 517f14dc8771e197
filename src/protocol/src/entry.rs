//! A journal's entries: one line of JSON each, at most [`MAX_ENTRY_BYTES`], in the words of `FORMAT.md`.
//!
//! Contract: [`encode`] gives the bytes that are hashed, signed and kept for ever; [`parse`] reads them and refuses what it
//! does not know, by name. A reader of a log takes every leaf whether or not its meaning parses: meaning never decides
//! whether a log advances.

use std::collections::BTreeMap;

use attendance::time::{Anchor, BootId, Mark, Stamp, Sync};
use attendance::words::{
    AttendeeId, Direction, DirectionSource, DoorId, ProgrammeId, ReaderId, RoomId, Verdict,
};
use attendance::{Decimal, Outcome, Reason, UtcMs};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::badge::BadgeRef;
use crate::text::{as_base64, as_hash, as_instant, as_instant_opt, as_text, as_text_opt, as_texts};
use crate::time_code;

/// The version of the entries written here.
pub const VERSION: u32 = 1;
/// The most bytes an entry may have.
pub const MAX_ENTRY_BYTES: usize = 4096;

/// Why bytes are no entry. The leaf stands all the same; only the meaning is put aside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// More than [`MAX_ENTRY_BYTES`].
    #[error("the entry has {0} bytes; at most {MAX_ENTRY_BYTES} are allowed")]
    TooLong(usize),
    /// Not one line.
    #[error("the entry is not one line")]
    NotOneLine,
    /// A version that this build does not know.
    #[error("entry version {0} is not known here; this build reads version {VERSION}")]
    UnknownVersion(u32),
    /// A kind that this build does not know.
    #[error("entry kind {0:?} is not known here")]
    UnknownKind(String),
    /// Not the shape its kind has.
    #[error("the entry is malformed: {0}")]
    Malformed(String),
}

impl EntryError {
    /// A code for logs and quarantine.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "too_long",
            Self::NotOneLine => "not_one_line",
            Self::UnknownVersion(_) => "unknown_version",
            Self::UnknownKind(_) => "unknown_kind",
            Self::Malformed(_) => "malformed",
        }
    }
}

/// One entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the clocks read.
    pub stamp: Stamp,
    /// What happened.
    pub body: Body,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The daemon started, or noticed a suspend.
    Boot(Boot),
    /// A time exchange with the issuer.
    Clock(Clock),
    /// A time code was scanned.
    TimeCode(TimeCode),
    /// A bundle came into force.
    Adopt(Adopt),
    /// A badge was read.
    Scan(Box<Scan>),
    /// Staff did something by hand.
    Staff(Staff),
    /// A reader changed its state.
    Reader(Reader),
    /// The issuer's receipt for this log.
    Receipt(NoteText),
    /// The ledger's checkpoint, cosigned by this kiosk.
    LedgerHead(NoteText),
    /// A code with numbers.
    Note(Note),
}

impl Body {
    /// The kind as it stands in entries.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Boot(_) => "boot",
            Self::Clock(_) => "clock",
            Self::TimeCode(_) => "time_code",
            Self::Adopt(_) => "adopt",
            Self::Scan(_) => "scan",
            Self::Staff(_) => "staff",
            Self::Reader(_) => "reader",
            Self::Receipt(_) => "receipt",
            Self::LedgerHead(_) => "ledger_head",
            Self::Note(_) => "note",
        }
    }

    /// Whether it waits for company instead of starting a batch.
    pub const fn rides_along(&self) -> bool {
        matches!(
            self,
            Self::Clock(_) | Self::Receipt(_) | Self::LedgerHead(_)
        )
    }
}

/// Why a `boot` entry was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootCause {
    /// The daemon started.
    Start,
    /// The machine had been suspended.
    Suspend,
}

/// The daemon started, or noticed a suspend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    /// Why it was written.
    pub cause: BootCause,
    /// `CLOCK_BOOTTIME` in milliseconds.
    pub boottime_ms: u64,
    /// Program and version.
    pub software: String,
    /// The floor of time in force.
    #[serde(with = "as_instant")]
    pub floor: UtcMs,
}

/// A time exchange with the issuer, with the answer as it was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// The kiosk's nonce, lower hex.
    pub nonce: String,
    /// The raw clock just before the request left, in milliseconds.
    pub sent_raw_ms: u64,
    /// The issuer's clock when the request came.
    #[serde(with = "as_instant")]
    pub issuer_received: UtcMs,
    /// The issuer's clock when the answer left.
    #[serde(with = "as_instant")]
    pub issuer_sent: UtcMs,
    /// The raw clock just after the answer came, in milliseconds.
    pub received_raw_ms: u64,
    /// The issuer's bound on its own error in milliseconds.
    pub issuer_error_ms: u32,
    /// The issuer's signature over the answer: see [`crate::time`].
    #[serde(with = "as_base64")]
    pub signature: Vec<u8>,
}

impl Clock {
    /// The exchange as an anchor.
    pub fn anchor(&self) -> Anchor {
        Anchor {
            sent_raw_ms: self.sent_raw_ms,
            issuer_received: self.issuer_received,
            issuer_sent: self.issuer_sent,
            received_raw_ms: self.received_raw_ms,
            issuer_error_ms: self.issuer_error_ms,
        }
    }
}

/// A time code was scanned, when the entry was stamped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeCode {
    /// The reader.
    #[serde(with = "as_text")]
    pub reader: ReaderId,
    /// The code as it was read: see [`crate::time_code`].
    pub code: String,
}

/// A bundle came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopt {
    /// The bundle's sequence number.
    pub sequence: u64,
    /// SHA-256 of the bundle's signed bytes.
    #[serde(with = "as_hash")]
    pub bundle: evidence::Hash,
    /// SHA-256 of the agenda in it.
    #[serde(with = "as_hash")]
    pub agenda: evidence::Hash,
    /// SHA-256 of the roster in it.
    #[serde(with = "as_hash")]
    pub roster: evidence::Hash,
    /// The hashes of the rule sets in it.
    pub rules: Vec<String>,
}

/// What the door believed of the attendee before the scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// The room they were believed to be in; nowhere, where absent.
    #[serde(with = "as_text_opt")]
    pub room: Option<RoomId>,
    /// Who said so: `door` for its own scans, `issuer` for what it was told.
    pub source: PriorSource,
    /// The index of the door's own entry behind it: the one that began it, or the check-in that the issuer's word supersedes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<u64>,
    /// Since when they are in the room, where the issuer said so and the door counts from then.
    #[serde(
        with = "as_instant_opt",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub since: Option<UtcMs>,
}

/// Who told a door of prior presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriorSource {
    /// Its own scans.
    Door,
    /// The issuer.
    Issuer,
}

/// The decision as the door showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provisional {
    /// The programme.
    #[serde(with = "as_text")]
    pub programme: ProgrammeId,
    /// What it came to.
    #[serde(with = "as_text")]
    pub outcome: Outcome,
    /// The credits; absent under review.
    #[serde(with = "as_text_opt")]
    pub credits: Option<Decimal>,
    /// Why.
    #[serde(with = "as_text")]
    pub reason: Reason,
    /// The least time present, over all sessions of the programme, in milliseconds.
    pub present_ms: i64,
    /// The length of those sessions that have begun, in milliseconds.
    pub scheduled_ms: i64,
    /// The hash of the rule set.
    pub rules: String,
    /// The engine's name.
    pub engine: String,
}

/// A badge was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// The door.
    #[serde(with = "as_text")]
    pub door: DoorId,
    /// The rooms the door served by the bundle in force.
    #[serde(with = "as_texts")]
    pub rooms: Vec<RoomId>,
    /// The reader.
    #[serde(with = "as_text")]
    pub reader: ReaderId,
    /// The code's symbology, where the reader told it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub symbology: Option<String>,
    /// The badge, as a keyed digest.
    pub badge: BadgeRef,
    /// The attendee by pseudonym, where the door knew them.
    #[serde(with = "as_text_opt")]
    pub attendee: Option<AttendeeId>,
    /// Which way.
    #[serde(with = "as_text")]
    pub direction: Direction,
    /// Where the direction comes from.
    #[serde(with = "as_text")]
    pub direction_source: DirectionSource,
    /// What the door made of it.
    #[serde(with = "as_text")]
    pub verdict: Verdict,
    /// What the door believed before.
    pub prior: Option<Prior>,
    /// The decision as shown, one a programme that the scan touched.
    pub provisional: Vec<Provisional>,
    /// The sequence of the bundle in force.
    pub bundle: u64,
}

/// Staff did something by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staff {
    /// What, as a code.
    pub action: String,
    /// Why, as a code.
    pub reason: String,
    /// Whose staff badge, as a keyed digest.
    pub badge: Option<BadgeRef>,
    /// The entry it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<u64>,
}

/// What became of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReaderState {
    /// It answers.
    Attached,
    /// It is gone.
    Lost,
    /// It is there and does not answer.
    Stalled,
    /// It sends more rubbish than scans.
    Flooding,
}

/// A reader changed its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reader {
    /// The reader.
    #[serde(with = "as_text")]
    pub reader: ReaderId,
    /// Its state.
    pub state: ReaderState,
    /// How many reads were refused since the last such entry.
    pub refused: u64,
}

/// A signed note, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteText {
    /// The note with its signatures.
    pub note: String,
}

/// A code with numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The code.
    pub code: String,
    /// Its numbers, by name.
    pub numbers: BTreeMap<String, i64>,
}

/// A stamp as it stands in entries.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireStamp {
    #[serde(with = "as_instant")]
    wall: UtcMs,
    #[serde(with = "as_text")]
    boot: BootId,
    raw_ms: u64,
    #[serde(with = "as_text")]
    sync: Sync,
    error_ms: Option<u32>,
}

#[derive(Serialize)]
struct Out<'a, T> {
    v: u32,
    kind: &'static str,
    time: WireStamp,
    body: &'a T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    v: u32,
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
    time: WireStamp,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// The version alone, for a clear word on lines of another one.
#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

/// The bytes of an entry: one line, without the line's end.
///
/// # Errors
/// Where they would be longer than [`MAX_ENTRY_BYTES`].
pub fn encode(entry: &Entry) -> Result<Vec<u8>, EntryError> {
    let bytes = match &entry.body {
        Body::Boot(body) => line(entry, body),
        Body::Clock(body) => line(entry, body),
        Body::TimeCode(body) => line(entry, body),
        Body::Adopt(body) => line(entry, body),
        Body::Scan(body) => line(entry, body.as_ref()),
        Body::Staff(body) => line(entry, body),
        Body::Reader(body) => line(entry, body),
        Body::Receipt(body) | Body::LedgerHead(body) => line(entry, body),
        Body::Note(body) => line(entry, body),
    }?;
    if bytes.len() > MAX_ENTRY_BYTES {
        Err(EntryError::TooLong(bytes.len()))
    } else {
        Ok(bytes)
    }
}

fn line<T: Serialize>(entry: &Entry, body: &T) -> Result<Vec<u8>, EntryError> {
    let stamp = entry.stamp.clone();
    let Stamp {
        wall,
        boot,
        raw_ms,
        sync,
        error_ms,
    } = stamp;
    let time = WireStamp {
        wall,
        boot,
        raw_ms,
        sync,
        error_ms,
    };
    let out = Out {
        v: VERSION,
        kind: entry.body.kind(),
        time,
        body,
    };
    serde_json::to_vec(&out).map_err(|e| EntryError::Malformed(e.to_string()))
}

/// Reads an entry's bytes.
///
/// # Errors
/// See [`EntryError`]; nothing is guessed.
pub fn parse(bytes: &[u8]) -> Result<Entry, EntryError> {
    let malformed = |e: &dyn std::fmt::Display| EntryError::Malformed(e.to_string());
    if bytes.len() > MAX_ENTRY_BYTES {
        return Err(EntryError::TooLong(bytes.len()));
    }
    if bytes.contains(&b'\n') || bytes.contains(&b'\r') {
        return Err(EntryError::NotOneLine);
    }
    let line: Line<'_> = match crate::strict::from_slice(bytes) {
        Ok(line) => line,
        Err(error) => {
            return Err(match crate::strict::from_slice::<VersionOnly>(bytes) {
                Ok(VersionOnly { v }) if v != VERSION => EntryError::UnknownVersion(v),
                _ => malformed(&error),
            });
        }
    };
    if line.v != VERSION {
        return Err(EntryError::UnknownVersion(line.v));
    }
    let body = line.body.get();
    fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, EntryError> {
        crate::strict::from_str(text).map_err(|e| EntryError::Malformed(e.to_string()))
    }
    let body = match &*line.kind {
        "boot" => Body::Boot(read(body)?),
        "clock" => Body::Clock(read(body)?),
        "time_code" => Body::TimeCode(read(body)?),
        "adopt" => Body::Adopt(read(body)?),
        "scan" => Body::Scan(read(body)?),
        "staff" => Body::Staff(read(body)?),
        "reader" => Body::Reader(read(body)?),
        "receipt" => Body::Receipt(read(body)?),
        "ledger_head" => Body::LedgerHead(read(body)?),
        "note" => Body::Note(read(body)?),
        other => return Err(EntryError::UnknownKind(other.chars().take(40).collect())),
    };
    let WireStamp {
        wall,
        boot,
        raw_ms,
        sync,
        error_ms,
    } = line.time;
    Ok(Entry {
        stamp: Stamp {
            wall,
            boot,
            raw_ms,
            sync,
            error_ms,
        },
        body,
    })
}

/// What an entry means for the history of its log's clock. Whether the issuer signed what `clock` and `time_code` entries
/// hold is for the caller to check. Receipts are opened by the caller, who knows the keys:
/// `receipt` gives the covered size and the time of a receipt's note, or nothing where it does not verify.
pub fn mark(entry: &Entry, receipt: impl FnOnce(&str) -> Option<(u64, u64)>) -> Mark {
    match &entry.body {
        Body::Boot(boot) => match boot.cause {
            BootCause::Start => Mark::Start,
            BootCause::Suspend => Mark::Suspend,
        },
        Body::Clock(clock) => Mark::Clock(clock.anchor()),
        Body::TimeCode(body) => {
            time_code::read(&body.code).map_or(Mark::Plain, |code| Mark::TimeCode {
                at: code.at,
                error_ms: code.error_ms,
            })
        }
        Body::Receipt(note) => receipt(&note.note).map_or(Mark::Plain, |(covers, time_s)| {
            Mark::Receipt { covers, time_s }
        }),
        Body::Adopt(_) | Body::Scan(_) | Body::Staff(_) => Mark::Plain,
        Body::Reader(_) | Body::LedgerHead(_) | Body::Note(_) => Mark::Plain,
    }
}
