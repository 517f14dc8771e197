//! A small world for tests: an issuer with its ledger, kiosks with their journals, all true and all from fixed seeds.
//!
//! Contract: the same calls give the same bytes. Every kiosk runs on a raw clock without drift; `at` is always true UTC.
//! Nothing here is for programs: invariants are the caller's, and breaking one panics.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::time::{BootId, Stamp};
use attendance::words::{
    AttendeeId, CertificateId, Direction, DirectionSource, DoorId, EventId, KioskId, ProgrammeId,
    ReaderId, RoomId, SessionId, Verdict,
};
use attendance::{Decimal, ENGINE, Outcome, UtcMs};
use evidence::{
    Checkpoint, Hash, MemoryTree, SigningKey, TlogProof, cosign, kiosk_origin, leaf_hash,
    ledger_origin, prove_inclusion, sha256, sign_checkpoint,
};
use protocol::agenda::{self, Agenda, Registration, Registrations};
use protocol::badge::BadgeKey;
use protocol::certificate::{self, Payload, Proof};
use protocol::decision::{self, Basis, LogPrefix, object_bytes};
use protocol::entry::{self, Body, Boot, BootCause, Entry, NoteText, Scan};
use protocol::ledger::{self, LedgerBody, LedgerEntry};

use crate::derive::{
    Answer, LogKeys, LogView, Observations, Question, Roll, ledger_signals, signals_of,
};

mod archives;
mod branches;
mod clocks;
mod observed;

pub use branches::Branch;
pub use clocks::Clocks;

/// 2026-11-23T09:00:00Z, when the world's session begins.
pub const NINE: UtcMs = UtcMs(1_795_424_400_000);
/// A minute in milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// The issuer's name.
pub const ISSUER: &str = "ce.example.org";
/// The rule set of the world's programme.
pub const RULES: &str = "format = \"rollcall-rules/1\"\nname = \"fifty minutes, four fifths\"\nminutes_per_credit = \"50\"\nstep = \"0.5\"\nthreshold = { share = \"0.8\" }\nmet_awards = \"scheduled\"\nmissing_check_out = \"review\"\nmissing_check_in = \"review\"\n";

/// A log being written.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The entries' exact bytes.
    pub entries: Vec<Vec<u8>>,
    tree: MemoryTree,
}

impl Log {
    fn push(&mut self, bytes: Vec<u8>) -> u64 {
        self.tree.append(leaf_hash(&bytes));
        self.entries.push(bytes);
        self.tree.size() - 1
    }

    /// How many entries it has.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Its size and its root.
    pub fn tree_root(&self) -> (u64, Hash) {
        (self.tree.size(), self.tree.root())
    }

    fn checkpoint(&self, origin: &str, key: &SigningKey) -> String {
        let head = Checkpoint::new(origin, self.tree.size(), self.tree.root()).unwrap();
        sign_checkpoint(&head, key)
    }
}

/// A kiosk and its journal.
#[derive(Clone, Debug)]
pub struct Kiosk {
    /// Its id.
    pub id: KioskId,
    /// Its door.
    pub door: DoorId,
    /// The rooms its door serves.
    pub rooms: Vec<RoomId>,
    /// Its key.
    pub key: SigningKey,
    /// Its journal's origin.
    pub origin: String,
    /// Its journal.
    pub log: Log,
    /// What its clocks do.
    pub clocks: Clocks,
    boot: BootId,
    booted: UtcMs,
    accepted: u64,
    /// Of an ended enrolment: its size then, and the size that decisions may rest on.
    rests_on: Option<(u64, u64)>,
}

