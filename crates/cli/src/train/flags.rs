//! One flag for each row of the hyperparameter table: `num_layers` is `--num-layers`.

use std::collections::BTreeMap;

use brazier_sagemaker::hyperparameters::TABLE;
use clap::{Arg, ArgAction, ArgMatches};

/// The short form of `--shuffle False`.
const NO_SHUFFLE: &str = "no_shuffle";

/// The flags, in the table's order.
pub fn all() -> impl Iterator<Item = Arg> {
    let no_shuffle = Arg::new(NO_SHUFFLE)
        .long("no-shuffle")
        .action(ArgAction::SetTrue)
        .conflicts_with("shuffle")
        .help("Take the samples as they are stored, like --shuffle False");
    let rows = TABLE.iter().map(|row| {
        let default = row.default.map(|text| format!(" [default: {text}]")).unwrap_or_default();
        Arg::new(row.name)
            .long(row.name.replace('_', "-"))
            // The name in a SageMaker notebook, for those who paste it.
            .alias(row.name)
            .value_name(row.kind.type_name())
            .allow_hyphen_values(true)
            .help(format!("{}{default}", row.help))
            .help_heading("Hyperparameters (defaults of the container; DATASET has its own recipe)")
    });
    rows.chain([no_shuffle])
}

/// What was given, by the table's name. Checking is the table's business.
pub fn given(arguments: &ArgMatches) -> BTreeMap<String, String> {
    let value = |name: &str| arguments.get_one::<String>(name).cloned();
    let mut given: BTreeMap<_, _> =
        TABLE.iter().filter_map(|row| Some((row.name.to_owned(), value(row.name)?))).collect();
    if arguments.get_flag(NO_SHUFFLE) {
        given.insert("shuffle".to_owned(), "False".to_owned());
    }
    given
}
