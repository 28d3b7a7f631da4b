//! Where a run stood when its state was saved, and the tensors of that state.

use std::io::Write;
use std::path::Path;

use brazier_checkpoint::state;
use brazier_train::checkpoint::State;
use serde_json::json;

use super::Form;
use super::digest::sha256;
use crate::fault::client;

/// Shows what the run was and where it stood, then its sections; with JSON the sections alone.
pub fn show(path: &Path, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let (state, sections) = state::read::<State>(path).map_err(|error| client(error.to_string()))?;
    if form.json {
        for (name, bytes) in &sections {
            writeln!(out, "{}", json!({"name": name, "bytes": bytes.len(), "sha256": sha256(bytes)}))?;
        }
        return Ok(());
    }
    for (name, value) in &state.identity {
        writeln!(out, "{name:<24} {value}")?;
    }
    let position = &state.position;
    writeln!(out, "{:<24} {}, {} steps done", "epoch", position.epoch, position.step)?;
    writeln!(
        out,
        "{:<24} {:.1} s",
        "trained for",
        (state.outcome.trained_for + position.time).as_secs_f64()
    )?;
    if let Some(best) = state.outcome.best {
        writeln!(out, "{:<24} {:.6} in epoch {}", "best accuracy", best.accuracy, best.epoch)?;
    }
    for kept in &state.weights {
        writeln!(out, "{:<24} {}, {} bytes", "weights", kept.file, kept.bytes)?;
    }
    let bytes: usize = sections.values().map(Vec::len).sum();
    writeln!(out, "{}: whole, {} sections, {bytes} bytes", path.display(), sections.len())?;
    Ok(())
}
