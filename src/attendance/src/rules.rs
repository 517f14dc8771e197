//! A rule set as values. Its text form, with errors that name the line, is `protocol`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Decimal;
use crate::words::{Source, words};

words! {
    /// Which window of a session counts.
    Windows, "window choice" {
        /// The agenda's.
        Scheduled = "scheduled",
        /// The real one where staff stated it, else the agenda's.
        Actual = "actual",
    }
}

words! {
    /// What a met threshold awards.
    MetAwards, "award" {
        /// The session's scheduled minutes.
        Scheduled = "scheduled",
        /// The minutes present.
        Actual = "actual",
    }
}

words! {
    /// What a missed threshold leaves.
    BelowThreshold, "award below the threshold" {
        /// Nothing.
        None = "none",
        /// The minutes present.
        Actual = "actual",
    }
}

words! {
    /// How credits meet the grid of the step.
    Rounding, "rounding" {
        /// To the step below.
        Down = "down",
        /// To the nearest step, ties up.
        Nearest = "nearest",
    }
}

words! {
    /// What is rounded.
    Scope, "scope" {
        /// The sum of the programme, once.
        Programme = "programme",
        /// Each session by itself.
        Session = "session",
    }
}

words! {
    /// What a stay without a check-out ends with.
    MissingCheckOut, "missing check-out policy" {
        /// The end of the session.
        SessionEnd = "session_end",
        /// The attendee's last signal in that room within the session.
        LastSignal = "last_signal",
        /// The stay counts nothing.
        None = "none",
        /// A reviewer decides, where it matters.
        Review = "review",
    }
}

words! {
    /// What a check-out without a check-in begins with.
    MissingCheckIn, "missing check-in policy" {
        /// The start of the session.
        SessionStart = "session_start",
        /// The attendee's first signal in that room within the session.
        FirstSignal = "first_signal",
        /// The stay counts nothing.
        None = "none",
        /// A reviewer decides, where it matters.
        Review = "review",
    }
}

words! {
    /// Which of repeated check-outs ends the stay.
    RepeatedOut, "repeated check-out policy" {
        /// The first.
        First = "first",
        /// The last.
        Last = "last",
    }
}

words! {
    /// What a check-in elsewhere does to an open stay.
    InElsewhere, "check-in elsewhere policy" {
        /// Ends it there, as an inferred end.
        ClosesPrevious = "closes_previous",
        /// Nothing.
        Independent = "independent",
    }
}

words! {
    /// How often time counts that belongs to several sessions.
    Overlap, "overlap policy" {
        /// For each of them.
        CountEach = "count_each",
        /// For the one that starts first, then by id.
        CountOnce = "count_once",
    }
}

words! {
    /// What a session earns.
    CreditSource, "credit source" {
        /// Credits by the minutes that count.
        Minutes = "minutes",
        /// Its stated value once its threshold is met; by minutes, where it states none.
        Value = "value",
    }
}

words! {
    /// How credits are dealt out to fields of study.
    FieldRounding, "field rounding" {
        /// The rounded total, in steps, by largest remainder.
        LargestRemainder = "largest_remainder",
        /// Each field is rounded by itself, and the total is their sum.
        PerField = "per_field",
    }
}

words! {
    /// What too few answered polls do to what a platform alone shows.
    PollShort, "policy for too few polls" {
        /// It earns nothing.
        None = "none",
        /// A reviewer decides, where it matters.
        Review = "review",
        /// It earns what the answered polls are enough for.
        Reduce = "reduce",
    }
}

words! {
    /// What a platform shows alone, without a single poll answered.
    PlatformAlone, "policy for a platform alone" {
        /// It counts.
        Counts = "counts",
        /// It earns nothing.
        None = "none",
        /// A reviewer decides, where it matters.
        Review = "review",
    }
}

words! {
    /// What a person's denial does.
    Denial, "denial policy" {
        /// The session counts nothing, whatever other signals say.
        Overrides = "overrides",
        /// A reviewer decides, where it matters.
        Review = "review",
    }
}

/// The most that is awarded, after rounding. In their order: each takes off what the ones before left too much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Of each field of study named here.
    pub fields: BTreeMap<Arc<str>, Decimal>,
    /// Of sessions that start on one local day.
    pub day: Option<Decimal>,
    /// Of the programme.
    pub programme: Option<Decimal>,
}

impl Caps {
    /// Whether some are of fields or of days, so that what they take off depends on how credits are dealt out.
    pub(crate) fn are_of_cells(&self) -> bool {
        !self.fields.is_empty() || self.day.is_some()
    }
}

/// What is asked of those whom only a platform shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polls {
    /// So many distinct answers for each credit; zero asks for none.
    pub per_credit: Decimal,
    /// This share of the polls offered; zero asks for none.
    pub min_share: Decimal,
    /// What too few do.
    pub short: PollShort,
}

/// What speakers earn at the sessions at which they speak, where that is more than attending earns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speakers {
    /// The scheduled minutes, or the stated value, times this.
    pub factor: Decimal,
    /// Whether they must have been seen at the session.
    pub needs_presence: bool,
}

/// When a session counts as attended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// Always.
    None,
    /// From this share of the scheduled time on, from 0 to 1.
    Share(Decimal),
    /// From this much time on.
    Time {
        /// The time in milliseconds.
        min_ms: i64,
    },
    /// Only the whole of it.
    Full,
}

impl Threshold {
    /// Whether presence meets it; presence equal to the threshold does.
    pub fn is_met(self, present_ms: i64, scheduled_ms: i64) -> bool {
        match self {
            Self::None => true,
            Self::Share(share) => {
                i128::from(present_ms) * i128::from(crate::decimal::SCALE)
                    >= i128::from(scheduled_ms) * i128::from(share.millionths())
            }
            Self::Time { min_ms } => present_ms >= min_ms,
            Self::Full => present_ms >= scheduled_ms,
        }
    }
}

