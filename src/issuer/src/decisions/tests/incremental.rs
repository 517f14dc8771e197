//! What other sources saw in decisions, and that deciding step by step comes to what deciding at the end does.

use proptest::prelude::*;
use protocol::agenda::{Channel, Registration};
use protocol::ledger;
use protocol::signals::{Row, RowKind, Signals};
use protocol::subject::SubjectDigest;

use super::*;
use crate::store::signals::{NewSignals, RegistrationsChange};

const BADGES: [&str; 3] = ["X1", "X2", "X3"];
const CHANNEL: &str = "zoom/1";

fn subject(text: &str) -> SubjectDigest {
    SubjectDigest::of(&badge_key(), "zoom", text).unwrap()
}

fn row(account: &str, kind: RowKind, second: i64) -> Row {
    let at = NOON.plus_ms(second * 1_000);
    Row {
        subjects: vec![subject(account)],
        attendee: None,
        kind,
        channel: Some(CHANNEL.to_owned()),
        room: None,
        session: None,
        device: None,
        poll: None,
        earliest: at,
        latest: at,
        reason: None,
    }
}

impl World {
    fn take(&self, rows: Vec<Row>) -> u64 {
        let object = Signals {
            v: 1,
            source: attendance::words::Source::Platform,
            system: "zoom".to_owned(),
            rows: rows.clone(),
        };
        let object = self.objects.put(&object_bytes(&object)).unwrap();
        let head = self.store.ledger_head(&event_id()).unwrap().size;
        let key = |n: usize| evidence::sha256(format!("{head}.{n}").as_bytes());
        let signals = NewSignals {
            source: attendance::words::Source::Platform,
            entry: ledger::Signals {
                source: "zoom".to_owned(),
                object,
                file: object,
                rows: rows.len() as u64,
                operator: None,
                reason: None,
            },
            rows: rows
                .into_iter()
                .enumerate()
                .map(|(n, row)| (row, key(n)))
                .collect(),
            people: Vec::new(),
            unplaced: Vec::new(),
            note: None,
        };
        self.store
            .take_signals(&event_id(), &signals, NOON)
            .unwrap()
    }

    fn retract(&self, entry: u64, row: Option<u32>) {
        let retraction = ledger::Retraction {
            entry,
            row,
            reason: "wrong".to_owned(),
            operator: "ann".to_owned(),
        };
        // One that is taken back already stays so.
        let _ = self.store.retract(&event_id(), &retraction, None, NOON);
    }

    fn change(&self, badge: &str, edit: impl FnOnce(&mut Registration)) {
        let roster = self.store.roster(&event_id()).unwrap();
        let mut all = roster.registrations;
        let held = all.get_mut(&attendee(badge)).unwrap();
        edit(held);
        held.accounts.sort();
        held.accounts.dedup();
        let changed = held.clone();
        let document = Registrations {
            v: 1,
            badge_key: badge_key().id(),
            registrations: all.into_values().collect(),
        };
        let bytes = object_bytes(&document);
        self.objects.put(&bytes).unwrap();
        let change = RegistrationsChange {
            base: roster.base,
            registrations: vec![changed],
            words: Vec::new(),
            import: import("registrations", &bytes),
            note: None,
        };
        self.store
            .change_registrations(&event_id(), &change, NOON)
            .unwrap();
    }

    fn list(&self, badge: &str, account: &str) {
        self.change(badge, |held| held.accounts.push(subject(account)));
    }

    /// Brings an agenda into force whose session ends at another second, with or without the channel.
    fn agenda(&self, end: i64, has_channel: bool) {
        let base = self.store.version(&event_id(), Versioned::Agenda).unwrap();
        let rules = evidence::sha256(RULES.as_bytes());
        let mut agenda = agenda(&rules.to_hex());
        agenda.sessions[0].end = NOON.plus_ms(end * 1_000);
        if has_channel {
            agenda.channels.push(Channel {
                id: CHANNEL.to_owned(),
                title: "Stream".to_owned(),
                rooms: vec!["hall".parse().unwrap()],
            });
        }
        let bytes = object_bytes(&agenda);
        let object = self.objects.put(&bytes).unwrap();
        if base.is_some_and(|version| version.object == object) {
            return;
        }
        let change = AgendaChange {
            base: base.map(|version| version.object),
            object,
            programmes: vec![crate::store::events::ProgrammeFacts {
                id: programme_id(),
                title: "Main".into(),
                rules: Some(rules),
            }],
        };
        self.store
            .import_agenda(&event_id(), &change, &import("agenda", &bytes), NOON)
            .unwrap();
    }

