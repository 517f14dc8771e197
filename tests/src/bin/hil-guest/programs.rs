//! Programs that the guest runs for the host.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use crate::wire::{ACKNOWLEDGED, Acknowledge, BLOCK_BYTES, Outcome, SHARED, Said};
use crate::{Host, Tried, said};

/// Where programs are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The programs that were started, by name.
#[derive(Default)]
pub(crate) struct Programs(Mutex<BTreeMap<String, Started>>);

struct Started {
    pid: Pid,
    child: Arc<Mutex<Child>>,
}

fn command(words: &[String]) -> Result<Command, String> {
    let (program, arguments) = words.split_first().ok_or("no program is named")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("PATH", PATH)
        .env("HOME", "/run")
        .stdin(Stdio::null());
    Ok(command)
}

/// Runs a program to its end.
pub(crate) fn run(words: &[String]) -> Tried {
    let output = command(words)?
        .output()
        .map_err(|error| said(&words[0], &error))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Outcome::Ended {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    })
}

impl Programs {
    /// Starts a program and passes on what it prints.
    pub(crate) fn start(
        &self,
        host: Host,
        name: String,
        words: &[String],
        environment: Vec<(String, String)>,
        acknowledge: Option<&Acknowledge>,
    ) -> Tried {
        let log = format!("{SHARED}/{name}.log");
        let log = OpenOptions::new().create(true).append(true).open(&log);
        let log = log.map_err(|error| said(&name, &error))?;
        let mut acknowledge = acknowledge.map(Acknowledged::open).transpose()?;
        let mut child = command(words)?
            .envs(environment)
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log))
            .spawn()
            .map_err(|error| said(&words[0], &error))?;
        let out = child.stdout.take().unwrap();
        let program = name.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some(acknowledge) = &mut acknowledge {
                    acknowledge.one_more();
                }
                let program = program.clone();
                host.say(&Said::Line { program, line });
            }
        });
        let started = Started {
            pid: Pid::from_child(&child),
            child: Arc::new(Mutex::new(child)),
        };
        self.0.lock().unwrap().insert(name, started);
        Ok(Outcome::Done)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str, signal: i32) -> Tried {
        let programs = self.0.lock().unwrap();
        let started = programs.get(name).ok_or("no such program")?;
        let signal = Signal::from_named_raw(signal).ok_or("no such signal")?;
        kill_process(started.pid, signal)
            .map(|()| Outcome::Done)
            .map_err(|error| said(name, &error))
    }

    /// Waits until a program has ended.
    pub(crate) fn await_end(&self, name: &str) -> Tried {
        let child = {
            let programs = self.0.lock().unwrap();
            Arc::clone(&programs.get(name).ok_or("no such program")?.child)
        };
        let status = child.lock().unwrap().wait();
        let status = status.map_err(|error| said(name, &error))?;
        Ok(Outcome::Ended {
            code: status.code(),
            out: String::new(),
            err: String::new(),
        })
    }
}

/// A number on a device, written past every cache.
struct Acknowledged {
    file: File,
    offset: u64,
    count: u32,
    buffer: Vec<u8>,
}

impl Acknowledged {
    fn open(place: &Acknowledge) -> Result<Self, String> {
        let direct = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).unwrap();
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(direct)
            .open(&place.device)
            .map_err(|error| said(&place.device, &error))?;
        Ok(Self {
            file,
            offset: place.offset,
            count: 0,
            // Such writes want their bytes at a multiple of the block, which is somewhere in twice as many.
            buffer: vec![0; 2 * BLOCK_BYTES],
        })
    }

    fn one_more(&mut self) {
        self.count += 1;
        let from = self.buffer.as_ptr().align_offset(BLOCK_BYTES);
        let block = &mut self.buffer[from..from + BLOCK_BYTES];
        block.fill(0);
        let text = [ACKNOWLEDGED, self.count.to_string().as_bytes()].concat();
        block[..text.len()].copy_from_slice(&text);
        self.file.write_all_at(block, self.offset).unwrap();
    }
}
