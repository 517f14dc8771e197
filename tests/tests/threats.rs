//! The adversary's table, `src/evidence/THREATS.md`: each of its rows that claims detection names tests, and these are the ones that need the
//! real programs. Recovery is tested with them: a log that forked, an issuer that was restored.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use attendance::words::EventId;
use issuer::store::branches::{BranchUnits as _, CaseFacts};
use issuer::store::enrolment::{EnrolmentUnits as _, KioskFacts};
use issuer::store::events::EventUnits as _;
use issuer::store::{BatchUnits as _, SqliteStore};
use protocol::archive::{ARCHIVE_PATH, LogKind, entries_path};
use protocol::badge::BadgeDigest;
use protocol::ledger::LedgerBody;
use rollcall_tests::archive::Archive;
use rollcall_tests::programs::{PATIENCE, eventually};
use rollcall_tests::world::{
    ADMINISTRATOR, DOOR, Daemon, EVENT, Kiosk, Plan, World, name, person, verify,
};

/// How many people scan at each stage.
const STAGE: usize = 3;

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn store(world: &World) -> SqliteStore {
    SqliteStore::open_existing(&world.issuer_database()).unwrap()
}

fn event() -> EventId {
    EventId::new(EVENT).unwrap()
}

fn kiosks(world: &World) -> Vec<KioskFacts> {
    store(world).kiosks(&event()).unwrap()
}

fn open_cases(world: &World) -> Vec<CaseFacts> {
    let cases = store(world).cases(&event()).unwrap();
    cases.into_iter().filter(|c| c.closed.is_none()).collect()
}

fn administrator(world: &World) {
    let add = [
        "user",
        "add",
        "--id",
        ADMINISTRATOR,
        "--role",
        "administrator",
    ];
    world.issuer_told(&add, "a password for tests only").ok();
}

/// Scans these people in; all of it must be green.
fn scan_in(kiosk: &Kiosk, daemon: &Daemon, people: std::ops::Range<usize>) {
    for number in people {
        kiosk.scan(0, &person(number));
        let answer = daemon.answer();
        assert!(answer.is_green(), "{answer:?}");
    }
}

