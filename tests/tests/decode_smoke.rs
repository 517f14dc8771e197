//! The bench of the decoders counts what it promises to count, over a folder of pictures made here.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use rollcall_tests::programs::run;
use serde_json::{Value, json};
use vision::Format;
use vision::testing::{Picture, square};

fn bench() -> Command {
    Command::new(env!("CARGO_BIN_EXE_decode"))
}

/// Writes a picture and its line of the manifest.
fn add(folder: &Path, manifest: &mut String, name: &str, picture: &Picture, label: (&str, &str)) {
    let mut bytes = format!("P5\n{} {}\n255\n", picture.width, picture.height).into_bytes();
    bytes.extend(&picture.pixels);
    std::fs::write(folder.join(name), bytes).unwrap();
    let (format, text) = label;
    let line = json!({ "file": name, "format": format, "set": "made", "expected": [text] });
    manifest.push_str(&format!("{line}\n"));
}

#[test]
fn hits_false_decodes_and_times_are_counted_by_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = String::new();
    let code = Picture::code(Format::Qr, "BADGE", 6).unwrap();
    let desk = Picture::clutter(640, 480, 3);
    let held = desk
        .clone()
        .with(&code, square((300.0, 240.0), 120.0, 10.0, 0.1));
    let mut add = |name: &str, picture: &Picture, label| {
        add(folder.path(), &mut manifest, name, picture, label);
    };
    add("hit.pgm", &held, ("QR", "BADGE"));
    add("other.pgm", &held, ("QR", "ANOTHER"));
    add("none.pgm", &desk, ("NONE", ""));
    std::fs::write(folder.path().join("manifest.jsonl"), &manifest).unwrap();
    let said = run(bench().arg("--images").arg(folder.path()).arg("--json"), "");
    let rows: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let row = |format: &str| {
        rows.iter()
            .find(|row| row["format"] == format && row["set"] == "made")
            .unwrap()
    };
    let qr = row("QR");
    assert_eq!(qr["photographs"], 2);
    assert_eq!(qr["cascade"]["hits_five_frames"], 1);
    assert_eq!(qr["cascade"]["hits_one_frame"], 1);
    assert_eq!(qr["cascade"]["another_text"], 1, "read, and on no list");
    assert_eq!(qr["zxing_cpp"]["hits"], 1);
    assert!(qr["cascade"]["frame"]["mean_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(row("NONE")["cascade"]["another_text"], 0);
    assert_eq!(
        said.code,
        Some(1),
        "half of the codes were not read: {said:?}"
    );
}

#[test]
fn films_of_photographs_say_when_each_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let code = Picture::code(Format::Qr, "BADGE", 8).unwrap();
    let held = Picture::blank(640, 360, 90).with(&code, square((320.0, 180.0), 120.0, 0.0, 0.0));
    std::fs::write(folder.path().join("held.jpg"), held.jpeg()).unwrap();
    let mut manifest = String::new();
    for (file, text) in [("held.jpg", "BADGE"), ("held.jpg", "ANOTHER")] {
        let line = json!({ "file": file, "format": "QR", "expected": [text] });
        manifest.push_str(&format!("{line}\n"));
    }
    std::fs::write(folder.path().join("manifest.jsonl"), manifest).unwrap();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_camera"));
    bench.args(["--films", "0", "--images"]).arg(folder.path());
    let said = run(&mut bench, "");
    let row = said
        .out
        .lines()
        .find(|line| line.starts_with("photographs"));
    let row: Vec<&str> = row.unwrap().split_ascii_whitespace().collect();
    // Films; of the cascade: never read, and false ones; of zxing-cpp: never read.
    assert_eq!(
        (row[1], row[3], row[7], row[9]),
        ("2", "1", "1", "1"),
        "{said:?}"
    );
    assert!(
        said.out.contains("fewer never read: missed"),
        "as many: {said:?}"
    );
    assert_eq!(said.code, Some(1));
}

#[test]
fn a_folder_without_manifest_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(bench().arg("--images").arg(folder.path()), "");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("manifest.jsonl"), "{said:?}");
}
