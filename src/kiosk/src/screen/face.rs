//! A face as the page draws it.
//!
//! The page chooses nothing: word, lines, colour, icon, sound and language come from here, as one JSON
//! object per change. The page only decides what fits, and falls back to the short word where the long one
//! does not.

use attendance::words::{Direction, Verdict};
use chrono_tz::Tz;
use serde::Serialize;

use super::messages::{Key, Language, Locale, Messages, named};
use super::view::{Answer, Face, StaffAnswer, TimeAnswer};

/// What all faces of a kiosk share.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// The kiosk's or door's name, shown where staff need it.
    pub kiosk: &'a str,
    /// The event's languages, never empty; a resting face shows them in turn.
    pub languages: &'a [Language],
    /// The event's time zone.
    pub time_zone: Tz,
    /// Whether the screen is so small that words are short and minutes left out.
    pub compact: bool,
}

/// A face in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Its language.
    pub lang: &'static str,
    /// Its direction, `ltr` or `rtl`.
    pub dir: &'static str,
    /// The state's word.
    pub word: String,
    /// The word where that one does not fit.
    pub short: String,
    /// The lines under it, the important first.
    pub lines: Vec<String>,
    /// All of it in one line, for screen readers.
    pub say: String,
}

/// A face ready to draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Painted {
    /// `idle`, `not_set_up`, `failure` or the verdict's word.
    pub state: &'static str,
    /// The colours, one of [`super::look::TONES`].
    pub tone: &'static str,
    /// The icon's name.
    pub icon: &'static str,
    /// The sound, if it has one.
    pub sound: Option<&'static str>,
    /// How long it stays; `None` for a resting face.
    pub hold_ms: Option<u64>,
    /// Whether the clock runs on it.
    pub clock: bool,
    /// The attendee's name.
    pub name: Option<String>,
    /// The language to draw the name in: it decides between Chinese, Japanese and Korean forms.
    pub name_lang: Option<String>,
    /// The face in one language, or in each of the event's.
    pub turns: Vec<Turn>,
}

/// Puts a face into the words and marks of this place.
#[must_use]
pub fn paint(messages: &Messages, place: &Place<'_>, face: &Face) -> Painted {
    let (tone, icon, sound) = marks(face);
    let (state, answer) = match face {
        Face::NotSetUp => ("not_set_up", None),
        Face::Idle { .. } => ("idle", None),
        Face::Failure { .. } => ("failure", None),
        Face::Time(answer) => (answer.code(), None),
        Face::Staff(answer) => (answer.code(), None),
        Face::Result(answer) => (answer.verdict.as_str(), Some(answer)),
    };
    let languages = match answer {
        Some(answer) => vec![Language::choose(
            answer.language.as_deref(),
            place.languages,
        )],
        None => place.languages.to_vec(),
    };
    Painted {
        state,
        tone,
        icon,
        sound,
        hold_ms: face.hold_ms(),
        clock: matches!(face, Face::Idle { clock_ok: true, .. }),
        name: answer.and_then(named),
        name_lang: answer.and_then(|answer| answer.language.clone()),
        turns: languages
            .into_iter()
            .map(|language| turn(messages, place, face, language))
            .collect(),
    }
}

