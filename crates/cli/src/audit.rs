//! `brazier audit`: a data set examined before it is trained on.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process;

use brazier_data::ChannelFiles;
use brazier_data::audit::{Audit, Options, Report};
use brazier_image::{InputShape, Limits};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::unless_closed;
use crate::train::local;

/// The exit code of a data set with errors; of 2 and above are channels that cannot be opened.
const FAULTY: i32 = 1;

/// The command line of `audit`.
pub fn command() -> Command {
    let folder = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id).value_name(name).value_parser(value_parser!(PathBuf)).help(help)
    };
    Command::new("audit")
        .about("Examine a data set before training: every image decoded, every label checked")
        .long_about(
            "Decodes every image and checks every label, list and record file; finds images that are there twice, or \
             in training and in validation. Nothing stops it: all faults are collected.\n\n\
             Exits with 1 if there are errors, with 0 if there are warnings or nothing, with 2 if a channel cannot \
             be opened at all.",
        )
        .arg(
            folder("channel", "CHANNEL", "Folder of a data set with train and validation, or one channel's own folder")
                .required(true),
        )
        .arg(folder("validation", "DIR", "Folder of the validation channel").long("validation"))
        .arg(folder("lists", "DIR", "Folder of CHANNEL's .lst files, if they do not lie in it").long("lists"))
        .arg(
            folder("validation-lists", "DIR", "Folder of the validation channel's .lst files")
                .long("validation-lists"),
        )
        .arg(
            Arg::new("num-classes")
                .long("num-classes")
                .value_name("N")
                .value_parser(value_parser!(u64).range(1..=1 << 24))
                .help("Labels run from 0 to N - 1 [default: what the training channel has]"),
        )
        .arg(
            Arg::new("image-shape")
                .long("image-shape")
                .value_name("C,H,W")
                .value_parser(value_parser!(InputShape))
                .help("Count images smaller than this [default: 224 x 224, unless all have one size]"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("One JSON object with every finding, instead of text for people"),
        )
}

/// Audits. Ends the program itself if the data has errors: that is an answer, not a failure.
pub fn run(arguments: &ArgMatches) -> anyhow::Result<()> {
    let Some(channel) = arguments.get_one::<PathBuf>("channel") else { return Ok(()) };
    let path = |id: &str| arguments.get_one::<PathBuf>(id).cloned();
    let (mut train, found) = local::channels(channel)?;
    train.list_directory = path("lists").or(train.list_directory);
    let validation = path("validation").map(|directory| ChannelFiles {
        name: "validation".to_owned(),
        directory,
        list_directory: None,
    });
    let validation = validation.or(found).map(|files| ChannelFiles {
        list_directory: path("validation-lists").or(files.list_directory),
        ..files
    });
    let options = Options {
        num_classes: arguments.get_one::<u64>("num-classes").copied(),
        shape: arguments.get_one::<InputShape>("image-shape").copied(),
        limits: Limits::default(),
    };
    let report = examine(Audit::open(&train, validation.as_ref())?, &options);
    unless_closed(print(&report, arguments.get_flag("json")))?;
    if report.errors.is_empty() {
        return Ok(());
    }
    process::exit(FAULTY);
}

/// Runs the audit, with a bar on the terminal if there is one.
fn examine(audit: Audit, options: &Options) -> Report {
    let bar = if io::stderr().is_terminal() {
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(Some(audit.samples() as u64), target);
        ProgressStyle::with_template(" {bar:30} {pos}/{len} samples, {eta} left")
            .map_or(bar.clone(), |style| bar.with_style(style))
    } else {
        ProgressBar::hidden()
    };
    let report = audit.run(options, &|| bar.inc(1));
    bar.finish_and_clear();
    report
}

fn print(report: &Report, as_json: bool) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        serde_json::to_writer(&mut out, report)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{report}")?;
    }
    Ok(out.flush()?)
}