/// The world.
#[derive(Clone, Debug)]
pub struct World {
    /// The event.
    pub event: EventId,
    /// The issuer's key.
    pub issuer: SigningKey,
    /// The ledger.
    pub ledger: Log,
    /// The kiosks.
    pub kiosks: Vec<Kiosk>,
    /// The objects.
    pub objects: BTreeMap<Hash, Vec<u8>>,
    /// The badge key.
    pub badge_key: BadgeKey,
    /// The agenda in force.
    pub agenda: Agenda,
    /// The registrations in force.
    pub registrations: Registrations,
    /// Doors that later decisions call incomplete.
    pub incomplete_doors: Vec<DoorId>,
    /// The branches that were admitted.
    pub branches: Vec<Branch>,
    /// What other sources saw.
    pub observations: Observations,
    /// How many entries of the ledger decisions rest on; 0 before there are signals of other sources.
    pub observed_size: u64,
    decided: BTreeMap<u64, (Question, Answer)>,
}

/// An id from a text that is one.
pub fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// `NINE` and so many milliseconds.
pub fn nine_and(ms: i64) -> UtcMs {
    NINE.plus_ms(ms)
}

impl World {
    /// An event with an empty agenda, nobody registered and no kiosk.
    pub fn new() -> Self {
        let badge_key = BadgeKey::from_bytes([9; 32]);
        let mut world = Self {
            event: id("gp-2026"),
            issuer: SigningKey::from_seed(&[1; 32]),
            ledger: Log::default(),
            kiosks: Vec::new(),
            objects: BTreeMap::new(),
            agenda: Agenda::empty("Europe/Berlin"),
            registrations: Registrations {
                v: agenda::VERSION,
                badge_key: badge_key.id(),
                registrations: Vec::new(),
            },
            badge_key,
            incomplete_doors: Vec::new(),
            branches: Vec::new(),
            observations: Observations::default(),
            observed_size: 0,
            decided: BTreeMap::new(),
        };
        let event = ledger::Event {
            event: world.event.clone(),
            title: "General Practice 2026".into(),
            zone: "Europe/Berlin".into(),
            issuer: ISSUER.into(),
            issuer_key: world.issuer.public_key(),
            badge_key: world.badge_key.id(),
        };
        world.note(nine_and(-60 * MINUTE_MS), LedgerBody::Event(event));
        world
    }

    /// One room, one session of 50 minutes from [`NINE`] in one programme, one kiosk, two people registered.
    pub fn small() -> Self {
        let mut world = Self::new();
        let at = nine_and(-50 * MINUTE_MS);
        world.add_room("hall");
        world.add_session("opening", "hall", 0, 50, "main");
        world.register("a-1", "X1");
        world.register("a-2", "X2");
        world.adopt(at, "main", RULES);
        world.add_kiosk("hall-1", "hall-door", &["hall"], nine_and(-30 * MINUTE_MS));
        world
    }

    /// [`World::small`] after its session: `a-1` was there throughout and is certified, `a-2` left after ten minutes.
    pub fn finished() -> Self {
        let mut world = Self::small();
        world.sync(0, nine_and(-20 * MINUTE_MS));
        world.clock(0, nine_and(-10 * MINUTE_MS));
        world.scan(0, nine_and(-2 * MINUTE_MS), "X1", Direction::In);
        world.scan(0, nine_and(-MINUTE_MS), "X2", Direction::In);
        world.sync(0, nine_and(0));
        world.scan(0, nine_and(10 * MINUTE_MS), "X2", Direction::Out);
        world.scan(0, nine_and(51 * MINUTE_MS), "X1", Direction::Out);
        world.sync(0, nine_and(52 * MINUTE_MS));
        world.clock(0, nine_and(53 * MINUTE_MS));
        world.sync(0, nine_and(54 * MINUTE_MS));
        let now = nine_and(60 * MINUTE_MS);
        let full = world.decide(now, "a-1", "main");
        world.decide(now, "a-2", "main");
        world.sync(0, nine_and(61 * MINUTE_MS));
        world.certify(
            nine_and(62 * MINUTE_MS),
            full,
            "aaaabbbbccccddddeeeeffff22",
            1,
        );
        world
    }

    /// Appends to the ledger.
    pub fn note(&mut self, at: UtcMs, body: LedgerBody) -> u64 {
        self.ledger
            .push(ledger::encode(&LedgerEntry { at, body }).unwrap())
    }

