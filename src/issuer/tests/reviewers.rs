//! What reviewers say by commands: words on attendance, whose accounts are, what was granted. The real program.
#![allow(clippy::unwrap_used, clippy::panic)]

mod desk;

use desk::{Desk, PASSWORD, unpack};

const AGENDA: &str = "session,title,room,start,end\n\
                      s1,Opening,hall,2024-10-31T09:00,2024-10-31T10:00\n\
                      s2,Sampling,hall,2024-10-31T10:30,2024-10-31T11:30\n";
const PEOPLE: &str = "badge,name,email,status\n\
                      K7QX-3MPA-9TZD-WH4E,Zoë Łukasik,zoe@example.org,active\n\
                      R2VN-8CYB-4JFS-XK6T,Tom Baker,desk@example.org,active\n\
                      M4TC-6BHD-2WQP-ZR9A,Tim Baker,desk@example.org,active\n";
const RULES: &str = "format = \"rollcall-rules/1\"\nname = \"Test\"\nminutes_per_credit = \"60\"\nstep = \"0.5\"\n\
                     threshold = { share = \"0.8\" }\n";

/// An event that is over, its people, and accounts of each role that matters here.
fn desk() -> Desk {
    let desk = Desk::with_event();
    desk.import("agenda", "agenda.csv", AGENDA, &[])
        .check(0, &[]);
    desk.import("registrations", "people.csv", PEOPLE, &[])
        .check(0, &[]);
    let rules = desk.write("rules.toml", RULES);
    let adopt = [
        "rules",
        "adopt",
        "--event",
        "gp-2026",
        "--programme",
        "main",
    ];
    desk.good(&[&adopt[..], &["--file", &rules]].concat());
    for (id, role) in [
        ("ada", "administrator"),
        ("rita", "reviewer"),
        ("dora", "door"),
    ] {
        let add = ["user", "add", "--id", id, "--role", role];
        desk.run_with(&add, PASSWORD).check(0, &[]);
    }
    desk
}

/// A row of the attendance report, by the name in it.
fn row(desk: &Desk, name: &str) -> String {
    let report = desk.good(&["report", "attendance", "--event", "gp-2026"]);
    let found = report.out.lines().find(|line| line.contains(name));
    found.unwrap_or_default().to_owned()
}

/// Somebody's pseudonym: as an account that their address is listed for says it.
fn pseudonym(desk: &Desk, name: &str) -> String {
    let row = row(desk, name);
    row.split(',').next().unwrap().to_owned()
}

fn verified(desk: &Desk) {
    let out = desk.path("gp.tar");
    let _ = std::fs::remove_file(&out);
    desk.good(&[
        "export",
        "--event",
        "gp-2026",
        "--out",
        out.to_str().unwrap(),
    ]);
    let files = unpack(&out);
    let report = audit::verify::verify(&files, &audit::verify::Options::default(), &mut |_| {});
    assert!(report.broken_at.is_none(), "{report:?}");
}

const WORDS: &str = "email,session,word,reason,when\n\
                     zoe@example.org,s1,confirmed,seen_by_moderator,2024-10-31T10:05\n";

