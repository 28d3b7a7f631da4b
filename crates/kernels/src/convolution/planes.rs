//! Matrices of one shape, side by side.

use super::tile::GAP;
use crate::Buffer;

/// As many matrices as there are products.
pub(super) struct Planes {
    values: Buffer,
    /// Where they begin: rows are written one by one, and read meanwhile.
    start: *mut f32,
    /// Values of a row.
    width: usize,
    /// Values from plane to plane.
    plane: usize,
}

impl Planes {
    pub(super) fn new(count: usize, rows: usize, width: usize) -> Self {
        let plane = rows * width + GAP;
        let mut values = Buffer::new(count * plane);
        let start = values.as_mut_ptr();
        Planes { values, start, width, plane }
    }

    /// Values of a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// A value of a plane.
    ///
    /// # Safety
    /// It is there.
    #[inline(always)]
    pub(super) unsafe fn at(&self, plane: usize, row: usize, column: usize) -> *mut f32 {
        let index = plane * self.plane + row * self.width + column;
        debug_assert!(index < self.values.len());
        // SAFETY: the caller's.
        unsafe { self.start.add(index) }
    }
}
