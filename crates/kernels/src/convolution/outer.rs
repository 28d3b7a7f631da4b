//! Sums of outer products: for each of some *products*, channels in times channels out, summed over many items.
//!
//! Items are what a gradient of weights is summed over: pixels, or patches of them. Both sides of some items are brought into
//! rows that lie together ([`Planes`]), and their products added to sums that stay in a cache; what the next items are made
//! from is asked for meanwhile.

use std::ops::Range;

use rayon::prelude::*;

use super::planes::Planes;
use super::tile::{self, GAP, LINE, TALLEST};
use crate::shared::Shared;
use crate::simd::tile::Tile;
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Factors, Format, Path};

/// What is multiplied.
pub(super) trait Sides: Sync {
    /// Matrices of sums.
    const PRODUCTS: usize;
    /// Items at a time, an even number.
    const DEPTH: usize;
    /// Most channels of a task, in and out.
    const GROUP: [usize; 2];

    /// Channels in and out, multiples of 32.
    fn channels(&self) -> [usize; 2];
    /// All items.
    fn items(&self) -> usize;
    /// What some items are made from.
    fn pixels(&self, items: Range<usize>) -> [Pixels; 2];

    /// Writes some channels of some items: a row for each, in bfloat16 for each two, of which the first stands in the lower half.
    ///
    /// # Safety
    /// The instruction set is there; `to` has the rows.
    unsafe fn left<S: Simd>(&self, items: Range<usize>, channels: &Range<usize>, to: &mut Planes);

    /// The same of the other side, in panels of a tile's width: as many rows as for [`Sides::DEPTH`] items, panel after panel.
    ///
    /// # Safety
    /// As [`Sides::left`].
    unsafe fn right<S: Simd>(&self, items: Range<usize>, channels: &Range<usize>, to: &mut Planes);
}

/// Pixels in memory.
pub(super) struct Pixels {
    /// Where the first of all begins.
    from: *const f32,
    slots: usize,
    format: Format,
    /// Which of them.
    range: Range<usize>,
}

impl Pixels {
    pub(super) fn of(factors: Factors<'_>, channels: usize, range: Range<usize>) -> Self {
        let format = factors.format();
        Pixels { from: factors.slots().as_ptr(), slots: format.slots(channels), format, range }
    }

    /// Asks for some channels of so many more.
    #[inline(always)]
    fn ask<S: Simd>(&mut self, count: usize, channels: &Range<usize>) {
        for pixel in self.range.by_ref().take(count) {
            let from = self.from.wrapping_add(pixel * self.slots + channels.start / self.format.per_slot());
            for slot in (0..self.format.slots(channels.len())).step_by(LINE) {
                S::prefetch(from.wrapping_add(slot));
            }
        }
    }
}

/// Tasks that keep many threads busy; the sum over items is split no further, and not by the number of threads.
const TASKS: usize = 16;

/// Fewest items of a task.
const FEWEST: usize = 256;

/// The sums, in parts that are still to be added: `[part][product][panel][input][column]`.
pub(super) struct Sums {
    values: Buffer,
    parts: usize,
    products: usize,
    inputs: usize,
    /// Columns of a panel.
    width: usize,
    /// Values from product to product.
    product: usize,
}

impl Sums {
    /// Of all items.
    pub(super) fn of<T: Sides>(path: Path, format: Format, sides: &T) -> Self {
        let [inputs, outputs] = sides.channels();
        let groups = [inputs.div_ceil(T::GROUP[0]), outputs.div_ceil(T::GROUP[1])];
        let parts = TASKS.div_ceil(groups[0] * groups[1]).min(sides.items() / FEWEST).max(1);
        let (width, product) = (simd::tile_columns(path), inputs * outputs + GAP);
        let values = Buffer::new(parts * T::PRODUCTS * product);
        let mut sums = Sums { values, parts, products: T::PRODUCTS, inputs, width, product };
        let to = Shared::new(&mut sums.values);
        (0..parts * groups[0] * groups[1]).into_par_iter().for_each(|index| {
            let (rest, group) = (index / groups[1], index % groups[1]);
            let part = rest / groups[0];
            let channels = |side: usize, group: usize, all: usize| {
                group * T::GROUP[side]..((group + 1) * T::GROUP[side]).min(all)
            };
            let (inputs, outputs) = (channels(0, rest % groups[0], inputs), channels(1, group, outputs));
            let items = sides.items() * part / parts..sides.items() * (part + 1) / parts;
            let corner = sums.place(part * T::PRODUCTS, outputs.start / width, inputs.start);
            simd::run_of(
                format,
                path,
                Task { sides, format, sums: &sums, corner, items, inputs, outputs, to },
            );
        });
        sums
    }

    /// Where a row of a product begins; products of several parts follow each other.
    #[inline(always)]
    fn place(&self, product: usize, panel: usize, input: usize) -> usize {
        product * self.product + (panel * self.inputs + input) * self.width
    }

