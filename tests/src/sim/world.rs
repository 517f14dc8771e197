//! The conference as it happens: one thing after the other in true time, each done by the real code, and a record of what really happened.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use attendance::time::Stamp;
use attendance::words::ReaderId;
use evidence::{Hash, PublicKey};
use issuer::sources::{AgendaImport, RegistrationRow, RegistrationsImport, RoomRow, SessionRow};
use kiosk::desk::Standing;
use kiosk::readers::ReaderEvent;
use kiosk::sync::clock::{Exchange, request as time_request};
use kiosk::sync::transport::{self, Raw, Wire};
use kiosk::sync::words::{Call, Failure, Input, Request};
use protocol::badge::{BadgeDigest, BadgeKey};
use protocol::batch::Accepted;
use protocol::bundle::Bundle;

use super::broken::Broken;
use super::clock::{IssuerClock, Now};
use super::disk::{Image, Moment};
use super::kiosk::{Kiosk, READERS, Told, Want};
use super::office::{Called, ISSUER, Office, PROGRAMME};
use super::plan::{BEGIN_MS, MINUTE_MS, NetPlan, Plan, SECOND_MS, Trouble};
use super::tally::Tally;
use crate::random::Random;
use crate::world::person;

/// From one look at the machine to the next, in milliseconds, while something is on.
const TICK_MS: i64 = 10_000;
/// The same while the journal is down.
const TICK_DOWN_MS: i64 = 1_000;
/// The same while nothing is on for hours.
const TICK_IDLE_MS: i64 = 30 * MINUTE_MS;
/// How long a daemon that ended stays down before systemd starts it again.
const RESTART_MS: i64 = 2_000;
/// From one run of the decider to the next, while something is on.
const DECIDE_MS: i64 = 60_000;
/// How long a network that heals is given until everything must be there.
const HEAL_MS: i64 = 30 * MINUTE_MS;
/// The most events of a run; more would be a loop.
const EVENTS_MAX: u64 = 400_000;

/// A scan as it really happened.
#[derive(Clone, Debug)]
pub struct TrueScan {
    /// When.
    pub at: i64,
    /// At which kiosk.
    pub kiosk: usize,
    /// On which of the cards that were in it.
    pub card: usize,
    /// In which of the logs on that card: the number of those sealed before.
    pub log: u64,
    /// The badge.
    pub badge: BadgeDigest,
    /// Whose it is.
    pub person: usize,
    /// What the clocks read.
    pub stamp: Stamp,
    /// What was told; nothing where nobody answered.
    pub told: Option<Told>,
    /// Whether the network was there.
    pub linked: bool,
}

/// A head that somebody signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// The size.
    pub size: u64,
    /// The root.
    pub root: Hash,
}

/// A card that took the place of another, or goes on beside it.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// From which size on the copy has a history of its own.
    pub size: u64,
}

/// What really happened.
#[derive(Debug, Default)]
pub struct Truth {
    /// Every scan.
    pub scans: Vec<TrueScan>,
    /// Every head that each kiosk signed and sent, by kiosk and origin.
    pub kiosk_heads: BTreeMap<(usize, String), Vec<SignedHead>>,
    /// Every head of the ledger that the issuer signed.
    pub ledger_heads: Vec<SignedHead>,
    /// The copies that cards were restored to, by kiosk and the number of the new card.
    pub restored: BTreeMap<(usize, usize), Copied>,
    /// Clones: the kiosk, whose clone it is, and where they part.
    pub clones: BTreeMap<usize, (usize, u64)>,
    /// Whether the issuer was restored to a copy.
    pub issuer_restored: bool,
    /// Every offset that the issuer's clock had.
    pub issuer_offs_ms: Vec<i64>,
    /// Time exchanges that were answered: nonce, and how far the issuer's clock was off.
    pub exchanges: BTreeMap<String, i64>,
    /// Every bundle that a kiosk was given, by kiosk and sequence.
    pub bundles: BTreeMap<(usize, u64), Bundle>,
    /// Entries of other programs in each kiosk's log.
    pub foreign: BTreeMap<usize, u64>,
    /// What an issuer that is not idempotent holds.
    pub naive: Vec<Vec<u8>>,
}

struct Flight {
    kiosk: usize,
    epoch: u64,
    request: Request,
    wire: Wire,
    /// Of a time exchange: its nonce, and the raw clock when it left.
    exchange: Option<(String, u64)>,
}

enum Event {
    Scan(usize),
    Trouble(usize),
    Wake {
        kiosk: usize,
        epoch: u64,
    },
    Tick {
        kiosk: usize,
        epoch: u64,
    },
    Begin {
        kiosk: usize,
        epoch: u64,
    },
    Start(usize),
    Enrol(usize),
    Recover,
    Deliver {
        flight: Rc<Flight>,
        again: bool,
    },
    Answer {
        flight: Rc<Flight>,
        raw: Rc<Raw>,
    },
    Fail {
        flight: Rc<Flight>,
        failure: Failure,
    },
    Decide,
}

/// What a machine goes through besides its own state.
#[derive(Debug, Default)]
struct Fate {
    wake: Option<i64>,
    linked: bool,
    /// Whether what ends within a commit is the daemon alone.
    only_daemon: bool,
    /// What comes in while it sleeps.
    parked: VecDeque<usize>,
    copy: Option<(Image, u64)>,
    card: usize,
    /// Whether staff know that its fresh log waits to be enrolled.
    awaited: bool,
    /// Whether they took it away instead.
    abandoned: bool,
}

