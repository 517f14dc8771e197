//! What an entry leaves behind in a door, and traces packed into chunks beside the journal.
//!
//! Promises: a door follows traces and nothing else, whether an entry was just made, is read back, or only its trace is. So a door that
//! read chunks and then the entries after them is the door that read all entries. A chunk that does not read is refused whole.
//!
//! Format of a chunk, version 3: one byte of version, then numbers as LEB128 (with sign: zigzag), texts and lists under their length. First
//! what repeats, each once: boots, lists of rooms, attendees, digests of badges. Then the traces in order; wall and raw clock as differences
//! to the trace before. It is written and read by one kiosk, and dropped where it does not read: no other program has to know it.

use std::collections::HashMap;
use std::hash::Hash as Hashed;

use attendance::UtcMs;
use attendance::time::{Anchor, BootId, Mark, Stamp, Sync};
use attendance::words::{AttendeeId, Direction, DirectionSource, RoomId};
use protocol::badge::BadgeDigest;
use protocol::entry::{Prior, PriorSource};

/// The form of chunks written here.
const VERSION: u8 = 3;
/// The most of anything that a chunk may count: what a chunk of entries can hold, many times over.
const COUNT_MAX: u64 = 1 << 20;

/// What one entry leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    /// Its stamp; none where the entry's bytes say nothing here.
    pub(super) stamp: Option<Stamp>,
    pub(super) left: Left,
}

/// What an entry changes, beside that it was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// A scan that moves nobody.
    Stranger,
    /// A badge again within its pause.
    Again(BadgeDigest),
    /// Somebody came by.
    Passed(Box<Passed>),
    /// Staff set the direction; `None` for toggling.
    Direction(Option<Direction>),
    /// Staff took back the scan of this index.
    TakenBack(u64),
    /// The clock's history goes on.
    Mark(Mark),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) badge: BadgeDigest,
    /// Whose it is; none for a signed ticket that the roster did not list.
    pub(super) attendee: Option<AttendeeId>,
    pub(super) direction: Direction,
    pub(super) source: DirectionSource,
    pub(super) rooms: Vec<RoomId>,
    pub(super) stays_on: bool,
    /// When it was, as the door told it then.
    pub(super) since: UtcMs,
    /// What the issuer had told.
    pub(super) told: Option<Told>,
}

/// What a scan's prior holds of the issuer's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The room, if one: a list, since lists of rooms are what chunks number.
    pub(super) rooms: Vec<RoomId>,
    pub(super) since: Option<UtcMs>,
    pub(super) index: Option<u64>,
}

impl Told {
    /// Of a prior; none where it adds nothing to the door's own scans.
    pub(super) fn of(prior: Option<&Prior>) -> Option<Self> {
        let prior = prior.filter(|prior| prior.source == PriorSource::Issuer)?;
        let adds = prior.room.is_some() || prior.index.is_some();
        adds.then(|| Self {
            rooms: prior.room.iter().cloned().collect(),
            since: prior.since,
            index: prior.index,
        })
    }

    pub(super) fn prior(&self) -> Prior {
        Prior {
            room: self.rooms.first().cloned(),
            source: PriorSource::Issuer,
            index: self.index,
            since: self.since,
        }
    }
}

/// The traces of entries `from..to` of a log, packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The first entry's index.
    pub from: u64,
    /// One more than the last entry's.
    pub to: u64,
    /// The traces.
    pub bytes: Vec<u8>,
}

impl Chunk {
    pub(super) fn pack(from: u64, traces: &[Trace]) -> Self {
        let mut body = Writer::default();
        let mut lists = Lists::default();
        let (mut wall, mut raw) = (0_i64, 0_i64);
        for trace in traces {
            body.byte(tag(trace));
            if let Some(stamp) = &trace.stamp {
                let raw_ms = i64::from_le_bytes(stamp.raw_ms.to_le_bytes());
                body.number(lists.boots.of(&stamp.boot));
                body.signed(stamp.wall.0.wrapping_sub(wall));
                body.signed(raw_ms.wrapping_sub(raw));
                body.number(stamp.error_ms.map_or(0, |error| u64::from(error) + 1));
                (wall, raw) = (stamp.wall.0, raw_ms);
            }
            match &trace.left {
                Left::Nothing | Left::Stranger => {}
                Left::Again(badge) => body.number(lists.badges.of(badge)),
                Left::Passed(passed) => {
                    body.number(lists.badges.of(&passed.badge));
                    let attendee = passed.attendee.as_ref();
                    body.number(attendee.map_or(0, |attendee| lists.attendees.of(attendee) + 1));
                    body.number(lists.rooms.of(&passed.rooms));
                    body.byte(
                        place(Direction::ALL, passed.direction)
                            | (place(DirectionSource::ALL, passed.source) << 2)
                            | (u8::from(passed.stays_on) << 4)
                            | (u8::from(passed.told.is_some()) << 5),
                    );
                    body.signed(passed.since.0.wrapping_sub(wall));
                    if let Some(told) = &passed.told {
                        body.number(lists.rooms.of(&told.rooms));
                        body.optional(told.since.map(|since| since.0.wrapping_sub(wall)));
                        body.optional(told.index.map(u64::cast_signed));
                    }
                }
                Left::Direction(direction) => {
                    body.byte(direction.map_or(0, |to| place(Direction::ALL, to) + 1));
                }
                Left::TakenBack(index) => body.number(*index),
                Left::Mark(mark) => write_mark(&mut body, *mark),
            }
        }
        let mut chunk = Writer::default();
        chunk.byte(VERSION);
        lists.write(&mut chunk);
        let count = u64::try_from(traces.len()).unwrap_or(u64::MAX);
        chunk.number(count);
        chunk.0.extend_from_slice(&body.0);
        Self {
            from,
            to: from + count,
            bytes: chunk.0,
        }
    }