    /// Adds the parts, in their order, of some columns of a panel.
    #[inline(always)]
    pub(super) fn total<const N: usize>(
        &self,
        [product, panel, input]: [usize; 3],
        column: usize,
    ) -> [f32; N] {
        let mut total = [0.0; N];
        for part in 0..self.parts {
            let at = self.place(part * self.products + product, panel, input) + column;
            for (total, value) in total.iter_mut().zip(&self.values[at..at + N.min(self.width)]) {
                *total += value;
            }
        }
        total
    }
}

/// Some items: some channels in, some channels out.
struct Task<'a, T> {
    sides: &'a T,
    format: Format,
    sums: &'a Sums,
    /// Its first sum.
    corner: usize,
    items: Range<usize>,
    inputs: Range<usize>,
    outputs: Range<usize>,
    to: Shared,
}

impl<T: Sides> Kernel for Task<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let (rows, width) = (self.format.slots(T::DEPTH), 2 * S::LANES);
        let mut left = Planes::new(T::PRODUCTS, rows, self.inputs.len());
        let turned = Planes::new(usize::from(S::Tile::TURNS), self.inputs.len(), rows.next_multiple_of(LINE));
        // A panel after the other, so that the innermost loop reads on.
        let mut right = Planes::new(T::PRODUCTS, self.outputs.len() / width * rows, width);
        for from in self.items.clone().step_by(T::DEPTH) {
            let items = from..self.items.end.min(from + T::DEPTH);
            let next = items.end..self.items.end.min(items.end + T::DEPTH);
            let mut soon = self.sides.pixels(next);
            let (count, first) = (self.format.slots(items.len()), from == self.items.start);
            // SAFETY: called with the instruction set; the planes have the rows, a task's sums are its own.
            unsafe {
                self.sides.left::<S>(items.clone(), &self.inputs, &mut left);
                self.sides.right::<S>(items, &self.outputs, &mut right);
                // As tall as divides all channels.
                match ROWS {
                    TALLEST => self.add::<S, TALLEST>([&left, &turned, &right], (count, first), &mut soon),
                    9.. => self.add::<S, 8>([&left, &turned, &right], (count, first), &mut soon),
                    _ => self.add::<S, 4>([&left, &turned, &right], (count, first), &mut soon),
                }
            }
        }
    }
}

impl<T: Sides> Task<'_, T> {
    /// Adds the products of so many rows to the sums, or begins them. Where tiles are faster with a left side that is turned, it
    /// has room for that of a product.
    ///
    /// # Safety
    /// The instruction set is there, the planes hold the rows, and the sums are nobody else's.
    #[inline(always)]
    unsafe fn add<S: Simd, const ROWS: usize>(
        &self,
        [left, turned, right]: [&Planes; 3],
        (count, first): (usize, bool),
        [x, dy]: &mut [Pixels; 2],
    ) {
        let (rows, width) = (self.format.slots(T::DEPTH), 2 * S::LANES);
        let visits = T::PRODUCTS * self.outputs.len() / width * self.inputs.len() / ROWS;
        let at_once = [x.range.len().div_ceil(visits), dy.range.len().div_ceil(visits)];
        for product in 0..T::PRODUCTS {
            if S::Tile::TURNS {
                // SAFETY: the caller's.
                unsafe {
                    let from = (left.at(product, 0, 0).cast_const(), left.width());
                    let to = (turned.at(0, 0, 0), turned.width());
                    S::Tile::turn(from, [count, self.inputs.len()], to);
                }
            }
            for panel in 0..self.outputs.len() / width {
                let corner = self.corner + self.sums.place(product, panel, 0);
                for row in (0..self.inputs.len()).step_by(ROWS) {
                    x.ask::<S>(at_once[0], &self.inputs);
                    dy.ask::<S>(at_once[1], &self.outputs);
                    // SAFETY: the caller's.
                    unsafe {
                        let mut to = [self.to.at(corner + row * width); ROWS];
                        let (start, by_row, step) = match S::Tile::TURNS {
                            true => (turned.at(0, row, 0), turned.width(), 1),
                            false => (left.at(product, 0, row), 1, left.width()),
                        };
                        let mut from = [start.cast_const(); ROWS];
                        for index in 0..ROWS {
                            to[index] = to[index].add(index * width);
                            from[index] = from[index].add(index * by_row);
                        }
                        let mut sums = match first {
                            true => tile::zeros::<S, ROWS>(),
                            false => tile::load::<S, ROWS>(&to),
                        };
                        let matrix = right.at(product, panel * rows, 0).cast_const();
                        let ahead = to[ROWS - 1].wrapping_add(width);
                        tile::multiply::<S, ROWS>(&mut sums, (&from, step), matrix, count, ahead);
                        tile::store::<S, ROWS>(&to, &sums);
                    }
                }
            }
        }
    }
}
