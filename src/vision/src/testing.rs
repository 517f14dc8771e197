//! Pictures to test with: codes that are rendered, put into a scene, and spoilt in the ways in which cameras spoil them.
//!
//! Contract: everything is drawn from its arguments alone, noise from a seed; the same arguments draw the same picture. Sides are those of
//! frames. This is for tests and benches and is linked into no program.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "coordinates of pictures of some thousand pixels and greys that were clamped lose nothing in these casts"
)]

use zxingcpp::BarcodeFormat;

use crate::{Format, Frame, FrameError, Layout, Pixels};

mod jpeg;

/// Corners of where a picture is put: those of its top left, top right, bottom right and bottom left.
pub type Corners = [(f32, f32); 4];

/// A grey picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Rows from the top, without gaps.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// One grey everywhere.
    pub fn blank(width: usize, height: usize, grey: u8) -> Self {
        Self {
            width,
            height,
            pixels: vec![grey; width * height],
        }
    }

    /// A code that says `text`, black on white with its margin; nothing where this format cannot say it.
    pub fn code(format: Format, text: &str, module_px: u8) -> Option<Self> {
        let format = match format {
            Format::Qr => BarcodeFormat::QRCode,
            Format::Code128 => BarcodeFormat::Code128,
            Format::Code39 => BarcodeFormat::Code39,
            Format::Pdf417 => BarcodeFormat::PDF417,
            Format::DataMatrix => BarcodeFormat::DataMatrix,
            Format::Aztec => BarcodeFormat::Aztec,
        };
        let code = zxingcpp::create(format).from_str(text).ok()?;
        let how = zxingcpp::write()
            .scale(i32::from(module_px))
            .add_quiet_zones(true);
        let image = code.to_image_with(&how).ok()?;
        let (width, height) = (image.width(), image.height());
        Some(Self {
            width: usize::try_from(width).ok()?,
            height: usize::try_from(height).ok()?,
            pixels: image.data(),
        })
    }

    /// A scene without a code that gives decoders something to look at: patches, bars and dots of every grey.
    pub fn clutter(width: usize, height: usize, seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut scene = Self::blank(width, height, 128);
        for _ in 0..60 {
            let (left, top) = (dice.below(width), dice.below(height));
            let (across, down) = (8 + dice.below(width / 4), 8 + dice.below(height / 4));
            let grey = dice.below(256) as u8;
            let period = dice.below(12);
            for y in top..(top + down).min(height) {
                for x in left..(left + across).min(width) {
                    let is_gap = period > 3 && (x - left) % period < period / 2;
                    scene.pixels[y * width + x] = if is_gap { 255 - grey } else { grey };
                }
            }
        }
        scene
    }

    /// It as a frame.
    ///
    /// # Errors
    /// [`FrameError`] where its sides are not those of a frame.
    pub fn frame(&self) -> Result<Frame<'_>, FrameError> {
        Frame::new(&self.pixels, self.width, self.height, self.width)
    }

    /// Its bytes as a camera of that layout gives them, with some colour beside it. The layout's size has to be its own.
    pub fn laid(&self, layout: &Layout) -> Vec<u8> {
        /// What lies where colours are, and beyond the rows.
        const ELSE: u8 = 77;
        if layout.pixels == Pixels::Mjpeg {
            return self.jpeg();
        }
        let mut bytes = Vec::new();
        for row in self.pixels.chunks_exact(self.width) {
            match layout.pixels {
                Pixels::Yuyv => bytes.extend(row.iter().flat_map(|grey| [*grey, ELSE])),
                _ => bytes.extend(row),
            }
            let pad = layout.stride - layout.pixels.row_bytes(self.width);
            bytes.extend(std::iter::repeat_n(ELSE, pad));
        }
        bytes.resize(layout.frame_bytes().unwrap_or(bytes.len()), ELSE);
        bytes
    }

    /// It as a JPEG: grey, baseline, of high quality.
    pub fn jpeg(&self) -> Vec<u8> {
        jpeg::encode(self)
    }

    /// `other` put into it, drawn into these corners.
    #[must_use]
    pub fn with(mut self, other: &Self, corners: Corners) -> Self {
        let Some(map) = Projection::onto_unit_square(corners) else {
            return self;
        };
        let along = |of: fn(&(f32, f32)) -> f32, most: usize| {
            let least = corners.iter().map(of).fold(f32::MAX, f32::min).max(0.0);
            let last = corners.iter().map(of).fold(0.0, f32::max).ceil() as usize;
            (least as usize).min(most)..last.min(most)
        };
        for y in along(|corner| corner.1, self.height) {
            for x in along(|corner| corner.0, self.width) {
                // Nine places in a pixel, as a lens would gather them.
                let (mut sum, mut count) = (0_u32, 0_u32);
                for at in 0..9_u8 {
                    let (dx, dy) = (f32::from(at % 3), f32::from(at / 3));
                    let place = (x as f32 + (dx + 0.5) / 3.0, y as f32 + (dy + 0.5) / 3.0);
                    if let Some(grey) = map.of(place).and_then(|unit| other.at_share(unit)) {
                        (sum, count) = (sum + u32::from(grey), count + 1);
                    }
                }
                if count > 0 {
                    let pixel = &mut self.pixels[y * self.width + x];
                    let under = u32::from(*pixel) * (9 - count);
                    *pixel = ((sum + under) / 9) as u8;
                }
            }
        }
        self
    }

    /// The pixel at a place given in shares of the sides; nothing outside.
    fn at_share(&self, (x, y): (f32, f32)) -> Option<u8> {
        let is_inside = (0.0..1.0).contains(&x) && (0.0..1.0).contains(&y);
        let at = |share: f32, side: usize| ((share * side as f32) as usize).min(side - 1);
        is_inside.then(|| self.pixels[at(y, self.height) * self.width + at(x, self.width)])
    }

    /// Each pixel as `change` makes it of its grey and its place in shares of the sides.
    #[must_use]
    pub fn changed(mut self, change: impl Fn(f32, f32, f32) -> f32) -> Self {
        for (y, row) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            let down = y as f32 / self.height as f32;
            for (x, pixel) in row.iter_mut().enumerate() {
                let across = x as f32 / self.width as f32;
                *pixel = change(f32::from(*pixel), across, down).clamp(0.0, 255.0) as u8;
            }
        }
        self
    }

    /// Out of focus: each pixel the mean of the square that reaches so many pixels from it.
    #[must_use]
    pub fn blurred(self, radius: usize) -> Self {
        self.smeared(radius, 0).smeared(0, radius)
    }

    /// Moved while it was taken: each pixel the mean of those up to so many beside it.
    #[must_use]
    pub fn smeared(mut self, across: usize, down: usize) -> Self {
        if across > 0 {
            let mut smeared = vec![0; self.width];
            for row in self.pixels.chunks_exact_mut(self.width) {
                smear(row, across, &mut smeared);
                row.copy_from_slice(&smeared);
            }
        }
        if down > 0 {
            let (mut column, mut smeared) = (vec![0; self.height], vec![0; self.height]);
            for x in 0..self.width {
                let places = self.pixels[x..].iter().step_by(self.width);
                column
                    .iter_mut()
                    .zip(places)
                    .for_each(|(to, from)| *to = *from);
                smear(&column, down, &mut smeared);
                let places = self.pixels[x..].iter_mut().step_by(self.width);
                places.zip(&smeared).for_each(|(to, from)| *to = *from);
            }
        }
        self
    }

    /// With a sensor's noise: up to so many greys up or down, small ones more often.
    #[must_use]
    pub fn noisy(mut self, greys: u8, seed: u64) -> Self {
        let mut dice = Dice(seed);
        let span = usize::from(greys) + 1;
        for pixel in &mut self.pixels {
            let up = dice.below(span) as i32 - dice.below(span) as i32;
            *pixel = (i32::from(*pixel) + up).clamp(0, 255) as u8;
        }
        self
    }

    /// White where it was black.
    #[must_use]
    pub fn inverted(self) -> Self {
        self.changed(|grey, _, _| 255.0 - grey)
    }

    /// Little light: every grey that share of itself, above a floor that lenses scatter.
    #[must_use]
    pub fn dim(self, share: f32) -> Self {
        self.changed(move |grey, _, _| 12.0 + grey * share)
    }

    /// A lamp's reflection around a place, given with its radius in shares of the width.
    #[must_use]
    pub fn glaring(self, across: f32, down: f32, radius: f32) -> Self {
        let tall = self.height as f32 / self.width as f32;
        self.changed(move |grey, x, y| {
            let far = ((x - across).powi(2) + ((y - down) * tall).powi(2)).sqrt() / radius;
            grey + 255.0 * (1.0 - far).max(0.0)
        })
    }

    /// On a screen: its pixel grid, and a glow that lifts the black.
    #[must_use]
    pub fn on_screen(mut self, pitch_px: usize) -> Self {
        for (y, row) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                let is_grid = x % pitch_px == 0 || y % pitch_px == 0;
                let lit = 35.0 + f32::from(*pixel) * 0.86;
                *pixel = if is_grid { lit * 0.8 } else { lit } as u8;
            }
        }
        self
    }
}

