//! An issuer with an event, kiosks at its doors, and a network between them that can be made bad; set up by the commands that people use.
//!
//! One world is one folder below the system's temporary one. It goes with the world; where a test fails, the ends of the logs are printed
//! first, and with `ROLLCALL_KEEP=1` the folder stays.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use attendance::UtcMs;
use attendance::words::EventId;
use issuer::store::SqliteStore;
use issuer::store::batches::BatchUnits as _;
use kiosk::journal::{Disk, Enrolment, Folder, Journal};
use serde_json::Value;

use crate::archive::Archive;
use crate::http::get;
use crate::programs::{PATIENCE, Running, Said, eventually, free_port, program, run, tail};
use crate::proxy::Proxy;
use crate::pty::Scanner;

/// The event.
pub const EVENT: &str = "spring-2026";
/// Its only door, unless a test adds more.
pub const DOOR: &str = "hall-door";
/// The room behind it.
pub const ROOM: &str = "hall";
/// The programme that all sessions belong to.
pub const PROGRAMME: &str = "main-track";
/// The issuer's name.
pub const ISSUER: &str = "tests.rollcall.example";
/// The administrator.
pub const ADMINISTRATOR: &str = "admin";

/// Five seconds a credit, and half of each session needed: sessions of tests last seconds, on machines that are busy.
pub const RULES: &str = r#"format = "rollcall-rules/1"
name = "Tests: 5 seconds a credit"
seconds_per_credit = "5"
step = "0.5"
rounding = "down"
scope = "programme"
threshold = { share = "0.5" }
met_awards = "scheduled"
below_threshold = "actual"
grace_in_s = 1
grace_out_s = 1
missing_check_out = "session_end"
missing_check_in = "none"
"#;

/// Milliseconds in an hour.
const HOUR_MS: i64 = 3_600_000;

/// What an event is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many attendees; [`person`] gives their codes.
    pub people: usize,
    /// Start and end of each session.
    pub sessions: Vec<(UtcMs, UtcMs)>,
    /// Seconds within which a badge is a repeat.
    pub repeat_s: u32,
}

impl Plan {
    /// One session that goes on for longer than any test.
    pub fn one_long_session(people: usize) -> Self {
        let now = kiosk::kernel::wall_now();
        Self {
            people,
            sessions: vec![(now.plus_ms(-HOUR_MS), now.plus_ms(24 * HOUR_MS))],
            repeat_s: 2,
        }
    }

    /// The agenda in the issuer's CSV.
    pub fn agenda_csv(&self) -> String {
        let mut csv =
            "session,title,room,room_title,start,end,programme,kind,credit_value\n".to_owned();
        // Agendas are written in whole seconds.
        let instant = |at: UtcMs| format!("{}Z", &protocol::text::instant(at)[..19]);
        for (number, (start, end)) in (1..).zip(self.sessions.iter().copied()) {
            csv.push_str(&format!(
                "s{number},Session {number},{ROOM},Great Hall,{},{},{PROGRAMME},talk,\n",
                instant(start),
                instant(end)
            ));
        }
        csv
    }

    /// The registrations in the issuer's CSV.
    pub fn registrations_csv(&self) -> String {
        let mut csv =
            "badge,name,email,organisation,language,valid_from,valid_until,status\n".to_owned();
        for number in 0..self.people {
            csv.push_str(&format!(
                "{},{},,,en,,,active\n",
                person(number),
                name(number)
            ));
        }
        csv
    }
}

/// The badge of an attendee.
pub fn person(number: usize) -> String {
    // Codes that look random, as those of real badges are.
    let hash = evidence::sha256(format!("badge {number}").as_bytes()).to_hex();
    format!("{}-{}", &hash[..8], &hash[8..16]).to_uppercase()
}

/// The name of an attendee.
pub fn name(number: usize) -> String {
    format!("Person {number:05}")
}

/// An issuer, its event, and what lies between it and its kiosks.
#[derive(Debug)]
pub struct World {
    folder: tempfile::TempDir,
    /// The issuer's port.
    pub issuer_port: u16,
    /// The network to it: claims name the proxy's address.
    pub proxy: Proxy,
    server: Option<Running>,
}

