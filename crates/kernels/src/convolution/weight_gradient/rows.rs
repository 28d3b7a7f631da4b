//! Which rows of the images meet which rows of the gradient.

use std::ops::Range;

use super::super::{Convolution, Images};
use super::Lines;
use crate::{Buffer, Format};

/// Rows of the gradient, image after image, and the rows of the images under them.
pub(super) struct Rows {
    pub(super) convolution: Convolution,
    pub(super) source: Images,
    pub(super) target: Images,
    /// Taps in a row of the kernel.
    taps: usize,
}

impl Rows {
    pub(super) fn new(convolution: &Convolution, source: Images) -> Self {
        let taps = convolution.kernel;
        Rows { convolution: *convolution, source, target: convolution.target(source), taps }
    }

    /// Rows of the gradient.
    pub(super) fn count(&self) -> usize {
        self.target.count * self.target.height
    }

    /// Pixels of such a row.
    pub(super) fn width(&self) -> usize {
        self.target.width
    }

    pub(super) fn taps(&self) -> usize {
        self.taps
    }

    /// Rows of the images that lie under so many rows of the gradient, at most.
    pub(super) fn most_sources(&self, rows: usize) -> usize {
        let images = rows.div_ceil(self.target.height) + 1;
        rows * self.convolution.stride + images * self.taps
    }

    /// Room for so many rows of the gradient.
    pub(super) fn band(&self, most: usize) -> Band<'_> {
        let (sources, under) = (Buffer::new(self.most_sources(most)), Buffer::new(most * self.taps));
        Band { rows: self, targets: 0..0, sources, count: 0, under }
    }

    /// The row of the images at a row of the kernel, if it is inside.
    fn source(&self, target: usize, tap: usize) -> Option<usize> {
        let Convolution { stride, padding, .. } = self.convolution;
        let (image, row) = (target / self.target.height, target % self.target.height);
        let row = (row * stride + tap).checked_sub(padding).filter(|&row| row < self.source.height)?;
        Some(image * self.source.height + row)
    }

    /// The pixel of the images under column `column` of a row, if it is inside.
    pub(super) fn pixel(&self, source: usize, column: usize, tap: usize) -> Option<usize> {
        let Convolution { stride, padding, .. } = self.convolution;
        let column =
            (column * stride + tap).checked_sub(padding).filter(|&column| column < self.source.width)?;
        Some(source * self.source.width + column)
    }
}

/// Some rows of the gradient, and those of the images that are under them.
pub(super) struct Band<'a> {
    rows: &'a Rows,
    pub(super) targets: Range<usize>,
    /// Each once.
    sources: Buffer<usize>,
    count: usize,
    /// For each row of the gradient and of the kernel, which of the sources, or [`OUTSIDE`].
    under: Buffer<usize>,
}

/// No row of the images.
const OUTSIDE: usize = usize::MAX;

impl Band<'_> {
    /// Now these rows of the gradient, as many as there is room for.
    pub(super) fn set(&mut self, targets: Range<usize>) {
        self.count = 0;
        let taps = self.rows.taps;
        for (nth, target) in targets.clone().enumerate() {
            for tap in 0..taps {
                let place = self.rows.source(target, tap).map(|source| self.find(source));
                self.under[nth * taps + tap] = place.unwrap_or(OUTSIDE);
            }
        }
        self.targets = targets;
    }

    /// Which of the sources it is. Rows come in their order: what is there already is among the last.
    fn find(&mut self, source: usize) -> usize {
        let known = self.sources().iter().rev().take(self.rows.taps).position(|&known| known == source);
        if let Some(back) = known {
            return self.count - 1 - back;
        }
        self.sources[self.count] = source;
        self.count += 1;
        self.count - 1
    }

    /// Rows of the images.
    pub(super) fn sources(&self) -> &[usize] {
        &self.sources[..self.count]
    }

    /// What the tap at a row and a column of the kernel multiplies, into `lines`.
    pub(super) fn lines(&self, row: usize, column: usize, format: Format, lines: &mut Lines) {
        let width = self.rows.width();
        let inside = |target: usize| self.rows.pixel(0, target, column).is_some();
        // Columns of the gradient whose pixel is inside; a pair that is half outside has a 0 there.
        let first = (0..width).find(|&target| inside(target)).unwrap_or(width) / format.per_slot();
        let last = (0..width).rev().find(|&target| inside(target)).map_or(0, |last| format.slots(last + 1));
        let (line, taps) = (format.slots(width), self.rows.taps);
        let places = (0..self.targets.len()).filter_map(|target| {
            let source = self.under[target * taps + row];
            let is_inside = source != OUTSIDE && first < last;
            is_inside.then_some([source * line + first, target * line + first])
        });
        lines.count = 0;
        for place in places {
            lines.places[lines.count] = place;
            lines.count += 1;
        }
        lines.len = last.saturating_sub(first);
    }
}
