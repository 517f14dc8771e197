//! The conference as it happens: one thing after the other in true time, each done by the real code, and a record of what really happened.

mod network;
mod setup;
mod troubles;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use attendance::UtcMs;
use attendance::time::Stamp;
use evidence::Hash;
use kiosk::desk::Standing;
use kiosk::sync::transport::{Raw, Wire};
use kiosk::sync::words::{Failure, Input, Request};
use protocol::badge::{BadgeDigest, BadgeKey};
use protocol::bundle::Bundle;

use super::broken::Broken;
use super::clock::{IssuerClock, Now};
use super::disk::Image;
use super::kiosk::{Kiosk, READERS, Told, Want};
use super::office::Office;
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
    /// Time exchanges that were answered: nonce and the issuer's word of when, and how far its clock was off.
    pub exchanges: BTreeMap<(String, UtcMs), i64>,
    /// Every bundle that the issuer gave, by the hash of its signed bytes.
    pub bundles: BTreeMap<Hash, Bundle>,
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

    fn keep_bundle(&mut self, signed: &[u8]) {
        if let Ok((bundle, _)) = protocol::bundle::open(signed, &self.office.key()) {
            self.truth.bundles.insert(evidence::sha256(signed), bundle);
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
                } else if self.kiosks[kiosk].suspended && self.kiosks[kiosk].epoch == epoch {
                    // A wait that a suspend came into goes on after it.
                    self.after(5_000, Event::Begin { kiosk, epoch });
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
        // An issuer that lacks a head of its own signs nothing, and so enrols nobody, until a person has said how to go on.
        let enrols = self.office.runs() && !self.office.is_lost();
        let Some(key) = key.filter(|_| awaits && !asleep && enrols) else {
            return self.after(30_000, Event::Enrol(kiosk));
        };
        let door = self.kiosks[kiosk].door.clone();
        let enrolled = self.office.enrol(&door, &key);
        self.keep_bundle(&enrolled.bundle);
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
}
