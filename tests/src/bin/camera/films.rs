//! Films of badges, made frame by frame: as people hold them before a door's camera, and as cameras spoil them.
//!
//! Contract: a film is drawn from its scene, its number and the seed alone. It ends after [`FRAMES`]. What makes it hard eases towards its
//! end, as people hold still and cameras focus; some never become easy.

use rollcall_tests::random::Random;
use vision::Format;
use vision::testing::{Corners, Picture, square};

/// Frames of a film, two seconds of them.
pub(crate) const FRAMES: u16 = 30;
const WIDTH: u16 = 1_280;
const HEIGHT: u16 = 720;

/// What makes a film hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    Moving,
    Blurred,
    Tilted,
    Glare,
    Dim,
    Far,
    Phone,
}

impl Scene {
    pub(crate) const ALL: [Self; 7] = [
        Self::Moving,
        Self::Blurred,
        Self::Tilted,
        Self::Glare,
        Self::Dim,
        Self::Far,
        Self::Phone,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Moving => "moving",
            Self::Blurred => "blurred",
            Self::Tilted => "tilted",
            Self::Glare => "glare",
            Self::Dim => "dim",
            Self::Far => "far",
            Self::Phone => "phone's screen",
        }
    }
}

/// A film.
pub(crate) struct Film {
    scene: Scene,
    badge: Picture,
    /// What its code may be read as.
    pub(crate) texts: Vec<String>,
    ground: Picture,
    seed: u64,
    /// How hard it is, from 0 to 1.
    hard: f32,
    middle: (f32, f32),
    /// Half the badge's side.
    half: f32,
    turned: f32,
    /// Which way it moves, or leans: -1 or 1.
    way: f32,
}

/// A number from `from` to `to`.
fn between(random: &mut Random, from: f32, to: f32) -> f32 {
    let share = u16::try_from(random.below(1_001)).unwrap_or(0);
    from + (to - from) * f32::from(share) / 1_000.0
}

/// What a film is drawn from. Each number goes through the generator, or neighbouring seeds would draw the same films in another order.
fn drawn_from(seed: u64, place: u64, number: u64) -> Random {
    let scene = Random::from_seed(Random::from_seed(seed).number() ^ place).number();
    Random::from_seed(Random::from_seed(scene ^ number).number())
}

/// A badge's text: mostly a short code, at times one that the issuer signed.
fn text(random: &mut Random) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let length = if random.below(3) == 0 { 150 } else { 17 };
    (0..length)
        .map(|_| char::from(ALPHABET[random.index(ALPHABET.len())]))
        .collect()
}

impl Film {
    /// The film of that number in a scene.
    pub(crate) fn of(scene: Scene, number: u64, seed: u64) -> Option<Self> {
        let place = Scene::ALL.iter().position(|other| *other == scene)?;
        let place = u64::try_from(place).ok()?;
        let mut random = drawn_from(seed, place, number);
        let text = text(&mut random);
        let code = Picture::code(Format::Qr, &text, 4)?;
        let modules = f32::from(u16::try_from(code.width / 4).ok()?);
        let hard = between(&mut random, 0.0, 1.0);
        let module_px = match scene {
            Scene::Far => 3.0 - 1.6 * hard,
            Scene::Tilted | Scene::Glare | Scene::Phone => between(&mut random, 3.0, 6.0),
            Scene::Moving | Scene::Blurred | Scene::Dim => between(&mut random, 3.5, 6.0),
        };
        let badge = if scene == Scene::Phone {
            on_a_phone(&code, random.below(4) == 0)
        } else {
            code
        };
        let (width, height) = (usize::from(WIDTH), usize::from(HEIGHT));
        Some(Self {
            scene,
            badge,
            texts: vec![text],
            ground: Picture::clutter(width, height, random.number()),
            seed: random.number(),
            hard,
            middle: (
                between(&mut random, 420.0, 860.0),
                between(&mut random, 280.0, 440.0),
            ),
            half: (modules * module_px / 2.0).min(330.0),
            turned: between(&mut random, -25.0, 25.0),
            way: if random.below(2) == 0 { -1.0 } else { 1.0 },
        })
    }