pub(crate) fn marks(face: &Face) -> (&'static str, &'static str, Option<&'static str>) {
    match face {
        Face::NotSetUp => ("setup", "setup", None),
        Face::Idle { .. } => ("ready", "hold", None),
        Face::Failure { .. } => ("failure", "failure", None),
        Face::Time(TimeAnswer::Set { .. }) => ("setup", "clock", Some("neutral")),
        Face::Time(TimeAnswer::Old) => ("attention", "clock-old", Some("attention")),
        Face::Time(TimeAnswer::NotOurs) => ("attention", "clock-wrong", Some("attention")),
        Face::Time(TimeAnswer::Unreadable) => ("attention", "unread", Some("attention")),
        Face::Staff(StaffAnswer::In) => ("setup", "staff-in", Some("neutral")),
        Face::Staff(StaffAnswer::Out) => ("setup", "staff-out", Some("neutral")),
        Face::Staff(StaffAnswer::Either) => ("setup", "staff-either", Some("neutral")),
        Face::Staff(StaffAnswer::ScanBadge) => ("setup", "staff-scan", Some("neutral")),
        Face::Staff(StaffAnswer::TakenBack) => ("setup", "staff-back", Some("neutral")),
        Face::Staff(StaffAnswer::NothingToTakeBack) => {
            ("attention", "staff-nothing", Some("attention"))
        }
        Face::Staff(StaffAnswer::Refused) => ("attention", "staff-refused", Some("attention")),
        Face::Result(answer) => match (answer.verdict, answer.direction) {
            (Verdict::CheckedIn, _) => ("in", "in", Some("entry")),
            (Verdict::CheckedOut, _) => ("out", "out", Some("exit")),
            (Verdict::Repeat, Direction::Out) => ("out", "repeat", Some("neutral")),
            (Verdict::Repeat, _) => ("in", "repeat", Some("neutral")),
            (Verdict::UnknownBadge, _) => ("attention", "unknown", Some("attention")),
            (Verdict::RevokedBadge, _) => ("attention", "revoked", Some("attention")),
            (Verdict::NotRegistered, _) => ("attention", "unlisted", Some("attention")),
            (Verdict::NoSession, _) => ("attention", "pause", Some("attention")),
        },
    }
}

fn turn(messages: &Messages, place: &Place<'_>, face: &Face, language: Language) -> Turn {
    let locale = Locale {
        language,
        time_zone: place.time_zone,
    };
    let short = messages.word(language, face, true);
    let long = messages.word(language, face, false);
    let text = |key| messages.text(language, key);
    let lines = match face {
        Face::NotSetUp if place.compact => vec![text(Key::ScanClaimBrief)],
        Face::NotSetUp => vec![text(Key::ScanClaim)],
        Face::Idle { .. } if place.compact => vec![text(Key::HoldBadgeBrief)],
        Face::Idle { .. } => vec![text(Key::HoldBadge)],
        Face::Failure { code } => vec![
            text(if place.compact {
                Key::OtherDoorBrief
            } else {
                Key::OtherDoor
            }),
            messages.code(language, code, place.kiosk),
        ],
        Face::Time(answer) => vec![messages.time(locale, *answer, place.compact)],
        Face::Staff(answer) => vec![messages.staff(language, *answer, place.compact)],
        Face::Result(answer) => answer_lines(messages, place, locale, answer, &long),
    };
    Turn {
        lang: language.tag(),
        dir: language.dir(),
        word: if place.compact { short.clone() } else { long },
        short,
        lines,
        say: messages.line(locale, face, place.kiosk),
    }
}

