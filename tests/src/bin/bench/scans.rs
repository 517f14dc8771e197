//! A log of scans as a kiosk would write it, with its frontier kept: batches of a long log cost no more to make than those of a short one.

use attendance::Decimal;
use attendance::words::{
    AttendeeId, Direction, DirectionSource, DoorId, ReaderId, RoomId, Verdict,
};
use evidence::{Checkpoint, Frontier, leaf_hash, sign_checkpoint};
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
    order: Vec<usize>,
    scans: usize,
    seen: Vec<Seen>,
}

/// Whom a scan was of.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The badge's digest.
    pub(crate) badge: [u8; 32],
    /// The attendee's pseudonym.
    pub(crate) attendee: String,
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
        let frontier = Frontier::new();
        Self {
            speaker,
            frontier,
            order,
            scans: 0,
            seen: Vec::new(),
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
    ) -> impl Iterator<Item = (&[u8], &Seen)> {
        let bytes = self.speaker.entries[batch.start..batch.start + entries].iter();
        // The first entry is no scan.
        bytes.map(Vec::as_slice).zip(&self.seen[batch.start - 1..])
    }

    fn scan(&mut self) {
        let number = self.order[self.scans % self.order.len()];
        let is_in = (self.scans / self.order.len()).is_multiple_of(2);
        self.scans += 1;
        let (direction, verdict) = match is_in {
            true => (Direction::In, Verdict::CheckedIn),
            false => (Direction::Out, Verdict::CheckedOut),
        };
        let badge = self.speaker.badge_key().reference(&person(number));
        let attendee = format!("a-{}", &badge.digest.to_string()[..12]);
        self.seen.push(Seen {
            badge: badge.digest.0,
            attendee: attendee.clone(),
            direction,
        });
        self.speaker.say(Body::Scan(Box::new(Scan {
            door: DoorId::new(DOOR).expect("an id"),
            rooms: vec![RoomId::new(ROOM).expect("an id")],
            reader: ReaderId::new("main-in").expect("an id"),
            symbology: None,
            badge,
            attendee: Some(AttendeeId::new(&attendee).expect("an id")),
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
