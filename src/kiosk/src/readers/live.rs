//! What a camera sees, for the attendee's screen, so that people aim right.
//!
//! Promises: a picture is drawn only when somebody asked for one, from the next frame, at most every [`EVERY_MS`]; it goes to whoever asked
//! and is kept nowhere. Who asks never makes the camera wait. At most [`ASKED_MAX`] may ask at once; the oldest then goes without.
//!
//! A picture is a BMP of 8 bits a pixel: small, grey, mirrored, with the outlines of the codes in view in a colour of its own. It needs no
//! encoder, and every browser draws it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use vision::{Frame, Outline, Point};

/// Shortest time between two pictures, in milliseconds.
const EVERY_MS: u64 = 200;
/// The most that may wait for a picture at once.
const ASKED_MAX: usize = 4;
/// The longest sides of a picture, in pixels.
const SIDES_MAX: (usize, usize) = (320, 240);

/// The outlines' colour, blue first as BMP has it: the screen's amber, which is seen on white and on black.
const OUTLINE_BGR: [u8; 3] = [0x00, 0xc4, 0xff];
/// The palette's place for that colour; greys as dark are drawn one lighter.
const OUTLINE: u8 = 0;
/// Half the thickness of outlines, in pixels.
const OUTLINE_RADIUS: i32 = 1;
/// Bytes in front of the pixels: both headers and the palette.
const HEADER_BYTES: u32 = 14 + 40 + 4 * 256;

/// The view of one camera. Clones are the same view.
#[derive(Clone, Debug, Default)]
pub struct LiveView {
    asked: Arc<Mutex<Asked>>,
}

#[derive(Debug, Default)]
struct Asked {
    waiting: Vec<oneshot::Sender<Vec<u8>>>,
    /// When the last picture was drawn, on the reader's clock.
    drawn_ms: Option<u64>,
}

impl LiveView {
    /// Asks for the next picture. It never comes where no camera runs, so wait for it with an end.
    pub fn ask(&self) -> oneshot::Receiver<Vec<u8>> {
        let (answer, answered) = oneshot::channel();
        let mut asked = self.hold();
        if asked.waiting.len() >= ASKED_MAX {
            asked.waiting.remove(0);
        }
        asked.waiting.push(answer);
        answered
    }

    /// Shows a frame to whoever asked. `now_ms` never runs backwards.
    pub fn show(&self, frame: &Frame<'_>, outlines: &[Outline], now_ms: u64) {
        let waiting = {
            let mut asked = self.hold();
            asked.waiting.retain(|asker| !asker.is_closed());
            let is_early = asked
                .drawn_ms
                .is_some_and(|drawn_ms| now_ms < drawn_ms + EVERY_MS);
            if is_early || asked.waiting.is_empty() {
                return;
            }
            asked.drawn_ms = Some(now_ms);
            std::mem::take(&mut asked.waiting)
        };
        let picture = draw(frame, outlines);
        for asker in waiting {
            // One that went away in the meantime misses nothing.
            let _ = asker.send(picture.clone());
        }
    }

