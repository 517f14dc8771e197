//! A kiosk that is only keys and entries, and an issuer to talk to: for this crate's tests.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use attendance::UtcMs;
use attendance::time::{BootId, Stamp, Sync};
use attendance::words::{
    AttendeeId, Direction, DirectionSource, DoorId, EventId, KioskId, ProgrammeId, ReaderId,
    RoomId, Verdict,
};
use evidence::{Checkpoint, Frontier, Hash, SigningKey, sign_checkpoint};
use protocol::badge::BadgeKey;
use protocol::batch::{self, Head, Leaf};
use protocol::bundle::{DoorPolicy, NamePolicy};
use protocol::entry::{self, Body, Boot, BootCause, Clock, Entry, Note, NoteText, Scan};
use protocol::time::TimeRequest;

use crate::intake::meaning::{Parties, prepare};
use crate::store::batches::BatchOutcome;
use crate::store::enrolment::{KioskFacts, NewClaim, Redeemed, Redemption};
use crate::store::events::{AgendaChange, NewEvent, ProgrammeFacts};
use crate::store::people::PersonChange;
use crate::store::{FolderObjects, ObjectError, ObjectStore, Store, StoreError};

pub(crate) const NOON: UtcMs = UtcMs(1_800_000_000_000);
pub(crate) const ISSUER: &str = "ce.example.org";
pub(crate) const BOOT: &str = "aaaaaaaa-0000-4000-8000-000000000000";

pub(crate) fn issuer_key() -> SigningKey {
    SigningKey::from_seed(&[9; 32])
}

pub(crate) fn badge_key() -> BadgeKey {
    BadgeKey::from_bytes([7; 32])
}

pub(crate) fn event_id() -> EventId {
    EventId::new("gp-2026").unwrap()
}

pub(crate) fn programme_id() -> ProgrammeId {
    ProgrammeId::new("main").unwrap()
}

