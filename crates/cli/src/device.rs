//! `--device`: where a command computes.

use std::io::{self, Write};

use brazier_model::device::{Choice, Selection, select};
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

/// The devices of a choice, for training: which uses one of them so far.
///
/// # Errors
/// A device that cannot be had.
pub fn for_training(choice: Choice) -> anyhow::Result<Selection> {
    let mut selection = selected(choice)?;
    let count = selection.devices.len();
    if count > 1 {
        let text =
            format!("training uses the first of {count} GPUs; --device cuda:N takes the one of that number");
        selection.warnings.push(text);
    }
    Ok(selection)
}

/// The devices of a choice.
///
/// # Errors
/// A device that cannot be had: the user's, who named it.
fn selected(choice: Choice) -> anyhow::Result<Selection> {
    select(choice).map_err(|error| client(error.to_string()))
}
