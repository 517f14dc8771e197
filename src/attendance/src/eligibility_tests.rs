#![allow(clippy::unwrap_used)]
use super::*;
use crate::agenda::{Session, Window};
use crate::rules::{
    BelowThreshold, MetAwards, MissingCheckIn, MissingCheckOut, RepeatedOut, Scope, Threshold,
};
use crate::time::{Interval, Quality};
use crate::words::{AttendeeId, Direction, DirectionSource, ProgrammeId, RoomId, Source};
use proptest::prelude::*;

const MIN: i64 = 60_000;

fn session(id: &str, room: &str, from_min: i64, to_min: i64) -> Session {
    let scheduled = Window::new(UtcMs(from_min * MIN), UtcMs(to_min * MIN)).unwrap();
    Session::plain(
        SessionId::new(id).unwrap(),
        RoomId::new(room).unwrap(),
        scheduled,
    )
}

pub(crate) fn programme(sessions: Vec<Session>) -> Programme {
    Programme {
        id: ProgrammeId::new("p").unwrap(),
        title: "P".into(),
        sessions,
        part_of: std::collections::BTreeMap::new(),
    }
}

fn registration() -> Registration {
    Registration::always(AttendeeId::new("a-1").unwrap())
}

fn signal(index: u64, room: &str, direction: Direction, at: Interval) -> Signal {
    Signal {
        id: SignalId {
            log: "log".into(),
            index,
            row: None,
        },
        source: Source::Scan,
        kind: Kind::Crossing {
            direction,
            source: DirectionSource::Reader,
        },
        rooms: vec![RoomId::new(room).unwrap()],
        session: None,
        device: None,
        at,
        quality: Quality::Anchored,
        tick: None,
    }
}

fn toggle(signal: &mut Signal) {
    signal.kind = Kind::Crossing {
        direction: signal.direction(),
        source: DirectionSource::Toggled,
    };
}

/// `"in a 0"` and `"out a 50.5"`: direction, room or rooms, minutes; a range `50~51` is an interval, a fourth word another log.
pub(crate) fn signals(lines: &[&str]) -> Vec<Signal> {
    let ms = |text: &str| {
        let minutes: Decimal = text.parse().unwrap();
        UtcMs(minutes.millionths() * 60 / 1_000)
    };
    let one = |(index, line): (usize, &&str)| {
        let words: Vec<&str> = line.split(' ').collect();
        let (from, to) = words[2].split_once('~').unwrap_or((words[2], words[2]));
        let at = Interval {
            earliest: ms(from),
            latest: ms(to),
        };
        let mut signal = signal(
            u64::try_from(index).unwrap(),
            "a",
            words[0].trim_end_matches('?').parse().unwrap(),
            at,
        );
        signal.rooms = words[1]
            .split('/')
            .map(|r| RoomId::new(r).unwrap())
            .collect();
        if words[0].ends_with('?') {
            toggle(&mut signal);
        }
        if let Some(log) = words.get(3) {
            signal.id.log = (*log).into();
        }
        signal
    };
    lines.iter().enumerate().map(one).collect()
}

pub(crate) fn rules() -> RuleSet {
    RuleSet {
        threshold: Threshold::Share("0.8".parse().unwrap()),
        met_awards: MetAwards::Scheduled,
        ..crate::rules::tests::plain()
    }
}

#[track_caller]
fn check(rules: &RuleSet, sessions: Vec<Session>, lines: &[&str], expect: &str) -> Decision {
    let all = signals(lines);
    let known = Known {
        now: UtcMs(10_000 * MIN),
        incomplete_doors: vec![],
    };
    let registration = registration();
    let decision = decide(
        rules,
        &programme(sessions),
        Evidence {
            signals: &all,
            registration: Some(&registration),
        },
        &known,
    );
    let credits = decision.credits.map_or("-".to_owned(), |c| c.to_string());
    assert_eq!(
        format!("{} {credits} {}", decision.outcome, decision.reason),
        expect,
        "{}",
        decision.explanation
    );
    decision
}

pub(crate) fn hour() -> Vec<Session> {
    vec![session("s", "a", 0, 50)]
}