/// A conference that goes on.
pub struct World {
    /// What the seed said.
    pub plan: Plan,
    /// The true time.
    pub now: Now,
    /// The issuer.
    pub office: Office,
    /// The kiosks; clones come last.
    pub kiosks: Vec<Kiosk>,
    /// What really happened.
    pub truth: Truth,
    /// What was done.
    pub tally: Tally,
    /// What happened, in words, where somebody wants to read it.
    pub trace: Option<Vec<String>>,
    /// What is broken on purpose.
    pub broken: Broken,
    fates: Vec<Fate>,
    net: NetPlan,
    queue: BTreeMap<(i64, u64), Event>,
    parked: BTreeMap<usize, Event>,
    sequence: u64,
    random: Random,
    badge_key: Option<BadgeKey>,
    folder: tempfile::TempDir,
    crash_within: bool,
    healing: bool,
}

/// The folder of runs: in memory where there is such a place, since what is on the disk is simulated.
fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let builder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix("rollcall-sim-");
        builder
    };
    if memory.is_dir()
        && let Ok(folder) = builder().tempdir_in(memory)
    {
        return folder;
    }
    builder().tempdir().expect("a temporary folder")
}

impl World {
    /// The conference of a seed, set up: everybody is enrolled, nothing has begun.
    pub fn new(seed: u64, broken: Broken, traced: bool) -> Self {
        let plan = Plan::of(seed);
        let now = Now::at(BEGIN_MS - 10 * MINUTE_MS);
        let folder = folder();
        let mut random = Random::from_seed(seed ^ 0x5eed);
        let clock = IssuerClock::new(&now, plan.issuer_off_ms);
        let at = folder.path().join("issuer");
        std::fs::create_dir_all(&at).unwrap();
        let office = Office::new(&at, clock, plan.issuer_error_ms, seed);
        let mut world = Self {
            net: plan.net,
            now,
            office,
            kiosks: Vec::new(),
            truth: Truth::default(),
            tally: Tally {
                seeds: 1,
                ..Tally::default()
            },
            trace: traced.then(Vec::new),
            broken,
            fates: Vec::new(),
            queue: BTreeMap::new(),
            parked: BTreeMap::new(),
            sequence: 0,
            random: Random::from_seed(random.number()),
            badge_key: None,
            folder,
            crash_within: false,
            healing: false,
            plan,
        };
        world.truth.issuer_offs_ms.push(world.plan.issuer_off_ms);
        world.set_up(&mut random);
        world
    }

    fn set_up(&mut self, random: &mut Random) {
        self.office.create_event(self.plan.repeat_s, 600);
        self.office.import_agenda(&self.agenda());
        for door in &self.plan.doors {
            self.office.put_door(&protocol::agenda::Door {
                id: door.id.clone(),
                title: format!("Door {}", door.id),
                rooms: door
                    .rooms
                    .iter()
                    .map(|r| self.plan.rooms[*r].clone())
                    .collect(),
            });
        }
        self.office.import_people(&self.registrations());
        self.office.adopt_rules(&self.plan.rules.clone());
        self.badge_key = Some(self.office.badge_key());
        for (number, door) in self.plan.doors.clone().into_iter().enumerate() {
            let at = self.folder.path().join(format!("kiosk-{number}"));
            let name = format!("kiosk {number}");
            let mut kiosk = Kiosk::new(
                &name,
                &door.id,
                &door.readers,
                &at,
                &self.now,
                self.broken,
                random,
            );
            kiosk.start().expect("an empty card opens");
            let enrolled = self.office.enrol(&door.id, &kiosk.key);
            self.keep_bundle(number, &enrolled.bundle);
            assert!(kiosk.enrol(enrolled), "an empty kiosk enrols");
            kiosk.stop();
            kiosk.powered = false;
            self.kiosks.push(kiosk);
            self.fates.push(Fate {
                linked: true,
                ..Fate::default()
            });
        }
        for number in 0..self.plan.scans.len() {
            let at = self.plan.scans[number].at;
            self.at(at, Event::Scan(number));
        }
        for number in 0..self.plan.troubles.len() {
            let at = self.plan.troubles[number].0;
            self.at(at, Event::Trouble(number));
        }
        for (from, to) in self.plan.days.clone() {
            let mut at = from;
            while at < to + 5 * MINUTE_MS {
                self.at(at, Event::Decide);
                at += DECIDE_MS;
            }
        }
    }

    fn agenda(&self) -> AgendaImport {
        AgendaImport {
            version_label: None,
            zone: None,
            rooms: self
                .plan
                .rooms
                .iter()
                .map(|room| RoomRow {
                    id: room.to_string(),
                    title: room.to_string(),
                })
                .collect(),
            sessions: self
                .plan
                .sessions
                .iter()
                .map(|session| SessionRow {
                    id: session.id.clone(),
                    title: format!("Session {}", session.id),
                    room: self.plan.rooms[session.room].to_string(),
                    start_utc_ms: session.start,
                    end_utc_ms: session.end,
                    programme: Some(PROGRAMME.to_owned()),
                    kind: "talk".to_owned(),
                    credit_value: None,
                    language: None,
                })
                .collect(),
        }
    }

    fn registrations(&self) -> RegistrationsImport {
        let rows = (0..self.plan.people).map(|number| RegistrationRow {
            line: u64::try_from(number).unwrap() + 2,
            badge: person(number),
            name: format!("Person {number}"),
            email: None,
            organisation: None,
            language: None,
            valid_from_utc_ms: None,
            valid_until_utc_ms: None,
            cancelled: self.plan.cancelled == Some(number),
        });
        RegistrationsImport {
            rows: rows.collect(),
        }
    }

