//! The `[gpio]` block: lights, buzzer, relays, button and tamper switches on the lines of a board.
//!
//! Promises: every line is used once and by a name that no other of its kind has, patterns never flash more than three times a second, a
//! relay never asks for more than [`RELAY_MS_MAX`], a sound never for more than [`SOUND_MS_MAX`].

use std::collections::BTreeMap;

use attendance::words::MAX_ID_BYTES;
use serde::Deserialize;

use super::{Fault, ReaderConfig};

/// Longest time, in milliseconds, that a relay is ever driven without a pause. No configuration exceeds it.
pub const RELAY_MS_MAX: u32 = 10_000;
/// Shortest pulse of a relay, in milliseconds: less does not move an armature.
const RELAY_MS_MIN: u32 = 50;
/// Longest sound, in milliseconds, from its first beep to the end of its last.
const SOUND_MS_MAX: u32 = 300;
/// Pitches of a passive buzzer, in hertz.
const HERTZ_MIN: u32 = 500;
/// The highest pitch.
const HERTZ_MAX: u32 = 2_000;
/// Most lines of one kiosk.
const LINES_MAX: usize = 24;
/// Most tamper switches: the kernel takes each one's debounce time with it, and only so many.
const TAMPERS_MAX: usize = 4;
/// Most steps of a pattern.
const STEPS_MAX: usize = 16;
/// Shortest step of a pattern, in milliseconds.
const STEP_MS_MIN: u32 = 20;
/// Longest step of a pattern, in milliseconds.
const STEP_MS_MAX: u32 = 10_000;
/// Shortest time, in milliseconds, from one lighting-up to the next: three times a second is the most that is safe to look at.
pub const FLASH_MS_MIN: u32 = 334;
/// Milliseconds for which an input has to keep still before it counts, unless told otherwise.
const DEBOUNCE_MS_DEFAULT: u32 = 50;
/// Longest such time that can be asked for.
const DEBOUNCE_MS_MAX: u32 = 2_000;
/// Length of a relay's pulse, in milliseconds, unless told otherwise.
const PULSE_MS_DEFAULT: u32 = 1_000;
/// The last line of a Raspberry Pi's header.
const HEADER_LINE_MAX: u32 = 27;
/// The longest name of a chip that is believed.
const CHIP_BYTES_MAX: usize = 64;

/// The lines of a board and what hangs on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpioConfig {
    /// The chip, by name, path or label; `None` for the header of a Raspberry Pi.
    pub chip: Option<String>,
    /// Lights, in the order of the file.
    pub lights: Vec<LightConfig>,
    /// The buzzer.
    pub buzzer: Option<BuzzerConfig>,
    /// Relays, in the order of the file.
    pub relays: Vec<RelayConfig>,
    /// The button.
    pub button: Option<InputConfig>,
    /// Tamper switches, in the order of the file.
    pub tampers: Vec<InputConfig>,
}

/// What a light can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lamp {
    /// The door waits for a badge.
    Ready,
    /// Somebody is in: checked in, or in already.
    In,
    /// Somebody is out.
    Out,
    /// Somebody has to see staff.
    Attention,
    /// The door records nothing.
    Failure,
}

impl Lamp {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Ready,
        Self::In,
        Self::Out,
        Self::Attention,
        Self::Failure,
    ];

    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::In => "in",
            Self::Out => "out",
            Self::Attention => "attention",
            Self::Failure => "failure",
        }
    }

    /// The pattern unless told otherwise, on and off by turns in milliseconds; empty for lit throughout. Each is told from the others
    /// where one light shows several.
    fn pattern(self) -> Vec<u32> {
        match self {
            Self::Ready | Self::In => Vec::new(),
            Self::Out => vec![700, 300],
            // Twice, as the sound is.
            Self::Attention => vec![180, 160, 180, 680],
            Self::Failure => vec![1_000, 1_000],
        }
    }
}

/// A light.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightConfig {
    /// Its name among lights.
    pub name: String,
    /// Its line.
    pub line: u32,
    /// Whether a low line lights it.
    pub active_low: bool,
    /// Whether it is left lit when the daemon ends.
    pub lit_at_rest: bool,
    /// What it shows, each by a pattern: on and off by turns in milliseconds, over and over; empty for lit throughout.
    pub shows: BTreeMap<Lamp, Vec<u32>>,
}

/// What a buzzer can sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sound {
    /// Checked in.
    In,
    /// Checked out.
    Out,
    /// Nothing new.
    Repeat,
    /// Somebody has to see staff.
    Attention,
}

