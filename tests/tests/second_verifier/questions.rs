//! Questions to the engine from seeds: any rule set on any day, with signals of every source and kind.
//!
//! Times are few and round, so that edges meet: of sessions, parts, exclusions, registrations and signals. Nothing need make
//! sense to people; both engines must make the same of it.

use std::fmt::Write as _;
use std::sync::Arc;

use attendance::time::{Interval, NO_SEGMENT, Quality};
use attendance::words::{
    AttendeeId, DirectionSource, DoorId, Kind, ProgrammeId, Signal, SignalId, Source, Tick,
};
use attendance::words::{Direction, RoomId, SessionId};
use attendance::{Evidence, Known, UtcMs};
use audit::testing::{MINUTE_MS, id, nine_and};
use protocol::agenda::{
    Accommodation, Agenda, Field, Programme, Registration, Registrations, Room, Session, Stretch,
};
use protocol::decision::{DecisionDoc, object_bytes};
use rollcall_tests::random::Random;
use serde_json::{Value, json};

const ROOMS: [&str; 4] = ["hall", "aula", "foyer", "annex"];
/// Logs of objects with rows; a basis names one at most, and the engine takes any number.
const LEDGER: &str = "org.example/event/day";
const OTHER: &str = "org.example/event/other";

/// A question with the answer that it has here.
pub(crate) struct Asked {
    /// The line that the other engine reads.
    pub(crate) line: String,
    /// The decision's bytes, or that the rules do not read.
    pub(crate) answer: Result<String, String>,
}

struct Question {
    random: Random,
    /// How far apart times are.
    grain_ms: i64,
    agenda: Agenda,
    registration: Option<Registration>,
    signals: Vec<Signal>,
    engaged: bool,
}

/// The question of a seed.
pub(crate) fn question(seed: u64) -> Asked {
    let mut random = Random::from_seed(seed);
    let grains = [MINUTE_MS, MINUTE_MS, 5 * MINUTE_MS, 1_000, 7];
    let grain_ms = grains[random.index(grains.len())];
    let mut question = Question {
        random,
        grain_ms,
        agenda: Agenda::empty("Europe/Berlin"),
        registration: None,
        signals: Vec::new(),
        engaged: false,
    };
    question.plan();
    question.person();
    let rules = question.rules();
    question.signals();
    let now = question.time();
    let now = if question.one_in(4) {
        now
    } else {
        nine_and(600 * MINUTE_MS)
    };
    question.ask(&rules, now)
}

