//! The issuer: what a batch costs from request to receipt, and whether a long log makes it dearer.
//!
//! One real server for each size of log, each with a database of its own, filled over the protocol by an enrolled key; then batches of
//! fifty scans go to each in turn. The rate is that of several doors at once, beside one bare commit of the same rows for each of their
//! batches. Decisions are made apart, after the receipt, by the same process: each burst of batches waits until those of the burst before
//! have been made.

use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use rollcall_tests::programs::PATIENCE;
use rollcall_tests::speaker::Speaker;
use rollcall_tests::world::{DOOR, Plan, World};
use rusqlite::{Connection, OpenFlags};

use crate::bare::{BareIntake, BareJournal, EntryRow};
use crate::figures::{Figure, median, ms};
use crate::scans::{Batch, ScanLog};
use crate::voice::Voice;
use crate::{Amounts, progress};

/// Entries of a measured batch.
const BATCH: usize = 50;
/// Doors that send at once, where the rate is measured: a request that waits for a disk leaves the processors to another.
const DOORS: u8 = 4;
/// Batches that follow each other, in less time than passes before somebody is decided. Whoever has just worked has its memory at hand and
/// is faster for it: so both sides work on, and wait together.
const BURST: usize = 8;
/// Entries of a batch that only fills.
const FILL: usize = 1_000;
/// Entries after which a fill says how far it is.
const SAY_EVERY: u64 = 1_000_000;
/// Commits that show whether the disk honours syncs.
const PROBES: usize = 31;
/// The seed of the kiosk's key.
const KEY_SEED: u8 = 7;
/// How often the queue of decisions is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// All of the issuer's figures that are wanted.
pub(crate) fn measure(amounts: &Amounts, wants: impl Fn(&str) -> bool) -> Vec<Figure> {
    let (batch, cost) = (wants("intake_batch_50"), wants("intake_cost"));
    if !(batch || cost) {
        return Vec::new();
    }
    let sizes = if cost {
        &amounts.logs[..]
    } else {
        &amounts.logs[..1]
    };
    let mut offices: Vec<Office> = sizes
        .iter()
        .map(|size| Office::new(amounts, *size))
        .collect();
    let folder = offices[0].world.path("");
    let commit_ms = probe(&folder);
    let mut bare = BareIntake::new(
        &folder.join("bare.sqlite"),
        &offices[0].log.speaker.enrolled.origin,
    );
    let entries = f64::from(u32::try_from(BATCH).expect("a small number"));
    let mut figures = Vec::new();
    if batch {
        progress(&format!(
            "{} times a batch of {BATCH} from each of {DOORS} doors",
            amounts.batches
        ));
        let mut doors: Vec<Door> = (0..DOORS)
            .map(|n| Door::new(&offices[0], amounts, n))
            .collect();
        // Both begin with rows, since the pages that a row touches are more in a larger table.
        for door in &mut doors {
            let batch = door.log.batch(FILL);
            commit_bare(&mut bare, &door.log, &batch, FILL);
            door.voice.deliver(&door.log.speaker, &batch.body);
        }
        let (mut controls, mut times) = (Vec::new(), Vec::new());
        for round in 0..amounts.batches {
            if round % BURST == 0 {
                offices[0].wait_until_decided();
            }
            let batches: Vec<Batch> = doors.iter_mut().map(|door| door.log.batch(BATCH)).collect();
            let bare: Duration = doors
                .iter()
                .zip(&batches)
                .map(|(door, batch)| commit_bare(&mut bare, &door.log, batch, BATCH))
                .sum();
            controls.push(ms(bare));
            times.push(ms(deliver_at_once(&mut doors, &batches)));
        }
        let all = entries * f64::from(DOORS);
        let rate = |round_ms: f64| all * 1_000.0 / round_ms;
        let (value, control) = (rate(median(&times)), rate(median(&controls)));
        let figure = Figure::new("intake_batch_50", value, "entries/s", Some(control));
        let met = value >= 0.5 * control;
        figures.push(
            figure
                .judged("at least 0.5 x the control", met, amounts.judged)
                .on_disk(commit_ms),
        );
    }
    if cost {
        progress(&format!("{} batches of {BATCH} to each", amounts.batches));
        for round in 0..amounts.batches {
            if round % BURST == 0 {
                offices.iter().for_each(Office::wait_until_decided);
            }
            for office in &mut offices {
                let batch = office.log.batch(BATCH);
                office.deliver(&batch);
            }
        }
        let costs: Vec<f64> = offices
            .iter()
            .map(|office| median(&office.times_ms))
            .collect();
        let base = costs[0] * 1_000.0 / entries;
        for (size, cost) in amounts.logs.iter().zip(&costs) {
            let (name, cost) = (format!("intake_cost_{size}"), cost * 1_000.0 / entries);
            figures.push(if *size == amounts.logs[0] {
                Figure::new(&name, cost, "us/entry", None)
            } else {
                let goal = format!("at most 1.5 x the cost at {}", amounts.logs[0]);
                let figure = Figure::new(&name, cost, "us/entry", Some(base));
                figure.judged(&goal, cost <= 1.5 * base, amounts.judged)
            });
        }
    }
    figures
}

