//! A result that several threads write, each its own part.

/// The values of a slice that is borrowed for as long as this lives.
#[derive(Clone, Copy)]
pub(crate) struct Shared<T = f32> {
    start: *mut T,
    len: usize,
}

// SAFETY: whoever takes a pointer or a part promises that no other thread touches those values meanwhile.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T: Copy> Shared<T> {
    pub(crate) fn new(values: &mut [T]) -> Self {
        Shared { start: values.as_mut_ptr(), len: values.len() }
    }

    /// The address of the first.
    pub(crate) fn start(self) -> *const T {
        self.start
    }

    /// Value `index` and those behind it.
    ///
    /// # Safety
    /// The slice is still borrowed, `index` is in it, and nobody else touches what is read or written.
    #[inline(always)]
    pub(crate) unsafe fn at(self, index: usize) -> *mut T {
        debug_assert!(index < self.len);
        // SAFETY: the caller's.
        unsafe { self.start.add(index) }
    }

    /// `len` values from `index` on.
    ///
    /// # Safety
    /// The slice is still borrowed, all are in it, and nobody else touches them as long as the part lives.
    #[inline(always)]
    pub(crate) unsafe fn part<'a>(self, index: usize, len: usize) -> &'a mut [T] {
        debug_assert!(index + len <= self.len);
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(index), len) }
    }
}
