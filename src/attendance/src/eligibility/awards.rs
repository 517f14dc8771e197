//! Minutes into credits: what each session awards, and what units of them come to on the grid.
//!
//! Contract: everything is exact. An award is a **weight**: millionths of a credit times the milliseconds of one credit, so
//! minutes, stated values and factors add up without a fraction. Sums of weights are held at [`WEIGHT_MAX`], which no real
//! programme comes near. Only a unit's sum is rounded.

use super::deal::{self, Cells};
use super::gather::{Answered, Gathered};
use super::minutes::Minutes;
use super::plan::{Place, Plan};
use super::{Engagement, Repair, Word};
use crate::Decimal;
use crate::decimal::SCALE;
use crate::rules::{
    BelowThreshold, CreditSource, Denial, FieldRounding, MetAwards, PlatformAlone, PollShort,
    Rounding, RuleSet,
};
use crate::time::UtcMs;

/// The most that weights add up to.
pub(crate) const WEIGHT_MAX: i128 = 1 << 120;

/// What one side of the minutes comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Earned {
    /// The credits.
    pub(crate) total: Decimal,
    /// The same before caps.
    pub(crate) uncapped: Decimal,
    /// The credits of each cell of the plan, where there are several.
    pub(crate) cells: Vec<i64>,
    /// Polls asked for, where some were.
    pub(crate) engagement: Option<Engagement>,
    /// Too few polls, or a platform's word alone, had a say.
    pub(crate) fell_short: bool,
    /// A platform's word alone had one.
    pub(crate) is_bare: bool,
}

/// Both sides, and whether what lies between them may come to something else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credits {
    pub(crate) least: Earned,
    pub(crate) most: Earned,
    pub(crate) is_open: bool,
}

/// One side of the minutes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Least,
    Most,
}

/// The polls answered in each session: a session, a poll, and whether it was for certain.
type Ballots<'g> = Vec<(u32, &'g str, bool)>;

/// The credits on the grid of a weight, not below the first award.
pub(crate) fn on_grid(rules: &RuleSet, weight: i128) -> Decimal {
    if is_below_first(rules, weight) {
        return Decimal::ZERO;
    }
    rounded(rules, weight)
}

fn is_below_first(rules: &RuleSet, weight: i128) -> bool {
    weight < unit(rules) * i128::from(rules.first_award_min.millionths())
}

/// The credits on the grid of a weight.
fn rounded(rules: &RuleSet, weight: i128) -> Decimal {
    let (unit, step) = (unit(rules), step(rules));
    let weight = weight.clamp(0, WEIGHT_MAX);
    let steps = match rules.rounding {
        Rounding::Down => weight / (unit * step),
        Rounding::Nearest => (2 * weight + unit * step) / (2 * unit * step),
    };
    Decimal::from_millionths(i64::try_from(steps.saturating_mul(step)).unwrap_or(i64::MAX))
}

fn unit(rules: &RuleSet) -> i128 {
    i128::from(rules.credit_unit_ms.max(1))
}

fn step(rules: &RuleSet) -> i128 {
    i128::from(rules.step.millionths().max(1))
}

/// The weight that a time in a session awards.
fn award(plan: &Plan<'_>, session: u32, present_ms: i64, speaks: bool) -> i128 {
    let rules = plan.rules;
    let planned = &plan.sessions[session as usize];
    let of_ms = |ms: i64| i128::from(ms) * i128::from(SCALE);
    let value = planned
        .session
        .credit_value
        .filter(|_| rules.credit_source == CreditSource::Value)
        .map(|value| i128::from(value.millionths().max(0)) * unit(rules));
    let scheduled = value.unwrap_or_else(|| of_ms(planned.scheduled_ms));
    let mut weight = 0;
    if present_ms > 0 {
        let is_met = rules.threshold.is_met(present_ms, planned.scheduled_ms);
        weight = match (rules.credit_source, is_met) {
            (CreditSource::Value, true) => scheduled,
            (CreditSource::Value, false) => 0,
            (CreditSource::Minutes, true) if rules.met_awards == MetAwards::Scheduled => scheduled,
            (CreditSource::Minutes, false) if rules.below_threshold == BelowThreshold::None => 0,
            (CreditSource::Minutes, _) => of_ms(present_ms),
        };
        if let Some(floor) = rules.floor_credits.get(&planned.session.kind) {
            weight = weight.max(i128::from(floor.millionths()) * unit(rules));
        }
    }
    match rules.speakers {
        Some(speakers) if speaks && (present_ms > 0 || !speakers.needs_presence) => {
            let factor = i128::from(speakers.factor.millionths().max(0));
            let spoken = scheduled.saturating_mul(factor) / i128::from(SCALE);
            weight.max(spoken)
        }
        _ => weight,
    }
    .min(WEIGHT_MAX)
}

