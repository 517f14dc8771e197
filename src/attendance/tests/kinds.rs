//! Every kind of signal and every reason, on both sides of what turns it. Days are written as lines, minutes from the hour.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use attendance::agenda::{
    Accommodation, FieldShare, Grant, LocalDay, Programme, Registration, Session, Window,
};
use attendance::rules::{
    BelowThreshold, CreditSource, Denial, FieldRounding, MissingCheckIn, MissingCheckOut, Overlap,
    PlatformAlone, PollShort, Polls, RepeatedOut, RuleSet, Scope, Speakers, Threshold, Windows,
};
use attendance::time::Quality;
use attendance::words::{
    AttendeeId, Direction, DirectionSource, Kind, ProgrammeId, RoomId, SessionId, Signal, SignalId,
    Source, Tick,
};
use attendance::{Decimal, Decision, Evidence, Interval, Known, Reason, Term, UtcMs, decide};

const MIN: i64 = 60_000;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn at(minutes: &str) -> UtcMs {
    UtcMs(decimal(minutes).millionths() * 60 / 1_000)
}

fn window(text: &str) -> Window {
    let (from, to) = text.split_once('-').unwrap();
    Window::new(at(from), at(to)).unwrap()
}

/// `s1 a 0-50`: id, room, minutes.
fn session(text: &str) -> Session {
    let words: Vec<&str> = text.split(' ').collect();
    Session::plain(
        SessionId::new(words[0]).unwrap(),
        RoomId::new(words[1]).unwrap(),
        window(words[2]),
    )
}

/// `in a 0`, `join a 0 laptop`, `leave @s1 50 laptop`, `beat @s1 1 laptop`, `poll @s1 5 p1`, `confirmed s1`, `denied s1 other-log`, `claim a 0`,
/// `app a 0`. A range `5~6` is an interval; `in! a 5~6 300` was stamped when the door's clock read 300 s.
fn signal((index, line): (usize, &&str)) -> Signal {
    let words: Vec<&str> = line.split(' ').collect();
    let last = words.get(3).copied();
    let crossing = |direction, source| Kind::Crossing { direction, source };
    let way = words[0].trim_end_matches(['?', '!']);
    let told = if words[0].ends_with('?') {
        DirectionSource::Toggled
    } else {
        DirectionSource::Reader
    };
    let (source, kind) = match way {
        "join" => (Source::Platform, crossing(Direction::In, told)),
        "leave" => (Source::Platform, crossing(Direction::Out, told)),
        "app" => (Source::App, crossing(Direction::In, told)),
        "claim" => (Source::Claim, crossing(Direction::In, told)),
        "beat" => (Source::Platform, Kind::Heartbeat),
        "poll" => (
            Source::Platform,
            Kind::Poll {
                poll: last.unwrap().into(),
            },
        ),
        "confirmed" => (Source::Person, Kind::Confirmed),
        "denied" => (Source::Person, Kind::Denied),
        "attested" => (Source::Claim, Kind::Attested),
        way => (Source::Scan, crossing(way.parse().unwrap(), told)),
    };
    let is_word = matches!(way, "confirmed" | "denied" | "attested");
    let session = words[1].strip_prefix('@').or(is_word.then_some(words[1]));
    let time = if is_word { "0" } else { words[2] };
    let (from, to) = time.split_once('~').unwrap_or((time, time));
    let is_ticking = words[0].ends_with('!');
    let log = if is_word { words.get(2).copied() } else { None };
    Signal {
        id: SignalId {
            log: log
                .unwrap_or(if is_ticking { "door" } else { "log" })
                .into(),
            index: u64::try_from(index).unwrap(),
            row: (source != Source::Scan).then_some(0),
        },
        source,
        kind,
        rooms: session
            .map_or(&words[1..2], |_| &[])
            .iter()
            .map(|room| RoomId::new(room).unwrap())
            .collect(),
        session: session.map(|id| SessionId::new(id).unwrap()),
        device: (source == Source::Platform && way != "poll").then(|| last.unwrap_or("").into()),
        at: Interval {
            earliest: at(from),
            latest: at(to),
        },
        quality: Quality::Anchored,
        tick: is_ticking.then(|| Tick {
            log: "door".into(),
            segment: 0,
            raw_ms: last.unwrap().parse::<u64>().unwrap() * 1_000,
        }),
    }
}

