//! Training for a person: a folder in, a model and how to use it out.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use brazier_checkpoint::archive;
use brazier_data::{ChannelFiles, Damage, Options, channel, open};
use brazier_model::device::Choice;
use brazier_sagemaker::channels::Distribution;
use brazier_sagemaker::hyperparameters::{self, Hyperparameters, ResnetVersion};
use brazier_sagemaker::resources::Resources;
use brazier_storage::Location;
use brazier_train::report::{Report, Silent, Table, percent};
use brazier_train::run::Best;
use brazier_train::{Channels, Outcome};

use super::agree::agree;
use super::channels::{ClassCounts, Datasets};
use super::checkpoints::Asked;
use super::job::Folders;
use super::ranks::Ranks;
use super::recipe::Recipe;
use super::start::Start;
use super::{job, precision, pretrained, ranks, rehearsal, signals, start};
use crate::device;
use crate::fault::client;

const ROUNDS: &str = "Convolutions multiply bfloat16, which this processor does faster; sums and weights are float32. \
    --compute-dtype float32 multiplies float32.";

/// What a person asks for beside hyperparameters.
pub struct Request<'a> {
    /// The folder of the data set.
    pub dataset: &'a str,
    /// Where the model goes; unset: a new folder under `models`.
    pub output: Option<PathBuf>,
    /// A model whose weights are the first.
    pub from: Option<&'a Path>,
    /// Whether the job is cut short.
    pub rehearse: bool,
    /// Where the state of the run is kept.
    pub checkpoints: Asked,
    /// Where it computes, and with how many ranks.
    pub device: (Choice, Option<usize>),
}

/// Trains. `given` are the hyperparameters of the command line; the rest follows from the data.
pub fn run(request: Request, mut given: BTreeMap<String, String>) -> anyhow::Result<()> {
    let Request { dataset, output, from, rehearse, checkpoints, device } = request;
    let devices = device::for_training(device.0, device.1, checkpoints.folder(None).as_deref())?;
    let (stop, grace) = (signals::stop_flag()?, checkpoints.grace);
    let location = Location::parse(dataset)?;
    let folder = location.as_local()?;
    let (train, validation) = channels(folder)?;
    // What a damaged file does must be known before the data is looked at, which the other defaults follow from.
    let skips = given.get("damaged_samples").is_some_and(|text| text.eq_ignore_ascii_case("skip"));
    let damage = if skips { Damage::Skip } else { Damage::Fail };
    let train = Arc::new(open(&train, &Options { damage, ..Options::default() })?);
    let options = Options { damage, classes: train.class_names.as_deref(), ..Options::default() };
    let validation = validation.map(|files| open(&files, &options)).transpose()?.map(Arc::new);

    let mut start = from.map(Start::open).transpose()?;
    let mut warning = None;
    if let Some(start) = &start {
        warning = start.complete(&mut given);
        if !given.contains_key("match_classes") {
            given.entry("num_classes".to_owned()).or_insert(start.classes().to_string());
        }
    }
    let recipe = Recipe::of(&train, &given)?.on(&devices.devices[0], &given);
    let mut read = hyperparameters::parse(&given, &recipe.rows())?;
    start::check(start.as_ref(), &given, &mut read)?;
    let pretrained = read.use_pretrained_model.then(|| pretrained::start(&mut read, None)).transpose()?;
    let (pretrained, taken) = pretrained.unzip();
    let datasets = Datasets::new(train.into(), validation.map(Into::into), &read);
    let matched = start.as_mut().map(|start| start.match_classes(&datasets, &read)).transpose()?.flatten();
    let counts = datasets.check()?;
    let ranks = Ranks::find(&Resources::local(), devices.devices.len())?;
    let links = ranks.join(&read, rehearse, &devices)?;
    read.warnings.extend(warning.map(str::to_owned).into_iter().chain(matched));
    read.warnings.extend(precision::compute(&read, devices.kind).1.map(str::to_owned));
    let rounds = recipe.rounds() && !given.contains_key("compute_dtype");
    let goes_on = start.as_ref().map(|start| format!("Goes on from {}.", start.description()));
    let output = match output {
        // What is there is from before the run was cut off.
        Some(output) if checkpoints.goes_on() && !rehearse => output,
        // The first rank's alone is filled.
        output if !ranks.keep_the_model() => output.unwrap_or_default(),
        output => new_folder(output, folder)?,
    };
    let model = output.join("model");
    let checkpoints = checkpoints.checkpoints(None, &model, &read)?;
    let kept = ranks.keep_the_model().then(|| model.clone());
    let grace = signals::end_in_time(&stop, grace, kept, |text| tell(&mut io::stdout(), text))?;
    if ranks.keep_the_model() {
        fs::create_dir_all(&model)
            .map_err(|error| client(format!("cannot make {}: {error}", model.display())))?;
    }
    let (train, validation) = datasets.loaders(job::data_threads(), ranks.here)?;
    let channels = Channels { train: &train, validation: validation.as_ref() };
    let start = start.or(pretrained);
    let concluded = OnceLock::new();
    ranks::train(links, |number, collective| {
        let leads = ranks.keep_the_model() && number == 0;
        let replicated = [Distribution::FullyReplicated; 2];
        let (_, counts) = agree(&datasets, counts.clone(), replicated, &ranks, collective)?;
        let (hosts, device) = (ranks.place.world, (&devices.devices[number], devices.kind));
        let folders =
            Folders { model: model.clone(), report: output.clone(), checkpoints: checkpoints.clone() };
        let mut job = job::job(&read, hosts, &datasets, counts.as_ref(), start.clone(), folders, device)?;
        let mut out: Box<dyn Write> = if leads { Box::new(io::stdout()) } else { Box::new(io::sink()) };
        devices.lines().for_each(|text| tell(&mut out, &text));
        if rounds {
            tell(&mut out, ROUNDS);
        }
        goes_on.iter().chain(taken.iter().flatten()).for_each(|text| tell(&mut out, text));
        if leads {
            introduce(&mut out, &datasets, counts.as_ref(), &read);
        }
        if rehearse {
            tell(&mut out, &rehearsal::shorten(&mut job, ranks.world()));
        }
        let mut report: Box<dyn Report> =
            if leads { Box::new(Table::new(io::stdout())) } else { Box::new(Silent) };
        let outcome = brazier_train::run(&job, &channels, collective, report.as_mut(), &stop)?;
        if leads {
            // One rank leads.
            let _ = concluded.set(outcome);
        }
        Ok(())
    })?;
    drop(grace);
    let Some(outcome) = concluded.get() else { return Ok(()) };

    let mut out = io::stdout();
    conclude(&mut out, outcome, &model);
    let packed = output.join("model.tar.gz");
    archive::pack_folder(&model, &packed).context("the model is trained, but cannot be packed")?;
    tell(&mut out, &format!("Packed:    {}", packed.display()));
    Ok(())
}

