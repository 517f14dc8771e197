//! What other sources than doors saw of a day, and the rules that heed it.

use std::fmt::Write as _;

use attendance::UtcMs;
use attendance::words::{AttendeeId, RoomId, SessionId, Source};
use audit::testing::{MINUTE_MS, id, nine_and};
use protocol::agenda::{Accommodation, Channel, Field, Stretch};
use protocol::decision::object_bytes;
use protocol::ledger::{self, LedgerBody};
use protocol::signals::{Row, RowKind, Signals, VERSION};

use super::days::{BADGES, Day};

const CHANNELS: [&str; 3] = ["zoom/82", "zoom/nobody's", "zoom/81"];

// ---- what is planned ----

/// Rooms within rooms, channels, and what sessions may say of themselves.
pub(super) fn plan(day: &mut Day) {
    if day.one_in(3) {
        day.world.agenda.rooms[2].part_of = Some(id("hall"));
    }
    for (channel, rooms) in [("zoom/81", &["hall"][..]), ("zoom/82", &["aula", "hall"])] {
        day.world.agenda.channels.push(Channel {
            id: channel.into(),
            title: channel.to_uppercase(),
            rooms: rooms.iter().map(|room| id(room)).collect(),
        });
    }
    for number in 0..day.world.agenda.sessions.len() {
        let stretches = [stretch(day, number, 4), stretch(day, number, 3)];
        let kind = day.one_of(&[None, None, Some("workshop"), Some("break")]);
        let date = day.one_of(&[None, Some("2026-11-23"), Some("2026-11-24")]);
        let fields: Vec<Field> = (0..day.random.below(4))
            .map(|_| Field {
                field: day.one_of(&["ethics", "tax"]).into(),
                weight: u32::try_from(day.random.below(4)).unwrap(),
            })
            .collect();
        let value = day.one_of(&[None, None, Some("1.5")]);
        let polls = day.one_of(&[None, Some(2), Some(4)]);
        let [parts, excluded] = stretches;
        let session = &mut day.world.agenda.sessions[number];
        (session.parts, session.excluded, session.fields) = (parts, excluded, fields);
        session.kind = kind.map(str::to_owned);
        session.day = date.map(str::to_owned);
        session.credit_value = value.map(|value| value.parse().unwrap());
        session.polls_offered = polls;
    }
}

fn stretch(day: &mut Day, number: usize, one_in: u64) -> Vec<Stretch> {
    if !day.one_in(one_in) {
        return Vec::new();
    }
    let from = day.world.agenda.sessions[number].start;
    let start = from.plus_ms(day.minutes(-5, 20) * MINUTE_MS);
    let end = start.plus_ms(day.minutes(0, 30) * MINUTE_MS);
    vec![Stretch { start, end }]
}

/// Accounts, assistants, speakers, accommodations.
pub(super) fn people(day: &mut Day) {
    for person in 1..BADGES {
        let account = format!("a{person}");
        day.world.list_account(&format!("a-{person}"), &account);
    }
    if day.one_in(3) {
        // An account that two people list is nobody's.
        day.world.list_account("a-4", "a3");
    }
    let badge = day.world.registration("a-2").badges[0];
    let session = day.one_of(&[None, Some("opening"), Some("talk")]);
    let granted = Accommodation {
        session: session.map(id::<SessionId>),
        extra_s: day.one_of(&[None, Some(120), Some(1_200)]),
        whole: day.one_in(3),
    };
    if day.one_in(3) {
        day.world.registration("a-5").assistants.push(badge);
    }
    if day.one_in(3) {
        day.world.registration("a-1").speaks = vec![id("keynote"), id("talk")];
    }
    if day.one_in(3) {
        day.world.registration("a-2").accommodations.push(granted);
    }
}

/// Rules on what other sources saw and on what sessions say.
pub(super) fn rules(day: &mut Day) -> String {
    const LINES: [(u64, &[&str]); 13] = [
        (
            3,
            &[
                "sources = [\"scan\", \"platform\"]",
                "sources = [\"platform\", \"person\",]",
                "sources = ['scan']",
            ],
        ),
        (
            2,
            &["heartbeat_max_gap_s = 600", "heartbeat_max_gap_s = 1800"],
        ),
        (4, &["excluded_kinds = [\"break\"]"]),
        (3, &["overlap = \"count_once\""]),
        (
            4,
            &[
                "floor_credits.workshop = \"0.5\"",
                "floor_credits = { session = \"0.1\" }",
            ],
        ),
        (3, &["field_rounding = \"per_field\""]),
        (
            3,
            &[
                "caps = { day = \"0.5\", fields = { tax = \"0.25\" } }",
                "caps.programme = \"0.75\"",
            ],
        ),
        (
            2,
            &["platform_alone = \"none\"", "platform_alone = \"review\""],
        ),
        (3, &["denial = \"review\""]),
        (
            3,
            &[
                "speakers = { factor = \"2\" }",
                "speakers = { factor = \"0.5\", presence = \"not_needed\" }",
            ],
        ),
        (
            4,
            &["jurisdiction = \"tx\"\nsource = \"a page\"\nprimary_source = false"],
        ),
        (4, &["cites = [{ keys = [\"step\"], source = \"a book\" }]"]),
        (1, &[""]),
    ];
    let mut text = String::new();
    for (one_in, lines) in LINES {
        if day.one_in(one_in) {
            writeln!(text, "{}", day.one_of(lines)).unwrap();
        }
    }
    let platform = !text.contains("sources") || text.contains("\"platform\"");
    if platform && day.one_in(2) {
        let asked = day.one_of(&["polls_per_credit = \"3\"", "poll_min_share = \"0.5\""]);
        let short = day.one_of(&["none", "review", "reduce"]);
        writeln!(text, "{asked}\npoll_short = \"{short}\"").unwrap();
    }
    if !platform {
        text = text.replace("platform_alone", "# platform_alone");
    }
    text
}

