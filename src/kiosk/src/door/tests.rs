#![allow(clippy::unwrap_used, clippy::panic)]

use attendance::time::{BootId, Sync};
use attendance::words::{AttendeeId, RoomId, Signal};
use proptest::prelude::*;
use protocol::entry::{Boot, BootCause, encode, parse};

use super::*;
use crate::fixture::{Fixture, ISSUER, MINUTE_MS, attendee, badge, room};
use crate::screen::view::{Credit, Minutes};

mod credit;
mod staff_badges;
mod tickets;
mod time_codes;
mod traces;

const BOOT: &str = "aaaaaaaa-0000-4000-8000-000000000000";
const OTHER_BOOT: &str = "bbbbbbbb-0000-4000-8000-000000000000";
/// The session's start.
const START: i64 = 1_800_000_000_000;
const BADGES: usize = 6;

/// Milliseconds after the session's start, as the clocks of one boot read them.
fn stamp(ms: i64) -> Stamp {
    Stamp {
        wall: UtcMs(START + ms),
        boot: BootId::new(BOOT).unwrap(),
        raw_ms: u64::try_from(10_000_000_000 + ms).unwrap(),
        sync: Sync::Synced,
        error_ms: Some(5),
    }
}

fn owner(fixture: &Fixture) -> Owner {
    Owner {
        log: Arc::from(fixture.origin()),
        log_key: fixture.kiosk.public_key(),
        issuer: ISSUER.to_owned(),
        issuer_key: fixture.issuer.public_key(),
        badge_key: fixture.badge_key.clone(),
        repeat_s: None,
    }
}

fn bundle(fixture: &Fixture) -> Bundle {
    let (start, end) = (UtcMs(START), UtcMs(START + 60 * MINUTE_MS));
    fixture.bundle(1, BADGES, start, end)
}

/// A door in a test, with the entries it wrote.
struct Bench {
    fixture: Fixture,
    door: Door,
    entries: Vec<Entry>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Bundle)) -> Self {
        let fixture = Fixture::default();
        let mut bundle = bundle(&fixture);
        change(&mut bundle);
        let mut door = Door::new(owner(&fixture));
        door.adopt(&bundle);
        let mut bench = Self {
            fixture,
            door,
            entries: Vec::new(),
        };
        let boot = Body::Boot(Boot {
            cause: BootCause::Start,
            boottime_ms: 0,
            software: "test".into(),
            floor: UtcMs(0),
        });
        bench.take(&Entry {
            stamp: stamp(-60 * MINUTE_MS),
            body: boot,
        });
        bench
    }

    fn take(&mut self, entry: &Entry) {
        let bytes = encode(entry).unwrap();
        let entry = parse(&bytes).unwrap();
        self.door.apply(self.door.next_index(), &entry);
        self.entries.push(entry);
    }

    fn decide(&self, text: &str, stamp: &Stamp, direction: Option<Direction>) -> Decided {
        self.door.decide(Read {
            reader: &ReaderId::new("main").unwrap(),
            symbology: None,
            text,
            stamp,
            direction,
        })
    }

    fn scan_with(&mut self, text: &str, stamp: &Stamp, direction: Option<Direction>) -> Decided {
        let decided = self.decide(text, stamp, direction);
        self.take(&decided.entry);
        decided
    }

    /// A scan so many minutes after the start.
    fn scan(&mut self, number: usize, minute: i64) -> Decided {
        self.scan_with(&badge(number), &stamp(minute * MINUTE_MS), None)
    }

    /// The same door, read back from its entries.
    fn replayed(&self) -> Door {
        let mut door = Door::new(owner(&self.fixture));
        for (index, entry) in (0..).zip(&self.entries) {
            door.apply(index, entry);
        }
        door
    }
}

fn scan_of(decided: &Decided) -> &Scan {
    match &decided.entry.body {
        Body::Scan(scan) => scan,
        other => panic!("{other:?}"),
    }
}

