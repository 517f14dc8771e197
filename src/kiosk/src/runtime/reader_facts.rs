//! What is known of each reader, and what of it is journalled.
//!
//! Promises: the pages know at once how a reader is. The journal is told as well, but not without end: a loose plug or a line at the wrong
//! speed makes a burst of entries and then one now and then, of which the last says how it is. What came while nothing could be recorded is
//! told once it can be.

use std::collections::BTreeMap;

use attendance::UtcMs;
use attendance::words::{Direction, ReaderId, Verdict};
use protocol::entry::{Body, ReaderState};
use protocol::status::ReaderStatus;

use super::keeper::{Keeper, State};
use crate::allowance::Allowance;
use crate::config::{DeviceConfig, ReaderConfig};
use crate::door::Door;
use crate::readers::{KeyboardLayout, RawScan, ReaderEvent, Refusal, Shape, reread};
use crate::screen::view;

/// How much rubbish in how long is a flood.
const FLOOD_MIN: u64 = 100;
const FLOOD_MS: u64 = 60_000;
/// Entries that one reader may make at once, and how soon another: a loose plug must not fill the journal.
const READER_BURST: u32 = 120;
const READER_EVERY_MS: u64 = 10_000;

/// What is known of one reader.
#[derive(Clone, Debug)]
pub(super) struct ReaderFacts {
    pub(super) direction: Option<Direction>,
    kind: &'static str,
    state: ReaderState,
    since: UtcMs,
    pub(super) last_event: Option<UtcMs>,
    pub(super) scans: u64,
    refused: u64,
    /// Refused reads since the last entry of this reader.
    refused_since: u64,
    /// Refused reads of the minute that began then.
    flood: (UtcMs, u64),
    allowance: Allowance,
    /// Its state has changed since its last entry.
    pub(super) untold: bool,
    rejected: BTreeMap<String, u64>,
    /// Why it is lost, for people.
    pub(super) why: Option<String>,
    advice: Option<&'static str>,
    last_read: Option<view::LastRead>,
    /// The keyboard on which it types, where it may.
    keyboard: Option<KeyboardLayout>,
    /// The keyboard on which its last code would have been a badge of this event.
    typed_for: Option<KeyboardLayout>,
}

impl ReaderFacts {
    pub(super) fn of_config(readers: &[ReaderConfig], now: UtcMs) -> BTreeMap<ReaderId, Self> {
        let facts = |reader: &ReaderConfig| Self {
            direction: reader.direction,
            kind: match reader.device {
                DeviceConfig::Serial(_) => "serial",
                DeviceConfig::Hid(_) => "hid",
                DeviceConfig::Lines(_) => "lines",
                DeviceConfig::Camera(_) => "camera",
            },
            state: ReaderState::Lost,
            since: now,
            last_event: None,
            scans: 0,
            refused: 0,
            refused_since: 0,
            flood: (now, 0),
            allowance: Allowance::new(READER_BURST, READER_EVERY_MS),
            untold: false,
            rejected: BTreeMap::new(),
            why: None,
            advice: None,
            last_read: None,
            keyboard: reader.device.keyboard(),
            typed_for: None,
        };
        readers
            .iter()
            .map(|reader| (reader.name.clone(), facts(reader)))
            .collect()
    }

    /// Rubbish came. Whether that is a flood.
    pub(super) fn reject(&mut self, code: Refusal, count: u32, now: UtcMs) -> bool {
        let count = u64::from(count);
        self.refused = self.refused.saturating_add(count);
        self.refused_since = self.refused_since.saturating_add(count);
        let of_code = self.rejected.entry(code.code().to_owned()).or_default();
        *of_code = of_code.saturating_add(count);
        self.last_event = Some(now);
        self.advice = Some(code.advice());
        let (began, in_minute) = self.flood;
        self.flood = if now.0.abs_diff(began.0) > FLOOD_MS {
            (now, count)
        } else {
            (began, in_minute.saturating_add(count))
        };
        self.flood.1 >= FLOOD_MIN
    }

