//! Conference days from seeds: every one true, no two alike.
//!
//! Doors of one room or two, boots, suspends, clocks unset, ahead, jumping or kept by the kernel, raw clocks that drift, an
//! issuer whose clock is off for a while, time codes fresh and stale, restored cards, kiosks replaced, doors without a network for long, answers lost on the way, rubbish in journals,
//! all kinds of rule sets, registrations that begin, end or are cancelled, people who scan twice, wrongly or only once; and
//! what other sources saw, by accounts, devices, channels and the words of people, some of it taken back ([`observed`]).

use std::collections::BTreeMap;

use attendance::time::Sync;
use attendance::words::{Direction, DirectionSource, Verdict};
use attendance::{Outcome, UtcMs};
use audit::testing::{MINUTE_MS, World, id, nine_and};
use protocol::agenda::Registration;
use protocol::entry::{Body, Note, Reader, ReaderState, Staff};
use protocol::ledger::{self, CaseOutcome, LedgerBody};
use rollcall_tests::random::Random;

use super::observed;

/// Minutes from nine at which the kiosks come up, and at which the day ends.
const UP_MIN: i64 = -40;
const END_MIN: i64 = 150;
const SUSPEND_MS: i64 = 2_000;
pub(super) const BADGES: u64 = 6;
const ROOMS: [&str; 3] = ["hall", "aula", "foyer"];

/// A day under way.
pub(super) struct Day {
    pub(super) random: Random,
    pub(super) world: World,
    /// The ms from nine until which each kiosk has no network.
    dark_until: Vec<i64>,
    /// How far the issuer's clock is ahead.
    issuer_ahead_ms: i64,
    /// The signals accepted: their ledger indices and rows, less what was taken back.
    pub(super) accepted: Vec<(u64, u32)>,
}

/// The world after a day.
pub(crate) fn day(seed: u64) -> World {
    let mut day = Day {
        random: Random::from_seed(seed),
        world: World::new(),
        dark_until: Vec::new(),
        issuer_ahead_ms: 0,
        accepted: Vec::new(),
    };
    day.agenda();
    observed::plan(&mut day);
    day.people();
    day.doors();
    let mut ms = (UP_MIN + 1) * MINUTE_MS;
    while ms < END_MIN * MINUTE_MS {
        day.step(ms);
        // Longer than a suspend, so that no kiosk's clock goes back.
        ms += SUSPEND_MS + day.minutes(0, 4 * 60_000);
    }
    day.close();
    day.world
}

