//! Memory that is used again.
//!
//! A step asks for the same sizes as the step before. Large blocks that go back to the system come again as pages of
//! zeros, which costs as much as writing them once more; so what is dropped stays with the process, and whoever asks next gets
//! it, cut to size ([`spans`]). The system is asked for more only when nothing fits, and told then that it may have back what
//! did not; [`give_back`] lets all of it go. Addresses stay ours, only their pages go. Pages are large where Linux has them: fewer are touched for the first time, and
//! fewer are looked up by loops that stride over channels.

mod spans;
mod system;

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use spans::Spans;

/// Values that nobody else holds, from a boundary of pages on. They begin as whatever the last user left, or 0.
#[derive(Debug)]
pub struct Buffer<T: Plain = f32> {
    /// Where they begin.
    start: usize,
    /// Bytes of the block.
    size: usize,
    len: usize,
    of: PhantomData<T>,
}

/// Numbers that any bits are, and that no boundary of pages is too narrow for.
///
/// # Safety
/// As it says.
pub unsafe trait Plain: Copy + Default {}

// SAFETY: numbers without padding.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for usize {}
// SAFETY: as above.
unsafe impl Plain for [usize; 2] {}

/// What nobody uses.
static FREE: Mutex<Spans> = Mutex::new(Spans::new());

/// Blocks are a multiple of a page.
const GRAIN: usize = 4096;

fn free() -> MutexGuard<'static, Spans> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets go of all memory that nobody uses.
pub fn give_back() {
    free().each(system::forget);
}

impl<T: Plain> Buffer<T> {
    /// `len` values of any content. Without memory for them the process ends, as with any collection of Rust's.
    ///
    /// # Panics
    /// More bytes than there are addresses.
    pub fn new(len: usize) -> Self {
        // A slice has no more bytes than this, and a large page more is no overflow.
        assert!(len <= isize::MAX as usize / size_of::<T>() - GRAIN, "capacity overflow");
        let size = (len * size_of::<T>()).next_multiple_of(GRAIN);
        if size == 0 {
            return Buffer { start: align_of::<T>(), size, len, of: PhantomData };
        }
        let mut free = free();
        let start = free.take(size).unwrap_or_else(|| {
            // Spans too short for anyone who asks now would add up to what is mapped for it.
            free.each(system::forget);
            let (start, mapped) = system::map(size);
            free.put(start + size, mapped - size);
            start
        });
        Buffer { start, size, len, of: PhantomData }
    }

    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut buffer = Buffer::new(len);
        buffer.fill(T::default());
        buffer
    }
}

impl<T: Plain> Drop for Buffer<T> {
    fn drop(&mut self) {
        if self.size > 0 {
            free().put(self.start, self.size);
        }
    }
}

impl<T: Plain> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: a block is mapped memory of at least `len` values, whose bits are values whatever they are, and no other's.
        unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(self.start), self.len) }
    }
}

impl<T: Plain> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and borrowed by nobody else.
        unsafe { std::slice::from_raw_parts_mut(std::ptr::with_exposed_provenance_mut(self.start), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_apart_and_begin_at_a_page() {
        let mut blocks: Vec<Buffer> = (0..40).map(|index| Buffer::new(1 + index * 700)).collect();
        for (index, block) in blocks.iter_mut().enumerate() {
            assert_eq!((block.start % GRAIN, block.len()), (0, 1 + index * 700));
            block.fill(index as f32);
        }
        for (index, block) in blocks.iter().enumerate() {
            assert!(block.iter().all(|&value| value == index as f32));
        }
        assert!(Buffer::<f32>::zeros(77).iter().all(|&value| value == 0.0));
        assert!(Buffer::<f32>::new(0).is_empty());
    }

    #[test]
    fn what_is_given_back_can_be_used_again() {
        let mut block = Buffer::<f32>::new(5 << 20);
        block.fill(3.0);
        drop(block);
        give_back();
        assert!(Buffer::<f32>::zeros(5 << 20).iter().all(|&value| value == 0.0));
    }
}
