//! What people, disks and strangers get wrong: named, with what to do about it, and nothing half done.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use evidence::SigningKey;
use kiosk::journal::{Disk, Folder, Journal};
use protocol::enrol::Claim;
use rollcall_tests::http::get;
use rollcall_tests::programs::{PATIENCE, Said, eventually, free_port, run};
use rollcall_tests::skip::skip;
use rollcall_tests::world::{DOOR, Daemon, EVENT, Kiosk, Plan, World, person, text};

/// A reader bound to a direction.
const READER: [(&str, &str); 1] = [("main-in", "in")];

/// A world with a kiosk that is enrolled; no program runs.
fn enrolled(test: &str) -> (World, Kiosk) {
    let mut world = World::new(test, &Plan::one_long_session(50));
    world.start_issuer();
    let kiosk = world.enrolled_kiosk(&READER);
    world.stop_issuer();
    (world, kiosk)
}

#[track_caller]
fn green(kiosk: &Kiosk, daemon: &Daemon, code: &str) -> u64 {
    kiosk.scan(0, code);
    let answer = daemon.answer();
    assert!(answer.is_green(), "{answer:?}");
    answer.entry.unwrap()
}

// ---- files that are imported ----

#[test]
fn a_file_with_a_fault_is_refused_whole_and_the_place_named() {
    let world = World::new("files", &Plan::one_long_session(3));
    let before = world.export().1.ledger_entries();
    let agenda = "session,title,room,start,end\n\
        s1,Opening,hall,2026-10-31T09:00,2026-10-31T10:00\n";
    let people = "badge,name,email,status\nK7QX-2M4P-9TZR-AAAA,Ada,,active\n";
    let table: [(&str, String, &[&str]); 9] = [
        (
            "agenda",
            format!("{agenda}s2,Talk,hall,tomorrow,2026-10-31T11:00\n"),
            &["row 3", "column start", "tomorrow"],
        ),
        (
            "agenda",
            format!("{agenda}s2,Talk,hall,2026-10-31T11:00,2026-10-31T10:30\n"),
            &["row 3", "column end"],
        ),
        (
            "agenda",
            format!("{agenda}s1,Again,hall,2026-10-31T11:00,2026-10-31T12:00\n"),
            &["row 3", "column session"],
        ),
        (
            "agenda",
            agenda.replacen("room", "rom", 1),
            &["row 1", "room"],
        ),
        ("agenda", format!("{agenda}s2,Talk\n"), &["row 3"]),
        (
            "registrations",
            format!("{people}B3WD-8N6H-5CYV-BBBB,Ben,not an address,active\n"),
            &["row 3", "column email"],
        ),
        (
            "registrations",
            format!("{people}B3WD-8N6H-5CYV-BBBB,Ben,,perhaps\n"),
            &["row 3", "column status", "perhaps"],
        ),
        (
            "registrations",
            format!("{people}K7QX-2M4P-9TZR-AAAA,Ben,,\n"),
            &["row 3", "column badge", "same badge"],
        ),
        ("registrations", String::new(), &["empty"]),
    ];
    for (what, csv, holds) in table {
        world.import(what, &csv).refused(4, holds);
    }
    let session = r#"{"id":1,"guid":"g","date":"2026-10-31T09:00:00+01:00","start":"09:00","duration":"0:30","room":"Hall","title":"Talk","subtitle":"","track":"","type":"talk","language":"en","abstract":"","description":"","recording_license":"","do_not_record":false,"persons":[],"links":[],"attachments":[]}"#;
    let frab = |session: &str| {
        format!(
            r#"{{"schedule":{{"version":"1","conference":{{"acronym":"x","title":"X","start":"2026-10-31","end":"2026-10-31","daysCount":1,"timeslot_duration":"00:15","days":[{{"index":0,"date":"2026-10-31","day_start":"2026-10-31T08:00:00+01:00","day_end":"2026-10-31T20:00:00+01:00","rooms":{{"Hall":[{session}]}}}}]}}}}}}"#
        )
    };
    let json: [(&str, String, &[&str]); 4] = [
        (
            "broken",
            "{\"schedule\": ".to_owned(),
            &["line 1", "column"],
        ),
        ("no schedule", "{\"schedule\": 7}".to_owned(), &["schedule"]),
        (
            "a duration",
            frab(&session.replace("0:30", "half")),
            &["duration", "half"],
        ),
        (
            "a date",
            frab(&session.replace("2026-10-31T09:00:00+01:00", "soon")),
            &["date", "soon"],
        ),
    ];
    for (what, text_of_file, holds) in json {
        let file = world.write("schedule.json", &text_of_file);
        let said = world.issuer(&["import", "agenda", "--event", EVENT, "--file", &text(&file)]);
        assert_eq!(said.code, Some(4), "{what}: {said}");
        said.refused(4, holds);
    }
    let file = world.write("schedule.json", &frab(session));
    world
        .issuer(&[
            "import",
            "agenda",
            "--event",
            EVENT,
            "--file",
            &text(&file),
            "--dry-run",
        ])
        .ok();
    assert_eq!(
        world.export().1.ledger_entries(),
        before,
        "something was imported"
    );
}

