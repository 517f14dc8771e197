//! The real program, with a FIFO for a scanner: answered, killed, started again.
#![allow(clippy::unwrap_used, clippy::panic)]

mod fixture;

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use attendance::UtcMs;
use fixture::{Fixture, ISSUER, MINUTE_MS, badge};
use kiosk::journal::{Disk, Enrolment, Folder, Journal, NewBundle};
use protocol::archive::Archive;
use serde_json::Value;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Kiosk {
    folder: tempfile::TempDir,
    fixture: Fixture,
}

impl Kiosk {
    /// An enrolled kiosk with one FIFO for a reader, in the middle of a session.
    fn enrolled() -> Self {
        let kiosk = Self::new();
        let now = kiosk::kernel::wall_now();
        let (start, end) = (now.plus_ms(-20 * MINUTE_MS), now.plus_ms(40 * MINUTE_MS));
        let bundle = kiosk.fixture.bundle(1, 50, start, end);
        kiosk.enrol(&kiosk.fixture.signed(&bundle), bundle.issued);
        kiosk
    }

    fn new() -> Self {
        let kiosk = Self {
            folder: tempfile::tempdir().unwrap(),
            fixture: Fixture::default(),
        };
        let config = format!(
            "data_dir = {:?}\nfeedback = \"lines\"\n[screen]\nlisten = \"127.0.0.1:0\"\n[storage]\nmin_free_mb = 1\n\
             [[reader]]\nname = \"main\"\nkind = \"lines\"\npath = {:?}\n",
            kiosk.data(),
            kiosk.fifo()
        );
        std::fs::write(kiosk.config(), config).unwrap();
        let made = Command::new("mkfifo").arg(kiosk.fifo()).status().unwrap();
        assert!(made.success());
        kiosk
    }

    fn enrol(&self, signed: &[u8], issued: UtcMs) {
        let enrolment = Enrolment {
            kiosk: self.fixture.kiosk_id(),
            event: self.fixture.event(),
            issuer: ISSUER.to_owned(),
            issuer_key: self.fixture.issuer.public_key(),
            url: "http://127.0.0.1:9".to_owned(),
            tls_pin: None,
            origin: self.fixture.origin(),
            badge_key: self.fixture.badge_key.clone(),
        };
        let bundle = NewBundle {
            sequence: 1,
            hash: evidence::sha256(signed),
            etag: None,
            signed,
            issued,
        };
        let mut journal = self.journal();
        journal
            .enrol(&enrolment, &self.fixture.kiosk, bundle)
            .unwrap();
    }

    fn journal(&self) -> Journal {
        let folder = Arc::new(Folder::take(&self.data()).unwrap());
        Journal::open(folder, Disk::real(0)).unwrap()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn fifo(&self) -> PathBuf {
        self.folder.path().join("scanner")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("kiosk.toml")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall-kiosk"));
        command.arg(name).arg("--config").arg(self.config());
        command
    }

    fn run(&self) -> Daemon {
        let mut child = self
            .command("run")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Daemon {
            child,
            answers,
            scanner: None,
            fifo: self.fifo(),
        }
    }

    fn finish(&self, name: &str, arguments: &[&Path]) -> Output {
        self.command(name).args(arguments).output().unwrap()
    }
}

struct Daemon {
    child: Child,
    answers: BufReader<ChildStdout>,
    scanner: Option<File>,
    fifo: PathBuf,
}

impl Daemon {
    fn scan(&mut self, text: &str) {
        // Opening a FIFO for writing waits for the daemon to read from it.
        let fifo = &self.fifo;
        let scanner = self
            .scanner
            .get_or_insert_with(|| OpenOptions::new().write(true).open(fifo).unwrap());
        scanner.write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        assert_ne!(self.answers.read_line(&mut line).unwrap(), 0, "it ended");
        serde_json::from_str(&line).unwrap()
    }

