//! A report for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::report::{Channel, Class, Finding, Report};

/// Rows of the class table; more are summed up.
const CLASSES: usize = 30;

/// Sizes told of a channel.
const SIZES: usize = 5;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let validation = self.channels.validation.as_ref();
        describe(f, "train", &self.channels.train)?;
        if let Some(validation) = validation {
            describe(f, "validation", validation)?;
        }
        classes(f, &self.channels.train, validation)?;
        told(f, "errors", &self.errors)?;
        told(f, "warnings", &self.warnings)?;
        let verdict = if self.errors.is_empty() { "sound" } else { "not fit for training" };
        let (errors, warnings) = (self.errors.len(), self.warnings.len());
        let (samples, classes) = (self.num_training_samples, self.num_classes);
        write!(
            f,
            "{verdict}: {errors} kinds of errors, {warnings} of warnings; \
             num_training_samples={samples} num_classes={classes}"
        )
    }
}

fn describe(f: &mut fmt::Formatter<'_>, name: &str, channel: &Channel) -> fmt::Result {
    writeln!(f, "{name}: {}", channel.source)?;
    let tally = |counts: &BTreeMap<&str, u64>| {
        let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
        counts.join(", ")
    };
    writeln!(f, "  sound    {} of {} samples", channel.sound, channel.samples)?;
    if let Some(sizes) = &channel.sizes {
        writeln!(f, "  formats  {}", tally(&channel.formats))?;
        writeln!(f, "  colours  {}", tally(&channel.colors))?;
        let common = sizes.common.iter().take(SIZES);
        let common: Vec<String> =
            common.map(|size| format!("{}x{} {}", size.width, size.height, size.samples)).collect();
        let more = sizes.distinct.checked_sub(SIZES).filter(|more| *more > 0);
        let more = more.map(|more| format!(" and {more} other sizes")).unwrap_or_default();
        writeln!(f, "  sizes    {}{more} (width x height)", common.join(", "))?;
        for (side, spread) in [("width ", sizes.width), ("height", sizes.height)] {
            writeln!(f, "  {side}   {} to {}, median {}", spread.min, spread.max, spread.median)?;
        }
    }
    writeln!(f)
}

/// The classes of both channels side by side.
fn classes(f: &mut fmt::Formatter<'_>, train: &Channel, validation: Option<&Channel>) -> fmt::Result {
    let channels: Vec<(&str, &Channel)> = [("train", Some(train)), ("validation", validation)]
        .into_iter()
        .filter_map(|(name, channel)| channel.map(|channel| (name, channel)))
        .collect();
    let mut rows: BTreeMap<u64, Vec<Option<&Class>>> = BTreeMap::new();
    for (number, (_, channel)) in channels.iter().enumerate() {
        for class in &channel.classes {
            let row = rows.entry(class.label).or_insert_with(|| vec![None; channels.len()]);
            row[number] = Some(class);
        }
    }
    let name = |row: &[Option<&Class>]| row.iter().flatten().find_map(|class| class.name.clone());
    let wide = rows.values().filter_map(|row| name(row)).map(|name| name.chars().count()).max();
    let wide = wide.unwrap_or_default().clamp(4, 32);
    write!(f, "  class  {:<wide$}", "name")?;
    channels.iter().try_for_each(|(name, _)| write!(f, "  {name:>10}   share"))?;
    writeln!(f)?;
    for (label, row) in rows.iter().take(CLASSES) {
        write!(f, "  {label:>5}  {:<wide$}", name(row).unwrap_or_default())?;
        for class in row {
            let (samples, share) = class.map_or((0, 0.0), |class| (class.samples, class.share));
            write!(f, "  {samples:>10}  {:>4.1} %", share * 100.0)?;
        }
        writeln!(f)?;
    }
    if let Some(more) = rows.len().checked_sub(CLASSES).filter(|more| *more > 0) {
        writeln!(f, "  ... and {more} classes more")?;
    }
    for (name, channel) in &channels {
        let counts: BTreeSet<u64> = channel.classes.iter().map(|class| class.samples).collect();
        if let (Some(ratio), Some(most)) = (channel.imbalance, counts.last()) {
            let least = counts.iter().find(|count| **count > 0).unwrap_or(most);
            writeln!(f, "  {name}: smallest class {least}, largest {most}, ratio {ratio:.1}")?;
        }
    }
    writeln!(f)
}

fn told(f: &mut fmt::Formatter<'_>, title: &str, findings: &[Finding]) -> fmt::Result {
    if findings.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}")?;
    for Finding { channel, message, examples, more, .. } in findings {
        let place = channel.map(|channel| format!("{channel}: ")).unwrap_or_default();
        writeln!(f, "  {place}{message}")?;
        examples.iter().try_for_each(|example| writeln!(f, "    {example}"))?;
        if *more > 0 {
            writeln!(f, "    and {more} more; --json lists all")?;
        }
    }
    writeln!(f)
}