fn check(decided: &Decided, verdict: Verdict, direction: Direction, source: DirectionSource) {
    let scan = scan_of(decided);
    assert_eq!(
        (scan.verdict, scan.direction, scan.direction_source),
        (verdict, direction, source)
    );
    assert_eq!(decided.shown.verdict, verdict);
}

use Direction::{In, Out};
use DirectionSource::{Reader, Staff as ByStaff, Toggled};
use Verdict::{
    CheckedIn, CheckedOut, NoSession, NotRegistered, Repeat, RevokedBadge, UnknownBadge,
};

#[test]
fn in_and_out_and_in_again() {
    let mut bench = Bench::new();
    let first = bench.scan(1, 1);
    check(&first, CheckedIn, In, Toggled);
    let scan = scan_of(&first);
    assert_eq!(scan.attendee, Some(attendee(1)));
    assert_eq!(scan.prior.as_ref().unwrap().room, None);
    assert_eq!(first.shown.name.as_deref(), Some("Ada 1"));
    assert_eq!(first.shown.short_code, None);
    assert_eq!(bench.door.inside(), 1);
    let out = bench.scan(1, 59);
    check(&out, CheckedOut, Out, Toggled);
    let prior = scan_of(&out).prior.clone().unwrap();
    assert_eq!((prior.room, prior.index), (Some(room()), Some(1)));
    assert_eq!(prior.source, PriorSource::Door);
    assert_eq!(bench.door.inside(), 0);
    check(&bench.scan(1, 60), CheckedIn, In, Toggled);
}

#[test]
fn the_provisional_decision_is_the_rule_on_this_doors_scans() {
    let mut bench = Bench::new();
    bench.scan_with(&badge(1), &stamp(0), Some(In));
    let out = bench.scan_with(&badge(1), &stamp(55 * MINUTE_MS), Some(Out));
    let provisional = &scan_of(&out).provisional;
    assert_eq!(provisional.len(), 1);
    let one = &provisional[0];
    assert_eq!(one.programme.as_str(), "day-1");
    assert_eq!(one.credits.map(|c| c.to_string()).as_deref(), Some("1"));
    assert_eq!(one.scheduled_ms, 60 * MINUTE_MS);
    assert!((54 * MINUTE_MS..=55 * MINUTE_MS).contains(&one.present_ms));
    let (present, credit) = (54, Credit::SoFar(attendance::Decimal::ONE));
    assert_eq!(out.shown.provisional, told(Some(present), credit));
    assert_eq!(one.engine, attendance::ENGINE);
    assert_eq!(
        one.rules,
        evidence::sha256(crate::fixture::RULES.as_bytes()).to_hex()
    );
}

#[test]
fn the_doors_signals_are_the_issuers() {
    let mut bench = Bench::new();
    bench.scan(1, 0);
    bench.scan(1, 20);
    bench.scan(1, 40);
    let log: Arc<str> = Arc::from(bench.fixture.origin());
    let door = bench.replayed();
    let who = Who {
        badge: bench.fixture.badge_key.digest(&badge(1)),
        attendee: Some(&attendee(1)),
    };
    let own = door.people.knowledge(who, &log, &door.clock).unwrap();
    let theirs: Vec<Signal> = (0..)
        .zip(&bench.entries)
        .filter_map(|(index, entry)| match &entry.body {
            Body::Scan(scan) => {
                protocol::signals::from_scan(&log, index, entry, scan, &door.clock, None)
            }
            _ => None,
        })
        .map(|(signal, _)| signal)
        .collect();
    assert_eq!(own.signals, theirs);
}

