//! Tables of cases: what a rule set makes of a day, so that anybody can hold the engine against a table of their own.
//!
//! Contract: one JSON object a line, at most [`MAX_LINE_BYTES`]; empty lines and lines that begin with `#` are stepped over. Every line is
//! read whole or refused by name; an unknown key is an error. What comes back is what [`attendance::decide`] says, word for word, in the
//! form of a decision's object (FORMAT.md, section 11) without attendee and basis.
//!
//! | key | value |
//! |---|---|
//! | `case` | text, its name |
//! | `rules` | text, a rule set's file, from the folder of the cases; left out where one was named for all |
//! | `sessions` | list of (`id`, `room` ids, `start`, `end` times, `title` text?, `actual_start`, `actual_end` times?, `credit_value` decimal text?) |
//! | `signals` | list of (`at` time or list of earliest and latest time, `in`, `out` or `seen` a room's id or a list of them, `toggled` true?, `log` text?); signals of one `log` happened in their order, others in any that their times allow |
//! | `registration` | `"none"`, or (`valid_from`, `valid_until` times?, `cancelled` true?); left out, it holds always |
//! | `now` | time; left out, a day after everything |
//! | `expect` | what should come out, as far as it is named: `outcome`, `credits` (decimal text, or `"least..most"` under review), `reason`, `explanation`, `present_ms` (of each session's id an int, or a list of least and most) |
//!
//! A time is RFC 3339 with any offset and any number of decimals, `2027-03-14T09:50:00+01:00`, or a time of day alone, `09:50` or
//! `09:50:30.5`, which is one of 1 January 2001 in UTC.

use std::collections::BTreeMap;

use attendance::agenda::{Programme, Registration, Session, Window};
use attendance::rules::RuleSet;
use attendance::time::Quality;
use attendance::words::{
    AttendeeId, Direction, DirectionSource, Kind, ProgrammeId, RoomId, SessionId, Signal, SignalId,
    Source,
};
use attendance::{Decimal, Decision, Evidence, Interval, Known, Outcome, Reason, UtcMs, decide};
use chrono::{DateTime, NaiveDate, NaiveTime};
use protocol::decision::{DecisionDoc, PartDoc, SignalRef};
use serde::{Deserialize, Serialize};

/// The most bytes of a case.
pub const MAX_LINE_BYTES: usize = 256 * 1_024;
/// A day, in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// Who attends a case, and what for.
const NOBODY: &str = "somebody";

/// Why a line is no case.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// It is longer than [`MAX_LINE_BYTES`].
    #[error("the case has more than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// It is not JSON of that form.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// A value says nothing.
    #[error("{place}: {message}")]
    Value {
        /// Where in the case.
        place: String,
        /// What is wrong and what would be right.
        message: String,
    },
}

