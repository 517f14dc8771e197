//! A folder to work in, and the real program. Each test uses a part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub(crate) const ISSUER: &str = "ce.example.org";
pub(crate) const PASSWORD: &str = "correct horse battery\n";

/// A folder with a configuration, and the program.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    #[track_caller]
    pub(crate) fn check(self, code: i32, words: &[&str]) -> Self {
        let all = format!("{}\n{}", self.out, self.err);
        assert_eq!(self.code, code, "{all}");
        for word in words {
            assert!(all.contains(word), "{word:?} is not in:\n{all}");
        }
        for noise in ["panicked", "RUST_BACKTRACE", "Error {"] {
            assert!(!all.contains(noise), "{all}");
        }
        self
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        desk.configure(ISSUER, "");
        desk
    }

    /// A desk whose event has doors, people and rules.
    pub(crate) fn with_event() -> Self {
        let desk = Self::new();
        desk.good(&["migrate"]);
        desk.event();
        desk
    }

    pub(crate) fn event(&self) {
        self.good(&[
            "event",
            "create",
            "--id",
            "gp-2026",
            "--title",
            "Good Practice 2026",
            "--zone",
            "Europe/Vienna",
        ]);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub(crate) fn configure(&self, issuer: &str, more: &str) {
        let text = format!(
            "data_dir = \"{}\"\nissuer = \"{issuer}\"\n{more}",
            self.path("data").display()
        );
        self.write("issuer.toml", &text);
    }

    /// Starts a command and lets it run.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_rollcall-issuer"))
            .arg("--config")
            .arg(self.path("issuer.toml"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut child = self.start(arguments);
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "")
    }

    #[track_caller]
    pub(crate) fn good(&self, arguments: &[&str]) -> Said {
        self.run(arguments).check(0, &[])
    }

    #[track_caller]
    pub(crate) fn refuses(&self, arguments: &[&str], code: i32, words: &[&str]) -> Said {
        self.run(arguments).check(code, words)
    }

    pub(crate) fn import(&self, what: &str, name: &str, text: &str, more: &[&str]) -> Said {
        let file = self.write(name, text);
        let mut arguments = vec!["import", what, "--event", "gp-2026", "--file", &file];
        arguments.extend(more);
        self.run(&arguments)
    }
}

pub(crate) fn unpack(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(fs::File::open(path).unwrap());
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        assert!(
            files.insert(name.clone(), bytes).is_none(),
            "{name} is there twice"
        );
    }
    files
}
