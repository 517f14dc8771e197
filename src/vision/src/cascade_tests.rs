#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "tests: a panic is how they fail, and pictures are small"
)]

use std::time::Duration;

use super::*;
use crate::testing::{Picture, square};

/// A clock that goes on by itself, so that costs are what a test says.
struct Cpu {
    at: Duration,
    step: Duration,
}

fn idle() -> Cpu {
    Cpu {
        at: Duration::ZERO,
        step: Duration::ZERO,
    }
}

impl Cpu {
    fn read(&mut self) -> Duration {
        self.at += self.step;
        self.at
    }
}

struct Camera {
    cascade: Cascade,
    cpu: Cpu,
    now_ms: u64,
}

impl Camera {
    fn new(formats: &[Format]) -> Self {
        Self {
            cascade: Cascade::new(&Settings {
                formats: Formats::of(formats.iter().copied()),
                ..Settings::default()
            }),
            cpu: idle(),
            now_ms: 0,
        }
    }

    /// Shows a frame, a tenth of a second after the one before.
    fn show(&mut self, picture: &Picture) -> Look {
        self.now_ms += 100;
        let cpu = &mut self.cpu;
        let frame = picture.frame().unwrap();
        self.cascade.look(&frame, self.now_ms, &mut || cpu.read())
    }

    /// How many turns a frame takes.
    fn turns(&mut self, picture: &Picture) -> usize {
        self.show(picture).turns.len()
    }

    fn texts(&mut self, picture: &Picture) -> Vec<String> {
        let look = self.show(picture);
        look.fresh.into_iter().map(|code| code.text).collect()
    }
}

const WIDTH: usize = 640;
const HEIGHT: usize = 480;

fn desk() -> Picture {
    Picture::clutter(WIDTH, HEIGHT, 7)
}

fn badge(text: &str) -> Picture {
    Picture::code(Format::Qr, text, 8).unwrap()
}

/// The desk with a badge held over it.
fn held(text: &str, middle: (f32, f32)) -> Picture {
    desk().with(&badge(text), square(middle, 110.0, 8.0, 0.1))
}

/// Within how many frames each picture is read.
fn check(name: &str, format: Format, text: &str, picture: &Picture, frames_max: usize) {
    let mut camera = Camera::new(&[format]);
    let read = (0..frames_max).find_map(|_| camera.texts(picture).pop());
    assert_eq!(read.as_deref(), Some(text), "{name}");
}

#[test]
fn every_format_is_read_off_a_rendered_code() {
    for (format, text, frames_max) in [
        (Format::Qr, "BADGE-0001", 1),
        (Format::DataMatrix, "BADGE-0001", 1),
        (Format::Aztec, "BADGE-0001", 1),
        (Format::Pdf417, "BADGE-0001", 1),
        (Format::Code128, "BADGE-0001", 2),
        (Format::Code39, "BADGE-0001", 2),
    ] {
        let code = Picture::code(format, text, 3).unwrap();
        let (across, down) = (code.width as f32, code.height as f32);
        let (left, top) = (40.0, 60.0);
        let corners = [
            (left, top),
            (left + across, top),
            (left + across, top + down),
            (left, top + down),
        ];
        let picture = Picture::blank(WIDTH, HEIGHT, 200).with(&code, corners);
        check(format.word(), format, text, &picture, frames_max);
    }
}

#[test]
fn light_and_lenses_do_not_keep_a_code_from_being_read() {
    let text = "R1:01J9ZK5M7Q2W8E4R6T0Y";
    let plain = held(text, (320.0, 240.0));
    let upside = desk().with(&badge(text), square((300.0, 220.0), 120.0, 171.0, 0.1));
    let tilted = desk().with(&badge(text), square((320.0, 240.0), 150.0, 25.0, 0.35));
    for (name, picture) in [
        ("as it is", plain.clone()),
        ("upside down", upside),
        ("tilted", tilted),
        ("out of focus", plain.clone().blurred(2)),
        ("moved", plain.clone().smeared(3, 0)),
        ("noise", plain.clone().noisy(60, 3)),
        ("dim", plain.clone().dim(0.08).noisy(3, 5)),
        ("glare", plain.clone().glaring(0.4, 0.4, 0.15)),
        (
            "half in shadow",
            plain
                .clone()
                .changed(|grey, x, _| if x > 0.5 { grey * 0.3 } else { grey }),
        ),
        ("white on black", plain.clone().inverted()),
        ("a phone's screen", plain.on_screen(3)),
    ] {
        check(name, Format::Qr, text, &picture, 5);
    }
}

