//! What a run leaves for people and programs beside the model: `report.json`, and `report.html`, a page without outside
//! resources. Both are written anew after each epoch, so that a run that is cut off leaves them too.

mod chart;
mod json;
mod page;
mod shared;

use std::sync::Arc;

use brazier_checkpoint::commit;
use serde::{Deserialize, Serialize};

use crate::checkpoint::tensors::Bytes;
use crate::report::{Trained, Validation};
use crate::tally::Tally;
use crate::{Job, TrainError};

/// The file for programs.
pub const JSON_FILE: &str = "report.json";

/// The page for people.
pub const PAGE_FILE: &str = "report.html";

/// Classes told in the log; of more, the worst.
const TOLD: usize = 20;

/// Pairs of classes told in the log as often confused.
const TOLD_PAIRS: usize = 5;

/// A run so far.
pub struct Summary<'a> {
    job: &'a Job,
    past: Past,
}

/// What has happened.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Past {
    epochs: Vec<Epoch>,
    /// Of the last validation.
    last: Option<Judged>,
    /// Of the weights that stay.
    kept: Option<Judged>,
}

impl Past {
    /// Whether its counts are of so many classes.
    pub fn is_of(&self, classes: usize) -> bool {
        let all = [&self.last, &self.kept];
        all.into_iter().flatten().all(|judged| judged.tally.is_of(classes))
    }

    /// The pictures of the mistakes by name, which are not part of its text.
    pub fn pictures(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let named = [("last", &self.last), ("kept", &self.kept)];
        named
            .into_iter()
            .filter_map(|(name, judged)| Some((section(name), judged.as_ref()?.tally.pictures())))
    }

    /// Gives the mistakes their pictures again, from all sections of a checkpoint.
    pub fn set_pictures(&mut self, sections: &Bytes, shape: [usize; 3]) {
        for (name, judged) in [("last", &mut self.last), ("kept", &mut self.kept)] {
            if let (Some(judged), Some(pictures)) = (judged, sections.get(&section(name))) {
                Arc::make_mut(&mut judged.tally).set_pictures(pictures, shape);
            }
        }
    }
}

fn section(name: &str) -> String {
    format!("pictures/{name}")
}

/// An epoch's figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Epoch {
    trained: Trained,
    validation: Option<Validation>,
}

/// What the validation channel said of an epoch's weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Judged {
    validation: Validation,
    /// Of a thousand classes a million cells, which a checkpoint takes along.
    #[serde(with = "shared")]
    tally: Arc<Tally>,
}

impl<'a> Summary<'a> {
    /// Of a run that has not begun.
    pub fn new(job: &'a Job) -> Self {
        Summary { job, past: Past::default() }
    }

    /// What has happened so far.
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// Goes on from what happened before.
    pub fn set_past(&mut self, past: Past) {
        self.past = past;
    }

    /// An epoch was trained.
    pub fn trained(&mut self, trained: &Trained) {
        self.past.epochs.push(Epoch { trained: *trained, validation: None });
    }

    /// The epoch trained last was judged.
    pub fn validated(&mut self, validation: &Validation, tally: Tally) {
        if let Some(epoch) = self.past.epochs.last_mut() {
            epoch.validation = Some(*validation);
        }
        self.past.last = Some(Judged { validation: *validation, tally: Arc::new(tally) });
    }

    /// The weights move again: what was said of them no longer holds.
    pub fn forget(&mut self) {
        self.past.last = None;
    }

    /// The weights after 0-based `epoch` stay.
    pub fn keep(&mut self, epoch: usize) {
        self.past.kept = self.past.last.clone().filter(|judged| judged.validation.epoch == epoch);
    }

    /// Writes both files, if the job wants them.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self) -> Result<(), TrainError> {
        let Some(folder) = &self.job.report_directory else { return Ok(()) };
        commit::write(&folder.join(JSON_FILE), |out| json::write(self, out))?;
        commit::write(&folder.join(PAGE_FILE), |out| out.write_all(page::page(self).as_bytes()))?;
        Ok(())
    }

    /// How well the weights that stay tell the classes apart, if there is a validation channel, and where the page is.
    pub fn lines(&self) -> Vec<String> {
        let page = self.job.report_directory.as_ref().map(|folder| folder.join(PAGE_FILE));
        let page = page.map(|page| format!("Report: {}", page.display()));
        self.past.kept.iter().flat_map(|judged| self.of_classes(&judged.tally)).chain(page).collect()
    }

    /// Precision, recall and F1 of the classes, and which are confused.
    fn of_classes(&self, tally: &Tally) -> Vec<String> {
        let (classes, mean) = (tally.worst_classes(), tally.mean_quality());
        let line = |&class: &usize| {
            let (quality, images) = (tally.quality(class), tally.actual[class]);
            let name = self.name(class);
            format!(
                "Class {name}: precision {:.4}, recall {:.4}, F1 {:.4}, {images} images",
                quality.precision, quality.recall, quality.f1
            )
        };
        let mut lines: Vec<String> = classes.iter().take(TOLD).map(line).collect();
        if let Some(more) = classes.len().checked_sub(TOLD).filter(|&more| more > 0) {
            lines.push(format!("{more} more classes, none of them worse."));
        }
        lines.push(format!(
            "All classes alike: precision {:.4}, recall {:.4}, F1 {:.4}",
            mean.precision, mean.recall, mean.f1
        ));
        let pairs: Vec<String> = tally
            .confusions()
            .into_iter()
            .take(TOLD_PAIRS)
            .map(|(actual, taken, count)| {
                format!("{} for {} {count} times", self.name(actual), self.name(taken))
            })
            .collect();
        if !pairs.is_empty() {
            lines.push(format!("Most often taken: {}.", pairs.join(", ")));
        }
        lines
    }

    /// The name of a class, or its number.
    fn name(&self, class: usize) -> String {
        let names = self.job.class_names.as_ref();
        names.and_then(|names| names.get(class)).cloned().unwrap_or_else(|| class.to_string())
    }
}
