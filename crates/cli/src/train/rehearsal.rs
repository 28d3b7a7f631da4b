//! A job cut short: everything as it was asked for, but two steps of two images.

use brazier_train::Job;

/// Steps of the only epoch, batches of its evaluation, and images of each.
const STEPS: usize = 2;
const IMAGES: usize = 2;

/// Shortens `job` on `ranks` ranks, whose network, optimizer and rates stay. Says what is left of it.
pub fn shorten(job: &mut Job, ranks: usize) -> String {
    let steps = job.samples_per_epoch / job.batch.max(1);
    let (batch, kept_steps) = (job.batch.min(IMAGES * ranks), steps.min(STEPS));
    let text = format!(
        "Rehearsal: 1 of {} epochs, {kept_steps} of {steps} steps, {batch} of {} images a step, and as little of the validation channel.",
        job.epochs, job.batch
    );
    (job.epochs, job.batch, job.samples_per_epoch) = (1, batch, batch * kept_steps);
    job.gradient_accumulation = job.gradient_accumulation.min(batch);
    job.evaluation_batches = Some(STEPS);
    job.checkpoints = None;
    // So that nobody takes the model for one that has learned; the underscore keeps it out of a job's hyperparameters.
    job.hyperparameters.insert("_rehearsal".to_owned(), "1".to_owned());
    text
}
