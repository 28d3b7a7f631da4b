//! Which pixels of the source each pixel of the target sums, for a group of images.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{Convolution, Images};

/// What is computed from what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    /// The output from the input.
    Forward,
    /// The input's gradient from the output's.
    DataGradient,
    /// The output from a padded input, whose rows under the kernel are a tap each ([`super::stem`]).
    Rows,
}

impl Direction {
    /// Channels of what is read and of what is written.
    pub(super) fn sides(self, convolution: &Convolution) -> [usize; 2] {
        match self {
            Direction::Forward => [convolution.input, convolution.output],
            Direction::Rows => [convolution.input * convolution.kernel, convolution.output],
            Direction::DataGradient => [convolution.output, convolution.input],
        }
    }

    /// Taps of the sum.
    pub(super) fn taps(self, convolution: &Convolution) -> usize {
        if self == Direction::Rows { convolution.kernel } else { convolution.taps() }
    }
}

/// No pixel: a tap on padding, or a row behind the last of a tile.
pub(super) const NONE: u32 = u32::MAX;

/// Tiles of target pixels with the same taps, as far as it goes.
#[derive(Debug)]
pub(super) struct Table {
    /// Pixels of a tile.
    rows: usize,
    taps: usize,
    /// Images of the group.
    pub images: usize,
    /// The group's pixel of each row of each tile.
    targets: Vec<u32>,
    /// For each tile and tap, the group's pixel of each row.
    sources: Vec<u32>,
    /// For each tile, a bit for each tap that any row has.
    active: Vec<u64>,
}

/// Fewest and most pixels of a group of several images.
const FEWEST_PIXELS: usize = 192;
const MOST_PIXELS: usize = 4096;

/// Tables that are kept; a job needs about ten, a server ten for each size of its last batch.
const MOST_KEPT: usize = 512;

#[derive(PartialEq, Eq, Hash)]
struct Key {
    convolution: Convolution,
    direction: Direction,
    extent: [usize; 2],
    images: usize,
    rows: usize,
}

/// Images of one group: a multiple of a tile's rows, so that those of a corner fill a tile, which then multiplies no padding
/// (an image of 4x4 spares 14 %); one where they are large, and edges small beside them.
pub(super) fn group(target: Images, rows: usize) -> usize {
    let plane = target.plane().max(1);
    let images = FEWEST_PIXELS.div_ceil(plane).next_multiple_of(rows);
    if images * plane <= MOST_PIXELS { images.min(target.count.max(1)) } else { 1 }
}

impl Table {
    /// The table of a group of `source.count` images of the convolution's input, made once.
    pub(super) fn of(
        convolution: &Convolution,
        direction: Direction,
        source: Images,
        rows: usize,
    ) -> Arc<Table> {
        static KEPT: OnceLock<Mutex<HashMap<Key, Arc<Table>>>> = OnceLock::new();
        let key = Key {
            // Channels do not matter, so that layers share.
            convolution: Convolution { input: 0, output: 0, ..*convolution },
            direction,
            extent: [source.height, source.width],
            images: source.count,
            rows,
        };
        let mut kept = KEPT.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() > MOST_KEPT {
            kept.clear();
        }
        let make = || Arc::new(Table::new(convolution, direction, source, rows));
        Arc::clone(kept.entry(key).or_insert_with(make))
    }

    fn new(convolution: &Convolution, direction: Direction, images: Images, rows: usize) -> Table {
        let (target, source) = match direction {
            Direction::Forward => (convolution.target(images), images),
            Direction::DataGradient => (images, convolution.target(images)),
            Direction::Rows => (Convolution { padding: 0, ..*convolution }.target(images), images),
        };
        let taps = direction.taps(convolution);
        let mut pixels = Vec::with_capacity(target.pixels());
        for pixel in 0..target.pixels() {
            let (image, place) = (pixel / target.plane(), pixel % target.plane());
            let at = [place / target.width, place % target.width];
            let mask = (0..taps)
                .filter(|&tap| convolution.source(direction, at, tap, source).is_some())
                .fold(0u64, |mask, tap| mask | 1 << tap);
            pixels.push((mask, image, at, pixel));
        }
        // Most taps first, so that the last tile, which may be low, has few. Stable: neighbours stay neighbours.
        pixels.sort_by_key(|&(mask, ..)| (Reverse(mask.count_ones()), mask));
        let mut table = Table {
            rows,
            taps,
            images: images.count,
            targets: Vec::new(),
            sources: Vec::new(),
            active: Vec::new(),
        };
        for tile in pixels.chunks(rows) {
            table.active.push(tile.iter().fold(0, |all, &(mask, ..)| all | mask));
            let place = |row: usize| tile.get(row).copied();
            table.targets.extend((0..rows).map(|row| place(row).map_or(NONE, |(.., pixel)| pixel as u32)));
            for tap in 0..taps {
                table.sources.extend((0..rows).map(|row| {
                    let found = place(row).and_then(|(_, image, at, _)| {
                        let place = convolution.source(direction, at, tap, source)?;
                        Some((image * source.plane() + place) as u32)
                    });
                    found.unwrap_or(NONE)
                }));
            }
        }
        table
    }

    /// Tiles.
    pub(super) fn tiles(&self) -> usize {
        self.active.len()
    }

    /// Whether half of a tile's rows are enough for its pixels.
    #[inline(always)]
    pub(super) fn is_low(&self, tile: usize) -> bool {
        self.targets(tile)[self.rows / 2] == NONE
    }

    /// The taps of a tile, a bit each.
    #[inline(always)]
    pub(super) fn active(&self, tile: usize) -> u64 {
        self.active[tile]
    }

    /// The group's target pixel of each row of a tile, or [`NONE`].
    #[inline(always)]
    pub(super) fn targets(&self, tile: usize) -> &[u32] {
        &self.targets[tile * self.rows..][..self.rows]
    }

    /// The group's source pixel of each row of a tile at a tap, or [`NONE`].
    #[inline(always)]
    pub(super) fn sources(&self, tile: usize, tap: usize) -> &[u32] {
        &self.sources[(tile * self.taps + tap) * self.rows..][..self.rows]
    }
}

impl Convolution {
    /// The pixel of an image of the source that the target's pixel `at` (row, column) takes with `tap`, if there is one.
    pub(super) fn source(
        &self,
        direction: Direction,
        at: [usize; 2],
        tap: usize,
        source: Images,
    ) -> Option<usize> {
        if direction == Direction::Rows {
            return Some((at[0] * self.stride + tap) * source.width + at[1] * self.stride);
        }
        let tap = [tap / self.kernel, tap % self.kernel];
        let place = |at: usize, tap: usize, extent: usize| {
            let place = match direction {
                // Rows were answered above.
                Direction::Forward | Direction::Rows => (at * self.stride + tap).checked_sub(self.padding)?,
                Direction::DataGradient => {
                    let place = (at + self.padding).checked_sub(tap)?;
                    (place % self.stride == 0).then_some(place / self.stride)?
                }
            };
            (place < extent).then_some(place)
        };
        Some(place(at[0], tap[0], source.height)? * source.width + place(at[1], tap[1], source.width)?)
    }
}