    /// The traces; `None` where the bytes are no chunk of so many.
    pub(super) fn unpack(&self) -> Option<Vec<Trace>> {
        let mut reader = Reader(&self.bytes);
        if reader.byte()? != VERSION {
            return None;
        }
        let lists = Known::read(&mut reader)?;
        let count = reader.count()?;
        if self.from.checked_add(count)? != self.to {
            return None;
        }
        let mut traces = Vec::with_capacity(usize::try_from(count).ok()?);
        let (mut wall, mut raw) = (0_i64, 0_i64);
        for _ in 0..count {
            let tag = reader.byte()?;
            let stamp = if tag & STAMPED == 0 {
                None
            } else {
                let boot = lists.boots.get(reader.index()?)?.clone();
                wall = wall.wrapping_add(reader.signed()?);
                raw = raw.wrapping_add(reader.signed()?);
                let error_ms = reader.number()?.checked_sub(1);
                Some(Stamp {
                    wall: UtcMs(wall),
                    boot,
                    raw_ms: u64::from_le_bytes(raw.to_le_bytes()),
                    sync: *Sync::ALL.get(usize::from((tag >> 5) & 3))?,
                    error_ms: error_ms.map(u32::try_from).transpose().ok()?,
                })
            };
            let left = read_left(&mut reader, tag & KIND, &lists, wall)?;
            traces.push(Trace { stamp, left });
        }
        reader.0.is_empty().then_some(traces)
    }
}

/// A trace's first byte: its kind, the clock's state, and whether a stamp follows.
const KIND: u8 = 0x1f;
const STAMPED: u8 = 0x80;

fn tag(trace: &Trace) -> u8 {
    let kind = match &trace.left {
        Left::Nothing => 0,
        Left::Stranger => 1,
        Left::Again(_) => 2,
        Left::Passed(_) => 3,
        Left::Direction(_) => 4,
        Left::Mark(Mark::Plain) => 5,
        Left::Mark(Mark::Start) => 6,
        Left::Mark(Mark::Suspend) => 7,
        Left::Mark(Mark::Clock(_)) => 8,
        Left::Mark(Mark::TimeCode { .. }) => 9,
        Left::Mark(Mark::Receipt { .. }) => 10,
        Left::TakenBack(_) => 11,
    };
    let stamp = trace.stamp.as_ref();
    kind | stamp.map_or(0, |stamp| STAMPED | (place(Sync::ALL, stamp.sync) << 5))
}

fn read_left(reader: &mut Reader<'_>, kind: u8, lists: &Known, wall: i64) -> Option<Left> {
    let mark = match kind {
        0 => return Some(Left::Nothing),
        1 => return Some(Left::Stranger),
        2 => return Some(Left::Again(*lists.badges.get(reader.index()?)?)),
        3 => {
            let badge = *lists.badges.get(reader.index()?)?;
            let attendee = match reader.index()?.checked_sub(1) {
                Some(place) => Some(lists.attendees.get(place)?.clone()),
                None => None,
            };
            let rooms = lists.rooms.get(reader.index()?)?.clone();
            let way = reader.byte()?;
            let since = UtcMs(wall.wrapping_add(reader.signed()?));
            return Some(Left::Passed(Box::new(Passed {
                badge,
                attendee,
                direction: *Direction::ALL.get(usize::from(way & 3))?,
                source: *DirectionSource::ALL.get(usize::from((way >> 2) & 3))?,
                rooms,
                stays_on: way & 16 != 0,
                since,
                told: if way & 32 == 0 {
                    None
                } else {
                    let since = |ahead: i64| UtcMs(wall.wrapping_add(ahead));
                    Some(Told {
                        rooms: lists.rooms.get(reader.index()?)?.clone(),
                        since: reader.optional()?.map(since),
                        index: reader.optional()?.map(i64::cast_unsigned),
                    })
                },
            })));
        }
        4 => {
            return Some(Left::Direction(match reader.byte()? {
                0 => None,
                to => Some(*Direction::ALL.get(usize::from(to - 1))?),
            }));
        }
        11 => return Some(Left::TakenBack(reader.number()?)),
        5 => Mark::Plain,
        6 => Mark::Start,
        7 => Mark::Suspend,
        8 => Mark::Clock(Anchor {
            sent_raw_ms: reader.number()?,
            issuer_received: UtcMs(reader.signed()?),
            issuer_sent: UtcMs(reader.signed()?),
            received_raw_ms: reader.number()?,
            issuer_error_ms: u32::try_from(reader.number()?).ok()?,
        }),
        9 => Mark::TimeCode {
            at: UtcMs(reader.signed()?),
            error_ms: u32::try_from(reader.number()?).ok()?,
        },
        10 => Mark::Receipt {
            covers: reader.number()?,
            time_s: reader.number()?,
        },
        _ => return None,
    };
    Some(Left::Mark(mark))
}

