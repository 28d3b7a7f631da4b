//! Width and height, and MXNet's integer rules for changing them.

use crate::{ImageError, InputShape, Limits, Region};

/// Columns and rows of an image, whatever part of it is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// Columns and rows, in that order.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// The region that is everything.
    pub fn whole(self) -> Region {
        Region::whole(self.width, self.height)
    }

    /// Whether a crop of `shape` fits inside.
    pub const fn covers(self, shape: InputShape) -> bool {
        self.width >= shape.width && self.height >= shape.height
    }

    /// The size after resizing so that the shorter edge is `edge`, enlarging too.
    ///
    /// MXNet's `image_aug_default.cc`: a portrait image gets width = edge and height = edge * rows / cols, any other
    /// image height = edge and width = edge * cols / rows, each division truncated.
    pub fn shorter_edge(self, edge: u32) -> Self {
        let longer = |long: u32, short: u32| {
            u32::try_from(u64::from(edge) * u64::from(long) / u64::from(short.max(1))).unwrap_or(u32::MAX)
        };
        if self.height > self.width {
            Self::new(edge, longer(self.height, self.width))
        } else {
            Self::new(longer(self.width, self.height), edge)
        }
    }

    /// Refuses a size `limits` does not allow an image of `channels` to have.
    pub(crate) fn check(self, channels: u32, limits: &Limits) -> Result<(), ImageError> {
        limits.check_dimensions(self.width, self.height)?;
        limits.check_allocation(u64::from(self.width) * u64::from(self.height) * u64::from(channels))
    }
}

impl From<(u32, u32)> for Size {
    fn from((width, height): (u32, u32)) -> Self {
        Self { width, height }
    }
}