#[test]
fn attendance_is_confirmed_corrected_denied_and_taken_back() {
    let desk = desk();
    // A sheet of a moderator makes her known to the report.
    desk.import(
        "attendance",
        "words.csv",
        WORDS,
        &["--operator", "rita", "--reason", "list"],
    )
    .check(0, &["observations added: 1"]);
    let zoe = pseudonym(&desk, "Zoë");
    assert!(
        row(&desk, "Zoë").contains("partial,1,partial_credit"),
        "{}",
        row(&desk, "Zoë")
    );
    let say = |what: &[&str], reason: &str, operator: &str| {
        let who = ["--event", "gp-2026", "--attendee", &zoe];
        let why = ["--reason", reason, "--operator", operator];
        desk.run(&[&["attendance"], what, &who[..], &why[..]].concat())
    };
    say(&["confirm", "--session", "s2"], "seen_by_moderator", "rita")
        .check(0, &["ledger entry", "decided again"]);
    assert!(
        row(&desk, "Zoë").contains("full,2,met_duration_threshold"),
        "{}",
        row(&desk, "Zoë")
    );
    say(&["confirm", "--session", "s2"], "seen_by_staff", "rita").check(0, &["stands already"]);
    say(&["deny", "--session", "s2"], "badge_lent", "ada").check(0, &["ledger entry"]);
    assert!(
        row(&desk, "Zoë").contains("partial,1,"),
        "{}",
        row(&desk, "Zoë")
    );
    let listed = desk.good(&[
        "attendance",
        "list",
        "--event",
        "gp-2026",
        "--attendee",
        &zoe,
    ]);
    let denied = listed
        .out
        .lines()
        .find(|line| line.contains("denied"))
        .unwrap();
    let word = denied.split(' ').next().unwrap().to_owned();
    say(&["withdraw", &word], "wrong_person", "rita").check(0, &["taken back"]);
    assert!(
        row(&desk, "Zoë").contains("full,2,"),
        "{}",
        row(&desk, "Zoë")
    );
    say(&["withdraw", &word], "wrong_person", "rita").check(1, &["taken back already"]);
    desk.good(&[
        "attendance",
        "list",
        "--event",
        "gp-2026",
        "--attendee",
        &zoe,
    ])
    .check(0, &["counts", "taken back by", "badge_lent", "rita"]);

    say(
        &["correct", "--room", "hall", "--out", "2024-10-31T09:12"],
        "scan_forgotten",
        "rita",
    )
    .check(0, &["ledger entry"]);
    for (what, reason, operator, code, words) in [
        (
            &["confirm", "--session", "s9"][..],
            "seen_by_staff",
            "rita",
            1,
            "no session s9",
        ),
        (
            &["confirm", "--session", "s1"],
            "badge_lent",
            "rita",
            1,
            "give one of",
        ),
        (
            &["confirm", "--session", "s1"],
            "seen_by_staff",
            "dora",
            1,
            "reviewer",
        ),
        (
            &["confirm", "--session", "s1"],
            "seen_by_staff",
            "nobody",
            1,
            "no account",
        ),
        (
            &["correct", "--room", "hall"],
            "door_down",
            "rita",
            2,
            "--in",
        ),
        (
            &["correct", "--room", "hall", "--in", "half past"],
            "door_down",
            "rita",
            2,
            "write it as",
        ),
        (&["withdraw", "one"], "wrong_time", "rita", 2, "118.0"),
    ] {
        say(what, reason, operator).check(code, &[words]);
    }
    desk.good(&["attendance", "reasons"])
        .check(0, &["seen_by_moderator", "scan_forgotten"]);
    verified(&desk);
}

#[test]
fn a_note_comes_from_a_file_and_stands_in_no_evidence() {
    let desk = desk();
    desk.import(
        "attendance",
        "words.csv",
        WORDS,
        &["--operator", "rita", "--reason", "list"],
    )
    .check(0, &[]);
    let zoe = pseudonym(&desk, "Zoë");
    let note = desk.write("note.txt", "Her daughter was ill.\n");
    desk.good(&[
        "attendance",
        "confirm",
        "--event",
        "gp-2026",
        "--attendee",
        &zoe,
        "--session",
        "s2",
        "--reason",
        "other",
        "--operator",
        "rita",
        "--note-file",
        &note,
    ]);
    let listed = desk.good(&[
        "attendance",
        "list",
        "--event",
        "gp-2026",
        "--attendee",
        &zoe,
    ]);
    assert!(!listed.out.contains("daughter"));
    verified(&desk);
    for (name, bytes) in unpack(&desk.path("gp.tar")) {
        assert!(!bytes.windows(8).any(|part| part == b"daughter"), "{name}");
    }
}

const STAYS: &str = "channel,id,email,name,joined,left\n\
                     main,,desk@example.org,T. Baker,2024-10-31T08:55:00+01:00,2024-10-31T10:05:00+01:00\n\
                     main,crm-7,,Zoe Lukasik,2024-10-31T08:55:00+01:00,2024-10-31T10:05:00+01:00\n";

