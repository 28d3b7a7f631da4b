//! The run as JSON.

use serde_json::{Map, Value, json};

use super::{Epoch, Judged, Summary};
use crate::report::speed;
use crate::tally::{Mistake, Tally};

/// Version of the file's layout.
const SCHEMA: u32 = 1;

/// The text of `report.json`. What is no number is null.
pub(super) fn json(summary: &Summary) -> String {
    let job = summary.job;
    let report = json!({
        "schema": SCHEMA,
        "brazier_version": env!("CARGO_PKG_VERSION"),
        "class_names": job.class_names,
        "hyperparameters": job.hyperparameters,
        "epochs": summary.epochs.iter().map(epoch).collect::<Vec<_>>(),
        "validation": summary.kept.as_ref().map(|judged| validation(summary, judged)),
    });
    format!("{report}\n")
}

fn epoch(epoch: &Epoch) -> Value {
    let trained = &epoch.trained;
    let mut row = Map::new();
    let mut set = |name: &str, value: Value| _ = row.insert(name.to_owned(), value);
    set("epoch", json!(trained.epoch));
    set("train_loss", json!(trained.seen.mean_loss()));
    set("train_accuracy", json!(trained.seen.accuracy()));
    set("learning_rate", json!(trained.rate));
    set("images_per_second", json!(speed(trained.seen, trained.time)));
    set("data_wait_percent", json!(trained.data_wait()));
    set("seconds", json!(trained.time.as_secs_f64()));
    if let Some(validation) = &epoch.validation {
        set("validation_loss", json!(validation.seen.mean_loss()));
        set("validation_accuracy", json!(validation.seen.accuracy()));
        set("validation_macro_f1", json!(validation.macro_f1));
        set("validation_seconds", json!(validation.time.as_secs_f64()));
    }
    Value::Object(row)
}

/// Of the weights that stay.
fn validation(summary: &Summary, Judged { validation, tally }: &Judged) -> Value {
    let mean = tally.mean_quality();
    json!({
        "epoch": validation.epoch,
        "images": validation.seen.samples,
        "accuracy": validation.seen.accuracy(),
        "loss": validation.seen.mean_loss(),
        "macro_precision": mean.precision,
        "macro_recall": mean.recall,
        "macro_f1": mean.f1,
        "classes": (0..tally.actual.len()).map(|class| of_class(summary, tally, class)).collect::<Vec<_>>(),
        "confusion": tally.confusion.as_ref().map(|cells| {
            cells.chunks(tally.actual.len().max(1)).map(<[u64]>::to_vec).collect::<Vec<_>>()
        }),
        "mistakes": tally.mistakes.iter().map(mistake).collect::<Vec<_>>(),
    })
}

fn of_class(summary: &Summary, tally: &Tally, class: usize) -> Value {
    let quality = tally.quality(class);
    json!({
        "class": class,
        "name": summary.name(class),
        "images": tally.actual[class],
        "predicted": tally.predicted[class],
        "right": tally.right[class],
        "precision": quality.precision,
        "recall": quality.recall,
        "f1": quality.f1,
    })
}

fn mistake(mistake: &Mistake) -> Value {
    json!({
        "image": mistake.origin,
        "classes": mistake.actual,
        "answer": mistake.predicted,
        "probability": mistake.probability,
        "loss": mistake.loss,
    })
}