impl World {
    /// A folder, an issuer's configuration and nothing else.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn bare(test: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("rollcall-{test}-"))
            .tempdir()
            .expect("a temporary folder");
        let issuer_port = free_port();
        let world = Self {
            folder,
            issuer_port,
            proxy: Proxy::start(issuer_port),
            server: None,
        };
        world.write("issuer.toml", &world.issuer_toml());
        world
    }

    /// An issuer with an event; its server does not run yet.
    ///
    /// # Panics
    /// Where a command fails.
    pub fn new(test: &str, plan: &Plan) -> Self {
        let world = Self::bare(test);
        world.issuer(&["migrate"]).ok();
        world.create_event(plan.repeat_s);
        world.import("agenda", &plan.agenda_csv()).ok();
        world.add_door(DOOR);
        world
            .import("registrations", &plan.registrations_csv())
            .ok();
        let rules = world.write("rules.toml", RULES);
        let adopt = [
            "rules",
            "adopt",
            "--event",
            EVENT,
            "--programme",
            PROGRAMME,
            "--file",
        ];
        world
            .issuer(&[&adopt[..], &[text(&rules).as_str()]].concat())
            .ok();
        world
    }

    fn issuer_toml(&self) -> String {
        format!(
            "issuer = {ISSUER:?}\ndata_dir = {:?}\nlisten = \"127.0.0.1:{}\"\npublic_url = \"http://127.0.0.1:{}\"\n",
            text(&self.path("issuer")),
            self.issuer_port,
            self.proxy.port()
        )
    }

    /// Makes the event.
    ///
    /// # Panics
    /// Where that fails.
    pub fn create_event(&self, repeat_s: u32) {
        let repeat_s = repeat_s.to_string();
        let create = [
            "event",
            "create",
            "--id",
            EVENT,
            "--title",
            "Spring Meeting",
            "--zone",
            "Europe/Berlin",
        ];
        let more = [
            "--languages",
            "en",
            "--names",
            "first",
            "--repeat-s",
            &repeat_s,
        ];
        self.issuer(&[&create[..], &more].concat()).ok();
    }

    /// Adds a door to the room.
    ///
    /// # Panics
    /// Where that fails.
    pub fn add_door(&self, door: &str) {
        let add = [
            "door",
            "add",
            "--event",
            EVENT,
            "--door",
            door,
            "--title",
            "Great Hall",
            "--room",
            ROOM,
        ];
        self.issuer(&add).ok();
    }

    /// Imports an agenda or registrations from a text.
    pub fn import(&self, what: &str, csv: &str) -> Said {
        let file = self.write(&format!("{what}.csv"), csv);
        self.issuer(&["import", what, "--event", EVENT, "--file", &text(&file)])
    }

    /// A path in the world's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the world's folder.
    ///
    /// # Panics
    /// Where the disk refuses.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file to write");
        path
    }

    /// Runs a command of the issuer.
    pub fn issuer(&self, words: &[&str]) -> Said {
        self.issuer_told(words, "")
    }

    /// Runs a command of the issuer with a text on its standard input.
    pub fn issuer_told(&self, words: &[&str], input: &str) -> Said {
        let mut command = Command::new(program("rollcall-issuer"));
        command
            .arg("--config")
            .arg(self.path("issuer.toml"))
            .args(words);
        run(&mut command, input)
    }

    /// Starts the issuer's server and waits until it answers.
    ///
    /// # Panics
    /// Where it does not.
    pub fn start_issuer(&mut self) {
        let mut command = Command::new(program("rollcall-issuer"));
        command
            .arg("--config")
            .arg(self.path("issuer.toml"))
            .arg("serve");
        let mut server = Running::start("the issuer", &mut command, &self.path("issuer.log"));
        let port = self.issuer_port;
        server.wait_until("an answer", || get(port, "/verify"));
        self.server = Some(server);
    }

    /// Kills the issuer's server.
    pub fn kill_issuer(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
    }

    /// Asks the issuer's server to end.
    ///
    /// # Panics
    /// Where it does not end well.
    pub fn stop_issuer(&mut self) {
        if let Some(server) = self.server.take() {
            assert_eq!(
                server.stop().0,
                Some(0),
                "{}",
                tail(&self.path("issuer.log"))
            );
        }
    }

    /// A claim on a door.
    ///
    /// # Panics
    /// Where the issuer makes none.
    pub fn claim(&self, door: &str) -> String {
        let said = self
            .issuer(&["claim", "--event", EVENT, "--door", door])
            .ok();
        let claim = said
            .lines()
            .find(|line| line.trim().starts_with("rollcall1:"));
        claim
            .unwrap_or_else(|| panic!("no claim in {said:?}"))
            .trim()
            .to_owned()
    }

    /// A kiosk with serial readers on pseudo-terminals: name and direction (`in`, `out` or none) of each. It is not enrolled yet.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn kiosk(&self, name: &str, readers: &[(&str, &str)]) -> Kiosk {
        let kiosk = Kiosk {
            folder: self.path(name),
            screen_port: free_port(),
            scanners: readers
                .iter()
                .map(|(name, direction)| Reader {
                    name: (*name).to_owned(),
                    direction: (*direction).to_owned(),
                    scanner: Scanner::new(),
                })
                .collect(),
        };
        std::fs::create_dir_all(&kiosk.folder).expect("a folder to make");
        kiosk.configure(&kiosk.folder.join("data"));
        kiosk
    }

    /// A kiosk with these readers, enrolled at [`DOOR`]. The server must run.
    ///
    /// # Panics
    /// Where enrolling fails.
    pub fn enrolled_kiosk(&self, readers: &[(&str, &str)]) -> Kiosk {
        let kiosk = self.kiosk("kiosk", readers);
        kiosk.enrol(&self.claim(DOOR)).ok();
        kiosk
    }

    /// Waits until the issuer has said that it holds this many entries.
    ///
    /// # Panics
    /// Where that takes too long.
    #[track_caller]
    pub fn wait_for_accepted(&self, size: u64) {
        let what = format!("{size} entries at the issuer");
        eventually(PATIENCE, &what, || {
            (self.proxy.accepted() >= size).then_some(())
        });
    }

    /// Exports the event's evidence. Gives the file, and what it holds.
    ///
    /// # Panics
    /// Where that fails.
    pub fn export(&self) -> (PathBuf, Archive) {
        let number = std::fs::read_dir(self.folder.path()).map_or(0, Iterator::count);
        let out = self.path(&format!("evidence-{number}.tar"));
        self.issuer(&["export", "--event", EVENT, "--out", &text(&out)])
            .ok();
        let archive = Archive::read(&out);
        (out, archive)
    }

    /// The alarms of the event: the code of each, and how often it was raised.
    ///
    /// # Panics
    /// Where the database cannot be read.
    pub fn alarms(&self) -> Vec<(String, u64)> {
        let store =
            SqliteStore::open_existing(&self.issuer_database()).expect("the database opens");
        let event = EventId::new(EVENT).expect("an id");
        let alarms = store.alarms(&event).expect("the database reads");
        alarms
            .into_iter()
            .map(|alarm| (alarm.code, alarm.count))
            .collect()
    }

    /// The issuer's database.
    pub fn issuer_database(&self) -> PathBuf {
        self.path("issuer").join("issuer.db")
    }

    /// The most memory that the issuer's server has had, in KiB.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn issuer_peak_kib(&self) -> u64 {
        let pid = self.server.as_ref().expect("the server runs").pid();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.trim().parse().ok())
            .expect("the kernel says so")
    }

    /// The rows of the attendance report.
    ///
    /// # Panics
    /// Where that fails.
    pub fn report(&self) -> Vec<Value> {
        let report = ["report", "attendance", "--event", EVENT, "--format", "json"];
        let said = self.issuer(&report).ok();
        let report: Value = serde_json::from_str(&said).expect("the report is JSON");
        report["rows"].as_array().cloned().unwrap_or_default()
    }
}