#[test]
fn accounts_are_listed_with_hints_matched_and_unmatched() {
    let desk = desk();
    let channel = [
        "channel",
        "add",
        "--event",
        "gp-2026",
        "--channel",
        "table/main",
    ];
    let channel = [&channel[..], &["--title", "Stream", "--room", "hall"]].concat();
    desk.import("attendance", "stays.csv", STAYS, &[])
        .check(0, &["nobody's yet, for a reviewer: 4"]);
    desk.good(&channel);
    let list = ["identity", "list", "--event", "gp-2026"];
    let listed = desk.good(&list).check(
        0,
        &[
            "Zoe Lukasik",
            "the same name",
            "ambiguous",
            "Tom Baker",
            "Tim Baker",
            "their registration lists it",
            "2 accounts nobody's",
            "next: ",
        ],
    );
    let account = |of: &str| {
        let line = listed.out.lines().find(|line| line.contains(of)).unwrap();
        line[..64].to_owned()
    };
    let candidate = |of: &str| {
        let line = listed
            .out
            .lines()
            .find(|line| line.contains(of) && line.contains("perhaps"));
        line.unwrap().split(' ').nth(3).unwrap().to_owned()
    };
    let say = |what: &str, account: &str, attendee: &str, reason: &str| {
        desk.run(&[
            "identity",
            what,
            "--event",
            "gp-2026",
            "--account",
            account,
            "--attendee",
            attendee,
            "--reason",
            reason,
            "--operator",
            "rita",
        ])
    };
    let (zoe, tom) = (candidate("Zoë"), candidate("Tom Baker"));
    // Nobody was matched by the name.
    let nothing = "none,0,no_attendance";
    assert!(row(&desk, "Zoë").contains(nothing), "{}", row(&desk, "Zoë"));
    say(
        "match",
        &account("Zoe Lukasik")[..8],
        &zoe,
        "told_by_attendee",
    )
    .check(0, &["is", "decided again"]);
    assert!(
        row(&desk, "Zoë").contains("partial,1,"),
        "{}",
        row(&desk, "Zoë")
    );
    say(
        "match",
        &account("Zoe Lukasik")[..8],
        &zoe,
        "told_by_attendee",
    )
    .check(0, &["already"]);
    say(
        "match",
        &account("desk@example.org"),
        &tom,
        "known_to_organiser",
    )
    .check(0, &["is"]);
    assert!(row(&desk, "Tom").contains("partial,1,"));
    assert!(row(&desk, "Tim").contains(nothing), "{}", row(&desk, "Tim"));
    desk.good(&list).check(0, &["0 accounts nobody's"]);
    say("unmatch", &account("Zoe Lukasik"), &zoe, "another_person").check(0, &["is not"]);
    assert!(
        row(&desk, "Zoë").contains("none,0,no_attendance"),
        "{}",
        row(&desk, "Zoë")
    );
    let listed = desk.good(&list).check(0, &["1 account nobody's"]);
    assert!(
        !listed.out.contains("perhaps"),
        "who was refused is no candidate"
    );
    for (account, reason, code, words) in [
        ("00000000", "told_by_attendee", 1, "no source showed"),
        ("zoe@example.org", "told_by_attendee", 2, "lower hex"),
        (&account("Zoe Lukasik")[..8], "because", 2, "give one of"),
    ] {
        say("match", account, &zoe, reason).check(code, &[words]);
    }
    verified(&desk);
}

const SHORT_STAY: &str = "channel,id,email,name,joined,left\n\
                          main,,zoe@example.org,Zoë,2024-10-31T09:00:00+01:00,2024-10-31T09:40:00+01:00\n";
/// What nobody but those who grant may read anywhere.
const PRIVATE: &[&str] = &[
    "accommod",
    "grant",
    "extra",
    "disab",
    "wheelchair",
    "assist",
    "adjust",
    "no_longer",
];

