#![allow(clippy::unwrap_used)]
mod incremental;
mod signs;

use super::*;
use crate::store::SqliteStore;
use crate::store::decisions::DecisionFacts;
use crate::store::events::AgendaChange;
use crate::store::people::PersonChange;
use crate::testing::{
    CountedObjects, FakeKiosk, NOON, attendee, badge_key, door, enrol, event_id, import,
    issuer_key, new_event, programme_id,
};
use attendance::Outcome;
use attendance::words::Direction;
use protocol::agenda::Registrations;
use protocol::decision::object_bytes;
use protocol::entry::BootCause;
use protocol::ledger::LedgerBody;

const RULES: &str = r#"
    format = "rollcall-rules/1"
    name = "test"
    seconds_per_credit = "10"
    step = "1"
    threshold = { share = "0.5" }
    missing_check_out = "session_end"
    missing_check_in = "none"
"#;

/// An issuer with one door, one session from noon to noon and 40 seconds, and two people. An entry a second: the fake
/// kiosk's clock is good to a second.
struct World {
    store: Arc<dyn Store>,
    objects: Arc<CountedObjects>,
    kiosk: FakeKiosk,
    sent: u64,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(&folder.path().join("issuer.db")).unwrap());
        let objects = Arc::new(CountedObjects::open(&folder.path().join("objects")));
        store.create_event(&new_event(), NOON).unwrap();
        store
            .put_door(&event_id(), &door("main"), None, NOON)
            .unwrap();
        let rules = objects.put(RULES.as_bytes()).unwrap();
        let agenda = agenda(&rules.to_hex());
        let bytes = object_bytes(&agenda);
        let object = objects.put(&bytes).unwrap();
        let programme = crate::store::events::ProgrammeFacts {
            id: programme_id(),
            title: "Main".into(),
            rules: Some(rules),
        };
        let change = AgendaChange {
            base: None,
            object,
            programmes: vec![programme],
        };
        store
            .import_agenda(&event_id(), &change, &import("agenda", &bytes), NOON)
            .unwrap();
        let mut kiosk = enrol(store.as_ref(), "main", 1);
        kiosk.boot(BootCause::Start);
        let world = Self {
            store,
            objects,
            kiosk,
            sent: 0,
            _folder: folder,
        };
        world.register(&["X1", "X2"]);
        world
    }

    fn register(&self, badges: &[&str]) {
        let registration = |badge: &&str| {
            protocol::agenda::Registration::plain(attendee(badge), vec![badge_key().digest(badge)])
        };
        let document = Registrations {
            v: 1,
            badge_key: badge_key().id(),
            registrations: badges.iter().map(registration).collect(),
        };
        let bytes = object_bytes(&document);
        self.objects.put(&bytes).unwrap();
        let changes: Vec<PersonChange> = document
            .registrations
            .iter()
            .map(|row| PersonChange {
                attendee: row.attendee.clone(),
                key: b"key".to_vec(),
                sealed: b"sealed".to_vec(),
                badge: (row.badges[0], b"row".to_vec()),
                registration: row.clone(),
            })
            .collect();
        let base = self.store.roster(&event_id()).unwrap().base;
        let import = import("registrations", &bytes);
        self.store
            .import_registrations(&event_id(), base, &changes, &import, NOON)
            .unwrap();
    }

    /// Lets the kiosk write entries until its next one is of the given second.
    fn wait_until(&mut self, second: u64) {
        while self.kiosk.size() < second {
            self.kiosk.note("tick");
        }
    }

    fn scan(&mut self, second: u64, badge: &str, direction: Direction) {
        self.wait_until(second);
        self.kiosk.scan(badge, direction);
    }

    fn send(&mut self) {
        let size = self.kiosk.size();
        self.kiosk.send(self.store.as_ref(), self.sent, size);
        self.sent = size;
    }

    fn run(&self, decider: &mut Decider, second: i64) -> Run {
        decider.settle(NOON.plus_ms(second * 1_000)).unwrap()
    }

    fn decider(&self) -> Decider {
        Decider::new(
            self.store.clone(),
            self.objects.clone(),
            crate::testing::ISSUER,
            issuer_key().public_key(),
        )
    }

    fn decision(&self, badge: &str) -> DecisionFacts {
        self.store
            .decision(&event_id(), &attendee(badge), &programme_id())
            .unwrap()
            .unwrap()
    }

    fn ledger_decisions(&self) -> Vec<protocol::ledger::Decision> {
        let entries = self.store.ledger_entries(&event_id(), 0, 1_000).unwrap();
        let bodies = entries.iter().map(|e| {
            protocol::ledger::parse(e.bytes.as_ref().unwrap())
                .unwrap()
                .body
        });
        bodies
            .filter_map(|body| match body {
                LedgerBody::Decision(decision) => Some(decision),
                _ => None,
            })
            .collect()
    }
}

