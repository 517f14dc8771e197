//! Tables of cases: what a rule set makes of a day, so that anybody can hold the engine against a table of their own.
//!
//! Contract: one JSON object a line, at most [`MAX_LINE_BYTES`]; empty lines and lines that begin with `#` are stepped over. Every line is
//! read whole or refused by name; an unknown key is an error. What comes back is what [`attendance::decide`] says, word for word, in the
//! form of a decision's object (FORMAT.md, section 11) without attendee and basis.
//!
//! | key | value |
//! |---|---|
//! | `case` | text, its name |
//! | `rules` | text, a rule set's file, from the folder of the cases; left out where one was named for all |
//! | `special` | text, a file of a jurisdiction's special rules, merged with the rule set |
//! | `sessions` | list of (`id`, `room` ids, `start`, `end` times, `title` text?, `actual_start`, `actual_end` times?, `credit_value` decimal text?, `kind` text?, `parts`, `excluded` lists of lists of start and end times?, `fields` object of weights by field?, `day` text?, `polls_offered` int?) |
//! | `part_of` | object: of a room that is a part of another, the other |
//! | `signals` | list of signals, see below |
//! | `registration` | `"none"`, or (`valid_from`, `valid_until` times?, `cancelled` true?, `speaks` list of session ids?, `accommodations` list of (`session` id?, `whole` true or `extra_min` decimal text)?); left out, it holds always |
//! | `now` | time; left out, a day after everything |
//! | `incomplete_doors` | list of doors whose entries are not all held |
//! | `expect` | what should come out, as far as it is named: `outcome`, `credits` (decimal text, or `"least..most"` where they differ), `reason`, `explanation`, `present_ms` (of each session's id an int, or a list of least and most), `graced_ms` (ints by session), `fields` (decimal texts by field, all of them), `polls` (a list of answered and needed), `confidence` (int) |
//!
//! A signal has `at`, a time or a list of earliest and latest, and one of these keys, which say what it is and where:
//!
//! | key | what |
//! |---|---|
//! | `in`, `out`, `seen` | a crossing of a place; with `toggled` true its direction was inferred |
//! | `beat` | a heartbeat at a place; with `until` (time) and `every_s` (int) one after the other up to then |
//! | `answer` | a poll, by the id that the key names, answered at the place that `of` names |
//! | `confirmed`, `denied`, `attested` | a person's word on the session of that id |
//!
//! A place is a room's id, a list of them, or `{"session": id}`. Besides, each optional: `source` (`scan`, `app`, `platform`, `person`,
//! `claim`; left out, `person` for a word, `platform` where there is a `device` or a session is named, else `scan`), `device` text, `log`
//! text and `row` int, `quality` word (`anchored` where left out), `raw_ms` int and `segment` int of the clock that stamped it. Signals of one
//! `log` without `row` happened in their order, others in any that their times allow.
//!
//! A time is RFC 3339 with any offset and any number of decimals, `2027-03-14T09:50:00+01:00`, or a time of day alone, `09:50` or
//! `09:50:30.5`, which is one of 1 January 2001 in UTC.

mod text;

#[cfg(test)]
mod tests;

use attendance::agenda::{Programme, Registration};
use attendance::rules::RuleSet;
use attendance::words::{AttendeeId, DoorId, SessionId, Signal};
use attendance::{Decimal, Decision, Evidence, Known, Outcome, Reason, UtcMs, decide};
use protocol::decision::{ConfidenceDoc, DecisionDoc, EngagementDoc, FieldDoc, PartDoc, SignalRef};
use serde::Serialize;

pub use text::read;

/// The most bytes of a case.
pub const MAX_LINE_BYTES: usize = 256 * 1_024;
/// The most signals that heartbeats of a case expand to.
pub const MAX_SIGNALS: usize = 100_000;
/// Who attends a case, and what for.
const NOBODY: &str = "somebody";

/// Why a line is no case.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// It is longer than [`MAX_LINE_BYTES`].
    #[error("the case has more than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// It is not JSON of that form.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// A value says nothing.
    #[error("{place}: {message}")]
    Value {
        /// Where in the case.
        place: String,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// What should come out of a case, as far as it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    outcome: Option<Outcome>,
    credits: Option<(Decimal, Decimal)>,
    reason: Option<Reason>,
    explanation: Option<String>,
    present_ms: Vec<(SessionId, i64, i64)>,
    graced_ms: Vec<(SessionId, i64)>,
    fields: Option<Vec<(String, Decimal)>>,
    polls: Option<(u32, u32)>,
    confidence: Option<u8>,
}

/// A day of one person.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The file of its rule set, where it names one.
    pub rules: Option<String>,
    /// The file of a jurisdiction's special rules, where it names one.
    pub special: Option<String>,
    /// What should come out.
    pub expected: Expected,
    programme: Programme,
    registration: Option<Registration>,
    signals: Vec<Signal>,
    now: UtcMs,
    incomplete_doors: Vec<DoorId>,
}