    /// What each person's decision says, whatever it rests on.
    fn said(&self) -> Vec<String> {
        let say = |badge: &&str| {
            let held = self
                .store
                .decision(&event_id(), &attendee(badge), &programme_id())
                .unwrap();
            let Some(facts) = held else {
                return "nothing".to_owned();
            };
            let final_object = facts.last_final.map(|(_, object)| object);
            let bytes = final_object.and_then(|object| self.objects.get(object).unwrap());
            let document = bytes.map(|bytes| {
                let read: DecisionDoc = serde_json::from_slice(&bytes).unwrap();
                DecisionDoc {
                    basis: String::new(),
                    ..read
                }
            });
            format!(
                "{} {:?} {} {} {document:?}",
                facts.outcome, facts.credits, facts.reason, facts.explanation
            )
        };
        BADGES.iter().map(say).collect()
    }

    fn finish(&mut self) {
        self.wait_until(95);
        self.send();
    }
}

fn credits(world: &World, badge: &str) -> String {
    let decided = world.decision(badge);
    decided
        .credits
        .map_or_else(|| decided.reason.to_string(), |credits| credits.to_string())
}

#[test]
fn what_a_platform_saw_counts_where_the_agenda_knows_its_channel() {
    let mut world = World::new();
    let mut decider = world.decider();
    world.finish();
    world.list("X1", "ada");
    let entry = world.take(vec![
        row("ada", RowKind::In, 5),
        row("ada", RowKind::Out, 28),
    ]);
    world.run(&mut decider, 100);
    assert_eq!(credits(&world, "X1"), "0");
    world.agenda(40, true);
    world.run(&mut decider, 101);
    assert_eq!(credits(&world, "X1"), "2");
    let document: DecisionDoc = {
        let (_, object) = world.decision("X1").last_final.unwrap();
        serde_json::from_slice(&world.objects.get(object).unwrap().unwrap()).unwrap()
    };
    let evidence: Vec<_> = document.evidence.iter().map(|e| (e.index, e.row)).collect();
    assert_eq!(evidence, [(entry, Some(0)), (entry, Some(1))]);

    // One row taken back, then nothing of it left.
    world.retract(entry, Some(1));
    world.run(&mut decider, 102);
    assert_eq!(credits(&world, "X1"), "3", "the end is inferred now");
    world.retract(entry, None);
    world.run(&mut decider, 103);
    assert_eq!(credits(&world, "X1"), "0");
}

#[test]
fn an_account_of_two_is_nobodys_until_one_is_said() {
    let mut world = World::new();
    let mut decider = world.decider();
    world.agenda(40, true);
    world.finish();
    world.take(vec![
        row("ada", RowKind::In, 5),
        row("ada", RowKind::Out, 38),
    ]);
    let both = |world: &World| (credits(world, "X1"), credits(world, "X2"));
    for (second, badge, expected) in [(100, "X1", ("3", "0")), (101, "X2", ("0", "0"))] {
        world.list(badge, "ada");
        world.run(&mut decider, second);
        assert_eq!(both(&world), (expected.0.into(), expected.1.into()));
    }
    world.change("X1", |held| held.accounts.clear());
    world.run(&mut decider, 102);
    assert_eq!(both(&world), ("0".into(), "3".into()));
}

#[test]
fn an_assistants_badge_counts_for_both() {
    let mut world = World::new();
    let mut decider = world.decider();
    world.change("X1", |held| held.assistants.push(badge_key().digest("X2")));
    world.scan(2, "X2", Direction::In);
    world.scan(39, "X2", Direction::Out);
    world.finish();
    world.run(&mut decider, 100);
    assert_eq!(credits(&world, "X1"), "3");
    assert_eq!(credits(&world, "X2"), "3");
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Scan(usize, bool, u64),
    Take(Vec<(usize, bool, i64)>),
    Retract(usize, Option<u32>),
    List(usize, usize),
    Forget(usize),
    Agenda(i64, bool),
    Decide,
}

fn step() -> impl Strategy<Value = Step> {
    let seen = (0_usize..3, any::<bool>(), 0_i64..60);
    prop_oneof![
        3 => (0_usize..3, any::<bool>(), 1_u64..6).prop_map(|(b, i, s)| Step::Scan(b, i, s)),
        3 => proptest::collection::vec(seen, 1..4).prop_map(Step::Take),
        2 => (0_usize..4, proptest::option::of(0_u32..3)).prop_map(|(e, r)| Step::Retract(e, r)),
        2 => (0_usize..3, 0_usize..3).prop_map(|(b, a)| Step::List(b, a)),
        1 => (0_usize..3).prop_map(Step::Forget),
        1 => (20_i64..60, any::<bool>()).prop_map(|(e, c)| Step::Agenda(e, c)),
        3 => Just(Step::Decide),
    ]
}

