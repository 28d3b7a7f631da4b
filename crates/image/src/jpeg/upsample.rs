//! From a component's samples to one value a pixel: libjpeg-turbo's "fancy" upsampling, jdsample.c.

use super::plan::{Plane, Upsample};
use super::strip::Strip;
use crate::Region;

/// One row of one component at the image's resolution. Kept between images for its memory.
#[derive(Default)]
pub(super) struct Line {
    /// A row of samples, weighted with the one above or below, between one sample more on each side.
    weighted: Vec<i16>,
    pixels: Vec<u8>,
}

impl Line {
    /// The values of `plane` for the pixels of `region` in row `y` of the image.
    #[inline(always)]
    pub(super) fn row<'a>(&'a mut self, plane: &Plane, strip: &'a Strip, region: Region, y: u32) -> &'a [u8] {
        let (left, width) = (region.left as usize, region.width as usize);
        // Columns of samples count from the first needed block.
        let origin = (plane.columns.start * plane.size) as usize;
        let row = |row: u32| strip.row(row as isize);
        let near = |row: u32| strip.row(row as isize / 2 + if row.is_multiple_of(2) { -1 } else { 1 });
        match plane.upsample {
            Upsample::Replicate(1, downwards) => &row(y / downwards)[left - origin..][..width],
            Upsample::Replicate(sideways, downwards) => {
                let samples = row(y / downwards);
                let sideways = sideways as usize;
                self.pixels.clear();
                self.pixels.extend((left..left + width).map(|x| samples[x / sideways - origin]));
                &self.pixels
            }
            Upsample::Downwards => {
                let start = left - origin;
                let (this, near) = (&row(y / 2)[start..start + width], &near(y)[start..start + width]);
                let bias = if y.is_multiple_of(2) { 1 } else { 2 };
                self.pixels.clear();
                self.pixels.extend(
                    this.iter()
                        .zip(near)
                        .map(|(&this, &near)| ((3 * u16::from(this) + u16::from(near) + bias) >> 2) as u8),
                );
                &self.pixels
            }
            Upsample::Sideways => {
                let span = Span::of(plane, left, width);
                let this = row(y);
                self.weigh(span, origin, this, this, |this, _| i16::from(this));
                self.widen::<2>(span, 1, 2);
                &self.pixels[left % 2..][..width]
            }
            Upsample::Both => {
                let span = Span::of(plane, left, width);
                self.weigh(span, origin, row(y / 2), near(y), |this, near| {
                    3 * i16::from(this) + i16::from(near)
                });
                self.widen::<4>(span, 8, 7);
                &self.pixels[left % 2..][..width]
            }
        }
    }

    /// Fills `weighted` for the samples of `span` and one on either side; beyond the edge the last one counts twice.
    #[inline(always)]
    fn weigh(&mut self, span: Span, origin: usize, this: &[u8], near: &[u8], weight: impl Fn(u8, u8) -> i16) {
        let from = span.first.saturating_sub(1);
        let until = (span.end + 1).min(span.width);
        let (this, near) = (&this[from - origin..until - origin], &near[from - origin..until - origin]);
        // One sample more on each side, if only to be overwritten.
        self.weighted.resize(span.end - span.first + 2, 0);
        let start = usize::from(span.first == 0);
        let weighted = &mut self.weighted[start..start + this.len()];
        for ((weighted, &this), &near) in weighted.iter_mut().zip(this).zip(near) {
            *weighted = weight(this, near);
        }
        let last = self.weighted.len() - 1;
        if span.first == 0 {
            self.weighted[0] = self.weighted[1];
        }
        if span.end == span.width {
            self.weighted[last] = self.weighted[last - 1];
        }
    }

    /// Makes two pixels of every sample of `span`: 3 parts of its own, 1 of the neighbour on that side.
    #[inline(always)]
    fn widen<const SHIFT: u32>(&mut self, span: Span, left_bias: i16, right_bias: i16) {
        let count = span.end - span.first;
        self.pixels.resize(2 * count, 0);
        let (before, this) = (&self.weighted[..count], &self.weighted[1..=count]);
        let after = &self.weighted[2..count + 2];
        let pairs = self.pixels.as_chunks_mut::<2>().0;
        for (((pair, &this), &before), &after) in pairs.iter_mut().zip(this).zip(before).zip(after) {
            let this = 3 * this;
            *pair =
                [((this + before + left_bias) >> SHIFT) as u8, ((this + after + right_bias) >> SHIFT) as u8];
        }
    }
}

/// The samples that cover a row of pixels, two pixels a sample.
#[derive(Clone, Copy)]
struct Span {
    first: usize,
    end: usize,
    /// Samples of the whole row.
    width: usize,
}

impl Span {
    fn of(plane: &Plane, left: usize, width: usize) -> Self {
        Self { first: left / 2, end: (left + width).div_ceil(2), width: plane.width as usize }
    }
}
