//! A log of scans as a kiosk would write it, with its frontier kept: batches of a long log cost no more to make than those of a short one.

use attendance::Decimal;
use attendance::words::{
    AttendeeId, Direction, DirectionSource, DoorId, ReaderId, RoomId, Verdict,
};
use evidence::{Checkpoint, Frontier, leaf_hash, sign_checkpoint};
use protocol::badge::BadgeRef;
use protocol::entry::{Body, Provisional, Scan};
use rollcall_tests::random::Random;
use rollcall_tests::speaker::Speaker;
use rollcall_tests::world::{DOOR, PROGRAMME, ROOM, person};

/// In which order badges come.
const SEED: u64 = 0xba7c;

/// A kiosk that speaks the protocol, and whom it has seen.
#[derive(Debug)]
pub(crate) struct ScanLog {
    /// Its voice and entries.
    pub(crate) speaker: Speaker,
    /// Of what [`ScanLog::batch`] has given.
    frontier: Frontier,
    /// In the order in which they come, again and again.
    people: Vec<Person>,
    scans: usize,
}

/// Who wears a badge.
#[derive(Debug)]
struct Person {
    badge: BadgeRef,
    attendee: String,
}

/// Whom a scan was of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// The badge's digest.
    pub(crate) badge: [u8; 32],
    /// The attendee's pseudonym.
    pub(crate) attendee: &'a str,
    /// Which way.
    pub(crate) direction: Direction,
}

/// One batch, ready to be sent.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The index of its first entry.
    pub(crate) start: usize,
    /// The checkpoint after its last.
    pub(crate) checkpoint: String,
    /// Its bytes.
    pub(crate) body: Vec<u8>,
}

impl ScanLog {
    /// Goes on from the one entry that a speaker begins with.
    pub(crate) fn new(speaker: Speaker, people: usize) -> Self {
        let mut order: Vec<usize> = (0..people).collect();
        Random::from_seed(SEED).shuffle(&mut order);
        let people = order.into_iter().map(|number| {
            let badge = speaker.badge_key().reference(&person(number));
            let attendee = format!("a-{}", &badge.digest.to_string()[..12]);
            Person { badge, attendee }
        });
        Self {
            people: people.collect(),
            frontier: Frontier::new(),
            speaker,
            scans: 0,
        }
    }

    /// Entries that were given out in batches.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Scans that many badges, or fewer where the speaker's own first entry is still to go, and gives a batch of that many entries.
    pub(crate) fn batch(&mut self, entries: usize) -> Batch {
        let start = usize::try_from(self.size()).expect("logs here are short");
        while self.speaker.entries.len() < start + entries {
            self.scan();
        }
        let end = start + entries;
        let leaves = self.speaker.entries[start..end].iter();
        self.frontier
            .append_all(leaves.map(|bytes| leaf_hash(bytes)));
        let head = Checkpoint::new(
            &self.speaker.enrolled.origin,
            self.size(),
            self.frontier.root(),
        );
        let checkpoint =
            sign_checkpoint(&head.expect("an origin of the issuer's"), &self.speaker.key);
        let body = self.speaker.batch_under(start, end, checkpoint.clone());
        Batch {
            start,
            checkpoint,
            body,
        }
    }

    /// The entries of a batch that has scans only, with whom they are of.
    pub(crate) fn rows(
        &self,
        batch: &Batch,
        entries: usize,
    ) -> impl Iterator<Item = (&[u8], Seen<'_>)> {
        let bytes = self.speaker.entries[batch.start..batch.start + entries].iter();
        // The first entry is no scan.
        let seen = (batch.start - 1..).map(|scan| self.seen(scan));
        bytes.map(Vec::as_slice).zip(seen)
    }

    /// Lets go of a batch's entries, so that a log may be longer than memory.
    pub(crate) fn forget(&mut self, batch: &Batch) {
        let sent = usize::try_from(self.size()).expect("logs here are short");
        for bytes in &mut self.speaker.entries[batch.start..sent] {
            *bytes = Vec::new();
        }
    }

    /// Everybody goes in, in turn, and then out.
    fn seen(&self, scan: usize) -> Seen<'_> {
        let person = &self.people[scan % self.people.len()];
        let is_in = (scan / self.people.len()).is_multiple_of(2);
        Seen {
            badge: person.badge.digest.0,
            attendee: &person.attendee,
            direction: if is_in { Direction::In } else { Direction::Out },
        }
    }

    fn scan(&mut self) {
        let direction = self.seen(self.scans).direction;
        let person = &self.people[self.scans % self.people.len()];
        self.scans += 1;
        let verdict = match direction {
            Direction::Out => Verdict::CheckedOut,
            _ => Verdict::CheckedIn,
        };
        let attendee = AttendeeId::new(&person.attendee).expect("an id");
        let badge = person.badge.clone();
        self.speaker.say(Body::Scan(Box::new(Scan {
            door: DoorId::new(DOOR).expect("an id"),
            rooms: vec![RoomId::new(ROOM).expect("an id")],
            reader: ReaderId::new("main-in").expect("an id"),
            symbology: None,
            badge,
            attendee: Some(attendee),
            direction,
            direction_source: DirectionSource::Reader,
            verdict,
            prior: None,
            provisional: vec![provisional()],
            bundle: 1,
        })));
    }
}

/// What a door says while a session goes on.
fn provisional() -> Provisional {
    Provisional {
        programme: PROGRAMME.parse().expect("an id"),
        outcome: "none".parse().expect("an outcome"),
        credits: Some(Decimal::ZERO),
        reason: "below_minimum".parse().expect("a reason"),
        present_ms: 0,
        scheduled_ms: 3_600_000,
        rules: evidence::sha256(b"rules").to_hex(),
        engine: attendance::eligibility::ENGINE.to_owned(),
    }
}
