//! What seconds earn: once for the least, once for the most.
//!
//! Before anything is rounded, what is earned is a whole number too: millionths of a credit times the milliseconds of one credit.

use std::collections::BTreeMap;

use attendance::Decimal;

use attendance::rules::{
    BelowThreshold, CreditSource, FieldRounding, MetAwards, PlatformAlone, PollShort, Rounding,
    RuleSet, Scope, Threshold,
};

use crate::presence::Item;

const MILLION: i128 = 1_000_000;
/// With so many polls on top of those answered nobody is short of any.
pub(crate) const ENOUGH: i64 = 1_000_000;

/// What one side says of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) present_s: i64,
    /// Whether they speak there, and may be paid for it.
    pub(crate) speaks: bool,
    /// Whether only a platform shows it.
    pub(crate) is_alone: bool,
}

/// A day and a field of study: what is dealt out goes to these.
pub(crate) type Cell = (String, String);

/// What one side earns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Side {
    /// Millionths, caps taken off.
    pub(crate) all: i64,
    pub(crate) cells: BTreeMap<Cell, i64>,
    /// Of each unit, whether its polls were too few, and whether there were none at all.
    pub(crate) short: Vec<bool>,
    pub(crate) bare: Vec<bool>,
    /// Answered, and needed.
    pub(crate) engagement: (i64, i64),
    pub(crate) is_capped: bool,
}

/// Whether so many seconds of a session are enough.
pub(crate) fn is_met(rules: &RuleSet, present_s: i64, scheduled_s: i64) -> bool {
    present_s > 0
        && match rules.threshold {
            Threshold::None => true,
            Threshold::Full => present_s >= scheduled_s,
            Threshold::Time { min_ms } => present_s * 1_000 >= min_ms,
            Threshold::Share(share) => {
                i128::from(present_s) * MILLION
                    >= i128::from(scheduled_s) * i128::from(share.millionths())
            }
        }
}

/// What a session earns before anything is rounded.
fn award(rules: &RuleSet, item: &Item, done: &Done) -> i128 {
    let scheduled_s = item.counts.length();
    let of_seconds = |seconds: i64| i128::from(seconds) * 1_000 * MILLION;
    let is_by_value = rules.credit_source == CreditSource::Value;
    let value = item.session.credit_value.filter(|_| is_by_value);
    let unit = i128::from(rules.credit_unit_ms);
    let whole = value.map_or(of_seconds(scheduled_s), |v| {
        i128::from(v.millionths()) * unit
    });
    let mut award = if done.present_s == 0 {
        0
    } else if is_met(rules, done.present_s, scheduled_s) {
        match is_by_value || rules.met_awards == MetAwards::Scheduled {
            true => whole,
            false => of_seconds(done.present_s),
        }
    } else if rules.below_threshold == BelowThreshold::Actual {
        of_seconds(done.present_s)
    } else {
        0
    };
    if done.present_s > 0
        && let Some(floor) = rules.floor_credits.get(&item.session.kind)
    {
        award = award.max(i128::from(floor.millionths()) * unit);
    }
    if let Some(speakers) = rules.speakers
        && done.speaks
        && (done.present_s > 0 || !speakers.needs_presence)
    {
        award = award.max(whole * i128::from(speakers.factor.millionths()) / MILLION);
    }
    award
}

/// The sessions, by number, that are rounded together.
pub(crate) fn units(rules: &RuleSet, items: &[Item]) -> Vec<Vec<usize>> {
    let all: Vec<usize> = (0..items.len()).collect();
    if rules.scope == Scope::Programme {
        return vec![all];
    }
    let is_short = |n: &usize| items[*n].counts.length() * 1_000 < rules.short_segment_under_ms;
    let (short, long): (Vec<usize>, Vec<usize>) = all.into_iter().partition(is_short);
    let mut units: Vec<Vec<usize>> = long.into_iter().map(|n| vec![n]).collect();
    if !short.is_empty() {
        units.push(short);
    }
    units
}

fn is_below_first(rules: &RuleSet, weight: i128) -> bool {
    weight < i128::from(rules.credit_unit_ms) * i128::from(rules.first_award_min.millionths())
}

/// In steps, counted out one by one.
fn steps(rules: &RuleSet, weight: i128) -> i128 {
    let step = i128::from(rules.credit_unit_ms) * i128::from(rules.step.millionths());
    let mut steps = 0;
    while (steps + 1) * step <= weight {
        steps += 1;
    }
    let is_nearer_above = weight - steps * step >= (steps + 1) * step - weight;
    if rules.rounding == Rounding::Nearest && is_nearer_above {
        steps += 1;
    }
    steps
}

fn on_grid(rules: &RuleSet, weight: i128) -> i128 {
    match is_below_first(rules, weight) {
        true => 0,
        false => steps(rules, weight) * i128::from(rules.step.millionths()),
    }
}

/// In how many steps a unit's sum comes out; none below the first award.
pub(crate) fn steps_of(rules: &RuleSet, weight: i128) -> i128 {
    match is_below_first(rules, weight) {
        true => 0,
        false => steps(rules, weight),
    }
}