    /// Each change is whole, also where a thread panicked.
    fn hold(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A picture without its headers: rows from the top.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

fn draw(frame: &Frame<'_>, outlines: &[Outline]) -> Vec<u8> {
    let mut canvas = Canvas::of(frame);
    for outline in outlines {
        let [a, b, c, d] = outline.map(|corner| canvas.place(corner, frame));
        for (from, to) in [(a, b), (b, c), (c, d), (d, a)] {
            canvas.line(from, to);
        }
    }
    canvas.bmp()
}

impl Canvas {
    /// The frame shrunk and mirrored; each pixel the mean of four of its place's.
    fn of(frame: &Frame<'_>) -> Self {
        let (wide, high) = (frame.width(), frame.height());
        // The side that has to shrink more decides; small frames stay as they are.
        let (width, height) = if wide * SIDES_MAX.1 >= high * SIDES_MAX.0 {
            let width = wide.min(SIDES_MAX.0);
            (width, (high * width / wide).max(1))
        } else {
            let height = high.min(SIDES_MAX.1);
            ((wide * height / high).max(1), height)
        };
        let rows: Vec<&[u8]> = frame.rows().collect();
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            let upper = rows[(4 * y + 1) * high / (4 * height)];
            let lower = rows[(4 * y + 3) * high / (4 * height)];
            for x in (0..width).rev() {
                let (left, right) = (
                    (4 * x + 1) * wide / (4 * width),
                    (4 * x + 3) * wide / (4 * width),
                );
                let four = [upper[left], upper[right], lower[left], lower[right]];
                let sum: u16 = four.iter().map(|grey| u16::from(*grey)).sum();
                let grey = u8::try_from(sum / 4).unwrap_or(u8::MAX);
                pixels.push(grey.max(OUTLINE + 1));
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Where a frame's place lies in the picture.
    fn place(&self, point: Point, frame: &Frame<'_>) -> (i32, i32) {
        let along = |at: i32, of: usize, to: usize| {
            let (of, to) = (
                i32::try_from(of).unwrap_or(1),
                i32::try_from(to).unwrap_or(1),
            );
            let at = i64::from(at.clamp(-of, 2 * of)) * i64::from(to) / i64::from(of);
            i32::try_from(at).unwrap_or(0)
        };
        let x = along(point.x, frame.width(), self.width);
        let width = i32::try_from(self.width).unwrap_or(0);
        (width - 1 - x, along(point.y, frame.height(), self.height))
    }

    fn line(&mut self, from: (i32, i32), to: (i32, i32)) {
        let (across, down) = (to.0 - from.0, to.1 - from.1);
        let steps = across.abs().max(down.abs()).max(1);
        for step in 0..=steps {
            let middle = (from.0 + across * step / steps, from.1 + down * step / steps);
            for dy in -OUTLINE_RADIUS..=OUTLINE_RADIUS {
                for dx in -OUTLINE_RADIUS..=OUTLINE_RADIUS {
                    self.dot(middle.0 + dx, middle.1 + dy);
                }
            }
        }
    }

    fn dot(&mut self, x: i32, y: i32) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
            return;
        };
        if x < self.width && y < self.height {
            self.pixels[y * self.width + x] = OUTLINE;
        }
    }

    /// The file: a BITMAPFILEHEADER, a BITMAPINFOHEADER, the palette, rows from the bottom, each filled up to four bytes.
    fn bmp(&self) -> Vec<u8> {
        // Sides are those of [`SIDES_MAX`] at most.
        let number = |count: usize| u32::try_from(count).unwrap_or(0);
        let row_bytes = self.width.next_multiple_of(4);
        let pixel_bytes = number(row_bytes * self.height);
        let mut file = Vec::new();
        file.extend(b"BM");
        for field in [HEADER_BYTES + pixel_bytes, 0, HEADER_BYTES] {
            file.extend(field.to_le_bytes());
        }
        for field in [40, number(self.width), number(self.height)] {
            file.extend(field.to_le_bytes());
        }
        // One plane of eight bits a pixel.
        file.extend([1, 0, 8, 0]);
        for field in [0, pixel_bytes, 0, 0, 256, 0] {
            file.extend(field.to_le_bytes());
        }
        file.extend(OUTLINE_BGR.iter().chain(&[0]));
        for grey in 1..=u8::MAX {
            file.extend([grey, grey, grey, 0]);
        }
        for row in self.pixels.chunks_exact(self.width).rev() {
            file.extend(row);
            file.extend(std::iter::repeat_n(0, row_bytes - self.width));
        }
        file
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use vision::testing::Picture;

    use super::*;

    fn number(file: &[u8], at: usize) -> usize {
        let bytes = file[at..at + 4].try_into().unwrap();
        usize::try_from(u32::from_le_bytes(bytes)).unwrap()
    }

    /// A file's sides, and its pixels' places in the palette from the top left.
    fn read(file: &[u8]) -> (usize, usize, Vec<u8>) {
        assert_eq!(&file[..2], b"BM");
        assert_eq!(number(file, 2), file.len());
        let (from, width, height) = (number(file, 10), number(file, 18), number(file, 22));
        assert_eq!(number(file, 34), file.len() - from);
        let rows = file[from..].chunks_exact(width.next_multiple_of(4)).rev();
        let pixels: Vec<u8> = rows.flat_map(|row| row[..width].to_vec()).collect();
        assert_eq!(pixels.len(), width * height);
        (width, height, pixels)
    }

    #[test]
    fn a_picture_is_small_and_keeps_its_shape() {
        for (wide, high, expected) in [
            (1_280, 720, (320, 180)),
            (640, 480, (320, 240)),
            (480, 640, (180, 240)),
            (321, 241, (319, 240)),
            (64, 48, (64, 48)),
            (8_192, 8, (320, 1)),
        ] {
            let picture = Picture::blank(wide, high, 9);
            let (width, height, pixels) = read(&draw(&picture.frame().unwrap(), &[]));
            assert_eq!((width, height), expected, "{wide}x{high}");
            assert!(pixels.iter().all(|grey| *grey == 9));
        }
    }

    #[test]
    fn it_is_a_mirror_with_the_codes_outlined() {
        let mut scene = Picture::blank(64, 48, 0);
        scene.pixels[..8].fill(200);
        let outline = [(4, 20), (20, 20), (20, 36), (4, 36)].map(|(x, y)| Point { x, y });
        let (width, _, pixels) = read(&draw(&scene.frame().unwrap(), &[outline]));
        assert_eq!(pixels[width - 1], 200, "left is right");
        assert_eq!(pixels[0], 1, "black is no outline");
        for (x, y) in [(59, 20), (43, 36), (50, 20), (43, 28)] {
            assert_eq!(pixels[y * width + x], OUTLINE, "{x} {y}");
        }
        assert_eq!(pixels[28 * width + 51], 1, "its inside is seen");
    }

    #[test]
    fn nobody_asked_is_nothing_drawn_and_nothing_kept() {
        let view = LiveView::default();
        let scene = Picture::blank(64, 48, 50);
        let frame = scene.frame().unwrap();
        view.show(&frame, &[], 0);
        let mut first = view.ask();
        assert!(first.try_recv().is_err(), "only frames that come later");
        view.show(&frame, &[], 10);
        assert!(first.try_recv().is_ok());
        let mut second = view.ask();
        view.show(&frame, &[], 10 + EVERY_MS - 1);
        assert!(second.try_recv().is_err(), "too early");
        view.show(&frame, &[], 10 + EVERY_MS);
        assert!(second.try_recv().is_ok());
        drop(view.ask());
        view.show(&frame, &[], 10_000);
        assert_eq!(
            view.hold().drawn_ms,
            Some(10 + EVERY_MS),
            "who went away asks no more"
        );
        let mut asked: Vec<_> = (0..=ASKED_MAX).map(|_| view.ask()).collect();
        view.show(&frame, &[], 20_000);
        let got: Vec<bool> = asked
            .iter_mut()
            .map(|asker| asker.try_recv().is_ok())
            .collect();
        assert_eq!(got, [&[false][..], &[true; ASKED_MAX]].concat());
    }

    proptest! {
        #[test]
        fn any_frame_and_outline_draws(
            wide in 8_usize..400, high in 8_usize..400,
            corners in any::<[(i32, i32); 4]>(),
        ) {
            let scene = Picture::blank(wide, high, 128);
            let outline = corners.map(|(x, y)| Point { x, y });
            read(&draw(&scene.frame().unwrap(), &[outline]));
        }
    }
}
