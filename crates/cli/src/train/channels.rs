//! A job's channels, opened and checked before anything is trained.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use brazier_data::{
    Access, ChannelFiles, Damage, DataError, Dataset, Feed, LabelFormat, Loader, Options, Stream, Target,
    images, labels, open,
};
use brazier_image::Limits;
use brazier_sagemaker::channels::{self, Channel, Distribution, InputMode};
use brazier_sagemaker::hyperparameters::{DamagedSamples, Hyperparameters};

use serde::{Deserialize, Serialize};

use crate::fault::client;

/// Images of each channel decoded before training.
const LOOKED_AT: usize = 64;

/// Classes told one by one; more are summed up.
const TOLD: usize = 20;

/// The samples of a job, and how they are read.
pub struct Datasets {
    /// The channel `train`.
    pub train: Feed,
    /// The channel `validation`.
    pub validation: Option<Feed>,
    target: Target,
    limits: Limits,
    /// Of `train` and `validation` every host holds another part.
    sharded: [bool; 2],
}

impl Datasets {
    /// The samples of the job of `read`.
    pub fn new(train: Feed, validation: Option<Feed>, read: &Hyperparameters) -> Self {
        let limits = read.image_limits;
        Datasets {
            train,
            validation,
            sharded: [false; 2],
            target: match read.multi_label {
                true => Target::MultiHot { classes: read.num_classes },
                false => Target::Class { classes: read.num_classes },
            },
            limits: Limits {
                max_pixels: limits.pixels,
                max_bytes: limits.bytes,
                max_allocation: limits.allocation,
            },
        }
    }

    /// The same in the parts that each host of `inputs` holds.
    #[must_use]
    pub fn sharded(self, inputs: &[Channel]) -> Self {
        let sharded = distributions(inputs).map(|one| one == Distribution::ShardedByS3Key);
        Datasets { sharded, ..self }
    }

    /// One line for each channel.
    pub fn descriptions(&self) -> impl Iterator<Item = String> {
        std::iter::once(&self.train).chain(&self.validation).map(Feed::description)
    }

    /// Checks every label of both and decodes some of the images, so that what is wrong all over is found before an
    /// epoch is trained. Answers the training images of each class. What is streamed is checked as it comes.
    ///
    /// # Errors
    /// The first label outside `0..num_classes`, or an image that cannot be read.
    pub fn check(&self) -> Result<Option<ClassCounts>, DataError> {
        let check = |dataset: &Dataset| {
            let counts = labels::check(dataset, self.target)?;
            images::check(dataset, LOOKED_AT, &self.limits)?;
            Ok(counts)
        };
        let counts = self.train.dataset().map(|train| {
            let (counts, images) = (check(train)?, train.source.len() as u64);
            Ok(ClassCounts { counts, images, names: train.class_names.clone() })
        });
        let counts = counts.transpose()?;
        if let Some(validation) = self.validation.as_ref().and_then(Feed::dataset) {
            check(validation)?;
        }
        Ok(counts)
    }

    /// What the log should say of damaged samples found so far.
    pub fn news(&self) -> impl Iterator<Item = String> {
        let feeds = std::iter::once(&self.train).chain(&self.validation);
        feeds.filter_map(|feed| Some(format!("{}: {}", feed.description(), feed.dataset()?.skipped.news()?)))
    }

    /// The class names that the training channel tells, however many they are.
    pub fn told_names(&self) -> Option<&[String]> {
        self.train.dataset()?.class_names.as_deref()
    }

    /// The class names, unless they are fewer than the classes.
    pub fn class_names(&self, num_classes: usize) -> Option<Vec<String>> {
        self.train.dataset()?.class_names.clone().filter(|names| names.len() == num_classes)
    }

    /// Loaders with `threads` decoding threads each, for the `ranks` of this host together; the two never work at the same time.
    ///
    /// # Errors
    /// Threads that the system refuses.
    pub fn loaders(&self, threads: usize, ranks: usize) -> Result<(Loader, Option<Loader>), DataError> {
        let loader = |(feed, sharded): (&Feed, bool)| {
            let loader = Loader::new(feed.clone(), threads)?;
            let loader = loader.with_target(self.target).with_limits(self.limits).with_ranks(ranks);
            Ok(if sharded { loader.with_shards() } else { loader })
        };
        let [train, validation] = self.sharded;
        let validation = self.validation.as_ref().map(|feed| loader((feed, validation)));
        Ok((loader((&self.train, train))?, validation.transpose()?))
    }
}

