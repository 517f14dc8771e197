//! The machine over frames: what is read when, what is held before the camera, and what of it is new.

use std::time::Duration;

use crate::attention::{Attention, Change};
use crate::decoders::{Decoder, Finding, Reading};
use crate::formats::{Format, Formats};
use crate::frame::Frame;
use crate::plane::{Area, Outline, Plane};
use crate::purse::Purse;
use crate::rota::Rota;
use crate::scene::Scene;
use crate::stages::{STAGES, Stage};

/// How long a code has to be out of sight, in milliseconds, to be new when it comes back. Shorter gaps are a badge that was moved too fast.
pub const AWAY_MS: u64 = 1_500;
/// The most codes that are followed at once.
pub const MAX_IN_VIEW: usize = 16;
/// How long, in milliseconds, a code without error correction may wait for its second reading.
const CONFIRM_MS: u64 = 1_000;
/// How often, in milliseconds, one turn is taken on a scene that does not change and on which every turn was tried: noise differs. While turns
/// find codes that they cannot read, one is taken on every frame.
const RETRY_MS: u64 = 500;
/// What a frame is worth to the dear turns while the scene moves, in parts of a hundred of the budget: in motion they rarely read what the
/// first does not.
const MOTION_PERCENT: i64 = 50;
/// Pixels that are looked at; larger frames are shrunk.
const PIXELS_MAX: usize = 1_400_000;
/// A small part costs as much as one of so many pixels.
const PRICED_PIXELS_MIN: u32 = 40_000;
/// Around a code, in parts of a hundred of its size, where it is looked for first.
const MARGIN_PERCENT: i32 = 40;

/// What a cascade is to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is read.
    pub formats: Formats,
    /// CPU time a frame, on average.
    pub budget: Duration,
}

impl Default for Settings {
    /// QR codes, 8 ms a frame.
    fn default() -> Self {
        Self {
            formats: Formats::default(),
            budget: Duration::from_millis(8),
        }
    }
}

/// A code in view.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// What it says. May hold any characters.
    pub text: String,
    /// What kind of code it is.
    pub format: Format,
    /// Its AIM identifier (`]Q1`).
    pub aim: String,
    /// Its corners in the frame; of codes that are lines, the ends of the lines.
    pub outline: Outline,
    /// What read it.
    pub decoder: Decoder,
}

impl std::fmt::Debug for Code {
    /// Leaves the text out: it opens its holder's data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Code")
            .field("text", &format_args!("({} bytes)", self.text.len()))
            .field("aim", &self.aim)
            .field("outline", &self.outline)
            .field("decoder", &self.decoder)
            .finish()
    }
}

/// One view of the frame, or of a part of it, given to a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Which of the kinds of turns, from 0; the first is that of every frame that changed.
    pub number: usize,
    /// Whether a part of the frame was read, and not the whole.
    pub is_part: bool,
    /// CPU time spent.
    pub spent: Duration,
    /// Codes read.
    pub read: usize,
    /// Codes found that could not be read.
    pub missed: usize,
}

impl Turn {
    /// What it does, for people.
    pub fn word(&self) -> String {
        STAGES.get(self.number).map(Stage::word).unwrap_or_default()
    }
}

/// What came of a frame.
#[derive(Debug, Default)]
pub struct Look {
    /// Codes that were not in view before, in the order in which they were read.
    pub fresh: Vec<Code>,
    /// All codes in view, the new ones among them.
    pub in_view: Vec<Code>,
    /// Codes were found that could not be read.
    pub near_miss: bool,
    /// Turns in which a decoder panicked.
    pub panics: u32,
    /// Turns taken, in their order.
    pub turns: Vec<Turn>,
    /// CPU time spent.
    pub spent: Duration,
}

/// A code that is held before the camera.
#[derive(Debug)]
struct Held {
    code: Code,
    first_ms: u64,
    seen_ms: u64,
    /// Frames in which it was read.
    reads: u32,
    told: bool,
    /// The turn that read it.
    stage: usize,
    /// The scene in which it was read last.
    scene: Scene,
}

impl Held {
    fn is_confirmed(&self) -> bool {
        self.code.format.corrects_errors() || self.reads > 1
    }
}

/// Where a turn is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Where codes were found and not read.
    Misses,
    /// Where something changed.
    Part,
    /// Everywhere.
    Whole,
}

