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
    // Neither part exceeds 2^30 - 16.
    let round = |column: i32, row: i32| column.wrapping_add(row).wrapping_add(16) >> 5;
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
        let four = match (self.pair(at, inside), self.pair(at.wrapping_add(stride), inside)) {
            (Some([a, b]), Some([c, d])) => [a, b, c, d],
            _ => {
                let (next_column, next_row) = (column.wrapping_add(1), row.wrapping_add(1));
                [(column, row), (next_column, row), (column, next_row), (next_column, next_row)]
                    .map(|(column, row)| self.pixel(column, row))
            }
        };
        // Each lane stays below 256 * 1024 + 512 < 2^21.
        let mut sum = lanes(0x0001_0101) * 512;
        for (pixel, weight) in four.into_iter().zip(weights) {
            sum += pixel * weight;
        }
        std::array::from_fn(|channel| (sum >> (21 * channel + 10)) as u8)
    }

    /// The pixels at byte `at` and behind it, if they are `inside` and not the very last ones.
    #[inline(always)]
    fn pair(&self, at: usize, inside: bool) -> Option<[u64; 2]> {
        if !inside {
            return None;
        }
        if C == 1 {
            return self.data.get(at..at + 2).map(|pair| [u64::from(pair[0]), u64::from(pair[1])]);
        }
        let bytes = self.data.get(at..at + 8)?.first_chunk::<8>()?;
        let pair = u64::from_le_bytes(*bytes);
        Some([lanes(pair), lanes(pair >> 24)])
    }

    /// One pixel, wherever it is.
    fn pixel(&self, column: u32, row: u32) -> u64 {
        if column >= self.region.width || row >= self.region.height {
            return lanes(u64::from_le_bytes([FILL; 8]));
        }
        let at = (row as usize * self.region.width as usize + column as usize) * C;
        let pixel = &self.data[at..at + C];
        lanes(pixel.iter().rev().fold(0, |bytes, value| bytes << 8 | u64::from(*value)))
    }
}

/// The lowest three bytes, 21 bits each: one multiplication weighs them all. A grey pixel needs but the first.
#[inline(always)]
fn lanes(pixel: u64) -> u64 {
    pixel & 0xff | (pixel & 0xff00) << 13 | (pixel & 0x00ff_0000) << 26
}
