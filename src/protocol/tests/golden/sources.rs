//! What the issuer is told by others: the agenda, who is registered, what platforms and people saw.

use protocol::agenda::{self, Agenda, Registration, Registrations};
use protocol::signals::{self, RowKind, Signals};
use protocol::subject::SubjectDigest;

use super::*;

pub(super) fn agenda_document() -> Agenda {
    Agenda {
        v: agenda::VERSION,
        zone: "Europe/Berlin".into(),
        rooms: vec![
            agenda::Room {
                id: id("hall"),
                title: "Hall".into(),
                part_of: None,
            },
            agenda::Room {
                id: id("foyer"),
                title: "Foyer".into(),
                part_of: Some(id("hall")),
            },
        ],
        doors: vec![door()],
        channels: Vec::new(),
        sessions: vec![
            agenda::Session {
                title: "Opening".into(),
                actual_start: Some(at(60_000)),
                actual_end: Some(at(3_060_000)),
                programme: Some(id("main")),
                credit_value: Some(id("1")),
                ..agenda::Session::plain(id("opening"), id("hall"), at(0), at(3_000_000))
            },
            agenda::Session {
                title: "Lunch".into(),
                ..agenda::Session::plain(id("lunch"), id("foyer"), at(3_600_000), at(7_200_000))
            },
        ],
        programmes: vec![agenda::Programme {
            id: id("main"),
            title: "Main".into(),
            rules: Some(sha256(RULES.as_bytes()).to_hex()),
        }],
    }
}

pub(super) fn door() -> agenda::Door {
    agenda::Door {
        id: id("hall-door"),
        title: "Hall".into(),
        rooms: vec![id("hall"), id("foyer")],
    }
}

pub(super) fn registrations() -> Registrations {
    let row = |attendee: &str, badge: &str| {
        Registration::plain(id(attendee), vec![badge_key().digest(badge)])
    };
    let ended = Registration {
        valid_from: Some(at(-1_000)),
        valid_until: Some(at(1_000)),
        cancelled: true,
        ..row("a-2", "X2")
    };
    Registrations {
        v: agenda::VERSION,
        badge_key: badge_key().id(),
        registrations: vec![row("a-1", "X1"), ended],
    }
}

fn stretch(from: i64, to: i64) -> agenda::Stretch {
    agenda::Stretch {
        start: at(from),
        end: at(to),
    }
}

/// An agenda that says all that it may.
fn full_agenda() -> Agenda {
    let mut agenda = agenda_document();
    agenda.channels = vec![agenda::Channel {
        id: "zoom/82912345678".into(),
        title: "Hall, streamed".into(),
        rooms: vec![id("hall")],
    }];
    agenda.sessions[0] = agenda::Session {
        kind: Some("talk".into()),
        parts: vec![stretch(0, 1_200_000), stretch(1_800_000, 3_000_000)],
        excluded: vec![stretch(600_000, 660_000)],
        fields: vec![
            agenda::Field {
                field: "ethics".into(),
                weight: 1,
            },
            agenda::Field {
                field: "tax".into(),
                weight: 2,
            },
        ],
        day: Some("2026-11-23".into()),
        polls_offered: Some(3),
        ..agenda.sessions[0].clone()
    };
    agenda
}

/// Registrations that say all that they may.
fn full_registrations() -> Registrations {
    let mut document = registrations();
    let first = &mut document.registrations[0];
    first.accounts = vec![
        subject("email", " Ada@Example.org "),
        subject("zoom", "aB3_x"),
    ];
    first.assistants = vec![badge_key().digest("X2")];
    first.speaks = vec![id("opening")];
    first.accommodations = vec![
        agenda::Accommodation {
            session: None,
            extra_s: Some(600),
            whole: false,
        },
        agenda::Accommodation {
            session: Some(id("opening")),
            extra_s: None,
            whole: true,
        },
    ];
    document
}

fn subject(system: &str, text: &str) -> SubjectDigest {
    SubjectDigest::of(&badge_key(), system, text).unwrap()
}

#[test]
fn agenda_and_registrations() {
    document("agenda.json", &agenda_document());
    document("registrations.json", &registrations());
    document("agenda-full.json", &full_agenda());
    document("registrations-full.json", &full_registrations());
}

fn signals() -> Signals {
    let row = signals::Row {
        subjects: vec![
            subject("zoom", "aB3_x"),
            subject("email", "ada@example.org"),
        ],
        attendee: None,
        kind: RowKind::In,
        channel: Some("zoom/82912345678".into()),
        room: None,
        session: None,
        device: Some("16778240".into()),
        poll: None,
        earliest: at(0),
        latest: at(999),
        reason: None,
    };
    let out = signals::Row {
        kind: RowKind::Out,
        earliest: at(3_000_000),
        latest: at(3_000_999),
        ..row.clone()
    };
    let poll = signals::Row {
        kind: RowKind::Poll,
        poll: Some("1".into()),
        device: None,
        earliest: at(600_000),
        latest: at(660_000),
        ..row.clone()
    };
    Signals {
        v: signals::VERSION,
        source: Source::Platform,
        system: "zoom".into(),
        rows: vec![row, out, poll],
    }
}

/// A person's word, about a session and in a room.
fn confirmations() -> Signals {
    let row = signals::Row {
        subjects: Vec::new(),
        attendee: Some(id("a-1")),
        kind: RowKind::Confirmed,
        channel: None,
        room: None,
        session: Some(id("opening")),
        device: None,
        poll: None,
        earliest: at(3_600_000),
        latest: at(3_600_000),
        reason: Some("moderator".into()),
    };
    let seen = signals::Row {
        kind: RowKind::Seen,
        room: Some(id("foyer")),
        session: None,
        ..row.clone()
    };
    Signals {
        v: signals::VERSION,
        source: Source::Person,
        system: "manual".into(),
        rows: vec![row, seen],
    }
}

#[test]
fn signals_of_other_sources() {
    for (name, value) in [
        ("signals.json", signals()),
        ("signals-manual.json", confirmations()),
    ] {
        let bytes = document(name, &value);
        assert_eq!(signals::read(&bytes).unwrap(), value);
    }
}

#[test]
fn subjects() {
    let mut lines = String::new();
    for (system, text) in [
        ("email", " Ada@Example.org "),
        ("external", "ada@example.org"),
        ("zoom", "aB3_x"),
    ] {
        let canonical = protocol::subject::canonical(system, text).unwrap();
        lines += &format!("{system} {canonical} {}\n", subject(system, text));
    }
    check("subjects.txt", lines.as_bytes());
}
