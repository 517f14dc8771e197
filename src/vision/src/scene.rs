//! Whether a scene changed, from the means of its cells.
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
        Self { across, cells }
    }

    /// Whether nothing changed anywhere since `before`.
    pub(crate) fn is_like(&self, before: &Self) -> bool {
        self.across == before.across
            && self.cells.len() == before.cells.len()
            && self.cells.iter().zip(&before.cells).all(is_alike)
    }

    /// Whether nothing changed in a part of the picture since `before`.
    pub(crate) fn is_like_in(&self, before: &Self, area: Area) -> bool {
        if self.across != before.across || self.cells.len() != before.cells.len() {
            return false;
        }
        let columns =
            area.left / CELL_PX..(area.left + area.width).div_ceil(CELL_PX).min(self.across);
        let rows = area.top / CELL_PX..(area.top + area.height).div_ceil(CELL_PX);
        rows.flat_map(|row| {
            columns
                .clone()
                .map(move |column| row * self.across + column)
        })
        .filter_map(|at| self.cells.get(at).zip(before.cells.get(at)))
        .all(is_alike)
    }
}

fn is_alike((now, before): (&u8, &u8)) -> bool {
    now.abs_diff(*before) < NOISE_GREYS
}