/// 50 minutes a credit in tenths; missing ends to a person.
fn rules() -> RuleSet {
    RuleSet::plain("00".repeat(32), "r".into(), 50 * MIN, decimal("0.1"))
}

struct Day {
    rules: RuleSet,
    programme: Programme,
    registration: Option<Registration>,
}

fn day(rules: RuleSet, sessions: Vec<Session>) -> Day {
    Day {
        rules,
        programme: Programme {
            id: ProgrammeId::new("p").unwrap(),
            title: "P".into(),
            sessions,
            part_of: BTreeMap::new(),
        },
        registration: Some(Registration::always(AttendeeId::new("a-1").unwrap())),
    }
}

impl Day {
    fn decide(&self, lines: &[&str]) -> Decision {
        let signals: Vec<Signal> = lines.iter().enumerate().map(signal).collect();
        let evidence = Evidence {
            signals: &signals,
            registration: self.registration.as_ref(),
        };
        let known = Known {
            now: UtcMs(10_000 * MIN),
            incomplete_doors: vec![],
        };
        decide(&self.rules, &self.programme, evidence, &known)
    }

    /// `outcome credits reason`, the credits a range under review.
    #[track_caller]
    fn check(&self, lines: &[&str], expect: &str) -> Decision {
        let decision = self.decide(lines);
        let credits = match (decision.credits, decision.range) {
            (Some(credits), _) => credits.to_string(),
            (None, (least, most)) => format!("{least}..{most}"),
        };
        let came = format!("{} {credits} {}", decision.outcome, decision.reason);
        assert_eq!(came, expect, "{}", decision.explanation);
        decision
    }
}

fn granted(day: Day, grant: Grant) -> Day {
    let registration = day.registration.map(|registration| Registration {
        accommodations: vec![Accommodation {
            session: None,
            grant,
        }],
        ..registration
    });
    Day {
        registration,
        ..day
    }
}

const MET: &str = "full 1 met_duration_threshold";

fn hour() -> Vec<Session> {
    vec![session("s1 a 0-50")]
}

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

fn polled(per_credit: &str, short: PollShort) -> RuleSet {
    RuleSet {
        polls: Polls {
            per_credit: decimal(per_credit),
            min_share: Decimal::ZERO,
            short,
        },
        ..rules()
    }
}

