//! Training inside a container: `/opt/ml` in, `/opt/ml` out.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use brazier_collective::Collective;
use brazier_data::Loader;
use brazier_model::device::{Choice, Kind, Selection};
use brazier_sagemaker::banner;
use brazier_sagemaker::channels::{self, Channel};
use brazier_sagemaker::failure::{self, Fault};
use brazier_sagemaker::hyperparameters::{self, Hyperparameters};
use brazier_sagemaker::log::{Level, line};
use brazier_sagemaker::paths::Paths;
use brazier_sagemaker::resources::Resources;
use brazier_train::Channels;
use brazier_train::report::{Log, Report, Silent};
use brazier_train::run::Best;

use super::agree::agree;
use super::channels::{ClassCounts, Datasets, distributions, open_channel, searched};
use super::checkpoints::Asked;
use super::job::Folders;
use super::ranks::Ranks;
use super::start::Start;
use super::{job, precision, pretrained, ranks, rehearsal, signals, start};
use crate::device;
use crate::fault::{self, client};
use crate::panics;

/// Trains the job under `paths`; `overrides` go before `hyperparameters.json`. A failure is told in the log and in
/// `output/failure`, which the platform shows as the job's `FailureReason`. `rehearse` cuts the job short; it computes on
/// the devices of a choice, with so many ranks.
pub fn run(
    paths: &Paths,
    overrides: BTreeMap<String, String>,
    rehearse: bool,
    asked: Asked,
    device: (Choice, Option<usize>),
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
    (device, ranks): (Choice, Option<usize>),
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
    let resources = Resources::read(paths)?;
    choose_network(&resources);
    // The platform keeps one folder for all hosts: two must not write the same file.
    let folder = asked.folder(paths.checkpoints()?).filter(|_| resources.rank == 0);
    let devices = device::for_training(device, ranks, folder.as_deref())?;
    devices.told.iter().for_each(|text| say(Level::Info, text));
    devices.warnings.iter().for_each(|text| say(Level::Warning, text));
    let given = hyperparameters(paths, overrides)?;
    let inputs = channels::read(paths)?;
    let start = channels::find(&inputs, "model").map(|model| Start::open(&model.path)).transpose()?;
    let mut read = parse(given, start.as_ref(), devices.kind)?;
    let channel = channels::find(&inputs, "pretrained").map(|channel| channel.path.as_path());
    let pretrained = read.use_pretrained_model.then(|| pretrained::start(&mut read, channel)).transpose()?;
    let (pretrained, taken) = pretrained.unzip();
    taken.flatten().iter().for_each(|text| say(Level::Info, text));
    let ranks = Ranks::find(&resources, devices.devices.len())?;
    ranks.told().iter().for_each(|text| say(Level::Info, text));
    let model = ranks.keep_the_model().then(|| paths.model());
    let _grace = signals::end_in_time(&stop, asked.grace, model, |text| say(Level::Warning, text))?;
    let mut links = ranks.join(&read, rehearse, &devices)?;
    let job = Asks { paths, read, inputs, start, pretrained, ranks, rehearse, asked, devices };
    let host = Host::prepare(job, &stop).inspect_err(|error| ranks::abort(&mut links, error))?;
    ranks::train(links, |number, link| host.train(number, link, &stop))
}

/// Which network the GPUs of several hosts use.
#[cfg(feature = "cuda")]
#[expect(unsafe_code, reason = "NCCL is told by environment variables")]
fn choose_network(resources: &Resources) {
    if resources.world() > 1 {
        // SAFETY: the program has started no thread yet; the first are those of the devices.
        let set = unsafe { brazier_collective::nccl::choose_network(resources.network_interface.as_deref()) };
        set.iter().for_each(|text| say(Level::Info, &format!("Network of the GPUs: {text}")));
    }
}

#[cfg(not(feature = "cuda"))]
fn choose_network(_resources: &Resources) {}

/// A job whose ranks have found each other.
struct Asks<'a> {
    paths: &'a Paths,
    read: Hyperparameters,
    inputs: Vec<Channel>,
    start: Option<Start>,
    pretrained: Option<Start>,
    ranks: Ranks,
    rehearse: bool,
    asked: Asked,
    devices: Selection,
}

