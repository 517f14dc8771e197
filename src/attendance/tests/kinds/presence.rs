//! What signals of every kind show of presence: where, from when to when, and how surely.

use super::*;

#[test]
fn platforms_and_devices_are_united() {
    let day = day(rules(), hour());
    day.check(&["join @s1 0 x", "leave @s1 50 x"], MET);
    // Two devices at once count once, and each leaves for itself.
    let lines = [
        "join @s1 0 x",
        "join @s1 20 y",
        "leave @s1 30 x",
        "leave @s1 50 y",
    ];
    day.check(&lines, MET);
    // A room and a session of it are the same hour; rows stand in any order.
    let lines = ["leave @s1 50 x", "in a 0", "join @s1 20 x", "out a 20"];
    let mixed = day.check(&lines, MET);
    assert_eq!(
        mixed.explanation,
        "Present 50 min of 50 min, by scan and platform; 1 of 1 credits."
    );
    // Rejoining in the same second, in whatever order it is reported, on two devices.
    let lines = [
        "join @s1 0 x",
        "leave @s1 20~20.1 x",
        "join @s1 20~20.1 y",
        "leave @s1 50 y",
    ];
    assert_eq!(day.decide(&lines).reason, Reason::ClockUncertain);
    let by_share = RuleSet {
        threshold: Threshold::Share(decimal("0.9")),
        met_awards: attendance::rules::MetAwards::Scheduled,
        ..rules()
    };
    self::day(by_share, hour()).check(&lines, MET);
}

#[test]
fn heartbeats_are_presence_between_them() {
    let beats = RuleSet {
        heartbeat_max_gap_s: 600,
        ..rules()
    };
    let day = day(beats, hour());
    let lines = ["beat @s1 0 x", "beat @s1 10 x", "beat @s1 20 x"];
    day.check(&lines, "partial 0.4 partial_credit");
    let lines = ["beat @s1 0 x", "beat @s1 10.001 x", "beat @s1 20 x"];
    // The first is too far from the second.
    let split = day.check(&lines, "partial 0.1 partial_credit");
    assert_eq!(split.parts[0].least_ms, 10 * MIN - 60);
    // Of two devices neither fills the other's gap.
    let lines = ["beat @s1 0 x", "beat @s1 8 y", "beat @s1 16 x"];
    day.check(&lines, "none 0 no_attendance");
    // United with what the device says of coming and going.
    let lines = [
        "join @s1 0 x",
        "leave @s1 20 x",
        "beat @s1 20 x",
        "beat @s1 30 x",
        "beat @s1 40 x",
        "beat @s1 50 x",
    ];
    let united = day.check(&lines, MET);
    assert_eq!(united.evidence.len(), 4, "{:?}", united.evidence);
    // Where the gap may have been too wide, that is the clock's matter.
    let lines = ["beat @s1 0 x", "beat @s1 9~11 x", "beat @s1 20 x"];
    assert_eq!(day.decide(&lines).reason, Reason::ClockUncertain);
}

#[test]
fn a_missing_end_leans_on_the_last_signal_of_any_source() {
    let last = RuleSet {
        missing_check_out: MissingCheckOut::LastSignal,
        ..rules()
    };
    let decision = day(last, hour()).check(
        &[
            "in a 0",
            "seen a 10",
            "poll a 25 p1",
            "beat a 30 x",
            "beat a 55 x",
        ],
        "partial 0.6 missing_check_out",
    );
    let end = &decision.parts[0].stays[0].end;
    assert_eq!(end.signal().map(|signal| signal.index), Some(3));
    let first = RuleSet {
        missing_check_in: MissingCheckIn::FirstSignal,
        ..rules()
    };
    let day = day(first, hour());
    day.check(&["beat a 20 x", "out a 50"], "partial 0.6 missing_check_in");
}

#[test]
fn rooms_may_be_parts_of_a_room() {
    let sessions = vec![session("s1 hall 0-50"), session("s2 north 60-110")];
    let mut day = day(rules(), sessions);
    let part = |part: &str| (RoomId::new(part).unwrap(), RoomId::new("hall").unwrap());
    day.programme.part_of = [part("north"), part("south")].into();
    // In at the part's door, out at the whole's, and in the whole from the part.
    day.check(
        &["in north 0", "out hall 50", "in hall 60", "out north 110"],
        "review 1..2 missing_check_in",
    );
    day.check(
        &["in south 0", "out hall 50", "in north 60", "out hall 110"],
        "full 2 met_duration_threshold",
    );
    // Going from the whole into a part ends nothing; both count once for the hall.
    day.check(
        &["in hall 0", "in north 20", "out north 110"],
        "full 2 met_duration_threshold",
    );
    // One part is elsewhere for the other.
    day.check(
        &["in north 0", "in south 20", "out south 50"],
        "partial 1 partial_credit",
    );
}

