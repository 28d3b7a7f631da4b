//! Training inside a container: `/opt/ml` in, `/opt/ml` out.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use brazier_collective::Collective;
use brazier_model::device::{Choice, Selection};
use brazier_sagemaker::banner;
use brazier_sagemaker::channels::{self, Channel};
use brazier_sagemaker::failure::{self, Fault};
use brazier_sagemaker::hyperparameters::{self, Hyperparameters};
use brazier_sagemaker::log::{Level, line};
use brazier_sagemaker::paths::Paths;
use brazier_sagemaker::place::Place;
use brazier_sagemaker::resources::Resources;
use brazier_train::Channels;
use brazier_train::report::Log;
use brazier_train::run::Best;

use super::agree::agree;
use super::channels::{ClassCounts, Datasets, distributions, open_channel, searched};
use super::checkpoints::Asked;
use super::job::Folders;
use super::start::Start;
use super::{job, precision, pretrained, ranks, rehearsal, signals, start};
use crate::device;
use crate::fault::{self, client};
use crate::panics;

/// Trains the job under `paths`; `overrides` go before `hyperparameters.json`. A failure is told in the log and in
/// `output/failure`, which the platform shows as the job's `FailureReason`. `rehearse` cuts the job short.
pub fn run(
    paths: &Paths,
    overrides: BTreeMap<String, String>,
    rehearse: bool,
    asked: Asked,
    device: Choice,
) -> anyhow::Result<()> {
    let result = panics::caught(|| train(paths, overrides, rehearse, asked, device));
    if let Err(error) = &result
        && paths.prefix().is_dir()
    {
        let (fault, message) = (fault::of(error), fault::message(error));
        let told = match fault {
            Fault::Client => "Customer Error",
            Fault::Algorithm => "Algorithm Error",
            Fault::Platform => "Platform Error",
        };
        say(Level::Error, &format!("{told}: {message}"));
        if let Err(error) = failure::write(paths, fault, &message) {
            say(Level::Error, &format!("{}: cannot be written: {error}", paths.failure().display()));
        }
    }
    result
}

fn train(
    paths: &Paths,
    overrides: BTreeMap<String, String>,
    rehearse: bool,
    asked: Asked,
    device: Choice,
) -> anyhow::Result<()> {
    let stop = signals::stop_flag()?;
    if !paths.prefix().join("input").is_dir() {
        let prefix = paths.prefix().display();
        let meant = "to train on a folder of images, name it: brazier train DATASET";
        return Err(client(format!(
            "{prefix} holds no 'input' folder, so it is not a container's tree; {meant}"
        )));
    }
    paths.create_outputs()?;
    let devices = device::for_training(device)?;
    devices.told.iter().for_each(|text| say(Level::Info, text));
    devices.warnings.iter().for_each(|text| say(Level::Warning, text));
    let given = hyperparameters(paths, overrides)?;
    let inputs = channels::read(paths)?;
    let start = channels::find(&inputs, "model").map(|model| Start::open(&model.path)).transpose()?;
    let mut read = parse(given, start.as_ref())?;
    let channel = channels::find(&inputs, "pretrained").map(|channel| channel.path.as_path());
    let pretrained = read.use_pretrained_model.then(|| pretrained::start(&mut read, channel)).transpose()?;
    let (pretrained, taken) = pretrained.unzip();
    taken.flatten().iter().for_each(|text| say(Level::Info, text));
    let place = ranks::place(&Resources::read(paths)?)?;
    if place.world > 1 {
        say(
            Level::Info,
            &format!("Rank {} of {}, waiting for the others at {}", place.rank, place.world, place.master),
        );
    }
    let model = (place.rank == 0).then(|| paths.model());
    let _grace = signals::end_in_time(&stop, asked.grace, model, |text| say(Level::Warning, text))?;
    let mut collective = ranks::join(&place, &read, rehearse)?;
    let job = Ready { paths, read, inputs, start, pretrained, place, rehearse, asked, devices };
    let result = together(job, collective.as_mut(), &stop);
    result.inspect_err(|error| collective.abort(&failure::text(fault::of(error), &fault::message(error))))
}

/// A job whose ranks have found each other.
struct Ready<'a> {
    paths: &'a Paths,
    read: Hyperparameters,
    inputs: Vec<Channel>,
    start: Option<Start>,
    pretrained: Option<Start>,
    place: Place,
    rehearse: bool,
    asked: Asked,
    devices: Selection,
}

