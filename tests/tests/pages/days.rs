//! Every kind of day as its attendee's page draws it: what each source saw, what was inferred, given and left out.

use std::sync::Arc;

use attendance::UtcMs;
use attendance::time::Interval;
use attendance::words::{Direction, Source};
use issuer::access::{Access, password};
use issuer::imports::{channels::put_channel, observed};
use issuer::sources::observed::{Observed, ObservedBatch, Place, Seen, Subject, Where};
use issuer::store::accounts::{Account, Role};
use issuer::store::events::{AgendaChange, ProgrammeFacts, Versioned};
use issuer::store::{AccountUnits as _, EventUnits as _, ObjectStore, Store};
use issuer::web::Pages;
use protocol::agenda::{Agenda, Channel, Stretch};
use protocol::signals::RowKind;
use reqwest::StatusCode;
use rollcall_tests::desk::{ISSUER, Office};
use rollcall_tests::world::person;

use super::conference::PASSWORD;
use super::{Browser, serve_pages};

/// 2026-11-23T00:00:00Z.
const MIDNIGHT: UtcMs = UtcMs(1_795_392_000_000);
const AGENDA: &str = "session,title,room,room_title,start,end,programme\n\
    opening,Opening <live>,hall,Great Hall,2026-11-23T09:00Z,2026-11-23T10:00Z,main\n\
    panel,Panel with a break,hall,Great Hall,2026-11-23T10:30Z,2026-11-23T12:00Z,main\n\
    lab,Lab without a network,lab,Lab,2026-11-23T09:00Z,2026-11-23T10:00Z,main\n";
const RULES: &str = "format = \"rollcall-rules/1\"\nname = \"Days\"\nminutes_per_credit = \"50\"\nstep = \"0.2\"\n\
    grace_in_s = 300\ngrace_out_s = 300\nmissing_check_out = \"session_end\"\nmissing_check_in = \"none\"\n\
    heartbeat_max_gap_s = 120\nplatform_alone = \"counts\"\n";
/// One kind of day each.
const PEOPLE: usize = 8;
const WHOLE: usize = 0;
const GRACED: usize = 1;
const NO_EXIT: usize = 2;
const BREAK: usize = 3;
const HYBRID: usize = 4;
const NO_CLOCK: usize = 5;
const WORD: usize = 6;
const NOTHING: usize = 7;

/// `09:05` on the day.
fn at(text: &str) -> UtcMs {
    let (hours, minutes) = text.split_once(':').unwrap();
    let minutes = hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap();
    MIDNIGHT.plus_ms(minutes * 60_000)
}

/// The panel has a break in it.
fn with_a_break(office: &Office) {
    let desk = office.desk(at("08:00"));
    let held = office.store.version(&office.event, Versioned::Agenda);
    let base = held.unwrap().unwrap().object;
    let mut agenda: Agenda = issuer::imports::agenda::current(desk, &office.event)
        .unwrap()
        .unwrap();
    let panel = agenda
        .sessions
        .iter_mut()
        .find(|s| s.id.as_str() == "panel");
    panel.unwrap().excluded = vec![Stretch {
        start: at("11:00"),
        end: at("11:20"),
    }];
    let bytes = serde_json::to_vec(&agenda).unwrap();
    let object = office.objects.put(&bytes).unwrap();
    let programmes = agenda.programmes.iter().map(|p| ProgrammeFacts {
        id: p.id.clone(),
        title: p.title.clone(),
        rules: None,
    });
    let change = AgendaChange {
        base: Some(base),
        object,
        programmes: programmes.collect(),
    };
    let import = protocol::ledger::Import {
        what: "agenda".to_owned(),
        format: "csv".to_owned(),
        object,
        file: object,
        rows: 1,
        operator: None,
        reason: None,
    };
    office
        .store
        .import_agenda(&office.event, &change, &import, at("08:00"))
        .unwrap();
}

fn observe(office: &Office, source: Source, system: &str, rows: Vec<Observed>) {
    let batch = ObservedBatch {
        source,
        system: system.to_owned(),
        rows,
        refused: Vec::new(),
        refused_total: 0,
    };
    let file = evidence::sha256(system.as_bytes());
    let by = (source == Source::Person).then_some(observed::By {
        operator: "rita",
        reason: "moderator",
        note: None,
    });
    let taken = observed::take(
        office.desk(at("12:10")),
        &office.event,
        &batch,
        file,
        by,
        false,
    );
    assert_eq!(taken.unwrap().unmatched, 0);
}

