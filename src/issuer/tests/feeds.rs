//! Sources over the network, against a live server that pages, throttles, drops connections, repeats, reorders and lies.
#![allow(clippy::unwrap_used, clippy::panic)]

mod desk;
mod upstream;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use attendance::UtcMs;
use attendance::words::EventId;
use desk::Desk;
use issuer::config::{self, feeds::FeedConfig};
use issuer::feeds::FeedFault;
use issuer::feeds::run::{Mode, Polls, Report, poll};
use issuer::feeds::work::polling;
use issuer::imports::agenda;
use issuer::keys::{Keys, Person, system_random};
use issuer::store::events::Versioned;
use issuer::store::{FolderObjects, SqliteStore};
use serde_json::{Value, json};
use upstream::{SERVER_TIME_MS, TOKEN, Trouble, Upstream, secret};

/// An issuer with an event whose sources are on a server of ours, driven in this process or as the program.
struct House {
    desk: Desk,
    upstream: Upstream,
    clock: Arc<AtomicI64>,
    polls: Polls,
}

/// Position → name, order, how many badges, whether cancelled.
type People = BTreeMap<u64, (String, String, usize, bool)>;

fn event() -> EventId {
    EventId::new("gp-2026").unwrap()
}

impl House {
    fn new(upstream: &Upstream) -> Self {
        Self::with(upstream, "")
    }

    /// `more` is added to the table of the schedule.
    fn with(upstream: &Upstream, more: &str) -> Self {
        let desk = Desk::new();
        let token = desk.write("token", &format!("{TOKEN}\n"));
        std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        let url = upstream.url();
        desk.configure(
            desk::ISSUER,
            &format!(
                "[sources.pretix]\nevent = \"gp-2026\"\nurl = \"{url}\"\norganizer = \"ada\"\nslug = \"gp26\"\ntoken_file = \"{token}\"\n\
                 [sources.pretalx]\nevent = \"gp-2026\"\nurl = \"{url}\"\nslug = \"gp26\"\ntoken_file = \"{token}\"\n{more}"
            ),
        );
        desk.good(&["migrate"]);
        desk.event();
        let clock = Arc::new(AtomicI64::new(SERVER_TIME_MS + 1_000_000));
        let store = SqliteStore::open(&desk.path("data/issuer.db")).unwrap();
        let random = system_random();
        let keys = Keys::load(&desk.path("data/master.key"), &store, &random).unwrap();
        let ticking = Arc::clone(&clock);
        let polls = Polls {
            store: Arc::new(store),
            objects: Arc::new(FolderObjects::open(&desk.path("data/objects")).unwrap()),
            documents: Arc::default(),
            keys: Arc::new(keys),
            random,
            clock: Arc::new(move || UtcMs(ticking.load(Ordering::SeqCst))),
        };
        Self {
            desk,
            upstream: upstream.clone(),
            clock,
            polls,
        }
    }

    fn now(&self) -> UtcMs {
        (self.polls.clock)()
    }

    fn pass_ms(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
        self.upstream.pass_ms(ms);
    }

    fn feed(&self, id: &str) -> FeedConfig {
        let config = config::load(&self.desk.path("issuer.toml")).unwrap();
        config.feeds.into_iter().find(|feed| feed.id == id).unwrap()
    }

    fn try_poll(&self, id: &str, mode: Mode) -> Result<Report, FeedFault> {
        let (_going_on, ending) = tokio::sync::watch::channel(false);
        let (report, polled) = poll(&self.polls, &self.feed(id), mode, ending);
        polled.map(|()| report)
    }

    #[track_caller]
    fn poll(&self, id: &str) -> Report {
        self.try_poll(id, Mode::default())
            .unwrap_or_else(|fault| panic!("{fault}"))
    }

    fn version(&self, what: Versioned) -> u64 {
        let version = self.polls.store.version(&event(), what).unwrap();
        version.map_or(0, |version| version.number)
    }