fn alarms(kiosk: &Kiosk) -> Vec<(String, String)> {
    let status = kiosk.status().unwrap_or_default();
    let alarms = status["alarms"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    alarms
        .iter()
        .map(|alarm| (text(&alarm["code"]), text(&alarm["next_step"])))
        .collect()
}

fn wait_for_alarm(kiosk: &Kiosk, code: &str) -> String {
    eventually(PATIENCE, code, || {
        let found = alarms(kiosk).into_iter().find(|(found, _)| found == code);
        found.map(|(_, step)| step)
    })
}

/// Every badge that some log of an archive has scanned, with its log's kind.
fn scanned(archive: &Archive) -> Vec<(LogKind, BadgeDigest)> {
    let mut found = Vec::new();
    for (number, log) in archive.description.logs.iter().enumerate() {
        let scans = archive.scans(number).into_iter();
        found.extend(scans.map(|scan| (log.kind, scan.badge)));
    }
    found
}

#[test]
fn a_restored_card_seals_goes_on_and_a_reviewer_admits_its_scans() {
    let mut world = World::new("restored-card", &Plan::one_long_session(30));
    administrator(&world);
    world.start_issuer();
    let kiosk = world.enrolled_kiosk(&[("main-in", "in")]);
    let (data, copied) = (kiosk.data(), world.path("copy"));
    let mut daemon = kiosk.run();
    scan_in(&kiosk, &daemon, 0..STAGE);
    let held = |world: &World| kiosks(world)[0].size;
    let scans_held = |world: &World, least: usize| {
        let badges = kiosk_badges(world);
        (badges >= least).then_some(())
    };
    eventually(PATIENCE, "the first scans", || scans_held(&world, STAGE));
    assert_eq!(daemon.stop(), []);
    copy(&data, &copied);
    let first = kiosks(&world)[0].clone();

    // The card goes on, and then its copy goes on from where it was made: other people come by.
    daemon = kiosk.run();
    scan_in(&kiosk, &daemon, STAGE..2 * STAGE);
    eventually(PATIENCE, "the second scans", || {
        scans_held(&world, 2 * STAGE)
    });
    assert_eq!(daemon.stop(), []);
    let before = held(&world);
    copy(&copied, &data);
    world.proxy.cut(true);
    daemon = kiosk.run();
    scan_in(&kiosk, &daemon, 2 * STAGE..4 * STAGE);
    world.proxy.cut(false);

    // It seals, says so with the command to run, and answers green all the while.
    let step = wait_for_alarm(&kiosk, "log_sealed");
    let command = format!("rollcall-issuer claim --event {EVENT} --door {DOOR}");
    assert!(step.contains(&command), "{step}");
    scan_in(&kiosk, &daemon, 4 * STAGE..5 * STAGE);
    eventually(PATIENCE, "the sealed log's rest", || {
        let rest = alarms(&kiosk).iter().any(|(code, _)| code == "sealed_rest");
        (!rest).then_some(())
    });
    assert_eq!(
        held(&world),
        before,
        "nothing of the log that is held moved"
    );
    let cases = open_cases(&world);
    assert_eq!(cases.len(), 1, "{cases:?}");

    // A restart changes nothing of it; staff enrol the fresh key at the same door, and what was scanned meanwhile arrives.
    assert_eq!(daemon.stop(), []);
    daemon = kiosk.run();
    wait_for_alarm(&kiosk, "log_sealed");
    scan_in(&kiosk, &daemon, 5 * STAGE..6 * STAGE);
    assert_eq!(daemon.stop(), []);
    let said = rollcall_tests::programs::run(&mut kiosk.command(&["status"]), "").ok();
    assert!(
        said.contains("log_sealed") && said.contains("rollcall-issuer claim"),
        "{said}"
    );
    kiosk.enrol(&world.claim(DOOR)).ok();
    let again = kiosk.enrol(&world.claim(DOOR));
    assert_eq!(again.code, Some(1), "{again}");
    daemon = kiosk.run();
    scan_in(&kiosk, &daemon, 6 * STAGE..7 * STAGE);
    eventually(PATIENCE, "the fresh log's scans", || {
        scans_held(&world, 5 * STAGE)
    });
    assert!(alarms(&kiosk).iter().all(|(code, _)| code != "log_sealed"));
    assert_eq!(daemon.stop(), []);
    let now = kiosks(&world);
    let retired: Vec<_> = now.iter().filter(|k| k.retired.is_some()).collect();
    assert_eq!((now.len(), retired.len()), (2, 1));
    assert_eq!(retired[0].kiosk, first.kiosk);

    // The reviewer sees the fork's place and admits it: its people are decided on, and the evidence verifies.
    let decided = |world: &World, number: usize| {
        let rows = world.report();
        let row = rows.iter().find(|row| row["name"] == name(number).as_str());
        row.map(|row| row["reason"].as_str().unwrap().to_owned())
    };
    let never = decided(&world, 29);
    assert_ne!(never, decided(&world, 0));
    assert_eq!(
        decided(&world, 2 * STAGE),
        never,
        "not before it is admitted"
    );
    let said = world.issuer(&["review", "list", "--event", EVENT]).ok();
    let place = format!("leaves the log held at entry {}", cases[0].base);
    assert!(said.contains(&place) && said.contains(DOOR), "{said}");
    assert!(said.contains(&format!("{} scans", 2 * STAGE)), "{said}");
    let admit = |case: &str, operator: &str| {
        let words = [
            "review",
            "admit",
            "--event",
            EVENT,
            case,
            "--reason",
            "card_restored",
        ];
        world.issuer(&[&words[..], &["--operator", operator]].concat())
    };
    assert_eq!(
        admit(&cases[0].id, "nobody").code,
        Some(1),
        "a person is on record"
    );
    assert_eq!(admit("fork-9-9", ADMINISTRATOR).code, Some(1));
    admit(&cases[0].id, ADMINISTRATOR).ok();
    assert_eq!(admit(&cases[0].id, ADMINISTRATOR).code, Some(1), "once");
    assert_ne!(decided(&world, 2 * STAGE), never, "{:?}", world.report());
    world.stop_issuer();
    let (path, archive) = world.export();
    let said = verify(&path);
    assert_eq!(said.code, Some(0), "{said}");
    let scans = scanned(&archive);
    let badges = kiosk.enrolment().badge_key;
    for number in 0..7 * STAGE {
        let digest = badges.digest(&person(number));
        let copies = scans.iter().filter(|(_, badge)| *badge == digest).count();
        assert_eq!(copies, 1, "person {number} was answered green once");
    }
    branch_is_bound(&archive, &world.path("tampered.tar"));

    // What the card itself holds is taken along whole: the fresh log and the one that it sealed.
    let out = world.path("card.tar");
    let words = ["export", "--out", out.to_str().unwrap()];
    let told = rollcall_tests::programs::run(&mut kiosk.command(&words), "").ok();
    assert!(told.contains("1 sealed log is in it"), "{told}");
    let card = Archive::read(&out);
    let logs = &card.description.logs;
    assert_eq!(logs.len(), 2);
    assert_eq!(logs[1].origin, first.origin);
    let scans = scanned(&card);
    for number in 0..7 * STAGE {
        let digest = badges.digest(&person(number));
        let copies = scans.iter().filter(|(_, badge)| *badge == digest).count();
        let on_this_card = !(STAGE..2 * STAGE).contains(&number);
        assert_eq!(copies, usize::from(on_this_card), "person {number}");
    }
    let said = verify(&out);
    assert_eq!(said.code, Some(3), "whole, and without a ledger: {said}");
}

/// How many badges the issuer's journals hold.
fn kiosk_badges(world: &World) -> usize {
    let store = store(world);
    let mut found = BTreeSet::new();
    for kiosk in store.kiosks(&event()).unwrap() {
        for entry in store.entries(&kiosk.kiosk, 0, 1_000).unwrap() {
            if let Some(Ok(parsed)) = entry.bytes.as_deref().map(protocol::entry::parse)
                && let protocol::entry::Body::Scan(scan) = parsed.body
            {
                found.insert(scan.badge.digest);
            }
        }
    }
    found.len()
}

/// Whatever is changed about an admitted branch is found, and its place named.
fn branch_is_bound(archive: &Archive, out: &Path) {
    let logs = &archive.description.logs;
    let branch = logs
        .iter()
        .position(|log| log.kind == LogKind::Branch)
        .unwrap();
    let check = |altered: &Archive, check: &str, what: &str| {
        altered.pack(out);
        let said = verify(out);
        assert!(matches!(said.code, Some(1 | 4)), "{what} passed: {said}");
        assert!(said.out.contains(check), "{what}: {said}");
    };
    let path = entries_path(branch);
    let mut lines: Vec<Vec<u8>> = archive
        .lines(branch)
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect();
    let mut with_lines = |change: &dyn Fn(&mut Vec<Vec<u8>>), what: &str| {
        let before = lines.clone();
        change(&mut lines);
        let mut altered = archive.clone();
        let bytes = [lines.join(&b'\n'), b"\n".to_vec()].concat();
        altered.files.insert(path.clone(), bytes);
        check(&altered, "logs", what);
        lines = before;
    };
    with_lines(&|lines| lines[0][20] ^= 1, "a flipped bit");
    with_lines(&|lines| drop(lines.pop()), "a truncated branch");
    with_lines(&|lines| lines.swap(0, 1), "a swap");
    with_lines(&|lines| lines.push(lines[0].clone()), "an entry too many");
    let described = |change: &dyn Fn(&mut protocol::archive::Archive), named: &str, what: &str| {
        let mut altered = archive.clone();
        change(&mut altered.description);
        let bytes = serde_json::to_vec(&altered.description).unwrap();
        altered.files.insert(ARCHIVE_PATH.to_owned(), bytes);
        check(&altered, named, what);
    };
    described(
        &|d| d.logs[branch].base = Some(0),
        "branches",
        "another base",
    );
    described(&|d| d.logs[branch].base = None, "archive", "no base");
    described(
        &|d| drop(d.logs.remove(branch)),
        "cases",
        "a branch left out",
    );
    described(
        &|d| d.logs[branch].key = evidence::SigningKey::from_seed(&[7; 32]).public_key(),
        "branches",
        "another key",
    );
    // A part of the journal itself passed off as a branch contradicts nothing.
    let journal = logs
        .iter()
        .position(|log| log.kind == LogKind::Journal)
        .unwrap();
    let mut altered = archive.clone();
    let base = logs[branch].base.unwrap();
    let own = archive.lines(journal)[usize::try_from(base).unwrap()..].join(&b'\n');
    altered.files.insert(path, [own, b"\n".to_vec()].concat());
    check(&altered, "branches", "the journal's own entries");
}

#[test]
fn late_entries_of_a_replaced_kiosk_wait_for_review() {
    let mut world = World::new("late", &Plan::one_long_session(10));
    administrator(&world);
    world.start_issuer();
    let claim = world.claim(DOOR);
    let mut old = rollcall_tests::speaker::Speaker::enrol(world.issuer_port, &claim, 41);
    let room = rollcall_tests::world::ROOM;
    old.check_in(&person(0), DOOR, room);
    old.deliver(0);
    let next = rollcall_tests::speaker::Speaker::enrol(world.issuer_port, &world.claim(DOOR), 42);
    old.check_in(&person(1), DOOR, room);
    // They are kept and receipted; nobody is decided on by them yet.
    old.deliver(2);
    let reason = |number: usize| {
        let rows = world.report();
        let row = rows.iter().find(|row| row["name"] == name(number).as_str());
        row.map(|row| row["reason"].as_str().unwrap().to_owned())
    };
    eventually(PATIENCE, "decisions", || reason(0));
    assert_eq!(reason(1), reason(9));
    let cases = open_cases(&world);
    assert_eq!((cases.len(), cases[0].base, cases[0].size), (1, 2, 3));
    let close = |how: &str, case: &str| {
        let words = [
            "review",
            how,
            "--event",
            EVENT,
            case,
            "--reason",
            "was_offline",
        ];
        world.issuer(&[&words[..], &["--operator", ADMINISTRATOR]].concat())
    };
    close("admit", &cases[0].id).ok();
    eventually(PATIENCE, "the late scan", || {
        (reason(1) == reason(0)).then_some(())
    });
    old.check_in(&person(2), DOOR, room);
    old.deliver(3);
    let cases = open_cases(&world);
    close("deny", &cases[0].id).ok();
    assert!(open_cases(&world).is_empty());
    world.issuer(&["issue", "--event", EVENT]).ok();
    assert_eq!(reason(2), reason(9));
    drop(next);
    world.stop_issuer();
    let (path, archive) = world.export();
    let said = verify(&path);
    assert_eq!(said.code, Some(0), "{said}");
    let cases = archive
        .ledger_entries()
        .into_iter()
        .filter_map(|body| match body {
            LedgerBody::Case(case) => Some((case.base, case.size, case.outcome.as_str())),
            _ => None,
        });
    assert_eq!(
        cases.collect::<Vec<_>>(),
        [(2, 3, "admitted"), (2, 4, "denied")]
    );
}

#[test]
fn a_restored_issuer_signs_nothing_until_a_person_goes_on() {
    let mut world = World::new("restored-issuer", &Plan::one_long_session(20));
    administrator(&world);
    world.start_issuer();
    let kiosk = world.enrolled_kiosk(&[("main-in", "in")]);
    let daemon = kiosk.run();
    scan_in(&kiosk, &daemon, 0..STAGE);
    eventually(PATIENCE, "the first scans", || {
        (kiosk_badges(&world) >= STAGE).then_some(())
    });
    world.stop_issuer();
    let (data, copied) = (world.path("issuer"), world.path("issuer-copy"));
    copy(&data, &copied);
    world.start_issuer();
    scan_in(&kiosk, &daemon, STAGE..2 * STAGE);
    eventually(PATIENCE, "the second scans", || {
        (kiosk_badges(&world) >= 2 * STAGE).then_some(())
    });
    // The kiosk has witnessed the ledger as it is now; then an older copy of the database is put in its place.
    let witnessed = || store(&world).witnesses(&event(), u64::MAX >> 1).unwrap();
    let ledger_of = |data: &Path| {
        let store = SqliteStore::open_existing(&data.join("issuer.db")).unwrap();
        store.ledger_head(&event()).unwrap().size
    };
    let older = ledger_of(&copied);
    scan_in(&kiosk, &daemon, 2 * STAGE..3 * STAGE);
    eventually(PATIENCE, "a witness", || {
        witnessed().iter().any(|w| w.size > older).then_some(())
    });
    world.stop_issuer();
    let newest = world.path("issuer-newest");
    copy(&data, &newest);
    copy(&copied, &data);
    world.start_issuer();
    scan_in(&kiosk, &daemon, 3 * STAGE..4 * STAGE);
    eventually(PATIENCE, "the alarm", || {
        let lost = world.alarms().iter().any(|(code, _)| code == "ledger_lost");
        lost.then_some(())
    });
    assert_eq!(ledger_of(&data), older, "nothing is appended");
    let status = || world.issuer(&["ledger", "status", "--event", EVENT]);
    let said = status();
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.out.contains("ledger recover"), "{said}");
    let refused = world.import(
        "registrations",
        &Plan::one_long_session(21).registrations_csv(),
    );
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.err.contains("ledger status"), "{refused}");
    let recover = |operator: &str| {
        let words = [
            "ledger",
            "recover",
            "--event",
            EVENT,
            "--reason",
            "backup_restored",
        ];
        world.issuer(&[&words[..], &["--operator", operator]].concat())
    };
    assert_eq!(recover("nobody").code, Some(1));

    // The right database in its place: it goes on by itself.
    world.stop_issuer();
    let restored = world.path("issuer-restored");
    copy(&data, &restored);
    copy(&newest, &data);
    world.start_issuer();
    eventually(PATIENCE, "all scans", || {
        (kiosk_badges(&world) >= 4 * STAGE).then_some(())
    });
    assert_eq!(status_of(&world), Some(0));

    // The older one again, for good: a person goes on, the ledger says so, and all scans arrive once more.
    world.stop_issuer();
    copy(&restored, &data);
    world.start_issuer();
    let recover = [
        "ledger",
        "recover",
        "--event",
        EVENT,
        "--reason",
        "backup_restored",
        "--operator",
        ADMINISTRATOR,
    ];
    scan_in(&kiosk, &daemon, 4 * STAGE..5 * STAGE);
    eventually(Duration::from_secs(60), "all scans again", || {
        // Another kiosk, or a longer head of this one, may be shown after the first was given up.
        if status_of(&world) == Some(1) {
            let _ = world.issuer(&recover);
        }
        (kiosk_badges(&world) >= 5 * STAGE).then_some(())
    });
    wait_for_alarm(&kiosk, "ledger_inconsistent");
    assert_eq!(daemon.stop(), []);
    world.stop_issuer();
    let (path, archive) = world.export();
    let gone_on = |body: &LedgerBody| matches!(body, LedgerBody::Recovery(_));
    assert!(archive.ledger_entries().iter().any(gone_on));
    // The auditor sees that a head which the issuer signed is not in its ledger.
    let said = verify(&path);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.out.contains("ledger_heads"), "{said}");
}