const ACCOUNTS: [&str; 3] = ["ada", "bea", "eve"];

impl World {
    fn play(&mut self, step: &Step, entries: &mut Vec<u64>) {
        let direction = |is_in: bool| if is_in { Direction::In } else { Direction::Out };
        let kind = |is_in: bool| if is_in { RowKind::In } else { RowKind::Out };
        match step {
            Step::Scan(badge, is_in, wait) => {
                let second = self.kiosk.size() + wait;
                self.scan(second, BADGES[*badge], direction(*is_in));
                self.send();
            }
            Step::Take(seen) => {
                let rows = seen
                    .iter()
                    .map(|(a, is_in, s)| row(ACCOUNTS[*a], kind(*is_in), *s));
                entries.push(self.take(rows.collect()));
            }
            Step::Retract(entry, row) => {
                if let Some(entry) = entries.get(*entry) {
                    self.retract(*entry, *row);
                }
            }
            Step::List(badge, account) => self.list(BADGES[*badge], ACCOUNTS[*account]),
            Step::Forget(badge) => self.change(BADGES[*badge], |held| held.accounts.clear()),
            Step::Agenda(end, has_channel) => self.agenda(*end, *has_channel),
            Step::Decide => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn step_by_step_comes_to_what_all_at_the_end_does(steps in proptest::collection::vec(step(), 1..14)) {
        let mut world = World::new();
        world.register(&BADGES);
        let mut decider = world.decider();
        let mut entries = Vec::new();
        for step in &steps {
            world.play(step, &mut entries);
            if matches!(step, Step::Decide) {
                world.run(&mut decider, 70);
            }
        }
        world.finish();
        world.run(&mut decider, 100);
        let step_by_step = world.said();
        world.store.make_all_due(&event_id(), NOON).unwrap();
        let run = world.run(&mut world.decider(), 100);
        prop_assert_eq!(&world.said(), &step_by_step);
        prop_assert_eq!(run.written, 0, "deciding everybody again wrote something new");

        // A world in which nobody decided before the end.
        let mut other = World::new();
        other.register(&BADGES);
        let mut entries = Vec::new();
        for step in &steps {
            other.play(step, &mut entries);
        }
        other.finish();
        other.run(&mut other.decider(), 100);
        let strip = |said: Vec<String>| -> Vec<String> {
            // Ledger indices differ by the decisions in between; what was decided does not.
            said.into_iter().map(|text| text.split(" Some(DecisionDoc").next().unwrap_or_default().to_owned()).collect()
        };
        prop_assert_eq!(strip(other.said()), strip(step_by_step));
    }
}

/// One late signal reads no object that grows with the event, and what a reviewer changes is read once.
#[test]
fn a_late_signal_reads_what_it_weighs() {
    let objects_read = |people: usize| {
        let mut world = World::new();
        let mut decider = world.decider();
        let badges: Vec<String> = (1..=people).map(|n| format!("X{n}")).collect();
        world.register(&badges.iter().map(String::as_str).collect::<Vec<_>>());
        world.scan(2, "X1", Direction::In);
        world.wait_until(43);
        world.send();
        assert_eq!(world.run(&mut decider, 50).written, people);
        // The names of the objects that a run reads beside the decision that stands, and the bytes of that one.
        let mut read = |world: &World, second: i64| {
            let held = world.decision("X1").last_final.unwrap().1;
            world.objects.take_reads();
            let run = decider.run_once(NOON.plus_ms(second * 1_000)).unwrap();
            assert_eq!((run.decided, run.put_off), (1, 0));
            let (own, others): (Vec<_>, Vec<_>) = world
                .objects
                .take_reads()
                .into_iter()
                .partition(|(name, _)| *name == held);
            let names: Vec<Hash> = others.into_iter().map(|(name, _)| name).collect();
            (names, own)
        };
        let mut bytes = Vec::new();
        for second in [44, 45] {
            world.scan(second, "X1", Direction::In);
            world.send();
            let (others, own) = read(&world, 60);
            assert_eq!(others, []);
            bytes.extend(own.into_iter().map(|(_, bytes)| bytes));
        }
        world.list("X1", "a");
        let registrations = world.store.roster(&event_id()).unwrap().base.unwrap();
        assert_eq!(read(&world, 61).0, [registrations]);
        bytes
    };
    let (small, large) = (objects_read(2), objects_read(200));
    assert_eq!((small.len(), &small), (2, &large), "bytes");
}