// ---- configurations ----

#[test]
fn a_mistyped_key_is_named_with_the_nearest() {
    let world = World::bare("keys");
    let kiosk = world.kiosk("kiosk", &READER);
    let good = std::fs::read_to_string(kiosk.config()).unwrap();
    for (right, wrong) in [
        ("data_dir", "data_dri"),
        ("feedback", "feedbak"),
        ("min_free_mb", "min_fre_mb"),
        ("[storage]", "[storrage]"),
        ("direction", "directoin"),
        ("idle_ms", "idle_s"),
    ] {
        std::fs::write(kiosk.config(), good.replacen(right, wrong, 1)).unwrap();
        let bare = |key: &str| key.trim_matches(['[', ']']).to_owned();
        let said = run(&mut kiosk.command(&["run"]), "");
        said.refused(4, &[&bare(wrong), &bare(right), "kiosk.toml"]);
    }
    std::fs::write(kiosk.config(), good.replace("\"lines\"", "\"line\"")).unwrap();
    run(&mut kiosk.command(&["run"]), "").refused(4, &["line", "lines"]);
    assert!(
        !kiosk.data().exists(),
        "nothing is made for a configuration that is refused"
    );

    let config = world.path("issuer.toml");
    let good = std::fs::read_to_string(&config).unwrap();
    for (right, wrong) in [
        ("issuer", "isuer"),
        ("data_dir", "datadir"),
        ("listen", "lissten"),
        ("public_url", "public_uri"),
    ] {
        std::fs::write(&config, good.replacen(right, wrong, 1)).unwrap();
        world
            .issuer(&["migrate"])
            .refused(4, &[wrong, right, "issuer.toml"]);
    }
    std::fs::write(&config, good.replace("127.0.0.1", "0.0.0.0")).unwrap();
    world.issuer(&["migrate"]).refused(4, &["HTTPS", "tls"]);
    assert!(!world.path("issuer").exists());
}

// ---- enrolment ----

/// A claim with something changed.
fn altered(claim: &str, alter: impl FnOnce(&mut Claim)) -> String {
    let mut claim = Claim::parse(claim).unwrap();
    alter(&mut claim);
    claim.to_text()
}

/// Somebody who answers everything with the same words.
fn stranger(answer: &'static str) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            // Whoever hangs up on a question unread says nothing at all.
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(answer.as_bytes());
        }
    });
    port
}

