//! What the keeper makes of what readers say of themselves.

use crate::readers::{KeyboardLayout, reread};

use super::*;

#[test]
fn a_flood_is_told_and_is_over_when_it_is() {
    let mut bench = Bench::enrolled();
    let reader = ReaderId::new(READER).unwrap();
    let attached = ReaderEvent::Attached {
        reader: reader.clone(),
    };
    bench.keeper.record_group(vec![attached]);
    let rubbish = |bench: &mut Bench, at_ms: u64, count| {
        bench.ms.store(at_ms, Ordering::Relaxed);
        let rejected = ReaderEvent::Rejected {
            reader: reader.clone(),
            code: crate::readers::Refusal::TooLong,
            count,
        };
        bench.keeper.record_group(vec![rejected]);
        bench.keeper.tick();
        bench.watches.status.borrow().readers[0].state
    };
    // What comes now and then is no flood, however much it is in the end.
    for nth in 0..20 {
        let state = rubbish(&mut bench, nth * 61_000, 99);
        assert_eq!(state, ReaderState::Attached, "{nth}");
    }
    let began = 20 * 61_000;
    rubbish(&mut bench, began, 60);
    assert_eq!(
        rubbish(&mut bench, began + 1_000, 60),
        ReaderState::Flooding
    );
    let alarm = bench.watches.status.borrow().alarms[0].clone();
    assert_eq!(alarm.code, "flooding");
    assert!(alarm.next_step.contains("does the scanner end its codes?"));
    for (after_ms, expected) in [
        (119_000, ReaderState::Flooding),
        (121_000, ReaderState::Attached),
    ] {
        bench.ms.store(began + after_ms, Ordering::Relaxed);
        bench.keeper.tick();
        let state = bench.watches.status.borrow().readers[0].state;
        assert_eq!(state, expected, "{after_ms}");
    }
    let states: Vec<_> = bench
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.body {
            Body::Reader(reader) => Some(reader.state),
            _ => None,
        })
        .collect();
    let (attached, flooding) = (ReaderState::Attached, ReaderState::Flooding);
    assert_eq!(states, [attached, flooding, attached]);
}

#[test]
fn a_loose_plug_does_not_fill_the_journal_and_its_end_is_told() {
    let mut bench = Bench::enrolled();
    let reader = ReaderId::new(READER).unwrap();
    let attached = ReaderEvent::Attached {
        reader: reader.clone(),
    };
    let lost = ReaderEvent::Lost {
        reader,
        why: crate::readers::Loss {
            kind: crate::readers::LossKind::Unplugged,
            detail: "gone".to_owned(),
        },
    };
    for _ in 0..1_000 {
        bench.keeper.record_group(vec![attached.clone()]);
        bench.keeper.record_group(vec![lost.clone()]);
    }
    bench.keeper.record_group(vec![attached]);
    let told = |bench: &Bench| -> Vec<ReaderState> {
        let entries = bench.entries().into_iter();
        let states = entries.filter_map(|entry| match entry.body {
            Body::Reader(reader) => Some(reader.state),
            _ => None,
        });
        states.collect()
    };
    assert_eq!(told(&bench).len(), 120);
    let shown = bench.watches.status.borrow().readers[0].state;
    assert_eq!(shown, ReaderState::Attached, "the page knows at once");
    bench.ms.fetch_add(10_000, Ordering::Relaxed);
    bench.keeper.tick();
    bench.keeper.tick();
    let told = told(&bench);
    assert_eq!(
        (told.len(), told.last()),
        (121, Some(&ReaderState::Attached))
    );
}

#[test]
fn what_readers_came_to_while_nothing_was_recorded_is_told_afterwards() {
    let mut bench = Bench::enrolled();
    let reader = ReaderId::new(READER).unwrap();
    bench.fail(Some((Step::Commit, Fault::Full)));
    assert_eq!(word(&bench.scan(&[1])), ["disk_full"]);
    let lost = ReaderEvent::Lost {
        reader,
        why: crate::readers::Loss {
            kind: crate::readers::LossKind::Unplugged,
            detail: "gone".to_owned(),
        },
    };
    bench.keeper.record_group(vec![lost]);
    bench.fail(None);
    for _ in 0..3 {
        bench.keeper.tick();
    }
    let entries = bench.entries();
    let last = entries.iter().rev().find_map(|entry| match &entry.body {
        Body::Reader(reader) => Some(reader.state),
        _ => None,
    });
    assert_eq!(last, Some(ReaderState::Lost));
}

#[test]
fn a_lost_reader_says_why_until_it_is_back() {
    let mut bench = Bench::enrolled();
    let reader = ReaderId::new(READER).unwrap();
    let detail = "it may not be opened; are the udev rules installed?";
    let lost = ReaderEvent::Lost {
        reader: reader.clone(),
        why: crate::readers::Loss {
            kind: crate::readers::LossKind::Denied,
            detail: detail.to_owned(),
        },
    };
    let why = |bench: &mut Bench, event| {
        bench.keeper.record_group(vec![event]);
        bench.watches.status.borrow().readers[0].why.clone()
    };
    assert_eq!(why(&mut bench, lost).as_deref(), Some(detail));
    assert_eq!(why(&mut bench, ReaderEvent::Attached { reader }), None);
}

#[test]
fn a_scanner_that_types_for_another_country_is_found_by_the_roster() {
    let mut bench = Bench::with_reader("kind = \"hid\"\nany = true\nlayout = \"keyboard\"");
    bench.enrol().unwrap();
    let reader = ReaderId::new(READER).unwrap();
    bench
        .keeper
        .record_group(vec![ReaderEvent::Attached { reader }]);
    let as_us = |text: &str, country| reread(text, country, KeyboardLayout::Us).unwrap();
    let mut check = |text: &str, expected: Option<&str>| {
        let event = bench.text(text.to_owned());
        bench.keeper.record_group(vec![event]);
        bench.keeper.publish_status();
        let status = bench.watches.status.borrow().clone();
        let alarms = status.alarms.into_iter();
        let told: Vec<(String, String)> = alarms
            .filter(|alarm| alarm.code == "keyboard_other")
            .map(|alarm| (alarm.code, alarm.next_step))
            .collect();
        let why = status.readers[0].why.clone();
        assert_eq!(told.first().map(|(_, step)| step.clone()), why, "{text}");
        match (why, expected) {
            (Some(why), Some(expected)) => assert!(why.contains(expected), "{why}"),
            (why, expected) => assert_eq!(why.as_deref(), expected, "{text}"),
        }
    };
    let known = badge(3);
    check(&known, None);
    check(
        &as_us(&known, KeyboardLayout::Cz),
        Some("keyboard = \"cz\""),
    );
    check(
        &as_us(&known, KeyboardLayout::De),
        Some("keyboard = \"de\""),
    );
    // Nobody's on any keyboard says nothing of the keyboard, and the next badge that is known takes it back.
    check("NOBODYS", None);
    check(
        &as_us(&known, KeyboardLayout::Fr),
        Some("keyboard = \"fr\""),
    );
    check(&known, None);
}
