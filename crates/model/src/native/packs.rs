//! Weights that do not change are packed once.
//!
//! A served network convolves with the same weights at every request. What is packed is kept beside a weak link to the
//! tensor's memory: as long as the link is there, that memory is at its place, and whoever writes to it first moves it away
//! (`Arc::make_mut`), so that the link breaks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use brazier_kernels::convolution::Packed;
use brazier_kernels::{Convolution, Path, ShapeError};
use burn::backend::flex::FlexTensor;
use burn::tensor::Bytes;

use super::values::{contiguous, slice};

/// Where the weights are, and what they are packed for.
type Key = (usize, usize, Convolution, Path);

type Kept = HashMap<Key, (Weak<Bytes>, Arc<Packed>)>;

fn kept() -> &'static Mutex<Kept> {
    static KEPT: OnceLock<Mutex<Kept>> = OnceLock::new();
    KEPT.get_or_init(Mutex::default)
}

/// The weights packed for the forward pass.
pub(super) fn forward(
    path: Path,
    convolution: Convolution,
    weight: &FlexTensor,
) -> Result<Arc<Packed>, ShapeError> {
    let memory = weight.data_arc();
    let key = (Arc::as_ptr(&memory).addr(), weight.layout().start_offset(), convolution, path);
    let found = |kept: &Kept| {
        let (link, packed) = kept.get(&key)?;
        link.upgrade().map(|_| Arc::clone(packed))
    };
    if let Some(packed) = found(&kept().lock().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(packed);
    }
    let packed = Arc::new(Packed::forward(path, convolution, slice(&contiguous(weight)))?);
    let mut kept = kept().lock().unwrap_or_else(PoisonError::into_inner);
    kept.retain(|_, (link, _)| link.strong_count() > 0);
    kept.insert(key, (Arc::downgrade(&memory), Arc::clone(&packed)));
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use burn::backend::flex::Layout;
    use burn::tensor::{DType, Shape};

    use super::*;

    #[test]
    fn what_changes_is_packed_anew() {
        let convolution = Convolution::linear(2, 1);
        let bytes = Bytes::from_elems(vec![1.0f32, 2.0]);
        let mut weight = FlexTensor::new(bytes, Layout::contiguous(Shape::from([1, 2, 1, 1])), DType::F32);
        let first = forward(Path::Portable, convolution, &weight).unwrap();
        let again = forward(Path::Portable, convolution, &weight).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        weight.storage_mut::<f32>()[0] = 3.0;
        let changed = forward(Path::Portable, convolution, &weight).unwrap();
        assert!(!Arc::ptr_eq(&first, &changed));
        drop(weight);
        // The next to pack something sweeps up.
        let other = FlexTensor::new(
            Bytes::from_elems(vec![1.0f32, 2.0]),
            Layout::contiguous(Shape::from([1, 2, 1, 1])),
            DType::F32,
        );
        forward(Path::Portable, convolution, &other).unwrap();
        let is_ours = |(_, packed): &&(Weak<Bytes>, Arc<Packed>)| Arc::ptr_eq(packed, &changed);
        assert!(!kept().lock().unwrap().values().any(|entry| is_ours(&entry)));
    }
}
