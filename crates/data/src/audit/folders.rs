//! Class folders of a further channel, some of which the training channel does not have.

use std::borrow::Cow;

use super::fault::{Fault, FaultKind};
use crate::{DataError, Dataset, Origin, Sample, Source};

/// The samples whose class folder is one of `classes`, numbered as there; each other folder is a fault.
pub(super) fn known_classes(
    dataset: Dataset,
    classes: &[String],
    faults: &mut Vec<Fault>,
) -> Result<Dataset, DataError> {
    let folders = dataset.class_names.unwrap_or_default();
    let mut strangers = vec![0_u64; folders.len()];
    let mut picked = Vec::new();
    for index in 0..dataset.source.len() {
        let label = dataset.source.labels(index)?.first().map_or(usize::MAX, |label| *label as usize);
        match folders.get(label).and_then(|folder| classes.iter().position(|class| class == folder)) {
            Some(class) => picked.push((index, [class as f32])),
            None => strangers.get_mut(label).into_iter().for_each(|count| *count += 1),
        }
    }
    for (folder, count) in folders.into_iter().zip(strangers).filter(|(_, count)| *count > 0) {
        let known = classes.join(", ");
        let reason = format!(
            "no class of the training channel, whose classes are {known}; its {count} images were not examined"
        );
        faults.push(Fault { kind: FaultKind::Class, origin: format!("{folder}/"), reason });
    }
    let source = Box::new(Picked { inner: dataset.source, picked });
    Ok(Dataset { class_names: Some(classes.to_vec()), ..Dataset::new(source, dataset.description) })
}

/// Some samples of another source, with labels of their own.
#[derive(Debug)]
struct Picked {
    inner: Box<dyn Source>,
    picked: Vec<(usize, [f32; 1])>,
}

impl Picked {
    fn at(&self, index: usize) -> Result<&(usize, [f32; 1]), DataError> {
        self.picked.get(index).ok_or(DataError::Index { index, len: self.picked.len() })
    }
}

impl Source for Picked {
    fn len(&self) -> usize {
        self.picked.len()
    }

    fn read(&self, index: usize) -> Result<Sample<'_>, DataError> {
        let (inner, label) = self.at(index)?;
        let sample = self.inner.read(*inner)?;
        Ok(Sample { labels: label.as_slice().into(), ..sample })
    }

    fn labels(&self, index: usize) -> Result<Cow<'_, [f32]>, DataError> {
        Ok(self.at(index)?.1.as_slice().into())
    }

    fn origin(&self, index: usize) -> Result<Origin, DataError> {
        self.inner.origin(self.at(index)?.0)
    }
}
