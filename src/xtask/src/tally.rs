//! What the tests said: the result lines of test programs summed, and the skips that the tests declared.
//!
//! A test that cannot run here (no browser, not root) passes and declares itself skipped: it prints
//! `SKIPPED <test name>: <reason>` and, where `ROLLCALL_SKIPS` names a file, appends the same line to it in one write.
//! The file is what counts, because the harness hides what a passing test prints. A skip that
//! `tests/skips-allowed.txt` does not list fails the run on a build server, so that a check cannot vanish unseen.

use std::collections::{BTreeMap, BTreeSet};

/// The environment variable that names the file of declared skips.
pub(crate) const SKIPS_VARIABLE: &str = "ROLLCALL_SKIPS";

/// The sums over all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// As the harness counts: a skipped test is in here too.
    passed: u64,
    failed: u64,
    /// Names of tests that failed and of tests marked `#[ignore]`.
    failed_names: Vec<String>,
    ignored_names: Vec<String>,
    /// By test name, the reason.
    skipped: BTreeMap<String, String>,
}

impl Tally {
    /// Takes in one line of a test program's standard output.
    pub(crate) fn read_line(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count_before(counts, " passed");
            self.failed += count_before(counts, " failed");
        } else if let Some((name, outcome)) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.rsplit_once(" ... "))
        {
            if outcome == "FAILED" {
                self.failed_names.push(name.to_owned());
            } else if outcome.starts_with("ignored") {
                self.ignored_names.push(name.to_owned());
            }
        }
    }

    /// Takes in the file of declared skips. A test that declares itself twice counts once.
    pub(crate) fn read_skips(&mut self, file: &str) {
        for (name, reason) in file
            .lines()
            .filter_map(|line| line.strip_prefix("SKIPPED "))
            .map(split_skip)
        {
            self.skipped.insert(name.to_owned(), reason.to_owned());
        }
    }

    /// How many tests ran, well or not.
    pub(crate) fn counted(&self) -> u64 {
        self.passed + self.failed
    }

    /// Whether any test failed.
    pub(crate) fn has_failures(&self) -> bool {
        self.failed > 0
    }

    /// Every skip and every ignored test that `allowed` does not list.
    pub(crate) fn skips_not_allowed(&self, allowed: &BTreeSet<String>) -> Vec<&str> {
        self.skipped
            .keys()
            .chain(&self.ignored_names)
            .filter(|name| !allowed.contains(*name))
            .map(String::as_str)
            .collect()
    }

    /// The failed and the skipped tests, one a line.
    pub(crate) fn details(&self) -> String {
        let mut lines = String::new();
        for name in &self.failed_names {
            lines.push_str(&format!("FAILED  {name}\n"));
        }
        for (name, reason) in &self.skipped {
            lines.push_str(&format!("SKIPPED {name}: {reason}\n"));
        }
        for name in &self.ignored_names {
            lines.push_str(&format!("SKIPPED {name}: marked #[ignore]\n"));
        }
        lines
    }

    /// `N passed, N failed, N skipped`. A skipped test is not among the passed.
    pub(crate) fn summary(&self) -> String {
        let declared = self.skipped.len() as u64;
        format!(
            "{} passed, {} failed, {} skipped",
            self.passed.saturating_sub(declared),
            self.failed,
            declared + self.ignored_names.len() as u64
        )
    }
}

/// The names in `tests/skips-allowed.txt`: one a line, `#` begins a comment.
pub(crate) fn allowed_skips(file: &str) -> BTreeSet<String> {
    file.lines()
        .map(|line| {
            line.split_once('#')
                .map_or(line, |(before, _)| before)
                .trim()
        })
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The name ends at the first colon and space; a path such as `screen::fits` has colons without.
fn split_skip(declared: &str) -> (&str, &str) {
    declared
        .split_once(": ")
        .map_or((declared.trim(), "no reason given"), |(name, reason)| {
            (name.trim(), reason.trim())
        })
}

fn count_before(counts: &str, word: &str) -> u64 {
    counts
        .split_once(word)
        .and_then(|(before, _)| before.rsplit(' ').next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(output: &str, skips: &str) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read_line(line));
        tally.read_skips(skips);
        tally
    }

    #[test]
    fn result_lines_are_summed_over_programs() {
        let output = "\
running 2 tests
test a::one ... ok
test a::two ... FAILED
test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 40 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.20s
";
        let tally = tally(output, "");
        assert_eq!(tally.summary(), "41 passed, 1 failed, 0 skipped");
        assert_eq!(tally.counted(), 42);
        assert_eq!(tally.details(), "FAILED  a::two\n");
        assert!(tally.has_failures());
    }

    #[test]
    fn a_declared_skip_is_skipped_and_not_passed() {
        let tally = tally(
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0s",
            "SKIPPED screen::fits: no chromium: not on PATH\nSKIPPED screen::fits: no chromium\nnoise\n",
        );
        assert_eq!(tally.summary(), "2 passed, 0 failed, 1 skipped");
        assert_eq!(tally.details(), "SKIPPED screen::fits: no chromium\n");
    }

    #[test]
    fn an_unlisted_skip_and_an_ignored_test_are_found() {
        let tally = tally(
            "test slow ... ignored, takes long\n",
            "SKIPPED a: x\nSKIPPED b: y\n",
        );
        let allowed = allowed_skips("# why\na  # needs root\n\n");
        assert_eq!(tally.skips_not_allowed(&allowed), ["b", "slow"]);
        assert_eq!(tally.summary(), "0 passed, 0 failed, 3 skipped");
    }

    #[test]
    fn a_line_that_only_looks_like_a_result_adds_nothing() {
        let tally = tally(
            "test result: unclear\n  test result: ok. 5 passed; 0 failed\n",
            "",
        );
        assert_eq!(tally.summary(), "0 passed, 0 failed, 0 skipped");
    }
}
