//! What lines do over time: a state machine that is told cues and the time, and gives levels.
//!
//! Promises: a newer cue interrupts at once. A light that shows the same again goes dark for a moment, so the next person sees that it is for
//! them. Whatever comes, no light lights up more than three times a second. A sound is played once. A relay is never on for longer than [`RELAY_MS_MAX`] in one go,
//! whatever comes, and rests [`RELAY_REST_MS`] at least between two pulses. Without further cues everything ends at the resting cue.
//!
//! Time is in milliseconds from any beginning. One that runs backwards counts as standing still.

use crate::config::{FLASH_MS_MIN, GpioConfig, RELAY_MS_MAX, Sound};

use super::Cue;

/// How long, in milliseconds, a relay rests between two pulses.
pub const RELAY_REST_MS: u64 = 500;
/// How long, in milliseconds, a light that shows the same again goes dark first.
const BLINK_MS: u64 = 120;
/// The pause, in milliseconds, between a sound that is broken off and the next.
const GAP_MS: u64 = 40;

/// What a line is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Inactive.
    Off,
    /// Active.
    On,
    /// By turns, so many times a second.
    Tone(u32),
}

/// The state machine.
#[derive(Debug)]
pub struct Player {
    config: GpioConfig,
    now_ms: u64,
    resting: Cue,
    shown: Cue,
    since_ms: u64,
    /// When lights last went dark to be seen anew.
    blinked_ms: Option<u64>,
    blinks: bool,
    sound: Option<(Sound, u64)>,
    lights: Vec<Light>,
    relays: Vec<Relay>,
}

/// One light over time.
#[derive(Debug, Clone, Copy, Default)]
struct Light {
    is_lit: bool,
    lit_ms: Option<u64>,
}

impl Light {
    /// When it may light up next.
    fn may_light_ms(&self) -> u64 {
        self.lit_ms
            .map_or(0, |lit_ms| lit_ms.saturating_add(u64::from(FLASH_MS_MIN)))
    }

    fn turn(&mut self, lit: bool, now_ms: u64) -> Level {
        if lit && !self.is_lit && now_ms >= self.may_light_ms() {
            self.is_lit = true;
            self.lit_ms = Some(now_ms);
        }
        self.is_lit &= lit;
        if self.is_lit { Level::On } else { Level::Off }
    }
}

/// One relay over time.
#[derive(Debug, Clone, Copy, Default)]
struct Relay {
    wanted_until_ms: u64,
    on_since_ms: Option<u64>,
    /// Before this it rests.
    rests_until_ms: u64,
}

impl Relay {
    fn pulse(&mut self, now_ms: u64, pulse_ms: u64) {
        let from_ms = now_ms.max(self.rests_until_ms);
        self.wanted_until_ms = from_ms.saturating_add(pulse_ms);
    }

    /// When it is to be let go.
    fn ends_ms(&self, since_ms: u64) -> u64 {
        let limit_ms = since_ms.saturating_add(u64::from(RELAY_MS_MAX));
        self.wanted_until_ms.min(limit_ms)
    }

    fn follow(&mut self, now_ms: u64) {
        if let Some(since_ms) = self.on_since_ms
            && now_ms >= self.ends_ms(since_ms)
        {
            self.on_since_ms = None;
            self.rests_until_ms = now_ms.saturating_add(RELAY_REST_MS);
        }
        if self.on_since_ms.is_none()
            && now_ms >= self.rests_until_ms
            && now_ms < self.wanted_until_ms
        {
            self.on_since_ms = Some(now_ms);
        }
    }

    fn due_ms(&self) -> Option<u64> {
        match self.on_since_ms {
            Some(since_ms) => Some(self.ends_ms(since_ms)),
            None if self.rests_until_ms < self.wanted_until_ms => Some(self.rests_until_ms),
            None => None,
        }
    }
}

impl Player {
    /// Nothing is shown yet.
    pub fn new(config: &GpioConfig) -> Self {
        Self {
            now_ms: 0,
            resting: Cue::DARK,
            shown: Cue::DARK,
            since_ms: 0,
            blinked_ms: None,
            blinks: false,
            sound: None,
            lights: vec![Light::default(); config.lights.len()],
            relays: vec![Relay::default(); config.relays.len()],
            config: config.clone(),
        }
    }

    /// Shows an answer, over whatever is shown.
    pub fn cue(&mut self, cue: Cue, now_ms: u64) {
        let now_ms = self.follow(now_ms);
        let is_anew = cue.lamp.is_some() && cue.lamp == self.shown.lamp;
        let may_blink = self
            .blinked_ms
            .is_none_or(|at_ms| now_ms >= at_ms.saturating_add(u64::from(FLASH_MS_MIN)));
        self.blinks = is_anew && may_blink;
        if self.blinks {
            self.blinked_ms = Some(now_ms);
        }
        if let Some(sound) = cue.sound {
            let gap_ms = if self.is_sounding() { GAP_MS } else { 0 };
            self.sound = Some((sound, now_ms.saturating_add(gap_ms)));
        }
        if let Some(passage) = cue.passage() {
            for (relay, config) in self.relays.iter_mut().zip(&self.config.relays) {
                if config.pulse_for.contains(&passage) {
                    relay.pulse(now_ms, u64::from(config.pulse_ms));
                }
            }
        }
        self.shown = cue;
        self.since_ms = now_ms;
        self.follow(now_ms);
    }

    /// What is shown between answers. An answer that is shown stays its time.
    pub fn rest_at(&mut self, cue: Cue, now_ms: u64) {
        let now_ms = self.follow(now_ms);
        let is_resting = self.shown.hold_ms.is_none();
        self.resting = Cue {
            sound: None,
            hold_ms: None,
            ..cue
        };
        if is_resting && self.shown != self.resting {
            self.shown = self.resting;
            self.since_ms = now_ms;
            self.blinks = false;
        }
    }

