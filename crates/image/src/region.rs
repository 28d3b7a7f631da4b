//! A rectangle of pixels.

/// The pixels of rows `top..top + height` and columns `left..left + width`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Region {
    /// All of an image of `width` x `height`.
    pub fn whole(width: u32, height: u32) -> Self {
        Self { left: 0, top: 0, width, height }
    }

    /// Whether the region has pixels and all of them lie in an image of `width` x `height`.
    pub fn fits(&self, width: u32, height: u32) -> bool {
        let inside = |start: u32, length: u32, end: u32| length > 0 && start < end && length <= end - start;
        inside(self.left, self.width, width) && inside(self.top, self.height, height)
    }
}
