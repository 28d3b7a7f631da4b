//! The run as JSON. What is no number is null.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{Epoch, Judged, Summary};
use crate::report::speed;
use crate::tally::{Mistake, Quality};

/// Version of the file's layout.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    brazier_version: &'static str,
    class_names: Option<&'a [String]>,
    hyperparameters: &'a BTreeMap<String, String>,
    epochs: Vec<EpochRow>,
    /// Of the weights that stay.
    validation: Option<Validation<'a>>,
}

#[derive(Serialize)]
struct EpochRow {
    epoch: usize,
    train_loss: f64,
    train_accuracy: f64,
    learning_rate: f64,
    images_per_second: f64,
    data_wait_percent: f64,
    seconds: f64,
    validation_loss: Option<f64>,
    validation_accuracy: Option<f64>,
    validation_macro_f1: Option<f64>,
    validation_seconds: Option<f64>,
}

#[derive(Serialize)]
struct Validation<'a> {
    epoch: usize,
    images: usize,
    accuracy: f64,
    loss: f64,
    macro_precision: f64,
    macro_recall: f64,
    macro_f1: f64,
    /// Those that an image has or was said to have: of a million classes most have none.
    classes: Vec<Class>,
    /// A row for each class, a column for each answer.
    confusion: Option<Vec<&'a [u64]>>,
    mistakes: Vec<MistakeRow<'a>>,
}

#[derive(Serialize)]
struct Class {
    class: usize,
    name: String,
    images: u64,
    predicted: u64,
    right: u64,
    precision: f64,
    recall: f64,
    f1: f64,
}

#[derive(Serialize)]
struct MistakeRow<'a> {
    image: &'a str,
    actual: &'a [usize],
    predicted: &'a [usize],
    probability: f64,
    loss: f64,
}

/// Writes the text of `report.json`.
pub(super) fn write(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let report = Report {
        schema: SCHEMA,
        brazier_version: env!("CARGO_PKG_VERSION"),
        class_names: summary.job.class_names.as_deref(),
        hyperparameters: &summary.job.hyperparameters,
        epochs: summary.past.epochs.iter().map(epoch).collect(),
        validation: summary.past.kept.as_ref().map(|judged| validation(summary, judged)),
    };
    serde_json::to_writer(&mut *out, &report)?;
    out.write_all(b"\n")
}

fn epoch(Epoch { trained, validation }: &Epoch) -> EpochRow {
    EpochRow {
        epoch: trained.epoch,
        train_loss: trained.seen.mean_loss(),
        train_accuracy: trained.seen.accuracy(),
        learning_rate: trained.rate,
        images_per_second: speed(trained.seen, trained.time),
        data_wait_percent: trained.data_wait(),
        seconds: trained.time.as_secs_f64(),
        validation_loss: validation.map(|validation| validation.seen.mean_loss()),
        validation_accuracy: validation.map(|validation| validation.seen.accuracy()),
        validation_macro_f1: validation.map(|validation| validation.macro_f1),
        validation_seconds: validation.map(|validation| validation.time.as_secs_f64()),
    }
}

fn validation<'a>(summary: &Summary, Judged { validation, tally }: &'a Judged) -> Validation<'a> {
    let mean = tally.mean_quality();
    let class = |class: usize| {
        let Quality { precision, recall, f1 } = tally.quality(class);
        let (images, predicted, right) = (tally.actual[class], tally.predicted[class], tally.right[class]);
        Class { class, name: summary.name(class), images, predicted, right, precision, recall, f1 }
    };
    let rows = |cells: &'a Vec<u64>| cells.chunks(tally.actual.len().max(1)).collect();
    Validation {
        epoch: validation.epoch,
        images: validation.seen.samples,
        accuracy: validation.seen.accuracy(),
        loss: validation.seen.mean_loss(),
        macro_precision: mean.precision,
        macro_recall: mean.recall,
        macro_f1: mean.f1,
        classes: tally.met().map(class).collect(),
        confusion: tally.confusion.as_ref().map(rows),
        mistakes: tally.mistakes.iter().map(mistake).collect(),
    }
}

fn mistake(mistake: &Mistake) -> MistakeRow<'_> {
    let Mistake { origin, actual, predicted, probability, loss, .. } = mistake;
    MistakeRow { image: origin, actual, predicted, probability: *probability, loss: *loss }
}