#[test]
fn a_badge_that_is_held_is_told_once() {
    let mut camera = Camera::new(&[Format::Qr]);
    let picture = held("HELD", (320.0, 240.0));
    let look = camera.show(&picture);
    assert_eq!((look.fresh.len(), look.turns.len()), (1, 1), "{look:?}");
    for _ in 0..100 {
        let look = camera.show(&picture);
        assert_eq!((look.fresh.len(), look.in_view.len()), (0, 1));
        assert_eq!(look.turns.len(), 0, "it is where it was");
    }
}

#[test]
fn a_badge_that_is_held_by_a_hand_is_told_once() {
    let mut camera = Camera::new(&[Format::Qr]);
    let mut told = 0;
    for at in 0..30_u8 {
        let sway = f32::from(at % 7) * 9.0;
        let picture = held("HELD", (250.0 + sway, 200.0 + sway)).noisy(9, u64::from(at));
        told += camera.texts(&picture).len();
    }
    assert_eq!(told, 1);
}

#[test]
fn a_badge_that_comes_back_is_told_again() {
    let with = held("BACK", (320.0, 240.0));
    let check = |away_frames: usize, expected: usize| {
        let mut camera = Camera::new(&[Format::Qr]);
        assert_eq!(camera.texts(&with), ["BACK"]);
        for _ in 0..away_frames {
            assert_eq!(camera.texts(&desk()), [""; 0]);
        }
        assert_eq!(camera.texts(&with).len(), expected, "{away_frames}");
    };
    // The last frame of the absence and the return lie a tenth of a second apart.
    let away = usize::try_from(AWAY_MS / 100).unwrap();
    check(1, 0);
    check(away - 2, 0);
    check(away, 1);
}

#[test]
fn two_badges_in_view_are_two() {
    let both = desk()
        .with(&badge("LEFT"), square((160.0, 240.0), 90.0, 4.0, 0.0))
        .with(&badge("RIGHT"), square((480.0, 240.0), 90.0, -6.0, 0.0));
    let mut camera = Camera::new(&[Format::Qr]);
    let mut texts = camera.texts(&both);
    texts.sort();
    assert_eq!(texts, ["LEFT", "RIGHT"]);
    assert_eq!(camera.show(&both).in_view.len(), 2);
}

#[test]
fn a_badge_that_takes_anothers_place_is_told() {
    let mut camera = Camera::new(&[Format::Qr]);
    assert_eq!(camera.texts(&held("FIRST", (320.0, 240.0))), ["FIRST"]);
    assert_eq!(camera.texts(&held("OTHER", (320.0, 240.0))), ["OTHER"]);
    let look = camera.show(&held("OTHER", (320.0, 240.0)));
    assert_eq!(look.in_view.len(), 1, "the first is out of sight");
}

#[test]
fn no_more_badges_are_in_view_than_are_allowed() {
    let mut wall = Picture::blank(1_280, 720, 200);
    for at in 0..20_u8 {
        let middle = (
            f32::from(at % 5) * 250.0 + 140.0,
            f32::from(at / 5) * 175.0 + 95.0,
        );
        wall = wall.with(
            &badge(&format!("WALL-{at}")),
            square(middle, 80.0, 0.0, 0.0),
        );
    }
    let mut camera = Camera::new(&[Format::Qr]);
    let look = camera.show(&wall);
    assert_eq!(
        (look.fresh.len(), look.in_view.len()),
        (MAX_IN_VIEW, MAX_IN_VIEW)
    );
}

