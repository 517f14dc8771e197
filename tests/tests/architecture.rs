//! The shape of the house: which crate may know which, what stays pure, where SQL and `unsafe` may stand.
//!
//! The compiler holds the walls between crates; this test holds the plan of the walls. It reads the manifests through
//! cargo and the sources as text, and needs no network.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each crate and those of ours that it may depend on, in any way: to build, to run or to be tested.
const ARROWS: [(&str, &[&str]); 10] = [
    ("attendance", &[]),
    ("evidence", &[]),
    ("protocol", &["attendance", "evidence"]),
    ("audit", &["attendance", "evidence", "protocol"]),
    ("vision", &[]),
    ("kiosk", &["attendance", "evidence", "protocol", "vision"]),
    ("issuer", &["attendance", "evidence", "protocol", "audit"]),
    ("cli", &["attendance", "evidence", "protocol", "audit"]),
    ("xtask", &[]),
    (
        "rollcall-tests",
        &[
            "attendance",
            "evidence",
            "protocol",
            "audit",
            "kiosk",
            "issuer",
            "vision",
        ],
    ),
];

/// The crates that touch no file, socket, clock or randomness.
const PURE: [&str; 5] = ["attendance", "evidence", "protocol", "audit", "vision"];

/// What a pure crate names in no manifest: runtimes, sockets, databases, devices, randomness, clocks.
const NOT_NAMED_BY_PURE: [&str; 22] = [
    "axum",
    "csv",
    "fs2",
    "futures-util",
    "getrandom",
    "hidapi",
    "hyper",
    "libc",
    "mio",
    "rand",
    "rand_core",
    "refinery",
    "reqwest",
    "rusqlite",
    "rustix",
    "rustls",
    "serialport",
    "socket2",
    "tar",
    "tempfile",
    "tokio",
    "tracing-subscriber",
];

/// What a pure crate also does not link through others.
const NOT_LINKED_BY_PURE: [&str; 10] = [
    "axum",
    "getrandom",
    "hyper",
    "mio",
    "reqwest",
    "rusqlite",
    "rustls",
    "serialport",
    "socket2",
    "tokio",
];

/// What the auditor's tool does not link: it builds with no C++ compiler, camera or server library.
const NOT_LINKED_BY_CLI: [&str; 13] = [
    "axum",
    "hidapi",
    "hyper",
    "issuer",
    "kiosk",
    "libsqlite3-sys",
    "reqwest",
    "rusqlite",
    "rustls",
    "serialport",
    "tokio",
    "vision",
    "zxing-cpp",
];

/// Where SQL may stand: each a folder, or a file of that name.
const SQL_HOMES: [&str; 2] = ["src/issuer/src/store", "src/kiosk/src/journal"];

/// The one file that calls the kernel.
const UNSAFE_HOME: &str = "src/kiosk/src/kernel.rs";

/// What stands at the top level beside dotfiles.
const TOP_LEVEL: [&str; 13] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "config",
    "deny.toml",
    "firmware-notes",
    "rust-toolchain.toml",
    "src",
    "systemd",
    "tests",
];

#[test]
fn crates_depend_only_along_the_arrows() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let manifests = manifests();
    let named: BTreeSet<&str> = manifests.keys().map(String::as_str).collect();
    assert_eq!(
        named,
        arrows.keys().copied().collect(),
        "a crate was added or removed without its arrows"
    );
    let wrong: Vec<String> = manifests
        .iter()
        .flat_map(|(from, dependencies)| {
            dependencies
                .iter()
                .map(move |to| (from.as_str(), to.as_str()))
        })
        .filter(|(from, to)| arrows.contains_key(to) && !arrows[from].contains(to))
        .map(|(from, to)| format!("{from} -> {to}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "these dependencies break the walls: {wrong:?}"
    );
}

#[test]
fn pure_crates_name_nothing_that_reaches_the_world() {
    let manifests = manifests();
    for pure in PURE {
        let named = among(&manifests[pure], &NOT_NAMED_BY_PURE);
        assert!(
            named.is_empty(),
            "{pure} is pure and must not depend on {named:?}"
        );
    }
}