/// Somebody's observation on the stream, from a device.
fn streamed(who: usize, device: &str, seen: Seen, when: UtcMs) -> Observed {
    Observed {
        subjects: vec![Subject::new("email", &format!("p{who}@example.org"))],
        attendee: None,
        label: None,
        place: Place::Channel("zoom/1".to_owned()),
        device: (!device.is_empty()).then(|| device.to_owned()),
        key: format!("{who} {device} {seen:?} {}", when.0),
        seen,
        at: Interval {
            earliest: when,
            latest: when.plus_ms(4_000),
        },
        reason: None,
        row: Where::default(),
    }
}

fn office() -> Office {
    let before = at("08:00");
    let office = Office::new("days", "UTC", before);
    office.agenda(AGENDA, before);
    let mut people = "badge,name,email\n".to_owned();
    for who in 0..PEOPLE {
        people.push_str(&format!(
            "{},Person {who},p{who}@example.org\n",
            person(who)
        ));
    }
    office.registrations(&people, before);
    with_a_break(&office);
    office.adopt("main", RULES, before);
    let stream = Channel {
        id: "zoom/1".to_owned(),
        title: "Stream".to_owned(),
        rooms: vec!["hall".parse().unwrap()],
    };
    put_channel(office.desk(before), &office.event, &stream).unwrap();

    let mut hall = office.door("hall-door", &["hall"], 1, before);
    let mut lab = office.door("lab-door", &["lab"], 2, before);
    hall.switch_on(before, None);
    hall.exchange(&office, at("08:01"));
    // No time and no network until the session is over.
    lab.switch_on(at("08:30"), Some(-7 * 60 * 60_000));
    let scans = [
        (WHOLE, "08:58", Direction::In),
        (NO_EXIT, "09:00", Direction::In),
        (GRACED, "09:04", Direction::In),
        (GRACED, "09:57", Direction::Out),
        (WHOLE, "10:01", Direction::Out),
        (BREAK, "10:25", Direction::In),
        (BREAK, "11:05", Direction::Out),
        (BREAK, "11:40", Direction::In),
        (BREAK, "12:00", Direction::Out),
    ];
    for (who, when, direction) in scans {
        hall.scan(&office, at(when), &person(who), direction);
    }
    lab.scan(&office, at("09:02"), &person(NO_CLOCK), Direction::In);
    lab.scan(&office, at("09:55"), &person(NO_CLOCK), Direction::Out);
    for minute in [1, 2] {
        hall.exchange(&office, at("12:02").plus_ms(minute * 60_000));
        hall.deliver(&office, at("12:02").plus_ms(minute * 60_000));
        lab.deliver(&office, at("12:02").plus_ms(minute * 60_000));
    }

    let plain = |kind| Seen::Plain(kind);
    let mut rows = vec![
        streamed(HYBRID, "laptop", plain(RowKind::In), at("09:00")),
        streamed(HYBRID, "laptop", plain(RowKind::Out), at("09:40")),
        streamed(HYBRID, "phone", plain(RowKind::In), at("09:35")),
        streamed(HYBRID, "phone", plain(RowKind::Out), at("09:58")),
        streamed(HYBRID, "", Seen::Poll("q-1".to_owned()), at("09:20")),
    ];
    rows.extend((0..40).map(|minute| {
        let when = at("10:30").plus_ms(minute * 60_000);
        streamed(HYBRID, "tablet", plain(RowKind::Heartbeat), when)
    }));
    observe(&office, Source::Platform, "zoom", rows);
    let mut confirmed = streamed(WORD, "", plain(RowKind::Confirmed), at("12:05"));
    confirmed.place = Place::Session("panel".parse().unwrap());
    confirmed.reason = Some("moderator".to_owned());
    observe(&office, Source::Person, "moderator", vec![confirmed]);
    office.decider().settle(at("12:30")).unwrap();
    office
}