#[test]
fn thresholds_and_missing_ends() {
    let r = rules();
    check(
        &r,
        hour(),
        &["in a 0", "out a 50"],
        "full 1 met_duration_threshold",
    );
    check(
        &r,
        hour(),
        &["in a 10", "out a 50"],
        "full 1 met_duration_threshold",
    );
    check(
        &r,
        hour(),
        &["in a 10.001", "out a 50"],
        "none 0 below_minimum",
    );
    check(&r, hour(), &[], "none 0 no_attendance");
    check(&r, hour(), &["in a 5"], "full 1 met_duration_threshold");
    check(&r, hour(), &["out a 45"], "none 0 missing_check_in");
    let none = RuleSet {
        missing_check_out: MissingCheckOut::None,
        ..rules()
    };
    check(&none, hour(), &["in a 5"], "none 0 missing_check_out");
    let review = RuleSet {
        missing_check_out: MissingCheckOut::Review,
        ..rules()
    };
    check(&review, hour(), &["in a 5"], "review - missing_check_out");
    // It could not change the outcome, so nobody needs to look.
    check(&review, hour(), &["in a 45"], "none 0 below_minimum");
    let last = RuleSet {
        missing_check_out: MissingCheckOut::LastSignal,
        ..rules()
    };
    check(
        &last,
        hour(),
        &["in a 5", "in a 49"],
        "full 1 met_duration_threshold",
    );
}

#[test]
fn partial_credit_below_the_threshold() {
    let actual = RuleSet {
        below_threshold: BelowThreshold::Actual,
        ..rules()
    };
    check(
        &actual,
        hour(),
        &["in a 0", "out a 30"],
        "partial 0.5 partial_credit",
    );
    check(
        &actual,
        hour(),
        &["in a 0", "out a 24"],
        "none 0 below_minimum",
    );
    check(
        &actual,
        hour(),
        &["in a 0", "out a 10", "in a 20", "out a 35"],
        "partial 0.5 partial_credit",
    );
}

#[test]
fn grace_is_inclusive_and_only_at_the_ends() {
    let full = RuleSet {
        threshold: Threshold::Full,
        grace_in_s: 300,
        grace_out_s: 120,
        ..rules()
    };
    check(
        &full,
        hour(),
        &["in a 5", "out a 48"],
        "full 1 met_duration_threshold",
    );
    check(
        &full,
        hour(),
        &["in a 5.001", "out a 48"],
        "none 0 below_minimum",
    );
    check(
        &full,
        hour(),
        &["in a 5", "out a 47.999"],
        "none 0 below_minimum",
    );
    check(
        &full,
        hour(),
        &["in a 0", "out a 20", "in a 21", "out a 50"],
        "none 0 below_minimum",
    );
    // Counted from the session's own beginning.
    let later = || vec![session("s", "a", 60, 110)];
    let met = "full 1 met_duration_threshold";
    check(&full, later(), &["in a 65", "out a 108"], met);
}

#[test]
fn the_clock_leaves_it_open_only_where_it_matters() {
    let r = rules();
    let open = check(
        &r,
        hour(),
        &["in a 9.5~10.5", "out a 50"],
        "review - clock_uncertain",
    );
    assert_eq!(
        (open.range.0.to_string(), open.range.1.to_string()),
        ("0".into(), "1".into())
    );
    check(
        &r,
        hour(),
        &["in a 4~5", "out a 49~51"],
        "full 1 met_duration_threshold",
    );
}

#[test]
fn rooms_repeats_and_toggles() {
    let r = rules();
    let two = || vec![session("s", "a", 0, 50), session("t", "b", 60, 110)];
    check(
        &r,
        two(),
        &["in a 0", "in b 55"],
        "full 2 met_duration_threshold",
    );
    check(
        &r,
        two(),
        &["in a 0", "in b 20"],
        "partial 1 partial_credit",
    );
    // In at one door of the room, out at another: rooms count, not doors. The stay spans two sessions of its room.
    let row = vec![session("s", "a", 0, 50), session("t", "a", 60, 110)];
    check(
        &r,
        row,
        &["in a 0", "out a 110"],
        "full 2 met_duration_threshold",
    );
    check(
        &r,
        hour(),
        &["in a 0", "out a 20", "out a 50"],
        "none 0 below_minimum",
    );
    let last = RuleSet {
        repeated_out: RepeatedOut::Last,
        ..rules()
    };
    check(
        &last,
        hour(),
        &["in a 0", "out a 20", "out a 50"],
        "full 1 met_duration_threshold",
    );
    check(
        &r,
        hour(),
        &["in? a 0", "out? a 50"],
        "review - insufficient_evidence",
    );
    // A missing end names the reason, and the scan that may have been the other way is for a person all the same.
    let plain = crate::rules::tests::plain();
    check(&plain, hour(), &["out a 25"], "none 0 missing_check_in");
    check(&plain, hour(), &["out? a 25"], "review - missing_check_in");
    check(
        &r,
        hour(),
        &["in a 0", "out a 50", "in? a 60"],
        "full 1 met_duration_threshold",
    );
}