    fn people(&self) -> People {
        let (store, keys) = (&self.polls.store, &self.polls.keys);
        let roster = store.roster(&event()).unwrap();
        let mut people = People::new();
        for (attendee, wrapped) in &roster.keys {
            let facts = store.attendee(&event(), attendee).unwrap();
            let key = keys
                .data_key(&event(), attendee, wrapped.as_ref().unwrap())
                .unwrap();
            let person = Person::open(&event(), attendee, &key, &facts.person.unwrap().1).unwrap();
            let registration = &roster.registrations[attendee];
            assert_eq!(registration.badges.len(), person.badges.len());
            let position = person.position.unwrap();
            let facts = (
                person.name,
                position.order,
                person.badges.len(),
                registration.cancelled,
            );
            assert!(
                people.insert(position.id, facts).is_none(),
                "one position, two people"
            );
        }
        people
    }

    fn open_alarms(&self) -> Vec<(String, String)> {
        let alarms = self.polls.store.alarms(&event()).unwrap();
        let open = alarms.into_iter().filter(|alarm| alarm.cleared.is_none());
        let mut open: Vec<_> = open.map(|alarm| (alarm.code, alarm.subject)).collect();
        open.sort();
        open
    }
}

/// The end state of a shop on an issuer that was never troubled.
fn calm(upstream: &Upstream) -> People {
    let house = House::new(upstream);
    upstream.trouble(&[]);
    house.poll("pretix");
    house.people()
}

#[test]
fn a_shop_is_read_page_by_page_and_then_only_what_changed() {
    let upstream = Upstream::start();
    upstream.fill(120);
    let house = House::new(&upstream);
    // Long enough after the last order that the overlap holds none of them.
    house.pass_ms(600_000);
    let report = house.poll("pretix");
    assert_eq!(report.rows, 240);
    let asked = upstream.asked();
    assert_eq!(asked.len(), 4, "three pages and the items: {asked:?}");
    assert!(
        asked.iter().all(|uri| !uri.contains("modified_since")),
        "{asked:?}"
    );
    assert!(
        asked[0].contains("include_canceled_positions=true"),
        "{asked:?}"
    );
    let first = house.people();
    assert_eq!(first.len(), 240);
    assert_eq!(house.version(Versioned::Registrations), 1);

    // Beyond the overlap nothing is asked again, and nothing changes.
    house.pass_ms(600_000);
    let report = house.poll("pretix");
    assert_eq!((report.rows, report.version), (0, None));
    assert_eq!(
        upstream.asked().len(),
        1,
        "no order changed, so one question"
    );

    // Cancelled, moved to another order, given another badge, added, left out.
    upstream.order(
        "B0000",
        "p",
        &[(1, "Person 1", &secret(1)), (2, "Person 2", &secret(2))],
        &[2],
    );
    upstream.order(
        "B0001",
        "p",
        &[(3, "Person 3", "s0000003-regenerated-secret-0001")],
        &[],
    );
    upstream.order(
        "B0002",
        "p",
        &[
            (5, "Person 5", &secret(5)),
            (6, "Person 6", &secret(6)),
            (4, "Person 4", &secret(4)),
        ],
        &[],
    );
    upstream.order(
        "B0003",
        "c",
        &[(7, "Person 7", &secret(7)), (8, "Person 8", &secret(8))],
        &[],
    );
    upstream.order(
        "B9000",
        "p",
        &[(9_001, "Łukasz Newcomer", &secret(9_001))],
        &[],
    );
    upstream.order("B0004", "p", &[(9, "Person 9", &secret(9))], &[]);
    house.pass_ms(60_000);
    house.poll("pretix");
    let asked = upstream.asked();
    assert!(asked[0].contains("modified_since"), "{asked:?}");
    let people = house.people();
    let is = |id: u64| (people[&id].1.as_str(), people[&id].2, people[&id].3);
    assert_eq!(is(2), ("B0000", 1, true));
    assert_eq!(
        is(3),
        ("B0001", 2, false),
        "the badge before counts as well"
    );
    assert_eq!(is(4), ("B0002", 1, false), "moved");
    assert_eq!((is(7), is(8)), (("B0003", 1, true), ("B0003", 1, true)));
    assert_eq!(is(9_001), ("B9000", 1, false));
    assert_eq!(is(10), ("B0004", 1, true), "who left an order is cancelled");
    assert_eq!(people.len(), 241);

    // Everything anew comes to the same, and writes nothing.
    let version = house.version(Versioned::Registrations);
    let whole = Mode {
        whole: true,
        dry_run: false,
    };
    assert_eq!(house.try_poll("pretix", whole).unwrap().version, None);
    assert_eq!(house.people(), people);
    assert_eq!(house.version(Versioned::Registrations), version);
}