    fn verdict(&mut self, text: &str) -> String {
        self.scan(text);
        self.answer()["verdict"].as_str().unwrap().to_owned()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn terminate(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::yield_now();
        }
        self.child.kill().unwrap();
        panic!("it did not end");
    }
}

#[test]
fn scans_are_answered_in_order_and_survive_a_kill() {
    let kiosk = Kiosk::enrolled();
    let mut daemon = kiosk.run();
    daemon.scan(&badge(1));
    let first = daemon.answer();
    assert_eq!(first["verdict"], "checked_in");
    assert_eq!(first["reader"], "main");
    assert_eq!(first["badge"].as_str().unwrap().len(), 8);
    assert!(first["text"].as_str().unwrap().contains("Ada 1"), "{first}");
    assert_eq!(first["provisional"]["programme"], "day-1", "{first}");
    assert_eq!(daemon.verdict(&badge(1)), "repeat");
    assert_eq!(daemon.verdict("NOBODY"), "unknown_badge");
    let mut entries = Vec::new();
    for number in 10..40 {
        daemon.scan(&badge(number));
    }
    for _ in 10..40 {
        let answer = daemon.answer();
        assert_eq!(answer["verdict"], "checked_in");
        entries.push(answer["entry"].as_u64().unwrap());
    }
    assert!(entries.is_sorted(), "{entries:?}");
    let newest = *entries.last().unwrap();
    daemon.kill();

    let journal = kiosk.journal();
    let verified = journal.verify_all().unwrap();
    assert_eq!(verified.damaged, 0);
    assert!(verified.size > newest, "an answered scan is there");
    drop(journal);

    let mut daemon = kiosk.run();
    assert_eq!(daemon.verdict(&badge(1)), "repeat", "it remembers");
    assert_eq!(daemon.verdict(&badge(41)), "checked_in");
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn before_enrolment_nothing_is_recorded() {
    let kiosk = Kiosk::new();
    let mut daemon = kiosk.run();
    daemon.scan(&badge(1));
    let answer = daemon.answer();
    assert_eq!(answer["verdict"], "not_set_up");
    assert_eq!(answer["entry"], Value::Null);
    assert_eq!(daemon.terminate(), Some(0));
    assert_eq!(kiosk.journal().size(), 0);
}

#[test]
fn what_was_read_before_the_end_is_recorded() {
    let kiosk = Kiosk::enrolled();
    let mut daemon = kiosk.run();
    assert_eq!(daemon.verdict(&badge(1)), "checked_in");
    let size = {
        daemon.scan(&badge(2));
        daemon.answer()["entry"].as_u64().unwrap() + 1
    };
    assert_eq!(daemon.terminate(), Some(0));
    let journal = kiosk.journal();
    assert!(journal.size() >= size);
    journal.verify_all().unwrap();
}

#[test]
fn a_second_daemon_and_a_folder_that_cannot_be_used_are_refused() {
    let kiosk = Kiosk::enrolled();
    let mut daemon = kiosk.run();
    assert_eq!(daemon.verdict(&badge(1)), "checked_in");
    let second = kiosk.finish("run", &[]);
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("in use by another rollcall-kiosk"), "{said}");
    let exported = kiosk.finish(
        "export",
        &[Path::new("--out"), &kiosk.folder.path().join("x")],
    );
    assert_eq!(exported.status.code(), Some(1));
    assert_eq!(daemon.verdict(&badge(2)), "checked_in", "the first goes on");
    assert_eq!(daemon.terminate(), Some(0));

    let blocked = Kiosk::new();
    std::fs::write(blocked.data(), "a file").unwrap();
    let refused = blocked.finish("run", &[]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("data_dir"), "{said}");
}

#[test]
fn keys_are_for_their_owner_alone() {
    let kiosk = Kiosk::enrolled();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&kiosk.data()), 0o700);
    for file in std::fs::read_dir(kiosk.data()).unwrap() {
        let file = file.unwrap();
        assert_eq!(mode(&file.path()), 0o600, "{:?}", file.path());
        assert_eq!(
            file.metadata().unwrap().uid(),
            kiosk.data().metadata().unwrap().uid()
        );
    }
}