    /// A flood is over when half a minute brought too little for one, or nothing came for two.
    pub(super) fn calm_down(&mut self, now: UtcMs) {
        let (began, count) = self.flood;
        let for_ms = now.0.abs_diff(began.0);
        let is_over = (count < FLOOD_MIN && for_ms > FLOOD_MS / 2) || for_ms > 2 * FLOOD_MS;
        if self.state == ReaderState::Flooding && is_over {
            self.turn(ReaderState::Attached, now);
            self.untold = true;
        }
    }

    /// What it came to, to be journalled now; otherwise it is once it may be.
    pub(super) fn entry(&mut self, reader: &ReaderId, now_ms: u64) -> Option<Body> {
        self.untold = !self.allowance.take(now_ms);
        (!self.untold).then(|| {
            Body::Reader(protocol::entry::Reader {
                reader: reader.clone(),
                state: self.state,
                refused: std::mem::take(&mut self.refused_since),
            })
        })
    }

    /// Its entry was not made; what it refused is counted in the next one.
    pub(super) fn untell(&mut self, refused: u64) {
        self.untold = true;
        self.allowance.give_back();
        self.refused_since = self.refused_since.saturating_add(refused);
    }

    /// A code came.
    pub(super) fn read(&mut self, scan: &RawScan, now: UtcMs) {
        let shape = Shape::of(scan);
        self.scans = self.scans.saturating_add(1);
        self.last_event = Some(now);
        self.last_read = Some(view::LastRead {
            at_ms: now.0,
            characters: shape.characters,
            kinds: shape.kinds,
            symbology: shape.symbology,
        });
    }

    /// The door has answered what was read. A badge that is one on another keyboard tells that the scanner types for another country.
    pub(super) fn answered(&mut self, scan: &RawScan, verdict: Verdict, door: &Door) {
        let Some(keyboard) = self.keyboard else {
            return;
        };
        self.typed_for = match verdict {
            Verdict::UnknownBadge => KeyboardLayout::ALL.into_iter().find(|other| {
                *other != keyboard
                    && reread(&scan.text, keyboard, *other)
                        .is_some_and(|text| text != scan.text && door.knows(&text, &scan.stamp))
            }),
            _ => None,
        };
    }

    /// How it is, for the page.
    pub(super) fn shown(&self, name: &ReaderId) -> view::ReaderStatus {
        view::ReaderStatus {
            name: name.to_string(),
            kind: self.kind.to_owned(),
            state: self.state,
            since_ms: self.since.0,
            last_event_ms: self.last_event.map(|at| at.0),
            rejected: self.rejected.clone(),
            advice: self.advice.map(str::to_owned),
            why: self.trouble(name),
            last_read: self.last_read.clone(),
        }
    }

    /// How it is, for the issuer.
    pub(super) fn told(&self, name: &ReaderId) -> ReaderStatus {
        ReaderStatus {
            reader: name.to_string(),
            kind: self.kind.to_owned(),
            state: state_word(self.state).to_owned(),
            scans: self.scans,
            refused: self.refused,
        }
    }

    /// What somebody should act on, as a code, since when and how.
    pub(super) fn alarm(&self, name: &ReaderId) -> Option<(&'static str, UtcMs, String)> {
        if self.state != ReaderState::Attached {
            return Some((state_word(self.state), self.since, self.step(name)));
        }
        let since = self.last_event.unwrap_or(self.since);
        self.typed_for
            .and_then(|_| self.trouble(name))
            .map(|step| ("keyboard_other", since, step))
    }

    /// What to do where it is not as it should be.
    fn step(&self, name: &ReaderId) -> String {
        match (self.state, &self.why, self.advice) {
            (ReaderState::Flooding, _, Some(advice)) => {
                format!("Look at reader {name}, it gives rubbish: {advice}")
            }
            (ReaderState::Lost, Some(why), _) => format!("Look at reader {name}: {why}"),
            (ReaderState::Stalled, ..) => {
                format!("Unplug reader {name} and plug it in again: it does not answer.")
            }
            _ => format!("Check the plug and power of reader {name}."),
        }
    }

