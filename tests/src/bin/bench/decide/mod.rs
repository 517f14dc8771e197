//! The eligibility function over a whole conference, from scratch, beside one query over the same rows.
//!
//! Both work on one core and are timed by the processor's own count, in turns. The engine begins with rows as a store holds them, makes
//! signals of them and decides under every kind of rule; the query only unions spans and clips them. That both count alike is seen first:
//! under rules without grace and with exact clocks, every minute of the engine is one of the query's.

mod crowd;
mod late;
mod queries;

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::agenda::{Programme, Registration, Session, Window};
use attendance::rules::RuleSet;
use attendance::time::Quality;
use attendance::words::{
    AttendeeId, Direction, DirectionSource, Kind, ProgrammeId, RoomId, SessionId, Signal, SignalId,
    Source,
};
use attendance::{Decision, Evidence, Interval, Known, UtcMs, decide};
use rustix::time::{ClockId, clock_gettime};

use crate::figures::{Figure, median, number};
use crate::{Amounts, progress};
use crowd::{BEAT, Crowd, IN, NO_DEVICE, Row, Slot};
use queries::{Duck, Minutes, Sqlite};

/// What is aimed at: the engine against SQLite.
const TIMES_SQLITE: f64 = 3.0;
/// As the query counts: no grace, nothing inferred, nothing rounded away.
const BARE_RULES: &str = r#"
format = "rollcall-rules/1"
name = "As the query counts"
minutes_per_credit = "50"
step = "0.1"
missing_check_out = "none"
missing_check_in = "none"
in_elsewhere = "independent"
heartbeat_max_gap_s = 120
"#;
/// Every kind of rule at once.
const FULL_RULES: &str = r#"
format = "rollcall-rules/1"
name = "All there is"
minutes_per_credit = "50"
step = "0.2"
rounding = "down"
first_award_min = "1"
threshold = { share = "0.8" }
met_awards = "scheduled"
below_threshold = "actual"
grace_in_s = 300
grace_out_s = 300
missing_check_out = "last_signal"
missing_check_in = "first_signal"
in_elsewhere = "closes_previous"
heartbeat_max_gap_s = 120
excluded_kinds = ["break"]
overlap = "count_once"
polls_per_credit = "3"
poll_short = "reduce"
platform_alone = "counts"
caps = { day = "8", programme = "12" }
speakers = { factor = "2" }
"#;

/// All of the figures of the engine.
pub(crate) fn measure(amounts: &Amounts, wants: impl Fn(&str) -> bool) -> Vec<Figure> {
    if !wants("decide") {
        return Vec::new();
    }
    progress(&format!("the signals of {} people", amounts.audience));
    let crowd = Crowd::new(amounts.audience);
    let signals = number(crowd.rows.len());
    progress(&format!("{signals} signals into SQLite"));
    let sqlite = Sqlite::load(&crowd);
    let bare = Engine::new(&crowd, BARE_RULES);
    let expected = sqlite.minutes();
    assert!(bare.minutes() == expected, "engine and query count alike");
    let mut duck = duck(amounts, &crowd, &expected);
    let full = Engine::new(&crowd, FULL_RULES);
    let mut times = Times::default();
    for round in 1..=amounts.decide_rounds {
        progress(&format!("round {round} of {}", amounts.decide_rounds));
        times.engine.push(timed(|| full.decide_all()));
        times.sqlite.push(timed(|| sqlite.run()));
        if let Some(duck) = &mut duck {
            times.duck.push(duck.run().expect("it ran before"));
        }
    }
    let rate = |times: &[f64]| signals / 1_000_000.0 / median(times);
    let (engine, control) = (rate(&times.engine), rate(&times.sqlite));
    let mut figures = vec![
        Figure::new("decide_signals", engine, "M signals/s", Some(control)).judged(
            &format!("at least {TIMES_SQLITE} x SQLite"),
            engine >= TIMES_SQLITE * control,
            amounts.judged,
        ),
        Figure::new("decide_memory", full.memory_mib(), "MiB", None),
    ];
    if let Some(duck) = duck {
        let mut figure = Figure::new(
            "decide_signals_duckdb",
            engine,
            "M signals/s",
            Some(rate(&times.duck)),
        );
        figure.goal = format!("none; DuckDB {} on one thread", duck.version);
        figures.push(figure);
    }
    figures.extend(late::measure(amounts));
    figures
}

/// Processor seconds of each round.
#[derive(Default)]
struct Times {
    engine: Vec<f64>,
    sqlite: Vec<f64>,
    duck: Vec<f64>,
}

/// DuckDB, where it can be had; else says why not.
fn duck(amounts: &Amounts, crowd: &Crowd, expected: &Minutes) -> Option<Duck> {
    // A small run is there to see that the bench works, and installs nothing.
    if !amounts.judged {
        return None;
    }
    progress("the same into DuckDB");
    match Duck::load(crowd) {
        Ok(mut duck) => {
            let minutes = duck.minutes().expect("DuckDB answers");
            assert!(minutes == *expected, "SQLite and DuckDB count alike");
            Some(duck)
        }
        Err(why) => {
            progress(&format!("SKIPPED decide_signals_duckdb: {why}"));
            None
        }
    }
}

