//! The power is cut while scans are recorded: whatever the disk made of it, every scan that was answered is in the journal.
//!
//! The disk notes everything that is written to it. From that it is rebuilt as it may be after a cut at any point: what was not flushed is
//! lost, kept or torn by chance. The answers are noted on the same disk, so the log tells which had been given before a cut. The control
//! commits as the kiosk does, but with `synchronous=NORMAL`: it loses some, or the check could not see a loss.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use kiosk::journal::{Disk, Folder, Journal, JournalError};
use protocol::badge::BadgeDigest;
use protocol::entry::{Body, parse};
use rollcall_tests::hil::PATIENCE;
use rollcall_tests::hil::replay::DiskLog;
use rollcall_tests::hil::stage::{self, SERIAL_MODULES, SerialScanner, Stage};
use rollcall_tests::hil::vm::Vm;
use rollcall_tests::hil::wire::{Acknowledge, Do, Outcome};
use rollcall_tests::programs::{Said, run};
use rollcall_tests::random::Random;
use rollcall_tests::skip::skip;
use rollcall_tests::world::{Answer, person, text};

use crate::{ground, times};

/// The disk's size, how much of it the file system has, and where behind it answers are noted.
const DISK_BYTES: usize = 32 << 20;
const FILES_SIZE: &str = "30720k";
const NOTED_AT: u64 = 31 << 20;
/// How much of a disk is looked at at once for being empty.
const EXTENT_BYTES: usize = 1 << 16;
/// Scans, and at most so many at once, so that several share a commit.
const SCANS: usize = 120;
const AT_ONCE: u64 = 4;
/// Commits of each control.
const COMMITS: usize = 60;

const READER: &str = r#"
[[reader]]
name = "main"
kind = "serial"
direction = "in"
vendor = 0x0403
product = 0x6001
"#;

/// A disk that notes what is written to it.
struct NotingDisk {
    /// It, before the first write.
    before: PathBuf,
    /// What was written.
    log: PathBuf,
    words: Vec<String>,
}

impl NotingDisk {
    fn make(folder: &Path, number: usize) -> Self {
        let path = |what: &str| folder.join(format!("{what}{number}"));
        let (disk, before, log) = (path("disk"), path("before"), path("log"));
        File::create(&log).unwrap();
        let file = File::create(&before).unwrap();
        file.set_len(DISK_BYTES as u64).unwrap();
        let mut make = Command::new("mkfs.ext4");
        make.args(["-q", "-F", "-b", "4096", "-J", "size=4"])
            .arg(&before)
            .arg(FILES_SIZE);
        run(&mut make, "").ok();
        std::fs::copy(&before, &disk).unwrap();
        let n = number;
        let block = |what: String| ["-blockdev".to_owned(), what];
        let layers = [
            format!("driver=file,filename={},node-name=f{n}", disk.display()),
            format!("driver=raw,file=f{n},node-name=d{n}"),
            format!("driver=file,filename={},node-name=l{n}", log.display()),
            format!("driver=blklogwrites,node-name=b{n},file=d{n},log=l{n},log-sector-size=512"),
        ];
        let mut words: Vec<String> = layers.into_iter().flat_map(block).collect();
        words.extend(["-device".to_owned(), format!("virtio-blk-pci,drive=b{n}")]);
        Self { before, log, words }
    }

    /// Rebuilds it after cuts at this many points, and judges what is in its folder `kept` each time, given how many answers had been noted.
    fn cut(
        &self,
        cuts: usize,
        random: &mut Random,
        kept: &str,
        mut judge: impl FnMut(&Path, usize) -> Judged,
    ) -> Tally {
        let log = DiskLog::read(&self.log);
        let noted = log.acknowledged(NOTED_AT);
        let first = noted.first().expect("something was answered").0;
        let mut points = BTreeSet::new();
        while points.len() < cuts.min(log.len() - first) {
            points.insert(first + random.index(log.len() - first));
        }
        let mut replay = log.replay(std::fs::read(&self.before).unwrap());
        let mut tally = Tally {
            cuts: points.len(),
            writes: log.len(),
            flushes: log.flushes(),
            ..Tally::default()
        };
        for point in points {
            let answered = noted.iter().rev().find(|(at, _)| *at <= point);
            let answered = answered.map_or(0, |(_, count)| *count);
            let folder = tempfile::tempdir_in(in_memory()).unwrap();
            let disk = folder.path().join("disk");
            write_sparsely(&disk, &replay.cut_after(point, random));
            match recovered(&disk, kept, folder.path()) {
                Err(fault) => tally.add(Judged::Corrupt(fault)),
                Ok(found) => tally.add(judge(&found, answered)),
            }
        }
        tally
    }
}

/// What came of a cut.
enum Judged {
    Whole,
    /// How many answered entries are not there.
    Lost(usize),
    Corrupt(String),
}

