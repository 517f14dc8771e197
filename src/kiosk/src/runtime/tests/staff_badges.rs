//! Staff badges at a door, through the keeper.

use attendance::words::Direction;
use protocol::staff_badge::{self, StaffAct};

use super::*;

impl Bench {
    fn staff_badge(&self, act: StaffAct) -> ReaderEvent {
        let event = "gp-2026".parse().unwrap();
        self.text(staff_badge::make(&event, act, "ada", &self.fixture.issuer))
    }

    fn told_of(&mut self, group: Vec<ReaderEvent>) -> Vec<String> {
        self.keeper.record_group(group);
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        word(&told).into_iter().map(str::to_owned).collect()
    }

    fn actions(&self) -> Vec<(String, Option<u64>)> {
        let staff = self
            .entries()
            .into_iter()
            .filter_map(|entry| match entry.body {
                Body::Staff(staff) => Some((staff.action, staff.index)),
                _ => None,
            });
        staff.collect()
    }
}

#[test]
fn a_direction_set_by_a_badge_shows_at_once() {
    let mut bench = Bench::enrolled();
    let out = bench.staff_badge(StaffAct::Out);
    assert_eq!(bench.told_of(vec![out]), ["staff_out"]);
    let resting = bench.watches.resting.borrow().clone();
    assert!(
        matches!(
            resting,
            Face::Idle {
                direction: Some(Direction::Out),
                ..
            }
        ),
        "{resting:?}"
    );
    assert_eq!(word(&bench.scan(&[1])), ["checked_out"]);
}

#[test]
fn the_badge_after_take_back_is_no_scan_but_takes_one_back() {
    let mut bench = Bench::enrolled();
    let first = bench.scan(&[1])[0].1;
    let group = vec![
        bench.staff_badge(StaffAct::TakeBack),
        bench.event(1),
        bench.event(1),
    ];
    assert_eq!(
        bench.told_of(group),
        ["staff_scan_badge", "staff_taken_back", "checked_in"]
    );
    let expected = [("take_back", None), ("taken_back", first)];
    let expected = expected.map(|(action, index)| (action.to_owned(), index));
    assert_eq!(bench.actions(), expected);
}

#[test]
fn another_staff_badge_time_or_a_failure_ends_the_wait() {
    let mut bench = Bench::enrolled();
    bench.scan(&[1]);
    let wait = |bench: &mut Bench| {
        let badge = bench.staff_badge(StaffAct::TakeBack);
        assert_eq!(bench.told_of(vec![badge]), ["staff_scan_badge"]);
    };
    wait(&mut bench);
    let toggle = bench.staff_badge(StaffAct::Toggle);
    let group = vec![toggle, bench.event(1)];
    assert_eq!(bench.told_of(group), ["staff_either", "repeat"]);

    wait(&mut bench);
    bench.ms.fetch_add(20_001, Ordering::Relaxed);
    assert_eq!(word(&bench.scan(&[2])), ["checked_in"]);

    wait(&mut bench);
    bench.fail(Some((Step::Begin, Fault::Io)));
    bench.scan(&[3]);
    bench.fail(None);
    bench.keeper.tick();
    assert_eq!(word(&bench.scan(&[2])), ["repeat"]);
}
