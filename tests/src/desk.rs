//! An issuer within this process, and kiosks that are only keys and entries: for days that are over in a moment.
//!
//! Contract: everything goes through the issuer's own readers, imports, intake, store and deciders, with the time given to each call; no
//! clock is read and nothing is sent. The same calls give the same event.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use attendance::UtcMs;
use attendance::time::{BootId, Stamp, Sync};
use attendance::words::{
    AttendeeId, Direction, DirectionSource, DoorId, EventId, ProgrammeId, ReaderId, RoomId, Verdict,
};
use chrono_tz::Tz;
use evidence::{
    Checkpoint, Frontier, Hash, SigningKey, cosign, leaf_hash, sha256, sign_checkpoint,
};
use issuer::decisions::Decider;
use issuer::imports::observed::{self, By, Taken};
use issuer::imports::{self, Desk, Plan, Source};
use issuer::intake::meaning::{Parties, prepare};
use issuer::keys::{Keys, Random};
use issuer::sources::platforms::{DayOrder, Reading, detect_attendance};
use issuer::sources::{agenda_csv, registrations_csv, zone_named};
use issuer::store::batches::BatchOutcome;
use issuer::store::enrolment::{KioskFacts, NewClaim, Redeemed, Redemption};
use issuer::store::events::NewEvent;
use issuer::store::{
    BatchUnits as _, Documents, EnrolmentUnits as _, EventUnits as _, FolderObjects, ObjectStore,
    PeopleUnits as _, SqliteStore, Store,
};
use protocol::agenda::Door;
use protocol::badge::{BadgeDigest, BadgeKey};
use protocol::batch::{self, Head, Leaf};
use protocol::bundle::{DoorPolicy, NamePolicy};
use protocol::entry::{self, Body, Boot, BootCause, Clock, Entry, NoteText, Scan};
use protocol::time::{TimeRequest, answer};

/// The issuer's name.
pub const ISSUER: &str = "desk.rollcall.example";
/// What its kiosks call themselves.
const SOFTWARE: &str = "rollcall-tests 0";
/// How far the answers to its kiosks' time exchanges may be off, in milliseconds.
const ISSUER_ERROR_MS: u32 = 5;
/// How long an exchange takes on the way there and back, in milliseconds.
const EXCHANGE_MS: u64 = 4;

/// An id of any kind.
///
/// # Panics
/// Where the text is none.
pub fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("an id")
}