#[test]
fn whatever_the_network_does_the_end_is_the_same() {
    let upstream = Upstream::start();
    upstream.fill(120);
    let expected = calm(&upstream);
    let check = |what: &str, troubles: &[Trouble], size: usize, shuffled: bool| {
        let house = House::new(&upstream);
        upstream.pages_of(size, shuffled);
        upstream.trouble(troubles);
        house.poll("pretix");
        assert_eq!(house.people(), expected, "{what}");
        upstream.pages_of(50, false);
    };
    use Trouble::{Cut, Fine, Repeat, Status};
    check(
        "throttled",
        &[
            Status(429, Some("1")),
            Fine,
            Status(429, None),
            Status(503, None),
        ],
        50,
        false,
    );
    check("cut", &[Cut, Fine, Cut, Cut, Fine, Cut], 50, false);
    check("reordered", &[], 50, true);
    // The last page is never shown at first, so the list is walked again.
    check("repeated", &[Fine, Fine, Fine, Repeat], 50, false);
    check(
        "small pages, repeated and cut",
        &[
            Fine,
            Fine,
            Repeat,
            Cut,
            Fine,
            Repeat,
            Repeat,
            Status(502, None),
        ],
        7,
        true,
    );
    check(
        "a connection that is refused once",
        &[Status(500, None)],
        50,
        false,
    );
}

#[test]
fn a_lie_is_refused_by_name_and_changes_nothing() {
    let upstream = Upstream::start();
    upstream.fill(60);
    let house = House::new(&upstream);
    let check = |trouble: Trouble, words: &[&str]| {
        upstream.trouble(&[trouble]);
        let fault = house.try_poll("pretix", Mode::default()).unwrap_err();
        let said = fault.to_string();
        for word in words {
            assert!(
                said.contains(word),
                "{trouble:?}: {word:?} is not in {said}"
            );
        }
        assert!(!said.contains(TOKEN), "{said}");
        assert_eq!(house.people().len(), 0, "{trouble:?}");
    };
    check(Trouble::Html, &["text/html", "orders/"]);
    check(Trouble::HtmlAsJson, &["no JSON", "line 1"]);
    check(Trouble::Huge, &["more than 8 MiB"]);
    check(
        Trouble::Redirect,
        &["redirects to https://evil.example/api/"],
    );
    check(Trouble::WrongKind, &["another kind"]);
    check(Trouble::Status(403, None), &["token", "403"]);
    check(Trouble::Status(404, None), &["404", "organizer"]);
    check(Trouble::Status(429, Some("3600")), &["3600 s"]);
    upstream.trouble(&[]);
    // A page that leads elsewhere is good in itself: it is kept, and the fault is told.
    for trouble in [Trouble::Elsewhere, Trouble::Circle] {
        let house = House::new(&upstream);
        upstream.trouble(&[trouble]);
        let fault = house.try_poll("pretix", Mode::default()).unwrap_err();
        assert!(matches!(fault, FeedFault::Misled(_)), "{fault}");
        upstream.trouble(&[]);
        house.poll("pretix");
        assert_eq!(house.people().len(), 120);
    }
}

#[test]
fn a_killed_import_that_is_resumed_comes_to_the_same_end() {
    let upstream = Upstream::start();
    upstream.fill(130);
    let expected = calm(&upstream);
    // One order a page, so that the import goes in two parts; killed before, within, between and after them.
    for at in [0, 1, 60, 102, 115, 131] {
        let house = House::new(&upstream);
        upstream.pages_of(1, false);
        upstream.hold(at);
        let mut child = house.desk.start(&[
            "import",
            "registrations",
            "--event",
            "gp-2026",
            "--from",
            "pretix",
        ]);
        upstream.wait_until_held();
        child.kill().unwrap();
        child.wait().unwrap();
        upstream.open();
        let before = house.people().len();
        assert!(
            if at > 101 { before == 200 } else { before == 0 },
            "{at}: {before}"
        );
        upstream.pages_of(50, false);
        house.desk.good(&[
            "import",
            "registrations",
            "--event",
            "gp-2026",
            "--from",
            "pretix",
        ]);
        assert_eq!(house.people(), expected, "killed at answer {at}");
    }
}

