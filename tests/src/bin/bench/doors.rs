//! The kiosk: how fast it answers, how much it answers at once, how large it is and how soon it is there.
//!
//! One real daemon with the whole roster and eight serial readers on pseudo-terminals, enrolled by a claim. Its issuer is stopped before
//! the clock starts: a door answers alone, and a commit of sync's own between two scans would belong to neither side.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use evidence::Frontier;
use kiosk::journal::{Disk, Folder, Journal, JournalError};
use protocol::badge::BadgeKey;
use protocol::entry::{Body, parse};
use rollcall_tests::programs::{PATIENCE, eventually, tail};
use rollcall_tests::random::Random;
use rollcall_tests::world::{Answer, Kiosk, Plan, World, person};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use crate::bare::BareJournal;
use crate::figures::{Figure, median, ms, number, quantile};
use crate::{Amounts, progress, rush};

/// In which order badges come.
const SEED: u64 = 0x5ca9;
/// The readers.
const READERS: [(&str, &str); 8] = [
    ("in-1", "in"),
    ("in-2", "in"),
    ("in-3", "in"),
    ("in-4", "in"),
    ("in-5", "in"),
    ("in-6", "in"),
    ("in-7", "in"),
    ("in-8", "in"),
];
/// Scans before anything is timed; their entries are the rows that bare SQLite commits.
const WARM_UP: usize = 20;
/// A kiosk's resident memory may be this much, in MiB.
const RSS_MAX_MIB: f64 = 40.0;
/// A kiosk may take this long until it is ready.
const READY_MAX_MS: f64 = 1_000.0;

/// All of the kiosk's figures that are wanted.
pub(crate) fn measure(amounts: &Amounts, wants: impl Fn(&str) -> bool) -> Vec<Figure> {
    let (scan, group) = (wants("scan_to_feedback"), wants("group_commit"));
    let (two, rush) = (wants("two_readers"), wants("rush"));
    let (rss, start) = (wants("kiosk_rss_20000"), wants("kiosk_start_to_ready"));
    let mut figures = Vec::new();
    if !(scan || two || rush || group || rss || start) {
        return figures;
    }
    progress(&format!(
        "enrolling a kiosk with a roster of {}",
        amounts.people
    ));
    let mut station = Station::new(amounts);
    let (rows, frontier) = station.warm_up();
    let mut bare = BareJournal::new(&station.kiosk.data().join("bare.sqlite"), frontier);
    let mut daemon = Daemon::attached(&station.kiosk);
    if scan {
        progress(&format!(
            "{} scans, each after a bare commit",
            amounts.scans
        ));
        figures.extend(scan_to_feedback(
            &mut station,
            &mut daemon,
            &mut bare,
            &rows,
        ));
    }
    if two {
        progress(&format!("{} pairs of scans on two readers", amounts.pairs));
        figures.extend(rush::two_readers(
            &mut station,
            &mut daemon,
            &mut bare,
            &rows,
        ));
    }
    if rush {
        progress(&format!("{} rushes at one reader", amounts.rushes));
        figures.extend(rush::rush(&mut station, &mut daemon, &mut bare, &rows));
    }
    if group {
        progress(&format!("{} storms through eight readers", amounts.storms));
        figures.push(group_commit(&mut station, &mut daemon, &mut bare, &rows));
    }
    if rss || start {
        station.fill(&mut daemon);
    }
    if rss {
        let met_by = |mib: f64| mib <= RSS_MAX_MIB;
        let mib = daemon.resident_mib();
        figures.push(Figure::new("kiosk_rss_20000", mib, "MiB", None).judged(
            "at most 40 MiB",
            met_by(mib),
            amounts.judged,
        ));
    }
    daemon.stop();
    if start {
        progress(&format!("{} starts", amounts.starts));
        figures.push(start_to_ready(&station));
    }
    figures
}

fn scan_to_feedback(
    station: &mut Station,
    daemon: &mut Daemon,
    bare: &mut BareJournal,
    rows: &[Vec<u8>],
) -> [Figure; 2] {
    let (mut controls, mut answers) = (Vec::new(), Vec::new());
    for row in rows.iter().cycle().take(station.amounts.scans) {
        controls.push(ms(bare.commit(row)));
        let code = station.codes.next();
        let start = Instant::now();
        station.kiosk.scan(0, &code);
        let line = daemon.line();
        answers.push(ms(start.elapsed()));
        recorded(&line);
    }
    let (value, control) = (median(&answers), median(&controls));
    let met = value <= (1.25 * control).max(control + 0.15);
    let figure = Figure::new("scan_to_feedback", value, "ms", Some(control));
    let goal = "at most 1.25 x the control or 0.15 ms more";
    let (tail, control_tail) = (quantile(&answers, 99), quantile(&controls, 99));
    [
        figure
            .judged(goal, met, station.amounts.judged)
            .on_disk(control),
        Figure::new("scan_to_feedback_p99", tail, "ms", Some(control_tail)),
    ]
}