/// Opens the channel `name` of a container's job, in the mode in which the platform brings it. `train` is the training
/// channel when another one is opened. Waiting for a pipe ends when `stop` is set.
///
/// # Errors
/// A channel that the job does not have, or that is empty or damaged.
pub fn open_channel(
    inputs: &[Channel],
    name: &str,
    train: Option<&Feed>,
    read: &Hyperparameters,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Feed> {
    let channel = find(inputs, name)?;
    if channel.input_mode == InputMode::Pipe {
        let mut stream = Stream::new(name, channel.path.clone(), Arc::clone(stop));
        stream.label_format = label_format(channel)?;
        stream.damage = damage(read.damaged_samples);
        return Ok(Feed::Streamed(Arc::new(stream)));
    }
    let files = ChannelFiles {
        name: name.into(),
        directory: channel.path.clone(),
        list_directory: list_channel(inputs, name).map(|list| list.path.clone()),
    };
    let options = Options {
        classes: train.and_then(Feed::dataset).and_then(|train| train.class_names.as_deref()),
        label_format: label_format(channel)?,
        damage: damage(read.damaged_samples),
        access: if channel.input_mode == InputMode::FastFile { Access::Positioned } else { Access::Mapped },
    };
    Ok(Feed::Indexed(Arc::new(open(&files, &options)?)))
}

/// Whether every host holds all of the channels `train` and `validation`, or another part of them.
pub fn distributions(inputs: &[Channel]) -> [Distribution; 2] {
    ["train", "validation"].map(|name| {
        channels::find(inputs, name).map_or(Distribution::FullyReplicated, |channel| channel.distribution)
    })
}

/// The folder of a channel in which data files are searched, and the ending they are searched by; none for a pipe.
pub fn searched(inputs: &[Channel], name: &str) -> Option<(PathBuf, &'static str)> {
    let channel = channels::find(inputs, name).filter(|channel| channel.input_mode != InputMode::Pipe)?;
    let list = list_channel(inputs, name);
    Some((list.unwrap_or(channel).path.clone(), if list.is_some() { "lst" } else { "rec" }))
}

fn list_channel<'a>(inputs: &'a [Channel], name: &str) -> Option<&'a Channel> {
    channels::find(inputs, &format!("{name}_lst"))
}

fn find<'a>(inputs: &'a [Channel], name: &str) -> anyhow::Result<&'a Channel> {
    channels::find(inputs, name).ok_or_else(|| {
        let found: Vec<&str> = inputs.iter().map(|channel| channel.name.as_str()).collect();
        let found = if found.is_empty() { "none".into() } else { found.join(", ") };
        client(format!("channel '{name}' is missing: the job's channels are {found}"))
    })
}

fn damage(asked: DamagedSamples) -> Damage {
    match asked {
        DamagedSamples::Fail => Damage::Fail,
        DamagedSamples::Skip => Damage::Skip,
    }
}

/// What the content type says of lists of labels, as in `application/x-recordio; label-format=class-id`.
fn label_format(channel: &Channel) -> anyhow::Result<LabelFormat> {
    let parameters = channel.content_type.as_ref().map(|content_type| &content_type.parameters);
    match parameters.and_then(|parameters| parameters.get("label-format")).map(String::as_str) {
        None | Some("multi-hot") => Ok(LabelFormat::MultiHot),
        Some("class-id") => Ok(LabelFormat::ClassId),
        Some(other) => Err(client(format!(
            "channel '{}': label-format={other} in its content type, expected multi-hot or class-id",
            channel.name
        ))),
    }
}

/// Training images of each class, in the order of the labels. Displays on one line.
#[derive(Clone, Serialize, Deserialize)]
pub struct ClassCounts {
    counts: Vec<u64>,
    /// Of all classes.
    images: u64,
    names: Option<Vec<String>>,
}

impl ClassCounts {
    /// With those of another part of the channel.
    #[must_use]
    pub fn with(mut self, other: &ClassCounts) -> Self {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.images += other.images;
        self
    }

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

    /// What the loss of each class counts where an image has it, so that over the channel images with the class weigh
    /// as much as those without: `(images - of the class) / of the class`, from a hundredth to a hundred. How the
    /// replaced algorithm balances them is not documented.
    pub fn positive_weights(&self) -> Vec<f32> {
        let weight = |of_class: u64| match of_class {
            0 => 1.0,
            _ => self.images.saturating_sub(of_class) as f64 / of_class as f64,
        };
        self.counts.iter().map(|&of_class| weight(of_class).clamp(0.01, 100.0) as f32).collect()
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