#[test]
fn a_row_that_is_refused_keeps_nobody_else_out_and_stays_named() {
    let upstream = Upstream::start();
    upstream.fill(3);
    upstream.order(
        "B0001",
        "p",
        &[(3, "", &secret(3)), (4, "Person 4", &secret(4))],
        &[],
    );
    let house = House::new(&upstream);
    house.pass_ms(600_000);
    let report = house.poll("pretix");
    assert_eq!(report.refused_total, 1);
    assert!(
        report.refused[0].contains("B0001-1.attendee_name"),
        "{:?}",
        report.refused
    );
    assert_eq!(house.people().len(), 5);
    let refused = [("rows_refused".to_owned(), "pretix".to_owned())];
    assert_eq!(house.open_alarms(), refused);
    // It is not asked for again, and not forgotten.
    house.pass_ms(600_000);
    assert_eq!(house.poll("pretix").refused_total, 0);
    assert_eq!(house.open_alarms(), refused);
    upstream.order(
        "B0001",
        "p",
        &[(3, "Person 3", &secret(3)), (4, "Person 4", &secret(4))],
        &[],
    );
    house.poll("pretix");
    assert_eq!(house.open_alarms(), []);
    assert_eq!(house.people().len(), 6);
}

#[test]
fn a_page_that_cannot_be_imported_keeps_no_other_out() {
    let upstream = Upstream::start();
    upstream.fill(4);
    upstream.order("B0001", "z", &[(3, "Person 3", &secret(3))], &[]);
    upstream.pages_of(1, false);
    let house = House::new(&upstream);
    let fault = house.try_poll("pretix", Mode::default()).unwrap_err();
    assert!(
        fault.to_string().contains("no state of an order"),
        "{fault}"
    );
    assert_eq!(house.people().len(), 6);
    upstream.order(
        "B0001",
        "p",
        &[(3, "Person 3", &secret(3)), (4, "Person 4", &secret(4))],
        &[],
    );
    house.poll("pretix");
    assert_eq!(house.people().len(), 8);
}

#[test]
fn a_server_whose_clock_is_years_ahead_hides_nothing() {
    let upstream = Upstream::start();
    upstream.fill(2);
    let house = House::new(&upstream);
    upstream.pass_ms(5 * 365 * 86_400_000);
    house.poll("pretix");
    upstream.pass_ms(-5 * 365 * 86_400_000);
    house.pass_ms(3_600_000);
    upstream.order("B0007", "p", &[(77, "Person 77", &secret(77))], &[]);
    house.poll("pretix");
    assert_eq!(house.people().len(), 5);
}

#[test]
fn a_feed_is_polled_at_its_time_and_its_failures_are_seen() {
    let upstream = Upstream::start();
    upstream.fill(1);
    let house = House::new(&upstream);
    let (_going_on, ending) = tokio::sync::watch::channel(false);
    let mut work = polling(house.polls.clone(), vec![house.feed("pretix")]).unwrap();
    let mut step = || work(house.now(), &ending).unwrap();
    let state = || house.polls.store.feeds(&event()).unwrap().remove(0);
    step();
    assert_eq!(house.people().len(), 2);
    let polled = upstream.asked().len();
    assert!(polled > 0);
    step();
    assert_eq!(upstream.asked().len(), 0, "not yet due");
    // Somebody asks for it.
    house.pass_ms(10_000);
    assert!(
        house
            .polls
            .store
            .want_feed("pretix", "pretix", house.now())
            .unwrap()
    );
    assert!(
        !house
            .polls
            .store
            .want_feed("pretix", "pretalx", house.now())
            .unwrap()
    );
    step();
    assert!(!upstream.asked().is_empty());
    step();
    assert_eq!(
        upstream.asked().len(),
        0,
        "once for each time that somebody asks"
    );
    for failures in 1..=3 {
        house.pass_ms(3 * 3_600_000);
        upstream.trouble(&[Trouble::Html]);
        step();
        assert_eq!(state().failures, failures);
    }
    assert!(state().error.unwrap().contains("text/html"));
    assert_eq!(
        house.open_alarms(),
        [("source_failing".to_owned(), "pretix".to_owned())]
    );
    house.desk.refuses(
        &["source", "list", "--event", "gp-2026"],
        1,
        &["pretix", "failing, 3 in a row", "text/html", "never polled"],
    );
    house.pass_ms(3 * 3_600_000);
    step();
    assert_eq!((state().failures, state().error), (0, None));
    assert_eq!(house.open_alarms(), []);
    house
        .desk
        .good(&["source", "list", "--event", "gp-2026"])
        .check(0, &["pretix", "good"]);
}

