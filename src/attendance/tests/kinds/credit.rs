//! What presence of every kind earns, and why it does not.

use super::*;

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
    // What they have without any presence is asked for a poll as well where a platform alone saw them, also in no valid time.
    let mut seen = speaking(RuleSet {
        platform_alone: PlatformAlone::Review,
        ..speakers(false)
    });
    let online = ["join a 0 phone", "leave a 50 phone"];
    let asked = "review 0..2 insufficient_evidence";
    seen.check(&online, asked);
    let registration = seen.registration.as_mut().unwrap();
    (registration.valid_from, registration.valid_until) = (Some(at("20")), Some(at("10")));
    seen.check(&online, asked);
    seen.check(&[], "full 2 met_duration_threshold");
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
fn confidence_says_how_well_the_worst_end_was_timed() {
    let day = day(rules(), hour());
    for (quality, per_cent, points) in [
        (Quality::Anchored, 100, None),
        (Quality::Kernel, 95, Some(-5)),
        (Quality::TimeCode, 90, Some(-10)),
        (Quality::Reported, 90, Some(-10)),
        (Quality::Bounded, 80, Some(-20)),
        (Quality::Contradictory, 60, Some(-40)),
    ] {
        for worst in 0..2 {
            let mut signals: Vec<Signal> = ["in a 0", "out a 50"]
                .iter()
                .enumerate()
                .map(signal)
                .collect();
            signals[worst].quality = quality;
            let confidence = day.decide_knowing(&signals, &[]).confidence;
            let terms: Vec<_> = points
                .map(|points| (Term::Time, points))
                .into_iter()
                .collect();
            assert_eq!(
                (confidence.per_cent, confidence.terms),
                (per_cent, terms),
                "{quality:?}"
            );
            // Every cause has its term, and their sum is held at nothing.
            signals[worst].quality = Quality::Contradictory;
            let confidence = day.decide_knowing(&signals, &["back"]).confidence;
            assert_eq!(confidence.per_cent, 50);
            assert_eq!(confidence.terms, [(Term::Time, -40), (Term::Doors, -10)]);
        }
    }
}

#[test]
fn what_does_not_count_has_no_say_in_confidence() {
    let unsure = ["in? a 0", "out a 50"];
    let with = |more: &'static str| [&unsure[..], &[more]].concat();
    let review = RuleSet {
        denial: Denial::Review,
        ..rules()
    };
    let mut cancelled = day(rules(), hour());
    cancelled.registration.as_mut().unwrap().cancelled = true;
    for (day, lines) in [
        (day(rules(), hour()), with("denied s1")),
        (day(review, hour()), with("denied s1")),
        (cancelled, unsure.to_vec()),
        // Who confirms a session answers for its ends.
        (
            day(rules(), hour()),
            vec!["in? a 0", "app a 1", "confirmed s1"],
        ),
    ] {
        let terms = day.decide(&lines).confidence.terms;
        let is_less = terms.iter().any(|(_, points)| *points < 0);
        assert!(!is_less, "{lines:?} {terms:?}");
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
