//! Frames of every size, stride and content through the cascade that reads a camera's.
//!
//! An input begins with a head that says how large the frame is and how it is made; what follows is drawn from. Every turn of the cascade
//! is taken on small frames; on large ones a made-up clock ends them, as the budget would at a door.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kiosk::readers::fuzzing::CameraStream;
use vision::testing::{Picture, square};
use vision::{
    Cascade, Code, Format, Formats, Frame, FrameError, Layout, Look, MAX_IN_VIEW, MAX_SIDE_PX,
    Pixels, Settings,
};

use super::targets::Answer;

/// Bytes of the head: what is made, formats, width, height, stride, and one to choose by.
const HEAD_BYTES: usize = 9;
/// Pixels up to which every turn is taken.
const SMALL_PX: usize = 96 * 96;
/// What a look at the clock costs on larger frames: after so many the budget is spent.
const TICK: Duration = Duration::from_millis(4);
/// Milliseconds between two frames.
const FRAME_MS: u64 = 33;
/// The longest text that is drawn as a code.
const TEXT_BYTES_MAX: usize = 60;

/// The most pixels of a stream's frames.
const STREAM_PX_MAX: usize = 1 << 16;

/// How many decoders have panicked and were contained, in this process.
static CONTAINED: AtomicU64 = AtomicU64::new(0);

/// How many decoders have panicked and were contained, in this process.
pub fn contained_panics() -> u64 {
    CONTAINED.load(Ordering::Relaxed)
}

struct Head {
    formats: Formats,
    width: usize,
    height: usize,
    stride: usize,
    choice: u8,
}

/// The head, and what follows it.
fn head(input: &[u8]) -> Option<(Head, &[u8])> {
    let (head, rest) = input.split_first_chunk::<HEAD_BYTES>()?;
    let number = |at: usize| usize::from(u16::from_le_bytes([head[at], head[at + 1]]));
    let bits = head[1];
    let formats = Format::ALL
        .into_iter()
        .zip(0..)
        .filter(|(_, bit)| bits >> bit & 1 == 1)
        .map(|(format, _)| format);
    let head = Head {
        formats: Formats::of(formats),
        width: number(2),
        height: number(4),
        stride: number(6),
        choice: head[8],
    };
    Some((head, rest))
}

fn input(
    formats: u8,
    (width, height, stride): (u16, u16, u16),
    choice: u8,
    rest: &[u8],
) -> Vec<u8> {
    let sizes = [width, height, stride].map(u16::to_le_bytes);
    [&[0, formats], sizes.as_flattened(), &[choice], rest].concat()
}

/// All formats.
const ALL: u8 = 0x3f;

/// Small frames: blank, with every kind of code in its smallest form, cut off, and of sizes that cannot be.
pub(super) fn small() -> Vec<Vec<u8>> {
    let mut inputs = vec![
        input(1, (8, 8, 8), 0, &[0; 64]),
        input(ALL, (40, 30, 44), 0, &[0x55, 0xaa, 0, 0xff].repeat(330)),
    ];
    for (format, bit) in Format::ALL.into_iter().zip(0..) {
        let Some(code) = Picture::code(format, "B-17", 2) else {
            continue;
        };
        let [width, height] =
            [code.width, code.height].map(|side| u16::try_from(side).unwrap_or(0));
        inputs.push(input(1 << bit, (width, height, width), 0, &code.pixels));
    }
    inputs
}

/// The pixels as they are, in rows as the head says.
pub(super) fn raw(input: &[u8]) -> Answer {
    let Some((head, pixels)) = head(input) else {
        return Answer::Refused("no head".to_owned());
    };
    match Frame::new(pixels, head.width, head.height, head.stride) {
        Err(error) => Answer::Refused(error.to_string()),
        Ok(frame) => {
            if frame.rows().count() != head.height
                || frame.rows().any(|row| row.len() != head.width)
            {
                return Answer::Contradicts("a frame has other rows than it says".to_owned());
            }
            told(look_twice(&frame, &head))
        }
    }
}