#[test]
fn a_repeat_is_within_its_seconds_and_slides() {
    let mut bench = Bench::new();
    let at = |s: i64| stamp(s * 1_000);
    let text = badge(1);
    check(
        &bench.scan_with(&text, &at(0), None),
        CheckedIn,
        In,
        Toggled,
    );
    let repeat = bench.scan_with(&text, &stamp(9_999), None);
    check(&repeat, Repeat, In, Toggled);
    assert_eq!(repeat.shown.since_ms, Some(START));
    assert_eq!(repeat.shown.name.as_deref(), Some("Ada 1"));
    assert!(scan_of(&repeat).provisional.is_empty());
    // A badge that stays before the reader goes on being the same scan.
    check(&bench.scan_with(&text, &at(15), None), Repeat, In, Toggled);
    check(
        &bench.scan_with(&text, &at(25), None),
        CheckedOut,
        Out,
        Toggled,
    );
    let out_again = bench.scan_with(&text, &at(30), None);
    check(&out_again, Repeat, Out, Toggled);
    assert_eq!(out_again.shown.since_ms, Some(START + 25_000));
    // Through the way in they come in, however soon.
    check(
        &bench.scan_with(&text, &at(31), Some(In)),
        CheckedIn,
        In,
        Reader,
    );
    check(
        &bench.scan_with(&text, &at(32), Some(In)),
        Repeat,
        In,
        Reader,
    );
}

#[test]
fn repeats_are_told_by_the_raw_clock_within_a_boot_and_by_the_wall_between_boots() {
    let mut bench = Bench::new();
    let text = badge(1);
    bench.scan_with(&text, &stamp(0), None);
    let stepped = Stamp {
        wall: UtcMs(START - 3_600_000),
        ..stamp(5_000)
    };
    assert_eq!(bench.decide(&text, &stepped, None).shown.verdict, Repeat);
    let other_boot = |wall_ms: i64| Stamp {
        boot: BootId::new(OTHER_BOOT).unwrap(),
        raw_ms: 77,
        ..stamp(wall_ms)
    };
    for (ms, verdict) in [(9_999, Repeat), (10_000, CheckedOut), (-1, CheckedOut)] {
        let decided = bench.decide(&text, &other_boot(ms), None);
        assert_eq!(decided.shown.verdict, verdict, "{ms}");
    }
}

#[test]
fn strangers_are_recorded_and_named_by_a_code() {
    let mut bench = Bench::with(|bundle| {
        bundle.revoked.push(bundle.roster[2].badge);
        bundle.roster[3].cancelled = true;
        bundle.roster[4].valid_from = Some(UtcMs(START + 10 * MINUTE_MS));
        bundle.roster[5].valid_until = Some(UtcMs(START + 10 * MINUTE_MS));
    });
    for (text, minute, verdict) in [
        ("NOBODY".to_owned(), 5, UnknownBadge),
        ("\u{7}".to_owned(), 5, UnknownBadge),
        (badge(2), 5, RevokedBadge),
        (badge(3), 5, NotRegistered),
        (badge(4), 5, NotRegistered),
        (badge(4), 15, CheckedIn),
        (badge(5), 15, NotRegistered),
        (badge(1), 91, NoSession),
        (badge(1), 89, CheckedIn),
        (badge(1), -31, NoSession),
        (badge(1), -29, CheckedIn),
    ] {
        let decided = bench.decide(&text, &stamp(minute * MINUTE_MS), None);
        check(&decided, verdict, In, Toggled);
        let needs_code = !matches!(verdict, CheckedIn);
        assert_eq!(decided.shown.short_code.is_some(), needs_code, "{verdict}");
        if matches!(verdict, UnknownBadge | RevokedBadge | NotRegistered) {
            assert_eq!(decided.shown.name, None);
            let debug = format!("{:?}", decided.entry);
            assert!(!debug.contains(&text) || text.len() < 2, "{debug}");
            bench.take(&decided.entry);
        }
    }
    assert!(bench.door.people.known().is_empty());
    // Refused badges are no repeats: the roster may know them a second later.
    let again = bench.scan_with("NOBODY", &stamp(5 * MINUTE_MS + 1_000), None);
    check(&again, UnknownBadge, In, Toggled);
}

