//! Readers end to end: real pseudo-terminals, FIFOs and files, and made-up devices for what hardware does not do on request.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

use attendance::time::{BootId, Sync as ClockSync, UtcMs};
use attendance::words::{Direction, Verdict};
use vision::testing::{Picture, square};
use vision::{Format, Layout, Pixels};

use super::*;
use crate::config;
use crate::feedback::{Feedback as _, Telling};
use crate::screen::view::{Answer, Face};

/// Longest wait for something that has to happen. Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A clock that counts how often it was read.
fn counting_clock() -> Clock {
    let reads = AtomicU64::new(0);
    Arc::new(move || Stamp {
        wall: UtcMs(0),
        boot: BootId::new("00000000-0000-0000-0000-000000000000").unwrap(),
        raw_ms: reads.fetch_add(1, Ordering::Relaxed) + 1,
        sync: ClockSync::Unset,
        error_ms: None,
    })
}

fn channel(bound: usize) -> (impl Sink + Clone, Receiver<ReaderEvent>) {
    let (sender, events): (SyncSender<ReaderEvent>, _) = sync_channel(bound);
    let sink = move |event| sender.send(event).map_err(|_| Closed);
    (sink, events)
}

/// Readers made from `[[reader]]` blocks, and what they report.
struct Rig {
    readers: Readers,
    answers: Answers,
    events: Receiver<ReaderEvent>,
}

impl Rig {
    fn start(blocks: &str) -> Self {
        let text = format!("data_dir = \"d\"\n{blocks}");
        let config = config::parse(&text, "test").unwrap();
        let (sink, events) = channel(16);
        let answers = Answers::of(&config.readers);
        let readers =
            Readers::start(&config.readers, &answers, None, counting_clock(), sink).unwrap();
        Self {
            readers,
            answers,
            events,
        }
    }

    fn made(reader: &str, make: impl Fn() -> Box<dyn Device> + Send + 'static) -> Self {
        let (sink, events) = channel(16);
        let answers = Answers::default();
        let mut readers = Readers::start(&[], &answers, None, counting_clock(), sink).unwrap();
        readers
            .add(ReaderId::new(reader).unwrap(), false, Box::new(make))
            .unwrap();
        Self {
            readers,
            answers,
            events,
        }
    }

    fn next(&self) -> ReaderEvent {
        match self.events.recv_timeout(PATIENCE) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                panic!("no event came")
            }
        }
    }

    fn attached(&self) {
        assert!(matches!(self.next(), ReaderEvent::Attached { .. }));
    }

    fn text(&self) -> String {
        match self.next() {
            ReaderEvent::Scan(scan) => scan.text,
            other => panic!("{other:?} is no scan"),
        }
    }

    fn lost(&self) -> LossKind {
        match self.next() {
            ReaderEvent::Lost { why, .. } => why.kind,
            other => panic!("{other:?} is no loss"),
        }
    }

    fn stop(self) {
        drop(self.events);
        self.readers.stop();
    }
}

/// The master end of a pseudo-terminal, and the path of the other end.
fn pty() -> (File, PathBuf) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    (File::from(master), PathBuf::from(path))
}

fn fifo(folder: &Path) -> PathBuf {
    let path = folder.join("codes");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    path
}

fn serial_block(name: &str, path: &Path) -> String {
    let path = path.display();
    format!(
        "[[reader]]\nname = \"{name}\"\nkind = \"serial\"\npath = \"{path}\"\nbaud = 115200\nidle_ms = 0\n"
    )
}

fn lines_block(path: &Path) -> String {
    let path = path.display();
    format!("[[reader]]\nname = \"lines\"\nkind = \"lines\"\npath = \"{path}\"\n")
}

