//! Which of the things found are errors and which warnings, and what to do about each.
//!
//! An error makes training fail, or its result wrong. A leak is one: the validation score no longer says how good
//! the model is. So is a picture under two labels: one of them is wrong, and only the data's owner can say which.

use serde::Serialize;

use super::classes::Scheme;
use super::fault::FaultKind;
use super::report::{Channel, Report};

/// Examples kept of each finding; the report holds all.
const EXAMPLES: usize = 20;

/// Largest class over smallest from which a channel counts as imbalanced.
const IMBALANCED: f64 = 10.0;

/// Things of one kind that were found in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable name, such as `image` or `leak`.
    pub kind: &'static str,
    /// `train` or `validation`; `None` if it is about both.
    pub channel: Option<&'static str>,
    /// How many things.
    pub count: u64,
    /// What they are and what to do about them.
    pub message: String,
    /// The first 20 of them, where there is something to tell of each.
    #[serde(skip)]
    pub examples: Vec<String>,
    /// How many examples there are beyond those.
    #[serde(skip)]
    pub more: usize,
}

/// The name of each kind of damage, what it is in words, and what to do about it.
const DAMAGES: [(FaultKind, &str, (&str, &str)); 10] = [
    (FaultKind::Record, "record", ("damaged places in record files", "make the files again")),
    (
        FaultKind::List,
        "list",
        ("list lines that cannot be read", "expected index, label and path, separated by tabs"),
    ),
    (FaultKind::Missing, "missing", ("listed images that are not there", "add them or remove their lines")),
    (
        FaultKind::Outside,
        "outside",
        ("listed paths that leave the image folder", "expected paths relative to it"),
    ),
    (FaultKind::Empty, "empty", ("image files of no bytes", "replace them or leave them out")),
    (FaultKind::Image, "image", ("images that do not decode", "replace them or leave them out")),
    (FaultKind::Names, "names", ("files of class names that cannot be read", "expected one name a line")),
    (FaultKind::Class, "class", ("class folders that train does not have", "rename, move or remove them")),
    (
        FaultKind::Unreadable,
        "unreadable",
        ("files that the system does not let be read", "check their permissions"),
    ),
    (FaultKind::Other, "other", ("other faults", "training would stop at them")),
];

/// Errors and warnings of a report that has none yet.
pub(super) fn judge(report: &Report, scheme: &Scheme, names: usize) -> (Vec<Finding>, Vec<Finding>) {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let channels =
        [("train", Some(&report.channels.train)), ("validation", report.channels.validation.as_ref())];
    for (name, channel) in channels {
        let Some(channel) = channel else { continue };
        let of = Some(name);
        errors.extend(damages(of, channel));
        errors.extend(wrong_labels(of, channel));
        errors.extend(conflicts(of, channel));
        errors.extend(no_samples(of, channel));
        warnings.extend(copies(of, channel));
        warnings.extend(balance(of, channel));
        warnings.extend(small(of, channel));
    }
    errors.extend(leaks(report));
    errors.extend(too_few_classes(report));
    warnings.extend(naming(report, names));
    warnings.extend(several_labels(scheme));
    (errors, warnings)
}

/// A finding of `count` things, what they are and what to do about them; none of no things.
fn finding(
    kind: &'static str,
    channel: Option<&'static str>,
    count: usize,
    (what, advice): (&str, &str),
    mut examples: impl Iterator<Item = String>,
) -> Option<Finding> {
    let first = examples.by_ref().take(EXAMPLES).collect();
    let finding = || Finding {
        kind,
        channel,
        count: count as u64,
        message: format!("{what}: {count}; {advice}"),
        examples: first,
        more: examples.count(),
    };
    (count > 0).then(finding)
}

/// A finding about a channel or data set as a whole.
fn fact(
    kind: &'static str,
    channel: Option<&'static str>,
    holds: bool,
    message: impl FnOnce() -> String,
) -> Option<Finding> {
    let finding = || Finding { kind, channel, count: 1, message: message(), examples: Vec::new(), more: 0 };
    holds.then(finding)
}

fn damages(of: Option<&'static str>, channel: &Channel) -> Vec<Finding> {
    let damage = |(kind, name, what): (FaultKind, &'static str, (&str, &str))| {
        let faults = || channel.damaged.iter().filter(move |fault| fault.kind == kind);
        let examples = faults().map(|fault| format!("{}: {}", fault.origin, fault.reason));
        finding(name, of, faults().count(), what, examples)
    };
    DAMAGES.into_iter().filter_map(damage).collect()
}