#[test]
fn pure_crates_link_nothing_that_reaches_the_world() {
    for pure in PURE {
        let linked = linked_by(pure);
        let linked = among(&linked, &NOT_LINKED_BY_PURE);
        assert!(
            linked.is_empty(),
            "{pure} is pure and must not link {linked:?}; see `cargo tree -p {pure} -i <name>`"
        );
    }
}

#[test]
fn the_auditors_tool_links_no_server_device_or_database() {
    let linked = linked_by("cli");
    let linked = among(&linked, &NOT_LINKED_BY_CLI);
    assert!(
        linked.is_empty(),
        "cli must not link {linked:?}; see `cargo tree -p cli -i <name>`"
    );
}

#[test]
fn pure_crates_ban_clocks_in_their_clippy_toml() {
    for pure in PURE {
        let path = root().join("src").join(pure).join("clippy.toml");
        let text = fs::read_to_string(&path).unwrap_or_default();
        for clock in ["std::time::SystemTime::now", "std::time::Instant::now"] {
            let banned = text
                .lines()
                .any(|line| !line.trim_start().starts_with('#') && line.contains(clock));
            assert!(
                banned,
                "{} does not list {clock} under disallowed-methods",
                path.display()
            );
        }
    }
}

#[test]
fn sql_stands_only_in_the_store_and_the_journal() {
    let mut wrong = Vec::new();
    for (path, name) in sources() {
        let home = SQL_HOMES
            .iter()
            .any(|home| name.starts_with(&format!("{home}/")) || name == format!("{home}.rs"));
        if home {
            continue;
        }
        if name.ends_with(".sql") {
            wrong.push(name);
        } else if name.ends_with(".rs") {
            let parts = split_source(&fs::read_to_string(path).unwrap());
            let found = parts.literals.iter().filter(|(_, text)| is_sql(text));
            wrong.extend(found.map(|(line, text)| format!("{name}:{line}: {}", first_line(text))));
        }
    }
    assert!(
        wrong.is_empty(),
        "SQL outside {SQL_HOMES:?}:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn unsafe_stands_only_in_the_kernel_module() {
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(|(_, name)| name.ends_with(".rs") && name != UNSAFE_HOME)
        .flat_map(|(path, name)| {
            let code = split_source(&fs::read_to_string(path).unwrap()).code;
            lines_with_word(&code, "unsafe")
                .into_iter()
                .map(|line| format!("{name}:{line}"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "`unsafe` outside {UNSAFE_HOME}: {wrong:?}"
    );
}

#[test]
fn the_top_level_is_the_agreed_one() {
    let agreed: BTreeSet<&str> = TOP_LEVEL.into_iter().collect();
    let strange: BTreeSet<String> = top_level_names()
        .into_iter()
        .filter(|name| !name.starts_with('.') && !agreed.contains(name.as_str()))
        .collect();
    assert!(
        strange.is_empty(),
        "the top level has no place for {strange:?}"
    );
}

// The guards above read source text, so how they read it is tested as well.

#[test]
fn literals_and_code_are_told_apart() {
    let check = |source: &str, code: &str, literals: &[&str]| {
        let parts = split_source(source);
        assert_eq!(
            parts.code.split_whitespace().collect::<Vec<_>>().join(" "),
            code,
            "code of {source}"
        );
        let found: Vec<&str> = parts
            .literals
            .iter()
            .map(|(_, text)| text.as_str())
            .collect();
        assert_eq!(found, literals, "literals of {source}");
    };
    check(r#"a("b") // "c""#, r#"a("")"#, &["b"]);
    check(r#"x /* "a" /* unsafe */ */ y"#, "x y", &[]);
    check(
        r##"f(r#"a "b" c"#, br"d", b"e\"f")"##,
        r#"f("", "", b"")"#,
        &[r#"a "b" c"#, "d", r#"e\"f"#],
    );
    check(
        r#"'"' "a" '\'' "b" '\\' "c""#,
        r#"' ' "" ' ' "" ' ' """#,
        &["a", "b", "c"],
    );
    check(
        r#"fn f<'a>(x: &'a str) { "b" }"#,
        r#"fn f<'a>(x: &'a str) { "" }"#,
        &["b"],
    );
    check(r##"r#type bar"x""##, r##"r#type bar"""##, &["x"]);
    assert_eq!(
        split_source("\n\"a\nb\"\n\"c\"").literals,
        [(2, "a\nb".to_owned()), (4, "c".to_owned())]
    );
}

#[test]
fn sql_is_known_from_prose_and_methods() {
    for sql in [
        "SELECT 1",
        "\n    select id\n from scan",
        "insert into scan values (?)",
        "INSERT OR IGNORE INTO scan VALUES (?)",
        "UPDATE scan SET a = 1",
        "with x as (SELECT 1)",
        "DELETE FROM scan",
        "CREATE TABLE scan (a)",
        "create unique index i on scan (a)",
        "PRAGMA user_version",
    ] {
        assert!(is_sql(sql), "not known as SQL: {sql}");
    }
    for prose in [
        "DELETE",
        "GET, POST, DELETE, UPDATE",
        "Select a session from the list.",
        "Create a table of sessions",
        "update the roster",
        "The scan was deleted from the list",
        "SELECTED",
    ] {
        assert!(!is_sql(prose), "taken for SQL: {prose}");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Each of our crates with the names of all it depends on: normal, build and development.
fn manifests() -> BTreeMap<String, BTreeSet<String>> {
    let output = cargo(&["metadata", "--no-deps", "--offline", "--format-version=1"]);
    let metadata: serde_json::Value = serde_json::from_str(&output).unwrap();
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            (name(package), dependencies.iter().map(name).collect())
        })
        .collect()
}

/// Every crate that ends up in a program with this one.
fn linked_by(name: &str) -> BTreeSet<String> {
    let arguments = [
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--locked",
        "--offline",
    ];
    cargo(&[&["tree", "--package", name][..], &arguments].concat())
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|linked| *linked != name)
        .map(str::to_owned)
        .collect()
}

fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn among<'a>(names: &'a BTreeSet<String>, forbidden: &[&str]) -> Vec<&'a str> {
    names
        .iter()
        .map(String::as_str)
        .filter(|name| forbidden.contains(name))
        .collect()
}

/// Every file under `src`, with its path from the root.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // A crate built on its own leaves a `target` beside its sources.
                if path.file_name().is_some_and(|name| name != "target") {
                    folders.push(path);
                }
            } else {
                let name = path
                    .strip_prefix(root())
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                found.push((path, name));
            }
        }
    }
    assert!(found.len() >= ARROWS.len(), "the sources were not found");
    found
}

/// What git tracks at the top level; where there is no git, what lies there beside the builds.
fn top_level_names() -> BTreeSet<String> {
    let tracked = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output();
    let names: BTreeSet<String> = tracked
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
        .split('\0')
        .filter_map(|path| path.split('/').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if !names.is_empty() {
        return names;
    }
    fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != "target")
        .collect()
}

/// A Rust source taken apart.
struct Parts {
    /// The source without comments and with every literal emptied; lines keep their numbers.
    code: String,
    /// Each string literal as written, with the line it starts on.
    literals: Vec<(usize, String)>,
}

/// What a source continues with, and its length in characters.
enum Piece {
    Comment(usize),
    /// A string literal, with where its text begins and ends.
    Literal(usize, usize, usize),
    Character(usize),
    Code,
}

fn split_source(source: &str) -> Parts {
    let chars: Vec<char> = source.chars().collect();
    let mut parts = Parts {
        code: String::new(),
        literals: Vec::new(),
    };
    let mut at = 0;
    let mut line = 1;
    while at < chars.len() {
        let after_word = at > 0 && is_word(chars[at - 1]);
        let length = match next_piece(&chars[at..], after_word) {
            Piece::Comment(length) => length,
            Piece::Literal(begin, end, length) => {
                parts
                    .literals
                    .push((line, chars[at + begin..at + end].iter().collect()));
                parts.code.push_str("\"\"");
                length
            }
            Piece::Character(length) => {
                parts.code.push_str("' '");
                length
            }
            Piece::Code => {
                parts.code.push(chars[at]);
                1
            }
        };
        let end = (at + length).min(chars.len());
        let lines = chars[at..end].iter().filter(|c| **c == '\n').count();
        if length > 1 {
            parts.code.extend(std::iter::repeat_n('\n', lines));
        }
        line += lines;
        at = end;
    }
    parts
}

fn next_piece(rest: &[char], after_word: bool) -> Piece {
    let is = |at: usize, wanted: char| rest.get(at) == Some(&wanted);
    let raw_hashes = if after_word {
        None
    } else {
        raw_string_hashes(rest)
    };
    if let Some((begin, hashes)) = raw_hashes {
        let end = find(rest, begin, |tail| {
            tail[0] == '"' && tail[1..].iter().take_while(|c| **c == '#').count() >= hashes
        });
        return Piece::Literal(begin, end, end + 1 + hashes);
    }
    if is(0, '/') && is(1, '/') {
        return Piece::Comment(find(rest, 2, |tail| tail[0] == '\n'));
    }
    if is(0, '/') && is(1, '*') {
        return Piece::Comment(block_comment_length(rest));
    }
    if is(0, '"') {
        let mut end = 1;
        while end < rest.len() && rest[end] != '"' {
            end += if rest[end] == '\\' { 2 } else { 1 };
        }
        return Piece::Literal(1, end.min(rest.len()), end + 1);
    }
    if is(0, '\'') && is(1, '\\') {
        return Piece::Character(find(rest, 3, |tail| tail[0] == '\'') + 1);
    }
    if is(0, '\'') && is(2, '\'') {
        return Piece::Character(3);
    }
    Piece::Code
}

/// For `r"`, `r#"`, `br"` and the like: where the text begins and how many `#` close it.
fn raw_string_hashes(rest: &[char]) -> Option<(usize, usize)> {
    let prefix = usize::from(matches!(rest[0], 'b' | 'c'));
    if rest.get(prefix) != Some(&'r') {
        return None;
    }
    let hashes = rest[prefix + 1..].iter().take_while(|c| **c == '#').count();
    let quote = prefix + 1 + hashes;
    (rest.get(quote) == Some(&'"')).then_some((quote + 1, hashes))
}

/// Block comments nest in Rust.
fn block_comment_length(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The first place from `from` on where `wanted` holds of what follows, else the end.
fn find(rest: &[char], from: usize, wanted: impl Fn(&[char]) -> bool) -> usize {
    (from..rest.len())
        .find(|at| wanted(&rest[*at..]))
        .unwrap_or(rest.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The numbers of the lines that have `word` as a whole word.
fn lines_with_word(code: &str, word: &str) -> Vec<usize> {
    code.lines()
        .enumerate()
        .filter(|(_, line)| line.split(|c| !is_word(c)).any(|found| found == word))
        .map(|(index, _)| index + 1)
        .collect()
}

/// Statements in capitals anywhere in a literal; in small letters only where they begin it and are unlike prose.
fn is_sql(literal: &str) -> bool {
    let text = literal.split_whitespace().collect::<Vec<_>>().join(" ");
    let capital = [
        "SELECT ",
        "INSERT INTO ",
        "INSERT OR ",
        "REPLACE INTO ",
        "UPDATE ",
        "DELETE FROM ",
        "CREATE TABLE ",
        "CREATE INDEX ",
        "CREATE UNIQUE ",
        "CREATE TRIGGER ",
        "CREATE VIEW ",
        "DROP TABLE ",
        "ALTER TABLE ",
        "PRAGMA ",
    ];
    let anywhere = capital.iter().any(|statement| {
        text.match_indices(statement)
            .any(|(at, _)| !text[..at].ends_with(is_word))
    });
    let small = [
        "insert into ",
        "insert or ",
        "delete from ",
        "create table ",
        "create index ",
        "create unique index ",
        "drop table ",
        "alter table ",
        "pragma ",
    ];
    let begins = small.iter().any(|statement| text.starts_with(statement));
    let selects = text.starts_with("select ") && text.contains(" from ");
    let updates = text.starts_with("update ") && text.contains(" set ") && text.contains('=');
    anywhere || begins || selects || updates
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}
