//! One late signal at events of several sizes: it may cost what it weighs, not what the event weighs.
//!
//! Each event has a database of its own, a session that is over, and everybody decided. Then, in turns, one scan that a door had kept back
//! comes to each, and the issuer's decider looks at what is due: one person.

use attendance::UtcMs;
use attendance::words::Direction;
use issuer::decisions::Decider;
use rollcall_tests::desk::{DoorLog, Office};
use rollcall_tests::world::{name, person};

use super::timed;
use crate::figures::{Figure, median};
use crate::{Amounts, progress};

/// What is aimed at: the largest event against the smallest.
const TIMES_SMALLEST: f64 = 1.5;
const MIN_MS: i64 = 60_000;
/// When the session begins: 2026-11-23T09:00:00Z.
const START: UtcMs = UtcMs(1_795_424_400_000);
const AGENDA: &str = "session,title,room,start,end,programme\n\
    one,One,hall,2026-11-23T09:00Z,2026-11-23T09:50Z,main\n\
    two,Two,hall,2026-11-23T10:00Z,2026-11-23T10:50Z,main\n";
const RULES: &str = "format = \"rollcall-rules/1\"\nname = \"Late\"\nminutes_per_credit = \"50\"\nstep = \"0.2\"\n\
    missing_check_out = \"last_signal\"\nmissing_check_in = \"none\"\n";

/// The cost of a late signal at each size.
pub(super) fn measure(amounts: &Amounts) -> Vec<Figure> {
    let mut events: Vec<Event> = amounts
        .events
        .iter()
        .map(|size| Event::new(*size))
        .collect();
    progress(&format!("{} late signals to each", amounts.late));
    for round in 0..amounts.late {
        for event in &mut events {
            event.late(round);
        }
    }
    let costs: Vec<f64> = events.iter().map(|event| median(&event.times_ms)).collect();
    let figures = amounts.events.iter().zip(&costs).map(|(size, cost)| {
        let name = format!("decide_late_{size}");
        if *size == amounts.events[0] {
            return Figure::new(&name, *cost, "ms", None);
        }
        Figure::new(&name, *cost, "ms", Some(costs[0])).judged(
            &format!(
                "at most {TIMES_SMALLEST} x an event of {}",
                amounts.events[0]
            ),
            *cost <= TIMES_SMALLEST * costs[0],
            amounts.judged,
        )
    });
    figures.collect()
}

struct Event {
    office: Office,
    door: DoorLog,
    decider: Decider,
    size: usize,
    now: UtcMs,
    times_ms: Vec<f64>,
}

impl Event {
    fn new(size: usize) -> Self {
        progress(&format!("an event of {size} people"));
        let before = START.plus_ms(-60 * MIN_MS);
        let office = Office::new("late", "Europe/Vienna", before);
        office.agenda(AGENDA, before);
        office.adopt("main", RULES, before);
        let mut people = "badge,name\n".to_owned();
        for number in 0..size {
            people.push_str(&format!("{},{}\n", person(number), name(number)));
        }
        office.registrations(&people, before);
        let mut door = office.door("hall-door", &["hall"], 1, before);
        door.switch_on(before, None);
        door.exchange(&office, before.plus_ms(MIN_MS));
        // A door sees as many at each event, so that its log is as long.
        for (number, second) in (0..200).zip(0_i64..) {
            door.scan(
                &office,
                START.plus_ms(second * 1_000),
                &person(number),
                Direction::In,
            );
        }
        let now = START.plus_ms(180 * MIN_MS);
        door.exchange(&office, now);
        door.deliver(&office, now);
        door.deliver(&office, now.plus_ms(1_000));
        let mut decider = office.decider();
        let now = now.plus_ms(MIN_MS);
        let run = decider.settle(now).expect("all are decided");
        assert!(run.decided >= size && run.put_off == 0, "{run:?}");
        Self {
            office,
            door,
            decider,
            size,
            now,
            times_ms: Vec::new(),
        }
    }

    fn late(&mut self, round: usize) {
        self.now = self.now.plus_ms(MIN_MS);
        // Others each time, all over the event.
        let whom = person(round * 7_919 % self.size);
        self.door
            .scan(&self.office, self.now.plus_ms(-1_000), &whom, Direction::In);
        self.door.deliver(&self.office, self.now);
        let mut made = 0;
        let seconds = timed(|| {
            made = self
                .decider
                .run_once(self.now)
                .expect("it is decided")
                .decided;
        });
        assert_eq!(made, 1, "one late signal touches one person");
        self.times_ms.push(seconds * 1_000.0);
    }
}