impl Day {
    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.random.below(n) == 0
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.index(all.len())]
    }

    pub(super) fn minutes(&mut self, from: i64, below: u64) -> i64 {
        from + i64::try_from(self.random.below(below)).unwrap()
    }

    // ---- what is planned ----

    fn agenda(&mut self) {
        for room in ROOMS {
            self.world.add_room(room);
        }
        let mut start = 0;
        for session in ["opening", "keynote", "z-last"] {
            let room = self.one_of(&ROOMS[..2]);
            let minutes = self.minutes(20, 40);
            self.world
                .add_session(session, room, start, start + minutes, "main");
            start += self.minutes(minutes - 15, 30);
        }
        self.world.add_session("talk", "foyer", 10, 60, "side");
        self.world.agenda.sessions[0].title = "Öffnung \"heute\"\t\\ \u{1}\u{1f642}".into();
        if self.one_in(2) {
            let session = self.random.index(3);
            let moved = self.minutes(-5, 11) * MINUTE_MS;
            let session = &mut self.world.agenda.sessions[session];
            session.actual_start = Some(session.start.plus_ms(moved));
        }
        if self.one_in(3) {
            // It ends before it begins: the schedule counts.
            let session = &mut self.world.agenda.sessions[1];
            session.actual_end = Some(session.start.plus_ms(-MINUTE_MS));
        }
    }

    fn people(&mut self) {
        for person in 1..BADGES {
            self.world
                .register(&format!("a-{person}"), &format!("X{person}"));
        }
        let from = nine_and(self.minutes(0, 60) * MINUTE_MS);
        let rows = &mut self.world.registrations.registrations;
        match self.random.below(6) {
            0 => rows[0].valid_from = Some(from),
            1 => rows[1].valid_until = Some(from),
            2 => rows[2].cancelled = true,
            3 => {
                // Somebody else lists the same badge, and one person stands twice.
                let (taken, again) = (rows[0].badges[0], rows[1].clone());
                rows[3].badges.push(taken);
                rows.push(Registration {
                    badges: vec![self.world.badge_key.digest("X9")],
                    cancelled: true,
                    ..again
                });
            }
            _ => rows[0].badges.push(self.world.badge_key.digest("X8")),
        }
        observed::people(self);
        let at = nine_and(-50 * MINUTE_MS);
        let main = self.rules();
        let side = self.rules();
        self.world.adopt(at, "main", &main);
        self.world.adopt(at, "side", &side);
    }

    fn rules(&mut self) -> String {
        let mut text = String::from("format = \"rollcall-rules/1\"\nname = \"seeded ü\"\n");
        let mut line = |random: &mut Random, lines: &[&str]| {
            text.push_str(lines[random.index(lines.len())]);
            text.push('\n');
        };
        let words: [&[&str]; 12] = [
            &[
                "minutes_per_credit = \"50\"",
                "seconds_per_credit = \"600\"",
                "minutes_per_credit = '7.5'",
            ],
            &[
                "step = \"0.5\"",
                "step = \"0.25\"",
                "step = \"1\"",
                "step = \"0.000001\"",
            ],
            &[
                "",
                "threshold = { share = \"0.8\" }",
                "threshold.minutes = \"12.5\"",
                "threshold = { full = true }",
            ],
            &[
                "",
                "grace_in_s = 300",
                "grace_in_s = 0x3c\ngrace_out_s = 1_20",
            ],
            &["", "rounding = \"nearest\"", "rounding = \"down\""],
            &["", "scope = \"session\""],
            &["", "first_award_min = \"0.5\"", "first_award_min = \"1\""],
            &["", "met_awards = \"scheduled\""],
            &["", "below_threshold = \"actual\""],
            &["", "windows = \"actual\""],
            &[
                "",
                "repeated_out = \"last\"",
                "repeated_out = \"first\" # said twice",
            ],
            &["", "in_elsewhere = \"independent\""],
        ];
        for lines in words {
            line(&mut self.random, lines);
        }
        line(
            &mut self.random,
            &[
                "",
                "missing_check_out = \"session_end\"",
                "missing_check_out = \"last_signal\"",
                "missing_check_out = \"none\"",
            ],
        );
        line(
            &mut self.random,
            &[
                "",
                "missing_check_in = \"session_start\"",
                "missing_check_in = \"first_signal\"",
                "missing_check_in = \"none\"",
            ],
        );
        text + &observed::rules(self)
    }

    fn doors(&mut self) {
        let doors = 1 + self.random.index(3);
        for door in 0..doors {
            let rooms: &[&str] = match self.random.below(3) {
                0 => &["hall", "aula"],
                1 => &["aula"],
                _ => &["hall"],
            };
            let at = nine_and(UP_MIN * MINUTE_MS);
            self.world
                .add_kiosk(&format!("k-{door}"), &format!("door-{door}"), rooms, at);
            let clocks = &mut self.world.kiosks[door].clocks;
            clocks.drift_ppm = i64::try_from(self.random.below(300)).unwrap() - 150;
            if self.random.below(3) == 0 {
                clocks.wall_ahead_ms = -1_000_000_000_000;
            }
            self.dark_until.push(UP_MIN * MINUTE_MS);
        }
        if self.one_in(3) {
            // An agenda that lost a door: its scans count for the rooms that they name.
            self.world.agenda.doors.pop();
            self.world.import(nine_and(UP_MIN * MINUTE_MS));
        }
    }

    // ---- what happens ----

    fn step(&mut self, ms: i64) {
        let kiosk = self.random.index(self.world.kiosks.len());
        let at = nine_and(ms);
        let dark = self.dark_until[kiosk] > ms;
        match self.random.below(48) {
            40..=46 => observed::signals(self, at),
            47 => observed::take_back(self, at),
            0..=10 => self.scan(kiosk, at),
            11..=14 if !dark => self.world.sync(kiosk, at),
            15 if !dark => self.world.sync_unanswered(kiosk, at),
            16..=17 if !dark => {
                self.world.clock_off(kiosk, at, self.issuer_ahead_ms);
            }
            18 => self.world.reboot(kiosk, at),
            19 => {
                self.world.suspend(kiosk, at, SUSPEND_MS);
            }
            20 => self.jump(kiosk),
            21 => self.dark_until[kiosk] = ms + self.minutes(0, 90) * MINUTE_MS,
            22 => self.rubbish(kiosk),
            25 if self.one_in(3) => self.world.retire(at, kiosk),
            26..=36 => self.scan(kiosk, at),
            23..=24 => {
                let age = self.one_of(&[2_000, 30_000, 59_000, 61_000, 600_000]);
                self.world.time_code(kiosk, at, age);
            }
            _ => self.other(kiosk, at),
        }
        if self.one_in(40) {
            self.issuer_ahead_ms = self.one_of(&[0, 0, 90_000, -300_000]);
        }
    }

    fn scan(&mut self, kiosk: usize, at: UtcMs) {
        let badge = format!("X{}", self.random.below(BADGES + 4));
        let direction = self.one_of(&[
            Direction::In,
            Direction::In,
            Direction::Out,
            Direction::Out,
            Direction::Seen,
        ]);
        let door = self.world.kiosks[kiosk].door.to_string();
        let mut body = self.world.scan_body(kiosk, &badge, direction, &door);
        body.direction_source = self.one_of(&[
            DirectionSource::Reader,
            DirectionSource::Reader,
            DirectionSource::Staff,
            DirectionSource::Toggled,
        ]);
        if self.one_in(8) {
            body.verdict = self.one_of(Verdict::ALL);
        }
        if self.one_in(30) {
            body.badge.key = "0000000000000000".into();
        }
        if self.one_in(20) {
            body.rooms.clear();
        }
        self.world.journal(kiosk, at, Body::Scan(Box::new(body)));
    }

    /// The wall clock is set, or loses what it was set to.
    fn jump(&mut self, kiosk: usize) {
        let ahead = self.one_of(&[0, 250, -3_600_000, 7_200_000]);
        let sync = self.one_of(&[Sync::Synced, Sync::Synced, Sync::Holdover, Sync::Unset]);
        let error = self.one_of(&[None, Some(4), Some(2_500)]);
        let clocks = &mut self.world.kiosks[kiosk].clocks;
        (clocks.wall_ahead_ms, clocks.sync, clocks.error_ms) = (ahead, sync, error);
    }

    /// Lines that are no entries, or are entries in another spelling: both verifiers must draw the same line.
    fn rubbish(&mut self, kiosk: usize) {
        let entries = &self.world.kiosks[kiosk].log.entries;
        let near = entries[self.random.index(entries.len())].clone();
        let line = spelled(&near, &mut self.random);
        self.world.journal_bytes(kiosk, line);
    }

    fn other(&mut self, kiosk: usize, at: UtcMs) {
        let body = match self.random.below(3) {
            0 => Body::Reader(Reader {
                reader: id("front"),
                state: ReaderState::Stalled,
                refused: 3,
            }),
            1 => Body::Staff(Staff {
                action: "set_direction_in".into(),
                reason: "door_opened".into(),
                badge: None,
                index: Some(1),
            }),
            _ => Body::Note(Note {
                code: "disk_low".into(),
                numbers: BTreeMap::from([("free_mib".into(), -12)]),
            }),
        };
        self.world.journal(kiosk, at, body);
    }

    // ---- what came of it ----

    fn close(&mut self) {
        for kiosk in 0..self.world.kiosks.len() {
            if self.dark_until[kiosk] < END_MIN * MINUTE_MS {
                self.world.clock(kiosk, nine_and(END_MIN * MINUTE_MS));
                self.world.sync(kiosk, nine_and((END_MIN + 1) * MINUTE_MS));
            } else {
                let lost = ledger::DoorLost {
                    door: self.world.kiosks[kiosk].door.clone(),
                    reason: "no_network".into(),
                    operator: "op-1".into(),
                };
                let door = lost.door.clone();
                self.world
                    .note(nine_and(END_MIN * MINUTE_MS), LedgerBody::DoorLost(lost));
                self.world.incomplete_doors.push(door);
            }
        }
        self.second_histories();
        let now = self.minutes(20, 200);
        let mut certified = Vec::new();
        for person in 1..BADGES {
            for programme in ["main", "side"] {
                certified.extend(self.decide(now, person, programme));
            }
        }
        self.world
            .decide(nine_and(now * MINUTE_MS), "nobody", "main");
        self.correct(now, &certified);
        // A kiosk witnesses all of the ledger.
        self.world
            .sync(0, nine_and((END_MIN + now + 10) * MINUTE_MS));
    }

    /// Forks that a reviewer admits or denies, entries that came late, a head that the issuer lost.
    fn second_histories(&mut self) {
        let at = nine_and((END_MIN + 5) * MINUTE_MS);
        let kiosk = self.random.index(self.world.kiosks.len());
        let accepted = self.world.accepted(kiosk);
        if self.one_in(3) && accepted > 1 {
            let base = 1 + self.random.below(accepted - 1);
            let (mut random, from) = (self.random.clone(), self.world.booted(kiosk));
            let branch = self.world.fork(kiosk, base, |world| {
                for minute in 1..8 {
                    let at = from.plus_ms(minute * 7 * MINUTE_MS);
                    let badge = format!("X{}", random.below(BADGES));
                    let direction = if random.below(2) == 0 {
                        Direction::In
                    } else {
                        Direction::Out
                    };
                    world.scan(kiosk, at, &badge, direction);
                    if random.below(5) == 0 {
                        world.clock(kiosk, at.plus_ms(MINUTE_MS));
                    }
                }
            });
            if self.one_in(3) {
                let case = self.world.case_of(&branch, CaseOutcome::Denied);
                self.world.note(at, LedgerBody::Case(case));
            } else {
                self.world.admit(at, branch);
            }
        }
        for kiosk in 0..self.world.kiosks.len() {
            if self.world.is_late(kiosk) && self.one_in(2) {
                self.world.admit_late(at, kiosk);
            }
        }
        if self.one_in(4) {
            let lost = ledger::Recovery {
                size: 3,
                root: evidence::Hash([9; 32]),
                kiosk: self.world.kiosks[0].id.clone(),
                reason: "restored".into(),
                operator: "op-1".into(),
            };
            self.world.note(at, LedgerBody::Recovery(lost));
        }
    }

    /// Decides, and certifies what is awarded. Gives the code, the person and the programme.
    fn decide(
        &mut self,
        now: i64,
        person: u64,
        programme: &'static str,
    ) -> Option<(String, String, &'static str)> {
        let attendee = format!("a-{person}");
        let at = nine_and(now * MINUTE_MS);
        let decision = self.world.decide(at, &attendee, programme);
        let LedgerBody::Decision(body) = self.world.ledger_body(decision) else {
            return None;
        };
        if !matches!(body.outcome, Outcome::Full | Outcome::Partial) {
            return None;
        }
        let code = format!("code-{person}-{programme}");
        self.world.certify(at, decision, &code, 1);
        Some((code, attendee, programme))
    }

    /// The agenda moves, and what was certified is decided again.
    fn correct(&mut self, now: i64, certified: &[(String, String, &'static str)]) {
        let at = nine_and((now + 5) * MINUTE_MS);
        if certified.is_empty() {
            return;
        }
        let session = self.random.index(3);
        self.world.agenda.sessions[session].title.push('*');
        self.world.import(at);
        if self.one_in(2) {
            observed::signals(self, at);
            observed::take_back(self, at);
        }
        let (code, attendee, programme) = &certified[self.random.index(certified.len())];
        let again = self.world.decide(at, attendee, programme);
        self.world.revoke(at, code, 1);
        let LedgerBody::Decision(body) = self.world.ledger_body(again) else {
            return;
        };
        if matches!(body.outcome, Outcome::Full | Outcome::Partial) {
            self.world.certify(at, again, code, 2);
        }
        if self.one_in(3) {
            let retired = ledger::Retirement {
                kiosk: self.world.kiosks[0].id.clone(),
                reason: "replaced".into(),
                operator: "op-1".into(),
            };
            self.world.note(at, LedgerBody::Retirement(retired));
        }
    }
}

/// An entry that some other writer could have meant.
fn spelled(entry: &[u8], random: &mut Random) -> Vec<u8> {
    const WHOLE: [&[u8]; 8] = [
        b"rubbish",
        b"{\"v\":2,\"kind\":\"scan\"}",
        b"{\"v\":1.5}",
        b"",
        b"\xff\xfe",
        b"{\"v\":1,\"v\":1}",
        b"{\"leaf\":\"of nothing\"}",
        b"[1,\"boot\",{},{}]",
    ];
    const SPELLINGS: [(&str, &str); 40] = [
        ("\"v\":1", "\"v\":1.0"),
        ("\"v\":1", "\"v\":01"),
        ("\"v\":1", "\"v\":1e0"),
        ("\"v\":1", "\"v\":-1"),
        ("\"v\":1", "\"v\":\"1\""),
        ("\"v\":1", "\"v\":1,\"v\":1"),
        ("\"v\":1", "\"v\":4294967297"),
        ("\"v\":1", " \"v\" :\t1 "),
        ("\"v\":1", "\"V\":1"),
        ("\"v\":1", "\"\\u0076\":1"),
        ("\"v\":1", "\"v\":1,\"w\":null"),
        ("\"kind\":\"", "\"kind\":\"\\u00"),
        ("\"kind\":\"scan\"", "\"kind\":\"sc\\u0061n\""),
        ("\"kind\":\"boot\"", "\"kind\":\"scan\""),
        ("\"raw_ms\":", "\"raw_ms\":-"),
        ("\"raw_ms\":", "\"raw_ms\":0"),
        ("\"raw_ms\":", "\"raw_ms\":99999999999999"),
        ("\"raw_ms\":", "\"raw_ms\":1844674407370955161"),
        ("\"raw_ms\":", "\"raw_ms\":-0,\"raw_ms\":"),
        ("\"error_ms\":null", "\"error_ms\":4294967296"),
        ("\"error_ms\":null", "\"error_ms\":-0"),
        (",\"error_ms\":null", ""),
        (",\"attendee\":null", ""),
        (",\"prior\":null", ""),
        (",\"symbology\":\"qr\"", ",\"symbology\":null"),
        ("\"prior\":null", "\"prior\":{\"source\":\"door\"}"),
        (
            "\"prior\":null",
            "\"prior\":{\"room\":null,\"source\":\"door\",\"index\":null}",
        ),
        ("\"prior\":null", "\"prior\":[\"hall\",\"door\",4]"),
        (
            "\"symbology\":\"qr\"",
            "\"symbology\":\"\\ud83d\\ude00\\/\"",
        ),
        ("\"symbology\":\"qr\"", "\"symbology\":\"\\ud83d\""),
        ("\"cause\":\"start\"", "\"cause\":{\"start\":null}"),
        ("\"state\":\"stalled\"", "\"state\":{\"stalled\":null}"),
        ("\"numbers\":{", "\"numbers\":{\"free_mib\":1.5,"),
        ("\"numbers\":{", "\"numbers\":{\"free_mib\":7,"),
        ("T09:", "T24:"),
        ("T09:", "T09:60:"),
        ("2026-11-23", "2026-11-31"),
        (".000Z", ".000z"),
        ("\"note\":\"", "\"note\":[],\"note\":\""),
        (
            "\"badge\":{\"digest\":",
            "\"badge\":{\"digest\":\"A\",\"digest\":",
        ),
    ];
    let Ok(text) = std::str::from_utf8(entry) else {
        return WHOLE[random.index(WHOLE.len())].to_vec();
    };
    match random.below(12) {
        0 => WHOLE[random.index(WHOLE.len())].to_vec(),
        // Objects as the lists of their values.
        1 => listed(text, "body").into_bytes(),
        2 => listed(text, "time").into_bytes(),
        3 => listed(text, "badge").into_bytes(),
        _ => {
            let (from, to) = SPELLINGS[random.index(SPELLINGS.len())];
            text.replacen(from, to, 1).into_bytes()
        }
    }
}

/// An entry in which one object of plain values stands as the list of them, in order.
fn listed(text: &str, key: &str) -> String {
    let open = format!("\"{key}\":{{");
    let Some(from) = text.find(&open) else {
        return text.to_owned();
    };
    let inner = from + open.len();
    let Some(end) = text[inner..].find('}') else {
        return text.to_owned();
    };
    let values = text[inner..inner + end]
        .split(",\"")
        .filter_map(|pair| Some(pair.split_once(':')?.1));
    let values: Vec<&str> = values.collect();
    let (before, after) = (&text[..from], &text[inner + end + 1..]);
    format!("{before}\"{key}\":[{}]{after}", values.join(","))
}