/// Runs `rollcall verify` on an archive, and the second verifier, which must come to the same.
#[track_caller]
pub fn verify(archive: &Path) -> Said {
    let said = run(
        Command::new(program("rollcall")).arg("verify").arg(archive),
        "",
    );
    crate::verifier::agrees(archive, said.code);
    said
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for log in std::fs::read_dir(self.folder.path())
                .into_iter()
                .flatten()
                .flatten()
            {
                let path = log.path();
                let inner = path.join("kiosk.log");
                if path.extension().is_some_and(|extension| extension == "log") {
                    eprintln!("{}", tail(&path));
                } else if inner.is_file() {
                    eprintln!("{}", tail(&inner));
                }
            }
        }
        if std::env::var_os("ROLLCALL_KEEP").is_some() {
            self.folder.disable_cleanup(true);
            eprintln!("kept: {}", self.folder.path().display());
        }
    }
}

/// A path as text.
///
/// # Panics
/// Where it is not UTF-8; temporary folders are.
pub fn text(path: &Path) -> String {
    path.to_str()
        .expect("temporary folders are UTF-8")
        .to_owned()
}

/// A reader of a kiosk.
#[derive(Debug)]
pub struct Reader {
    /// Its name.
    pub name: String,
    /// `in`, `out`, or empty.
    pub direction: String,
    /// The scanner behind it.
    pub scanner: Scanner,
}