    /// Appends any bytes to the ledger.
    pub fn ledger_bytes(&mut self, bytes: Vec<u8>) -> u64 {
        self.ledger.push(bytes)
    }

    /// What an entry of the ledger says.
    pub fn ledger_body(&self, index: u64) -> LedgerBody {
        let bytes = &self.ledger.entries[usize::try_from(index).unwrap()];
        ledger::parse(bytes).unwrap().body
    }

    /// The newest decision on an attendee, with its place in the ledger.
    pub fn decided_of(&self, attendee: &str) -> (u64, Answer) {
        let mut newest = self.decided.iter().rev();
        let found = newest.find(|(_, (_, a))| a.document.attendee.as_str() == attendee);
        let (index, (_, answer)) = found.unwrap();
        (*index, answer.clone())
    }

    /// Keeps an object.
    pub fn keep(&mut self, bytes: Vec<u8>) -> Hash {
        let hash = sha256(&bytes);
        self.objects.insert(hash, bytes);
        hash
    }

    /// The ledger's origin.
    pub fn ledger_origin(&self) -> String {
        ledger_origin(ISSUER, self.event.as_str()).unwrap()
    }

    /// Adds a room to the agenda.
    pub fn add_room(&mut self, room: &str) {
        self.agenda.rooms.push(agenda::Room {
            id: id(room),
            title: room.to_uppercase(),
            part_of: None,
        });
    }

    /// Adds a session to the agenda, by minutes from [`NINE`].
    pub fn add_session(
        &mut self,
        session: &str,
        room: &str,
        from_min: i64,
        to_min: i64,
        programme: &str,
    ) {
        self.agenda.sessions.push(agenda::Session {
            title: session.to_uppercase(),
            programme: Some(id(programme)),
            ..agenda::Session::plain(
                id::<SessionId>(session),
                id(room),
                nine_and(from_min * MINUTE_MS),
                nine_and(to_min * MINUTE_MS),
            )
        });
    }

    /// Adds a registration.
    pub fn register(&mut self, attendee: &str, badge: &str) {
        self.registrations.registrations.push(Registration::plain(
            id(attendee),
            vec![self.badge_key.digest(badge)],
        ));
    }

    /// Imports registrations and agenda, and puts a rule set in force.
    pub fn adopt(&mut self, at: UtcMs, programme: &str, rules: &str) {
        let hash = self.keep(rules.as_bytes().to_vec());
        let programme: ProgrammeId = id(programme);
        self.agenda.programmes.retain(|p| p.id != programme);
        self.agenda.programmes.push(agenda::Programme {
            id: programme.clone(),
            title: "Main programme".into(),
            rules: None,
        });
        self.import(at);
        // As an issuer does it: the agenda that names the rule set is announced by the `rules` entry alone.
        let named = self
            .agenda
            .programmes
            .iter_mut()
            .find(|p| p.id == programme);
        if let Some(named) = named {
            named.rules = Some(hash.to_hex());
        }
        let agenda = self.keep(object_bytes(&self.agenda));
        let body = ledger::Rules {
            programme,
            rules: hash,
            name: protocol::rules::parse(rules).unwrap().name,
            agenda,
        };
        self.note(at, LedgerBody::Rules(body));
    }

    /// Imports agenda and registrations as they are now; gives their hashes.
    pub fn import(&mut self, at: UtcMs) -> (Hash, Hash) {
        let agenda = self.keep(object_bytes(&self.agenda));
        let registrations = self.keep(object_bytes(&self.registrations));
        for (what, object) in [("agenda", agenda), ("registrations", registrations)] {
            let body = ledger::Import {
                what: what.into(),
                format: "test".into(),
                object,
                file: sha256(what.as_bytes()),
                rows: 1,
                operator: None,
                reason: None,
            };
            self.note(at, LedgerBody::Import(body));
        }
        (agenda, registrations)
    }