fn status_of(world: &World) -> Option<i32> {
    world.issuer(&["ledger", "status", "--event", EVENT]).code
}

/// Every test there is, by name: functions under an attribute that makes them one.
fn tests_there_are() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        collect(&root.join(folder), &mut files);
    }
    let mut found = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[") {
                is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
            } else if let Some(rest) = line.strip_prefix("fn ").or(line.strip_prefix("async fn ")) {
                if is_test {
                    let name = rest.split(['(', '<']).next().unwrap();
                    found.insert(name.to_owned());
                }
                is_test = false;
            } else if !line.starts_with("//") && !line.is_empty() {
                is_test = false;
            }
        }
    }
    found
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What is wrong with the table: a row that claims detection and names no test that exists, or names none and does not say "nobody".
fn faults_of(table: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut rows = 0;
    let by_actor = table.split("## By actor").nth(1).unwrap_or_default();
    let by_actor = by_actor.split("\n## ").next().unwrap_or_default();
    for line in by_actor.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [can, noticed, held_by] = cells.as_slice() else {
            if !line.starts_with("|---") {
                faults.push(format!("not three cells: {line}"));
            }
            continue;
        };
        if *held_by == "held by" {
            continue;
        }
        rows += 1;
        if *held_by == "nobody" {
            if !noticed.contains("nobody") {
                faults.push(format!("claims detection and names no test: {can}"));
            }
            continue;
        }
        for name in held_by.split(", ") {
            let bare = name
                .strip_prefix('`')
                .and_then(|name| name.strip_suffix('`'));
            match bare {
                Some(bare) if tests.contains(bare) => {}
                _ => faults.push(format!("there is no test {name}: {can}")),
            }
        }
    }
    if rows < 40 {
        faults.push(format!("only {rows} rows"));
    }
    faults
}

#[test]
fn every_row_that_claims_detection_names_a_test() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/evidence/THREATS.md");
    let table = std::fs::read_to_string(path).unwrap();
    let tests = tests_there_are();
    assert!(tests.len() > 400, "{}", tests.len());
    assert_eq!(faults_of(&table, &tests), [] as [&str; 0]);
    // The check itself notices a test that is gone, and a claim without one.
    let gone = table.replace("`foreign_keys_are_refused`", "`foreign_keys_are_welcome`");
    assert_eq!(faults_of(&gone, &tests).len(), 1);
    let bare = table.replace(
        "`foreign_keys_are_refused`, `swapped_and_foreign_receipts_are_found_at_their_entry`",
        "nobody",
    );
    assert_eq!(faults_of(&bare, &tests).len(), 1);
}