#[test]
fn accommodations_count_and_show_nowhere() {
    let desk = desk();
    let channel = [
        "channel",
        "add",
        "--event",
        "gp-2026",
        "--channel",
        "table/main",
    ];
    desk.good(&[&channel[..], &["--title", "Stream", "--room", "hall"]].concat());
    desk.import("attendance", "stays.csv", SHORT_STAY, &[])
        .check(0, &["added: 2"]);
    let zoe = pseudonym(&desk, "Zoë");
    let before = row(&desk, "Zoë");
    assert!(before.contains("none,0,below_minimum"), "{before}");
    let note = desk.write("note.txt", "She uses a wheelchair.");
    let change = |what: &[&str], operator: &str| {
        let who = ["--event", "gp-2026", "--attendee", &zoe];
        let why = ["--operator", operator, "--note-file", &note];
        desk.run(&[&["accommodation"], what, &who[..], &why[..]].concat())
    };
    let extra = ["add", "--extra-min", "10", "--reason-code", "disability"];
    change(&extra, "rita").check(1, &["only an administrator"]);
    change(&extra, "ada").check(0, &["granted", "decided again"]);
    change(&extra, "ada").check(0, &["granted already"]);
    let granted = row(&desk, "Zoë");
    assert!(granted.contains("partial,0.5,partial_credit"), "{granted}");
    let whole = [
        "add",
        "--whole",
        "--session",
        "s2",
        "--reason-code",
        "disability",
    ];
    change(&whole, "ada").check(0, &["decided again"]);
    assert!(
        row(&desk, "Zoë").contains("partial,1.5,"),
        "{}",
        row(&desk, "Zoë")
    );
    desk.good(&[
        "accommodation",
        "list",
        "--event",
        "gp-2026",
        "--attendee",
        &zoe,
    ])
    .check(
        0,
        &[
            "granted: 10 min more in every session",
            "s2 counts whole",
            "A disability",
            "wheelchair",
        ],
    );

    let issued = desk.good(&["issue", "--event", "gp-2026"]);
    let report = desk.good(&["report", "attendance", "--event", "gp-2026"]);
    let json = desk.good(&[
        "report",
        "attendance",
        "--event",
        "gp-2026",
        "--format",
        "json",
    ]);
    verified(&desk);
    let files = unpack(&desk.path("gp.tar"));
    let payload = |bytes: &[u8]| bytes.starts_with(b"{\"v\":1,\"salt\"");
    let payloads: Vec<String> = files
        .values()
        .filter(|bytes| payload(bytes))
        .map(|bytes| String::from_utf8(bytes.clone()).unwrap())
        .collect();
    assert_eq!(payloads.len(), 1);
    let decisions = files.values().filter(|bytes| {
        bytes.windows(13).any(|part| part == b"\"explanation\"") && !payload(bytes)
    });
    let decisions: Vec<String> = decisions
        .map(|bytes| String::from_utf8(bytes.clone()).unwrap())
        .collect();
    assert!(!decisions.is_empty());
    let texts = [issued.out, issued.err, report.out, json.out].into_iter();
    for text in texts.chain(payloads).chain(decisions) {
        for word in PRIVATE {
            assert!(!text.to_lowercase().contains(word), "{word}: {text}");
        }
    }

    let end = [
        "end",
        "--whole",
        "--session",
        "s2",
        "--reason-code",
        "no_longer_needed",
    ];
    change(&end, "ada").check(0, &["granted no more"]);
    assert!(
        row(&desk, "Zoë").contains("partial,0.5,"),
        "{}",
        row(&desk, "Zoë")
    );
    change(&end, "ada").check(0, &["not granted"]);
    let both = [
        "add",
        "--whole",
        "--session",
        "s2",
        "--extra-min",
        "5",
        "--reason-code",
        "care",
    ];
    for (what, words) in [
        (&both[..], "cannot be used with"),
        (&["add", "--whole", "--reason-code", "care"], "--session"),
        (&["add", "--reason-code", "care"], "required"),
        (
            &["add", "--extra-min", "241", "--reason-code", "care"],
            "241",
        ),
    ] {
        change(what, "ada").check(2, &[words]);
    }
    verified(&desk);
}

#[test]
fn an_assistants_badge_counts_as_well_by_person_or_by_code() {
    let desk = desk();
    desk.import(
        "attendance",
        "words.csv",
        WORDS,
        &["--operator", "rita", "--reason", "list"],
    )
    .check(0, &[]);
    let zoe = pseudonym(&desk, "Zoë");
    let code = desk.write("badge.txt", "GUIDE-77\n");
    let change = |what: &str, whose: &[&str], reason: &str| {
        let who = [
            "accommodation",
            what,
            "--event",
            "gp-2026",
            "--attendee",
            &zoe,
        ];
        let why = ["--reason-code", reason, "--operator", "ada"];
        desk.run(&[&who[..], whose, &why[..]].concat())
    };
    change("add", &["--badge-file", &code], "disability").check(0, &["decided again"]);
    change("add", &["--assistant", &zoe], "disability").check(1, &["their own"]);
    change("add", &["--assistant", "a-nobody"], "disability").check(1, &["no attendee a-nobody"]);
    desk.good(&[
        "accommodation",
        "list",
        "--event",
        "gp-2026",
        "--attendee",
        &zoe,
    ])
    .check(0, &["counts as well"]);
    change("end", &["--badge-file", &code], "granted_in_error").check(0, &["granted no more"]);
    desk.good(&[
        "accommodation",
        "list",
        "--event",
        "gp-2026",
        "--attendee",
        &zoe,
    ])
    .check(0, &["Nothing is granted", "granted in error"]);
}