impl Place {
    const ALL: [Self; 3] = [Self::Misses, Self::Part, Self::Whole];
}

/// Reads codes from the frames of one camera.
#[derive(Debug)]
pub struct Cascade {
    formats: Formats,
    purse: Purse,
    /// What dear turns may spend: less, while the scene moves. All that is spent is taken from both.
    dear_purse: Purse,
    /// Measured costs by turn, of a million pixels.
    costs: Vec<Option<Duration>>,
    held: Vec<Held>,
    attention: Attention,
    /// What changed last, where that is a part.
    part: Option<Area>,
    /// The turns over each place.
    rotas: [Rota; 3],
    retried_ms: u64,
}

impl Cascade {
    /// A cascade that has seen nothing.
    pub fn new(settings: &Settings) -> Self {
        Self {
            formats: settings.formats.clone(),
            purse: Purse::new(settings.budget),
            dear_purse: Purse::new(settings.budget),
            costs: vec![None; STAGES.len()],
            held: Vec::new(),
            attention: Attention::default(),
            part: None,
            rotas: [Rota::default(); 3],
            retried_ms: 0,
        }
    }

    /// Looks at the next frame. `now_ms` is a clock that does not run backwards; `cpu` reads the CPU time that the calling thread has used.
    pub fn look(
        &mut self,
        frame: &Frame<'_>,
        now_ms: u64,
        cpu: &mut dyn FnMut() -> Duration,
    ) -> Look {
        let started = cpu();
        let plane = Plane::of_frame(frame, PIXELS_MAX);
        let scene = Scene::of(&plane);
        let change = self.attention.note(&scene);
        if change == Change::Whole {
            // It may lie beyond the edges of a smaller frame.
            self.part = None;
        }
        self.purse.refill(100);
        self.dear_purse.refill(if change == Change::Nothing {
            100
        } else {
            MOTION_PERCENT
        });
        self.forget(now_ms);
        let mut sight = Sight {
            plane,
            scene,
            now_ms,
            started,
            cpu,
            look: Look::default(),
        };
        self.keep_still_ones(&sight.scene, &sight.plane, now_ms);
        self.reread(&mut sight);
        if change != Change::Nothing {
            self.begin(change, &mut sight);
        }
        self.take_turns(&mut sight);
        if change == Change::Nothing {
            self.retry(&mut sight);
        }
        let mut look = sight.look;
        look.in_view = self.in_view(now_ms);
        look.spent = (sight.cpu)().saturating_sub(sight.started);
        self.purse.spend(look.spent);
        self.dear_purse.spend(look.spent);
        look
    }

    /// Drops what was away for too long, or was not confirmed in time.
    fn forget(&mut self, now_ms: u64) {
        self.held.retain(|held| {
            let away_ms = now_ms.saturating_sub(held.seen_ms);
            let waiting_ms = now_ms.saturating_sub(held.first_ms);
            away_ms < AWAY_MS && (held.is_confirmed() || waiting_ms < CONFIRM_MS)
        });
    }

    /// Where nothing changed, what was read is still there.
    fn keep_still_ones(&mut self, scene: &Scene, plane: &Plane, now_ms: u64) {
        for held in &mut self.held {
            if held.is_confirmed()
                && area_of(&held.code.outline, plane)
                    .is_some_and(|area| scene.is_like_in(&held.scene, area))
            {
                held.seen_ms = now_ms;
            }
        }
    }

    /// The scene changed: what changed is read by the first turn, and the others begin.
    fn begin(&mut self, change: Change, sight: &mut Sight<'_>) {
        if !self.purse.is_open(sight.spent()) {
            return;
        }
        self.attention.was_read(&sight.scene, change);
        self.rotas[Place::Misses as usize].begin();
        if let Change::Part(area) = change {
            self.part = Some(area);
            self.rotas[Place::Part as usize].begin();
            self.turn(0, &[area], sight);
        } else {
            self.rotas[Place::Whole as usize].begin();
            self.turn(0, &[], sight);
        }
    }

