//! What an audit found.

use std::collections::BTreeMap;

use serde::Serialize;

use super::classes::{Balance, Scheme};
use super::copies::{self, duplicates, leaks};
use super::scan::Scanned;
use super::sizes::tally;
use super::survey::Survey;
use super::{Options, findings};

pub use super::classes::Class;
pub use super::copies::{Copied, Duplicate, Identical, Leak};
pub use super::fault::{Fault, FaultKind};
pub use super::findings::Finding;
pub use super::sizes::{Common, Sizes, Spread};

/// What an audit found; the JSON is described in [`audit`](crate::audit).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The channels by what they are for.
    pub channels: Channels,
    /// The pictures that both channels hold.
    pub leaks: Vec<Leak>,
    /// Samples of the training channel that decode and have a proper label.
    pub num_training_samples: u64,
    /// As asked for, or as the training channel has it.
    pub num_classes: u64,
    /// What would make training fail, or its result wrong.
    pub errors: Vec<Finding>,
    /// What a user may want to change.
    pub warnings: Vec<Finding>,
}

/// The channels of a data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Channels {
    /// What is trained on.
    pub train: Channel,
    /// What is validated with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Channel>,
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Channel {
    /// Samples that have a place in it, bad ones included.
    pub samples: u64,
    /// Where they come from, in words.
    pub source: String,
    /// Samples that decode and have a proper label.
    pub sound: u64,
    /// The classes with a sample or a name.
    pub classes: Vec<Class>,
    /// First and last of each run of labels, below the number of classes, without a sample.
    pub missing_classes: Vec<(u64, u64)>,
    /// The largest class over the smallest, of those with samples.
    pub imbalance: Option<f64>,
    /// Images by encoding.
    pub formats: BTreeMap<&'static str, u64>,
    /// Images by content: `grey` where red, green and blue agree everywhere, else `color`.
    pub colors: BTreeMap<&'static str, u64>,
    /// `None` if no image decodes.
    pub sizes: Option<Sizes>,
    /// What cannot be read.
    pub damaged: Vec<Fault>,
    /// Samples whose labels are wrong.
    pub labels: Vec<BadLabel>,
    /// Pictures that are there more than once.
    pub duplicates: Vec<Duplicate>,
}

/// A sample whose labels are no class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BadLabel {
    /// Where it stands in the user's data.
    pub origin: String,
    /// Its labels; one that is not finite is null in JSON.
    pub labels: Vec<f32>,
    /// What is wrong with them.
    pub reason: String,
}

/// A channel as it was opened, with its samples examined.
pub(super) struct Examination {
    pub(super) survey: Survey,
    pub(super) scanned: Scanned,
}

impl Examination {
    fn samples(&self) -> copies::Channel<'_> {
        copies::Channel { dataset: &self.survey.dataset, scanned: &self.scanned }
    }

    /// What is told of the channel, measured by what the training channel sets.
    fn channel(self, scheme: &Scheme, names: &[String], options: &Options) -> Channel {
        let duplicates = duplicates(self.samples());
        let Survey { name, dataset, faults: mut damaged } = self.survey;
        let (mut labels, mut counts, mut labelled, mut sound) = (Vec::new(), BTreeMap::new(), 0, 0);
        for (index, sample) in self.scanned.iter().enumerate() {
            damaged.extend(sample.picture.as_ref().err().map(|fault| (**fault).clone()));
            let Some(given) = &sample.labels else { continue };
            match scheme.classes(given) {
                Ok(classes) => {
                    labelled += 1;
                    sound += u64::from(sample.picture.is_ok());
                    classes.into_iter().for_each(|class| *counts.entry(class).or_default() += 1);
                }
                Err(reason) => {
                    let origin = dataset.source.origin(index);
                    let origin =
                        origin.map_or_else(|_| format!("sample {index}"), |origin| origin.to_string());
                    labels.push(BadLabel { origin, labels: given.to_vec(), reason });
                }
            }
        }
        let pictures = || self.scanned.iter().filter_map(|sample| sample.picture.as_ref().ok());
        let Balance { classes, missing, ratio } = Balance::of(&counts, labelled, names, scheme.num_classes);
        Channel {
            samples: self.scanned.len() as u64,
            source: dataset.description.trim_start_matches(&format!("{name}: ")).to_owned(),
            sound,
            classes,
            missing_classes: missing,
            imbalance: ratio,
            formats: tally(pictures(), |picture| picture.format.name()),
            colors: tally(pictures(), |picture| if picture.grey { "grey" } else { "color" }),
            sizes: Sizes::of(pictures(), options.shape),
            damaged,
            labels,
            duplicates,
        }
    }
}

/// Joins what was found in the training channel and, if there is one, the validation channel.
pub(super) fn assemble(train: Examination, validation: Option<Examination>, options: &Options) -> Report {
    let names = train.survey.dataset.class_names.clone().unwrap_or_default();
    let scheme = Scheme::of(&train.scanned, names.len(), options.num_classes);
    let leaks =
        validation.as_ref().map_or_else(Vec::new, |validation| leaks(train.samples(), validation.samples()));
    let train = train.channel(&scheme, &names, options);
    let validation = validation.map(|validation| validation.channel(&scheme, &names, options));
    let mut report = Report {
        num_training_samples: train.sound,
        num_classes: scheme.num_classes,
        channels: Channels { train, validation },
        leaks,
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    (report.errors, report.warnings) = findings::judge(&report, &scheme, names.len());
    report
}
