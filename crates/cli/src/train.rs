//! `brazier train`: the container's entry and a person's, one engine.

mod agree;
mod channels;
mod checkpoints;
mod container;
mod flags;
mod job;
pub mod local;
mod precision;
mod pretrained;
mod ranks;
mod recipe;
mod rehearsal;
mod remote;
mod signals;
mod start;
mod version;

use std::io::{self, Write};
use std::path::PathBuf;

use brazier_sagemaker::environment;
use brazier_sagemaker::metrics::METRICS;
use brazier_sagemaker::paths::Paths;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::json;

use self::checkpoints::Asked;
use crate::output::unless_closed;
use crate::{device, privileges};

/// The command line of `train`.
pub fn command() -> Command {
    Command::new("train")
        .about("Train a classifier")
        .long_about(
            "Without DATASET: what a SageMaker container does. Reads input/config and input/data under /opt/ml, \
             writes model, and output/failure if it fails.\n\n\
             With DATASET: for people. The folder holds train and validation (each with .rec files, .lst files and \
             images, or one folder per class), or one folder per class itself. Classes, sample counts and the image \
             shape are found out; any hyperparameter can be given.",
        )
        .arg(
            Arg::new("dataset")
                .value_name("DATASET")
                .value_parser(value_parser!(String))
                .help("Folder of a data set, or s3://bucket/prefix; left out inside a container"),
        )
        .arg(
            Arg::new("prefix")
                .long("prefix")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with("dataset")
                .help("Root of the container's tree, instead of /opt/ml"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .requires("dataset")
                .help("New folder or s3://bucket/prefix for model/ and model.tar.gz [default: models/NAME, numbered]"),
        )
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("MODEL")
                .value_parser(value_parser!(PathBuf))
                .requires("dataset")
                .help("Go on from the weights of this model, a folder or a model.tar.gz, here or in s3://; a job does it with the channel model"),
        )
        .arg(
            Arg::new("rehearse")
                .long("rehearse")
                .action(ArgAction::SetTrue)
                .help("Take everything as it is but train only two steps of two images: shows soon, on any machine, that a job starts, reads its data and writes its files"),
        )
        .arg(
            Arg::new("metric-definitions")
                .long("metric-definitions")
                .action(ArgAction::SetTrue)
                .exclusive(true)
                .help("Print the metric_definitions of an Estimator or HyperparameterTuner as JSON, and do nothing else"),
        )
        .arg(device::flag())
        .arg(
            Arg::new("ranks")
                .long("ranks")
                .value_name("N")
                .value_parser(value_parser!(u16).range(1..=256))
                .help("Trainer threads on this host, which share the images of every step [default: one for each device]"),
        )
        .args(checkpoints::flags())
        .args(flags::all())
}

/// Trains.
pub fn run(arguments: &ArgMatches) -> anyhow::Result<()> {
    if arguments.get_flag("metric-definitions") {
        return unless_closed(metric_definitions(&mut io::stdout().lock()));
    }
    privileges::give_up(None);
    let (given, rehearse) = (flags::given(arguments), arguments.get_flag("rehearse"));
    let ranks = arguments.get_one::<u16>("ranks").map(|&ranks| usize::from(ranks));
    if let Some(dataset) = arguments.get_one::<String>("dataset") {
        let path = |name: &str| arguments.get_one::<PathBuf>(name);
        let request = local::Request {
            dataset,
            output: path("output").cloned(),
            from: path("from").map(PathBuf::as_path),
            rehearse,
            checkpoints: Asked::of(arguments)?,
            device: (device::choice(arguments), ranks),
        };
        if remote::is_asked(&request)? {
            return remote::run(request, given);
        }
        return local::run(request, given);
    }
    let prefix = arguments.get_one::<PathBuf>("prefix").cloned();
    let paths = Paths::new(&prefix.unwrap_or_else(|| environment::process().base_directory()));
    container::run(&paths, given, rehearse, Asked::of(arguments)?, (device::choice(arguments), ranks))
}

/// A list to paste into a notebook, one metric a line.
fn metric_definitions(out: &mut impl Write) -> anyhow::Result<()> {
    let line = |(name, regex): &(&str, &str)| format!("    {}", json!({"Name": name, "Regex": regex}));
    let lines: Vec<String> = METRICS.iter().map(line).collect();
    writeln!(out, "[\n{}\n]", lines.join(",\n"))?;
    Ok(())
}
