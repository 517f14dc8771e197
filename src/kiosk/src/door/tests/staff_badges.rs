//! Staff badges: what a door does for them, and what it refuses.

use attendance::words::EventId;
use evidence::SigningKey;
use protocol::badge::BadgeRef;
use protocol::staff_badge::{self, StaffAct};

use super::*;
use crate::screen::view::StaffAnswer;

const EVENT: &str = "gp-2026";

fn made(act: StaffAct, event: &str, key: &SigningKey) -> String {
    staff_badge::make(&EventId::new(event).unwrap(), act, "ada", key)
}

impl Bench {
    fn staff(&self, act: StaffAct) -> String {
        made(act, EVENT, &self.fixture.issuer)
    }

    fn staffed(&self, text: &str, stamp: &Stamp) -> Option<Staffed> {
        self.door.staff_badge(Read {
            reader: &ReaderId::new("main").unwrap(),
            symbology: None,
            text,
            stamp,
            direction: None,
        })
    }

    /// Takes back the newest scan of a badge.
    pub(super) fn take_back(&mut self, text: &str, stamp: &Stamp) -> StaffAnswer {
        let card = BadgeRef {
            digest: self.fixture.badge_key.digest("card"),
            key: self.fixture.badge_key.id(),
        };
        let staffed = self.door.take_back(
            Read {
                reader: &ReaderId::new("main").unwrap(),
                symbology: None,
                text,
                stamp,
                direction: None,
            },
            &card,
        );
        self.take(&staffed.entry);
        staffed.shown
    }
}

fn minute(minute: i64) -> Stamp {
    stamp(minute * MINUTE_MS)
}

#[test]
fn a_staff_badge_sets_the_direction_and_says_whose_it_was() {
    let mut bench = Bench::new();
    for (act, direction, shown) in [
        (StaffAct::Out, Some(Out), StaffAnswer::Out),
        (StaffAct::In, Some(In), StaffAnswer::In),
        (StaffAct::Toggle, None, StaffAnswer::Either),
    ] {
        let text = bench.staff(act);
        let staffed = bench.staffed(&format!(" {text}\r\n"), &minute(1)).unwrap();
        assert_eq!(staffed.shown, shown);
        assert_eq!(staffed.takes_back, None);
        let Body::Staff(staff) = &staffed.entry.body else {
            panic!("{staffed:?}");
        };
        assert_eq!(
            (staff.action.as_str(), staff.reason.as_str()),
            (act.as_str(), "staff_badge")
        );
        let badge = staff.badge.as_ref().unwrap();
        assert_eq!(badge.digest, bench.fixture.badge_key.digest(&text));
        bench.take(&staffed.entry);
        assert_eq!(bench.door.staff_direction(), direction);
        assert_eq!(bench.replayed().staff_direction(), direction);
    }
    let decided = bench.scan(0, 2);
    check(&decided, CheckedIn, In, Toggled);
}

#[test]
fn what_is_not_a_good_staff_badge_does_nothing_and_is_noted() {
    let bench = Bench::new();
    let good = bench.staff(StaffAct::Out);
    let other = SigningKey::from_seed(&[9; 32]);
    let mut forged = good.clone();
    forged.replace_range(60..61, if &good[60..61] == "A" { "B" } else { "A" });
    let digest = bench.fixture.badge_key.digest(&good);
    let revoking = Bench::with(|bundle| bundle.revoked.push(digest));
    let check = |bench: &Bench, text: &str, code: &str| {
        let staffed = bench.staffed(text, &minute(1)).unwrap();
        assert_eq!(staffed.shown, StaffAnswer::Refused, "{code}");
        match staffed.entry.body {
            Body::Note(note) => assert_eq!(note.code, code),
            other => panic!("{other:?}"),
        }
    };
    check(&bench, &good[..139], "staff_badge_malformed");
    check(&bench, &forged, "staff_badge_unsigned");
    let issuer = &bench.fixture.issuer;
    let elsewhere = made(StaffAct::Out, "gp-2027", issuer);
    check(&bench, &elsewhere, "staff_badge_foreign");
    let foreign = made(StaffAct::Out, EVENT, &other);
    check(&bench, &foreign, "staff_badge_foreign");
    check(&revoking, &good, "staff_badge_revoked");
    let empty = Door::new(owner(&bench.fixture));
    let unknowing = Bench {
        door: empty,
        ..Bench::new()
    };
    check(&unknowing, &good, "staff_badge_foreign");
    assert_eq!(bench.staffed(&badge(0), &minute(1)), None);
}

