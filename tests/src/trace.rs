//! System calls judged: was each answer said only after what it answers was on the disk?
//!
//! Reads what `strace -f -y -s <long> -o <file>` writes. For each line of feedback that names a badge and an entry, some write to the
//! write-ahead log must have held that badge's digest, a sync of that log must have succeeded after that write, and nothing written to the log
//! may still wait for one when the line is said.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// What tells a write-ahead log among files.
const WAL: &str = "journal.sqlite-wal>";
/// The longest data that a trace must show: a page of the database and more.
const STRING_BYTES: &str = "8192";

/// What came of judging a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Lines of feedback that named an entry.
    pub said: usize,
    /// Successful syncs of the write-ahead log.
    pub syncs: usize,
    /// What was said too early, each with the reason.
    pub faults: Vec<String>,
}

/// Whether this machine can trace at all: `strace` is there and may trace a child.
pub fn can_trace() -> bool {
    let traced = Command::new("strace")
        .args(["-f", "-y", "-o", "/dev/null", "true"])
        .output();
    traced.is_ok_and(|output| output.status.success())
}

/// The command that runs another one and writes its system calls to a file.
pub fn tracing(out: &Path, command: &Command) -> Command {
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-y", "-q", "-s", STRING_BYTES])
        .args([
            "-e",
            "trace=write,writev,pwrite64,pwritev,fsync,fdatasync,openat",
        ])
        .args(["-e", "signal=none", "-o"])
        .arg(out)
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            traced.env(name, value);
        }
    }
    traced
}

/// Judges a trace.
pub fn judge(trace: &str) -> Judged {
    let mut judge = Judge::default();
    let mut begun: HashMap<&str, (usize, &str)> = HashMap::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        if let Some(call) = call.strip_suffix("<unfinished ...>") {
            begun.insert(thread, (judge.begins(call), call));
        } else if call.starts_with("<... ") {
            if let Some((writes, begin)) = begun.remove(thread) {
                judge.ends(begin, writes, call);
            }
        } else {
            let writes = judge.begins(call);
            judge.ends(call, writes, call);
        }
    }
    judge.judged
}

#[derive(Default)]
struct Judge<'a> {
    judged: Judged,
    /// What was written to the log, in order.
    written: Vec<&'a str>,
    /// How many of these a successful sync covers.
    synced: usize,
}

impl<'a> Judge<'a> {
    /// A call begins. Gives how many writes came before it.
    fn begins(&mut self, call: &'a str) -> usize {
        if is_write(call) && on_wal(call) {
            self.written.push(call);
        } else if call.starts_with("write(1<") {
            self.says(call);
        }
        self.written.len()
    }

    /// A call ends: it began as `begin` after so many writes, and `end` has its result.
    fn ends(&mut self, begin: &str, writes: usize, end: &str) {
        let is_sync = begin.starts_with("fsync(") || begin.starts_with("fdatasync(");
        if is_sync && on_wal(begin) && end.trim_end().ends_with("= 0") {
            self.synced = self.synced.max(writes);
            self.judged.syncs += 1;
        }
    }

    fn says(&mut self, call: &str) {
        // One call may carry several lines.
        for line in call
            .split("\\n")
            .filter(|line| line.contains("\\\"verdict\\\":"))
        {
            let Some(badge) = field(line, "badge") else {
                continue;
            };
            if field(line, "entry").is_none() {
                continue;
            }
            self.judged.said += 1;
            let entry = self.written.iter().position(|data| data.contains(badge));
            let fault = match entry {
                None => Some("its entry was never written to the log"),
                Some(at) if at >= self.synced => Some("its entry was not synced"),
                Some(_) if self.written.len() > self.synced => Some("the log had unsynced writes"),
                Some(_) => None,
            };
            if let Some(fault) = fault {
                let shown: String = line.chars().take(200).collect();
                self.judged.faults.push(format!("{fault}: {shown}"));
            }
        }
    }
}

fn is_write(call: &str) -> bool {
    ["pwrite64(", "write(", "pwritev(", "writev("]
        .iter()
        .any(|name| call.starts_with(name))
}

/// Whether a call's first argument is the log.
fn on_wal(call: &str) -> bool {
    let first = call
        .split_once(['"', ',', ')', '['])
        .map_or(call, |(first, _)| first);
    first.trim_end().ends_with(WAL)
}

/// The value of a field of JSON that is shown with escapes; `None` where it is null or absent.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = line.split_once(&format!("\\\"{name}\\\":"))?;
    let value = after.split([',', '}']).next()?;
    let value = value.trim_matches(['\\', '"']);
    (value != "null").then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: &str =
        r#"7 pwrite64(9</d/journal.sqlite-wal>, "..{\"digest\":\"abcdef0123\"}", 4096, 32) = 4096"#;
    const SYNC: &str = "7 fdatasync(9</d/journal.sqlite-wal>) = 0";
    const SAY: &str = r#"7 write(1<pipe:[5]>, "{\"verdict\":\"checked_in\",\"entry\":3,\"reader\":\"a\",\"badge\":\"abcdef01\",\"text\":\"In\"}\n", 80) = 80"#;

    fn check(lines: &[&str], said: usize, faults: &[&str]) {
        let judged = judge(&lines.join("\n"));
        assert_eq!(judged.said, said, "{judged:?}");
        assert_eq!(judged.faults.len(), faults.len(), "{judged:?}");
        for (found, wanted) in judged.faults.iter().zip(faults) {
            assert!(found.starts_with(wanted), "{found}");
        }
    }

    #[test]
    fn what_is_said_too_early_is_seen() {
        let other = r#"7 pwrite64(9</d/journal.sqlite-wal>, "other", 5, 0) = 5"#;
        check(&[WRITE, SYNC, SAY], 1, &[]);
        check(&[WRITE, SAY, SYNC], 1, &["its entry was not synced"]);
        check(&[SYNC, SAY], 1, &["its entry was never written"]);
        check(&[WRITE, SYNC, other, SAY], 1, &["the log had unsynced"]);
        let failed = "7 fdatasync(9</d/journal.sqlite-wal>) = -1 EIO (Input/output error)";
        check(&[WRITE, failed, SAY], 1, &["its entry was not synced"]);
        let elsewhere = "7 fdatasync(8</d/journal.sqlite>) = 0";
        check(&[WRITE, elsewhere, SAY], 1, &["its entry was not synced"]);
    }

    #[test]
    fn calls_of_threads_that_interleave_are_put_together() {
        let begin = "7 fdatasync(9</d/journal.sqlite-wal> <unfinished ...>";
        let end = "7 <... fdatasync resumed>) = 0";
        check(&[WRITE, begin, end, SAY], 1, &[]);
        check(&[WRITE, begin, SAY, end], 1, &["its entry was not synced"]);
        let late = r#"8 pwrite64(9</d/journal.sqlite-wal>, "{\"digest\":\"abcdef0123\"}", 4096, 32) = 4096"#;
        check(&[begin, late, end, SAY], 1, &["its entry was not synced"]);
    }

    #[test]
    fn what_names_no_entry_is_no_answer() {
        let failure = SAY.replace("\\\"entry\\\":3", "\\\"entry\\\":null");
        check(&[&failure], 0, &[]);
        check(&[r#"7 write(1<pipe:[5]>, "hello\n", 6) = 6"#], 0, &[]);
    }
}
