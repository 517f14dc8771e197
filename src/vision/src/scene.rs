//! Whether a scene changed and where, from the means of its cells.
//!
//! A cell's mean hardly feels the noise of a sensor and plainly feels a badge that moves. What is compared is the scene as it was when it was
//! last read, so that a slow change adds up to one.

use crate::plane::{Area, Plane};

/// Pixels on a side of a cell.
const CELL_PX: usize = 16;
/// Of the rows of a cell every second is looked at.
const STEP_ROWS: usize = 2;
/// By how many greys a cell has to change to count as changed.
const NOISE_GREYS: u8 = 6;

/// The means of a picture's cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scene {
    width: usize,
    height: usize,
    across: usize,
    cells: Vec<u8>,
}

impl Scene {
    pub(crate) fn of(plane: &Plane) -> Self {
        let across = plane.width.div_ceil(CELL_PX);
        let mut cells = Vec::with_capacity(across * plane.height.div_ceil(CELL_PX));
        for band in plane.pixels.chunks(plane.width * CELL_PX) {
            let mut sums = vec![(0_u32, 0_u32); across];
            for row in band.chunks_exact(plane.width).step_by(STEP_ROWS) {
                for (sum, cell) in sums.iter_mut().zip(row.chunks(CELL_PX)) {
                    sum.0 += cell.iter().map(|pixel| u32::from(*pixel)).sum::<u32>();
                    sum.1 += u32::try_from(cell.len()).unwrap_or_default();
                }
            }
            // A mean of bytes is a byte.
            let mean = |(sum, count): &(u32, u32)| u8::try_from(sum / (*count).max(1));
            cells.extend(sums.iter().map(|sum| mean(sum).unwrap_or(u8::MAX)));
        }
        Self {
            width: plane.width,
            height: plane.height,
            across,
            cells,
        }
    }

    fn is_as_large_as(&self, other: &Self) -> bool {
        (self.width, self.height) == (other.width, other.height)
    }

    /// How many cells there are.
    pub(crate) fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Of each cell whether it changed since `before`; nothing where the two are of different sizes.
    pub(crate) fn changes<'a>(
        &'a self,
        before: &'a Self,
    ) -> Option<impl Iterator<Item = bool> + 'a> {
        let same = self.is_as_large_as(before);
        let both = self.cells.iter().zip(&before.cells);
        same.then(|| both.map(|both| !is_alike(both)))
    }

    /// What the cells that are marked cover, with so many cells around them; nothing where none is.
    pub(crate) fn around(&self, marks: &[u8], margin: usize) -> Option<Area> {
        let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, usize::MAX, 0);
        for (y, row) in marks.chunks_exact(self.across.max(1)).enumerate() {
            let mut marked = (0..row.len()).filter(|x| row[*x] > 0);
            let Some(first) = marked.next() else {
                continue;
            };
            let last = marked.next_back().unwrap_or(first);
            (left, right) = (left.min(first), right.max(last));
            (top, bottom) = (top.min(y), y);
        }
        if left == usize::MAX {
            return None;
        }
        let span = |first: usize, last: usize, most: usize| {
            let first = first.saturating_sub(margin) * CELL_PX;
            let end = ((last + margin + 1) * CELL_PX).min(most);
            (first, end.saturating_sub(first))
        };
        let (left, width) = span(left, right, self.width);
        let (top, height) = span(top, bottom, self.height);
        Some(Area {
            left,
            top,
            width,
            height,
        })
    }

    /// Takes over what another scene is in a part.
    pub(crate) fn take_over(&mut self, other: &Self, area: Area) {
        for at in self.cells_of(area) {
            if let (Some(cell), Some(new)) = (self.cells.get_mut(at), other.cells.get(at)) {
                *cell = *new;
            }
        }
    }

    /// The cells that an area touches, by number.
    fn cells_of(&self, area: Area) -> impl Iterator<Item = usize> + use<> {
        let across = self.across;
        let columns = area.left / CELL_PX..(area.left + area.width).div_ceil(CELL_PX).min(across);
        let rows = area.top / CELL_PX..(area.top + area.height).div_ceil(CELL_PX);
        rows.flat_map(move |row| columns.clone().map(move |column| row * across + column))
    }

    /// Whether an area covers at most so many parts of a hundred of the picture.
    pub(crate) fn is_part(&self, area: Area, percent: usize) -> bool {
        area.width * area.height * 100 <= self.width * self.height * percent
    }

    /// Whether nothing changed in a part of the picture since `before`.
    pub(crate) fn is_like_in(&self, before: &Self, area: Area) -> bool {
        if !self.is_as_large_as(before) {
            return false;
        }
        self.cells_of(area)
            .filter_map(|at| self.cells.get(at).zip(before.cells.get(at)))
            .all(is_alike)
    }
}

fn is_alike((now, before): (&u8, &u8)) -> bool {
    now.abs_diff(*before) < NOISE_GREYS
}