/// The same bytes in every run.
fn counted() -> Random {
    let next = AtomicU64::new(1);
    Arc::new(move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(32) {
            let Hash(digest) = sha256(&next.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    })
}

/// An issuer with one event.
pub struct Office {
    /// Goes with the office.
    folder: tempfile::TempDir,
    /// Its database.
    pub store: Arc<SqliteStore>,
    /// Its objects.
    pub objects: Arc<FolderObjects>,
    documents: Documents,
    /// Its keys.
    pub keys: Arc<Keys>,
    /// Its only event.
    pub event: EventId,
    zone: Tz,
    badge_key: BadgeKey,
    random: Random,
}

impl Office {
    /// An event without doors, agenda or people.
    ///
    /// # Panics
    /// Where the store refuses, or the zone is none.
    pub fn new(event: &str, zone: &str, now: UtcMs) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("issuer.db")).expect("a database");
        let objects = FolderObjects::open(&folder.path().join("objects")).expect("a folder");
        let random = counted();
        let keys = Keys::load(&folder.path().join("master.key"), &store, &random).expect("keys");
        let (event, badge_key) = (id::<EventId>(event), BadgeKey::from_bytes([9; 32]));
        let new = NewEvent {
            id: event.clone(),
            title: "A day".into(),
            zone: zone.into(),
            languages: vec!["en".into()],
            names: NamePolicy::First,
            policy: DoorPolicy::default(),
            badge_key_id: badge_key.id(),
            badge_key: keys.seal_badge_key(&event, &badge_key, &random),
            issuer: ISSUER.into(),
            issuer_key: keys.signing.public_key(),
            ledger: evidence::ledger_origin(ISSUER, event.as_str()).expect("an origin"),
        };
        store.create_event(&new, now).expect("a new event");
        Self {
            folder,
            store: Arc::new(store),
            objects: Arc::new(objects),
            documents: Documents::default(),
            keys: Arc::new(keys),
            event,
            zone: zone_named(zone).expect("a zone"),
            badge_key,
            random,
        }
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where imports go.
    pub fn desk(&self, now: UtcMs) -> Desk<'_> {
        Desk {
            store: self.store.as_ref(),
            objects: self.objects.as_ref(),
            documents: &self.documents,
            keys: &self.keys,
            random: &self.random,
            now,
        }
    }

    /// Imports a table of sessions.
    ///
    /// # Panics
    /// Where the table or its import is refused.
    pub fn agenda(&self, csv: &str, now: UtcMs) -> Plan {
        let report = agenda_csv::read(csv.as_bytes(), self.zone).expect("an agenda");
        let source = source(csv, report.import.sessions.len());
        imports::agenda::import(self.desk(now), &self.event, &report.import, source, false)
            .expect("the agenda is taken")
    }

    /// Imports a table of people.
    ///
    /// # Panics
    /// Where the table or its import is refused.
    pub fn registrations(&self, csv: &str, now: UtcMs) -> Plan {
        let report = registrations_csv::read(csv.as_bytes(), self.zone).expect("registrations");
        let source = source(csv, report.import.rows.len());
        imports::registrations::import(self.desk(now), &self.event, &report.import, source, false)
            .expect("the registrations are taken")
    }

    /// Brings a rule set into force.
    ///
    /// # Panics
    /// Where it is refused.
    pub fn adopt(&self, programme: &str, rules: &str, now: UtcMs) {
        let programme: ProgrammeId = id(programme);
        imports::agenda::adopt_rules(self.desk(now), &self.event, &programme, rules)
            .expect("the rules are adopted");
    }

    /// A door, and a kiosk enrolled at it under the key of a seed.
    ///
    /// # Panics
    /// Where the store refuses.
    pub fn door(&self, door: &str, rooms: &[&str], seed: u8, now: UtcMs) -> DoorLog {
        let rooms: Vec<RoomId> = rooms.iter().map(|room| id(room)).collect();
        let facts = Door {
            id: id(door),
            title: door.into(),
            rooms: rooms.clone(),
        };
        imports::agenda::put_door(self.desk(now), &self.event, &facts).expect("a door");
        let (key, secret) = (SigningKey::from_seed(&[seed; 32]), sha256(&[seed]));
        let claim = NewClaim {
            secret,
            event: self.event.clone(),
            door: facts.id,
            expires: now.plus_ms(60_000),
        };
        self.store.put_claim(&claim).expect("a claim");
        let redemption = Redemption {
            secret,
            public_key: key.public_key(),
            software: SOFTWARE.into(),
            suffix: format!("k{seed}"),
            issuer: ISSUER.into(),
        };
        let redeemed = self.store.redeem_claim(&redemption, now);
        let facts = match redeemed.expect("the claim is redeemed") {
            Redeemed::Kiosk(facts) => *facts,
            Redeemed::Refused(fault) => panic!("{fault:?}"),
        };
        DoorLog {
            facts,
            key,
            rooms,
            frontier: Frontier::new(),
            pending: Vec::new(),
            size: 0,
            boot: None,
        }
    }

    /// Whose a badge is.
    ///
    /// # Panics
    /// Where the code is no badge text, or the store refuses.
    pub fn whose(&self, badge: &str) -> Option<AttendeeId> {
        let text = protocol::badge::canonical(badge).expect("a badge's text");
        let digest = self.badge_key.digest(text);
        self.store
            .attendee_of(&self.event, digest)
            .expect("the store answers")
    }

    /// The digest of a badge.
    ///
    /// # Panics
    /// Where the code is no badge text.
    pub fn badge(&self, badge: &str) -> BadgeDigest {
        let text = protocol::badge::canonical(badge).expect("a badge's text");
        self.badge_key.digest(text)
    }

    /// Imports what a platform reports, or a table of words, times being local to the event. Gives what it did.
    ///
    /// # Panics
    /// Where the file or its import is refused.
    pub fn attendance(&self, file: &str, by: Option<By<'_>>, now: UtcMs) -> Taken {
        let reading = Reading {
            zone: Some(self.zone),
            day_order: Some(DayOrder::MonthFirst),
            ..Reading::plain(now)
        };
        let format = detect_attendance(file.as_bytes()).expect("a format that is read");
        let report = format.read(file.as_bytes(), &reading).expect("a report");
        let file = sha256(file.as_bytes());
        observed::take(
            self.desk(now),
            &self.event,
            &report.import.batch,
            file,
            by,
            false,
        )
        .expect("what was seen is taken")
    }

    /// One who decides; each finds everything again.
    pub fn decider(&self) -> Decider {
        Decider::new(
            Arc::clone(&self.store) as Arc<dyn Store>,
            Arc::clone(&self.objects) as Arc<dyn ObjectStore>,
            ISSUER,
            self.keys.signing.public_key(),
        )
    }
}

fn source(file: &str, rows: usize) -> Source<'static> {
    Source {
        format: "csv",
        file: sha256(file.as_bytes()),
        rows,
    }
}

/// The clocks of a machine since it was switched on.
#[derive(Clone, Debug)]
struct Machine {
    boot: BootId,
    /// When it was switched on.
    on: UtcMs,
    /// How far its wall clock is off, in milliseconds; none where it was set.
    off_ms: Option<i64>,
}

/// A kiosk's log: what was written and not delivered yet is kept.
pub struct DoorLog {
    /// Who it is.
    pub facts: KioskFacts,
    key: SigningKey,
    rooms: Vec<RoomId>,
    /// Of all entries, delivered or not.
    frontier: Frontier,
    pending: Vec<Vec<u8>>,
    size: u64,
    boot: Option<Machine>,
}