#[test]
fn what_another_order_would_change_is_for_a_person() {
    let r = rules();
    let met = "full 1 met_duration_threshold";
    let unsure = "review - clock_uncertain";
    // Two doors of one room: out at one and in again at the other, and nobody knows which was first.
    let lines = ["in a 0 x", "out a 20~22 y", "in a 20~22 x", "out a 50 x"];
    check(&r, hour(), &lines, unsure);
    check(
        &r,
        hour(),
        &["in a 0 x", "out a 20~21 y", "in a 22~23 x", "out a 50 x"],
        met,
    );
    // To have been at the same instant is to have been in either order.
    check(
        &r,
        hour(),
        &["in a 0 x", "out a 20~21 y", "in a 21~22 x", "out a 50 x"],
        unsure,
    );
    // Even where it is all that two logs share.
    check(
        &r,
        hour(),
        &["in a 0 x", "out a 20~21 x", "in a 21~22 y", "out a 50 y"],
        unsure,
    );
    // The order of one log is certain, however wide its intervals.
    check(
        &r,
        hour(),
        &["in a 0", "out a 20~22", "in a 20~22", "out a 50"],
        met,
    );
    // What another door saw between times that are apart stays between them.
    let lines = [
        "in a 0 x",
        "seen a 1~3 y",
        "seen a 2~4 x",
        "out a 20~21 y",
        "in a 22~23 x",
        "out a 50 x",
    ];
    check(&r, hour(), &lines, met);
    // In two rooms, and nobody knows in which one first.
    let lines = ["in a 4~6 x", "in c 5~7 y"];
    check(&r, hour(), &lines, unsure);
    let apart = RuleSet {
        in_elsewhere: crate::rules::InElsewhere::Independent,
        ..rules()
    };
    check(&apart, hour(), &lines, met);
    // A log that contradicts itself has no order that could be certain.
    check(&r, hour(), &["in a 5~6", "seen a 3~4", "out a 50"], unsure);
}

#[test]
fn what_another_instant_would_change_is_for_a_person() {
    let r = rules();
    let row = || vec![session("s", "a", 0, 50), session("t", "a", 50, 100)];
    // Somebody who comes at the end of one session, or at the beginning of the next.
    let none = RuleSet {
        missing_check_out: MissingCheckOut::LastSignal,
        ..rules()
    };
    check(
        &none,
        row(),
        &["in a 49.9~50.1", "seen a 99"],
        "review - clock_uncertain",
    );
    check(
        &none,
        row(),
        &["in a 50~50.1", "seen a 99"],
        "partial 1 partial_credit",
    );
    // Where it makes no difference to what is earned, nobody needs to look; nor at what the order of a log rules out.
    check(
        &r,
        row(),
        &["in a 0", "out a 49.9~50.1"],
        "partial 1 partial_credit",
    );
    check(
        &r,
        row(),
        &["in a 0", "out a 49.9~50.1", "in a 49.9~50.1", "out a 100"],
        "full 2 met_duration_threshold",
    );
    // A door of two rooms, and a session that begins about then in the second.
    let rooms = || vec![session("s", "b", 10, 60)];
    check(
        &r,
        rooms(),
        &["in a/b 10~11", "out b 60"],
        "full 1 met_duration_threshold",
    );
    check(
        &r,
        rooms(),
        &["in a/b 9~11", "out b 60"],
        "review - missing_check_in",
    );
    // Two rooms in which something is on, and two scans that could each be of either.
    let both = || vec![session("s", "a", 0, 50), session("t", "b", 0, 100)];
    check(
        &r,
        both(),
        &["in a/b 1", "out a/b 49"],
        "review - insufficient_evidence",
    );
}