impl Question {
    fn one_in(&mut self, n: u64) -> bool {
        self.random.below(n) == 0
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.index(all.len())]
    }

    fn up_to(&mut self, most: u64) -> i64 {
        i64::try_from(self.random.below(most + 1)).unwrap()
    }

    fn time(&mut self) -> UtcMs {
        nine_and(self.up_to(60) * self.grain_ms)
    }

    fn stretch(&mut self) -> Stretch {
        let start = self.time();
        Stretch {
            start,
            end: start.plus_ms(self.up_to(25) * self.grain_ms),
        }
    }

    fn stretches(&mut self, one_in: u64) -> Vec<Stretch> {
        if !self.one_in(one_in) {
            return Vec::new();
        }
        (0..1 + self.random.below(3))
            .map(|_| self.stretch())
            .collect()
    }

    // ---- the day ----

    fn plan(&mut self) {
        for room in ROOMS {
            let part_of = self.one_in(4).then(|| {
                let whole = self.random.index(ROOMS.len());
                id::<RoomId>(ROOMS[whole])
            });
            self.agenda.rooms.push(Room {
                id: id(room),
                title: room.into(),
                part_of,
            });
        }
        for number in 0..self.random.below(5) {
            let session = self.session(number);
            self.agenda.sessions.push(session);
        }
        for programme in ["main", "side"] {
            self.agenda.programmes.push(Programme {
                id: id(programme),
                title: programme.into(),
                rules: None,
            });
        }
    }

    fn session(&mut self, number: u64) -> Session {
        let names = ["talk", "a-talk", "last", "b-2", "more"];
        let name = names[usize::try_from(number).unwrap()];
        let room = self.one_of(&ROOMS[..3]);
        let times = self.stretch();
        let mut session = Session::plain(id(name), id(room), times.start, times.end);
        session.programme = match self.random.below(10) {
            0 => None,
            1 => Some(id("side")),
            _ => Some(id("main")),
        };
        if self.one_in(5) {
            session.actual_start = Some(self.time());
        }
        if self.one_in(5) {
            session.actual_end = Some(self.time());
        }
        if self.one_in(4) {
            session.credit_value = Some(self.one_of(&["1", "0.5", "2.25", "0"]).parse().unwrap());
        }
        let kind = self.one_of(&[None, None, None, Some("workshop"), Some("break"), Some("")]);
        session.kind = kind.map(str::to_owned);
        session.parts = self.stretches(5);
        session.excluded = self.stretches(5);
        if self.one_in(3) {
            for _ in 0..1 + self.random.below(3) {
                session.fields.push(Field {
                    field: self.one_of(&["ethics", "tax", "audit"]).into(),
                    weight: u32::try_from(self.random.below(4)).unwrap(),
                });
            }
        }
        let day = self.one_of(&[None, Some("2026-11-23"), Some("2026-11-24")]);
        session.day = day.map(str::to_owned);
        session.polls_offered = self.one_of(&[None, Some(3), Some(0), Some(7)]);
        session
    }

    fn person(&mut self) {
        if self.one_in(12) {
            return;
        }
        let mut row = Registration::plain(id("a-1"), Vec::new());
        if self.one_in(8) {
            row.valid_from = Some(self.time());
        }
        if self.one_in(8) {
            row.valid_until = Some(self.time());
        }
        row.cancelled = self.one_in(15);
        if self.one_in(4) {
            row.speaks = vec![id("talk"), id("last")];
        }
        if self.one_in(5) {
            for _ in 0..1 + self.random.below(2) {
                let session = self.one_of(&[None, Some("talk"), Some("a-talk")]);
                row.accommodations.push(Accommodation {
                    session: session.map(id::<SessionId>),
                    extra_s: self.one_of(&[None, Some(60), Some(300), Some(u32::MAX)]),
                    whole: self.one_in(4),
                });
            }
        }
        self.registration = Some(row);
    }

    // ---- rules ----

    #[rustfmt::skip]
    fn rules(&mut self) -> String {
        const KEYS: [(u64, &[&str]); 28] = [
            (1, &["step = \"0.5\"", "step = \"0.25\"", "step = \"1\"", "step = \"0.000001\"", "step = \"0.1\""]),
            (2, &["threshold = { share = \"0.8\" }", "threshold.minutes = \"12.5\"", "threshold = { full = true }", "threshold = { share = \"0.333333\" }"]),
            (3, &["grace_in_s = 300", "grace_in_s = 60"]),
            (3, &["grace_out_s = 120", "grace_out_s = 420"]),
            (2, &["rounding = \"nearest\"", "rounding = \"down\""]),
            (2, &["scope = \"session\"\nshort_segment_under_min = \"12\"", "scope = \"session\""]),
            (3, &["first_award_min = \"0.5\"", "first_award_min = \"1\""]),
            (3, &["met_awards = \"scheduled\"", "credit_source = \"value\""]),
            (3, &["below_threshold = \"actual\""]),
            (3, &["windows = \"actual\""]),
            (2, &["missing_check_out = \"session_end\"", "missing_check_out = \"last_signal\"", "missing_check_out = \"last_signal\"", "missing_check_out = \"none\""]),
            (2, &["missing_check_in = \"session_start\"", "missing_check_in = \"first_signal\"", "missing_check_in = \"first_signal\"", "missing_check_in = \"none\""]),
            (3, &["repeated_out = \"last\""]),
            (3, &["in_elsewhere = \"independent\""]),
            (4, &["sources = [\"scan\", \"platform\"]", "sources = [ 'scan', # doors\n 'person', ]", "sources = [\"platform\", \"person\"]", "sources = [\"scan\"]"]),
            (2, &["heartbeat_max_gap_s = 300", "heartbeat_max_gap_s = 60", "heartbeat_max_gap_s = 1200"]),
            (4, &["excluded_kinds = [\"break\"]", "excluded_kinds = [\"break\", \"workshop\"]"]),
            (3, &["overlap = \"count_once\""]),
            (5, &["floor_credits.workshop = \"0.5\"", "[floor_credits]\nsession = \"0.2\"\n"]),
            (3, &["field_rounding = \"per_field\""]),
            (3, &["caps = { programme = \"0.5\" }", "caps = { day = \"0.3\", fields = { tax = \"0.2\", audit = \"0.4\" } }", "caps.fields.ethics = \"0.1\"\ncaps.day = \"1\"", "caps.day = \"0.4\""]),
            (3, &["polls_per_credit = \"3\"", "polls_per_credit = \"2.5\"", "polls_per_credit = \"0.1\""]),
            (4, &["poll_min_share = \"0.5\"", "poll_min_share = \"1\""]),
            (3, &["poll_short = \"review\"", "poll_short = \"reduce\"", "poll_short = \"reduce\""]),
            (3, &["platform_alone = \"none\"", "platform_alone = \"review\""]),
            (3, &["denial = \"review\""]),
            (3, &["speakers = { factor = \"2\" }", "speakers = { factor = \"0.5\", presence = \"not_needed\" }", "speakers = { factor = \"1\", presence = \"needed\" }"]),
            (9, &["cites = [{ keys = [\"step\"], source = \"a book\", primary_source = false }]", "jurisdiction = \"tx\"", "source = \"b\"\nread_on = \"x\"\nprimary_source = false", "unknown = 1"]),
        ];
        let mut text = String::from("format = \"rollcall-rules/1\"\nname = \"seeded\"\n");
        let unit = match self.grain_ms {
            7 => self.one_of(&["seconds_per_credit = \"0.25\"", "seconds_per_credit = \"0.1\""]),
            1_000 => self.one_of(&["seconds_per_credit = \"50\"", "minutes_per_credit = \"0.25\""]),
            _ => self.one_of(&["minutes_per_credit = \"50\"", "seconds_per_credit = \"600\"", "minutes_per_credit = '7.5'"]),
        };
        writeln!(text, "{unit}").unwrap();
        let mut tables = String::new();
        for (one_in, lines) in KEYS {
            if self.one_in(one_in) {
                let line = self.one_of(lines);
                let part = if line.starts_with('[') { &mut tables } else { &mut text };
                writeln!(part, "{line}").unwrap();
            }
        }
        text + &tables
    }

    // ---- signals ----

    fn signals(&mut self) {
        // On some days people do little but answer polls and give signs of life.
        self.engaged = self.one_in(4);
        let most = self.one_of(&[3, 6, 12]);
        let mut raw = [10_000_u64, 10_000];
        for number in 0..self.random.below(most) {
            let signal = if self.one_in(2) {
                self.scan(number, &mut raw)
            } else {
                self.row(number)
            };
            self.signals.push(signal);
        }
        self.random.shuffle(&mut self.signals);
    }

    fn interval(&mut self) -> Interval {
        let at = self.time();
        let grain = self.grain_ms.unsigned_abs();
        let width = match self.random.below(8) {
            0 => self.up_to(30) * self.grain_ms,
            1 => self.up_to(3) * self.grain_ms,
            2..=4 => 0,
            _ => self.up_to(grain / 4),
        };
        Interval {
            earliest: at,
            latest: at.plus_ms(width),
        }
    }

    fn rooms(&mut self) -> Vec<RoomId> {
        let rooms: &[&str] = match self.random.below(8) {
            0 => &["hall", "aula"],
            1 => &["foyer", "hall", "annex"],
            2 => &[],
            3 => &["annex"],
            4 => &["aula"],
            5 => &["foyer"],
            _ => &["hall"],
        };
        rooms.iter().map(|room| id(room)).collect()
    }

    fn scan(&mut self, number: u64, raw: &mut [u64; 2]) -> Signal {
        let log = self.random.index(2);
        let at = self.interval();
        let by_time = u64::try_from(at.earliest.0 - nine_and(0).0).unwrap();
        raw[log] = if self.one_in(3) {
            by_time
        } else {
            by_time + self.random.below(self.grain_ms.unsigned_abs())
        };
        let name: Arc<str> = Arc::from(["log-a", "log-b"][log]);
        let direction = self.one_of(&[
            Direction::In,
            Direction::Out,
            Direction::Seen,
            Direction::In,
        ]);
        let source = self.one_of(&[
            DirectionSource::Reader,
            DirectionSource::Reader,
            DirectionSource::Toggled,
        ]);
        Signal {
            id: SignalId {
                log: Arc::clone(&name),
                index: number,
                row: None,
            },
            source: Source::Scan,
            kind: Kind::Crossing { direction, source },
            rooms: self.rooms(),
            session: None,
            device: None,
            at,
            quality: self.one_of(Quality::ALL),
            tick: (!self.one_in(5)).then(|| Tick {
                log: name,
                segment: self.one_of(&[0, 0, 0, 1, NO_SEGMENT]),
                raw_ms: raw[log],
            }),
        }
    }

    fn row(&mut self, number: u64) -> Signal {
        let source = self.one_of(&[
            Source::App,
            Source::Platform,
            Source::Platform,
            Source::Platform,
            Source::Person,
            Source::Claim,
        ]);
        let session = self.one_in(2).then(|| {
            let name = self.one_of(&["talk", "a-talk", "last", "b-2", "nothing"]);
            id::<SessionId>(name)
        });
        let crossing = |direction| Kind::Crossing {
            direction,
            source: DirectionSource::Reader,
        };
        let kind = match self.random.below(12) {
            0..=2 | 9..=11 if self.engaged => Kind::Poll {
                poll: Arc::from(self.one_of(&["1", "2", "3", "4"])),
            },
            0..=2 => crossing(Direction::In),
            3..=4 => crossing(Direction::Out),
            5 => crossing(Direction::Seen),
            6..=7 => Kind::Heartbeat,
            8 => Kind::Poll {
                poll: Arc::from(self.one_of(&["1", "2", "3"])),
            },
            9 => Kind::Confirmed,
            10 => Kind::Denied,
            _ => Kind::Attested,
        };
        let rooms = if session.is_some() && !self.one_in(8) {
            Vec::new()
        } else {
            self.rooms()
        };
        let device = self.one_of(&[None, None, Some("phone"), Some("desk")]);
        Signal {
            id: SignalId {
                log: Arc::from(if self.one_in(6) { OTHER } else { LEDGER }),
                index: self.random.below(3),
                row: Some(u32::try_from(number).unwrap()),
            },
            source,
            kind,
            rooms,
            session,
            device: device.map(Arc::from),
            at: self.interval(),
            quality: Quality::Reported,
            tick: None,
        }
    }

    // ---- both engines' forms ----

    fn ask(&mut self, rules: &str, now: UtcMs) -> Asked {
        let (attendee, programme): (AttendeeId, ProgrammeId) = (id("a-1"), id("main"));
        let doors = if self.one_in(5) { 1 } else { 0 };
        let registrations = Registrations {
            v: 1,
            badge_key: "0000000000000000".into(),
            registrations: self.registration.iter().cloned().collect(),
        };
        let line = json!({
            "rules": rules,
            "agenda": String::from_utf8(object_bytes(&self.agenda)).unwrap(),
            "registrations": String::from_utf8(object_bytes(&registrations)).unwrap(),
            "programme": "main",
            "attendee": "a-1",
            "signals": self.signals.iter().map(written).collect::<Vec<Value>>(),
            "now": protocol::text::instant(now),
            "incomplete_doors": doors,
        });
        let answer = protocol::rules::parse(rules)
            .map_err(|e| e.to_string())
            .map(|rules| {
                let registration = self.registration.as_ref().map(Registration::to_domain);
                let evidence = Evidence {
                    signals: &self.signals,
                    registration: registration.as_ref(),
                };
                let known = Known {
                    now,
                    incomplete_doors: (0..doors).map(|_| id::<DoorId>("d-1")).collect(),
                };
                let plan = self.agenda.programme(&programme).unwrap();
                let decision = attendance::decide(&rules, &plan, evidence, &known);
                let document = DecisionDoc::new(&attendee, &programme, "", &decision);
                String::from_utf8(object_bytes(&document)).unwrap()
            });
        Asked {
            line: line.to_string(),
            answer,
        }
    }
}

