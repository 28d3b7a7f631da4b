//! The process's memory.

// Training frees and takes the same large tensors at every step; the system's allocator hands them back each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Hands freed memory back to the system at once, which mimalloc puts off until it is used again: an endpoint that has
/// loaded its model would hold the files it read for ever.
#[expect(unsafe_code, reason = "the one way to ask the allocator")]
pub fn give_back() {
    // SAFETY: it may be called at any time from any thread ("Eagerly free memory", mimalloc's documentation).
    unsafe { libmimalloc_sys::mi_collect(true) }
}
