//! Training with data, checkpoints and artifact in S3, outside SageMaker, where nobody else moves the bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use brazier_sagemaker::resources::Resources;
use brazier_storage::Location;
use brazier_storage::s3::{Mirror, Place, Progress, S3Error, Store};
use tempfile::TempDir;

use super::local::{self, Request};
use super::ranks::Ranks;

/// Whether any of what is asked for lies in S3.
///
/// # Errors
/// Text that is no location.
pub fn is_asked(request: &Request) -> anyhow::Result<bool> {
    let output = request.output.as_deref().map(prefix).transpose()?.flatten();
    let from = request.from.map(prefix).transpose()?.flatten();
    let checkpoints = request.checkpoints.named_folder().map(prefix).transpose()?.flatten();
    let dataset = Place::prefix(&Location::parse(request.dataset)?);
    Ok(output.or(from).or(checkpoints).or(dataset).is_some())
}

/// Trains on a copy of what lies in S3. The artifact is made in a folder under `models`, as without S3, and taken to its
/// prefix in the end: what a failing network keeps from S3 is not lost.
///
/// # Errors
/// What S3 refuses, and what training ends with.
pub fn run(request: Request, given: BTreeMap<String, String>) -> anyhow::Result<()> {
    let store = Arc::new(Store::connect()?);
    let scratch = TempDir::with_prefix("brazier-").context("cannot make a temporary folder")?;
    let is_first = Ranks::find(&Resources::local(), 1)?.keep_the_model();
    let Request { dataset, output, from, rehearse, mut checkpoints, device } = request;

    let target = output.as_deref().map(prefix).transpose()?.flatten();
    if let Some(target) = target.as_ref().filter(|_| is_first && !checkpoints.is_named()) {
        refuse_a_used(&store, target)?;
    }
    let dataset = match Place::prefix(&Location::parse(dataset)?) {
        Some(place) => {
            let folder = scratch.path().join("data").join(last_name(&place));
            store.download(&place, &folder, &mut Progress::new(tell))?;
            folder.to_string_lossy().into_owned()
        }
        None => dataset.to_owned(),
    };
    let from = from.map(|path| model(&store, path, scratch.path())).transpose()?;
    let output = match &target {
        Some(_) if is_first => Some(local::new_folder(None, Path::new(&dataset))?),
        Some(_) => None,
        None => output,
    };
    let mirrored = checkpoints.named_folder().map(prefix).transpose()?.flatten();
    let mut mirror = None;
    if let Some(place) = mirrored {
        let folder = scratch.path().join("checkpoints");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if !checkpoints.is_fresh() {
            match store.download(&place, &folder, &mut Progress::new(tell)) {
                Ok(_) | Err(S3Error::NothingThere { .. }) => (),
                Err(error) => return Err(error.into()),
            }
        }
        checkpoints = checkpoints.in_folder(folder.clone());
        if is_first {
            mirror = Some(Mirror::start(Arc::clone(&store), folder, place, tell)?);
        }
    }

    let made = output.clone();
    let request = Request { dataset: &dataset, output, from: from.as_deref(), rehearse, checkpoints, device };
    let trained = local::run(request, given);
    // The state of a run that failed is what the next one goes on from.
    let mirrored = mirror.map_or(Ok(()), Mirror::end);
    trained?;
    mirrored?;
    if let (Some(made), Some(target), true) = (made, target, is_first) {
        store.upload(&made, &target, &mut Progress::new(tell)).with_context(|| {
            format!("the model is trained and stays in {}, but cannot be uploaded", made.display())
        })?;
    }
    Ok(())
}

/// The prefix that a path of the command line names, if it is in S3.
fn prefix(path: &Path) -> anyhow::Result<Option<Place>> {
    Ok(Place::prefix(&Location::parse(&path.to_string_lossy())?))
}

/// A model that took hours is never written over.
fn refuse_a_used(store: &Store, target: &Place) -> anyhow::Result<()> {
    match store.list(target)?.into_iter().next() {
        Some(object) => Err(S3Error::NotEmpty { place: target.to_string(), name: object.name }.into()),
        None => Ok(()),
    }
}

/// A model to go on from, here: an archive, or a prefix with its files.
fn model(store: &Store, path: &Path, scratch: &Path) -> anyhow::Result<PathBuf> {
    let location = Location::parse(&path.to_string_lossy())?;
    let Some(place) = Place::object(&location) else { return Ok(path.to_owned()) };
    if place.key.ends_with(".tar.gz") {
        let file = scratch.join("model.tar.gz");
        store.download_file(&place, &file, &mut Progress::new(tell))?;
        return Ok(file);
    }
    let folder = scratch.join("model");
    store.download(&Place::prefix(&location).unwrap_or(place), &folder, &mut Progress::new(tell))?;
    Ok(folder)
}

/// What a prefix is called, for the name of the model's folder.
fn last_name(place: &Place) -> &str {
    let name = place.key.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty());
    name.filter(|name| *name != "..").unwrap_or(&place.bucket)
}

fn tell(line: &str) {
    // A reader that is gone does not end training.
    let _ = writeln!(io::stdout(), "{line}");
}
