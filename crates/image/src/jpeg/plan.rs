//! Which samples of which component a region needs.

use std::ops::Range;

use super::header::{Colour, Header};
use crate::Region;

/// How a component's samples become pixels; libjpeg-turbo's jdsample.c.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upsample {
    /// Each sample stands for so many pixels sideways and downwards, often one.
    Replicate(u32, u32),
    /// Two pixels a sample sideways, weighted 3 to 1 with the next neighbour.
    Sideways,
    /// The same downwards.
    Downwards,
    /// The same both ways.
    Both,
}

impl Upsample {
    fn sideways(self) -> bool {
        matches!(self, Self::Sideways | Self::Both)
    }

    pub(super) fn downwards(self) -> bool {
        matches!(self, Self::Downwards | Self::Both)
    }

    /// Pixels a sample, sideways and downwards.
    fn factors(self) -> (u32, u32) {
        match self {
            Self::Replicate(sideways, downwards) => (sideways, downwards),
            Self::Sideways => (2, 1),
            Self::Downwards => (1, 2),
            Self::Both => (2, 2),
        }
    }
}

/// One component's share of the work.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    /// Blocks a minimum coded unit, sideways and downwards.
    pub(super) h: u32,
    pub(super) v: u32,
    /// Samples a side that one block becomes: 8, or less for scaled decoding.
    pub(super) size: u32,
    /// Samples that count; a block may have more.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) upsample: Upsample,
    /// Blocks that are needed, empty for a component that is not.
    pub(super) columns: Range<u32>,
    pub(super) rows: Range<u32>,
}

/// What a decode of a region has to do.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// In output pixels.
    pub(super) region: Region,
    /// Rows of output pixels a minimum coded unit, and rows of the image.
    pub(super) unit_rows: u32,
    pub(super) height: u32,
    pub(super) planes: Vec<Plane>,
    /// Minimum coded units a row, and the rows of them that hold something needed.
    pub(super) units_across: u32,
    pub(super) unit_row_range: Range<u32>,
    /// Whether some component needs the samples of the row below to make a row of pixels.
    pub(super) looks_down: bool,
}

/// The length of a side of `pixels` when 8 pixels become `size`.
pub(super) fn scaled(pixels: u32, size: u32) -> u32 {
    (pixels * size).div_ceil(8)
}

impl Plan {
    /// Plans `region`, which lies in the image as scaled to `size` eighths, for 1 (grey) or 3 channels.
    pub(super) fn new(header: &Header, region: Region, channels: u32, size: u32) -> Self {
        let (h_most, v_most) = header.sampling();
        // Luma is grey as it is: the colour components then only have to be stepped over.
        let wanted =
            if channels == 1 && header.colour == Colour::YCbCr { 1 } else { header.components.len() };
        let planes: Vec<Plane> = header
            .components
            .iter()
            .enumerate()
            .map(|(index, component)| {
                let ratio = (h_most / component.h, v_most / component.v);
                let mut plane =
                    Plane::new((component.h, component.v), ratio, (header.width, header.height), size);
                if index < wanted {
                    plane.need(region);
                }
                plane
            })
            .collect();
        let first = planes[..wanted].iter().map(|plane| plane.rows.start / plane.v).min().unwrap_or(0);
        let end = planes[..wanted].iter().map(|plane| plane.rows.end.div_ceil(plane.v)).max().unwrap_or(0);
        Self {
            region,
            unit_rows: v_most * size,
            height: scaled(header.height, size),
            units_across: header.width.div_ceil(8 * h_most),
            unit_row_range: first..end,
            looks_down: planes[..wanted].iter().any(|plane| plane.upsample.downwards()),
            planes,
        }
    }
}

impl Plan {
    /// Bits that the whole image takes at the least: no block has less than two codes of one bit.
    pub(super) fn least_bits(&self) -> u64 {
        let blocks: u32 = self.planes.iter().map(|plane| plane.h * plane.v).sum();
        let down = self.height.div_ceil(self.unit_rows);
        u64::from(self.units_across) * u64::from(down) * u64::from(blocks) * 2
    }
}

impl Plane {
    /// A component with one sample for `ratio` pixels in an image of the given size.
    fn new((h, v): (u32, u32), ratio: (u32, u32), (width, height): (u32, u32), pixel_size: u32) -> Self {
        // A smaller inverse transform of luma leaves colour its detail, instead of shrinking and enlarging it:
        // libjpeg's jdmaster.c.
        let (mut size, mut left) = (pixel_size, ratio);
        while size < 8 && left.0 % 2 == 0 && left.1 % 2 == 0 {
            size *= 2;
            left = (left.0 / 2, left.1 / 2);
        }
        let side = |pixels: u32, ratio: u32| (pixels * size).div_ceil(8 * ratio);
        let (width, height) = (side(width, ratio.0), side(height, ratio.1));
        let upsample = match left {
            (2, 1) if pixel_size > 1 && width > 2 => Upsample::Sideways,
            (1, 2) if pixel_size > 1 => Upsample::Downwards,
            (2, 2) if pixel_size > 1 && width > 2 => Upsample::Both,
            (sideways, downwards) => Upsample::Replicate(sideways, downwards),
        };
        Self { h, v, size, width, height, upsample, columns: 0..0, rows: 0..0 }
    }

    /// The samples along one side that the pixels `start..start + length` are made of.
    fn samples(start: u32, length: u32, factor: u32, neighbours: bool, end: u32) -> Range<u32> {
        let reach = u32::from(neighbours);
        let first = (start / factor).saturating_sub(reach);
        first..((start + length).div_ceil(factor) + reach).min(end)
    }

    fn need(&mut self, region: Region) {
        let (sideways, downwards) = self.upsample.factors();
        let columns =
            Self::samples(region.left, region.width, sideways, self.upsample.sideways(), self.width);
        let rows =
            Self::samples(region.top, region.height, downwards, self.upsample.downwards(), self.height);
        self.columns = columns.start / self.size..columns.end.div_ceil(self.size);
        self.rows = rows.start / self.size..rows.end.div_ceil(self.size);
    }
}
