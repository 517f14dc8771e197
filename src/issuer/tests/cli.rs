//! The commands as a person types them: the real program, folders of their own.
#![allow(clippy::unwrap_used, clippy::panic)]

mod desk;

use std::fs;
use std::io::{BufRead as _, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use desk::{Desk, ISSUER, PASSWORD, unpack};
use protocol::archive::{Archive, FORMAT, LogKind};
use protocol::enrol::Claim;

const AGENDA: &str = "session,title,room,room_title,start,end,programme,kind\n\
                      s1,Opening,hall,Great Hall,2026-10-31T09:00,2026-10-31T10:00,,talk\n\
                      s2,Sampling,annex,Annex,2026-10-31T10:30,2026-10-31T11:30,ethics,workshop\n";
const PEOPLE: &str = "badge,name,email,status\n\
                      K7QX-3MPA-9TZD-WH4E,Zoë Łukasik,zoe@example.org,active\n\
                      R2VN-8CYB-4JFS-XK6T,Tom Baker,,active\n";
const RULES: &str =
    "format = \"rollcall-rules/1\"\nname = \"Test\"\nminutes_per_credit = \"60\"\nstep = \"0.5\"\n";

#[test]
fn an_event_is_set_up_from_nothing() {
    let desk = Desk::new();
    desk.refuses(&["event", "list"], 1, &["migrate"]);
    desk.good(&["migrate"])
        .check(0, &["next: ", "user add", "back it up"]);
    assert_eq!(
        fs::metadata(desk.path("data")).unwrap().mode() & 0o777,
        0o700
    );
    assert_eq!(
        fs::metadata(desk.path("data/master.key")).unwrap().mode() & 0o777,
        0o600
    );
    desk.good(&["migrate"]).check(0, &["up to date"]);

    desk.run_with(
        &["user", "add", "--id", "ada", "--role", "administrator"],
        "short\n",
    )
    .check(1, &["12 characters"]);
    desk.run_with(
        &["user", "add", "--id", "ada", "--role", "administrator"],
        PASSWORD,
    )
    .check(0, &["ada"]);
    desk.run_with(
        &["user", "add", "--id", "ada", "--role", "auditor"],
        PASSWORD,
    )
    .check(1, &["already", "user password"]);
    let file = desk.write("password.txt", PASSWORD);
    desk.good(&["user", "password", "--id", "ada", "--password-file", &file]);
    desk.good(&["user", "list"])
        .check(0, &["administrator", "1 account"]);

    desk.event();
    let tickets =
        |more: &[&'static str]| [&["event", "tickets", "--event", "gp-2026"], more].concat();
    let key = "ypOsFwUYcHHWe4PH/w7+gQjo7EUwV113JoeTM9vavnw=";
    desk.good(&tickets(&[])).check(0, &["no ticket keys"]);
    desk.good(&tickets(&["--key", key, "--key", key]))
        .check(0, &["1 key;", "next bundle"]);
    desk.refuses(
        &tickets(&["--key", key, "--key", "K7QX"]),
        2,
        &["number 2", "valid_keys"],
    );
    desk.good(&tickets(&[])).check(0, &["1 key;"]);
    desk.good(&tickets(&["--none"]))
        .check(0, &["no ticket keys"]);
    desk.refuses(
        &[
            "event", "create", "--id", "gp-2026", "--title", "Again", "--zone", "UTC",
        ],
        1,
        &["already"],
    );
    desk.refuses(
        &[
            "event",
            "create",
            "--id",
            "x",
            "--title",
            "X",
            "--zone",
            "Europe/Wien",
        ],
        2,
        &["--zone", "Europe/Wien"],
    );
    desk.import("agenda", "agenda.csv", AGENDA, &[]).check(
        0,
        &["sessions added: 2 (s1, s2)", "Version 1 of the agenda"],
    );
    desk.import("registrations", "people.csv", PEOPLE, &[])
        .check(0, &["registrations added: 2", "Version 1"]);
    let rules = desk.write("rules.toml", RULES);
    desk.good(&["rules", "check", &rules])
        .check(0, &["is a rule set"]);
    desk.good(&[
        "rules",
        "adopt",
        "--event",
        "gp-2026",
        "--programme",
        "main",
        "--file",
        &rules,
    ])
    .check(0, &["in force for main"]);
    desk.good(&[
        "door", "add", "--event", "gp-2026", "--door", "front", "--title", "Front", "--room",
        "hall", "--room", "loft",
    ])
    .check(0, &["no room loft; it was made"]);
    desk.good(&["door", "list", "--event", "gp-2026"])
        .check(0, &["front", "hall, loft", "none", "unknown"]);
    desk.good(&["event", "list"])
        .check(0, &["gp-2026", "version 3", "version 1"]);
    desk.good(&["issue", "--event", "gp-2026"])
        .check(0, &["waits for", "the door front"]);
}

#[test]
fn a_claim_is_one_line_and_nothing_else() {
    let desk = Desk::with_event();
    let claim = ["claim", "--event", "gp-2026", "--door", "front"];
    desk.refuses(&claim, 1, &["no door \"front\"", "door add"]);
    desk.good(&[
        "door", "add", "--event", "gp-2026", "--door", "front", "--title", "Front", "--room",
        "hall",
    ]);
    let said = desk.good(&claim);
    assert_eq!(said.out.lines().count(), 1);
    let parsed = Claim::parse(&said.out).unwrap();
    assert_eq!(parsed.url, "http://127.0.0.1:8600");
    assert_eq!(parsed.tls_pin, None);
    assert!(said.err.contains("until"), "{}", said.err);
    assert!(!said.err.contains(&parsed.secret));
    assert_ne!(desk.good(&claim).out, said.out);
    desk.refuses(
        &[
            "claim",
            "--event",
            "gp-2026",
            "--door",
            "front",
            "--valid-hours",
            "0",
        ],
        2,
        &["valid-hours"],
    );
}

#[test]
fn a_claim_carries_the_pin_of_the_certificate() {
    let desk = Desk::with_event();
    desk.good(&[
        "door", "add", "--event", "gp-2026", "--door", "front", "--title", "Front", "--room",
        "hall",
    ]);
    let claim = ["claim", "--event", "gp-2026", "--door", "front"];
    desk.configure(ISSUER, "tls = \"own\"\n");
    let own = Claim::parse(&desk.good(&claim).out).unwrap();
    assert_eq!(
        own.tls_pin,
        Claim::parse(&desk.good(&claim).out).unwrap().tls_pin
    );
    assert!(desk.path("data/tls-certificate.pem").exists());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = desk.write("fullchain.pem", &made.cert.pem());
    let tls = format!("tls = {{ certificate = \"{file}\", key = \"unread.pem\" }}\n");
    desk.configure(ISSUER, &tls);
    let parsed = Claim::parse(&desk.good(&claim).out).unwrap();
    let spki = rcgen::PublicKeyData::subject_public_key_info(&made.signing_key);
    assert_eq!(parsed.tls_pin, Some(evidence::sha256(&spki).to_hex()));
    assert_eq!(parsed.url, "https://127.0.0.1:8600");
    fs::write(&file, "not PEM").unwrap();
    desk.refuses(&claim, 1, &["fullchain.pem"]);
}

#[test]
fn a_malformed_file_names_row_and_column_and_imports_nothing() {
    let desk = Desk::with_event();
    let bad = AGENDA.replace("2026-10-31T11:30", "half past");
    desk.import("agenda", "bad.csv", &bad, &[]).check(
        4,
        &["bad.csv", "row 3", "column end", "nothing was imported"],
    );
    desk.good(&["event", "list"]).check(0, &["none"]);
    desk.import("agenda", "schedule.json", "{\"schedule\": 1}", &[])
        .check(4, &["row 1", "frab"]);
    let bad = PEOPLE.replace("active\nR2VN", "perhaps\nR2VN");
    let said = desk
        .import("registrations", "bad.csv", &bad, &[])
        .check(4, &["row 2", "column status"]);
    assert!(
        !said.err.contains("K7QX") && !said.err.contains("zoe@"),
        "{}",
        said.err
    );
    desk.good(&["event", "list"]).check(0, &["none"]);
    let rules = desk.write("rules.toml", &RULES.replace("step", "stepp"));
    desk.refuses(
        &["rules", "check", &rules],
        4,
        &["line 4", "`stepp`", "did you mean `step`"],
    );
    desk.import(
        "registrations",
        "x.json",
        "{\"schedule\": {\"conference\": {}}}",
        &[],
    )
    .check(2, &["frab", "import agenda", "CSV"]);
    desk.import("registrations", "y.json", "{\"code\": 1}", &[])
        .check(4, &["y.json", "neither an order nor a position"]);
    desk.refuses(
        &[
            "import",
            "agenda",
            "--event",
            "gp-2026",
            "--file",
            "/nowhere.csv",
        ],
        1,
        &["/nowhere.csv", "--file"],
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let desk = Desk::with_event();
    desk.import("agenda", "agenda.csv", AGENDA, &["--dry-run"])
        .check(0, &["sessions added: 2", "A dry run"]);
    desk.good(&["event", "list"]).check(0, &["none"]);
    desk.import("agenda", "agenda.csv", AGENDA, &[])
        .check(0, &[]);
    desk.import("agenda", "agenda.csv", AGENDA, &[])
        .check(0, &["Nothing differs"]);
}

#[test]
fn templates_are_what_imports_read() {
    let desk = Desk::with_event();
    for what in ["agenda", "registrations"] {
        let said = desk.good(&["import", what, "--template"]);
        assert!(said.err.contains("required"), "{}", said.err);
        desk.import(what, "template.csv", &said.out, &[])
            .check(0, &["Version 1"]);
        desk.good(&["import", what, "--columns"])
            .check(0, &["optional, e.g."]);
    }
    desk.refuses(&["import", "agenda", "--event", "gp-2026"], 2, &["--file"]);
}

#[test]
fn configuration_faults_name_the_key() {
    let desk = Desk::new();
    desk.configure(ISSUER, "lissten = \"127.0.0.1:8600\"\n");
    desk.refuses(
        &["migrate"],
        4,
        &["issuer.toml, line 3", "`lissten`", "did you mean `listen`"],
    );
    desk.configure(ISSUER, "listen = \"0.0.0.0:8600\"\n");
    desk.refuses(&["migrate"], 4, &["listen", "HTTPS only", "tls = \"own\""]);
    desk.configure("rollcall", "");
    desk.refuses(&["migrate"], 4, &["issuer", "rollcall"]);
    assert!(!desk.path("data").exists());
    fs::remove_file(desk.path("issuer.toml")).unwrap();
    desk.refuses(&["migrate"], 1, &["issuer.toml", "--config"]);
}

#[test]
fn an_issuer_keeps_its_name() {
    let desk = Desk::with_event();
    desk.configure("other.example.org", "");
    for command in [&["migrate"][..], &["event", "list"]] {
        desk.refuses(
            command,
            1,
            &[
                "other.example.org",
                "belongs to \"ce.example.org\"",
                "for life",
            ],
        );
    }
    desk.configure(ISSUER, "");
    desk.good(&["event", "list"]);
}

#[test]
fn what_does_not_exist_is_said_with_what_does() {
    let desk = Desk::with_event();
    for command in [
        &["door", "list", "--event", "gp-2027"][..],
        &["issue", "--event", "gp-2027"],
        &["report", "attendance", "--event", "gp-2027"],
        &["export", "--event", "gp-2027", "--out", "x.tar"],
        &["import", "agenda", "--event", "gp-2027", "--file", "x.csv"],
    ] {
        desk.refuses(
            command,
            1,
            &["no event \"gp-2027\"", "did you mean \"gp-2026\""],
        );
    }
    desk.refuses(&["door", "list", "--event", "GP 2026"], 2, &["--event"]);
    desk.refuses(
        &[
            "door",
            "lost",
            "--event",
            "gp-2026",
            "--door",
            "x",
            "--reason",
            "gone",
            "--operator",
            "bob",
        ],
        1,
        &["no account \"bob\""],
    );
    desk.run_with(
        &["user", "add", "--id", "bob", "--role", "organiser"],
        PASSWORD,
    )
    .check(0, &[]);
    desk.refuses(
        &[
            "door",
            "lost",
            "--event",
            "gp-2026",
            "--door",
            "x",
            "--reason",
            "gone",
            "--operator",
            "bob",
        ],
        1,
        &["no door \"x\""],
    );
    desk.refuses(
        &[
            "door",
            "lost",
            "--event",
            "gp-2026",
            "--door",
            "x",
            "--reason",
            "It burnt",
            "--operator",
            "bob",
        ],
        2,
        &["--reason"],
    );
    desk.refuses(
        &["revoke", "abc", "--reason", "gone", "--operator", "bob"],
        1,
        &["no certificate", "abc"],
    );
    desk.refuses(
        &["user", "add", "--id", "eve", "--role", "king"],
        2,
        &["administrator"],
    );
    desk.refuses(&["nonsense"], 2, &["nonsense"]);
}

#[test]
fn a_door_can_be_given_up() {
    let desk = Desk::with_event();
    desk.import("agenda", "agenda.csv", AGENDA, &[])
        .check(0, &[]);
    desk.good(&[
        "door", "add", "--event", "gp-2026", "--door", "front", "--title", "Front", "--room",
        "hall",
    ]);
    desk.run_with(
        &["user", "add", "--id", "ada", "--role", "administrator"],
        PASSWORD,
    )
    .check(0, &[]);
    let lost = [
        "door",
        "lost",
        "--event",
        "gp-2026",
        "--door",
        "front",
        "--reason",
        "kiosk_stolen",
        "--operator",
        "ada",
    ];
    desk.good(&lost).check(0, &["given up"]);
    desk.good(&lost).check(0, &["nothing was changed"]);
    desk.good(&["door", "list", "--event", "gp-2026"])
        .check(0, &["given up"]);
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let desk = Desk::new();
    // A file where the folder should be refuses whoever asks, root too.
    desk.write("data", "in the way");
    desk.refuses(&["migrate"], 1, &["data"]);
    fs::remove_file(desk.path("data")).unwrap();
    // Nobody makes folders here, whatever their rights.
    desk.write(
        "issuer.toml",
        "data_dir = \"/proc/rollcall-issuer\"\nissuer = \"ce.example.org\"\n",
    );
    desk.refuses(&["migrate"], 1, &["/proc/rollcall-issuer", "`data_dir`"]);
    desk.configure(ISSUER, "");
    desk.good(&["migrate"]);
    let close =
        |mode| fs::set_permissions(desk.path("data"), fs::Permissions::from_mode(mode)).unwrap();
    close(0o500);
    if fs::write(desk.path("data/probe"), "").is_err() {
        desk.refuses(&["event", "list"], 1, &["writable"]);
    }
    close(0o700);
}

#[test]
fn a_lost_master_key_is_not_replaced() {
    let desk = Desk::with_event();
    fs::remove_file(desk.path("data/master.key")).unwrap();
    desk.refuses(&["migrate"], 1, &["master.key", "backup"]);
    assert!(!desk.path("data/master.key").exists());
}

#[test]
fn the_report_has_a_row_for_everybody() {
    let desk = Desk::with_event();
    desk.import("agenda", "agenda.csv", AGENDA, &[])
        .check(0, &[]);
    let rules = desk.write("rules.toml", RULES);
    desk.good(&[
        "rules",
        "adopt",
        "--event",
        "gp-2026",
        "--programme",
        "main",
        "--file",
        &rules,
    ]);
    desk.import("registrations", "people.csv", PEOPLE, &[])
        .check(0, &[]);
    let said = desk.good(&["report", "attendance", "--event", "gp-2026"]);
    let mut lines = said.out.lines();
    assert_eq!(
        lines.next().unwrap(),
        "attendee,name,email,programme,outcome,credits,reason,explanation,standing,decided_at,certificate,certificate_state"
    );
    assert_eq!(
        lines.filter(|line| line.contains(",main,")).count(),
        2,
        "{}",
        said.out
    );
    let said = desk.good(&[
        "report",
        "attendance",
        "--event",
        "gp-2026",
        "--format",
        "json",
    ]);
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["event"], "gp-2026");
    assert_eq!(document["rows"].as_array().unwrap().len(), 2);
}

#[test]
fn an_export_is_an_archive() {
    let desk = Desk::with_event();
    desk.import("agenda", "agenda.csv", AGENDA, &[])
        .check(0, &[]);
    desk.import("registrations", "people.csv", PEOPLE, &[])
        .check(0, &[]);
    let out = desk.path("gp.tar");
    let export = [
        "export",
        "--event",
        "gp-2026",
        "--out",
        out.to_str().unwrap(),
    ];
    desk.good(&export).check(0, &["rollcall verify"]);
    assert!(!desk.path("gp.tar.part").exists());
    assert_eq!(fs::metadata(&out).unwrap().mode() & 0o777, 0o600);
    let files = unpack(&out);
    let archive: Archive = serde_json::from_slice(&files["archive.json"]).unwrap();
    assert_eq!(
        (archive.format.as_str(), archive.issuer.as_str()),
        (FORMAT, ISSUER)
    );
    assert_eq!(archive.logs.len(), 1);
    assert_eq!(archive.logs[0].kind, LogKind::Ledger);
    let lines = files["logs/0/entries.ndjson"]
        .split(|b| *b == b'\n')
        .count()
        - 1;
    assert_eq!(u64::try_from(lines).unwrap(), archive.logs[0].size);
    let report = audit::verify::verify(&files, &audit::verify::Options::default(), &mut |_| {});
    assert!(report.broken_at.is_none(), "{report:?}");
    // Nothing is replaced.
    let before = fs::read(&out).unwrap();
    desk.refuses(&export, 1, &["gp.tar", "another name"]);
    assert_eq!(fs::read(&out).unwrap(), before);
    desk.refuses(
        &["export", "--event", "gp-2026", "--out", "/nowhere/gp.tar"],
        1,
        &["/nowhere/gp.tar", "--out"],
    );
}

#[test]
fn an_export_that_fails_leaves_nothing() {
    let desk = Desk::with_event();
    desk.import("agenda", "agenda.csv", AGENDA, &[])
        .check(0, &[]);
    fs::remove_dir_all(desk.path("data/objects")).unwrap();
    let out = desk.path("gp.tar");
    desk.refuses(
        &[
            "export",
            "--event",
            "gp-2026",
            "--out",
            out.to_str().unwrap(),
        ],
        1,
        &["object store", "restore"],
    );
    assert!(!out.exists() && !desk.path("gp.tar.part").exists());
}

#[test]
fn the_service_answers_while_commands_run_and_ends_when_told() {
    let desk = Desk::with_event();
    // A port that was free a moment ago; another test's program has its own.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    desk.configure(ISSUER, &format!("listen = \"127.0.0.1:{port}\"\n"));
    let mut service = desk.start(&["serve"]);
    let mut said = std::io::BufReader::new(service.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended early");
    }
    let mut call = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    call.write_all(b"GET /v1/nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    call.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    desk.import("agenda", "agenda.csv", AGENDA, &[])
        .check(0, &["Version 1"]);
    desk.refuses(&["serve"], 1, &["cannot listen", "`listen`"]);
    let told = std::process::Command::new("kill")
        .arg(service.id().to_string())
        .status();
    assert!(told.unwrap().success());
    assert!(service.wait().unwrap().success());
}

#[test]
fn help_has_examples_everywhere() {
    let desk = Desk::new();
    for command in [
        &[][..],
        &["serve"],
        &["migrate"],
        &["event", "create"],
        &["event", "list"],
        &["door", "add"],
        &["door", "list"],
        &["door", "lost"],
        &["claim"],
        &["import", "agenda"],
        &["import", "registrations"],
        &["rules", "check"],
        &["rules", "merge"],
        &["rules", "adopt"],
        &["user", "add"],
        &["user", "password"],
        &["user", "list"],
        &["issue"],
        &["revoke"],
        &["report", "attendance"],
        &["export"],
        &["attendance", "confirm"],
        &["attendance", "deny"],
        &["attendance", "correct"],
        &["attendance", "withdraw"],
        &["attendance", "list"],
        &["attendance", "reasons"],
        &["identity", "list"],
        &["identity", "match"],
        &["identity", "unmatch"],
        &["identity", "reasons"],
        &["accommodation", "add"],
        &["accommodation", "list"],
        &["accommodation", "end"],
    ] {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        desk.good(&arguments)
            .check(0, &["rollcall-issuer"])
            .out
            .lines()
            .find(|l| l.contains("  rollcall-"))
            .unwrap();
    }
}