    /// Enrols a kiosk at a new door, and boots it.
    pub fn add_kiosk(&mut self, kiosk: &str, door: &str, rooms: &[&str], at: UtcMs) -> usize {
        let number = self.kiosks.len();
        let seed = u8::try_from(number).unwrap() + 100;
        let key = SigningKey::from_seed(&[seed; 32]);
        let rooms: Vec<RoomId> = rooms.iter().map(|r| id(r)).collect();
        let made = Kiosk {
            id: id(kiosk),
            door: id(door),
            rooms: rooms.clone(),
            origin: kiosk_origin(ISSUER, kiosk, &key.public_key()).unwrap(),
            log: Log::default(),
            boot: boot_id(number, 0),
            booted: at.plus_ms(-30_000),
            accepted: 0,
            rests_on: None,
            clocks: Clocks::default(),
            key,
        };
        let door = ledger::Door {
            door: made.door.clone(),
            title: door.to_uppercase(),
            rooms: rooms.clone(),
        };
        self.agenda.doors.push(agenda::Door {
            id: made.door.clone(),
            title: door.title.clone(),
            rooms,
        });
        let enrolled = ledger::Kiosk {
            kiosk: made.id.clone(),
            door: made.door.clone(),
            log: made.origin.clone(),
            public_key: made.key.public_key(),
        };
        self.note(at, LedgerBody::Door(door));
        self.note(at, LedgerBody::Kiosk(enrolled));
        self.import(at);
        self.kiosks.push(made);
        self.boot_entry(number, at, BootCause::Start);
        number
    }

    fn boot_entry(&mut self, kiosk: usize, at: UtcMs, cause: BootCause) {
        let boot = Boot {
            cause,
            boottime_ms: 30_000,
            software: "rollcall-kiosk 0.1.0".into(),
            floor: nine_and(-24 * 60 * MINUTE_MS),
        };
        self.journal(kiosk, at, Body::Boot(boot));
    }

    /// The kiosk restarts its machine: a new boot id, a raw clock from zero.
    pub fn reboot(&mut self, kiosk: usize, at: UtcMs) {
        let boots = self.kiosks[kiosk].log.size();
        self.kiosks[kiosk].boot = boot_id(kiosk, boots);
        self.kiosks[kiosk].booted = at.plus_ms(-30_000);
        self.boot_entry(kiosk, at, BootCause::Start);
    }

    fn raw_ms(&self, kiosk: usize, at: UtcMs) -> u64 {
        let true_ms = at.0 - self.kiosks[kiosk].booted.0;
        let gained_ms = true_ms * self.kiosks[kiosk].clocks.drift_ppm / 1_000_000;
        u64::try_from(true_ms + gained_ms).unwrap()
    }

    /// Writes an entry into a kiosk's journal.
    pub fn journal(&mut self, kiosk: usize, at: UtcMs, body: Body) -> u64 {
        let Clocks {
            wall_ahead_ms,
            sync,
            error_ms,
            ..
        } = self.kiosks[kiosk].clocks;
        let stamp = Stamp {
            wall: at.plus_ms(wall_ahead_ms),
            boot: self.kiosks[kiosk].boot.clone(),
            raw_ms: self.raw_ms(kiosk, at),
            sync,
            error_ms,
        };
        let bytes = entry::encode(&Entry { stamp, body }).unwrap();
        self.journal_bytes(kiosk, bytes)
    }

    /// Writes any bytes into a kiosk's journal.
    pub fn journal_bytes(&mut self, kiosk: usize, bytes: Vec<u8>) -> u64 {
        self.kiosks[kiosk].log.push(bytes)
    }

    /// A scan whose direction the reader sets.
    pub fn scan(&mut self, kiosk: usize, at: UtcMs, badge: &str, direction: Direction) -> u64 {
        let door = self.kiosks[kiosk].door.to_string();
        self.scan_with(kiosk, at, badge, direction, &door)
    }

    /// A scan that names any door, which a true kiosk never does.
    pub fn scan_at(&mut self, kiosk: usize, at: UtcMs, badge: &str, door: &str) -> u64 {
        self.scan_with(kiosk, at, badge, Direction::In, door)
    }