fn wrong_labels(of: Option<&'static str>, channel: &Channel) -> Option<Finding> {
    let examples = channel.labels.iter().map(|bad| format!("{}: {}", bad.origin, bad.reason));
    let message = ("samples with a wrong label", "correct it, or give the right number of classes");
    finding("label", of, channel.labels.len(), message, examples)
}

fn conflicts(of: Option<&'static str>, channel: &Channel) -> Option<Finding> {
    let groups = || channel.duplicates.iter().filter(|group| group.conflict);
    let examples = groups().map(|group| listed(&group.copies));
    let message = ("images that stand under different labels", "keep the right one of each");
    finding("conflict", of, groups().count(), message, examples)
}

fn no_samples(of: Option<&'static str>, channel: &Channel) -> Option<Finding> {
    fact("no_samples", of, channel.sound == 0, || "not a single sample is sound".to_owned())
}

fn copies(of: Option<&'static str>, channel: &Channel) -> Option<Finding> {
    let groups = || channel.duplicates.iter().filter(|group| !group.conflict);
    let examples = groups().map(|group| listed(&group.copies));
    let message = ("images that are there more than once", "they count double in training and in scores");
    finding("duplicate", of, groups().count(), message, examples)
}

fn balance(of: Option<&'static str>, channel: &Channel) -> Vec<Finding> {
    let missing = channel.missing_classes.iter().map(|(first, last)| last - first + 1).sum::<u64>();
    let runs = channel.missing_classes.iter().map(|(first, last)| match first == last {
        true => format!("class {first}"),
        false => format!("classes {first} to {last}"),
    });
    let message = ("classes without a sample", "add samples, or number the classes without gaps");
    let missing = finding("missing_class", of, usize::try_from(missing).unwrap_or(usize::MAX), message, runs);
    let ratio = channel.imbalance.unwrap_or(1.0);
    let skewed = fact("imbalance", of, ratio >= IMBALANCED, || {
        format!(
            "the largest class has {ratio:.1} times the samples of the smallest: rare classes are learnt badly"
        )
    });
    [missing, skewed].into_iter().flatten().collect()
}

fn small(of: Option<&'static str>, channel: &Channel) -> Option<Finding> {
    let sizes = channel.sizes.as_ref()?;
    let (width, height) = sizes.smaller_than?;
    let what = format!("images smaller than {width} x {height}");
    let message = (what.as_str(), "they are enlarged, which adds nothing");
    finding("small", of, usize::try_from(sizes.smaller).unwrap_or(usize::MAX), message, std::iter::empty())
}

fn leaks(report: &Report) -> Option<Finding> {
    let examples = report.leaks.iter().map(|leak| {
        let conflict = if leak.conflict { ", under different labels" } else { "" };
        format!("train {} = validation {}{conflict}", listed(&leak.train), listed(&leak.validation))
    });
    let message = ("images in train and in validation", "remove them from one, or the score means little");
    finding("leak", None, report.leaks.len(), message, examples)
}

fn too_few_classes(report: &Report) -> Option<Finding> {
    let classes = report.num_classes;
    fact("num_classes", None, classes < 2, || format!("num_classes is {classes}: expected 2 or more"))
}

fn naming(report: &Report, names: usize) -> Option<Finding> {
    let classes = report.num_classes;
    fact("class_names", None, names > 0 && names as u64 != classes, || {
        format!(
            "the data names {names} classes, but there are {classes}: the model will not know their names"
        )
    })
}

fn several_labels(scheme: &Scheme) -> Option<Finding> {
    let width = scheme.width;
    fact("multi_label", None, width > 1, || format!("{width} labels a sample: training needs multi_label=1"))
}

/// Up to three copies with their labels.
fn listed(copies: &[super::report::Copied]) -> String {
    let mut told: Vec<String> = copies
        .iter()
        .take(3)
        .map(|copy| {
            let labels: Vec<String> = copy.labels.iter().map(ToString::to_string).collect();
            format!("{} [{}]", copy.origin, labels.join(" "))
        })
        .collect();
    if copies.len() > 3 {
        told.push(format!("and {} more", copies.len() - 3));
    }
    told.join(", ")
}
