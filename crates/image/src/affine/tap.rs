//! One pixel of a warped image in OpenCV's fixed point: positions to 1/32 pixel, weights to 1/1024.

use super::FILL;
use crate::Region;

/// Unit of the sums that make a position, OpenCV's `AB_SCALE`.
pub(super) const ONE: f64 = 1024.0;

/// Of a position, OpenCV's `INTER_BITS`.
pub(super) const FRACTION_BITS: u32 = 5;

const FRACTIONS: i32 = 1 << FRACTION_BITS;

/// Adds the parts that come from the column and from the row, and rounds to 1/32 pixel.
#[inline(always)]
pub(super) fn position(column: [i32; 2], row: [i32; 2]) -> [i32; 2] {
    let round = |column: i32, row: i32| column.saturating_add(row).saturating_add(16) >> 5;
    [round(column[0], row[0]), round(column[1], row[1])]
}

/// The `region` of an image that is in memory; outside of it is border, or nobody looks.
pub(super) struct Source<'a, const C: usize> {
    pub data: &'a [u8],
    pub region: Region,
}

impl<const C: usize> Source<'_, C> {
    /// The mix of the four pixels around a position in 1/32 pixels.
    #[inline(always)]
    pub(super) fn at(&self, [x, y]: [i32; 2]) -> [u8; C] {
        let (right, down) = (x & (FRACTIONS - 1), y & (FRACTIONS - 1));
        let (left, up) = (FRACTIONS - right, FRACTIONS - down);
        let weights = [left * up, right * up, left * down, right * down].map(|weight| weight as u64);
        // The first column and row, counted in the region: negative ones become huge.
        let column = ((x >> FRACTION_BITS).wrapping_sub(self.region.left as i32)) as u32;
        let row = ((y >> FRACTION_BITS).wrapping_sub(self.region.top as i32)) as u32;
        let stride = self.region.width as usize * C;
        let inside = column < self.region.width - 1 && row < self.region.height - 1;
        let at = row as usize * stride + column as usize * C;
        let four = if inside && at + stride + 2 * C <= self.data.len() {
            let (upper, lower) = (&self.data[at..at + 2 * C], &self.data[at + stride..at + stride + 2 * C]);
            [
                lanes::<C>(&upper[..C]),
                lanes::<C>(&upper[C..]),
                lanes::<C>(&lower[..C]),
                lanes::<C>(&lower[C..]),
            ]
        } else {
            let (next_column, next_row) = (column.wrapping_add(1), row.wrapping_add(1));
            [(column, row), (next_column, row), (column, next_row), (next_column, next_row)]
                .map(|(column, row)| self.pixel(column, row))
        };
        // Each lane stays below 256 * 1024 + 512 < 2^21.
        let mut sum = lanes::<C>(&[1; C]) * 512;
        for (pixel, weight) in four.into_iter().zip(weights) {
            sum += pixel * weight;
        }
        std::array::from_fn(|channel| (sum >> (21 * channel + 10)) as u8)
    }

    /// One pixel, wherever it is.
    fn pixel(&self, column: u32, row: u32) -> u64 {
        if column >= self.region.width || row >= self.region.height {
            return lanes::<C>(&[FILL; C]);
        }
        let at = (row as usize * self.region.width as usize + column as usize) * C;
        lanes::<C>(&self.data[at..at + C])
    }
}

/// The channels of a pixel, 21 bits each: one multiplication weighs them all.
#[inline(always)]
fn lanes<const C: usize>(pixel: &[u8]) -> u64 {
    let mut lanes = 0;
    for (channel, value) in pixel.iter().take(C).enumerate() {
        lanes |= u64::from(*value) << (21 * channel);
    }
    lanes
}