#[test]
fn a_claim_that_does_not_hold_enrols_nobody() {
    let mut world = World::new("claims", &Plan::one_long_session(3));
    let kiosk = world.kiosk("first", &READER);
    let claim = world.claim(DOOR);
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let away = altered(&claim, |claim| claim.url.clone_from(&nobody));
    kiosk
        .enrol(&away)
        .refused(1, &["cannot be reached", &nobody]);
    kiosk
        .enrol(&claim)
        .refused(1, &["cannot be reached", "again"]);

    world.start_issuer();
    let hello = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    let garbage = stranger("220 mail.example ESMTP\r\n");
    let elsewhere = |port: u16| {
        altered(&claim, |claim| {
            claim.url = format!("http://127.0.0.1:{port}");
        })
    };
    kiosk
        .enrol(&elsewhere(stranger(hello)))
        .refused(1, &["not the issuer"]);
    kiosk
        .enrol(&elsewhere(garbage))
        .refused(1, &["cannot be reached"]);
    let another_key = SigningKey::from_seed(&[77; 32]).public_key();
    let foreign = altered(&claim, |claim| claim.issuer_key = another_key);
    kiosk
        .enrol(&foreign)
        .refused(1, &["not the issuer that made this claim"]);
    let wrong = altered(&claim, |claim| {
        claim.secret = "a-secret-that-nobody-made".to_owned();
    });
    kiosk
        .enrol(&wrong)
        .refused(1, &["refuses this claim", "rollcall-issuer claim"]);
    let cut = &claim[..claim.len() - 7];
    for (text, says) in [
        (cut, "damaged"),
        ("hello", "not a Rollcall claim"),
        ("", "not a Rollcall claim"),
    ] {
        let said = kiosk.enrol(text);
        assert!(matches!(said.code, Some(1 | 2 | 4)), "{said}");
        assert!(said.err.contains(says), "{said}");
    }
    nothing_is_recorded(&kiosk);

    kiosk.enrol(&claim).ok();
    kiosk.enrol(&claim).refused(1, &["enrolled as", "already"]);
    let second = world.kiosk("second", &READER);
    second
        .enrol(&claim)
        .refused(1, &["refuses this claim", "used"]);
    nothing_is_recorded(&second);
    let secret = Claim::parse(&claim).unwrap().secret.clone();
    for file in files_below(&kiosk.data()).values() {
        let found = file
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "the claim's secret stays on the disk");
    }
}

/// Runs a kiosk that is not enrolled: it says so at the door, and its log stays empty.
fn nothing_is_recorded(kiosk: &Kiosk) {
    let daemon = kiosk.run();
    kiosk.scan(0, &person(0));
    let answer = daemon.answer();
    assert_eq!(
        (answer.verdict.as_str(), answer.entry),
        ("not_set_up", None),
        "{answer:?}"
    );
    let screen = get(kiosk.screen_port, "/").unwrap().to_lowercase();
    assert!(screen.contains("not set up"), "{screen}");
    assert_eq!(daemon.stop(), []);
    let folder = Arc::new(Folder::take(&kiosk.data()).unwrap());
    assert_eq!(Journal::open(folder, Disk::real(0)).unwrap().size(), 0);
}

#[test]
fn before_enrolment_nothing_is_recorded() {
    let world = World::bare("before");
    let kiosk = world.kiosk("kiosk", &READER);
    nothing_is_recorded(&kiosk);
}

// ---- disks ----

/// Whether this user may mount file systems in a namespace of their own.
fn can_mount() -> bool {
    let mut mount = Command::new("unshare");
    mount.args([
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs -o size=1m tmpfs /mnt",
    ]);
    mount.output().is_ok_and(|output| output.status.success())
}

/// The kiosk's daemon, started in mounts of its own after a preparation by the shell; `$DATA` is the data folder.
fn in_own_mounts(kiosk: &Kiosk, prepare: &str) -> Command {
    let run = kiosk.command(&["run"]);
    let mut command = Command::new("unshare");
    let script = format!("{prepare} && exec \"$@\"");
    command.args(["--mount", "sh", "-ec", &script, "sh"]);
    command.arg(run.get_program()).args(run.get_args());
    command.env("DATA", kiosk.data());
    command
}

