//! A job's channels, opened and checked before anything is trained.

use std::fmt;
use std::sync::Arc;

use brazier_data::{ChannelFiles, DataError, Dataset, Loader, images, labels, open};
use brazier_image::Limits;

/// Images of each channel decoded before training.
const LOOKED_AT: usize = 64;

/// Classes told one by one; more are summed up.
const TOLD: usize = 20;

/// The samples of a job.
pub struct Datasets {
    /// The channel `train`.
    pub train: Arc<Dataset>,
    /// The channel `validation`.
    pub validation: Option<Arc<Dataset>>,
}

impl Datasets {
    /// Opens both channels; class folders of the second are numbered as in the first.
    ///
    /// # Errors
    /// A channel that is missing, empty or damaged.
    pub fn open(train: &ChannelFiles, validation: Option<&ChannelFiles>) -> Result<Self, DataError> {
        let train = open(train, None)?;
        let validation = validation.map(|files| open(files, train.class_names.as_deref())).transpose()?;
        Ok(Datasets { train: Arc::new(train), validation: validation.map(Arc::new) })
    }

    /// Checks every label of both and decodes some of the images, so that what is wrong all over is found before an
    /// epoch is trained. Answers the training images of each class.
    ///
    /// # Errors
    /// The first label outside `0..num_classes`, or an image that cannot be read.
    pub fn check(&self, num_classes: usize) -> Result<ClassCounts, DataError> {
        let counts = labels::check(&self.train, num_classes)?;
        images::check(&self.train, LOOKED_AT, &Limits::default())?;
        if let Some(validation) = &self.validation {
            labels::check(validation, num_classes)?;
            images::check(validation, LOOKED_AT, &Limits::default())?;
        }
        Ok(ClassCounts { counts, names: self.train.class_names.clone() })
    }

    /// The class names, unless they are fewer than the classes.
    pub fn class_names(&self, num_classes: usize) -> Option<Vec<String>> {
        self.train.class_names.clone().filter(|names| names.len() == num_classes)
    }

    /// Loaders with `threads` decoding threads each; the two never work at the same time.
    ///
    /// # Errors
    /// Threads that the system refuses.
    pub fn loaders(&self, threads: usize) -> Result<(Loader, Option<Loader>), DataError> {
        let train = Loader::new(Arc::clone(&self.train), threads)?;
        let validation =
            self.validation.as_ref().map(|dataset| Loader::new(Arc::clone(dataset), threads)).transpose()?;
        Ok((train, validation))
    }
}

/// Training images of each class, in the order of the labels. Displays on one line.
pub struct ClassCounts {
    counts: Vec<u64>,
    names: Option<Vec<String>>,
}

impl ClassCounts {
    /// What a user may want to change: classes without images, names that do not fit.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let classes = self.counts.len();
        let empty = self.counts.iter().filter(|&&count| count == 0).count();
        if empty > 0 {
            warnings.push(format!("{empty} of {classes} classes have no training image."));
        }
        if let Some(names) = self.names.as_ref().filter(|names| names.len() != classes) {
            let found = names.len();
            warnings.push(format!("The data names {found} classes, num_classes is {classes}: the model will not know their names."));
        }
        warnings
    }

    fn name(&self, class: usize) -> String {
        let name = self.names.as_ref().and_then(|names| names.get(class));
        name.cloned().unwrap_or_else(|| class.to_string())
    }
}

impl fmt::Display for ClassCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("train images per class: ")?;
        for (class, count) in self.counts.iter().enumerate().take(TOLD) {
            let separator = if class == 0 { "" } else { ", " };
            write!(f, "{separator}{} {count}", self.name(class))?;
        }
        match self.counts.len().checked_sub(TOLD) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, " and {more} more"),
        }
    }
}