fn group_commit(
    station: &mut Station,
    daemon: &mut Daemon,
    bare: &mut BareJournal,
    rows: &[Vec<u8>],
) -> Figure {
    let (mut controls, mut storms) = (Vec::new(), Vec::new());
    let amounts = station.amounts;
    for _ in 0..amounts.storms {
        let rows = rows.iter().cycle().take(amounts.commits);
        let took: Duration = rows.map(|row| bare.commit(row)).sum();
        controls.push(number(amounts.commits) / took.as_secs_f64());
        let scans = number(READERS.len() * amounts.storm_scans);
        let took = station.storm(daemon, amounts.storm_scans);
        storms.push(scans / took.as_secs_f64());
    }
    let (value, control) = (median(&storms), median(&controls));
    let met = value >= 4.0 * control;
    Figure::new("group_commit", value, "scans/s", Some(control))
        .judged("at least 4 x the control", met, amounts.judged)
        .on_disk(1_000.0 / control)
}

fn start_to_ready(station: &Station) -> Figure {
    // A socket's path must be short, and nothing is measured in this folder.
    let folder = tempfile::tempdir_in(std::env::temp_dir()).expect("a temporary folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let times: Vec<f64> = (0..station.amounts.starts)
        .map(|_| {
            let start = Instant::now();
            let daemon = Daemon::start(&station.kiosk, Some(&path));
            daemon.wait_until_ready(&socket, &station.kiosk);
            let took = ms(start.elapsed());
            daemon.stop();
            took
        })
        .collect();
    let value = median(&times);
    let judged = station.amounts.judged;
    Figure::new("kiosk_start_to_ready", value, "ms", None).judged(
        "at most 1000 ms",
        value <= READY_MAX_MS,
        judged,
    )
}

/// An enrolled kiosk, and who comes to it.
pub(crate) struct Station {
    // The kiosk's folder lies in the world's.
    _world: World,
    pub(crate) kiosk: Kiosk,
    pub(crate) badges: BadgeKey,
    pub(crate) codes: Codes,
    pub(crate) amounts: Amounts,
}

impl Station {
    pub(crate) fn new(amounts: &Amounts) -> Self {
        let mut world = World::new("bench-door", &Plan::one_long_session(amounts.people));
        world.start_issuer();
        let kiosk = world.enrolled_kiosk(&READERS);
        world.stop_issuer();
        Self {
            _world: world,
            badges: kiosk.enrolment().badge_key.clone(),
            kiosk,
            codes: Codes::new(amounts.people),
            amounts: *amounts,
        }
    }

    /// A few scans. Gives their entries and the log's frontier after them.
    fn warm_up(&mut self) -> (Vec<Vec<u8>>, Frontier) {
        let mut daemon = Daemon::attached(&self.kiosk);
        for _ in 0..WARM_UP {
            self.kiosk.scan(0, &self.codes.next());
            recorded(&daemon.line());
        }
        daemon.stop();
        let folder = Folder::take(&self.kiosk.data()).expect("no daemon runs");
        let journal = Journal::open(Arc::new(folder), Disk::real(0)).expect("the journal opens");
        let (mut rows, mut frontier) = (Vec::new(), Frontier::new());
        let read = journal.for_each(0, |_, leaf, bytes| {
            frontier.append(leaf);
            if let Some(bytes) = bytes
                && parse(bytes).is_ok_and(|entry| matches!(entry.body, Body::Scan(_)))
            {
                rows.push(bytes.to_vec());
            }
            Ok::<(), JournalError>(())
        });
        read.expect("the journal reads");
        assert_eq!(rows.len(), WARM_UP, "every scan is an entry");
        (rows, frontier)
    }

    /// Scans through all readers at once, as fast as they take it. How long until the last answer.
    fn storm(&mut self, daemon: &mut Daemon, each: usize) -> Duration {
        let codes: Vec<Vec<String>> = READERS
            .iter()
            .map(|_| (0..each).map(|_| self.codes.next()).collect())
            .collect();
        let mut answers = Vec::with_capacity(READERS.len() * each);
        let start = Instant::now();
        let took = std::thread::scope(|threads| {
            for (reader, codes) in self.kiosk.scanners.iter().zip(&codes) {
                threads.spawn(move || codes.iter().for_each(|code| reader.scanner.scan(code)));
            }
            for _ in 0..READERS.len() * each {
                answers.push(daemon.line());
            }
            start.elapsed()
        });
        answers.iter().for_each(|line| {
            recorded(line);
        });
        took
    }

    /// Scans on until the journal is as long as it should be.
    fn fill(&mut self, daemon: &mut Daemon) {
        loop {
            self.kiosk.scan(0, &self.codes.next());
            let size = recorded(&daemon.line()) + 1;
            if size >= self.amounts.journal {
                progress(&format!("the journal has {size} entries"));
                return;
            }
            self.storm(daemon, self.amounts.storm_scans);
        }
    }
}

/// Badges in a fixed random order, again from the first after the last.
pub(crate) struct Codes {
    order: Vec<usize>,
    next: usize,
}

impl Codes {
    fn new(people: usize) -> Self {
        let mut order: Vec<usize> = (0..people).collect();
        Random::from_seed(SEED).shuffle(&mut order);
        Self { order, next: 0 }
    }

    pub(crate) fn next(&mut self) -> String {
        let code = person(self.order[self.next % self.order.len()]);
        self.next += 1;
        code
    }
}

/// Checks that an answer is about an entry, and gives its index.
#[track_caller]
pub(crate) fn recorded(line: &str) -> u64 {
    let entry = Answer::read(line).entry;
    entry.unwrap_or_else(|| panic!("a scan was not recorded: {line}"))
}

/// A daemon whose answers are read by the measuring thread itself: another thread in between would be timed as well.
pub(crate) struct Daemon {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Daemon {
    pub(crate) fn start(kiosk: &Kiosk, notify: Option<&Path>) -> Self {
        for reader in &kiosk.scanners {
            reader.scanner.release();
        }
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(kiosk.folder().join("kiosk.log"))
            .expect("a file to write");
        let mut command = kiosk.command(&["run"]);
        if let Some(path) = notify {
            command.env("NOTIFY_SOCKET", path);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the kiosk starts");
        let answers = BufReader::new(child.stdout.take().expect("it was asked to be piped"));
        Self { child, answers }
    }

    /// Starts it and waits until its readers are there.
    pub(crate) fn attached(kiosk: &Kiosk) -> Self {
        let daemon = Self::start(kiosk, None);
        eventually(PATIENCE, "the kiosk's readers", || {
            let status = kiosk.status()?;
            let readers = status["readers"].as_array()?;
            let attached = readers
                .iter()
                .filter(|reader| reader["state"] == "attached");
            (attached.count() == kiosk.scanners.len()).then_some(())
        });
        daemon
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self
            .answers
            .read_line(&mut line)
            .expect("the kiosk answers");
        assert_ne!(read, 0, "the kiosk has ended");
        line
    }

    /// The next answer, which has to come within that time.
    pub(crate) fn line_within(&mut self, at_most: Duration) -> String {
        if self.answers.buffer().is_empty() {
            let mut waited = [PollFd::new(self.answers.get_ref(), PollFlags::IN)];
            let at_most = Timespec::try_from(at_most).expect("a short time");
            let ready = poll(&mut waited, Some(&at_most));
            assert_eq!(ready, Ok(1), "a scan was not answered");
        }
        self.line()
    }

    pub(crate) fn wait_until_ready(&self, socket: &UnixDatagram, kiosk: &Kiosk) {
        let mut message = [0; 4_096];
        loop {
            let Ok(length) = socket.recv(&mut message) else {
                panic!(
                    "it did not become ready\n{}",
                    tail(&kiosk.folder().join("kiosk.log"))
                );
            };
            let text = String::from_utf8_lossy(&message[..length]);
            if text.lines().any(|line| line == "READY=1") {
                return;
            }
        }
    }

    /// What of it is in memory, in MiB.
    fn resident_mib(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_ascii_whitespace().next());
        let kib: u32 = kib
            .and_then(|kib| kib.parse().ok())
            .expect("Linux says how large it is");
        f64::from(kib) / 1_024.0
    }

    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        let status = self.child.wait().expect("a child can be waited for");
        assert!(status.success(), "the kiosk ended with {status}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // Nothing may outlive the bench; a panic is under way.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
