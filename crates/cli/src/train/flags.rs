//! One flag for each row of the hyperparameter table: `num_layers` is `--num-layers`.

use std::collections::BTreeMap;

use brazier_sagemaker::hyperparameters::TABLE;
use clap::{Arg, ArgMatches};

/// The flags, in the table's order.
pub fn all() -> impl Iterator<Item = Arg> {
    TABLE.iter().map(|row| {
        let default = row.default.map(|text| format!(" [default: {text}]")).unwrap_or_default();
        Arg::new(row.name)
            .long(row.name.replace('_', "-"))
            // The name in a SageMaker notebook, for those who paste it.
            .alias(row.name)
            .value_name(row.kind.type_name())
            .allow_hyphen_values(true)
            .help(format!("{}{default}", row.help))
            .help_heading("Hyperparameters (defaults of the container; DATASET has its own recipe)")
    })
}

/// What was given, by the table's name. Checking is the table's business.
pub fn given(arguments: &ArgMatches) -> BTreeMap<String, String> {
    let value = |name: &str| arguments.get_one::<String>(name).cloned();
    TABLE.iter().filter_map(|row| Some((row.name.to_owned(), value(row.name)?))).collect()
}
