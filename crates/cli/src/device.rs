//! `--device`: where a command computes.

use std::io::{self, Write};
use std::path::Path;

use brazier_model::device::{Choice, Kind, Selection, select};
use clap::{Arg, ArgMatches, value_parser};

use crate::fault::client;

const NAME: &str = "device";

/// The flag.
pub fn flag() -> Arg {
    Arg::new(NAME)
        .long(NAME)
        .value_name("DEVICE")
        .value_parser(value_parser!(Choice))
        .help("auto, cpu, cuda, cuda:0 (one GPU by its number) or ndarray; auto takes the GPUs if they can be used, else the CPU")
}

/// What was asked for.
pub fn choice(arguments: &ArgMatches) -> Choice {
    arguments.get_one::<Choice>(NAME).copied().unwrap_or_default()
}

/// The devices, for the commands that have no log: what there is to know of them goes to standard error.
///
/// # Errors
/// A device that cannot be had.
pub fn told(arguments: &ArgMatches) -> anyhow::Result<Selection> {
    let selection = selected(choice(arguments))?;
    // A reader that is gone cannot be told anything.
    selection.lines().for_each(|text| drop(writeln!(io::stderr(), "brazier: {text}")));
    Ok(selection)
}

/// The devices of a choice, one for each of `ranks`, or each of them for one rank. Several ranks share the processor; a GPU is one rank's alone. What is compiled
/// for GPUs is kept in the folder `kernels`, if there is one.
///
/// # Errors
/// A device that cannot be had; more ranks than GPUs.
pub fn for_training(
    choice: Choice,
    ranks: Option<usize>,
    kernels: Option<&Path>,
) -> anyhow::Result<Selection> {
    #[cfg(feature = "cuda")]
    kernels.iter().for_each(|folder| brazier_model::device::kernels::keep(folder));
    #[cfg(not(feature = "cuda"))]
    let _ = kernels;
    let mut selection = selected(choice)?;
    let Some(ranks) = ranks else { return Ok(selection) };
    let (count, kind) = (selection.devices.len(), selection.kind);
    if matches!(kind, Kind::Gpu(_)) && ranks > count {
        return Err(client(format!("--ranks {ranks}: found {count} GPUs, expected as many ranks or fewer")));
    }
    selection.devices = selection.devices.iter().cycle().take(ranks).cloned().collect();
    selection.numbers.truncate(ranks);
    Ok(selection)
}

/// The devices of a choice.
///
/// # Errors
/// A device that cannot be had: the user's, who named it.
fn selected(choice: Choice) -> anyhow::Result<Selection> {
    select(choice).map_err(|error| client(error.to_string()))
}
