//! The programs under test: found, started, awaited, killed.
//!
//! Promises: nothing outlives its handle; what a program says on standard error is in a file that a failing test prints; every wait has a
//! deadline and says what it waited for.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take on a machine that has much else to do.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Lines of a log that a failure shows.
const TAIL_LINES: usize = 40;

/// The three programs.
const PROGRAMS: [&str; 3] = ["rollcall-kiosk", "rollcall-issuer", "rollcall"];

/// Where a program lies, built where it is missing.
///
/// # Panics
/// Where it can be neither found nor built.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let own = std::env::current_exe().expect("a test has an executable");
        let beside = own.parent().expect("a program lies in a folder");
        // Tests lie in target/<profile>/deps, programs in the folder above.
        let folder = beside.ancestors().find(|folder| !folder.ends_with("deps"));
        let folder = folder.expect("deps is no root").to_owned();
        if PROGRAMS.iter().any(|name| !folder.join(name).is_file()) {
            build(&folder);
        }
        folder
    });
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing", path.display());
    path
}

fn build(folder: &Path) {
    let target = folder.parent().expect("a profile lies in a target folder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--locked", "--offline", "--bins"])
        .args(["-p", "kiosk", "-p", "issuer", "-p", "cli"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if folder
        .file_name()
        .is_some_and(|profile| profile == "release")
    {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo starts");
    assert!(status.success(), "the programs do not build");
}

/// What a command said and how it ended.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
    command: String,
}

impl Said {
    /// Its standard output, where it ended with 0.
    ///
    /// # Panics
    /// Where it did not; shows what it said.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self}");
        self.out
    }

    /// Checks that it ended with this code and that what it said holds each of these.
    ///
    /// # Panics
    /// Where it did not.
    #[track_caller]
    pub fn refused(&self, code: i32, holds: &[&str]) {
        assert_eq!(self.code, Some(code), "{self}");
        for text in holds {
            assert!(
                self.err.contains(text) || self.out.contains(text),
                "{text:?} is not in what was said.\n{self}"
            );
        }
        for forbidden in ["panicked at", "RUST_BACKTRACE", "stack backtrace"] {
            assert!(!self.err.contains(forbidden), "{self}");
        }
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            code,
            out,
            err,
            command,
        } = self;
        write!(
            f,
            "`{command}` ended with {code:?}\n--- standard output\n{out}\n--- standard error\n{err}"
        )
    }
}

/// Runs a command to its end, with a text on its standard input.
///
/// # Panics
/// Where it cannot be started or does not end in time.
pub fn run(command: &mut Command, input: &str) -> Said {
    let shown = shown(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("`{shown}` does not start: {error}"));
    let pid = Pid::from_child(&child);
    let mut stdin = child.stdin.take().expect("it was asked to be piped");
    // A command that reads nothing may be gone already; its own ending says what happened.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let (done, is_done) = channel::<()>();
    let guard = std::thread::spawn(move || {
        let late = is_done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
        if late {
            let _ = kill_process(pid, Signal::KILL);
        }
        late
    });
    let output = child.wait_with_output().expect("a child can be waited for");
    drop(done);
    let late = guard.join().expect("the guard does not panic");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = Said {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
        command: shown,
    };
    assert!(!late, "it did not end in time: {said}");
    said
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

/// A program that stays. It ends with this handle, whatever happens.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
    /// The process that signals go to: the child, or what it was started for.
    pid: Pid,
}

