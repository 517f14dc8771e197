//! One small day, whole: people come and go, an issuer decides, certificates are issued and one revoked, and an auditor's tool finds all of it
//! sound, and finds the place where a byte was changed.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use protocol::archive::ARCHIVE_PATH;
use protocol::ledger::LedgerBody;
use rollcall_tests::archive::Archive;
use rollcall_tests::http::get;
use rollcall_tests::programs::{PATIENCE, eventually};
use rollcall_tests::random::Random;
use rollcall_tests::world::{
    ADMINISTRATOR, Daemon, EVENT, Kiosk, PROGRAMME, Plan, RULES, World, name, person, verify,
};
use serde_json::Value;

/// From now to the first session, and how long a session and the pause after it last, in milliseconds.
const LEAD_MS: i64 = 6_000;
const SESSION_MS: i64 = 10_000;
const PAUSE_MS: i64 = 2_000;
/// Changed bytes of each file.
const FLIPS: usize = 6;

/// Sessions of seconds, one after the other.
fn sessions() -> Vec<(attendance::UtcMs, attendance::UtcMs)> {
    let now_ms = kiosk::kernel::wall_now().0;
    // Agendas are written in whole seconds.
    let first = attendance::UtcMs((now_ms + LEAD_MS) / 1_000 * 1_000);
    let start = |number: i64| first.plus_ms(number * (SESSION_MS + PAUSE_MS));
    (0..2)
        .map(|number| (start(number), start(number).plus_ms(SESSION_MS)))
        .collect()
}

fn wait_until(at: attendance::UtcMs) {
    let what = "the time on the programme";
    eventually(Duration::from_secs(60), what, || {
        (kiosk::kernel::wall_now() >= at).then_some(())
    });
}

fn scan(kiosk: &Kiosk, daemon: &Daemon, reader: usize, code: &str, verdict: &str) {
    kiosk.scan(reader, code);
    let answer = daemon.answer();
    assert_eq!(answer.verdict, verdict, "{answer:?}");
    assert!(answer.entry.is_some());
}

const IN: usize = 0;
const OUT: usize = 1;

/// Calls `done` until it says so; meanwhile somebody with a badge of another event comes by, which moves the door's watermark.
fn with_company(kiosk: &Kiosk, daemon: &Daemon, what: &str, mut done: impl FnMut() -> bool) {
    let mut passers_by = 0;
    eventually(PATIENCE, what, || {
        if done() {
            return Some(());
        }
        passers_by += 1;
        scan(
            kiosk,
            daemon,
            IN,
            &format!("PASSER-BY-{what}-{passers_by}"),
            "unknown_badge",
        );
        None
    });
}

