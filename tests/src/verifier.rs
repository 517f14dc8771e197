//! The second verifier: `tests/verifier`, in Go on golang.org/x/mod, built where Go is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::programs;

/// Where Debian puts Go packages.
const GOPATH: &str = "/usr/share/gocode";

/// Where the sources lie.
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("verifier")
}

/// The Go command, set up for the sources and for packages from Debian alone. `scratch` takes its cache.
pub fn go(scratch: &Path) -> Command {
    let mut go = Command::new("go");
    go.current_dir(sources())
        .env("GO111MODULE", "off")
        .env("GOPATH", GOPATH)
        .env("GOFLAGS", "")
        .env("GOCACHE", scratch.join("go-cache"));
    go
}

/// Builds it as `scratch/name`, or says what is missing. Tests that run side by side give different names.
///
/// # Panics
/// Where Go is there and the sources do not build.
pub fn build(scratch: &Path, name: &str) -> Result<PathBuf, String> {
    let version = Command::new("go").arg("version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        return Err("Go is not installed (Debian: golang-go)".to_owned());
    }
    let package = Path::new(GOPATH).join("src/golang.org/x/mod/sumdb/tlog");
    if !package.is_dir() {
        return Err(format!(
            "golang.org/x/mod is not in {GOPATH} (Debian: golang-golang-x-mod-dev)"
        ));
    }
    let program = scratch.join(name);
    let built = go(scratch)
        .args(["build", "-o"])
        .args([program.as_path(), Path::new(".")])
        .output()
        .expect("go starts");
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(
        built.status.success(),
        "the verifier does not build:\n{errors}"
    );
    Ok(program)
}

/// Asserts that it judges an archive as `rollcall verify` did, whose exit code is given. Where Go is missing nothing is
/// asserted: the verifier's own tests say that they were skipped.
///
/// # Panics
/// Where the two disagree.
#[track_caller]
pub fn agrees(archive: &Path, code: Option<i32>) {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let Some(program) = PROGRAM.get_or_init(beside_the_programs) else {
        return;
    };
    let judged = Command::new(program)
        .arg(archive)
        .output()
        .expect("the second verifier starts");
    assert_eq!(
        judged.status.code(),
        code,
        "the second verifier of {}: {}{}",
        archive.display(),
        String::from_utf8_lossy(&judged.stdout),
        String::from_utf8_lossy(&judged.stderr)
    );
}

/// Builds it beside the other programs. Tests that run side by side put the same bytes in one place.
fn beside_the_programs() -> Option<PathBuf> {
    let rollcall = programs::program("rollcall");
    let folder = rollcall.parent().expect("a program lies in a folder");
    let own = build(folder, &format!("second-verifier.{}", std::process::id())).ok()?;
    let shared = folder.join("second-verifier");
    std::fs::rename(own, &shared).expect("a program can be put in place");
    Some(shared)
}