impl Running {
    /// Starts it. Standard error is added to `log`, standard output is read line by line.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(file))
            .spawn()
            .unwrap_or_else(|error| panic!("`{}` does not start: {error}", shown(command)));
        let stdout = child.stdout.take().expect("it was asked to be piped");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut line = String::new();
            // A last line without its end was cut by a kill: nobody was told anything by it.
            while stdout.read_line(&mut line).is_ok() && line.ends_with('\n') {
                if send.send(line.trim_end().to_owned()).is_err() {
                    break;
                }
                line.clear();
            }
        });
        Self {
            name: name.to_owned(),
            pid: Pid::from_child(&child),
            child,
            lines,
            log: log.to_owned(),
        }
    }

    /// Directs signals at the program of this name that the started process runs: for tracers.
    ///
    /// # Panics
    /// Where it runs none in time.
    pub fn signal_its(&mut self, name: &str) {
        let pid = self.child.id();
        let path = format!("/proc/{pid}/task/{pid}/children");
        self.pid = eventually(PATIENCE, "the traced program", || {
            // Tracers have children of their own before the one that counts.
            let children = std::fs::read_to_string(&path).ok()?;
            let is_it = |child: &&str| {
                let comm = std::fs::read_to_string(format!("/proc/{child}/comm"));
                comm.is_ok_and(|comm| comm.trim_end() == name)
            };
            let child = children.split_ascii_whitespace().find(is_it)?;
            child.parse().ok().and_then(Pid::from_raw)
        });
    }

    /// The id of the process that signals go to.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// The next line of its output.
    ///
    /// # Panics
    /// Where none comes in time or it ends before; shows its log.
    #[track_caller]
    pub fn next_line(&self, what: &str) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(error) => panic!(
                "{}: {what} did not come: {error}\n{}",
                self.name,
                self.log_tail()
            ),
        }
    }

    /// A line of its output, where one is there within this time.
    pub fn line_within(&self, within: Duration) -> Option<String> {
        self.lines.recv_timeout(within).ok()
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// All of its log.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// How it ended, where it has.
    ///
    /// # Panics
    /// Where the system does not say.
    pub fn ended(&mut self) -> Option<Option<i32>> {
        let status = self.child.try_wait().expect("a child can be asked for");
        status.map(|status| status.code())
    }

    /// Waits until `ready` gives something.
    ///
    /// # Panics
    /// Where that takes too long, or it ended; shows its log.
    #[track_caller]
    pub fn wait_until<T>(&mut self, what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = ready() {
                return found;
            }
            if let Some(code) = self.ended() {
                panic!(
                    "{} ended with {code:?} while {what} was awaited\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            if Instant::now() > deadline {
                panic!(
                    "{}: {what} did not come in time\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Kills it without a chance to tidy up, as a power cut would. Gives what it still had said.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn kill(mut self) -> Vec<String> {
        let _ = kill_process(self.pid, Signal::KILL);
        self.child.wait().expect("a child can be waited for");
        self.lines.iter().collect()
    }

    /// Asks it to end and waits. Gives its exit code and what it still had said.
    ///
    /// # Panics
    /// Where it does not end in time; shows its log.
    #[track_caller]
    pub fn stop(mut self) -> (Option<i32>, Vec<String>) {
        let _ = kill_process(self.pid, Signal::TERM);
        let code = self.wait_for_end("its end after SIGTERM");
        (code, self.lines.iter().collect())
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// Where it does not in time; shows its log.
    #[track_caller]
    pub fn wait_for_end(&mut self, what: &str) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(code) = self.ended() {
                return code;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        panic!(
            "{}: {what} did not come in time\n{}",
            self.name,
            self.log_tail()
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A tracer dies after what it traces, so that nothing stays behind untraced.
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The last lines of a file.
pub fn tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    format!(
        "--- the end of {}\n{}",
        path.display(),
        lines[from..].join("\n")
    )
}

/// Waits until `look` gives something, and gives that.
///
/// # Panics
/// Where it gives nothing in time.
#[track_caller]
pub fn eventually<T>(within: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            Instant::now() <= deadline,
            "{what} did not come within {within:?}"
        );
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until `look` says so, at most for this long; whether it did.
pub fn soon(within: Duration, mut look: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + within;
    loop {
        if look() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// A port of loopback that is free now.
///
/// # Panics
/// Where there is none.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}