#[derive(Debug, Default)]
struct Tally {
    cuts: usize,
    writes: usize,
    flushes: usize,
    losing: usize,
    lost_at_most: usize,
    corrupt: Vec<String>,
}

impl Tally {
    fn add(&mut self, judged: Judged) {
        match judged {
            Judged::Whole => {}
            Judged::Lost(lost) => {
                self.losing += 1;
                self.lost_at_most = self.lost_at_most.max(lost);
            }
            Judged::Corrupt(fault) => self.corrupt.push(fault),
        }
    }

    fn print(&self, what: &str) {
        println!(
            "power: {what}: {} cuts in {} writes with {} flushes: {} corrupt, {} lost answered entries, at most {}",
            self.cuts,
            self.writes,
            self.flushes,
            self.corrupt.len(),
            self.losing,
            self.lost_at_most
        );
    }

    #[track_caller]
    fn check_nothing_lost(&self) {
        assert_eq!(self.corrupt, [""; 0], "{self:?}");
        assert_eq!(self.losing, 0, "{self:?}");
    }
}

/// A place for rebuilt disks: in memory where there is such a place, since repairing one syncs it again and again.
fn in_memory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Writes what is not empty; the rest of the file is a hole.
fn write_sparsely(path: &Path, disk: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.set_len(disk.len() as u64).unwrap();
    for (number, extent) in disk.chunks(EXTENT_BYTES).enumerate() {
        if extent.iter().any(|byte| *byte != 0) {
            let at = (number * EXTENT_BYTES) as u64;
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(extent).unwrap();
        }
    }
}

/// Repairs the file system as a start would and takes a folder out of it. The error says what could not be repaired.
fn recovered(disk: &Path, kept: &str, out: &Path) -> Result<PathBuf, String> {
    let repaired = run(Command::new("e2fsck").args(["-f", "-y"]).arg(disk), "");
    let Said { code, .. } = repaired;
    // Exit codes of e2fsck: 1 is that something was repaired, which an unfinished transaction is.
    if !matches!(code, Some(0 | 1)) {
        return Err(repaired.to_string());
    }
    let mut dump = Command::new("debugfs");
    dump.arg("-R")
        .arg(format!("rdump /{kept} {}", text(out)))
        .arg(disk);
    run(&mut dump, "").ok();
    Ok(out.join(kept))
}

/// The kiosk's journal, opened as the kiosk opens it: every answer that was given is in it, and no scan that was not made.
fn judge_journal(folder: &Path, answers: &[Answer], made: &BTreeSet<BadgeDigest>) -> Judged {
    let scans = match scans(folder) {
        Ok(scans) => scans,
        Err(error) => return Judged::Corrupt(error.to_string()),
    };
    if let Some(invented) = scans.values().find(|badge| !made.contains(badge)) {
        return Judged::Corrupt(format!("{invented} was never scanned"));
    }
    let is_there = |answer: &&Answer| {
        let badge = answer.entry.and_then(|entry| scans.get(&entry));
        badge.map(BadgeDigest::short) == answer.badge
    };
    let lost = answers.len() - answers.iter().filter(is_there).count();
    if lost == 0 {
        Judged::Whole
    } else {
        Judged::Lost(lost)
    }
}

/// The scans of a journal by their entry; the journal must verify.
fn scans(folder: &Path) -> Result<BTreeMap<u64, BadgeDigest>, JournalError> {
    let journal = Journal::open(Arc::new(Folder::take(folder)?), Disk::real(0))?;
    journal.verify_all()?;
    let mut scans = BTreeMap::new();
    journal.for_each(0, |index, _, bytes| {
        let bytes = bytes.expect("the journal verified");
        if let Body::Scan(scan) = parse(bytes).unwrap().body {
            scans.insert(index, scan.badge.digest);
        }
        Ok::<(), JournalError>(())
    })?;
    Ok(scans)
}

/// The control's table: as many rows as were answered, one after the other.
fn judge_control(folder: &Path, answered: usize) -> Judged {
    let database = folder.join("control.sqlite");
    let found = rusqlite::Connection::open(&database).and_then(|db| {
        let said: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        let count = "SELECT count(*) FROM entries";
        let rows: usize = db.query_row(count, [], |row| row.get(0))?;
        Ok((said, rows))
    });
    match found {
        Ok((said, _)) if said != "ok" => Judged::Corrupt(said),
        Ok((_, rows)) if rows >= answered => Judged::Whole,
        Ok((_, rows)) => Judged::Lost(answered - rows),
        // The table itself was lost.
        Err(error) if error.to_string().contains("no such table") => Judged::Lost(answered),
        Err(error) => Judged::Corrupt(error.to_string()),
    }
}