    /// A photograph that is held before the camera: it is the badge and its ground.
    pub(crate) fn of_photograph(
        photograph: Picture,
        texts: Vec<String>,
        number: u64,
        seed: u64,
    ) -> Self {
        let mut random = drawn_from(seed, u64::MAX, number);
        let (width, height) = (usize::from(WIDTH), usize::from(HEIGHT));
        let ground = Picture::blank(width, height, 110);
        let side = |side: usize| f32::from(u16::try_from(side / 2).unwrap_or(u16::MAX));
        let (across, down) = (side(photograph.width), side(photograph.height));
        let middle = (f32::from(WIDTH) / 2.0, f32::from(HEIGHT) / 2.0);
        Self {
            scene: Scene::Moving,
            half: across.min(middle.0).min(down * middle.0 / middle.1),
            badge: photograph,
            texts,
            ground,
            seed: random.number(),
            hard: between(&mut random, 0.0, 0.5),
            middle,
            turned: 0.0,
            way: if random.below(2) == 0 { -1.0 } else { 1.0 },
        }
    }

    /// The frame of that number.
    pub(crate) fn frame(&self, at: u16) -> Picture {
        let mut random = Random::from_seed(self.seed ^ u64::from(at));
        // How far the film is, and what of its hardness is left: it is gone after two thirds, but for what stays.
        let far = f32::from(at) / f32::from(FRAMES);
        let left = (1.0 - 1.5 * far).max(0.0);
        let (mut middle, mut tilt, mut turned) = (self.middle, 0.1 * self.way, self.turned);
        let shake = |random: &mut Random| between(random, -2.0, 2.0);
        middle = (middle.0 + shake(&mut random), middle.1 + shake(&mut random));
        match self.scene {
            Scene::Moving => middle.0 += self.way * (40.0 + 420.0 * self.hard) * left * left,
            Scene::Tilted => {
                tilt = self.way * (0.15 + 0.6 * self.hard * (0.4 + 0.6 * left));
                turned += 60.0 * self.hard * left;
            }
            Scene::Blurred | Scene::Glare | Scene::Dim | Scene::Far | Scene::Phone => {}
        }
        let shown = self
            .ground
            .clone()
            .with(&self.badge, self.corners(middle, turned, tilt));
        let noise = self.seed ^ u64::from(at);
        let whole = |pixels: f32| {
            (0..40_u16)
                .take_while(|at| f32::from(*at) + 0.5 < pixels)
                .count()
        };
        match self.scene {
            // Blurred by what it moves within the time of exposure, half that between frames.
            Scene::Moving => {
                let speed = (40.0 + 420.0 * self.hard) * 2.0 * left * 1.5 / f32::from(FRAMES);
                shown.smeared(whole(speed / 4.0), 0).noisy(8, noise)
            }
            Scene::Blurred => {
                let radius = 1.5 + 4.0 * self.hard * left + 1.6 * self.hard;
                shown.blurred(whole(radius)).noisy(6, noise)
            }
            Scene::Tilted => shown.blurred(1).noisy(8, noise),
            Scene::Glare => {
                let drift = self.way * (far - 0.5) * 0.25;
                let (across, down) = (
                    self.middle.0 / f32::from(WIDTH) + drift,
                    self.middle.1 / f32::from(HEIGHT),
                );
                let radius = 0.12 + 0.26 * self.hard;
                shown
                    .glaring(across, down, radius)
                    .blurred(1)
                    .noisy(8, noise)
            }
            Scene::Dim => {
                let share = 0.20 - 0.17 * self.hard;
                shown.blurred(1).dim(share).noisy(12, noise)
            }
            Scene::Far => shown.noisy(8, noise),
            Scene::Phone => {
                let drift = self.way * (far - 0.5) * 0.3;
                let radius = 0.08 + 0.22 * self.hard;
                let shown = shown.glaring(self.middle.0 / f32::from(WIDTH) + drift, 0.5, radius);
                shown.blurred(whole(0.6 + 2.4 * self.hard)).noisy(8, noise)
            }
        }
    }

    fn corners(&self, middle: (f32, f32), turned: f32, tilt: f32) -> Corners {
        let corners = square(middle, self.half, turned, tilt);
        let shape = |side: usize| f32::from(u16::try_from(side).unwrap_or(1));
        let tall = shape(self.badge.height) / shape(self.badge.width);
        corners.map(|(x, y)| (x, middle.1 + (y - middle.1) * tall))
    }
}

/// A code on a phone: its pixels, a bright face, and at times white on black.
fn on_a_phone(code: &Picture, is_dark: bool) -> Picture {
    let code = if is_dark {
        code.clone().inverted()
    } else {
        code.clone()
    };
    let side = code.width * 3;
    let share = f32::from(u16::try_from(side).unwrap_or(u16::MAX));
    let large = Picture::blank(side, side, 255).with(
        &code,
        [(0.0, 0.0), (share, 0.0), (share, share), (0.0, share)],
    );
    large.on_screen(3)
}