/// The processor's seconds that this thread spends on something.
fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        #[allow(
            clippy::cast_precision_loss,
            reason = "some seconds, counted in nanoseconds"
        )]
        let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
        seconds
    };
    let start = now();
    std::hint::black_box(work());
    now() - start
}

/// The engine, and all that it is told of a crowd.
struct Engine<'a> {
    crowd: &'a Crowd,
    rules: RuleSet,
    programme: Programme,
    rooms: Vec<RoomId>,
    devices: Vec<Arc<str>>,
    log: Arc<str>,
    registration: Registration,
    known: Known,
}

impl<'a> Engine<'a> {
    fn new(crowd: &'a Crowd, rules: &str) -> Self {
        let rules = protocol::rules::parse(rules).expect("a rule set");
        let room = |n: u8| RoomId::new(&format!("room-{n}")).expect("an id");
        let session = |(n, slot): (usize, &Slot)| {
            let id = SessionId::new(&format!("s-{n:02}")).expect("an id");
            let window = Window::new(UtcMs(slot.start_ms), UtcMs(slot.end_ms)).expect("a length");
            Session::plain(id, room(slot.room), window)
        };
        let ends = crowd.slots.iter().map(|slot| slot.end_ms);
        Self {
            crowd,
            rules,
            programme: Programme {
                id: ProgrammeId::new("all").expect("an id"),
                title: "All".into(),
                sessions: crowd.slots.iter().enumerate().map(session).collect(),
                part_of: BTreeMap::new(),
            },
            rooms: (0..crowd::ROOMS).map(room).collect(),
            devices: (0..4_u8).map(|n| format!("device-{n}").into()).collect(),
            log: "ce.example.org/event/bench".into(),
            registration: Registration::always(AttendeeId::new("somebody").expect("an id")),
            known: Known {
                now: UtcMs(ends.max().unwrap_or(0) + 60 * crowd::MIN_MS),
                incomplete_doors: Vec::new(),
            },
        }
    }

    fn signal(&self, number: usize, row: &Row) -> Signal {
        let crossing = |direction| Kind::Crossing {
            direction,
            source: DirectionSource::Reader,
        };
        let is_at_door = row.device == NO_DEVICE;
        Signal {
            id: SignalId {
                log: Arc::clone(&self.log),
                index: 0,
                row: Some(u32::try_from(number).expect("few signals each")),
            },
            source: if is_at_door {
                Source::Scan
            } else {
                Source::Platform
            },
            kind: match row.kind {
                IN => crossing(Direction::In),
                BEAT => Kind::Heartbeat,
                _ => crossing(Direction::Out),
            },
            rooms: vec![self.rooms[usize::from(row.room)].clone()],
            session: None,
            device: (!is_at_door).then(|| Arc::clone(&self.devices[usize::from(row.device)])),
            at: Interval::exactly(UtcMs(row.at_ms)),
            quality: Quality::Anchored,
            tick: None,
        }
    }

    /// Decides each attendee, one after the other.
    fn each(&self, mut then: impl FnMut(u32, Decision)) {
        let mut signals = Vec::new();
        for rows in self.crowd.by_attendee() {
            signals.clear();
            signals.extend(rows.iter().enumerate().map(|(n, row)| self.signal(n, row)));
            let evidence = Evidence {
                signals: &signals,
                registration: Some(&self.registration),
            };
            let decision = decide(&self.rules, &self.programme, evidence, &self.known);
            then(rows[0].attendee, decision);
        }
    }

    /// Millionths of credits of all together.
    fn decide_all(&self) -> i64 {
        let mut sum = 0;
        self.each(|_, decision| sum += decision.range.0.millionths());
        sum
    }

    fn minutes(&self) -> Minutes {
        let mut minutes = Minutes::new();
        self.each(|attendee, decision| {
            for part in decision.parts {
                assert_eq!(part.least_ms, part.most_ms, "the clocks are exact");
                let session = part.session.as_str().trim_start_matches("s-");
                let session: u32 = session.parse().expect("a number");
                if part.least_ms > 0 {
                    minutes.insert((attendee, session), part.least_ms);
                }
            }
        });
        minutes
    }

    /// The most that deciding takes of memory, beside the rows.
    fn memory_mib(&self) -> f64 {
        // The kernel forgets the highest mark, where it may be asked to.
        let forgets = std::fs::write("/proc/self/clear_refs", "5").is_ok();
        let before = status_mib("VmRSS:");
        self.decide_all();
        if forgets {
            (status_mib("VmHWM:") - before).max(0.001)
        } else {
            (status_mib("VmRSS:") - before).max(0.001)
        }
    }
}

fn status_mib(what: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kib: u32 = line
        .and_then(|line| line.split_ascii_whitespace().next())
        .and_then(|kib| kib.parse().ok())
        .expect("Linux says how large it is");
    f64::from(kib) / 1_024.0
}
