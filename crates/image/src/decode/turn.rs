//! Exif orientation: the eight ways a stored image can lie.

use crate::{Pixels, Region, Size};

/// How to get from stored pixels to upright ones: swap rows and columns, then mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Turn {
    transposed: bool,
    flip_columns: bool,
    flip_rows: bool,
}

impl Turn {
    /// By the number of Exif tag 0x0112; anything but 2..=8 means upright.
    pub(super) fn from_exif(orientation: u8) -> Self {
        let (transposed, flip_columns, flip_rows) = match orientation {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => (false, false, false),
        };
        Self { transposed, flip_columns, flip_rows }
    }

    /// The upright size of an image stored as `stored`, or the other way round.
    pub(super) fn size(self, stored: Size) -> Size {
        if self.transposed { Size::new(stored.height, stored.width) } else { stored }
    }

    /// Where the pixels of `region`, which lies inside the upright image, are stored.
    pub(super) fn stored(self, region: Region, upright: Size) -> Region {
        let Region { mut left, mut top, width, height } = region;
        if self.flip_columns {
            left = upright.width - left - width;
        }
        if self.flip_rows {
            top = upright.height - top - height;
        }
        if self.transposed {
            Region { left: top, top: left, width: height, height: width }
        } else {
            Region { left, top, width, height }
        }
    }

    /// Turns stored pixels upright: `size` of theirs and the same channels.
    pub(super) fn apply(self, pixels: &Pixels) -> Vec<u8> {
        let channels = pixels.channels() as usize;
        let size = self.size(pixels.size());
        let (width, height) = (size.width as usize, size.height as usize);
        let stride = pixels.row_len();
        let mut upright = Vec::with_capacity(pixels.data().len());
        for row in 0..height {
            let row = if self.flip_rows { height - 1 - row } else { row };
            for column in 0..width {
                let column = if self.flip_columns { width - 1 - column } else { column };
                let (x, y) = if self.transposed { (row, column) } else { (column, row) };
                let at = y * stride + x * channels;
                upright.extend_from_slice(&pixels.data()[at..at + channels]);
            }
        }
        upright
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crop;

    #[test]
    fn a_region_is_the_same_before_and_after_turning() {
        let stored = Pixels::new(5, 4, 1, (0..20).collect()).unwrap();
        for orientation in 1..=8 {
            let turn = Turn::from_exif(orientation);
            let size = turn.size(stored.size());
            let upright = Pixels::new(size.width, size.height, 1, turn.apply(&stored)).unwrap();
            let region = Region { left: 1, top: 0, width: 2, height: 3 };
            let mut expected = [0; 6];
            crop::copy(&upright, size.whole(), region, false, &mut expected).unwrap();

            let mut part = [0; 6];
            let from = turn.stored(region, size);
            crop::copy(&stored, stored.size().whole(), from, false, &mut part).unwrap();
            let part = Pixels::new(from.width, from.height, 1, part.to_vec()).unwrap();
            assert_eq!(turn.apply(&part), expected, "orientation {orientation}");
        }
    }
}
