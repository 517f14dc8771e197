//! The test programs of a build: which there are, from what cargo says of its build, and how long each took.
//!
//! Each is run by itself, in its package's folder as `cargo test` does it, so that its time is its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

/// One test program.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TestProgram {
    /// Its source file, from the checkout's root: `tests/tests/sim.rs`.
    pub(crate) name: String,
    /// The program.
    pub(crate) executable: PathBuf,
    /// Its package's folder, in which it expects to be started.
    pub(crate) folder: PathBuf,
}

/// The test programs among what `cargo build --tests --message-format=json` wrote, by name, each once.
pub(crate) fn of_build(messages: &str, root: &Path) -> Vec<TestProgram> {
    let lines = messages.lines();
    let mut found: Vec<TestProgram> = lines.filter_map(|line| of_message(line, root)).collect();
    found.sort();
    found.dedup();
    found
}

fn of_message(line: &str, root: &Path) -> Option<TestProgram> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_test = message["reason"] == "compiler-artifact" && message["profile"]["test"] == true;
    if !is_test {
        return None;
    }
    let source = Path::new(message["target"]["src_path"].as_str()?);
    Some(TestProgram {
        name: source
            .strip_prefix(root)
            .unwrap_or(source)
            .display()
            .to_string(),
        executable: message["executable"].as_str()?.into(),
        folder: Path::new(message["manifest_path"].as_str()?)
            .parent()?
            .to_owned(),
    })
}

/// How a test program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its name, as of [`TestProgram::name`].
    pub(crate) name: String,
    /// How many tests it ran.
    pub(crate) tests: u64,
    /// How long it took, its start and end included.
    pub(crate) took: Duration,
    /// Whether it ended well.
    pub(crate) is_good: bool,
}

/// One line a test program, the slowest first; those without tests are left out unless they failed.
pub(crate) fn table(ran: &[Ran]) -> String {
    let mut rows: Vec<&Ran> = ran.iter().filter(|r| r.tests > 0 || !r.is_good).collect();
    rows.sort_by_key(|r| std::cmp::Reverse(r.took));
    let row = |r: &Ran| {
        let mark = if r.is_good { "" } else { "  FAILED" };
        let seconds = r.took.as_secs_f64();
        format!("{seconds:>7.1} s {:>5} tests  {}{mark}\n", r.tests, r.name)
    };
    rows.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_are_found_among_what_cargo_says_each_once() {
        let artifact = |source: &str, folder: &str, is_test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/w/{folder}/Cargo.toml","target":{{"src_path":"{source}"}},"profile":{{"test":{is_test}}},"executable":{executable}}}"#
            )
        };
        let messages = [
            artifact(
                "/w/tests/tests/sim.rs",
                "tests",
                true,
                "\"/w/target/sim-1\"",
            ),
            artifact(
                "/w/src/cli/src/main.rs",
                "src/cli",
                false,
                "\"/w/target/rollcall\"",
            ),
            artifact("/registry/serde/src/lib.rs", "serde", false, "null"),
            artifact(
                "/w/src/cli/src/main.rs",
                "src/cli",
                true,
                "\"/w/target/rollcall-2\"",
            ),
            artifact(
                "/w/tests/tests/sim.rs",
                "tests",
                true,
                "\"/w/target/sim-1\"",
            ),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
            "no JSON".to_owned(),
        ];
        let program = |name: &str, executable: &str, folder: &str| TestProgram {
            name: name.to_owned(),
            executable: executable.into(),
            folder: folder.into(),
        };
        assert_eq!(
            of_build(&messages.join("\n"), Path::new("/w")),
            [
                program("src/cli/src/main.rs", "/w/target/rollcall-2", "/w/src/cli"),
                program("tests/tests/sim.rs", "/w/target/sim-1", "/w/tests"),
            ]
        );
    }

    #[test]
    fn the_slowest_stands_first_and_what_had_no_tests_is_left_out() {
        let ran = |name: &str, tests, ms, is_good| Ran {
            name: name.to_owned(),
            tests,
            took: Duration::from_millis(ms),
            is_good,
        };
        let all = [
            ran("quick", 40, 51, true),
            ran("empty", 0, 900, true),
            ran("slow", 3, 61_250, true),
            ran("crashed", 0, 400, false),
        ];
        assert_eq!(
            table(&all),
            "   61.2 s     3 tests  slow\n    0.4 s     0 tests  crashed  FAILED\n    0.1 s    40 tests  quick\n"
        );
    }
}