    fn scan_with(
        &mut self,
        kiosk: usize,
        at: UtcMs,
        badge: &str,
        direction: Direction,
        door: &str,
    ) -> u64 {
        let scan = self.scan_body(kiosk, badge, direction, door);
        self.journal(kiosk, at, Body::Scan(Box::new(scan)))
    }

    /// A scan as the kiosk would write it.
    pub fn scan_body(&self, kiosk: usize, badge: &str, direction: Direction, door: &str) -> Scan {
        Scan {
            door: id(door),
            rooms: self.kiosks[kiosk].rooms.clone(),
            reader: id::<ReaderId>("front"),
            symbology: Some("qr".into()),
            badge: self.badge_key.reference(badge),
            attendee: None,
            direction,
            direction_source: DirectionSource::Reader,
            verdict: match direction {
                Direction::In | Direction::Seen => Verdict::CheckedIn,
                Direction::Out => Verdict::CheckedOut,
            },
            prior: None,
            provisional: Vec::new(),
            bundle: 1,
        }
    }

    /// The kiosk sends what it has: the ledger takes note, the receipt and the ledger's head come back.
    pub fn sync(&mut self, kiosk: usize, at: UtcMs) {
        let (from, to) = self.accept(kiosk, at);
        self.quarantine(kiosk, at, from, to);
        self.hand_back(kiosk, at);
    }

    /// As [`World::sync`], by an issuer that overlooks what does not read.
    pub fn sync_without_quarantine(&mut self, kiosk: usize, at: UtcMs) {
        self.accept(kiosk, at);
        self.hand_back(kiosk, at);
    }

    /// The issuer takes what the kiosk has, and its answer is lost.
    pub fn sync_unanswered(&mut self, kiosk: usize, at: UtcMs) {
        let (from, to) = self.accept(kiosk, at);
        self.quarantine(kiosk, at, from, to);
    }

    fn accept(&mut self, kiosk: usize, at: UtcMs) -> (u64, u64) {
        let Kiosk { log, origin, .. } = &self.kiosks[kiosk];
        let time_s = u64::try_from(at.0 / 1_000).unwrap();
        let head = ledger::KioskHead {
            log: origin.clone(),
            from: self.kiosks[kiosk].accepted,
            size: log.size(),
            root: log.tree.root(),
            receipt_s: time_s,
        };
        let (from, to) = (head.from, head.size);
        self.kiosks[kiosk].accepted = head.size;
        self.note(at, LedgerBody::KioskHead(head));
        (from, to)
    }

    fn hand_back(&mut self, kiosk: usize, at: UtcMs) {
        let Kiosk {
            log, origin, key, ..
        } = &self.kiosks[kiosk];
        let time_s = u64::try_from(at.0 / 1_000).unwrap();
        let receipt = cosign(&log.checkpoint(origin, key), ISSUER, &self.issuer, time_s).unwrap();
        self.journal(
            kiosk,
            at.plus_ms(20),
            Body::Receipt(NoteText { note: receipt }),
        );
        let ledger_head = self.ledger.checkpoint(&self.ledger_origin(), &self.issuer);
        let Kiosk { origin, key, .. } = &self.kiosks[kiosk];
        let note = cosign(&ledger_head, origin, key, time_s).unwrap();
        self.journal(kiosk, at.plus_ms(30), Body::LedgerHead(NoteText { note }));
    }

    /// How many entries of a kiosk's journal the ledger took note of.
    pub fn accepted(&self, kiosk: usize) -> u64 {
        self.kiosks[kiosk].accepted
    }

    /// Lets later decisions rest on so many entries, whatever the ledger took note of.
    pub fn pretend_accepted(&mut self, kiosk: usize, size: u64) {
        self.kiosks[kiosk].accepted = size;
    }

    fn quarantine(&mut self, kiosk: usize, at: UtcMs, from: u64, to: u64) {
        for index in from..to {
            let bytes = &self.kiosks[kiosk].log.entries[usize::try_from(index).unwrap()];
            let Err(error) = entry::parse(bytes) else {
                continue;
            };
            let body = ledger::Quarantine {
                log: self.kiosks[kiosk].origin.clone(),
                index,
                leaf: leaf_hash(bytes),
                code: error.code().into(),
            };
            self.note(at, LedgerBody::Quarantine(body));
        }
    }