#[test]
fn whoever_forgot_to_check_out_is_not_inside_when_sessions_begin_anew() {
    let next_day_ms = 24 * 60 * MINUTE_MS;
    let mut bench = Bench::with(|bundle| {
        let mut next = bundle.agenda.sessions[0].clone();
        next.id = attendance::words::SessionId::new("s-2").unwrap();
        next.start = next.start.plus_ms(next_day_ms);
        next.end = next.end.plus_ms(next_day_ms);
        bundle.agenda.sessions.push(next);
    });
    bench.scan(1, 1);
    // The session has long ended, and leaving late still is leaving.
    check(
        &bench.decide(&badge(1), &stamp(180 * MINUTE_MS), None),
        NoSession,
        Out,
        Toggled,
    );
    check(&bench.scan(1, 24 * 60 + 5), CheckedIn, In, Toggled);
    check(&bench.scan(1, 24 * 60 + 50), CheckedOut, Out, Toggled);
    // Through the way in, twice: in since the first.
    let at = |s: i64| stamp((24 * 3_600 + 3_300 + s) * 1_000);
    bench.scan_with(&badge(1), &at(0), Some(In));
    bench.scan_with(&badge(1), &at(60), Some(In));
    let repeat = bench.scan_with(&badge(1), &at(61), Some(In));
    assert_eq!(repeat.shown.since_ms, Some(at(0).wall.0));
}

#[test]
fn sessions_that_follow_at_once_are_one_stretch_and_a_pause_begins_another() {
    let check = |pause_ms: i64, verdict: Verdict, direction: Direction| {
        let mut bench = Bench::with(|bundle| {
            bundle.policy.margin_s = 0;
            let mut next = bundle.agenda.sessions[0].clone();
            next.id = attendance::words::SessionId::new("s-2").unwrap();
            next.start = next.end.plus_ms(pause_ms);
            next.end = next.start.plus_ms(60 * MINUTE_MS);
            bundle.agenda.sessions.push(next);
        });
        bench.scan(1, 50);
        check(&bench.scan(1, 70), verdict, direction, Toggled);
    };
    check(0, CheckedOut, Out);
    check(1, CheckedIn, In);
}

#[test]
fn each_scan_keeps_the_rooms_that_its_door_served() {
    let mut bench = Bench::new();
    let rooms = |names: &[&str]| -> Vec<RoomId> {
        names
            .iter()
            .map(|name| RoomId::new(name).unwrap())
            .collect()
    };
    let served = [
        rooms(&["hall"]),
        rooms(&["hall", "annex"]),
        rooms(&["hall"]),
    ];
    for (minute, rooms) in (1..).zip(&served) {
        let mut bundle = bundle(&bench.fixture);
        bundle.door.rooms.clone_from(rooms);
        bench.door.adopt(&bundle);
        bench.scan(1, minute);
    }
    let log: Arc<str> = Arc::from(bench.fixture.origin());
    let who = Who {
        badge: bench.fixture.badge_key.digest(&badge(1)),
        attendee: Some(&attendee(1)),
    };
    let known = bench.door.people.knowledge(who, &log, &bench.door.clock);
    let of_signals: Vec<_> = known
        .unwrap()
        .signals
        .into_iter()
        .map(|s| s.rooms)
        .collect();
    assert_eq!(of_signals, served);
}

#[test]
fn the_direction_is_the_readers_then_staffs_then_toggled() {
    let mut bench = Bench::new();
    let set = Door::set_direction(Some(Out), stamp(0), None);
    bench.take(&set);
    assert_eq!(bench.door.staff_direction(), Some(Out));
    check(&bench.scan(1, 1), CheckedOut, Out, ByStaff);
    let decided = bench.scan_with(&badge(2), &stamp(MINUTE_MS), Some(In));
    check(&decided, CheckedIn, In, Reader);
    bench.take(&Door::set_direction(None, stamp(2 * MINUTE_MS), None));
    check(&bench.scan(3, 3), CheckedIn, In, Toggled);
    assert_eq!(bench.replayed().staff_direction(), None);
}

