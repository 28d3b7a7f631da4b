//! A job's channels, opened and checked before anything is trained.

use std::sync::Arc;

use brazier_data::{ChannelFiles, DataError, Dataset, Loader, labels, open};

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

    /// Checks every label of both.
    ///
    /// # Errors
    /// The first label outside `0..num_classes`.
    pub fn check_labels(&self, num_classes: usize) -> Result<(), DataError> {
        for dataset in std::iter::once(&self.train).chain(&self.validation) {
            labels::check(dataset, num_classes)?;
        }
        Ok(())
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