/// What a rule set makes of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The case's name.
    pub case: String,
    /// The rule set's name.
    pub rules: String,
    /// The engine that decided.
    pub engine: &'static str,
    /// What it comes to.
    pub outcome: String,
    /// The credits; null under review.
    pub credits: Option<String>,
    /// The credits of the least time present.
    pub least_credits: String,
    /// The credits of the most time present.
    pub most_credits: String,
    /// The credits of complete attendance.
    pub full_credits: String,
    /// Why.
    pub reason: String,
    /// Why, in one line.
    pub explanation: String,
    /// The credits by field of study.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldDoc>,
    /// The polls answered and asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engagement: Option<EngagementDoc>,
    /// How far the evidence carries.
    pub confidence: Option<ConfidenceDoc>,
    /// Whether every session had ended.
    pub complete: bool,
    /// Session by session.
    pub parts: Vec<PartDoc>,
    /// The signals it rests on.
    pub evidence: Vec<SignalRef>,
}

impl Case {
    /// What a rule set makes of it, and in what it is not what was expected.
    pub fn decide(&self, rules: &RuleSet) -> (Answer, Vec<String>) {
        let known = Known {
            now: self.now,
            incomplete_doors: self.incomplete_doors.clone(),
        };
        let evidence = Evidence {
            signals: &self.signals,
            registration: self.registration.as_ref(),
        };
        let decision = decide(rules, &self.programme, evidence, &known);
        let differences = self.expected.differences(&decision);
        (self.answer(rules, &decision), differences)
    }

    fn answer(&self, rules: &RuleSet, decision: &Decision) -> Answer {
        let programme = &self.programme.id;
        let somebody = AttendeeId::new(NOBODY).expect("a word of small letters is an id");
        let doc = DecisionDoc::new(&somebody, programme, "", decision);
        Answer {
            case: self.name.clone(),
            rules: rules.name.clone(),
            engine: decision.engine,
            outcome: doc.outcome.to_string(),
            credits: doc.credits.map(|credits| credits.to_string()),
            least_credits: doc.least_credits.to_string(),
            most_credits: doc.most_credits.to_string(),
            full_credits: doc.full_credits.to_string(),
            reason: doc.reason.to_string(),
            explanation: doc.explanation,
            fields: doc.fields,
            engagement: doc.engagement,
            confidence: doc.confidence,
            complete: doc.complete,
            parts: doc.parts,
            evidence: doc.evidence,
        }
    }
}

impl Expected {
    /// Whether anything is expected at all.
    pub fn says_something(&self) -> bool {
        *self != Self::default()
    }

    fn differences(&self, decision: &Decision) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, expected: Option<String>, came: String| {
            if let Some(expected) = expected.filter(|expected| *expected != came) {
                found.push(format!("{what}: expected {expected}, came {came}"));
            }
        };
        let range = |(least, most): (Decimal, Decimal)| {
            if least == most {
                least.to_string()
            } else {
                format!("{least}..{most}")
            }
        };
        compare(
            "outcome",
            self.outcome.map(|outcome| outcome.to_string()),
            decision.outcome.to_string(),
        );
        compare("credits", self.credits.map(range), range(decision.range));
        compare(
            "reason",
            self.reason.map(|reason| reason.to_string()),
            decision.reason.to_string(),
        );
        compare(
            "explanation",
            self.explanation.as_ref().map(|text| format!("{text:?}")),
            format!("{:?}", decision.explanation),
        );
        for (session, least, most) in &self.present_ms {
            let part = decision.parts.iter().find(|part| part.session == *session);
            let came = part.map_or((0, 0), |part| (part.least_ms, part.most_ms));
            let text = |(least, most)| {
                if least == most {
                    format!("{least} ms")
                } else {
                    format!("{least} to {most} ms")
                }
            };
            let what = format!("present in {session}");
            compare(&what, Some(text((*least, *most))), text(came));
        }
        for (session, ms) in &self.graced_ms {
            let part = decision.parts.iter().find(|part| part.session == *session);
            let came = part.map_or(0, |part| part.graced_ms);
            let what = format!("grace in {session}");
            compare(&what, Some(format!("{ms} ms")), format!("{came} ms"));
        }
        let came: Vec<(String, Decimal)> = decision
            .fields
            .iter()
            .map(|field| (field.field.to_string(), field.credits))
            .collect();
        compare(
            "fields",
            self.fields.as_ref().map(|f| by_field(f)),
            by_field(&came),
        );
        let came = decision
            .engagement
            .map(|polls| (polls.answered, polls.needed));
        let polls = |(answered, needed): (u32, u32)| format!("{answered} of {needed}");
        let none = || "none asked for".to_owned();
        compare(
            "polls",
            self.polls.map(polls),
            came.map_or_else(none, polls),
        );
        compare(
            "confidence",
            self.confidence.map(|per_cent| per_cent.to_string()),
            decision.confidence.per_cent.to_string(),
        );
        found
    }
}

fn by_field(fields: &[(String, Decimal)]) -> String {
    let each = fields
        .iter()
        .map(|(field, credits)| format!("{field} {credits}"));
    each.collect::<Vec<_>>().join(", ")
}