#[test]
fn a_scan_taken_back_leaves_the_door_as_it_was() {
    let mut bench = Bench::new();
    let before = bench.scan(0, 1);
    check(&before, CheckedIn, In, Toggled);
    let wrong = bench.scan(0, 5);
    check(&wrong, CheckedOut, Out, Toggled);
    assert_eq!(bench.door.inside(), 0);
    let other = bench.scan(1, 5);
    check(&other, CheckedIn, In, Toggled);

    let index = bench.door.next_index() - 2;
    assert_eq!(
        bench.take_back(&badge(0), &minute(6)),
        StaffAnswer::TakenBack
    );
    match &bench.entries.last().unwrap().body {
        Body::Staff(staff) => assert_eq!(
            (staff.action.as_str(), staff.reason.as_str(), staff.index),
            ("taken_back", "wrong_scan", Some(index))
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.door.inside(), 2);
    // It is no repeat of what was taken back, and the door is for in again: they are inside since the first scan.
    let again = bench.decide(&badge(0), &stamp(6 * MINUTE_MS + 1_000), None);
    check(&again, CheckedOut, Out, Toggled);
    let prior = scan_of(&again).prior.clone().unwrap();
    assert_eq!(prior.index, scan_of(&wrong).prior.clone().unwrap().index);
    let replayed = bench.replayed();
    assert_eq!(replayed.inside(), 2);
}

#[test]
fn scans_are_taken_back_one_after_the_other() {
    let mut bench = Bench::new();
    for (at, (verdict, direction)) in [(CheckedIn, In), (CheckedOut, Out), (CheckedIn, In)]
        .into_iter()
        .enumerate()
    {
        let minute = 1 + i64::try_from(at).unwrap();
        check(&bench.scan(0, minute), verdict, direction, Toggled);
    }
    let taken = StaffAnswer::TakenBack;
    assert_eq!(bench.take_back(&badge(0), &minute(4)), taken);
    assert_eq!(bench.door.inside(), 0, "out since the second");
    assert_eq!(bench.take_back(&badge(0), &minute(4)), taken);
    assert_eq!(bench.door.inside(), 1, "in since the first");
    let leaves = bench.decide(&badge(0), &minute(5), None);
    check(&leaves, CheckedOut, Out, Toggled);
    assert_eq!(bench.replayed().inside(), 1);
}

#[test]
fn only_a_fresh_scan_of_that_badge_is_taken_back_and_only_once() {
    let mut bench = Bench::new();
    let nothing = StaffAnswer::NothingToTakeBack;
    assert_eq!(bench.take_back(&badge(0), &minute(1)), nothing);
    bench.scan(0, 1);
    assert_eq!(bench.take_back("NOBODY", &minute(1)), nothing);
    assert_eq!(bench.take_back(&badge(1), &minute(1)), nothing);
    assert_eq!(bench.take_back(&badge(0), &minute(17)), nothing);
    assert_eq!(bench.door.inside(), 1);
    assert_eq!(
        bench.take_back(&badge(0), &minute(16)),
        StaffAnswer::TakenBack
    );
    assert_eq!(bench.door.inside(), 0);
    assert_eq!(bench.take_back(&badge(0), &minute(16)), nothing);
}

#[test]
fn the_wait_for_a_badge_ends() {
    let reader = |name: &str| ReaderId::new(name).unwrap();
    let badge = BadgeRef {
        digest: protocol::badge::BadgeDigest([1; 32]),
        key: "k".to_owned(),
    };
    let waits = TakingBack::begin(&reader("main"), &stamp(0), badge.clone());
    assert!(waits.is_at(&reader("main")) && !waits.is_at(&reader("side")));
    assert_eq!(waits.badge(&stamp(20_000)), Some(&badge));
    assert_eq!(waits.badge(&stamp(20_001)), None);
}