#[test]
fn who_leaves_by_another_door_was_there_since_they_came() {
    let rules = RuleSet {
        missing_check_in: MissingCheckIn::SessionStart,
        ..rules()
    };
    let inside = |sessions| {
        let mut day = day(rules.clone(), sessions);
        let part = |part: &str| (RoomId::new(part).unwrap(), RoomId::new("hall").unwrap());
        day.programme.part_of = [part("north"), part("south")].into();
        day
    };
    // The hall's door shows when; the part was entered at some time since, not when its session began.
    let hall = inside(vec![session("s1 hall 0-100")]);
    let lines = ["in hall 90", "out north 100"];
    hall.check(&lines, "partial 0.2 partial_credit");
    let north = inside(vec![session("s1 north 0-100")]);
    north.check(&lines, "partial 0.2 partial_credit");
    // By the policy of the session's start, where that came later.
    let lines = ["in hall 0", "out north 110"];
    inside(vec![session("s1 north 60-110")]).check(&lines, MET);
    // Nothing shows a beginning: the first signal there is looked for since they came as well.
    let first = RuleSet {
        missing_check_in: MissingCheckIn::FirstSignal,
        ..rules.clone()
    };
    let lines = ["in north 0", "out north 10", "in hall 40", "out north 50"];
    let mut looked = inside(vec![session("s1 north 0-50")]);
    looked.rules = first;
    looked.check(&lines, "partial 0.2 missing_check_in");
}

#[test]
fn leaving_twice_is_leaving_once() {
    let with = |repeated_out| {
        let rules = RuleSet {
            missing_check_in: MissingCheckIn::SessionStart,
            repeated_out,
            ..rules()
        };
        let mut day = day(rules, vec![session("s1 hall 0-50"), session("s2 b 0-50")]);
        let part = |part: &str| (RoomId::new(part).unwrap(), RoomId::new("hall").unwrap());
        day.programme.part_of = [part("north"), part("south")].into();
        day
    };
    // By the part's door and then by the hall's; by the hall's twice.
    for lines in [
        ["in north 10", "out north 20", "out hall 50"],
        ["in north 10", "out hall 20", "out hall 50"],
        ["in hall 10", "out north 20", "out hall 50"],
    ] {
        with(RepeatedOut::First).check(&lines, "partial 0.2 partial_credit");
        with(RepeatedOut::Last).check(&lines, "partial 0.8 partial_credit");
    }
    // Who was elsewhere meanwhile has not stayed until then.
    let lines = [
        "in hall 0",
        "out hall 10",
        "in b 20",
        "out b 40",
        "out hall 50",
    ];
    with(RepeatedOut::Last).check(&lines, "partial 0.6 partial_credit");
    // Of two parts the one left last.
    let lines = [
        "in south 0",
        "out south 5",
        "in north 10",
        "out north 15",
        "out hall 20",
    ];
    let decision = with(RepeatedOut::Last).check(&lines, "partial 0.3 partial_credit");
    assert_eq!(decision.parts[0].least_ms, 15 * MIN);
}

#[test]
fn an_end_that_a_session_gives_counts_for_every_session_of_the_room() {
    let rules = RuleSet {
        missing_check_out: MissingCheckOut::SessionEnd,
        ..rules()
    };
    let sessions = vec![session("s1 a 0-50"), session("s2 a 25-75")];
    let decision = day(rules, sessions).check(&["in a 0"], "partial 1.5 partial_credit");
    let present: Vec<i64> = decision.parts.iter().map(|p| p.least_ms / MIN).collect();
    assert_eq!(present, [50, 25]);
}

#[test]
fn grace_is_for_presence_in_the_session() {
    let rules = RuleSet {
        grace_out_s: 600,
        ..rules()
    };
    let split = Session {
        parts: vec![window("0-40"), window("60-70")],
        ..session("s1 a 0-70")
    };
    // Only between the parts: nothing was attended of what ends ten minutes later.
    let lines = ["in a 50", "out a 60"];
    day(rules.clone(), vec![split.clone()]).check(&lines, "none 0 no_attendance");
    let lines = ["in a 50", "out a 61"];
    day(rules, vec![split]).check(&lines, "partial 0.2 partial_credit");
}

#[test]
fn readings_that_earn_the_same_need_no_person() {
    let rules = RuleSet {
        missing_check_in: MissingCheckIn::None,
        missing_check_out: MissingCheckOut::SessionEnd,
        ..rules()
    };
    // Out of one room and into another at one instant, by two doors: either may have come first, and each order has a reason
    // of its own.
    let sessions = vec![session("s1 a 0-50"), session("s2 b 50-100")];
    let lines = ["in a 10", "out a 50", "in! b 50 1", "out! b 100 2"];
    day(rules.clone(), sessions.clone()).check(&lines, "partial 1.8 missing_check_in");
    let lines = ["in a 10", "out a 50", "in! b 51 1", "out! b 100 2"];
    day(rules, sessions).check(&lines, "partial 1.7 partial_credit");
}

