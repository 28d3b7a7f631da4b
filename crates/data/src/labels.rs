//! Labels: what a network wants of them, and the check of all of them before the first training step.

use crate::{DataError, Dataset, Origin};

pub(crate) mod text;

pub use text::{LabelTextError, parse as parse_text};

/// The most classes a label can tell apart: beyond 2^24 not every whole number is an `f32`.
pub const MOST_CLASSES: usize = 1 << 24;

/// What a network learns of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// One class number from 0 to `classes - 1`.
    Class {
        /// Number of classes.
        classes: usize,
    },
    /// For each class whether the image belongs to it.
    MultiHot {
        /// Number of classes.
        classes: usize,
    },
}

/// How a list of labels is meant: the `label-format` of a channel's content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LabelFormat {
    /// A 0 or 1 for each class.
    #[default]
    MultiHot,
    /// The numbers of the classes that the image belongs to.
    ClassId,
}

/// The labels of a batch of N images.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// The class of each image, N of them.
    Classes(Vec<i64>),
    /// N rows of 0 and 1, one column per class.
    MultiHot {
        /// Number of columns.
        classes: usize,
        /// Row by row.
        values: Vec<f32>,
    },
}

impl Labels {
    /// The number of images, N.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.len(),
            Self::MultiHot { classes, values } => values.len().checked_div(*classes).unwrap_or_default(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The classes that image `at` belongs to; none past the end.
    pub fn of(&self, at: usize) -> Vec<usize> {
        match self {
            Self::Classes(all) => all.get(at).iter().map(|class| **class as usize).collect(),
            Self::MultiHot { classes, values } => {
                let row = values.get(at * classes..(at + 1) * classes).unwrap_or_default();
                row.iter().enumerate().filter(|(_, label)| **label > 0.0).map(|(class, _)| class).collect()
            }
        }
    }

    /// Appends the labels of image `at` once more.
    pub(crate) fn repeat(&mut self, at: usize) {
        match self {
            Self::Classes(all) => all.extend(all.get(at).copied()),
            Self::MultiHot { classes, values } => {
                let row = at * *classes..(at + 1) * *classes;
                if row.end <= values.len() {
                    values.extend_from_within(row);
                }
            }
        }
    }

    /// The class of each image, where each has one.
    pub fn classes(&self) -> Option<&[i64]> {
        match self {
            Self::Classes(classes) => Some(classes),
            Self::MultiHot { .. } => None,
        }
    }
}

/// What one sample is labelled with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Label {
    Class(i64),
    MultiHot(Vec<f32>),
}

impl Target {
    /// Any single class: for callers that do not know the number of classes.
    pub const ANY_CLASS: Self = Self::Class { classes: MOST_CLASSES };

    /// A sample's labels in the form that is wanted.
    pub(crate) fn label(self, labels: &[f32], format: LabelFormat) -> Result<Label, LabelFault> {
        match self {
            Self::Class { classes } => {
                let &[label] = labels else {
                    return Err(LabelFault::Count { found: labels.len(), expected: None });
                };
                class_number(label, classes).map(|class| Label::Class(class as i64))
            }
            Self::MultiHot { classes } => multi_hot(labels, classes, format).map(Label::MultiHot),
        }
    }

    /// A batch's labels, all of the kind that [`Target::label`] makes.
    pub(crate) fn batch(self, labels: Vec<Label>) -> Labels {
        match self {
            Self::Class { .. } => Labels::Classes(
                labels
                    .into_iter()
                    .filter_map(|label| if let Label::Class(class) = label { Some(class) } else { None })
                    .collect(),
            ),
            Self::MultiHot { classes } => {
                let rows = labels
                    .into_iter()
                    .filter_map(|label| if let Label::MultiHot(row) = label { Some(row) } else { None });
                Labels::MultiHot { classes, values: rows.flatten().collect() }
            }
        }
    }
}

fn class_number(label: f32, classes: usize) -> Result<usize, LabelFault> {
    let last = classes.min(MOST_CLASSES).saturating_sub(1);
    // A label that is not a number fails both comparisons.
    if label >= 0.0 && label <= last as f32 && label.fract() == 0.0 {
        Ok(label as usize)
    } else {
        Err(LabelFault::Value { found: label, last: last as u64 })
    }
}

fn multi_hot(labels: &[f32], classes: usize, format: LabelFormat) -> Result<Vec<f32>, LabelFault> {
    match format {
        LabelFormat::MultiHot if labels.len() != classes => {
            Err(LabelFault::Count { found: labels.len(), expected: Some(classes) })
        }
        LabelFormat::MultiHot => match labels.iter().find(|&&label| label != 0.0 && label != 1.0) {
            Some(&found) => Err(LabelFault::Value { found, last: 1 }),
            None => Ok(labels.to_vec()),
        },
        LabelFormat::ClassId => {
            let mut row = vec![0.0; classes];
            for &label in labels {
                if let Some(cell) = row.get_mut(class_number(label, classes)?) {
                    *cell = 1.0;
                }
            }
            Ok(row)
        }
    }
}

/// Checks the labels of every sample against `target`, and counts the samples of each class. The error names the
/// first sample that is wrong.
///
/// # Errors
/// A label or a number of labels that `target` does not allow; a sample that cannot be read, unless such are skipped.
pub fn check(dataset: &Dataset, target: Target) -> Result<Vec<u64>, DataError> {
    let (Target::Class { classes } | Target::MultiHot { classes }) = target;
    let mut counts = vec![0; classes];
    for index in 0..dataset.source.len() {
        match read(dataset, index, target)? {
            None => {}
            Some(Label::Class(class)) => {
                counts.get_mut(class as usize).into_iter().for_each(|count| *count += 1);
            }
            Some(Label::MultiHot(row)) => {
                counts
                    .iter_mut()
                    .zip(row)
                    .filter(|(_, label)| *label > 0.0)
                    .for_each(|(count, _)| *count += 1);
            }
        }
    }
    Ok(counts)
}

/// The number of classes a dataset of one class per image implies: the names it carries, or the largest label plus
/// one if that is more.
pub fn count_classes(dataset: &Dataset) -> Result<usize, DataError> {
    let mut classes = dataset.class_names.as_ref().map_or(0, Vec::len);
    for index in 0..dataset.source.len() {
        if let Some(Label::Class(class)) = read(dataset, index, Target::ANY_CLASS)? {
            classes = classes.max(class as usize + 1);
        }
    }
    Ok(classes)
}

/// The label of one sample; `None` if it is damaged and left out.
fn read(dataset: &Dataset, index: usize, target: Target) -> Result<Option<Label>, DataError> {
    let labels = match dataset.source.labels(index) {
        Ok(labels) => labels,
        Err(error) => return dataset.skip(index, error).map(|()| None),
    };
    match target.label(&labels, dataset.label_format) {
        Ok(label) => Ok(Some(label)),
        Err(fault) => Err(fault.at(dataset.source.origin(index)?)),
    }
}

/// What is wrong with a sample's labels; becomes an error once the origin is known.
#[derive(Debug)]
pub(crate) enum LabelFault {
    Count { found: usize, expected: Option<usize> },
    Value { found: f32, last: u64 },
}

impl LabelFault {
    pub(crate) fn at(self, origin: Origin) -> DataError {
        match self {
            Self::Count { found, expected: None } => DataError::LabelCount { origin, found },
            Self::Count { found, expected: Some(expected) } => {
                DataError::LabelWidth { origin, found, expected }
            }
            Self::Value { found, last } => DataError::Label { origin, found, last },
        }
    }
}