fn wrong(place: impl Into<String>, message: &dyn std::fmt::Display) -> CaseError {
    CaseError::Value {
        place: place.into(),
        message: message.to_string(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseText {
    case: String,
    rules: Option<String>,
    sessions: Vec<SessionText>,
    #[serde(default)]
    signals: Vec<SignalText>,
    registration: Option<RegistrationText>,
    now: Option<String>,
    #[serde(default)]
    expect: ExpectText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionText {
    id: String,
    room: String,
    start: String,
    end: String,
    #[serde(default)]
    title: Option<String>,
    actual_start: Option<String>,
    actual_end: Option<String>,
    credit_value: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignalText {
    at: OneOrTwo<String>,
    r#in: Option<OneOrMany>,
    out: Option<OneOrMany>,
    seen: Option<OneOrMany>,
    #[serde(default)]
    toggled: bool,
    log: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrTwo<T> {
    One(T),
    Two(T, T),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RegistrationText {
    Word(String),
    Facts(RegistrationFacts),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistrationFacts {
    valid_from: Option<String>,
    valid_until: Option<String>,
    #[serde(default)]
    cancelled: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectText {
    outcome: Option<String>,
    credits: Option<String>,
    reason: Option<String>,
    explanation: Option<String>,
    #[serde(default)]
    present_ms: BTreeMap<String, OneOrTwo<i64>>,
}

/// What should come out of a case, as far as it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    outcome: Option<Outcome>,
    credits: Option<(Decimal, Decimal)>,
    reason: Option<Reason>,
    explanation: Option<String>,
    present_ms: Vec<(SessionId, i64, i64)>,
}

/// A day of one person.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The file of its rule set, where it names one.
    pub rules: Option<String>,
    /// What should come out.
    pub expected: Expected,
    programme: Programme,
    registration: Option<Registration>,
    signals: Vec<Signal>,
    now: UtcMs,
}

/// What a rule set makes of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The case's name.
    pub case: String,
    /// The rule set's name.
    pub rules: String,
    /// The engine that decided.
    pub engine: &'static str,
    /// What it comes to.
    pub outcome: String,
    /// The credits; null under review.
    pub credits: Option<String>,
    /// The credits of the least time present.
    pub least_credits: String,
    /// The credits of the most time present.
    pub most_credits: String,
    /// The credits of complete attendance.
    pub full_credits: String,
    /// Why.
    pub reason: String,
    /// Why, in one line.
    pub explanation: String,
    /// Whether every session had ended.
    pub complete: bool,
    /// Session by session.
    pub parts: Vec<PartDoc>,
    /// The signals it rests on.
    pub evidence: Vec<SignalRef>,
}

/// Reads a line. `None` where it holds no case.
///
/// # Errors
/// See [`CaseError`]: the place within the case is named.
pub fn read(line: &str) -> Result<Option<Case>, CaseError> {
    if line.len() > MAX_LINE_BYTES {
        return Err(CaseError::TooLong);
    }
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let text: CaseText = serde_json::from_str(line)?;
    let mut sessions = Vec::with_capacity(text.sessions.len());
    for (number, session) in text.sessions.iter().enumerate() {
        sessions.push(read_session(session, &format!("sessions[{number}]"))?);
    }
    let mut signals = Vec::with_capacity(text.signals.len());
    for (number, signal) in text.signals.iter().enumerate() {
        signals.push(read_signal(signal, number)?);
    }
    let ends = sessions.iter().map(|session| session.scheduled.end);
    let seen = signals.iter().map(|signal| signal.at.latest);
    let last = ends.chain(seen).max().unwrap_or(UtcMs::DISTANT_PAST);
    let now = time_opt("now", text.now.as_deref())?.unwrap_or_else(|| last.plus_ms(DAY_MS));
    let somebody = |e: &dyn std::fmt::Display| wrong("case", e);
    let expected = read_expected(&text.expect, &sessions)?;
    Ok(Some(Case {
        rules: text.rules,
        expected,
        registration: read_registration(text.registration.as_ref())?,
        programme: Programme {
            id: ProgrammeId::new(NOBODY).map_err(|e| somebody(&e))?,
            title: text.case.clone(),
            sessions,
            part_of: BTreeMap::new(),
        },
        name: text.case,
        signals,
        now,
    }))
}

fn read_session(text: &SessionText, place: &str) -> Result<Session, CaseError> {
    let of = |key: &str| format!("{place}.{key}");
    let (start, end) = (
        time(&of("start"), &text.start)?,
        time(&of("end"), &text.end)?,
    );
    let window = |start, end| {
        Window::new(start, end).ok_or_else(|| wrong(of("end"), &"it does not come after the start"))
    };
    let actual = match (&text.actual_start, &text.actual_end) {
        (None, None) => None,
        (actual_start, actual_end) => Some(window(
            time_opt(&of("actual_start"), actual_start.as_deref())?.unwrap_or(start),
            time_opt(&of("actual_end"), actual_end.as_deref())?.unwrap_or(end),
        )?),
    };
    let value = text.credit_value.as_deref().map(str::parse).transpose();
    let id = SessionId::new(&text.id).map_err(|e| wrong(of("id"), &e))?;
    let room = RoomId::new(&text.room).map_err(|e| wrong(of("room"), &e))?;
    Ok(Session {
        title: text.title.clone().unwrap_or_else(|| text.id.clone()),
        actual,
        credit_value: value.map_err(|e| wrong(of("credit_value"), &e))?,
        ..Session::plain(id, room, window(start, end)?)
    })
}

fn read_signal(text: &SignalText, number: usize) -> Result<Signal, CaseError> {
    let place = format!("signals[{number}]");
    let at = match &text.at {
        OneOrTwo::One(at) => Interval::exactly(time(&format!("{place}.at"), at)?),
        OneOrTwo::Two(earliest, latest) => Interval {
            earliest: time(&format!("{place}.at"), earliest)?,
            latest: time(&format!("{place}.at"), latest)?,
        },
    };
    if at.latest < at.earliest {
        let message = "the latest time comes before the earliest";
        return Err(wrong(format!("{place}.at"), &message));
    }
    let given = [
        (Direction::In, &text.r#in),
        (Direction::Out, &text.out),
        (Direction::Seen, &text.seen),
    ];
    let mut given = given
        .into_iter()
        .filter_map(|(way, rooms)| rooms.as_ref().map(|rooms| (way, rooms)));
    let (Some((direction, rooms)), None) = (given.next(), given.next()) else {
        let message = "write one of `in`, `out` and `seen`, with the room";
        return Err(wrong(place, &message));
    };
    let rooms = match rooms {
        OneOrMany::One(room) => std::slice::from_ref(room),
        OneOrMany::Many(rooms) => rooms,
    };
    let rooms = rooms.iter().map(|room| RoomId::new(room));
    let direction_source = if text.toggled {
        DirectionSource::Toggled
    } else {
        DirectionSource::Reader
    };
    // Who names no log has one alone, so that nothing is said of its place among the others.
    let log = text.log.clone().unwrap_or_else(|| format!("#{number}"));
    Ok(Signal {
        id: SignalId {
            log: log.into(),
            index: number as u64,
            row: None,
        },
        source: Source::Scan,
        kind: Kind::Crossing {
            direction,
            source: direction_source,
        },
        session: None,
        device: None,
        rooms: rooms
            .collect::<Result<_, _>>()
            .map_err(|e| wrong(place, &e))?,
        at,
        quality: Quality::Anchored,
        tick: None,
    })
}

fn read_registration(text: Option<&RegistrationText>) -> Result<Option<Registration>, CaseError> {
    let place = "registration";
    let facts = match text {
        None => &RegistrationFacts {
            valid_from: None,
            valid_until: None,
            cancelled: false,
        },
        Some(RegistrationText::Word(word)) if word == "none" => return Ok(None),
        Some(RegistrationText::Word(_)) => {
            let message =
                "write \"none\", or an object with `valid_from`, `valid_until`, `cancelled`";
            return Err(wrong(place, &message));
        }
        Some(RegistrationText::Facts(facts)) => facts,
    };
    Ok(Some(Registration {
        valid_from: time_opt("registration.valid_from", facts.valid_from.as_deref())?,
        valid_until: time_opt("registration.valid_until", facts.valid_until.as_deref())?,
        cancelled: facts.cancelled,
        ..Registration::always(AttendeeId::new(NOBODY).map_err(|e| wrong(place, &e))?)
    }))
}

fn read_expected(text: &ExpectText, sessions: &[Session]) -> Result<Expected, CaseError> {
    fn word<T: std::str::FromStr<Err: std::fmt::Display>>(
        key: &str,
        text: Option<&str>,
    ) -> Result<Option<T>, CaseError> {
        let read = text.map(str::parse).transpose();
        read.map_err(|e| wrong(format!("expect.{key}"), &e))
    }
    let credits = match text.credits.as_deref() {
        None => None,
        Some(text) => {
            let (least, most) = text.split_once("..").unwrap_or((text, text));
            word("credits", Some(least))?.zip(word("credits", Some(most))?)
        }
    };
    let mut present_ms = Vec::new();
    for (id, ms) in &text.present_ms {
        let place = format!("expect.present_ms.{id}");
        let session = sessions.iter().find(|session| session.id.as_str() == id);
        let session = session.ok_or_else(|| wrong(place, &"no session of the case has this id"))?;
        let (least, most) = match ms {
            OneOrTwo::One(ms) => (*ms, *ms),
            OneOrTwo::Two(least, most) => (*least, *most),
        };
        present_ms.push((session.id.clone(), least, most));
    }
    Ok(Expected {
        outcome: word("outcome", text.outcome.as_deref())?,
        credits,
        reason: word("reason", text.reason.as_deref())?,
        explanation: text.explanation.clone(),
        present_ms,
    })
}

fn time_opt(place: &str, text: Option<&str>) -> Result<Option<UtcMs>, CaseError> {
    text.map(|text| time(place, text)).transpose()
}

fn time(place: &str, text: &str) -> Result<UtcMs, CaseError> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(UtcMs(at.timestamp_millis()));
    }
    let of_day = NaiveTime::parse_from_str(text, "%H:%M")
        .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M:%S%.f"))
        .ok();
    let day = NaiveDate::from_ymd_opt(2001, 1, 1);
    day.zip(of_day)
        .map(|(day, time)| UtcMs(day.and_time(time).and_utc().timestamp_millis()))
        .ok_or_else(|| {
            let message = format!(
                "{text:?} is no time: write 2027-03-14T09:50:00+01:00, or a time of day such as 09:50"
            );
            wrong(place, &message)
        })
}

impl Case {
    /// What a rule set makes of it, and in what it is not what was expected.
    pub fn decide(&self, rules: &RuleSet) -> (Answer, Vec<String>) {
        let known = Known {
            now: self.now,
            incomplete_doors: Vec::new(),
        };
        let evidence = Evidence {
            signals: &self.signals,
            registration: self.registration.as_ref(),
        };
        let decision = decide(rules, &self.programme, evidence, &known);
        let differences = self.expected.differences(&decision);
        (self.answer(rules, &decision), differences)
    }

    fn answer(&self, rules: &RuleSet, decision: &Decision) -> Answer {
        let programme = &self.programme.id;
        let somebody = AttendeeId::new(NOBODY).expect("a word of small letters is an id");
        let doc = DecisionDoc::new(&somebody, programme, "", decision);
        Answer {
            case: self.name.clone(),
            rules: rules.name.clone(),
            engine: decision.engine,
            outcome: doc.outcome.to_string(),
            credits: doc.credits.map(|credits| credits.to_string()),
            least_credits: doc.least_credits.to_string(),
            most_credits: doc.most_credits.to_string(),
            full_credits: doc.full_credits.to_string(),
            reason: doc.reason.to_string(),
            explanation: doc.explanation,
            complete: doc.complete,
            parts: doc.parts,
            evidence: doc.evidence,
        }
    }
}

impl Expected {
    /// Whether anything is expected at all.
    pub fn says_something(&self) -> bool {
        *self != Self::default()
    }

    fn differences(&self, decision: &Decision) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, expected: Option<String>, came: String| {
            if let Some(expected) = expected.filter(|expected| *expected != came) {
                found.push(format!("{what}: expected {expected}, came {came}"));
            }
        };
        let range = |(least, most): (Decimal, Decimal)| {
            if least == most {
                least.to_string()
            } else {
                format!("{least}..{most}")
            }
        };
        compare(
            "outcome",
            self.outcome.map(|outcome| outcome.to_string()),
            decision.outcome.to_string(),
        );
        compare("credits", self.credits.map(range), range(decision.range));
        compare(
            "reason",
            self.reason.map(|reason| reason.to_string()),
            decision.reason.to_string(),
        );
        compare(
            "explanation",
            self.explanation.as_ref().map(|text| format!("{text:?}")),
            format!("{:?}", decision.explanation),
        );
        for (session, least, most) in &self.present_ms {
            let part = decision.parts.iter().find(|part| part.session == *session);
            let came = part.map_or((0, 0), |part| (part.least_ms, part.most_ms));
            let text = |(least, most)| {
                if least == most {
                    format!("{least} ms")
                } else {
                    format!("{least} to {most} ms")
                }
            };
            let what = format!("present in {session}");
            compare(&what, Some(text((*least, *most))), text(came));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    fn packs() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/rules")
    }

    fn stems(folder: &Path, extension: &str) -> BTreeSet<String> {
        let files = std::fs::read_dir(folder).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let ours = paths.filter(|path| path.extension().is_some_and(|e| e == extension));
        ours.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn every_pack_decides_its_table_as_written() {
        let tables = packs().join("cases");
        assert_eq!(stems(&packs(), "toml"), stems(&tables, "ndjson"));
        for name in stems(&packs(), "toml") {
            let rules = std::fs::read_to_string(packs().join(format!("{name}.toml"))).unwrap();
            let rules = protocol::rules::parse(&rules).unwrap();
            let table = std::fs::read_to_string(tables.join(format!("{name}.ndjson"))).unwrap();
            let mut reasons = BTreeSet::new();
            for (line, number) in table.lines().zip(1..) {
                let Some(case) = read(line).unwrap_or_else(|e| panic!("{name}, {number}: {e}"))
                else {
                    continue;
                };
                assert_eq!(case.rules.as_deref(), Some(&*format!("../{name}.toml")));
                let Expected {
                    outcome: Some(_),
                    credits: Some(_),
                    reason: Some(reason),
                    explanation: Some(_),
                    ..
                } = &case.expected
                else {
                    panic!("{name}, line {number} does not say all that is expected");
                };
                reasons.insert(*reason);
                let (_, differences) = case.decide(&rules);
                assert!(differences.is_empty(), "{name}, {number}: {differences:?}");
            }
            for reason in [
                Reason::MetDurationThreshold,
                Reason::BelowMinimum,
                Reason::ClockUncertain,
                Reason::MissingCheckOut,
                Reason::MissingCheckIn,
                Reason::NotRegistered,
                Reason::NoAttendance,
            ] {
                assert!(reasons.contains(&reason), "{name} has no case of {reason}");
            }
        }
    }

    const HALL: &str = r#""sessions":[{"id":"s1","room":"hall","start":"09:00","end":"10:00"}]"#;

    fn refusal(line: &str) -> String {
        read(line).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_case_is_named() {
        for (line, place) in [
            (r#"{"case":"a"}"#.to_owned(), "`sessions`"),
            (format!(r#"{{"case":"a",{HALL},"sigals":[]}}"#), "`sigals`"),
            (
                format!(r#"{{"case":"a",{HALL},"signals":[{{"at":"9 o'clock","in":"hall"}}]}}"#),
                "signals[0].at: \"9 o'clock\" is no time",
            ),
            (
                format!(
                    r#"{{"case":"a",{HALL},"signals":[{{"at":"09:00","in":"hall","out":"hall"}}]}}"#
                ),
                "signals[0]: write one of `in`, `out` and `seen`",
            ),
            (
                format!(
                    r#"{{"case":"a",{HALL},"signals":[{{"at":["09:01","09:00"],"in":"hall"}}]}}"#
                ),
                "the latest time comes before the earliest",
            ),
            (
                r#"{"case":"a","sessions":[{"id":"s1","room":"hall","start":"10:00","end":"10:00"}]}"#
                    .to_owned(),
                "sessions[0].end",
            ),
            (
                format!(r#"{{"case":"a",{HALL},"expect":{{"present_ms":{{"s2":1}}}}}}"#),
                "expect.present_ms.s2",
            ),
            (
                format!(r#"{{"case":"a",{HALL},"expect":{{"reason":"because"}}}}"#),
                "expect.reason",
            ),
            (
                format!(r#"{{"case":"a",{HALL},"registration":"maybe"}}"#),
                "registration: write \"none\"",
            ),
            (" ".repeat(MAX_LINE_BYTES + 1), "more than 262144 bytes"),
        ] {
            let said = refusal(&line);
            assert!(said.contains(place), "{said} does not say {place}");
        }
    }

    #[test]
    fn lines_that_say_nothing_are_stepped_over() {
        for line in ["", "   ", "# a remark"] {
            assert!(read(line).unwrap().is_none());
        }
    }

    #[test]
    fn times_are_read_in_any_offset() {
        let at = |text| time("here", text).unwrap().0;
        assert_eq!(at("2027-03-14T09:50:00+01:00"), at("2027-03-14T08:50:00Z"));
        assert_eq!(at("09:50"), at("2001-01-01T09:50:00Z"));
        assert_eq!(at("09:50:30.25"), at("2001-01-01T09:50:30.250Z"));
    }

    #[test]
    fn differences_say_what_came() {
        let line = format!(
            r#"{{"case":"a",{HALL},"signals":[{{"at":"09:00","in":"hall"}},{{"at":"09:30","out":"hall"}}],
            "expect":{{"outcome":"full","credits":"9","reason":"cap_reached","explanation":"no","present_ms":{{"s1":[1,2]}}}}}}"#
        );
        let case = read(&line).unwrap().unwrap();
        let rules = std::fs::read_to_string(packs().join("isc2.toml")).unwrap();
        let (answer, differences) = case.decide(&protocol::rules::parse(&rules).unwrap());
        assert_eq!(answer.credits.as_deref(), Some("0.5"));
        let said = differences.join("\n");
        for came in [
            "outcome: expected full, came partial",
            "credits: expected 9, came 0.5",
            "reason: expected cap_reached, came partial_credit",
            "explanation: expected \"no\", came \"Present 30 min",
            "present in s1: expected 1 to 2 ms, came 1800000 ms",
        ] {
            assert!(said.contains(came), "{said}");
        }
    }
}