#[test]
fn the_issuers_word_counts_where_it_is_newer() {
    let mut bench = Bench::new();
    let told = |number, minute: i64| PresenceRow {
        attendee: attendee(number),
        room: room(),
        since: UtcMs(START + minute * MINUTE_MS),
    };
    // In by another door of the same room: out here.
    bench.door.tell(vec![told(1, 5)], 0);
    let out = bench.scan(1, 10);
    check(&out, CheckedOut, Out, Toggled);
    assert_eq!(
        scan_of(&out).prior.as_ref().unwrap().source,
        PriorSource::Issuer
    );
    // Its word is older than our own scan now.
    check(&bench.scan(1, 11), CheckedIn, In, Toggled);
    // It has our scan and does not list them: they left by another door.
    bench.door.tell(Vec::new(), bench.door.next_index());
    let back = bench.scan(1, 20);
    check(&back, CheckedIn, In, Toggled);
    assert_eq!(
        scan_of(&back).prior.as_ref().unwrap().source,
        PriorSource::Issuer
    );
    // It does not have that scan yet.
    check(&bench.scan(1, 21), CheckedOut, Out, Toggled);
}

#[test]
fn a_door_that_forgets_keeps_bundle_roster_and_the_issuers_word() {
    let mut bench = Bench::new();
    bench.scan(1, 1);
    let row = PresenceRow {
        attendee: attendee(2),
        room: room(),
        since: UtcMs(START),
    };
    // Its word has the first scans, and lists one of the two.
    bench.door.tell(vec![row], 2);
    bench.door.forget();
    assert_eq!((bench.door.next_index(), bench.door.inside()), (0, 0));
    bench.entries.clear();
    check(&bench.scan(2, 2), CheckedOut, Out, Toggled);
    // What it covers stays covered: an entry below it gives way to its word, one beyond does not.
    check(&bench.scan(1, 3), CheckedIn, In, Toggled);
    check(&bench.scan(1, 4), CheckedIn, In, Toggled);
    check(&bench.scan(1, 5), CheckedOut, Out, Toggled);
}

#[test]
fn a_door_says_who_is_inside_and_what_it_knows_of_the_time() {
    let mut bench = Bench::new();
    bench.scan(1, 1);
    bench.scan(2, 1);
    bench.scan(2, 2);
    let inside: Vec<(AttendeeId, RoomId, UtcMs)> = bench
        .door
        .insiders()
        .into_iter()
        .map(|row| (row.attendee, row.room, row.since))
        .collect();
    let since = UtcMs(START + MINUTE_MS);
    assert_eq!(inside, [(attendee(1), room(), since)]);

    assert_eq!(bench.door.vouched(&stamp(5)), Some(UtcMs(START + 5)));
    let unset = Stamp {
        sync: Sync::Unset,
        ..stamp(5)
    };
    assert_eq!(bench.door.vouched(&unset), None);
    let (own, other) = (BootId::new(BOOT).unwrap(), BootId::new(OTHER_BOOT).unwrap());
    assert!(bench.door.was_synced_in(&own) && !bench.door.was_synced_in(&other));
}

#[test]
fn every_direction_that_staff_set_is_read_back_and_damaged_entries_are_counted() {
    let mut bench = Bench::new();
    for direction in [Some(Out), Some(In), None, Some(In)] {
        bench.take(&Door::set_direction(direction, stamp(0), None));
        assert_eq!(bench.door.staff_direction(), direction);
    }
    assert_eq!(bench.door.skipped(), 0);
    bench.door.skip(bench.door.next_index());
    bench.door.skip(bench.door.next_index());
    assert_eq!(bench.door.skipped(), 2);
}