/// What every kind of reader that is fed bytes has to do.
fn check_contract(rig: &Rig, input: &mut impl Write) {
    rig.attached();
    input.write_all(b"ONE\r\nTW").unwrap();
    assert_eq!(rig.text(), "ONE");
    input.write_all(b"O\n").unwrap();
    assert_eq!(rig.text(), "TWO");
    input.write_all(b"a\x01b\n\xff\nTHREE\n").unwrap();
    assert_eq!(rig.text(), "THREE");
    let mut reasons = Vec::new();
    for _ in 0..2 {
        match rig.next() {
            ReaderEvent::Rejected { code, count, .. } => reasons.push((code, count)),
            other => panic!("{other:?} is no rejection"),
        }
    }
    assert_eq!(
        reasons,
        [(Refusal::ControlCharacter, 1), (Refusal::NotUtf8, 1)]
    );
    input.write_all(&[b'x'; 3 * MAX_SCAN_BYTES]).unwrap();
    input.write_all(b"\nFOUR\n").unwrap();
    assert_eq!(rig.text(), "FOUR");
    assert!(matches!(
        rig.next(),
        ReaderEvent::Rejected {
            code: Refusal::TooLong,
            count: 1,
            ..
        }
    ));
}

#[test]
fn a_serial_reader_keeps_the_contract() {
    let (mut master, path) = pty();
    let rig = Rig::start(&serial_block("a", &path));
    check_contract(&rig, &mut master);
    rig.stop();
}

#[test]
fn a_fifo_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = fifo(folder.path());
    let rig = Rig::start(&lines_block(&path));
    let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
    check_contract(&rig, &mut writer);
    rig.stop();
}

#[test]
fn a_fifo_outlives_its_writers_and_a_last_line_without_end_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = fifo(folder.path());
    let rig = Rig::start(&lines_block(&path));
    rig.attached();
    let mut clock_reads = 0;
    for number in 0..50 {
        let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
        write!(writer, "CODE-{number}").unwrap();
        drop(writer);
        let ReaderEvent::Scan(scan) = rig.next() else {
            panic!("not a scan")
        };
        assert_eq!(scan.text, format!("CODE-{number}"));
        clock_reads = scan.stamp.raw_ms;
    }
    // Once for a writer's code, once for its leaving, seldom once more: a FIFO without writers keeps nobody busy.
    assert!(clock_reads <= 4 * 50, "{clock_reads}");
    rig.stop();
}

#[test]
fn a_file_is_read_once_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("codes");
    std::fs::write(&path, "ONE\nTWO").unwrap();
    let mut rig = Rig::start(&lines_block(&path));
    rig.attached();
    assert_eq!(rig.text(), "ONE");
    assert_eq!(rig.text(), "TWO");
    assert_eq!(rig.lost(), LossKind::Ended);
    // A reader that is over is neither stalled nor dead.
    assert_eq!(rig.readers.watch(Instant::now() + PATIENCE), []);
    assert!(rig.readers.all_live());
    rig.stop();
}

#[test]
fn three_ports_at_full_speed_lose_nothing_and_keep_their_order() {
    const SCANS: usize = 2_000;
    let ports: Vec<_> = (0..3).map(|_| pty()).collect();
    let blocks: String = ports
        .iter()
        .zip(["p0", "p1", "p2"])
        .map(|((_, path), name)| serial_block(name, path))
        .collect();
    let rig = Rig::start(&blocks);
    for _ in 0..3 {
        rig.attached();
    }
    let writers: Vec<_> = ports
        .into_iter()
        .enumerate()
        .map(|(port, (mut master, _))| {
            std::thread::spawn(move || {
                for scan in 0..SCANS {
                    write!(master, "P{port}-{scan:05}-{}\r", "x".repeat(scan % 40)).unwrap();
                }
                // The kernel drops what is unread when the master closes.
                master
            })
        })
        .collect();
    let mut next = [0; 3];
    let mut stamps = [0; 3];
    for _ in 0..3 * SCANS {
        let ReaderEvent::Scan(scan) = rig.next() else {
            panic!("not a scan")
        };
        let port: usize = scan.reader.as_str()[1..].parse().unwrap();
        assert!(
            scan.text
                .starts_with(&format!("P{port}-{:05}-", next[port])),
            "{}",
            scan.text
        );
        assert!(scan.stamp.raw_ms >= stamps[port]);
        stamps[port] = scan.stamp.raw_ms;
        next[port] += 1;
    }
    assert_eq!(next, [SCANS; 3]);
    for writer in writers {
        writer.join().unwrap();
    }
    rig.stop();
}