/// A kiosk: its folder, its configuration and its scanners.
#[derive(Debug)]
pub struct Kiosk {
    folder: PathBuf,
    /// The port of its pages.
    pub screen_port: u16,
    /// Its readers.
    pub scanners: Vec<Reader>,
}

impl Kiosk {
    /// Its configuration's file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("kiosk.toml")
    }

    /// Its data folder, unless a test configured another one.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes its configuration, for this data folder.
    ///
    /// # Panics
    /// Where the disk refuses.
    pub fn configure(&self, data: &Path) {
        let mut toml = format!(
            "data_dir = {:?}\nlanguages = [\"en\"]\nfeedback = \"lines\"\nlog = \"info\"\n\n[screen]\nlisten = \"127.0.0.1:{}\"\n\n\
             [storage]\nmin_free_mb = 1\n",
            text(data),
            self.screen_port
        );
        for Reader {
            name,
            direction,
            scanner,
        } in &self.scanners
        {
            let path = text(scanner.path());
            toml.push_str(&format!(
                "\n[[reader]]\nname = {name:?}\nkind = \"serial\"\npath = {path:?}\nidle_ms = 0\n"
            ));
            if !direction.is_empty() {
                toml.push_str(&format!("direction = {direction:?}\n"));
            }
        }
        std::fs::write(self.config(), toml).expect("a file to write");
    }

    /// A command of the kiosk's program with its configuration.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program("rollcall-kiosk"));
        let (name, rest) = words.split_first().expect("a command has a name");
        command
            .arg(name)
            .arg("--config")
            .arg(self.config())
            .args(rest);
        command
    }

    /// Enrols it with a claim on its standard input.
    pub fn enrol(&self, claim: &str) -> Said {
        run(&mut self.command(&["enrol", "-"]), claim)
    }

    /// Starts its daemon and waits for nothing.
    pub fn start(&self) -> Daemon {
        self.start_by(&mut self.command(&["run"]))
    }

    /// Starts its daemon by a command of the caller's.
    pub fn start_by(&self, command: &mut Command) -> Daemon {
        for reader in &self.scanners {
            reader.scanner.release();
        }
        let log = self.folder.join("kiosk.log");
        Daemon {
            running: Running::start("the kiosk", command, &log),
        }
    }

    /// Starts its daemon and waits until all its readers are attached.
    ///
    /// # Panics
    /// Where that does not happen.
    #[track_caller]
    pub fn run(&self) -> Daemon {
        let mut daemon = self.start();
        self.wait_until_attached(&mut daemon);
        daemon
    }

    /// Waits until all its readers are attached.
    ///
    /// # Panics
    /// Where that does not happen.
    #[track_caller]
    pub fn wait_until_attached(&self, daemon: &mut Daemon) {
        daemon.running.wait_until("its readers", || {
            let status = self.status()?;
            let readers = status["readers"].as_array()?;
            let attached = readers
                .iter()
                .filter(|reader| reader["state"] == "attached");
            (attached.count() == self.scanners.len()).then_some(())
        });
    }

    /// What its daemon says of itself, where it answers.
    pub fn status(&self) -> Option<Value> {
        serde_json::from_str(&get(self.screen_port, "/status")?).ok()
    }

    /// Sends a code through a reader.
    pub fn scan(&self, reader: usize, code: &str) {
        self.scanners[reader].scanner.scan(code);
    }

    /// Its journal as its own export has it. No daemon may run.
    ///
    /// # Panics
    /// Where that fails.
    #[track_caller]
    pub fn export(&self) -> Archive {
        let number = std::fs::read_dir(&self.folder).map_or(0, Iterator::count);
        let out = self.folder.join(format!("export-{number}"));
        run(&mut self.command(&["export", "--out", &text(&out)]), "").ok();
        Archive::read(&out)
    }

    /// Its enrolment, out of its journal. No daemon may run.
    ///
    /// # Panics
    /// Where it is not enrolled.
    pub fn enrolment(&self) -> Enrolment {
        let folder = eventually(Duration::from_secs(5), "the data folder", || {
            Folder::take(&self.data()).ok()
        });
        let journal = Journal::open(Arc::new(folder), Disk::real(0)).expect("the journal opens");
        journal.enrolment().expect("the kiosk is enrolled").clone()
    }
}

