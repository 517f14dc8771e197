//! What the keeper makes of the board's lines: a tamper switch that opens is journalled, the button switches the door's direction.

use std::collections::BTreeMap;

use attendance::UtcMs;
use attendance::words::Direction;
use protocol::entry::{Body, Note};

use super::keeper::{Keeper, State};
use crate::door::Door;
use crate::gpio::{Change, Tamper, Told};
use crate::screen::view::{GpioStatus, LinesStatus, TamperStatus};

/// Shortest time, in milliseconds, between two presses: a button that bounces or sticks must not fill the journal.
const PRESS_MS_MIN: u64 = 500;

/// What is known of the board's inputs.
#[derive(Debug, Default)]
pub(super) struct BoardFacts {
    /// By name.
    tampers: BTreeMap<String, Switch>,
    pressed_raw_ms: Option<u64>,
}

#[derive(Debug)]
struct Switch {
    line: u32,
    tamper: Tamper,
    since: UtcMs,
}

impl Keeper {
    /// An input changed.
    pub(super) fn take_change(&mut self, change: Change) {
        match change {
            Change::Pressed => self.press(),
            Change::Tamper { name, line, open } => {
                let since = (self.place.clock)().wall;
                let switches = &mut self.board.tampers;
                let switch = switches.entry(name).or_insert_with(|| Switch {
                    line,
                    tamper: Tamper::default(),
                    since,
                });
                if switch.tamper.change(open) {
                    switch.since = since;
                    tracing::warn!(line, open, "tamper switch");
                }
                self.say_tampers();
                self.publish_status();
            }
        }
    }

    /// Journals what tamper switches did, as far as that may be told now. What cannot be journalled is told once it can be.
    pub(super) fn say_tampers(&mut self) {
        if !matches!(self.state, State::Recording(_)) {
            return;
        }
        let now_ms = self.raw_now_ms();
        let names: Vec<String> = self.board.tampers.keys().cloned().collect();
        for name in names {
            let Some(switch) = self.board.tampers.get_mut(&name) else {
                continue;
            };
            let Some(told) = switch.tamper.due(now_ms) else {
                continue;
            };
            let note = note(switch.line, told);
            if self.append_own(Body::Note(note)).is_err() {
                if let Some(switch) = self.board.tampers.get_mut(&name) {
                    switch.tamper.untell(told);
                }
                return;
            }
        }
    }

    /// The button: in, then out, then by turns again. Nothing is shown before it is durable.
    fn press(&mut self) {
        let now_ms = self.raw_now_ms();
        let pressed = self.board.pressed_raw_ms.replace(now_ms);
        if pressed.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < PRESS_MS_MIN) {
            return;
        }
        let State::Recording(recorder) = &self.state else {
            return;
        };
        let direction = match recorder.door.staff_direction() {
            None => Some(Direction::In),
            Some(Direction::In) => Some(Direction::Out),
            Some(Direction::Out | Direction::Seen) => None,
        };
        let entry = Door::set_direction(direction, (self.place.clock)(), None);
        if self.append_own(entry.body).is_ok() {
            tracing::info!(?direction, "button");
            self.set_resting();
        }
    }

    /// The tamper switches that are open, each with since when.
    pub(super) fn open_tampers(&self) -> impl Iterator<Item = (&str, UtcMs)> {
        let switches = self.board.tampers.iter();
        let open = switches.filter(|(_, switch)| switch.tamper.is_open());
        open.map(|(name, switch)| (name.as_str(), switch.since))
    }

    /// How the lines stand, for the page; `None` where the kiosk has none.
    pub(super) fn gpio_status(&self) -> Option<GpioStatus> {
        let watch = self.outlets.board.as_ref()?;
        let lines = watch.standings().into_iter();
        let tampers = self.board.tampers.iter();
        Some(GpioStatus {
            lines: lines
                .map(|(lines, standing)| LinesStatus {
                    lines: lines.to_owned(),
                    state: standing.code().to_owned(),
                    trouble: standing.trouble(),
                })
                .collect(),
            tampers: tampers
                .map(|(name, switch)| TamperStatus {
                    name: name.clone(),
                    open: switch.tamper.is_open(),
                    since_ms: switch.since.0,
                })
                .collect(),
        })
    }
}

fn note(line: u32, told: Told) -> Note {
    let code = if told.open {
        "tamper_opened"
    } else {
        "tamper_closed"
    };
    Note {
        code: code.to_owned(),
        numbers: [
            ("changes".to_owned(), i64::from(told.changes)),
            ("line".to_owned(), i64::from(line)),
        ]
        .into(),
    }
}
