//! The commands as people run them: what they print, and that text, JSON and exit code agree.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use audit::files::Memory;
use audit::testing::World;
use tempfile::TempDir;

const CODE: &str = "aaaabbbbccccddddeeeeffff22";

fn folder(files: &Memory) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn tarred(files: &Memory, folder: &Path) -> std::path::PathBuf {
    let path = folder.join("archive.tar");
    let mut tar = tar::Builder::new(std::fs::File::create(&path).unwrap());
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(bytes.len()).unwrap());
        header.set_mode(0o644);
        tar.append_data(&mut header, path, bytes.as_slice())
            .unwrap();
    }
    tar.finish().unwrap();
    path
}

fn rollcall(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .args(arguments)
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

#[track_caller]
fn check(arguments: &[&str], code: i32, says: &[&str]) -> String {
    let output = rollcall(arguments);
    let out = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{out}{error}");
    for text in says {
        assert!(
            format!("{out}{error}").contains(text),
            "{text:?} is not in:\n{out}{error}"
        );
    }
    assert!(!error.contains("panicked"), "{error}");
    assert!(!out.contains('\u{1b}'), "colour reached a pipe");
    out
}

fn verdict(json: &str) -> (String, bool) {
    let report: serde_json::Value = serde_json::from_str(json).unwrap();
    assert!(report["checks"].is_array());
    (
        report["verdict"].as_str().unwrap().to_owned(),
        report["broken_at"].is_object(),
    )
}

#[test]
fn a_true_archive_verifies_as_folder_and_as_tar() {
    let files = World::finished().archive();
    let dir = folder(&files);
    let path = dir.path().to_str().unwrap();
    let last = "No errors found in 33 entries. Next: `rollcall why";
    check(&["verify", path], 0, &[last, "the archive itself names"]);
    let json = check(&["verify", path, "--json"], 0, &[]);
    assert_eq!(verdict(&json), ("verified".to_owned(), false));
    let other = tempfile::tempdir().unwrap();
    let tar = tarred(&files, other.path());
    check(
        &["verify", tar.to_str().unwrap(), "--scans"],
        0,
        &[last, "not before: receipt of"],
    );
    let key = World::finished().issuer.public_key().to_base64();
    check(
        &["verify", path, "--issuer-key", &key],
        0,
        &["under the key given"],
    );
}

#[test]
fn a_changed_archive_fails_with_the_place() {
    let mut files = World::finished().archive();
    let entries = files.get_mut("logs/1/entries.ndjson").unwrap();
    let at = entries.windows(5).rposition(|w| w == b"\"out\"").unwrap();
    entries[at + 1] = b'0';
    let dir = folder(&files);
    let path = dir.path().to_str().unwrap();
    check(
        &["verify", path],
        1,
        &["one was changed, dropped or moved", "Next: "],
    );
    let json = check(&["verify", path, "--json"], 1, &[]);
    assert_eq!(verdict(&json), ("failed".to_owned(), true));
    check(&["why", CODE, path], 1, &["does not verify"]);
}

#[test]
fn what_cannot_be_read_or_is_no_archive_has_its_own_codes() {
    check(&["verify", "no-such-archive"], 3, &["no-such-archive"]);
    let json = check(&["verify", "no-such-archive", "--json"], 3, &[]);
    assert_eq!(verdict(&json).0, "partly");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    check(&["verify", path], 4, &["no Rollcall archive"]);
    let json = check(&["verify", path, "--json"], 4, &[]);
    assert_eq!(verdict(&json), ("malformed".to_owned(), true));
    std::fs::write(dir.path().join("archive.json"), "{}").unwrap();
    check(&["verify", path], 4, &["does not read as an archive"]);
    check(&["inspect", path], 4, &["archive.json"]);
    check(&["verify"], 2, &["Usage"]);
    check(&["verify", path, "--issuer-key", "abc"], 2, &["public key"]);
}

#[test]
fn a_kiosks_export_is_checked_in_part() {
    let dir = folder(&World::finished().export(0));
    let path = dir.path().to_str().unwrap();
    check(
        &["verify", path],
        3,
        &["could not be made in full", "no ledger"],
    );
    check(&["inspect", path], 0, &["scan", "Nothing was verified"]);
    check(&["why", CODE, path], 3, &["has no ledger"]);
}

#[test]
fn logs_read_for_people() {
    let dir = folder(&World::finished().archive());
    let path = dir.path().to_str().unwrap();
    check(&["inspect", path], 0, &["ledger", "journal", "--log N"]);
    let text = check(
        &["inspect", path, "--log", "1", "--from", "2", "--to", "3"],
        0,
        &[
            "Europe/Berlin",
            "2 entries shown",
            "witnessed",
            "time from the issuer",
        ],
    );
    assert_eq!(
        text.lines().filter(|l| l.starts_with("      ")).count(),
        2,
        "{text}"
    );
    check(
        &["inspect", path, "--log", "0", "--utc"],
        0,
        &["times in UTC", "a-1 in main: full"],
    );
    check(&["inspect", path, "--log", "7"], 2, &["--log takes 0 to 1"]);
}

#[test]
fn a_certificate_is_explained_on_a_page() {
    let dir = folder(&World::finished().archive());
    let path = dir.path().to_str().unwrap();
    let text = check(
        &["why", CODE, path],
        0,
        &[
            "in force",
            "Sentence  Present 50 min of 50 min",
            "80 % of a session",
            "not before: receipt of 2026-11-23",
            "not after : receipt of 2026-11-23",
        ],
    );
    assert!(text.lines().count() < 60, "{text}");
    let json = check(&["why", CODE, path, "--json"], 0, &[]);
    let page: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(page["chain"]["decision"]["credits"], "1");
    check(&["why", "zzz", path], 1, &["has no certificate"]);
}