#[test]
fn a_full_disk_shows_no_green_and_is_recovered_from() {
    if !can_mount() {
        skip(
            "a_full_disk_shows_no_green_and_is_recovered_from",
            "no right to mount; run as root",
        );
        return;
    }
    let (_world, kiosk) = enrolled("full");
    let on_small_disk = "cp -a \"$DATA\" \"$DATA.kept\"; mount -t tmpfs -o size=8m,mode=700 tmpfs \"$DATA\"; \
                         cp -a \"$DATA.kept/.\" \"$DATA/\"";
    let mut daemon = kiosk.start_by(&mut in_own_mounts(&kiosk, on_small_disk));
    kiosk.wait_until_attached(&mut daemon);
    let first = green(&kiosk, &daemon, &person(0));
    // The kernel lets us into the daemon's mounts.
    let inside = format!("/proc/{}/root{}", daemon.running.pid(), text(&kiosk.data()));
    let filler = Path::new(&inside).join("filler");
    let filled = std::fs::write(&filler, vec![0; 16 << 20]);
    assert!(filled.is_err(), "the disk is small");
    for number in 1..5 {
        kiosk.scan(0, &person(number));
        let answer = daemon.answer();
        assert_eq!(
            (answer.verdict.as_str(), answer.entry),
            ("failure", None),
            "{answer:?}"
        );
    }
    let status = eventually(PATIENCE, "staff being told", || {
        kiosk
            .status()
            .filter(|status| status.to_string().contains("not_recording"))
    });
    assert!(status.to_string().contains("disk_full"), "{status}");
    assert!(
        get(kiosk.screen_port, "/healthz").is_none(),
        "a daemon that cannot record is not healthy"
    );
    std::fs::remove_file(&filler).unwrap();
    let again = recovers(&kiosk, &daemon, 10);
    assert!(again > first);
    assert_eq!(daemon.stop(), []);
}

/// Scans twenty attendees from a number on, round and round, until one is answered green again, without any help; gives the entry.
fn recovers(kiosk: &Kiosk, daemon: &Daemon, from: usize) -> u64 {
    let mut scans = 0;
    eventually(PATIENCE, "recovery", || {
        kiosk.scan(0, &person(from + scans % 20));
        scans += 1;
        let answer = daemon.answer();
        if answer.verdict == "failure" {
            assert_eq!(answer.entry, None, "{answer:?}");
        }
        answer.entry
    })
}

