//! The convolution and the gradient of its data, which is the same with other weights.

use std::ops::Range;

use rayon::prelude::*;

use super::squares::Squares;
use super::transform::{self, Image};
use super::{PRODUCTS, Patches};
use crate::Buffer;
use crate::convolution::forward::Whole;
use crate::convolution::planes::Planes;
use crate::convolution::soon::Soon;
use crate::convolution::tile;
use crate::simd::{self, Kernel, Simd};

/// Tiles of a task: its transformed patches stay in the second-level cache.
const TILES: usize = 2;

/// Computes all images of a call.
pub(in crate::convolution) fn run(whole: &Whole<'_>, [channels, columns]: [usize; 2]) {
    let (path, format) = (whole.weights.path, whole.weights.format);
    let patches = Patches::of(whole.target);
    let zeros = Buffer::zeros(channels);
    let rows = simd::tile_rows(format, path);
    let tiles = patches.count().div_ceil(rows);
    let panels = columns / simd::tile_columns(path);
    let chunks = tiles.div_ceil(TILES);
    let wanted = (2 * rayon::current_num_threads()).div_ceil(chunks).min(panels);
    let source = Squares { patches, from: whole.from, channels, zeros: &zeros };
    (0..chunks * wanted).into_par_iter().for_each(|index| {
        let (chunk, part) = (index / wanted, index % wanted);
        let at = |chunk: usize| chunk * tiles / chunks * rows;
        let task = Task {
            whole,
            patches,
            source,
            range: at(chunk)..at(chunk + 1).min(patches.count()),
            panels: part * panels / wanted..(part + 1) * panels / wanted,
            slots: format.slots(channels),
        };
        simd::run_of(format, path, task);
    });
}

/// Some patches and panels.
struct Task<'a> {
    whole: &'a Whole<'a>,
    patches: Patches,
    source: Squares<'a>,
    range: Range<usize>,
    panels: Range<usize>,
    /// Of a pixel of the source.
    slots: usize,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let rows = self.range.len().next_multiple_of(ROWS);
        let mut left = Planes::new(PRODUCTS, rows, self.slots);
        let mut sums = Planes::new(PRODUCTS, rows, 2 * S::LANES);
        let mut soon = self.soon();
        // SAFETY: called with the instruction set; the planes have the rows, the target has the pixels.
        unsafe {
            self.source.by_channel::<S, 4, Image>(self.range.clone(), &mut left);
            // One panel at a time: its sums stay in the first-level cache.
            for panel in self.panels.clone() {
                self.multiply::<S, ROWS>(panel, &left, &mut sums, &mut soon);
                self.put::<S>(panel, &sums);
            }
        }
    }
}

impl Task<'_> {
    /// The sums of a panel.
    ///
    /// # Safety
    /// The instruction set is there, and the planes have whole tiles.
    #[inline(always)]
    unsafe fn multiply<S: Simd, const ROWS: usize>(
        &self,
        panel: usize,
        left: &Planes,
        sums: &mut Planes,
        soon: &mut Soon,
    ) {
        let matrix = self.slots * 2 * S::LANES;
        let weights = &self.whole.weights.values()[panel * PRODUCTS * matrix..];
        for plane in 0..PRODUCTS {
            let weights = weights[plane * matrix..].as_ptr();
            for (nth, row) in (0..self.range.len()).step_by(ROWS).enumerate() {
                let lines = self.slots * tile::LINE;
                let next = weights.wrapping_add(matrix + nth * lines);
                let ahead = soon.next(lines).unwrap_or(next);
                // SAFETY: the caller's.
                unsafe {
                    let mut rows = [left.at(plane, row, 0).cast_const(); ROWS];
                    let mut to = [sums.at(plane, row, 0); ROWS];
                    for index in 0..ROWS {
                        rows[index] = rows[index].add(index * left.width());
                        to[index] = to[index].add(index * sums.width());
                    }
                    let mut products = tile::zeros::<S, ROWS>();
                    tile::multiply::<S, ROWS>(&mut products, (&rows, 1), weights, self.slots, ahead);
                    tile::store::<S, ROWS>(&to, &products);
                }
            }
        }
    }

    /// About what this task will write, and what the next will read.
    fn soon(&self) -> Soon {
        let (own, next) = (self.range.clone(), self.range.end..self.range.end + self.range.len());
        let [own, next] = [own, next].map(|range| self.patches.pixels(range));
        let source = self.whole.from.slots().as_ptr().wrapping_add(next.start * self.slots);
        Soon::of([self.whole.sink.stretch(own), (source, next.len() * self.slots)])
    }

    /// Writes the pixels of a panel.
    ///
    /// # Safety
    /// As above.
    #[inline(always)]
    unsafe fn put<S: Simd>(&self, panel: usize, sums: &Planes) {
        let first = panel * 2 * S::LANES;
        for (row, patch) in self.range.clone().enumerate() {
            let targets = self.patches.targets(patch);
            for column in (0..sums.width()).step_by(S::LANES) {
                // SAFETY: the caller's.
                unsafe {
                    let mut products = [[S::splat(0.0); 4]; 4];
                    for plane in 0..PRODUCTS {
                        products[plane / 4][plane % 4] = S::load(sums.at(plane, row, column));
                    }
                    let pixels = transform::sums::<S>(products);
                    for pixel in 0..4 {
                        if let Some(target) = targets[pixel / 2][pixel % 2] {
                            let values = [pixels[pixel / 2][pixel % 2]];
                            self.whole.sink.put::<S, 1>(values, target, first + column);
                        }
                    }
                }
            }
        }
    }
}