#[test]
fn polls_are_asked_of_those_whom_a_platform_alone_shows() {
    let there = ["join @s1 0 x", "leave @s1 50 x"];
    let with = |polls: &[&'static str]| [&there[..], polls].concat();
    let (one, two) = ("poll @s1 5 p1", "poll @s1 30 p2");
    let three = "poll @s1 45 p3";
    let strict = day(polled("3", PollShort::None), hour());
    let met = strict.check(&with(&[one, two, three]), MET);
    assert_eq!(
        met.explanation,
        "Present 50 min of 50 min, by platform; 3 polls answered, 3 needed; 1 of 1 credits."
    );
    // The same poll twice is one answer.
    strict.check(&with(&[one, two, two]), "none 0 insufficient_engagement");
    let reduced = day(polled("3", PollShort::Reduce), hour());
    reduced.check(&with(&[one, two]), "partial 0.6 insufficient_engagement");
    let reviewed = day(polled("3", PollShort::Review), hour());
    reviewed.check(&with(&[one, two]), "review 0..1 insufficient_engagement");
    reviewed.check(&with(&[one, two, three]), MET);
    // Whoever was in the room is judged by the room.
    strict.check(&["in a 0", "out a 50"], MET);
    // A share of what was offered.
    let offered = Session {
        polls_offered: Some(4),
        ..session("s1 a 0-50")
    };
    let share = RuleSet {
        polls: Polls {
            per_credit: Decimal::ZERO,
            min_share: decimal("0.75"),
            short: PollShort::None,
        },
        ..rules()
    };
    let share = day(share, vec![offered]);
    share.check(&with(&[one, two]), "none 0 insufficient_engagement");
    share.check(&with(&[one, two, three]), MET);
}

#[test]
fn of_each_session_it_counts_how_it_was_attended() {
    // One session in the room, one at a screen: polls are asked of the second alone.
    let sessions = vec![session("s1 a 0-50"), session("s2 a 60-110")];
    let day = day(polled("3", PollShort::None), sessions);
    let lines = ["in a 0", "out a 50", "join @s2 60 x", "leave @s2 110 x"];
    day.check(&lines, "partial 1 insufficient_engagement");
    let polls = ["poll @s2 61 p1", "poll @s2 62 p2", "poll @s2 63 p3"];
    day.check(
        &[&lines[..], &polls].concat(),
        "full 2 met_duration_threshold",
    );
}

#[test]
fn a_platforms_report_alone_may_not_be_enough() {
    let there = ["join @s1 0 x", "leave @s1 50 x"];
    let bare = |policy| RuleSet {
        platform_alone: policy,
        ..rules()
    };
    day(bare(PlatformAlone::Counts), hour()).check(&there, MET);
    let none = day(bare(PlatformAlone::None), hour());
    let refused = none.check(&there, "none 0 insufficient_evidence");
    assert!(
        refused
            .explanation
            .ends_with("(a platform's report alone does not count).")
    );
    none.check(&[&there[..], &["poll @s1 5 p1"]].concat(), MET);
    day(bare(PlatformAlone::Review), hour()).check(&there, "review 0..1 insufficient_evidence");
}

#[test]
fn only_sources_that_a_rule_set_names_count() {
    let scans = RuleSet {
        sources: vec![Source::Scan],
        ..rules()
    };
    let day = day(scans, hour());
    let there = ["join @s1 0 x", "leave @s1 50 x"];
    let refused = day.check(&there, "none 0 insufficient_evidence");
    assert!(
        refused
            .explanation
            .ends_with("(what else was seen does not count).")
    );
    assert_eq!(refused.evidence.len(), 2);
    day.check(
        &["in a 0", "out a 50", "join @s1 10 x", "leave @s1 20 x"],
        MET,
    );
    // A claim is kept, and is no presence under any rule set.
    for lines in [&["claim a 0", "attested s1"][..], &["attested s1"]] {
        let claimed = self::day(rules(), hour()).check(lines, "none 0 no_attendance");
        assert_eq!(claimed.evidence.len(), lines.len());
    }
}

#[test]
fn what_people_say_of_a_session() {
    let day = |denial| {
        let rules = RuleSet { denial, ..rules() };
        self::day(rules, hour())
    };
    let (in_room, out) = ("in a 0", "out a 50");
    let overrides = day(Denial::Overrides);
    let confirmed = overrides.check(&["in a 30", "confirmed s1"], MET);
    assert_eq!(
        confirmed.explanation,
        "Present 50 min of 50 min; confirmed by staff; 1 of 1 credits."
    );
    overrides.check(&[in_room, out, "denied s1"], "none 0 manual_override");
    // The denial changed nothing.
    overrides.check(&["denied s1"], "none 0 no_attendance");
    // Of one log the last word counts.
    overrides.check(&[in_room, out, "denied s1", "confirmed s1"], MET);
    overrides.check(&["confirmed s1", "denied s1"], "none 0 no_attendance");
    // Words of two logs have no order.
    overrides.check(
        &["confirmed s1", "denied s1 other"],
        "review 0..1 conflicting_signals",
    );
    let review = day(Denial::Review);
    review.check(
        &[in_room, out, "denied s1"],
        "review 0..1 conflicting_signals",
    );
    review.check(&["denied s1"], "none 0 no_attendance");
}

#[test]
fn thresholds_floors_and_values() {
    let half = RuleSet {
        threshold: Threshold::Share(decimal("0.5")),
        ..rules()
    };
    let kind = |text, kind: &str| Session {
        kind: kind.into(),
        ..session(text)
    };
    let floor = RuleSet {
        floor_credits: [("meeting".into(), decimal("1"))].into(),
        ..half.clone()
    };
    let meeting = || vec![kind("s1 a 0-40", "meeting")];
    day(floor.clone(), meeting()).check(&["in a 0", "out a 1"], "full 1 met_duration_threshold");
    day(floor, hour()).check(&["in a 0", "out a 1"], "none 0 below_minimum");
    let value = RuleSet {
        credit_source: CreditSource::Value,
        ..half
    };
    let stated = Session {
        credit_value: Some(decimal("2.5")),
        ..session("s1 a 0-50")
    };
    let stated = day(value.clone(), vec![stated]);
    stated.check(&["in a 0", "out a 25"], "full 2.5 met_duration_threshold");
    stated.check(&["in a 0", "out a 24.999"], "none 0 below_minimum");
    day(value, hour()).check(&["in a 0", "out a 25"], MET);
}

#[test]
fn short_segments_are_summed_before_they_are_rounded() {
    let each = RuleSet {
        scope: Scope::Session,
        step: decimal("1"),
        ..rules()
    };
    let summed = RuleSet {
        short_segment_under_ms: 50 * MIN,
        ..each.clone()
    };
    let five = || (0..5).map(|n| session(&format!("s{n} a {}-{}", n * 30, n * 30 + 30)));
    let lines = ["in a 0", "out a 150"];
    day(each, five().collect()).check(&lines, "none 0 below_minimum");
    day(summed, five().collect()).check(&lines, "full 3 met_duration_threshold");
}

fn in_field(text: &str, fields: &[(&str, u32)]) -> Session {
    Session {
        fields: fields
            .iter()
            .map(|(field, weight)| FieldShare {
                field: (*field).into(),
                weight: *weight,
            })
            .collect(),
        ..session(text)
    }
}

fn by_field(decision: &Decision) -> String {
    let each = decision.fields.iter();
    let each = each.map(|field| format!("{} {}", field.field, field.credits));
    each.collect::<Vec<_>>().join(", ")
}

#[test]
fn credits_are_dealt_out_to_fields() {
    let fifths = RuleSet {
        step: decimal("0.5"),
        ..rules()
    };
    let sessions = || {
        vec![
            in_field("s1 a 0-50", &[("tax", 2), ("ethics", 1)]),
            in_field("s2 a 60-90", &[("tax", 1)]),
        ]
    };
    let lines = ["in a 0", "out a 90"];
    let dealt = day(fifths.clone(), sessions()).check(&lines, "full 1.5 met_duration_threshold");
    assert_eq!(by_field(&dealt), "ethics 0.5, tax 1");
    let each = RuleSet {
        field_rounding: FieldRounding::PerField,
        ..fifths
    };
    let dealt = day(each, sessions()).check(&lines, "full 1 met_duration_threshold");
    assert_eq!(by_field(&dealt), "tax 1");
    // A session that names no field belongs to none.
    let sessions = vec![in_field("s1 a 0-50", &[("tax", 1)]), session("s2 a 60-110")];
    let dealt =
        day(rules(), sessions).check(&["in a 0", "out a 110"], "full 2 met_duration_threshold");
    assert_eq!(by_field(&dealt), " 1, tax 1");
}

#[test]
fn who_gets_the_last_step_may_be_the_clocks_matter() {
    let whole = RuleSet {
        step: decimal("1"),
        ..rules()
    };
    let sessions = || {
        vec![
            in_field("s1 a 0-30", &[("tax", 1)]),
            in_field("s2 a 40-70", &[("ethics", 1)]),
        ]
    };
    let day = day(whole, sessions());
    let surely = day.check(
        &["in a 0", "out a 25~25.1", "in a 40", "out a 65.2"],
        "full 1 met_duration_threshold",
    );
    assert_eq!(by_field(&surely), "ethics 1");
    // The least of both times and the most of both give it to the same one; times in between do not.
    day.check(
        &["in a 0", "out a 25~25.1", "in a 40", "out a 65.05~65.15"],
        "review 1..1 clock_uncertain",
    );
}

#[test]
fn caps_take_off_what_was_earned_last() {
    let on = |day: &str, session: Session| Session {
        day: Some(LocalDay(day.into())),
        ..session
    };
    let sessions = || {
        vec![
            on("1", in_field("s1 a 0-50", &[("tax", 1)])),
            on("1", in_field("s2 a 60-110", &[("ethics", 1)])),
            on("2", in_field("s3 a 120-170", &[("tax", 1)])),
        ]
    };
    let lines = ["in a 0", "out a 170"];
    let capped = |field: Option<&str>, day_cap: Option<&str>, programme: Option<&str>| {
        let mut rules = rules();
        rules.caps.fields = field
            .map(|cap| ("tax".into(), decimal(cap)))
            .into_iter()
            .collect();
        rules.caps.day = day_cap.map(decimal);
        rules.caps.programme = programme.map(decimal);
        day(rules, sessions()).decide(&lines)
    };
    for (field, day, programme, credits, fields) in [
        (None, None, Some("3"), "3", "ethics 1, tax 2"),
        (None, None, Some("2.5"), "2.5", "ethics 1, tax 1.5"),
        (Some("1"), None, None, "2", "ethics 1, tax 1"),
        (None, Some("1.5"), None, "2.5", "ethics 1, tax 1.5"),
        (Some("1"), Some("1.5"), Some("1"), "1", "ethics 1"),
    ] {
        let decision = capped(field, day, programme);
        assert_eq!(
            decision.credits,
            Some(decimal(credits)),
            "{}",
            decision.explanation
        );
        assert_eq!(by_field(&decision), fields, "{}", decision.explanation);
        let is_capped = credits != "3";
        assert_eq!(decision.reason == Reason::CapReached, is_capped);
        assert_eq!(decision.explanation.contains("capped, 3 before"), is_capped);
    }
}

#[test]
fn speakers_earn_by_their_own_rule() {
    let speakers = |needs_presence| RuleSet {
        speakers: Some(Speakers {
            factor: decimal("2"),
            needs_presence,
        }),
        ..rules()
    };
    let speaking = |rules| {
        let mut day = day(rules, hour());
        let registration = day.registration.as_mut().unwrap();
        registration.speaks = vec![SessionId::new("s1").unwrap()];
        day
    };
    let there = ["in a 0", "out a 10"];
    speaking(speakers(true)).check(&there, "full 2 met_duration_threshold");
    speaking(speakers(true)).check(&[], "none 0 no_attendance");
    speaking(speakers(false)).check(&[], "full 2 met_duration_threshold");
    speaking(speakers(false)).check(&["denied s1"], "none 0 manual_override");
    speaking(rules()).check(&there, "partial 0.2 partial_credit");
    day(speakers(true), hour()).check(&there, "partial 0.2 partial_credit");
}

#[test]
fn accommodations_show_nowhere() {
    let late = ["in a 10", "out a 50"];
    let extra = granted(day(rules(), hour()), Grant::Extra(10 * MIN));
    let decision = extra.check(&late, MET);
    let same = day(rules(), hour()).check(&["in a 0", "out a 50"], MET);
    assert_eq!(decision.explanation, same.explanation);
    extra.check(&["in a 10.001", "out a 50"], "partial 0.9 partial_credit");
    extra.check(&[], "none 0 no_attendance");
    let whole = granted(day(rules(), hour()), Grant::Whole);
    assert_eq!(whole.check(&[], MET).explanation, same.explanation);
    let cancelled = Day {
        registration: whole.registration.clone().map(|registration| Registration {
            cancelled: true,
            ..registration
        }),
        ..whole
    };
    cancelled.check(&[], "none 0 registration_cancelled");
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

#[test]
fn nobody_is_registered_or_missing_unnoticed() {
    let nobody = Day {
        registration: None,
        ..day(rules(), hour())
    };
    nobody.check(&["in a 0", "out a 50"], "none 0 not_registered");
    nobody.check(&[], "none 0 not_registered");
    day(rules(), hour()).check(&["in a 0"], "review 0..1 missing_check_out");
    day(rules(), hour()).check(&["in a 0", "out a 4.9~5"], "review 0..0.1 clock_uncertain");
}

#[test]
fn confidence_says_its_terms() {
    let scan = day(rules(), hour());
    for (lines, per_cent, terms) in [
        (&["in a 0", "out a 50"][..], 100, &[][..]),
        (
            &["join @s1 0 x", "leave @s1 50 x"],
            90,
            &[(Term::Source, -10)],
        ),
        (
            &["in a 0", "out a 50", "join @s1 0 x", "leave @s1 50 x"],
            100,
            &[(Term::Corroborated, 10)],
        ),
        (&["in a 0"], 80, &[(Term::Inferred, -20)]),
        (&["in? a 0", "out a 50"], 90, &[(Term::Direction, -10)]),
        (
            &["in a 0", "confirmed s1"],
            100,
            &[(Term::Corroborated, 10)],
        ),
        (&[], 100, &[]),
    ] {
        let confidence = scan.decide(lines).confidence;
        assert_eq!(confidence.per_cent, per_cent, "{lines:?}");
        assert_eq!(confidence.terms, terms, "{lines:?}");
    }
}

#[test]
fn what_is_below_a_threshold_may_count_as_it_is() {
    let actual = RuleSet {
        threshold: Threshold::Full,
        below_threshold: BelowThreshold::Actual,
        ..rules()
    };
    day(actual, hour()).check(&["in a 0", "out a 49"], "partial 0.9 partial_credit");
}
