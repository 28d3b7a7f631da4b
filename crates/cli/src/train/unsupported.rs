//! What the replaced algorithm takes and this version does not do yet: refused by name, never silently ignored.

use brazier_sagemaker::hyperparameters::{Hyperparameters, Precision};
use brazier_sagemaker::resources::Resources;

use crate::fault::client;

/// Refuses hyperparameters that would train something else than asked for.
///
/// # Errors
/// All of them in one sentence.
pub fn hyperparameters(job: &Hyperparameters) -> anyhow::Result<()> {
    let mut found = Vec::new();
    let mut refuse = |refused: bool, what: String, instead: &str| {
        if refused {
            found.push(format!("{what} is not available in this version, {instead}"));
        }
    };
    let precision = job.precision_dtype;
    refuse(precision != Precision::Float32, format!("precision_dtype={precision}"), "expected float32");
    refuse(job.use_pretrained_model, "use_pretrained_model=1".into(), "expected 0");
    refused(&found)
}

/// Refuses hosts that would not train together.
///
/// # Errors
/// How many there are.
pub fn hosts(resources: &Resources) -> anyhow::Result<()> {
    let mut found = Vec::new();
    if resources.world() > 1 {
        found.push(format!(
            "{} hosts: training on several hosts is not available in this version, expected instance_count=1",
            resources.world()
        ));
    }
    refused(&found)
}

fn refused(found: &[String]) -> anyhow::Result<()> {
    if found.is_empty() { Ok(()) } else { Err(client(found.join("; "))) }
}