/// Large frames: a grey, stripes and noise of a few pixels repeated over a screen, and the largest and the flattest there are.
pub(super) fn large() -> Vec<Vec<u8>> {
    let side = u16::try_from(MAX_SIDE_PX).unwrap_or(u16::MAX);
    vec![
        input(1, (1280, 720, 1280), 1, &[200]),
        input(ALL, (640, 480, 700), 9, &[0, 0, 0, 255, 255, 255]),
        input(1, (side, 8, side), 40, &[0, 255, 17]),
        input(ALL, (8, side, 8), 3, &[0, 255]),
        input(1, (side, side, side), 2, &[0, 255, 9, 0]),
    ]
}

/// The pixels repeated until the frame is full: as they come, or as blocks of as many pixels as the choice says.
pub(super) fn tiled(input: &[u8]) -> Answer {
    let Some((head, pixels)) = head(input) else {
        return Answer::Refused("no head".to_owned());
    };
    let block = usize::from(head.choice) + 1;
    // What is wrong with the head is told before anything is filled.
    let bytes = head
        .stride
        .checked_mul(head.height)
        .filter(|bytes| *bytes <= MAX_SIDE_PX * MAX_SIDE_PX && !pixels.is_empty());
    let Some(bytes) = bytes else {
        return Answer::Refused("nothing to fill it with".to_owned());
    };
    let filled: Vec<u8> = if head.choice == 0 {
        pixels.iter().copied().cycle().take(bytes).collect()
    } else {
        let width = head.stride.max(1);
        (0..bytes)
            .map(|at| pixels[(at / width / block * 31 + at % width / block) % pixels.len()])
            .collect()
    };
    match Frame::new(&filled, head.width, head.height, head.stride) {
        Err(error) => Answer::Refused(error.to_string()),
        Ok(frame) => told(look_twice(&frame, &head)),
    }
}

/// A text of each format, whole and spoilt.
pub(super) fn codes() -> Vec<Vec<u8>> {
    (0..6_u8)
        .flat_map(|format| {
            let whole = input(1 << format, (200, 160, 200), format, b"BADGE-17");
            let spoilt = input(
                ALL,
                (160, 200, 160),
                format,
                b"BADGE-17\n\x30\x40\x10\x55\x99",
            );
            [whole, spoilt]
        })
        .collect()
}

/// A code that says the first line, tilted and put into a frame, spoilt by each three bytes that follow. One that is not spoilt and lies flat
/// is read as it is.
pub(super) fn drawn(input: &[u8]) -> Answer {
    let Some((head, rest)) = head(input) else {
        return Answer::Refused("no head".to_owned());
    };
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (text, spoils) = rest.split_at(end.unwrap_or(rest.len()));
    let text = String::from_utf8_lossy(&text[..text.len().min(TEXT_BYTES_MAX)]).into_owned();
    let format = Format::ALL[usize::from(head.choice) % Format::ALL.len()];
    let turned = f32::from(head.choice / 6) * 9.0;
    let (width, height) = (head.width.clamp(8, 400), head.height.clamp(8, 400));
    let Some(code) = Picture::code(format, &text, 3).filter(|_| !text.is_empty()) else {
        return Answer::Refused("no such code".to_owned());
    };
    let (middle, half) = middle_of(width, height);
    let fits = code.width * 2 <= width * 3 && code.height * 2 <= height * 3;
    let is_square = code.width == code.height;
    let mut scene = if turned == 0.0 && code.width <= width && code.height <= height {
        pasted(width, height, &code)
    } else {
        let corners = square(middle, half, turned, f32::from(head.choice % 3) * 0.1);
        Picture::blank(width, height, 230).with(&code, corners)
    };
    let is_flat = turned == 0.0 && code.width <= width && code.height <= height;
    for spoil in spoils.chunks_exact(3) {
        spoilt(&mut scene, spoil);
    }
    let Ok(frame) = scene.frame() else {
        return Answer::Contradicts("a picture is no frame".to_owned());
    };
    let is_whole = spoils.len() < 3 && is_flat && fits && is_square && format == Format::Qr;
    let looked = look_twice(&frame, &head);
    if is_whole
        && head.formats.has(format)
        && let Ok(look) = &looked
        && !look.in_view.iter().any(|code| code.text == text)
    {
        return Answer::Contradicts(format!("{text:?} was drawn and not read"));
    }
    told(looked)
}

