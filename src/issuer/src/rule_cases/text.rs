//! A line of a table into a case.

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::agenda::{
    Accommodation, FieldShare, Grant, LocalDay, Programme, Registration, Session, Window,
};
use attendance::decimal::SCALE;
use attendance::time::Quality;
use attendance::words::{
    AttendeeId, Direction, DirectionSource, DoorId, Kind, ProgrammeId, RoomId, SessionId, Signal,
    SignalId, Source, Tick,
};
use attendance::{Decimal, Interval, UtcMs};
use chrono::{DateTime, NaiveDate, NaiveTime};
use serde::Deserialize;

use super::{Case, CaseError, Expected, MAX_LINE_BYTES, MAX_SIGNALS, NOBODY};

/// A day, in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// A minute, in milliseconds.
const MINUTE_MS: i128 = 60_000;

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
    special: Option<String>,
    sessions: Vec<SessionText>,
    #[serde(default)]
    part_of: BTreeMap<String, String>,
    #[serde(default)]
    signals: Vec<SignalText>,
    registration: Option<RegistrationText>,
    now: Option<String>,
    #[serde(default)]
    incomplete_doors: Vec<String>,
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
    title: Option<String>,
    actual_start: Option<String>,
    actual_end: Option<String>,
    credit_value: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    parts: Vec<(String, String)>,
    #[serde(default)]
    excluded: Vec<(String, String)>,
    #[serde(default)]
    fields: BTreeMap<String, u32>,
    day: Option<String>,
    polls_offered: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignalText {
    at: OneOrTwo<String>,
    r#in: Option<PlaceText>,
    out: Option<PlaceText>,
    seen: Option<PlaceText>,
    beat: Option<PlaceText>,
    answer: Option<String>,
    of: Option<PlaceText>,
    confirmed: Option<String>,
    denied: Option<String>,
    attested: Option<String>,
    #[serde(default)]
    toggled: bool,
    until: Option<String>,
    every_s: Option<u32>,
    source: Option<String>,
    device: Option<String>,
    log: Option<String>,
    row: Option<u32>,
    quality: Option<String>,
    raw_ms: Option<u64>,
    segment: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrTwo<T> {
    One(T),
    Two(T, T),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PlaceText {
    Room(String),
    Rooms(Vec<String>),
    Session(SessionPlace),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionPlace {
    session: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RegistrationText {
    Word(String),
    Facts(RegistrationFacts),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistrationFacts {
    valid_from: Option<String>,
    valid_until: Option<String>,
    #[serde(default)]
    cancelled: bool,
    #[serde(default)]
    speaks: Vec<String>,
    #[serde(default)]
    accommodations: Vec<AccommodationText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccommodationText {
    session: Option<String>,
    #[serde(default)]
    whole: bool,
    extra_min: Option<String>,
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
    #[serde(default)]
    graced_ms: BTreeMap<String, i64>,
    fields: Option<BTreeMap<String, String>>,
    polls: Option<(u32, u32)>,
    confidence: Option<u8>,
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
        read_signal(signal, number, &mut signals)?;
    }
    let ends = sessions.iter().map(|session| session.scheduled.end);
    let seen = signals.iter().map(|signal| signal.at.latest);
    let last = ends.chain(seen).max().unwrap_or(UtcMs::DISTANT_PAST);
    let now = time_opt("now", text.now.as_deref())?.unwrap_or_else(|| last.plus_ms(DAY_MS));
    let mut part_of = BTreeMap::new();
    for (part, whole) in &text.part_of {
        part_of.insert(
            id::<RoomId>("part_of", part)?,
            id::<RoomId>("part_of", whole)?,
        );
    }
    let doors = text.incomplete_doors.iter();
    Ok(Some(Case {
        rules: text.rules,
        special: text.special,
        expected: read_expected(&text.expect, &sessions)?,
        registration: read_registration(text.registration.as_ref())?,
        programme: Programme {
            id: id::<ProgrammeId>("case", NOBODY)?,
            title: text.case.clone(),
            sessions,
            part_of,
        },
        name: text.case,
        signals,
        now,
        incomplete_doors: doors
            .map(|door| id::<DoorId>("incomplete_doors", door))
            .collect::<Result<_, _>>()?,
    }))
}

fn id<T: std::str::FromStr<Err: std::fmt::Display>>(
    place: &str,
    text: &str,
) -> Result<T, CaseError> {
    text.parse().map_err(|e| wrong(place, &e))
}

fn read_session(text: &SessionText, place: &str) -> Result<Session, CaseError> {
    let of = |key: &str| format!("{place}.{key}");
    let (start, end) = (
        time(&of("start"), &text.start)?,
        time(&of("end"), &text.end)?,
    );
    let window = |key: &str, start, end| {
        Window::new(start, end).ok_or_else(|| wrong(of(key), &"it does not come after the start"))
    };
    let actual = match (&text.actual_start, &text.actual_end) {
        (None, None) => None,
        (actual_start, actual_end) => Some(window(
            "actual_end",
            time_opt(&of("actual_start"), actual_start.as_deref())?.unwrap_or(start),
            time_opt(&of("actual_end"), actual_end.as_deref())?.unwrap_or(end),
        )?),
    };
    let windows = |key: &str, list: &[(String, String)]| -> Result<Vec<Window>, CaseError> {
        let each = list
            .iter()
            .map(|(start, end)| window(key, time(&of(key), start)?, time(&of(key), end)?));
        each.collect()
    };
    let credit_value = text.credit_value.as_deref();
    let fields = text.fields.iter().map(|(field, weight)| match weight {
        0 => Err(wrong(of("fields"), &"weights are above zero")),
        weight => Ok(FieldShare {
            field: field.as_str().into(),
            weight: *weight,
        }),
    });
    let plain = Session::plain(
        id::<SessionId>(&of("id"), &text.id)?,
        id::<RoomId>(&of("room"), &text.room)?,
        window("end", start, end)?,
    );
    Ok(Session {
        title: text.title.clone().unwrap_or_else(|| text.id.clone()),
        actual,
        credit_value: credit_value
            .map(|v| id(&of("credit_value"), v))
            .transpose()?,
        kind: text.kind.as_deref().map_or(plain.kind.clone(), Arc::from),
        parts: windows("parts", &text.parts)?,
        excluded: windows("excluded", &text.excluded)?,
        fields: fields.collect::<Result<_, _>>()?,
        day: text.day.as_deref().map(|day| LocalDay(day.into())),
        polls_offered: text.polls_offered,
        ..plain
    })
}

/// What a signal says, where, and of which source it is if it does not say.
struct What {
    kind: Kind,
    rooms: Vec<RoomId>,
    session: Option<SessionId>,
    source: Source,
}

fn what(text: &SignalText, place: &str) -> Result<What, CaseError> {
    let crossing = |direction| Kind::Crossing {
        direction,
        source: if text.toggled {
            DirectionSource::Toggled
        } else {
            DirectionSource::Reader
        },
    };
    let poll = text.answer.as_ref().map(|poll| Kind::Poll {
        poll: poll.as_str().into(),
    });
    let words = [
        (Kind::Confirmed, &text.confirmed),
        (Kind::Denied, &text.denied),
        (Kind::Attested, &text.attested),
    ];
    let placed = [
        (Some(crossing(Direction::In)), &text.r#in),
        (Some(crossing(Direction::Out)), &text.out),
        (Some(crossing(Direction::Seen)), &text.seen),
        (Some(Kind::Heartbeat), &text.beat),
        (poll, &text.of),
    ];
    let mut found: Vec<What> = Vec::new();
    for (kind, session) in words {
        if let Some(session) = session {
            found.push(What {
                source: Source::Person,
                kind,
                rooms: Vec::new(),
                session: Some(id(place, session)?),
            });
        }
    }
    for (kind, at) in placed {
        let (Some(kind), Some(at)) = (kind, at) else {
            continue;
        };
        let (rooms, session): (Vec<&String>, Option<&String>) = match at {
            PlaceText::Room(room) => (vec![room], None),
            PlaceText::Rooms(rooms) => (rooms.iter().collect(), None),
            PlaceText::Session(at) => (Vec::new(), Some(&at.session)),
        };
        let is_platform = text.device.is_some() || session.is_some();
        let rooms = rooms.into_iter().map(|room| id(place, room));
        found.push(What {
            source: if is_platform {
                Source::Platform
            } else {
                Source::Scan
            },
            kind,
            rooms: rooms.collect::<Result<_, _>>()?,
            session: session.map(|session| id(place, session)).transpose()?,
        });
    }
    match (found.pop(), found.is_empty()) {
        (Some(what), true) if text.answer.is_some() == text.of.is_some() => Ok(what),
        _ => {
            let message = "write one of `in`, `out`, `seen` and `beat` with the room, `answer` with `of`, or one of `confirmed`, \
                `denied` and `attested` with the session";
            Err(wrong(place, &message))
        }
    }
}

/// Adds a signal, and where it stands for many all of them.
fn read_signal(
    text: &SignalText,
    number: usize,
    signals: &mut Vec<Signal>,
) -> Result<(), CaseError> {
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
    let what = what(text, &place)?;
    let source = text
        .source
        .as_deref()
        .map(|word| id(&format!("{place}.source"), word));
    let quality = text
        .quality
        .as_deref()
        .map(|word| id(&format!("{place}.quality"), word));
    // Who names no log has one alone, so that nothing is said of its place among the others.
    let log: Arc<str> = text
        .log
        .clone()
        .unwrap_or_else(|| format!("#{number}"))
        .into();
    let tick = text.raw_ms.map(|raw_ms| Tick {
        log: Arc::clone(&log),
        segment: text.segment.unwrap_or(0),
        raw_ms,
    });
    let first = Signal {
        id: SignalId {
            log,
            index: number as u64,
            row: text.row,
        },
        source: source.transpose()?.unwrap_or(what.source),
        kind: what.kind,
        session: what.session,
        device: text.device.as_deref().map(Arc::from),
        rooms: what.rooms,
        at,
        quality: quality.transpose()?.unwrap_or(Quality::Anchored),
        tick,
    };
    let (until, every_ms) = match (&text.until, text.every_s) {
        (None, None) => (at.earliest, 1),
        (Some(until), Some(every_s)) if every_s > 0 && matches!(first.kind, Kind::Heartbeat) => (
            time(&format!("{place}.until"), until)?,
            i64::from(every_s) * 1_000,
        ),
        _ => {
            let message = "`until` and `every_s` stand together, and with `beat`";
            return Err(wrong(place, &message));
        }
    };
    let mut later_ms = 0;
    for row in 0_u32.. {
        if at.earliest.plus_ms(later_ms) > until {
            break;
        }
        if signals.len() == MAX_SIGNALS {
            return Err(wrong(
                place,
                &format!("a case has at most {MAX_SIGNALS} signals"),
            ));
        }
        signals.push(Signal {
            id: SignalId {
                row: if text.until.is_some() {
                    Some(row)
                } else {
                    first.id.row
                },
                ..first.id.clone()
            },
            at: Interval {
                earliest: at.earliest.plus_ms(later_ms),
                latest: at.latest.plus_ms(later_ms),
            },
            ..first.clone()
        });
        later_ms += every_ms;
    }
    Ok(())
}

fn read_registration(text: Option<&RegistrationText>) -> Result<Option<Registration>, CaseError> {
    let place = "registration";
    let nothing = RegistrationFacts::default();
    let facts = match text {
        None => &nothing,
        Some(RegistrationText::Word(word)) if word == "none" => return Ok(None),
        Some(RegistrationText::Word(_)) => {
            let message =
                "write \"none\", or an object with `valid_from`, `valid_until`, `cancelled`";
            return Err(wrong(place, &message));
        }
        Some(RegistrationText::Facts(facts)) => facts,
    };
    let speaks = facts.speaks.iter();
    let granted = facts.accommodations.iter();
    Ok(Some(Registration {
        valid_from: time_opt("registration.valid_from", facts.valid_from.as_deref())?,
        valid_until: time_opt("registration.valid_until", facts.valid_until.as_deref())?,
        cancelled: facts.cancelled,
        speaks: speaks
            .map(|session| id("registration.speaks", session))
            .collect::<Result<_, _>>()?,
        accommodations: granted.map(read_accommodation).collect::<Result<_, _>>()?,
        ..Registration::always(id::<AttendeeId>(place, NOBODY)?)
    }))
}

fn read_accommodation(text: &AccommodationText) -> Result<Accommodation, CaseError> {
    let place = "registration.accommodations";
    let grant = match (text.whole, text.extra_min.as_deref()) {
        (true, None) => Grant::Whole,
        (false, Some(minutes)) => {
            let minutes: Decimal = id(place, minutes)?;
            let ms = i128::from(minutes.millionths()) * MINUTE_MS / i128::from(SCALE);
            Grant::Extra(i64::try_from(ms).map_err(|e| wrong(place, &e))?)
        }
        _ => return Err(wrong(place, &"write either `whole` or `extra_min`")),
    };
    let session = text.session.as_deref();
    Ok(Accommodation {
        session: session.map(|session| id(place, session)).transpose()?,
        grant,
    })
}

fn read_expected(text: &ExpectText, sessions: &[Session]) -> Result<Expected, CaseError> {
    fn word<T: std::str::FromStr<Err: std::fmt::Display>>(
        key: &str,
        text: Option<&str>,
    ) -> Result<Option<T>, CaseError> {
        text.map(|text| id(&format!("expect.{key}"), text))
            .transpose()
    }
    let credits = match text.credits.as_deref() {
        None => None,
        Some(text) => {
            let (least, most) = text.split_once("..").unwrap_or((text, text));
            word("credits", Some(least))?.zip(word("credits", Some(most))?)
        }
    };
    let session = |key: &str, id: &str| {
        let found = sessions.iter().find(|session| session.id.as_str() == id);
        let found = found.map(|session| session.id.clone());
        found.ok_or_else(|| {
            wrong(
                format!("expect.{key}.{id}"),
                &"no session of the case has this id",
            )
        })
    };
    let mut present_ms = Vec::new();
    for (id, ms) in &text.present_ms {
        let (least, most) = match ms {
            OneOrTwo::One(ms) => (*ms, *ms),
            OneOrTwo::Two(least, most) => (*least, *most),
        };
        present_ms.push((session("present_ms", id)?, least, most));
    }
    let mut graced_ms = Vec::new();
    for (id, ms) in &text.graced_ms {
        graced_ms.push((session("graced_ms", id)?, *ms));
    }
    let fields = text.fields.as_ref().map(|fields| {
        let each = fields
            .iter()
            .map(|(field, credits)| Ok((field.clone(), id("expect.fields", credits)?)));
        each.collect::<Result<Vec<_>, CaseError>>()
    });
    Ok(Expected {
        outcome: word("outcome", text.outcome.as_deref())?,
        credits,
        reason: word("reason", text.reason.as_deref())?,
        explanation: text.explanation.clone(),
        present_ms,
        graced_ms,
        fields: fields.transpose()?,
        polls: text.polls,
        confidence: text.confidence,
    })
}

fn time_opt(place: &str, text: Option<&str>) -> Result<Option<UtcMs>, CaseError> {
    text.map(|text| time(place, text)).transpose()
}

pub(super) fn time(place: &str, text: &str) -> Result<UtcMs, CaseError> {
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