    /// The keys of a kiosk's journal.
    pub fn keys(&self, kiosk: usize) -> LogKeys {
        LogKeys {
            origin: self.kiosks[kiosk].origin.as_str().into(),
            key: self.kiosks[kiosk].key.public_key(),
            issuer: ISSUER.into(),
            issuer_key: self.issuer.public_key(),
        }
    }

    /// The question for a programme, by what was accepted and is in force.
    pub fn question(&self, now: UtcMs, programme: &str) -> Question {
        let programme: ProgrammeId = id(programme);
        let named = self.agenda.programmes.iter().find(|p| p.id == programme);
        let rules = named.unwrap().rules.clone().unwrap();
        let text = &self.objects[&Hash::from_hex(&rules).unwrap()];
        let rule_set = protocol::rules::parse(std::str::from_utf8(text).unwrap()).unwrap();
        let mut logs: Vec<LogPrefix> = self
            .kiosks
            .iter()
            .map(|k| LogPrefix {
                log: k.origin.clone(),
                size: k.rests_on.map_or(k.accepted, |(_, size)| size),
            })
            .collect();
        logs.extend(self.branch_prefixes());
        if self.observed_size > 0 {
            logs.push(LogPrefix {
                log: self.ledger_origin(),
                size: self.observed_size,
            });
        }
        logs.sort();
        let basis = Basis {
            v: decision::VERSION,
            event: self.event.clone(),
            programme,
            logs,
            agenda: sha256(&object_bytes(&self.agenda)).to_hex(),
            registrations: sha256(&object_bytes(&self.registrations)).to_hex(),
            rules,
            engine: ENGINE.into(),
            now,
            incomplete_doors: self.incomplete_doors.clone(),
        };
        let roll = Roll::new(&self.registrations);
        Question::new(
            basis,
            Arc::new(self.agenda.clone()),
            Arc::new(roll),
            Arc::new(rule_set),
        )
        .unwrap()
    }

    /// The answer for one attendee, from whole logs or from marks and their own scans alone.
    pub fn answer(&self, question: &Question, attendee: &AttendeeId, sparse: bool) -> Answer {
        let mut signals = Vec::new();
        for kiosk in 0..self.kiosks.len() {
            let mut view = LogView::new(self.keys(kiosk));
            let size = question.size_of(view.origin());
            let parsed: Vec<(u64, Entry)> = (0_u64..size)
                .zip(&self.kiosks[kiosk].log.entries)
                .filter_map(|(index, bytes)| Some((index, entry::parse(bytes).ok()?)))
                .collect();
            for (index, entry) in &parsed {
                let is_mark = matches!(
                    entry.body,
                    Body::Boot(_) | Body::Clock(_) | Body::TimeCode(_) | Body::Receipt(_)
                );
                if is_mark || !sparse {
                    view.take(*index, entry);
                }
            }
            let clock = view.clock_at(size);
            let mine = parsed.iter().filter(|(_, entry)| match &entry.body {
                Body::Scan(scan) => question.roll().counts_for(&scan.badge).contains(attendee),
                _ => false,
            });
            let rows = mine.map(|(index, entry)| (*index, entry));
            signals
                .extend(signals_of(view.origin(), &clock, question.agenda(), rows).map(|(s, _)| s));
        }
        signals.extend(self.branch_signals(question, attendee));
        let ledger: Arc<str> = self.ledger_origin().into();
        let rows = self
            .observations
            .of(question.roll(), attendee, question.size_of(&ledger));
        signals.extend(ledger_signals(&ledger, question.agenda(), rows));
        question.answer(attendee, &signals)
    }