/// The credits of complete attendance.
pub(crate) fn full(plan: &Plan<'_>, speaks: &[u32]) -> Decimal {
    let mut total = Decimal::ZERO;
    for sessions in &plan.units {
        let each: Vec<(u32, i128)> = sessions
            .iter()
            .map(|session| {
                let full_ms = plan.sessions[*session as usize].full_ms;
                let weight = award(plan, *session, full_ms, speaks.contains(session));
                (*session, weight)
            })
            .collect();
        let sum = total_weight(each.iter().map(|(_, weight)| *weight));
        total = total.saturating_add(match plan.rules.field_rounding {
            FieldRounding::LargestRemainder => on_grid(plan.rules, sum),
            FieldRounding::PerField => {
                let cells = deal::by_cell(plan, &each);
                rounded_each(plan.rules, &cells, sum).0
            }
        });
    }
    total
}

fn total_weight(weights: impl Iterator<Item = i128>) -> i128 {
    weights.fold(0, |sum, weight| (sum + weight).min(WEIGHT_MAX))
}

/// Each cell rounded by itself, and their sum; nothing where all of them together are below the first award.
fn rounded_each(rules: &RuleSet, cells: &Cells, sum: i128) -> (Decimal, Vec<i64>) {
    let is_nothing = is_below_first(rules, sum);
    let each: Vec<i64> = cells
        .iter()
        .map(|weight| {
            if is_nothing {
                0
            } else {
                rounded(rules, *weight).millionths()
            }
        })
        .collect();
    let total = each
        .iter()
        .fold(0_i64, |sum, credits| sum.saturating_add(*credits));
    (Decimal::from_millionths(total), each)
}

/// The weights of one unit on one side.
struct Weights {
    each: Vec<(u32, i128)>,
    /// Of the sessions that a platform alone shows.
    alone: i128,
    /// Of all.
    sum: i128,
    /// Polls offered in the sessions that a platform alone shows.
    offered: u64,
}

/// How much was answered, and how much was asked for.
#[derive(Clone, Copy)]
struct Asked {
    answered: u64,
    needed: u64,
    is_short: bool,
    /// A platform alone shows what counts, and not one poll was answered, where that is not enough.
    is_bare: bool,
}

/// Credits of what was counted, least and most.
pub(crate) struct Crediting<'p, 'a, 'm> {
    pub(crate) plan: &'p Plan<'a>,
    pub(crate) minutes: &'m [Minutes<'a>],
    pub(crate) gathered: &'p Gathered<'a>,
    /// The sessions at which the attendee speaks, where that earns something of its own.
    pub(crate) speaks: &'p [u32],
    pub(crate) repair: Repair,
}

