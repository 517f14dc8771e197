//! The board's inputs: what is journalled of them, and when.

use attendance::words::Direction;
use protocol::entry::Note;

use super::*;
use crate::gpio::Change;

fn lid(open: bool) -> Change {
    Change::Tamper {
        name: "lid".to_owned(),
        line: 22,
        open,
    }
}

impl Bench {
    /// Codes, lines and changes of the notes on tamper switches.
    fn tampers(&self) -> Vec<(String, i64, i64)> {
        let notes = self
            .entries()
            .into_iter()
            .filter_map(|entry| match entry.body {
                Body::Note(Note { code, numbers }) if code.starts_with("tamper") => {
                    Some((code, numbers["line"], numbers["changes"]))
                }
                _ => None,
            });
        notes.collect()
    }

    fn resting(&self) -> Option<Direction> {
        match *self.watches.resting.borrow() {
            Face::Idle { direction, .. } => direction,
            ref other => panic!("{other:?}"),
        }
    }
}

fn noted(code: &str, changes: i64) -> (String, i64, i64) {
    (code.to_owned(), 22, changes)
}

#[test]
fn a_tamper_switch_is_journalled_and_shown() {
    let mut bench = Bench::enrolled();
    bench.keeper.take_change(lid(true));
    bench.keeper.take_change(lid(true));
    let alarms = |bench: &Bench| {
        let status = bench.watches.status.borrow();
        status
            .alarms
            .iter()
            .filter(|alarm| alarm.code == "tamper_open")
            .count()
    };
    assert_eq!(alarms(&bench), 1);
    bench.keeper.take_change(lid(false));
    assert_eq!(alarms(&bench), 0);
    let expected = [noted("tamper_opened", 1), noted("tamper_closed", 1)];
    assert_eq!(bench.tampers(), expected);
}

#[test]
fn what_a_switch_did_while_nothing_could_be_recorded_is_told_afterwards() {
    let mut bench = Bench::enrolled();
    bench.fail(Some((Step::Begin, Fault::Io)));
    bench.keeper.take_change(lid(true));
    bench.keeper.take_change(lid(false));
    bench.keeper.take_change(lid(true));
    bench.fail(None);
    bench.ms.fetch_add(1_000, Ordering::Relaxed);
    assert!(bench.keeper.tick());
    assert_eq!(bench.tampers(), [noted("tamper_opened", 3)]);
}

#[test]
fn before_enrolment_nothing_of_it_is_recorded() {
    let mut bench = Bench::new();
    bench.keeper.take_change(lid(true));
    bench.keeper.take_change(Change::Pressed);
    bench.keeper.tick();
    bench.enrol().unwrap();
    bench.keeper.tick();
    assert_eq!(bench.tampers(), [noted("tamper_opened", 1)]);
}

#[test]
fn the_button_goes_through_the_directions() {
    let mut bench = Bench::enrolled();
    assert_eq!(bench.resting(), None);
    for expected in [Some(Direction::In), Some(Direction::Out), None] {
        bench.ms.fetch_add(1_000, Ordering::Relaxed);
        bench.keeper.take_change(Change::Pressed);
        // A bounce is no second press.
        bench.keeper.take_change(Change::Pressed);
        assert_eq!(bench.resting(), expected);
    }
    let actions: Vec<String> = bench
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.body {
            Body::Staff(staff) => Some(staff.action),
            _ => None,
        })
        .collect();
    assert_eq!(actions.len(), 3);
}
