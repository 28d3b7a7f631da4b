//! Labels: which classes there are, and which labels are none of them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::scan::Scanned;

/// Labels below this are exact as `f32`; see [`labels`](crate::labels).
const MOST_CLASSES: u64 = 1 << 24;

/// What a label has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scheme {
    /// Labels of each sample: one class number, or one 0 or 1 for each class.
    pub(super) width: usize,
    pub(super) num_classes: u64,
}

impl Scheme {
    /// What most of the training samples follow. `asked` goes before what labels and names imply.
    pub(super) fn of(train: &Scanned, names: usize, asked: Option<u64>) -> Self {
        let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
        let labels = || train.iter().filter_map(|sample| sample.labels.as_deref());
        labels().for_each(|labels| *widths.entry(labels.len()).or_default() += 1);
        // Of two equally frequent widths the smaller.
        let width = widths.iter().rev().max_by_key(|(_, count)| **count).map_or(1, |(width, _)| *width);
        let largest = || match width {
            1 => labels()
                .filter_map(|labels| class_number(labels, MOST_CLASSES))
                .max()
                .map_or(0, |last| last + 1),
            width => width as u64,
        };
        Self { width, num_classes: asked.unwrap_or_else(|| largest().max(names as u64)) }
    }

    /// The classes of a sample, or why its labels are wrong.
    pub(super) fn classes(&self, labels: &[f32]) -> Result<Vec<u64>, String> {
        if labels.len() != self.width {
            return Err(format!("found {} labels, expected {} as in most samples", labels.len(), self.width));
        }
        let last = self.num_classes.saturating_sub(1);
        if let &[label] = labels {
            return match class_number(labels, self.num_classes) {
                Some(class) => Ok(vec![class]),
                None if label.fract() != 0.0 => {
                    Err(format!("label {label} is no whole number, expected one from 0 to {last}"))
                }
                None => Err(format!("label {label} is out of range, expected 0 to {last}")),
            };
        }
        if self.width as u64 != self.num_classes {
            return Err(format!(
                "found {} labels, expected one for each of {} classes",
                self.width, self.num_classes
            ));
        }
        if let Some(wrong) = labels.iter().find(|label| ![0.0, 1.0].contains(*label)) {
            return Err(format!("found {wrong} among the labels, expected 0 or 1 for each class"));
        }
        Ok((0..).zip(labels).filter(|(_, label)| **label == 1.0).map(|(class, _)| class).collect())
    }
}

fn class_number(labels: &[f32], classes: u64) -> Option<u64> {
    let &[label] = labels else { return None };
    let last = classes.min(MOST_CLASSES).checked_sub(1)?;
    // A label that is not a number fails both comparisons.
    (label >= 0.0 && label <= last as f32 && label.fract() == 0.0).then_some(label as u64)
}

/// One class of a channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Class {
    /// Its number.
    pub label: u64,
    /// Its name, where the data tells it.
    pub name: Option<String>,
    /// Samples of the channel in it.
    pub samples: u64,
    /// Their part of all samples with a proper label, 0 to 1.
    pub share: f64,
}

/// How the samples are spread over the classes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Balance {
    pub(super) classes: Vec<Class>,
    /// First and last of each run of labels without a sample.
    pub(super) missing: Vec<(u64, u64)>,
    /// Largest class over smallest, of those with samples.
    pub(super) ratio: Option<f64>,
}

impl Balance {
    /// Of `samples` samples in all, from the number in each class.
    pub(super) fn of(counts: &BTreeMap<u64, u64>, samples: u64, names: &[String], num_classes: u64) -> Self {
        let mut labels: BTreeMap<u64, u64> = (0..names.len() as u64).map(|label| (label, 0)).collect();
        labels.extend(counts);
        let class = |(label, samples_in_it): (u64, u64)| Class {
            label,
            name: usize::try_from(label).ok().and_then(|label| names.get(label)).cloned(),
            samples: samples_in_it,
            share: if samples == 0 { 0.0 } else { samples_in_it as f64 / samples as f64 },
        };
        let classes = labels.into_iter().map(class).collect();
        let ratio = counts
            .values()
            .max()
            .zip(counts.values().min())
            .map(|(most, least)| *most as f64 / *least as f64);
        Self { classes, missing: gaps(counts.keys().copied(), num_classes), ratio }
    }
}

/// The runs of numbers below `end` that are not among the rising `numbers`.
fn gaps(numbers: impl Iterator<Item = u64>, end: u64) -> Vec<(u64, u64)> {
    let (mut expected, mut gaps) = (0, Vec::new());
    for number in numbers.filter(|number| *number < end).chain([end]) {
        if number > expected {
            gaps.push((expected, number - 1));
        }
        expected = number + 1;
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::gaps;

    #[test]
    fn gaps_are_runs_of_what_is_not_there() {
        assert_eq!(gaps([0, 1, 4, 9].into_iter(), 12), [(2, 3), (5, 8), (10, 11)]);
        assert_eq!(gaps([1].into_iter(), 2), [(0, 0)]);
        assert_eq!(gaps([].into_iter(), 3), [(0, 2)]);
        assert!(gaps([0, 1].into_iter(), 2).is_empty() && gaps([].into_iter(), 0).is_empty());
    }
}
