//! A channel opened with whatever can be read of it.

use super::fault::Fault;
use super::folders::known_classes;
use crate::channel::{Obstacle, open_past};
use crate::{ChannelFiles, Damage, DataError, Dataset, Options};

/// The samples that have a place in a channel, and what stands in the way of others.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) name: String,
    /// May hold no sample at all.
    pub(super) dataset: Dataset,
    pub(super) faults: Vec<Fault>,
}

impl Survey {
    /// Opens as training does, and where that gives up at the first fault collects all of them.
    ///
    /// # Errors
    /// As [`open`](crate::open), where there is nothing to collect.
    pub(super) fn open(files: &ChannelFiles, classes: Option<&[String]>) -> Result<Self, DataError> {
        let mut faults = Vec::new();
        let dataset = match collect(files, classes, &mut faults) {
            Err(DataError::UnknownClass { .. }) => {
                let all = collect(files, None, &mut faults)?;
                known_classes(all, classes.unwrap_or_default(), &mut faults)?
            }
            opened => opened?,
        };
        if dataset.source.is_empty() && faults.is_empty() {
            // Training says best what it looked for.
            crate::open(files, &Options::default())?;
        }
        Ok(Self { name: files.name.clone(), dataset, faults })
    }
}

fn collect(
    files: &ChannelFiles,
    classes: Option<&[String]>,
    faults: &mut Vec<Fault>,
) -> Result<Dataset, DataError> {
    let options = Options { classes, damage: Damage::Skip, ..Options::default() };
    open_past(files, &options, &mut |obstacle| {
        faults.push(match obstacle {
            Obstacle::Record(damaged) => Fault::of_record_file(damaged),
            Obstacle::Error(error) => Fault::of_opening(&files.name, &error),
        });
        Ok(())
    })
}