    /// Takes turns until all were taken or all is read, as far as the budget goes.
    fn take_turns(&mut self, sight: &mut Sight<'_>) {
        while !self.has_all(sight) {
            let places = Place::ALL
                .into_iter()
                .filter(|place| !self.rota(*place).is_done());
            // What costs least is first: a small place has some turns for each of a large one.
            let next = places
                .filter_map(|place| Some((place, self.price(place, &sight.plane)?)))
                .min_by_key(|(place, price)| self.rota(*place).spent() + *price);
            let Some((place, price)) = next else {
                return;
            };
            let spent = sight.spent();
            if !self.purse.affords(price, spent) || !self.dear_purse.affords(price, spent) {
                return;
            }
            self.take_turn(place, price, sight);
        }
    }

    fn rota(&self, place: Place) -> &Rota {
        &self.rotas[place as usize]
    }

    /// The areas of a place, none for the whole; nothing where there is no such place.
    fn areas(&self, place: Place) -> Option<Vec<Area>> {
        match place {
            Place::Misses => Some(self.attention.misses()).filter(|areas| !areas.is_empty()),
            Place::Part => self.part.map(|area| vec![area]),
            Place::Whole => Some(Vec::new()),
        }
    }

    /// What the next turn at a place costs.
    fn price(&self, place: Place, plane: &Plane) -> Option<Duration> {
        let pixels = plane.pixels_of(&self.areas(place)?);
        let stage = self.rota(place).next();
        // What reads nothing of this kind or size is passed over for nothing.
        let is_taken = STAGES[stage].serves(&self.formats, pixels);
        Some(if is_taken {
            self.cost(stage, pixels)
        } else {
            Duration::ZERO
        })
    }

    /// Takes the turn that is next at a place.
    fn take_turn(&mut self, place: Place, price: Duration, sight: &mut Sight<'_>) {
        let stage = self.rota(place).next();
        self.rotas[place as usize].advance(price);
        let areas = self.areas(place).unwrap_or_default();
        self.turn(stage, &areas, sight);
    }

    /// All turns were taken on a scene that does not change: noise differs from frame to frame, so one is taken at times.
    fn retry(&mut self, sight: &mut Sight<'_>) {
        let place = if self.attention.has_misses() {
            Place::Misses
        } else {
            Place::Whole
        };
        let is_due = sight.now_ms.saturating_sub(self.retried_ms) >= RETRY_MS;
        if self.rota(place).is_done()
            && self.held.is_empty()
            && (place == Place::Misses || is_due)
            && self.purse.is_open(sight.spent())
        {
            self.retried_ms = sight.now_ms;
            self.take_turn(place, Duration::ZERO, sight);
        }
    }

    /// Reads the places of codes that were not seen in this frame yet, each as it was read before.
    fn reread(&mut self, sight: &mut Sight<'_>) {
        let missing: Vec<(Outline, usize)> = self
            .held
            .iter()
            .filter(|held| held.seen_ms < sight.now_ms)
            .map(|held| (held.code.outline, held.stage))
            .collect();
        for (outline, stage) in missing {
            let Some(area) = area_of(&outline, &sight.plane) else {
                continue;
            };
            if !self.purse.is_open(sight.spent()) {
                return;
            }
            self.turn(stage, &[area], sight);
        }
    }

    /// Whether something was seen in this frame, and nothing was found that could not be read.
    fn has_all(&self, sight: &Sight<'_>) -> bool {
        !self.attention.has_misses() && self.held.iter().any(|held| held.seen_ms == sight.now_ms)
    }

    /// Takes a turn on these areas; without any, on the whole frame.
    fn turn(&mut self, stage: usize, areas: &[Area], sight: &mut Sight<'_>) {
        let pixels = sight.plane.pixels_of(areas).max(1);
        if !STAGES[stage].serves(&self.formats, pixels) {
            return;
        }
        let before = (sight.cpu)();
        let findings: Vec<Finding> = if areas.is_empty() {
            vec![STAGES[stage].read(&sight.plane, &self.formats)]
        } else {
            let parts = areas.iter().map(|area| sight.plane.part(*area));
            parts
                .map(|part| STAGES[stage].read(&part, &self.formats))
                .collect()
        };
        let spent = (sight.cpu)().saturating_sub(before);
        let cost = spent * 1_000_000 / pixels.max(PRICED_PIXELS_MIN);
        self.costs[stage] = Some(match self.costs[stage] {
            None => cost,
            Some(known) => (known * 3 + cost) / 4,
        });
        sight.look.turns.push(Turn {
            number: stage,
            is_part: !areas.is_empty(),
            spent,
            read: findings.iter().map(|finding| finding.readings.len()).sum(),
            missed: findings
                .iter()
                .map(|finding| finding.near_misses.len())
                .sum(),
        });
        sight.look.panics += u32::from(findings.iter().any(|finding| finding.panicked));
        for finding in findings {
            self.take_in(finding, stage, sight);
        }
    }