impl DoorLog {
    /// It is switched on. Where its wall clock is off, the kernel says that nobody set it.
    ///
    /// # Panics
    /// Where an entry is too long, as everywhere here.
    pub fn switch_on(&mut self, at: UtcMs, off_ms: Option<i64>) {
        let Hash(digest) = sha256(format!("{} {}", self.facts.kiosk, self.size).as_bytes());
        let hex = hex::encode(digest);
        let boot = format!("{}-0000-4000-8000-{}", &hex[..8], &hex[8..20]);
        self.boot = Some(Machine {
            boot: id(&boot),
            on: at.plus_ms(-20_000),
            off_ms,
        });
        let boot = Boot {
            cause: BootCause::Start,
            boottime_ms: 20_000,
            software: SOFTWARE.into(),
            floor: UtcMs(0),
        };
        self.say(at, Body::Boot(boot));
    }

    fn raw_ms(&self, at: UtcMs) -> u64 {
        let on = self.boot.as_ref().map_or(at, |machine| machine.on);
        u64::try_from(at.0 - on.0).expect("after it was switched on")
    }

    fn say(&mut self, at: UtcMs, body: Body) {
        let machine = self.boot.clone().expect("it was switched on");
        let stamp = Stamp {
            wall: at.plus_ms(machine.off_ms.unwrap_or(0)),
            raw_ms: self.raw_ms(at),
            boot: machine.boot,
            sync: match machine.off_ms {
                Some(_) => Sync::Unset,
                None => Sync::Synced,
            },
            error_ms: machine.off_ms.is_none().then_some(5),
        };
        let bytes = entry::encode(&Entry { stamp, body }).expect("a short entry");
        self.frontier.append_all([leaf_hash(&bytes)]);
        self.pending.push(bytes);
        self.size += 1;
    }

    /// It asks the issuer for the time.
    pub fn exchange(&mut self, office: &Office, at: UtcMs) {
        let request = TimeRequest {
            nonce: hex::encode(&sha256(&at.0.to_be_bytes()).0[..16]),
        };
        let signed = answer(&request, at, at, ISSUER_ERROR_MS, &office.keys.signing);
        let raw_ms = self.raw_ms(at);
        let clock = Clock {
            nonce: signed.nonce,
            sent_raw_ms: raw_ms - EXCHANGE_MS / 2,
            issuer_received: signed.received,
            issuer_sent: signed.sent,
            received_raw_ms: raw_ms + EXCHANGE_MS / 2,
            issuer_error_ms: signed.error_ms,
            signature: signed.signature,
        };
        self.say(at, Body::Clock(clock));
    }

    /// It reads a badge.
    pub fn scan(&mut self, office: &Office, at: UtcMs, badge: &str, direction: Direction) {
        self.scan_read(office, at, badge, direction, DirectionSource::Reader);
    }

    /// It reads a badge, the direction coming from somewhere.
    pub fn scan_read(
        &mut self,
        office: &Office,
        at: UtcMs,
        badge: &str,
        direction: Direction,
        direction_source: DirectionSource,
    ) {
        let text = protocol::badge::canonical(badge).expect("a badge's text");
        let scan = Scan {
            door: self.facts.door.clone(),
            rooms: self.rooms.clone(),
            reader: id::<ReaderId>("usb-1"),
            symbology: None,
            badge: office.badge_key.reference(text),
            attendee: None,
            direction,
            direction_source,
            verdict: match direction {
                Direction::Out => Verdict::CheckedOut,
                Direction::In | Direction::Seen => Verdict::CheckedIn,
            },
            prior: None,
            provisional: Vec::new(),
            bundle: 1,
        };
        self.say(at, Body::Scan(Box::new(scan)));
    }

    /// Which door it stands at.
    pub fn door(&self) -> &DoorId {
        &self.facts.door
    }

    /// Delivers what is pending, and journals the receipt.
    ///
    /// # Panics
    /// Where the issuer does not take it.
    pub fn deliver(&mut self, office: &Office, at: UtcMs) {
        let ledger = evidence::ledger_origin(ISSUER, office.event.as_str()).expect("an origin");
        let head = Checkpoint::new(&self.facts.origin, self.size, self.frontier.root());
        let pending = std::mem::take(&mut self.pending);
        let head = Head {
            start: self.size - u64::try_from(pending.len()).expect("few entries"),
            checkpoint: sign_checkpoint(&head.expect("an origin"), &self.key),
            ledger_size: 0,
            ledger: None,
        };
        let leaves: Vec<Leaf<'_>> = pending.iter().map(|e| Leaf::Entry(e)).collect();
        let bytes = batch::write(&head, &leaves).expect("a batch");
        let issuer_key = office.keys.signing.public_key();
        let parties = Parties {
            kiosk: &self.facts,
            issuer: ISSUER,
            issuer_key: &issuer_key,
            ledger: &ledger,
        };
        let prepared = prepare(&bytes, parties).expect("a batch that fits");
        let held = match office.store.accept_batch(&prepared, at) {
            Ok(BatchOutcome::Held(held)) => held,
            other => panic!("{other:?}"),
        };
        let note = cosign(&held.note, ISSUER, &office.keys.signing, held.receipt_s);
        let note = note.expect("a head is cosigned");
        self.say(at.plus_ms(200), Body::Receipt(NoteText { note }));
    }
}
