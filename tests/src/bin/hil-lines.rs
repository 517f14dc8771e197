//! What the tests on virtual hardware do at the far end of simulated GPIO lines, in the guest.
//!
//! `hil-lines contract <chip> <folder>` holds the kiosk's way to a chip's lines to their contract. `hil-lines watch <folder> <line>…` prints
//! `<line> <0 or 1>` for each line now and whenever it changes. The folder is that of `gpio-sim` in sysfs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a part of the tests, not a program that is shipped"
)]

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use kiosk::gpio::contract::{self, Bench};
use kiosk::gpio::{Fault, Line, Pins, chardev};

/// How often lines are looked at: a beep is some ten times as long.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// More lines than a simulated chip of the tests has.
const MISSING: u32 = 200;

struct Simulated {
    chip: String,
    folder: PathBuf,
}

impl Simulated {
    fn file(&self, line: u32, name: &str) -> PathBuf {
        self.folder.join(format!("sim_gpio{line}")).join(name)
    }

    fn value(&self, line: u32) -> bool {
        let value = std::fs::read_to_string(self.file(line, "value")).unwrap();
        value.trim() == "1"
    }
}

impl Bench for Simulated {
    fn open(&self, lines: &[Line]) -> Result<Box<dyn Pins>, Fault> {
        chardev::open(&self.chip, lines)
    }

    fn is_high(&self, line: u32) -> bool {
        self.value(line)
    }

    fn drive(&self, line: u32, high: bool) {
        let pull = if high { "pull-up" } else { "pull-down" };
        std::fs::write(self.file(line, "pull"), pull).unwrap();
    }

    fn missing_line(&self) -> u32 {
        MISSING
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["contract", chip, folder] => {
            let bench = Simulated {
                chip: (*chip).to_owned(),
                folder: PathBuf::from(folder),
            };
            contract::run(&bench).unwrap();
        }
        ["watch", folder, lines @ ..] => {
            let bench = Simulated {
                chip: String::new(),
                folder: PathBuf::from(folder),
            };
            let lines: Vec<u32> = lines.iter().map(|line| line.parse().unwrap()).collect();
            watch(&bench, &lines);
        }
        _ => panic!("hil-lines contract <chip> <folder> | watch <folder> <line>…"),
    }
}

fn watch(bench: &Simulated, lines: &[u32]) {
    let mut seen: Vec<Option<bool>> = vec![None; lines.len()];
    let mut out = std::io::stdout();
    loop {
        for (line, seen) in lines.iter().zip(&mut seen) {
            let value = bench.value(*line);
            if *seen != Some(value) {
                *seen = Some(value);
                writeln!(out, "{line} {}", u8::from(value)).unwrap();
                out.flush().unwrap();
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
