//! Pixel buffers that one thread keeps from image to image.

use std::cell::RefCell;
use std::collections::TryReserveError;

/// As many as one image needs at a time.
const KEPT: usize = 2;

/// Larger buffers go back to the system, lest one huge image cost its memory for ever.
const MAX_KEPT_BYTES: usize = 16 << 20;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of `len` bytes with anything in them.
pub(crate) fn take(len: usize) -> Result<Vec<u8>, TryReserveError> {
    let mut buffer = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    buffer.try_reserve_exact(len.saturating_sub(buffer.len()))?;
    buffer.resize(len, 0);
    Ok(buffer)
}

/// Hands a buffer back.
pub(crate) fn give(buffer: Vec<u8>) {
    BUFFERS.with_borrow_mut(|kept| {
        if kept.len() < KEPT && buffer.capacity() <= MAX_KEPT_BYTES {
            kept.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_unless_it_is_huge() {
        let buffer = take(1000).unwrap();
        let address = buffer.as_ptr();
        give(buffer);
        let again = take(900).unwrap();
        assert_eq!((again.as_ptr(), again.len()), (address, 900));
        give(vec![0; MAX_KEPT_BYTES + 1]);
        assert_eq!(take(1).unwrap().capacity(), 1);
    }
}
