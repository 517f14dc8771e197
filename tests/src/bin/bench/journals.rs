//! The kiosk on a long journal: whether a scan costs more, and how much longer a start takes, than on a short one.
//!
//! Two enrolled kiosks, alike but for their journals. The journals are written by the door's and the journal's own code, without a daemon: a
//! thousand entries a commit, since nobody waits for an answer. Scans that are measured are of people whom neither journal knows, so that
//! what differs is the journal and not what is decided; they go to the two daemons in turn.

use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Instant;

use attendance::time::{BootId, Stamp, Sync};
use attendance::words::{Direction, ReaderId};
use kiosk::door::{Chunk, Door, Owner, Read};
use kiosk::journal::{Disk, Folder, Journal, Replay};
use protocol::entry::{encode, parse};
use rollcall_tests::programs::PATIENCE;
use rollcall_tests::world::person;

use crate::doors::{Daemon, Station, recorded};
use crate::figures::{Figure, median, ms};
use crate::{Amounts, progress};

/// Entries of one commit while a journal is filled.
const FILL: u64 = 1_000;
/// Milliseconds from one scan to the next while a journal is filled.
const APART_MS: u64 = 40;
/// The boot that the filled entries say they are of.
const BOOT: &str = "f111f111-0000-4000-8000-000000000000";
/// Of so many people one is left to the measured scans.
const LEFT: usize = 4;

/// All figures of the journal that are wanted.
pub(crate) fn measure(amounts: &Amounts, wants: impl Fn(&str) -> bool) -> Vec<Figure> {
    let (cost, start) = (wants("journal_cost"), wants("journal_start"));
    if !(cost || start) {
        return Vec::new();
    }
    let mut stations: Vec<Station> = amounts
        .journals
        .iter()
        .map(|_| Station::new(amounts))
        .collect();
    for (station, size) in stations.iter().zip(amounts.journals) {
        let took = Instant::now();
        fill(station, size, amounts.people);
        progress(&format!(
            "a journal of {size} entries in {:.0} s",
            took.elapsed().as_secs_f64()
        ));
    }
    // What filling has left to be written must not be timed with the scans.
    rustix::fs::sync();
    let mut figures = Vec::new();
    if start {
        figures.extend(starts(&stations, amounts));
    }
    if cost {
        figures.extend(costs(&mut stations, amounts));
    }
    figures
}

/// Median times as figures, each but the first against the first.
fn against_first(name: &str, times: &[Vec<f64>], amounts: &Amounts, limit: f64) -> Vec<Figure> {
    let base = median(&times[0]);
    let figure = |(place, (size, times)): (usize, (&u64, &Vec<f64>))| {
        let (name, value) = (format!("{name}_{size}"), median(times));
        if place == 0 {
            return Figure::new(&name, value, "ms", None);
        }
        let goal = format!("at most {limit} x that at {}", amounts.journals[0]);
        Figure::new(&name, value, "ms", Some(base)).judged(
            &goal,
            value <= limit * base,
            amounts.judged,
        )
    };
    amounts
        .journals
        .iter()
        .zip(times)
        .enumerate()
        .map(figure)
        .collect()
}