#[test]
fn what_is_not_allowed_is_not_read() {
    let picture = held("QR", (320.0, 240.0));
    for formats in [&[][..], &[Format::DataMatrix, Format::Aztec]] {
        let mut camera = Camera::new(formats);
        for _ in 0..10 {
            let look = camera.show(&picture);
            assert_eq!((look.fresh.len(), look.near_miss), (0, false));
        }
    }
}

#[test]
fn where_a_code_was_read_is_read_first_and_as_it_was_read() {
    let mut camera = Camera::new(&[Format::Qr]);
    // White on black is not read by the first turn.
    let at = |sway: u8| {
        let middle = (250.0 + f32::from(sway) * 6.0, 240.0);
        let badge = badge("NIGHT").inverted();
        desk().with(&badge, square(middle, 110.0, 0.0, 0.0))
    };
    let look = camera.show(&at(0));
    let read_by = look.turns.last().unwrap().number;
    assert_eq!(look.in_view.len(), 1);
    assert_ne!(read_by, 0);
    for sway in 1..20 {
        let look = camera.show(&at(sway));
        let first = look.turns[0];
        assert_eq!(
            (first.number, first.is_part, first.read),
            (read_by, true, 1),
            "{look:?}"
        );
        assert_eq!((look.in_view.len(), look.turns.len()), (1, 2), "{look:?}");
    }
}

#[test]
fn a_place_where_a_code_could_not_be_read_is_done_with_once_it_is() {
    let mut camera = Camera::new(&[Format::Qr]);
    for _ in 0..5 {
        camera.show(&spoilt());
    }
    let ground = Picture::blank(WIDTH, HEIGHT, 128);
    let whole = ground.with(&badge("BADGE"), square((320.0, 240.0), 110.0, 8.0, 0.1));
    let look = camera.show(&whole);
    let last = look.turns.last().unwrap();
    assert_eq!((look.in_view.len(), last.read), (1, 1), "{look:?}");
    assert_eq!(camera.turns(&whole), 0);
}

/// The mark in a corner of a QR code.
fn corner_mark() -> Picture {
    let rings = |x: usize, y: usize| x.abs_diff(4).max(y.abs_diff(4));
    let mut mark = Picture::blank(36, 36, 255);
    for (at, pixel) in mark.pixels.iter_mut().enumerate() {
        if matches!(rings(at % 36 / 4, at / 36 / 4), 0 | 1 | 3) {
            *pixel = 0;
        }
    }
    mark
}

#[test]
fn a_decoder_that_panics_costs_its_turn_alone() {
    // Marks that lie so that rqrr takes them for a code seen edgewise, whose corners are infinitely far away.
    let marks = [
        ((61.0, 73.0), 23.0, 24.0),
        ((49.0, 113.0), 16.0, 2.0),
        ((110.0, 108.0), 11.0, 51.0),
    ];
    let picture = marks.into_iter().fold(
        Picture::blank(160, 160, 230),
        |picture, (middle, half, turned)| {
            picture.with(&corner_mark(), square(middle, half, turned, -0.2))
        },
    );
    let mut camera = Camera::new(&[Format::Qr]);
    let look = camera.show(&picture);
    assert!(look.panics > 0 && look.turns.len() > 1, "{look:?}");
    assert_eq!(camera.texts(&held("AFTER", (320.0, 240.0))), ["AFTER"]);
}

#[test]
fn a_code_without_error_correction_counts_once_it_was_read_in_two_frames() {
    let code = Picture::code(Format::Code39, "LINES", 3).unwrap();
    let (across, down) = (code.width as f32, code.height as f32);
    let corners = [
        (50.0, 90.0),
        (50.0 + across, 90.0),
        (50.0 + across, 90.0 + down),
        (50.0, 90.0 + down),
    ];
    let picture = Picture::blank(WIDTH, HEIGHT, 180).with(&code, corners);
    let mut camera = Camera::new(&[Format::Code39]);
    assert_eq!(camera.show(&picture).in_view.len(), 0);
    assert_eq!(camera.texts(&picture), ["LINES"]);
    assert_eq!(camera.texts(&picture), [""; 0]);
}