impl Crediting<'_, '_, '_> {
    /// What the minutes come to.
    pub(crate) fn credits(&self) -> Credits {
        let plan = self.plan;
        let ballots = self.ballots();
        let mut found = Credits::default();
        let cells = if plan.cells.len() > 1 {
            plan.cells.len()
        } else {
            0
        };
        found.least.cells = vec![0; cells];
        found.most.cells = vec![0; cells];
        for unit in &plan.units {
            let least = self.weights(unit, Side::Least);
            let most = self.weights(unit, Side::Most);
            if let Some(ballots) = &ballots {
                found.is_open |= self.is_unsettled(unit, ballots, &least, &most);
            }
            let (least_steps, least_cells) =
                self.add(unit, ballots.as_ref(), least, Side::Least, &mut found.least);
            let (most_steps, most_cells) =
                self.add(unit, ballots.as_ref(), most, Side::Most, &mut found.most);
            let is_dealt = plan.rules.field_rounding == FieldRounding::LargestRemainder;
            if cells > 1 && is_dealt && least_cells != most_cells {
                found.is_open |= least_steps != most_steps
                    || !deal::is_settled(least_steps, &least_cells, &most_cells);
            }
        }
        for side in [&mut found.least, &mut found.most] {
            side.uncapped = side.total;
            if !self.repair.caps {
                deal::cap(plan, side);
            }
        }
        found.is_open |= found.least.cells != found.most.cells;
        found
    }

    /// Adds one unit to a side; gives its steps and the weights of its cells.
    fn add(
        &self,
        unit: &[u32],
        ballots: Option<&Ballots<'_>>,
        mut weights: Weights,
        side: Side,
        earned: &mut Earned,
    ) -> (i128, Cells) {
        let rules = self.plan.rules;
        if let Some(ballots) = ballots
            && weights.alone > 0
        {
            let asked = self.asked(unit, ballots, &weights, side == Side::Least);
            if asked.needed > 0 {
                let whole = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
                let sum = earned.engagement.get_or_insert(Engagement {
                    answered: 0,
                    needed: 0,
                });
                sum.answered = sum.answered.saturating_add(whole(asked.answered));
                sum.needed = sum.needed.saturating_add(whole(asked.needed));
            }
            self.cut(asked, side, &mut weights, earned);
        }
        let cells = if earned.cells.is_empty() {
            Cells::new()
        } else {
            deal::by_cell(self.plan, &weights.each)
        };
        let (total, each) = match rules.field_rounding {
            FieldRounding::PerField if !cells.is_empty() => {
                rounded_each(rules, &cells, weights.sum)
            }
            _ => {
                let total = on_grid(rules, weights.sum);
                let steps = i128::from(total.millionths()) / step(rules);
                let each = deal::largest_remainder(steps, &cells);
                let credits = |steps: i128| i64::try_from(steps * step(rules)).unwrap_or(i64::MAX);
                (total, each.into_iter().map(credits).collect())
            }
        };
        earned.total = earned.total.saturating_add(total);
        for (sum, credits) in earned.cells.iter_mut().zip(each) {
            *sum = sum.saturating_add(credits);
        }
        (i128::from(total.millionths()) / step(rules), cells)
    }

    /// Takes off what too few polls leave.
    fn cut(&self, asked: Asked, side: Side, weights: &mut Weights, earned: &mut Earned) {
        let rules = self.plan.rules;
        let mut left = weights.alone;
        if asked.is_bare && (rules.platform_alone == PlatformAlone::None || side == Side::Least) {
            left = 0;
        }
        if asked.is_short {
            match rules.polls.short {
                PollShort::None => left = 0,
                PollShort::Review if side == Side::Least => left = 0,
                PollShort::Review => {}
                PollShort::Reduce => left = left.min(self.reduced(asked, weights.alone)),
            }
        }
        earned.fell_short |= asked.is_bare || asked.is_short;
        earned.is_bare |= asked.is_bare;
        if left < weights.alone {
            weights.sum = weights.sum - weights.alone + left;
            for (session, weight) in &mut weights.each {
                if self.is_alone(*session, side) {
                    *weight = deal::times_over(*weight, left, weights.alone);
                }
            }
            weights.alone = left;
        }
    }

    /// The weight that the answered polls are enough for.
    fn reduced(&self, asked: Asked, alone: i128) -> i128 {
        let rules = self.plan.rules;
        let (unit, step) = (unit(rules), step(rules));
        let credits = i128::from(on_grid(rules, alone).millionths());
        let mut enough = credits;
        let per_credit = i128::from(rules.polls.per_credit.millionths());
        if per_credit > 0 {
            let scale = i128::from(SCALE);
            enough = enough.min(i128::from(asked.answered) * scale * scale / per_credit);
        }
        if rules.polls.min_share > Decimal::ZERO && asked.needed > 0 {
            let share = credits.saturating_mul(i128::from(asked.answered));
            enough = enough.min(share / i128::from(asked.needed));
        }
        (enough / step * step) * unit
    }

    fn is_alone(&self, session: u32, side: Side) -> bool {
        let minutes = &self.minutes[session as usize];
        match side {
            Side::Least => minutes.perhaps_alone,
            Side::Most => minutes.surely_alone,
        }
    }

    fn weights(&self, unit: &[u32], side: Side) -> Weights {
        let mut each = Vec::with_capacity(unit.len());
        let (mut alone, mut offered) = (0, 0_u64);
        for session in unit {
            let minutes = &self.minutes[*session as usize];
            let present_ms = match side {
                Side::Least => minutes.least_ms,
                Side::Most => minutes.most_ms,
            };
            // Who was denied a session does not speak there either; at most, where the denial is not the last word.
            let refused = match side {
                Side::Least => minutes.is_denied,
                Side::Most => {
                    minutes.word == Some(Word::Denied)
                        && self.plan.rules.denial == Denial::Overrides
                }
            };
            let speaks = !refused && self.speaks.contains(session);
            let weight = award(self.plan, *session, present_ms, speaks);
            if weight > 0 && self.is_alone(*session, side) {
                alone = (alone + weight).min(WEIGHT_MAX);
                let polls = self.plan.sessions[*session as usize].session.polls_offered;
                offered += u64::from(polls.unwrap_or(0));
            }
            each.push((*session, weight));
        }
        Weights {
            sum: total_weight(each.iter().map(|(_, weight)| *weight)),
            each,
            alone,
            offered,
        }
    }

    /// The answers, where a rule asks for some.
    fn ballots(&self) -> Option<Ballots<'_>> {
        if !self.plan.rules.asks_polls() {
            return None;
        }
        let mut found = Ballots::new();
        for answered in &self.gathered.polls {
            for session in self.plan.serves(answered.place).as_slice() {
                if let Some(is_certain) = self.counts(answered, *session) {
                    found.push((*session, answered.poll, is_certain));
                }
            }
        }
        // The certain one of several answers to a poll comes first.
        found.sort_unstable_by(|a, b| (a.0, a.1, !a.2).cmp(&(b.0, b.1, !b.2)));
        found.dedup_by(|next, kept| (next.0, next.1) == (kept.0, kept.1));
        Some(found)
    }

    /// Whether a poll was answered in a session, and whether that is certain.
    fn counts(&self, answered: &Answered<'_>, session: u32) -> Option<bool> {
        if let Place::Session(_) = answered.place {
            return Some(true);
        }
        let window = self.plan.sessions[session as usize].window;
        let (earliest, latest) = (answered.at.earliest, answered.at.latest);
        let may: bool = earliest < window.end && window.start <= latest;
        let held = |at: UtcMs| window.holds(at);
        may.then(|| held(earliest) && held(latest))
    }

    fn asked(
        &self,
        unit: &[u32],
        ballots: &Ballots<'_>,
        weights: &Weights,
        certain: bool,
    ) -> Asked {
        let rules = self.plan.rules;
        let is_mine = |(session, _, is_certain): &&(u32, &str, bool)| {
            unit.contains(session) && (*is_certain || !certain)
        };
        let answered = ballots.iter().filter(is_mine).count() as u64;
        let scale = i128::from(SCALE);
        let credits = i128::from(on_grid(rules, weights.alone).millionths());
        let by_credit = i128::from(rules.polls.per_credit.millionths())
            .saturating_mul(credits)
            .saturating_add(scale * scale - 1)
            / (scale * scale);
        let by_share =
            (i128::from(rules.polls.min_share.millionths()) * i128::from(weights.offered) + scale
                - 1)
                / scale;
        let needed = u64::try_from(by_credit.max(by_share)).unwrap_or(u64::MAX);
        Asked {
            answered,
            needed,
            is_short: answered < needed && !self.repair.polls,
            is_bare: !self.repair.bare
                && rules.platform_alone != PlatformAlone::Counts
                && answered == 0
                && weights.alone > 0,
        }
    }

    /// Whether what polls leave may come out as on neither side at some time between the least and the most: where they are
    /// enough for some time and too few for other, or too few for a time that is not certain.
    fn is_unsettled(
        &self,
        unit: &[u32],
        ballots: &Ballots<'_>,
        least: &Weights,
        most: &Weights,
    ) -> bool {
        let rules = self.plan.rules;
        // The most that may be asked for, with the fewest answers, and the least with the most.
        let alone = |side: Side, of: &Weights| {
            let mine = of
                .each
                .iter()
                .filter(|(session, _)| self.is_alone(*session, side));
            let offered = mine.clone().filter(|(_, weight)| *weight > 0);
            Weights {
                each: Vec::new(),
                alone: total_weight(mine.map(|(_, weight)| *weight)),
                sum: 0,
                offered: offered
                    .map(|(session, _)| {
                        let polls = self.plan.sessions[*session as usize].session.polls_offered;
                        u64::from(polls.unwrap_or(0))
                    })
                    .sum(),
            }
        };
        let (highest, lowest) = (alone(Side::Least, most), alone(Side::Most, least));
        let hard = self.asked(unit, ballots, &highest, true);
        let easy = self.asked(unit, ballots, &lowest, false);
        let is_open = if rules.polls.short == PollShort::Reduce {
            // What is left of less time may be more, since less is asked for.
            let of =
                |asked: Asked, weights: &Weights| (weights.alone, asked.answered, asked.needed);
            hard.is_short && of(hard, &highest) != of(easy, &lowest)
        } else {
            hard.is_short != easy.is_short
        };
        is_open || hard.is_bare != easy.is_bare
    }
}
