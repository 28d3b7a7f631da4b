//! The pixels of input and output that a tap joins.

use std::ops::Range;

use super::super::{Convolution, Images};

/// Pairs of pixels, image after image, row after row.
pub(super) struct Pairs {
    convolution: Convolution,
    source: Images,
    target: Images,
    tap: [usize; 2],
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Pairs {
    pub(super) fn new(convolution: &Convolution, source: Images, tap: usize) -> Self {
        let target = convolution.target(source);
        let tap = [tap / convolution.kernel, tap % convolution.kernel];
        let Convolution { stride, padding, .. } = *convolution;
        let range = |tap: usize, from: usize, to: usize| {
            let first = padding.saturating_sub(tap).div_ceil(stride);
            let last = (from + padding).saturating_sub(tap).div_ceil(stride).min(to);
            first.min(last)..last
        };
        let (rows, columns) = match convolution.is_unfolded() {
            true => (0..target.height, 0..target.width),
            false => (range(tap[0], source.height, target.height), range(tap[1], source.width, target.width)),
        };
        Pairs { convolution: *convolution, source, target, tap, rows, columns }
    }

    pub(super) fn len(&self) -> usize {
        self.source.count * self.rows.len() * self.columns.len()
    }

    /// Image, row and column of the target's pixel of pair `index`.
    pub(super) fn at(&self, index: usize) -> [usize; 3] {
        let (width, plane) = (self.columns.len().max(1), (self.rows.len() * self.columns.len()).max(1));
        [index / plane, self.rows.start + index % plane / width, self.columns.start + index % width]
    }

    #[inline(always)]
    pub(super) fn after(&self, [image, row, column]: [usize; 3]) -> [usize; 3] {
        if column + 1 < self.columns.end {
            [image, row, column + 1]
        } else if row + 1 < self.rows.end {
            [image, row + 1, self.columns.start]
        } else {
            [image + 1, self.rows.start, self.columns.start]
        }
    }

    /// The pixels of source and target; of the source only where nothing is unfolded.
    #[inline(always)]
    pub(super) fn pixels(&self, [image, row, column]: [usize; 3]) -> (usize, usize) {
        let Convolution { stride, padding, .. } = self.convolution;
        let target = image * self.target.plane() + row * self.target.width + column;
        let place = [row * stride + self.tap[0], column * stride + self.tap[1]];
        // Inside the image for the pairs of a tap.
        let place = place.map(|place| place.saturating_sub(padding));
        (image * self.source.plane() + place[0] * self.source.width + place[1], target)
    }
}