fn answer_lines(
    messages: &Messages,
    place: &Place<'_>,
    locale: Locale,
    answer: &Answer,
    long_word: &str,
) -> Vec<String> {
    let language = locale.language;
    let code = || {
        let code = answer.short_code.as_deref();
        code.map(|code| messages.code(language, code, place.kiosk))
    };
    let text = |key| Some(messages.text(language, key));
    let lines = match answer.verdict {
        // The short word is only half the message, so the long one follows.
        Verdict::CheckedIn | Verdict::CheckedOut if place.compact => {
            vec![Some(long_word.to_owned())]
        }
        Verdict::CheckedIn | Verdict::CheckedOut => {
            let provisional = answer.provisional.as_ref();
            vec![
                provisional.and_then(|p| messages.minutes(language, p)),
                provisional.and_then(|p| messages.credits(language, p)),
            ]
        }
        Verdict::Repeat => vec![messages.since(locale, answer, place.compact)],
        Verdict::UnknownBadge if place.compact => vec![text(Key::UnknownBadgeReasonBrief), code()],
        Verdict::NoSession if place.compact => vec![text(Key::NoSessionReasonBrief), code()],
        Verdict::UnknownBadge => vec![text(Key::UnknownBadgeReason), code()],
        Verdict::NoSession => vec![text(Key::NoSessionReason), code()],
        Verdict::RevokedBadge | Verdict::NotRegistered => {
            vec![text(Key::SeeStaff), code()]
        }
    };
    lines.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use chrono_tz::Europe::Berlin;

    use super::super::look::TONES;
    use super::super::view::{Credit, Minutes, Provisional};
    use super::*;

    const TIMES: [TimeAnswer; 4] = [
        TimeAnswer::Set {
            at_ms: 1_777_881_720_000,
        },
        TimeAnswer::Old,
        TimeAnswer::NotOurs,
        TimeAnswer::Unreadable,
    ];
    const PLACE: Place<'static> = Place {
        kiosk: "Main door",
        languages: &[Language::German, Language::English],
        time_zone: Berlin,
        compact: false,
    };

    fn answer(verdict: Verdict) -> Answer {
        Answer {
            verdict,
            direction: Direction::In,
            since_ms: Some(1_777_881_720_000),
            name: Some("Ada".into()),
            provisional: Some(Provisional {
                minutes: Some(Minutes {
                    present: 42,
                    of: 90,
                }),
                credit: Credit::OnTrack("1.5".parse().unwrap()),
            }),
            language: Some("en-GB".into()),
            short_code: Some("7QK4".into()),
        }
    }

    fn painted(place: &Place<'_>, face: &Face) -> Painted {
        paint(&Messages::load(), place, face)
    }

    #[test]
    fn a_result_speaks_the_attendees_language_and_rest_speaks_all() {
        let result = painted(&PLACE, &Face::Result(answer(Verdict::CheckedIn)));
        let langs = |painted: &Painted| painted.turns.iter().map(|t| t.lang).collect::<Vec<_>>();
        assert_eq!(langs(&result), ["en"]);
        assert_eq!(
            result.turns[0].lines,
            ["42 of 90 min so far", "on track for 1.5 credits"]
        );
        assert_eq!((result.tone, result.sound), ("in", Some("entry")));
        let idle = Face::Idle {
            direction: Some(Direction::In),
            clock_ok: true,
        };
        assert_eq!(langs(&painted(&PLACE, &idle)), ["de", "en"]);
        assert!(painted(&PLACE, &idle).clock);
    }

    #[test]
    fn a_small_screen_gets_short_words_and_no_minutes() {
        let small = Place {
            compact: true,
            ..PLACE
        };
        let result = painted(&small, &Face::Result(answer(Verdict::CheckedIn)));
        assert_eq!(result.turns[0].word, "IN");
        assert_eq!(result.turns[0].lines, ["Checked in"]);
        let repeat = painted(&small, &Face::Result(answer(Verdict::Repeat)));
        assert_eq!(repeat.turns[0].lines, ["in since 10:02"]);
    }

    #[test]
    fn attention_shows_no_person() {
        for verdict in Verdict::ALL {
            let result = painted(&PLACE, &Face::Result(answer(*verdict)));
            let json = serde_json::to_string(&result).unwrap();
            assert_eq!(json.contains("Ada"), result.tone != "attention", "{json}");
            assert_eq!(
                json.contains("7QK4 · Main door"),
                result.tone == "attention",
                "{json}"
            );
        }
    }

    #[test]
    fn no_two_states_look_the_same_without_colour() {
        let mut icons = BTreeSet::new();
        let mut faces: Vec<Face> = Verdict::ALL
            .iter()
            .map(|v| Face::Result(answer(*v)))
            .collect();
        faces.extend(TIMES.map(Face::Time));
        faces.extend(StaffAnswer::ALL.iter().copied().map(Face::Staff));
        faces.extend([Face::NotSetUp, Face::Failure { code: "E1".into() }]);
        for face in faces {
            let painted = painted(&PLACE, &face);
            assert!(icons.insert(painted.icon), "{}", painted.icon);
            assert!(TONES.iter().any(|(name, ..)| *name == painted.tone));
            let page = include_str!("assets/screen.html");
            let symbol = format!("id=\"icon-{}\"", painted.icon);
            assert!(page.contains(&symbol), "{symbol}");
        }
    }
}
