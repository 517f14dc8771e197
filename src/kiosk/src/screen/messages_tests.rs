#![allow(clippy::unwrap_used, clippy::panic)]
use std::collections::BTreeSet;

use chrono_tz::Europe::Berlin;

use super::super::view::Minutes;
use super::*;

fn ids(language: Language) -> BTreeSet<String> {
    let resource = FluentResource::try_new(language.texts().to_owned())
        .unwrap_or_else(|(_, errors)| panic!("{language:?}: {errors:?}"));
    language
        .texts()
        .lines()
        .filter(|line| !line.starts_with([' ', '#', '*', '}']))
        .filter_map(|line| line.split_once(" = "))
        .map(|(id, _)| id.to_owned())
        .inspect(|_| assert!(resource.entries().count() > 0))
        .collect()
}

#[test]
fn every_language_has_every_key_and_no_other() {
    let used: BTreeSet<String> = Key::ALL.iter().map(|key| key.id().to_owned()).collect();
    assert_eq!(used.len(), Key::ALL.len(), "each key once");
    for language in Language::ALL {
        assert_eq!(ids(language), used, "{language:?}");
    }
}

#[test]
fn every_text_formats_without_a_gap() {
    let messages = Messages::load();
    let mut args = FluentArgs::new();
    for name in ["time", "code", "kiosk", "minutes", "total", "credits"] {
        args.set(name, "x");
    }
    for (language, bundle) in &messages.bundles {
        for key in Key::ALL {
            for (direction, count) in [("in", "one"), ("out", "other")] {
                args.set("direction", direction);
                args.set("count", count);
                let pattern = bundle.get_message(key.id()).unwrap().value().unwrap();
                let mut errors = Vec::new();
                let text = bundle.format_pattern(pattern, Some(&args), &mut errors);
                assert!(errors.is_empty(), "{language:?} {key:?}: {errors:?}");
                assert!(!text.trim().is_empty(), "{language:?} {key:?}");
                assert!(!text.chars().any(is_direction_mark), "{language:?} {key:?}");
            }
        }
    }
}

#[test]
fn short_words_are_short_enough() {
    let messages = Messages::load();
    for language in Language::ALL {
        for key in Key::ALL.iter().filter(|key| key.id().ends_with("-short")) {
            if *key == Key::AlreadySinceShort {
                continue;
            }
            let word = messages.text(language, *key);
            let letters = word.chars().filter(|c| c.is_alphabetic()).count();
            assert!((1..=6).contains(&letters), "{language:?} {key:?}: {word}");
        }
        for key in Key::ALL.iter().filter(|key| key.id().ends_with("-brief")) {
            let line = messages.text(language, *key);
            assert!(line.chars().count() <= 14, "{language:?} {key:?}: {line}");
        }
    }
}

#[test]
fn each_state_has_its_own_word() {
    let messages = Messages::load();
    for language in Language::ALL {
        for short in [false, true] {
            let mut words = BTreeSet::new();
            let mut faces: Vec<Face> = Verdict::ALL.iter().copied().map(face).collect();
            faces.push(Face::NotSetUp);
            faces.push(Face::Time(TimeAnswer::Set { at_ms: 0 }));
            faces.push(Face::Time(TimeAnswer::Old));
            faces.push(Face::Time(TimeAnswer::NotOurs));
            faces.push(Face::Time(TimeAnswer::Unreadable));
            faces.push(Face::Failure { code: "E1".into() });
            for face in faces {
                let word = messages.word(language, &face, short);
                assert!(words.insert(word.clone()), "{language:?} {word} twice");
            }
        }
    }
}

#[test]
fn the_language_is_the_attendees_then_the_events() {
    use Language::{English as En, German as De};
    let check = |wanted, event: &[Language], expected| {
        assert_eq!(
            Language::choose(wanted, event),
            expected,
            "{wanted:?} {event:?}"
        );
    };
    check(Some("de"), &[En], De);
    check(Some("de-CH"), &[En], De);
    check(Some("fr-CA"), &[En], Language::French);
    check(Some("es-419"), &[En], Language::Spanish);
    check(Some("ja"), &[De, En], De);
    check(Some("not a tag"), &[De], De);
    check(None, &[De], De);
    check(Some("ja"), &[], En);
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        Language::of_event(&tags(&["pt", "de", "en", "de-AT"])),
        [De, En]
    );
    assert_eq!(Language::of_event(&tags(&["pt"])), [En]);
}

fn face(verdict: Verdict) -> Face {
    Face::Result(answer(verdict))
}

fn answer(verdict: Verdict) -> Answer {
    Answer {
        verdict,
        direction: Direction::In,
        since_ms: None,
        name: None,
        provisional: None,
        language: None,
        short_code: None,
    }
}

fn check(language: Language, answer: Answer, expected: &str) {
    let locale = Locale {
        language,
        time_zone: Berlin,
    };
    let line = Messages::load().line(locale, &Face::Result(answer), "Main door");
    assert_eq!(line, expected);
}

