//! Credits dealt out to fields of study and days, and what caps take off.
//!
//! Contract: what is dealt out adds up to what there was. A session's weight goes to its fields by their weights, and a unit's
//! steps go to cells (a day and a field) by their weights; both by largest remainder, ties to the first in order. Caps take
//! whole amounts off the last cells in order, so what was earned first is kept.

use super::awards::{Earned, WEIGHT_MAX};
use super::plan::Plan;
use crate::Decimal;

/// The weight of each cell of a plan.
pub(crate) type Cells = Vec<i128>;

/// `count` × `part` / `whole`, rounded down, and what is left over; the part is at most the whole.
fn share(count: i128, part: i128, whole: i128) -> (i128, i128) {
    if let Some(product) = count.checked_mul(part) {
        return (product / whole, product % whole);
    }
    // Digit by digit, since the product does not fit.
    let (mut quotient, mut rest) = (0, 0);
    for bit in (0..i128::BITS - 1).rev() {
        quotient *= 2;
        rest *= 2;
        if (count >> bit) & 1 == 1 {
            rest += part;
        }
        quotient += rest / whole;
        rest %= whole;
    }
    (quotient, rest)
}

/// `weight` × `part` / `whole`, rounded down, with the part at most the whole.
pub(crate) fn times_over(weight: i128, part: i128, whole: i128) -> i128 {
    if whole <= 0 {
        return 0;
    }
    share(weight, part.clamp(0, whole), whole).0
}

/// So many, dealt out by weights: the whole parts first, then one each to the largest remainders, ties to the first.
/// Nothing where no weight is above zero.
pub(crate) fn largest_remainder(count: i128, weights: &[i128]) -> Vec<i128> {
    let whole: i128 = weights.iter().sum();
    if whole <= 0 {
        return vec![0; weights.len()];
    }
    let shares: Vec<(i128, i128)> = weights
        .iter()
        .map(|part| share(count, *part, whole))
        .collect();
    let mut dealt: Vec<i128> = shares.iter().map(|(quotient, _)| *quotient).collect();
    let left = count - dealt.iter().sum::<i128>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|number| (-shares[*number].1, *number));
    for (number, _) in order.into_iter().zip(0..left) {
        dealt[number] += 1;
    }
    dealt
}

/// The weights of sessions, dealt out to the plan's cells.
pub(crate) fn by_cell(plan: &Plan<'_>, each: &[(u32, i128)]) -> Cells {
    let mut cells = vec![0_i128; plan.cells.len()];
    for (session, weight) in each.iter().filter(|(_, weight)| *weight > 0) {
        let mine = &plan.sessions[*session as usize].cells;
        let mut add = |cell: u32, weight: i128| {
            let sum: &mut i128 = &mut cells[cell as usize];
            *sum = (*sum + weight).min(WEIGHT_MAX);
        };
        if let [(cell, _)] = mine.as_slice() {
            add(*cell, *weight);
            continue;
        }
        let shares: Vec<i128> = mine.iter().map(|(_, share)| i128::from(*share)).collect();
        for ((cell, _), dealt) in mine.iter().zip(largest_remainder(*weight, &shares)) {
            add(*cell, dealt);
        }
    }
    cells
}

/// Whether so many steps are dealt out alike whatever the weights are between the least and the most.
pub(crate) fn is_settled(steps: i128, least: &[i128], most: &[i128]) -> bool {
    if steps == 0 {
        return true;
    }
    decide_settled(steps, least, most).unwrap_or(false)
}

/// As [`is_settled`]; `None` where numbers are too large to tell.
fn decide_settled(steps: i128, least: &[i128], most: &[i128]) -> Option<bool> {
    let (all_least, all_most): (i128, i128) = (least.iter().sum(), most.iter().sum());
    // Of each cell the least and the greatest remainder as fractions of a step, each a numerator and a denominator.
    let mut remainders = Vec::with_capacity(least.len());
    let mut left = steps;
    for (low, high) in least.iter().zip(most) {
        let under = low.checked_add(all_most - high)?;
        let over = high.checked_add(all_least - low)?;
        if under <= 0 || over <= 0 {
            return Some(false);
        }
        let (below, above) = (steps.checked_mul(*low)?, steps.checked_mul(*high)?);
        if below / under != above / over {
            return Some(false);
        }
        left -= below / under;
        remainders.push(((below % under, under), (above % over, over)));
    }
    // Those that get one of what is left must lie above all others for certain.
    let is_above = |one: (i128, i128), other: (i128, i128)| -> Option<bool> {
        Some(one.0.checked_mul(other.1)? > other.0.checked_mul(one.1)?)
    };
    let mut gets = 0;
    for (number, (lowest, _)) in remainders.iter().enumerate() {
        let mut not_below = 0;
        for (other, (_, highest)) in remainders.iter().enumerate() {
            if other != number && !is_above(*lowest, *highest)? {
                not_below += 1;
            }
        }
        gets += i128::from(not_below < left);
    }
    Some(gets == left)
}