#[test]
fn a_poll_ends_when_the_program_does() {
    let upstream = Upstream::start();
    upstream.fill(1);
    let house = House::new(&upstream);
    upstream.hold(0);
    let (end, ending) = tokio::sync::watch::channel(false);
    let (polls, feed) = (house.polls.clone(), house.feed("pretix"));
    let polling = std::thread::spawn(move || poll(&polls, &feed, Mode::default(), ending));
    upstream.wait_until_held();
    end.send_replace(true);
    let fault = polling.join().unwrap().1.unwrap_err();
    assert_eq!(fault, FeedFault::Ended);
    upstream.open();
    let facts = house.polls.store.feeds(&event()).unwrap().remove(0);
    assert_eq!(
        (facts.failures, facts.tried),
        (0, None),
        "that is no failure"
    );
}

fn room(id: u64, name: &str) -> Value {
    json!({"id": id, "name": {"en": name}, "capacity": 100})
}

fn slot(
    id: u64,
    schedule: u64,
    room: u64,
    start: &str,
    end: &str,
    submission: Option<&str>,
) -> Value {
    json!({"id": id, "room": room, "start": format!("2026-10-31T{start}:00+01:00"), "end": format!("2026-10-31T{end}:00+01:00"),
        "submission": submission, "schedule": schedule, "description": {"en": "Lunch"}})
}

fn submission(code: &str, kind: u64, state: &str) -> Value {
    json!({"code": code, "title": format!("About {code}"), "submission_type": kind, "state": state, "content_locale": "en"})
}

/// Releases the schedule: two talks, a workshop and lunch.
fn release(upstream: &Upstream, id: u64, version: &str, first: (&str, &str), state: &str) {
    let slots = [
        slot(10 * id, id, 1, first.0, first.1, Some("AAA111")),
        slot(10 * id + 1, id, 1, "11:00", "12:00", Some("BBB222")),
        slot(10 * id + 2, id, 2, "10:00", "12:00", Some("CCC333")),
        slot(10 * id + 3, id, 1, "12:00", "13:00", None),
    ];
    let rooms = [room(1, "Main Hall"), room(2, "Annex")];
    let submissions = [
        submission("AAA111", 3, "confirmed"),
        submission("BBB222", 3, state),
        submission("CCC333", 4, "confirmed"),
    ];
    upstream.release(id, version, &slots, &rooms, &submissions);
}

#[test]
fn a_release_is_a_version_and_sessions_keep_their_identity() {
    let upstream = Upstream::start();
    release(&upstream, 1, "v1.0", ("09:00", "10:00"), "confirmed");
    for expands in [true, false] {
        release(&upstream, 1, "v1.0", ("09:00", "10:00"), "confirmed");
        upstream.expands(expands);
        let house = House::new(&upstream);
        let report = house.poll("pretalx");
        assert_eq!(report.rows, 4, "breaks too");
        assert_eq!(house.version(Versioned::Agenda), 1);
        upstream.asked();
        house.poll("pretalx");
        assert_eq!(upstream.asked().len(), 1, "the same release: nothing to do");
        // Its whole is looked at again some day, by its tag where it has one.
        house.pass_ms(3_600_000);
        house.poll("pretalx");
        assert_eq!(upstream.asked().len(), if expands { 2 } else { 6 });
        assert_eq!(house.version(Versioned::Agenda), 1);

        release(&upstream, 2, "v1.1", ("14:00", "15:00"), "canceled");
        let report = house.poll("pretalx");
        assert_eq!(report.version, Some(2));
        let said = report.changes.join("\n");
        assert!(said.contains("aaa111 moves: 2026-10-31 14:00"), "{said}");
        assert!(said.contains("sessions removed: 1 (bbb222)"), "{said}");
        assert!(
            report.left_out.join("\n").contains("cancelled"),
            "{:?}",
            report.left_out
        );
        // It comes back under its own id.
        release(&upstream, 3, "v1.2", ("14:00", "15:00"), "confirmed");
        let said = house.poll("pretalx").changes.join("\n");
        assert!(said.contains("sessions added: 1 (bbb222)"), "{said}");
    }
}