/// How long a bare commit of one small row takes, in milliseconds.
fn probe(folder: &Path) -> f64 {
    let mut bare = BareJournal::new(&folder.join("probe.sqlite"), evidence::Frontier::new());
    let times: Vec<f64> = (0..PROBES).map(|_| ms(bare.commit(b"{}"))).collect();
    median(&times)
}

fn commit_bare(bare: &mut BareIntake, log: &ScanLog, batch: &Batch, entries: usize) -> Duration {
    let rows: Vec<EntryRow<'_>> = log
        .rows(batch, entries)
        .map(|(bytes, seen)| EntryRow {
            bytes,
            badge: seen.badge,
            attendee: seen.attendee,
            direction: seen.direction.as_str(),
        })
        .collect();
    bare.commit(&rows, &batch.checkpoint)
}

/// A door of a busy event: what its kiosk has recorded, and its connection.
struct Door {
    log: ScanLog,
    voice: Voice,
}

impl Door {
    fn new(office: &Office, amounts: &Amounts, number: u8) -> Self {
        let (door, seed) = (format!("door-{number}"), KEY_SEED + 1 + number);
        office.world.add_door(&door);
        let claim = office.world.claim(&door);
        let speaker = Speaker::enrol(office.world.issuer_port, &claim, seed);
        let mut door = Self {
            log: ScanLog::new(speaker, amounts.crowd),
            voice: Voice::new(office.world.issuer_port),
        };
        // The first one fetches the nonce.
        let batch = door.log.batch(BATCH);
        door.voice.deliver(&door.log.speaker, &batch.body);
        door
    }
}

/// Sends each door's batch at the same moment. How long it took until all had their receipts.
fn deliver_at_once(doors: &mut [Door], batches: &[Batch]) -> Duration {
    let ready = Barrier::new(doors.len());
    let spans: Vec<(Instant, Instant)> = std::thread::scope(|scope| {
        let senders: Vec<_> = doors
            .iter_mut()
            .zip(batches)
            .map(|(door, batch)| {
                let ready = &ready;
                scope.spawn(move || {
                    ready.wait();
                    let start = Instant::now();
                    door.voice.deliver(&door.log.speaker, &batch.body);
                    (start, Instant::now())
                })
            })
            .collect();
        let spans = senders.into_iter().map(std::thread::ScopedJoinHandle::join);
        spans.map(|span| span.expect("a batch is taken")).collect()
    });
    let (starts, ends): (Vec<Instant>, Vec<Instant>) = spans.into_iter().unzip();
    let (first, last) = (starts.into_iter().min(), ends.into_iter().max());
    last.zip(first)
        .map_or(Duration::ZERO, |(last, first)| last - first)
}

/// An issuer that holds a log of some size.
struct Office {
    world: World,
    log: ScanLog,
    voice: Voice,
    queue: Connection,
    times_ms: Vec<f64>,
}

impl Office {
    fn new(amounts: &Amounts, size: u64) -> Self {
        progress(&format!(
            "an issuer with a log of {size} and {} attendees",
            amounts.crowd
        ));
        let mut world = World::new("bench-intake", &Plan::one_long_session(amounts.crowd));
        world.start_issuer();
        let speaker = Speaker::enrol(world.issuer_port, &world.claim(DOOR), KEY_SEED);
        let queue = Connection::open_with_flags(
            world.path("issuer").join("issuer.db"),
            OpenFlags::SQLITE_OPEN_READ_ONLY,
        );
        let mut office = Self {
            voice: Voice::new(world.issuer_port),
            log: ScanLog::new(speaker, amounts.crowd),
            queue: queue.expect("the issuer's database is there"),
            world,
            times_ms: Vec::new(),
        };
        while office.log.size() < size {
            let left = usize::try_from(size - office.log.size()).unwrap_or(FILL);
            let batch = office.log.batch(left.min(FILL));
            office.voice.deliver(&office.log.speaker, &batch.body);
            office.log.forget(&batch);
            if office.log.size().is_multiple_of(SAY_EVERY) {
                progress(&format!("  {} of {size} entries", office.log.size()));
            }
        }
        office
    }

    /// Sends a batch and keeps how long its receipt took.
    fn deliver(&mut self, batch: &Batch) {
        let took = self.voice.deliver(&self.log.speaker, &batch.body);
        self.times_ms.push(ms(took));
    }

    fn wait_until_decided(&self) {
        let deadline = Instant::now() + 5 * PATIENCE;
        while self.due() > 0 {
            assert!(Instant::now() < deadline, "decisions are not made in time");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// How many decisions wait to be made now.
    fn due(&self) -> u64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now_ms = u64::try_from(now.expect("it is after 1970").as_millis())
            .expect("it is before the end of time");
        let count = self
            .queue
            .prepare_cached("SELECT count(*) FROM due WHERE due_ms <= ?1")
            .and_then(|mut count| count.query_row([now_ms], |row| row.get(0)));
        count.expect("the issuer's queue reads")
    }
}