#[test]
fn a_port_that_vanishes_is_reported_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let stable = folder.path().join("by-id");
    let (mut master, path) = pty();
    std::os::unix::fs::symlink(&path, &stable).unwrap();
    let rig = Rig::start(&serial_block("a", &stable));
    rig.attached();
    master.write_all(b"ONE\rTW").unwrap();
    assert_eq!(rig.text(), "ONE");
    std::fs::remove_file(&stable).unwrap();
    drop(master);
    // The kernel may drop half a code with the port; where it does not, it is said to be half a code.
    let mut event = rig.next();
    if matches!(
        event,
        ReaderEvent::Rejected {
            code: Refusal::Unterminated,
            ..
        }
    ) {
        event = rig.next();
    }
    assert!(
        matches!(&event, ReaderEvent::Lost { why, .. } if why.kind == LossKind::Unplugged),
        "{event:?}"
    );
    assert_eq!(rig.lost(), LossKind::NotFound);
    assert!(rig.readers.attached().all(|(_, attached)| !attached));
    let (mut master, path) = pty();
    std::os::unix::fs::symlink(&path, &stable).unwrap();
    rig.attached();
    master.write_all(b"THREE\r").unwrap();
    assert_eq!(rig.text(), "THREE");
    rig.stop();
}

#[test]
fn a_port_that_somebody_else_holds_is_said_to_be_busy() {
    let (_master, path) = pty();
    let first = Rig::start(&serial_block("a", &path));
    first.attached();
    let second = Rig::start(&serial_block("b", &path));
    assert_eq!(second.lost(), LossKind::Busy);
    first.stop();
    second.attached();
    second.stop();
}

#[test]
fn a_missing_port_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(&serial_block("a", &folder.path().join("absent")));
    assert_eq!(rig.lost(), LossKind::NotFound);
    rig.stop();
}

/// A device that is never there.
struct Absent {
    looks: Arc<AtomicU64>,
}

impl Device for Absent {
    fn open(&mut self) -> Result<Box<dyn Connection>, Loss> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        Err(Loss::new(LossKind::NotFound, "as the test wants"))
    }
}

#[test]
fn a_device_that_stays_away_is_looked_for_again_and_reported_once() {
    let looks = Arc::new(AtomicU64::new(0));
    let counted = looks.clone();
    let rig = Rig::made("absent", move || {
        Box::new(Absent {
            looks: counted.clone(),
        })
    });
    until(|| looks.load(Ordering::SeqCst) >= 3);
    assert_eq!(rig.lost(), LossKind::NotFound);
    assert!(rig.events.try_recv().is_err());
    rig.stop();
}

#[test]
fn an_unknown_usb_port_is_not_found() {
    let rig = Rig::start(
        "[[reader]]\nname = \"a\"\nkind = \"serial\"\nvendor = 0xffff\nproduct = 0xffff\nserial = \"none\"\n",
    );
    assert!(matches!(rig.lost(), LossKind::NotFound | LossKind::Failed));
    rig.stop();
}

#[test]
fn an_aim_identifier_becomes_the_symbology_where_it_is_configured() {
    for (aim, symbology, text) in [(true, Some("]Q3"), "BADGE"), (false, None, "]Q3BADGE")] {
        let (mut master, path) = pty();
        let block = format!("{}aim = {aim}\n", serial_block("a", &path));
        let rig = Rig::start(&block);
        rig.attached();
        master.write_all(b"]Q3BADGE\r").unwrap();
        let ReaderEvent::Scan(scan) = rig.next() else {
            panic!("not a scan")
        };
        assert_eq!(
            (scan.symbology.as_deref(), scan.text.as_str()),
            (symbology, text)
        );
        if aim {
            master.write_all(b"]Q3\r").unwrap();
            assert!(matches!(
                rig.next(),
                ReaderEvent::Rejected {
                    code: Refusal::Empty,
                    ..
                }
            ));
        }
        rig.stop();
    }
}