/// How presence becomes credit. Named by the hash of the text it was read from, never edited once adopted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSet {
    /// Lower hex SHA-256 of its text.
    pub hash: String,
    /// A short name for people.
    pub name: String,
    /// The time one credit takes, in milliseconds; at least 1.
    pub credit_unit_ms: i64,
    /// When a session counts.
    pub threshold: Threshold,
    /// Lateness forgiven at the start, in seconds.
    pub grace_in_s: u32,
    /// Earliness forgiven at the end, in seconds.
    pub grace_out_s: u32,
    /// The grid of credits; above zero.
    pub step: Decimal,
    /// How credits meet the grid.
    pub rounding: Rounding,
    /// What is rounded.
    pub scope: Scope,
    /// A unit below this, before rounding, earns nothing.
    pub first_award_min: Decimal,
    /// What a met threshold awards.
    pub met_awards: MetAwards,
    /// What a missed threshold leaves.
    pub below_threshold: BelowThreshold,
    /// Which window counts.
    pub windows: Windows,
    /// What a missing check-out means.
    pub missing_check_out: MissingCheckOut,
    /// What a missing check-in means.
    pub missing_check_in: MissingCheckIn,
    /// Which of repeated check-outs counts.
    pub repeated_out: RepeatedOut,
    /// What a check-in elsewhere means.
    pub in_elsewhere: InElsewhere,
    /// The sources whose signals count, in the order of [`Source`], each once. A claim never shows presence.
    pub sources: Vec<Source>,
    /// Heartbeats of one device at most this far apart are presence between them, in seconds.
    pub heartbeat_max_gap_s: u32,
    /// Sessions of these kinds count nothing, and their time is taken off the other sessions of their room.
    pub excluded_kinds: Vec<Arc<str>>,
    /// How often the time of overlapping sessions counts.
    pub overlap: Overlap,
    /// What a session earns.
    pub credit_source: CreditSource,
    /// By kind of session, what attending it at all earns at least.
    pub floor_credits: BTreeMap<Arc<str>, Decimal>,
    /// With [`Scope::Session`], sessions of less scheduled time than this form one unit, in milliseconds; none where zero.
    pub short_segment_under_ms: i64,
    /// How credits are dealt out to fields of study.
    pub field_rounding: FieldRounding,
    /// The most that is awarded.
    pub caps: Caps,
    /// What is asked of those whom only a platform shows.
    pub polls: Polls,
    /// What a platform shows alone, without a single poll answered.
    pub platform_alone: PlatformAlone,
    /// What a person's denial does.
    pub denial: Denial,
    /// What speakers earn; like everybody, where nothing is said.
    pub speakers: Option<Speakers>,
}

/// The sources that count where a rule set names none: all that can show presence.
pub const ALL_SOURCES: [Source; 4] = [Source::Scan, Source::App, Source::Platform, Source::Person];

impl RuleSet {
    /// Whether answers to polls have a say.
    pub(crate) fn asks_polls(&self) -> bool {
        let polls = &self.polls;
        let asks = |what: Decimal| !what.is_zero();
        asks(polls.per_credit)
            || asks(polls.min_share)
            || self.platform_alone != PlatformAlone::Counts
    }

    /// A rule set of which only the unit and the grid are said; everything else as a rule text that leaves it out.
    pub fn plain(hash: String, name: String, credit_unit_ms: i64, step: Decimal) -> Self {
        Self {
            hash,
            name,
            credit_unit_ms,
            threshold: Threshold::None,
            grace_in_s: 0,
            grace_out_s: 0,
            step,
            rounding: Rounding::Down,
            scope: Scope::Programme,
            first_award_min: Decimal::ZERO,
            met_awards: MetAwards::Actual,
            below_threshold: BelowThreshold::None,
            windows: Windows::Scheduled,
            missing_check_out: MissingCheckOut::Review,
            missing_check_in: MissingCheckIn::Review,
            repeated_out: RepeatedOut::First,
            in_elsewhere: InElsewhere::ClosesPrevious,
            sources: ALL_SOURCES.to_vec(),
            heartbeat_max_gap_s: 0,
            excluded_kinds: Vec::new(),
            overlap: Overlap::CountEach,
            credit_source: CreditSource::Minutes,
            floor_credits: BTreeMap::new(),
            short_segment_under_ms: 0,
            field_rounding: FieldRounding::LargestRemainder,
            caps: Caps::default(),
            polls: Polls {
                per_credit: Decimal::ZERO,
                min_share: Decimal::ZERO,
                short: PollShort::None,
            },
            platform_alone: PlatformAlone::Counts,
            denial: Denial::Overrides,
            speakers: None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub(crate) fn plain() -> RuleSet {
        RuleSet {
            missing_check_out: MissingCheckOut::SessionEnd,
            missing_check_in: MissingCheckIn::None,
            ..RuleSet::plain(
                "00".repeat(32),
                "plain".into(),
                50 * 60_000,
                "0.5".parse().unwrap(),
            )
        }
    }

    #[test]
    fn thresholds_include_their_bound() {
        let eighty = Threshold::Share("0.8".parse().unwrap());
        assert!(eighty.is_met(2_400_000, 3_000_000));
        assert!(!eighty.is_met(2_399_999, 3_000_000));
        assert!(Threshold::Full.is_met(5, 5) && !Threshold::Full.is_met(4, 5));
        assert!(
            Threshold::Time { min_ms: 5 }.is_met(5, 9)
                && !Threshold::Time { min_ms: 5 }.is_met(4, 9)
        );
    }
}