#[test]
fn a_schedule_is_read_through_trouble_and_never_in_part() {
    let upstream = Upstream::start();
    release(&upstream, 1, "v1.0", ("09:00", "10:00"), "confirmed");
    upstream.expands(false);
    upstream.pages_of(2, true);
    use Trouble::{Cut, Fine, Repeat, Status};
    let house = House::new(&upstream);
    upstream.trouble(&[Status(429, Some("1")), Fine, Cut, Fine, Repeat, Fine, Cut]);
    assert_eq!(house.poll("pretalx").rows, 4);
    for (trouble, words) in [
        (Trouble::Html, "text/html"),
        (Trouble::HtmlAsJson, "no JSON"),
        (Trouble::Redirect, "evil.example"),
        (Trouble::Huge, "8 MiB"),
        (Trouble::WrongKind, "another kind"),
        (Trouble::Status(404, None), "slug"),
    ] {
        let house = House::new(&upstream);
        upstream.trouble(&[trouble]);
        let fault = house.try_poll("pretalx", Mode::default()).unwrap_err();
        assert!(fault.to_string().contains(words), "{trouble:?}: {fault}");
        assert_eq!(house.version(Versioned::Agenda), 0);
    }
    // Slots of two releases at once: nothing is taken, and the next poll has it.
    upstream.trouble(&[]);
    let house = House::new(&upstream);
    upstream.hold(2);
    let (polls, feed) = (house.polls.clone(), house.feed("pretalx"));
    let (_going_on, ending) = tokio::sync::watch::channel(false);
    let polling = std::thread::spawn(move || poll(&polls, &feed, Mode::default(), ending));
    upstream.wait_until_held();
    release(&upstream, 2, "v1.1", ("09:30", "10:30"), "confirmed");
    upstream.open();
    let fault = polling.join().unwrap().1.unwrap_err();
    assert!(fault.to_string().contains("2 versions"), "{fault}");
    assert_eq!(house.version(Versioned::Agenda), 0);
    assert_eq!(house.poll("pretalx").rows, 4);
}

#[test]
fn sessions_that_no_programme_credits_raise_an_alarm() {
    let upstream = Upstream::start();
    release(&upstream, 1, "v1.0", ("09:00", "10:00"), "confirmed");
    let house = House::with(&upstream, "programmes = { talk = \"main\" }\n");
    let report = house.poll("pretalx");
    assert!(
        report.warnings.iter().any(|line| line.contains("ccc333")),
        "{:?}",
        report.warnings
    );
    let alarms = house.polls.store.alarms(&event()).unwrap();
    assert_eq!(alarms[0].code, "unmapped_sessions");
    assert!(alarms[0].detail.contains("ccc333"), "{}", alarms[0].detail);
    let desk = house.polls.desk(house.now());
    let agenda = agenda::current(desk, &event()).unwrap().unwrap();
    let programme = |id: &str| {
        let session = agenda
            .sessions
            .iter()
            .find(|session| session.id.as_str() == id)
            .unwrap();
        session.programme.as_ref().map(ToString::to_string)
    };
    assert_eq!(programme("aaa111").as_deref(), Some("main"));
    assert_eq!(
        programme("ccc333"),
        None,
        "it is there, and credited by none"
    );
    // The kind becomes a talk: the alarm ends by itself.
    let slots = [slot(1, 2, 1, "09:00", "10:00", Some("CCC333"))];
    upstream.release(
        2,
        "v2",
        &slots,
        &[room(1, "Main Hall")],
        &[submission("CCC333", 3, "confirmed")],
    );
    house.poll("pretalx");
    assert_eq!(house.open_alarms(), []);
}

