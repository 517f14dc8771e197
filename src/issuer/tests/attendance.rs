//! What platforms saw, imported with the real program into a real issuer.
#![allow(clippy::unwrap_used, clippy::panic)]

mod desk;

use std::io::{Cursor, Write as _};

use desk::{Desk, PASSWORD, Said};
use issuer::store::{DecisionUnits as _, SignalUnits as _, SqliteStore};

const AGENDA: &str = "session,title,room,start,end,programme\n\
    opening,Opening,hall,2026-03-14T09:00,2026-03-14T10:00,main\n\
    sampling,Sampling,hall,2026-03-14T10:30,2026-03-14T11:30,main\n";
const PEOPLE: &str = "badge,name,email\n\
    K7QX-3MPA-9TZD-WH4E,Ana Duarte,ana@example.com\n\
    R2VN-8CYB-4JFS-XK6T,Ben Okafor,ben@example.com\n";
const RULES: &str = "format = \"rollcall-rules/1\"\nname = \"Test\"\nminutes_per_credit = \"50\"\nstep = \"0.2\"\n\
    platform_alone = \"counts\"\nmissing_check_out = \"none\"\nmissing_check_in = \"none\"\n";
/// Local times of the account without their zone, as Zoom writes them.
const ZOOM: &str = "Meeting ID,Topic,Start Time,End Time,User Email,Duration (Minutes),Participants\n\
    987 6543 210,Opening,03/14/2026 08:55:00 AM,03/14/2026 10:05:00 AM,chair@example.com,70,3\n\
    \n\
    Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest\n\
    Ana Duarte,ana@example.com,03/14/2026 09:00:00 AM,03/14/2026 09:30:00 AM,30,No\n\
    Ana Duarte,ana@example.com,03/14/2026 09:35:00 AM,03/14/2026 10:00:00 AM,25,No\n\
    Ana,,03/14/2026 09:10:00 AM,03/14/2026 09:50:00 AM,40,Yes\n\
    Ben Okafor,ben@example.com,03/14/2026 09:30:00 AM,03/14/2026 09:20:00 AM,-10,No\n";
const TEAMS: &str = "1. Summary\r\nMeeting title\tSampling\r\nAttended participants\t2\r\n\r\n2. Participants\r\n\
    Name\tFirst Join\tLast Leave\tIn-Meeting Duration\tEmail\tParticipant ID (UPN)\tRole\r\n\
    Ben Okafor\t3/14/26, 10:30:00 AM\t3/14/26, 11:25:00 AM\t55m\tben@example.com\tben@example.com\tPresenter\r\n\r\n\
    3. In-Meeting Activities\r\nName\tJoin Time\tLeave Time\tDuration\tEmail\tRole\r\n\
    Ben Okafor\t3/14/26, 10:30:00 AM\t3/14/26, 11:25:00 AM\t55m\tben@example.com\tPresenter\r\n";

/// An event with people, rules and a session behind it.
struct Event(Desk);