#[test]
fn a_day_from_the_first_badge_to_the_auditor() {
    let mut world = World::new(
        "day",
        &Plan {
            repeat_s: 1,
            ..Plan::one_long_session(5)
        },
    );
    world
        .issuer_told(
            &[
                "user",
                "add",
                "--id",
                ADMINISTRATOR,
                "--role",
                "administrator",
            ],
            "a password for tests only",
        )
        .ok();
    let plan = Plan {
        people: 5,
        sessions: sessions(),
        repeat_s: 1,
    };
    world.import("agenda", &plan.agenda_csv()).ok();
    world.start_issuer();
    let kiosk = world.enrolled_kiosk(&[("entrance", "in"), ("exit", "out")]);
    let daemon = kiosk.run();
    let (first, second) = (plan.sessions[0], plan.sessions[1]);
    // 0 stays to the end, 1 leaves in the first session, 2 comes for the second and forgets to check out, 3 never comes, 4 comes by before.
    for number in [0, 1, 4] {
        scan(&kiosk, &daemon, IN, &person(number), "checked_in");
    }
    scan(&kiosk, &daemon, IN, &person(0), "repeat");
    scan(&kiosk, &daemon, OUT, &person(4), "checked_out");
    scan(
        &kiosk,
        &daemon,
        IN,
        "A-BADGE-OF-ANOTHER-EVENT",
        "unknown_badge",
    );
    wait_until(first.1.plus_ms(500));
    scan(&kiosk, &daemon, OUT, &person(1), "checked_out");
    scan(&kiosk, &daemon, IN, &person(2), "checked_in");
    wait_until(second.1.plus_ms(1_500));
    scan(&kiosk, &daemon, OUT, &person(0), "checked_out");

    let is_final = |row: &Value| row["standing"] == "final";
    with_company(&kiosk, &daemon, "decisions", || {
        let rows = world.report();
        rows.len() == 5 && rows.iter().all(is_final)
    });
    let rows: BTreeMap<String, Value> = world
        .report()
        .into_iter()
        .map(|row| (row["name"].as_str().unwrap().to_owned(), row))
        .collect();
    for (number, outcome, credits) in [
        (0, "full", "4"),
        (1, "partial", "2"),
        (2, "partial", "2"),
        (3, "none", "0"),
        (4, "none", "0"),
    ] {
        let row = &rows[&name(number)];
        assert_eq!(
            (&row["outcome"], &row["credits"]),
            (&outcome.into(), &credits.into()),
            "{row}"
        );
        assert!(!row["explanation"].as_str().unwrap().is_empty());
    }

    let issued = || -> BTreeMap<String, String> {
        let rows = world.report().into_iter();
        let pair = |row: Value| {
            Some((
                row["name"].as_str()?.to_owned(),
                row["certificate"].as_str()?.to_owned(),
            ))
        };
        rows.filter_map(pair)
            .filter(|(_, code)| !code.is_empty())
            .collect()
    };
    with_company(&kiosk, &daemon, "certificates", || {
        world.issuer(&["issue", "--event", EVENT]).ok();
        issued().len() == 3
    });
    let issued = issued();
    let says = |code: &str, state: &str| {
        let page = get(world.issuer_port, &format!("/c/{code}")).unwrap_or_default();
        page.contains(&format!("data-state=\"{state}\""))
    };
    let (kept, revoked) = (&issued[&name(0)], &issued[&name(1)]);
    assert!(says(kept, "valid") && says(revoked, "valid"));
    let revoke = [
        "revoke",
        revoked,
        "--reason",
        "issued_in_error",
        "--operator",
        ADMINISTRATOR,
    ];
    world.issuer(&revoke).ok();
    assert!(says(kept, "valid") && says(revoked, "revoked") && !says(revoked, "valid"));

    harder_rules_are_tried(&world, &issued);

    assert_eq!(daemon.stop(), []);
    world.stop_issuer();
    let (path, archive) = world.export();
    let said = verify(&path);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.out.contains("No errors found"), "{said}");
    let ledger = archive.ledger_entries();
    let count = |is: fn(&LedgerBody) -> bool| ledger.iter().filter(|entry| is(entry)).count();
    assert_eq!(
        count(|entry| matches!(entry, LedgerBody::Certificate(_))),
        3
    );
    assert_eq!(count(|entry| matches!(entry, LedgerBody::Revocation(_))), 1);
    tampering_is_found(&archive, &world.path("tampered.tar"));
    a_person_is_erased(&world, &name(0), &path);
}

/// What is known of somebody who has a certificate is destroyed: no page, report or export names them, and an export still verifies.
fn a_person_is_erased(world: &World, name: &str, exported: &Path) {
    let names_them = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        bytes
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    };
    assert!(names_them(exported));
    let row = |name: &str| world.report().into_iter().find(|row| row["name"] == name);
    let before = row(name).unwrap();
    let attendee = before["attendee"].as_str().unwrap();
    let erase = |operator: &str, reason: &str| {
        let whose = [
            "attendee",
            "erase",
            "--event",
            EVENT,
            "--attendee",
            attendee,
        ];
        let why = ["--reason", reason, "--operator", operator];
        world.issuer(&[&whose[..], &why[..]].concat())
    };
    let said = erase(ADMINISTRATOR, "because");
    assert_eq!(said.code, Some(2), "{said}");
    let said = erase(ADMINISTRATOR, "asked_for").ok();
    assert!(said.contains("is erased: ledger entry"), "{said}");
    let said = erase(ADMINISTRATOR, "asked_for").ok();
    assert!(said.contains("was erased before"), "{said}");
    assert_eq!(row(name), None);
    let rows = world.report();
    let after = rows.iter().find(|row| row["attendee"] == attendee).unwrap();
    assert_eq!(after["credits"], before["credits"]);

    let (path, _) = world.export();
    assert!(!names_them(&path));
    let said = verify(&path);
    assert_eq!(
        said.code,
        Some(3),
        "what is erased is a gap, and no failure: {said}"
    );
    assert!(said.out.contains("erased, or left out"), "{said}");
}

