//! What an attendee is told of their credit, and what the issuer's word adds to it.

use attendance::Decimal;

use super::*;

const HOUR: i64 = 60;

fn one() -> Decimal {
    Decimal::ONE
}

fn said(number: usize, room: &str, minute: i64) -> PresenceRow {
    PresenceRow {
        attendee: attendee(number),
        room: room.parse().unwrap(),
        since: UtcMs(START + minute * MINUTE_MS),
    }
}

/// The first badge, so many minutes after the start.
fn scan(bench: &mut Bench, minute: i64, direction: Direction) -> Decided {
    bench.scan_with(&badge(1), &stamp(minute * MINUTE_MS), Some(direction))
}

/// A second door at the same room.
fn shared(bundle: &mut Bundle) {
    let mut other = bundle.door.clone();
    other.id = "side".parse().unwrap();
    bundle.agenda.doors.push(other);
}

/// What is shown and what is journalled: present minutes, credits.
#[track_caller]
fn check_told(
    decided: &Decided,
    shown: Option<view::Provisional>,
    present_min: i64,
    credits: Option<&str>,
) {
    assert_eq!(decided.shown.provisional, shown);
    let made = &scan_of(decided).provisional[0];
    // The clock's error is told by the second.
    let rounded = (made.present_ms + 2_000) / MINUTE_MS;
    let credits_made = made.credits.map(|credits| credits.to_string());
    assert_eq!((rounded, credits_made.as_deref()), (present_min, credits));
}

#[test]
fn the_line_follows_the_day() {
    let mut bench = Bench::new();
    // Before the session there is no minute to count, and its end is ahead.
    let early = scan(&mut bench, -5, In);
    check_told(&early, told(None, Credit::OnTrack(one())), 0, Some("0"));
    let out = scan(&mut bench, 20, Out);
    check_told(&out, told(Some(19), Credit::NotYet), 20, Some("0"));
    let back = scan(&mut bench, 25, In);
    check_told(&back, told(Some(19), Credit::OnTrack(one())), 20, Some("0"));
    let again = scan(&mut bench, 56, In);
    check_told(&again, told(Some(50), Credit::SoFar(one())), 51, Some("1"));
    let after = scan(&mut bench, 61, Out);
    check_told(&after, told(Some(54), Credit::SoFar(one())), 55, Some("1"));

    // Four fifths of sixty minutes are forty-eight.
    let mut late = Bench::new();
    check_told(
        &scan(&mut late, 13, In),
        told(None, Credit::OutOfReach),
        0,
        Some("0"),
    );
    check_told(
        &scan(&mut late, 62, Out),
        told(Some(46), Credit::None),
        47,
        Some("0"),
    );
    let mut just = Bench::new();
    check_told(
        &scan(&mut just, 11, In),
        told(None, Credit::OnTrack("0.5".parse().unwrap())),
        0,
        Some("0"),
    );
    // What a toggled door cannot know, a person looks at.
    let mut toggled = Bench::new();
    toggled.scan(1, 1);
    let out = toggled.scan(1, 59);
    assert_eq!(
        scan_of(&out).provisional[0].outcome,
        attendance::Outcome::Review
    );
    assert_eq!(out.shown.provisional, told(Some(57), Credit::Person));
}

#[test]
fn the_issuers_word_is_where_presence_begins() {
    let mut bench = Bench::with(shared);
    bench.door.tell(vec![said(1, "hall", 2)], 0);
    let out = scan(&mut bench, 56, Out);
    check_told(&out, told(Some(53), Credit::SoFar(one())), 54, Some("1"));
    let prior = scan_of(&out).prior.clone().unwrap();
    let since = Some(UtcMs(START + 2 * MINUTE_MS));
    assert_eq!((prior.room, prior.since), (Some(room()), since));
    // It stays so at later scans, and after a restart.
    let back = scan(&mut bench, 57, In);
    check_told(&back, told(Some(53), Credit::SoFar(one())), 54, Some("1"));
    assert_eq!(bench.replayed().people.facts(), bench.door.people.facts());
}

#[test]
fn what_the_issuer_repeats_of_this_door_is_no_news() {
    let mut bench = Bench::with(shared);
    scan(&mut bench, 2, In);
    bench.door.tell(vec![said(1, "hall", 2)], 2);
    let out = scan(&mut bench, 56, Out);
    let prior = scan_of(&out).prior.clone().unwrap();
    assert_eq!((prior.source, prior.index), (PriorSource::Door, Some(1)));
    check_told(&out, told(Some(53), Credit::SoFar(one())), 54, Some("1"));
}

#[test]
fn whoever_left_by_another_door_left_at_some_time_and_no_minutes_are_told() {
    // The issuer has the check-in, and does not list them: gone, nobody here knows when.
    let mut gone = Bench::with(shared);
    scan(&mut gone, 0, In);
    gone.door.tell(Vec::new(), 2);
    let back = scan(&mut gone, 30, In);
    let prior = scan_of(&back).prior.clone().unwrap();
    assert_eq!((prior.room, prior.index), (None, Some(1)));
    assert_eq!(prior.source, PriorSource::Issuer);
    check_told(&back, None, 0, Some("0"));
    let out = scan(&mut gone, 59, Out);
    check_told(&out, None, 29, None);

    // It lists them since they came back by that door.
    let mut returned = Bench::with(shared);
    scan(&mut returned, 0, In);
    returned.door.tell(vec![said(1, "hall", 5)], 2);
    let out = scan(&mut returned, 59, Out);
    assert_eq!(scan_of(&out).prior.as_ref().unwrap().index, Some(1));
    let line = Credit::SoFar(one());
    assert_eq!(out.shown.provisional, told(None, line));

    // In another room they are out of this one, at a time that is known.
    let mut moved = Bench::with(shared);
    scan(&mut moved, 0, In);
    moved.door.tell(vec![said(1, "foyer", 20)], 2);
    let back = scan(&mut moved, 29, In);
    let line = Credit::OnTrack(one());
    check_told(&back, told(Some(19), line), 20, Some("0"));
}

#[test]
fn two_check_ins_at_a_room_of_two_doors_tell_nothing() {
    let twice = |change: fn(&mut Bundle)| {
        let mut bench = Bench::with(change);
        scan(&mut bench, 0, In);
        scan(&mut bench, 30, In).shown.provisional
    };
    assert_eq!(twice(shared), None);
    assert_eq!(twice(|_| {}), told(Some(29), Credit::OnTrack(one())));
}

#[test]
fn a_time_that_only_a_wrong_clock_can_say_is_not_used() {
    let mut bench = Bench::with(shared);
    bench.door.tell(vec![said(1, "hall", HOUR)], 0);
    let out = scan(&mut bench, 50, Out);
    let prior = scan_of(&out).prior.clone().unwrap();
    assert_eq!((prior.room, prior.since), (Some(room()), None));
    assert_eq!(out.shown.provisional, None);
    // Nor is one from before the pause that ended all stays.
    let mut lapsed = Bench::new();
    lapsed.door.tell(vec![said(1, "hall", -31)], 0);
    let scan = scan(&mut lapsed, 50, In);
    assert_eq!(scan_of(&scan).prior.clone().unwrap().room, None);
    check_told(&scan, told(None, Credit::OutOfReach), 0, Some("0"));
}