    /// Decides, and writes it into the ledger.
    pub fn decide(&mut self, at: UtcMs, attendee: &str, programme: &str) -> u64 {
        let question = self.question(at, programme);
        let attendee: AttendeeId = id(attendee);
        let answer = self.answer(&question, &attendee, true);
        let basis = self.keep(question.basis_bytes());
        self.keep(answer.bytes.clone());
        let replaces = self.decided.iter().rev().find_map(|(index, (_, old))| {
            let same = old.document.attendee == attendee
                && old.document.programme == answer.document.programme;
            same.then_some(*index)
        });
        let body = ledger::Decision {
            attendee,
            programme: answer.document.programme.clone(),
            outcome: answer.document.outcome,
            credits: answer.document.credits,
            reason: answer.document.reason,
            decision: answer.hash,
            basis,
            replaces,
        };
        let index = self.note(at, LedgerBody::Decision(body));
        self.decided.insert(index, (question, answer));
        index
    }

    /// The payload of a certificate on a decision of the ledger.
    pub fn payload(&self, at: UtcMs, decision: u64, code: &str, version: u32) -> Payload {
        let (question, answer) = &self.decided[&decision];
        let document = &answer.document;
        let head = self.ledger.checkpoint(&self.ledger_origin(), &self.issuer);
        let mut checkpoint = head;
        for kiosk in &self.kiosks {
            let time_s = u64::try_from(at.0 / 1_000).unwrap();
            checkpoint = cosign(&checkpoint, &kiosk.origin, &kiosk.key, time_s).unwrap();
        }
        let path = prove_inclusion(decision, self.ledger.size(), &self.ledger.tree).unwrap();
        let proof = TlogProof {
            index: decision,
            path,
            extra: Vec::new(),
            checkpoint_note: checkpoint.clone(),
        };
        Payload {
            v: certificate::VERSION,
            salt: "00112233445566778899aabbccddeeff".into(),
            certificate: id::<CertificateId>(code),
            version,
            issuer: ISSUER.into(),
            event: self.event.clone(),
            event_title: "General Practice 2026".into(),
            zone: "Europe/Berlin".into(),
            attendee: document.attendee.clone(),
            name: "Zoë Müller".into(),
            programme: document.programme.clone(),
            programme_title: question.programme().title.clone(),
            outcome: document.outcome,
            credits: document.credits.unwrap_or(Decimal::ZERO),
            reason: document.reason,
            explanation: document.explanation.clone(),
            sessions: question.session_lines(document),
            rules_name: question.rules().name.clone(),
            rules: question.rules().hash.clone(),
            decision: answer.hash.to_hex(),
            issued: at,
            verify_at: format!("https://{ISSUER}/c/{code}"),
            proof: Proof {
                checkpoint,
                decision: proof.to_text().unwrap(),
                witnesses: u32::try_from(self.kiosks.len()).unwrap(),
            },
        }
    }

    /// Issues a certificate on a decision of the ledger.
    pub fn certify(&mut self, at: UtcMs, decision: u64, code: &str, version: u32) -> u64 {
        let payload = self.payload(at, decision, code, version);
        assert!(matches!(payload.outcome, Outcome::Full | Outcome::Partial));
        self.certify_with(at, decision, &payload)
    }

    /// Issues a certificate with this very payload.
    pub fn certify_with(&mut self, at: UtcMs, decision: u64, payload: &Payload) -> u64 {
        let body = ledger::Certificate {
            certificate: payload.certificate.clone(),
            version: payload.version,
            attendee: payload.attendee.clone(),
            programme: payload.programme.clone(),
            decision,
            payload: self.keep(object_bytes(payload)),
            pdf: self.keep(b"%PDF-".to_vec()),
        };
        self.note(at, LedgerBody::Certificate(body))
    }

    /// Revokes a certificate's version.
    pub fn revoke(&mut self, at: UtcMs, code: &str, version: u32) -> u64 {
        let body = ledger::Revocation {
            certificate: id(code),
            version,
            reason: "withdrawn".into(),
            operator: "op-1".into(),
        };
        self.note(at, LedgerBody::Revocation(body))
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

fn boot_id(kiosk: usize, boots: u64) -> BootId {
    BootId::new(&format!("{kiosk:08x}-0000-4000-8000-{boots:012x}")).unwrap()
}