#[allow(
    clippy::cast_precision_loss,
    reason = "sides of some hundred pixels lose nothing"
)]
fn middle_of(width: usize, height: usize) -> ((f32, f32), f32) {
    let (across, down) = (width as f32 / 2.0, height as f32 / 2.0);
    ((across, down), across.min(down) * 0.9)
}

/// A code on white, pixel for pixel.
fn pasted(width: usize, height: usize, code: &Picture) -> Picture {
    let mut scene = Picture::blank(width, height, 255);
    let (left, top) = ((width - code.width) / 2, (height - code.height) / 2);
    for (y, row) in code.pixels.chunks_exact(code.width).enumerate() {
        let at = (top + y) * width + left;
        scene.pixels[at..at + code.width].copy_from_slice(row);
    }
    scene
}

/// A square somewhere made one grey, inverted, or noisy.
fn spoilt(scene: &mut Picture, spoil: &[u8]) {
    let (left, top) = (
        usize::from(spoil[0]) * scene.width / 256,
        usize::from(spoil[1]) * scene.height / 256,
    );
    let side = 1 + usize::from(spoil[2] >> 3);
    for y in top..(top + side).min(scene.height) {
        for x in left..(left + side).min(scene.width) {
            let pixel = &mut scene.pixels[y * scene.width + x];
            *pixel = match spoil[2] & 3 {
                0 => 0,
                1 => 255,
                2 => 255 - *pixel,
                _ => pixel.wrapping_mul(57).wrapping_add(spoil[0]),
            };
        }
    }
}

/// Two frames of every layout, with padded rows, and with rubbish before, between and within.
pub(super) fn streams() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for (pixels, choice) in Pixels::ALL.into_iter().zip(0..) {
        let (width, height) = (24, 20);
        let layout = Layout {
            pixels,
            width,
            height,
            stride: pixels.row_bytes(width) + 4,
        };
        let [one, two] = [1, 2].map(|seed| Picture::clutter(width, height, seed).laid(&layout));
        let whole = [&one[..], &two].concat();
        let spoilt = [
            b"rubbish\xff",
            &one[..],
            &two[..two.len() / 2],
            &one,
            &[0, 0xff],
        ]
        .concat();
        let stride = u16::try_from(layout.stride).unwrap_or(u16::MAX);
        inputs.push(input(1, (24, 20, stride), choice, &whole));
        inputs.push(input(1, (24, 20, stride), choice + 50, &spoilt));
    }
    inputs
}

/// What a camera's program writes, in portions: the frames are the same as at once, of the size that was asked for, and little is held.
pub(super) fn stream(input: &[u8]) -> Answer {
    let Some((head, bytes)) = head(input) else {
        return Answer::Refused("no head".to_owned());
    };
    let layout = Layout {
        pixels: Pixels::ALL[usize::from(head.choice) % Pixels::ALL.len()],
        width: head.width,
        height: head.height,
        stride: head.stride,
    };
    // A configuration with another layout is refused before a stream is opened.
    if !layout.is_sound() || layout.width * layout.height > STREAM_PX_MAX {
        return Answer::Refused("no such layout".to_owned());
    }
    let portion = 1 + usize::from(head.choice) / Pixels::ALL.len() * 13;
    let cut = |portion| frames_of(&layout, bytes, portion);
    match (cut(bytes.len().max(1)), cut(portion)) {
        (Err(wrong), _) | (_, Err(wrong)) => Answer::Contradicts(wrong),
        (Ok(whole), Ok(portions)) if whole != portions => {
            Answer::Contradicts(format!("in portions of {portion} it is other frames"))
        }
        (Ok(frames), _) => {
            let (whole, spoilt): (Vec<_>, Vec<_>) = frames.iter().partition(|frame| frame.is_ok());
            let mut why: Vec<String> = spoilt
                .into_iter()
                .filter_map(|frame| frame.as_ref().err().map(ToString::to_string))
                .collect();
            why.dedup();
            why.truncate(4);
            let said = format!("{} {}", layout.pixels.word(), why.join(" "));
            if whole.is_empty() {
                Answer::Refused(said)
            } else {
                Answer::Taken(said)
            }
        }
    }
}

