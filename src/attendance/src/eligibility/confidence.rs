//! Confidence: how far the evidence of what counts carries.
//!
//! Contract: 100 and these terms, held between 0 and 100; an integer that anybody can add up, which no credit depends on.
//! Only sessions of which some time may count have a say; sessions that were denied have none.
//!
//! | term | points | where |
//! |---|---|---|
//! | `source` | -10 | a session is shown by other applications or platforms alone |
//! | `inferred` | -20 | an end of a stay was inferred |
//! | `direction` | -10 | the direction of a signal that is an end was inferred |
//! | `time` | -5, -10, -20, -40 | the worst quality of an end's time is `kernel`, `time_code` or `reported`, `bounded`, `contradictory` |
//! | `corroborated` | +10 | two kinds of sources show one session, a confirmation being one |
//! | `doors` | -10 | entries of a door were not all held |

use super::minutes::{FilledEnd, Minutes};
use super::{Confidence, Known, Term, Word};
use crate::time::Quality;
use crate::words::{Signal, Source};

const SOURCE: i8 = -10;
const INFERRED: i8 = -20;
const DIRECTION: i8 = -10;
const CORROBORATED: i8 = 10;
const DOORS: i8 = -10;

/// How far the evidence of what counts carries.
pub(crate) fn confidence(all: &[Minutes<'_>], known: &Known) -> Confidence {
    let mut is_weak = false;
    let mut is_corroborated = false;
    let mut ends: Vec<FilledEnd<'_>> = Vec::new();
    for minutes in all.iter().filter(|m| m.most_ms > 0 && !m.is_denied) {
        let is_confirmed = minutes.word == Some(Word::Confirmed);
        let mut sources: Vec<Source> = minutes.stays.iter().map(|stay| stay.source).collect();
        if is_confirmed {
            sources.push(Source::Person);
        }
        sources.sort_unstable();
        sources.dedup();
        let says_less = |source: &Source| matches!(source, Source::App | Source::Platform);
        is_weak |= !sources.is_empty() && sources.iter().all(says_less);
        is_corroborated |= sources.len() > 1;
        // Who confirms a session answers for it, whatever else was seen.
        if !is_confirmed {
            ends.extend(minutes.stays.iter().flat_map(|stay| [stay.start, stay.end]));
        }
    }
    let is_toggled = |end: &FilledEnd<'_>| end.signal.is_some_and(Signal::is_toggled);
    let time = |end: &FilledEnd<'_>| end.signal.map_or(0, |signal| time_points(signal.quality));
    let all_terms = [
        (Term::Source, if is_weak { SOURCE } else { 0 }),
        (
            Term::Inferred,
            if ends.iter().any(|end| end.policy.is_some()) {
                INFERRED
            } else {
                0
            },
        ),
        (
            Term::Direction,
            if ends.iter().any(is_toggled) {
                DIRECTION
            } else {
                0
            },
        ),
        (Term::Time, ends.iter().map(time).min().unwrap_or(0)),
        (
            Term::Corroborated,
            if is_corroborated { CORROBORATED } else { 0 },
        ),
        (
            Term::Doors,
            if known.incomplete_doors.is_empty() {
                0
            } else {
                DOORS
            },
        ),
    ];
    let terms: Vec<(Term, i8)> = all_terms
        .into_iter()
        .filter(|(_, points)| *points != 0)
        .collect();
    let sum = terms
        .iter()
        .fold(100_i16, |sum, (_, points)| sum + i16::from(*points));
    Confidence {
        per_cent: u8::try_from(sum.clamp(0, 100)).unwrap_or(0),
        terms,
    }
}

fn time_points(quality: Quality) -> i8 {
    match quality {
        Quality::Anchored => 0,
        Quality::Kernel => -5,
        Quality::TimeCode | Quality::Reported => -10,
        Quality::Bounded => -20,
        Quality::Contradictory => -40,
    }
}
