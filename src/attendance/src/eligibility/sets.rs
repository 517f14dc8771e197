//! Sets of time: sorted windows that neither overlap nor touch.
//!
//! Contract: every function takes sets and gives a set; lengths are exact. Windows lie within the distant ends of time, so
//! no sum of theirs leaves an `i64` before a programme has tens of thousands of sessions.

use crate::agenda::Window;
use crate::time::UtcMs;

/// The set of windows in any order.
pub(crate) fn union(mut windows: Vec<Window>) -> Vec<Window> {
    if windows.len() > 1 {
        windows.sort_unstable();
        windows.dedup_by(|next, kept| {
            let joins = next.start <= kept.end;
            if joins {
                kept.end = kept.end.max(next.end);
            }
            joins
        });
    }
    windows
}

/// What both sets hold.
pub(crate) fn intersect(one: &[Window], other: &[Window]) -> Vec<Window> {
    let mut both = Vec::with_capacity(one.len().max(other.len()));
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
        both.extend(Window::new(a.start.max(b.start), a.end.min(b.end)));
        if a.end <= b.end {
            i += 1;
        } else {
            j += 1;
        }
    }
    both
}

/// What the first set holds and the other does not.
pub(crate) fn subtract(one: &[Window], other: &[Window]) -> Vec<Window> {
    let mut left = Vec::with_capacity(one.len());
    for window in one {
        let mut from = window.start;
        for hole in other.iter().filter(|hole| hole.end > window.start) {
            if hole.start >= window.end {
                break;
            }
            left.extend(Window::new(from, hole.start));
            from = from.max(hole.end);
        }
        left.extend(Window::new(from, window.end));
    }
    left
}

/// How much time it holds, in milliseconds.
pub(crate) fn length_ms(set: &[Window]) -> i64 {
    set.iter()
        .fold(0, |sum, window| sum.saturating_add(window.length_ms()))
}

/// A window within the distant ends of time; `None` where nothing of it is.
pub(crate) fn held(window: Window) -> Option<Window> {
    let within = |at: UtcMs| at.clamp(UtcMs::DISTANT_PAST, UtcMs::DISTANT_FUTURE);
    Window::new(within(window.start), within(window.end))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const END: i64 = 40;

    fn windows() -> impl Strategy<Value = Vec<Window>> {
        let window = (0..END - 1, 1..8_i64);
        proptest::collection::vec(window, 0..6).prop_map(|drawn| {
            let window = |(from, length): (i64, i64)| {
                Window::new(UtcMs(from), UtcMs((from + length).min(END))).unwrap()
            };
            drawn.into_iter().map(window).collect()
        })
    }

    fn holds(set: &[Window], at: i64) -> bool {
        set.iter().any(|window| window.holds(UtcMs(at)))
    }

    proptest! {
        #[test]
        fn they_hold_what_their_parts_hold(one in windows(), other in windows()) {
            let (a, b) = (union(one.clone()), union(other.clone()));
            let (both, left) = (intersect(&a, &b), subtract(&a, &b));
            for at in 0..END {
                let (in_a, in_b) = (holds(&one, at), holds(&other, at));
                prop_assert_eq!(holds(&a, at), in_a);
                prop_assert_eq!(holds(&both, at), in_a && in_b);
                prop_assert_eq!(holds(&left, at), in_a && !in_b);
            }
            for set in [&a, &both, &left] {
                prop_assert!(set.windows(2).all(|pair| pair[0].end <= pair[1].start));
                let counted = (0..END).filter(|at| holds(set, *at)).count();
                prop_assert_eq!(length_ms(set), i64::try_from(counted).unwrap());
            }
        }
    }
}