fn agenda(rules: &str) -> Agenda {
    Agenda {
        v: 1,
        zone: "Europe/Vienna".into(),
        rooms: vec![protocol::agenda::Room {
            id: "hall".parse().unwrap(),
            title: "Hall".into(),
            part_of: None,
        }],
        doors: vec![door("main")],
        channels: Vec::new(),
        sessions: vec![protocol::agenda::Session {
            title: "S".into(),
            programme: Some(programme_id()),
            ..protocol::agenda::Session::plain(
                "s1".parse().unwrap(),
                "hall".parse().unwrap(),
                NOON,
                NOON.plus_ms(40_000),
            )
        }],
        programmes: vec![protocol::agenda::Programme {
            id: programme_id(),
            title: "Main".into(),
            rules: Some(rules.to_owned()),
        }],
    }
}

#[test]
fn live_until_the_door_has_passed_the_end_then_final_once() {
    let mut world = World::new();
    let mut decider = world.decider();
    world.scan(2, "X1", Direction::In);
    world.scan(35, "X1", Direction::Out);
    world.send();
    world.run(&mut decider, 45);
    // The session is over, but the door's entries reach second 35 only: what it may still hold could matter.
    assert!(!world.decision("X1").complete);
    assert_eq!(world.ledger_decisions(), []);

    world.wait_until(43);
    world.send();
    let run = world.run(&mut decider, 46);
    assert_eq!(run.written, 2, "one for each person");
    let decided = world.decision("X1");
    assert_eq!(
        (decided.outcome, decided.credits.unwrap().to_string()),
        (Outcome::Partial, "3".into())
    );
    assert_eq!(world.decision("X2").outcome, Outcome::None);
    // The object in the store is the decision that the ledger names, and its basis is there too.
    let named = world
        .ledger_decisions()
        .into_iter()
        .find(|d| d.attendee == attendee("X1"))
        .unwrap();
    let document: DecisionDoc =
        serde_json::from_slice(&world.objects.get(named.decision).unwrap().unwrap()).unwrap();
    assert_eq!(document.explanation, decided.explanation);
    assert!(world.objects.get(named.basis).unwrap().is_some());

    // Nothing new: neither another run nor another decider writes again.
    assert_eq!(world.run(&mut decider, 50).written, 0);
    assert_eq!(world.run(&mut world.decider(), 60).written, 0);
    assert_eq!(world.ledger_decisions().len(), 2);
}

#[test]
fn late_evidence_re_decides_whom_it_touches() {
    let mut world = World::new();
    let mut decider = world.decider();
    world.scan(2, "X1", Direction::In);
    world.wait_until(43);
    world.send();
    world.run(&mut decider, 50);
    assert_eq!(world.decision("X1").outcome, Outcome::Partial);

    // A registration whose badge was scanned before anybody knew it is decided from those scans.
    world.scan(44, "X3", Direction::In);
    world.send();
    world.register(&["X1", "X2", "X3"]);
    let run = world.run(&mut decider, 60);
    assert_eq!(world.decision("X3").outcome, Outcome::None);
    assert_eq!(
        run.written, 1,
        "the others' decisions say the same as before"
    );
}

