//! Every kind of signal and every reason, on both sides of what turns it. Days are written as lines, minutes from the hour.
#![allow(clippy::unwrap_used, clippy::panic)]

mod credit;
mod places;
mod presence;

use std::collections::BTreeMap;

use attendance::agenda::{
    Accommodation, FieldShare, Grant, LocalDay, Programme, Registration, Session, Window,
};
use attendance::rules::{
    BelowThreshold, CreditSource, Denial, FieldRounding, MissingCheckIn, MissingCheckOut, Overlap,
    PlatformAlone, PollShort, Polls, RepeatedOut, RuleSet, Scope, Speakers, Threshold, Windows,
};
use attendance::time::Quality;
use attendance::words::{
    AttendeeId, Direction, DirectionSource, DoorId, Kind, ProgrammeId, RoomId, SessionId, Signal,
    SignalId, Source, Tick,
};
use attendance::{Decimal, Decision, Evidence, Interval, Known, Reason, Term, UtcMs, decide};

const MIN: i64 = 60_000;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn at(minutes: &str) -> UtcMs {
    UtcMs(decimal(minutes).millionths() * 60 / 1_000)
}

fn window(text: &str) -> Window {
    let (from, to) = text.split_once('-').unwrap();
    Window::new(at(from), at(to)).unwrap()
}

/// `s1 a 0-50`: id, room, minutes.
fn session(text: &str) -> Session {
    let words: Vec<&str> = text.split(' ').collect();
    Session::plain(
        SessionId::new(words[0]).unwrap(),
        RoomId::new(words[1]).unwrap(),
        window(words[2]),
    )
}

/// `in a 0`, `join a 0 laptop`, `leave @s1 50 laptop`, `beat @s1 1 laptop`, `poll @s1 5 p1`, `confirmed s1`, `denied s1 other-log`, `claim a 0`,
/// `app a 0`. A door of two rooms is `a/b`, a room where a session is named `a@s1`. A range `5~6` is an interval; `in! a 5~6 300` was stamped when the door's clock read 300 s.
fn signal((index, line): (usize, &&str)) -> Signal {
    let words: Vec<&str> = line.split(' ').collect();
    let last = words.get(3).copied();
    let crossing = |direction, source| Kind::Crossing { direction, source };
    let way = words[0].trim_end_matches(['?', '!']);
    let told = if words[0].ends_with('?') {
        DirectionSource::Toggled
    } else {
        DirectionSource::Reader
    };
    let (source, kind) = match way {
        "join" => (Source::Platform, crossing(Direction::In, told)),
        "leave" => (Source::Platform, crossing(Direction::Out, told)),
        "app" => (Source::App, crossing(Direction::In, told)),
        "claim" => (Source::Claim, crossing(Direction::In, told)),
        "beat" => (Source::Platform, Kind::Heartbeat),
        "poll" => (
            Source::Platform,
            Kind::Poll {
                poll: last.unwrap().into(),
            },
        ),
        "confirmed" => (Source::Person, Kind::Confirmed),
        "denied" => (Source::Person, Kind::Denied),
        "attested" => (Source::Claim, Kind::Attested),
        way => (Source::Scan, crossing(way.parse().unwrap(), told)),
    };
    let is_word = matches!(way, "confirmed" | "denied" | "attested");
    let (rooms, session) = match words[1].split_once('@') {
        Some((rooms, session)) => (rooms, Some(session)),
        None if is_word => ("", Some(words[1])),
        None => (words[1], None),
    };
    let time = if is_word { "0" } else { words[2] };
    let (from, to) = time.split_once('~').unwrap_or((time, time));
    let is_ticking = words[0].ends_with('!');
    let log = if is_word { words.get(2).copied() } else { None };
    Signal {
        id: SignalId {
            log: log
                .unwrap_or(if is_ticking { "door" } else { "log" })
                .into(),
            index: u64::try_from(index).unwrap(),
            row: (source != Source::Scan).then_some(0),
        },
        source,
        kind,
        rooms: rooms
            .split('/')
            .filter(|room| !room.is_empty())
            .map(|room| RoomId::new(room).unwrap())
            .collect(),
        session: session.map(|id| SessionId::new(id).unwrap()),
        device: (source == Source::Platform && way != "poll").then(|| last.unwrap_or("").into()),
        at: Interval {
            earliest: at(from),
            latest: at(to),
        },
        quality: Quality::Anchored,
        tick: is_ticking.then(|| Tick {
            log: "door".into(),
            segment: 0,
            raw_ms: last.unwrap().parse::<u64>().unwrap() * 1_000,
        }),
    }
}

/// 50 minutes a credit in tenths; missing ends to a person.
fn rules() -> RuleSet {
    RuleSet::plain("00".repeat(32), "r".into(), 50 * MIN, decimal("0.1"))
}

struct Day {
    rules: RuleSet,
    programme: Programme,
    registration: Option<Registration>,
}

fn day(rules: RuleSet, sessions: Vec<Session>) -> Day {
    Day {
        rules,
        programme: Programme {
            id: ProgrammeId::new("p").unwrap(),
            title: "P".into(),
            sessions,
            part_of: BTreeMap::new(),
        },
        registration: Some(Registration::always(AttendeeId::new("a-1").unwrap())),
    }
}

impl Day {
    fn decide(&self, lines: &[&str]) -> Decision {
        let signals: Vec<Signal> = lines.iter().enumerate().map(signal).collect();
        self.decide_knowing(&signals, &[])
    }

    /// Of signals as they are, while entries of some doors are not all held.
    fn decide_knowing(&self, signals: &[Signal], incomplete: &[&str]) -> Decision {
        let evidence = Evidence {
            signals,
            registration: self.registration.as_ref(),
        };
        let doors = incomplete.iter().map(|door| DoorId::new(door).unwrap());
        let known = Known {
            now: UtcMs(10_000 * MIN),
            incomplete_doors: doors.collect(),
        };
        decide(&self.rules, &self.programme, evidence, &known)
    }

    /// `outcome credits reason`, the credits a range under review.
    #[track_caller]
    fn check(&self, lines: &[&str], expect: &str) -> Decision {
        let decision = self.decide(lines);
        let credits = match (decision.credits, decision.range) {
            (Some(credits), _) => credits.to_string(),
            (None, (least, most)) => format!("{least}..{most}"),
        };
        let came = format!("{} {credits} {}", decision.outcome, decision.reason);
        assert_eq!(came, expect, "{}", decision.explanation);
        decision
    }
}

fn granted(day: Day, grant: Grant) -> Day {
    let registration = day.registration.map(|registration| Registration {
        accommodations: vec![Accommodation {
            session: None,
            grant,
        }],
        ..registration
    });
    Day {
        registration,
        ..day
    }
}

const MET: &str = "full 1 met_duration_threshold";

fn hour() -> Vec<Session> {
    vec![session("s1 a 0-50")]
}
