//! Signs from what kiosks really send: they become cases, cost what is new, and change no decision.

use protocol::ledger::{SignKind, SignOutcome};

use super::*;
use crate::review::signs::Limits;
use crate::store::signs::{SignFacts, SignWord};

/// As in service, but for the seconds between occasions: an entry here is a second.
const LIMITS: Limits = Limits {
    pair_within_ms: 3_000,
    pair_apart_ms: 5_000,
    pair_occasions: 6,
    pair_share_per_cent: 80,
    walk_ms: 15_000,
};

impl World {
    fn watcher(&self) -> Decider {
        self.decider().watching(LIMITS)
    }

    fn signs(&self) -> Vec<SignFacts> {
        self.store.signs(&event_id()).unwrap()
    }

    /// Two who come in and go out together, so many times, and each time is sent by itself.
    fn together(&mut self, times: u64) {
        for _ in 0..times {
            for direction in [Direction::In, Direction::Out] {
                let second = self.kiosk.size() + 5;
                self.scan(second, "X1", direction);
                self.scan(second + 1, "X2", direction);
            }
            self.send();
        }
    }
}

#[test]
fn two_badges_that_go_together_again_and_again_are_a_case_that_changes_no_decision() {
    let mut world = World::new();
    let mut plain = world.decider();
    world.together(2);
    let mut decider = world.watcher();
    world.run(&mut decider, 50);
    assert_eq!(world.signs(), [], "twice in and out are four occasions");
    world.together(1);
    world.run(&mut plain, 60);
    let decided = ["X1", "X2"].map(|badge| world.decision(badge));
    world.run(&mut decider, 60);
    let sign = world.signs().remove(0);
    assert_eq!(sign.found.about, SignKind::Pair);
    assert_eq!(sign.found.attendees, [attendee("X1"), attendee("X2")]);
    assert_eq!((sign.found.times, sign.found.evidence.len()), (6, 12));
    assert!(
        sign.found.evidence.iter().all(|(log, index)| {
            *log == world.kiosk.facts.origin && *index < world.kiosk.size()
        })
    );

    let word = SignWord {
        times: 6,
        outcome: SignOutcome::Explained,
        reason: "came_together",
        operator: "rita",
        note: None,
    };
    let store = Arc::clone(&world.store);
    store
        .judge_sign(&event_id(), &sign.id, &word, NOON)
        .unwrap();
    let run = world.run(&mut decider, 61);
    assert_eq!(run, Run::default(), "nobody is decided again");
    assert_eq!(["X1", "X2"].map(|badge| world.decision(badge)), decided);

    // A decider that begins anew reads it all again and finds nothing new.
    world.run(&mut world.watcher(), 62);
    assert_eq!(world.signs().len(), 1);
    world.together(3);
    world.run(&mut decider, 130);
    let times: Vec<u32> = world.signs().iter().map(|sign| sign.found.times).collect();
    assert_eq!(times, [6, 12], "twice as often is a new case");
}

#[test]
fn who_was_granted_the_others_badge_is_no_sign() {
    let mut world = World::new();
    let mut roster = world.store.roster(&event_id()).unwrap();
    let mut helped = roster.registrations.remove(&attendee("X1")).unwrap();
    helped.assistants = vec![badge_key().digest("X2")];
    let change = crate::store::signals::RegistrationsChange {
        base: roster.base,
        registrations: vec![helped],
        words: Vec::new(),
        import: import("registrations", b"granted"),
        note: None,
    };
    world
        .store
        .change_registrations(&event_id(), &change, NOON)
        .unwrap();
    world.together(3);
    world.run(&mut world.watcher(), 60);
    assert_eq!(world.signs(), []);
}

#[test]
fn each_entry_is_read_once_and_what_an_ended_enrolment_brings_late_is_not() {
    let mut world = World::new();
    world.together(2);
    let mut decider = world.watcher();
    world.run(&mut decider, 50);
    let kiosk = world.kiosk.id().clone();
    assert_eq!(decider.read[&kiosk], world.kiosk.size());
    // Another door takes the place of this one; what it brings afterwards is a reviewer's.
    enrol(world.store.as_ref(), "main", 2);
    let held = world.kiosk.size();
    world.together(1);
    world.run(&mut decider, 60);
    assert_eq!(decider.read[&kiosk], held);
    assert_eq!(world.signs(), []);
}

#[test]
fn one_badge_in_two_rooms_is_a_case() {
    let mut world = World::new();
    let annex = protocol::agenda::Door {
        rooms: vec!["annex".parse().unwrap()],
        ..door("annex")
    };
    // The agenda in force does not have the door, which changes nothing here: a scan says its rooms itself.
    let agenda = world
        .store
        .version(&event_id(), Versioned::Agenda)
        .unwrap()
        .unwrap();
    let change = AgendaChange {
        base: Some(agenda.object),
        object: agenda.object,
        programmes: world.store.programmes(&event_id()).unwrap(),
    };
    world
        .store
        .put_door(&event_id(), &annex, Some(&change), NOON)
        .unwrap();
    let mut other = enrol(world.store.as_ref(), "annex", 3);
    other.facts.door = annex.id;
    other.boot(BootCause::Start);
    while other.size() < 12 {
        other.note("tick");
    }
    other.scan_in("annex", "X1", Direction::In);
    other.clock(0);
    other.send(world.store.as_ref(), 0, other.size());
    world.scan(10, "X1", Direction::In);
    world.scan(11, "X2", Direction::In);
    world.kiosk.clock(0);
    world.send();
    world.run(&mut world.watcher(), 50);
    let sign = world.signs().remove(0);
    assert_eq!(sign.found.about, SignKind::Places);
    assert_eq!(sign.found.attendees, [attendee("X1")]);
    assert_eq!(sign.found.times, 1);
    assert_eq!(world.signs().len(), 1);
}

#[test]
fn what_staff_took_back_waits_for_a_reviewer_and_still_counts() {
    let mut world = World::new();
    let mut plain = world.decider();
    world.scan(5, "X1", Direction::In);
    world.scan(600, "X1", Direction::Out);
    world.send();
    world.run(&mut plain, 50);
    let decided = world.decision("X1");
    let last = world.kiosk.size() - 1;
    for index in [last, last + 50] {
        world.kiosk.add(entry::Body::Staff(entry::Staff {
            action: "taken_back".to_owned(),
            reason: "wrong_scan".to_owned(),
            badge: Some(badge_key().reference("card")),
            index: Some(index),
        }));
    }
    world.send();
    let mut decider = world.watcher();
    world.run(&mut decider, 60);
    let signs = world.signs();
    assert_eq!(signs.len(), 1, "what names no scan is no sign");
    let found = &signs[0].found;
    assert_eq!(found.about, SignKind::TakenBack);
    assert_eq!(found.attendees, [attendee("X1")]);
    let log = &world.kiosk.facts.origin;
    let evidence = [last, last + 1].map(|index| (log.clone(), index));
    assert_eq!((found.times, found.evidence.as_slice()), (1, &evidence[..]));
    assert_eq!(world.decision("X1"), decided);

    let word = SignWord {
        times: 1,
        outcome: SignOutcome::Explained,
        reason: "record_corrected",
        operator: "rita",
        note: None,
    };
    let store = Arc::clone(&world.store);
    store
        .judge_sign(&event_id(), &signs[0].id, &word, NOON)
        .unwrap();
    world.run(&mut world.watcher(), 61);
    assert_eq!(world.signs().len(), 1, "read again it is the same");
}
