//! A grey picture of our own, the places in it, and what is done to it before a decoder sees it.
//!
//! Everything here is one or two passes over the bytes. A plane remembers how its pixels lie in the frame, so that what is found in it can
//! be told in the frame's pixels.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "each cast narrows a mean or a clamped value that fits; checked conversions would keep the loops from being vectorised"
)]

use crate::frame::Frame;

/// A place in a frame, in its pixels from the top left. May lie outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// To the right.
    pub x: i32,
    /// Down.
    pub y: i32,
}

/// The corners of a code, in order around it.
pub type Outline = [Point; 4];

/// A part of a picture, in whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Area {
    /// Whether the middle of one lies in the other.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let holds = |outer: &Self, inner: &Self| {
            let (x, y) = (inner.left + inner.width / 2, inner.top + inner.height / 2);
            (outer.left..outer.left + outer.width).contains(&x)
                && (outer.top..outer.top + outer.height).contains(&y)
        };
        holds(self, other) || holds(other, self)
    }

    /// What an outline covers in a picture of that size, with a margin in parts of a hundred of its longer side; nothing if that is nothing.
    pub(crate) fn around(
        outline: &Outline,
        margin_percent: i32,
        width: usize,
        height: usize,
    ) -> Option<Self> {
        let span = |along: fn(&Point) -> i32, most: usize, margin: i32| {
            let places = outline.iter().map(along);
            let most = i32::try_from(most).unwrap_or(i32::MAX);
            let first = places.clone().min()?.saturating_sub(margin).clamp(0, most);
            let last = places.max()?.saturating_add(margin).clamp(0, most);
            let first = usize::try_from(first).ok()?;
            let length = usize::try_from(last).ok()?.checked_sub(first)?;
            (length > 0).then_some((first, length))
        };
        let extent = |along: fn(&Point) -> i32| {
            let (least, most) = outline.iter().fold((i32::MAX, i32::MIN), |(a, b), point| {
                (a.min(along(point)), b.max(along(point)))
            });
            most.saturating_sub(least)
        };
        let longer = extent(|point| point.x).max(extent(|point| point.y));
        let margin = longer.saturating_mul(margin_percent) / 100;
        let (left, across) = span(|point| point.x, width, margin)?;
        let (top, down) = span(|point| point.y, height, margin)?;
        Some(Self {
            left,
            top,
            width: across,
            height: down,
        })
    }
}

/// A grey picture, rows without gaps.
#[derive(Clone)]
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<u8>,
    /// Pixels of the frame on a side of one of these, and pixels of this that share one of the frame's on a side: one of the two is 1.
    scale: i32,
    shared: i32,
    /// Where the first pixel lies in the frame.
    origin: Point,
}

impl Plane {
    /// A frame's pixels, each the mean of so many on a side that at most `most_pixels` are left.
    pub(crate) fn of_frame(frame: &Frame<'_>, most_pixels: usize) -> Self {
        let mut plane = Self {
            width: frame.width(),
            height: frame.height(),
            pixels: Vec::with_capacity(frame.width() * frame.height()),
            scale: 1,
            shared: 1,
            origin: Point { x: 0, y: 0 },
        };
        for row in frame.rows() {
            plane.pixels.extend_from_slice(row);
        }
        let mut factor = 1;
        while (plane.width / factor) * (plane.height / factor) > most_pixels {
            factor += 1;
        }
        if factor == 1 {
            plane
        } else {
            plane.shrunk(factor)
        }
    }

    /// The same place with other pixels.
    fn with(&self, pixels: Vec<u8>) -> Self {
        Self {
            width: self.width,
            height: self.height,
            pixels,
            scale: self.scale,
            shared: self.shared,
            origin: self.origin,
        }
    }

    /// A place in this plane as a place in the frame.
    pub(crate) fn place(&self, x: i32, y: i32) -> Point {
        let along = |at: i32, origin: i32| {
            (at.saturating_mul(self.scale) / self.shared).saturating_add(origin)
        };
        Point {
            x: along(x, self.origin.x),
            y: along(y, self.origin.y),
        }
    }

    /// An outline in the frame as one in this plane.
    pub(crate) fn outline_here(&self, outline: &Outline) -> Outline {
        outline.map(|point| Point {
            x: point.x.saturating_sub(self.origin.x) / self.scale,
            y: point.y.saturating_sub(self.origin.y) / self.scale,
        })
    }

    /// What an outline in the frame covers of this plane; nothing if that is nothing.
    pub(crate) fn covered(&self, outline: &Outline) -> Option<Area> {
        Area::around(&self.outline_here(outline), 0, self.width, self.height)
    }

