//! A conference day told as a story: three rooms, twelve sessions, four hundred people and what goes wrong on real days, from the files and
//! batches as they come to the decisions as they stand in the end. The hall is streamed; its report and its polls come in the afternoon, with
//! what staff wrote down; the morning after somebody says whose a visitor without an address was.
//!
//! Contract: `story/day.md` is the story and what is expected of it. The test plays its third column through the issuer's own readers,
//! imports, intake, store and deciders, and compares what was decided with the others. `~` spreads a group's people over two minutes. Where
//! decisions truly are to change, `ROLLCALL_BLESS=1` writes the table anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test says what is wrong"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use attendance::UtcMs;
use attendance::words::{AttendeeId, Direction, DirectionSource};
use issuer::imports::accommodations::{self, Grant};
use issuer::imports::observed::By;
use issuer::imports::said::Because;
use issuer::imports::{self, identity};
use issuer::store::decisions::DecisionFacts;
use issuer::store::signals::SubjectFacts;
use issuer::store::{DecisionUnits as _, SignalUnits as _};
use protocol::agenda::Channel;
use rollcall_tests::desk::{DoorLog, Office, id};
use rollcall_tests::world::person;

const EVENT: &str = "harbour-days";
const PROGRAMME: &str = "main";
/// Midnight of 12 June 2026 at the conference, in UTC.
const MIDNIGHT: UtcMs = UtcMs(1_781_215_200_000);
/// A group's people come one after the other within these seconds.
const SPREAD_S: i64 = 120;
const COLUMNS: usize = 7;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/story")
}

fn file(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// `09:05` or `09:05:01` on the day.
fn at(text: &str) -> UtcMs {
    let parts: Vec<i64> = text.split(':').map(|part| part.parse().unwrap()).collect();
    let seconds = parts[0] * 3_600 + parts[1] * 60 + parts.get(2).unwrap_or(&0);
    MIDNIGHT.plus_ms(seconds * 1_000)
}

/// One row of the table.
struct Group {
    cells: Vec<String>,
    /// By number, over all groups.
    people: std::ops::Range<usize>,
}

fn groups() -> Vec<Group> {
    let mut first = 0;
    let text = file("day.md");
    let rows = text.lines().skip(2).map(|line| {
        let cells: Vec<String> = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect();
        assert_eq!(cells.len(), COLUMNS, "{line}");
        let people = first..first + cells[1].parse::<usize>().unwrap();
        first = people.end;
        Group { cells, people }
    });
    rows.collect()
}

/// What one person does, as it comes to the issuer.
enum Act {
    Scan {
        door: String,
        at: UtcMs,
        direction: Direction,
        source: DirectionSource,
    },
    Cancelled {
        at: UtcMs,
    },
    /// A row of the platform's report.
    Online {
        from: UtcMs,
        to: UtcMs,
        device: Device,
    },
    /// So many answers at once, to the polls of that moment.
    Polls {
        at: UtcMs,
        count: usize,
    },
    /// A word of the sheet that staff fill in.
    Word {
        session: String,
        word: &'static str,
    },
    /// Speaks at a session.
    Speaks(String),
    /// So many seconds of absence of each session count as presence.
    Extra(u32),
    /// An assistant's badge comes and goes at a door instead.
    Assisted {
        door: String,
        from: UtcMs,
        to: UtcMs,
    },
}

/// How somebody is known to the platform.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Device {
    Laptop,
    /// Another name, the same address.
    Phone,
    /// No address.
    Guest,
}

/// What the third column says of the person of a place in their group.
fn acts(group: &Group, place: usize) -> Vec<Act> {
    let texts = group.cells[2].split(", ").filter(|text| !text.is_empty());
    texts
        .map(|text| act(text, place, group.people.len()))
        .collect()
}