impl Sound {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::In, Self::Out, Self::Repeat, Self::Attention];

    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Repeat => "repeat",
            Self::Attention => "attention",
        }
    }

    /// Its beeps unless told otherwise: on and off by turns in milliseconds. The screen's.
    pub fn beeps(self) -> Vec<u32> {
        match self {
            Self::In => vec![160],
            Self::Out => vec![280],
            Self::Repeat => vec![90],
            Self::Attention => vec![110, 70, 110],
        }
    }

    /// Its pitch in hertz, for a buzzer that has none of its own. The screen's.
    pub fn hertz(self) -> u32 {
        match self {
            Self::In => 1_047,
            Self::Out => 659,
            Self::Repeat => 784,
            Self::Attention => 880,
        }
    }
}

/// The buzzer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuzzerConfig {
    /// Its line.
    pub line: u32,
    /// Whether a low line sounds it.
    pub active_low: bool,
    /// What it sounds: on and off by turns in milliseconds, once. What is missing is silent.
    pub sounds: BTreeMap<Sound, Vec<u32>>,
    /// The pitch of each, in hertz, where the buzzer has none of its own; `None` for one that has.
    pub hertz: Option<BTreeMap<Sound, u32>>,
}

/// A relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayConfig {
    /// Its name among relays.
    pub name: String,
    /// Its line.
    pub line: u32,
    /// Whether a low line drives it.
    pub active_low: bool,
    /// How long it is driven, in milliseconds: at most [`RELAY_MS_MAX`].
    pub pulse_ms: u32,
    /// What drives it: passages alone, never attention.
    pub pulse_for: Vec<Sound>,
}

/// How an input is held while nothing drives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pull {
    /// To the supply.
    Up,
    /// To ground.
    Down,
    /// By what is outside alone.
    None,
}

/// A button or a tamper switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputConfig {
    /// Its name among those of its kind.
    pub name: String,
    /// Its line.
    pub line: u32,
    /// Whether a low line is what it reports: pressed, or opened.
    pub active_low: bool,
    /// How the line is held.
    pub pull: Pull,
    /// Milliseconds for which it has to keep still.
    pub debounce_ms: u32,
}

impl GpioConfig {
    /// Every line with what hangs on it, as people are told: `light "in"`.
    pub fn uses(&self) -> Vec<(u32, String)> {
        let lights = self
            .lights
            .iter()
            .map(|l| (l.line, named("light", &l.name)));
        let buzzer = self.buzzer.iter().map(|b| (b.line, "buzzer".to_owned()));
        let relays = self
            .relays
            .iter()
            .map(|r| (r.line, named("relay", &r.name)));
        let button = self.button.iter().map(|b| (b.line, "button".to_owned()));
        let tampers = self
            .tampers
            .iter()
            .map(|t| (t.line, named("tamper", &t.name)));
        lights
            .chain(buzzer)
            .chain(relays)
            .chain(button)
            .chain(tampers)
            .collect()
    }
}