/// Rounded up.
fn up(number: i128, by: i128) -> i128 {
    number.div_euclid(by) + i128::from(number.rem_euclid(by) > 0)
}

/// Gives so many pieces to shares by their weights: whole ones first, then one each to the largest remainders.
fn deal(pieces: i128, weights: &[i128]) -> Vec<i128> {
    let sum: i128 = weights.iter().sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let mut dealt: Vec<i128> = weights.iter().map(|w| pieces * w / sum).collect();
    let mut has_more = vec![false; weights.len()];
    while dealt.iter().sum::<i128>() < pieces {
        let mut best: Option<usize> = None;
        for n in (0..weights.len()).filter(|n| !has_more[*n]) {
            let left = |n: usize| pieces * weights[n] % sum;
            if best.is_none_or(|best| left(n) > left(best)) {
                best = Some(n);
            }
        }
        let best = best.expect("fewer are left over than there are shares");
        has_more[best] = true;
        dealt[best] += 1;
    }
    dealt
}

/// All cells of a programme.
pub(crate) fn cells(rules: &RuleSet, items: &[Item]) -> Vec<Cell> {
    let mut cells: Vec<Cell> = items
        .iter()
        .flat_map(|item| shares(rules, item))
        .map(|(cell, _)| cell)
        .collect();
    cells.sort();
    cells.dedup();
    cells
}

/// The cells of a session, with the weights of their fields.
fn shares(rules: &RuleSet, item: &Item) -> Vec<(Cell, i128)> {
    let day = item
        .session
        .day
        .as_ref()
        .map_or(String::new(), |day| day.0.to_string());
    let day = if rules.caps.day.is_some() {
        day
    } else {
        String::new()
    };
    if item.session.fields.is_empty() {
        return vec![((day, String::new()), 1)];
    }
    let mut shares: BTreeMap<Cell, i128> = BTreeMap::new();
    for share in &item.session.fields {
        *shares
            .entry((day.clone(), share.field.to_string()))
            .or_default() += i128::from(share.weight);
    }
    shares.into_iter().collect()
}

/// One unit on one side, before it is dealt out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    pub(crate) weights: Vec<i128>,
    /// Of all weights; cutting each by itself may lose a little more.
    pub(crate) sum: i128,
    pub(crate) is_short: bool,
    pub(crate) is_bare: bool,
    answered: i64,
    pub(crate) needed: i64,
}

/// What polls make of the weights of a unit's sessions.
pub(crate) fn engaged(
    rules: &RuleSet,
    items: &[Item],
    unit: &[usize],
    weights: &[i128],
    is_alone: &[bool],
    answered: i64,
    is_least: bool,
) -> Unit {
    let mut found = Unit {
        weights: weights.to_vec(),
        sum: weights.iter().sum(),
        answered,
        ..Unit::default()
    };
    let (per_credit, min_share) = (
        i128::from(rules.polls.per_credit.millionths()),
        i128::from(rules.polls.min_share.millionths()),
    );
    if per_credit == 0 && min_share == 0 && rules.platform_alone == PlatformAlone::Counts {
        return found;
    }
    let alone: Vec<usize> = (0..unit.len()).filter(|n| is_alone[*n]).collect();
    let sum: i128 = alone.iter().map(|n| weights[*n]).sum();
    let credits = on_grid(rules, sum);
    let offered: i128 = alone
        .iter()
        .filter(|n| weights[**n] > 0)
        .map(|n| i128::from(items[unit[*n]].session.polls_offered.unwrap_or(0)))
        .sum();
    let needed = up(per_credit * credits, MILLION * MILLION).max(up(min_share * offered, MILLION));
    found.needed = i64::try_from(needed).expect("few polls");
    if sum == 0 {
        return found;
    }
    found.is_short = answered < found.needed;
    found.is_bare = rules.platform_alone != PlatformAlone::Counts && answered % ENOUGH == 0;
    let is_lost = |is_so: bool, never_counts: bool, is_open: bool| {
        is_so && (never_counts || is_open && is_least)
    };
    let mut left = sum;
    if is_lost(
        found.is_bare,
        rules.platform_alone == PlatformAlone::None,
        rules.platform_alone == PlatformAlone::Review,
    ) || is_lost(
        found.is_short,
        rules.polls.short == PollShort::None,
        rules.polls.short == PollShort::Review,
    ) {
        left = 0;
    } else if found.is_short && rules.polls.short == PollShort::Reduce {
        let answered = i128::from(answered);
        let mut enough = credits;
        if per_credit > 0 {
            enough = enough.min(answered * MILLION * MILLION / per_credit);
        }
        if min_share > 0 {
            enough = enough.min(credits * answered / needed);
        }
        let step = i128::from(rules.step.millionths());
        left = left.min(i128::from(rules.credit_unit_ms) * (enough / step * step));
    }
    if left < sum {
        found.sum -= sum - left;
        for n in alone {
            found.weights[n] = weights[n] * left / sum;
        }
    }
    found
}