#[test]
fn the_commands_say_what_they_do_and_what_to_do() {
    let upstream = Upstream::start();
    upstream.fill(2);
    let house = House::new(&upstream);
    let desk = &house.desk;
    let import = |more: &[&str]| {
        let mut arguments = vec!["import", "registrations", "--event", "gp-2026"];
        arguments.extend(more);
        desk.run(&arguments)
    };
    import(&["--from", "pretix", "--dry-run"]).check(
        0,
        &["read 4 registrations", "registrations added: 4", "dry run"],
    );
    assert_eq!(house.people().len(), 0);
    import(&["--from", "pretix"]).check(0, &["registrations added: 4", "Version 1"]);
    import(&["--from", "pretix", "--whole"])
        .check(0, &["registrations unchanged: 4", "nothing was changed"]);
    import(&["--from", "pretx"]).check(2, &["[sources.pretx]", "pretix"]);
    import(&["--from", "pretalx"]).check(2, &["import agenda"]);
    import(&["--from", "pretix", "--file", "x"]).check(2, &["--from"]);
    let token = desk.path("token");
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    import(&["--from", "pretix"]).check(1, &["token_file", "chmod o="]);
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    desk.write("token", "another\n");
    let said = import(&["--from", "pretix"]).check(1, &["refuses the token", "401"]);
    assert!(!said.err.contains("another"), "{}", said.err);
    desk.write("token", "two\nlines\n");
    import(&["--from", "pretix"]).check(1, &["holds no token"]);
    std::fs::remove_file(&token).unwrap();
    import(&["--from", "pretix"]).check(1, &["token_file", "check the path"]);
}

/// Nothing is sent to a server whose certificate nobody vouches for; one that the configuration names is enough, for its names alone.
#[test]
fn a_certificate_is_trusted_where_the_configuration_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, host: &str| {
        let paths = ["pem", "key"].map(|kind| folder.path().join(format!("{name}.{kind}")));
        let [certificate, key] = &paths;
        issuer::tls::make_own(certificate, key, &[host.to_owned()]).unwrap();
        let identity = issuer::tls::load(certificate, key).unwrap();
        (certificate.display().to_string(), identity.config)
    };
    let (certificate, config) = made("shop", "127.0.0.1");
    let (other, _) = made("other", "127.0.0.1");
    let (_, elsewhere) = made("elsewhere", "shop.example.org");
    let upstream = Upstream::start_tls(config);
    upstream.fill(2);
    let house = House::new(&upstream);
    let desk = &house.desk;
    let written = std::fs::read_to_string(desk.path("issuer.toml")).unwrap();
    // Both tables, the shop's and the schedule's, name the file.
    let naming = |file: &str, url: &str| {
        let named = format!("slug = \"gp26\"\nca_file = \"{file}\"");
        let text = written.replace("slug = \"gp26\"", &named);
        desk.write("issuer.toml", &text.replace(&upstream.url(), url));
    };
    let import =
        |what: &str, from: &str| desk.run(&["import", what, "--event", "gp-2026", "--from", from]);
    let check_refused = |why: &str| {
        for (what, from) in [("registrations", "pretix"), ("agenda", "pretalx")] {
            let said = import(what, from).check(1, &["is not trusted", why, "`ca_file`"]);
            assert!(!said.err.contains(TOKEN), "{}", said.err);
        }
        assert_eq!(upstream.asked(), [] as [String; 0], "nothing was sent");
    };
    check_refused("UnknownIssuer");
    naming(&other, &upstream.url());
    check_refused("certificate");
    naming(&certificate, &upstream.url());
    import("registrations", "pretix").check(0, &["registrations added: 4"]);
    upstream.release(1, "v1", &[], &[], &[]);
    import("agenda", "pretalx");
    assert!(!upstream.asked().is_empty());
    // Of a host that it does not name it proves nothing.
    let impostor = Upstream::start_tls(elsewhere);
    naming(
        &folder.path().join("elsewhere.pem").display().to_string(),
        &impostor.url(),
    );
    import("registrations", "pretix").check(1, &["is not trusted", "not valid for name"]);
    naming("/nowhere/ca.pem", &upstream.url());
    import("registrations", "pretix").check(1, &["`ca_file` /nowhere/ca.pem"]);
}