#[test]
fn a_day_of_too_many_orders_is_for_a_person() {
    // Seven doors that saw somebody in the same minute: five thousand orders, though nothing would come of any.
    let many: Vec<String> = (0..7).map(|log| format!("seen c 0~1 log-{log}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    check(&rules(), hour(), &many[..6], "none 0 no_attendance");
    check(&rules(), hour(), &many, "review - clock_uncertain");
}

#[test]
fn toggled_scans_are_read_together() {
    let twice = RuleSet {
        missing_check_out: MissingCheckOut::None,
        threshold: Threshold::Time { min_ms: 10 * MIN },
        ..rules()
    };
    // Read otherwise alone, neither would earn anything; both together would.
    let lines = ["out? a 10", "in? a 40"];
    check(&twice, hour(), &lines, "review - missing_check_in");
    // Too many to try, and nothing would come of any.
    let many: Vec<String> = (0..11).map(|at| format!("in? c {at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    check(&rules(), hour(), &many[..10], "none 0 no_attendance");
    check(&rules(), hour(), &many, "review - insufficient_evidence");
    // Nor are there too many directions in one order, nor too many orders: but orders and directions together are.
    let many: Vec<String> = (0..5).map(|log| format!("in? c 0~1 log-{log}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    check(&rules(), hour(), &many[..4], "none 0 no_attendance");
    check(&rules(), hour(), &many, "review - insufficient_evidence");
}

#[test]
fn grace_belongs_to_the_first_and_the_last_that_really_were() {
    let full = RuleSet {
        threshold: Threshold::Full,
        grace_in_s: 600,
        grace_out_s: 600,
        ..rules()
    };
    let met = "full 1 met_duration_threshold";
    check(&full, hour(), &["in a 5", "out a 45"], met);
    check(
        &full,
        hour(),
        &["in a 1", "out a 2", "in a 5", "out a 45"],
        "none 0 below_minimum",
    );
    check(
        &full,
        hour(),
        &["in a 5", "out a 45", "in a 48", "out a 49"],
        "none 0 below_minimum",
    );
    // Whether somebody was in for a moment before, and so came first then, is not known.
    let unsure = "review - clock_uncertain";
    let early = check(
        &full,
        hour(),
        &["in a 1~2", "out a 1~2", "in a 5", "out a 45"],
        unsure,
    );
    assert_eq!(
        (early.parts[0].least_ms, early.parts[0].most_ms),
        (45 * MIN, 50 * MIN)
    );
    let late = check(
        &full,
        hour(),
        &["in a 5", "out a 45", "in a 48~49", "out a 48~49"],
        unsure,
    );
    assert_eq!(
        (late.parts[0].least_ms, late.parts[0].most_ms),
        (45 * MIN, 50 * MIN)
    );
}

#[test]
fn registrations_bound_what_counts() {
    let r = rules();
    let all = signals(&["in a 0", "out a 50"]);
    let known = Known {
        now: UtcMs(100 * MIN),
        incomplete_doors: vec![],
    };
    let cases = [
        (None, Reason::NotRegistered),
        (
            Some(Registration {
                cancelled: true,
                ..registration()
            }),
            Reason::RegistrationCancelled,
        ),
        (
            Some(Registration {
                valid_from: Some(UtcMs(10 * MIN + 1)),
                ..registration()
            }),
            Reason::RegistrationCancelled,
        ),
        // What lies before it begins and after it ends is not counted, and what is left meets the threshold.
        (
            Some(Registration {
                valid_from: Some(UtcMs(5 * MIN)),
                valid_until: Some(UtcMs(45 * MIN)),
                ..registration()
            }),
            Reason::MetDurationThreshold,
        ),
        (Some(registration()), Reason::MetDurationThreshold),
    ];
    for (registration, reason) in cases {
        let evidence = Evidence {
            signals: &all,
            registration: registration.as_ref(),
        };
        assert_eq!(
            decide(&r, &programme(hour()), evidence, &known).reason,
            reason
        );
    }
}

#[test]
fn a_part_says_whether_its_threshold_is_met() {
    let plain = crate::rules::tests::plain();
    let met = check(
        &plain,
        hour(),
        &["in a 0", "out a 25"],
        "partial 0.5 partial_credit",
    );
    assert_eq!(met.parts[0].met, Some(true));
    // Not to have been there meets nothing, not even no threshold.
    let absent = check(&plain, hour(), &[], "none 0 no_attendance");
    assert_eq!(absent.parts[0].met, Some(false));
    let open = check(
        &rules(),
        hour(),
        &["in a 9.5~10.5", "out a 50"],
        "review - clock_uncertain",
    );
    assert_eq!(open.parts[0].met, None);
}

#[test]
fn ends_name_the_signals_behind_them() {
    let last = RuleSet {
        missing_check_out: MissingCheckOut::LastSignal,
        ..rules()
    };
    let met = "full 1 met_duration_threshold";
    for (rules, lines, behind) in [
        (&last, &["in a 5", "out a 50"][..], [Some(0), Some(1)]),
        (
            &last,
            &["in a 5", "seen a 9", "seen a 49"],
            [Some(0), Some(2)],
        ),
        (&self::rules(), &["in a 5", "seen a 9"], [Some(0), None]),
    ] {
        let decision = check(rules, hour(), lines, met);
        let stay = &decision.parts[0].stays[0];
        let index = |end: &End| end.signal().map(|signal| signal.index);
        assert_eq!([index(&stay.start), index(&stay.end)], behind, "{lines:?}");
    }
    assert_eq!(End::Missing.signal(), None);
}

#[test]
fn a_missing_check_in_is_looked_for_in_its_own_room_and_session() {
    let first = RuleSet {
        missing_check_in: MissingCheckIn::FirstSignal,
        ..rules()
    };
    let decision = check(
        &first,
        hour(),
        &["seen b 1", "seen a 5", "out a 50"],
        "full 1 met_duration_threshold",
    );
    assert_eq!(decision.parts[0].least_ms, 45 * MIN);
    // What begins meanwhile in another room, or later in this one, is not the session that was left.
    let start = RuleSet {
        missing_check_in: MissingCheckIn::SessionStart,
        ..rules()
    };
    let day = vec![
        session("s", "a", 0, 50),
        session("t", "b", 10, 60),
        session("u", "a", 60, 110),
    ];
    let decision = check(&start, day, &["out a 45"], "partial 1 partial_credit");
    let least: Vec<i64> = decision.parts.iter().map(|p| p.least_ms / MIN).collect();
    assert_eq!(least, [45, 0, 0]);
}

#[test]
fn scopes_round_sessions_or_their_sum() {
    let row = || vec![session("s", "a", 0, 50), session("t", "a", 60, 110)];
    let lines = ["in a 0", "out a 45", "in a 60", "out a 105"];
    let programme = crate::rules::tests::plain();
    check(&programme, row(), &lines, "partial 1.5 partial_credit");
    let each = RuleSet {
        scope: Scope::Session,
        ..programme
    };
    check(&each, row(), &lines, "partial 1 partial_credit");
}

#[test]
fn explanations_are_in_words() {
    for (ms, text) in [
        (-1, "0 s"),
        (59_999, "59 s"),
        (60_000, "1 min"),
        (90 * MIN - 1_000, "89 min 59 s"),
        (90 * MIN + 1_000, "90 min"),
    ] {
        assert_eq!(span_text(ms), text);
    }
    let row = vec![session("s", "a", 0, 50), session("t", "a", 60, 110)];
    let met = "full 2 met_duration_threshold";
    assert_eq!(
        check(&rules(), row, &["in a 0", "out a 110"], met).explanation,
        "Present 100 min of 100 min; 80 % of each session needed; 2 of 2 credits."
    );
}

#[test]
fn at_its_end_a_session_is_over() {
    let none = RuleSet {
        missing_check_out: MissingCheckOut::None,
        ..rules()
    };
    let all = signals(&["in a 0"]);
    let registration = registration();
    for (now, is_open, least_ms) in [(50 * MIN - 1, true, 50 * MIN - 1), (50 * MIN, false, 0)] {
        let known = Known {
            now: UtcMs(now),
            incomplete_doors: vec![],
        };
        let evidence = Evidence {
            signals: &all,
            registration: Some(&registration),
        };
        let decision = decide(&none, &programme(hour()), evidence, &known);
        assert_eq!(decision.parts[0].least_ms, least_ms);
        assert_eq!(
            (decision.is_open, decision.is_complete()),
            (is_open, !is_open)
        );
    }
}

#[test]
fn an_open_stay_counts_to_now() {
    let all = signals(&["in a 0"]);
    let known = Known {
        now: UtcMs(30 * MIN),
        incomplete_doors: vec![DoorId::new("d").unwrap()],
    };
    let registration = registration();
    let evidence = Evidence {
        signals: &all,
        registration: Some(&registration),
    };
    let decision = decide(&rules(), &programme(hour()), evidence, &known);
    assert!(decision.is_open && !decision.is_complete());
    assert_eq!(decision.parts[0].least_ms, 30 * MIN);
    assert_eq!(
        decision.explanation,
        "Present 30 min of 50 min; 80 % needed; 0 of 1 credits (below the threshold)."
    );
}

proptest! {
    /// Whatever the signals: no panic, least is at most most, neither exceeds the session, and order and duplicates of
    /// the input change nothing.
    #[test]
    fn total_and_independent_of_order(
        raw in proptest::collection::vec((0_i64..120, 0_i64..5, 0_u8..3, 0_u8..2, any::<bool>()), 0..24),
        seed in any::<u64>(),
    ) {
        let make = |(index, (at, width, direction, room, toggled)): (usize, &(i64, i64, u8, u8, bool))| {
            let at = Interval { earliest: UtcMs(at * MIN), latest: UtcMs((at + width) * MIN) };
            let direction = [Direction::In, Direction::Out, Direction::Seen][usize::from(*direction)];
            let mut signal = signal(u64::try_from(index).unwrap(), ["a", "b"][usize::from(*room)], direction, at);
            if *toggled { toggle(&mut signal); }
            signal
        };
        let ordered: Vec<Signal> = raw.iter().enumerate().map(make).collect();
        let mut shuffled = ordered.clone();
        shuffled.extend(ordered.iter().take(3).cloned());
        let turn = usize::try_from(seed % 24).unwrap();
        if !shuffled.is_empty() { let n = shuffled.len(); shuffled.rotate_left(turn % n); }
        let sessions = vec![session("s", "a", 0, 50), session("t", "b", 40, 110), session("u", "a", 60, 90)];
        let known = Known { now: UtcMs(200 * MIN), incomplete_doors: vec![] };
        let registration = registration();
        let decided = |signals: &[Signal]| {
            decide(&rules(), &programme(sessions.clone()), Evidence { signals, registration: Some(&registration) }, &known)
        };
        let decision = decided(&ordered);
        prop_assert_eq!(&decision, &decided(&shuffled));
        prop_assert!(decision.range.0 <= decision.range.1);
        for part in &decision.parts {
            prop_assert!(0 <= part.least_ms && part.least_ms <= part.most_ms && part.most_ms <= part.scheduled_ms);
        }
    }

    /// An oracle that walks the session second by second agrees on every exact day of whole seconds.
    #[test]
    fn a_walk_by_seconds_agrees(times in proptest::collection::btree_set(0_i64..4_000, 0..12)) {
        let lines: Vec<Signal> = times.iter().enumerate().map(|(i, s)| {
            let direction = if i % 2 == 0 { Direction::In } else { Direction::Out };
            signal(u64::try_from(i).unwrap(), "a", direction, Interval::exactly(UtcMs(s * 1_000)))
        }).collect();
        let known = Known { now: UtcMs(200 * MIN), incomplete_doors: vec![] };
        let registration = registration();
        let evidence = Evidence { signals: &lines, registration: Some(&registration) };
        let decision = decide(&rules(), &programme(hour()), evidence, &known);
        let list: Vec<i64> = times.iter().copied().collect();
        let inside = (0..3_000).filter(|second| {
            let passed = list.iter().filter(|at| **at <= *second).count();
            passed % 2 == 1
        }).count();
        // A last check-in at or after the end of the session has no session to end with.
        prop_assert_eq!(decision.parts[0].least_ms, i64::try_from(inside).unwrap() * 1_000);
    }
}
