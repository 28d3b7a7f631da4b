//! Other people's decoders at work: whatever they make of hostile bytes, a panic included, is a result.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Format, ImageError};

/// What `work` answers; a panic in it becomes an error about the image. Nothing that `work` has half changed may be used
/// afterwards.
///
/// A palette of 49 bytes makes `png` 0.18.1 index out of bounds, say: one bad image, which must not end the process.
pub(crate) fn sheltered<T>(
    format: Format,
    work: impl FnOnce() -> Result<T, ImageError>,
) -> Result<T, ImageError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let reason = format!("its decoder broke down: {}", text.unwrap_or("no message"));
        Err(ImageError::Decode { format, reason })
    })
}