#[test]
fn what_cannot_be_decided_is_put_off_and_said() {
    let mut world = World::new();
    let mut decider = world.decider();
    world.scan(2, "X1", Direction::In);
    world.wait_until(43);
    world.send();
    let rules = evidence::sha256(RULES.as_bytes()).to_hex();
    std::fs::remove_file(
        world
            ._folder
            .path()
            .join("objects")
            .join(&rules[..2])
            .join(&rules),
    )
    .unwrap();
    let run = decider.run_once(NOON.plus_ms(50_000)).unwrap();
    assert_eq!((run.decided, run.put_off), (0, 2));
    let alarms = world.store.alarms(&event_id()).unwrap();
    assert!(
        alarms
            .iter()
            .any(|a| a.code == "cannot_decide" && a.detail.contains(&rules)),
        "{alarms:?}"
    );

    // Restored, it is decided by itself once its time has come.
    world.objects.put(RULES.as_bytes()).unwrap();
    assert_eq!(decider.run_once(NOON.plus_ms(70_000)).unwrap().written, 2);
}

#[test]
fn a_candidate_is_tried_and_changes_nothing() {
    let mut world = World::new();
    world.scan(5, "X1", Direction::In);
    world.scan(40, "X1", Direction::Out);
    world.wait_until(45);
    world.send();
    let mut decider = world.decider();
    world.run(&mut decider, 60);
    let (decided, due) = (
        world.store.decisions(&event_id()).unwrap(),
        world.store.due_count(&event_id()).unwrap(),
    );
    let ledger = world.store.ledger_head(&event_id()).unwrap();
    let now = NOON.plus_ms(61_000);
    let simulate = |text: &str| {
        let rules = protocol::rules::parse(text).unwrap();
        let all = decider.simulate(&event_id(), &programme_id(), rules, now);
        all.unwrap().unwrap()
    };

    let same = simulate(&RULES.replace("name = \"test\"", "name = \"other\""));
    assert_eq!(same.len(), 2, "everybody who is registered");
    assert!(same.iter().all(|change| !change.matters()));

    let dearer = simulate(&RULES.replace("\"10\"", "\"20\""));
    let changed: Vec<&simulate::Change> = dearer.iter().filter(|c| c.matters()).collect();
    assert_eq!(changed.len(), 1, "who was not there has nothing under both");
    assert_eq!(changed[0].attendee, attendee("X1"));
    let credits = |decision: &attendance::Decision| decision.credits.unwrap().to_string();
    let (before, after) = (&changed[0].before, &changed[0].after);
    assert_eq!((credits(before), credits(after)), ("3".into(), "1".into()));

    assert_eq!(world.store.decisions(&event_id()).unwrap(), decided);
    assert_eq!(world.store.due_count(&event_id()).unwrap(), due);
    assert_eq!(world.store.ledger_head(&event_id()).unwrap(), ledger);
}

/// An issuer's clock that was set while a door was open: what its two words leave open is open again, and staff are told.
#[test]
fn a_clock_that_comes_to_contradict_itself_undoes_what_was_certain() {
    let mut world = World::new();
    let mut decider = world.decider();
    world.kiosk.clock(0);
    world.scan(3, "X1", Direction::In);
    world.scan(35, "X1", Direction::Out);
    world.wait_until(43);
    world.kiosk.clock(0);
    world.send();
    world.run(&mut decider, 46);
    let before = world.decision("X1");
    assert_eq!((before.outcome, before.complete), (Outcome::Partial, true));
    let alarms = || {
        let alarms = world.store.alarms(&event_id()).unwrap();
        alarms
            .into_iter()
            .filter(|a| a.code == "clock_contradictory")
    };
    assert_eq!(alarms().count(), 0);

    let mut kiosk = world.kiosk.clone();
    kiosk.clock(600_000);
    kiosk.send(world.store.as_ref(), world.sent, kiosk.size());
    world.run(&mut decider, 50);
    let after = world.decision("X1");
    assert_eq!(after.outcome, Outcome::Review, "{}", after.explanation);
    let subjects: Vec<String> = alarms().map(|a| a.subject).collect();
    assert_eq!(subjects, [kiosk.id().to_string()]);
    // Another program on the same database, which has not seen the log before, comes to the same and writes nothing.
    let written = world.ledger_decisions();
    let run = world.run(&mut world.decider(), 51);
    assert!(run.decided > 0, "{run:?}");
    assert_eq!(world.decision("X1").explanation, after.explanation);
    assert_eq!(world.ledger_decisions(), written);
}