/// Takes off what is above the caps: of fields, then of days, then of the programme.
pub(crate) fn cap(plan: &Plan<'_>, earned: &mut Earned) {
    let caps = &plan.rules.caps;
    if earned.cells.is_empty() {
        // One cell, which the plan does not deal out to.
        let mut most = earned.total;
        if let [only] = plan.cells.as_slice() {
            let field = caps.fields.get(&only.field);
            most = [field.copied(), caps.day]
                .into_iter()
                .flatten()
                .fold(most, Decimal::min);
        }
        earned.total = caps.programme.map_or(most, |cap| most.min(cap));
        return;
    }
    for (field, most) in &caps.fields {
        hold(plan, earned, *most, |cell| plan.cells[cell].field == *field);
    }
    if let Some(most) = caps.day {
        let mut days: Vec<_> = plan.cells.iter().map(|cell| &cell.day).collect();
        days.dedup();
        for day in days {
            hold(plan, earned, most, |cell| plan.cells[cell].day == *day);
        }
    }
    if let Some(most) = caps.programme {
        hold(plan, earned, most, |_| true);
    }
    let total = earned
        .cells
        .iter()
        .fold(0_i64, |sum, credits| sum.saturating_add(*credits));
    earned.total = Decimal::from_millionths(total);
}

/// Takes off some cells, the last first, what they hold above a cap.
fn hold(plan: &Plan<'_>, earned: &mut Earned, most: Decimal, is_mine: impl Fn(usize) -> bool) {
    let mine = |cells: &[i64]| {
        let numbered = cells.iter().enumerate();
        numbered
            .filter(|(cell, _)| is_mine(*cell))
            .fold(0_i64, |sum, (_, c)| sum.saturating_add(*c))
    };
    let mut over = mine(&earned.cells).saturating_sub(most.millionths());
    for cell in (0..plan.cells.len()).rev() {
        if over <= 0 {
            break;
        }
        if is_mine(cell) {
            let taken = over.min(earned.cells[cell]);
            earned.cells[cell] -= taken;
            over -= taken;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn remainders_go_to_the_largest_and_ties_to_the_first() {
        for (count, weights, dealt) in [
            (10, &[1, 1, 1][..], &[4, 3, 3][..]),
            (7, &[3, 2, 1], &[4, 2, 1]),
            (1, &[1, 2], &[0, 1]),
            (5, &[0, 0], &[0, 0]),
            (5, &[0, 7], &[0, 5]),
            (0, &[1, 2], &[0, 0]),
        ] {
            assert_eq!(
                largest_remainder(count, weights),
                dealt,
                "{count} {weights:?}"
            );
        }
    }

    #[test]
    fn products_that_do_not_fit_are_shared_all_the_same() {
        let whole = 1_i128 << 100;
        assert_eq!(share(whole + 3, whole - 1, whole), (whole + 1, whole - 3));
    }

    #[test]
    fn a_part_of_a_weight_is_never_more_than_the_whole() {
        for (weight, part, whole, expect) in [
            (10, 1, 3, 3),
            (10, 3, 3, 10),
            (10, 5, 3, 10),
            (10, -1, 3, 0),
            (10, 1, 0, 0),
            (10, 1, -1, 0),
            (0, 1, 3, 0),
            (1, 1, 1, 1),
        ] {
            let came = times_over(weight, part, whole);
            assert_eq!(came, expect, "{weight} {part} {whole}");
        }
    }

    #[test]
    fn steps_are_settled_where_the_same_cells_get_them_for_certain() {
        let large = i128::MAX / 4;
        for (steps, least, most, expect) in [
            (0, [0, 0], [9, 9], true),
            (3, [10, 20], [10, 20], true),
            // The one step is the first cell's, or the second's, by far.
            (1, [30, 1], [30, 10], true),
            (1, [1, 30], [10, 30], true),
            // At the most the two are even.
            (2, [30, 1], [30, 10], false),
            // One whole step each, whatever is left over.
            (2, [10, 10], [10, 10], true),
            (3, [20, 9], [20, 11], false),
            // A tie, and what is next to one.
            (1, [10, 10], [10, 12], false),
            (1, [10, 12], [13, 12], false),
            // All of it, or not quite all.
            (1, [30, 0], [30, 10], false),
            (1, [0, 0], [0, 0], false),
            // Too large to tell.
            (9, [large, 1], [large, 1], false),
        ] {
            let came = is_settled(steps, &least, &most);
            assert_eq!(came, expect, "{steps} {least:?} {most:?}");
        }
        assert!(is_settled(1, &[30, 1, 1], &[30, 9, 9]));
        assert!(!is_settled(2, &[30, 1, 1], &[30, 9, 9]));
        assert!(is_settled(2, &[30, 29, 2], &[30, 29, 9]));
    }

    proptest! {
        #[test]
        fn all_of_it_is_dealt_out(count in 0_i128..1_000, weights in proptest::collection::vec(0_i128..50, 1..6)) {
            let dealt = largest_remainder(count, &weights);
            let whole: i128 = weights.iter().sum();
            prop_assert_eq!(dealt.iter().sum::<i128>(), if whole == 0 { 0 } else { count });
            for (weight, dealt) in weights.iter().zip(&dealt).filter(|_| whole > 0) {
                prop_assert!((dealt * whole - count * weight).abs() < whole);
            }
        }

        /// What is called settled is dealt out alike at all weights in between.
        #[test]
        fn settled_is_settled(
            steps in 0_i128..12,
            drawn in proptest::collection::vec((0_i128..200, 0_i128..4, 0_i128..4), 2..5),
        ) {
            let least: Vec<i128> = drawn.iter().map(|(low, _, _)| *low).collect();
            let most: Vec<i128> = drawn.iter().map(|(low, width, _)| low + width).collect();
            let between: Vec<i128> = drawn.iter().map(|(low, width, at)| low + at.min(width)).collect();
            if is_settled(steps, &least, &most) {
                prop_assert_eq!(largest_remainder(steps, &between), largest_remainder(steps, &least));
                prop_assert_eq!(largest_remainder(steps, &most), largest_remainder(steps, &least));
            }
        }
    }
}