#[test]
fn quiet_ends_a_code_and_the_stamp_is_that_of_its_last_byte() {
    let (mut master, path) = pty();
    let block = serial_block("a", &path).replace("idle_ms = 0", "idle_ms = 20");
    let rig = Rig::start(&block);
    rig.attached();
    master.write_all(b"NO-END").unwrap();
    let ReaderEvent::Scan(scan) = rig.next() else {
        panic!("not a scan")
    };
    assert_eq!((scan.text.as_str(), scan.stamp.raw_ms), ("NO-END", 1));
    rig.stop();
}

#[test]
fn what_was_read_is_not_in_debug_prints() {
    let scan = RawScan {
        reader: ReaderId::new("a").unwrap(),
        symbology: None,
        text: "SECRET-BADGE".to_owned(),
        stamp: counting_clock()(),
    };
    let printed = format!("{:?}", ReaderEvent::Scan(scan));
    assert!(
        !printed.contains("SECRET") && printed.contains("12 bytes"),
        "{printed}"
    );
}

/// A device whose every wait does as the test says: finds nothing, or hangs until the sender of orders is gone.
struct Puppet {
    orders: Arc<Mutex<Receiver<Order>>>,
    waits: Arc<AtomicU64>,
}

#[derive(Clone, Copy)]
enum Order {
    Go,
    Panic,
}

impl Puppet {
    fn rig() -> (Rig, SyncSender<Order>, Arc<AtomicU64>) {
        let (orders_out, orders) = sync_channel(16);
        let orders = Arc::new(Mutex::new(orders));
        let waits = Arc::new(AtomicU64::new(0));
        let counted = waits.clone();
        let rig = Rig::made("puppet", move || {
            Box::new(Self {
                orders: orders.clone(),
                waits: counted.clone(),
            })
        });
        (rig, orders_out, waits)
    }
}

impl Device for Puppet {
    fn open(&mut self) -> Result<Box<dyn Connection>, Loss> {
        let (orders, waits) = (self.orders.clone(), self.waits.clone());
        Ok(Box::new(Self { orders, waits }))
    }
}

impl Connection for Puppet {
    fn wait(&mut self, _at_most: Duration) -> Result<bool, Loss> {
        self.waits.fetch_add(1, Ordering::SeqCst);
        let order = self
            .orders
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .recv();
        match order {
            Ok(Order::Go) => Ok(false),
            Ok(Order::Panic) => panic!("a driver that breaks its promises, as the test wants"),
            Err(_) => Err(Loss::new(LossKind::Ended, "the test is over")),
        }
    }
    fn decode(&mut self, _now_ms: u64, _decoded: &mut Vec<Decoded>) {}
    fn quiet(&mut self, _now_ms: u64, _decoded: &mut Vec<Decoded>) {}
    fn due_ms(&self) -> Option<u64> {
        None
    }
    fn end(&mut self, _loss: &Loss, _decoded: &mut Vec<Decoded>) {}
}

fn until(mut condition: impl FnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < give_up, "it never happened");
        std::thread::yield_now();
    }
}

#[test]
fn a_stalled_thread_is_seen_from_outside_and_so_is_its_recovery() {
    let (mut rig, orders, waits) = Puppet::rig();
    rig.attached();
    // Before it waits for its device it may still be handing on, which is no stall.
    until(|| waits.load(Ordering::SeqCst) == 1);
    let now = Instant::now();
    assert_eq!(rig.readers.watch(now), []);
    let later = now + Duration::from_millis(STALL_MS + 1_000);
    let reader = ReaderId::new("puppet").unwrap();
    let stalled = [ReaderEvent::Stalled {
        reader: reader.clone(),
    }];
    assert_eq!(rig.readers.watch(later), stalled);
    assert_eq!(rig.readers.watch(later), [], "a stall is told once");
    assert!(!rig.readers.all_live());
    assert!(rig.readers.attached().all(|(_, attached)| !attached));
    orders.send(Order::Go).unwrap();
    until(|| waits.load(Ordering::SeqCst) == 2);
    assert_eq!(
        rig.readers.watch(Instant::now()),
        [ReaderEvent::Attached { reader }]
    );
    assert!(rig.readers.all_live());
    drop(orders);
    rig.stop();
}