#[test]
fn one_instant_is_told_of_an_interval_of_ten_minutes_and_the_clocks_of_a_wider_one() {
    let wide = |ms: i64| Interval {
        earliest: UtcMs(START),
        latest: UtcMs(START + ms),
    };
    let told = |ms| told_time(wide(ms), &stamp(7));
    assert_eq!(told(600_000), UtcMs(START + 300_000));
    assert_eq!(told(600_001), UtcMs(START + 7));
}

#[test]
fn a_registration_may_hold_wherever_the_interval_touches_it() {
    let bounded = Registration {
        valid_from: Some(UtcMs(10)),
        valid_until: Some(UtcMs(20)),
        ..Registration::always(attendee(1))
    };
    let may = |from, to| {
        let at = Interval {
            earliest: UtcMs(from),
            latest: UtcMs(to),
        };
        may_hold(&bounded, at)
    };
    assert!(may(0, 10) && may(19, 30) && may(0, 30));
    assert!(!may(0, 9) && !may(20, 30));
}

#[test]
fn an_unset_clock_refuses_nobody_and_decides_nothing() {
    let mut bench = Bench::new();
    let unset = |ms| Stamp {
        wall: UtcMs(5),
        boot: BootId::new(OTHER_BOOT).unwrap(),
        raw_ms: ms,
        sync: Sync::Unset,
        error_ms: None,
    };
    let decided = bench.scan_with(&badge(1), &unset(1_000), None);
    check(&decided, CheckedIn, In, Toggled);
    let out = bench.scan_with(&badge(1), &unset(3_000_000), None);
    check(&out, CheckedOut, Out, Toggled);
    // What it comes to is journalled, and nobody is told anything of it.
    assert_eq!(scan_of(&out).provisional.len(), 1);
    assert_eq!(out.shown.provisional, None);
}

#[test]
fn rules_that_do_not_read_take_nothing_else_of_the_bundle_with_them() {
    // A second programme in the same room, under rules of a newer issuer.
    let newer = |bundle: &mut Bundle| {
        let text = format!("{}newer_key = 1\n", crate::fixture::RULES);
        let rules = protocol::bundle::RuleText {
            hash: evidence::sha256(text.as_bytes()).to_hex(),
            text,
        };
        let mut session = bundle.agenda.sessions[0].clone();
        let mut programme = bundle.agenda.programmes[0].clone();
        session.id = attendance::words::SessionId::new("s-2").unwrap();
        programme.id = attendance::words::ProgrammeId::new("day-2").unwrap();
        session.programme = Some(programme.id.clone());
        programme.rules = Some(rules.hash.clone());
        bundle.rules.push(rules);
        bundle.agenda.sessions.push(session);
        bundle.agenda.programmes.push(programme);
    };
    let programmes = |bench: &mut Bench| -> Vec<String> {
        bench.scan_with(&badge(1), &stamp(0), Some(In));
        let out = bench.scan_with(&badge(1), &stamp(55 * MINUTE_MS), Some(Out));
        check(&out, CheckedOut, Out, Reader);
        let provisional = scan_of(&out).provisional.iter();
        provisional.map(|one| one.programme.to_string()).collect()
    };
    let mut bench = Bench::with(newer);
    assert_eq!(programmes(&mut bench), ["day-1"]);
    let [unread] = bench.door.unread_rules() else {
        panic!("{:?}", bench.door.unread_rules());
    };
    assert_eq!(unread.programme.as_str(), "day-2");
    assert!(unread.why.contains("newer_key"), "{}", unread.why);

    let mut missing = Bench::with(|bundle| bundle.rules.clear());
    assert!(programmes(&mut missing).is_empty());
    let [unread] = missing.door.unread_rules() else {
        panic!("{:?}", missing.door.unread_rules());
    };
    assert!(unread.why.contains("does not hold"), "{}", unread.why);

    // What is on in other rooms does not concern this door.
    let elsewhere = Bench::with(|bundle| {
        newer(bundle);
        bundle.agenda.sessions[1].room = RoomId::new("foyer").unwrap();
    });
    assert!(elsewhere.door.unread_rules().is_empty());
    assert!(Bench::new().door.unread_rules().is_empty());
}

