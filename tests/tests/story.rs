//! A conference day told as a story: three rooms, twelve sessions, four hundred people and what goes wrong on real days, from the files and
//! batches as they come to the decisions as they stand in the end.
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
use std::path::{Path, PathBuf};

use attendance::UtcMs;
use attendance::words::{AttendeeId, Direction, DirectionSource};
use issuer::store::DecisionUnits as _;
use issuer::store::decisions::DecisionFacts;
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
        ["cancelled", "at", when] => Act::Cancelled { at: time(when) },
        [when, door, word] => scan(when, door, word, DirectionSource::Reader),
        _ => panic!("nobody knows how to play {text:?}"),
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
                Act::Cancelled { .. } | Act::Scan { .. } => None,
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

fn play(office: &Office, doors: &mut Doors, groups: &[Group]) {
    enum Next<'a> {
        Beat(Beat),
        Scan(&'a str, usize, Direction, DirectionSource),
    }
    let all: Vec<(usize, Vec<Act>)> = groups
        .iter()
        .flat_map(|group| {
            let first = group.people.start;
            group
                .people
                .clone()
                .map(move |n| (n, acts(group, n - first)))
        })
        .collect();
    let mut day: Vec<(UtcMs, Next)> = beats()
        .into_iter()
        .map(|(when, beat)| (when, Next::Beat(beat)))
        .collect();
    for (number, acts) in &all {
        for act in acts {
            if let Act::Scan {
                door,
                at,
                direction,
                source,
            } = act
            {
                day.push((*at, Next::Scan(door, *number, *direction, *source)));
            }
        }
    }
    day.sort_by_key(|(when, _)| *when);
    let mut decider = office.decider();
    for (when, next) in day {
        match next {
            Next::Scan(door, number, direction, source) => {
                doors
                    .of(door)
                    .scan_read(office, when, &person(number), direction, source);
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
                if door != "lab-door" {
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
    let mut doors = Doors::new(&office, eve);
    play(&office, &mut doors, &groups);
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