#[test]
fn a_thread_that_dies_is_reported_once_and_started_again() {
    let (mut rig, orders, _) = Puppet::rig();
    rig.attached();
    orders.send(Order::Panic).unwrap();
    until(|| !rig.readers.all_live());
    let now = Instant::now();
    let told = rig.readers.watch(now);
    assert!(
        matches!(told.as_slice(), [ReaderEvent::Lost { why, .. }] if why.kind == LossKind::Failed),
        "{told:?}"
    );
    assert_eq!(rig.readers.watch(now), []);
    assert_eq!(rig.readers.watch(now + Duration::from_secs(6)), []);
    rig.attached();
    assert!(rig.readers.all_live());
    drop(orders);
    rig.stop();
}

#[test]
fn a_slow_taker_is_no_stall_and_a_gone_one_ends_the_threads() {
    let (offered, offers) = sync_channel(1);
    let (taken, takes) = sync_channel::<()>(1);
    let takes = Mutex::new(takes);
    // Says that it was offered something, then takes its time: until the test says so.
    let sink = move |_event: ReaderEvent| {
        offered.send(()).map_err(|_| Closed)?;
        takes.lock().unwrap().recv().map_err(|_| Closed)
    };
    let (mut master, path) = pty();
    let text = format!("data_dir = \"d\"\n{}", serial_block("a", &path));
    let configs = config::parse(&text, "test").unwrap().readers;
    let answers = Answers::default();
    let mut readers = Readers::start(&configs, &answers, None, counting_clock(), sink).unwrap();
    offers.recv_timeout(PATIENCE).unwrap();
    taken.send(()).unwrap();
    master.write_all(b"CODE\r").unwrap();
    offers.recv_timeout(PATIENCE).unwrap();
    let far = Instant::now() + Duration::from_millis(10 * STALL_MS);
    assert_eq!(readers.watch(far), []);
    assert!(readers.all_live());
    drop(taken);
    until(|| readers.attached().all(|(_, attached)| !attached));
    readers.stop();
}

fn camera_block(command: &[&str], more: &str) -> String {
    format!(
        "[[reader]]\nname = \"camera\"\nkind = \"camera\"\ncommand = {command:?}\nwidth = 641\nheight = 481\n{more}"
    )
}