/// Each the mean of those of its line that lie up to so many beside it.
fn smear(line: &[u8], reach: usize, smeared: &mut [u8]) {
    let mut sum: u32 = line.iter().take(reach).map(|grey| u32::from(*grey)).sum();
    for (at, out) in smeared.iter_mut().enumerate() {
        let (first, end) = (at.saturating_sub(reach), (at + reach + 1).min(line.len()));
        if let Some(enters) = line.get(at + reach) {
            sum += u32::from(*enters);
        }
        *out = (sum / (end - first) as u32) as u8;
        if at >= reach {
            sum -= u32::from(line[at - reach]);
        }
    }
}

/// The corners of a square code: its middle, half its side, turned by so many degrees, and tilted: its left side is that share nearer.
pub fn square(middle: (f32, f32), half: f32, turned_degrees: f32, tilt: f32) -> Corners {
    let (sin, cos) = turned_degrees.to_radians().sin_cos();
    [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(x, y): (f32, f32)| {
        // What is farther away is smaller, and its side comes nearer to the middle.
        let depth = 1.0 + tilt * x;
        let (x, y) = (x * (1.0 - tilt.abs()) / depth * half, y / depth * half);
        (middle.0 + x * cos - y * sin, middle.1 + x * sin + y * cos)
    })
}

