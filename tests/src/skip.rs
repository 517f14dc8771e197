//! How a test says that it cannot run on this machine.
//!
//! It calls [`skip`] and returns: the test passes, and the run's last line counts it as skipped. Tests of other crates
//! do the same by hand: print `SKIPPED <test name>: <reason>` and, where the environment names a file in
//! `ROLLCALL_SKIPS`, append that line to it in one write. The file is what `cargo xtask test` counts.
//!
//! A skip not listed in `tests/skips-allowed.txt` fails the run on a build server.

use std::fs::OpenOptions;
use std::io::Write;

/// Declares the running test skipped. `test` is its path as the harness prints it, without spaces; `reason` is one
/// line on what is missing and how to get it.
///
/// # Panics
/// Where the file named by `ROLLCALL_SKIPS` cannot be written: the skip would go unseen.
pub fn skip(test: &str, reason: &str) {
    let line = format!("SKIPPED {test}: {reason}\n");
    print!("{line}");
    let Some(path) = std::env::var_os("ROLLCALL_SKIPS") else {
        return;
    };
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .expect("the file named by ROLLCALL_SKIPS takes the declared skip");
}