fn noted_on(device: &str) -> Option<Acknowledge> {
    Some(Acknowledge {
        device: device.to_owned(),
        offset: NOTED_AT,
    })
}

fn mount(vm: &mut Vm, device: &str, at: &str) {
    vm.done(Do::Mount {
        source: device.to_owned(),
        at: at.to_owned(),
        kind: "ext4".to_owned(),
    });
}

/// Runs the control in the guest.
fn commit(vm: &mut Vm, name: &str, device: &str, synchronous: &str) {
    let at = format!("/run/{name}");
    mount(vm, device, &at);
    vm.run(&["mkdir", &format!("{at}/control")]);
    vm.run(&["sync"]);
    let database = format!("{at}/control/control.sqlite");
    let (program, count) = (env!("CARGO_BIN_EXE_commits"), COMMITS.to_string());
    vm.done(Do::Start {
        name: name.to_owned(),
        words: [program, &database, synchronous, &count]
            .map(str::to_owned)
            .into(),
        environment: Vec::new(),
        acknowledge: noted_on(device),
    });
    for _ in 0..COMMITS {
        vm.line_within(name, PATIENCE).expect("it commits");
    }
    let ended = vm.ask(Do::AwaitEnd(name.to_owned()));
    assert!(
        matches!(ended, Outcome::Ended { code: Some(0), .. }),
        "{ended:?}"
    );
}

/// Scans people in bursts, each burst answered before the next.
fn scan_everybody(stage: &mut Stage, scanner: &SerialScanner, random: &mut Random) -> Vec<Answer> {
    let mut answers = Vec::new();
    while answers.len() < SCANS {
        let left = u64::try_from(SCANS - answers.len()).unwrap();
        let burst = 1 + random.below(AT_ONCE.min(left));
        let codes = (answers.len()..).take(usize::try_from(burst).unwrap());
        let codes: String = codes.map(|number| person(number) + "\r").collect();
        scanner.send(&codes);
        for _ in 0..burst {
            let answer = stage.answer();
            assert!(answer.is_green(), "{answer:?}");
            answers.push(answer);
        }
    }
    answers
}

#[test]
fn a_power_cut_loses_no_answered_scan() {
    const TEST: &str = "power::a_power_cut_loses_no_answered_scan";
    let Some(ground) = ground(TEST) else { return };
    if run_fails("mkfs.ext4") || run_fails("e2fsck") || run_fails("debugfs") {
        skip(
            TEST,
            "mkfs.ext4, e2fsck or debugfs is missing; apt-get install e2fsprogs",
        );
        return;
    }
    let mut random = Random::announced("power");
    let folder = tempfile::tempdir().unwrap();
    let disks = [0, 1, 2].map(|number| NotingDisk::make(folder.path(), number));
    let lines = stage::lines(1);
    let words = disks.iter().flat_map(|disk| &disk.words).chain(&lines);
    let words: Vec<&str> = words.map(String::as_str).collect();
    let modules = [
        &SERIAL_MODULES[..],
        &["virtio_blk", "crc32c_generic", "ext4"],
    ]
    .concat();
    let on_disk = |vm: &mut Vm| mount(vm, "/dev/vda", "/run/disk");
    let data = ("/run/disk/kiosk", on_disk);
    let mut stage = Stage::set(&ground, "power", SCANS, (&words, &modules), data, READER);

    stage.start(&[], noted_on("/dev/vda"));
    let scanner = SerialScanner::plug(&mut stage.vm, 0, "FT1", 1);
    stage.wait_attached("main", true);
    let answers = scan_everybody(&mut stage, &scanner, &mut random);
    commit(&mut stage.vm, "full", "/dev/vdb", "FULL");
    commit(&mut stage.vm, "normal", "/dev/vdc", "NORMAL");
    stage.vm.cut_power();

    let badges = stage.kiosk().enrolment().badge_key;
    let made = (0..SCANS).map(|number| badges.digest(&person(number)));
    let made: BTreeSet<BadgeDigest> = made.collect();
    let cuts = times(60, 200);
    let kiosk = disks[0].cut(cuts, &mut random, "kiosk", |found, answered| {
        judge_journal(found, &answers[..answered], &made)
    });
    kiosk.print("the kiosk");
    let control = |disk: &NotingDisk, random: &mut Random| {
        disk.cut(cuts / 5, random, "control", judge_control)
    };
    let (full, normal) = (
        control(&disks[1], &mut random),
        control(&disks[2], &mut random),
    );
    full.print("control with FULL");
    normal.print("control with NORMAL");
    kiosk.check_nothing_lost();
    full.check_nothing_lost();
    assert!(normal.losing > 0, "the check cannot see a loss: {normal:?}");
}

fn run_fails(program: &str) -> bool {
    Command::new(program).arg("-V").output().is_err()
}