    /// How many pixels these areas have, and the whole where there is none.
    pub(crate) fn pixels_of(&self, areas: &[Area]) -> u32 {
        let pixels = if areas.is_empty() {
            self.width * self.height
        } else {
            areas.iter().map(|area| area.width * area.height).sum()
        };
        u32::try_from(pixels).unwrap_or(u32::MAX)
    }

    fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.pixels.chunks_exact(self.width)
    }

    /// A part of it.
    pub(crate) fn part(&self, area: Area) -> Self {
        let pixels = self
            .rows()
            .skip(area.top)
            .take(area.height)
            .flat_map(|row| &row[area.left..area.left + area.width])
            .copied()
            .collect();
        let place = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
        Self {
            width: area.width,
            height: area.height,
            pixels,
            scale: self.scale,
            shared: self.shared,
            origin: self.place(place(area.left), place(area.top)),
        }
    }

    /// Each pixel the mean of `factor` by `factor`, `factor` being 1 to 16; what is left over at the right and below is dropped.
    pub(crate) fn shrunk(&self, factor: usize) -> Self {
        let factor = factor.clamp(1, 16);
        let (width, height) = (self.width / factor, self.height / factor);
        let area = (factor * factor) as u16;
        let mut pixels = Vec::with_capacity(width * height);
        let mut sums = vec![0_u16; width];
        for rows in self.pixels.chunks_exact(self.width * factor).take(height) {
            sums.fill(0);
            for row in rows.chunks_exact(self.width) {
                for (sum, few) in sums.iter_mut().zip(row.chunks_exact(factor)) {
                    *sum += few.iter().map(|pixel| u16::from(*pixel)).sum::<u16>();
                }
            }
            pixels.extend(sums.iter().map(|sum| ((sum + area / 2) / area) as u8));
        }
        Self {
            width,
            height,
            pixels,
            scale: self.scale.saturating_mul(factor as i32),
            shared: self.shared,
            origin: self.origin,
        }
    }

    /// The grey that lies `percent` of the way from dark to bright, where dark and bright are what a fiftieth of a sample of the pixels is
    /// darker or brighter than.
    pub(crate) fn level(&self, percent: u8) -> u8 {
        let mut counts = [0_usize; 256];
        // A prime step samples every column.
        let sample = self.pixels.iter().step_by(13);
        for pixel in sample.clone() {
            counts[usize::from(*pixel)] += 1;
        }
        let few = sample.len() / 50;
        let reached = |counts: &mut dyn Iterator<Item = &usize>| {
            let mut seen = 0;
            counts
                .take_while(|count| {
                    seen += **count;
                    seen <= few
                })
                .count()
        };
        let dark = reached(&mut counts.iter()).min(255);
        let bright = 255_usize.saturating_sub(reached(&mut counts.iter().rev()));
        let level = dark + bright.saturating_sub(dark) * usize::from(percent) / 100;
        level.min(255) as u8
    }

    /// Black below `level`, white from it on.
    pub(crate) fn cut_at(&self, level: u8) -> Self {
        let cut = |pixel: &u8| if *pixel < level { 0 } else { 255 };
        self.with(self.pixels.iter().map(cut).collect())
    }

    /// Black where a pixel is below `percent` of the mean of the square that reaches `radius` pixels from it to each side; beyond the edges the
    /// edge goes on.
    pub(crate) fn cut_locally(&self, radius: usize, percent: u32) -> Self {
        let mut pixels = Vec::with_capacity(self.pixels.len());
        let area = (2 * radius + 1).pow(2) as u32;
        self.with_means(radius, |row, sums| {
            let black = |(pixel, sum): (&u8, &u32)| u32::from(*pixel) * area * 100 < sum * percent;
            pixels.extend(
                row.iter()
                    .zip(sums)
                    .map(|both| if black(both) { 0 } else { 255 }),
            );
        });
        self.with(pixels)
    }

    /// Each pixel moved away from the mean around it, by `gain` times the difference.
    pub(crate) fn sharpened(&self, radius: usize, gain: i32) -> Self {
        let mut pixels = Vec::with_capacity(self.pixels.len());
        // A product instead of a division, which would be most of the work.
        let share = (1 << 22) / (2 * radius + 1).pow(2) as u32;
        self.with_means(radius, |row, sums| {
            pixels.extend(row.iter().zip(sums).map(|(pixel, sum)| {
                let (pixel, mean) = (i32::from(*pixel), ((sum * share) >> 22) as i32);
                (pixel + (pixel - mean) * gain).clamp(0, 255) as u8
            }));
        });
        self.with(pixels)
    }

    /// Each pixel the mean of itself and its eight neighbours.
    pub(crate) fn smoothed(&self) -> Self {
        let mut pixels = Vec::with_capacity(self.pixels.len());
        self.with_means(1, |_, sums| {
            pixels.extend(sums.iter().map(|sum| (sum / 9) as u8));
        });
        self.with(pixels)
    }

    /// Twice as large, what is between two pixels being between their greys.
    pub(crate) fn doubled(&self) -> Self {
        let width = self.width * 2;
        let mut pixels = Vec::with_capacity(self.pixels.len() * 4);
        let mut mixed = vec![0_u16; self.width];
        for y in 0..self.height {
            for other in [y.saturating_sub(1), (y + 1).min(self.height - 1)] {
                let near = &self.pixels[y * self.width..(y + 1) * self.width];
                let far = &self.pixels[other * self.width..(other + 1) * self.width];
                for (mixed, (near, far)) in mixed.iter_mut().zip(near.iter().zip(far)) {
                    *mixed = u16::from(*near) * 3 + u16::from(*far);
                }
                let first = mixed.first().copied().unwrap_or_default();
                let mut left = first;
                for (x, here) in mixed.iter().enumerate() {
                    let right = mixed.get(x + 1).unwrap_or(here);
                    pixels.push(((here * 3 + left + 8) / 16) as u8);
                    pixels.push(((here * 3 + right + 8) / 16) as u8);
                    left = *here;
                }
            }
        }
        Self {
            width,
            height: self.height * 2,
            pixels,
            scale: self.scale,
            shared: self.shared * 2,
            origin: self.origin,
        }
    }

    /// Hands each row over with the sums of the squares around its pixels. A radius of 100 and the percentage of 106 stay within 32 bits.
    fn with_means(&self, radius: usize, mut each: impl FnMut(&[u8], &[u32])) {
        let row_at = |at: usize| {
            let at = at.min(self.height - 1);
            &self.pixels[at * self.width..(at + 1) * self.width]
        };
        // Sums over a column of rows slide down, sums over the square slide right. Beside the columns lie copies of the outermost.
        let mut columns = vec![0_u32; self.width + 2 * radius + 1];
        let inner = radius..radius + self.width;
        for at in 0..=2 * radius {
            let row = row_at(at.saturating_sub(radius));
            for (column, pixel) in columns[inner.clone()].iter_mut().zip(row) {
                *column += u32::from(*pixel);
            }
        }
        let mut sums = vec![0_u32; self.width];
        for y in 0..self.height {
            let (first, last) = (columns[inner.start], columns[inner.end - 1]);
            columns[..inner.start].fill(first);
            columns[inner.end..].fill(last);
            let (enter, leave) = (&columns[2 * radius + 1..], &columns);
            let mut sum: u32 = columns[..=2 * radius].iter().sum();
            for (out, (enters, leaves)) in sums.iter_mut().zip(enter.iter().zip(leave)) {
                *out = sum;
                sum = sum + enters - leaves;
            }
            each(row_at(y), &sums);
            let (enters, leaves) = (row_at(y + radius + 1), row_at(y.saturating_sub(radius)));
            let columns = columns[inner.clone()].iter_mut();
            for (column, (enters, leaves)) in columns.zip(enters.iter().zip(leaves)) {
                *column = *column + u32::from(*enters) - u32::from(*leaves);
            }
        }
    }

    /// White specks of up to two pixels in black filled, black left as wide as it was.
    pub(crate) fn closed(&self) -> Self {
        self.spread(std::cmp::min).spread(std::cmp::max)
    }

    /// Each pixel as it is chosen among itself and its eight neighbours, two at a time.
    fn spread(&self, choose: impl Fn(u8, u8) -> u8) -> Self {
        let mut across = self.pixels.clone();
        if self.width > 2 {
            for (out, row) in across.chunks_exact_mut(self.width).zip(self.rows()) {
                let inner = row.windows(3).map(|of| choose(choose(of[0], of[1]), of[2]));
                out[1..]
                    .iter_mut()
                    .zip(inner)
                    .for_each(|(out, chosen)| *out = chosen);
            }
        }
        let mut down = across.clone();
        for y in 1..self.height.saturating_sub(1) {
            let above = &across[(y - 1) * self.width..(y + 2) * self.width];
            let (above, rest) = above.split_at(self.width);
            let (here, below) = rest.split_at(self.width);
            let out = &mut down[y * self.width..(y + 1) * self.width];
            for (out, ((above, here), below)) in
                out.iter_mut().zip(above.iter().zip(here).zip(below))
            {
                *out = choose(choose(*above, *here), *below);
            }
        }
        self.with(down)
    }
}