fn act(text: &str, place: usize, of: usize) -> Act {
    let words: Vec<&str> = text.split(' ').collect();
    let time = |text: &str| {
        let spread_ms =
            SPREAD_S * 1_000 * i64::try_from(place).unwrap() / i64::try_from(of).unwrap();
        match text.strip_suffix('~') {
            Some(from) => at(from).plus_ms(spread_ms),
            None => at(text),
        }
    };
    let span = |text: &str| {
        let (from, to) = text.split_once('-').unwrap();
        (time(from), time(to))
    };
    let online = |text: &str, device| {
        let (from, to) = span(text);
        Act::Online { from, to, device }
    };
    let direction = |word: &str| match word {
        "in" => Direction::In,
        "out" => Direction::Out,
        _ => panic!("{word} in {text}"),
    };
    let scan = |when: &str, door: &str, word: &str, source| Act::Scan {
        door: door.to_owned(),
        at: time(when),
        direction: direction(word),
        source,
    };
    match words.as_slice() {
        [when, door, "toggled", word] => scan(when, door, word, DirectionSource::Toggled),
        ["online", when] => online(when, Device::Laptop),
        ["online", when, "phone"] => online(when, Device::Phone),
        ["online", when, "guest"] => online(when, Device::Guest),
        [when, count, "polls"] => Act::Polls {
            at: time(when),
            count: count.parse().unwrap(),
        },
        ["confirmed", session] => Act::Word {
            session: (*session).to_owned(),
            word: "confirmed",
        },
        ["denied", session] => Act::Word {
            session: (*session).to_owned(),
            word: "denied",
        },
        ["speaks", session] => Act::Speaks((*session).to_owned()),
        ["extra", seconds, "s"] => Act::Extra(seconds.parse().unwrap()),
        ["assistant", door, when] => {
            let (from, to) = span(when);
            let door = (*door).to_owned();
            Act::Assisted { door, from, to }
        }
        ["cancelled", "at", when] => Act::Cancelled { at: time(when) },
        [when, door, word] => scan(when, door, word, DirectionSource::Reader),
        _ => panic!("nobody knows how to play {text:?}"),
    }
}

/// The badge of somebody's assistant.
fn assistant(number: usize) -> String {
    person(5_000 + number)
}

/// What staff say of people before the day.
fn arrange(office: &Office, all: &[(usize, Vec<Act>)], now: UtcMs) {
    let by = By {
        operator: "ada",
        reason: "arranged_before",
        note: None,
    };
    let because = Because {
        operator: "ada",
        reason: "health",
        note: "",
    };
    for (number, acts) in all {
        let whose = office.whose(&person(*number)).unwrap();
        let (desk, event) = (|| office.desk(now), &office.event);
        for act in acts {
            match act {
                Act::Speaks(session) => {
                    identity::speaks(desk(), event, &whose, &[id(session)], by).unwrap();
                }
                Act::Extra(extra_s) => {
                    let granted = Grant::Extra {
                        session: None,
                        extra_s: *extra_s,
                    };
                    accommodations::add(desk(), event, &whose, &granted, because).unwrap();
                }
                Act::Assisted { .. } => {
                    let badge = office.badge(&assistant(*number));
                    let granted = Grant::Assistant { badge };
                    accommodations::add(desk(), event, &whose, &granted, because).unwrap();
                }
                _ => {}
            }
        }
    }
}

/// A time of the day as Zoom's reports of meetings and of polls have it, local.
fn zoom_times(at: UtcMs) -> [String; 2] {
    let seconds = (at.0 - MIDNIGHT.0) / 1_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let half = if hour < 12 { "AM" } else { "PM" };
    let of_twelve = (hour + 11) % 12 + 1;
    [
        format!("06/12/2026 {of_twelve:02}:{minute:02}:{second:02} {half}"),
        format!("Jun 12, 2026 {hour:02}:{minute:02}:{second:02}"),
    ]
}

/// Zoom's report of who joined, and its report of polls.
fn zoom_reports(all: &[(usize, Vec<Act>)]) -> (String, String) {
    let mut joined = "Meeting ID,Topic,Start Time,End Time,User Email,Duration (Minutes),Participants\n\
        987 6543 210,Great Hall,06/12/2026 08:30:00 AM,06/12/2026 03:00:00 PM,chair@example.org,390,9\n\n\
        Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest\n"
        .to_owned();
    let mut polls = "Poll Report\nReport Generated:,\"Jun 12, 2026 15:00:00\"\n\
        Topic,Meeting ID,Actual Start Time,Actual Duration (minutes)\n\
        Great Hall,987 6543 210,\"Jun 12, 2026 08:30:00\",390\nPoll Details\n\
        #,User Name,User Email,Submitted Date/Time,\n"
        .to_owned();
    let mut row = 0;
    for (number, acts) in all {
        let address = |device: Device| match device {
            Device::Guest => String::new(),
            Device::Laptop | Device::Phone => format!("p{number}@example.org"),
        };
        for act in acts {
            match act {
                Act::Online { from, to, device } => {
                    let name = match device {
                        Device::Phone => "telephone".to_owned(),
                        Device::Laptop | Device::Guest => format!("Person {number:03}"),
                    };
                    let minutes = (to.0 - from.0) / 60_000;
                    let ([from, _], [to, _]) = (zoom_times(*from), zoom_times(*to));
                    let address = address(*device);
                    let _ = writeln!(joined, "{name},{address},{from},{to},{minutes},Yes");
                }
                Act::Polls { at, count } => {
                    row += 1;
                    let is_guest = |act: &Act| matches!(act, Act::Online { device, .. } if *device == Device::Guest);
                    let device = if acts.iter().any(is_guest) {
                        Device::Guest
                    } else {
                        Device::Laptop
                    };
                    let ([_, when], address) = (zoom_times(*at), address(device));
                    let answers: String =
                        (0..*count).map(|n| format!(",Question {n}?,Yes")).collect();
                    let name = format!("Person {number:03}");
                    let _ = writeln!(polls, "{row},{name},{address},\"{when}\"{answers}");
                }
                _ => {}
            }
        }
    }
    (joined, polls)
}