/// What all sessions award on one side.
pub(crate) fn awards(rules: &RuleSet, items: &[Item], done: &[Done]) -> Vec<i128> {
    items
        .iter()
        .zip(done)
        .map(|(item, done)| award(rules, item, done))
        .collect()
}

/// What one side earns: `answered` is of each unit.
pub(crate) fn side(
    rules: &RuleSet,
    items: &[Item],
    done: &[Done],
    answered: &[i64],
    is_least: bool,
) -> (Side, Vec<Unit>) {
    let weights = awards(rules, items, done);
    let mut side = Side::default();
    let all = cells(rules, items);
    side.cells = all.iter().map(|cell| (cell.clone(), 0)).collect();
    let mut units_of_side = Vec::new();
    for (number, unit) in units(rules, items).iter().enumerate() {
        let own: Vec<i128> = unit.iter().map(|n| weights[*n]).collect();
        let alone: Vec<bool> = unit.iter().map(|n| done[*n].is_alone).collect();
        let engaged = engaged(rules, items, unit, &own, &alone, answered[number], is_least);
        side.short.push(engaged.is_short);
        side.bare.push(engaged.is_bare);
        if engaged.needed > 0 {
            side.engagement.0 += engaged.answered;
            side.engagement.1 += engaged.needed;
        }
        for (cell, credits) in of_unit(rules, items, unit, &engaged, &all) {
            *side.cells.entry(cell).or_default() += credits;
        }
        units_of_side.push(engaged);
    }
    side.is_capped = cap(rules, &mut side.cells);
    side.all = side.cells.values().sum();
    (side, units_of_side)
}

/// A unit's weights, cell by cell.
pub(crate) fn by_cell(
    rules: &RuleSet,
    items: &[Item],
    unit: &[usize],
    weights: &[i128],
    all: &[Cell],
) -> Vec<i128> {
    let mut found = vec![0; all.len()];
    for (n, weight) in unit.iter().zip(weights) {
        let shares = shares(rules, &items[*n]);
        let parts: Vec<i128> = shares.iter().map(|(_, part)| *part).collect();
        for ((cell, _), dealt) in shares.iter().zip(deal(*weight, &parts)) {
            let place = all
                .iter()
                .position(|other| other == cell)
                .expect("every cell is known");
            found[place] += dealt;
        }
    }
    found
}

/// A unit's credits, cell by cell.
fn of_unit(
    rules: &RuleSet,
    items: &[Item],
    unit: &[usize],
    engaged: &Unit,
    all: &[Cell],
) -> Vec<(Cell, i64)> {
    let step = i128::from(rules.step.millionths());
    let weights = by_cell(rules, items, unit, &engaged.weights, all);
    let sum = engaged.sum;
    let dealt: Vec<i128> = if is_below_first(rules, sum) {
        vec![0; all.len()]
    } else if rules.field_rounding == FieldRounding::PerField && all.len() > 1 {
        weights.iter().map(|weight| steps(rules, *weight)).collect()
    } else {
        deal(steps(rules, sum), &weights)
    };
    let credits = dealt
        .iter()
        .map(|steps| i64::try_from(steps * step).expect("few credits"));
    all.iter().cloned().zip(credits).collect()
}

/// Takes off what is above the caps, the last first; whether there was any.
fn cap(rules: &RuleSet, cells: &mut BTreeMap<Cell, i64>) -> bool {
    let caps = &rules.caps;
    let mut took = false;
    let mut hold = |is_meant: &dyn Fn(&Cell) -> bool, cap: i64| {
        let meant = |cells: &BTreeMap<Cell, i64>| -> i64 {
            cells
                .iter()
                .filter(|(cell, _)| is_meant(cell))
                .map(|(_, c)| c)
                .sum()
        };
        let mut above = (meant(cells) - cap).max(0);
        took |= above > 0;
        for (_, credits) in cells.iter_mut().rev().filter(|(cell, _)| is_meant(cell)) {
            let off = above.min(*credits);
            *credits -= off;
            above -= off;
        }
    };
    for (field, most) in &caps.fields {
        hold(&|(_, other)| other == field.as_ref(), most.millionths());
    }
    if let Some(most) = caps.day {
        for day in ["", "2001-01-01", "2001-01-02"] {
            hold(&|(other, _)| other == day, most.millionths());
        }
    }
    if let Some(most) = caps.programme {
        hold(&|_| true, most.millionths());
    }
    took
}

/// What complete attendance would earn, polls and caps aside.
pub(crate) fn full(rules: &RuleSet, items: &[Item], present_s: &[i64], speaks: &[bool]) -> i64 {
    let mut rules = rules.clone();
    // Without polls nobody is short of any, and without caps the cells are still those of the rules.
    rules.caps.fields.clear();
    rules.caps.programme = None;
    rules.caps.day = rules.caps.day.map(|_| Decimal::from_millionths(i64::MAX));
    let done: Vec<Done> = present_s
        .iter()
        .zip(speaks)
        .map(|(present_s, speaks)| Done {
            present_s: *present_s,
            speaks: *speaks,
            is_alone: false,
        })
        .collect();
    let none = vec![0; items.len() + 1];
    side(&rules, items, &done, &none, false).0.all
}
