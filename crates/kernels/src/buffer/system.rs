//! Memory of the system.

use std::alloc::{Layout, handle_alloc_error};
use std::ffi::c_void;
use std::ptr;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// A large page of x86_64, and of most others.
const LARGE: usize = 2 << 20;

/// Fewest bytes to ask for.
const LEAST: usize = 16 << 20;

/// Memory for at least so many bytes, from a large page on, and how many there are.
pub(super) fn map(size: usize) -> (usize, usize) {
    let size = size.max(LEAST).next_multiple_of(LARGE);
    let (read_write, private) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: new memory, wherever the system has room for it.
    let Ok(found) = (unsafe { mmap_anonymous(ptr::null_mut(), size + LARGE, read_write, private) }) else {
        handle_alloc_error(Layout::array::<u8>(size).unwrap_or(Layout::new::<u8>()))
    };
    let found = found.expose_provenance();
    let start = found.next_multiple_of(LARGE);
    unmap(found, start - found);
    unmap(start + size, found + LARGE - start);
    #[cfg(target_os = "linux")]
    // SAFETY: it changes no content. Where there are no large pages, small ones do.
    let _ = unsafe { madvise(at(start), size, Advice::LinuxHugepage) };
    (start, size)
}

/// Lets the content of memory go, which may be used again.
pub(super) fn forget(start: usize, size: usize) {
    // Whole pages only: the system would take what stands beside them on theirs.
    let page = rustix::param::page_size();
    let (begin, end) = (start.next_multiple_of(page), (start + size) / page * page);
    if begin >= end {
        return;
    }
    #[cfg(target_os = "linux")]
    let advice = Advice::LinuxDontNeed;
    #[cfg(not(target_os = "linux"))]
    let advice = Advice::DontNeed;
    // SAFETY: nobody uses it. If the system does not take it, it stays ours.
    let _ = unsafe { madvise(at(begin), end - begin, advice) };
}

fn unmap(start: usize, size: usize) {
    if size > 0 {
        // SAFETY: mapped above, and used by nobody. What cannot be unmapped is never touched.
        let _ = unsafe { munmap(at(start), size) };
    }
}

fn at(address: usize) -> *mut c_void {
    ptr::with_exposed_provenance_mut(address)
}