fn starts(stations: &[Station], amounts: &Amounts) -> Vec<Figure> {
    progress(&format!("{} starts of each", amounts.starts));
    let folder = tempfile::tempdir_in(std::env::temp_dir()).expect("a temporary folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut times = vec![Vec::new(); stations.len()];
    for _ in 0..amounts.starts {
        for (station, times) in stations.iter().zip(&mut times) {
            let start = Instant::now();
            let daemon = Daemon::start(&station.kiosk, Some(&path));
            daemon.wait_until_ready(&socket, &station.kiosk);
            times.push(ms(start.elapsed()));
            daemon.stop();
        }
    }
    against_first("journal_start", &times, amounts, 1.5)
}

fn costs(stations: &mut [Station], amounts: &Amounts) -> Vec<Figure> {
    progress(&format!("{} scans to each", amounts.journal_scans));
    let mut daemons: Vec<Daemon> = stations
        .iter()
        .map(|s| Daemon::attached(&s.kiosk))
        .collect();
    let mut times = vec![Vec::new(); stations.len()];
    for number in 0..amounts.journal_scans {
        let code = person(number * LEFT % amounts.people);
        for ((station, daemon), times) in stations.iter().zip(&mut daemons).zip(&mut times) {
            let start = Instant::now();
            station.kiosk.scan(0, &code);
            let line = daemon.line();
            times.push(ms(start.elapsed()));
            recorded(&line);
        }
    }
    daemons.into_iter().for_each(Daemon::stop);
    against_first("journal_cost", &times, amounts, 1.5)
}

/// A door on its way through its journal.
struct Reading(Door);

impl Replay for Reading {
    fn forget(&mut self) {
        self.0.forget();
    }

    fn chunk(&mut self, chunk: &Chunk) -> bool {
        self.0.follow_chunk(chunk)
    }

    fn entry(&mut self, index: u64, bytes: Option<&[u8]>) {
        match bytes.map(parse) {
            Some(Ok(entry)) => self.0.apply(index, &entry),
            Some(Err(_)) | None => self.0.skip(index),
        }
    }

    fn due(&mut self) -> Option<Chunk> {
        self.0.chunk()
    }
}

/// Scans people in and out, in turn, until the journal is as long as it should be.
fn fill(station: &Station, size: u64, people: usize) {
    let folder = Folder::take(&station.kiosk.data()).expect("no daemon runs");
    let mut journal = Journal::open(Arc::new(folder), Disk::real(0)).expect("the journal opens");
    let enrolment = journal.enrolment().expect("the kiosk is enrolled").clone();
    let mut door = Door::new(Owner {
        log: Arc::from(enrolment.origin.as_str()),
        log_key: journal.key().public_key(),
        issuer: enrolment.issuer.clone(),
        issuer_key: enrolment.issuer_key,
        badge_key: enrolment.badge_key.clone(),
        repeat_s: None,
    });
    let signed = journal
        .bundle_bytes()
        .expect("the journal reads")
        .expect("a bundle is in force");
    let (bundle, _) = protocol::bundle::open(&signed, &enrolment.issuer_key).expect("it is signed");
    door.adopt(&bundle);
    let mut door = journal.replay(Reading(door)).expect("the journal reads").0;
    let boot = BootId::new(BOOT).expect("a boot id");
    let reader = ReaderId::new("in-1").expect("a reader's name");
    let first_ms =
        kiosk::kernel::wall_now().0 - i64::try_from(size * APART_MS).expect("it is not that long");
    let known: Vec<usize> = (0..people).filter(|number| number % LEFT > 0).collect();
    while journal.size() < size {
        let mut entries = Vec::new();
        for index in journal.size()..(journal.size() + FILL).min(size) {
            let raw_ms = index * APART_MS;
            let stamp = Stamp {
                wall: attendance::UtcMs(first_ms)
                    .plus_ms(i64::try_from(raw_ms).unwrap_or(i64::MAX)),
                boot: boot.clone(),
                raw_ms,
                sync: Sync::Synced,
                error_ms: Some(5),
            };
            let place = usize::try_from(index).expect("an index");
            let decided = door.decide(Read {
                reader: &reader,
                symbology: None,
                text: &person(known[place % known.len()]),
                stamp: &stamp,
                direction: Some(if (place / known.len()).is_multiple_of(2) {
                    Direction::In
                } else {
                    Direction::Out
                }),
            });
            entries.push(encode(&decided.entry).expect("a scan fits an entry"));
            door.apply(index, &decided.entry);
        }
        if let Some(chunk) = door.chunk() {
            journal.lay_beside(chunk);
        }
        journal.append(&entries).expect("the disk has room");
    }
    journal.tidy().expect("the disk has room");
}