/// What the ranks of this host share. The first of them tells the log.
struct Host<'a> {
    job: Asks<'a>,
    datasets: Datasets,
    counts: Option<ClassCounts>,
    threads: usize,
    loaders: (Loader, Option<Loader>),
}

impl<'a> Host<'a> {
    /// Opens the channels and looks at what they hold.
    fn prepare(mut job: Asks<'a>, stop: &Arc<AtomicBool>) -> anyhow::Result<Self> {
        let Asks { read, inputs, start, ranks, .. } = &mut job;
        for (folder, ending) in ["train", "validation"].iter().filter_map(|name| searched(inputs, name)) {
            say(Level::Info, &format!("Searching for .{ending} files in {}.", folder.display()));
        }
        let train = open_channel(inputs, "train", None, read, stop)?;
        let validation = open_channel(inputs, "validation", Some(&train), read, stop)?;
        let datasets = Datasets::new(train, Some(validation), read).sharded(inputs);
        let matched = start.as_mut().map(|start| start.match_classes(&datasets, read)).transpose()?.flatten();
        matched.iter().for_each(|text| say(Level::Warning, text));
        let counts = check(&datasets)?;
        let threads = job::data_threads();
        let loaders = datasets.loaders(threads, ranks.here)?;
        Ok(Host { job, datasets, counts, threads, loaders })
    }

    /// Trains one of our ranks with all the others.
    fn train(
        &self,
        number: usize,
        collective: &mut dyn Collective,
        stop: &Arc<AtomicBool>,
    ) -> anyhow::Result<()> {
        let Asks { paths, read, inputs, start, pretrained, ranks, rehearse, asked, devices } = &self.job;
        let hosts = ranks.place.world;
        let say = |level, text: &str| {
            if number == 0 {
                say(level, text);
            }
        };
        let (datasets, counts) = (&self.datasets, self.counts.clone());
        let (images, counts) = agree(datasets, counts, distributions(inputs), ranks, collective)?;
        tell(images, counts.as_ref(), read, say);
        let model = start.as_ref().map(Start::description);
        banner::initialization(read, model.as_deref()).iter().for_each(|text| say(Level::Info, text));
        banner::parameters(read, hosts).iter().for_each(|text| say(Level::Info, text));
        say(Level::Info, &banner::threads(self.threads));

        let checkpoints = asked.clone().checkpoints(paths.checkpoints()?, &paths.model(), read)?;
        let folders = Folders { model: paths.model(), report: paths.output_data(), checkpoints };
        let start = start.as_ref().or(pretrained.as_ref()).cloned();
        let device = (&devices.devices[number], devices.kind);
        let mut job = job::job(read, hosts, datasets, counts.as_ref(), start, folders, device)?;
        if *rehearse {
            say(Level::Warning, &rehearsal::shorten(&mut job, ranks.world()));
        }
        let (train, validation) = &self.loaders;
        let channels = Channels { train, validation: validation.as_ref() };
        let mut report: Box<dyn Report> = match number {
            0 => Box::new(Log::new(io::stdout(), || line(Level::Info, ""), read.top_k)),
            _ => Box::new(Silent),
        };
        let outcome = brazier_train::run(&job, &channels, collective, report.as_mut(), stop)?;
        if let Some(Best { accuracy, epoch }) = outcome.best {
            say(Level::Info, &format!("Best validation accuracy: {accuracy:.6} in epoch {epoch}"));
        }
        if outcome.stopped {
            let whose = if ranks.keep_the_model() { "the model folder" } else { "that of rank 0" };
            say(Level::Warning, &format!("Stopped by a signal; the model so far is in {whose}."));
        }
        Ok(())
    }
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
fn parse(
    mut given: BTreeMap<String, String>,
    start: Option<&Start>,
    kind: Kind,
) -> anyhow::Result<Hyperparameters> {
    let warning = start.and_then(|start| start.complete(&mut given));
    say(Level::Info, &banner::final_configuration(&given));
    let mut read = hyperparameters::parse(&given, &[])?;
    start::check(start, &given, &mut read)?;
    let warnings =
        read.warnings.iter().map(String::as_str).chain(warning).chain(precision::compute(&read, kind).1);
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
fn tell(
    images: Option<usize>,
    counts: Option<&ClassCounts>,
    read: &Hyperparameters,
    say: impl Fn(Level, &str),
) {
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