/// The page of each, by number.
async fn pages() -> Vec<String> {
    let (office, pages) = tokio::task::spawn_blocking(|| {
        let office = office();
        let account = Account {
            id: "rita".into(),
            role: Role::Reviewer,
            password: password::hash(PASSWORD).unwrap(),
            created: at("08:00"),
            disabled: false,
        };
        office.store.create_account(&account).unwrap();
        let store = Arc::clone(&office.store) as Arc<dyn Store>;
        let access = Access::new(
            Arc::clone(&store),
            issuer::keys::system_random(),
            Arc::new(|| at("12:30")),
            false,
            None,
        );
        let objects = Arc::clone(&office.objects) as Arc<dyn ObjectStore>;
        let pages = Pages::new(
            store,
            objects,
            Arc::clone(&office.keys),
            ISSUER,
            access,
            250,
        );
        (office, pages)
    })
    .await
    .unwrap();
    let mut browser = Browser::of(serve_pages(pages).await);
    let answer = browser.sign_in("rita", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    browser.take_cookie(&answer);
    let mut found = Vec::new();
    for who in 0..PEOPLE {
        let attendee = office.whose(&person(who)).unwrap();
        let path = format!("/staff/days/attendees/{attendee}");
        found.push(browser.text(&path).await);
    }
    found
}

/// The pictures of a page alone, without its key.
fn pictures(html: &str) -> String {
    let parts = html.split("<svg class=\"timeline\"").skip(1);
    parts
        .map(|part| part.split("</section>").next().unwrap_or_default())
        .map(|part| part.split("<table>").next().unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn every_kind_of_day_is_drawn_and_told() {
    let pages = pages().await;
    let check = |who: usize, marks: &[(&str, usize)], words: &[&str]| {
        let html = &pages[who];
        let drawn = pictures(html);
        for class in [
            "shown",
            "inferred",
            "open",
            "gap",
            "graced",
            "uncounted",
            "end",
            "guess",
            "stream",
            "beat",
        ] {
            let wanted = marks.iter().find(|(name, _)| *name == class);
            let count = drawn.matches(&format!("class=\"tl-{class}\"")).count();
            assert_eq!(
                count,
                wanted.map_or(0, |(_, n)| *n),
                "{class} of person {who}"
            );
        }
        for word in words {
            assert!(html.contains(word), "{word:?} of person {who}");
        }
        assert!(!html.contains("<live>"), "a title is escaped");
    };
    // The panel stands beside whatever else happened in the hall, its break crossed out.
    let hall = ("uncounted", 1);
    check(
        WHOLE,
        &[hall, ("shown", 1), ("end", 2)],
        &[
            "Opening &#60;live&#62;",
            "Does not count",
            "A day: Present 60 min of 190 min",
        ],
    );
    check(
        GRACED,
        &[hall, ("shown", 1), ("end", 2), ("graced", 2)],
        &[
            "no presence shown; the rules count it",
            "7 min 2 s of it grace",
        ],
    );
    check(
        NO_EXIT,
        &[hall, ("inferred", 1), ("end", 1), ("guess", 1)],
        &["start scanned, end inferred (session end)"],
    );
    // The break is no gap; what they were away for beyond it is.
    check(
        BREAK,
        &[hall, ("shown", 2), ("end", 4), ("gap", 1)],
        &["<td>11:20 to 11:39:59</td>"],
    );
    check(
        HYBRID,
        &[
            hall,
            ("shown", 5),
            ("end", 6),
            ("graced", 1),
            ("gap", 1),
            ("stream", 4),
            ("beat", 40),
        ],
        &[
            "Seen by platform, device laptop",
            "Poll answered (platform)",
            "Signs of life (platform, device tablet)",
            "40 of them",
            "start reported, end reported",
        ],
    );
    check(
        NO_CLOCK,
        &[],
        &[
            "class=\"tl-doubt\"",
            "before 12:03:01",
            "<td class=\"num\">not known</td>",
            "a reviewer decides",
        ],
    );
    check(
        WORD,
        &[hall, ("stream", 1)],
        &["Confirmed (staff)", "1 session confirmed by staff"],
    );
    check(
        NOTHING,
        &[],
        &["Nothing that was seen of this person has arrived."],
    );
}