/// What the screen tells of the session of sixty minutes.
fn told(present: Option<u32>, credit: Credit) -> Option<view::Provisional> {
    Some(view::Provisional {
        minutes: present.map(|present| Minutes { present, of: 60 }),
        credit,
    })
}

/// What somebody may do at a door.
#[derive(Clone, Debug)]
enum Act {
    Scan {
        number: usize,
        after_ms: i64,
        direction: Option<Direction>,
    },
    Staff(Option<Direction>),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let direction = prop_oneof![3 => Just(None), 1 => Just(Some(In)), 1 => Just(Some(Out))];
    let scan = (0..BADGES + 2, 0_i64..20 * MINUTE_MS, direction.clone()).prop_map(
        |(number, after_ms, direction)| Act::Scan {
            number,
            // Many fall within the time of a repeat.
            after_ms: if after_ms % 2 == 0 {
                after_ms % 15_000
            } else {
                after_ms
            },
            direction,
        },
    );
    let staff = direction.prop_map(Act::Staff);
    proptest::collection::vec(prop_oneof![12 => scan, 1 => staff], 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_door_is_what_its_entries_make_of_it(acts in acts()) {
        let mut bench = Bench::with(|bundle| bundle.revoked.push(bundle.roster[0].badge));
        let mut ms = 0;
        for act in acts {
            match act {
                Act::Staff(direction) => bench.take(&Door::set_direction(direction, stamp(ms), None)),
                Act::Scan { number, after_ms, direction } => {
                    ms += after_ms;
                    let (text, stamp) = (badge(number), stamp(ms));
                    let before = bench.door.people.facts();
                    let inside = bench.door.inside();
                    let first = bench.decide(&text, &stamp, direction);
                    prop_assert_eq!(&bench.decide(&text, &stamp, direction), &first, "deterministic");
                    prop_assert_eq!(&bench.door.people.facts(), &before, "deciding changes nothing");
                    let decided = bench.scan_with(&text, &stamp, direction);
                    let changed = bench.door.inside().abs_diff(inside);
                    match decided.shown.verdict {
                        Repeat | RevokedBadge | UnknownBadge | NotRegistered => prop_assert_eq!(changed, 0),
                        CheckedIn | CheckedOut | NoSession => prop_assert!(changed <= 1),
                    }
                    if number >= BADGES {
                        prop_assert_eq!(decided.shown.verdict, UnknownBadge);
                        prop_assert!(!bench.door.people.known().contains(&attendee(number)));
                    }
                }
            }
        }
        let replayed = bench.replayed();
        prop_assert_eq!(replayed.people.facts(), bench.door.people.facts());
        prop_assert_eq!(replayed.staff_direction(), bench.door.staff_direction());
        prop_assert_eq!(replayed.next_index(), bench.door.next_index());
        // And it goes on as the other does.
        let mut again = replayed;
        again.adopt(&{
            let mut bundle = bundle(&bench.fixture);
            bundle.revoked.push(bundle.roster[0].badge);
            bundle
        });
        for number in 0..BADGES {
            let (text, stamp) = (badge(number), stamp(ms + 1));
            let reader = ReaderId::new("main").unwrap();
            let read = Read { reader: &reader, symbology: None, text: &text, stamp: &stamp, direction: None };
            prop_assert_eq!(again.decide(read), bench.door.decide(read));
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let bench = Bench::new();
        let decided = bench.decide(&text, &stamp(0), None);
        prop_assert!(encode(&decided.entry).is_ok());
    }
}