/// The sheet that staff fill in.
fn sheet(all: &[(usize, Vec<Act>)]) -> String {
    let mut csv = "email,session,word,reason,when\n".to_owned();
    for (number, acts) in all {
        for act in acts {
            if let Act::Word { session, word } = act {
                let reason = if *word == "denied" {
                    "left_badge"
                } else {
                    "seen_by_moderator"
                };
                let _ = writeln!(
                    csv,
                    "p{number}@example.org,{session},{word},{reason},2026-06-12T15:30"
                );
            }
        }
    }
    csv
}

/// The only one whom the reports show and no registration: the visitor without an address.
fn match_visitor(office: &Office, all: &[(usize, Vec<Act>)], now: UtcMs) {
    let is_guest = |acts: &[Act]| {
        acts.iter()
            .any(|act| matches!(act, Act::Online { device, .. } if *device == Device::Guest))
    };
    let guests: Vec<usize> = all
        .iter()
        .filter(|(_, acts)| is_guest(acts))
        .map(|(number, _)| *number)
        .collect();
    let [guest] = guests.as_slice() else {
        panic!("one visitor has no address");
    };
    let subjects = office.store.subjects(&office.event, None, 1_000).unwrap();
    let nobodys = |facts: &&SubjectFacts| facts.accounts.iter().all(|(_, whose)| whose.is_empty());
    let unknown: Vec<&SubjectFacts> = subjects.iter().filter(nobodys).collect();
    assert!(!unknown.is_empty(), "the visitor is nobody's");
    let whose = office.whose(&person(*guest)).unwrap();
    for facts in unknown {
        let by = By {
            operator: "ada",
            reason: "asked_by_telephone",
            note: None,
        };
        let (desk, event) = (office.desk(now), &office.event);
        identity::match_subject(desk, event, (facts.subject, &whose), by).unwrap();
    }
}

/// The name of a person: of each group the first two have the same.
fn name(group: &Group, number: usize) -> String {
    let place = number - group.people.start;
    if place < 2 && group.people.len() == 2 {
        return format!("Alex Example {}", group.people.start);
    }
    format!("Person {number:03}")
}

/// The list of people as it stands at some time.
fn registrations(groups: &[Group], now: UtcMs) -> String {
    let mut csv = "badge,name,email,valid_until\n".to_owned();
    for group in groups {
        for number in group.people.clone() {
            let acts = acts(group, number - group.people.start);
            let cancelled = acts.iter().find_map(|act| match act {
                Act::Cancelled { at } if *at <= now => Some(*at),
                _ => None,
            });
            let until = cancelled.map_or_else(String::new, protocol::text::instant);
            let until = until
                .get(..16)
                .map_or(String::new(), |text| format!("{text}Z"));
            let (badge, name) = (person(number), name(group, number));
            csv.push_str(&format!("{badge},{name},p{number}@example.org,{until}\n"));
        }
    }
    csv
}

/// The doors of the day, each with its kiosk.
struct Doors(BTreeMap<String, DoorLog>);

impl Doors {
    fn new(office: &Office, now: UtcMs) -> Self {
        let doors = [
            ("hall-north", "hall"),
            ("hall-south", "hall"),
            ("studio-door", "studio"),
            ("lab-door", "lab"),
        ];
        let mut logs = BTreeMap::new();
        for ((door, room), seed) in doors.into_iter().zip(1..) {
            logs.insert(door.to_owned(), office.door(door, &[room], seed, now));
        }
        Self(logs)
    }