impl Event {
    fn new() -> Self {
        let desk = Desk::with_event();
        desk.run_with(
            &["user", "add", "--id", "ada", "--role", "administrator"],
            PASSWORD,
        )
        .check(0, &[]);
        desk.import("agenda", "agenda.csv", AGENDA, &[])
            .check(0, &[]);
        desk.import("registrations", "people.csv", PEOPLE, &[])
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
        for channel in ["zoom/9876543210", "stream"] {
            desk.good(&[
                "channel",
                "add",
                "--event",
                "gp-2026",
                "--channel",
                channel,
                "--title",
                "Stream",
                "--room",
                "hall",
            ]);
        }
        Self(desk)
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.0.path("data/issuer.db")).unwrap()
    }

    fn import(&self, name: &str, bytes: &[u8], more: &[&str]) -> Said {
        let file = self.0.path(name);
        std::fs::write(&file, bytes).unwrap();
        let file = file.display().to_string();
        let base = [
            "import",
            "attendance",
            "--event",
            "gp-2026",
            "--file",
            &file,
        ];
        self.0.run(&[&base, more].concat())
    }

    /// Everything that an import could change.
    fn state(&self) -> (usize, u64, usize) {
        let (store, event) = (self.store(), "gp-2026".parse().unwrap());
        let rows = store.signals(&event).unwrap();
        let rows: u64 = rows.iter().map(|batch| batch.entry.rows).sum();
        let people = store.subjects(&event, None, 1_000).unwrap().len();
        let objects = std::fs::read_dir(self.0.path("data/objects")).unwrap();
        let files = objects.map(|folder| {
            let folder = folder.unwrap().path();
            std::fs::read_dir(folder).unwrap().count()
        });
        (people, rows, files.sum())
    }

    /// The credits of everybody as they are decided now, least first.
    fn credits(&self) -> Vec<String> {
        self.0.run(&["issue", "--event", "gp-2026"]);
        let decisions = self.store().decisions(&"gp-2026".parse().unwrap()).unwrap();
        let mut credits: Vec<String> = decisions
            .into_iter()
            .map(|decision| decision.credits.unwrap().to_string())
            .collect();
        credits.sort();
        credits
    }

    /// An import is tried, made and made again; what it adds is in the state before and after.
    #[track_caller]
    fn takes(
        &self,
        name: &str,
        bytes: &[u8],
        more: &[&str],
        code: i32,
        added: u64,
        words: &[&str],
    ) {
        let before = self.state();
        self.import(name, bytes, &[more, &["--dry-run"]].concat())
            .check(code, words)
            .check(code, &["A dry run: nothing was changed."]);
        assert_eq!(self.state(), before, "a dry run");
        self.import(name, bytes, more).check(code, words);
        let after = self.state();
        assert_eq!(after.1 - before.1, added);
        self.import(name, bytes, more)
            .check(code, &["Nothing new; nothing was changed."]);
        assert_eq!(self.state(), after, "the same file again");
    }
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// A workbook of one sheet with these cells as texts.
fn workbook(table: &str) -> Vec<u8> {
    let cell = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let row = |line: &str| {
        let cells: String = line.split(',').map(cell).collect();
        format!("<row>{cells}</row>")
    };
    let rows: String = table.lines().map(row).collect();
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    let parts = [
        (
            "xl/workbook.xml",
            r#"<workbook xmlns:r="r"><sheets><sheet name="Stays" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        ("xl/worksheets/sheet1.xml", sheet.as_str()),
    ];
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(name, options).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn reports_are_taken_once_and_come_to_credit() {
    let event = Event::new();
    // Nobody guesses the zone of a report that does not say it, and nothing is half done.
    let before = event.state();
    event
        .import("zoom.csv", ZOOM.as_bytes(), &[])
        .check(4, &["zone", "--zone"]);
    event
        .import("teams.csv", &utf16(TEAMS), &["--channel", "stream"])
        .check(4, &["--zone"]);
    assert_eq!(event.state(), before);

    let vienna = ["--zone", "Europe/Vienna"];
    event.takes(
        "zoom.csv",
        ZOOM.as_bytes(),
        &vienna,
        3,
        6,
        &[
            "read as a report or messages of Zoom, 6 observations",
            "channel zoom/9876543210: 6 observations; sessions opening",
            "refused: row 8: left before they joined",
            "1 row refused",
            "people to be matched: 1",
        ],
    );
    event.takes(
        "teams.csv",
        &utf16(TEAMS),
        &[&vienna[..], &["--channel", "stream"]].concat(),
        0,
        2,
        &[
            "read as a report of Teams",
            "channel stream: 2 observations; sessions sampling",
        ],
    );
    let stays = workbook(
        "email,joined,left\nana@example.com,2026-03-14T10:30:00,2026-03-14T11:03:00\nben@example.com,soon,\n",
    );
    event.takes(
        "stays.xlsx",
        &stays,
        &[&vienna[..], &["--channel", "stream", "--system", "hopin"]].concat(),
        3,
        2,
        &[
            "read as a table of attendance in our columns",
            "joined (cell B3)",
        ],
    );
    // 55 minutes of the first session and 33 of the second; 55 of the second. Whoever is only called Ana waits for a reviewer.
    assert_eq!(event.credits(), ["1", "1.6"]);
}

#[test]
fn polls_that_a_report_shows_are_noted_with_their_session() {
    const POLLS: &str = "Poll Report\n\
        Topic,Meeting ID\n\
        Opening,987 6543 210\n\
        Poll Details\n\
        #,User Name,User Email,Submitted Date/Time,\n\
        1,Ana Duarte,ana@example.com,\"Mar 14, 2026 09:20:00\",Which log?,A,How many?,2\n\
        2,Ben Okafor,ben@example.com,\"Mar 14, 2026 09:21:00\",Which log?,B,Why?,\n";
    let event = Event::new();
    let polls = |session: &str, count: &str| {
        event.0.run(&[
            "agenda",
            "polls",
            "--event",
            "gp-2026",
            session,
            count,
            "--operator",
            "ada",
        ])
    };
    let said = "session opening: at least 3 polls offered";
    event.takes(
        "polls.csv",
        POLLS.as_bytes(),
        &["--zone", "Europe/Vienna"],
        0,
        3,
        &[said],
    );
    let again = event.import("polls.csv", POLLS.as_bytes(), &["--zone", "Europe/Vienna"]);
    assert!(!again.out.contains(said), "{}", again.out);
    polls("opening", "3").check(0, &["nothing was changed"]);
    polls("opening", "4").check(0, &["The session opening offered 4 polls."]);
    polls("lunch", "4").check(1, &["no session lunch"]);
    polls("opening", "1001").check(2, &["1001"]);
    event
        .0
        .run(&[
            "agenda",
            "polls",
            "--event",
            "gp-2026",
            "opening",
            "2",
            "--operator",
            "eve",
        ])
        .check(1, &["no account \"eve\""]);
}

#[test]
fn a_platforms_secret_is_taken_from_a_file_and_never_shown() {
    const SECRET: &str = "zoom-app-secret-0815";
    let desk = Desk::with_event();
    let file = desk.write("secret.txt", &format!("{SECRET}\n"));
    let add = |id: &str, kind: &str, more: &[&str]| {
        let base = [
            "source", "add", "--event", "gp-2026", "--id", id, "--kind", kind,
        ];
        desk.run(&[&base, more].concat())
    };
    let said = add("zoom", "zoom", &["--secret-file", &file])
        .check(0, &["/v1/hooks/zoom", "sealed", "needed no more"]);
    assert!(said.out.trim().ends_with("/v1/hooks/zoom"), "{}", said.out);
    assert!(!format!("{}{}", said.out, said.err).contains(SECRET));
    add("zoom", "zoom", &["--secret-file", &file]).check(1, &["already"]);
    add("bbb", "bigbluebutton", &["--secret-file", "-"]).check(4, &["one word"]);
    add("bbb", "bigbluebutton", &[]).check(2, &["--secret-file"]);
    add("crm", "registrations", &["--secret-file", &file]).check(2, &["made here"]);
    add("bbb", "bigbluebutton", &["--secret-file", "/nowhere"])
        .check(1, &["/nowhere", "--secret-file"]);
    for wrong in [format!("{SECRET} {SECRET}"), "x".repeat(257), String::new()] {
        let file = desk.write("wrong.txt", &wrong);
        let said = add("bbb", "bigbluebutton", &["--secret-file", &file]);
        let said = said.check(4, &["wrong.txt", "one word"]);
        assert!(!said.err.contains(SECRET), "{}", said.err);
    }
    desk.good(&["source", "list", "--event", "gp-2026"])
        .check(0, &["zoom", "may send"]);
}
