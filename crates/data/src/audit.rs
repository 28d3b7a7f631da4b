//! A data set examined before it is trained on: every image decoded, every label checked, all faults collected.
//!
//! - `survey`: a channel opened with whatever can be read of it; `folders` goes on where [`open`](crate::open) gives
//!   up; `fault`: what they meet
//! - `scan`: each sample read, hashed and decoded, on all cores
//! - `classes`, `sizes`, `copies`: what the samples of a channel have in common
//! - `findings`: which of it is an error and which a warning; [`report`]: the result; `text`: the result for people
//!
//! # JSON
//!
//! A [`Report`] serialises as one object. Its names are stable; more may come.
//!
//! ```text
//! { "channels": { "train": CHANNEL, "validation": CHANNEL, if there is one },
//!   "leaks": [{ "identical": "bytes" | "pixels", "sha256", "conflict", "train": [COPY], "validation": [COPY] }],
//!   "num_training_samples": samples of train that decode and have a proper label,
//!   "num_classes": as asked for, or the largest label + 1, or the number of class names if that is more,
//!   "errors": [FINDING], "warnings": [FINDING] }
//!
//! CHANNEL: { "samples", "source": where they come from, in words, "sound": samples that decode and have a proper label,
//!   "classes": [{ "label", "name" or null, "samples", "share": 0..1 }] those with a sample or a name,
//!   "missing_classes": [[first, last]] runs of labels below num_classes without a sample,
//!   "imbalance": largest over smallest class, null without classes,
//!   "formats": { "png": samples }, "colors": { "grey" | "color": samples } by content,
//!   "sizes": null without images, else { "width": { "min", "median", "max" }, "height": the same, "distinct",
//!     "common": [{ "width", "height", "samples" }] at most 100, "smaller_than": [width, height] or null, "smaller" },
//!   "damaged": [{ "kind": "record" | "list" | "missing" | "outside" | "empty" | "image" | "names" | "class" |
//!     "unreadable" | "other", "origin", "reason" }],
//!   "labels": [{ "origin", "labels", "reason" }] the wrong ones,
//!   "duplicates": [{ "identical", "sha256", "conflict", "copies": [COPY] }] }
//! COPY: { "origin", "labels" }; "sha256" is that of the first copy's encoded bytes
//! FINDING: { "kind", "channel" or null, "count", "message" }
//! ```

use brazier_image::{InputShape, Limits};

use crate::{ChannelFiles, DataError};

mod classes;
mod copies;
mod fault;
mod findings;
mod folders;
pub mod report;
mod scan;
mod sizes;
mod survey;
mod text;

use report::Examination;
pub use report::Report;
use survey::Survey;

/// What is expected of a data set.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Labels run from 0 to this less one. `None` takes it from the training channel.
    pub num_classes: Option<u64>,
    /// The network's input: smaller images are counted. `None` takes 224 x 224, unless all images have one size.
    pub shape: Option<InputShape>,
    /// What one image may cost.
    pub limits: Limits,
}

/// The channels of a data set, opened.
#[derive(Debug)]
pub struct Audit {
    train: Survey,
    validation: Option<Survey>,
}

impl Audit {
    /// Opens the channels. Damaged files, bad lists and missing images do not stop it: they go into the report.
    ///
    /// # Errors
    /// A directory that is not there, cannot be listed, or holds no samples at all.
    pub fn open(train: &ChannelFiles, validation: Option<&ChannelFiles>) -> Result<Self, DataError> {
        let train = Survey::open(train, None)?;
        let names = train.dataset.class_names.as_deref();
        let validation = validation.map(|files| Survey::open(files, names)).transpose()?;
        Ok(Self { train, validation })
    }

    /// The number of samples to be examined.
    pub fn samples(&self) -> usize {
        self.surveys().map(|survey| survey.dataset.source.len()).sum()
    }

    /// Examines every sample on all cores; `examined` is called after each, from any thread.
    ///
    /// The memory it takes is about 150 bytes a sample, and what [`Options::limits`] allow on each core.
    pub fn run(self, options: &Options, examined: &(dyn Fn() + Sync)) -> Report {
        let examine = |survey: Survey| {
            let scanned = scan::scan(&survey.dataset, &options.limits, examined);
            Examination { survey, scanned }
        };
        let (train, validation) = (examine(self.train), self.validation.map(examine));
        report::assemble(train, validation, options)
    }

    fn surveys(&self) -> impl Iterator<Item = &Survey> {
        [Some(&self.train), self.validation.as_ref()].into_iter().flatten()
    }
}
