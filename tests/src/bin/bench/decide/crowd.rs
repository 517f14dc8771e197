//! A hybrid conference as rows: who came to which room when, at doors and on platforms.

use attendance::UtcMs;
use rollcall_tests::random::Random;

/// Rooms, each with its doors and its channel.
pub(super) const ROOMS: u8 = 5;
/// Days, and sessions of a room in a day.
const DAYS: i64 = 2;
const SLOTS: i64 = 6;
/// A minute, in milliseconds.
pub(super) const MIN_MS: i64 = 60_000;
/// The first session begins then.
const START: UtcMs = UtcMs(1_800_000_000_000);
/// Sessions are so long.
const SESSION_MS: i64 = 50 * MIN_MS;
/// Heartbeats of one device at most so far apart are presence.
pub(super) const BEAT_GAP_S: u32 = 120;

/// What a row says, as it stands in tables.
pub(super) const IN: u8 = 0;
pub(super) const OUT: u8 = 1;
pub(super) const BEAT: u8 = 2;
/// The device of somebody at a door.
pub(super) const NO_DEVICE: u8 = 0;

/// One signal, as it lies in a store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) attendee: u32,
    pub(super) room: u8,
    pub(super) device: u8,
    pub(super) kind: u8,
    pub(super) at_ms: i64,
}

/// One session: its number is its place among all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) room: u8,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
}

/// All that happened.
pub(super) struct Crowd {
    /// By attendee, then as each came in.
    pub(super) rows: Vec<Row>,
    pub(super) slots: Vec<Slot>,
}

impl Crowd {
    /// The same crowd for the same number of people.
    pub(super) fn new(people: u32) -> Self {
        let mut random = Random::from_seed(0x0c40_17d5);
        let slots = slots();
        let mut rows = Vec::new();
        for attendee in 0..people {
            let mut visit = Visit {
                rows: &mut rows,
                random: &mut random,
                attendee,
            };
            for slot in 0..DAYS * SLOTS {
                let room = visit.below(u64::from(ROOMS));
                let number = slot * i64::from(ROOMS) + room;
                visit.session(&slots[usize::try_from(number).expect("a small number")]);
            }
        }
        Self { rows, slots }
    }

    /// Each attendee's rows.
    pub(super) fn by_attendee(&self) -> impl Iterator<Item = &[Row]> {
        self.rows.chunk_by(|a, b| a.attendee == b.attendee)
    }
}

fn slots() -> Vec<Slot> {
    let mut slots = Vec::new();
    for slot in 0..DAYS * SLOTS {
        let start_ms = START.0 + (slot / SLOTS * 24 + slot % SLOTS) * 60 * MIN_MS;
        slots.extend((0..ROOMS).map(|room| Slot {
            room,
            start_ms,
            end_ms: start_ms + SESSION_MS,
        }));
    }
    slots
}

struct Visit<'a> {
    rows: &'a mut Vec<Row>,
    random: &'a mut Random,
    attendee: u32,
}

impl Visit<'_> {
    fn below(&mut self, end: u64) -> i64 {
        i64::try_from(self.random.below(end)).expect("a small number")
    }

    fn add(&mut self, slot: &Slot, device: u8, kind: u8, at_ms: i64) {
        self.rows.push(Row {
            attendee: self.attendee,
            room: slot.room,
            device,
            kind,
            at_ms,
        });
    }

    /// Half of all come through a door, half join a platform; nobody stays into the next session.
    fn session(&mut self, slot: &Slot) {
        let from_ms = slot.start_ms - 4 * MIN_MS + self.below(8 * 60_000);
        let to_ms = slot.end_ms - 4 * MIN_MS + self.below(8 * 60_000);
        if self.below(2) == 0 {
            self.at_door(slot, from_ms, to_ms);
        } else {
            self.on_platform(slot, from_ms, to_ms);
        }
    }

    /// In and out, one in four with a break.
    fn at_door(&mut self, slot: &Slot, from_ms: i64, to_ms: i64) {
        self.add(slot, NO_DEVICE, IN, from_ms);
        if self.below(4) == 0 {
            let out_ms = from_ms + 10 * MIN_MS + self.below(600_000);
            self.add(slot, NO_DEVICE, OUT, out_ms);
            let in_ms = out_ms + MIN_MS + self.below(300_000);
            self.add(slot, NO_DEVICE, IN, in_ms);
        }
        self.add(slot, NO_DEVICE, OUT, to_ms);
    }

    /// A join, signs of life with a gap now and then, and a leave; one in eight goes on from a second device that says nothing but that it lives.
    fn on_platform(&mut self, slot: &Slot, from_ms: i64, to_ms: i64) {
        let first = 1 + u8::try_from(self.below(2)).expect("a small number");
        let moves_on = self.below(8) == 0;
        let until_ms = if moves_on {
            (from_ms + to_ms) / 2
        } else {
            to_ms
        };
        self.add(slot, first, IN, from_ms);
        self.beats(slot, first, from_ms, until_ms);
        self.add(slot, first, OUT, until_ms);
        if moves_on {
            self.beats(slot, 3, until_ms - MIN_MS, to_ms);
        }
    }

    fn beats(&mut self, slot: &Slot, device: u8, from_ms: i64, to_ms: i64) {
        let mut at_ms = from_ms + self.below(45_000);
        while at_ms < to_ms {
            self.add(slot, device, BEAT, at_ms);
            let lost = if self.below(40) == 0 { 100_000 } else { 0 };
            at_ms += 40_000 + self.below(10_000) + lost;
        }
    }
}