#[test]
fn a_disk_that_fails_shows_no_green_and_is_recovered_from() {
    let (_world, kiosk) = enrolled("fails");
    let limit = |daemon: &Daemon, bytes: &str| {
        let mut prlimit = Command::new("prlimit");
        prlimit.args([
            "--pid",
            &daemon.running.pid().to_string(),
            &format!("--fsize={bytes}:unlimited"),
        ]);
        run(&mut prlimit, "").ok();
    };
    // Without this a file that may not grow would end the program, as a power cut does; it must see the failure instead.
    let run = kiosk.command(&["run"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(run.get_program())
        .args(run.get_args());
    let mut daemon = kiosk.start_by(&mut command);
    kiosk.wait_until_attached(&mut daemon);
    let mut held = vec![(green(&kiosk, &daemon, &person(0)), person(0))];
    limit(&daemon, "1");
    for number in 1..5 {
        kiosk.scan(0, &person(number));
        let answer = daemon.answer();
        assert_eq!(
            (answer.verdict.as_str(), answer.entry),
            ("failure", None),
            "{answer:?}"
        );
    }
    limit(&daemon, "unlimited");
    recovers(&kiosk, &daemon, 10);
    held.push((green(&kiosk, &daemon, &person(40)), person(40)));
    assert_eq!(daemon.stop(), []);
    let badges = kiosk.enrolment().badge_key;
    let scans: BTreeMap<u64, _> = kiosk
        .export()
        .scans(0)
        .into_iter()
        .map(|scan| (scan.index, scan.badge))
        .collect();
    for (entry, code) in held {
        assert_eq!(scans.get(&entry), Some(&badges.digest(&code)));
    }
    assert!(
        !scans
            .values()
            .any(|badge| *badge == badges.digest(&person(1))),
        "no green, no entry"
    );
}

#[test]
fn a_data_folder_that_cannot_be_written_is_refused() {
    let (_world, kiosk) = enrolled("readonly");
    let before = files_below(&kiosk.data());
    let said = if rustix::process::geteuid().is_root() {
        if !can_mount() {
            skip(
                "a_data_folder_that_cannot_be_written_is_refused",
                "no right to mount; run as root, or as nobody special",
            );
            return;
        }
        let read_only = "mount --bind \"$DATA\" \"$DATA\"; mount -o remount,bind,ro \"$DATA\"";
        run(&mut in_own_mounts(&kiosk, read_only), "")
    } else {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |mode| {
            std::fs::set_permissions(kiosk.data(), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(0o500);
        let said = run(&mut kiosk.command(&["run"]), "");
        mode(0o700);
        said
    };
    said.refused(1, &[&text(&kiosk.data())]);
    untouched(&kiosk.data(), &before);
}

#[test]
fn a_second_daemon_on_the_same_folder_is_refused() {
    let (_world, kiosk) = enrolled("second");
    let daemon = kiosk.run();
    let first = green(&kiosk, &daemon, &person(0));
    let refusal = |words: &[&str]| -> Said {
        let said = run(&mut kiosk.command(words), "");
        said.refused(1, &["in use by another"]);
        said
    };
    refusal(&["run"]);
    refusal(&["export", "--out", &text(&kiosk.folder().join("out"))]);
    assert_eq!(
        green(&kiosk, &daemon, &person(1)),
        first + 1,
        "the first goes on, and nothing came in between"
    );
    assert_eq!(daemon.stop(), []);
}

// ---- databases of another version ----

/// Every file below a folder, with its bytes.
fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.insert(text(&path), std::fs::read(&path).unwrap());
        }
    }
    files
}

/// Checks that a folder holds what it held.
#[track_caller]
fn untouched(folder: &Path, before: &BTreeMap<String, Vec<u8>>) {
    let after = files_below(folder);
    assert!(
        after.keys().eq(before.keys()),
        "{:?} are there, {:?} were",
        after.keys(),
        before.keys()
    );
    for (path, bytes) in before {
        assert!(after[path] == *bytes, "{path} was changed");
    }
}

/// Runs SQL on a database and leaves nothing beside its file.
fn rewrite(database: &Path, sql: &str) {
    let db = rusqlite::Connection::open(database).unwrap();
    db.execute_batch(sql).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
}

#[test]
fn a_kiosks_database_from_a_newer_version_is_left_alone() {
    let (_world, kiosk) = enrolled("newer-kiosk");
    rewrite(
        &kiosk.data().join("journal.sqlite"),
        "PRAGMA user_version = 99",
    );
    let before = files_below(&kiosk.data());
    run(&mut kiosk.command(&["run"]), "").refused(1, &["newer", "99"]);
    let out = text(&kiosk.folder().join("out"));
    run(&mut kiosk.command(&["export", "--out", &out]), "").refused(1, &["newer"]);
    run(&mut kiosk.command(&["doctor"]), "").refused(1, &["newer"]);
    untouched(&kiosk.data(), &before);
}

#[test]
fn a_code_that_is_read_otherwise_is_spelt_and_nothing_of_it_kept() {
    let (_world, kiosk) = enrolled("trial");
    let before = files_below(&kiosk.data());
    let attempt = |known: &str| {
        kiosk.scan(0, "K7QX 2M4");
        let seconds = ["--seconds", "2", "--known", known];
        let arguments = [&["doctor", "--try"][..], &seconds].concat();
        run(&mut kiosk.command(&arguments), "")
    };
    let said = attempt("K7QX 2M4");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("K 7 Q X (blank) 2 M 4"), "{said:?}");
    assert!(said.out.contains("main-in: as expected"), "{said:?}");
    let said = attempt("K7QX-2M4");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.out.contains("character 5 is (blank), not -"),
        "{said:?}"
    );
    untouched(&kiosk.data(), &before);
}

#[test]
fn an_issuers_database_from_a_newer_version_is_left_alone() {
    let world = World::new("newer-issuer", &Plan::one_long_session(3));
    rewrite(
        &world.issuer_database(),
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (99, 'later', '2030-01-01', '1')",
    );
    let before = files_below(&world.path("issuer"));
    for words in [
        &["migrate"][..],
        &["serve"],
        &["event", "list"],
        &["claim", "--event", EVENT, "--door", DOOR],
    ] {
        world.issuer(words).refused(1, &["newer", "99"]);
    }
    untouched(&world.path("issuer"), &before);
}