// ---- what happens ----

/// Some signals come in, of one source, about the time of the day so far.
pub(super) fn signals(day: &mut Day, at: UtcMs) {
    let source = day.one_of(&[
        Source::Platform,
        Source::Platform,
        Source::Platform,
        Source::Person,
        Source::App,
        Source::Claim,
    ]);
    let rows: Vec<Row> = (0..1 + day.random.below(8))
        .map(|_| row(day, source))
        .collect();
    let system = day.one_of(&["zoom", "manual"]);
    let signals = Signals {
        v: VERSION,
        source,
        system: system.into(),
        rows,
    };
    signals.check().unwrap();
    let object = day.world.keep(object_bytes(&signals));
    let rows = u32::try_from(signals.rows.len()).unwrap();
    let operator = day.one_in(2).then(|| "op-1".into());
    let index = day.world.note(
        at,
        LedgerBody::Signals(ledger::Signals {
            source: system.into(),
            object,
            file: object,
            rows: rows.into(),
            operator,
            reason: None,
        }),
    );
    day.world.observations.add(index, signals);
    day.world.observed_size = index + 1;
    day.accepted.extend((0..rows).map(|row| (index, row)));
}

fn row(day: &mut Day, source: Source) -> Row {
    let person = 1 + day.random.below(BADGES);
    let kind = match source {
        Source::Person if day.one_in(2) => day.one_of(&[RowKind::Confirmed, RowKind::Denied]),
        _ => day.one_of(&[
            RowKind::In,
            RowKind::In,
            RowKind::Out,
            RowKind::Out,
            RowKind::Seen,
            RowKind::Heartbeat,
            RowKind::Heartbeat,
            RowKind::Poll,
            RowKind::Attested,
        ]),
    };
    let earliest = nine_and(day.minutes(-10, 150) * MINUTE_MS + day.minutes(0, 3) * 500);
    let width_ms = match day.random.below(6) {
        0 => day.minutes(0, 20) * MINUTE_MS,
        1..=2 => 0,
        _ => day.minutes(0, 60_000),
    };
    let by_name = source == Source::Person || day.one_in(10);
    let accounts = [format!("a{person}"), "a3".to_owned(), "stranger".to_owned()];
    let subjects = (0..1 + day.random.below(2)).map(|_| {
        let account = &accounts[day.random.index(accounts.len())];
        day.world.account(account)
    });
    let subjects = if by_name {
        Vec::new()
    } else {
        subjects.collect()
    };
    let is_word = matches!(kind, RowKind::Confirmed | RowKind::Denied);
    let place = if is_word { 2 } else { day.random.below(4) };
    let session = day.one_of(&["opening", "keynote", "z-last", "talk", "nothing"]);
    let room = day.one_of(&["hall", "aula", "foyer", "elsewhere"]);
    let device = day.one_of(&[None, None, Some("phone"), Some("desk")]);
    let poll = day.one_of(&["1", "2", "3"]);
    let channel = day.one_of(&CHANNELS);
    Row {
        attendee: by_name.then(|| id::<AttendeeId>(&format!("a-{person}"))),
        subjects,
        kind,
        channel: matches!(place, 0 | 3).then(|| channel.into()),
        room: (place == 1).then(|| id::<RoomId>(room)),
        session: (place == 2).then(|| id::<SessionId>(session)),
        device: device.map(str::to_owned),
        poll: (kind == RowKind::Poll).then(|| poll.into()),
        earliest,
        latest: earliest.plus_ms(width_ms),
        reason: by_name.then(|| "moderator".into()),
    }
}

/// One signal, or all of an entry, is taken back.
pub(super) fn take_back(day: &mut Day, at: UtcMs) {
    if day.accepted.is_empty() {
        return;
    }
    let chosen = day.random.index(day.accepted.len());
    let (entry, row) = day.accepted.swap_remove(chosen);
    if day.one_in(2) {
        day.world.retract(at, entry, Some(row));
    } else {
        day.world.retract(at, entry, None);
        day.accepted.retain(|(other, _)| *other != entry);
    }
}