/// `train` and `validation` under `folder`, with their lists if they have any; or the folder itself as `train`.
///
/// # Errors
/// A path that is no folder.
pub fn channels(folder: &Path) -> anyhow::Result<(ChannelFiles, Option<ChannelFiles>)> {
    if !folder.is_dir() {
        return Err(client(format!(
            "{} is not a folder: expected the folder of a data set",
            folder.display()
        )));
    }
    let below = |name: &str, directory: &str| {
        let list = folder.join(format!("{directory}_lst"));
        ChannelFiles {
            name: name.to_owned(),
            directory: folder.join(directory),
            list_directory: list.is_dir().then_some(list),
        }
    };
    if !folder.join("train").is_dir() {
        let whole = |name: &str| ChannelFiles {
            name: name.to_owned(),
            directory: folder.into(),
            list_directory: None,
        };
        // MNIST as it is published: four files in one folder, two of them for validation.
        let validation = channel::holds_two_idx_sets(folder)?.then(|| whole("validation"));
        return Ok((whole("train"), validation));
    }
    let validation = ["validation", "val", "valid"].into_iter().find(|name| folder.join(name).is_dir());
    Ok((below("train", "train"), validation.map(|directory| below("validation", directory))))
}

/// The folder asked for, which must be new or empty, or the first free `models/NAME`, `models/NAME-2`, …: a model that
/// took hours is never written over.
///
/// # Errors
/// A folder that holds something already.
pub fn new_folder(asked: Option<PathBuf>, dataset: &Path) -> anyhow::Result<PathBuf> {
    let is_free =
        |path: &Path| fs::read_dir(path).map_or(!path.exists(), |mut entries| entries.next().is_none());
    if let Some(asked) = asked {
        return match is_free(&asked) {
            true => Ok(asked),
            false => Err(client(format!(
                "{} is there already and is not an empty folder: expected a new one for --output",
                asked.display()
            ))),
        };
    }
    let name = dataset.canonicalize().ok();
    let name =
        name.as_deref().and_then(Path::file_name).map_or("model".into(), |name| name.to_string_lossy());
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut candidates =
        std::iter::once(name.to_string()).chain(numbered).map(|name| Path::new("models").join(name));
    candidates.find(|path| is_free(path)).ok_or_else(|| client("no free name under models"))
}

fn introduce(
    out: &mut impl Write,
    datasets: &Datasets,
    counts: Option<&ClassCounts>,
    read: &Hyperparameters,
) {
    let mut lines: Vec<String> = datasets.descriptions().collect();
    if datasets.validation.is_none() {
        lines.push("validation: none, so the last epoch's weights are kept".to_owned());
    }
    let version = if read.resnet_version == Some(ResnetVersion::V15) { " v1.5" } else { "" };
    lines.push(format!(
        "ResNet-{}{version} on images of {}, {} classes, {} epochs of {} images in batches of {}, learning rate {}, seed {}",
        read.num_layers,
        read.image_shape,
        read.num_classes,
        read.epochs,
        read.num_training_samples,
        read.mini_batch_size,
        read.learning_rate,
        read.seed
    ));
    lines.extend(counts.map(ToString::to_string));
    lines.extend(counts.into_iter().flat_map(ClassCounts::warnings));
    lines.extend(datasets.news().map(|text| format!("warning: {text}")));
    lines.extend(read.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.push(String::new());
    lines.iter().for_each(|line| tell(out, line));
}

fn conclude(out: &mut impl Write, outcome: &Outcome, model: &Path) {
    tell(out, "");
    if outcome.stopped {
        tell(out, &format!("Stopped by a signal after {} whole epochs.", outcome.epochs));
    }
    if let Some(Best { accuracy, epoch }) = outcome.best {
        tell(out, &format!("Best validation accuracy {:.2} %, of epoch {}.", accuracy * 100.0, epoch + 1));
    }
    let waited = percent(outcome.waited_for, outcome.trained_for);
    tell(out, &format!("Waited for data {waited:.2} % of the training time."));
    // What was typed to get here is what will work again: after `cargo run` the program is not on the path.
    let program = quoted(&std::env::args().next().unwrap_or_else(|| "brazier".into()));
    let folder = quoted(&model.display().to_string());
    tell(out, &format!("The model: {}", model.display()));
    tell(out, &format!("Ask it:    {program} predict --model {folder} IMAGE..."));
    tell(out, &format!("Serve it:  {program} serve --model {folder}"));
}

/// A word of a shell's command line.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn tell(out: &mut impl Write, line: &str) {
    // A reader that is gone does not end training.
    let _ = writeln!(out, "{line}");
}