/// A kiosk's daemon that runs.
#[derive(Debug)]
pub struct Daemon {
    /// The program.
    pub running: Running,
}

/// What a kiosk answered to a scan.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Answer {
    /// The verdict's word, `failure` or `not_set_up`.
    pub verdict: String,
    /// The entry that records it.
    pub entry: Option<u64>,
    /// The reader.
    pub reader: String,
    /// The badge's short code.
    pub badge: Option<String>,
    /// What the attendee is told.
    pub text: String,
    /// The provisional decision.
    pub provisional: Option<Value>,
}

impl Answer {
    /// Reads a line of feedback.
    ///
    /// # Panics
    /// Where it is none.
    #[track_caller]
    pub fn read(line: &str) -> Self {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("no feedback ({error}): {line}"))
    }

    /// Whether the attendee saw green.
    pub fn is_green(&self) -> bool {
        matches!(self.verdict.as_str(), "checked_in" | "checked_out")
    }
}

impl Daemon {
    /// The next answer.
    ///
    /// # Panics
    /// Where none comes in time.
    #[track_caller]
    pub fn answer(&self) -> Answer {
        Answer::read(&self.running.next_line("an answer"))
    }

    /// Kills it. Gives the answers that nobody had read yet.
    pub fn kill(self) -> Vec<Answer> {
        self.running
            .kill()
            .iter()
            .map(|line| Answer::read(line))
            .collect()
    }

    /// Asks it to end. Gives the answers that nobody had read yet.
    ///
    /// # Panics
    /// Where it does not end well.
    #[track_caller]
    pub fn stop(self) -> Vec<Answer> {
        let (code, lines) = self.running.stop();
        assert_eq!(code, Some(0));
        lines.iter().map(|line| Answer::read(line)).collect()
    }
}

/// Checks that the issuer's copy of a kiosk's log is the beginning of the kiosk's own, at least up to `least` entries, and that all of the
/// issuer's evidence verifies. Gives the kiosk's own export and the issuer's. No program may run.
///
/// # Panics
/// Where it is not so.
#[track_caller]
pub fn compare(world: &World, kiosk: &Kiosk, least: u64) -> (Archive, Archive) {
    let (own, (path, issuers)) = (kiosk.export(), world.export());
    let origin = &own.description.logs[0].origin;
    let (mine, theirs) = (own.lines(0), issuers.lines(issuers.log_of(origin)));
    let shared = theirs.len().min(mine.len());
    assert!(
        theirs.len() as u64 >= least,
        "the issuer holds {} of {least}",
        theirs.len()
    );
    assert!(
        theirs.len() <= mine.len(),
        "the issuer holds more than there is"
    );
    for (index, (mine, theirs)) in mine[..shared].iter().zip(&theirs).enumerate() {
        assert_eq!(mine, theirs, "entry {index} is another at the issuer");
    }
    let said = verify(&path);
    assert_eq!(said.code, Some(0), "{said}");
    (own, issuers)
}
