//! The weights of `use_pretrained_model`: MXNet's or torchvision's, from the channel `pretrained` or the image.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use brazier_checkpoint::archive::{self, Limits};
use brazier_model::artifact::{PARAMS_ENDING, TENSORS_ENDING, Weights};
use brazier_model::layout::{Output, Stem};
use brazier_model::{Architecture, Layout};
use brazier_sagemaker::environment;
use brazier_sagemaker::hyperparameters::Hyperparameters;

use super::start::Start;
use super::version;
use crate::fault::client;

/// The model that a job starts from, with the weights in `channel`, or else in the image. A pretrained network has the
/// large stem, whatever the image's height. A job that does not say its `resnet_version` gets that of the weights, and a
/// line that says so if it is not the usual one.
///
/// # Errors
/// Weights that are not there, or of another depth or version.
pub fn start(read: &mut Hyperparameters, channel: Option<&Path>) -> anyhow::Result<(Start, Option<String>)> {
    if read.image_shape.channels != 3 {
        return Err(client(format!(
            "use_pretrained_model=1 starts from weights for colour images: image_shape is {}, expected 3 channels",
            read.image_shape
        )));
    }
    let baked = environment::process().pretrained_directory();
    let folder = channel.unwrap_or(&baked);
    let weights = weights(folder, read)?.ok_or_else(|| {
        client(format!(
            "use_pretrained_model=1 finds no .params or .safetensors file in {}: expected MXNet's .params of a ResNet-{layers}, \
             torchvision's or timm's .safetensors of one, or a model.tar.gz of this algorithm, in a channel 'pretrained' or in \
             the image's {} (BRAZIER_PRETRAINED names another folder); nothing is downloaded",
            folder.display(),
            baked.display(),
            layers = read.num_layers
        ))
    })?;
    let (file, found) = (weights.file().to_owned(), weights.architecture());
    let asked = read.resnet_version.map(|version| version::architecture(Some(version)));
    if let Some(asked) = asked.filter(|&asked| asked != found) {
        return Err(client(format!(
            "resnet_version is {asked}, the weights in {file} are those of {found}: expected resnet_version={found}, or left \
             out, or {}",
            match asked {
                Architecture::V2 => "MXNet's weights in a .params file",
                Architecture::V15 => "torchvision's or timm's in a .safetensors file",
            }
        )));
    }
    let taken = asked.is_none() && found != Architecture::V2;
    let line = taken.then(|| {
        read.resnet_version = Some(version::of(found));
        format!("resnet_version is {found}, that of the weights in {file}.")
    });
    let shape = [read.image_shape.channels, read.image_shape.height, read.image_shape.width];
    let shape = shape.map(|extent| extent as usize);
    let output = if read.multi_label { Output::Logistic } else { Output::Softmax };
    let layout = Layout::resnet(read.num_layers, shape, read.num_classes)?.with_architecture(found)?;
    let layout = layout.with_stem(Stem::Large).with_output(output);
    Ok((Start::of(weights.into_artifact(layout, shape, read.seed)?), line))
}

/// The file of weights in a folder, in the folders in it, as those of timm's models, or in its `model.tar.gz`: the only one
/// of the form that the job asks for, or of any, or that whose name tells the depth, as MXNet's `resnet-50-0000.params`.
/// `None` where there is none.
fn weights(folder: &Path, read: &Hyperparameters) -> anyhow::Result<Option<Weights>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut found = names(folder, "")?;
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        if let Some(name) = path.file_name().and_then(OsStr::to_str).filter(|_| path.is_dir()) {
            found.extend(names(&path, &format!("{name}/"))?);
        }
    }
    let packed = folder.join("model.tar.gz");
    if found.is_empty() && packed.is_file() {
        found = names(&packed, "")?;
    }
    let ending = match version::architecture(read.resnet_version) {
        Architecture::V2 => PARAMS_ENDING,
        Architecture::V15 => TENSORS_ENDING,
    };
    if found.keys().any(|name| name.ends_with(ending)) {
        found.retain(|name, _| name.ends_with(ending));
    }
    if found.len() > 1 {
        let layers = read.num_layers.to_string();
        let tells = |name: &str| name.split(|c: char| !c.is_ascii_digit()).any(|number| number == layers);
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        let several = format!(
            "{} holds {}: expected one file of weights, or one whose name says {layers}, as resnet-{layers}-0000.params or \
             resnet{layers}.safetensors",
            folder.display(),
            names.join(", ")
        );
        found.retain(|name, _| tells(name));
        if found.len() != 1 {
            return Err(client(several));
        }
    }
    let Some((name, place)) = found.into_iter().next() else { return Ok(None) };
    let own = name.rsplit('/').next().unwrap_or(&name);
    let bytes = archive::select(&place, &Limits::default(), |found| found == own)?.remove(own);
    Ok(bytes.map(|bytes| Weights::read(name, &bytes)).transpose()?)
}

/// The files of weights in a folder or an archive by name, which `before` begins, and where they are. Their content can wait:
/// an image may hold those of every depth.
fn names(place: &Path, before: &str) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let names = RefCell::new(BTreeMap::new());
    archive::select(place, &Limits::default(), |name| {
        if Weights::are_in(name) {
            names.borrow_mut().insert(format!("{before}{name}"), place.to_owned());
        }
        false
    })?;
    Ok(names.into_inner())
}