/// A thing of the block as people are told of it.
fn named(kind: &str, name: &str) -> String {
    format!("{kind} \"{name}\"")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GpioText {
    chip: Option<String>,
    #[serde(default, rename = "light")]
    lights: Vec<LightText>,
    buzzer: Option<BuzzerText>,
    #[serde(default, rename = "relay")]
    relays: Vec<RelayText>,
    button: Option<InputText>,
    #[serde(default, rename = "tamper")]
    tampers: Vec<InputText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LightText {
    name: String,
    line: u32,
    #[serde(default)]
    active_low: bool,
    #[serde(default)]
    lit_at_rest: bool,
    show: Option<Vec<Lamp>>,
    #[serde(default)]
    patterns: BTreeMap<Lamp, Vec<u32>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BuzzerKind {
    Active,
    Passive,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BuzzerText {
    kind: BuzzerKind,
    line: u32,
    #[serde(default)]
    active_low: bool,
    #[serde(default)]
    patterns: BTreeMap<Sound, Vec<u32>>,
    #[serde(default)]
    hertz: BTreeMap<Sound, u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RelayText {
    name: String,
    line: u32,
    #[serde(default)]
    active_low: bool,
    pulse_ms: Option<u32>,
    pulse_for: Option<Vec<Sound>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputText {
    name: Option<String>,
    line: u32,
    active_low: Option<bool>,
    pull: Option<Pull>,
    debounce_ms: Option<u32>,
}

/// Checks the block, beside the readers that are configured.
pub(super) fn check(written: GpioText, readers: &[ReaderConfig]) -> Result<GpioConfig, Fault> {
    let GpioText {
        chip,
        lights,
        buzzer,
        relays,
        button,
        tampers,
    } = written;
    if chip
        .as_ref()
        .is_some_and(|chip| chip.is_empty() || chip.len() > CHIP_BYTES_MAX)
    {
        let message = "is the name, path or label of a chip, such as \"gpiochip0\"";
        return Err(Fault::new("gpio.chip", message));
    }
    if tampers.len() > TAMPERS_MAX {
        let message = format!("{} of them, at most {TAMPERS_MAX} can be", tampers.len());
        return Err(Fault::new("gpio.tamper", message));
    }
    if button.is_some() && !readers.is_empty() && readers.iter().all(|r| r.direction.is_some()) {
        let message = "switches the direction of the door, but every reader has one of its own; remove it, or a reader's `direction`";
        return Err(Fault::new("gpio.button", message));
    }
    let config = GpioConfig {
        chip,
        lights: lights.into_iter().map(light).collect::<Result<_, _>>()?,
        buzzer: buzzer.map(buzzer_of).transpose()?,
        relays: relays.into_iter().map(relay).collect::<Result<_, _>>()?,
        // To ground when pressed, held up otherwise.
        button: button.map(|text| input(text, "button", true)).transpose()?,
        // Normally closed to ground: opened, or cut off, it goes up.
        tampers: tampers
            .into_iter()
            .map(|text| input(text, "tamper", false))
            .collect::<Result<_, _>>()?,
    };
    conflicts(&config)?;
    Ok(config)
}

/// Refuses what is named or wired twice.
fn conflicts(config: &GpioConfig) -> Result<(), Fault> {
    let uses = config.uses();
    if uses.len() > LINES_MAX {
        let message = format!("uses {} lines, at most {LINES_MAX} can be", uses.len());
        return Err(Fault::new("gpio", message));
    }
    for (index, (line, what)) in uses.iter().enumerate() {
        if config.chip.is_none() && *line > HEADER_LINE_MAX {
            let message = format!(
                "{what} uses line {line}; a Raspberry Pi's header has 0 to {HEADER_LINE_MAX}, by their BCM numbers. For another board name its `chip`"
            );
            return Err(Fault::new("gpio", message));
        }
        let earlier = &uses[..index];
        if earlier.iter().any(|(_, other)| other == what) {
            let message = format!("there are two of {what}; each needs a name of its own");
            return Err(Fault::new("gpio", message));
        }
        if let Some((_, other)) = earlier.iter().find(|(other, _)| other == line) {
            let message = format!("{other} and {what} both use line {line}");
            return Err(Fault::new("gpio", message));
        }
    }
    Ok(())
}

fn checked_name(kind: &str, name: &str) -> Result<(), Fault> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=MAX_ID_BYTES).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    let message = format!(
        "a name is 1 to {MAX_ID_BYTES} lower-case letters, digits and hyphens, such as \"front\""
    );
    Err(Fault::new(
        format!("gpio.{kind} \"{}\"", name.escape_debug()),
        message,
    ))
}

fn light(written: LightText) -> Result<LightConfig, Fault> {
    checked_name("light", &written.name)?;
    let key = format!("gpio.light \"{}\"", written.name);
    let show = match written.show {
        Some(show) => show,
        None => Lamp::ALL
            .into_iter()
            .filter(|lamp| lamp.word() == written.name)
            .collect(),
    };
    if show.is_empty() {
        let words = Lamp::ALL.map(Lamp::word).join("\", \"");
        let message = format!("needs `show`, a list of \"{words}\", or one of these for a name");
        return Err(Fault::new(key, message));
    }
    let mut patterns = written.patterns;
    let mut shows = BTreeMap::new();
    for lamp in show {
        let pattern = patterns.remove(&lamp).unwrap_or_else(|| lamp.pattern());
        steps(&key, lamp.word(), &pattern)?;
        if pattern.len() % 2 == 1 {
            let message = format!(
                "the pattern of `{}` ends lit; on and off take turns, so write an even number of steps, or none for lit throughout",
                lamp.word()
            );
            return Err(Fault::new(key, message));
        }
        if pattern
            .chunks(2)
            .any(|turn| turn.iter().sum::<u32>() < FLASH_MS_MIN)
        {
            let message = format!(
                "the pattern of `{}` flashes more than three times a second, which is dangerous to some people; on and off together take at least {FLASH_MS_MIN} ms",
                lamp.word()
            );
            return Err(Fault::new(key, message));
        }
        if shows.insert(lamp, pattern).is_some() {
            let message = format!("`show` has \"{}\" twice", lamp.word());
            return Err(Fault::new(key, message));
        }
    }
    if let Some(lamp) = patterns.keys().next() {
        let message = format!("has a pattern of `{}`, which it does not show", lamp.word());
        return Err(Fault::new(key, message));
    }
    Ok(LightConfig {
        name: written.name,
        line: written.line,
        active_low: written.active_low,
        lit_at_rest: written.lit_at_rest,
        shows,
    })
}

fn steps(key: &str, of: &str, pattern: &[u32]) -> Result<(), Fault> {
    let fits = |step: &u32| (STEP_MS_MIN..=STEP_MS_MAX).contains(step);
    if pattern.len() <= STEPS_MAX && pattern.iter().all(fits) {
        return Ok(());
    }
    let message = format!(
        "the pattern of `{of}` has at most {STEPS_MAX} steps of {STEP_MS_MIN} to {STEP_MS_MAX} ms each"
    );
    Err(Fault::new(key, message))
}

fn buzzer_of(written: BuzzerText) -> Result<BuzzerConfig, Fault> {
    const KEY: &str = "gpio.buzzer";
    let mut patterns = written.patterns;
    let mut sounds = BTreeMap::new();
    for sound in Sound::ALL {
        let pattern = patterns.remove(&sound).unwrap_or_else(|| sound.beeps());
        steps(KEY, sound.word(), &pattern)?;
        if pattern.iter().sum::<u32>() > SOUND_MS_MAX {
            let message = format!(
                "the pattern of `{}` is longer than {SOUND_MS_MAX} ms, so it would run into the next person's",
                sound.word()
            );
            return Err(Fault::new(KEY, message));
        }
        if !pattern.is_empty() {
            sounds.insert(sound, pattern);
        }
    }
    let mut hertz = written.hertz;
    if written.kind == BuzzerKind::Active && !hertz.is_empty() {
        let message =
            "has `hertz`, but a buzzer of kind \"active\" has a pitch of its own; remove it";
        return Err(Fault::new(KEY, message));
    }
    let of_sound = |sound: Sound| (sound, hertz.remove(&sound).unwrap_or_else(|| sound.hertz()));
    let pitches: BTreeMap<Sound, u32> = Sound::ALL.into_iter().map(of_sound).collect();
    let audible = HERTZ_MIN..=HERTZ_MAX;
    if let Some((sound, _)) = pitches.iter().find(|(_, hertz)| !audible.contains(hertz)) {
        let message = format!(
            "the pitch of `{}` is {HERTZ_MIN} to {HERTZ_MAX} hertz",
            sound.word()
        );
        return Err(Fault::new(KEY, message));
    }
    Ok(BuzzerConfig {
        line: written.line,
        active_low: written.active_low,
        sounds,
        hertz: (written.kind == BuzzerKind::Passive).then_some(pitches),
    })
}

fn relay(written: RelayText) -> Result<RelayConfig, Fault> {
    checked_name("relay", &written.name)?;
    let key = format!("gpio.relay \"{}\"", written.name);
    let pulse_ms = written.pulse_ms.unwrap_or(PULSE_MS_DEFAULT);
    if !(RELAY_MS_MIN..=RELAY_MS_MAX).contains(&pulse_ms) {
        let message = format!("`pulse_ms` is {RELAY_MS_MIN} to {RELAY_MS_MAX}");
        return Err(Fault::new(key, message));
    }
    let pulse_for = written
        .pulse_for
        .unwrap_or_else(|| vec![Sound::In, Sound::Out]);
    if pulse_for.is_empty() || pulse_for.contains(&Sound::Attention) {
        let message = "`pulse_for` is a list of \"in\", \"out\" and \"repeat\": a relay lets people pass, and nobody passes on attention";
        return Err(Fault::new(key, message));
    }
    Ok(RelayConfig {
        name: written.name,
        line: written.line,
        active_low: written.active_low,
        pulse_ms,
        pulse_for,
    })
}

fn input(written: InputText, kind: &str, active_low: bool) -> Result<InputConfig, Fault> {
    let name = written.name.unwrap_or_else(|| kind.to_owned());
    checked_name(kind, &name)?;
    let debounce_ms = written.debounce_ms.unwrap_or(DEBOUNCE_MS_DEFAULT);
    if debounce_ms > DEBOUNCE_MS_MAX {
        let message = format!("`debounce_ms` is at most {DEBOUNCE_MS_MAX}");
        return Err(Fault::new(format!("gpio.{kind} \"{name}\""), message));
    }
    Ok(InputConfig {
        name,
        line: written.line,
        active_low: written.active_low.unwrap_or(active_low),
        pull: written.pull.unwrap_or(Pull::Up),
        debounce_ms,
    })
}