#[test]
fn an_outline_lies_around_its_code() {
    let (middle, half) = ((320.0, 240.0), 110.0);
    let picture = desk().with(&badge("WHERE"), square(middle, half, 0.0, 0.0));
    let look = Camera::new(&[Format::Qr]).show(&picture);
    for corner in look.fresh[0].outline {
        let far = (corner.x as f32 - middle.0)
            .abs()
            .max((corner.y as f32 - middle.1).abs());
        // The picture that was put there has a margin of four modules around the code.
        assert!((60.0..half).contains(&far), "{corner:?}");
    }
}

#[test]
fn a_large_frame_tells_places_in_its_own_pixels() {
    let picture = Picture::blank(2_400, 1_600, 220)
        .with(&badge("LARGE"), square((1_800.0, 1_200.0), 300.0, 0.0, 0.0));
    let look = Camera::new(&[Format::Qr]).show(&picture);
    assert_eq!(look.fresh.len(), 1);
    for corner in look.fresh[0].outline {
        assert!((1_500..2_100).contains(&corner.x) && (900..1_500).contains(&corner.y));
    }
}

#[test]
fn a_scene_that_does_not_change_is_soon_left_alone() {
    let mut camera = Camera::new(&[Format::Qr]);
    let turns: Vec<usize> = (0..60).map(|_| camera.turns(&desk())).collect();
    assert!(turns[..20].iter().sum::<usize>() >= STAGES.len());
    let late: usize = turns[20..].iter().sum();
    assert!(late <= 10, "a turn every {RETRY_MS} ms at most, not {late}");
}

/// A badge whose corners are found; its data says nothing.
fn spoilt() -> Picture {
    let mut spoilt = badge("BADGE");
    let side = spoilt.width;
    let data = 8 * 14..side - 8 * 6;
    for row in data.clone() {
        spoilt.pixels[row * side..][data.clone()].fill(0);
    }
    Picture::blank(WIDTH, HEIGHT, 128).with(&spoilt, square((320.0, 240.0), 110.0, 8.0, 0.1))
}

#[test]
fn a_code_that_is_found_and_not_read_is_not_left_alone() {
    let mut camera = Camera::new(&[Format::Qr]);
    assert!((0..STAGES.len()).any(|_| camera.show(&spoilt()).near_miss));
    let turns: Vec<usize> = (0..10).map(|_| camera.turns(&spoilt())).collect();
    assert_eq!(turns, [1; 10], "one on every frame");
}

#[test]
fn where_a_code_was_found_and_not_read_turns_are_taken_on_its_place() {
    let mut camera = Camera::new(&[Format::Qr]);
    let looks: Vec<Look> = (0..10).map(|_| camera.show(&spoilt())).collect();
    let turns = looks.iter().flat_map(|look| &look.turns);
    let (parts, wholes): (Vec<&Turn>, Vec<&Turn>) = turns.partition(|turn| turn.is_part);
    let all = |turns: &[&Turn]| {
        let numbers = 1..STAGES.len();
        numbers
            .filter(|number| turns.iter().any(|turn| turn.number == *number))
            .count()
    };
    assert_eq!(all(&parts), STAGES.len() - 1);
    // Elsewhere may be another; only there nothing is doubled.
    assert_eq!(all(&wholes), STAGES.len() - 2);
}

#[test]
fn a_badge_that_moves_costs_the_part_that_it_moves_over() {
    let mut camera = Camera::new(&[Format::Qr]);
    camera.show(&desk());
    for at in 0..20_u8 {
        let middle = (150.0 + f32::from(at) * 4.0, 240.0);
        let blurred = desk().with(&badge("MOVES").blurred(12), square(middle, 60.0, 0.0, 0.0));
        let look = camera.show(&blurred);
        let wholes = look.turns.iter().filter(|turn| !turn.is_part).count();
        assert!(wholes == 0 && !look.turns.is_empty(), "{at}: {look:?}");
    }
}