/// A projective map of a quadrilateral onto the unit square.
struct Projection([f32; 9]);

impl Projection {
    /// Nothing where the corners make no quadrilateral. The map of the unit square onto the corners has a closed form; its adjoint goes back.
    fn onto_unit_square([a, b, c, d]: Corners) -> Option<Self> {
        let (sx, sy) = (a.0 - b.0 + c.0 - d.0, a.1 - b.1 + c.1 - d.1);
        let (ux, uy) = (b.0 - c.0, b.1 - c.1);
        let (vx, vy) = (d.0 - c.0, d.1 - c.1);
        let area = ux * vy - vx * uy;
        if area.abs() < 1e-3 {
            return None;
        }
        let g = (sx * vy - vx * sy) / area;
        let h = (ux * sy - sx * uy) / area;
        let m = [
            b.0 - a.0 + g * b.0,
            d.0 - a.0 + h * d.0,
            a.0,
            b.1 - a.1 + g * b.1,
            d.1 - a.1 + h * d.1,
            a.1,
            g,
            h,
            1.0,
        ];
        let minor = |p: usize, q: usize, r: usize, s: usize| m[p] * m[q] - m[r] * m[s];
        Some(Self([
            minor(4, 8, 5, 7),
            minor(2, 7, 1, 8),
            minor(1, 5, 2, 4),
            minor(5, 6, 3, 8),
            minor(0, 8, 2, 6),
            minor(2, 3, 0, 5),
            minor(3, 7, 4, 6),
            minor(1, 6, 0, 7),
            minor(0, 4, 1, 3),
        ]))
    }

    fn of(&self, (x, y): (f32, f32)) -> Option<(f32, f32)> {
        let m = &self.0;
        let depth = m[6] * x + m[7] * y + m[8];
        let to = |p: usize| (m[p] * x + m[p + 1] * y + m[p + 2]) / depth;
        (depth.abs() > 1e-6).then(|| (to(0), to(3)))
    }
}

/// Numbers that look random, by xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        // Zero is the one state that it never leaves.
        let mut state = self.0 | 1;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0 = state;
        (state >> 20) as usize % most.max(1)
    }
}
