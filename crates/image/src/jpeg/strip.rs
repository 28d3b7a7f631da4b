//! The samples of one component, for one row of minimum coded units.

use super::idct::Samples;
use super::plan::Plane;

/// As many rows as a row of minimum coded units has, and before them the last row of the one above.
///
/// Columns start at the first needed block. Kept between images for its memory.
#[derive(Default)]
pub(super) struct Strip {
    samples: Vec<u8>,
    stride: usize,
    /// The component row in the second row of `samples`.
    top: usize,
    rows: usize,
    /// The last row of the component.
    last: usize,
}

impl Strip {
    /// Makes room for `plane`. What the samples are before they are written does not matter: they never are read.
    pub(super) fn prepare(&mut self, plane: &Plane) {
        self.stride = plane.columns.len() * plane.size as usize;
        self.rows = (plane.v * plane.size) as usize;
        self.last = plane.height as usize - 1;
        let length = self.stride * (self.rows + 1);
        if self.samples.len() < length {
            self.samples.resize(length, 0);
        }
    }

    /// Goes to row `unit_row` of minimum coded units.
    pub(super) fn enter(&mut self, unit_row: u32, plane: &Plane) {
        let last = self.rows * self.stride;
        self.samples.copy_within(last..last + self.stride, 0);
        self.top = (unit_row * plane.v * plane.size) as usize;
    }

    /// Stores the block in column `column` of the needed ones and row `row` of the strip's.
    #[inline(always)]
    pub(super) fn store(&mut self, column: u32, row: u32, size: usize, block: &Samples) {
        let start = (row as usize * size + 1) * self.stride + column as usize * size;
        let Some(mut target) = self.samples.get_mut(start..) else { return };
        for line in &block[..size] {
            if let Some(out) = target.get_mut(..size) {
                out.copy_from_slice(&line[..size]);
            }
            match target.get_mut(self.stride..) {
                Some(next) => target = next,
                None => return,
            }
        }
    }

    /// Row `row` of the component, from the first needed block on. Rows outside are the nearest inside.
    #[inline(always)]
    pub(super) fn row(&self, row: isize) -> &[u8] {
        let row = (row.max(0) as usize).min(self.last);
        let start = ((row + 1).saturating_sub(self.top)) * self.stride;
        &self.samples[start..start + self.stride]
    }
}