/// The pixels of every frame of a stream, or why it is none.
fn frames_of(
    layout: &Layout,
    bytes: &[u8],
    portion: usize,
) -> Result<Vec<Result<Vec<u8>, FrameError>>, String> {
    let mut stream = CameraStream::new(*layout);
    let mut frames = Vec::new();
    for read in bytes.chunks(portion) {
        stream.push(read);
        while let Some(frame) = stream.frame() {
            let pixels = frame.map(|frame| frame.rows().flatten().copied().collect::<Vec<u8>>());
            if let Ok(pixels) = &pixels
                && pixels.len() != layout.width * layout.height
            {
                return Err("a frame has another size than its layout".to_owned());
            }
            frames.push(pixels);
            if frames.len() > bytes.len() {
                return Err("there are more frames than bytes".to_owned());
            }
        }
        if stream.held_bytes() > 2 * (layout.frame_bytes().unwrap_or(0) + bytes.len()) + 64 {
            return Err(format!("{} bytes are held", stream.held_bytes()));
        }
    }
    Ok(frames)
}

/// Looks at a frame and at the same one again. What is wrong, if something is, else the first look.
fn look_twice(frame: &Frame<'_>, head: &Head) -> Result<Look, String> {
    let mut cascade = Cascade::new(&Settings {
        formats: head.formats.clone(),
        ..Settings::default()
    });
    let tick = if frame.width() * frame.height() <= SMALL_PX {
        Duration::ZERO
    } else {
        TICK
    };
    let mut spent = Duration::ZERO;
    let mut cpu = || {
        spent += tick;
        spent
    };
    let mut first: Option<Look> = None;
    for now_ms in [FRAME_MS, 2 * FRAME_MS] {
        let look = cascade.look(frame, now_ms, &mut cpu);
        CONTAINED.fetch_add(look.panics.into(), Ordering::Relaxed);
        check(&look, &head.formats)?;
        if let Some(before) = &first {
            let mut told = before.fresh.iter();
            if told.any(|told| look.fresh.iter().any(|code| is_same(told, code))) {
                return Err("a code that is held is told again".to_owned());
            }
        }
        let is_confirmed_now = first.is_some() && !look.fresh.is_empty();
        if first.is_none() || is_confirmed_now {
            first = Some(look);
        }
    }
    Ok(first.unwrap_or_default())
}

fn check(look: &Look, formats: &Formats) -> Result<(), String> {
    if look.in_view.len() > MAX_IN_VIEW || look.fresh.len() > MAX_IN_VIEW {
        return Err("more codes than are followed".to_owned());
    }
    if u32::try_from(look.turns.len()).is_ok_and(|turns| look.panics > turns) {
        return Err("more panics than turns".to_owned());
    }
    // A later turn may have found the same code at other corners.
    let is_in_view = |new: &Code| look.in_view.iter().any(|code| is_same(code, new));
    if !look.fresh.iter().all(is_in_view) {
        return Err("a new code is not in view".to_owned());
    }
    for (place, code) in look.in_view.iter().enumerate() {
        if code.text.is_empty() || code.aim.len() != 3 || !code.aim.starts_with(']') {
            return Err("a code without a text or an AIM identifier".to_owned());
        }
        if !formats.has(code.format) {
            return Err(format!("{:?} was not to be read", code.format));
        }
        let mut others = look.in_view[..place].iter();
        if others.any(|other| is_same(other, code)) {
            return Err("one code is in view twice".to_owned());
        }
    }
    Ok(())
}

fn is_same(code: &Code, other: &Code) -> bool {
    (&code.text, code.format) == (&other.text, other.format)
}

fn told(looked: Result<Look, String>) -> Answer {
    match looked {
        Err(contradiction) => Answer::Contradicts(contradiction),
        Ok(look) => {
            let mut said: Vec<&str> = look.in_view.iter().map(|code| code.format.word()).collect();
            said.sort_unstable();
            said.extend(look.near_miss.then_some("near"));
            said.extend((look.panics > 0).then_some("panicked"));
            let said = said.join(" ");
            if look.in_view.is_empty() {
                Answer::Refused(said)
            } else {
                Answer::Taken(said)
            }
        }
    }
}
