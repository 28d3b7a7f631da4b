//! Labels checked before the first training step, not in the middle of an epoch.

use crate::{DataError, Dataset, Origin};

/// The most classes a label can tell apart: beyond 2^24 not every whole number is an `f32`.
const MOST_CLASSES: u64 = 1 << 24;

/// Checks that every sample has one label, a whole number from 0 to `num_classes - 1`, and counts the samples of
/// each class. The error names the first sample that is wrong.
pub fn check(dataset: &Dataset, num_classes: usize) -> Result<Vec<u64>, DataError> {
    let mut counts = vec![0; num_classes];
    for index in 0..dataset.source.len() {
        let class = class_of(dataset, index, num_classes as u64)?;
        if let Some(count) = counts.get_mut(class as usize) {
            *count += 1;
        }
    }
    Ok(counts)
}

/// The number of classes a dataset implies: the names it carries, or the largest label plus one if that is more.
pub fn count_classes(dataset: &Dataset) -> Result<usize, DataError> {
    let mut classes = dataset.class_names.as_ref().map_or(0, Vec::len);
    for index in 0..dataset.source.len() {
        classes = classes.max(class_of(dataset, index, MOST_CLASSES)? as usize + 1);
    }
    Ok(classes)
}

fn class_of(dataset: &Dataset, index: usize, classes: u64) -> Result<u64, DataError> {
    let labels = dataset.source.labels(index)?;
    class_number(&labels, classes).map_err(|fault| match dataset.source.origin(index) {
        Ok(origin) => fault.at(origin),
        Err(error) => error,
    })
}

/// What is wrong with a sample's labels; becomes an error once the origin is known.
pub(crate) enum LabelFault {
    Count(usize),
    Value { found: f32, last: u64 },
}

impl LabelFault {
    pub(crate) fn at(self, origin: Origin) -> DataError {
        match self {
            Self::Count(found) => DataError::LabelCount { origin, found },
            Self::Value { found, last } => DataError::Label { origin, found, last },
        }
    }
}

/// The class that a sample's labels say.
fn class_number(labels: &[f32], classes: u64) -> Result<u64, LabelFault> {
    let &[label] = labels else { return Err(LabelFault::Count(labels.len())) };
    let last = classes.min(MOST_CLASSES).saturating_sub(1);
    // A label that is not a number fails both comparisons.
    if label >= 0.0 && label <= last as f32 && label.fract() == 0.0 {
        Ok(label as u64)
    } else {
        Err(LabelFault::Value { found: label, last })
    }
}

/// The class for a batch; the range was checked when training started, here any class number will do.
pub(crate) fn batch_label(labels: &[f32]) -> Result<i64, LabelFault> {
    class_number(labels, MOST_CLASSES).map(u64::cast_signed)
}