#[test]
fn a_camera_tells_a_badge_once_whatever_its_frames_look_like() {
    let desk = Picture::clutter(641, 481, 5);
    let badge = Picture::code(Format::Qr, "BADGE-7", 6).unwrap();
    let held = desk.with(&badge, square((320.0, 240.0), 120.0, 5.0, 0.1));
    for (pixels, pad) in [
        ("yuv420", 0),
        ("yuv420", 63),
        ("nv12", 0),
        ("grey", 7),
        ("yuyv", 0),
        ("mjpeg", 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frames");
        let pixels_of = Pixels::of_word(pixels).unwrap();
        let layout = Layout {
            pixels: pixels_of,
            width: 641,
            height: 481,
            stride: pixels_of.row_bytes(641) + pad,
        };
        // The first shows that the camera works, the others are looked at.
        std::fs::write(&path, held.laid(&layout).repeat(5)).unwrap();
        let stride = match pixels_of {
            Pixels::Mjpeg => String::new(),
            _ => format!("stride = {}\n", layout.stride),
        };
        let more = format!("pixels = \"{pixels}\"\n{stride}");
        let rig = Rig::start(&camera_block(&["cat", path.to_str().unwrap()], &more));
        rig.attached();
        match rig.next() {
            ReaderEvent::Scan(scan) => {
                assert_eq!(scan.text, "BADGE-7", "{pixels}");
                assert_eq!(scan.symbology.as_deref(), Some("]Q1"));
            }
            other => panic!("{pixels}: {other:?} is no scan"),
        }
        assert_eq!(rig.lost(), LossKind::Unplugged, "{pixels}: told once");
        rig.attached();
        rig.stop();
    }
}

#[test]
fn a_camera_that_gives_no_frame_has_stalled_and_one_without_its_program_is_lost() {
    let silent = Rig::start(&camera_block(&["sleep", "600"], ""));
    assert!(matches!(silent.next(), ReaderEvent::Stalled { .. }));
    silent.stop();
    let absent = Rig::start(&camera_block(&["/no/such/program"], ""));
    assert_eq!(absent.lost(), LossKind::NotFound);
    absent.stop();
}

/// Tells a reader what its scan came to.
fn tell(answers: &mut Answers, reader: &str, entry: Option<u64>, verdict: Verdict) {
    let face = Face::Result(Answer {
        verdict,
        direction: Direction::In,
        since_ms: None,
        name: None,
        provisional: None,
        language: None,
        short_code: None,
    });
    let reader = ReaderId::new(reader).unwrap();
    answers
        .tell(&Telling {
            reader: &reader,
            entry,
            badge: None,
            face: &face,
            text: "",
            provisional: None,
        })
        .unwrap();
}

/// Reads as many bytes as there are expected.
fn answered(master: &mut File, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    master.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, expected);
}

#[test]
fn a_scanner_is_answered_once_its_code_is_recorded() {
    let (mut master, path) = pty();
    let block = serial_block("a", &path);
    let words = "acknowledge = \"\\u0006\"\nrefuse = \"\\u0015\\u00ff\\u0000\"\n";
    let mut rig = Rig::start(&format!("{block}{words}"));
    rig.attached();
    for (verdict, expected) in [
        (Verdict::CheckedIn, &b"\x06"[..]),
        (Verdict::UnknownBadge, b"\x15\xff\x00"),
        (Verdict::CheckedOut, b"\x06"),
        (Verdict::Repeat, b"\x06"),
        (Verdict::NoSession, b"\x15\xff\x00"),
    ] {
        master.write_all(b"ONE\n").unwrap();
        assert_eq!(rig.text(), "ONE");
        // What was not recorded is not answered, and another reader's answer is not this one's.
        tell(&mut rig.answers, "a", None, verdict);
        tell(&mut rig.answers, "b", Some(1), verdict);
        tell(&mut rig.answers, "a", Some(1), verdict);
        answered(&mut master, expected);
    }
    rig.stop();
}

#[test]
fn an_answer_that_comes_late_is_sent_all_the_same() {
    let (mut master, path) = pty();
    let block = serial_block("a", &path);
    let mut rig = Rig::start(&format!("{block}acknowledge = \"beep\\r\"\n"));
    rig.attached();
    // Nothing was scanned, so nothing is awaited closely.
    tell(&mut rig.answers, "a", Some(1), Verdict::CheckedIn);
    answered(&mut master, b"beep\r");
    rig.stop();
}

#[test]
fn a_scanner_that_takes_no_answer_is_read_all_the_same() {
    let (mut master, path) = pty();
    let block = serial_block("a", &path);
    let long = "x".repeat(64);
    let mut rig = Rig::start(&format!("{block}acknowledge = \"{long}\"\n"));
    rig.attached();
    // Far more than a terminal holds, and nobody reads any of it.
    let mut slowest = Duration::ZERO;
    for _ in 0..400 {
        for _ in 0..4 {
            tell(&mut rig.answers, "a", Some(1), Verdict::CheckedIn);
        }
        let began = Instant::now();
        master.write_all(b"ONE\n").unwrap();
        assert_eq!(rig.text(), "ONE");
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    rig.stop();
}
