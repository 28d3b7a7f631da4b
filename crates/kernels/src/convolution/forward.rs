//! A convolution and the gradient of its data, over all images.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::gather::{Gather, Part};
use super::output::Sink;
use super::packed::Algorithm;
use super::soon::Soon;
use super::table::{Direction, Table, group};
use super::{Convolution, Images, Output, Packed, winograd};
use crate::error::fits;
use crate::norm::Mapping;
use crate::{Buffer, Factors, Results, ShapeError, simd};

/// Tiles of a task: what they read stays in the second-level cache while the panels come and go.
const TILES: usize = 16;

impl Convolution {
    /// `[n, h, w, input]` to `[n, h', w', output]`. The image is of the weights' format, but for one of few channels
    /// ([`Convolution::is_stem`]), which is float32.
    ///
    /// # Errors
    /// Lengths that are not those of the shapes, weights packed for something else, another format, a result of bfloat16 with
    /// an odd number of channels.
    pub fn forward(
        &self,
        source: Images,
        x: Factors<'_>,
        weights: &Packed,
        output: Output<'_>,
        y: Results<'_>,
    ) -> Result<(), ShapeError> {
        self.check_data(source, x.len(), y.len())?;
        let sink = Sink::new(output, y, self.output)?;
        self.fill(source, x, weights, sink)
    }

    /// The same, and into a second result of its format what the first becomes in the norm behind it.
    ///
    /// # Errors
    /// As [`Convolution::forward`]; a second result or a mapping that does not fit the first.
    pub fn forward_then(
        &self,
        source: Images,
        x: Factors<'_>,
        weights: &Packed,
        (output, y): (Output<'_>, Results<'_>),
        then: (Mapping<'_>, Results<'_>),
    ) -> Result<(), ShapeError> {
        self.check_data(source, x.len(), y.len())?;
        let len = y.len();
        let sink = Sink::new(output, y, self.output)?.then(len, then)?;
        self.fill(source, x, weights, sink)
    }

    fn fill(
        &self,
        source: Images,
        x: Factors<'_>,
        weights: &Packed,
        sink: Sink<'_>,
    ) -> Result<(), ShapeError> {
        self.check_packed(weights, Direction::Forward, x.format() == weights.format)?;
        if source.count == 0 {
            return Ok(());
        }
        let target = self.target(source);
        if self.is_stem() {
            let (source, x) = self.pad(source, x.slots());
            let from = Factors::Float32(&x);
            Whole { source, target, from, weights, sink, direction: Direction::Rows }.run();
        } else {
            Whole { source, target, from: x, weights, sink, direction: Direction::Forward }.run();
        }
        Ok(())
    }

    /// The gradient of the input, `[n, h, w, input]`, from that of the output, `[n, h', w', output]`; `also` is added to it,
    /// what another user of the input gave. That of few channels ([`Convolution::is_stem`]) is float32.
    ///
    /// # Errors
    /// Lengths that are not those of the shapes, weights packed for something else, another format than the weights', a result
    /// of bfloat16 with an odd or a small number of channels.
    pub fn data_gradient(
        &self,
        source: Images,
        dy: Factors<'_>,
        weights: &Packed,
        also: Option<Factors<'_>>,
        dx: Results<'_>,
    ) -> Result<(), ShapeError> {
        self.check_data(source, dx.len(), dy.len())?;
        self.check_packed(weights, Direction::DataGradient, dy.format() == weights.format)?;
        if self.is_stem() {
            return self.data_gradient_unfolded(source, dy.slots(), weights, also, dx);
        }
        let output = Output { residual: also, ..Output::default() };
        let sink = Sink::new(output, dx, self.input)?;
        if source.count == 0 {
            return Ok(());
        }
        let (target, source, direction) = (source, self.target(source), Direction::DataGradient);
        Whole { source, target, from: dy, weights, sink, direction }.run();
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
    pub(super) sink: Sink<'a>,
    direction: Direction,
}

impl Whole<'_> {
    fn run(&self) {
        let Packed { path, format, convolution, .. } = *self.weights;
        let [channels, columns] = self.direction.sides(&convolution);
        if self.weights.algorithm == Algorithm::Winograd {
            return winograd::run(self, [channels, columns]);
        }
        let channels = format.slots(channels);
        let pitch = if self.direction == Direction::Rows { convolution.input } else { channels };
        let zeros = Buffer::zeros(channels);
        let tasks = self.tasks(columns);
        (0..tasks.count()).into_par_iter().for_each(|index| {
            let task = tasks.task(index);
            let from = task.first * self.source.plane() * pitch;
            let sources = task.table.images * self.source.plane() * pitch;
            let gather = Gather {
                table: task.table,
                taps: self.direction.taps(&convolution),
                channels,
                pitch,
                source: &self.from.slots()[from..from + sources],
                zeros: &zeros,
                weights: self.weights.values(),
                sink: self.sink,
                first: task.first * self.target.plane(),
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
        let target = self.sink.stretch(gather.first + written.start..gather.first + written.end);
        let source = gather.source.as_ptr().wrapping_add(read.start * gather.pitch);
        Soon::of([target, (source, read.len() * gather.pitch)])
    }

    /// Tasks that write different parts of the target. How many there are changes no result: all sums run in one order.
    fn tasks(&self, columns: usize) -> Tasks {
        let (Packed { path, format, convolution, .. }, direction) = (self.weights, self.direction);
        let rows = simd::tile_rows(*format, *path);
        let panels = columns.div_ceil(simd::tile_columns(*path));
        let (all, size) = (self.target.count, group(self.target, rows));
        let table = |count| {
            let images = if direction == Direction::DataGradient { self.target } else { self.source };
            Table::of(convolution, direction, Images { count, ..images }, rows)
        };
        let groups = all.div_ceil(size);
        let tables = [table(size), table(all - (groups - 1) * size)];
        let mut tasks = Tasks { tables, groups, size, panels, parts: 1 };
        tasks.parts = (4 * rayon::current_num_threads()).div_ceil(tasks.chunks().max(1)).min(panels);
        tasks
    }
}

/// The tasks of a call: for some tiles of a group of images, a part of the panels.
struct Tasks {
    /// Of all groups but the last, and of that.
    tables: [Arc<Table>; 2],
    groups: usize,
    /// Images of a group.
    size: usize,
    panels: usize,
    /// Into how many the panels are divided.
    parts: usize,
}

/// Some tiles and panels of the group that begins with image `first`.
struct Task<'a> {
    table: &'a Table,
    first: usize,
    tiles: Range<usize>,
    panels: Range<usize>,
}

impl Tasks {
    /// Times that [`TILES`] go into the first groups and into all.
    fn chunks(&self) -> usize {
        let [each, last] = self.tables.each_ref().map(|table| table.tiles().div_ceil(TILES));
        (self.groups - 1) * each + last
    }

    fn count(&self) -> usize {
        self.chunks() * self.parts
    }

    fn task(&self, index: usize) -> Task<'_> {
        let (chunk, part) = (index / self.parts, index % self.parts);
        let each = self.tables[0].tiles().div_ceil(TILES);
        let group = (chunk / each).min(self.groups - 1);
        let table = &self.tables[usize::from(group + 1 == self.groups)];
        let tile = (chunk - group * each) * TILES;
        Task {
            table,
            first: group * self.size,
            tiles: tile..table.tiles().min(tile + TILES),
            panels: part * self.panels / self.parts..(part + 1) * self.panels / self.parts,
        }
    }
}
