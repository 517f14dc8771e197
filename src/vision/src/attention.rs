//! Which parts of a picture are worth a turn: where something changed, and where a code was found that could not be read.
//!
//! Contract: [`Attention::note`] is told every scene. What changed since it was last read, in this frame and the few before it, makes one part:
//! a badge that moves changes now here, now there. A code that was found stays a part of its own until it is read, or what is there changed
//! for some frames. Parts are in pixels of the plane. Nothing here reads a pixel.

use crate::plane::Area;
use crate::scene::Scene;

/// For how many frames a part that changed is looked at, and one where a code was found is after it changed.
const STIR_FRAMES: u8 = 6;
/// The most places of codes that were found and not read.
const MISSES_MAX: usize = 4;
/// Around what changed, in cells.
const MARGIN_CELLS: usize = 2;
/// A part is worth the cutting up to that many parts of a hundred of the picture.
const PART_PERCENT_MAX: usize = 60;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    Nothing,
    /// This part, at most.
    Part(Area),
    /// Too much to tell.
    Whole,
}

/// A place where a code was found and not read.
#[derive(Clone, Copy, Debug)]
struct Miss {
    /// What is read there, and within it what the code seems to cover.
    area: Area,
    code: Area,
    frames_left: u8,
}

/// What deserves a closer look.
#[derive(Debug, Default)]
pub(crate) struct Attention {
    /// The cells as they were when they were last read.
    read: Scene,
    /// For how many frames each cell counts as changed.
    stirred: Vec<u8>,
    misses: Vec<Miss>,
}

impl Attention {
    /// Takes a scene in; what changed is what is to be read.
    pub(crate) fn note(&mut self, scene: &Scene) -> Change {
        let Some(changes) = scene.changes(&self.read) else {
            // The first frame, or one of another size.
            self.stirred = vec![0; scene.cells()];
            self.misses.clear();
            return Change::Whole;
        };
        let mut any = false;
        for (stirred, is_changed) in self.stirred.iter_mut().zip(changes) {
            any |= is_changed;
            *stirred = if is_changed {
                STIR_FRAMES
            } else {
                stirred.saturating_sub(1)
            };
        }
        self.misses.retain_mut(|miss| {
            if !scene.is_like_in(&self.read, miss.code) {
                miss.frames_left = miss.frames_left.saturating_sub(1);
            }
            miss.frames_left > 0
        });
        if !any {
            return Change::Nothing;
        }
        match scene.around(&self.stirred, MARGIN_CELLS) {
            Some(area) if scene.is_part(area, PART_PERCENT_MAX) => Change::Part(area),
            _ => Change::Whole,
        }
    }

    /// What was noted was read, all of it that changed.
    pub(crate) fn was_read(&mut self, scene: &Scene, change: Change) {
        match change {
            Change::Nothing => {}
            Change::Part(area) => self.read.take_over(scene, area),
            Change::Whole => self.read.clone_from(scene),
        }
    }

    /// A code was found: what it seems to cover, and where it is to be looked for. Says whether that is a new place.
    pub(crate) fn miss(&mut self, code: Area, area: Area) -> bool {
        let known = self.misses.iter_mut().find(|miss| miss.code.meets(&code));
        if let Some(known) = known {
            known.frames_left = STIR_FRAMES;
            return false;
        }
        if self.misses.len() >= MISSES_MAX {
            return false;
        }
        self.misses.push(Miss {
            area,
            code,
            frames_left: STIR_FRAMES,
        });
        true
    }

    /// A code was read there.
    pub(crate) fn found(&mut self, code: Area) {
        self.misses.retain(|miss| !miss.code.meets(&code));
    }

    /// Whether there are places of codes that were not read.
    pub(crate) fn has_misses(&self) -> bool {
        !self.misses.is_empty()
    }