#[test]
fn a_frame_of_another_size_is_looked_at_from_the_beginning() {
    for (width, height) in [(WIDTH - 1, HEIGHT - 1), (64, 48), (8, 8), (2_400, 1_600)] {
        let mut camera = Camera::new(&[Format::Qr]);
        camera.show(&desk());
        // Where it was found, and where it changed, is beyond the edges of the smaller frame.
        camera.show(&held("CORNER", (560.0, 400.0)).smeared(5, 0));
        camera.cpu.step = Duration::from_millis(20);
        camera.show(&Picture::clutter(width, height, 3));
        camera.cpu.step = Duration::ZERO;
        for at in 0..60 {
            camera.show(&Picture::clutter(width, height, at % 2));
        }
        assert_eq!(camera.texts(&held("AGAIN", (320.0, 240.0))), ["AGAIN"]);
    }
}

#[test]
fn noise_alone_is_no_change() {
    let mut camera = Camera::new(&[Format::Qr]);
    let turns: Vec<usize> = (0..60)
        .map(|at| camera.turns(&desk().noisy(8, at)))
        .collect();
    assert!(turns[20..].iter().sum::<usize>() <= 10, "{turns:?}");
}

#[test]
fn in_motion_dear_turns_leave_the_first_its_time() {
    let mut camera = Camera::new(&[Format::Qr]);
    // The first turn of a frame and what is around it take six looks at the clock, so 6 of 8 ms.
    camera.cpu.step = Duration::from_millis(1);
    let looks = (0..60).map(|at| camera.show(&Picture::clutter(320, 240, 2 * at)));
    let firsts = looks.filter(|look| look.turns.iter().any(|turn| turn.number == 0));
    assert_eq!(firsts.count(), 60);
}

#[test]
fn in_motion_dear_turns_have_half_of_the_budget() {
    let mut camera = Camera::new(&[Format::Qr]);
    camera.cpu.step = Duration::from_micros(200);
    let looks = (0..200).map(|at| camera.show(&Picture::clutter(320, 240, 2 * at)).spent);
    let mean = looks.sum::<Duration>() / 200;
    let (least, most) = (Duration::from_millis(3), Duration::from_micros(5_500));
    assert!((least..most).contains(&mean), "{mean:?}");
}

#[test]
fn the_budget_is_kept_whatever_a_turn_costs() {
    for step_us in [20, 300, 2_000, 9_000] {
        let mut camera = Camera::new(&[Format::Qr]);
        camera.cpu.step = Duration::from_micros(step_us);
        let mut spent = Duration::ZERO;
        for at in 0..200_u64 {
            spent += camera.show(&Picture::clutter(320, 240, at)).spent;
        }
        // What is saved at the beginning and what looking itself takes come on top.
        let mean = spent / 200;
        let looking = camera.cpu.step * 3 + Duration::from_millis(1);
        assert!(
            mean <= Duration::from_millis(8) + looking,
            "{step_us} us a step: {mean:?}"
        );
    }
}

#[test]
fn time_that_runs_backwards_loses_nothing() {
    let mut camera = Camera::new(&[Format::Qr]);
    camera.now_ms = 100_000;
    assert_eq!(camera.texts(&held("TIME", (320.0, 240.0))), ["TIME"]);
    camera.now_ms = 0;
    let look = camera.show(&held("TIME", (300.0, 230.0)));
    assert_eq!(look.fresh.len(), 0);
}

#[test]
fn a_badge_put_in_anothers_place_is_read() {
    let mut camera = Camera::new(&[Format::Qr]);
    let texts = |camera: &mut Camera, text| {
        let picture = held(text, (320.0, 240.0));
        (0..40).find_map(|_| camera.texts(&picture).pop())
    };
    assert_eq!(texts(&mut camera, "BADGE-1").as_deref(), Some("BADGE-1"));
    assert_eq!(texts(&mut camera, "BADGE-2").as_deref(), Some("BADGE-2"));
    // A machine on which looking whether a frame changed costs more than the budget.
    camera.cpu.step = Duration::from_millis(20);
    assert_eq!(texts(&mut camera, "BADGE-3").as_deref(), Some("BADGE-3"));
    assert_eq!(texts(&mut camera, "BADGE-4").as_deref(), Some("BADGE-4"));
}