    /// What is wrong with it and what to do, where something is.
    fn trouble(&self, name: &ReaderId) -> Option<String> {
        let typed_for = self.typed_for.map(|other| {
            format!(
                "Scanner {name} types for another country: write keyboard = \"{}\" in its block and restart the kiosk.",
                other.word()
            )
        });
        self.why.clone().or(typed_for)
    }

    pub(super) fn turn(&mut self, state: ReaderState, now: UtcMs) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }
}

fn state_word(state: ReaderState) -> &'static str {
    match state {
        ReaderState::Attached => "attached",
        ReaderState::Lost => "lost",
        ReaderState::Stalled => "stalled",
        ReaderState::Flooding => "flooding",
    }
}

impl Keeper {
    /// Remembers what a reader said. Gives what of it is to be journalled.
    pub(super) fn note_reader(&mut self, event: &ReaderEvent, now: UtcMs) -> Option<Body> {
        let now_ms = self.raw_now_ms();
        let (reader, state) = match event {
            ReaderEvent::Scan(scan) => {
                let facts = self.readers.get_mut(&scan.reader)?;
                facts.read(scan, now);
                return None;
            }
            ReaderEvent::Rejected {
                reader,
                code,
                count,
            } => {
                let facts = self.readers.get_mut(reader)?;
                if !facts.reject(*code, *count, now) {
                    return None;
                }
                (reader, ReaderState::Flooding)
            }
            ReaderEvent::Attached { reader } => (reader, ReaderState::Attached),
            ReaderEvent::Lost { reader, why } => {
                tracing::warn!(%reader, code = why.kind.code(), detail = why.detail, "reader lost");
                (reader, ReaderState::Lost)
            }
            ReaderEvent::Stalled { reader } => (reader, ReaderState::Stalled),
        };
        let facts = self.readers.get_mut(reader)?;
        facts.turn(state, now);
        facts.why = match event {
            ReaderEvent::Lost { why, .. } => Some(why.detail.clone()),
            _ => None,
        };
        tracing::info!(%reader, state = ?state, "reader");
        facts.entry(reader, now_ms)
    }

    /// Journals what readers came to that could not be said at once, as far as it may be now.
    pub(super) fn say_readers(&mut self) {
        let (now, now_ms) = ((self.place.clock)().wall, self.raw_now_ms());
        for facts in self.readers.values_mut() {
            facts.calm_down(now);
        }
        if !matches!(self.state, State::Recording(_)) {
            return;
        }
        let readers = self.readers.iter_mut();
        let due: Vec<Body> = readers
            .filter(|(_, facts)| facts.untold)
            .filter_map(|(reader, facts)| facts.entry(reader, now_ms))
            .collect();
        for body in due {
            if self.append_own(body.clone()).is_err() {
                self.untell(&body);
            }
        }
    }

    pub(super) fn untell_all(&mut self, events: &[(ReaderEvent, Option<Body>)]) {
        for body in events.iter().filter_map(|(_, body)| body.as_ref()) {
            self.untell(body);
        }
    }

    /// What a reader came to could not be journalled: it is told once it can be.
    fn untell(&mut self, body: &Body) {
        if let Body::Reader(entry) = body
            && let Some(facts) = self.readers.get_mut(&entry.reader)
        {
            facts.untell(entry.refused);
        }
    }
}

/// Whether a reader is another one to people after it.
pub(super) fn turns_reader(event: &ReaderEvent) -> bool {
    match event {
        ReaderEvent::Attached { .. } | ReaderEvent::Lost { .. } | ReaderEvent::Stalled { .. } => {
            true
        }
        ReaderEvent::Scan(_) | ReaderEvent::Rejected { .. } => false,
    }
}