/// A rule set that gives nobody anything: whoever has a certificate is named, and nothing of it comes into force.
fn harder_rules_are_tried(world: &World, issued: &BTreeMap<String, String>) {
    let harder = format!("{RULES}\nfirst_award_min = \"1000\"\n");
    let harder = world.write("harder.toml", &harder);
    let harder = harder.to_str().unwrap();
    let words = [
        "rules",
        "simulate",
        "--event",
        EVENT,
        "--programme",
        PROGRAMME,
    ];
    let said = world
        .issuer(&[&words[..], &["--file", harder]].concat())
        .ok();
    for name in issued.keys() {
        let row = said.lines().find(|line| line.contains(name.as_str()));
        assert!(row.is_some_and(|row| row.contains("none 0")), "{said}");
    }
    let rows = world.report();
    let earned = rows.iter().filter(|row| row["credits"] != "0").count();
    assert!(earned >= issued.len(), "{rows:?}");
}

/// A changed byte, a dropped or doubled or swapped entry, a missing file: found, and the file named.
fn tampering_is_found(archive: &Archive, out: &Path) {
    let mut random = Random::announced("day");
    let mut found = 0;
    let check = |altered: &Archive, path: &str, what: &str| {
        altered.pack(out);
        let said = verify(out);
        assert!(
            matches!(said.code, Some(1 | 3 | 4)),
            "{what} of {path} passed: {said}"
        );
        let stem = path.split('/').take(2).collect::<Vec<_>>().join("/");
        // A description that was changed names other keys and logs than there are, and the fault shows there; a certificate's content may be
        // erased, and is then named by its code.
        let named = path == ARCHIVE_PATH
            || said.out.contains(&stem)
            || said.err.contains(&stem)
            || said.out.contains("erased, or left out");
        assert!(named, "{what} of {path} is not named: {said}");
    };
    for (path, bytes) in &archive.files {
        for _ in 0..FLIPS {
            let mut altered = archive.clone();
            let at = random.index(bytes.len());
            altered.files.get_mut(path).unwrap()[at] ^= 1 << random.below(7);
            if is_description_only(archive, &altered, path) {
                continue;
            }
            check(&altered, path, &format!("a changed bit at byte {at}"));
            found += 1;
        }
        let mut altered = archive.clone();
        altered.files.remove(path);
        check(&altered, path, "the loss");
        found += 1;
    }
    for log in 0..archive.description.logs.len() {
        let path = protocol::archive::entries_path(log);
        let lines = archive.lines(log);
        let at = random.index(lines.len() - 1);
        let mut dropped = lines.clone();
        dropped.remove(at);
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        let mut swapped = lines.clone();
        swapped.swap(at, at + 1);
        for (what, lines) in [
            ("a dropped entry", dropped),
            ("a doubled entry", doubled),
            ("a swap", swapped),
        ] {
            let mut altered = archive.clone();
            altered
                .files
                .insert(path.clone(), [lines.join(&b'\n'), b"\n".to_vec()].concat());
            check(&altered, &path, what);
            found += 1;
        }
    }
    println!("day: {found} alterations, each found and named");
}

/// When and by which program an archive was made is nobody's evidence: it is signed nowhere.
fn is_description_only(archive: &Archive, altered: &Archive, path: &str) -> bool {
    if path != ARCHIVE_PATH {
        return false;
    }
    let read = |archive: &Archive| serde_json::from_slice::<Value>(&archive.files[path]);
    let (Ok(mut before), Ok(mut after)) = (read(archive), read(altered)) else {
        return false;
    };
    for unsigned in ["made", "software"] {
        before[unsigned].take();
        after[unsigned].take();
    }
    before == after
}