/// A clock that tests set.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOON.0)))
    }

    pub(crate) fn now(&self) -> UtcMs {
        UtcMs(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn pass_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

/// Random bytes that are the same in every run.
pub(crate) fn counted_random() -> crate::keys::Random {
    let next = AtomicI64::new(1);
    Arc::new(move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(32) {
            let count = next.fetch_add(1, Ordering::SeqCst);
            let Hash(digest) = evidence::sha256(&count.to_be_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    })
}

/// A folder of objects that counts what is read of it.
pub(crate) struct CountedObjects {
    folder: FolderObjects,
    reads: Mutex<Vec<(Hash, usize)>>,
}

impl CountedObjects {
    pub(crate) fn open(root: &Path) -> Self {
        Self {
            folder: FolderObjects::open(root).unwrap(),
            reads: Mutex::default(),
        }
    }

    /// The objects that were read since this was asked last, with their bytes.
    pub(crate) fn take_reads(&self) -> Vec<(Hash, usize)> {
        std::mem::take(&mut self.reads.lock().unwrap())
    }
}

impl ObjectStore for CountedObjects {
    fn put(&self, bytes: &[u8]) -> Result<Hash, ObjectError> {
        self.folder.put(bytes)
    }

    fn get(&self, hash: Hash) -> Result<Option<Vec<u8>>, ObjectError> {
        let found = self.folder.get(hash)?;
        let bytes = found.as_ref().map_or(0, Vec::len);
        self.reads.lock().unwrap().push((hash, bytes));
        Ok(found)
    }
}

pub(crate) fn new_event() -> NewEvent {
    NewEvent {
        id: event_id(),
        title: "Good Practice 2026".to_owned(),
        zone: "Europe/Vienna".to_owned(),
        languages: vec!["en".to_owned(), "de".to_owned()],
        names: NamePolicy::First,
        policy: DoorPolicy::default(),
        badge_key_id: badge_key().id(),
        badge_key: vec![1, 2, 3],
        issuer: ISSUER.to_owned(),
        issuer_key: issuer_key().public_key(),
        ledger: format!("{ISSUER}/event/{}", event_id()),
    }
}

pub(crate) fn door(id: &str) -> protocol::agenda::Door {
    protocol::agenda::Door {
        id: DoorId::new(id).unwrap(),
        title: format!("Door {id}"),
        rooms: vec![RoomId::new("hall").unwrap()],
    }
}

/// An event with one door and one programme, and a kiosk enrolled there.
pub(crate) fn event_with_kiosk(store: &dyn Store) -> FakeKiosk {
    store.create_event(&new_event(), NOON).unwrap();
    store
        .put_door(&event_id(), &door("main"), None, NOON)
        .unwrap();
    let change = AgendaChange {
        base: None,
        object: evidence::sha256(b"agenda"),
        programmes: vec![ProgrammeFacts {
            id: programme_id(),
            title: "Main".to_owned(),
            rules: None,
        }],
    };
    store
        .import_agenda(&event_id(), &change, &import("agenda", b"agenda"), NOON)
        .unwrap();
    enrol(store, "main", 1)
}

pub(crate) fn import(what: &str, object: &[u8]) -> protocol::ledger::Import {
    protocol::ledger::Import {
        what: what.to_owned(),
        format: "csv".to_owned(),
        object: evidence::sha256(object),
        file: evidence::sha256(b"file"),
        rows: 1,
        operator: None,
        reason: None,
    }
}

/// Enrols a kiosk whose key is made of `seed`.
pub(crate) fn enrol(store: &dyn Store, door: &str, seed: u8) -> FakeKiosk {
    let key = SigningKey::from_seed(&[seed; 32]);
    let secret = evidence::sha256(&[seed]);
    let claim = NewClaim {
        secret,
        event: event_id(),
        door: DoorId::new(door).unwrap(),
        expires: NOON.plus_ms(1_000),
    };
    store.put_claim(&claim).unwrap();
    let redemption = Redemption {
        secret,
        public_key: key.public_key(),
        software: "test".to_owned(),
        suffix: format!("k{seed}"),
        issuer: ISSUER.to_owned(),
    };
    match store.redeem_claim(&redemption, NOON).unwrap() {
        Redeemed::Kiosk(facts) => FakeKiosk::new(*facts, key),
        Redeemed::Refused(fault) => panic!("{fault:?}"),
    }
}

/// Registers people by their badges; the attendee of badge `X1` is `a-X1` in small letters.
pub(crate) fn register(store: &dyn Store, badges: &[&str]) {
    let base = store.roster(&event_id()).unwrap().base;
    let changes: Vec<PersonChange> = badges.iter().map(|badge| person(badge)).collect();
    let import = import("registrations", badges.join(",").as_bytes());
    store
        .import_registrations(&event_id(), base, &changes, &import, NOON)
        .unwrap();
}

pub(crate) fn attendee(badge: &str) -> AttendeeId {
    AttendeeId::new(&format!("a-{}", badge.to_lowercase())).unwrap()
}

pub(crate) fn person(badge: &str) -> PersonChange {
    let digest = badge_key().digest(badge);
    PersonChange {
        attendee: attendee(badge),
        key: b"key".to_vec(),
        sealed: badge.as_bytes().to_vec(),
        badge: (digest, b"row".to_vec()),
        registration: protocol::agenda::Registration::plain(attendee(badge), vec![digest]),
    }
}

/// A kiosk's log, and what it sends of it.
#[derive(Clone)]
pub(crate) struct FakeKiosk {
    pub(crate) facts: KioskFacts,
    pub(crate) key: SigningKey,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) ledger_size: u64,
    pub(crate) ledger: Option<String>,
}

impl FakeKiosk {
    pub(crate) fn new(facts: KioskFacts, key: SigningKey) -> Self {
        Self {
            facts,
            key,
            entries: Vec::new(),
            ledger_size: 0,
            ledger: None,
        }
    }

    pub(crate) fn id(&self) -> &KioskId {
        &self.facts.kiosk
    }

    pub(crate) fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    fn stamp(&self) -> Stamp {
        let raw_ms = 1_000 * self.size();
        Stamp {
            wall: NOON.plus_ms(i64::try_from(raw_ms).unwrap()),
            boot: BootId::new(BOOT).unwrap(),
            raw_ms,
            sync: Sync::Synced,
            error_ms: Some(5),
        }
    }

    pub(crate) fn add(&mut self, body: Body) {
        let stamp = self.stamp();
        self.entries
            .push(entry::encode(&Entry { stamp, body }).unwrap());
    }

    pub(crate) fn add_raw(&mut self, bytes: &[u8]) {
        self.entries.push(bytes.to_vec());
    }

    pub(crate) fn note(&mut self, code: &str) {
        let code = code.to_owned();
        let numbers = BTreeMap::new();
        self.add(Body::Note(Note { code, numbers }));
    }

    pub(crate) fn boot(&mut self, cause: BootCause) {
        self.add(Body::Boot(Boot {
            cause,
            boottime_ms: 0,
            software: "test".to_owned(),
            floor: NOON,
        }));
    }

    pub(crate) fn scan(&mut self, badge: &str, direction: Direction) {
        self.scan_in("hall", badge, direction);
    }

    pub(crate) fn scan_in(&mut self, room: &str, badge: &str, direction: Direction) {
        let verdict = match direction {
            Direction::Out => Verdict::CheckedOut,
            Direction::In | Direction::Seen => Verdict::CheckedIn,
        };
        self.add(Body::Scan(Box::new(Scan {
            door: self.facts.door.clone(),
            rooms: vec![RoomId::new(room).unwrap()],
            reader: ReaderId::new("r1").unwrap(),
            symbology: None,
            badge: badge_key().reference(badge),
            attendee: None,
            direction,
            direction_source: DirectionSource::Reader,
            verdict,
            prior: None,
            provisional: Vec::new(),
            bundle: 1,
        })));
    }

    /// An exchange with the issuer's clock, which was off by so much.
    pub(crate) fn clock(&mut self, off_ms: i64) {
        let raw_ms = self.stamp().raw_ms;
        let at = self.stamp().wall.plus_ms(off_ms);
        let nonce = format!("{:032x}", self.size());
        let request = TimeRequest {
            nonce: nonce.clone(),
        };
        let answer = protocol::time::answer(&request, at, at, 1, &issuer_key());
        self.add(Body::Clock(Clock {
            nonce,
            sent_raw_ms: raw_ms - 1,
            issuer_received: at,
            issuer_sent: at,
            received_raw_ms: raw_ms,
            issuer_error_ms: answer.error_ms,
            signature: answer.signature,
        }));
    }

    pub(crate) fn receipt(&mut self, note: &str) {
        let note = note.to_owned();
        self.add(Body::Receipt(NoteText { note }));
    }

    pub(crate) fn ledger_head(&mut self, ledger_note: &str) {
        let note =
            evidence::cosign(ledger_note, &self.facts.origin, &self.key, 1_800_000_000).unwrap();
        self.add(Body::LedgerHead(NoteText { note }));
    }

    pub(crate) fn checkpoint(&self, size: u64) -> String {
        let mut frontier = Frontier::new();
        let size_of = usize::try_from(size).unwrap();
        frontier.append_all(
            self.entries[..size_of]
                .iter()
                .map(|e| evidence::leaf_hash(e)),
        );
        let head = Checkpoint::new(&self.facts.origin, size, frontier.root()).unwrap();
        sign_checkpoint(&head, &self.key)
    }

    /// The bytes of a batch of the entries `start..end`.
    pub(crate) fn batch(&self, start: u64, end: u64) -> Vec<u8> {
        let head = Head {
            start,
            checkpoint: self.checkpoint(end),
            ledger_size: self.ledger_size,
            ledger: self.ledger.clone(),
        };
        let range = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
        let leaves: Vec<Leaf<'_>> = self.entries[range].iter().map(|e| Leaf::Entry(e)).collect();
        batch::write(&head, &leaves).unwrap()
    }

    /// Hands bytes to a store as a batch of this kiosk.
    pub(crate) fn deliver(
        &self,
        store: &dyn Store,
        bytes: &[u8],
        now: UtcMs,
    ) -> Result<BatchOutcome, StoreError> {
        let issuer_key = issuer_key().public_key();
        let parties = Parties {
            kiosk: &self.facts,
            issuer: ISSUER,
            issuer_key: &issuer_key,
            ledger: &new_event().ledger,
        };
        let prepared = prepare(bytes, parties).unwrap();
        store.accept_batch(&prepared, now)
    }

    /// Delivers the entries `start..end`, which the store must take or hold.
    pub(crate) fn send(
        &self,
        store: &dyn Store,
        start: u64,
        end: u64,
    ) -> crate::store::batches::Held {
        match self.deliver(store, &self.batch(start, end), NOON).unwrap() {
            BatchOutcome::Held(held) => held,
            other => panic!("{other:?}"),
        }
    }
}