fn write_mark(body: &mut Writer, mark: Mark) {
    match mark {
        Mark::Plain | Mark::Start | Mark::Suspend => {}
        Mark::Clock(anchor) => {
            body.number(anchor.sent_raw_ms);
            body.signed(anchor.issuer_received.0);
            body.signed(anchor.issuer_sent.0);
            body.number(anchor.received_raw_ms);
            body.number(anchor.issuer_error_ms.into());
        }
        Mark::TimeCode { at, error_ms } => {
            body.signed(at.0);
            body.number(error_ms.into());
        }
        Mark::Receipt { covers, time_s } => {
            body.number(covers);
            body.number(time_s);
        }
    }
}

/// The place of a word in its closed list, which is short.
fn place<T: PartialEq + Copy>(all: &[T], word: T) -> u8 {
    let place = all.iter().position(|known| *known == word);
    place
        .and_then(|at| u8::try_from(at).ok())
        .unwrap_or(u8::MAX)
}

/// What repeats in a chunk that is written, numbered as it comes.
#[derive(Default)]
struct Lists<'a> {
    boots: Numbered<'a, BootId>,
    rooms: Numbered<'a, Vec<RoomId>>,
    attendees: Numbered<'a, AttendeeId>,
    badges: Numbered<'a, BadgeDigest>,
}

impl Lists<'_> {
    fn write(&self, out: &mut Writer) {
        out.list(&self.boots.order, |out, boot| out.text(boot.as_str()));
        out.list(&self.rooms.order, |out, rooms| {
            out.list(rooms, |out, room| out.text(room.as_str()));
        });
        out.list(&self.attendees.order, |out, id| out.text(id.as_str()));
        out.list(&self.badges.order, |out, badge| {
            out.0.extend_from_slice(&badge.0);
        });
    }
}

/// The same, read.
struct Known {
    boots: Vec<BootId>,
    rooms: Vec<Vec<RoomId>>,
    attendees: Vec<AttendeeId>,
    badges: Vec<BadgeDigest>,
}

impl Known {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            boots: reader.list(|reader| BootId::new(reader.text()?).ok())?,
            rooms: reader.list(|reader| reader.list(|reader| RoomId::new(reader.text()?).ok()))?,
            attendees: reader.list(|reader| AttendeeId::new(reader.text()?).ok())?,
            badges: reader.list(|reader| Some(BadgeDigest(reader.take(32)?.try_into().ok()?)))?,
        })
    }
}

struct Numbered<'a, T> {
    numbers: HashMap<&'a T, u64>,
    order: Vec<&'a T>,
}

impl<T> Default for Numbered<'_, T> {
    fn default() -> Self {
        Self {
            numbers: HashMap::new(),
            order: Vec::new(),
        }
    }
}

impl<'a, T: Hashed + Eq> Numbered<'a, T> {
    fn of(&mut self, value: &'a T) -> u64 {
        let Self { numbers, order } = self;
        *numbers.entry(value).or_insert_with(|| {
            order.push(value);
            u64::try_from(order.len() - 1).unwrap_or(u64::MAX)
        })
    }
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.byte(number.to_le_bytes()[0]);
    }

    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn optional(&mut self, number: Option<i64>) {
        self.byte(u8::from(number.is_some()));
        if let Some(number) = number {
            self.signed(number);
        }
    }

    fn text(&mut self, text: &str) {
        self.number(u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(text.as_bytes());
    }

    fn list<T>(&mut self, list: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.number(u64::try_from(list.len()).unwrap_or(u64::MAX));
        for one in list {
            each(self, one);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    /// The outer option is whether it reads.
    #[allow(clippy::option_option)]
    fn optional(&mut self) -> Option<Option<i64>> {
        match self.byte()? {
            0 => Some(None),
            1 => Some(Some(self.signed()?)),
            _ => None,
        }
    }

    fn count(&mut self) -> Option<u64> {
        self.number().filter(|count| *count <= COUNT_MAX)
    }

    fn index(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let bytes = self.index()?;
        std::str::from_utf8(self.take(bytes)?).ok()
    }

    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(one(self)?);
        }
        Some(list)
    }
}