/// Trains with the other ranks, if there are any.
fn together(ready: Ready, collective: &mut dyn Collective, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let Ready { paths, read, inputs, mut start, pretrained, place, rehearse, asked, devices } = ready;
    for (folder, ending) in ["train", "validation"].iter().filter_map(|name| searched(&inputs, name)) {
        say(Level::Info, &format!("Searching for .{ending} files in {}.", folder.display()));
    }
    let train = open_channel(&inputs, "train", None, &read, stop)?;
    let validation = open_channel(&inputs, "validation", Some(&train), &read, stop)?;
    let datasets = Datasets::new(train, Some(validation), &read).sharded(&inputs);
    let matched = start.as_mut().map(|start| start.match_classes(&datasets, &read)).transpose()?.flatten();
    matched.iter().for_each(|text| say(Level::Warning, text));
    let counts = check(&datasets)?;
    let (images, counts) = agree(&datasets, counts, distributions(&inputs), &place, collective)?;
    tell(images, counts.as_ref(), &read);

    let threads = job::data_threads();
    let model = start.as_ref().map(Start::description);
    banner::initialization(&read, model.as_deref()).iter().for_each(|text| say(Level::Info, text));
    banner::parameters(&read, place.world).iter().for_each(|text| say(Level::Info, text));
    say(Level::Info, &banner::threads(threads));

    let checkpoints = asked.checkpoints(paths.checkpoints()?, &paths.model(), &read)?;
    let folders = Folders { model: paths.model(), report: paths.output_data(), checkpoints };
    let mut job = job::job(
        &read,
        place.world,
        &datasets,
        counts.as_ref(),
        start.or(pretrained),
        folders,
        &devices.devices[0],
    )?;
    if rehearse {
        say(Level::Warning, &rehearsal::shorten(&mut job, place.world));
    }
    let (train, validation) = datasets.loaders(threads)?;
    let channels = Channels { train: &train, validation: validation.as_ref() };
    let mut log = Log::new(io::stdout(), || line(Level::Info, ""), read.top_k);
    let outcome = brazier_train::run(&job, &channels, collective, &mut log, stop)?;
    if let Some(Best { accuracy, epoch }) = outcome.best {
        say(Level::Info, &format!("Best validation accuracy: {accuracy:.6} in epoch {epoch}"));
    }
    if outcome.stopped {
        let whose = if place.rank == 0 { "the model folder" } else { "that of rank 0" };
        say(Level::Warning, &format!("Stopped by a signal; the model so far is in {whose}."));
    }
    Ok(())
}

/// What was asked for, told as the built-in algorithm tells it.
fn hyperparameters(
    paths: &Paths,
    overrides: BTreeMap<String, String>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let path = paths.hyperparameters();
    let given = hyperparameters::read(paths)?;
    if given.is_none() {
        say(Level::Warning, &format!("{} does not exist, taken as empty.", path.display()));
    }
    let mut given = given.unwrap_or_default();
    given.extend(overrides);
    let source = format!("brazier {}", env!("CARGO_PKG_VERSION"));
    banner::configuration(&given, &path, &source).iter().for_each(|text| say(Level::Info, text));
    Ok(given)
}

/// Checks what was asked for, by itself and against the model that the job goes on from.
fn parse(mut given: BTreeMap<String, String>, start: Option<&Start>) -> anyhow::Result<Hyperparameters> {
    let warning = start.and_then(|start| start.complete(&mut given));
    say(Level::Info, &banner::final_configuration(&given));
    let mut read = hyperparameters::parse(&given, &[])?;
    start::check(start, &given, &mut read)?;
    let warnings = read.warnings.iter().map(String::as_str).chain(warning).chain(precision::compute(&read).1);
    warnings.for_each(|text| say(Level::Warning, text));
    Ok(read)
}

/// Checks what the channels hold. Answers the training images of each class, unless they come through a pipe.
fn check(datasets: &Datasets) -> anyhow::Result<Option<ClassCounts>> {
    datasets.descriptions().for_each(|text| say(Level::Info, &text));
    let counts = datasets.check()?;
    datasets.news().for_each(|text| say(Level::Warning, &text));
    Ok(counts)
}

/// Tells what the training channel holds on all hosts together, where it is known.
fn tell(images: Option<usize>, counts: Option<&ClassCounts>, read: &Hyperparameters) {
    if let Some(counts) = counts {
        say(Level::Info, &counts.to_string());
        counts.warnings().iter().for_each(|text| say(Level::Warning, text));
    }
    let given = read.num_training_samples;
    if let Some(found) = images.filter(|&found| found != given) {
        let text = format!("num_training_samples is {given}, but the train channel holds {found} images.");
        say(Level::Warning, &text);
    }
}

fn say(level: Level, text: &str) {
    // Whoever reads the log may be gone; the job goes on.
    let _ = writeln!(io::stdout(), "{}", line(level, text));
}