#[test]
fn french_and_spanish_say_it_too() {
    use Language::{French as Fr, Spanish as Es};
    let told = |credits: &str| Answer {
        provisional: Some(Provisional {
            minutes: Some(Minutes {
                present: 48,
                of: 50,
            }),
            credit: Credit::OnTrack(credits.parse().unwrap()),
        }),
        ..answer(Verdict::CheckedOut)
    };
    check(
        Fr,
        told("1"),
        "Sortie OK. 48 min sur 50 jusqu\u{2019}ici, 1,0 crédit en vue.",
    );
    check(
        Fr,
        told("1.5"),
        "Sortie OK. 48 min sur 50 jusqu\u{2019}ici, 1,5 crédit en vue.",
    );
    check(
        Fr,
        told("2"),
        "Sortie OK. 48 min sur 50 jusqu\u{2019}ici, 2,0 crédits en vue.",
    );
    check(
        Es,
        told("1"),
        "Salida OK. Lleva 48 de 50 min, 1,0 crédito en camino.",
    );
    check(
        Es,
        told("1.5"),
        "Salida OK. Lleva 48 de 50 min, 1,5 créditos en camino.",
    );
    check(
        Es,
        answer(Verdict::UnknownBadge),
        "A recepción. Tarjeta desconocida. Acuda a recepción.",
    );
}

#[test]
fn the_line_says_it_all() {
    use Language::{English as En, German as De};
    let ada = |verdict| Answer {
        name: Some("Ada".into()),
        ..answer(verdict)
    };
    let of = |credits: &str| -> Decimal { credits.parse().unwrap() };
    let told = |present: Option<u32>, credit| Answer {
        provisional: Some(Provisional {
            minutes: present.map(|present| Minutes { present, of: 50 }),
            credit,
        }),
        ..ada(Verdict::CheckedOut)
    };
    check(En, answer(Verdict::CheckedIn), "Checked in.");
    for (present, credit, english, german) in [
        (
            Some(48),
            Credit::OnTrack(of("1")),
            "48 of 50 min so far, on track for 1.0 credit.",
            "Bisher 48 von 50 min, 1,0 Punkt in Sicht.",
        ),
        (
            Some(48),
            Credit::OnTrack(of("1.50")),
            "48 of 50 min so far, on track for 1.5 credits.",
            "Bisher 48 von 50 min, 1,5 Punkte in Sicht.",
        ),
        (
            None,
            Credit::OnTrack(of("0.25")),
            "On track for 0.25 credits.",
            "0,25 Punkte in Sicht.",
        ),
        (
            Some(50),
            Credit::SoFar(of("1")),
            "50 of 50 min so far, 1.0 credit earned so far.",
            "Bisher 50 von 50 min, 1,0 Punkt erreicht.",
        ),
        (
            Some(50),
            Credit::Capped(of("2")),
            "50 of 50 min so far, 2.0 credits, the limit.",
            "Bisher 50 von 50 min, 2,0 Punkte, mehr geht nicht.",
        ),
        (
            Some(0),
            Credit::NotYet,
            "0 of 50 min so far, no credit yet.",
            "Bisher 0 von 50 min, noch kein Punkt.",
        ),
        (
            Some(20),
            Credit::None,
            "20 of 50 min so far, no credit this time.",
            "Bisher 20 von 50 min, diesmal kein Punkt.",
        ),
        (
            None,
            Credit::OutOfReach,
            "Too little left for credit.",
            "Rest zu kurz für Punkte.",
        ),
        (
            Some(20),
            Credit::Person,
            "20 of 50 min so far, a person will look at it.",
            "Bisher 20 von 50 min, jemand sieht es sich an.",
        ),
        (
            Some(20),
            Credit::Unsaid,
            "20 of 50 min so far.",
            "Bisher 20 von 50 min.",
        ),
    ] {
        check(
            En,
            told(present, credit),
            &format!("Checked out: Ada. {english}"),
        );
        check(
            De,
            told(present, credit),
            &format!("Ausgecheckt: Ada. {german}"),
        );
    }
    check(En, told(None, Credit::Unsaid), "Checked out: Ada.");
    // 2026-05-04 08:02 UTC is 10:02 in Berlin.
    let repeat = |direction| Answer {
        since_ms: Some(1_777_881_720_000),
        direction,
        ..answer(Verdict::Repeat)
    };
    check(En, repeat(Direction::In), "Already in since 10:02.");
    check(De, repeat(Direction::Out), "Schon draußen seit 10:02.");
    let coded = |verdict| Answer {
        short_code: Some("7QK4".into()),
        ..ada(verdict)
    };
    check(
        En,
        coded(Verdict::UnknownBadge),
        "See staff. Badge not known. Please see staff. 7QK4 · Main door.",
    );
    check(
        En,
        coded(Verdict::NoSession),
        "No session. Nothing is on now. 7QK4 · Main door.",
    );
}

#[test]
fn names_are_bounded_and_cannot_turn_the_text_around() {
    let named_as = |name: &str| {
        named(&Answer {
            name: Some(name.into()),
            ..answer(Verdict::CheckedIn)
        })
    };
    assert_eq!(named_as("A\u{202e}da\n"), Some("Ada".into()));
    assert_eq!(named_as(" \t"), None);
    // The joiner between these letters belongs to the name.
    assert_eq!(named_as("क्\u{200d}ष"), Some("क्\u{200d}ष".into()));
    assert_eq!(named_as(&"x".repeat(500)).unwrap().chars().count(), 80);
}