    /// Where codes were found and not read.
    pub(crate) fn misses(&self) -> Vec<Area> {
        self.misses.iter().map(|miss| miss.area).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests: a panic is how they fail")]

    use super::*;
    use crate::plane::Plane;
    use crate::testing::Picture;

    const SIDE: usize = 320;

    /// A grey picture with a square of 32 by 32 pixels in another grey.
    fn scene(square: Option<(usize, usize)>, grey: u8) -> Scene {
        let mut picture = Picture::blank(SIDE, SIDE, 100);
        if let Some((left, top)) = square {
            for row in picture.pixels.chunks_exact_mut(SIDE).skip(top).take(32) {
                row[left..left + 32].fill(grey);
            }
        }
        Scene::of(&Plane::of_frame(&picture.frame().unwrap(), usize::MAX))
    }

    fn area(left: usize, top: usize, width: usize, height: usize) -> Area {
        Area {
            left,
            top,
            width,
            height,
        }
    }

    /// An attention that has read an empty scene.
    fn awake() -> Attention {
        let mut attention = Attention::default();
        let empty = scene(None, 0);
        assert_eq!(attention.note(&empty), Change::Whole);
        attention.was_read(&empty, Change::Whole);
        attention
    }

    fn note_and_read(attention: &mut Attention, scene: &Scene) -> Change {
        let change = attention.note(scene);
        attention.was_read(scene, change);
        change
    }

    #[test]
    fn what_changed_is_a_part_with_a_margin() {
        let mut attention = awake();
        assert_eq!(attention.note(&scene(None, 0)), Change::Nothing);
        let there = scene(Some((96, 128)), 200);
        let part = Change::Part(area(64, 96, 96, 96));
        assert_eq!(attention.note(&there), part);
        assert_eq!(attention.note(&there), part, "it was not read");
        attention.was_read(&there, part);
        assert_eq!(attention.note(&there), Change::Nothing);
    }

    #[test]
    fn what_changed_a_moment_ago_belongs_to_the_part() {
        let mut attention = awake();
        let check = |attention: &mut Attention, left: usize, expected: Area| {
            let change = note_and_read(attention, &scene(Some((left, 128)), 200));
            assert_eq!(change, Change::Part(expected), "{left}");
        };
        check(&mut attention, 32, area(0, 96, 96, 96));
        check(&mut attention, 64, area(0, 96, 128, 96));
        // Here and there; where it was at first changed last when it left.
        for at in 2..STIR_FRAMES {
            let left = if at % 2 == 0 { 96 } else { 64 };
            check(&mut attention, left, area(0, 96, 160, 96));
        }
        check(&mut attention, 96, area(0, 96, 160, 96));
        check(&mut attention, 64, area(32, 96, 128, 96));
    }

    #[test]
    fn a_slow_change_adds_up() {
        let mut attention = awake();
        let changes: Vec<Change> = (100..=106)
            .map(|grey| note_and_read(&mut attention, &scene(Some((96, 128)), grey)))
            .collect();
        assert!(changes[..6].iter().all(|change| *change == Change::Nothing));
        assert!(matches!(changes[6], Change::Part(_)), "{changes:?}");
    }

    #[test]
    fn what_is_read_elsewhere_does_not_take_a_slow_change_along() {
        let mut attention = awake();
        let mut picture = Picture::blank(SIDE, SIDE, 100);
        // A lamp far away goes on and off while this corner becomes brighter by and by.
        for step in 0..=6_u8 {
            for row in picture.pixels.chunks_exact_mut(SIDE).take(32) {
                row[..32].fill(100 + step);
            }
            for row in picture.pixels.chunks_exact_mut(SIDE).skip(256) {
                row[256..288].fill(if step % 2 == 0 { 250 } else { 100 });
            }
            let scene = Scene::of(&Plane::of_frame(&picture.frame().unwrap(), usize::MAX));
            let change = note_and_read(&mut attention, &scene);
            let is_far = matches!(change, Change::Part(area) if area.left > 100);
            assert_eq!(is_far, step < 6, "{step}: {change:?}");
        }
    }

    #[test]
    fn a_change_of_most_of_the_picture_or_of_its_size_is_one_of_the_whole() {
        let mut attention = awake();
        let bright = Picture::blank(SIDE, SIDE, 180);
        let scene = Scene::of(&Plane::of_frame(&bright.frame().unwrap(), usize::MAX));
        assert_eq!(note_and_read(&mut attention, &scene), Change::Whole);
        attention.miss(area(300, 300, 10, 10), area(290, 290, 29, 29));
        // A pixel less: as many cells as before.
        let smaller = Picture::blank(SIDE - 1, SIDE - 1, 180);
        let scene = Scene::of(&Plane::of_frame(&smaller.frame().unwrap(), usize::MAX));
        assert_eq!(note_and_read(&mut attention, &scene), Change::Whole);
        assert!(!attention.has_misses());
    }

    #[test]
    fn a_place_is_kept_until_it_is_read_or_has_changed_for_some_frames() {
        let code = area(96, 128, 32, 32);
        let around = area(80, 112, 64, 64);
        let mut attention = awake();
        assert!(attention.miss(code, around));
        assert!(!attention.miss(code, around), "it is known");
        for _ in 0..50 {
            attention.note(&scene(None, 0));
        }
        assert_eq!(attention.misses(), [around]);
        attention.found(area(200, 200, 50, 50));
        assert!(attention.has_misses(), "another code was read");
        attention.found(code);
        assert!(!attention.has_misses());

        attention.miss(code, around);
        for at in 1..=STIR_FRAMES {
            assert!(attention.has_misses(), "{at}");
            let grey = if at % 2 == 0 { 100 } else { 200 };
            note_and_read(&mut attention, &scene(Some((96, 128)), grey));
        }
        assert!(!attention.has_misses());
    }

    #[test]
    fn no_more_places_are_kept_than_are_allowed() {
        let mut attention = awake();
        for at in 0..20 {
            attention.miss(area(at * 16, 0, 8, 8), area(at * 16, 0, 16, 16));
        }
        assert_eq!(attention.misses().len(), MISSES_MAX);
    }
}