#[test]
fn an_export_holds_what_was_recorded() {
    let kiosk = Kiosk::enrolled();
    let mut daemon = kiosk.run();
    for number in 0..5 {
        assert_eq!(daemon.verdict(&badge(number)), "checked_in");
    }
    assert_eq!(daemon.terminate(), Some(0));
    let out = kiosk.folder.path().join("out");
    let exported = kiosk.finish("export", &[Path::new("--out"), &out]);
    assert_eq!(exported.status.code(), Some(0), "{exported:?}");
    let archive: Archive =
        serde_json::from_slice(&std::fs::read(out.join("archive.json")).unwrap()).unwrap();
    let entries = std::fs::read(out.join("logs/0/entries.ndjson")).unwrap();
    let mut frontier = evidence::Frontier::new();
    for line in entries
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
    {
        protocol::entry::parse(line).unwrap();
        frontier.append(evidence::leaf_hash(line));
    }
    let note = std::fs::read_to_string(out.join("logs/0/checkpoint.txt")).unwrap();
    let log = &archive.logs[0];
    let head = evidence::open_checkpoint(&note, &log.origin, &log.key).unwrap();
    assert_eq!((head.size, head.root), (log.size, frontier.root()));
    let tar = kiosk.folder.path().join("out.tar");
    let packed = kiosk.finish("export", &[Path::new("--out"), &tar]);
    assert_eq!(packed.status.code(), Some(0), "{packed:?}");
    let mut unpacked = tar::Archive::new(File::open(&tar).unwrap());
    let names: Vec<PathBuf> = unpacked
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().into_owned())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(
        kiosk
            .finish("export", &[Path::new("--out"), &tar])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn wrong_use_and_malformed_configurations_have_their_codes() {
    let code = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_rollcall-kiosk");
        Command::new(program)
            .args(arguments)
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["fly"]), Some(2));
    let kiosk = Kiosk::new();
    std::fs::write(kiosk.config(), "data_dri = \"x\"\n").unwrap();
    let malformed = kiosk.finish("run", &[]);
    assert_eq!(malformed.status.code(), Some(4));
    let said = String::from_utf8(malformed.stderr).unwrap();
    assert!(
        said.contains("data_dir"),
        "names the nearest known key: {said}"
    );
    assert_eq!(code(&["run", "--config", "absent.toml"]), Some(1));
}

#[test]
fn doctor_and_status_say_what_is_next() {
    let kiosk = Kiosk::enrolled();
    let text = |output: Output| String::from_utf8(output.stdout).unwrap();
    let said = text(kiosk.finish("doctor", &[]));
    for line in [
        "ok      configuration",
        "ok      journal: no errors found in 0 entries",
        "ok      enrolment: k-1",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let said = text(kiosk.finish("status", &[]));
    assert!(said.contains("k-1") && said.contains("Next:"), "{said}");
}

#[test]
fn a_board_that_is_not_there_keeps_nobody_from_scanning() {
    let kiosk = Kiosk::enrolled();
    let rest = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall-kiosk"));
        let command = command.args(["gpio", "rest", "--config"]);
        command.arg(kiosk.config()).output().unwrap()
    };
    assert_eq!(rest().status.code(), Some(0), "nothing is configured");
    let text = std::fs::read_to_string(kiosk.config()).unwrap();
    let block = "[gpio]\nchip = \"no-such-board\"\n[[gpio.light]]\nname = \"in\"\nline = 3\n\
        [[gpio.tamper]]\nname = \"lid\"\nline = 4\n";
    std::fs::write(kiosk.config(), format!("{text}{block}")).unwrap();
    let mut daemon = kiosk.run();
    assert_eq!(daemon.verdict(&badge(1)), "checked_in");
    assert_eq!(daemon.terminate(), Some(0));
    let rested = rest();
    assert_eq!(rested.status.code(), Some(1));
    let said = String::from_utf8(rested.stderr).unwrap();
    assert!(said.contains("\"no-such-board\""), "{said}");
    let doctor = String::from_utf8(kiosk.finish("doctor", &[]).stdout).unwrap();
    assert!(
        doctor.contains("fail    gpio: no chip has the label"),
        "{doctor}"
    );
}