#[test]
fn split_sessions_and_what_is_excluded_of_them() {
    let split = Session {
        parts: vec![window("0-25"), window("35-60")],
        ..session("s1 a 0-60")
    };
    let whole = day(rules(), vec![split]);
    let decision = whole.check(&["in a 0", "out a 60"], MET);
    assert_eq!(decision.parts[0].scheduled_ms, 50 * MIN);
    let excluded = Session {
        excluded: vec![window("0-5"), window("25-30")],
        ..session("s1 a 0-60")
    };
    let graced = RuleSet {
        grace_in_s: 420,
        ..rules()
    };
    let day = day(graced, vec![excluded]);
    let decision = day.check(&["in a 7", "out a 60"], MET);
    // From the seventh minute on, and of the grace only what counts.
    assert_eq!(decision.parts[0].graced_ms, 2 * MIN);
    assert!(
        decision
            .explanation
            .starts_with("Present 50 min of 50 min, 2 min of it grace;")
    );
    day.check(&["in a 7.001", "out a 60"], "partial 0.9 partial_credit");
}

#[test]
fn breaks_are_taken_off_the_sessions_of_their_room() {
    let breaks = RuleSet {
        excluded_kinds: vec!["break".into()],
        ..rules()
    };
    let pause = |text| Session {
        kind: "break".into(),
        ..session(text)
    };
    let sessions = vec![
        session("s1 a 0-60"),
        pause("s2 a 20-30"),
        pause("s3 b 30-40"),
    ];
    let decision = day(breaks, sessions).check(&["in a 0", "out a 60"], MET);
    assert_eq!(decision.parts.len(), 1);
}

#[test]
fn time_in_two_sessions_counts_once() {
    let once = RuleSet {
        overlap: Overlap::CountOnce,
        ..rules()
    };
    let sessions = || vec![session("s1 a 0-50"), session("s2 b 25-75")];
    let lines = ["join a 0 x", "leave a 50 x", "in b 25", "out b 75"];
    day(rules(), sessions()).check(&lines, "full 2 met_duration_threshold");
    let decision = day(once.clone(), sessions()).check(&lines, "full 1.5 overlapping_sessions");
    let present: Vec<i64> = decision.parts.iter().map(|p| p.least_ms / MIN).collect();
    assert_eq!(present, [50, 25]);
    // Nobody was in two, and nobody can have more.
    let lines = ["in a 0", "in b 25", "out b 75"];
    day(once, sessions()).check(&lines, "full 1.5 met_duration_threshold");
}

#[test]
fn a_stay_stamped_by_one_clock_keeps_its_length() {
    let day = day(rules(), vec![session("s1 a 0-100")]);
    // 40 minutes and a second somewhere in ninety: known to half a second by the door's clock alone.
    let kept = day.check(
        &["in! a 1~50 60", "out! a 41.016666~90.016666 2461"],
        "partial 0.8 partial_credit",
    );
    let part = &kept.parts[0];
    assert_eq!(
        (part.least_ms, part.most_ms),
        (2_401_000 - 482, 2_401_000 + 482)
    );
    // Without it, nothing is known.
    let lines = ["in a 1~50", "out a 41.016666~90.016666"];
    assert_eq!(day.decide(&lines).reason, Reason::ClockUncertain);
    // Where it may have begun before the session, its place matters.
    let early = ["in! a 0~50 0", "out! a 60~110 3600"];
    assert_eq!(day.decide(&early).reason, Reason::ClockUncertain);
}

#[test]
fn a_stay_keeps_its_length_only_where_its_place_does_not_matter() {
    let unsure = |rules: RuleSet, session: Session, lines: &[&str]| {
        let decision = day(rules, vec![session]).decide(lines);
        assert_eq!(
            decision.reason,
            Reason::ClockUncertain,
            "{}",
            decision.explanation
        );
    };
    let whole = || session("s1 a 0-100");
    // Grace may be given, or not.
    let graced = |grace_in_s, grace_out_s| RuleSet {
        grace_in_s,
        grace_out_s,
        ..rules()
    };
    let early = ["in! a 4~20 240", "out! a 44.5~60.5 2670"];
    unsure(graced(300, 0), whole(), &early);
    let late = ["in! a 39.5~55.5 2370", "out! a 80~96 4800"];
    unsure(graced(0, 300), whole(), &late);
    // Another device was there for a part of it, and nobody knows for which.
    let with_device = [
        "in! a 10~30 600",
        "out! a 50~70 3000",
        "join a 20 x",
        "leave a 60 x",
    ];
    unsure(rules(), whole(), &with_device);
    // A break may lie within it.
    let broken = Session {
        excluded: vec![window("45-55")],
        ..whole()
    };
    unsure(rules(), broken, &["in! a 10~30 600", "out! a 50~70 3000"]);
}

#[test]
fn actual_windows_cut_parts() {
    let actual = RuleSet {
        windows: Windows::Actual,
        ..rules()
    };
    let split = Session {
        parts: vec![window("0-25"), window("35-60")],
        actual: Some(window("10-60")),
        ..session("s1 a 0-60")
    };
    let decision = day(actual, vec![split]).decide(&["in a 0", "out a 60"]);
    assert_eq!(decision.parts[0].scheduled_ms, 40 * MIN);
}
