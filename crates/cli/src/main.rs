//! The binary `brazier`: one file per command, nothing else.
//!
//! - [`train`]: from a container's `/opt/ml` or from a data set's folder to an artifact
//! - [`serve`]: an artifact behind `/ping` and `/invocations`
//! - [`predict`]: an artifact asked on the command line
//! - [`im2rec`]: image folders to lists and record files, as MXNet's tool of that name
//! - [`inspect`]: what is in a `.rec`, `.lst`, `.params`, symbol or `model.tar.gz`
//! - [`audit`]: a data set examined before training
//! - [`preview`]: what the network will see of it, as pictures
//! - [`export`]: an artifact in the form of another program
//! - [`device`]: the flag `--device`
//! - `allocator`: the process's memory; [`privileges`]: its rights
//! - [`fault`]: from an error to whose fault it is, and so to the exit code
//! - [`panics`]: a defect of ours, told as an error; [`output`]: standard output that is closed early
//!
//! Not here: anything a command does beyond reading arguments, joining crates and printing. This is the one crate
//! where `sagemaker` meets the rest.

use std::process::ExitCode;

use brazier_sagemaker::failure::Fault;
use clap::Command;

mod allocator;
mod audit;
mod device;
mod export;
mod fault;
mod im2rec;
mod inspect;
mod output;
mod panics;
mod predict;
mod preview;
mod privileges;
mod serve;
mod train;

/// The exit code of a wrong command line. Source: `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    panics::install();
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // A reader that is gone cannot be told anything.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let result = panics::caught(|| match matches.subcommand() {
        Some(("train", arguments)) => train::run(arguments),
        Some(("serve", arguments)) => serve::run(arguments),
        Some(("predict", arguments)) => predict::run(arguments),
        Some(("inspect", arguments)) => inspect::run(arguments),
        Some(("im2rec", arguments)) => im2rec::run(arguments),
        Some(("audit", arguments)) => audit::run(arguments),
        Some(("preview", arguments)) => preview::run(arguments),
        Some(("export", arguments)) => export::run(arguments),
        _ => Ok(()),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let fault = fault::of(&error);
            eprintln!("brazier: {}", fault::message(&error));
            if fault == Fault::Algorithm {
                eprintln!("This is a defect of brazier, not of your data: please report it.");
            }
            ExitCode::from(fault.exit_code())
        }
    }
}

fn command() -> Command {
    Command::new("brazier")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Trains image classifiers and serves them; takes the place of SageMaker's Image Classification - MXNet")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(train::command())
        .subcommand(serve::command())
        .subcommand(predict::command())
        .subcommand(inspect::command())
        .subcommand(im2rec::command())
        .subcommand(audit::command())
        .subcommand(preview::command())
        .subcommand(export::command())
}
