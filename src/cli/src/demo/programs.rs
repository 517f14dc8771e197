//! The real programs, as a person would run them: the issuer's commands, its server, the kiosk's daemon.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a program may take to answer for the first time.
const READY_DEADLINE: Duration = Duration::from_secs(30);

/// What kept the demo from going on: what happened, and where to look.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// A program is not where it should be.
    #[error(
        "{0} is not beside this program; build it with `cargo build` or start the demo with `cargo xtask demo`"
    )]
    Missing(PathBuf),
    /// What the user asked for is not there.
    #[error("{0}")]
    Absent(String),
    /// A command failed.
    #[error("`{command}` failed with {status}:\n{output}")]
    Command {
        /// The command.
        command: String,
        /// How it ended.
        status: String,
        /// What it said.
        output: String,
    },
    /// Something did not come in time.
    #[error("{what} did not come within {seconds} s; see {log}")]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// Where to look.
        log: PathBuf,
    },
    /// A promise was not kept, which is what the demo is there to see.
    #[error("not as promised: {0}")]
    Broken(String),
    /// The machine refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

/// Names what was tried.
pub(crate) trait What<T> {
    /// Turns the machine's error into the demo's.
    fn what(self, what: impl FnOnce() -> String) -> Result<T, DemoError>;
}

impl<T> What<T> for io::Result<T> {
    fn what(self, what: impl FnOnce() -> String) -> Result<T, DemoError> {
        self.map_err(|source| DemoError::Io {
            what: what(),
            source,
        })
    }
}

/// Where the programs are and where the demo keeps its things.
#[derive(Debug)]
pub(crate) struct Stage {
    programs: PathBuf,
    /// The demo's folder.
    pub(crate) folder: PathBuf,
}

impl Stage {
    /// The programs beside this one, and a folder.
    ///
    /// # Errors
    /// Where a program is missing or the folder cannot be made.
    pub(crate) fn new(folder: PathBuf) -> Result<Self, DemoError> {
        let own = std::env::current_exe().what(|| "finding this program".to_owned())?;
        let programs = own
            .parent()
            .map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        let stage = Self { programs, folder };
        for program in ["rollcall-issuer", "rollcall-kiosk"] {
            if !stage.program(program).is_file() {
                return Err(DemoError::Missing(stage.program(program)));
            }
        }
        fs::create_dir_all(&stage.folder).what(|| format!("making {}", stage.folder.display()))?;
        Ok(stage)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A path in the demo's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file into the demo's folder.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, DemoError> {
        let path = self.path(name);
        fs::write(&path, text).what(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Runs a command to its end and gives what it printed.
    ///
    /// # Errors
    /// Where it fails; the error shows what it said.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Result<String, DemoError> {
        self.run_with_input(program, args, "")
    }

    /// Runs a command with a text on its standard input.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) fn run_with_input(
        &self,
        program: &str,
        args: &[&str],
        input: &str,
    ) -> Result<String, DemoError> {
        use std::io::Write as _;
        let mut child = Command::new(self.program(program))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .what(|| format!("starting {program}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that reads nothing may be gone already; its own ending says what happened.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child
            .wait_with_output()
            .what(|| format!("running {program}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(DemoError::Command {
            command: format!("{program} {}", args.join(" ")),
            status: output.status.to_string(),
            output: text(&output.stdout) + &text(&output.stderr),
        })
    }

    /// Starts a program that stays, its log in a file, its output lines to be waited for.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) fn start(
        &self,
        program: &str,
        args: &[&str],
        log: &str,
    ) -> Result<Running, DemoError> {
        let log = self.path(log);
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .what(|| format!("opening {}", log.display()))?;
        let mut child = Command::new(self.program(program))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(file))
            .spawn()
            .what(|| format!("starting {program}"))?;
        let (send, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if send.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Running {
            name: program.to_owned(),
            child,
            lines,
            log,
        })
    }
}

/// A program that stays. It ends with the demo, whatever happens.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Running {
    /// The next line of its output.
    ///
    /// # Errors
    /// Where none comes in time, or the program ended.
    pub(crate) fn next_line(&self, what: &str, within: Duration) -> Result<String, DemoError> {
        self.lines
            .recv_timeout(within)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => self.late(what, within),
                RecvTimeoutError::Disconnected => DemoError::Broken(format!(
                    "{} ended while {what} was awaited; see {}",
                    self.name,
                    self.log.display()
                )),
            })
    }

    /// Its output from now on, for whoever shows it as it comes.
    pub(crate) fn take_lines(&mut self) -> Receiver<String> {
        std::mem::replace(&mut self.lines, channel().1)
    }

    fn late(&self, what: &str, within: Duration) -> DemoError {
        DemoError::Late {
            what: what.to_owned(),
            seconds: within.as_secs(),
            log: self.log.clone(),
        }
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// Where that takes too long, or the program ended.
    pub(crate) fn wait_until(
        &mut self,
        what: &str,
        mut ready: impl FnMut() -> bool,
    ) -> Result<(), DemoError> {
        let deadline = Instant::now() + READY_DEADLINE;
        while !ready() {
            if let Some(status) = self
                .child
                .try_wait()
                .what(|| format!("asking for {}", self.name))?
            {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(8).collect();
                return Err(DemoError::Command {
                    command: self.name.clone(),
                    status: status.to_string(),
                    output: tail.into_iter().rev().collect::<Vec<_>>().join("\n"),
                });
            }
            if Instant::now() > deadline {
                return Err(self.late(what, READY_DEADLINE));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Kills it without a chance to tidy up, as a power cut would.
    ///
    /// # Errors
    /// Where the machine refuses.
    pub(crate) fn kill(mut self) -> Result<(), DemoError> {
        self.child
            .kill()
            .what(|| format!("killing {}", self.name))?;
        self.child
            .wait()
            .what(|| format!("waiting for {}", self.name))?;
        Ok(())
    }

    /// Asks it to end and waits.
    ///
    /// # Errors
    /// Where the machine refuses.
    pub(crate) fn stop(mut self) -> Result<(), DemoError> {
        let id = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        self.child
            .wait()
            .what(|| format!("waiting for {}", self.name))?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `GET` of an address on loopback, answer as text; `None` where nobody answers with 200.
pub(crate) fn get(port: u16, path: &str) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream
        .take(16 * 1024 * 1024)
        .read_to_end(&mut answer)
        .ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).filter(|status| *status == "200")?;
    Some(body.to_owned())
}

/// A port of loopback that is free now.
///
/// # Errors
/// Where the machine has none.
pub(crate) fn free_port() -> Result<u16, DemoError> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))
        .what(|| "looking for a free port".to_owned())?;
    Ok(listener
        .local_addr()
        .what(|| "looking for a free port".to_owned())?
        .port())
}