    fn of(&mut self, door: &str) -> &mut DoorLog {
        self.0
            .get_mut(door)
            .unwrap_or_else(|| panic!("there is no door {door}"))
    }
}

/// What happens beside what people do, in order of time.
#[derive(Clone, Copy)]
enum Beat {
    /// A kiosk is switched on, its clock set or off by so many minutes.
    On(&'static str, Option<i64>),
    /// A kiosk asks for the time, where it may, and delivers.
    Exchange(&'static str),
    /// A kiosk delivers, and learns no time.
    Deliver(&'static str),
    /// The agenda is imported again, with a session moved and one gone.
    Moved,
    /// Registrations are imported again.
    People,
    /// The platform's reports and the sheet of staff are imported.
    Reports,
}

fn beats() -> Vec<(UtcMs, Beat)> {
    let mut beats = vec![
        (at("08:30"), Beat::On("hall-north", None)),
        (at("08:30"), Beat::On("hall-south", None)),
        (at("08:30"), Beat::On("lab-door", None)),
        (at("08:30"), Beat::On("studio-door", Some(60))),
        (at("08:31"), Beat::Exchange("lab-door")),
        (at("10:30"), Beat::Moved),
        (at("11:10"), Beat::People),
        // The power fails at the south door, and its network with it.
        (at("13:10"), Beat::On("hall-south", Some(-400))),
        (at("15:00"), Beat::Deliver("hall-south")),
        (at("15:01"), Beat::Deliver("hall-south")),
        (at("16:00"), Beat::Reports),
    ];
    for minute in (8 * 60 + 35..15 * 60).step_by(10) {
        let when = MIDNIGHT.plus_ms(minute * 60_000);
        beats.push((when, Beat::Exchange("hall-north")));
        if when < at("13:00") {
            beats.push((when, Beat::Exchange("hall-south")));
        }
        // The studio has no network before ten.
        if when > at("10:00") {
            beats.push((when, Beat::Exchange("studio-door")));
        }
    }
    beats
}

/// What everybody does, by number.
fn all_acts(groups: &[Group]) -> Vec<(usize, Vec<Act>)> {
    let mut all = Vec::new();
    for group in groups {
        let first = group.people.start;
        all.extend(group.people.clone().map(|n| (n, acts(group, n - first))));
    }
    all
}

fn play(office: &Office, doors: &mut Doors, groups: &[Group], all: &[(usize, Vec<Act>)]) {
    enum Next<'a> {
        Beat(Beat),
        Scan(&'a str, String, Direction, DirectionSource),
    }
    let mut day: Vec<(UtcMs, Next)> = beats()
        .into_iter()
        .map(|(when, beat)| (when, Next::Beat(beat)))
        .collect();
    for (number, acts) in all {
        for act in acts {
            match act {
                Act::Scan {
                    door,
                    at,
                    direction,
                    source,
                } => day.push((*at, Next::Scan(door, person(*number), *direction, *source))),
                Act::Assisted { door, from, to } => {
                    let passes = [(from, Direction::In), (to, Direction::Out)];
                    for (at, direction) in passes {
                        let badge = assistant(*number);
                        let scan = Next::Scan(door, badge, direction, DirectionSource::Reader);
                        day.push((*at, scan));
                    }
                }
                _ => {}
            }
        }
    }
    day.sort_by_key(|(when, _)| *when);
    let mut decider = office.decider();
    for (when, next) in day {
        match &next {
            Next::Scan(door, badge, direction, source) => {
                doors
                    .of(door)
                    .scan_read(office, when, badge, *direction, *source);
            }
            Next::Beat(Beat::On(door, off)) => {
                doors
                    .of(door)
                    .switch_on(when, off.map(|minutes| minutes * 60_000));
            }
            Next::Beat(Beat::Exchange(door)) => {
                let log = doors.of(door);
                log.exchange(office, when);
                // The lab's network goes before anything is delivered.
                if *door != "lab-door" {
                    log.deliver(office, when);
                }
            }
            Next::Beat(Beat::Deliver(door)) => doors.of(door).deliver(office, when),
            Next::Beat(Beat::Moved) => {
                office.agenda(&file("agenda-moved.csv"), when);
            }
            Next::Beat(Beat::People) => {
                office.registrations(&registrations(groups, when), when);
            }
            Next::Beat(Beat::Reports) => {
                let (joined, polls) = zoom_reports(all);
                let taken = office.attendance(&joined, None, when);
                assert_eq!(taken.refused_total, 1, "{:?}", taken.refused);
                assert_eq!(office.attendance(&polls, None, when).refused_total, 0);
                let by = By {
                    operator: "ada",
                    reason: "sheet_of_moderators",
                    note: None,
                };
                assert_eq!(
                    office.attendance(&sheet(all), Some(by), when).refused_total,
                    0
                );
                // Whatever comes twice counts once.
                assert_eq!(office.attendance(&joined, None, when).added, 0);
            }
        }
        if matches!(next, Next::Beat(_)) {
            decider.run_once(when).unwrap();
        }
    }
}

/// Everybody's decision, by number.
fn decisions(office: &Office, attendees: &[AttendeeId], now: UtcMs) -> Vec<DecisionFacts> {
    let run = office.decider().settle(now).unwrap();
    assert_eq!(run.put_off, 0, "everybody can be decided");
    let decision = |attendee: &AttendeeId| {
        let held = office
            .store
            .decision(&office.event, attendee, &id(PROGRAMME))
            .unwrap();
        held.unwrap_or_else(|| panic!("nothing is decided of {attendee}"))
    };
    attendees.iter().map(decision).collect()
}

/// One text where all say the same, else each with how many say it.
fn told(texts: impl Iterator<Item = String>) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for text in texts {
        match counts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => counts.push((text, 1)),
        }
    }
    match counts.as_slice() {
        [] => String::new(),
        [(text, _)] => text.clone(),
        several => {
            let each = several
                .iter()
                .map(|(text, count)| format!("{count} x {text}"));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}

fn outcome(decision: &DecisionFacts) -> String {
    let credits = decision
        .credits
        .map_or_else(|| "open".to_owned(), |c| c.to_string());
    format!("{} {credits}", decision.outcome)
}

fn table(groups: &[Group], evening: &[DecisionFacts], end: &[DecisionFacts]) -> String {
    let text = file("day.md");
    let mut lines: Vec<String> = text.lines().take(2).map(str::to_owned).collect();
    for group in groups {
        let of = |decisions: &[DecisionFacts], say: fn(&DecisionFacts) -> String| {
            told(decisions[group.people.clone()].iter().map(say))
        };
        let cells = [
            group.cells[0].clone(),
            group.cells[1].clone(),
            group.cells[2].clone(),
            of(evening, outcome),
            of(end, outcome),
            of(end, |d| d.reason.to_string()),
            of(end, |d| d.explanation.clone()),
        ];
        lines.push(format!("| {} |", cells.join(" | ")));
    }
    lines.join("\n") + "\n"
}

#[test]
fn a_day_comes_to_what_the_table_says() {
    let groups = groups();
    let eve = MIDNIGHT.plus_ms(-6 * 3_600_000);
    let office = Office::new(EVENT, "Europe/Vienna", eve);
    office.agenda(&file("agenda.csv"), eve);
    office.adopt(PROGRAMME, &file("rules.toml"), eve);
    office.registrations(&registrations(&groups, eve), eve);
    let channel = Channel {
        id: "zoom/9876543210".into(),
        title: "Great Hall, streamed".into(),
        rooms: vec![id("hall")],
    };
    imports::channels::put_channel(office.desk(eve), &office.event, &channel).unwrap();
    let acts = all_acts(&groups);
    arrange(&office, &acts, eve);
    let mut doors = Doors::new(&office, eve);
    play(&office, &mut doors, &groups, &acts);
    let all = 0..groups.last().unwrap().people.end;
    let attendees: Vec<AttendeeId> = all.map(|n| office.whose(&person(n)).unwrap()).collect();
    let evening = decisions(&office, &attendees, at("18:00"));
    // The lab's door is carried to a network.
    let morning = MIDNIGHT.plus_ms(32 * 3_600_000);
    doors.of("lab-door").exchange(&office, morning);
    doors.of("lab-door").deliver(&office, morning);
    doors
        .of("lab-door")
        .deliver(&office, morning.plus_ms(60_000));
    match_visitor(&office, &acts, morning.plus_ms(120_000));
    let end = decisions(&office, &attendees, morning.plus_ms(600_000));
    let found = table(&groups, &evening, &end);
    if std::env::var_os("ROLLCALL_BLESS").is_some() {
        std::fs::write(folder().join("day.md"), &found).unwrap();
    }
    let expected = file("day.md");
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
}