    /// The digest of an attendee's badge, or a stranger's.
    pub fn badge(&self, number: usize) -> BadgeDigest {
        self.badge_key.as_ref().unwrap().digest(&person(number))
    }

    /// Whether staff took a kiosk away after it had sealed its log.
    pub fn is_abandoned(&self, kiosk: usize) -> bool {
        self.fates[kiosk].abandoned
    }

    /// Which of the cards that were in it a kiosk has now.
    pub fn card_of(&self, kiosk: usize) -> usize {
        self.fates[kiosk].card
    }

    fn keep_bundle(&mut self, kiosk: usize, signed: &[u8]) {
        if let Ok((bundle, _)) = protocol::bundle::open(signed, &self.office.key()) {
            self.truth.bundles.insert((kiosk, bundle.sequence), bundle);
        }
    }

    /// Notes something for whoever reads the trace.
    pub fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let ms = self.now.ms() - BEGIN_MS;
            let (sign, ms) = if ms < 0 { ('-', -ms) } else { ('+', ms) };
            let s = ms / 1_000;
            let text = format!(
                "{sign}{}d {:02}:{:02}:{:02}.{:03}  {}",
                s / 86_400,
                s / 3_600 % 24,
                s / 60 % 60,
                s % 60,
                ms % 1_000,
                what()
            );
            trace.push(text);
        }
    }

    /// Leaves an evidence bundle behind for whoever reads the trace.
    pub fn keep(&mut self, files: &audit::files::Memory) {
        if self.trace.is_none() {
            return;
        }
        let kept = tempfile::Builder::new()
            .prefix("rollcall-sim-")
            .tempdir()
            .unwrap()
            .keep();
        for (path, bytes) in files {
            let path = kept.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        self.say(|| format!("the export is kept in {}", kept.display()));
    }

    fn at(&mut self, at: i64, event: Event) {
        self.sequence += 1;
        self.queue
            .insert((at.max(self.now.ms()), self.sequence), event);
    }

    fn after(&mut self, ms: i64, event: Event) {
        self.at(self.now.ms() + ms, event);
    }

    fn below_ms(&mut self, end: u64) -> i64 {
        i64::try_from(self.random.below(end.max(1))).unwrap()
    }

    /// Plays everything, then lets the network heal until all that can be there is there.
    pub fn play(&mut self) {
        let mut events = 0;
        while let Some((at, event)) = self.next_until(self.plan.end + 2 * MINUTE_MS) {
            self.now.set(at);
            self.happens(event);
            events += 1;
            assert!(events < EVENTS_MAX, "more events than a run may have");
        }
        self.heal();
    }

    /// What happens next, if it does by then.
    fn next_until(&mut self, until: i64) -> Option<(i64, Event)> {
        let (at, _) = *self.queue.first_key_value()?.0;
        if at > until {
            return None;
        }
        self.queue.pop_first().map(|(_, event)| (at, event))
    }

    fn heal(&mut self) {
        let begun = self.plan.end + 2 * MINUTE_MS;
        self.queue
            .retain(|_, event| !matches!(event, Event::Trouble(_)));
        self.now.set(begun.max(self.now.ms()));
        self.healing = true;
        self.net = NetPlan {
            least_ms: 5,
            more_ms: 50,
            lost: 0,
            twice: 0,
            late: 0,
        };
        self.say(|| "everything heals".to_owned());
        self.crash_within = false;
        self.office.start();
        for kiosk in 0..self.kiosks.len() {
            self.fates[kiosk].linked = true;
            self.kiosks[kiosk].disk.set_full(false);
            self.kiosks[kiosk].disk.set_failing(None);
            if self.kiosks[kiosk].suspended {
                self.trouble(Trouble::Resume(kiosk));
            }
            self.start(kiosk);
            if self.fates[kiosk].awaited && !self.fates[kiosk].abandoned {
                self.after(5_000, Event::Enrol(kiosk));
            }
        }
        for seconds in [90, 150, 300, 600] {
            self.after(seconds * SECOND_MS, Event::Recover);
        }
        let until = self.now.ms() + HEAL_MS;
        let mut there_since = None;
        while let Some((at, event)) = self.next_until(until) {
            self.now.set(at);
            self.happens(event);
            let all = (0..self.kiosks.len()).all(|kiosk| self.has_arrived(kiosk));
            match (all, there_since) {
                (true, None) => there_since = Some(at),
                // A beat more, so that the last receipts and clock readings have gone as well.
                (true, Some(since)) if at - since > 75 * SECOND_MS => break,
                (true, Some(_)) => {}
                (false, _) => there_since = None,
            }
        }
        for kiosk in 0..self.kiosks.len() {
            let alarms = self.kiosks[kiosk].alarms();
            self.say(|| format!("kiosk {kiosk} ends with {alarms:?}"));
            self.kiosks[kiosk].stop();
        }
        self.office.settle();
    }

    /// Whether all that a kiosk has to send has been receipted, but for what rides along; or it says that it cannot be.
    fn has_arrived(&self, kiosk: usize) -> bool {
        let stuck = ["fork_unproven", "batch_refused", "unknown_kiosk", "retired"];
        let halted = self.kiosks[kiosk]
            .alarms()
            .iter()
            .any(|a| stuck.contains(a));
        let arrived = |(standing, held): (Standing, u64)| {
            let gone = standing.awaits && self.fates[kiosk].abandoned;
            (gone || !standing.awaits && standing.log_size <= held + 6) && !standing.sealed_rest
        };
        halted || self.kiosks[kiosk].progress().is_some_and(arrived)
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Scan(number) => self.scan(number),
            Event::Trouble(number) => {
                let trouble = self.plan.troubles[number].1.clone();
                self.trouble(trouble);
            }
            Event::Wake { kiosk, epoch } => {
                if self.is_now(kiosk, epoch) && self.fates[kiosk].wake == Some(self.now.ms()) {
                    self.fates[kiosk].wake = None;
                    self.step(kiosk, Input::Tick);
                }
            }
            Event::Tick { kiosk, epoch } => self.tick(kiosk, epoch),
            Event::Begin { kiosk, epoch } => {
                if self.is_now(kiosk, epoch) {
                    match self.kiosks[kiosk].begin_sync() {
                        Some(want) => self.want(kiosk, want),
                        None => self.after(5_000, Event::Begin { kiosk, epoch }),
                    }
                    self.look_after(kiosk);
                }
            }
            Event::Start(kiosk) => self.start(kiosk),
            Event::Enrol(kiosk) => self.enrol(kiosk),
            Event::Recover => {
                if self.office.recover() {
                    self.say(|| "the ledger goes on without its lost head".to_owned());
                    self.tally.count("ledgers recovered by a person", 1);
                }
            }
            Event::Deliver { flight, again } => self.deliver(&flight, again),
            Event::Answer { flight, raw } => self.answer(&flight, &raw),
            Event::Fail { flight, failure } => self.fail(&flight, failure),
            Event::Decide => {
                self.office.decide();
                if self.office.is_lost() {
                    let later = self.below_ms(300_000);
                    self.after(later, Event::Recover);
                }
            }
        }
    }

    fn is_now(&self, kiosk: usize, epoch: u64) -> bool {
        let machine = &self.kiosks[kiosk];
        machine.epoch == epoch && machine.runs() && !machine.suspended
    }

    // The machine.

    fn start(&mut self, kiosk: usize) {
        let machine = &mut self.kiosks[kiosk];
        if machine.suspended || machine.runs() {
            return;
        }
        if !machine.powered {
            machine.powered = true;
            let mut random = Random::from_seed(machine.choose());
            machine.clock.reboot(&mut random);
        }
        self.fates[kiosk].wake = None;
        match self.kiosks[kiosk].start() {
            Ok(()) => {
                let epoch = self.kiosks[kiosk].epoch;
                self.say(|| format!("kiosk {kiosk} starts"));
                self.tally.count("daemon starts", 1);
                self.after(0, Event::Begin { kiosk, epoch });
                self.after(1_000, Event::Tick { kiosk, epoch });
            }
            Err(error) => {
                self.say(|| format!("kiosk {kiosk} does not start: {error}"));
                self.after(RESTART_MS, Event::Start(kiosk));
            }
        }
        self.look_after(kiosk);
    }

    fn tick(&mut self, kiosk: usize, epoch: u64) {
        if self.kiosks[kiosk].epoch != epoch || !self.kiosks[kiosk].runs() {
            return;
        }
        let mut next_ms = TICK_MS;
        if !self.kiosks[kiosk].suspended {
            let records = self.kiosks[kiosk].tick();
            self.kiosks[kiosk].disk.settle();
            if !records {
                next_ms = TICK_DOWN_MS;
            }
            self.look_after(kiosk);
            self.grown(kiosk);
        }
        let now = self.now.ms();
        let on = |(from, to): &(i64, i64)| *from - MINUTE_MS < now && now < *to + 5 * MINUTE_MS;
        if !self.healing && !self.plan.days.iter().any(on) && next_ms == TICK_MS {
            next_ms = TICK_IDLE_MS;
        }
        self.after(next_ms, Event::Tick { kiosk, epoch });
    }

    /// Where everything has ended within a commit, it has ended.
    fn look_after(&mut self, kiosk: usize) {
        if !self.kiosks[kiosk].disk.has_ended() {
            return;
        }
        if self.fates[kiosk].only_daemon {
            self.say(|| format!("kiosk {kiosk} is killed within a commit"));
            self.kiosks[kiosk].kill();
        } else {
            self.say(|| format!("kiosk {kiosk} loses power within a commit"));
            self.kiosks[kiosk].cut_power();
        }
        let again = 1_000 + self.below_ms(40_000);
        self.after(again, Event::Start(kiosk));
    }

    fn grown(&mut self, kiosk: usize) {
        let machine = &self.kiosks[kiosk];
        if machine.runs() && !machine.suspended && machine.has_grown() {
            self.step(kiosk, Input::Tick);
        }
    }

    fn step(&mut self, kiosk: usize, input: Input) {
        let want = self.kiosks[kiosk].step(input);
        self.want(kiosk, want);
        self.look_after(kiosk);
    }

    fn want(&mut self, kiosk: usize, want: Want) {
        let epoch = self.kiosks[kiosk].epoch;
        self.fates[kiosk].wake = None;
        match want {
            Want::Call(request) => self.call(kiosk, request),
            Want::Wake(raw_ms) => {
                let at = self.kiosks[kiosk]
                    .clock
                    .when_raw(raw_ms)
                    .max(self.now.ms() + 1);
                self.fates[kiosk].wake = Some(at);
                self.at(at, Event::Wake { kiosk, epoch });
            }
            Want::Begin => {
                self.say(|| format!("kiosk {kiosk} has become another to the issuer"));
                self.after(0, Event::Begin { kiosk, epoch });
                self.see_to_enrolment(kiosk);
            }
            Want::Nothing => {}
        }
    }

    /// Staff see that a kiosk has sealed its log: they enrol it anew, or take it away where another one stands beside it.
    fn see_to_enrolment(&mut self, kiosk: usize) {
        let awaits = self.kiosks[kiosk].standing().is_some_and(|s| s.awaits);
        if !awaits || self.fates[kiosk].awaited {
            return;
        }
        self.tally.count("logs sealed on proof of a fork", 1);
        self.fates[kiosk].awaited = true;
        let beside = |(clone, (of, _)): (&usize, &(usize, u64))| *clone == kiosk || *of == kiosk;
        let cloned = self.truth.clones.iter().any(beside);
        self.fates[kiosk].abandoned = cloned && self.random.below(2) == 0;
        if !self.fates[kiosk].abandoned {
            let later = 20_000 + self.below_ms(300_000);
            self.after(later, Event::Enrol(kiosk));
        }
    }

    fn enrol(&mut self, kiosk: usize) {
        if !self.fates[kiosk].awaited {
            return;
        }
        let awaits = self.kiosks[kiosk].standing().is_some_and(|s| s.awaits);
        let asleep = self.kiosks[kiosk].suspended || !self.fates[kiosk].linked;
        let key = self.kiosks[kiosk].log_key();
        let Some(key) = key.filter(|_| awaits && !asleep && self.office.runs()) else {
            return self.after(30_000, Event::Enrol(kiosk));
        };
        let door = self.kiosks[kiosk].door.clone();
        let enrolled = self.office.enrol(&door, &key);
        self.keep_bundle(kiosk, &enrolled.bundle);
        if self.kiosks[kiosk].enrol(enrolled) {
            self.say(|| format!("kiosk {kiosk} is enrolled anew"));
            self.tally.count("kiosks enrolled anew", 1);
            self.fates[kiosk].awaited = false;
        } else {
            self.after(30_000, Event::Enrol(kiosk));
        }
        self.look_after(kiosk);
        self.grown(kiosk);
    }

    // People.

    fn scan(&mut self, number: usize) {
        let first = self.plan.scans[number].clone();
        let mut together = vec![first.clone()];
        // Whoever scans in the same instant at the same door waits in the same queue.
        loop {
            let next = self.queue.first_key_value();
            let Some(((at, sequence), Event::Scan(other))) = next else {
                break;
            };
            let scan = self.plan.scans[*other].clone();
            let same = *at == first.at && scan.door == first.door;
            if !same || together.iter().any(|held| held.person == scan.person) {
                break;
            }
            let key = (*at, *sequence);
            self.queue.remove(&key);
            together.push(scan);
        }
        for kiosk in 0..self.kiosks.len() {
            if self.kiosks[kiosk].door != self.plan.doors[first.door].id {
                continue;
            }
            // Of a machine and its clone beside it, each sees its own queue.
            let here: Vec<_> = together
                .iter()
                .filter(|scan| self.stands_at(kiosk, scan.person))
                .cloned()
                .collect();
            if !here.is_empty() {
                self.scan_at(kiosk, &here);
            }
        }
    }

    fn stands_at(&self, kiosk: usize, person: usize) -> bool {
        let beside = |clone: &usize, of: &usize| kiosk == *clone || kiosk == *of;
        let pair = self
            .truth
            .clones
            .iter()
            .find(|(clone, (of, _))| beside(clone, of));
        pair.is_none_or(|(clone, _)| (kiosk == *clone) == (person % 2 == 1))
    }

    fn scan_at(&mut self, kiosk: usize, scans: &[super::plan::ScanPlan]) {
        let sleeps = self.kiosks[kiosk].suspended || !self.kiosks[kiosk].powered;
        let read: Vec<(usize, String)> = scans
            .iter()
            .map(|scan| (scan.reader, person(scan.person)))
            .collect();
        let (stamp, told) = if sleeps {
            (self.kiosks[kiosk].clock.stamp(), Vec::new())
        } else {
            self.kiosks[kiosk].scan(&read)
        };
        let mut told = told.into_iter();
        for scan in scans {
            let told = told.next();
            self.tally.count("scans", 1);
            match &told {
                Some(told) if told.entry.is_some() => self.tally.count("scans answered green", 1),
                Some(_) => self.tally.count("scans answered with a failure", 1),
                None => self.tally.count("scans at a dark screen", 1),
            }
            let (word, reader) = (
                told.as_ref().map_or("dark", |t| t.word.as_str()).to_owned(),
                READERS[scan.reader].0,
            );
            let entry = told.as_ref().and_then(|told| told.entry);
            self.say(|| {
                format!(
                    "person {} at kiosk {kiosk}, {reader}: {word} {entry:?}",
                    scan.person
                )
            });
            self.truth.scans.push(TrueScan {
                at: self.now.ms(),
                kiosk,
                card: self.fates[kiosk].card,
                log: self.kiosks[kiosk].sealed_logs(),
                badge: self.badge(scan.person),
                person: scan.person,
                stamp: stamp.clone(),
                told,
                linked: self.fates[kiosk].linked,
            });
        }
        if !sleeps {
            self.look_after(kiosk);
            self.grown(kiosk);
        }
    }

    // The network.

    fn call(&mut self, kiosk: usize, request: Request) {
        let machine = &mut self.kiosks[kiosk];
        let (wire, exchange) = if request.call == Call::Time {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&machine.choose().to_le_bytes());
            bytes[8..].copy_from_slice(&machine.choose().to_le_bytes());
            let asked = time_request(bytes);
            let wire = Wire {
                method: "POST",
                path: protocol::time::PATH.to_owned(),
                headers: vec![("content-type", "application/json".to_owned())],
                body: serde_json::to_vec(&asked).unwrap(),
            };
            (wire, Some((asked.nonce, machine.clock.raw_ms())))
        } else {
            let (id, key) = machine.signs(&request);
            if request.call == Call::Entries {
                let body = request.body.clone().unwrap_or_default();
                self.note_head(kiosk, &body, &id, &key.public_key());
            }
            (transport::wire(&request, &id, &key), None)
        };
        self.tally.count("calls", 1);
        let flight = Rc::new(Flight {
            kiosk,
            epoch: self.kiosks[kiosk].epoch,
            request,
            wire,
            exchange,
        });
        if !self.fates[kiosk].linked {
            let soon = self.below_ms(3_000);
            let failure = Failure::Unreachable;
            return self.after(soon, Event::Fail { flight, failure });
        }
        let failure = Failure::Timeout;
        let gone = Event::Fail {
            flight: Rc::clone(&flight),
            failure,
        };
        self.after(30_000, gone);
        if self.unlucky(self.net.lost) {
            return self.tally.fault("request lost");
        }
        let way = self.way_ms();
        if self.unlucky(self.net.twice) {
            self.tally.fault("request twice");
            let later = way + self.below_ms(45_000);
            let again = Event::Deliver {
                flight: Rc::clone(&flight),
                again: true,
            };
            self.after(later, again);
        }
        let again = false;
        self.after(way, Event::Deliver { flight, again });
    }

    fn unlucky(&mut self, of_thousand: u64) -> bool {
        of_thousand > 0 && self.random.below(1_000) < of_thousand
    }

    fn way_ms(&mut self) -> i64 {
        let ms = i64::try_from(self.net.least_ms).unwrap() + self.below_ms(self.net.more_ms);
        if self.unlucky(self.net.late) {
            self.tally.fault("message late");
            return ms + self.below_ms(60_000);
        }
        ms
    }

    fn note_head(&mut self, kiosk: usize, body: &[u8], id: &str, key: &PublicKey) {
        let batch = protocol::batch::read(body).expect("a kiosk sends batches");
        let origin = evidence::kiosk_origin(ISSUER, id, key).unwrap();
        let head = evidence::open_checkpoint(&batch.head.checkpoint, &origin, key).unwrap();
        let (size, root) = (head.size, head.root);
        let start = batch.head.start;
        self.say(|| format!("kiosk {kiosk} sends {start} to {size}"));
        let heads = self.truth.kiosk_heads.entry((kiosk, origin)).or_default();
        heads.push(SignedHead { size, root });
    }

    fn deliver(&mut self, flight: &Rc<Flight>, again: bool) {
        if !self.fates[flight.kiosk].linked {
            return self.tally.fault("message lost in a cut");
        }
        if self.crash_within && self.office.runs() {
            self.crash_within = false;
            self.tally.fault("issuer's power cut within a call");
            self.say(|| "the issuer loses power within a call".to_owned());
            let mut random = Random::from_seed(self.random.number());
            return self.office.crash_within(&flight.wire, &mut random);
        }
        let raw = match self.office.call(&flight.wire) {
            Called::Down if again => return,
            Called::Down => {
                let flight = Rc::clone(flight);
                let failure = Failure::Unreachable;
                return self.after(10, Event::Fail { flight, failure });
            }
            Called::Answered(raw) => raw,
        };
        self.overhear(flight, &raw);
        if self.unlucky(self.net.lost) {
            return self.tally.fault("answer lost");
        }
        let way = self.way_ms();
        let flight = Rc::clone(flight);
        let raw = Rc::new(raw);
        self.after(way, Event::Answer { flight, raw });
    }

    /// What the issuer signs is remembered, whether it arrives or not.
    fn overhear(&mut self, flight: &Flight, raw: &Raw) {
        let (kiosk, status) = (flight.kiosk, raw.status);
        let call = flight.request.call;
        match (call, status) {
            (Call::Entries, 200) => {
                let accepted: Accepted = serde_json::from_slice(&raw.body).unwrap();
                let origin = evidence::ledger_origin(ISSUER, super::office::EVENT).unwrap();
                let head = evidence::open_checkpoint(&accepted.ledger, &origin, &self.office.key());
                let head = head.expect("the issuer signs its ledger's head");
                let (size, root) = (head.size, head.root);
                self.truth.ledger_heads.push(SignedHead { size, root });
                if self.broken == Broken::NotIdempotent {
                    let body = flight.request.body.as_deref().unwrap_or_default();
                    let lines = body.split(|b| *b == b'\n').skip(1);
                    let lines = lines.filter(|line| !line.is_empty());
                    self.truth.naive.extend(lines.map(<[u8]>::to_vec));
                }
                let held = accepted.size;
                self.say(|| format!("the issuer holds {held} of kiosk {kiosk}"));
                self.tally.count("batches taken", 1);
            }
            (Call::Bundle, 200) => self.keep_bundle(kiosk, &raw.body),
            (Call::Time, 200) => {
                if let Some((nonce, _)) = &flight.exchange {
                    let off = self.office.clock.off_ms();
                    self.truth.exchanges.insert(nonce.clone(), off);
                }
            }
            (_, 400..) => {
                let why = String::from_utf8_lossy(&raw.body).into_owned();
                self.say(|| {
                    format!(
                        "{} of kiosk {kiosk} is refused: {status} {why}",
                        call.as_str()
                    )
                });
                self.tally.count("calls refused", 1);
            }
            _ => {}
        }
    }

    fn answer(&mut self, flight: &Rc<Flight>, raw: &Rc<Raw>) {
        let kiosk = flight.kiosk;
        if self.kiosks[kiosk].epoch != flight.epoch || !self.kiosks[kiosk].runs() {
            return;
        }
        if self.kiosks[kiosk].suspended {
            return self.park(
                kiosk,
                Event::Answer {
                    flight: Rc::clone(flight),
                    raw: Rc::clone(raw),
                },
            );
        }
        let exchange = flight
            .exchange
            .clone()
            .map(|(nonce, sent_raw_ms)| Exchange {
                nonce,
                sent_raw_ms,
                received_raw_ms: self.kiosks[kiosk].clock.raw_ms(),
            });
        let answer = transport::answer(flight.request.id, raw.as_ref().clone(), exchange);
        self.step(kiosk, Input::Answer(answer));
    }

    fn fail(&mut self, flight: &Rc<Flight>, failure: Failure) {
        let kiosk = flight.kiosk;
        if self.kiosks[kiosk].epoch != flight.epoch || !self.kiosks[kiosk].runs() {
            return;
        }
        if self.kiosks[kiosk].suspended {
            return self.park(
                kiosk,
                Event::Fail {
                    flight: Rc::clone(flight),
                    failure,
                },
            );
        }
        let id = flight.request.id;
        self.step(kiosk, Input::Failed { id, failure });
    }

    fn park(&mut self, kiosk: usize, event: Event) {
        self.sequence += 1;
        let number = usize::try_from(self.sequence).unwrap();
        self.parked.insert(number, event);
        self.fates[kiosk].parked.push_back(number);
    }

    // What goes wrong.

    fn trouble(&mut self, trouble: Trouble) {
        self.say(|| format!("{trouble:?}"));
        match trouble {
            Trouble::PowerCut(kiosk) if self.kiosks[kiosk].powered => {
                self.tally.fault("power cut");
                self.kiosks[kiosk].cut_power();
            }
            Trouble::PowerCut(_) => {}
            Trouble::CutWithin(kiosk, commits, moment) if self.kiosks[kiosk].runs() => {
                self.tally.fault(match moment {
                    Moment::Before => "power cut before a commit",
                    Moment::During => "power cut within a commit, torn",
                    Moment::After => "power cut after a commit, unanswered",
                });
                self.fates[kiosk].only_daemon = false;
                self.kiosks[kiosk].disk.plan_end(commits, moment);
            }
            Trouble::KillWithin(kiosk, commits, moment) if self.kiosks[kiosk].runs() => {
                self.tally.fault("daemon killed within a commit");
                self.fates[kiosk].only_daemon = true;
                self.kiosks[kiosk].disk.plan_end(commits, moment);
            }
            Trouble::Kill(kiosk) if self.kiosks[kiosk].runs() => {
                self.tally.fault("daemon killed");
                self.kiosks[kiosk].kill();
            }
            Trouble::Stop(kiosk) if self.kiosks[kiosk].runs() => {
                self.kiosks[kiosk].stop();
            }
            Trouble::CutWithin(..)
            | Trouble::KillWithin(..)
            | Trouble::Kill(_)
            | Trouble::Stop(_) => {}
            Trouble::On(kiosk) => self.start(kiosk),
            Trouble::Suspend(kiosk) => {
                if self.kiosks[kiosk].powered && !self.kiosks[kiosk].suspended {
                    self.tally.fault("machine suspended");
                    self.kiosks[kiosk].suspended = true;
                    self.kiosks[kiosk].clock.suspend();
                }
            }
            Trouble::Resume(kiosk) => self.resume(kiosk),
            Trouble::TimeFound(kiosk) => {
                let mut random = Random::from_seed(self.random.number());
                self.kiosks[kiosk].clock.found(&mut random);
                self.tally.fault("wall clock set and slewed at 500 ppm");
            }
            Trouble::TimeLost(kiosk) => {
                let mut random = Random::from_seed(self.random.number());
                self.kiosks[kiosk].clock.lost(&mut random);
                self.tally.fault("time source lost");
            }
            Trouble::Jump(kiosk, ms) => {
                self.kiosks[kiosk].clock.jump(ms);
                self.tally.fault("wall clock jumps");
            }
            Trouble::Full(kiosk, full) => {
                self.kiosks[kiosk].disk.set_full(full);
                if full {
                    self.tally.fault("disk full");
                }
            }
            Trouble::Failing(kiosk, failing) => {
                self.kiosks[kiosk].disk.set_failing(failing);
                if failing.is_some() {
                    self.tally.fault("disk fails");
                }
            }
            Trouble::Link(kiosk, up) => {
                if self.fates[kiosk].linked && !up {
                    self.tally.fault("network cut");
                }
                self.fates[kiosk].linked = up;
            }
            Trouble::Foreign(kiosk) => self.foreign(kiosk),
            Trouble::Reader(kiosk) => self.reader(kiosk),
            Trouble::CopyCard(kiosk) => self.copy_card(kiosk),
            Trouble::RestoreCard(kiosk) => self.restore_card(kiosk),
            Trouble::CloneCard(kiosk) => self.clone_card(kiosk),
            Trouble::TimeCode(kiosk, age_ms) => self.time_code(kiosk, age_ms),
            Trouble::AgendaMoves(session, by_s) => self.agenda_moves(session, by_s),
            of_issuer => self.issuer_trouble(&of_issuer),
        }
    }

    fn issuer_trouble(&mut self, trouble: &Trouble) {
        match trouble {
            Trouble::IssuerCrash => {
                self.tally.fault("issuer killed");
                self.office.crash();
            }
            Trouble::IssuerCrashWithin => self.crash_within = true,
            Trouble::IssuerStart => {
                self.crash_within = false;
                self.office.start();
            }
            Trouble::IssuerBackup => self.office.back_up(),
            Trouble::IssuerRestore => {
                if self.office.restore() {
                    self.tally.fault("issuer restored from a copy");
                    self.truth.issuer_restored = true;
                }
            }
            Trouble::IssuerClock(off_ms) => {
                self.tally.fault("issuer's clock stepped");
                self.office.clock.set_off(*off_ms);
                self.truth.issuer_offs_ms.push(*off_ms);
            }
            other => panic!("{other:?} is no trouble of the issuer's"),
        }
    }

    fn resume(&mut self, kiosk: usize) {
        if !self.kiosks[kiosk].suspended {
            return;
        }
        self.kiosks[kiosk].suspended = false;
        self.kiosks[kiosk].clock.resume();
        // What came in meanwhile, and the clock's tick, in whatever order.
        while let Some(number) = self.fates[kiosk].parked.pop_front() {
            if let Some(event) = self.parked.remove(&number) {
                let soon = self.below_ms(400);
                self.after(soon, event);
            }
        }
        let epoch = self.kiosks[kiosk].epoch;
        let soon = self.now.ms() + self.below_ms(1_000);
        self.fates[kiosk].wake = Some(soon);
        self.at(soon, Event::Wake { kiosk, epoch });
    }

    fn foreign(&mut self, kiosk: usize) {
        if self.kiosks[kiosk].runs()
            || self.kiosks[kiosk].disk.faults() > 0 && !self.kiosks[kiosk].powered
        {
            return;
        }
        self.tally.fault("entry of an unknown kind");
        let bytes = br#"{"kind":"of another program","v":99}"#;
        self.kiosks[kiosk].append_foreign(bytes);
        *self.truth.foreign.entry(kiosk).or_default() += 1;
    }

    fn reader(&mut self, kiosk: usize) {
        if !self.kiosks[kiosk].runs() || self.kiosks[kiosk].suspended {
            return;
        }
        self.tally.fault("reader attached anew");
        let reader = READERS[self.kiosks[kiosk].readers[0]].0;
        let reader = ReaderId::new(reader).unwrap();
        self.kiosks[kiosk].reader_event(ReaderEvent::Attached { reader });
        self.look_after(kiosk);
        self.grown(kiosk);
    }

    fn time_code(&mut self, kiosk: usize, age_ms: i64) {
        let machine = &self.kiosks[kiosk];
        if !machine.runs() || machine.suspended || !self.office.runs() {
            return;
        }
        let made = self.office.clock.read().plus_ms(-age_ms);
        let nonce = [1, 2, 3];
        let error_ms = self.plan.issuer_error_ms;
        let code = protocol::time_code::make(made, error_ms, nonce, &self.office.signing());
        let reader = self.kiosks[kiosk].readers[0];
        let (_, told) = self.kiosks[kiosk].scan(&[(reader, code)]);
        let word = told
            .first()
            .map_or("dark", |told| told.word.as_str())
            .to_owned();
        self.say(|| format!("a time code at kiosk {kiosk}: {word}"));
        self.tally.count("time codes scanned", 1);
        self.look_after(kiosk);
        self.grown(kiosk);
    }

    fn copy_card(&mut self, kiosk: usize) {
        let machine = &self.kiosks[kiosk];
        // Of a card that was copied before, nobody makes another copy.
        if let Some(standing) = machine.standing()
            && standing.generation == 0
        {
            let image = Image::of(&machine.database());
            self.fates[kiosk].copy = Some((image, standing.log_size));
        }
    }

    fn restore_card(&mut self, kiosk: usize) {
        let Some((image, size)) = self.fates[kiosk].copy.take() else {
            return;
        };
        self.tally.fault("card restored from a copy");
        if self.kiosks[kiosk].powered {
            self.kiosks[kiosk].cut_power();
        }
        image.restore(&self.kiosks[kiosk].database());
        self.kiosks[kiosk].disk.settle();
        self.fates[kiosk].card += 1;
        let card = self.fates[kiosk].card;
        self.truth.restored.insert((kiosk, card), Copied { size });
        let again = 1_000 + self.below_ms(20_000);
        self.after(again, Event::Start(kiosk));
    }

    fn clone_card(&mut self, kiosk: usize) {
        let Some((image, size)) = self.fates[kiosk].copy.take() else {
            return;
        };
        self.tally.fault("card cloned");
        let number = self.kiosks.len();
        let at = self.folder.path().join(format!("kiosk-{number}"));
        std::fs::create_dir_all(&at).unwrap();
        let name = format!("kiosk {number}, a clone of {kiosk}");
        let mut random = Random::from_seed(self.random.number());
        let (door, readers) = (
            self.kiosks[kiosk].door.clone(),
            self.kiosks[kiosk].readers.clone(),
        );
        let mut clone = Kiosk::new(
            &name,
            &door,
            &readers,
            &at,
            &self.now,
            self.broken,
            &mut random,
        );
        clone.key = self.kiosks[kiosk].key.clone();
        image.restore(&clone.database());
        clone.disk.settle();
        self.kiosks.push(clone);
        let fate = Fate {
            linked: true,
            ..Fate::default()
        };
        self.fates.push(fate);
        let known: Vec<_> = self
            .truth
            .bundles
            .iter()
            .filter(|((of, _), _)| *of == kiosk)
            .map(|((_, sequence), bundle)| ((number, *sequence), bundle.clone()))
            .collect();
        self.truth.bundles.extend(known);
        self.truth.clones.insert(number, (kiosk, size));
        self.start(number);
    }

    fn agenda_moves(&mut self, session: usize, by_s: i64) {
        if !self.office.runs() || self.office.is_lost() {
            return;
        }
        self.tally.fault("agenda moves");
        self.plan.sessions[session].end += by_s * SECOND_MS;
        self.office.import_agenda(&self.agenda());
    }
}
