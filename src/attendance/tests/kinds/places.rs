//! Where a signal is: at the session it names, or in which of its door's rooms.

use super::*;

fn beats() -> RuleSet {
    RuleSet {
        heartbeat_max_gap_s: 600,
        ..rules()
    }
}

/// Minutes of each session, at the least.
fn minutes(decision: &Decision) -> Vec<i64> {
    let parts = decision.parts.iter();
    parts.map(|part| part.least_ms / MIN).collect()
}

#[test]
fn heartbeats_of_several_rooms_are_where_a_session_is_on() {
    let lines = ["beat a/b 0 x", "beat a/b 10 x", "beat a/b 20 x"];
    for (sessions, expect) in [
        (vec![session("s1 a 0-50")], vec![20]),
        (vec![session("s1 b 0-50")], vec![20]),
        // In the first of those in which one is on.
        (
            vec![session("s1 a 0-50"), session("s2 b 0-50")],
            vec![20, 0],
        ),
        (
            vec![session("s1 b 0-50"), session("s2 a 0-50")],
            vec![0, 20],
        ),
        // In the first of all where none is; the beats before and after are of two rooms then.
        (vec![session("s1 b 10-50")], vec![10]),
        (vec![session("s1 b 20-50")], vec![0]),
        (vec![session("s1 c 0-50")], vec![0]),
    ] {
        let decision = day(beats(), sessions.clone()).decide(&lines);
        assert_eq!(minutes(&decision), expect, "{sessions:?}");
    }
}

#[test]
fn polls_of_several_rooms_are_where_a_session_is_on() {
    let polls = RuleSet {
        polls: Polls {
            per_credit: decimal("1"),
            min_share: Decimal::ZERO,
            short: PollShort::None,
        },
        ..rules()
    };
    let there = ["join @s1 0 x", "leave @s1 50 x"];
    let day = day(polls, vec![session("s1 b 0-50")]);
    let with = |poll| [&there[..], &[poll]].concat();
    day.check(&with("poll c/b 5 p1"), MET);
    let short = "none 0 insufficient_engagement";
    day.check(&with("poll c/b 55 p1"), short);
    day.check(&with("poll c 5 p1"), short);
}

#[test]
fn a_door_that_names_a_session_means_its_room() {
    // Both sessions are in one room, and a door sees who is in it.
    let sessions = || vec![session("s1 a 0-50"), session("s2 a 0-50")];
    let both = "full 2 met_duration_threshold";
    let day = day(rules(), sessions());
    day.check(&["in @s1 0", "out a 50"], both);
    day.check(&["in a 0", "out @s2 50"], both);
    // The rooms that are given stand before those of the session.
    day.check(&["in a@s9 0", "out a@s9 50"], both);
    day.check(&["in b@s1 0", "out b@s1 50"], "none 0 no_attendance");
    // Of a session that does not count nothing is known, where it was neither.
    let unknown = day.check(&["in @s9 0", "out @s9 50"], "none 0 no_attendance");
    assert!(unknown.parts.iter().all(|part| part.stays.is_empty()));
    // A platform sees who is at a session.
    day.check(
        &["join a@s1 0 x", "leave a@s1 50 x"],
        "partial 1 partial_credit",
    );
    day.check(
        &["join @s1 0 x", "leave @s1 50 x"],
        "partial 1 partial_credit",
    );
    day.check(&["join a 0 x", "leave a 50 x"], both);
}

#[test]
fn a_device_comes_and_goes_at_each_place_by_itself() {
    let sessions = vec![session("s1 a 0-50"), session("s2 b 0-50")];
    let day = day(rules(), sessions);
    for lines in [
        [
            "join @s1 0 x",
            "join @s2 10 x",
            "leave @s1 40 x",
            "leave @s2 50 x",
        ],
        ["join a 0 x", "join b 10 x", "leave a 40 x", "leave b 50 x"],
        [
            "join a 0 x",
            "join @s2 10 x",
            "leave a 40 x",
            "leave @s2 50 x",
        ],
    ] {
        let decision = day.check(&lines, "partial 1.6 partial_credit");
        assert_eq!(minutes(&decision), [40, 40], "{lines:?}");
    }
    // Another device leaves nothing that this one began.
    let lines = ["join @s1 0 x", "leave @s1 50 y"];
    assert_eq!(day.decide(&lines).reason, Reason::MissingCheckIn);
}

#[test]
fn heartbeats_are_of_one_device_at_one_place() {
    let sessions = vec![session("s1 a 0-50"), session("s2 b 0-50")];
    let day = day(beats(), sessions);
    for (lines, expect) in [
        (["beat a 0 x", "beat a 8 x", "beat a 16 x"], [16, 0]),
        (["beat a 0 x", "beat b 8 x", "beat a 16 x"], [0, 0]),
        (["beat a 0 x", "beat a 8 y", "beat a 16 x"], [0, 0]),
        (["beat b 0 x", "beat a 8 x", "beat b 10 x"], [0, 10]),
        // In whatever order they are told.
        (["beat a 16 x", "beat a 0 x", "beat a 8 x"], [16, 0]),
    ] {
        assert_eq!(minutes(&day.decide(&lines)), expect, "{lines:?}");
    }
}