    /// What each output is to do now, in the order of [`super::output_lines`].
    pub fn levels(&mut self, now_ms: u64) -> Vec<Level> {
        let now_ms = self.follow(now_ms);
        let mut levels = Vec::with_capacity(self.config.lights.len() + 1 + self.relays.len());
        for index in 0..self.lights.len() {
            let config = &self.config.lights[index];
            let pattern = self.shown.lamp.and_then(|lamp| config.shows.get(&lamp));
            let lit = pattern.is_some_and(|pattern| self.is_lit(pattern, now_ms));
            levels.push(self.lights[index].turn(lit, now_ms));
        }
        if let Some(buzzer) = &self.config.buzzer {
            let pitch = |sound: Sound| match &buzzer.hertz {
                Some(hertz) => Level::Tone(hertz.get(&sound).copied().unwrap_or(sound.hertz())),
                None => Level::On,
            };
            let sounding = self.sound.filter(|_| self.is_sounding());
            levels.push(sounding.map_or(Level::Off, |(sound, _)| pitch(sound)));
        }
        levels.extend(self.relays.iter().map(|relay| match relay.on_since_ms {
            Some(_) => Level::On,
            None => Level::Off,
        }));
        levels
    }

    /// When [`Player::levels`] may change next, if no cue comes; `None` for never.
    pub fn due_ms(&self) -> Option<u64> {
        let now_ms = self.now_ms;
        let ends = self
            .shown
            .hold_ms
            .map(|hold_ms| self.since_ms.saturating_add(hold_ms));
        let seen = self.blinks.then(|| self.lit_from_ms());
        let lights = self.config.lights.iter().filter_map(|light| {
            let pattern = light.shows.get(&self.shown.lamp?)?;
            next_turn_ms(pattern, self.lit_from_ms(), now_ms)
        });
        let held_back = self.lights.iter().filter(|light| !light.is_lit);
        let held_back = held_back.map(Light::may_light_ms);
        let beeps = self.sound.and_then(|(sound, since_ms)| {
            let beeps = self.config.buzzer.as_ref()?.sounds.get(&sound)?;
            next_step_ms(beeps, since_ms, now_ms)
        });
        let relays = self.relays.iter().filter_map(Relay::due_ms);
        let all = ends
            .into_iter()
            .chain(seen)
            .chain(lights)
            .chain(held_back)
            .chain(beeps)
            .chain(relays);
        all.filter(|due_ms| *due_ms > now_ms).min()
    }

    /// Moves on to `now_ms`, or stays where it is if that lies behind. Gives the time in force.
    fn follow(&mut self, now_ms: u64) -> u64 {
        self.now_ms = self.now_ms.max(now_ms);
        let now_ms = self.now_ms;
        if let Some(hold_ms) = self.shown.hold_ms {
            let ends_ms = self.since_ms.saturating_add(hold_ms);
            if now_ms >= ends_ms {
                self.shown = self.resting;
                self.since_ms = ends_ms;
                self.blinks = false;
            }
        }
        for relay in &mut self.relays {
            relay.follow(now_ms);
        }
        now_ms
    }

    fn lit_from_ms(&self) -> u64 {
        let blink_ms = if self.blinks { BLINK_MS } else { 0 };
        self.since_ms.saturating_add(blink_ms)
    }

    /// Whether a light with this pattern is lit: over and over from when it began.
    fn is_lit(&self, pattern: &[u32], now_ms: u64) -> bool {
        let Some(at_ms) = now_ms.checked_sub(self.lit_from_ms()) else {
            return false;
        };
        match total_ms(pattern) {
            0 => true,
            total_ms => step_at(pattern, at_ms % total_ms).is_some_and(|step| step % 2 == 0),
        }
    }

    fn is_sounding(&self) -> bool {
        let Some((sound, since_ms)) = self.sound else {
            return false;
        };
        let buzzer = self.config.buzzer.as_ref();
        let beeps = buzzer.and_then(|buzzer| buzzer.sounds.get(&sound));
        let at_ms = self.now_ms.checked_sub(since_ms);
        let step = beeps
            .zip(at_ms)
            .and_then(|(beeps, at_ms)| step_at(beeps, at_ms));
        step.is_some_and(|step| step % 2 == 0)
    }
}

fn total_ms(pattern: &[u32]) -> u64 {
    pattern.iter().map(|step| u64::from(*step)).sum()
}

/// Which step of a pattern runs so long after its beginning; `None` after its end.
fn step_at(pattern: &[u32], at_ms: u64) -> Option<usize> {
    let mut ends_ms = 0;
    pattern.iter().position(|step| {
        ends_ms += u64::from(*step);
        at_ms < ends_ms
    })
}

/// When the step that runs at `now_ms` ends, of a pattern played once.
fn next_step_ms(pattern: &[u32], since_ms: u64, now_ms: u64) -> Option<u64> {
    let Some(at_ms) = now_ms.checked_sub(since_ms) else {
        return Some(since_ms);
    };
    let step = step_at(pattern, at_ms)?;
    Some(since_ms + total_ms(&pattern[..=step]))
}

/// The same of a pattern played over and over.
fn next_turn_ms(pattern: &[u32], since_ms: u64, now_ms: u64) -> Option<u64> {
    let total_ms = total_ms(pattern);
    let Some(at_ms) = now_ms.checked_sub(since_ms) else {
        return Some(since_ms);
    };
    let turns = at_ms.checked_div(total_ms)?;
    next_step_ms(pattern, since_ms + turns * total_ms, now_ms)
}
