//! The machine over frames: what is read when, what is held before the camera, and what of it is new.

use std::time::Duration;

use crate::decoders::{Decoder, Finding, Reading};
use crate::formats::{Format, Formats};
use crate::frame::Frame;
use crate::plane::{Area, Outline, Plane};
use crate::purse::Purse;
use crate::scene::Scene;
use crate::stages::STAGES;

/// How long a code has to be out of sight, in milliseconds, to be new when it comes back. Shorter gaps are a badge that was moved too fast.
pub const AWAY_MS: u64 = 1_500;
/// The most codes that are followed at once.
pub const MAX_IN_VIEW: usize = 16;
/// How long, in milliseconds, a code without error correction may wait for its second reading.
const CONFIRM_MS: u64 = 1_000;
/// How often, in milliseconds, one turn is taken on a scene that does not change and on which every turn was tried: noise differs. While turns
/// find codes that they cannot read, one is taken on every frame.
const RETRY_MS: u64 = 500;
/// Pixels that are looked at; larger frames are shrunk.
const PIXELS_MAX: usize = 1_400_000;
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

/// What came of a frame.
#[derive(Debug, Default)]
pub struct Look {
    /// Codes that were not in view before, in the order in which they were read.
    pub fresh: Vec<Code>,
    /// All codes in view, the new ones among them.
    pub in_view: Vec<Code>,
    /// Codes were found that could not be read.
    pub near_miss: bool,
    /// Decoders that panicked over this frame.
    pub panics: u32,
    /// Turns taken.
    pub turns: u32,
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

/// Reads codes from the frames of one camera.
#[derive(Debug)]
pub struct Cascade {
    formats: Formats,
    purse: Purse,
    /// Measured costs by turn.
    costs: Vec<Option<Duration>>,
    held: Vec<Held>,
    /// The scene that the turns are at.
    scene: Scene,
    /// The turn that is next, and how many were taken on this scene.
    next: usize,
    taken: usize,
    retried_ms: u64,
    /// A code was found in this scene that could not be read.
    missed: bool,
}

impl Cascade {
    /// A cascade that has seen nothing.
    pub fn new(settings: &Settings) -> Self {
        Self {
            formats: settings.formats.clone(),
            purse: Purse::new(settings.budget),
            costs: vec![None; STAGES.len()],
            held: Vec::new(),
            scene: Scene::default(),
            next: 1,
            taken: 0,
            retried_ms: 0,
            missed: false,
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
        self.purse.refill();
        let plane = Plane::of_frame(frame, PIXELS_MAX);
        let scene = Scene::of(&plane);
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
        if sight.scene.is_like(&self.scene) {
            self.carry_on(&mut sight);
        } else {
            self.begin(&mut sight);
        }
        let mut look = sight.look;
        look.in_view = self.in_view(now_ms);
        look.spent = (sight.cpu)().saturating_sub(sight.started);
        self.purse.spend(look.spent);
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

    /// The scene changed: what was in view is looked for where it was, then the whole picture is read, then turns are taken.
    fn begin(&mut self, sight: &mut Sight<'_>) {
        if !self.purse.is_open(sight.spent()) {
            return;
        }
        if self.taken + 1 >= STAGES.len() {
            // The turns had come to rest: they begin with the best again. Otherwise they go on, so that all have their turn in motion.
            self.next = 1;
        }
        self.taken = 0;
        self.missed = false;
        self.scene = sight.scene.clone();
        self.reread(sight);
        self.turn(0, sight);
        self.take_turns(sight);
    }

    /// The scene is as it was: turns go on until all were tried or something is in view.
    fn carry_on(&mut self, sight: &mut Sight<'_>) {
        self.reread(sight);
        if self.taken + 1 < STAGES.len() {
            self.take_turns(sight);
        } else if self.held.is_empty()
            && (self.missed || sight.now_ms.saturating_sub(self.retried_ms) >= RETRY_MS)
            && self.purse.is_open(sight.spent())
        {
            self.retried_ms = sight.now_ms;
            let stage = self.advance();
            self.turn(stage, sight);
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
            let finding = STAGES[stage].read(&sight.plane.part(area), &self.formats);
            self.take_in(finding, stage, sight);
        }
    }

    fn take_turns(&mut self, sight: &mut Sight<'_>) {
        while self.taken + 1 < STAGES.len() && !self.has_all(sight) {
            if !self.purse.affords(self.cost(self.next), sight.spent()) {
                return;
            }
            let stage = self.advance();
            self.turn(stage, sight);
        }
    }

    /// Whether something was seen in this frame, and nothing was found that could not be read.
    fn has_all(&self, sight: &Sight<'_>) -> bool {
        !sight.look.near_miss && self.held.iter().any(|held| held.seen_ms == sight.now_ms)
    }

    fn advance(&mut self) -> usize {
        let stage = self.next;
        self.next = if stage + 1 < STAGES.len() {
            stage + 1
        } else {
            1
        };
        self.taken += 1;
        stage
    }

    fn turn(&mut self, stage: usize, sight: &mut Sight<'_>) {
        if !STAGES[stage].serves(&self.formats) {
            return;
        }
        let before = (sight.cpu)();
        let finding = STAGES[stage].read(&sight.plane, &self.formats);
        let cost = (sight.cpu)().saturating_sub(before);
        self.costs[stage] = Some(match self.costs[stage] {
            None => cost,
            Some(known) => (known * 3 + cost) / 4,
        });
        sight.look.near_miss |= finding.near_misses > 0;
        self.missed |= finding.near_misses > 0;
        self.take_in(finding, stage, sight);
    }

    /// What a turn costs: as measured, else by its weight beside the first.
    fn cost(&self, stage: usize) -> Duration {
        self.costs[stage].unwrap_or_else(|| {
            let first = self.costs[0].unwrap_or_default();
            first * STAGES[stage].cost_tenths / 10
        })
    }

    fn take_in(&mut self, finding: Finding, stage: usize, sight: &mut Sight<'_>) {
        sight.look.turns += 1;
        sight.look.panics += u32::from(finding.panicked);
        for reading in finding.readings {
            if !reading.text.is_empty() {
                self.meet(reading, stage, sight);
            }
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
