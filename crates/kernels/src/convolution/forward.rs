//! A convolution and the gradient of its data, over all images.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::gather::{Gather, Part};
use super::packed::Algorithm;
use super::soon::Soon;
use super::table::{Direction, Table, group};
use super::{Convolution, Images, Output, Packed, winograd};
use crate::error::fits;
use crate::shared::Shared;
use crate::{Buffer, Factors, ShapeError, simd};

/// Tiles of a task: what they read stays in the second-level cache while the panels come and go.
const TILES: usize = 16;

impl Convolution {
    /// `[n, h, w, input]` to `[n, h', w', output]`. The image is of the weights' format, but for one of few channels
    /// ([`Convolution::is_stem`]), which is float32.
    ///
    /// # Errors
    /// Lengths that are not those of the shapes, weights packed for something else, another format.
    pub fn forward(
        &self,
        source: Images,
        x: Factors<'_>,
        weights: &Packed,
        output: Output<'_>,
        y: &mut [f32],
    ) -> Result<(), ShapeError> {
        self.check_data(source, x.len(), y.len())?;
        self.check_packed(weights, Direction::Forward, x.format() == weights.format)?;
        fits("the number of scales", output.scale.map_or(self.output, <[f32]>::len), self.output)?;
        fits("the number of biases", output.bias.map_or(self.output, <[f32]>::len), self.output)?;
        fits("the number of values to add", output.residual.map_or(y.len(), <[f32]>::len), y.len())?;
        if source.count == 0 {
            return Ok(());
        }
        let target = self.target(source);
        if self.is_stem() {
            let (source, x) = self.pad(source, x.slots());
            let from = Factors::Float32(&x);
            Whole { source, target, from, weights, output, direction: Direction::Rows }.run(y);
        } else {
            Whole { source, target, from: x, weights, output, direction: Direction::Forward }.run(y);
        }
        Ok(())
    }

    /// The gradient of the input, `[n, h, w, input]`, from that of the output, `[n, h', w', output]`; `also` is added to it,
    /// what another user of the input gave.
    ///
    /// # Errors
    /// Lengths that are not those of the shapes, weights packed for something else, another format than the weights'.
    pub fn data_gradient(
        &self,
        source: Images,
        dy: Factors<'_>,
        weights: &Packed,
        also: Option<&[f32]>,
        dx: &mut [f32],
    ) -> Result<(), ShapeError> {
        self.check_data(source, dx.len(), dy.len())?;
        self.check_packed(weights, Direction::DataGradient, dy.format() == weights.format)?;
        fits("the number of values to add", also.map_or(dx.len(), <[f32]>::len), dx.len())?;
        if source.count == 0 {
            return Ok(());
        }
        if self.is_stem() {
            self.data_gradient_unfolded(source, dy.slots(), weights, also, dx);
        } else {
            let (target, output) = (source, Output { residual: also, ..Output::default() });
            let (source, direction) = (self.target(source), Direction::DataGradient);
            Whole { source, target, from: dy, weights, output, direction }.run(dx);
        }
        Ok(())
    }

    fn check_packed(&self, weights: &Packed, direction: Direction, format: bool) -> Result<(), ShapeError> {
        let fit = weights.convolution == *self && weights.direction == direction;
        fits("the number of fitting packed weights", usize::from(fit), 1)?;
        fits("the number of sides in the weights' format", usize::from(format), 1)
    }
}

/// All images of a call.
pub(super) struct Whole<'a> {
    pub(super) source: Images,
    pub(super) target: Images,
    pub(super) from: Factors<'a>,
    pub(super) weights: &'a Packed,
    pub(super) output: Output<'a>,
    direction: Direction,
}

/// Some tiles and panels of the group that begins with image `first`.
struct Task {
    table: Arc<Table>,
    first: usize,
    tiles: Range<usize>,
    panels: Range<usize>,
}

impl Whole<'_> {
    fn run(&self, to: &mut [f32]) {
        let Packed { path, format, convolution, .. } = *self.weights;
        let [channels, columns] = self.direction.sides(&convolution);
        if self.weights.algorithm == Algorithm::Winograd {
            return winograd::run(self, [channels, columns], to);
        }
        let channels = format.slots(channels);
        let pitch = if self.direction == Direction::Rows { convolution.input } else { channels };
        let (zeros, target) = (Buffer::zeros(channels), Shared::new(to));
        self.tasks(columns).into_par_iter().for_each(|task| {
            let from = task.first * self.source.plane() * pitch;
            let (offset, images) = (task.first * self.target.plane() * columns, task.table.images);
            let (sources, targets) =
                (images * self.source.plane() * pitch, images * self.target.plane() * columns);
            let gather = Gather {
                table: &task.table,
                taps: self.direction.taps(&convolution),
                channels,
                pitch,
                columns,
                source: &self.from.slots()[from..from + sources],
                zeros: &zeros,
                weights: self.weights.values(),
                output: self.output.part(offset..offset + targets),
                target,
                offset,
            };
            let soon = self.soon(&gather, &task.tiles);
            simd::run_of(format, path, Part { gather, tiles: task.tiles, panels: task.panels, soon });
        });
    }

    /// About what some tiles write, and what as many behind them read. Rows of tiles are nearly in the order of pixels.
    fn soon(&self, gather: &Gather<'_>, tiles: &Range<usize>) -> Soon {
        let (all, pixels) = (gather.table.tiles(), gather.table.images * self.target.plane());
        let place = |tile: usize, pixels: usize| tile * pixels / all;
        let written = place(tiles.start, pixels)..place(tiles.end, pixels);
        let pixels = gather.table.images * self.source.plane();
        let read = place(tiles.end, pixels)..place(tiles.end + tiles.len(), pixels);
        let target = gather.target.start().wrapping_add(gather.offset + written.start * gather.columns);
        let source = gather.source.as_ptr().wrapping_add(read.start * gather.pitch);
        Soon::of([(target, written.len() * gather.columns), (source, read.len() * gather.pitch)])
    }

    /// Tasks that write different parts of the target. How many there are changes no result: all sums run in one order.
    fn tasks(&self, columns: usize) -> Vec<Task> {
        let (Packed { path, convolution, .. }, direction) = (self.weights, self.direction);
        let (path, convolution) = (*path, *convolution);
        let panels = columns.div_ceil(simd::tile_columns(path));
        let (all, size) = (self.target.count, group(self.target, simd::tile_rows(path)));
        let table = |count| {
            let images = if direction == Direction::DataGradient { self.target } else { self.source };
            Table::of(&convolution, direction, Images { count, ..images }, simd::tile_rows(path))
        };
        let groups: Vec<(usize, Arc<Table>)> =
            (0..all).step_by(size).map(|first| (first, table(size.min(all - first)))).collect();
        let chunks: usize = groups.iter().map(|(_, table)| table.tiles().div_ceil(TILES)).sum();
        let wanted = (4 * rayon::current_num_threads()).div_ceil(chunks.max(1)).min(panels);
        let mut tasks = Vec::with_capacity(chunks * wanted);
        for (first, table) in &groups {
            for tile in (0..table.tiles()).step_by(TILES) {
                let tiles = tile..table.tiles().min(tile + TILES);
                tasks.extend((0..wanted).map(|part| Task {
                    table: Arc::clone(table),
                    first: *first,
                    tiles: tiles.clone(),
                    panels: part * panels / wanted..(part + 1) * panels / wanted,
                }));
            }
        }
        tasks
    }
}