    /// What a turn costs over so many pixels: as measured, else by its weight beside the first.
    fn cost(&self, stage: usize, pixels: u32) -> Duration {
        let million = self.costs[stage].unwrap_or_else(|| {
            let first = self.costs[0].unwrap_or_default();
            first * STAGES[stage].cost_tenths / 10
        });
        million * (pixels.max(PRICED_PIXELS_MIN) / 1_000) / 1_000
    }

    fn take_in(&mut self, finding: Finding, stage: usize, sight: &mut Sight<'_>) {
        for reading in finding.readings {
            if !reading.text.is_empty() {
                if let Some(code) = sight.plane.covered(&reading.outline) {
                    self.attention.found(code);
                }
                self.meet(reading, stage, sight);
            }
        }
        for outline in finding.near_misses {
            self.miss(&outline, sight);
        }
    }

    /// A code was found that could not be read. One that another turn has read in this frame is none.
    fn miss(&mut self, outline: &Outline, sight: &mut Sight<'_>) {
        let Some((code, area)) = sight
            .plane
            .covered(outline)
            .zip(area_of(outline, &sight.plane))
        else {
            return;
        };
        let is_read = self.held.iter().any(|held| {
            held.seen_ms == sight.now_ms
                && sight
                    .plane
                    .covered(&held.code.outline)
                    .is_some_and(|held| held.meets(&code))
        });
        if is_read {
            return;
        }
        sight.look.near_miss = true;
        if self.attention.miss(code, area) {
            self.rotas[Place::Misses as usize].begin();
        }
    }

    fn meet(&mut self, reading: Reading, stage: usize, sight: &mut Sight<'_>) {
        let known = self
            .held
            .iter()
            .position(|held| held.code.format == reading.format && held.code.text == reading.text);
        let code = Code {
            text: reading.text,
            format: reading.format,
            aim: reading.aim,
            outline: reading.outline,
            decoder: reading.decoder,
        };
        let at = match known {
            Some(at) => at,
            None if self.held.len() >= MAX_IN_VIEW => return,
            None => {
                self.held.push(Held {
                    code: code.clone(),
                    first_ms: sight.now_ms,
                    seen_ms: sight.now_ms,
                    reads: 0,
                    told: false,
                    stage,
                    scene: Scene::default(),
                });
                self.held.len() - 1
            }
        };
        let held = &mut self.held[at];
        // Two readings of one frame are one: both see the same noise.
        if held.reads == 0 || held.seen_ms < sight.now_ms {
            held.reads = held.reads.saturating_add(1);
        }
        (held.code, held.stage, held.seen_ms) = (code, stage, sight.now_ms);
        held.scene.clone_from(&sight.scene);
        if held.is_confirmed() && !held.told {
            held.told = true;
            sight.look.fresh.push(held.code.clone());
        }
    }

    fn in_view(&self, now_ms: u64) -> Vec<Code> {
        self.held
            .iter()
            .filter(|held| held.told && held.seen_ms == now_ms)
            .map(|held| held.code.clone())
            .collect()
    }
}

/// One frame while it is looked at.
struct Sight<'a> {
    plane: Plane,
    scene: Scene,
    now_ms: u64,
    started: Duration,
    cpu: &'a mut dyn FnMut() -> Duration,
    look: Look,
}

impl Sight<'_> {
    fn spent(&mut self) -> Duration {
        (self.cpu)().saturating_sub(self.started)
    }
}

/// Where in the plane a code is looked for again.
fn area_of(outline: &Outline, plane: &Plane) -> Option<Area> {
    let here = plane.outline_here(outline);
    Area::around(&here, MARGIN_PERCENT, plane.width, plane.height)
        .filter(|area| area.width >= 16 && area.height >= 16)
}

#[cfg(test)]
#[path = "cascade_tests.rs"]
mod tests;
