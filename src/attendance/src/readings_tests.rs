#![allow(clippy::unwrap_used)]
use super::*;
use crate::eligibility::tests::{hour, programme, rules, signals};

/// Every order of some crossings around the session in room `a` from 0 to 50, a line each by its number, `@` the minute that
/// its piece begins with.
#[track_caller]
fn check(signals: &[Signal], expect: &str) {
    let (rules, programme) = (rules(), programme(hour()));
    let plan = Plan::new(&rules, &programme);
    let given = signals.iter().rev().map(|signal| (signal, None));
    let mut stream = Stream::new(&plan, &mut Rooms::new(&plan), given.collect());
    let orders = stream.orders().map(|orders| {
        let taken = |(number, piece): &(usize, usize)| {
            let chance = &stream.chances[*number];
            let line = signals.iter().position(|one| one.id == chance.signal.id);
            format!("{}@{}", line.unwrap(), chance.instant(*piece).0 / 60_000)
        };
        let order = |order: &Vec<_>| order.iter().map(taken).collect::<Vec<_>>().join(" ");
        orders.iter().map(order).collect::<Vec<_>>().join(" | ")
    });
    assert_eq!(orders.as_deref().unwrap_or("none"), expect);
}

#[test]
fn orders_are_those_for_which_true_times_can_be_found() {
    for (lines, expect) in [
        (&["in a 1", "out a 2"][..], "0@1 1@2"),
        // What a stay comes to turns at the session's end, with its very first instant.
        (&["in a 40~60"], "0@40 | 0@50"),
        (&["in a 40~49.999"], "0@40"),
        (&["in a 50~60"], "0@50"),
        // Two doors say nothing of each other.
        (&["in a 1~3 x", "out a 2~4 y"], "0@1 1@2 | 1@2 0@1"),
        (&["in a 2~4 y", "out a 1~3 x"], "1@1 0@2 | 0@2 1@1"),
        (&["in a 1~2 x", "out a 2~3 y"], "0@1 1@2 | 1@2 0@1"),
        (&["in a 1~2 x", "out a 2.001~3 y"], "0@1 1@2"),
        // After what was at the session's end nothing was before it.
        (
            &["in a 49~51 x", "out a 50~52 y"],
            "0@49 1@50 | 0@50 1@50 | 1@50 0@50",
        ),
        // The third was after both, whichever of them came first.
        (
            &["in a 1~5 x", "in a 2~3 y", "out a 6~7 z"],
            "0@1 1@2 2@6 | 1@2 0@1 2@6",
        ),
        // One door's entries stand in the order of their indices, whatever their intervals are.
        (&["in a 1~3", "out a 2~4"], "0@1 1@2"),
        (&["in a 2~4", "out a 1~4"], "0@2 1@2"),
        (
            &["in a 1~9 x", "in a 2~9 x", "out a 3~9 y"],
            "0@1 1@2 2@3 | 0@1 2@3 1@2 | 2@3 0@1 1@2",
        ),
        // What comes after it in its log says that it was before the session's end.
        (&["in a 45~60", "out a 46~48"], "0@45 1@46"),
        (&["in a 5", "out a 4"], "none"),
        (&[], ""),
    ] {
        check(&signals(lines), expect);
    }
}

#[test]
fn rows_of_an_object_have_no_order() {
    let mut rows = signals(&["in a 1~3", "out a 2~4"]);
    for (signal, row) in rows.iter_mut().zip(0..) {
        signal.id.index = 7;
        signal.id.row = Some(row);
    }
    check(&rows, "0@1 1@2 | 1@2 0@1");
    // The same row again is no second signal.
    let doubled = [rows[0].clone(), rows[0].clone()];
    check(&doubled, "0@1");
}

#[test]
fn every_combination_has_its_turn_once() {
    let counts = [2, 3, 2];
    let all: std::collections::BTreeSet<_> = (0..12).map(|number| turn(&counts, number)).collect();
    assert_eq!(all.len(), 12, "{all:?}");
    assert!(
        all.iter()
            .all(|one| one.iter().zip(counts).all(|(at, count)| *at < count))
    );
    assert_eq!(turn(&counts, 0), [0, 0, 0]);
}