fn written(signal: &Signal) -> Value {
    let (kind, toggled) = match &signal.kind {
        Kind::Crossing { direction, source } => {
            (direction.as_str(), *source == DirectionSource::Toggled)
        }
        Kind::Heartbeat => ("heartbeat", false),
        Kind::Poll { .. } => ("poll", false),
        Kind::Confirmed => ("confirmed", false),
        Kind::Denied => ("denied", false),
        Kind::Attested => ("attested", false),
    };
    let poll = match &signal.kind {
        Kind::Poll { poll } => Some(poll.to_string()),
        _ => None,
    };
    let tick = signal.tick.as_ref().filter(|t| t.segment != NO_SEGMENT);
    json!({
        "log": &*signal.id.log, "index": signal.id.index, "row": signal.id.row, "source": signal.source.as_str(),
        "kind": kind, "toggled": toggled, "rooms": signal.rooms.iter().map(RoomId::as_str).collect::<Vec<_>>(),
        "session": signal.session.as_ref().map(SessionId::as_str), "device": signal.device.as_deref(), "poll": poll,
        "earliest": protocol::text::instant(signal.at.earliest), "latest": protocol::text::instant(signal.at.latest),
        "quality": signal.quality.as_str(), "segment": tick.map(|t| t.segment), "raw_ms": tick.map(|t| t.raw_ms),
    })
}
