//! The table for people.

use std::fmt::Write;

use super::table::{Origin, TABLE};

const OPENING: &str = "# Hyperparameters

Written from the table in `src/hyperparameters/table.rs`; after a change there, run
`BRAZIER_BLESS=1 cargo test -p brazier-sagemaker`.

Names, defaults and ranges are those of the built-in algorithm. Values are text, as the platform sends them:
`18`, `18.0`, `True`, `true`, `1`, `10,20` and `[10, 20]` all work, and `None`, `null` or nothing means unset.
What this version does not do yet is refused by name when a job asks for it: README.md, \"Not yet\".

| Name | Type | Default | Expects | Meaning |
| --- | --- | --- | --- | --- |
";

/// `HYPERPARAMETERS.md`, whole.
pub fn markdown() -> String {
    let mut page = OPENING.to_string();
    for row in TABLE {
        let default = if row.required { "**required**" } else { row.default.unwrap_or("unset") };
        let origin =
            if row.origin == Origin::Extension { " An addition to the built-in's names." } else { "" };
        let (name, type_name, kind, help) = (row.name, row.kind.type_name(), row.kind, row.help);
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{name}` | {type_name} | {default} | {kind} | {help}{origin} |");
    }
    page
}
