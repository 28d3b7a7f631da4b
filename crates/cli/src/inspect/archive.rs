//! Files of a `model.tar.gz` or model folder, and the weights among them.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use brazier_checkpoint::archive::{self, Limits};
use brazier_model::artifact::Artifact;

use super::{Form, params};

/// Shows the files, what the model is, and its weights; with JSON the weights alone.
pub fn show(path: &Path, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    // A model folder may hold its own model.tar.gz, which is not worth reading to list the folder.
    let files = archive::select(path, &Limits::default(), |name| !name.ends_with(".tar.gz"))?;
    if !form.json {
        for (name, bytes) in &files {
            writeln!(out, "{name:<44} {:>12} bytes", bytes.len())?;
        }
    }
    let artifact = Artifact::read(files.clone()).with_context(|| path.display().to_string())?;
    if !form.json {
        describe(&artifact, out)?;
    }
    let weights = artifact.params_file();
    let bytes = files.get(weights).map_or(&[][..], Vec::as_slice);
    params::show(Path::new(weights), bytes, form, out)
}

fn describe(artifact: &Artifact, out: &mut dyn Write) -> std::io::Result<()> {
    let [channels, height, width] = artifact.shape;
    let (name, classes) = (artifact.layout.name(), artifact.layout.classes);
    writeln!(out, "{name}, images of {channels},{height},{width}, {classes} classes")?;
    let Some(metadata) = &artifact.metadata else {
        return writeln!(out, "no brazier.json: an artifact of the replaced algorithm");
    };
    writeln!(out, "written by brazier {}, epoch {}", metadata.brazier_version, metadata.epoch + 1)?;
    for (name, value) in &metadata.metrics {
        writeln!(out, "  {name} = {value:.6}")?;
    }
    match &metadata.class_names {
        Some(names) => writeln!(out, "  classes: {}", names.join(", ")),
        None => Ok(()),
    }
}
